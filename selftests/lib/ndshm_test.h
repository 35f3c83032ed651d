/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every command in three forms: _test_x() calls it, test_x() must succeed, and
 * test_err_x() must fail with exactly one errno, one reason and the status that
 * belongs to it, and must change nothing.
 *
 * Uses only ioctls and the uapi headers, because these programs also test the
 * headers.
 */
#ifndef _NDSHM_SELFTEST_H
#define _NDSHM_SELFTEST_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/capability.h>

#include "kselftest_harness.h"

#ifdef setjmp
/*
 * Harness of 6.12: TEST_F() forks into its local variable @child, and skips the teardown unless it
 * is 0. longjmp() after an ASSERT may restore its older value. Only the child calls longjmp().
 */
static pid_t child __attribute_maybe_unused__;	/* TEST() has no such variable */
#undef setjmp
#define setjmp(env)	(_setjmp(env) ? (child = 0, 1) : 0)
#endif

/* Time limit for a test that hangs; enough for an emulated machine with KASAN. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	180
#include "ndshm_proc.h"
#include "ndshm_reasons.h"
#include "ndshm_requests.h"

#define NDSHM_NO_HANDLE	0xffffffffU

/* Number of test cases in all processes of a program. */
struct ndshm_cases {
	unsigned int pass;
	unsigned int fail;
};

static struct ndshm_cases *ndshm_cases;
static pid_t ndshm_main_pid;

/* Count a case that is neither a command nor a test_errno(). */
static inline void ndshm_case(bool passes)
{
	__atomic_add_fetch(passes ? &ndshm_cases->pass : &ndshm_cases->fail, 1,
			   __ATOMIC_RELAXED);
}

/* Count repetitions since @before as a single case. */
static inline void ndshm_one_case(const struct ndshm_cases *before, bool passes)
{
	*ndshm_cases = *before;
	ndshm_case(passes);
}

/*
 * The harness reports success if all tests of a program were skipped. It ends
 * with exit() and complete counts, so correct the result here.
 */
static void ndshm_at_exit(void)
{
	if (getpid() != ndshm_main_pid)
		return;
	printf("# cases: %u must pass, %u must fail\n", ndshm_cases->pass,
	       ndshm_cases->fail);
	if (ksft_get_xskip_cnt() && !ksft_get_pass_cnt() &&
	    !ksft_get_fail_cnt() && !ksft_get_error_cnt()) {
		fflush(NULL);
		_exit(KSFT_SKIP);
	}
}

/*
 * A user with CAP_IPC_LOCK is not charged, which would hide a charge left by a
 * failure. Drop it; tests that need it take it back.
 */
static bool ndshm_be_charged(void)
{
	struct rlimit limit = {
		.rlim_cur = RLIM_INFINITY,
		.rlim_max = RLIM_INFINITY,
	};

	/* Without the right to raise the hard limit, use the current one. */
	if (setrlimit(RLIMIT_MEMLOCK, &limit)) {
		if (getrlimit(RLIMIT_MEMLOCK, &limit))
			return false;
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_MEMLOCK, &limit))
			return false;
	}
	return ndshm_set_capability(CAP_IPC_LOCK, false);
}

static inline int ndshm_open(void)
{
	return open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
}

/* Open the client @fd again, under a limit. */
#define test_reopen_limited(fd, bytes) do { \
	const __u64 limit_ = (bytes); \
	close(fd); \
	(fd) = ndshm_open_limited(limit_); \
	ASSERT_LE(0, fd); \
} while (0)

static inline unsigned long page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* Size of a huge page as the module reports it, or 0. */
static inline size_t huge_size(void)
{
	static struct ndshm_get_info_args info;
	int fd;

	if (!info.size) {
		info.size = sizeof(info);
		fd = ndshm_open();
		if (ioctl(fd, NDSHM_GET_INFO, &info))
			info.size = 0;
		close(fd);
	}
	return info.out_huge_size;
}

static inline int _test_ioctl(int fd, unsigned long command, void *argument)
{
	return ioctl(fd, command, argument);
}

/* The state that a failure must not change. */
struct ndshm_state {
	__u32 blocks;
	__u64 bytes;
	__u64 user_locked;
};

static inline bool _test_state(int fd, struct ndshm_state *state)
{
	struct ndshm_get_info_args info = { .size = sizeof(info) };

	if (ioctl(fd, NDSHM_GET_INFO, &info))
		return false;
	state->blocks = info.out_blocks;
	state->bytes = info.out_bytes;
	state->user_locked = info.out_user_locked;
	return true;
}

/* Bytes charged to the calling user, over all clients. */
static inline __u64 ndshm_locked(int fd)
{
	struct ndshm_state state;

	/* ~0: an impossible amount that fails comparisons. */
	return _test_state(fd, &state) ? state.user_locked : ~0ULL;
}

/* Bytes charged to another user, or ~0. */
static inline __u64 ndshm_locked_of(int fd, uid_t uid)
{
	__u64 locked = ~0ULL;
	pid_t child;
	int peer;

	child = ndshm_fork(&peer);
	if (!child) {
		if (ndshm_become(uid))
			locked = ndshm_locked(fd);
		_exit(send(peer, &locked, sizeof(locked), 0) != sizeof(locked));
	}
	if (child < 0 || recv(peer, &locked, sizeof(locked), MSG_WAITALL) != sizeof(locked))
		locked = ~0ULL;
	close(peer);
	ndshm_reap(child);
	return locked;
}

/*
 * Wait until nothing is charged to the calling user: memory of an earlier program that a worker
 * frees late would change the account during a test. An account that stays the same belongs to
 * another client.
 */
static inline void ndshm_wait_uncharged(int fd)
{
	__u64 locked = ndshm_locked(fd), now;
	unsigned int tries, same = 0;

	for (tries = 0; locked && same < 300 && tries < 1000; tries++) {
		usleep(10000);
		now = ndshm_locked(fd);
		same = now == locked ? same + 1 : 0;
		locked = now;
	}
}

/* The program's main(). Skips without the device. */
static int ndshm_main(int argc, char **argv)
{
	int fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0 && (errno == ENOENT || errno == EACCES || errno == EPERM))
		ksft_exit_skip("%s: %s\n", NDSHM_DEVICE, strerror(errno));
	if (fd < 0)
		ksft_exit_fail_msg("%s: %s\n", NDSHM_DEVICE, strerror(errno));
	ndshm_wait_uncharged(fd);
	close(fd);

	ndshm_cases = mmap(NULL, sizeof(*ndshm_cases), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ndshm_cases == MAP_FAILED)
		ksft_exit_fail_msg("mmap: %s\n", strerror(errno));
	ndshm_main_pid = getpid();
	if (!ndshm_be_charged())
		ksft_exit_fail_msg("RLIMIT_MEMLOCK: %s\n", strerror(errno));
	atexit(ndshm_at_exit);
	return test_harness_run(argc, argv);
}

static inline struct ndshm_state
ndshm_state_at(struct __test_metadata *_metadata, int line, int fd)
{
	struct ndshm_state state = {};

	/*
	 * Memory kept by a mapping is freed by deferred work; closing a client
	 * waits for it.
	 */
	close(ndshm_open());
	ASSERT_TRUE(_test_state(fd, &state))
		TH_LOG("line %d: GET_INFO: %s", line, strerror(errno));
	return state;
}

#define test_state(fd)	ndshm_state_at(_metadata, __LINE__, fd)

/* Bytes charged to the calling user, for a test without an open client. */
static inline __u64 ndshm_user_locked_at(struct __test_metadata *_metadata,
					 int line)
{
	struct ndshm_state state;
	int fd = ndshm_open();

	ASSERT_LE(0, fd);
	state = ndshm_state_at(_metadata, line, fd);
	close(fd);
	return state.user_locked;
}

#define test_user_locked()	ndshm_user_locked_at(_metadata, __LINE__)

static inline void ndshm_pass(struct __test_metadata *_metadata, int line,
			      int fd, unsigned long command, void *argument)
{
	struct ndshm_header *header = argument, before = *header;
	int ret;

	ndshm_case(true);
	ret = ioctl(fd, command, argument);
	ASSERT_EQ(0, ret) {
		TH_LOG("line %d: command %#lx: %s, reason %u", line, command,
		       strerror(errno), header->reason);
	}
	EXPECT_EQ(NDSHM_STATUS_SUCCESS, header->status)
		TH_LOG("line %d: command %#lx", line, command);
	EXPECT_EQ(NDSHM_REASON_NONE, header->reason)
		TH_LOG("line %d: command %#lx", line, command);
	EXPECT_EQ(before.size, header->size)
		TH_LOG("line %d: command %#lx", line, command);
	EXPECT_EQ(before.flags, header->flags)
		TH_LOG("line %d: command %#lx", line, command);
}

static inline void ndshm_same_state(struct __test_metadata *_metadata,
				    int line, int fd,
				    const struct ndshm_state *before)
{
	struct ndshm_state after = ndshm_state_at(_metadata, line, fd);

	EXPECT_EQ(before->blocks, after.blocks)
		TH_LOG("line %d: handles changed", line);
	EXPECT_EQ(before->bytes, after.bytes)
		TH_LOG("line %d: bytes changed", line);
	EXPECT_EQ(before->user_locked, after.user_locked)
		TH_LOG("line %d: the account changed", line);
}

/* The command on @fd must fail and must not change the client @client. */
static inline void ndshm_fail_on(struct __test_metadata *_metadata, int line,
				 int error, __u32 reason, int client, int fd,
				 unsigned long command, void *argument)
{
	struct ndshm_header *header = argument, before = *header;
	struct ndshm_state state = ndshm_state_at(_metadata, line, client);
	int ret, seen;

	ndshm_case(false);
	ret = ioctl(fd, command, argument);
	seen = errno;
	EXPECT_EQ(-1, ret)
		TH_LOG("line %d: command %#lx", line, command);
	if (!ret)
		return;
	EXPECT_EQ(error, seen)
		TH_LOG("line %d: command %#lx: %s", line, command,
		       strerror(seen));
	EXPECT_EQ(reason, header->reason)
		TH_LOG("line %d: command %#lx", line, command);
	EXPECT_EQ(ndshm_expected[reason].status, header->status)
		TH_LOG("line %d: command %#lx", line, command);
	/* The expected errno must agree with the contract's table. */
	EXPECT_EQ(ndshm_expected[reason].error, error)
		TH_LOG("line %d: %s", line, ndshm_expected[reason].name);
	EXPECT_EQ(before.size, header->size)
		TH_LOG("line %d: command %#lx", line, command);
	EXPECT_EQ(before.flags, header->flags)
		TH_LOG("line %d: command %#lx", line, command);
	ndshm_same_state(_metadata, line, client, &state);
}

static inline void ndshm_fail(struct __test_metadata *_metadata, int line,
			      int error, __u32 reason, int fd,
			      unsigned long command, void *argument)
{
	ndshm_fail_on(_metadata, line, error, reason, fd, fd, command,
		      argument);
}

/* The command must fail with an errno but no reason, and must not change @client. */
static inline void ndshm_errno_on(struct __test_metadata *_metadata, int line,
				  int error, int client, int fd,
				  unsigned long command, void *argument)
{
	struct ndshm_state state = ndshm_state_at(_metadata, line, client);
	int ret, seen;

	ndshm_case(false);
	ret = ioctl(fd, command, argument);
	seen = errno;
	EXPECT_EQ(-1, ret)
		TH_LOG("line %d: command %#lx", line, command);
	if (ret)
		EXPECT_EQ(error, seen)
			TH_LOG("line %d: command %#lx: %s", line, command,
			       strerror(seen));
	ndshm_same_state(_metadata, line, client, &state);
}

static inline void ndshm_errno(struct __test_metadata *_metadata, int line,
			       int error, int fd, unsigned long command,
			       void *argument)
{
	ndshm_errno_on(_metadata, line, error, fd, fd, command, argument);
}

#define test_errno_ioctl(error, fd, command, argument) \
	ndshm_errno(_metadata, __LINE__, error, fd, command, argument)

/* The call, which is no command, must fail and must not change the client @fd. */
#define test_errno(error, fd, call) do { \
	const int fd_ = (fd); \
	struct ndshm_state state_ = test_state(fd_); \
	long ret_; \
	int seen_; \
	ndshm_case(false); \
	errno = 0; \
	ret_ = (long)(call); \
	seen_ = errno; \
	EXPECT_EQ(-1, ret_); \
	EXPECT_EQ(error, seen_) \
		TH_LOG("%s: %s", #call, strerror(seen_)); \
	ndshm_same_state(_metadata, __LINE__, fd_, &state_); \
} while (0)

/*
 * The commands: the request of NAME is struct ndshm_NAME, and has three forms.
 *
 * _test_NAME() is the plain call. test_NAME() must pass, and test_err_NAME()
 * must fail and must not change the client.
 */
#define NDSHM_TEST_COMMAND(name, command) \
enum { ndshm_command_##name = command }; \
static inline int _test_##name(int fd, struct ndshm_##name##_args *request) \
{ \
	return ioctl(fd, command, request); \
}

NDSHM_TEST_COMMAND(get_info, NDSHM_GET_INFO)
NDSHM_TEST_COMMAND(adapter_start, NDSHM_ADAPTER_START)
NDSHM_TEST_COMMAND(adapter_map_bar, NDSHM_ADAPTER_MAP_BAR)
NDSHM_TEST_COMMAND(adapter_set_irqs, NDSHM_ADAPTER_SET_IRQS)
NDSHM_TEST_COMMAND(adapter_reset, NDSHM_ADAPTER_RESET)
NDSHM_TEST_COMMAND(adapter_config, NDSHM_ADAPTER_CONFIG)
NDSHM_TEST_COMMAND(block_alloc, NDSHM_BLOCK_ALLOC)
NDSHM_TEST_COMMAND(block_free, NDSHM_BLOCK_FREE)
NDSHM_TEST_COMMAND(block_free_id, NDSHM_BLOCK_FREE_ID)
NDSHM_TEST_COMMAND(block_sync, NDSHM_BLOCK_SYNC)
NDSHM_TEST_COMMAND(block_query, NDSHM_BLOCK_QUERY)
NDSHM_TEST_COMMAND(block_export, NDSHM_BLOCK_EXPORT)
NDSHM_TEST_COMMAND(section_create, NDSHM_SECTION_CREATE)
NDSHM_TEST_COMMAND(section_open, NDSHM_SECTION_OPEN)
NDSHM_TEST_COMMAND(section_attach, NDSHM_SECTION_ATTACH)
NDSHM_TEST_COMMAND(section_share, NDSHM_SECTION_SHARE)
NDSHM_TEST_COMMAND(section_delete, NDSHM_SECTION_DELETE)
NDSHM_TEST_COMMAND(section_delete_id, NDSHM_SECTION_DELETE_ID)
NDSHM_TEST_COMMAND(section_query, NDSHM_SECTION_QUERY)
NDSHM_TEST_COMMAND(section_sync, NDSHM_SECTION_SYNC)
NDSHM_TEST_COMMAND(section_export, NDSHM_SECTION_EXPORT)
NDSHM_TEST_COMMAND(extent_alloc, NDSHM_EXTENT_ALLOC)
NDSHM_TEST_COMMAND(extent_free, NDSHM_EXTENT_FREE)
NDSHM_TEST_COMMAND(extent_query, NDSHM_EXTENT_QUERY)

#define NDSHM_TYPED(name, request) ({ struct ndshm_##name##_args *typed_ = (request); typed_; })

#define NDSHM_TEST_PASS(name, fd, request) \
	ndshm_pass(_metadata, __LINE__, fd, ndshm_command_##name, \
		   NDSHM_TYPED(name, request))
#define NDSHM_TEST_FAIL(name, error, reason, fd, request) \
	ndshm_fail(_metadata, __LINE__, error, reason, fd, \
		   ndshm_command_##name, NDSHM_TYPED(name, request))
#define NDSHM_TEST_FAIL_ON(name, error, reason, client, fd, request) \
	ndshm_fail_on(_metadata, __LINE__, error, reason, client, fd, \
		      ndshm_command_##name, NDSHM_TYPED(name, request))

#define test_get_info(fd, request) \
	NDSHM_TEST_PASS(get_info, fd, request)
#define test_err_get_info(error, reason, fd, request) \
	NDSHM_TEST_FAIL(get_info, error, reason, fd, request)

#define test_adapter_start(fd, request) \
	NDSHM_TEST_PASS(adapter_start, fd, request)
#define test_err_adapter_start(error, reason, fd, request) \
	NDSHM_TEST_FAIL(adapter_start, error, reason, fd, request)

#define test_adapter_map_bar(fd, request) \
	NDSHM_TEST_PASS(adapter_map_bar, fd, request)
#define test_err_adapter_map_bar(error, reason, fd, request) \
	NDSHM_TEST_FAIL(adapter_map_bar, error, reason, fd, request)

#define test_adapter_set_irqs(fd, request) \
	NDSHM_TEST_PASS(adapter_set_irqs, fd, request)
#define test_err_adapter_set_irqs(error, reason, fd, request) \
	NDSHM_TEST_FAIL(adapter_set_irqs, error, reason, fd, request)

#define test_adapter_reset(fd, request) \
	NDSHM_TEST_PASS(adapter_reset, fd, request)
#define test_err_adapter_reset(error, reason, fd, request) \
	NDSHM_TEST_FAIL(adapter_reset, error, reason, fd, request)

#define test_adapter_config(fd, request) \
	NDSHM_TEST_PASS(adapter_config, fd, request)
#define test_err_adapter_config(error, reason, fd, request) \
	NDSHM_TEST_FAIL(adapter_config, error, reason, fd, request)

#define test_block_alloc(fd, request) \
	NDSHM_TEST_PASS(block_alloc, fd, request)
#define test_err_block_alloc(error, reason, fd, request) \
	NDSHM_TEST_FAIL(block_alloc, error, reason, fd, request)

#define test_block_free(fd, request) \
	NDSHM_TEST_PASS(block_free, fd, request)
#define test_err_block_free(error, reason, fd, request) \
	NDSHM_TEST_FAIL(block_free, error, reason, fd, request)

#define test_block_free_id(fd, request) \
	NDSHM_TEST_PASS(block_free_id, fd, request)
#define test_err_block_free_id(error, reason, fd, request) \
	NDSHM_TEST_FAIL(block_free_id, error, reason, fd, request)

#define test_block_sync(fd, request) \
	NDSHM_TEST_PASS(block_sync, fd, request)
#define test_err_block_sync(error, reason, fd, request) \
	NDSHM_TEST_FAIL(block_sync, error, reason, fd, request)

#define test_block_query(fd, request) \
	NDSHM_TEST_PASS(block_query, fd, request)
#define test_err_block_query(error, reason, fd, request) \
	NDSHM_TEST_FAIL(block_query, error, reason, fd, request)

#define test_block_export(fd, request) \
	NDSHM_TEST_PASS(block_export, fd, request)
#define test_err_block_export(error, reason, fd, request) \
	NDSHM_TEST_FAIL(block_export, error, reason, fd, request)

/* ADAPTER_CLAIM in the same forms, by the adapter's name: its node is open during the call only. */
static inline int _test_adapter_claim(int fd, const char *adapter, __u32 width,
				      struct ndshm_adapter_claim_args *claim)
{
	int node = open(ndshm_node(adapter), O_RDWR | O_CLOEXEC), ret, error;

	*claim = adapter_claim_request(node, width);
	ret = ioctl(fd, NDSHM_ADAPTER_CLAIM, claim);
	error = errno;
	close(node);
	errno = error;
	return ret;
}

/* @reason is 0 for a claim that must pass. */
static inline struct ndshm_adapter_claim_args
ndshm_claim(struct __test_metadata *_metadata, int line, int error, __u32 reason, int fd,
	    const char *adapter, __u32 width)
{
	int node = open(ndshm_node(adapter), O_RDWR | O_CLOEXEC);
	struct ndshm_adapter_claim_args claim = adapter_claim_request(node, width);

	ASSERT_LE(0, node)
		TH_LOG("line %d: node of %s: %s", line, adapter, strerror(errno));
	if (reason)
		ndshm_fail(_metadata, line, error, reason, fd, NDSHM_ADAPTER_CLAIM, &claim);
	else
		ndshm_pass(_metadata, line, fd, NDSHM_ADAPTER_CLAIM, &claim);
	close(node);
	return claim;
}

#define test_adapter_claim(fd, adapter, width) \
	ndshm_claim(_metadata, __LINE__, 0, NDSHM_REASON_NONE, fd, adapter, width)
#define test_err_adapter_claim(error, reason, fd, adapter, width) \
	ndshm_claim(_metadata, __LINE__, error, reason, fd, adapter, width)

/* Allocate a block, as most tests begin. */
static inline struct ndshm_block_info
ndshm_new_block(struct __test_metadata *_metadata, int line, int fd,
		__u32 adapter, __u64 length)
{
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc;

	memset(&block, NDSHM_POISON, sizeof(block));
	alloc = block_alloc_request(adapter, length, &block);
	ndshm_pass(_metadata, line, fd, NDSHM_BLOCK_ALLOC, &alloc);
	return block;
}

#define test_new_block(fd, adapter, length) \
	ndshm_new_block(_metadata, __LINE__, fd, adapter, length)

#define test_free_handle(fd, number) do { \
	struct ndshm_block_free_args free_ = block_free_request(number); \
	test_block_free(fd, &free_); \
} while (0)

/*
 * A successful allocation must be charged and its free uncharged; otherwise an
 * unchanged charge after a failure would prove nothing.
 */
static inline void ndshm_expect_charged(struct __test_metadata *_metadata,
					int line, int fd, __u32 adapter)
{
	struct ndshm_state before = ndshm_state_at(_metadata, line, fd), after;
	struct ndshm_block_info block = ndshm_new_block(_metadata, line, fd,
							adapter, 1);
	struct ndshm_block_free_args request = block_free_request(block.handle);

	after = ndshm_state_at(_metadata, line, fd);
	EXPECT_TRUE(block.flags & NDSHM_BLOCK_CHARGED)
		TH_LOG("line %d: nothing is charged", line);
	EXPECT_LT(0, block.consumed);
	EXPECT_EQ(before.user_locked + block.consumed, after.user_locked)
		TH_LOG("line %d: the account did not follow", line);
	ndshm_pass(_metadata, line, fd, NDSHM_BLOCK_FREE, &request);
	ndshm_same_state(_metadata, line, fd, &before);
}

#define test_charged(fd, adapter) \
	ndshm_expect_charged(_metadata, __LINE__, fd, adapter)

/* The handle must be unknown to this client. */
#define test_no_handle(fd, number) do { \
	struct ndshm_block_query_args query_ = block_query_request(number); \
	test_err_block_query(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, fd, \
			     &query_); \
} while (0)

static inline void *ndshm_map(int fd, const struct ndshm_block_info *block)
{
	return mmap(NULL, block->length, PROT_READ | PROT_WRITE, MAP_SHARED,
		    fd, block->mmap_offset);
}

#define test_map_block(fd, block) ({ \
	void *map_ = ndshm_map(fd, block); \
	ASSERT_NE(MAP_FAILED, map_) \
		TH_LOG("mmap: %s", strerror(errno)); \
	ndshm_case(true); \
	map_; \
})

static inline bool all_bytes(const void *memory, size_t length,
			     unsigned char byte)
{
	const unsigned char *bytes = memory;
	size_t i;

	for (i = 0; i < length; i++)
		if (bytes[i] != byte)
			return false;
	return true;
}

/* Fill with a pattern that depends on the page and on @seed. */
static inline void fill_pattern(void *memory, size_t length, unsigned int seed)
{
	unsigned int *words = memory;
	size_t i;

	for (i = 0; i < length / sizeof(*words); i++)
		words[i] = (seed + i) * 2654435761U;
}

static inline bool has_pattern(const void *memory, size_t length,
			       unsigned int seed)
{
	const unsigned int *words = memory;
	size_t i;

	for (i = 0; i < length / sizeof(*words); i++)
		if (words[i] != (seed + (unsigned int)i) * 2654435761U)
			return false;
	return true;
}

#endif /* _NDSHM_SELFTEST_H */
