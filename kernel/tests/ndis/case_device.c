// SPDX-License-Identifier: GPL-2.0
/*
 * DMA by a device behind an IOMMU, whose addresses are not physical: edu.
 */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/random.h>
#include <linux/string.h>

#include "cases.h"

#define IDENTITY	0x00	/* 0xed in the low byte */

#define BYTES		64	/* of a transfer */
#define MEMORY_BYTES	(4 * PAGE_SIZE - 8)

/**
 * struct edu - The device, whose driver owns all of it
 * @pdev: the function that the driver is bound to
 * @registers: its BAR
 * @copy: memory that it writes to
 * @address: DMA address of @copy
 * @handle: of the adapter
 */
static struct edu {
	struct pci_dev *pdev;
	void __iomem *registers;
	u8 *copy;
	dma_addr_t address;
	NDIS_HANDLE handle;
} edu;

static struct iommu_domain *domain_of(struct pci_dev *pdev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(&pdev->dev);

	return domain && domain->type & __IOMMU_DOMAIN_DMA_API ? domain : NULL;
}

/* Take one function. Without an IOMMU the device reaches the lowest 256 MiB only. */
static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret;

	if (!domain_of(pdev) || edu.pdev)
		return -ENODEV;
	ret = pcim_enable_device(pdev);
	if (!ret)
		ret = dma_set_mask_and_coherent(&pdev->dev, EDU_MASK);
	if (ret)
		return ret;
	edu.registers = pcim_iomap(pdev, 0, 0);
	edu.copy = dmam_alloc_coherent(&pdev->dev, PAGE_SIZE, &edu.address, GFP_KERNEL);
	if (!edu.registers || !edu.copy)
		return -ENOMEM;
	pci_set_master(pdev);
	edu.pdev = pdev;
	return 0;
}

static void edu_remove(struct pci_dev *pdev)
{
	pci_clear_master(pdev);
	/* As enumeration has left them. */
	WARN_ON(dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32)));
}

static const struct pci_device_id edu_ids[] = {
	{ EDU_DEVICE },
	{ }
};

/*
 * DMA needs a driver: some architectures have DMA calls through an IOMMU only while a device is
 * bound. Functions of other drivers are left to them.
 */
static struct pci_driver edu_driver = {
	.name = "ndshm-ndis-edu",
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
};

/* The device finds the contents of @memory at @address, and can write there. */
static bool edu_reads(u64 address, void *memory)
{
	memset(edu.copy, 0, BYTES);
	CHECK(address + BYTES - 1 <= EDU_MASK);
	CHECK(edu_copy(edu.registers, address, EDU_BUFFER, BYTES, EDU_TO_BUFFER));
	CHECK(edu_copy(edu.registers, EDU_BUFFER, edu.address, BYTES, EDU_TO_MEMORY));
	CHECK(!memcmp(edu.copy, memory, BYTES));
	memset(memory, 0, BYTES);
	CHECK(edu_copy(edu.registers, EDU_BUFFER, address, BYTES, EDU_TO_MEMORY));
	CHECK(!memcmp(edu.copy, memory, BYTES));
	return true;
}

/* It does so at the beginning and at the end. */
static bool edu_reads_all(u64 address, void *memory, size_t length)
{
	return edu_reads(address, memory) &&
	       edu_reads(address + length - BYTES, memory + length - BYTES);
}

/* The elements of a list that is in no order of addresses; no mapping is left at the free. */
static bool blocks(struct bench *bench)
{
	struct script *script = &bench->script;
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	NDIS_HANDLE allocation;
	bool reads = true;
	u8 *memory;
	ULONG i;

	CHECK_STATUS(SUCCESS, script_register(edu.handle, script));
	script->elements = 3;
	script->lengths[0] = PAGE_SIZE;
	script->lengths[1] = 2 * PAGE_SIZE;
	script->lengths[2] = PAGE_SIZE - 8;
	script->backwards = true;
	p.Length = MEMORY_BYTES;
	CHECK(allocates(bench, edu.handle, &p, &allocation));
	memory = script->memory;
	get_random_bytes(memory, 4 * PAGE_SIZE);
	memory += 4 * PAGE_SIZE;
	for (i = 0; i < bench->list->NumberOfElements && reads; i++) {
		memory -= ROUND_TO_PAGES(script->lengths[i]);
		reads = edu_reads_all(bench->list->Elements[i].Address.QuadPart, memory,
				      bench->list->Elements[i].Length);
	}
	script->domain = domain_of(edu.pdev);
	script->iova = bench->list->Elements[0].Address.QuadPart;
	reads = reads && iommu_iova_to_phys(script->domain, script->iova);
	NdisFreeSharedMemory(edu.handle, allocation);
	script->domain = NULL;
	CHECK(reads && i == 3);
	CHECK(script->freed == script->allocated && !script->translated);
	return true;
}

/* A page that is twice in a list has two DMA addresses, so that only its physical one shows it. */
static bool overlap(struct bench *bench, ULONG bytes)
{
	struct script *script = &bench->script;
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	unsigned int before = script->freed;

	script->elements = 2;
	script->lengths[0] = PAGE_SIZE;
	script->lengths[1] = bytes;
	script->backwards = false;
	script->overlap = true;
	p.Length = PAGE_SIZE + bytes;
	CHECK(refused(bench, edu.handle, &p, NDIS_STATUS_FAILURE));
	CHECK(script->freed == before + 1);
	return true;
}

static bool device_reads(struct bench *bench)
{
	CHECK((readl(edu.registers + IDENTITY) & 0xff) == 0xed);
	CHECK(!ndshm_ndis_open(THIS_MODULE, "ndis-edu", &edu.pdev->dev, &edu.handle));
	return blocks(bench) && overlap(bench, PAGE_SIZE) && overlap(bench, 1);
}

bool ndis_device(struct bench *bench)
{
	bool passed = true;
	int ret = 0;

	edu = (struct edu){};
	CHECK(!pci_register_driver(&edu_driver));
	if (edu.pdev)
		passed = device_reads(bench);
	else
		bench->skipped = true;
	if (edu.handle)
		ret = ndshm_ndis_close(edu.handle);
	pci_unregister_driver(&edu_driver);
	CHECK(!ret);
	return passed;
}
