// SPDX-License-Identifier: GPL-2.0
/*
 * The backend of the module, without the module: ioctl() answers what a test
 * wants, and /dev/zero gives the memory.
 */
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

#define DEVICE "/dev/zero"

/* What the next commands answer. */
static struct {
	bool real;			/* the device itself answers */
	int ret;			/* if not 0: of one command */
	int error;			/* errno with a ret of -1 */
	uint32_t reason, status;	/* written then */
	int interrupted;		/* how many times EINTR comes before */
	uint64_t features;
	uint32_t block_flags;
	uint32_t segments;
	uint64_t address;
	int map_error;			/* of one mmap() */
} answer;

/* What was asked. */
static struct {
	int calls, frees, claims;
	struct ndshm_block_alloc alloc;
	struct ndshm_adapter_claim claim;
	struct ndshm_adapter_start start;
	uint64_t map_offset;
} asked;

static void reset(void)
{
	memset(&answer, 0, sizeof(answer));
	memset(&asked, 0, sizeof(asked));
	answer.features = NDSHM_FEATURE_BLOCKS | NDSHM_FEATURE_CLAIMS;
	answer.block_flags = NDSHM_BLOCK_MAPPABLE | NDSHM_BLOCK_CHARGED;
	answer.segments = 3;
	answer.address = 0x1000;
}

static void get_info(struct ndshm_get_info *argument)
{
	argument->out_features = answer.features;
	argument->out_max_length = 1 << 20;
	argument->out_max_blocks = 9;
	argument->out_max_batch = 4;
	argument->out_page_size = 4096;
	argument->out_default_adapter = 77;
	argument->out_blocks = 5;
	argument->out_bytes = 6;
	argument->out_user_locked = 7;
}

static struct ndshm_block_info block_info(uint32_t handle)
{
	return (struct ndshm_block_info){
		.handle = handle,
		.flags = answer.block_flags,
		.shared_memory_handle = 1000 + handle,
		.segments = answer.segments,
		.length = 12288,
		.consumed = 16384,
		.mmap_offset = 2ULL << 40,
		.address = answer.address,
	};
}

static void alloc(struct ndshm_block_alloc *argument)
{
	struct ndshm_block_info *infos = (void *)(uintptr_t)argument->blocks;

	asked.alloc = *argument;
	for (uint32_t i = 0; i < argument->count; i++)
		infos[i] = block_info(i + 1);
}

static int query(struct ndshm_block_query *argument)
{
	struct ndshm_segment *segments = (void *)(uintptr_t)argument->segments;

	argument->out_block = block_info(argument->handle);
	if (!argument->segment_capacity)
		return 0;
	if (argument->segment_capacity < answer.segments) {
		argument->reason = NDSHM_REASON_LIST_SHORT;
		argument->status = NDSHM_STATUS_BUFFER_TOO_SHORT;
		errno = ENOSPC;
		return -1;
	}
	for (uint32_t i = 0; i < answer.segments; i++)
		segments[i] = (struct ndshm_segment){ 0x1000 * (i + 1), 4096 };
	return 0;
}

static int succeed(unsigned long number, void *argument)
{
	struct ndshm_adapter_map_bar *bar = argument;
	struct ndshm_adapter_claim *claim = argument;

	switch (number) {
	case NDSHM_GET_INFO:
		get_info(argument);
		return 0;
	case NDSHM_ADAPTER_CLAIM:
		asked.claim = *claim;
		asked.claims++;
		claim->out_isolation = NDSHM_ISOLATION_LAZY;
		claim->out_bars = 1;
		return 0;
	case NDSHM_ADAPTER_START:
		memcpy(&asked.start, argument, sizeof(asked.start));
		return 0;
	case NDSHM_ADAPTER_MAP_BAR:
		bar->out_mmap_offset = 3ULL << 40;
		bar->out_length = 8192;
		return 0;
	case NDSHM_BLOCK_ALLOC:
		alloc(argument);
		return 0;
	case NDSHM_BLOCK_FREE:
		asked.frees++;
		return 0;
	case NDSHM_BLOCK_QUERY:
		return query(argument);
	default:
		errno = ENOTTY;
		return -1;
	}
}

int __real_ioctl(int fd, unsigned long number, ...);
int __wrap_ioctl(int fd, unsigned long number, ...);
int __wrap_ioctl(int fd, unsigned long number, ...)
{
	struct ndshm_header *header;
	va_list arguments;
	int ret = answer.ret;

	va_start(arguments, number);
	header = va_arg(arguments, void *);
	va_end(arguments);
	asked.calls++;
	if (answer.real)
		return __real_ioctl(fd, number, header);
	if (header->size < sizeof(*header))
		CHECK(!"the size is that of the argument");
	if (answer.interrupted) {
		answer.interrupted--;
		errno = EINTR;
		return -1;
	}
	if (!ret)
		return succeed(number, header);
	answer.ret = 0;
	header->reason = answer.reason;
	header->status = answer.status;
	errno = answer.error;
	return ret;
}

void *__real_mmap64(void *at, size_t length, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t length, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
	asked.map_offset = offset;
	CHECK(flags == MAP_SHARED && protection == (PROT_READ | PROT_WRITE));
	if (answer.map_error) {
		errno = answer.map_error;
		answer.map_error = 0;
		return MAP_FAILED;
	}
	/* What backs /dev/zero has nothing beyond the length. */
	return __real_mmap64(at, length, protection, flags, fd, 0);
}

static void fail_next(int error, uint32_t reason, uint32_t status)
{
	answer.ret = -1;
	answer.error = error;
	answer.reason = reason;
	answer.status = status;
}

static struct ndshm *open_device(void)
{
	struct ndshm *ndshm;

	reset();
	return ndshm_open(DEVICE, &ndshm) ? NULL : ndshm;
}

static struct ndshm_block *make(struct ndshm *ndshm)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block *block;

	request.length = 12288;
	return ndshm_alloc(ndshm, &request, &block) ? NULL : block;
}

static bool is_mapped(volatile void *start)
{
	return !msync((void *)start, 4096, MS_ASYNC);
}

static void the_device_is_opened(void)
{
	struct ndshm *ndshm = open_device();
	struct ndshm_info info;

	REQUIRE(ndshm);
	CHECK(ndshm_fd(ndshm) > 2);
	CHECK_DONE(ndshm, ndshm_get_info(ndshm, &info));
	CHECK(info.features == answer.features && info.max_length == 1 << 20);
	CHECK(info.max_blocks == 9 && info.max_batch == 4 && info.page_size == 4096);
	CHECK(info.default_adapter == 77 && info.blocks == 5 && info.bytes == 6);
	CHECK(info.user_locked == 7);
	ndshm_close(ndshm);
}

static void what_is_no_ndshm_is_not_opened(void)
{
	struct ndshm *ndshm = (void *)1;

	reset();
	answer.real = true;
	CHECK(ndshm_open("/dev/null", &ndshm) == -EPROTONOSUPPORT && !ndshm);
	CHECK(ndshm_open("/proc/self/exe/nowhere", &ndshm) == -ENOTDIR && !ndshm);
	CHECK(ndshm_open("/", &ndshm) == -EISDIR && !ndshm);
}

static void a_module_without_blocks_is_not_enough(void)
{
	struct ndshm *ndshm = (void *)1;

	reset();
	answer.features = NDSHM_FEATURE_CLAIMS;
	CHECK(ndshm_open(DEVICE, &ndshm) == -EPROTONOSUPPORT && !ndshm);
}

static void failures_of_open_arrive(void)
{
	static const struct {
		int error, expected;
	} cases[] = {
		{ EINVAL, EPROTONOSUPPORT },
		{ E2BIG, EPROTONOSUPPORT },
		{ ENOTTY, EPROTONOSUPPORT },
		{ ENOMEM, ENOMEM },
		{ EPERM, EPERM },
	};
	struct ndshm *ndshm;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		reset();
		fail_next(cases[i].error, 0, 0);
		ndshm = (void *)1;
		CHECK(ndshm_open(DEVICE, &ndshm) == -cases[i].expected && !ndshm);
	}
}

static void no_permission_is_eacces(void)
{
	char path[] = "/tmp/ndshm-test-XXXXXX";
	uid_t user = geteuid();
	struct ndshm *ndshm;
	int fd = mkstemp(path);

	reset();
	REQUIRE(fd >= 0);
	close(fd);
	CHECK(!chmod(path, 0));
	if (!user)
		CHECK(!seteuid(65534));
	CHECK(ndshm_open(path, &ndshm) == -EACCES && !ndshm);
	if (!user)
		CHECK(!seteuid(user));
	unlink(path);
}

static void interrupted_commands_are_repeated(void)
{
	struct ndshm *ndshm = open_device();
	struct ndshm_info info;

	REQUIRE(ndshm);
	asked.calls = 0;
	answer.interrupted = 3;
	CHECK_DONE(ndshm, ndshm_get_info(ndshm, &info));
	CHECK(asked.calls == 4);
	ndshm_close(ndshm);
}

static void a_positive_answer_is_a_protocol_error(void)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block *block = (void *)1;
	struct ndshm *ndshm;

	reset();
	answer.ret = 1;
	CHECK(ndshm_open(DEVICE, &ndshm) == -EPROTO && !ndshm);
	ndshm = open_device();
	REQUIRE(ndshm);
	answer.ret = 42;
	request.length = 1;
	CHECK(ndshm_alloc(ndshm, &request, &block) == -EPROTO && !block);
	ndshm_close(ndshm);
}

static void reasons_arrive_unchanged(void)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm *ndshm = open_device();
	struct ndshm_block *block;
	struct ndshm_info info;

	REQUIRE(ndshm);
	request.length = 1;
	fail_next(ENOMEM, NDSHM_REASON_MEMLOCK, NDSHM_STATUS_RESOURCES);
	CHECK_FAILS(ndshm, ndshm_alloc(ndshm, &request, &block), ENOMEM, MEMLOCK, RESOURCES);
	/* Of a newer module. */
	fail_next(ENOSPC, 999, 0x12345678);
	CHECK(ndshm_get_info(ndshm, &info) == -ENOSPC);
	CHECK(ndshm_last_reason(ndshm) == 999 && ndshm_last_status(ndshm) == 0x12345678);
	CHECK(!strcmp(ndshm_reason_name(999), "unknown"));
	CHECK_DONE(ndshm, ndshm_get_info(ndshm, &info));
	ndshm_close(ndshm);
}

static void a_command_that_is_missing_is_not_supported(void)
{
	struct ndshm *ndshm = open_device();
	struct ndshm_claim *claim = (void *)1;

	REQUIRE(ndshm);
	fail_next(ENOTTY, 0, 0);
	CHECK_FAILS(ndshm, ndshm_claim(ndshm, 1, 0, &claim), EOPNOTSUPP, NONE, SUCCESS);
	CHECK(!claim);
	ndshm_close(ndshm);
}

static void requests_arrive_unchanged(void)
{
	struct ndshm_request request = {
		.length = 12345, .adapter = 4, .provider = 5, .node = 6, .usage = 7, .flags = 8,
	};
	struct ndshm *ndshm = open_device();
	struct ndshm_block *block, *blocks[4];

	REQUIRE(ndshm);
	CHECK_DONE(ndshm, ndshm_alloc(ndshm, &request, &block));
	CHECK(asked.alloc.length == 12345 && asked.alloc.adapter == 4);
	CHECK(asked.alloc.provider == 5 && asked.alloc.preferred_node == 6);
	CHECK(asked.alloc.usage == 7 && asked.alloc.flags == 8 && asked.alloc.count == 1);
	CHECK(!asked.alloc.queue_id && !asked.alloc.vport_id && !asked.alloc.__reserved);
	CHECK(!asked.alloc.segments && !asked.alloc.segment_capacity);
	CHECK(ndshm_block_handle(block) == 1 && ndshm_block_id(block) == 1001);
	CHECK(ndshm_block_length(block) == 12288);
	ndshm_free(block);
	CHECK(asked.frees == 1);

	request.adapter = 0;
	CHECK_DONE(ndshm, ndshm_alloc_many(ndshm, &request, blocks, 4));
	CHECK(asked.alloc.adapter == 77 && asked.alloc.count == 4);
	for (int i = 0; i < 4; i++) {
		CHECK(ndshm_block_handle(blocks[i]) == i + 1U);
		ndshm_free(blocks[i]);
	}
	CHECK(asked.frees == 5);
	asked.calls = 0;
	CHECK_FAILS(ndshm, ndshm_alloc_many(ndshm, &request, blocks, 5), EINVAL, COUNT,
		    INVALID_PARAMETER);
	CHECK(asked.calls == 0);
	ndshm_close(ndshm);
}

static void blocks_are_mapped_at_their_offset(void)
{
	struct ndshm *ndshm = open_device();
	struct ndshm_block *block;
	void *memory;

	REQUIRE(ndshm);
	block = make(ndshm);
	REQUIRE(block);
	CHECK_DONE(ndshm, ndshm_map(block, &memory));
	CHECK(asked.map_offset == 2ULL << 40 && is_mapped(memory));
	memset(memory, 1, 12288);
	ndshm_free(block);
	CHECK(!is_mapped(memory));
	ndshm_close(ndshm);
}

static void failures_of_mmap_arrive(void)
{
	struct ndshm *ndshm = open_device();
	struct ndshm_block *block;
	void *memory;

	REQUIRE(ndshm);
	block = make(ndshm);
	REQUIRE(block);
	answer.map_error = ENODEV;
	CHECK_FAILS(ndshm, ndshm_map(block, &memory), ENODEV, BLOCK_REVOKED, ADAPTER_REMOVED);
	CHECK(!memory);
	answer.map_error = ENOMEM;
	CHECK_FAILS(ndshm, ndshm_map(block, &memory), ENOMEM, MEMORY, RESOURCES);
	answer.map_error = ENXIO;
	CHECK_FAILS(ndshm, ndshm_map(block, &memory), ENXIO, NONE, SUCCESS);
	CHECK_DONE(ndshm, ndshm_map(block, &memory));
	ndshm_free(block);

	answer.block_flags = 0;
	block = make(ndshm);
	REQUIRE(block);
	CHECK_FAILS(ndshm, ndshm_map(block, &memory), EOPNOTSUPP, NONE, SUCCESS);
	ndshm_free(block);
	ndshm_close(ndshm);
}

static void addresses_are_shown_or_hidden(void)
{
	struct ndshm *ndshm = open_device();
	struct ndshm_block *block;
	uint64_t address = 0;

	REQUIRE(ndshm);
	block = make(ndshm);
	REQUIRE(block);
	CHECK_DONE(ndshm, ndshm_block_address(block, &address));
	CHECK(address == 0x1000);
	ndshm_free(block);
	answer.address = NDSHM_ADDRESS_HIDDEN;
	block = make(ndshm);
	REQUIRE(block);
	CHECK_FAILS(ndshm, ndshm_block_address(block, &address), EPERM, NOT_ISOLATED,
		    OPEN_FAILED);
	CHECK(address == 0x1000);
	ndshm_free(block);
	ndshm_close(ndshm);
}

static void query_says_how_many_segments_there_are(void)
{
	struct ndshm_segment segments[3] = { { 0 } };
	struct ndshm *ndshm = open_device();
	struct ndshm_block_info info;
	struct ndshm_block *block;
	size_t count;

	REQUIRE(ndshm);
	block = make(ndshm);
	REQUIRE(block);
	CHECK_DONE(ndshm, ndshm_query(block, &info, NULL, 0, &count));
	CHECK(count == 3 && info.consumed == 16384);
	count = 0;
	CHECK_FAILS(ndshm, ndshm_query(block, &info, segments, 2, &count), ENOSPC, LIST_SHORT,
		    BUFFER_TOO_SHORT);
	CHECK(count == 3 && segments[0].length == 0);
	CHECK_DONE(ndshm, ndshm_query(block, &info, segments, 3, &count));
	CHECK(count == 3 && segments[2].address == 0x3000);
	CHECK_DONE(ndshm, ndshm_query(block, &info, segments, SIZE_MAX, &count));

	fail_next(ENODEV, NDSHM_REASON_BLOCK_REVOKED, NDSHM_STATUS_ADAPTER_REMOVED);
	CHECK_FAILS(ndshm, ndshm_query(block, &info, segments, 3, &count), ENODEV,
		    BLOCK_REVOKED, ADAPTER_REMOVED);
	CHECK(count == 0);
	ndshm_free(block);
	ndshm_close(ndshm);
}

static void claims_map_bars_until_the_close(void)
{
	struct ndshm *ndshm = open_device();
	volatile void *first, *second;
	struct ndshm_claim *claim;
	size_t length;

	REQUIRE(ndshm);
	CHECK_DONE(ndshm, ndshm_claim(ndshm, 9, 48, &claim));
	CHECK(asked.claim.adapter == 9 && asked.claim.address_width == 48);
	CHECK(ndshm_claim_isolation(claim) == NDSHM_ISOLATION_LAZY);
	CHECK_DONE(ndshm, ndshm_claim_start(claim));
	CHECK(asked.start.adapter == 9);
	CHECK_DONE(ndshm, ndshm_claim_map_bar(claim, 0, &first, &length));
	CHECK(length == 8192 && asked.map_offset == 3ULL << 40);
	CHECK_DONE(ndshm, ndshm_claim_map_bar(claim, 0, &second, &length));
	CHECK(first == second && length == 8192);
	CHECK_DONE(ndshm, ndshm_claim_map_bar(claim, 5, &second, &length));
	CHECK(first != second);
	CHECK_FAILS(ndshm, ndshm_claim_map_bar(claim, 6, &second, &length), EINVAL, BAR,
		    INVALID_PARAMETER);
	CHECK(!second && !length);
	CHECK_FAILS(ndshm, ndshm_claim_map_bar(claim, UINT32_MAX, &second, &length), EINVAL,
		    BAR, INVALID_PARAMETER);
	/* A second claim of the client, as its own object. */
	CHECK_DONE(ndshm, ndshm_claim(ndshm, 10, 0, &claim));
	CHECK(is_mapped(first));
	ndshm_close(ndshm);
	CHECK(!is_mapped(first));
}

static void failures_of_claims_arrive(void)
{
	struct ndshm *ndshm = open_device();
	struct ndshm_claim *claim, *none;
	volatile void *registers;
	size_t length;

	REQUIRE(ndshm);
	fail_next(EBUSY, NDSHM_REASON_CLAIM_BUSY, NDSHM_STATUS_RESOURCE_CONFLICT);
	CHECK_FAILS(ndshm, ndshm_claim(ndshm, 9, 48, &none), EBUSY, CLAIM_BUSY,
		    RESOURCE_CONFLICT);
	CHECK(!none);
	REQUIRE(!ndshm_claim(ndshm, 9, 48, &claim));
	fail_next(EOPNOTSUPP, NDSHM_REASON_BAR_NOT_MAPPABLE, NDSHM_STATUS_NOT_SUPPORTED);
	CHECK_FAILS(ndshm, ndshm_claim_map_bar(claim, 0, &registers, &length), EOPNOTSUPP,
		    BAR_NOT_MAPPABLE, NOT_SUPPORTED);
	CHECK(!registers);
	answer.map_error = ENODEV;
	CHECK_FAILS(ndshm, ndshm_claim_map_bar(claim, 0, &registers, &length), ENODEV,
		    ADAPTER_REMOVED, ADAPTER_REMOVED);
	answer.map_error = ENOMEM;
	CHECK_FAILS(ndshm, ndshm_claim_map_bar(claim, 0, &registers, &length), ENOMEM, MEMORY,
		    RESOURCES);
	fail_next(EBADFD, NDSHM_REASON_CLAIM_MISSING, NDSHM_STATUS_INVALID_STATE);
	CHECK_FAILS(ndshm, ndshm_claim_start(claim), EBADFD, CLAIM_MISSING, INVALID_STATE);
	CHECK_DONE(ndshm, ndshm_claim_map_bar(claim, 0, &registers, &length));
	ndshm_close(ndshm);
}

int main(void)
{
	RUN(the_device_is_opened);
	RUN(what_is_no_ndshm_is_not_opened);
	RUN(a_module_without_blocks_is_not_enough);
	RUN(failures_of_open_arrive);
	RUN(no_permission_is_eacces);
	RUN(interrupted_commands_are_repeated);
	RUN(a_positive_answer_is_a_protocol_error);
	RUN(reasons_arrive_unchanged);
	RUN(a_command_that_is_missing_is_not_supported);
	RUN(requests_arrive_unchanged);
	RUN(blocks_are_mapped_at_their_offset);
	RUN(failures_of_mmap_arrive);
	RUN(addresses_are_shown_or_hidden);
	RUN(query_says_how_many_segments_there_are);
	RUN(claims_map_bars_until_the_close);
	RUN(failures_of_claims_arrive);
	return test_end();
}
