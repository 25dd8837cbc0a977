/* SPDX-License-Identifier: MIT */
#ifndef PROBE_COMMAND_H
#define PROBE_COMMAND_H

#include "call.h"
#include "channel.h"

/* Serves one request: whatever it says, exactly one reply is made. */
void serve(const struct line *line);

/* The call that a command makes, ready to be made; NULL when there is none, which was replied to. */
struct call *prepare(char *words);

#endif
