// SPDX-License-Identifier: MIT
/* How much memory this process may lock: RLIMIT_MEMLOCK, and the capability that lifts it. */
#define _GNU_SOURCE
#include "limits.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fatal.h"
#include "reply.h"

static struct rlimit original;
static bool is_changed;

/* Sets the limit in bytes; the hard one stays out of the way, so that it can be raised again. */
static int set_limit(uint64_t bytes)
{
	const struct rlimit limit = { .rlim_cur = bytes, .rlim_max = RLIM_INFINITY };

	if (!is_changed && getrlimit(RLIMIT_MEMLOCK, &original))
		return errno;
	is_changed = true;
	return setrlimit(RLIMIT_MEMLOCK, &limit) ? errno : 0;
}

/* Takes CAP_IPC_LOCK out of what is in effect, or puts it back: it stays permitted. [capabilities(7)] */
static int set_capability(bool effective)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
	uint32_t bit = CAP_TO_MASK(CAP_IPC_LOCK);

	if (syscall(SYS_capget, &header, sets))
		return errno;
	if (effective)
		sets[CAP_TO_INDEX(CAP_IPC_LOCK)].effective |= bit;
	else
		sets[CAP_TO_INDEX(CAP_IPC_LOCK)].effective &= ~bit;
	return syscall(SYS_capset, &header, sets) ? errno : 0;
}

void command_memlock(const struct request *request)
{
	struct option capability = { .name = "capability", .most = 1 };
	uint64_t bytes;

	if (!number_argument(request, 0, "the limit", &bytes) || !read_options(request, 1, &capability, 1))
		return;

	int error = set_limit(bytes);

	reply_result(error ? error : set_capability(capability.value));
}

void limits_restore(void)
{
	if (!is_changed)
		return;
	if (setrlimit(RLIMIT_MEMLOCK, &original) || set_capability(true))
		die("cannot restore the limit on locked memory: %s", strerror(errno));
	is_changed = false;
}
