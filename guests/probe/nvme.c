// SPDX-License-Identifier: MIT
/*
 * nvme, a disk controller, needs no disk to copy 512 bytes: it takes them as a description of its host, and gives them
 * back. Its addresses have 64 bits. [NVM Express base specification: admin commands, "Host Behavior Support"]
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"

#define REGISTERS 0 /* BAR */
#define INTERRUPT_MASK 0x0c
#define CONFIGURATION 0x14
#define STATUS 0x1c
#define READY 1u
#define QUEUE_SIZES 0x24
#define SUBMISSIONS 0x28
#define COMPLETIONS 0x30
#define SUBMISSION_TAIL 0x1000
#define COMPLETION_HEAD 0x1004

/* Enabled, with entries of 64 bytes to ask and of 16 to answer, and pages of 4 KiB. */
#define ENABLED 0x460001
#define ENTRIES 16

#define SET_FEATURES 0x09
#define GET_FEATURES 0x0a
#define HOST_BEHAVIOR 0x16

#define TURN_US 20
#define TURNS_MOST 250000

struct submission {
	uint32_t opcode_and_id;
	uint32_t namespace;
	uint64_t reserved[2];
	uint64_t data[2];
	uint32_t arguments[6];
};

struct completion {
	uint32_t result[2];
	uint32_t queue;
	uint16_t id;
	uint16_t phase_and_status;
};

static bool becomes_ready(const struct engine *engine, uint32_t ready)
{
	for (int turn = 0; turn < TURNS_MOST; turn++) {
		if ((register_read(engine, REGISTERS, STATUS) & READY) == ready)
			return true;
		usleep(TURN_US);
	}
	return false;
}

static void write_address(const struct engine *engine, uint64_t offset, uint64_t address)
{
	register_write(engine, REGISTERS, offset, address);
	register_write(engine, REGISTERS, offset + 4, address >> 32);
}

static int start(struct engine *engine)
{
	register_write(engine, REGISTERS, CONFIGURATION, 0);
	if (!becomes_ready(engine, 0))
		return EIO;
	engine->turns = 0;
	register_write(engine, REGISTERS, INTERRUPT_MASK, ~0u);
	register_write(engine, REGISTERS, QUEUE_SIZES, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	write_address(engine, SUBMISSIONS, engine->iova);
	write_address(engine, COMPLETIONS, engine->iova + ENGINE_PAGE);
	register_write(engine, REGISTERS, CONFIGURATION, ENABLED);
	return becomes_ready(engine, READY) ? 0 : EIO;
}

/* The bit that tells a new answer from that of the last time round. */
static bool has_answer(const struct engine *engine, uint32_t turn)
{
	const volatile struct completion *completion =
		(const volatile struct completion *)(engine->memory + ENGINE_PAGE) + turn % ENTRIES;

	return (completion->phase_and_status & 1) == !(turn / ENTRIES % 2);
}

/* Whether it succeeds doesn't matter: memory tells. */
static bool ask(struct engine *engine, uint8_t opcode, uint64_t iova)
{
	uint32_t turn = engine->turns++;
	struct submission submission = {
		.opcode_and_id = opcode | turn << 16,
		.data = { iova, (iova | (ENGINE_PAGE - 1)) + 1 },
		.arguments = { HOST_BEHAVIOR },
	};

	memcpy(engine->memory + turn % ENTRIES * sizeof(submission), &submission, sizeof(submission));
	register_write(engine, REGISTERS, SUBMISSION_TAIL, engine->turns % ENTRIES);
	for (int i = 0; !has_answer(engine, turn); i++) {
		if (i == TURNS_MOST)
			return false;
		usleep(TURN_US);
	}
	register_write(engine, REGISTERS, COMPLETION_HEAD, engine->turns % ENTRIES);
	return true;
}

static bool copy(struct engine *engine, uint64_t to, uint64_t from, uint32_t bytes)
{
	(void)bytes; /* always as many as the description has */
	return ask(engine, SET_FEATURES, from) && ask(engine, GET_FEATURES, to);
}

const struct engine_kind nvme_engine = { .id = 0x00101b36, .most = 512, .start = start, .copy = copy };
