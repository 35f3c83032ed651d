// SPDX-License-Identifier: GPL-2.0
/*
 * Configuration space of a claimed function: reads, and writes of a few registers.
 *
 * A register is in the list below if no value of its bits reaches another function, the link,
 * memory of others or the kernel's own state. Not in the list, among others: command register
 * (bus mastering, INTx, decoding), latency timer (others of the bus), BARs, power management,
 * MSI and MSI-X (forged interrupts), Max Payload Size (others of the link), Phantom Functions
 * (requester ids of other functions), Initiate FLR (a reset that the kernel does not know of), ATS
 * (addresses that the IOMMU does not translate), AER (the kernel's recovery reads it), vital
 * product data (outlives the claim) and what vendors have defined.
 */
#include <linux/pci.h>

#include <ndshm/adapter.h>
#include <ndshm/status.h>

#include "function.h"

/**
 * struct pci_config_register - a register that a client may write
 * @express: the offset is that in the PCI Express capability
 * @offset: offset, in bytes
 * @width: the only width of a write, in bytes
 * @clear: bits that are cleared by writing 1; all others must be 0
 * @change: bits that may change; all others must keep their value
 */
struct pci_config_register {
	bool express;
	u8 offset;
	u8 width;
	u16 clear;
	u16 change;
};

#define CONFIG_ORDER	(PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN)

static const struct pci_config_register registers[] = {
	{
		.offset = PCI_STATUS, .width = 2,
		.clear = PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT |
			 PCI_STATUS_REC_TARGET_ABORT | PCI_STATUS_REC_MASTER_ABORT |
			 PCI_STATUS_SIG_SYSTEM_ERROR | PCI_STATUS_DETECTED_PARITY,
	}, {
		/* A wrong value can spoil only whole pages, which are the client's. */
		.offset = PCI_CACHE_LINE_SIZE, .width = 1, .change = 0xff,
	}, {
		.express = true, .offset = PCI_EXP_DEVCTL, .width = 2,
		.change = CONFIG_ORDER | PCI_EXP_DEVCTL_READRQ,
	}, {
		.express = true, .offset = PCI_EXP_DEVSTA, .width = 2,
		.clear = PCI_EXP_DEVSTA_CED | PCI_EXP_DEVSTA_NFED |
			 PCI_EXP_DEVSTA_FED | PCI_EXP_DEVSTA_URD,
	},
};

/* The position of the capability is that of enumeration, which a client cannot change. */
static const struct pci_config_register *
pci_config_find(const struct pci_dev *pdev, const struct ndshm_adapter_config_args *access)
{
	const struct pci_config_register *entry;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(registers); i++) {
		entry = &registers[i];
		if (entry->express && !pdev->pcie_cap)
			continue;
		if (access->width == entry->width &&
		    access->offset == entry->offset + (entry->express ? pdev->pcie_cap : 0))
			return entry;
	}
	return NULL;
}

static int pci_config_read(struct pci_dev *pdev, u32 offset, u32 width, u32 *value)
{
	u16 word;
	u8 byte;
	int error;

	switch (width) {
	case 1:
		error = pci_read_config_byte(pdev, offset, &byte);
		*value = byte;
		return error;
	case 2:
		error = pci_read_config_word(pdev, offset, &word);
		*value = word;
		return error;
	default:
		return pci_read_config_dword(pdev, offset, value);
	}
}

/*
 * The kernel may have turned Relaxed Ordering off because the root complex does not support it.
 * No Snoop is always off in @function->device_control.
 */
static bool pci_config_exceeds_bind(const struct ndshm_pci_function *function, u32 value)
{
	const u32 bind = function->device_control;

	return (value & CONFIG_ORDER & ~bind) ||
	       (value & PCI_EXP_DEVCTL_READRQ) > (bind & PCI_EXP_DEVCTL_READRQ);
}

static ndshm_reason_t pci_config_write(struct ndshm_pci_function *function,
				       const struct ndshm_adapter_config_args *access)
{
	struct pci_dev *pdev = function->pdev;
	const struct pci_config_register *entry = pci_config_find(pdev, access);
	u32 now;
	int error;

	if (!entry)
		return NDSHM_REASON_CONFIG_PROTECTED;
	if (entry->clear) {
		if (access->value & ~entry->clear)
			return NDSHM_REASON_CONFIG_PROTECTED;
	} else {
		if (pci_config_read(pdev, access->offset, access->width, &now))
			return NDSHM_REASON_ADAPTER_REMOVED;
		if ((access->value ^ now) & ~entry->change)
			return NDSHM_REASON_CONFIG_PROTECTED;
		if (entry->express && pci_config_exceeds_bind(function, access->value))
			return NDSHM_REASON_CONFIG_PROTECTED;
	}
	/* Of Device Control, the kernel may change other bits at this time. */
	if (access->width == 1)
		error = pci_write_config_byte(pdev, access->offset, access->value);
	else if (entry->express && entry->change)
		error = pcie_capability_clear_and_set_word(pdev, entry->offset, entry->change,
							   access->value & entry->change);
	else
		error = pci_write_config_word(pdev, access->offset, access->value);
	return error ? NDSHM_REASON_ADAPTER_REMOVED : NDSHM_REASON_NONE;
}

static ndshm_reason_t pci_config_access(struct ndshm_pci_function *function,
					struct ndshm_adapter_config_args *access)
{
	struct pci_dev *pdev = function->pdev;
	ndshm_reason_t reason = ndshm_pci_check(function);
	u32 value;

	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (access->offset > pdev->cfg_size - access->width)
		return NDSHM_REASON_CONFIG_RANGE;
	if (access->flags & NDSHM_CONFIG_WRITE)
		return pci_config_write(function, access);
	if (pci_config_read(pdev, access->offset, access->width, &value))
		return NDSHM_REASON_ADAPTER_REMOVED;
	access->value = value;
	return NDSHM_REASON_NONE;
}

/*
 * With @function->lock held no reset begins, so the functions for user space, which wait for the
 * end of a reset, are not needed. Such a wait would hold the lock of the group: a reset of a whole
 * bus waits for the device lock of another function, whose removal may wait for the group.
 */
ndshm_reason_t ndshm_pci_config(void *context, struct ndshm_adapter_config_args *access)
{
	struct ndshm_pci_function *function = context;
	ndshm_reason_t reason;

	mutex_lock(&function->lock);
	reason = pci_config_access(function, access);
	mutex_unlock(&function->lock);
	return reason;
}
