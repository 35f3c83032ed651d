// SPDX-License-Identifier: GPL-2.0
/*
 * What a list of all blocks costs.
 */
#include "../lib/ndshm_nl.h"
#include "bench.h"

/* Receive the list, and do not look at it. */
static int list_blocks(void *argument)
{
	struct ndshm_nl *nl = argument;

	return ndshm_nl_discard(nl, NDSHM_CMD_BLOCK_GET);
}

struct figure list_measure_blocks(unsigned int blocks)
{
	struct figure figure = { 0 };
	struct ndshm_nl nl;

	figure.error = -ndshm_nl_open(&nl);
	if (figure.error)
		return figure;
	figure = figure_each(measure(list_blocks, &nl, 3), blocks);
	ndshm_nl_close(&nl);
	return figure;
}
