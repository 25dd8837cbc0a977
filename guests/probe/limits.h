/* SPDX-License-Identifier: MIT */
#ifndef PROBE_LIMITS_H
#define PROBE_LIMITS_H

#include "request.h"

void command_memlock(const struct request *request);

/* Undoes what command_memlock() did to this process. */
void limits_restore(void);

#endif
