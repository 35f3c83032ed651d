// SPDX-License-Identifier: GPL-2.0
/*
 * The virtual port of a function, and its blocks: created when the interface is opened,
 * and deleted when it is closed. ndshm accounts the blocks to the port and orders their
 * release.
 *
 * The memory may be revoked at any time with its provider. The function is then stopped
 * until the interface is set down and up.
 */
#include <linux/bug.h>
#include <linux/rtnetlink.h>

#include <linux/ndshm.h>
#include <ndshm/block.h>
#include <ndshm/queue.h>

#include "regs.h"
#include "vf.h"

#define RING_LENGTH	(VF_DESCRIPTORS * sizeof(struct vf_rx_descriptor))

static_assert(sizeof(struct vf_rx_descriptor) == sizeof(struct vf_tx_descriptor));

/* Must not take RTNL: a thread that frees a block under RTNL waits for this callback. */
static void vf_revoke_cb(void *context, struct ndshm_block *block)
{
	struct vf *vf = context;

	mutex_lock(&vf->lock);
	vf->revoked = true;
	vf_down(vf);
	mutex_unlock(&vf->lock);
}

/* The function is stopped: no descriptor is in use. */
static void vf_port_free_blocks(void *context, u32 id)
{
	struct vf *vf = context;

	while (vf->blocks)
		ndshm_free(vf->block[--vf->blocks]);
}

static void vf_port_freed(void *context, u32 id)
{
	struct vf *vf = context;

	complete(&vf->port_freed);
}

/* No @stop: no port is left when the adapter is unregistered. */
static const struct ndshm_queue_ops ops = {
	.free_blocks = vf_port_free_blocks,
	.freed = vf_port_freed,
};

/*
 * Allocate a contiguous block. Names the provider of the function, so that no other
 * memory is used if there is none.
 */
static int vf_port_alloc(struct vf *vf, u32 usage, size_t length, struct vf_buffer *buffer)
{
	struct ndshm_segment segment;
	struct ndshm_segment_list list = {
		.capacity = 1, .segments = &segment,
	};
	struct ndshm_parameters parameters = {
		.header = NDSHM_PARAMETERS_HEADER,
		.flags = NDSHM_ALLOC_CONTIGUOUS,
		.preferred_node = NUMA_NO_NODE,
		.usage = usage,
		.tag = NDSHM_TAG('7', '6', 'V', 'F'),
		.length = length,
		.adapter = vf->adapter,
		.provider = vf->memory.provider,
		.revoked = vf_revoke_cb,
		.revoked_context = vf,
		.list = &list,
		.vport_id = vf->port,
	};
	struct ndshm_block *block = ndshm_allocate(&parameters, NULL);

	if (IS_ERR(block))
		return PTR_ERR(block);
	vf->block[vf->blocks++] = block;
	/* The provider's memory is coherent and has a kernel address. */
	*buffer = (struct vf_buffer){
		.memory = parameters.virtual_address,
		.address = segment.address,
		.handle = parameters.shared_memory_handle,
	};
	return 0;
}

static int vf_port_alloc_ring(struct vf *vf, struct vf_ring *ring, u32 usage)
{
	struct vf_buffer block;
	unsigned int i;
	int error;

	error = vf_port_alloc(vf, NDSHM_USAGE_OTHER, RING_LENGTH, &block);
	if (error)
		return error;
	ring->descriptors = block.memory;
	ring->address = block.address;
	for (i = 0; i < VF_DESCRIPTORS; i++) {
		if (i % VF_BLOCK_BUFFERS == 0)
			error = vf_port_alloc(vf, usage, VF_BLOCK_LENGTH, &block);
		if (error)
			return error;
		ring->buffer[i] = block;
		block.memory += VF_BUFFER_SIZE;
		block.address += VF_BUFFER_SIZE;
		block.offset += VF_BUFFER_SIZE;
	}
	return 0;
}

static int vf_port_make_locked(struct vf *vf)
{
	int error;

	if (!vf->memory.provider)
		return -ENODEV;
	vf->revoked = false;
	init_completion(&vf->port_freed);
	error = ndshm_vport_create(vf->adapter, &ops, vf, &vf->port, NULL);
	if (error)
		return error;
	error = ndshm_vport_activate(vf->adapter, vf->port, NULL);
	if (!error)
		error = vf_port_alloc_ring(vf, &vf->rx.ring, NDSHM_USAGE_RECEIVE);
	if (!error)
		error = vf_port_alloc_ring(vf, &vf->tx.ring, NDSHM_USAGE_XMIT);
	if (error)
		vf_port_free(vf);
	return error;
}

/* With memory_lock held the provider stays, and no block is revoked. */
int vf_port_make(struct vf *vf)
{
	int error;

	ASSERT_RTNL();
	mutex_lock(&vf->memory_lock);
	error = vf_port_make_locked(vf);
	mutex_unlock(&vf->memory_lock);
	return error;
}

/* No revocation callback runs after this returns. */
void vf_port_free(struct vf *vf)
{
	ASSERT_RTNL();
	if (!vf->port)
		return;
	WARN_ON(ndshm_vport_delete(vf->adapter, vf->port, NULL));
	/* No packet is in flight, so that this does not wait for other parties. */
	wait_for_completion(&vf->port_freed);
	vf->port = 0;
}
