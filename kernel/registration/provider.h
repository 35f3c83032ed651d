/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The provider registry.
 */
#ifndef _NDSHM_REGISTRATION_PROVIDER_H
#define _NDSHM_REGISTRATION_PROVIDER_H

#include <linux/refcount.h>

#include <ndshm/provider.h>

#include "../adapter/adapter.h"
#include "../base/registry.h"
#include "../base/blockset.h"

/**
 * struct ndshm_registration - one set of characteristics
 * @references: one of the provider for its current registration, one of each block
 * @provider: the registered provider; holds a reference
 * @characteristics: copy
 * @context_size: from the ops, or 0
 * @pfn: from the ops, or NULL
 * @page: from the ops, or NULL
 * @sync: from the ops, or NULL
 *
 * Immutable. A block keeps the registration that allocated it, and is freed by its
 * handlers after the provider has registered others.
 */
struct ndshm_registration {
	refcount_t references;
	struct ndshm_provider *provider;
	struct ndshm_provider_characteristics characteristics;
	u32 context_size;
	unsigned long (*pfn)(void *provider_context, void *context,
			     pgoff_t index, unsigned long *count,
			     pgprot_t *prot);
	struct page *(*page)(void *provider_context, void *context,
			     pgoff_t index);
	void (*sync)(void *provider_context, void *context, bool for_device,
		     u64 offset, u64 length);
};

/* Return: true if its blocks can be mapped. */
static inline bool
ndshm_registration_mappable(const struct ndshm_registration *registration)
{
	return registration->pfn || registration->page;
}

/* Warnings about a provider, each logged once. */
enum ndshm_warning {
	NDSHM_WARNING_STATUS,
	NDSHM_WARNING_BAD_REPLY,
};

/**
 * struct ndshm_provider - a named supplier of memory
 * @entry: in the registry; registrations and lookups hold references
 * @scope: adapters for which it is the default
 * @adapter: of NDSHM_SCOPE_ADAPTER; holds a reference
 * @place: the default pointer for @scope and @adapter; NULL: it is no default
 * @owner: module of the handlers; pinned by every block
 * @flags: NDSHM_PROVIDER_*
 * @set: its blocks and running allocations
 * @registration: the current one; protected by @set.lock
 * @warned: bits of enum ndshm_warning that were logged
 */
struct ndshm_provider {
	struct ndshm_entry entry;
	enum ndshm_scope scope;
	struct ndshm_adapter *adapter;
	struct ndshm_provider __rcu **place;
	struct module *owner;
	u32 flags;
	struct ndshm_blockset set;
	struct ndshm_registration *registration;
	unsigned long warned;
};

static inline struct ndshm_provider *
ndshm_provider_get(struct ndshm_provider *provider)
{
	refcount_inc(&provider->entry.references);
	return provider;
}

/* A provider of one adapter allocates for the device of that adapter only. */
static inline bool ndshm_provider_serves(const struct ndshm_provider *provider,
					 const struct ndshm_adapter *adapter)
{
	return !provider->adapter || provider->adapter == adapter;
}

/*
 * Find the provider with @id, or, if that is 0, the default for @adapter, or, if that is NULL, the
 * built-in one whose memory has pages. Takes a reference. Return: NULL if there is none.
 */
struct ndshm_provider *ndshm_provider_choose(u32 id, struct ndshm_adapter *adapter);

/*
 * Make @provider the default for adapters of @reach where no other is registered, until it is
 * unregistered.
 */
void ndshm_provider_set_built_in(struct ndshm_provider *provider, enum ndshm_reach reach);

void ndshm_registration_release(struct ndshm_registration *registration);

static inline void ndshm_registration_put(struct ndshm_registration *registration)
{
	if (refcount_dec_and_test(&registration->references))
		ndshm_registration_release(registration);
}

/*
 * Begin an allocation from @provider, or, if it is NULL, from the default for @adapter.
 * Enters the provider's set and pins its owner; *registration has a reference.
 * PROVIDER_UNKNOWN, PROVIDER_CLOSED or PROVIDER_CLOSING.
 */
ndshm_reason_t ndshm_provider_begin(struct ndshm_provider *provider,
				    struct ndshm_adapter *adapter,
				    struct ndshm_registration **registration);

/* Log @what once for each provider. */
void ndshm_provider_warn_once(struct ndshm_provider *provider, enum ndshm_warning warning,
			      const char *what);

#endif /* _NDSHM_REGISTRATION_PROVIDER_H */
