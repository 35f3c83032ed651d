// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/ndshm_recorder: a text buffer that is printed at a panic. A test maps it and
 * records its next action without a system call. A ring: the first four bytes count the
 * bytes written so far, the text follows.
 */
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/vmalloc.h>

#define SIZE		(64 << 10)
#define LINE_SIZE	256

struct recorder {
	u32 written;
	char text[SIZE - sizeof(u32)];
};

static struct recorder *recorder;

static char text_at(u32 at)
{
	return recorder->text[at % sizeof(recorder->text)];
}

/* The contents are not trusted: print at most LINE_SIZE bytes a line. */
static int print_all(struct notifier_block *block, unsigned long action,
		     void *data)
{
	u32 end = READ_ONCE(recorder->written);
	u32 at = end - min_t(u32, end, sizeof(recorder->text));
	char line[LINE_SIZE];
	unsigned int length;

	while (at != end) {
		for (length = 0; at != end && length < LINE_SIZE; length++) {
			line[length] = text_at(at++);
			if (line[length] == '\n')
				break;
		}
		pr_emerg("recorded: %.*s\n", length, line);
	}
	return NOTIFY_DONE;
}

static struct notifier_block at_panic = { .notifier_call = print_all };

static int recorder_mmap(struct file *file, struct vm_area_struct *vma)
{
	return remap_vmalloc_range(vma, recorder, vma->vm_pgoff);
}

static const struct file_operations recorder_ops = {
	.owner = THIS_MODULE,
	.mmap = recorder_mmap,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ndshm_recorder",
	.fops = &recorder_ops,
	.mode = 0600,
};

static int __init recorder_init(void)
{
	int ret;

	recorder = vmalloc_user(SIZE);
	if (!recorder)
		return -ENOMEM;
	ret = misc_register(&device);
	if (ret) {
		vfree(recorder);
		return ret;
	}
	atomic_notifier_chain_register(&panic_notifier_list, &at_panic);
	return 0;
}
module_init(recorder_init);

static void __exit recorder_exit(void)
{
	atomic_notifier_chain_unregister(&panic_notifier_list, &at_panic);
	misc_deregister(&device);
	vfree(recorder);
}
module_exit(recorder_exit);

MODULE_DESCRIPTION("Text that a panic prints");
MODULE_LICENSE("GPL");
