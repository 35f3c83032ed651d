/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cases for the NDIS calls, run by their name. Each begins with a handle of an adapter,
 * one of a driver, and a provider that does what its script says.
 */
#ifndef _NDSHM_NDIS_CASES_H
#define _NDSHM_NDIS_CASES_H

#include <linux/printk.h>

#include <ndshm/ndis.h>

struct device;

/* Most elements that the provider's list can be told the lengths of. */
#define SCRIPT_ELEMENTS	4
/* Bytes a buffer of a list has, and what they are before a call. */
#define LIST_BYTES	512
#define POISON		0xa5

/**
 * struct script - what the provider does, and what it was asked for
 * @status: its answer
 * @elements: as it reports; more than there are is nonsense, 0: one for all
 * @lengths: of the elements
 * @overlap: all of them begin at the same address
 * @unaddressed: there is no kernel address
 * @beyond: the last element is where the device does not get
 * @poison: memory is filled with POISON and not cleared
 * @asked: the parameters that the last call came with
 * @capacity: the number of elements that was in its list
 * @allocated: successes
 * @freed: calls of the free handler
 * @refused: other answers
 * @wrong: what was freed that was not allocated, or by another's handler
 * @number: what tells one script's contexts from another's
 * @memory: of the last success
 */
struct script {
	NDIS_STATUS status;
	ULONG elements;
	ULONG lengths[SCRIPT_ELEMENTS];
	bool overlap;
	bool unaddressed;
	bool beyond;
	bool poison;
	NDIS_SHARED_MEMORY_PARAMETERS asked;
	ULONG capacity;
	unsigned int allocated;
	unsigned int freed;
	unsigned int refused;
	unsigned int wrong;
	unsigned int number;
	void *memory;
};

/* The characteristics of a provider with that script. */
NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS script_handlers(struct script *script);
NDIS_STATUS script_register(NDIS_HANDLE handle, struct script *script);

/**
 * struct bench - what each case has to begin with
 * @device: of the adapter
 * @adapter: handle of the adapter
 * @driver: handle of a driver
 * @script: of the adapter's provider
 * @list: LIST_BYTES of poison
 */
struct bench {
	struct device *device;
	NDIS_HANDLE adapter;
	NDIS_HANDLE driver;
	struct script script;
	SCATTER_GATHER_LIST *list;
};

/* A valid request, which asks for a page and a list; the outputs have rubbish. */
NDIS_SHARED_MEMORY_PARAMETERS request(struct bench *bench);
/* The list is as it was: nobody has written to it, from a byte on. */
bool list_untouched(struct bench *bench, size_t from);

/* Allocate, and compare all that must and all that must not be written. */
bool allocates(struct bench *bench, NDIS_HANDLE handle,
	       NDIS_SHARED_MEMORY_PARAMETERS *p, NDIS_HANDLE *allocation);
bool refused(struct bench *bench, NDIS_HANDLE handle,
	     NDIS_SHARED_MEMORY_PARAMETERS *p, NDIS_STATUS status);
/* allocates(), and gives it back. */
bool works(struct bench *bench, NDIS_SHARED_MEMORY_PARAMETERS *p);

/* What is not so is said in the log, and is the end of the case. */
#define CHECK(condition) do { \
	if (!(condition)) { \
		pr_err("%s:%d: %s\n", __func__, __LINE__, #condition); \
		return false; \
	} \
} while (0)

bool case_headers(struct bench *bench);
bool case_values(struct bench *bench);
bool case_lists(struct bench *bench);
bool case_nodes(struct bench *bench);
bool case_driver_handle(struct bench *bench);
bool case_queues(struct bench *bench);
bool case_zeroed(struct bench *bench);
bool case_statuses(struct bench *bench);
bool case_nonsense(struct bench *bench);
bool case_handler_sees(struct bench *bench);
bool case_characteristics(struct bench *bench);
bool case_again(struct bench *bench);
bool case_reach(struct bench *bench);
bool case_half_mapped(struct bench *bench);
bool case_longer(struct bench *bench);
bool case_handles(struct bench *bench);
bool case_close_busy(struct bench *bench);
bool case_revoked(struct bench *bench);
bool case_gone(struct bench *bench);
bool case_cleared(struct bench *bench);
bool case_dma_handle(struct bench *bench);
bool case_miniport(struct bench *bench);
bool case_async(struct bench *bench);
bool case_async_ends(struct bench *bench);
bool case_storm(struct bench *bench);

#endif /* _NDSHM_NDIS_CASES_H */
