// SPDX-License-Identifier: MIT
/* Reading and writing the small files of /sys and /proc. */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reply.h"

#define READ_MOST 65536

int read_file(const char *path, size_t most, struct text *contents, bool *cut)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int error = 0;
	size_t total = 0;

	if (fd < 0)
		return errno;
	while (total <= most) {
		char block[4096];
		ssize_t count = read(fd, block, sizeof(block));

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			error = errno;
		if (count <= 0)
			break;
		total += count;
		text_bytes(contents, block, total <= most ? (size_t)count : (size_t)count - (total - most));
	}
	close(fd);
	if (cut)
		*cut = total > most;
	return error;
}

int read_word(const char *path, char *word, size_t size)
{
	struct text contents = { 0 };
	int error = read_file(path, size - 1, &contents, NULL);
	size_t length = contents.length;

	if (length)
		memcpy(word, contents.bytes, length);
	word[length] = '\0';
	word[strcspn(word, "\n")] = '\0';
	free(contents.bytes);
	return error;
}

int write_file(const char *path, const char *bytes, size_t length)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, bytes, length) < 0)
		error = errno;
	close(fd);
	return error;
}

int read_link_name(const char *path, char *name, size_t size)
{
	char target[PATH_SIZE];
	ssize_t length = readlink(path, target, sizeof(target) - 1);

	if (length < 0)
		return errno;
	target[length] = '\0';

	const char *slash = strrchr(target, '/');
	const char *last = slash ? slash + 1 : target;

	if (strlen(last) >= size)
		return ENAMETOOLONG;
	strcpy(name, last);
	return 0;
}

static bool is_kernel_file(const char *path)
{
	if (!strncmp(path, "/sys/", 5) || !strncmp(path, "/proc/", 6))
		return true;
	reply_bad("only files of /sys and /proc can be read and written, not", path);
	return false;
}

/* Nearly every attribute ends in a line feed that means nothing. */
static void reply_text(const struct text *contents, bool cut)
{
	bool has_end = contents->length && contents->bytes[contents->length - 1] == '\n' && !cut;

	reply_bytes("value", contents->bytes, contents->length - has_end);
}

static void reply_octets(const struct text *contents, bool cut)
{
	(void)cut;
	text_octets(reply_value("value"), contents->bytes, contents->length);
}

static void reply_file(const char *path, void (*reply_contents)(const struct text *contents, bool cut))
{
	struct text contents = { 0 };
	bool cut;

	if (!is_kernel_file(path))
		return;

	int error = read_file(path, READ_MOST, &contents, &cut);

	if (error) {
		reply_error(error);
	} else {
		reply_ok();
		reply_contents(&contents, cut);
		if (cut)
			reply_decimal("more", 1);
	}
	free(contents.bytes);
}

void command_read(const struct request *request)
{
	reply_file(request->argument[0], reply_text);
}

/* Tables of firmware are no text. */
void command_read_hex(const struct request *request)
{
	reply_file(request->argument[0], reply_octets);
}

void command_write(const struct request *request)
{
	const char *words = request->count > 1 ? request->argument[1] : "\n";

	if (is_kernel_file(request->argument[0]))
		reply_result(write_file(request->argument[0], words, strlen(words)));
}
