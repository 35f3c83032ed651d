/* SPDX-License-Identifier: GPL-2.0 */
/* dma-bufs of objects: memory that other drivers map for their devices. */
#ifndef _NDSHM_DMABUF_DMABUF_H
#define _NDSHM_DMABUF_DMABUF_H

#include <linux/err.h>
#include <linux/types.h>

struct file;

#ifdef CONFIG_DMA_SHARED_BUFFER

/*
 * Export @length bytes from @start on of the object of @file, whose reference the dma-buf takes
 * over, also on failure. Both are multiples of the page size. @writable: the dma-buf can be mapped
 * and synchronised for writing. @needs_sync: the memory is not coherent for the object's device.
 *
 * Return: the file of a new dma-buf, or an ERR_PTR: -ENODEV if the object is revoked, -ENOMEM,
 * -ENFILE, or -EINTR if the caller is killed. May sleep.
 */
struct file *ndshm_export_file(struct file *file, u64 start, u64 length, bool writable,
			       bool needs_sync);
#else

static inline struct file *ndshm_export_file(struct file *file, u64 start, u64 length,
					     bool writable, bool needs_sync)
{
	return ERR_PTR(-EOPNOTSUPP);
}
#endif

#endif /* _NDSHM_DMABUF_DMABUF_H */
