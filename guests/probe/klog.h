/* SPDX-License-Identifier: MIT */
#ifndef PROBE_KLOG_H
#define PROBE_KLOG_H

#include "request.h"

/* Opens the kernel log at its beginning, and lifts the limit on what the probe writes there. */
void klog_open(void);

void command_klog(const struct request *request);
void command_mark(const struct request *request);
void command_say(const struct request *request);

#endif
