// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/ndshm.h>

#include "../ndshm_debug.h"
#include "../ndshm_nl.h"
#include "../ndshm_pci.h"
#include "../ndshm_proc.h"
#include "machine.h"
#include "program.h"

#define MOCK		"/sys/kernel/debug/ndshm_mock/"
#define DRIVER		"/sys/bus/pci/drivers/ndshm_pci/"
#define PARAMETERS	"/sys/module/ndshm/parameters/"
#define INJECTION	"/sys/kernel/debug/"
#define MOST		64	/* adapters or providers that are looked at */
#define MOCK_SLOTS	2

const char *const machine_adapters[] = {
	[MACHINE_NODE0] = "node0",
	[MACHINE_NODE1] = "node1",
	[MACHINE_EDU] = "edu",
	[MACHINE_NIC] = "nic",
	[MACHINE_A0] = "a0",
	[MACHINE_A1] = "a1",
	[MACHINE_GONE] = "gone",
	NULL
};

const char *const machine_providers[] = {
	[MACHINE_ANY] = "any",
	[MACHINE_COHERENT] = "coherent",
	[MACHINE_P0] = "p0",
	[MACHINE_P1] = "p1",
	NULL
};

/* Of edu and of the card; no name: the machine has none. */
static struct ndshm_pci functions[2];

static struct ndshm_nl nl;
static pid_t owner;
static int mock = -1;
static int dma_entries;

/* Seen by children, too, which change the machine as their parents do. */
static struct {
	bool mock;
	bool functions;
	bool parameters;
} *changed;

/* What is known, by place in the words; guarded by the lock while it is found out. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __u32 adapters[MACHINE_ADAPTERS], providers[MACHINE_PROVIDERS];

static struct {
	const char *name;
	char usual[32];
} parameters[] = {
	{ .name = "allow_unisolated" },
	{ .name = "max_block_bytes" },
};

const char *machine_adapter_name(enum machine_adapter adapter)
{
	const char *name = machine_adapters[adapter];

	if (adapter == MACHINE_EDU || adapter == MACHINE_NIC)
		name = functions[adapter - MACHINE_EDU].name;
	return *name ? name : NULL;
}

static void look_at_adapters(void)
{
	static struct ndshm_nl_adapter seen[MOST];
	int count = ndshm_nl_adapters(&nl, seen, MOST), i, j;
	__u32 now[MACHINE_ADAPTERS] = {};

	for (i = 0; i < MACHINE_GONE; i++)
		for (j = 0; j < count && j < MOST; j++)
			if (machine_adapter_name(i) &&
			    !strcmp(seen[j].name, machine_adapter_name(i)))
				now[i] = seen[j].id;
	for (i = 0; i < MACHINE_GONE; i++) {
		if (adapters[i] && now[i] != adapters[i])
			adapters[MACHINE_GONE] = adapters[i];
		adapters[i] = now[i];
	}
}

static void look_at_providers(void)
{
	static struct ndshm_nl_provider seen[MOST];
	int count = ndshm_nl_providers(&nl, seen, MOST), i, j;

	for (i = MACHINE_COHERENT; i < MACHINE_PROVIDERS; i++) {
		providers[i] = 0;
		for (j = 0; j < count && j < MOST; j++)
			if (!strcmp(seen[j].name, machine_providers[i]))
				providers[i] = seen[j].id;
	}
}

/* A child has no socket of its own, and what it knew when it began. */
static void look(void)
{
	if (getpid() != owner)
		return;
	pthread_mutex_lock(&lock);
	look_at_adapters();
	look_at_providers();
	pthread_mutex_unlock(&lock);
}

__u32 machine_adapter(enum machine_adapter adapter)
{
	return adapters[adapter];
}

__u32 machine_provider(enum machine_provider provider)
{
	return providers[provider];
}

__u16 machine_family(void)
{
	return nl.family;
}

__u32 machine_events(void)
{
	return nl.events;
}

static long tell_mock(const char *command)
{
	if (mock < 0)
		return -ENODEV;
	changed->mock = true;
	return write(mock, command, strlen(command)) < 0 ? -errno : 0;
}

long machine_mock(const char *command)
{
	long ret = tell_mock(command);

	if (!ret && strncmp(command, "block", 5) && strncmp(command, "script", 6))
		look();
	return ret;
}

long machine_bind(enum machine_adapter adapter, bool bind)
{
	const char *name = machine_adapter_name(adapter);
	long ret;

	if (!name || (adapter != MACHINE_EDU && adapter != MACHINE_NIC))
		return -ENODEV;
	changed->functions = true;
	ret = ndshm_write_file(bind ? DRIVER "bind" : DRIVER "unbind", name);
	look();
	return ret;
}

long machine_parameter(const char *name, const char *value)
{
	char path[128];

	changed->parameters = true;
	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	return ndshm_write_file(path, value);
}

static void restore_mock(void)
{
	char command[64];
	int i, times;

	for (i = 0; i < MOCK_SLOTS; i++) {
		snprintf(command, sizeof(command), "block free %d", i);
		tell_mock(command);
		snprintf(command, sizeof(command), "block put %d", i);
		for (times = 0; times < 100 && !tell_mock(command); times++)
			;
	}
	for (i = MACHINE_P0; i < MACHINE_PROVIDERS; i++) {
		snprintf(command, sizeof(command), "provider revoke %s",
			 machine_providers[i]);
		tell_mock(command);
	}
	for (i = MACHINE_A0; i < MACHINE_GONE; i++) {
		snprintf(command, sizeof(command), "adapter del %s",
			 machine_adapters[i]);
		tell_mock(command);
	}
	changed->mock = false;
}

static void restore_functions(void)
{
	int i;

	for (i = MACHINE_EDU; i <= MACHINE_NIC; i++)
		if (machine_adapter_name(i) && !adapters[i])
			machine_bind(i, true);
	changed->functions = false;
}

static void restore_parameters(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parameters); i++)
		machine_parameter(parameters[i].name, parameters[i].usual);
	changed->parameters = false;
}

void machine_restore(void)
{
	bool looks = changed->mock || changed->functions;

	if (changed->mock)
		restore_mock();
	if (changed->parameters)
		restore_parameters();
	if (looks)
		look();
	if (changed->functions)
		restore_functions();
}

/* What counts for a user who has nothing: what is charged to it now, or -1. */
static long long charged(uid_t uid)
{
	struct ndshm_get_info info = { .size = sizeof(info) };
	long long locked = -1;
	int fd;

	/* This thread alone. */
	if (syscall(SYS_setresuid, uid, uid, 0))
		return -1;
	fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd >= 0 && !ioctl(fd, NDSHM_GET_INFO, &info))
		locked = info.out_user_locked;
	close(fd);
	return syscall(SYS_setresuid, 0, 0, 0) ? -1 : locked;
}

/* No provider has memory out, and none was misused. */
static bool mock_clean(char *text, size_t size)
{
	FILE *file = fopen(MOCK "providers", "r");
	char line[512], *word, *next;
	bool clean = true;

	while (file && clean && fgets(line, sizeof(line), file)) {
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
	if (file)
		fclose(file);
	return clean;
}

bool machine_clean(char *text, size_t size)
{
	struct ndshm_nl_block block;
	long long locked;
	int count;

	ndshm_settle();
	count = ndshm_nl_blocks(&nl, &block, 1);
	if (count) {
		snprintf(text, size, "%d blocks live, the first of process %u",
			 count, count > 0 ? block.pid : 0);
		return false;
	}
	locked = charged(NDSHM_USER_A);
	if (locked) {
		snprintf(text, size, "%lld bytes are charged", locked);
		return false;
	}
	count = ndshm_dma_entries();
	if (count != dma_entries) {
		snprintf(text, size, "%d entries of the DMA API, %d before",
			 count, dma_entries);
		return false;
	}
	return mock_clean(text, size);
}

static int read_parameters(void)
{
	char path[128];
	unsigned int i;
	int error = 0;

	for (i = 0; !error && i < ARRAY_SIZE(parameters); i++) {
		snprintf(path, sizeof(path), PARAMETERS "%s", parameters[i].name);
		error = ndshm_read_file(path, parameters[i].usual,
					sizeof(parameters[i].usual));
	}
	return error;
}

/* Every allocation and copy can be made to fail, if the kernel can do that. */
static void prepare_injection(void)
{
	static const struct {
		const char *path;
		const char *value;
	} files[] = {
		{ INJECTION "failslab/ignore-gfp-wait", "N" },
		{ INJECTION "failslab/verbose", "0" },
		{ INJECTION "fail_page_alloc/ignore-gfp-wait", "N" },
		{ INJECTION "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ INJECTION "fail_page_alloc/min-order", "0" },
		{ INJECTION "fail_page_alloc/verbose", "0" },
		{ INJECTION "fail_usercopy/verbose", "0" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++)
		if (!access(files[i].path, W_OK))
			ndshm_write_file(files[i].path, files[i].value);
}

static int bind_functions(void)
{
	static const struct {
		unsigned int vendor, device;
	} ids[] = { { 0x1234, 0x11e8 }, { 0x8086, 0x10d3 } };
	struct ndshm_nl_adapter adapter;
	int error = 0, i;

	for (i = 0; !error && i < 2; i++) {
		error = ndshm_pci_find(&functions[i], ids[i].vendor,
				       ids[i].device);
		if (error == -ENODEV) {
			functions[i].name[0] = '\0';
			error = 0;
			continue;
		}
		error = error ?: ndshm_pci_bind(&functions[i], true);
		error = error ?: ndshm_nl_adapter_by_name(&nl, functions[i].name,
							  &adapter);
		if (!error && adapter.isolation)
			error = ndshm_write_file(PARAMETERS "allow_unisolated",
						 "Y");
	}
	return error;
}

static int begin(void)
{
	int error;

	changed = mmap(NULL, sizeof(*changed), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (changed == MAP_FAILED || chmod(NDSHM_DEVICE, 0666))
		return -errno;
	error = ndshm_nl_open(&nl);
	error = error ?: bind_functions();
	return error ?: read_parameters();
}

int machine_begin(void)
{
	int error = begin();

	if (error) {
		fprintf(stderr, "the machine cannot be set up: %s\n",
			strerror(-error));
		return error;
	}
	mock = open(MOCK "ctl", O_WRONLY | O_CLOEXEC);
	prepare_injection();
	dma_entries = ndshm_dma_entries();
	return 0;
}

void machine_mine(void)
{
	ndshm_nl_close(&nl);
	ndshm_nl_open(&nl);
	owner = getpid();
	look();
}

void machine_end(void)
{
	int i;

	for (i = 0; i < 2; i++)
		if (functions[i].name[0])
			ndshm_pci_restore(&functions[i]);
	chmod(NDSHM_DEVICE, 0600);
}
