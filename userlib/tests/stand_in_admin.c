// SPDX-License-Identifier: GPL-2.0
/*
 * Replaces the library's calls for quotas and events in the command.
 *
 * There are three users: root, a user without a name, and STAND_IN_UID for the caller.
 * New limits are printed to stderr. STAND_IN_REFUSE is the errno of every call.
 *
 * The monitor returns one event of each kind, a loss after the third, and then nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <ndshm/admin.h>

#define NAMELESS	4000000000U

int __wrap_ndshm_get_quota(struct ndshm *ndshm, uint32_t uid, struct ndshm_quota_row *quota);
int __wrap_ndshm_list_quotas(struct ndshm *ndshm, struct ndshm_quota_row **out, size_t *count);
int __wrap_ndshm_set_quota(struct ndshm *ndshm, uint32_t uid, uint32_t set, uint32_t reset,
			   const struct ndshm_quota_row *limits);
int __wrap_ndshm_monitor_open(struct ndshm *ndshm, struct ndshm_monitor **out);
int __wrap_ndshm_monitor_fd(const struct ndshm_monitor *monitor);
int __wrap_ndshm_monitor_next(struct ndshm_monitor *monitor, struct ndshm_event *event);
void __wrap_ndshm_monitor_close(struct ndshm_monitor *monitor);

static int refusal(void)
{
	const char *error = getenv("STAND_IN_REFUSE");

	return error ? -atoi(error) : 0;
}

static struct ndshm_quota_row row_of(uint32_t uid)
{
	return (struct ndshm_quota_row){
		.uid = uid,
		.set = NDSHM_QUOTA_RESERVED | NDSHM_QUOTA_BYTES,
		.sections = 1,
		.sections_limit = 1024,
		.holders = 2,
		.holders_limit = 65536,
		.reserved = 3ULL << 40,
		.reserved_limit = 4ULL << 40,
		.bytes = 4096,
		.bytes_limit = UINT64_MAX,
		.requests = 5,
		.requests_limit = 16384,
		.clients = 6,
		.clients_limit = 1024,
	};
}

int __wrap_ndshm_get_quota(struct ndshm *ndshm, uint32_t uid, struct ndshm_quota_row *quota)
{
	(void)ndshm;
	*quota = row_of(uid == NDSHM_UID_SELF ? NAMELESS : uid);
	return refusal();
}

int __wrap_ndshm_list_quotas(struct ndshm *ndshm, struct ndshm_quota_row **out, size_t *count)
{
	(void)ndshm;
	*out = calloc(2, sizeof(**out));
	if (!*out)
		abort();
	(*out)[0] = row_of(0);
	(*out)[1] = row_of(NAMELESS);
	*count = 2;
	return 0;
}

int __wrap_ndshm_set_quota(struct ndshm *ndshm, uint32_t uid, uint32_t set, uint32_t reset,
			   const struct ndshm_quota_row *limits)
{
	(void)ndshm;
	if (refusal())
		return refusal();
	fprintf(stderr, "uid=%" PRIu32 " set=%" PRIu32 " reset=%" PRIu32, uid, set, reset);
	fprintf(stderr, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		limits->sections_limit, limits->holders_limit, limits->reserved_limit,
		limits->bytes_limit);
	return 0;
}

static const struct ndshm_event events[] = {
	{ .object = NDSHM_EVENT_ADAPTER, .kind = NDSHM_EVENT_ADDED,
	  .adapter = { .id = 7, .name = "card\n0", .device = "a\tb", .node = -1 } },
	{ .object = NDSHM_EVENT_PROVIDER, .kind = NDSHM_EVENT_REVOKED,
	  .provider = { .id = 8, .name = "pool" } },
	{ .object = NDSHM_EVENT_QUEUE, .kind = NDSHM_EVENT_STOPPED,
	  .queue = { .adapter = 1, .id = 3, .usage = true, .state = 6, .blocks = 5 } },
	{ .object = NDSHM_EVENT_BLOCK, .kind = NDSHM_EVENT_GONE,
	  .block = { .id = 70000, .adapter = 1, .provider = 1, .usage = NDSHM_USAGE_XMIT,
		     .uid = NAMELESS, .pid = 12, .length = 8192 } },
	{ .object = NDSHM_EVENT_SECTION, .kind = NDSHM_EVENT_DELETED,
	  .section = { .id = 9, .adapter = 99, .provider = 1, .uid = NAMELESS,
		       .max_size = 1 << 30, .committed = 4096, .deleted = true } },
	{ .object = NDSHM_EVENT_QUOTA, .kind = NDSHM_EVENT_EXCEEDED,
	  .exceeded = NDSHM_QUOTA_HOLDERS, .wanted = 1,
	  .quota = { .uid = NAMELESS, .holders = 5, .holders_limit = 5 } },
};

#define EVENTS	(sizeof(events) / sizeof(events[0]))
#define LOST	3

struct ndshm_monitor {
	int fd;
	size_t next;
	bool lost;
};

int __wrap_ndshm_monitor_open(struct ndshm *ndshm, struct ndshm_monitor **out)
{
	static struct ndshm_monitor monitor;

	(void)ndshm;
	if (refusal())
		return refusal();
	monitor.fd = eventfd(1, EFD_CLOEXEC);
	*out = &monitor;
	return 0;
}

int __wrap_ndshm_monitor_fd(const struct ndshm_monitor *monitor)
{
	return monitor->fd;
}

int __wrap_ndshm_monitor_next(struct ndshm_monitor *monitor, struct ndshm_event *event)
{
	uint64_t taken;

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

void __wrap_ndshm_monitor_close(struct ndshm_monitor *monitor)
{
	close(monitor->fd);
}
