// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Why the place of a client cannot be opened: the errno of ndshm_open() stands for several causes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tool.h"

#define NOT_LOADED	"the module is not loaded: load it (modprobe ndshm)"
#define NAME_THE_DEVICE	"name the device, " NDSHM_DEVICE
/* The minor is dynamic, so that a node outlives the module only where udev does not manage it. */
#define STALE_NODE	"the node is of an earlier load of the module; make it again (restart the " \
			"container, or udevadm trigger)"

static bool module_is_loaded(void)
{
	return !access("/sys/module/ndshm", F_OK);
}

static const char *kind_of(mode_t mode)
{
	return S_ISREG(mode)  ? "a regular file" :
	       S_ISDIR(mode)  ? "a directory" :
	       S_ISBLK(mode)  ? "a block device" :
	       S_ISSOCK(mode) ? "a socket" : "a pipe";
}

/* There is no such file, or no permission to look for it. */
static char *missing_problem(const char *path, int error)
{
	if (error == EACCES)
		return format_string("the path is closed to you; run as root, or " NAME_THE_DEVICE);
	if (strcmp(path, NDSHM_DEVICE))
		return format_string("there is no such file; " NAME_THE_DEVICE);
	return format_string("%s", module_is_loaded() ?
			     "the module is loaded, but this device node is missing; pass it to the "
			     "container (--device " NDSHM_DEVICE "), or set PrivateDevices=no in the "
			     "systemd unit" : NOT_LOADED);
}

/* The mode is that of a device that this process may not open. */
static char *closed_problem(const char *path, const struct stat *status)
{
	char *owner, *text;
	const char *remedy;

	if (!faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS))
		return format_string("its mode permits it, but its file system (nodev) or a security "
				     "module does not; change their policy");
	owner = owner_cell(status->st_uid, status->st_gid);
	remedy = status->st_gid && (status->st_mode & 0060) == 0060 ?
		 "be root, or join its group (adduser USER GROUP) and log in again" :
		 "be root, or give it to a group (chgrp, chmod 660)";
	text = format_string("the device is not open to you: owner %s, mode %04o; %s", owner,
			     status->st_mode & 07777, remedy);
	free(owner);
	return text;
}

/* Return the driver's name of a misc device, or the last word of another one; NULL: not known. */
static char *device_name(dev_t device)
{
	char *path = format_string("/sys/dev/char/%u:%u", major(device), minor(device));
	char *target = realpath(path, NULL), *name = NULL;

	if (target)
		name = format_string("%s", strrchr(target, '/') + 1);
	free(target);
	free(path);
	return name;
}

static char *device_problem(const char *path, const struct stat *status, int error)
{
	bool usual = !strcmp(path, NDSHM_DEVICE);
	char *name = device_name(status->st_rdev), *text;

	if (name && strcmp(name, "ndshm") && usual)
		text = format_string("that is the device %s, not ndshm; " STALE_NODE, name);
	else if (name && strcmp(name, "ndshm"))
		text = format_string("that is the device %s, not ndshm; " NAME_THE_DEVICE, name);
	else if (error == EACCES)
		text = closed_problem(path, status);
	else if (error == EPERM)
		text = format_string("the device cgroup or a security module does not permit it; allow "
				     "it (DeviceAllow=%s rw in the systemd unit, --device %s of the "
				     "container)", path, path);
	else if (error == ENOENT)
		text = format_string("%s", !module_is_loaded() ? NOT_LOADED :
				     usual ? "no driver has this device; " STALE_NODE :
				     "no driver has this device; remove it, and " NAME_THE_DEVICE);
	else if (error == EPROTONOSUPPORT)
		text = format_string("%s", name ?
				     "the module lacks what this command needs; load that of version "
				     VERSION : "that is not ndshm, or it lacks what this command needs; "
				     NAME_THE_DEVICE);
	else
		text = format_string("%s", strerror(error));
	free(name);
	return text;
}

char *open_problem(const char *place, int error)
{
	struct stat status;

	if (error == -EAFNOSUPPORT)
		return format_string("%s", ndshm_reason_text(NDSHM_REASON_NETLINK_REFUSED));
	if (!strcmp(place, "netlink:"))
		return format_string("%s", error == -ENOENT ? NOT_LOADED : strerror(-error));
	if (error == -EINVAL)
		return format_string("unknown back end; use memfd:, or " NAME_THE_DEVICE);
	if (stat(place, &status))
		return missing_problem(place, errno);
	if (!S_ISCHR(status.st_mode))
		return format_string("that is %s, not a device; " NAME_THE_DEVICE,
				     kind_of(status.st_mode));
	return device_problem(place, &status, -error);
}
