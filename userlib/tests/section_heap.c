// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks of any size in a section, on the backend without a module or on NDSHM_TEST_BACKEND.
 * heap*.c test the heap; this file tests its integration.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "test_section.h"

#define MAX	(16ul << 20)

static struct ndshm *ndshm;
static struct ndshm_section *section;

static bool make(void)
{
	section = test_make_section(ndshm, MAX, 0);
	return CHECK(section);
}

#define SECTION_TEST(name)	TEST_WITHIN(name, make(), ndshm_section_close(section))

static uint64_t taken(void)
{
	struct ndshm_section_info info = { .taken = ~0ull };

	CHECK_DONE(ndshm, ndshm_section_query(section, &info));
	return info.taken;
}

SECTION_TEST(memory_is_within_the_section)
{
	char *base, *memory, *more;
	void *out;

	base = ndshm_section_base(section);
	REQUIRE(!ndshm_section_alloc(section, 100, &out));
	memory = out;
	CHECK(memory >= base && memory + 100 <= base + MAX);
	CHECK((uintptr_t)memory % 16 == 0);
	CHECK(ndshm_section_usable_size(section, memory) >= 100);
	memset(memory, 1, 100);
	REQUIRE(!ndshm_section_realloc(section, memory, 100000, &out));
	memory = out;
	CHECK(memory[0] == 1 && memory[99] == 1);
	REQUIRE(!ndshm_section_alloc_aligned(section, 65536, 10, &out));
	more = out;
	CHECK((uintptr_t)more % 65536 == 0);
	CHECK(!ndshm_section_free(section, memory));
	CHECK(!ndshm_section_free(section, more));
	REQUIRE(!ndshm_section_calloc(section, 1000, 100, &out));
	memory = out;
	for (int i = 0; i < 100000; i++)
		CHECK(!memory[i]);
	CHECK(!ndshm_section_free(section, memory));
	CHECK(!ndshm_section_free(section, NULL));
	ndshm_section_trim(section);
	CHECK(!taken());
}

/* Expect this failure after another call has failed with another reason. */
#define REFUSED(call, reason) do { \
	CHECK_REASON(ndshm, ndshm_section_sync(section, 0, 0, 1), DIRECTION); \
	CHECK_REASON(ndshm, call, reason); \
} while (0)

/* The same of a call that returns memory by way of @out. */
#define NO_MEMORY(call, reason) do { \
	out = section; \
	REFUSED(call, reason); \
	CHECK(!out); \
} while (0)

SECTION_TEST(the_reason_is_not_of_another_call)
{
	void *out, *memory;

	/* Without the heap, which the first block makes. */
	REFUSED(ndshm_section_free(section, &out), POINTER_FOREIGN);
	ndshm_section_trim(section);
	NO_MEMORY(ndshm_section_alloc(section, 0, &out), LENGTH_ZERO);
	REQUIRE(!ndshm_section_alloc(section, 64, &memory));
	NO_MEMORY(ndshm_section_alloc(section, 0, &out), LENGTH_ZERO);
	NO_MEMORY(ndshm_section_calloc(section, 0, 8, &out), LENGTH_ZERO);
	NO_MEMORY(ndshm_section_realloc(section, memory, 0, &out), LENGTH_ZERO);
	NO_MEMORY(ndshm_section_realloc(section, NULL, 0, &out), LENGTH_ZERO);
	NO_MEMORY(ndshm_section_alloc_aligned(section, 48, 0, &out), LENGTH_ZERO);
	NO_MEMORY(ndshm_section_alloc_aligned(section, 48, 1, &out), ALIGNMENT);
	NO_MEMORY(ndshm_section_alloc_aligned(section, 4 << 20, 1, &out), ALIGNMENT);
	NO_MEMORY(ndshm_section_calloc(section, SIZE_MAX, 2, &out), LENGTH_OVERFLOW);
	NO_MEMORY(ndshm_section_alloc(section, MAX + 1, &out), MEMORY);
	NO_MEMORY(ndshm_section_alloc(section, SIZE_MAX, &out), MEMORY);
	NO_MEMORY(ndshm_section_alloc_aligned(section, 4096, SIZE_MAX, &out), MEMORY);
	NO_MEMORY(ndshm_section_calloc(section, 2, MAX, &out), MEMORY);
	NO_MEMORY(ndshm_section_realloc(section, memory, 2 * MAX, &out), MEMORY);
	NO_MEMORY(ndshm_section_alloc(section, MAX, &out), SECTION_FULL);
	CHECK(!ndshm_section_free(section, memory));
}

/* Expect 0 bytes after another call has failed with another reason. */
#define NO_SIZE(pointer, reason) do { \
	CHECK_REASON(ndshm, ndshm_section_sync(section, 0, 0, 1), DIRECTION); \
	test_check_call(ndshm, ndshm_section_usable_size(section, pointer), 0, \
			NDSHM_REASON_##reason, NDSHM_STATUS_INVALID_PARAMETER, \
			__FILE__, __LINE__, #pointer); \
} while (0)

SECTION_TEST(bad_pointers_have_reasons)
{
	static const size_t sizes[] = { 64, 5000, 100000, 300000 };
	void *out, *memory, *keeps;

	NO_SIZE(&out, POINTER_FOREIGN);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		REQUIRE(!ndshm_section_alloc(section, sizes[i], &keeps));
		REQUIRE(!ndshm_section_alloc(section, sizes[i], &memory));
		REFUSED(ndshm_section_free(section, (char *)memory + 16), POINTER_INTERIOR);
		REFUSED(ndshm_section_realloc(section, (char *)memory + 1, 1, &out),
			POINTER_INTERIOR);
		NO_SIZE((char *)memory + 16, POINTER_INTERIOR);
		REFUSED(ndshm_section_realloc(section, &out, 1, &out), POINTER_FOREIGN);
		REFUSED(ndshm_section_free(section, (char *)ndshm_section_base(section) + MAX),
			POINTER_FOREIGN);
		NO_SIZE(&memory, POINTER_FOREIGN);
		CHECK(ndshm_section_usable_size(section, memory) >= sizes[i]);
		CHECK(!ndshm_section_free(section, memory));
		/* An extent that has been given back is not of this heap any more. */
		if (sizes[i] < 200000) {
			REFUSED(ndshm_section_free(section, memory), POINTER_FREED);
			REFUSED(ndshm_section_realloc(section, memory, 1, &out), POINTER_FREED);
			NO_SIZE(memory, POINTER_FREED);
			/* NULL is no misuse: it leaves the reason of the call before. */
			CHECK(!ndshm_section_usable_size(section, NULL));
			CHECK(ndshm_last_reason(ndshm) == NDSHM_REASON_POINTER_FREED);
		}
		CHECK(!ndshm_section_free(section, keeps));
	}
}

SECTION_TEST(places_are_offsets)
{
	char *base;
	uint64_t offset = 7;
	void *out;

	base = ndshm_section_base(section);
	CHECK(!ndshm_section_offset(section, base, &offset) && !offset);
	CHECK(!ndshm_section_offset(section, base + MAX - 1, &offset) && offset == MAX - 1);
	CHECK(ndshm_section_offset(section, base - 1, &offset) == -ERANGE);
	CHECK(ndshm_section_offset(section, base + MAX, &offset) == -ERANGE);
	CHECK(ndshm_section_offset(section, NULL, &offset) == -ERANGE);
	CHECK(offset == MAX - 1);
	CHECK(!ndshm_section_pointer(section, 0, MAX, &out) && out == base);
	CHECK(!ndshm_section_pointer(section, MAX - 1, 1, &out) && out == base + MAX - 1);
	CHECK(ndshm_section_pointer(section, MAX, 0, &out) == -ERANGE && !out);
	CHECK(ndshm_section_pointer(section, 1, MAX, &out) == -ERANGE);
	CHECK(ndshm_section_pointer(section, MAX - 1, 2, &out) == -ERANGE);
	CHECK(ndshm_section_pointer(section, UINT64_MAX, 1, &out) == -ERANGE);
	CHECK(ndshm_section_pointer(section, 1, UINT64_MAX, &out) == -ERANGE);
}

/* In a page without memory a load or store would be SIGBUS. */
SECTION_TEST(copies_return_faults)
{
	const uint64_t page = sysconf(_SC_PAGESIZE), hole = MAX / 2;
	static char from[300000], to[sizeof(from)];
	struct ndshm_section *reader;
	uint64_t offset, length;
	int fd;

	REQUIRE(!ndshm_extent_alloc(section, sizeof(from), 0, &offset, &length));
	memset(from, 'a', sizeof(from));
	CHECK(!ndshm_section_write(section, offset + 1, from, sizeof(from) - 1));
	CHECK(!ndshm_section_read(section, offset, to, sizeof(to)));
	CHECK(!to[0] && !memcmp(to + 1, from, sizeof(to) - 1));
	CHECK(!ndshm_section_read(section, hole, to, 0));
	REQUIRE(!test_can_read((char *)ndshm_section_base(section) + hole));
	CHECK(ndshm_section_read(section, hole, to, 1) == -EFAULT);
	CHECK(ndshm_section_write(section, hole, from, 1) == -EFAULT);
	CHECK(ndshm_section_read(section, MAX - page, to, page) == -EFAULT);
	/* The first extent has given memory to the first 2 MiB. */
	CHECK(ndshm_section_read(section, HUGE - page, to, 2 * page) == -EFAULT);
	CHECK(ndshm_section_write(section, HUGE - page, from, 2 * page) == -EFAULT);
	CHECK(ndshm_section_read(section, MAX - 1, to, 2) == -ERANGE);
	CHECK(ndshm_section_write(section, MAX - 1, from, 2) == -ERANGE);
	CHECK(ndshm_section_read(section, UINT64_MAX, to, 2) == -ERANGE);
	CHECK(ndshm_section_write(section, 1, from, SIZE_MAX) == -ERANGE);
	REQUIRE(!ndshm_section_share(section, NDSHM_SHARE_READONLY, &fd));
	REQUIRE(!ndshm_section_adopt(ndshm, fd, &reader));
	close(fd);
	CHECK(!ndshm_section_read(reader, offset + 1, to, 1) && to[0] == 'a');
	CHECK_REASON(ndshm, ndshm_section_write(reader, offset, from, 1), SECTION_READONLY);
	ndshm_section_close(reader);
}

/* As in containers that deny process_vm_readv() and process_vm_writev(). */
TEST(copies_need_no_permission)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_writev, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = 5, .filter = filter };
	pid_t pid = fork();

	if (!pid) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
			_exit(2);
		copies_return_faults();
		_exit(test_bad);
	}
	CHECK(!test_wait(pid));
}

SECTION_TEST(blocks_are_counted)
{
	struct ndshm_heap_stats stats;
	void *out;

	REQUIRE(!ndshm_section_alloc(section, 64, &out));
	CHECK(!ndshm_section_stats(section, &stats));
	CHECK(stats.live_blocks == 1 && stats.live_bytes >= 64 && stats.extents >= 1);
	CHECK(stats.held_bytes == taken());
	CHECK(!ndshm_section_free(section, out));
	CHECK(!ndshm_section_stats(section, &stats) && !stats.live_blocks);
}

/* A second free of an extent must not free what the heap has got there meanwhile. */
SECTION_TEST(an_extent_of_the_heap_is_not_freed)
{
	uint64_t stale, offset, other, length;
	void *out;

	CHECK_DONE(ndshm, ndshm_extent_alloc(section, 1 << 20, 0, &stale, &length));
	CHECK_DONE(ndshm, ndshm_extent_free(section, stale));
	REQUIRE(!ndshm_section_alloc(section, 1 << 20, &out));
	REQUIRE(!ndshm_section_offset(section, out, &offset));
	CHECK(offset == stale);
	memset(out, 7, 1 << 20);
	CHECK_REASON(ndshm, ndshm_extent_free(section, stale), EXTENT_UNKNOWN);
	CHECK_DONE(ndshm, ndshm_extent_alloc(section, 1 << 20, 0, &other, &length));
	CHECK(other >= offset + (1 << 20) || other + length <= offset);
	CHECK(test_all(out, 1 << 20, 7));
	/* Both are this process's, and no obstacle to the deletion of the section. */
	CHECK_DONE(ndshm, ndshm_section_delete(section, 0));
}

/* Memory that the heap keeps in reserve, here of both clients, is there for extents. */
SECTION_TEST(an_extent_gets_what_is_in_reserve)
{
	struct ndshm_section *again;
	uint64_t offset, length;
	void *out;

	REQUIRE(!ndshm_section_adopt(ndshm, ndshm_section_fd(section), &again));
	REQUIRE(!ndshm_section_alloc(section, 100, &out) && !ndshm_section_free(section, out));
	REQUIRE(!ndshm_section_alloc(again, 100, &out) && !ndshm_section_free(again, out));
	CHECK(taken());
	CHECK_DONE(ndshm, ndshm_extent_alloc(section, MAX, 0, &offset, &length));
	CHECK(!offset && length == MAX && taken() == MAX);
	CHECK_REASON(ndshm, ndshm_extent_alloc(again, 4096, 0, &offset, &length), SECTION_FULL);
	CHECK_DONE(ndshm, ndshm_extent_free(section, 0));
	/* Live blocks stay. */
	REQUIRE(!ndshm_section_alloc(again, 100, &out));
	CHECK_REASON(ndshm, ndshm_extent_alloc(section, MAX, 0, &offset, &length), SECTION_FULL);
	CHECK(!ndshm_section_free(again, out));
	ndshm_section_close(again);
}

#define THREADS	4

static void *allocate(void *argument)
{
	void *out;

	for (int i = 0; i < 2000; i++) {
		if (ndshm_section_alloc(section, 1 + i * 7 % 5000, &out) ||
		    ndshm_section_free(section, out))
			atomic_store((atomic_bool *)argument, false);
	}
	return NULL;
}

/* Concurrent first allocations create one heap. */
TEST(threads_share_it)
{
	atomic_bool good = true;

	for (int round = 0; round < 10; round++) {
		REQUIRE(make());
		test_run_threads(THREADS, allocate, &good, 0);
		CHECK(good);
		ndshm_section_trim(section);
		CHECK(!taken());
		ndshm_section_close(section);
	}
}

/*
 * A pending cancellation acts at the next cancellation point, which must not be under a
 * lock: all later calls would wait for it.
 */
static void *allocate_cancelled(void *out)
{
	uint64_t offset, length;

	pthread_cancel(pthread_self());
	CHECK(!ndshm_section_alloc(section, 1000, out));
	CHECK(!ndshm_section_free(section, *(void **)out));
	CHECK(!ndshm_section_alloc(section, 4 << 20, out));
	CHECK(!ndshm_section_free(section, *(void **)out));
	CHECK(!ndshm_extent_alloc(section, 8 << 20, 0, &offset, &length));
	CHECK(!ndshm_extent_free(section, offset));
	ndshm_section_trim(section);
	CHECK(!ndshm_section_delete(section, NDSHM_DELETE_REVOKE));
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	return NULL;
}

static void *use_all_locks(void *out)
{
	struct ndshm_section_info info;

	/* Not reached if it is cancelled. */
	if (ndshm_section_alloc(section, 1000, out))
		return NULL;
	ndshm_section_query(section, &info);
	ndshm_section_trim(section);
	return NULL;
}

/* A thread that waits for a lock that is never released ends the test. */
static void *run_in_time(void *(*body)(void *))
{
	struct timespec soon;
	pthread_t thread;
	void *out, *end;

	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_sec += 20;
	if (!CHECK(!pthread_create(&thread, NULL, body, &out)) ||
	    !CHECK(!pthread_timedjoin_np(thread, &end, &soon)))
		exit(1);
	return end;
}

SECTION_TEST(a_cancelled_thread_holds_no_lock)
{
	void *out;

	CHECK(!run_in_time(allocate_cancelled));
	CHECK(!run_in_time(use_all_locks));
	/* The thread has made all of its calls. */
	CHECK(!taken());
	CHECK(ndshm_section_alloc(section, 1, &out) == -EIDRM);
}

/* Without the module no kernel cleans up extents, so only the creator may allocate. */
static void *inherited;

static void allocate_as_child(void)
{
	void *mine;

	CHECK(!strcmp(inherited, "parent") && ndshm_section_free(section, inherited) == -EINVAL);
	CHECK_REASON(ndshm, ndshm_section_alloc(section, 64, &mine), NOT_CREATOR);
	ndshm_section_close(section);
	ndshm_close(ndshm);
}

static void a_child_is_refused(void)
{
	REQUIRE(make() && !ndshm_section_alloc(section, 64, &inherited));
	strcpy(inherited, "parent");
	CHECK(test_child(allocate_as_child));
	CHECK(!ndshm_section_free(section, inherited));
	ndshm_section_close(section);
}

static bool is_mapped(void *page)
{
	unsigned char state;

	return !mincore(page, 1, &state);
}

static bool refused(int error)
{
	return error == -EBADF && ndshm_last_reason(ndshm) == NDSHM_REASON_DESCRIPTOR;
}

/* In a child that has not inherited the section: nothing of it is there. */
static void find_nothing(void *base, void *block, int fd)
{
	struct ndshm_section_info info;
	uint64_t offset, length;
	size_t count;
	char byte = 0;
	void *out;
	int other;

	CHECK(fcntl(fd, F_GETFD) < 0 && !is_mapped(base));
	CHECK(!ndshm_section_base(section) && ndshm_section_fd(section) == -1);
	CHECK(refused(ndshm_section_query(section, &info)));
	CHECK(refused(ndshm_section_share(section, 0, &other)));
	CHECK(refused(ndshm_section_send(section, 0, 0, "x", 1)));
	CHECK(refused(ndshm_extent_free(section, 0)));
	CHECK(refused(ndshm_section_delete(section, 0)));
	CHECK(refused(ndshm_section_sync(section, NDSHM_SYNC_FOR_CPU, 0, 1)));
	CHECK(refused(ndshm_section_read(section, 0, &byte, 1)));
	CHECK(refused(ndshm_section_write(section, 0, &byte, 1)));
	CHECK(refused(ndshm_section_offset(section, block, &offset)));
	CHECK(refused(ndshm_section_pointer(section, 0, 1, &out)));
	CHECK(refused(ndshm_extent_alloc(section, 1, 0, &offset, &length)));
	CHECK(refused(ndshm_extent_query(section, 0, NULL, 0, &count)));
	CHECK(refused(ndshm_section_alloc(section, 64, &out)));
	CHECK(refused(ndshm_section_dont_fork(section)));
	CHECK(ndshm_section_free(section, block));
	CHECK(!ndshm_section_usable_size(section, block));
	ndshm_section_close(section);
}

TEST(a_child_gets_nothing)
{
	struct ndshm_section *other;
	int fd;
	void *base, *block, *after;
	pid_t pid;

	other = test_make_section(ndshm, MAX, MAX);
	REQUIRE(other && make());
	CHECK_DONE(ndshm, ndshm_section_dont_fork(section));
	CHECK_DONE(ndshm, ndshm_section_dont_fork(section));
	REQUIRE(!ndshm_section_alloc(section, 64, &block));
	fd = ndshm_section_fd(section);
	base = ndshm_section_base(section);
	CHECK(is_mapped(base));
	fflush(NULL);
	pid = fork();
	if (!pid) {
		test_bad = false;
		find_nothing(base, block, fd);
		CHECK(!ndshm_section_write(other, 0, "child", 6));
		ndshm_section_close(other);
		fflush(NULL);
		_exit(test_bad);
	}
	CHECK(!test_wait(pid));
	/* The parent still has all of it. */
	CHECK(!strcmp(ndshm_section_base(other), "child"));
	strcpy(block, "parent");
	CHECK(!ndshm_section_alloc(section, 64, &after));
	CHECK(!ndshm_section_free(section, block));
	CHECK(!ndshm_section_free(section, after));
	ndshm_section_close(section);
	ndshm_section_close(other);
}

/* A process that executes another program has no memory of the section any more. */
static void a_program_keeps_nothing(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	REQUIRE(!pipe2(ready, O_CLOEXEC) && make());
	pid = fork();
	if (!pid) {
		void *block;

		if (ndshm_section_alloc(section, 1 << 20, &block) ||
		    ndshm_section_alloc(section, 100, &block) || taken() < 1 << 20)
			_exit(1);
		execlp("sleep", "sleep", "60", NULL);
		_exit(1);
	}
	close(ready[1]);
	CHECK(!read(ready[0], &byte, 1));
	CHECK(!taken() && !kill(pid, 0));
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, NULL, 0) == pid);
	close(ready[0]);
	ndshm_section_close(section);
}

/* The child of vfork() has the memory of its parent until it executes a program. */
SECTION_TEST(a_child_of_vfork_changes_nothing)
{
	struct ndshm_heap_stats before, after;
	void *blocks[100];
	pid_t pid;

	for (int i = 0; i < 100; i++)
		REQUIRE(!ndshm_section_alloc(section, 100, &blocks[i]));
	CHECK(!ndshm_section_stats(section, &before));
	pid = vfork();
	if (!pid) {
		execlp("true", "true", NULL);
		_exit(1);
	}
	CHECK(!test_wait(pid));
	CHECK(!ndshm_section_stats(section, &after) && !memcmp(&before, &after, sizeof(before)));
	for (int i = 0; i < 100; i++)
		CHECK(!ndshm_section_free(section, blocks[i]));
}

/* A killed server's child, which makes no call, keeps nothing of the server's memory. */
static void a_child_keeps_nothing(void)
{
	int ready[2], end[2];
	char byte;
	pid_t pid;

	REQUIRE(!pipe(ready) && !pipe(end) && make());
	pid = fork();
	if (!pid) {
		void *block;

		if (ndshm_section_dont_fork(section) ||
		    ndshm_section_alloc(section, 1 << 20, &block))
			_exit(1);
		if (!fork()) {
			close(end[1]);
			write(ready[1], "r", 1);
			/* Until the test ends it. */
			read(end[0], &byte, 1);
			_exit(0);
		}
		pause();
	}
	CHECK(read(ready[0], &byte, 1) == 1);
	CHECK(taken() >= 1 << 20);
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(!taken());
	close(end[1]);
	close(end[0]);
	close(ready[0]);
	close(ready[1]);
	ndshm_section_close(section);
}

int main(void)
{
	const char *backend = getenv("NDSHM_TEST_BACKEND");

	if (ndshm_open(backend ? backend : "memfd:", &ndshm))
		return 1;
	test_run_all();
	/* With the module a child allocates for itself, see module_heap. */
	if (!backend)
		RUN(a_child_is_refused);
	/* Only the module has holders in several processes. */
	if (backend) {
		RUN(a_child_keeps_nothing);
		RUN(a_program_keeps_nothing);
	}
	ndshm_close(ndshm);
	return test_end();
}
