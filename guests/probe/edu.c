// SPDX-License-Identifier: MIT
/*
 * edu, QEMU's device for teaching. It takes 100 ms from memory to a buffer of its own, and as long back.
 * [QEMU: docs/specs/edu.rst]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine.h"

#define SOURCE 0x80
#define DESTINATION 0x88
#define COUNT 0x90
#define COMMAND 0x98
#define RUN 1ull
#define FROM_DEVICE 2ull

#define BUFFER 0x40000

#define TURN_US 1000
#define TURNS_MOST 10000

/* Kernels before 6.11 split a write of 64 bits in two, of which the device ignores the second: so they are mapped. */
static int start(struct engine *engine)
{
	struct vfio_region_info region = { .argsz = sizeof(region), .index = VFIO_PCI_BAR0_REGION_INDEX };

	if (engine->registers)
		return 0;
	if (ioctl(engine->fd, VFIO_DEVICE_GET_REGION_INFO, &region))
		return errno;

	void *registers = mmap(NULL, ENGINE_REGISTERS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, engine->fd, region.offset);

	if (registers == MAP_FAILED)
		return errno;
	madvise(registers, ENGINE_REGISTERS_BYTES, MADV_DONTFORK);
	engine->registers = registers;
	return 0;
}

static volatile uint64_t *at(const struct engine *engine, uint64_t offset)
{
	return (volatile uint64_t *)((volatile char *)engine->registers + offset);
}

static bool transfer(struct engine *engine, uint64_t from, uint64_t to, uint32_t bytes, uint64_t direction)
{
	*at(engine, SOURCE) = from;
	*at(engine, DESTINATION) = to;
	*at(engine, COUNT) = bytes;
	*at(engine, COMMAND) = RUN | direction;
	for (int turn = 0; turn < TURNS_MOST; turn++) {
		if (!(*at(engine, COMMAND) & RUN))
			return true;
		usleep(TURN_US);
	}
	return false;
}

static bool copy(struct engine *engine, uint64_t to, uint64_t from, uint32_t bytes)
{
	return transfer(engine, from, BUFFER, bytes, 0) && transfer(engine, BUFFER, to, bytes, FROM_DEVICE);
}

const struct engine_kind edu_engine = { .id = 0x11e81234, .most = 2048, .start = start, .copy = copy };
