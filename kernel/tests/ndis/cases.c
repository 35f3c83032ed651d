// SPDX-License-Identifier: GPL-2.0
/*
 * List of the test cases, and their setup and cleanup.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/numa.h>
#include <linux/panic.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include <ndshm/adapter.h>

#include "../native.h"
#include "cases.h"

#define PATTERN(value)	((PVOID)(ULONG_PTR)(0x5a5a0000 + (value)))

NDIS_SHARED_MEMORY_PARAMETERS request(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = {
		.Header = HEADER(DEFAULT, SHARED_MEMORY_PARAMETERS, 2),
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

NDIS_SG_DMA_DESCRIPTION dma_description(MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE_HANDLER handler)
{
	return (NDIS_SG_DMA_DESCRIPTION){
		.Header = HEADER(SG_DMA_DESCRIPTION, SG_DMA_DESCRIPTION, 1),
		.Flags = NDIS_SG_DMA_64_BIT_ADDRESS,
		.SharedMemAllocateCompleteHandler = handler,
	};
}

/* Copy the parameters into a frame with poisoned guards, and the frame to @expected. */
static void fill_frame(struct bench *bench,
		       const NDIS_SHARED_MEMORY_PARAMETERS *p)
{
	struct frame *frame = &bench->frame;

	memset(frame->before, POISON, GUARD_BYTES);
	memset(frame->behind_parameters, POISON, GUARD_BYTES);
	memset(frame->behind_list, POISON, GUARD_BYTES);
	memset(frame->after, POISON, GUARD_BYTES);
	/* Copied with memcpy(), so that padding is compared as well. */
	memcpy(&frame->parameters, p, sizeof(*p));
	frame->allocation = PATTERN(3);
	memcpy(&bench->expected, frame, sizeof(*frame));
}

static bool as_expected(const struct bench *bench)
{
	const u8 *have = (const u8 *)&bench->frame;
	const u8 *want = (const u8 *)&bench->expected;
	size_t i;

	for (i = 0; i < sizeof(bench->frame); i++) {
		if (have[i] == want[i])
			continue;
		pr_err("byte %zu: %#x and not %#x\n", i, have[i], want[i]);
		return false;
	}
	return true;
}

/*
 * The elements have Length bytes together, and reserved members are 0. as_expected() checks that
 * no byte behind the list was written.
 */
static bool list_fits(struct bench *bench,
		      const NDIS_SHARED_MEMORY_PARAMETERS *p)
{
	const SCATTER_GATHER_LIST *list = bench->list;
	size_t bytes;
	u64 total = 0;
	ULONG i;

	CHECK(list->NumberOfElements >= 1);
	bytes = struct_size(list, Elements, list->NumberOfElements);
	CHECK(bytes <= p->SGListBufferLength);
	CHECK(!list->Reserved);
	for (i = 0; i < list->NumberOfElements; i++) {
		CHECK(list->Elements[i].Length);
		CHECK(list->Elements[i].Address.QuadPart);
		CHECK(!list->Elements[i].Reserved);
		total += list->Elements[i].Length;
	}
	CHECK(total == p->Length);
	memcpy(bench->expected.list, list, bytes);
	return true;
}

bool allocates(struct bench *bench, NDIS_HANDLE handle,
	       NDIS_SHARED_MEMORY_PARAMETERS *p, NDIS_HANDLE *allocation)
{
	struct frame *frame = &bench->frame;
	struct frame *expected = &bench->expected;

	fill_frame(bench, p);
	CHECK_STATUS(SUCCESS, NdisAllocateSharedMemory(handle, &frame->parameters,
						       &frame->allocation));
	*p = frame->parameters;
	*allocation = frame->allocation;
	CHECK(*allocation && *allocation != PATTERN(3));
	CHECK(p->SharedMemoryHandle && p->SharedMemoryHandle != PATTERN(1));
	CHECK(p->SharedMemoryHandle != *allocation);
	CHECK(p->SharedMemoryHandle != NDIS_SHARED_MEM_HANDLE_HAL_ALLOCATED);
	CHECK(p->VirtualAddress && p->VirtualAddress != PATTERN(2));
	expected->allocation = *allocation;
	expected->parameters.SharedMemoryHandle = p->SharedMemoryHandle;
	expected->parameters.VirtualAddress = p->VirtualAddress;
	if (p->SGListBuffer)
		CHECK(list_fits(bench, p));
	CHECK(as_expected(bench));
	/* The memory must be accessible. */
	RtlFillMemory(p->VirtualAddress, p->Length, 0x77);
	return true;
}

static bool fails(struct bench *bench, NDIS_HANDLE handle, NDIS_STATUS status)
{
	NDIS_STATUS answer;

	answer = NdisAllocateSharedMemory(handle, &bench->frame.parameters,
					  &bench->frame.allocation);
	if (answer != status)
		pr_err("status %#x and not %#x\n", answer, status);
	CHECK(answer == status);
	bench->expected.allocation = NULL;
	CHECK(as_expected(bench));
	return true;
}

bool refused(struct bench *bench, NDIS_HANDLE handle,
	     NDIS_SHARED_MEMORY_PARAMETERS *p, NDIS_STATUS status)
{
	fill_frame(bench, p);
	bench->expected.parameters.SharedMemoryHandle = NULL;
	bench->expected.parameters.VirtualAddress = NULL;
	CHECK(fails(bench, handle, status));
	*p = bench->frame.parameters;
	return true;
}

bool refused_unread(struct bench *bench, NDIS_SHARED_MEMORY_PARAMETERS *p)
{
	fill_frame(bench, p);
	return fails(bench, bench->adapter, NDIS_STATUS_INVALID_PARAMETER);
}

bool works_for(struct bench *bench, NDIS_HANDLE handle, NDIS_SHARED_MEMORY_PARAMETERS *p)
{
	NDIS_HANDLE allocation;

	CHECK(allocates(bench, handle, p, &allocation));
	NdisFreeSharedMemory(handle, allocation);
	return true;
}

bool works(struct bench *bench, NDIS_SHARED_MEMORY_PARAMETERS *p)
{
	return works_for(bench, bench->adapter, p);
}

static void note_revoked(void *context, struct ndshm_block *block)
{
	struct bench *bench = context;

	bench->revoked++;
}

ndshm_reason_t native_block(struct bench *bench, const char *adapter,
			    struct ndshm_provider *provider, u64 length, bool no_kernel_mapping,
			    struct ndshm_block **block)
{
	struct ndshm_parameters p = {
		.header = NDSHM_PARAMETERS_HEADER,
		.preferred_node = NUMA_NO_NODE,
		.usage = NDSHM_USAGE_OTHER,
		.length = length,
		.adapter = ndshm_adapter_find(adapter ?: bench->name),
		.provider = provider,
		.no_kernel_mapping = no_kernel_mapping,
		.revoked = note_revoked,
		.revoked_context = bench,
	};
	ndshm_reason_t reason;

	if (!p.adapter)
		return NDSHM_REASON_ADAPTER_UNKNOWN;
	reason = check_allocate(&p, block);
	ndshm_adapter_put(p.adapter);
	return reason;
}

bool takes_headers(struct bench *bench, const struct header_row *rows, unsigned int count,
		   const void *argument, size_t size,
		   NDIS_STATUS (*call)(struct bench *bench, void *copy), NDIS_STATUS bad)
{
	const NDIS_OBJECT_HEADER *header;
	NDIS_STATUS status;
	unsigned int i;
	void *copy;

	for (i = 0; i < count; i++) {
		header = &rows[i].header;
		copy = kmemdup(argument, clamp_t(size_t, header->Size, sizeof(*header), size),
			       GFP_KERNEL);
		CHECK(copy);
		memcpy(copy, header, sizeof(*header));
		status = call(bench, copy);
		kfree(copy);
		if (status != (rows[i].good ? NDIS_STATUS_SUCCESS : bad)) {
			pr_err("type %#x revision %u size %u: status %#x\n", header->Type,
			       header->Revision, header->Size, status);
			return false;
		}
	}
	return true;
}

/*
 * Setup and cleanup
 */

struct platform_device *ndis_device_make(const char *name)
{
	struct platform_device *device;
	int ret;

	device = platform_device_alloc(name, PLATFORM_DEVID_AUTO);
	if (!device)
		return NULL;
	device_sees_caches(&device->dev);
	ret = dma_set_mask_and_coherent(&device->dev, DMA_BIT_MASK(64));
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
	CHECK(!ndshm_ndis_open(THIS_MODULE, bench->name, bench->device,
			       &bench->adapter));
	CHECK(!ndshm_ndis_open(THIS_MODULE, "ndis-driver", NULL,
			       &bench->driver));
	CHECK_STATUS(SUCCESS, script_register(bench->adapter, &bench->script));
	return true;
}

/* All memory must be freed, or the handles cannot be closed. */
static bool end(struct bench *bench)
{
	if (bench->driver && !ndshm_ndis_close(bench->driver))
		bench->driver = NULL;
	if (bench->adapter && !ndshm_ndis_close(bench->adapter))
		bench->adapter = NULL;
	CHECK(!bench->driver && !bench->adapter);
	CHECK(bench->script.allocated == bench->script.freed);
	CHECK(!bench->script.wrong);
	return true;
}

static bool run_on(struct bench *bench, bool (*run)(struct bench *bench))
{
	bool passed = begin(bench) && run(bench);

	return end(bench) && passed;
}

static unsigned int leaked;
module_param(leaked, uint, 0444);
MODULE_PARM_DESC(leaked, "Failed cases whose handles stay open");

static int run_case(bool (*run)(struct bench *bench))
{
	struct platform_device *device;
	struct bench *bench;
	int ret = -ENOMEM;

	bench = kzalloc(sizeof(*bench), GFP_KERNEL);
	if (!bench)
		return ret;
	bench->list = (SCATTER_GATHER_LIST *)bench->frame.list;
	/* The adapter of a failed case may still have its name. */
	snprintf(bench->name, sizeof(bench->name), "ndis-cases-%u", leaked);
	device = ndis_device_make("ndshm-ndis-cases");
	if (!device)
		goto out_bench;
	bench->device = &device->dev;
	ret = run_on(bench, run) ? 0 : -EPROTO;
	if (!ret && bench->skipped)
		ret = -ENODEV;
	if (bench->adapter || bench->driver) {
		leaked++;
		__module_get(THIS_MODULE);
		return ret;
	}
	platform_device_unregister(device);
out_bench:
	kfree(bench);
	return ret;
}

static int run_set(const char *value, const struct kernel_param *param)
{
#define CASE(name) do { \
	if (sysfs_streq(value, #name)) \
		return run_case(name); \
} while (0)
#define CASE_CACHES	CASE
#include "../../../selftests/lib/ndshm_ndis_cases.h"
#undef CASE
	return -ENOENT;
}

static int run_get(char *buffer, const struct kernel_param *param)
{
	unsigned int length = 0;

#define CASE(name) \
	(length += scnprintf(buffer + length, PAGE_SIZE - length, "%s\n", #name))
#include "../../../selftests/lib/ndshm_ndis_cases.h"
#undef CASE_CACHES
#undef CASE
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
	step_end();
}
module_exit(cases_exit);

MODULE_DESCRIPTION("Cases for the NDIS calls of ndshm");
MODULE_LICENSE("GPL");
