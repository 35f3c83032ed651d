// SPDX-License-Identifier: GPL-2.0
/*
 * How the core handles a provider: its replies, its mistakes and its end. The
 * provider is that of the mock module (file named by NDSHM_MOCK); mock.c covers
 * all combinations of replies.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "ndshm_mock.h"
#include "ndshm_nl.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

FIXTURE(provider) {
	bool loaded;
	int fd;
	__u32 adapter;
	__u32 id;
	size_t page;
	struct ndshm_block_info block;
	struct ndshm_nl nl;
};

static long long allocated(void)
{
	return ndshm_mock_counts("test").allocated;
}

static long long freed(void)
{
	return ndshm_mock_counts("test").freed;
}

static long long failed(void)
{
	return ndshm_mock_counts("test").failed;
}

FIXTURE_SETUP(provider)
{
	struct ndshm_get_info_args info = get_info_request();
	struct ndshm_nl_provider provider;
	int error = ndshm_mock_load("quarantine=8");

	if (ndshm_mock_missing(error))
		SKIP(return, "%s", ndshm_mock_missing(error));
	ASSERT_EQ(0, error);
	self->loaded = true;
	test_mock("provider add test flags=1");
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->adapter = info.out_default_adapter;
	self->page = page_size();
	test_charged(self->fd, self->adapter);
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "test", &provider));
	self->id = provider.id;
}

FIXTURE_TEARDOWN(provider)
{
	struct ndshm_mock_counts counts;

	if (!self->loaded)
		return;
	close(self->fd);
	ndshm_nl_close(&self->nl);
	/* Every block must have been freed exactly once. */
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_counts("test").live));
	counts = ndshm_mock_counts("test");
	EXPECT_TRUE(ndshm_mock_sound(&counts));
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
}

static struct ndshm_block_alloc_args request_of(struct _test_data_provider *self,
						__u64 length)
{
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter, length, &self->block);

	alloc.provider = self->id;
	return alloc;
}

TEST_F(provider, registration)
{
	static const struct {
		const char *options;
		__u32 reason;
	} refused[] = {
		{ "type=0x80", NDSHM_REASON_CHARACTERISTICS_TYPE },
		{ "type=0", NDSHM_REASON_CHARACTERISTICS_TYPE },
		{ "revision=0", NDSHM_REASON_CHARACTERISTICS_REVISION },
		{ "size=0", NDSHM_REASON_CHARACTERISTICS_SIZE },
		/* One byte less than revision 1 on 64 bits. */
		{ "size=31", NDSHM_REASON_CHARACTERISTICS_SIZE },
		{ "allocate=null", NDSHM_REASON_HANDLER_MISSING },
		{ "free=null", NDSHM_REASON_HANDLER_MISSING },
	}, accepted[] = {
		/* Later revisions, which may be longer. */
		{ "revision=7", NDSHM_REASON_NONE },
		{ "revision=255 size=96", NDSHM_REASON_NONE },
		{ "size=65535", NDSHM_REASON_NONE },
		{ "flags=0xffffffff", NDSHM_REASON_NONE },
		{ "pfn=null", NDSHM_REASON_NONE },
	};
	struct ndshm_nl_provider provider;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		test_err_mock(ndshm_expected[refused[i].reason].error,
			      refused[i].reason, "provider add tried %s",
			      refused[i].options);
		EXPECT_EQ(-ENOENT, ndshm_nl_provider_by_name(&self->nl, "tried",
							     &provider));
		/* A further registration is validated in the same way. */
		test_err_mock(ndshm_expected[refused[i].reason].error,
			      refused[i].reason, "provider replace test %s",
			      refused[i].options);
	}
	for (i = 0; i < ARRAY_SIZE(accepted); i++) {
		test_mock("provider add tried %s", accepted[i].options);
		test_mock("provider del tried");
	}
	test_err_mock(EINVAL, NDSHM_REASON_NAME,
		      "provider add 0123456789012345678901234567890X");
	test_err_mock(EEXIST, NDSHM_REASON_NAME_TAKEN, "provider add coherent");
	test_err_mock(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN,
		      "provider add tried adapter=nobody");
}

/* Names are unique; there is one provider for each adapter and one for the machine. */
TEST_F(provider, scopes)
{
	struct ndshm_nl_provider provider;
	struct ndshm_nl_adapter adapter;
	struct ndshm_nl_block block;

	test_mock("adapter add own");
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, "own", &adapter));
	test_mock("provider add its adapter=own");
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "its", &provider));
	EXPECT_EQ(2, provider.scope);
	EXPECT_EQ(adapter.id, provider.adapter);
	test_err_mock(EBUSY, NDSHM_REASON_SCOPE_TAKEN,
		      "provider add second adapter=own");
	test_mock("provider add all machine");
	test_err_mock(EBUSY, NDSHM_REASON_SCOPE_TAKEN,
		      "provider add second machine");
	/* With both a taken name and a taken scope, the scope is reported. */
	test_err_mock(EBUSY, NDSHM_REASON_SCOPE_TAKEN,
		      "provider add coherent machine");

	/* A request without a provider gets the one with the narrowest scope. */
	self->block = test_new_block(self->fd, adapter.id, 1);
	EXPECT_EQ(1, ndshm_mock_counts("its").allocated);
	self->block = test_new_block(self->fd, self->adapter, 1);
	EXPECT_EQ(1, ndshm_mock_counts("all").allocated);
	test_free_handle(self->fd, self->block.handle);
	test_mock("provider del all");
	self->block = test_new_block(self->fd, self->adapter, 1);
	ASSERT_EQ(0, ndshm_nl_block_by_id(&self->nl,
					  self->block.shared_memory_handle,
					  &block));
	ASSERT_EQ(0, ndshm_nl_provider_by_id(&self->nl, block.provider,
					     &provider));
	/* Of a device that does not see the caches it is "coherent". */
	EXPECT_STREQ(test_sees_caches(self->fd, self->adapter) ? "pages" : "coherent",
		     provider.name);

	/* The scope is free again after the provider has been revoked. */
	test_mock("provider revoke its");
	EXPECT_EQ(0, ndshm_mock_counts("its").live);
	test_mock("provider add second adapter=own");
	test_mock("provider del second");
	test_mock("adapter del own");
}

TEST_F(provider, shown)
{
	struct ndshm_nl_provider provider;
	struct ndshm_block_alloc_args alloc = request_of(self, 1);
	struct ndshm_nl_block block;

	ASSERT_EQ(0, ndshm_nl_provider_by_id(&self->nl, self->id, &provider));
	EXPECT_STREQ("test", provider.name);
	/* Scope 0: the provider serves only requests that name it. */
	EXPECT_EQ(0, provider.scope);
	EXPECT_EQ(1, provider.flags);
	EXPECT_EQ(0, provider.blocks);
	EXPECT_TRUE(provider.mappable);

	test_block_alloc(self->fd, &alloc);
	ASSERT_EQ(0, ndshm_nl_provider_by_id(&self->nl, self->id, &provider));
	EXPECT_EQ(1, provider.blocks);
	ASSERT_EQ(0, ndshm_nl_block_by_id(&self->nl,
					  self->block.shared_memory_handle,
					  &block));
	EXPECT_EQ(self->id, block.provider);
	/* A request that does not name it must not reach it. */
	self->block = test_new_block(self->fd, self->adapter, 1);
	EXPECT_EQ(1, allocated());
}

/* A provider without a name is called "provider<id>", unless that name is taken. */
TEST_F(provider, unnamed)
{
	struct ndshm_nl_provider provider;
	char name[32];
	__u32 next;

	test_mock("provider add usual");
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "usual", &provider));
	/* Ids are assigned in sequence and not reused. */
	next = provider.id + 1;
	test_mock("provider add nameless name=null");
	ASSERT_EQ(0, ndshm_nl_provider_by_id(&self->nl, next, &provider));
	snprintf(name, sizeof(name), "provider%u", next);
	EXPECT_STREQ(name, provider.name);
	test_err_mock(EEXIST, NDSHM_REASON_NAME_TAKEN, "provider add %s", name);
	test_mock("provider del nameless");

	next += 2;
	snprintf(name, sizeof(name), "provider%u", next);
	test_mock("provider add %s", name);
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, name, &provider));
	EXPECT_EQ(next - 1, provider.id);
	test_err_mock(EEXIST, NDSHM_REASON_NAME_TAKEN,
		      "provider add nameless name=null");
	EXPECT_EQ(-ENOENT, ndshm_nl_provider_by_id(&self->nl, next, &provider));

	/* The id was used up by the failure, so the next id gives a free name. */
	test_mock("provider add nameless name=null");
	EXPECT_EQ(0, ndshm_nl_provider_by_id(&self->nl, next + 1, &provider));
	test_mock("provider del nameless");
	test_mock("provider del %s", name);
	test_mock("provider del usual");
}

/*
 * More objects than fit into one message of a dump; each must be listed once,
 * in order.
 */
#define MANY	500

/*
 * Return: true if the later messages of a dump, but not the first, are flagged
 * as interrupted after @command.
 */
static bool interrupted(__u8 get, const char *command)
{
	return ndshm_nl_interrupted(get, ndshm_mock_does, command) == 2;
}

TEST_F_TIMEOUT(provider, many, 300)
{
	static struct ndshm_nl_provider providers[MANY + 16];
	static struct ndshm_nl_adapter adapters[MANY + 16];
	const int provided = ndshm_nl_providers(&self->nl, NULL, 0);
	const int adapted = ndshm_nl_adapters(&self->nl, NULL, 0);
	int i;

	for (i = 0; i < MANY; i++) {
		test_mock("adapter add an-adapter-of-many-%d", i);
		test_mock("provider add a-provider-of-many-%d", i);
	}
	ASSERT_EQ(provided + MANY,
		  ndshm_nl_providers(&self->nl, providers,
				     ARRAY_SIZE(providers)));
	ASSERT_EQ(adapted + MANY,
		  ndshm_nl_adapters(&self->nl, adapters, ARRAY_SIZE(adapters)));
	for (i = 1; i < provided + MANY; i++)
		EXPECT_LT(providers[i - 1].id, providers[i].id);
	for (i = 1; i < adapted + MANY; i++)
		EXPECT_LT(adapters[i - 1].id, adapters[i].id);
	/* A change during the dump must flag the later messages as interrupted. */
	EXPECT_TRUE(interrupted(NDSHM_CMD_PROVIDER_GET,
				"provider del a-provider-of-many-0"));
	EXPECT_TRUE(interrupted(NDSHM_CMD_PROVIDER_GET,
				"provider add a-provider-of-many-0"));
	EXPECT_TRUE(interrupted(NDSHM_CMD_ADAPTER_GET,
				"adapter del an-adapter-of-many-0"));
	EXPECT_TRUE(interrupted(NDSHM_CMD_ADAPTER_GET,
				"adapter add an-adapter-of-many-0"));
	for (i = 0; i < MANY; i++) {
		test_mock("provider del a-provider-of-many-%d", i);
		test_mock("adapter del an-adapter-of-many-%d", i);
	}
	EXPECT_EQ(provided, ndshm_nl_providers(&self->nl, NULL, 0));
	EXPECT_EQ(adapted, ndshm_nl_adapters(&self->nl, NULL, 0));
}

TEST_F(provider, success)
{
	struct ndshm_block_alloc_args alloc = request_of(self, 3 * self->page - 7);
	struct ndshm_block_query_args query;
	unsigned char *map;

	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(1, allocated());
	EXPECT_EQ(0, freed());
	EXPECT_EQ(3 * self->page, self->block.length);
	EXPECT_EQ(1, alloc.out_segments);
	query = block_query_request(self->block.handle);
	test_block_query(self->fd, &query);
	EXPECT_EQ(self->id, query.out_provider);
	EXPECT_EQ(0, memcmp(&self->block, &query.out_block,
			    sizeof(self->block)));

	/* The memory is mapped through the provider's own handler. */
	map = test_map_block(self->fd, &self->block);
	EXPECT_EQ(0, ndshm_mock_counts("test").mmapped);
	EXPECT_TRUE(all_bytes(map, self->block.length, 0));
	/* Memory that is mapped without caches is mapped page by page. */
	EXPECT_EQ(test_sees_caches(self->fd, self->adapter) ? 1 : 3,
		  ndshm_mock_counts("test").mmapped);
	fill_pattern(map, self->block.length, 1);
	test_free_handle(self->fd, self->block.handle);
	EXPECT_EQ(0, freed());
	EXPECT_TRUE(has_pattern(map, self->block.length, 1));
	EXPECT_EQ(0, munmap(map, self->page));
	EXPECT_EQ(0, munmap(map + self->page, 2 * self->page));
	EXPECT_TRUE(ndshm_soon(freed() == 1));
}

/* Each documented status must arrive unchanged. */
TEST_F(provider, statuses)
{
	struct ndshm_block_alloc_args alloc = request_of(self, 1);

	test_mock("script test status=resources");
	test_err_block_alloc(ENOMEM, NDSHM_REASON_PROVIDER_RESOURCES, self->fd,
			     &alloc);
	EXPECT_EQ(NDSHM_STATUS_RESOURCES, alloc.status);
	test_mock("script test status=invalid");
	test_err_block_alloc(EINVAL, NDSHM_REASON_PROVIDER_INVALID, self->fd,
			     &alloc);
	EXPECT_EQ(NDSHM_STATUS_INVALID_PARAMETER, alloc.status);
	test_mock("script test status=failure");
	test_err_block_alloc(EIO, NDSHM_REASON_PROVIDER_FAILURE, self->fd,
			     &alloc);
	EXPECT_EQ(NDSHM_STATUS_FAILURE, alloc.status);
	test_mock("script test status=success");
	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(3, failed());
	EXPECT_EQ(1, allocated());
	EXPECT_EQ(0, freed());
}

/*
 * Any other status is a failure, and nothing must be freed, because nothing was
 * allocated.
 */
TEST_F(provider, undocumented_statuses)
{
	static const __u32 others[] = {
		1, 0x103 /* PENDING */, 0x80000005, NDSHM_STATUS_BUSY,
		NDSHM_STATUS_NOT_SUPPORTED, NDSHM_STATUS_BUFFER_TOO_SHORT,
		0xC0000017, UINT_MAX,
	};
	struct ndshm_block_alloc_args alloc = request_of(self, 1);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		test_mock("script test status=%#x", others[i]);
		test_err_block_alloc(EIO, NDSHM_REASON_PROVIDER_UNDOCUMENTED,
				     self->fd, &alloc);
		EXPECT_EQ(NDSHM_STATUS_FAILURE, alloc.status);
	}
	EXPECT_EQ((long long)ARRAY_SIZE(others), failed());
	EXPECT_EQ(0, allocated());
	EXPECT_EQ(0, freed());
}

/* A success with an invalid list is a failure, and the block must be freed once. */
TEST_F(provider, bad_reply)
{
	static const char * const lists[] = {
		"short", "overlap", "empty", "zero", "wrap", "bad",
	};
	struct ndshm_block_alloc_args alloc;
	unsigned int i, round;

	/* With blocks of one page and of several. */
	for (round = 0; round < 2; round++) {
		for (i = 0; i < ARRAY_SIZE(lists); i++) {
			long long before = allocated();

			alloc = request_of(self, round ? 4 * self->page : 1);
			test_mock("script test list=%s", lists[i]);
			test_err_block_alloc(EIO,
					     NDSHM_REASON_PROVIDER_BAD_REPLY,
					     self->fd, &alloc);
			EXPECT_EQ(NDSHM_STATUS_FAILURE, alloc.status);
			EXPECT_EQ(before + 1, allocated())
				TH_LOG("%s", lists[i]);
			EXPECT_EQ(before + 1, freed())
				TH_LOG("%s", lists[i]);
		}
	}
	test_mock("script test reset");
	test_block_alloc(self->fd, &alloc);
}

/* Count the new lines of the kernel log about this provider. */
static int warnings(struct __test_metadata *_metadata, int log,
		    const char *provider, const char *what)
{
	char line[8192], begin[80];
	int count = 0;
	ssize_t got;

	snprintf(begin, sizeof(begin), ";ndshm: provider %s: ", provider);
	while ((got = read(log, line, sizeof(line) - 1)) > 0) {
		line[got] = '\0';
		if (!strstr(line, begin))
			continue;
		EXPECT_NE(NULL, strstr(line, what))
			TH_LOG("%s", line);
		count++;
	}
	/* EPIPE: lines were lost, so the count is useless. */
	EXPECT_TRUE(got < 0 && errno == EAGAIN);
	return count;
}

/* Eight requests of a client, with the mock's reply set to @answer. */
static void answers(struct __test_metadata *_metadata,
		    struct _test_data_provider *self, const char *name,
		    const char *answer, __u32 reason)
{
	struct ndshm_block_alloc_args alloc = request_of(self, 2 * self->page);
	struct ndshm_nl_provider provider;
	unsigned int i;

	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, name, &provider));
	alloc.provider = provider.id;
	alloc.flags = NDSHM_ALLOC_CONTIGUOUS;
	test_mock("script %s reset", name);
	test_mock("script %s %s", name, answer);
	for (i = 0; i < 8; i++)
		test_err_block_alloc(EIO, reason, self->fd, &alloc);
}

static void answers_status(struct __test_metadata *_metadata,
			   struct _test_data_provider *self, const char *name)
{
	static const char * const statuses[] = {
		"status=1", "status=0x103", "status=0x80000005",
		"status=0xC00000BB", "status=0xC0000023 list=good",
		"status=0xffffffff",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(statuses); i++)
		answers(_metadata, self, name, statuses[i],
			NDSHM_REASON_PROVIDER_UNDOCUMENTED);
}

static void answers_badly(struct __test_metadata *_metadata,
			  struct _test_data_provider *self, const char *name)
{
	static const char * const kinds[] = {
		"list=short", "list=overlap", "list=empty", "list=zero",
		"list=wrap", "list=bad", "consumed=0xffffffffffffffff",
		"list=multi",	/* in a contiguous block */
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		answers(_metadata, self, name, kinds[i],
			NDSHM_REASON_PROVIDER_BAD_REPLY);
}

/*
 * The core warns once per provider of each of the two mistakes, in either
 * order, so that clients cannot flood the log.
 */
TEST_F(provider, mistakes_said_once)
{
	static const char status[] = "undocumented status";
	static const char bad_reply[] = "success, but";
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (log < 0)
		SKIP(return, "/dev/kmsg: %s", strerror(errno));
	ASSERT_EQ(0, lseek(log, 0, SEEK_END));

	answers_status(_metadata, self, "test");
	EXPECT_EQ(1, warnings(_metadata, log, "test", status));
	answers_badly(_metadata, self, "test");
	EXPECT_EQ(1, warnings(_metadata, log, "test", bad_reply));

	test_mock("provider add other");
	answers_badly(_metadata, self, "other");
	EXPECT_EQ(1, warnings(_metadata, log, "other", bad_reply));
	answers_status(_metadata, self, "other");
	EXPECT_EQ(1, warnings(_metadata, log, "other", status));

	/*
	 * Both mistakes of both providers have been logged, so no further lines
	 * may appear.
	 */
	answers_badly(_metadata, self, "other");
	answers_status(_metadata, self, "other");
	test_mock("provider replace other");
	answers_status(_metadata, self, "other");
	EXPECT_EQ(0, warnings(_metadata, log, "other", ""));

	/* A block cannot need syncs from a provider without a sync handler. */
	test_mock("provider add third sync=null");
	answers(_metadata, self, "third", "needs_sync=1",
		NDSHM_REASON_PROVIDER_BAD_REPLY);
	EXPECT_EQ(1, warnings(_metadata, log, "third", bad_reply));
	close(log);
	test_mock("provider del third");
	test_mock("provider del other");
}

/* The pfn handler returns a page of another offset, which must not be mapped. */
TEST_F(provider, misplaced)
{
	struct ndshm_block_alloc_args alloc;
	unsigned char *map;

	test_mock("provider replace test page");
	alloc = request_of(self, 2 * self->page);
	test_block_alloc(self->fd, &alloc);
	map = test_map_block(self->fd, &self->block);
	test_sigbus(map);
	test_sigbus(map + self->page);
	munmap(map, self->block.length);
	test_free_handle(self->fd, self->block.handle);
}

/* A block of several segments is valid unless it was requested as contiguous. */
TEST_F(provider, segments)
{
	struct ndshm_block_alloc_args alloc = request_of(self, 4 * self->page);
	struct ndshm_segment segments[5];
	struct ndshm_block_query_args query;
	unsigned int i;

	test_mock("script test list=multi");
	alloc.flags = NDSHM_ALLOC_CONTIGUOUS;
	test_err_block_alloc(EIO, NDSHM_REASON_PROVIDER_BAD_REPLY, self->fd,
			     &alloc);
	EXPECT_EQ(1, allocated());
	EXPECT_EQ(1, freed());

	/*
	 * If the list is too short, the number of segments is returned and the
	 * block is freed.
	 */
	alloc = request_of(self, 4 * self->page);
	memset(segments, NDSHM_POISON, sizeof(segments));
	alloc.segment_capacity = 3;
	alloc.segments = to_u64(segments);
	test_err_block_alloc(ENOSPC, NDSHM_REASON_LIST_SHORT, self->fd, &alloc);
	EXPECT_EQ(4, alloc.out_segments);
	EXPECT_TRUE(all_bytes(segments, sizeof(segments), NDSHM_POISON));
	EXPECT_EQ(2, freed());

	/* Without a list the number of segments is returned as well. */
	alloc = request_of(self, 4 * self->page);
	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(4, alloc.out_segments);
	EXPECT_EQ(4, self->block.segments);

	alloc.segment_capacity = 5;
	alloc.segments = to_u64(segments);
	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(4, alloc.out_segments);
	EXPECT_EQ(self->block.address, segments[0].address);
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(segments[0].address + i * self->page,
			  segments[i].address);
		EXPECT_EQ(self->page, segments[i].length);
	}
	EXPECT_TRUE(all_bytes(&segments[4], sizeof(segments[4]), NDSHM_POISON));

	query = block_query_request(self->block.handle);
	query.segment_capacity = 1;
	query.segments = to_u64(&segments[4]);
	test_err_block_query(ENOSPC, NDSHM_REASON_LIST_SHORT, self->fd, &query);
	EXPECT_EQ(4, query.out_block.segments);
	EXPECT_TRUE(all_bytes(&segments[4], sizeof(segments[4]), NDSHM_POISON));
	memset(segments, NDSHM_POISON, sizeof(segments));
	query = block_query_request(self->block.handle);
	query.segment_capacity = 4;
	query.segments = to_u64(segments);
	test_block_query(self->fd, &query);
	EXPECT_EQ(self->block.address, segments[0].address);
	EXPECT_EQ(self->page, segments[3].length);
	EXPECT_EQ(segments[0].address + 3 * self->page, segments[3].address);
}

/* A batch that fails at its fourth block must free three. */
TEST_F(provider, batch)
{
	struct ndshm_block_info blocks[8];
	struct ndshm_block_alloc_args alloc = request_of(self, 1);

	alloc.count = ARRAY_SIZE(blocks);
	alloc.blocks = to_u64(blocks);
	test_mock("script test status=resources nth=4");
	test_err_block_alloc(ENOMEM, NDSHM_REASON_PROVIDER_RESOURCES, self->fd,
			     &alloc);
	EXPECT_EQ(3, allocated());
	EXPECT_EQ(3, freed());
	EXPECT_EQ(1, failed());
	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(3 + (long long)ARRAY_SIZE(blocks), allocated());
	EXPECT_EQ(3, freed());
}

/* If the result cannot be written, the block must be freed through the free handler. */
TEST_F(provider, undone)
{
	struct ndshm_block_alloc_args alloc = request_of(self, 1);

	alloc.blocks = 0;
	test_err_block_alloc(EFAULT, NDSHM_REASON_ADDRESS, self->fd, &alloc);
	EXPECT_EQ(1, allocated());
	EXPECT_EQ(1, freed());
}

/* Invalid requests must not reach the provider. */
TEST_F(provider, not_requested)
{
	struct ndshm_block_alloc_args alloc = request_of(self, 0);

	test_err_block_alloc(EINVAL, NDSHM_REASON_LENGTH_ZERO, self->fd,
			     &alloc);
	EXPECT_EQ(0, allocated() + failed());
}

/* A provider without a pfn handler can allocate, but its blocks cannot be mapped. */
TEST_F(provider, not_mappable)
{
	struct ndshm_block_alloc_args alloc = request_of(self, 1);
	struct ndshm_nl_provider provider;
	struct ndshm_block_info before;
	unsigned char *map;

	test_block_alloc(self->fd, &alloc);
	before = self->block;
	EXPECT_TRUE(before.flags & NDSHM_BLOCK_MAPPABLE);
	test_mock("provider replace test pfn=null name=null");
	ASSERT_EQ(0, ndshm_nl_provider_by_id(&self->nl, self->id, &provider));
	EXPECT_FALSE(provider.mappable);
	test_block_alloc(self->fd, &alloc);
	EXPECT_FALSE(self->block.flags & NDSHM_BLOCK_MAPPABLE);
	test_errno(EOPNOTSUPP, self->fd, ndshm_map(self->fd, &self->block));
	EXPECT_EQ(0, ndshm_mock_counts("test").mmapped);
	/* The handlers of the older block are still those it was allocated with. */
	map = test_map_block(self->fd, &before);
	EXPECT_TRUE(ndshm_readable(map));
	EXPECT_EQ(0, munmap(map, before.length));
	EXPECT_EQ(1, ndshm_mock_counts("test").mmapped);
}

/*
 * A block must be freed by the handlers that allocated it; the mock counts
 * others as misuse.
 */
TEST_F(provider, replaced)
{
	struct ndshm_block_alloc_args alloc = request_of(self, 1);
	struct ndshm_nl_provider provider;
	struct ndshm_block_info before;
	long long first;

	test_block_alloc(self->fd, &alloc);
	before = self->block;
	first = ndshm_mock_counts("test").generation;
	test_mock("provider replace test");
	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(first + 1, ndshm_mock_counts("test").generation);
	/* Replacing the handlers keeps the provider's id. */
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "test", &provider));
	EXPECT_EQ(self->id, provider.id);
	EXPECT_EQ(2, provider.blocks);

	test_free_handle(self->fd, before.handle);
	EXPECT_EQ(1, freed());
	test_free_handle(self->fd, self->block.handle);
	EXPECT_EQ(2, freed());
	EXPECT_EQ(0, ndshm_mock_counts("test").misused);

	/* Only the owner can replace them, and only under the same name. */
	test_err_mock(EINVAL, NDSHM_REASON_NAME,
		      "provider replace test name=other");
	test_err_mock(EBUSY, NDSHM_REASON_SCOPE_TAKEN,
		      "provider replace test owner=null");
}

/* Blocks must keep the module loaded, through handles and through mappings. */
TEST_F(provider, unload_is_busy)
{
	struct ndshm_block_alloc_args alloc = request_of(self, 1);
	void *map;

	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(-EWOULDBLOCK, ndshm_mock_unload());
	map = test_map_block(self->fd, &self->block);
	test_free_handle(self->fd, self->block.handle);
	EXPECT_EQ(-EWOULDBLOCK, ndshm_mock_unload());
	EXPECT_EQ(0, munmap(map, self->block.length));
	EXPECT_TRUE(ndshm_soon(freed() == 1));
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
	test_err_block_alloc(ENOENT, NDSHM_REASON_PROVIDER_UNKNOWN, self->fd,
			     &alloc);
	ASSERT_EQ(0, ndshm_mock_load(""));
	test_mock("provider add test");
}

/* While blocks live, unregistering must fail and the provider continue to work. */
TEST_F(provider, unregister_is_busy)
{
	struct ndshm_block_alloc_args alloc = request_of(self, 1);
	struct ndshm_nl_provider provider;
	struct ndshm_block_info first;

	test_block_alloc(self->fd, &alloc);
	first = self->block;
	test_err_mock(EBUSY, NDSHM_REASON_PROVIDER_IN_USE, "provider del test");
	test_block_alloc(self->fd, &alloc);
	test_free_handle(self->fd, self->block.handle);
	test_err_mock(EBUSY, NDSHM_REASON_PROVIDER_IN_USE, "provider del test");
	test_free_handle(self->fd, first.handle);
	test_mock("provider del test");
	EXPECT_EQ(-ENOENT, ndshm_nl_provider_by_name(&self->nl, "test",
						     &provider));
	test_err_block_alloc(ENOENT, NDSHM_REASON_PROVIDER_UNKNOWN, self->fd,
			     &alloc);
	/* Registered again with the same name, it has a new id. */
	test_mock("provider add test");
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "test", &provider));
	EXPECT_NE(self->id, provider.id);
	test_err_block_alloc(ENOENT, NDSHM_REASON_PROVIDER_UNKNOWN, self->fd,
			     &alloc);
	alloc.provider = provider.id;
	test_block_alloc(self->fd, &alloc);
}

/* All blocks must be freed, however the client ends. */
TEST_F(provider, client_killed)
{
	struct ndshm_block_alloc_args alloc;
	int peer, i;
	pid_t child;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		int fd = ndshm_open();

		for (i = 0; i < 20; i++) {
			alloc = request_of(self, self->page);
			test_block_alloc(fd, &alloc);
			memset(test_map_block(fd, &self->block), 1, self->page);
			if (i % 2)
				test_free_handle(fd, self->block.handle);
		}
		ndshm_signal_peer(peer);
		ndshm_hear(peer);
		_exit(0);
	}
	EXPECT_TRUE(ndshm_hear(peer));
	EXPECT_EQ(20, allocated());
	EXPECT_EQ(20, ndshm_mock_counts("test").mmapped);
	EXPECT_EQ(0, freed());
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(child, waitpid(child, NULL, 0));
	EXPECT_TRUE(ndshm_soon(freed() == 20));
	close(peer);
}

static int next_event(struct ndshm_nl *nl, struct ndshm_nl_provider *provider)
{
	static __u64 buffer[512];
	int cmd = ndshm_nl_event(nl, 10000, buffer, sizeof(buffer));

	if (cmd >= NDSHM_CMD_PROVIDER_ADDED_NTF &&
	    cmd <= NDSHM_CMD_PROVIDER_GONE_NTF)
		ndshm_nl_decode((const void *)buffer, NDSHM_NL_PROVIDER, provider);
	return cmd;
}

TEST_F(provider, events)
{
	struct ndshm_nl_provider provider = {};
	struct ndshm_nl events;

	ASSERT_EQ(0, ndshm_nl_open(&events));
	ASSERT_EQ(0, ndshm_nl_join_events(&events));
	test_mock("provider del test");
	EXPECT_EQ(NDSHM_CMD_PROVIDER_GONE_NTF, next_event(&events, &provider));
	EXPECT_EQ(self->id, provider.id);
	EXPECT_STREQ("test", provider.name);
	test_mock("provider add test flags=1");
	EXPECT_EQ(NDSHM_CMD_PROVIDER_ADDED_NTF, next_event(&events, &provider));
	EXPECT_LT(self->id, provider.id);
	EXPECT_STREQ("test", provider.name);
	EXPECT_EQ(1, provider.flags);
	/* The number of blocks is for administrators, and a member need not be one any more. */
	EXPECT_FALSE(provider.present & 1U << NDSHM_A_PROVIDER_BLOCKS);
	test_mock("provider revoke test");
	EXPECT_EQ(NDSHM_CMD_PROVIDER_REVOKED_NTF,
		  next_event(&events, &provider));
	EXPECT_EQ(NDSHM_CMD_PROVIDER_GONE_NTF, next_event(&events, &provider));
	ndshm_nl_close(&events);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
