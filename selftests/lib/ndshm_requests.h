/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Valid requests of all commands. Members that the kernel writes or ignores have a poison pattern;
 * a test then changes one member.
 */
#ifndef _NDSHM_SELFTEST_REQUESTS_H
#define _NDSHM_SELFTEST_REQUESTS_H

#include <stdint.h>
#include <string.h>

#if !__has_include("linux/ndshm.h")
#error linux/ndshm.h is nowhere: set NDSHM_SRC to the source of ndshm
#endif
#include <linux/ndshm.h>

#include "ndshm_proc.h"

#define NDSHM_POISON	0xcc

static inline __u64 to_u64(const void *pointer)
{
	return (uintptr_t)pointer;
}

/* Fill with the poison pattern and set a valid header. */
static inline void ndshm_poison(void *argument, __u32 size)
{
	struct ndshm_header *header = argument;

	memset(argument, NDSHM_POISON, size);
	header->size = size;
	header->flags = 0;
}

/* GET_INFO */
static inline struct ndshm_get_info_args get_info_request(void)
{
	struct ndshm_get_info_args info;

	ndshm_poison(&info, sizeof(info));
	info.__reserved = 0;
	return info;
}

/* ADAPTER_CLAIM with a descriptor of the device node */
static inline struct ndshm_adapter_claim_args adapter_claim_request(int device, __u32 width)
{
	struct ndshm_adapter_claim_args claim;

	ndshm_poison(&claim, sizeof(claim));
	claim.device = device;
	claim.address_width = width;
	return claim;
}

/* ADAPTER_START */
static inline struct ndshm_adapter_start_args adapter_start_request(__u32 adapter)
{
	struct ndshm_adapter_start_args start;

	ndshm_poison(&start, sizeof(start));
	start.adapter = adapter;
	start.__reserved = 0;
	return start;
}

/* ADAPTER_MAP_BAR */
static inline struct ndshm_adapter_map_bar_args
adapter_map_bar_request(__u32 adapter, __u32 bar)
{
	struct ndshm_adapter_map_bar_args map;

	ndshm_poison(&map, sizeof(map));
	map.adapter = adapter;
	map.bar = bar;
	return map;
}

/* ADAPTER_SET_IRQS */
static inline struct ndshm_adapter_set_irqs_args
adapter_set_irqs_request(__u32 adapter, __u32 kind, __u32 first, __u32 count,
			 const __s32 *eventfds)
{
	struct ndshm_adapter_set_irqs_args set;

	ndshm_poison(&set, sizeof(set));
	set.adapter = adapter;
	set.kind = kind;
	set.first = first;
	set.count = count;
	set.eventfds = (uintptr_t)eventfds;
	return set;
}

/* ADAPTER_RESET */
static inline struct ndshm_adapter_reset_args adapter_reset_request(__u32 adapter)
{
	struct ndshm_adapter_reset_args reset;

	ndshm_poison(&reset, sizeof(reset));
	reset.adapter = adapter;
	reset.__reserved = 0;
	return reset;
}

/* ADAPTER_CONFIG */
static inline struct ndshm_adapter_config_args
adapter_config_request(__u32 adapter, __u32 flags, __u32 offset, __u32 width, __u32 value)
{
	struct ndshm_adapter_config_args config;

	ndshm_poison(&config, sizeof(config));
	config.flags = flags;
	config.adapter = adapter;
	config.offset = offset;
	config.width = width;
	if (flags & NDSHM_CONFIG_WRITE)
		config.value = value;
	return config;
}

/*
 * The provider of blocks for which a test names none: NDSHM_PROVIDER, or the
 * default.
 */
static inline __u32 ndshm_provider_wanted(void)
{
	static long long wanted = -1;

	if (wanted < 0)
		wanted = ndshm_number("NDSHM_PROVIDER", 0);
	return wanted;
}

/* BLOCK_ALLOC of one block, with the result in @block */
static inline struct ndshm_block_alloc_args
block_alloc_request(__u32 adapter, __u64 length, struct ndshm_block_info *block)
{
	struct ndshm_block_alloc_args alloc;

	ndshm_poison(&alloc, sizeof(alloc));
	alloc.adapter = adapter;
	alloc.provider = ndshm_provider_wanted();
	alloc.length = length;
	alloc.preferred_node = NDSHM_NODE_ANY;
	alloc.usage = NDSHM_USAGE_OTHER;
	alloc.queue_id = 0;
	alloc.vport_id = 0;
	alloc.count = 1;
	alloc.segment_capacity = 0;
	alloc.blocks = to_u64(block);
	alloc.segments = 0;
	alloc.tag = 0;
	return alloc;
}

/* BLOCK_FREE */
static inline struct ndshm_block_free_args block_free_request(__u32 handle)
{
	struct ndshm_block_free_args request;

	ndshm_poison(&request, sizeof(request));
	request.flags = 0;
	request.handle = handle;
	request.__reserved = 0;
	request.handles = 0;
	request.count = 0;
	return request;
}

/* BLOCK_FREE of an array of handles */
static inline struct ndshm_block_free_args
blocks_free_request(const __u32 *handles, __u32 count)
{
	struct ndshm_block_free_args request = block_free_request(0);

	request.handles = to_u64(handles);
	request.count = count;
	return request;
}

/* BLOCK_FREE_ID */
static inline struct ndshm_block_free_id_args block_free_id_request(__u32 id)
{
	struct ndshm_block_free_id_args request;

	ndshm_poison(&request, sizeof(request));
	request.id = id;
	request.__reserved = 0;
	return request;
}

/* BLOCK_QUERY: without segments */
static inline struct ndshm_block_query_args block_query_request(__u32 handle)
{
	struct ndshm_block_query_args query;

	ndshm_poison(&query, sizeof(query));
	query.handle = handle;
	query.segment_capacity = 0;
	query.segments = 0;
	return query;
}

/* BLOCK_SYNC */
static inline struct ndshm_block_sync_args
block_sync_request(__u32 handle, __u32 direction, __u64 offset, __u64 length)
{
	struct ndshm_block_sync_args sync;

	ndshm_poison(&sync, sizeof(sync));
	sync.handle = handle;
	sync.direction = direction;
	sync.offset = offset;
	sync.length = length;
	return sync;
}

/* BLOCK_EXPORT */
static inline struct ndshm_block_export_args
block_export_request(__u32 handle, __u32 fd_flags)
{
	struct ndshm_block_export_args export;

	ndshm_poison(&export, sizeof(export));
	export.handle = handle;
	export.fd_flags = fd_flags;
	export.__reserved = 0;
	return export;
}

/* SECTION_CREATE */
static inline struct ndshm_section_create_args
section_create_request(__u32 adapter, __u64 max_size, __u64 initial_size)
{
	struct ndshm_section_create_args create;

	ndshm_poison(&create, sizeof(create));
	create.adapter = adapter;
	create.provider = 0;
	create.max_size = max_size;
	create.initial_size = initial_size;
	create.preferred_node = NDSHM_NODE_ANY;
	create.__reserved = 0;
	create.name = 0;
	create.name_length = 0;
	create.mode = 0;
	create.__reserved2 = 0;
	return create;
}

/* A section with a name, which must live as long as the request. */
static inline struct ndshm_section_create_args
section_name_request(__u32 adapter, __u64 max_size, const char *name, __u32 mode)
{
	struct ndshm_section_create_args create =
		section_create_request(adapter, max_size, 0);

	create.name = to_u64(name);
	create.name_length = strlen(name);
	create.group = NDSHM_GROUP_SELF;
	create.mode = mode;
	return create;
}

/* SECTION_OPEN */
static inline struct ndshm_section_open_args
section_open_request(__u32 owner, const char *name, __u32 flags)
{
	struct ndshm_section_open_args open;

	ndshm_poison(&open, sizeof(open));
	open.flags = flags;
	open.name = to_u64(name);
	open.name_length = strlen(name);
	open.owner = owner;
	return open;
}

/* SECTION_ATTACH */
static inline struct ndshm_section_attach_args section_attach_request(__u32 flags)
{
	struct ndshm_section_attach_args attach;

	ndshm_poison(&attach, sizeof(attach));
	attach.flags = flags;
	attach.__reserved = 0;
	return attach;
}

/* SECTION_SHARE */
static inline struct ndshm_section_share_args section_share_request(__u32 flags)
{
	struct ndshm_section_share_args share;

	ndshm_poison(&share, sizeof(share));
	share.flags = flags;
	share.__reserved = 0;
	return share;
}

/* SECTION_DELETE */
static inline struct ndshm_section_delete_args
section_delete_request(__u32 flags, int holder)
{
	struct ndshm_section_delete_args request;

	ndshm_poison(&request, sizeof(request));
	request.flags = flags;
	request.holder = holder;
	request.__reserved = 0;
	return request;
}

/* SECTION_DELETE_ID */
static inline struct ndshm_section_delete_id_args
section_delete_id_request(__u32 id, __u32 flags)
{
	struct ndshm_section_delete_id_args request;

	ndshm_poison(&request, sizeof(request));
	request.flags = flags;
	request.id = id;
	request.__reserved = 0;
	return request;
}

/* SECTION_QUERY */
static inline struct ndshm_section_query_args section_query_request(void)
{
	struct ndshm_section_query_args query;

	ndshm_poison(&query, sizeof(query));
	return query;
}

/* SECTION_SYNC */
static inline struct ndshm_section_sync_args
section_sync_request(__u32 direction, __u64 offset, __u64 length)
{
	struct ndshm_section_sync_args sync;

	ndshm_poison(&sync, sizeof(sync));
	sync.direction = direction;
	sync.__reserved = 0;
	sync.offset = offset;
	sync.length = length;
	return sync;
}

/* SECTION_EXPORT */
static inline struct ndshm_section_export_args
section_export_request(__u64 offset, __u64 length, __u32 fd_flags)
{
	struct ndshm_section_export_args export;

	ndshm_poison(&export, sizeof(export));
	export.fd_flags = fd_flags;
	export.offset = offset;
	export.length = length;
	return export;
}

/* EXTENT_ALLOC */
static inline struct ndshm_extent_alloc_args extent_alloc_request(__u64 length,
								  __u64 alignment)
{
	struct ndshm_extent_alloc_args alloc;

	ndshm_poison(&alloc, sizeof(alloc));
	alloc.length = length;
	alloc.alignment = alignment;
	return alloc;
}

/* EXTENT_FREE */
static inline struct ndshm_extent_free_args extent_free_request(__u64 offset)
{
	struct ndshm_extent_free_args request;

	ndshm_poison(&request, sizeof(request));
	request.offset = offset;
	return request;
}

/* EXTENT_QUERY: without segments */
static inline struct ndshm_extent_query_args extent_query_request(__u64 offset)
{
	struct ndshm_extent_query_args query;

	ndshm_poison(&query, sizeof(query));
	query.offset = offset;
	query.segments = 0;
	query.segment_capacity = 0;
	return query;
}

#endif /* _NDSHM_SELFTEST_REQUESTS_H */
