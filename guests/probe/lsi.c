// SPDX-License-Identifier: MIT
/*
 * lsi53c895a, a SCSI controller that runs programs. The copy is done before the write that starts the program returns.
 * Its addresses have 32 bits. [QEMU: hw/scsi/lsi53c895a.c; LSI53C895A technical manual, "SCSI SCRIPTS instruction set"]
 */
#include <string.h>

#include "engine.h"

#define REGISTERS 1 /* BAR */
#define ISTAT0 0x14
#define ISTAT0_RESET (1u << 6)
#define DSP 0x2c  /* where the program is; writing starts it */
#define DSPS 0x30 /* last operand of the instruction it ended with */

#define MEMORY_MOVE 0xc0000000
#define INTERRUPT 0x98080000

static int start(struct engine *engine)
{
	register_write(engine, REGISTERS, ISTAT0, ISTAT0_RESET);
	register_write(engine, REGISTERS, ISTAT0, 0);
	return 0;
}

static bool copy(struct engine *engine, uint64_t to, uint64_t from, uint32_t bytes)
{
	const uint32_t turn = ++engine->turns;
	const uint32_t program[] = { MEMORY_MOVE | bytes, from, to, INTERRUPT, turn };

	memcpy(engine->memory, program, sizeof(program));
	register_write(engine, REGISTERS, DSP, engine->iova);
	return register_read(engine, REGISTERS, DSPS) == turn;
}

const struct engine_kind lsi_engine = { .id = 0x00121000, .most = 4096, .start = start, .copy = copy };
