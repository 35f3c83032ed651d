/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What programs find on the machine: adapters, providers, devices, parameters; set
 * up once, put back after each program that changes it, and looked at for what was
 * left behind.
 */
#ifndef _FUZZ_MACHINE_H
#define _FUZZ_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

/* Places in the words that name them; there may be none of that name now. */
enum machine_adapter {
	MACHINE_NODE0,
	MACHINE_NODE1,
	MACHINE_EDU,
	MACHINE_NIC,
	MACHINE_A0,		/* the mock's */
	MACHINE_A1,
	MACHINE_GONE,		/* the id of one that has gone */
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

/* Open devices to users, bind functions. 0, or -errno with the reason printed. */
int machine_begin(void);
void machine_end(void);

/* From now on it is the calling process that looks after it. */
void machine_mine(void);

/* Ids; 0: there is none. Names as the module has them, or NULL. */
__u32 machine_adapter(enum machine_adapter adapter);
__u32 machine_provider(enum machine_provider provider);
const char *machine_adapter_name(enum machine_adapter adapter);

/* What there is: edu, some function to claim, the mock, NDIS. */
bool machine_has_edu(void);
bool machine_has_function(void);
bool machine_has_mock(void);
bool machine_has_ndis(void);

/* The netlink family's number. */
__u16 machine_family(void);
__u32 machine_events(void);

/*
 * What programs and their children do to it, 0 or -errno; and, at the program's
 * end, what puts it back, if need be.
 */
long machine_mock(const char *command);
long machine_ndis(const char *step);
/* Limits of users may be others from now on. */
void machine_limits_change(void);
/* The same of who may use adapters and providers. */
void machine_access_change(void);
long machine_bind(enum machine_adapter adapter, bool bind);
long machine_parameter(const char *name, const char *value);
void machine_restore(void);

/* Is all as it was before the first program? If not, @text says what is not. */
bool machine_clean(char *text, size_t size);

#endif /* _FUZZ_MACHINE_H */
