// SPDX-License-Identifier: MIT
/* Taking a request line apart. */
#include "request.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reply.h"

static bool is_blank(char character)
{
	return character == ' ' || character == '\t' || character == '\r';
}

/* By hand: strspn() makes a table of its blanks at each call, which takes longer than a word under emulation. */
char *next_word(char **line)
{
	char *word = *line, *end;

	while (is_blank(*word))
		word++;
	for (end = word; *end && !is_blank(*end);)
		end++;
	*line = *end ? end + 1 : end;
	*end = '\0';
	return *word ? word : NULL;
}

bool parse_number(const char *word, uint64_t *number)
{
	int base = !strncmp(word, "0x", 2) ? 16 : 10;
	const char *digits = base == 16 ? word + 2 : word;
	char *end;

	/* strtoull would also take blanks and signs. */
	if (!(base == 16 ? isxdigit((unsigned char)*digits) : isdigit((unsigned char)*digits)))
		return false;
	errno = 0;
	*number = strtoull(digits, &end, base);
	return !errno && !*end;
}

static bool bad_number(const char *meaning, const char *word)
{
	char complaint[80];

	snprintf(complaint, sizeof(complaint), "%s is not a fitting number:", meaning);
	reply_bad(complaint, word);
	return false;
}

bool number_up_to(const struct request *request, int index, const char *meaning, uint64_t most, uint64_t *number)
{
	const char *word = request->argument[index];

	return (parse_number(word, number) && *number <= most) || bad_number(meaning, word);
}

bool number_argument(const struct request *request, int index, const char *meaning, uint64_t *number)
{
	return number_up_to(request, index, meaning, UINT64_MAX, number);
}

static bool parse_choice(const char *word, const char *const *words, uint64_t *index)
{
	for (*index = 0; words[*index]; ++*index)
		if (!strcmp(word, words[*index]))
			return true;
	return false;
}

static bool read_option(const char *word, struct option *options, size_t count)
{
	size_t length = strcspn(word, "=");

	for (size_t i = 0; i < count; i++) {
		struct option *option = &options[i];

		if (word[length] != '=' || strlen(option->name) != length || strncmp(option->name, word, length))
			continue;
		word += length + 1;
		option->given = option->words ? parse_choice(word, option->words, &option->value) :
						parse_number(word, &option->value) && option->value <= option->most;
		return option->given || bad_number(option->name, word);
	}
	reply_bad("unknown option", word);
	return false;
}

bool read_options(const struct request *request, int first, struct option *options, size_t count)
{
	for (int i = first; i < request->count; i++)
		if (!read_option(request->argument[i], options, count))
			return false;
	return true;
}
