/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Execution of programs: registers, threads, memory for arguments, and the
 * cleanup after a program.
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

/*
 * Each register for mappings has an address range of this size, and all mappings of a program are
 * in these ranges: so they can be found and unmapped after it.
 */
#define FUZZ_WINDOW	(32UL << 20)

/* Contents of a handle register; a BAR has only an offset and a length. */
struct fuzz_handle {
	__u32 handle;
	__u32 id;		/* the shared memory handle */
	__u64 offset;
	__u64 length;
	__u64 address;		/* DMA address; 0 if edu must not use it (any more) */
};

/* Places for the argument of a call; the words of the argument `at` and similar. */
enum fuzz_place {
	FUZZ_GOOD,
	FUZZ_ODD,		/* not aligned */
	FUZZ_HALF,		/* the second half is inaccessible */
	FUZZ_READONLY,
	FUZZ_SHARED,		/* the place that all threads share */
	FUZZ_NULL,
	FUZZ_GONE,		/* unmapped */
	FUZZ_KERNEL,
	FUZZ_END,		/* the last bytes of the address space */
};

extern const char *const fuzz_places[];

struct fuzz_thread {
	unsigned int number;
	uid_t user;			/* its effective one */
	bool beside;			/* its call had nothing to do with ndshm */
	bool failing;			/* something in the kernel is to fail */
	int fail_fd;
	char *memory;			/* private to the thread */
	char *readonly;			/* the same memory, read-only */
	char *shared;			/* shared by all threads */
	size_t used;
	struct kcov kcov;
	/* Set while possibly revoked memory is accessed. */
	sigjmp_buf *touching;
	char stack[FUZZ_STACK];		/* for signal handlers */
};

/* State shared by the calls of a program. Threads race for it deliberately. */
struct fuzz_registers {
	int clients[FUZZ_CLIENTS];
	int sockets[FUZZ_SOCKETS];
	int sections[FUZZ_SECTIONS];
	int holders[FUZZ_HOLDERS];
	__u64 extents[FUZZ_EXTENTS];	/* offsets in the section */
	bool strays;			/* sections or holders exist that no register has */
	struct fuzz_handle handles[FUZZ_HANDLES];
	__u64 mapped;			/* bit n: window n must be cleaned */
	__u64 device;			/* bit n: window n has had memory of ndshm */
	/* The following are set before the program runs. */
	bool bars;			/* it may map registers of devices */
	bool alone;			/* it has one thread and no child */
	bool dma;			/* edu may be transferring */
};

extern struct fuzz_registers fuzz_registers_now;

/* A process runs programs one after the other. Return 0 or -errno. */
int fuzz_run_begin(void);

void fuzz_run(const struct fuzz_program *program);

/* Call @look with each thread's coverage of the last program. */
void fuzz_run_coverage(void (*look)(const __u64 *pcs, __u64 count));

/* Print the result of each call from now on. */
void fuzz_run_verbose(void);

/*
 * For the calls_*.c
 */

/* Return: the descriptor in the register that @value names, or -1 if it is empty. */
int fuzz_client(const struct fuzz_value *value);
int fuzz_socket(const struct fuzz_value *value);
int fuzz_section(const struct fuzz_value *value);
int fuzz_holder(const struct fuzz_value *value);

/* Store a descriptor in a register and close the previous one. */
void fuzz_set_fd(int *slot, int fd);

struct fuzz_handle *fuzz_handle(const struct fuzz_value *value);

/* The addresses of a mapping register; mark windows as used. */
char *fuzz_window(const struct fuzz_value *value);
void fuzz_mark_window(const char *address, size_t length);

/* Mark a window as having had memory of ndshm; test that since the program's start. */
void fuzz_mark_device(const char *address, size_t length);
bool fuzz_is_device(const char *address);

/*
 * Store @size bytes at the place @value and return the pointer for the call.
 * *@seen is where the kernel's answer can be read, or NULL.
 */
void *fuzz_put(struct fuzz_thread *thread, const struct fuzz_value *value,
	       const void *bytes, size_t size, void **seen);

/*
 * Return: true if a store is harmless. A random store to a device could crash
 * the machine.
 */
bool fuzz_may_store(const char *address);

/* Copy from or to memory that may be revoked. Return: false on SIGBUS or SIGSEGV. */
bool fuzz_touch(struct fuzz_thread *thread, char *address, size_t length,
		bool store);

/* Run @access. Return: false if it was interrupted by SIGBUS or SIGSEGV. */
bool fuzz_guarded(struct fuzz_thread *thread, void (*access)(void *context),
		  void *context);

/* Memory may be freed from now on, so no known address may be used for DMA any more. */
void fuzz_forget_addresses(void);

/* The thread's effective user, with or without privileges, until the program's end. */
bool fuzz_become(struct fuzz_thread *thread, uid_t user);

/* The next calls are a child's. */
#define FUZZ_FORK_MOST	8
long fuzz_fork(struct fuzz_thread *thread, unsigned int calls, bool kill);

#endif /* _FUZZ_RUN_H */
