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

#include "ndshm_clock.h"
#include "ndshm_proc.h"
#include "client.h"
#include "load.h"

#define ROUND		100	/* times that something goes under one load */
#define LONGEST		30000	/* microseconds that it is there */
#define GAP		5000	/* microseconds that it is not */
#define ADAPTER		"stress"
#define PROVIDER	"stress"
#define BLOCKS		256
#define REMOVAL_MS	2000	/* the longest that a removal may take */

/* In a test build: every fault stays a while where a revoke can miss its page. */
#define FAULT_DELAY	"/sys/module/ndshm/parameters/test_fault_delay_ms"

/* How something goes and comes again. */
struct unbinder {
	struct stress_load load;
	bool (*go)(struct stress_random *random);
	bool (*come)(struct stress_random *random);
};

/* Nothing that went has memory, and the workers hold it to that. */
static bool has_no_blocks(__u32 adapter)
{
	struct ndshm_nl_block blocks[BLOCKS];
	int count, i;

	__atomic_store_n(&stress.board->gone_adapter, adapter, __ATOMIC_RELAXED);
	count = ndshm_nl_blocks(&stress.nl, blocks, BLOCKS);
	if (count < 0)
		return stress_error("dump: %s", strerror(-count));
	for (i = 0; i < count && i < BLOCKS; i++)
		if (blocks[i].adapter == adapter && !blocks[i].revoked)
			return stress_error("adapter %u has gone, and has a block",
					    adapter);
	return true;
}

static bool stays_loaded(const char *name)
{
	int error = ndshm_unload_module(name);

	return error == -EWOULDBLOCK ||
	       stress_error("unloading %s while it is used: %s", name,
			    strerror(-error));
}

static double longest;		/* that something took to go, in milliseconds */

/* The removal must be fast while it has users. */
static bool go_soon(const struct unbinder *unbinder, struct stress_random *random)
{
	const struct ndshm_clock since = ndshm_clock_now();
	bool fine = unbinder->go(random);
	double took = ndshm_clock_ran(since) * 1e3;

	if (took > longest)
		longest = took;
	if (took > REMOVAL_MS)
		fine = stress_error("%s: it took %.0f ms to go",
				    unbinder->load.name, took);
	return fine;
}

/* Under one load; the module is in use all the time. */
static bool go_and_come(const struct unbinder *unbinder, struct stress_random *random,
			unsigned int times)
{
	int fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	bool fine = stress_load_begin(&unbinder->load);

	/* The removing process must not compete with the users for CPU time. */
	setpriority(PRIO_PROCESS, 0, -20);
	while (fine && times--) {
		if (!access(FAULT_DELAY, W_OK))
			ndshm_write_file(FAULT_DELAY, stress_chance(random, 50) ?
					 "1" : "0");
		stress_sleep(stress_below(random, LONGEST));
		if (stress_chance(random, 30))
			fine = stays_loaded("ndshm");
		fine = fine && go_soon(unbinder, random);
		stress_sleep(stress_spread(random, GAP));
		fine = fine && unbinder->come(random);
		if (fine && stress_chance(random, 20))
			fine = stress_load_replace(random);
	}
	setpriority(PRIO_PROCESS, 0, 0);
	fine = stress_load_end() && fine;
	if (!access(FAULT_DELAY, W_OK))
		ndshm_write_file(FAULT_DELAY, "0");
	close(fd);
	return fine;
}

/* Number of calls that returned the reason of a removal. */
static unsigned int reported(void)
{
	const __u64 reasons = STRESS_NO_ADAPTER | STRESS_NO_PROVIDER |
			      STRESS_MAY(CLAIM_MISSING) |
			      STRESS_MAY(BLOCK_REVOKED);
	unsigned int sum = stress_read(&stress.board->gone), reason;

	for (reason = 0; reason < 64; reason++)
		if (reasons >> reason & 1)
			sum += stress_read(&stress.board->refused[reason]);
	return sum;
}

static bool all_rounds(const struct unbinder *unbinder)
{
	struct stress_random random = stress_stream(unbinder->load.name, ~0U);
	unsigned int left = stress.unbinds, times, before = reported();
	__u64 since = stress_now();
	bool fine = true;

	longest = 0;
	if (!ndshm_clock_start())
		return stress_error("no process looks at the clock");
	for (; fine && left; left -= times) {
		times = left < ROUND ? left : ROUND;
		fine = go_and_come(unbinder, &random, times);
		stress_say("%s: %u of %u, %.1f ms each", unbinder->load.name,
			   stress.unbinds - left + times, stress.unbinds,
			   stress_seconds(since) * 1e3 /
			   (stress.unbinds - left + times));
	}
	ndshm_clock_stop();
	stress_say("%s: %u times somebody was told; it took %.1f ms to go at most",
		   unbinder->load.name, reported() - before, longest);
	return fine && (reported() - before > stress.unbinds / 4 ||
			stress_error("it was hardly used"));
}

/*
 * A function: unbound, or pulled out
 */

static bool go_edu(struct stress_random *random)
{
	const bool pull = stress_chance(random, 20);
	int error = pull ? ndshm_pci_remove(&stress.edu.pci) :
			   ndshm_pci_unbind(&stress.edu.pci);

	if (error)
		return stress_error("unbind: %s", strerror(-error));
	return has_no_blocks(stress.edu.adapter.id);
}

static bool come_edu(struct stress_random *random)
{
	int error = 0;

	(void)random;
	if (!ndshm_pci_is_there(&stress.edu.pci))
		error = ndshm_pci_rescan();
	/* What is measured is the module's part of the removal. */
	if (!error)
		error = ndshm_pci_set_enabled(&stress.edu.pci, true);
	if (!error)
		error = ndshm_edu_rebind(&stress.edu);
	return !error || stress_error("bind: %s", strerror(-error));
}

/* Bind the function after enabling or disabling it. */
static bool rebind_edu(bool enabled)
{
	int error = ndshm_pci_unbind(&stress.edu.pci);

	if (!error)
		error = ndshm_pci_set_enabled(&stress.edu.pci, enabled);
	if (!error)
		error = ndshm_edu_rebind(&stress.edu);
	return !error || stress_error("bind: %s", strerror(-error));
}

bool stress_unbind_edu(void)
{
	const struct unbinder unbinder = {
		.load = {
			.name = "unbind",
			.target = stress.edu.pci.name,
			.target_may = STRESS_NO_ADAPTER |
				      STRESS_MAY(CLAIM_MISSING),
		},
		.go = go_edu,
		.come = come_edu,
	};
	bool fine = rebind_edu(true) && all_rounds(&unbinder);

	return rebind_edu(false) && fine;
}

/*
 * An adapter of the mock module
 */

static __u32 adapter_number(void)
{
	struct ndshm_nl_adapter adapter;

	return ndshm_nl_adapter_by_name(&stress.nl, ADAPTER, &adapter) ?
	       0 : adapter.id;
}

static bool come_adapter(struct stress_random *random)
{
	int error = stress_mock("adapter add " ADAPTER);

	(void)random;
	/* Its module may have gone with it. */
	if (error == -ENOENT && stress_mock_begin())
		error = stress_mock("adapter add " ADAPTER);
	return !error || stress_error("adapter add: %s", strerror(-error));
}

static bool go_adapter(struct stress_random *random)
{
	__u32 number = adapter_number();
	int error;

	/* A device in use can be removed, and so can the module that created it. */
	error = stress_chance(random, 20) ? ndshm_unload_module("ndshm_mock") :
					   stress_mock("adapter del " ADAPTER);
	if (error)
		return stress_error("adapter del: %s", strerror(-error));
	return has_no_blocks(number);
}

bool stress_unbind_mock(void)
{
	static const struct unbinder unbinder = {
		.load = {
			.name = "adapters",
			.target = ADAPTER,
			.target_may = STRESS_NO_ADAPTER,
		},
		.go = go_adapter,
		.come = come_adapter,
	};
	bool fine = come_adapter(NULL) && all_rounds(&unbinder);

	stress_mock("adapter del " ADAPTER);
	return stress_mock_end() && fine;
}

/*
 * A provider: replaced, unregistered if it is unused, or revoked
 */

static bool come_provider(struct stress_random *random)
{
	static const char *const habits[] = {
		"reset", "list=multi", "delay_ms=1", "every=3 status=resources",
		"every=4 status=failure", "every=5 list=short",
	};
	int error = stress_mock("provider add " PROVIDER);

	if (!error || error == -EEXIST)
		error = stress_mock("script " PROVIDER " %s",
				    habits[stress_below(random,
							ARRAY_SIZE(habits))]);
	return !error || stress_error("provider add: %s", strerror(-error));
}

/* A block of the provider pins its module. */
static bool keeps_module(void)
{
	bool fine;

	/* The provider may be in the mood to refuse. */
	if (stress_mock("block alloc 0 node0 " PROVIDER " 4096"))
		return true;
	fine = stays_loaded("ndshm_mock");
	return !stress_mock("block free 0") && fine;
}

static __u32 provider_number(void)
{
	struct ndshm_nl_provider provider;

	return ndshm_nl_provider_by_name(&stress.nl, PROVIDER, &provider) ?
	       0 : provider.id;
}

static bool go_provider(struct stress_random *random)
{
	__u32 number = provider_number();
	int error;

	switch (stress_below(random, 4)) {
	case 0:
		error = stress_mock("provider replace " PROVIDER);
		number = 0;
		break;
	case 1:
		error = stress_mock("provider del " PROVIDER);
		/* Required while a block of the provider exists. */
		if (error == -EBUSY) {
			error = 0;
			number = 0;
		}
		break;
	default:
		if (stress_chance(random, 30) && !keeps_module())
			return false;
		error = stress_mock("provider revoke " PROVIDER);
		break;
	}
	if (error)
		return stress_error("provider: %s", strerror(-error));
	if (number)
		__atomic_store_n(&stress.board->gone_provider, number,
				 __ATOMIC_RELAXED);
	return stress_mock_sound(true);
}

bool stress_providers(void)
{
	static const struct unbinder unbinder = {
		.load = {
			.name = "providers",
			.maker = PROVIDER,
			.maker_may = STRESS_NO_PROVIDER |
				     STRESS_MAY(LIST_SHORT) |
				     STRESS_MAY(PROVIDER_FAILURE) |
				     STRESS_MAY(PROVIDER_BAD_REPLY),
		},
		.go = go_provider,
		.come = come_provider,
	};
	struct stress_random random = stress_stream("habit", 0);
	bool fine = stress_mock_begin() && come_provider(&random);

	fine = fine && all_rounds(&unbinder);
	stress_mock("provider revoke " PROVIDER);
	fine = stress_mock_sound(false) && fine;
	return stress_mock_end() && fine;
}
