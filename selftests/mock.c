// SPDX-License-Identifier: GPL-2.0
/*
 * Every answer that a provider can give, combined with every list of segments:
 * check the result that the caller gets, and that each successful allocation is
 * freed exactly once. Callers are a client and a user in the kernel.
 * mock_revoke.c covers the end of providers and adapters.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "ndshm_mock.h"
#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define SEGMENTS	8

FIXTURE(mock) {
	bool loaded;
	int fd;
	__u32 adapter;
	__u32 id;
	size_t page;
	struct ndshm_block_info block;
	struct ndshm_segment segments[SEGMENTS];
	struct ndshm_nl nl;
};

FIXTURE_SETUP(mock)
{
	int error = ndshm_mock_load("quarantine=8");

	if (ndshm_mock_missing(error))
		SKIP(return, "%s", ndshm_mock_missing(error));
	ASSERT_EQ(0, error);
	test_mock_begin(self, "provider add p");
	self->page = page_size();
	test_charged(self->fd, self->adapter);
}

FIXTURE_TEARDOWN(mock)
{
	if (!self->loaded)
		return;
	close(self->fd);
	ndshm_nl_close(&self->nl);
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_counts("p").live));
	EXPECT_EQ(0, ndshm_mock_counts("p").misused);
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
}

static struct ndshm_block_alloc_args request_of(struct _test_data_mock *self,
						__u64 length)
{
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter, length, &self->block);

	memset(&self->block, NDSHM_POISON, sizeof(self->block));
	memset(self->segments, NDSHM_POISON, sizeof(self->segments));
	alloc.provider = self->id;
	alloc.segments = to_u64(self->segments);
	alloc.segment_capacity = SEGMENTS;
	return alloc;
}

static const struct {
	const char *name;
	__u32 reason;
} statuses[] = {
	{ "success", NDSHM_REASON_NONE },
	{ "resources", NDSHM_REASON_PROVIDER_RESOURCES },
	{ "invalid", NDSHM_REASON_PROVIDER_INVALID },
	{ "failure", NDSHM_REASON_PROVIDER_FAILURE },
	/* NDIS_STATUS_PENDING, other NDIS statuses, and values that are no status. */
	{ "0x103", NDSHM_REASON_PROVIDER_UNDOCUMENTED },
	{ "0x80000011", NDSHM_REASON_PROVIDER_UNDOCUMENTED },
	{ "0xc00000bb", NDSHM_REASON_PROVIDER_UNDOCUMENTED },
	{ "1", NDSHM_REASON_PROVIDER_UNDOCUMENTED },
	{ "0xfffffff4", NDSHM_REASON_PROVIDER_UNDOCUMENTED },
};

enum fit { FITS, FITS_IN_CHUNKS, BAD_REPLY };

static const struct {
	const char *name;
	enum fit fit;
} lists[] = {
	{ "good", FITS },
	{ "long", FITS },
	{ "multi", FITS_IN_CHUNKS },
	{ "reverse", FITS_IN_CHUNKS },
	{ "short", BAD_REPLY },
	{ "overlap", BAD_REPLY },
	{ "empty", BAD_REPLY },
	{ "zero", BAD_REPLY },
	{ "wrap", BAD_REPLY },
	{ "bad", BAD_REPLY },
};

/* Return the reason that the caller must get. */
static __u32 verdict(unsigned int status, unsigned int list, bool contiguous)
{
	if (statuses[status].reason != NDSHM_REASON_NONE)
		return statuses[status].reason;
	if (lists[list].fit == BAD_REPLY ||
	    (lists[list].fit == FITS_IN_CHUNKS && contiguous))
		return NDSHM_REASON_PROVIDER_BAD_REPLY;
	return NDSHM_REASON_NONE;
}

static void ask_as_client(struct __test_metadata *_metadata,
			  struct _test_data_mock *self, __u32 reason,
			  __u64 length, bool contiguous)
{
	struct ndshm_block_alloc_args alloc = request_of(self, length);

	alloc.flags = contiguous ? NDSHM_ALLOC_CONTIGUOUS : 0;
	if (reason == NDSHM_REASON_NONE) {
		test_block_alloc(self->fd, &alloc);
		EXPECT_EQ((length + self->page - 1) / self->page * self->page,
			  self->block.length);
		test_free_handle(self->fd, self->block.handle);
		return;
	}
	test_err_block_alloc(ndshm_expected[reason].error, reason, self->fd,
			     &alloc);
	EXPECT_TRUE(all_bytes(&self->block, sizeof(self->block),
			      NDSHM_POISON));
	EXPECT_TRUE(all_bytes(self->segments, sizeof(self->segments),
			      NDSHM_POISON));
}

/* The mock's kernel user compares the result with @reason itself. */
static void ask_in_kernel(struct __test_metadata *_metadata, __u32 reason,
			  __u64 length, bool contiguous)
{
	char command[80];

	snprintf(command, sizeof(command),
		 "block alloc 0 a p %llu capacity=%d contiguous=%d",
		 (unsigned long long)length, SEGMENTS, contiguous);
	if (reason == NDSHM_REASON_NONE) {
		test_mock("%s", command);
		test_mock("block free 0");
	} else {
		test_err_mock(ndshm_expected[reason].error, reason, "%s",
			      command);
	}
	EXPECT_EQ(0, ndshm_mock_slot(0).broken);
}

/*
 * Every failure must have the outputs of a failure. A successful answer must be
 * freed once: at the end, or at once if it is a bad reply.
 */
static void one_answer(struct __test_metadata *_metadata,
		       struct _test_data_mock *self, unsigned int status,
		       unsigned int list, __u64 length, bool contiguous)
{
	__u32 reason = verdict(status, list, contiguous);
	bool made = statuses[status].reason == NDSHM_REASON_NONE;
	struct ndshm_mock_counts before = ndshm_mock_counts("p"), after;

	ask_as_client(_metadata, self, reason, length, contiguous);
	ask_in_kernel(_metadata, reason, length, contiguous);
	after = ndshm_mock_counts("p");
	EXPECT_EQ(before.allocated + 2 * made, after.allocated);
	EXPECT_EQ(before.freed + 2 * made, after.freed);
	EXPECT_EQ(before.failed + 2 * !made, after.failed);
	EXPECT_TRUE(ndshm_mock_sound(&after))
		TH_LOG("status %s, list %s, length %llu, contiguous %d",
		       statuses[status].name, lists[list].name,
		       (unsigned long long)length, contiguous);
}

TEST_F_TIMEOUT(mock, answers, 300)
{
	const unsigned int all = ARRAY_SIZE(statuses) * ARRAY_SIZE(lists);
	const __u64 longer = 3 * self->page + 1;
	unsigned int i, status, list;

	for (i = 0; i < all; i++) {
		status = i / ARRAY_SIZE(lists);
		list = i % ARRAY_SIZE(lists);
		test_mock("script p status=%s list=%s", statuses[status].name,
			  lists[list].name);
		one_answer(_metadata, self, status, list, 1, true);
		one_answer(_metadata, self, status, list, longer, false);
		if (statuses[status].reason != NDSHM_REASON_NONE)
			continue;
		one_answer(_metadata, self, status, list, 1, false);
		one_answer(_metadata, self, status, list, longer, true);
	}
}

/*
 * The core must use its own copy of the request, whatever the handler writes to
 * the parameters.
 */
TEST_F_TIMEOUT(mock, overwritten_questions, 300)
{
	static const char * const overwrites[] = {
		"length=short flags=asked", "length=asked flags=0",
		"length=short flags=0",
	};
	const __u64 longer = 3 * self->page + 1;
	unsigned int i, list;

	for (i = 0; i < ARRAY_SIZE(overwrites) * ARRAY_SIZE(lists); i++) {
		list = i % ARRAY_SIZE(lists);
		test_mock("script p list=%s %s", lists[list].name,
			  overwrites[i / ARRAY_SIZE(lists)]);
		one_answer(_metadata, self, 0, list, 1, true);
		one_answer(_metadata, self, 0, list, longer, true);
		one_answer(_metadata, self, 0, list, longer, false);
	}
}

/*
 * Invalid parameters from a kernel user must not reach the provider, and the
 * outputs must be as documented.
 */
TEST_F(mock, kernel_parameters)
{
	static const struct {
		const char *options;
		__u32 reason;
	} refused[] = {
		{ "1 type=0", NDSHM_REASON_PARAMETERS_TYPE },
		{ "1 type=0xb0", NDSHM_REASON_PARAMETERS_TYPE },
		{ "1 revision=0", NDSHM_REASON_PARAMETERS_REVISION },
		{ "1 size=0", NDSHM_REASON_PARAMETERS_SIZE },
		{ "1 revision=1 size=16", NDSHM_REASON_PARAMETERS_SIZE },
		{ "0", NDSHM_REASON_LENGTH_ZERO },
		{ "0xffffffffffffffff", NDSHM_REASON_LENGTH_OVERFLOW },
		{ "1 usage=10", NDSHM_REASON_USAGE },
	};
	const unsigned int ten = 10 * self->page - 960;		/* bytes of ten pages */
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(refused); i++)
		test_err_mock(ndshm_expected[refused[i].reason].error,
			      refused[i].reason, "block alloc 0 a p %s",
			      refused[i].options);
	test_err_mock(ndshm_expected[NDSHM_REASON_LENGTH_LIMIT].error, NDSHM_REASON_LENGTH_LIMIT,
		      "block alloc 0 a p %#llx", -(unsigned long long)self->page);
	EXPECT_EQ(0, ndshm_mock_counts("p").allocated);
	EXPECT_EQ(0, ndshm_mock_counts("p").failed);

	/*
	 * Older revisions are accepted, newer ones are read as the newest
	 * known, and usage 0 is Undefined.
	 */
	test_mock("block alloc 0 a p 1 revision=1");
	test_mock("block alloc 1 a p 1 revision=200 size=65535");
	test_mock("block alloc 2 a p 1 usage=0");
	/*
	 * A list that is too short must report the needed capacity and free the
	 * block.
	 */
	test_mock("script p list=multi");
	test_err_mock(ENOSPC, NDSHM_REASON_LIST_SHORT,
		      "block alloc 3 a p %u capacity=2", ten);
	EXPECT_EQ(1, ndshm_mock_counts("p").freed);
	EXPECT_EQ(10, ndshm_mock_slot(3).segments);
	test_err_mock(ENOSPC, NDSHM_REASON_LIST_SHORT,
		      "block alloc 3 a p %u capacity=9", ten);
	EXPECT_EQ(10, ndshm_mock_slot(3).segments);
	test_err_mock(ENOSPC, NDSHM_REASON_LIST_SHORT,
		      "block alloc 3 a p 1 capacity=1");
	EXPECT_EQ(2, ndshm_mock_slot(3).segments);
	EXPECT_EQ(3, ndshm_mock_counts("p").freed);
	test_mock("block alloc 3 a p %u capacity=10", ten);
	EXPECT_EQ(10, ndshm_mock_slot(3).segments);
	test_mock("block free 3");
	test_err_mock(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN,
		      "block alloc 4 nobody p 1");
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, i < 4 ? ndshm_mock_slot(i).broken : 0);
	for (i = 0; i < 3; i++)
		test_mock("block free %u", i);
}

/* A killed task gets no second chunk of memory; any other task does. */
TEST_F(mock, killed)
{
	test_err_mock(ENOMEM, NDSHM_REASON_PROVIDER_RESOURCES,
		      "block alloc 0 node0 pages %zu capacity=0 killed", 3 * self->page);
	test_mock("block alloc 0 node0 pages %zu capacity=0", 3 * self->page);
	test_mock("block free 0");
}

/* A provider may use NULL as the context of a block. */
TEST_F(mock, null_context)
{
	struct ndshm_block_alloc_args alloc = request_of(self, 2 * self->page);
	struct ndshm_block_info first;
	void *map;

	test_mock("script p context=null");
	test_block_alloc(self->fd, &alloc);
	first = self->block;
	map = test_map_block(self->fd, &first);
	EXPECT_TRUE(all_bytes(map, first.length, 0));
	fill_pattern(map, first.length, 3);
	/* The mock has only one NULL context at a time. */
	test_err_block_alloc(ENOMEM, NDSHM_REASON_PROVIDER_RESOURCES, self->fd,
			     &alloc);
	test_free_handle(self->fd, first.handle);
	EXPECT_EQ(1, ndshm_mock_counts("p").live);
	EXPECT_TRUE(has_pattern(map, first.length, 3));
	munmap(map, first.length);
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_counts("p").live));

	/* A bad reply with a NULL context must be freed as well. */
	test_mock("script p list=short");
	test_err_block_alloc(EIO, NDSHM_REASON_PROVIDER_BAD_REPLY, self->fd,
			     &alloc);
	EXPECT_EQ(0, ndshm_mock_counts("p").live);
	test_mock("script p list=good");
	test_mock("block alloc 0 a p 1");
	test_mock("provider revoke p");
	test_mock("block free 0");
	EXPECT_EQ(2 + 1, ndshm_mock_counts("p").freed);
	EXPECT_EQ(0, ndshm_mock_counts("p").double_free);
}

/* A block without a kernel address must still work for clients. */
TEST_F(mock, null_address)
{
	struct ndshm_block_alloc_args alloc = request_of(self, 1);
	void *map;

	test_mock("script p address=null");
	test_mock("block alloc 0 a p 1");
	EXPECT_EQ(0, ndshm_mock_slot(0).broken);
	test_mock("block free 0");
	test_block_alloc(self->fd, &alloc);
	map = test_map_block(self->fd, &self->block);
	memset(map, 1, self->block.length);
	EXPECT_EQ(0, munmap(map, self->block.length));
}

/*
 * The built-in provider also serves kernel users: blocks of several chunks must
 * be contiguous in the kernel's address space.
 */
TEST_F(mock, pages_in_kernel)
{
	static const __u64 lengths[] = {
		1, 3 << 12, 1 << 20, 2 << 20, (4 << 20) + 1, 16 << 20,
	};
	struct ndshm_nl_block blocks[32];
	unsigned int i, of_kernel = 0;
	int count;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		test_mock("block alloc %u node0 pages %llu capacity=0", i,
			  (unsigned long long)lengths[i]);
		EXPECT_EQ(0, ndshm_mock_slot(i).broken);
	}
	for (i = 0; i < ARRAY_SIZE(lengths); i++)
		test_mock("block free %u", i);
	test_err_mock(ENOENT, NDSHM_REASON_PROVIDER_UNKNOWN,
		      "block alloc 0 node0 nobody 1");
	test_mock("block alloc 0 node0 coherent 1");
	/* A block of the kernel is distinct from one of an invisible process. */
	count = ndshm_nl_blocks(&self->nl, blocks, ARRAY_SIZE(blocks));
	ASSERT_LT(0, count);
	ASSERT_GE(ARRAY_SIZE(blocks), (size_t)count);
	for (i = 0; i < (unsigned int)count; i++)
		of_kernel += blocks[i].kernel && !blocks[i].pid;
	EXPECT_EQ(1, of_kernel);
	test_mock("block free 0");
}

/*
 * Without an IOMMU, and with memory fragmented by live blocks, a block has
 * several chunks. It is longer than the largest chunk of the page allocator, up to 512 MiB.
 */
TEST_F_TIMEOUT(mock, pages_in_chunks, 300)
{
	const unsigned long long largest = ndshm_largest_chunk();
	const unsigned long long length = 2 * largest > 64 << 20 ? 2 * largest : 64 << 20;
	unsigned int i, holes = 24;
	cpu_set_t one;

	/* At most 192 MiB, or six. */
	while (holes > 6 && holes * huge_size() > 192 << 20)
		holes--;
	/* Allocate on one CPU, so that all memory comes from one node. */
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	for (i = 0; i < holes; i++)
		test_mock("block alloc %u a pages %zu capacity=1", i, huge_size());
	for (i = 0; i < holes; i += 2)
		test_mock("block free %u", i);
	test_mock("block alloc 0 a pages %llu capacity=0", length);
	EXPECT_LT(1, ndshm_mock_slot(0).segments);
	test_mock("block free 0");
	test_err_mock(ENOSPC, NDSHM_REASON_LIST_SHORT,
		      "block alloc 0 a pages %llu capacity=1", length);
	EXPECT_LT(1, ndshm_mock_slot(0).segments);
	test_err_mock(ENOMEM, NDSHM_REASON_PROVIDER_RESOURCES,
		      "block alloc 2 a pages %llu capacity=0 contiguous=1",
		      length);
	EXPECT_EQ(0, ndshm_mock_slot(0).broken + ndshm_mock_slot(2).broken);
	for (i = 1; i < holes; i += 2)
		test_mock("block free %u", i);
}

/*
 * The amount that the provider reports as consumed is charged, and uncharged
 * when the block is freed.
 */
TEST_F(mock, consumed)
{
	struct ndshm_block_alloc_args alloc = request_of(self, 1);
	struct ndshm_state before = test_state(self->fd), after;

	test_mock("script p consumed=%zu", 16 * self->page);
	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(16 * self->page, self->block.consumed);
	after = test_state(self->fd);
	EXPECT_EQ(before.user_locked + 16 * self->page, after.user_locked);
	EXPECT_EQ(before.bytes + 16 * self->page, after.bytes);
	test_free_handle(self->fd, self->block.handle);
	after = test_state(self->fd);
	EXPECT_EQ(before.user_locked, after.user_locked);
	EXPECT_EQ(before.bytes, after.bytes);
}

/* A reported amount above the user's limit must be refused, even if it overflows. */
TEST_F(mock, consumed_too_much)
{
	static const __u64 figures[] = {
		1ULL << 30, 1ULL << 46, (1ULL << 46) + 1, 1ULL << 63,
		~0ULL << 12, ~0ULL - 4095, ~0ULL - 4094, ~0ULL,
	};
	struct ndshm_block_alloc_args alloc;
	unsigned int i;

	test_reopen_limited(self->fd, 1 << 20);
	for (i = 0; i < ARRAY_SIZE(figures); i++) {
		test_mock("script p consumed=%#llx",
			  (unsigned long long)figures[i]);
		alloc = request_of(self, 1);
		if (figures[i] > 1ULL << 46)
			test_err_block_alloc(EIO, NDSHM_REASON_PROVIDER_BAD_REPLY,
					     self->fd, &alloc);
		else
			test_err_block_alloc(ENOMEM, NDSHM_REASON_MEMLOCK,
					     self->fd, &alloc);
		EXPECT_EQ(0, ndshm_mock_counts("p").live)
			TH_LOG("consumed %#llx", (unsigned long long)figures[i]);
	}
}

static void one_batch(struct __test_metadata *_metadata,
		      struct _test_data_mock *self, const char *answer,
		      unsigned int count, unsigned int nth)
{
	bool made = strstr(answer, "success");
	struct ndshm_mock_counts before = ndshm_mock_counts("p"), after;
	struct ndshm_state state = test_state(self->fd);
	struct ndshm_block_alloc_args alloc = request_of(self, self->page);
	struct ndshm_block_info blocks[8];

	test_mock("script p %s nth=%u", answer, nth);
	memset(blocks, NDSHM_POISON, sizeof(blocks));
	alloc.segment_capacity = 0;
	alloc.segments = 0;
	alloc.count = count;
	alloc.blocks = to_u64(blocks);
	ndshm_case(false);
	EXPECT_EQ(-1, _test_block_alloc(self->fd, &alloc));
	EXPECT_TRUE(all_bytes(blocks, sizeof(blocks), NDSHM_POISON));
	ndshm_same_state(_metadata, __LINE__, self->fd, &state);
	after = ndshm_mock_counts("p");
	EXPECT_EQ(before.allocated + nth - 1 + made, after.allocated);
	EXPECT_EQ(before.freed + nth - 1 + made, after.freed);
	EXPECT_EQ(before.failed + !made, after.failed);
	EXPECT_TRUE(ndshm_mock_sound(&after))
		TH_LOG("%s, %u of %u", answer, nth, count);
}

/* Whichever allocation of a batch fails, the other blocks must be freed. */
TEST_F_TIMEOUT(mock, batches, 120)
{
	static const char * const answers[] = {
		"status=resources list=good", "status=failure list=multi",
		"status=0x103 list=short", "status=success list=overlap",
		"status=success list=empty",
	};
	struct ndshm_block_alloc_args alloc;
	unsigned int i, nth;

	for (i = 0; i < ARRAY_SIZE(answers); i++) {
		one_batch(_metadata, self, answers[i], 1, 1);
		for (nth = 1; nth <= 8; nth++)
			one_batch(_metadata, self, answers[i], 8, nth);
	}

	/* Every third allocation fails. */
	test_mock("script p reset");
	test_mock("script p status=resources every=3");
	for (i = 1; i <= 9; i++) {
		alloc = request_of(self, 1);
		if (i % 3)
			test_block_alloc(self->fd, &alloc);
		else
			test_err_block_alloc(ENOMEM,
					     NDSHM_REASON_PROVIDER_RESOURCES,
					     self->fd, &alloc);
	}
}

/*
 * Additional references of a kernel user; the last one may be dropped in atomic
 * context.
 */
TEST_F(mock, references)
{
	test_mock("block alloc 0 a p 1");
	test_mock("block get 0");
	test_mock("block get 0");
	test_err_mock(EBUSY, NDSHM_REASON_NONE, "block alloc 0 a p 1");
	test_mock("block free 0");
	EXPECT_STREQ("referenced", ndshm_mock_slot(0).state);
	test_mock("block put 0");
	EXPECT_EQ(1, ndshm_mock_counts("p").live);
	test_err_mock(EBUSY, NDSHM_REASON_PROVIDER_IN_USE, "provider del p");
	test_mock("block put 0");
	/* A block that was freed in atomic context must not keep the provider busy. */
	test_mock("provider del p");
	EXPECT_EQ(0, ndshm_mock_counts("p").live);
	EXPECT_STREQ("empty", ndshm_mock_slot(0).state);
	test_err_mock(ENOENT, NDSHM_REASON_NONE, "block put 0");
}

#define DEFERRED	8

/*
 * The last references are dropped in atomic context, so the memory is freed
 * later by a worker, which the mock delays. Removing the provider or the
 * adapter must wait for all of it.
 */
static void end_while_freed(struct __test_metadata *_metadata,
			    const char *command)
{
	struct ndshm_mock_counts before = ndshm_mock_counts("p"), now;
	int status, i;
	pid_t child;

	for (i = 0; i < DEFERRED; i++) {
		test_mock("block alloc %d a p 1", i);
		test_mock("block get %d", i);
		test_mock("block free %d", i);
	}
	test_mock("script p hold_free=1");
	for (i = 0; i < DEFERRED; i++)
		test_mock("block put %d", i);
	EXPECT_TRUE(ndshm_soon(ndshm_mock_counts("p").freeing == DEFERRED));
	/* A running handler must keep its module loaded. */
	EXPECT_EQ(-EWOULDBLOCK, ndshm_mock_unload());

	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(!!ndshm_mock("%s", command));
	EXPECT_TRUE(ndshm_soon(ndshm_is_waiting(child)));
	EXPECT_EQ(0, waitpid(child, NULL, WNOHANG));
	now = ndshm_mock_counts("p");
	EXPECT_EQ(before.freed, now.freed);
	EXPECT_EQ(before.allocated + DEFERRED, now.allocated);
	test_mock("script p hold_free=0");
	EXPECT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	now = ndshm_mock_counts("p");
	EXPECT_EQ(before.allocated + DEFERRED, now.allocated);
	EXPECT_EQ(now.allocated, now.freed);
	EXPECT_EQ(0, now.freeing);
	EXPECT_TRUE(ndshm_mock_sound(&now));
	/* No reference to the module may be left. */
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
	ASSERT_EQ(0, ndshm_mock_load("quarantine=8"));
	test_mock("adapter add a");
	test_mock("provider add p");
}

TEST_F(mock, unregistered_while_freed)
{
	end_while_freed(_metadata, "provider del p");
}

TEST_F(mock, revoked_while_freed)
{
	end_while_freed(_metadata, "provider revoke p");
}

TEST_F(mock, adapter_gone_while_freed)
{
	end_while_freed(_metadata, "adapter del a");
}

/*
 * Exit with 0 if neither a close nor a refused allocation waits for another
 * user's free.
 */
static void be_bystander(struct _test_data_mock *self)
{
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;
	int fd = ndshm_open_as(NDSHM_USER_B, 0);

	alloc = block_alloc_request(self->adapter, self->page, &block);
	if (fd < 0 || !ndshm_become(NDSHM_USER_B) || !_test_block_alloc(fd, &alloc) ||
	    alloc.reason != NDSHM_REASON_MEMLOCK)
		_exit(1);
	close(fd);
	_exit(0);
}

/*
 * A deferred free of another user is held by its provider: other callers must
 * not wait for it.
 */
TEST_F(mock, deferred_free)
{
	int peer, status = -1;
	pid_t bystander;

	test_mock("block alloc 0 a p %zu", self->page);
	test_mock("block get 0");
	test_mock("block free 0");
	test_mock("script p hold_free=1");
	/* The last reference is dropped in atomic context. */
	test_mock("block put 0");
	bystander = ndshm_fork(&peer);
	ASSERT_LE(0, bystander);
	if (!bystander)
		be_bystander(self);
	EXPECT_TRUE(ndshm_soon(waitpid(bystander, &status, WNOHANG) ==
			       bystander));
	EXPECT_EQ(0, status);
	test_mock("script p hold_free=0");
	if (status == -1)
		ndshm_reap(bystander);
	close(peer);
}

/*
 * Asynchronous requests, of which the provider holds the first one. `request told` waits for all
 * and returns the reason of the last failure; the mock itself checks outputs and contexts.
 */

#define WAITING	5	/* requests behind the one that is held; the mock's bound is 6 */

static void hold_first(struct __test_metadata *_metadata, int waiting, const char *irq)
{
	int i;

	test_mock("script p hold=1 nth=1");
	for (i = 0; i <= waiting; i++) {
		test_mock("request ask %d a p 4096 %s", i, irq);
		EXPECT_TRUE(ndshm_soon(ndshm_mock_counts("p").inside == 1));
	}
	ndshm_mock_log("");
}

/* In the order of submission, each freed by its owner before the next one; the bound is exact. */
TEST_F(mock, requests_in_order)
{
	hold_first(_metadata, WAITING, "irq");
	test_err_mock(EAGAIN, NDSHM_REASON_REQUESTS, "request ask 6 a p 4096");
	EXPECT_STREQ("", ndshm_mock_log(""));
	test_mock("script p hold=0");
	test_mock("request told");
	EXPECT_STREQ("0m1m2m3m4m5m", ndshm_mock_log("0m1m2m3m4m5m"));
}

/* The end of a group: those that wait are aborted at once, and the one that runs is waited for. */
TEST_F(mock, requests_aborted)
{
	pid_t child;

	hold_first(_metadata, WAITING, "");
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(!!ndshm_mock("request end"));
	EXPECT_TRUE(ndshm_soon(ndshm_is_waiting(child)));
	EXPECT_STREQ("12345", ndshm_mock_log("12345"));
	EXPECT_EQ(0, waitpid(child, NULL, WNOHANG));
	test_mock("script p hold=0");
	EXPECT_TRUE(ndshm_reap(child));
	EXPECT_STREQ("m0", ndshm_mock_log("m0"));
}

/* What is refused has no completion; an unknown queue is found later. */
TEST_F(mock, requests_refused)
{
	test_err_mock(EINVAL, NDSHM_REASON_LENGTH_ZERO, "request ask 0 a p 0");
	test_err_mock(EOVERFLOW, NDSHM_REASON_LENGTH_OVERFLOW, "request ask 0 a p %llu", ~0ULL);
	test_err_mock(EINVAL, NDSHM_REASON_PARAMETERS_TYPE, "request ask 0 a p 1 type=0");
	test_mock("request told");
	EXPECT_STREQ("", ndshm_mock_log(""));
}

/* Requests meet the end of their adapter or provider, which waits for the one that runs. */
static void end_with_requests(struct __test_metadata *_metadata, const char *command, int reason)
{
	pid_t child;

	hold_first(_metadata, 1, "");
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(!!ndshm_mock("%s", command));
	EXPECT_TRUE(ndshm_soon(ndshm_is_waiting(child)));
	EXPECT_EQ(0, waitpid(child, NULL, WNOHANG));
	test_mock("script p hold=0");
	EXPECT_TRUE(ndshm_reap(child));
	test_err_mock(ndshm_expected[reason].error, reason, "request told");
	EXPECT_STREQ("m01", ndshm_mock_log("m01"));
}

TEST_F(mock, requests_of_an_adapter)
{
	end_with_requests(_metadata, "adapter del a", NDSHM_REASON_ADAPTER_REMOVED);
}

TEST_F(mock, requests_of_a_provider)
{
	end_with_requests(_metadata, "provider revoke p", NDSHM_REASON_PROVIDER_CLOSING);
}

/*
 * The device is removed between the allocation and the completion, which the removal does not wait
 * for: its owner does not know the block.
 */
TEST_F(mock, requests_in_between)
{
	static const struct {
		const char *end;
		int reason;
	} rows[] = {
		{ "adapter del a", NDSHM_REASON_ADAPTER_REMOVED },
		{ "provider revoke p", NDSHM_REASON_PROVIDER_CLOSING },
	};
	unsigned int i;

	if (ndshm_mock("worker stop"))
		SKIP(return, "the kernel has no fault injection");
	test_mock("worker free");
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		ndshm_mock_log("");
		test_mock("worker stop");
		test_mock("request ask 0 a p 1");
		test_mock("worker wait");
		test_mock("%s", rows[i].end);
		test_mock("worker free");
		test_err_mock(ndshm_expected[rows[i].reason].error, rows[i].reason,
			      "request told");
		EXPECT_STREQ("m0", ndshm_mock_log("m0"));
		ndshm_mock("adapter add a");
		ndshm_mock("provider add p");
	}
}

/* Several processes submit and abort at random: each accepted request completes once. */
TEST_F(mock, requests_crowd)
{
	int i, round, rounds = ndshm_rounds(2000, 300);
	unsigned int seed = ndshm_number("NDSHM_SEED", time(NULL));
	pid_t children[4];

	TH_LOG("NDSHM_SEED=%u", seed);
	for (i = 0; i < 4; i++) {
		children[i] = fork();
		ASSERT_LE(0, children[i]);
		if (children[i])
			continue;
		seed += i;
		for (round = 0; round < rounds; round++) {
			ndshm_mock("request ask %d a p 4096", rand_r(&seed) % 8);
			if (!(round % 100))
				ndshm_mock("request end");
		}
		_exit(0);
	}
	for (i = 0; i < 4; i++)
		EXPECT_TRUE(ndshm_reap(children[i]));
	test_mock("request end");
	EXPECT_TRUE(ndshm_mock_requests_sound());
}

/* Check the mock's own error counters, on which the other tests rely. */
TEST_F(mock, counters)
{
	struct ndshm_mock_counts counts;

	test_mock("block alloc 0 a p 1");
	test_mock("fault overrun");
	test_mock("block free 0");
	test_mock("block alloc 0 a p 1");
	test_mock("block free 0");
	counts = ndshm_mock_counts("p");
	EXPECT_EQ(1, counts.overrun);
	EXPECT_EQ(0, counts.use_after_free);
	EXPECT_EQ(0, counts.double_free);
	test_mock("fault late_write");
	test_mock("fault double_free");
	counts = ndshm_mock_counts("p");
	EXPECT_EQ(1, counts.use_after_free);
	EXPECT_EQ(1, counts.double_free);
	EXPECT_EQ(2, counts.freed);
	EXPECT_EQ(0, counts.live);
	/* The mock counts it once. */
	EXPECT_EQ(1, ndshm_mock_counts("p").use_after_free);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
