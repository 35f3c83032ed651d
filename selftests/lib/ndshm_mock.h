/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Control of the mock module; its commands are documented in
 * kernel/tests/mock/ctl.c. Root only.
 */
#ifndef _NDSHM_SELFTEST_MOCK_H
#define _NDSHM_SELFTEST_MOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "kselftest.h"

/*
 * Load the file that NDSHM_MOCK names, replacing a loaded one. Return 0 or
 * -errno; -ENOENT also if the variable is not set.
 */
int ndshm_mock_load(const char *parameters);
int ndshm_mock_unload(void);

/* Why the tests cannot run after @error of ndshm_mock_load(), or NULL if they can. */
const char *ndshm_mock_missing(int error);

/*
 * Run one command. Return 0 or -errno. ndshm_mock_reason() returns the reason
 * of the last command.
 */
int ndshm_mock(const char *format, ...) __printf(1, 2);
int ndshm_mock_reason(void);	/* number, or -1 */
/* A command as a callback. Return: true if it succeeded. */
bool ndshm_mock_does(const void *command);

/* The counters of the providers that had this name; all are -1 if there was none. */
struct ndshm_mock_counts {
	long long allocated;
	long long freed;
	long long live;
	long long failed;
	long long double_free;
	long long use_after_free;
	long long mmapped;
	long long for_device;
	long long for_cpu;
	long long sync_end;
	long long overrun;
	long long misused;
	long long inside;
	long long freeing;
	long long generation;
};

struct ndshm_mock_counts ndshm_mock_counts(const char *provider);

/*
 * Return: true if every handler call obeyed the contract and no memory was
 * corrupted.
 */
static inline bool ndshm_mock_sound(const struct ndshm_mock_counts *counts)
{
	return !counts->double_free && !counts->use_after_free &&
	       !counts->overrun && !counts->misused;
}

/* A slot of the mock's kernel user. */
struct ndshm_mock_slot {
	char state[16];
	int extra;
	int calls;
	int inside;
	int late;
	int broken;
	int segments;	/* of its block, or the number needed if the list was too short */
};

struct ndshm_mock_slot ndshm_mock_slot(unsigned int slot);

/* Return: true if each request completed once, as the contract says, and some succeeded. */
bool ndshm_mock_requests_sound(void);

/*
 * The events since the last call, a letter each (kernel/tests/mock/ctl.c). Waits until they are as
 * many as @expected.
 */
const char *ndshm_mock_log(const char *expected);

/* A slot of the mock's importer of dma-bufs; all are -1 if it is free. */
struct ndshm_mock_import {
	int entries;		/* of its table; 0 without a mapping */
	long long bytes;
	long long longest;
	int moved;
};

struct ndshm_mock_import ndshm_mock_import(unsigned int slot);

/* The file whose mappings are the importer's. Return: a descriptor, or -1. */
int ndshm_mock_import_open(void);

/*
 * For programs with ndshm_test.h: the command must succeed, or fail with this
 * errno and reason.
 */
#define test_mock(...) do { \
	int ret_ = ndshm_mock(__VA_ARGS__); \
	ndshm_case(true); \
	ASSERT_EQ(0, ret_) \
		TH_LOG("line %d: %s", __LINE__, strerror(-ret_)); \
} while (0)

#define test_err_mock(error, reason, ...) do { \
	ndshm_case(false); \
	EXPECT_EQ(-(error), ndshm_mock(__VA_ARGS__)) \
		TH_LOG("line %d", __LINE__); \
	EXPECT_EQ((int)(reason), ndshm_mock_reason()) \
		TH_LOG("line %d", __LINE__); \
} while (0)

/*
 * For a fixture's setup after the mock module is loaded: add adapter a and
 * provider p (with @add's command) and open a client. The fixture has the
 * members loaded, fd, nl, adapter and id.
 */
#define test_mock_begin(self, add) do { \
	struct ndshm_nl_provider provider_; \
	struct ndshm_nl_adapter adapter_; \
	(self)->loaded = true; \
	test_mock("adapter add a"); \
	test_mock(add); \
	(self)->fd = ndshm_open(); \
	ASSERT_LE(0, (self)->fd); \
	ASSERT_EQ(0, ndshm_nl_open(&(self)->nl)); \
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&(self)->nl, "p", &provider_)); \
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&(self)->nl, "a", &adapter_)); \
	(self)->id = provider_.id; \
	(self)->adapter = adapter_.id; \
} while (0)

#endif /* _NDSHM_SELFTEST_MOCK_H */
