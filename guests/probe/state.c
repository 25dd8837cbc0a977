// SPDX-License-Identifier: MIT
/* What can be read back after a step, and the way back to a clean guest. */
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fatal.h"
#include "files.h"
#include "handles.h"
#include "info.h"
#include "limits.h"
#include "locked.h"
#include "memory.h"
#include "race.h"
#include "reply.h"

static void reply_process_state(const struct handle *process)
{
	char key[sizeof(process->name) + sizeof(".vmlck")];

	snprintf(key, sizeof(key), "%s.vmlck", process->name);
	reply_hex(key, locked_pages(process->pid));
}

/* The kernel's reasons not to be trusted any more, as a bit mask. */
static uint64_t taint(void)
{
	char word[24];
	int error = read_word("/proc/sys/kernel/tainted", word, sizeof(word));

	if (error)
		die("cannot read /proc/sys/kernel/tainted: %s", strerror(error));
	return strtoull(word, NULL, 10);
}

void command_state(const struct request *request)
{
	(void)request;
	reply_ok();
	reply_hex("vmlck", locked_pages(getpid()));
	for (struct handle *it = next_handle(PROCESS, NULL); it; it = next_handle(PROCESS, it))
		reply_process_state(it);
	for (struct handle *it = next_handle(CONTAINER, NULL); it; it = next_handle(CONTAINER, it))
		reply_container_state(it);
}

void command_reset(const struct request *request)
{
	(void)request;
	race_forget();
	handle_close_all();
	memory_drop_all();
	limits_restore();
	reply_ok();
	reply_hex("vmlck", locked_pages_in_proc());
	reply_hex("taint", taint());
}
