// SPDX-License-Identifier: GPL-2.0
/*
 * Permission to claim an adapter, to allocate from a provider and to delete a
 * section. Users are child processes without capabilities, with a client that
 * root opened. The providers are those of the mock module (file named by
 * NDSHM_MOCK).
 */
#include <grp.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <linux/capability.h>
#include <linux/pci_regs.h>

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
	const char *node;	/* path of a device node to open */
	int passed;		/* descriptor of one */
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
	bool loaded;
};

FIXTURE_SETUP(permission)
{
	struct ndshm_get_info_args info = get_info_request();

	if (geteuid())
		SKIP(return, "only root can become other users");
	self->wish.fd = ndshm_open();
	ASSERT_LE(0, self->wish.fd);
	test_get_info(self->wish.fd, &info);
	self->wish.adapter = info.out_default_adapter;
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
}

FIXTURE_TEARDOWN(permission)
{
	if (geteuid())
		return;
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
 * Device nodes of PCI functions
 */

FIXTURE(card) {
	struct ndshm_edu edu;
	struct wish wish;	/* with a client that was opened without CAP_SYS_RAWIO */
	char node[64];
	__u32 good;	/* reason for a client without CAP_SYS_RAWIO that may claim */
};

#define NO_NODE	0xfe	/* no reason: the caller cannot open the node */

/* A claim ends with its client, so open a new client for each. */
#define reopen(self) do { \
	close((self)->wish.fd); \
	(self)->wish.fd = test_open_without(CAP_SYS_RAWIO); \
} while (0)

FIXTURE_SETUP(card)
{
	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->good = self->edu.adapter.isolation ? NDSHM_REASON_NOT_ISOLATED : NDSHM_REASON_NONE;
	self->wish.adapter = self->edu.adapter.id;
	self->wish.fd = -1;
	reopen(self);
	snprintf(self->node, sizeof(self->node), "%s", ndshm_node(self->edu.adapter.name));
}

FIXTURE_TEARDOWN(card)
{
	close(self->wish.fd);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

#define test_open_node(self, flags) ({ \
	int node_ = open((self)->node, (flags) | O_CLOEXEC); \
	ASSERT_LE(0, node_); \
	node_; \
})

static __u32 claim_by(int fd, int node)
{
	struct ndshm_adapter_claim_args claim = adapter_claim_request(node, EDU_WIDTH);

	return ioctl(fd, NDSHM_ADAPTER_CLAIM, &claim) ? claim.reason : 0;
}

/* By a descriptor that the caller opens, or that was passed to it. */
static __u32 ask_claim(const struct wish *wish)
{
	int node = open(wish->node, O_RDWR | O_CLOEXEC);

	if (node < 0)
		return errno == EACCES ? NO_NODE : NO_REPLY;
	return claim_by(wish->fd, node);
}

/* A claim that leaves the device as it was: interrupts are on, and what changes it is refused. */
static __u32 ask_claim_idly(const struct wish *wish)
{
	const __s32 event = eventfd(0, EFD_CLOEXEC);
	const __u32 reason = ask_claim(wish);
	struct ndshm_adapter_set_irqs_args irqs =
		adapter_set_irqs_request(wish->adapter, NDSHM_IRQ_MSI, 0, 1, &event);
	struct ndshm_adapter_config_args write =
		adapter_config_request(wish->adapter, NDSHM_CONFIG_WRITE, PCI_COMMAND, 2,
				       PCI_COMMAND_MASTER);
	struct ndshm_adapter_reset_args reset = adapter_reset_request(wish->adapter);

	if (reason)
		return reason;
	return ioctl(wish->fd, NDSHM_ADAPTER_SET_IRQS, &irqs) ||
	       !ioctl(wish->fd, NDSHM_ADAPTER_CONFIG, &write) ||
	       !ioctl(wish->fd, NDSHM_ADAPTER_RESET, &reset) ? NO_REPLY : 0;
}

static __u32 ask_claim_start(const struct wish *wish)
{
	struct ndshm_adapter_start_args start = adapter_start_request(wish->adapter);
	const __u32 reason = ask_claim(wish);

	return reason ?: ioctl(wish->fd, NDSHM_ADAPTER_START, &start) ? start.reason : 0;
}

static __u32 ask_claim_map(const struct wish *wish)
{
	struct ndshm_adapter_map_bar_args map = adapter_map_bar_request(wish->adapter, 0);
	const __u32 reason = ask_claim(wish);

	return reason ?: ioctl(wish->fd, NDSHM_ADAPTER_MAP_BAR, &map) ? map.reason : 0;
}

static __u32 ask_claim_write(const struct wish *wish)
{
	struct ndshm_adapter_config_args write =
		adapter_config_request(wish->adapter, NDSHM_CONFIG_WRITE, PCI_CACHE_LINE_SIZE, 1,
				       16);
	const __u32 reason = ask_claim(wish);

	return reason ?: ioctl(wish->fd, NDSHM_ADAPTER_CONFIG, &write) ? write.reason : 0;
}

static __u32 ask_claim_passed(const struct wish *wish)
{
	return claim_by(wish->fd, wish->passed);
}

static bool is_claimed(struct __test_metadata *_metadata, struct _test_data_card *self)
{
	struct ndshm_nl_adapter adapter = {};

	EXPECT_EQ(0, ndshm_nl_adapter_by_name(&self->edu.nl, self->edu.pci.name, &adapter));
	return adapter.claimed;
}

/* The node is root's, and an open file of it is no claim, nor is it needed after the claim. */
TEST_F(card, node)
{
	int first = test_open_node(self, O_RDWR), second = test_open_node(self, O_RDWR);
	int other = ndshm_open();
	unsigned int numbers[2];
	struct stat node;
	char path[64];
	FILE *file;

	ASSERT_EQ(0, fstat(first, &node));
	EXPECT_EQ(S_IFCHR | 0600, node.st_mode);
	EXPECT_EQ(0, node.st_uid);
	EXPECT_EQ(0, node.st_gid);
	snprintf(path, sizeof(path), "/sys/class/ndshm/%s/dev", self->edu.adapter.name);
	file = fopen(path, "r");
	ASSERT_NE(NULL, file);
	EXPECT_EQ(2, fscanf(file, "%u:%u", &numbers[0], &numbers[1]));
	fclose(file);
	EXPECT_EQ(makedev(numbers[0], numbers[1]), node.st_rdev);
	EXPECT_FALSE(is_claimed(_metadata, self));
	EXPECT_EQ(0, claim_by(other, first));
	EXPECT_EQ(NDSHM_REASON_CLAIM_BUSY, claim_by(self->wish.fd, second));
	close(first);
	close(second);
	EXPECT_TRUE(is_claimed(_metadata, self));
	close(other);
	EXPECT_FALSE(is_claimed(_metadata, self));
}

#define test_err_device(error, reason, device) do { \
	struct ndshm_adapter_claim_args claim_ = adapter_claim_request(device, EDU_WIDTH); \
	ndshm_fail(_metadata, __LINE__, error, reason, self->wish.fd, NDSHM_ADAPTER_CLAIM, \
		   &claim_); \
} while (0)

TEST_F(card, descriptors)
{
	struct ndshm_get_info_args info = get_info_request();
	int closed = dup(0), read_only, write_only, path, section;

	test_get_info(self->wish.fd, &info);
	section = test_new_section(self->wish.fd, info.out_default_adapter, 1 << 16, 0);
	close(closed);
	path = test_open_node(self, O_PATH);
	test_err_device(EBADF, NDSHM_REASON_DESCRIPTOR, -1);
	test_err_device(EBADF, NDSHM_REASON_DESCRIPTOR, INT_MAX);
	test_err_device(EBADF, NDSHM_REASON_DESCRIPTOR, self->wish.fd);
	test_err_device(EBADF, NDSHM_REASON_DESCRIPTOR, section);
	test_err_device(EBADF, NDSHM_REASON_DESCRIPTOR, path);
	close(path);
	close(section);
	test_err_device(EBADF, NDSHM_REASON_DESCRIPTOR, path);
	read_only = test_open_node(self, O_RDONLY);
	test_err_device(EACCES, NDSHM_REASON_ADAPTER_PERMISSION, read_only);
	close(read_only);
	write_only = test_open_node(self, O_WRONLY);
	test_err_device(EACCES, NDSHM_REASON_ADAPTER_PERMISSION, write_only);
	close(write_only);
}

/* Owner, group and mode of the node say who may claim. A descriptor can be passed to others. */
TEST_F(card, users)
{
	const struct user member = { NDSHM_USER_A, NDSHM_USER_A, GROUP };

	self->wish.node = self->node;
	test_reply(NO_NODE, &user_a, ask_claim, &self->wish);
	self->wish.passed = test_open_node(self, O_RDWR);
	test_reply(self->good, &user_a, ask_claim_passed, &self->wish);
	close(self->wish.passed);
	reopen(self);

	ASSERT_EQ(0, chown(self->node, 0, GROUP));
	ASSERT_EQ(0, chmod(self->node, 0640));
	test_reply(NO_NODE, &member, ask_claim, &self->wish);
	ASSERT_EQ(0, chmod(self->node, 0660));
	test_reply(NO_NODE, &user_a, ask_claim, &self->wish);
	test_reply(self->good, &member, ask_claim, &self->wish);
	reopen(self);

	ASSERT_EQ(0, chown(self->node, NDSHM_USER_A, 0));
	test_reply(NO_NODE, &user_b, ask_claim, &self->wish);
	test_reply(self->good, &user_a, ask_claim, &self->wish);
}

/* A descriptor of the node names the adapter of one bind; the next one has a new node. */
TEST_F(card, unbound)
{
	int node = test_open_node(self, O_RDWR);
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", node);
	ASSERT_EQ(0, chown(self->node, NDSHM_USER_A, 0));
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	test_err_device(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, node);
	test_errno(ENOENT, self->wish.fd, open(self->node, O_RDWR));
	test_errno(ENODEV, self->wish.fd, open(path, O_RDWR));
	ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
	test_err_device(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, node);
	close(node);
	self->wish.node = self->node;
	test_reply(NO_NODE, &user_a, ask_claim, &self->wish);
	reopen(self);
	EXPECT_EQ(self->good, ask_claim(&self->wish));
}

/* A claim permits all allocations under it, also by receivers of the descriptor. */
TEST_F(card, claim_is_permission)
{
	struct wish root = self->wish;

	root.fd = ndshm_open();
	ASSERT_LE(0, root.fd);
	test_adapter_claim(root.fd, self->edu.adapter.name, EDU_WIDTH);
	test_reply(0, &user_a, ask_block, &root);
	test_reply(NDSHM_REASON_CLAIM_MISSING, &user_a, ask_block, &self->wish);
	close(root.fd);
}

/*
 * edu has no reset: until it is bound again only its last user may claim it, or a client with
 * CAP_SYS_RAWIO.
 */
TEST_F(card, reset)
{
	struct ndshm_adapter_start_args start;
	int root;

	if (self->edu.adapter.isolation)
		SKIP(return, "not isolated, so there is no plain client");
	ASSERT_EQ(0, chmod(self->node, 0666));
	self->wish.node = self->node;
	self->wish.adapter = self->edu.adapter.id;
	test_reply(0, &user_a, ask_claim_start, &self->wish);
	reopen(self);
	/* The effective uid counts. */
	test_reply(NDSHM_REASON_ADAPTER_NEEDS_RESET, &user_b, ask_claim, &self->wish);
	test_reply(NDSHM_REASON_ADAPTER_NEEDS_RESET,
		   (&(struct user){ NDSHM_USER_A, NDSHM_USER_B, 0 }),
		   ask_claim, &self->wish);
	test_reply(0, (&(struct user){ NDSHM_USER_B, NDSHM_USER_A, 0 }),
		   ask_claim, &self->wish);
	reopen(self);
	EXPECT_EQ(NDSHM_REASON_ADAPTER_NEEDS_RESET, ask_claim(&self->wish));
	/* Root takes the device over by its first use. */
	root = ndshm_open();
	test_adapter_claim(root, self->edu.adapter.name, EDU_WIDTH);
	close(root);
	test_reply(0, &user_a, ask_claim, &self->wish);
	reopen(self);
	root = ndshm_open();
	test_adapter_claim(root, self->edu.adapter.name, EDU_WIDTH);
	start = adapter_start_request(self->edu.adapter.id);
	test_adapter_start(root, &start);
	close(root);
	test_reply(NDSHM_REASON_ADAPTER_NEEDS_RESET, &user_a, ask_claim, &self->wish);

	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
	ASSERT_EQ(0, chmod(self->node, 0666));
	test_reply(0, &user_b, ask_claim, &self->wish);
}

/* A claim without use leaves the device to all users; each kind of use to its user. */
TEST_F(card, unused)
{
	static ask *const uses[] = { ask_claim_start, ask_claim_map, ask_claim_write };
	unsigned int i;

	if (self->edu.adapter.isolation)
		SKIP(return, "not isolated, so there is no plain client");
	for (i = 0; i < ARRAY_SIZE(uses); i++) {
		ASSERT_EQ(0, chmod(self->node, 0666));
		self->wish.node = self->node;
		self->wish.adapter = self->edu.adapter.id;
		test_reply(0, &user_a, ask_claim_idly, &self->wish);
		reopen(self);
		test_reply(0, &user_b, uses[i], &self->wish);
		reopen(self);
		test_reply(NDSHM_REASON_ADAPTER_NEEDS_RESET, &user_a, ask_claim, &self->wish);
		ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
		ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
	}
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
