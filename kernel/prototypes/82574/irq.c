// SPDX-License-Identifier: GPL-2.0
/*
 * The interrupt, which is an MSI or a line that may be shared, and NAPI.
 */
#include <linux/interrupt.h>

#include "nic.h"
#include "regs.h"

#define CAUSES_QUEUE \
	(CAUSE_SENT | CAUSE_RX_FEW | CAUSE_RX_OVERRUN | CAUSE_RECEIVED)
#define INTERRUPTS_PER_SECOND	20000

static irqreturn_t nic_interrupt(int irq, void *context)
{
	struct nic *nic = context;
	u32 causes = nic_read(nic, REG_ICR);

	/* A card that was pulled out reads as all ones. */
	if (causes == ~0U || !(causes & (CAUSES_QUEUE | CAUSE_LINK)))
		return IRQ_NONE;

	if (causes & CAUSE_LINK)
		schedule_work(&nic->link_work);
	if (causes & CAUSES_QUEUE) {
		nic_write(nic, REG_IMC, CAUSES_QUEUE);
		napi_schedule(&nic->queue.napi);
	}
	return IRQ_HANDLED;
}

int nic_poll(struct napi_struct *napi, int budget)
{
	struct nic_queue *queue = container_of(napi, struct nic_queue, napi);
	int done;

	nic_tx_clean(queue);
	done = nic_rx_poll(queue, budget);
	if (done < budget && napi_complete_done(napi, done))
		nic_write(queue->nic, REG_IMS, CAUSES_QUEUE);
	return done;
}

int nic_irq_start(struct nic *nic)
{
	return request_irq(nic->irq, nic_interrupt, nic->msi ? 0 : IRQF_SHARED,
			   nic->netdev->name, nic);
}

/*
 * The rings must be set up before: NAPI may be polled without an interrupt. On a shared
 * line a cause may already have been read, and thereby cleared: schedule a first poll,
 * which also enables the interrupts of the queue.
 */
void nic_irq_enable(struct nic *nic)
{
	nic_write(nic, REG_ITR,
		  NSEC_PER_SEC / (INTERRUPTS_PER_SECOND * 256));
	napi_enable(&nic->queue.napi);
	nic_write(nic, REG_IMS, CAUSE_LINK);
	local_bh_disable();
	napi_schedule(&nic->queue.napi);
	local_bh_enable();
}

/*
 * The order matters. A poll enables interrupts when it completes. Without
 * synchronize_net() it could do so after they are disabled, and the card would write a
 * message to an address that is no longer valid.
 */
void nic_irq_stop(struct nic *nic)
{
	napi_disable(&nic->queue.napi);
	synchronize_net();
	nic_write(nic, REG_IMC, ~0U);
	nic_read(nic, REG_STATUS);	/* flush the write */
	free_irq(nic->irq, nic);
}
