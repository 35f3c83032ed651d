// SPDX-License-Identifier: GPL-2.0
/*
 * Loading and unloading the module.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "fail_nth.h"

#define MODULE		"/sys/module/ndshm"

/*
 * Load from memory, so that no file system is part of the call.
 */
struct image {
	void *start;
	size_t length;
};

static bool read_image(const char *path, struct image *image)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	bool whole;

	if (fd < 0)
		return false;
	fstat(fd, &stat);
	image->length = stat.st_size;
	image->start = malloc(image->length);
	whole = image->start && read(fd, image->start, image->length) ==
		(ssize_t)image->length;
	close(fd);
	return whole;
}

static int load(const struct image *image, const char *parameters)
{
	return syscall(SYS_init_module, image->start, image->length,
		       parameters) ? -errno : 0;
}

/*
 * The group
 */

static struct image module;
static char parameters[512];

/* Save the current parameters for loading the module again. */
static void keep_parameters(void)
{
	DIR *directory = opendir(MODULE "/parameters");
	char path[320], value[64];
	struct dirent *entry;
	struct stat stat;
	size_t at = 0;

	while (directory && (entry = readdir(directory))) {
		snprintf(path, sizeof(path), MODULE "/parameters/%s",
			 entry->d_name);
		if (lstat(path, &stat) || !S_ISREG(stat.st_mode) ||
		    !(stat.st_mode & 0200) ||
		    ndshm_read_file(path, value, sizeof(value)))
			continue;
		at += snprintf(parameters + at, sizeof(parameters) - at,
			       "%s=%s ", entry->d_name, value);
	}
	if (directory)
		closedir(directory);
}

static const char *begin(void)
{
	const char *path = getenv("NDSHM_KO");

	if (!path)
		return "NDSHM_KO is not given";
	if (!read_image(path, &module))
		return "NDSHM_KO cannot be read";
	keep_parameters();
	if (ndshm_unload_module("ndshm"))
		return "ndshm is in use";
	return NULL;
}

static void end(void)
{
	fail_nth_expect(!load(&module, parameters));
	free(module.start);
}

/* Print all visible traces of the module. */
static void state(char *text, size_t size)
{
	struct ndshm_nl nl;
	bool family = !ndshm_nl_open(&nl);

	if (family)
		ndshm_nl_close(&nl);
	snprintf(text, size, ", family %d, device %d, node %d, driver %d, module %d",
		 family, !access(NDSHM_DEVICE, F_OK),
		 !access("/sys/bus/platform/devices/ndshm-node.0", F_OK),
		 !access("/sys/bus/pci/drivers/ndshm_pci", F_OK),
		 !access(MODULE, F_OK));
}

static int call_load(void)
{
	return load(&module, "");
}

static int call_unload(void)
{
	return ndshm_unload_module("ndshm");
}

static void check_there(int error)
{
	fail_nth_expect(access(NDSHM_DEVICE, F_OK) == (error ? -1 : 0));
}

static void check_gone(int error)
{
	check_there(!error);
}

static void undo_load(void)
{
	fail_nth_expect(!call_unload());
}

/*
 * Most points of a load are the kernel's. The module's own code begins with the
 * registration of its netlink family, which is announced to listeners.
 */

#define REGISTRATION	24	/* more points than the registration of a family has */

static int open_ear(void)
{
	/* The multicast group of the netlink controller has its family's number. */
	const struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = 1U << (GENL_ID_CTRL - 1),
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_GENERIC);

	fail_nth_expect(!bind(fd, (const struct sockaddr *)&address,
			      sizeof(address)));
	return fd;
}

/* Return: true if the load registers the family with point @nth failing. */
static bool family_came(int ear, unsigned int nth)
{
	bool came = false;
	char space[4096];

	fail_nth_arm(nth, false);
	if (!call_load()) {
		fail_nth_disarm();
		undo_load();
	} else {
		fail_nth_disarm();
	}
	while (recv(ear, space, sizeof(space), 0) > 0)
		came = true;
	return came;
}

/* The first point after the registration, less the points of the registration. */
static unsigned int load_foreign(void)
{
	unsigned int low, high, middle;
	int ear = open_ear();

	/*
	 * A load with an invalid parameter ends much earlier and gives a lower
	 * bound.
	 */
	fail_nth_arm(FAIL_NTH_FAR, false);
	fail_nth_expect(load(&module, "allow_unisolated=perhaps") == -EINVAL);
	low = FAIL_NTH_FAR - fail_nth_disarm();
	for (high = low + 1; !family_came(ear, high); high = low + 2 * (high - low))
		if (!fail_nth_expect(high < FAIL_NTH_FAR))
			break;
	while (high - low > 1) {
		middle = low + (high - low) / 2;
		if (family_came(ear, middle))
			high = middle;
		else
			low = middle;
	}
	close(ear);
	return high - REGISTRATION;
}

static bool setup_unload(void)
{
	return fail_nth_expect(!call_load());
}

static const struct fail_nth_scenario scenarios[] = {
	{
		/* EINVAL: the driver core could not create a directory. */
		.name = "load", .points = 39, .errors = { ENOMEM, EINVAL },
		.flags = FAIL_NTH_LONG | FAIL_NTH_SLOW, .foreign = load_foreign,
		.call = call_load, .check = check_there, .undo = undo_load,
	}, {
		.name = "unload", .points = 18, .errors = { EFAULT },
		.setup = setup_unload, .call = call_unload, .check = check_gone,
	},
};

const struct fail_nth_group fail_nth_module = {
	.name = "module",
	.scenarios = scenarios,
	.count = ARRAY_SIZE(scenarios),
	.without_module = true,
	.begin = begin,
	.end = end,
	.state = state,
};
