/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that a debug kernel counts as still allocated, for comparison before
 * and after a test. Root only. The functions return -1 if the kernel does not
 * support it.
 */
#ifndef _NDSHM_SELFTEST_DEBUG_H
#define _NDSHM_SELFTEST_DEBUG_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Wait for asynchronous frees: the module's deferred work and the current RCU
 * grace period.
 */
void ndshm_wait_deferred(void);

/* Number of entries of DMA API debugging: mappings and memory of all devices but an SMMU. */
int ndshm_dma_entries(void);

/*
 * Count the pages that our modules allocated: those in whose stack a frame of
 * our modules is nearer to the allocation than any cache that keeps pages
 * (slab, page tables). A frame without a symbol belongs to an unloaded module
 * and counts as ours. Calls ndshm_wait_deferred() first. ndshm_pages_print() prints
 * the stacks and their pages as comments.
 */
long ndshm_pages_owned(void);
void ndshm_pages_print(void);

/*
 * Return the number of objects that our modules allocated and kmemleak finds
 * unreferenced. Store the first one's record in @text. Scans twice and takes at
 * least five seconds, because younger objects, and those changed since the last
 * scan, are not reported. Tells the log how many objects the kernel itself has leaked.
 * ndshm_kmemleak_forget() clears what is known so far
 * and stops the kernel's periodic scans, which only slow the tests.
 */
int ndshm_kmemleak(char *text, size_t size);
void ndshm_kmemleak_forget(void);

/*
 * Open the kernel log at its end: returns a descriptor or -1. ndshm_log_clean()
 * returns true if no line since the mark or the last call is listed in
 * vm/splats; otherwise it stores the first such line in @text.
 */
int ndshm_log_mark(void);
bool ndshm_log_clean(int mark, char *text, size_t size);

/*
 * Disable restartable sequences for a program that injects failures into its
 * own system calls; execs the program again if necessary. After a preemption
 * the kernel writes to the thread's rseq area. If that write is made to fail,
 * the process is killed by SIGSEGV. Return 0 or -errno.
 */
int ndshm_without_rseq(char **argv);

#endif /* _NDSHM_SELFTEST_DEBUG_H */
