/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Driver for the Intel 82574 network card. Its rings and packet buffers are blocks of
 * ndshm.
 *
 * Locks: RTNL serialises user requests. nic->lock is taken inside RTNL and protects
 * whether the card runs; a revocation stops the card with nic->lock but without RTNL. The
 * device's address lock protects RCTL, and the transmit queue's lock protects tx->live;
 * both nest inside nic->lock, and so do ndshm's locks for queue states. No block may be
 * freed with nic->lock held: ndshm_free() waits for the revocation callback, which takes
 * it.
 *
 * Lifetime: nic_queues_make() must precede the start of the card. nic_queues_free() is
 * called after the card is stopped, without nic->lock: it waits for another thread to
 * free the blocks.
 */
#ifndef _NIC_NIC_H
#define _NIC_NIC_H

#include <linux/completion.h>
#include <linux/if_vlan.h>
#include <linux/io.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/sizes.h>
#include <linux/skbuff.h>
#include <linux/u64_stats_sync.h>
#include <linux/workqueue.h>

#include <ndshm/request.h>

struct folio;
struct ndshm_adapter;
struct nic;
struct pci_dev;
struct pci_saved_state;

#define NIC_QUEUES	2	/* receive queues; only one without MSI-X */
#define NIC_DESCRIPTORS	256	/* of a ring, unless the user sets another number */
#define NIC_DESCRIPTORS_LEAST	64
#define NIC_DESCRIPTORS_MOST	1024
#define NIC_DESCRIPTORS_STEP	32	/* a multiple of 8 [7.1.8], and whole blocks of buffers */
#define NIC_GROWTH	16	/* requests for buffers in flight */
#define NIC_INTERVAL	50	/* between interrupts, in microseconds, unless the user sets one */
#define NIC_MTU_MAX	9000
#define NIC_TX_BUFFER_SIZE	2048	/* a frame may need several */

/* A block, or a part of it. */
struct nic_buffer {
	void *memory;
	dma_addr_t address;
	struct ndshm_block *block;
	u32 offset;
	bool needs_sync;
};

/* A ring of descriptors; always coherent memory. */
struct nic_ring {
	struct ndshm_block *block;
	void *descriptors;
	dma_addr_t address;
	unsigned int count;
};

static inline unsigned int nic_ring_after(const struct nic_ring *ring, unsigned int i)
{
	return i + 1 < ring->count ? i + 1 : 0;
}

static inline unsigned int nic_ring_before(const struct nic_ring *ring, unsigned int i)
{
	return (i ?: ring->count) - 1;
}

/* What the driver knows of a transmit descriptor. */
struct nic_tx_slot {
	struct sk_buff *skb;	/* mapped, and ends here; or NULL */
	dma_addr_t address;	/* of the mapping that begins here */
	u32 mapped;		/* its length, or 0 */
	u32 bytes;		/* sent for the frame that ends here, or 0 */
	u32 segments;		/* of that frame */
};

/* Transmit buffers: one for each descriptor, several in a block. */
struct nic_tx_buffers {
	struct nic_buffer *buffer;
	struct nic_tx_slot *slot;
	struct ndshm_block **block;
	unsigned int blocks;
};

/*
 * A receive buffer. It is a whole block, because references to a folio are not counted for its
 * parts.
 */
struct nic_rx_buffer {
	struct nic_buffer part;
	struct folio *folio;	/* holds a reference; NULL: frames are copied */
	union {
		struct list_head link;	/* in idle or lent */
		struct llist_node grown;
	};
};

/* A request for another receive buffer, or room for one. */
struct nic_growth {
	struct ndshm_request request;
	struct ndshm_segment segment;
	struct ndshm_segment_list list;
	struct nic_rx_buffers *buffers;
	bool in_flight;		/* set by NAPI; cleared by the completion */
};

/* Receive buffers. While the card runs, only NAPI accesses them, but for the last members. */
struct nic_rx_buffers {
	u32 size;
	struct nic_rx_buffer **slot;	/* one for each descriptor: given to the card */
	unsigned int slots;
	struct list_head idle;
	unsigned int idle_count;	/* length of idle */
	struct list_head lent;	/* referenced by skbs when they were last checked */
	struct ndshm_requests requests;
	struct nic_growth growth[NIC_GROWTH];
	atomic_t count;		/* of all buffers, with those requested */
	struct llist_head grown;	/* from completions to NAPI */
	unsigned long retry;	/* no request before this time, in jiffies */
};

struct nic_rx {
	struct nic_ring ring;
	struct nic_rx_buffers buffers;
	unsigned int next;	/* descriptor that the card fills next */
	unsigned int emptied;	/* descriptors emptied since the last write of the tail */
	bool spanning;		/* in a frame of several descriptors */
	struct u64_stats_sync sync;	/* protects the counters; written by NAPI */
	u64 frames;
	u64 bytes;
	u64 errors;		/* errors reported by the card */
	u64 length_errors;	/* longer than a buffer, or too short */
	u64 no_memory;
	u64 lent;		/* frames passed on in their buffers */
	u64 copied;		/* frames copied for lack of idle buffers */
};

struct nic_tx {
	struct nic_ring ring;
	struct nic_tx_buffers buffers;
	unsigned int next;	/* written by nic_xmit() */
	unsigned int sent;	/* end of the last whole frame; written by nic_xmit() */
	unsigned int oldest;	/* first unfinished descriptor; written by NAPI */
	bool live;		/* the card runs; protected by the transmit queue's lock */
	u32 context;		/* last checksum context that the card was given */
	u32 copybreak;		/* frames up to this length are copied */
	struct u64_stats_sync sync;	/* written by NAPI */
	u64 frames;
	u64 bytes;
	struct u64_stats_sync xmit_sync;	/* written by nic_xmit(), or while stopped */
	u64 dropped;
	u64 mapped;		/* frames that were not copied */
};

/*
 * A receive queue, and memory that is allocated and freed with it. The transmit ring has the
 * queue ID of queue 0.
 */
struct nic_queue {
	struct nic *nic;
	unsigned int index;
	u32 id;			/* ID of ndshm's queue, or 0; protected by RTNL */
	struct completion freed;	/* ndshm has freed the queue */
	struct napi_struct napi;
	u32 causes;		/* causes of interrupts that NAPI handles */
	char irq_name[IFNAMSIZ + 4];
	struct nic_rx rx;
	bool revoked;		/* a block was revoked; protected by nic->lock */
};

/* Settings that determine the rings and buffers. */
struct nic_config {
	int mtu;
	unsigned int rx_descriptors;
	unsigned int tx_descriptors;
};

/* The user's settings of the link. */
struct nic_link_settings {
	bool negotiate;
	unsigned int modes;	/* bits of the modes to offer; see link.c */
	unsigned int speed;	/* without negotiation */
	bool full_duplex;
};

#define NIC_COUNTERS	19

struct nic {
	struct net_device *netdev;
	struct pci_dev *pdev;
	void __iomem *bar;
	struct ndshm_adapter *adapter;
	bool msix;		/* a vector for each queue, and one for the link */
	bool msi;
	struct mutex lock;	/* protects whether the card runs */
	bool up;		/* protected by lock */
	bool receiving;		/* RCTL may be written; protected by the address lock */
	u64 counter[NIC_COUNTERS];	/* protected by lock */
	unsigned int pauses;	/* number of nested pauses; protected by RTNL */
	bool recovering;	/* one of the pauses is of error recovery; by the device lock */
	struct pci_saved_state *initial;	/* configuration space after probe */
	unsigned int rx_descriptors;	/* of each queue; protected by RTNL */
	unsigned int tx_descriptors;	/* protected by RTNL */
	unsigned int interval;	/* between interrupts, in microseconds; protected by lock */
	struct nic_link_settings link;	/* protected by lock */
	struct work_struct link_work;
	struct work_struct restart_work;
	struct nic_tx tx;
	unsigned int queues;	/* 1 or NIC_QUEUES; fixed by probe */
	struct nic_queue queue[NIC_QUEUES];
};

static inline struct nic_queue *nic_queues_end(struct nic *nic)
{
	return nic->queue + nic->queues;
}

static inline u32 nic_read(struct nic *nic, unsigned int offset)
{
	return readl(nic->bar + offset);
}

/* writel() orders earlier writes to memory before the register write. */
static inline void nic_write(struct nic *nic, unsigned int offset, u32 value)
{
	writel(value, nic->bar + offset);
}

/* Longest frame, with a VLAN tag and without CRC. */
unsigned int nic_frame_max(const struct net_device *netdev);

/* netdev.c: start and stop the card. Called with nic->lock held. */
extern const struct net_device_ops nic_netdev_ops;
int nic_up(struct nic *nic);
void nic_down(struct nic *nic);
int nic_reconfigure(struct net_device *netdev, const struct nic_config *config);

/* power.c: suspend, function reset, error recovery, shutdown, restart. */
extern const struct dev_pm_ops nic_pm_ops;
extern const struct pci_error_handlers nic_error_handlers;
void nic_shutdown(struct pci_dev *pdev);
void nic_restart_work(struct work_struct *work);

/* card.c: may sleep. */
int nic_wait(struct nic *nic, unsigned int offset, u32 mask, u32 value,
	     unsigned int milliseconds);
int nic_card_quiesce(struct nic *nic);
void nic_card_address(struct nic *nic, unsigned int entry, const u8 *address);
void nic_card_own_address(struct nic *nic, u8 *address);
void nic_card_set_vlan(struct nic *nic, netdev_features_t features);

/* link.c: may sleep. */
struct nic_link {
	bool up;
	bool full_duplex;
	unsigned int speed;
};

int nic_link_take_phy(struct nic *nic);
void nic_link_give_phy(struct nic *nic);
#define NIC_LINK_MODES	5
#define NIC_LINK_ALL	GENMASK(NIC_LINK_MODES - 1, 0)

int nic_link_mode(unsigned int i);	/* ETHTOOL_LINK_MODE_* of bit @i */
int nic_link_start(struct nic *nic);
int nic_link_renegotiate(struct nic *nic);
int nic_link_settings(struct nic *nic, struct nic_link_settings *settings);
struct nic_link nic_link_state(struct nic *nic);
void nic_link_work(struct work_struct *work);

/* filter.c: receive filters. */
void nic_filter_start(struct nic *nic);
void nic_filter_stop(struct nic *nic);
void nic_set_rx_mode(struct net_device *netdev);

/* irq.c. */
void nic_irq_setup(struct nic *nic);
int nic_irq_start(struct nic *nic);
void nic_irq_stop(struct nic *nic);
void nic_irq_enable(struct nic *nic);
void nic_irq_set_interval(struct nic *nic);

/* queue.c: may sleep. Called while the card is stopped, except run and pause. */
bool nic_queues_usable(struct nic *nic);
int nic_queues_make(struct nic *nic);
void nic_queues_run(struct nic *nic);
void nic_queues_pause(struct nic *nic);
void nic_queues_free(struct nic *nic);

/* memory.c: blocks, rings and transmit buffers. Allocation and free may sleep. */
int nic_ring_alloc(struct nic_queue *queue, struct nic_ring *ring, unsigned int count);
void nic_ring_free(struct nic_ring *ring);
void nic_parameters(struct nic_queue *queue, u32 usage, size_t length,
		    struct ndshm_segment_list *list, struct ndshm_parameters *parameters);
int nic_buffer_init(struct nic_buffer *buffer, struct ndshm_block *block,
		    const struct ndshm_parameters *parameters);
int nic_buffer_alloc(struct nic_queue *queue, u32 usage, size_t length,
		     struct nic_buffer *buffer);
void nic_buffer_sync(const struct nic_buffer *buffer, u32 direction, u32 length);
int nic_tx_buffers_alloc(struct nic_queue *queue, struct nic_tx_buffers *buffers,
			 unsigned int count);
void nic_tx_buffers_free(struct nic_tx_buffers *buffers);

/* buffer.c: receive buffers. Allocation and free may sleep; the rest is called by NAPI. */
int nic_rx_buffers_alloc(struct nic_queue *queue, unsigned int slots, u32 size);
void nic_rx_buffers_free(struct nic_rx_buffers *buffers);
void nic_rx_buffers_stop(struct nic_rx_buffers *buffers);
struct nic_rx_buffer *nic_rx_buffers_take(struct nic_queue *queue);
void nic_rx_buffers_put(struct nic_rx_buffers *buffers, struct nic_rx_buffer *buffer);
void nic_rx_buffers_lend(struct nic_rx_buffers *buffers, struct nic_rx_buffer *buffer,
			 struct sk_buff *skb, u32 offset, u32 length);

/* rx.c and tx.c: rings. nic_rx_start() must precede the start of the card. */
extern const struct nic_buffer_size {
	u32 size;
	u32 rctl;
} nic_buffer_sizes[];
const struct nic_buffer_size *nic_buffer_size(const struct net_device *netdev);
void nic_rx_start(struct nic *nic);
void nic_rx_give(struct nic_queue *queue);
int nic_rx_poll(struct nic_queue *queue, int budget);
void nic_tx_start(struct nic *nic);
void nic_tx_stop(struct nic *nic);
void nic_tx_drop_unsent(struct nic *nic);
void nic_tx_clean(struct nic *nic, int budget);
netdev_tx_t nic_xmit(struct sk_buff *skb, struct net_device *netdev);

/* frame.c: descriptors of a frame to send. */
#define NIC_FRAME_COPY_ALL	SZ_128K	/* no frame is longer */
#define NIC_FRAME_PART		SZ_4K	/* most bytes of a descriptor */
#define NIC_FRAME_HEADERS	240	/* of a frame that the card cuts into segments */
#define NIC_FRAME_MAX		(SZ_64K + NIC_FRAME_HEADERS)
#define NIC_FRAME_COPIED	DIV_ROUND_UP(NIC_FRAME_MAX, NIC_TX_BUFFER_SIZE)
#define NIC_FRAME_MAPPED	(MAX_SKB_FRAGS + 1 + NIC_FRAME_MAX / NIC_FRAME_PART)
#define NIC_CONTEXT_NONE	0
/* Most descriptors of a frame, with a context; a copied frame has no more. */
#define NIC_FRAME_DESCRIPTORS	(1 + NIC_FRAME_MAPPED)

u32 nic_frame_copybreak(const struct nic *nic);
netdev_features_t nic_frame_features(struct sk_buff *skb, struct net_device *netdev,
				     netdev_features_t features);
u32 nic_frame_length(const struct sk_buff *skb);
int nic_frame_put(struct nic *nic, struct sk_buff *skb);
bool nic_frame_is_done(const struct nic_tx *tx, unsigned int last);
void nic_frame_unmap(struct nic *nic, unsigned int i);

/* statistics.c: the card's counters. Called with nic->lock held. */
const char *nic_counter_name(unsigned int i);
void nic_counters_collect(struct nic *nic);

/* ethtool.c. */
extern const struct ethtool_ops nic_ethtool_ops;

#endif /* _NIC_NIC_H */
