// SPDX-License-Identifier: GPL-2.0
/*
 * The Linux part of a test driver whose queues are written as for Windows: the device, and, since
 * Linux sends no OID requests, what sends them and receives the packets. The device is a platform
 * device, or edu, QEMU's device for teaching, which writes packets by DMA.
 *
 * Commands, written to /sys/kernel/debug/ndis-vmq/control, which shows the queues when read:
 *
 *	allocate BUFFERS LOOKAHEAD	create a queue with a filter, and complete it
 *	receive ID COUNT		receive, check and keep packets
 *	return ID			return the packets of a queue
 *	free ID				clear the filter, and free the queue
 */
#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "device.h"
#include "vmq.h"

static bool pci;
module_param(pci, bool, 0444);
MODULE_PARM_DESC(pci, "Use edu, in place of a platform device");

/* edu; SPACE is the DMA address of its own memory. */
#define DMA_FROM	0x80
#define DMA_TO		0x88
#define DMA_COUNT	0x90
#define DMA_COMMAND	0x98
#define DMA_RUN		1
#define DMA_TO_MEMORY	2
#define SPACE		0x40000
#define ADDRESS_BITS	28

static VMQ_ADAPTER adapter;
static struct device *device;
static void __iomem *registers;
static struct dentry *directory;
static bool failed;

/* What edu reads a packet from. */
static PVOID staging;
static NDIS_PHYSICAL_ADDRESS staging_address;

/* Packets that were received and not returned. */
static LIST_ENTRY packets;
static DEFINE_MUTEX(packets_lock);

/*
 * The card
 */

static void edu_move(u32 from, u32 to, u32 bytes, u32 direction)
{
	u32 command;

	writel(from, registers + DMA_FROM);
	writel(to, registers + DMA_TO);
	writel(bytes, registers + DMA_COUNT);
	writel(DMA_RUN | direction, registers + DMA_COMMAND);
	if (readl_poll_timeout(registers + DMA_COMMAND, command, !(command & DMA_RUN), 1000,
			       10 * USEC_PER_SEC))
		failed = true;
}

static VOID write_by_device(PVMQ_ADAPTER Adapter, PVMQ_BUFFER Buffer, const UCHAR *Data,
			    ULONG Length)
{
	if (!Length)
		return;
	memcpy(staging, Data, Length);
	edu_move(staging_address.LowPart, SPACE, Length, 0);
	edu_move(SPACE, Buffer->DeviceAddress.LowPart, Length, DMA_TO_MEMORY);
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

static int request(NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, u32 length)
{
	NDIS_OID_REQUEST request = {
		.Header = HEADER(OID_REQUEST, OID_REQUEST, 1),
		.RequestType = type,
	};
	NDIS_STATUS status;

	request.DATA.SET_INFORMATION.Oid = oid;
	request.DATA.SET_INFORMATION.InformationBuffer = buffer;
	if (type == NdisRequestMethod) {
		request.DATA.METHOD_INFORMATION.InputBufferLength = length;
		request.DATA.METHOD_INFORMATION.OutputBufferLength = length;
	} else {
		request.DATA.SET_INFORMATION.InformationBufferLength = length;
	}
	status = ndshm_ndis_oid(adapter.MiniportAdapterHandle, VmqOidRequest, &request);
	return status == NDIS_STATUS_SUCCESS ? 0 : -EIO;
}

static void set_name(IF_COUNTED_STRING *name, const char *text)
{
	for (; *text; text++, name->Length += sizeof(WCHAR))
		name->String[name->Length / sizeof(WCHAR)] = *text;
}

static int free_queue(u32 id)
{
	NDIS_RECEIVE_QUEUE_FREE_PARAMETERS p = {
		.Header = HEADER(DEFAULT, RECEIVE_QUEUE_FREE_PARAMETERS, 1),
		.QueueId = id,
	};

	return request(NdisRequestSetInformation, OID_RECEIVE_FILTER_FREE_QUEUE, &p, sizeof(p));
}

/* A filter of each queue, by the number of its slot. */
static u32 filters[VMQ_QUEUES];

static u32 *filter_of(u32 id)
{
	unsigned int i;

	for (i = 0; i < VMQ_QUEUES; i++)
		if (adapter.Queues[i] && adapter.Queues[i]->Info.QueueId == id)
			return &filters[i];
	return NULL;
}

static int set_filter(u32 id)
{
	NDIS_RECEIVE_FILTER_PARAMETERS p = {
		.Header = HEADER(DEFAULT, RECEIVE_FILTER_PARAMETERS, 1),
		.FilterType = NdisReceiveFilterTypeVMQueue,
		.QueueId = id,
	};
	int ret = request(NdisRequestMethod, OID_RECEIVE_FILTER_SET_FILTER, &p, sizeof(p));

	if (!ret)
		*filter_of(id) = p.FilterId;
	return ret;
}

static int clear_filter(u32 id)
{
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS p = {
		.Header = HEADER(DEFAULT, RECEIVE_FILTER_CLEAR_PARAMETERS, 1),
		.QueueId = id,
	};
	u32 *filter = filter_of(id);

	if (!filter)
		return -ENOENT;
	p.FilterId = *filter;
	return request(NdisRequestSetInformation, OID_RECEIVE_FILTER_CLEAR_FILTER, &p, sizeof(p));
}

/* Return: 0, -EIO if a request fails, -ENOMEM if the queue has no memory. */
static int complete_queue(u32 id)
{
	struct {
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY array;
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS element;
	} p = {
		.array = {
			.Header = HEADER(DEFAULT, RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, 1),
			.FirstElementOffset = sizeof(p.array),
			.NumElements = 1,
			.ElementSize = sizeof(p.element),
		},
		.element = {
			.Header = HEADER(DEFAULT, RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS, 1),
			.QueueId = id,
		},
	};
	int ret = request(NdisRequestMethod, OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, &p,
			  sizeof(p));

	return ret ?: p.element.CompletionStatus == NDIS_STATUS_SUCCESS ? 0 : -ENOMEM;
}

static int allocate_queue(u32 buffers, u32 lookahead)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS *p;
	int ret;
	u32 id;

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
	set_name(&p->QueueName, "vmq of strangers");
	set_name(&p->VmName, "guest");
	ret = request(NdisRequestMethod, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, p,
		      NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1);
	id = p->QueueId;
	kfree(p);
	if (ret)
		return ret;
	ret = set_filter(id);
	if (ret)
		goto err_queue;
	ret = complete_queue(id);
	if (!ret)
		return 0;
	clear_filter(id);
err_queue:
	free_queue(id);
	return ret;
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
		return clear_filter(first) ?: free_queue(first);
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

/* A line for each queue: id, buffers, blocks. */
static int control_show(struct seq_file *file, void *unused)
{
	unsigned int i, blocks;
	PLIST_ENTRY entry;

	for (i = 0; i < VMQ_QUEUES; i++) {
		PVMQ_QUEUE queue = adapter.Queues[i];

		if (!queue)
			continue;
		blocks = 0;
		for (entry = queue->Blocks.Flink; entry != &queue->Blocks; entry = entry->Flink)
			blocks++;
		seq_printf(file, "%u %u %u\n", queue->Info.QueueId, queue->Buffers, blocks);
	}
	return 0;
}

static int control_open(struct inode *inode, struct file *file)
{
	return single_open(file, control_show, NULL);
}

static const struct file_operations control_ops = {
	.owner = THIS_MODULE,
	.open = control_open,
	.read = seq_read,
	.write = control_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/*
 * The device
 */

static void close_adapter(void)
{
	int ret = ndshm_ndis_close(adapter.MiniportAdapterHandle);

	WARN_ON(ret);
}

static int start(struct device *dev)
{
	NDIS_STATUS status;
	int ret;

	InitializeListHead(&packets);
	adapter.Indicate = indicate;
	adapter.HardwareWrite = registers ? write_by_device : write_by_processor;
	ret = ndshm_ndis_open(THIS_MODULE, "ndis-vmq", dev, &adapter.MiniportAdapterHandle);
	if (ret)
		return ret;
	status = VmqInitialize(&adapter);
	if (status != NDIS_STATUS_SUCCESS) {
		close_adapter();
		return -EIO;
	}
	if (registers)
		NdisMAllocateSharedMemory(adapter.MiniportAdapterHandle, VMQ_BUFFER_BYTES, FALSE,
					  &staging, &staging_address);
	if (registers && !staging) {
		VmqHalt(&adapter);
		close_adapter();
		return -ENOMEM;
	}
	device = dev;
	directory = debugfs_create_dir("ndis-vmq", NULL);
	debugfs_create_file("control", 0600, directory, NULL, &control_ops);
	return 0;
}

static void stop(void)
{
	unsigned int i;

	debugfs_remove_recursive(directory);
	for (i = 0; i < VMQ_QUEUES; i++) {
		if (!adapter.Queues[i])
			continue;
		return_packets(adapter.Queues[i]->Info.QueueId);
		clear_filter(adapter.Queues[i]->Info.QueueId);
		free_queue(adapter.Queues[i]->Info.QueueId);
	}
	if (staging)
		NdisMFreeSharedMemory(adapter.MiniportAdapterHandle, VMQ_BUFFER_BYTES, FALSE,
				      staging, staging_address);
	VmqHalt(&adapter);
	close_adapter();
	device = NULL;
}

static int vmq_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret;

	if (device)
		return -ENODEV;
	ret = pcim_enable_device(pdev);
	if (!ret)
		ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(ADDRESS_BITS));
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
	{ PCI_DEVICE(0x1234, 0x11e8) },
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
