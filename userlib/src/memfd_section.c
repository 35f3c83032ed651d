// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sections without the module. Each is a memfd: its name has the properties that do not change, and
 * its mode the deletion.
 *
 *	chunks	|   0   |   1   |   2   |   3   |   4   | ...
 *	memory	|xxxxxxxxxx|    |       |xxxxxxx|
 *	initial	|----------|
 *	extents	 [  ] [   ]              [ ][ ]
 *
 * InitialSize has memory from the start. The rest gets memory when an extent needs it, in chunks of
 * 2 MiB. The file ends behind the highest memory that it has had, and access beyond is SIGBUS;
 * access to freed memory below allocates a page.
 *
 * Only the process that created a section, not its children, has the table of extents. When it has
 * closed all its objects of the section, no process can allocate extents any more.
 *
 * Only the module can protect a section from other processes. Here a process with a descriptor can
 * write to all of it, and free and allocate memory, also beyond MaxSize. One of the same user can
 * open a read-only descriptor for writing, delete the section or undo that. Any process can make a
 * file that looks like a section: only the seals and the size of an adopted file are relied on. If
 * two processes delete a section at a time, one of which revokes it, the later one sets the mode:
 * the section can look as if only deleted, and be revoked again.
 */
#include <errno.h>
#include <fcntl.h>
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

/* Name of the file, for printf() and scanf(): id, MaxSize, InitialSize, NDSHM_CREATE_*. */
#define FILE_NAME	"ndshm-section:%x:%llx:%llx:%x"

/*
 * The file cannot shrink, and no seals can be added later: it must stay writable and able to grow.
 */
#define SEALS		(F_SEAL_SHRINK | F_SEAL_SEAL)

/*
 * Mode of the file. It permits every user that has a descriptor to open a read-only one through
 * /proc, for NDSHM_SHARE_READONLY. A deleted section permits nothing.
 */
#define MODE_LIVE	0444
#define MODE_DELETED	0
#define MODE_REVOKED	S_ISVTX	/* no permission either; without effect on files */

/*
 * Limit of idle chunks (with memory but without extents): IDLE_CHUNKS, and one for each
 * TAKEN_FOR_IDLE chunks in extents. If there are more, half of the limit is left, so that memory
 * is not allocated and freed in turns.
 */
#define IDLE_CHUNKS	2
#define TAKEN_FOR_IDLE	16

struct extent {
	uint32_t start;		/* first page */
	uint32_t count;		/* pages */
	int holder;
};

/*
 * Unit in which memory is allocated and freed: MEMFD_CHUNK_BYTES, or the rest of the section. A
 * thread that has an extent in the chunk may set @committed without the lock. It is cleared with
 * the lock, and only if there is no extent.
 */
struct chunk {
	uint32_t taken;		/* pages in extents */
	/* All pages above InitialSize have memory, unless the section is revoked. */
	atomic_bool committed;
};

/**
 * struct ndshm_memfd_store - the file of a section, in one process. Objects of a section that this
 *	process created share a store, also adopted ones; each adopted object of another
 *	section has its own.
 * @next: in the list of created sections; protected by ndshm__lock()
 * @sections: its objects, linked by their member sibling; not empty in the creating process;
 *	protected by ndshm__lock()
 * @process: number of the creating process, if that is this one or an ancestor; else 0
 * @device: identifies the file, with @inode; only in the creating process
 * @inode: see @device
 * @id: for queries and lists; unique in the creating process only
 * @pages: MaxSize
 * @initial: InitialSize, in pages, which have memory until the section is revoked
 * @lock: protects the members below, of which the atomic ones can be read without it. Functions
 *	with the suffix _locked are called with it held. It is held while idle chunks are freed,
 *	not while memory is allocated or a revocation frees all. No other lock is taken with it
 *	held. A child of fork() must not use these members, as another thread of the parent may
 *	have held the lock: callers test is_creator() first.
 * @extents: sorted by page
 * @extent_count: number of extents
 * @taken: pages in extents
 * @holders: number of holders
 * @last_holder: number of the newest holder
 * @idle: number of idle chunks
 * @chunks: of the whole section; empty if @process is 0
 *
 * Each object has a pointer to the store; the last one that is closed frees it. In a child of the
 * creating process the store stays in the list without an object: see section_close().
 */
struct ndshm_memfd_store {
	struct ndshm_memfd_store *next;
	struct ndshm_section *sections;
	uint32_t process;
	dev_t device;
	ino_t inode;
	uint32_t id;
	uint32_t pages;
	uint32_t initial;
	uint32_t flags;		/* NDSHM_CREATE_* */
	pthread_mutex_t lock;
	struct extent *extents;
	_Atomic size_t extent_count;
	_Atomic uint32_t taken;
	_Atomic uint32_t holders;
	int last_holder;
	uint32_t idle;
	struct chunk chunks[];
};

/* Sections created in this process and by its ancestors; protected by ndshm__lock(). */
static struct ndshm_memfd_store *created;

static uint64_t bytes_of(uint32_t pages)
{
	return pages * page_size();
}

/* @bytes is at most MEMFD_MAX_SECTION. */
static uint32_t pages_of(uint64_t bytes)
{
	return (bytes + page_size() - 1) / page_size();
}

static uint32_t min_of(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Return true if this process created the section; not in its children. */
static bool is_creator(const struct ndshm_memfd_store *store)
{
	return store->process == ndshm__process();
}

/* Return the reason for an errno of a call that makes a descriptor. */
static uint32_t descriptor_reason(int error)
{
	/* EINVAL: F_DUPFD_CLOEXEC at a RLIMIT_NOFILE of 0. */
	return error == EMFILE || error == ENFILE || error == EINVAL ? NDSHM_REASON_DESCRIPTORS :
								       NDSHM_REASON_MEMORY;
}

/* Return the status of a file; that of a deleted section if there is an error. */
static struct stat file_status(int fd)
{
	struct stat status = { .st_mode = MODE_DELETED };

	fstat(fd, &status);
	return status;
}

/* Return NDSHM_SECTION_DELETED and _REVOKED if set; 0 for a live section. */
static uint32_t state_of(mode_t mode)
{
	if (mode & MODE_LIVE)
		return 0;
	return NDSHM_SECTION_DELETED | (mode & MODE_REVOKED ? NDSHM_SECTION_REVOKED : 0);
}

static uint32_t section_state(const struct ndshm_section *section)
{
	return state_of(file_status(section->fd).st_mode);
}

/*
 * Memory
 */

static uint32_t chunk_pages(void)
{
	return MEMFD_CHUNK_BYTES / page_size();
}

static uint32_t chunk_count(uint32_t pages)
{
	return (pages + chunk_pages() - 1) / chunk_pages();
}

static uint32_t chunk_end(const struct ndshm_memfd_store *store, uint32_t number)
{
	return min_of((number + 1) * chunk_pages(), store->pages);
}

/*
 * Return true if the chunk has memory, but no extent. One with a part of InitialSize is never idle.
 */
static bool chunk_is_idle_locked(const struct ndshm_memfd_store *store, uint32_t number)
{
	return store->chunks[number].committed && !store->chunks[number].taken &&
	       number * chunk_pages() >= store->initial;
}

/* Return the first page without memory in [@from, @to), or @to. */
static uint32_t next_hole(const struct ndshm_memfd_store *store, uint32_t from, uint32_t to)
{
	if (from < store->initial)
		from = store->initial;
	while (from < to && store->chunks[from / chunk_pages()].committed)
		from = chunk_end(store, from / chunk_pages());
	return min_of(from, to);
}

/*
 * Allocate the memory of all chunks that overlap an extent [@from, @to) of the caller. Pages of them
 * that have memory keep it, also if this fails: InitialSize may end within a chunk.
 */
static int extent_commit(const struct ndshm_section *section, uint32_t from, uint32_t to)
{
	struct ndshm_memfd_store *store = section->store;

	while ((from = next_hole(store, from, to)) < to) {
		uint32_t number = from / chunk_pages(), first = number * chunk_pages();

		if (ndshm__memfd_allocate(section->fd, bytes_of(first),
					  bytes_of(chunk_end(store, number) - first)))
			return -ENOMEM;
		store->chunks[number].committed = true;
	}
	return 0;
}

/* If there are more idle chunks than the limit, free the highest until half of it is left. */
static void trim_locked(const struct ndshm_section *section)
{
	struct ndshm_memfd_store *store = section->store;
	const uint32_t most = IDLE_CHUNKS + store->taken / TAKEN_FOR_IDLE / chunk_pages();
	uint32_t number = chunk_count(store->pages);

	if (store->idle <= most)
		return;
	while (number-- && store->idle > most / 2)
		if (chunk_is_idle_locked(store, number) &&
		    !ndshm__memfd_free(section->fd, number * MEMFD_CHUNK_BYTES, MEMFD_CHUNK_BYTES)) {
			store->chunks[number].committed = false;
			store->idle--;
		}
}

/*
 * Extents
 */

static uint32_t extent_end(const struct extent *extent)
{
	return extent->start + extent->count;
}

/* Return the index of the first extent that starts at or after @page. */
static size_t extent_index_locked(const struct ndshm_memfd_store *store, uint32_t page)
{
	size_t at = 0;

	while (at < store->extent_count && store->extents[at].start < page)
		at++;
	return at;
}

/* Return the extent of this holder that starts at @page, or NULL. */
static struct extent *extent_find_locked(const struct ndshm_memfd_store *store, int holder,
					 uint32_t page)
{
	size_t at = extent_index_locked(store, page);

	return at < store->extent_count && store->extents[at].start == page &&
	       store->extents[at].holder == holder ? &store->extents[at] : NULL;
}

/* Add the pages of an extent to the counters, or subtract them: @sign is 1 or -1. */
static void count_pages_locked(struct ndshm_memfd_store *store, const struct extent *extent,
			       int sign)
{
	uint32_t at = extent->start, next;

	for (; at < extent_end(extent); at = next) {
		uint32_t number = at / chunk_pages();

		next = min_of(chunk_end(store, number), extent_end(extent));
		store->idle -= chunk_is_idle_locked(store, number);
		store->chunks[number].taken += sign * (int)(next - at);
		store->idle += chunk_is_idle_locked(store, number);
	}
	store->taken += sign * (int)extent->count;
}

static void extent_remove_locked(struct ndshm_memfd_store *store, struct extent *extent)
{
	count_pages_locked(store, extent, -1);
	store->extent_count--;
	memmove(extent, extent + 1,
		(store->extents + store->extent_count - extent) * sizeof(*extent));
}

static int extent_insert_locked(struct ndshm_memfd_store *store, int holder, uint32_t start,
				uint32_t count)
{
	struct extent *extents, *place;

	extents = reallocarray(store->extents, store->extent_count + 1, sizeof(*extents));
	if (!extents)
		return -ENOMEM;
	store->extents = extents;
	place = &extents[extent_index_locked(store, start)];
	memmove(place + 1, place, (extents + store->extent_count - place) * sizeof(*place));
	*place = (struct extent){ .start = start, .count = count, .holder = holder };
	store->extent_count++;
	count_pages_locked(store, place, 1);
	return 0;
}

/*
 * Find the lowest page at which @count pages are free. Unless @grow, all must have memory. Returns
 * false if there is none. As all searches here, it is linear: the allocator has few and long
 * extents.
 */
static bool find_place_locked(const struct ndshm_memfd_store *store, uint32_t count,
			      uint32_t alignment, bool grow, uint32_t *start)
{
	uint32_t from = 0, end, hole;
	size_t i = 0;

	for (;;) {
		*start = (from + alignment - 1) / alignment * alignment;
		end = *start + count;
		if (end > store->pages)
			return false;
		/* Go to the first extent that is not before the place. */
		while (i < store->extent_count && extent_end(&store->extents[i]) <= *start)
			i++;
		if (i < store->extent_count && store->extents[i].start < end) {
			from = extent_end(&store->extents[i]);
			continue;
		}
		hole = grow ? end : next_hole(store, *start, end);
		if (hole == end)
			return true;
		/* The rest of its chunk has no memory either. */
		from = chunk_end(store, hole / chunk_pages());
	}
}

/* Add an extent, if possible where all pages have memory. */
static uint32_t extent_reserve(const struct ndshm_section *section, int holder, uint32_t count,
			       uint32_t alignment, uint32_t *start)
{
	struct ndshm_memfd_store *store = section->store;
	uint32_t reason = NDSHM_REASON_NONE;

	if (!is_creator(store))
		return NDSHM_REASON_NOT_CREATOR;
	pthread_mutex_lock(&store->lock);
	if (!find_place_locked(store, count, alignment, false, start) &&
	    !find_place_locked(store, count, alignment, true, start))
		reason = NDSHM_REASON_SECTION_FULL;
	else if (extent_insert_locked(store, holder, *start, count))
		reason = NDSHM_REASON_MEMORY;
	pthread_mutex_unlock(&store->lock);
	return reason;
}

/* Free the extent of this holder at @page, also if the section is deleted. */
static uint32_t extent_release(const struct ndshm_section *section, int holder, uint32_t page)
{
	struct ndshm_memfd_store *store = section->store;
	struct extent *extent;

	if (!is_creator(store))
		return NDSHM_REASON_EXTENT_UNKNOWN;
	pthread_mutex_lock(&store->lock);
	extent = extent_find_locked(store, holder, page);
	if (extent) {
		extent_remove_locked(store, extent);
		trim_locked(section);
	}
	pthread_mutex_unlock(&store->lock);
	return extent ? NDSHM_REASON_NONE : NDSHM_REASON_EXTENT_UNKNOWN;
}

/* Free all memory of the section, and what other processes have added behind it. */
static int section_free_memory(const struct ndshm_section *section)
{
	const struct stat status = file_status(section->fd);

	return status.st_size ? ndshm__memfd_free(section->fd, 0, status.st_size) : 0;
}

/*
 * Allocate the missing memory of an extent, and zero all of it: also new memory, as other processes
 * may have written to it.
 */
static uint32_t extent_populate(const struct ndshm_section *section, uint32_t start, uint32_t count)
{
	uint32_t reason = NDSHM_REASON_NONE, state;

	if (extent_commit(section, start, start + count))
		reason = NDSHM_REASON_MEMORY;
	else
		memset((char *)section->base + bytes_of(start), 0, bytes_of(count));
	/*
	 * Only now: section_delete() may have freed all memory before this function allocated some.
	 */
	state = section_state(section);
	if (!state)
		return reason;
	if (state & NDSHM_SECTION_REVOKED)
		section_free_memory(section);
	return NDSHM_REASON_SECTION_DELETED;
}

static uint32_t extent_check(const struct ndshm_section *section,
			     const struct ndshm_extent_alloc_args *argument)
{
	uint64_t alignment = argument->alignment;

	if (!argument->length)
		return NDSHM_REASON_LENGTH_ZERO;
	if (alignment && (alignment & (alignment - 1) || alignment < page_size() ||
			  alignment > MEMFD_CHUNK_BYTES))
		return NDSHM_REASON_ALIGNMENT;
	return argument->length > section->size ? NDSHM_REASON_SECTION_FULL : NDSHM_REASON_NONE;
}

static uint32_t extent_alloc(const struct ndshm_section *section, int holder,
			     struct ndshm_extent_alloc_args *argument)
{
	uint32_t start, count, reason;

	if (section->readonly)
		return NDSHM_REASON_SECTION_READONLY;
	reason = extent_check(section, argument);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	count = pages_of(argument->length);
	reason = extent_reserve(section, holder, count,
				argument->alignment ? pages_of(argument->alignment) : 1, &start);
	if (reason != NDSHM_REASON_NONE)
		return section_state(section) ? NDSHM_REASON_SECTION_DELETED : reason;
	reason = extent_populate(section, start, count);
	if (reason != NDSHM_REASON_NONE) {
		extent_release(section, holder, start);
		return reason;
	}
	argument->out_offset = bytes_of(start);
	argument->out_length = bytes_of(count);
	return reason;
}

/* Convert the offset of an extent to a page. */
static uint32_t extent_page(const struct ndshm_section *section, uint64_t offset, uint32_t *page)
{
	if (offset % page_size())
		return NDSHM_REASON_ALIGNMENT;
	if (offset >= section->size)
		return NDSHM_REASON_EXTENT_UNKNOWN;
	*page = offset / page_size();
	return NDSHM_REASON_NONE;
}

static uint32_t extent_free(const struct ndshm_section *section, int holder,
			    const struct ndshm_extent_free_args *argument)
{
	uint32_t page, reason = extent_page(section, argument->offset, &page);

	return reason == NDSHM_REASON_NONE ? extent_release(section, holder, page) : reason;
}

/* Return the length of the extent of this holder at @page, in pages; 0 if there is none. */
static uint32_t extent_length(const struct ndshm_section *section, int holder, uint32_t page)
{
	struct ndshm_memfd_store *store = section->store;
	const struct extent *extent;
	uint32_t count;

	if (!is_creator(store))
		return 0;
	pthread_mutex_lock(&store->lock);
	extent = extent_find_locked(store, holder, page);
	count = extent ? extent->count : 0;
	pthread_mutex_unlock(&store->lock);
	return count;
}

static uint32_t extent_query(const struct ndshm_section *section, int holder,
			     struct ndshm_extent_query_args *argument)
{
	struct ndshm_segment *segments = (struct ndshm_segment *)(uintptr_t)argument->segments;
	uint32_t page, reason = extent_page(section, argument->offset, &page);

	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (section_state(section))
		return NDSHM_REASON_SECTION_DELETED;
	argument->out_length = bytes_of(extent_length(section, holder, page));
	if (!argument->out_length)
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

/*
 * Only the creating process has extents, and holders with numbers from 1. In others every holder
 * gets the number 0.
 */
static uint32_t section_attach(const struct ndshm_section *section,
			       struct ndshm_section_attach_args *argument)
{
	struct ndshm_memfd_store *store = section->store;
	uint32_t reason = NDSHM_REASON_NONE;

	if (section_state(section))
		return NDSHM_REASON_SECTION_DELETED;
	argument->out_holder = 0;
	if (!is_creator(store))
		return NDSHM_REASON_NONE;
	pthread_mutex_lock(&store->lock);
	/* No number is used twice. */
	if (store->last_holder == INT_MAX) {
		reason = NDSHM_REASON_MEMORY;
	} else {
		argument->out_holder = ++store->last_holder;
		store->holders++;
	}
	pthread_mutex_unlock(&store->lock);
	return reason;
}

static void section_detach(struct ndshm_section *section, int holder)
{
	struct ndshm_memfd_store *store = section->store;
	struct extent *extent;

	/* The extents of an inherited holder belong to the parent. */
	if (!is_creator(store))
		return;
	pthread_mutex_lock(&store->lock);
	/* Downwards, as a removal moves the extents behind. */
	for (size_t i = store->extent_count; i--;) {
		extent = &store->extents[i];
		if (extent->holder == holder)
			extent_remove_locked(store, extent);
	}
	store->holders--;
	trim_locked(section);
	pthread_mutex_unlock(&store->lock);
}

/* Return true if holders other than @own have extents. */
static bool has_others_locked(const struct ndshm_memfd_store *store, int own)
{
	for (size_t i = 0; i < store->extent_count; i++)
		if (store->extents[i].holder != own)
			return true;
	return false;
}

/*
 * The section
 */

static uint32_t section_share(const struct ndshm_section *section,
			      struct ndshm_section_share_args *argument)
{
	bool readonly = argument->flags & NDSHM_SHARE_READONLY;
	char path[64];

	if (argument->flags & ~NDSHM_SHARE_READONLY)
		return NDSHM_REASON_FLAGS;
	if (section_state(section))
		return NDSHM_REASON_SECTION_DELETED;
	if (!readonly && section->readonly)
		return NDSHM_REASON_SECTION_READONLY;
	if (!readonly || section->readonly) {
		argument->out_section = fcntl(section->fd, F_DUPFD_CLOEXEC, 0);
	} else {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", section->fd);
		/* Another process can have a lease of the file, for whose end an open waits. */
		argument->out_section = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	if (argument->out_section >= 0)
		return NDSHM_REASON_NONE;
	switch (errno) {
	case EACCES:
		/* The section was deleted meanwhile. */
		return NDSHM_REASON_SECTION_DELETED;
	case ENOENT:
	case EWOULDBLOCK:
		/* Without /proc, or beside a lease, there are no read-only descriptors. */
		return NDSHM_REASON_FLAGS;
	default:
		return descriptor_reason(errno);
	}
}

/*
 * Return true if the caller is the owner of the file or has CAP_FOWNER, as changes of the mode
 * require: section_delete() tests this before the state and the holders. The test sets the time of the last access,
 * which nothing uses: to a given time, as the present one requires permission to write only.
 * Setting the mode to its present value could undo a deletion by another process.
 */
static bool may_delete(const struct ndshm_section *section)
{
	const struct timespec times[2] = { [1] = { .tv_nsec = UTIME_OMIT } };

	return !futimens(section->fd, times);
}

/*
 * A revocation cannot unmap the section. It frees the memory, which then reads as zero until a
 * process writes to it. Before that it sets the mode, which extent_populate() tests after it has
 * allocated memory.
 */
static uint32_t section_delete(const struct ndshm_section *section,
			       const struct ndshm_section_delete_args *argument)
{
	struct ndshm_memfd_store *store = section->store;
	const bool creator = is_creator(store), revoke = argument->flags & NDSHM_DELETE_REVOKE;
	uint32_t state, reason = NDSHM_REASON_NONE;

	if (argument->flags & ~(NDSHM_DELETE_FORCE | NDSHM_DELETE_REVOKE))
		return NDSHM_REASON_FLAGS;
	if (section->readonly)
		return NDSHM_REASON_SECTION_READONLY;
	if (!may_delete(section))
		return NDSHM_REASON_NOT_CREATOR;
	if (creator)
		pthread_mutex_lock(&store->lock);
	state = section_state(section);
	/* A section that was only deleted can be revoked. */
	if (state && (!revoke || state & NDSHM_SECTION_REVOKED))
		reason = NDSHM_REASON_SECTION_DELETED;
	/* Without a flag no other holder may have extents, which only the creator knows. */
	else if (!argument->flags && !creator)
		reason = NDSHM_REASON_NOT_CREATOR;
	else if (!argument->flags && has_others_locked(store, argument->holder))
		reason = NDSHM_REASON_SECTION_BUSY;
	else if (fchmod(section->fd, revoke ? MODE_REVOKED : MODE_DELETED))
		reason = NDSHM_REASON_NOT_CREATOR;
	if (creator)
		pthread_mutex_unlock(&store->lock);
	if (reason != NDSHM_REASON_NONE || !revoke || !section_free_memory(section))
		return reason;
	/* The section stays deleted; another call can still revoke it. */
	fchmod(section->fd, MODE_DELETED);
	return NDSHM_REASON_MEMORY;
}

static uint32_t section_query(const struct ndshm_section *section,
			      struct ndshm_section_query_args *argument)
{
	/* section->readonly is set from this. */
	const bool readonly = (fcntl(section->fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
	const struct stat status = file_status(section->fd);
	const struct ndshm_memfd_store *store = section->store;

	argument->out_id = store->id;
	argument->out_flags = (readonly ? NDSHM_SECTION_READONLY : 0) |
			      (store->flags & NDSHM_CREATE_DUMP ? NDSHM_SECTION_DUMP : 0) |
			      state_of(status.st_mode);
	argument->out_max_size = bytes_of(store->pages);
	argument->out_initial_size = bytes_of(store->initial);
	/* st_blocks is in units of 512 bytes. */
	argument->out_committed = status.st_blocks * 512;
	argument->out_adapter = MEMFD_ADAPTER_ID;
	argument->out_provider = MEMFD_PROVIDER_ID;
	if (is_creator(store)) {
		argument->out_taken = bytes_of(store->taken);
		argument->out_extents = store->extent_count;
		argument->out_holders = store->holders;
	}
	return NDSHM_REASON_NONE;
}

/* No device needs a sync, but arguments are validated. */
static uint32_t section_sync(const struct ndshm_section *section,
			     const struct ndshm_section_sync_args *argument)
{
	uint32_t reason;

	if (section->readonly)
		return NDSHM_REASON_SECTION_READONLY;
	reason = ndshm__memfd_check_sync(argument->direction, argument->offset, argument->length,
					 section->size);
	return reason == NDSHM_REASON_NONE && section_state(section) ?
	       NDSHM_REASON_SECTION_DELETED : reason;
}

static int section_command(struct ndshm_section *section, int holder, unsigned long number,
			   void *argument)
{
	switch (number) {
	case NDSHM_SECTION_ATTACH:
		return ndshm__memfd_reply(argument, section_attach(section, argument));
	case NDSHM_SECTION_SHARE:
		return ndshm__memfd_reply(argument, section_share(section, argument));
	case NDSHM_SECTION_DELETE:
		return ndshm__memfd_reply(argument, section_delete(section, argument));
	case NDSHM_SECTION_QUERY:
		return ndshm__memfd_reply(argument, section_query(section, argument));
	case NDSHM_SECTION_SYNC:
		return ndshm__memfd_reply(argument, section_sync(section, argument));
	case NDSHM_EXTENT_ALLOC:
		return ndshm__memfd_reply(argument, extent_alloc(section, holder, argument));
	case NDSHM_EXTENT_FREE:
		return ndshm__memfd_reply(argument, extent_free(section, holder, argument));
	case NDSHM_EXTENT_QUERY:
		return ndshm__memfd_reply(argument, extent_query(section, holder, argument));
	default:
		return -ENOTTY;
	}
}

/*
 * Life cycle
 */

/* Sizes are in bytes, and valid. @chunks is 0 if another process created the section. */
static struct ndshm_memfd_store *store_alloc(uint32_t id, uint64_t max_size, uint64_t initial_size,
					     uint32_t flags, uint32_t chunks)
{
	struct ndshm_memfd_store *store = calloc(1, sizeof(*store) + chunks * sizeof(struct chunk));

	if (!store)
		return NULL;
	store->id = id;
	store->pages = pages_of(max_size);
	store->initial = pages_of(initial_size);
	store->flags = flags;
	pthread_mutex_init(&store->lock, NULL);
	return store;
}

static void store_free(struct ndshm_memfd_store *store)
{
	pthread_mutex_destroy(&store->lock);
	free(store->extents);
	free(store);
}

/* Called with ndshm__lock() held, except for a store that no other thread knows. */
static void store_add(struct ndshm_memfd_store *store, struct ndshm_section *section)
{
	section->store = store;
	section->sibling = store->sections;
	store->sections = section;
}

/* Return the store of a file that this process created, or NULL. Called with ndshm__lock() held. */
static struct ndshm_memfd_store *store_find(const struct stat *status)
{
	struct ndshm_memfd_store *store = created;

	while (store && !(is_creator(store) && store->inode == status->st_ino &&
			  store->device == status->st_dev))
		store = store->next;
	return store;
}

/*
 * Free the store with its last object. In a child of the creating process it is not freed: another
 * thread of the parent may have been modifying it at the time of the fork.
 */
static void section_close(struct ndshm_section *section)
{
	struct ndshm_memfd_store *store = section->store, **at;
	struct ndshm_section **sibling;
	bool last;

	ndshm__lock();
	for (sibling = &store->sections; *sibling != section; sibling = &(*sibling)->sibling)
		;
	*sibling = section->sibling;
	last = !store->sections;
	if (last && is_creator(store)) {
		for (at = &created; *at != store; at = &(*at)->next)
			;
		*at = store->next;
	}
	ndshm__unlock();
	ndshm__close(section->fd);
	if (last && (is_creator(store) || !store->process))
		store_free(store);
}

/*
 * Add a store for a file of @bytes, with the properties in its name. Returns -ENOTTY if the file is
 * not a section.
 */
static int store_read(struct ndshm_section *section, uint64_t bytes)
{
	unsigned long long max_size, initial_size;
	struct ndshm_memfd_store *store;
	char path[64], name[128];
	unsigned int id, flags;
	ssize_t length;
	int end = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", section->fd);
	length = readlink(path, name, sizeof(name) - 1);
	/* ENOENT: there is no /proc. */
	if (length < 0)
		return -errno;
	name[length] = 0;
	/* sscanf() sets @end if the name has all of the format. */
	if (sscanf(name, "/memfd:" FILE_NAME " (deleted)%n", &id, &max_size, &initial_size,
		   &flags, &end) != 4 || !end || name[end])
		return -ENOTTY;
	/* Access to InitialSize must not be SIGBUS. */
	if (!max_size || max_size > MEMFD_MAX_SECTION || initial_size > max_size ||
	    initial_size > bytes || flags & ~NDSHM_CREATE_DUMP)
		return -ENOTTY;
	store = store_alloc(id, max_size, initial_size, flags, 0);
	if (!store)
		return -ENOMEM;
	store_add(store, section);
	return 0;
}

/*
 * The seals guarantee that the file is not truncated, whatever process made it. Files of hugetlbfs
 * can have them, too, but are mapped and allocated in other units.
 */
static int section_adopt(struct ndshm_section *section)
{
	const int seals = fcntl(section->fd, F_GET_SEALS);
	const struct stat status = file_status(section->fd);
	struct ndshm_memfd_store *store;
	struct statfs system;

	if (seals < 0 || (seals & SEALS) != SEALS || fstatfs(section->fd, &system) ||
	    system.f_type != TMPFS_MAGIC)
		return -ENOTTY;
	ndshm__lock();
	store = store_find(&status);
	if (store)
		store_add(store, section);
	ndshm__unlock();
	return store ? 0 : store_read(section, status.st_size);
}

const struct ndshm_section_kind ndshm__section_memfd = {
	.adopt = section_adopt,
	.command = section_command,
	.detach = section_detach,
	.close = section_close,
};

/*
 * NDSHM_SECTION_CREATE
 */

static uint32_t section_check(const struct ndshm_section_create_args *argument)
{
	uint32_t reason = ndshm__memfd_check_length(argument->max_size, MEMFD_MAX_SECTION);

	if (argument->flags & ~NDSHM_CREATE_DUMP)
		return NDSHM_REASON_FLAGS;
	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (argument->initial_size > argument->max_size)
		return NDSHM_REASON_SECTION_INITIAL;
	return ndshm__memfd_check_place(argument->preferred_node, argument->adapter,
					argument->provider);
}

static uint32_t store_create_file(struct ndshm_memfd_store *store, int *out)
{
	struct stat status;
	char name[128];
	int fd;

	snprintf(name, sizeof(name), FILE_NAME, store->id,
		 (unsigned long long)bytes_of(store->pages),
		 (unsigned long long)bytes_of(store->initial), store->flags);
	fd = ndshm__memfd_create(name);
	if (fd < 0)
		return descriptor_reason(-fd);
	if (fchmod(fd, MODE_LIVE) || fcntl(fd, F_ADD_SEALS, SEALS) || fstat(fd, &status) ||
	    ndshm__memfd_allocate(fd, 0, bytes_of(store->initial))) {
		ndshm__close(fd);
		return NDSHM_REASON_MEMORY;
	}
	store->device = status.st_dev;
	store->inode = status.st_ino;
	*out = fd;
	return NDSHM_REASON_NONE;
}

static uint32_t section_create(const struct ndshm_section_create_args *argument,
			       struct ndshm_section *section)
{
	struct ndshm_memfd_store *store;
	uint32_t reason = section_check(argument);

	if (reason != NDSHM_REASON_NONE)
		return reason;
	store = store_alloc(ndshm__memfd_new_id(), argument->max_size, argument->initial_size,
			    argument->flags, chunk_count(pages_of(argument->max_size)));
	if (!store)
		return NDSHM_REASON_MEMORY;
	store->process = ndshm__process();
	reason = store_create_file(store, &section->fd);
	if (reason != NDSHM_REASON_NONE) {
		store_free(store);
		return reason;
	}
	section->kind = &ndshm__section_memfd;
	ndshm__lock();
	store_add(store, section);
	store->next = created;
	created = store;
	ndshm__unlock();
	return reason;
}

int ndshm__memfd_create_section(struct ndshm *ndshm, struct ndshm_section_create_args *argument,
				struct ndshm_section *section)
{
	(void)ndshm;
	return ndshm__memfd_reply(argument, section_create(argument, section));
}

/*
 * The list
 */

/* Called with ndshm__lock() held, so that the descriptor is not closed meanwhile. */
static struct ndshm_section_row row_of(const struct ndshm_memfd_store *store)
{
	const struct stat status = file_status(store->sections->fd);

	return (struct ndshm_section_row){
		.id = store->id,
		.adapter = MEMFD_ADAPTER_ID,
		.provider = MEMFD_PROVIDER_ID,
		.uid = status.st_uid,
		.max_size = bytes_of(store->pages),
		.initial_size = bytes_of(store->initial),
		.committed = status.st_blocks * 512,
		.taken = bytes_of(store->taken),
		.extents = store->extent_count,
		.holders = store->holders,
		.deleted = state_of(status.st_mode) & NDSHM_SECTION_DELETED,
		.revoked = state_of(status.st_mode) & NDSHM_SECTION_REVOKED,
	};
}

/*
 * Lists the sections that this process created and has not closed; the module's list has those of
 * the user at least.
 */
int ndshm__memfd_list_sections(void **out, size_t *count)
{
	const struct ndshm_memfd_store *store;
	struct ndshm_section_row *rows;
	size_t all = 0;

	ndshm__lock();
	for (store = created; store; store = store->next)
		all += is_creator(store);
	rows = all ? calloc(all, sizeof(*rows)) : NULL;
	*count = 0;
	for (store = created; rows && store; store = store->next)
		if (is_creator(store))
			rows[(*count)++] = row_of(store);
	ndshm__unlock();
	*out = rows;
	return all && !rows ? -ENOMEM : 0;
}
