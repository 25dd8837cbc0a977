// SPDX-License-Identifier: MIT
/* Calls that no program should make: any number on any descriptor, and what a container is not there for. */
#include "misuse.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "handles.h"
#include "reply.h"

void command_ioctl(const struct request *request)
{
	struct option argument = { .name = "argument", .most = UINT64_MAX };
	const struct handle *handle = file_argument(request, 0);
	uint64_t number;

	if (!handle || !number_up_to(request, 1, "the ioctl", UINT32_MAX, &number) ||
	    !read_options(request, 2, &argument, 1))
		return;

	int value = ioctl(handle->fd, number, (unsigned long)argument.value);

	if (value < 0) {
		reply_error(errno);
		return;
	}
	reply_ok();
	reply_decimal("value", value);
}

static bool try_mmap(int fd)
{
	size_t page = sysconf(_SC_PAGESIZE);
	void *address = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);

	if (address == MAP_FAILED)
		return false;
	munmap(address, page);
	return true;
}

void command_poke(const struct request *request)
{
	const struct handle *handle = file_argument(request, 0);
	const char *how = request->argument[1];
	char byte = 0;
	bool done;

	if (!handle)
		return;
	if (!strcmp(how, "read")) {
		done = read(handle->fd, &byte, sizeof(byte)) >= 0;
	} else if (!strcmp(how, "write")) {
		done = write(handle->fd, &byte, sizeof(byte)) >= 0;
	} else if (!strcmp(how, "mmap")) {
		done = try_mmap(handle->fd);
	} else {
		reply_bad("poke is read, write or mmap, not", how);
		return;
	}
	reply_result(done ? 0 : errno);
}
