// SPDX-License-Identifier: GPL-2.0
/*
 * Compare the offset and size of every member of the ABI, and the number of
 * every command, with the published values, which must never change. Built for
 * 64 and for 32 bits; the values are the same. Needs no device.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <linux/ndshm.h>

#include "kselftest.h"

struct command {
	const char *name;
	unsigned int number;
	unsigned int published;
};

struct structure {
	const char *name;
	size_t size;
	size_t published;
};

/* Members in the order of their offsets. */
struct member {
	const char *structure;
	const char *name;
	size_t offset;
	size_t size;
	size_t published_offset;
	size_t published_size;
};

#define COMMAND(command, published) { #command, (command), (published) }

static const struct command commands[] = {
	COMMAND(NDSHM_GET_INFO, 0x5e80),
	COMMAND(NDSHM_ADAPTER_CLAIM, 0x5e81),
	COMMAND(NDSHM_ADAPTER_START, 0x5e82),
	COMMAND(NDSHM_ADAPTER_MAP_BAR, 0x5e83),
	COMMAND(NDSHM_BLOCK_ALLOC, 0x5e84),
	COMMAND(NDSHM_BLOCK_FREE, 0x5e85),
	COMMAND(NDSHM_BLOCK_QUERY, 0x5e86),
	COMMAND(NDSHM_BLOCK_SYNC, 0x5e87),
	COMMAND(NDSHM_SECTION_CREATE, 0x5e88),
	COMMAND(NDSHM_BLOCK_CANCEL, 0x5e89),
	COMMAND(NDSHM_SECTION_OPEN, 0x5e8a),
	COMMAND(NDSHM_SECTION_ATTACH, 0x5e90),
	COMMAND(NDSHM_SECTION_SHARE, 0x5e91),
	COMMAND(NDSHM_SECTION_DELETE, 0x5e92),
	COMMAND(NDSHM_SECTION_QUERY, 0x5e93),
	COMMAND(NDSHM_SECTION_SYNC, 0x5e94),
	COMMAND(NDSHM_EXTENT_ALLOC, 0x5ea0),
	COMMAND(NDSHM_EXTENT_FREE, 0x5ea1),
	COMMAND(NDSHM_EXTENT_QUERY, 0x5ea2),
};

#define STRUCTURE(type, published) { #type, sizeof(struct type), (published) }

static const struct structure structures[] = {
	STRUCTURE(ndshm_header, 16),
	STRUCTURE(ndshm_get_info, 88),
	STRUCTURE(ndshm_adapter_claim, 32),
	STRUCTURE(ndshm_adapter_start, 24),
	STRUCTURE(ndshm_adapter_map_bar, 40),
	STRUCTURE(ndshm_segment, 16),
	STRUCTURE(ndshm_block_info, 48),
	STRUCTURE(ndshm_block_alloc, 88),
	STRUCTURE(ndshm_completion, 64),
	STRUCTURE(ndshm_block_cancel, 24),
	STRUCTURE(ndshm_block_free, 24),
	STRUCTURE(ndshm_block_query, 96),
	STRUCTURE(ndshm_block_sync, 40),
	STRUCTURE(ndshm_section_create, 80),
	STRUCTURE(ndshm_section_open, 40),
	STRUCTURE(ndshm_section_attach, 24),
	STRUCTURE(ndshm_section_share, 24),
	STRUCTURE(ndshm_section_delete, 24),
	STRUCTURE(ndshm_section_query, 72),
	STRUCTURE(ndshm_section_sync, 40),
	STRUCTURE(ndshm_extent_alloc, 48),
	STRUCTURE(ndshm_extent_free, 24),
	STRUCTURE(ndshm_extent_query, 48),
};

#define MEMBER(type, member, offset, size) { \
	#type, #member, offsetof(struct type, member), \
	sizeof(((struct type *)0)->member), (offset), (size) }

static const struct member members[] = {
	MEMBER(ndshm_header, size, 0, 4),
	MEMBER(ndshm_header, status, 4, 4),
	MEMBER(ndshm_header, reason, 8, 4),
	MEMBER(ndshm_header, flags, 12, 4),

	MEMBER(ndshm_get_info, size, 0, 4),
	MEMBER(ndshm_get_info, status, 4, 4),
	MEMBER(ndshm_get_info, reason, 8, 4),
	MEMBER(ndshm_get_info, flags, 12, 4),
	MEMBER(ndshm_get_info, out_features, 16, 8),
	MEMBER(ndshm_get_info, out_max_length, 24, 8),
	MEMBER(ndshm_get_info, out_max_blocks, 32, 4),
	MEMBER(ndshm_get_info, out_max_batch, 36, 4),
	MEMBER(ndshm_get_info, out_page_size, 40, 4),
	MEMBER(ndshm_get_info, out_default_adapter, 44, 4),
	MEMBER(ndshm_get_info, out_blocks, 48, 4),
	MEMBER(ndshm_get_info, __reserved, 52, 4),
	MEMBER(ndshm_get_info, out_bytes, 56, 8),
	MEMBER(ndshm_get_info, out_user_locked, 64, 8),
	MEMBER(ndshm_get_info, out_max_section, 72, 8),
	MEMBER(ndshm_get_info, out_max_requests, 80, 4),
	MEMBER(ndshm_get_info, out_requests, 84, 4),

	MEMBER(ndshm_adapter_claim, size, 0, 4),
	MEMBER(ndshm_adapter_claim, status, 4, 4),
	MEMBER(ndshm_adapter_claim, reason, 8, 4),
	MEMBER(ndshm_adapter_claim, flags, 12, 4),
	MEMBER(ndshm_adapter_claim, adapter, 16, 4),
	MEMBER(ndshm_adapter_claim, address_width, 20, 4),
	MEMBER(ndshm_adapter_claim, out_isolation, 24, 4),
	MEMBER(ndshm_adapter_claim, out_bars, 28, 4),

	MEMBER(ndshm_adapter_start, size, 0, 4),
	MEMBER(ndshm_adapter_start, status, 4, 4),
	MEMBER(ndshm_adapter_start, reason, 8, 4),
	MEMBER(ndshm_adapter_start, flags, 12, 4),
	MEMBER(ndshm_adapter_start, adapter, 16, 4),
	MEMBER(ndshm_adapter_start, __reserved, 20, 4),

	MEMBER(ndshm_adapter_map_bar, size, 0, 4),
	MEMBER(ndshm_adapter_map_bar, status, 4, 4),
	MEMBER(ndshm_adapter_map_bar, reason, 8, 4),
	MEMBER(ndshm_adapter_map_bar, flags, 12, 4),
	MEMBER(ndshm_adapter_map_bar, adapter, 16, 4),
	MEMBER(ndshm_adapter_map_bar, bar, 20, 4),
	MEMBER(ndshm_adapter_map_bar, out_mmap_offset, 24, 8),
	MEMBER(ndshm_adapter_map_bar, out_length, 32, 8),

	MEMBER(ndshm_segment, address, 0, 8),
	MEMBER(ndshm_segment, length, 8, 8),

	MEMBER(ndshm_block_info, handle, 0, 4),
	MEMBER(ndshm_block_info, flags, 4, 4),
	MEMBER(ndshm_block_info, shared_memory_handle, 8, 4),
	MEMBER(ndshm_block_info, segments, 12, 4),
	MEMBER(ndshm_block_info, length, 16, 8),
	MEMBER(ndshm_block_info, consumed, 24, 8),
	MEMBER(ndshm_block_info, mmap_offset, 32, 8),
	MEMBER(ndshm_block_info, address, 40, 8),

	MEMBER(ndshm_block_alloc, size, 0, 4),
	MEMBER(ndshm_block_alloc, status, 4, 4),
	MEMBER(ndshm_block_alloc, reason, 8, 4),
	MEMBER(ndshm_block_alloc, flags, 12, 4),
	MEMBER(ndshm_block_alloc, adapter, 16, 4),
	MEMBER(ndshm_block_alloc, provider, 20, 4),
	MEMBER(ndshm_block_alloc, length, 24, 8),
	MEMBER(ndshm_block_alloc, preferred_node, 32, 4),
	MEMBER(ndshm_block_alloc, usage, 36, 4),
	MEMBER(ndshm_block_alloc, queue_id, 40, 4),
	MEMBER(ndshm_block_alloc, vport_id, 44, 4),
	MEMBER(ndshm_block_alloc, count, 48, 4),
	MEMBER(ndshm_block_alloc, segment_capacity, 52, 4),
	MEMBER(ndshm_block_alloc, blocks, 56, 8),
	MEMBER(ndshm_block_alloc, segments, 64, 8),
	MEMBER(ndshm_block_alloc, out_segments, 72, 4),
	MEMBER(ndshm_block_alloc, __reserved, 76, 4),
	MEMBER(ndshm_block_alloc, cookie, 80, 8),

	MEMBER(ndshm_completion, cookie, 0, 8),
	MEMBER(ndshm_completion, status, 8, 4),
	MEMBER(ndshm_completion, reason, 12, 4),
	MEMBER(ndshm_completion, block, 16, 48),

	MEMBER(ndshm_block_cancel, size, 0, 4),
	MEMBER(ndshm_block_cancel, status, 4, 4),
	MEMBER(ndshm_block_cancel, reason, 8, 4),
	MEMBER(ndshm_block_cancel, flags, 12, 4),
	MEMBER(ndshm_block_cancel, cookie, 16, 8),

	MEMBER(ndshm_block_free, size, 0, 4),
	MEMBER(ndshm_block_free, status, 4, 4),
	MEMBER(ndshm_block_free, reason, 8, 4),
	MEMBER(ndshm_block_free, flags, 12, 4),
	MEMBER(ndshm_block_free, handle, 16, 4),
	MEMBER(ndshm_block_free, __reserved, 20, 4),

	MEMBER(ndshm_block_query, size, 0, 4),
	MEMBER(ndshm_block_query, status, 4, 4),
	MEMBER(ndshm_block_query, reason, 8, 4),
	MEMBER(ndshm_block_query, flags, 12, 4),
	MEMBER(ndshm_block_query, handle, 16, 4),
	MEMBER(ndshm_block_query, segment_capacity, 20, 4),
	MEMBER(ndshm_block_query, segments, 24, 8),
	MEMBER(ndshm_block_query, out_block, 32, 48),
	MEMBER(ndshm_block_query, out_adapter, 80, 4),
	MEMBER(ndshm_block_query, out_provider, 84, 4),
	MEMBER(ndshm_block_query, out_preferred_node, 88, 4),
	MEMBER(ndshm_block_query, out_usage, 92, 4),

	MEMBER(ndshm_block_sync, size, 0, 4),
	MEMBER(ndshm_block_sync, status, 4, 4),
	MEMBER(ndshm_block_sync, reason, 8, 4),
	MEMBER(ndshm_block_sync, flags, 12, 4),
	MEMBER(ndshm_block_sync, handle, 16, 4),
	MEMBER(ndshm_block_sync, direction, 20, 4),
	MEMBER(ndshm_block_sync, offset, 24, 8),
	MEMBER(ndshm_block_sync, length, 32, 8),

	MEMBER(ndshm_section_create, size, 0, 4),
	MEMBER(ndshm_section_create, status, 4, 4),
	MEMBER(ndshm_section_create, reason, 8, 4),
	MEMBER(ndshm_section_create, flags, 12, 4),
	MEMBER(ndshm_section_create, adapter, 16, 4),
	MEMBER(ndshm_section_create, provider, 20, 4),
	MEMBER(ndshm_section_create, max_size, 24, 8),
	MEMBER(ndshm_section_create, initial_size, 32, 8),
	MEMBER(ndshm_section_create, preferred_node, 40, 4),
	MEMBER(ndshm_section_create, out_section, 44, 4),
	MEMBER(ndshm_section_create, out_id, 48, 4),
	MEMBER(ndshm_section_create, __reserved, 52, 4),
	MEMBER(ndshm_section_create, name, 56, 8),
	MEMBER(ndshm_section_create, name_length, 64, 4),
	MEMBER(ndshm_section_create, group, 68, 4),
	MEMBER(ndshm_section_create, mode, 72, 4),
	MEMBER(ndshm_section_create, __reserved2, 76, 4),

	MEMBER(ndshm_section_open, size, 0, 4),
	MEMBER(ndshm_section_open, status, 4, 4),
	MEMBER(ndshm_section_open, reason, 8, 4),
	MEMBER(ndshm_section_open, flags, 12, 4),
	MEMBER(ndshm_section_open, name, 16, 8),
	MEMBER(ndshm_section_open, name_length, 24, 4),
	MEMBER(ndshm_section_open, owner, 28, 4),
	MEMBER(ndshm_section_open, out_section, 32, 4),
	MEMBER(ndshm_section_open, out_id, 36, 4),

	MEMBER(ndshm_section_attach, size, 0, 4),
	MEMBER(ndshm_section_attach, status, 4, 4),
	MEMBER(ndshm_section_attach, reason, 8, 4),
	MEMBER(ndshm_section_attach, flags, 12, 4),
	MEMBER(ndshm_section_attach, out_holder, 16, 4),
	MEMBER(ndshm_section_attach, __reserved, 20, 4),

	MEMBER(ndshm_section_share, size, 0, 4),
	MEMBER(ndshm_section_share, status, 4, 4),
	MEMBER(ndshm_section_share, reason, 8, 4),
	MEMBER(ndshm_section_share, flags, 12, 4),
	MEMBER(ndshm_section_share, out_section, 16, 4),
	MEMBER(ndshm_section_share, __reserved, 20, 4),

	MEMBER(ndshm_section_delete, size, 0, 4),
	MEMBER(ndshm_section_delete, status, 4, 4),
	MEMBER(ndshm_section_delete, reason, 8, 4),
	MEMBER(ndshm_section_delete, flags, 12, 4),
	MEMBER(ndshm_section_delete, holder, 16, 4),
	MEMBER(ndshm_section_delete, __reserved, 20, 4),

	MEMBER(ndshm_section_query, size, 0, 4),
	MEMBER(ndshm_section_query, status, 4, 4),
	MEMBER(ndshm_section_query, reason, 8, 4),
	MEMBER(ndshm_section_query, flags, 12, 4),
	MEMBER(ndshm_section_query, out_id, 16, 4),
	MEMBER(ndshm_section_query, out_flags, 20, 4),
	MEMBER(ndshm_section_query, out_max_size, 24, 8),
	MEMBER(ndshm_section_query, out_initial_size, 32, 8),
	MEMBER(ndshm_section_query, out_committed, 40, 8),
	MEMBER(ndshm_section_query, out_taken, 48, 8),
	MEMBER(ndshm_section_query, out_extents, 56, 4),
	MEMBER(ndshm_section_query, out_holders, 60, 4),
	MEMBER(ndshm_section_query, out_adapter, 64, 4),
	MEMBER(ndshm_section_query, out_provider, 68, 4),

	MEMBER(ndshm_section_sync, size, 0, 4),
	MEMBER(ndshm_section_sync, status, 4, 4),
	MEMBER(ndshm_section_sync, reason, 8, 4),
	MEMBER(ndshm_section_sync, flags, 12, 4),
	MEMBER(ndshm_section_sync, direction, 16, 4),
	MEMBER(ndshm_section_sync, __reserved, 20, 4),
	MEMBER(ndshm_section_sync, offset, 24, 8),
	MEMBER(ndshm_section_sync, length, 32, 8),

	MEMBER(ndshm_extent_alloc, size, 0, 4),
	MEMBER(ndshm_extent_alloc, status, 4, 4),
	MEMBER(ndshm_extent_alloc, reason, 8, 4),
	MEMBER(ndshm_extent_alloc, flags, 12, 4),
	MEMBER(ndshm_extent_alloc, length, 16, 8),
	MEMBER(ndshm_extent_alloc, alignment, 24, 8),
	MEMBER(ndshm_extent_alloc, out_offset, 32, 8),
	MEMBER(ndshm_extent_alloc, out_length, 40, 8),

	MEMBER(ndshm_extent_free, size, 0, 4),
	MEMBER(ndshm_extent_free, status, 4, 4),
	MEMBER(ndshm_extent_free, reason, 8, 4),
	MEMBER(ndshm_extent_free, flags, 12, 4),
	MEMBER(ndshm_extent_free, offset, 16, 8),

	MEMBER(ndshm_extent_query, size, 0, 4),
	MEMBER(ndshm_extent_query, status, 4, 4),
	MEMBER(ndshm_extent_query, reason, 8, 4),
	MEMBER(ndshm_extent_query, flags, 12, 4),
	MEMBER(ndshm_extent_query, offset, 16, 8),
	MEMBER(ndshm_extent_query, segments, 24, 8),
	MEMBER(ndshm_extent_query, segment_capacity, 32, 4),
	MEMBER(ndshm_extent_query, out_segments, 36, 4),
	MEMBER(ndshm_extent_query, out_length, 40, 8),
};

/* Numeric values that programs compare answers with. */
static const struct command numbers[] = {
	COMMAND(NDSHM_STATUS_SUCCESS, 0),
	COMMAND(NDSHM_STATUS_PENDING, 0x103),
	COMMAND(NDSHM_STATUS_REQUEST_ABORTED, 0xC001000C),
	COMMAND(NDSHM_STATUS_FAILURE, 0xC0000001),
	COMMAND(NDSHM_STATUS_INVALID_PARAMETER, 0xC000000D),
	COMMAND(NDSHM_STATUS_RESOURCES, 0xC000009A),
	COMMAND(NDSHM_REASON_NONE, 0),
	COMMAND(NDSHM_REASON_ADDRESS, 5),
	COMMAND(NDSHM_REASON_COUNT, 23),
	COMMAND(NDSHM_REASON_BAR_NOT_MAPPABLE, 40),
	COMMAND(NDSHM_REASON_HANDLES, 53),
	COMMAND(NDSHM_REASON_RANGE, 54),
	COMMAND(NDSHM_REASON_DIRECTION, 55),
	COMMAND(NDSHM_REASON_SECTION_INITIAL, 56),
	COMMAND(NDSHM_REASON_SECTION_REVOKED, 57),
	COMMAND(NDSHM_REASON_SECTION_DELETED, 58),
	COMMAND(NDSHM_REASON_SECTION_FULL, 59),
	COMMAND(NDSHM_REASON_SECTION_BUSY, 60),
	COMMAND(NDSHM_REASON_SECTION_READONLY, 61),
	COMMAND(NDSHM_REASON_NOT_CREATOR, 62),
	COMMAND(NDSHM_REASON_PROVIDER_PAGELESS, 63),
	COMMAND(NDSHM_REASON_EXTENT_UNKNOWN, 64),
	COMMAND(NDSHM_REASON_ALIGNMENT, 65),
	COMMAND(NDSHM_REASON_DESCRIPTOR, 66),
	COMMAND(NDSHM_REASON_DESCRIPTORS, 67),
	COMMAND(NDSHM_REASON_SECTION_QUOTA, 68),
	COMMAND(NDSHM_REASON_HOLDER_QUOTA, 69),
	COMMAND(NDSHM_REASON_RESERVE_QUOTA, 70),
	COMMAND(NDSHM_REASON_QUEUE_DEFAULT, 71),
	COMMAND(NDSHM_REASON_QUEUE_UNKNOWN, 72),
	COMMAND(NDSHM_REASON_QUEUE_STATE, 73),
	COMMAND(NDSHM_REASON_PORT_UNKNOWN, 74),
	COMMAND(NDSHM_REASON_PORT_STATE, 75),
	COMMAND(NDSHM_REASON_PENDING, 76),
	COMMAND(NDSHM_REASON_REQUESTS, 77),
	COMMAND(NDSHM_REASON_COOKIE, 78),
	COMMAND(NDSHM_REASON_REQUEST_UNKNOWN, 79),
	COMMAND(NDSHM_REASON_REQUEST_ABORTED, 80),
	COMMAND(NDSHM_REASON_BYTE_QUOTA, 81),
	COMMAND(NDSHM_REASON_ADAPTER_PERMISSION, 82),
	COMMAND(NDSHM_REASON_PROVIDER_CLOSED, 83),
	COMMAND(NDSHM_REASON_PROVIDER_PERMISSION, 84),
	COMMAND(NDSHM_REASON_REQUEST_QUOTA, 85),
	COMMAND(NDSHM_REASON_CLIENT_QUOTA, 86),
	COMMAND(NDSHM_REASON_KEEP_REFUSED, 87),
	COMMAND(NDSHM_REASON_SECTION_UNKNOWN, 88),
	COMMAND(NDSHM_REASON_SECTION_PERMISSION, 89),
	COMMAND(NDSHM_REASON_MODE, 90),
	COMMAND(NDSHM_REASON_GROUP, 91),
	COMMAND(NDSHM_USAGE_XMIT, 1),
	COMMAND(NDSHM_USAGE_OTHER, 9),
	COMMAND(NDSHM_FEATURE_SYNC, 4),
	COMMAND(NDSHM_FEATURE_SECTIONS, 8),
	COMMAND(NDSHM_FEATURE_ASYNC, 16),
	COMMAND(NDSHM_FEATURE_NAMES, 32),
	COMMAND(NDSHM_ALLOC_CONTIGUOUS, 1),
	COMMAND(NDSHM_ALLOC_ASYNC, 2),
	COMMAND(NDSHM_BLOCK_NEEDS_SYNC, 4),
	COMMAND(NDSHM_SYNC_FOR_DEVICE, 1),
	COMMAND(NDSHM_SYNC_FOR_CPU, 2),
	COMMAND(NDSHM_CREATE_PERMIT_KEEP, 1),
	COMMAND(NDSHM_OPEN_READONLY, 1),
	COMMAND(NDSHM_SECTION_NAME_BYTES, 64),
	COMMAND(NDSHM_OWNER_SELF, 0xffffffff),
	COMMAND(NDSHM_GROUP_SELF, 0xffffffff),
	COMMAND(NDSHM_ATTACH_KEEP, 1),
	COMMAND(NDSHM_SHARE_READONLY, 1),
	COMMAND(NDSHM_DELETE_FORCE, 1),
	COMMAND(NDSHM_DELETE_REVOKE, 2),
	COMMAND(NDSHM_SECTION_READONLY, 1),
	COMMAND(NDSHM_SECTION_DELETED, 2),
	COMMAND(NDSHM_SECTION_REVOKED, 4),
	COMMAND(NDSHM_SECTION_NEEDS_SYNC, 8),
};

static bool is_published(const struct command *row, size_t count)
{
	bool good = true;
	size_t i;

	for (i = 0; i < count; i++) {
		ksft_print_msg("%-32s %#10x\n", row[i].name,
			       row[i].number);
		good &= row[i].number == row[i].published;
	}
	return good;
}

/*
 * Check the size and all members: the members must cover the structure without
 * holes.
 */
static bool is_laid_out(const struct structure *structure)
{
	bool good = structure->size == structure->published;
	const struct member *member;
	size_t end = 0, i;

	for (i = 0; i < ARRAY_SIZE(members); i++) {
		member = &members[i];
		if (strcmp(member->structure, structure->name))
			continue;
		ksft_print_msg("%s.%-24s %3zu %3zu\n", structure->name,
			       member->name, member->offset, member->size);
		good &= member->offset == member->published_offset &&
			member->size == member->published_size &&
			member->offset == end;
		end = member->offset + member->size;
	}
	return good && end == structure->size;
}

int main(void)
{
	size_t i;

	ksft_print_header();
	ksft_set_plan(2 + ARRAY_SIZE(structures));
	ksft_test_result(is_published(commands, ARRAY_SIZE(commands)),
			 "commands\n");
	ksft_test_result(is_published(numbers, ARRAY_SIZE(numbers)),
			 "numbers\n");
	for (i = 0; i < ARRAY_SIZE(structures); i++)
		ksft_test_result(is_laid_out(&structures[i]),
				 "struct %s: %zu bytes\n", structures[i].name,
				 structures[i].size);
	ksft_finished();
}
