// SPDX-License-Identifier: GPL-2.0
/*
 * A kernel user of blocks, in 64 slots. PROVIDER is a provider of this module or, by its
 * name, another one.
 *
 *	block alloc SLOT ADAPTER PROVIDER|default LENGTH [KEY=VALUE...]
 *		callback=note|hold|free|none	action of the revocation callback:
 *				count the call (default); wait until
 *				`block release SLOT`; free the block; NULL
 *		callback_us=N		duration of the callback
 *		contiguous=1		one segment
 *		capacity=N		capacity of the list of segments; 0: none
 *		usage=N type=N revision=N size=N	of the parameters
 *		queue=SLOT port=SLOT	queue or port of that slot; see queue.c
 *		killed			last: in a task that was killed
 *	block sync SLOT DIRECTION OFFSET LENGTH		with interrupts off
 *	block free SLOT
 *	block get SLOT			take a further reference
 *	block put SLOT			drop it, in atomic context; also after the block
 *					was freed
 *
 * A slot is occupied until its block is freed and all further references are dropped.
 * Violations of ndshm's contract are counted: a callback that runs after ndshm_free() has
 * returned is late; invalid outputs are broken.
 */
#include <linux/bits.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/wait.h>

#include <ndshm/adapter.h>
#include <ndshm/block.h>

#include "../native.h"
#include "mock.h"

#define SLOTS		64
#define MAX_CALLBACK_US	1000000

/*
 * The callback's context is a number, so that a late callback accesses no freed memory.
 */
#define CONTEXT_SLOT	GENMASK(5, 0)

enum callback {
	CALLBACK_NOTE,
	CALLBACK_HOLD,
	CALLBACK_FREE,
	CALLBACK_NONE,
};

/* State of a slot. */
enum state {
	EMPTY,
	ALLOCATING,
	HELD,
	FREEING,
	REFERENCED,		/* freed, with further references */
};

/**
 * struct slot - One block of the kernel user
 * @lock: protects the members up to @hold; not held while ndshm allocates or frees
 * @state: state of @block
 * @block: from ndshm_allocate()
 * @handle: shared memory handle of this or of the last block
 * @extra: number of further references
 * @number: number of the block, counted up
 * @revoked: the callback has run, so that the memory must not be accessed
 * @freed_by_callback: the callback freed the block before ndshm_allocate() returned
 * @callback: action of the callback
 * @callback_us: duration of the callback
 * @hold: the callback waits
 * @released: woken when @hold is cleared
 * @segments: number of segments, also if it exceeds the capacity
 * @returned: number of the newest block for which ndshm_free() has returned
 * @calls: number of callbacks begun
 * @inside: number of running callbacks
 * @late: number of callbacks that ran after @returned was set
 * @broken: number of invalid outputs and callback contexts
 */
struct slot {
	struct mutex lock;	/* protects the members up to hold */
	enum state state;
	struct ndshm_block *block;
	u32 handle;
	unsigned int extra;
	unsigned long number;
	bool revoked;
	bool freed_by_callback;
	enum callback callback;
	unsigned int callback_us;
	bool hold;
	wait_queue_head_t released;
	u32 segments;
	atomic_long_t returned;
	atomic_t calls;
	atomic_t inside;
	atomic_t late;
	atomic_t broken;
};

static struct slot slots[SLOTS];

void mock_block_setup(void)
{
	struct slot *slot;

	for (slot = slots; slot < slots + SLOTS; slot++) {
		mutex_init(&slot->lock);
		init_waitqueue_head(&slot->released);
	}
}

static int slot_of(const struct mock_command *command, struct slot **slot)
{
	u64 number;

	if (mock_number(command->word[2], SLOTS - 1, &number))
		return -EINVAL;
	*slot = &slots[number];
	return 0;
}

/* The block is freed or was not allocated: release the slot. */
static void leave(struct slot *slot)
{
	mutex_lock(&slot->lock);
	atomic_long_set(&slot->returned, slot->number);
	slot->state = slot->extra ? REFERENCED : EMPTY;
	if (!slot->extra)
		slot->block = NULL;
	mutex_unlock(&slot->lock);
}

/* Count and log a violation of the contract. */
static void print_error(struct slot *slot, const char *what, const char *which)
{
	atomic_inc(&slot->broken);
	pr_warn("block %td: %s (%s)\n", slot - slots, what, which);
}

/*
 * The revocation callback
 */

static bool is_late(struct slot *slot, unsigned long number)
{
	return atomic_long_read(&slot->returned) >= (long)number;
}

/* Free the block from its own callback, unless a command frees it. */
static void free_in_callback(struct slot *slot, struct ndshm_block *block,
			     unsigned long number)
{
	enum state state = EMPTY;

	mutex_lock(&slot->lock);
	if (slot->number == number)
		state = slot->state;
	if (state == ALLOCATING)
		slot->freed_by_callback = true;
	else if (state == HELD)
		slot->state = FREEING;
	mutex_unlock(&slot->lock);
	if (state == ALLOCATING || state == HELD)
		ndshm_free(block);
	if (state == HELD)
		leave(slot);
}

static void revoked(void *context, struct ndshm_block *block)
{
	struct slot *slot = &slots[(unsigned long)context & CONTEXT_SLOT];
	unsigned long number = (unsigned long)context >> 6;
	const char *lock = mock_lock_held();
	bool late = is_late(slot, number);

	might_sleep();
	if (lock)
		print_error(slot, "the callback was called with a lock held", lock);
	mock_note('r');
	atomic_inc(&slot->inside);
	atomic_inc(&slot->calls);
	if (slot->callback_us)
		fsleep(slot->callback_us);
	if (slot->callback == CALLBACK_HOLD)
		wait_event_killable(slot->released, !READ_ONCE(slot->hold));
	if (late || is_late(slot, number))
		atomic_inc(&slot->late);
	mutex_lock(&slot->lock);
	if (slot->number == number)
		slot->revoked = true;
	mutex_unlock(&slot->lock);
	if (slot->callback == CALLBACK_FREE)
		free_in_callback(slot, block, number);
	atomic_dec(&slot->inside);
}

/*
 * Commands
 */

struct request {
	struct mock_request requested;
	enum callback callback;
	unsigned int callback_us;
};

static int callback_of(const char *text, enum callback *callback)
{
	if (!strcmp(text, "note"))
		*callback = CALLBACK_NOTE;
	else if (!strcmp(text, "hold"))
		*callback = CALLBACK_HOLD;
	else if (!strcmp(text, "free"))
		*callback = CALLBACK_FREE;
	else if (!strcmp(text, "none"))
		*callback = CALLBACK_NONE;
	else
		return -EINVAL;
	return 0;
}

static int option(struct request *request, const char *word)
{
	struct ndshm_parameters *p = &request->requested.parameters;
	const char *value = mock_value(word, "callback");
	u64 number;
	u32 id;

	if (value)
		return callback_of(value, &request->callback);
	value = strchr(word, '=');
	if (!value || mock_number(value + 1, U32_MAX, &number))
		return -EINVAL;
	if (mock_value(word, "callback_us") && number <= MAX_CALLBACK_US)
		request->callback_us = number;
	else if (mock_value(word, "contiguous") && number <= 1)
		p->flags = number ? NDSHM_ALLOC_CONTIGUOUS : 0;
	else if (mock_value(word, "capacity") && number <= MOCK_SEGMENTS)
		request->requested.list.capacity = number;
	else if (mock_value(word, "usage"))
		p->usage = number;
	else if (mock_value(word, "queue") && mock_queue_id(number, &id))
		p->queue_id = id;
	else if (mock_value(word, "port") && mock_queue_id(number, &id))
		p->vport_id = id;
	else if (mock_value(word, "type") && number <= U8_MAX)
		p->header.type = number;
	else if (mock_value(word, "revision") && number <= U8_MAX)
		p->header.revision = number;
	else if (mock_value(word, "size") && number <= U16_MAX)
		p->header.size = number;
	else
		return -EINVAL;
	return 0;
}

static int prepare(struct request *request, const struct mock_command *command)
{
	u64 length;
	unsigned int i;
	int ret;

	*request = (struct request){
		.requested.parameters = {
			.header = NDSHM_PARAMETERS_HEADER,
			.preferred_node = NUMA_NO_NODE,
			.usage = NDSHM_USAGE_OTHER,
		},
	};
	ret = mock_number(command->word[5], U64_MAX, &length);
	request->requested.parameters.length = length;
	for (i = 6; i < command->words && !ret; i++)
		ret = option(request, command->word[i]);
	return ret;
}

static int begin(struct slot *slot, struct request *request)
{
	struct ndshm_parameters *p = &request->requested.parameters;
	int ret = -EBUSY;

	mutex_lock(&slot->lock);
	if (slot->state == EMPTY) {
		slot->state = ALLOCATING;
		slot->number++;
		slot->revoked = false;
		slot->freed_by_callback = false;
		slot->callback = request->callback;
		slot->callback_us = request->callback_us;
		slot->hold = request->callback == CALLBACK_HOLD;
		if (request->callback != CALLBACK_NONE)
			p->revoked = revoked;
		p->revoked_context = (void *)(slot->number << 6 |
					      (unsigned long)(slot - slots));
		ret = 0;
	}
	mutex_unlock(&slot->lock);
	return ret;
}

static void allocated(struct slot *slot, struct ndshm_block *block, u32 handle)
{
	bool freed;

	mutex_lock(&slot->lock);
	freed = slot->freed_by_callback;
	slot->block = block;
	slot->handle = handle;
	/* If the callback frees the block, no command may. */
	slot->state = freed ? FREEING : HELD;
	mutex_unlock(&slot->lock);
	if (freed)
		leave(slot);
}

/* Return: true if the segments cover the block; sets @count to their number. */
static bool is_whole(const struct mock_request *requested, u32 *count)
{
	const struct ndshm_segment *segments =
		ndshm_block_segments(requested->block, count);
	u64 total = 0;
	u32 i;

	for (i = 0; i < *count; i++)
		total += segments[i].length;
	return total >= PAGE_ALIGN(requested->parameters.length);
}

/*
 * New memory must read as zero. It exists until the callback returns, and the callback
 * waits for the lock.
 */
static bool is_good(struct slot *slot, const struct mock_request *requested)
{
	bool good = true;

	mutex_lock(&slot->lock);
	if (requested->parameters.revoked && !slot->revoked)
		good = mock_request_zero(requested) &&
		       is_whole(requested, &slot->segments);
	mutex_unlock(&slot->lock);
	return good;
}

static ndshm_reason_t allocate(struct slot *slot, struct mock_request *requested)
{
	ndshm_reason_t reason;
	bool kept;

	reason = mock_request_try(requested, &kept);
	slot->segments = requested->list.capacity ? requested->list.count : 0;
	if (!kept || (reason == NDSHM_REASON_NONE && !is_good(slot, requested)))
		print_error(slot, "outputs violate the contract",
			    ndshm_reason_name(reason));
	return reason;
}

struct killed {
	struct slot *slot;
	struct mock_request *requested;
	ndshm_reason_t reason;
	struct completion done;
};

static int allocate_killed(void *data)
{
	struct killed *killed = data;

	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	killed->reason = allocate(killed->slot, killed->requested);
	kthread_complete_and_exit(&killed->done, 0);
}

/* Allocate in a task that was killed. */
static ndshm_reason_t allocate_in_killed(struct slot *slot, struct mock_request *requested)
{
	struct killed killed = { .slot = slot, .requested = requested };

	init_completion(&killed.done);
	if (IS_ERR(kthread_run(allocate_killed, &killed, "ndshm-mock")))
		return NDSHM_REASON_MEMORY;
	wait_for_completion(&killed.done);
	return killed.reason;
}

int mock_block_alloc(struct mock_command *command)
{
	bool killed = mock_last_word(command, "killed");
	struct ndshm_parameters *p;
	struct mock_named named;
	struct request request;
	ndshm_reason_t reason;
	struct slot *slot;
	int ret;

	ret = slot_of(command, &slot) ?: prepare(&request, command);
	if (ret)
		return ret;
	p = &request.requested.parameters;
	reason = mock_named_get(command, p, &named);
	if (reason != NDSHM_REASON_NONE)
		return mock_answer(command, reason);
	ret = begin(slot, &request);
	if (ret)
		goto out;
	ret = mock_answer(command, killed ? allocate_in_killed(slot, &request.requested) :
					    allocate(slot, &request.requested));
	if (ret)
		leave(slot);
	else
		allocated(slot, request.requested.block, p->shared_memory_handle);
out:
	mock_named_put(p, &named);
	return ret;
}

bool mock_block_handle(u64 slot, u32 *handle)
{
	if (slot >= SLOTS)
		return false;
	mutex_lock(&slots[slot].lock);
	*handle = slots[slot].handle;
	mutex_unlock(&slots[slot].lock);
	return true;
}

static int free_slot(struct slot *slot)
{
	struct ndshm_block *block = NULL;

	mutex_lock(&slot->lock);
	if (slot->state == HELD) {
		slot->state = FREEING;
		block = slot->block;
	}
	mutex_unlock(&slot->lock);
	if (!block)
		return -ENOENT;
	ndshm_free(block);
	leave(slot);
	return 0;
}

int mock_block_free(struct mock_command *command)
{
	struct slot *slot;

	return slot_of(command, &slot) ?: free_slot(slot);
}

int mock_block_get(struct mock_command *command)
{
	struct slot *slot;
	int ret = slot_of(command, &slot);

	if (ret)
		return ret;
	mutex_lock(&slot->lock);
	if (slot->state == HELD) {
		ndshm_block_get(slot->block);
		slot->extra++;
	} else {
		ret = -ENOENT;
	}
	mutex_unlock(&slot->lock);
	return ret;
}

static int put_extra(struct slot *slot)
{
	struct ndshm_block *block = NULL;

	mutex_lock(&slot->lock);
	if (slot->extra) {
		block = slot->block;
		if (!--slot->extra && slot->state == REFERENCED) {
			slot->state = EMPTY;
			slot->block = NULL;
		}
	}
	mutex_unlock(&slot->lock);
	if (!block)
		return -ENOENT;
	preempt_disable();
	ndshm_block_put(block);
	preempt_enable();
	return 0;
}

int mock_block_put(struct mock_command *command)
{
	struct slot *slot;

	return slot_of(command, &slot) ?: put_extra(slot);
}

int mock_block_release(struct mock_command *command)
{
	struct slot *slot;
	int ret = slot_of(command, &slot);

	if (ret)
		return ret;
	WRITE_ONCE(slot->hold, false);
	wake_up_all(&slot->released);
	return 0;
}

int mock_block_sync(struct mock_command *command)
{
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	u64 direction, offset, length;
	struct slot *slot;
	int ret;

	ret = slot_of(command, &slot) ?:
	      mock_number(command->word[3], U32_MAX, &direction) ?:
	      mock_number(command->word[4], U64_MAX, &offset) ?:
	      mock_number(command->word[5], U64_MAX, &length);
	if (ret)
		return ret;
	/* The callback waits for the lock: the block is not revoked during the sync. */
	mutex_lock(&slot->lock);
	if (slot->state == HELD && !slot->revoked &&
	    slot->callback != CALLBACK_NONE) {
		local_irq_disable();
		reason = check_sync(slot->block, direction, offset, length);
		local_irq_enable();
	} else {
		ret = -ENOENT;
	}
	mutex_unlock(&slot->lock);
	return ret ?: mock_answer(command, reason);
}

/* Shows slots that were ever used. */
int mock_blocks_show(struct seq_file *file, void *unused)
{
	static const char * const states[] = {
		[EMPTY] = "empty", [ALLOCATING] = "allocating",
		[HELD] = "held", [FREEING] = "freeing",
		[REFERENCED] = "referenced",
	};
	struct slot *slot;

	for (slot = slots; slot < slots + SLOTS; slot++) {
		mutex_lock(&slot->lock);
		if (slot->number) {
			seq_printf(file, "%td state=%s extra=%u calls=%d",
				   slot - slots, states[slot->state],
				   slot->extra, atomic_read(&slot->calls));
			seq_printf(file, " inside=%d late=%d broken=%d",
				   atomic_read(&slot->inside),
				   atomic_read(&slot->late),
				   atomic_read(&slot->broken));
			seq_printf(file, " segments=%u\n",
				   slot->segments);
		}
		mutex_unlock(&slot->lock);
	}
	return 0;
}

void mock_block_teardown(void)
{
	struct slot *slot;

	for (slot = slots; slot < slots + SLOTS; slot++) {
		free_slot(slot);
		while (!put_extra(slot))
			;
		mutex_destroy(&slot->lock);
	}
}
