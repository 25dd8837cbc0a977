// SPDX-License-Identifier: MIT
/* What can be read back after a step, and the way back to a clean guest. */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fatal.h"
#include "files.h"
#include "handles.h"
#include "info.h"
#include "limits.h"
#include "memory.h"
#include "race.h"
#include "reply.h"

#define LOCKED "\nVmLck:"

/* Locked memory of a process, in pages: what type1 charges for pinned pages. */
static uint64_t locked_pages_in(int status_fd)
{
	char status[4096];
	ssize_t length = pread(status_fd, status, sizeof(status) - 1, 0);

	if (length < 0)
		die("cannot read the status of a process: %s", strerror(errno));
	status[length] = '\0';

	const char *line = strstr(status, LOCKED);

	if (!line)
		die("the status of a process has no VmLck");
	return strtoull(line + strlen(LOCKED), NULL, 10) * 1024 / sysconf(_SC_PAGESIZE);
}

static int open_status(const char *process)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%s/status", process);

	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("cannot open %s: %s", path, strerror(errno));
	return fd;
}

/* Files of statuses are kept open: they are read after every step. */
static uint64_t locked_pages(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open_status("self");
	return locked_pages_in(fd);
}

static uint64_t locked_pages_of(struct handle *process)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", process->pid);
	if (process->status_fd < 0)
		process->status_fd = open_status(pid);
	return locked_pages_in(process->status_fd);
}

static void reply_process_state(struct handle *process)
{
	char key[sizeof(process->name) + sizeof(".vmlck")];

	snprintf(key, sizeof(key), "%s.vmlck", process->name);
	reply_hex(key, locked_pages_of(process));
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
	for (struct handle *it = next_handle(PROCESS, NULL); it; it = next_handle(PROCESS, it))
		reply_process_state(it);
	for (struct handle *it = next_handle(CONTAINER, NULL); it; it = next_handle(CONTAINER, it))
		reply_container_state(it);
}

void command_reset(const struct request *request)
{
	(void)request;
	race_forget();
	handle_close_all();
	memory_drop_all();
	limits_restore();
	reply_ok();
	reply_hex("vmlck", locked_pages());
	reply_hex("taint", taint());
}
