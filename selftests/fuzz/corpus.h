/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs that are worth to be kept, and what they have shown. In memory that
 * outlives the processes that run programs.
 */
#ifndef _FUZZ_CORPUS_H
#define _FUZZ_CORPUS_H

#include <stdbool.h>

#include "program.h"
#include "random.h"

#define CORPUS_MOST	4096
#define CORPUS_NEW	4096	/* of what one program shows for the first time */

/* 0 or -errno. */
int corpus_begin(void);

/* All *.txt of a directory; how many, or -1 with the reason printed. */
int corpus_read(const char *directory);

/* Where new ones are written to. */
void corpus_write_to(const char *directory);

unsigned int corpus_count(void);
const struct fuzz_program *corpus_get(unsigned int number);

/* One that is worth a try, newer ones more often. NULL: there is none. */
const struct fuzz_program *corpus_pick(struct fuzz_random *random);

/*
 * Look at what the last program has passed, and at what came right before each
 * place in the same call: the number of pairs that no program had shown before.
 */
unsigned int corpus_look(void);

/* Has the last program shown again what was new at corpus_look()? */
bool corpus_again(void);

/* What was new is known from now on. */
void corpus_known(void);

/* Keep it, if there is room. */
void corpus_keep(const struct fuzz_program *program);

/* Write it out, if that is wanted. */
void corpus_write(const struct fuzz_program *program);

/* Places and pairs that were seen so far. */
unsigned int corpus_places(void);
unsigned int corpus_pairs(void);

#endif /* _FUZZ_CORPUS_H */
