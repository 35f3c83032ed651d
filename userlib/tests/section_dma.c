// SPDX-License-Identifier: GPL-2.0
/*
 * DMA addresses of blocks, with a section without the module whose extents get made-up addresses.
 * With NDSHM_TEST_BACKEND the addresses are those of the module.
 */
#include "section_internal.h"
#include "test_section.h"

#define MAX	(32ul << 20)
#define PAGE	4096ul
#define BLOCKS	2000
#define THREADS	4

static struct ndshm *ndshm;
static struct ndshm_section *section;

/* How addresses are made up: whole extents in one piece, or the pages of each in reverse. */
static enum { WHOLE, REVERSED, HIDDEN, UNALIGNED, SHORT, LONG, MANY } made_up;
static atomic_uint queries;
static struct ndshm_section_kind kind;

static uint64_t made_up_address(uint64_t offset)
{
	return 0x7f0000000000 - offset / PAGE * PAGE;
}

static void make_up(struct ndshm_extent_query_args *query)
{
	struct ndshm_segment *segments = (struct ndshm_segment *)(uintptr_t)query->segments;
	uint64_t pages = query->out_length / PAGE;

	segments[0] = (struct ndshm_segment){ 0x100000000 + query->offset, query->out_length };
	if (made_up == HIDDEN)
		segments[0].address = NDSHM_ADDRESS_HIDDEN;
	if (made_up == UNALIGNED)
		segments[0].address += 16;
	if (made_up == SHORT)
		segments[0].length -= PAGE;
	if (made_up == LONG)
		segments[0].length += PAGE;
	if (made_up == MANY)
		query->out_segments = pages + 1;
	if (made_up != REVERSED)
		return;
	query->out_segments = pages;
	for (uint64_t i = 0; i < pages; i++)
		segments[i] = (struct ndshm_segment){ made_up_address(query->offset + i * PAGE),
						      PAGE };
}

/* Called once after the next query. */
static void (*_Atomic after_query)(void);

static int command(struct ndshm_section *on, int holder, unsigned long number, void *argument)
{
	int error = ndshm__section_memfd.command(on, holder, number, argument);

	if (number == NDSHM_EXTENT_QUERY && !error) {
		void (*then)(void) = atomic_exchange(&after_query, NULL);

		queries++;
		make_up(argument);
		if (then)
			then();
	}
	return error;
}

static bool make(void)
{
	section = test_make_section(ndshm, MAX, 0);
	if (!CHECK(section))
		return false;
	if (!getenv("NDSHM_TEST_BACKEND")) {
		kind = ndshm__section_memfd;
		kind.command = command;
		section->kind = &kind;
	}
	return true;
}

static void end(void)
{
	ndshm_section_close(section);
	made_up = WHOLE;
	queries = 0;
}

#define SECTION_TEST(name)	TEST_WITHIN(name, make(), end())

static uint64_t offset_of(const void *pointer)
{
	uint64_t offset = 0;

	CHECK(!ndshm_section_offset(section, pointer, &offset));
	return offset;
}

SECTION_TEST(pointers_have_addresses)
{
	size_t sizes[] = { 1, 64, 4096, 5000, 65536, 200000, 1 << 20, 5 << 20 };
	unsigned int before;
	uint64_t address, again;
	void *block;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		REQUIRE(!ndshm_section_alloc(section, sizes[i], &block));
		CHECK_DONE(ndshm, ndshm_section_dma_address(section, block, sizes[i], &address));
		CHECK(address == 0x100000000 + offset_of(block));
		before = queries;
		CHECK(!ndshm_section_dma_address(section, (char *)block + sizes[i] / 2, 1, &again));
		CHECK(again == address + sizes[i] / 2 && queries == before);
		CHECK(!ndshm_section_free(section, block));
	}
}

/* Pages that are not adjacent for the device have addresses, but blocks of several have none. */
SECTION_TEST(separate_pages_are_found)
{
	char *bytes;
	uint64_t address;
	void *block;

	made_up = REVERSED;
	REQUIRE(!ndshm_section_alloc(section, 3 << 20, &block));
	bytes = block;
	CHECK(ndshm_section_dma_address(section, block, PAGE + 1, &address) == -EXDEV);
	CHECK(ndshm_section_dma_address(section, bytes + PAGE - 1, 2, &address) == -EXDEV);
	for (size_t i = 0; i < 3 << 20; i += 1000) {
		size_t rest = PAGE - i % PAGE;

		if (!CHECK(!ndshm_section_dma_address(section, bytes + i, rest, &address) &&
			   address == made_up_address(offset_of(bytes + i)) + i % PAGE))
			break;
	}
	CHECK(queries == 1);
}

SECTION_TEST(what_is_wrong_is_refused)
{
	uint64_t address = 1;
	void *block;
	char *base;

	base = ndshm_section_base(section);
	CHECK_REASON(ndshm, ndshm_section_dma_address(section, base, 1, &address), POINTER_FOREIGN);
	REQUIRE(!ndshm_section_alloc(section, 100, &block));
	CHECK_REASON(ndshm, ndshm_section_dma_address(section, block, 0, &address), LENGTH_ZERO);
	CHECK(ndshm_section_dma_address(section, base - 1, 1, &address) == -ERANGE);
	CHECK(ndshm_section_dma_address(section, base + MAX, 1, &address) == -ERANGE);
	CHECK(ndshm_section_dma_address(section, base + MAX - 1, 2, &address) == -ERANGE);
	CHECK(ndshm_section_dma_address(section, block, SIZE_MAX, &address) == -ERANGE);
	CHECK_REASON(ndshm, ndshm_section_dma_address(section, base + MAX - PAGE, 1, &address),
		POINTER_FOREIGN);
	/* The block begins in the allocator's memory, but ends outside. */
	CHECK_REASON(ndshm, ndshm_section_dma_address(section, block, MAX / 2, &address), POINTER_FOREIGN);
	CHECK(!ndshm_section_dma_address(section, block, 1, &address));
}

/* Replies that a kernel does not give add nothing to the table. */
TEST(bad_replies_are_refused)
{
	uint64_t address;
	void *block;

	for (made_up = HIDDEN; made_up <= MANY; made_up++) {
		int error;

		REQUIRE(make() && !ndshm_section_alloc(section, 100, &block));
		error = ndshm_section_dma_address(section, block, 1, &address);
		CHECK(error == (made_up == HIDDEN ? -EPERM : -EIO));
		/* The next question is put to the kernel again. */
		CHECK(ndshm_section_dma_address(section, block, 1, &address) == error);
		CHECK(queries == 2);
		queries = 0;
		ndshm_section_close(section);
	}
	made_up = WHOLE;
}

/* Returns true if the first byte of a block does not have its made-up address. */
static bool is_wrong(const void *block)
{
	uint64_t address;

	return ndshm_section_dma_address(section, block, 1, &address) ||
	       address != made_up_address(offset_of(block)) + offset_of(block) % PAGE;
}

/* Addresses are forgotten with the extents, however often these come and go. */
SECTION_TEST(freed_memory_has_none)
{
	static void *blocks[BLOCKS];
	uint64_t state = 88172645463325252, address;
	unsigned long wrong = 0;
	char *base;

	made_up = REVERSED;
	base = ndshm_section_base(section);
	for (int i = 0; i < 200000 && !wrong; i++) {
		unsigned int at;

		at = (test_random(&state) >> 32) % BLOCKS;
		if (blocks[at]) {
			wrong += !!ndshm_section_free(section, blocks[at]);
			blocks[at] = NULL;
		} else if (!ndshm_section_alloc(section, 16 << state % 14, &blocks[at])) {
			wrong += is_wrong(blocks[at]);
		}
		if (i % 50000 == 49999)
			for (at = 0; at < BLOCKS; at++) {
				wrong += blocks[at] && ndshm_section_free(section, blocks[at]);
				blocks[at] = NULL;
			}
		if (i % 50000 == 49999)
			ndshm_section_trim(section);
	}
	CHECK(!wrong && queries > 100);
	for (uint64_t offset = 0; offset < MAX; offset += PAGE)
		wrong += ndshm_section_dma_address(section, base + offset, 1, &address) != -EINVAL;
	CHECK(!wrong);
}

static void *volatile freed;

static void free_it(void)
{
	CHECK(!ndshm_section_free(section, freed));
	made_up = REVERSED;
}

static void free_it_and_allocate(void)
{
	void *again;

	free_it();
	CHECK(!ndshm_section_alloc(section, 1 << 20, &again) && again == freed);
}

/* No address outlives an extent that another thread frees in the middle of the first question. */
SECTION_TEST(freed_in_the_middle)
{
	uint64_t address;
	void *block;

	REQUIRE(!ndshm_section_alloc(section, 1 << 20, &block));
	freed = block;
	after_query = free_it;
	CHECK_REASON(ndshm, ndshm_section_dma_address(section, block, 1, &address), POINTER_FOREIGN);

	made_up = WHOLE;
	REQUIRE(!ndshm_section_alloc(section, 1 << 20, &block) && block == freed);
	after_query = free_it_and_allocate;
	CHECK(!ndshm_section_dma_address(section, block, 1, &address));
	CHECK(address == made_up_address(offset_of(block)));
	CHECK(!ndshm_section_free(section, block));
}

static void *look_up_all(void *argument)
{
	unsigned long *wrong = argument;
	void *block;

	for (int i = 0; i < 20000; i++) {
		size_t size = 16 << (i * 7 % 16);

		if (ndshm_section_alloc(section, size, &block))
			continue;
		*wrong += is_wrong(block);
		*wrong += !!ndshm_section_free(section, block);
		if (i % 1000 == 0)
			ndshm_section_trim(section);
	}
	return NULL;
}

SECTION_TEST(threads_share_the_table)
{
	unsigned long wrong[THREADS] = { 0 };

	made_up = REVERSED;
	test_run_threads(THREADS, look_up_all, wrong, sizeof(wrong[0]));
	for (int i = 0; i < THREADS; i++)
		CHECK(!wrong[i]);
}

SECTION_TEST(a_child_has_none)
{
	uint64_t address, other;
	void *block;
	pid_t pid;

	REQUIRE(!ndshm_section_alloc(section, 100, &block));
	REQUIRE(!ndshm_section_dma_address(section, block, 1, &address));
	pid = fork();
	if (!pid) {
		bool good = ndshm_section_dma_address(section, block, 1, &other) == -EINVAL;

		/* Only the module has holders in several processes. */
		if (section->kind != &kind)
			good &= !ndshm_section_alloc(section, 100, &block) &&
				!ndshm_section_dma_address(section, block, 1, &other);
		_exit(!good);
	}
	CHECK(!test_wait(pid));
	CHECK(!ndshm_section_dma_address(section, block, 1, &other) && other == address);
}

/* The module's answers to both questions are the same, page by page. */
static void addresses_are_the_modules(void)
{
	struct ndshm_segment segments[512];
	uint64_t address, offset = 0;
	size_t count = 0;
	char *bytes;
	void *block;

	REQUIRE(make() && !ndshm_section_alloc(section, 2 << 20, &block));
	bytes = block;
	REQUIRE(!ndshm_extent_query(section, offset_of(block), segments, 512, &count) && count);
	for (size_t i = 0; i < count; i++) {
		for (uint64_t at = 0; at < segments[i].length; at += PAGE, offset += PAGE)
			CHECK(!ndshm_section_dma_address(section, bytes + offset, PAGE,
							 &address) &&
			      address == segments[i].address + at);
		address = 0;
		CHECK(!ndshm_section_dma_address(section, bytes + offset - segments[i].length,
						 segments[i].length, &address));
	}
	CHECK(offset == 2 << 20);
	CHECK(!ndshm_section_free(section, block));
	ndshm_section_trim(section);
	CHECK(ndshm_section_dma_address(section, block, 1, &address) == -EINVAL);
	end();
}

int main(void)
{
	const char *backend = getenv("NDSHM_TEST_BACKEND");

	if (ndshm_open(backend ? backend : "memfd:", &ndshm))
		return 1;
	if (backend) {
		RUN(addresses_are_the_modules);
		RUN(a_child_has_none);
		ndshm_close(ndshm);
		return test_end();
	}
	test_run_all();
	ndshm_close(ndshm);
	return test_end();
}
