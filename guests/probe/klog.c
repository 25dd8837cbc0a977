// SPDX-License-Identifier: MIT
/* Reading and marking the kernel log. */
#include "klog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fatal.h"
#include "files.h"
#include "reply.h"

/* One reply's share of the log. */
#define LINES_MOST (60u << 10)

static int kmsg = -1;

/* One record, as /dev/kmsg gives it; kept for the next `klog` when the reply is full. */
static char record[8192 + 1];
static size_t record_length;

void klog_open(void)
{
	static const char no_limit[] = "on\n"; /* refused without the line feed */

	kmsg = open("/dev/kmsg", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (kmsg < 0)
		die("cannot open /dev/kmsg: %s", strerror(errno));
	/* By default the kernel silently drops all but ten lines per five seconds: marks would get lost. */
	int error = write_file("/proc/sys/kernel/printk_devkmsg", no_limit, strlen(no_limit));

	if (error)
		dprintf(STDERR_FILENO, "iovacheck probe: marks in the kernel log may get lost, printk_devkmsg: %s\n",
			strerror(error));
}

/* Fetches the next record unless one is waiting. Returns false at the end of the log; counts overruns. */
static bool next_record(unsigned int *overruns)
{
	while (!record_length) {
		ssize_t count = read(kmsg, record, sizeof(record) - 1);

		if (count >= 0) {
			record_length = count;
		} else if (errno == EPIPE) {
			(*overruns)++;
		} else if (errno != EINTR) {
			if (errno != EAGAIN)
				die("reading /dev/kmsg: %s", strerror(errno));
			return false;
		}
	}
	record[record_length] = '\0';
	return true;
}

/* `4,1234,5678900,-;words` becomes `<4>[5.678900] words`; the dictionary behind the line feed is left out. */
static void format_record(struct text *line)
{
	unsigned long long priority = 0, microseconds = 0;
	char stamp[64];
	const char *semicolon = strchr(record, ';');
	const char *words = semicolon ? semicolon + 1 : record;

	sscanf(record, "%llu,%*u,%llu", &priority, &microseconds);
	snprintf(stamp, sizeof(stamp), "<%llu>[%llu.%06llu] ", priority, microseconds / 1000000, microseconds % 1000000);
	text_escaped(line, stamp, strlen(stamp), ESCAPE_ITEM);
	text_escaped(line, words, strcspn(words, "\n"), ESCAPE_ITEM);
}

void command_klog(const struct request *request)
{
	static struct text line;
	unsigned int overruns = 0;
	size_t total = 0;
	bool full = false;

	(void)request;
	reply_ok();
	struct text *lines = reply_value("lines");

	while (!full && next_record(&overruns)) {
		line.length = 0;
		format_record(&line);
		full = total + line.length + 1 > LINES_MOST;
		if (full)
			break;
		if (total)
			text_char(lines, ',');
		text_bytes(lines, line.bytes, line.length);
		total += line.length + 1;
		record_length = 0;
	}
	if (!total)
		text_char(lines, '-');
	if (full)
		reply_decimal("more", 1);
	if (overruns)
		reply_decimal("lost", 1);
}

static void log_at(char level, const struct request *request)
{
	static struct text line;

	line.length = 0;
	text_char(&line, '<');
	text_char(&line, level);
	text_char(&line, '>');
	text_string(&line, request->argument[0]);
	text_char(&line, '\n'); /* without it nobody can read the record before the next one comes */
	reply_result(write(kmsg, line.bytes, line.length) < 0 ? errno : 0);
}

void command_mark(const struct request *request)
{
	log_at('6', request);
}

void command_say(const struct request *request)
{
	log_at('4', request);
}
