/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file system that does not answer: one file of one page, served through
 * /dev/fuse by a thread of the program that started it. Who reads the file, or
 * touches a mapping of it, waits until the program has it answered.
 */
#ifndef _NDSHM_SELFTEST_FUSE_H
#define _NDSHM_SELFTEST_FUSE_H

#include <pthread.h>
#include <stdbool.h>

#include <linux/types.h>

/* What each byte of the file is, in the end. */
#define NDSHM_FUSE_BYTE	0x5a

struct ndshm_fuse {
	int device;		/* /dev/fuse: who reads from it is the file system */
	int mount;		/* the file, which has no path */
	int asked;		/* eventfd: a read that waits */
	__u64 unique;		/* of that read */
	__u32 size;
	pthread_t thread;
};

/* 0 or a negative errno. -ENODEV: the kernel has no FUSE. */
int ndshm_fuse_start(struct ndshm_fuse *fuse);

/* Open the file for reading, its size known: a descriptor, or -1 with errno. */
int ndshm_fuse_open(const struct ndshm_fuse *fuse);

/*
 * For a forked child: it is not the file system. All that wait for a file system
 * are let go when it ends, but not as long as one of them holds its end.
 */
void ndshm_fuse_leave(struct ndshm_fuse *fuse);

/* Wait until somebody waits for the page; false after ten seconds. */
bool ndshm_fuse_is_asked(struct ndshm_fuse *fuse);

/* Answer that one. */
bool ndshm_fuse_answer(struct ndshm_fuse *fuse);

/* The end of it; whoever still waits gets an error. */
void ndshm_fuse_stop(struct ndshm_fuse *fuse);

#endif /* _NDSHM_SELFTEST_FUSE_H */
