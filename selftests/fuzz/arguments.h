/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Arguments that several groups of calls have in common.
 */
#ifndef _FUZZ_ARGUMENTS_H
#define _FUZZ_ARGUMENTS_H

#include "kinds.h"
#include "machine.h"
#include "run.h"

#define FUZZ_FROM(name_, class_) { \
	.name = (name_), \
	.registers = (class_), \
	.usual = { 0, FUZZ_REGISTER }, \
}

/* @usual_: index of the usual word */
#define FUZZ_WORDS(name_, words_, usual_) { \
	.name = (name_), \
	.words = (words_), \
	.usual = { (usual_), FUZZ_WORD }, \
}

/* A number, by default @usual_, and other values worth trying. */
#define FUZZ_ANY(name_, usual_, ...) { \
	.name = (name_), \
	FUZZ_NUMBERS(__VA_ARGS__), \
	.usual = { (usual_), FUZZ_NUMBER }, \
}

/* The place of a call's argument in memory. */
#define FUZZ_AT(name_) { \
	.name = (name_), \
	.registers = 'm', \
	.words = fuzz_places, \
	.usual = { FUZZ_GOOD, FUZZ_WORD }, \
}

/* An adapter or provider, given by a word or by an id. */
#define FUZZ_ADAPTER(usual_) { \
	.name = "adapter", \
	.words = machine_adapters, \
	FUZZ_NUMBERS(0, 1, 2, 1000, 0x7fffffff, 0xffffffff), \
	.usual = { (usual_), FUZZ_WORD }, \
}

#define FUZZ_PROVIDER { \
	.name = "provider", \
	.words = machine_providers, \
	FUZZ_NUMBERS(1, 2, 1000, 0x7fffffff, 0xffffffff), \
	.usual = { MACHINE_ANY, FUZZ_WORD }, \
}

/* Values around pages, and beyond all limits. */
#define FUZZ_BLOCK_LENGTH FUZZ_ANY("length", 0x1000, \
	0, 1, 0xfff, 0x1000, 0x1001, 0x2000, 0x3000, 0x10000, 0x11000, \
	0x200000, 0x201000, 0x400000, 0x100000001, 0x400000000001, \
	0x7fffffffffffffff, 0xfffffffffffff001, 0xffffffffffffffff)

/* Arguments of mmap(). */
#define FUZZ_PROT FUZZ_ANY("prot", PROT_READ | PROT_WRITE, PROT_NONE, \
	PROT_READ, PROT_WRITE, PROT_EXEC, PROT_READ | PROT_EXEC)

#define FUZZ_MMAP_FLAGS FUZZ_ANY("flags", MAP_SHARED, MAP_PRIVATE, \
	MAP_SHARED_VALIDATE, MAP_SHARED | MAP_POPULATE, \
	MAP_SHARED | MAP_LOCKED, MAP_SHARED_VALIDATE | MAP_SYNC, \
	MAP_SHARED | MAP_NORESERVE, MAP_SHARED | MAP_HUGETLB, \
	MAP_PRIVATE | MAP_ANONYMOUS)

#endif /* _FUZZ_ARGUMENTS_H */
