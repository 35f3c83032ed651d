// SPDX-License-Identifier: GPL-2.0
/*
 * An importer of dma-bufs in 8 slots.
 *
 *	import attach SLOT DESCRIPTOR foreign|ADAPTER [segment=BYTES] [moves]
 *		with a device that no adapter has, whose longest segment is given, or with that of
 *		an adapter of this module; "moves" supports a move of the memory
 *	import narrow SLOT		the device addresses 4 GiB from now on
 *	import map SLOT from|to|both
 *	import unmap SLOT
 *	import write SLOT BYTE		all of the mapping, as the device would
 *	import vmap SLOT
 *	import fill SLOT BYTE		all of the kernel mapping
 *	import vunmap SLOT
 *	import detach SLOT
 *	import mmap SLOT		mappings of the file import are of this dma-buf from now on
 */
#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/scatterlist.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "mock.h"

#ifdef CONFIG_DMA_SHARED_BUFFER
MODULE_INFO(import_ns, "DMA_BUF");

#define SLOTS	8

/* Protects all below. */
static DEFINE_MUTEX(imports_lock);

static struct import {
	struct dma_buf *dmabuf;		/* NULL: free */
	struct dma_buf_attachment *attachment;
	struct device *device;		/* held */
	struct platform_device *own;	/* of "foreign" */
	struct sg_table *table;
	enum dma_data_direction direction;
	struct iosys_map map;
	unsigned int moved;
} imports[SLOTS];

static struct import *shown;

static struct import *import_of(const struct mock_command *command)
{
	u64 number;

	return mock_number(command->word[2], SLOTS - 1, &number) ?
	       NULL : &imports[number];
}

static void import_moved(struct dma_buf_attachment *attachment)
{
	struct import *import = attachment->importer_priv;

	import->moved++;
}

static const struct dma_buf_attach_ops import_ops = {
	.NDSHM_MOVE_NOTIFY = import_moved,
};

static int import_attach(struct mock_command *command, struct import *import)
{
	bool moves = !strcmp(command->word[command->words - 1], "moves");
	const char *segment = command->words > 5 ? mock_value(command->word[5], "segment") : NULL;
	u64 descriptor, bytes = UINT_MAX;
	int ret;

	if (command->words < 5 || import->dmabuf)
		return -EINVAL;
	if (mock_number(command->word[3], INT_MAX, &descriptor) ||
	    (segment && mock_number(segment, UINT_MAX, &bytes)))
		return -EINVAL;
	import->dmabuf = dma_buf_get(descriptor);
	if (IS_ERR(import->dmabuf)) {
		ret = PTR_ERR(import->dmabuf);
		goto err_slot;
	}
	import->own = NULL;
	import->moved = 0;
	if (strcmp(command->word[4], "foreign")) {
		import->device = mock_adapter_device(command->word[4]);
	} else {
		import->own = mock_device_make();
		import->device = import->own ? get_device(&import->own->dev) : NULL;
	}
	ret = -ENOENT;
	if (!import->device)
		goto err_put;
	if (import->own)
		dma_set_max_seg_size(import->device, bytes);
	import->attachment = moves ?
			     dma_buf_dynamic_attach(import->dmabuf, import->device, &import_ops,
						    import) :
			     dma_buf_attach(import->dmabuf, import->device);
	if (!IS_ERR(import->attachment))
		return 0;
	ret = PTR_ERR(import->attachment);
	if (import->own)
		platform_device_unregister(import->own);
	put_device(import->device);
err_put:
	dma_buf_put(import->dmabuf);
err_slot:
	import->dmabuf = NULL;
	return ret;
}

static int import_map(struct mock_command *command, struct import *import)
{
	const char *direction = command->words == 4 ? command->word[3] : "";
	struct sg_table *table;

	if (import->table)
		return -EINVAL;
	if (!strcmp(direction, "from"))
		import->direction = DMA_FROM_DEVICE;
	else if (!strcmp(direction, "to"))
		import->direction = DMA_TO_DEVICE;
	else if (!strcmp(direction, "both"))
		import->direction = DMA_BIDIRECTIONAL;
	else
		return -EINVAL;
	table = dma_buf_map_attachment_unlocked(import->attachment, import->direction);
	if (IS_ERR(table))
		return PTR_ERR(table);
	import->table = table;
	return 0;
}

static int import_narrow(struct mock_command *command, struct import *import)
{
	return dma_set_mask(import->device, DMA_BIT_MASK(32));
}

static int import_unmap(struct mock_command *command, struct import *import)
{
	if (!import->table)
		return -EINVAL;
	dma_buf_unmap_attachment_unlocked(import->attachment, import->table, import->direction);
	import->table = NULL;
	return 0;
}

/* For a device without an IOMMU. */
static int import_write(struct mock_command *command, struct import *import)
{
	struct scatterlist *sg;
	unsigned int i;
	u64 byte;

	if (!import->table || command->words != 4 ||
	    mock_number(command->word[3], U8_MAX, &byte))
		return -EINVAL;
	for_each_sgtable_dma_sg(import->table, sg, i)
		memset(phys_to_virt(dma_to_phys(import->device, sg_dma_address(sg))), byte,
		       sg_dma_len(sg));
	return 0;
}

static int import_vmap(struct mock_command *command, struct import *import)
{
	if (!iosys_map_is_null(&import->map))
		return -EINVAL;
	return dma_buf_vmap_unlocked(import->dmabuf, &import->map);
}

/* Map a dma-buf for the kernel without an attachment, as drivers of cameras do. */
static int import_vmap_only(struct mock_command *command, struct import *import)
{
	struct dma_buf *dmabuf;
	struct iosys_map map;
	u64 descriptor;
	int ret;

	if (command->words != 4 || mock_number(command->word[3], INT_MAX, &descriptor))
		return -EINVAL;
	dmabuf = dma_buf_get(descriptor);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = dma_buf_vmap_unlocked(dmabuf, &map);
	if (!ret)
		dma_buf_vunmap_unlocked(dmabuf, &map);
	dma_buf_put(dmabuf);
	return ret;
}

static int import_vunmap(struct mock_command *command, struct import *import)
{
	if (iosys_map_is_null(&import->map))
		return -EINVAL;
	dma_buf_vunmap_unlocked(import->dmabuf, &import->map);
	iosys_map_clear(&import->map);
	return 0;
}

static int import_fill(struct mock_command *command, struct import *import)
{
	u64 byte;

	if (iosys_map_is_null(&import->map) || command->words != 4 ||
	    mock_number(command->word[3], U8_MAX, &byte))
		return -EINVAL;
	memset(import->map.vaddr, byte, import->dmabuf->size);
	return 0;
}

static int import_detach(struct mock_command *command, struct import *import)
{
	if (shown == import)
		shown = NULL;
	import_vunmap(command, import);
	import_unmap(command, import);
	dma_buf_detach(import->dmabuf, import->attachment);
	dma_buf_put(import->dmabuf);
	import->dmabuf = NULL;
	if (import->own)
		platform_device_unregister(import->own);
	put_device(import->device);
	return 0;
}

static int import_mmap(struct mock_command *command, struct import *import)
{
	shown = import;
	return 0;
}

static const struct {
	const char *verb;
	int (*carry_out)(struct mock_command *command, struct import *import);
} verbs[] = {
	/* These two need no attachment. */
	{ "attach", import_attach },
	{ "vmap_only", import_vmap_only },
	{ "narrow", import_narrow },
	{ "map", import_map },
	{ "unmap", import_unmap },
	{ "write", import_write },
	{ "vmap", import_vmap },
	{ "fill", import_fill },
	{ "vunmap", import_vunmap },
	{ "detach", import_detach },
	{ "mmap", import_mmap },
};

int mock_import(struct mock_command *command)
{
	struct import *import = import_of(command);
	int ret = -EINVAL;
	unsigned int i;

	if (!import)
		return ret;
	mutex_lock(&imports_lock);
	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(command->word[1], verbs[i].verb) && (i < 2 || import->dmabuf))
			ret = verbs[i].carry_out(command, import);
	mutex_unlock(&imports_lock);
	return ret;
}

/*
 * For each slot in use: entries of its table, their bytes, the longest one, and moves. With
 * CONFIG_DMABUF_DEBUG new kernels hide the lengths of pages.
 */
int mock_imports_show(struct seq_file *file, void *unused)
{
	struct scatterlist *sg;
	u64 bytes, longest;
	unsigned int i, j;

	mutex_lock(&imports_lock);
	for (i = 0; i < SLOTS; i++) {
		if (!imports[i].dmabuf)
			continue;
		bytes = 0;
		longest = 0;
		if (imports[i].table)
			for_each_sgtable_dma_sg(imports[i].table, sg, j) {
				bytes += sg_dma_len(sg);
				longest = max_t(u64, longest, sg_dma_len(sg));
			}
		seq_printf(file, "%u entries=%u bytes=%llu longest=%llu moved=%u\n", i,
			   imports[i].table ? imports[i].table->nents : 0, bytes, longest,
			   imports[i].moved);
	}
	mutex_unlock(&imports_lock);
	return 0;
}

static int import_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct dma_buf *dmabuf = NULL;
	int ret = -ENODEV;

	mutex_lock(&imports_lock);
	if (shown) {
		dmabuf = shown->dmabuf;
		get_dma_buf(dmabuf);
	}
	mutex_unlock(&imports_lock);
	if (!dmabuf)
		return ret;
	ret = dma_buf_mmap(dmabuf, vma, vma->vm_pgoff);
	dma_buf_put(dmabuf);
	return ret;
}

const struct file_operations mock_import_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.mmap = import_file_mmap,
};

void mock_import_teardown(void)
{
	struct mock_command command = {};
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		if (imports[i].dmabuf)
			import_detach(&command, &imports[i]);
}
#else
const struct file_operations mock_import_fops;

int mock_import(struct mock_command *command)
{
	return -EOPNOTSUPP;
}

int mock_imports_show(struct seq_file *file, void *unused)
{
	return 0;
}

void mock_import_teardown(void)
{
}
#endif
