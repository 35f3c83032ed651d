/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ndshm_mock.ko, if loaded: providers with scripted replies, adapters, and
 * blocks of a kernel user.
 */
#ifndef _FUZZ_MACHINE_MOCK_H
#define _FUZZ_MACHINE_MOCK_H

#include <stdbool.h>
#include <stddef.h>

/* Return 0, also if it is not loaded, or -errno. */
int mock_begin(void);
bool mock_there(void);

/* Execute a command: 0 or -errno. */
long mock_command(const char *command);

/* Remove all created objects. Return: false if there were none. */
bool mock_restore(void);

/*
 * Return: true if all memory of providers has been freed and none was misused;
 * otherwise @text has the reason.
 */
bool mock_clean(char *text, size_t size);

#endif /* _FUZZ_MACHINE_MOCK_H */
