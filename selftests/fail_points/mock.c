// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mock.h"
#include "ndshm_proc.h"

#define MOCK	"/sys/kernel/debug/ndshm_mock/"

const char *fail_nth_mock_text;

static int ctl = -1;
static bool loaded;

int fail_nth_mock(const char *text)
{
	ssize_t length = strlen(text), put = write(ctl, text, length);

	return put == length ? 0 : put < 0 ? -errno : -EIO;
}

bool fail_nth_must(const char *text)
{
	int error = fail_nth_mock(text);

	if (error)
		fail_nth_wrong("%s: %s", text, strerror(-error));
	return !error;
}

int fail_nth_call_mock(void)
{
	return fail_nth_mock(fail_nth_mock_text);
}

/*
 * The first 64 ids share an existing node of the xarray; later ids allocate
 * nodes.
 */
static void use_up_ids(void)
{
	int i;

	for (i = 0; i < 64; i++) {
		fail_nth_must("provider add mock");
		fail_nth_must("provider del mock");
		fail_nth_must("adapter add mocked");
		fail_nth_must("adapter del mocked");
	}
}

const char *fail_nth_mock_begin(void)
{
	const char *path = getenv("NDSHM_MOCK");

	if (access(MOCK "ctl", F_OK)) {
		if (!path)
			return "NDSHM_MOCK is not given";
		if (ndshm_load_module(path, ""))
			return "the mock module cannot be loaded";
		loaded = true;
	}
	ctl = open(MOCK "ctl", O_WRONLY | O_CLOEXEC);
	if (ctl < 0)
		return "the mock module's file cannot be opened";
	use_up_ids();
	return NULL;
}

void fail_nth_mock_end(void)
{
	close(ctl);
	if (loaded)
		fail_nth_expect(!ndshm_unload_module("ndshm_mock"));
	loaded = false;
}

/* The sum of all numbers that follow @key in @text. */
static long long sum(const char *text, const char *key)
{
	long long total = 0;

	while ((text = strstr(text, key))) {
		text += strlen(key);
		total += atoll(text);
	}
	return total;
}

void fail_nth_mock_state(char *text, size_t size)
{
	char providers[4096] = "", blocks[8192] = "";
	int length;

	ndshm_read_file(MOCK "providers", providers, sizeof(providers));
	ndshm_read_file(MOCK "blocks", blocks, sizeof(blocks));
	length = snprintf(text, size,
			  ", given %lld, held %d, mistakes %lld",
			  sum(providers, "live="),
			  !!strstr(blocks, "state=held"),
			  sum(providers, "double_free=") +
			  sum(providers, "use_after_free=") +
			  sum(providers, "overrun=") +
			  sum(providers, "misused=") +
			  sum(providers, "inside=") + sum(blocks, "late=") +
			  sum(blocks, "broken=") + sum(blocks, "inside="));
	fail_nth_client_state(text + length, size - length);
}

bool fail_nth_have_provider(struct ndshm_nl_provider *provider)
{
	return !ndshm_nl_provider_by_name(&fail_nth_nl, "mock", provider);
}

bool fail_nth_have_adapter(struct ndshm_nl_adapter *adapter)
{
	return !ndshm_nl_adapter_by_name(&fail_nth_nl, "mocked", adapter);
}

void fail_nth_mock_clean(void)
{
	struct ndshm_nl_provider provider;
	struct ndshm_nl_adapter adapter;

	fail_nth_close();
	fail_nth_mock("block free 0");
	if (fail_nth_have_provider(&provider))
		fail_nth_must("provider del mock");
	if (fail_nth_have_adapter(&adapter))
		fail_nth_must("adapter del mocked");
}

/*
 * Events: received, or reported as lost
 */

static struct ndshm_nl ear = { .fd = -1 };

bool fail_nth_listen(void)
{
	return fail_nth_expect(!ndshm_nl_open(&ear)) &&
	       fail_nth_expect(!ndshm_nl_join_events(&ear));
}

void fail_nth_deaf(void)
{
	ndshm_nl_close(&ear);
}

static int next_event(void)
{
	union {
		struct nlmsghdr header;
		char space[4096];
	} message;

	return ndshm_nl_event(&ear, 0, &message, sizeof(message));
}

void fail_nth_heard(int error, int event)
{
	int got = next_event();

	if (error)
		fail_nth_expect(got == -ETIMEDOUT);
	else if (got != event && got != -ENOBUFS)
		fail_nth_wrong("no event %d, but %d", event, got);
}
