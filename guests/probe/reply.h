/* SPDX-License-Identifier: MIT */
#ifndef PROBE_REPLY_H
#define PROBE_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "text.h"

/* A reply is begun, gets exactly one of ok, error and bad, after ok any number of values, and is ended. */
void reply_begin(uint64_t number);
void reply_ok(void);
void reply_error(int error);
void reply_bad(const char *words, const char *subject);
void reply_end(void);

/* reply_ok() for 0, reply_error() for an errno. */
void reply_result(int error);

/* Values: key=... */
void reply_hex(const char *key, uint64_t number);
void reply_decimal(const char *key, uint64_t number);
void reply_bytes(const char *key, const char *bytes, size_t length);

/* Begins a value whose text the caller appends to what is returned. */
struct text *reply_value(const char *key);

/*
 * What is replied from begin to end becomes a value: a reply inside a reply, which begins with ok, err or bad like any
 * other. The number that the first returns is for the second.
 */
size_t reply_inner_begin(void);
void reply_inner_end(const char *key, size_t begin);

/* The name of an errno, "E524" for one without a name. The result is valid until the next call. */
const char *errno_name(int error);

#endif
