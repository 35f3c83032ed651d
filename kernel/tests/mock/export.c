// SPDX-License-Identifier: GPL-2.0
/*
 * An exporter of dma-bufs in 8 slots.
 *
 *	export create SLOT PAGES KIND [readonly]
 *		of new pages, zeroed and low. The writer gets a descriptor, which the file exports
 *		shows.
 *		KIND: static	has no operation to pin
 *		      pins	can move while no importer pins it
 *		      moves	refuses to be pinned: importers must support moves
 *		      frames	at an address where there is no memory
 *		      reserved	at one that the memory map has, but for no ordinary memory
 *		      broken	its last page has a memory error
 *		      part	begins within a page
 *		      short	the mapping is a page shorter than the dma-buf
 *		      odd	its size is not a multiple of the page size
 *		      twice	its first page is also its last one
 *		      reverse	its pages are in an order that cannot be merged
 *	export fail SLOT ERRNO		mappings fail from now on; 0: they succeed
 *	export move SLOT		EBUSY while it is pinned
 *	export lock SLOT		take the reservation lock, until
 *	export unlock SLOT
 *	export close SLOT		the slot is free, also while others have the dma-buf
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/page-flags.h>
#include <linux/scatterlist.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "mock.h"

#ifdef CONFIG_DMA_SHARED_BUFFER
#define SLOTS	8

/* An address with neither memory nor a memory map. */
#define NO_MEMORY	BIT_ULL(45)

/* Pages come in groups of consecutive ones, which an importer can merge. */
#define GROUP_ORDER	2
#define GROUP		BIT(GROUP_ORDER)

/* CONFIG_DMA_API_DEBUG permits several mappings of a page with this only. */
#define EXPORTED_ATTRIBUTES	DMA_ATTR_SKIP_CPU_SYNC

/*
 * The memory of a dma-buf. @fail, @mapped, @pinned, @moved and @direction are protected by the
 * reservation lock, or are read for display only.
 */
struct exported {
	const char *kind;
	unsigned int count;
	int fail;
	atomic_t attached;
	unsigned int mapped;
	unsigned int pinned;
	unsigned int moved;
	enum dma_data_direction direction;	/* of the last mapping */
	struct page *pages[];
};

/* Protects the slots. */
static DEFINE_MUTEX(exports_lock);

static struct export {
	struct dma_buf *dmabuf;		/* NULL: free */
	int number;			/* descriptor of the creator */
	struct task_struct *holder;	/* of the reservation lock */
	struct completion held;
} exports[SLOTS];

/* Not freed yet. */
static atomic_t live;

static const char * const kinds[] = {
	"static", "pins", "moves", "frames", "reserved", "broken", "part", "short", "odd", "twice",
	"reverse",
};

static bool exported_is(const struct exported *exported, const char *kind)
{
	return !strcmp(exported->kind, kind);
}

static void exported_free(struct exported *exported)
{
	unsigned int i;

	if (exported_is(exported, "broken") && exported->pages[exported->count - 1])
		ClearPageHWPoison(exported->pages[exported->count - 1]);
	for (i = 0; i < exported->count; i++)
		if (exported->pages[i])
			put_page(exported->pages[i]);
	kvfree(exported);
	atomic_dec(&live);
}

/*
 * Groups are split, so that each page can be mapped and freed by itself. A device with few address
 * bits and no IOMMU reaches the memory.
 */
static struct exported *exported_alloc(const char *kind, unsigned int count)
{
	struct exported *exported = kvzalloc(struct_size(exported, pages, round_up(count, GROUP)),
					     GFP_KERNEL);
	const bool reverse = !strcmp(kind, "reverse");
	struct page *page;
	unsigned int i, j;

	if (!exported)
		return NULL;
	atomic_inc(&live);
	exported->kind = kind;
	exported->count = round_up(count, GROUP);
	for (i = 0; i < exported->count; i += GROUP) {
		page = alloc_pages(GFP_KERNEL | GFP_DMA | __GFP_ZERO, GROUP_ORDER);
		if (!page) {
			exported_free(exported);
			return NULL;
		}
		split_page(page, GROUP_ORDER);
		for (j = 0; j < GROUP; j++)
			exported->pages[i + (reverse ? GROUP - 1 - j : j)] = page + j;
	}
	while (exported->count > count)
		put_page(exported->pages[--exported->count]);
	if (exported_is(exported, "twice") && count > 1) {
		put_page(exported->pages[count - 1]);
		exported->pages[count - 1] = exported->pages[0];
		get_page(exported->pages[0]);
	}
	if (exported_is(exported, "broken"))
		SetPageHWPoison(exported->pages[count - 1]);
	return exported;
}

static int exported_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attachment)
{
	struct exported *exported = dmabuf->priv;

	atomic_inc(&exported->attached);
	return 0;
}

static void exported_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attachment)
{
	struct exported *exported = dmabuf->priv;

	atomic_dec(&exported->attached);
}

static int exported_pin(struct dma_buf_attachment *attachment)
{
	struct exported *exported = attachment->dmabuf->priv;

	if (exported_is(exported, "moves"))
		return -EOPNOTSUPP;
	exported->pinned++;
	return 0;
}

static void exported_unpin(struct dma_buf_attachment *attachment)
{
	struct exported *exported = attachment->dmabuf->priv;

	exported->pinned--;
}

/* Return: true if the table has an address that this file has chosen. */
static bool exported_is_faked(const struct exported *exported)
{
	return exported_is(exported, "frames") || exported_is(exported, "reserved") ||
	       exported_is(exported, "part");
}

static void exported_fake(const struct exported *exported, struct device *device,
			  struct scatterlist *sg)
{
	phys_addr_t address = NO_MEMORY;

	if (exported_is(exported, "reserved"))
		address = page_to_phys(ZERO_PAGE(0));
	else if (exported_is(exported, "part"))
		address = page_to_phys(exported->pages[0]) + PAGE_SIZE / 2;
	sg_set_page(sg, exported->pages[0], exported->count << PAGE_SHIFT, 0);
	sg_dma_address(sg) = phys_to_dma(device, address);
	sg_dma_len(sg) = exported->count << PAGE_SHIFT;
}

static struct sg_table *exported_map(struct dma_buf_attachment *attachment,
				     enum dma_data_direction direction)
{
	struct exported *exported = attachment->dmabuf->priv;
	const bool faked = exported_is_faked(exported);
	const unsigned int entries = faked ? 1 : exported->count - exported_is(exported, "short");
	struct scatterlist *sg;
	struct sg_table *table;
	unsigned int i;
	int ret;

	if (exported->fail)
		return ERR_PTR(-exported->fail);
	table = kzalloc(sizeof(*table), GFP_KERNEL);
	if (!table)
		return ERR_PTR(-ENOMEM);
	ret = sg_alloc_table(table, entries, GFP_KERNEL);
	if (ret)
		goto err_free;
	if (faked) {
		exported_fake(exported, attachment->dev, table->sgl);
	} else {
		for_each_sgtable_sg(table, sg, i)
			sg_set_page(sg, exported->pages[i], PAGE_SIZE, 0);
		ret = dma_map_sgtable(attachment->dev, table, direction, EXPORTED_ATTRIBUTES);
	}
	if (ret)
		goto err_table;
	exported->direction = direction;
	exported->mapped++;
	return table;

err_table:
	sg_free_table(table);
err_free:
	kfree(table);
	return ERR_PTR(ret);
}

static void exported_unmap(struct dma_buf_attachment *attachment, struct sg_table *table,
			   enum dma_data_direction direction)
{
	struct exported *exported = attachment->dmabuf->priv;

	exported->mapped--;
	if (!exported_is_faked(exported))
		dma_unmap_sgtable(attachment->dev, table, direction, EXPORTED_ATTRIBUTES);
	sg_free_table(table);
	kfree(table);
}

static int exported_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct exported *exported = dmabuf->priv;

	return vm_map_pages(vma, exported->pages, exported->count);
}

static void exported_release(struct dma_buf *dmabuf)
{
	exported_free(dmabuf->priv);
}

#define EXPORTED_OPS \
	.attach = exported_attach, \
	.detach = exported_detach, \
	.map_dma_buf = exported_map, \
	.unmap_dma_buf = exported_unmap, \
	.mmap = exported_mmap, \
	.release = exported_release

static const struct dma_buf_ops static_ops = {
	EXPORTED_OPS,
};

static const struct dma_buf_ops dynamic_ops = {
	EXPORTED_OPS,
	.pin = exported_pin,
	.unpin = exported_unpin,
};

static const char *export_kind(const char *word)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(word, kinds[i]))
			return kinds[i];
	return NULL;
}

static int export_create(struct mock_command *command, struct export *export)
{
	const bool readonly = command->words == 6 && !strcmp(command->word[5], "readonly");
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct exported *exported;
	struct dma_buf *dmabuf;
	const char *kind;
	u64 count;
	int ret;

	if (command->words < 5 || export->dmabuf ||
	    mock_number(command->word[3], UINT_MAX >> PAGE_SHIFT, &count) || !count)
		return -EINVAL;
	kind = export_kind(command->word[4]);
	if (!kind)
		return -EINVAL;
	exported = exported_alloc(kind, count);
	if (!exported)
		return -ENOMEM;
	info.exp_name = "ndshm_mock";
	info.ops = exported_is(exported, "pins") || exported_is(exported, "moves") ?
		   &dynamic_ops : &static_ops;
	info.size = (size_t)count << PAGE_SHIFT;
	if (exported_is(exported, "odd"))
		info.size -= PAGE_SIZE / 2;
	info.flags = readonly ? O_RDONLY : O_RDWR;
	info.priv = exported;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		exported_free(exported);
		return PTR_ERR(dmabuf);
	}
	/* One reference for the descriptor, one for the slot. */
	get_dma_buf(dmabuf);
	ret = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (ret < 0) {
		dma_buf_put(dmabuf);
		dma_buf_put(dmabuf);
		return ret;
	}
	export->number = ret;
	export->dmabuf = dmabuf;
	return 0;
}

static int export_fail(struct mock_command *command, struct export *export)
{
	struct exported *exported = export->dmabuf->priv;
	u64 number;

	if (command->words != 4 || mock_number(command->word[3], MAX_ERRNO, &number))
		return -EINVAL;
	dma_resv_lock(export->dmabuf->resv, NULL);
	exported->fail = number;
	dma_resv_unlock(export->dmabuf->resv);
	return 0;
}

static int export_move(struct mock_command *command, struct export *export)
{
	struct exported *exported = export->dmabuf->priv;
	int ret = -EBUSY;

	dma_resv_lock(export->dmabuf->resv, NULL);
	if (!exported->pinned) {
		NDSHM_ANNOUNCE_MOVE(export->dmabuf);
		exported->moved++;
		ret = 0;
	}
	dma_resv_unlock(export->dmabuf->resv);
	return ret;
}

/*
 * The task that has taken the lock must release it. It ends only in kthread_stop(), which must not
 * be called for one that has ended.
 */
static int export_hold(void *data)
{
	struct export *export = data;

	dma_resv_lock(export->dmabuf->resv, NULL);
	complete(&export->held);
	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	dma_resv_unlock(export->dmabuf->resv);
	return 0;
}

static int export_lock(struct mock_command *command, struct export *export)
{
	struct task_struct *holder;

	if (export->holder)
		return -EBUSY;
	init_completion(&export->held);
	holder = kthread_run(export_hold, export, "ndshm_mock_lock");
	if (IS_ERR(holder))
		return PTR_ERR(holder);
	export->holder = holder;
	wait_for_completion(&export->held);
	return 0;
}

static int export_unlock(struct mock_command *command, struct export *export)
{
	if (!export->holder)
		return -EINVAL;
	kthread_stop(export->holder);
	export->holder = NULL;
	return 0;
}

static int export_close(struct mock_command *command, struct export *export)
{
	export_unlock(command, export);
	dma_buf_put(export->dmabuf);
	export->dmabuf = NULL;
	return 0;
}

static const struct {
	const char *verb;
	int (*carry_out)(struct mock_command *command, struct export *export);
} verbs[] = {
	{ "create", export_create },
	{ "fail", export_fail },
	{ "move", export_move },
	{ "lock", export_lock },
	{ "unlock", export_unlock },
	{ "close", export_close },
};

int mock_export(struct mock_command *command)
{
	int ret = -EINVAL;
	unsigned int i;
	u64 number;

	if (mock_number(command->word[2], SLOTS - 1, &number))
		return ret;
	mutex_lock(&exports_lock);
	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(command->word[1], verbs[i].verb) && (!i || exports[number].dmabuf))
			ret = verbs[i].carry_out(command, &exports[number]);
	mutex_unlock(&exports_lock);
	return ret;
}

/* The dma-bufs that are not freed, and for each slot in use what its importers have. */
int mock_exports_show(struct seq_file *file, void *unused)
{
	const struct exported *exported;
	unsigned int i;

	mutex_lock(&exports_lock);
	seq_printf(file, "all live=%d\n", atomic_read(&live));
	for (i = 0; i < SLOTS; i++) {
		if (!exports[i].dmabuf)
			continue;
		exported = exports[i].dmabuf->priv;
		seq_printf(file, "%u number=%d attached=%d mapped=%u pinned=%u moved=%u direction=%u\n",
			   i,
			   exports[i].number, atomic_read(&exported->attached),
			   READ_ONCE(exported->mapped), READ_ONCE(exported->pinned),
			   READ_ONCE(exported->moved), READ_ONCE(exported->direction));
	}
	mutex_unlock(&exports_lock);
	return 0;
}

void mock_export_teardown(void)
{
	struct mock_command command = {};
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		if (exports[i].dmabuf)
			export_close(&command, &exports[i]);
}
#else
int mock_export(struct mock_command *command)
{
	return -EOPNOTSUPP;
}

int mock_exports_show(struct seq_file *file, void *unused)
{
	return 0;
}

void mock_export_teardown(void)
{
}
#endif
