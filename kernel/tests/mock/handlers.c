// SPDX-License-Identifier: GPL-2.0
/*
 * Handlers of every provider: reply as scripted, and check the context and the arguments
 * of each call.
 */
#include <linux/dma-mapping.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/string.h>

#include <ndshm/adapter.h>

#include "mock.h"

/* Value of outputs that a failing handler must not have set. */
#define RUBBISH		((void *)0x5a5a5a5aUL)

void mock_misused(struct mock_provider *provider, const char *what)
{
	atomic64_inc(&provider->misused);
	pr_warn("%s: %s\n", provider->name, what);
}

#ifdef CONFIG_LOCKDEP
const char *mock_lock_held(void)
{
	const struct lockdep_map *lock;
	char owner[64];
	int i;

	for (i = 0; i < lockdep_depth(current); i++) {
		lock = current->held_locks[i].instance;
		/* Names in brackets are lockdep maps of work items, not locks. */
		if (lock->name[0] == '(' ||
		    !is_vmalloc_or_module_addr(lock->key))
			continue;
		snprintf(owner, sizeof(owner), "%ps", lock->key);
		if (strstr(owner, " [ndshm]"))
			return lock->name;
	}
	return NULL;
}
#else
const char *mock_lock_held(void)
{
	return NULL;
}
#endif

static void check_locks(struct mock_provider *provider)
{
	const char *lock = mock_lock_held();

	if (!lock)
		return;
	mock_misused(provider, "a handler was called with a lock held");
	pr_warn("%s: the lock held is %s\n", provider->name, lock);
}

static void check_context(struct mock_provider *provider)
{
	might_sleep();
	check_locks(provider);
	if (in_interrupt() || irqs_disabled())
		mock_misused(provider, "a handler was called in a wrong context");
	if (READ_ONCE(provider->gone))
		mock_misused(provider, "a handler was called after the provider was unregistered");
	/* Page faults of the other tasks would wait for this handler. */
	if (current->mm)
		lockdep_assert_not_held(&current->mm->mmap_lock);
}

static void check_parameters(struct mock_provider *provider,
			     const struct ndshm_parameters *p)
{
	if (p->header.type != NDSHM_OBJECT_TYPE_DEFAULT ||
	    p->header.revision < NDSHM_PARAMETERS_REVISION_1 ||
	    p->header.revision > NDSHM_PARAMETERS_REVISION_2 ||
	    p->header.size < NDSHM_SIZEOF_PARAMETERS_REVISION_1 ||
	    !p->length || !p->adapter || !p->device || !p->list || p->list->count ||
	    (p->list->capacity && !p->list->segments))
		mock_misused(provider, "a handler was called with invalid parameters");
}

/* NULL identifies one chunk of memory only: at most one such block. */
static bool share(struct mock_provider *provider, struct mock_memory *memory)
{
	return !cmpxchg(&provider->shared, NULL, memory);
}

static struct mock_memory *find(struct mock_provider *provider, void *context)
{
	return context ? mock_memory_find((unsigned long)context) :
			 READ_ONCE(provider->shared);
}

static struct mock_memory *take(struct mock_provider *provider, void *context)
{
	struct mock_memory *memory;

	if (context)
		return mock_memory_take((unsigned long)context);
	memory = xchg(&provider->shared, NULL);
	return memory ? mock_memory_take(memory->cookie) : NULL;
}

static ndshm_status_t make(struct mock_generation *generation,
			   const struct mock_answer *answer,
			   struct ndshm_parameters *p, void **context)
{
	struct mock_provider *provider = generation->provider;
	size_t length = PAGE_ALIGN(p->length);
	struct mock_memory *memory;

	memory = mock_memory_make(generation, p->device,
				  length + (answer->list == MOCK_LIST_LONG ?
					    PAGE_SIZE : 0));
	if (!memory)
		return NDSHM_STATUS_RESOURCES;
	if (mock_script_list(answer, p->list, mock_memory_dma(memory), length) ||
	    (answer->null_context && !share(provider, memory))) {
		mock_memory_unmake(memory);
		return NDSHM_STATUS_RESOURCES;
	}
	WRITE_ONCE(provider->last_generation, generation->number);
	memory->own = memset(*context, MOCK_OWN, MOCK_CONTEXT_SIZE);
	p->virtual_address = answer->null_address ? NULL :
			     mock_memory_address(memory);
	if (answer->consumed)
		p->consumed = answer->consumed;
	p->needs_sync = answer->needs_sync;
	*context = answer->null_context ? NULL : (void *)memory->cookie;
	/*
	 * The core must not use these members after the call: they belong to the handler.
	 */
	if (answer->short_length)
		p->length = length - PAGE_SIZE;
	if (answer->no_flags)
		p->flags = 0;
	return NDSHM_STATUS_SUCCESS;
}

static void spoil(const struct mock_answer *answer, struct ndshm_parameters *p,
		  void **context)
{
	p->virtual_address = RUBBISH;
	p->shared_memory_handle = U32_MAX;
	p->consumed = U64_MAX;
	*context = RUBBISH;
	if (answer->list_always)
		mock_script_list(answer, p->list, PAGE_SIZE,
				 PAGE_ALIGN(p->length));
}

ndshm_status_t mock_allocate(void *provider_context,
			     struct ndshm_parameters *p, void **context)
{
	struct mock_generation *generation = provider_context;
	struct mock_provider *provider = generation->provider;
	struct mock_answer answer;
	ndshm_status_t status;

	check_context(provider);
	check_parameters(provider, p);
	if (!*context || memchr_inv(*context, 0, MOCK_CONTEXT_SIZE))
		mock_misused(provider, "a handler was called without a context of zeroes");
	answer = mock_script_next(&provider->script);
	/* Not before: a test that sees this call makes the next, which must not get its reply. */
	atomic_inc(&provider->inside);
	mock_script_wait(&provider->script, &answer);
	status = answer.status;
	if (status == NDSHM_STATUS_SUCCESS)
		status = make(generation, &answer, p, context);
	else
		spoil(&answer, p, context);
	atomic64_inc(status == NDSHM_STATUS_SUCCESS ? &provider->allocated : &provider->failed);
	atomic_dec(&provider->inside);
	return status;
}

static void take_back(struct mock_generation *generation, void *context)
{
	struct mock_provider *provider = generation->provider;
	struct mock_memory *memory;

	memory = take(provider, context);
	if (!memory) {
		atomic64_inc(&provider->double_free);
		pr_warn("%s: free of an unknown block\n",
			provider->name);
		return;
	}
	if (memory->provider != provider ||
	    memory->generation != generation->number)
		mock_misused(provider, "a block was freed by handlers that did not allocate it");
	if (memchr_inv(memory->own, MOCK_OWN, MOCK_CONTEXT_SIZE))
		mock_misused(provider, "a block was freed after its context");
	mock_memory_retire(memory);
	mock_note('m');
	atomic64_inc(&provider->freed);
}

void mock_free(void *provider_context, void *context)
{
	struct mock_generation *generation = provider_context;
	struct mock_provider *provider = generation->provider;

	check_context(provider);
	atomic_inc(&provider->freeing);
	mock_script_free(&provider->script);
	take_back(generation, context);
	atomic_dec(&provider->freeing);
}

int mock_free_again(void)
{
	struct mock_provider *provider;
	unsigned long cookie = mock_memory_last_freed(&provider);

	if (!cookie)
		return -ENOENT;
	mock_free(&provider->generations[0], (void *)cookie);
	return 0;
}

unsigned long mock_pfn(void *provider_context, void *context, pgoff_t index,
		       unsigned long *count, pgprot_t *prot)
{
	struct mock_generation *generation = provider_context;
	struct mock_provider *provider = generation->provider;
	struct mock_memory *memory = find(provider, context);
	pgoff_t guard;

	*count = 0;
	if (!memory || memory->generation != generation->number ||
	    index >= mock_memory_length(memory) >> PAGE_SHIFT) {
		mock_misused(provider, "the pfn handler was called for an unknown block or page");
		return 0;
	}
	/* Guard pages must not be mapped. */
	guard = memory->guard >> PAGE_SHIFT;
	atomic64_inc(&provider->mmapped);
	return ndshm_kernel_pfn(memory->start, memory->size - memory->guard,
				index + guard, count);
}

void mock_sync(void *provider_context, void *context, bool for_device,
	       u64 offset, u64 length)
{
	struct mock_generation *generation = provider_context;
	struct mock_provider *provider = generation->provider;
	struct mock_memory *memory = find(provider, context);

	if (!memory || memory->generation != generation->number || !length ||
	    offset >= mock_memory_length(memory) ||
	    length > mock_memory_length(memory) - offset)
		mock_misused(provider, "the sync handler was called for an unknown block or range");
	WRITE_ONCE(provider->sync_end, offset + length);
	atomic64_add(length, &provider->synced[for_device ? 0 : 1]);
}
