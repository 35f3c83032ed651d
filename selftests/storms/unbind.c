// SPDX-License-Identifier: GPL-2.0
/*
 * Removal of functions, adapters and providers in use. Users must get the reason, no
 * wait may depend on another process, and the module must stay while it is in use.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ndshm_proc.h"
#include "client.h"
#include "load.h"

#define ROUND		100	/* times that something goes under one load */
#define LONGEST		30000	/* microseconds that it is there */
#define GAP		5000	/* microseconds that it is not */
#define ADAPTER		"storm"
#define PROVIDER	"storm"
#define BLOCKS		256
#define REMOVAL_MS	2000	/* the longest that a removal may take */

/* In a test build: every fault stays a while where a revoke can miss its page. */
#define FAULT_DELAY	"/sys/module/ndshm/parameters/test_fault_delay_ms"

/* How something goes and comes again. */
struct goer {
	struct storm_load load;
	bool (*go)(struct storm_random *random);
	bool (*come)(struct storm_random *random);
};

/* Nothing that went has memory, and the workers hold it to that. */
static bool has_no_blocks(__u32 adapter)
{
	struct ndshm_nl_block blocks[BLOCKS];
	int count, i;

	__atomic_store_n(&storm.board->gone_adapter, adapter, __ATOMIC_RELAXED);
	count = ndshm_nl_blocks(&storm.nl, blocks, BLOCKS);
	if (count < 0)
		return storm_complain("dump: %s", strerror(-count));
	for (i = 0; i < count && i < BLOCKS; i++)
		if (blocks[i].adapter == adapter && !blocks[i].revoked)
			return storm_complain("adapter %u has gone, and has a block",
					      adapter);
	return true;
}

static bool stays_loaded(const char *name)
{
	int error = ndshm_unload_module(name);

	return error == -EWOULDBLOCK ||
	       storm_complain("unloading %s while it is used: %s", name,
			      strerror(-error));
}

static double longest;		/* that something took to go, in milliseconds */

/* The removal must be fast even if its users are throttled. */
static bool go_soon(const struct goer *goer, struct storm_random *random)
{
	const __u64 stood = storm_stood(), since = storm_now();
	bool fine = goer->go(random);
	double took = storm_ran(since, stood) / 1e6;

	if (took > longest)
		longest = took;
	if (took > REMOVAL_MS)
		fine = storm_complain("%s: it took %.0f ms to go",
				      goer->load.name, took);
	return fine;
}

/* Under one load; the module is in use all the time. */
static bool go_and_come(const struct goer *goer, struct storm_random *random,
			unsigned int times)
{
	int fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	bool fine = storm_load_begin(&goer->load);

	/* The removing process must not compete with the users for CPU time. */
	setpriority(PRIO_PROCESS, 0, -20);
	while (fine && times--) {
		if (!access(FAULT_DELAY, W_OK))
			ndshm_write_file(FAULT_DELAY, storm_chance(random, 50) ?
					 "1" : "0");
		storm_sleep(storm_below(random, LONGEST));
		if (storm_chance(random, 30))
			fine = stays_loaded("ndshm");
		fine = fine && go_soon(goer, random);
		storm_sleep(storm_spread(random, GAP));
		fine = fine && goer->come(random);
		if (fine && storm_chance(random, 20))
			fine = storm_load_replace(random);
	}
	setpriority(PRIO_PROCESS, 0, 0);
	fine = storm_load_end() && fine;
	if (!access(FAULT_DELAY, W_OK))
		ndshm_write_file(FAULT_DELAY, "0");
	close(fd);
	return fine;
}

/* Number of calls that returned the reason of a removal. */
static unsigned int told(void)
{
	const __u64 reasons = STORM_NO_ADAPTER | STORM_NO_PROVIDER |
			      STORM_MAY(CLAIM_MISSING) |
			      STORM_MAY(BLOCK_REVOKED);
	unsigned int sum = storm_read(&storm.board->gone), reason;

	for (reason = 0; reason < 64; reason++)
		if (reasons >> reason & 1)
			sum += storm_read(&storm.board->refused[reason]);
	return sum;
}

static bool all_rounds(const struct goer *goer)
{
	struct storm_random random = storm_stream(goer->load.name, ~0U);
	unsigned int left = storm.unbinds, times, before = told();
	__u64 since = storm_now();
	bool fine = true;

	longest = 0;
	storm_watch_clock();
	for (; fine && left; left -= times) {
		times = left < ROUND ? left : ROUND;
		fine = go_and_come(goer, &random, times);
		storm_say("%s: %u of %u, %.1f ms each", goer->load.name,
			  storm.unbinds - left + times, storm.unbinds,
			  storm_seconds(since) * 1e3 /
			  (storm.unbinds - left + times));
	}
	storm_leave_clock();
	storm_say("%s: %u times somebody was told; it took %.1f ms to go at most",
		  goer->load.name, told() - before, longest);
	return fine && (told() - before > storm.unbinds / 4 ||
			storm_complain("it was hardly used"));
}

/*
 * A function: unbound, or pulled out
 */

static bool go_edu(struct storm_random *random)
{
	const bool pull = storm_chance(random, 20);
	int error = pull ? ndshm_pci_remove(&storm.edu.pci) :
			   ndshm_pci_unbind(&storm.edu.pci);

	if (error)
		return storm_complain("unbind: %s", strerror(-error));
	return has_no_blocks(storm.edu.adapter.id);
}

static bool come_edu(struct storm_random *random)
{
	int error = 0;

	(void)random;
	if (!ndshm_pci_is_there(&storm.edu.pci))
		error = ndshm_pci_rescan();
	if (!error)
		error = ndshm_edu_rebind(&storm.edu);
	return !error || storm_complain("bind: %s", strerror(-error));
}

bool storm_unbind_edu(void)
{
	const struct goer goer = {
		.load = {
			.name = "unbind",
			.target = storm.edu.pci.name,
			.target_may = STORM_NO_ADAPTER |
				      STORM_MAY(CLAIM_MISSING),
		},
		.go = go_edu,
		.come = come_edu,
	};

	return all_rounds(&goer);
}

/*
 * An adapter of the mock module
 */

static __u32 adapter_number(void)
{
	struct ndshm_nl_adapter adapter;

	return ndshm_nl_adapter_by_name(&storm.nl, ADAPTER, &adapter) ?
	       0 : adapter.id;
}

static bool come_adapter(struct storm_random *random)
{
	int error = storm_mock("adapter add " ADAPTER);

	(void)random;
	/* Its module may have gone with it. */
	if (error == -ENOENT && storm_mock_begin())
		error = storm_mock("adapter add " ADAPTER);
	return !error || storm_complain("adapter add: %s", strerror(-error));
}

static bool go_adapter(struct storm_random *random)
{
	__u32 number = adapter_number();
	int error;

	/* A device in use can be removed, and so can the module that created it. */
	error = storm_chance(random, 20) ? ndshm_unload_module("ndshm_mock") :
					   storm_mock("adapter del " ADAPTER);
	if (error)
		return storm_complain("adapter del: %s", strerror(-error));
	return has_no_blocks(number);
}

bool storm_unbind_mock(void)
{
	static const struct goer goer = {
		.load = {
			.name = "adapters",
			.target = ADAPTER,
			.target_may = STORM_NO_ADAPTER,
		},
		.go = go_adapter,
		.come = come_adapter,
	};
	bool fine = come_adapter(NULL) && all_rounds(&goer);

	storm_mock("adapter del " ADAPTER);
	return storm_mock_end() && fine;
}

/*
 * A provider: replaced, unregistered if it is unused, or revoked
 */

static bool come_provider(struct storm_random *random)
{
	static const char *const habits[] = {
		"reset", "list=multi", "delay_ms=1", "every=3 status=resources",
		"every=4 status=failure", "every=5 list=short",
	};
	int error = storm_mock("provider add " PROVIDER);

	if (!error || error == -EEXIST)
		error = storm_mock("script " PROVIDER " %s",
				   habits[storm_below(random,
						      ARRAY_SIZE(habits))]);
	return !error || storm_complain("provider add: %s", strerror(-error));
}

/* A block of the provider pins its module. */
static bool keeps_module(void)
{
	bool fine;

	/* The provider may be in the mood to refuse. */
	if (storm_mock("block alloc 0 node0 " PROVIDER " 4096"))
		return true;
	fine = stays_loaded("ndshm_mock");
	return !storm_mock("block free 0") && fine;
}

static __u32 provider_number(void)
{
	struct ndshm_nl_provider provider;

	return ndshm_nl_provider_by_name(&storm.nl, PROVIDER, &provider) ?
	       0 : provider.id;
}

static bool go_provider(struct storm_random *random)
{
	__u32 number = provider_number();
	int error;

	switch (storm_below(random, 4)) {
	case 0:
		error = storm_mock("provider replace " PROVIDER);
		number = 0;
		break;
	case 1:
		error = storm_mock("provider del " PROVIDER);
		/* Required while a block of the provider exists. */
		if (error == -EBUSY) {
			error = 0;
			number = 0;
		}
		break;
	default:
		if (storm_chance(random, 30) && !keeps_module())
			return false;
		error = storm_mock("provider revoke " PROVIDER);
		break;
	}
	if (error)
		return storm_complain("provider: %s", strerror(-error));
	if (number)
		__atomic_store_n(&storm.board->gone_provider, number,
				 __ATOMIC_RELAXED);
	return storm_mock_sound(true);
}

bool storm_providers(void)
{
	static const struct goer goer = {
		.load = {
			.name = "providers",
			.maker = PROVIDER,
			.maker_may = STORM_NO_PROVIDER |
				     STORM_MAY(LIST_SHORT) |
				     STORM_MAY(PROVIDER_FAILURE) |
				     STORM_MAY(PROVIDER_NONSENSE),
		},
		.go = go_provider,
		.come = come_provider,
	};
	struct storm_random random = storm_stream("habit", 0);
	bool fine = storm_mock_begin() && come_provider(&random);

	fine = fine && all_rounds(&goer);
	storm_mock("provider revoke " PROVIDER);
	fine = storm_mock_sound(false) && fine;
	return storm_mock_end() && fine;
}
