// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Cache of freed blocks of a context; see ndshm_set_cache().
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

#define BIN_BITS	6
#define BINS		(1U << BIN_BITS)

/* Maximum number of blocks of a bin that an allocation compares with its request. */
#define LOOKS		8

#define INLINE		inline __attribute__((always_inline))

/* A pthread mutex takes six times the instructions. */
enum { LOCK_FOREIGN, LOCK_FREE, LOCK_HELD, LOCK_CONTENDED };

/**
 * struct ndshm_block_cache - cache of a context
 * @lock: protects the members below; in a page that is wiped in a child of fork(): LOCK_FOREIGN
 * @limit: maximum of @bytes; also read without @lock
 * @bytes: consumed by the blocks
 * @given: number of blocks that were given back; also read without @lock
 * @forks: ndshm__forks since which blocks are kept: children map those that were freed before
 * @hand: bin that a block is given back from next
 * @bins: lists by request, the block freed last first; requests in one can differ
 */
struct ndshm_block_cache {
	atomic_uint *lock;
	_Atomic uint64_t limit;
	uint64_t bytes;
	atomic_uint given;
	unsigned int forks;
	unsigned int hand;
	struct ndshm_block *bins[BINS];
};

static __attribute__((noinline)) bool cache_lock_contended(atomic_uint *lock)
{
	if (*lock == LOCK_FOREIGN)
		return false;
	while (atomic_exchange_explicit(lock, LOCK_CONTENDED, memory_order_acquire) != LOCK_FREE)
		syscall(SYS_futex, lock, FUTEX_WAIT_PRIVATE, LOCK_CONTENDED, NULL, NULL, 0);
	return true;
}

/* Return: false in a child of fork(), which has no cache. */
static INLINE bool cache_lock(struct ndshm_block_cache *cache)
{
	unsigned int seen = LOCK_FREE;

	return atomic_compare_exchange_strong_explicit(cache->lock, &seen, LOCK_HELD,
						       memory_order_acquire,
						       memory_order_relaxed) ||
	       cache_lock_contended(cache->lock);
}

static __attribute__((noinline)) void cache_wake(atomic_uint *lock)
{
	syscall(SYS_futex, lock, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static INLINE void cache_unlock(struct ndshm_block_cache *cache)
{
	atomic_uint *lock = cache->lock;

	if (atomic_exchange_explicit(lock, LOCK_FREE, memory_order_release) == LOCK_CONTENDED)
		cache_wake(lock);
}

static INLINE struct ndshm_block **cache_bin(struct ndshm_block_cache *cache,
					     const struct ndshm_request *request)
{
	uint64_t of[4];

	_Static_assert(sizeof(*request) == sizeof(of), "all members select the bin");
	memcpy(of, request, sizeof(of));
	return &cache->bins[(of[0] + 3 * of[1] + 5 * of[2] + 9 * of[3]) * 0x9e3779b97f4a7c15 >>
			    (64 - BIN_BITS)];
}

/* Called with the lock held. */
static INLINE struct ndshm_block *cache_remove(struct ndshm_block_cache *cache,
					       struct ndshm_block **at)
{
	struct ndshm_block *block = *at;

	*at = block->next;
	cache->bytes -= block->info.consumed;
	return block;
}

/* As memcmp(), which would be a call. A request has no holes. */
static INLINE bool request_equal(const struct ndshm_request *a, const struct ndshm_request *b)
{
	const char *left = (const char *)a, *right = (const char *)b;

	_Static_assert(sizeof(*a) == 2 * 16, "all members are compared");
	return !memcmp(left, right, 16) && !memcmp(left + 16, right + 16, 16);
}

static void cache_give(struct ndshm_block_cache *cache, uint64_t target);

/* After a fork(): a child still has the blocks that are kept. */
static __attribute__((noinline)) void cache_begin_again(struct ndshm_block_cache *cache)
{
	const unsigned int forks = ndshm__forks;

	cache_give(cache, 0);
	if (!cache_lock(cache))
		return;
	cache->forks = forks;
	cache_unlock(cache);
}

/* Return: NULL if there is no block for @request. */
static INLINE struct ndshm_block *cache_take(struct ndshm_block_cache *cache,
					     const struct ndshm_request *request)
{
	struct ndshm_block **at = cache_bin(cache, request), *block = NULL;
	unsigned int looks = LOOKS;

	if (!cache_lock(cache))
		return NULL;
	if (cache->forks != ndshm__forks) {
		cache_unlock(cache);
		cache_begin_again(cache);
		return NULL;
	}
	for (; *at && looks; at = &(*at)->next, looks--)
		if (request_equal(&(*at)->request, request)) {
			block = cache_remove(cache, at);
			break;
		}
	cache_unlock(cache);
	if (!block)
		return NULL;
	if (request->flags & NDSHM_ALLOC_ZERO)
		memset(block->memory, 0, block->info.length);
	return block;
}

static INLINE bool cache_may_keep(const struct ndshm_block *block)
{
	return block->reusable && block->memory && block->forks == ndshm__forks;
}

/* Return: false if the block is not kept. */
static INLINE bool cache_put(struct ndshm_block *block)
{
	struct ndshm_block_cache *cache = block->ndshm->block_cache;
	bool kept;

	if (!cache_may_keep(block))
		return false;
	/* First: another thread can take the block. */
	ndshm__set_last(block->ndshm, NDSHM_REASON_NONE, NDSHM_STATUS_SUCCESS);
	if (!cache_lock(cache))
		return false;
	kept = cache->bytes + block->info.consumed <= cache->limit;
	if (kept) {
		block->next = *block->bin;
		*block->bin = block;
		cache->bytes += block->info.consumed;
	}
	cache_unlock(cache);
	return kept;
}

/* The calls that need no system call are here, where the cache is inlined. */

NDSHM_API int ndshm_alloc(struct ndshm *ndshm, const struct ndshm_request *request,
			  struct ndshm_block **out)
{
	struct ndshm_block_cache *cache = ndshm->block_cache;

	*out = cache ? cache_take(cache, request) : NULL;
	if (!*out)
		return ndshm__block_alloc(ndshm, request, out);
	ndshm__set_last(ndshm, NDSHM_REASON_NONE, NDSHM_STATUS_SUCCESS);
	return 0;
}

/* Give others back for a block that does not fit beside them: the program uses it now. */
static __attribute__((noinline)) bool cache_put_instead(struct ndshm_block *block)
{
	struct ndshm_block_cache *cache = block->ndshm->block_cache;

	if (!cache_may_keep(block) || block->info.consumed > cache->limit)
		return false;
	cache_give(cache, cache->limit - block->info.consumed);
	return cache_put(block);
}

NDSHM_API void ndshm_free(struct ndshm_block *block)
{
	if (block && !cache_put(block) && !cache_put_instead(block))
		ndshm__block_free(block);
}

bool ndshm__block_cache_put(struct ndshm_block *block)
{
	return cache_put(block);
}

bool ndshm__block_cache_take(struct ndshm *ndshm, const struct ndshm_request *request,
			     struct ndshm_block **blocks, size_t count)
{
	struct ndshm_block_cache *cache = ndshm->block_cache;
	size_t taken = 0;

	while (cache && taken < count && (blocks[taken] = cache_take(cache, request)))
		taken++;
	if (taken == count)
		return true;
	while (taken--) {
		ndshm_free(blocks[taken]);
		blocks[taken] = NULL;
	}
	return false;
}

void ndshm__block_cache_new(struct ndshm_block *block, const struct ndshm_request *request)
{
	struct ndshm_block_cache *cache = block->ndshm->block_cache;

	if (!cache || !(block->info.flags & NDSHM_BLOCK_REUSABLE))
		return;
	block->request = *request;
	block->bin = cache_bin(cache, request);
	block->forks = ndshm__forks;
	block->reusable = true;
}

/*
 * Free blocks of the bins in turn until the others consume @target bytes at most. The lock is held
 * meanwhile: other threads that need memory wait for it.
 */
static void cache_give(struct ndshm_block_cache *cache, uint64_t target)
{
	unsigned int empty = 0;

	if (!cache_lock(cache))
		return;
	while (cache->bytes > target && empty < BINS) {
		struct ndshm_block **bin = &cache->bins[cache->hand++ % BINS];

		empty = *bin ? 0 : empty + 1;
		if (*bin) {
			ndshm__block_free(cache_remove(cache, bin));
			cache->given++;
		}
	}
	cache_unlock(cache);
}

void ndshm__block_cache_make_room(struct ndshm *ndshm, uint64_t bytes)
{
	struct ndshm_block_cache *cache = ndshm->block_cache;

	if (cache && bytes <= cache->limit)
		cache_give(cache, cache->limit - bytes);
}

unsigned int ndshm__block_cache_given(const struct ndshm *ndshm)
{
	const struct ndshm_block_cache *cache = ndshm->block_cache;

	return cache ? cache->given : 0;
}

bool ndshm__block_cache_refused(struct ndshm *ndshm, int error, unsigned int *given)
{
	struct ndshm_block_cache *cache = ndshm->block_cache;
	const unsigned int before = *given;

	if (!cache || (error != -ENOMEM && error != -EDQUOT))
		return false;
	cache_give(cache, 0);
	*given = cache->given;
	return *given != before;
}

void ndshm__block_cache_free(struct ndshm_block_cache *cache)
{
	if (cache && cache->lock)
		ndshm__wiped_free(cache->lock);
	free(cache);
}

/* The first of several threads decides. */
static int cache_open(struct ndshm *ndshm)
{
	struct ndshm_block_cache *cache, *none = NULL;

	if (ndshm->block_cache)
		return 0;
	cache = calloc(1, sizeof(*cache));
	if (cache)
		cache->lock = ndshm__wiped_page();
	if (!cache || !cache->lock) {
		ndshm__block_cache_free(cache);
		return -ENOMEM;
	}
	*cache->lock = LOCK_FREE;
	cache->forks = ndshm__forks;
	if (!atomic_compare_exchange_strong(&ndshm->block_cache, &none, cache))
		ndshm__block_cache_free(cache);
	return 0;
}

NDSHM_API int ndshm_set_cache(struct ndshm *ndshm, uint64_t bytes)
{
	int error = ndshm->closed ? -EBADF : 0;

	if (!error && bytes)
		error = cache_open(ndshm);
	if (!error && ndshm->block_cache) {
		ndshm->block_cache->limit = bytes;
		cache_give(ndshm->block_cache, bytes);
	}
	return ndshm__done(ndshm, error);
}

NDSHM_API void ndshm_trim(struct ndshm *ndshm)
{
	if (ndshm->block_cache)
		cache_give(ndshm->block_cache, 0);
	ndshm__done(ndshm, 0);
}
