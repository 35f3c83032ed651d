// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/types.h>

#include "machine.h"
#include "machine_mock.h"

#define MOCK		"/sys/kernel/debug/ndshm_mock/"
#define MOCK_SLOTS	2	/* for blocks, and for packets */

static int ctl = -1;

/*
 * Objects that programs may have created, as bit masks: slots of blocks and of
 * packets, requests (any), providers and adapters. In shared memory, because
 * children create objects as well.
 */
static struct {
	__u32 slots;
	__u32 packets;
	__u32 requests;
	__u32 providers;
	__u32 adapters;
} *made;

int mock_begin(void)
{
	made = mmap(NULL, sizeof(*made), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (made == MAP_FAILED)
		return -errno;
	ctl = open(MOCK "ctl", O_WRONLY | O_CLOEXEC);
	return ctl < 0 && errno != ENOENT ? -errno : 0;
}

bool mock_there(void)
{
	return ctl >= 0;
}

static long report(const char *command)
{
	return write(ctl, command, strlen(command)) < 0 ? -errno : 0;
}

static void set_bit(__u32 *bits, unsigned int bit)
{
	__atomic_or_fetch(bits, 1U << bit, __ATOMIC_RELAXED);
}

/* Only the creation of objects is noted, because all other changes end with them. */
static void note_made(const char *command)
{
	unsigned int number;

	if (sscanf(command, "block alloc %u", &number) == 1)
		set_bit(&made->slots, number);
	else if (sscanf(command, "packet resolve %u", &number) == 1)
		set_bit(&made->packets, number);
	else if (sscanf(command, "request ask %u", &number) == 1)
		set_bit(&made->requests, 0);
	else if (sscanf(command, "adapter add a%u", &number) == 1)
		set_bit(&made->adapters, MACHINE_A0 + number);
	else if (sscanf(command, "provider add p%u", &number) == 1)
		set_bit(&made->providers, MACHINE_P0 + number);
}

long mock_command(const char *command)
{
	if (!mock_there())
		return -ENODEV;
	/* Noted in advance, because the process may be killed during the command. */
	note_made(command);
	return report(command);
}

/* Packets first, because other objects wait for them. */
static void restore_packets(void)
{
	char command[64];
	int i;

	for (i = 0; i < MOCK_SLOTS; i++) {
		if (!(made->packets & 1U << i))
			continue;
		snprintf(command, sizeof(command), "packet put %d", i);
		report(command);
	}
	if (made->requests)
		report("request end");
	made->packets = 0;
	made->requests = 0;
}

bool mock_restore(void)
{
	char command[64];
	int i, times;

	if (made->packets || made->requests)
		restore_packets();
	if (!made->slots && !made->providers && !made->adapters)
		return false;
	for (i = 0; i < MOCK_SLOTS; i++) {
		if (!(made->slots & 1U << i))
			continue;
		snprintf(command, sizeof(command), "block free %d", i);
		report(command);
		snprintf(command, sizeof(command), "block put %d", i);
		for (times = 0; times < 100 && !report(command); times++)
			;
	}
	for (i = MACHINE_P0; i < MACHINE_PROVIDERS; i++) {
		if (!(made->providers & 1U << i))
			continue;
		snprintf(command, sizeof(command), "provider revoke %s",
			 machine_providers[i]);
		report(command);
	}
	for (i = MACHINE_A0; i < MACHINE_GONE; i++) {
		if (!(made->adapters & 1U << i))
			continue;
		snprintf(command, sizeof(command), "adapter del %s",
			 machine_adapters[i]);
		report(command);
	}
	made->slots = 0;
	made->providers = 0;
	made->adapters = 0;
	return true;
}

/* Return: true if no request broke the contract and none is in flight. */
static bool requests_clean(char *text, size_t size)
{
	int requested, ended, granted, broken, found = 0;
	FILE *file = fopen(MOCK "requests", "r");

	if (file) {
		found = fscanf(file, "asked=%d ended=%d granted=%d broken=%d",
			       &requested, &ended, &granted, &broken);
		fclose(file);
	}
	if (found == 4 && requested == ended && !broken)
		return true;
	if (found == 4)
		snprintf(text, size, "requests: %d asked, %d ended, %d broken",
			 requested, ended, broken);
	else
		snprintf(text, size, "%s", MOCK "requests cannot be read");
	return false;
}

/* Return: true if all memory of providers has been freed and none was misused. */
bool mock_clean(char *text, size_t size)
{
	char line[512], *word, *next;
	bool clean = true;
	FILE *file;

	if (!mock_there())
		return true;
	file = fopen(MOCK "providers", "r");
	if (!file) {
		snprintf(text, size, "%s", MOCK "providers cannot be read");
		return false;
	}
	while (clean && fgets(line, sizeof(line), file)) {
		next = line;
		while ((word = strsep(&next, "\n ")))
			if ((!strncmp(word, "live=", 5) ||
			     !strncmp(word, "double_free=", 12) ||
			     !strncmp(word, "use_after_free=", 15)) &&
			    strcmp(strchr(word, '='), "=0")) {
				snprintf(text, size, "the mock: %s", word);
				clean = false;
			}
	}
	fclose(file);
	return clean && requests_clean(text, size);
}
