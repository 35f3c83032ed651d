// SPDX-License-Identifier: GPL-2.0
/*
 * Replaces calls of the library in the command, for tests that bind a function in a fake
 * sysfs of plain files. There is one adapter, 7, with any name. STAND_IN_USE is its use:
 * "claim", "block", or the name of the claimed adapter. As in sysfs, a write replaces the contents
 * of a file. STAND_IN_NODE is the device node, an ordinary file that each binding makes anew.
 *
 * There are three sections: an ordinary one, a nearly empty one, and one with values that
 * no module would return.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "stand_in.h"

#define ADAPTER 7

static bool used_by(const char *word)
{
	const char *use = getenv("STAND_IN_USE");

	return use && !strcmp(use, word);
}

WRAP(int, ndshm_fd, const struct ndshm *ndshm)
{
	(void)ndshm;
	return 0;
}

WRAP(int, ndshm_find_adapter_sized, struct ndshm *ndshm, const char *name,
     struct ndshm_adapter_info *info, size_t size)
{
	(void)ndshm;
	(void)size;
	memset(info, 0, sizeof(*info));
	strncpy(info->name, name, sizeof(info->name) - 1);
	info->id = ADAPTER;
	info->claimed = used_by("claim") || used_by(name);
	info->claimable = true;
	return 0;
}

/* The first block belongs to another adapter. */
STAND_IN_LIST(ndshm_list_blocks_sized, ndshm_block_row)
{
	*out = stand_in_rows(NULL, used_by("block") ? 2 : 1, sizeof(**out), count);
	(*out)[0].adapter = ADAPTER + 1;
	(*out)[1].adapter = ADAPTER;
	return 0;
}

static const struct ndshm_section_row sections[] = {
	{
		.id = 3,
		.adapter = 1,
		.provider = 1,
		.max_size = 1 << 30,
		.initial_size = 2 << 20,
		.committed = 512 << 20,
		.taken = 256 << 20,
		.extents = 5,
		.holders = 2,
	},
	{
		.id = 70000,
		.adapter = ADAPTER,
		.provider = 9,
		.uid = UINT32_MAX - 1,
		.max_size = 1ULL << 36,
		.committed = 4096,
		.taken = 4096,
		.extents = 1,
		.holders = 1,
		.deleted = true,
	},
	{
		.id = UINT32_MAX,
		.max_size = 0,
		.initial_size = UINT64_MAX,
		.committed = UINT64_MAX,
		.taken = UINT64_MAX,
		.extents = UINT32_MAX,
		.holders = UINT32_MAX,
		.deleted = true,
		.revoked = true,
	},
};

STAND_IN_LIST(ndshm_list_sections_sized, ndshm_section_row)
{
	*out = stand_in_rows(sections, sizeof(sections) / sizeof(sections[0]), sizeof(**out), count);
	return 0;
}

static void make_node(const char *node)
{
	unlink(node);
	if (close(open(node, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)))
		abort();
}

static bool is_bind(int fd)
{
	char link[32], path[PATH_MAX] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, path, sizeof(path) - 1) > 0 && strstr(path, "/ndshm_pci/bind");
}

WRAP(ssize_t, write, int fd, const void *bytes, size_t length)
{
	const char *node = getenv("STAND_IN_NODE");

	if (ftruncate(fd, 0))
		abort();
	if (node && is_bind(fd))
		make_node(node);
	return __real_write(fd, bytes, length);
}
