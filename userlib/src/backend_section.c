// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * "section:", a client without a device, for processes that only adopt sections. A
 * section needs a context to store the reasons of failures.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

static int section_open(struct ndshm *ndshm, const char *where)
{
	return strcmp(where, ndshm->backend->scheme) ? -EINVAL : 0;
}

static void section_close(struct ndshm *ndshm)
{
	(void)ndshm;
}

static int section_command(struct ndshm *ndshm, unsigned long number, void *argument)
{
	struct ndshm_get_info *info = argument;

	(void)ndshm;
	if (number != NDSHM_GET_INFO)
		return -ENOTTY;
	info->out_features = NDSHM_FEATURE_SECTIONS;
	info->out_page_size = sysconf(_SC_PAGESIZE);
	return 0;
}

static int create_section(struct ndshm *ndshm, struct ndshm_section_create *argument,
			  struct ndshm_section *section)
{
	(void)ndshm;
	(void)argument;
	(void)section;
	return -EOPNOTSUPP;
}

static int list_adapters(struct ndshm *ndshm, const char *name, struct ndshm_adapter_info **out,
			 size_t *count)
{
	(void)ndshm;
	(void)out;
	(void)count;
	return name ? -ENOENT : 0;
}

static int list_providers(struct ndshm *ndshm, const char *name, struct ndshm_provider_info **out,
			  size_t *count)
{
	(void)ndshm;
	(void)out;
	(void)count;
	return name ? -ENOENT : 0;
}

static int list_blocks(struct ndshm *ndshm, struct ndshm_block_row **out, size_t *count)
{
	(void)ndshm;
	(void)out;
	(void)count;
	return 0;
}

static int list_sections(struct ndshm *ndshm, struct ndshm_section_row **out, size_t *count)
{
	(void)ndshm;
	(void)out;
	(void)count;
	return 0;
}

static int list_queues(struct ndshm *ndshm, struct ndshm_queue_row **out, size_t *count)
{
	(void)ndshm;
	(void)out;
	(void)count;
	return 0;
}

/* No member @map: without blocks and claims there is nothing to map. */
const struct ndshm_backend ndshm__backend_section = {
	.scheme = "section:",
	.open = section_open,
	.close = section_close,
	.command = section_command,
	.create_section = create_section,
	.list_adapters = list_adapters,
	.list_providers = list_providers,
	.list_blocks = list_blocks,
	.list_sections = list_sections,
	.list_queues = list_queues,
};
