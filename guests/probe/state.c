// SPDX-License-Identifier: MIT
/* What can be read back after a step, and the way back to a clean guest. */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fatal.h"
#include "files.h"
#include "handles.h"
#include "info.h"
#include "memory.h"
#include "reply.h"

/* Locked memory of the probe, in pages: what type1 charges for pinned pages. */
static uint64_t locked_pages(void)
{
	static int fd = -1; /* kept open: this is read after every step */
	char status[4096];

	if (fd < 0)
		fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	ssize_t length = pread(fd, status, sizeof(status) - 1, 0);

	if (length < 0)
		die("cannot read /proc/self/status: %s", strerror(errno));
	status[length] = '\0';

	const char *line = strstr(status, "\nVmLck:");

	if (!line)
		die("/proc/self/status has no VmLck");
	return strtoull(line + strlen("\nVmLck:"), NULL, 10) * 1024 / sysconf(_SC_PAGESIZE);
}

/* The kernel's reasons not to be trusted any more, as a bit mask. */
static uint64_t taint(void)
{
	char word[24];
	int error = read_word("/proc/sys/kernel/tainted", word, sizeof(word));

	if (error)
		die("cannot read /proc/sys/kernel/tainted: %s", strerror(error));
	return strtoull(word, NULL, 10);
}

void command_state(const struct request *request)
{
	(void)request;
	reply_ok();
	reply_hex("vmlck", locked_pages());
	for (struct handle *container = next_container(NULL); container; container = next_container(container))
		reply_container_state(container);
}

void command_reset(const struct request *request)
{
	(void)request;
	handle_close_all();
	memory_drop_all();
	reply_ok();
	reply_hex("vmlck", locked_pages());
	reply_hex("taint", taint());
}
