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

/* A question and the kernel's answer: where its parts lie. 0 is never the offset of a capability. */
struct info {
	unsigned char *bytes;
	size_t valid; /* how many of them the kernel was allowed to write */
	struct vfio_iommu_type1_info header;
	struct capability capability[CAPABILITIES_MOST];
	int count;
	uint32_t broken; /* offset of a capability that is not inside the answer, or one too many */
};

/* Room for so many bytes, taken from what the last caller had. */
static unsigned char *make_room(size_t size)
{
	static unsigned char *buffer;
	static size_t capacity;

	if (size <= capacity)
		return buffer;
	buffer = realloc(buffer, size);
	if (!buffer)
		die("no memory for a GET_INFO of %zu bytes", size);
	capacity = size;
	return buffer;
}

/* Kernels before 6.6 don't align capabilities, so nothing is read through a pointer to its type. */
#define READ_FIELD(info, field, position) memcpy(&(field), (info)->bytes + (position), sizeof(field))

static bool read_capability(struct info *info, uint32_t offset, uint32_t *next)
{
	struct vfio_info_cap_header header;

	if (info->count == CAPABILITIES_MOST || offset + (uint64_t)sizeof(header) > info->valid)
		return false;
	READ_FIELD(info, header, offset);
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

static size_t header_size(const struct info *info)
{
	return smaller(info->valid, sizeof(info->header));
}

/* The question with that argsz, for which there is room; it goes no further. */
static void pose(struct info *info, unsigned char *bytes, uint32_t argsz)
{
	*info = (struct info){ .bytes = bytes, .valid = smaller(argsz, ARGSZ_HONOURED) };
	memset(bytes, 0, header_size(info));
	memcpy(bytes, &argsz, sizeof(argsz));
}

static void read_header(struct info *info)
{
	memcpy(&info->header, info->bytes, header_size(info));
}

/* One call with that argsz; writes nothing behind it. Returns 0 or an errno. */
static int ask(int fd, uint32_t argsz, struct info *info)
{
	pose(info, make_room(smaller(argsz, ARGSZ_HONOURED) + sizeof(argsz)), argsz);
	if (ioctl(fd, VFIO_IOMMU_GET_INFO, info->bytes))
		return errno;
	read_header(info);
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
	READ_FIELD(info, migration, offset);
	READ_FIELD(info, padding, offset + offsetof(struct vfio_iommu_type1_info_cap_migration, flags) + sizeof(padding));

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
	READ_FIELD(info, available, offset);
	reply_decimal(key, available.avail);
}

static void reply_ranges(struct info *info, const char *key)
{
	struct vfio_iommu_type1_info_cap_iova_range head;
	uint32_t offset = find_capability(info, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, sizeof(head));
	struct vfio_iova_range range;

	if (!offset)
		return;
	READ_FIELD(info, head, offset);

	uint64_t position = offset + sizeof(head);
	struct text *list = reply_value(key);

	for (uint32_t i = 0; i < head.nr_iovas && position + sizeof(range) <= info->valid; i++) {
		READ_FIELD(info, range, position);
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

/* A question that is asked once, with a guard behind the room for its answer. */
struct exact_info {
	struct call call;
	struct info info;
	size_t guard; /* its offset */
};

static bool has_overrun(const struct exact_info *exact)
{
	for (size_t i = exact->guard; i < exact->guard + GUARD_SIZE; i++)
		if (exact->info.bytes[i] != GUARD_BYTE)
			return true;
	return false;
}

static void answer_info(struct call *call)
{
	struct exact_info *exact = (struct exact_info *)call;

	reply_result(call->error);
	if (!call->error) {
		read_header(&exact->info);
		read_chain(&exact->info);
		reply_info(&exact->info);
	}
	if (has_overrun(exact))
		reply_decimal("overrun", 1);
}

static void release_info(struct call *call)
{
	free(((struct exact_info *)call)->info.bytes);
}

static struct call *prepare_exactly(const struct handle *container, uint32_t argsz)
{
	struct exact_info *exact = call_new(sizeof(*exact), container->fd, VFIO_IOMMU_GET_INFO);
	size_t room = smaller(argsz, ARGSZ_HONOURED);
	unsigned char *bytes;

	exact->guard = room > sizeof(argsz) ? room : sizeof(argsz); /* argsz itself has to be somewhere */
	bytes = calloc(1, exact->guard + GUARD_SIZE);
	if (!bytes)
		die("no memory for a GET_INFO of %u bytes", argsz);
	memset(bytes + exact->guard, GUARD_BYTE, GUARD_SIZE);
	pose(&exact->info, bytes, argsz);
	exact->call.argument = (uintptr_t)bytes;
	exact->call.answer = answer_info;
	exact->call.release = release_info;
	return &exact->call;
}

struct call *prepare_info(const struct request *request)
{
	struct option argsz = { .name = "argsz", .most = UINT32_MAX };
	const struct handle *container = handle_argument(request, 0, CONTAINER);

	if (!container || !read_options(request, 1, &argsz, 1))
		return NULL;
	if (argsz.given)
		return prepare_exactly(container, argsz.value);
	reply_bad("without argsz, info may take two calls", NULL);
	return NULL;
}

void command_info(const struct request *request)
{
	const struct handle *container = handle_argument(request, 0, CONTAINER);
	struct info info;

	if (!container)
		return;
	if (request->count > 1) {
		call_serve(prepare_info(request));
		return;
	}

	int error = ask_whole(container->fd, sizeof(info.header), &info);

	reply_result(error);
	if (!error)
		reply_info(&info);
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
