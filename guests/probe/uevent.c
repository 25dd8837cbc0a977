// SPDX-License-Identifier: MIT
/*
 * Waiting for devices. The kernel sends a uevent after a device's node and attributes are in place, and another when a
 * virtio port gets its name, so nothing has to be polled.
 */
#include "uevent.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* How often to look on a kernel built without networking, which has no uevent socket. */
#define FALLBACK_MS 10

long uptime_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int open_uevents(void)
{
	const struct sockaddr_nl kernel_events = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&kernel_events, sizeof(kernel_events)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* What the events say does not matter, only that there were some. */
static void drain(int fd)
{
	char event[4096];

	while (recv(fd, event, sizeof(event), 0) > 0)
		;
}

bool wait_for_device(bool (*ready)(void *argument), void *argument, int timeout_ms)
{
	if (ready(argument))
		return true;

	long deadline = uptime_ms() + timeout_ms;
	struct pollfd events = { .fd = open_uevents(), .events = POLLIN };
	bool found = false;

	/* Asked again first thing: the device may have come before the socket was there. */
	for (long left = timeout_ms; !(found = ready(argument)) && left > 0; left = deadline - uptime_ms()) {
		poll(&events, 1, events.fd < 0 && left > FALLBACK_MS ? FALLBACK_MS : (int)left);
		if (events.fd >= 0)
			drain(events.fd);
	}
	if (events.fd >= 0)
		close(events.fd);
	return found;
}
