/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The mock module, which executes kernel users' operations in the context of
 * the process that writes to its file, so that injection for this thread
 * applies; and an event listener.
 */
#ifndef _NDSHM_FAIL_NTH_MOCK_H
#define _NDSHM_FAIL_NTH_MOCK_H

#include "client.h"

/* The begin and end callbacks of groups. */
const char *fail_nth_mock_begin(void);
void fail_nth_mock_end(void);
/* Print the counters of the handlers and the state of the kernel user. */
void fail_nth_mock_state(char *text, size_t size);

/*
 * Run a command: returns 0 or -errno. fail_nth_must() reports a failure and
 * returns false.
 */
int fail_nth_mock(const char *text);
bool fail_nth_must(const char *text);

/* The command under test. */
extern const char *fail_nth_mock_text;
int fail_nth_call_mock(void);

/* The provider "mock" and the adapter "mocked"; there is at most one of each. */
bool fail_nth_have_provider(struct ndshm_nl_provider *provider);
bool fail_nth_have_adapter(struct ndshm_nl_adapter *adapter);

/*
 * Remove the client, block 0, the provider and the adapter, in an order that
 * works. Missing ones are skipped.
 */
void fail_nth_mock_clean(void);

/*
 * The event must have been received or reported as lost. After a failure there
 * must be none.
 */
bool fail_nth_listen(void);
void fail_nth_heard(int error, int event);
void fail_nth_deaf(void);

#endif /* _NDSHM_FAIL_NTH_MOCK_H */
