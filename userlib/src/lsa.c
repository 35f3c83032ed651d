// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The four LSA functions, for sections by their address.
 */
#include <errno.h>
#include <stdlib.h>

#include <ndshm/lsa.h>

#include "section_internal.h"

/**
 * struct entry - maps a base address to a section
 * @next: next entry of the same bucket; constant
 * @base: address of the section; NULL: lookups do not find the entry
 * @section: the section; constant while @base is set, but see entry_add(). NULL: the entry can be
 *	reused
 *
 *	state	@base	@section	next states
 *	in use	set	set		hidden
 *	hidden	NULL	set		in use, if the deletion fails; unused
 *	unused	NULL	NULL		in use, by entry_add()
 *
 * A thread that deletes or closes a section hides it first, so that only one of several does. If a
 * fork() comes between, the entry stays hidden in the child: the parent may have been closing the
 * object.
 *
 * Entries are added to their bucket and never removed, so that lookups need no lock: a bucket keeps
 * as many as the greatest number of sections that it had at a time. Entries are changed under
 * ndshm__lock(); only a deletion that fails restores the base of its entry without it.
 */
struct entry {
	struct entry *next;
	_Atomic(void *) base;
	struct ndshm_section *section;
};

/* A process can have some ten thousand sections, by the limits of mappings and files. */
#define BUCKETS_SHIFT	12

static _Atomic(struct entry *) buckets[1 << BUCKETS_SHIFT];

/*
 * Contexts: @given, by the caller of ndshm_lsa_table(), or @own, which the library has opened
 * itself; at most one of the two is set. @adopter: a "section:" context for adopted sections,
 * opened if neither was set. A child of fork() uses those of its parent. Protected by
 * ndshm__lock().
 */
static struct ndshm *given, *own, *adopter;

static void *fail(int error)
{
	errno = -error;
	return NULL;
}

/*
 * Entries
 */

/* Multiplication by 2^64 divided by the golden ratio spreads numbers of equal distance. */
static _Atomic(struct entry *) *bucket_of(const void *base)
{
	uint64_t number = (uint64_t)(uintptr_t)base / SECTION_ALIGN;

	return &buckets[number * 0x9e3779b97f4a7c15 >> (64 - BUCKETS_SHIFT)];
}

/* The section may be used afterwards, as no thread may delete or close it meanwhile. */
static struct entry *entry_find(void *base)
{
	struct entry *entry = base ? *bucket_of(base) : NULL;

	while (entry && entry->base != base)
		entry = entry->next;
	return entry;
}

/* Return an entry without a section. NULL: no memory. Called with ndshm__lock() held. */
static struct entry *entry_get_unused(_Atomic(struct entry *) *bucket)
{
	struct entry *entry = *bucket;

	while (entry && entry->section)
		entry = entry->next;
	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (entry) {
		entry->next = *bucket;
		*bucket = entry;
	}
	return entry;
}

/* Add a section to the entries. Returns its base, or closes the section and returns NULL. */
static void *entry_add(struct ndshm_section *section)
{
	void *base = ndshm_section_base(section);
	struct ndshm_section *stale = NULL;
	struct entry *entry;

	ndshm__lock();
	/*
	 * In a child of fork() the base can have an entry: that of a section with
	 * ndshm_section_dont_fork(), which left its address free.
	 */
	entry = entry_find(base);
	if (!entry)
		entry = entry_get_unused(bucket_of(base));
	if (entry) {
		stale = entry->section;
		entry->section = section;
		/* Last, as lookups take no lock. */
		entry->base = base;
	}
	ndshm__unlock();
	if (!entry) {
		ndshm__done(section->ndshm, -ENOMEM);
		ndshm_section_close(section);
		return fail(-ENOMEM);
	}
	/* Leaves the base alone: this process has no mapping of the stale section. */
	ndshm_section_close(stale);
	return base;
}

/* Prevent further lookups of a section. One of several threads gets its entry, others EINVAL. */
static struct entry *entry_hide(void *base)
{
	struct entry *entry;

	ndshm__lock();
	entry = entry_find(base);
	if (entry)
		entry->base = NULL;
	ndshm__unlock();
	return entry ? entry : fail(-EINVAL);
}

static void entry_close(struct entry *entry)
{
	ndshm_section_close(entry->section);
	ndshm__lock();
	entry->section = NULL;
	ndshm__unlock();
}

/*
 * Contexts
 */

/* Return the process's context, or @other if there is none. Called with ndshm__lock() held. */
static struct ndshm *context_or(struct ndshm *other)
{
	return given ? given : own ? own : other;
}

/*
 * Return the process's context, or else that of *@slot, which is opened at @where first if
 * necessary. Returns NULL with errno on failure.
 */
static struct ndshm *context_get(struct ndshm **slot, const char *where)
{
	struct ndshm *ndshm, *opened;
	int error;

	ndshm__lock();
	ndshm = context_or(*slot);
	ndshm__unlock();
	if (ndshm)
		return ndshm;
	error = ndshm_open(where, &opened);
	if (error)
		return fail(error);
	ndshm__lock();
	ndshm = context_or(*slot);
	if (!ndshm)
		ndshm = *slot = opened;
	ndshm__unlock();
	/* Another thread was first. */
	if (ndshm != opened)
		ndshm_close(opened);
	return ndshm;
}

NDSHM_API const LSA_SECPKG_FUNCTION_TABLE *ndshm_lsa_table(struct ndshm *ndshm)
{
	static const LSA_SECPKG_FUNCTION_TABLE table = {
		.CreateSharedMemory = ndshm_lsa_create,
		.AllocateSharedMemory = ndshm_lsa_allocate,
		.FreeSharedMemory = ndshm_lsa_free,
		.DeleteSharedMemory = ndshm_lsa_delete,
	};
	bool busy;

	if (!ndshm)
		return context_get(&own, NULL) ? &table : NULL;
	ndshm__lock();
	busy = own || (given && given != ndshm);
	if (!busy)
		given = ndshm;
	ndshm__unlock();
	return busy ? fail(-EBUSY) : &table;
}

NDSHM_API void ndshm_lsa_release(void)
{
	struct ndshm *opened[2];

	ndshm__lock();
	opened[0] = own;
	opened[1] = adopter;
	given = own = adopter = NULL;
	ndshm__unlock();
	ndshm_close(opened[0]);
	ndshm_close(opened[1]);
}

/*
 * The calls
 */

NDSHM_API PVOID ndshm_lsa_create(ULONG MaxSize, ULONG InitialSize)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	struct ndshm *ndshm = context_get(&own, NULL);
	struct ndshm_section *section;
	int error;

	if (!ndshm)
		return NULL;
	request.max_size = MaxSize;
	request.initial_size = InitialSize;
	error = ndshm_section_create(ndshm, &request, &section);
	return error ? fail(error) : entry_add(section);
}

NDSHM_API PVOID ndshm_lsa_adopt(int fd)
{
	/* Needs no device. */
	struct ndshm *ndshm = context_get(&adopter, "section:");
	struct ndshm_section *section;
	int error;

	if (!ndshm)
		return NULL;
	error = ndshm_section_adopt(ndshm, fd, &section);
	return error ? fail(error) : entry_add(section);
}

NDSHM_API PVOID ndshm_lsa_allocate(PVOID SharedMem, ULONG Size)
{
	struct entry *entry = entry_find(SharedMem);
	void *block = NULL;
	int error = entry ? ndshm_section_alloc(entry->section, Size, &block) : -EINVAL;

	return error ? fail(error) : block;
}

/* As free(), it does not change errno if there is no error. */
NDSHM_API VOID ndshm_lsa_free(PVOID SharedMem, PVOID Memory)
{
	const int before = errno;
	struct entry *entry = entry_find(SharedMem);
	int error = !Memory ? 0 : entry ? ndshm_section_free(entry->section, Memory) : -EINVAL;

	errno = error ? -error : before;
}

NDSHM_API BOOLEAN ndshm_lsa_delete(PVOID SharedMem)
{
	struct entry *entry = entry_hide(SharedMem);
	int error;

	if (!entry)
		return FALSE;
	error = ndshm_section_delete(entry->section, 0);
	if (error) {
		/* The entry was not reused, as it has a section. */
		entry->base = SharedMem;
		errno = -error;
		return FALSE;
	}
	entry_close(entry);
	return TRUE;
}

NDSHM_API void ndshm_lsa_close(PVOID SharedMem)
{
	struct entry *entry = entry_hide(SharedMem);

	if (entry)
		entry_close(entry);
}

NDSHM_API struct ndshm_section *ndshm_lsa_section(PVOID SharedMem)
{
	struct entry *entry = entry_find(SharedMem);

	return entry ? entry->section : fail(-EINVAL);
}
