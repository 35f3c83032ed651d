// SPDX-License-Identifier: GPL-2.0
/*
 * The Linux part of a test driver whose queues are written as for Windows: the device, and, since
 * Linux sends no OID requests, what sends them and receives the packets. The device is a platform
 * device, or edu, which writes packets by DMA.
 *
 * Commands, written to /sys/kernel/debug/ndis-vmq/control, several of which may run at a time:
 *
 *	allocate BUFFERS LOOKAHEAD	create a queue with a filter, and complete it
 *	receive ID COUNT		receive, check and keep packets
 *	return ID			return the packets of a queue
 *	free ID				clear the filter, and free the queue
 */
#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/uaccess.h>

#include "oid.h"
/* Last: see ndis_port.h. */
#include "vmq.h"

static bool pci;
module_param(pci, bool, 0444);
MODULE_PARM_DESC(pci, "Use edu, in place of a platform device");

static VMQ_ADAPTER adapter;
static void __iomem *registers;
static struct dentry *directory;
static bool failed;

/* What edu reads a packet from. */
static PVOID staging;
static NDIS_PHYSICAL_ADDRESS staging_address;
static DECLARE_COMPLETION(staging_done);

/* Packets that were received and not returned. */
static LIST_ENTRY packets;
static DEFINE_MUTEX(packets_lock);

/*
 * The card
 */

static VOID write_by_device(PVMQ_ADAPTER Adapter, PVMQ_BUFFER Buffer, const UCHAR *Data,
			    ULONG Length)
{
	if (!Length)
		return;
	memcpy(staging, Data, Length);
	if (!edu_copy(registers, staging_address.LowPart, EDU_BUFFER, Length, EDU_TO_BUFFER) ||
	    !edu_copy(registers, EDU_BUFFER, Buffer->DeviceAddress.LowPart, Length, EDU_TO_MEMORY))
		failed = true;
}

static VOID write_by_processor(PVMQ_ADAPTER Adapter, PVMQ_BUFFER Buffer, const UCHAR *Data,
			       ULONG Length)
{
	memcpy(Buffer->Address, Data, Length);
}

/*
 * The receiver
 */

static u8 pattern(u32 queue, u32 offset)
{
	return queue * 31 + offset + (offset >> 8);
}

/* Compare a packet with what was sent: each part has the bytes that follow those of the last. */
static bool packet_valid(PMP_PACKET packet, u32 queue)
{
	PNET_BUFFER_SHARED_MEMORY part;
	u32 offset = 0, i;

	for (part = NET_BUFFER_FIRST_SHARED_MEM_INFO(packet); part;
	     part = NET_BUFFER_SHARED_MEM_NEXT_SEGMENT(part)) {
		const UCHAR *bytes = CONTAINING_RECORD(part, VMQ_BUFFER, Shared)->Address;

		if (!NET_BUFFER_SHARED_MEM_HANDLE(part))
			return false;
		for (i = 0; i < NET_BUFFER_SHARED_MEM_LENGTH(part); i++, offset++)
			if (bytes[i] != pattern(queue, offset))
				return false;
	}
	return offset == packet->DataLength && NET_BUFFER_LIST_RECEIVE_QUEUE_ID(packet) == queue;
}

static VOID indicate(PVMQ_ADAPTER Adapter, PMP_PACKET packet)
{
	mutex_lock(&packets_lock);
	InsertTailList(&packets, &packet->Link);
	mutex_unlock(&packets_lock);
}

/* Remove and return a packet of a queue, or NULL. */
static PMP_PACKET take_packet(u32 queue)
{
	PMP_PACKET packet, found = NULL;
	PLIST_ENTRY entry;

	mutex_lock(&packets_lock);
	for (entry = packets.Flink; entry != &packets && !found; entry = entry->Flink) {
		packet = CONTAINING_RECORD(entry, MP_PACKET, Link);
		if (NET_BUFFER_LIST_RECEIVE_QUEUE_ID(packet) == queue)
			found = packet;
	}
	if (found)
		RemoveEntryList(&found->Link);
	mutex_unlock(&packets_lock);
	return found;
}

/*
 * The overlying driver
 */

/* Clear the filter, and free the queue. */
static int free_queue(u32 id)
{
	unsigned int i;

	for (i = 0; i < VMQ_QUEUES; i++)
		if (adapter.Queues[i] && adapter.Queues[i]->Info.QueueId == id)
			return oid_clear_filter(id, adapter.Queues[i]->FilterId) ||
			       oid_free_queue(id) ? -EIO : 0;
	return -ENOENT;
}

static int allocate_queue(u32 buffers, u32 lookahead)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS *p;
	NDIS_STATUS status;
	u32 id, filter;

	p = kzalloc(sizeof(*p), GFP_KERNEL);
	if (!p)
		return -ENOMEM;
	p->Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
	p->Header.Revision = NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_1;
	p->Header.Size = NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1;
	if (lookahead)
		p->Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED;
	p->QueueType = NdisReceiveQueueTypeVMQueue;
	p->ProcessorAffinity.Mask = 1;
	p->NumSuggestedReceiveBuffers = buffers;
	p->LookaheadSize = lookahead;
	oid_set_name(&p->QueueName, "vmq of strangers");
	oid_set_name(&p->VmName, "guest");
	status = oid_method(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, p,
			    NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1);
	id = p->QueueId;
	kfree(p);
	if (status != NDIS_STATUS_SUCCESS)
		return -EIO;
	if (oid_set_filter(id, &filter) != NDIS_STATUS_SUCCESS) {
		oid_free_queue(id);
		return -EIO;
	}
	if (oid_finish(id) == NDIS_STATUS_SUCCESS)
		return 0;
	free_queue(id);
	return -ENOMEM;
}

static int receive(u32 queue, u32 count)
{
	UCHAR *bytes = kmalloc(VMQ_BUFFER_BYTES, GFP_KERNEL);
	NDIS_STATUS status = NDIS_STATUS_SUCCESS;
	u32 i;

	if (!bytes)
		return -ENOMEM;
	for (i = 0; i < VMQ_BUFFER_BYTES; i++)
		bytes[i] = pattern(queue, i);
	/* The first packet is the shortest, and the others grow to the largest one. */
	for (i = 0; i < count && status == NDIS_STATUS_SUCCESS; i++)
		status = VmqReceive(&adapter, queue, bytes,
				    min_t(u32, 60 + i * 331, VMQ_BUFFER_BYTES));
	kfree(bytes);
	return status == NDIS_STATUS_SUCCESS ? 0 : -ENOBUFS;
}

/* Return: 0, or -EBADMSG if a packet was not what was sent. */
static int return_packets(u32 queue)
{
	PMP_PACKET packet;
	int ret = 0;

	while ((packet = take_packet(queue))) {
		if (!packet_valid(packet, queue) || failed)
			ret = -EBADMSG;
		VmqReturnPacket(&adapter, packet);
	}
	return ret;
}

/*
 * Commands
 */

static int carry_out(const char *command)
{
	u32 first, second;

	if (sscanf(command, "allocate %u %u", &first, &second) == 2)
		return allocate_queue(first, second);
	if (sscanf(command, "receive %u %u", &first, &second) == 2)
		return receive(first, second);
	if (sscanf(command, "return %u", &first) == 1)
		return return_packets(first);
	if (sscanf(command, "free %u", &first) == 1)
		return free_queue(first);
	return -EINVAL;
}

static ssize_t control_write(struct file *file, const char __user *from, size_t size,
			     loff_t *offset)
{
	char command[64];
	int ret;

	if (size >= sizeof(command))
		return -EINVAL;
	if (copy_from_user(command, from, size))
		return -EFAULT;
	command[size] = '\0';
	ret = carry_out(command);
	return ret ?: (ssize_t)size;
}

static const struct file_operations control_ops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = control_write,
};

/*
 * The device
 */

static void close_adapter(void)
{
	WARN_ON(ndshm_ndis_close(adapter.MiniportAdapterHandle));
	adapter.MiniportAdapterHandle = NULL;
}

_Use_decl_annotations_
static VOID staging_complete(NDIS_HANDLE MiniportAdapterContext, PVOID VirtualAddress,
			     PNDIS_PHYSICAL_ADDRESS PhysicalAddress, ULONG Length, PVOID Context)
{
	staging = VirtualAddress;
	if (VirtualAddress)
		staging_address = *PhysicalAddress;
	complete(&staging_done);
}

/* Allocate asynchronously, as a driver must that cannot sleep. A completion always follows. */
static int allocate_staging(void)
{
	if (NdisMAllocateSharedMemoryAsyncEx(adapter.DmaHandle, VMQ_BUFFER_BYTES, FALSE, NULL) !=
	    NDIS_STATUS_PENDING)
		return -EIO;
	wait_for_completion(&staging_done);
	return staging ? 0 : -ENOMEM;
}

static void stop(void)
{
	unsigned int i;

	debugfs_remove_recursive(directory);
	for (i = 0; i < VMQ_QUEUES; i++) {
		if (!adapter.Queues[i])
			continue;
		return_packets(adapter.Queues[i]->Info.QueueId);
		free_queue(adapter.Queues[i]->Info.QueueId);
	}
	VmqHalt(&adapter);
	if (staging)
		NdisMFreeSharedMemory(adapter.MiniportAdapterHandle, VMQ_BUFFER_BYTES, FALSE,
				      staging, staging_address);
	close_adapter();
}

static int start(struct device *dev)
{
	int ret;

	InitializeListHead(&packets);
	adapter.Indicate = indicate;
	adapter.HardwareWrite = registers ? write_by_device : write_by_processor;
	adapter.SharedMemComplete = staging_complete;
	ret = ndshm_ndis_open(THIS_MODULE, "ndis-vmq", dev, &adapter.MiniportAdapterHandle);
	if (ret)
		return ret;
	overlying.adapter = adapter.MiniportAdapterHandle;
	overlying.miniport = VmqOidRequest;
	if (VmqInitialize(&adapter) != NDIS_STATUS_SUCCESS) {
		close_adapter();
		return -EIO;
	}
	ret = allocate_staging();
	if (ret) {
		stop();
		return ret;
	}
	directory = debugfs_create_dir("ndis-vmq", NULL);
	debugfs_create_file("control", 0600, directory, NULL, &control_ops);
	return 0;
}

static int vmq_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret;

	if (adapter.MiniportAdapterHandle)
		return -ENODEV;
	ret = pcim_enable_device(pdev);
	if (!ret)
		ret = dma_set_mask_and_coherent(&pdev->dev, EDU_MASK);
	if (ret)
		return ret;
	registers = pcim_iomap(pdev, 0, 0);
	if (!registers)
		return -ENOMEM;
	pci_set_master(pdev);
	ret = start(&pdev->dev);
	if (ret)
		pci_clear_master(pdev);
	return ret;
}

static void vmq_remove(struct pci_dev *pdev)
{
	stop();
	pci_clear_master(pdev);
}

static const struct pci_device_id vmq_ids[] = {
	{ EDU_DEVICE },
	{ }
};

static struct pci_driver vmq_driver = {
	.name = "ndis-vmq",
	.id_table = vmq_ids,
	.probe = vmq_probe,
	.remove = vmq_remove,
};

static struct platform_device *platform;

static int __init vmq_init(void)
{
	int ret;

	if (pci)
		return pci_register_driver(&vmq_driver);
	platform = test_device_add("ndis-vmq");
	if (IS_ERR(platform))
		return PTR_ERR(platform);
	ret = start(&platform->dev);
	if (ret)
		platform_device_unregister(platform);
	return ret;
}
module_init(vmq_init);

static void __exit vmq_exit(void)
{
	if (pci) {
		pci_unregister_driver(&vmq_driver);
		return;
	}
	stop();
	platform_device_unregister(platform);
}
module_exit(vmq_exit);

MODULE_DESCRIPTION("Virtual machine queues with NDIS's names");
MODULE_LICENSE("GPL");
