// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts and NAPI. With MSI-X each queue has a vector, and the link another one. Otherwise
 * there is one queue, and its interrupt is an MSI or a line that may be shared.
 */
#include <linux/interrupt.h>
#include <linux/pci.h>

#include "nic.h"
#include "regs.h"

#define CAUSES_QUEUE \
	(CAUSE_SENT | CAUSE_RX_FEW | CAUSE_RX_OVERRUN | CAUSE_RECEIVED)
/* CAUSE_OTHER is set while any of these is, whether it is enabled or not. */
#define CAUSES_OTHER \
	(CAUSE_LINK | CAUSE_RX_OVERRUN | CAUSE_PHY | CAUSE_RX_SHORT | CAUSE_ACK | \
	 CAUSE_MANAGEMENT | CAUSE_OTHER)
#define VECTOR_LINK		NIC_QUEUES	/* a queue has the vector of its index */

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
		napi_schedule(&nic->queue[0].napi);
	}
	return IRQ_HANDLED;
}

/* The card has disabled the causes, which are in EIAC. NAPI enables them. */
static irqreturn_t nic_interrupt_queue(int irq, void *context)
{
	struct nic_queue *queue = context;

	napi_schedule(&queue->napi);
	return IRQ_HANDLED;
}

/* Does not read ICR, which would clear causes of the queues. */
static irqreturn_t nic_interrupt_link(int irq, void *context)
{
	struct nic *nic = context;

	nic_write(nic, REG_ICR, CAUSES_OTHER);
	schedule_work(&nic->link_work);
	return IRQ_HANDLED;
}

static int nic_poll(struct napi_struct *napi, int budget)
{
	struct nic_queue *queue = container_of(napi, struct nic_queue, napi);
	int done;

	if (!queue->index)
		nic_tx_clean(queue->nic, budget);
	done = nic_rx_poll(queue, budget);
	if (done < budget && napi_complete_done(napi, done))
		nic_write(queue->nic, REG_IMS, queue->causes);
	return done;
}

void nic_irq_setup(struct nic *nic)
{
	struct nic_queue *queue;

	for (queue = nic->queue; queue < nic_queues_end(nic); queue++) {
		netif_napi_add(nic->netdev, &queue->napi, nic_poll);
		queue->causes = nic->msix ? CAUSE_RX_QUEUE(queue->index) : CAUSES_QUEUE;
	}
	if (nic->msix)
		nic->queue[0].causes |= CAUSE_TX_QUEUE(0);
}

static void nic_irq_free(struct nic *nic, unsigned int queues)
{
	while (queues--)
		free_irq(pci_irq_vector(nic->pdev, queues), &nic->queue[queues]);
}

static int nic_irq_start_msix(struct nic *nic)
{
	struct nic_queue *queue;
	int error;

	for (queue = nic->queue; queue < nic_queues_end(nic); queue++) {
		snprintf(queue->irq_name, sizeof(queue->irq_name), "%s-%u",
			 nic->netdev->name, queue->index);
		error = request_irq(pci_irq_vector(nic->pdev, queue->index),
				    nic_interrupt_queue, 0, queue->irq_name, queue);
		if (error)
			goto err_queues;
	}
	error = request_irq(pci_irq_vector(nic->pdev, VECTOR_LINK), nic_interrupt_link, 0,
			    nic->netdev->name, nic);
	if (!error)
		return 0;

err_queues:
	nic_irq_free(nic, queue - nic->queue);
	return error;
}

int nic_irq_start(struct nic *nic)
{
	if (nic->msix)
		return nic_irq_start_msix(nic);
	return request_irq(pci_irq_vector(nic->pdev, 0), nic_interrupt,
			   nic->msi ? 0 : IRQF_SHARED, nic->netdev->name, nic);
}

/* Assign the causes to vectors. A message clears and disables the causes of its queue. */
static void nic_irq_assign(struct nic *nic)
{
	u32 ivar = (IVAR_VALID | VECTOR_LINK) << IVAR_OTHER_SHIFT | IVAR_TX_EVERY;
	struct nic_queue *queue;
	u32 causes = 0;

	for (queue = nic->queue; queue < nic_queues_end(nic); queue++) {
		ivar |= (IVAR_VALID | queue->index) << IVAR_RX_SHIFT(queue->index);
		causes |= queue->causes;
	}
	ivar |= IVAR_VALID << IVAR_TX_SHIFT(0);
	nic_write(nic, REG_IVAR, ivar);
	nic_write(nic, REG_EIAC, causes);
	nic_write(nic, REG_CTRL_EXT,
		  nic_read(nic, REG_CTRL_EXT) | CTRL_EXT_PBA_CLEAR);
}

/* Set the minimum interval between interrupts of a vector. Called with nic->lock held. */
void nic_irq_set_interval(struct nic *nic)
{
	const u32 interval = nic->interval * NSEC_PER_USEC / ITR_UNIT_NS;
	struct nic_queue *queue;

	lockdep_assert_held(&nic->lock);
	if (!nic->msix) {
		nic_write(nic, REG_ITR, interval);
		return;
	}
	for (queue = nic->queue; queue < nic_queues_end(nic); queue++)
		nic_write(nic, REG_EITR(queue->index), interval);
	nic_write(nic, REG_EITR(VECTOR_LINK), interval);
}

/*
 * The rings must be set up before: NAPI may be polled without an interrupt. On a shared
 * line a cause may already have been read, and thereby cleared: schedule a first poll,
 * which also enables the interrupts of the queue.
 */
void nic_irq_enable(struct nic *nic)
{
	struct nic_queue *queue;

	if (nic->msix)
		nic_irq_assign(nic);
	nic_irq_set_interval(nic);
	for (queue = nic->queue; queue < nic_queues_end(nic); queue++)
		napi_enable(&queue->napi);
	nic_write(nic, REG_IMS, nic->msix ? CAUSE_LINK | CAUSE_OTHER : CAUSE_LINK);
	local_bh_disable();
	for (queue = nic->queue; queue < nic_queues_end(nic); queue++)
		napi_schedule(&queue->napi);
	local_bh_enable();
}

/*
 * The order matters. A poll enables interrupts when it completes. Without
 * synchronize_net() it could do so after they are disabled, and the card would write a
 * message to an address that is no longer valid.
 */
void nic_irq_stop(struct nic *nic)
{
	struct nic_queue *queue;

	for (queue = nic->queue; queue < nic_queues_end(nic); queue++)
		napi_disable(&queue->napi);
	synchronize_net();
	nic_write(nic, REG_IMC, ~0U);
	nic_read(nic, REG_STATUS);	/* flush the write */
	if (nic->msix)
		nic_irq_free(nic, nic->queues);
	free_irq(pci_irq_vector(nic->pdev, nic->msix ? VECTOR_LINK : 0), nic);
}
