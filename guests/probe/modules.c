// SPDX-License-Identifier: MIT
/* Kernel modules. */
#include "modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fatal.h"
#include "files.h"
#include "reply.h"

#define LIST "/iovacheck/modules"
#define LIST_MOST (1u << 20)

/* Returns 0 or an errno. */
static int load(const char *path, const char *parameters)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return errno;
	if (syscall(SYS_finit_module, fd, parameters, 0))
		error = errno;
	close(fd);
	return error;
}

static void load_line(char *line, struct text *failed)
{
	char *path = next_word(&line);
	int error = path ? load(path, line) : 0;

	if (!error)
		return;
	if (failed->length)
		text_char(failed, ',');
	text_escaped(failed, path, strlen(path), ESCAPE_ITEM);
	text_char(failed, ':');
	text_string(failed, errno_name(error));
}

void load_listed_modules(struct text *failed)
{
	struct text list = { 0 };
	int error = read_file(LIST, LIST_MOST, &list, NULL);
	char *rest;

	if (error && error != ENOENT) /* no list: everything is built in */
		die("cannot read %s: %s", LIST, strerror(error));
	text_char(&list, '\0');
	rest = list.bytes;
	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
		load_line(line, failed);
	if (!failed->length)
		text_char(failed, '-');
	free(list.bytes);
}

void command_load(const struct request *request)
{
	reply_result(load(request->argument[0], request->count > 1 ? request->argument[1] : ""));
}

void command_unload(const struct request *request)
{
	reply_result(syscall(SYS_delete_module, request->argument[0], O_NONBLOCK) ? errno : 0);
}
