/* SPDX-License-Identifier: MIT */
#ifndef PROBE_MISUSE_H
#define PROBE_MISUSE_H

#include "request.h"

void command_ioctl(const struct request *request);
void command_poke(const struct request *request);

#endif
