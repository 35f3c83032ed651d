// SPDX-License-Identifier: GPL-2.0
/*
 * The machine that programs run on: adapters, providers, devices, parameters.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ndshm_debug.h"
#include "ndshm_nl.h"
#include "ndshm_pci.h"
#include "ndshm_proc.h"
#include "random.h"

#define DRIVER		"/sys/bus/pci/drivers/ndshm_pci/"
#define PARAMETERS	"/sys/module/ndshm/parameters/"
#define INJECTION	"/sys/kernel/debug/"
#define REFERENCES	"/sys/module/ndshm/refcnt"
#define MOST		64	/* adapters or providers that are considered */

const char *const machine_adapters[] = {
	[MACHINE_NODE0] = "node0", [MACHINE_NODE1] = "node1", [MACHINE_EDU] = "edu",
	[MACHINE_NIC] = "nic", [MACHINE_A0] = "a0", [MACHINE_A1] = "a1", [MACHINE_GONE] = "gone",
	NULL
};

const char *const machine_providers[] = {
	[MACHINE_ANY] = "any", [MACHINE_COHERENT] = "coherent", [MACHINE_PAGES] = "pages",
	[MACHINE_P0] = "p0", [MACHINE_P1] = "p1", NULL
};

/*
 * The mock, and the NDIS cases
 */

#define MOCK		"/sys/kernel/debug/ndshm_mock/"

static int ctl = -1;

/*
 * What makes objects and what removes them, in this order: packets first, because other objects
 * wait for them. Only the creation is noted, because all other changes end with the object.
 */
static const struct {
	const char *make;
	const char *undo;
	const char *drop;	/* a reference, until there is none */
} objects[] = {
	{ "packet resolve %u", "packet put %u", NULL },
	{ "request ask %u", "request end", NULL },
	{ "block alloc %u", "block free %u", "block put %u" },
	{ "provider add p%u", "provider revoke p%u", NULL },
	{ "adapter add a%u", "adapter del a%u", NULL },
};

/* The numbers of objects that programs may have made: shared, because children make some. */
static __u32 *made;

static int mock_begin(void)
{
	made = mmap(NULL, ARRAY_SIZE(objects) * sizeof(*made), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (made == MAP_FAILED)
		return -errno;
	ctl = open(MOCK "ctl", O_WRONLY | O_CLOEXEC);
	return ctl < 0 && errno != ENOENT ? -errno : 0;
}

bool machine_has_mock(void)
{
	return ctl >= 0;
}

static long report(const char *command)
{
	return write(ctl, command, strlen(command)) < 0 ? -errno : 0;
}

static long mock_command(const char *command)
{
	unsigned int number, i;

	if (!machine_has_mock())
		return -ENODEV;
	/* Noted in advance, because the process may be killed during the command. */
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		if (sscanf(command, objects[i].make, &number) == 1 && number < 32)
			__atomic_or_fetch(&made[i], 1U << number, __ATOMIC_RELAXED);
	return report(command);
}

static bool mock_restore(void)
{
	unsigned int i, number, times;
	char command[64];
	bool any = false;

	for (i = 0; i < ARRAY_SIZE(objects); i++)
		for (number = 0; made[i] >> number; number++) {
			if (!(made[i] >> number & 1))
				continue;
			any = true;
			snprintf(command, sizeof(command), objects[i].undo, number);
			report(command);
			if (!objects[i].drop)
				continue;
			snprintf(command, sizeof(command), objects[i].drop, number);
			for (times = 0; times < 100 && !report(command); times++)
				;
		}
	memset(made, 0, ARRAY_SIZE(objects) * sizeof(*made));
	return any;
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
static bool mock_clean(char *text, size_t size)
{
	char line[512], *word, *next;
	bool clean = true;
	FILE *file;

	if (!machine_has_mock())
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

#define STEP	"/sys/module/ndshm_ndis_cases/parameters/step"

static int step_fd = -1;

/* Set when a program has begun. In shared memory, because children take steps as well. */
static bool *begun;

static int ndis_begin(void)
{
	begun = mmap(NULL, sizeof(*begun), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (begun == MAP_FAILED)
		return -errno;
	step_fd = open(STEP, O_WRONLY | O_CLOEXEC);
	return step_fd < 0 && errno != ENOENT ? -errno : 0;
}

bool machine_has_ndis(void)
{
	return step_fd >= 0;
}

static long take(const char *step)
{
	return pwrite(step_fd, step, strlen(step), 0) < 0 ? -errno : 0;
}

long machine_ndis(const char *step)
{
	if (!machine_has_ndis())
		return -ENODEV;
	/* Noted in advance, because the process may be killed during the step. */
	if (!strcmp(step, "begin"))
		__atomic_store_n(begun, true, __ATOMIC_RELAXED);
	return take(step);
}

static void ndis_restore(void)
{
	if (*begun)
		take("end");
	*begun = false;
}

static bool ndis_clean(char *text, size_t size)
{
	char state[512];
	int error;

	if (!machine_has_ndis())
		return true;
	error = ndshm_read_file(STEP, state, sizeof(state));
	if (error) {
		snprintf(text, size, "%s: %s", STEP, strerror(-error));
		return false;
	}
	if (strstr(state, "device=0 ") && strstr(state, " broken=0"))
		return true;
	snprintf(text, size, "NDIS: %s", state);
	return false;
}

/*
 * Adapters and providers
 */

/* The edu function and the network card; an empty name if there is none. */
static struct ndshm_pci functions[2];

struct ndshm_nl machine_nl;
static pid_t owner;

/* Counts before the first program. */
static struct {
	int dma_entries;
	int adapters;
	int providers;
	int references;
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

static void look_at_adapters(void)
{
	static struct ndshm_nl_adapter seen[MOST];
	int count = ndshm_nl_adapters(&machine_nl, seen, MOST), i, j;
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
	int count = ndshm_nl_providers(&machine_nl, seen, MOST), i, j;

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

	return ndshm_nl_adapters(&machine_nl, &adapter, 1);
}

static int count_providers(void)
{
	struct ndshm_nl_provider provider;

	return ndshm_nl_providers(&machine_nl, &provider, 1);
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
	count = ndshm_nl_blocks(&machine_nl, &block, 1);
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
	       same_number(ndshm_read_number(REFERENCES), usual.references, "references", text,
			   size) &&
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
		error = error ?: ndshm_nl_adapter_by_name(&machine_nl, functions[i].name,
							  &adapter);
		if (!error && chmod(ndshm_node(functions[i].name), 0666))
			error = -errno;
		if (!error && adapter.isolation)
			error = ndshm_write_file(PARAMETERS "allow_unisolated",
						 "Y");
	}
	return error;
}

static const char *const modules[] = { "ndshm_mock", "ndshm_ndis_cases" };
static bool loaded[2];

/* The mock, and what lies beside it. */
static void load_modules(void)
{
	const char *mock = getenv("NDSHM_MOCK"), *end = mock ? strrchr(mock, '/') : NULL;
	char path[4096];
	int i;

	for (i = 0; end && i < 2; i++) {
		snprintf(path, sizeof(path), "%.*s/%s.ko", (int)(end - mock), mock, modules[i]);
		loaded[i] = !access(path, R_OK) &&
			    !ndshm_load_module(path, "");
	}
}

static int begin(void)
{
	int error;

	load_modules();

	changed = mmap(NULL, sizeof(*changed), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (changed == MAP_FAILED || chmod(NDSHM_DEVICE, 0666))
		return -errno;
	error = mock_begin() ?: ndis_begin();
	error = error ?: ndshm_nl_open(&machine_nl);
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
	usual.references = ndshm_read_number(REFERENCES);
	return 0;
}

void machine_mine(void)
{
	ndshm_nl_close(&machine_nl);
	ndshm_nl_open(&machine_nl);
	owner = getpid();
	look_at_adapters();
	look_at_providers();
}

/* The module is unloaded and loaded again: nothing of it may be in use. */
static bool reload(const char *path)
{
	int error = -EWOULDBLOCK;

	/* The last reference of a client that was closed can go later. */
	ndshm_soon((error = ndshm_unload_module("ndshm")) != -EWOULDBLOCK);
	error = error ?: ndshm_load_module(path, "");
	if (error)
		printf("# ndshm: %s\n", strerror(-error));
	return !error;
}

bool machine_end(void)
{
	const char *path = getenv("NDSHM_KO");
	bool fine = true;
	int i;

	for (i = 0; i < 2; i++)
		if (functions[i].name[0])
			ndshm_pci_restore(&functions[i]);
	chmod(NDSHM_DEVICE, 0600);
	close(ctl);
	close(step_fd);
	ndshm_nl_close(&machine_nl);
	for (i = 0; i < 2; i++)
		if (loaded[i])
			fine = ndshm_soon(!ndshm_unload_module(modules[i])) && fine;
	return (!path || !*path || reload(path)) && fine;
}
