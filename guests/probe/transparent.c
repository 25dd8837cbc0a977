// SPDX-License-Identifier: MIT
/*
 * Transparent huge pages. The kernel gives small ones instead whenever it likes, so it is asked afterwards.
 * [kernel: Documentation/admin-guide/mm/transhuge.rst]
 */
#define _GNU_SOURCE
#include "transparent.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fatal.h"
#include "files.h"

#define HUGE_PAGE (2ull << 20)

/* Without this, kernels with less than 512 MiB of memory give none, whoever asks. [kernel: hugepage_init] */
#define ENABLED "/sys/kernel/mm/transparent_hugepage/enabled"
#define ON_REQUEST "madvise"

#define USE "/proc/self/smaps_rollup"
#define USE_MOST 4096
#define HUGE_USE "\nAnonHugePages:"

/* Bytes of this process's memory in transparent huge pages. */
static uint64_t huge_bytes(void)
{
	struct text use = { 0 };
	int error = read_file(USE, USE_MOST, &use, NULL);

	if (error)
		die("cannot read " USE ": %s", strerror(error));
	text_char(&use, '\0');

	const char *line = strstr(use.bytes, HUGE_USE);
	uint64_t kilobytes = line ? strtoull(line + strlen(HUGE_USE), NULL, 10) : 0;

	free(use.bytes);
	return kilobytes * 1024;
}

static char *map_aligned(size_t bytes)
{
	char *address = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (address == MAP_FAILED)
		return NULL;

	size_t before = -(uintptr_t)address % HUGE_PAGE;

	if (before)
		munmap(address, before);
	munmap(address + before + bytes, HUGE_PAGE - before);
	return address + before;
}

static void touch(char *address, size_t bytes)
{
	size_t page_size = sysconf(_SC_PAGESIZE);

	for (size_t offset = 0; offset < bytes; offset += page_size)
		((volatile char *)address)[offset] = 1;
}

/* Touched memory of those addresses in huge pages; false, and errno, where the kernel gives others. */
static bool make_huge(char *address, size_t bytes)
{
	uint64_t before = huge_bytes();

	if (madvise(address, bytes, MADV_HUGEPAGE))
		return false;
	touch(address, bytes);
	errno = ENOMEM;
	return huge_bytes() >= before + bytes;
}

void *map_transparent(size_t bytes)
{
	errno = bytes % HUGE_PAGE ? EINVAL : write_file(ENABLED, ON_REQUEST, strlen(ON_REQUEST));

	char *address = errno ? NULL : map_aligned(bytes);

	if (!address || make_huge(address, bytes))
		return address;

	int error = errno;

	munmap(address, bytes);
	errno = error;
	return NULL;
}
