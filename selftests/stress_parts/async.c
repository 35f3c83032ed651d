// SPDX-License-Identifier: GPL-2.0
/*
 * Requests race with their cancellation, with the close of their client and with the
 * removal of their adapter and provider. Each request ends exactly once: a client that
 * stays open reads one record for it; otherwise the kernel counts the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ndshm.h>

#include "ndshm_proc.h"
#include "stress.h"

#define COUNTS		"/sys/kernel/debug/ndshm/requests"
#define ADAPTER		"stress"
#define PROVIDER	"stress"
#define COOKIES		96	/* of a client, at a time */
#define STEPS		400	/* of a client, at most */
#define RECORDS		16	/* that are read at once, at most */
#define GAP		20000	/* microseconds between two that go, at most */
#define PATIENCE	120000	/* milliseconds until a record comes */
#define TRIES		200	/* milliseconds for a provider to have no blocks */

#define ENDS		4096	/* of providers, that are remembered */

/* How a provider goes. */
enum end { REVOKED = 1, UNREGISTERED };

/* Sums of all workers, and counts of removed adapters and providers. */
struct tally {
	unsigned int pending;		/* answers */
	unsigned int good;		/* records */
	unsigned int cancelled;
	unsigned int no_adapter;
	unsigned int no_provider;
	unsigned int by_revoke;		/* of these, where it is known */
	unsigned int by_unregister;
	unsigned int other;
	unsigned int left;		/* that were out, or not read, at a close */
	unsigned int late;		/* cancels of ended requests */
	unsigned int removed;		/* adapters */
	unsigned int revoked;		/* providers, with their blocks */
	unsigned int unregistered;	/* providers, without any */
	unsigned char ends[ENDS];	/* by the id: enum end, or 0 */
};

static struct tally *tally;

enum state { FREE, OUT, CANCELLED };

struct requester {
	struct stress_random random;
	int fd;
	__u32 adapter;			/* the one that goes, or 0 */
	__u32 provider;
	unsigned int out;
	enum state states[COOKIES];
	__u32 of[COOKIES];		/* its provider, which goes, or 0 */
};

static bool is_one_of(__u32 reason, const __u32 *reasons, unsigned int count)
{
	while (count--)
		if (reasons[count] == reason)
			return true;
	return false;
}

static void look_around(struct requester *requester)
{
	struct ndshm_nl_provider provider;
	struct ndshm_nl_adapter adapter;
	struct ndshm_nl nl;

	requester->adapter = 0;
	requester->provider = 0;
	if (ndshm_nl_open(&nl))
		return;
	if (!ndshm_nl_adapter_by_name(&nl, ADAPTER, &adapter))
		requester->adapter = adapter.id;
	if (!ndshm_nl_provider_by_name(&nl, PROVIDER, &provider))
		requester->provider = provider.id;
	ndshm_nl_close(&nl);
}

/* Request a block of one of two adapters and one of two providers, which may not exist. */
static bool ask(struct requester *requester, unsigned int cookie)
{
	static const __u32 refused[] = {
		NDSHM_REASON_ADAPTER_UNKNOWN, NDSHM_REASON_ADAPTER_REMOVED,
		NDSHM_REASON_PROVIDER_UNKNOWN, NDSHM_REASON_MEMORY,
	};
	struct ndshm_block_alloc_args alloc = {
		.size = sizeof(alloc),
		.flags = NDSHM_ALLOC_ASYNC,
		.adapter = stress.nodes[0],
		.length = stress_below(&requester->random, 3 * stress.page) + 1,
		.preferred_node = NDSHM_NODE_ANY,
		.usage = NDSHM_USAGE_OTHER,
		.count = 1,
		.cookie = cookie,
	};

	if (requester->adapter && stress_chance(&requester->random, 50))
		alloc.adapter = requester->adapter;
	if (requester->provider && stress_chance(&requester->random, 60))
		alloc.provider = requester->provider;
	if (ioctl(requester->fd, NDSHM_BLOCK_ALLOC, &alloc))
		return is_one_of(alloc.reason, refused, ARRAY_SIZE(refused)) ||
		       stress_error("request: %s, reason %u", strerror(errno),
				    alloc.reason);
	if (alloc.reason != NDSHM_REASON_PENDING ||
	    alloc.status != NDSHM_STATUS_PENDING)
		return stress_error("request: reason %u, status %#x",
				    alloc.reason, alloc.status);
	stress_count(&tally->pending);
	requester->states[cookie] = OUT;
	requester->of[cookie] = alloc.provider;
	requester->out++;
	return true;
}

static bool cancel(struct requester *requester, unsigned int cookie)
{
	struct ndshm_block_cancel_args request = {
		.size = sizeof(request), .cookie = cookie,
	};

	if (!ioctl(requester->fd, NDSHM_BLOCK_CANCEL, &request)) {
		if (requester->states[cookie] != OUT)
			return stress_error("cookie %u, which is not out, was cancelled",
					    cookie);
		requester->states[cookie] = CANCELLED;
		return true;
	}
	stress_count(&tally->late);
	return request.reason == NDSHM_REASON_REQUEST_UNKNOWN ||
	       stress_error("not cancelled: %s, reason %u", strerror(errno),
			    request.reason);
}

/* Some stay, but for those that keep a provider from going. */
static bool give_back(struct requester *requester, const struct ndshm_completion *record)
{
	struct ndshm_block_free_args request = {
		.size = sizeof(request), .handle = record->block.handle,
	};

	if (!requester->of[record->cookie] && stress_chance(&requester->random, 10))
		return true;
	return !ioctl(requester->fd, NDSHM_BLOCK_FREE, &request) ||
	       stress_error("free: %s", strerror(errno));
}

/* Its provider has gone, and this is how: if it was asked for by name. */
static void count_end(__u32 provider)
{
	enum end end = __atomic_load_n(&tally->ends[provider % ENDS],
				       __ATOMIC_RELAXED);

	stress_count(&tally->no_provider);
	if (provider && end == REVOKED)
		stress_count(&tally->by_revoke);
	else if (provider && end == UNREGISTERED)
		stress_count(&tally->by_unregister);
}

static bool take(struct requester *requester, const struct ndshm_completion *record)
{
	static const __u32 others[] = {
		NDSHM_REASON_PROVIDER_RESOURCES, NDSHM_REASON_PROVIDER_FAILURE,
		NDSHM_REASON_PROVIDER_BAD_REPLY, NDSHM_REASON_MEMORY,
		/* One that goes while another is the default. */
		NDSHM_REASON_PROVIDER_UNKNOWN,
	};
	const bool aborted = record->reason == NDSHM_REASON_REQUEST_ABORTED;
	enum state state = FREE;
	bool cancelled;

	if (record->cookie < COOKIES)
		state = requester->states[record->cookie];
	if (state == FREE)
		return stress_error("a record of cookie %llu, reason %u, which is not out",
				    record->cookie, record->reason);
	cancelled = state == CANCELLED;
	if (aborted != cancelled)
		return stress_error("cookie %llu was %scancelled: reason %u",
				    record->cookie, cancelled ? "" : "not ",
				    record->reason);
	requester->states[record->cookie] = FREE;
	requester->out--;
	if (record->reason == NDSHM_REASON_NONE) {
		stress_count(&tally->good);
		return give_back(requester, record);
	}
	if (record->block.handle)
		return stress_error("reason %u, and a block", record->reason);
	if (state == CANCELLED)
		stress_count(&tally->cancelled);
	else if (record->reason == NDSHM_REASON_ADAPTER_REMOVED)
		stress_count(&tally->no_adapter);
	else if (record->reason == NDSHM_REASON_PROVIDER_CLOSING)
		count_end(requester->of[record->cookie]);
	else if (is_one_of(record->reason, others, ARRAY_SIZE(others)))
		stress_count(&tally->other);
	else
		return stress_error("a record: reason %u", record->reason);
	return true;
}

/* What there is. */
static bool take_some(struct requester *requester)
{
	struct ndshm_completion records[RECORDS];
	unsigned int most = 1 + stress_below(&requester->random, RECORDS), i;
	long got = read(requester->fd, records, most * sizeof(records[0]));

	if (got < 0)
		return errno == EAGAIN ||
		       stress_error("read: %s", strerror(errno));
	if (!got || got % (long)sizeof(records[0]))
		return stress_error("read: %ld bytes", got);
	for (i = 0; i < got / sizeof(records[0]); i++)
		if (!take(requester, &records[i]))
			return false;
	return true;
}

static bool drain(struct requester *requester)
{
	struct pollfd wanted = { .fd = requester->fd, .events = POLLIN };

	while (requester->out) {
		if (poll(&wanted, 1, PATIENCE) != 1)
			return stress_error("%u records do not come",
					    requester->out);
		if (!take_some(requester))
			return false;
	}
	/* And no more than those. */
	return !poll(&wanted, 1, 0) ||
	       stress_error("there is a record of nobody");
}

static bool step(struct requester *requester)
{
	unsigned int cookie = stress_below(&requester->random, COOKIES);
	unsigned int dice = stress_below(&requester->random, 100);

	if (dice < 60)
		return requester->states[cookie] != FREE || ask(requester, cookie);
	if (dice < 80)
		return cancel(requester, cookie);
	return take_some(requester);
}

static bool enough(void)
{
	return stress_failed() || stress_read(&stress.board->stop);
}

/* A life of a client, which ends at any moment, or when all has been read. */
static bool live(struct requester *requester)
{
	unsigned int steps = stress_below(&requester->random, STEPS);
	bool fine = true;

	look_around(requester);
	memset(requester->states, 0, sizeof(requester->states));
	requester->out = 0;
	requester->fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (requester->fd < 0)
		return stress_error("open: %s", strerror(errno));
	while (fine && steps-- && !enough())
		fine = step(requester);
	if (fine && stress_chance(&requester->random, 50))
		fine = drain(requester);
	__atomic_add_fetch(&tally->left, requester->out, __ATOMIC_RELAXED);
	close(requester->fd);
	return fine;
}

static bool work(unsigned int number)
{
	static struct requester requester;

	requester.random = stress_stream("async", number);
	while (!enough())
		if (!live(&requester))
			return false;
	return true;
}

/*
 * Those that go
 */

static bool change_habits(struct stress_random *random)
{
	static const char *const habits[] = {
		"reset", "list=multi", "delay_ms=1", "every=3 status=resources",
		"every=4 status=failure", "every=5 list=short",
	};
	int error = stress_mock("script " PROVIDER " %s",
				habits[stress_below(random, ARRAY_SIZE(habits))]);

	return !error || stress_error("script: %s", strerror(-error));
}

static bool go(const char *command, unsigned int *count)
{
	int error = stress_mock("%s", command);

	if (error)
		return stress_error("%s: %s", command, strerror(-error));
	stress_count(count);
	return true;
}

/* Publish the kind of end before the removal, so that readers of records can check it. */
static bool expect(enum end end)
{
	struct ndshm_nl_provider provider;
	struct ndshm_nl nl;
	int error = ndshm_nl_open(&nl);

	if (error)
		return stress_error("netlink: %s", strerror(-error));
	error = ndshm_nl_provider_by_name(&nl, PROVIDER, &provider);
	ndshm_nl_close(&nl);
	if (error)
		return stress_error("no provider: %s", strerror(-error));
	__atomic_store_n(&tally->ends[provider.id % ENDS], end,
			 __ATOMIC_RELAXED);
	return true;
}

/*
 * A provider with blocks cannot be unregistered. So let its allocations fail for a while
 * and unregister it after its last block is freed, with requests in flight.
 */
static bool release(void)
{
	unsigned int tries = TRIES;
	int error = stress_mock("script " PROVIDER " every=1 status=resources");

	while (!error && tries--) {
		error = stress_mock("provider del " PROVIDER);
		if (!error)
			stress_count(&tally->unregistered);
		if (error != -EBUSY)
			break;
		error = 0;
		stress_sleep(1000);
	}
	return !error || stress_error("unregister: %s", strerror(-error));
}

static bool stir(struct stress_random *random)
{
	bool fine;
	int error;

	switch (stress_below(random, 6)) {
	case 0:
		fine = expect(REVOKED) &&
		       go("provider revoke " PROVIDER, &tally->revoked);
		break;
	case 1:
		fine = expect(UNREGISTERED) && release();
		break;
	case 2:
		fine = go("adapter del " ADAPTER, &tally->removed);
		break;
	default:
		return change_habits(random);
	}
	stress_sleep(stress_spread(random, GAP / 4));
	error = stress_mock("provider add " PROVIDER);
	if (!error || error == -EEXIST)
		error = stress_mock("adapter add " ADAPTER);
	return fine && (!error || error == -EEXIST ||
			stress_error("and back: %s", strerror(-error)));
}

/* Has each of them met requests? */
static bool raced(void)
{
	return stress_read(&tally->good) && stress_read(&tally->cancelled) &&
	       stress_read(&tally->left) && stress_read(&tally->no_adapter) &&
	       stress_read(&tally->by_revoke) &&
	       stress_read(&tally->by_unregister) && tally->removed &&
	       tally->revoked && tally->unregistered;
}

/* Of the kernel: those that began, and those that have ended. */
static bool get_counts(long long *began, long long *ended)
{
	long long granted, failed, aborted;
	char text[256];

	if (ndshm_read_file(COUNTS, text, sizeof(text)) ||
	    sscanf(text,
		   "requests accepted=%lld granted=%lld failed=%lld aborted=%lld",
		   began, &granted, &failed, &aborted) != 4)
		return stress_error(COUNTS " cannot be read");
	*ended = granted + failed + aborted;
	return true;
}

static bool race(void)
{
	struct stress_random random = stress_stream("async", ~0U);
	pid_t workers[STRESS_WORKERS];
	__u64 all_made = 0;
	bool fine = true;
	unsigned int i;

	__atomic_store_n(&stress.board->stop, 0, __ATOMIC_RELAXED);
	for (i = 0; i < STRESS_WORKERS; i++)
		workers[i] = stress_start(work, i);
	while (fine && !enough()) {
		fine = stir(&random);
		if (stress_read(&tally->pending) >= stress.requests) {
			if (!all_made)
				all_made = stress_now();
			if (raced() || stress_seconds(all_made) * 1000 > PATIENCE)
				break;
		}
		stress_sleep(stress_spread(&random, GAP));
	}
	__atomic_store_n(&stress.board->stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < STRESS_WORKERS; i++)
		fine = stress_finish(workers[i], "an asker") && fine;
	return fine;
}

static bool all_counted(long long began, long long ended)
{
	const unsigned int reported = tally->good + tally->cancelled +
				      tally->no_adapter + tally->no_provider +
				      tally->other;
	long long now_began, now_ended;

	stress_say("async: %u requests: %u blocks, %u cancelled, %u failed, %u left",
		   tally->pending, tally->good, tally->cancelled, tally->other,
		   tally->left);
	stress_say("async: %u without an adapter, %u without a provider; %u cancels too late",
		   tally->no_adapter, tally->no_provider, tally->late);
	stress_say("async: %u whose own provider was revoked, %u unregistered",
		   tally->by_revoke, tally->by_unregister);
	stress_say("async: %u adapters removed, %u providers revoked, %u unregistered",
		   tally->removed, tally->revoked, tally->unregistered);
	if (!get_counts(&now_began, &now_ended))
		return false;
	if (reported + tally->left != tally->pending)
		return stress_error("%u records, and %u left", reported,
				    tally->left);
	if (now_began - began != tally->pending ||
	    now_ended - ended != tally->pending)
		return stress_error("the kernel counts %lld requests and %lld ends",
				    now_began - began, now_ended - ended);
	if (tally->pending < stress.requests)
		return stress_error("%u requests of %u", tally->pending,
				    stress.requests);
	return raced() || stress_error("they have hardly raced");
}

bool stress_async(void)
{
	long long began, ended;
	bool fine;

	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tally == MAP_FAILED)
		return stress_error("mmap: %s", strerror(errno));
	if (!stress_mock_begin() || !get_counts(&began, &ended))
		return false;
	fine = !stress_mock("provider add " PROVIDER) &&
	       !stress_mock("adapter add " ADAPTER) && race();
	fine = fine && all_counted(began, ended);
	stress_mock("adapter del " ADAPTER);
	stress_mock("provider revoke " PROVIDER);
	fine = stress_mock_sound(false) && fine;
	munmap(tally, sizeof(*tally));
	return stress_mock_end() && fine;
}
