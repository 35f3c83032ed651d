// SPDX-License-Identifier: GPL-2.0
/*
 * Sections of the backend without a module, in processes other than the creator: children
 * that inherited them, and processes that received a descriptor.
 */
#include <sys/socket.h>

#include "test_section.h"

static struct ndshm *ndshm;
static struct ndshm_section *section;
static uint64_t page;

static void (*in_child)(void);

/* Close what is inherited, after @in_child. */
static void as_child(void)
{
	in_child();
	ndshm_section_close(section);
	ndshm_close(ndshm);
}

/* Run @body in a child. Return: true if it succeeded. */
static bool child(void (*body)(void))
{
	in_child = body;
	return test_child(as_child);
}

static void with_section(void (*body)(void))
{
	uint64_t offset, length;

	section = test_make_section(ndshm, 4 * HUGE, 0);
	REQUIRE(section);
	CHECK_DONE(ndshm, ndshm_extent_alloc(section, page, 0, &offset, &length));
	CHECK(offset == 0);
	CHECK(child(body));
	ndshm_section_close(section);
}

#define SECTION_TEST(name) \
	TEST_WITHIN(name, section = test_make_section(ndshm, 4 * HUGE, page), \
		    ndshm_section_close(section))

static struct ndshm_section_info look(void)
{
	struct ndshm_section_info info = { 0 };

	CHECK_DONE(ndshm, ndshm_section_query(section, &info));
	return info;
}

static void use_as_child(void)
{
	char *memory = ndshm_section_base(section);
	struct ndshm_section_row *rows;
	struct ndshm_segment segment;
	size_t count;

	memory[1] = memory[0] + 1;
	/* Before and after attaching. */
	for (int i = 0; i < 2; i++) {
		CHECK_REASON(ndshm, test_extent(section, page), NOT_CREATOR);
		CHECK_REASON(ndshm, test_extent(section, 0), LENGTH_ZERO);
		CHECK_REASON(ndshm, ndshm_extent_free(section, 0), EXTENT_UNKNOWN);
		CHECK_REASON(ndshm, ndshm_extent_query(section, 0, &segment, 1, &count),
			     EXTENT_UNKNOWN);
		CHECK_REASON(ndshm, ndshm_section_delete(section, 0), NOT_CREATOR);
		CHECK(look().max_size == 4 * HUGE && look().committed == page);
		CHECK(!look().holders && !look().extents);
		CHECK_DONE(ndshm, ndshm_list_sections(ndshm, &rows, &count));
		CHECK(!rows && !count);
	}
}

SECTION_TEST(a_child_reads_and_writes)
{
	char *memory;

	memory = ndshm_section_base(section);
	memory[0] = 1;
	CHECK(child(use_as_child));
	CHECK(memory[1] == 2);
}

/* A child shares the holder of its parent. */
SECTION_TEST(a_child_is_no_holder)
{
	uint64_t offset, length;

	CHECK_DONE(ndshm, ndshm_extent_alloc(section, page, 0, &offset, &length));
	CHECK(child(use_as_child));
	CHECK(look().holders == 1 && look().extents == 1);
	CHECK_DONE(ndshm, ndshm_extent_free(section, offset));
}

static void make_an_own_section(void)
{
	struct ndshm_section *own;
	uint64_t offset, length;
	struct ndshm *client;

	REQUIRE(!ndshm_open("memfd:", &client));
	own = test_make_section(client, HUGE, 0);
	REQUIRE(own);
	CHECK_DONE(client, ndshm_extent_alloc(own, page, 0, &offset, &length));
	CHECK_DONE(client, ndshm_extent_free(own, offset));
	CHECK_DONE(client, ndshm_section_delete(own, 0));
	CHECK(!(look().flags & NDSHM_SECTION_DELETED));
	ndshm_section_close(own);
	ndshm_close(client);
}

CALL_TEST(a_child_makes_its_own, with_section(make_an_own_section))

static void fork_once_more(void)
{
	CHECK(child(make_an_own_section));
}

CALL_TEST(so_does_a_grandchild, with_section(fork_once_more))

static void delete_by_force(void)
{
	CHECK_DONE(ndshm, ndshm_section_delete(section, NDSHM_DELETE_FORCE));
	CHECK_REASON(ndshm, test_extent(section, page), SECTION_DELETED);
	for (int i = 0; i < 2; i++)
		CHECK_REASON(ndshm, ndshm_section_delete(section, i), SECTION_DELETED);
}

/* The same user, but not the creator. */
SECTION_TEST(others_delete_by_force)
{
	CHECK_DONE(ndshm, test_extent(section, page));
	CHECK(child(delete_by_force));
	CHECK(look().flags == NDSHM_SECTION_DELETED);
	CHECK_REASON(ndshm, test_extent(section, page), SECTION_DELETED);
	CHECK_DONE(ndshm, ndshm_extent_free(section, 0));
}

static void query_deleted(void)
{
	size_t count;

	CHECK_REASON(ndshm, ndshm_extent_query(section, 0, NULL, 0, &count), EXTENT_UNKNOWN);
	CHECK_DONE(ndshm, ndshm_section_delete(section, NDSHM_DELETE_REVOKE));
	CHECK(look().flags == (NDSHM_SECTION_DELETED | NDSHM_SECTION_REVOKED));
	CHECK_REASON(ndshm, ndshm_extent_query(section, 0, NULL, 0, &count), SECTION_DELETED);
	CHECK_REASON(ndshm, ndshm_extent_free(section, 0), EXTENT_UNKNOWN);
	CHECK_REASON(ndshm, ndshm_section_delete(section, NDSHM_DELETE_REVOKE), SECTION_DELETED);
}

/* A holder that is not the creator. */
CALL_TEST(what_others_query_is_deleted, with_section(query_deleted))

static void use_without_proc(void)
{
	struct ndshm_section *other = (void *)1;
	int fd;

	/* Only root can change its root directory; /dev has no /dev/proc. */
	if (!chroot("/dev")) {
		CHECK_DONE(ndshm, ndshm_section_share(section, 0, &fd));
		close(fd);
		CHECK_REASON(ndshm, ndshm_section_share(section, NDSHM_SHARE_READONLY, &fd), FLAGS);
		CHECK_ERRNO(ndshm, ndshm_section_adopt(ndshm, ndshm_section_fd(section), &other),
			    ENOENT);
		CHECK(!other);
	}
	fflush(NULL);
	/* The sanitizer needs /proc for its search for leaks. */
	_exit(test_bad);
}

CALL_TEST(without_proc_there_are_errors, with_section(use_without_proc))

static void delete_unprivileged(void)
{
	CHECK(!setuid(65534));
	for (int i = 0; i < 2; i++)
		CHECK_REASON(ndshm, ndshm_section_delete(section, i), NOT_CREATOR);
	CHECK(!(look().flags & NDSHM_SECTION_DELETED));
	_exit(test_bad);
}

TEST(other_users_do_not)
{
	/* Only root can change to another user. */
	if (geteuid())
		return;
	with_section(delete_unprivileged);
}

static int peer;

/* A process that must not open the device, and has no other access. */
static void use_as_stranger(void)
{
	struct ndshm_section *mine = NULL;
	struct ndshm_section_info info;
	struct ndshm *client;
	char *memory, byte;
	size_t length = 1;

	REQUIRE(!ndshm_open("section:", &client));
	CHECK_DONE(client, ndshm_section_receive(client, peer, &byte, &length, &mine));
	REQUIRE(mine);
	CHECK_DONE(client, ndshm_section_query(mine, &info));
	CHECK(info.id && info.max_size == 4 * HUGE && info.initial_size == page);
	memory = ndshm_section_base(mine);
	CHECK(ndshm_section_size(mine) == 4 * HUGE && memory[0] == 3);
	if (info.flags & NDSHM_SECTION_READONLY) {
		CHECK(!test_can_write(memory));
		CHECK_REASON(client, test_extent(mine, page), SECTION_READONLY);
	} else {
		memory[1] = 4;
		CHECK_REASON(client, test_extent(mine, page), NOT_CREATOR);
		CHECK_REASON(client, ndshm_section_delete(mine, 0), NOT_CREATOR);
	}
	/* Memory added later is visible. */
	CHECK(write(peer, "x", 1) == 1 && read(peer, &byte, 1) == 1);
	CHECK(memory[3 * HUGE] == 5);
	ndshm_section_close(mine);
	ndshm_close(client);
	ndshm_section_close(section);
	ndshm_close(ndshm);
}

static void pass(uint32_t flags)
{
	char *memory, byte;
	int pair[2];
	pid_t pid;

	section = test_make_section(ndshm, 4 * HUGE, page);
	REQUIRE(section && !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	memory = ndshm_section_base(section);
	memory[0] = 3;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		alarm(60);
		close(pair[0]);
		peer = pair[1];
		test_bad = false;
		use_as_stranger();
		exit(test_bad);
	}
	close(pair[1]);
	peer = pair[0];
	CHECK_DONE(ndshm, ndshm_section_send(section, peer, flags, "x", 1));
	CHECK(read(peer, &byte, 1) == 1);
	CHECK_DONE(ndshm, test_extent(section, 4 * HUGE));
	memory[3 * HUGE] = 5;
	CHECK(write(peer, "x", 1) == 1);
	CHECK(!test_wait(pid));
	close(peer);
	ndshm_section_close(section);
}

CALL_TEST(a_section_is_passed, pass(0))
CALL_TEST(a_section_is_passed_for_reading, pass(NDSHM_SHARE_READONLY))

#define THREADS	4

static atomic_bool stop;

static void *allocate_until_stopped(void *argument)
{
	uint64_t offset, length;

	while (!stop)
		if (!ndshm_extent_alloc(section, page, 0, &offset, &length))
			ndshm_extent_free(section, offset);
	return argument;
}

static void refused_amid_threads(void)
{
	CHECK_REASON(ndshm, test_extent(section, page), NOT_CREATOR);
	ndshm_section_close(section);
	ndshm_close(ndshm);
	_exit(test_bad);
}

/* A fork at any moment leaves working calls in the child. */
SECTION_TEST(children_come_amid_threads)
{
	pthread_t threads[THREADS];

	stop = false;
	test_start(threads, THREADS, allocate_until_stopped, NULL, 0);
	for (int i = 0; i < 50; i++)
		CHECK(test_child(refused_amid_threads));
	stop = true;
	test_join(threads, THREADS);
	CHECK(look().holders == 1 && !look().extents);
}

static void *list_until_stopped(void *argument)
{
	struct ndshm_section_row *rows;
	size_t count;

	while (!stop)
		if (!ndshm_list_sections(ndshm, &rows, &count))
			free(rows);
	return argument;
}

static void closed_amid_threads(void)
{
	int fd = ndshm_section_fd(section);

	ndshm_section_close(section);
	CHECK(fcntl(fd, F_GETFD) < 0);
	ndshm_close(ndshm);
	_exit(test_bad);
}

/* A thread of the parent that uses the section at the fork does not keep the child's copy open. */
SECTION_TEST(children_close_what_others_list)
{
	pthread_t thread;

	stop = false;
	CHECK(!pthread_create(&thread, NULL, list_until_stopped, NULL));
	for (int i = 0; i < 100; i++)
		CHECK(test_child(closed_amid_threads));
	stop = true;
	pthread_join(thread, NULL);
}

/* Number of descriptors of sections. */
static int section_descriptors(void)
{
	char path[32], name[64];
	int count = 0;

	for (int fd = 0; fd < 100; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, name, sizeof(name)) > 0)
			count += !strncmp(name, "/memfd:ndshm-section", 20);
	}
	return count;
}

static void has_no_section(void)
{
	CHECK(!section_descriptors());
	fflush(NULL);
	_exit(test_bad);
}

#define SECTIONS	20

/* A list that another thread makes does not keep the descriptor of a closed section open. */
TEST(children_do_not_inherit_what_others_list)
{
	struct ndshm_section *sections[SECTIONS];
	pthread_t thread;

	stop = false;
	REQUIRE(!pthread_create(&thread, NULL, list_until_stopped, NULL));
	for (int i = 0; i < 50; i++) {
		for (int j = 0; j < SECTIONS; j++) {
			sections[j] = test_make_section(ndshm, HUGE, 0);
			CHECK_DONE(ndshm, ndshm_section_dont_fork(sections[j]));
		}
		ndshm_section_close(sections[0]);
		CHECK(test_child(has_no_section));
		for (int j = 1; j < SECTIONS; j++)
			ndshm_section_close(sections[j]);
	}
	stop = true;
	pthread_join(thread, NULL);
}

int main(void)
{
	page = sysconf(_SC_PAGESIZE);
	return test_main(ndshm_open("memfd:", &ndshm), &ndshm);
}
