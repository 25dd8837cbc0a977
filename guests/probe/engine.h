/* SPDX-License-Identifier: MIT */
#ifndef PROBE_ENGINE_H
#define PROBE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "handles.h"
#include "request.h"

/*
 * A device that copies bytes between I/O addresses, with working memory that is mapped for it: a page for what the device
 * is told, one for what it tells, one for the bytes on their way.
 */
struct engine {
	uint64_t device; /* serial of its handle; 0 for none */
	int fd;
	const struct engine_kind *kind;
	uint64_t container; /* serial of the one in which its working memory is mapped */
	uint64_t iova;      /* of its working memory */
	uint8_t *memory;    /* the same for the probe */
	volatile void *registers;
	uint32_t turns; /* each kind counts what it likes */
};

#define ENGINE_PAGE 4096
#define ENGINE_REGISTERS_BYTES 4096 /* of those that a kind maps */
#define ENGINE_BYTES (3 * ENGINE_PAGE)
#define ENGINE_DATA (2 * ENGINE_PAGE)

struct engine_kind {
	uint32_t id;   /* as its configuration space begins: device, vendor */
	uint32_t most; /* bytes that it copies at a time */
	/* Makes the device ready to use its working memory; 0 or an errno. */
	int (*start)(struct engine *engine);
	/* Copies bytes from one I/O address to another; false when the device doesn't come to an end. */
	bool (*copy)(struct engine *engine, uint64_t to, uint64_t from, uint32_t bytes);
};

extern const struct engine_kind lsi_engine, edu_engine, nvme_engine;

/* Registers of a device, by the number of the BAR. */
void register_write(const struct engine *engine, int bar, uint64_t offset, uint32_t value);
uint32_t register_read(const struct engine *engine, int bar, uint64_t offset);

void command_engine(const struct request *request);
void command_dma(const struct request *request);

/* The device is being closed. */
void engine_forget(const struct handle *device);

#endif
