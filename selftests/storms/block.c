// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks are made, asked about and freed.
 */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "client.h"

#define BATCH		16
#define SEGMENTS	4	/* that are asked for */
#define MOST_PAGES	512	/* of a block, rarely */
#define NOBODY		0x7fffff00U	/* no adapter or provider has this number */

static bool has_handle(const struct storm_block *block)
{
	return block->handle;
}

static bool can_be_freed(const struct storm_block *block)
{
	return block->handle && !block->driven;
}

static __u32 some_node(struct storm_client *client)
{
	return storm.nodes[storm_below(&client->random, storm.node_count)];
}

/* For a memory node, or for the client's target and maker. */
struct ndshm_block_alloc storm_some_request(struct storm_client *client,
					    struct ndshm_block_info *blocks)
{
	struct storm_random *random = &client->random;
	struct ndshm_block_alloc alloc = {
		.flags = storm_chance(random, 30) ? NDSHM_ALLOC_CONTIGUOUS : 0,
		.adapter = some_node(client),
		.length = 1 + storm_below(random, 8 * storm.page),
		.preferred_node = NDSHM_NODE_ANY,
		.usage = 1 + storm_below(random, NDSHM_USAGE_MAX - 1),
		.count = 1,
		.blocks = (uintptr_t)blocks,
	};

	if (storm_chance(random, 10))
		alloc.length = storm_spread(random, MOST_PAGES) * storm.page;
	if (client->claimed)
		alloc.adapter = storm_chance(random, 70) ? client->claimed :
							   alloc.adapter;
	else if (client->adapter && client->target != storm.edu.pci.name &&
		 storm_chance(random, 70))
		alloc.adapter = client->adapter;
	if (client->provider && storm_chance(random, 70))
		alloc.provider = client->provider;
	else if (storm_chance(random, 30))
		alloc.provider = storm.pages;
	return alloc;
}

/* The target may be removed without an effect on other adapters. */
static bool is_target(const struct storm_client *client, __u32 adapter)
{
	return adapter && adapter == client->adapter;
}

static bool is_maker(const struct storm_client *client, __u32 provider)
{
	return provider && provider == client->provider;
}

__u64 storm_excuses(const struct storm_client *client,
		    const struct ndshm_block_alloc *alloc)
{
	__u64 reasons = STORM_NO_MEMORY | client->may;

	if (is_target(client, alloc->adapter))
		reasons |= client->target_may;
	if (is_maker(client, alloc->provider))
		reasons |= client->maker_may;
	return reasons;
}

bool storm_keep(struct storm_client *client,
		const struct ndshm_block_alloc *alloc,
		const struct ndshm_block_info *info)
{
	const bool target = is_target(client, alloc->adapter);
	const bool maker = is_maker(client, alloc->provider);
	struct storm_block *block;
	__u64 length = (alloc->length + storm.page - 1) & ~(storm.page - 1);

	if (!info->handle || !info->shared_memory_handle || !info->segments ||
	    info->length != length || info->consumed < length)
		return storm_complain("asked for %llu bytes: got %llu, consumed %llu",
				      alloc->length, info->length,
				      info->consumed);
	block = &client->blocks[client->count++];
	*block = (struct storm_block){
		.handle = info->handle,
		.info = *info,
		.tag = storm_draw(&client->random),
		.claimed = alloc->adapter == client->claimed,
		.adapter = target ? alloc->adapter : 0,
		.provider = maker ? alloc->provider : 0,
		.fickle = (target && client->target_may) ||
			  (maker && client->maker_may),
	};
	return true;
}

static bool alloc(struct storm_client *client, unsigned int count)
{
	struct ndshm_block_info infos[BATCH] = {};
	struct ndshm_block_alloc request = storm_some_request(client, infos);
	struct ndshm_segment segments[SEGMENTS];
	__u64 allowed = storm_excuses(client, &request);
	unsigned int i;
	__u32 reason;

	if (client->count + count > client->most)
		return storm_do_free(client);
	request.count = count;
	if (count == 1 && storm_chance(&client->random, 30)) {
		request.segment_capacity = SEGMENTS;
		request.segments = (uintptr_t)segments;
		/* A long block of single pages has more. */
		if (request.provider == storm.pages)
			allowed |= STORM_MAY(LIST_SHORT);
	}
	reason = storm_call(client, NDSHM_BLOCK_ALLOC, &request,
			    sizeof(request), allowed);
	if (reason == STORM_BROKEN)
		return false;
	for (i = 0; !reason && i < count; i++)
		if (!storm_keep(client, &request, &infos[i]))
			return false;
	return true;
}

bool storm_do_alloc(struct storm_client *client)
{
	return alloc(client, 1);
}

bool storm_do_alloc_many(struct storm_client *client)
{
	return alloc(client, 2 + storm_below(&client->random, BATCH - 1));
}

/* Allocation succeeds, then the reply fails: half of the array is read-only. */
static bool alloc_untold(struct storm_client *client)
{
	struct ndshm_block_alloc request = storm_some_request(client, NULL);
	unsigned char *pages = mmap(NULL, 2 * storm.page, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	__u32 reason;

	if (pages == MAP_FAILED)
		return true;
	mprotect(pages + storm.page, storm.page, PROT_READ);
	request.count = 2;
	request.blocks = (uintptr_t)(pages + storm.page -
				     sizeof(struct ndshm_block_info));
	reason = storm_call(client, NDSHM_BLOCK_ALLOC, &request,
			    sizeof(request), storm_excuses(client, &request) |
			    STORM_MAY(ADDRESS));
	munmap(pages, 2 * storm.page);
	if (!reason)
		return storm_complain("blocks were told to no memory");
	return reason != STORM_BROKEN;
}

bool storm_do_alloc_wrong(struct storm_client *client)
{
	struct ndshm_block_info info;
	struct ndshm_block_alloc request;
	__u64 allowed;
	__u32 reason;

	if (storm_chance(&client->random, 50))
		return alloc_untold(client);
	request = storm_some_request(client, &info);
	switch (storm_below(&client->random, 4)) {
	case 0:
		request.length = 0;
		allowed = STORM_MAY(LENGTH_ZERO);
		break;
	case 1:
		request.adapter = NOBODY;
		allowed = STORM_MAY(ADAPTER_UNKNOWN);
		break;
	case 2:
		request.adapter = some_node(client);
		request.provider = NOBODY;
		allowed = STORM_MAY(PROVIDER_UNKNOWN);
		break;
	default:
		request.blocks = 0;
		allowed = storm_excuses(client, &request) | STORM_MAY(ADDRESS);
		break;
	}
	reason = storm_call(client, NDSHM_BLOCK_ALLOC, &request,
			    sizeof(request), allowed);
	if (!reason)
		return storm_complain("a bad request was carried out");
	return reason != STORM_BROKEN;
}

bool storm_do_free(struct storm_client *client)
{
	struct storm_block *block = storm_some_block(client, can_be_freed);
	struct ndshm_block_free request = {};

	if (!block)
		return true;
	request.handle = block->handle;
	/* Nothing else can be the answer, be it revoked or not. */
	if (storm_call(client, NDSHM_BLOCK_FREE, &request, sizeof(request), 0))
		return storm_complain("a block could not be freed");
	client->stale = block->handle;
	block->handle = 0;
	storm_drop_block(client, block);
	return true;
}

bool storm_do_free_wrong(struct storm_client *client)
{
	const __u32 numbers[] = { 0, ~0U, client->stale };
	struct ndshm_block_free request = {
		.handle = numbers[storm_below(&client->random, 3)],
	};

	return storm_call(client, NDSHM_BLOCK_FREE, &request, sizeof(request),
			  STORM_MAY(HANDLE_UNKNOWN)) ==
	       NDSHM_REASON_HANDLE_UNKNOWN ||
	       storm_complain("a handle that is none was freed");
}

bool storm_do_query(struct storm_client *client)
{
	struct storm_block *block = storm_some_block(client, has_handle);
	struct ndshm_segment segments[SEGMENTS];
	struct ndshm_block_query request = {};
	__u64 allowed = 0;
	__u32 reason;

	if (!block)
		return true;
	request.handle = block->handle;
	if (block->fickle)
		allowed |= STORM_MAY(BLOCK_REVOKED);
	if (storm_chance(&client->random, 50)) {
		request.segment_capacity = SEGMENTS;
		request.segments = (uintptr_t)segments;
		if (block->info.segments > SEGMENTS)
			allowed |= STORM_MAY(LIST_SHORT);
	}
	reason = storm_call(client, NDSHM_BLOCK_QUERY, &request,
			    sizeof(request), allowed);
	if (reason)
		return reason != STORM_BROKEN;
	if (allowed & STORM_MAY(LIST_SHORT))
		return storm_complain("more segments were told than fit");
	if (request.out_block.shared_memory_handle !=
	    block->info.shared_memory_handle ||
	    request.out_block.length != block->info.length ||
	    request.out_block.consumed != block->info.consumed ||
	    request.out_block.mmap_offset != block->info.mmap_offset)
		return storm_complain("handle %#x stands for another block",
				      block->handle);
	return true;
}

bool storm_do_sync(struct storm_client *client)
{
	struct storm_block *block = storm_some_block(client, has_handle);
	struct ndshm_block_sync request = {};
	__u64 allowed = 0;

	if (!block)
		return true;
	request.handle = block->handle;
	request.direction = storm_chance(&client->random, 50) ?
			    NDSHM_SYNC_FOR_DEVICE : NDSHM_SYNC_FOR_CPU;
	request.offset = storm_below(&client->random, block->info.length);
	request.length = 1 + storm_below(&client->random, block->info.length -
					 request.offset);
	if (block->fickle)
		allowed |= STORM_MAY(BLOCK_REVOKED);
	return storm_call(client, NDSHM_BLOCK_SYNC, &request, sizeof(request),
			  allowed) != STORM_BROKEN;
}
