// SPDX-License-Identifier: GPL-2.0
/*
 * Stress: concurrent allocation and free, asynchronous allocation with free in the
 * completion handler, replacement of the provider's handlers, and attempts to close the
 * handle.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "cases.h"

/* Successes of each of the first three players. */
#define ROUNDS	500

struct stress {
	struct bench *bench;
	NDIS_HANDLE dma;
	struct script scripts[2];
	struct completion arrived;
	struct completion begin;
	atomic_t players;
	atomic_t pending;
	atomic_t completed;
	atomic_t granted;
	atomic_t allocated;
	atomic_t wrong;
};

static struct stress stress;

static void print_error(const char *what, long number)
{
	if (atomic_inc_return(&stress.wrong) < 10)
		pr_err("%s: %ld\n", what, number);
}

/* A concurrent close may cause NDIS_STATUS_FAILURE, and no other failure. */
static bool allocate_and_free(void)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(stress.bench);
	NDIS_HANDLE allocation;
	NDIS_STATUS status;

	status = NdisAllocateSharedMemory(stress.bench->adapter, &p, &allocation);
	if (status == NDIS_STATUS_SUCCESS) {
		atomic_inc(&stress.allocated);
		RtlFillMemory(p.VirtualAddress, p.Length, POISON);
		NdisFreeSharedMemory(stress.bench->adapter, allocation);
	} else if (status != NDIS_STATUS_FAILURE) {
		print_error("allocate", status);
	}
	return status == NDIS_STATUS_SUCCESS;
}

static VOID complete_at_once(NDIS_HANDLE context, PVOID address, PNDIS_PHYSICAL_ADDRESS physical,
			     ULONG length, PVOID request)
{
	atomic_inc(&stress.completed);
	if (!address)
		return;
	atomic_inc(&stress.granted);
	RtlFillMemory(address, length, POISON);
	NdisMFreeSharedMemory(stress.bench->adapter, length, FALSE, address,
			      *physical);
}

static bool ask_for_later(void)
{
	NDIS_STATUS status;

	status = NdisMAllocateSharedMemoryAsyncEx(stress.dma, PAGE_SIZE, FALSE,
						  NULL);
	if (status == NDIS_STATUS_PENDING)
		atomic_inc(&stress.pending);
	else if (status != NDIS_STATUS_FAILURE)
		print_error("ask", status);
	return status == NDIS_STATUS_PENDING;
}

static bool change_handlers(void)
{
	static unsigned int turn;
	NDIS_STATUS status;

	status = script_register(stress.bench->adapter,
				 &stress.scripts[turn++ & 1]);
	if (status != NDIS_STATUS_SUCCESS && status != NDIS_STATUS_FAILURE)
		print_error("register", status);
	return status == NDIS_STATUS_SUCCESS;
}

/* What runs at the same time: a number of successes, or attempts to close beside them. */
struct player {
	struct work_struct work;
	bool (*step)(void);
	int rounds;
};

static void arrive(void)
{
	complete(&stress.arrived);
	wait_for_completion(&stress.begin);
}

static void play(struct work_struct *work)
{
	struct player *player = container_of(work, struct player, work);

	arrive();
	while (player->rounds < ROUNDS && !atomic_read(&stress.wrong)) {
		player->rounds += player->step();
		cond_resched();
	}
	atomic_dec(&stress.players);
}

static void try_to_close(struct work_struct *work)
{
	int ret;

	arrive();
	/* Try once in any case: the others may finish before this one starts. */
	do {
		ret = ndshm_ndis_close(stress.bench->adapter);
		if (ret != -EBUSY)
			print_error("close", ret);
		/* Meanwhile the others succeed, which fail during a close. */
		usleep_range(20, 50);
	} while (atomic_read(&stress.players));
}

/* Each waits for the others, which an unbound workqueue runs at the same time. */
static void run_all(void)
{
	static struct player players[4];
	unsigned int i;

	atomic_set(&stress.players, 3);
	players[0].step = allocate_and_free;
	players[1].step = ask_for_later;
	players[2].step = change_handlers;
	for (i = 0; i < ARRAY_SIZE(players); i++) {
		players[i].rounds = 0;
		INIT_WORK(&players[i].work, players[i].step ? play : try_to_close);
		queue_work(system_unbound_wq, &players[i].work);
	}
	for (i = 0; i < ARRAY_SIZE(players); i++)
		wait_for_completion(&stress.arrived);
	complete_all(&stress.begin);
	for (i = 0; i < ARRAY_SIZE(players); i++) {
		flush_work(&players[i].work);
		if (players[i].step && players[i].rounds != ROUNDS)
			print_error("rounds", players[i].rounds);
	}
}

bool own_stress(struct bench *bench)
{
	NDIS_SG_DMA_DESCRIPTION description = dma_description(complete_at_once);
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	unsigned int allocated, freed;
	NDIS_HANDLE held;

	RtlZeroMemory(&stress, sizeof(stress));
	stress.bench = bench;
	init_completion(&stress.arrived);
	init_completion(&stress.begin);
	CHECK_STATUS(SUCCESS, NdisMRegisterScatterGatherDma(bench->adapter, &description,
							    &stress.dma));
	/* Keeps the handle open. */
	CHECK(allocates(bench, bench->adapter, &p, &held));
	/* Register before they start: the player that allocates may finish first. */
	CHECK(change_handlers());
	run_all();
	NdisMDeregisterScatterGatherDma(stress.dma);
	NdisFreeSharedMemory(bench->adapter, held);

	pr_info("%d blocks, %d of %d requests granted\n",
		atomic_read(&stress.allocated), atomic_read(&stress.granted),
		atomic_read(&stress.pending));
	CHECK(!atomic_read(&stress.wrong));
	/* Every request completed once, and the expected number of operations succeeded. */
	CHECK(atomic_read(&stress.pending) == ROUNDS);
	CHECK(atomic_read(&stress.completed) == ROUNDS && atomic_read(&stress.granted) == ROUNDS);
	CHECK(atomic_read(&stress.allocated) == ROUNDS);
	allocated = stress.scripts[0].allocated + stress.scripts[1].allocated;
	freed = stress.scripts[0].freed + stress.scripts[1].freed;
	CHECK(allocated == freed && allocated);
	CHECK(!stress.scripts[0].wrong && !stress.scripts[1].wrong);
	CHECK(bench->script.allocated + allocated == ROUNDS + 1);
	return true;
}
