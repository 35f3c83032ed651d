/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mapped memory under calls of other parts of the kernel that any user may make: pins,
 * advice, locks and userfaultfd.
 */
#ifndef _NDSHM_SELFTEST_STRESS_MEMORY_H
#define _NDSHM_SELFTEST_STRESS_MEMORY_H

#include "ndshm_ring.h"
#include "stress.h"

#define STRESS_PINS	4

/**
 * struct stress_pin - pages that stay pinned
 * @pipe: read end of the pipe that vmsplice() put them into, or -1
 * @ring: has them as its registered buffer, if @pipe is -1
 * @pages: how many
 * @tag: each page either begins with it, plus the page's place in bytes, or is zero;
 *	0: the contents may be any
 */
struct stress_pin {
	int pipe;
	struct ndshm_ring ring;
	unsigned int pages;
	__u64 tag;
};

/**
 * struct stress_memory - the pins of one thread; all zero at the start
 * @pins: these are held
 * @count: how many
 * @faults: userfaultfd that mappings are registered with, or 0
 * @async: the kernel answers its write faults by itself
 */
struct stress_memory {
	struct stress_pin pins[STRESS_PINS];
	unsigned int count;
	int faults;
	bool async;
};

/* A part of a mapping. */
struct stress_range {
	unsigned char *at;
	size_t length;
};

struct stress_range stress_some_range(struct stress_random *random,
				      unsigned char *map, size_t length);

/*
 * Pin @range, or release a pin if there are enough. A refused pin is no error. False:
 * a pinned page had wrong contents.
 */
bool stress_pin(struct stress_memory *memory, struct stress_random *random,
		struct stress_range range, __u64 tag);
bool stress_unpin(struct stress_memory *memory, struct stress_random *random);

/* Advice that loses nothing and that a fork does not notice; mlock() and munlock(). */
bool stress_advise(struct stress_random *random, struct stress_range range);
bool stress_lock(struct stress_random *random, struct stress_range range);

/*
 * Have writes tracked by a userfaultfd, where the kernel can do so by itself; or no
 * more. Nothing else may be taken over by one.
 */
bool stress_watch(struct stress_memory *memory, struct stress_random *random,
		  struct stress_range range);

/* Let go of all; or, in a child, of the child's descriptors. */
bool stress_memory_end(struct stress_memory *memory);
void stress_memory_forget(struct stress_memory *memory);

#endif /* _NDSHM_SELFTEST_STRESS_MEMORY_H */
