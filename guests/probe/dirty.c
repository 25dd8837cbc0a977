// SPDX-License-Identifier: MIT
/* VFIO_IOMMU_DIRTY_PAGES, and the bitmaps that it and UNMAP_DMA fill. */
#define _GNU_SOURCE
#include "dirty.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "handles.h"
#include "reply.h"

#define PAGE 4096ull
#define WORD_BITS 64

/* Bits for the pages of a range, in whole words; the sum can't overflow, whatever the size. */
static uint64_t bytes_for(uint64_t size)
{
	uint64_t pages = size / PAGE + !!(size % PAGE);

	return (pages / WORD_BITS + !!(pages % WORD_BITS)) * sizeof(uint64_t);
}

/* No kernel takes a bitmap as big as this; such a one is only described. */
#define BITMAP_MOST (512ull << 20)

bool bitmap_make(struct bitmap *bitmap, const struct option *options, uint64_t iova, uint64_t size)
{
	const struct option *pgsize = &options[0], *bytes = &options[1], *accessible = &options[2], *data = &options[3];
	size_t page = sysconf(_SC_PAGESIZE);
	uint64_t described = bytes->given ? bytes->value : bytes_for(size);
	uint64_t there = accessible->given ? accessible->value : described;

	*bitmap = (struct bitmap){ .iova = iova, .there = there };
	bitmap->described = (struct vfio_bitmap){ .pgsize = pgsize->value, .size = described };
	if (data->given || there > BITMAP_MOST) {
		bitmap->described.data = (void *)(uintptr_t)data->value;
		return true;
	}
	/* What is behind the last accessible byte can't be reached: a write too far is an error of the call. */
	size_t readable = (there + page - 1) / page * page;

	bitmap->mapped_bytes = readable + page;
	bitmap->mapped = mmap(NULL, bitmap->mapped_bytes, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (bitmap->mapped == MAP_FAILED || mprotect((char *)bitmap->mapped + readable, page, PROT_NONE)) {
		reply_bad("no memory for a bitmap:", strerror(errno));
		return false;
	}
	bitmap->words = (__u64 *)((char *)bitmap->mapped + readable - there);
	bitmap->described.data = bitmap->words;
	return true;
}

/* The words in which a bit may be set: those of the range, and one more into which a kernel might spill. */
static uint64_t words_of(const struct bitmap *bitmap, uint64_t size)
{
	uint64_t all = bitmap->there / sizeof(uint64_t);
	uint64_t wanted = bytes_for(size) / sizeof(uint64_t) + 1;

	return all < wanted ? all : wanted;
}

static bool is_dirty(const struct bitmap *bitmap, uint64_t page)
{
	return bitmap->words[page / WORD_BITS] >> page % WORD_BITS & 1;
}

static void dirty_ranges(struct text *text, const struct bitmap *bitmap, uint64_t pages)
{
	const char *separator = "";

	for (uint64_t page = 0; page < pages; page++) {
		uint64_t first = page;

		while (page < pages && is_dirty(bitmap, page))
			page++;
		if (page == first)
			continue;
		text_string(text, separator);
		text_range(text, bitmap->iova + first * PAGE, bitmap->iova + page * PAGE - 1);
		separator = ",";
	}
	if (!*separator)
		text_char(text, '-');
}

void reply_dirty(const struct bitmap *bitmap, uint64_t size)
{
	if (bitmap->words)
		dirty_ranges(reply_value("dirty"), bitmap, words_of(bitmap, size) * WORD_BITS);
}

void bitmap_free(struct bitmap *bitmap)
{
	if (bitmap->mapped)
		munmap(bitmap->mapped, bitmap->mapped_bytes);
}

static bool dirty_flags(const struct request *request, int index, uint64_t *flags)
{
	const char *word = request->argument[index];

	if (!strcmp(word, "start"))
		*flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START;
	else if (!strcmp(word, "stop"))
		*flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP;
	else
		return number_up_to(request, index, "flags", UINT32_MAX, flags);
	return true;
}

/* Should the flags ask for a bitmap, its description is read from behind the structure: all zeroes, or what is asked. */
struct dirty {
	struct call call;
	struct {
		struct vfio_iommu_type1_dirty_bitmap head;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} request;
	struct bitmap bitmap;
};

static struct dirty *new_dirty(const struct handle *container, uint32_t flags, uint32_t argsz)
{
	struct dirty *dirty = call_new(sizeof(*dirty), container->fd, VFIO_IOMMU_DIRTY_PAGES);

	dirty->request.head = (struct vfio_iommu_type1_dirty_bitmap){ .argsz = argsz, .flags = flags };
	dirty->call.argument = (uintptr_t)&dirty->request;
	return dirty;
}

struct call *prepare_dirty(const struct request *request)
{
	struct option argsz = { .name = "argsz", .most = UINT32_MAX, .value = sizeof(struct vfio_iommu_type1_dirty_bitmap) };
	const struct handle *container = handle_argument(request, 0, CONTAINER);
	uint64_t flags;

	if (!container || !dirty_flags(request, 1, &flags) || !read_options(request, 2, &argsz, 1))
		return NULL;
	return &new_dirty(container, flags, argsz.value)->call;
}

static void answer_dirty_get(struct call *call)
{
	const struct dirty *dirty = (const struct dirty *)call;

	reply_result(call->error);
	if (!call->error)
		reply_dirty(&dirty->bitmap, dirty->request.get.size);
}

static void release_dirty_get(struct call *call)
{
	bitmap_free(&((struct dirty *)call)->bitmap);
}

struct call *prepare_dirty_get(const struct request *request)
{
	struct option options[] = {
		BITMAP_OPTIONS,
		{ .name = "argsz", .most = UINT32_MAX, .value = sizeof(((struct dirty *)NULL)->request) },
	};
	const struct handle *container = handle_argument(request, 0, CONTAINER);
	uint64_t iova, size;
	struct bitmap bitmap;

	if (!container || !number_argument(request, 1, "the IOVA", &iova) ||
	    !number_argument(request, 2, "the size", &size) ||
	    !read_options(request, 3, options, BITMAP_OPTION_COUNT + 1) || !bitmap_make(&bitmap, options, iova, size))
		return NULL;

	struct dirty *dirty = new_dirty(container, VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
					options[BITMAP_OPTION_COUNT].value);

	dirty->request.get.iova = iova;
	dirty->request.get.size = size;
	dirty->request.get.bitmap = bitmap.described;
	dirty->bitmap = bitmap;
	dirty->call.answer = answer_dirty_get;
	dirty->call.release = release_dirty_get;
	return &dirty->call;
}
