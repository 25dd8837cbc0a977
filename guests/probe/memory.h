/* SPDX-License-Identifier: MIT */
#ifndef PROBE_MEMORY_H
#define PROBE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handles.h"

/* Memory of the probe that stands, or is to stand, behind a mapping. */
struct memory {
	void *address; /* NULL when there is none of that size */
	size_t bytes;
	bool reusable; /* touched and accessible as a whole: the next mapping of that size may have it */
	bool writable; /* by the probe, as a whole, without a change of what is behind it */
	bool shared;   /* with children */
};

/* Kinds of memory, in the order of their names. */
enum memory_kind {
	MEMORY_PRIVATE,     /* anonymous, touched */
	MEMORY_UNTOUCHED,   /* the same, never touched */
	MEMORY_READ_ONLY,   /* never touched, and not writable */
	MEMORY_NONE,        /* not even readable */
	MEMORY_SHARED,      /* of a memfd */
	MEMORY_FILE,        /* of a file whose writing back the kernel keeps track of: a RAM disk */
	MEMORY_HUGE,        /* huge pages of 2 MiB */
	MEMORY_SCATTERED,   /* of a memfd whose pages are out of order, so that no two are neighbours in the guest's memory */
	MEMORY_DEVICE,      /* registers of the device that was opened first: BAR 0 */
	MEMORY_TRANSPARENT, /* anonymous, of huge pages that are transparent: the kernel may split them */
};
extern const char *const memory_kind_names[];

/* Memory of `size` bytes for a mapping; sets errno when there is none. */
struct memory memory_take(uint64_t size, enum memory_kind kind);
/* Makes the page of that number inaccessible; false when it isn't part of the memory. */
bool memory_pierce(struct memory *memory, uint64_t page);
void memory_free(struct memory memory);

/*
 * Before a fork: memory that a child has a copy of is no good for mappings. Old kernels (5.10) pin such a page for reading as it
 * is, and whoever writes to it next gets another one.
 */
void memory_prepare_fork(void);

/* Memory behind a mapping, or, while memory is watched, behind one that is gone. */
struct mapped {
	struct mapped *older;
	struct memory memory;
	uint64_t container; /* its serial */
	char name[32];      /* of the container */
	bool reached;       /* by devices; memory that VADDR gives isn't */
	uint64_t iova;
	uint64_t last;
	uint64_t content; /* number of its contents; 0 where they aren't known */
};

/* Keeps memory for as long as the mapping of [iova, iova + size) in that container lives. */
struct mapped *memory_keep(struct memory memory, const struct handle *container, uint64_t iova, uint64_t size);

/* Frees the memory of the container's mappings that lie wholly inside [start, last]. */
void memory_drop(uint64_t container, uint64_t start, uint64_t last);
void memory_drop_all(void);

/* From now on, memory has contents that are known, and stays when its mapping goes: devices may still reach it. */
void memory_watch(void);

/* In a new child: what it shares with its parent is the parent's. */
void memory_leave_shared(void);

/* The newest; `older` leads to the others. */
struct mapped *memory_newest(void);

#endif
