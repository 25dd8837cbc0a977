// SPDX-License-Identifier: MIT
/* The lines that go back to the harness. */
#define _GNU_SOURCE
#include "reply.h"

#include <stdio.h>
#include <string.h>

#include "channel.h"

/* How much of a wrong request is repeated in the complaint about it. */
#define SUBJECT_MOST 80

const char *errno_name(int error)
{
	static char number[16];
	const char *name = strerrorname_np(error);

	if (name)
		return name;
	snprintf(number, sizeof(number), "E%d", error);
	return number;
}

void reply_begin(uint64_t number)
{
	text_decimal(channel_replies(), number);
}

void reply_ok(void)
{
	text_string(channel_replies(), " ok");
}

void reply_error(int error)
{
	text_string(channel_replies(), " err ");
	text_string(channel_replies(), errno_name(error));
}

void reply_bad(const char *words, const char *subject)
{
	text_string(channel_replies(), " bad ");
	text_string(channel_replies(), words);
	if (!subject)
		return;
	text_char(channel_replies(), ' ');
	text_escaped(channel_replies(), subject, strnlen(subject, SUBJECT_MOST), ESCAPE_PROSE);
}

void reply_end(void)
{
	text_char(channel_replies(), '\n');
}

void reply_result(int error)
{
	if (error)
		reply_error(error);
	else
		reply_ok();
}

struct text *reply_value(const char *key)
{
	struct text *text = channel_replies();

	text_char(text, ' ');
	text_string(text, key);
	text_char(text, '=');
	return text;
}

void reply_hex(const char *key, uint64_t number)
{
	text_hex(reply_value(key), number);
}

void reply_decimal(const char *key, uint64_t number)
{
	text_decimal(reply_value(key), number);
}

void reply_bytes(const char *key, const char *bytes, size_t length)
{
	text_escaped(reply_value(key), bytes, length, ESCAPE_VALUE);
}

size_t reply_inner_begin(void)
{
	return channel_replies()->length;
}

void reply_inner_end(const char *key, size_t begin)
{
	struct text *text = channel_replies();
	struct text inner = { 0 };

	/* Without the blank that separates it from what is before it. */
	text_bytes(&inner, text->bytes + begin + 1, text->length - begin - 1);
	text->length = begin;
	reply_bytes(key, inner.bytes, inner.length);
	text_free(&inner);
}
