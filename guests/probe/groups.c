// SPDX-License-Identifier: MIT
/* IOMMU groups in sysfs: giving devices to vfio-pci, which groups there are, what they reserve. */
#define _GNU_SOURCE
#include "groups.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "reply.h"
#include "uevent.h"

#define GROUPS "/sys/kernel/iommu_groups"
#define DEVICES "/sys/bus/pci/devices"
#define DRIVER "vfio-pci"
#define NODE_TIMEOUT_MS 5000

/* More than any kernel lists for one group. */
#define REGIONS_MOST (1u << 20)

/* domain:bus:device.function, and nothing else, since it becomes part of a path */
static bool is_bdf(const char *word)
{
	int length = 0;

	sscanf(word, "%*[0-9a-f]:%*2[0-9a-f]:%*2[0-9a-f].%*1[0-7]%n", &length);
	return length && !word[length];
}

static bool is_bound(const char *bdf)
{
	char path[PATH_SIZE], driver[64];

	snprintf(path, sizeof(path), DEVICES "/%s/driver", bdf);
	return !read_link_name(path, driver, sizeof(driver)) && !strcmp(driver, DRIVER);
}

static int write_attribute(const char *bdf, const char *attribute, const char *value)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), DEVICES "/%s/%s", bdf, attribute);
	return write_file(path, value, strlen(value));
}

/* Returns 0 or an errno; ENODEV when vfio-pci did not take the device. */
static int bind_to_vfio(const char *bdf)
{
	int error;

	if (is_bound(bdf))
		return 0;
	error = write_attribute(bdf, "driver_override", DRIVER);
	if (error)
		return error;
	error = write_attribute(bdf, "driver/unbind", bdf);
	if (error && error != ENOENT) /* ENOENT: it has no driver */
		return error;
	/*
	 * What is enabled already isn't enabled anew whenever somebody opens it, for which the kernel has ACPI look up its
	 * interrupt: milliseconds under emulation. EBUSY, if the kernel was faster and it has a driver, costs time alone.
	 */
	error = write_attribute(bdf, "enable", "1");
	if (error && error != EBUSY)
		return error;
	error = write_file("/sys/bus/pci/drivers_probe", bdf, strlen(bdf));
	if (error)
		return error;
	return is_bound(bdf) ? 0 : ENODEV;
}

/*
 * A device that was plugged in is in sysfs before drivers may have it. Either it is too early here, and the kernel looks
 * for a driver later and finds the one that is asked for; or the kernel has looked already, and vfio-pci has it now.
 */
static bool plugged_is_bound(void *argument)
{
	if (bind_to_vfio(argument))
		return false;
	/*
	 * The link to the driver is there while the driver still begins with the device, in the kernel's own thread, and so
	 * is the group's node. Writing to this file waits for that, and is refused (EBUSY) then.
	 */
	write_attribute(argument, "enable", "0");
	return is_bound(argument);
}

struct group_node {
	const char *bdf;
	char group[16];
};

static bool has_group_node(void *argument)
{
	struct group_node *wanted = argument;
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), DEVICES "/%s/iommu_group", wanted->bdf);
	if (read_link_name(path, wanted->group, sizeof(wanted->group)))
		return false;
	snprintf(path, sizeof(path), "/dev/vfio/%s", wanted->group);
	return !access(path, F_OK);
}

void command_bind(const struct request *request)
{
	struct group_node node = { .bdf = request->argument[0] };
	struct option plugged = { .name = "plugged", .most = 1 };

	if (!is_bdf(node.bdf)) {
		reply_bad("not a PCI address like 0000:00:03.0:", node.bdf);
		return;
	}
	if (!read_options(request, 1, &plugged, 1))
		return;

	int error = 0;

	if (!plugged.value)
		error = bind_to_vfio(node.bdf);
	else if (!wait_for_device(plugged_is_bound, request->argument[0], NODE_TIMEOUT_MS))
		error = ETIMEDOUT;
	if (!error && !wait_for_device(has_group_node, &node, NODE_TIMEOUT_MS))
		error = ETIMEDOUT;
	if (error) {
		reply_error(error);
		return;
	}
	reply_ok();
	text_string(reply_value("group"), node.group);
}

static int is_not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int is_device_of_pci(const struct dirent *entry)
{
	return is_bdf(entry->d_name);
}

static void reply_devices(const char *group)
{
	struct text *list = reply_value(group);
	char path[PATH_SIZE];
	struct dirent **devices;

	snprintf(path, sizeof(path), GROUPS "/%s/devices", group);

	int count = scandir(path, &devices, is_device_of_pci, alphasort);

	for (int i = 0; i < count; i++) {
		if (i)
			text_char(list, ',');
		text_string(list, devices[i]->d_name);
		free(devices[i]);
	}
	if (count >= 0)
		free(devices);
	if (count <= 0)
		text_char(list, '-');
}

void command_groups(const struct request *request)
{
	struct dirent **groups;
	int count = scandir(GROUPS, &groups, is_not_hidden, versionsort);

	(void)request;
	if (count < 0) {
		reply_error(errno);
		return;
	}
	reply_ok();
	for (int i = 0; i < count; i++) {
		reply_devices(groups[i]->d_name);
		free(groups[i]);
	}
	free(groups);
}

/* From `0x00000000fee00000 0x00000000feefffff msi`, a line each, to `0xfee00000..0xfeefffff:msi,...` */
static void append_region(struct text *list, const char *line, bool first)
{
	unsigned long long start, last;
	char kind[32];

	if (!first)
		text_char(list, ',');
	if (sscanf(line, "%llx %llx %31s", &start, &last, kind) != 3) {
		text_escaped(list, line, strlen(line), ESCAPE_ITEM);
		return;
	}
	text_range(list, start, last);
	text_char(list, ':');
	text_string(list, kind);
}

/* The kernel cuts the attribute off at the end of a page: a last line without its line feed is not whole. */
static void reply_regions(char *lines, bool *cut)
{
	struct text *list = reply_value("regions");
	char *rest = lines;

	for (char *end; (end = strchr(rest, '\n')); rest = end + 1) {
		*end = '\0';
		append_region(list, rest, rest == lines);
	}
	if (rest == lines)
		text_char(list, '-');
	*cut = *rest;
}

void command_regions(const struct request *request)
{
	struct text lines = { 0 };
	char path[PATH_SIZE];
	uint64_t group;

	if (!number_up_to(request, 0, "the group", INT32_MAX, &group))
		return;
	snprintf(path, sizeof(path), GROUPS "/%d/reserved_regions", (int)group);

	int error = read_file(path, REGIONS_MOST, &lines, NULL);

	if (error) {
		reply_error(error);
	} else {
		bool cut;

		text_char(&lines, '\0');
		reply_ok();
		reply_regions(lines.bytes, &cut);
		if (cut)
			reply_decimal("more", 1);
	}
	free(lines.bytes);
}
