/* SPDX-License-Identifier: MIT */
#ifndef PROBE_COMMAND_H
#define PROBE_COMMAND_H

#include "channel.h"

/* Serves one request: whatever it says, exactly one reply is made. */
void serve(const struct line *line);

#endif
