// SPDX-License-Identifier: GPL-2.0
/* GET_INFO. */
#include <linux/huge_mm.h>
#include <linux/mm.h>

#include <linux/ndshm.h>

#include "../account/charge.h"
#include "../adapter/node.h"
#include "../block/block.h"
#include "../section/section.h"
#include "cdev.h"
#include "client.h"

static ndshm_reason_t ndshm_ioctl_get_info(struct ndshm_command *command)
{
	struct ndshm_get_info_args *argument = command->argument;
	struct ndshm_client *client = ndshm_client_of(command);

	if (argument->__reserved)
		return NDSHM_REASON_RESERVED;
	argument->out_features = NDSHM_FEATURE_BLOCKS | NDSHM_FEATURE_SYNC |
				 NDSHM_FEATURE_SECTIONS | NDSHM_FEATURE_NAMES |
				 NDSHM_FEATURE_FREE_MANY | NDSHM_FEATURE_TAGS |
				 NDSHM_FEATURE_CLAIMS | NDSHM_FEATURE_IRQS |
				 NDSHM_FEATURE_RESET;
	if (IS_ENABLED(CONFIG_DMA_SHARED_BUFFER))
		argument->out_features |= NDSHM_FEATURE_EXPORT |
					  NDSHM_FEATURE_SECTION_EXPORT;
	if (IS_ENABLED(CONFIG_PCI))
		argument->out_features |= NDSHM_FEATURE_CONFIG;
	argument->out_max_length = ndshm_max_length();
	argument->out_max_blocks = NDSHM_MAX_HANDLES;
	argument->out_max_batch = NDSHM_MAX_BATCH;
	argument->out_page_size = PAGE_SIZE;
	argument->out_default_adapter = ndshm_node_default();
	argument->out_blocks = READ_ONCE(client->handles.live);
	argument->out_bytes = READ_ONCE(client->handles.bytes);
	argument->out_user_locked = ndshm_user_locked();
	argument->out_max_section = ndshm_max_section();
	argument->out_huge_size = IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) ?
				  min(PMD_SIZE, PAGE_SIZE << MAX_PAGE_ORDER) : PAGE_SIZE;
	return NDSHM_REASON_NONE;
}

#define ROW	NDSHM_IOCTL_ROW

static const struct ndshm_ioctl_row info_rows[] = {
	ROW(NDSHM_GET_INFO, get_info, out_user_locked, 0),
};

const struct ndshm_ioctl_table ndshm_info_ioctls = { info_rows, ARRAY_SIZE(info_rows) };
