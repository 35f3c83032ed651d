/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Test cases for the NDIS calls, run by name. Each begins with a handle of an adapter, a
 * handle of a driver, and a provider that replies as scripted.
 */
#ifndef _NDSHM_NDIS_CASES_H
#define _NDSHM_NDIS_CASES_H

#include <linux/printk.h>

#include <ndshm/block.h>
#include <ndshm/ndis.h>

#include "device.h"

struct device;
struct chunk;
struct task_struct;

/* Number of list elements whose lengths a script can set. */
#define SCRIPT_ELEMENTS	4
/* Size of a list's buffer, of the guards around it, and the fill byte of both. */
#define LIST_BYTES	512
#define GUARD_BYTES	64
#define POISON		0xa5

/**
 * struct script - Replies of the provider, and what its handlers were called with
 * @status: status of the allocate handler
 * @elements: reported number of elements; may exceed the list; 0: one for all memory
 * @lengths: lengths of the elements
 * @overlap: all elements begin at the same address
 * @backwards: the elements come from the end of the memory
 * @no_kernel_mapping: report no kernel address
 * @beyond: put the last element out of the device's reach
 * @poison: fill the memory with POISON instead of clearing it
 * @flags: flags of the characteristics
 * @requested: parameters of the last allocate call
 * @capacity: NumberOfElements of its list
 * @allocated: number of successful allocations
 * @freed: number of free calls
 * @refused: number of failure replies
 * @wrong: number of frees of an unknown context, or by other handlers
 * @number: distinguishes scripts
 * @memory: of the last success
 * @context: context returned by the last success
 * @returned: argument of the last free call
 * @caller: task of the last handler call
 * @contextless: return NULL as context; a free then frees @last
 * @last: memory of the last success
 * @domain: of the device, or NULL
 * @iova: DMA address in it
 * @translated: the free handler has found @iova translated
 */
struct script {
	NDIS_STATUS status;
	ULONG elements;
	ULONG lengths[SCRIPT_ELEMENTS];
	bool overlap;
	bool backwards;
	bool no_kernel_mapping;
	bool beyond;
	bool poison;
	ULONG flags;
	NDIS_SHARED_MEMORY_PARAMETERS requested;
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
	struct chunk *last;
	struct iommu_domain *domain;
	dma_addr_t iova;
	bool translated;
};

/* Get the characteristics of a provider with this script. */
NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS script_handlers(struct script *script);
NDIS_STATUS script_register(NDIS_HANDLE handle, struct script *script);

/**
 * struct frame - Arguments of a call, with guards
 * @before: guard
 * @parameters: argument of the call
 * @behind_parameters: guard
 * @list: LIST_BYTES of poison
 * @behind_list: guard
 * @allocation: output for the allocation handle
 * @after: guard
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
 * struct bench - Environment of a test case
 * @name: of the adapter and its provider
 * @device: of the adapter
 * @adapter: handle of the adapter
 * @driver: handle of a driver
 * @script: of the adapter's provider
 * @frame: arguments that allocates() and refused() use
 * @expected: expected contents of @frame after a call
 * @list: the list in @frame
 * @revoked: number of blocks of native_block() that were revoked
 * @skipped: the machine lacks what the case needs
 */
struct bench {
	char name[32];
	struct device *device;
	NDIS_HANDLE adapter;
	NDIS_HANDLE driver;
	struct script script;
	struct frame frame;
	struct frame expected;
	SCATTER_GATHER_LIST *list;
	unsigned int revoked;
	bool skipped;
};

/*
 * Allocate natively: for kernel code or, with @no_kernel_mapping, for a client. A revocation is
 * counted in bench->revoked. @adapter and @provider NULL: those of the case.
 */
ndshm_reason_t native_block(struct bench *bench, const char *adapter,
			    struct ndshm_provider *provider, u64 length, bool no_kernel_mapping,
			    struct ndshm_block **block);

/* Register a device without a driver. Return: NULL if there is no memory. */
struct platform_device *ndis_device_make(const char *name);

/* Get a description with 64-bit addresses. */
NDIS_SG_DMA_DESCRIPTION dma_description(MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE_HANDLER handler);

/* step.c: clean up after the steps. */
void step_end(void);

/* Get valid parameters for one page and a list, with poisoned outputs. */
NDIS_SHARED_MEMORY_PARAMETERS request(struct bench *bench);

/*
 * Call NdisAllocateSharedMemory() with the frame. Return: true if the result is as
 * expected and only outputs changed.
 */
bool allocates(struct bench *bench, NDIS_HANDLE handle,
	       NDIS_SHARED_MEMORY_PARAMETERS *p, NDIS_HANDLE *allocation);
bool refused(struct bench *bench, NDIS_HANDLE handle,
	     NDIS_SHARED_MEMORY_PARAMETERS *p, NDIS_STATUS status);
/*
 * As refused(), for an invalid header: address and shared memory handle must not change
 * either.
 */
bool refused_unread(struct bench *bench, NDIS_SHARED_MEMORY_PARAMETERS *p);
/* As allocates(), and free the allocation. */
bool works(struct bench *bench, NDIS_SHARED_MEMORY_PARAMETERS *p);
bool works_for(struct bench *bench, NDIS_HANDLE handle, NDIS_SHARED_MEMORY_PARAMETERS *p);

/* A header of a structure, and whether its call takes it. */
struct header_row {
	NDIS_OBJECT_HEADER header;
	bool good;
};

/*
 * Call with a copy of @argument for each header: SUCCESS, or the status @bad. The copy has as many
 * bytes as the size in the header says, at least a header, so that KASAN detects reading beyond.
 */
bool takes_headers(struct bench *bench, const struct header_row *rows, unsigned int count,
		   const void *argument, size_t size,
		   NDIS_STATUS (*call)(struct bench *bench, void *copy), NDIS_STATUS bad);

/* Log a false condition, and fail the case. */
#define CHECK(condition) do { \
	if (!(condition)) { \
		pr_err("%s:%d: %s\n", __func__, __LINE__, #condition); \
		return false; \
	} \
} while (0)

/* The call must return NDIS_STATUS_@name; an unexpected status is logged, too. */
#define CHECK_STATUS(name, call) do { \
	NDIS_STATUS status_ = (call); \
\
	if (status_ != NDIS_STATUS_##name) \
		pr_err("%s:%d: status %#x\n", __func__, __LINE__, status_); \
	CHECK(status_ == NDIS_STATUS_##name); \
} while (0)

/* As CHECK_STATUS(), for the reason of a native call. */
#define CHECK_REASON(name, call)	CHECK((call) == NDSHM_REASON_##name)

/*
 * Expect that the request is refused with each of the values as @member, and that the provider
 * is not called. Uses @p of the case.
 */
#define CHECK_REFUSED(bench, handle, member, ...) do { \
	static const ULONG values_[] = { __VA_ARGS__ }; \
	unsigned int i_, before_ = (bench)->script.allocated; \
\
	for (i_ = 0; i_ < ARRAY_SIZE(values_); i_++) { \
		p = request(bench); \
		p.member = values_[i_]; \
		CHECK(refused(bench, handle, &p, NDIS_STATUS_INVALID_PARAMETER)); \
	} \
	CHECK((bench)->script.allocated == before_); \
} while (0)

/* Expect that each of the values works as @member, and reaches the provider. Uses @p. */
#define CHECK_WORKS(bench, member, ...) do { \
	static const ULONG values_[] = { __VA_ARGS__ }; \
	unsigned int i_, before_ = (bench)->script.allocated; \
\
	for (i_ = 0; i_ < ARRAY_SIZE(values_); i_++) { \
		p = request(bench); \
		p.member = values_[i_]; \
		CHECK(works(bench, &p)); \
		CHECK((bench)->script.requested.member == values_[i_]); \
	} \
	CHECK((bench)->script.allocated == before_ + i_); \
} while (0)

#define CASE(name)	bool name(struct bench *bench)
#define CASE_CACHES	CASE
#include "../../../selftests/lib/ndshm_ndis_cases.h"
#undef CASE_CACHES
#undef CASE

#endif /* _NDSHM_NDIS_CASES_H */
