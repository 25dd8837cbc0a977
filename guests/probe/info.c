// SPDX-License-Identifier: MIT
/* VFIO_IOMMU_GET_INFO and the chain of capabilities behind it. */
#include "info.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "fatal.h"
#include "reply.h"

/* Room for 4000 ranges; more is asked for when the kernel says that it has more. */
#define USUAL_SIZE 65536
#define CAPABILITIES_MOST 16

/* Bytes behind the caller's argsz in which a write of the kernel would show, and what they are filled with. */
#define GUARD_SIZE 4096
#define GUARD_BYTE 0xa5

/* A bigger argsz is given to the kernel without a buffer to match; no answer is that long. */
#define ARGSZ_HONOURED (16u << 20)

struct capability {
	uint16_t id;
	uint32_t offset;
};

/* The kernel's answer: where its parts lie in the buffer. 0 is never the offset of a capability. */
struct info {
	size_t valid; /* bytes that the kernel was allowed to write */
	struct vfio_iommu_type1_info header;
	struct capability capability[CAPABILITIES_MOST];
	int count;
	uint32_t broken; /* offset of a capability that is not inside the answer, or one too many */
};

static unsigned char *buffer;
static size_t capacity;

static void make_room(size_t size)
{
	if (size <= capacity)
		return;
	buffer = realloc(buffer, size);
	if (!buffer)
		die("no memory for a GET_INFO of %zu bytes", size);
	capacity = size;
}

/* Kernels before 6.6 don't align capabilities, so nothing is read through a pointer to its type. */
#define READ_FIELD(field, position) memcpy(&(field), buffer + (position), sizeof(field))

static bool read_capability(struct info *info, uint32_t offset, uint32_t *next)
{
	struct vfio_info_cap_header header;

	if (info->count == CAPABILITIES_MOST || offset + (uint64_t)sizeof(header) > info->valid)
		return false;
	READ_FIELD(header, offset);
	info->capability[info->count++] = (struct capability){ header.id, offset };
	*next = header.next;
	return true;
}

static void read_chain(struct info *info)
{
	uint32_t offset = info->header.flags & VFIO_IOMMU_INFO_CAPS ? info->header.cap_offset : 0;

	while (offset && !info->broken) {
		uint32_t next = 0;

		if (!read_capability(info, offset, &next))
			info->broken = offset;
		offset = next;
	}
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* One call with that argsz; writes nothing behind it. Returns 0 or an errno. */
static int ask(int fd, uint32_t argsz, struct info *info)
{
	memset(info, 0, sizeof(*info));
	info->valid = smaller(argsz, ARGSZ_HONOURED);
	make_room(info->valid + sizeof(argsz) + GUARD_SIZE);

	size_t header_size = smaller(info->valid, sizeof(info->header));

	memset(buffer, 0, header_size);
	memcpy(buffer, &argsz, sizeof(argsz));
	if (ioctl(fd, VFIO_IOMMU_GET_INFO, buffer))
		return errno;
	memcpy(&info->header, buffer, header_size);
	return 0;
}

/* Asks with a first guess, and again with what the kernel says it needs. */
static int ask_whole(int fd, uint32_t guess, struct info *info)
{
	int error = ask(fd, guess, info);

	if (!error && info->header.argsz > guess)
		error = ask(fd, info->header.argsz, info);
	if (!error)
		read_chain(info);
	return error;
}

/* Asks once; *overrun tells whether the kernel wrote behind argsz. */
static int ask_exactly(int fd, uint32_t argsz, struct info *info, bool *overrun)
{
	size_t guard = smaller(argsz, ARGSZ_HONOURED);

	if (guard < sizeof(argsz))
		guard = sizeof(argsz); /* argsz itself has to be somewhere */
	make_room(guard + GUARD_SIZE + sizeof(argsz));
	memset(buffer, 0, guard);
	memset(buffer + guard, GUARD_BYTE, GUARD_SIZE);

	int error = ask(fd, argsz, info);

	*overrun = false;
	for (size_t i = guard; i < guard + GUARD_SIZE; i++)
		*overrun |= buffer[i] != GUARD_BYTE;
	if (!error)
		read_chain(info);
	return error;
}

/* The offset of the first capability of that id, if it has at least `size` bytes; else 0. */
static uint32_t find_capability(const struct info *info, uint16_t id, size_t size)
{
	for (int i = 0; i < info->count; i++)
		if (info->capability[i].id == id)
			return info->capability[i].offset + size <= info->valid ? info->capability[i].offset : 0;
	return 0;
}

static void reply_capabilities(const struct info *info)
{
	struct text *list = reply_value("caps");

	for (int i = 0; i < info->count; i++) {
		if (i)
			text_char(list, ',');
		text_decimal(list, info->capability[i].id);
		text_char(list, '@');
		text_hex(list, info->capability[i].offset);
	}
	if (!info->count)
		text_char(list, '-');
	if (info->broken)
		reply_hex("broken-cap", info->broken);
}

static void reply_migration(const struct info *info)
{
	struct vfio_iommu_type1_info_cap_migration migration;
	uint32_t offset = find_capability(info, VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION, sizeof(migration));
	uint32_t padding; /* between flags and page sizes; must be 0, and once wasn't */

	if (!offset)
		return;
	READ_FIELD(migration, offset);
	READ_FIELD(padding, offset + offsetof(struct vfio_iommu_type1_info_cap_migration, flags) + sizeof(padding));

	struct text *value = reply_value("migration");

	text_hex(value, migration.flags);
	text_char(value, '/');
	text_hex(value, padding);
	text_char(value, '/');
	text_hex(value, migration.pgsize_bitmap);
	text_char(value, '/');
	text_hex(value, migration.max_dirty_bitmap_size);
}

static void reply_avail(const struct info *info, const char *key)
{
	struct vfio_iommu_type1_info_dma_avail available;
	uint32_t offset = find_capability(info, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, sizeof(available));

	if (!offset)
		return;
	READ_FIELD(available, offset);
	reply_decimal(key, available.avail);
}

static void reply_ranges(struct info *info, const char *key)
{
	struct vfio_iommu_type1_info_cap_iova_range head;
	uint32_t offset = find_capability(info, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, sizeof(head));
	struct vfio_iova_range range;

	if (!offset)
		return;
	READ_FIELD(head, offset);

	uint64_t position = offset + sizeof(head);
	struct text *list = reply_value(key);

	for (uint32_t i = 0; i < head.nr_iovas && position + sizeof(range) <= info->valid; i++) {
		READ_FIELD(range, position);
		if (i)
			text_char(list, ',');
		text_range(list, range.start, range.end);
		position += sizeof(range);
	}
	if (!head.nr_iovas)
		text_char(list, '-');
	if (position != offset + sizeof(head) + head.nr_iovas * (uint64_t)sizeof(range))
		info->broken = offset;
}

static void reply_info(struct info *info)
{
	reply_hex("argsz", info->header.argsz);
	reply_hex("flags", info->header.flags);
	if (info->header.flags & VFIO_IOMMU_INFO_PGSIZES)
		reply_hex("pgsizes", info->header.iova_pgsizes);
	if (info->valid >= offsetof(struct vfio_iommu_type1_info, cap_offset) + sizeof(uint32_t))
		reply_hex("cap-offset", info->header.cap_offset);
	reply_migration(info);
	reply_avail(info, "avail");
	reply_ranges(info, "ranges");
	reply_capabilities(info);
}

void command_info(const struct request *request)
{
	struct option argsz = { .name = "argsz", .most = UINT32_MAX };
	struct handle *container = handle_argument(request, 0, CONTAINER);
	struct info info;
	bool overrun = false;

	if (!container || !read_options(request, 1, &argsz, 1))
		return;

	int error = argsz.given ? ask_exactly(container->fd, argsz.value, &info, &overrun)
				: ask_whole(container->fd, sizeof(info.header), &info);

	if (error) {
		reply_error(error);
	} else {
		reply_ok();
		reply_info(&info);
	}
	if (overrun)
		reply_decimal("overrun", 1);
}

void reply_container_state(const struct handle *container)
{
	struct info info;
	char key[64];
	int error = ask_whole(container->fd, USUAL_SIZE, &info);

	if (error) {
		snprintf(key, sizeof(key), "%s.info", container->name);
		text_string(reply_value(key), errno_name(error));
		return;
	}
	snprintf(key, sizeof(key), "%s.pgsizes", container->name);
	reply_hex(key, info.header.iova_pgsizes);
	snprintf(key, sizeof(key), "%s.avail", container->name);
	reply_avail(&info, key);
	snprintf(key, sizeof(key), "%s.ranges", container->name);
	reply_ranges(&info, key);
}
