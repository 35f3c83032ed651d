// SPDX-License-Identifier: GPL-2.0
/*
 * Ranges of a section that dma-bufs keep. A device that has an extent mapped must not access the
 * next extent at the same place, and a process that was given the dma-buf of one extent must not
 * see others. So an extent that is freed while a part of it is exported stays allocated, without a
 * holder, until the last dma-buf of that part and the last of their mappings have ended. These hold
 * a file of their own.
 *
 * A page that a process has pinned through such a mapping outlives it. So memory that is given to a
 * new extent is tested for pins. An extent with a pinned page is kept, too, until there is no other
 * room.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/interval_tree_generic.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <ndshm/block.h>

#include "export.h"
#include "memory.h"

/**
 * struct section_export - Range whose extents a dma-buf and its mappings keep
 * @node: in @exports of the section
 * @file: file of the section's object, held, and with it the section
 * @start: first page
 * @last: last page
 * @last_below: greatest @last in the subtree of @node
 */
struct section_export {
	struct rb_node node;
	struct file *file;
	u32 start;
	u32 last;
	u32 last_below;
};

#define EXPORT_START(export)	((export)->start)
#define EXPORT_LAST(export)	((export)->last)

/* A balanced tree: peers decide how many dma-bufs there are, and a spinlock is held. */
INTERVAL_TREE_DEFINE(struct section_export, node, u32, last_below, EXPORT_START, EXPORT_LAST,
		     static __maybe_unused, section_export_tree)

/* Called with @section->lock held. */
static bool section_exports_overlap(struct ndshm_section *section,
				    const struct ndshm_extent *extent)
{
	return section_export_tree_iter_first(&section->exports, extent->start,
					      ndshm_extent_end(extent) - 1);
}

bool ndshm_section_keep_exported(struct ndshm_section *section, struct ndshm_extent *extent)
{
	lockdep_assert_held(&section->lock);

	if (!section_exports_overlap(section, extent))
		return false;
	ndshm_extents_insert(&section->exported, extent);
	return true;
}

/*
 * Free the kept extents with a page from @at to @last that no dma-buf keeps any more. There can be
 * one for each page, so drop the lock between them. Return: true if there was one.
 */
static bool section_return_kept(struct ndshm_section *section, u32 at, u32 last)
{
	struct ndshm_extent *extent;
	bool found = false;

	spin_lock(&section->lock);
	for (;;) {
		extent = ndshm_extents_find(&section->exported, at);
		if (!extent || extent->start > last)
			break;
		at = ndshm_extent_end(extent);
		if (!section_exports_overlap(section, extent)) {
			rb_erase(&extent->node, &section->exported);
			ndshm_section_return_extent(section, extent);
			found = true;
		}
		spin_unlock(&section->lock);
		cond_resched();
		spin_lock(&section->lock);
	}
	spin_unlock(&section->lock);
	ndshm_section_free_idle(section, false, ndshm_section_idle_deadline());
	return found;
}

static void section_export_end(struct ndshm_section *section, struct section_export *export)
{
	spin_lock(&section->lock);
	section_export_tree_remove(export, &section->exports);
	spin_unlock(&section->lock);
	section_return_kept(section, export->start, export->last);
}

void ndshm_section_keep_pinned(struct ndshm_section *section, struct ndshm_extent *extent)
{
	spin_lock(&section->lock);
	section->extents--;
	ndshm_extents_insert(&section->exported, extent);
	spin_unlock(&section->lock);
}

bool ndshm_section_return_pinned(struct ndshm_section *section)
{
	return section_return_kept(section, 0, U32_MAX);
}

static int section_export_release(struct inode *inode, struct file *file)
{
	struct section_export *export = file->f_path.dentry->d_fsdata;

	section_export_end(ndshm_section_of(file->private_data), export);
	fput(export->file);
	kfree(export);
	return 0;
}

static const struct file_operations section_export_fops = {
	.owner = THIS_MODULE,
	.release = section_export_release,
	.fsync = noop_fsync,
};

/*
 * Return: true if all pages from @start to @end belong to extents of holders. The map has idle
 * memory that is being freed, and freed extents, as allocated.
 */
static bool section_range_allocated(const struct ndshm_section *section, u32 start, u32 end)
{
	const struct ndshm_extent *kept = ndshm_extents_find(&section->exported, start);
	struct ndshm_chunk *chunk;

	if (!ndshm_extent_map_allocated(&section->map, start, end) || (kept && kept->start < end))
		return false;
	for (chunk = ndshm_chunk_at(section, start); chunk && chunk->extent.start < end;
	     chunk = ndshm_chunk_next(chunk))
		if (chunk->revoking)
			return false;
	return true;
}

/* Test whether the range can be exported, and insert @export unless that is NULL. */
static ndshm_reason_t section_export_begin(struct ndshm_section *section, u32 start, u32 count,
					   struct section_export *export)
{
	const u32 end = start + count;
	ndshm_reason_t reason;

	spin_lock(&section->lock);
	reason = ndshm_section_state(section);
	if (reason == NDSHM_REASON_NONE && !section_range_allocated(section, start, end))
		reason = NDSHM_REASON_EXPORT_RANGE;
	if (reason == NDSHM_REASON_NONE && export) {
		section_export_tree_insert(export, &section->exports);
		section->was_exported = true;
	}
	spin_unlock(&section->lock);
	return reason;
}

/* As ndshm_section_export_open() with @keep; after a failure the caller has the reference. */
static ndshm_reason_t section_export_keep(struct ndshm_section *section, u32 start, u32 count,
					  struct file **file)
{
	struct section_export *export;
	ndshm_reason_t reason;
	struct file *clone;

	export = kzalloc(sizeof(*export), NDSHM_GFP_CHARGED);
	if (!export)
		return NDSHM_REASON_MEMORY;
	export->file = *file;
	export->start = start;
	export->last = start + count - 1;
	reason = section_export_begin(section, start, count, export);
	if (reason != NDSHM_REASON_NONE)
		goto err_export;
	clone = ndshm_object_clone_file(*file, &section_export_fops, export);
	if (IS_ERR(clone)) {
		reason = PTR_ERR(clone) == -ENFILE ? NDSHM_REASON_DESCRIPTORS :
						     NDSHM_REASON_MEMORY;
		goto err_range;
	}
	*file = clone;
	return NDSHM_REASON_NONE;

err_range:
	section_export_end(section, export);
err_export:
	kfree(export);
	return reason;
}

ndshm_reason_t ndshm_section_export_open(struct ndshm_section *section, u32 start, u32 count,
					 bool keep, struct file **file)
{
	ndshm_reason_t reason = keep ? section_export_keep(section, start, count, file) :
				       section_export_begin(section, start, count, NULL);

	if (reason != NDSHM_REASON_NONE)
		fput(*file);
	return reason;
}
