/* SPDX-License-Identifier: MIT */
#ifndef PROBE_MEMORY_H
#define PROBE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Memory of the probe that stands, or is to stand, behind a mapping. */
struct memory {
	void *address; /* NULL when there is none of that size */
	size_t bytes;
	bool reusable; /* touched and accessible as a whole: the next mapping of that size may have it */
};

/* Kinds of memory, in the order of their names. */
enum memory_kind {
	MEMORY_PRIVATE,   /* anonymous, touched */
	MEMORY_UNTOUCHED, /* the same, never touched */
	MEMORY_READ_ONLY, /* never touched, and not writable */
	MEMORY_NONE,      /* not even readable */
	MEMORY_SHARED,    /* of a memfd */
	MEMORY_FILE,      /* of a file whose writing back the kernel keeps track of: a RAM disk */
	MEMORY_HUGE,      /* huge pages of 2 MiB */
	MEMORY_DEVICE,    /* registers of the device that was opened first: BAR 0 */
};
extern const char *const memory_kind_names[];

/* Memory of `size` bytes for a mapping; sets errno when there is none. */
struct memory memory_take(uint64_t size, enum memory_kind kind);
/* Makes the page of that number inaccessible; false when it isn't part of the memory. */
bool memory_pierce(struct memory *memory, uint64_t page);
void memory_free(struct memory memory);

/* Keeps memory for as long as the mapping of [iova, iova + size) in that container lives. */
void memory_keep(struct memory memory, uint64_t container, uint64_t iova, uint64_t size);

/* Frees the memory of the container's mappings that lie wholly inside [start, last]. */
void memory_drop(uint64_t container, uint64_t start, uint64_t last);
void memory_drop_all(void);

#endif
