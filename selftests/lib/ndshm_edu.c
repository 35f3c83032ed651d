// SPDX-License-Identifier: GPL-2.0
#include <errno.h>

#include "ndshm_edu.h"
#include "ndshm_proc.h"

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8

int ndshm_edu_find(struct ndshm_edu *edu)
{
	return ndshm_pci_find(&edu->pci, EDU_VENDOR, EDU_DEVICE);
}

int ndshm_edu_find_in_slot(struct ndshm_edu *edu)
{
	return ndshm_pci_find_in_slot(&edu->pci, EDU_VENDOR, EDU_DEVICE);
}

int ndshm_edu_find_pair(struct ndshm_edu pair[2])
{
	struct ndshm_pci pci[2];
	int error = ndshm_pci_find_pair(pci, EDU_VENDOR, EDU_DEVICE), i;

	for (i = 0; !error && i < 2; i++)
		pair[i].pci = pci[i];
	return error;
}

static int open_and_bind(struct ndshm_edu *edu, bool strict)
{
	int error = ndshm_read_file(ALLOW_UNISOLATED, edu->allowed,
				    sizeof(edu->allowed));

	if (!error)
		error = ndshm_nl_open(&edu->nl);
	if (error)
		return error;
	error = ndshm_pci_bind(&edu->pci, strict);
	if (error)
		ndshm_edu_restore(edu);
	return error;
}

/*
 * Read the adapter after all functions of its group are bound: unbound ones
 * would make it not isolated.
 */
static int look(struct ndshm_edu *edu)
{
	int error = ndshm_nl_adapter_by_name(&edu->nl, edu->pci.name,
					     &edu->adapter);

	if (!error && edu->adapter.isolation)
		error = ndshm_write_file(ALLOW_UNISOLATED, "Y");
	return error;
}

static int bind_one(struct ndshm_edu *edu, bool strict)
{
	int error = open_and_bind(edu, strict);

	if (error)
		return error;
	error = look(edu);
	if (error)
		ndshm_edu_restore(edu);
	return error;
}

int ndshm_edu_bind(struct ndshm_edu *edu)
{
	return bind_one(edu, true);
}

int ndshm_edu_bind_as_it_is(struct ndshm_edu *edu)
{
	return bind_one(edu, false);
}

int ndshm_edu_bind_pair(struct ndshm_edu pair[2])
{
	int error = 0;

	/*
	 * The group's type can only be changed while all of its functions are
	 * unbound.
	 */
	if (pair[1].pci.driver[0])
		error = ndshm_pci_unbind(&pair[1].pci);
	if (!error)
		error = open_and_bind(&pair[0], true);
	if (error) {
		ndshm_pci_restore(&pair[1].pci);
		return error;
	}
	error = open_and_bind(&pair[1], false);
	if (error) {
		ndshm_edu_restore(&pair[0]);
		return error;
	}
	error = look(&pair[0]);
	if (!error)
		error = look(&pair[1]);
	if (error)
		ndshm_edu_restore_pair(pair);
	return error;
}

int ndshm_edu_rebind(struct ndshm_edu *edu)
{
	int error = ndshm_pci_bind(&edu->pci, true);

	return error ?: look(edu);
}

int ndshm_edu_restore(struct ndshm_edu *edu)
{
	int error = 0;

	/* A failed test may have left the device removed. */
	if (!ndshm_pci_is_there(&edu->pci))
		error = ndshm_pci_rescan();
	ndshm_write_file(ALLOW_UNISOLATED, edu->allowed);
	ndshm_pci_restore(&edu->pci);
	ndshm_nl_close(&edu->nl);
	if (!error && !ndshm_pci_is_there(&edu->pci))
		error = -ENODEV;
	return error;
}

/* Both functions must be unbound when the type of their group is set. */
int ndshm_edu_restore_pair(struct ndshm_edu pair[2])
{
	int second, first;

	ndshm_pci_unbind(&pair[0].pci);
	/*
	 * Second first: it saved the value of allow_unisolated that the first
	 * one had set.
	 */
	second = ndshm_edu_restore(&pair[1]);
	first = ndshm_edu_restore(&pair[0]);
	return first ?: second;
}

__u32 ndshm_edu_get32(const void *bar, unsigned int at)
{
	return __atomic_load_n((const __u32 *)((const char *)bar + at),
			       __ATOMIC_RELAXED);
}

void ndshm_edu_set32(void *bar, unsigned int at, __u32 value)
{
	__atomic_store_n((__u32 *)((char *)bar + at), value, __ATOMIC_RELAXED);
}

/* The device completes a transfer by a timer and clears the bit. */
bool ndshm_edu_is_idle(const void *bar)
{
	return ndshm_soon(!(ndshm_edu_get32(bar, EDU_DMA_COMMAND) &
			    EDU_DMA_RUN));
}

static bool dma(void *bar, __u32 from, __u32 to, __u32 count, __u32 direction)
{
	ndshm_edu_set32(bar, EDU_DMA_FROM, from);
	ndshm_edu_set32(bar, EDU_DMA_TO, to);
	ndshm_edu_set32(bar, EDU_DMA_COUNT, count);
	ndshm_edu_set32(bar, EDU_DMA_COMMAND, EDU_DMA_RUN | direction);
	return ndshm_edu_is_idle(bar);
}

bool ndshm_edu_to_device(void *bar, __u64 address, __u32 count)
{
	return dma(bar, address, EDU_BUFFER, count, 0);
}

bool ndshm_edu_from_device(void *bar, __u64 address, __u32 count)
{
	return dma(bar, EDU_BUFFER, address, count, EDU_DMA_TO_RAM);
}
