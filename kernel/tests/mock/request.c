// SPDX-License-Identifier: GPL-2.0
/*
 * A kernel user of asynchronous requests, which frees each block at once. It submits
 * with interrupts off. A request occupies one of 8 slots until it completes.
 *
 *	request ask SLOT ADAPTER PROVIDER|default LENGTH [type=N] [irq]
 *		irq: submitted in a hard interrupt
 *	request told		wait for all requests in flight; return the reason of a
 *				failure since the last call
 *	request end		abort all, wait for them, and begin a new group
 *
 * The file `requests` has the counters; a completion that violates the contract counts
 * as broken.
 */
#include <linux/atomic.h>
#include <linux/irqflags.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include <ndshm/adapter.h>
#include <ndshm/request.h>

#include "../native.h"
#include "mock.h"

#define SLOTS		8
#define MOST		6	/* fewer than slots, so that the limit can be exceeded */
#define RUBBISH		((void *)0x5a5a5a5aUL)

static struct slot {
	atomic_t taken;
	struct ndshm_request request;
} slots[SLOTS];

/* Held while a request is submitted and while the group is replaced. */
static DEFINE_MUTEX(group_lock);
static struct ndshm_requests group;

/* Reason of the last failed request. */
static u32 last_reason = (__force u32)NDSHM_REASON_NONE;

static atomic_t requested, granted, failed, broken;

/* Blocks are freed on completion; nothing to do. */
static void revoked(void *context, struct ndshm_block *block)
{
}

static void done(struct ndshm_request *request)
{
	struct slot *slot = container_of(request, struct slot, request);
	const struct ndshm_parameters *p = &request->parameters;
	const char number = '0' + (slot - slots);
	bool good = request->reason == NDSHM_REASON_NONE;

	might_sleep();
	if (!request->block == good || !p->shared_memory_handle == good ||
	    request->error != ndshm_reason_errno(request->reason) ||
	    p->virtual_address == RUBBISH || (!good && p->virtual_address)) {
		atomic_inc(&broken);
		pr_warn("request: outputs violate the contract of reason %s\n",
			ndshm_reason_name(request->reason));
	}
	mock_note(number);
	if (request->block)
		ndshm_free(request->block);
	if (!good)
		WRITE_ONCE(last_reason, (__force u32)request->reason);
	atomic_inc(good ? &granted : &failed);
	if (!atomic_xchg_release(&slot->taken, 0)) {
		atomic_inc(&broken);
		pr_warn("request: completed twice\n");
	}
}

static int prepare(struct ndshm_request *request, const struct mock_command *command)
{
	const char *word = command->words == 7 ? command->word[6] : "";
	const char *type = mock_value(word, "type");
	u64 length, number = NDSHM_OBJECT_TYPE_DEFAULT;
	int ret;

	if (command->words > 7 || (command->words == 7 && !type))
		return -EINVAL;
	ret = mock_number(command->word[5], U64_MAX, &length) ?:
	      type ? mock_number(type, U8_MAX, &number) : 0;
	*request = (struct ndshm_request){
		.parameters = {
			.header = NDSHM_PARAMETERS_HEADER,
			.preferred_node = NUMA_NO_NODE,
			.usage = NDSHM_USAGE_OTHER,
			.length = ret ? 0 : length,
			.virtual_address = RUBBISH,
			.shared_memory_handle = U32_MAX,
			.revoked = revoked,
		},
		.done = done,
	};
	request->parameters.header.type = number;
	return ret;
}

struct submission {
	struct ndshm_request *request;
	ndshm_reason_t reason;
};

static void submit_in_interrupt(void *data)
{
	struct submission *submission = data;

	submission->reason = check_allocate_async(&group, submission->request);
}

static ndshm_reason_t submit(struct ndshm_request *request, bool irq)
{
	struct submission submission = { .request = request };

	if (irq) {
		mock_in_interrupt(submit_in_interrupt, &submission);
		return submission.reason;
	}
	local_irq_disable();
	submit_in_interrupt(&submission);
	local_irq_enable();
	return submission.reason;
}

/* A refusal must clear the outputs. */
static int ask(struct slot *slot, struct mock_command *command, bool irq)
{
	struct ndshm_parameters *p = &slot->request.parameters;
	ndshm_reason_t reason;

	/* Count it first: the request may complete before submit() returns. */
	atomic_inc(&requested);
	mutex_lock(&group_lock);
	reason = submit(&slot->request, irq);
	mutex_unlock(&group_lock);
	/* The request may have completed, and its slot may be in use again. */
	if (reason == NDSHM_REASON_PENDING) {
		command->reason = reason;
		return 0;
	}
	atomic_dec(&requested);
	if (reason != NDSHM_REASON_PARAMETERS_TYPE &&
	    (p->virtual_address || p->shared_memory_handle)) {
		atomic_inc(&broken);
		pr_warn("request: refused with reason %s, but its outputs are set\n",
			ndshm_reason_name(reason));
	}
	return mock_answer(command, reason);
}

/*
 * Submit with references to adapter and provider, which are only needed during the call.
 */
static int ask_of(struct slot *slot, struct mock_command *command, bool irq)
{
	struct ndshm_parameters p = {};
	struct mock_named named;
	ndshm_reason_t reason;
	int ret;

	reason = mock_named_get(command, &p, &named);
	if (reason != NDSHM_REASON_NONE)
		return mock_answer(command, reason);
	slot->request.parameters.adapter = p.adapter;
	slot->request.parameters.provider = p.provider;
	ret = ask(slot, command, irq);
	/* Do not access @slot: it may be in use again. */
	mock_named_put(&p, &named);
	return ret;
}

int mock_request_ask(struct mock_command *command)
{
	bool irq = mock_last_word(command, "irq");
	struct slot *slot;
	u64 number;
	int ret;

	if (mock_number(command->word[2], SLOTS - 1, &number))
		return -EINVAL;
	slot = &slots[number];
	if (atomic_cmpxchg_acquire(&slot->taken, 0, 1))
		return -EBUSY;
	ret = prepare(&slot->request, command) ?:
	      ask_of(slot, command, irq);
	if (ret)
		atomic_set_release(&slot->taken, 0);
	return ret;
}

int mock_request_reported(struct mock_command *command)
{
	u32 reason;

	if (command->words != 2)
		return -EINVAL;
	mutex_lock(&group_lock);
	ndshm_requests_end(&group);
	mock_request_setup();
	reason = xchg(&last_reason, (__force u32)NDSHM_REASON_NONE);
	mutex_unlock(&group_lock);
	return mock_answer(command, (__force ndshm_reason_t)reason);
}

static void end_group(void)
{
	local_irq_disable();
	ndshm_requests_abort(&group);
	local_irq_enable();
	ndshm_requests_end(&group);
}

int mock_request_end(struct mock_command *command)
{
	if (command->words != 2)
		return -EINVAL;
	mutex_lock(&group_lock);
	end_group();
	mock_request_setup();
	mutex_unlock(&group_lock);
	return 0;
}

int mock_requests_show(struct seq_file *file, void *unused)
{
	int ends = atomic_read(&granted) + atomic_read(&failed);

	/* Read the ends first: a request is counted as asked before it can end. */
	smp_rmb();
	seq_printf(file, "asked=%d ended=%d granted=%d broken=%d\n",
		   atomic_read(&requested), ends, atomic_read(&granted),
		   atomic_read(&broken));
	return 0;
}

void mock_request_setup(void)
{
	ndshm_requests_init(&group, MOST);
}

void mock_request_teardown(void)
{
	end_group();
}
