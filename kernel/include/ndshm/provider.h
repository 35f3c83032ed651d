/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Providers: those who supply memory.
 */
#ifndef _NDSHM_PROVIDER_H
#define _NDSHM_PROVIDER_H

#include <linux/bits.h>
#include <linux/mm.h>

#include <ndshm/block.h>

struct module;
struct page;

#define NDSHM_OBJECT_TYPE_PROVIDER_CHARACTERISTICS	0xB0
#define NDSHM_PROVIDER_CHARACTERISTICS_REVISION_1	1

/* Longest name of a provider or an adapter, with its terminating zero. */
#define NDSHM_NAME_SIZE	32

/**
 * ndshm_name_valid - can an adapter or a provider have that name?
 * @name: ended by a zero
 *
 * Context: any.
 * Return: true for 1 to NDSHM_NAME_SIZE - 1 printable ASCII characters, no blank, no
 * slash.
 */
bool ndshm_name_valid(const char *name);

/**
 * typedef ndshm_allocate_handler - supply memory for one block
 * @provider_context: of the characteristics
 * @parameters: what is asked: a valid revision 1 or 2 structure of the core.
 *	The handler sets virtual_address (NULL if it has none), consumed and
 *	needs_sync, and adds at least one segment to list; the segments cover the
 *	length rounded up to pages, in order and without overlap, and are one if
 *	NDSHM_ALLOC_CONTIGUOUS is set.
 * @context: out: the provider's own handle of the block; NULL is legal
 *
 * Context: process: the caller's, or a kernel worker on behalf of whoever asked, so
 * that nothing is to be concluded from the calling task; may sleep; no lock of ndshm is
 * held.
 * Return: SUCCESS, RESOURCES, INVALID_PARAMETER or FAILURE. Anything else
 * reaches the caller as FAILURE.
 */
typedef ndshm_status_t (*ndshm_allocate_handler)(void *provider_context,
						 struct ndshm_parameters *parameters,
						 void **context);

/**
 * ndshm_allocation_unwanted() - Test whether an allocation should be given up
 * @parameters: argument of the running allocate handler
 *
 * The end of an adapter, a provider, a claim or a queue waits for the allocations that
 * are under way. A handler that takes long must therefore call this at least once for
 * each MiB, and return RESOURCES if it returns true. A success after that is freed.
 *
 * Context: the allocate handler.
 * Return: true if the caller was killed, if the request was aborted, or if the adapter,
 * the provider, the claim or the queue ends.
 */
bool ndshm_allocation_unwanted(const struct ndshm_parameters *parameters);

/**
 * typedef ndshm_free_handler - take one block's memory back
 * @provider_context: of the characteristics that made the block
 * @context: what the allocate handler gave
 *
 * Called exactly once for each success. It cannot fail.
 *
 * Context: process; may sleep; no lock of ndshm and no mmap lock is held.
 */
typedef void (*ndshm_free_handler)(void *provider_context, void *context);

/**
 * struct ndshm_provider_characteristics - the two handlers of a provider
 * @header: type NDSHM_OBJECT_TYPE_PROVIDER_CHARACTERISTICS, revision 1
 * @flags: reserved for NDIS: shown, and otherwise ignored
 * @provider_context: first argument of both handlers
 * @allocate: makes memory
 * @free: takes it back
 */
struct ndshm_provider_characteristics {
	struct ndshm_object_header header;
	u32 flags;
	void *provider_context;
	ndshm_allocate_handler allocate;
	ndshm_free_handler free;
};

#define NDSHM_SIZEOF_PROVIDER_CHARACTERISTICS_REVISION_1 \
	offsetofend(struct ndshm_provider_characteristics, free)

#define NDSHM_PROVIDER_CHARACTERISTICS_HEADER { \
	.type = NDSHM_OBJECT_TYPE_PROVIDER_CHARACTERISTICS, \
	.revision = NDSHM_PROVIDER_CHARACTERISTICS_REVISION_1, \
	.size = NDSHM_SIZEOF_PROVIDER_CHARACTERISTICS_REVISION_1, \
}

/* Clients may have its memory; without it only kernel code may. */
#define NDSHM_PROVIDER_OPEN	BIT(0)

/**
 * struct ndshm_provider_ops - what Linux adds to the characteristics
 * @name: how users name the provider; NULL: it is given one
 * @owner: module that holds the handlers; pinned while blocks live
 * @flags: NDSHM_PROVIDER_*
 * @pfn: the frame of the page at @index of a block (@context), in pages from its first
 *	byte; *@count is set to the number of pages from there on, at least 1, whose
 *	frames follow it, and *@prot, which is that of an ordinary mapping, is changed
 *	to the protection of all of these, which must be of the same memory type as the
 *	kernel's own mapping. The lock of a page table is held: it must not sleep, and
 *	not allocate.
 * @page: the page at @index of a block (@context), in pages from its first byte,
 *	which is the same one each time. Pages are of ordinary memory, single or
 *	compound, and go when the last reference does; until the free handler
 *	runs the block has one reference to each, and no other block has it. The
 *	folio's index is its place in the block, and that a multiple of its size;
 *	its lock, private data and lru are the core's. Does not sleep; a lock of
 *	the block's may be held.
 *
 * @sync: make the device and the processors see the same in a range of a block
 *	(@context), which is not empty and within it: before the device works on
 *	it (@for_device), or after. NULL: they always do. Does not sleep; a lock
 *	of the block's may be held.
 *
 * Memory that has no pages, or whose pages are not the provider's to share, is shown by
 * @pfn, and cannot be pinned; pages by @page, and @pfn is not called then. Either is
 * called when the memory is touched. Without any of the two blocks cannot be mapped.
 */
struct ndshm_provider_ops {
	const char *name;
	struct module *owner;
	u32 flags;
	unsigned long (*pfn)(void *provider_context, void *context,
			     pgoff_t index, unsigned long *count,
			     pgprot_t *prot);
	struct page *(*page)(void *provider_context, void *context,
			     pgoff_t index);
	void (*sync)(void *provider_context, void *context, bool for_device,
		     u64 offset, u64 length);
};

/**
 * ndshm_kernel_pfn() - Find the frame of memory that the kernel has an address of
 * @address: of the memory, of the direct mapping or of vmalloc's range
 * @size: of all of it from @address on, in bytes
 * @index: which page of it
 * @count: out: how many pages from there on have frames that follow one another
 *
 * For memory of the DMA API and the @pfn handler of its provider. It is right only where
 * memory is not encrypted: see cc_platform_has().
 *
 * Context: any.
 * Return: the frame.
 */
static inline unsigned long ndshm_kernel_pfn(void *address, size_t size,
					     pgoff_t index,
					     unsigned long *count)
{
	address += index << PAGE_SHIFT;
	if (is_vmalloc_addr(address)) {
		*count = 1;
		return vmalloc_to_pfn(address);
	}
	*count = (size >> PAGE_SHIFT) - index;
	return page_to_pfn(virt_to_page(address));
}

/**
 * enum ndshm_scope - for whom a provider is the default
 * @NDSHM_SCOPE_NAMED: for nobody: it serves those who name it
 * @NDSHM_SCOPE_MACHINE: for every adapter without one of its own
 * @NDSHM_SCOPE_ADAPTER: for one adapter, and serves no other, whoever names it
 */
enum ndshm_scope {
	NDSHM_SCOPE_NAMED,
	NDSHM_SCOPE_MACHINE,
	NDSHM_SCOPE_ADAPTER,
};

/**
 * ndshm_provider_register - offer memory, or change how it is offered
 * @characteristics: the two handlers; copied
 * @ops: what Linux adds, or NULL; copied
 * @scope: for whom it is the default
 * @adapter: for NDSHM_SCOPE_ADAPTER only
 * @provider: the handle
 *
 * With *provider NULL a new provider comes into being, whose handle is stored
 * there last. With a handle from an earlier call the characteristics (and the
 * handlers of @ops) are replaced for new blocks; name (or NULL), owner and flags of
 * @ops must be as before, scope and adapter stay as they were; blocks that live go
 * back to the handlers that made them.
 *
 * Context: process; may sleep.
 * Return: a reason: of the characteristics, FLAGS, NAME, NAME_TAKEN, SCOPE_TAKEN,
 * ADAPTER_UNKNOWN (@adapter is not what goes with @scope), ADAPTER_REMOVED or MEMORY,
 * or none.
 */
ndshm_reason_t
ndshm_provider_register(const struct ndshm_provider_characteristics *characteristics,
			const struct ndshm_provider_ops *ops,
			enum ndshm_scope scope, struct ndshm_adapter *adapter,
			struct ndshm_provider **provider);

/**
 * ndshm_provider_unregister - stop offering memory
 * @provider: from ndshm_provider_register()
 *
 * On success no handler runs any more when it returns, and the handle is dead.
 *
 * Context: process; may sleep.
 * Return: PROVIDER_IN_USE, and nothing has changed, while blocks live; or none.
 */
ndshm_reason_t ndshm_provider_unregister(struct ndshm_provider *provider);

/**
 * ndshm_provider_revoke - the provider's device goes, which nobody can refuse
 * @provider: from ndshm_provider_register(); dead when it returns
 *
 * Every block is revoked and freed through its handler, then the provider is
 * unregistered.
 *
 * Context: process; may sleep.
 */
void ndshm_provider_revoke(struct ndshm_provider *provider);

/**
 * ndshm_provider_find - hold a provider, to be named in requests
 * @name: as it is registered
 *
 * It does not keep the provider from going: then a request is PROVIDER_CLOSING.
 *
 * Context: process; may sleep.
 * Return: the provider, for ndshm_provider_put(); NULL: none of that name.
 */
struct ndshm_provider *ndshm_provider_find(const char *name);

/**
 * ndshm_provider_put - do not hold a provider any more
 * @provider: from ndshm_provider_find()
 */
void ndshm_provider_put(struct ndshm_provider *provider);

#endif /* _NDSHM_PROVIDER_H */
