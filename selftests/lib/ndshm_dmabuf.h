/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dma-bufs, and the kernel's own importers and exporters of them: vgem, a graphics driver without a
 * card, vivid, a camera without one, and udmabuf, an exporter of files.
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

/* Open the node of vgem that creates buffers. Return: a descriptor, or -1 without vgem. */
int ndshm_vgem_open_card(void);

/* Return: the dma-buf of a new buffer of 4 bytes a pixel, or -errno. */
int ndshm_vgem_buffer(int card, __u32 width, __u32 height, size_t *length);

/*
 * Open vivid's camera for frames of 640x360 YUYV, loading the module. Return: a descriptor, or -1
 * without vivid.
 */
int ndshm_vivid_open(void);

#define NDSHM_VIVID_FRAME	(640 * 360 * 2)

/* Capture a frame into a dma-buf of @length bytes. Return: bytes of the frame, or -errno. */
long ndshm_vivid_capture(int vivid, int dmabuf, size_t length);

/*
 * Return: the dma-buf of a buffer of vivid's own, or -errno. It is vivid's until the dma-buf is
 * closed. ndshm_vivid_fill() captures a frame into it, as ndshm_vivid_capture().
 */
int ndshm_vivid_export(int vivid, size_t *length);
long ndshm_vivid_fill(int vivid);

/* Return: the dma-buf of a new file of @length bytes, or -errno. -ENOENT: there is no udmabuf. */
int ndshm_udmabuf(size_t length, int *memfd);

#endif /* _NDSHM_SELFTEST_DMABUF_H */
