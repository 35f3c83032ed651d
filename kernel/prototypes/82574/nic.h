/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A driver for the network card Intel 82574, whose rings and packet buffers are
 * blocks of ndshm.
 *
 * Locks: RTNL orders what users ask for. nic->lock is for whether the card
 * runs, which also ends without RTNL, when memory is revoked; it is taken
 * below RTNL. No block is freed under it: ndshm_free() waits for the revoked
 * callback, which takes it. The lock of the device's addresses is for RCTL,
 * that of its transmit queue for tx->live; both are taken below nic->lock. So
 * are those of ndshm for the states of queues.
 *
 * References: whoever starts the card has made its queue before. The queue is
 * freed by who made it, after the card was stopped, with nic->lock not held:
 * its blocks are freed by another thread, which is waited for.
 */
#ifndef _NIC_NIC_H
#define _NIC_NIC_H

#include <linux/completion.h>
#include <linux/io.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/u64_stats_sync.h>
#include <linux/workqueue.h>

struct ndshm_adapter;
struct ndshm_block;
struct nic;
struct pci_dev;

#define NIC_DESCRIPTORS	256	/* a multiple of 8 [7.1.8] */
#define NIC_MTU_MAX	9000
#define NIC_TX_BUFFER_SIZE	2048	/* a frame may have several */

/* One buffer of a block that has several. */
struct nic_buffer {
	void *memory;
	dma_addr_t address;
	struct ndshm_block *block;
	u32 offset;
};

/* As many as the ring has descriptors, all of them of one usage and size. */
struct nic_buffers {
	struct nic_buffer *buffer;
	struct ndshm_block **block;
	unsigned int blocks;
	u32 size;
	bool needs_sync;
};

/* A ring of descriptors, which always is of memory that is coherent. */
struct nic_ring {
	struct ndshm_block *block;
	void *descriptors;
	dma_addr_t address;
	struct nic_buffers buffers;
};

struct nic_rx {
	struct nic_ring ring;
	unsigned int next;	/* the next one that the card will fill */
	unsigned int emptied;	/* since the tail was written */
	bool spanning;		/* amid a frame of several descriptors */
	struct u64_stats_sync sync;	/* the counts; written by NAPI */
	u64 frames;
	u64 bytes;
	u64 errors;		/* the card found an error */
	u64 length_errors;	/* not in one buffer, or cannot be */
	u64 no_memory;
};

struct nic_tx {
	struct nic_ring ring;
	unsigned int next;	/* written by who sends */
	unsigned int sent;	/* the same, after whole frames */
	unsigned int oldest;	/* not yet done; written by NAPI */
	bool live;		/* the card runs */
	u32 context;		/* of checksums, that the card knows */
	u16 length[NIC_DESCRIPTORS];	/* of what ends there, or 0 */
	struct u64_stats_sync sync;	/* written by NAPI */
	u64 frames;
	u64 bytes;
	struct u64_stats_sync drop_sync;	/* written by who sends */
	u64 dropped;
};

/* What is made and freed together. */
struct nic_queue {
	struct nic *nic;
	u32 id;			/* RTNL: of ndshm's; 0: not made */
	struct completion freed;	/* ndshm has let go of it */
	struct napi_struct napi;
	struct nic_rx rx;
	struct nic_tx tx;
	bool revoked;		/* nic->lock: its memory has gone */
};

#define NIC_COUNTERS	18

struct nic {
	struct net_device *netdev;
	struct pci_dev *pdev;
	void __iomem *bar;
	struct ndshm_adapter *adapter;
	int irq;
	bool msi;
	struct mutex lock;	/* whether the card runs */
	bool up;		/* lock */
	bool receiving;		/* address lock: RCTL may be written */
	u64 counter[NIC_COUNTERS];	/* lock */
	unsigned int pauses;	/* RTNL: reasons to wait, all of which end */
	struct work_struct link_work;
	struct work_struct restart_work;
	struct nic_queue queue;	/* there is no other yet */
};

/* RTNL and nic->lock: it is made, and has its memory. */
static inline bool nic_queue_usable(const struct nic_queue *queue)
{
	return queue->id && !queue->revoked;
}

static inline u32 nic_read(struct nic *nic, unsigned int offset)
{
	return readl(nic->bar + offset);
}

/* What was written to memory before is seen by the card first. */
static inline void nic_write(struct nic *nic, unsigned int offset, u32 value)
{
	writel(value, nic->bar + offset);
}

/* The longest frame there may be, with a VLAN tag and without its CRC. */
unsigned int nic_frame_max(const struct net_device *netdev);

/* netdev.c: start and stop the card, with nic->lock held. */
extern const struct net_device_ops nic_netdev_ops;
int nic_up(struct nic *nic);
void nic_down(struct nic *nic);

/* power.c: what happens to the machine, or to the function as a whole. */
extern const struct dev_pm_ops nic_pm_ops;
extern const struct pci_error_handlers nic_error_handlers;
void nic_shutdown(struct pci_dev *pdev);
void nic_restart_work(struct work_struct *work);

/* card.c. May sleep. */
int nic_wait(struct nic *nic, unsigned int offset, u32 mask, u32 value,
	     unsigned int milliseconds);
int nic_card_quiet(struct nic *nic);
void nic_card_address(struct nic *nic, unsigned int entry, const u8 *address);
void nic_card_own_address(struct nic *nic, u8 *address);

/* link.c. May sleep. */
struct nic_link {
	bool up;
	bool full_duplex;
	unsigned int speed;
};

int nic_link_take_phy(struct nic *nic);
void nic_link_give_phy(struct nic *nic);
int nic_link_start(struct nic *nic);
int nic_link_renegotiate(struct nic *nic);
struct nic_link nic_link_state(struct nic *nic);
void nic_link_work(struct work_struct *work);

/* filter.c: what is received. */
void nic_filter_start(struct nic *nic);
void nic_filter_stop(struct nic *nic);
void nic_set_rx_mode(struct net_device *netdev);

/* irq.c. */
int nic_irq_start(struct nic *nic);
void nic_irq_stop(struct nic *nic);
void nic_irq_enable(struct nic *nic);
int nic_poll(struct napi_struct *napi, int budget);

/* queue.c: may sleep. Made and freed while the card is stopped. */
int nic_queue_make(struct nic *nic);
void nic_queue_run(struct nic *nic);
void nic_queue_pause(struct nic *nic);
void nic_queue_free(struct nic *nic);

/* memory.c: rings and buffers in blocks. May sleep. */
int nic_ring_make(struct nic_queue *queue, struct nic_ring *ring, u32 usage,
		  u32 buffer_size);
void nic_ring_free(struct nic_ring *ring);
void nic_buffer_sync(const struct nic_buffers *buffers,
		     const struct nic_buffer *buffer, u32 direction,
		     u32 length);

/* rx.c and tx.c: write the ring to the card; with the card started. */
extern const struct nic_buffer_size {
	u32 size;
	u32 rctl;
} nic_buffer_sizes[];
const struct nic_buffer_size *nic_buffer_size(const struct net_device *netdev);
void nic_rx_start(struct nic *nic);
void nic_rx_give(struct nic *nic);
int nic_rx_poll(struct nic_queue *queue, int budget);
void nic_tx_start(struct nic *nic);
void nic_tx_stop(struct nic *nic);
void nic_tx_clean(struct nic_queue *queue);
netdev_tx_t nic_xmit(struct sk_buff *skb, struct net_device *netdev);

/* statistics.c: the counters of the card, with nic->lock held. */
const char *nic_counter_name(unsigned int i);
void nic_counters_collect(struct nic *nic);

/* ethtool.c. */
extern const struct ethtool_ops nic_ethtool_ops;

#endif /* _NIC_NIC_H */
