/* SPDX-License-Identifier: MIT */
#ifndef PROBE_MAPPING_H
#define PROBE_MAPPING_H

#include "request.h"

void command_map(const struct request *request);
void command_unmap(const struct request *request);

#endif
