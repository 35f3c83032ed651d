/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs that showed new coverage, and the coverage so far, in memory that is
 * shared with the processes that run programs.
 */
#ifndef _FUZZ_CORPUS_H
#define _FUZZ_CORPUS_H

#include <stdbool.h>

#include "program.h"
#include "random.h"

#define CORPUS_MOST	4096
#define CORPUS_NEW	4096	/* of new items of one program */

/* Return 0 or -errno. */
int corpus_begin(void);

/*
 * Read all *.txt of a directory. Return their number, or -1 after printing the
 * reason.
 */
int corpus_read(const char *directory);

/* Set the directory for new programs. */
void corpus_write_to(const char *directory);

unsigned int corpus_count(void);
const struct fuzz_program *corpus_get(unsigned int number);

/* Pick a program to mutate, newer ones more often. NULL: the corpus is empty. */
const struct fuzz_program *corpus_pick(struct fuzz_random *random);

/*
 * Evaluate the coverage of the last program. Return the number of new pairs; a
 * pair is a place and the place executed right before it in the same call.
 */
unsigned int corpus_look(void);

/* Return: true if the last program showed all that was new at corpus_look(). */
bool corpus_again(void);

/* Add the new items to the known coverage. */
void corpus_known(void);

/* Add the program to the corpus if there is room, and write it. */
void corpus_keep(const struct fuzz_program *program);

/* Write the program if a directory is set. */
void corpus_write(const struct fuzz_program *program);

/* The number of places and pairs seen so far. */
unsigned int corpus_places(void);
unsigned int corpus_pairs(void);

#endif /* _FUZZ_CORPUS_H */
