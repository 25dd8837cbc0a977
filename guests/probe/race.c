// SPDX-License-Identifier: MIT
/*
 * Two threads that make calls at the same time. What isn't the kernel's work is done before they start, or after both
 * have ended, so that nothing stands between one call of a thread and the next.
 */
#define _GNU_SOURCE
#include "race.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "call.h"
#include "command.h"
#include "fatal.h"
#include "reply.h"

#define THREADS 2
#define CALLS_MOST 16

/* What a thread does. The first is the probe itself, which needn't wake up. */
struct thread {
	struct call *calls[CALLS_MOST];
	int count;
};

static struct thread threads[THREADS];

/* Threads that haven't come to the start. */
static atomic_int missing;

static int processors(void)
{
	static int count; /* there will be no others, and to count them takes longer than the race */

	if (!count)
		count = get_nprocs();
	return count;
}

/* Nobody sleeps, since waking up takes longer than many a call; of a single processor everybody lets go. */
static void meet(void)
{
	atomic_fetch_sub(&missing, 1);
	while (atomic_load(&missing))
		if (processors() == 1)
			sched_yield();
}

static void *run(void *argument)
{
	const struct thread *thread = argument;

	meet();
	for (int i = 0; i < thread->count; i++)
		call_make(thread->calls[i]);
	return NULL;
}

static cpu_set_t only(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	return set;
}

/* On its last processor, from the beginning: to be moved there later takes milliseconds. */
static pthread_t start(struct thread *thread)
{
	const cpu_set_t last = only(processors() - 1);
	pthread_attr_t attributes;
	pthread_t started;

	if (pthread_attr_init(&attributes) || pthread_attr_setaffinity_np(&attributes, sizeof(last), &last) ||
	    pthread_create(&started, &attributes, run, thread))
		die("cannot start a thread on processor %d", processors() - 1);
	pthread_attr_destroy(&attributes);
	return started;
}

static void run_both(void)
{
	const cpu_set_t first = only(0);

	if (sched_setaffinity(0, sizeof(first), &first))
		die("cannot stay on processor 0: %s", strerror(errno));
	atomic_store(&missing, THREADS);

	pthread_t second = start(&threads[1]);

	run(&threads[0]);
	pthread_join(second, NULL);
}

/* `1.2=` and the reply that thread 1's second call would have got alone. */
static void reply_answer(int thread, int index, struct call *call)
{
	char key[16];

	snprintf(key, sizeof(key), "%d.%d", thread + 1, index + 1);
	size_t begin = reply_inner_begin();

	call->answer(call);
	reply_inner_end(key, begin);
}

static void go(void)
{
	run_both();
	reply_ok();
	for (int i = 0; i < THREADS; i++)
		for (int j = 0; j < threads[i].count; j++)
			reply_answer(i, j, threads[i].calls[j]);
	race_forget();
}

static void make_ready(struct thread *thread, char *words)
{
	struct call *call;

	if (thread->count == CALLS_MOST) {
		reply_bad("this thread has 16 calls to make, one more is too many:", words);
		return;
	}
	call = prepare(words);
	if (!call)
		return;
	call->in_race = true;
	thread->calls[thread->count++] = call;
	reply_ok();
}

void command_race(const struct request *request)
{
	const char *who = request->argument[0];

	if (request->count == 1 && !strcmp(who, "go"))
		go();
	else if (request->count == 2 && (!strcmp(who, "1") || !strcmp(who, "2")))
		make_ready(&threads[*who - '1'], request->argument[1]);
	else
		reply_bad("race is `1 COMMAND`, `2 COMMAND` or `go`, not", who);
}

void race_forget(void)
{
	for (int i = 0; i < THREADS; i++) {
		for (int j = 0; j < threads[i].count; j++)
			call_free(threads[i].calls[j]);
		threads[i].count = 0;
	}
}
