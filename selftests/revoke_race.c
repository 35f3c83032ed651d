// SPDX-License-Identifier: GPL-2.0
/*
 * Revoking while an mmap stands between filling its page tables and being found
 * through the inode, or a fault before the page it answers with is in the page tables:
 * what is shown in the end is SIGBUS, never the old page. The module's test build
 * holds either there.
 */
#include <poll.h>

#include "ndshm_edu.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define PARAMETERS	"/sys/module/ndshm/parameters/"
#define DELAY		PARAMETERS "test_mmap_delay_ms"
#define DELAYING	PARAMETERS "test_mmap_delaying"
#define SHORTEST	500	/* milliseconds of delay */
#define LONGEST		32000

FIXTURE(race) {
	int fd;
	struct ndshm_edu edu;
};

FIXTURE_SETUP(race)
{
	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_read_number(DELAYING) < 0)
		SKIP(return, "the module is not a test build");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(race)
{
	ndshm_write_file(DELAY, "0");
	close(self->fd);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

/* What is mapped: the first page of a block, or of a BAR; the block's provider. */
FIXTURE_VARIANT(race) {
	bool bar;
	const char *provider;
};

FIXTURE_VARIANT_ADD(race, block) { .provider = "coherent" };
FIXTURE_VARIANT_ADD(race, pages) { .provider = "pages" };
FIXTURE_VARIANT_ADD(race, bar) { .bar = true };

struct mapper {
	int fd;
	__u32 handle;		/* of a block */
	__u64 offset;
	size_t length;
	bool by_fault;		/* and that is what is held, not the mmap */
};

/*
 * Map, and when told look whether there is something: in a process of its own. As
 * long as the mmap stays there, nothing of its process can be mapped or, from
 * within the kernel, be touched for the first time.
 */
static pid_t start_mapper(const struct mapper *mapper, int *peer)
{
	pid_t child = ndshm_fork(peer);
	void *map;

	if (child)
		return child;
	map = mmap(NULL, mapper->length, PROT_READ | PROT_WRITE, MAP_SHARED,
		   mapper->fd, mapper->offset);
	if (mapper->by_fault && map != MAP_FAILED) {
		if (!ndshm_tell(*peer) || !ndshm_hear(*peer))
			_exit(1);
		ndshm_readable(map);
	}
	_exit(!(ndshm_tell(*peer) && ndshm_hear(*peer) && map != MAP_FAILED &&
		!ndshm_readable(map)));
}

/* Has the other one said something, or gone? */
static bool has_told(int peer)
{
	struct pollfd poll_for = { .fd = peer, .events = POLLIN };

	return poll(&poll_for, 1, 0) == 1;
}

/* Something to map under a claim; how often, is not to be counted. */
static struct mapper make(struct __test_metadata *_metadata,
			  struct _test_data_race *self, bool bar,
			  const char *name)
{
	struct ndshm_nl_provider provider;
	struct ndshm_adapter_claim claim =
		adapter_claim_request(self->edu.adapter.id, EDU_WIDTH);
	struct ndshm_adapter_map_bar map =
		adapter_map_bar_request(self->edu.adapter.id, 0);
	struct ndshm_block_info block;
	struct ndshm_block_alloc alloc =
		block_alloc_request(self->edu.adapter.id, 1, &block);

	ASSERT_EQ(0, _test_adapter_claim(self->fd, &claim));
	if (bar) {
		ASSERT_EQ(0, _test_adapter_map_bar(self->fd, &map));
		return (struct mapper){ .fd = self->fd,
					.offset = map.out_mmap_offset,
					.length = page_size() };
	}
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->edu.nl, name, &provider));
	alloc.provider = provider.id;
	ASSERT_EQ(0, _test_block_alloc(self->fd, &alloc));
	return (struct mapper){ .fd = self->fd, .handle = block.handle,
				.offset = block.mmap_offset,
				.length = block.length,
				.by_fault = !strcmp(name, "pages") };
}

static bool is_delayed(void)
{
	return ndshm_read_number(DELAYING) == 1;
}

static bool is_revoked(const struct mapper *mapper)
{
	struct ndshm_block_query query = block_query_request(mapper->handle);

	return _test_block_query(mapper->fd, &query) &&
	       query.reason == NDSHM_REASON_BLOCK_REVOKED;
}

/* Unbind once told, in a process of its own: it waits, and somebody has to look. */
static pid_t start_unbinder(struct _test_data_race *self, int *peer)
{
	pid_t child = ndshm_fork(peer);

	if (child)
		return child;
	close(self->fd);
	_exit(!(ndshm_hear(*peer) && !ndshm_pci_unbind(&self->edu.pci) &&
		ndshm_tell(*peer)));
}

/*
 * The mmap that fills page tables, or the fault: the unbind has revoked the block, and
 * waits until that is through. True if the one met the other.
 */
static bool meets_block(struct __test_metadata *_metadata,
			const struct mapper *mapper, int peer)
{
	bool met;

	EXPECT_TRUE(ndshm_soon(is_revoked(mapper)));
	met = is_delayed();
	EXPECT_TRUE(ndshm_hear(peer));
	EXPECT_FALSE(is_delayed())
		TH_LOG("the unbind has not waited");
	return met;
}

/* The other one shows nothing before it is touched, so nobody waits for it. */
static bool meets_bar(struct __test_metadata *_metadata, int peer)
{
	EXPECT_TRUE(ndshm_hear(peer));
	return is_delayed();
}

/* An mmap that stays that long, and an unbind meanwhile: did they meet? */
static bool unbind_while_delayed(struct __test_metadata *_metadata,
				 struct _test_data_race *self, bool bar,
				 const char *provider, unsigned int delay_ms)
{
	struct mapper mapper = make(_metadata, self, bar, provider);
	pid_t unbinder, child;
	int unbinds, maps;
	char delay[16];
	bool met;

	unbinder = start_unbinder(self, &unbinds);
	ASSERT_LE(0, unbinder);
	snprintf(delay, sizeof(delay), "%u", delay_ms);
	ASSERT_EQ(0, ndshm_write_file(DELAY, mapper.by_fault ? "0" : delay));
	child = start_mapper(&mapper, &maps);
	ASSERT_LE(0, child);
	if (mapper.by_fault) {
		ASSERT_TRUE(ndshm_hear(maps));
		ASSERT_EQ(0, ndshm_write_file(DELAY, delay));
		ASSERT_TRUE(ndshm_tell(maps));
	}
	/* It is there now, with its page tables filled; or it was. */
	ASSERT_TRUE(ndshm_soon(is_delayed() || has_told(maps)));
	ASSERT_TRUE(ndshm_tell(unbinds));
	met = bar ? meets_bar(_metadata, unbinds) :
		    meets_block(_metadata, &mapper, unbinds);
	EXPECT_TRUE(ndshm_reap(unbinder));
	close(unbinds);
	EXPECT_TRUE(ndshm_hear(maps));
	EXPECT_TRUE(ndshm_tell(maps));
	EXPECT_TRUE(ndshm_reap(child))
		TH_LOG("not mapped, or readable still");
	close(maps);
	return met;
}

/* On a slow machine it takes a longer delay for the two to meet. */
TEST_F(race, unbind_while_mapping)
{
	unsigned int delay;
	bool met = false;

	ndshm_case(false);
	for (delay = SHORTEST; !met && delay <= LONGEST; delay *= 4) {
		if (delay > SHORTEST) {
			close(self->fd);
			ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
			self->fd = ndshm_open();
			ASSERT_LE(0, self->fd);
		}
		met = unbind_while_delayed(_metadata, self, variant->bar,
					   variant->provider, delay);
	}
	EXPECT_TRUE(met)
		TH_LOG("the unbind never met it");
}

/* Once revoked, the same call is refused. */
TEST_F(race, mapping_after_unbind)
{
	struct mapper mapper = make(_metadata, self, variant->bar,
				    variant->provider);

	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	test_errno(ENODEV, mapper.fd,
		   mmap(NULL, mapper.length, PROT_READ, MAP_SHARED, mapper.fd,
			mapper.offset));
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
