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
struct piece;
struct platform_device;
struct task_struct;

/* Most elements that the provider's list can be told the lengths of. */
#define SCRIPT_ELEMENTS	4
/* Bytes a buffer of a list has, those around it, and what they are before a call. */
#define LIST_BYTES	512
#define GUARD_BYTES	64
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
 * @flags: of its characteristics, when it is registered
 * @asked: the parameters that the last call came with
 * @capacity: the number of elements that was in its list
 * @allocated: successes
 * @freed: calls of the free handler
 * @refused: other answers
 * @wrong: what was freed that was not allocated, or by another's handler
 * @number: what tells one script's contexts from another's
 * @memory: of the last success
 * @context: what the last success left as its context
 * @returned: what the last call of the free handler was given
 * @caller: who ran the last call of a handler
 * @contextless: the context is NULL, as what is freed then is the last success
 * @last: of which this is what there is to know
 */
struct script {
	NDIS_STATUS status;
	ULONG elements;
	ULONG lengths[SCRIPT_ELEMENTS];
	bool overlap;
	bool unaddressed;
	bool beyond;
	bool poison;
	ULONG flags;
	NDIS_SHARED_MEMORY_PARAMETERS asked;
	ULONG capacity;
	unsigned int allocated;
	unsigned int freed;
	unsigned int refused;
	unsigned int wrong;
	unsigned int number;
	void *memory;
	NDIS_HANDLE context;
	NDIS_HANDLE returned;
	struct task_struct *caller;
	bool contextless;
	struct piece *last;
};

/* The characteristics of a provider with that script. */
NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS script_handlers(struct script *script);
NDIS_STATUS script_register(NDIS_HANDLE handle, struct script *script);

/**
 * struct frame - what a caller has, and what nobody may write around it
 * @before: poison
 * @parameters: given to the call
 * @behind_parameters: poison
 * @list: LIST_BYTES of poison
 * @behind_list: poison
 * @allocation: where the allocation handle is stored
 * @after: poison
 */
struct frame {
	u8 before[GUARD_BYTES];
	NDIS_SHARED_MEMORY_PARAMETERS parameters;
	u8 behind_parameters[GUARD_BYTES];
	u8 list[LIST_BYTES] __aligned(8);
	u8 behind_list[GUARD_BYTES];
	NDIS_HANDLE allocation;
	u8 after[GUARD_BYTES];
};

/**
 * struct bench - what each case has to begin with
 * @device: of the adapter
 * @adapter: handle of the adapter
 * @driver: handle of a driver
 * @script: of the adapter's provider
 * @frame: that the calls of allocates() and refused() are given
 * @expected: what it should be after a call
 * @list: the frame's
 */
struct bench {
	struct device *device;
	NDIS_HANDLE adapter;
	NDIS_HANDLE driver;
	struct script script;
	struct frame frame;
	struct frame expected;
	SCATTER_GATHER_LIST *list;
};

/* A device that nothing drives; NULL if there is no memory. */
struct platform_device *ndis_device_make(const char *name);

/* step.c: what its steps have left goes. */
void step_end(void);

/* A valid request, which asks for a page and a list; the outputs have rubbish. */
NDIS_SHARED_MEMORY_PARAMETERS request(struct bench *bench);

/* Allocate in the frame, and compare all of it: but for the outputs, it is as it was. */
bool allocates(struct bench *bench, NDIS_HANDLE handle,
	       NDIS_SHARED_MEMORY_PARAMETERS *p, NDIS_HANDLE *allocation);
bool refused(struct bench *bench, NDIS_HANDLE handle,
	     NDIS_SHARED_MEMORY_PARAMETERS *p, NDIS_STATUS status);
/* As refused() for its header: address and shared memory handle are as they were, too. */
bool refused_unread(struct bench *bench, NDIS_SHARED_MEMORY_PARAMETERS *p);
/* allocates(), and gives it back. */
bool works(struct bench *bench, NDIS_SHARED_MEMORY_PARAMETERS *p);

/* What is not so is said in the log, and is the end of the case. */
#define CHECK(condition) do { \
	if (!(condition)) { \
		pr_err("%s:%d: %s\n", __func__, __LINE__, #condition); \
		return false; \
	} \
} while (0)

bool ndis_headers(struct bench *bench);
bool own_headers(struct bench *bench);
bool ndis_values(struct bench *bench);
bool ndis_revision_1(struct bench *bench);
bool own_flags(struct bench *bench);
bool own_usages(struct bench *bench);
bool own_lengths(struct bench *bench);
bool own_queue_xor_port(struct bench *bench);
bool ndis_nodes(struct bench *bench);
bool own_nodes(struct bench *bench);
bool ndis_lists(struct bench *bench);
bool own_lists(struct bench *bench);
bool own_failures(struct bench *bench);
bool ndis_driver_handle(struct bench *bench);
bool own_driver_handle(struct bench *bench);
bool ndis_queues(struct bench *bench);
bool own_queues(struct bench *bench);
bool own_left_blocks(struct bench *bench);
bool own_zeroed(struct bench *bench);
bool ndis_packets(struct bench *bench);
bool own_packets(struct bench *bench);
bool own_atomic_free(struct bench *bench);
bool ndis_helpers(struct bench *bench);
bool ndis_statuses(struct bench *bench);
bool own_statuses(struct bench *bench);
bool own_nonsense(struct bench *bench);
bool ndis_handler_sees(struct bench *bench);
bool own_handler_sees(struct bench *bench);
bool ndis_callers_context(struct bench *bench);
bool ndis_null_context(struct bench *bench);
bool ndis_characteristics(struct bench *bench);
bool own_characteristics(struct bench *bench);
bool ndis_again(struct bench *bench);
bool own_again(struct bench *bench);
bool own_scopes(struct bench *bench);
bool own_reach(struct bench *bench);
bool own_half_mapped(struct bench *bench);
bool own_longer(struct bench *bench);
bool ndis_three_handles(struct bench *bench);
bool own_names(struct bench *bench);
bool own_handles(struct bench *bench);
bool own_close_busy(struct bench *bench);
bool own_long(struct bench *bench);
bool own_needs_sync(struct bench *bench);
bool own_driver_nodes(struct bench *bench);
bool own_revoked(struct bench *bench);
bool own_gone(struct bench *bench);
bool own_cleared(struct bench *bench);
bool ndis_dma_handle(struct bench *bench);
bool own_dma_handle(struct bench *bench);
bool ndis_miniport(struct bench *bench);
bool own_miniport(struct bench *bench);
bool ndis_async(struct bench *bench);
bool own_async(struct bench *bench);
bool own_async_ends(struct bench *bench);
bool own_storm(struct bench *bench);

#endif /* _NDSHM_NDIS_CASES_H */
