/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program: a few calls with arguments, in memory and as text.
 *
 *	as user
 *	open client=c0
 *	alloc client=c0 handle=h0 length=0x2000
 *	thread=1 fail=3 mmap client=c0 handle=h0 map=m0
 *
 * Each line is a call; an argument that is not given has its usual value. Calls
 * store results in registers and read them from there: c clients, h handles, m
 * mappings, n netlink sockets, s sections, o holders, x extents. Consecutive
 * calls of threads 1 to 3 run concurrently. fail=N: the Nth allocation or copy
 * in the call fails.
 */
#ifndef _FUZZ_PROGRAM_H
#define _FUZZ_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define FUZZ_CALLS	32
#define FUZZ_ARGUMENTS	19
#define FUZZ_THREADS	4
#define FUZZ_TEXT	16384	/* enough for any program */

enum fuzz_form {
	FUZZ_NUMBER,
	FUZZ_WORD,		/* @number is the index in the argument's words */
	FUZZ_REGISTER,
};

struct fuzz_value {
	__u64 number;
	__u8 form;
};

struct fuzz_call {
	__u8 kind;
	__u8 thread;
	__u16 fail;
	struct fuzz_value arguments[FUZZ_ARGUMENTS];
};

struct fuzz_program {
	__u8 user;		/* run without privileges */
	__u8 count;
	struct fuzz_call calls[FUZZ_CALLS];
};

/* Print a single call without the separator. */
size_t fuzz_call_print(const struct fuzz_call *call, char *text, size_t size);
/* @separator stands between calls; text with newlines can be parsed again. */
size_t fuzz_print(const struct fuzz_program *program, char separator,
		  char *text, size_t size);
/* Return NULL, or the error, with the number of its line in *@line. */
const char *fuzz_parse(struct fuzz_program *program, const char *text,
		       unsigned int *line);

#endif /* _FUZZ_PROGRAM_H */
