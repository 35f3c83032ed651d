/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The mock module, which does what kernel code does in the context of who writes to
 * its file, so that injection for the writer reaches it; and who listens to events.
 */
#ifndef _NDSHM_FAIL_NTH_MOCK_H
#define _NDSHM_FAIL_NTH_MOCK_H

#include "client.h"

/* Of a group. */
const char *fail_nth_mock_begin(void);
void fail_nth_mock_end(void);
/* What the handlers and the kernel user have seen. */
void fail_nth_mock_state(char *text, size_t size);

/* A command: 0 or -errno; and one that has to succeed. False: it is told. */
int fail_nth_mock(const char *text);
bool fail_nth_must(const char *text);

/* The command that is swept. */
extern const char *fail_nth_mock_text;
int fail_nth_call_mock(void);

/* The provider "mock" and the adapter "mocked", of which there is one each. */
bool fail_nth_have_provider(struct ndshm_nl_provider *provider);
bool fail_nth_have_adapter(struct ndshm_nl_adapter *adapter);

/*
 * The client, the block 0, these two: in the order in which they can go. What is not
 * there is none the worse.
 */
void fail_nth_mock_clean(void);

/* Events are heard, or it is heard that one was missed. After a failure there is none. */
bool fail_nth_listen(void);
void fail_nth_heard(int error, int event);
/* The same, of one that another task sends. */
void fail_nth_heard_soon(int event);
void fail_nth_forget_events(void);
void fail_nth_deaf(void);

#endif /* _NDSHM_FAIL_NTH_MOCK_H */
