// SPDX-License-Identifier: GPL-2.0
/*
 * Replaces the library's calls for queues and events in the command.
 * STAND_IN_OPEN is the errno of ndshm_open(); 0 opens "memfd:" in place of the module.
 *
 * STAND_IN_REFUSE is the errno of every call.
 *
 * The monitor returns some events, a loss after the third, and then nothing.
 *
 * With STAND_IN_QUEUES there are a queue and a port.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "stand_in.h"

WRAP(int, ndshm_open, const char *where, struct ndshm **out)
{
	const char *error = getenv("STAND_IN_OPEN");

	if (!error)
		return __real_ndshm_open(where, out);
	return atoi(error) ? -atoi(error) : __real_ndshm_open("memfd:", out);
}

STAND_IN_LIST(ndshm_list_queues_sized, ndshm_queue_row)
{
	static const struct ndshm_queue_row queues[] = {
		{
			.adapter = 1, .id = 3, .state = 3, .affinity = 1ULL << 63 | 0x17,
			.affinity_group = 1, .buffers = 512, .lookahead = 128,
			.name = "fast \033[2Jpath", .vm_name = "vm \303\251",
		},
		{ .adapter = 1, .id = 4, .state = 2, .port = true },
	};
	static const struct ndshm_queue_row defaults[] = {
		{ .adapter = 1, .usage = true, .state = 3 },
		{ .adapter = 1, .usage = true, .state = 2, .port = true },
	};

	*out = stand_in_rows(getenv("STAND_IN_QUEUES") ? queues : defaults, 2, sizeof(**out), count);
	return 0;
}

static const struct ndshm_event events[] = {
	{ .object = NDSHM_EVENT_ADAPTER, .kind = NDSHM_EVENT_ADDED,
	  .adapter = { .id = 7, .name = "card\n0", .device = "a\tb", .node = -1 } },
	{ .object = NDSHM_EVENT_PROVIDER, .kind = NDSHM_EVENT_REVOKED,
	  .provider = { .id = 8, .name = "pool" } },
	{ .object = NDSHM_EVENT_ADAPTER, .kind = NDSHM_EVENT_CLAIMED,
	  .adapter = { .id = 7, .name = "card", .claimed = true } },
	{ .object = NDSHM_EVENT_ADAPTER, .kind = NDSHM_EVENT_RELEASED,
	  .adapter = { .id = 7, .name = "card", .needs_reset = true } },
	{ .object = NDSHM_EVENT_PROVIDER, .kind = NDSHM_EVENT_GONE,
	  .provider = { .id = 8, .name = "pool" } },
};

#define EVENTS	(sizeof(events) / sizeof(events[0]))
#define LOST	3

struct ndshm_monitor {
	int fd;
	size_t next;
	bool lost;
};

WRAP(int, ndshm_monitor_open, struct ndshm *ndshm, struct ndshm_monitor **out)
{
	static struct ndshm_monitor monitor;

	(void)ndshm;
	if (stand_in_errno("STAND_IN_REFUSE"))
		return stand_in_errno("STAND_IN_REFUSE");
	monitor.fd = eventfd(1, EFD_CLOEXEC);
	*out = &monitor;
	return 0;
}

WRAP(int, ndshm_monitor_fd, const struct ndshm_monitor *monitor)
{
	return monitor->fd;
}

WRAP(int, ndshm_monitor_next_sized, struct ndshm_monitor *monitor, struct ndshm_event *event,
     size_t size)
{
	uint64_t taken;

	(void)size;
	if (monitor->next == LOST && !monitor->lost) {
		monitor->lost = true;
		return -ENOBUFS;
	}
	if (monitor->next == EVENTS) {
		/* Nothing is readable from now on. */
		if (read(monitor->fd, &taken, sizeof(taken)) != sizeof(taken))
			abort();
		return -EAGAIN;
	}
	*event = events[monitor->next++];
	return 0;
}

WRAP(void, ndshm_monitor_close, struct ndshm_monitor *monitor)
{
	if (monitor)
		close(monitor->fd);
}
