/* SPDX-License-Identifier: MIT */
#ifndef PROBE_REQUEST_H
#define PROBE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARGUMENTS_MOST 9

/* What follows the command on its line. */
struct request {
	char *argument[ARGUMENTS_MOST];
	int count;
};

/* An option of the form name=NUMBER, or name=WORD where there are words to choose from. */
struct option {
	const char *name;
	const char *const *words; /* ends with NULL; the value is the word's index */
	uint64_t most;
	uint64_t value;
	bool given;
};

/* Cuts the next word off a line, in place; NULL when there is none. */
char *next_word(char **line);

/* Decimal, or hexadecimal with 0x; nothing else, and no overflow. */
bool parse_number(const char *word, uint64_t *number);

/* The functions below answer `bad` and return false when the request is wrong. */
bool number_argument(const struct request *request, int index, const char *meaning, uint64_t *number);
bool number_up_to(const struct request *request, int index, const char *meaning, uint64_t most, uint64_t *number);
bool read_options(const struct request *request, int first, struct option *options, size_t count);

#endif
