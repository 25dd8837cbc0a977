// SPDX-License-Identifier: MIT
/* Locked memory of processes: from the guest module lockedvm, or from /proc, which takes ten times as long. */
#include "locked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fatal.h"

#define DEVICE_PATH "/dev/lockedvm"
#define LOCKEDVM_PAGES _IO('L', 0)

#define LOCKED "\nVmLck:"

static uint64_t pages_in_proc(pid_t pid)
{
	char path[40], status[4096];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);

	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, status, sizeof(status) - 1);

	if (length < 0)
		die("cannot read %s: %s", path, strerror(errno));
	close(fd);
	status[length] = '\0';

	const char *line = strstr(status, LOCKED);

	if (!line)
		die("%s has no VmLck", path);
	return strtoull(line + strlen(LOCKED), NULL, 10) * 1024 / sysconf(_SC_PAGESIZE);
}

/* The module's device; -1 where there is none. */
static int open_device(void)
{
	int fd = open(DEVICE_PATH, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno != ENOENT)
		die("cannot open " DEVICE_PATH ": %s", strerror(errno));
	return fd;
}

uint64_t locked_pages(pid_t pid)
{
	static int device;
	static bool is_open;

	if (!is_open)
		device = open_device();
	is_open = true;
	if (device < 0)
		return pages_in_proc(pid);

	int pages = ioctl(device, LOCKEDVM_PAGES, (long)pid);

	/* A count that a fault has made negative or huge looks like an error, too: /proc tells which it is. */
	return pages < 0 ? pages_in_proc(pid) : (uint64_t)pages;
}

uint64_t locked_pages_in_proc(void)
{
	return pages_in_proc(getpid());
}
