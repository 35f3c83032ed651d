// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ndshm_faults.h"
#include "ndshm_proc.h"

#define MODULE_NAME	"ndshm_pci_faults"
#define PARAMETERS	"/sys/module/" MODULE_NAME "/parameters/"

int ndshm_faults_load(const struct ndshm_pci *pci, const char *parameters)
{
	const char *mock = getenv("NDSHM_MOCK"), *end = mock ? strrchr(mock, '/') : NULL;
	char path[512], text[256];

	if (!end)
		return -ENOENT;
	snprintf(path, sizeof(path), "%.*s/" MODULE_NAME ".ko", (int)(end - mock), mock);
	snprintf(text, sizeof(text), "function=%s %s", pci->name, parameters);
	return ndshm_load_module(path, text);
}

int ndshm_faults_unload(void)
{
	return ndshm_unload_module(MODULE_NAME);
}

/* Threads set and read parameters at the same time. */
struct path {
	char text[128];
};

static struct path path_of(const char *parameter)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), PARAMETERS "%s", parameter);
	return path;
}

int ndshm_faults_set(const char *parameter, unsigned int value)
{
	const struct path path = path_of(parameter);
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return ndshm_write_file(path.text, text);
}

long long ndshm_faults_get(const char *parameter)
{
	const struct path path = path_of(parameter);

	return ndshm_read_number(path.text);
}

int ndshm_faults_mute_at(unsigned int at, unsigned int mask, unsigned int value)
{
	int error = ndshm_faults_set("silent_mask", 0);

	if (!error)
		error = ndshm_faults_set("silent_at", at);
	if (!error)
		error = ndshm_faults_set("silent_value", value);
	return error ?: ndshm_faults_set("silent_mask", mask);
}
