// SPDX-License-Identifier: GPL-2.0
/*
 * The backend of the module, with a fake device: blocks and claims.
 */
#include <ndshm/admin.h>

#include "fake_device.h"
#include "test.h"

#define CARD	"0000:00:11.0"

static struct ndshm_block *make(struct ndshm *ndshm)
{
	struct ndshm_request request = test_request(12288);
	struct ndshm_block *block;

	return ndshm_alloc(ndshm, &request, &block) ? NULL : block;
}

#define BLOCK_TEST(name) \
	DEVICE_OBJECT_TEST(name, struct ndshm_block *, block, make(ndshm), ndshm_free(block))

/* A claim of the device is an object of the context. */
static struct ndshm_claim *make_claim(struct ndshm *ndshm)
{
	struct ndshm_claim *claim;

	return ndshm_claim_adapter(ndshm, CARD, 48, &claim) ? NULL : claim;
}

#define CLAIM_TEST(name) \
	DEVICE_OBJECT_TEST(name, struct ndshm_claim *, claim, make_claim(ndshm), (void)claim)

/* Return: whether four blocks were allocated, with handles from 1 on. */
static bool make_four(struct ndshm *ndshm, struct ndshm_block **blocks)
{
	struct ndshm_request request = test_request(12288);

	return !ndshm_alloc_many(ndshm, &request, blocks, 4);
}

static bool are_none(struct ndshm_block **blocks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (blocks[i])
			return false;
	return true;
}

DEVICE_TEST(requests_arrive_unchanged)
{
	struct ndshm_request request = {
		.length = 12345, .adapter = 4, .provider = 5, .node = 6, .usage = 7, .flags = 8,
		.tag = 9,
	};
	struct ndshm_block *block, *blocks[4];

	CHECK_DONE(ndshm, ndshm_alloc(ndshm, &request, &block));
	CHECK_REQUESTED(alloc, .length = 12345, .adapter = 4, .provider = 5, .preferred_node = 6,
			.usage = 7, .flags = 8, .tag = 9, .count = 1,
			.blocks = requested.alloc.blocks);
	CHECK(ndshm_block_handle(block) == 1 && ndshm_block_id(block) == 1001);
	CHECK(ndshm_block_length(block) == 12288);
	ndshm_free(block);
	CHECK(requested.frees == 1);

	request.adapter = 0;
	CHECK_DONE(ndshm, ndshm_alloc_many(ndshm, &request, blocks, 4));
	CHECK(requested.alloc.adapter == 77 && requested.alloc.count == 4);
	for (int i = 0; i < 4; i++) {
		CHECK(ndshm_block_handle(blocks[i]) == i + 1U);
		ndshm_free(blocks[i]);
	}
	CHECK(requested.frees == 5);
	requested.calls = 0;
	CHECK_REASON(ndshm, ndshm_alloc_many(ndshm, &request, blocks, 5), COUNT);
	CHECK(requested.calls == 0);

	/* Many fail together: nothing was allocated, so nothing is freed. */
	memset(blocks, 1, sizeof(blocks));
	CHECK_PASSED_ON(ndshm, ndshm_alloc_many(ndshm, &request, blocks, 4), PROVIDER_RESOURCES);
	CHECK(are_none(blocks, 4) && requested.frees == 5);
}

/* A device that does not know tags would refuse them. */
TEST(unknown_features_are_not_used)
{
	struct ndshm_request request = test_request(1);
	struct ndshm_block *block;
	struct ndshm *ndshm;

	request.flags = NDSHM_ALLOC_CONTIGUOUS;
	request.tag = NDSHM_TAG('t', 'a', 'g', 0);
	for (int known = 1; known >= 0; known--) {
		device_reset();
		if (!known)
			answer.features &= ~NDSHM_FEATURE_TAGS;
		REQUIRE(!ndshm_open(DEVICE, &ndshm) && !ndshm_alloc(ndshm, &request, &block));
		CHECK(requested.alloc.flags == NDSHM_ALLOC_CONTIGUOUS);
		CHECK(requested.alloc.tag == (known ? 0x00676174 : 0));
		ndshm_free(block);
		ndshm_close(ndshm);
	}
}

DEVICE_TEST(many_are_freed_together)
{
	struct ndshm *other;
	struct ndshm_block *blocks[12], *none[65] = { NULL };
	void *memory;

	REQUIRE(make_four(ndshm, blocks) && !ndshm_map(blocks[2], &memory));
	CHECK_DONE(ndshm, ndshm_free_many(ndshm, blocks, 4));
	CHECK_REQUESTED(free, .count = 4, .handles = requested.free.handles);
	for (uint32_t i = 0; i < 4; i++)
		CHECK(requested.freed[i] == i + 1);
	CHECK(requested.frees == 1 && are_none(blocks, 4) && !test_is_mapped(memory));

	/* Entries without a block are skipped; a batch without blocks needs no command. */
	CHECK_DONE(ndshm, ndshm_free_many(ndshm, blocks, 4));
	CHECK_DONE(ndshm, ndshm_free_many(ndshm, blocks, 0));
	CHECK(requested.frees == 1);
	REQUIRE(make_four(ndshm, blocks));
	ndshm_free(blocks[1]);
	blocks[1] = NULL;
	requested.frees = 0;
	CHECK_DONE(ndshm, ndshm_free_many(ndshm, blocks, 4));
	CHECK(requested.frees == 1 && requested.free.count == 3);
	CHECK(requested.freed[0] == 1 && requested.freed[1] == 3 && requested.freed[2] == 4);

	/* A context without blocks frees none. */
	REQUIRE(!ndshm_open("section:", &other));
	CHECK_DONE(other, ndshm_free_many(other, none, 65));
	ndshm_close(other);

	/* The device takes four at a time. */
	for (int i = 0; i < 12; i += 4)
		REQUIRE(make_four(ndshm, blocks + i));
	ndshm_free(blocks[9]);
	blocks[9] = NULL;
	requested.frees = 0;
	CHECK_DONE(ndshm, ndshm_free_many(ndshm, blocks, 12));
	CHECK(requested.frees == 3 && requested.free.count == 3);
}

/* A refused revocation changes nothing. */
DEVICE_TEST(revocation_by_handle_and_id)
{
	struct ndshm_block *blocks[4];
	void *memory;

	REQUIRE(make_four(ndshm, blocks) && !ndshm_map(blocks[2], &memory));
	CHECK_PASSED_ON(ndshm, ndshm_revoke(blocks[2]), FLAGS);
	CHECK(test_is_mapped(memory));
	CHECK_DONE(ndshm, ndshm_revoke(blocks[2]));
	CHECK(requested.free.handle == 3 && requested.free.flags == NDSHM_FREE_REVOKE);
	CHECK(!test_is_mapped(memory));
	blocks[2] = NULL;
	CHECK_DONE(ndshm, ndshm_revoke_id(ndshm, 77));
	CHECK_REQUESTED(free_id, .id = 77);
	CHECK_DONE(ndshm, ndshm_delete_section_id(ndshm, 78, NDSHM_DELETE_FORCE));
	CHECK_REQUESTED(section_delete_id, .id = 78, .flags = NDSHM_DELETE_FORCE);
	CHECK_DONE(ndshm, ndshm_free_many(ndshm, blocks, 4));
}

/* One by one without the feature, and after a failure of the command. */
TEST(many_are_freed_one_by_one)
{
	struct ndshm_block *blocks[4];
	struct ndshm *ndshm;
	void *memory;

	for (int lacks = 0; lacks < 2; lacks++) {
		device_reset();
		if (lacks)
			answer.features &= ~NDSHM_FEATURE_FREE_MANY;
		REQUIRE(!ndshm_open(DEVICE, &ndshm) && make_four(ndshm, blocks));
		REQUIRE(!ndshm_map(blocks[2], &memory));
		if (!lacks)
			device_fail_next(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN,
					 NDSHM_STATUS_FILE_NOT_FOUND);
		requested.calls = 0;
		CHECK_DONE(ndshm, ndshm_free_many(ndshm, blocks, 4));
		CHECK(requested.calls == (lacks ? 4 : 5) && requested.frees == 4);
		CHECK(requested.free.handle == 4 && !requested.free.count);
		CHECK(requested.free.size == offsetof(struct ndshm_block_free_args, handles));
		CHECK(are_none(blocks, 4) && !test_is_mapped(memory));
		ndshm_close(ndshm);
	}
}

DEVICE_TEST(bad_arrays_free_nothing)
{
	struct ndshm_block *blocks[4], *again[4], *foreign;
	struct ndshm *other;
	void *memory;

	REQUIRE(make_four(ndshm, blocks) && !ndshm_open(DEVICE, &other));
	foreign = make(other);
	REQUIRE(foreign && !ndshm_map(blocks[0], &memory));
	for (int i = 0; i < 4; i++) {
		memcpy(again, blocks, sizeof(again));
		again[i] = foreign;
		CHECK_REASON(ndshm, ndshm_free_many(ndshm, again, 4), HANDLE_UNKNOWN);
		CHECK(again[i] == foreign && again[(i + 1) % 4] == blocks[(i + 1) % 4]);
		memcpy(again, blocks, sizeof(again));
		again[(i + 1) % 4] = NULL;
		again[(i + 2) % 4] = blocks[i];
		CHECK_REASON(ndshm, ndshm_free_many(ndshm, again, 4), HANDLE_UNKNOWN);
	}
	CHECK(!requested.frees && test_is_mapped(memory));
	/* The blocks of refused arrays can be freed. */
	CHECK_DONE(ndshm, ndshm_free_many(ndshm, blocks, 4));
	CHECK_DONE(other, ndshm_free_many(other, &foreign, 1));
	CHECK(requested.frees == 2 && !test_is_mapped(memory));
	ndshm_close(other);
}

DEVICE_TEST(a_free_that_is_refused_has_a_reason)
{
	struct ndshm_block *block = make(ndshm);

	REQUIRE(block);
	device_fail_next(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, NDSHM_STATUS_FILE_NOT_FOUND);
	ndshm_free(block);
	CHECK(ndshm_last_reason(ndshm) == NDSHM_REASON_HANDLE_UNKNOWN);
	CHECK(ndshm_last_status(ndshm) == NDSHM_STATUS_FILE_NOT_FOUND);
}

/* The close frees everything in the kernel: no command follows. */
TEST(objects_outlive_the_client)
{
	struct ndshm *ndshm = device_open();
	struct ndshm_block *mapped, *bare, *blocks[4];
	void *memory, *others, *again = (void *)1;
	struct ndshm_block_info info;
	uint64_t address;
	size_t count = 1;

	REQUIRE(ndshm);
	mapped = make(ndshm);
	bare = make(ndshm);
	REQUIRE(mapped && bare && !ndshm_map(mapped, &memory));
	REQUIRE(make_four(ndshm, blocks) && !ndshm_map(blocks[3], &others));
	ndshm_close(ndshm);
	requested.calls = 0;

	CHECK(test_is_mapped(memory) && test_is_mapped(others));
	CHECK(ndshm_block_length(mapped) == 12288 && ndshm_block_id(mapped) == 1001);
	CHECK(!ndshm_block_address(mapped, &address) && address == 0x1000);
	CHECK(ndshm_map(bare, &again) == -EBADF && !again);
	CHECK(ndshm_query(bare, &info, NULL, 0, &count) == -EBADF && !count);
	ndshm_unmap(mapped);
	CHECK(!test_is_mapped(memory));
	CHECK(ndshm_map(mapped, &again) == -EBADF && !again);
	ndshm_free(mapped);
	ndshm_free(bare);
	/* The blocks have the last references to the context. */
	CHECK(!ndshm_free_many(ndshm, blocks, 4));
	CHECK(are_none(blocks, 4) && !test_is_mapped(others));
	CHECK(!requested.calls && !requested.frees);
}

DEVICE_TEST(blocks_are_mapped_at_their_offset)
{
	struct ndshm_block *block = make(ndshm);
	void *memory;

	REQUIRE(block);
	CHECK_MAP_FAILURES(ndshm, ndshm_map(block, &memory), BLOCK_REVOKED);
	CHECK(!memory);
	CHECK_DONE(ndshm, ndshm_map(block, &memory));
	CHECK(requested.map_offset == 2ULL << 40 && test_is_mapped(memory));
	memset(memory, 1, 12288);
	ndshm_free(block);
	CHECK(!test_is_mapped(memory));

	answer.block_flags = 0;
	block = make(ndshm);
	REQUIRE(block);
	CHECK_ERRNO(ndshm, ndshm_map(block, &memory), EOPNOTSUPP);
	ndshm_free(block);
}

BLOCK_TEST(addresses_are_shown_or_hidden)
{
	struct ndshm_block *other;
	uint64_t address = 0;

	CHECK_DONE(ndshm, ndshm_block_address(block, &address));
	CHECK(address == 0x1000);
	answer.address = NDSHM_ADDRESS_HIDDEN;
	other = make(ndshm);
	REQUIRE(other);
	CHECK_REASON(ndshm, ndshm_block_address(other, &address), NOT_ISOLATED);
	CHECK(address == 0x1000);
	ndshm_free(other);
}

BLOCK_TEST(query_says_how_many_segments_there_are)
{
	struct ndshm_segment segments[3] = { { 0 } };
	struct ndshm_block_info info;
	size_t count;

	CHECK_DONE(ndshm, ndshm_query(block, &info, NULL, 0, &count));
	CHECK(count == 3 && info.consumed == 16384);
	count = 0;
	CHECK_REASON(ndshm, ndshm_query(block, &info, segments, 2, &count), LIST_SHORT);
	CHECK(count == 3 && segments[0].length == 0);
	CHECK_DONE(ndshm, ndshm_query(block, &info, segments, 3, &count));
	CHECK(count == 3 && segments[2].address == 0x3000);
	CHECK_DONE(ndshm, ndshm_query(block, &info, segments, SIZE_MAX, &count));

	CHECK_PASSED_ON(ndshm, ndshm_query(block, &info, segments, 3, &count), BLOCK_REVOKED);
	CHECK(count == 0);
}

BLOCK_TEST(sync_and_export_are_passed_on)
{
	const uint32_t handle = ndshm_block_handle(block);
	int fd;

	CHECK_DONE(ndshm, ndshm_sync(block, NDSHM_SYNC_FOR_CPU, 0x123456789, 0xabcdef012));
	CHECK_REQUESTED(sync, .handle = handle, .direction = NDSHM_SYNC_FOR_CPU,
			.offset = 0x123456789, .length = 0xabcdef012);
	CHECK_PASSED_ON(ndshm, ndshm_sync(block, NDSHM_SYNC_FOR_DEVICE, 0, 1), RANGE);

	CHECK_DONE(ndshm, ndshm_export(block, O_RDWR | O_CLOEXEC, &fd));
	CHECK_REQUESTED(export, .handle = handle, .fd_flags = O_RDWR | O_CLOEXEC,
			.out_dmabuf = requested.export.out_dmabuf);
	CHECK(fd >= 0 && !close(fd));
	CHECK_DONE(ndshm, ndshm_export(block, O_RDONLY, &fd));
	CHECK(requested.export.fd_flags == O_RDONLY && !close(fd));
	CHECK_PASSED_ON(ndshm, ndshm_export(block, O_RDWR, &fd), EXPORT_UNSUPPORTED);
	CHECK(fd == -1);
	fd = 7;
	CHECK_MISSING(ndshm, ndshm_export(block, O_RDWR, &fd));
	CHECK(fd == -1);
}

TEST(claims_map_bars_until_the_close)
{
	struct ndshm *ndshm = device_open();
	volatile void *first, *second;
	struct ndshm_claim *claim;
	size_t length;

	REQUIRE(ndshm);
	CHECK_DONE(ndshm, ndshm_claim_adapter(ndshm, CARD, 48, &claim));
	CHECK(requested.claim.address_width == 48 && ndshm_claim_adapter_id(claim) == 9);
	CHECK(ndshm_claim_isolation(claim) == NDSHM_ISOLATION_LAZY);
	CHECK_DONE(ndshm, ndshm_claim_start(claim));
	CHECK_REQUESTED(start, .adapter = 9);
	CHECK_PASSED_ON(ndshm, ndshm_claim_start(claim), CLAIM_MISSING);
	CHECK_PASSED_ON(ndshm, ndshm_claim_map_bar(claim, 0, &first, &length), BAR_NOT_MAPPABLE);
	CHECK(!first);
	CHECK_MAP_FAILURES(ndshm, ndshm_claim_map_bar(claim, 0, &first, &length), ADAPTER_REMOVED);
	CHECK_DONE(ndshm, ndshm_claim_map_bar(claim, 0, &first, &length));
	CHECK(length == 8192 && requested.map_offset == 3ULL << 40);
	CHECK_DONE(ndshm, ndshm_claim_map_bar(claim, 0, &second, &length));
	CHECK(first == second && length == 8192);
	CHECK_DONE(ndshm, ndshm_claim_map_bar(claim, 5, &second, &length));
	CHECK(first != second);
	CHECK_REASON(ndshm, ndshm_claim_map_bar(claim, 6, &second, &length), BAR);
	CHECK(!second && !length);
	CHECK_REASON(ndshm, ndshm_claim_map_bar(claim, UINT32_MAX, &second, &length), BAR);
	/* A second claim of the same client is an object of its own. */
	CHECK_DONE(ndshm, ndshm_claim_adapter(ndshm, CARD, 0, &claim));
	CHECK(test_is_mapped(first));
	ndshm_close(ndshm);
	CHECK(!test_is_mapped(first));
}

/* The node is open only while the command runs. */
DEVICE_TEST(claims_open_a_node)
{
	const int before = test_descriptors();
	struct ndshm_claim *claim;
	char path[64];

	CHECK_DONE(ndshm, ndshm_claim_adapter(ndshm, CARD, 48, &claim));
	CHECK(!strcmp(requested.path, NDSHM_DEVICES "/" CARD));
	CHECK(test_descriptors() == before);
	CHECK_PASSED_ON(ndshm, ndshm_claim_adapter(ndshm, CARD, 48, &claim), CLAIM_BUSY);
	CHECK(!claim && test_descriptors() == before);
	/* A path is opened as it is, however long. */
	snprintf(path, sizeof(path), "/proc/self/../self/../self/fd/%d", ndshm_fd(ndshm));
	CHECK_DONE(ndshm, ndshm_claim_adapter(ndshm, path, 48, &claim));
	CHECK(!strcmp(requested.path, path) && test_descriptors() == before);
	/* A descriptor is not opened again: that would take permission. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ndshm_fd(ndshm));
	*requested.path = '\0';
	CHECK_DONE(ndshm, ndshm_claim_adapter(ndshm, path, 48, &claim));
	CHECK(!*requested.path && test_descriptors() == before);
	CHECK_REASON(ndshm, ndshm_claim_adapter(ndshm, "/proc/self/fd/999999", 48, &claim),
		     DESCRIPTOR);
}

DEVICE_TEST(failures_to_open_a_node_have_reasons)
{
	static const int removed[] = { ENODEV, ENXIO }, refused[] = { EACCES, EPERM };
	struct ndshm_claim *claim = (void *)1;

	requested.calls = 0;
	for (int i = 0; i < 2; i++) {
		answer.open_error = refused[i];
		CHECK_REASON(ndshm, ndshm_claim_adapter(ndshm, CARD, 0, &claim),
			     ADAPTER_PERMISSION);
		CHECK(!claim);
		answer.open_error = removed[i];
		CHECK_REASON(ndshm, ndshm_claim_adapter(ndshm, CARD, 0, &claim), ADAPTER_REMOVED);
	}
	answer.open_error = EMFILE;
	CHECK_ERRNO(ndshm, ndshm_claim_adapter(ndshm, CARD, 0, &claim), EMFILE);
	CHECK(!requested.calls);
}

CLAIM_TEST(interrupts_signal_eventfds)
{
	static const uint32_t counts[NDSHM_IRQ_KINDS + 1] = {
		[NDSHM_IRQ_INTX] = 1, [NDSHM_IRQ_MSI] = 2, [NDSHM_IRQ_MSIX] = 8,
	};
	static const int eventfds[] = { 7, -1, 9 };

	for (uint32_t kind = 0; kind <= NDSHM_IRQ_KINDS; kind++)
		CHECK(ndshm_claim_irq_count(claim, kind) == counts[kind]);
	CHECK(ndshm_claim_irq_count(claim, UINT32_MAX) == 0);
	CHECK_DONE(ndshm, ndshm_claim_set_irqs(claim, NDSHM_IRQ_MSIX, 2, 3, eventfds));
	CHECK_REQUESTED(set_irqs, .adapter = 9, .kind = NDSHM_IRQ_MSIX, .first = 2, .count = 3,
			.eventfds = (uintptr_t)eventfds);
	CHECK(!memcmp(requested.eventfds, eventfds, sizeof(eventfds)));
	CHECK_DONE(ndshm, ndshm_claim_unmask_intx(claim));
	CHECK_REQUESTED(set_irqs, .adapter = 9, .kind = NDSHM_IRQ_INTX,
			.flags = NDSHM_SET_IRQS_UNMASK);
	CHECK_DONE(ndshm, ndshm_claim_set_irqs(claim, NDSHM_IRQ_NONE, 0, 0, NULL));
	CHECK_REQUESTED(set_irqs, .adapter = 9, .kind = NDSHM_IRQ_NONE);
	CHECK_PASSED_ON(ndshm, ndshm_claim_set_irqs(claim, NDSHM_IRQ_MSIX, 2, 3, eventfds),
			IRQ_EVENTFD);
	CHECK_PASSED_ON(ndshm, ndshm_claim_unmask_intx(claim), IRQ_OFF);
	CHECK_MISSING(ndshm, ndshm_claim_unmask_intx(claim));
}

CLAIM_TEST(functions_are_reset_and_configured)
{
	uint32_t value = 1;

	CHECK_DONE(ndshm, ndshm_claim_reset(claim));
	CHECK_REQUESTED(reset, .adapter = 9);
	CHECK_PASSED_ON(ndshm, ndshm_claim_reset(claim), RESET_UNSUPPORTED);
	CHECK_PASSED_ON(ndshm, ndshm_claim_reset(claim), RESET_FAILED);
	CHECK_MISSING(ndshm, ndshm_claim_reset(claim));

	CHECK_DONE(ndshm, ndshm_claim_config_read(claim, 0x100, 4, &value));
	CHECK(value == 0x10d38086);
	CHECK_REQUESTED(config, .adapter = 9, .offset = 0x100, .width = 4);
	CHECK_DONE(ndshm, ndshm_claim_config_write(claim, 6, 2, 0x8000));
	CHECK_REQUESTED(config, .adapter = 9, .flags = NDSHM_CONFIG_WRITE, .offset = 6, .width = 2,
			.value = 0x8000);
	CHECK_PASSED_ON(ndshm, ndshm_claim_config_write(claim, 4, 2, 7), CONFIG_PROTECTED);
	CHECK_PASSED_ON(ndshm, ndshm_claim_config_read(claim, 1, 4, &value), CONFIG_RANGE);
	CHECK(!value);
	CHECK_MISSING(ndshm, ndshm_claim_config_read(claim, 0, 4, &value));
}

#define THREADS	4

static pthread_barrier_t barrier;

static void *map_bar(void *claim)
{
	volatile void *registers;
	size_t length;

	pthread_barrier_wait(&barrier);
	if (ndshm_claim_map_bar(claim, 2, &registers, &length) || length != 8192)
		return NULL;
	return (void *)registers;
}

TEST(threads_get_the_same_bar)
{
	struct ndshm *ndshm = device_open();
	void *starts[THREADS] = { NULL };
	pthread_t threads[THREADS];
	struct ndshm_claim *claim;

	REQUIRE(ndshm && !ndshm_claim_adapter(ndshm, CARD, 0, &claim));
	REQUIRE(!pthread_barrier_init(&barrier, NULL, THREADS));
	test_start(threads, THREADS, map_bar, claim, 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &starts[i]);
		CHECK(starts[i] && starts[i] == starts[0]);
	}
	pthread_barrier_destroy(&barrier);
	CHECK(requested.bars == 1);
	ndshm_close(ndshm);
	CHECK(!test_is_mapped(starts[0]));
}

TEST_MAIN
