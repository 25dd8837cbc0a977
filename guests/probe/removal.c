// SPDX-License-Identifier: MIT
/* How the kernel asks for a device back that is to be unplugged while it is open. */
#include "removal.h"

#include <errno.h>
#include <linux/vfio.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "handles.h"
#include "reply.h"

#define REQUEST_TIMEOUT_MS 5000

/* What the kernel signals; -1 when no device is watched. */
static int asked = -1;

static void forget(void)
{
	if (asked >= 0)
		close(asked);
	asked = -1;
}

/* Returns 0 or an errno. */
static int watch(int device)
{
	struct {
		struct vfio_irq_set head;
		int32_t fd;
	} request = {
		.head = {
			.argsz = sizeof(request),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = VFIO_PCI_REQ_IRQ_INDEX,
			.count = 1,
		},
		.fd = asked,
	};

	return ioctl(device, VFIO_DEVICE_SET_IRQS, &request) ? errno : 0;
}

void command_watch_removal(const struct request *request)
{
	const struct handle *device = handle_argument(request, 0, DEVICE);

	if (!device)
		return;
	forget();
	asked = eventfd(0, EFD_CLOEXEC);
	if (asked < 0) {
		reply_bad("cannot make an eventfd:", strerror(errno));
		return;
	}
	reply_result(watch(device->fd));
}

void command_await_removal(const struct request *request)
{
	struct pollfd event = { .fd = asked, .events = POLLIN };

	(void)request;
	if (asked < 0) {
		reply_bad("no device is watched", NULL);
		return;
	}

	int count = poll(&event, 1, REQUEST_TIMEOUT_MS);

	reply_result(count < 0 ? errno : count ? 0 : ETIMEDOUT);
	forget();
}
