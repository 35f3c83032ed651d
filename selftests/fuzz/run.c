// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ndshm_edu.h"
#include "ndshm_proc.h"
#include "kinds.h"
#include "machine.h"
#include "memory.h"
#include "run.h"
#include "tally.h"

/* Below the addresses that mmap() chooses. */
#define WINDOWS		((char *)0x10000000000)
#define WINDOWS_SIZE	((FUZZ_MAPS + 1) * FUZZ_WINDOW)
#define CHILDREN	4
#define MEMLOCK		0x100000
#define EDU_DMA_US	200000	/* twice the duration of a transfer */

struct fuzz_registers fuzz_registers_now;

static struct fuzz_thread threads[FUZZ_THREADS];
static __thread struct fuzz_thread *self;
static size_t page;
static bool verbose;

/* The calls that run concurrently, on all threads but the first. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t begun, ended;
	unsigned int number;
	unsigned int running;
	unsigned int ready;
	const struct fuzz_program *program;
	unsigned int first, end;
} group = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.begun = PTHREAD_COND_INITIALIZER,
	.ended = PTHREAD_COND_INITIALIZER,
};

static pid_t children[CHILDREN];
static unsigned int child_count;
/* In a child: the number of remaining calls, and whether it waits to be killed. */
static unsigned int child_calls;
static bool in_child, child_waits;
/* In its parent: the number of calls that the child runs instead. */
static unsigned int skip_calls;

#ifdef __aarch64__
#define INSTRUCTION(context_)	((context_)->uc_mcontext.pc)
#define STACK(context_)		((context_)->uc_mcontext.sp)
#else
#define INSTRUCTION(context_)	((context_)->uc_mcontext.gregs[REG_RIP])
#define STACK(context_)		((context_)->uc_mcontext.gregs[REG_RSP])
#endif

static void on_fault(int signal, siginfo_t *info, void *context)
{
	const ucontext_t *at = context;

	if (self && self->touching)
		siglongjmp(*self->touching, 1);
	/* A fault of the fuzzer itself: report it and let it end the process. */
	dprintf(STDERR_FILENO,
		"fuzz: signal %d, code %d, at %p, in thread %d by %#llx, stack %#llx; fuzz_guarded() is at %p\n",
		signal, info->si_code, info->si_addr,
		self ? (int)self->number : -1,
		(unsigned long long)INSTRUCTION(at), (unsigned long long)STACK(at),
		(void *)fuzz_guarded);
	sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
}

static void arm(struct fuzz_thread *thread, unsigned int nth)
{
	char text[8];
	int length = snprintf(text, sizeof(text), "%u", nth);

	if (thread->fail_fd >= 0 &&
	    pwrite(thread->fail_fd, text, length, 0) != length)
		thread->fail_fd = -1;
}

bool fuzz_guarded(struct fuzz_thread *thread, void (*access)(void *context),
		  void *context)
{
	sigjmp_buf back;

	/*
	 * An injected failure could hit the delivery of SIGBUS, which would
	 * kill the process.
	 */
	if (thread->failing)
		arm(thread, 0);
	/*
	 * The handler blocks no signals (SA_NODEFER), so no mask needs to be
	 * restored.
	 */
	if (sigsetjmp(back, 0)) {
		thread->touching = NULL;
		return false;
	}
	thread->touching = &back;
	access(context);
	thread->touching = NULL;
	return true;
}

struct touch {
	char *address;
	size_t length;
	bool store;
};

static void touch(void *context)
{
	const struct touch *touch = context;
	size_t i;

	for (i = 0; i < touch->length; i += page)
		if (touch->store && fuzz_may_store(touch->address + i))
			__atomic_store_n(touch->address + i, i, __ATOMIC_RELAXED);
		else
			__atomic_load_n(touch->address + i, __ATOMIC_RELAXED);
}

bool fuzz_touch(struct fuzz_thread *thread, char *address, size_t length,
		bool store)
{
	struct touch what = { address, length, store };

	/* The same page fault, which fails without a signal. */
	if (thread->failing)
		return !madvise(address - ((unsigned long)address & (page - 1)),
				length + ((unsigned long)address & (page - 1)),
				store ? MADV_POPULATE_WRITE :
					MADV_POPULATE_READ);
	return fuzz_guarded(thread, touch, &what);
}

/*
 * Where a program may have registers of a device mapped, only those without
 * effect are written.
 */
bool fuzz_may_store(const char *address)
{
	return !fuzz_registers_now.bars ||
	       ((unsigned long)address & (page - 1)) == EDU_LIVENESS;
}

static int descriptor(const int *slots, const struct fuzz_value *value)
{
	return __atomic_load_n(&slots[value->number], __ATOMIC_RELAXED);
}

int fuzz_client(const struct fuzz_value *value)
{
	return descriptor(fuzz_registers_now.clients, value);
}

int fuzz_socket(const struct fuzz_value *value)
{
	return descriptor(fuzz_registers_now.sockets, value);
}

int fuzz_section(const struct fuzz_value *value)
{
	return descriptor(fuzz_registers_now.sections, value);
}

int fuzz_holder(const struct fuzz_value *value)
{
	return descriptor(fuzz_registers_now.holders, value);
}

void fuzz_set_fd(int *slot, int fd)
{
	fd = __atomic_exchange_n(slot, fd, __ATOMIC_RELAXED);
	if (fd >= 0)
		close(fd);
}

void fuzz_forget_addresses(void)
{
	unsigned int i;

	for (i = 0; i < FUZZ_HANDLES; i++)
		fuzz_registers_now.handles[i].address = 0;
}

struct fuzz_handle *fuzz_handle(const struct fuzz_value *value)
{
	return &fuzz_registers_now.handles[value->number];
}

char *fuzz_window(const struct fuzz_value *value)
{
	return WINDOWS + value->number * FUZZ_WINDOW;
}

static __u64 windows(const char *address, size_t length)
{
	size_t first = (address - WINDOWS) / FUZZ_WINDOW;
	size_t last = (address + length - 1 - WINDOWS) / FUZZ_WINDOW;

	return (2ULL << last) - (1ULL << first);
}

void fuzz_mark_window(const char *address, size_t length)
{
	__atomic_or_fetch(&fuzz_registers_now.mapped, windows(address, length),
			  __ATOMIC_RELAXED);
}

void fuzz_mark_device(const char *address, size_t length)
{
	__atomic_or_fetch(&fuzz_registers_now.device, windows(address, length),
			  __ATOMIC_RELAXED);
}

bool fuzz_is_device(const char *address)
{
	return __atomic_load_n(&fuzz_registers_now.device, __ATOMIC_RELAXED) &
	       windows(address, 1);
}

/* Capabilities come and go with the effective user; the first one stays saved. */
bool fuzz_become(struct fuzz_thread *thread, uid_t user)
{
	if (thread->user == user)
		return true;
	/* The C library would do it to all threads. Only root becomes somebody else. */
	if ((thread->user && syscall(SYS_setresuid, 0, 0, 0)) ||
	    syscall(SYS_setresuid, user, user, 0))
		return false;
	thread->user = user;
	return true;
}

static void become(struct fuzz_thread *thread, bool user)
{
	fuzz_become(thread, user ? NDSHM_USER_A : 0);
}

static void run_call(struct fuzz_thread *thread, const struct fuzz_call *call)
{
	char text[1024];
	long ret;

	/*
	 * Calls of a child are counted when they are assigned, as the child may
	 * be killed.
	 */
	if (!in_child)
		tally_made(call->kind);
	if (call->fail)
		arm(thread, call->fail);
	thread->failing = call->fail;
	thread->beside = false;
	kcov_mark(&thread->kcov);
	errno = 0;
	ret = fuzz_kind(call->kind)->run(thread, call->arguments);
	if (call->fail)
		arm(thread, 0);
	thread->failing = false;
	if (ret >= 0 && !thread->beside)
		tally_succeeded(call->kind);
	if (verbose) {
		fuzz_call_print(call, text, sizeof(text));
		printf("# %s: %ld%s%s\n", text, ret, ret < 0 ? " " : "",
		       ret < 0 ? strerrorname_np(ret == -1 ? errno : -ret) : "");
		fflush(stdout);
	}
}

/* Run the calls of the group that belong to this thread. */
static void run_part(struct fuzz_thread *thread)
{
	unsigned int i;

	become(thread, group.program->user);
	/* Start together; yield, because there may be fewer CPUs than threads. */
	__atomic_add_fetch(&group.ready, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&group.ready, __ATOMIC_ACQUIRE) < FUZZ_THREADS - 1)
		sched_yield();
	for (i = group.first; i < group.end; i++)
		if (group.program->calls[i].thread == thread->number)
			run_call(thread, &group.program->calls[i]);
}

/* An alternate signal stack, so that a fault with a bad stack pointer is reported. */
static int prepare_thread(struct fuzz_thread *thread)
{
	const stack_t stack = {
		.ss_sp = thread->stack, .ss_size = sizeof(thread->stack),
	};

	self = thread;
	if (sigaltstack(&stack, NULL))
		return -errno;
	thread->fail_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	return kcov_begin(&thread->kcov);
}

static void *thread_main(void *argument)
{
	struct fuzz_thread *thread = argument;
	unsigned int done = 0;
	int error = prepare_thread(thread);

	if (error) {
		fprintf(stderr, "KCOV: %s\n", strerror(-error));
		_exit(2);
	}
	pthread_mutex_lock(&group.lock);
	for (;;) {
		while (group.number == done)
			pthread_cond_wait(&group.begun, &group.lock);
		done = group.number;
		pthread_mutex_unlock(&group.lock);
		run_part(thread);
		pthread_mutex_lock(&group.lock);
		if (!--group.running)
			pthread_cond_signal(&group.ended);
	}
	return NULL;
}

static int start_threads(void)
{
	pthread_t thread;
	unsigned int i;
	int error;

	for (i = 1; i < FUZZ_THREADS; i++) {
		error = pthread_create(&thread, NULL, thread_main, &threads[i]);
		if (error)
			return -error;
	}
	return 0;
}

static void run_group(const struct fuzz_program *program, unsigned int first,
		      unsigned int end)
{
	pthread_mutex_lock(&group.lock);
	group.program = program;
	group.first = first;
	group.end = end;
	group.ready = 0;
	group.running = FUZZ_THREADS - 1;
	group.number++;
	pthread_cond_broadcast(&group.begun);
	while (group.running)
		pthread_cond_wait(&group.ended, &group.lock);
	pthread_mutex_unlock(&group.lock);
}

long fuzz_fork(struct fuzz_thread *thread, unsigned int calls, bool waits)
{
	pid_t pid;

	if (thread != &threads[0] || in_child || child_count == CHILDREN)
		return -EAGAIN;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid) {
		children[child_count++] = pid;
		skip_calls = calls;
		return 0;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	in_child = true;
	/* The fork itself is the parent's call. */
	thread->beside = true;
	/* Fault injection and KCOV belong to the parent's thread. */
	thread->fail_fd = -1;
	thread->failing = false;
	thread->kcov.buffer = NULL;
	/* Answers to the child must not be written to the parent's memory. */
	if (!memory_part(thread))
		_exit(2);
	child_calls = calls;
	child_waits = waits;
	return 0;
}

static void end_child(void)
{
	while (child_waits)
		pause();
	_exit(0);
}

static void end_children(void)
{
	unsigned int i;

	for (i = 0; i < child_count; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	child_count = 0;
}

/* A child has a single thread, so calls of other threads are skipped. */
static void run_calls(const struct fuzz_program *program)
{
	unsigned int i = 0, first;

	while (i < program->count) {
		if (in_child && !child_calls--)
			end_child();
		if (skip_calls) {
			skip_calls--;
			if (!program->calls[i].thread)
				tally_made(program->calls[i].kind);
			i++;
			continue;
		}
		if (!program->calls[i].thread) {
			run_call(&threads[0], &program->calls[i++]);
			continue;
		}
		first = i;
		while (i < program->count && program->calls[i].thread)
			i++;
		if (!in_child)
			run_group(program, first, i);
	}
	if (in_child)
		end_child();
}

static void look_ahead(const struct fuzz_program *program)
{
	struct fuzz_registers *r = &fuzz_registers_now;
	unsigned int i;

	r->bars = false;
	r->alone = true;
	for (i = 0; i < program->count; i++) {
		const char *name = fuzz_kind(program->calls[i].kind)->name;

		r->bars |= !strcmp(name, "bar");
		r->alone &= strcmp(name, "fork") && !program->calls[i].thread;
	}
}

/* Reserve the range from the first to the last marked window in one call. */
static void clean_windows(__u64 which)
{
	size_t first = __builtin_ctzll(which);
	size_t end = 64 - __builtin_clzll(which);

	if (mmap(WINDOWS + first * FUZZ_WINDOW, (end - first) * FUZZ_WINDOW,
		 PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
		 -1, 0) == MAP_FAILED) {
		perror("fuzz: mmap");
		_exit(2);
	}
}

static void close_all(int *slots, unsigned int count)
{
	while (count--)
		fuzz_set_fd(&slots[count], -1);
}

/* Close descriptors whose numbers are unknown. */
static void close_strays(void)
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	char target[64];
	ssize_t length;

	while (directory && (entry = readdir(directory))) {
		length = readlinkat(dirfd(directory), entry->d_name, target,
				    sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		if (strstr(target, "[ndshm-"))
			close(atoi(entry->d_name));
	}
	if (directory)
		closedir(directory);
}

static void clean(void)
{
	struct fuzz_registers *r = &fuzz_registers_now;

	kcov_mark(&threads[0].kcov);
	end_children();
	close_all(r->sockets, FUZZ_SOCKETS);
	close_all(r->holders, FUZZ_HOLDERS);
	close_all(r->sections, FUZZ_SECTIONS);
	close_all(r->clients, FUZZ_CLIENTS);
	if (r->strays)
		close_strays();
	r->strays = false;
	if (r->mapped)
		clean_windows(r->mapped);
	r->mapped = 0;
	r->device = 0;
	memset(r->handles, 0, sizeof(r->handles));
	memset(r->extents, 0, sizeof(r->extents));
	become(&threads[0], false);
	/* A transfer must not continue under the next claim: edu has no reset. */
	if (r->dma)
		usleep(EDU_DMA_US);
	r->dma = false;
	machine_restore();
	skip_calls = 0;
}

void fuzz_run(const struct fuzz_program *program)
{
	unsigned int i;

	for (i = 0; i < FUZZ_THREADS; i++) {
		kcov_reset(&threads[i].kcov);
		threads[i].used = 0;
	}
	look_ahead(program);
	become(&threads[0], program->user);
	run_calls(program);
	clean();
}

void fuzz_run_coverage(void (*look)(const __u64 *pcs, __u64 count))
{
	unsigned int i;

	for (i = 0; i < FUZZ_THREADS; i++)
		if (kcov_count(&threads[i].kcov))
			look(threads[i].kcov.buffer + 1,
			     kcov_count(&threads[i].kcov));
}

void fuzz_run_verbose(void)
{
	verbose = true;
}

int fuzz_run_begin(void)
{
	const struct sigaction action = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
	};
	const struct rlimit limit = { MEMLOCK, MEMLOCK };
	unsigned int i;

	page = sysconf(_SC_PAGESIZE);
	memset(fuzz_registers_now.clients, -1,
	       sizeof(fuzz_registers_now.clients));
	memset(fuzz_registers_now.sockets, -1,
	       sizeof(fuzz_registers_now.sockets));
	memset(fuzz_registers_now.sections, -1,
	       sizeof(fuzz_registers_now.sections));
	memset(fuzz_registers_now.holders, -1,
	       sizeof(fuzz_registers_now.holders));
	if (sigaction(SIGBUS, &action, NULL) ||
	    sigaction(SIGSEGV, &action, NULL) ||
	    setrlimit(RLIMIT_MEMLOCK, &limit))
		return -errno;
	if (mmap(WINDOWS, WINDOWS_SIZE, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		 MAP_FIXED_NOREPLACE, -1, 0) != WINDOWS)
		return -errno;
	for (i = 0; i < FUZZ_THREADS; i++) {
		threads[i].number = i;
		if (!memory_prepare(&threads[i], i ? threads[0].memory : NULL))
			return -errno;
	}
	return prepare_thread(&threads[0]) ?: start_threads();
}
