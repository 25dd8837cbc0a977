// SPDX-License-Identifier: MIT
/*
 * The memory behind mappings. A record outlives the handle of its container, because the kernel keeps pages pinned for
 * as long as a group is attached, whoever has closed what.
 */
#include "memory.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fatal.h"

/* Bigger memory is not touched: such mappings are there to be refused, and the guest is small. */
#define TOUCHED_MOST (64ull << 20)

/*
 * Pinning more than the guest has would kill process 1, that is, panic. So memory of more than half of it can't be
 * accessed: whatever refuses the mapping before it is pinned is not changed by that, and instead of dying, a kernel
 * that comes as far as pinning it answers EFAULT.
 */
static int protection(uint64_t size)
{
	uint64_t half = (uint64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / 2;

	return size > half ? PROT_NONE : PROT_READ | PROT_WRITE;
}

struct record {
	struct record *next;
	struct memory memory;
	uint64_t container;
	uint64_t iova;
	uint64_t last;
};

/* Newest first: what was mapped last is most often unmapped next. */
static struct record *records;

/* At least a page, so that the size is the only thing wrong with a mapping of no bytes. */
static size_t round_up(uint64_t size)
{
	uint64_t page = sysconf(_SC_PAGESIZE);

	if (size > SIZE_MAX - page)
		return 0;
	return size ? (size + page - 1) / page * page : page;
}

struct memory memory_take(uint64_t size)
{
	/* Populating for writing gives every page a frame of its own, never the shared zero page. */
	int how = size <= TOUCHED_MOST ? MAP_POPULATE : MAP_NORESERVE;
	struct memory memory = { .bytes = round_up(size) };

	memory.address = mmap(NULL, memory.bytes, protection(size), MAP_PRIVATE | MAP_ANONYMOUS | how, -1, 0);
	if (memory.address == MAP_FAILED)
		memory.address = NULL;
	return memory;
}

void memory_free(struct memory memory)
{
	if (memory.address)
		munmap(memory.address, memory.bytes);
}

void memory_keep(struct memory memory, uint64_t container, uint64_t iova, uint64_t size)
{
	struct record *record = malloc(sizeof(*record));

	if (!record)
		die("no memory to remember a mapping");
	*record = (struct record){ records, memory, container, iova, iova + size - 1 };
	records = record;
}

static void drop(struct record **link)
{
	struct record *record = *link;

	*link = record->next;
	memory_free(record->memory);
	free(record);
}

void memory_drop(uint64_t container, uint64_t start, uint64_t last)
{
	for (struct record **link = &records; *link;) {
		struct record *record = *link;

		if (record->container == container && record->iova >= start && record->last <= last)
			drop(link);
		else
			link = &record->next;
	}
}

void memory_drop_all(void)
{
	while (records)
		drop(&records);
}
