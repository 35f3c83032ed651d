// SPDX-License-Identifier: GPL-2.0
/*
 * Which cases there are, and what they begin and end with.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "cases.h"

#define PATTERN(value)	((PVOID)(ULONG_PTR)(0x5a5a0000 + (value)))

static const struct {
	const char *name;
	bool (*run)(struct bench *bench);
} cases[] = {
	{ "headers", case_headers },
	{ "values", case_values },
	{ "lists", case_lists },
	{ "nodes", case_nodes },
	{ "driver_handle", case_driver_handle },
	{ "queues", case_queues },
	{ "zeroed", case_zeroed },
	{ "statuses", case_statuses },
	{ "nonsense", case_nonsense },
	{ "handler_sees", case_handler_sees },
	{ "characteristics", case_characteristics },
	{ "again", case_again },
	{ "reach", case_reach },
	{ "half_mapped", case_half_mapped },
	{ "longer", case_longer },
	{ "handles", case_handles },
	{ "close_busy", case_close_busy },
	{ "revoked", case_revoked },
	{ "gone", case_gone },
	{ "cleared", case_cleared },
	{ "dma_handle", case_dma_handle },
	{ "miniport", case_miniport },
	{ "async", case_async },
	{ "async_ends", case_async_ends },
	{ "storm", case_storm },
};

NDIS_SHARED_MEMORY_PARAMETERS request(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = {
		.Header = {
			.Type = NDIS_OBJECT_TYPE_DEFAULT,
			.Revision = NDIS_SHARED_MEMORY_PARAMETERS_REVISION_2,
			.Size = NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2,
		},
		.PreferredNode = MM_ANY_NODE_OK,
		.Usage = NdisSharedMemoryUsageReceive,
		.Length = PAGE_SIZE,
		.SharedMemoryHandle = PATTERN(1),
		.VirtualAddress = PATTERN(2),
		.SGListBuffer = bench->list,
		.SGListBufferLength = LIST_BYTES,
	};

	RtlFillMemory(bench->list, LIST_BYTES, POISON);
	return p;
}

bool list_untouched(struct bench *bench, size_t from)
{
	return !memchr_inv((u8 *)bench->list + from, POISON,
			   LIST_BYTES - from);
}

/* All but the outputs is as it was, to the last byte. */
static bool inputs_kept(const NDIS_SHARED_MEMORY_PARAMETERS *p,
			NDIS_SHARED_MEMORY_PARAMETERS *before)
{
	before->SharedMemoryHandle = p->SharedMemoryHandle;
	before->VirtualAddress = p->VirtualAddress;
	return !memcmp(p, before, sizeof(*p));
}

/* The list is the length's, and nothing behind it was written. */
static bool list_fits(struct bench *bench,
		      const NDIS_SHARED_MEMORY_PARAMETERS *p)
{
	const SCATTER_GATHER_LIST *list = bench->list;
	u64 total = 0;
	ULONG i;

	CHECK(list->NumberOfElements >= 1);
	CHECK(struct_size(list, Elements, list->NumberOfElements) <=
	      p->SGListBufferLength);
	for (i = 0; i < list->NumberOfElements; i++) {
		CHECK(list->Elements[i].Length);
		CHECK(list->Elements[i].Address.QuadPart);
		total += list->Elements[i].Length;
	}
	CHECK(total == p->Length);
	CHECK(list_untouched(bench, struct_size(list, Elements,
						list->NumberOfElements)));
	return true;
}

bool allocates(struct bench *bench, NDIS_HANDLE handle,
	       NDIS_SHARED_MEMORY_PARAMETERS *p, NDIS_HANDLE *allocation)
{
	NDIS_SHARED_MEMORY_PARAMETERS before;

	/* With what is between the members. */
	memcpy(&before, p, sizeof(before));
	*allocation = PATTERN(3);
	CHECK(NdisAllocateSharedMemory(handle, p, allocation) ==
	      NDIS_STATUS_SUCCESS);
	CHECK(*allocation && *allocation != PATTERN(3));
	CHECK(p->SharedMemoryHandle && p->SharedMemoryHandle != PATTERN(1));
	CHECK(p->SharedMemoryHandle != *allocation);
	CHECK(!NDIS_SHARED_MEM_HANDLE_HAL_ALLOCATED);
	CHECK(p->VirtualAddress && p->VirtualAddress != PATTERN(2));
	CHECK(inputs_kept(p, &before));
	if (p->SGListBuffer)
		CHECK(list_fits(bench, p));
	else
		CHECK(list_untouched(bench, 0));
	/* It is there. */
	RtlFillMemory(p->VirtualAddress, p->Length, 0x77);
	return true;
}

bool refused(struct bench *bench, NDIS_HANDLE handle,
	     NDIS_SHARED_MEMORY_PARAMETERS *p, NDIS_STATUS status)
{
	NDIS_SHARED_MEMORY_PARAMETERS before;
	NDIS_HANDLE allocation = PATTERN(3);
	NDIS_STATUS answer;

	memcpy(&before, p, sizeof(before));
	answer = NdisAllocateSharedMemory(handle, p, &allocation);
	if (answer != status)
		pr_err("status %#x and not %#x\n", answer, status);
	CHECK(answer == status);
	CHECK(!allocation);
	CHECK(!p->SharedMemoryHandle);
	CHECK(!p->VirtualAddress);
	CHECK(inputs_kept(p, &before));
	CHECK(list_untouched(bench, 0));
	return true;
}

bool works(struct bench *bench, NDIS_SHARED_MEMORY_PARAMETERS *p)
{
	NDIS_HANDLE allocation;

	CHECK(allocates(bench, bench->adapter, p, &allocation));
	NdisFreeSharedMemory(bench->adapter, allocation);
	return true;
}

/*
 * Before and after
 */

static struct platform_device *make_device(void)
{
	struct platform_device *device;
	int ret;

	device = platform_device_alloc("ndshm-ndis-cases", PLATFORM_DEVID_AUTO);
	if (!device)
		return NULL;
	ret = dma_coerce_mask_and_coherent(&device->dev, DMA_BIT_MASK(64));
	if (!ret)
		ret = platform_device_add(device);
	if (ret) {
		platform_device_put(device);
		return NULL;
	}
	return device;
}

static bool begin(struct bench *bench)
{
	CHECK(!ndshm_ndis_open(THIS_MODULE, "ndis-cases", bench->device,
			       &bench->adapter));
	CHECK(!ndshm_ndis_open(THIS_MODULE, "ndis-driver", NULL,
			       &bench->driver));
	CHECK(script_register(bench->adapter, &bench->script) ==
	      NDIS_STATUS_SUCCESS);
	return true;
}

/* As often given back as made, which the end of the handles needs. */
static bool end(struct bench *bench)
{
	CHECK(!bench->driver || !ndshm_ndis_close(bench->driver));
	CHECK(!bench->adapter || !ndshm_ndis_close(bench->adapter));
	CHECK(bench->script.allocated == bench->script.freed);
	CHECK(!bench->script.wrong);
	return true;
}

static bool run_on(struct bench *bench, bool (*run)(struct bench *bench))
{
	bool passed = begin(bench) && run(bench);

	return end(bench) && passed;
}

static int run_case(bool (*run)(struct bench *bench))
{
	struct platform_device *device;
	struct bench *bench;
	int ret = -ENOMEM;

	bench = kzalloc(sizeof(*bench), GFP_KERNEL);
	if (!bench)
		return ret;
	bench->list = kmalloc(LIST_BYTES, GFP_KERNEL);
	if (!bench->list)
		goto out_bench;
	device = make_device();
	if (!device)
		goto out_list;
	bench->device = &device->dev;
	ret = run_on(bench, run) ? 0 : -EPROTO;
	platform_device_unregister(device);
out_list:
	kfree(bench->list);
out_bench:
	kfree(bench);
	return ret;
}

static int run_set(const char *value, const struct kernel_param *param)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		if (sysfs_streq(value, cases[i].name))
			return run_case(cases[i].run);
	return -ENOENT;
}

static int run_get(char *buffer, const struct kernel_param *param)
{
	unsigned int i, length = 0;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		length += scnprintf(buffer + length, PAGE_SIZE - length,
				    "%s\n", cases[i].name);
	return length;
}

static const struct kernel_param_ops run_ops = {
	.set = run_set,
	.get = run_get,
};
module_param_cb(run, &run_ops, NULL, 0600);
MODULE_PARM_DESC(run, "Written: the case to run; read: all of them");

static int __init cases_init(void)
{
	add_taint(TAINT_TEST, LOCKDEP_STILL_OK);
	return 0;
}
module_init(cases_init);

static void __exit cases_exit(void)
{
}
module_exit(cases_exit);

MODULE_DESCRIPTION("Cases for the NDIS calls of ndshm");
MODULE_LICENSE("GPL");
