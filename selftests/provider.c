// SPDX-License-Identifier: GPL-2.0
/*
 * What the core makes of a provider: of its answers, its mistakes and its end.
 * The provider is the module in provider_mod, which does as it is told.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define MODULE_NAME	"ndshm_test_provider"
#define PARAMETERS	"/sys/module/" MODULE_NAME "/parameters/"

/* As in the module. */
enum {
	SHAPE_ONE,
	SHAPE_TWO,
	SHAPE_SHORT,
	SHAPE_OVERLAP,
	SHAPE_NONE,
	SHAPE_EMPTY,
	SHAPE_WRAP,
};

FIXTURE(provider) {
	int fd;
	__u32 adapter;
	__u32 id;
	size_t page;
	struct ndshm_block_info block;
	struct ndshm_nl nl;
};

static int get(const char *parameter)
{
	char path[128];

	snprintf(path, sizeof(path), PARAMETERS "%s", parameter);
	return ndshm_read_number(path);
}

static int set(const char *parameter, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), PARAMETERS "%s", parameter);
	return ndshm_write_file(path, value);
}

static int set_number(const char *parameter, unsigned int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return set(parameter, text);
}

/* Tell the module to do something: the reason that it got, or -1. */
static int command(const char *what)
{
	return set("command", what) ? -1 : get("reason");
}

/* By NDSHM_TEST_PROVIDER, or beside this program. */
static int load(void)
{
	const char *named = getenv("NDSHM_TEST_PROVIDER");
	char path[PATH_MAX], self[PATH_MAX] = "";
	int fd, error = 0;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return -errno;
	snprintf(path, sizeof(path), "%.3000s/provider_mod/" MODULE_NAME ".ko",
		 dirname(self));
	fd = open(named ? named : path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, "", 0))
		error = -errno;
	close(fd);
	return error;
}

static int unload(void)
{
	return syscall(SYS_delete_module, MODULE_NAME, O_NONBLOCK) ? -errno : 0;
}

FIXTURE_SETUP(provider)
{
	struct ndshm_get_info info = get_info_request();
	struct ndshm_nl_provider provider;
	int error = load();

	/* A test that was killed may have left it. */
	if (error == -EEXIST && !unload())
		error = load();
	/* It was not built, or not for this kernel. */
	if (error == -ENOENT || error == -ENOEXEC || error == -EPERM)
		SKIP(return, MODULE_NAME ".ko: %s", strerror(-error));
	ASSERT_EQ(0, error);
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
	close(self->fd);
	ndshm_nl_close(&self->nl);
	/* Whatever happened: as often given back as made, and in good order. */
	EXPECT_TRUE(ndshm_soon(get("allocated") == get("freed")));
	EXPECT_EQ(get("allocated_second"), get("freed_second"));
	EXPECT_EQ(0, get("wrong_context"));
	EXPECT_EQ(0, get("wrong_free"));
	EXPECT_TRUE(ndshm_soon(!unload()));
}

static struct ndshm_block_alloc request_of(struct _test_data_provider *self,
					   __u64 length)
{
	struct ndshm_block_alloc alloc =
		block_alloc_request(self->adapter, length, &self->block);

	alloc.provider = self->id;
	return alloc;
}

TEST_F(provider, registration)
{
	EXPECT_EQ(NDSHM_REASON_CHARACTERISTICS_TYPE, get("refused_type"));
	EXPECT_EQ(NDSHM_REASON_CHARACTERISTICS_REVISION, get("refused_older"));
	EXPECT_EQ(NDSHM_REASON_CHARACTERISTICS_SIZE, get("refused_size"));
	EXPECT_EQ(NDSHM_REASON_HANDLER_MISSING, get("refused_allocate"));
	EXPECT_EQ(NDSHM_REASON_HANDLER_MISSING, get("refused_free"));
	EXPECT_EQ(NDSHM_REASON_NAME, get("refused_name"));
	EXPECT_EQ(NDSHM_REASON_NAME_TAKEN, get("refused_taken"));
	EXPECT_EQ(NDSHM_REASON_NONE, get("accepted_newer"));
	EXPECT_EQ(NDSHM_REASON_NONE, get("accepted_longer"));
	EXPECT_EQ(NDSHM_REASON_NONE, get("reason"));
}

TEST_F(provider, shown)
{
	struct ndshm_nl_provider provider;
	struct ndshm_block_alloc alloc = request_of(self, 1);
	struct ndshm_nl_block block;

	ASSERT_EQ(0, ndshm_nl_provider_by_id(&self->nl, self->id, &provider));
	EXPECT_STREQ("test", provider.name);
	/* For those who name it. */
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
	/* Nobody gets it without asking. */
	self->block = test_new_block(self->fd, self->adapter, 1);
	EXPECT_EQ(1, get("allocated"));
}

TEST_F(provider, success)
{
	struct ndshm_block_alloc alloc = request_of(self, 3 * self->page - 7);
	struct ndshm_block_query query;
	unsigned char *map;

	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(1, get("allocated"));
	EXPECT_EQ(0, get("freed"));
	EXPECT_EQ(3 * self->page, self->block.length);
	EXPECT_EQ(1, alloc.out_segments);
	query = block_query_request(self->block.handle);
	test_block_query(self->fd, &query);
	EXPECT_EQ(self->id, query.out_provider);
	EXPECT_EQ(0, memcmp(&self->block, &query.out_block,
			    sizeof(self->block)));

	/* Its own memory, through its own handler. */
	map = test_map_block(self->fd, &self->block);
	fill_pattern(map, self->block.length, 1);
	test_free_handle(self->fd, self->block.handle);
	EXPECT_EQ(0, get("freed"));
	EXPECT_TRUE(has_pattern(map, self->block.length, 1));
	EXPECT_EQ(0, munmap(map, self->page));
	EXPECT_EQ(0, munmap(map + self->page, 2 * self->page));
	EXPECT_TRUE(ndshm_soon(get("freed") == 1));
}

/* Each of the documented statuses arrives unchanged. */
TEST_F(provider, statuses)
{
	struct ndshm_block_alloc alloc = request_of(self, 1);

	ASSERT_EQ(0, set_number("answer", NDSHM_STATUS_RESOURCES));
	test_err_block_alloc(ENOMEM, NDSHM_REASON_PROVIDER_RESOURCES, self->fd,
			     &alloc);
	EXPECT_EQ(NDSHM_STATUS_RESOURCES, alloc.status);
	ASSERT_EQ(0, set_number("answer", NDSHM_STATUS_INVALID_PARAMETER));
	test_err_block_alloc(EINVAL, NDSHM_REASON_PROVIDER_INVALID, self->fd,
			     &alloc);
	EXPECT_EQ(NDSHM_STATUS_INVALID_PARAMETER, alloc.status);
	ASSERT_EQ(0, set_number("answer", NDSHM_STATUS_FAILURE));
	test_err_block_alloc(EIO, NDSHM_REASON_PROVIDER_FAILURE, self->fd,
			     &alloc);
	EXPECT_EQ(NDSHM_STATUS_FAILURE, alloc.status);
	ASSERT_EQ(0, set_number("answer", NDSHM_STATUS_SUCCESS));
	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(3, get("failed"));
	EXPECT_EQ(1, get("allocated"));
	EXPECT_EQ(0, get("freed"));
}

/* Anything else is a failure; nothing was made, so nothing is freed. */
TEST_F(provider, undocumented_statuses)
{
	static const __u32 others[] = {
		1, 0x103 /* PENDING */, 0x80000005, NDSHM_STATUS_BUSY,
		NDSHM_STATUS_NOT_SUPPORTED, NDSHM_STATUS_BUFFER_TOO_SHORT,
		0xC0000017, UINT_MAX,
	};
	struct ndshm_block_alloc alloc = request_of(self, 1);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		ASSERT_EQ(0, set_number("answer", others[i]));
		test_err_block_alloc(EIO, NDSHM_REASON_PROVIDER_UNDOCUMENTED,
				     self->fd, &alloc);
		EXPECT_EQ(NDSHM_STATUS_FAILURE, alloc.status);
	}
	EXPECT_EQ(ARRAY_SIZE(others), (size_t)get("failed"));
	EXPECT_EQ(0, get("allocated"));
	EXPECT_EQ(0, get("freed"));
}

/* A success with nonsense goes back once, and is a failure. */
TEST_F(provider, nonsense)
{
	static const unsigned int shapes[] = {
		SHAPE_SHORT, SHAPE_OVERLAP, SHAPE_NONE, SHAPE_EMPTY, SHAPE_WRAP,
	};
	struct ndshm_block_alloc alloc = request_of(self, 4 * self->page);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		ASSERT_EQ(0, set_number("shape", shapes[i]));
		test_err_block_alloc(EIO, NDSHM_REASON_PROVIDER_NONSENSE,
				     self->fd, &alloc);
		EXPECT_EQ(NDSHM_STATUS_FAILURE, alloc.status);
		EXPECT_EQ(i + 1, (unsigned int)get("allocated"));
		EXPECT_EQ(i + 1, (unsigned int)get("freed"));
	}
	ASSERT_EQ(0, set_number("shape", SHAPE_ONE));
	test_block_alloc(self->fd, &alloc);
}

/* Two segments are as good as one, unless one was asked for. */
TEST_F(provider, segments)
{
	struct ndshm_block_alloc alloc = request_of(self, 4 * self->page);
	struct ndshm_segment segments[3];
	struct ndshm_block_query query;

	ASSERT_EQ(0, set_number("shape", SHAPE_TWO));
	alloc.flags = NDSHM_ALLOC_CONTIGUOUS;
	test_err_block_alloc(EIO, NDSHM_REASON_PROVIDER_NONSENSE, self->fd,
			     &alloc);
	EXPECT_EQ(1, get("allocated"));
	EXPECT_EQ(1, get("freed"));

	/* Room for one: it is told how many there are, and nothing is kept. */
	alloc = request_of(self, 4 * self->page);
	memset(segments, NDSHM_POISON, sizeof(segments));
	alloc.segment_capacity = 1;
	alloc.segments = to_u64(segments);
	test_err_block_alloc(ENOSPC, NDSHM_REASON_LIST_SHORT, self->fd, &alloc);
	EXPECT_EQ(2, alloc.out_segments);
	EXPECT_TRUE(all_bytes(segments, sizeof(segments), NDSHM_POISON));
	EXPECT_EQ(2, get("freed"));

	/* Nobody asked for them: their number is told all the same. */
	alloc = request_of(self, 4 * self->page);
	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(2, alloc.out_segments);
	EXPECT_EQ(2, self->block.segments);

	alloc.segment_capacity = 3;
	alloc.segments = to_u64(segments);
	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(2, alloc.out_segments);
	EXPECT_EQ(self->block.address, segments[0].address);
	EXPECT_EQ(self->page, segments[0].length);
	EXPECT_EQ(segments[0].address + self->page, segments[1].address);
	EXPECT_EQ(3 * self->page, segments[1].length);
	EXPECT_TRUE(all_bytes(&segments[2], sizeof(segments[2]), NDSHM_POISON));

	query = block_query_request(self->block.handle);
	query.segment_capacity = 1;
	query.segments = to_u64(&segments[2]);
	test_err_block_query(ENOSPC, NDSHM_REASON_LIST_SHORT, self->fd, &query);
	EXPECT_EQ(2, query.out_block.segments);
	EXPECT_TRUE(all_bytes(&segments[2], sizeof(segments[2]), NDSHM_POISON));
	memset(segments, NDSHM_POISON, sizeof(segments));
	query = block_query_request(self->block.handle);
	query.segment_capacity = 2;
	query.segments = to_u64(segments);
	test_block_query(self->fd, &query);
	EXPECT_EQ(self->block.address, segments[0].address);
	EXPECT_EQ(3 * self->page, segments[1].length);
}

/* A batch that fails at its fourth block gives three back. */
TEST_F(provider, batch)
{
	struct ndshm_block_info blocks[8];
	struct ndshm_block_alloc alloc = request_of(self, 1);

	alloc.count = ARRAY_SIZE(blocks);
	alloc.blocks = to_u64(blocks);
	ASSERT_EQ(0, set_number("fail_after", 4));
	test_err_block_alloc(ENOMEM, NDSHM_REASON_PROVIDER_RESOURCES, self->fd,
			     &alloc);
	EXPECT_EQ(3, get("allocated"));
	EXPECT_EQ(3, get("freed"));
	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(3 + (int)ARRAY_SIZE(blocks), get("allocated"));
	EXPECT_EQ(3, get("freed"));
}

/* What cannot be told to the client goes back through the free handler. */
TEST_F(provider, undone)
{
	struct ndshm_block_alloc alloc = request_of(self, 1);

	alloc.blocks = 0;
	test_err_block_alloc(EFAULT, NDSHM_REASON_ADDRESS, self->fd, &alloc);
	EXPECT_EQ(1, get("allocated"));
	EXPECT_EQ(1, get("freed"));
}

/* What is wrong already does not reach the provider. */
TEST_F(provider, not_asked)
{
	struct ndshm_block_alloc alloc = request_of(self, 0);

	test_err_block_alloc(EINVAL, NDSHM_REASON_LENGTH_ZERO, self->fd,
			     &alloc);
	EXPECT_EQ(0, get("allocated") + get("failed"));
}

/* Memory without an mmap handler serves, and cannot be mapped. */
TEST_F(provider, not_mappable)
{
	struct ndshm_block_alloc alloc = request_of(self, 1);
	struct ndshm_nl_provider provider;
	struct ndshm_block_info before;

	test_block_alloc(self->fd, &alloc);
	before = self->block;
	EXPECT_TRUE(before.flags & NDSHM_BLOCK_MAPPABLE);
	EXPECT_EQ(NDSHM_REASON_NONE, command("hide"));
	ASSERT_EQ(0, ndshm_nl_provider_by_id(&self->nl, self->id, &provider));
	EXPECT_FALSE(provider.mappable);
	test_block_alloc(self->fd, &alloc);
	EXPECT_FALSE(self->block.flags & NDSHM_BLOCK_MAPPABLE);
	test_errno(EOPNOTSUPP, self->fd, ndshm_map(self->fd, &self->block));
	/* The older block is as it was made. */
	EXPECT_EQ(0, munmap(test_map_block(self->fd, &before), before.length));
}

/* A block goes back to the handlers that made it. */
TEST_F(provider, replaced)
{
	struct ndshm_block_alloc alloc = request_of(self, 1);
	struct ndshm_nl_provider provider;
	struct ndshm_block_info before;

	test_block_alloc(self->fd, &alloc);
	before = self->block;
	EXPECT_EQ(NDSHM_REASON_NONE, command("replace"));
	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(1, get("allocated"));
	EXPECT_EQ(1, get("allocated_second"));
	/* It is the same provider. */
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "test", &provider));
	EXPECT_EQ(self->id, provider.id);
	EXPECT_EQ(2, provider.blocks);

	test_free_handle(self->fd, before.handle);
	EXPECT_EQ(1, get("freed"));
	EXPECT_EQ(0, get("freed_second"));
	test_free_handle(self->fd, self->block.handle);
	EXPECT_EQ(1, get("freed"));
	EXPECT_EQ(1, get("freed_second"));
}

/* Blocks keep the module, as handles and as mappings. */
TEST_F(provider, unload_is_busy)
{
	struct ndshm_block_alloc alloc = request_of(self, 1);
	void *map;

	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	map = test_map_block(self->fd, &self->block);
	test_free_handle(self->fd, self->block.handle);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	EXPECT_EQ(0, munmap(map, self->block.length));
	EXPECT_TRUE(ndshm_soon(get("freed") == 1));
	EXPECT_TRUE(ndshm_soon(!unload()));
	test_err_block_alloc(ENOENT, NDSHM_REASON_PROVIDER_UNKNOWN, self->fd,
			     &alloc);
	ASSERT_EQ(0, load());
}

/* While blocks live it cannot be unregistered, and serves on. */
TEST_F(provider, unregister_is_busy)
{
	struct ndshm_block_alloc alloc = request_of(self, 1);
	struct ndshm_nl_provider provider;
	struct ndshm_block_info first;

	test_block_alloc(self->fd, &alloc);
	first = self->block;
	EXPECT_EQ(NDSHM_REASON_PROVIDER_IN_USE, command("unregister"));
	test_block_alloc(self->fd, &alloc);
	test_free_handle(self->fd, self->block.handle);
	EXPECT_EQ(NDSHM_REASON_PROVIDER_IN_USE, command("unregister"));
	test_free_handle(self->fd, first.handle);
	EXPECT_EQ(NDSHM_REASON_NONE, command("unregister"));
	EXPECT_EQ(-ENOENT, ndshm_nl_provider_by_name(&self->nl, "test",
						     &provider));
	test_err_block_alloc(ENOENT, NDSHM_REASON_PROVIDER_UNKNOWN, self->fd,
			     &alloc);
	/* Under the same name, and another id. */
	EXPECT_EQ(NDSHM_REASON_NONE, command("register"));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "test", &provider));
	EXPECT_NE(self->id, provider.id);
	test_err_block_alloc(ENOENT, NDSHM_REASON_PROVIDER_UNKNOWN, self->fd,
			     &alloc);
	alloc.provider = provider.id;
	test_block_alloc(self->fd, &alloc);
}

/* However a client ends, everything comes back. */
TEST_F(provider, client_killed)
{
	struct ndshm_block_alloc alloc;
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
		ndshm_tell(peer);
		ndshm_hear(peer);
		_exit(0);
	}
	EXPECT_TRUE(ndshm_hear(peer));
	EXPECT_EQ(20, get("allocated"));
	EXPECT_EQ(0, get("freed"));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(child, waitpid(child, NULL, 0));
	EXPECT_TRUE(ndshm_soon(get("freed") == 20));
	close(peer);
}

static int next_event(struct ndshm_nl *nl, struct ndshm_nl_provider *provider)
{
	static __u64 buffer[512];
	int cmd = ndshm_nl_event(nl, 10000, buffer, sizeof(buffer));

	if (cmd >= NDSHM_CMD_PROVIDER_ADDED_NTF &&
	    cmd <= NDSHM_CMD_PROVIDER_GONE_NTF)
		ndshm_nl_to_provider((const void *)buffer, provider);
	return cmd;
}

TEST_F(provider, events)
{
	struct ndshm_nl_provider provider = {};
	struct ndshm_nl events;

	ASSERT_EQ(0, ndshm_nl_open(&events));
	ASSERT_EQ(0, ndshm_nl_join_events(&events));
	EXPECT_EQ(NDSHM_REASON_NONE, command("unregister"));
	EXPECT_EQ(NDSHM_CMD_PROVIDER_GONE_NTF, next_event(&events, &provider));
	EXPECT_EQ(self->id, provider.id);
	EXPECT_STREQ("test", provider.name);
	EXPECT_EQ(NDSHM_REASON_NONE, command("register"));
	EXPECT_EQ(NDSHM_CMD_PROVIDER_ADDED_NTF, next_event(&events, &provider));
	EXPECT_LT(self->id, provider.id);
	EXPECT_STREQ("test", provider.name);
	EXPECT_EQ(1, provider.flags);
	ndshm_nl_close(&events);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
