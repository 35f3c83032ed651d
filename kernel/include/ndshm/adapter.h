/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Adapters: the DMA-capable devices (or NUMA nodes) that blocks are allocated for.
 */
#ifndef _NDSHM_ADAPTER_H
#define _NDSHM_ADAPTER_H

#include <linux/bits.h>
#include <linux/types.h>

#include <linux/ndshm.h>
#include <ndshm/status.h>

struct device;
struct eventfd_ctx;
struct ndshm_adapter;

/**
 * struct ndshm_irq_change - change of the interrupts of a claimed adapter
 * @kind: NDSHM_IRQ_*; NONE turns all interrupts off
 * @first: first vector; @first + @count is at most the number of the kind
 * @count: number of @eventfds; 0: only unmask INTx
 * @eventfds: new eventfds of the vectors, or NULL; each with a reference. On success those
 *	that were replaced, on failure unchanged: the caller drops the references either way
 */
struct ndshm_irq_change {
	u32 kind;
	u32 first;
	u32 count;
	struct eventfd_ctx **eventfds;
};

/**
 * struct ndshm_bar_range - Registers that clients can map
 * @start: bus address; a multiple of the page size, as @length
 * @length: length, in bytes
 * @holes: parts that are not mapped, nor the rest of their pages, in bytes from @start
 */
struct ndshm_bar_range {
	phys_addr_t start;
	u64 length;
	struct {
		unsigned long start;
		unsigned long end;
	} holes[2];
};

/**
 * struct ndshm_adapter_ops - operations of an adapter that a client can claim
 * @isolation: Returns the NDSHM_ISOLATION_* properties that are missing now, beside those that
 *	the group lacks; 0: isolated. Can be called concurrently; may sleep.
 * @claim: A client claims the adapter. @address_width is 24 to 64; @needs_reset: the client may
 *	have a device that needs a reset. Bus mastering must be off on return. Waits at most two
 *	seconds for a reset.
 * @start: Enable bus mastering. Can be called repeatedly.
 * @bar: Get the range of BAR @bar (0 to 5). Returns false if clients cannot map it.
 * @reset: Reset the function; see struct ndshm_adapter_reset_args. Never waits for a lock that
 *	ndshm_adapter_unregister() is called with, nor longer than two seconds.
 * @config: Read or write configuration space; refuses to write protected fields, see struct
 *	ndshm_adapter_config_args. Width, alignment and value were checked; the offset may be
 *	beyond the end. A failure changes nothing.
 * @stop: The claim ends: turn bus mastering off, before the client loses its BARs. A client that
 *	gets SIGBUS there may free memory at once, which its device must not access any more.
 *	NULL if that is not possible while the client can access BARs.
 * @release: The claim has ended and its BARs are unmapped. On return bus mastering must
 *	be off, also if the client has turned it on again through a BAR since @stop, no
 *	transaction in flight, and the function reset, or a reset in progress, during which
 *	@claim refuses with ADAPTER_RESETTING, or @needs_reset true. Its interrupts are off and
 *	their eventfds signalled and put. @used: the client can have changed the device's state;
 *	otherwise it needs no reset. @removing: called from ndshm_adapter_unregister(), with the
 *	device lock held.
 * @irqs: Returns the number of interrupts of a kind, at most NDSHM_MAX_IRQS, always the
 *	same.
 * @set_irqs: Turn interrupts on or off, replace their eventfds or unmask INTx; see struct
 *	ndshm_adapter_set_irqs_args. A failure changes nothing.
 * @needs_reset: Returns true if the reset of the last release failed or was not possible;
 *	@claim then refuses clients without its argument @needs_reset. Can be called
 *	concurrently.
 *
 * @claim, @start, @set_irqs, @reset and @config return a reason, which the client of the
 * ioctl gets unchanged: an errno would not show whether the device needs a reset or is not
 * isolated.
 *
 * Context: Process context; may sleep. @claim, @start, @bar, @irqs, @set_irqs, @reset, @config,
 * @stop and @release are serialised; all but @claim are only called between @claim and @release.
 */
struct ndshm_adapter_ops {
	u32 (*isolation)(void *context);
	ndshm_reason_t (*claim)(void *context, unsigned int address_width,
				bool needs_reset);
	ndshm_reason_t (*start)(void *context);
	bool (*bar)(void *context, unsigned int bar, struct ndshm_bar_range *range);
	unsigned int (*irqs)(void *context, unsigned int kind);
	ndshm_reason_t (*set_irqs)(void *context,
				   const struct ndshm_irq_change *change);
	ndshm_reason_t (*reset)(void *context);
	ndshm_reason_t (*config)(void *context, struct ndshm_adapter_config_args *access);
	void (*stop)(void *context);
	void (*release)(void *context, bool used, bool removing);
	bool (*needs_reset)(void *context);
};

/* Clients may allocate for the adapter; without this flag only kernel code can. */
#define NDSHM_ADAPTER_OPEN	BIT(0)

/*
 * The end of a claim does not stop the device's DMA. Unless an IOMMU is strict, and so ends access
 * to the memory before it is freed, clients can allocate only from providers in the adapter's
 * scope, whose memory nothing else uses. Only with @ops of struct ndshm_adapter_info.
 */
#define NDSHM_ADAPTER_UNSTOPPABLE	BIT(1)

/**
 * struct ndshm_adapter_info - parameters of ndshm_adapter_register()
 * @name: unique, shorter than NDSHM_NAME_SIZE; copied
 * @device: device whose DMA mask, IOMMU domain and NUMA node apply
 * @flags: NDSHM_ADAPTER_*
 * @ops: operations for claims; NULL: the adapter needs no claim and cannot be claimed
 * @context: first argument of @ops
 * @group: key of adapters that can reach each other's memory, for instance the address of
 *	their IOMMU group; only one client at a time can claim adapters of a group.
 *	NULL: no group.
 * @missing: NDSHM_ISOLATION_* properties that @group lacks from now on, until none of its
 *	adapters is registered; 0 without @ops
 */
struct ndshm_adapter_info {
	const char *name;
	struct device *device;
	u32 flags;
	const struct ndshm_adapter_ops *ops;
	void *context;
	const void *group;
	u32 missing;
};

/**
 * ndshm_adapter_register() - Register a device as an adapter
 * @info: parameters; not used after the return
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * Clients can find the adapter, and operations of @info->ops can be called, before this
 * function returns.
 *
 * Context: Process context; may sleep.
 * Return: the new adapter, or an ERR_PTR() with the reason NAME, NAME_TAKEN, FLAGS or
 * MEMORY.
 */
struct ndshm_adapter *
ndshm_adapter_register(const struct ndshm_adapter_info *info,
		       ndshm_reason_t *reason);

/**
 * ndshm_adapter_close_unused() - Close an adapter that has no block and no queue
 * @adapter: from ndshm_adapter_register(), without ops
 *
 * On success allocations for the adapter fail until ndshm_adapter_reopen() or
 * ndshm_adapter_unregister(). An allocation concurrent with this call may fail in either
 * case.
 *
 * Context: Process context; may sleep.
 * Return: true if the adapter is closed, false if it has a block or a queue.
 */
bool ndshm_adapter_close_unused(struct ndshm_adapter *adapter);

/**
 * ndshm_adapter_reopen() - Allow allocations again after ndshm_adapter_close_unused()
 * @adapter: adapter that ndshm_adapter_close_unused() has closed
 *
 * Context: Process context; may sleep.
 */
void ndshm_adapter_reopen(struct ndshm_adapter *adapter);

/**
 * ndshm_adapter_unregister() - Unregister an adapter and revoke its blocks
 * @adapter: from ndshm_adapter_register(); invalid on return
 *
 * Ends the adapter's claim, frees its queues and revokes and frees its blocks. On return
 * the core does not use the device any more. Never waits for a client, but waits for
 * packets in flight, and for blocks that kernel code keeps (ndshm_block_keep()). The caller must
 * ensure that no call for the adapter's queues is running or follows, except from the queues' own
 * callbacks.
 *
 * Context: Process context; may sleep.
 */
void ndshm_adapter_unregister(struct ndshm_adapter *adapter);

/**
 * ndshm_adapter_end_group_claims() - End every claim of a group of adapters
 * @group: as in struct ndshm_adapter_info, not NULL
 * @missing: NDSHM_ISOLATION_* properties that the group lacks from now on; if it lacked all of
 *	them before, no claim ends. 0: end the claims
 *
 * For an adapter driver, when another driver is about to bind to a device of the group, or a
 * device that makes the group less isolated is about to be bound.
 * On return the devices of all claimed adapters of the group have stopped DMA and the
 * blocks of the claims are revoked. Never waits for a client.
 *
 * Context: Process context; may sleep. The device lock of an adapter of the group must
 * not be held.
 */
void ndshm_adapter_end_group_claims(const void *group, u32 missing);

/**
 * ndshm_adapter_unmap_bars() - Unmap a claimed adapter's BARs, or allow access again
 * @adapter: from ndshm_adapter_register()
 * @unmapped: true: access of a client to a mapped BAR is SIGBUS, until a call with false;
 *	the mappings themselves stay
 *
 * For the duration of a reset. Does not affect the claim.
 *
 * Context: Process context; may sleep. May be called from all operations of struct
 * ndshm_adapter_ops but @bar.
 */
void ndshm_adapter_unmap_bars(struct ndshm_adapter *adapter, bool unmapped);

/**
 * ndshm_adapter_find() - Find an adapter by name and take a reference
 * @name: name of a registered adapter
 *
 * The reference allows to allocate blocks for the adapter. It does not keep the device
 * bound.
 *
 * Context: Process context; may sleep.
 * Return: the adapter, to be released with ndshm_adapter_put(), or NULL if none has this
 * name.
 */
struct ndshm_adapter *ndshm_adapter_find(const char *name);

/**
 * ndshm_adapter_put() - Drop a reference to an adapter
 * @adapter: from ndshm_adapter_find()
 *
 * Context: Process context; may sleep.
 */
void ndshm_adapter_put(struct ndshm_adapter *adapter);

#endif /* _NDSHM_ADAPTER_H */
