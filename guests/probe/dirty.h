/* SPDX-License-Identifier: MIT */
#ifndef PROBE_DIRTY_H
#define PROBE_DIRTY_H

#include <linux/vfio.h>

#include "call.h"
#include "request.h"

struct call *prepare_dirty(const struct request *request);
struct call *prepare_dirty_get(const struct request *request);

/* What may be said of a bitmap: the page size, its bytes, how many of them are there, an address instead of it. */
#define BITMAP_OPTIONS                                                                                      \
	{ .name = "pgsize", .most = UINT64_MAX, .value = 4096 }, { .name = "bitmap", .most = UINT64_MAX },  \
		{ .name = "accessible", .most = 512u << 20 }, { .name = "data", .most = UINT64_MAX }
#define BITMAP_OPTION_COUNT 4

/* A bitmap for the kernel to fill, behind which no byte can be written. */
struct bitmap {
	struct vfio_bitmap described;
	__u64 *words; /* NULL when an address was given */
	uint64_t there; /* bytes that are accessible */
	uint64_t iova;
	void *mapped;
	size_t mapped_bytes;
};

/* From BITMAP_OPTIONS, for a range; answers `bad` and returns false when there is no memory for it. */
bool bitmap_make(struct bitmap *bitmap, const struct option *options, uint64_t iova, uint64_t size);
/* `dirty=`: the addresses whose bits are set, of a range of that size. */
void reply_dirty(const struct bitmap *bitmap, uint64_t size);
void bitmap_free(struct bitmap *bitmap);

#endif
