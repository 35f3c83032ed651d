/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Adapters: those who do DMA.
 */
#ifndef _NDSHM_ADAPTER_H
#define _NDSHM_ADAPTER_H

#include <linux/bits.h>
#include <linux/types.h>

#include <linux/ndshm.h>
#include <ndshm/status.h>

struct device;
struct ndshm_adapter;

/**
 * struct ndshm_adapter_ops - an adapter whose device a client can drive
 * @isolation: NDSHM_ISOLATION_* properties that are missing now; 0: isolated.
 *	Any number of calls at a time; may sleep.
 * @claim: a client comes. @address_width is 24 to 64; @dirty: the client
 *	may have a device that needs a reset. Bus mastering is off when it returns.
 * @start: bus mastering on; any number of times
 * @bar: the bus address and length of BAR @bar (0 to 5)
 * @release: the client has gone and its BAR mappings with it: bus mastering
 *	off, no transaction left, the function reset. @removing: called from
 *	ndshm_adapter_unregister(), with the device lock held.
 * @dirty: the reset at the last release is missing or failed, so that @claim
 *	refuses clients that may not have it so. Any number of calls at a time.
 *
 * Context: process; may sleep. @claim, @start, @bar and @release are called
 * one at a time; @start and @bar between @claim and @release only.
 */
struct ndshm_adapter_ops {
	u32 (*isolation)(void *context);
	ndshm_reason_t (*claim)(void *context, unsigned int address_width,
				bool dirty);
	ndshm_reason_t (*start)(void *context);
	ndshm_reason_t (*bar)(void *context, unsigned int bar,
			      phys_addr_t *start, u64 *length);
	void (*release)(void *context, bool removing);
	bool (*dirty)(void *context);
};

/* Clients may allocate for the adapter; without it only kernel code may. */
#define NDSHM_ADAPTER_OPEN	BIT(0)

/**
 * struct ndshm_adapter_info - how an adapter is registered
 * @name: unique, shorter than NDSHM_NAME_SIZE; copied
 * @device: whose DMA mask, IOMMU domain and node apply
 * @flags: NDSHM_ADAPTER_*
 * @ops: NULL: no claim is needed, and none is possible
 * @context: first argument of @ops
 * @group: adapters of one group reach each other's memory (an IOMMU group, by
 *	its address), so one client at a time has them all; NULL: no group
 */
struct ndshm_adapter_info {
	const char *name;
	struct device *device;
	u32 flags;
	const struct ndshm_adapter_ops *ops;
	void *context;
	const void *group;
};

/**
 * ndshm_adapter_register - memory can be allocated for a device from now on
 * @info: how; not used any more when it returns
 * @adapter: stored last
 *
 * Context: process; may sleep.
 * Return: a reason: NAME, NAME_TAKEN, FLAGS or MEMORY, or none.
 */
ndshm_reason_t ndshm_adapter_register(const struct ndshm_adapter_info *info,
				      struct ndshm_adapter **adapter);

/**
 * ndshm_adapter_close_unused() - Close an adapter that has no block and no queue
 * @adapter: from ndshm_adapter_register(), without ops
 *
 * On success nothing can be allocated for the adapter until ndshm_adapter_reopen() or
 * ndshm_adapter_unregister(). An allocation at the same time may fail in either case.
 *
 * Context: process; may sleep.
 * Return: true if it is closed, false if it has a block or a queue.
 */
bool ndshm_adapter_close_unused(struct ndshm_adapter *adapter);

/**
 * ndshm_adapter_reopen() - Allow allocations again
 * @adapter: closed by ndshm_adapter_close_unused()
 *
 * Context: process; may sleep.
 */
void ndshm_adapter_reopen(struct ndshm_adapter *adapter);

/**
 * ndshm_adapter_unregister - the device goes
 * @adapter: from ndshm_adapter_register(); dead when it returns
 *
 * A claim ends, every queue is freed, every block of the adapter is revoked and
 * freed, nothing uses the device when it returns. It never waits for a client; it
 * does for packets that are out. No call for the adapter's queues may be under way
 * then, but from their own callbacks.
 *
 * Context: process; may sleep.
 */
void ndshm_adapter_unregister(struct ndshm_adapter *adapter);

/**
 * ndshm_adapter_end_group_claims - End every claim of a group of adapters
 * @group: as in struct ndshm_adapter_info, not NULL
 *
 * For a driver of adapters that sees another driver come to a device of the group.
 * The device of every claimed adapter has stopped DMA when this function returns,
 * and the blocks of the claims are revoked. It never waits for a client.
 *
 * Context: process; may sleep. The device lock of an adapter of the group must not
 * be held.
 */
void ndshm_adapter_end_group_claims(const void *group);

/**
 * ndshm_adapter_unmap_bars - Take BAR mappings away, or allow them again
 * @adapter: from ndshm_adapter_register()
 * @unmapped: true: clients that access a mapped BAR get SIGBUS, until a call with
 *	false; the mappings stay
 *
 * For the time of a reset. A claim stays what it is.
 *
 * Context: process; may sleep. May be called inside any operation of struct
 * ndshm_adapter_ops but @bar.
 */
void ndshm_adapter_unmap_bars(struct ndshm_adapter *adapter, bool unmapped);

/**
 * ndshm_adapter_device - the device given at registration
 * @adapter: a registered one
 *
 * Return: the device, which is valid while the adapter is registered.
 */
struct device *ndshm_adapter_device(const struct ndshm_adapter *adapter);

/**
 * ndshm_adapter_find - hold an adapter, so that blocks can be allocated for it
 * @name: as it is registered
 *
 * It does not keep the device.
 *
 * Context: process; may sleep.
 * Return: the adapter, for ndshm_adapter_put(); NULL: none of that name.
 */
struct ndshm_adapter *ndshm_adapter_find(const char *name);

/**
 * ndshm_adapter_put - do not hold an adapter any more
 * @adapter: from ndshm_adapter_find()
 */
void ndshm_adapter_put(struct ndshm_adapter *adapter);

#endif /* _NDSHM_ADAPTER_H */
