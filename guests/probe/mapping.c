// SPDX-License-Identifier: MIT
/* VFIO_IOMMU_MAP_DMA and VFIO_IOMMU_UNMAP_DMA. */
#include "mapping.h"

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

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

struct map {
	struct call call;
	struct vfio_iommu_type1_dma_map request;
	struct memory memory;
	struct handle container;
};

static void answer_map(struct call *call)
{
	struct map *map = (struct map *)call;
	const struct vfio_iommu_type1_dma_map *request = &map->request;

	reply_result(call->error);
	if (call->error || !map->memory.address)
		return;
	memory_keep(map->memory, &map->container, request->iova, request->size)->reached =
		!(request->flags & VFIO_DMA_MAP_FLAG_VADDR);
	map->memory.address = NULL;
}

static void release_map(struct call *call)
{
	memory_free(((struct map *)call)->memory);
}

struct call *prepare_map(const struct request *request)
{
	struct option options[] = {
		[MAP_VADDR] = { .name = "vaddr", .most = UINT64_MAX },
		[MAP_MEMORY] = { .name = "memory", .words = memory_kind_names },
		[MAP_PIERCED] = { .name = "inaccessible", .most = UINT32_MAX },
		[MAP_ARGSZ] = { .name = "argsz", .most = UINT32_MAX, .value = sizeof(struct vfio_iommu_type1_dma_map) },
	};
	const struct handle *container = handle_argument(request, 0, CONTAINER);
	uint64_t iova, size, flags;
	struct memory memory;

	if (!container || !number_argument(request, 1, "the IOVA", &iova) ||
	    !number_argument(request, 2, "the size", &size) || !map_flags(request, 3, &flags) ||
	    !read_options(request, 4, options, MAP_OPTIONS) || !take_memory(options, size, &memory))
		return NULL;

	struct map *map = call_new(sizeof(*map), container->fd, VFIO_IOMMU_MAP_DMA);

	map->request = (struct vfio_iommu_type1_dma_map){
		.argsz = options[MAP_ARGSZ].value,
		.flags = flags,
		.vaddr = options[MAP_VADDR].given ? options[MAP_VADDR].value : (uintptr_t)memory.address,
		.iova = iova,
		.size = size,
	};
	map->memory = memory;
	map->container = *container;
	map->call.argument = (uintptr_t)&map->request;
	map->call.answer = answer_map;
	map->call.release = release_map;
	return &map->call;
}

/* The flag that asks for a dirty bitmap makes the kernel read a description of one behind the request. */
struct unmap {
	struct call call;
	struct {
		struct vfio_iommu_type1_dma_unmap unmap;
		struct vfio_bitmap bitmap;
	} request;
	struct vfio_iommu_type1_dma_unmap asked;
	struct bitmap bitmap;
	uint64_t container; /* its serial */
};

/* Frees what a successful call has unmapped, as far as its request tells. */
static void forget(const struct unmap *unmap)
{
	const struct vfio_iommu_type1_dma_unmap *asked = &unmap->asked;

	/* With VADDR nothing is unmapped, only its memory disowned: device access goes on. */
	if (!unmap->request.unmap.size || (asked->flags & VFIO_DMA_UNMAP_FLAG_VADDR))
		return;
	if (asked->flags & VFIO_DMA_UNMAP_FLAG_ALL)
		memory_drop(unmap->container, 0, UINT64_MAX);
	else
		memory_drop(unmap->container, asked->iova, asked->iova + asked->size - 1);
}

static void answer_unmap(struct call *call)
{
	struct unmap *unmap = (struct unmap *)call;

	reply_result(call->error);
	if (call->error)
		return;
	/* In a race, what was unmapped may have been mapped anew. */
	if (!call->in_race)
		forget(unmap);
	reply_hex("size", unmap->request.unmap.size);
	reply_dirty(&unmap->bitmap, unmap->asked.size);
}

static void release_unmap(struct call *call)
{
	bitmap_free(&((struct unmap *)call)->bitmap);
}

struct call *prepare_unmap(const struct request *request)
{
	struct option options[] = {
		BITMAP_OPTIONS,
		{ .name = "flags", .most = UINT32_MAX },
		{ .name = "argsz", .most = UINT32_MAX },
	};
	const struct option *flags = &options[BITMAP_OPTION_COUNT], *argsz = flags + 1;
	const struct handle *container = handle_argument(request, 0, CONTAINER);
	uint64_t iova, size;
	struct bitmap bitmap = { 0 };

	if (!container || !number_argument(request, 1, "the IOVA", &iova) ||
	    !number_argument(request, 2, "the size", &size) ||
	    !read_options(request, 3, options, BITMAP_OPTION_COUNT + 2))
		return NULL;

	bool with_bitmap = flags->value & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP;

	if (with_bitmap && !bitmap_make(&bitmap, options, iova, size))
		return NULL;

	struct unmap *unmap = call_new(sizeof(*unmap), container->fd, VFIO_IOMMU_UNMAP_DMA);
	size_t usual = with_bitmap ? sizeof(unmap->request) : sizeof(unmap->request.unmap);

	unmap->asked = (struct vfio_iommu_type1_dma_unmap){
		.argsz = argsz->given ? argsz->value : usual,
		.flags = flags->value,
		.iova = iova,
		.size = size,
	};
	unmap->request.unmap = unmap->asked;
	unmap->request.bitmap = bitmap.described;
	unmap->bitmap = bitmap;
	unmap->container = container->serial;
	unmap->call.argument = (uintptr_t)&unmap->request;
	unmap->call.answer = answer_unmap;
	unmap->call.release = release_unmap;
	return &unmap->call;
}
