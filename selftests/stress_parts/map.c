// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks are mapped, read, moved and unmapped. Memory is zero at its first mapping,
 * and keeps its contents independent of other blocks.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "client.h"

static bool can_be_mapped(const struct stress_block *block)
{
	return block->handle && !block->map &&
	       block->info.flags & NDSHM_BLOCK_MAPPABLE;
}

static bool is_mapped(const struct stress_block *block)
{
	return block->map;
}

static bool has_pages(const struct stress_block *block)
{
	return block->map && block->mapped > stress.page;
}

/* Older kernels move one area of memory at a time. */
static bool can_move(const struct stress_block *block)
{
	return block->map && !block->split;
}

/*
 * Return: true if the revocation of @block is complete. Numbers of adapters and
 * providers only grow; the board has those for which the kernel reported the end.
 */
static bool is_gone(const struct stress_block *block)
{
	return block->gone ||
	       (block->adapter &&
		block->adapter <= stress_read(&stress.board->gone_adapter)) ||
	       (block->provider &&
		block->provider <= stress_read(&stress.board->gone_provider));
}

/* Did a mmap of @block fail as it may? */
static bool may_fail(const struct stress_block *block, int error)
{
	return error == ENODEV && (block->fickle || block->gone);
}

bool stress_do_map(struct stress_client *client)
{
	struct stress_block *block = stress_some_block(client, can_be_mapped);
	size_t length;
	bool gone;
	void *map;
	int flags;

	if (!block)
		return true;
	gone = is_gone(block);
	length = block->info.length;
	if (stress_chance(&client->random, 20))
		length = (1 + stress_below(&client->random,
					   length / stress.page)) * stress.page;
	flags = stress_chance(&client->random, 20) ? MAP_POPULATE : 0;
	map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | flags,
		   client->fd, block->info.mmap_offset);
	if (map == MAP_FAILED)
		return may_fail(block, errno) ||
		       stress_error("mmap: %s", strerror(errno));
	block->map = map;
	block->mapped = length;
	block->split = false;
	block->unforked = false;
	return !gone || stress_error("a revoked block can be mapped");
}

/* The mark at both ends of a page. */
static bool has_tag(const unsigned char *page, __u64 tag)
{
	const __u64 *words = (const __u64 *)page;
	const size_t last = stress.page / sizeof(*words) - 1;

	return __atomic_load_n(&words[0], __ATOMIC_RELAXED) == tag &&
	       __atomic_load_n(&words[last], __ATOMIC_RELAXED) == tag;
}

static void put_tag(unsigned char *page, __u64 tag)
{
	__u64 *words = (__u64 *)page;
	const size_t last = stress.page / sizeof(*words) - 1;

	__atomic_store_n(&words[0], tag, __ATOMIC_RELAXED);
	__atomic_store_n(&words[last], tag, __ATOMIC_RELAXED);
}

static bool is_zero(const unsigned char *page)
{
	const __u64 *words = (const __u64 *)page;
	size_t i;

	for (i = 0; i < stress.page / sizeof(*words); i++)
		if (__atomic_load_n(&words[i], __ATOMIC_RELAXED))
			return false;
	return true;
}

enum { FINE, NOT_OURS, NOT_ZERO };

/* Report contents instead of zero, with their possible previous owner. */
static bool page_error(const struct stress_block *block)
{
	const __u64 *words = (const __u64 *)(block->map + block->written);
	size_t i, last = stress.page / sizeof(*words) - 1;

	for (i = 0; i < last && !words[i]; i++)
		;
	return stress_error("block %u is not zero: page %zu of %zu, word %zu %#llx, tag %#llx",
			    block->info.shared_memory_handle,
			    block->written / stress.page,
			    block->mapped / stress.page, i, words[i],
			    block->tag);
}

/* Each page of a mapped block: as it was left, or fresh, and then written. */
static int look_at(void *context)
{
	struct stress_block *block = context;
	unsigned char *page;
	size_t at;

	for (at = 0; at < block->mapped; at += stress.page) {
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
		block->written = at + stress.page;
	}
	return FINE;
}

bool stress_do_touch(struct stress_client *client)
{
	struct stress_block *block = stress_some_block(client, is_mapped);
	bool gone;

	if (!block)
		return true;
	gone = is_gone(block);
	/* The parent may be writing to inherited memory for the first time. */
	if (client->child && !block->handle && block->written < block->mapped)
		return true;
	switch (stress_guarded(look_at, block)) {
	case STRESS_GONE:
		return gone || block->fickle ||
		       stress_error("SIGBUS in a block that nobody revoked");
	case NOT_OURS:
		return stress_error("block %u has lost what was written",
				    block->info.shared_memory_handle);
	case NOT_ZERO:
		return page_error(block);
	default:
		return !gone ||
		       stress_error("a revoked block can still be accessed");
	}
}

static bool unmap(struct stress_block *block, size_t from, size_t length)
{
	return !munmap(block->map + from, length) ||
	       stress_error("munmap: %s", strerror(errno));
}

/*
 * Unmap the whole block or its end; or first one page, and then the memory around it, but
 * not that page again: another thread may have mapped memory there by then.
 */
bool stress_do_unmap(struct stress_client *client)
{
	struct stress_block *block = stress_some_block(client, is_mapped);
	size_t cut, end;
	bool fine;

	if (!block)
		return true;
	cut = stress_below(&client->random, block->mapped / stress.page) *
	      stress.page;
	switch (cut ? stress_below(&client->random, 3) : 0) {
	case 1:
		fine = unmap(block, cut, block->mapped - cut);
		block->mapped = cut;
		return fine;
	case 2:
		end = cut + stress.page;
		fine = unmap(block, cut, stress.page) && unmap(block, 0, cut) &&
		       (end == block->mapped ||
			unmap(block, end, block->mapped - end));
		break;
	default:
		fine = unmap(block, 0, block->mapped);
	}
	block->map = NULL;
	stress_drop_block(client, block);
	return fine;
}

/* One area becomes three, which are not joined again. */
bool stress_do_split(struct stress_client *client)
{
	struct stress_block *block = stress_some_block(client, has_pages);
	unsigned char *page;

	if (!block)
		return true;
	page = block->map + stress_below(&client->random,
					 block->mapped / stress.page) * stress.page;
	block->split = true;
	if (mprotect(page, stress.page, PROT_READ) ||
	    mprotect(page, stress.page, PROT_READ | PROT_WRITE))
		return stress_error("mprotect: %s", strerror(errno));
	if (!mprotect(page, stress.page, PROT_READ | PROT_EXEC))
		return stress_error("a block can be executed");
	return true;
}

/* It moves, and cannot grow. */
bool stress_do_remap(struct stress_client *client)
{
	struct stress_block *block = stress_some_block(client, can_move);
	void *place, *map;

	if (!block)
		return true;
	if (stress_chance(&client->random, 20)) {
		map = mremap(block->map, block->mapped,
			     block->mapped + stress.page, MREMAP_MAYMOVE);
		return map == MAP_FAILED ||
		       stress_error("a mapping has grown");
	}
	place = mmap(NULL, block->mapped, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (place == MAP_FAILED)
		return stress_error("mmap: %s", strerror(errno));
	map = mremap(block->map, block->mapped, block->mapped,
		     MREMAP_MAYMOVE | MREMAP_FIXED, place);
	if (map == MAP_FAILED)
		return stress_error("mremap: %s", strerror(errno));
	block->map = map;
	return true;
}

/*
 * Calls of other parts of the kernel with mapped memory
 */

/* A part of @block, which may be an area of memory of its own from now on. */
static struct stress_range some_part(struct stress_client *client,
				     struct stress_block *block)
{
	block->split |= block->mapped > stress.page;
	return stress_some_range(&client->random, block->map, block->mapped);
}

bool stress_do_pin(struct stress_client *client)
{
	struct stress_block *block = stress_some_block(client, is_mapped);
	struct stress_range range;
	__u64 tag = 0;

	if (!block)
		return true;
	range = stress_some_range(&client->random, block->map, block->mapped);
	/* A device may write to it, or its provider after the end of the block. */
	if (!block->claimed && !block->driven && !block->provider)
		tag = block->tag + (range.at - block->map);
	return stress_pin(&client->memory, &client->random, range, tag);
}

bool stress_do_unpin(struct stress_client *client)
{
	return stress_unpin(&client->memory, &client->random);
}

bool stress_do_advise(struct stress_client *client)
{
	struct stress_block *block = stress_some_block(client, is_mapped);

	if (!block)
		return true;
	if (!stress_chance(&client->random, 10))
		return stress_advise(&client->random, some_part(client, block));
	/* This cannot be taken back. */
	block->unforked = true;
	return !madvise(block->map, block->mapped, MADV_DONTFORK) ||
	       stress_error("MADV_DONTFORK: %s", strerror(errno));
}

bool stress_do_lock(struct stress_client *client)
{
	struct stress_block *block = stress_some_block(client, is_mapped);

	return !block || stress_lock(&client->random, some_part(client, block));
}

bool stress_do_watch(struct stress_client *client)
{
	struct stress_block *block = stress_some_block(client, is_mapped);

	return !block || stress_watch(&client->memory, &client->random,
				      some_part(client, block));
}

void stress_forget_unforked(struct stress_client *client)
{
	unsigned int i;

	for (i = 0; i < client->count; i++)
		if (client->blocks[i].unforked)
			client->blocks[i].map = NULL;
}

void stress_unmap_all(struct stress_client *client)
{
	unsigned int i;

	for (i = client->count; i--;) {
		struct stress_block *block = &client->blocks[i];

		if (block->map)
			munmap(block->map, block->mapped);
		block->map = NULL;
		stress_drop_block(client, block);
	}
}
