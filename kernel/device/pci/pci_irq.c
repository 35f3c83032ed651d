// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts of a claimed function, delivered as signals of eventfds.
 *
 * A client can make the function raise INTx at any time through a BAR, and a line without
 * a handler is blocked for all its users. INTx is therefore disabled in the command
 * register except while it is on and unmasked.
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/pci.h>
#include <linux/smp.h>

#include <ndshm/adapter.h>
#include <ndshm/status.h>

#include "../bus.h"
#include "function.h"

/* Return: false if messages from @pdev do not reach the processors. */
static bool pci_messages_arrive(const struct pci_dev *pdev)
{
	const struct pci_bus *bus;

	if (!pci_msi_enabled() || pdev->no_msi)
		return false;
	for (bus = pdev->bus; bus; bus = bus->parent)
		if (bus->bus_flags & PCI_BUS_FLAGS_NO_MSI)
			return false;
	return true;
}

/*
 * Return: true if a port above interrupts on the line of @pdev. free_irq() waits for its threads,
 * and the one of hot plug removes @pdev.
 */
static bool pci_port_has_line(struct pci_dev *pdev)
{
	struct pci_dev *port;

	for (port = pci_upstream_bridge(pdev); port; port = pci_upstream_bridge(port))
		if (port->irq == pdev->irq && !pci_dev_msi_enabled(port))
			return true;
	return false;
}

static void pci_msix_find(struct pci_dev *pdev, struct ndshm_pci_irqs *irqs)
{
	const int vectors = pci_msix_vec_count(pdev);

	if (vectors < 0)
		return;
	pci_read_config_dword(pdev, pdev->msix_cap + PCI_MSIX_TABLE, &irqs->msix[0].place);
	pci_read_config_dword(pdev, pdev->msix_cap + PCI_MSIX_PBA, &irqs->msix[1].place);
	irqs->msix[0].length = vectors * PCI_MSIX_ENTRY_SIZE;
	irqs->msix[1].length = DIV_ROUND_UP(vectors, 64) * sizeof(u64);
}

static unsigned int pci_irq_limit(int count)
{
	return clamp(count, 0, (int)NDSHM_MAX_IRQS);
}

/*
 * Read here only: a client may be able to change configuration space through a BAR, and the array
 * of eventfds has the size of the limits.
 */
int ndshm_pci_irqs_init(struct ndshm_pci_function *function)
{
	struct ndshm_pci_irqs *irqs = &function->irqs;
	struct pci_dev *pdev = function->pdev;
	unsigned int limit;

	irqs->had_flag = pdev->dev_flags & PCI_DEV_FLAGS_MSI_INTX_DISABLE_BUG;
	irqs->line = pdev->irq;
	pci_msix_find(pdev, irqs);
	if (pdev->pin && pdev->irq && pdev->irq != IRQ_NOTCONNECTED &&
	    !pdev->broken_intx_masking && !pci_port_has_line(pdev))
		irqs->limits[NDSHM_IRQ_INTX] = 1;
	/* A device with this bug sends no messages while INTx is disabled, as it is here. */
	if (!irqs->had_flag && pci_messages_arrive(pdev)) {
		irqs->limits[NDSHM_IRQ_MSI] =
			pci_irq_limit(pci_msi_vec_count(pdev));
		irqs->limits[NDSHM_IRQ_MSIX] =
			pci_irq_limit(pci_msix_vec_count(pdev));
	}
	limit = max3(irqs->limits[NDSHM_IRQ_INTX], irqs->limits[NDSHM_IRQ_MSI],
		     irqs->limits[NDSHM_IRQ_MSIX]);
	if (ndshm_vectors_init(&irqs->vectors, limit, &function->lock))
		return -ENOMEM;

	/*
	 * When messages are turned off, the PCI core would enable INTx, which the client may
	 * have pending; with this flag it does not touch the command register.
	 */
	pdev->dev_flags |= PCI_DEV_FLAGS_MSI_INTX_DISABLE_BUG;
	return 0;
}

void ndshm_pci_irqs_fini(struct ndshm_pci_function *function)
{
	if (function->irqs.on_line)
		free_irq(function->irqs.line, function);
	if (!function->irqs.had_flag)
		function->pdev->dev_flags &= ~PCI_DEV_FLAGS_MSI_INTX_DISABLE_BUG;
	ndshm_vectors_fini(&function->irqs.vectors);
}

/* Return: true if INTx was pending, and has not been masked before. Called by the handler. */
static bool pci_intx_mask_pending(struct ndshm_pci_function *function)
{
	unsigned long flags;
	bool pending;

	raw_spin_lock_irqsave(&function->command_lock, flags);
	/* While masked the function does not drive the line: another device does. */
	pending = !function->irqs.masked &&
		  pci_check_and_mask_intx(function->pdev);
	if (pending)
		function->irqs.masked = true;
	raw_spin_unlock_irqrestore(&function->command_lock, flags);
	return pending;
}

static void pci_intx_mask(struct ndshm_pci_function *function)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&function->command_lock, flags);
	function->irqs.masked = true;
	pci_intx(function->pdev, 0);
	raw_spin_unlock_irqrestore(&function->command_lock, flags);
}

/* Return: false if INTx is pending; it then stays masked. */
static bool pci_intx_unmask(struct ndshm_pci_function *function)
{
	unsigned long flags;
	bool unmasked;

	raw_spin_lock_irqsave(&function->command_lock, flags);
	unmasked = !function->irqs.masked ||
		   pci_check_and_unmask_intx(function->pdev);
	if (unmasked)
		function->irqs.masked = false;
	raw_spin_unlock_irqrestore(&function->command_lock, flags);
	return unmasked;
}

static irqreturn_t pci_intx_handler(int irq, void *data)
{
	struct ndshm_pci_function *function = data;

	if (!pci_intx_mask_pending(function))
		return IRQ_NONE;
	ndshm_vector_signal(&function->irqs.vectors.eventfds[0]);
	return IRQ_HANDLED;
}

static irqreturn_t pci_message_handler(int irq, void *data)
{
	ndshm_vector_signal(data);
	return IRQ_HANDLED;
}

static void pci_message_taken(void *unused)
{
}

/*
 * Turn messages off, and wait until those that the function has sent are handled. While a
 * processor has interrupts disabled, it keeps a message pending. After the vectors are freed, it
 * would report that message as unexpected, or give it to the next user of the vector. A call of
 * another processor shows that interrupts are enabled, but has a higher priority than the message:
 * that is handled next. No work or thread: a client's may hold the processor.
 */
static void pci_messages_stop(struct ndshm_pci_function *function, unsigned int count)
{
	struct pci_dev *pdev = function->pdev;
	const struct cpumask *targets;
	u16 command;

	ndshm_pci_clear_flag(pdev, pdev->msi_cap, PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE);
	ndshm_pci_clear_flag(pdev, pdev->msix_cap, PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE);
	/* The function's answer pushes its messages to the processors. */
	pci_read_config_word(pdev, PCI_COMMAND, &command);
	while (count--) {
		targets = irq_get_effective_affinity_mask(pci_irq_vector(pdev, count));
		if (targets)
			on_each_cpu_mask(targets, pci_message_taken, NULL, true);
	}
	usleep_range(50, 100);
}

/*
 * Free the handlers of vectors 0 to @count - 1, and all vectors. With the last handler, the
 * kernel clears the address of an MSI that it cannot mask, and the function must not write to
 * that address.
 */
static void pci_messages_free(struct ndshm_pci_function *function,
			      unsigned int count)
{
	struct pci_dev *pdev = function->pdev;

	pci_messages_stop(function, count);
	while (count--)
		free_irq(pci_irq_vector(pdev, count),
			 &function->irqs.vectors.eventfds[count]);
	pci_free_irq_vectors(pdev);
}

static ndshm_reason_t pci_messages_alloc(struct ndshm_pci_function *function,
					 unsigned int kind, unsigned int count)
{
	struct pci_dev *pdev = function->pdev;
	unsigned int i;

	if (pci_alloc_irq_vectors(pdev, count, count,
				  kind == NDSHM_IRQ_MSI ? PCI_IRQ_MSI :
							  PCI_IRQ_MSIX) < 0)
		return NDSHM_REASON_IRQ_VECTORS;
	for (i = 0; i < count; i++) {
		if (request_irq(pci_irq_vector(pdev, i), pci_message_handler, 0,
				pci_name(pdev), &function->irqs.vectors.eventfds[i])) {
			pci_messages_free(function, i);
			return NDSHM_REASON_IRQ_VECTORS;
		}
	}
	return NDSHM_REASON_NONE;
}

static ndshm_reason_t pci_irqs_alloc(struct ndshm_pci_function *function,
				     unsigned int kind, unsigned int count)
{
	struct ndshm_pci_irqs *irqs = &function->irqs;
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	if (kind != NDSHM_IRQ_INTX) {
		reason = pci_messages_alloc(function, kind, count);
	} else {
		/* Masked: the line may interrupt at once, for another device. */
		pci_intx_mask(function);
		if (!irqs->on_line &&
		    request_irq(irqs->line, pci_intx_handler,
				IRQF_SHARED | IRQF_PROBE_SHARED,
				pci_name(function->pdev), function))
			reason = NDSHM_REASON_IRQ_VECTORS;
		else
			irqs->on_line = true;
	}
	if (reason == NDSHM_REASON_NONE) {
		irqs->kind = kind;
		irqs->vectors.count = count;
	}
	return reason;
}

void ndshm_pci_irqs_stop(struct ndshm_pci_function *function)
{
	struct ndshm_pci_irqs *irqs = &function->irqs;

	lockdep_assert_held(&function->lock);

	switch (irqs->kind) {
	case NDSHM_IRQ_NONE:
		return;
	case NDSHM_IRQ_INTX:
		/*
		 * The handler stays: free_irq() would wait, with locks held, for the threads of
		 * other drivers on the line, which may wait for these locks in a removal or an
		 * error recovery of this function.
		 */
		pci_intx_mask(function);
		break;
	default:
		pci_messages_free(function, irqs->vectors.count);
	}
	irqs->kind = NDSHM_IRQ_NONE;
}

void ndshm_pci_irqs_signal(struct ndshm_pci_function *function)
{
	ndshm_vectors_signal(&function->irqs.vectors);
}

/* Handlers of messages are freed; that of INTx, which has one eventfd, may be running. */
static void pci_irqs_put(struct ndshm_pci_function *function)
{
	ndshm_vectors_put(&function->irqs.vectors, function->irqs.vectors.count == 1);
}

void ndshm_pci_irqs_end(struct ndshm_pci_function *function)
{
	ndshm_pci_irqs_stop(function);
	ndshm_pci_irqs_signal(function);
	pci_irqs_put(function);
}

static ndshm_reason_t pci_irqs_start(struct ndshm_pci_function *function,
				     const struct ndshm_irq_change *change)
{
	ndshm_reason_t reason;

	/* A message can arrive as soon as the first handler is registered. */
	ndshm_vectors_swap(&function->irqs.vectors, change);
	reason = pci_irqs_alloc(function, change->kind,
				change->first + change->count);
	if (reason != NDSHM_REASON_NONE)
		ndshm_vectors_swap(&function->irqs.vectors, change);
	return reason;
}

/* Unmask INTx if it has an eventfd, and signal an interrupt that is pending. */
static void pci_intx_update(struct ndshm_pci_function *function)
{
	if (!ndshm_vectors_have(&function->irqs.vectors, 0))
		pci_intx_mask(function);
	else if (!pci_intx_unmask(function))
		ndshm_vector_signal(&function->irqs.vectors.eventfds[0]);
}

static ndshm_reason_t pci_irqs_set(struct ndshm_pci_function *function,
				   const struct ndshm_irq_change *change)
{
	struct ndshm_pci_irqs *irqs = &function->irqs;
	ndshm_reason_t reason;

	if (change->kind == NDSHM_IRQ_NONE) {
		ndshm_pci_irqs_stop(function);
		pci_irqs_put(function);
		return NDSHM_REASON_NONE;
	}
	reason = ndshm_pci_check(function);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (!change->count &&
	    (irqs->kind != NDSHM_IRQ_INTX ||
	     !ndshm_vectors_have(&irqs->vectors, 0)))
		return NDSHM_REASON_IRQ_OFF;
	if (irqs->kind && (irqs->kind != change->kind ||
			   change->first + change->count > irqs->vectors.count))
		return NDSHM_REASON_IRQ_BUSY;
	if (!irqs->kind)
		reason = pci_irqs_start(function, change);
	else if (change->count)
		ndshm_vectors_replace(&irqs->vectors, change);
	if (reason == NDSHM_REASON_NONE && change->kind == NDSHM_IRQ_INTX)
		pci_intx_update(function);
	return reason;
}

ndshm_reason_t ndshm_pci_set_irqs(void *context,
				  const struct ndshm_irq_change *change)
{
	struct ndshm_pci_function *function = context;
	ndshm_reason_t reason;

	mutex_lock(&function->lock);
	reason = pci_irqs_set(function, change);
	mutex_unlock(&function->lock);
	return reason;
}

unsigned int ndshm_pci_irqs(void *context, unsigned int kind)
{
	const struct ndshm_pci_function *function = context;

	return function->irqs.limits[kind];
}
