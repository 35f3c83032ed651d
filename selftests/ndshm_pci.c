// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "ndshm_pci.h"
#include "ndshm_proc.h"

#define DEVICES		"/sys/bus/pci/devices"
#define PATH_SIZE	192

static const char *path_of(const struct ndshm_pci *pci, const char *file)
{
	static char path[PATH_SIZE];

	snprintf(path, sizeof(path), DEVICES "/%s/%s", pci->name, file);
	return path;
}

static void current_driver(const struct ndshm_pci *pci, char *driver,
			   size_t size)
{
	char target[PATH_SIZE];
	ssize_t length = readlink(path_of(pci, "driver"), target,
				  sizeof(target) - 1);

	driver[0] = '\0';
	if (length < 0)
		return;
	target[length] = '\0';
	snprintf(driver, size, "%s", strrchr(target, '/') + 1);
}

int ndshm_pci_find(struct ndshm_pci *pci, unsigned int vendor,
		   unsigned int device)
{
	DIR *directory = opendir(DEVICES);
	struct dirent *entry;
	int error = -ENODEV;

	memset(pci, 0, sizeof(*pci));
	if (!directory)
		return error;
	while (error && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(pci->name, sizeof(pci->name), "%.31s", entry->d_name);
		if (ndshm_read_number(path_of(pci, "vendor")) != vendor ||
		    ndshm_read_number(path_of(pci, "device")) != device)
			continue;
		error = 0;
	}
	closedir(directory);
	if (error)
		return error;
	current_driver(pci, pci->driver, sizeof(pci->driver));
	if (ndshm_read_file(path_of(pci, "iommu_group/type"), pci->group_type,
			    sizeof(pci->group_type)))
		pci->group_type[0] = '\0';
	return 0;
}

int ndshm_pci_unbind(struct ndshm_pci *pci)
{
	return ndshm_write_file(path_of(pci, "driver/unbind"), pci->name);
}

int ndshm_pci_set_group(const struct ndshm_pci *pci, const char *type)
{
	return ndshm_write_file(path_of(pci, "iommu_group/type"), type);
}

int ndshm_pci_bind(struct ndshm_pci *pci, bool strict)
{
	char driver[64];
	int error = 0;

	current_driver(pci, driver, sizeof(driver));
	if (driver[0])
		error = ndshm_pci_unbind(pci);
	if (!error && strict && pci->group_type[0])
		error = ndshm_pci_set_group(pci, "DMA");
	if (!error)
		error = ndshm_write_file(path_of(pci, "driver_override"),
					 "ndshm_pci");
	if (!error)
		error = ndshm_write_file("/sys/bus/pci/drivers_probe",
					 pci->name);
	if (error)
		return error;
	/* Whether a driver took it is not told. */
	current_driver(pci, driver, sizeof(driver));
	return strcmp(driver, "ndshm_pci") ? -ENODEV : 0;
}

void ndshm_pci_restore(struct ndshm_pci *pci)
{
	char driver[64];

	current_driver(pci, driver, sizeof(driver));
	if (!strcmp(driver, "ndshm_pci"))
		ndshm_pci_unbind(pci);
	if (pci->group_type[0])
		ndshm_pci_set_group(pci, pci->group_type);
	ndshm_write_file(path_of(pci, "driver_override"), "\n");
	if (pci->driver[0])
		ndshm_write_file("/sys/bus/pci/drivers_probe", pci->name);
}

bool ndshm_pci_is_master(const struct ndshm_pci *pci)
{
	int fd = open(path_of(pci, "config"), O_RDONLY | O_CLOEXEC);
	unsigned short command = 0;
	bool got;

	if (fd < 0)
		return false;
	got = pread(fd, &command, sizeof(command), PCI_COMMAND) ==
	      sizeof(command);
	close(fd);
	return got && (command & PCI_COMMAND_MASTER);
}
