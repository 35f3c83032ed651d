// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of a kernel user: each accepted one completes exactly once, in process
 * context, whichever objects are removed meanwhile; a refused one does not complete.
 */
#include <linux/delay.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include <ndshm/request.h>

#include "../../ndis/request.h"
#include "miniport.h"

#define MOST	8

/* A request and its completion. */
struct submission {
	struct ndshm_request request;
	struct requester *requester;
	bool keep;
	struct ndshm_block *kept;
	unsigned int ends;
	ndshm_reason_t reason;
};

struct requester {
	struct miniport *driver;
	struct ndshm_requests requests;
	struct completion ended;
	struct completion carried_out;
	struct completion decide;
	atomic_t wrong;
	struct submission submission[MOST + 1];
};

static void done(struct ndshm_request *request)
{
	struct submission *submission = container_of(request, struct submission, request);
	struct requester *requester = submission->requester;
	bool good = request->reason == NDSHM_REASON_NONE;

	might_sleep();
	if (!in_task() || irqs_disabled() || good != !!request->block ||
	    request->error != ndshm_reason_errno(request->reason))
		atomic_inc(&requester->wrong);
	submission->ends++;
	submission->reason = request->reason;
	miniport_note(requester->driver, '0' + request->cookie);
	if (submission->keep)
		submission->kept = request->block;
	else
		ndshm_free(request->block);
	complete(&requester->ended);
}

static struct requester *begin(struct kunit *test)
{
	struct requester *requester = kunit_kzalloc(test, sizeof(*requester), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, requester);
	requester->driver = test->priv;
	init_completion(&requester->ended);
	init_completion(&requester->carried_out);
	init_completion(&requester->decide);
	ndshm_requests_init(&requester->requests, MOST);
	for (i = 0; i <= MOST; i++) {
		requester->submission[i].requester = requester;
		requester->submission[i].request = (struct ndshm_request){
			.parameters = {
				.header = NDSHM_PARAMETERS_HEADER,
				.preferred_node = NUMA_NO_NODE,
				.usage = NDSHM_USAGE_RECEIVE,
				.length = PAGE_SIZE,
				.adapter = requester->driver->adapter,
			},
			.cookie = i,
			.done = done,
		};
	}
	return requester;
}

static void end(struct requester *requester)
{
	struct kunit *test = requester->driver->test;

	ndshm_requests_end(&requester->requests);
	KUNIT_EXPECT_EQ(test, atomic_read(&requester->wrong), 0);
	EXPECT_REASON(test, check_allocate_async(&requester->requests,
						 &requester->submission[0].request),
		      REQUEST_ABORTED);
}

/* Submit in atomic context. */
static ndshm_reason_t ask(struct requester *requester, unsigned int number)
{
	ndshm_reason_t reason;

	local_irq_disable();
	reason = check_allocate_async(&requester->requests,
				      &requester->submission[number].request);
	local_irq_enable();
	return reason;
}

static ndshm_reason_t cancel(struct requester *requester, u64 cookie)
{
	ndshm_reason_t reason;

	local_irq_disable();
	reason = check_request_cancel(&requester->requests, cookie);
	local_irq_enable();
	return reason;
}

static void wait_for_ends(struct requester *requester, unsigned int count)
{
	while (count--)
		KUNIT_ASSERT_TRUE(requester->driver->test,
				  wait_for_completion_timeout(&requester->ended,
							      60 * HZ));
}

/* Submit a request that the provider holds. */
static void ask_held(struct requester *requester, unsigned int number)
{
	struct miniport *driver = requester->driver;

	WRITE_ONCE(driver->hold, true);
	ASSERT_REASON(driver->test, ask(requester, number), PENDING);
	KUNIT_ASSERT_TRUE(driver->test,
			  wait_for_completion_timeout(&driver->providing,
						      60 * HZ));
	/* Do not hold the next requests. */
	WRITE_ONCE(driver->hold, false);
}

static void expect_end(struct requester *requester, unsigned int number,
		       ndshm_reason_t reason)
{
	const struct submission *submission = &requester->submission[number];
	struct kunit *test = requester->driver->test;

	KUNIT_EXPECT_EQ_MSG(test, submission->ends, 1, "request %u", number);
	KUNIT_EXPECT_STREQ_MSG(test, ndshm_reason_name(submission->reason),
			       ndshm_reason_name(reason), "request %u",
			       number);
}

/* Requests complete in the order of submission. */
static void in_order(struct kunit *test)
{
	struct requester *requester = begin(test);
	unsigned int i;

	ask_held(requester, 0);
	for (i = 1; i < MOST; i++)
		ASSERT_REASON(test, ask(requester, i), PENDING);
	miniport_expect(requester->driver, "");
	complete(&requester->driver->go_on);
	wait_for_ends(requester, MOST);
	for (i = 0; i < MOST; i++)
		expect_end(requester, i, NDSHM_REASON_NONE);
	miniport_expect(requester->driver, "0m1m2m3m4m5m6m7m");
	ASSERT_REASON(test, ask(requester, 3), PENDING);
	wait_for_ends(requester, 1);
	KUNIT_EXPECT_EQ(test, requester->submission[3].ends, 2);
	end(requester);
}

/* A refused request has no effect and no completion. */
static void refused(struct kunit *test)
{
	struct requester *requester = begin(test);
	struct ndshm_parameters *p = &requester->submission[0].request.parameters;
	const struct ndshm_parameters good = *p;

	p->header.type = 0;
	EXPECT_REASON(test, ask(requester, 0), PARAMETERS_TYPE);
	*p = good;
	p->header.revision = 0;
	EXPECT_REASON(test, ask(requester, 0), PARAMETERS_REVISION);
	*p = good;
	p->header.size = 4;
	EXPECT_REASON(test, ask(requester, 0), PARAMETERS_SIZE);
	*p = good;
	p->length = 0;
	EXPECT_REASON(test, ask(requester, 0), LENGTH_ZERO);
	p->length = U64_MAX;
	EXPECT_REASON(test, ask(requester, 0), LENGTH_OVERFLOW);
	*p = good;
	p->flags = U32_MAX;
	EXPECT_REASON(test, ask(requester, 0), FLAGS);
	*p = good;
	p->preferred_node = -2;
	EXPECT_REASON(test, ask(requester, 0), NODE);
	*p = good;
	p->queue_id = 1;
	p->vport_id = 1;
	EXPECT_REASON(test, ask(requester, 0), QUEUE_AND_PORT);
	*p = good;
	p->adapter = NULL;
	EXPECT_REASON(test, ask(requester, 0), ADAPTER_UNKNOWN);
	*p = good;
	KUNIT_EXPECT_EQ(test, requester->submission[0].ends, 0);

	/* Errors found during execution are reported by the completion. */
	p->queue_id = 4711;
	EXPECT_REASON(test, ask(requester, 0), PENDING);
	wait_for_ends(requester, 1);
	expect_end(requester, 0, NDSHM_REASON_QUEUE_UNKNOWN);
	miniport_expect(requester->driver, "0");
	end(requester);
}

/* A refusal clears the outputs, as ndshm_allocate() does. */
static void outputs(struct kunit *test)
{
	struct requester *requester = begin(test);
	struct ndshm_request *request = &requester->submission[0].request;
	struct ndshm_parameters *p = &request->parameters;
	struct ndshm_parameters running;

	p->virtual_address = requester;
	p->shared_memory_handle = 1;
	p->header.size = 4;
	EXPECT_REASON(test, ask(requester, 0), PARAMETERS_SIZE);
	KUNIT_EXPECT_PTR_EQ(test, p->virtual_address, (void *)requester);
	KUNIT_EXPECT_EQ(test, p->shared_memory_handle, 1);
	p->header.size = NDSHM_SIZEOF_PARAMETERS_REVISION_2;
	p->length = 0;
	EXPECT_REASON(test, ask(requester, 0), LENGTH_ZERO);
	KUNIT_EXPECT_NULL(test, p->virtual_address);
	KUNIT_EXPECT_EQ(test, p->shared_memory_handle, 0);

	/* A refused duplicate must not change the running request. */
	p->length = PAGE_SIZE;
	ask_held(requester, 0);
	p->virtual_address = requester;
	running = *p;
	EXPECT_REASON(test, ask(requester, 0), COOKIE);
	KUNIT_EXPECT_EQ(test, memcmp(p, &running, sizeof(running)), 0);
	/* Allocated and then aborted: the block is freed, the outputs are cleared. */
	EXPECT_REASON(test, cancel(requester, 0), NONE);
	p->consumed = 1;
	complete(&requester->driver->go_on);
	wait_for_ends(requester, 1);
	expect_end(requester, 0, NDSHM_REASON_REQUEST_ABORTED);
	KUNIT_EXPECT_NULL(test, p->virtual_address);
	KUNIT_EXPECT_EQ(test, p->shared_memory_handle, 0);
	KUNIT_EXPECT_EQ(test, p->consumed, 0);
	end(requester);
}

static void bound_and_cookies(struct kunit *test)
{
	struct requester *requester = begin(test);
	unsigned int i;

	ask_held(requester, 0);
	/* A duplicate cookie, of a running and of a waiting request. */
	requester->submission[MOST].request.cookie = 0;
	EXPECT_REASON(test, ask(requester, MOST), COOKIE);
	for (i = 1; i < MOST; i++)
		ASSERT_REASON(test, ask(requester, i), PENDING);
	requester->submission[MOST].request.cookie = MOST;
	EXPECT_REASON(test, ask(requester, MOST), REQUESTS);
	/* A completed request frees its slot and its cookie. */
	EXPECT_REASON(test, cancel(requester, 5), NONE);
	wait_for_ends(requester, 1);
	requester->submission[MOST].request.cookie = 6;
	EXPECT_REASON(test, ask(requester, MOST), COOKIE);
	requester->submission[MOST].request.cookie = 5;
	EXPECT_REASON(test, ask(requester, MOST), PENDING);
	complete(&requester->driver->go_on);
	wait_for_ends(requester, MOST);
	expect_end(requester, 5, NDSHM_REASON_REQUEST_ABORTED);
	expect_end(requester, MOST, NDSHM_REASON_NONE);
	end(requester);
}

/* A waiting request is cancelled at once, a running one when the provider returns. */
static void cancels(struct kunit *test)
{
	struct requester *requester = begin(test);

	EXPECT_REASON(test, cancel(requester, 0), REQUEST_UNKNOWN);
	ask_held(requester, 0);
	ASSERT_REASON(test, ask(requester, 1), PENDING);
	ASSERT_REASON(test, ask(requester, 2), PENDING);
	EXPECT_REASON(test, cancel(requester, 1), NONE);
	EXPECT_REASON(test, cancel(requester, 1), REQUEST_UNKNOWN);
	wait_for_ends(requester, 1);
	miniport_expect(requester->driver, "1");
	EXPECT_REASON(test, cancel(requester, 0), NONE);
	EXPECT_REASON(test, cancel(requester, 0), REQUEST_UNKNOWN);
	complete(&requester->driver->go_on);
	wait_for_ends(requester, 2);
	/*
	 * The log: the provider finds request 0 unwanted and frees its memory before the
	 * completion.
	 */
	miniport_expect(requester->driver, "um02m");
	expect_end(requester, 0, NDSHM_REASON_REQUEST_ABORTED);
	expect_end(requester, 1, NDSHM_REASON_REQUEST_ABORTED);
	expect_end(requester, 2, NDSHM_REASON_NONE);
	EXPECT_REASON(test, cancel(requester, 2), REQUEST_UNKNOWN);
	end(requester);
}

/* An operation that waits for the provider. */
struct ending {
	struct work_struct work;
	struct requester *requester;
	struct completion done;
};

static void end_work(struct work_struct *work)
{
	struct ending *ending = container_of(work, struct ending, work);

	ndshm_requests_end(&ending->requester->requests);
	complete(&ending->done);
}

static void unregister_work(struct work_struct *work)
{
	struct ending *ending = container_of(work, struct ending, work);

	miniport_unregister(ending->requester->driver);
	complete(&ending->done);
}

static void revoke_work(struct work_struct *work)
{
	struct ending *ending = container_of(work, struct ending, work);

	miniport_revoke(ending->requester->driver);
	complete(&ending->done);
}

/* Expect that the operation waits until the provider resumes. */
static void run_ending(struct requester *requester, work_func_t function)
{
	struct kunit *test = requester->driver->test;
	struct ending ending = { .requester = requester };
	bool waited;

	INIT_WORK_ONSTACK(&ending.work, function);
	init_completion(&ending.done);
	schedule_work(&ending.work);
	waited = !wait_for_completion_timeout(&ending.done, HZ / 5);
	complete(&requester->driver->go_on);
	flush_work(&ending.work);
	destroy_work_on_stack(&ending.work);
	KUNIT_EXPECT_TRUE(test, waited);
}

static void group_ends(struct kunit *test)
{
	struct requester *requester = begin(test);
	unsigned int i;

	/* Without an abort all requests are executed. */
	ask_held(requester, 0);
	for (i = 1; i < MOST; i++)
		ASSERT_REASON(test, ask(requester, i), PENDING);
	run_ending(requester, end_work);
	for (i = 0; i < MOST; i++)
		expect_end(requester, i, NDSHM_REASON_NONE);
	end(requester);
}

static void group_is_aborted(struct kunit *test)
{
	struct requester *requester = begin(test);
	unsigned int i;

	ask_held(requester, 0);
	for (i = 1; i < MOST; i++)
		ASSERT_REASON(test, ask(requester, i), PENDING);
	local_irq_disable();
	ndshm_requests_abort(&requester->requests);
	local_irq_enable();
	EXPECT_REASON(test, ask(requester, MOST), REQUEST_ABORTED);
	wait_for_ends(requester, MOST - 1);
	for (i = 1; i < MOST; i++)
		expect_end(requester, i, NDSHM_REASON_REQUEST_ABORTED);
	KUNIT_EXPECT_EQ(test, requester->submission[0].ends, 0);
	miniport_expect(requester->driver, "1234567");
	run_ending(requester, end_work);
	miniport_expect(requester->driver, "um0");
	expect_end(requester, 0, NDSHM_REASON_REQUEST_ABORTED);
	KUNIT_EXPECT_EQ(test, requester->submission[MOST].ends, 0);
	end(requester);
}

static void adapter_goes(struct kunit *test)
{
	struct requester *requester = begin(test);

	ask_held(requester, 0);
	ASSERT_REASON(test, ask(requester, 1), PENDING);
	run_ending(requester, unregister_work);
	wait_for_ends(requester, 2);
	expect_end(requester, 0, NDSHM_REASON_ADAPTER_REMOVED);
	expect_end(requester, 1, NDSHM_REASON_ADAPTER_REMOVED);
	end(requester);
}

static void provider_goes(struct kunit *test)
{
	struct requester *requester = begin(test);
	unsigned int i;

	/* Name the provider: the adapter might get another default. */
	for (i = 0; i < 2; i++)
		requester->submission[i].request.parameters.provider =
			requester->driver->provider;
	ask_held(requester, 0);
	ASSERT_REASON(test, ask(requester, 1), PENDING);
	run_ending(requester, revoke_work);
	wait_for_ends(requester, 2);
	expect_end(requester, 0, NDSHM_REASON_PROVIDER_CLOSING);
	expect_end(requester, 1, NDSHM_REASON_PROVIDER_CLOSING);
	end(requester);
}

/* A driver that frees its block in the callback. */
static void request_revoked(void *context, struct ndshm_block *block)
{
	struct submission *submission = context;

	miniport_note(submission->requester->driver, 'r');
	ndshm_free(block);
}

static void hold_carried_out(struct ndshm_request *request)
{
	struct submission *submission = container_of(request, struct submission, request);

	complete(&submission->requester->carried_out);
	wait_for_completion(&submission->requester->decide);
}

/* The device is removed after the allocation, but before the completion. */
static void goes_in_between(struct kunit *test, work_func_t function, bool abort,
			    ndshm_reason_t reason)
{
	struct requester *requester = begin(test);
	struct ending ending = { .requester = requester };

	requester->submission[0].request.parameters.revoked = request_revoked;
	requester->submission[0].request.parameters.revoked_context =
		&requester->submission[0];
	ndshm_request_in_between(hold_carried_out);
	KUNIT_EXPECT_EQ(test, (__force u32)ask(requester, 0),
			(__force u32)NDSHM_REASON_PENDING);
	wait_for_completion(&requester->carried_out);
	ndshm_request_in_between(NULL);
	if (abort)
		EXPECT_REASON(test, cancel(requester, 0), NONE);
	INIT_WORK_ONSTACK(&ending.work, function);
	init_completion(&ending.done);
	schedule_work(&ending.work);
	/* The removal must not wait for a block that its owner has not received. */
	KUNIT_EXPECT_TRUE(test, wait_for_completion_timeout(&ending.done,
							    60 * HZ));
	complete(&requester->decide);
	flush_work(&ending.work);
	destroy_work_on_stack(&ending.work);
	wait_for_ends(requester, 1);
	expect_end(requester, 0, reason);
	miniport_expect(requester->driver, "m0");
	KUNIT_EXPECT_NULL(test,
			  requester->submission[0].request.parameters.virtual_address);
	end(requester);
}

static void adapter_goes_in_between(struct kunit *test)
{
	goes_in_between(test, unregister_work, false,
			NDSHM_REASON_ADAPTER_REMOVED);
}

static void adapter_goes_in_between_aborted(struct kunit *test)
{
	goes_in_between(test, unregister_work, true,
			NDSHM_REASON_REQUEST_ABORTED);
}

static void provider_goes_in_between(struct kunit *test)
{
	goes_in_between(test, revoke_work, false,
			NDSHM_REASON_PROVIDER_CLOSING);
}

static void provider_goes_in_between_aborted(struct kunit *test)
{
	goes_in_between(test, revoke_work, true,
			NDSHM_REASON_REQUEST_ABORTED);
}

/* After the completion the callback is called, and frees the block. */
static void goes_afterwards(struct kunit *test)
{
	struct requester *requester = begin(test);
	struct submission *submission = &requester->submission[0];

	submission->keep = true;
	submission->request.parameters.revoked = request_revoked;
	submission->request.parameters.revoked_context = submission;
	ASSERT_REASON(test, ask(requester, 0), PENDING);
	wait_for_ends(requester, 1);
	expect_end(requester, 0, NDSHM_REASON_NONE);
	KUNIT_EXPECT_NOT_NULL(test, submission->kept);
	miniport_unregister(requester->driver);
	miniport_expect(requester->driver, "0rm");
	end(requester);
}

/*
 * Hard interrupts on any kernel, including PREEMPT_RT, so that lockdep checks the locks.
 */
struct interrupt {
	struct irq_work work;
	struct requester *requester;
	bool hard;
	ndshm_reason_t submission[2];
	ndshm_reason_t cancelled;
};

static void interrupted(struct irq_work *work)
{
	struct interrupt *interrupt = container_of(work, struct interrupt,
						   work);
	struct ndshm_requests *requests = &interrupt->requester->requests;
	struct submission *submission = interrupt->requester->submission;

	interrupt->hard = in_hardirq();
	interrupt->submission[0] = check_allocate_async(requests, &submission[1].request);
	interrupt->submission[1] = check_allocate_async(requests, &submission[2].request);
	interrupt->cancelled = check_request_cancel(requests, 1);
}

static void from_interrupts(struct kunit *test)
{
	struct requester *requester = begin(test);
	struct interrupt interrupt = { .requester = requester };

	interrupt.work = IRQ_WORK_INIT_HARD(interrupted);
	ask_held(requester, 0);
	irq_work_queue(&interrupt.work);
	irq_work_sync(&interrupt.work);
	KUNIT_EXPECT_TRUE(test, interrupt.hard);
	EXPECT_REASON(test, interrupt.submission[0], PENDING);
	EXPECT_REASON(test, interrupt.submission[1], PENDING);
	EXPECT_REASON(test, interrupt.cancelled, NONE);
	complete(&requester->driver->go_on);
	wait_for_ends(requester, 3);
	expect_end(requester, 1, NDSHM_REASON_REQUEST_ABORTED);
	expect_end(requester, 2, NDSHM_REASON_NONE);
	end(requester);
}

/* A provider that blocks many groups does not delay another group. */
#define GROUPS	64

struct group {
	struct ndshm_requests requests;
	struct ndshm_request request;
	ndshm_reason_t reason;
};

static void group_done(struct ndshm_request *request)
{
	struct group *group = container_of(request, struct group, request);

	group->reason = request->reason;
	ndshm_free(request->block);
}

static void begin_group(struct group *group, struct requester *requester)
{
	ndshm_requests_init(&group->requests, 1);
	group->request = requester->submission[0].request;
	group->request.parameters.usage = NDSHM_USAGE_XMIT;
	group->request.done = group_done;
	group->reason = check_allocate_async(&group->requests, &group->request);
}

static void many_groups(struct kunit *test)
{
	struct requester *requester = begin(test);
	struct miniport *driver = requester->driver;
	struct group *groups;
	unsigned int i;

	groups = kvcalloc(GROUPS, sizeof(*groups), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, groups);
	WRITE_ONCE(driver->hold_usage, NDSHM_USAGE_XMIT);
	WRITE_ONCE(driver->hold, true);
	for (i = 0; i < GROUPS; i++)
		begin_group(&groups[i], requester);

	EXPECT_REASON(test, ask(requester, 1), PENDING);
	KUNIT_EXPECT_TRUE(test, wait_for_completion_timeout(&requester->ended,
							    60 * HZ));
	expect_end(requester, 1, NDSHM_REASON_NONE);
	for (i = 0; i < GROUPS; i++)
		EXPECT_REASON(test, check_request_cancel(&groups[i].requests, 0),
			      NONE);

	complete_all(&driver->go_on);
	for (i = 0; i < GROUPS; i++) {
		ndshm_requests_end(&groups[i].requests);
		EXPECT_REASON(test, groups[i].reason, REQUEST_ABORTED);
	}
	kvfree(groups);
	end(requester);
}

/*
 * Stress: each thread submits its own requests, again after each completion, and cancels
 * its own and others'; one thread finally aborts the group.
 */
#define THREADS	4
#define EACH	16
#define ROUNDS	5000

struct runner {
	struct ndshm_request request;
	struct crowd *crowd;
	atomic_t out;
};

struct crowd {
	struct miniport *driver;
	struct ndshm_requests requests;
	atomic_t pending;
	atomic_t ends[3];	/* successes, aborts, others */
	atomic_t wrong;
	struct rnd_state random[THREADS];
	struct runner runners[THREADS * EACH];
};

static void runner_done(struct ndshm_request *request)
{
	struct runner *runner = container_of(request, struct runner, request);
	struct crowd *crowd = runner->crowd;

	if (request->reason == NDSHM_REASON_NONE) {
		atomic_inc(&crowd->ends[0]);
		ndshm_free(request->block);
	} else {
		atomic_inc(&crowd->ends[request->reason ==
				NDSHM_REASON_REQUEST_ABORTED ? 1 : 2]);
	}
	/* The request completed twice, or was never submitted. */
	if (atomic_dec_return(&runner->out))
		atomic_inc(&crowd->wrong);
}

static void run_one(struct crowd *crowd, struct runner *runner, u32 dice)
{
	ndshm_reason_t reason;

	if (atomic_cmpxchg(&runner->out, 0, 1)) {
		if (dice & 1)
			check_request_cancel(&crowd->requests,
					     runner->request.cookie);
		return;
	}
	reason = check_allocate_async(&crowd->requests, &runner->request);
	if (reason == NDSHM_REASON_PENDING) {
		atomic_inc(&crowd->pending);
		return;
	}
	if (reason != NDSHM_REASON_REQUESTS &&
	    reason != NDSHM_REASON_REQUEST_ABORTED)
		atomic_inc(&crowd->wrong);
	atomic_set(&runner->out, 0);
}

/* Return: true if requests have succeeded, and others were aborted. */
static bool crowd_has_both(struct crowd *crowd)
{
	return atomic_read(&crowd->ends[0]) && atomic_read(&crowd->ends[1]);
}

static unsigned int run_crowd(void *context, unsigned int number)
{
	struct crowd *crowd = context;
	struct rnd_state *random = &crowd->random[number];
	struct runner *runner;
	unsigned int i;

	for (i = 0; i < ROUNDS || (!crowd_has_both(crowd) && i < 100 * ROUNDS); i++) {
		runner = &crowd->runners[number * EACH +
					 suite_below(random, EACH)];
		run_one(crowd, runner, prandom_u32_state(random));
		check_request_cancel(&crowd->requests,
				     suite_below(random, THREADS * EACH * 4));
		if (i % 64)
			continue;
		cond_resched();
		/* The workers that carry out the requests may not have run. */
		if (i >= ROUNDS)
			usleep_range(1000, 2000);
	}
	if (!number)
		ndshm_requests_abort(&crowd->requests);
	return 0;
}

static void crowds(struct kunit *test)
{
	struct crowd *crowd = kunit_kzalloc(test, sizeof(*crowd), GFP_KERNEL);
	struct rnd_state random = suite_random(test);
	struct runner *runner;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, crowd);
	crowd->driver = test->priv;
	/* A limit below the number of requests. */
	ndshm_requests_init(&crowd->requests, THREADS * EACH / 2);
	for (i = 0; i < THREADS; i++)
		prandom_seed_state(&crowd->random[i],
				   suite_random_u64(&random));
	for (i = 0; i < THREADS * EACH; i++) {
		runner = &crowd->runners[i];
		runner->crowd = crowd;
		runner->request.cookie = i;
		runner->request.done = runner_done;
		runner->request.parameters = (struct ndshm_parameters){
			.header = NDSHM_PARAMETERS_HEADER,
			.preferred_node = NUMA_NO_NODE,
			.usage = NDSHM_USAGE_RECEIVE,
			.length = PAGE_SIZE,
			.adapter = crowd->driver->adapter,
		};
	}
	suite_run_threads(test, THREADS, run_crowd, crowd);
	ndshm_requests_end(&crowd->requests);

	KUNIT_EXPECT_EQ(test, atomic_read(&crowd->wrong), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&crowd->pending),
			atomic_read(&crowd->ends[0]) +
			atomic_read(&crowd->ends[1]) +
			atomic_read(&crowd->ends[2]));
	/* Successes and aborts have both occurred. */
	KUNIT_EXPECT_GT(test, atomic_read(&crowd->ends[0]), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&crowd->ends[1]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&crowd->ends[2]), 0);
	for (i = 0; i < THREADS * EACH; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&crowd->runners[i].out), 0);
	kunit_info(test, "%d requests, %d of them aborted\n",
		   atomic_read(&crowd->pending), atomic_read(&crowd->ends[1]));
}

static struct kunit_case request_cases[] = {
	KUNIT_CASE(in_order),
	KUNIT_CASE(refused),
	KUNIT_CASE(outputs),
	KUNIT_CASE(bound_and_cookies),
	KUNIT_CASE(cancels),
	KUNIT_CASE(group_ends),
	KUNIT_CASE(group_is_aborted),
	KUNIT_CASE(adapter_goes),
	KUNIT_CASE(provider_goes),
	KUNIT_CASE(adapter_goes_in_between),
	KUNIT_CASE(adapter_goes_in_between_aborted),
	KUNIT_CASE(provider_goes_in_between),
	KUNIT_CASE(provider_goes_in_between_aborted),
	KUNIT_CASE(goes_afterwards),
	KUNIT_CASE(from_interrupts),
	KUNIT_CASE(many_groups),
	KUNIT_CASE(crowds),
	{}
};

static struct kunit_suite request_suite = {
	.name = SUITE_NAME("request"),
	.init = miniport_init,
	.exit = miniport_exit,
	.test_cases = request_cases,
};

kunit_test_suite(request_suite);
