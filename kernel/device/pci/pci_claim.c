// SPDX-License-Identifier: GPL-2.0
/*
 * Adapter operations of a PCI function: claim, start, BARs, release. Interrupts:
 * pci_irq.c, reset: reset.c, configuration space: config.c.
 */
#include <linux/dma-mapping.h>
#include <linux/moduleparam.h>
#include <linux/pci.h>

#include <ndshm/adapter.h>
#include <ndshm/status.h>

#include "function.h"

#ifdef NDSHM_TEST
static bool test_skip_quiesce;
module_param(test_skip_quiesce, bool, 0644);
MODULE_PARM_DESC(test_skip_quiesce,
		 "TEST: leave a released function running; tests must detect that");
#endif

static bool ndshm_pci_skip_stop(void)
{
#ifdef NDSHM_TEST
	return READ_ONCE(test_skip_quiesce);
#else
	return false;
#endif
}

/* A reset that goes on since the last claim, or too many slow ones. Adopts its late result. */
static ndshm_reason_t pci_claim_check(struct ndshm_pci_function *function)
{
	struct ndshm_pci_reset *reset = &function->reset;
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	mutex_lock(&function->lock);
	reset->unread = false;
	if (!reset->running && reset->late) {
		WRITE_ONCE(function->unclean, reset->error);
		reset->late = false;
	}
	if (reset->running || !ndshm_pci_reset_permitted(function))
		reason = NDSHM_REASON_ADAPTER_RESETTING;
	else if (function->down || !pci_device_is_present(function->pdev))
		reason = NDSHM_REASON_ADAPTER_REMOVED;
	mutex_unlock(&function->lock);
	return reason;
}

static ndshm_reason_t ndshm_pci_claim(void *context, unsigned int address_width,
				      bool needs_reset)
{
	struct ndshm_pci_function *function = context;
	struct pci_dev *pdev = function->pdev;
	ndshm_reason_t reason;

	reason = pci_claim_check(function);
	if (reason != NDSHM_REASON_NONE)
		return reason;

	/*
	 * -ENODEV may be transient: during a reset by another thread registers read as
	 * ones.
	 */
	if (function->unclean == -EAGAIN || function->unclean == -ENODEV)
		WRITE_ONCE(function->unclean, ndshm_pci_stop_and_reset(function, false));
	/* Also for @needs_reset while the worker runs: it restores configuration space at last. */
	if (function->unclean == -EAGAIN && (!needs_reset || READ_ONCE(function->reset.running)))
		return NDSHM_REASON_ADAPTER_RESETTING;
	if (function->unclean && !needs_reset)
		return NDSHM_REASON_ADAPTER_NEEDS_RESET;

	/* The blocks of the last client are freed, so the mask may change. */
	if (dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(address_width)))
		return NDSHM_REASON_WIDTH_UNSUPPORTED;

	/* Bus mastering is off after probe and release; do not depend on either. */
	ndshm_pci_stop(function);
	return NDSHM_REASON_NONE;
}

static ndshm_reason_t ndshm_pci_start(void *context)
{
	struct ndshm_pci_function *function = context;
	ndshm_reason_t reason;

	mutex_lock(&function->lock);
	reason = ndshm_pci_check(function);
	if (reason == NDSHM_REASON_NONE) {
		/* The client knows that its last reset is over. */
		function->reset.unread = false;
		ndshm_pci_set_master(function, true);
	}
	mutex_unlock(&function->lock);
	return reason;
}

static bool ndshm_pci_bar(void *context, unsigned int bar, struct ndshm_bar_range *range)
{
	const struct ndshm_pci_function *function = context;
	struct pci_dev *pdev = function->pdev;
	unsigned int i;

	range->start = pci_resource_start(pdev, bar);
	range->length = pci_resource_len(pdev, bar);
	for (i = 0; i < ARRAY_SIZE(range->holes); i++) {
		if ((function->irqs.msix[i].place & PCI_MSIX_TABLE_BIR) != bar)
			continue;
		range->holes[i].start = function->irqs.msix[i].place & PCI_MSIX_TABLE_OFFSET;
		range->holes[i].end = range->holes[i].start + function->irqs.msix[i].length;
	}
	/* A smaller BAR shares its page with other registers. */
	return pci_resource_flags(pdev, bar) & IORESOURCE_MEM && range->length &&
	       PAGE_ALIGNED(range->start) && PAGE_ALIGNED(range->length);
}

static void ndshm_pci_stop_claimed(void *context)
{
	if (!ndshm_pci_skip_stop())
		ndshm_pci_stop(context);
}

static void ndshm_pci_release(void *context, bool used, bool removing)
{
	struct ndshm_pci_function *function = context;

	mutex_lock(&function->lock);
	ndshm_pci_irqs_stop(function);
	mutex_unlock(&function->lock);
	if (used && !ndshm_pci_skip_stop())
		WRITE_ONCE(function->unclean,
			   ndshm_pci_stop_and_reset(function, removing));
	/* Last: a client that wakes finds the end of its claim. */
	mutex_lock(&function->lock);
	ndshm_pci_irqs_end(function);
	mutex_unlock(&function->lock);
}

static bool ndshm_pci_needs_reset(void *context)
{
	struct ndshm_pci_function *function = context;

	return READ_ONCE(function->unclean);
}

static u32 ndshm_pci_isolation(void *context)
{
	const struct ndshm_pci_function *function = context;

	return ndshm_bus_isolation(&function->pdev->dev);
}

const struct ndshm_adapter_ops ndshm_pci_adapter_ops = {
	.isolation = ndshm_pci_isolation,
	.claim = ndshm_pci_claim,
	.start = ndshm_pci_start,
	.bar = ndshm_pci_bar,
	.irqs = ndshm_pci_irqs,
	.set_irqs = ndshm_pci_set_irqs,
	.reset = ndshm_pci_reset,
	.config = ndshm_pci_config,
	.stop = ndshm_pci_stop_claimed,
	.release = ndshm_pci_release,
	.needs_reset = ndshm_pci_needs_reset,
};
