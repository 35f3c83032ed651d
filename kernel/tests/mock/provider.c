// SPDX-License-Identifier: GPL-2.0
/*
 * Providers: the list, and the commands that register and unregister them.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <ndshm/adapter.h>

#include "../native.h"
#include "mock.h"

/* Protects the list, @users and @kept. */
static DEFINE_MUTEX(providers_lock);
static LIST_HEAD(providers);

/*
 * The list
 */

static struct mock_provider *find_locked(const char *name)
{
	struct mock_provider *provider;

	lockdep_assert_held(&providers_lock);

	list_for_each_entry(provider, &providers, link)
		if (!strcmp(provider->name, name))
			return provider;
	return NULL;
}

static struct mock_provider *make_locked(const char *name)
{
	struct mock_provider *provider = kzalloc(sizeof(*provider), GFP_KERNEL);
	unsigned int i;

	lockdep_assert_held(&providers_lock);

	if (!provider)
		return NULL;
	strscpy(provider->name, name, sizeof(provider->name));
	init_rwsem(&provider->gate);
	mock_script_init(&provider->script);
	for (i = 0; i < MOCK_GENERATIONS; i++) {
		provider->generations[i].provider = provider;
		provider->generations[i].number = i;
	}
	list_add_tail(&provider->link, &providers);
	return provider;
}

/* Find a provider, or allocate one if @make is set. Return: 0, -ENOENT or -ENOMEM. */
static int get(const char *name, bool make, struct mock_provider **out)
{
	struct mock_provider *provider;

	mutex_lock(&providers_lock);
	provider = find_locked(name);
	if (!provider && make)
		provider = make_locked(name);
	if (provider)
		provider->users++;
	mutex_unlock(&providers_lock);
	*out = provider;
	if (provider)
		return 0;
	return make ? -ENOMEM : -ENOENT;
}

/* Frees a provider that ndshm never accepted. */
static void put(struct mock_provider *provider)
{
	mutex_lock(&providers_lock);
	if (!--provider->users && !provider->kept) {
		list_del(&provider->link);
		kfree(provider);
	}
	mutex_unlock(&providers_lock);
}

static void mock_provider_free(struct mock_provider *provider)
{
	up_read(&provider->gate);
	put(provider);
}

/* Get the handle of @name. Return: NULL, with *@provider NULL, if there is none. */
static struct ndshm_provider *get_mine(const char *name,
				       struct mock_provider **provider)
{
	struct ndshm_provider *handle;

	if (get(name, false, provider))
		return NULL;
	down_read(&(*provider)->gate);
	handle = (*provider)->handle;
	if (!handle) {
		mock_provider_free(*provider);
		*provider = NULL;
	}
	return handle;
}

ndshm_reason_t mock_named_get(const struct mock_command *command,
			      struct ndshm_parameters *p,
			      struct mock_named *named)
{
	const char *name = command->word[4];

	*named = (struct mock_named){};
	p->adapter = ndshm_adapter_find(command->word[3]);
	if (!p->adapter)
		return NDSHM_REASON_ADAPTER_UNKNOWN;
	if (!strcmp(name, "default"))
		return NDSHM_REASON_NONE;
	p->provider = get_mine(name, &named->mine);
	if (!p->provider) {
		named->other = ndshm_provider_find(name);
		p->provider = named->other;
	}
	if (p->provider)
		return NDSHM_REASON_NONE;
	ndshm_adapter_put(p->adapter);
	return NDSHM_REASON_PROVIDER_UNKNOWN;
}

void mock_named_put(const struct ndshm_parameters *p,
		    const struct mock_named *named)
{
	if (named->mine)
		mock_provider_free(named->mine);
	if (named->other)
		ndshm_provider_put(named->other);
	ndshm_adapter_put(p->adapter);
}

/*
 * Commands
 */

/* Arguments of a registration. */
struct registration {
	struct ndshm_provider_characteristics characteristics;
	struct ndshm_provider_ops ops;
	enum ndshm_scope scope;
	struct ndshm_adapter *adapter;
};

static int header_option(struct registration *r, const char *word)
{
	struct ndshm_object_header *header = &r->characteristics.header;
	const char *value = strchr(word, '=');
	u64 number;

	if (!value || mock_number(value + 1, U32_MAX, &number))
		return -EINVAL;
	if (mock_value(word, "type") && number <= U8_MAX)
		header->type = number;
	else if (mock_value(word, "revision") && number <= U8_MAX)
		header->revision = number;
	else if (mock_value(word, "size") && number <= U16_MAX)
		header->size = number;
	else if (mock_value(word, "flags"))
		r->characteristics.flags = number;
	else
		return -EINVAL;
	return 0;
}

/* A page with an index outside every block. */
static struct page *stray;

static struct page *stray_page(void *provider_context, void *context,
			       pgoff_t index)
{
	return stray;
}

static int option(struct registration *r, const char *word, bool replace)
{
	const char *name = mock_value(word, "name");

	if (!strcmp(word, "allocate=null"))
		r->characteristics.allocate = NULL;
	else if (!strcmp(word, "free=null"))
		r->characteristics.free = NULL;
	else if (!strcmp(word, "pfn=null"))
		r->ops.pfn = NULL;
	else if (!strcmp(word, "sync=null"))
		r->ops.sync = NULL;
	else if (!strcmp(word, "page"))
		r->ops.page = stray_page;
	else if (replace && !strcmp(word, "owner=null"))
		r->ops.owner = NULL;
	else if (!strcmp(word, "closed"))
		r->ops.flags = 0;
	else if (!strcmp(word, "unknown-flag"))
		r->ops.flags |= BIT(31);
	else if (!strcmp(word, "name=null"))
		r->ops.name = NULL;
	else if (replace && name)
		r->ops.name = name;
	else if (!replace && !strcmp(word, "machine"))
		r->scope = NDSHM_SCOPE_MACHINE;
	else
		return header_option(r, word);
	return 0;
}

/* Parse the command. On failure no reference is held. */
static int prepare(struct registration *r, struct mock_command *command,
		   struct mock_provider *provider, bool replace)
{
	const struct ndshm_provider_characteristics usual = {
		.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
		.allocate = mock_allocate,
		.free = mock_free,
	};
	const char *adapter = NULL, *value;
	unsigned int i, next;
	int ret;

	next = (provider->current_generation + 1) % MOCK_GENERATIONS;
	*r = (struct registration){
		.characteristics = usual,
		.ops = {
			.name = command->word[2],
			.owner = THIS_MODULE,
			.flags = NDSHM_PROVIDER_OPEN,
			.context_size = MOCK_CONTEXT_SIZE,
			.pfn = mock_pfn,
			.sync = mock_sync,
		},
		.scope = NDSHM_SCOPE_NAMED,
	};
	r->characteristics.provider_context = &provider->generations[next];

	for (i = 3; i < command->words; i++) {
		value = replace ? NULL : mock_value(command->word[i], "adapter");
		if (value) {
			adapter = value;
			continue;
		}
		ret = option(r, command->word[i], replace);
		if (ret)
			return ret;
	}
	if (adapter) {
		r->scope = NDSHM_SCOPE_ADAPTER;
		r->adapter = ndshm_adapter_find(adapter);
		if (!r->adapter)
			return mock_answer(command,
					   NDSHM_REASON_ADAPTER_UNKNOWN);
	}
	return 0;
}

static ndshm_reason_t register_as(struct mock_provider *provider,
				  const struct registration *r)
{
	ndshm_reason_t reason;

	/* Handlers may be called before the registration returns. */
	WRITE_ONCE(provider->gone, false);
	reason = provider->handle ?
		 check_provider_replace(provider->handle, &r->characteristics,
					&r->ops) :
		 check_provider_register(&r->characteristics, &r->ops, r->scope,
					 r->adapter, &provider->handle);
	if (reason == NDSHM_REASON_NONE)
		provider->current_generation =
			(provider->current_generation + 1) % MOCK_GENERATIONS;
	WRITE_ONCE(provider->gone, !provider->handle);
	return reason;
}

static int add_or_replace(struct mock_command *command, bool replace)
{
	struct mock_provider *provider;
	struct registration r;
	int ret;

	if (strlen(command->word[2]) >= MOCK_NAME_SIZE)
		return -ENAMETOOLONG;
	ret = get(command->word[2], !replace, &provider);
	if (ret)
		return ret;
	down_write(&provider->gate);
	if (!provider->handle == replace)
		ret = replace ? -ENOENT : -EEXIST;
	if (!ret)
		ret = prepare(&r, command, provider, replace);
	if (ret)
		goto out;
	ret = mock_answer(command, register_as(provider, &r));
	if (r.adapter)
		ndshm_adapter_put(r.adapter);
	if (!ret) {
		mutex_lock(&providers_lock);
		provider->kept = true;
		mutex_unlock(&providers_lock);
	}
out:
	up_write(&provider->gate);
	put(provider);
	return ret;
}

int mock_provider_add(struct mock_command *command)
{
	return add_or_replace(command, false);
}

int mock_provider_replace(struct mock_command *command)
{
	return add_or_replace(command, true);
}

/* The handle is dead: no handler may run, and no block may be left. */
static void ended(struct mock_provider *provider)
{
	WRITE_ONCE(provider->gone, true);
	provider->handle = NULL;
	if (atomic_read(&provider->inside))
		mock_misused(provider, "a handler runs after the provider was unregistered");
	if (atomic64_read(&provider->allocated) !=
	    atomic64_read(&provider->freed))
		mock_misused(provider, "blocks exist after the provider was unregistered");
}

static int end(struct mock_command *command, bool revoke)
{
	struct mock_provider *provider;
	int ret = get(command->word[2], false, &provider);

	if (ret)
		return ret;
	down_write(&provider->gate);
	if (!provider->handle)
		ret = -ENOENT;
	else if (revoke)
		WARN_ON(ndshm_provider_revoke(provider->handle));
	else
		ret = mock_answer(command,
				  check_provider_unregister(provider->handle));
	if (!ret)
		ended(provider);
	up_write(&provider->gate);
	put(provider);
	return ret;
}

int mock_provider_del(struct mock_command *command)
{
	return command->words == 3 ? end(command, false) : -EINVAL;
}

int mock_provider_revoke(struct mock_command *command)
{
	return command->words == 3 ? end(command, true) : -EINVAL;
}

int mock_provider_script(struct mock_command *command)
{
	struct mock_provider *provider;
	int ret = get(command->word[1], false, &provider);

	if (ret)
		return ret;
	if (command->words == 3 && !strcmp(command->word[2], "reset"))
		mock_script_reset(&provider->script);
	else
		ret = mock_script_change(&provider->script, command, 2);
	put(provider);
	return ret;
}

int mock_providers_show(struct seq_file *file, void *unused)
{
	struct mock_provider *p;
	s64 freed;

	mock_memory_check();
	mutex_lock(&providers_lock);
	list_for_each_entry(p, &providers, link) {
		/*
		 * Read @freed first, so that the number of live blocks is never too low.
		 */
		freed = atomic64_read(&p->freed);
		seq_printf(file, "%s allocated=%lld freed=%lld live=%lld",
			   p->name, atomic64_read(&p->allocated), freed,
			   atomic64_read(&p->allocated) - freed);
		seq_printf(file, " failed=%lld double_free=%lld",
			   atomic64_read(&p->failed),
			   atomic64_read(&p->double_free));
		seq_printf(file, " use_after_free=%lld mmapped=%lld",
			   atomic64_read(&p->use_after_free),
			   atomic64_read(&p->mmapped));
		seq_printf(file, " overrun=%lld misused=%lld",
			   atomic64_read(&p->overrun),
			   atomic64_read(&p->misused));
		seq_printf(file, " for_device=%lld for_cpu=%lld sync_end=%llu",
			   atomic64_read(&p->synced[0]),
			   atomic64_read(&p->synced[1]),
			   READ_ONCE(p->sync_end));
		seq_printf(file, " inside=%d freeing=%d generation=%u\n",
			   atomic_read(&p->inside), atomic_read(&p->freeing),
			   READ_ONCE(p->last_generation));
	}
	mutex_unlock(&providers_lock);
	return 0;
}

int __init mock_provider_setup(void)
{
	stray = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!stray)
		return -ENOMEM;
	page_folio(stray)->index = ULONG_MAX;
	return 0;
}

/* No user is left. */
void mock_provider_teardown(void)
{
	struct mock_provider *provider, *next;

	list_for_each_entry(provider, &providers, link)
		if (provider->handle)
			WARN_ON(check_provider_unregister(provider->handle) !=
				NDSHM_REASON_NONE);
	__free_page(stray);
	/* Quarantined memory refers to its provider. */
	mock_memory_flush(NULL);
	list_for_each_entry_safe(provider, next, &providers, link) {
		list_del(&provider->link);
		kfree(provider);
	}
}
