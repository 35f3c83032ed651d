// SPDX-License-Identifier: GPL-2.0
/*
 * Names of sections: which are valid, who may open a section by its name, and when
 * a name ends. Users are child processes without capabilities, with a client that
 * root opened.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <linux/capability.h>

#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"

#define MAX	0x100000UL
#define GROUP	54330	/* has no member unless a test adds one */
#define NAME	"a section"

FIXTURE(name) {
	int client;
	__u32 adapter;
	size_t page;
};

FIXTURE_SETUP(name)
{
	struct ndshm_get_info_args info = get_info_request();

	self->client = ndshm_open();
	ASSERT_LE(0, self->client);
	test_get_info(self->client, &info);
	EXPECT_TRUE(info.out_features & NDSHM_FEATURE_NAMES);
	self->adapter = info.out_default_adapter;
	self->page = page_size();
}

FIXTURE_TEARDOWN(name)
{
	close(self->client);
}

static int new_named(struct __test_metadata *_metadata,
		     const struct _test_data_name *self, const char *name, __u32 mode)
{
	struct ndshm_section_create_args create =
		section_name_request(self->adapter, MAX, name, mode);

	test_section_create(self->client, &create);
	return create.out_section;
}

static int open_named(struct __test_metadata *_metadata,
		      const struct _test_data_name *self, const char *name, __u32 flags)
{
	struct ndshm_section_open_args open =
		section_open_request(NDSHM_OWNER_SELF, name, flags);

	test_section_open(self->client, &open);
	return open.out_section;
}

/* Opening @name must find nothing. */
#define test_unknown(name) do { \
	struct ndshm_section_open_args open_ = \
		section_open_request(NDSHM_OWNER_SELF, name, 0); \
	test_err_section_open(ENOENT, NDSHM_REASON_SECTION_UNKNOWN, \
			      self->client, &open_); \
} while (0)

TEST_F(name, opened)
{
	struct ndshm_section_create_args create =
		section_name_request(self->adapter, MAX, NAME, 0600);
	struct ndshm_section_open_args open =
		section_open_request(geteuid(), NAME, 0);
	unsigned char *map, *again;
	int holder;

	test_section_create(self->client, &create);
	test_section_open(self->client, &open);
	EXPECT_EQ(create.out_id, open.out_id);
	EXPECT_NE(create.out_section, open.out_section);
	EXPECT_EQ(FD_CLOEXEC, fcntl(open.out_section, F_GETFD));
	EXPECT_EQ(0, test_look_flags(open.out_section));
	holder = test_attach(open.out_section);
	EXPECT_EQ(0, test_extent(holder, self->page));
	map = test_map_section(create.out_section, MAX);
	again = test_map_section(open.out_section, MAX);
	map[0] = 7;
	EXPECT_EQ(7, again[0]);
	munmap(map, MAX);
	munmap(again, MAX);
	close(holder);
	close(open.out_section);
	close(create.out_section);
}

/* A read-only descriptor must be as one of NDSHM_SECTION_SHARE. */
TEST_F(name, readonly)
{
	int made = new_named(_metadata, self, NAME, 0400), fd;
	struct ndshm_section_delete_args request =
		section_delete_request(NDSHM_DELETE_FORCE, -1);
	char path[64];

	fd = open_named(_metadata, self, NAME, NDSHM_OPEN_READONLY);
	EXPECT_EQ(NDSHM_SECTION_READONLY, test_look_flags(fd));
	EXPECT_EQ(O_RDONLY, fcntl(fd, F_GETFL) & O_ACCMODE);
	test_errno(EACCES, self->client,
		   mmap(NULL, MAX, PROT_WRITE, MAP_SHARED, fd, 0));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	test_errno(ENXIO, self->client, open(path, O_RDWR));
	test_err_section_delete(EROFS, NDSHM_REASON_SECTION_READONLY,
				self->client, fd, &request);
	close(fd);
	close(made);
}

/* Which names are valid */

static const struct {
	const char *text;
	__u32 length;
	bool valid;
} names[] = {
#define VALID(text)	{ text, sizeof(text) - 1, true }
#define INVALID(text)	{ text, sizeof(text) - 1, false }
	VALID("a"), VALID(" "), VALID("..."), VALID(".a"), VALID("~"),
	VALID("0123456789012345678901234567890123456789012345678901234567890123"),
	VALID("\xc2\xa0"), VALID("gr\xc3\xbc\xc3\x9f"), VALID("\xe0\xa0\x80"),
	VALID("\xed\x9f\xbf"), VALID("\xee\x80\x80"), VALID("\xf0\x90\x80\x80"),
	VALID("\xf4\x8f\xbf\xbf"),
	INVALID(""), INVALID("."), INVALID(".."), INVALID("/"), INVALID("a/b"),
	INVALID("01234567890123456789012345678901234567890123456789012345678901234"),
	INVALID("\0"), INVALID("a\0"), INVALID("\n"), INVALID("a\x1b[0m"),
	INVALID("\x1f"), INVALID("\x7f"), INVALID("\xc2\x80"), INVALID("\xc2\x9f"),
	INVALID("\x80"), INVALID("\xbf"), INVALID("\xc0\xaf"), INVALID("\xc1\xbf"),
	INVALID("\xc3"), INVALID("a\xc3"), INVALID("\xc3("), INVALID("\xe0\x9f\xbf"),
	INVALID("\xe2\x82"), INVALID("\xed\xa0\x80"), INVALID("\xed\xbf\xbf"),
	INVALID("\xf0\x8f\xbf\xbf"), INVALID("\xf0\x90\x80"),
	INVALID("\xf4\x90\x80\x80"), INVALID("\xf5\x80\x80\x80"), INVALID("\xff"),
};

TEST_F(name, valid)
{
	struct ndshm_section_create_args create;
	struct ndshm_section_open_args open;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		create = section_name_request(self->adapter, MAX, names[i].text, 0600);
		create.name_length = names[i].length;
		open = section_open_request(NDSHM_OWNER_SELF, names[i].text, 0);
		open.name_length = names[i].length;
		if (names[i].valid) {
			test_section_create(self->client, &create);
			test_section_open(self->client, &open);
			close(open.out_section);
			close(create.out_section);
		} else {
			test_err_section_create(EINVAL, NDSHM_REASON_NAME,
						self->client, &create);
			test_err_section_open(EINVAL, NDSHM_REASON_NAME,
					      self->client, &open);
		}
	}
}

TEST_F(name, invalid_requests)
{
	struct ndshm_section_create_args create =
		section_name_request(self->adapter, MAX, NAME, 01000);
	struct ndshm_section_open_args open =
		section_open_request(NDSHM_OWNER_SELF, NAME, 0);

	test_err_section_create(EINVAL, NDSHM_REASON_MODE, self->client, &create);
	create = section_name_request(self->adapter, MAX, NAME, 0600);
	create.__reserved2 = 1;
	test_err_section_create(EINVAL, NDSHM_REASON_RESERVED, self->client,
				&create);
	create = section_create_request(self->adapter, MAX, 0);
	create.mode = 0600;
	test_err_section_create(EINVAL, NDSHM_REASON_MODE, self->client, &create);
	create = section_name_request(self->adapter, MAX, NAME, 0600);
	create.name = 0;
	test_err_section_create(EINVAL, NDSHM_REASON_NAME, self->client, &create);
	create = section_name_request(self->adapter, MAX, NAME, 0600);
	create.name = 1;
	test_err_section_create(EFAULT, NDSHM_REASON_ADDRESS, self->client,
				&create);
	create = section_name_request(self->adapter, MAX, NAME, 0777);
	create.name_length = 0xffffffff;
	test_err_section_create(EINVAL, NDSHM_REASON_NAME, self->client, &create);
	open.name = 0;
	test_err_section_open(EINVAL, NDSHM_REASON_NAME, self->client, &open);
	open = section_open_request(NDSHM_OWNER_SELF, NAME, 0);
	open.name = 1;
	test_err_section_open(EFAULT, NDSHM_REASON_ADDRESS, self->client, &open);
	open = section_open_request(NDSHM_OWNER_SELF, NAME, 2);
	test_err_section_open(EOPNOTSUPP, NDSHM_REASON_FLAGS, self->client, &open);
	test_unknown(NAME);
}

/* When a name ends */

TEST_F(name, taken)
{
	int made = new_named(_metadata, self, NAME, 0600), fd;
	struct ndshm_section_create_args create =
		section_name_request(self->adapter, MAX, NAME, 0600);

	test_err_section_create(EEXIST, NDSHM_REASON_NAME_TAKEN, self->client,
				&create);
	/* A prefix and an extension are other names. */
	close(new_named(_metadata, self, NAME "s", 0600));
	close(new_named(_metadata, self, "a", 0600));
	/* Any descriptor keeps the name, and so does a holder. */
	fd = open_named(_metadata, self, NAME, NDSHM_OPEN_READONLY);
	close(made);
	made = open_named(_metadata, self, NAME, 0);
	close(fd);
	fd = test_attach(made);
	close(made);
	made = open_named(_metadata, self, NAME, 0);
	close(fd);
	close(made);
	test_unknown(NAME);
	close(new_named(_metadata, self, NAME, 0600));
}

TEST_F(name, mapping_keeps_no_name)
{
	int made = new_named(_metadata, self, NAME, 0600);
	unsigned char *map = test_map_section(made, MAX);

	close(made);
	test_unknown(NAME);
	made = new_named(_metadata, self, NAME, 0600);
	munmap(map, MAX);
	close(open_named(_metadata, self, NAME, 0));
	close(made);
}

TEST_F(name, deleted)
{
	struct ndshm_section_delete_args request = section_delete_request(0, -1);
	int made = new_named(_metadata, self, NAME, 0600), fd, again;

	/* Remove the section by its name. */
	fd = open_named(_metadata, self, NAME, 0);
	test_section_delete(fd, &request);
	test_unknown(NAME);
	again = new_named(_metadata, self, NAME, 0600);
	/* The end of the deleted section must not end the name of the new one. */
	close(fd);
	close(made);
	close(open_named(_metadata, self, NAME, 0));
	close(again);
	test_unknown(NAME);
}

TEST_F(name, killed)
{
	pid_t child;
	int peer;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		struct ndshm_section_create_args create =
			section_name_request(self->adapter, MAX, NAME, 0600);

		if (_test_section_create(self->client, &create))
			_exit(1);
		ndshm_signal_peer(peer);
		pause();
	}
	ASSERT_TRUE(ndshm_hear(peer));
	close(open_named(_metadata, self, NAME, 0));
	EXPECT_TRUE(ndshm_end(child, peer, SIGKILL));
	EXPECT_FALSE(ndshm_reap(child));
	test_unknown(NAME);
	close(new_named(_metadata, self, NAME, 0600));
}

/* A child of fork() has the descriptor, and with it the name. */
TEST_F(name, fork)
{
	int made = new_named(_metadata, self, NAME, 0600), peer;
	pid_t child = ndshm_fork(&peer);

	ASSERT_LE(0, child);
	if (!child)
		_exit(!ndshm_hear(peer));
	close(made);
	close(open_named(_metadata, self, NAME, 0));
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	test_unknown(NAME);
}

/* Who may open a section */

/* The reason that a child gets as @uid, with or without GROUP. */
static __u32 reply_to(const struct _test_data_name *self, uid_t uid, bool member,
		      __u32 owner, __u32 flags)
{
	const gid_t group = GROUP;
	struct ndshm_section_open_args open = section_open_request(owner, NAME, flags);
	pid_t child = fork();
	int status;

	if (!child) {
		if (setgroups(member, &group) || setresgid(uid, uid, uid) ||
		    setresuid(uid, uid, uid))
			_exit(0xff);
		_exit(_test_section_open(self->client, &open) ? open.reason : 0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 0xff;
	return WEXITSTATUS(status);
}

#define test_reply(expected, uid, member, owner, flags) do { \
	ndshm_case((expected) == NDSHM_REASON_NONE); \
	EXPECT_EQ(expected, reply_to(self, uid, member, owner, flags)) \
		TH_LOG("line %d, mode %o", __LINE__, mode); \
} while (0)

/* The reason for a class of users with @bits. */
static __u32 expected(unsigned int bits, bool readonly)
{
	if (!(bits & 4))
		return NDSHM_REASON_SECTION_UNKNOWN;
	return readonly || bits & 2 ? NDSHM_REASON_NONE :
				      NDSHM_REASON_SECTION_PERMISSION;
}

/* A child creates the section as user A, with the group GROUP. Return: false on failure. */
static bool serve_as_a(const struct _test_data_name *self, unsigned int mode,
		       pid_t *child, int *peer)
{
	*child = ndshm_fork(peer);
	if (*child < 0)
		return false;
	if (!*child) {
		struct ndshm_section_create_args create =
			section_name_request(self->adapter, MAX, NAME, mode);

		int client = ndshm_open_as(NDSHM_USER_A, RLIM_INFINITY);

		create.group = GROUP;
		if (!ndshm_become(NDSHM_USER_A) || _test_section_create(client, &create))
			_exit(1);
		ndshm_signal_peer(*peer);
		_exit(!ndshm_hear(*peer));
	}
	return ndshm_hear(*peer);
}

static bool serve_no_more(pid_t child, int peer)
{
	bool signalled = ndshm_signal_peer(peer), ended = ndshm_reap(child);

	close(peer);
	return signalled && ended;
}

/* All modes of each class, while the other classes have all permissions or none. */
TEST_F(name, modes)
{
	unsigned int bits, others, mode, flags;
	pid_t child;
	int peer;

	if (geteuid())
		SKIP(return, "only root can become other users");
	for (bits = 0; bits < 8; bits++) {
		others = bits & 1 ? 0 : 7;
		for (flags = 0; flags <= NDSHM_OPEN_READONLY; flags++) {
			mode = bits << 6 | others << 3 | others;
			ASSERT_TRUE(serve_as_a(self, mode, &child, &peer));
			test_reply(expected(bits, flags), NDSHM_USER_A, true,
				   NDSHM_USER_A, flags);
			/* CAP_DAC_OVERRIDE of root */
			test_reply(NDSHM_REASON_NONE, 0, false, NDSHM_USER_A, flags);
			EXPECT_TRUE(serve_no_more(child, peer));

			mode = others << 6 | bits << 3 | others;
			ASSERT_TRUE(serve_as_a(self, mode, &child, &peer));
			test_reply(expected(bits, flags), NDSHM_USER_B, true,
				   NDSHM_USER_A, flags);
			test_reply(expected(others, flags), NDSHM_USER_B, false,
				   NDSHM_USER_A, flags);
			EXPECT_TRUE(serve_no_more(child, peer));

			mode = others << 6 | others << 3 | bits;
			ASSERT_TRUE(serve_as_a(self, mode, &child, &peer));
			test_reply(expected(bits, flags), NDSHM_USER_B, false,
				   NDSHM_USER_A, flags);
			EXPECT_TRUE(serve_no_more(child, peer));
		}
	}
}

/* A name is unique for its owner only. */
TEST_F(name, owners)
{
	const unsigned int mode = 0666;
	int made, peer;
	pid_t child;

	if (geteuid())
		SKIP(return, "only root can become other users");
	ASSERT_TRUE(serve_as_a(self, mode, &child, &peer));
	test_unknown(NAME);
	made = new_named(_metadata, self, NAME, 0600);
	test_reply(NDSHM_REASON_NONE, NDSHM_USER_B, false, NDSHM_USER_A, 0);
	test_reply(NDSHM_REASON_SECTION_UNKNOWN, NDSHM_USER_B, false, 0, 0);
	test_reply(NDSHM_REASON_SECTION_UNKNOWN, NDSHM_USER_B, false,
		   NDSHM_OWNER_SELF, 0);
	test_reply(NDSHM_REASON_SECTION_UNKNOWN, NDSHM_USER_B, false,
		   NDSHM_USER_B, 0);
	EXPECT_TRUE(serve_no_more(child, peer));
	test_reply(NDSHM_REASON_SECTION_UNKNOWN, NDSHM_USER_B, false,
		   NDSHM_USER_A, 0);
	close(made);
}

/* Only the creator and CAP_SYS_ADMIN can delete a section that others may open. */
TEST_F(name, others_cannot_delete)
{
	struct ndshm_section_delete_args request =
		section_delete_request(NDSHM_DELETE_FORCE, -1);
	int made = new_named(_metadata, self, NAME, 0666), peer;
	pid_t child;

	if (geteuid())
		SKIP(return, "only root can become other users");
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		struct ndshm_section_open_args open = section_open_request(0, NAME, 0);

		_exit(!(ndshm_become(NDSHM_USER_A) &&
			!_test_section_open(self->client, &open) &&
			_test_section_delete(open.out_section, &request) &&
			request.reason == NDSHM_REASON_NOT_CREATOR));
	}
	EXPECT_TRUE(ndshm_reap(child));
	ndshm_case(false);
	close(open_named(_metadata, self, NAME, 0));
	close(made);
}

/* In a user namespace, an owner and a group that it does not map do not exist. */
TEST_F(name, user_namespace)
{
	int made = new_named(_metadata, self, NAME, 0666), peer;
	pid_t child;

	if (geteuid())
		SKIP(return, "only root can become other users");
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		struct ndshm_section_open_args open = section_open_request(0, NAME, 0);
		struct ndshm_section_create_args create =
			section_name_request(self->adapter, MAX, NAME, 0666);
		int client = ndshm_open_as(NDSHM_USER_A, RLIM_INFINITY);
		bool good;

		create.group = GROUP;
		if (!ndshm_become(NDSHM_USER_A) || unshare(CLONE_NEWUSER))
			_exit(1);
		good = _test_section_open(client, &open) &&
		       open.reason == NDSHM_REASON_SECTION_UNKNOWN &&
		       _test_section_create(client, &create) &&
		       create.reason == NDSHM_REASON_GROUP;
		/* User A has its own name, whatever number the namespace shows. */
		create = section_name_request(self->adapter, MAX, NAME, 0600);
		open = section_open_request(NDSHM_OWNER_SELF, NAME, 0);
		_exit(!(good && !_test_section_create(client, &create) &&
			!_test_section_open(client, &open) &&
			open.out_id == create.out_id));
	}
	EXPECT_TRUE(ndshm_reap(child));
	ndshm_case(false);
	close(made);
}

/* Netlink shows name, group and mode to a viewer that sees the section. */
TEST_F(name, shown)
{
	const char *longest = names[5].text;
	struct ndshm_section_create_args create =
		section_name_request(self->adapter, MAX, longest, 0740);
	struct ndshm_nl_section shown;
	struct ndshm_nl nl;
	int unnamed;

	create.group = GROUP;
	test_section_create(self->client, &create);
	unnamed = test_new_section(self->client, self->adapter, MAX, 0);
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_EQ(0, ndshm_nl_section_by_id(&nl, create.out_id, &shown));
	EXPECT_STREQ(longest, shown.name);
	EXPECT_EQ(GROUP, shown.group);
	EXPECT_EQ(0740, shown.mode);
	EXPECT_EQ(geteuid(), shown.uid);
	ASSERT_EQ(0, ndshm_nl_section_by_id(&nl, test_look(unnamed).out_id, &shown));
	EXPECT_FALSE(shown.present & (1U << NDSHM_A_SECTION_NAME |
				      1U << NDSHM_A_SECTION_GROUP |
				      1U << NDSHM_A_SECTION_MODE));
	ndshm_case(true);
	ndshm_nl_close(&nl);
	close(unnamed);
	close(create.out_section);
}

/* Races: threads create, open and delete sections of one name. */

struct race {
	int client;
	__u32 adapter;
	unsigned int rounds;
	unsigned int created;
	unsigned int opened;
	bool wrong;
};

static void *race(void *argument)
{
	struct race *of = argument;
	unsigned int i;

	for (i = 0; i < of->rounds || (!of->created && i < 100 * of->rounds); i++) {
		struct ndshm_section_create_args create =
			section_name_request(of->adapter, MAX, NAME, 0600);
		struct ndshm_section_open_args open =
			section_open_request(NDSHM_OWNER_SELF, NAME, i & 1);
		struct ndshm_section_delete_args request =
			section_delete_request(NDSHM_DELETE_FORCE, -1);

		if (!_test_section_create(of->client, &create)) {
			of->created++;
			/* End the name in each of the two ways. */
			if (i & 2 && _test_section_delete(create.out_section, &request) &&
			    request.reason != NDSHM_REASON_SECTION_DELETED)
				of->wrong = true;
			close(create.out_section);
		} else if (create.reason != NDSHM_REASON_NAME_TAKEN) {
			of->wrong = true;
		}
		if (!_test_section_open(of->client, &open)) {
			of->opened++;
			close(open.out_section);
		} else if (open.reason != NDSHM_REASON_SECTION_UNKNOWN) {
			of->wrong = true;
		}
	}
	return NULL;
}

TEST_F(name, races)
{
	pthread_t threads[4];
	struct race races[4];
	unsigned int i;

	for (i = 0; i < 4; i++) {
		races[i] = (struct race){
			.client = self->client, .adapter = self->adapter,
			.rounds = ndshm_rounds(5000, 500),
		};
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, race, &races[i]));
	}
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_FALSE(races[i].wrong);
		EXPECT_LT(0, races[i].created);
	}
	ndshm_case(true);
	test_unknown(NAME);
	close(new_named(_metadata, self, NAME, 0600));
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
