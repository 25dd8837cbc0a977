/* SPDX-License-Identifier: MIT */
#ifndef PROBE_INFO_H
#define PROBE_INFO_H

#include "call.h"
#include "handles.h"
#include "request.h"

void command_info(const struct request *request);

/* Asked once, with the argsz that must be given. */
struct call *prepare_info(const struct request *request);

/* The part of GET_INFO that `state` has for each container. */
void reply_container_state(const struct handle *container);

#endif
