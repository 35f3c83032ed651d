/* SPDX-License-Identifier: GPL-2.0 */
/*
 * New programs, made up or made of others.
 */
#ifndef _FUZZ_MUTATE_H
#define _FUZZ_MUTATE_H

#include "program.h"
#include "random.h"

void fuzz_generate(struct fuzz_program *program, struct fuzz_random *random);

void fuzz_remove_calls(struct fuzz_program *program, unsigned int at,
		       unsigned int count);

/* Change it a little; what it may take over comes from @other. */
void fuzz_mutate(struct fuzz_program *program,
		 const struct fuzz_program *other, struct fuzz_random *random);

/* Let @other follow: what stands around a program is dear, and its calls are not. */
void fuzz_lengthen(struct fuzz_program *program,
		   const struct fuzz_program *other,
		   struct fuzz_random *random);

#endif /* _FUZZ_MUTATE_H */
