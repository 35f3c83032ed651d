/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the output formats.
 */
#ifndef _NDSHM_BENCH_TABLE_H
#define _NDSHM_BENCH_TABLE_H

#include "bench.h"

/* In the order of measurement; child processes share them. */
#define MAX_ROWS 1000
extern struct rows {
	unsigned int count;
	struct row rows[MAX_ROWS];
} *table;

/* 12,345 */
void format_count(char *text, size_t size, double value);

/* 64 KiB; empty for 0 */
void format_length(char *text, size_t size, size_t length);

#endif /* _NDSHM_BENCH_TABLE_H */
