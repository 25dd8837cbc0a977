// SPDX-License-Identifier: MIT
/*
 * The probe: /init of the guest. Sets up the little it needs, then serves requests until the host hangs up or says
 * `poweroff`. PROTOCOL.md describes the language.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "channel.h"
#include "command.h"
#include "fatal.h"
#include "klog.h"
#include "modules.h"
#include "process.h"
#include "reply.h"
#include "uevent.h"

#define PROTOCOL 1

/* Replies are sent early when they are many, or when the one before them took long and others may take longer. */
#define PENDING_MOST (32u << 10)
#define SLOW_MS 50

static void mount_on(const char *directory, const char *type)
{
	mkdir(directory, 0755);
	/* EBUSY: the kernel has already mounted it. */
	if (mount(type, directory, type, 0, NULL) && errno != EBUSY)
		die("cannot mount %s on %s: %s", type, directory, strerror(errno));
}

/* The kernel opens the console for process 1 only if the initramfs has its node. */
static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR);

	if (fd < 0)
		return; /* no console at all: then there is nobody to complain to, and the port may still work */
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static void greet(const struct text *failed_modules)
{
	struct utsname name;

	if (uname(&name))
		die("uname: %s", strerror(errno));
	reply_begin(0);
	reply_ok();
	reply_decimal("protocol", PROTOCOL);
	reply_bytes("release", name.release, strlen(name.release));
	reply_bytes("version", name.version, strlen(name.version));
	reply_decimal("uptime-ms", uptime_ms());
	text_bytes(reply_value("modules-failed"), failed_modules->bytes, failed_modules->length);
	reply_end();
	channel_greet();
}

static _Noreturn void serve_for_ever(void)
{
	for (;;) {
		struct line line = channel_next();
		long begun_ms = uptime_ms();

		note_request(line.text);
		serve(&line);
		note_request("");
		if (channel_replies()->length > PENDING_MOST || uptime_ms() - begun_ms > SLOW_MS)
			channel_flush();
	}
}

int main(int argc, char *argv[])
{
	struct text failed_modules = { 0 };

	if (argc == 3 && !strcmp(argv[0], SERVE)) {
		catch_fatal_signals();
		serve_parent_again(argv[1], argv[2]);
	}
	if (getpid() != 1) {
		fprintf(stderr, "This is the first process of a test guest; it would turn this machine off.\n");
		return EXIT_FAILURE;
	}
	mount_on("/dev", "devtmpfs");
	open_console();
	catch_fatal_signals();
	mount_on("/proc", "proc");
	mount_on("/sys", "sysfs");
	klog_open();
	load_listed_modules(&failed_modules);
	channel_open();
	greet(&failed_modules);
	serve_for_ever();
}
