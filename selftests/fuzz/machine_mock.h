/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ndshm_mock.ko, if it is loaded: providers that answer as they are told, adapters
 * that come and go, blocks of a kernel user.
 */
#ifndef _FUZZ_MACHINE_MOCK_H
#define _FUZZ_MACHINE_MOCK_H

#include <stdbool.h>
#include <stddef.h>

/* 0, also if it is not loaded, or -errno. */
int mock_begin(void);
bool mock_there(void);

/* Have it carry out a command: 0 or -errno. */
long mock_tell(const char *command);

/* Take away what was made; false: there was nothing. */
bool mock_restore(void);

/* No provider has memory out, and none was misused. If not, @text says what. */
bool mock_clean(char *text, size_t size);

#endif /* _FUZZ_MACHINE_MOCK_H */
