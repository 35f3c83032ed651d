// SPDX-License-Identifier: GPL-2.0
/*
 * Single NDIS calls, each made by the task that writes its name, so that faults injected
 * into that task reach the call. Writers are serialised.
 *
 *	begin, end		a device; end also frees what is left
 *	open, close		a handle of it
 *	register, replace	handlers, and others in their place
 *	allocate, free		a block of theirs, in three chunks
 *	m-allocate, m-free	the miniport's own memory
 *	dma-register, dma-deregister
 *	async			request such memory; at most twice
 *	told			wait for the completions, and free the memory
 *	supply			a provider of the machine, also for clients, until the module goes
 *
 * A step that is impossible in the current state returns ENOENT or EEXIST. A violation
 * of NDIS's contract is logged, and returns EPROTO. Reading shows the state. Removal of the
 * provider frees what a step has allocated from it.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/string.h>

#include <ndshm/ndis_pnp.h>

#include "cases.h"

#define CHUNKS		3
#define PENDING		2
#define OWN_BYTES	10000
#define PATTERN		((PVOID)(ULONG_PTR)0x5a5a5a5a)

/* An asynchronous request and its completion. */
struct submission {
	bool out;
	struct completion reported;
	PVOID address;
	NDIS_PHYSICAL_ADDRESS physical;
};

static struct platform_device *device;
static NDIS_HANDLE adapter, dma;

/* Protects what is allocated: removal of the provider frees it beside the steps. */
static DEFINE_MUTEX(memory_lock);
static NDIS_HANDLE allocation;
static PVOID own;
static NDIS_PHYSICAL_ADDRESS own_physical;
static struct submission submission[PENDING];

/* The registered handlers, among these and the previous ones. */
static struct script *registered;
static struct script scripts[2];
static unsigned int newest;

/* The provider of the machine. */
static NDIS_HANDLE supplier;
static struct script supplies;
module_param_named(allocated, supplies.allocated, uint, 0444);
MODULE_PARM_DESC(allocated, "Blocks of \"supply\"");
module_param_named(freed, supplies.freed, uint, 0444);
MODULE_PARM_DESC(freed, "Those that came back");
module_param_named(length, supplies.requested.Length, uint, 0444);
MODULE_PARM_DESC(length, "Bytes of the last one");

static atomic_t broken;

static bool expect(bool holds, const char *what)
{
	if (!holds) {
		atomic_inc(&broken);
		pr_err("step: not so: %s\n", what);
	}
	return holds;
}

#define EXPECT(condition)	expect(condition, #condition)

static int error_of(NDIS_STATUS status)
{
	switch (status) {
	case NDIS_STATUS_SUCCESS:
	case NDIS_STATUS_PENDING:
		return 0;
	case NDIS_STATUS_RESOURCES:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

static VOID provider_removed(NDIS_HANDLE context, PNET_DEVICE_PNP_EVENT event);

static int begin(void)
{
	device = ndis_device_make("ndshm-ndis-step");
	if (!device)
		return -ENOMEM;
	memset(scripts, 0, sizeof(scripts));
	newest = 0;
	return 0;
}

static int open(void)
{
	int ret;

	adapter = PATTERN;
	ret = ndshm_ndis_open(THIS_MODULE, "ndis-step", &device->dev, &adapter);
	if (!EXPECT(!ret == !!adapter && adapter != PATTERN))
		return -EPROTO;
	return ret ?: ndshm_ndis_notify(adapter, provider_removed, NULL);
}

/* Register, or replace: older blocks are freed by the previous handlers. */
static int set(void)
{
	const unsigned int next = (newest + !!registered) % ARRAY_SIZE(scripts);
	struct script *script = &scripts[next];
	unsigned int i;
	int ret;

	/* The script may still have blocks: do not clear its counters. */
	script->elements = CHUNKS;
	for (i = 0; i < CHUNKS; i++)
		script->lengths[i] = PAGE_SIZE;
	/* Shows which handlers are registered. */
	script->flags = next ? NDIS_SHARED_MEMORY_PROVIDER_CHAR_SUPPORTS_PF_VPORTS : 0;
	ret = error_of(script_register(adapter, script));
	if (!ret) {
		registered = script;
		newest = next;
	}
	return ret;
}

static int allocate(void)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = {
		.Header = HEADER(DEFAULT, SHARED_MEMORY_PARAMETERS, 2),
		.PreferredNode = MM_ANY_NODE_OK,
		.Usage = NdisSharedMemoryUsageReceive,
		.Length = CHUNKS * PAGE_SIZE,
		.SharedMemoryHandle = PATTERN,
		.VirtualAddress = PATTERN,
	};
	NDIS_HANDLE got = PATTERN;
	int ret;

	ret = error_of(NdisAllocateSharedMemory(adapter, &p, &got));
	if (!EXPECT(got != PATTERN && !got == !!ret) ||
	    !EXPECT(p.VirtualAddress != PATTERN && !p.VirtualAddress == !!ret) ||
	    !EXPECT(p.SharedMemoryHandle != PATTERN &&
		    !p.SharedMemoryHandle == !!ret))
		return -EPROTO;
	allocation = got;
	if (!ret)
		RtlFillMemory(p.VirtualAddress, p.Length, POISON);
	return ret;
}

static int free_block(void)
{
	NdisFreeSharedMemory(adapter, allocation);
	allocation = NULL;
	return 0;
}

static int m_allocate(void)
{
	own = PATTERN;
	own_physical.QuadPart = 1;
	NdisMAllocateSharedMemory(adapter, OWN_BYTES, FALSE, &own,
				  &own_physical);
	if (!own)
		return EXPECT(!own_physical.QuadPart) ? -ENOMEM : -EPROTO;
	if (!EXPECT(!memchr_inv(own, 0, OWN_BYTES)))
		return -EPROTO;
	RtlFillMemory(own, OWN_BYTES, POISON);
	return 0;
}

static int m_free(void)
{
	NdisMFreeSharedMemory(adapter, OWN_BYTES, FALSE, own, own_physical);
	own = NULL;
	return 0;
}

static VOID complete_request(NDIS_HANDLE context, PVOID address,
			     PNDIS_PHYSICAL_ADDRESS physical, ULONG length,
			     PVOID request)
{
	struct submission *it = request;

	EXPECT(!context && length == OWN_BYTES && !address == !physical);
	it->address = address;
	if (physical)
		it->physical = *physical;
	complete(&it->reported);
}

static int dma_register(void)
{
	NDIS_SG_DMA_DESCRIPTION description = dma_description(complete_request);
	int ret;

	dma = PATTERN;
	ret = error_of(NdisMRegisterScatterGatherDma(adapter, &description,
						     &dma));
	return EXPECT(!ret == !!dma && dma != PATTERN) ? ret : -EPROTO;
}

/* Waits for the requests in flight. */
static int dma_deregister(void)
{
	unsigned int i;
	int ret = 0;

	NdisMDeregisterScatterGatherDma(dma);
	dma = NULL;
	/* Removal of the provider takes completions as well. */
	mutex_lock(&memory_lock);
	for (i = 0; i < PENDING; i++)
		if (submission[i].out &&
		    !EXPECT(completion_done(&submission[i].reported)))
			ret = -EPROTO;
	mutex_unlock(&memory_lock);
	return ret;
}

static int async(void)
{
	struct submission *it = submission;
	int ret;

	while (it < submission + PENDING && it->out)
		it++;
	if (it == submission + PENDING)
		return -EEXIST;
	init_completion(&it->reported);
	ret = error_of(NdisMAllocateSharedMemoryAsyncEx(dma, OWN_BYTES, FALSE,
							it));
	it->out = !ret;
	return ret;
}

/* Return: -ENOMEM if a request got no memory. */
static int reported(void)
{
	int ret = -ENOENT;
	struct submission *it;

	for (it = submission; it < submission + PENDING; it++) {
		if (!it->out)
			continue;
		wait_for_completion(&it->reported);
		it->out = false;
		if (ret == -ENOENT)
			ret = 0;
		if (!it->address) {
			ret = -ENOMEM;
			continue;
		}
		RtlFillMemory(it->address, OWN_BYTES, POISON);
		NdisMFreeSharedMemory(adapter, OWN_BYTES, FALSE, it->address,
				      it->physical);
	}
	return ret;
}

static void free_all(void)
{
	mutex_lock(&memory_lock);
	reported();
	if (allocation)
		free_block();
	if (own)
		m_free();
	mutex_unlock(&memory_lock);
}

static VOID provider_removed(NDIS_HANDLE context, PNET_DEVICE_PNP_EVENT event)
{
	free_all();
}

/*
 * Fails while the handle has blocks; frees its DMA handle and unregisters its handlers.
 */
static int close(void)
{
	int ret = ndshm_ndis_close(adapter);

	if (ret)
		return ret;
	adapter = NULL;
	dma = NULL;
	registered = NULL;
	return 0;
}

static int end(void)
{
	struct script *script;

	free_all();
	if (adapter && !EXPECT(!close()))
		return -EPROTO;
	platform_device_unregister(device);
	device = NULL;
	for (script = scripts; script < scripts + ARRAY_SIZE(scripts); script++)
		if (!EXPECT(script->allocated == script->freed &&
			    !script->wrong))
			return -EPROTO;
	return 0;
}

static int supply(void)
{
	int ret = ndshm_ndis_open(THIS_MODULE, "ndis-supplier", NULL, &supplier);

	if (ret)
		return ret;
	supplies.flags = NDIS_SHARED_MEMORY_PROVIDER_CHAR_SUPPORTS_PF_VPORTS;
	ret = ndshm_ndis_serve_clients(supplier) ?: error_of(script_register(supplier, &supplies));
	if (ret && !ndshm_ndis_close(supplier))
		supplier = NULL;
	return ret;
}

/* Blocks pin the module, so that none is left. */
void step_end(void)
{
	if (device)
		end();
	if (supplier)
		EXPECT(!ndshm_ndis_close(supplier));
}

static const struct {
	const char *name;
	int (*take)(void);
	void *with;		/* pointer that must be set, or the step returns ENOENT */
	void *without;		/* pointer that must not be set, or it returns EEXIST */
	bool memory;		/* called under memory_lock */
} steps[] = {
	{ "begin", begin, NULL, &device },
	{ "open", open, &device, &adapter },
	{ "register", set, &adapter, &registered },
	{ "replace", set, &registered, NULL },
	{ "allocate", allocate, &adapter, &allocation, true },
	{ "free", free_block, &allocation, NULL, true },
	{ "m-allocate", m_allocate, &adapter, &own, true },
	{ "m-free", m_free, &own, NULL, true },
	{ "dma-register", dma_register, &adapter, &dma },
	{ "dma-deregister", dma_deregister, &dma, NULL },
	{ "async", async, &dma, NULL, true },
	{ "told", reported, NULL, NULL, true },
	{ "close", close, &adapter, NULL },
	{ "end", end, &device, NULL },
	{ "supply", supply, NULL, &supplier },
};

static bool is_set(const void *pointer)
{
	return *(void * const *)pointer;
}

static int step_set(const char *value, const struct kernel_param *param)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(steps); i++)
		if (sysfs_streq(value, steps[i].name))
			break;
	if (i == ARRAY_SIZE(steps))
		return -EINVAL;
	if (steps[i].memory)
		mutex_lock(&memory_lock);
	if (steps[i].with && !is_set(steps[i].with))
		ret = -ENOENT;
	else if (steps[i].without && is_set(steps[i].without))
		ret = -EEXIST;
	else
		ret = steps[i].take();
	if (steps[i].memory)
		mutex_unlock(&memory_lock);
	return ret;
}

static int step_get(char *buffer, const struct kernel_param *param)
{
	unsigned int out = submission[0].out + submission[1].out, i, length;

	length = scnprintf(buffer, PAGE_SIZE,
			   "device=%d open=%d registered=%d block=%d own=%d dma=%d asked=%u",
			   !!device, !!adapter, !!registered, !!allocation,
			   !!own, !!dma, out);
	for (i = 0; i < ARRAY_SIZE(scripts); i++)
		length += scnprintf(buffer + length, PAGE_SIZE - length,
				    " live=%d wrong=%u",
				    scripts[i].allocated - scripts[i].freed,
				    scripts[i].wrong);
	return length + scnprintf(buffer + length, PAGE_SIZE - length,
				  " broken=%d\n", atomic_read(&broken));
}

static const struct kernel_param_ops step_ops = {
	.set = step_set,
	.get = step_get,
};
module_param_cb(step, &step_ops, NULL, 0600);
MODULE_PARM_DESC(step, "Written: the call to make; read: what there is");
