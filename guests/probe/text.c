// SPDX-License-Identifier: MIT
/* The growing byte string in which replies are put together. */
#include "text.h"

#include <stdlib.h>
#include <string.h>

#include "fatal.h"

static void reserve(struct text *text, size_t more)
{
	if (text->length + more <= text->capacity)
		return;
	size_t capacity = (text->length + more) * 2;
	char *bytes = realloc(text->bytes, capacity);

	if (!bytes)
		die("no memory for a text of %zu bytes", capacity);
	text->bytes = bytes;
	text->capacity = capacity;
}

void text_free(struct text *text)
{
	free(text->bytes);
	*text = (struct text){ 0 };
}

void text_bytes(struct text *text, const void *bytes, size_t length)
{
	reserve(text, length);
	if (length)
		memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

void text_string(struct text *text, const char *string)
{
	text_bytes(text, string, strlen(string));
}

void text_char(struct text *text, char character)
{
	reserve(text, 1);
	text->bytes[text->length++] = character;
}

static const char DIGITS[] = "0123456789abcdef";

/*
 * The digits are made by hand: an IOVA list has hundreds of numbers, and printf is slow under emulation. So is division,
 * unless the compiler knows by what.
 */
void text_hex(struct text *text, uint64_t number)
{
	char digits[18];
	size_t first = sizeof(digits);

	do {
		digits[--first] = DIGITS[number & 0xf];
		number >>= 4;
	} while (number);
	digits[--first] = 'x';
	digits[--first] = '0';
	text_bytes(text, digits + first, sizeof(digits) - first);
}

void text_octets(struct text *text, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = bytes[i];

		text_char(text, DIGITS[byte >> 4]);
		text_char(text, DIGITS[byte & 0xf]);
	}
}

void text_decimal(struct text *text, uint64_t number)
{
	char digits[20];
	size_t first = sizeof(digits);

	do {
		digits[--first] = DIGITS[number % 10];
		number /= 10;
	} while (number);
	text_bytes(text, digits + first, sizeof(digits) - first);
}

void text_range(struct text *text, uint64_t start, uint64_t last)
{
	text_hex(text, start);
	text_bytes(text, "..", 2);
	text_hex(text, last);
}

static bool is_plain(unsigned char byte, enum escape escape)
{
	if (byte < ' ' || byte > '~' || byte == '%')
		return false;
	if (byte == ' ')
		return escape == ESCAPE_PROSE;
	return byte != ',' || escape != ESCAPE_ITEM;
}

void text_escaped(struct text *text, const char *bytes, size_t length, enum escape escape)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = bytes[i];

		if (is_plain(byte, escape)) {
			text_char(text, byte);
			continue;
		}
		text_char(text, '%');
		text_char(text, "0123456789ABCDEF"[byte >> 4]);
		text_char(text, "0123456789ABCDEF"[byte & 15]);
	}
}
