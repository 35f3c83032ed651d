// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sections without the module: one memfd each. The file ends behind the highest memory that it
 * has had: access beyond is SIGBUS. Memory freed below is allocated again by an access. Constant
 * properties are stored in the name of the memfd, which cannot be changed; deletion is stored in
 * its mode, which its owner can change.
 *
 * Extents are known to the process that created the section only, not to its children; after it has
 * closed the section, and those that it adopted from it, nobody can allocate any more. No state of
 * the library is in the shared memory. Another process with a descriptor can write to all of it,
 * free and allocate memory, also beyond MaxSize, and if it is of the same user, open a read-only
 * descriptor for writing, delete the section or undo that: only the module can prevent this. Any
 * process can make a file that looks like a section: only its seals and its size are relied on.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backend_memfd.h"
#include "section_internal.h"

/* Name of the memfd: id, MaxSize, InitialSize. */
#define NAME	"ndshm-section:%" PRIx32 ":%" PRIx64 ":%" PRIx64
#define LINK	"/memfd:ndshm-section:%" SCNx32 ":%" SCNx64 ":%" SCNx64 "%n"

/* The file cannot shrink; seals against writing or growing, which it needs, cannot be added. */
#define SEALS	(F_SEAL_SHRINK | F_SEAL_SEAL)

/*
 * Read permission only: every process with a descriptor can open another that is
 * read-only. The mode 0 marks a deleted section.
 */
#define MODE	0444

#define CHUNK_BYTES	(2ULL << 20)

/*
 * Limit of idle chunks (with memory but without extents): IDLE_CHUNKS, and one for each
 * TAKEN_FOR_IDLE chunks in extents. If there are more, half of the limit is left, so that memory
 * is not allocated and freed in turns.
 */
#define IDLE_CHUNKS	2
#define TAKEN_FOR_IDLE	16

/* An extent: consecutive pages. */
struct run {
	uint32_t start;
	uint32_t count;
	int holder;		/* 0: kept after its holder closed, so no call finds it */
};

/* Allocation unit: 2 MiB, or the rest of the section. */
struct chunk {
	uint32_t taken;		/* pages in extents */
	bool committed;		/* has memory in all of it; unused within InitialSize */
};

/**
 * struct ndshm_memfd_section - a section in one process
 * @next: in the list of sections created here
 * @references: one for each struct ndshm_section, and for a list being made; protected by
 *	ndshm__lock()
 * @fd: descriptor from the creation, or -1
 * @process: number of the creating process, if that is this one or an ancestor; else 0
 * @device: identifies the file, with @inode
 * @inode: see @device
 * @id: unique in the creating process; for people
 * @max_size: in bytes
 * @initial_size: in bytes
 * @pages: number of pages of the section
 * @initial: number of these that always have memory
 * @lock: protects all following members, and is held by the functions of the parts Memory and
 *	Extents that have no other comment. A child of fork() neither takes it nor accesses these.
 *	No other lock is taken with it.
 * @chunks: all chunks; NULL if another process created the section
 * @idle: number of idle chunks: memory in chunks that start above InitialSize, without extents
 * @runs: extents, sorted by offset
 * @run_count: number of extents
 * @run_room: number of extents that fit in @runs
 * @taken: pages in extents
 * @holders: number of holders
 * @last_holder: number of the newest holder
 */
struct ndshm_memfd_section {
	struct ndshm_memfd_section *next;
	unsigned int references;
	int fd;
	uint32_t process;
	dev_t device;
	ino_t inode;
	uint32_t id;
	uint64_t max_size;
	uint64_t initial_size;
	uint32_t pages;
	uint32_t initial;
	pthread_mutex_t lock;
	struct chunk *chunks;
	uint32_t idle;
	struct run *runs;
	size_t run_count;
	size_t run_room;
	uint32_t taken;
	uint32_t holders;
	int last_holder;
};

/* Sections created in this process and by its ancestors; protected by ndshm__lock(). */
static struct ndshm_memfd_section *made;
static uint32_t last_id;

static uint64_t round_up(uint64_t number, uint64_t to)
{
	return (number + to - 1) / to * to;
}

static uint32_t chunk_pages(void)
{
	return CHUNK_BYTES / page_size();
}

/* Return true if this process created the section, and can allocate extents. */
static bool is_maker(const struct ndshm_memfd_section *memfd)
{
	return memfd->process == ndshm__process();
}

static bool is_deleted(const struct ndshm_section *section)
{
	struct stat status;

	return fstat(section->fd, &status) || !(status.st_mode & MODE);
}

static bool is_readonly(const struct ndshm_section *section)
{
	return (fcntl(section->fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
}

/*
 * Memory
 */

static uint32_t end_of_chunk(const struct ndshm_memfd_section *memfd, uint32_t number)
{
	uint64_t end = ((uint64_t)number + 1) * chunk_pages();

	return end < memfd->pages ? end : memfd->pages;
}

static bool is_idle(const struct ndshm_memfd_section *memfd, uint32_t number)
{
	return memfd->chunks[number].committed && !memfd->chunks[number].taken &&
	       number * chunk_pages() >= memfd->initial;
}

/* Return the first page without memory in [@from, @to), or @to. */
static uint64_t next_hole(const struct ndshm_memfd_section *memfd, uint64_t from, uint64_t to)
{
	if (from < memfd->initial)
		from = memfd->initial;
	while (from < to && memfd->chunks[from / chunk_pages()].committed)
		from = (from / chunk_pages() + 1) * chunk_pages();
	return from < to ? from : to;
}

/* Allocate the memory of all chunks that overlap [@start, @end). */
static int commit(struct ndshm_memfd_section *memfd, uint64_t start, uint64_t end)
{
	while ((start = next_hole(memfd, start, end)) < end) {
		uint32_t number = start / chunk_pages();
		uint64_t first = (uint64_t)number * chunk_pages();

		if (ndshm__memfd_allocate(memfd->fd, first * page_size(),
					  (end_of_chunk(memfd, number) - first) * page_size()))
			return -ENOMEM;
		memfd->chunks[number].committed = true;
		memfd->idle += is_idle(memfd, number);
	}
	return 0;
}

/* Free idle chunks, the highest first, if there are too many. */
static void trim(struct ndshm_memfd_section *memfd)
{
	uint32_t number = (memfd->pages + chunk_pages() - 1) / chunk_pages();
	uint32_t most = IDLE_CHUNKS + memfd->taken / TAKEN_FOR_IDLE / chunk_pages();

	if (memfd->idle <= most)
		return;
	while (number-- && memfd->idle > most / 2) {
		if (!is_idle(memfd, number))
			continue;
		if (ndshm__memfd_free(memfd->fd, number * CHUNK_BYTES, CHUNK_BYTES))
			continue;
		memfd->chunks[number].committed = false;
		memfd->idle--;
	}
}

/*
 * Extents
 */

/* Return the index of the extent at a page, or where to insert it. */
static size_t find_extent(const struct ndshm_memfd_section *memfd, uint32_t start)
{
	size_t low = 0, high = memfd->run_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memfd->runs[middle].start < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Return the extent at a page if it belongs to this holder, or NULL. */
static struct run *find_own(const struct ndshm_memfd_section *memfd, uint32_t start, int holder)
{
	size_t at = find_extent(memfd, start);

	if (at == memfd->run_count || memfd->runs[at].start != start ||
	    memfd->runs[at].holder != holder)
		return NULL;
	return &memfd->runs[at];
}

/* Update the counters of the chunks that an extent covers; @sign: 1, or -1 if it is freed. */
static void count_run(struct ndshm_memfd_section *memfd, const struct run *run, int sign)
{
	const uint32_t end = run->start + run->count;
	uint32_t at = run->start, count, number;

	while (at < end) {
		number = at / chunk_pages();
		count = end_of_chunk(memfd, number) - at;
		if (count > end - at)
			count = end - at;
		memfd->idle -= is_idle(memfd, number);
		memfd->chunks[number].taken += sign * (int)count;
		memfd->idle += is_idle(memfd, number);
		at += count;
	}
	memfd->taken += sign * (int)run->count;
}

static void remove_run(struct ndshm_memfd_section *memfd, struct run *run)
{
	count_run(memfd, run, -1);
	memfd->run_count--;
	memmove(run, run + 1, (memfd->runs + memfd->run_count - run) * sizeof(*run));
}

static void insert_run(struct ndshm_memfd_section *memfd, struct run run)
{
	struct run *place = &memfd->runs[find_extent(memfd, run.start)];

	memmove(place + 1, place, (memfd->runs + memfd->run_count - place) * sizeof(*place));
	memfd->run_count++;
	*place = run;
	count_run(memfd, &run, 1);
}

/* Make room for another extent. */
static int make_room(struct ndshm_memfd_section *memfd)
{
	size_t room = memfd->run_room ? 2 * memfd->run_room : 16;
	struct run *runs;

	if (memfd->run_count < memfd->run_room)
		return 0;
	runs = reallocarray(memfd->runs, room, sizeof(*runs));
	if (!runs)
		return -ENOMEM;
	memfd->runs = runs;
	memfd->run_room = room;
	return 0;
}

/*
 * Find a suitable page in [@from, @to). Returns false if there is none. Behind its first hole a chunk
 * has no memory.
 */
static bool fits(const struct ndshm_memfd_section *memfd, uint64_t from, uint64_t to,
		 uint32_t count, uint32_t alignment, bool holes, uint64_t *start)
{
	uint64_t hole;

	for (;;) {
		*start = round_up(from, alignment);
		if (*start + count > to)
			return false;
		hole = holes ? *start + count : next_hole(memfd, *start, *start + count);
		if (hole == *start + count)
			return true;
		from = (hole / chunk_pages() + 1) * chunk_pages();
	}
}

/*
 * Find the lowest suitable page, in ranges with memory only or, if @holes, in all. Its time grows with
 * the number of extents; the allocator has few and long ones.
 */
static bool find_place(const struct ndshm_memfd_section *memfd, uint32_t count,
		       uint32_t alignment, bool holes, uint64_t *start)
{
	uint64_t from = 0;

	for (size_t i = 0; i < memfd->run_count; i++) {
		if (fits(memfd, from, memfd->runs[i].start, count, alignment, holes, start))
			return true;
		from = (uint64_t)memfd->runs[i].start + memfd->runs[i].count;
	}
	return fits(memfd, from, memfd->pages, count, alignment, holes, start);
}

static uint32_t take(const struct ndshm_section *section, int holder, uint32_t count,
		     uint32_t alignment, uint64_t *start)
{
	struct ndshm_memfd_section *memfd = section->memfd;

	if (is_deleted(section))
		return NDSHM_REASON_SECTION_DELETED;
	if (make_room(memfd))
		return NDSHM_REASON_MEMORY;
	if (!find_place(memfd, count, alignment, false, start)) {
		if (!find_place(memfd, count, alignment, true, start))
			return NDSHM_REASON_SECTION_FULL;
		if (commit(memfd, *start, *start + count)) {
			/* After a partial success. */
			trim(memfd);
			return NDSHM_REASON_MEMORY;
		}
	}
	insert_run(memfd, (struct run){ .start = *start, .count = count, .holder = holder });
	return NDSHM_REASON_NONE;
}

/* The lock is not held. */
static uint32_t check_extent(const struct ndshm_section *section,
			     const struct ndshm_extent_alloc_args *argument)
{
	uint64_t alignment = argument->alignment;

	if (!argument->length)
		return NDSHM_REASON_LENGTH_ZERO;
	if (alignment && (alignment & (alignment - 1) || alignment < page_size() ||
			  alignment > CHUNK_BYTES))
		return NDSHM_REASON_ALIGNMENT;
	return argument->length > section->memfd->max_size ? NDSHM_REASON_SECTION_FULL :
							     NDSHM_REASON_NONE;
}

/* Takes the lock. Zeroing needs none, as the extent is this holder's. */
static uint32_t alloc(const struct ndshm_section *section, int holder,
		      struct ndshm_extent_alloc_args *argument)
{
	struct ndshm_memfd_section *memfd = section->memfd;
	uint64_t start, count, alignment;
	uint32_t reason;

	if (section->readonly)
		return NDSHM_REASON_SECTION_READONLY;
	reason = check_extent(section, argument);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (!is_maker(memfd))
		return is_deleted(section) ? NDSHM_REASON_SECTION_DELETED :
					     NDSHM_REASON_NOT_CREATOR;
	count = round_up(argument->length, page_size()) / page_size();
	alignment = argument->alignment ? argument->alignment / page_size() : 1;
	pthread_mutex_lock(&memfd->lock);
	reason = take(section, holder, count, alignment, &start);
	pthread_mutex_unlock(&memfd->lock);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	argument->out_offset = start * page_size();
	argument->out_length = count * page_size();
	memset((char *)section->base + argument->out_offset, 0, argument->out_length);
	return reason;
}

/* Convert the offset of an extent to a page. The lock is not held. */
static uint32_t page_of(const struct ndshm_section *section, uint64_t offset, uint32_t *page)
{
	if (offset % page_size())
		return NDSHM_REASON_ALIGNMENT;
	if (offset >= section->memfd->max_size)
		return NDSHM_REASON_EXTENT_UNKNOWN;
	*page = offset / page_size();
	return is_maker(section->memfd) ? NDSHM_REASON_NONE : NDSHM_REASON_EXTENT_UNKNOWN;
}

/* Takes the lock, as does query_extent(). */
static uint32_t free_extent(const struct ndshm_section *section, int holder,
			    const struct ndshm_extent_free_args *argument)
{
	struct ndshm_memfd_section *memfd = section->memfd;
	struct run *run;
	uint32_t page, reason = page_of(section, argument->offset, &page);

	if (reason != NDSHM_REASON_NONE)
		return reason;
	pthread_mutex_lock(&memfd->lock);
	run = find_own(memfd, page, holder);
	if (run) {
		remove_run(memfd, run);
		trim(memfd);
	}
	pthread_mutex_unlock(&memfd->lock);
	return run ? NDSHM_REASON_NONE : NDSHM_REASON_EXTENT_UNKNOWN;
}

static uint32_t query_extent(const struct ndshm_section *section, int holder,
			     struct ndshm_extent_query_args *argument)
{
	struct ndshm_segment *segments = (struct ndshm_segment *)(uintptr_t)argument->segments;
	struct ndshm_memfd_section *memfd = section->memfd;
	struct run *run;
	uint32_t page, reason = page_of(section, argument->offset, &page);

	if (reason == NDSHM_REASON_NONE && is_deleted(section))
		reason = NDSHM_REASON_SECTION_DELETED;
	if (reason != NDSHM_REASON_NONE)
		return reason;
	pthread_mutex_lock(&memfd->lock);
	run = find_own(memfd, page, holder);
	if (run)
		argument->out_length = run->count * page_size();
	pthread_mutex_unlock(&memfd->lock);
	if (!run)
		return NDSHM_REASON_EXTENT_UNKNOWN;
	argument->out_segments = 1;
	if (argument->segment_capacity)
		segments[0] = (struct ndshm_segment){
			.address = NDSHM_ADDRESS_HIDDEN,
			.length = argument->out_length,
		};
	return NDSHM_REASON_NONE;
}

/*
 * Holders
 */

/* Only the creating process has extents; holders of others need no number. */
static uint32_t attach(const struct ndshm_section *section,
		       struct ndshm_section_attach_args *argument)
{
	struct ndshm_memfd_section *memfd = section->memfd;

	uint32_t reason = NDSHM_REASON_NONE;

	if (is_deleted(section))
		return NDSHM_REASON_SECTION_DELETED;
	argument->out_holder = 0;
	if (!is_maker(memfd))
		return NDSHM_REASON_NONE;
	pthread_mutex_lock(&memfd->lock);
	/* Numbers are not used again. */
	if (memfd->last_holder == INT_MAX) {
		reason = NDSHM_REASON_MEMORY;
	} else {
		argument->out_holder = ++memfd->last_holder;
		memfd->holders++;
	}
	pthread_mutex_unlock(&memfd->lock);
	return reason;
}

static void detach(struct ndshm_section *section, int holder)
{
	struct ndshm_memfd_section *memfd = section->memfd;
	const bool keep = section->flags & NDSHM_ATTACH_KEEP;
	size_t left = 0;

	/* The extents of an inherited holder belong to the parent. */
	if (!is_maker(memfd))
		return;
	pthread_mutex_lock(&memfd->lock);
	for (size_t i = 0; i < memfd->run_count; i++) {
		struct run run = memfd->runs[i];

		if (run.holder == holder && !keep) {
			count_run(memfd, &run, -1);
			continue;
		}
		if (run.holder == holder)
			run.holder = 0;
		memfd->runs[left++] = run;
	}
	memfd->run_count = left;
	memfd->holders--;
	trim(memfd);
	pthread_mutex_unlock(&memfd->lock);
}

/*
 * The section
 */

static uint32_t share_section(const struct ndshm_section *section,
			      struct ndshm_section_share_args *argument)
{
	bool readonly = argument->flags & NDSHM_SHARE_READONLY;
	char path[64];

	if (argument->flags & ~NDSHM_SHARE_READONLY)
		return NDSHM_REASON_FLAGS;
	if (is_deleted(section))
		return NDSHM_REASON_SECTION_DELETED;
	if (!readonly && section->readonly)
		return NDSHM_REASON_SECTION_READONLY;
	if (!readonly || section->readonly) {
		argument->out_section = fcntl(section->fd, F_DUPFD_CLOEXEC, 0);
	} else {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", section->fd);
		argument->out_section = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (argument->out_section >= 0)
		return NDSHM_REASON_NONE;
	/* Another process may have deleted it meanwhile. */
	return errno == EACCES ? NDSHM_REASON_SECTION_DELETED : NDSHM_REASON_DESCRIPTORS;
}

/* Return true if holders other than this have extents. */
static bool has_others(const struct ndshm_memfd_section *memfd, int holder)
{
	for (size_t i = 0; i < memfd->run_count; i++)
		if (memfd->runs[i].holder && memfd->runs[i].holder != holder)
			return true;
	return false;
}

/*
 * Test for ownership: only the owner of a file, or CAP_FOWNER, can set its times, as with the mode.
 * Not by setting the mode, as another process may change that meanwhile.
 */
static bool may_delete(const struct ndshm_section *section)
{
	struct timespec times[2] = { [1] = { .tv_nsec = UTIME_OMIT } };
	struct stat status;

	if (fstat(section->fd, &status))
		return false;
	times[0] = status.st_atim;
	return !futimens(section->fd, times);
}

static int free_all(const struct ndshm_section *section)
{
	return ndshm__memfd_free(section->fd, 0, INT64_MAX);
}

/*
 * Mappings cannot be revoked: their memory is freed, also what other processes have allocated anywhere
 * in the file, and reads as zero afterwards until somebody writes. Frees it before the section is
 * marked, so that a failure leaves the section as it was; and then what was allocated meanwhile.
 */
static uint32_t mark_deleted(const struct ndshm_section *section, bool revoke)
{
	if (revoke && free_all(section))
		return NDSHM_REASON_MEMORY;
	if (fchmod(section->fd, 0))
		return NDSHM_REASON_NOT_CREATOR;
	return revoke && free_all(section) ? NDSHM_REASON_MEMORY : NDSHM_REASON_NONE;
}

static uint32_t delete_section(const struct ndshm_section *section,
			       const struct ndshm_section_delete_args *argument)
{
	struct ndshm_memfd_section *memfd = section->memfd;
	/* A section that was deleted before can still be revoked. */
	const bool revoke = argument->flags & NDSHM_DELETE_REVOKE;
	/* Includes revoking. */
	const bool force = argument->flags;
	uint32_t reason;

	if (argument->flags & ~(NDSHM_DELETE_FORCE | NDSHM_DELETE_REVOKE))
		return NDSHM_REASON_FLAGS;
	if (section->readonly)
		return NDSHM_REASON_SECTION_READONLY;
	if (!may_delete(section))
		return NDSHM_REASON_NOT_CREATOR;
	if (!is_maker(memfd)) {
		if (is_deleted(section) && !revoke)
			return NDSHM_REASON_SECTION_DELETED;
		/*
		 * Extents are unknown in this process, so only a forced delete is
		 * possible.
		 */
		return force ? mark_deleted(section, revoke) : NDSHM_REASON_NOT_CREATOR;
	}
	pthread_mutex_lock(&memfd->lock);
	if (is_deleted(section) && !revoke)
		reason = NDSHM_REASON_SECTION_DELETED;
	else if (!force && has_others(memfd, argument->holder))
		reason = NDSHM_REASON_SECTION_BUSY;
	else
		reason = mark_deleted(section, revoke);
	pthread_mutex_unlock(&memfd->lock);
	return reason;
}

static uint32_t query_section(const struct ndshm_section *section,
			      struct ndshm_section_query_args *argument)
{
	struct ndshm_memfd_section *memfd = section->memfd;
	struct stat status;

	argument->out_id = memfd->id;
	argument->out_flags = (is_readonly(section) ? NDSHM_SECTION_READONLY : 0) |
			      (is_deleted(section) ? NDSHM_SECTION_DELETED : 0);
	argument->out_max_size = memfd->max_size;
	argument->out_initial_size = memfd->initial_size;
	/* st_blocks is in units of 512 bytes. */
	argument->out_committed = fstat(section->fd, &status) ? 0 : status.st_blocks * 512;
	argument->out_adapter = MEMFD_ADAPTER_ID;
	argument->out_provider = MEMFD_PROVIDER_ID;
	if (!is_maker(memfd))
		return NDSHM_REASON_NONE;
	pthread_mutex_lock(&memfd->lock);
	argument->out_taken = memfd->taken * page_size();
	argument->out_extents = memfd->run_count;
	argument->out_holders = memfd->holders;
	pthread_mutex_unlock(&memfd->lock);
	return NDSHM_REASON_NONE;
}

/* No device needs a sync, but arguments are validated. */
static uint32_t sync_section(const struct ndshm_section *section,
			     const struct ndshm_section_sync_args *argument)
{
	uint32_t reason;

	if (section->readonly)
		return NDSHM_REASON_SECTION_READONLY;
	reason = ndshm__memfd_check_sync(argument->direction, argument->offset, argument->length,
					 section->memfd->max_size);
	return reason == NDSHM_REASON_NONE && is_deleted(section) ? NDSHM_REASON_SECTION_DELETED :
								    reason;
}

static int command(struct ndshm_section *section, int holder, unsigned long number,
		   void *argument)
{
	struct ndshm_header *header = argument;

	switch (number) {
	case NDSHM_SECTION_ATTACH:
		header->reason = attach(section, argument);
		break;
	case NDSHM_SECTION_SHARE:
		header->reason = share_section(section, argument);
		break;
	case NDSHM_SECTION_DELETE:
		header->reason = delete_section(section, argument);
		break;
	case NDSHM_SECTION_QUERY:
		header->reason = query_section(section, argument);
		break;
	case NDSHM_SECTION_SYNC:
		header->reason = sync_section(section, argument);
		break;
	case NDSHM_EXTENT_ALLOC:
		header->reason = alloc(section, holder, argument);
		break;
	case NDSHM_EXTENT_FREE:
		header->reason = free_extent(section, holder, argument);
		break;
	case NDSHM_EXTENT_QUERY:
		header->reason = query_extent(section, holder, argument);
		break;
	default:
		return -ENOTTY;
	}
	header->status = ndshm__reason_status(header->reason);
	return ndshm__reason_errno(header->reason);
}

/*
 * Life cycle
 */

static struct ndshm_memfd_section *make_memfd(uint32_t id, uint64_t max_size,
					      uint64_t initial_size)
{
	struct ndshm_memfd_section *memfd = calloc(1, sizeof(*memfd));

	if (!memfd)
		return NULL;
	memfd->references = 1;
	memfd->fd = -1;
	memfd->id = id;
	memfd->max_size = round_up(max_size, page_size());
	memfd->initial_size = round_up(initial_size, page_size());
	memfd->pages = memfd->max_size / page_size();
	memfd->initial = memfd->initial_size / page_size();
	pthread_mutex_init(&memfd->lock, NULL);
	return memfd;
}

static void free_memfd(struct ndshm_memfd_section *memfd)
{
	pthread_mutex_destroy(&memfd->lock);
	free(memfd->runs);
	free(memfd->chunks);
	free(memfd);
}

/* Return the section created by this process for a file, with a reference; or NULL. */
static struct ndshm_memfd_section *find_made(const struct stat *status)
{
	struct ndshm_memfd_section *memfd;

	ndshm__lock();
	for (memfd = made; memfd; memfd = memfd->next)
		if (is_maker(memfd) && memfd->inode == status->st_ino &&
		    memfd->device == status->st_dev)
			break;
	if (memfd)
		memfd->references++;
	ndshm__unlock();
	return memfd;
}

static void add_made(struct ndshm_memfd_section *memfd)
{
	ndshm__lock();
	memfd->next = made;
	made = memfd;
	ndshm__unlock();
}

/*
 * Drop a reference. In a child, data inherited from the creating process is not freed:
 * another thread of the parent may have been modifying it at the time of the fork.
 */
static void put_memfd(struct ndshm_memfd_section *memfd)
{
	struct ndshm_memfd_section **at;
	bool last;

	ndshm__lock();
	last = !--memfd->references;
	if (last && is_maker(memfd)) {
		for (at = &made; *at != memfd; at = &(*at)->next)
			;
		*at = memfd->next;
	}
	ndshm__unlock();
	if (last && memfd->fd >= 0)
		close(memfd->fd);
	if (last && (!memfd->process || is_maker(memfd)))
		free_memfd(memfd);
}

/*
 * The process that created the section keeps its first descriptor for sections that it has adopted
 * from it, and for lists. In a child there may be references of lists that are never dropped.
 */
static void close_section(struct ndshm_section *section)
{
	struct ndshm_memfd_section *memfd = section->memfd;
	bool first;

	ndshm__lock();
	first = section->fd == memfd->fd;
	if (first && !is_maker(memfd))
		memfd->fd = -1;
	ndshm__unlock();
	if (!first || !is_maker(memfd))
		close(section->fd);
	put_memfd(memfd);
}

/* Read the properties from the name of a file of @bytes; -ENOTTY if it is not a section. */
static int read_name(int fd, uint64_t bytes, struct ndshm_memfd_section **memfd)
{
	char path[64], name[128];
	uint64_t max_size, initial_size;
	ssize_t length;
	int end = 0;
	uint32_t id;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, name, sizeof(name) - 1);
	if (length < 0)
		return -ENOTTY;
	name[length] = 0;
	if (sscanf(name, LINK, &id, &max_size, &initial_size, &end) != 3 || !end ||
	    strcmp(name + end, " (deleted)"))
		return -ENOTTY;
	if (!max_size || max_size > MEMFD_MAX_SECTION || initial_size > max_size ||
	    initial_size > bytes)
		return -ENOTTY;
	*memfd = make_memfd(id, max_size, initial_size);
	return *memfd ? 0 : -ENOMEM;
}

/*
 * The seals guarantee that the memory cannot be truncated, whatever process made the
 * file.
 */
static int adopt(struct ndshm_section *section)
{
	int seals = fcntl(section->fd, F_GET_SEALS);
	struct statfs system;
	struct stat status;

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(section->fd, &status) ||
	    fstatfs(section->fd, &system) || system.f_type != TMPFS_MAGIC)
		return -ENOTTY;
	section->memfd = find_made(&status);
	return section->memfd ? 0 : read_name(section->fd, status.st_size, &section->memfd);
}

const struct ndshm_section_kind ndshm__section_memfd = {
	.adopt = adopt,
	.command = command,
	.detach = detach,
	.close = close_section,
};

/*
 * NDSHM_SECTION_CREATE
 */

static uint32_t check_section(const struct ndshm_section_create_args *argument)
{
	if (!argument->max_size)
		return NDSHM_REASON_LENGTH_ZERO;
	if (argument->max_size > UINT64_MAX - (page_size() - 1))
		return NDSHM_REASON_LENGTH_OVERFLOW;
	if (argument->max_size > MEMFD_MAX_SECTION)
		return NDSHM_REASON_LENGTH_LIMIT;
	if (argument->initial_size > argument->max_size)
		return NDSHM_REASON_SECTION_INITIAL;
	if (!ndshm__memfd_node_exists(argument->preferred_node))
		return NDSHM_REASON_NODE;
	if (argument->adapter != MEMFD_ADAPTER_ID)
		return NDSHM_REASON_ADAPTER_UNKNOWN;
	if (argument->provider && argument->provider != MEMFD_PROVIDER_ID)
		return NDSHM_REASON_PROVIDER_UNKNOWN;
	return NDSHM_REASON_NONE;
}

static uint32_t new_id(void)
{
	uint32_t id;

	ndshm__lock();
	if (!++last_id)
		++last_id;
	id = last_id;
	ndshm__unlock();
	return id;
}

static struct ndshm_memfd_section *make_section(const struct ndshm_section_create_args *argument)
{
	struct ndshm_memfd_section *memfd = make_memfd(new_id(), argument->max_size,
						       argument->initial_size);

	if (!memfd)
		return NULL;
	memfd->chunks = calloc(memfd->pages / chunk_pages() + 1, sizeof(*memfd->chunks));
	if (!memfd->chunks) {
		free_memfd(memfd);
		return NULL;
	}
	memfd->process = ndshm__process();
	return memfd;
}

/* Create the file with the public properties of the section. Returns a reason. */
static uint32_t make_file(struct ndshm_memfd_section *memfd)
{
	struct stat status;
	char name[128];
	int fd;

	snprintf(name, sizeof(name), NAME, memfd->id, memfd->max_size, memfd->initial_size);
	fd = ndshm__memfd_create(name);
	if (fd < 0)
		return fd == -EMFILE || fd == -ENFILE ? NDSHM_REASON_DESCRIPTORS :
							NDSHM_REASON_MEMORY;
	if (fchmod(fd, MODE) || fcntl(fd, F_ADD_SEALS, SEALS) || fstat(fd, &status) ||
	    (memfd->initial_size && ndshm__memfd_allocate(fd, 0, memfd->initial_size))) {
		close(fd);
		return NDSHM_REASON_MEMORY;
	}
	memfd->fd = fd;
	memfd->device = status.st_dev;
	memfd->inode = status.st_ino;
	return NDSHM_REASON_NONE;
}

static uint32_t create(const struct ndshm_section_create_args *argument,
		       struct ndshm_section *section)
{
	struct ndshm_memfd_section *memfd;
	uint32_t reason = check_section(argument);

	if (reason != NDSHM_REASON_NONE)
		return reason;
	memfd = make_section(argument);
	if (!memfd)
		return NDSHM_REASON_MEMORY;
	reason = make_file(memfd);
	if (reason != NDSHM_REASON_NONE) {
		free_memfd(memfd);
		return reason;
	}
	add_made(memfd);
	section->kind = &ndshm__section_memfd;
	section->memfd = memfd;
	section->fd = memfd->fd;
	return reason;
}

int ndshm__memfd_create_section(struct ndshm *ndshm, struct ndshm_section_create_args *argument,
				struct ndshm_section *section)
{
	(void)ndshm;
	argument->reason = create(argument, section);
	argument->status = ndshm__reason_status(argument->reason);
	return ndshm__reason_errno(argument->reason);
}

/*
 * The list
 */

static struct ndshm_section_row row_of(struct ndshm_memfd_section *memfd)
{
	struct stat status = { 0 };
	struct ndshm_section_row row;

	fstat(memfd->fd, &status);
	pthread_mutex_lock(&memfd->lock);
	row = (struct ndshm_section_row){
		.id = memfd->id,
		.adapter = MEMFD_ADAPTER_ID,
		.provider = MEMFD_PROVIDER_ID,
		.uid = status.st_uid,
		.max_size = memfd->max_size,
		.initial_size = memfd->initial_size,
		.committed = status.st_blocks * 512,
		.taken = memfd->taken * page_size(),
		.extents = memfd->run_count,
		.holders = memfd->holders,
		.deleted = !(status.st_mode & MODE),
	};
	pthread_mutex_unlock(&memfd->lock);
	return row;
}

/* Return the sections created by this process, with a reference each; freed with free(). */
static int get_made(struct ndshm_memfd_section ***list, size_t *count)
{
	struct ndshm_memfd_section *memfd;
	size_t all = 0;

	*list = NULL;
	*count = 0;
	ndshm__lock();
	for (memfd = made; memfd; memfd = memfd->next)
		all += is_maker(memfd);
	if (all)
		*list = calloc(all, sizeof(**list));
	for (memfd = made; *list && memfd; memfd = memfd->next) {
		if (!is_maker(memfd))
			continue;
		memfd->references++;
		(*list)[(*count)++] = memfd;
	}
	ndshm__unlock();
	return all && !*list ? -ENOMEM : 0;
}

/* Lists the sections of this process; the module's list has all sections of the user. */
int ndshm__memfd_list_sections(struct ndshm *ndshm, struct ndshm_section_row **out,
			       size_t *count)
{
	struct ndshm_memfd_section **list;
	int error = get_made(&list, count);

	(void)ndshm;
	*out = NULL;
	if (error || !*count)
		return error;
	*out = calloc(*count, sizeof(**out));
	for (size_t i = 0; i < *count; i++) {
		if (*out)
			(*out)[i] = row_of(list[i]);
		put_memfd(list[i]);
	}
	free(list);
	if (*out)
		return 0;
	*count = 0;
	return -ENOMEM;
}
