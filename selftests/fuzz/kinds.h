/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kinds of calls: their names, what their arguments can be, how they are run.
 * Each calls_*.c has those of its topic.
 */
#ifndef _FUZZ_KINDS_H
#define _FUZZ_KINDS_H

#include <stdbool.h>
#include <stddef.h>

#include "program.h"

struct fuzz_thread;

/**
 * struct fuzz_argument - what an argument can be
 * @name: in the text
 * @registers: the class of registers it can be taken from, or 0
 * @words: names that it can have, ended by NULL; or NULL
 * @numbers: values that are worth trying, or NULL: then it is no number
 * @number_count: of them
 * @usual: what it is if the text does not say
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
 * struct fuzz_kind - a kind of call
 * @name: in the text
 * @weight: how often it is made, compared with others; 1: it is slow; 0: it is so
 *	slow that only what is derived from the corpus has it
 * @arguments: ended by one without a name
 * @run: returns what the system call does, or a negative errno
 * @possible: has the machine what it needs; NULL: nothing special
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

/* In the calls_*.c; each ends with a kind without a name. */
extern const struct fuzz_kind fuzz_client_kinds[], fuzz_mapping_kinds[];
extern const struct fuzz_kind fuzz_netlink_kinds[], fuzz_machine_kinds[];
extern const struct fuzz_kind fuzz_section_kinds[], fuzz_kernel_kinds[];

/* Of each kind, by its number: 0 up to fuzz_kind_count() - 1. */
const struct fuzz_kind *fuzz_kind(unsigned int number);
unsigned int fuzz_kind_count(void);
unsigned int fuzz_kind_weights(void);

/* The number of the kind with that name and length of it, or -1. */
int fuzz_kind_find(const char *name, size_t length);

/* A call of that kind with its usual arguments. */
void fuzz_call_init(struct fuzz_call *call, unsigned int kind);

/* How many registers a class has. */
unsigned int fuzz_registers(char class);

#endif /* _FUZZ_KINDS_H */
