// SPDX-License-Identifier: MIT
/*
 * Further processes: children of the probe that hold what it held when they began, and serve requests in an address
 * space of their own. A request and its reply are a message each.
 */
#define _GNU_SOURCE
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "command.h"
#include "fatal.h"
#include "handles.h"
#include "memory.h"
#include "reply.h"

/* More than any reply to what a child is asked. */
#define MESSAGE_MOST 65536

static int parent = -1;

static void send_replies(void)
{
	struct text *replies = channel_replies();

	if (send(parent, replies->bytes, replies->length, MSG_NOSIGNAL) < 0)
		_exit(EXIT_FAILURE); /* the parent has gone */
	replies->length = 0;
}

static _Noreturn void serve_parent(void)
{
	static char message[MESSAGE_MOST + 1];

	for (;;) {
		ssize_t length = recv(parent, message, MESSAGE_MOST, 0);

		if (length <= 0)
			_exit(EXIT_SUCCESS);
		message[length] = '\0';
		note_request(message);
		serve(&(struct line){ .text = message, .length = length });
		note_request("");
		send_replies();
	}
}

_Noreturn void serve_parent_again(char *fd_word, char *handles)
{
	parent = atoi(fd_word);
	fcntl(parent, F_SETFD, FD_CLOEXEC);
	handles_take_over(handles);
	reply_begin(0);
	reply_ok();
	reply_end();
	send_replies();
	serve_parent();
}

static _Noreturn void become_child(int line)
{
	parent = line;
	channel_leave();
	handles_without_processes();
	memory_leave_shared();
	serve_parent();
}

void command_fork(const struct request *request)
{
	int line[2];

	if (!handle_is_new(request, 0))
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line))
		die("socketpair: %s", strerror(errno));
	memory_prepare_fork();

	pid_t pid = fork();

	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (!pid) {
		close(line[0]); /* or its own end would never be the last */
		become_child(line[1]);
	}
	close(line[1]);
	handle_add(request->argument[0], PROCESS, line[0])->pid = pid;
	reply_ok();
}

/* What a child answered, less the number before and the line feed behind; valid until the next is asked. */
static const char *ask(const struct handle *process, const char *words)
{
	static char message[MESSAGE_MOST];
	int length = snprintf(message, sizeof(message), "0 %s", words);

	if (length >= (int)sizeof(message))
		return " bad this request is too long for a process";
	if (send(process->fd, message, length, MSG_NOSIGNAL) < 0)
		die("%s can't be reached: %s", process->name, strerror(errno));

	/* With this flag the length is that of the whole message, whatever part of it was received. */
	ssize_t answered = recv(process->fd, message, sizeof(message), MSG_TRUNC);

	if (answered < 3)
		die("%s ended while it was asked %s", process->name, words);
	if (answered > (ssize_t)sizeof(message))
		die("%s said more than %zu bytes when it was asked %s", process->name, sizeof(message), words);
	message[answered - 1] = '\0';
	return message + 1;
}

static void relay(const struct handle *process, const char *words)
{
	text_string(channel_replies(), ask(process, words));
}

/* What a child answered to a request that can't fail: its values. */
static char *values_of(const struct handle *process, const char *words)
{
	static char values[MESSAGE_MOST];

	snprintf(values, sizeof(values), "%s", ask(process, words));

	char *rest = values;
	const char *kind = next_word(&rest);

	if (!kind || strcmp(kind, "ok"))
		die("%s can't %s", process->name, words);
	return rest;
}

void processes_tell(const char *words)
{
	for (struct handle *it = next_handle(PROCESS, NULL); it; it = next_handle(PROCESS, it))
		values_of(it, words);
}

void processes_add(const char *words)
{
	for (struct handle *it = next_handle(PROCESS, NULL); it; it = next_handle(PROCESS, it)) {
		char *values = values_of(it, words);

		for (char *value; (value = next_word(&values));) {
			text_char(channel_replies(), ' ');
			text_string(channel_replies(), it->name);
			text_char(channel_replies(), '.');
			text_string(channel_replies(), value);
		}
	}
}

void command_in(const struct request *request)
{
	const struct handle *process = handle_argument(request, 0, PROCESS);

	if (process)
		relay(process, request->argument[1]);
}

/* In a child: goes on as a new program, which sends the reply; only a failure is replied to here. */
static void execute_again(void)
{
	static char serve_word[] = SERVE;
	struct text handles = { 0 };
	char fd_word[16];

	handles_pass_on(&handles);
	snprintf(fd_word, sizeof(fd_word), "%d", dup(parent));
	execv("/proc/self/exe", (char *[]){ serve_word, fd_word, handles.bytes, NULL });
	reply_error(errno);
}

void command_exec(const struct request *request)
{
	const struct handle *process;

	if (!request->count) {
		if (parent < 0)
			reply_bad("the first process can't be another program", NULL);
		else
			execute_again();
		return;
	}
	process = handle_argument(request, 0, PROCESS);
	if (process)
		relay(process, "exec");
}

void command_exit(const struct request *request)
{
	struct handle *process = handle_argument(request, 0, PROCESS);

	if (!process)
		return;
	handle_close(process);
	reply_ok();
}
