/* SPDX-License-Identifier: GPL-2.0 */
/*
 * New programs, generated or derived from others.
 */
#ifndef _FUZZ_MUTATE_H
#define _FUZZ_MUTATE_H

#include "program.h"
#include "random.h"

void fuzz_generate(struct fuzz_program *program, struct fuzz_random *random);

void fuzz_remove_calls(struct fuzz_program *program, unsigned int at,
		       unsigned int count);

/* Make small changes; copied calls come from @other. */
void fuzz_mutate(struct fuzz_program *program,
		 const struct fuzz_program *other, struct fuzz_random *random);

/* Append @other: starting a program is expensive compared with its calls. */
void fuzz_lengthen(struct fuzz_program *program,
		   const struct fuzz_program *other,
		   struct fuzz_random *random);

#endif /* _FUZZ_MUTATE_H */
