/* SPDX-License-Identifier: MIT */
#ifndef PROBE_STATE_H
#define PROBE_STATE_H

#include "request.h"

void command_state(const struct request *request);
void command_reset(const struct request *request);

#endif
