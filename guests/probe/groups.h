/* SPDX-License-Identifier: MIT */
#ifndef PROBE_GROUPS_H
#define PROBE_GROUPS_H

#include "request.h"

void command_bind(const struct request *request);
void command_groups(const struct request *request);
void command_regions(const struct request *request);

#endif
