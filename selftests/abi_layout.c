// SPDX-License-Identifier: GPL-2.0
/*
 * Compare the offset and size of every member of the ABI, and the number of
 * every command, with the published values, which must never change. Built for
 * 64 and for 32 bits; the values are the same. Needs no device.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "kselftest.h"

/*
 * A member, in the order of their offsets. There are no holes, so the sizes determine the offsets.
 */
struct member {
	const char *structure;
	const char *name;
	size_t offset;
	size_t size;
	size_t published_size;
};

#define MEMBER(type, member, size) { \
	#type, #member, offsetof(struct type, member), \
	sizeof(((struct type *)0)->member), (size) }

/* Is the member as in struct ndshm_header? */
#define IN_HEADER(type, member) \
	(offsetof(struct type, member) == offsetof(struct ndshm_header, member) && \
	 sizeof(((struct type *)0)->member) == sizeof(((struct ndshm_header *)0)->member))

/* The members with which each argument begins, as one; its offset is not 0 if one is wrong. */
#define HEADER(type) { \
	#type, "header", !(IN_HEADER(type, size) && IN_HEADER(type, status) && \
			   IN_HEADER(type, reason) && IN_HEADER(type, flags)), \
	sizeof(struct ndshm_header), sizeof(struct ndshm_header) }

static const struct member members[] = {
	MEMBER(ndshm_header, size, 4),
	MEMBER(ndshm_header, status, 4),
	MEMBER(ndshm_header, reason, 4),
	MEMBER(ndshm_header, flags, 4),

	HEADER(ndshm_get_info_args),
	MEMBER(ndshm_get_info_args, out_features, 8),
	MEMBER(ndshm_get_info_args, out_max_length, 8),
	MEMBER(ndshm_get_info_args, out_max_blocks, 4),
	MEMBER(ndshm_get_info_args, out_max_batch, 4),
	MEMBER(ndshm_get_info_args, out_page_size, 4),
	MEMBER(ndshm_get_info_args, out_default_adapter, 4),
	MEMBER(ndshm_get_info_args, out_blocks, 4),
	MEMBER(ndshm_get_info_args, __reserved, 4),
	MEMBER(ndshm_get_info_args, out_bytes, 8),
	MEMBER(ndshm_get_info_args, out_user_locked, 8),
	MEMBER(ndshm_get_info_args, out_max_section, 8),
	MEMBER(ndshm_get_info_args, out_huge_size, 8),

	HEADER(ndshm_adapter_claim_args),
	MEMBER(ndshm_adapter_claim_args, device, 4),
	MEMBER(ndshm_adapter_claim_args, address_width, 4),
	MEMBER(ndshm_adapter_claim_args, out_isolation, 4),
	MEMBER(ndshm_adapter_claim_args, out_bars, 4),
	MEMBER(ndshm_adapter_claim_args, out_intx, 4),
	MEMBER(ndshm_adapter_claim_args, out_msi, 4),
	MEMBER(ndshm_adapter_claim_args, out_msix, 4),
	MEMBER(ndshm_adapter_claim_args, out_adapter, 4),

	HEADER(ndshm_adapter_start_args),
	MEMBER(ndshm_adapter_start_args, adapter, 4),
	MEMBER(ndshm_adapter_start_args, __reserved, 4),

	HEADER(ndshm_adapter_set_irqs_args),
	MEMBER(ndshm_adapter_set_irqs_args, adapter, 4),
	MEMBER(ndshm_adapter_set_irqs_args, kind, 4),
	MEMBER(ndshm_adapter_set_irqs_args, first, 4),
	MEMBER(ndshm_adapter_set_irqs_args, count, 4),
	MEMBER(ndshm_adapter_set_irqs_args, eventfds, 8),

	HEADER(ndshm_adapter_reset_args),
	MEMBER(ndshm_adapter_reset_args, adapter, 4),
	MEMBER(ndshm_adapter_reset_args, __reserved, 4),

	HEADER(ndshm_adapter_config_args),
	MEMBER(ndshm_adapter_config_args, adapter, 4),
	MEMBER(ndshm_adapter_config_args, offset, 4),
	MEMBER(ndshm_adapter_config_args, width, 4),
	MEMBER(ndshm_adapter_config_args, value, 4),

	HEADER(ndshm_adapter_map_bar_args),
	MEMBER(ndshm_adapter_map_bar_args, adapter, 4),
	MEMBER(ndshm_adapter_map_bar_args, bar, 4),
	MEMBER(ndshm_adapter_map_bar_args, out_mmap_offset, 8),
	MEMBER(ndshm_adapter_map_bar_args, out_length, 8),

	MEMBER(ndshm_segment, address, 8),
	MEMBER(ndshm_segment, length, 8),

	MEMBER(ndshm_block_info, handle, 4),
	MEMBER(ndshm_block_info, flags, 4),
	MEMBER(ndshm_block_info, shared_memory_handle, 4),
	MEMBER(ndshm_block_info, segments, 4),
	MEMBER(ndshm_block_info, length, 8),
	MEMBER(ndshm_block_info, consumed, 8),
	MEMBER(ndshm_block_info, mmap_offset, 8),
	MEMBER(ndshm_block_info, address, 8),

	HEADER(ndshm_block_alloc_args),
	MEMBER(ndshm_block_alloc_args, adapter, 4),
	MEMBER(ndshm_block_alloc_args, provider, 4),
	MEMBER(ndshm_block_alloc_args, length, 8),
	MEMBER(ndshm_block_alloc_args, preferred_node, 4),
	MEMBER(ndshm_block_alloc_args, usage, 4),
	MEMBER(ndshm_block_alloc_args, queue_id, 4),
	MEMBER(ndshm_block_alloc_args, vport_id, 4),
	MEMBER(ndshm_block_alloc_args, count, 4),
	MEMBER(ndshm_block_alloc_args, segment_capacity, 4),
	MEMBER(ndshm_block_alloc_args, blocks, 8),
	MEMBER(ndshm_block_alloc_args, segments, 8),
	MEMBER(ndshm_block_alloc_args, out_segments, 4),
	MEMBER(ndshm_block_alloc_args, tag, 4),

	HEADER(ndshm_block_free_args),
	MEMBER(ndshm_block_free_args, handle, 4),
	MEMBER(ndshm_block_free_args, __reserved, 4),
	MEMBER(ndshm_block_free_args, handles, 8),
	MEMBER(ndshm_block_free_args, count, 4),
	MEMBER(ndshm_block_free_args, out_index, 4),

	HEADER(ndshm_block_free_id_args),
	MEMBER(ndshm_block_free_id_args, id, 4),
	MEMBER(ndshm_block_free_id_args, __reserved, 4),

	HEADER(ndshm_block_query_args),
	MEMBER(ndshm_block_query_args, handle, 4),
	MEMBER(ndshm_block_query_args, segment_capacity, 4),
	MEMBER(ndshm_block_query_args, segments, 8),
	MEMBER(ndshm_block_query_args, out_block, 48),
	MEMBER(ndshm_block_query_args, out_adapter, 4),
	MEMBER(ndshm_block_query_args, out_provider, 4),
	MEMBER(ndshm_block_query_args, out_preferred_node, 4),
	MEMBER(ndshm_block_query_args, out_usage, 4),

	HEADER(ndshm_block_sync_args),
	MEMBER(ndshm_block_sync_args, handle, 4),
	MEMBER(ndshm_block_sync_args, direction, 4),
	MEMBER(ndshm_block_sync_args, offset, 8),
	MEMBER(ndshm_block_sync_args, length, 8),

	HEADER(ndshm_block_export_args),
	MEMBER(ndshm_block_export_args, handle, 4),
	MEMBER(ndshm_block_export_args, fd_flags, 4),
	MEMBER(ndshm_block_export_args, out_dmabuf, 4),
	MEMBER(ndshm_block_export_args, __reserved, 4),

	HEADER(ndshm_section_create_args),
	MEMBER(ndshm_section_create_args, adapter, 4),
	MEMBER(ndshm_section_create_args, provider, 4),
	MEMBER(ndshm_section_create_args, max_size, 8),
	MEMBER(ndshm_section_create_args, initial_size, 8),
	MEMBER(ndshm_section_create_args, preferred_node, 4),
	MEMBER(ndshm_section_create_args, out_section, 4),
	MEMBER(ndshm_section_create_args, out_id, 4),
	MEMBER(ndshm_section_create_args, __reserved, 4),
	MEMBER(ndshm_section_create_args, name, 8),
	MEMBER(ndshm_section_create_args, name_length, 4),
	MEMBER(ndshm_section_create_args, group, 4),
	MEMBER(ndshm_section_create_args, mode, 4),
	MEMBER(ndshm_section_create_args, __reserved2, 4),

	HEADER(ndshm_section_open_args),
	MEMBER(ndshm_section_open_args, name, 8),
	MEMBER(ndshm_section_open_args, name_length, 4),
	MEMBER(ndshm_section_open_args, owner, 4),
	MEMBER(ndshm_section_open_args, out_section, 4),
	MEMBER(ndshm_section_open_args, out_id, 4),

	HEADER(ndshm_section_attach_args),
	MEMBER(ndshm_section_attach_args, out_holder, 4),
	MEMBER(ndshm_section_attach_args, __reserved, 4),

	HEADER(ndshm_section_share_args),
	MEMBER(ndshm_section_share_args, out_section, 4),
	MEMBER(ndshm_section_share_args, __reserved, 4),

	HEADER(ndshm_section_delete_args),
	MEMBER(ndshm_section_delete_args, holder, 4),
	MEMBER(ndshm_section_delete_args, __reserved, 4),

	HEADER(ndshm_section_delete_id_args),
	MEMBER(ndshm_section_delete_id_args, id, 4),
	MEMBER(ndshm_section_delete_id_args, __reserved, 4),

	HEADER(ndshm_section_query_args),
	MEMBER(ndshm_section_query_args, out_id, 4),
	MEMBER(ndshm_section_query_args, out_flags, 4),
	MEMBER(ndshm_section_query_args, out_max_size, 8),
	MEMBER(ndshm_section_query_args, out_initial_size, 8),
	MEMBER(ndshm_section_query_args, out_committed, 8),
	MEMBER(ndshm_section_query_args, out_taken, 8),
	MEMBER(ndshm_section_query_args, out_extents, 4),
	MEMBER(ndshm_section_query_args, out_holders, 4),
	MEMBER(ndshm_section_query_args, out_adapter, 4),
	MEMBER(ndshm_section_query_args, out_provider, 4),

	HEADER(ndshm_section_sync_args),
	MEMBER(ndshm_section_sync_args, direction, 4),
	MEMBER(ndshm_section_sync_args, __reserved, 4),
	MEMBER(ndshm_section_sync_args, offset, 8),
	MEMBER(ndshm_section_sync_args, length, 8),

	HEADER(ndshm_section_export_args),
	MEMBER(ndshm_section_export_args, fd_flags, 4),
	MEMBER(ndshm_section_export_args, out_dmabuf, 4),
	MEMBER(ndshm_section_export_args, offset, 8),
	MEMBER(ndshm_section_export_args, length, 8),

	HEADER(ndshm_extent_alloc_args),
	MEMBER(ndshm_extent_alloc_args, length, 8),
	MEMBER(ndshm_extent_alloc_args, alignment, 8),
	MEMBER(ndshm_extent_alloc_args, out_offset, 8),
	MEMBER(ndshm_extent_alloc_args, out_length, 8),

	HEADER(ndshm_extent_free_args),
	MEMBER(ndshm_extent_free_args, offset, 8),

	HEADER(ndshm_extent_query_args),
	MEMBER(ndshm_extent_query_args, offset, 8),
	MEMBER(ndshm_extent_query_args, segments, 8),
	MEMBER(ndshm_extent_query_args, segment_capacity, 4),
	MEMBER(ndshm_extent_query_args, out_segments, 4),
	MEMBER(ndshm_extent_query_args, out_length, 8),
};

/* A number and its published value. */
struct number {
	const char *name;
	unsigned int number;
	unsigned int published;
};

#define NUMBER(name, published) { #name, (name), (published) }

/* Numeric values that programs compare answers with. */
static const struct number numbers[] = {
	NUMBER(NDSHM_STATUS_SUCCESS, 0),
	NUMBER(NDSHM_STATUS_PENDING, 0x103),
	NUMBER(NDSHM_STATUS_REQUEST_ABORTED, 0xC001000C),
	NUMBER(NDSHM_STATUS_FAILURE, 0xC0000001),
	NUMBER(NDSHM_STATUS_INVALID_PARAMETER, 0xC000000D),
	NUMBER(NDSHM_STATUS_RESOURCES, 0xC000009A),
	NUMBER(NDSHM_REASON_NONE, 0),
	NUMBER(NDSHM_REASON_ADDRESS, 5),
	NUMBER(NDSHM_REASON_COUNT, 23),
	NUMBER(NDSHM_REASON_BAR_NOT_MAPPABLE, 40),
	NUMBER(NDSHM_REASON_HANDLES, 53),
	NUMBER(NDSHM_REASON_RANGE, 54),
	NUMBER(NDSHM_REASON_DIRECTION, 55),
	NUMBER(NDSHM_REASON_SECTION_INITIAL, 56),
	NUMBER(NDSHM_REASON_SECTION_REVOKED, 57),
	NUMBER(NDSHM_REASON_SECTION_DELETED, 58),
	NUMBER(NDSHM_REASON_SECTION_FULL, 59),
	NUMBER(NDSHM_REASON_SECTION_BUSY, 60),
	NUMBER(NDSHM_REASON_SECTION_READONLY, 61),
	NUMBER(NDSHM_REASON_NOT_CREATOR, 62),
	NUMBER(NDSHM_REASON_PROVIDER_PAGELESS, 63),
	NUMBER(NDSHM_REASON_EXTENT_UNKNOWN, 64),
	NUMBER(NDSHM_REASON_ALIGNMENT, 65),
	NUMBER(NDSHM_REASON_DESCRIPTOR, 66),
	NUMBER(NDSHM_REASON_DESCRIPTORS, 67),
	NUMBER(NDSHM_REASON_QUEUE_DEFAULT, 68),
	NUMBER(NDSHM_REASON_QUEUE_UNKNOWN, 69),
	NUMBER(NDSHM_REASON_QUEUE_STATE, 70),
	NUMBER(NDSHM_REASON_PORT_UNKNOWN, 71),
	NUMBER(NDSHM_REASON_PORT_STATE, 72),
	NUMBER(NDSHM_REASON_PENDING, 73),
	NUMBER(NDSHM_REASON_REQUESTS, 74),
	NUMBER(NDSHM_REASON_REQUEST_ABORTED, 75),
	NUMBER(NDSHM_REASON_ADAPTER_PERMISSION, 76),
	NUMBER(NDSHM_REASON_PROVIDER_CLOSED, 77),
	NUMBER(NDSHM_REASON_ADAPTER_UNSTOPPABLE, 78),
	NUMBER(NDSHM_REASON_SECTION_UNKNOWN, 79),
	NUMBER(NDSHM_REASON_SECTION_PERMISSION, 80),
	NUMBER(NDSHM_REASON_MODE, 81),
	NUMBER(NDSHM_REASON_GROUP, 82),
	NUMBER(NDSHM_USAGE_XMIT, 1),
	NUMBER(NDSHM_USAGE_OTHER, 9),
	NUMBER(NDSHM_FEATURE_SYNC, 4),
	NUMBER(NDSHM_FEATURE_SECTIONS, 8),
	NUMBER(NDSHM_FEATURE_NAMES, 16),
	NUMBER(NDSHM_FEATURE_FREE_MANY, 32),
	NUMBER(NDSHM_FEATURE_IRQS, 64),
	NUMBER(NDSHM_FEATURE_EXPORT, 128),
	NUMBER(NDSHM_FEATURE_RESET, 256),
	NUMBER(NDSHM_FEATURE_CONFIG, 512),
	NUMBER(NDSHM_CONFIG_WRITE, 1),
	NUMBER(NDSHM_IRQ_NONE, 0),
	NUMBER(NDSHM_IRQ_INTX, 1),
	NUMBER(NDSHM_IRQ_MSI, 2),
	NUMBER(NDSHM_IRQ_MSIX, 3),
	NUMBER(NDSHM_IRQ_KINDS, 4),
	NUMBER(NDSHM_MAX_IRQS, 256),
	NUMBER(NDSHM_SET_IRQS_UNMASK, 1),
	NUMBER(NDSHM_ALLOC_CONTIGUOUS, 1),
	NUMBER(NDSHM_ALLOC_DUMP, 2),
	NUMBER(NDSHM_CREATE_DUMP, 1),
	NUMBER(NDSHM_SECTION_DUMP, 16),
	NUMBER(NDSHM_BLOCK_NEEDS_SYNC, 4),
	NUMBER(NDSHM_BLOCK_REUSABLE, 8),
	NUMBER(NDSHM_SYNC_FOR_DEVICE, 1),
	NUMBER(NDSHM_SYNC_FOR_CPU, 2),
	NUMBER(NDSHM_OPEN_READONLY, 1),
	NUMBER(NDSHM_SECTION_NAME_BYTES, 64),
	NUMBER(NDSHM_OWNER_SELF, 0xffffffff),
	NUMBER(NDSHM_GROUP_SELF, 0xffffffff),
	NUMBER(NDSHM_SHARE_READONLY, 1),
	NUMBER(NDSHM_FREE_REVOKE, 1),
	NUMBER(NDSHM_DELETE_FORCE, 1),
	NUMBER(NDSHM_DELETE_REVOKE, 2),
	NUMBER(NDSHM_SECTION_READONLY, 1),
	NUMBER(NDSHM_SECTION_DELETED, 2),
	NUMBER(NDSHM_SECTION_REVOKED, 4),
	NUMBER(NDSHM_SECTION_NEEDS_SYNC, 8),
};

static bool numbers_published(void)
{
	bool good = true;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		ksft_print_msg("%-32s %#10x\n", numbers[i].name, numbers[i].number);
		good &= numbers[i].number == numbers[i].published;
	}
	return good;
}

/*
 * Check the size and all members: the members must cover the structure without
 * holes.
 */
static bool is_laid_out(const char *structure, size_t size)
{
	const struct member *member;
	bool good = true;
	size_t end = 0, i;

	for (i = 0; i < ARRAY_SIZE(members); i++) {
		member = &members[i];
		if (strcmp(member->structure, structure))
			continue;
		ksft_print_msg("%s.%-24s %3zu %3zu\n", structure,
			       member->name, member->offset, member->size);
		good &= member->size == member->published_size && member->offset == end;
		end += member->size;
	}
	return good && end == size;
}

/* The argument of GET_INFO is struct ndshm_get_info_args. */
static void argument_name(const struct command *row, char *name, size_t size)
{
	size_t i;

	snprintf(name, size, "ndshm_%s_args", row->name);
	for (i = 0; name[i]; i++)
		name[i] = tolower(name[i]);
}

static void test_structure(const char *name, size_t size, size_t published)
{
	ksft_test_result(size == published && is_laid_out(name, published),
			 "struct %s: %zu bytes\n", name, size);
}

static void test_command(const struct command *row)
{
	char name[64];

	argument_name(row, name, sizeof(name));
	ksft_print_msg("%-32s %#10lx\n", row->name, row->number);
	ksft_test_result(row->number == row->published && is_laid_out(name, row->size),
			 "%s, struct %s: %u bytes\n", row->name, name, row->size);
}

int main(void)
{
	size_t i;

	ksft_print_header();
	ksft_set_plan(4 + ARRAY_SIZE(commands));
	ksft_test_result(numbers_published(), "numbers\n");
	test_structure("ndshm_header", sizeof(struct ndshm_header), 16);
	test_structure("ndshm_segment", sizeof(struct ndshm_segment), 16);
	test_structure("ndshm_block_info", sizeof(struct ndshm_block_info), 48);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		test_command(&commands[i]);
	ksft_finished();
}
