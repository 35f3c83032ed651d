// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "ndshm_pci.h"
#include "ndshm_proc.h"

#define DEVICES		"/sys/bus/pci/devices"
#define SLOTS		"/sys/bus/pci/slots"
#define PATH_SIZE	192
#define FUNCTIONS	16	/* functions of a kind that are considered */

static const char *path_of(const struct ndshm_pci *pci, const char *file)
{
	static char path[PATH_SIZE];

	snprintf(path, sizeof(path), DEVICES "/%.31s/%s", pci->name, file);
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

static bool has_iommu(void)
{
	DIR *directory = opendir("/sys/class/iommu");
	struct dirent *entry;
	bool found = false;

	while (directory && !found && (entry = readdir(directory)))
		found = entry->d_name[0] != '.';
	if (directory)
		closedir(directory);
	return found;
}

/* With a device tree a function joins its IOMMU group when a driver first probes it. */
static void join_group(struct ndshm_pci *pci)
{
	if (pci->driver[0] || !access(path_of(pci, "iommu_group"), F_OK) || !has_iommu())
		return;
	if (!ndshm_pci_bind_to(pci, "ndshm_pci"))
		ndshm_pci_unbind(pci);
	ndshm_write_file(path_of(pci, "driver_override"), "\n");
}

/* Store the first @most functions. Return their number. */
static int find(struct ndshm_pci *functions, int most, unsigned int vendor,
		unsigned int device)
{
	DIR *directory = opendir(DEVICES);
	struct dirent *entry;
	struct ndshm_pci *pci;
	int count = 0;

	while (directory && count < most && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		pci = &functions[count];
		memset(pci, 0, sizeof(*pci));
		snprintf(pci->name, sizeof(pci->name), "%.31s", entry->d_name);
		if (ndshm_read_number(path_of(pci, "vendor")) != vendor ||
		    ndshm_read_number(path_of(pci, "device")) != device)
			continue;
		current_driver(pci, pci->driver, sizeof(pci->driver));
		join_group(pci);
		if (ndshm_read_file(path_of(pci, "iommu_group/type"),
				    pci->group_type, sizeof(pci->group_type)))
			pci->group_type[0] = '\0';
		count++;
	}
	if (directory)
		closedir(directory);
	return count;
}

static bool same_group(const struct ndshm_pci *one, const struct ndshm_pci *two)
{
	struct stat first, second;

	return !stat(path_of(one, "iommu_group"), &first) &&
	       !stat(path_of(two, "iommu_group"), &second) &&
	       first.st_ino == second.st_ino;
}

/* The index of another function in the group of function @i, or -1. */
static int companion(const struct ndshm_pci *functions, int count, int i)
{
	int j;

	for (j = 0; j < count; j++)
		if (j != i && same_group(&functions[i], &functions[j]))
			return j;
	return -1;
}

/* The address of a slot is that of its function without the function number. */
static bool in_slot(const struct ndshm_pci *pci)
{
	size_t length = strcspn(pci->name, ".");
	char path[PATH_SIZE], address[32];
	DIR *directory = opendir(SLOTS);
	struct dirent *entry;
	bool found = false;

	while (directory && !found && (entry = readdir(directory))) {
		snprintf(path, sizeof(path), SLOTS "/%.64s/address",
			 entry->d_name);
		found = !ndshm_read_file(path, address, sizeof(address)) &&
			strlen(address) == length &&
			!strncmp(address, pci->name, length) &&
			!strcmp(pci->name + length, ".0");
	}
	if (directory)
		closedir(directory);
	return found;
}

int ndshm_pci_find(struct ndshm_pci *pci, unsigned int vendor,
		   unsigned int device)
{
	struct ndshm_pci functions[FUNCTIONS];
	int count = find(functions, FUNCTIONS, vendor, device), i;

	if (!count)
		return -ENODEV;
	/* Avoid a function in a slot, because it can be reset through its bus. */
	for (i = 0; i < count - 1; i++)
		if (companion(functions, count, i) < 0 &&
		    !in_slot(&functions[i]))
			break;
	*pci = functions[i];
	return 0;
}

int ndshm_pci_find_in_slot(struct ndshm_pci *pci, unsigned int vendor,
			   unsigned int device)
{
	struct ndshm_pci functions[FUNCTIONS];
	int count = find(functions, FUNCTIONS, vendor, device), i;
	const struct ndshm_pci *first = NULL;

	for (i = 0; i < count; i++)
		if (in_slot(&functions[i]) &&
		    (!first || strcmp(functions[i].name, first->name) < 0))
			first = &functions[i];
	if (!first)
		return -ENODEV;
	*pci = *first;
	return 0;
}

int ndshm_pci_find_pair(struct ndshm_pci pair[2], unsigned int vendor,
			unsigned int device)
{
	struct ndshm_pci functions[FUNCTIONS];
	int count = find(functions, FUNCTIONS, vendor, device), i, other;

	for (i = 0; i < count; i++) {
		other = companion(functions, count, i);
		if (other < 0)
			continue;
		pair[0] = functions[i];
		pair[1] = functions[other];
		return 0;
	}
	return -ENODEV;
}

int ndshm_pci_remove(const struct ndshm_pci *pci)
{
	return ndshm_write_file(path_of(pci, "remove"), "1");
}

int ndshm_pci_rescan(void)
{
	return ndshm_write_file("/sys/bus/pci/rescan", "1");
}

bool ndshm_pci_is_there(const struct ndshm_pci *pci)
{
	return !access(path_of(pci, "vendor"), F_OK);
}

int ndshm_pci_unbind(struct ndshm_pci *pci)
{
	return ndshm_write_file(path_of(pci, "driver/unbind"), pci->name);
}

int ndshm_pci_set_group(const struct ndshm_pci *pci, const char *type)
{
	return ndshm_write_file(path_of(pci, "iommu_group/type"), type);
}

int ndshm_pci_bind_to(const struct ndshm_pci *pci, const char *driver)
{
	char path[PATH_SIZE];
	int error = ndshm_write_file(path_of(pci, "driver_override"), driver);

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/bind", driver);
	/* Unlike drivers_probe, bind returns the driver's error. */
	return error ?: ndshm_write_file(path, pci->name);
}

int ndshm_pci_bind(struct ndshm_pci *pci, bool strict)
{
	char driver[64], type[sizeof(pci->group_type)];
	int error = 0;

	current_driver(pci, driver, sizeof(driver));
	if (driver[0])
		error = ndshm_pci_unbind(pci);
	if (!error && strict && pci->group_type[0])
		error = ndshm_pci_set_group(pci, "DMA");
	/*
	 * Older kernels refuse this for a group of several functions. With a device tree the group
	 * appears when a driver probes the function.
	 */
	if (error == -EINVAL || error == -ENOENT)
		error = 0;
	if (!error)
		error = ndshm_pci_bind_to(pci, "ndshm_pci");
	if (error)
		return error;
	current_driver(pci, driver, sizeof(driver));
	if (strcmp(driver, "ndshm_pci"))
		return -ENODEV;
	if (!strict || ndshm_read_file(path_of(pci, "iommu_group/type"), type, sizeof(type)) ||
	    strcmp(type, "DMA-FQ"))
		return 0;
	error = ndshm_pci_unbind(pci);
	if (!error)
		error = ndshm_pci_set_group(pci, "DMA");
	if (error == -EINVAL)
		error = 0;
	return error ?: ndshm_pci_bind_to(pci, "ndshm_pci");
}

void ndshm_pci_restore(struct ndshm_pci *pci)
{
	char driver[64];

	current_driver(pci, driver, sizeof(driver));
	if (driver[0] && strcmp(driver, pci->driver))
		ndshm_pci_unbind(pci);
	if (pci->group_type[0])
		ndshm_pci_set_group(pci, pci->group_type);
	ndshm_write_file(path_of(pci, "driver_override"), "\n");
	if (pci->driver[0])
		ndshm_write_file("/sys/bus/pci/drivers_probe", pci->name);
}

bool ndshm_pci_read_config(const struct ndshm_pci *pci, unsigned int at,
			   void *data, size_t size)
{
	int fd = open(path_of(pci, "config"), O_RDONLY | O_CLOEXEC);
	bool got;

	if (fd < 0)
		return false;
	got = pread(fd, data, size, at) == (ssize_t)size;
	close(fd);
	return got;
}

bool ndshm_pci_write_config(const struct ndshm_pci *pci, unsigned int at,
			    const void *data, size_t size)
{
	int fd = open(path_of(pci, "config"), O_WRONLY | O_CLOEXEC);
	bool put;

	if (fd < 0)
		return false;
	put = pwrite(fd, data, size, at) == (ssize_t)size;
	close(fd);
	return put;
}

unsigned int ndshm_pci_capability(const struct ndshm_pci *pci, unsigned int id)
{
	unsigned char header[2], at;

	if (!ndshm_pci_read_config(pci, PCI_CAPABILITY_LIST, &at, 1))
		return 0;
	while (at) {
		if (!ndshm_pci_read_config(pci, at, header, sizeof(header)))
			return 0;
		if (header[PCI_CAP_LIST_ID] == id)
			return at;
		at = header[PCI_CAP_LIST_NEXT];
	}
	return 0;
}

bool ndshm_pci_is_master(const struct ndshm_pci *pci)
{
	unsigned short command;

	return ndshm_pci_read_config(pci, PCI_COMMAND, &command,
				     sizeof(command)) &&
	       (command & PCI_COMMAND_MASTER);
}

bool ndshm_pci_answers(const struct ndshm_pci *pci)
{
	unsigned short vendor;

	return ndshm_pci_read_config(pci, PCI_VENDOR_ID, &vendor,
				     sizeof(vendor)) &&
	       vendor != 0xffff;
}

long long ndshm_pci_number(const struct ndshm_pci *pci, const char *file)
{
	return ndshm_read_number(path_of(pci, file));
}

int ndshm_pci_set_enabled(const struct ndshm_pci *pci, bool on)
{
	if ((ndshm_pci_number(pci, "enable") > 0) == on)
		return 0;
	return ndshm_write_file(path_of(pci, "enable"), on ? "1" : "0");
}

int ndshm_pci_reset(const struct ndshm_pci *pci)
{
	return ndshm_write_file(path_of(pci, "reset"), "1");
}

int ndshm_pci_find_port(const struct ndshm_pci *pci, struct ndshm_pci *port)
{
	char link[PATH_SIZE], target[PATH_SIZE], *name;
	ssize_t length;

	snprintf(link, sizeof(link), DEVICES "/%.31s", pci->name);
	length = readlink(link, target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	target[length] = '\0';
	/* The link contains all parents: the last but one component is the port. */
	name = strrchr(target, '/');
	*name = '\0';
	name = strrchr(target, '/');
	/* A host bridge such as "pci0000:00" is not a function. */
	if (!name || !strncmp(name, "/pci", 4))
		return -ENODEV;
	memset(port, 0, sizeof(*port));
	snprintf(port->name, sizeof(port->name), "%.31s", name + 1);
	current_driver(port, port->driver, sizeof(port->driver));
	return 0;
}
