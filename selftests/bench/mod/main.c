// SPDX-License-Identifier: GPL-2.0
/*
 * Measurements that must be made in the kernel: a bare coherent allocation, a
 * driver's allocations, and the cost of zeroing.
 *
 * <debugfs>/ndshm_bench/run: write "NAME LENGTH ROUNDS", then read the
 * nanoseconds of each round from the start of the file, as 64-bit numbers.
 *
 * <debugfs>/ndshm_bench/init_on_alloc: whether the page allocator zeroes.
 *
 * <debugfs>/ndshm_bench/live: number of blocks that stay allocated until the
 * next number is written.
 */
#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "blocks.h"

#define MAX_ROUNDS	10000U
#define MAX_LENGTH	SZ_4M

/* Like the provider "coherent". */
#define COHERENT_GFP	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

static struct platform_device *device;
static struct dentry *directory;

/* The samples of the last request of an open file. */
struct run {
	struct mutex lock; /* protects the other members */
	size_t size;
	u64 *samples;
};

static int nothing(void *memory, size_t length)
{
	return 0;
}

static int clear(void *memory, size_t length)
{
	size_t at;

	for (at = 0; at < length; at += PAGE_SIZE)
		clear_page(memory + at);
	return 0;
}

static int set(void *memory, size_t length)
{
	memset(memory, 0, length);
	/* Keeps the compiler from removing the memset(). */
	barrier_data(memory);
	return 0;
}

static int coherent(void *memory, size_t length)
{
	dma_addr_t dma;
	void *address;

	address = dma_alloc_coherent(&device->dev, length, &dma, COHERENT_GFP);
	if (!address)
		return -ENOMEM;
	dma_free_coherent(&device->dev, length, address, dma);
	return 0;
}

/* @once gets @length bytes of memory if @memory is set. */
static const struct operation {
	const char *name;
	bool memory;
	int (*once)(void *memory, size_t length);
} operations[] = {
	{ "nothing", false, nothing },
	{ "clear_page", true, clear },
	{ "memset", true, set },
	{ "coherent", false, coherent },
	{ "block", false, blocks_once },
	{ "ndis", false, blocks_once_ndis },
};

static const struct operation *find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(operations); i++)
		if (!strcmp(operations[i].name, name))
			return &operations[i];
	return NULL;
}

static int measure(const struct operation *operation, void *memory,
		   size_t length, u64 *samples, unsigned int rounds)
{
	unsigned int i;
	u64 start;
	int ret;

	for (i = 0; i < rounds; i++) {
		start = ktime_get_raw_ns();
		ret = operation->once(memory, length);
		samples[i] = ktime_get_raw_ns() - start;
		if (ret)
			return ret;
	}
	return 0;
}

static int carry_out(struct run *run, const struct operation *operation,
		     size_t length, unsigned int rounds)
{
	void *memory = NULL;
	u64 *samples;
	int ret;

	samples = kvmalloc_array(rounds, sizeof(*samples), GFP_KERNEL);
	if (!samples)
		return -ENOMEM;
	if (operation->memory) {
		memory = alloc_pages_exact(length, GFP_KERNEL);
		if (!memory) {
			kvfree(samples);
			return -ENOMEM;
		}
	}
	ret = measure(operation, memory, length, samples, rounds);
	if (memory)
		free_pages_exact(memory, length);
	if (ret) {
		kvfree(samples);
		return ret;
	}
	kvfree(run->samples);
	run->samples = samples;
	run->size = rounds * sizeof(*samples);
	return 0;
}

static ssize_t run_write(struct file *file, const char __user *user,
			 size_t size, loff_t *at)
{
	const struct operation *operation;
	struct run *run = file->private_data;
	unsigned int length, rounds;
	char text[64], name[16];
	int ret;

	if (size >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, user, size))
		return -EFAULT;
	text[size] = '\0';
	if (sscanf(text, "%15s %u %u", name, &length, &rounds) != 3)
		return -EINVAL;
	operation = find(name);
	if (!operation || !length || length > MAX_LENGTH ||
	    !IS_ALIGNED(length, PAGE_SIZE) || !rounds || rounds > MAX_ROUNDS)
		return -EINVAL;

	mutex_lock(&run->lock);
	ret = carry_out(run, operation, length, rounds);
	mutex_unlock(&run->lock);
	return ret ?: size;
}

static ssize_t run_read(struct file *file, char __user *user, size_t size,
			loff_t *at)
{
	struct run *run = file->private_data;
	ssize_t ret;

	mutex_lock(&run->lock);
	ret = simple_read_from_buffer(user, size, at, run->samples, run->size);
	mutex_unlock(&run->lock);
	return ret;
}

static int run_open(struct inode *inode, struct file *file)
{
	struct run *run = kzalloc(sizeof(*run), GFP_KERNEL);

	if (!run)
		return -ENOMEM;
	mutex_init(&run->lock);
	file->private_data = run;
	return 0;
}

static int run_release(struct inode *inode, struct file *file)
{
	struct run *run = file->private_data;

	mutex_destroy(&run->lock);
	kvfree(run->samples);
	kfree(run);
	return 0;
}

static const struct file_operations run_ops = {
	.owner = THIS_MODULE,
	.open = run_open,
	.release = run_release,
	.write = run_write,
	.read = run_read,
};

static int init_on_alloc_show(struct seq_file *file, void *unused)
{
	seq_printf(file, "%d\n", want_init_on_alloc(0));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(init_on_alloc);

static int set_live(void *unused, u64 count)
{
	static DEFINE_MUTEX(lock);
	int ret;

	if (count > UINT_MAX)
		return -EINVAL;
	mutex_lock(&lock);
	ret = blocks_live(count);
	mutex_unlock(&lock);
	return ret;
}
DEFINE_DEBUGFS_ATTRIBUTE(live_fops, NULL, set_live, "%llu\n");

/* The same kind of device as that of a node's adapter. */
static int __init make_device(void)
{
	int ret;

	device = platform_device_alloc("ndshm-bench", PLATFORM_DEVID_NONE);
	if (!device)
		return -ENOMEM;
	set_dev_node(&device->dev, first_memory_node);
	ret = dma_coerce_mask_and_coherent(&device->dev, DMA_BIT_MASK(64));
	if (!ret)
		ret = platform_device_add(device);
	if (ret)
		platform_device_put(device);
	return ret;
}

static int __init bench_init(void)
{
	int ret = make_device();

	if (ret)
		return ret;
	ret = blocks_setup(&device->dev);
	if (ret) {
		platform_device_unregister(device);
		return ret;
	}
	directory = debugfs_create_dir("ndshm_bench", NULL);
	debugfs_create_file("run", 0600, directory, NULL, &run_ops);
	debugfs_create_file("init_on_alloc", 0400, directory, NULL,
			    &init_on_alloc_fops);
	debugfs_create_file_unsafe("live", 0200, directory, NULL, &live_fops);
	return 0;
}

static void __exit bench_exit(void)
{
	debugfs_remove(directory);
	blocks_teardown();
	platform_device_unregister(device);
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("ndshm benchmark: what only the kernel can measure");
