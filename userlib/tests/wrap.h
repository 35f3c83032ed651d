/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replacements of functions that the library calls (linker option --wrap), which fail on
 * request.
 */
#ifndef NDSHM_TEST_WRAP_H
#define NDSHM_TEST_WRAP_H

/* Let the @nth call from now on fail; 0: none. */
void wrap_fail_nth(unsigned int nth);
/* Set the errno of failures; initially ENOMEM. */
void wrap_fail_with(int error);
/* Return: true if the requested failure has occurred. */
_Bool wrap_has_failed(void);
/* Call @hook once, after the next fallocate(). */
void wrap_after_fallocate(void (*hook)(void));

#endif /* NDSHM_TEST_WRAP_H */
