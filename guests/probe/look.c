// SPDX-License-Identifier: MIT
/* Looking at memory after a device had access to it. */
#include "look.h"

#include <string.h>

#include "content.h"
#include "memory.h"
#include "reply.h"

#define PAGE 4096ull
#define WORD sizeof(uint64_t)

/* Whether no newer mapping of the same container has taken that address. */
static bool has_address(const struct mapped *mapped, uint64_t iova)
{
	for (const struct mapped *newer = memory_newest(); newer != mapped; newer = newer->older)
		if (newer->reached && newer->container == mapped->container && iova >= newer->iova && iova <= newer->last)
			return false;
	return true;
}

static bool is_inside(const struct transfer *transfer, uint64_t iova)
{
	return iova - transfer->iova < transfer->size;
}

/* Whether the transfer has all bytes of the word, which then arrives as a whole or not at all: pages end with words. */
static bool has_word(const struct transfer *transfer, uint64_t iova)
{
	return is_inside(transfer, iova) && is_inside(transfer, iova + WORD - 1);
}

/* What has become of a word that isn't what it was; `is_meant` says that the transfer may have changed it. */
static void look_at_word(const struct mapped *mapped, uint64_t index, bool is_meant, const struct transfer *transfer,
			 struct finding *finding)
{
	const uint8_t *bytes = (const uint8_t *)mapped->memory.address + index * WORD;
	uint64_t iova = mapped->iova + index * WORD;
	uint64_t content = content_word(mapped->content, index);
	uint64_t brought = transfer_word(transfer->number, iova / WORD);
	bool is_whole = has_word(transfer, iova);
	bool has_come = is_meant && (!is_whole || !memcmp(bytes, &brought, WORD));

	for (uint64_t i = 0; i < WORD; i++) {
		bool has_arrived = has_come && is_inside(transfer, iova + i) && bytes[i] == byte_of(brought, i);

		if (bytes[i] != byte_of(content, i))
			spans_add(has_arrived ? &finding->arrived : &finding->strays, iova + i, iova + i, mapped->name);
	}
}

static void look_at_page(struct mapped *mapped, uint64_t page, const struct transfer *transfer,
			 struct finding *finding)
{
	uint64_t first = page * PAGE / WORD;
	uint64_t *words = mapped->memory.address;
	bool is_meant = mapped->reached && mapped->container == transfer->container &&
			has_address(mapped, mapped->iova + page * PAGE);

	for (uint64_t index = first; index < first + PAGE / WORD; index++) {
		uint64_t content = content_word(mapped->content, index);

		if (words[index] == content)
			continue;
		look_at_word(mapped, index, is_meant, transfer, finding);
		words[index] = content;
	}
}

void look_for_written(const struct transfer *transfer, struct finding *finding)
{
	for (struct mapped *mapped = memory_newest(); mapped; mapped = mapped->older)
		for (uint64_t page = 0; mapped->content && page < mapped->memory.bytes / PAGE; page++)
			look_at_page(mapped, page, transfer, finding);
}

/* The newest mapping with that address. */
static const struct mapped *mapped_at(uint64_t container, uint64_t iova)
{
	for (const struct mapped *mapped = memory_newest(); mapped; mapped = mapped->older)
		if (mapped->reached && mapped->container == container && iova >= mapped->iova && iova <= mapped->last)
			return mapped;
	return NULL;
}

/* What a device has read of a word, or of the part of it that the transfer has. */
static void look_at_read_word(const struct transfer *transfer, uint64_t iova, const uint8_t *bytes, size_t count,
			      struct finding *finding)
{
	const struct mapped *mapped = mapped_at(transfer->container, iova);
	uint64_t content = mapped && mapped->content ? content_word(mapped->content, (iova - mapped->iova) / WORD) : 0;
	bool is_right = content;

	for (size_t i = 0; i < count; i++)
		is_right = is_right && bytes[i] == byte_of(content, (iova + i) % WORD);
	for (size_t i = 0; i < count; i++)
		if (bytes[i])
			spans_add(is_right ? &finding->arrived : &finding->strays, iova + i, iova + i,
				  mapped ? mapped->name : "nothing");
}

void look_at_read(const struct transfer *transfer, uint64_t offset, const uint8_t *bytes, size_t count,
		  struct finding *finding)
{
	uint64_t iova = transfer->iova + offset;

	for (size_t i = 0, part; i < count; i += part) {
		part = WORD - (iova + i) % WORD;
		part = part < count - i ? part : count - i;
		look_at_read_word(transfer, iova + i, bytes + i, part, finding);
	}
}

void command_watch(const struct request *request)
{
	(void)request;
	memory_watch();
	reply_ok();
}

/* In a child: a transfer that its parent has had done. */
void command_look(const struct request *request)
{
	struct transfer transfer;
	struct finding finding = { 0 };

	if (!number_argument(request, 0, "the transfer", &transfer.number) ||
	    !number_argument(request, 1, "the container", &transfer.container) ||
	    !number_argument(request, 2, "the IOVA", &transfer.iova) ||
	    !number_argument(request, 3, "the size", &transfer.size))
		return;
	look_for_written(&transfer, &finding);
	reply_ok();
	reply_finding("landed", &finding);
}
