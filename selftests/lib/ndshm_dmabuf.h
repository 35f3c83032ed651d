/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dma-bufs, and the kernel's own importers of them: vgem, a graphics driver without a card, and
 * vivid, a camera without one.
 */
#ifndef _NDSHM_SELFTEST_DMABUF_H
#define _NDSHM_SELFTEST_DMABUF_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

/* DMA_BUF_IOCTL_SYNC with DMA_BUF_SYNC_* flags. Return 0 or -errno. */
int ndshm_dmabuf_sync(int dmabuf, __u64 flags);

/* Return: the value of a line of /proc/self/fdinfo, which the next call overwrites, or "". */
const char *ndshm_dmabuf_fdinfo(int dmabuf, const char *key);

/* Open vgem's render node, loading the module. Return: a descriptor, or -1 without vgem. */
int ndshm_vgem_open(void);

/* Import a dma-buf. Return 0 or -errno. */
int ndshm_vgem_import(int vgem, int dmabuf, __u32 *handle);

/* Return: a descriptor of the dma-buf of @handle, or -errno. */
int ndshm_vgem_export(int vgem, __u32 handle);
int ndshm_vgem_close(int vgem, __u32 handle);

/*
 * Open vivid's camera for frames of 640x360 YUYV, loading the module. Return: a descriptor, or -1
 * without vivid.
 */
int ndshm_vivid_open(void);

#define NDSHM_VIVID_FRAME	(640 * 360 * 2)

/* Capture a frame into a dma-buf of @length bytes. Return: bytes of the frame, or -errno. */
long ndshm_vivid_capture(int vivid, int dmabuf, size_t length);

#endif /* _NDSHM_SELFTEST_DMABUF_H */
