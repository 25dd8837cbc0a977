/* SPDX-License-Identifier: MIT */
#ifndef PROBE_RACE_H
#define PROBE_RACE_H

#include "request.h"

void command_race(const struct request *request);

/* Gives up what was made ready and never made. */
void race_forget(void);

#endif
