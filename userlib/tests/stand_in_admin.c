// SPDX-License-Identifier: GPL-2.0
/*
 * Replaces the library's calls for quotas, the reserve and events in the command.
 * STAND_IN_OPEN is the errno of ndshm_open(); 0 opens "memfd:" in place of the module.
 *
 * There are three users: root, a user without a name, and STAND_IN_UID for the caller.
 * New limits are printed to stderr. STAND_IN_REFUSE is the errno of every call, and
 * STAND_IN_RESERVE that of the calls that set the reserve, whose new size is printed as well.
 *
 * The monitor returns one event of each kind, a loss after the third, and then nothing. With
 * STAND_IN_STATE the events repeat what the lists of "memfd:" have, and there is no loss.
 *
 * With STAND_IN_NEWS the second and the third list of queues, blocks and sections differ from the
 * first.
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

int __real_ndshm_open(const char *where, struct ndshm **out);
int __wrap_ndshm_open(const char *where, struct ndshm **out);
int __wrap_ndshm_get_quota_sized(struct ndshm *ndshm, uint32_t uid, struct ndshm_quota_row *quota,
				 size_t size);
int __wrap_ndshm_list_quotas_sized(struct ndshm *ndshm, struct ndshm_quota_row **out,
				   size_t *count, size_t size);
int __wrap_ndshm_list_blocks_sized(struct ndshm *ndshm, struct ndshm_block_row **out,
				   size_t *count, size_t size);
int __wrap_ndshm_list_queues_sized(struct ndshm *ndshm, struct ndshm_queue_row **out,
				   size_t *count, size_t size);
int __real_ndshm_list_sections_sized(struct ndshm *ndshm, struct ndshm_section_row **out,
				     size_t *count, size_t size);
int __wrap_ndshm_list_sections_sized(struct ndshm *ndshm, struct ndshm_section_row **out,
				     size_t *count, size_t size);
int __wrap_ndshm_set_quota(struct ndshm *ndshm, uint32_t uid, uint32_t set, uint32_t reset,
			   const struct ndshm_quota_row *limits);
int __wrap_ndshm_get_reserve_sized(struct ndshm *ndshm, struct ndshm_reserve_row *reserve,
				   size_t size);
int __wrap_ndshm_set_reserve(struct ndshm *ndshm, uint64_t bytes);
int __wrap_ndshm_monitor_open_for(struct ndshm *ndshm, uint32_t objects,
				  struct ndshm_monitor **out);
int __wrap_ndshm_monitor_fd(const struct ndshm_monitor *monitor);
int __wrap_ndshm_monitor_next_sized(struct ndshm_monitor *monitor, struct ndshm_event *event,
				    size_t size);
void __wrap_ndshm_monitor_close(struct ndshm_monitor *monitor);

static int refusal(void)
{
	const char *error = getenv("STAND_IN_REFUSE");

	return error ? -atoi(error) : 0;
}

int __wrap_ndshm_open(const char *where, struct ndshm **out)
{
	const char *error = getenv("STAND_IN_OPEN");

	if (!error)
		return __real_ndshm_open(where, out);
	return atoi(error) ? -atoi(error) : __real_ndshm_open("memfd:", out);
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

int __wrap_ndshm_get_quota_sized(struct ndshm *ndshm, uint32_t uid, struct ndshm_quota_row *quota,
				 size_t size)
{
	(void)ndshm;
	(void)size;
	*quota = row_of(uid == NDSHM_UID_SELF ? NAMELESS : uid);
	return refusal();
}

int __wrap_ndshm_list_quotas_sized(struct ndshm *ndshm, struct ndshm_quota_row **out,
				   size_t *count, size_t size)
{
	(void)ndshm;
	(void)size;
	*out = calloc(2, sizeof(**out));
	if (!*out)
		abort();
	(*out)[0] = row_of(0);
	(*out)[1] = row_of(NAMELESS);
	*count = 2;
	return 0;
}

int __wrap_ndshm_get_reserve_sized(struct ndshm *ndshm, struct ndshm_reserve_row *reserve,
				   size_t size)
{
	(void)ndshm;
	(void)size;
	*reserve = (struct ndshm_reserve_row){ 800 << 20, 2 << 20, 390, 381, 9 };
	return refusal();
}

int __wrap_ndshm_set_reserve(struct ndshm *ndshm, uint64_t bytes)
{
	const char *error = getenv("STAND_IN_RESERVE");

	(void)ndshm;
	fprintf(stderr, "bytes=%" PRIu64 "\n", bytes);
	return error ? -atoi(error) : refusal();
}

static int copy_rows(const void *rows, size_t size, size_t number, void **out, size_t *count)
{
	*out = malloc(size * number);
	if (!*out)
		abort();
	memcpy(*out, rows, size * number);
	*count = number;
	return 0;
}

/* Lists of queues so far. They are the first ones of a state. */
static unsigned int states;

int __wrap_ndshm_list_queues_sized(struct ndshm *ndshm, struct ndshm_queue_row **out,
				   size_t *count, size_t size)
{
	struct ndshm_queue_row queues[] = {
		{
			.adapter = 1, .id = 3, .state = 3, .affinity = 1ULL << 63 | 0x17,
			.affinity_group = 1, .buffers = 512, .lookahead = 128,
			.name = "fast \033[2Jpath", .vm_name = "vm \303\251",
		},
		{ .adapter = 1, .id = 4, .state = 2, .port = true },
	};

	struct ndshm_queue_row defaults[] = {
		{ .adapter = 1, .usage = true, .state = 3 },
		{ .adapter = 1, .usage = true, .state = 2, .port = true },
	};

	(void)ndshm;
	(void)size;
	if (!getenv("STAND_IN_NEWS"))
		return copy_rows(defaults, sizeof(defaults[0]), 2, (void **)out, count);
	if (states++) {
		queues[0].state = 5;
		queues[1].state = 3;
	}
	return copy_rows(queues, sizeof(queues[0]), 2, (void **)out, count);
}

int __wrap_ndshm_list_sections_sized(struct ndshm *ndshm, struct ndshm_section_row **out,
				     size_t *count, size_t size)
{
	struct ndshm_section_row sections[] = {
		{ .id = 5, .adapter = 1, .deleted = states > 1 },
		{ .id = states > 1 ? 7 : 6, .adapter = 1 },
	};

	if (!getenv("STAND_IN_NEWS"))
		return __real_ndshm_list_sections_sized(ndshm, out, count, size);
	return copy_rows(sections, sizeof(sections[0]), 2, (void **)out, count);
}

/* With STAND_IN_BLOCKS. Root and user 77, who has no quota, have exempt blocks. */
int __wrap_ndshm_list_blocks_sized(struct ndshm *ndshm, struct ndshm_block_row **out,
				   size_t *count, size_t size)
{
	static const struct ndshm_block_row blocks[] = {
		{ .id = 1, .uid = 77, .consumed = 1ULL << 30 },
		{ .id = 2, .uid = 0, .consumed = 4096 },
		{ .id = 3, .uid = 0, .consumed = 8192 },
		{ .id = 4, .uid = 0, .consumed = 1 << 20, .charged = true },
		{ .id = 5, .uid = 0, .consumed = 1 << 20, .revoked = true },
		{ .id = 6, .uid = 0, .consumed = 1 << 20, .kernel = true },
	};
	const struct ndshm_block_row news[] = {
		{ .id = 1, .adapter = 1, .revoked = states > 1 },
		{ .id = states > 1 ? 3 : 2, .adapter = 1 },
		{ .id = 9, .adapter = 1 },
	};

	(void)ndshm;
	(void)size;
	*out = NULL;
	*count = 0;
	if (getenv("STAND_IN_NEWS"))
		return copy_rows(news, sizeof(news[0]), states > 2 ? 3 : 2, (void **)out, count);
	if (!getenv("STAND_IN_BLOCKS"))
		return 0;
	return copy_rows(blocks, sizeof(blocks[0]), sizeof(blocks) / sizeof(blocks[0]),
			 (void **)out, count);
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

/* The adapter exists; sections 8 and 9 do not. */
static const struct ndshm_event repeated[] = {
	{ .object = NDSHM_EVENT_ADAPTER, .kind = NDSHM_EVENT_ADDED,
	  .adapter = { .id = 1, .name = "memfd" } },
	{ .object = NDSHM_EVENT_SECTION, .kind = NDSHM_EVENT_DELETED, .section = { .id = 8, .uid = NAMELESS } },
	{ .object = NDSHM_EVENT_SECTION, .kind = NDSHM_EVENT_GONE,
	  .section = { .id = 8, .uid = NAMELESS } },
	{ .object = NDSHM_EVENT_SECTION, .kind = NDSHM_EVENT_ADDED,
	  .section = { .id = 9, .adapter = 1, .revoked = true } },
	{ .object = NDSHM_EVENT_SECTION, .kind = NDSHM_EVENT_GONE,
	  .section = { .id = 9, .adapter = 1, .revoked = true } },
	{ .object = NDSHM_EVENT_ADAPTER, .kind = NDSHM_EVENT_GONE,
	  .adapter = { .id = 1, .name = "memfd" } },
	{ .object = NDSHM_EVENT_ADAPTER, .kind = NDSHM_EVENT_ADDED,
	  .adapter = { .id = 1, .name = "memfd", .claimed = true } },
};

#define COUNT(events)	(sizeof(events) / sizeof((events)[0]))
#define LOST	3

struct ndshm_monitor {
	int fd;
	size_t next;
	bool lost;
};

int __wrap_ndshm_monitor_open_for(struct ndshm *ndshm, uint32_t objects,
				  struct ndshm_monitor **out)
{
	const char *wanted = getenv("STAND_IN_OBJECTS");
	static struct ndshm_monitor monitor;

	(void)ndshm;
	if (wanted && strtoul(wanted, NULL, 0) != objects)
		abort();
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

int __wrap_ndshm_monitor_next_sized(struct ndshm_monitor *monitor, struct ndshm_event *event,
				    size_t size)
{
	const bool repeats = getenv("STAND_IN_STATE");
	uint64_t taken;

	(void)size;
	if (!repeats && monitor->next == LOST && !monitor->lost) {
		monitor->lost = true;
		return -ENOBUFS;
	}
	if (monitor->next == (repeats ? COUNT(repeated) : COUNT(events))) {
		/* Nothing is readable from now on. */
		if (read(monitor->fd, &taken, sizeof(taken)) != sizeof(taken))
			abort();
		return -EAGAIN;
	}
	*event = repeats ? repeated[monitor->next] : events[monitor->next];
	monitor->next++;
	return 0;
}

void __wrap_ndshm_monitor_close(struct ndshm_monitor *monitor)
{
	if (monitor)
		close(monitor->fd);
}
