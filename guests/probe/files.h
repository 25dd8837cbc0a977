/* SPDX-License-Identifier: MIT */
#ifndef PROBE_FILES_H
#define PROBE_FILES_H

#include <stddef.h>

#include "request.h"
#include "text.h"

/* Room for any path that the probe makes up. */
#define PATH_SIZE 512

/* The functions below return 0 or an errno. */

/* Appends a file's contents, at most `most` bytes of it; *cut (may be NULL) tells whether there was more. */
int read_file(const char *path, size_t most, struct text *contents, bool *cut);

/* The first line of a file, cut to size - 1 characters. */
int read_word(const char *path, char *word, size_t size);

/* Hands the whole text to the file in one write, as the kernel's attribute files want it. */
int write_file(const char *path, const char *bytes, size_t length);

/* The last component of what a link points to. */
int read_link_name(const char *path, char *name, size_t size);

void command_read(const struct request *request);
void command_read_hex(const struct request *request);
void command_write(const struct request *request);

#endif
