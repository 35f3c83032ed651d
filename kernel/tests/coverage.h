/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Code coverage of ndshm.ko: the instrumented call sites that were executed. Recorded in
 * a module of its own, which stays loaded when ndshm.ko is unloaded, so that init, exit
 * and every load count.
 */
#ifndef _NDSHM_COVERAGE_H
#define _NDSHM_COVERAGE_H

#include <linux/types.h>

/*
 * Functions at known places, one in each code section, by which report.py finds the
 * offsets of the sections.
 */
enum {
	NDSHM_COVERAGE_TEXT,
	NDSHM_COVERAGE_EXIT,
	NDSHM_COVERAGE_INIT,
	NDSHM_COVERAGE_ANCHORS
};

/**
 * struct ndshm_coverage - Recorded call sites
 * @known: @anchors is valid
 * @lost: a call came from a place outside @text and @init
 * @anchors: offset of each anchor function in its area
 * @text: one byte for each byte of code, set if an instrumentation call returned there
 * @init: the same for the area that is freed after initialisation
 *
 * Bytes, so that any context can mark a site by a store, without a lock.
 */
struct ndshm_coverage {
	bool known;
	bool lost;
	u32 anchors[NDSHM_COVERAGE_ANCHORS];
	u8 text[1 << 20];
	u8 init[1 << 16];
};

extern struct ndshm_coverage ndshm_coverage;

/*
 * Defined in ndshm.ko. The linker redirects the compiler's calls to the first of the two.
 */
void __wrap___sanitizer_cov_trace_pc(void);
void __real___sanitizer_cov_trace_pc(void);
void ndshm_coverage_describe(void);

#endif /* _NDSHM_COVERAGE_H */
