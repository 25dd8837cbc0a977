// SPDX-License-Identifier: MIT
/*
 * The memory behind mappings. A record outlives the handle of its container, because the kernel keeps pages pinned for
 * as long as a group is attached, whoever has closed what.
 */
#define _GNU_SOURCE
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "content.h"
#include "fatal.h"
#include "files.h"
#include "handles.h"
#include "transparent.h"

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

/* Newest first: what was mapped last is most often unmapped next. */
static struct mapped *newest;

static bool watched;

/* At least a page, so that the size is the only thing wrong with a mapping of no bytes. */
static size_t round_up(uint64_t size)
{
	uint64_t page = sysconf(_SC_PAGESIZE);

	if (size > SIZE_MAX - page)
		return 0;
	return size ? (size + page - 1) / page * page : page;
}

const char *const memory_kind_names[] = {
	[MEMORY_PRIVATE] = "private", [MEMORY_UNTOUCHED] = "untouched", [MEMORY_READ_ONLY] = "read-only",
	[MEMORY_NONE] = "none",	      [MEMORY_SHARED] = "shared",	[MEMORY_FILE] = "file",
	[MEMORY_HUGE] = "huge",	      [MEMORY_SCATTERED] = "scattered", [MEMORY_DEVICE] = "device",
	[MEMORY_TRANSPARENT] = "transparent",
	NULL,
};

/* Never written back: it is only there to be mapped. */
#define RAM_DISK "/dev/ram0"

/* Enough huge pages on demand for any mapping that a guest has room for. */
#define HUGE_PAGES_FILE "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages"
#define HUGE_PAGES_MOST "64"
#define HUGE_PAGE (2ull << 20)

static void *map_anonymous(size_t bytes, int access, int how)
{
	void *address = mmap(NULL, bytes, access, MAP_PRIVATE | MAP_ANONYMOUS | how, -1, 0);

	return address == MAP_FAILED ? NULL : address;
}

/* Populating for writing gives every page a frame of its own, never the shared zero page. */
static void *map_private(size_t bytes)
{
	return map_anonymous(bytes, protection(bytes), bytes <= TOUCHED_MOST ? MAP_POPULATE : MAP_NORESERVE);
}

static void *map_untouched(size_t bytes, int access)
{
	void *address = map_anonymous(bytes, access, MAP_NORESERVE);

	if (address)
		madvise(address, bytes, MADV_NOHUGEPAGE); /* a huge zero page is charged otherwise than a small one */
	return address;
}

static void *map_shared(size_t bytes, int fd)
{
	void *address = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);

	close(fd);
	return address == MAP_FAILED ? NULL : address;
}

static void *map_memfd(size_t bytes)
{
	int fd = memfd_create("iovacheck", MFD_CLOEXEC);

	if (fd < 0)
		return NULL;
	if (!ftruncate(fd, bytes))
		return map_shared(bytes, fd);

	int error = errno;

	close(fd);
	errno = error;
	return NULL;
}

static void *map_ram_disk(size_t bytes)
{
	int fd = open(RAM_DISK, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	if (lseek(fd, 0, SEEK_END) >= (off_t)bytes)
		return map_shared(bytes, fd);
	close(fd);
	errno = EFBIG;
	return NULL;
}

static void *map_huge(size_t bytes)
{
	errno = bytes % HUGE_PAGE ? EINVAL : write_file(HUGE_PAGES_FILE, HUGE_PAGES_MOST, strlen(HUGE_PAGES_MOST));
	return errno ? NULL : map_anonymous(bytes, PROT_READ | PROT_WRITE, MAP_HUGETLB | MAP_POPULATE);
}

/* Puts the pages of a memfd, got in order, into two interleaved halves. */
static bool interleave(char *address, size_t pages, int fd)
{
	size_t page_size = sysconf(_SC_PAGESIZE);

	for (size_t page = 0; page < pages; page++)
		if (pwrite(fd, "", 1, page * page_size) != 1)
			return false;
	for (size_t page = 0; page < pages; page++) {
		size_t from = page % 2 ? (pages + 1) / 2 + page / 2 : page / 2;

		if (mmap(address + page * page_size, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
			 from * page_size) == MAP_FAILED)
			return false;
	}
	return true;
}

static void *map_scattered(size_t bytes)
{
	char *address = map_anonymous(bytes, PROT_NONE, MAP_NORESERVE);
	int fd = memfd_create("iovacheck", MFD_CLOEXEC);

	if (address && (fd < 0 || !interleave(address, bytes / sysconf(_SC_PAGESIZE), fd))) {
		munmap(address, bytes);
		address = NULL;
	}
	if (fd >= 0)
		close(fd);
	return address;
}

static void *map_device(size_t bytes)
{
	struct vfio_region_info region = { .argsz = sizeof(region), .index = VFIO_PCI_BAR0_REGION_INDEX };
	const struct handle *device = next_handle(DEVICE, NULL);

	errno = ENODEV;
	if (!device || ioctl(device->fd, VFIO_DEVICE_GET_REGION_INFO, &region))
		return NULL;
	errno = EFBIG;
	if (region.size < bytes)
		return NULL;

	void *address = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, device->fd, region.offset);

	return address == MAP_FAILED ? NULL : address;
}

static void *map_kind(size_t bytes, enum memory_kind kind)
{
	switch (kind) {
	case MEMORY_PRIVATE:
		return map_private(bytes);
	case MEMORY_UNTOUCHED:
		return map_untouched(bytes, PROT_READ | PROT_WRITE);
	case MEMORY_READ_ONLY:
		return map_untouched(bytes, PROT_READ);
	case MEMORY_NONE:
		return map_untouched(bytes, PROT_NONE);
	case MEMORY_SHARED:
		return map_memfd(bytes);
	case MEMORY_FILE:
		return map_ram_disk(bytes);
	case MEMORY_HUGE:
		return map_huge(bytes);
	case MEMORY_SCATTERED:
		return map_scattered(bytes);
	case MEMORY_DEVICE:
		return map_device(bytes);
	case MEMORY_TRANSPARENT:
		errno = EFBIG;
		return bytes <= TOUCHED_MOST ? map_transparent(bytes) : NULL;
	}
	return NULL;
}

/*
 * Private memory that no mapping needs any more, by its number of pages. To have every page touched anew is most of what
 * a mapping costs, so the next of that size gets it as it is. Until `reset`: pages that the kernel has let go of once too
 * often are complained about when they are freed.
 */
#define SPARE_PAGES_MOST 512
#define SPARE_BYTES_MOST (4u << 20) /* of all of them */

struct spare {
	struct spare *next;
};
static struct spare *spares[SPARE_PAGES_MOST + 1];
static size_t spare_bytes;

static struct spare **spares_of(size_t bytes)
{
	return &spares[bytes / sysconf(_SC_PAGESIZE)];
}

static void *take_spare(size_t bytes)
{
	struct spare **first = spares_of(bytes);
	struct spare *spare = *first;

	if (spare) {
		*first = spare->next;
		spare_bytes -= bytes;
	}
	return spare;
}

static void keep_spare(struct memory memory)
{
	struct spare **first = spares_of(memory.bytes), *spare = memory.address;

	spare->next = *first;
	*first = spare;
	spare_bytes += memory.bytes;
}

static void free_spares(void)
{
	size_t page_size = sysconf(_SC_PAGESIZE);

	for (size_t pages = 1; pages <= SPARE_PAGES_MOST; pages++)
		for (void *spare; (spare = take_spare(pages * page_size));)
			munmap(spare, pages * page_size);
}

static bool is_shared(enum memory_kind kind)
{
	return kind == MEMORY_SHARED || kind == MEMORY_FILE || kind == MEMORY_SCATTERED;
}

static bool is_writable(enum memory_kind kind)
{
	return kind == MEMORY_PRIVATE || kind == MEMORY_HUGE || kind == MEMORY_TRANSPARENT || is_shared(kind);
}

struct memory memory_take(uint64_t size, enum memory_kind kind)
{
	size_t bytes = round_up(size);
	bool reusable = kind == MEMORY_PRIVATE && bytes && bytes <= SPARE_PAGES_MOST * (size_t)sysconf(_SC_PAGESIZE);
	void *spare = reusable ? take_spare(bytes) : NULL;

	return (struct memory){
		.address = spare ? spare : map_kind(bytes, kind),
		.bytes = bytes,
		.reusable = reusable,
		.writable = bytes <= TOUCHED_MOST && is_writable(kind),
		.shared = is_shared(kind),
	};
}

bool memory_pierce(struct memory *memory, uint64_t page)
{
	size_t page_size = sysconf(_SC_PAGESIZE);

	memory->reusable = false;
	memory->writable = false;
	return memory->address && page < memory->bytes / page_size &&
	       !mprotect((char *)memory->address + page * page_size, page_size, PROT_NONE);
}

void memory_free(struct memory memory)
{
	if (!memory.address)
		return;
	if (memory.reusable && spare_bytes + memory.bytes <= SPARE_BYTES_MOST)
		keep_spare(memory);
	else
		munmap(memory.address, memory.bytes);
}

static void fill(struct mapped *mapped)
{
	static uint64_t numbers;
	uint64_t *words = mapped->memory.address;

	if (!mapped->memory.writable)
		return;
	mapped->content = (uint64_t)getpid() << 32 | ++numbers;
	for (size_t index = 0; index < mapped->memory.bytes / sizeof(*words); index++)
		words[index] = content_word(mapped->content, index);
}

struct mapped *memory_keep(struct memory memory, const struct handle *container, uint64_t iova, uint64_t size)
{
	struct mapped *mapped = malloc(sizeof(*mapped));

	if (!mapped)
		die("no memory to remember a mapping");
	*mapped = (struct mapped){
		.older = newest,
		.memory = memory,
		.container = container->serial,
		.reached = true,
		.iova = iova,
		.last = iova + size - 1,
	};
	strcpy(mapped->name, container->name);
	newest = mapped;
	if (watched)
		fill(mapped);
	return mapped;
}

static void forget(struct mapped **link)
{
	struct mapped *mapped = *link;

	*link = mapped->older;
	free(mapped);
}

static void drop(struct mapped **link)
{
	memory_free((*link)->memory);
	forget(link);
}

void memory_drop(uint64_t container, uint64_t start, uint64_t last)
{
	if (watched)
		return;
	for (struct mapped **link = &newest; *link;) {
		struct mapped *mapped = *link;

		if (mapped->container == container && mapped->iova >= start && mapped->last <= last)
			drop(link);
		else
			link = &mapped->older;
	}
}

void memory_drop_all(void)
{
	while (newest)
		drop(&newest);
	free_spares();
	watched = false;
}

void memory_watch(void)
{
	if (watched)
		return;
	watched = true;
	for (struct mapped *mapped = newest; mapped; mapped = mapped->older)
		fill(mapped);
}

void memory_prepare_fork(void)
{
	free_spares();
	for (struct mapped *mapped = newest; mapped; mapped = mapped->older)
		mapped->memory.reusable = false;
}

void memory_leave_shared(void)
{
	for (struct mapped **link = &newest; *link;)
		if ((*link)->memory.shared)
			forget(link);
		else
			link = &(*link)->older;
}

struct mapped *memory_newest(void)
{
	return newest;
}
