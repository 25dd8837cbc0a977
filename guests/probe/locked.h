/* SPDX-License-Identifier: MIT */
#ifndef PROBE_LOCKED_H
#define PROBE_LOCKED_H

#include <stdint.h>
#include <sys/types.h>

/* Locked memory of a process, in pages: what type1 charges for pinned pages. As the guest module tells it, if there is one. */
uint64_t locked_pages(pid_t pid);

/* The same of this process, as /proc tells it. */
uint64_t locked_pages_in_proc(void);

#endif
