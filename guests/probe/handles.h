/* SPDX-License-Identifier: MIT */
#ifndef PROBE_HANDLES_H
#define PROBE_HANDLES_H

#include <stdint.h>

#include "request.h"

enum handle_kind {
	CONTAINER,
	GROUP,
	DEVICE,
	HANDLE_KINDS,
};

/* A file descriptor under a name of the harness's choosing. */
struct handle {
	char name[32];
	enum handle_kind kind;
	int fd;
	uint64_t serial; /* never used twice, unlike names */
};

/* True when the name in the request is free and well-formed; answers `bad` otherwise. */
bool handle_is_new(const struct request *request, int index);

/* Gives a name that handle_is_new() accepted to fd. */
void handle_add(const char *name, enum handle_kind kind, int fd);

/* The handle of that kind named in the request; answers `bad` and returns NULL when there is none. */
struct handle *handle_argument(const struct request *request, int index, enum handle_kind kind);

/* Closes one handle, or all of them: devices, then groups, then containers. */
void handle_close(struct handle *handle);
void handle_close_all(void);

/* The next open container in the order of opening; NULL begins, and ends. */
struct handle *next_container(const struct handle *previous);

#endif
