/* SPDX-License-Identifier: MIT */
#ifndef PROBE_CHANNEL_H
#define PROBE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

/* The longest request, in bytes, without its line feed. */
#define REQUEST_MAX 65536

/* One request as it came, NUL-terminated, without its line feed; valid until the next is asked for. */
struct line {
	char *text;
	size_t length;
	bool too_long; /* only the beginning of text is what was sent */
};

/* Finds and opens the control port; without one there is no purpose in life. */
void channel_open(void);

/* Sends what was replied and waits, as long as it takes, for the host to be there to hear it. */
void channel_greet(void);

/*
 * The next request. Replies are sent before it waits, so a pipelined batch is answered in one go.
 * The host hanging up turns the guest off.
 */
struct line channel_next(void);

/* In a child: the port belongs to its parent, and replies only gather. */
void channel_leave(void);

/* Sends all replies now. */
void channel_flush(void);

/* The replies not yet sent; reply.c appends to them. */
struct text *channel_replies(void);

#endif
