/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory of ndshm for programs that pass it to another library, and the report of what the library
 * made of it.
 */
#ifndef _NDSHM_INTEROP_MEMORY_H
#define _NDSHM_INTEROP_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdnoreturn.h>

#include <linux/types.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/**
 * struct interop_memory - mapped memory
 * @base: address, a multiple of the page size
 * @length: bytes
 */
struct interop_memory {
	unsigned char *base;
	size_t length;
};

/*
 * Allocate and map memory of @kind: "pages" and "coherent" are blocks of these providers for the
 * default adapter, "section" is an extent at offset 0 of a section. Ends the program on failure.
 */
void interop_open(const char *kind, size_t length, struct interop_memory *memory);

/* Fill @length bytes with a pattern of @seed, or compare them with it. */
void interop_fill(unsigned char *bytes, size_t length, unsigned int seed);
bool interop_equal(const unsigned char *bytes, size_t length, unsigned int seed);

/*
 * Print the result and exit: "yes" or, with an @error other than 0, its name. A library's negative
 * errors are accepted.
 */
noreturn void interop_result(int error);

/* The data is wrong: no result, exit status 1. */
noreturn void interop_wrong(const char *what);

/* A step before the use of the memory failed: no result, exit status 1. */
noreturn void interop_fail(const char *what, int error);

#endif /* _NDSHM_INTEROP_MEMORY_H */
