// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Clients without a device. "section:" is for processes that only adopt sections: a section needs
 * a context to store the reasons of failures. "netlink:" is for programs that only read lists or
 * receive events: the kernel decides by the caller's user and capabilities what it returns.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "netlink_internal.h"

static void no_device_close(struct ndshm *ndshm)
{
	(void)ndshm;
}

static int no_device_command(struct ndshm *ndshm, unsigned long number, void *argument)
{
	struct ndshm_get_info_args *info = argument;

	(void)ndshm;
	if (number != NDSHM_GET_INFO)
		return -ENOTTY;
	/* ndshm_section_adopt() needs no device. */
	info->out_features = NDSHM_FEATURE_SECTIONS;
	info->out_page_size = sysconf(_SC_PAGESIZE);
	return 0;
}

static int no_device_create_section(struct ndshm *ndshm, struct ndshm_section_create_args *argument,
				    struct ndshm_section *section)
{
	(void)ndshm;
	(void)argument;
	(void)section;
	return -EOPNOTSUPP;
}

static int netlink_open(struct ndshm *ndshm, const char *where)
{
	struct nl_sock *sock;
	int family, error;

	if (strcmp(where, ndshm->backend->scheme))
		return -EINVAL;
	error = ndshm__netlink_connect(&sock, &family);
	if (!error)
		nl_socket_free(sock);
	/* As for the device: the module is not loaded. -EAFNOSUPPORT: netlink is not permitted. */
	return error == -EOPNOTSUPP ? -ENOENT : error;
}

/* No member @map: without blocks and claims there is nothing to map. */
const struct ndshm_backend ndshm__backend_netlink = {
	.scheme = "netlink:",
	.open = netlink_open,
	.close = no_device_close,
	.command = no_device_command,
	.create_section = no_device_create_section,
	NDSHM__NETLINK_CALLS,
};

static int section_open(struct ndshm *ndshm, const char *where)
{
	return strcmp(where, ndshm->backend->scheme) ? -EINVAL : 0;
}

/* There are no objects. */
static int section_list(struct ndshm *ndshm, enum ndshm_list list, const void *key, void **out,
			size_t *count)
{
	(void)ndshm;
	(void)list;
	*out = NULL;
	*count = 0;
	return key ? -ENOENT : 0;
}

const struct ndshm_backend ndshm__backend_section = {
	.scheme = "section:",
	.open = section_open,
	.close = no_device_close,
	.command = no_device_command,
	.create_section = no_device_create_section,
	.list = section_list,
};
