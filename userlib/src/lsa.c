// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The four LSA functions: each section has a heap.
 */
#include <errno.h>
#include <stdlib.h>

#include <ndshm/lsa.h>

#include "section_internal.h"

/**
 * struct entry - maps a base address to a section
 * @next: next entry of the same bucket; constant
 * @base: address of the section; NULL: the entry can be reused
 * @section: the section; constant while @base is set, as is @heap
 * @heap: the section's heap
 *
 * Entries are added to their bucket and never removed, so that lookups need no lock. New
 * entries are filled and published under ndshm__lock().
 */
struct entry {
	struct entry *next;
	_Atomic(void *) base;
	struct ndshm_section *section;
	struct ndshm_heap *heap;
};

/* A process can have some ten thousand sections, by the limits of mappings and files. */
#define BUCKETS_SHIFT	12

static _Atomic(struct entry *) buckets[1 << BUCKETS_SHIFT];

/*
 * The process's context, and whether the library has opened it. @adopter is a "section:"
 * context for adopted sections if there was no context. Protected by ndshm__lock().
 */
static struct ndshm *context;
static bool context_is_own;
static struct ndshm *adopter;

/*
 * Entries
 */

/* Bases are multiples of 2 MiB; multiplication spreads those of equal distance. */
static _Atomic(struct entry *) *bucket_of(const void *base)
{
	uint64_t number = (uint64_t)(uintptr_t)base >> 21;

	return &buckets[number * 0x9e3779b97f4a7c15 >> (64 - BUCKETS_SHIFT)];
}

static struct entry *find(void *base)
{
	struct entry *entry = base ? *bucket_of(base) : NULL;

	while (entry && entry->base != base)
		entry = entry->next;
	return entry;
}

/*
 * Return an unused entry for a base, allocated if necessary, or NULL without memory. Called
 * with ndshm__lock() held.
 */
static struct entry *new_entry(const void *base)
{
	_Atomic(struct entry *) *bucket = bucket_of(base);
	struct entry *entry = *bucket;

	while (entry && entry->base)
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

/*
 * Add a section to the entries. Returns its base, or closes the section and returns NULL.
 */
static void *enter(struct ndshm_section *section)
{
	struct ndshm_heap *heap;
	struct entry *entry;
	int error;

	error = ndshm__section_heap(section, &heap);
	if (!error) {
		ndshm__lock();
		entry = new_entry(ndshm_section_base(section));
		if (entry) {
			entry->section = section;
			entry->heap = heap;
			entry->base = ndshm_section_base(section);
		}
		ndshm__unlock();
		if (entry)
			return ndshm_section_base(section);
		error = -ENOMEM;
	}
	ndshm_section_close(section);
	errno = -error;
	return NULL;
}

/*
 * Prevent further lookups of a section. The address of @stopping marks the entry as
 * neither usable nor reusable until end() clears it, so that only one of several threads
 * can succeed.
 */
static struct entry *leave(void *base)
{
	static char stopping;
	struct entry *entry;

	ndshm__lock();
	entry = base == &stopping ? NULL : find(base);
	if (entry)
		entry->base = &stopping;
	ndshm__unlock();
	if (!entry)
		errno = EINVAL;
	return entry;
}

static void end(struct entry *entry)
{
	ndshm_section_close(entry->section);
	entry->base = NULL;
}

/*
 * Contexts
 */

/* Called with ndshm__lock() held. */
static bool use(struct ndshm *ndshm, bool own)
{
	if (!context) {
		context = ndshm;
		context_is_own = own;
	}
	return context == ndshm;
}

/* Return the current context, or open one; NULL on failure. */
static struct ndshm *any_context(void)
{
	struct ndshm *ndshm, *opened;
	int error;

	ndshm__lock();
	ndshm = context;
	ndshm__unlock();
	if (ndshm)
		return ndshm;
	error = ndshm_open(NULL, &opened);
	if (error) {
		errno = -error;
		return NULL;
	}
	ndshm__lock();
	if (use(opened, true))
		opened = NULL;
	ndshm = context;
	ndshm__unlock();
	/* NULL, unless another thread has set the context meanwhile. */
	ndshm_close(opened);
	return ndshm;
}

/* Return a context for ndshm_section_adopt(), which needs no device. */
static struct ndshm *any_adopter(void)
{
	struct ndshm *ndshm, *opened;
	int error;

	ndshm__lock();
	ndshm = context ? context : adopter;
	ndshm__unlock();
	if (ndshm)
		return ndshm;
	error = ndshm_open("section:", &opened);
	if (error) {
		errno = -error;
		return NULL;
	}
	ndshm__lock();
	ndshm = adopter;
	if (!ndshm) {
		ndshm = adopter = opened;
		opened = NULL;
	}
	ndshm__unlock();
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
	bool used;

	if (!ndshm)
		return any_context() ? &table : NULL;
	ndshm__lock();
	used = use(ndshm, false);
	ndshm__unlock();
	if (used)
		return &table;
	errno = EBUSY;
	return NULL;
}

NDSHM_API void ndshm_lsa_release(void)
{
	struct ndshm *own, *other;

	ndshm__lock();
	own = context_is_own ? context : NULL;
	other = adopter;
	context = adopter = NULL;
	context_is_own = false;
	ndshm__unlock();
	ndshm_close(own);
	ndshm_close(other);
}

/*
 * The calls
 */

NDSHM_API PVOID ndshm_lsa_create(ULONG MaxSize, ULONG InitialSize)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	struct ndshm *ndshm = any_context();
	struct ndshm_section *section;
	int error;

	if (!ndshm)
		return NULL;
	request.max_size = MaxSize;
	request.initial_size = InitialSize;
	error = ndshm_section_create(ndshm, &request, &section);
	if (!error)
		return enter(section);
	errno = -error;
	return NULL;
}

NDSHM_API PVOID ndshm_lsa_adopt(int fd)
{
	struct ndshm *ndshm = any_adopter();
	struct ndshm_section *section;
	int error;

	if (!ndshm)
		return NULL;
	error = ndshm_section_adopt(ndshm, fd, &section);
	if (!error)
		return enter(section);
	errno = -error;
	return NULL;
}

NDSHM_API PVOID ndshm_lsa_allocate(PVOID SharedMem, ULONG Size)
{
	struct entry *entry = find(SharedMem);
	void *block = NULL;
	int error = -EINVAL;

	if (entry) {
		block = ndshm__heap_alloc(entry->heap, Size, &error);
		if (!block && ndshm__section_reclaim_for(entry->section, Size, error))
			block = ndshm__heap_alloc(entry->heap, Size, &error);
		if (!block)
			ndshm__section_refuse(entry->section, Size, error);
	}
	if (!block)
		errno = -error;
	return block;
}

NDSHM_API VOID ndshm_lsa_free(PVOID SharedMem, PVOID Memory)
{
	const int before = errno;
	struct entry *entry = find(SharedMem);
	int error = 0;

	if (Memory)
		error = entry ? ndshm__heap_free(entry->heap, Memory) : -EINVAL;
	if (error && entry)
		ndshm__section_misused(entry->section, Memory, error);
	errno = error ? -error : before;
}

NDSHM_API BOOLEAN ndshm_lsa_delete(PVOID SharedMem)
{
	struct entry *entry = leave(SharedMem);
	int error;

	if (!entry)
		return FALSE;
	error = ndshm_section_delete(entry->section, 0);
	if (error) {
		entry->base = SharedMem;
		errno = -error;
		return FALSE;
	}
	end(entry);
	return TRUE;
}

NDSHM_API void ndshm_lsa_close(PVOID SharedMem)
{
	struct entry *entry = leave(SharedMem);

	if (entry)
		end(entry);
}

NDSHM_API struct ndshm_section *ndshm_lsa_section(PVOID SharedMem)
{
	struct entry *entry = find(SharedMem);

	return entry ? entry->section : NULL;
}
