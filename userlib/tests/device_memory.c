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

DEVICE_TEST(requests_arrive_unchanged)
{
	struct ndshm_request request = {
		.length = 12345, .adapter = 4, .provider = 5, .node = 6, .usage = 7, .flags = 8,
		.tag = 9,
	};
	struct ndshm_block *block, *blocks[4];

	CHECK_DONE(ndshm, ndshm_alloc(ndshm, &request, &block));
	CHECK(requested.alloc.length == 12345 && requested.alloc.adapter == 4);
	CHECK(requested.alloc.provider == 5 && requested.alloc.preferred_node == 6);
	CHECK(requested.alloc.usage == 7 && requested.alloc.flags == 8 &&
	      requested.alloc.count == 1);
	CHECK(!requested.alloc.queue_id && !requested.alloc.vport_id && requested.alloc.tag == 9);
	CHECK(!requested.alloc.segments && !requested.alloc.segment_capacity);
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
}

DEVICE_TEST(many_fail_together)
{
	struct ndshm_request request = test_request(1);
	struct ndshm_block *blocks[4];

	memset(blocks, 1, sizeof(blocks));
	CHECK_PASSED_ON(ndshm, ndshm_alloc_many(ndshm, &request, blocks, 4), PROVIDER_RESOURCES);
	for (int i = 0; i < 4; i++)
		CHECK(!blocks[i]);
	/* Nothing was allocated, so nothing is freed. */
	CHECK(!requested.frees);
}

/* A device that does not know tags would refuse them. */
TEST(unknown_features_are_not_used)
{
	struct ndshm_request request = test_request(1);
	struct ndshm_block *block;
	struct ndshm *ndshm;

	request.flags = NDSHM_ALLOC_CONTIGUOUS;
	request.tag = NDSHM_TAG('t', 'a', 'g', 0);
	ndshm = device_open();
	REQUIRE(ndshm && !ndshm_alloc(ndshm, &request, &block));
	CHECK(requested.alloc.flags == request.flags && requested.alloc.tag == request.tag);
	ndshm_free(block);
	CHECK(requested.alloc.tag == 0x00676174);
	ndshm_close(ndshm);

	answer.features &= ~NDSHM_FEATURE_TAGS;
	REQUIRE(!ndshm_open(DEVICE, &ndshm) && !ndshm_alloc(ndshm, &request, &block));
	CHECK(requested.alloc.flags == NDSHM_ALLOC_CONTIGUOUS && !requested.alloc.tag);
	ndshm_free(block);
	ndshm_close(ndshm);
}

/* Return: whether four blocks were allocated, with handles from 1 on. */
static bool make_four(struct ndshm *ndshm, struct ndshm_block **blocks)
{
	struct ndshm_request request = test_request(12288);

	return !ndshm_alloc_many(ndshm, &request, blocks, 4);
}

DEVICE_TEST(many_are_freed_together)
{
	struct ndshm *other;
	struct ndshm_block *blocks[12], *none[65];
	void *memory;

	REQUIRE(make_four(ndshm, blocks));
	REQUIRE(!ndshm_map(blocks[2], &memory));
	CHECK_DONE(ndshm, ndshm_free_many(ndshm, blocks, 4));
	CHECK(requested.frees == 1 && requested.free.size == sizeof(requested.free));
	CHECK(requested.free.count == 4 && !requested.free.handle && !requested.free.__reserved);
	for (uint32_t i = 0; i < 4; i++)
		CHECK(requested.freed[i] == i + 1 && !blocks[i]);
	CHECK(!test_is_mapped(memory));

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
	memset(none, 0, sizeof(none));
	CHECK_DONE(other, ndshm_free_many(other, none, 65));
	ndshm_close(other);

	/* The device takes four at a time. */
	REQUIRE(make_four(ndshm, blocks) && make_four(ndshm, blocks + 4));
	REQUIRE(make_four(ndshm, blocks + 8));
	ndshm_free(blocks[9]);
	blocks[9] = NULL;
	requested.frees = 0;
	CHECK_DONE(ndshm, ndshm_free_many(ndshm, blocks, 12));
	CHECK(requested.frees == 3 && requested.free.count == 3);
}

/* A refused revocation changes nothing. */
TEST(revocation_by_handle_and_id)
{
	struct ndshm_block *blocks[4];
	struct ndshm *ndshm = device_open();
	void *memory;

	REQUIRE(ndshm && make_four(ndshm, blocks));
	REQUIRE(!ndshm_map(blocks[2], &memory));
	device_fail_next(EOPNOTSUPP, NDSHM_REASON_FLAGS, NDSHM_STATUS_NOT_SUPPORTED);
	CHECK_REASON(ndshm, ndshm_revoke(blocks[2]), FLAGS);
	CHECK(test_is_mapped(memory));
	CHECK_DONE(ndshm, ndshm_revoke(blocks[2]));
	CHECK(requested.free.handle == 3 && requested.free.flags == NDSHM_FREE_REVOKE);
	CHECK(!test_is_mapped(memory));
	blocks[2] = NULL;
	CHECK_DONE(ndshm, ndshm_revoke_id(ndshm, 77));
	CHECK(requested.free_id.id == 77);
	CHECK_DONE(ndshm, ndshm_delete_section_id(ndshm, 78, NDSHM_DELETE_FORCE));
	CHECK(requested.section_delete_id.id == 78 &&
	      requested.section_delete_id.flags == NDSHM_DELETE_FORCE);
	CHECK_DONE(ndshm, ndshm_free_many(ndshm, blocks, 4));
	ndshm_close(ndshm);
}

/* One by one without the feature, and after a failure of the command. */
TEST(many_are_freed_one_by_one)
{
	struct ndshm_block *blocks[4];
	struct ndshm *ndshm;
	void *memory;

	device_reset();
	answer.features &= ~NDSHM_FEATURE_FREE_MANY;
	REQUIRE(!ndshm_open(DEVICE, &ndshm) && make_four(ndshm, blocks));
	REQUIRE(!ndshm_map(blocks[2], &memory));
	CHECK_DONE(ndshm, ndshm_free_many(ndshm, blocks, 4));
	CHECK(requested.frees == 4 && requested.free.handle == 4 && !requested.free.count);
	CHECK(requested.free.size == offsetof(struct ndshm_block_free_args, handles));
	CHECK(!test_is_mapped(memory));
	for (int i = 0; i < 4; i++)
		CHECK(!blocks[i]);
	ndshm_close(ndshm);

	ndshm = device_open();
	REQUIRE(ndshm && make_four(ndshm, blocks));
	device_fail_next(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, NDSHM_STATUS_FILE_NOT_FOUND);
	requested.calls = 0;
	CHECK_DONE(ndshm, ndshm_free_many(ndshm, blocks, 4));
	CHECK(requested.calls == 5 && requested.frees == 4 && requested.free.handle == 4);
	for (int i = 0; i < 4; i++)
		CHECK(!blocks[i]);
	ndshm_close(ndshm);
}

DEVICE_TEST(bad_arrays_free_nothing)
{
	struct ndshm_block *blocks[4], *again[4], *foreign;
	struct ndshm *other;
	void *memory;

	REQUIRE(make_four(ndshm, blocks));
	REQUIRE(!ndshm_open(DEVICE, &other));
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

/* The blocks have the last references to the context. */
TEST(many_are_freed_after_the_close)
{
	struct ndshm *ndshm = device_open();
	struct ndshm_block *blocks[4];
	void *memory;

	REQUIRE(ndshm && make_four(ndshm, blocks) && !ndshm_map(blocks[3], &memory));
	ndshm_close(ndshm);
	CHECK(test_is_mapped(memory));
	CHECK(!ndshm_free_many(ndshm, blocks, 4));
	CHECK(!requested.frees && !blocks[0] && !blocks[3] && !test_is_mapped(memory));
}

DEVICE_TEST(a_free_that_is_refused_has_a_reason)
{
	struct ndshm_block *block;

	block = make(ndshm);
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
	struct ndshm_block *mapped, *bare;
	struct ndshm_block_info info;
	void *memory, *again = (void *)1;
	uint64_t address;
	size_t count = 1;

	REQUIRE(ndshm);
	mapped = make(ndshm);
	bare = make(ndshm);
	REQUIRE(mapped && bare && !ndshm_map(mapped, &memory));
	ndshm_close(ndshm);
	requested.calls = 0;

	CHECK(test_is_mapped(memory));
	CHECK(ndshm_block_length(mapped) == 12288 && ndshm_block_id(mapped) == 1001);
	CHECK(!ndshm_block_address(mapped, &address) && address == 0x1000);
	CHECK(ndshm_map(bare, &again) == -EBADF && !again);
	CHECK(ndshm_query(bare, &info, NULL, 0, &count) == -EBADF && !count);
	ndshm_unmap(mapped);
	CHECK(!test_is_mapped(memory));
	CHECK(ndshm_map(mapped, &again) == -EBADF && !again);
	ndshm_free(mapped);
	ndshm_free(bare);
	CHECK(!requested.calls && !requested.frees);
}

DEVICE_TEST(blocks_are_mapped_at_their_offset)
{
	struct ndshm_block *block;
	void *memory;

	block = make(ndshm);
	REQUIRE(block);
	CHECK_DONE(ndshm, ndshm_map(block, &memory));
	CHECK(requested.map_offset == 2ULL << 40 && test_is_mapped(memory));
	memset(memory, 1, 12288);
	ndshm_free(block);
	CHECK(!test_is_mapped(memory));
}

BLOCK_TEST(failures_of_mmap_arrive)
{
	struct ndshm_block *other;
	void *memory;

	answer.map_error = ENODEV;
	CHECK_REASON(ndshm, ndshm_map(block, &memory), BLOCK_REVOKED);
	CHECK(!memory);
	answer.map_error = ENOMEM;
	CHECK_REASON(ndshm, ndshm_map(block, &memory), MEMORY);
	answer.map_error = EAGAIN;
	CHECK_REASON(ndshm, ndshm_map(block, &memory), MLOCKALL);
	answer.map_error = ENXIO;
	CHECK_ERRNO(ndshm, ndshm_map(block, &memory), ENXIO);
	CHECK_DONE(ndshm, ndshm_map(block, &memory));

	answer.block_flags = 0;
	other = make(ndshm);
	REQUIRE(other);
	CHECK_ERRNO(ndshm, ndshm_map(other, &memory), EOPNOTSUPP);
	ndshm_free(other);
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

BLOCK_TEST(sync_passes_the_range_on)
{
	CHECK_DONE(ndshm, ndshm_sync(block, NDSHM_SYNC_FOR_CPU, 0x123456789, 0xabcdef012));
	CHECK(requested.sync.handle == ndshm_block_handle(block) && !requested.sync.flags);
	CHECK(requested.sync.direction == NDSHM_SYNC_FOR_CPU);
	CHECK(requested.sync.offset == 0x123456789 && requested.sync.length == 0xabcdef012);
	CHECK_PASSED_ON(ndshm, ndshm_sync(block, NDSHM_SYNC_FOR_DEVICE, 0, 1), RANGE);
	CHECK(requested.sync.direction == NDSHM_SYNC_FOR_CPU);
}

BLOCK_TEST(export_returns_a_descriptor)
{
	int fd;

	CHECK_DONE(ndshm, ndshm_export(block, O_RDWR | O_CLOEXEC, &fd));
	CHECK(requested.export.handle == ndshm_block_handle(block) && !requested.export.flags);
	CHECK(requested.export.fd_flags == (O_RDWR | O_CLOEXEC) && !requested.export.__reserved);
	CHECK(fd >= 0 && !close(fd));
	CHECK_DONE(ndshm, ndshm_export(block, O_RDONLY, &fd));
	CHECK(requested.export.fd_flags == O_RDONLY && !close(fd));
	CHECK_PASSED_ON(ndshm, ndshm_export(block, O_RDWR, &fd), EXPORT_UNSUPPORTED);
	CHECK(fd == -1);
	/* An older module. */
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
	CHECK(requested.start.adapter == 9);
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
	CHECK(test_descriptors() == before);
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
	struct ndshm_claim *claim = (void *)1;

	requested.calls = 0;
	answer.open_error = EACCES;
	CHECK_REASON(ndshm, ndshm_claim_adapter(ndshm, CARD, 0, &claim), ADAPTER_PERMISSION);
	CHECK(!claim);
	answer.open_error = EPERM;
	CHECK_REASON(ndshm, ndshm_claim_adapter(ndshm, CARD, 0, &claim), ADAPTER_PERMISSION);
	answer.open_error = ENODEV;
	CHECK_REASON(ndshm, ndshm_claim_adapter(ndshm, CARD, 0, &claim), ADAPTER_REMOVED);
	answer.open_error = ENXIO;
	CHECK_REASON(ndshm, ndshm_claim_adapter(ndshm, CARD, 0, &claim), ADAPTER_REMOVED);
	answer.open_error = EMFILE;
	CHECK_ERRNO(ndshm, ndshm_claim_adapter(ndshm, CARD, 0, &claim), EMFILE);
	CHECK(!requested.calls);
}

DEVICE_TEST(interrupts_signal_eventfds)
{
	static const int eventfds[] = { 7, -1, 9 };
	struct ndshm_claim *claim;

	REQUIRE(!ndshm_claim_adapter(ndshm, CARD, 48, &claim));
	CHECK(ndshm_claim_irq_count(claim, NDSHM_IRQ_NONE) == 0);
	CHECK(ndshm_claim_irq_count(claim, NDSHM_IRQ_INTX) == 1);
	CHECK(ndshm_claim_irq_count(claim, NDSHM_IRQ_MSI) == 2);
	CHECK(ndshm_claim_irq_count(claim, NDSHM_IRQ_MSIX) == 8);
	CHECK(ndshm_claim_irq_count(claim, NDSHM_IRQ_KINDS) == 0);
	CHECK(ndshm_claim_irq_count(claim, UINT32_MAX) == 0);
	CHECK_DONE(ndshm, ndshm_claim_set_irqs(claim, NDSHM_IRQ_MSIX, 2, 3, eventfds));
	CHECK(requested.set_irqs.adapter == 9 && requested.set_irqs.kind == NDSHM_IRQ_MSIX);
	CHECK(requested.set_irqs.first == 2 && requested.set_irqs.count == 3);
	CHECK(!requested.set_irqs.flags && !memcmp(requested.eventfds, eventfds, sizeof(eventfds)));
	CHECK_DONE(ndshm, ndshm_claim_unmask_intx(claim));
	CHECK(requested.set_irqs.adapter == 9 && requested.set_irqs.kind == NDSHM_IRQ_INTX);
	CHECK(requested.set_irqs.flags == NDSHM_SET_IRQS_UNMASK && !requested.set_irqs.first);
	CHECK(!requested.set_irqs.count && !requested.set_irqs.eventfds);
	CHECK_DONE(ndshm, ndshm_claim_set_irqs(claim, NDSHM_IRQ_NONE, 0, 0, NULL));
	CHECK(requested.set_irqs.kind == NDSHM_IRQ_NONE && !requested.set_irqs.flags);
	CHECK_PASSED_ON(ndshm, ndshm_claim_set_irqs(claim, NDSHM_IRQ_MSIX, 2, 3, eventfds),
			IRQ_EVENTFD);
	CHECK_PASSED_ON(ndshm, ndshm_claim_unmask_intx(claim), IRQ_OFF);
	/* A module without the command. */
	CHECK_MISSING(ndshm, ndshm_claim_unmask_intx(claim));
}

DEVICE_TEST(claims_reset_their_function)
{
	struct ndshm_claim *claim;

	REQUIRE(!ndshm_claim_adapter(ndshm, CARD, 48, &claim));
	CHECK_DONE(ndshm, ndshm_claim_reset(claim));
	CHECK(requested.reset.size == sizeof(requested.reset) && requested.reset.adapter == 9);
	CHECK(!requested.reset.flags && !requested.reset.__reserved);
	CHECK_PASSED_ON(ndshm, ndshm_claim_reset(claim), RESET_UNSUPPORTED);
	CHECK_PASSED_ON(ndshm, ndshm_claim_reset(claim), RESET_FAILED);
	/* A module without the command. */
	CHECK_MISSING(ndshm, ndshm_claim_reset(claim));
}

DEVICE_TEST(configuration_space_is_read_and_written)
{
	struct ndshm_claim *claim;
	uint32_t value = 1;

	REQUIRE(!ndshm_claim_adapter(ndshm, CARD, 48, &claim));
	CHECK_DONE(ndshm, ndshm_claim_config_read(claim, 0x100, 4, &value));
	CHECK(value == 0x10d38086);
	CHECK(requested.config.size == sizeof(requested.config) && requested.config.adapter == 9);
	CHECK(!requested.config.flags && requested.config.offset == 0x100);
	CHECK(requested.config.width == 4);
	CHECK_DONE(ndshm, ndshm_claim_config_write(claim, 6, 2, 0x8000));
	CHECK(requested.config.flags == NDSHM_CONFIG_WRITE && requested.config.offset == 6);
	CHECK(requested.config.width == 2 && requested.config.value == 0x8000);
	CHECK_PASSED_ON(ndshm, ndshm_claim_config_write(claim, 4, 2, 7), CONFIG_PROTECTED);
	value = 1;
	CHECK_PASSED_ON(ndshm, ndshm_claim_config_read(claim, 1, 4, &value), CONFIG_RANGE);
	CHECK(!value);
	/* A module without the command. */
	CHECK_MISSING(ndshm, ndshm_claim_config_read(claim, 0, 4, &value));
}

DEVICE_TEST(failures_of_claims_arrive)
{
	struct ndshm_claim *claim, *none;
	volatile void *registers;
	size_t length;

	CHECK_PASSED_ON(ndshm, ndshm_claim_adapter(ndshm, CARD, 48, &none), CLAIM_BUSY);
	CHECK(!none);
	REQUIRE(!ndshm_claim_adapter(ndshm, CARD, 48, &claim));
	CHECK_PASSED_ON(ndshm, ndshm_claim_map_bar(claim, 0, &registers, &length),
			BAR_NOT_MAPPABLE);
	CHECK(!registers);
	answer.map_error = ENODEV;
	CHECK_REASON(ndshm, ndshm_claim_map_bar(claim, 0, &registers, &length), ADAPTER_REMOVED);
	answer.map_error = ENOMEM;
	CHECK_REASON(ndshm, ndshm_claim_map_bar(claim, 0, &registers, &length), MEMORY);
	answer.map_error = EAGAIN;
	CHECK_REASON(ndshm, ndshm_claim_map_bar(claim, 0, &registers, &length), MLOCKALL);
	CHECK_PASSED_ON(ndshm, ndshm_claim_start(claim), CLAIM_MISSING);
	CHECK_DONE(ndshm, ndshm_claim_map_bar(claim, 0, &registers, &length));
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
