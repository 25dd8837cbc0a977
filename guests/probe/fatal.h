/* SPDX-License-Identifier: MIT */
#ifndef PROBE_FATAL_H
#define PROBE_FATAL_H

/* Says on the console why the probe can't go on, then turns the guest off. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Turns the guest off without a word. */
_Noreturn void power_off(void);

/* From here on a fatal signal is reported on the console, with the request that was being served. */
void catch_fatal_signals(void);

/* The request being served, for that report; an empty one between requests. */
void note_request(const char *line);

#endif
