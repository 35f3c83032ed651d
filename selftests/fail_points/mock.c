// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock.h"
#include "ndshm_mock.h"

#define MOCK	"/sys/kernel/debug/ndshm_mock/"

static int ctl = -1;

int fail_nth_mock(const char *text)
{
	ssize_t length = strlen(text), put = write(ctl, text, length);

	return put == length ? 0 : put < 0 ? -errno : -EIO;
}

int fail_nth_call_text(void)
{
	return fail_nth_mock(fail_nth_scenario->text);
}

const char *fail_nth_mock_begin(void)
{
	int i;

	if (!getenv("NDSHM_MOCK"))
		return "NDSHM_MOCK is not given";
	if (ndshm_mock_load(""))
		return "the mock module cannot be loaded";
	ctl = open(MOCK "ctl", O_WRONLY | O_CLOEXEC);
	if (ctl < 0)
		return "the mock module's file cannot be opened";
	/* The first 64 ids share an existing node of the xarray; later ids allocate nodes. */
	for (i = 0; i < 64; i++)
		fail_nth_expect(!fail_nth_mock("provider add mock") &&
				!fail_nth_mock("provider del mock") &&
				!fail_nth_mock("adapter add mocked") &&
				!fail_nth_mock("adapter del mocked"));
	return NULL;
}

void fail_nth_mock_end(void)
{
	close(ctl);
	fail_nth_expect(!ndshm_mock_unload());
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
	fail_nth_state(text + length, size - length);
}

bool fail_nth_have_provider(struct ndshm_nl_provider *provider)
{
	return !ndshm_nl_provider_by_name(&fail_nth_nl, "mock", provider);
}

bool fail_nth_have_adapter(struct ndshm_nl_adapter *adapter)
{
	return !ndshm_nl_adapter_by_name(&fail_nth_nl, "mocked", adapter);
}

/* In an order that works. Missing ones are skipped. */
void fail_nth_mock_clean(void)
{
	struct ndshm_nl_provider provider;
	struct ndshm_nl_adapter adapter;

	fail_nth_mock("block free 0");
	if (fail_nth_have_provider(&provider))
		fail_nth_must("provider del mock");
	if (fail_nth_have_adapter(&adapter))
		fail_nth_must("adapter del mocked");
}
