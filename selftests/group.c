// SPDX-License-Identifier: GPL-2.0
/*
 * Two functions in one IOMMU group share their DMA address space, so the claims
 * of both must belong to a single client.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ndshm_clock.h"
#include "ndshm_edu.h"
#include "ndshm_probe.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

FIXTURE(group) {
	int one;
	int two;
	struct ndshm_edu edu[2];
};

FIXTURE_SETUP(group)
{
	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find_pair(self->edu))
		SKIP(return, "no two edu functions in one IOMMU group");
	ASSERT_EQ(0, ndshm_edu_bind_pair(self->edu));
	self->one = ndshm_open();
	self->two = ndshm_open();
	ASSERT_LE(0, self->one);
	ASSERT_LE(0, self->two);
}

FIXTURE_TEARDOWN(group)
{
	close(self->one);
	close(self->two);
	EXPECT_EQ(0, ndshm_edu_restore_pair(self->edu));
}

static __u32 adapter_of(struct _test_data_group *self, int number)
{
	return self->edu[number].adapter.id;
}

#define test_claim(fd, number) \
	test_adapter_claim(fd, self->edu[number].adapter.name, EDU_WIDTH)
#define test_err_claim(error, reason, fd, number) \
	test_err_adapter_claim(error, reason, fd, self->edu[number].adapter.name, EDU_WIDTH)
#define test_busy(fd, number) \
	test_err_claim(EBUSY, NDSHM_REASON_CLAIM_BUSY, fd, number)

/* A group whose functions are all bound to ndshm is not shared. */
TEST_F(group, isolation)
{
	int i;

	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, self->edu[i].adapter.isolation &
			     NDSHM_ISOLATION_SHARED_GROUP);
}

/*
 * A function without a driver makes the group shared, because any driver may
 * bind it; that applies to existing claims as well.
 */
TEST_F(group, stranger)
{
	const __u32 before = self->edu[0].adapter.isolation;
	struct ndshm_adapter_start_args start =
		adapter_start_request(adapter_of(self, 0));
	struct ndshm_nl_adapter adapter;

	test_claim(self->one, 0);
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu[1].pci));
	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->edu[0].nl,
					    adapter_of(self, 0), &adapter));
	EXPECT_EQ(before | NDSHM_ISOLATION_SHARED_GROUP, adapter.isolation);
	/*
	 * If the function was isolated before, the existing claim must now
	 * require allow_unisolated.
	 */
	if (!before) {
		ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "N"));
		test_err_adapter_start(EPERM, NDSHM_REASON_UNISOLATED_OFF,
				       self->one, &start);
		close(self->one);
		test_err_claim(EPERM, NDSHM_REASON_UNISOLATED_OFF, self->two, 0);
		self->one = ndshm_open();
	}
	ASSERT_EQ(0, ndshm_pci_bind(&self->edu[1].pci, false));
	close(self->one);
	test_claim(self->two, 0);
	test_adapter_start(self->two, &start);
	self->one = ndshm_open();
}

TEST_F(group, one_client)
{
	test_claim(self->one, 0);
	test_busy(self->two, 1);
	test_claim(self->one, 1);
	test_busy(self->two, 0);
	test_busy(self->two, 1);
	close(self->one);
	/* After the claims have ended, both can be claimed in any order. */
	test_claim(self->two, 1);
	test_claim(self->two, 0);
	self->one = ndshm_open();
	test_busy(self->one, 0);
	test_busy(self->one, 1);
}

/* The other function of the group can reach a block; other clients cannot use it. */
TEST_F(group, blocks)
{
	struct ndshm_block_info blocks[2];
	struct ndshm_block_alloc_args alloc;
	int i;

	test_claim(self->one, 0);
	test_claim(self->one, 1);
	for (i = 0; i < 2; i++)
		blocks[i] = test_new_block(self->one, adapter_of(self, i), 1);
	/* One address space, so the addresses must differ. */
	EXPECT_NE(blocks[0].address, blocks[1].address);
	for (i = 0; i < 2; i++) {
		alloc = block_alloc_request(adapter_of(self, i), 1, &blocks[i]);
		test_err_block_alloc(EBADFD, NDSHM_REASON_CLAIM_MISSING,
				     self->two, &alloc);
	}
}

struct watch {
	const unsigned char *map;
	const struct ndshm_pci *other;
	bool master;
};

static void *see_it_go(void *argument)
{
	struct watch *watch = argument;

	while (ndshm_readable(watch->map))
		;
	watch->master = ndshm_pci_is_master(watch->other);
	return NULL;
}

/*
 * Before the first block of a function is freed, the other function, which can
 * reach it, must be quiesced.
 */
TEST_F(group, close)
{
	struct watch watch = { .other = &self->edu[1].pci };
	struct ndshm_block_info first;
	pthread_t thread;
	int i;

	for (i = 0; i < 2; i++) {
		struct ndshm_adapter_start_args start =
			adapter_start_request(adapter_of(self, i));

		test_claim(self->one, i);
		test_adapter_start(self->one, &start);
	}
	first = test_new_block(self->one, adapter_of(self, 0), 1);
	watch.map = test_map_block(self->one, &first);
	/* Many blocks, whose freeing one by one leaves time to observe. */
	for (i = 0; i < 1000; i++)
		test_new_block(self->one, adapter_of(self, 0), 1);
	ASSERT_TRUE(ndshm_pci_is_master(watch.other));
	ASSERT_EQ(0, pthread_create(&thread, NULL, see_it_go, &watch));
	close(self->one);
	pthread_join(thread, NULL);
	EXPECT_FALSE(watch.master);
	munmap((void *)watch.map, first.length);
	self->one = ndshm_open();
}

/*
 * Another driver binds a function of the group: its DMA addresses would be
 * reachable by the claimed function
 */

#define BIND_MS		2000	/* upper bound of the delay of the driver's bind */

/* @error: the result of its probe function for any function. */
struct foreign {
	const char *driver;
	const char *probe;
	int error;
};

/* The second driver always exists, but accepts ports only. */
static const struct foreign foreign_drivers[] = {
	{ "pci-stub", "pci_stub_probe", 0 },
	{ "pcieport", "pcie_portdrv_probe", -ENODEV },
};

static const struct foreign *foreign_driver(void)
{
	return access("/sys/bus/pci/drivers/pci-stub", F_OK) &&
	       system("modprobe -q pci-stub") ? &foreign_drivers[1] :
						&foreign_drivers[0];
}

/* Bind function 1, which is unbound, to that driver; unbind it again. */
static int foreign_bind(struct _test_data_group *self,
			const struct foreign *foreign)
{
	int error = ndshm_pci_bind_to(&self->edu[1].pci, foreign->driver);

	return error == foreign->error ? 0 : error ?: -EINVAL;
}

static int foreign_unbind(struct _test_data_group *self,
			  const struct foreign *foreign)
{
	return foreign->error ? 0 : ndshm_pci_unbind(&self->edu[1].pci);
}

/* A client with all resources of function 0. */
struct owner {
	struct ndshm_block_info block;
	unsigned char *memory;
	unsigned char *bar;
	size_t bar_length;
};

static void owner_take(struct __test_metadata *_metadata,
		       struct _test_data_group *self, struct owner *owner)
{
	struct ndshm_adapter_map_bar_args map =
		adapter_map_bar_request(adapter_of(self, 0), 0);
	struct ndshm_adapter_start_args start =
		adapter_start_request(adapter_of(self, 0));

	test_claim(self->one, 0);
	test_adapter_map_bar(self->one, &map);
	owner->bar_length = map.out_length;
	owner->bar = mmap(NULL, map.out_length, PROT_READ | PROT_WRITE,
			  MAP_SHARED, self->one, map.out_mmap_offset);
	ASSERT_NE(MAP_FAILED, owner->bar);
	owner->block = test_new_block(self->one, adapter_of(self, 0),
				      page_size());
	owner->memory = test_map_block(self->one, &owner->block);
	test_adapter_start(self->one, &start);
	fill_pattern(owner->memory, EDU_MOST, 1);
	EXPECT_TRUE(ndshm_edu_to_device(owner->bar, owner->block.address,
					EDU_MOST));
}

static void owner_unmap(struct owner *owner)
{
	munmap(owner->memory, owner->block.length);
	munmap(owner->bar, owner->bar_length);
}

static bool is_claimed(struct __test_metadata *_metadata,
		       struct _test_data_group *self, int number)
{
	struct ndshm_nl_adapter adapter = {};

	EXPECT_EQ(0, ndshm_nl_adapter_by_id(&self->edu[0].nl,
					    adapter_of(self, number),
					    &adapter));
	return adapter.claimed;
}

TEST_F(group, foreign_driver)
{
	struct ndshm_adapter_start_args start =
		adapter_start_request(adapter_of(self, 0));
	struct ndshm_adapter_map_bar_args map =
		adapter_map_bar_request(adapter_of(self, 0), 0);
	const bool isolated = !self->edu[0].adapter.isolation;
	const struct foreign *foreign = foreign_driver();
	struct ndshm_section_create_args create;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;
	struct owner owner;
	struct ndshm_clock began;

	owner_take(_metadata, self, &owner);
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu[1].pci));
	EXPECT_TRUE(is_claimed(_metadata, self, 0));
	EXPECT_TRUE(ndshm_pci_is_master(&self->edu[0].pci));

	began = ndshm_clock_now();
	ASSERT_EQ(0, foreign_bind(self, foreign));
	EXPECT_GE(BIND_MS, ndshm_clock_ran_ms(began));
	EXPECT_FALSE(ndshm_pci_is_master(&self->edu[0].pci));
	EXPECT_FALSE(is_claimed(_metadata, self, 0));
	test_sigbus(owner.bar);
	test_sigbus(owner.memory);
	test_err_adapter_start(EBADFD, NDSHM_REASON_CLAIM_MISSING, self->one,
			       &start);
	test_err_adapter_map_bar(EBADFD, NDSHM_REASON_CLAIM_MISSING, self->one,
				 &map);
	alloc = block_alloc_request(adapter_of(self, 0), page_size(), &block);
	test_err_block_alloc(EBADFD, NDSHM_REASON_CLAIM_MISSING, self->one,
			     &alloc);
	create = section_create_request(adapter_of(self, 0), page_size(),
					page_size());
	test_err_section_create(EBADFD, NDSHM_REASON_CLAIM_MISSING, self->one,
				&create);
	EXPECT_FALSE(ndshm_pci_is_master(&self->edu[0].pci));
	/* A new claim requires allow_unisolated, too. */
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "N"));
	test_err_claim(EPERM, NDSHM_REASON_UNISOLATED_OFF, self->one, 0);
	test_err_claim(EPERM, NDSHM_REASON_UNISOLATED_OFF, self->two, 0);
	owner_unmap(&owner);

	/*
	 * After the driver has been unbound, all is as before, also for the
	 * same client.
	 */
	ASSERT_EQ(0, foreign_unbind(self, foreign));
	ASSERT_EQ(0, ndshm_pci_bind(&self->edu[1].pci, false));
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, isolated ? "N" : "Y"));
	owner_take(_metadata, self, &owner);
	EXPECT_TRUE(ndshm_pci_is_master(&self->edu[0].pci));
	owner_unmap(&owner);
	close(self->one);
	EXPECT_FALSE(ndshm_pci_is_master(&self->edu[0].pci));
	self->one = ndshm_open();
}

#define TRACING		"/sys/kernel/tracing/"
#define TRACE		TRACING "instances/ndshm_group/"
#define EVENTS		"ndshm_group"
#define ENABLE		TRACE "events/" EVENTS "/enable"

/* DMA must have stopped before the driver's probe function is called. */
TEST_F(group, foreign_probe)
{
	const struct foreign *foreign = foreign_driver();
	char probe[64], text[8192] = "";
	const char *stopped, *probed;

	snprintf(probe, sizeof(probe), "p:" EVENTS "/probed %s",
		 foreign->probe);
	if (ndshm_write_file(TRACING "kprobe_events",
			     "p:" EVENTS "/stopped pci_clear_master") ||
	    ndshm_write_file(TRACING "kprobe_events", probe))
		SKIP(return, "this kernel has no tracing");
	test_claim(self->one, 0);
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu[1].pci));
	EXPECT_EQ(0, mkdir(TRACE, 0700));
	EXPECT_EQ(0, ndshm_write_file(ENABLE, "1"));
	EXPECT_EQ(0, foreign_bind(self, foreign));
	EXPECT_EQ(0, ndshm_read_file(TRACE "trace", text, sizeof(text)));
	EXPECT_EQ(0, ndshm_write_file(ENABLE, "0"));
	EXPECT_EQ(0, rmdir(TRACE));
	ndshm_write_file(TRACING "kprobe_events", "-:" EVENTS "/stopped");
	ndshm_write_file(TRACING "kprobe_events", "-:" EVENTS "/probed");

	stopped = strstr(text, "stopped:");
	probed = strstr(text, "probed:");
	EXPECT_NE(NULL, probed);
	EXPECT_NE(NULL, stopped);
	EXPECT_TRUE(stopped < probed);
	EXPECT_EQ(0, foreign_unbind(self, foreign));
}

struct claimer {
	const struct ndshm_nl_adapter *adapter;
	atomic_uint claims;
	atomic_bool stop;
};

static void *claim_all_the_time(void *argument)
{
	struct claimer *claimer = argument;
	struct ndshm_adapter_claim_args claim;
	struct ndshm_adapter_start_args start;
	int fd;

	while (!atomic_load(&claimer->stop)) {
		fd = ndshm_open();
		start = adapter_start_request(claimer->adapter->id);
		if (!_test_adapter_claim(fd, claimer->adapter->name, EDU_WIDTH, &claim) &&
		    !ioctl(fd, NDSHM_ADAPTER_START, &start))
			atomic_fetch_add(&claimer->claims, 1);
		close(fd);
	}
	return NULL;
}

/* Wait for a claim, which is possible if the group is isolated. */
static bool claims_again(struct claimer *claimer, bool isolated)
{
	const unsigned int before = atomic_load(&claimer->claims);

	return !isolated || ndshm_soon(atomic_load(&claimer->claims) != before);
}

#define ROUNDS	20

/* A claim that begins during the bind must not survive it. */
TEST_F(group, foreign_race)
{
	struct claimer claimer = { .adapter = &self->edu[0].adapter };
	const bool isolated = !self->edu[0].adapter.isolation;
	unsigned int i, rounds = ndshm_rounds(ROUNDS, 5);
	const struct ndshm_cases before = *ndshm_cases;
	const struct foreign *foreign = foreign_driver();
	pthread_t thread;

	/* Now a claim requires isolation, or must fail. */
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "N"));
	ASSERT_EQ(0, pthread_create(&thread, NULL, claim_all_the_time,
				    &claimer));
	EXPECT_TRUE(claims_again(&claimer, isolated));
	for (i = 0; i < rounds; i++) {
		EXPECT_EQ(0, ndshm_pci_unbind(&self->edu[1].pci));
		EXPECT_EQ(0, foreign_bind(self, foreign));
		EXPECT_FALSE(is_claimed(_metadata, self, 0));
		EXPECT_FALSE(ndshm_pci_is_master(&self->edu[0].pci));
		EXPECT_EQ(0, foreign_unbind(self, foreign));
		EXPECT_EQ(0, ndshm_pci_bind(&self->edu[1].pci, false));
		EXPECT_TRUE(claims_again(&claimer, isolated));
	}
	atomic_store(&claimer.stop, true);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	if (isolated)
		EXPECT_LT(0, atomic_load(&claimer.claims));
	ndshm_one_case(&before, true);
}

/*
 * A claim holds the lock of its group during its reset. Two functions of
 * different groups, with the test build (NDSHM_TEST=1), which can delay a
 * claim.
 */

#define CLAIM_DELAY	"/sys/module/ndshm/parameters/test_claim_delay_ms"
#define DELAYING	"/sys/module/ndshm/parameters/test_fault_delaying"

FIXTURE(race) {
	struct ndshm_edu edu[2];
	int fd[2];
};

FIXTURE_SETUP(race)
{
	int i;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (access(CLAIM_DELAY, F_OK))
		SKIP(return, "the module was not built with NDSHM_TEST=1");
	if (ndshm_edu_find(&self->edu[0]) ||
	    ndshm_edu_find_in_slot(&self->edu[1]))
		SKIP(return, "no edu functions in two groups");
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ndshm_edu_bind(&self->edu[i]));
		self->fd[i] = ndshm_open();
		ASSERT_LE(0, self->fd[i]);
	}
}

FIXTURE_TEARDOWN(race)
{
	int i;

	ndshm_write_file(CLAIM_DELAY, "0");
	for (i = 1; i >= 0; i--) {
		close(self->fd[i]);
		EXPECT_EQ(0, ndshm_edu_restore(&self->edu[i]));
	}
}

struct slow_claim {
	const char *adapter;
	pthread_t thread;
	int fd;
	int error;
	atomic_bool done;
};

static void *claim_slowly(void *argument)
{
	struct slow_claim *slow = argument;
	struct ndshm_adapter_claim_args claim;

	slow->error = _test_adapter_claim(slow->fd, slow->adapter, EDU_WIDTH, &claim) ?
		      errno : 0;
	atomic_store(&slow->done, true);
	return NULL;
}

/* Return when the claim of the first function is in its delay. */
static void begin_slowly(struct __test_metadata *_metadata,
			 struct _test_data_race *self, struct slow_claim *slow)
{
	slow->adapter = self->edu[0].adapter.name;
	slow->fd = self->fd[0];
	atomic_init(&slow->done, false);
	ASSERT_EQ(0, ndshm_write_file(CLAIM_DELAY, "5000"));
	ASSERT_EQ(0, pthread_create(&slow->thread, NULL, claim_slowly, slow));
	ASSERT_TRUE(ndshm_soon(ndshm_read_number(DELAYING) == 1));
}

/* A claim in one group must not delay a claim in another. */
TEST_F(race, begin_apart)
{
	struct slow_claim slow;

	begin_slowly(_metadata, self, &slow);
	ASSERT_EQ(0, ndshm_write_file(CLAIM_DELAY, "0"));
	test_adapter_claim(self->fd[1], self->edu[1].adapter.name, EDU_WIDTH);
	EXPECT_FALSE(atomic_load(&slow.done));
	ASSERT_EQ(0, pthread_join(slow.thread, NULL));
	EXPECT_EQ(0, slow.error);
}

/* A claim in one group must not delay the end of a claim in another. */
TEST_F(race, end_apart)
{
	struct slow_claim slow;

	test_adapter_claim(self->fd[1], self->edu[1].adapter.name, EDU_WIDTH);
	begin_slowly(_metadata, self, &slow);
	close(self->fd[1]);
	EXPECT_FALSE(atomic_load(&slow.done));
	self->fd[1] = ndshm_open();
	ASSERT_EQ(0, pthread_join(slow.thread, NULL));
	EXPECT_EQ(0, slow.error);
}

int main(int argc, char **argv)
{
	return ndshm_clock_start() ? ndshm_main(argc, argv) : KSFT_FAIL;
}
