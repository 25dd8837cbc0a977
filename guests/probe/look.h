/* SPDX-License-Identifier: MIT */
#ifndef PROBE_LOOK_H
#define PROBE_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "finding.h"
#include "request.h"

/* A transfer between a device and what is mapped. */
struct transfer {
	uint64_t number;    /* no two have the same */
	uint64_t container; /* its serial */
	uint64_t iova;
	uint64_t size;
};

/* Compares all memory with its contents, and restores them: what a device has written where. */
void look_for_written(const struct transfer *transfer, struct finding *finding);

/* Compares what a device has read, beginning `offset` bytes into the transfer, with what is mapped there. */
void look_at_read(const struct transfer *transfer, uint64_t offset, const uint8_t *bytes, size_t count,
		  struct finding *finding);

void command_watch(const struct request *request);
void command_look(const struct request *request);

#endif
