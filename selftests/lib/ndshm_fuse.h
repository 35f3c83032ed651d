/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A FUSE file system that does not answer: one file of one page, served by a
 * thread of the program. A process that reads the file or touches a mapping of
 * it waits until the program calls ndshm_fuse_answer().
 */
#ifndef _NDSHM_SELFTEST_FUSE_H
#define _NDSHM_SELFTEST_FUSE_H

#include <pthread.h>
#include <stdbool.h>

#include <linux/types.h>

/* The value of each byte of the file. */
#define NDSHM_FUSE_BYTE	0x5a

struct ndshm_fuse {
	int device;		/* /dev/fuse, from which requests are read */
	int mount;		/* the mount, a file without a path */
	int requested;		/* eventfd, signalled when a read waits */
	__u64 unique;		/* request id of that read */
	__u32 size;
	pthread_t thread;
};

/* Return 0 or a negative errno. -ENODEV: the kernel has no FUSE. */
int ndshm_fuse_start(struct ndshm_fuse *fuse);

/*
 * Open the file for reading with its size known. Return a descriptor, or -1
 * with errno set.
 */
int ndshm_fuse_open(const struct ndshm_fuse *fuse);

/*
 * To be called in a forked child, which must not serve the file system. Waiting
 * readers are released only when the last copy of the /dev/fuse descriptor is
 * closed.
 */
void ndshm_fuse_leave(struct ndshm_fuse *fuse);

/* Wait until a process waits for the page. Return: false after ten seconds. */
bool ndshm_fuse_has_read(struct ndshm_fuse *fuse);

/* Answer the waiting read. */
bool ndshm_fuse_answer(struct ndshm_fuse *fuse);

/* End the file system; waiting readers get an error. */
void ndshm_fuse_stop(struct ndshm_fuse *fuse);

#endif /* _NDSHM_SELFTEST_FUSE_H */
