// SPDX-License-Identifier: GPL-2.0
/*
 * A section, a holder and its extents. After a failure all must be unchanged,
 * except that newly committed memory may be freed a moment later.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"
#include "ndshm_proc.h"

#define HUGE	(2UL << 20)
#define MAX	(16 * HUGE)

static struct fail_nth_client *const of = &fail_nth_of;

static int section = -1, holder = -1;
static __u64 place;		/* offset of an extent */
static __u64 committed;		/* committed bytes after the setup */
static unsigned char *map = MAP_FAILED;

/* The request of the current command. */
static union {
	struct ndshm_header header;
	struct ndshm_section_create_args create;
	struct ndshm_section_attach_args attach;
	struct ndshm_section_open_args open;
	struct ndshm_section_share_args share;
	struct ndshm_section_delete_args delete;
	struct ndshm_section_query_args query;
	struct ndshm_section_sync_args sync;
	struct ndshm_section_export_args export;
	struct ndshm_extent_alloc_args alloc;
	struct ndshm_extent_free_args free;
	struct ndshm_extent_query_args extent;
} request;

/* Fill with the poison pattern and set a valid header. */
#define begin_request(member_) do { \
	memset(&request, FAIL_NTH_POISON, sizeof(request)); \
	request.header.size = sizeof(request.member_); \
	request.header.flags = 0; \
} while (0)

static int call_on(int fd, unsigned long command)
{
	return ioctl(fd, command, &request) ? -errno : 0;
}

static struct ndshm_section_query_args look(void)
{
	struct ndshm_section_query_args query = { .size = sizeof(query) };

	fail_nth_expect(!ioctl(section, NDSHM_SECTION_QUERY, &query));
	return query;
}

static void state(char *text, size_t size)
{
	struct ndshm_section_query_args now;
	size_t length;

	text[0] = '\0';
	fail_nth_client_state(text, size);
	if (section < 0)
		return;
	now = look();
	length = strlen(text);
	snprintf(text + length, size - length,
		 ", section: flags %#x, committed %llu, taken %llu, extents %u, holders %u",
		 now.out_flags, now.out_committed, now.out_taken,
		 now.out_extents, now.out_holders);
}

/*
 * Setup of commands
 */

static void close_it(int *fd)
{
	if (*fd >= 0)
		fail_nth_expect(!close(*fd));
	*fd = -1;
}

static void close_section(void)
{
	close_it(&section);
}

static void leave(void)
{
	close_it(&holder);
}

static void unmap(void)
{
	if (map != MAP_FAILED)
		fail_nth_expect(!munmap(map, MAX));
	map = MAP_FAILED;
}

static void clean(void)
{
	unmap();
	leave();
	close_section();
	fail_nth_close();
}

static void create_request(__u64 initial)
{
	begin_request(create);
	request.create.adapter = of->adapter;
	request.create.provider = 0;
	request.create.max_size = MAX;
	request.create.initial_size = initial;
	request.create.preferred_node = NDSHM_NODE_ANY;
	request.create.__reserved = 0;
	request.create.name = 0;
	request.create.name_length = 0;
	request.create.mode = 0;
	request.create.__reserved2 = 0;
}

static int call_create(void)
{
	int ret = call_on(of->fd, NDSHM_SECTION_CREATE);

	if (!ret)
		section = request.create.out_section;
	return ret;
}

static void attach_request(void)
{
	begin_request(attach);
	request.attach.__reserved = 0;
}

static int call_attach(void)
{
	int ret = call_on(section, NDSHM_SECTION_ATTACH);

	if (!ret)
		holder = request.attach.out_holder;
	return ret;
}

static void alloc_request(__u64 length, __u64 alignment)
{
	begin_request(alloc);
	request.alloc.length = length;
	request.alloc.alignment = alignment;
}

static int call_alloc(void)
{
	int ret = call_on(holder, NDSHM_EXTENT_ALLOC);

	if (!ret)
		place = request.alloc.out_offset;
	return ret;
}

static bool make(__u64 initial)
{
	if (!fail_nth_open())
		return false;
	create_request(initial);
	return fail_nth_expect(!call_create());
}

static bool make_attached(__u64 initial)
{
	if (!make(initial))
		return false;
	attach_request();
	return fail_nth_expect(!call_attach());
}

static bool take(__u64 length)
{
	alloc_request(length, 0);
	return fail_nth_expect(!call_alloc());
}

static bool make_taken(__u64 initial, __u64 length)
{
	return make_attached(initial) && take(length);
}

/*
 * The section
 */

static bool setup_create(void)
{
	bool opened = fail_nth_open();

	create_request(HUGE + getpagesize());
	return opened;
}

/* A failed command must not return a descriptor number. */
static void check_number(int *reported, int error)
{
	if (error)
		fail_nth_expect(*reported == -1 ||
				fail_nth_untouched(reported, sizeof(*reported)));
	else
		fail_nth_expect(*reported >= 0);
	memset(reported, FAIL_NTH_POISON, sizeof(*reported));
}

static void check_create(int error)
{
	struct ndshm_section_query_args now;

	fail_nth_check_header(&request, error);
	check_number(&request.create.out_section, error);
	if (error)
		return;
	now = look();
	fail_nth_expect(now.out_id == request.create.out_id);
	fail_nth_expect(now.out_committed == HUGE + getpagesize());
}

static bool setup_attach(void)
{
	bool made = make(getpagesize());

	attach_request();
	return made;
}

static void check_attach(int error)
{
	fail_nth_check_header(&request, error);
	check_number(&request.attach.out_holder, error);
}

static int shared = -1;

static bool setup_share(void)
{
	bool made = make(getpagesize());

	begin_request(share);
	request.share.flags = NDSHM_SHARE_READONLY;
	request.share.__reserved = 0;
	return made;
}

static int call_share(void)
{
	int ret = call_on(section, NDSHM_SECTION_SHARE);

	if (!ret)
		shared = request.share.out_section;
	return ret;
}

static void check_share(int error)
{
	fail_nth_check_header(&request, error);
	check_number(&request.share.out_section, error);
}

static void undo_share(void)
{
	close_it(&shared);
}

static const char name[] = "fail_nth";

static bool setup_open(void)
{
	bool made;

	if (!fail_nth_open())
		return false;
	create_request(0);
	request.create.name = (unsigned long)name;
	request.create.name_length = sizeof(name) - 1;
	request.create.group = NDSHM_GROUP_SELF;
	made = fail_nth_expect(!call_create());
	begin_request(open);
	request.open.name = (unsigned long)name;
	request.open.name_length = sizeof(name) - 1;
	request.open.owner = NDSHM_OWNER_SELF;
	return made;
}

static int call_open(void)
{
	int ret = call_on(of->fd, NDSHM_SECTION_OPEN);

	if (!ret)
		shared = request.open.out_section;
	return ret;
}

static void check_open(int error)
{
	fail_nth_check_header(&request, error);
	check_number(&request.open.out_section, error);
}

/* The section has memory, an extent and a mapping, all of which the call ends. */
static bool setup_delete(void)
{
	if (!make_taken(HUGE, getpagesize()))
		return false;
	map = mmap(NULL, MAX, PROT_READ | PROT_WRITE, MAP_SHARED, section, 0);
	if (!fail_nth_expect(map != MAP_FAILED) ||
	    !fail_nth_expect(!munmap(map, MAX)))
		return false;
	map = MAP_FAILED;
	begin_request(delete);
	request.delete.holder = holder;
	request.delete.__reserved = 0;
	return true;
}

static int call_delete(void)
{
	return call_on(section, NDSHM_SECTION_DELETE);
}

static void check_delete(int error)
{
	fail_nth_check_header(&request, error);
	fail_nth_expect(!(look().out_flags & NDSHM_SECTION_DELETED) == !!error);
}

/* Mappings, extents and holders are there, and stay without memory. */
static bool setup_revoke(void)
{
	if (!make_taken(HUGE, getpagesize()))
		return false;
	map = mmap(NULL, MAX, PROT_READ | PROT_WRITE, MAP_SHARED, section, 0);
	if (!fail_nth_expect(map != MAP_FAILED))
		return false;
	map[place] = 1;
	begin_request(delete);
	request.delete.flags = NDSHM_DELETE_REVOKE;
	request.delete.holder = -1;
	request.delete.__reserved = 0;
	return true;
}

static void check_revoke(int error)
{
	const __u32 ends = NDSHM_SECTION_DELETED | NDSHM_SECTION_REVOKED;
	__u32 ended = look().out_flags & ends;

	fail_nth_check_header(&request, error);
	if (fail_nth_expect(ended == (error ? 0 : ends)) && error)
		fail_nth_expect(map[place] == 1);
}

static bool setup_query(void)
{
	bool made = make_taken(HUGE, getpagesize());

	begin_request(query);
	return made;
}

static int call_query(void)
{
	return call_on(section, NDSHM_SECTION_QUERY);
}

static void check_query(int error)
{
	fail_nth_check_header(&request, error);
	if (error)
		return;
	fail_nth_expect(request.query.out_committed == HUGE);
	fail_nth_expect(request.query.out_extents == 1);
	fail_nth_expect(request.query.out_holders == 1);
}

static bool setup_sync(void)
{
	bool made = make(HUGE + getpagesize());

	begin_request(sync);
	request.sync.direction = NDSHM_SYNC_FOR_DEVICE;
	request.sync.__reserved = 0;
	request.sync.offset = 0;
	request.sync.length = MAX;
	return made;
}

static int call_sync(void)
{
	return call_on(section, NDSHM_SECTION_SYNC);
}

/* Extents in two chunks. */
static bool setup_export(void)
{
	bool made = make_taken(0, HUGE + getpagesize());

	begin_request(export);
	request.export.fd_flags = O_RDWR | O_CLOEXEC;
	request.export.offset = place;
	request.export.length = HUGE + getpagesize();
	return made;
}

static int call_export(void)
{
	int ret = call_on(section, NDSHM_SECTION_EXPORT);

	if (!ret)
		shared = request.export.out_dmabuf;
	return ret;
}

static void check_export(int error)
{
	fail_nth_check_header(&request, error);
	check_number(&request.export.out_dmabuf, error);
}

static void check_header(int error)
{
	fail_nth_check_header(&request, error);
}

/*
 * Extents
 */

static bool setup_alloc(void)
{
	bool made = make_attached(HUGE);

	alloc_request(getpagesize(), 0);
	return made;
}

/* The growth needs two chunks. */
static bool setup_grow(void)
{
	bool made = make_attached(0);

	committed = 0;
	alloc_request(3 * HUGE / 2, 0);
	return made;
}

/* From the middle of a free range. */
static bool setup_split(void)
{
	bool made = make_taken(HUGE, getpagesize());

	alloc_request(getpagesize(), HUGE / 2);
	return made;
}

static void check_alloc(int error)
{
	fail_nth_check_header(&request, error);
	if (!error)
		fail_nth_expect(request.alloc.out_length >=
				request.alloc.length);
	memset(&request.alloc.out_offset, FAIL_NTH_POISON, 16);
}

/* Memory committed by the failed call is unused and freed a second later. */
static void check_grow(int error)
{
	check_alloc(error);
	if (error)
		fail_nth_expect(ndshm_soon(look().out_committed == committed));
	else
		fail_nth_expect(look().out_committed == 2 * HUGE);
}

static void undo_alloc(void)
{
	struct ndshm_extent_free_args argument = {
		.size = sizeof(argument), .offset = place,
	};

	fail_nth_expect(!ioctl(holder, NDSHM_EXTENT_FREE, &argument));
}

static void free_request(void)
{
	begin_request(free);
	request.free.offset = place;
}

static bool setup_free(void)
{
	bool made = make_taken(HUGE, getpagesize());

	free_request();
	return made;
}

/* The free leaves more idle memory than permitted. */
static bool setup_trim(void)
{
	bool made = make_taken(0, getpagesize()) && take(4 * HUGE);

	committed = look().out_committed;
	free_request();
	return made;
}

static int call_free(void)
{
	return call_on(holder, NDSHM_EXTENT_FREE);
}

static int ask(void)
{
	struct ndshm_extent_query_args argument = {
		.size = sizeof(argument), .offset = place,
	};

	return ioctl(holder, NDSHM_EXTENT_QUERY, &argument) ? -errno : 0;
}

/* If the result cannot be written, the extent must not have been freed. */
static void check_free(int error)
{
	fail_nth_check_header(&request, error);
	fail_nth_expect(ask() == (error ? 0 : -ENOENT));
}

/* At once, or a second later if that failed. */
static void check_trim(int error)
{
	check_free(error);
	if (!error)
		fail_nth_expect(ndshm_soon(look().out_committed <=
					   committed - 2 * HUGE));
}

static bool setup_extent_query(void)
{
	bool made = make_taken(0, HUGE + getpagesize());

	begin_request(extent);
	memset(of->segments, FAIL_NTH_POISON, sizeof(of->segments));
	request.extent.offset = place;
	request.extent.segments = (uintptr_t)of->segments;
	request.extent.segment_capacity = FAIL_NTH_SEGMENTS;
	return made;
}

static int call_extent_query(void)
{
	return call_on(holder, NDSHM_EXTENT_QUERY);
}

static void check_extent_query(int error)
{
	__u64 length = 0;
	__u32 i;

	fail_nth_check_header(&request, error);
	if (error)
		return;
	fail_nth_expect(request.extent.out_length == HUGE + getpagesize());
	for (i = 0; i < request.extent.out_segments; i++)
		length += of->segments[i].length;
	fail_nth_expect(length == request.extent.out_length);
}

/*
 * Mappings
 */

static bool setup_map(void)
{
	return make(HUGE);
}

static int call_mmap(void)
{
	map = mmap(NULL, MAX, PROT_READ | PROT_WRITE, MAP_SHARED, section, 0);
	return map == MAP_FAILED ? -errno : 0;
}

static void check_mmap(int error)
{
	if (!error)
		map[HUGE - 1] = 1;
}

/* Far from other mappings, so that the fault allocates page tables. */
static bool setup_fault(void)
{
	const size_t far = 1UL << 31;
	unsigned char *space;

	if (!make(getpagesize()))
		return false;
	space = mmap(NULL, 2 * far, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!fail_nth_expect(space != MAP_FAILED))
		return false;
	munmap(space, 2 * far);
	map = mmap(space + far, MAX, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_FIXED, section, 0);
	return fail_nth_expect(map != MAP_FAILED);
}

/* A page fault does not fail without memory; the access is retried. */
static int call_touch(void)
{
	return __atomic_load_n(map, __ATOMIC_RELAXED) ? -EIO : 0;
}

static const struct fail_nth_command commands[] = {
	{
		.name = "section-create", .errors = { ENOMEM, EFAULT },
		.dma = true, .setup = setup_create, .call = call_create,
		.check = check_create, .undo = close_section, .clean = clean,
	}, {
		.name = "section-attach", .errors = { ENOMEM, EFAULT },
		.setup = setup_attach, .call = call_attach,
		.check = check_attach, .undo = leave, .clean = clean,
	}, {
		.name = "section-share", .errors = { ENOMEM, EFAULT },
		.setup = setup_share, .call = call_share, .check = check_share,
		.undo = undo_share, .clean = clean,
	}, {
		.name = "section-open", .errors = { ENOMEM, EFAULT },
		.setup = setup_open, .call = call_open, .check = check_open,
		.undo = undo_share, .clean = clean,
	}, {
		.name = "section-delete", .errors = { EFAULT },
		.setup = setup_delete, .call = call_delete,
		.check = check_delete, .clean = clean,
	}, {
		.name = "section-revoke", .errors = { EFAULT },
		.setup = setup_revoke, .call = call_delete,
		.check = check_revoke, .clean = clean,
	}, {
		.name = "section-query", .errors = { EFAULT },
		.setup = setup_query, .call = call_query, .check = check_query,
		.clean = clean,
	}, {
		.name = "section-sync", .errors = { EFAULT },
		.setup = setup_sync, .call = call_sync, .check = check_header,
		.clean = clean,
	}, {
		.name = "section-export", .errors = { ENOMEM, ENFILE, EMFILE, EFAULT },
		.keeps_file = true, .setup = setup_export, .call = call_export,
		.check = check_export, .undo = undo_share, .clean = clean,
	}, {
		.name = "extent-alloc", .errors = { ENOMEM, EFAULT },
		.setup = setup_alloc, .call = call_alloc, .check = check_alloc,
		.undo = undo_alloc, .clean = clean,
	}, {
		.name = "extent-alloc-grow", .errors = { ENOMEM, EFAULT },
		.dma = true, .setup = setup_grow, .call = call_alloc,
		.check = check_grow, .undo = undo_alloc, .clean = clean,
	}, {
		.name = "extent-alloc-split", .errors = { ENOMEM, EFAULT },
		.setup = setup_split, .call = call_alloc, .check = check_alloc,
		.undo = undo_alloc, .clean = clean,
	}, {
		.name = "extent-free", .errors = { EFAULT },
		.setup = setup_free, .call = call_free, .check = check_free,
		.clean = clean,
	}, {
		.name = "extent-free-trim", .errors = { EFAULT },
		.setup = setup_trim, .call = call_free, .check = check_trim,
		.clean = clean,
	}, {
		.name = "extent-query", .errors = { ENOMEM, EFAULT },
		.setup = setup_extent_query, .call = call_extent_query,
		.check = check_extent_query, .clean = clean,
	}, {
		.name = "section-mmap", .errors = { ENOMEM, ENFILE },
		.keeps_file = true,
		.setup = setup_map, .call = call_mmap, .check = check_mmap,
		.undo = unmap, .clean = clean,
	}, {
		.name = "section-fault",
		.setup = setup_fault, .call = call_touch, .clean = clean,
	},
};

const struct fail_nth_group fail_nth_section = {
	.name = "section",
	.commands = commands,
	.count = ARRAY_SIZE(commands),
	.state = state,
};
