// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks are mapped, read, moved and unmapped. Memory is zero at its first mapping,
 * and keeps its contents independent of other blocks.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "client.h"

static bool can_be_mapped(const struct storm_block *block)
{
	return block->handle && !block->map &&
	       block->info.flags & NDSHM_BLOCK_MAPPABLE;
}

static bool is_mapped(const struct storm_block *block)
{
	return block->map;
}

static bool has_pages(const struct storm_block *block)
{
	return block->map && block->mapped > storm.page;
}

/* Older kernels move one area of memory at a time. */
static bool can_move(const struct storm_block *block)
{
	return block->map && !block->split;
}

/*
 * Return: true if the revocation of @block is complete. Numbers of adapters and
 * providers only grow; the board has those for which the kernel reported the end.
 */
static bool is_gone(const struct storm_block *block)
{
	return block->gone ||
	       (block->adapter &&
		block->adapter <= storm_read(&storm.board->gone_adapter)) ||
	       (block->provider &&
		block->provider <= storm_read(&storm.board->gone_provider));
}

/* Did a mmap of @block fail as it may? */
static bool may_fail(const struct storm_block *block, int error)
{
	return error == ENODEV && (block->fickle || block->gone);
}

bool storm_do_map(struct storm_client *client)
{
	struct storm_block *block = storm_some_block(client, can_be_mapped);
	size_t length;
	bool gone;
	void *map;
	int flags;

	if (!block)
		return true;
	gone = is_gone(block);
	length = block->info.length;
	if (storm_chance(&client->random, 20))
		length = (1 + storm_below(&client->random,
					  length / storm.page)) * storm.page;
	flags = storm_chance(&client->random, 20) ? MAP_POPULATE : 0;
	map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | flags,
		   client->fd, block->info.mmap_offset);
	if (map == MAP_FAILED)
		return may_fail(block, errno) ||
		       storm_complain("mmap: %s", strerror(errno));
	block->map = map;
	block->mapped = length;
	block->split = false;
	block->unforked = false;
	return !gone || storm_complain("a revoked block can be mapped");
}

/* The mark at both ends of a page. */
static bool has_tag(const unsigned char *page, __u64 tag)
{
	const __u64 *words = (const __u64 *)page;
	const size_t last = storm.page / sizeof(*words) - 1;

	return __atomic_load_n(&words[0], __ATOMIC_RELAXED) == tag &&
	       __atomic_load_n(&words[last], __ATOMIC_RELAXED) == tag;
}

static void put_tag(unsigned char *page, __u64 tag)
{
	__u64 *words = (__u64 *)page;
	const size_t last = storm.page / sizeof(*words) - 1;

	__atomic_store_n(&words[0], tag, __ATOMIC_RELAXED);
	__atomic_store_n(&words[last], tag, __ATOMIC_RELAXED);
}

static bool is_zero(const unsigned char *page)
{
	const __u64 *words = (const __u64 *)page;
	size_t i;

	for (i = 0; i < storm.page / sizeof(*words); i++)
		if (__atomic_load_n(&words[i], __ATOMIC_RELAXED))
			return false;
	return true;
}

enum { FINE, NOT_OURS, NOT_ZERO };

/* Report contents instead of zero, with their possible previous owner. */
static bool complain_of_page(const struct storm_block *block)
{
	const __u64 *words = (const __u64 *)(block->map + block->written);
	size_t i, last = storm.page / sizeof(*words) - 1;

	for (i = 0; i < last && !words[i]; i++)
		;
	return storm_complain("block %u is not zero: page %zu of %zu, word %zu %#llx, tag %#llx",
			      block->info.shared_memory_handle,
			      block->written / storm.page,
			      block->mapped / storm.page, i, words[i],
			      block->tag);
}

/* Each page of a mapped block: as it was left, or fresh, and then written. */
static int look_at(void *context)
{
	struct storm_block *block = context;
	unsigned char *page;
	size_t at;

	for (at = 0; at < block->mapped; at += storm.page) {
		page = block->map + at;
		if (block->driven) {
			__atomic_load_n(page, __ATOMIC_RELAXED);
			continue;
		}
		if (at < block->written) {
			if (!has_tag(page, block->tag + at))
				return NOT_OURS;
			continue;
		}
		if (!is_zero(page))
			return NOT_ZERO;
		put_tag(page, block->tag + at);
		block->written = at + storm.page;
	}
	return FINE;
}

bool storm_do_touch(struct storm_client *client)
{
	struct storm_block *block = storm_some_block(client, is_mapped);
	bool gone;

	if (!block)
		return true;
	gone = is_gone(block);
	/* The parent may be writing to inherited memory for the first time. */
	if (client->child && !block->handle && block->written < block->mapped)
		return true;
	switch (storm_guarded(look_at, block)) {
	case STORM_GONE:
		return gone || block->fickle ||
		       storm_complain("SIGBUS in a block that nobody revoked");
	case NOT_OURS:
		return storm_complain("block %u has lost what was written",
				      block->info.shared_memory_handle);
	case NOT_ZERO:
		return complain_of_page(block);
	default:
		return !gone ||
		       storm_complain("a revoked block can still be accessed");
	}
}

static bool unmap(struct storm_block *block, size_t from, size_t length)
{
	return !munmap(block->map + from, length) ||
	       storm_complain("munmap: %s", strerror(errno));
}

/*
 * Unmap the whole block or its end; or first one page, and then the memory around it, but
 * not that page again: another thread may have mapped memory there by then.
 */
bool storm_do_unmap(struct storm_client *client)
{
	struct storm_block *block = storm_some_block(client, is_mapped);
	size_t cut, end;
	bool fine;

	if (!block)
		return true;
	cut = storm_below(&client->random, block->mapped / storm.page) *
	      storm.page;
	switch (cut ? storm_below(&client->random, 3) : 0) {
	case 1:
		fine = unmap(block, cut, block->mapped - cut);
		block->mapped = cut;
		return fine;
	case 2:
		end = cut + storm.page;
		fine = unmap(block, cut, storm.page) && unmap(block, 0, cut) &&
		       (end == block->mapped ||
			unmap(block, end, block->mapped - end));
		break;
	default:
		fine = unmap(block, 0, block->mapped);
	}
	block->map = NULL;
	storm_drop_block(client, block);
	return fine;
}

/* One area becomes three, which are not joined again. */
bool storm_do_split(struct storm_client *client)
{
	struct storm_block *block = storm_some_block(client, has_pages);
	unsigned char *page;

	if (!block)
		return true;
	page = block->map + storm_below(&client->random,
					block->mapped / storm.page) * storm.page;
	block->split = true;
	if (mprotect(page, storm.page, PROT_READ) ||
	    mprotect(page, storm.page, PROT_READ | PROT_WRITE))
		return storm_complain("mprotect: %s", strerror(errno));
	if (!mprotect(page, storm.page, PROT_READ | PROT_EXEC))
		return storm_complain("a block can be executed");
	return true;
}

/* It moves, and cannot grow. */
bool storm_do_remap(struct storm_client *client)
{
	struct storm_block *block = storm_some_block(client, can_move);
	void *place, *map;

	if (!block)
		return true;
	if (storm_chance(&client->random, 20)) {
		map = mremap(block->map, block->mapped,
			     block->mapped + storm.page, MREMAP_MAYMOVE);
		return map == MAP_FAILED ||
		       storm_complain("a mapping has grown");
	}
	place = mmap(NULL, block->mapped, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (place == MAP_FAILED)
		return storm_complain("mmap: %s", strerror(errno));
	map = mremap(block->map, block->mapped, block->mapped,
		     MREMAP_MAYMOVE | MREMAP_FIXED, place);
	if (map == MAP_FAILED)
		return storm_complain("mremap: %s", strerror(errno));
	block->map = map;
	return true;
}

/*
 * Calls of other parts of the kernel with mapped memory
 */

/* A part of @block, which may be an area of memory of its own from now on. */
static struct storm_range some_part(struct storm_client *client,
				    struct storm_block *block)
{
	block->split |= block->mapped > storm.page;
	return storm_some_range(&client->random, block->map, block->mapped);
}

bool storm_do_pin(struct storm_client *client)
{
	struct storm_block *block = storm_some_block(client, is_mapped);
	struct storm_range range;
	__u64 tag = 0;

	if (!block)
		return true;
	range = storm_some_range(&client->random, block->map, block->mapped);
	/* A device may write to it, or its provider after the end of the block. */
	if (!block->claimed && !block->driven && !block->provider)
		tag = block->tag + (range.at - block->map);
	return storm_pin(&client->memory, &client->random, range, tag);
}

bool storm_do_unpin(struct storm_client *client)
{
	return storm_unpin(&client->memory, &client->random);
}

bool storm_do_advise(struct storm_client *client)
{
	struct storm_block *block = storm_some_block(client, is_mapped);

	if (!block)
		return true;
	if (!storm_chance(&client->random, 10))
		return storm_advise(&client->random, some_part(client, block));
	/* This cannot be taken back. */
	block->unforked = true;
	return !madvise(block->map, block->mapped, MADV_DONTFORK) ||
	       storm_complain("MADV_DONTFORK: %s", strerror(errno));
}

bool storm_do_lock(struct storm_client *client)
{
	struct storm_block *block = storm_some_block(client, is_mapped);

	return !block || storm_lock(&client->random, some_part(client, block));
}

bool storm_do_watch(struct storm_client *client)
{
	struct storm_block *block = storm_some_block(client, is_mapped);

	return !block || storm_watch(&client->memory, &client->random,
				     some_part(client, block));
}

void storm_forget_unforked(struct storm_client *client)
{
	unsigned int i;

	for (i = 0; i < client->count; i++)
		if (client->blocks[i].unforked)
			client->blocks[i].map = NULL;
}

void storm_unmap_all(struct storm_client *client)
{
	unsigned int i;

	for (i = client->count; i--;) {
		struct storm_block *block = &client->blocks[i];

		if (block->map)
			munmap(block->map, block->mapped);
		block->map = NULL;
		storm_drop_block(client, block);
	}
}
