/* SPDX-License-Identifier: MIT */
#ifndef PROBE_MODULES_H
#define PROBE_MODULES_H

#include "request.h"
#include "text.h"

/* Loads what /iovacheck/modules lists, in its order; appends `PATH:ERRNO,...` of those that failed, or `-`. */
void load_listed_modules(struct text *failed);

void command_load(const struct request *request);
void command_unload(const struct request *request);

#endif
