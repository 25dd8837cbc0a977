// SPDX-License-Identifier: MIT
/* The virtio-serial port to the harness: lines in, replies out in batches. */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fatal.h"
#include "files.h"
#include "uevent.h"

#define PORT_NAME "iovacheck.control"
#define PORT_TIMEOUT_MS 10000

/* What is kept of a request that is too long: enough for its number. */
#define HEAD_KEPT 64

static int port = -1;
static struct text replies;

static char input[REQUEST_MAX + 4096];
static size_t input_start, input_end;
static bool overlong;

struct text *channel_replies(void)
{
	return &replies;
}

/* The name comes in a message of its own after the port's node, so it's the name that is waited for. */
static bool port_is_named(void *path)
{
	glob_t names;
	bool found = false;

	if (glob("/sys/class/virtio-ports/*/name", 0, NULL, &names))
		return false;
	for (size_t i = 0; i < names.gl_pathc && !found; i++) {
		char name[64], device[64];

		if (read_word(names.gl_pathv[i], name, sizeof(name)) || strcmp(name, PORT_NAME))
			continue;
		found = sscanf(names.gl_pathv[i], "/sys/class/virtio-ports/%63[^/]/name", device) == 1;
		snprintf(path, PATH_SIZE, "/dev/%s", device);
	}
	globfree(&names);
	return found;
}

void channel_open(void)
{
	char path[PATH_SIZE];

	if (!wait_for_device(port_is_named, path, PORT_TIMEOUT_MS))
		die("no virtio-serial port named %s after %d ms: give the machine one, and its drivers to the guest "
		    "(virtio_pci, virtio_console)", PORT_NAME, PORT_TIMEOUT_MS);
	port = open(path, O_RDWR | O_CLOEXEC);
	if (port < 0)
		die("cannot open %s (%s): %s", path, PORT_NAME, strerror(errno));
}

/* The host is gone: a guest nobody talks to must not stay. */
static _Noreturn void hung_up(void)
{
	die("the host closed %s", PORT_NAME);
}

static void wait_for_port(short events)
{
	struct pollfd waiting = { .fd = port, .events = events };

	if (poll(&waiting, 1, -1) > 0 && (waiting.revents & POLLHUP) && !(waiting.revents & POLLIN))
		hung_up();
}

void channel_leave(void)
{
	close(port);
	port = -1;
	replies.length = 0;
}

void channel_flush(void)
{
	size_t sent = 0;

	if (port < 0)
		return;
	while (sent < replies.length) {
		ssize_t count = write(port, replies.bytes + sent, replies.length - sent);

		if (count >= 0)
			sent += count;
		else if (errno == EAGAIN)
			wait_for_port(POLLOUT);
		else if (errno != EINTR)
			die("writing to %s: %s", PORT_NAME, strerror(errno));
	}
	replies.length = 0;
}

void channel_greet(void)
{
	/* In blocking mode the first write sleeps until the host has opened its side; later that would hide its leaving. */
	channel_flush();
	if (fcntl(port, F_SETFL, O_NONBLOCK) < 0)
		die("cannot make %s non-blocking: %s", PORT_NAME, strerror(errno));
}

/* Makes room, gives up what can't be kept, and reads. Returns how much of the input was there before. */
static size_t receive(void)
{
	if (input_start) {
		memmove(input, input + input_start, input_end - input_start);
		input_end -= input_start;
		input_start = 0;
	}
	if (input_end > REQUEST_MAX) {
		overlong = true;
		input_end = HEAD_KEPT;
	}
	size_t before = input_end;
	ssize_t count = read(port, input + input_end, sizeof(input) - input_end);

	if (count > 0)
		input_end += count;
	else if (count == 0)
		hung_up();
	else if (errno == EAGAIN) {
		channel_flush();
		wait_for_port(POLLIN);
	} else if (errno != EINTR)
		die("reading from %s: %s", PORT_NAME, strerror(errno));
	return before;
}

struct line channel_next(void)
{
	size_t searched = 0;
	char *end;

	while (!(end = memchr(input + input_start + searched, '\n', input_end - input_start - searched)))
		searched = receive();

	struct line line = { .text = input + input_start };

	line.length = end - line.text;
	line.too_long = overlong || line.length > REQUEST_MAX;
	*end = '\0';
	input_start += line.length + 1;
	overlong = false;
	return line;
}
