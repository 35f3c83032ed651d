// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupt lines of a claimed device, delivered as signals of eventfds.
 *
 * A client can make the device raise an interrupt at any time through a register. The line is
 * therefore disabled at the interrupt controller except while it is on and unmasked, and each
 * interrupt masks it. Lines are not shared: a masked line would be blocked for its other users.
 */
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/slab.h>

#include "platform_device.h"

/* Mask an unmasked line. With the lock held the handler finds it unmasked, or disabled. */
static bool platform_line_mask_locked(struct ndshm_platform_line *line)
{
	lockdep_assert_held(&line->lock);

	if (line->masked)
		return false;
	line->masked = true;
	disable_irq_nosync(line->irq);
	return true;
}

static irqreturn_t platform_line_handler(int irq, void *data)
{
	struct ndshm_platform_line *line = data;
	unsigned long flags;
	bool signal;

	raw_spin_lock_irqsave(&line->lock, flags);
	signal = platform_line_mask_locked(line);
	raw_spin_unlock_irqrestore(&line->lock, flags);
	if (!signal)
		return IRQ_NONE;
	ndshm_vector_signal(line->eventfd);
	return IRQ_HANDLED;
}

static void platform_line_mask(struct ndshm_platform_line *line)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&line->lock, flags);
	platform_line_mask_locked(line);
	raw_spin_unlock_irqrestore(&line->lock, flags);
	/* Also for a handler that has masked the line: it may be about to signal. */
	synchronize_irq(line->irq);
}

/* An interrupt that is pending runs the handler at once. Until then it is disabled. */
static void platform_line_unmask(struct ndshm_platform_line *line)
{
	unsigned long flags;
	bool masked;

	raw_spin_lock_irqsave(&line->lock, flags);
	masked = line->masked;
	line->masked = false;
	raw_spin_unlock_irqrestore(&line->lock, flags);
	if (masked)
		enable_irq(line->irq);
}

static int platform_line_init(struct ndshm_platform_device *device, unsigned int index)
{
	struct ndshm_platform_line *line = &device->lines[index];
	int irq = platform_get_irq(device->pdev, index);
	int error;

	if (irq < 0)
		return irq;
	line->irq = irq;
	line->eventfd = &device->vectors.eventfds[index];
	line->masked = true;
	raw_spin_lock_init(&line->lock);
	error = request_irq(line->irq, platform_line_handler, IRQF_NO_AUTOEN,
			    dev_name(&device->pdev->dev), line);
	if (error)
		dev_err(&device->pdev->dev, "interrupt line %u: error %d; it must not be shared with another device\n",
			index, error);
	return error;
}

void ndshm_platform_irqs_fini(struct ndshm_platform_device *device)
{
	unsigned int i = device->line_count;

	while (i--)
		free_irq(device->lines[i].irq, &device->lines[i]);
	ndshm_vectors_fini(&device->vectors);
	kfree(device->lines);
}

int ndshm_platform_irqs_init(struct ndshm_platform_device *device)
{
	const int count = platform_irq_count(device->pdev);
	int error = -ENOMEM;

	if (count < 0)
		return count;
	if (count > NDSHM_MAX_IRQS)
		return -E2BIG;
	device->lines = kcalloc(count, sizeof(*device->lines), GFP_KERNEL);
	if (!device->lines)
		return -ENOMEM;
	if (ndshm_vectors_init(&device->vectors, count, &device->lock))
		goto err_lines;
	for (; device->line_count < count; device->line_count++) {
		error = platform_line_init(device, device->line_count);
		if (error) {
			ndshm_platform_irqs_fini(device);
			return error;
		}
	}
	return 0;

err_lines:
	kfree(device->lines);
	return error;
}

void ndshm_platform_irqs_stop(struct ndshm_platform_device *device)
{
	unsigned int i;

	lockdep_assert_held(&device->lock);

	for (i = 0; i < device->vectors.count; i++)
		platform_line_mask(&device->lines[i]);
}

void ndshm_platform_irqs_end(struct ndshm_platform_device *device)
{
	ndshm_platform_irqs_stop(device);
	ndshm_vectors_signal(&device->vectors);
	ndshm_vectors_put(&device->vectors, false);
}

/* Unmask those of lines @first to @first + @count - 1 that have an eventfd, and mask the others. */
static bool platform_irqs_update(struct ndshm_platform_device *device, unsigned int first,
				 unsigned int count)
{
	bool unmasked = false;
	unsigned int i;

	for (i = first; i < first + count; i++) {
		if (ndshm_vectors_have(&device->vectors, i)) {
			platform_line_unmask(&device->lines[i]);
			unmasked = true;
		} else {
			platform_line_mask(&device->lines[i]);
		}
	}
	return unmasked;
}

static ndshm_reason_t platform_irqs_set(struct ndshm_platform_device *device,
					const struct ndshm_irq_change *change)
{
	struct ndshm_vectors *vectors = &device->vectors;

	if (change->kind == NDSHM_IRQ_NONE) {
		ndshm_platform_irqs_stop(device);
		ndshm_vectors_put(vectors, false);
		return NDSHM_REASON_NONE;
	}
	if (device->down)
		return NDSHM_REASON_ADAPTER_REMOVED;
	if (!change->count)
		return platform_irqs_update(device, 0, vectors->count) ? NDSHM_REASON_NONE :
									 NDSHM_REASON_IRQ_OFF;
	if (!vectors->count) {
		ndshm_vectors_swap(vectors, change);
		vectors->count = change->first + change->count;
	} else {
		if (change->first + change->count > vectors->count)
			return NDSHM_REASON_IRQ_BUSY;
		ndshm_vectors_replace(vectors, change);
	}
	platform_irqs_update(device, change->first, change->count);
	return NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_platform_set_irqs(void *context, const struct ndshm_irq_change *change)
{
	struct ndshm_platform_device *device = context;
	ndshm_reason_t reason;

	mutex_lock(&device->lock);
	reason = platform_irqs_set(device, change);
	mutex_unlock(&device->lock);
	return reason;
}

unsigned int ndshm_platform_irqs(void *context, unsigned int kind)
{
	const struct ndshm_platform_device *device = context;

	return kind == NDSHM_IRQ_INTX ? device->line_count : 0;
}
