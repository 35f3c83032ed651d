// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sections of all kinds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "section_internal.h"

/*
 * Commands and holders
 */

static uint32_t process_of(uint64_t holder)
{
	return holder >> 32;
}

static int number_of(uint64_t holder)
{
	return (int)(uint32_t)holder;
}

/*
 * In a child of fork(), drop this process's copy of the parent's holder. The exchange
 * makes one of several threads close the descriptor.
 */
static void drop_inherited(struct ndshm_section *section)
{
	uint64_t seen = section->holder;

	if (seen && process_of(seen) != ndshm__process() &&
	    atomic_compare_exchange_strong(&section->holder, &seen, 0))
		section->kind->detach(section, number_of(seen));
}

static int run_command(struct ndshm_section *section, int holder, unsigned long number,
		       void *argument)
{
	unsigned int given = ndshm__block_cache_given(section->ndshm);
	int error;

	do {
		error = section->kind->command(section, holder, number, argument);
	} while (ndshm__block_cache_refused(section->ndshm, error, &given));
	return ndshm__answer(section->ndshm, error, argument);
}

static int section_command(struct ndshm_section *section, unsigned long number, void *argument)
{
	drop_inherited(section);
	if (!section->kind)
		return ndshm__refuse(section->ndshm, NDSHM_REASON_DESCRIPTOR);
	return run_command(section, NO_HOLDER, number, argument);
}

/*
 * Return this process's holder in *@holder, attaching if there is none. Of several
 * threads that attach, the first sets section->holder and the others detach again.
 */
static int hold(struct ndshm_section *section, int *holder)
{
	struct ndshm_section_attach_args argument = { .size = sizeof(argument) };
	uint64_t seen, made;
	int error;

	drop_inherited(section);
	seen = section->holder;
	if (!seen) {
		error = section_command(section, NDSHM_SECTION_ATTACH, &argument);
		if (error)
			return error;
		made = (uint64_t)ndshm__process() << 32 | (uint32_t)argument.out_holder;
		if (atomic_compare_exchange_strong(&section->holder, &seen, made))
			seen = made;
		else
			section->kind->detach(section, argument.out_holder);
	}
	*holder = number_of(seen);
	return 0;
}

static int holder_command(struct ndshm_section *section, unsigned long number, void *argument)
{
	int holder, error = hold(section, &holder);

	if (error)
		return error;
	return run_command(section, holder, number, argument);
}

/*
 * Mapping
 */

/*
 * Reduce a reservation of @size + SECTION_ALIGN bytes to @size at @start, or unmap all of it. Returns 0
 * or -errno.
 */
static int give_edges_back(char *room, char *start, size_t size)
{
	const size_t before = start - room, after = SECTION_ALIGN - before;
	int error = 0;

	/* At the limit of mappings it fails if the reservation has merged with a neighbour. */
	if (before && munmap(room, before)) {
		error = -errno;
		munmap(room, size + SECTION_ALIGN);
	} else if (munmap(start + size, after)) {
		error = -errno;
		munmap(start, size + after);
	}
	return error;
}

/*
 * Reserve the range of a section at a multiple of SECTION_ALIGN. Returns its start, or NULL with
 * -errno in *@error.
 */
static void *reserve(size_t size, int *error)
{
	char *room = mmap(NULL, size + SECTION_ALIGN, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), *start;

	if (room == MAP_FAILED) {
		*error = -errno;
		return NULL;
	}
	start = room + (-(uintptr_t)room & (SECTION_ALIGN - 1));
	*error = give_edges_back(room, start, size);
	return *error ? NULL : start;
}

/*
 * Map the section over a reserved range. Uses mmap() and not mremap(): some libraries that
 * intercept memory calls, for example UCX 1.13, drop the address argument of mremap(), which
 * then succeeds at another address.
 */
static int map(struct ndshm_section *section, bool dumped)
{
	const int protection = PROT_READ | (section->readonly ? 0 : PROT_WRITE);
	const size_t size = section->size;
	void *attempt, *place, *start;
	int error;

	if (section->size > SIZE_MAX - SECTION_ALIGN)
		return -ENOMEM;
	/*
	 * Test with one page whether mmap() of the section succeeds at all. A failure over the
	 * reservation can leave a hole, in which another thread may map something: it could not be
	 * unmapped. It is not expected, as the test leaves its place among the mappings.
	 */
	attempt = mmap(NULL, 1, protection, MAP_SHARED, section->fd, 0);
	if (attempt == MAP_FAILED)
		return -errno;
	place = reserve(size, &error);
	munmap(attempt, 1);
	if (!place)
		return error;
	/* Under mlockall(MCL_FUTURE) the reservation is locked, and mmap() would count it as well. */
	munlock(place, size);
	start = mmap(place, size, protection, MAP_SHARED | MAP_FIXED, section->fd, 0);
	if (start == MAP_FAILED)
		return -errno;
	/* A library that intercepts mmap(), too. */
	if (start != place) {
		munmap(start, size);
		munmap(place, size);
		return -ENOMEM;
	}
	section->base = place;
	/* The module does that itself; memfd does not. */
	if (!dumped)
		madvise(place, size, MADV_DONTDUMP);
	return 0;
}

/* Query the section and map it. Fails if the descriptor is not that of a section. */
static int show(struct ndshm_section *section)
{
	struct ndshm_section_query_args argument = { .size = sizeof(argument) };
	struct ndshm *ndshm = section->ndshm;
	int error;

	if (section->kind->command(section, NO_HOLDER, NDSHM_SECTION_QUERY, &argument))
		return ndshm__refuse(ndshm, NDSHM_REASON_DESCRIPTOR);
	section->size = argument.out_max_size;
	section->readonly = argument.out_flags & NDSHM_SECTION_READONLY;
	error = argument.out_flags & NDSHM_SECTION_DELETED ?
		-EIDRM : map(section, argument.out_flags & NDSHM_SECTION_DUMP);
	/* mmap() returns no reason; derive it from the errno. */
	if (error == -EIDRM)
		return ndshm__refuse(ndshm, NDSHM_REASON_SECTION_DELETED);
	if (error == -ENODEV)
		return ndshm__refuse(ndshm, NDSHM_REASON_SECTION_REVOKED);
	return ndshm__map_done(ndshm, error, section->size + SECTION_ALIGN);
}

/*
 * Extents of ndshm_extent_alloc()
 */

/* The smallest page size. */
#define RAW_PAGE	4096U
#define RAW_WORD_BITS	(8 * sizeof(unsigned long))

static size_t raw_bytes(const struct ndshm_section *section)
{
	return (section->size / RAW_PAGE / RAW_WORD_BITS + 1) * sizeof(unsigned long);
}

/* Of several threads that map the bits, the first sets section->raw. */
static int raw_set_up(struct ndshm_section *section)
{
	atomic_ulong *seen = NULL, *made;

	if (section->raw)
		return 0;
	made = ndshm__memory_map(raw_bytes(section));
	if (!made)
		return -errno;
	if (!atomic_compare_exchange_strong(&section->raw, &seen, made))
		ndshm__memory_unmap(made, raw_bytes(section));
	return 0;
}

static unsigned long raw_bit(uint64_t offset)
{
	return 1UL << offset / RAW_PAGE % RAW_WORD_BITS;
}

static atomic_ulong *raw_word(const struct ndshm_section *section, uint64_t offset)
{
	atomic_ulong *raw = section->raw;

	return &raw[offset / RAW_PAGE / RAW_WORD_BITS];
}

static void raw_add(const struct ndshm_section *section, uint64_t offset)
{
	atomic_fetch_or(raw_word(section, offset), raw_bit(offset));
}

/* Return true in exactly one of several threads that remove the same extent. */
static bool raw_remove(const struct ndshm_section *section, uint64_t offset)
{
	return section->raw &&
	       atomic_fetch_and(raw_word(section, offset), ~raw_bit(offset)) & raw_bit(offset);
}

/*
 * Life cycle
 */

/* Returns NULL without memory. */
static struct ndshm_section *make_object(struct ndshm *ndshm)
{
	struct ndshm_section *section;

	if (ndshm__process_open())
		return NULL;
	section = calloc(1, sizeof(*section));
	if (!section)
		return NULL;
	section->fd = -1;
	section->heap = &ndshm__no_heap;
	section->ndshm = ndshm;
	ndshm__get(ndshm);
	return section;
}

/* Sections that a child of fork() does not inherit; protected by ndshm__lock(). */
static struct ndshm_section *alone;

static void remove_alone(struct ndshm_section *section)
{
	struct ndshm_section **at;

	ndshm__lock();
	for (at = &alone; *at != section; at = &(*at)->next)
		;
	*at = section->next;
	ndshm__unlock();
}

/* No other thread exists. The mapping is not there. */
void ndshm__sections_abandon(void)
{
	for (struct ndshm_section *section = alone; section; section = section->next) {
		if (!section->kind)
			continue;
		drop_inherited(section);
		section->kind->close(section);
		section->kind = NULL;
		section->fd = -1;
		section->base = NULL;
	}
}

static void free_object(struct ndshm_section *section)
{
	if (section->alone)
		remove_alone(section);
	if (section->heap != &ndshm__no_heap)
		ndshm__heap_close(section->heap);
	if (section->holder)
		section->kind->detach(section, number_of(section->holder));
	if (section->raw)
		ndshm__memory_unmap(section->raw, raw_bytes(section));
	ndshm__section_dma_close(section);
	if (section->base)
		munmap(section->base, section->size);
	if (section->kind)
		section->kind->close(section);
	else if (section->fd >= 0)
		ndshm__close(section->fd);
	ndshm__put(section->ndshm);
	free(section);
}

/* The end of a call that makes a section. */
static int finish(struct ndshm_section *section, int error, struct ndshm_section **out)
{
	/* Does not drop the last reference to the context, which stores the reason. */
	if (error)
		free_object(section);
	else
		*out = section;
	return error;
}

/* A name that is too long has one byte more than the longest, whatever its length. */
static uint32_t length_of(const char *name)
{
	return strnlen(name, NDSHM_SECTION_NAME_BYTES + 1);
}

/*
 * A module without NDSHM_FEATURE_NAMES rejects the argument with the reason for one that is
 * too long, which is no help. No other backend has names.
 */
static int check_names(struct ndshm *ndshm)
{
	return ndshm->info.out_features & NDSHM_FEATURE_NAMES ?
	       0 : ndshm__done(ndshm, -EOPNOTSUPP);
}

NDSHM_API int ndshm_section_create(struct ndshm *ndshm,
				   const struct ndshm_section_request *request,
				   struct ndshm_section **out)
{
	struct ndshm_section_create_args argument = {
		.size = sizeof(argument),
		.flags = request->flags,
		.adapter = request->adapter ? request->adapter :
					      ndshm->info.out_default_adapter,
		.provider = request->provider,
		.max_size = request->max_size,
		.initial_size = request->initial_size,
		.preferred_node = request->node,
	};
	unsigned int given = ndshm__block_cache_given(ndshm);
	struct ndshm_section *section;
	int error;

	*out = NULL;
	if (request->name) {
		error = check_names(ndshm);
		if (error)
			return error;
		argument.name = (uintptr_t)request->name;
		argument.name_length = length_of(request->name);
		argument.group = request->group;
		argument.mode = request->mode;
	}
	section = make_object(ndshm);
	if (!section)
		return ndshm__done(ndshm, -ENOMEM);
	do {
		error = ndshm->backend->create_section(ndshm, &argument, section);
	} while (ndshm__block_cache_refused(ndshm, error, &given));
	error = error ? ndshm__answer(ndshm, error, &argument) : show(section);
	return finish(section, error, out);
}

NDSHM_API int ndshm_section_open(struct ndshm *ndshm, uint32_t owner, const char *name,
				 uint32_t flags, struct ndshm_section **out)
{
	struct ndshm_section_open_args argument = {
		.size = sizeof(argument),
		.flags = flags,
		.name = (uintptr_t)name,
		.name_length = length_of(name),
		.owner = owner,
	};
	struct ndshm_section *section;
	int error;

	*out = NULL;
	error = check_names(ndshm);
	if (error)
		return error;
	section = make_object(ndshm);
	if (!section)
		return ndshm__done(ndshm, -ENOMEM);
	error = ndshm__command(ndshm, NDSHM_SECTION_OPEN, &argument);
	if (!error) {
		section->kind = &ndshm__section_module;
		section->fd = argument.out_section;
		error = show(section);
	}
	return finish(section, error, out);
}

/* Find the kind that recognises the descriptor. */
static int find_kind(struct ndshm_section *section)
{
	static const struct ndshm_section_kind *const kinds[] = {
		&ndshm__section_module,
		&ndshm__section_memfd,
	};
	int error = -ENOTTY;

	for (size_t i = 0; error == -ENOTTY && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		error = kinds[i]->adopt(section);
		if (!error)
			section->kind = kinds[i];
	}
	if (error == -ENOTTY)
		return ndshm__refuse(section->ndshm, NDSHM_REASON_DESCRIPTOR);
	return ndshm__done(section->ndshm, error);
}

static int adopt(struct ndshm_section *section, int fd)
{
	int error;

	section->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (section->fd < 0)
		return ndshm__refuse(section->ndshm, errno == EBADF ? NDSHM_REASON_DESCRIPTOR :
								      NDSHM_REASON_DESCRIPTORS);
	error = find_kind(section);
	return error ? error : show(section);
}

NDSHM_API int ndshm_section_adopt(struct ndshm *ndshm, int fd, struct ndshm_section **out)
{
	struct ndshm_section *section = make_object(ndshm);

	*out = NULL;
	return section ? finish(section, adopt(section, fd), out) :
			 ndshm__done(ndshm, -ENOMEM);
}

NDSHM_API void ndshm_section_close(struct ndshm_section *section)
{
	if (section)
		free_object(section);
}

NDSHM_API int ndshm_section_dont_fork(struct ndshm_section *section)
{
	int holder, error = 0;

	if (!section->kind)
		return ndshm__refuse(section->ndshm, NDSHM_REASON_DESCRIPTOR);
	/* Else a fork could come between its creation and its entry in the section. */
	if (section->kind == &ndshm__section_module && !section->readonly)
		error = hold(section, &holder);
	if (error)
		return error;
	/* A child of fork() has either both, the mapping and the section, or neither. */
	ndshm__lock();
	if (madvise(section->base, section->size, MADV_DONTFORK))
		error = -errno;
	if (!error && !section->alone) {
		section->alone = true;
		section->next = alone;
		alone = section;
	}
	ndshm__unlock();
	return ndshm__done(section->ndshm, error);
}

static int delete_section(struct ndshm_section *section, uint32_t flags)
{
	struct ndshm_section_delete_args argument = {
		.size = sizeof(argument),
		.flags = flags,
		.holder = NO_HOLDER,
	};
	uint64_t held;

	drop_inherited(section);
	held = section->holder;
	if (held)
		argument.holder = number_of(held);
	return section_command(section, NDSHM_SECTION_DELETE, &argument);
}

NDSHM_API int ndshm_delete_section_id(struct ndshm *ndshm, uint32_t id, uint32_t flags)
{
	struct ndshm_section_delete_id_args argument = {
		.size = sizeof(argument),
		.flags = flags,
		.id = id,
	};

	int error = ndshm__command(ndshm, NDSHM_SECTION_DELETE_ID, &argument);

	return error == -ENOTTY ? ndshm__done(ndshm, -EOPNOTSUPP) : error;
}

NDSHM_API int ndshm_section_delete(struct ndshm_section *section, uint32_t flags)
{
	int error = delete_section(section, flags);

	/* Extents that clients of this process only keep in reserve do not count. */
	if (error == -EBUSY && ndshm__section_reclaim(section))
		error = delete_section(section, flags);
	return error;
}

/*
 * Properties
 */

NDSHM_API int ndshm_section_share(struct ndshm_section *section, uint32_t flags, int *fd)
{
	struct ndshm_section_share_args argument = { .size = sizeof(argument), .flags = flags };
	int error = section_command(section, NDSHM_SECTION_SHARE, &argument);

	*fd = error ? -1 : argument.out_section;
	return error;
}

NDSHM_API int ndshm_section_fd(const struct ndshm_section *section)
{
	return section->fd;
}

NDSHM_API void *ndshm_section_base(const struct ndshm_section *section)
{
	return section->base;
}

NDSHM_API uint64_t ndshm_section_size(const struct ndshm_section *section)
{
	return section->size;
}

NDSHM_API int ndshm_section_query_sized(struct ndshm_section *section,
					struct ndshm_section_info *info, size_t size)
{
	struct ndshm_section_query_args argument = { .size = sizeof(argument) };
	struct ndshm_section_info all;
	int error = section_command(section, NDSHM_SECTION_QUERY, &argument);

	if (error)
		return error;
	all = (struct ndshm_section_info){
		.max_size = argument.out_max_size,
		.initial_size = argument.out_initial_size,
		.committed = argument.out_committed,
		.taken = argument.out_taken,
		.id = argument.out_id,
		.flags = argument.out_flags,
		.extents = argument.out_extents,
		.holders = argument.out_holders,
		.adapter = argument.out_adapter,
		.provider = argument.out_provider,
	};
	return ndshm__done(section->ndshm, ndshm__fill(info, size, &all, sizeof(all)));
}

NDSHM_API int ndshm_section_sync(struct ndshm_section *section, uint32_t direction,
				 uint64_t offset, uint64_t length)
{
	struct ndshm_section_sync_args argument = {
		.size = sizeof(argument),
		.direction = direction,
		.offset = offset,
		.length = length,
	};

	return section_command(section, NDSHM_SECTION_SYNC, &argument);
}

NDSHM_API int ndshm_section_export(struct ndshm_section *section, uint64_t offset, uint64_t length,
				   int flags, int *fd)
{
	struct ndshm_section_export_args argument = {
		.size = sizeof(argument),
		.fd_flags = (uint32_t)flags,
		.offset = offset,
		.length = length,
	};
	int error = section_command(section, NDSHM_SECTION_EXPORT, &argument);

	*fd = error ? -1 : argument.out_dmabuf;
	return error;
}

/*
 * Extents
 */

int ndshm__section_extent_alloc(struct ndshm_section *section, uint64_t length,
				uint64_t alignment, uint64_t *offset, uint64_t *out_length)
{
	struct ndshm_extent_alloc_args argument = {
		.size = sizeof(argument),
		.length = length,
		.alignment = alignment,
	};
	int error = holder_command(section, NDSHM_EXTENT_ALLOC, &argument);

	*offset = error ? 0 : argument.out_offset;
	*out_length = error ? 0 : argument.out_length;
	return error;
}

int ndshm__section_extent_free(struct ndshm_section *section, uint64_t offset)
{
	struct ndshm_extent_free_args argument = { .size = sizeof(argument), .offset = offset };

	return holder_command(section, NDSHM_EXTENT_FREE, &argument);
}

NDSHM_API int ndshm_extent_alloc(struct ndshm_section *section, uint64_t length,
				 uint64_t alignment, uint64_t *offset, uint64_t *out_length)
{
	int error = raw_set_up(section);

	*offset = *out_length = 0;
	if (error)
		return ndshm__map_done(section->ndshm, error, raw_bytes(section));
	error = ndshm__section_extent_alloc(section, length, alignment, offset, out_length);
	/* What the heaps of this process only keep in reserve is not in use. */
	if (error == -ENOSPC && length <= section->size && ndshm__section_reclaim(section))
		error = ndshm__section_extent_alloc(section, length, alignment, offset,
						    out_length);
	if (error)
		return error;
	/* A bad reply of the backend must not index beyond the bits. */
	if (*offset >= section->size) {
		*offset = *out_length = 0;
		return ndshm__done(section->ndshm, -EIO);
	}
	raw_add(section, *offset);
	return 0;
}

NDSHM_API int ndshm_extent_free(struct ndshm_section *section, uint64_t offset)
{
	int error;

	/* Without an extent there, or a section in this child: the command has the reason. */
	if (!section->kind || offset % RAW_PAGE || offset >= section->size)
		return ndshm__section_extent_free(section, offset);
	/*
	 * Remove it first: once the backend has freed it, the heap may get an extent at the
	 * same offset.
	 */
	if (!raw_remove(section, offset))
		return ndshm__refuse(section->ndshm, NDSHM_REASON_EXTENT_UNKNOWN);
	error = ndshm__section_extent_free(section, offset);
	/* The extent still exists; a later call can free it. */
	if (error)
		raw_add(section, offset);
	return error;
}

NDSHM_API int ndshm_extent_query(struct ndshm_section *section, uint64_t offset,
				 struct ndshm_segment *segments, size_t capacity, size_t *count)
{
	struct ndshm_extent_query_args argument = {
		.size = sizeof(argument),
		.offset = offset,
		.segments = capacity ? (uintptr_t)segments : 0,
		.segment_capacity = capacity < UINT32_MAX ? capacity : UINT32_MAX,
	};
	int error = holder_command(section, NDSHM_EXTENT_QUERY, &argument);

	*count = error && error != -ENOSPC ? 0 : argument.out_segments;
	return error;
}
