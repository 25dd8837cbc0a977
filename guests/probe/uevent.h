/* SPDX-License-Identifier: MIT */
#ifndef PROBE_UEVENT_H
#define PROBE_UEVENT_H

#include <stdbool.h>

/*
 * Waits until ready(argument) is true, asking again after every device event of the kernel.
 * Returns false when it still is not after timeout_ms milliseconds.
 */
bool wait_for_device(bool (*ready)(void *argument), void *argument, int timeout_ms);

/* Milliseconds since the guest started. */
long uptime_ms(void);

#endif
