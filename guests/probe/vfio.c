// SPDX-License-Identifier: MIT
/* Containers, groups and devices: everything of VFIO that is not about mappings. */
#include "vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "handles.h"
#include "reply.h"

static void open_as(const char *name, enum handle_kind kind, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		reply_error(errno);
		return;
	}
	handle_add(name, kind, fd);
	reply_ok();
}

/* A group may be asked for by the handle that it has: the kernel is to refuse, and if it doesn't, that is the answer. */
static void open_again(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	reply_result(fd < 0 ? errno : 0);
}

static void close_named(const struct request *request, enum handle_kind kind)
{
	struct handle *handle = handle_argument(request, 0, kind);

	if (!handle)
		return;
	handle_close(handle);
	reply_ok();
}

void command_open(const struct request *request)
{
	if (handle_is_new(request, 0))
		open_as(request->argument[0], CONTAINER, "/dev/vfio/vfio");
}

void command_close(const struct request *request)
{
	close_named(request, CONTAINER);
}

void command_group_open(const struct request *request)
{
	uint64_t number;
	char path[40];

	const struct handle *open_already = handle_find(request->argument[0]);
	bool is_open = open_already && open_already->kind == GROUP;

	if ((!is_open && !handle_is_new(request, 0)) || !number_up_to(request, 1, "the group", INT32_MAX, &number))
		return;
	snprintf(path, sizeof(path), "/dev/vfio/%d", (int)number);
	if (is_open)
		open_again(path);
	else
		open_as(request->argument[0], GROUP, path);
}

void command_group_close(const struct request *request)
{
	close_named(request, GROUP);
}

void command_group_status(const struct request *request)
{
	struct vfio_group_status status = { 0 };
	struct option argsz = { .name = "argsz", .most = UINT32_MAX, .value = sizeof(status) };
	struct handle *group = handle_argument(request, 0, GROUP);

	if (!group || !read_options(request, 1, &argsz, 1))
		return;
	status.argsz = argsz.value;
	if (ioctl(group->fd, VFIO_GROUP_GET_STATUS, &status)) {
		reply_error(errno);
		return;
	}
	reply_ok();
	reply_hex("flags", status.flags);
}

/* SET_CONTAINER takes the descriptor from memory. */
struct set_container {
	struct call call;
	int container_fd;
};

struct call *prepare_set_container(const struct request *request)
{
	const struct handle *group = handle_argument(request, 0, GROUP);
	const struct handle *container = group ? handle_argument(request, 1, CONTAINER) : NULL;

	if (!container)
		return NULL;

	struct set_container *set = call_new(sizeof(*set), group->fd, VFIO_GROUP_SET_CONTAINER);

	set->container_fd = container->fd;
	set->call.argument = (uintptr_t)&set->container_fd;
	return &set->call;
}

/* A descriptor that is open, but of no container. */
static void set_other_file(const struct handle *group)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		reply_bad("cannot open /dev/null:", strerror(errno));
		return;
	}
	reply_result(ioctl(group->fd, VFIO_GROUP_SET_CONTAINER, &fd) ? errno : 0);
	close(fd);
}

void command_set_container_to(const struct request *request)
{
	const struct handle *group = handle_argument(request, 0, GROUP);
	const char *what = request->argument[1];
	int fd = -1;

	if (!group)
		return;
	if (!strcmp(what, "other-file")) {
		set_other_file(group);
		return;
	}
	if (!strcmp(what, "closed"))
		fd = sysconf(_SC_OPEN_MAX); /* one more than may be open */
	else if (strcmp(what, "negative")) {
		reply_bad("SET_CONTAINER to negative, closed or other-file, not", what);
		return;
	}
	reply_result(ioctl(group->fd, VFIO_GROUP_SET_CONTAINER, &fd) ? errno : 0);
}

struct call *prepare_unset_container(const struct request *request)
{
	const struct handle *group = handle_argument(request, 0, GROUP);

	return group ? call_new(sizeof(struct call), group->fd, VFIO_GROUP_UNSET_CONTAINER) : NULL;
}

/* A call of a container whose argument is the number in the request. */
static struct call *prepare_numbered(const struct request *request, const char *meaning, unsigned long ioctl_number)
{
	const struct handle *container = handle_argument(request, 0, CONTAINER);
	uint64_t number;

	if (!container || !number_argument(request, 1, meaning, &number))
		return NULL;

	struct call *call = call_new(sizeof(*call), container->fd, ioctl_number);

	call->argument = number;
	return call;
}

struct call *prepare_set_iommu(const struct request *request)
{
	return prepare_numbered(request, "the IOMMU type", VFIO_SET_IOMMU);
}

static void answer_value(struct call *call)
{
	reply_result(call->error);
	if (!call->error)
		reply_decimal("value", call->value);
}

struct call *prepare_check_extension(const struct request *request)
{
	struct call *call = prepare_numbered(request, "the extension", VFIO_CHECK_EXTENSION);

	if (call)
		call->answer = answer_value;
	return call;
}

void command_device_open(const struct request *request)
{
	struct handle *group = handle_is_new(request, 0) ? handle_argument(request, 1, GROUP) : NULL;

	if (!group)
		return;

	int fd = ioctl(group->fd, VFIO_GROUP_GET_DEVICE_FD, request->argument[2]);

	if (fd < 0) {
		reply_error(errno);
		return;
	}
	handle_add(request->argument[0], DEVICE, fd);
	reply_ok();
}

void command_device_close(const struct request *request)
{
	close_named(request, DEVICE);
}
