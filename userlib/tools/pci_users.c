// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Use of a PCI function or a platform device through its driver.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pci.h"
#include "tool.h"

/* Return a description of the use of class device @name, allocated; NULL: not in use. */
typedef char *check_use(const char *name);

static char *interface_use(const char *name)
{
	struct ifaddrs *all, *one;
	char *use = NULL;

	if (getifaddrs(&all))
		return format_string("it cannot be told whether network interface %s is in use",
				     name);
	for (one = all; one && !use; one = one->ifa_next) {
		if (!one->ifa_addr || strcmp(one->ifa_name, name) || !(one->ifa_flags & IFF_UP))
			continue;
		if (one->ifa_addr->sa_family == AF_INET || one->ifa_addr->sa_family == AF_INET6)
			use = format_string("network interface %s is up with an address", name);
	}
	freeifaddrs(all);
	return use;
}

/* O_EXCL: open() of a block device that is in use returns EBUSY. */
static char *disk_use(const char *name)
{
	char *path = format_string("/dev/%s", name), *slash, *use = NULL;
	int fd;

	/* '!' in names of sysfs represents '/'. */
	for (slash = path; *slash; slash++)
		if (*slash == '!')
			*slash = '/';
	fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	else if (errno == EBUSY)
		use = format_string("block device %s is in use", name);
	else if (errno != ENOMEDIUM && errno != ENXIO)
		use = format_string("it cannot be told whether block device %s is in use", name);
	free(path);
	return use;
}

static bool is_below(const char *path, const char *top)
{
	size_t length = strlen(top);

	return !strncmp(path, top, length) && path[length] == '/';
}

/*
 * Return a description of the first device of a class that belongs to the function and is
 * in use. *@count is increased for each device of the function.
 */
static char *class_use(const char *root, const char *class, const char *top, check_use *check,
		       unsigned int *count)
{
	char *directory_path = format_string("%s/sys/class/%s", root, class);
	DIR *directory = opendir(directory_path);
	char resolved[PATH_MAX];
	struct dirent *entry;
	char *use = NULL;

	while (directory && !use && (entry = readdir(directory))) {
		char *path = format_string("%s/%s", directory_path, entry->d_name);

		if (entry->d_name[0] != '.' && realpath(path, resolved) &&
		    is_below(resolved, top)) {
			use = check(entry->d_name);
			++*count;
		}
		free(path);
	}
	if (directory)
		closedir(directory);
	free(directory_path);
	return use;
}

char *function_user(const struct function *function)
{
	char *path = format_string("%s/sys/bus/%s/devices/%s", function->root,
				   function_bus(function), function->name);
	char *driver = function_driver(function);
	char top[PATH_MAX], *use = NULL;
	unsigned int count = 0;

	if (driver && realpath(path, top)) {
		use = class_use(function->root, "net", top, interface_use, &count);
		if (!use)
			use = class_use(function->root, "block", top, disk_use, &count);
		/*
		 * For example a console, a mounted 9p, or an interface in another network
		 * namespace.
		 */
		if (!use && !count)
			use = format_string("it cannot be told whether what %s makes of it is in "
					    "use", driver);
	}
	free(driver);
	free(path);
	return use;
}
