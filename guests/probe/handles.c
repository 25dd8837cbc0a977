// SPDX-License-Identifier: MIT
/* The names under which the harness speaks of containers, groups, devices and processes. */
#include "handles.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"
#include "reply.h"

#define HANDLES_MOST 512
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

/* In the order of opening. */
static struct handle handles[HANDLES_MOST];
static int handle_count;
static uint64_t serials;

static const char *const missing[HANDLE_KINDS] = {
	[CONTAINER] = "no open container",
	[GROUP] = "no open group",
	[DEVICE] = "no open device",
	[PROCESS] = "no process",
};

struct handle *handle_find(const char *name)
{
	for (int i = 0; i < handle_count; i++)
		if (!strcmp(handles[i].name, name))
			return &handles[i];
	return NULL;
}

bool handle_is_new(const struct request *request, int index)
{
	const char *name = request->argument[index];
	size_t length = strlen(name);

	if (length >= sizeof(handles[0].name) || strspn(name, NAME_CHARACTERS) != length)
		reply_bad("a handle is 1 to 31 letters, digits, - or _, not", name);
	else if (handle_find(name))
		reply_bad("this handle is in use:", name);
	else if (handle_count == HANDLES_MOST)
		reply_bad("too many open handles for", name);
	else
		return true;
	return false;
}

struct handle *handle_add(const char *name, enum handle_kind kind, int fd)
{
	struct handle *handle = &handles[handle_count++];

	strcpy(handle->name, name);
	handle->kind = kind;
	handle->fd = fd;
	handle->serial = ++serials;
	return handle;
}

struct handle *handle_argument(const struct request *request, int index, enum handle_kind kind)
{
	struct handle *handle = handle_find(request->argument[index]);

	if (handle && handle->kind == kind)
		return handle;
	reply_bad(missing[kind], request->argument[index]);
	return NULL;
}

struct handle *file_argument(const struct request *request, int index)
{
	struct handle *handle = handle_find(request->argument[index]);

	if (handle && handle->kind != PROCESS)
		return handle;
	reply_bad("nothing open is called", request->argument[index]);
	return NULL;
}

static void forget(struct handle *handle)
{
	close(handle->fd);
	handle_count--;
	memmove(handle, handle + 1, (handles + handle_count - handle) * sizeof(*handle));
}

void handle_close(struct handle *handle)
{
	pid_t pid = handle->kind == PROCESS ? handle->pid : 0;

	if (handle->kind == DEVICE)
		engine_forget(handle);
	forget(handle);
	/* A process ends when its line does; what it held is closed when it can be waited for. */
	if (pid)
		waitpid(pid, NULL, 0);
}

static void close_kind(enum handle_kind kind)
{
	for (int i = handle_count - 1; i >= 0; i--)
		if (handles[i].kind == kind)
			handle_close(&handles[i]);
}

void handle_close_all(void)
{
	close_kind(PROCESS);
	close_kind(DEVICE);
	close_kind(GROUP);
	close_kind(CONTAINER);
}

void handles_without_processes(void)
{
	for (int i = handle_count - 1; i >= 0; i--)
		if (handles[i].kind == PROCESS)
			forget(&handles[i]);
}

void handles_pass_on(struct text *line)
{
	for (int i = 0; i < handle_count; i++) {
		fcntl(handles[i].fd, F_SETFD, 0);
		text_string(line, handles[i].name);
		text_char(line, ' ');
		text_decimal(line, handles[i].kind);
		text_char(line, ' ');
		text_decimal(line, handles[i].fd);
		text_char(line, ' ');
		text_decimal(line, handles[i].serial);
		text_char(line, '\n');
	}
	text_char(line, '\0');
}

void handles_take_over(char *line)
{
	for (char *entry = strsep(&line, "\n"); entry && *entry; entry = strsep(&line, "\n")) {
		const char *name = next_word(&entry);
		int kind = atoi(next_word(&entry));
		int fd = atoi(next_word(&entry));

		fcntl(fd, F_SETFD, FD_CLOEXEC);
		serials = strtoull(next_word(&entry), NULL, 10) - 1;
		handle_add(name, kind, fd);
	}
}

struct handle *next_handle(enum handle_kind kind, const struct handle *previous)
{
	int i = previous ? (int)(previous - handles) + 1 : 0;

	for (; i < handle_count; i++)
		if (handles[i].kind == kind)
			return &handles[i];
	return NULL;
}
