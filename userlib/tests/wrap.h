/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replacements of functions that the library calls (linker option --wrap), which fail on
 * request.
 */
#ifndef NDSHM_TEST_WRAP_H
#define NDSHM_TEST_WRAP_H

/* Define the replacement of a function, which can call that as __real_NAME(). Its body follows. */
#define WRAP(type, name, ...) \
	type __real_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)

/* Let the @nth call from now on fail; 0: none. */
void wrap_fail_nth(unsigned int nth);
/* Set the errno of failures; initially ENOMEM. */
void wrap_fail_with(int error);
/* Return: true if the requested failure has occurred. */
_Bool wrap_has_failed(void);
/* Call @hook once, after the next fallocate(). */
void wrap_after_fallocate(void (*hook)(void));
/*
 * Let mmap() and mprotect() behave as with pages of @bytes, a multiple of the system's; 0: of the
 * system. With wrap_page.c also sysconf() and madvise().
 */
void wrap_set_page(unsigned int bytes);
/* Return: @bytes of wrap_set_page(). */
unsigned int wrap_page(void);
/* Fail with EINVAL. Return: true if @at is not the start of such a page. */
_Bool wrap_misaligned(const void *at);

#endif /* NDSHM_TEST_WRAP_H */
