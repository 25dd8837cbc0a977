/* SPDX-License-Identifier: MIT */
#ifndef PROBE_TEXT_H
#define PROBE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A byte string that grows as it is appended to; running out of memory turns the guest off. */
struct text {
	char *bytes;
	size_t length;
	size_t capacity;
};

/* Which bytes beside the unprintable ones text_escaped() replaces by %XX. */
enum escape {
	ESCAPE_VALUE, /* blanks */
	ESCAPE_ITEM,  /* blanks and the commas that separate the items of a list */
	ESCAPE_PROSE, /* nothing more: for words meant for a person */
};

void text_free(struct text *text);
void text_bytes(struct text *text, const void *bytes, size_t length);
void text_string(struct text *text, const char *string);
void text_char(struct text *text, char character);
void text_hex(struct text *text, uint64_t number);
void text_decimal(struct text *text, uint64_t number);
void text_octets(struct text *text, const char *bytes, size_t length);
void text_range(struct text *text, uint64_t start, uint64_t last);
void text_escaped(struct text *text, const char *bytes, size_t length, enum escape escape);

#endif
