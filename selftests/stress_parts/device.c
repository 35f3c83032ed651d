// SPDX-License-Identifier: GPL-2.0
/*
 * Claims on an edu device: registers, bus mastering, DMA.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ndshm_proc.h"
#include "client.h"

/* Others have it, or the last claim is still ending. */
#define TAKEN	STRESS_MAY(CLAIM_BUSY)

bool stress_do_claim(struct stress_client *client)
{
	struct ndshm_adapter_claim_args request = { .address_width = EDU_WIDTH };
	__u32 reason;

	if (!client->adapter)
		return true;
	request.device = open(ndshm_node(client->target), O_RDWR | O_CLOEXEC);
	if (request.device < 0)
		return client->target_may || stress_error("no device node: %s", strerror(errno));
	reason = stress_call(client, NDSHM_ADAPTER_CLAIM, &request,
			     sizeof(request), TAKEN | client->target_may);
	close(request.device);
	if (reason)
		return reason != STRESS_BROKEN;
	if (client->claimed == request.out_adapter)
		return stress_error("an adapter was claimed twice");
	/* It was bound again since this client looked it up. */
	if (client->adapter != request.out_adapter)
		return stress_client_reopen(client);
	client->claimed = request.out_adapter;
	return true;
}

bool stress_do_bar(struct stress_client *client)
{
	struct ndshm_adapter_map_bar_args request = {
		.adapter = client->claimed,
	};
	__u32 reason;
	void *bar;

	if (!client->claimed)
		return stress_do_claim(client);
	reason = stress_call(client, NDSHM_ADAPTER_MAP_BAR, &request,
			     sizeof(request), client->target_may);
	if (reason)
		return reason != STRESS_BROKEN;
	if (client->bar_offset && client->bar_offset != request.out_mmap_offset)
		return stress_error("a BAR has two offsets");
	client->bar_offset = request.out_mmap_offset;
	if (client->bar) {
		munmap(client->bar, client->bar_length);
		client->bar = NULL;
	}
	bar = mmap(NULL, request.out_length, PROT_READ | PROT_WRITE,
		   MAP_SHARED, client->fd, request.out_mmap_offset);
	if (bar == MAP_FAILED) {
		if (errno == ENODEV && client->target_may)
			return true;
		return stress_error("mmap of a BAR: %s", strerror(errno));
	}
	client->bar = bar;
	client->bar_length = request.out_length;
	return true;
}

static int is_running(void *context)
{
	const struct stress_client *client = context;

	return ndshm_edu_get32(client->bar, EDU_DMA_COMMAND) & EDU_DMA_RUN;
}

/* SIGBUS in the registers of a claim has one excuse. */
static bool may_be_gone(const struct stress_client *client)
{
	return client->target_may ||
	       stress_error("SIGBUS in a claim's registers");
}

/*
 * A transfer that the previous owner started may still run and cannot be cancelled.
 * Wait for it before enabling bus mastering.
 */
bool stress_do_start(struct stress_client *client)
{
	struct ndshm_adapter_start_args request = { .adapter = client->claimed };
	__u32 reason;

	if (!client->bar)
		return stress_do_bar(client);
	switch (stress_guarded(is_running, client)) {
	case STRESS_GONE:
		return may_be_gone(client);
	case 0:
		break;
	default:
		return true;
	}
	reason = stress_call(client, NDSHM_ADAPTER_START, &request,
			     sizeof(request), client->target_may);
	client->started |= !reason;
	return reason != STRESS_BROKEN;
}

struct transfer {
	struct stress_client *client;
	__u64 address;
	bool to_memory;
};

static int transfer(void *context)
{
	struct transfer *transfer = context;
	struct stress_client *client = transfer->client;

	if (is_running(client))
		return 0;
	ndshm_edu_set32(client->bar, EDU_DMA_FROM, transfer->to_memory ?
			EDU_BUFFER : transfer->address);
	ndshm_edu_set32(client->bar, EDU_DMA_TO, transfer->to_memory ?
			transfer->address : EDU_BUFFER);
	ndshm_edu_set32(client->bar, EDU_DMA_COUNT, EDU_MOST);
	ndshm_edu_set32(client->bar, EDU_DMA_COMMAND, EDU_DMA_RUN |
			(transfer->to_memory ? EDU_DMA_TO_RAM : 0));
	return 0;
}

/* Its address is the device's. */
static bool can_be_driven(const struct stress_block *block)
{
	return block->handle && block->claimed;
}

/* The block stays until the claim ends: the device has its address. */
bool stress_do_dma(struct stress_client *client)
{
	struct transfer what = { .client = client };
	struct stress_block *block;

	if (!client->started || !client->bar)
		return stress_do_start(client);
	block = stress_some_block(client, can_be_driven);
	if (!block)
		return true;
	what.address = block->info.address;
	what.to_memory = stress_chance(&client->random, 50);
	block->driven = true;
	return stress_guarded(transfer, &what) != STRESS_GONE ||
	       may_be_gone(client);
}

void stress_claim_ended(struct stress_client *client)
{
	struct stress_block *block;
	unsigned int i;

	for (i = 0; i < client->count; i++) {
		block = &client->blocks[i];
		if (!block->claimed)
			continue;
		/* Other processes may keep the claim for an unknown time. */
		block->claimed = false;
		block->gone = !client->shared;
		block->fickle = client->shared;
	}
	/* A child's mapping may go with the child. */
	if (client->bar && (!client->child || stress_chance(&client->random, 50)))
		munmap(client->bar, client->bar_length);
	client->bar = NULL;
	client->bar_offset = 0;
	client->claimed = 0;
	client->started = false;
}
