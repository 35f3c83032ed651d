// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ndshm_mock.h"
#include "ndshm_proc.h"
#include "ndshm_reasons.h"

#define MODULE_NAME	"ndshm_mock"
#define FILES		"/sys/kernel/debug/" MODULE_NAME "/"

int ndshm_mock_load(const char *parameters)
{
	const char *path = getenv("NDSHM_MOCK");
	int error;

	if (!path || !*path)
		return -ENOENT;
	error = ndshm_load_module(path, parameters);
	if (error == -EEXIST) {
		error = ndshm_mock_unload();
		if (!error)
			error = ndshm_load_module(path, parameters);
	}
	return error;
}

int ndshm_mock_unload(void)
{
	return ndshm_unload_module(MODULE_NAME);
}

const char *ndshm_mock_missing(int error)
{
	switch (error) {
	case -ENOENT:
		return "NDSHM_MOCK names no " MODULE_NAME ".ko";
	case -ENOEXEC:
		return "NDSHM_MOCK is not for this kernel";
	case -EPERM:
		return "only root can load NDSHM_MOCK";
	default:
		return NULL;
	}
}

int ndshm_mock(const char *format, ...)
{
	char text[512];
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (length < 0 || length >= (int)sizeof(text))
		return -E2BIG;
	return ndshm_write_file(FILES "ctl", text);
}

bool ndshm_mock_does(const void *command)
{
	return !ndshm_mock("%s", (const char *)command);
}

/* Compare names: "list-short" equals LIST_SHORT. */
static bool same_name(const char *reported, const char *expected)
{
	for (; *reported && *expected; reported++, expected++)
		if (toupper((unsigned char)*reported) !=
		    (*expected == '_' ? '-' : *expected))
			return false;
	return *reported == *expected;
}

int ndshm_mock_reason(void)
{
	char name[64];
	unsigned int i;

	if (ndshm_read_file(FILES "reason", name, sizeof(name)))
		return -1;
	for (i = 0; i < NDSHM_REASON_COUNT_KNOWN; i++)
		if (ndshm_expected[i].name &&
		    same_name(name, ndshm_expected[i].name))
			return i;
	return -1;
}

const char *ndshm_mock_log(const char *expected)
{
	static char log[160];
	char more[80];

	log[0] = 0;
	ndshm_soon(({
		if (ndshm_read_file(FILES "log", more, sizeof(more)))
			return "unreadable";
		strncat(log, more, strcspn(more, "\n"));
		strlen(log) >= strlen(expected);
	}));
	return log;
}

/* Find the line that begins with @word and a blank. */
static bool find_line(const char *path, const char *word, char *line,
		      size_t size)
{
	size_t length = strlen(word);
	bool found = false;
	FILE *file = fopen(path, "re");

	if (!file)
		return false;
	while (!found && fgets(line, size, file))
		found = !strncmp(line, word, length) && line[length] == ' ';
	fclose(file);
	return found;
}

/* The text after " KEY=" in the line, or NULL. */
static const char *value_of(const char *line, const char *key)
{
	char text[32];
	const char *at;

	snprintf(text, sizeof(text), " %s=", key);
	at = strstr(line, text);
	return at ? at + strlen(text) : NULL;
}

static long long number_of(const char *line, const char *key)
{
	const char *value = value_of(line, key);

	return value ? strtoll(value, NULL, 0) : -1;
}

struct ndshm_mock_counts ndshm_mock_counts(const char *provider)
{
	char line[512];

	if (!find_line(FILES "providers", provider, line, sizeof(line)))
		line[0] = '\0';
	return (struct ndshm_mock_counts){
		.allocated = number_of(line, "allocated"),
		.freed = number_of(line, "freed"),
		.live = number_of(line, "live"),
		.failed = number_of(line, "failed"),
		.double_free = number_of(line, "double_free"),
		.use_after_free = number_of(line, "use_after_free"),
		.mmapped = number_of(line, "mmapped"),
		.for_device = number_of(line, "for_device"),
		.for_cpu = number_of(line, "for_cpu"),
		.sync_end = number_of(line, "sync_end"),
		.overrun = number_of(line, "overrun"),
		.misused = number_of(line, "misused"),
		.inside = number_of(line, "inside"),
		.freeing = number_of(line, "freeing"),
		.generation = number_of(line, "generation"),
	};
}

struct ndshm_mock_slot ndshm_mock_slot(unsigned int number)
{
	struct ndshm_mock_slot slot;
	const char *state;
	char line[256], name[16];

	snprintf(name, sizeof(name), "%u", number);
	if (!find_line(FILES "blocks", name, line, sizeof(line)))
		line[0] = '\0';
	slot = (struct ndshm_mock_slot){
		.extra = number_of(line, "extra"),
		.calls = number_of(line, "calls"),
		.inside = number_of(line, "inside"),
		.late = number_of(line, "late"),
		.broken = number_of(line, "broken"),
		.segments = number_of(line, "segments"),
	};
	state = value_of(line, "state");
	if (state)
		sscanf(state, "%15s", slot.state);
	return slot;
}

bool ndshm_mock_requests_sound(void)
{
	char line[256] = " ";
	long long accepted;

	if (ndshm_read_file(FILES "requests", line + 1, sizeof(line) - 1))
		return false;
	accepted = number_of(line, "asked");
	return accepted > 0 && number_of(line, "ended") == accepted &&
	       number_of(line, "granted") > 0 && number_of(line, "granted") < accepted &&
	       !number_of(line, "broken");
}

struct ndshm_mock_import ndshm_mock_import(unsigned int number)
{
	char line[256], name[16];

	snprintf(name, sizeof(name), "%u", number);
	if (!find_line(FILES "imports", name, line, sizeof(line)))
		line[0] = '\0';
	return (struct ndshm_mock_import){
		.entries = number_of(line, "entries"),
		.bytes = number_of(line, "bytes"),
		.longest = number_of(line, "longest"),
		.moved = number_of(line, "moved"),
	};
}

int ndshm_mock_import_open(void)
{
	return open(FILES "import", O_RDWR | O_CLOEXEC);
}
