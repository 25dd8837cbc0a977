/* SPDX-License-Identifier: MIT */
#ifndef PROBE_FINDING_H
#define PROBE_FINDING_H

#include <stddef.h>
#include <stdint.h>

struct span {
	uint64_t start;
	uint64_t last;
	const char *container;
};

/* Spans of addresses, in any order. */
struct spans {
	struct span *items;
	size_t count;
	size_t capacity;
};

/* What a transfer has done. */
struct finding {
	struct spans arrived; /* as it should be, if it should */
	struct spans strays;  /* as it never should be */
};

/* One address more; neighbours become one span. */
void spans_add(struct spans *spans, uint64_t start, uint64_t last, const char *container);

/* The values arrived=... and strays=..., the former under a name of its own. Forgets the finding. */
void reply_finding(const char *arrived, struct finding *finding);

#endif
