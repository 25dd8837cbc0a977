/* SPDX-License-Identifier: MIT */
#ifndef PROBE_MAPPING_H
#define PROBE_MAPPING_H

#include "call.h"
#include "request.h"

struct call *prepare_map(const struct request *request);
struct call *prepare_unmap(const struct request *request);

#endif
