// SPDX-License-Identifier: MIT
/*
 * How the probe ends. The death of process 1 is a kernel panic, which the harness would count as a crash of the
 * kernel under test; so a probe that can't go on says why on the console and turns the guest off.
 */
#define _GNU_SOURCE
#include "fatal.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

/* A copy, since serving a request takes its line apart. */
static char current_request[200];

void note_request(const char *line)
{
	size_t length = strnlen(line, sizeof(current_request) - 1);

	memcpy(current_request, line, length);
	current_request[length] = '\0';
}

_Noreturn void power_off(void)
{
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

_Noreturn void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	dprintf(STDERR_FILENO, "iovacheck probe: ");
	vdprintf(STDERR_FILENO, format, arguments);
	dprintf(STDERR_FILENO, "; turning the guest off\n");
	va_end(arguments);
	power_off();
}

/* Only what is safe in a signal handler: no formatting. */
static void say(const char *words, size_t most)
{
	if (write(STDERR_FILENO, words, strnlen(words, most)) < 0)
		return; /* the console itself is gone: nobody is left to be told */
}

static void on_fatal_signal(int signal)
{
	const char *name = sigabbrev_np(signal);

	say("iovacheck probe: fatal signal ", 64);
	say(name ? name : "?", 16);
	if (*current_request) {
		say(" while serving: ", 64);
		say(current_request, sizeof(current_request));
	}
	say("; turning the guest off\n", 64);
	power_off();
}

void catch_fatal_signals(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP };
	static char stack[16384]; /* of its own, so that an overflow of the normal one is reported too */
	const stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_handler = on_fatal_signal, .sa_flags = SA_ONSTACK | SA_RESETHAND };

	sigaltstack(&alternate, NULL);
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		sigaction(fatal[i], &action, NULL);
}
