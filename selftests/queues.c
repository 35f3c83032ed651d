// SPDX-License-Identifier: GPL-2.0
/*
 * Receive queues and virtual ports in netlink: the default ones of every
 * adapter, and those that a driver, here the mock, creates.
 */
#include <signal.h>
#include <sys/wait.h>

#include "ndshm_mock.h"
#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

enum { QUEUE, PORT };

/* Values from the netlink specification. */
enum { ALLOCATED = 1, SET, RUNNING, PAUSED, STOP_DMA, FREEING };
enum { CREATED = 1, ACTIVE, DELETING };

#define MANY	256

FIXTURE(queues) {
	int fd;
	__u32 adapter;
	size_t page;
	bool loaded;
	struct ndshm_nl nl;
	struct ndshm_nl_queue seen[MANY];
};

FIXTURE_SETUP(queues)
{
	int error = ndshm_mock_load("");
	struct ndshm_nl_adapter adapter;

	if (ndshm_mock_missing(error))
		SKIP(return, "%s", ndshm_mock_missing(error));
	ASSERT_EQ(0, error);
	self->loaded = true;
	test_mock("adapter add q0");
	self->page = page_size();
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, "q0", &adapter));
	self->adapter = adapter.id;
}

FIXTURE_TEARDOWN(queues)
{
	if (!self->loaded)
		return;
	ndshm_nl_close(&self->nl);
	close(self->fd);
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
}

#define bit(attribute)	(1U << (attribute))

#define ALWAYS	(bit(NDSHM_A_QUEUE_ADAPTER_ID) | bit(NDSHM_A_QUEUE_KIND) | \
		 bit(NDSHM_A_QUEUE_ID) | bit(NDSHM_A_QUEUE_STATE))
#define USAGE	(bit(NDSHM_A_QUEUE_BLOCKS) | bit(NDSHM_A_QUEUE_PACKETS) | \
		 bit(NDSHM_A_QUEUE_BYTES))

/* The newest object of @kind, or 0 if there is only the default one. */
static __u32 newest(struct _test_data_queues *self, __u32 kind)
{
	int i, count = ndshm_nl_queues(&self->nl, self->seen, MANY);
	__u32 id = 0;

	for (i = 0; i < count && i < MANY; i++)
		if (self->seen[i].adapter == self->adapter &&
		    self->seen[i].kind == kind)
			id = self->seen[i].id;
	return id;
}

/* The state of the object, or 0 if it does not exist. */
static __u32 state_of(struct _test_data_queues *self, __u32 kind, __u32 id)
{
	struct ndshm_nl_queue one;

	return ndshm_nl_queue_by_id(&self->nl, self->adapter, kind, id, &one) ?
	       0 : one.state;
}

/* The default objects always exist and account for the adapter's clients. */
TEST_F(queues, default_ones)
{
	struct ndshm_block_info block;
	struct ndshm_nl_queue one;
	__u32 kind;

	for (kind = QUEUE; kind <= PORT; kind++) {
		ASSERT_EQ(0, ndshm_nl_queue_by_id(&self->nl, self->adapter,
						  kind, 0, &one));
		EXPECT_EQ(ALWAYS | USAGE, one.present & (ALWAYS | USAGE));
		EXPECT_EQ(kind == QUEUE,
			  !!(one.present & bit(NDSHM_A_QUEUE_FILTERS)));
		EXPECT_EQ(self->adapter, one.adapter);
		EXPECT_EQ(kind, one.kind);
		EXPECT_EQ(0, one.id);
		EXPECT_EQ(kind == QUEUE ? RUNNING : ACTIVE, one.state);
		EXPECT_EQ(0, one.blocks);
		EXPECT_EQ(0, one.packets);
		EXPECT_EQ(0, one.bytes);
	}
	block = test_new_block(self->fd, self->adapter, 3 * self->page);
	for (kind = QUEUE; kind <= PORT; kind++) {
		ASSERT_EQ(0, ndshm_nl_queue_by_id(&self->nl, self->adapter,
						  kind, 0, &one));
		EXPECT_EQ(1, one.blocks);
		EXPECT_EQ(block.consumed, one.bytes);
	}
	test_free_handle(self->fd, block.handle);
	ASSERT_EQ(0, ndshm_nl_queue_by_id(&self->nl, self->adapter, QUEUE, 0,
					  &one));
	EXPECT_EQ(0, one.blocks);
	EXPECT_EQ(0, one.bytes);
}

/* Check each state during the allocation, use and freeing of a queue. */
TEST_F(queues, states_of_a_queue)
{
	struct ndshm_nl_queue one;
	__u32 id;

	test_mock("queue add 0 q0");
	id = newest(self, QUEUE);
	ASSERT_NE(0, id);
	EXPECT_EQ(ALLOCATED, state_of(self, QUEUE, id));
	/* Ports have a separate id space. */
	EXPECT_EQ(0, state_of(self, PORT, id));
	test_mock("queue event 0 filter");
	EXPECT_EQ(SET, state_of(self, QUEUE, id));
	test_mock("queue event 0 filter");
	ASSERT_EQ(0, ndshm_nl_queue_by_id(&self->nl, self->adapter, QUEUE, id,
					  &one));
	EXPECT_EQ(2, one.filters);
	test_mock("queue event 0 complete");
	EXPECT_EQ(RUNNING, state_of(self, QUEUE, id));
	test_mock("queue event 0 clear");
	test_mock("queue event 0 clear");
	EXPECT_EQ(PAUSED, state_of(self, QUEUE, id));
	test_mock("queue event 0 free");
	EXPECT_EQ(STOP_DMA, state_of(self, QUEUE, id));
	test_mock("queue event 0 stopped");
	EXPECT_TRUE(ndshm_soon(!state_of(self, QUEUE, id)));
}

#define CONFIG	(bit(NDSHM_A_QUEUE_AFFINITY) | bit(NDSHM_A_QUEUE_AFFINITY_GROUP) | \
		 bit(NDSHM_A_QUEUE_BUFFERS) | bit(NDSHM_A_QUEUE_LOOKAHEAD))
#define NAMES	(bit(NDSHM_A_QUEUE_NAME) | bit(NDSHM_A_QUEUE_VM_NAME))

/* A queue has the names and values that its driver gives; the rest has no attribute. */
TEST_F(queues, configuration)
{
	char longest[201], event[] = "queue configure 0 buffers=7 name=\x1b[2J\xc3\xa9~";
	struct ndshm_nl_queue one;
	__u32 id;

	test_mock("queue add 0 q0 name=rx-9 vm=guest affinity=%llu group=2 buffers=96 lookahead=64",
		  1ULL << 63 | 5);
	id = newest(self, QUEUE);
	ASSERT_EQ(0, ndshm_nl_queue_by_id(&self->nl, self->adapter, QUEUE, id, &one));
	EXPECT_EQ(CONFIG | NAMES, one.present & (CONFIG | NAMES));
	EXPECT_STREQ("rx-9", one.name);
	EXPECT_STREQ("guest", one.vm_name);
	EXPECT_EQ(1ULL << 63 | 5, one.affinity);
	EXPECT_EQ(2, one.affinity_group);
	EXPECT_EQ(96, one.buffers);
	EXPECT_EQ(64, one.lookahead);

	/* Only printable characters pass, and nothing is left of the values before. */
	test_mock("%s", event);
	ASSERT_EQ(0, ndshm_nl_queue_by_id(&self->nl, self->adapter, QUEUE, id, &one));
	EXPECT_EQ(bit(NDSHM_A_QUEUE_BUFFERS) | bit(NDSHM_A_QUEUE_NAME),
		  one.present & (CONFIG | NAMES));
	EXPECT_STREQ("?[2J??~", one.name);
	EXPECT_EQ(7, one.buffers);

	memset(longest, 'n', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	test_mock("queue configure 0 name=%s vm=v", longest);
	ASSERT_EQ(0, ndshm_nl_queue_by_id(&self->nl, self->adapter, QUEUE, id, &one));
	EXPECT_EQ(127, strlen(one.name));
	EXPECT_STREQ("v", one.vm_name);

	/* The next queue, and the default one, have none of this. */
	test_mock("queue add 1 q0");
	ASSERT_EQ(0, ndshm_nl_queue_by_id(&self->nl, self->adapter, QUEUE,
					  newest(self, QUEUE), &one));
	EXPECT_EQ(0, one.present & (CONFIG | NAMES));
	ASSERT_EQ(0, ndshm_nl_queue_by_id(&self->nl, self->adapter, QUEUE, 0, &one));
	EXPECT_EQ(0, one.present & (CONFIG | NAMES));
}

TEST_F(queues, states_of_a_port)
{
	__u32 id;

	test_mock("port add 0 q0");
	id = newest(self, PORT);
	ASSERT_NE(0, id);
	EXPECT_EQ(CREATED, state_of(self, PORT, id));
	test_mock("port event 0 activate");
	EXPECT_EQ(ACTIVE, state_of(self, PORT, id));
	test_mock("port event 0 delete");
	EXPECT_TRUE(ndshm_soon(!state_of(self, PORT, id)));
}

/* A port outlives the provider of its blocks, has none of their memory, and takes other blocks. */
TEST_F(queues, port_without_its_provider)
{
	struct ndshm_nl_queue one;
	__u32 id;
	int i;

	test_mock("provider add p adapter=q0");
	test_mock("port add 0 q0");
	test_mock("port event 0 activate");
	id = newest(self, PORT);
	for (i = 0; i < 2; i++) {
		if (i)
			test_mock("provider add p adapter=q0");
		test_mock("block alloc %d q0 p %zu port=0", i, self->page);
		ASSERT_EQ(0, ndshm_nl_queue_by_id(&self->nl, self->adapter, PORT, id, &one));
		EXPECT_EQ(1, one.blocks);
		test_mock("provider revoke p");
		ASSERT_EQ(0, ndshm_nl_queue_by_id(&self->nl, self->adapter, PORT, id, &one));
		EXPECT_EQ(ACTIVE, one.state);
		EXPECT_EQ(0, one.blocks);
		EXPECT_EQ(0, one.bytes);
	}
	test_err_mock(ENOENT, NDSHM_REASON_PROVIDER_UNKNOWN, "block alloc 2 q0 p %zu port=0",
		      self->page);
	/* The first is freed before the port ends, the other one later. */
	test_mock("block free 0");
	test_mock("port event 0 delete");
	EXPECT_TRUE(ndshm_soon(!state_of(self, PORT, id)));
	test_mock("block free 1");
}

/*
 * A dump of several messages must list each object once, in order, and equal to
 * a single request.
 */
TEST_F(queues, dump)
{
	struct ndshm_nl_queue *seen = self->seen, one;
	int i, count, made = 0;

	test_mock("adapter add q1");
	for (i = 0; i < 60; i++) {
		test_mock("queue add %d q%d", i, i % 2);
		test_mock("port add %d q%d", i, i % 3 == 0);
	}
	count = ndshm_nl_queues(&self->nl, seen, MANY);
	ASSERT_LE(124, count);
	ASSERT_GE(MANY, count);
	for (i = 0; i < count; i++) {
		if (i && seen[i - 1].adapter == seen[i].adapter) {
			EXPECT_LE(seen[i - 1].kind, seen[i].kind);
			if (seen[i - 1].kind == seen[i].kind)
				EXPECT_LT(seen[i - 1].id, seen[i].id);
		} else if (i) {
			EXPECT_LT(seen[i - 1].adapter, seen[i].adapter);
		}
		ASSERT_EQ(0, ndshm_nl_queue_by_id(&self->nl, seen[i].adapter,
						  seen[i].kind, seen[i].id,
						  &one));
		EXPECT_EQ(0, memcmp(&one, &seen[i], sizeof(one)));
		made += seen[i].adapter >= self->adapter;
	}
	EXPECT_EQ(124, made);
	/* A change during the dump must flag the later messages as interrupted. */
	EXPECT_EQ(2, ndshm_nl_interrupted(NDSHM_CMD_QUEUE_GET, ndshm_mock_does,
					  "queue add 60 q0"));
	EXPECT_EQ(2, ndshm_nl_interrupted(NDSHM_CMD_QUEUE_GET, ndshm_mock_does,
					  "adapter add q2"));
	EXPECT_EQ(2, ndshm_nl_interrupted(NDSHM_CMD_QUEUE_GET, ndshm_mock_does,
					  "adapter del q2"));
	count++;
	/* Removing the adapter removes its queues and ports. */
	test_mock("adapter del q1");
	EXPECT_EQ(count - 30 - 20 - 2,
		  ndshm_nl_queues(&self->nl, seen, MANY));
}

/*
 * Objects that exist during the whole dump must be listed once, while others
 * are created and freed.
 */
TEST_F(queues, dump_amid_changes)
{
	int i, round, count, peer, rounds = ndshm_rounds(300, 30);
	__u32 kept[2];
	pid_t child;

	test_mock("queue add 0 q0");
	test_mock("port add 1 q0");
	kept[QUEUE] = newest(self, QUEUE);
	kept[PORT] = newest(self, PORT);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ndshm_signal_peer(peer);
		for (;;) {
			if (ndshm_mock("adapter add q1") ||
			    ndshm_mock("queue add 2 q0") ||
			    ndshm_mock("queue add 3 q1") ||
			    ndshm_mock("port add 4 q1") ||
			    ndshm_mock("queue event 2 free") ||
			    ndshm_mock("queue event 2 stopped") ||
			    ndshm_mock("adapter del q1"))
				_exit(1);
		}
	}
	EXPECT_TRUE(ndshm_hear(peer));
	for (round = 0; round < rounds; round++) {
		int found[2] = {};

		count = ndshm_nl_queues(&self->nl, self->seen, MANY);
		ASSERT_LE(4, count);
		for (i = 0; i < count && i < MANY; i++)
			if (self->seen[i].adapter == self->adapter)
				found[self->seen[i].kind] +=
					self->seen[i].id ==
					kept[self->seen[i].kind];
		EXPECT_EQ(1, found[QUEUE]);
		EXPECT_EQ(1, found[PORT]);
	}
	EXPECT_EQ(0, waitpid(child, NULL, WNOHANG));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(child, waitpid(child, NULL, 0));
	close(peer);
}

static const __u16 keys[] = {
	NDSHM_A_QUEUE_ADAPTER_ID, NDSHM_A_QUEUE_KIND, NDSHM_A_QUEUE_ID,
};

/* Request a queue with three attributes, without those whose bit is set in @without. */
static int ask(struct _test_data_queues *self, const __u32 *values,
	       unsigned int without)
{
	struct ndshm_nl_request request;
	unsigned int i;

	ndshm_nl_begin(&request, self->nl.family, NDSHM_CMD_QUEUE_GET, 0);
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (!(without & bit(i)))
			ndshm_nl_put(&request, keys[i], &values[i],
				     sizeof(values[i]));
	ndshm_case(false);
	return ndshm_nl_talk(&self->nl, &request, NULL, NULL);
}

TEST_F(queues, refused)
{
	const struct {
		int error;
		__u32 adapter;
		__u32 values[3];
	} rows[] = {
		{ -ENOENT, 0, { self->adapter, QUEUE, 1000 } },
		{ -ENOENT, 0, { self->adapter, PORT, 1 } },
		{ -ENOENT, 0, { self->adapter, QUEUE, 0x7fffffff } },
		{ -ENOENT, 0, { self->adapter, QUEUE, 0x80000000 } },
		{ -ENOENT, 0, { self->adapter, PORT, 0xffffffff } },
		{ -ENOENT, 0, { 0x7ffffff0, QUEUE, 0 } },
		{ -ERANGE, 0, { 0, QUEUE, 0 } },
		{ -ERANGE, 0, { self->adapter, 2, 0 } },
		{ -ERANGE, 0, { self->adapter, 0xffffffff, 0 } },
	};
	const __u32 good[] = { self->adapter, QUEUE, 0 };
	struct ndshm_nl_request request;
	unsigned int i;

	EXPECT_EQ(0, ask(self, good, 0));
	for (i = 1; i < 8; i++) {
		EXPECT_EQ(-EINVAL, ask(self, good, i));
		EXPECT_STREQ("request: adapter, kind or id missing",
			     self->nl.extack);
	}
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		EXPECT_EQ(rows[i].error, ask(self, rows[i].values, 0))
			TH_LOG("row %u", i);
		EXPECT_LT(0, strlen(self->nl.extack));
	}
	/*
	 * An attribute that is valid in answers only, and attributes in a dump
	 * request.
	 */
	ndshm_nl_begin(&request, self->nl.family, NDSHM_CMD_QUEUE_GET, 0);
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		ndshm_nl_put(&request, keys[i], &good[i], sizeof(good[i]));
	ndshm_nl_put(&request, NDSHM_A_QUEUE_STATE, good, sizeof(good[0]));
	EXPECT_EQ(-EINVAL, ndshm_nl_talk(&self->nl, &request, NULL, NULL));
	ndshm_nl_begin(&request, self->nl.family, NDSHM_CMD_QUEUE_GET,
		       NLM_F_DUMP);
	ndshm_nl_put(&request, keys[0], good, sizeof(good[0]));
	EXPECT_EQ(-EINVAL, ndshm_nl_talk(&self->nl, &request, NULL, NULL));
}

/* Unprivileged users see queues, but not the memory that others have in them. */
TEST_F(queues, unprivileged)
{
	struct ndshm_nl_queue one;
	struct ndshm_nl nl;
	int i, count, peer;
	pid_t child;
	__u32 id;

	if (geteuid())
		SKIP(return, "only root can become other users");
	test_mock("queue add 0 q0 name=secret vm=secret buffers=8");
	id = newest(self, QUEUE);
	test_new_block(self->fd, self->adapter, self->page);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_TRUE(ndshm_become(NDSHM_USER_A));
		ASSERT_EQ(0, ndshm_nl_open(&nl));
		ASSERT_EQ(0, ndshm_nl_queue_by_id(&nl, self->adapter, QUEUE, id,
						  &one));
		EXPECT_EQ(ALLOCATED, one.state);
		EXPECT_EQ(ALWAYS | bit(NDSHM_A_QUEUE_FILTERS) |
			  bit(NDSHM_A_QUEUE_BUFFERS), one.present);
		count = ndshm_nl_queues(&nl, self->seen, MANY);
		EXPECT_LE(3, count);
		for (i = 0; i < count && i < MANY; i++)
			EXPECT_EQ(0, self->seen[i].present & (USAGE | NAMES));
		/* The caller's privileges decide, even on a socket opened by root. */
		ASSERT_EQ(0, ndshm_nl_queue_by_id(&self->nl, self->adapter,
						  QUEUE, 0, &one));
		EXPECT_EQ(0, one.present & USAGE);
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

/*
 * The end of queues, with blocks and packets
 */

/* A call, and the reason of its failure or NONE. %s: a page. */
struct step {
	const char *command;
	__u32 reason;
};

#define test_steps(steps) do { \
	unsigned int step_; \
\
	for (step_ = 0; step_ < ARRAY_SIZE(steps); step_++) { \
		if ((steps)[step_].reason == NDSHM_REASON_NONE) \
			test_mock("%s", (steps)[step_].command); \
		else \
			test_err_mock(ndshm_expected[(steps)[step_].reason].error, \
				      (steps)[step_].reason, "%s", (steps)[step_].command); \
	} \
} while (0)

/* What is refused in each state has no effect; so are all calls for the default ones. */
TEST_F(queues, refused_steps)
{
	static const struct step steps[] = {
		{ "provider add p", 0 },
		{ "queue add 0 q0", 0 },
		{ "port add 1 q0", 0 },
		{ "block alloc 0 q0 p 1 queue=0 port=1", NDSHM_REASON_QUEUE_AND_PORT },
		{ "block alloc 0 q0 p 1 port=1", NDSHM_REASON_PORT_STATE },
		{ "port event 1 activate", 0 },
		{ "port event 1 activate", NDSHM_REASON_PORT_STATE },
		{ "block alloc 0 q0 p 1 port=1", 0 },
		{ "block alloc 1 q0 p 1 queue=0", 0 },
		{ "queue event 0 clear", NDSHM_REASON_QUEUE_STATE },
		{ "queue event 0 stopped", NDSHM_REASON_QUEUE_STATE },
		{ "queue event 0 filter", 0 },
		{ "queue event 0 free", NDSHM_REASON_QUEUE_STATE },
		{ "queue event 0 complete", 0 },
		{ "queue event 0 complete", NDSHM_REASON_QUEUE_STATE },
		{ "queue event 0 free", NDSHM_REASON_QUEUE_STATE },
		{ "block alloc 2 q0 p 1 queue=0", 0 },
		{ "queue event 0 clear", 0 },
		{ "queue event 0 free", 0 },
		{ "queue event 0 free", NDSHM_REASON_QUEUE_STATE },
		{ "queue event 0 filter", NDSHM_REASON_QUEUE_STATE },
		{ "block alloc 3 q0 p 1 queue=0", NDSHM_REASON_QUEUE_STATE },
		{ "block free 0", 0 },
		{ "block free 1", 0 },
		{ "block free 2", 0 },
	}, unknown[] = {
		{ "queue event 0 filter", NDSHM_REASON_QUEUE_UNKNOWN },
		{ "queue event 0 free", NDSHM_REASON_QUEUE_UNKNOWN },
		{ "queue event 0 stopped", NDSHM_REASON_QUEUE_UNKNOWN },
		{ "queue configure 0 buffers=1", NDSHM_REASON_QUEUE_UNKNOWN },
		{ "block alloc 0 q0 p 1 queue=0", NDSHM_REASON_QUEUE_UNKNOWN },
		{ "port event 1 activate", NDSHM_REASON_PORT_UNKNOWN },
		{ "port event 1 delete", NDSHM_REASON_PORT_UNKNOWN },
		{ "block alloc 0 q0 p 1 port=1", NDSHM_REASON_PORT_UNKNOWN },
		{ "queue use 2 q0 0", 0 },
		{ "queue event 2 filter", NDSHM_REASON_QUEUE_DEFAULT },
		{ "queue event 2 free", NDSHM_REASON_QUEUE_DEFAULT },
		{ "queue event 2 stopped", NDSHM_REASON_QUEUE_DEFAULT },
		{ "queue configure 2 buffers=1", NDSHM_REASON_QUEUE_DEFAULT },
		{ "port event 2 activate", NDSHM_REASON_QUEUE_DEFAULT },
		{ "port event 2 delete", NDSHM_REASON_QUEUE_DEFAULT },
		{ "block alloc 0 q0 p 1 queue=2 port=2", 0 },
		{ "block free 0", 0 },
	};
	__u32 id;

	test_steps(steps);
	id = newest(self, QUEUE);
	EXPECT_EQ(STOP_DMA, state_of(self, QUEUE, id));
	EXPECT_STREQ("mmm", ndshm_mock_log("mmm"));
	test_mock("queue event 0 stopped");
	test_mock("port event 1 delete");
	EXPECT_TRUE(ndshm_soon(!state_of(self, QUEUE, id) && !newest(self, PORT)));
	EXPECT_EQ(4, strlen(ndshm_mock_log("bfbf")));
	test_steps(unknown);
	/* The id is not assigned again at once. */
	test_mock("queue add 0 q0");
	EXPECT_NE(id, newest(self, QUEUE));
}

/* Each block counts for its own queue or port. */
TEST_F(queues, usage)
{
	static const struct step steps[] = {
		{ "provider add p", 0 },
		{ "queue add 0 q0", 0 },
		{ "port add 1 q0", 0 },
		{ "port event 1 activate", 0 },
		{ "block alloc 0 q0 p 1 queue=0", 0 },
		{ "block alloc 1 q0 p 1 queue=0", 0 },
		{ "block alloc 2 q0 p 1 port=1", 0 },
		{ "packet resolve 0 q0 block=0 0 1 irq", 0 },
		{ "packet resolve 1 q0 block=0 0 1 irq", 0 },
		{ "block free 1", 0 },
		{ "block free 0", 0 },
	};
	static const __u32 expected[][3] = { { 1, 2, QUEUE }, { 1, 0, PORT }, { 0, 0, QUEUE } };
	struct ndshm_nl_queue one;
	__u32 ids[] = { 0, 0, 0 };
	unsigned int i;

	test_steps(steps);
	ids[0] = newest(self, QUEUE);
	ids[1] = newest(self, PORT);
	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		ASSERT_EQ(0, ndshm_nl_queue_by_id(&self->nl, self->adapter, expected[i][2], ids[i],
						  &one));
		/* A packet keeps the memory of a block that was freed. */
		EXPECT_EQ(expected[i][0], one.blocks);
		EXPECT_EQ(expected[i][0] * self->page, one.bytes);
		EXPECT_EQ(expected[i][1], one.packets);
	}
	EXPECT_STREQ("m", ndshm_mock_log("m"));
	test_mock("packet put 0");
	test_mock("packet put 1");
	ASSERT_EQ(0, ndshm_nl_queue_by_id(&self->nl, self->adapter, QUEUE, ids[0], &one));
	EXPECT_EQ(0, one.packets);
	test_mock("block free 2");
}

/*
 * What ends a queue or its memory while a packet is in flight: the call that ends it, what a
 * packet of the block is refused with meanwhile, and the events before and after the put.
 */
static const struct end {
	const char *steps[8];	/* before the block is allocated in place of a queue, and after */
	const char *place;
	const char *end;
	bool waits;		/* the call waits for the packet */
	__u32 meanwhile;
	const char *before;
	const char *after;
} ends[] = {
	{ { "queue add 0 q0", "", "queue event 0 free" }, "queue=0", "queue event 0 stopped", false,
	  NDSHM_REASON_QUEUE_STATE, "", "pbrmf" },
	{ { "port add 0 q0", "port event 0 activate" }, "port=0", "port event 0 delete", false,
	  NDSHM_REASON_PORT_STATE, "", "pbrmf" },
	{ { }, "capacity=1", "provider revoke p", true, NDSHM_REASON_BLOCK_REVOKED, "r", "pm" },
	{ { }, "capacity=1", "adapter del q0", true, NDSHM_REASON_ADAPTER_REMOVED, "", "prm" },
	/* In each state: DMA is stopped, and each callback is called once. */
	{ { "queue add 0 q0" }, "queue=0", "adapter del q0", true, NDSHM_REASON_QUEUE_STATE,
	  "s", "pbrmf" },
	{ { "queue add 0 q0", "queue event 0 filter" }, "queue=0", "adapter del q0", true,
	  NDSHM_REASON_QUEUE_STATE, "s", "pbrmf" },
	{ { "queue add 0 q0", "queue event 0 filter", "queue event 0 filter",
	    "queue event 0 complete" }, "queue=0", "adapter del q0", true,
	  NDSHM_REASON_QUEUE_STATE, "s", "pbrmf" },
	{ { "queue add 0 q0", "queue event 0 complete" }, "queue=0", "adapter del q0", true,
	  NDSHM_REASON_QUEUE_STATE, "s", "pbrmf" },
	{ { "queue add 0 q0", "", "queue event 0 free" }, "queue=0", "adapter del q0", true,
	  NDSHM_REASON_QUEUE_STATE, "s", "pbrmf" },
	{ { "queue add 0 q0", "", "queue event 0 free", "queue event 0 stopped" }, "queue=0",
	  "adapter del q0", true, NDSHM_REASON_QUEUE_STATE, "", "pbrmf" },
	{ { "port add 0 q0", "port event 0 activate" }, "port=0", "adapter del q0", true,
	  NDSHM_REASON_PORT_STATE, "s", "pbrmf" },
};

TEST_F(queues, packets_in_flight)
{
	const struct end *end;
	__u32 meanwhile;
	unsigned int i;
	pid_t child;

	test_mock("adapter del q0");
	for (end = ends; end < ends + ARRAY_SIZE(ends); end++) {
		TH_LOG("row %td: %s", end - ends, end->end);
		test_mock("adapter add q0");
		test_mock("provider add p");
		for (i = 0; i < ARRAY_SIZE(end->steps) && end->steps[i] && *end->steps[i]; i++)
			test_mock("%s", end->steps[i]);
		test_mock("block alloc 0 q0 p 1000 %s", end->place);
		test_mock("packet resolve 0 q0 block=0 999 1 irq");
		for (i++; i < ARRAY_SIZE(end->steps) && end->steps[i]; i++)
			test_mock("%s", end->steps[i]);
		ndshm_mock_log("");
		child = fork();
		ASSERT_LE(0, child);
		if (!child)
			_exit(!!ndshm_mock("%s", end->end));
		EXPECT_TRUE(end->waits || ndshm_reap(child));
		EXPECT_STREQ(end->before, ndshm_mock_log(end->before));
		EXPECT_TRUE(!end->waits || ndshm_soon(ndshm_is_waiting(child)));
		meanwhile = ndshm_mock("packet resolve 1 q0 block=0 0 1") ?
			    (__u32)ndshm_mock_reason() : NDSHM_REASON_NONE;
		EXPECT_EQ(end->meanwhile, meanwhile);
		test_mock("packet put 0");
		EXPECT_TRUE(!end->waits || ndshm_reap(child));
		EXPECT_STREQ(end->after, ndshm_mock_log(end->after));
		test_mock("block free 0");
		ndshm_mock("adapter del q0");
		ndshm_mock("provider del p");
		EXPECT_STREQ("", ndshm_mock_log(""));
	}
	test_mock("adapter add q0");
}

/* A handle is known to its own adapter only, in whichever bit it differs. */
TEST_F(queues, packet_handles)
{
	struct ndshm_nl_block block;
	int i;

	test_mock("adapter add q1");
	test_mock("block alloc 0 q0 pages 1");
	ASSERT_EQ(1, ndshm_nl_blocks(&self->nl, &block, 1));
	test_err_mock(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, "packet resolve 0 q1 block=0 0 1");
	test_err_mock(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, "packet resolve 0 q1 block=0 0 0");
	test_err_mock(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, "packet resolve 0 q0 0 0 1");
	for (i = 0; i < 32; i++)
		test_err_mock(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, "packet resolve 0 q0 %u 0 1",
			      block.id ^ 1U << i);
	test_mock("packet resolve 0 q0 %u 0 1 irq", block.id);
	test_mock("block free 0");
	test_mock("packet put 0");
	test_err_mock(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, "packet resolve 1 q0 %u 0 1", block.id);
}

/* Allocations and packets meet the end of their queue, and none is left of either. */
TEST_F(queues, freed_amid_use)
{
	int round, rounds = ndshm_rounds(30, 5);
	pid_t children[2];
	int i, peer[2];
	__u32 id;

	test_mock("provider add p");
	test_mock("queue add 0 q0");
	test_mock("block alloc 0 q0 p 1 queue=0");
	for (i = 0; i < 2; i++) {
		children[i] = ndshm_fork(&peer[i]);
		ASSERT_LE(0, children[i]);
		if (!children[i]) {
			ndshm_signal_peer(peer[i]);
			for (;;) {
				ndshm_mock(i ? "block alloc 1 q0 p 1 queue=0" :
					       "packet resolve 0 q0 block=0 0 1");
				ndshm_mock(i ? "block free 1" : "packet put 0");
			}
		}
		EXPECT_TRUE(ndshm_hear(peer[i]));
	}
	for (round = 0; round < rounds; round++) {
		id = newest(self, QUEUE);
		test_mock("queue event 0 free");
		test_mock("queue event 0 stopped");
		EXPECT_TRUE(ndshm_soon(!state_of(self, QUEUE, id)));
		test_mock("block free 0");
		test_mock("queue add 0 q0");
		test_mock("block alloc 0 q0 p 1 queue=0");
	}
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, waitpid(children[i], NULL, WNOHANG));
		EXPECT_EQ(0, kill(children[i], SIGKILL));
		EXPECT_EQ(children[i], waitpid(children[i], NULL, 0));
		close(peer[i]);
	}
	ndshm_mock("block free 1");
	test_mock("block free 0");
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_counts("p").live));
	EXPECT_EQ(0, ndshm_mock_slot(0).late + ndshm_mock_slot(1).late);
	EXPECT_EQ(0, ndshm_mock_slot(0).broken + ndshm_mock_slot(1).broken);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
