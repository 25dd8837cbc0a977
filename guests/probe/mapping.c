// SPDX-License-Identifier: MIT
/* VFIO_IOMMU_MAP_DMA and VFIO_IOMMU_UNMAP_DMA. */
#include "mapping.h"

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>

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

void command_map(const struct request *request)
{
	struct option options[] = {
		{ .name = "vaddr", .most = UINT64_MAX },
		{ .name = "argsz", .most = UINT32_MAX, .value = sizeof(struct vfio_iommu_type1_dma_map) },
	};
	struct handle *container = handle_argument(request, 0, CONTAINER);
	uint64_t iova, size, flags;

	if (!container || !number_argument(request, 1, "the IOVA", &iova) ||
	    !number_argument(request, 2, "the size", &size) || !map_flags(request, 3, &flags) ||
	    !read_options(request, 4, options, 2))
		return;

	struct memory memory = options[0].given ? (struct memory){ 0 } : memory_take(size);
	struct vfio_iommu_type1_dma_map map = {
		.argsz = options[1].value,
		.flags = flags,
		/* When no memory is that big, 0: the one address from which no size wraps around. */
		.vaddr = options[0].given ? options[0].value : (uintptr_t)memory.address,
		.iova = iova,
		.size = size,
	};
	int error = ioctl(container->fd, VFIO_IOMMU_MAP_DMA, &map) ? errno : 0;

	if (error)
		memory_free(memory);
	else if (memory.address)
		memory_keep(memory, container->serial, iova, size);
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
	struct option options[] = {
		{ .name = "flags", .most = UINT32_MAX },
		{ .name = "argsz", .most = UINT32_MAX, .value = sizeof(struct vfio_iommu_type1_dma_unmap) },
	};
	struct handle *container = handle_argument(request, 0, CONTAINER);
	uint64_t iova, size;

	if (!container || !number_argument(request, 1, "the IOVA", &iova) ||
	    !number_argument(request, 2, "the size", &size) || !read_options(request, 3, options, 2))
		return;

	/* The flag that asks for a dirty bitmap makes the kernel read a description of one behind the request. */
	struct {
		struct vfio_iommu_type1_dma_unmap unmap;
		struct vfio_bitmap bitmap;
	} call = { .unmap = { .argsz = options[1].value, .flags = options[0].value, .iova = iova, .size = size } };
	const struct vfio_iommu_type1_dma_unmap asked = call.unmap;

	if (ioctl(container->fd, VFIO_IOMMU_UNMAP_DMA, &call)) {
		reply_error(errno);
		return;
	}
	forget(container, &asked, call.unmap.size);
	reply_ok();
	reply_hex("size", call.unmap.size);
}
