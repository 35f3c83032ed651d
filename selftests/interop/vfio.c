// SPDX-License-Identifier: GPL-2.0
/*
 * interop-vfio KIND: maps the memory for DMA of QEMU's edu device, which vfio-pci drives, and lets
 * the device copy a part of it. INTEROP_EDU is the PCI address of the device.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "memory.h"

#define LENGTH		0x100000UL
#define IOVA		0x100000UL
#define PATIENCE_S	20

/* Registers of edu: QEMU's docs/specs/edu. */
#define EDU_DMA_FROM	0x80
#define EDU_DMA_TO	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_COMMAND	0x98
#define EDU_RUN		1
#define EDU_TO_MEMORY	2
#define EDU_BUFFER	0x40000UL
#define EDU_BYTES	4032U

/* Return: the device's descriptor, with its group in the container. */
static int vfio_open(int container)
{
	const char *device = getenv("INTEROP_EDU");
	char path[64], target[256];
	ssize_t length;
	int group, fd;

	if (!device)
		interop_fail("INTEROP_EDU", EINVAL);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", device);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		interop_fail(path, errno);
	target[length] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/%s", basename(target));
	group = open(path, O_RDWR);
	if (group < 0 || ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) ||
	    ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		interop_fail(path, errno);
	fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, device);
	if (fd < 0)
		interop_fail(device, errno);
	return fd;
}

static void vfio_start(int device)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	__u16 command;

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info))
		interop_fail("configuration space", errno);
	if (pread(device, &command, sizeof(command), info.offset + PCI_COMMAND) != sizeof(command))
		interop_fail("command register", errno);
	command |= PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY;
	if (pwrite(device, &command, sizeof(command), info.offset + PCI_COMMAND) != sizeof(command))
		interop_fail("command register", errno);
}

static __u32 *vfio_registers(int device)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_BAR0_REGION_INDEX,
	};
	void *registers;

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info))
		interop_fail("BAR 0", errno);
	registers = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, device, info.offset);
	if (registers == MAP_FAILED)
		interop_fail("BAR 0", errno);
	return registers;
}

static void vfio_write(__u32 *registers, unsigned int offset, __u32 value)
{
	__atomic_store_n(&registers[offset / sizeof(*registers)], value, __ATOMIC_RELEASE);
}

static __u32 vfio_read(__u32 *registers, unsigned int offset)
{
	return __atomic_load_n(&registers[offset / sizeof(*registers)], __ATOMIC_ACQUIRE);
}

static void vfio_copy(__u32 *registers, unsigned long from, unsigned long to,
		      unsigned int command)
{
	const time_t end = time(NULL) + PATIENCE_S;

	vfio_write(registers, EDU_DMA_FROM, from);
	vfio_write(registers, EDU_DMA_TO, to);
	vfio_write(registers, EDU_DMA_COUNT, EDU_BYTES);
	vfio_write(registers, EDU_DMA_COMMAND, EDU_RUN | command);
	while (vfio_read(registers, EDU_DMA_COMMAND) & EDU_RUN)
		if (time(NULL) > end)
			interop_fail("DMA", ETIMEDOUT);
}

int main(int argc, char **argv)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.iova = IOVA,
		.size = LENGTH,
	};
	__u32 *registers;
	struct interop_memory memory;
	int container, device;

	if (argc != 2) {
		fprintf(stderr, "usage: %s KIND\n", argv[0]);
		return 2;
	}
	interop_open(argv[1], LENGTH, &memory);
	container = open("/dev/vfio/vfio", O_RDWR);
	if (container < 0)
		interop_fail("/dev/vfio/vfio", errno);
	device = vfio_open(container);
	map.vaddr = (unsigned long)memory.base;
	if (ioctl(container, VFIO_IOMMU_MAP_DMA, &map))
		interop_result(errno);
	vfio_start(device);
	registers = vfio_registers(device);
	interop_fill(memory.base, EDU_BYTES, 10);
	vfio_copy(registers, IOVA, EDU_BUFFER, 0);
	vfio_copy(registers, EDU_BUFFER, IOVA + LENGTH / 2, EDU_TO_MEMORY);
	if (!interop_equal(memory.base + LENGTH / 2, EDU_BYTES, 10))
		interop_wrong("DMA");
	interop_result(0);
}
