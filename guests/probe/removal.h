/* SPDX-License-Identifier: MIT */
#ifndef PROBE_REMOVAL_H
#define PROBE_REMOVAL_H

#include "request.h"

void command_watch_removal(const struct request *request);
void command_await_removal(const struct request *request);

#endif
