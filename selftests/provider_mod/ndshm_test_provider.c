// SPDX-License-Identifier: GPL-2.0
/*
 * A provider for tests: what it answers next is said through its parameters, and
 * what was asked of it can be read there.
 */
#include <linux/atomic.h>
#include <linux/dma-mapping.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include <ndshm/adapter.h>
#include <ndshm/block.h>
#include <ndshm/provider.h>
#include <ndshm/status.h>

/* The list of segments that a success comes with. */
enum shape {
	SHAPE_ONE,
	SHAPE_TWO,
	SHAPE_SHORT,		/* a page is missing */
	SHAPE_OVERLAP,
	SHAPE_NONE,
	SHAPE_EMPTY,		/* a segment of no length */
	SHAPE_WRAP,		/* a segment beyond the end of addresses */
};

static uint answer;
module_param(answer, uint, 0644);
MODULE_PARM_DESC(answer, "status of the next allocations, 0 to make memory");

static uint shape;
module_param(shape, uint, 0644);
MODULE_PARM_DESC(shape, "how the segments of the next allocations look");

static uint fail_after;
module_param(fail_after, uint, 0644);
MODULE_PARM_DESC(fail_after, "succeed so often and then say RESOURCES, 0: off");

/* What the handlers saw; the generation is that of the registration. */
#define GENERATIONS	2

static atomic_t allocated[GENERATIONS], freed[GENERATIONS], failed;
static atomic_t wrong_context, wrong_free;

static int get_counter(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", atomic_read(kp->arg));
}

static const struct kernel_param_ops counter_ops = { .get = get_counter };

module_param_cb(allocated, &counter_ops, &allocated[0], 0444);
module_param_cb(allocated_second, &counter_ops, &allocated[1], 0444);
module_param_cb(freed, &counter_ops, &freed[0], 0444);
module_param_cb(freed_second, &counter_ops, &freed[1], 0444);
module_param_cb(failed, &counter_ops, &failed, 0444);
module_param_cb(wrong_context, &counter_ops, &wrong_context, 0444);
module_param_cb(wrong_free, &counter_ops, &wrong_free, 0444);

/* Reasons of what was tried at the start, and of the last command. */
static uint refused_type, refused_older, refused_size, refused_allocate;
static uint refused_free, refused_name, accepted_newer, accepted_longer;
static uint refused_taken, reason;
module_param(refused_type, uint, 0444);
module_param(refused_older, uint, 0444);
module_param(refused_size, uint, 0444);
module_param(refused_allocate, uint, 0444);
module_param(refused_free, uint, 0444);
module_param(refused_name, uint, 0444);
module_param(refused_taken, uint, 0444);
module_param(accepted_newer, uint, 0444);
module_param(accepted_longer, uint, 0444);
module_param(reason, uint, 0444);

/* A block's memory, among all that was given out. */
struct memory {
	struct list_head link;
	struct device *device;
	size_t length;
	void *address;
	dma_addr_t dma;
};

static LIST_HEAD(given);
static DEFINE_MUTEX(given_lock);

/* Handlers run in process context and may sleep: seen if they cannot. */
static void check_context(void)
{
	if (in_interrupt() || irqs_disabled())
		atomic_inc(&wrong_context);
	might_sleep();
}

static int add_segments(struct ndshm_segment_list *list,
			const struct memory *memory)
{
	u64 half = PAGE_SIZE;
	u64 rest = memory->length - half;
	int ret = 0;

	switch (READ_ONCE(shape)) {
	case SHAPE_TWO:
		ret = ndshm_list_add(list, memory->dma, half);
		if (!ret)
			ret = ndshm_list_add(list, memory->dma + half, rest);
		break;
	case SHAPE_SHORT:
		ret = ndshm_list_add(list, memory->dma, rest);
		break;
	case SHAPE_OVERLAP:
		ret = ndshm_list_add(list, memory->dma, memory->length);
		if (!ret)
			ret = ndshm_list_add(list, memory->dma + half, rest);
		break;
	case SHAPE_NONE:
		break;
	case SHAPE_EMPTY:
		ret = ndshm_list_add(list, memory->dma, memory->length);
		if (!ret)
			ret = ndshm_list_add(list, memory->dma + memory->length,
					     0);
		break;
	case SHAPE_WRAP:
		ret = ndshm_list_add(list, U64_MAX - PAGE_SIZE + 1,
				     memory->length);
		break;
	default:
		ret = ndshm_list_add(list, memory->dma, memory->length);
		break;
	}
	return ret;
}

static struct memory *make_memory(const struct ndshm_parameters *parameters)
{
	struct memory *memory = kzalloc(sizeof(*memory), GFP_KERNEL);

	if (!memory)
		return NULL;
	memory->device = ndshm_adapter_device(parameters->adapter);
	memory->length = PAGE_ALIGN(parameters->length);
	memory->address = dma_alloc_coherent(memory->device, memory->length,
					     &memory->dma, GFP_KERNEL);
	if (!memory->address) {
		kfree(memory);
		return NULL;
	}
	mutex_lock(&given_lock);
	list_add(&memory->link, &given);
	mutex_unlock(&given_lock);
	return memory;
}

/* False if there is no such memory: never, or no longer. */
static bool take_back(const struct memory *memory)
{
	struct memory *one;

	mutex_lock(&given_lock);
	list_for_each_entry(one, &given, link) {
		if (one != memory)
			continue;
		list_del(&one->link);
		mutex_unlock(&given_lock);
		return true;
	}
	mutex_unlock(&given_lock);
	return false;
}

static void free_memory(struct memory *memory)
{
	dma_free_coherent(memory->device, memory->length, memory->address,
			  memory->dma);
	kfree(memory);
}

static bool one_more_success(void)
{
	uint left = READ_ONCE(fail_after);

	if (left)
		WRITE_ONCE(fail_after, left - 1);
	return left != 1;
}

static ndshm_status_t allocate(void *provider_context,
			       struct ndshm_parameters *parameters,
			       void **context)
{
	ndshm_status_t status = (__force ndshm_status_t)READ_ONCE(answer);
	struct memory *memory;

	check_context();
	if (!one_more_success())
		status = NDSHM_STATUS_RESOURCES;
	if (status != NDSHM_STATUS_SUCCESS) {
		atomic_inc(&failed);
		return status;
	}
	memory = make_memory(parameters);
	if (memory && add_segments(parameters->list, memory)) {
		take_back(memory);
		free_memory(memory);
		memory = NULL;
	}
	if (!memory)
		return NDSHM_STATUS_RESOURCES;
	parameters->virtual_address = memory->address;
	*context = memory;
	atomic_inc(&allocated[(unsigned long)provider_context]);
	return NDSHM_STATUS_SUCCESS;
}

static void give_back(void *provider_context, void *context)
{
	struct memory *memory = context;

	check_context();
	if (!take_back(memory)) {
		atomic_inc(&wrong_free);
		return;
	}
	atomic_inc(&freed[(unsigned long)provider_context]);
	free_memory(memory);
}

static int show(void *provider_context, void *context,
		struct vm_area_struct *vma)
{
	struct memory *memory = context;

	return dma_mmap_coherent(memory->device, vma, memory->address,
				 memory->dma, memory->length);
}

/*
 * Registering
 */

static struct ndshm_provider *provider;

#define CHARACTERISTICS(generation) { \
	.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER, \
	.flags = 1, \
	.provider_context = (void *)(unsigned long)(generation), \
	.allocate = allocate, \
	.free = give_back, \
}

static uint number(ndshm_reason_t of)
{
	return (__force uint)of;
}

static ndshm_reason_t register_as(struct ndshm_provider **handle,
				  const char *name, bool show_memory,
				  const struct ndshm_provider_characteristics *c)
{
	const struct ndshm_provider_ops ops = {
		.name = name,
		.owner = THIS_MODULE,
		.mmap = show_memory ? show : NULL,
	};

	return ndshm_provider_register(c, &ops, NDSHM_SCOPE_NAMED, NULL,
				       handle);
}

/* Registered, and unregistered if that was a success. */
static uint try_as(const char *name,
		   const struct ndshm_provider_characteristics *c)
{
	struct ndshm_provider *handle = NULL;
	ndshm_reason_t result = register_as(&handle, name, true, c);

	if (result == NDSHM_REASON_NONE)
		result = ndshm_provider_unregister(handle);
	else if (handle)
		return NDSHM_REASON_COUNT_KNOWN;
	return number(result);
}

static void try_all(void)
{
	const struct ndshm_provider_characteristics good = CHARACTERISTICS(0);
	struct ndshm_provider_characteristics c;

	c = good;
	c.header.type = NDSHM_OBJECT_TYPE_DEFAULT;
	refused_type = try_as("tried", &c);
	c = good;
	c.header.revision = 0;
	refused_older = try_as("tried", &c);
	c = good;
	c.header.size--;
	refused_size = try_as("tried", &c);
	c = good;
	c.allocate = NULL;
	refused_allocate = try_as("tried", &c);
	c = good;
	c.free = NULL;
	refused_free = try_as("tried", &c);
	refused_name = try_as("0123456789012345678901234567890X", &good);
	refused_taken = try_as("coherent", &good);
	/* Newer, and longer as a newer one may be: read as the newest known. */
	c = good;
	c.header.revision = 7;
	accepted_newer = try_as("tried", &c);
	c.header.size += 64;
	accepted_longer = try_as("tried", &c);
}

/*
 * Commands: "register", "unregister", and two that register once more through
 * the same handle: "replace" (the second generation of handlers) and "hide"
 * (without mmap).
 */
static int set_command(const char *text, const struct kernel_param *kp)
{
	const struct ndshm_provider_characteristics first = CHARACTERISTICS(0);
	const struct ndshm_provider_characteristics second = CHARACTERISTICS(1);

	if (sysfs_streq(text, "register") && !provider)
		reason = number(register_as(&provider, "test", true, &first));
	else if (sysfs_streq(text, "replace") && provider)
		reason = number(register_as(&provider, "test", true,
					    &second));
	else if (sysfs_streq(text, "hide") && provider)
		reason = number(register_as(&provider, NULL, false, &first));
	else if (sysfs_streq(text, "unregister") && provider)
		reason = number(ndshm_provider_unregister(provider));
	else
		return -EINVAL;
	if (sysfs_streq(text, "unregister") && !reason)
		provider = NULL;
	return 0;
}

static const struct kernel_param_ops command_ops = { .set = set_command };

module_param_cb(command, &command_ops, NULL, 0200);

static int __init ndshm_test_provider_init(void)
{
	const struct ndshm_provider_characteristics first = CHARACTERISTICS(0);

	try_all();
	reason = number(register_as(&provider, "test", true, &first));
	return provider ? 0 : -EIO;
}
module_init(ndshm_test_provider_init);

/* Blocks keep the module, so there is none any more. */
static void __exit ndshm_test_provider_exit(void)
{
	if (provider)
		WARN_ON(ndshm_provider_unregister(provider) !=
			NDSHM_REASON_NONE);
}
module_exit(ndshm_test_provider_exit);

MODULE_DESCRIPTION("ndshm: a provider for tests");
MODULE_LICENSE("GPL");
