// SPDX-License-Identifier: GPL-2.0
/*
 * The idle state of the system: recorded once, and compared after each part. Kernels
 * without debugging show less of it, but blocks, accounts, references of the module,
 * adapters and the log are always compared.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <fcntl.h>
#include <unistd.h>

#include <linux/ndshm.h>

#include "ndshm_debug.h"
#include "ndshm_proc.h"
#include "stress.h"

#define REFERENCES	"/sys/module/ndshm/refcnt"
#define TAINTED		"/proc/sys/kernel/tainted"
#define TAINTED_WARNING	0x200
#define USERS		3
#define PROVIDERS	32

static const uid_t users[USERS] = { 0, NDSHM_USER_A, NDSHM_USER_B };

static struct {
	long long references;
	long long warned;
	__u64 locked[USERS];
	int providers;
	int blocks;		/* of all providers */
	int adapters;
	int dma_entries;
	long pages;
	int log;
} before = { .log = -1 };

int stress_live(void)
{
	struct ndshm_nl_block block;

	return ndshm_nl_blocks(&stress.nl, &block, 1);
}

/* As the user; the descriptor is root's. */
static __u64 ask(uid_t user, int fd, int peer)
{
	struct ndshm_get_info_args info = { .size = sizeof(info) };

	if (!ndshm_become(user) || ioctl(fd, NDSHM_GET_INFO, &info))
		info.out_user_locked = ~0ULL;
	return write(peer, &info.out_user_locked,
		     sizeof(info.out_user_locked)) !=
	       sizeof(info.out_user_locked);
}

__u64 stress_locked(uid_t user)
{
	struct ndshm_get_info_args info = { .size = sizeof(info) };
	int fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC), peer;
	__u64 bytes = ~0ULL;
	pid_t child;

	if (fd < 0)
		return bytes;
	if (!user) {
		if (!ioctl(fd, NDSHM_GET_INFO, &info))
			bytes = info.out_user_locked;
		close(fd);
		return bytes;
	}
	child = ndshm_fork(&peer);
	if (!child)
		_exit(ask(user, fd, peer));
	close(fd);
	if (child < 0)
		return bytes;
	if (read(peer, &bytes, sizeof(bytes)) != sizeof(bytes))
		bytes = ~0ULL;
	close(peer);
	return ndshm_reap(child) ? bytes : ~0ULL;
}

static int blocks_of_providers(void)
{
	struct ndshm_nl_provider providers[PROVIDERS];
	int count = ndshm_nl_providers(&stress.nl, providers, PROVIDERS);
	int blocks = 0, i;

	for (i = 0; i < count && i < PROVIDERS; i++)
		blocks += providers[i].blocks;
	return blocks;
}

bool stress_baseline(void)
{
	int i;

	/* The memory of an earlier program may be freed later. */
	ndshm_wait_deferred();
	ndshm_soon(!stress_live());
	ndshm_soon(!stress_locked(0));
	before.references = ndshm_read_number(REFERENCES);
	before.warned = ndshm_read_number(TAINTED) & TAINTED_WARNING;
	for (i = 0; i < USERS; i++)
		before.locked[i] = stress_locked(users[i]);
	before.providers = ndshm_nl_providers(&stress.nl, NULL, 0);
	before.blocks = blocks_of_providers();
	before.adapters = ndshm_nl_adapters(&stress.nl, NULL, 0);
	before.dma_entries = ndshm_dma_entries();
	before.pages = ndshm_pages_owned();
	if (before.log < 0)
		before.log = ndshm_log_mark();
	if (before.log < 0)
		return stress_error("the kernel log cannot be read");
	return !stress_live() || stress_error("somebody has blocks");
}

static bool same(const char *when, const char *what, long long was,
		 long long now)
{
	return was == now || stress_error("%s: %s: %lld, not %lld", when,
					  what, now, was);
}

static bool log_clean(const char *when)
{
	char line[256];

	if (!ndshm_log_clean(before.log, line, sizeof(line)))
		return stress_error("%s: the kernel says: %s", when, line);
	return same(when, "taint by a warning", before.warned,
		    ndshm_read_number(TAINTED) & TAINTED_WARNING);
}

bool stress_is_idle(const char *when)
{
	bool fine = true;
	int i;

	/* Of a process that was killed the last reference can go later. */
	ndshm_wait_deferred();
	if (!ndshm_soon(stress_live() == 0))
		fine = stress_error("%s: %d blocks live", when, stress_live());
	for (i = 0; i < USERS; i++)
		if (!ndshm_soon(stress_locked(users[i]) == before.locked[i]))
			fine = stress_error("%s: %llu bytes are locked for user %u, not %llu",
					    when, stress_locked(users[i]),
					    users[i], before.locked[i]);
	fine &= ndshm_soon(ndshm_read_number(REFERENCES) == before.references) ||
		same(when, "references of the module", before.references,
		     ndshm_read_number(REFERENCES));
	fine &= ndshm_soon(ndshm_nl_providers(&stress.nl, NULL, 0) == before.providers) ||
		same(when, "providers", before.providers,
		     ndshm_nl_providers(&stress.nl, NULL, 0));
	fine &= ndshm_soon(blocks_of_providers() == before.blocks) ||
		same(when, "blocks of providers", before.blocks,
		     blocks_of_providers());
	fine &= ndshm_soon(ndshm_nl_adapters(&stress.nl, NULL, 0) == before.adapters) ||
		same(when, "adapters", before.adapters,
		     ndshm_nl_adapters(&stress.nl, NULL, 0));
	fine &= ndshm_soon(ndshm_dma_entries() == before.dma_entries) ||
		same(when, "entries of the DMA API", before.dma_entries,
		     ndshm_dma_entries());
	if (before.pages >= 0 &&
	    !ndshm_soon(ndshm_pages_owned() <= before.pages)) {
		fine &= same(when, "pages of the module", before.pages,
			     ndshm_pages_owned());
		ndshm_pages_print();
	}
	return log_clean(when) && fine;
}

int stress_leaks(void)
{
	char record[2048];
	int leaks = ndshm_kmemleak(record, sizeof(record));

	if (leaks > 0)
		stress_error("%d kmemleak records, the first:\n%s", leaks,
			     record);
	return leaks;
}
