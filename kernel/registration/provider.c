// SPDX-License-Identifier: GPL-2.0
/* Providers: registration and its end, and the choice of the provider of an allocation. */
#include <linux/export.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <linux/ndshm_netlink.h>

#include "../adapter/adapter.h"
#include "../base/deferred.h"
#include "../base/events.h"
#include "../base/params.h"
#include "../base/registry.h"
#include "provider.h"

static void provider_release(struct ndshm_entry *entry);

struct ndshm_registry ndshm_providers = {
	.entries = XARRAY_INIT(ndshm_providers.entries, XA_FLAGS_ALLOC1),
	.release = provider_release,
};

/*
 * Defaults for adapters without a provider of their own: of the machine, or else the
 * built-in one of the adapter's kind. Changed with the registry lock held, read under RCU.
 */
static struct ndshm_provider __rcu *machine_default;
static struct ndshm_provider __rcu *built_in[NDSHM_REACH_KINDS];

static struct ndshm_provider *provider_of(struct ndshm_entry *entry)
{
	return entry ? container_of(entry, struct ndshm_provider, entry) : NULL;
}

static void provider_release(struct ndshm_entry *entry)
{
	struct ndshm_provider *provider = provider_of(entry);

	if (provider->adapter)
		ndshm_adapter_put(provider->adapter);
	kfree_rcu(provider, entry.rcu);
}

struct ndshm_provider *ndshm_provider_find(const char *name)
{
	return provider_of(ndshm_registry_find(&ndshm_providers, name));
}
EXPORT_SYMBOL_GPL(ndshm_provider_find);

void ndshm_provider_put(struct ndshm_provider *provider)
{
	ndshm_entry_put(&provider->entry);
}
EXPORT_SYMBOL_GPL(ndshm_provider_put);

/* Return: @provider, or NULL if it is about to go. */
static struct ndshm_provider *provider_usable(struct ndshm_provider *provider)
{
	return provider && !ndshm_blockset_killed(&provider->set) ? provider : NULL;
}

/* Called under RCU. Return: the default provider for @adapter, or NULL. */
static struct ndshm_provider *provider_find_default(struct ndshm_adapter *adapter)
{
	return provider_usable(rcu_dereference(adapter->provider)) ?:
	       provider_usable(rcu_dereference(machine_default)) ?:
	       rcu_dereference(built_in[adapter->reach]);
}

struct ndshm_provider *ndshm_provider_choose(u32 id, struct ndshm_adapter *adapter)
{
	struct ndshm_provider *provider;

	rcu_read_lock();
	if (id)
		provider = provider_of(xa_load(&ndshm_providers.entries, id));
	else if (adapter)
		provider = provider_find_default(adapter);
	else
		provider = rcu_dereference(built_in[NDSHM_REACH_DIRECT]);
	if (provider && !refcount_inc_not_zero(&provider->entry.references))
		provider = NULL;
	rcu_read_unlock();
	return provider;
}

void ndshm_provider_set_built_in(struct ndshm_provider *provider, enum ndshm_reach reach)
{
	provider->place = &built_in[reach];
	rcu_assign_pointer(built_in[reach], provider);
}

static struct ndshm_registration *
registration_alloc(struct ndshm_provider *provider,
		   const struct ndshm_provider_characteristics *characteristics,
		   const struct ndshm_provider_ops *ops)
{
	struct ndshm_registration *registration;

	registration = kzalloc(sizeof(*registration), GFP_KERNEL);
	if (!registration)
		return NULL;
	refcount_set(&registration->references, 1);
	refcount_inc(&provider->entry.references);
	registration->provider = provider;
	registration->characteristics = *characteristics;
	if (ops) {
		registration->context_size = ops->context_size;
		registration->pfn = ops->pfn;
		registration->page = ops->page;
		registration->sync = ops->sync;
	}
	return registration;
}

void ndshm_registration_release(struct ndshm_registration *registration)
{
	ndshm_provider_put(registration->provider);
	kfree(registration);
}

ndshm_reason_t ndshm_provider_begin(struct ndshm_provider *provider,
				    struct ndshm_adapter *adapter,
				    struct ndshm_registration **registration)
{
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	/* RCU keeps @provider until its set is entered, which provider_remove() waits for. */
	rcu_read_lock();
	if (!provider)
		provider = provider_find_default(adapter);
	if (!provider)
		reason = NDSHM_REASON_PROVIDER_UNKNOWN;
	else if (!ndshm_provider_serves(provider, adapter))
		reason = NDSHM_REASON_PROVIDER_CLOSED;
	else if (!ndshm_blockset_get_active(&provider->set))
		reason = NDSHM_REASON_PROVIDER_CLOSING;
	rcu_read_unlock();
	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (!try_module_get(provider->owner)) {
		ndshm_blockset_put_active(&provider->set);
		return NDSHM_REASON_PROVIDER_CLOSING;
	}
	spin_lock(&provider->set.lock);
	*registration = provider->registration;
	refcount_inc(&(*registration)->references);
	spin_unlock(&provider->set.lock);
	return NDSHM_REASON_NONE;
}

int ndshm_provider_replace(struct ndshm_provider *provider,
			   const struct ndshm_provider_characteristics *characteristics,
			   const struct ndshm_provider_ops *ops, ndshm_reason_t *out)
{
	struct ndshm_registration *registration;
	ndshm_reason_t reason;

	might_sleep();

	reason = ndshm_check_characteristics(characteristics);
	if (reason != NDSHM_REASON_NONE)
		return ndshm_reason_report(reason, out);
	if (ops && ops->owner != provider->owner)
		return ndshm_reason_report(NDSHM_REASON_SCOPE_TAKEN, out);
	if (ops && ops->name && strcmp(ops->name, provider->entry.name))
		return ndshm_reason_report(NDSHM_REASON_NAME, out);
	if (ops && ops->flags != provider->flags)
		return ndshm_reason_report(NDSHM_REASON_FLAGS, out);
	if (ops && ops->context_size > PAGE_SIZE)
		return ndshm_reason_report(NDSHM_REASON_LENGTH_LIMIT, out);
	registration = registration_alloc(provider, characteristics, ops);
	if (!registration)
		return ndshm_reason_report(NDSHM_REASON_MEMORY, out);

	spin_lock(&provider->set.lock);
	swap(provider->registration, registration);
	spin_unlock(&provider->set.lock);
	ndshm_registration_put(registration);
	return ndshm_reason_report(NDSHM_REASON_NONE, out);
}
EXPORT_SYMBOL_GPL(ndshm_provider_replace);

static ndshm_reason_t provider_publish(struct ndshm_provider *provider)
{
	struct ndshm_adapter *adapter = provider->adapter;
	ndshm_reason_t reason;

	mutex_lock(&ndshm_registry_lock);
	if (adapter && ndshm_blockset_killed(&adapter->set))
		reason = NDSHM_REASON_ADAPTER_REMOVED;
	else if (provider->place && rcu_access_pointer(*provider->place))
		reason = NDSHM_REASON_SCOPE_TAKEN;
	else
		reason = ndshm_registry_add(&provider->entry, "provider");
	if (reason == NDSHM_REASON_NONE && provider->place)
		rcu_assign_pointer(*provider->place, provider);
	mutex_unlock(&ndshm_registry_lock);
	if (reason == NDSHM_REASON_NONE)
		ndshm_event(NDSHM_CMD_PROVIDER_ADDED_NTF, provider);
	return reason;
}

struct ndshm_provider *
ndshm_provider_register(const struct ndshm_provider_characteristics *characteristics,
			const struct ndshm_provider_ops *ops,
			enum ndshm_scope scope, struct ndshm_adapter *adapter,
			ndshm_reason_t *out)
{
	struct ndshm_provider *provider;
	ndshm_reason_t reason;

	might_sleep();

	reason = ndshm_check_characteristics(characteristics);
	if (reason != NDSHM_REASON_NONE)
		return ndshm_reason_report_ptr(reason, out, NULL);
	if (ops && ops->flags & ~NDSHM_PROVIDER_OPEN)
		return ndshm_reason_report_ptr(NDSHM_REASON_FLAGS, out, NULL);
	if (ops && ops->name && !ndshm_name_valid(ops->name))
		return ndshm_reason_report_ptr(NDSHM_REASON_NAME, out, NULL);
	if (ops && ops->context_size > PAGE_SIZE)
		return ndshm_reason_report_ptr(NDSHM_REASON_LENGTH_LIMIT, out, NULL);
	if (adapter ? scope != NDSHM_SCOPE_ADAPTER :
		      scope == NDSHM_SCOPE_ADAPTER)
		return ndshm_reason_report_ptr(NDSHM_REASON_ADAPTER_UNKNOWN, out,
					       NULL);

	reason = NDSHM_REASON_MEMORY;
	provider = kzalloc(sizeof(*provider), GFP_KERNEL);
	if (!provider)
		return ndshm_reason_report_ptr(reason, out, NULL);
	refcount_set(&provider->entry.references, 1);
	provider->entry.registry = &ndshm_providers;
	ndshm_blockset_init(&provider->set, NDSHM_BLOCKSET_PROVIDER);
	provider->scope = scope;
	if (scope == NDSHM_SCOPE_ADAPTER)
		provider->place = &adapter->provider;
	else if (scope == NDSHM_SCOPE_MACHINE)
		provider->place = &machine_default;
	if (ops) {
		provider->owner = ops->owner;
		provider->flags = ops->flags;
		if (ops->name)
			strscpy(provider->entry.name, ops->name,
				sizeof(provider->entry.name));
	}
	if (adapter)
		provider->adapter = ndshm_adapter_get(adapter);

	provider->registration = registration_alloc(provider, characteristics,
						    ops);
	if (!provider->registration)
		goto err_provider;
	reason = provider_publish(provider);
	if (reason == NDSHM_REASON_NONE)
		return ndshm_reason_report_ptr(reason, out, provider);

	ndshm_registration_put(provider->registration);
err_provider:
	ndshm_provider_put(provider);
	return ndshm_reason_report_ptr(reason, out, NULL);
}
EXPORT_SYMBOL_GPL(ndshm_provider_register);

/* Called when the set is closed and empty, so that no allocation can begin. */
static void provider_remove(struct ndshm_provider *provider)
{
	mutex_lock(&ndshm_registry_lock);
	if (provider->place)
		RCU_INIT_POINTER(*provider->place, NULL);
	ndshm_registry_remove(&provider->entry);
	mutex_unlock(&ndshm_registry_lock);
	ndshm_event(NDSHM_CMD_PROVIDER_GONE_NTF, provider);
	ndshm_registration_put(provider->registration);
	ndshm_provider_put(provider);
}

int ndshm_provider_unregister(struct ndshm_provider *provider,
			      ndshm_reason_t *out)
{
	might_sleep();

	/* Blocks put from atomic context count as members until they are freed. */
	ndshm_deferred_drain();
	if (!ndshm_blockset_drain_unused(&provider->set))
		return ndshm_reason_report(NDSHM_REASON_PROVIDER_IN_USE, out);
	provider_remove(provider);
	return ndshm_reason_report(NDSHM_REASON_NONE, out);
}
EXPORT_SYMBOL_GPL(ndshm_provider_unregister);

int ndshm_provider_revoke(struct ndshm_provider *provider)
{
	bool ended;

	might_sleep();

	ndshm_event(NDSHM_CMD_PROVIDER_REVOKED_NTF, provider);
	ended = ndshm_blockset_revoke(&provider->set, NDSHM_KEEP_SECONDS * HZ, "provider",
				      provider->entry.id);
	provider_remove(provider);
	return ended ? 0 : -ETIMEDOUT;
}
EXPORT_SYMBOL_GPL(ndshm_provider_revoke);

void ndshm_provider_warn_once(struct ndshm_provider *provider, enum ndshm_warning warning,
			      const char *what)
{
	if (!test_and_set_bit(warning, &provider->warned))
		pr_warn("ndshm: provider %s: %s\n", provider->entry.name, what);
}
