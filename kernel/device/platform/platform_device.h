/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A platform device that is an adapter. Private to this folder.
 */
#ifndef _NDSHM_PLATFORM_DEVICE_H
#define _NDSHM_PLATFORM_DEVICE_H

#include <linux/init.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/spinlock.h>

#include <ndshm/adapter.h>
#include <ndshm/status.h>

#include "../bus.h"

struct clk_bulk_data;
struct ndshm_platform_memory;
struct reset_control;

/**
 * struct ndshm_platform_line - Interrupt line of a device
 * @irq: number of the interrupt; its handler is registered from probe to remove
 * @eventfd: entry of the device's vectors; constant after probe
 * @lock: serialises @masked with the handler's change
 * @masked: the interrupt is disabled, except for a moment in a change
 */
struct ndshm_platform_line {
	unsigned int irq;
	struct eventfd_ctx __rcu **eventfd;
	raw_spinlock_t lock;		/* masked */
	bool masked;
};

/**
 * struct ndshm_platform_device - Platform device bound to ndshm_platform
 * @pdev: the device; its driver data is this structure
 * @adapter: registered adapter. Written by probe with @lock held, and by remove
 * @reset: reset lines, or NULL; constant after probe
 * @clocks: all clocks of the device, which are on while it is bound
 * @clock_count: number of @clocks
 * @dma_mask: streaming DMA mask before probe, restored by remove
 * @coherent_mask: coherent DMA mask before probe, restored by remove
 * @segment_size: maximum DMA segment size before probe, restored by remove
 * @memory: its reserved memory, or NULL. Written by probe and remove
 * @lock: serialises changes of interrupts and resets; protects @vectors, @down and @reported
 * @lines: interrupt lines; constant after probe
 * @line_count: number of @lines
 * @vectors: eventfds of @lines. The interrupts are on if their count is not 0
 * @down: the machine shuts down: claims and START fail, registers stay unmapped, and no interrupt
 *	can be turned on
 * @reported: a failed reset is in the kernel log
 * @unclean: 0, or the errno of the reset that failed since a client had the device. Written by
 *	probe, claim, reset and release, which the core serialises
 *
 * Lock order: device lock, lock of the claim group, @lock, then the adapter's bars_lock or the lock
 * of a line. Nothing waits for the device lock: remove() holds it while it waits for claims.
 */
struct ndshm_platform_device {
	struct platform_device *pdev;
	struct ndshm_adapter *adapter;
	struct reset_control *reset;
	struct clk_bulk_data *clocks;
	int clock_count;
	u64 dma_mask;
	u64 coherent_mask;
	unsigned int segment_size;
	struct ndshm_platform_memory *memory;
	struct mutex lock;		/* interrupts, reset, down */
	struct ndshm_platform_line *lines;
	unsigned int line_count;
	struct ndshm_vectors vectors;
	bool down;
	bool reported;
	int unclean;
};

extern const struct ndshm_adapter_ops ndshm_platform_adapter_ops;

/* Register the handlers of all lines, which stay masked. Return: 0 or -errno. */
int ndshm_platform_irqs_init(struct ndshm_platform_device *device);
void ndshm_platform_irqs_fini(struct ndshm_platform_device *device);

/* Mask all lines, and wait for handlers. Keeps the eventfds. Called with @device->lock held. */
void ndshm_platform_irqs_stop(struct ndshm_platform_device *device);

/* The same; then signal all eventfds and put them. */
void ndshm_platform_irqs_end(struct ndshm_platform_device *device);

/* Operations @irqs and @set_irqs of struct ndshm_adapter_ops. */
unsigned int ndshm_platform_irqs(void *context, unsigned int kind);
ndshm_reason_t ndshm_platform_set_irqs(void *context, const struct ndshm_irq_change *change);

/*
 * Reset the device by its reset lines. Interrupts must be masked. Return: 0; -ENOTTY if it has
 * none; another errno if a reset failed.
 */
int ndshm_platform_pulse(struct ndshm_platform_device *device);

/*
 * Make a provider of the reserved memory of the device, if it has any, in the scope of its adapter.
 * Return: 0 or -errno.
 */
int ndshm_platform_memory_add(struct ndshm_platform_device *device);

/* Revoke its blocks and unregister it, after the adapter. */
void ndshm_platform_memory_remove(struct ndshm_platform_device *device);

#endif /* _NDSHM_PLATFORM_DEVICE_H */
