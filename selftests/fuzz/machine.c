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

#include "ndshm_debug.h"
#include "ndshm_nl.h"
#include "ndshm_pci.h"
#include "ndshm_proc.h"
#include "machine.h"
#include "machine_mock.h"
#include "machine_ndis.h"
#include "program.h"

#define DRIVER		"/sys/bus/pci/drivers/ndshm_pci/"
#define PARAMETERS	"/sys/module/ndshm/parameters/"
#define INJECTION	"/sys/kernel/debug/"
#define MOST		64	/* adapters or providers that are considered */

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
	[MACHINE_PAGES] = "pages",
	[MACHINE_P0] = "p0",
	[MACHINE_P1] = "p1",
	NULL
};

/* The edu function and the network card; an empty name if there is none. */
static struct ndshm_pci functions[2];

static struct ndshm_nl nl;
static pid_t owner;

/* Counts before the first program. */
static struct {
	int dma_entries;
	int adapters;
	int providers;
} usual;

/*
 * Changes by programs, to be undone at their end. In shared memory, because
 * children of programs make changes as well.
 */
static struct {
	bool functions;
	bool parameters;
	/* What is known of them may be old. */
	bool adapter_ids;
	bool provider_ids;
} *changed;

/* Known ids, indexed by the enums. Protected by the lock during a lookup. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __u32 adapters[MACHINE_ADAPTERS], providers[MACHINE_PROVIDERS];

static struct {
	const char *name;
	char usual[32];
} parameters[] = {
	{ .name = "allow_unisolated" },
	{ .name = "max_block_bytes" },
	{ .name = "max_section_bytes" },
};

const char *machine_adapter_name(enum machine_adapter adapter)
{
	const char *name = machine_adapters[adapter];

	if (adapter == MACHINE_EDU || adapter == MACHINE_NIC)
		name = functions[adapter - MACHINE_EDU].name;
	return *name ? name : NULL;
}

bool machine_has_edu(void)
{
	return machine_adapter_name(MACHINE_EDU);
}

bool machine_has_function(void)
{
	return machine_has_edu() || machine_adapter_name(MACHINE_NIC);
}

bool machine_has_mock(void)
{
	return mock_there();
}

bool machine_has_ndis(void)
{
	return ndis_there();
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

/*
 * A lookup is a dump, so look only for what is needed. A child has no socket
 * and uses the ids known at its fork.
 */
static void look(bool *have_changed, void (*look_at)(void))
{
	if (!__atomic_load_n(have_changed, __ATOMIC_ACQUIRE) || getpid() != owner)
		return;
	pthread_mutex_lock(&lock);
	if (__atomic_exchange_n(have_changed, false, __ATOMIC_ACQ_REL))
		look_at();
	pthread_mutex_unlock(&lock);
}

__u32 machine_adapter(enum machine_adapter adapter)
{
	/* The adapters of nodes never change. */
	if (adapter >= MACHINE_EDU)
		look(&changed->adapter_ids, look_at_adapters);
	return adapters[adapter];
}

__u32 machine_provider(enum machine_provider provider)
{
	if (provider >= MACHINE_P0)
		look(&changed->provider_ids, look_at_providers);
	return providers[provider];
}

__u16 machine_family(void)
{
	return nl.family;
}

__u32 machine_events(void)
{
	return nl.group;
}

static void set(bool *flag)
{
	__atomic_store_n(flag, true, __ATOMIC_RELEASE);
}

long machine_mock(const char *command)
{
	long ret = mock_command(command);

	if (!strncmp(command, "adapter", 7))
		set(&changed->adapter_ids);
	else if (!strncmp(command, "provider", 8))
		set(&changed->provider_ids);
	return ret;
}

long machine_ndis(const char *step)
{
	return ndis_take(step);
}

long machine_bind(enum machine_adapter adapter, bool bind)
{
	const char *name = machine_adapter_name(adapter);
	long ret;

	if (!name || (adapter != MACHINE_EDU && adapter != MACHINE_NIC))
		return -ENODEV;
	set(&changed->functions);
	ret = ndshm_write_file(bind ? DRIVER "bind" : DRIVER "unbind", name);
	if (bind)
		chmod(ndshm_node(name), 0666);
	set(&changed->adapter_ids);
	return ret;
}

long machine_parameter(const char *name, const char *value)
{
	char path[128];

	changed->parameters = true;
	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	return ndshm_write_file(path, value);
}

static void restore_functions(void)
{
	int i;

	set(&changed->adapter_ids);
	for (i = MACHINE_EDU; i <= MACHINE_NIC; i++)
		if (machine_adapter_name(i) && !machine_adapter(i))
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
	if (mock_restore()) {
		set(&changed->adapter_ids);
		set(&changed->provider_ids);
	}
	ndis_restore();
	if (changed->parameters)
		restore_parameters();
	if (changed->functions)
		restore_functions();
}

/* Return the bytes charged to a user without processes, or -1. */
static long long charged(uid_t uid)
{
	struct ndshm_get_info_args info = { .size = sizeof(info) };
	long long locked = -1;
	int fd;

	/* The raw system call changes this thread alone. */
	if (syscall(SYS_setresuid, uid, uid, 0))
		return -1;
	fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd >= 0 && !ioctl(fd, NDSHM_GET_INFO, &info))
		locked = info.out_user_locked;
	close(fd);
	return syscall(SYS_setresuid, 0, 0, 0) ? -1 : locked;
}

static int count_adapters(void)
{
	struct ndshm_nl_adapter adapter;

	return ndshm_nl_adapters(&nl, &adapter, 1);
}

static int count_providers(void)
{
	struct ndshm_nl_provider provider;

	return ndshm_nl_providers(&nl, &provider, 1);
}

static bool same_number(int now, int before, const char *of, char *text,
			size_t size)
{
	if (now != before)
		snprintf(text, size, "%d %s, %d before", now, of, before);
	return now == before;
}

bool machine_clean(char *text, size_t size)
{
	struct ndshm_nl_block block;
	long long locked;
	int count;

	ndshm_wait_deferred();
	count = ndshm_nl_blocks(&nl, &block, 1);
	if (count) {
		snprintf(text, size, "%d blocks live, the first of process %u",
			 count, count > 0 ? block.pid : 0);
		return false;
	}
	locked = charged(NDSHM_USER_A) ?: charged(NDSHM_USER_B);
	if (locked) {
		snprintf(text, size, "%lld bytes are charged", locked);
		return false;
	}
	return same_number(ndshm_dma_entries(), usual.dma_entries,
			   "entries of the DMA API", text, size) &&
	       same_number(count_adapters(), usual.adapters, "adapters", text,
			   size) &&
	       same_number(count_providers(), usual.providers, "providers",
			   text, size) &&
	       mock_clean(text, size) && ndis_clean(text, size);
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

/* Enable fault injection for every allocation and user copy, if supported. */
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
		if (!error && chmod(ndshm_node(functions[i].name), 0666))
			error = -errno;
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
	error = mock_begin() ?: ndis_begin();
	error = error ?: ndshm_nl_open(&nl);
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
	prepare_injection();
	usual.dma_entries = ndshm_dma_entries();
	usual.adapters = count_adapters();
	usual.providers = count_providers();
	return 0;
}

void machine_mine(void)
{
	ndshm_nl_close(&nl);
	ndshm_nl_open(&nl);
	owner = getpid();
	look_at_adapters();
	look_at_providers();
}

void machine_end(void)
{
	int i;

	for (i = 0; i < 2; i++)
		if (functions[i].name[0])
			ndshm_pci_restore(&functions[i]);
	chmod(NDSHM_DEVICE, 0600);
}
