// SPDX-License-Identifier: GPL-2.0
/*
 * A section, a holder and its extents. After a failure all must be unchanged,
 * except that newly committed memory may be freed a moment later.
 */
#include <string.h>
#include <sys/mman.h>

#include "fail_nth.h"

#define HUGE	(2UL << 20)
#define MAX	(16 * HUGE)

static struct fail_nth_objects *const of = &fail_nth_of;

static struct ndshm_section_query_args look_at(int fd)
{
	struct ndshm_section_query_args query = section_query_request();

	fail_nth_expect(!ioctl(fd, NDSHM_SECTION_QUERY, &query));
	return query;
}

static struct ndshm_section_query_args look(void)
{
	return look_at(of->objects.fds[COMMAND_SECTION]);
}

static int map(void)
{
	return fail_nth_map_at(NULL, of->objects.fds[COMMAND_SECTION], MAX, 0);
}

/*
 * The section
 */

static bool setup_create(void)
{
	of->request.create.max_size = MAX;
	of->request.create.initial_size = HUGE + getpagesize();
	return true;
}

/* A failed command returns no descriptor, but may return the id of a section. */
static void check_number(__u32 number)
{
	fail_nth_expect(number == UINT_MAX || number == 0xcccccccc);
}

static void check_create(int error)
{
	struct ndshm_section_query_args now;

	if (error) {
		check_number(of->request.create.out_section);
		return;
	}
	now = look_at(of->request.create.out_section);
	fail_nth_expect(now.out_id == of->request.create.out_id);
	fail_nth_expect(now.out_committed == HUGE + getpagesize());
}

static bool setup_share(void)
{
	of->request.share.flags = NDSHM_SHARE_READONLY;
	return true;
}

static const char name[] = "fail_nth";

static bool setup_open(void)
{
	struct ndshm_section_create_args create =
		section_name_request(of->objects.adapter, MAX, name, 0);

	if (!fail_nth_expect(!fail_nth_ioctl(NDSHM_SECTION_CREATE, &create)))
		return false;
	of->objects.fds[COMMAND_SECTION] = create.out_section;
	of->request.open = section_open_request(NDSHM_OWNER_SELF, name, 0);
	return true;
}

static void check_open(int error)
{
	if (error)
		check_number(of->request.open.out_section);
}

/* The section has memory, an extent and was mapped; the call ends all of it. */
static bool setup_delete(void)
{
	bool mapped = fail_nth_expect(!map());

	fail_nth_unmap();
	return mapped;
}

static void check_delete(int error)
{
	fail_nth_expect(!(look().out_flags & NDSHM_SECTION_DELETED) == !!error);
}

/* Mappings, extents and holders are there, and stay without memory. */
static bool setup_revoke(void)
{
	if (!fail_nth_expect(!map()))
		return false;
	of->map[of->objects.place] = 1;
	of->request.delete = section_delete_request(NDSHM_DELETE_REVOKE, -1);
	return true;
}

static void check_revoke(int error)
{
	const __u32 ends = NDSHM_SECTION_DELETED | NDSHM_SECTION_REVOKED;
	__u32 ended = look().out_flags & ends;

	if (fail_nth_expect(ended == (error ? 0 : ends)) && error)
		fail_nth_expect(of->map[of->objects.place] == 1);
}

static void check_query(int error)
{
	const struct ndshm_section_query_args *query = &of->request.section;

	if (!error)
		fail_nth_expect(query->out_committed == HUGE && query->out_extents == 1 &&
				query->out_holders == 1);
}

static bool setup_sync(void)
{
	of->request.sync.direction = NDSHM_SYNC_FOR_DEVICE;
	of->request.sync.length = MAX;
	return true;
}

/* One extent of two chunks. */
static bool setup_two_chunks(void)
{
	struct ndshm_extent_alloc_args alloc = extent_alloc_request(HUGE + getpagesize(), 0);

	if (!fail_nth_expect(!fail_nth_ioctl(NDSHM_EXTENT_ALLOC, &alloc)))
		return false;
	of->objects.place = alloc.out_offset;
	return true;
}

static bool setup_export(void)
{
	if (!setup_two_chunks())
		return false;
	of->request.export = section_export_request(of->objects.place, HUGE + getpagesize(),
						    O_RDWR | O_CLOEXEC);
	return true;
}

/*
 * Extents
 */

static __u64 committed;		/* committed bytes after the setup */

/* The growth needs two chunks. */
static bool setup_grow(void)
{
	of->request.extent = extent_alloc_request(3 * HUGE / 2, 0);
	return true;
}

/* From the middle of a free range. */
static bool setup_split(void)
{
	of->request.extent = extent_alloc_request(getpagesize(), HUGE / 2);
	return true;
}

static void check_alloc(int error)
{
	if (!error)
		fail_nth_expect(of->request.extent.out_length >= of->request.extent.length);
}

/* Most of the memory that a failed call has committed is freed, the rest with the last holder. */
static void check_grow(int error)
{
	check_alloc(error);
	if (!error) {
		fail_nth_expect(look().out_committed == 2 * HUGE);
		return;
	}
	fail_nth_expect(look().out_committed <= HUGE);
	fail_nth_close(COMMAND_HOLDER);
	fail_nth_make_holder();
}

/* The free leaves more idle memory than permitted. */
static bool setup_trim(void)
{
	struct ndshm_extent_alloc_args alloc = extent_alloc_request(4 * HUGE, 0);

	if (!fail_nth_expect(!fail_nth_ioctl(NDSHM_EXTENT_ALLOC, &alloc)))
		return false;
	committed = look().out_committed;
	of->objects.place = alloc.out_offset;
	return fail_nth_build(NDSHM_EXTENT_FREE);
}

/* If the result cannot be written, the extent must not have been freed. */
static void check_free(int error)
{
	struct ndshm_extent_query_args query = extent_query_request(of->objects.place);

	fail_nth_expect(fail_nth_ioctl(NDSHM_EXTENT_QUERY, &query) == (error ? 0 : -ENOENT));
}

/* At once, or, if that failed, by the end of a holder. */
static void check_trim(int error)
{
	struct ndshm_section_attach_args attach = section_attach_request(0);

	check_free(error);
	if (!error && fail_nth_expect(!fail_nth_ioctl(NDSHM_SECTION_ATTACH, &attach))) {
		close(attach.out_holder);
		fail_nth_expect(look().out_committed <= committed - 2 * HUGE);
	}
}

static bool setup_extent_query(void)
{
	if (!setup_two_chunks())
		return false;
	of->request.extent_query = extent_query_request(of->objects.place);
	of->request.extent_query.segments = to_u64(of->segments);
	of->request.extent_query.segment_capacity = FAIL_NTH_SEGMENTS;
	return true;
}

static void check_extent_query(int error)
{
	const struct ndshm_extent_query_args *query = &of->request.extent_query;
	__u64 length = 0;
	__u32 i;

	if (error)
		return;
	for (i = 0; i < query->out_segments; i++)
		length += of->segments[i].length;
	fail_nth_expect(query->out_length == HUGE + getpagesize() && query->out_length == length);
}

/*
 * Mappings
 */

static void check_mmap(int error)
{
	if (!error)
		of->map[HUGE - 1] = 1;
}

static bool setup_fault(void)
{
	return fail_nth_expect(!fail_nth_map_at(fail_nth_far(), of->objects.fds[COMMAND_SECTION],
						MAX, 0));
}

static const struct fail_nth_scenario scenarios[] = {
	{
		.name = "section-create", .points = 14, .errors = { ENOMEM, EFAULT },
		.flags = FAIL_NTH_DMA | FAIL_NTH_PARTIAL, .needs = NEEDS_CLIENT,
		.ioctl = NDSHM_SECTION_CREATE, .setup = setup_create, .check = check_create,
	}, {
		.name = "section-attach", .points = 5, .errors = { ENOMEM, EFAULT },
		.needs = NEEDS_SECTION, .initial = 1, .ioctl = NDSHM_SECTION_ATTACH,
	}, {
		.name = "section-share", .points = 5, .errors = { ENOMEM, EFAULT },
		.needs = NEEDS_SECTION, .initial = 1, .ioctl = NDSHM_SECTION_SHARE,
		.setup = setup_share,
	}, {
		.name = "section-open", .points = 6, .errors = { ENOMEM, EFAULT },
		.flags = FAIL_NTH_PARTIAL, .needs = NEEDS_CLIENT, .ioctl = NDSHM_SECTION_OPEN,
		.setup = setup_open, .check = check_open,
	}, {
		.name = "section-delete", .points = 3, .errors = { EFAULT },
		.needs = NEEDS_EXTENT, .initial = HUGE, .ioctl = NDSHM_SECTION_DELETE,
		.setup = setup_delete, .check = check_delete,
	}, {
		.name = "section-revoke", .points = 2, .errors = { EFAULT },
		.needs = NEEDS_EXTENT, .initial = HUGE, .ioctl = NDSHM_SECTION_DELETE,
		.setup = setup_revoke, .check = check_revoke,
	}, {
		.name = "section-query", .points = 2, .errors = { EFAULT },
		.needs = NEEDS_EXTENT, .initial = HUGE, .ioctl = NDSHM_SECTION_QUERY,
		.check = check_query,
	}, {
		.name = "section-sync", .points = 2, .errors = { EFAULT },
		.needs = NEEDS_SECTION, .initial = HUGE + 1, .ioctl = NDSHM_SECTION_SYNC,
		.setup = setup_sync,
	}, {
		.name = "section-export", .points = 14,
		.errors = { ENOMEM, ENFILE, EMFILE, EFAULT }, .flags = FAIL_NTH_FILE,
		.needs = NEEDS_HOLDER, .ioctl = NDSHM_SECTION_EXPORT, .setup = setup_export,
	}, {
		.name = "extent-alloc", .points = 4, .errors = { ENOMEM, EFAULT },
		.needs = NEEDS_HOLDER, .initial = HUGE, .ioctl = NDSHM_EXTENT_ALLOC,
		.check = check_alloc,
	}, {
		.name = "extent-alloc-grow", .points = 14, .errors = { ENOMEM, EFAULT },
		.flags = FAIL_NTH_DMA, .needs = NEEDS_HOLDER, .ioctl = NDSHM_EXTENT_ALLOC,
		.setup = setup_grow, .check = check_grow,
	}, {
		.name = "extent-alloc-split", .points = 4, .errors = { ENOMEM, EFAULT },
		.needs = NEEDS_EXTENT, .initial = HUGE, .ioctl = NDSHM_EXTENT_ALLOC,
		.setup = setup_split, .check = check_alloc,
	}, {
		.name = "extent-free", .points = 2, .errors = { EFAULT },
		.needs = NEEDS_EXTENT, .initial = HUGE, .ioctl = NDSHM_EXTENT_FREE,
		.check = check_free,
	}, {
		.name = "extent-free-trim", .points = 2, .errors = { EFAULT },
		.needs = NEEDS_EXTENT, .ioctl = NDSHM_EXTENT_FREE, .setup = setup_trim,
		.check = check_trim,
	}, {
		.name = "extent-query", .points = 4, .errors = { ENOMEM, EFAULT },
		.flags = FAIL_NTH_PARTIAL, .needs = NEEDS_HOLDER, .ioctl = NDSHM_EXTENT_QUERY,
		.setup = setup_extent_query, .check = check_extent_query,
	}, {
		.name = "section-mmap", .points = 5, .errors = { ENOMEM, ENFILE },
		.flags = FAIL_NTH_FILE, .needs = NEEDS_SECTION, .initial = HUGE, .call = map,
		.check = check_mmap, .undo = fail_nth_unmap,
	}, {
		.name = "section-fault", .points = 2,
		.needs = NEEDS_SECTION, .initial = 1, .setup = setup_fault,
		.call = fail_nth_touch,
	},
};

const struct fail_nth_group fail_nth_section = {
	.name = "section",
	.scenarios = scenarios,
	.count = ARRAY_SIZE(scenarios),
	.state = fail_nth_state,
};
