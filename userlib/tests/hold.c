// SPDX-License-Identifier: GPL-2.0
/*
 * Holds: memory that is held is not freed, and is freed by the last release.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ndshm/hold.h>
#include <ndshm/loan.h>

#include "test.h"

#define EXTENT	(64ul << 10)

static struct ndshm *ndshm;

static struct ndshm_section *section_make(void)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	struct ndshm_section *section;

	request.max_size = 4ul << 20;
	return ndshm_section_create(ndshm, &request, &section) ? NULL : section;
}

static bool is_mapped(void *address)
{
	unsigned char state;

	return !mincore(address, 4096, &state);
}

static void held_extents_are_busy(void)
{
	struct ndshm_section *section = section_make();
	struct ndshm_hold *one, *other;
	uint64_t extents[3], length;

	REQUIRE(section);
	for (int i = 0; i < 3; i++)
		CHECK(!ndshm_extent_alloc(section, EXTENT, 0, &extents[i], &length) &&
		      length == EXTENT);
	/* The last byte of the first extent, and the first byte of the second. */
	CHECK_DONE(ndshm,
		   ndshm_section_hold(section, extents[0] + EXTENT - 1, 2, NULL, NULL, &one));
	CHECK_DONE(ndshm, ndshm_section_hold(section, extents[1], 1, NULL, NULL, &other));
	CHECK_FAILS(ndshm, ndshm_extent_free(section, extents[0]), EBUSY, RANGE_HELD,
		    INVALID_STATE);
	CHECK_FAILS(ndshm, ndshm_extent_free(section, extents[1]), EBUSY, RANGE_HELD,
		    INVALID_STATE);
	CHECK_DONE(ndshm, ndshm_extent_free(section, extents[2]));
	CHECK_FAILS(ndshm, ndshm_extent_free(section, extents[2]), ENOENT, EXTENT_UNKNOWN,
		    FILE_NOT_FOUND);
	ndshm_hold_release(one);
	CHECK_DONE(ndshm, ndshm_extent_free(section, extents[0]));
	CHECK_FAILS(ndshm, ndshm_extent_free(section, extents[1]), EBUSY, RANGE_HELD,
		    INVALID_STATE);
	ndshm_hold_release(other);
	CHECK_DONE(ndshm, ndshm_extent_free(section, extents[1]));
	ndshm_hold_release(NULL);
	ndshm_section_close(section);
}

/* Delete the section as another process does: it does not end the holds of @section. */
static bool delete_elsewhere(struct ndshm_section *section, uint32_t flags)
{
	struct ndshm_section *other;
	int error;

	if (ndshm_section_adopt(ndshm, ndshm_section_fd(section), &other))
		return false;
	error = ndshm_section_delete(other, flags);
	ndshm_section_close(other);
	return !error;
}

static void held_extents_of_deleted_sections_are_busy(void)
{
	static const uint32_t flags[] = { NDSHM_DELETE_FORCE, NDSHM_DELETE_REVOKE };

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct ndshm_section *section = section_make();
		uint64_t extents[2], length;
		struct ndshm_hold *hold, *other;

		REQUIRE(section);
		for (int at = 0; at < 2; at++)
			CHECK(!ndshm_extent_alloc(section, EXTENT, 0, &extents[at], &length));
		CHECK(!ndshm_section_hold(section, extents[0], EXTENT, NULL, NULL, &hold));
		CHECK(!ndshm_section_hold(section, extents[1] + EXTENT / 2, 1, NULL, NULL, &other));
		CHECK(delete_elsewhere(section, flags[i]));
		for (int at = 0; at < 2; at++)
			CHECK_FAILS(ndshm, ndshm_extent_free(section, extents[at]), EBUSY,
				    RANGE_HELD, INVALID_STATE);
		ndshm_hold_release(hold);
		ndshm_hold_release(other);
		for (int at = 0; at < 2; at++)
			CHECK_DONE(ndshm, ndshm_extent_free(section, extents[at]));
		ndshm_section_close(section);
	}
}

static void held_offsets_without_an_extent_are_unknown(void)
{
	struct ndshm_section *section = section_make();
	struct ndshm_hold *hold, *free_range;
	uint64_t extent, length;

	REQUIRE(section);
	CHECK(!ndshm_extent_alloc(section, EXTENT, 0, &extent, &length));
	CHECK(!ndshm_section_hold(section, extent, EXTENT, NULL, NULL, &hold));
	CHECK(!ndshm_section_hold(section, extent + EXTENT, 2 * EXTENT, NULL, NULL, &free_range));
	for (int i = 0; i < 3; i++)
		CHECK_FAILS(ndshm, ndshm_extent_free(section, extent + EXTENT / 2 + i * EXTENT),
			    ENOENT, EXTENT_UNKNOWN, FILE_NOT_FOUND);
	ndshm_hold_release(free_range);
	ndshm_hold_release(hold);
	CHECK_DONE(ndshm, ndshm_extent_free(section, extent));
	ndshm_section_close(section);
}

static void held_allocations_are_busy(void)
{
	struct ndshm_section *section = section_make();
	struct ndshm_hold *one, *other;
	struct ndshm_loans *loans;
	uint64_t offset;
	void *block, *moved;

	REQUIRE(section);
	CHECK(!ndshm_section_alloc(section, 1000, &block));
	CHECK(!ndshm_section_offset(section, block, &offset));
	CHECK_DONE(ndshm, ndshm_section_hold(section, offset, 1000, NULL, NULL, &one));
	CHECK_DONE(ndshm, ndshm_section_hold(section, offset, 10, NULL, NULL, &other));
	CHECK_FAILS(ndshm, ndshm_section_free(section, block), EBUSY, POINTER_LENT, INVALID_STATE);
	CHECK_FAILS(ndshm, ndshm_section_realloc(section, block, 5000, &moved), EBUSY, POINTER_LENT,
		    INVALID_STATE);
	ndshm_hold_release(one);
	CHECK_FAILS(ndshm, ndshm_section_free(section, block), EBUSY, POINTER_LENT, INVALID_STATE);
	ndshm_hold_release(other);
	CHECK(!ndshm_loans_create(section, 4, &loans));
	CHECK(!ndshm_loans_lend(loans, block, &offset));
	CHECK_FAILS(ndshm, ndshm_section_hold(section, offset, 10, NULL, NULL, &one), EBUSY,
		    POINTER_LENT, INVALID_STATE);
	CHECK(!one);
	CHECK(!ndshm_loans_recall(loans, block));
	ndshm_loans_close(loans);
	CHECK(!ndshm_section_alloc(section, 1000, &block));
	CHECK(!ndshm_section_free(section, block));
	ndshm_section_close(section);
}

static void bad_ranges_are_refused(void)
{
	struct ndshm_section *section = section_make();
	const uint64_t size = ndshm_section_size(section);
	struct ndshm_hold *hold;

	CHECK_FAILS(ndshm, ndshm_section_hold(section, 0, 0, NULL, NULL, &hold), EINVAL,
		    LENGTH_ZERO, INVALID_PARAMETER);
	CHECK(ndshm_section_hold(section, size, 1, NULL, NULL, &hold) == -ERANGE && !hold);
	CHECK(ndshm_section_hold(section, 1, size, NULL, NULL, &hold) == -ERANGE);
	CHECK(ndshm_section_hold(section, UINT64_MAX, 2, NULL, NULL, &hold) == -ERANGE);
	ndshm_section_close(section);
}

/* The last release closes it: test_run() counts the descriptors. */
static void closes_are_deferred(void)
{
	struct ndshm_section *section = section_make();
	char *base = ndshm_section_base(section);
	struct ndshm_hold *one, *other;
	uint64_t extent, length;
	int status;
	pid_t pid;

	CHECK(!ndshm_extent_alloc(section, EXTENT, 0, &extent, &length));
	CHECK(!ndshm_section_hold(section, extent, EXTENT, NULL, NULL, &one));
	CHECK(!ndshm_section_hold(section, extent, EXTENT, NULL, NULL, &other));
	pid = fork();
	if (!pid) {
		/* Holds of the parent do not defer it here. */
		ndshm_section_close(section);
		_exit(is_mapped(base));
	}
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	ndshm_section_close(section);
	base[extent] = 1;
	ndshm_hold_release(one);
	base[extent] = 2;
	ndshm_hold_release(other);
	CHECK(!is_mapped(base));
}

struct ending {
	int fd;
	int calls;
	mode_t mode;
};

static void end(void *context)
{
	struct ending *ending = context;
	struct stat status;

	ending->calls++;
	if (!fstat(ending->fd, &status))
		ending->mode = status.st_mode;
}

static void deletion_ends_accesses_first(void)
{
	struct ndshm_section *section = section_make();
	struct ending ending = { .fd = ndshm_section_fd(section) };
	struct ndshm_hold *hold, *silent;
	uint64_t extent, length;
	struct stat before, after;

	CHECK(!ndshm_extent_alloc(section, EXTENT, 0, &extent, &length));
	CHECK(!ndshm_section_hold(section, extent, EXTENT, end, &ending, &hold));
	CHECK(!ndshm_section_hold(section, extent, EXTENT, NULL, NULL, &silent));
	CHECK(!fstat(ending.fd, &before));
	CHECK_DONE(ndshm, ndshm_section_delete(section, 0));
	/* The mode of the file says whether the section is deleted. */
	CHECK(!fstat(ending.fd, &after) && after.st_mode != before.st_mode);
	CHECK(ending.calls == 1 && ending.mode == before.st_mode);
	ndshm_hold_release(hold);
	ndshm_hold_release(silent);
	ndshm_section_close(section);
}

struct late {
	struct ndshm_section *section;
	int error;
};

static void hold_late(void *context)
{
	struct late *late = context;
	struct ndshm_hold *hold;

	late->error = ndshm_section_hold(late->section, 0, 1, NULL, NULL, &hold);
	ndshm_hold_release(hold);
}

static void deleted_sections_cannot_be_held(void)
{
	struct ndshm_section *section = section_make();
	struct late late = { .section = section };
	struct ndshm_hold *hold, *other;

	REQUIRE(section);
	CHECK(!ndshm_section_hold(section, 0, 1, hold_late, &late, &hold));
	/* A deletion that fails. */
	CHECK(ndshm_section_delete(section, 1u << 31) == -EOPNOTSUPP);
	CHECK(late.error == -EIDRM);
	CHECK_DONE(ndshm, ndshm_section_hold(section, 0, 1, NULL, NULL, &other));
	ndshm_hold_release(other);
	late.error = 0;
	CHECK(!ndshm_section_delete(section, 0));
	CHECK(late.error == -EIDRM);
	CHECK_FAILS(ndshm, ndshm_section_hold(section, 0, 1, NULL, NULL, &other), EIDRM,
		    SECTION_DELETED, CLOSING);
	CHECK(!other);
	ndshm_hold_release(other);
	ndshm_hold_release(hold);
	ndshm_section_close(section);
}

static void held_blocks_are_freed_later(void)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_hold *one, *other;
	struct ndshm_block *blocks[2];
	char *memory[2];

	request.length = 8192;
	for (int i = 0; i < 2; i++) {
		CHECK(!ndshm_alloc(ndshm, &request, &blocks[i]));
		CHECK(!ndshm_map(blocks[i], (void **)&memory[i]));
	}
	CHECK(!ndshm_block_hold(blocks[0], &one) && !ndshm_block_hold(blocks[0], &other));
	ndshm_unmap(blocks[0]);
	memory[0][0] = 1;
	ndshm_hold_release(one);
	memory[0][0] = 1;
	ndshm_hold_release(other);
	CHECK(!is_mapped(memory[0]));
	CHECK(!ndshm_map(blocks[0], (void **)&memory[0]));
	CHECK(!ndshm_block_hold(blocks[0], &one) && !ndshm_block_hold(blocks[1], &other));
	ndshm_unmap(blocks[0]);
	CHECK(!ndshm_map(blocks[0], (void **)&memory[0]));
	ndshm_hold_release(one);
	memory[0][0] = 1;
	CHECK(!ndshm_free_many(ndshm, blocks, 2) && !blocks[0] && !blocks[1]);
	CHECK(!is_mapped(memory[0]));
	memory[1][0] = 1;
	ndshm_hold_release(other);
	CHECK(!is_mapped(memory[1]));
	CHECK(!ndshm_alloc(ndshm, &request, &blocks[0]));
	CHECK(!ndshm_map(blocks[0], (void **)&memory[0]));
	CHECK(!ndshm_block_hold(blocks[0], &one));
	ndshm_free(blocks[0]);
	memory[0][0] = 1;
	ndshm_hold_release(one);
	CHECK(!is_mapped(memory[0]));
}

static void *hold_and_release(void *section)
{
	struct ndshm_hold *hold;
	uintptr_t bad = 0;

	for (uint64_t i = 0; i < 2000; i++) {
		bad |= ndshm_section_hold(section, i, 100, NULL, NULL, &hold);
		ndshm_hold_release(hold);
	}
	return (void *)bad;
}

static void threads_hold_concurrently(void)
{
	struct ndshm_section *section = section_make();
	pthread_t threads[4];
	uint64_t extent, length;
	void *bad;

	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&threads[i], NULL, hold_and_release, section));
	for (int i = 0; i < 200; i++) {
		CHECK(!ndshm_extent_alloc(section, EXTENT, 0, &extent, &length));
		while (ndshm_extent_free(section, extent) == -EBUSY)
			;
	}
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_join(threads[i], &bad) && !bad);
	ndshm_section_close(section);
}

static pthread_barrier_t together;

static void *release_together(void *hold)
{
	pthread_barrier_wait(&together);
	ndshm_hold_release(hold);
	return NULL;
}

/* The last release and the close of a section at the same time: it is freed once, by either. */
static void release_and_close_concurrently(void)
{
	struct ndshm_section *section;
	struct ndshm_hold *hold;
	pthread_t thread;
	uint64_t offset;
	void *block;

	pthread_barrier_init(&together, NULL, 2);
	for (int i = 0; i < 2000; i++) {
		section = section_make();
		REQUIRE(section);
		CHECK(!ndshm_section_alloc(section, 1000, &block));
		CHECK(!ndshm_section_offset(section, block, &offset));
		CHECK(!ndshm_section_hold(section, offset, 1000, NULL, NULL, &hold));
		CHECK(!pthread_create(&thread, NULL, release_together, hold));
		pthread_barrier_wait(&together);
		ndshm_section_close(section);
		CHECK(!pthread_join(thread, NULL));
	}
	pthread_barrier_destroy(&together);
}

int main(void)
{
	if (ndshm_open("memfd:", &ndshm))
		return 2;
	RUN(held_extents_are_busy);
	RUN(held_extents_of_deleted_sections_are_busy);
	RUN(held_offsets_without_an_extent_are_unknown);
	RUN(held_allocations_are_busy);
	RUN(bad_ranges_are_refused);
	RUN(closes_are_deferred);
	RUN(deletion_ends_accesses_first);
	RUN(deleted_sections_cannot_be_held);
	RUN(held_blocks_are_freed_later);
	RUN(threads_hold_concurrently);
	RUN(release_and_close_concurrently);
	ndshm_close(ndshm);
	return test_end();
}
