/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Providers: the suppliers of memory for blocks.
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

/* Maximum size of the name of a provider or an adapter, with its terminating NUL. */
#define NDSHM_NAME_SIZE	32

/**
 * ndshm_name_valid() - Check the name of an adapter or a provider
 * @name: NUL-terminated string
 *
 * Context: Any.
 * Return: true for 1 to NDSHM_NAME_SIZE - 1 printable ASCII characters without blanks and
 * slashes.
 */
bool ndshm_name_valid(const char *name);

/**
 * typedef ndshm_allocate_handler - allocate memory for one block
 * @provider_context: of the characteristics
 * @parameters: parameters of the core, revision 1 or 2. The handler sets virtual_address
 *	(NULL without a kernel mapping; of memory that can be mapped, of whole pages),
 *	consumed and needs_sync, and adds at least one segment to list. The segments must
 *	cover the length rounded up to pages, in order and without overlap; there must be
 *	exactly one if NDSHM_ALLOC_CONTIGUOUS is set.
 * @context: the provider's handle of the block: initially the address of @context_size
 *	bytes of zeroes, or NULL if that is 0. They are freed when the handler has failed,
 *	or else after the free handler. The handler may store another
 *
 * Context: Process context: the requester's, or a kernel worker's on its behalf, so the
 * handler must not rely on properties of the current task; may sleep; no lock of ndshm is
 * held.
 * Return: SUCCESS, RESOURCES, INVALID_PARAMETER or FAILURE. Any other status is reported
 * to the requester as FAILURE.
 */
typedef ndshm_status_t (*ndshm_allocate_handler)(void *provider_context,
						 struct ndshm_parameters *parameters,
						 void **context);

/**
 * ndshm_allocation_unwanted() - Test whether an allocation should be abandoned
 * @parameters: argument of the running allocate handler
 *
 * Removing an adapter, a provider, a claim or a queue waits for running allocations. A
 * handler that can take long must therefore call this at least once for each 2 MiB, and
 * return RESOURCES if it returns true. Memory allocated in spite of that is freed.
 *
 * Context: The allocate handler, in the task that called it.
 * Return: true if the requester was killed, if the request was aborted, or if the
 * adapter, the provider, the claim or the queue is being removed.
 */
bool ndshm_allocation_unwanted(const struct ndshm_parameters *parameters);

/**
 * typedef ndshm_free_handler - free the memory of one block
 * @provider_context: of the characteristics that allocated the block
 * @context: value stored by the allocate handler
 *
 * Called exactly once for each successful allocation. Must not fail.
 *
 * Context: Process context; may sleep; no lock of ndshm and no mmap lock is held.
 */
typedef void (*ndshm_free_handler)(void *provider_context, void *context);

/**
 * struct ndshm_provider_characteristics - handlers of a provider
 * @header: type NDSHM_OBJECT_TYPE_PROVIDER_CHARACTERISTICS, revision 1
 * @flags: reserved for NDIS: reported to users, otherwise ignored
 * @provider_context: first argument of both handlers
 * @allocate: allocates memory for a block
 * @free: frees it
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

/* Clients may allocate from the provider; without this flag only kernel code can. */
#define NDSHM_PROVIDER_OPEN	BIT(0)

/**
 * struct ndshm_provider_ops - Linux-specific properties of a provider
 * @name: name for users; NULL: the core generates one
 * @owner: module of the handlers; pinned while blocks exist
 * @flags: NDSHM_PROVIDER_*
 * @context_size: bytes that the core allocates with each block for the provider's use, at
 *	most PAGE_SIZE; aligned to 8 bytes, and not for DMA
 * @pfn: Returns the frame of the page at @index of a block (@context). Sets *@count to
 *	the number of pages, at least 1, whose frames are consecutive from there on.
 *	Changes *@prot, initially that of an ordinary mapping, to the protection of all
 *	these pages, whose memory type must be that of the kernel's own mapping. Called
 *	with a spinlock of the block held: must not sleep or allocate.
 * @page: Returns the page at @index of a block (@context), the same on every call. Pages
 *	must be ordinary memory, single or compound, and are freed with their last
 *	reference. Until the free handler runs the block has one reference to each page,
 *	which must not be part of another block. A folio's position in the block is a
 *	multiple of its size; its index is that and @first_index of the parameters. Its
 *	lock and its mapping are reserved for the core. The free handler must not free a
 *	large folio with a poisoned page, which cannot be split.
 *	Must not sleep; a lock of the block may be held.
 *
 * @sync: Synchronise a non-empty range of a block (@context) before device access
 *	(@for_device) or after it. NULL: the memory is coherent. Must not sleep; a lock
 *	of the block may be held.
 *
 * @pfn is for memory without struct pages, or with pages that must not be shared; such
 * mappings cannot be pinned. @page is for all other memory; @pfn is then not called. Both
 * are called on page faults. Without either, blocks cannot be mapped.
 */
struct ndshm_provider_ops {
	const char *name;
	struct module *owner;
	u32 flags;
	u32 context_size;
	unsigned long (*pfn)(void *provider_context, void *context,
			     pgoff_t index, unsigned long *count,
			     pgprot_t *prot);
	struct page *(*page)(void *provider_context, void *context,
			     pgoff_t index);
	void (*sync)(void *provider_context, void *context, bool for_device,
		     u64 offset, u64 length);
};

/**
 * ndshm_kernel_pfn() - Find the frame of memory with a kernel address
 * @address: start of the memory, in the direct mapping or the vmalloc range
 * @size: size of the memory in bytes
 * @index: index of the page
 * @count: out: number of consecutive frames from there on
 *
 * A helper for the @pfn handlers of providers that use the DMA API. Correct only if the
 * memory is not encrypted: see cc_platform_has().
 *
 * Context: Any.
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
 * enum ndshm_scope - adapters for which a provider is the default
 * @NDSHM_SCOPE_NAMED: none; the provider serves requests that name it
 * @NDSHM_SCOPE_MACHINE: all adapters without a provider of their own
 * @NDSHM_SCOPE_ADAPTER: one adapter; requests for other adapters cannot use it
 */
enum ndshm_scope {
	NDSHM_SCOPE_NAMED,
	NDSHM_SCOPE_MACHINE,
	NDSHM_SCOPE_ADAPTER,
};

/**
 * ndshm_provider_register() - Register a provider
 * @characteristics: the handlers; copied
 * @ops: Linux-specific properties, or NULL; copied
 * @scope: adapters for which it is the default
 * @adapter: for NDSHM_SCOPE_ADAPTER only, else NULL
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * The handlers can be called before this function returns.
 *
 * Context: Process context; may sleep.
 * Return: the new provider, or an ERR_PTR() with a reason for invalid characteristics,
 * FLAGS, NAME, LENGTH_LIMIT (of the context), NAME_TAKEN, SCOPE_TAKEN, ADAPTER_UNKNOWN
 * (@adapter does not match @scope), ADAPTER_REMOVED or MEMORY.
 */
struct ndshm_provider *
ndshm_provider_register(const struct ndshm_provider_characteristics *characteristics,
			const struct ndshm_provider_ops *ops,
			enum ndshm_scope scope, struct ndshm_adapter *adapter,
			ndshm_reason_t *reason);

/**
 * ndshm_provider_replace() - Replace the handlers of a provider
 * @provider: from ndshm_provider_register()
 * @characteristics: the new handlers; copied
 * @ops: the new handlers and @context_size with the name (or NULL), owner and flags of the
 *	registration, or NULL, which has neither; copied
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * New blocks use the new handlers; existing blocks are freed by the handlers that
 * allocated them. Scope and adapter do not change. Calls for a provider must not be
 * concurrent with its end.
 *
 * Context: Process context; may sleep.
 * Return: 0, or a negative errno with a reason for invalid characteristics, FLAGS, NAME,
 * LENGTH_LIMIT (of the context), SCOPE_TAKEN (another owner) or MEMORY; on failure nothing
 * changes.
 */
int ndshm_provider_replace(struct ndshm_provider *provider,
			   const struct ndshm_provider_characteristics *characteristics,
			   const struct ndshm_provider_ops *ops,
			   ndshm_reason_t *reason);

/**
 * ndshm_provider_unregister() - Unregister a provider that has no blocks
 * @provider: from ndshm_provider_register()
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * On success no handler runs after the return, and the handle is invalid.
 *
 * Context: Process context; may sleep.
 * Return: 0, or -EBUSY with the reason PROVIDER_IN_USE, and nothing changes, while blocks
 * exist.
 */
int ndshm_provider_unregister(struct ndshm_provider *provider,
			      ndshm_reason_t *reason);

/**
 * ndshm_provider_revoke() - Revoke all blocks of a provider and unregister it
 * @provider: from ndshm_provider_register(); invalid on return
 *
 * For the removal of the provider's device, which cannot be refused. Every block is
 * revoked and freed through its handler, then the provider is unregistered.
 *
 * An owner that keeps a block (ndshm_block_keep()) for more than NDSHM_KEEP_SECONDS is not waited
 * for: such blocks are never passed to the free handler, and lines in the log name them. Their
 * memory must be neither unmapped nor used again, and the module cannot be unloaded.
 *
 * Context: Process context; may sleep.
 * Return: 0, or -ETIMEDOUT if blocks are kept; the provider is unregistered in both cases.
 */
int __must_check ndshm_provider_revoke(struct ndshm_provider *provider);

/**
 * ndshm_provider_find() - Find a provider by name and take a reference
 * @name: name of a registered provider
 *
 * The reference allows to name the provider in requests. It does not prevent the
 * provider's removal, after which requests fail with PROVIDER_CLOSING.
 *
 * Context: Process context; may sleep.
 * Return: the provider, to be released with ndshm_provider_put(), or NULL if none has
 * this name.
 */
struct ndshm_provider *ndshm_provider_find(const char *name);

/**
 * ndshm_provider_put() - Drop a reference to a provider
 * @provider: from ndshm_provider_find()
 *
 * Context: Process context; may sleep.
 */
void ndshm_provider_put(struct ndshm_provider *provider);

#endif /* _NDSHM_PROVIDER_H */
