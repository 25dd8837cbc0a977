/* SPDX-License-Identifier: MIT */
#ifndef PROBE_MEMORY_H
#define PROBE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Memory of the probe that stands, or is to stand, behind a mapping. */
struct memory {
	void *address; /* NULL when there is none of that size */
	size_t bytes;
};

/* Memory for a mapping of `size` bytes. */
struct memory memory_take(uint64_t size);
void memory_free(struct memory memory);

/* Keeps memory for as long as the mapping of [iova, iova + size) in that container lives. */
void memory_keep(struct memory memory, uint64_t container, uint64_t iova, uint64_t size);

/* Frees the memory of the container's mappings that lie wholly inside [start, last]. */
void memory_drop(uint64_t container, uint64_t start, uint64_t last);
void memory_drop_all(void);

#endif
