/* SPDX-License-Identifier: MIT */
#ifndef PROBE_HANDLES_H
#define PROBE_HANDLES_H

#include <stdint.h>
#include <sys/types.h>

#include "request.h"
#include "text.h"

enum handle_kind {
	CONTAINER,
	GROUP,
	DEVICE,
	PROCESS,
	HANDLE_KINDS,
};

/* A file descriptor under a name of the harness's choosing. */
struct handle {
	char name[32];
	enum handle_kind kind;
	int fd;
	uint64_t serial; /* never used twice, unlike names */
	pid_t pid;       /* of a process, whose fd is the line to it */
};

/* NULL when nothing open is called that. */
struct handle *handle_find(const char *name);

/* True when the name in the request is free and well-formed; answers `bad` otherwise. */
bool handle_is_new(const struct request *request, int index);

/* Gives a name that handle_is_new() accepted to fd. */
struct handle *handle_add(const char *name, enum handle_kind kind, int fd);

/* The handle of that kind named in the request; answers `bad` and returns NULL when there is none. */
struct handle *handle_argument(const struct request *request, int index, enum handle_kind kind);

/* The handle of any kind but a process; answers `bad` and returns NULL when there is none. */
struct handle *file_argument(const struct request *request, int index);

/* Closes one handle, or all of them: processes, which are waited for, devices, groups, then containers. */
void handle_close(struct handle *handle);
void handle_close_all(void);

/* In a new child: lets go of the lines to its siblings, without waiting for them. */
void handles_without_processes(void);

/* All of them on one line for the next program of this process, which keeps them open. */
void handles_pass_on(struct text *line);
/* Takes such a line over. */
void handles_take_over(char *line);

/* The next handle of that kind in the order of opening; NULL begins, and ends. */
struct handle *next_handle(enum handle_kind kind, const struct handle *previous);

#endif
