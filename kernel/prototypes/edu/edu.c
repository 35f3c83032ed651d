// SPDX-License-Identifier: GPL-2.0
/*
 * A minimal complete driver, for edu, QEMU's device for teaching. Its memory is NDIS
 * shared memory. Probing copies bytes from one half of a block to the other and back
 * through the device, and fails unless they arrive unchanged.
 */
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include <ndshm/ndis.h>

#define ADDRESS_BITS	28	/* width of DMA addresses */

#define IDENTITY	0x00	/* 0xed in the low byte, below a version */
#define IRQ_STATUS	0x24
#define IRQ_ACK		0x64
#define DMA_FROM	0x80
#define DMA_TO		0x88
#define DMA_COUNT	0x90
#define DMA_COMMAND	0x98
#define DMA_RUN		1
#define DMA_TO_MEMORY	2
#define DMA_IRQ		4
#define BUFFER		0x40000	/* DMA address of the device's own memory */

#define BYTES		2048	/* bytes of a transfer: half a block */
#define BLOCK_BYTES	(2 * BYTES)
#define SECONDS		10	/* timeout; a transfer takes a tenth of a second */

typedef struct _EDU {
	struct pci_dev *Device;
	void __iomem *Registers;
	struct completion Moved;
	NDIS_HANDLE Handle;
	NDIS_HANDLE AllocationHandle;
	PUCHAR Block;
	PHYSICAL_ADDRESS BlockAddress;
} EDU, *PEDU;

/* Allocate one contiguous block from the provider that serves the device: one list element. */
static NDIS_STATUS AllocateBlock(PEDU Edu)
{
	ULONG_PTR Room[(sizeof(SCATTER_GATHER_LIST) +
			sizeof(SCATTER_GATHER_ELEMENT)) / sizeof(ULONG_PTR)];
	PSCATTER_GATHER_LIST List = (PSCATTER_GATHER_LIST)Room;
	NDIS_SHARED_MEMORY_PARAMETERS Parameters = {
		.Header = {
			.Type = NDIS_OBJECT_TYPE_DEFAULT,
			.Revision = NDIS_SHARED_MEMORY_PARAMETERS_REVISION_2,
			.Size = NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2,
		},
		.Flags = NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS,
		.PreferredNode = MM_ANY_NODE_OK,
		.Usage = NdisSharedMemoryUsageOther,
		.Length = BLOCK_BYTES,
		.SGListBufferLength = sizeof(Room),
		.SGListBuffer = List,
	};
	NDIS_STATUS Status;

	Status = NdisAllocateSharedMemory(Edu->Handle, &Parameters,
					  &Edu->AllocationHandle);
	if (Status != NDIS_STATUS_SUCCESS)
		return Status;
	Edu->Block = Parameters.VirtualAddress;
	Edu->BlockAddress = List->Elements[0].Address;
	return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS Move(PEDU Edu, ULONG From, ULONG To, ULONG Direction)
{
	reinit_completion(&Edu->Moved);
	writel(From, Edu->Registers + DMA_FROM);
	writel(To, Edu->Registers + DMA_TO);
	writel(BYTES, Edu->Registers + DMA_COUNT);
	writel(DMA_RUN | DMA_IRQ | Direction, Edu->Registers + DMA_COMMAND);
	return wait_for_completion_timeout(&Edu->Moved, SECONDS * HZ) ?
	       NDIS_STATUS_SUCCESS : NDIS_STATUS_DEVICE_FAILED;
}

/* Copy one half of the block to the other through the device, and compare them. */
static NDIS_STATUS Copy(PEDU Edu, ULONG From, ULONG To, UCHAR First)
{
	ULONG Address = NdisGetPhysicalAddressLow(Edu->BlockAddress);
	PUCHAR Source = Edu->Block + From;
	PUCHAR Target = Edu->Block + To;
	NDIS_STATUS Status;
	ULONG i;

	for (i = 0; i < BYTES; i++)
		Source[i] = First + i + (i >> 8);
	NdisZeroMemory(Target, BYTES);
	Status = Move(Edu, Address + From, BUFFER, 0);
	if (Status == NDIS_STATUS_SUCCESS)
		Status = Move(Edu, BUFFER, Address + To, DMA_TO_MEMORY);
	if (Status != NDIS_STATUS_SUCCESS)
		return Status;
	return NdisEqualMemory(Source, Target, BYTES) ?
	       NDIS_STATUS_SUCCESS : NDIS_STATUS_INVALID_DATA;
}

/* Stop DMA, then free the block. Also called after a failed Initialize(). */
static VOID Halt(PEDU Edu)
{
	pci_clear_master(Edu->Device);
	if (Edu->AllocationHandle)
		NdisFreeSharedMemory(Edu->Handle, Edu->AllocationHandle);
}

static NDIS_STATUS Initialize(PEDU Edu)
{
	NDIS_STATUS Status;

	Status = AllocateBlock(Edu);
	if (Status == NDIS_STATUS_SUCCESS) {
		pci_set_master(Edu->Device);
		Status = Copy(Edu, 0, BYTES, 1);
	}
	if (Status == NDIS_STATUS_SUCCESS)
		Status = Copy(Edu, BYTES, 0, 2);
	if (Status != NDIS_STATUS_SUCCESS)
		Halt(Edu);
	return Status;
}

/* The Linux part of the driver: the PCI function, its interrupt, and the handle. */

static irqreturn_t edu_interrupt(int irq, void *context)
{
	PEDU edu = context;
	u32 causes = readl(edu->Registers + IRQ_STATUS);

	/* A device that was pulled out reads as all ones. */
	if (!causes || causes == ~0U)
		return IRQ_NONE;
	writel(causes, edu->Registers + IRQ_ACK);
	complete(&edu->Moved);
	return IRQ_HANDLED;
}

static int edu_enable_function(PEDU edu)
{
	struct pci_dev *pdev = edu->Device;
	int ret;

	ret = pcim_enable_device(pdev);
	if (!ret)
		ret = pcim_iomap_regions(pdev, BIT(0), KBUILD_MODNAME);
	if (!ret)
		ret = dma_set_mask_and_coherent(&pdev->dev,
						DMA_BIT_MASK(ADDRESS_BITS));
	if (ret)
		return ret;
	edu->Registers = pcim_iomap_table(pdev)[0];
	if ((readl(edu->Registers + IDENTITY) & 0xff) != 0xed)
		return -ENODEV;
	/* A previous driver may have left DMA enabled, or an interrupt pending. */
	pci_clear_master(pdev);
	writel(readl(edu->Registers + IRQ_STATUS), edu->Registers + IRQ_ACK);
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_ALL_TYPES);
	return ret < 0 ? ret : 0;
}

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	PEDU edu = devm_kzalloc(&pdev->dev, sizeof(*edu), GFP_KERNEL);
	NDIS_STATUS status;
	int ret;

	if (!edu)
		return -ENOMEM;
	edu->Device = pdev;
	init_completion(&edu->Moved);
	pci_set_drvdata(pdev, edu);
	ret = edu_enable_function(edu);
	if (ret)
		return ret;
	ret = request_irq(pci_irq_vector(pdev, 0), edu_interrupt, IRQF_SHARED,
			  KBUILD_MODNAME, edu);
	if (ret)
		goto err_vectors;
	ret = ndshm_ndis_open(THIS_MODULE, pci_name(pdev), &pdev->dev,
			      &edu->Handle);
	if (ret)
		goto err_irq;
	status = Initialize(edu);
	if (status == NDIS_STATUS_SUCCESS)
		return 0;
	pci_err(pdev, "status %#x\n", status);
	ret = -EIO;
	WARN_ON(ndshm_ndis_close(edu->Handle));
err_irq:
	free_irq(pci_irq_vector(pdev, 0), edu);
err_vectors:
	pci_free_irq_vectors(pdev);
	return ret;
}

/* Free the block first: ndshm_ndis_close() fails while one exists. */
static void edu_remove(struct pci_dev *pdev)
{
	PEDU edu = pci_get_drvdata(pdev);

	Halt(edu);
	/* Cannot fail: no block is left. */
	WARN_ON(ndshm_ndis_close(edu->Handle));
	free_irq(pci_irq_vector(pdev, 0), edu);
	pci_free_irq_vectors(pdev);
}

/* Binds a function only if driver_override in sysfs names this driver. */
static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE_DRIVER_OVERRIDE(0x1234, 0x11e8, true) },
	{ }
};

static struct pci_driver edu_driver = {
	.name = KBUILD_MODNAME,
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
};
module_pci_driver(edu_driver);

MODULE_DESCRIPTION("Prototype of a driver, for QEMU's edu");
MODULE_LICENSE("GPL");
