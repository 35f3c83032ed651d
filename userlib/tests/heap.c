// SPDX-License-Identifier: GPL-2.0
/*
 * The heap in a single thread.
 */
#include <limits.h>

#include "fake_section.h"
#include "test.h"
#include "wrap.h"

#define SECTION	(64ul << 20)

static struct fake_section section;
static struct ndshm_heap *heap;

/* Return: @bytes, rounded up to whole pages: those of wrap_set_page(). */
static size_t whole(size_t bytes)
{
	const size_t page = sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

static bool open_heap(uint64_t size)
{
	return CHECK(!fake_section_open(&section, size)) &&
	       CHECK(!ndshm__heap_open(section.base, size, &fake_source, &section, &heap));
}

/* Without live blocks: all memory must be given back. */
static void close_heap(void)
{
	struct ndshm_heap_stats stats;

	ndshm__heap_trim(heap);
	ndshm__heap_stats(heap, &stats);
	CHECK(!stats.live_blocks && !stats.live_bytes && !stats.cached_blocks &&
	      !stats.cached_bytes && !stats.extents && !stats.held_bytes);
	CHECK(!fake_section_extents(&section, 0));
	ndshm__heap_close(heap);
	fake_section_close(&section);
}

#define HEAP_TEST(name)	TEST_WITHIN(name, open_heap(SECTION), close_heap())

static pthread_key_t keys[PTHREAD_KEYS_MAX];

/* Initialisation of the process: the first call retries it until it succeeds. */
TEST(the_set_up_can_fail)
{
	struct ndshm_heap *none = (void *)1;
	unsigned int count = 0;

	REQUIRE(!fake_section_open(&section, SECTION));
	while (count < PTHREAD_KEYS_MAX && !pthread_key_create(&keys[count], NULL))
		count++;
	CHECK(ndshm__heap_open(section.base, SECTION, &fake_source, &section, &none) == -EAGAIN);
	CHECK(!none);
	while (count)
		pthread_key_delete(keys[--count]);
	for (unsigned int i = 0; i < 2; i++) {
		wrap_fail_nth(1);
		none = (void *)1;
		CHECK(ndshm__heap_open(section.base, SECTION, &fake_source, &section, &none) ==
		      -ENOMEM);
		CHECK(!none && wrap_has_failed());
		wrap_fail_nth(0);
	}
	fake_section_close(&section);
	REQUIRE(open_heap(SECTION));
	close_heap();
}

static char *get(size_t size)
{
	int error = 1;
	char *pointer = ndshm__heap_alloc(heap, size, &error);

	/* @error is only written on a failure. */
	CHECK(!pointer == (error < 0));
	return pointer;
}

static bool is_inside(const char *pointer, size_t size)
{
	return pointer >= section.base && pointer + size <= section.base + section.size;
}

#define CHECK_NO_MEMORY(call, wanted) do { \
	int error = 0; \
	CHECK(!(call) && error == -(wanted)); \
} while (0)

HEAP_TEST(opening_refuses_bad_values)
{
	struct ndshm_heap *other;
	const struct {
		char *base;
		uint64_t size;
	} rows[] = {
		{ NULL, SECTION }, { section.base + 4096, 8192 }, { section.base, 0 },
		{ section.base, 4097 }, { section.base, whole(1) / 2 },
		{ section.base, UINT64_MAX & ~4095ul },
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		other = (void *)1;
		CHECK(ndshm__heap_open(rows[i].base, rows[i].size, &fake_source, &section,
				       &other) == -EINVAL);
		CHECK(!other);
	}
	ndshm__heap_close(NULL);
}

/* No size wastes more than its step, and all are aligned. */
HEAP_TEST(every_size)
{
	size_t size, usable;
	char *pointer;

	for (size = 1; size <= 70000; size += size < 2200 ? 1 : 61) {
		pointer = get(size);
		REQUIRE(pointer && is_inside(pointer, size) && (uintptr_t)pointer % 16 == 0);
		usable = ndshm__heap_usable_size(heap, pointer);
		CHECK(usable >= size);
		if (size <= 256)
			CHECK(usable < size + 16);
		else if (size <= 4096)
			CHECK(usable - size <= size / 8);
		else if (size <= 65536)
			CHECK(usable < size + 1024);
		else
			CHECK(usable < size + 4096);
		memset(pointer, 1, usable);
		CHECK(!ndshm__heap_free(heap, pointer));
	}
}

HEAP_TEST(large_blocks_are_extents)
{
	char *pointer;

	pointer = get(5000000);
	REQUIRE(pointer);
	CHECK(ndshm__heap_usable_size(heap, pointer) == whole(5000000));
	CHECK(fake_section_extents(&section, 0) == 1);
	CHECK((pointer - section.base) % whole(1) == 0);
	CHECK(!ndshm__heap_free(heap, pointer));
	CHECK(!fake_section_extents(&section, 0));
	CHECK_NO_MEMORY(ndshm__heap_alloc(heap, SECTION + 1, &error), ENOMEM);
	CHECK_NO_MEMORY(ndshm__heap_alloc(heap, SIZE_MAX, &error), ENOMEM);
	CHECK_NO_MEMORY(ndshm__heap_alloc(heap, 0, &error), EINVAL);
	CHECK(!ndshm__heap_free(heap, NULL));
	/* A single block may use all of the section. */
	pointer = get(SECTION);
	CHECK(pointer == section.base);
	CHECK_NO_MEMORY(ndshm__heap_alloc(heap, 1, &error), ENOSPC);
	CHECK_NO_MEMORY(ndshm__heap_alloc(heap, 100000, &error), ENOSPC);
	CHECK_NO_MEMORY(ndshm__heap_alloc(heap, 1000000, &error), ENOSPC);
	CHECK(!ndshm__heap_free(heap, pointer));
}

static void fail_each(void)
{
	section.fail_nth = 1;
	section.fail_with = -ENOSPC;
}

/* A request that nothing can fulfil, or that need not be, takes no memory from the caches. */
HEAP_TEST(caches_are_emptied_in_need_only)
{
	static char *blocks[1000];
	struct ndshm_heap_stats stats, after;
	char *pointer;
	int ret = 0;

	for (int i = 0; i < 1000; i++)
		REQUIRE((blocks[i] = get(64)));
	for (int i = 0; i < 1000; i++)
		CHECK(!ndshm__heap_free(heap, blocks[i]));
	ndshm__heap_stats(heap, &stats);
	CHECK(stats.cached_blocks);
	for (size_t size = SECTION + 1; size > SECTION; size *= 2)
		CHECK_NO_MEMORY(ndshm__heap_alloc(heap, size, &error), ENOMEM);
	ndshm__heap_stats(heap, &after);
	CHECK(!memcmp(&stats, &after, sizeof(stats)));

	/* A shrunk block stays where it is. */
	pointer = get(300000);
	REQUIRE(pointer);
	section.during = fail_each;
	CHECK(ndshm__heap_realloc(heap, pointer, 140000, &ret) == pointer);
	section.during = NULL;
	/* Room to grow further is optional. */
	section.fail_nth = 1;
	section.failed = false;
	pointer = ndshm__heap_realloc(heap, pointer, whole(300000) + 1, &ret);
	CHECK(pointer && section.failed &&
	      ndshm__heap_usable_size(heap, pointer) == whole(whole(300000) + 1));
	ndshm__heap_stats(heap, &after);
	CHECK(after.cached_blocks >= stats.cached_blocks);
	CHECK(!ndshm__heap_free(heap, pointer));
}

/* Allocate and free a block that no thread caches. Returns the number of calls of the source. */
static unsigned long calls_of_pairs(size_t size, unsigned int pairs)
{
	unsigned long before = fake_section_calls(&section);

	while (pairs--) {
		char *pointer = get(size);

		CHECK(pointer && !ndshm__heap_free(heap, pointer));
	}
	return fake_section_calls(&section) - before;
}

/* An extent for one block is not freed each time, with no other memory in use or much. */
HEAP_TEST(an_empty_extent_is_kept_for_a_while)
{
	static char *blocks[500], *fill[100];
	unsigned int extents, filled = 0;

	CHECK(calls_of_pairs(100000, 1600) <= 2 * 100);
	for (int i = 0; i < 500; i++)
		REQUIRE((blocks[i] = get(68 << 10)));
	for (int i = 0; i < 500; i += 2)
		CHECK(!ndshm__heap_free(heap, blocks[i]));
	/* More is free than a heap of this size keeps, but in too short runs. */
	extents = fake_section_extents(&section, 0);
	do {
		REQUIRE(filled < 100 && (fill[filled] = get(200000)));
		filled++;
	} while (fake_section_extents(&section, 0) == extents);
	CHECK(!ndshm__heap_free(heap, fill[--filled]));
	CHECK(calls_of_pairs(200000, 1600) <= 2 * 100 + 2);
	while (filled)
		CHECK(!ndshm__heap_free(heap, fill[--filled]));
	for (int i = 1; i < 500; i += 2)
		CHECK(!ndshm__heap_free(heap, blocks[i]));
}

static unsigned int used_beside;

/* Called by the source without the heap's lock: what another thread may do meanwhile. */
static void use_beside(void)
{
	if (used_beside == 1000)
		return;
	used_beside++;
	section.during = NULL;
	CHECK(!ndshm__heap_free(heap, get(100000)));
	section.during = use_beside;
}

/* A trim ends although another thread empties another extent for each that it frees. */
HEAP_TEST(a_trim_is_bounded)
{
	CHECK(!ndshm__heap_free(heap, get(100000)));
	used_beside = 0;
	section.during = use_beside;
	ndshm__heap_trim(heap);
	section.during = NULL;
	CHECK(used_beside && used_beside < 10);
}

/* The last large blocks are kept for the next ones, as far as 1/128 of the section. */
HEAP_TEST(freed_large_blocks_are_kept)
{
	struct ndshm_heap_stats stats;
	unsigned long calls;
	char *pointer, *other;
	int error = 0;

	pointer = get(300000);
	REQUIRE(pointer && !ndshm__heap_free(heap, pointer));
	calls = fake_section_calls(&section);
	for (int i = 0; i < 100; i++) {
		/* The extent can be an eighth larger. */
		pointer = get(300000 - i * 300);
		REQUIRE(pointer && is_inside(pointer, 300000));
		memset(pointer, 0xff, 300000);
		CHECK(!ndshm__heap_free(heap, pointer));
	}
	CHECK(fake_section_calls(&section) == calls);
	ndshm__heap_stats(heap, &stats);
	CHECK(!stats.live_blocks && stats.cached_blocks == 1 &&
	      stats.cached_bytes == whole(300000));
	/* Memory of the heap's own is not zero. */
	pointer = ndshm__heap_calloc(heap, 1, 300000, &error);
	REQUIRE(pointer && fake_section_calls(&section) == calls);
	for (int i = 0; i < 300000; i++)
		REQUIRE(!pointer[i]);
	other = get(280000);
	REQUIRE(other && other != pointer);
	CHECK(!ndshm__heap_free(heap, pointer) && ndshm__heap_free(heap, pointer) == -EINVAL);
	CHECK(ndshm__heap_free(heap, pointer + 4096) == -EINVAL);
	/* Both exceed the limit: the older one goes back. */
	calls = fake_section_extents(&section, 0);
	CHECK(!ndshm__heap_free(heap, other));
	CHECK(fake_section_extents(&section, 0) == calls - 1);
	/* No suitable length, or alignment. */
	pointer = get(2000000);
	CHECK(pointer && pointer != other && !ndshm__heap_free(heap, pointer));
	pointer = ndshm__heap_alloc_aligned(heap, 2 << 20, 270000, &error);
	REQUIRE(pointer);
	CHECK((uintptr_t)pointer % (2 << 20) == 0 && !ndshm__heap_free(heap, pointer));
	/* Memory that is kept is available to all sizes. */
	pointer = get(SECTION);
	CHECK(pointer && !ndshm__heap_free(heap, pointer));
}

HEAP_TEST(alignments)
{
	static const size_t sizes[] = { 1, 16, 17, 100, 300, 1000, 1500, 4096, 5000, 9000, 17000,
					60000, 70000, 200000, 300000, 3000000 };
	void *pointers[sizeof(sizes) / sizeof(sizes[0])];
	unsigned int count = sizeof(sizes) / sizeof(sizes[0]);

	for (size_t alignment = 1; alignment <= NDSHM_HEAP_ALIGN_MAX; alignment *= 2) {
		for (unsigned int i = 0; i < count; i++) {
			int error = 0;

			pointers[i] = ndshm__heap_alloc_aligned(heap, alignment, sizes[i], &error);
			REQUIRE(pointers[i] && !error);
			CHECK((uintptr_t)pointers[i] % alignment == 0);
			CHECK(is_inside(pointers[i], sizes[i]));
			CHECK(ndshm__heap_usable_size(heap, pointers[i]) >= sizes[i]);
		}
		for (unsigned int i = 0; i < count; i++)
			CHECK(!ndshm__heap_free(heap, pointers[i]));
	}
	CHECK_NO_MEMORY(ndshm__heap_alloc_aligned(heap, 0, 16, &error), EINVAL);
	CHECK_NO_MEMORY(ndshm__heap_alloc_aligned(heap, 24, 16, &error), EINVAL);
	CHECK_NO_MEMORY(ndshm__heap_alloc_aligned(heap, 64, 0, &error), EINVAL);
	CHECK_NO_MEMORY(ndshm__heap_alloc_aligned(heap, 4u << 20, 16, &error), EINVAL);
	CHECK_NO_MEMORY(ndshm__heap_alloc_aligned(heap, 4096, SIZE_MAX - 8, &error), ENOMEM);
}

static bool is_filled(const char *pointer, size_t size, char with)
{
	for (size_t i = 0; i < size; i++)
		if (pointer[i] != with)
			return false;
	return true;
}

HEAP_TEST(calloc_is_zero)
{
	static const size_t sizes[] = { 24, 5000, 40000, 100000, 500000 };

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int error = 0;
		char *pointer = get(sizes[i] * 2);

		REQUIRE(pointer);
		memset(pointer, 0xff, sizes[i] * 2);
		CHECK(!ndshm__heap_free(heap, pointer));
		/* Clear the extent: the kernel does it, the fake section does not. */
		if (sizes[i] > 200000)
			memset(pointer, 0, sizes[i] * 2);
		pointer = ndshm__heap_calloc(heap, 2, sizes[i], &error);
		REQUIRE(pointer && !error);
		CHECK(is_filled(pointer, 2 * sizes[i], 0));
		CHECK(!ndshm__heap_free(heap, pointer));
	}
	CHECK_NO_MEMORY(ndshm__heap_calloc(heap, SIZE_MAX / 2, 3, &error), EOVERFLOW);
	CHECK_NO_MEMORY(ndshm__heap_calloc(heap, 0, 3, &error), EINVAL);
	CHECK_NO_MEMORY(ndshm__heap_calloc(heap, SIZE_MAX, 1, &error), ENOMEM);
}

HEAP_TEST(realloc_keeps_contents)
{
	char *pointer, *old;
	int other = 0;

	pointer = ndshm__heap_realloc(heap, NULL, 10, &other);
	REQUIRE(pointer);
	memset(pointer, 'x', 10);
	CHECK(ndshm__heap_realloc(heap, pointer, 16, &other) == pointer);
	for (size_t size = 17; size < 10000000; size = size * 3 / 2) {
		pointer = ndshm__heap_realloc(heap, pointer, size, &other);
		REQUIRE(pointer);
		CHECK(is_filled(pointer, 10, 'x'));
		CHECK(ndshm__heap_usable_size(heap, pointer) >= size);
	}
	old = pointer;
	pointer = ndshm__heap_realloc(heap, old, 20, &other);
	CHECK(pointer != old && is_filled(pointer, 10, 'x'));
	CHECK(!ndshm__heap_usable_size(heap, old));
	CHECK(!other);
	CHECK_NO_MEMORY(ndshm__heap_realloc(heap, pointer, 0, &error), EINVAL);
	CHECK_NO_MEMORY(ndshm__heap_realloc(heap, pointer, SECTION * 2, &error), ENOMEM);
	CHECK_NO_MEMORY(ndshm__heap_realloc(heap, pointer + 16, 100, &error), EINVAL);
	CHECK(is_filled(pointer, 10, 'x'));
	CHECK(!ndshm__heap_free(heap, pointer));
	CHECK_NO_MEMORY(ndshm__heap_realloc(heap, pointer, 100, &error), EINVAL);
}

/* A block that grows in small steps is moved seldom. */
HEAP_TEST(realloc_in_small_steps)
{
	char *pointer = NULL, *old = NULL;
	unsigned int moves = 0;
	int error = 0;

	for (size_t size = 4096; size <= 16 << 20; size += 4096) {
		pointer = ndshm__heap_realloc(heap, old, size, &error);
		REQUIRE(pointer);
		CHECK(size == 4096 || pointer[size - 4097] == (char)((size >> 12) - 1));
		pointer[size - 1] = size >> 12;
		moves += pointer != old;
		old = pointer;
	}
	CHECK(moves < 100);
	CHECK(ndshm__heap_usable_size(heap, pointer) < 21 << 20);
	CHECK(!ndshm__heap_free(heap, pointer));
	/* Without memory for more than it needs it gets that. */
	old = get(30 << 20);
	pointer = get(1 << 20);
	REQUIRE(old && pointer);
	pointer = ndshm__heap_realloc(heap, pointer, 30 << 20, &error);
	CHECK(pointer && ndshm__heap_usable_size(heap, pointer) == 30 << 20);
	CHECK(!ndshm__heap_free(heap, pointer) && !ndshm__heap_free(heap, old));
}

/* A block that has grown stays where it is while its size changes little. */
HEAP_TEST(realloc_of_similar_sizes)
{
	char *pointer;
	int error = 0;

	for (size_t size = 300000; size < 12000000; size *= 3) {
		pointer = get(size / 2);
		REQUIRE(pointer);
		pointer = ndshm__heap_realloc(heap, pointer, size, &error);
		REQUIRE(pointer);
		CHECK(ndshm__heap_realloc(heap, pointer, size, &error) == pointer);
		CHECK(ndshm__heap_realloc(heap, pointer, size - size / 50, &error) == pointer);
		CHECK(ndshm__heap_realloc(heap, pointer, size, &error) == pointer);
		/* Memory that is not needed is not kept. */
		pointer = ndshm__heap_realloc(heap, pointer, size / 8, &error);
		CHECK(pointer && ndshm__heap_usable_size(heap, pointer) < size / 2);
		CHECK(!ndshm__heap_free(heap, pointer));
	}
	CHECK(!error);
}

/* Without memory for a move a shrinking block stays in place. */
HEAP_TEST(realloc_without_memory)
{
	int error = 0;
	char *pointer;

	pointer = get(SECTION);
	REQUIRE(pointer);
	CHECK(ndshm__heap_realloc(heap, pointer, 100, &error) == pointer && !error);
	CHECK(!ndshm__heap_free(heap, pointer));
}

static void is_refused(char *pointer, uint32_t reason)
{
	CHECK(ndshm__heap_free(heap, pointer) == -EINVAL);
	CHECK(ndshm__heap_classify(heap, pointer) == reason);
	CHECK(!ndshm__heap_usable_size(heap, pointer));
}

/*
 * Pointers into a live block, and to one that has been freed: to the cache, to a span or the pool,
 * to a kept extent and to the section.
 */
HEAP_TEST(wrong_pointers)
{
	static const size_t sizes[] = { 16, 32, 64, 1000, 2048, 8192, 50000, 100000, 250000,
					3000000 };

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *one = get(sizes[i]), *other = get(sizes[i]);
		const size_t inside[] = { 1, 8, 16, sizes[i] / 2, sizes[i] - 1 };

		REQUIRE(one && other && one != other);
		for (unsigned int j = 0; j < sizeof(inside) / sizeof(inside[0]); j++)
			if (inside[j] < sizes[i])
				is_refused(one + inside[j], NDSHM_REASON_POINTER_INTERIOR);
		CHECK(!ndshm__heap_free(heap, other));
		/* The extent of one that is too large is not kept. */
		for (int trimmed = 0; trimmed < 2; trimmed++) {
			is_refused(other, sizes[i] < 1000000 ? NDSHM_REASON_POINTER_FREED :
							       NDSHM_REASON_POINTER_FOREIGN);
			ndshm__heap_trim(heap);
		}
		CHECK(!ndshm__heap_free(heap, one));
		ndshm__heap_trim(heap);
		is_refused(one, NDSHM_REASON_POINTER_FOREIGN);
		is_refused(other, NDSHM_REASON_POINTER_FOREIGN);
	}
}

HEAP_TEST(of_another_owner)
{
	uint64_t theirs;
	char *pointer;
	int here;
	char *const foreign[] = {
		(char *)&here, (char *)1, (char *)UINTPTR_MAX, section.base - 16, section.base,
		section.base + 1, section.base + SECTION - 16, section.base + SECTION,
	};

	for (unsigned int i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		is_refused(foreign[i], NDSHM_REASON_POINTER_FOREIGN);
	pointer = get(64);
	REQUIRE(pointer);
	is_refused(section.base + SECTION - 16, NDSHM_REASON_POINTER_FOREIGN);
	/* An extent of another holder. */
	section.holder = 2;
	CHECK(!fake_source.alloc(&section, 2 * whole(1), whole(1), &theirs));
	section.holder = 1;
	is_refused(section.base + theirs, NDSHM_REASON_POINTER_FOREIGN);
	fake_section_reap(&section, 2);
	CHECK(!ndshm__heap_free(heap, pointer));
}

HEAP_TEST(statistics)
{
	char *small[100], *run, *large;
	struct ndshm_heap_stats stats;

	for (int i = 0; i < 100; i++)
		REQUIRE((small[i] = get(64)));
	run = get(100000);
	large = get(1000000);
	REQUIRE(run && large);
	ndshm__heap_stats(heap, &stats);
	CHECK(stats.live_blocks == 102);
	CHECK(stats.live_bytes == 6400 + 102400 + whole(1000000));
	CHECK(stats.extents == fake_section_extents(&section, 0));
	CHECK(stats.held_bytes >= stats.live_bytes);
	for (int i = 0; i < 60; i++)
		CHECK(!ndshm__heap_free(heap, small[i]));
	ndshm__heap_stats(heap, &stats);
	CHECK(stats.live_blocks == 42 && stats.cached_blocks >= 1);
	CHECK(stats.cached_bytes == 64 * stats.cached_blocks);
	for (int i = 60; i < 100; i++)
		CHECK(!ndshm__heap_free(heap, small[i]));
	CHECK(!ndshm__heap_free(heap, run) && !ndshm__heap_free(heap, large));
}

/* Fill a section with blocks of one size, up to its end. */
static void fill(uint64_t bytes, size_t size, unsigned int least)
{
	static char *pointers[16384];
	unsigned int count[2] = { 0 }, i;

	REQUIRE(open_heap(bytes));
	for (int round = 0; round < 2; round++) {
		int error = 0;
		char *pointer;

		while ((pointer = ndshm__heap_alloc(heap, size, &error))) {
			REQUIRE(count[round] < 16384 && is_inside(pointer, size));
			pointers[count[round]++] = pointer;
			memset(pointer, count[round] % 128, size);
		}
		CHECK(error == -ENOSPC || error == -ENOMEM);
		if (!CHECK(count[round] >= least))
			printf("# %u blocks of %zu bytes in %llu bytes, not %u\n", count[round], size,
			       (unsigned long long)bytes, least);
		for (i = 0; i < count[round]; i++) {
			CHECK(is_filled(pointers[i], size, (i + 1) % 128));
			CHECK(!ndshm__heap_free(heap, pointers[i]));
		}
	}
	CHECK(count[0] == count[1]);
	close_heap();
}

static uint64_t held_bytes(void)
{
	struct ndshm_heap_stats stats;

	ndshm__heap_stats(heap, &stats);
	return stats.held_bytes;
}

/*
 * Three neighbours, the last of a slot and the first two of the next one, are returned at once
 * before others that are freed later, and found again.
 */
HEAP_TEST(neighbours_in_two_slots_are_reused)
{
	static char *blocks[1000];
	const size_t size = 16 << 10, slot = 2 << 20, between = slot / size;
	unsigned int count = 0;
	uint64_t held;

	/* Until all memory of the extents is in blocks. */
	do {
		REQUIRE(count < 1000 && (blocks[count++] = get(size)));
		held = held_bytes();
	} while (count < 2 * between || held > size * count);
	REQUIRE(blocks[between] == section.base + slot);
	for (size_t i = between - 1; i < between + 2; i++)
		CHECK(!ndshm__heap_free(heap, blocks[i]));
	for (size_t i = 0; i < between - 1; i += 10)
		CHECK(!ndshm__heap_free(heap, blocks[i]));
	for (size_t i = between - 1; i < between + 2; i++)
		CHECK((blocks[i] = get(size)));
	for (size_t i = 0; i < between - 1; i += 10)
		CHECK((blocks[i] = get(size)));
	CHECK(held_bytes() == held);
	while (count)
		CHECK(!ndshm__heap_free(heap, blocks[--count]));
}

/* Fill small sections with many sizes: reserves of the sizes are small. */
TEST(small_sections_are_used_well)
{
	for (uint64_t size = 1ul << 20; size < SECTION; size *= 2) {
		static char *blocks[1 << 16];
		size_t bytes = 0, count = 0, next = 1;

		REQUIRE(open_heap(size));
		while ((blocks[count] = get(next))) {
			bytes += next;
			next = 1 + ++count * 100 % 6400;
		}
		CHECK(bytes > size / 10 * 7);
		while (count--)
			CHECK(!ndshm__heap_free(heap, blocks[count]));
		close_heap();
	}
}

TEST(small_sections_fill_up)
{
	const size_t page = whole(1);

	fill(page, 16, page / 16);
	fill(page, 4096, page / 4096);
	fill(3 * page, 4096, 3 * page / 4096);
	fill(4 * page, 64, 4 * page / 64);
	fill(5 * page, 3000, 5 * page / 4096);
	fill(1 << 20, 1000, 950);
	fill(3 << 20, 65536, 46);
	fill(3 << 20, 70000, 40);
	fill(5 << 20, 300000, (5 << 20) / whole(300000));
}

static uint64_t next_random(void)
{
	static uint64_t state = 88172645463325252;

	return test_random(&state);
}

static size_t random_size(void)
{
	unsigned long number = next_random();

	return (number >> 8) % (16ul << number % 14) + 1;
}

/*
 * Random operations: the contents of each block stay until its free, and memory is given back while
 * use falls, not only at the end.
 */
HEAP_TEST(memory_goes_back)
{
	enum { BLOCKS = 12000, MOST = 20000 };
	static struct {
		char *pointer;
		size_t size;
		char with;
	} blocks[BLOCKS];
	struct ndshm_heap_stats high, low;
	unsigned int count = 0;
	unsigned long calls;

	for (int i = 0; i < 105000; i++) {
		unsigned int which = i < 5000 ? 0 : next_random() % count;

		if (i < 5000 || (i % 25 && i % 2 == 0)) {
			which = count++;
			blocks[which].size = random_size() % MOST + 1;
			blocks[which].with = i;
			REQUIRE((blocks[which].pointer = get(blocks[which].size)));
			memset(blocks[which].pointer, i, blocks[which].size);
		} else {
			REQUIRE(is_filled(blocks[which].pointer, blocks[which].size,
					  blocks[which].with));
			CHECK(!ndshm__heap_free(heap, blocks[which].pointer));
			blocks[which] = blocks[--count];
		}
		if (i == 5000)
			ndshm__heap_stats(heap, &high);
	}
	ndshm__heap_stats(heap, &low);
	CHECK(low.live_bytes < high.live_bytes / 2);
	CHECK(low.held_bytes < high.held_bytes * 3 / 4);
	calls = fake_section_calls(&section);
	for (int i = 0; i < 1000; i++)
		CHECK(!ndshm__heap_free(heap, get(64)));
	CHECK(fake_section_calls(&section) == calls);
	while (count)
		CHECK(!ndshm__heap_free(heap, blocks[--count].pointer));
}

/* Each call of the source fails in turn: nothing is lost. */
static void the_source_refuses(int with, bool shrinks)
{
	static const size_t sizes[] = { 16, 100, 700, 3000, 9000, 30000, 60000, 90000, 400000 };
	enum { KINDS = sizeof(sizes) / sizeof(sizes[0]), BLOCKS = 40 * KINDS };
	static char *blocks[BLOCKS];
	unsigned int nth = 0, refused;

	do {
		REQUIRE(open_heap(SECTION));
		section.fail_nth = ++nth;
		section.fail_with = with;
		refused = 0;
		for (int i = 0; i < BLOCKS; i++) {
			int error = 0;

			blocks[i] = ndshm__heap_alloc(heap, sizes[i % KINDS], &error);
			CHECK(!blocks[i] == (error == with));
			refused += !blocks[i];
		}
		/*
		 * A failed call may be retried with a smaller size, unnoticed by the
		 * caller.
		 */
		CHECK(refused <= 1);
		CHECK(shrinks || refused == section.failed);
		for (int i = 0; i < BLOCKS; i++)
			CHECK(!ndshm__heap_free(heap, blocks[i]));
		refused = section.failed;
		section.fail_nth = 0;
		close_heap();
	} while (refused && nth < 1000);
	CHECK(nth > 20);
}

TEST(the_source_is_empty)
{
	the_source_refuses(-ENOSPC, true);
	the_source_refuses(-ENOMEM, true);
}

CALL_TEST(the_source_fails, the_source_refuses(-EIO, false))

HEAP_TEST(the_source_takes_nothing_back)
{
	char *small, *large, *kept;

	kept = get(300000);
	REQUIRE(kept && !ndshm__heap_free(heap, kept));
	section.fail_free = -EINTR;
	ndshm__heap_trim(heap);
	CHECK(fake_section_extents(&section, 0) == 1);
	CHECK(get(300000) == kept && !ndshm__heap_free(heap, kept));
	section.fail_free = 0;
	ndshm__heap_trim(heap);
	CHECK(fake_section_extents(&section, 0) == 0);
	small = get(64);
	large = get(1000000);
	REQUIRE(small && large);
	section.fail_free = -EINTR;
	CHECK(ndshm__heap_free(heap, large) == -EINTR);
	CHECK(ndshm__heap_usable_size(heap, large) == whole(1000000));
	CHECK(!ndshm__heap_free(heap, small));
	ndshm__heap_trim(heap);
	CHECK(fake_section_extents(&section, 0) == 2);
	small = get(64);
	CHECK(small && fake_section_extents(&section, 0) == 2);
	CHECK(!ndshm__heap_free(heap, small));
	ndshm__heap_trim(heap);
	section.fail_free = 0;
	ndshm__heap_trim(heap);
	CHECK(fake_section_extents(&section, 0) == 1);
	CHECK(!ndshm__heap_free(heap, large));
}

/* Offsets outside the section, or of live memory, are detected. */
TEST(the_source_lies)
{
	struct ndshm_heap_stats stats;

	REQUIRE(open_heap(SECTION));
	for (unsigned int i = 0; i < 2; i++) {
		section.lie = i ? SECTION : 512;
		CHECK_NO_MEMORY(ndshm__heap_alloc(heap, 64, &error), EIO);
		CHECK_NO_MEMORY(ndshm__heap_alloc(heap, 1000000, &error), EIO);
	}
	section.lie = 0;
	fake_section_reap(&section, 1);
	CHECK(get(1000000));
	fake_section_reap(&section, 1);
	CHECK_NO_MEMORY(ndshm__heap_alloc(heap, 1000000, &error), EIO);
	fake_section_reap(&section, 1);
	CHECK_NO_MEMORY(ndshm__heap_alloc(heap, 64, &error), EIO);
	ndshm__heap_stats(heap, &stats);
	CHECK(stats.live_blocks == 1 && stats.extents == 1);
	ndshm__heap_close(heap);
	fake_section_close(&section);
}

static struct ndshm_heap *lockable;

/* Called by the source: this thread never returns if it has the heap's lock. */
static void lock_once(void)
{
	struct ndshm_heap_stats stats;

	ndshm__heap_stats(lockable, &stats);
}

/* A thread works without a cache. */
HEAP_TEST(private_memory_is_short)
{
	struct ndshm_heap *other = (void *)1;
	char *pointer, *second, *run;

	for (unsigned int i = 1; i <= 3; i++) {
		wrap_fail_nth(i);
		CHECK(ndshm__heap_open(section.base, SECTION, &fake_source, &section, &other) ==
		      -ENOMEM);
		CHECK(!other && wrap_has_failed());
	}
	/* The cache of a thread is for one heap; only a second one needs more memory. */
	pointer = get(64);
	REQUIRE(!ndshm__heap_open(section.base, SECTION, &fake_source, &section, &other));
	/* If the tables cannot be enabled the extent is freed; the second attempt succeeds. */
	wrap_fail_nth(1);
	lockable = other;
	section.during = lock_once;
	second = ndshm__heap_alloc(other, 1000000, &(int){ 0 });
	section.during = NULL;
	CHECK(second && wrap_has_failed() && fake_section_extents(&section, 0) == 2);
	CHECK(!ndshm__heap_free(other, second));
	/* A run needs no cache. It leaves memory for the others, which need no extent then. */
	run = ndshm__heap_alloc(other, 100000, &(int){ 0 });
	CHECK(run);
	for (size_t size = 64; size < 20000; size *= 100) {
		int error;

		wrap_fail_nth(1);
		second = ndshm__heap_alloc(other, size, &error);
		CHECK(second && wrap_has_failed());
		wrap_fail_nth(1);
		CHECK(!ndshm__heap_free(other, second) && wrap_has_failed());
		wrap_fail_nth(0);
	}
	CHECK(!ndshm__heap_free(other, run));
	ndshm__heap_trim(other);
	ndshm__heap_close(other);
	CHECK(!ndshm__heap_free(heap, pointer));
}

/* Bytes of private memory that can be written, which is what the kernel commits. */
static unsigned long committed(void)
{
	unsigned long kilobytes = 0;
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];

	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "VmData: %lu kB", &kilobytes);
	if (status)
		fclose(status);
	return kilobytes << 10;
}

/* A large section whose memory is hardly used costs little private memory. */
TEST(tables_follow_use)
{
	const uint64_t size = 4ull << 30;
	char *low, *high;
	unsigned long before;
	int error;

	REQUIRE(!fake_section_open(&section, size));
	before = committed();
	REQUIRE(before);
	REQUIRE(!ndshm__heap_open(section.base, size, &fake_source, &section, &heap));
	CHECK(ndshm__heap_free(heap, section.base) == -EINVAL);
	CHECK(ndshm__heap_free(heap, section.base + size - 16) == -EINVAL);
	CHECK(!ndshm__heap_usable_size(heap, section.base + size / 2));
	low = ndshm__heap_alloc(heap, 100, &error);
	CHECK(low && committed() - before < 8 << 20);
	CHECK(ndshm__heap_free(heap, section.base + size - 16) == -EINVAL);

	/* A large block needs an entry at its start only. */
	high = ndshm__heap_alloc(heap, 1 << 30, &error);
	CHECK(high && committed() - before < 8 << 20);
	memset(high, 1, 4096);
	CHECK(ndshm__heap_classify(heap, high + (1 << 29)) == NDSHM_REASON_POINTER_INTERIOR);
	CHECK(ndshm__heap_usable_size(heap, high) == 1 << 30);
	CHECK(!ndshm__heap_free(heap, high));

	/* Blocks at high addresses. */
	high = ndshm__heap_alloc(heap, 3ull << 30, &error);
	CHECK(high);
	for (int i = 0; i < 1000; i++)
		REQUIRE(get(60000));
	CHECK(!ndshm__heap_free(heap, low));
	ndshm__heap_close(heap);
	fake_section_close(&section);
}

TEST(one_thread_many_heaps)
{
	enum { HEAPS = 5, BLOCKS = 200 };
	struct fake_section sections[HEAPS];
	struct ndshm_heap *heaps[HEAPS];
	void *blocks[HEAPS][BLOCKS];
	int error;

	for (int i = 0; i < HEAPS; i++)
		REQUIRE(!fake_section_open(&sections[i], 8 << 20) &&
			!ndshm__heap_open(sections[i].base, 8 << 20, &fake_source, &sections[i],
					  &heaps[i]));
	for (int j = 0; j < BLOCKS; j++)
		for (int i = 0; i < HEAPS; i++)
			REQUIRE((blocks[i][j] = ndshm__heap_alloc(heaps[i], 100, &error)));
	for (int j = 0; j < BLOCKS; j++)
		for (int i = 0; i < HEAPS; i++) {
			CHECK(ndshm__heap_free(heaps[(i + 1) % HEAPS], blocks[i][j]) == -EINVAL);
			CHECK(!ndshm__heap_free(heaps[i], blocks[i][j]));
		}
	for (int i = 0; i < HEAPS; i++) {
		ndshm__heap_close(heaps[i]);
		/* Closing empties the cache. */
		CHECK(!fake_section_extents(&sections[i], 0));
		fake_section_close(&sections[i]);
	}
}

/* With an argument as on a system with pages of so many bytes, but no shorter ones than it has. */
int main(int argc, char **argv)
{
	const unsigned long bytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;

	if (bytes % sysconf(_SC_PAGESIZE)) {
		printf("# SKIP the system's pages are longer than %lu bytes\n", bytes);
		return test_end();
	}
	wrap_set_page(bytes);
	test_run_all();
	return test_end();
}
