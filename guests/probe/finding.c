// SPDX-License-Identifier: MIT
/* What a transfer has done, as spans of addresses. */
#include "finding.h"

#include <stdlib.h>

#include "fatal.h"
#include "reply.h"

/* Strays are never right: these are enough to see what they have in common. */
#define STRAYS_MOST 16

static struct span *space_for_one(struct spans *spans)
{
	if (spans->count == spans->capacity) {
		spans->capacity = spans->capacity ? spans->capacity * 2 : 16;
		spans->items = realloc(spans->items, spans->capacity * sizeof(*spans->items));
		if (!spans->items)
			die("no memory for %zu spans of addresses", spans->capacity);
	}
	return &spans->items[spans->count++];
}

void spans_add(struct spans *spans, uint64_t start, uint64_t last, const char *container)
{
	struct span *newest = spans->count ? &spans->items[spans->count - 1] : NULL;

	if (newest && newest->container == container && newest->last + 1 == start)
		newest->last = last;
	else
		*space_for_one(spans) = (struct span){ start, last, container };
}

static int by_start(const void *a, const void *b)
{
	const struct span *one = a, *other = b;

	return one->start < other->start ? -1 : one->start > other->start;
}

/* Spans come mapping by mapping: sorted, those of neighbouring mappings join. */
static void join(struct spans *spans)
{
	size_t count = 0;

	if (!spans->count)
		return;
	qsort(spans->items, spans->count, sizeof(*spans->items), by_start);
	for (size_t i = 1; i < spans->count; i++)
		if (spans->items[count].last + 1 == spans->items[i].start)
			spans->items[count].last = spans->items[i].last;
		else
			spans->items[++count] = spans->items[i];
	spans->count = count + 1;
}

static void reply_arrived(const char *key, const struct spans *spans)
{
	struct text *text = reply_value(key);

	for (size_t i = 0; i < spans->count; i++) {
		if (i)
			text_char(text, ',');
		text_range(text, spans->items[i].start, spans->items[i].last);
	}
	if (!spans->count)
		text_char(text, '-');
}

static void reply_strays(const struct spans *spans)
{
	struct text *text = reply_value("strays");

	for (size_t i = 0; i < spans->count && i < STRAYS_MOST; i++) {
		if (i)
			text_char(text, ',');
		text_string(text, spans->items[i].container);
		text_char(text, ':');
		text_range(text, spans->items[i].start, spans->items[i].last);
	}
	if (!spans->count)
		text_char(text, '-');
	if (spans->count > STRAYS_MOST)
		reply_decimal("more", 1);
}

void reply_finding(const char *arrived, struct finding *finding)
{
	join(&finding->arrived);
	reply_arrived(arrived, &finding->arrived);
	reply_strays(&finding->strays);
	free(finding->arrived.items);
	free(finding->strays.items);
	*finding = (struct finding){ 0 };
}
