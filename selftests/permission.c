// SPDX-License-Identifier: GPL-2.0
/*
 * Permission to use an adapter, to allocate from a provider and to delete a
 * section. Users are child processes without capabilities, with a client that
 * root opened. The providers are those of the mock module (file named by
 * NDSHM_MOCK).
 */
#include <grp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <linux/capability.h>

#include "ndshm_edu.h"
#include "ndshm_mock.h"
#include "ndshm_nl.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"

#define GROUP		54330	/* has no member unless a test adds one */

/* Credentials of a process; @group is a supplementary group, or 0. */
struct user {
	uid_t real;
	uid_t effective;
	gid_t group;
};

static const struct user user_a = { NDSHM_USER_A, NDSHM_USER_A, 0 };
static const struct user user_b = { NDSHM_USER_B, NDSHM_USER_B, 0 };

static bool become(const struct user *user)
{
	return !setgroups(user->group ? 1 : 0, &user->group) &&
	       !setresgid(user->real, user->real, user->real) &&
	       !setresuid(user->real, user->effective, user->effective);
}

/* A request through a client. */
struct wish {
	int fd;
	__u32 adapter;
	__u32 provider;
};

typedef __u32 ask(const struct wish *wish);

#define NO_REPLY	0xff	/* no reason; greater than all reasons */

static __u32 ask_block(const struct wish *wish)
{
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(wish->adapter, 1, &block);
	struct ndshm_block_free_args request;

	alloc.provider = wish->provider;
	if (ioctl(wish->fd, NDSHM_BLOCK_ALLOC, &alloc))
		return alloc.reason;
	request = block_free_request(block.handle);
	return ioctl(wish->fd, NDSHM_BLOCK_FREE, &request) ? NO_REPLY : 0;
}

/* Without initial memory: a later lack of permission must be reported at creation. */
static __u32 ask_section(const struct wish *wish)
{
	struct ndshm_section_create_args create =
		section_create_request(wish->adapter, 1 << 16, 0);

	create.provider = wish->provider;
	if (_test_section_create(wish->fd, &create))
		return create.reason;
	return close(create.out_section) ? NO_REPLY : 0;
}

static __u32 ask_claim(const struct wish *wish)
{
	struct ndshm_adapter_claim_args claim =
		adapter_claim_request(wish->adapter, EDU_WIDTH);

	return ioctl(wish->fd, NDSHM_ADAPTER_CLAIM, &claim) ? claim.reason : 0;
}

/* The reason that a child with these credentials gets. */
static __u32 reply_of(const struct user *user, ask *what, const struct wish *wish)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(become(user) ? what(wish) : NO_REPLY);
	if (child < 0 || waitpid(child, &status, 0) != child ||
	    !WIFEXITED(status))
		return NO_REPLY;
	return WEXITSTATUS(status);
}

#define test_reply(expected, user, what, wish) do { \
	ndshm_case((expected) == NDSHM_REASON_NONE); \
	EXPECT_EQ(expected, reply_of(user, what, wish)) \
		TH_LOG("line %d", __LINE__); \
} while (0)

/* Both ways to allocate must have the same result. */
static __u32 ask_all(const struct wish *wish)
{
	__u32 reason = ask_block(wish);

	return ask_section(wish) == reason ? reason : NO_REPLY;
}

FIXTURE(permission) {
	struct wish wish;
	struct ndshm_nl nl;
	__u32 pages;
	bool loaded;
};

FIXTURE_SETUP(permission)
{
	struct ndshm_get_info_args info = get_info_request();
	struct ndshm_nl_provider provider;

	if (geteuid())
		SKIP(return, "only root can become other users");
	self->wish.fd = ndshm_open();
	ASSERT_LE(0, self->wish.fd);
	test_get_info(self->wish.fd, &info);
	self->wish.adapter = info.out_default_adapter;
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "pages", &provider));
	self->pages = provider.id;
}

static int set_adapter(struct _test_data_permission *self, uid_t owner,
		       gid_t group, unsigned int mode)
{
	const struct ndshm_nl_access access = {
		.set = NDSHM_NL_OWNER | NDSHM_NL_GROUP | NDSHM_NL_MODE,
		.owner = owner, .group = group, .mode = mode,
	};

	return ndshm_nl_set_adapter(&self->nl, self->wish.adapter, &access);
}

static int set_provider(struct _test_data_permission *self, uid_t owner,
			gid_t group, unsigned int mode)
{
	const struct ndshm_nl_access access = {
		.set = NDSHM_NL_OWNER | NDSHM_NL_GROUP | NDSHM_NL_MODE,
		.owner = owner, .group = group, .mode = mode,
	};

	return ndshm_nl_set_provider(&self->nl, self->pages, &access);
}

FIXTURE_TEARDOWN(permission)
{
	if (geteuid())
		return;
	EXPECT_EQ(0, set_adapter(self, 0, 0, 0666));
	EXPECT_EQ(0, set_provider(self, 0, 0, 0666));
	ndshm_nl_close(&self->nl);
	close(self->wish.fd);
	if (self->loaded)
		EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
}

/*
 * Load the mock. Return NULL, or why the test cannot run; check @loaded for
 * other errors.
 */
static const char *load_mock(struct _test_data_permission *self)
{
	int error = ndshm_mock_load("");

	self->loaded = !error;
	return ndshm_mock_missing(error);
}

static __u32 provider_id(struct _test_data_permission *self, const char *name)
{
	struct ndshm_nl_provider provider;

	return ndshm_nl_provider_by_name(&self->nl, name, &provider) ?
	       0 : provider.id;
}

/*
 * Closed providers
 */

/* The provider of one adapter must not serve other adapters. */
TEST_F(permission, foreign_provider)
{
	struct ndshm_nl_adapter node, own;
	struct wish wish = self->wish;
	const char *missing;

	missing = load_mock(self);
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_TRUE(self->loaded);
	test_mock("adapter add own");
	test_mock("provider add its adapter=own");
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, "own", &own));
	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->nl, wish.adapter, &node));
	wish.provider = provider_id(self, "its");
	ASSERT_NE(0, wish.provider);

	/* Root is no exception. */
	EXPECT_EQ(NDSHM_REASON_PROVIDER_CLOSED, ask_all(&wish));
	test_reply(NDSHM_REASON_PROVIDER_CLOSED, &user_a, ask_block, &wish);
	/* Kernel users are no exception either. */
	test_err_mock(EACCES, NDSHM_REASON_PROVIDER_CLOSED,
		      "block alloc 0 %s its 4096", node.name);
	EXPECT_EQ(0, ndshm_mock_counts("its").allocated);
	EXPECT_EQ(0, ndshm_mock_counts("its").failed);

	/* The provider serves its own adapter. */
	wish.adapter = own.id;
	EXPECT_EQ(0, ask_block(&wish));
	wish.provider = 0;
	EXPECT_EQ(0, ask_block(&wish));
	test_mock("block alloc 0 own its 4096");
	test_mock("block free 0");
	EXPECT_EQ(3, ndshm_mock_counts("its").allocated);
	test_mock("provider del its");
	test_mock("adapter del own");
}

/* A provider without the flag for clients serves kernel users only. */
TEST_F(permission, closed_provider)
{
	struct ndshm_nl_provider provider;
	struct ndshm_nl_adapter node;
	struct wish wish = self->wish;
	const char *missing;

	missing = load_mock(self);
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_TRUE(self->loaded);
	test_err_mock(EOPNOTSUPP, NDSHM_REASON_FLAGS,
		      "provider add shut unknown-flag");
	test_mock("provider add shut closed");
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "shut", &provider));
	EXPECT_FALSE(provider.open);
	wish.provider = provider.id;
	EXPECT_EQ(NDSHM_REASON_PROVIDER_CLOSED, ask_all(&wish));
	test_reply(NDSHM_REASON_PROVIDER_CLOSED, &user_a, ask_all, &wish);
	/* A replacement of the handlers cannot change that. */
	test_err_mock(EOPNOTSUPP, NDSHM_REASON_FLAGS, "provider replace shut");
	test_mock("provider replace shut closed");
	EXPECT_EQ(NDSHM_REASON_PROVIDER_CLOSED, ask_block(&wish));
	EXPECT_EQ(0, ndshm_mock_counts("shut").allocated);
	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->nl, wish.adapter, &node));
	test_mock("block alloc 0 %s shut 4096", node.name);
	test_mock("block free 0");
	EXPECT_EQ(1, ndshm_mock_counts("shut").allocated);
	test_mock("provider del shut");

	/* A request without a provider whose default is closed. */
	test_mock("provider add all machine closed");
	wish.provider = 0;
	EXPECT_EQ(NDSHM_REASON_PROVIDER_CLOSED, ask_block(&wish));
	/* The default provider of sections does not depend on that. */
	EXPECT_EQ(0, ask_section(&wish));
	EXPECT_EQ(0, ndshm_mock_counts("all").allocated);
	test_mock("provider del all");
	EXPECT_EQ(0, ask_block(&wish));

	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "pages", &provider));
	EXPECT_TRUE(provider.open);
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "coherent",
					       &provider));
	EXPECT_TRUE(provider.open);
}

/* A closed adapter must not give access to a closed provider, or the reverse. */
TEST_F(permission, closed_adapter)
{
	struct wish wish = self->wish;
	struct ndshm_nl_adapter own;
	const char *missing;

	missing = load_mock(self);
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_TRUE(self->loaded);
	test_mock("adapter add own closed");
	test_mock("provider add its adapter=own");
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, "own", &own));
	EXPECT_FALSE(own.open);
	wish.provider = provider_id(self, "its");
	EXPECT_EQ(NDSHM_REASON_PROVIDER_CLOSED, ask_all(&wish));
	wish.adapter = own.id;
	EXPECT_EQ(NDSHM_REASON_ADAPTER_CLOSED, ask_all(&wish));
	EXPECT_EQ(0, ndshm_mock_counts("its").allocated);
	test_mock("provider del its");
	test_mock("adapter del own");
}

/*
 * Owner, group and mode
 */

struct mode_case {
	uid_t owner;
	gid_t group;
	unsigned int mode;
	struct user user;
	bool good;
};

static const struct mode_case mode_cases[] = {
	{ 0, 0, 0666, { NDSHM_USER_A, NDSHM_USER_A, 0 }, true },
	/* Both read and write permission are required. */
	{ 0, 0, 0664, { NDSHM_USER_A, NDSHM_USER_A, 0 }, false },
	{ 0, 0, 0662, { NDSHM_USER_A, NDSHM_USER_A, 0 }, false },
	{ 0, 0, 0660, { NDSHM_USER_A, NDSHM_USER_A, 0 }, false },
	{ NDSHM_USER_A, 0, 0600, { NDSHM_USER_A, NDSHM_USER_A, 0 }, true },
	{ NDSHM_USER_A, 0, 0400, { NDSHM_USER_A, NDSHM_USER_A, 0 }, false },
	{ NDSHM_USER_A, 0, 0600, { NDSHM_USER_B, NDSHM_USER_B, 0 }, false },
	/* The owner's bits decide for the owner, and the group's for a member. */
	{ NDSHM_USER_A, 0, 0066, { NDSHM_USER_A, NDSHM_USER_A, 0 }, false },
	{ 0, GROUP, 0606, { NDSHM_USER_A, NDSHM_USER_A, GROUP }, false },
	{ 0, GROUP, 0660, { NDSHM_USER_A, NDSHM_USER_A, GROUP }, true },
	{ 0, GROUP, 0640, { NDSHM_USER_A, NDSHM_USER_A, GROUP }, false },
	{ 0, GROUP, 0660, { NDSHM_USER_A, NDSHM_USER_A, 0 }, false },
	{ 0, NDSHM_USER_A, 0660, { NDSHM_USER_A, NDSHM_USER_A, 0 }, true },
	/* The effective uid counts. */
	{ NDSHM_USER_B, 0, 0600, { NDSHM_USER_A, NDSHM_USER_B, 0 }, true },
	{ NDSHM_USER_A, 0, 0600, { NDSHM_USER_A, NDSHM_USER_B, 0 }, false },
};

TEST_F_TIMEOUT(permission, adapter_mode, 120)
{
	const struct mode_case *c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mode_cases); i++) {
		c = &mode_cases[i];
		ASSERT_EQ(0, set_adapter(self, c->owner, c->group, c->mode));
		test_reply(c->good ? 0 : NDSHM_REASON_ADAPTER_PERMISSION,
			   &c->user, ask_all, &self->wish);
		EXPECT_EQ(0, ask_block(&self->wish));
	}
}

TEST_F_TIMEOUT(permission, provider_mode, 120)
{
	struct wish wish = self->wish;
	const struct mode_case *c;
	unsigned int i;

	wish.provider = self->pages;
	for (i = 0; i < ARRAY_SIZE(mode_cases); i++) {
		c = &mode_cases[i];
		ASSERT_EQ(0, set_provider(self, c->owner, c->group, c->mode));
		test_reply(c->good ? 0 : NDSHM_REASON_PROVIDER_PERMISSION,
			   &c->user, ask_all, &wish);
		EXPECT_EQ(0, ask_block(&wish));
	}
	/* The default provider of a section is checked as well. */
	ASSERT_EQ(0, set_provider(self, 0, 0, 0600));
	test_reply(NDSHM_REASON_PROVIDER_PERMISSION, &user_a, ask_section,
		   &self->wish);
	/* The adapter is checked first. */
	ASSERT_EQ(0, set_adapter(self, 0, 0, 0600));
	test_reply(NDSHM_REASON_ADAPTER_PERMISSION, &user_a, ask_block, &wish);
}

/* Either of the two capabilities permits everything; others do not. */
TEST_F(permission, capabilities)
{
	struct wish wish = self->wish;

	wish.provider = self->pages;
	ASSERT_EQ(0, set_adapter(self, NDSHM_USER_A, NDSHM_USER_A, 0600));
	ASSERT_EQ(0, set_provider(self, NDSHM_USER_A, NDSHM_USER_A, 0600));
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_ADMIN, false));
	EXPECT_EQ(0, ask_block(&wish));
	ASSERT_TRUE(ndshm_set_capability(CAP_DAC_OVERRIDE, false));
	EXPECT_EQ(NDSHM_REASON_ADAPTER_PERMISSION, ask_block(&wish));
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_ADMIN, true));
	EXPECT_EQ(0, ask_block(&wish));
	ASSERT_TRUE(ndshm_set_capability(CAP_DAC_OVERRIDE, true));
}

/*
 * A later change must not affect existing blocks, nor the growth of existing
 * sections.
 */
TEST_F(permission, later)
{
	struct ndshm_block_info block;
	int fd, holder;

	block = test_new_block(self->wish.fd, self->wish.adapter, 1);
	fd = test_new_section(self->wish.fd, self->wish.adapter, 1 << 20, 0);
	ASSERT_EQ(0, set_adapter(self, 0, 0, 0));
	ASSERT_EQ(0, set_provider(self, 0, 0, 0));
	EXPECT_TRUE(ndshm_readable(test_map_block(self->wish.fd, &block)));
	test_free_handle(self->wish.fd, block.handle);
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_ADMIN, false));
	ASSERT_TRUE(ndshm_set_capability(CAP_DAC_OVERRIDE, false));
	EXPECT_EQ(NDSHM_REASON_ADAPTER_PERMISSION, ask_block(&self->wish));
	holder = test_attach(fd);
	test_extent(holder, 1 << 16);
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_ADMIN, true));
	ASSERT_TRUE(ndshm_set_capability(CAP_DAC_OVERRIDE, true));
	close(holder);
	close(fd);
}

/*
 * Setting permissions
 */

/* Attributes that are not in the request stay unchanged. */
TEST_F(permission, set_and_get)
{
	const struct ndshm_nl_access change[] = {
		{ .set = NDSHM_NL_OWNER, .owner = NDSHM_USER_A },
		{ .set = NDSHM_NL_GROUP, .group = GROUP },
		{ .set = NDSHM_NL_MODE, .mode = 0640 },
		{ .set = NDSHM_NL_RESET, .reset_policy = NDSHM_RESET_NONE },
	}, usual = {
		.set = NDSHM_NL_RESET, .reset_policy = NDSHM_RESET_SAME_USER,
	};
	struct ndshm_nl_adapter adapter;
	struct ndshm_nl_provider provider;
	unsigned int i;

	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->nl, self->wish.adapter,
					    &adapter));
	EXPECT_EQ(0, adapter.owner);
	EXPECT_EQ(0, adapter.group);
	EXPECT_EQ(0666, adapter.mode);
	EXPECT_EQ(NDSHM_RESET_SAME_USER, adapter.reset_policy);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, ndshm_nl_set_adapter(&self->nl, adapter.id,
						  &change[i]));
		ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->nl, adapter.id,
						    &adapter));
		EXPECT_EQ(NDSHM_USER_A, adapter.owner);
		EXPECT_EQ(i < 1 ? 0 : GROUP, adapter.group);
		EXPECT_EQ(i < 2 ? 0666 : 0640, adapter.mode);
		EXPECT_EQ(i < 3 ? NDSHM_RESET_SAME_USER : NDSHM_RESET_NONE,
			  adapter.reset_policy);
	}
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, ndshm_nl_set_provider(&self->nl, self->pages,
						   &change[i]));
		ASSERT_EQ(0, ndshm_nl_provider_by_id(&self->nl, self->pages,
						     &provider));
		EXPECT_EQ(NDSHM_USER_A, provider.owner);
		EXPECT_EQ(i < 1 ? 0 : GROUP, provider.group);
		EXPECT_EQ(i < 2 ? 0666 : 0640, provider.mode);
	}
	ASSERT_EQ(0, ndshm_nl_set_adapter(&self->nl, adapter.id, &usual));
}

/* Adapters and providers must give the same answer. */
static bool refuses(struct ndshm_nl *nl, __u32 adapter, __u32 provider,
		    int error, struct ndshm_nl_access access)
{
	int first = ndshm_nl_set_adapter(nl, adapter, &access);

	return first == error && nl->extack[0] &&
	       ndshm_nl_set_provider(nl, provider, &access) == error &&
	       nl->extack[0];
}

#define test_refuses(error, ...) do { \
	ndshm_case(false); \
	EXPECT_TRUE(refuses(&self->nl, self->wish.adapter, self->pages, \
			    -(error), (struct ndshm_nl_access){ __VA_ARGS__ })) \
		TH_LOG("line %d: %s", __LINE__, self->nl.extack); \
} while (0)

TEST_F(permission, set_refused)
{
	struct ndshm_nl_adapter before, now;
	struct ndshm_nl_access access = {
		.set = NDSHM_NL_RESET, .reset_policy = 3,
	};

	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->nl, self->wish.adapter,
					    &before));
	test_refuses(EINVAL, .set = 0);
	test_refuses(EINVAL, .set = NDSHM_NL_MODE, .mode = 0110);
	test_refuses(ERANGE, .set = NDSHM_NL_MODE, .mode = 0667);
	test_refuses(ERANGE, .set = NDSHM_NL_MODE, .mode = 04666);
	test_refuses(EINVAL, .set = NDSHM_NL_OWNER, .owner = ~0U);
	test_refuses(EINVAL, .set = NDSHM_NL_GROUP, .group = ~0U);
	/* A request is applied completely or not at all. */
	test_refuses(EINVAL, .set = NDSHM_NL_OWNER | NDSHM_NL_MODE,
		     .owner = NDSHM_USER_A, .mode = 0100);
	EXPECT_EQ(-ERANGE, ndshm_nl_set_adapter(&self->nl, self->wish.adapter,
						&access));
	access.reset_policy = 1;
	/* Providers have no reset policy. */
	EXPECT_GT(0, ndshm_nl_set_provider(&self->nl, self->pages, &access));
	access.set = NDSHM_NL_MODE;
	EXPECT_EQ(-ENOENT, ndshm_nl_set_adapter(&self->nl, 0x7fffffff,
						&access));
	EXPECT_EQ(-ENOENT, ndshm_nl_set_provider(&self->nl, 0x7fffffff,
						 &access));
	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->nl, self->wish.adapter,
					    &now));
	EXPECT_EQ(0, memcmp(&before, &now, sizeof(now)));
}

/* CAP_SYS_ADMIN is required of both the sender and the opener of the socket. */
TEST_F(permission, set_by_others)
{
	const struct ndshm_nl_access access = {
		.set = NDSHM_NL_OWNER, .owner = NDSHM_USER_A,
	};
	struct ndshm_nl nl;
	pid_t child;
	int status;

	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_ADMIN, false));
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	EXPECT_TRUE(refuses(&nl, self->wish.adapter, self->pages, -EPERM,
			    access));
	EXPECT_TRUE(refuses(&self->nl, self->wish.adapter, self->pages, -EPERM,
			    access));
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_ADMIN, true));
	EXPECT_TRUE(refuses(&nl, self->wish.adapter, self->pages, -EPERM,
			    access));
	ndshm_nl_close(&nl);

	/* A user can neither give away nor take an object. */
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(!(become(&user_a) && !ndshm_nl_open(&nl) &&
			refuses(&nl, self->wish.adapter, self->pages, -EPERM,
				access) &&
			refuses(&self->nl, self->wish.adapter, self->pages,
				-EPERM, access)));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);

	/* Nor can root of a user namespace. */
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		if (unshare(CLONE_NEWUSER))
			_exit(KSFT_SKIP);
		_exit(!(!ndshm_nl_open(&nl) &&
			refuses(&nl, self->wish.adapter, self->pages, -EPERM,
				access)));
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFEXITED(status) && (!WEXITSTATUS(status) ||
					  WEXITSTATUS(status) == KSFT_SKIP));
}

/*
 * Permissions are kept for a provider's name, but not for an adapter's, because
 * its device may be another.
 */
TEST_F(permission, registered_again)
{
	const struct ndshm_nl_access access = {
		.set = NDSHM_NL_OWNER | NDSHM_NL_MODE,
		.owner = NDSHM_USER_A, .mode = 0600,
	};
	struct ndshm_nl_provider provider;
	struct ndshm_nl_adapter adapter;
	const char *missing;

	missing = load_mock(self);
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_TRUE(self->loaded);
	test_mock("provider add again");
	test_mock("adapter add again");
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "again", &provider));
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, "again", &adapter));
	EXPECT_EQ(0666, provider.mode);
	EXPECT_EQ(0666, adapter.mode);
	ASSERT_EQ(0, ndshm_nl_set_provider(&self->nl, provider.id, &access));
	ASSERT_EQ(0, ndshm_nl_set_adapter(&self->nl, adapter.id, &access));
	test_mock("provider del again");
	test_mock("adapter del again");
	test_mock("provider add again");
	test_mock("adapter add again");
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "again", &provider));
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, "again", &adapter));
	EXPECT_EQ(NDSHM_USER_A, provider.owner);
	EXPECT_EQ(0600, provider.mode);
	EXPECT_EQ(0, adapter.owner);
	EXPECT_EQ(0666, adapter.mode);
	test_mock("provider del again");
	test_mock("adapter del again");
}

/*
 * Sections
 */

static __u32 ask_delete(const struct wish *wish)
{
	struct ndshm_section_delete_args request =
		section_delete_request(NDSHM_DELETE_FORCE, -1);

	return _test_section_delete(wish->fd, &request) ? request.reason : 0;
}

/* A set-user-ID program creates a section: its caller is not the owner. */
TEST_F(permission, section_of_effective_user)
{
	const struct user setuid = { NDSHM_USER_A, NDSHM_USER_B, 0 };
	struct ndshm_section_query_args query = section_query_request();
	struct ndshm_nl_section section;
	struct wish wish;
	pid_t child;
	int peer;

	/* Sections of earlier tests may be freed later. */
	EXPECT_TRUE(ndshm_soon(!ndshm_locked_of(self->wish.fd, NDSHM_USER_A)));
	EXPECT_TRUE(ndshm_soon(!ndshm_locked_of(self->wish.fd, NDSHM_USER_B)));
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		struct ndshm_section_create_args create =
			section_create_request(self->wish.adapter, 1 << 16, 1 << 16);
		int client = ndshm_open_as_two(setuid.real, setuid.effective, RLIM_INFINITY);

		_exit(!(become(&setuid) && !_test_section_create(client, &create) &&
			ndshm_send_fd(peer, create.out_section)));
	}
	wish.fd = ndshm_receive_fd(peer);
	ASSERT_LE(0, wish.fd);
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	test_section_query(wish.fd, &query);
	ASSERT_EQ(0, ndshm_nl_section_by_id(&self->nl, query.out_id, &section));
	EXPECT_EQ(NDSHM_USER_B, section.uid);
	/* The real uid is charged. */
	EXPECT_LE(1 << 16, ndshm_locked_of(self->wish.fd, NDSHM_USER_A));
	EXPECT_EQ(0, ndshm_locked_of(self->wish.fd, NDSHM_USER_B));

	test_reply(NDSHM_REASON_NOT_CREATOR, &user_a, ask_delete, &wish);
	/* The real uid B with the effective uid A is not sufficient. */
	test_reply(NDSHM_REASON_NOT_CREATOR,
		   (&(struct user){ NDSHM_USER_B, NDSHM_USER_A, 0 }),
		   ask_delete, &wish);
	test_reply(0, &user_b, ask_delete, &wish);
	close(wish.fd);
}

/*
 * PCI functions
 */

FIXTURE(card) {
	struct ndshm_edu edu;
	struct wish wish;	/* with a client that was opened without CAP_SYS_RAWIO */
	bool isolated;
};

#define look_again(self) do { \
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&(self)->edu.nl, \
					      (self)->edu.pci.name, \
					      &(self)->edu.adapter)); \
	(self)->wish.adapter = (self)->edu.adapter.id; \
} while (0)

/* A claim ends with its client, so open a new client for each. */
#define reopen(self) do { \
	close((self)->wish.fd); \
	(self)->wish.fd = test_open_without(CAP_SYS_RAWIO); \
} while (0)

static int set_card(struct ndshm_edu *edu, struct ndshm_nl_access access)
{
	return ndshm_nl_set_adapter(&edu->nl, edu->adapter.id, &access);
}

#define SET_CARD(self, ...) \
	EXPECT_EQ(0, set_card(&(self)->edu, \
			      (struct ndshm_nl_access){ __VA_ARGS__ }))

FIXTURE_SETUP(card)
{
	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->isolated = !self->edu.adapter.isolation;
	self->wish.fd = -1;
	reopen(self);
	look_again(self);
}

FIXTURE_TEARDOWN(card)
{
	if (!self->edu.pci.name[0])
		return;
	close(self->wish.fd);
	if (!ndshm_nl_adapter_by_name(&self->edu.nl, self->edu.pci.name,
				      &self->edu.adapter))
		EXPECT_EQ(0, set_card(&self->edu, (struct ndshm_nl_access){
			.set = 15, .mode = 0600,
			.reset_policy = NDSHM_RESET_SAME_USER }));
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

/* A function belongs to root by default; binding it again keeps its permissions. */
TEST_F(card, card_owner)
{
	const __u32 good = self->isolated ? NDSHM_REASON_NONE :
			   NDSHM_REASON_NOT_ISOLATED;

	EXPECT_EQ(0, self->edu.adapter.owner);
	EXPECT_EQ(0600, self->edu.adapter.mode);
	test_reply(NDSHM_REASON_ADAPTER_PERMISSION, &user_a, ask_claim,
		   &self->wish);
	SET_CARD(self, .set = NDSHM_NL_OWNER, .owner = NDSHM_USER_A);
	test_reply(NDSHM_REASON_ADAPTER_PERMISSION, &user_b, ask_claim,
		   &self->wish);
	test_reply(good, &user_a, ask_claim, &self->wish);
	close(self->wish.fd);
	self->wish.fd = -1;

	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
	look_again(self);
	EXPECT_EQ(NDSHM_USER_A, self->edu.adapter.owner);
	EXPECT_EQ(0600, self->edu.adapter.mode);
	reopen(self);
	test_reply(NDSHM_REASON_ADAPTER_PERMISSION, &user_b, ask_claim,
		   &self->wish);
	test_reply(good, &user_a, ask_claim, &self->wish);
}

/* A claim permits all allocations under it, also by receivers of the descriptor. */
TEST_F(card, card_claim_is_permission)
{
	struct wish root;

	root.fd = ndshm_open();
	ASSERT_LE(0, root.fd);
	root.adapter = self->wish.adapter;
	root.provider = 0;
	ASSERT_EQ(0, ask_claim(&root));
	test_reply(0, &user_a, ask_block, &root);
	test_reply(NDSHM_REASON_CLAIM_MISSING, &user_a, ask_block, &self->wish);
	close(root.fd);
}

/*
 * edu has no reset: by default only its last user may claim it again; the
 * policy can permit others.
 */
TEST_F(card, card_reset_policy)
{
	if (!self->isolated)
		SKIP(return, "not isolated, so there is no plain client");
	SET_CARD(self, .set = NDSHM_NL_MODE, .mode = 0666);
	test_reply(0, &user_a, ask_claim, &self->wish);
	reopen(self);
	look_again(self);
	ASSERT_TRUE(self->edu.adapter.needs_reset);
	/* After one claim only the same user may claim it. */
	test_reply(0, &user_a, ask_claim, &self->wish);
	reopen(self);
	test_reply(NDSHM_REASON_ADAPTER_NEEDS_RESET, &user_b, ask_claim, &self->wish);
	/* The effective uid counts. */
	test_reply(NDSHM_REASON_ADAPTER_NEEDS_RESET,
		   (&(struct user){ NDSHM_USER_A, NDSHM_USER_B, 0 }),
		   ask_claim, &self->wish);
	test_reply(0, (&(struct user){ NDSHM_USER_B, NDSHM_USER_A, 0 }),
		   ask_claim, &self->wish);
	reopen(self);

	SET_CARD(self, .set = NDSHM_NL_RESET,
		 .reset_policy = NDSHM_RESET_REQUIRED);
	test_reply(NDSHM_REASON_ADAPTER_NEEDS_RESET, &user_a, ask_claim, &self->wish);
	SET_CARD(self, .set = NDSHM_NL_RESET, .reset_policy = NDSHM_RESET_NONE);
	test_reply(0, &user_b, ask_claim, &self->wish);
	reopen(self);
	/* The reset policy does not replace the mode. */
	SET_CARD(self, .set = NDSHM_NL_MODE, .mode = 0600);
	test_reply(NDSHM_REASON_ADAPTER_PERMISSION, &user_b, ask_claim,
		   &self->wish);
	SET_CARD(self, .set = NDSHM_NL_MODE | NDSHM_NL_RESET, .mode = 0666,
		 .reset_policy = NDSHM_RESET_SAME_USER);
	/* User B was the last user now. */
	test_reply(NDSHM_REASON_ADAPTER_NEEDS_RESET, &user_a, ask_claim, &self->wish);
	test_reply(0, &user_b, ask_claim, &self->wish);
}

/* Another card in the same slot has no permissions of the first. */
TEST_F(card, card_plugged_in_again)
{
	struct ndshm_edu other;

	if (ndshm_edu_find_in_slot(&other))
		SKIP(return, "no slot with an edu device");
	ASSERT_EQ(0, ndshm_edu_bind(&other));
	ASSERT_EQ(0, set_card(&other, (struct ndshm_nl_access){
		.set = NDSHM_NL_OWNER | NDSHM_NL_MODE | NDSHM_NL_RESET,
		.owner = NDSHM_USER_A, .mode = 0660,
		.reset_policy = NDSHM_RESET_NONE }));
	ASSERT_EQ(0, ndshm_pci_remove(&other.pci));
	ASSERT_EQ(0, ndshm_pci_rescan());
	ASSERT_EQ(0, ndshm_edu_rebind(&other));
	EXPECT_EQ(0, other.adapter.owner);
	EXPECT_EQ(0600, other.adapter.mode);
	EXPECT_EQ(NDSHM_RESET_SAME_USER, other.adapter.reset_policy);
	EXPECT_EQ(0, ndshm_edu_restore(&other));
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
