/* SPDX-License-Identifier: MIT */
#ifndef PROBE_PROCESS_H
#define PROBE_PROCESS_H

#include "request.h"

void command_fork(const struct request *request);
void command_in(const struct request *request);
void command_exec(const struct request *request);
void command_exit(const struct request *request);

/* Has every child serve a request that can't fail; processes_add() replies with its values as p1.key=... */
void processes_tell(const char *words);
void processes_add(const char *words);

/* The name under which this program is started to go on as such a process. */
#define SERVE "serve"

/* What a child does, here and as a new program after `exec`: serves its parent until that hangs up. */
_Noreturn void serve_parent_again(char *fd_word, char *handles);

#endif
