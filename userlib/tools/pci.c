// SPDX-License-Identifier: LGPL-2.1-or-later
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pci.h"
#include "tool.h"

#define ADDRESS_CHARACTERS "0123456789abcdefABCDEF:."

#define STATE_DIRECTORY "/run/ndshm"

/* Larger than any value that is read. */
#define VALUE_SIZE 64

/* Parse @least to @most hexadecimal digits, followed by @end. */
static bool parse_hex(const char **word, int least, int most, char end, unsigned int *value)
{
	int digits = 0;

	*value = 0;
	for (; isxdigit((unsigned char)**word) && digits < most; digits++, (*word)++) {
		int c = tolower((unsigned char)**word);

		*value = *value << 4 | (isdigit(c) ? c - '0' : c - 'a' + 10);
	}
	return digits >= least && *(*word)++ == end;
}

static bool parse_rest(const char *word, unsigned int domain, struct function *function)
{
	unsigned int bus, device, number;

	if (!parse_hex(&word, 1, 2, ':', &bus) || !parse_hex(&word, 1, 2, '.', &device) ||
	    !parse_hex(&word, 1, 1, '\0', &number) || device > 31 || number > 7)
		return false;
	snprintf(function->name, sizeof(function->name), "%04x:%02x:%02x.%x", domain, bus, device,
		 number);
	return true;
}

bool function_parse(const char *word, struct function *function)
{
	const char *rest = word;
	unsigned int domain;

	function->platform = false;
	if (parse_hex(&rest, 4, 8, ':', &domain) && parse_rest(rest, domain, function))
		return true;
	if (parse_rest(word, 0, function))
		return true;
	if (*word == '.' || strchr(word, '/') || strlen(word) >= sizeof(function->name))
		return false;
	/* Nothing else than a mistaken address, or nothing. */
	if (!word[strspn(word, ADDRESS_CHARACTERS)])
		return false;
	function->platform = true;
	strcpy(function->name, word);
	return true;
}

static bool exists(char *path)
{
	bool there = !access(path, F_OK);

	free(path);
	return there;
}

/* Return the last component of a link's target, allocated; NULL: no link. Frees @path. */
static char *link_name(char *path)
{
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof(target) - 1);
	const char *slash;

	free(path);
	if (length < 0)
		return NULL;
	target[length] = '\0';
	slash = strrchr(target, '/');
	return format_string("%s", slash ? slash + 1 : target);
}

static char *interface_path(const struct function *function, const char *name, const char *file)
{
	return format_string("%s/sys/class/net/%s%s", function->root, name, file);
}

bool interface_exists(const struct function *function, const char *name)
{
	return exists(interface_path(function, name, ""));
}

/* Return the bus of a device, allocated, or NULL. */
static char *device_bus(const char *device)
{
	return link_name(format_string("%s/subsystem", device));
}

char *function_of_interface(const char *name, struct function *function)
{
	char *link = interface_path(function, name, "/device");
	char *device = realpath(link, NULL), *bus, *problem = NULL;
	const char *last;

	free(link);
	if (!device)
		return format_string("it is a virtual network interface, without a device");
	bus = device_bus(device);
	if (bus && !strcmp(bus, "virtio")) {
		*strrchr(device, '/') = '\0';
		free(bus);
		bus = device_bus(device);
	}
	last = strrchr(device, '/') + 1;
	function->platform = bus && !strcmp(bus, "platform");
	if (!bus || (strcmp(bus, "pci") && !function->platform) ||
	    strlen(last) >= sizeof(function->name))
		problem = format_string("it is a network interface of device %s on bus %s", last,
					bus ? bus : "(none)");
	else
		strcpy(function->name, last);
	free(bus);
	free(device);
	return problem;
}

const char *function_bus(const struct function *function)
{
	return function->platform ? "platform" : "pci";
}

const char *function_adapter_driver(const struct function *function)
{
	return function->platform ? "ndshm_platform" : "ndshm_pci";
}

static char *device_path(const struct function *function, const char *file)
{
	return format_string("%s/sys/bus/%s/devices/%s%s", function->root, function_bus(function),
			     function->name, file);
}

/* Return the first line of a file, allocated; NULL on failure. Frees @path. */
static char *read_value(char *path)
{
	char value[VALUE_SIZE];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t length = -1;

	free(path);
	if (fd >= 0) {
		length = read(fd, value, sizeof(value) - 1);
		close(fd);
	}
	if (length < 0)
		return NULL;
	value[length] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return format_string("%s", value);
}

/* Write a sysfs attribute with a single write(). Frees @path. */
static int write_value(char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error = 0;

	free(path);
	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		error = -errno;
	close(fd);
	return error;
}

bool function_exists(const struct function *function)
{
	return exists(device_path(function, ""));
}

bool function_is_bridge(const struct function *function)
{
	char *class = read_value(device_path(function, "/class"));
	bool bridge = !function->platform && class && !strncmp(class, "0x06", 4);

	free(class);
	return bridge;
}

char *function_driver(const struct function *function)
{
	return link_name(device_path(function, "/driver"));
}

char *function_override(const struct function *function)
{
	return read_value(device_path(function, "/driver_override"));
}

char *function_group(const struct function *function)
{
	return link_name(device_path(function, "/iommu_group"));
}

char *function_group_type(const struct function *function)
{
	return read_value(device_path(function, "/iommu_group/type"));
}

bool function_group_in_use(const struct function *function)
{
	char *path = device_path(function, "/iommu_group/devices");
	DIR *directory = opendir(path);
	struct dirent *entry;
	/* Without a group there is no other function; what cannot be read is in use. */
	bool bound = !directory && errno != ENOENT;

	while (directory && !bound && (entry = readdir(directory))) {
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, function->name))
			bound = exists(format_string("%s/%s/driver", path, entry->d_name));
	}
	if (directory)
		closedir(directory);
	free(path);
	return bound;
}

bool function_group_find(const struct function *function,
			 bool (*match)(const struct function *function, void *argument),
			 void *argument, struct function *found)
{
	char *path = device_path(function, "/iommu_group/devices");
	bool matched = match(function, argument);
	DIR *directory = opendir(path);
	struct dirent *entry;

	*found = *function;
	while (directory && !matched && (entry = readdir(directory))) {
		*found = (struct function){ .root = function->root };
		/* Other devices have no adapter. */
		if (function_parse(entry->d_name, found))
			matched = match(found, argument);
	}
	if (directory)
		closedir(directory);
	free(path);
	return matched;
}

bool driver_exists(const struct function *function, const char *driver)
{
	return exists(format_string("%s/sys/bus/%s/drivers/%s", function->root,
				    function_bus(function), driver));
}

int function_may_change(const struct function *function)
{
	char *path = device_path(function, "/driver_override");
	int error = faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) ? -errno : 0;

	free(path);
	return error == -ENOENT ? 0 : error;
}

int function_unbind(const struct function *function)
{
	return write_value(device_path(function, "/driver/unbind"), function->name);
}

int function_set_group_type(const struct function *function, const char *type)
{
	return write_value(device_path(function, "/iommu_group/type"), type);
}

int function_set_override(const struct function *function, const char *driver)
{
	/* An empty line removes the override. */
	char *line = format_string("%s\n", driver);
	int error = write_value(device_path(function, "/driver_override"), line);

	free(line);
	return error;
}

int function_bind(const struct function *function, const char *driver)
{
	return write_value(format_string("%s/sys/bus/%s/drivers/%s/bind", function->root,
					 function_bus(function), driver), function->name);
}

int function_probe(const struct function *function)
{
	return write_value(format_string("%s/sys/bus/%s/drivers_probe", function->root,
					 function_bus(function)), function->name);
}

/* Returns NULL without an IOMMU group. */
static char *state_path(const struct function *function)
{
	char *group = function_group(function), *path = NULL;

	if (group)
		path = format_string("%s" STATE_DIRECTORY "/group-%s", function->root, group);
	free(group);
	return path;
}

/*
 * Saved state of a group: its type, and the inode number of its directory. Group numbers
 * are reused, inode numbers of sysfs are not. Returns an allocated string, or NULL
 * without a group.
 */
static char *state_line(const struct function *function, const char *type)
{
	char *path = device_path(function, "/iommu_group");
	struct stat group;
	int error = stat(path, &group);

	free(path);
	return error ? NULL : format_string("%s %ju", type, (uintmax_t)group.st_ino);
}

/* Overwrite the file, which can be that of an earlier group with the same number. */
static int write_over(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		error = -errno;
	close(fd);
	return error;
}

int function_remember_type(const struct function *function, const char *type)
{
	char *directory = format_string("%s" STATE_DIRECTORY, function->root);
	char *path = state_path(function);
	char *line = state_line(function, type);
	int error = -ENOENT;

	if (path && line)
		error = mkdir(directory, 0755) && errno != EEXIST ? -errno : write_over(path, line);
	free(directory);
	free(path);
	free(line);
	return error;
}

char *function_recall_type(const struct function *function)
{
	char *path = state_path(function);
	char *type = path ? read_value(path) : NULL;
	char *found, *expected;

	if (!type)
		return NULL;
	found = format_string("%s", type);
	type[strcspn(type, " ")] = '\0';
	expected = state_line(function, type);
	if (!expected || strcmp(found, expected)) {
		free(type);
		type = NULL;
	}
	free(found);
	free(expected);
	return type;
}

void function_forget_type(const struct function *function)
{
	char *path = state_path(function);

	if (path)
		unlink(path);
	free(path);
}
