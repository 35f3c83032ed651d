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
#define NO_OBJECT	0x7fffff00U	/* no adapter or provider has this number */

static bool has_handle(const struct stress_block *block)
{
	return block->handle;
}

static bool can_be_freed(const struct stress_block *block)
{
	return block->handle && !block->driven;
}

static __u32 some_node(struct stress_client *client)
{
	return stress.nodes[stress_below(&client->random, stress.node_count)];
}

/* For a memory node, or for the client's target and maker. */
struct ndshm_block_alloc_args stress_some_request(struct stress_client *client,
						  struct ndshm_block_info *blocks)
{
	struct stress_random *random = &client->random;
	struct ndshm_block_alloc_args alloc = {
		.flags = stress_chance(random, 30) ? NDSHM_ALLOC_CONTIGUOUS : 0,
		.adapter = some_node(client),
		.length = 1 + stress_below(random, 8 * stress.page),
		.preferred_node = NDSHM_NODE_ANY,
		.usage = 1 + stress_below(random, NDSHM_USAGE_MAX - 1),
		.count = 1,
		.blocks = (uintptr_t)blocks,
	};

	if (stress_chance(random, 10))
		alloc.length = stress_spread(random, MOST_PAGES) * stress.page;
	if (client->claimed)
		alloc.adapter = stress_chance(random, 70) ? client->claimed :
							   alloc.adapter;
	else if (client->adapter && client->target != stress.edu.pci.name &&
		 stress_chance(random, 70))
		alloc.adapter = client->adapter;
	if (client->provider && stress_chance(random, 70))
		alloc.provider = client->provider;
	else if (stress_chance(random, 30))
		alloc.provider = stress.pages;
	return alloc;
}

/* The target may be removed without an effect on other adapters. */
static bool is_target(const struct stress_client *client, __u32 adapter)
{
	return adapter && adapter == client->adapter;
}

static bool is_maker(const struct stress_client *client, __u32 provider)
{
	return provider && provider == client->provider;
}

__u64 stress_excuses(const struct stress_client *client,
		     const struct ndshm_block_alloc_args *alloc)
{
	__u64 reasons = STRESS_NO_MEMORY | client->may;

	if (is_target(client, alloc->adapter))
		reasons |= client->target_may;
	if (is_maker(client, alloc->provider))
		reasons |= client->maker_may;
	return reasons;
}

bool stress_keep(struct stress_client *client,
		 const struct ndshm_block_alloc_args *alloc,
		 const struct ndshm_block_info *info)
{
	const bool target = is_target(client, alloc->adapter);
	const bool maker = is_maker(client, alloc->provider);
	struct stress_block *block;
	__u64 length = (alloc->length + stress.page - 1) & ~(stress.page - 1);

	if (!info->handle || !info->shared_memory_handle || !info->segments ||
	    info->length != length || info->consumed < length)
		return stress_error("asked for %llu bytes: got %llu, consumed %llu",
				    alloc->length, info->length,
				    info->consumed);
	block = &client->blocks[client->count++];
	*block = (struct stress_block){
		.handle = info->handle,
		.info = *info,
		.tag = stress_draw(&client->random),
		.claimed = alloc->adapter == client->claimed,
		.adapter = target ? alloc->adapter : 0,
		.provider = maker ? alloc->provider : 0,
		.fickle = (target && client->target_may) ||
			  (maker && client->maker_may),
	};
	return true;
}

static bool alloc(struct stress_client *client, unsigned int count)
{
	struct ndshm_block_info infos[BATCH] = {};
	struct ndshm_block_alloc_args request = stress_some_request(client, infos);
	struct ndshm_segment segments[SEGMENTS];
	__u64 allowed = stress_excuses(client, &request);
	unsigned int i;
	__u32 reason;

	if (client->count + count > client->most)
		return stress_do_free(client);
	request.count = count;
	if (count == 1 && stress_chance(&client->random, 30)) {
		request.segment_capacity = SEGMENTS;
		request.segments = (uintptr_t)segments;
		/* A long block of single pages has more. */
		if (request.provider == stress.pages)
			allowed |= STRESS_MAY(LIST_SHORT);
	}
	reason = stress_call(client, NDSHM_BLOCK_ALLOC, &request,
			     sizeof(request), allowed);
	if (reason == STRESS_BROKEN)
		return false;
	for (i = 0; !reason && i < count; i++)
		if (!stress_keep(client, &request, &infos[i]))
			return false;
	return true;
}

bool stress_do_alloc(struct stress_client *client)
{
	return alloc(client, 1);
}

bool stress_do_alloc_many(struct stress_client *client)
{
	return alloc(client, 2 + stress_below(&client->random, BATCH - 1));
}

/* Allocation succeeds, then the reply fails: half of the array is read-only. */
static bool alloc_unreported(struct stress_client *client)
{
	struct ndshm_block_alloc_args request = stress_some_request(client, NULL);
	unsigned char *pages = mmap(NULL, 2 * stress.page, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	__u32 reason;

	if (pages == MAP_FAILED)
		return true;
	mprotect(pages + stress.page, stress.page, PROT_READ);
	request.count = 2;
	request.blocks = (uintptr_t)(pages + stress.page -
				     sizeof(struct ndshm_block_info));
	reason = stress_call(client, NDSHM_BLOCK_ALLOC, &request,
			     sizeof(request), stress_excuses(client, &request) |
			     STRESS_MAY(ADDRESS));
	munmap(pages, 2 * stress.page);
	if (!reason)
		return stress_error("blocks were told to no memory");
	return reason != STRESS_BROKEN;
}

bool stress_do_alloc_wrong(struct stress_client *client)
{
	struct ndshm_block_info info;
	struct ndshm_block_alloc_args request;
	__u64 allowed;
	__u32 reason;

	if (stress_chance(&client->random, 50))
		return alloc_unreported(client);
	request = stress_some_request(client, &info);
	switch (stress_below(&client->random, 4)) {
	case 0:
		request.length = 0;
		allowed = STRESS_MAY(LENGTH_ZERO);
		break;
	case 1:
		request.adapter = NO_OBJECT;
		allowed = STRESS_MAY(ADAPTER_UNKNOWN);
		break;
	case 2:
		request.adapter = some_node(client);
		request.provider = NO_OBJECT;
		allowed = STRESS_MAY(PROVIDER_UNKNOWN);
		break;
	default:
		request.blocks = 0;
		allowed = stress_excuses(client, &request) | STRESS_MAY(ADDRESS);
		break;
	}
	reason = stress_call(client, NDSHM_BLOCK_ALLOC, &request,
			     sizeof(request), allowed);
	if (!reason)
		return stress_error("a bad request was carried out");
	return reason != STRESS_BROKEN;
}

bool stress_do_free(struct stress_client *client)
{
	struct stress_block *block = stress_some_block(client, can_be_freed);
	struct ndshm_block_free_args request = {};

	if (!block)
		return true;
	request.handle = block->handle;
	/* Nothing else can be the answer, be it revoked or not. */
	if (stress_call(client, NDSHM_BLOCK_FREE, &request, sizeof(request), 0))
		return stress_error("a block could not be freed");
	client->stale = block->handle;
	block->handle = 0;
	stress_drop_block(client, block);
	return true;
}

bool stress_do_free_wrong(struct stress_client *client)
{
	const __u32 numbers[] = { 0, ~0U, client->stale };
	struct ndshm_block_free_args request = {
		.handle = numbers[stress_below(&client->random, 3)],
	};

	return stress_call(client, NDSHM_BLOCK_FREE, &request, sizeof(request),
			   STRESS_MAY(HANDLE_UNKNOWN)) ==
	       NDSHM_REASON_HANDLE_UNKNOWN ||
	       stress_error("a handle that is none was freed");
}

bool stress_do_query(struct stress_client *client)
{
	struct stress_block *block = stress_some_block(client, has_handle);
	struct ndshm_segment segments[SEGMENTS];
	struct ndshm_block_query_args request = {};
	__u64 allowed = 0;
	__u32 reason;

	if (!block)
		return true;
	request.handle = block->handle;
	if (block->fickle)
		allowed |= STRESS_MAY(BLOCK_REVOKED);
	if (stress_chance(&client->random, 50)) {
		request.segment_capacity = SEGMENTS;
		request.segments = (uintptr_t)segments;
		if (block->info.segments > SEGMENTS)
			allowed |= STRESS_MAY(LIST_SHORT);
	}
	reason = stress_call(client, NDSHM_BLOCK_QUERY, &request,
			     sizeof(request), allowed);
	if (reason)
		return reason != STRESS_BROKEN;
	if (allowed & STRESS_MAY(LIST_SHORT))
		return stress_error("more segments were told than fit");
	if (request.out_block.shared_memory_handle !=
	    block->info.shared_memory_handle ||
	    request.out_block.length != block->info.length ||
	    request.out_block.consumed != block->info.consumed ||
	    request.out_block.mmap_offset != block->info.mmap_offset)
		return stress_error("handle %#x stands for another block",
				    block->handle);
	return true;
}

bool stress_do_sync(struct stress_client *client)
{
	struct stress_block *block = stress_some_block(client, has_handle);
	struct ndshm_block_sync_args request = {};
	__u64 allowed = 0;

	if (!block)
		return true;
	request.handle = block->handle;
	request.direction = stress_chance(&client->random, 50) ?
			    NDSHM_SYNC_FOR_DEVICE : NDSHM_SYNC_FOR_CPU;
	request.offset = stress_below(&client->random, block->info.length);
	request.length = 1 + stress_below(&client->random, block->info.length -
					  request.offset);
	if (block->fickle)
		allowed |= STRESS_MAY(BLOCK_REVOKED);
	return stress_call(client, NDSHM_BLOCK_SYNC, &request, sizeof(request),
			   allowed) != STRESS_BROKEN;
}
