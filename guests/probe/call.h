/* SPDX-License-Identifier: MIT */
#ifndef PROBE_CALL_H
#define PROBE_CALL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * An ioctl in three parts: made ready, which takes what it needs; made, which is nothing but the system call and may
 * happen in any thread; answered. It is the first member of whatever else it needs to remember.
 */
struct call {
	int fd;
	unsigned long number;
	unsigned long argument;
	bool in_race; /* others were made at the same time */
	int value;    /* what ioctl() returned */
	int error;    /* 0 or an errno */
	void (*answer)(struct call *call);  /* replies, and keeps what the call has made the kernel's business */
	void (*release)(struct call *call); /* gives back all that is left; the call itself is freed by call_free() */
};

/*
 * Zeroed memory for a structure of that size that begins with a call. It answers with an errno or nothing and
 * releases nothing, unless it is told otherwise.
 */
void *call_new(size_t size, int fd, unsigned long number);

void call_make(struct call *call);
void call_free(struct call *call);

/* All of it, one after the other. NULL is one that couldn't be made ready, which was replied to. */
void call_serve(struct call *call);

#endif
