/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a debug kernel knows about memory that did not come back: to be compared
 * before and after. Root only. Where the kernel cannot tell, the answer is -1.
 */
#ifndef _NDSHM_SELFTEST_DEBUG_H
#define _NDSHM_SELFTEST_DEBUG_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Wait for what is given back a moment later: last references in the module's
 * queue, and what waits for an RCU grace period that has begun.
 */
void ndshm_settle(void);

/* Entries of the DMA API's debugging: mappings and memory of all devices. */
int ndshm_dma_entries(void);

/*
 * Pages that our modules asked for, counted where the code of one is nearer to
 * the allocation than any cache that keeps pages (slab, page tables). A frame
 * that has no name any more is one of a module that was unloaded: also ours.
 * Settles first. The second prints the stacks and their pages, as comments.
 */
long ndshm_pages_owned(void);
void ndshm_pages_print(void);

/*
 * Objects that nothing points to and our modules allocated; the first one's
 * record is stored in @text. It scans twice, and takes at least five seconds:
 * younger objects, and those changed since the last scan, are not reported.
 * ndshm_kmemleak_forget() leaves out what is known by now, and ends the scans
 * that the kernel makes by itself, which only take time from the test.
 */
int ndshm_kmemleak(char *text, size_t size);
void ndshm_kmemleak_forget(void);

/*
 * The kernel log from here on: a descriptor, or -1. It is clean if no line since
 * the mark, or since the last look, is in vm/splats; @text gets the first one.
 */
int ndshm_log_mark(void);
bool ndshm_log_clean(int mark, char *text, size_t size);

/*
 * For a program that has its own calls fail: begin it anew, if need be. When a thread
 * has been away, the kernel writes to the area that the C library has registered for
 * restartable sequences, and if that fails, which it may be made to while a call is
 * under way, the process ends by SIGSEGV. So it is to register none. 0 or -errno.
 */
int ndshm_without_rseq(char **argv);

#endif /* _NDSHM_SELFTEST_DEBUG_H */
