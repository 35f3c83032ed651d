/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the linker puts in the place of functions that the library calls
 * (--wrap), so that they fail when a test wants it.
 */
#ifndef NDSHM_TEST_WRAP_H
#define NDSHM_TEST_WRAP_H

/* The how manieth call from now on fails; 0: none. */
void wrap_fail_nth(unsigned int nth);
/* With this errno; ENOMEM at first. */
void wrap_fail_with(int error);
/* Has the last one that was wanted come? */
_Bool wrap_has_failed(void);

#endif /* NDSHM_TEST_WRAP_H */
