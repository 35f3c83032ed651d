/* SPDX-License-Identifier: GPL-2.0 */
/* dma-bufs of objects: memory that other drivers map for their devices. */
#ifndef _NDSHM_DMABUF_EXPORT_H
#define _NDSHM_DMABUF_EXPORT_H

#include <linux/err.h>
#include <linux/types.h>

struct file;
struct ndshm_object;

/**
 * struct ndshm_export_request - Parameters of ndshm_export_file()
 * @object: a block or a section
 * @file: a file of @object, whose reference the dma-buf takes over, also on failure
 * @start: first byte; a multiple of the page size
 * @length: bytes; a multiple of the page size
 * @mappings: count of VMAs of dma-bufs, see ndshm_object_mmap()
 * @writable: the dma-buf can be mapped and synchronised for writing
 * @needs_sync: the memory is not coherent for the device of @object
 */
struct ndshm_export_request {
	struct ndshm_object *object;
	struct file *file;
	u64 start;
	u64 length;
	atomic_t *mappings;
	bool writable;
	bool needs_sync;
};

#ifdef CONFIG_DMA_SHARED_BUFFER

/*
 * Return: the file of a new dma-buf, or an ERR_PTR: -ENODEV if the object is revoked, -ENOMEM,
 * -ENFILE, or -EINTR if the caller is killed. May sleep.
 */
struct file *ndshm_export_file(const struct ndshm_export_request *request);
#else

static inline struct file *ndshm_export_file(const struct ndshm_export_request *request)
{
	return ERR_PTR(-EOPNOTSUPP);
}
#endif

#endif /* _NDSHM_DMABUF_EXPORT_H */
