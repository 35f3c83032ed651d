// SPDX-License-Identifier: GPL-2.0
/*
 * Pools of buffers: each buffer has one user at a time, and its own DMA address.
 */
#include <linux/bitmap.h>
#include <linux/irq_work.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <ndshm/pool.h>

#include "../../block/block.h"
#include "miniport.h"

#define COUNT	128U
#define LENGTH	(8 * PAGE_SIZE)
#define BYTES	((u32)(LENGTH / COUNT))

struct supply {
	struct kunit *test;
	struct ndshm_block *block;
	struct ndshm_pool *pool;
	void *buffers[COUNT];
	unsigned int count;
};

static struct supply *begin(struct kunit *test)
{
	struct supply *supply = kunit_kzalloc(test, sizeof(*supply), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, supply);
	supply->test = test;
	ASSERT_REASON(test, miniport_obtain(test->priv, 0, 0, LENGTH, &supply->block), NONE);
	supply->pool = ndshm_pool_create(supply->block, BYTES);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, supply->pool);
	return supply;
}

static void end(struct supply *supply)
{
	ndshm_pool_destroy(supply->pool);
	ndshm_free(supply->block);
	miniport_expect(supply->test->priv, "m");
}

static void take_all(struct supply *supply)
{
	dma_addr_t address;

	for (supply->count = 0; supply->count < COUNT; supply->count++) {
		supply->buffers[supply->count] = ndshm_pool_alloc(supply->pool, &address);
		if (!supply->buffers[supply->count])
			break;
	}
	KUNIT_EXPECT_EQ(supply->test, supply->count, COUNT);
}

static void free_all(struct supply *supply)
{
	while (supply->count)
		ndshm_pool_free(supply->pool, supply->buffers[--supply->count]);
}

static u64 dma_of(const struct ndshm_block *block, u64 offset)
{
	const struct ndshm_segment *segment = ndshm_block_segment(block, 0);

	for (; offset >= segment->length; segment++)
		offset -= segment->length;
	return segment->address + offset;
}

static void every_buffer(struct kunit *test)
{
	struct supply *supply = begin(test);
	DECLARE_BITMAP(seen, COUNT) = { 0 };
	dma_addr_t address = 0;
	unsigned int i, turn;
	size_t offset;

	for (turn = 0; turn < 3; turn++) {
		bitmap_zero(seen, COUNT);
		for (i = 0; i < COUNT; i++) {
			supply->buffers[i] = ndshm_pool_alloc(supply->pool, &address);
			KUNIT_ASSERT_NOT_NULL(test, supply->buffers[i]);
			offset = supply->buffers[i] - supply->block->virtual_address;
			KUNIT_ASSERT_LT(test, offset, LENGTH);
			KUNIT_ASSERT_EQ(test, offset % BYTES, 0);
			KUNIT_EXPECT_FALSE(test, test_and_set_bit(offset / BYTES, seen));
			KUNIT_EXPECT_EQ(test, (u64)address, dma_of(supply->block, offset));
		}
		KUNIT_EXPECT_NULL(test, ndshm_pool_alloc(supply->pool, &address));
		supply->count = COUNT;
		free_all(supply);
	}
	end(supply);
}

/* The processor that frees a buffer has it in its cache, and has it next. */
static void last_is_first(struct kunit *test)
{
	struct supply *supply = begin(test);
	dma_addr_t address;
	void *first, *second;

	migrate_disable();
	first = ndshm_pool_alloc(supply->pool, &address);
	second = ndshm_pool_alloc(supply->pool, &address);
	ndshm_pool_free(supply->pool, first);
	KUNIT_EXPECT_PTR_EQ(test, ndshm_pool_alloc(supply->pool, &address), first);
	ndshm_pool_free(supply->pool, first);
	ndshm_pool_free(supply->pool, second);
	KUNIT_EXPECT_PTR_EQ(test, ndshm_pool_alloc(supply->pool, &address), second);
	ndshm_pool_free(supply->pool, second);
	migrate_enable();
	end(supply);
}

/* None of these changes the pool: it still has each buffer once. */
static void bad_frees(struct kunit *test)
{
	struct supply *supply = begin(test);
	void *start = supply->block->virtual_address, *used;
	dma_addr_t address;
	unsigned int i;

	used = ndshm_pool_alloc(supply->pool, &address);
	ndshm_pool_free(supply->pool, NULL);
	ndshm_pool_free(supply->pool, used + 1);
	ndshm_pool_free(supply->pool, used + BYTES);
	ndshm_pool_free(supply->pool, start - BYTES);
	ndshm_pool_free(supply->pool, start + LENGTH);
	ndshm_pool_free(supply->pool, (void *)ULONG_MAX - BYTES + 1);
	for (i = 1; i < COUNT; i++)
		supply->buffers[supply->count++] = ndshm_pool_alloc(supply->pool, &address);
	KUNIT_EXPECT_NOT_NULL(test, supply->buffers[COUNT - 2]);
	KUNIT_EXPECT_NULL(test, ndshm_pool_alloc(supply->pool, &address));
	free_all(supply);
	ndshm_pool_free(supply->pool, used);
	ndshm_pool_free(supply->pool, used);
	take_all(supply);
	KUNIT_EXPECT_NULL(test, ndshm_pool_alloc(supply->pool, &address));
	free_all(supply);
	end(supply);
}

static void bad_sizes(struct kunit *test)
{
	static const u32 sizes[] = {
		0, 1, NDSHM_POOL_LEAST / 2, NDSHM_POOL_LEAST + 1, PAGE_SIZE - 1, 2 * PAGE_SIZE,
		BIT(31), U32_MAX,
	};
	struct supply *supply = begin(test);
	struct ndshm_block *block = supply->block;
	void *address = block->virtual_address;
	struct ndshm_pool *pool;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		KUNIT_EXPECT_EQ(test, PTR_ERR(ndshm_pool_create(block, sizes[i])), -EINVAL);
	block->object.length = BYTES - 1;
	KUNIT_EXPECT_EQ(test, PTR_ERR(ndshm_pool_create(block, BYTES)), -EINVAL);
	block->object.length = LENGTH;
	for (i = NDSHM_POOL_LEAST; i <= PAGE_SIZE; i *= 2) {
		pool = ndshm_pool_create(block, i);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, pool);
		ndshm_pool_destroy(pool);
	}
	block->virtual_address = NULL;
	KUNIT_EXPECT_EQ(test, PTR_ERR(ndshm_pool_create(block, BYTES)), -EOPNOTSUPP);
	block->virtual_address = address;
	block->only.address++;
	KUNIT_EXPECT_EQ(test, PTR_ERR(ndshm_pool_create(block, BYTES)), -EOPNOTSUPP);
	block->only.address--;
	ndshm_pool_destroy(NULL);
	end(supply);
}

/* Caches that hold one buffer or none, and caches that are full. The block ends within a page. */
static void counts(struct kunit *test)
{
	const u32 many = 8 * 62 * num_possible_cpus();
	const u32 wanted[] = { 1, 2, many };
	struct ndshm_block *block;
	struct ndshm_pool *pool;
	unsigned int i, j, count;
	dma_addr_t address;
	void **buffers;
	u32 bytes;

	buffers = kunit_kcalloc(test, many, sizeof(*buffers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buffers);
	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		bytes = wanted[i] == many ? NDSHM_POOL_LEAST : PAGE_SIZE / wanted[i];
		count = wanted[i];
		ASSERT_REASON(test, miniport_obtain(test->priv, 0, 0, (u64)bytes * count + 1,
						    &block), NONE);
		pool = ndshm_pool_create(block, bytes);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, pool);
		migrate_disable();
		for (j = 0; j < count; j++)
			buffers[j] = ndshm_pool_alloc(pool, &address);
		KUNIT_EXPECT_NOT_NULL(test, buffers[count - 1]);
		KUNIT_EXPECT_NULL(test, ndshm_pool_alloc(pool, &address));
		/* The rest of the block is no buffer. */
		ndshm_pool_free(pool, block->virtual_address + bytes * count);
		KUNIT_EXPECT_NULL(test, ndshm_pool_alloc(pool, &address));
		for (j = 0; j < count; j++)
			ndshm_pool_free(pool, buffers[j]);
		KUNIT_EXPECT_PTR_EQ(test, ndshm_pool_alloc(pool, &address), buffers[count - 1]);
		ndshm_pool_free(pool, buffers[count - 1]);
		migrate_enable();
		ndshm_pool_destroy(pool);
		ndshm_free(block);
		miniport_expect(test->priv, "m");
	}
}

struct interrupt {
	struct irq_work work;
	struct supply *supply;
	void *buffer;
};

static void interrupted(struct irq_work *work)
{
	struct interrupt *interrupt = container_of(work, struct interrupt, work);
	dma_addr_t address;

	interrupt->buffer = in_hardirq() ? ndshm_pool_alloc(interrupt->supply->pool, &address) :
			    NULL;
	ndshm_pool_free(interrupt->supply->pool, interrupt->buffer);
}

static void in_interrupts(struct kunit *test)
{
	struct interrupt interrupt = {
		.work = IRQ_WORK_INIT_HARD(interrupted), .supply = begin(test),
	};

	irq_work_queue(&interrupt.work);
	irq_work_sync(&interrupt.work);
	KUNIT_EXPECT_NOT_NULL(test, interrupt.buffer);
	take_all(interrupt.supply);
	free_all(interrupt.supply);
	end(interrupt.supply);
}

/* Buffers can be freed, but not be had, once the block is being revoked. */
static void revoked(struct kunit *test)
{
	struct supply *supply = begin(test);
	dma_addr_t address;
	void *buffer = ndshm_pool_alloc(supply->pool, &address);

	KUNIT_EXPECT_NOT_NULL(test, buffer);
	miniport_revoke(test->priv);
	miniport_expect(test->priv, "rm");
	KUNIT_EXPECT_NULL(test, ndshm_pool_alloc(supply->pool, &address));
	ndshm_pool_free(supply->pool, buffer);
	ndshm_pool_destroy(supply->pool);
	ndshm_free(supply->block);
	miniport_expect(test->priv, "");
}

#define ROUNDS	200000
#define HELD	(COUNT / 4)

/* The threads together want more buffers than there are. */
static unsigned int churn(void *context, unsigned int number)
{
	struct supply *supply = context;
	unsigned int errors = 0, i;
	void *held[HELD] = { NULL };
	dma_addr_t address;
	struct rnd_state random;
	u64 *words;

	prandom_seed_state(&random, number + 1);
	for (i = 0; i < ROUNDS; i++) {
		void **place = &held[suite_below(&random, HELD)];

		if (*place) {
			words = *place;
			errors += words[1] != number;
			words[1] = U64_MAX;
			ndshm_pool_free(supply->pool, *place);
			*place = NULL;
			continue;
		}
		*place = ndshm_pool_alloc(supply->pool, &address);
		if (!*place)
			continue;
		words = *place;
		/* Not in use by another thread. */
		errors += words[1] != U64_MAX;
		words[1] = number;
		if (!(i % 64))
			cond_resched();
	}
	for (i = 0; i < HELD; i++) {
		if (!held[i])
			continue;
		words = held[i];
		words[1] = U64_MAX;
		ndshm_pool_free(supply->pool, held[i]);
	}
	return errors;
}

static void many_threads(struct kunit *test)
{
	struct supply *supply = begin(test);

	memset(supply->block->virtual_address, 0xff, LENGTH);
	suite_run_threads(test, 8, churn, supply);
	take_all(supply);
	free_all(supply);
	end(supply);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(every_buffer),
	KUNIT_CASE(last_is_first),
	KUNIT_CASE(bad_frees),
	KUNIT_CASE(bad_sizes),
	KUNIT_CASE(counts),
	KUNIT_CASE(in_interrupts),
	KUNIT_CASE(revoked),
	KUNIT_CASE(many_threads),
	{ }
};

static struct kunit_suite suite = {
	.name = SUITE_NAME("pool"),
	.init = miniport_init,
	.exit = miniport_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
