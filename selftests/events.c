// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink events about blocks, sections and queues: their content, order and
 * recipients, and their loss when a listener does not read.
 */
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "ndshm_mock.h"
#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

FIXTURE(events) {
	int fd;
	__u32 adapter;
	size_t page;
	bool loaded;
	struct ndshm_nl nl;
	struct ndshm_nl listener;
	__u64 buffer[512];
};

FIXTURE_SETUP(events)
{
	struct ndshm_get_info_args info = get_info_request();

	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->adapter = info.out_default_adapter;
	self->page = page_size();
	if (geteuid())
		SKIP(return, "only root may listen");
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	ASSERT_EQ(0, ndshm_nl_open(&self->listener));
	ASSERT_EQ(0, ndshm_nl_join_events(&self->listener));
}

FIXTURE_TEARDOWN(events)
{
	close(self->fd);
	if (geteuid())
		return;
	ndshm_nl_close(&self->listener);
	ndshm_nl_close(&self->nl);
	if (self->loaded)
		EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
}

#define WAIT	10000

static int next(struct _test_data_events *self)
{
	return ndshm_nl_event(&self->listener, WAIT, self->buffer,
			      sizeof(self->buffer));
}

/* Return: true if no event is pending. */
static bool no_event(struct _test_data_events *self)
{
	return ndshm_nl_event(&self->listener, 0, self->buffer,
			      sizeof(self->buffer)) == -ETIMEDOUT;
}

static struct ndshm_nl_block event_block(struct _test_data_events *self)
{
	struct ndshm_nl_block block;

	ndshm_nl_to_block((const void *)self->buffer, &block);
	return block;
}

static __u32 event_id(struct _test_data_events *self, int attribute)
{
	struct ndshm_nl_attributes a =
		ndshm_nl_parse((const void *)self->buffer);

	return ndshm_nl_u32(a.at[attribute]);
}

/*
 * The event must equal the row of a dump, and the end event must come when the
 * last reference is dropped.
 */
TEST_F(events, block)
{
	struct ndshm_nl_block reported, shown;
	struct ndshm_block_info block;
	void *map;

	block = test_new_block(self->fd, self->adapter, 3 * self->page);
	ASSERT_EQ(NDSHM_CMD_BLOCK_ADDED_NTF, next(self));
	reported = event_block(self);
	ASSERT_EQ(0, ndshm_nl_block_by_id(&self->nl, block.shared_memory_handle,
					  &shown));
	EXPECT_EQ(0, memcmp(&reported, &shown, sizeof(reported)));
	EXPECT_EQ(block.shared_memory_handle, reported.id);
	EXPECT_EQ(block.length, reported.length);
	EXPECT_EQ((__u32)getpid(), reported.pid);
	EXPECT_EQ(getuid(), reported.uid);

	map = test_map_block(self->fd, &block);
	test_free_handle(self->fd, block.handle);
	EXPECT_TRUE(no_event(self));
	EXPECT_EQ(0, munmap(map, block.length));
	ASSERT_EQ(NDSHM_CMD_BLOCK_FREED_NTF, next(self));
	reported = event_block(self);
	EXPECT_EQ(0, memcmp(&reported, &shown, sizeof(reported)));
	EXPECT_FALSE(ndshm_nl_block_lives(&self->nl, reported.id));
	EXPECT_TRUE(no_event(self));
}

/* A block that is kept was freed, and one that is reused is new; at the end nothing is left. */
TEST_F(events, recycled)
{
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter, self->page, &block);
	unsigned int i;

	alloc.flags = NDSHM_ALLOC_RECYCLE;
	for (i = 0; i < 3; i++) {
		test_block_alloc(self->fd, &alloc);
		ASSERT_EQ(NDSHM_CMD_BLOCK_ADDED_NTF, next(self));
		EXPECT_EQ(block.shared_memory_handle, event_block(self).id);
		EXPECT_TRUE(ndshm_nl_block_lives(&self->nl, block.shared_memory_handle));
		test_free_handle(self->fd, block.handle);
		ASSERT_EQ(NDSHM_CMD_BLOCK_FREED_NTF, next(self));
		EXPECT_EQ(block.shared_memory_handle, event_block(self).id);
		EXPECT_FALSE(ndshm_nl_block_lives(&self->nl, block.shared_memory_handle));
	}
	close(self->fd);
	EXPECT_TRUE(no_event(self));
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
}

/*
 * One event for each block, whether or not the request succeeds, and no matter
 * how the block ends.
 */
TEST_F(events, blocks_of_a_batch)
{
	struct ndshm_block_info blocks[16];
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter, self->page, blocks);
	unsigned int i, added = 0, freed = 0;

	alloc.count = ARRAY_SIZE(blocks);
	test_block_alloc(self->fd, &alloc);
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		ASSERT_EQ(NDSHM_CMD_BLOCK_ADDED_NTF, next(self));
		EXPECT_EQ(blocks[i].shared_memory_handle, event_block(self).id);
	}
	/*
	 * The request fails when its last result is written: each of its blocks
	 * must be added and freed.
	 */
	alloc.blocks = 8;
	test_err_block_alloc(EFAULT, NDSHM_REASON_ADDRESS, self->fd, &alloc);
	for (i = 0; i < 2 * ARRAY_SIZE(blocks); i++) {
		switch (next(self)) {
		case NDSHM_CMD_BLOCK_ADDED_NTF:
			added++;
			break;
		case NDSHM_CMD_BLOCK_FREED_NTF:
			freed++;
			break;
		}
	}
	EXPECT_EQ(ARRAY_SIZE(blocks), added);
	EXPECT_EQ(ARRAY_SIZE(blocks), freed);
	close(self->fd);
	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		EXPECT_EQ(NDSHM_CMD_BLOCK_FREED_NTF, next(self));
	EXPECT_TRUE(no_event(self));
	self->fd = ndshm_open();
}

TEST_F(events, section)
{
	struct ndshm_section_create_args create =
		section_create_request(self->adapter, 1 << 20, 0);
	struct ndshm_section_delete_args request;
	struct ndshm_nl_section reported, shown;
	int fd;

	test_section_create(self->fd, &create);
	fd = create.out_section;
	ASSERT_EQ(NDSHM_CMD_SECTION_ADDED_NTF, next(self));
	ndshm_nl_to_section((const void *)self->buffer, &reported);
	ASSERT_EQ(0, ndshm_nl_section_by_id(&self->nl, create.out_id, &shown));
	EXPECT_EQ(0, memcmp(&reported, &shown, sizeof(reported)));
	request = section_delete_request(0, -1);
	test_section_delete(fd, &request);
	ASSERT_EQ(NDSHM_CMD_SECTION_DELETED_NTF, next(self));
	ndshm_nl_to_section((const void *)self->buffer, &reported);
	EXPECT_EQ(create.out_id, reported.id);
	EXPECT_TRUE(reported.deleted);
	EXPECT_TRUE(no_event(self));
	close(fd);
	ASSERT_EQ(NDSHM_CMD_SECTION_GONE_NTF, next(self));
	EXPECT_EQ(create.out_id, event_id(self, NDSHM_A_SECTION_ID));
	EXPECT_EQ(-ENOENT, ndshm_nl_section_by_id(&self->nl, create.out_id,
						  &shown));
	EXPECT_TRUE(no_event(self));
}

/*
 * Load the mock module with an adapter, and consume its event. Return NULL, or
 * why the test cannot run.
 */
static const char *load_mock(struct _test_data_events *self, __u32 *adapter)
{
	struct ndshm_nl_adapter row;
	int error = ndshm_mock_load("");

	if (error)
		return ndshm_mock_missing(error) ?: "the mock does not load";
	self->loaded = true;
	if (ndshm_mock("adapter add e0") ||
	    next(self) != NDSHM_CMD_ADAPTER_ADDED_NTF ||
	    ndshm_nl_adapter_by_name(&self->nl, "e0", &row))
		return "the mock has no adapter";
	*adapter = row.id;
	return NULL;
}

static struct ndshm_nl_queue event_queue(struct _test_data_events *self)
{
	struct ndshm_nl_queue queue;

	ndshm_nl_to_queue((const void *)self->buffer, &queue);
	return queue;
}

TEST_F(events, queue)
{
	struct ndshm_nl_queue queue;
	const char *missing;
	__u32 adapter, id;

	missing = load_mock(self, &adapter);
	if (missing && !self->loaded)
		SKIP(return, "%s", missing);
	ASSERT_EQ(NULL, missing);
	test_mock("queue add 0 e0");
	ASSERT_EQ(NDSHM_CMD_QUEUE_ADDED_NTF, next(self));
	queue = event_queue(self);
	id = queue.id;
	EXPECT_EQ(adapter, queue.adapter);
	EXPECT_EQ(0, queue.kind);
	EXPECT_NE(0, id);
	EXPECT_EQ(1, queue.state);
	EXPECT_TRUE(queue.present & 1U << NDSHM_A_QUEUE_BYTES);
	test_mock("queue event 0 filter");
	test_mock("queue event 0 clear");
	test_mock("queue event 0 free");
	EXPECT_TRUE(no_event(self));
	test_mock("queue event 0 stopped");
	ASSERT_EQ(NDSHM_CMD_QUEUE_STOPPED_NTF, next(self));
	queue = event_queue(self);
	EXPECT_EQ(id, queue.id);
	EXPECT_EQ(6, queue.state);
	EXPECT_EQ(0, queue.packets);
	ASSERT_EQ(NDSHM_CMD_QUEUE_FREED_NTF, next(self));
	queue = event_queue(self);
	EXPECT_EQ(id, queue.id);
	EXPECT_EQ(0, queue.state);
	EXPECT_EQ(-ENOENT, ndshm_nl_queue_by_id(&self->nl, adapter, 0, id,
						&queue));
	EXPECT_TRUE(no_event(self));

	test_mock("port add 0 e0");
	ASSERT_EQ(NDSHM_CMD_QUEUE_ADDED_NTF, next(self));
	EXPECT_EQ(1, event_queue(self).kind);
	test_mock("port event 0 activate");
	test_mock("port event 0 delete");
	ASSERT_EQ(NDSHM_CMD_QUEUE_STOPPED_NTF, next(self));
	EXPECT_EQ(3, event_queue(self).state);
	ASSERT_EQ(NDSHM_CMD_QUEUE_FREED_NTF, next(self));
	EXPECT_EQ(1, event_queue(self).kind);
	EXPECT_TRUE(no_event(self));
}

/*
 * Removing an adapter must report its queues and blocks between the start and
 * the end of the removal.
 */
TEST_F(events, adapter_goes)
{
	struct ndshm_block_info block;
	const char *missing;
	__u32 adapter;

	missing = load_mock(self, &adapter);
	if (missing && !self->loaded)
		SKIP(return, "%s", missing);
	ASSERT_EQ(NULL, missing);
	test_mock("queue add 0 e0");
	ASSERT_EQ(NDSHM_CMD_QUEUE_ADDED_NTF, next(self));
	block = test_new_block(self->fd, adapter, self->page);
	ASSERT_EQ(NDSHM_CMD_BLOCK_ADDED_NTF, next(self));
	test_mock("adapter del e0");
	EXPECT_EQ(NDSHM_CMD_ADAPTER_REVOKED_NTF, next(self));
	EXPECT_EQ(NDSHM_CMD_QUEUE_STOPPED_NTF, next(self));
	EXPECT_EQ(NDSHM_CMD_QUEUE_FREED_NTF, next(self));
	ASSERT_EQ(NDSHM_CMD_BLOCK_REVOKED_NTF, next(self));
	EXPECT_EQ(block.shared_memory_handle, event_block(self).id);
	EXPECT_TRUE(event_block(self).revoked);
	EXPECT_EQ(NDSHM_CMD_ADAPTER_GONE_NTF, next(self));
	EXPECT_TRUE(no_event(self));
	test_free_handle(self->fd, block.handle);
	ASSERT_EQ(NDSHM_CMD_BLOCK_FREED_NTF, next(self));
	EXPECT_EQ(block.shared_memory_handle, event_block(self).id);
}

/* The groups for the kinds of objects. */
static const char *const kinds[] = {
	NDSHM_MCGRP_ADAPTERS, NDSHM_MCGRP_PROVIDERS, NDSHM_MCGRP_QUEUES,
	NDSHM_MCGRP_BLOCKS, NDSHM_MCGRP_SECTIONS, NDSHM_MCGRP_QUOTAS,
};

#define KINDS	ARRAY_SIZE(kinds)

/* Events need CAP_SYS_ADMIN: CAP_NET_ADMIN is not enough. */
TEST_F(events, receivers)
{
	struct ndshm_nl nl;
	unsigned int i;
	pid_t child;
	int peer;

	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_ADMIN, false));
	EXPECT_EQ(-EPERM, ndshm_nl_join_events(&nl));
	for (i = 0; i < KINDS; i++)
		EXPECT_EQ(-EPERM, ndshm_nl_join(&nl, kinds[i]));
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_ADMIN, true));
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_TRUE(ndshm_become(NDSHM_USER_A));
		EXPECT_EQ(-EPERM, ndshm_nl_join_events(&nl));
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	ndshm_nl_close(&nl);
}

/* Return: true if the listener can read something at once. */
static bool has_datagram(const struct _test_data_events *self)
{
	struct pollfd pollfd = { .fd = self->listener.fd, .events = POLLIN };

	return poll(&pollfd, 1, 0) == 1;
}

/* Events are collected: many come in one datagram, in their order. */
TEST_F(events, collected)
{
	enum { PAIRS = 100 };
	static __u32 ids[PAIRS];
	struct ndshm_block_info block;
	unsigned int i, datagrams = 0;

	for (i = 0; i < PAIRS; i++) {
		block = test_new_block(self->fd, self->adapter, self->page);
		ids[i] = block.shared_memory_handle;
		test_free_handle(self->fd, block.handle);
	}
	for (i = 0; i < 2 * PAIRS; i++) {
		datagrams += !self->listener.events_left;
		ASSERT_EQ(i % 2 ? NDSHM_CMD_BLOCK_FREED_NTF : NDSHM_CMD_BLOCK_ADDED_NTF,
			  next(self));
		ASSERT_EQ(ids[i / 2], event_block(self).id);
	}
	EXPECT_TRUE(no_event(self));
	EXPECT_GT(2 * PAIRS, datagrams);
}

/* Return: the next event of a listener, or 0 if none is pending. */
static int event_of(struct ndshm_nl *nl)
{
	static __u64 buffer[512];
	int cmd = ndshm_nl_event(nl, 0, buffer, sizeof(buffer));

	return cmd == -ETIMEDOUT ? 0 : cmd;
}

/*
 * Each event is in the group of its object and in that of all events, in the order of its
 * group, whoever else listens.
 */
TEST_F(events, groups)
{
	enum { BLOCKS = 3, SECTIONS = 4 };
	struct ndshm_section_create_args create =
		section_create_request(self->adapter, 1 << 20, 0);
	static struct ndshm_nl nl[KINDS];
	struct ndshm_block_info block;
	unsigned int i, all;

	/* Also without a listener to all events. */
	for (all = 0; all < 2; all++) {
		if (!all) {
			ndshm_nl_close(&self->listener);
			ASSERT_EQ(0, ndshm_nl_open(&self->listener));
		} else {
			ASSERT_EQ(0, ndshm_nl_join_events(&self->listener));
		}
		for (i = 0; i < KINDS; i++) {
			ASSERT_EQ(0, ndshm_nl_open(&nl[i]));
			ASSERT_EQ(0, ndshm_nl_join(&nl[i], kinds[i]));
		}
		block = test_new_block(self->fd, self->adapter, self->page);
		test_section_create(self->fd, &create);
		test_free_handle(self->fd, block.handle);
		close(create.out_section);
		EXPECT_EQ(NDSHM_CMD_BLOCK_ADDED_NTF, event_of(&nl[BLOCKS]));
		EXPECT_EQ(NDSHM_CMD_BLOCK_FREED_NTF, event_of(&nl[BLOCKS]));
		EXPECT_EQ(NDSHM_CMD_SECTION_ADDED_NTF, event_of(&nl[SECTIONS]));
		EXPECT_EQ(NDSHM_CMD_SECTION_GONE_NTF, event_of(&nl[SECTIONS]));
		if (all) {
			EXPECT_EQ(NDSHM_CMD_BLOCK_ADDED_NTF, next(self));
			EXPECT_EQ(NDSHM_CMD_SECTION_ADDED_NTF, next(self));
			EXPECT_EQ(NDSHM_CMD_BLOCK_FREED_NTF, next(self));
			EXPECT_EQ(NDSHM_CMD_SECTION_GONE_NTF, next(self));
		}
		EXPECT_TRUE(no_event(self));
		for (i = 0; i < KINDS; i++) {
			EXPECT_EQ(0, event_of(&nl[i]));
			ndshm_nl_close(&nl[i]);
		}
	}
}

/* Only the listeners to the group of a lost event are told so. */
TEST_F(events, groups_are_lost_alone)
{
	struct ndshm_nl blocks, sections;
	struct ndshm_block_info block;
	const int small = 1;
	int i, got;

	ASSERT_EQ(0, ndshm_nl_open(&blocks));
	ASSERT_EQ(0, ndshm_nl_open(&sections));
	ASSERT_EQ(0, ndshm_nl_join(&blocks, NDSHM_MCGRP_BLOCKS));
	ASSERT_EQ(0, ndshm_nl_join(&sections, NDSHM_MCGRP_SECTIONS));
	ASSERT_EQ(0, setsockopt(blocks.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)));
	for (i = 0; i < 100; i++) {
		block = test_new_block(self->fd, self->adapter, self->page);
		test_free_handle(self->fd, block.handle);
	}
	ASSERT_EQ(0, ndshm_nl_discard(&self->nl, NDSHM_CMD_ADAPTER_GET));
	EXPECT_EQ(0, event_of(&sections));
	do
		got = event_of(&blocks);
	while (got > 0);
	EXPECT_EQ(-ENOBUFS, got);
	ndshm_nl_close(&blocks);
	ndshm_nl_close(&sections);
}

/*
 * An administrator's request is answered after the events before it have been sent. In some of the
 * rounds they were not sent by themselves before.
 */
TEST_F(events, sent_before_an_answer)
{
	struct ndshm_nl_block shown;
	struct ndshm_block_info block;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		block = test_new_block(self->fd, self->adapter, self->page);
		ASSERT_EQ(0, ndshm_nl_block_by_id(&self->nl, block.shared_memory_handle, &shown));
		ASSERT_TRUE(has_datagram(self));
		ASSERT_EQ(NDSHM_CMD_BLOCK_ADDED_NTF, next(self));
		test_free_handle(self->fd, block.handle);
		ASSERT_EQ(0, ndshm_nl_discard(&self->nl, NDSHM_CMD_BLOCK_GET));
		ASSERT_TRUE(has_datagram(self));
		ASSERT_EQ(NDSHM_CMD_BLOCK_FREED_NTF, next(self));
	}
	EXPECT_TRUE(no_event(self));
}

/* Another user's request does not send them: it could make the collection useless in a loop. */
TEST_F(events, not_sent_by_users)
{
	struct ndshm_block_info block;
	bool kept = false;
	unsigned int i;
	pid_t child;
	int peer;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		struct ndshm_nl nl;

		ASSERT_TRUE(ndshm_become(NDSHM_USER_A));
		ASSERT_EQ(0, ndshm_nl_open(&nl));
		/* A slow machine can send them by itself meanwhile, but not each time. */
		for (i = 0; i < 200 && !kept; i++) {
			block = test_new_block(self->fd, self->adapter, self->page);
			ASSERT_EQ(0, ndshm_nl_discard(&nl, NDSHM_CMD_BLOCK_GET));
			kept = !has_datagram(self);
			test_free_handle(self->fd, block.handle);
			ASSERT_EQ(NDSHM_CMD_BLOCK_ADDED_NTF, next(self));
			ASSERT_EQ(NDSHM_CMD_BLOCK_FREED_NTF, next(self));
		}
		_exit(!kept);
	}
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

/*
 * A listener that does not read loses events, gets ENOBUFS, and receives later
 * events again.
 */
TEST_F(events, overrun)
{
	struct ndshm_block_info block;
	const int small = 1;
	int i, got;

	ASSERT_EQ(0, setsockopt(self->listener.fd, SOL_SOCKET, SO_RCVBUF,
				&small, sizeof(small)));
	/* Allocation and freeing must succeed although the events are lost. */
	for (i = 0; i < 100; i++) {
		block = test_new_block(self->fd, self->adapter, self->page);
		test_free_handle(self->fd, block.handle);
	}
	ASSERT_EQ(0, ndshm_nl_discard(&self->nl, NDSHM_CMD_ADAPTER_GET));
	for (i = 0; (got = next(self)) > 0; i++)
		;
	EXPECT_EQ(-ENOBUFS, got);
	EXPECT_GT(200, i);
	do
		got = ndshm_nl_event(&self->listener, 0, self->buffer, sizeof(self->buffer));
	while (got > 0 || got == -ENOBUFS);
	ASSERT_EQ(-ETIMEDOUT, got);
	block = test_new_block(self->fd, self->adapter, self->page);
	ASSERT_EQ(NDSHM_CMD_BLOCK_ADDED_NTF, next(self));
	EXPECT_EQ(block.shared_memory_handle, event_block(self).id);
}

/*
 * Several processes allocate and free blocks. Each block must be added once and
 * then freed once. A listener with a large buffer must lose no event.
 */
TEST_F(events, each_comes_and_goes)
{
	enum { WRITERS = 3, ROUNDS = 200 };
	/* Ids of live blocks, in no order. */
	static __u32 live[WRITERS * ROUNDS];
	unsigned int i, got, count = 0, added = 0, freed = 0, wrong = 0;
	const int large = 16 << 20;
	pid_t children[WRITERS];
	int peers[WRITERS];

	ASSERT_EQ(0, setsockopt(self->listener.fd, SOL_SOCKET, SO_RCVBUFFORCE,
				&large, sizeof(large)));
	for (i = 0; i < WRITERS; i++) {
		children[i] = ndshm_fork(&peers[i]);
		ASSERT_LE(0, children[i]);
		if (!children[i]) {
			struct ndshm_block_info block;
			int fd = ndshm_open();

			for (i = 0; i < ROUNDS; i++) {
				block = test_new_block(fd, self->adapter,
						       self->page);
				if (i % 2)
					test_free_handle(fd, block.handle);
			}
			/* The remaining blocks end with the client. */
			close(fd);
			_exit(0);
		}
	}
	for (got = 0; got < 2 * WRITERS * ROUNDS; got++) {
		int cmd = next(self);
		__u32 id;

		ASSERT_LT(0, cmd);
		id = event_block(self).id;
		for (i = 0; i < count && live[i] != id; i++)
			;
		if (cmd == NDSHM_CMD_BLOCK_ADDED_NTF) {
			added++;
			ASSERT_GE(WRITERS * ROUNDS, added);
			if (i < count)
				wrong++;
			else
				live[count++] = id;
		} else if (cmd == NDSHM_CMD_BLOCK_FREED_NTF) {
			freed++;
			if (i < count)
				live[i] = live[--count];
			else
				wrong++;
		}
	}
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(WRITERS * ROUNDS, added);
	EXPECT_EQ(WRITERS * ROUNDS, freed);
	EXPECT_TRUE(no_event(self));
	for (i = 0; i < WRITERS; i++) {
		EXPECT_TRUE(ndshm_reap(children[i]));
		close(peers[i]);
	}
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
