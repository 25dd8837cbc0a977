// SPDX-License-Identifier: MIT
/* VFIO_IOMMU_MAP_DMA and VFIO_IOMMU_UNMAP_DMA. */
#include "mapping.h"

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "dirty.h"
#include "handles.h"
#include "memory.h"
#include "reply.h"

/* `r`, `w`, `rw`, `-` for none, or a number that goes to the kernel as it is. */
static bool map_flags(const struct request *request, int index, uint64_t *flags)
{
	const char *word = request->argument[index];

	if (!strcmp(word, "r"))
		*flags = VFIO_DMA_MAP_FLAG_READ;
	else if (!strcmp(word, "w"))
		*flags = VFIO_DMA_MAP_FLAG_WRITE;
	else if (!strcmp(word, "rw"))
		*flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	else if (!strcmp(word, "-"))
		*flags = 0;
	else
		return number_up_to(request, index, "flags", UINT32_MAX, flags);
	return true;
}

/* Which of map's options is which. */
enum { MAP_VADDR, MAP_MEMORY, MAP_PIERCED, MAP_ARGSZ, MAP_OPTIONS };

/*
 * The memory that the request asks for. Of private memory there may be none of that size: then the address is 0, the one
 * from which no size wraps around. Answers `bad` and returns false when memory of another kind is wanting.
 */
static bool take_memory(const struct option *options, uint64_t size, struct memory *memory)
{
	enum memory_kind kind = options[MAP_MEMORY].value;

	*memory = (struct memory){ 0 };
	if (options[MAP_VADDR].given)
		return true;
	*memory = memory_take(size, kind);
	if (!memory->address && kind != MEMORY_PRIVATE) {
		reply_bad("no memory of this kind:", strerror(errno));
		return false;
	}
	if (!options[MAP_PIERCED].given || memory_pierce(memory, options[MAP_PIERCED].value))
		return true;
	memory_free(*memory);
	reply_bad("the memory has no such page to make inaccessible", NULL);
	return false;
}

void command_map(const struct request *request)
{
	struct option options[] = {
		[MAP_VADDR] = { .name = "vaddr", .most = UINT64_MAX },
		[MAP_MEMORY] = { .name = "memory", .words = memory_kind_names },
		[MAP_PIERCED] = { .name = "inaccessible", .most = UINT32_MAX },
		[MAP_ARGSZ] = { .name = "argsz", .most = UINT32_MAX, .value = sizeof(struct vfio_iommu_type1_dma_map) },
	};
	struct handle *container = handle_argument(request, 0, CONTAINER);
	uint64_t iova, size, flags;
	struct memory memory;

	if (!container || !number_argument(request, 1, "the IOVA", &iova) ||
	    !number_argument(request, 2, "the size", &size) || !map_flags(request, 3, &flags) ||
	    !read_options(request, 4, options, MAP_OPTIONS) || !take_memory(options, size, &memory))
		return;

	struct vfio_iommu_type1_dma_map map = {
		.argsz = options[MAP_ARGSZ].value,
		.flags = flags,
		.vaddr = options[MAP_VADDR].given ? options[MAP_VADDR].value : (uintptr_t)memory.address,
		.iova = iova,
		.size = size,
	};
	int error = ioctl(container->fd, VFIO_IOMMU_MAP_DMA, &map) ? errno : 0;

	if (error)
		memory_free(memory);
	else if (memory.address)
		memory_keep(memory, container, iova, size)->reached = !(flags & VFIO_DMA_MAP_FLAG_VADDR);
	reply_result(error);
}

/* Frees what a successful call has unmapped, as far as its request tells. */
static void forget(const struct handle *container, const struct vfio_iommu_type1_dma_unmap *request, uint64_t unmapped)
{
	/* With VADDR nothing is unmapped, only its memory disowned: device access goes on. */
	if (!unmapped || (request->flags & VFIO_DMA_UNMAP_FLAG_VADDR))
		return;
	if (request->flags & VFIO_DMA_UNMAP_FLAG_ALL)
		memory_drop(container->serial, 0, UINT64_MAX);
	else
		memory_drop(container->serial, request->iova, request->iova + request->size - 1);
}

void command_unmap(const struct request *request)
{
	/* The flag that asks for a dirty bitmap makes the kernel read a description of one behind the request. */
	struct {
		struct vfio_iommu_type1_dma_unmap unmap;
		struct vfio_bitmap bitmap;
	} call = { 0 };
	struct option options[] = {
		BITMAP_OPTIONS,
		{ .name = "flags", .most = UINT32_MAX },
		{ .name = "argsz", .most = UINT32_MAX },
	};
	const struct option *flags = &options[BITMAP_OPTION_COUNT], *argsz = flags + 1;
	struct handle *container = handle_argument(request, 0, CONTAINER);
	uint64_t iova, size;
	struct bitmap bitmap = { 0 };

	if (!container || !number_argument(request, 1, "the IOVA", &iova) ||
	    !number_argument(request, 2, "the size", &size) ||
	    !read_options(request, 3, options, BITMAP_OPTION_COUNT + 2))
		return;

	bool with_bitmap = flags->value & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP;

	if (with_bitmap && !bitmap_make(&bitmap, options, iova, size))
		return;
	call.unmap = (struct vfio_iommu_type1_dma_unmap){
		.argsz = argsz->given ? argsz->value : with_bitmap ? sizeof(call) : sizeof(call.unmap),
		.flags = flags->value,
		.iova = iova,
		.size = size,
	};
	call.bitmap = bitmap.described;

	const struct vfio_iommu_type1_dma_unmap asked = call.unmap;

	if (ioctl(container->fd, VFIO_IOMMU_UNMAP_DMA, &call)) {
		reply_error(errno);
	} else {
		forget(container, &asked, call.unmap.size);
		reply_ok();
		reply_hex("size", call.unmap.size);
		reply_dirty(&bitmap, size);
	}
	bitmap_free(&bitmap);
}
