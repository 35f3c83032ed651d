/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which call sites of ndshm.ko's instrumentation were passed. Kept in a module of
 * its own, so that it outlives ndshm.ko: init, exit and every load count.
 */
#ifndef _NDSHM_COVERAGE_H
#define _NDSHM_COVERAGE_H

#include <linux/types.h>

/* A function in each section with code, so that sections can be told apart. */
enum {
	NDSHM_COVERAGE_TEXT,
	NDSHM_COVERAGE_EXIT,
	NDSHM_COVERAGE_INIT,
	NDSHM_COVERAGE_ANCHORS
};

/**
 * struct ndshm_coverage - what is known of ndshm.ko
 * @known: @anchors is filled in
 * @lost: a site is neither in @text nor in @init
 * @anchors: where each function lies in its area
 * @text: a byte for each byte of code, set if an instrumentation call returned there
 * @init: the same, of the area that goes once the module is initialised
 *
 * Bytes, so that any context can mark one with a store and needs no lock.
 */
struct ndshm_coverage {
	bool known;
	bool lost;
	u32 anchors[NDSHM_COVERAGE_ANCHORS];
	u8 text[1 << 20];
	u8 init[1 << 16];
};

extern struct ndshm_coverage ndshm_coverage;

/* In ndshm.ko. The linker sends the compiler's calls to the first of the two. */
void __wrap___sanitizer_cov_trace_pc(void);
void __real___sanitizer_cov_trace_pc(void);
void ndshm_coverage_describe(void);

#endif /* _NDSHM_COVERAGE_H */
