// SPDX-License-Identifier: GPL-2.0
/*
 * What the command sees of the module when a test binds a function of a sysfs
 * made of plain files: one adapter, 7. STAND_IN_USE says who uses it: "claim",
 * "block", or nobody. As in sysfs, what is written replaces what was there.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ndshm/ndshm.h>

#define ADAPTER 7

int __wrap_ndshm_fd(const struct ndshm *ndshm);
int __wrap_ndshm_find_adapter(struct ndshm *ndshm, const char *name,
			      struct ndshm_adapter_info *info);
int __wrap_ndshm_list_blocks(struct ndshm *ndshm, struct ndshm_block_row **out, size_t *count);
ssize_t __real_write(int fd, const void *bytes, size_t length);
ssize_t __wrap_write(int fd, const void *bytes, size_t length);

static bool used_by(const char *word)
{
	const char *use = getenv("STAND_IN_USE");

	return use && !strcmp(use, word);
}

int __wrap_ndshm_fd(const struct ndshm *ndshm)
{
	(void)ndshm;
	return 0;
}

int __wrap_ndshm_find_adapter(struct ndshm *ndshm, const char *name,
			      struct ndshm_adapter_info *info)
{
	(void)ndshm;
	memset(info, 0, sizeof(*info));
	strncpy(info->name, name, sizeof(info->name) - 1);
	info->id = ADAPTER;
	info->claimed = used_by("claim");
	return 0;
}

/* The first one is always another adapter's. */
int __wrap_ndshm_list_blocks(struct ndshm *ndshm, struct ndshm_block_row **out, size_t *count)
{
	(void)ndshm;
	*out = calloc(2, sizeof(**out));
	if (!*out)
		abort();
	(*out)[0].adapter = ADAPTER + 1;
	(*out)[1].adapter = ADAPTER;
	*count = used_by("block") ? 2 : 1;
	return 0;
}

ssize_t __wrap_write(int fd, const void *bytes, size_t length)
{
	if (ftruncate(fd, 0))
		abort();
	return __real_write(fd, bytes, length);
}
