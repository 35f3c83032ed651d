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
	COMMAND(NDSHM_SECTION_OPEN, 0x5e89),
	COMMAND(NDSHM_ADAPTER_SET_IRQS, 0x5e8a),
	COMMAND(NDSHM_BLOCK_EXPORT, 0x5e8b),
	COMMAND(NDSHM_ADAPTER_RESET, 0x5e8c),
	COMMAND(NDSHM_ADAPTER_CONFIG, 0x5e8d),
	COMMAND(NDSHM_SECTION_ATTACH, 0x5e90),
	COMMAND(NDSHM_SECTION_SHARE, 0x5e91),
	COMMAND(NDSHM_SECTION_DELETE, 0x5e92),
	COMMAND(NDSHM_SECTION_QUERY, 0x5e93),
	COMMAND(NDSHM_SECTION_SYNC, 0x5e94),
	COMMAND(NDSHM_SECTION_EXPORT, 0x5e95),
	COMMAND(NDSHM_EXTENT_ALLOC, 0x5ea0),
	COMMAND(NDSHM_EXTENT_FREE, 0x5ea1),
	COMMAND(NDSHM_EXTENT_QUERY, 0x5ea2),
};

#define STRUCTURE(type, published) { #type, sizeof(struct type), (published) }

static const struct structure structures[] = {
	STRUCTURE(ndshm_header, 16),
	STRUCTURE(ndshm_get_info_args, 88),
	STRUCTURE(ndshm_adapter_claim_args, 44),
	STRUCTURE(ndshm_adapter_start_args, 24),
	STRUCTURE(ndshm_adapter_map_bar_args, 40),
	STRUCTURE(ndshm_adapter_set_irqs_args, 40),
	STRUCTURE(ndshm_adapter_reset_args, 24),
	STRUCTURE(ndshm_adapter_config_args, 32),
	STRUCTURE(ndshm_segment, 16),
	STRUCTURE(ndshm_block_info, 48),
	STRUCTURE(ndshm_block_alloc_args, 80),
	STRUCTURE(ndshm_block_free_args, 40),
	STRUCTURE(ndshm_block_query_args, 96),
	STRUCTURE(ndshm_block_sync_args, 40),
	STRUCTURE(ndshm_block_export_args, 32),
	STRUCTURE(ndshm_section_create_args, 80),
	STRUCTURE(ndshm_section_open_args, 40),
	STRUCTURE(ndshm_section_attach_args, 24),
	STRUCTURE(ndshm_section_share_args, 24),
	STRUCTURE(ndshm_section_delete_args, 24),
	STRUCTURE(ndshm_section_query_args, 72),
	STRUCTURE(ndshm_section_sync_args, 40),
	STRUCTURE(ndshm_section_export_args, 40),
	STRUCTURE(ndshm_extent_alloc_args, 48),
	STRUCTURE(ndshm_extent_free_args, 24),
	STRUCTURE(ndshm_extent_query_args, 48),
};

#define MEMBER(type, member, offset, size) { \
	#type, #member, offsetof(struct type, member), \
	sizeof(((struct type *)0)->member), (offset), (size) }

static const struct member members[] = {
	MEMBER(ndshm_header, size, 0, 4),
	MEMBER(ndshm_header, status, 4, 4),
	MEMBER(ndshm_header, reason, 8, 4),
	MEMBER(ndshm_header, flags, 12, 4),

	MEMBER(ndshm_get_info_args, size, 0, 4),
	MEMBER(ndshm_get_info_args, status, 4, 4),
	MEMBER(ndshm_get_info_args, reason, 8, 4),
	MEMBER(ndshm_get_info_args, flags, 12, 4),
	MEMBER(ndshm_get_info_args, out_features, 16, 8),
	MEMBER(ndshm_get_info_args, out_max_length, 24, 8),
	MEMBER(ndshm_get_info_args, out_max_blocks, 32, 4),
	MEMBER(ndshm_get_info_args, out_max_batch, 36, 4),
	MEMBER(ndshm_get_info_args, out_page_size, 40, 4),
	MEMBER(ndshm_get_info_args, out_default_adapter, 44, 4),
	MEMBER(ndshm_get_info_args, out_blocks, 48, 4),
	MEMBER(ndshm_get_info_args, __reserved, 52, 4),
	MEMBER(ndshm_get_info_args, out_bytes, 56, 8),
	MEMBER(ndshm_get_info_args, out_user_locked, 64, 8),
	MEMBER(ndshm_get_info_args, out_max_section, 72, 8),
	MEMBER(ndshm_get_info_args, out_huge_size, 80, 8),

	MEMBER(ndshm_adapter_claim_args, size, 0, 4),
	MEMBER(ndshm_adapter_claim_args, status, 4, 4),
	MEMBER(ndshm_adapter_claim_args, reason, 8, 4),
	MEMBER(ndshm_adapter_claim_args, flags, 12, 4),
	MEMBER(ndshm_adapter_claim_args, adapter, 16, 4),
	MEMBER(ndshm_adapter_claim_args, address_width, 20, 4),
	MEMBER(ndshm_adapter_claim_args, out_isolation, 24, 4),
	MEMBER(ndshm_adapter_claim_args, out_bars, 28, 4),
	MEMBER(ndshm_adapter_claim_args, out_intx, 32, 4),
	MEMBER(ndshm_adapter_claim_args, out_msi, 36, 4),
	MEMBER(ndshm_adapter_claim_args, out_msix, 40, 4),

	MEMBER(ndshm_adapter_start_args, size, 0, 4),
	MEMBER(ndshm_adapter_start_args, status, 4, 4),
	MEMBER(ndshm_adapter_start_args, reason, 8, 4),
	MEMBER(ndshm_adapter_start_args, flags, 12, 4),
	MEMBER(ndshm_adapter_start_args, adapter, 16, 4),
	MEMBER(ndshm_adapter_start_args, __reserved, 20, 4),

	MEMBER(ndshm_adapter_set_irqs_args, size, 0, 4),
	MEMBER(ndshm_adapter_set_irqs_args, status, 4, 4),
	MEMBER(ndshm_adapter_set_irqs_args, reason, 8, 4),
	MEMBER(ndshm_adapter_set_irqs_args, flags, 12, 4),
	MEMBER(ndshm_adapter_set_irqs_args, adapter, 16, 4),
	MEMBER(ndshm_adapter_set_irqs_args, kind, 20, 4),
	MEMBER(ndshm_adapter_set_irqs_args, first, 24, 4),
	MEMBER(ndshm_adapter_set_irqs_args, count, 28, 4),
	MEMBER(ndshm_adapter_set_irqs_args, eventfds, 32, 8),

	MEMBER(ndshm_adapter_reset_args, size, 0, 4),
	MEMBER(ndshm_adapter_reset_args, status, 4, 4),
	MEMBER(ndshm_adapter_reset_args, reason, 8, 4),
	MEMBER(ndshm_adapter_reset_args, flags, 12, 4),
	MEMBER(ndshm_adapter_reset_args, adapter, 16, 4),
	MEMBER(ndshm_adapter_reset_args, __reserved, 20, 4),

	MEMBER(ndshm_adapter_config_args, size, 0, 4),
	MEMBER(ndshm_adapter_config_args, status, 4, 4),
	MEMBER(ndshm_adapter_config_args, reason, 8, 4),
	MEMBER(ndshm_adapter_config_args, flags, 12, 4),
	MEMBER(ndshm_adapter_config_args, adapter, 16, 4),
	MEMBER(ndshm_adapter_config_args, offset, 20, 4),
	MEMBER(ndshm_adapter_config_args, width, 24, 4),
	MEMBER(ndshm_adapter_config_args, value, 28, 4),

	MEMBER(ndshm_adapter_map_bar_args, size, 0, 4),
	MEMBER(ndshm_adapter_map_bar_args, status, 4, 4),
	MEMBER(ndshm_adapter_map_bar_args, reason, 8, 4),
	MEMBER(ndshm_adapter_map_bar_args, flags, 12, 4),
	MEMBER(ndshm_adapter_map_bar_args, adapter, 16, 4),
	MEMBER(ndshm_adapter_map_bar_args, bar, 20, 4),
	MEMBER(ndshm_adapter_map_bar_args, out_mmap_offset, 24, 8),
	MEMBER(ndshm_adapter_map_bar_args, out_length, 32, 8),

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

	MEMBER(ndshm_block_alloc_args, size, 0, 4),
	MEMBER(ndshm_block_alloc_args, status, 4, 4),
	MEMBER(ndshm_block_alloc_args, reason, 8, 4),
	MEMBER(ndshm_block_alloc_args, flags, 12, 4),
	MEMBER(ndshm_block_alloc_args, adapter, 16, 4),
	MEMBER(ndshm_block_alloc_args, provider, 20, 4),
	MEMBER(ndshm_block_alloc_args, length, 24, 8),
	MEMBER(ndshm_block_alloc_args, preferred_node, 32, 4),
	MEMBER(ndshm_block_alloc_args, usage, 36, 4),
	MEMBER(ndshm_block_alloc_args, queue_id, 40, 4),
	MEMBER(ndshm_block_alloc_args, vport_id, 44, 4),
	MEMBER(ndshm_block_alloc_args, count, 48, 4),
	MEMBER(ndshm_block_alloc_args, segment_capacity, 52, 4),
	MEMBER(ndshm_block_alloc_args, blocks, 56, 8),
	MEMBER(ndshm_block_alloc_args, segments, 64, 8),
	MEMBER(ndshm_block_alloc_args, out_segments, 72, 4),
	MEMBER(ndshm_block_alloc_args, tag, 76, 4),

	MEMBER(ndshm_block_free_args, size, 0, 4),
	MEMBER(ndshm_block_free_args, status, 4, 4),
	MEMBER(ndshm_block_free_args, reason, 8, 4),
	MEMBER(ndshm_block_free_args, flags, 12, 4),
	MEMBER(ndshm_block_free_args, handle, 16, 4),
	MEMBER(ndshm_block_free_args, __reserved, 20, 4),
	MEMBER(ndshm_block_free_args, handles, 24, 8),
	MEMBER(ndshm_block_free_args, count, 32, 4),
	MEMBER(ndshm_block_free_args, out_index, 36, 4),

	MEMBER(ndshm_block_query_args, size, 0, 4),
	MEMBER(ndshm_block_query_args, status, 4, 4),
	MEMBER(ndshm_block_query_args, reason, 8, 4),
	MEMBER(ndshm_block_query_args, flags, 12, 4),
	MEMBER(ndshm_block_query_args, handle, 16, 4),
	MEMBER(ndshm_block_query_args, segment_capacity, 20, 4),
	MEMBER(ndshm_block_query_args, segments, 24, 8),
	MEMBER(ndshm_block_query_args, out_block, 32, 48),
	MEMBER(ndshm_block_query_args, out_adapter, 80, 4),
	MEMBER(ndshm_block_query_args, out_provider, 84, 4),
	MEMBER(ndshm_block_query_args, out_preferred_node, 88, 4),
	MEMBER(ndshm_block_query_args, out_usage, 92, 4),

	MEMBER(ndshm_block_sync_args, size, 0, 4),
	MEMBER(ndshm_block_sync_args, status, 4, 4),
	MEMBER(ndshm_block_sync_args, reason, 8, 4),
	MEMBER(ndshm_block_sync_args, flags, 12, 4),
	MEMBER(ndshm_block_sync_args, handle, 16, 4),
	MEMBER(ndshm_block_sync_args, direction, 20, 4),
	MEMBER(ndshm_block_sync_args, offset, 24, 8),
	MEMBER(ndshm_block_sync_args, length, 32, 8),

	MEMBER(ndshm_block_export_args, size, 0, 4),
	MEMBER(ndshm_block_export_args, status, 4, 4),
	MEMBER(ndshm_block_export_args, reason, 8, 4),
	MEMBER(ndshm_block_export_args, flags, 12, 4),
	MEMBER(ndshm_block_export_args, handle, 16, 4),
	MEMBER(ndshm_block_export_args, fd_flags, 20, 4),
	MEMBER(ndshm_block_export_args, out_dmabuf, 24, 4),
	MEMBER(ndshm_block_export_args, __reserved, 28, 4),

	MEMBER(ndshm_section_create_args, size, 0, 4),
	MEMBER(ndshm_section_create_args, status, 4, 4),
	MEMBER(ndshm_section_create_args, reason, 8, 4),
	MEMBER(ndshm_section_create_args, flags, 12, 4),
	MEMBER(ndshm_section_create_args, adapter, 16, 4),
	MEMBER(ndshm_section_create_args, provider, 20, 4),
	MEMBER(ndshm_section_create_args, max_size, 24, 8),
	MEMBER(ndshm_section_create_args, initial_size, 32, 8),
	MEMBER(ndshm_section_create_args, preferred_node, 40, 4),
	MEMBER(ndshm_section_create_args, out_section, 44, 4),
	MEMBER(ndshm_section_create_args, out_id, 48, 4),
	MEMBER(ndshm_section_create_args, __reserved, 52, 4),
	MEMBER(ndshm_section_create_args, name, 56, 8),
	MEMBER(ndshm_section_create_args, name_length, 64, 4),
	MEMBER(ndshm_section_create_args, group, 68, 4),
	MEMBER(ndshm_section_create_args, mode, 72, 4),
	MEMBER(ndshm_section_create_args, __reserved2, 76, 4),

	MEMBER(ndshm_section_open_args, size, 0, 4),
	MEMBER(ndshm_section_open_args, status, 4, 4),
	MEMBER(ndshm_section_open_args, reason, 8, 4),
	MEMBER(ndshm_section_open_args, flags, 12, 4),
	MEMBER(ndshm_section_open_args, name, 16, 8),
	MEMBER(ndshm_section_open_args, name_length, 24, 4),
	MEMBER(ndshm_section_open_args, owner, 28, 4),
	MEMBER(ndshm_section_open_args, out_section, 32, 4),
	MEMBER(ndshm_section_open_args, out_id, 36, 4),

	MEMBER(ndshm_section_attach_args, size, 0, 4),
	MEMBER(ndshm_section_attach_args, status, 4, 4),
	MEMBER(ndshm_section_attach_args, reason, 8, 4),
	MEMBER(ndshm_section_attach_args, flags, 12, 4),
	MEMBER(ndshm_section_attach_args, out_holder, 16, 4),
	MEMBER(ndshm_section_attach_args, __reserved, 20, 4),

	MEMBER(ndshm_section_share_args, size, 0, 4),
	MEMBER(ndshm_section_share_args, status, 4, 4),
	MEMBER(ndshm_section_share_args, reason, 8, 4),
	MEMBER(ndshm_section_share_args, flags, 12, 4),
	MEMBER(ndshm_section_share_args, out_section, 16, 4),
	MEMBER(ndshm_section_share_args, __reserved, 20, 4),

	MEMBER(ndshm_section_delete_args, size, 0, 4),
	MEMBER(ndshm_section_delete_args, status, 4, 4),
	MEMBER(ndshm_section_delete_args, reason, 8, 4),
	MEMBER(ndshm_section_delete_args, flags, 12, 4),
	MEMBER(ndshm_section_delete_args, holder, 16, 4),
	MEMBER(ndshm_section_delete_args, __reserved, 20, 4),

	MEMBER(ndshm_section_query_args, size, 0, 4),
	MEMBER(ndshm_section_query_args, status, 4, 4),
	MEMBER(ndshm_section_query_args, reason, 8, 4),
	MEMBER(ndshm_section_query_args, flags, 12, 4),
	MEMBER(ndshm_section_query_args, out_id, 16, 4),
	MEMBER(ndshm_section_query_args, out_flags, 20, 4),
	MEMBER(ndshm_section_query_args, out_max_size, 24, 8),
	MEMBER(ndshm_section_query_args, out_initial_size, 32, 8),
	MEMBER(ndshm_section_query_args, out_committed, 40, 8),
	MEMBER(ndshm_section_query_args, out_taken, 48, 8),
	MEMBER(ndshm_section_query_args, out_extents, 56, 4),
	MEMBER(ndshm_section_query_args, out_holders, 60, 4),
	MEMBER(ndshm_section_query_args, out_adapter, 64, 4),
	MEMBER(ndshm_section_query_args, out_provider, 68, 4),

	MEMBER(ndshm_section_sync_args, size, 0, 4),
	MEMBER(ndshm_section_sync_args, status, 4, 4),
	MEMBER(ndshm_section_sync_args, reason, 8, 4),
	MEMBER(ndshm_section_sync_args, flags, 12, 4),
	MEMBER(ndshm_section_sync_args, direction, 16, 4),
	MEMBER(ndshm_section_sync_args, __reserved, 20, 4),
	MEMBER(ndshm_section_sync_args, offset, 24, 8),
	MEMBER(ndshm_section_sync_args, length, 32, 8),
	MEMBER(ndshm_section_export_args, size, 0, 4),
	MEMBER(ndshm_section_export_args, status, 4, 4),
	MEMBER(ndshm_section_export_args, reason, 8, 4),
	MEMBER(ndshm_section_export_args, flags, 12, 4),
	MEMBER(ndshm_section_export_args, fd_flags, 16, 4),
	MEMBER(ndshm_section_export_args, out_dmabuf, 20, 4),
	MEMBER(ndshm_section_export_args, offset, 24, 8),
	MEMBER(ndshm_section_export_args, length, 32, 8),

	MEMBER(ndshm_extent_alloc_args, size, 0, 4),
	MEMBER(ndshm_extent_alloc_args, status, 4, 4),
	MEMBER(ndshm_extent_alloc_args, reason, 8, 4),
	MEMBER(ndshm_extent_alloc_args, flags, 12, 4),
	MEMBER(ndshm_extent_alloc_args, length, 16, 8),
	MEMBER(ndshm_extent_alloc_args, alignment, 24, 8),
	MEMBER(ndshm_extent_alloc_args, out_offset, 32, 8),
	MEMBER(ndshm_extent_alloc_args, out_length, 40, 8),

	MEMBER(ndshm_extent_free_args, size, 0, 4),
	MEMBER(ndshm_extent_free_args, status, 4, 4),
	MEMBER(ndshm_extent_free_args, reason, 8, 4),
	MEMBER(ndshm_extent_free_args, flags, 12, 4),
	MEMBER(ndshm_extent_free_args, offset, 16, 8),

	MEMBER(ndshm_extent_query_args, size, 0, 4),
	MEMBER(ndshm_extent_query_args, status, 4, 4),
	MEMBER(ndshm_extent_query_args, reason, 8, 4),
	MEMBER(ndshm_extent_query_args, flags, 12, 4),
	MEMBER(ndshm_extent_query_args, offset, 16, 8),
	MEMBER(ndshm_extent_query_args, segments, 24, 8),
	MEMBER(ndshm_extent_query_args, segment_capacity, 32, 4),
	MEMBER(ndshm_extent_query_args, out_segments, 36, 4),
	MEMBER(ndshm_extent_query_args, out_length, 40, 8),
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
	COMMAND(NDSHM_REASON_QUEUE_DEFAULT, 68),
	COMMAND(NDSHM_REASON_QUEUE_UNKNOWN, 69),
	COMMAND(NDSHM_REASON_QUEUE_STATE, 70),
	COMMAND(NDSHM_REASON_PORT_UNKNOWN, 71),
	COMMAND(NDSHM_REASON_PORT_STATE, 72),
	COMMAND(NDSHM_REASON_PENDING, 73),
	COMMAND(NDSHM_REASON_REQUESTS, 74),
	COMMAND(NDSHM_REASON_COOKIE, 75),
	COMMAND(NDSHM_REASON_REQUEST_UNKNOWN, 76),
	COMMAND(NDSHM_REASON_REQUEST_ABORTED, 77),
	COMMAND(NDSHM_REASON_ADAPTER_PERMISSION, 78),
	COMMAND(NDSHM_REASON_PROVIDER_CLOSED, 79),
	COMMAND(NDSHM_REASON_PROVIDER_PERMISSION, 80),
	COMMAND(NDSHM_REASON_ADAPTER_UNSTOPPABLE, 81),
	COMMAND(NDSHM_REASON_SECTION_UNKNOWN, 82),
	COMMAND(NDSHM_REASON_SECTION_PERMISSION, 83),
	COMMAND(NDSHM_REASON_MODE, 84),
	COMMAND(NDSHM_REASON_GROUP, 85),
	COMMAND(NDSHM_USAGE_XMIT, 1),
	COMMAND(NDSHM_USAGE_OTHER, 9),
	COMMAND(NDSHM_FEATURE_SYNC, 4),
	COMMAND(NDSHM_FEATURE_SECTIONS, 8),
	COMMAND(NDSHM_FEATURE_NAMES, 16),
	COMMAND(NDSHM_FEATURE_FREE_MANY, 32),
	COMMAND(NDSHM_FEATURE_IRQS, 64),
	COMMAND(NDSHM_FEATURE_EXPORT, 128),
	COMMAND(NDSHM_FEATURE_RESET, 256),
	COMMAND(NDSHM_FEATURE_CONFIG, 512),
	COMMAND(NDSHM_CONFIG_WRITE, 1),
	COMMAND(NDSHM_IRQ_NONE, 0),
	COMMAND(NDSHM_IRQ_INTX, 1),
	COMMAND(NDSHM_IRQ_MSI, 2),
	COMMAND(NDSHM_IRQ_MSIX, 3),
	COMMAND(NDSHM_IRQ_KINDS, 4),
	COMMAND(NDSHM_MAX_IRQS, 256),
	COMMAND(NDSHM_SET_IRQS_UNMASK, 1),
	COMMAND(NDSHM_ALLOC_CONTIGUOUS, 1),
	COMMAND(NDSHM_BLOCK_NEEDS_SYNC, 4),
	COMMAND(NDSHM_BLOCK_REUSABLE, 8),
	COMMAND(NDSHM_SYNC_FOR_DEVICE, 1),
	COMMAND(NDSHM_SYNC_FOR_CPU, 2),
	COMMAND(NDSHM_OPEN_READONLY, 1),
	COMMAND(NDSHM_SECTION_NAME_BYTES, 64),
	COMMAND(NDSHM_OWNER_SELF, 0xffffffff),
	COMMAND(NDSHM_GROUP_SELF, 0xffffffff),
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
