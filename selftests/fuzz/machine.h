/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The environment of programs: adapters, providers, devices, parameters. It is
 * set up once, restored after each program that changes it, and checked for
 * leaks.
 */
#ifndef _FUZZ_MACHINE_H
#define _FUZZ_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

/* Indices of the words that name them; an object may not exist at the moment. */
enum machine_adapter {
	MACHINE_NODE0,
	MACHINE_NODE1,
	MACHINE_EDU,
	MACHINE_NIC,
	MACHINE_A0,		/* the mock's */
	MACHINE_A1,
	MACHINE_GONE,		/* the id of a removed adapter */
	MACHINE_ADAPTERS
};

enum machine_provider {
	MACHINE_ANY,		/* id 0 */
	MACHINE_COHERENT,
	MACHINE_PAGES,
	MACHINE_P0,		/* the mock's */
	MACHINE_P1,
	MACHINE_PROVIDERS
};

extern const char *const machine_adapters[], *const machine_providers[];

/*
 * Permit users to open the device, bind functions which users can claim. Return 0, or -errno after
 * printing the reason.
 */
int machine_begin(void);
void machine_end(void);

/* Make the calling process the one that restores the machine. */
void machine_mine(void);

/* Ids; 0: does not exist. Names as in the module, or NULL. */
__u32 machine_adapter(enum machine_adapter adapter);
__u32 machine_provider(enum machine_provider provider);
const char *machine_adapter_name(enum machine_adapter adapter);

/* Does the machine have edu, a function to claim, the mock, the NDIS cases? */
bool machine_has_edu(void);
bool machine_has_function(void);
bool machine_has_mock(void);
bool machine_has_ndis(void);

/* The id of the netlink family; the id of its event group. */
__u16 machine_family(void);
__u32 machine_events(void);

/*
 * Operations of programs and their children; they return 0 or -errno and note
 * the changes. machine_restore() undoes the noted changes.
 */
long machine_mock(const char *command);
long machine_ndis(const char *step);
long machine_bind(enum machine_adapter adapter, bool bind);
long machine_parameter(const char *name, const char *value);
void machine_restore(void);

/*
 * Return: true if the machine is as before the first program; otherwise @text
 * has the difference.
 */
bool machine_clean(char *text, size_t size);

#endif /* _FUZZ_MACHINE_H */
