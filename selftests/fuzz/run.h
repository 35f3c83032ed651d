/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Running programs: registers, threads, memory for arguments, and what is put back
 * when a program has ended, whatever it did.
 */
#ifndef _FUZZ_RUN_H
#define _FUZZ_RUN_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <linux/types.h>

#include "kcov.h"
#include "program.h"

#define FUZZ_CLIENTS	4
#define FUZZ_HANDLES	16
#define FUZZ_MAPS	16
#define FUZZ_SOCKETS	4
#define FUZZ_SECTIONS	4
#define FUZZ_HOLDERS	4
#define FUZZ_EXTENTS	16
#define FUZZ_STACK	(64 << 10)

/* Each mapping register has addresses of its own, so that none is ever lost. */
#define FUZZ_WINDOW	(32UL << 20)

/* What a handle register knows; a BAR has an offset and a length only. */
struct fuzz_handle {
	__u32 handle;
	__u32 id;		/* the shared memory handle */
	__u64 offset;
	__u64 length;
	__u64 address;		/* DMA; 0 if edu must not have it (any more) */
};

/* Where the arguments of a call can lie; the words of an argument `at` and alike. */
enum fuzz_place {
	FUZZ_GOOD,
	FUZZ_ODD,		/* not aligned */
	FUZZ_HALF,		/* the second half is not there */
	FUZZ_READONLY,
	FUZZ_SHARED,		/* where all threads have theirs */
	FUZZ_NULL,
	FUZZ_GONE,		/* nothing is there */
	FUZZ_KERNEL,
	FUZZ_END,		/* the last bytes that there can be */
};

extern const char *const fuzz_places[];

struct fuzz_thread {
	unsigned int number;
	uid_t user;			/* its effective one */
	bool beside;			/* its call had nothing to do with ndshm */
	bool failing;			/* something in the kernel is to fail */
	int fail_fd;
	char *memory;			/* of its own */
	char *readonly;			/* the same memory */
	char *shared;			/* of all threads */
	size_t used;
	struct kcov kcov;
	/* Armed while memory is touched that may have gone. */
	sigjmp_buf *touching;
	char stack[FUZZ_STACK];		/* for signals */
};

/* What the calls of a program share. Threads race for it, as they do for the rest. */
struct fuzz_registers {
	int clients[FUZZ_CLIENTS];
	int sockets[FUZZ_SOCKETS];
	int sections[FUZZ_SECTIONS];
	int holders[FUZZ_HOLDERS];
	__u64 extents[FUZZ_EXTENTS];	/* their places in the section */
	bool strays;			/* sections or holders that no register has */
	struct fuzz_handle handles[FUZZ_HANDLES];
	__u64 mapped;			/* bit n: window n is to be cleaned */
	__u64 device;			/* bit n: window n has had ndshm's memory */
	/* Set up before the program runs. */
	bool bars;			/* it may map registers of devices */
	bool alone;			/* it has one thread and no child */
	bool dma;			/* edu may be at work */
};

extern struct fuzz_registers fuzz_registers_now;

/* One process runs programs, one after the other. 0 or -errno. */
int fuzz_run_begin(void);

void fuzz_run(const struct fuzz_program *program);

/* What each thread's KCOV saw in the last program. */
void fuzz_run_coverage(void (*look)(const __u64 *pcs, __u64 count));

/* Print each call's outcome from now on. */
void fuzz_run_verbose(void);

/*
 * For the calls_*.c
 */

/* A descriptor, or -1. */
int fuzz_client(const struct fuzz_value *value);
int fuzz_socket(const struct fuzz_value *value);
int fuzz_section(const struct fuzz_value *value);
int fuzz_holder(const struct fuzz_value *value);

/* Put a descriptor into a register, and close what was there. */
void fuzz_set_fd(int *slot, int fd);

struct fuzz_handle *fuzz_handle(const struct fuzz_value *value);

/* The addresses of a mapping register; and note that they are used. */
char *fuzz_window(const struct fuzz_value *value);
void fuzz_mark_window(const char *address, size_t length);

/* ndshm's memory was mapped there; has it been since the program began? */
void fuzz_mark_device(const char *address, size_t length);
bool fuzz_is_device(const char *address);

/*
 * Put @size bytes where @value says, and return what the call is to be given. In
 * *seen where the kernel's answer can be read, or NULL.
 */
void *fuzz_put(struct fuzz_thread *thread, const struct fuzz_value *value,
	       const void *bytes, size_t size, void **seen);

/* May this be stored there? What drives a device at random ends the machine. */
bool fuzz_may_store(const char *address);

/* Copy from or to memory that may have gone; false: SIGBUS or SIGSEGV. */
bool fuzz_touch(struct fuzz_thread *thread, char *address, size_t length,
		bool store);

/* The same for any access: false if it did not come to its end. */
bool fuzz_guarded(struct fuzz_thread *thread, void (*access)(void *context),
		  void *context);

/*
 * Whatever happens now may take memory from under the device: no address that is
 * known is one for its DMA from here on.
 */
void fuzz_forget_addresses(void);

/* The thread's effective user, with or without privileges, until the program's end. */
bool fuzz_become(struct fuzz_thread *thread, uid_t user);

/* The next calls are a child's. */
#define FUZZ_FORK_MOST	8
long fuzz_fork(struct fuzz_thread *thread, unsigned int calls, bool kill);

#endif /* _FUZZ_RUN_H */
