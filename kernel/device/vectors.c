// SPDX-License-Identifier: GPL-2.0
/*
 * Eventfds of a device's interrupts.
 */
#include <linux/eventfd.h>
#include <linux/lockdep.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include <ndshm/adapter.h>

#include "bus.h"

int ndshm_vectors_init(struct ndshm_vectors *vectors, unsigned int limit, struct mutex *lock)
{
	vectors->lock = lock;
	vectors->eventfds = kcalloc(limit, sizeof(*vectors->eventfds), GFP_KERNEL);
	return vectors->eventfds ? 0 : -ENOMEM;
}

void ndshm_vectors_fini(struct ndshm_vectors *vectors)
{
	kfree(vectors->eventfds);
}

void ndshm_vector_signal(struct eventfd_ctx __rcu **slot)
{
	struct eventfd_ctx *eventfd;

	rcu_read_lock();
	eventfd = rcu_dereference(*slot);
	if (eventfd)
		ndshm_eventfd_signal(eventfd);
	rcu_read_unlock();
}

bool ndshm_vectors_have(const struct ndshm_vectors *vectors, unsigned int index)
{
	lockdep_assert_held(vectors->lock);

	return rcu_access_pointer(vectors->eventfds[index]);
}

/* Return: the eventfd that the interrupt had before, which a handler may still be using. */
static struct eventfd_ctx *vectors_exchange(struct ndshm_vectors *vectors, unsigned int index,
					    struct eventfd_ctx *eventfd)
{
	return rcu_replace_pointer(vectors->eventfds[index], eventfd,
				   lockdep_is_held(vectors->lock));
}

void ndshm_vectors_swap(struct ndshm_vectors *vectors, const struct ndshm_irq_change *change)
{
	unsigned int i;

	for (i = 0; i < change->count; i++)
		change->eventfds[i] = vectors_exchange(vectors, change->first + i,
						       change->eventfds[i]);
}

void ndshm_vectors_replace(struct ndshm_vectors *vectors, const struct ndshm_irq_change *change)
{
	ndshm_vectors_swap(vectors, change);
	synchronize_rcu();
}

/* Return: true if no interrupt below @index has the same eventfd. */
static bool vectors_is_first(const struct ndshm_vectors *vectors, unsigned int index)
{
	const struct eventfd_ctx *eventfd = rcu_access_pointer(vectors->eventfds[index]);

	while (index--)
		if (rcu_access_pointer(vectors->eventfds[index]) == eventfd)
			return false;
	return true;
}

void ndshm_vectors_signal(struct ndshm_vectors *vectors)
{
	unsigned int i;

	lockdep_assert_held(vectors->lock);

	for (i = 0; i < vectors->count; i++)
		if (vectors_is_first(vectors, i))
			ndshm_vector_signal(&vectors->eventfds[i]);
}

void ndshm_vectors_put(struct ndshm_vectors *vectors, bool running)
{
	struct eventfd_ctx *eventfd;

	while (vectors->count) {
		eventfd = vectors_exchange(vectors, --vectors->count, NULL);
		if (!eventfd)
			continue;
		if (running)
			synchronize_rcu();
		eventfd_ctx_put(eventfd);
	}
}
