// SPDX-License-Identifier: GPL-2.0
#include <linux/atomic.h>
#include <linux/cgroup.h>
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/debugfs.h>
#include <linux/export.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>

#include "adapter.h"
#include "block.h"
#include "params.h"
#include "provider.h"
#include "request.h"

/*
 * A request is known, and counts as out, from the moment that it was accepted. It is
 * in one of three places: it waits, it runs, or it was aborted. Whoever aborts it
 * makes it unknown; otherwise that is done when it has run, so that one of both
 * decides how it ends. Then it is told, by the one work or by the other: an aborted
 * one does not wait for a provider that takes its time.
 *
 * The lock is raw, as hard interrupts need it, and is innermost. Works are queued under
 * it: without it, the group may have ended.
 */

/*
 * Separate from the workqueue of blocks, which requests wait for, and from each other:
 * aborted requests wait for no provider. Requests of clients run on a thread for each
 * client, so that they have the cgroups of their requester.
 */
static struct workqueue_struct *of_drivers, *of_aborted;
static struct dentry *folder;

/* Of the machine, since the module was loaded. */
static atomic64_t accepted, granted, failed, aborted;

/*
 * Submitting
 */

#define request_of(node_) rb_entry(node_, struct ndshm_request, known)

/* Cookies are the caller's choice: no choice makes a tree slow, as it would a hash. */
static int compare(const void *cookie, const struct rb_node *node)
{
	const u64 *wanted = cookie;

	if (*wanted == request_of(node)->cookie)
		return 0;
	return *wanted < request_of(node)->cookie ? -1 : 1;
}

static int compare_nodes(struct rb_node *node, const struct rb_node *other)
{
	return compare(&request_of(node)->cookie, other);
}

static struct ndshm_request *find(struct ndshm_requests *requests, u64 cookie)
{
	struct rb_node *node;

	lockdep_assert_held(&requests->lock);

	node = rb_find(&cookie, &requests->known, compare);
	return node ? request_of(node) : NULL;
}

/* What it names stays until it has been carried out. */
static void hold(const struct ndshm_parameters *p)
{
	ndshm_adapter_get(p->adapter);
	if (p->provider)
		ndshm_provider_get(p->provider);
}

static void let_go(const struct ndshm_parameters *p)
{
	if (p->provider)
		ndshm_provider_put(p->provider);
	ndshm_adapter_put(p->adapter);
}

static void no_outputs(struct ndshm_parameters *p)
{
	p->virtual_address = NULL;
	p->shared_memory_handle = 0;
}

static void requests_start_locked(struct ndshm_requests *requests)
{
	lockdep_assert_held(&requests->lock);

	if (requests->worker)
		wake_up_process(requests->worker);
	else
		queue_work(of_drivers, &requests->carrying_out);
}

/* Until it is known not to be out, nothing is written to it: it may be running. */
static ndshm_reason_t submit_locked(struct ndshm_requests *requests,
				    struct ndshm_request *request,
				    const struct ndshm_parameters *parameters,
				    const struct ndshm_allocation *allocation)
{
	lockdep_assert_held(&requests->lock);

	if (find(requests, request->cookie))
		return NDSHM_REASON_COOKIE;
	no_outputs(&request->parameters);
	if (requests->closed)
		return NDSHM_REASON_REQUEST_ABORTED;
	if (requests->out >= requests->most)
		return NDSHM_REASON_REQUESTS;
	request->parameters = *parameters;
	request->allocation = allocation;
	hold(&request->parameters);
	request->aborted = false;
	request->reason = NDSHM_REASON_PENDING;
	request->block = NULL;
	requests->out++;
	rb_find_add(&request->known, &requests->known, compare_nodes);
	list_add_tail(&request->link, &requests->waiting);
	atomic64_inc(&accepted);
	requests_start_locked(requests);
	return NDSHM_REASON_PENDING;
}

static ndshm_reason_t request_submit(struct ndshm_requests *requests,
				     struct ndshm_request *request,
				     const struct ndshm_parameters *parameters,
				     const struct ndshm_allocation *allocation)
{
	ndshm_reason_t reason;
	unsigned long flags;

	raw_spin_lock_irqsave(&requests->lock, flags);
	reason = submit_locked(requests, request, parameters, allocation);
	raw_spin_unlock_irqrestore(&requests->lock, flags);
	return reason;
}

ndshm_reason_t ndshm_allocate_async(struct ndshm_requests *requests,
				    struct ndshm_request *request)
{
	static const struct ndshm_allocation kernel_user;
	struct ndshm_parameters p;
	ndshm_reason_t reason;

	reason = ndshm_check_header(&request->parameters);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	ndshm_normalize(&p, &request->parameters);
	no_outputs(&p);
	reason = ndshm_check_driver_parameters(&p, ndshm_max_length());
	if (reason == NDSHM_REASON_NONE && !p.adapter)
		reason = NDSHM_REASON_ADAPTER_UNKNOWN;
	if (reason == NDSHM_REASON_NONE)
		return request_submit(requests, request, &p, &kernel_user);
	/* One that is out was found good before. */
	no_outputs(&request->parameters);
	return reason;
}
EXPORT_SYMBOL_GPL(ndshm_allocate_async);

/*
 * Aborting
 */

static void abort_locked(struct ndshm_requests *requests,
			 struct ndshm_request *request)
{
	lockdep_assert_held(&requests->lock);

	rb_erase(&request->known, &requests->known);
	/* A provider may look at it without a lock. */
	WRITE_ONCE(request->aborted, true);
	/* One that runs is told by who runs it. */
	if (request == requests->running)
		return;
	list_move_tail(&request->link, &requests->aborted);
	queue_work(of_aborted, &requests->aborting);
}

ndshm_reason_t ndshm_request_cancel(struct ndshm_requests *requests, u64 cookie)
{
	struct ndshm_request *request;
	unsigned long flags;

	raw_spin_lock_irqsave(&requests->lock, flags);
	request = find(requests, cookie);
	if (request)
		abort_locked(requests, request);
	raw_spin_unlock_irqrestore(&requests->lock, flags);
	return request ? NDSHM_REASON_NONE : NDSHM_REASON_REQUEST_UNKNOWN;
}
EXPORT_SYMBOL_GPL(ndshm_request_cancel);

void ndshm_requests_abort(struct ndshm_requests *requests)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&requests->lock, flags);
	requests->closed = true;
	/* All at once, however many there are: interrupts are off. */
	requests->known = RB_ROOT;
	if (requests->running)
		WRITE_ONCE(requests->running->aborted, true);
	if (!list_empty(&requests->waiting)) {
		list_splice_tail_init(&requests->waiting, &requests->aborted);
		queue_work(of_aborted, &requests->aborting);
	}
	raw_spin_unlock_irqrestore(&requests->lock, flags);
}
EXPORT_SYMBOL_GPL(ndshm_requests_abort);

/*
 * Carrying out, and telling
 */

/* It is not out any more; its end is decided. */
static void withdraw_locked(struct ndshm_requests *requests)
{
	lockdep_assert_held(&requests->lock);

	requests->out--;
	requests->telling++;
}

static void count(const struct ndshm_request *request)
{
	if (request->reason == NDSHM_REASON_NONE)
		atomic64_inc(&granted);
	else if (request->reason == NDSHM_REASON_REQUEST_ABORTED)
		atomic64_inc(&aborted);
	else
		atomic64_inc(&failed);
}

/* The last that is done with a request, and but for the count with the group. */
static void tell(struct ndshm_requests *requests, struct ndshm_request *request)
{
	bool idle;

	let_go(&request->parameters);
	count(request);
	request->done(request);

	raw_spin_lock_irq(&requests->lock);
	requests->telling--;
	idle = !requests->telling && !requests->out;
	raw_spin_unlock_irq(&requests->lock);
	/* Who ends the group waits for the works as well. */
	if (idle)
		wake_up_all(&requests->idle);
}

static struct ndshm_request *run_next(struct ndshm_requests *requests)
{
	struct ndshm_request *request;

	raw_spin_lock_irq(&requests->lock);
	request = list_first_entry_or_null(&requests->waiting,
					   struct ndshm_request, link);
	if (request)
		list_del_init(&request->link);
	requests->running = request;
	raw_spin_unlock_irq(&requests->lock);
	return request;
}

/* Memory that nobody has seen goes at once. */
static void take_back(struct ndshm_request *request, ndshm_reason_t reason)
{
	if (request->block)
		ndshm_free(request->block);
	request->block = NULL;
	request->reason = reason;
	no_outputs(&request->parameters);
	request->parameters.consumed = 0;
	request->parameters.needs_sync = false;
}

/* Its owner is told of a revocation from here on, and of an earlier one by a reason. */
static void hand_over(struct ndshm_request *request)
{
	ndshm_reason_t reason;

	if (!request->block)
		return;
	reason = ndshm_block_arm(request->block);
	if (reason != NDSHM_REASON_NONE)
		take_back(request, reason);
}

/* A block whose owner does not know of it yet: nobody can be asked to let go of it. */
static ndshm_reason_t make(struct ndshm_request *request)
{
	struct ndshm_parameters *to = &request->parameters, p = *to;
	struct ndshm_allocation allocation = *request->allocation;
	ndshm_reason_t reason;

	allocation.aborted = &request->aborted;
	reason = ndshm_blocks_make(&p, &allocation, &request->block, 1);
	if (reason == NDSHM_REASON_NONE) {
		to->virtual_address = p.virtual_address;
		to->shared_memory_handle = p.shared_memory_handle;
		to->consumed = p.consumed;
		to->needs_sync = p.needs_sync;
	}
	return reason;
}

static void carry_out(struct ndshm_requests *requests,
		      struct ndshm_request *request)
{
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	if (requests->admit)
		reason = requests->admit(request);
	if (reason == NDSHM_REASON_NONE)
		reason = make(request);
	if (reason != NDSHM_REASON_NONE)
		request->block = NULL;
	request->reason = reason;
}

#ifdef NDSHM_TEST_MODULES
static void (*in_between)(struct ndshm_request *request);

void ndshm_request_in_between(void (*function)(struct ndshm_request *request))
{
	WRITE_ONCE(in_between, function);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_request_in_between);

static void carried_out(struct ndshm_request *request)
{
	void (*function)(struct ndshm_request *request) = READ_ONCE(in_between);

	if (function)
		function(request);
}
#else
static void carried_out(struct ndshm_request *request)
{
}
#endif

static void requests_carry_out(struct ndshm_requests *requests)
{
	struct ndshm_request *request;
	bool was_aborted;

	while ((request = run_next(requests))) {
		carry_out(requests, request);
		carried_out(request);

		raw_spin_lock_irq(&requests->lock);
		was_aborted = request->aborted;
		if (!was_aborted)
			rb_erase(&request->known, &requests->known);
		requests->running = NULL;
		withdraw_locked(requests);
		raw_spin_unlock_irq(&requests->lock);

		if (was_aborted)
			take_back(request, NDSHM_REASON_REQUEST_ABORTED);
		else
			hand_over(request);
		tell(requests, request);
		cond_resched();
	}
}

static void requests_work(struct work_struct *work)
{
	requests_carry_out(container_of(work, struct ndshm_requests,
					carrying_out));
}

static struct ndshm_request *next_aborted(struct ndshm_requests *requests)
{
	struct ndshm_request *request;

	raw_spin_lock_irq(&requests->lock);
	request = list_first_entry_or_null(&requests->aborted,
					   struct ndshm_request, link);
	if (request) {
		list_del_init(&request->link);
		withdraw_locked(requests);
	}
	raw_spin_unlock_irq(&requests->lock);
	return request;
}

static void abort_work(struct work_struct *work)
{
	struct ndshm_requests *requests = container_of(work,
						       struct ndshm_requests,
						       aborting);
	struct ndshm_request *request;

	while ((request = next_aborted(requests))) {
		take_back(request, NDSHM_REASON_REQUEST_ABORTED);
		tell(requests, request);
		cond_resched();
	}
}

/*
 * Groups
 */

static void init(struct ndshm_requests *requests, unsigned int most,
		 ndshm_reason_t (*admit)(struct ndshm_request *))
{
	raw_spin_lock_init(&requests->lock);
	INIT_LIST_HEAD(&requests->waiting);
	INIT_LIST_HEAD(&requests->aborted);
	requests->running = NULL;
	requests->known = RB_ROOT;
	requests->most = most;
	requests->out = 0;
	requests->telling = 0;
	requests->closed = false;
	requests->worker = NULL;
	mutex_init(&requests->worker_lock);
	requests->admit = admit;
	INIT_WORK(&requests->carrying_out, requests_work);
	INIT_WORK(&requests->aborting, abort_work);
	init_waitqueue_head(&requests->idle);
}

void ndshm_requests_init(struct ndshm_requests *requests, unsigned int most)
{
	init(requests, most, NULL);
}
EXPORT_SYMBOL_GPL(ndshm_requests_init);

void ndshm_requests_init_client(struct ndshm_requests *requests,
				unsigned int most,
				ndshm_reason_t (*admit)(struct ndshm_request *))
{
	init(requests, most, admit);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_requests_init_client);

/*
 * The thread of a client's requests
 */

/**
 * struct requests_start - what a new thread is given
 * @requests: its group
 * @started: the thread runs, and does not change its own affinity any more
 */
struct requests_start {
	struct ndshm_requests *requests;
	struct completion started;
};

/* A cgroup with a task in it cannot be removed: leave it when idle this long. */
#define REQUESTS_LINGER	HZ

/* Two tasks with the same css_set are in the same cgroup of every hierarchy. */
static bool task_same_cgroups(struct task_struct *task,
			      struct task_struct *other)
{
#ifdef CONFIG_CGROUPS
	return rcu_access_pointer(task->cgroups) ==
	       rcu_access_pointer(other->cgroups);
#else
	return true;
#endif
}

static void requests_leave_cgroups(struct ndshm_requests *requests)
{
	mutex_lock(&requests->worker_lock);
	if (list_empty(&requests->waiting) &&
	    !task_same_cgroups(current, &init_task))
		cgroup_attach_task_all(&init_task, current);
	mutex_unlock(&requests->worker_lock);
}

static int requests_thread(void *context)
{
	struct requests_start *start = context;
	struct ndshm_requests *requests = start->requests;

	complete(&start->started);
	while (!kthread_should_stop()) {
		set_current_state(TASK_IDLE);
		if (list_empty(&requests->waiting) && !kthread_should_stop() &&
		    !schedule_timeout(REQUESTS_LINGER))
			requests_leave_cgroups(requests);
		__set_current_state(TASK_RUNNING);
		requests_carry_out(requests);
	}
	return 0;
}

static ndshm_reason_t requests_create_worker(struct ndshm_requests *requests)
{
	struct requests_start start = { .requests = requests };
	struct task_struct *worker;

	init_completion(&start.started);
	worker = kthread_run(requests_thread, &start, "ndshm-%d",
			     task_tgid_nr(current));
	if (IS_ERR(worker))
		return NDSHM_REASON_MEMORY;
	wait_for_completion(&start.started);
	/* Requests of drivers have none, and look without the lock. */
	WRITE_ONCE(requests->worker, worker);
	return NDSHM_REASON_NONE;
}

static ndshm_reason_t requests_attach_locked(struct ndshm_requests *requests)
{
	const struct cred *old, *cred;
	int err;

	lockdep_assert_held(&requests->worker_lock);

	if (!requests->worker &&
	    requests_create_worker(requests) != NDSHM_REASON_NONE)
		return NDSHM_REASON_MEMORY;
	if (task_nice(requests->worker) != task_nice(current))
		set_user_nice(requests->worker, task_nice(current));
	if (task_same_cgroups(requests->worker, current))
		return NDSHM_REASON_NONE;
	/* The caller need not have the right to move a kernel thread. */
	cred = get_task_cred(requests->worker);
	old = override_creds(cred);
	err = cgroup_attach_task_all(current, requests->worker);
	revert_creds(old);
	put_cred(cred);
	return err ? NDSHM_REASON_MEMORY : NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_requests_attach(struct ndshm_requests *requests)
{
	ndshm_reason_t reason;

	mutex_lock(&requests->worker_lock);
	reason = requests_attach_locked(requests);
	mutex_unlock(&requests->worker_lock);
	return reason;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_requests_attach);

ndshm_reason_t
ndshm_request_submit(struct ndshm_requests *requests,
		     struct ndshm_request *request,
		     const struct ndshm_parameters *parameters,
		     const struct ndshm_allocation *allocation)
{
	ndshm_reason_t reason;

	/* Until it is queued, the thread must not leave the caller's cgroups. */
	if (mutex_lock_killable(&requests->worker_lock))
		return NDSHM_REASON_REQUEST_ABORTED;
	reason = requests_attach_locked(requests);
	if (reason == NDSHM_REASON_NONE)
		reason = request_submit(requests, request, parameters,
					allocation);
	mutex_unlock(&requests->worker_lock);
	return reason;
}

static bool none_left(struct ndshm_requests *requests)
{
	bool none;

	raw_spin_lock_irq(&requests->lock);
	none = !requests->out && !requests->telling;
	raw_spin_unlock_irq(&requests->lock);
	return none;
}

void ndshm_requests_end(struct ndshm_requests *requests)
{
	might_sleep();

	raw_spin_lock_irq(&requests->lock);
	requests->closed = true;
	raw_spin_unlock_irq(&requests->lock);
	wait_event(requests->idle, none_left(requests));
	if (requests->worker)
		kthread_stop(requests->worker);
	/* Nothing is left to them but to find that out. */
	flush_work(&requests->carrying_out);
	flush_work(&requests->aborting);
}
EXPORT_SYMBOL_GPL(ndshm_requests_end);

/*
 * Counts, which those of clients that have gone are part of
 */

static int requests_show(struct seq_file *file, void *unused)
{
	s64 ends[] = {
		atomic64_read(&granted), atomic64_read(&failed),
		atomic64_read(&aborted),
	};

	/* In this order, so that no more seem to have ended than were accepted. */
	smp_rmb();
	seq_printf(file, "requests accepted=%lld granted=%lld failed=%lld aborted=%lld\n",
		   atomic64_read(&accepted), ends[0], ends[1], ends[2]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(requests);

/*
 * Each group has one of its works at a time, and a provider may hold it long. Those of
 * high priority have workers of their own: there would have to be one for each client
 * that is held up before there is one for them.
 */
static struct workqueue_struct * __init make_workqueue(const char *name,
						       unsigned int flags)
{
	return alloc_workqueue("ndshm-%s", WQ_UNBOUND | flags, WQ_MAX_ACTIVE,
			       name);
}

static void destroy_workqueues(void)
{
	if (of_aborted)
		destroy_workqueue(of_aborted);
	if (of_drivers)
		destroy_workqueue(of_drivers);
}

int __init ndshm_request_setup(void)
{
	of_drivers = make_workqueue("drivers", WQ_HIGHPRI);
	of_aborted = make_workqueue("aborted", WQ_HIGHPRI);
	if (!of_drivers || !of_aborted) {
		destroy_workqueues();
		return -ENOMEM;
	}
	/* Without it nobody reads the counts. */
	folder = debugfs_create_dir("ndshm", NULL);
	debugfs_create_file("requests", 0400, folder, NULL, &requests_fops);
	return 0;
}

void ndshm_request_teardown(void)
{
	debugfs_remove(folder);
	destroy_workqueues();
}
