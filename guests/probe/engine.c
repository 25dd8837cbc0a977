// SPDX-License-Identifier: MIT
/* Devices that move data: what a program has them do, and what came of it. */
#include "engine.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "content.h"
#include "fatal.h"
#include "look.h"
#include "memory.h"
#include "process.h"
#include "reply.h"

#define ENGINES_MOST 8
static struct engine engines[ENGINES_MOST];

static const struct engine_kind *const kinds[] = { &lsi_engine, &edu_engine, &nvme_engine };

static uint64_t region_offset(const struct engine *engine, int index)
{
	struct vfio_region_info region = { .argsz = sizeof(region), .index = index };

	if (ioctl(engine->fd, VFIO_DEVICE_GET_REGION_INFO, &region))
		die("a device has no region %d: %s", index, strerror(errno));
	return region.offset;
}

static _Noreturn void access_failed(const char *what, uint64_t offset)
{
	die("cannot %s a device at 0x%llx: %s", what, (unsigned long long)offset, strerror(errno));
}

static void region_write(const struct engine *engine, int index, uint64_t offset, const void *bytes, size_t count)
{
	if (pwrite(engine->fd, bytes, count, region_offset(engine, index) + offset) != (ssize_t)count)
		access_failed("write to", offset);
}

static void region_read(const struct engine *engine, int index, uint64_t offset, void *bytes, size_t count)
{
	if (pread(engine->fd, bytes, count, region_offset(engine, index) + offset) != (ssize_t)count)
		access_failed("read from", offset);
}

/* Little endian, as the devices are; so is every guest. */
void register_write(const struct engine *engine, int bar, uint64_t offset, uint32_t value)
{
	region_write(engine, VFIO_PCI_BAR0_REGION_INDEX + bar, offset, &value, sizeof(value));
}

uint32_t register_read(const struct engine *engine, int bar, uint64_t offset)
{
	uint32_t value;

	region_read(engine, VFIO_PCI_BAR0_REGION_INDEX + bar, offset, &value, sizeof(value));
	return value;
}

static struct engine *engine_of(const struct handle *device)
{
	for (int i = 0; i < ENGINES_MOST; i++)
		if (engines[i].device == device->serial)
			return &engines[i];
	return NULL;
}

static struct engine *free_engine(void)
{
	return engine_of(&(struct handle){ .serial = 0 });
}

void engine_forget(const struct handle *device)
{
	struct engine *engine = engine_of(device);

	if (!engine)
		return;
	if (engine->registers)
		munmap((void *)engine->registers, ENGINE_REGISTERS_BYTES);
	*engine = (struct engine){ 0 };
}

/* Which kind of engine the device is; NULL for none. */
static const struct engine_kind *kind_of(const struct engine *engine)
{
	uint32_t id;

	region_read(engine, VFIO_PCI_CONFIG_REGION_INDEX, PCI_VENDOR_ID, &id, sizeof(id));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i]->id == id)
			return kinds[i];
	return NULL;
}

static void let_access_memory(const struct engine *engine)
{
	uint16_t command;

	region_read(engine, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, &command, sizeof(command));
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	region_write(engine, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, &command, sizeof(command));
}

/* The probe's side of an engine's working memory, whose contents are the engine's business from now on. */
static uint8_t *working_memory(const struct handle *container, uint64_t iova)
{
	for (struct mapped *mapped = memory_newest(); mapped; mapped = mapped->older) {
		if (mapped->container != container->serial || mapped->iova != iova)
			continue;
		if (mapped->memory.bytes < ENGINE_BYTES || !mapped->memory.writable)
			return NULL;
		mapped->content = 0;
		memset(mapped->memory.address, 0, ENGINE_BYTES);
		return mapped->memory.address;
	}
	return NULL;
}

void command_engine(const struct request *request)
{
	const struct handle *device = handle_argument(request, 0, DEVICE);
	const struct handle *container = device ? handle_argument(request, 1, CONTAINER) : NULL;
	struct engine *engine = device ? engine_of(device) : NULL;
	uint64_t iova;

	if (!container || !number_argument(request, 2, "the IOVA", &iova))
		return;
	engine = engine ? engine : free_engine();
	if (!engine) {
		reply_bad("too many engines for", device->name);
		return;
	}
	memory_watch();
	processes_tell("watch");

	struct engine made = *engine;

	made.device = device->serial;
	made.fd = device->fd;
	made.kind = kind_of(&made);
	made.container = container->serial;
	made.iova = iova;
	made.memory = working_memory(container, iova);
	if (!made.kind || !made.memory) {
		reply_bad(made.kind ? "no working memory for" : "moves no data:", device->name);
		return;
	}
	*engine = made;
	let_access_memory(engine);
	reply_result(engine->kind->start(engine));
}

static uint64_t data_iova(const struct engine *engine)
{
	return engine->iova + ENGINE_DATA;
}

/* From the engine's memory to an I/O address: bytes that tell where they belong. */
static bool write_part(struct engine *engine, const struct transfer *transfer, uint64_t offset, uint32_t bytes)
{
	uint8_t *data = engine->memory + ENGINE_DATA;

	for (uint32_t i = 0; i < bytes; i++) {
		uint64_t iova = transfer->iova + offset + i;

		data[i] = byte_of(transfer_word(transfer->number, iova / 8), iova % 8);
	}
	return engine->kind->copy(engine, transfer->iova + offset, data_iova(engine), bytes);
}

/* The other way round. What a device can't read leaves zeroes, which no memory has. */
static bool read_part(struct engine *engine, const struct transfer *transfer, uint64_t offset, uint32_t bytes,
		      struct finding *finding)
{
	uint8_t *data = engine->memory + ENGINE_DATA;

	memset(data, 0, bytes);
	if (!engine->kind->copy(engine, data_iova(engine), transfer->iova + offset, bytes))
		return false;
	look_at_read(transfer, offset, data, bytes, finding);
	return true;
}

static bool do_transfer(struct engine *engine, const struct transfer *transfer, bool is_write, struct finding *finding)
{
	for (uint64_t offset = 0; offset < transfer->size; offset += engine->kind->most) {
		uint64_t left = transfer->size - offset;
		uint32_t bytes = left < engine->kind->most ? left : engine->kind->most;

		if (is_write ? !write_part(engine, transfer, offset, bytes) :
			       !read_part(engine, transfer, offset, bytes, finding))
			return false;
	}
	return true;
}

/* What the transfer has done to the memory of children, as each of them sees it. */
static void reply_of_children(const struct transfer *transfer)
{
	char words[120];

	snprintf(words, sizeof(words), "look %llu %llu 0x%llx 0x%llx", (unsigned long long)transfer->number,
		 (unsigned long long)transfer->container, (unsigned long long)transfer->iova,
		 (unsigned long long)transfer->size);
	processes_add(words);
}

void command_dma(const struct request *request)
{
	static uint64_t numbers;
	const struct handle *device = handle_argument(request, 0, DEVICE);
	struct engine *engine = device ? engine_of(device) : NULL;
	bool is_write = !strcmp(request->argument[1], "write");
	struct transfer transfer = { .number = ++numbers };
	struct finding finding = { 0 };

	if (!device || !number_argument(request, 2, "the IOVA", &transfer.iova) ||
	    !number_argument(request, 3, "the size", &transfer.size))
		return;
	if (!engine || (!is_write && strcmp(request->argument[1], "read"))) {
		reply_bad(engine ? "to read or to write, not" : "no engine was made of",
			  engine ? request->argument[1] : device->name);
		return;
	}
	transfer.container = engine->container;
	processes_tell("watch");
	if (!do_transfer(engine, &transfer, is_write, &finding)) {
		reply_error(EIO);
		return;
	}

	struct transfer written = transfer;

	if (!is_write)
		written.size = 0;
	look_for_written(&written, &finding);
	reply_ok();
	reply_finding(is_write ? "landed" : "seen", &finding);
	if (is_write)
		reply_of_children(&transfer);
}
