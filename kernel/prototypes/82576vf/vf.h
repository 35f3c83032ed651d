/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Driver for a virtual function (VF) of the Intel 82576, whose physical function (PF) the
 * kernel's igb drives. Each function is an adapter with a provider of its own, and all its
 * memory is blocks of that provider for a virtual port.
 *
 * Locks: RTNL serialises user requests and protects @pauses and @port. memory_lock is
 * taken inside RTNL, or without it, and protects which provider there is. vf->lock is
 * taken inside both and protects whether the function runs, and the mailbox; a revocation
 * stops the function with vf->lock only, so that vf_memory_remove() may wait for it with
 * memory_lock held. The transmit queue's lock protects tx->live and nests inside vf->lock.
 * No block may be freed with vf->lock held: ndshm_free() waits for the revocation
 * callback, which takes it.
 *
 * Lifetime: vf_port_make() must precede the start of the function. vf_port_free() is
 * called after the function is stopped, without vf->lock: it waits for another thread to
 * free the blocks. The adapter outlives the provider.
 */
#ifndef _VF_VF_H
#define _VF_VF_H

#include <linux/bits.h>
#include <linux/completion.h>
#include <linux/io.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/workqueue.h>

struct attribute_group;
struct ndshm_adapter;
struct ndshm_block;
struct ndshm_provider;
struct pci_dev;
struct pci_saved_state;

#define VF_DESCRIPTORS	256	/* a multiple of 8 */
#define VF_BUFFER_SIZE	2048	/* a frame has one buffer */
#define VF_VECTOR	0	/* of all causes */

/* Each ring has one block, and the buffers of a ring have blocks of this length. */
#define VF_BLOCK_LENGTH		65536
#define VF_BLOCK_BUFFERS	(VF_BLOCK_LENGTH / VF_BUFFER_SIZE)
#define VF_BLOCKS		(2 * (1 + VF_DESCRIPTORS / VF_BLOCK_BUFFERS))

/* Part of a block. */
struct vf_buffer {
	void *memory;
	dma_addr_t address;
	u32 handle;		/* shared memory handle of the block */
	u32 offset;
};

struct vf_ring {
	void *descriptors;
	dma_addr_t address;
	struct vf_buffer buffer[VF_DESCRIPTORS];
};

struct vf_rx {
	struct vf_ring ring;
	unsigned int next;	/* descriptor that the card fills next */
	bool spanning;		/* in a frame of several descriptors */
};

struct vf_tx {
	struct vf_ring ring;
	unsigned int next;	/* written by vf_xmit() */
	unsigned int oldest;	/* first unfinished descriptor; written by NAPI */
	bool live;		/* the function runs; protected by the transmit queue's lock */
	u16 length[VF_DESCRIPTORS];	/* bytes of each frame */
};

/* Memory of a function: the provider in the scope of its adapter. */
struct vf_memory {
	struct ndshm_provider *provider;	/* or NULL; protected by memory_lock */
	struct mutex lock;	/* protects budget and used; taken inside all others */
	u64 budget;		/* bytes that the function may have */
	u64 used;
};

struct vf {
	struct net_device *netdev;
	struct pci_dev *pdev;
	void __iomem *bar;
	struct ndshm_adapter *adapter;
	struct mutex memory_lock;	/* protects memory.provider */
	struct vf_memory memory;
	u32 port;		/* id of the virtual port, or 0; protected by RTNL */
	struct completion port_freed;
	struct ndshm_block *block[VF_BLOCKS];
	unsigned int blocks;
	struct mutex lock;	/* protects the members up to mailbox_seen */
	bool up;
	bool revoked;		/* a block was revoked */
	bool stuck;		/* written by vf_tx_timeout() without the lock */
	u32 mailbox_seen;	/* bits that a read of the mailbox has cleared */
	unsigned int pauses;	/* number of nested pauses; protected by RTNL */
	bool recovering;	/* one of the pauses is of error recovery; by the device lock */
	struct pci_saved_state *initial;	/* configuration space after probe */
	struct delayed_work watch;
	unsigned long interval;	/* until the next run of watch, in jiffies; protected by RTNL */
	struct napi_struct napi;
	struct vf_rx rx;
	struct vf_tx tx;
};

static inline u32 vf_read(struct vf *vf, unsigned int offset)
{
	return readl(vf->bar + offset);
}

/* writel() orders earlier writes to memory before the register write. */
static inline void vf_write(struct vf *vf, unsigned int offset, u32 value)
{
	writel(value, vf->bar + offset);
}

static inline unsigned int vf_after(unsigned int i)
{
	return (i + 1) % VF_DESCRIPTORS;
}

/* netdev.c. */
extern const struct net_device_ops vf_netdev_ops;
extern const struct ethtool_ops vf_ethtool_ops;
void vf_quiesce(struct vf *vf);
void vf_watch(struct work_struct *work);
int vf_poll(struct napi_struct *napi, int budget);
void vf_down(struct vf *vf);
void vf_pause(struct vf *vf);
void vf_continue(struct vf *vf);

/* mailbox.c: requests to the PF, with vf->lock held; may sleep for a second. */
int vf_mailbox_reset(struct vf *vf, u8 *address);
int vf_mailbox_set_address(struct vf *vf, const u8 *address);
bool vf_mailbox_was_reset(struct vf *vf);

/* memory.c: the provider. */
#define VF_MEMORY_DEFAULT	(2U << 20)
#define VF_MEMORY_MOST		BIT(30)
extern const struct attribute_group *vf_memory_groups[];
int vf_memory_add(struct vf *vf, u64 budget);
int vf_memory_remove(struct vf *vf);

/* port.c: the virtual port and its blocks. Called with RTNL held; may sleep. */
int vf_port_make(struct vf *vf);
void vf_port_free(struct vf *vf);

/* rx.c and tx.c. */
void vf_rx_start(struct vf *vf);
void vf_rx_give(struct vf *vf);
int vf_rx_poll(struct vf *vf, int budget);
void vf_tx_start(struct vf *vf);
void vf_tx_stop(struct vf *vf);
void vf_tx_clean(struct vf *vf);
netdev_tx_t vf_xmit(struct sk_buff *skb, struct net_device *netdev);

#endif /* _VF_VF_H */
