/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The mock module, which executes kernel users' operations in the context of
 * the process that writes to its file, so that injection for this thread
 * applies. The texts of scenarios are its commands.
 */
#ifndef _NDSHM_FAIL_NTH_MOCK_H
#define _NDSHM_FAIL_NTH_MOCK_H

#include "fail_nth.h"

/* Callbacks of groups. The last two print the counters, and remove all that a scenario made. */
const char *fail_nth_mock_begin(void);
void fail_nth_mock_end(void);
int fail_nth_mock(const char *text);
void fail_nth_mock_state(char *text, size_t size);
void fail_nth_mock_clean(void);

/* The text of the scenario as its call. */
int fail_nth_call_text(void);

/* The provider "mock" and the adapter "mocked"; there is at most one of each. */
bool fail_nth_have_provider(struct ndshm_nl_provider *provider);
bool fail_nth_have_adapter(struct ndshm_nl_adapter *adapter);

#endif /* _NDSHM_FAIL_NTH_MOCK_H */
