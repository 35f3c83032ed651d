// SPDX-License-Identifier: GPL-2.0
/*
 * Packets in 64 slots, as in a receive path: resolved and put with interrupts off, and
 * put after a bounded time, whichever commands follow.
 *
 *	packet resolve SLOT ADAPTER HANDLE OFFSET LENGTH [irq]
 *		HANDLE: the shared memory handle, or block=SLOT; see block.c
 *		irq: resolved and put in a hard interrupt, and by a command only
 *	packet put SLOT		before that time
 */
#include <linux/irqflags.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include <ndshm/adapter.h>
#include <ndshm/packet.h>

#include "../native.h"
#include "mock.h"

#define SLOTS		64
#define LONGEST_MS	5	/* for which a packet is in flight */

static struct slot {
	struct ndshm_block *block;	/* NULL: free */
	bool irq;
	struct delayed_work end;
} slots[SLOTS];

static struct slot *slot_of(const struct mock_command *command)
{
	u64 number;

	return mock_number(command->word[2], SLOTS - 1, &number) ?
	       NULL : &slots[number];
}

static void put_in_interrupt(void *block)
{
	ndshm_packet_put(block);
}

static void put(struct ndshm_block *block, bool irq)
{
	if (irq) {
		mock_in_interrupt(put_in_interrupt, block);
		return;
	}
	local_irq_disable();
	ndshm_packet_put(block);
	local_irq_enable();
}

/* The command and the work may race: one of them puts the packet. */
static bool put_slot(struct slot *slot)
{
	bool irq = READ_ONCE(slot->irq);
	struct ndshm_block *block = xchg(&slot->block, NULL);

	if (block && irq)
		mock_note('p');
	if (block)
		put(block, irq);
	return block;
}

static void end_work(struct work_struct *work)
{
	put_slot(container_of(to_delayed_work(work), struct slot, end));
}

static int parse(const struct mock_command *command,
		 struct ndshm_packet *packet)
{
	const char *block = mock_value(command->word[4], "block");
	u64 number;
	int ret;

	if (command->words != 7)
		return -EINVAL;
	ret = mock_number(block ?: command->word[4], U32_MAX, &number) ?:
	      mock_number(command->word[5], U64_MAX, &packet->offset) ?:
	      mock_number(command->word[6], U64_MAX, &packet->length);
	packet->shared_memory_handle = ret ? 0 : number;
	if (ret || !block)
		return ret;
	return mock_block_handle(number, &packet->shared_memory_handle) ?
	       0 : -ENOENT;
}

/* Read the first and the last byte. */
static void look(const u8 *address, u64 length)
{
	if (!address)
		return;
	READ_ONCE(address[0]);
	READ_ONCE(address[length - 1]);
}

struct question {
	struct ndshm_adapter *adapter;
	struct ndshm_packet packet;
	struct ndshm_block *block;
	ndshm_reason_t reason;
};

static void resolve(void *data)
{
	struct question *question = data;
	void *address;

	question->reason = check_packet_resolve(question->adapter, &question->packet,
						&question->block, &address);
	if (question->reason == NDSHM_REASON_NONE)
		look(address, question->packet.length);
}

int mock_packet_resolve(struct mock_command *command)
{
	bool irq = mock_last_word(command, "irq");
	struct slot *slot = slot_of(command);
	struct question question;
	int ret;

	ret = slot ? parse(command, &question.packet) : -EINVAL;
	if (ret)
		return ret;
	question.adapter = ndshm_adapter_find(command->word[3]);
	if (!question.adapter)
		return mock_answer(command, NDSHM_REASON_ADAPTER_UNKNOWN);
	if (irq) {
		mock_in_interrupt(resolve, &question);
	} else {
		local_irq_disable();
		resolve(&question);
		local_irq_enable();
	}
	ndshm_adapter_put(question.adapter);
	if (question.reason != NDSHM_REASON_NONE)
		return mock_answer(command, question.reason);
	if (cmpxchg(&slot->block, NULL, question.block)) {
		put(question.block, irq);
		return -EBUSY;
	}
	WRITE_ONCE(slot->irq, irq);
	if (irq)
		return 0;
	mod_delayed_work(system_dfl_wq, &slot->end, msecs_to_jiffies(LONGEST_MS));
	return 0;
}

int mock_packet_put(struct mock_command *command)
{
	struct slot *slot = slot_of(command);

	if (command->words != 3 || !slot)
		return -EINVAL;
	return put_slot(slot) ? 0 : -ENOENT;
}

void mock_packet_setup(void)
{
	struct slot *slot;

	for (slot = slots; slot < slots + SLOTS; slot++)
		INIT_DELAYED_WORK(&slot->end, end_work);
}

void mock_packet_teardown(void)
{
	struct slot *slot;

	for (slot = slots; slot < slots + SLOTS; slot++) {
		cancel_delayed_work_sync(&slot->end);
		put_slot(slot);
	}
}
