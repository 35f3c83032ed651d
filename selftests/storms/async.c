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
#include "storm.h"

#define COUNTS		"/sys/kernel/debug/ndshm/requests"
#define ADAPTER		"storm"
#define PROVIDER	"storm"
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

struct asker {
	struct storm_random random;
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

static void look_around(struct asker *asker)
{
	struct ndshm_nl_provider provider;
	struct ndshm_nl_adapter adapter;
	struct ndshm_nl nl;

	asker->adapter = 0;
	asker->provider = 0;
	if (ndshm_nl_open(&nl))
		return;
	if (!ndshm_nl_adapter_by_name(&nl, ADAPTER, &adapter))
		asker->adapter = adapter.id;
	if (!ndshm_nl_provider_by_name(&nl, PROVIDER, &provider))
		asker->provider = provider.id;
	ndshm_nl_close(&nl);
}

/* Request a block of one of two adapters and one of two providers, which may not exist. */
static bool ask(struct asker *asker, unsigned int cookie)
{
	static const __u32 refused[] = {
		NDSHM_REASON_ADAPTER_UNKNOWN, NDSHM_REASON_ADAPTER_REMOVED,
		NDSHM_REASON_PROVIDER_UNKNOWN, NDSHM_REASON_MEMORY,
	};
	struct ndshm_block_alloc alloc = {
		.size = sizeof(alloc),
		.flags = NDSHM_ALLOC_ASYNC,
		.adapter = storm.nodes[0],
		.length = storm_below(&asker->random, 3 * storm.page) + 1,
		.preferred_node = NDSHM_NODE_ANY,
		.usage = NDSHM_USAGE_OTHER,
		.count = 1,
		.cookie = cookie,
	};

	if (asker->adapter && storm_chance(&asker->random, 50))
		alloc.adapter = asker->adapter;
	if (asker->provider && storm_chance(&asker->random, 60))
		alloc.provider = asker->provider;
	if (ioctl(asker->fd, NDSHM_BLOCK_ALLOC, &alloc))
		return is_one_of(alloc.reason, refused, ARRAY_SIZE(refused)) ||
		       storm_complain("request: %s, reason %u", strerror(errno),
				      alloc.reason);
	if (alloc.reason != NDSHM_REASON_PENDING ||
	    alloc.status != NDSHM_STATUS_PENDING)
		return storm_complain("request: reason %u, status %#x",
				      alloc.reason, alloc.status);
	storm_count(&tally->pending);
	asker->states[cookie] = OUT;
	asker->of[cookie] = alloc.provider;
	asker->out++;
	return true;
}

static bool cancel(struct asker *asker, unsigned int cookie)
{
	struct ndshm_block_cancel request = {
		.size = sizeof(request), .cookie = cookie,
	};

	if (!ioctl(asker->fd, NDSHM_BLOCK_CANCEL, &request)) {
		if (asker->states[cookie] != OUT)
			return storm_complain("cookie %u, which is not out, was cancelled",
					      cookie);
		asker->states[cookie] = CANCELLED;
		return true;
	}
	storm_count(&tally->late);
	return request.reason == NDSHM_REASON_REQUEST_UNKNOWN ||
	       storm_complain("not cancelled: %s, reason %u", strerror(errno),
			      request.reason);
}

/* Some stay, but for those that keep a provider from going. */
static bool give_back(struct asker *asker, const struct ndshm_completion *record)
{
	struct ndshm_block_free request = {
		.size = sizeof(request), .handle = record->block.handle,
	};

	if (!asker->of[record->cookie] && storm_chance(&asker->random, 10))
		return true;
	return !ioctl(asker->fd, NDSHM_BLOCK_FREE, &request) ||
	       storm_complain("free: %s", strerror(errno));
}

/* Its provider has gone, and this is how: if it was asked for by name. */
static void count_end(__u32 provider)
{
	enum end end = __atomic_load_n(&tally->ends[provider % ENDS],
				       __ATOMIC_RELAXED);

	storm_count(&tally->no_provider);
	if (provider && end == REVOKED)
		storm_count(&tally->by_revoke);
	else if (provider && end == UNREGISTERED)
		storm_count(&tally->by_unregister);
}

static bool take(struct asker *asker, const struct ndshm_completion *record)
{
	static const __u32 others[] = {
		NDSHM_REASON_PROVIDER_RESOURCES, NDSHM_REASON_PROVIDER_FAILURE,
		NDSHM_REASON_PROVIDER_NONSENSE, NDSHM_REASON_MEMORY,
		/* One that goes while another is the default. */
		NDSHM_REASON_PROVIDER_UNKNOWN,
	};
	const bool aborted = record->reason == NDSHM_REASON_REQUEST_ABORTED;
	enum state state = FREE;
	bool cancelled;

	if (record->cookie < COOKIES)
		state = asker->states[record->cookie];
	if (state == FREE)
		return storm_complain("a record of cookie %llu, reason %u, which is not out",
				      record->cookie, record->reason);
	cancelled = state == CANCELLED;
	if (aborted != cancelled)
		return storm_complain("cookie %llu was %scancelled: reason %u",
				      record->cookie, cancelled ? "" : "not ",
				      record->reason);
	asker->states[record->cookie] = FREE;
	asker->out--;
	if (record->reason == NDSHM_REASON_NONE) {
		storm_count(&tally->good);
		return give_back(asker, record);
	}
	if (record->block.handle)
		return storm_complain("reason %u, and a block", record->reason);
	if (state == CANCELLED)
		storm_count(&tally->cancelled);
	else if (record->reason == NDSHM_REASON_ADAPTER_REMOVED)
		storm_count(&tally->no_adapter);
	else if (record->reason == NDSHM_REASON_PROVIDER_CLOSING)
		count_end(asker->of[record->cookie]);
	else if (is_one_of(record->reason, others, ARRAY_SIZE(others)))
		storm_count(&tally->other);
	else
		return storm_complain("a record: reason %u", record->reason);
	return true;
}

/* What there is. */
static bool take_some(struct asker *asker)
{
	struct ndshm_completion records[RECORDS];
	unsigned int most = 1 + storm_below(&asker->random, RECORDS), i;
	long got = read(asker->fd, records, most * sizeof(records[0]));

	if (got < 0)
		return errno == EAGAIN ||
		       storm_complain("read: %s", strerror(errno));
	if (!got || got % (long)sizeof(records[0]))
		return storm_complain("read: %ld bytes", got);
	for (i = 0; i < got / sizeof(records[0]); i++)
		if (!take(asker, &records[i]))
			return false;
	return true;
}

static bool drain(struct asker *asker)
{
	struct pollfd wanted = { .fd = asker->fd, .events = POLLIN };

	while (asker->out) {
		if (poll(&wanted, 1, PATIENCE) != 1)
			return storm_complain("%u records do not come",
					      asker->out);
		if (!take_some(asker))
			return false;
	}
	/* And no more than those. */
	return !poll(&wanted, 1, 0) ||
	       storm_complain("there is a record of nobody");
}

static bool step(struct asker *asker)
{
	unsigned int cookie = storm_below(&asker->random, COOKIES);
	unsigned int dice = storm_below(&asker->random, 100);

	if (dice < 60)
		return asker->states[cookie] != FREE || ask(asker, cookie);
	if (dice < 80)
		return cancel(asker, cookie);
	return take_some(asker);
}

static bool enough(void)
{
	return storm_complained() || storm_read(&storm.board->stop);
}

/* A life of a client, which ends at any moment, or when all has been read. */
static bool live(struct asker *asker)
{
	unsigned int steps = storm_below(&asker->random, STEPS);
	bool fine = true;

	look_around(asker);
	memset(asker->states, 0, sizeof(asker->states));
	asker->out = 0;
	asker->fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (asker->fd < 0)
		return storm_complain("open: %s", strerror(errno));
	while (fine && steps-- && !enough())
		fine = step(asker);
	if (fine && storm_chance(&asker->random, 50))
		fine = drain(asker);
	__atomic_add_fetch(&tally->left, asker->out, __ATOMIC_RELAXED);
	close(asker->fd);
	return fine;
}

static bool work(unsigned int number)
{
	static struct asker asker;

	asker.random = storm_stream("async", number);
	while (!enough())
		if (!live(&asker))
			return false;
	return true;
}

/*
 * Those that go
 */

static bool change_habits(struct storm_random *random)
{
	static const char *const habits[] = {
		"reset", "list=multi", "delay_ms=1", "every=3 status=resources",
		"every=4 status=failure", "every=5 list=short",
	};
	int error = storm_mock("script " PROVIDER " %s",
			       habits[storm_below(random, ARRAY_SIZE(habits))]);

	return !error || storm_complain("script: %s", strerror(-error));
}

static bool go(const char *command, unsigned int *count)
{
	int error = storm_mock("%s", command);

	if (error)
		return storm_complain("%s: %s", command, strerror(-error));
	storm_count(count);
	return true;
}

/* Publish the kind of end before the removal, so that readers of records can check it. */
static bool expect(enum end end)
{
	struct ndshm_nl_provider provider;
	struct ndshm_nl nl;
	int error = ndshm_nl_open(&nl);

	if (error)
		return storm_complain("netlink: %s", strerror(-error));
	error = ndshm_nl_provider_by_name(&nl, PROVIDER, &provider);
	ndshm_nl_close(&nl);
	if (error)
		return storm_complain("no provider: %s", strerror(-error));
	__atomic_store_n(&tally->ends[provider.id % ENDS], end,
			 __ATOMIC_RELAXED);
	return true;
}

/*
 * A provider with blocks cannot be unregistered. So let its allocations fail for a while
 * and unregister it after its last block is freed, with requests in flight.
 */
static bool let_go(void)
{
	unsigned int tries = TRIES;
	int error = storm_mock("script " PROVIDER " every=1 status=resources");

	while (!error && tries--) {
		error = storm_mock("provider del " PROVIDER);
		if (!error)
			storm_count(&tally->unregistered);
		if (error != -EBUSY)
			break;
		error = 0;
		storm_sleep(1000);
	}
	return !error || storm_complain("unregister: %s", strerror(-error));
}

static bool stir(struct storm_random *random)
{
	bool fine;
	int error;

	switch (storm_below(random, 6)) {
	case 0:
		fine = expect(REVOKED) &&
		       go("provider revoke " PROVIDER, &tally->revoked);
		break;
	case 1:
		fine = expect(UNREGISTERED) && let_go();
		break;
	case 2:
		fine = go("adapter del " ADAPTER, &tally->removed);
		break;
	default:
		return change_habits(random);
	}
	storm_sleep(storm_spread(random, GAP / 4));
	error = storm_mock("provider add " PROVIDER);
	if (!error || error == -EEXIST)
		error = storm_mock("adapter add " ADAPTER);
	return fine && (!error || error == -EEXIST ||
			storm_complain("and back: %s", strerror(-error)));
}

/* Has each of them met requests? */
static bool raced(void)
{
	return storm_read(&tally->good) && storm_read(&tally->cancelled) &&
	       storm_read(&tally->left) && storm_read(&tally->no_adapter) &&
	       storm_read(&tally->by_revoke) &&
	       storm_read(&tally->by_unregister) && tally->removed &&
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
		return storm_complain(COUNTS " cannot be read");
	*ended = granted + failed + aborted;
	return true;
}

static bool race(void)
{
	struct storm_random random = storm_stream("async", ~0U);
	pid_t workers[STORM_WORKERS];
	__u64 all_made = 0;
	bool fine = true;
	unsigned int i;

	__atomic_store_n(&storm.board->stop, 0, __ATOMIC_RELAXED);
	for (i = 0; i < STORM_WORKERS; i++)
		workers[i] = storm_start(work, i);
	while (fine && !enough()) {
		fine = stir(&random);
		if (storm_read(&tally->pending) >= storm.requests) {
			if (!all_made)
				all_made = storm_now();
			if (raced() || storm_seconds(all_made) * 1000 > PATIENCE)
				break;
		}
		storm_sleep(storm_spread(&random, GAP));
	}
	__atomic_store_n(&storm.board->stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < STORM_WORKERS; i++)
		fine = storm_finish(workers[i], "an asker") && fine;
	return fine;
}

static bool all_counted(long long began, long long ended)
{
	const unsigned int told = tally->good + tally->cancelled +
				  tally->no_adapter + tally->no_provider +
				  tally->other;
	long long now_began, now_ended;

	storm_say("async: %u requests: %u blocks, %u cancelled, %u failed, %u left",
		  tally->pending, tally->good, tally->cancelled, tally->other,
		  tally->left);
	storm_say("async: %u without an adapter, %u without a provider; %u cancels too late",
		  tally->no_adapter, tally->no_provider, tally->late);
	storm_say("async: %u whose own provider was revoked, %u unregistered",
		  tally->by_revoke, tally->by_unregister);
	storm_say("async: %u adapters removed, %u providers revoked, %u unregistered",
		  tally->removed, tally->revoked, tally->unregistered);
	if (!get_counts(&now_began, &now_ended))
		return false;
	if (told + tally->left != tally->pending)
		return storm_complain("%u records, and %u left", told,
				      tally->left);
	if (now_began - began != tally->pending ||
	    now_ended - ended != tally->pending)
		return storm_complain("the kernel counts %lld requests and %lld ends",
				      now_began - began, now_ended - ended);
	if (tally->pending < storm.requests)
		return storm_complain("%u requests of %u", tally->pending,
				      storm.requests);
	return raced() || storm_complain("they have hardly raced");
}

bool storm_async(void)
{
	long long began, ended;
	bool fine;

	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tally == MAP_FAILED)
		return storm_complain("mmap: %s", strerror(errno));
	if (!storm_mock_begin() || !get_counts(&began, &ended))
		return false;
	fine = !storm_mock("provider add " PROVIDER) &&
	       !storm_mock("adapter add " ADAPTER) && race();
	fine = fine && all_counted(began, ended);
	storm_mock("adapter del " ADAPTER);
	storm_mock("provider revoke " PROVIDER);
	fine = storm_mock_sound(false) && fine;
	munmap(tally, sizeof(*tally));
	return storm_mock_end() && fine;
}
