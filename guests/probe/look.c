// SPDX-License-Identifier: MIT
/* Looking at memory after a device had access to it. */
#include "look.h"

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

/* What has become of a byte that isn't what it was. */
static void look_at_byte(const struct mapped *mapped, uint64_t offset, bool is_meant, const struct transfer *transfer,
			 struct finding *finding)
{
	uint64_t iova = mapped->iova + offset;
	uint8_t byte = ((uint8_t *)mapped->memory.address)[offset];
	bool has_arrived = is_meant && is_inside(transfer, iova) && byte == transfer_byte(transfer->number, iova);

	spans_add(has_arrived ? &finding->arrived : &finding->strays, iova, iova, mapped->name);
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
		for (uint64_t offset = index * WORD; offset < (index + 1) * WORD; offset++)
			if (((uint8_t *)words)[offset] != content_byte(mapped->content, offset))
				look_at_byte(mapped, offset, is_meant, transfer, finding);
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

void look_at_read(const struct transfer *transfer, uint64_t offset, const uint8_t *bytes, size_t count,
		  struct finding *finding)
{
	const struct mapped *mapped = NULL;

	for (size_t i = 0; i < count; i++) {
		uint64_t iova = transfer->iova + offset + i;

		if (!i || iova % PAGE == 0)
			mapped = mapped_at(transfer->container, iova);
		if (!bytes[i])
			continue;
		bool is_right = mapped && mapped->content &&
				bytes[i] == content_byte(mapped->content, iova - mapped->iova);

		spans_add(is_right ? &finding->arrived : &finding->strays, iova, iova, mapped ? mapped->name : "");
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
