// SPDX-License-Identifier: GPL-2.0
/*
 * The netlink family: requests, their permissions, and events.
 */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <linux/capability.h>

#include "ndshm_nl.h"
#include "ndshm_pci.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

#define MANY	1024

FIXTURE(netlink) {
	int fd;
	__u32 adapter;
	size_t page;
	struct ndshm_block_info block;
	struct ndshm_nl nl;
};

FIXTURE_SETUP(netlink)
{
	struct ndshm_get_info_args info = get_info_request();

	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->adapter = info.out_default_adapter;
	self->page = page_size();
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
}

FIXTURE_TEARDOWN(netlink)
{
	ndshm_nl_close(&self->nl);
	close(self->fd);
}

TEST_F(netlink, family)
{
	EXPECT_NE(0, self->nl.family);
	EXPECT_EQ(NDSHM_FAMILY_VERSION, self->nl.version);
	EXPECT_EQ(1, self->nl.groups);
	EXPECT_STREQ(NDSHM_MCGRP_EVENTS, self->nl.group_name);
	EXPECT_NE(0, self->nl.group);
}

/* Numbers of the published specification must never change. */
TEST_F(netlink, numbers)
{
	EXPECT_EQ(1, NDSHM_CMD_ADAPTER_GET);
	EXPECT_EQ(2, NDSHM_CMD_PROVIDER_GET);
	EXPECT_EQ(3, NDSHM_CMD_BLOCK_GET);
	EXPECT_EQ(4, NDSHM_CMD_ADAPTER_ADDED_NTF);
	EXPECT_EQ(11, NDSHM_CMD_PROVIDER_GONE_NTF);
	EXPECT_EQ(12, NDSHM_CMD_SECTION_GET);
	EXPECT_EQ(13, NDSHM_CMD_QUEUE_GET);
	EXPECT_EQ(9, NDSHM_A_ADAPTER_NEEDS_RESET);
	EXPECT_EQ(7, NDSHM_A_PROVIDER_MAPPABLE);
	EXPECT_EQ(13, NDSHM_A_BLOCK_REVOKED);
	EXPECT_EQ(14, NDSHM_A_BLOCK_KERNEL);
	EXPECT_EQ(15, NDSHM_A_BLOCK_EXPORTS);
	EXPECT_EQ(16, NDSHM_A_BLOCK_TAG);
	EXPECT_EQ(13, NDSHM_A_SECTION_REVOKED);
	EXPECT_EQ(17, NDSHM_A_SECTION_EXPORTS);
	EXPECT_EQ(9, NDSHM_A_QUEUE_BYTES);
	EXPECT_EQ(10, NDSHM_A_QUEUE_NAME);
	EXPECT_EQ(15, NDSHM_A_QUEUE_LOOKAHEAD);
}

/*
 * Requests for one object
 */

#define bit(attribute)	(1U << (attribute))

#define ADAPTER_ALWAYS	(bit(NDSHM_A_ADAPTER_ID) | \
			 bit(NDSHM_A_ADAPTER_NAME) | \
			 bit(NDSHM_A_ADAPTER_DEVICE) | \
			 bit(NDSHM_A_ADAPTER_NODE) | \
			 bit(NDSHM_A_ADAPTER_ISOLATION))
#define PROVIDER_ALWAYS	(bit(NDSHM_A_PROVIDER_ID) | \
			 bit(NDSHM_A_PROVIDER_NAME) | \
			 bit(NDSHM_A_PROVIDER_SCOPE) | \
			 bit(NDSHM_A_PROVIDER_FLAGS) | \
			 bit(NDSHM_A_PROVIDER_BLOCKS))
#define BLOCK_ALWAYS	(bit(NDSHM_A_BLOCK_ID) | \
			 bit(NDSHM_A_BLOCK_ADAPTER_ID) | \
			 bit(NDSHM_A_BLOCK_PROVIDER_ID) | \
			 bit(NDSHM_A_BLOCK_USAGE) | \
			 bit(NDSHM_A_BLOCK_UID) | \
			 bit(NDSHM_A_BLOCK_PID) | \
			 bit(NDSHM_A_BLOCK_SEGMENTS) | \
			 bit(NDSHM_A_BLOCK_PREFERRED_NODE) | \
			 bit(NDSHM_A_BLOCK_LENGTH) | \
			 bit(NDSHM_A_BLOCK_CONSUMED))

TEST_F(netlink, adapter)
{
	struct ndshm_nl_adapter by_id, by_name;

	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->nl, self->adapter, &by_id));
	EXPECT_EQ(ADAPTER_ALWAYS, by_id.present & ADAPTER_ALWAYS);
	EXPECT_EQ(self->adapter, by_id.id);
	/* The default adapter, which stands for a node and no device. */
	EXPECT_EQ(0, strncmp(by_id.name, "node", 4));
	EXPECT_EQ(by_id.node, atoi(by_id.name + 4));
	EXPECT_LT(0, strlen(by_id.device));
	EXPECT_TRUE(by_id.open);
	EXPECT_FALSE(by_id.claimable);
	EXPECT_FALSE(by_id.claimed);
	EXPECT_FALSE(by_id.needs_reset);
	EXPECT_EQ(0, by_id.isolation & ~NDSHM_ISOLATION_ALL);
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, by_id.name, &by_name));
	EXPECT_EQ(0, memcmp(&by_id, &by_name, sizeof(by_id)));
}

TEST_F(netlink, provider)
{
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter, 1, &self->block);
	struct ndshm_nl_provider by_id, by_name;
	struct ndshm_block_query_args query;

	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "pages",
					       &by_name));
	EXPECT_EQ(PROVIDER_ALWAYS, by_name.present & PROVIDER_ALWAYS);
	EXPECT_NE(0, by_name.id);
	EXPECT_STREQ("pages", by_name.name);
	EXPECT_TRUE(by_name.mappable);
	EXPECT_EQ(0, by_name.present & bit(NDSHM_A_PROVIDER_ADAPTER_ID));
	EXPECT_EQ(0, by_name.flags);

	/* A provider counts its live blocks. */
	alloc.provider = by_name.id;
	test_block_alloc(self->fd, &alloc);
	query = block_query_request(self->block.handle);
	test_block_query(self->fd, &query);
	ASSERT_EQ(0, ndshm_nl_provider_by_id(&self->nl, query.out_provider,
					     &by_id));
	EXPECT_STREQ("pages", by_id.name);
	EXPECT_EQ(by_name.id, by_id.id);
	EXPECT_EQ(by_name.blocks + 1, by_id.blocks);
	test_free_handle(self->fd, self->block.handle);
	ASSERT_EQ(0, ndshm_nl_provider_by_id(&self->nl, by_id.id, &by_id));
	EXPECT_EQ(by_name.blocks, by_id.blocks);
}

TEST_F(netlink, block)
{
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter, 3 * self->page,
				    &self->block);
	struct ndshm_nl_block seen;
	struct ndshm_block_query_args query;
	void *map;

	alloc.usage = NDSHM_USAGE_RECEIVE;
	alloc.preferred_node = 0;
	alloc.tag = NDSHM_TAG('t', 'e', 's', 0xff);
	test_block_alloc(self->fd, &alloc);
	query = block_query_request(self->block.handle);
	test_block_query(self->fd, &query);
	ASSERT_EQ(0, ndshm_nl_block_by_id(&self->nl,
					  self->block.shared_memory_handle,
					  &seen));
	EXPECT_EQ(BLOCK_ALWAYS, seen.present & BLOCK_ALWAYS);
	EXPECT_EQ(self->block.shared_memory_handle, seen.id);
	EXPECT_EQ(self->adapter, seen.adapter);
	EXPECT_EQ(query.out_provider, seen.provider);
	EXPECT_EQ(NDSHM_USAGE_RECEIVE, seen.usage);
	EXPECT_EQ(getuid(), seen.uid);
	EXPECT_EQ((__u32)getpid(), seen.pid);
	EXPECT_EQ(query.out_block.segments, seen.segments);
	EXPECT_EQ(0, seen.preferred_node);
	EXPECT_EQ(0xff736574, seen.tag);
	EXPECT_EQ(self->block.length, seen.length);
	EXPECT_EQ(self->block.consumed, seen.consumed);
	EXPECT_EQ(!!(self->block.flags & NDSHM_BLOCK_CHARGED), seen.charged);
	EXPECT_FALSE(seen.revoked);

	/* The block is listed as long as its memory exists. */
	map = test_map_block(self->fd, &self->block);
	test_free_handle(self->fd, self->block.handle);
	EXPECT_TRUE(ndshm_nl_block_lives(&self->nl, seen.id));
	EXPECT_EQ(0, munmap(map, self->block.length));
	EXPECT_TRUE(ndshm_soon(!ndshm_nl_block_lives(&self->nl, seen.id)));
}

/*
 * No other attribute may be present, in particular no physical, DMA or kernel
 * address.
 */
TEST_F(netlink, nothing_else_is_shown)
{
	const __u32 adapter_known = ADAPTER_ALWAYS |
				    bit(NDSHM_A_ADAPTER_OPEN) |
				    bit(NDSHM_A_ADAPTER_CLAIMABLE) |
				    bit(NDSHM_A_ADAPTER_CLAIMED) |
				    bit(NDSHM_A_ADAPTER_NEEDS_RESET);
	const __u32 provider_known = PROVIDER_ALWAYS |
				     bit(NDSHM_A_PROVIDER_ADAPTER_ID) |
				     bit(NDSHM_A_PROVIDER_MAPPABLE) |
				     bit(NDSHM_A_PROVIDER_OPEN);
	const __u32 block_known = BLOCK_ALWAYS | bit(NDSHM_A_BLOCK_PAD) |
				  bit(NDSHM_A_BLOCK_CHARGED) |
				  bit(NDSHM_A_BLOCK_REVOKED) |
				  bit(NDSHM_A_BLOCK_KERNEL);
	struct ndshm_nl_provider provider;
	struct ndshm_nl_adapter adapter;
	struct ndshm_nl_block block;

	self->block = test_new_block(self->fd, self->adapter, 1);
	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->nl, self->adapter,
					    &adapter));
	EXPECT_EQ(0, adapter.present & ~adapter_known);
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "coherent",
					       &provider));
	EXPECT_EQ(0, provider.present & ~provider_known);
	ASSERT_EQ(0, ndshm_nl_block_by_id(&self->nl,
					  self->block.shared_memory_handle,
					  &block));
	EXPECT_EQ(0, block.present & ~block_known);
}

/*
 * Errors and their messages
 */

/* Counts as a case; the error must come with a message. */
#define test_refused(error, request) do { \
	ndshm_case(false); \
	EXPECT_EQ(-(error), ndshm_nl_talk(&self->nl, request, NULL, NULL)) \
		TH_LOG("extack: %s", self->nl.extack); \
	EXPECT_LT(0, strlen(self->nl.extack)); \
} while (0)

static void request_u32(struct _test_data_netlink *self,
			struct ndshm_nl_request *request, __u8 cmd, __u16 type,
			__u32 value)
{
	ndshm_nl_begin(request, self->nl.family, cmd, 0);
	ndshm_nl_put(request, type, &value, sizeof(value));
}

static void request_data(struct _test_data_netlink *self,
			 struct ndshm_nl_request *request, __u8 cmd,
			 __u16 type, const void *data, __u16 length)
{
	ndshm_nl_begin(request, self->nl.family, cmd, 0);
	ndshm_nl_put(request, type, data, length);
}

static const struct {
	__u8 cmd;
	__u16 id;
	__u16 name;		/* 0: objects without a name */
} requests[] = {
	{ NDSHM_CMD_ADAPTER_GET, NDSHM_A_ADAPTER_ID, NDSHM_A_ADAPTER_NAME },
	{ NDSHM_CMD_PROVIDER_GET, NDSHM_A_PROVIDER_ID, NDSHM_A_PROVIDER_NAME },
	{ NDSHM_CMD_BLOCK_GET, NDSHM_A_BLOCK_ID, 0 },
	{ NDSHM_CMD_SECTION_GET, NDSHM_A_SECTION_ID, 0 },
};

TEST_F(netlink, unknown)
{
	struct ndshm_nl_request request;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		request_u32(self, &request, requests[i].cmd, requests[i].id,
			    0x7ffffff0);
		test_refused(ENOENT, &request);
		request_u32(self, &request, requests[i].cmd, requests[i].id,
			    0xffffffff);
		test_refused(ENOENT, &request);
		if (!requests[i].name)
			continue;
		request_data(self, &request, requests[i].cmd, requests[i].name,
			     "nobody", sizeof("nobody"));
		test_refused(ENOENT, &request);
		request_data(self, &request, requests[i].cmd, requests[i].name, "", 1);
		test_refused(ENOENT, &request);
	}
}

TEST_F(netlink, missing)
{
	struct ndshm_nl_request request;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		ndshm_nl_begin(&request, self->nl.family, requests[i].cmd, 0);
		test_refused(EINVAL, &request);
	}
}

TEST_F(netlink, id_and_name)
{
	struct ndshm_nl_request request;

	request_u32(self, &request, NDSHM_CMD_ADAPTER_GET, NDSHM_A_ADAPTER_ID,
		    self->adapter);
	ndshm_nl_put(&request, NDSHM_A_ADAPTER_NAME, "node0", sizeof("node0"));
	test_refused(EINVAL, &request);
}

TEST_F(netlink, bad_attributes)
{
	struct ndshm_nl_request request;
	char name[256];
	unsigned int i;

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		/* Ids start with 1. */
		request_u32(self, &request, requests[i].cmd, requests[i].id, 0);
		test_refused(ERANGE, &request);
		/* Too short and too long for the type. */
		request_data(self, &request, requests[i].cmd, requests[i].id, name, 1);
		test_refused(EINVAL, &request);
		request_data(self, &request, requests[i].cmd, requests[i].id, name, 3);
		test_refused(EINVAL, &request);
		request_data(self, &request, requests[i].cmd, requests[i].id, name, 8);
		test_refused(EINVAL, &request);
		/* A nest instead of a number. */
		request_u32(self, &request, requests[i].cmd,
			    requests[i].id | NLA_F_NESTED, 1);
		test_refused(EINVAL, &request);
		/* Attributes that are not permitted in a request. */
		request_u32(self, &request, requests[i].cmd, 3, 1);
		test_refused(EINVAL, &request);
		request_u32(self, &request, requests[i].cmd, 1000, 1);
		test_refused(EINVAL, &request);
		if (!requests[i].name)
			continue;
		request_data(self, &request, requests[i].cmd, requests[i].name, name,
			     sizeof(name));
		test_refused(EINVAL, &request);
		/* A name that is one character too long. */
		request_data(self, &request, requests[i].cmd, requests[i].name,
			     name + sizeof(name) - NDSHM_NAME_SIZE - 1,
			     NDSHM_NAME_SIZE + 1);
		test_refused(EINVAL, &request);
		/* A name without a terminator. */
		request_data(self, &request, requests[i].cmd, requests[i].name, name,
			     4);
		test_refused(EINVAL, &request);
	}
}

/* An attribute longer than the message. */
TEST_F(netlink, truncated)
{
	struct ndshm_nl_request request;
	struct nlattr *attribute;

	request_u32(self, &request, NDSHM_CMD_BLOCK_GET, NDSHM_A_BLOCK_ID, 1);
	attribute = (struct nlattr *)request.attributes;
	attribute->nla_len = 400;
	test_refused(EINVAL, &request);
	/* An incomplete attribute header at the end. */
	request_u32(self, &request, NDSHM_CMD_BLOCK_GET, NDSHM_A_BLOCK_ID, 1);
	request.header.nlmsg_len += 3;
	test_refused(EINVAL, &request);
}

TEST_F(netlink, unknown_commands)
{
	static const __u8 unknown[] = {
		0, NDSHM_CMD_ADAPTER_ADDED_NTF, NDSHM_CMD_PROVIDER_GONE_NTF,
		NDSHM_CMD_MAX + 1, 255,
	};
	struct ndshm_nl_request request;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		ndshm_nl_begin(&request, self->nl.family, unknown[i], 0);
		ndshm_case(false);
		EXPECT_EQ(-EOPNOTSUPP, ndshm_nl_talk(&self->nl, &request, NULL,
						     NULL));
	}
}

TEST_F(netlink, dump_takes_no_attributes)
{
	struct ndshm_nl_request request;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		ndshm_nl_begin(&request, self->nl.family, requests[i].cmd,
			       NLM_F_DUMP);
		ndshm_nl_put(&request, requests[i].id, &self->adapter,
			     sizeof(self->adapter));
		test_refused(EINVAL, &request);
	}
}

/*
 * Dumps
 */

TEST_F(netlink, dump_adapters)
{
	struct ndshm_nl_adapter adapters[64], one;
	int count, i;

	count = ndshm_nl_adapters(&self->nl, adapters, ARRAY_SIZE(adapters));
	ASSERT_LE(1, count);
	ASSERT_GE(ARRAY_SIZE(adapters), (size_t)count);
	for (i = 0; i < count; i++) {
		if (i)
			EXPECT_LT(adapters[i - 1].id, adapters[i].id);
		ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->nl, adapters[i].id,
						    &one));
		EXPECT_EQ(0, memcmp(&one, &adapters[i], sizeof(one)));
	}
}

TEST_F(netlink, dump_providers)
{
	struct ndshm_nl_provider providers[64], one;
	int count, i;

	count = ndshm_nl_providers(&self->nl, providers,
				   ARRAY_SIZE(providers));
	ASSERT_LE(1, count);
	ASSERT_GE(ARRAY_SIZE(providers), (size_t)count);
	for (i = 0; i < count; i++) {
		if (i)
			EXPECT_LT(providers[i - 1].id, providers[i].id);
		ASSERT_EQ(0, ndshm_nl_provider_by_id(&self->nl,
						     providers[i].id, &one));
		EXPECT_EQ(0, memcmp(&one, &providers[i], sizeof(one)));
	}
}

/* More objects than fit into one message; each must be listed once, completely. */
TEST_F(netlink, dump_blocks)
{
	struct ndshm_nl_block *seen = calloc(MANY, sizeof(*seen));
	struct ndshm_block_info blocks[500];
	struct ndshm_block_alloc_args alloc;
	int count, i, j, found;
	int other = ndshm_open();

	ASSERT_NE(NULL, seen);
	ASSERT_LE(0, other);
	for (i = 0; i < (int)ARRAY_SIZE(blocks); i += 50) {
		alloc = block_alloc_request(self->adapter,
					    (i / 50 + 1) * self->page,
					    blocks + i);
		alloc.count = 50;
		test_block_alloc(i % 100 ? other : self->fd, &alloc);
	}
	count = ndshm_nl_blocks(&self->nl, seen, MANY);
	ASSERT_LE((int)ARRAY_SIZE(blocks), count);
	ASSERT_GE(MANY, count);
	for (i = 0; i < (int)ARRAY_SIZE(blocks); i++) {
		for (found = 0, j = 0; j < count; j++) {
			if (seen[j].id != blocks[i].shared_memory_handle)
				continue;
			found++;
			EXPECT_EQ(blocks[i].length, seen[j].length);
			EXPECT_EQ((__u32)getpid(), seen[j].pid);
		}
		EXPECT_EQ(1, found);
	}
	close(other);
	free(seen);
}

/* Allocate blocks until the id of one has the lower bits @low; keep that one. */
static struct ndshm_block_info block_with_id(struct __test_metadata *_metadata,
					     struct _test_data_netlink *self,
					     __u32 low, __u32 mask)
{
	struct ndshm_block_info blocks[64], kept = {};
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter, 1, blocks);
	unsigned int i;

	alloc.count = ARRAY_SIZE(blocks);
	while (!kept.handle) {
		test_block_alloc(self->fd, &alloc);
		for (i = 0; i < alloc.count; i++) {
			if (!kept.handle &&
			    !((blocks[i].shared_memory_handle ^ low) & mask))
				kept = blocks[i];
			else
				test_free_handle(self->fd, blocks[i].handle);
		}
	}
	return kept;
}

/* The lower bits of the ids are equal, so that their hashes may collide. */
TEST_F_TIMEOUT(netlink, dump_far_apart, 300)
{
	struct ndshm_nl_block *seen = calloc(MANY, sizeof(*seen)), one;
	struct ndshm_block_info kept[3];
	int count, i, j, found;

	ASSERT_NE(NULL, seen);
	kept[0] = test_new_block(self->fd, self->adapter, 1);
	for (i = 1; i < (int)ARRAY_SIZE(kept); i++)
		kept[i] = block_with_id(_metadata, self,
					kept[0].shared_memory_handle, 0xfff);
	count = ndshm_nl_blocks(&self->nl, seen, MANY);
	ASSERT_LE(0, count);
	ASSERT_GE(MANY, count);
	for (i = 0; i < (int)ARRAY_SIZE(kept); i++) {
		for (found = 0, j = 0; j < count; j++)
			found += seen[j].id == kept[i].shared_memory_handle;
		EXPECT_EQ(1, found);
		ASSERT_EQ(0, ndshm_nl_block_by_id(&self->nl,
						  kept[i].shared_memory_handle,
						  &one));
		EXPECT_EQ(kept[i].shared_memory_handle, one.id);
	}
	free(seen);
}

/*
 * Blocks that live during all dumps must be in each of them, while others are
 * created and freed.
 */
TEST_F(netlink, dump_while_changing)
{
	struct ndshm_nl_block *seen = calloc(MANY, sizeof(*seen));
	struct ndshm_block_info blocks[64], noise;
	struct ndshm_block_alloc_args alloc;
	int count, i, j, round, found, peer;
	pid_t child;

	ASSERT_NE(NULL, seen);
	alloc = block_alloc_request(self->adapter, 1, blocks);
	alloc.count = ARRAY_SIZE(blocks);
	test_block_alloc(self->fd, &alloc);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		int fd = ndshm_open();

		ndshm_signal_peer(peer);
		for (;;) {
			struct ndshm_block_free_args request;

			alloc = block_alloc_request(self->adapter, 1, &noise);
			if (_test_block_alloc(fd, &alloc))
				_exit(1);
			request = block_free_request(noise.handle);
			if (_test_block_free(fd, &request))
				_exit(1);
		}
	}
	EXPECT_TRUE(ndshm_hear(peer));
	for (round = 0; round < 100; round++) {
		count = ndshm_nl_blocks(&self->nl, seen, MANY);
		ASSERT_LE((int)ARRAY_SIZE(blocks), count);
		for (i = 0, found = 0; i < (int)ARRAY_SIZE(blocks); i++)
			for (j = 0; j < count && j < MANY; j++)
				found += seen[j].id ==
					 blocks[i].shared_memory_handle;
		EXPECT_EQ((int)ARRAY_SIZE(blocks), found);
	}
	/* The other process must have run all the time. */
	EXPECT_EQ(0, waitpid(child, NULL, WNOHANG));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(child, waitpid(child, NULL, 0));
	close(peer);
	free(seen);
}

/* A dump must not show a block before all of its attributes are set. */
TEST_F_TIMEOUT(netlink, dump_shows_whole_blocks, 300)
{
	const struct ndshm_nl_block *row;
	struct ndshm_nl_block *seen = calloc(MANY, sizeof(*seen));
	int count, i, round, found = 0, peer;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_free_args request;
	pid_t child;

	ASSERT_NE(NULL, seen);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		int fd = ndshm_open();

		ndshm_signal_peer(peer);
		for (;;) {
			alloc = block_alloc_request(self->adapter,
						    3 * self->page,
						    &self->block);
			alloc.usage = NDSHM_USAGE_RECEIVE;
			if (_test_block_alloc(fd, &alloc))
				_exit(1);
			request = block_free_request(self->block.handle);
			if (_test_block_free(fd, &request))
				_exit(1);
		}
	}
	EXPECT_TRUE(ndshm_hear(peer));
	for (round = 0; round < 200 || (!found && round < 20000); round++) {
		count = ndshm_nl_blocks(&self->nl, seen, MANY);
		ASSERT_LE(0, count);
		for (i = 0; i < count && i < MANY; i++) {
			row = &seen[i];
			if (row->pid && row->pid != (__u32)child)
				continue;
			found++;
			EXPECT_EQ(BLOCK_ALWAYS, row->present & BLOCK_ALWAYS);
			EXPECT_EQ((__u32)child, row->pid);
			EXPECT_EQ(getuid(), row->uid);
			EXPECT_NE(0, row->id);
			EXPECT_EQ(self->adapter, row->adapter);
			EXPECT_NE(0, row->provider);
			EXPECT_EQ(NDSHM_USAGE_RECEIVE, row->usage);
			EXPECT_LE(1, row->segments);
			EXPECT_GE(3, row->segments);
			EXPECT_EQ(3 * self->page, row->length);
			EXPECT_LE(row->length, row->consumed);
			EXPECT_FALSE(row->revoked);
		}
	}
	EXPECT_LT(0, found);
	EXPECT_EQ(0, waitpid(child, NULL, WNOHANG));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(child, waitpid(child, NULL, 0));
	close(peer);
	free(seen);
}

/* A dump that is started and not read must not hold references or delay others. */
TEST_F(netlink, dump_left_alone)
{
	struct ndshm_block_info blocks[512];
	struct ndshm_nl_request request;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_nl_block row;
	struct ndshm_nl nl[2];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(blocks); i += 64) {
		alloc = block_alloc_request(self->adapter, 1, blocks + i);
		alloc.count = 64;
		test_block_alloc(self->fd, &alloc);
	}
	for (i = 0; i < ARRAY_SIZE(nl); i++) {
		ASSERT_EQ(0, ndshm_nl_open(&nl[i]));
		ndshm_nl_begin(&request, nl[i].family, NDSHM_CMD_BLOCK_GET,
			       NLM_F_DUMP);
		request.header.nlmsg_seq = ++nl[i].seq;
		ASSERT_EQ(request.header.nlmsg_len,
			  send(nl[i].fd, &request, request.header.nlmsg_len,
			       0));
	}
	close(self->fd);
	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		EXPECT_FALSE(ndshm_nl_block_lives(&self->nl,
						  blocks[i].shared_memory_handle));
	/* A second dump on the same socket must wait for the end of the first. */
	EXPECT_EQ(-EBUSY, ndshm_nl_blocks(&nl[0], &row, 1));
	ndshm_nl_close(&nl[0]);
	/* When it is read at last, the dump must end. */
	request.header.nlmsg_type = 0;
	do {
		static __u64 buffer[8192];
		const struct nlmsghdr *message = (const void *)buffer;
		ssize_t got = recv(nl[1].fd, buffer, sizeof(buffer), 0);
		size_t left = got;

		ASSERT_LT(0, got);
		for (; NLMSG_OK(message, left);
		     message = NLMSG_NEXT(message, left))
			request.header.nlmsg_type = message->nlmsg_type;
	} while (request.header.nlmsg_type == nl[1].family);
	EXPECT_EQ(NLMSG_DONE, request.header.nlmsg_type);
	ndshm_nl_close(&nl[1]);
	self->fd = ndshm_open();
}

/* Shared memory handles are random: an id recurs with a probability of 1 in 2^32. */
TEST_F(netlink, ids_are_not_used_again)
{
	__u32 used[200];
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(used); i++) {
		self->block = test_new_block(self->fd, self->adapter, 1);
		used[i] = self->block.shared_memory_handle;
		for (j = 0; j < i; j++)
			EXPECT_NE(used[j], used[i]);
		test_free_handle(self->fd, self->block.handle);
	}
}

/*
 * Permissions
 */

TEST_F(netlink, unprivileged)
{
	struct ndshm_nl_block seen[16], one;
	struct ndshm_nl_provider provider;
	struct ndshm_nl_adapter adapter;
	struct ndshm_block_info mine;
	struct ndshm_nl nl;
	int peer, client, count;
	pid_t child;

	if (geteuid())
		SKIP(return, "only root can become other users");
	self->block = test_new_block(self->fd, self->adapter, 1);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		client = ndshm_open_as(NDSHM_USER_A, RLIM_INFINITY);
		ASSERT_TRUE(ndshm_become(NDSHM_USER_A));
		ASSERT_EQ(0, ndshm_nl_open(&nl));
		EXPECT_EQ(0, ndshm_nl_blocks(&nl, seen, ARRAY_SIZE(seen)));
		mine = test_new_block(client, self->adapter, 1);
		count = ndshm_nl_blocks(&nl, seen, ARRAY_SIZE(seen));
		EXPECT_EQ(1, count);
		EXPECT_EQ(mine.shared_memory_handle, seen[0].id);
		EXPECT_EQ(NDSHM_USER_A, seen[0].uid);
		EXPECT_TRUE(seen[0].charged);
		EXPECT_EQ(0, ndshm_nl_block_by_id(&nl,
						  mine.shared_memory_handle,
						  &one));
		/* Another user's block is reported as unknown. */
		EXPECT_EQ(-ENOENT,
			  ndshm_nl_block_by_id(&nl,
					       self->block.shared_memory_handle,
					       &one));
		/* Adapters and providers are visible to all users. */
		EXPECT_EQ(0, ndshm_nl_adapter_by_id(&nl, self->adapter,
						    &adapter));
		EXPECT_EQ(0, ndshm_nl_provider_by_name(&nl, "coherent",
						       &provider));
		EXPECT_EQ(-EPERM, ndshm_nl_join_events(&nl));
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

/* The sender's privileges count, not those of the socket's opener. */
TEST_F(netlink, passed_socket)
{
	struct ndshm_nl_block seen[16];
	pid_t child;
	int peer;

	if (geteuid())
		SKIP(return, "only root can become other users");
	self->block = test_new_block(self->fd, self->adapter, 1);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_TRUE(ndshm_become(NDSHM_USER_A));
		EXPECT_EQ(0, ndshm_nl_blocks(&self->nl, seen,
					     ARRAY_SIZE(seen)));
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

/* What user B makes with a client of user A is A's, who can end the section. */
TEST_F(netlink, passed_client)
{
	struct ndshm_section_create_args create = section_create_request(self->adapter, 1, 1);
	struct ndshm_nl_section section;
	struct ndshm_nl_block block;
	struct ndshm_nl nl;
	pid_t maker, owner;
	int client, peer, unused;

	if (geteuid())
		SKIP(return, "only root can become other users");
	client = ndshm_open_as(NDSHM_USER_A, RLIM_INFINITY);
	ASSERT_LE(0, client);
	maker = ndshm_fork(&peer);
	ASSERT_LE(0, maker);
	if (!maker) {
		ASSERT_TRUE(ndshm_become(NDSHM_USER_B));
		test_new_block(client, self->adapter, 1);
		test_section_create(client, &create);
		ASSERT_EQ(0, ndshm_nl_open(&nl));
		EXPECT_EQ(0, ndshm_nl_blocks(&nl, &block, 1));
		EXPECT_EQ(0, ndshm_nl_sections(&nl, &section, 1));
		EXPECT_EQ(-ENOENT, ndshm_revoke_section(client, create.out_id));
		EXPECT_EQ(0, ndshm_locked(client));
		ndshm_signal_peer(peer);
		ndshm_hear(peer);
		_exit(0);
	}
	close(client);
	ASSERT_TRUE(ndshm_hear(peer));
	owner = ndshm_fork(&unused);
	ASSERT_LE(0, owner);
	if (!owner) {
		ASSERT_TRUE(ndshm_become(NDSHM_USER_A));
		ASSERT_EQ(0, ndshm_nl_open(&nl));
		/* The block, and the memory of the section. */
		EXPECT_EQ(2, ndshm_nl_blocks(&nl, &block, 1));
		EXPECT_EQ(NDSHM_USER_A, block.uid);
		EXPECT_EQ((__u32)maker, block.pid);
		EXPECT_EQ(1, ndshm_nl_sections(&nl, &section, 1));
		EXPECT_EQ(NDSHM_USER_A, section.uid);
		EXPECT_EQ(2 * self->page, ndshm_locked(self->fd));
		EXPECT_EQ(0, ndshm_revoke_section(self->fd, section.id));
		EXPECT_EQ(self->page, ndshm_locked(self->fd));
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(owner));
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(maker));
	close(peer);
}

/* Start a process of another user that has a client and the test's block until signalled. */
static pid_t start_owner(struct __test_metadata *_metadata,
			 struct _test_data_netlink *self, int *peer)
{
	pid_t child = ndshm_fork(peer);

	ASSERT_LE(0, child);
	if (!child) {
		close(self->fd);
		self->fd = ndshm_open_as(NDSHM_USER_A, RLIM_INFINITY);
		ASSERT_TRUE(ndshm_become(NDSHM_USER_A));
		self->block = test_new_block(self->fd, self->adapter, 1);
		send(*peer, &self->block, sizeof(self->block), 0);
		ndshm_hear(*peer);
		_exit(0);
	}
	ASSERT_EQ(sizeof(self->block), recv(*peer, &self->block,
					    sizeof(self->block), MSG_WAITALL));
	return child;
}

/* Without CAP_SYS_ADMIN root is an ordinary user; CAP_NET_ADMIN does not help. */
TEST_F(netlink, capability)
{
	struct ndshm_nl_block one;
	struct ndshm_nl nl;
	pid_t child;
	int peer;

	if (geteuid())
		SKIP(return, "only root has capabilities to lose");
	child = start_owner(_metadata, self, &peer);
	EXPECT_EQ(0, ndshm_nl_block_by_id(&self->nl,
					  self->block.shared_memory_handle,
					  &one));
	EXPECT_EQ(NDSHM_USER_A, one.uid);
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_ADMIN, false));
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	EXPECT_EQ(-ENOENT, ndshm_nl_block_by_id(&nl,
						self->block.shared_memory_handle,
						&one));
	EXPECT_EQ(-EPERM, ndshm_nl_join_events(&nl));
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_ADMIN, true));
	ASSERT_TRUE(ndshm_set_capability(CAP_NET_ADMIN, false));
	EXPECT_EQ(0, ndshm_nl_join_events(&nl));
	ndshm_nl_close(&nl);
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

/*
 * Namespaces
 */

/* Enter a new namespace, or exit with the code for a skip. */
static void enter(int flags)
{
	if (unshare(flags))
		_exit(KSFT_SKIP);
}

/* The child's exit code, or -1 if it was killed. */
static int code_of(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* Return: true if an event arrives soon. */
static bool hears(struct ndshm_nl *nl)
{
	char buffer[8192];

	return ndshm_nl_event(nl, 200, buffer, sizeof(buffer)) > 0;
}

/* Return: true if either PCI function of the test machine could be found. */
static bool find_function(struct ndshm_pci *pci)
{
	return !ndshm_pci_find(pci, 0x1234, 0x11e8) || !ndshm_pci_find(pci, 0x8086, 0x10d3);
}

/* Make an adapter of a function, and cause the event of that. */
static bool cause_event(struct ndshm_pci *pci)
{
	const bool bound = !ndshm_pci_bind(pci, false);

	ndshm_pci_restore(pci);
	return bound;
}

/* A network namespace of root shows what the initial one shows, and has the events. */
TEST_F(netlink, net_namespace)
{
	struct ndshm_nl_block one;
	struct ndshm_pci pci;
	struct ndshm_nl nl;
	pid_t child;
	int code;

	if (geteuid())
		SKIP(return, "only root can make a network namespace");
	if (!find_function(&pci))
		SKIP(return, "no PCI function to bind");
	self->block = test_new_block(self->fd, self->adapter, 1);
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		int bad = 0;

		enter(CLONE_NEWNET);
		if (ndshm_nl_open(&nl))
			_exit(1);
		if (ndshm_nl_block_by_id(&nl, self->block.shared_memory_handle,
					 &one))
			bad |= 2;
		if (ndshm_nl_join_events(&nl))
			bad |= 4;
		if (!cause_event(&pci) || !hears(&nl))
			bad |= 8;
		_exit(bad);
	}
	code = code_of(child);
	if (code == KSFT_SKIP)
		SKIP(return, "no network namespaces");
	EXPECT_EQ(0, code);
}

/*
 * Root of a network namespace that any user can make sees the objects of its user only. It may join
 * the group of events, but gets none.
 */
TEST_F(netlink, net_namespace_of_a_user)
{
	struct ndshm_nl_block seen[16], one;
	struct ndshm_pci pci;
	struct ndshm_nl nl;
	pid_t child, user;
	int peer, ear, code;

	if (geteuid())
		SKIP(return, "only root can become other users");
	if (!find_function(&pci))
		SKIP(return, "no PCI function to bind");
	user = start_owner(_metadata, self, &peer);
	test_new_block(self->fd, self->adapter, 1);
	child = ndshm_fork(&ear);
	ASSERT_LE(0, child);
	if (!child) {
		int bad = 0;

		enter(CLONE_NEWUSER | CLONE_NEWNET);
		if (ndshm_nl_open(&nl))
			_exit(1);
		if (ndshm_nl_blocks(&nl, seen, ARRAY_SIZE(seen)) != 1)
			bad |= 2;
		if (ndshm_nl_block_by_id(&nl, self->block.shared_memory_handle,
					 &one) != -ENOENT)
			bad |= 4;
		ndshm_nl_join_events(&nl);
		ndshm_signal_peer(ear);
		ndshm_hear(ear);
		if (hears(&nl))
			bad |= 8;
		_exit(bad);
	}
	if (ndshm_hear(ear)) {
		EXPECT_TRUE(cause_event(&pci));
		ndshm_signal_peer(ear);
	}
	code = code_of(child);
	close(ear);
	if (code == KSFT_SKIP)
		SKIP(return, "no user namespaces");
	EXPECT_EQ(0, code);
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(user));
	close(peer);
}

/* Root of a user namespace sees the objects of its user only. */
TEST_F(netlink, user_namespace)
{
	struct ndshm_nl_block seen[16], one;
	struct ndshm_nl nl;
	pid_t child, user;
	int peer, code;

	if (geteuid())
		SKIP(return, "only root can become other users");
	user = start_owner(_metadata, self, &peer);
	test_new_block(self->fd, self->adapter, 1);
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		int bad = 0;

		enter(CLONE_NEWUSER);
		if (ndshm_nl_open(&nl))
			_exit(1);
		/*
		 * Root's block is listed with the overflow uid, because root is
		 * not mapped here.
		 */
		bad |= ndshm_nl_blocks(&nl, seen, ARRAY_SIZE(seen)) != 1;
		bad |= seen[0].uid == 0 || seen[0].uid == NDSHM_USER_A;
		bad |= ndshm_nl_block_by_id(&nl,
					    self->block.shared_memory_handle,
					    &one) != -ENOENT;
		bad |= ndshm_nl_join_events(&nl) != -EPERM;
		_exit(bad);
	}
	code = code_of(child);
	if (code == KSFT_SKIP)
		SKIP(return, "no user namespaces");
	EXPECT_EQ(0, code);
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(user));
	close(peer);
}

/* Pids are those of the reader's namespace; 0 if the process is not in it. */
TEST_F(netlink, pid_namespace)
{
	struct ndshm_nl_block one;
	pid_t child, inner;
	int peer, bad = 0;

	if (geteuid())
		SKIP(return, "only root can make a process namespace");
	self->block = test_new_block(self->fd, self->adapter, 1);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		struct ndshm_block_info outer = self->block;

		enter(CLONE_NEWPID);
		inner = fork();
		if (inner) {
			/* Send the pid in the outer namespace, and reap the process. */
			send(peer, &inner, sizeof(inner), 0);
			_exit(!ndshm_reap(inner));
		}
		ndshm_hear(peer);
		self->block = test_new_block(self->fd, self->adapter, 1);
		send(peer, &self->block, sizeof(self->block), 0);
		ndshm_hear(peer);
		bad |= ndshm_nl_block_by_id(&self->nl,
					    self->block.shared_memory_handle,
					    &one);
		bad |= one.pid != 1;
		bad |= ndshm_nl_block_by_id(&self->nl,
					    outer.shared_memory_handle, &one);
		bad |= one.pid != 0 || one.kernel;
		_exit(bad);
	}
	if (recv(peer, &inner, sizeof(inner), MSG_WAITALL) != sizeof(inner)) {
		ASSERT_EQ(KSFT_SKIP, code_of(child));
		SKIP(return, "no process namespaces");
	}
	EXPECT_TRUE(ndshm_signal_peer(peer));
	ASSERT_EQ(sizeof(self->block), recv(peer, &self->block,
					    sizeof(self->block), MSG_WAITALL));
	ASSERT_EQ(0, ndshm_nl_block_by_id(&self->nl,
					  self->block.shared_memory_handle,
					  &one));
	EXPECT_EQ((__u32)inner, one.pid);
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

/*
 * Compare the running family's policies with the specification
 */

struct policy_row {
	__u8 cmd;
	__u16 attribute;
	__u32 type;
	__u64 min;
	__u32 max_length;
};

static const struct policy_row spec[] = {
	{ NDSHM_CMD_ADAPTER_GET, NDSHM_A_ADAPTER_ID, NL_ATTR_TYPE_U32, 1, 0 },
	{ NDSHM_CMD_ADAPTER_GET, NDSHM_A_ADAPTER_NAME, NL_ATTR_TYPE_NUL_STRING,
	  0, NDSHM_NAME_SIZE - 1 },
	{ NDSHM_CMD_PROVIDER_GET, NDSHM_A_PROVIDER_ID, NL_ATTR_TYPE_U32, 1, 0 },
	{ NDSHM_CMD_PROVIDER_GET, NDSHM_A_PROVIDER_NAME,
	  NL_ATTR_TYPE_NUL_STRING, 0, NDSHM_NAME_SIZE - 1 },
	{ NDSHM_CMD_BLOCK_GET, NDSHM_A_BLOCK_ID, NL_ATTR_TYPE_U32, 1, 0 },
	{ NDSHM_CMD_SECTION_GET, NDSHM_A_SECTION_ID, NL_ATTR_TYPE_U32, 1, 0 },
	{ NDSHM_CMD_QUEUE_GET, NDSHM_A_QUEUE_ADAPTER_ID, NL_ATTR_TYPE_U32, 1,
	  0 },
	{ NDSHM_CMD_QUEUE_GET, NDSHM_A_QUEUE_KIND, NL_ATTR_TYPE_U32, 0, 0 },
	{ NDSHM_CMD_QUEUE_GET, NDSHM_A_QUEUE_ID, NL_ATTR_TYPE_U32, 0, 0 },
};

#define POLICIES	32

struct policies {
	__u32 of_do[POLICIES];		/* index of the policy, by command */
	bool has_do[POLICIES];
	bool has_dump[POLICIES];
	struct policy_row rows[POLICIES][POLICIES];	/* by index and attribute */
	int attributes;
};

static void got_policy(const struct nlmsghdr *message, void *context)
{
	struct ndshm_nl_attributes a = ndshm_nl_parse(message), list, one, leaf;
	struct policies *policies = context;
	struct policy_row *row;
	__u64 min;
	int i, j;

	if (a.at[CTRL_ATTR_OP_POLICY]) {
		list = ndshm_nl_nest(a.at[CTRL_ATTR_OP_POLICY]);
		for (i = 0; i < POLICIES; i++) {
			if (!list.at[i])
				continue;
			one = ndshm_nl_nest(list.at[i]);
			policies->has_do[i] = one.at[CTRL_ATTR_POLICY_DO];
			policies->has_dump[i] = one.at[CTRL_ATTR_POLICY_DUMP];
			policies->of_do[i] =
				ndshm_nl_u32(one.at[CTRL_ATTR_POLICY_DO]);
		}
	}
	if (!a.at[CTRL_ATTR_POLICY])
		return;
	list = ndshm_nl_nest(a.at[CTRL_ATTR_POLICY]);
	for (i = 0; i < POLICIES; i++) {
		if (!list.at[i])
			continue;
		one = ndshm_nl_nest(list.at[i]);
		for (j = 0; j < POLICIES; j++) {
			if (!one.at[j])
				continue;
			leaf = ndshm_nl_nest(one.at[j]);
			row = &policies->rows[i][j];
			row->type = ndshm_nl_u32(leaf.at[NL_POLICY_TYPE_ATTR_TYPE]);
			row->max_length =
				ndshm_nl_u32(leaf.at[NL_POLICY_TYPE_ATTR_MAX_LENGTH]);
			if (leaf.at[NL_POLICY_TYPE_ATTR_MIN_VALUE_U]) {
				memcpy(&min,
				       leaf.at[NL_POLICY_TYPE_ATTR_MIN_VALUE_U] + 1,
				       sizeof(min));
				row->min = min;
			}
			policies->attributes++;
		}
	}
}

TEST_F(netlink, policy)
{
	struct policies *policies = calloc(1, sizeof(*policies));
	struct ndshm_nl_request request;
	const struct policy_row *seen;
	unsigned int i;

	ASSERT_NE(NULL, policies);
	ndshm_nl_begin(&request, GENL_ID_CTRL, CTRL_CMD_GETPOLICY, NLM_F_DUMP);
	ndshm_nl_put(&request, CTRL_ATTR_FAMILY_ID, &self->nl.family,
		     sizeof(self->nl.family));
	ASSERT_EQ(0, ndshm_nl_talk(&self->nl, &request, got_policy, policies));
	for (i = 0; i < ARRAY_SIZE(spec); i++) {
		ASSERT_TRUE(policies->has_do[spec[i].cmd]);
		EXPECT_TRUE(policies->has_dump[spec[i].cmd]);
		ASSERT_GT(POLICIES, policies->of_do[spec[i].cmd]);
		seen = &policies->rows[policies->of_do[spec[i].cmd]]
				      [spec[i].attribute];
		EXPECT_EQ(spec[i].type, seen->type);
		EXPECT_EQ(spec[i].min, seen->min);
		EXPECT_EQ(spec[i].max_length, seen->max_length);
	}
	/* No other attribute or command may have a policy. */
	EXPECT_EQ((int)ARRAY_SIZE(spec), policies->attributes);
	for (i = 0; i < POLICIES; i++)
		EXPECT_EQ((i >= NDSHM_CMD_ADAPTER_GET &&
			   i <= NDSHM_CMD_BLOCK_GET) ||
			  i == NDSHM_CMD_SECTION_GET ||
			  i == NDSHM_CMD_QUEUE_GET,
			  policies->has_do[i]);
	free(policies);
}

/*
 * Events
 */

struct event {
	int cmd;
	struct ndshm_nl_adapter adapter;
};

static struct event next_event(struct ndshm_nl *nl)
{
	static __u64 buffer[512];
	struct event event = {};

	event.cmd = ndshm_nl_event(nl, 10000, buffer, sizeof(buffer));
	if (event.cmd >= NDSHM_CMD_ADAPTER_ADDED_NTF &&
	    event.cmd <= NDSHM_CMD_ADAPTER_GONE_NTF)
		ndshm_nl_decode((const void *)buffer, NDSHM_NL_ADAPTER,
				&event.adapter);
	return event;
}

TEST_F(netlink, adapter_events)
{
	struct ndshm_nl_adapter adapter;
	struct ndshm_pci pci;
	struct event event;
	__u32 first = 0;
	int round;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (!find_function(&pci))
		SKIP(return, "no PCI function to bind");
	ASSERT_EQ(0, ndshm_nl_join_events(&self->nl));
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, ndshm_pci_bind(&pci, false));
		event = next_event(&self->nl);
		EXPECT_EQ(NDSHM_CMD_ADAPTER_ADDED_NTF, event.cmd);
		EXPECT_STREQ(pci.name, event.adapter.name);
		EXPECT_TRUE(event.adapter.claimable);
		/* Each bind creates a new adapter. */
		EXPECT_NE(first, event.adapter.id);
		first = event.adapter.id;

		ASSERT_EQ(0, ndshm_pci_unbind(&pci));
		event = next_event(&self->nl);
		EXPECT_EQ(NDSHM_CMD_ADAPTER_REVOKED_NTF, event.cmd);
		EXPECT_EQ(first, event.adapter.id);
		event = next_event(&self->nl);
		EXPECT_EQ(NDSHM_CMD_ADAPTER_GONE_NTF, event.cmd);
		EXPECT_EQ(first, event.adapter.id);
		EXPECT_EQ(-ENOENT, ndshm_nl_adapter_by_id(&self->nl, first,
							  &adapter));
		EXPECT_EQ(-ENOENT, ndshm_nl_adapter_by_name(&self->nl, pci.name,
							    &adapter));
	}
	ndshm_pci_restore(&pci);
}

/* A listener that never reads loses events and must not delay the operations. */
TEST_F_TIMEOUT(netlink, deaf_listener, 120)
{
	struct ndshm_pci pci;
	const int small = 1;
	int round;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (!find_function(&pci))
		SKIP(return, "no PCI function to bind");
	ASSERT_EQ(0, setsockopt(self->nl.fd, SOL_SOCKET, SO_RCVBUF, &small,
				sizeof(small)));
	ASSERT_EQ(0, ndshm_nl_join_events(&self->nl));
	for (round = 0; round < 20; round++) {
		ASSERT_EQ(0, ndshm_pci_bind(&pci, false));
		ASSERT_EQ(0, ndshm_pci_unbind(&pci));
	}
	ndshm_pci_restore(&pci);
	/* The loss must be reported. */
	do {
		round = next_event(&self->nl).cmd;
	} while (round > 0);
	EXPECT_EQ(-ENOBUFS, round);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
