/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kinds of calls: their names, arguments and functions. Each calls_*.c has
 * those of one group.
 */
#ifndef _FUZZ_KINDS_H
#define _FUZZ_KINDS_H

#include <stdbool.h>
#include <stddef.h>

#include "program.h"

struct fuzz_thread;

/**
 * struct fuzz_argument - Possible values of an argument
 * @name: in the text
 * @registers: class of registers for the argument, or 0
 * @words: names of values, terminated by NULL; or NULL
 * @numbers: values worth trying; NULL if the argument cannot be a number
 * @number_count: number of @numbers
 * @usual: value if the text has none
 */
struct fuzz_argument {
	const char *name;
	char registers;
	const char *const *words;
	const __u64 *numbers;
	unsigned int number_count;
	struct fuzz_value usual;
};

/**
 * struct fuzz_kind - A kind of call
 * @name: in the text
 * @weight: relative frequency; 1: a slow kind; 0: a kind so slow that only programs
 *	derived from the corpus have it
 * @arguments: terminated by one without a name
 * @run: returns the result of the system call, or a negative errno
 * @possible: returns whether the machine has what the kind needs; NULL: always
 */
struct fuzz_kind {
	const char *name;
	unsigned int weight;
	const struct fuzz_argument *arguments;
	long (*run)(struct fuzz_thread *thread,
		    const struct fuzz_value *arguments);
	bool (*possible)(void);
};

#define FUZZ_NUMBERS(...) \
	.numbers = (const __u64[]){ __VA_ARGS__ }, \
	.number_count = sizeof((const __u64[]){ __VA_ARGS__ }) / sizeof(__u64)

/* Defined in the calls_*.c; each array is terminated by a kind without a name. */
extern const struct fuzz_kind fuzz_client_kinds[], fuzz_mapping_kinds[];
extern const struct fuzz_kind fuzz_netlink_kinds[], fuzz_machine_kinds[];
extern const struct fuzz_kind fuzz_section_kinds[], fuzz_kernel_kinds[];

/* The kind with this number, from 0 to fuzz_kind_count() - 1. */
const struct fuzz_kind *fuzz_kind(unsigned int number);
unsigned int fuzz_kind_count(void);
unsigned int fuzz_kind_weights(void);

/* The number of the kind whose name is the first @length bytes of @name, or -1. */
int fuzz_kind_find(const char *name, size_t length);

/* Make a call of this kind with its usual arguments. */
void fuzz_call_init(struct fuzz_call *call, unsigned int kind);

/* The number of registers of a class. */
unsigned int fuzz_registers(char class);

#endif /* _FUZZ_KINDS_H */
