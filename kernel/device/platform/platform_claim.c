// SPDX-License-Identifier: GPL-2.0
/*
 * Adapter operations of a platform device: claim, register windows, reset, release. Interrupts:
 * platform_irq.c.
 *
 * The kernel cannot turn the DMA of a platform device off, as it can bus mastering of a PCI
 * function. What ends DMA at the end of a claim is a reset line; or else a strict IOMMU, in which
 * the blocks of the claim are unmapped before their memory is freed. Without both, clients of the
 * device get no memory that anything else ever uses: see NDSHM_ADAPTER_UNSTOPPABLE.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/reset.h>

#include "platform_device.h"

#define PULSE	100	/* length of a reset in microseconds: long for a clocked device */

int ndshm_platform_pulse(struct ndshm_platform_device *device)
{
	int error;

	if (!device->reset)
		return -ENOTTY;
	error = reset_control_assert(device->reset);
	/* This controller makes whole pulses only. */
	if (error == -ENOTSUPP)
		return reset_control_reset(device->reset);
	if (error)
		return error;
	usleep_range(PULSE, 2 * PULSE);
	return reset_control_deassert(device->reset);
}

static u32 ndshm_platform_isolation(void *context)
{
	const struct ndshm_platform_device *device = context;

	return ndshm_bus_isolation(&device->pdev->dev);
}

static bool platform_is_down(struct ndshm_platform_device *device)
{
	bool down;

	mutex_lock(&device->lock);
	down = device->down;
	mutex_unlock(&device->lock);
	return down;
}

/*
 * Give the windows back after a reset, unless the machine shuts down. @down is tested and the
 * windows are mapped under one hold of @lock: ndshm_platform_shutdown() sets @down under @lock and
 * unmaps afterwards, so it unmaps last.
 */
static void platform_map_windows(struct ndshm_platform_device *device)
{
	mutex_lock(&device->lock);
	if (!device->down)
		ndshm_adapter_unmap_bars(device->adapter, false);
	mutex_unlock(&device->lock);
}

static ndshm_reason_t ndshm_platform_claim(void *context, unsigned int address_width,
					   bool needs_reset)
{
	struct ndshm_platform_device *device = context;
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	mutex_lock(&device->lock);
	if (!device->down && device->unclean && device->reset)
		WRITE_ONCE(device->unclean, ndshm_platform_pulse(device));
	/* A reset line that fails leaves no one in control of DMA, whatever the client may do. */
	if (device->down)
		reason = NDSHM_REASON_ADAPTER_REMOVED;
	else if (device->unclean && (device->reset || !needs_reset))
		reason = NDSHM_REASON_ADAPTER_NEEDS_RESET;
	/* The blocks of the last client are freed, so the mask may change. */
	else if (dma_set_mask_and_coherent(&device->pdev->dev, DMA_BIT_MASK(address_width)))
		reason = NDSHM_REASON_WIDTH_UNSUPPORTED;
	mutex_unlock(&device->lock);
	if (reason == NDSHM_REASON_NONE)
		platform_map_windows(device);
	return reason;
}

/* Nothing holds DMA back. */
static ndshm_reason_t ndshm_platform_start(void *context)
{
	return platform_is_down(context) ? NDSHM_REASON_ADAPTER_REMOVED : NDSHM_REASON_NONE;
}

/*
 * A smaller window shares its pages with registers of other devices. A window must not be memory
 * of the kernel, which is mapped cached.
 */
static bool ndshm_platform_bar(void *context, unsigned int bar, struct ndshm_bar_range *range)
{
	const struct ndshm_platform_device *device = context;
	const struct resource *window = platform_get_resource(device->pdev, IORESOURCE_MEM, bar);

	if (!window)
		return false;
	range->start = window->start;
	range->length = resource_size(window);
	return range->length && PAGE_ALIGNED(range->start) && PAGE_ALIGNED(range->length) &&
	       region_intersects(range->start, range->length, IORESOURCE_SYSTEM_RAM,
				 IORES_DESC_NONE) == REGION_DISJOINT;
}

/* A client cannot provoke a line in the log again and again. */
static int platform_reset(struct ndshm_platform_device *device)
{
	const int error = ndshm_platform_pulse(device);

	lockdep_assert_held(&device->lock);

	WRITE_ONCE(device->unclean, error);
	if (error && error != -ENOTTY && !device->reported) {
		device->reported = true;
		dev_err(&device->pdev->dev,
			"reset failed: error %d; the device may go on with DMA\n", error);
	}
	return error;
}

static ndshm_reason_t ndshm_platform_reset(void *context)
{
	struct ndshm_platform_device *device = context;
	ndshm_reason_t reason = NDSHM_REASON_ADAPTER_REMOVED;

	if (!device->reset)
		return NDSHM_REASON_RESET_UNSUPPORTED;
	ndshm_adapter_unmap_bars(device->adapter, true);
	mutex_lock(&device->lock);
	if (!device->down) {
		ndshm_platform_irqs_stop(device);
		reason = platform_reset(device) ? NDSHM_REASON_RESET_FAILED : NDSHM_REASON_NONE;
	}
	mutex_unlock(&device->lock);
	/* Registers of a device that is held in reset can be a fatal bus error. */
	if (reason == NDSHM_REASON_NONE)
		platform_map_windows(device);
	/* Last, when the client can access registers. */
	mutex_lock(&device->lock);
	ndshm_platform_irqs_end(device);
	mutex_unlock(&device->lock);
	return reason;
}

/* A platform device has no configuration space: every access exceeds it. */
static ndshm_reason_t ndshm_platform_config(void *context,
					    struct ndshm_adapter_config_args *access)
{
	return NDSHM_REASON_CONFIG_RANGE;
}

static void ndshm_platform_release(void *context, bool used, bool removing)
{
	struct ndshm_platform_device *device = context;

	mutex_lock(&device->lock);
	ndshm_platform_irqs_stop(device);
	if (used)
		platform_reset(device);
	ndshm_platform_irqs_end(device);
	mutex_unlock(&device->lock);
}

static bool ndshm_platform_needs_reset(void *context)
{
	struct ndshm_platform_device *device = context;

	return READ_ONCE(device->unclean);
}

/*
 * Nothing but a reset stops DMA, and an access to registers during a reset can be a fatal bus
 * error: there is no @stop, since clients still have the windows then.
 */
const struct ndshm_adapter_ops ndshm_platform_adapter_ops = {
	.isolation = ndshm_platform_isolation,
	.claim = ndshm_platform_claim,
	.start = ndshm_platform_start,
	.bar = ndshm_platform_bar,
	.irqs = ndshm_platform_irqs,
	.set_irqs = ndshm_platform_set_irqs,
	.reset = ndshm_platform_reset,
	.config = ndshm_platform_config,
	.release = ndshm_platform_release,
	.needs_reset = ndshm_platform_needs_reset,
};
