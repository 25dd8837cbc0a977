// SPDX-License-Identifier: MIT
/* An ioctl on its way from request to reply. */
#include "call.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "fatal.h"
#include "reply.h"

static void answer_result(struct call *call)
{
	reply_result(call->error);
}

static void release_nothing(struct call *call)
{
	(void)call;
}

void *call_new(size_t size, int fd, unsigned long number)
{
	struct call *call = calloc(1, size);

	if (!call)
		die("no memory for a call");
	call->fd = fd;
	call->number = number;
	call->answer = answer_result;
	call->release = release_nothing;
	return call;
}

void call_make(struct call *call)
{
	call->value = ioctl(call->fd, call->number, call->argument);
	call->error = call->value < 0 ? errno : 0;
}

void call_free(struct call *call)
{
	call->release(call);
	free(call);
}

void call_serve(struct call *call)
{
	if (!call)
		return;
	call_make(call);
	call->answer(call);
	call_free(call);
}
