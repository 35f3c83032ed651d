/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program: a few calls with their arguments, in memory and as text.
 *
 *	as user
 *	open client=c0
 *	alloc client=c0 handle=h0 length=0x2000
 *	thread=1 fail=3 mmap client=c0 handle=h0 map=m0
 *
 * A line is a call; an argument that is not named has its usual value. Calls give
 * their results to registers and take them from there: c clients, h handles, m
 * mappings, n netlink sockets, s sections, o holders, x extents. Neighbouring lines
 * of threads 1 to 3 are run at the same time. fail=N: the Nth allocation or copy in
 * the call fails.
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
#define FUZZ_TEXT	16384	/* room for any program's text */

enum fuzz_form {
	FUZZ_NUMBER,
	FUZZ_WORD,		/* the number is its place in the argument's words */
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

/* The call alone, with what separates it from the next left out. */
size_t fuzz_call_print(const struct fuzz_call *call, char *text, size_t size);
/* @separator stands between calls; a newline makes what can be read again. */
size_t fuzz_print(const struct fuzz_program *program, char separator,
		  char *text, size_t size);
/* NULL, or what is wrong, with the line's number in *line. */
const char *fuzz_parse(struct fuzz_program *program, const char *text,
		       unsigned int *line);

#endif /* _FUZZ_PROGRAM_H */
