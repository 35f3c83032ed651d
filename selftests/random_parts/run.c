// SPDX-License-Identifier: GPL-2.0
/*
 * Execution of programs: registers, threads, memory for arguments, checks of contents, and the
 * cleanup after a program.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/kcov.h>
#include <linux/userfaultfd.h>

#include "ndshm_edu.h"
#include "ndshm_proc.h"
#include "random.h"

/* Below the addresses that mmap() chooses. */
#define WINDOWS		((char *)0x10000000000)
#define WINDOWS_SIZE	((REGISTERS + 1) * WINDOW)
#define CHILDREN	4
#define EDU_DMA_US	200000	/* twice the duration of a transfer */
#define MEMORY_SIZE	(256UL << 10)
#define KCOV_PCS	65536
#define STALL_US	2000	/* at most */
#define WRONGS		20	/* that are printed */

struct registers registers;
bool run_in_kills;
int run_section = -1;
void (*run_before)(unsigned int kind);

static struct thread threads[THREADS];
static __thread struct thread *self;
static size_t page;
static bool verbose;

/* Of all processes. */
static struct {
	unsigned int wrongs;
	unsigned int tags;
} *shared;

/* Messages with descriptors: what is written to one end is read from the other. */
static int mailbox[2] = { -1, -1 };

/* The calls that run concurrently, on all threads but the first. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t begun, ended;
	unsigned int number;
	unsigned int running;
	unsigned int ready;
	const struct program *program;
	unsigned int first, end;
} group = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.begun = PTHREAD_COND_INITIALIZER,
	.ended = PTHREAD_COND_INITIALIZER,
};

static struct {
	pid_t pid;
	bool waits;
} children[CHILDREN];
static unsigned int child_count;
/* In a child: the number of remaining calls, and whether it waits to be killed. */
static unsigned int child_calls;
static bool in_child, child_waits;
/* In its parent: the number of calls that the child runs instead. */
static unsigned int skip_calls;

void wrong(const char *format, ...)
{
	char text[512], line[600];
	va_list arguments;
	int length;

	if (__atomic_add_fetch(&shared->wrongs, 1, __ATOMIC_RELAXED) > WRONGS)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	length = snprintf(line, sizeof(line), "# WRONG: %s (process %d)\n", text, getpid());
	if (write(STDOUT_FILENO, line, length) != length)
		_exit(2);
}

unsigned int wrong_count(void)
{
	return __atomic_load_n(&shared->wrongs, __ATOMIC_RELAXED);
}

/* The windows in which the range is, a bit each. */
static __u64 windows(const char *address, size_t length)
{
	size_t first = (address - WINDOWS) / WINDOW;
	size_t last = (address + length - 1 - WINDOWS) / WINDOW;

	return (2ULL << last) - (1ULL << first);
}

/*
 * Faults
 */

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
	/* A fault of this program itself: report it and let it end the process. */
	dprintf(STDERR_FILENO, "random: signal %d, code %d, at %p, in thread %d by %#llx, ", signal,
		info->si_code, info->si_addr, self ? (int)self->number : -1,
		(unsigned long long)INSTRUCTION(at));
	dprintf(STDERR_FILENO, "stack %#llx; guarded() is at %p\n", (unsigned long long)STACK(at),
		(void *)guarded);
	sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
}

static void arm(struct thread *thread, unsigned int nth)
{
	char text[8];
	int length = snprintf(text, sizeof(text), "%u", nth);

	if (thread->fail_fd >= 0 && pwrite(thread->fail_fd, text, length, 0) != length)
		thread->fail_fd = -1;
}

bool guarded(struct thread *thread, void (*access)(void *context), void *context)
{
	sigjmp_buf back;

	/* An injected failure could hit the delivery of SIGBUS, which would kill the process. */
	if (thread->failing)
		arm(thread, 0);
	/* The handler blocks no signals (SA_NODEFER), so no mask needs to be restored. */
	if (sigsetjmp(back, 0)) {
		thread->touching = NULL;
		return false;
	}
	thread->touching = &back;
	access(context);
	thread->touching = NULL;
	return true;
}

/*
 * Contents: the program writes its tag alone, so nothing else may be in memory that only it has.
 */

__u64 page_other(const char *at, size_t size, bool tagged)
{
	const __u64 *words = (const __u64 *)at;
	size_t i;
	__u64 word;

	for (i = 0; i < size / sizeof(*words); i++) {
		word = __atomic_load_n(&words[i], __ATOMIC_RELAXED);
		if (word && !(tagged && (word == registers.tag || registers.mixed)))
			return word;
	}
	return 0;
}

struct access {
	char *address;
	size_t length;
	bool store;
	bool check;
	__u64 other;
};

static void access_pages(void *context)
{
	struct access *access = context;
	char *at;
	size_t i;

	for (i = 0; i < access->length; i += page) {
		at = (char *)((unsigned long)(access->address + i) & ~7UL);
		if (access->store && may_store(at))
			__atomic_store_n((__u64 *)at, registers.tag, __ATOMIC_RELAXED);
		else
			__atomic_load_n(at, __ATOMIC_RELAXED);
		at = (char *)((unsigned long)at & ~(page - 1));
		if (access->check && !access->other)
			access->other = page_other(at, page, true);
	}
}

bool touch(struct thread *thread, char *address, size_t length, bool store)
{
	const unsigned long offset = (unsigned long)address & (page - 1);
	struct access access = {
		address, length, store,
		.check = !registers.bars && !registers.mixed && window_is_device(address),
	};
	bool done;

	if (store)
		window_store(address, length);
	/* The same page fault, which fails without a signal. */
	if (thread->failing)
		return !madvise(address - offset, length + offset,
				store ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
	done = guarded(thread, access_pages, &access);
	if (done && length && registers.revoked & windows(address, 1))
		wrong("memory at %p can be accessed after it was revoked", address);
	if (access.other)
		wrong("memory at %p has what the program did not write: %#llx", address,
		      access.other);
	return done;
}

/*
 * Where a program may have registers of a device mapped, only those without effect are written.
 */
bool may_store(const char *address)
{
	return !registers.bars || ((unsigned long)address & (page - 1)) == EDU_LIVENESS;
}

/*
 * Registers
 */

int *fd_slot(char class, unsigned int number)
{
	return &registers.fds[strchr(CLASSES, class) - CLASSES][number];
}

int fd_of(const struct argument *argument, const struct value *value)
{
	return __atomic_load_n(fd_slot(argument->class, value->number), __ATOMIC_RELAXED);
}

void fd_keep(char class, unsigned int number, int fd)
{
	static unsigned int made;
	unsigned int i;

	registers.made[strchr(CLASSES, class) - CLASSES][number] =
		__atomic_add_fetch(&made, 1, __ATOMIC_RELAXED);
	/* The extents of a holder go with it. */
	for (i = 0; class == 'o' && i < REGISTERS; i++)
		registers.extents[i].made = 0;
	if (class == 'o') {
		registers.section_of[number] = 0;
		if (run_in_kills)
			kills_disown();
	}
	fd = __atomic_exchange_n(fd_slot(class, number), fd, __ATOMIC_RELAXED);
	if (fd >= 0)
		close(fd);
}

void forget_addresses(void)
{
	unsigned int i;

	for (i = 0; i < REGISTERS; i++)
		registers.handles[i].address = 0;
}

char *window_of(const struct value *value)
{
	return WINDOWS + value->number * WINDOW;
}

void window_mark(const char *address, size_t length)
{
	__atomic_or_fetch(&registers.mapped, windows(address, length), __ATOMIC_RELAXED);
}

void window_mark_device(const char *address, size_t length)
{
	__atomic_or_fetch(&registers.device, windows(address, length), __ATOMIC_RELAXED);
}

bool window_is_device(const char *address)
{
	return __atomic_load_n(&registers.device, __ATOMIC_RELAXED) & windows(address, 1);
}

void windows_revoke(__u64 object)
{
	unsigned int i;

	/* Other threads could map memory at the same time. */
	for (i = 0; i < REGISTERS && registers.alone && !run_in_kills; i++)
		if (object ? registers.object_in[i] == object : registers.edu >> i & 1)
			registers.revoked |= 1ULL << i;
}

void window_forget(unsigned int number)
{
	registers.object_in[number] = 0;
	registers.edu &= ~(1ULL << number);
	registers.dmabufs &= ~(1ULL << number);
	registers.revoked &= ~(1ULL << number);
}

void window_store(const char *address, size_t length)
{
	const __u64 offset = (address - WINDOWS) % WINDOW;
	const __u64 section = registers.object_in[(address - WINDOWS) / WINDOW];
	unsigned int i;

	if (!(registers.sections & windows(address, 1)))
		return;
	for (i = 0; i < REGISTERS; i++)
		if (registers.extents[i].made && registers.extents[i].section == section &&
		    registers.extents[i].offset <= offset &&
		    offset + length <= registers.extents[i].offset + registers.extents[i].length)
			return;
	registers.strayed = true;
}

/* Capabilities come and go with the effective user; the first one stays saved. */
bool become(struct thread *thread, uid_t user)
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

/*
 * Memory for the arguments of calls
 */

const char *const place_words[] = {
	[PLACE_GOOD] = "good", [PLACE_ODD] = "odd", [PLACE_HALF] = "half",
	[PLACE_READONLY] = "readonly", [PLACE_SHARED] = "shared", [PLACE_NULL] = "null",
	[PLACE_GONE] = "gone", [PLACE_KERNEL] = "kernel", [PLACE_END] = "end",
	[PLACE_STALL] = "stall", NULL
};

/* A page whose write faults another thread answers after a while. */
static struct {
	int faults;
	char *page;
	struct chance chance;
} stall = { .faults = -1 };

static void stall_protect(bool on)
{
	struct uffdio_writeprotect range = {
		.range = { (unsigned long)stall.page, page },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	ioctl(stall.faults, UFFDIO_WRITEPROTECT, &range);
}

static void *stall_main(void *context)
{
	struct pollfd faults = { .fd = stall.faults, .events = POLLIN };
	struct uffd_msg message;

	for (;;) {
		poll(&faults, 1, -1);
		if (read(stall.faults, &message, sizeof(message)) != sizeof(message))
			continue;
		usleep(chance_below(&stall.chance, STALL_US));
		stall_protect(false);
	}
	return context;
}

/* Without userfaultfd, or in a child, the place is an ordinary one. */
static void stall_begin(void)
{
	struct uffdio_api api = {
		.api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP,
	};
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_WP };
	sigset_t all, mask;
	pthread_t thread;

	stall.faults = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	stall.page = mmap(NULL, page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	range.range.start = (unsigned long)stall.page;
	range.range.len = page;
	/* Signals are the other threads'. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &mask);
	if (stall.faults >= 0 &&
	    (ioctl(stall.faults, UFFDIO_API, &api) ||
	     ioctl(stall.faults, UFFDIO_REGISTER, &range) ||
	     pthread_create(&thread, NULL, stall_main, NULL))) {
		close(stall.faults);
		stall.faults = -1;
	}
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

void place_end(const struct value *value)
{
	if (value->form == WORD && value->number == PLACE_STALL && stall.faults >= 0)
		stall_protect(false);
}

/* A program uses each place only once, except the shared ones. */
static size_t take_memory(struct thread *thread, size_t size)
{
	size_t at = thread->used;

	size = (size + 64) & ~63UL;
	if (at + size > MEMORY_SIZE)
		at = 0;
	thread->used = at + size;
	return at;
}

void *place_put(struct thread *thread, const struct value *value, const void *bytes, size_t size,
		void **seen)
{
	char *to;

	*seen = NULL;
	if (value->form == REGISTER && !registers.bars)
		return window_of(value);
	if (value->form != WORD)
		return (void *)value->number;
	switch (value->number) {
	case PLACE_ODD:
		to = thread->memory + take_memory(thread, size + 1) + 1;
		break;
	case PLACE_HALF:
		to = thread->memory + MEMORY_SIZE - size / 2;
		memcpy(to, bytes, size / 2);
		return to;
	case PLACE_READONLY:
		to = thread->memory + take_memory(thread, size);
		memcpy(to, bytes, size);
		return to - thread->memory + thread->readonly;
	case PLACE_SHARED:
		to = thread->shared;
		break;
	case PLACE_NULL:
		return NULL;
	case PLACE_GONE:
		return thread->memory + MEMORY_SIZE;
	case PLACE_KERNEL:
		return (void *)0xffff888000000000;
	case PLACE_END:
		return (void *)-8UL;
	case PLACE_STALL:
		if (stall.faults >= 0 && size <= page && thread == &threads[0]) {
			memcpy(stall.page, bytes, size);
			stall_protect(true);
			*seen = stall.page;
			return stall.page;
		}
		to = thread->memory + take_memory(thread, size);
		break;
	default:
		to = thread->memory + take_memory(thread, size);
	}
	memcpy(to, bytes, size);
	*seen = to;
	return to;
}

/* Replace the memory at both addresses with new memory that contains @bytes. */
static bool map_both(struct thread *thread, const char *bytes)
{
	int fd = memfd_create("random", MFD_CLOEXEC);
	char *memory, *readonly;

	if (fd < 0 || ftruncate(fd, MEMORY_SIZE) ||
	    (bytes && pwrite(fd, bytes, MEMORY_SIZE, 0) != MEMORY_SIZE)) {
		close(fd);
		return false;
	}
	memory = mmap(thread->memory, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		      fd, 0);
	readonly = mmap(thread->readonly, MEMORY_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
	close(fd);
	return memory != MAP_FAILED && readonly != MAP_FAILED;
}

/* Writable at one address and read-only at another, with an inaccessible page behind each. */
static bool memory_begin(struct thread *thread)
{
	thread->memory = mmap(NULL, 2 * (MEMORY_SIZE + page), PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (thread->memory == MAP_FAILED)
		return false;
	thread->readonly = thread->memory + MEMORY_SIZE + page;
	thread->shared = threads[0].memory;
	return map_both(thread, NULL);
}

/*
 * Coverage of a thread
 */

static int kcov_begin(struct thread *thread)
{
	void *buffer;

	thread->kcov_fd = open(KCOV_FILE, O_RDWR | O_CLOEXEC);
	if (thread->kcov_fd < 0)
		return errno == ENOENT || errno == EACCES ? 0 : -errno;
	if (ioctl(thread->kcov_fd, KCOV_INIT_TRACE, KCOV_PCS))
		return -errno;
	buffer = mmap(NULL, KCOV_PCS * sizeof(__u64), PROT_READ | PROT_WRITE, MAP_SHARED,
		      thread->kcov_fd, 0);
	if (buffer == MAP_FAILED || ioctl(thread->kcov_fd, KCOV_ENABLE, KCOV_TRACE_PC))
		return -errno;
	thread->kcov = buffer;
	return 0;
}

static __u64 kcov_count(const struct thread *thread)
{
	return thread->kcov ? __atomic_load_n(&thread->kcov[0], __ATOMIC_RELAXED) : 0;
}

/*
 * Append an address of 0, which separates the coverage of two calls. The kernel writes to the
 * buffer only while this thread is in a system call.
 */
static void kcov_mark(struct thread *thread)
{
	__u64 count = kcov_count(thread);

	if (!thread->kcov || count + 1 >= KCOV_PCS)
		return;
	thread->kcov[count + 1] = 0;
	__atomic_store_n(&thread->kcov[0], count + 1, __ATOMIC_RELAXED);
}

void run_coverage(void (*look)(const __u64 *pcs, __u64 count))
{
	unsigned int i;

	for (i = 0; i < THREADS; i++)
		if (kcov_count(&threads[i]))
			look(threads[i].kcov + 1, kcov_count(&threads[i]));
}

/*
 * Calls
 */

static __u64 nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void run_call(struct thread *thread, const struct call *call)
{
	const struct kind *kind = kind_at(call->kind);
	struct tally *t = &tally[call->kind];
	char text[1024];
	__u64 since;
	long ret;

	/* Calls of a child are counted when they are assigned, as the child may be killed. */
	if (!in_child)
		count(&t->made);
	if (run_before && thread == &threads[0] && !in_child)
		run_before(call->kind);
	if (call->fail)
		arm(thread, call->fail);
	thread->failing = call->fail;
	thread->beside = false;
	kcov_mark(thread);
	since = nanoseconds();
	errno = 0;
	ret = kind->run(thread, kind, call->values);
	if (call->fail)
		arm(thread, 0);
	if (run_before && thread == &threads[0] && !in_child)
		run_before(kind_count());
	__atomic_add_fetch(&t->nanoseconds, nanoseconds() - since, __ATOMIC_RELAXED);
	thread->failing = false;
	if (ret >= 0 && !thread->beside)
		count(&t->succeeded);
	if (verbose) {
		call_print(call, text, sizeof(text));
		printf("# %s: %ld%s%s\n", text, ret, ret < 0 ? " " : "",
		       ret < 0 ? strerrorname_np(ret == -1 ? errno : -ret) : "");
		fflush(stdout);
	}
}

/* Run the calls of the group that belong to this thread. */
static void run_part(struct thread *thread)
{
	unsigned int i;

	become(thread, group.program->user ? NDSHM_USER_A : 0);
	/* Start together; yield, because there may be fewer CPUs than threads. */
	__atomic_add_fetch(&group.ready, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&group.ready, __ATOMIC_ACQUIRE) < THREADS - 1)
		sched_yield();
	for (i = group.first; i < group.end; i++)
		if (group.program->calls[i].thread == thread->number)
			run_call(thread, &group.program->calls[i]);
}

/* An alternate signal stack, so that a fault with a bad stack pointer is reported. */
static int prepare_thread(struct thread *thread)
{
	const stack_t stack = { .ss_sp = thread->stack, .ss_size = sizeof(thread->stack) };

	self = thread;
	if (sigaltstack(&stack, NULL))
		return -errno;
	thread->fail_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	return kcov_begin(thread);
}

static void *thread_main(void *argument)
{
	struct thread *thread = argument;
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

static void run_group(const struct program *program, unsigned int first, unsigned int end)
{
	pthread_mutex_lock(&group.lock);
	group.program = program;
	group.first = first;
	group.end = end;
	group.ready = 0;
	group.running = THREADS - 1;
	group.number++;
	pthread_cond_broadcast(&group.begun);
	while (group.running)
		pthread_cond_wait(&group.ended, &group.lock);
	pthread_mutex_unlock(&group.lock);
}

/*
 * Processes
 */

bool child_here(void)
{
	return in_child;
}

long child_reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status ? -ECHILD : 0;
}

long child_fork(struct thread *thread, unsigned int calls, bool waits)
{
	sigset_t alarms, mask;
	pid_t pid;

	if (thread != &threads[0] || in_child || child_count == CHILDREN)
		return -EAGAIN;
	/* A signal makes fork() begin anew, and they may come faster than it ends. */
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarms, &mask);
	pid = fork();
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (pid < 0)
		return -errno;
	if (pid) {
		children[child_count].pid = pid;
		children[child_count++].waits = waits;
		skip_calls = calls;
		return 0;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	in_child = true;
	/* The fork itself is the parent's call. */
	thread->beside = true;
	/* Fault injection, KCOV and the stalled page belong to the parent's threads. */
	thread->fail_fd = -1;
	thread->failing = false;
	thread->kcov = NULL;
	stall.faults = -1;
	/* Answers to the child must not be written to the parent's memory. */
	if (!map_both(thread, thread->memory))
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
	while (child_count) {
		child_count--;
		if (children[child_count].waits)
			kill(children[child_count].pid, SIGKILL);
		child_reap(children[child_count].pid);
	}
}

long mail_send(char class, int fd)
{
	char space[CMSG_SPACE(sizeof(fd))] = {};
	struct iovec vector = { &class, 1 };
	struct msghdr message = {
		.msg_iov = &vector, .msg_iovlen = 1,
		.msg_control = space, .msg_controllen = sizeof(space),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(mailbox[0], &message, MSG_DONTWAIT) == 1 ? 0 : -1;
}

int mail_receive(char *class)
{
	int fd = -1;
	char space[CMSG_SPACE(sizeof(fd))] = {};
	struct iovec vector = { class, 1 };
	struct msghdr message = {
		.msg_iov = &vector, .msg_iovlen = 1,
		.msg_control = space, .msg_controllen = sizeof(space),
	};
	struct cmsghdr *header;

	if (recvmsg(mailbox[1], &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1)
		return -1;
	header = CMSG_FIRSTHDR(&message);
	if (header)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

/* A child has a single thread, so calls of other threads are skipped. */
static void run_calls(const struct program *program)
{
	unsigned int i = 0, first;

	while (i < program->count) {
		if (in_child && !child_calls--)
			end_child();
		if (skip_calls) {
			skip_calls--;
			if (!program->calls[i].thread)
				count(&tally[program->calls[i].kind].made);
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

/* Return: true if the call lets others write to the program's memory, or leaves what is in it. */
static bool call_mixes(const struct call *call)
{
	static const char *const kinds[] = { "mock", "request", "packet", "queue", "ndis", "dma",
		"direct", "send", "ssend", "osend", "receive", "sopen", "raise", "import" };
	const struct argument *argument = kind_at(call->kind)->arguments;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kind_at(call->kind)->name, kinds[i]))
			return true;
	for (i = 0; argument[i].name; i++) {
		const struct value *value = &call->values[i];

		/* The kernel's answer is written to a mapping. */
		if (argument[i].words == place_words && value->form != WORD)
			return true;
		if (argument[i].words == machine_providers && value->form == WORD &&
		    value->number >= MACHINE_P0)
			return true;
		/* The section that all killed processes have. */
		if (run_in_kills && argument[i].class == 's' && value->number == FEW - 1)
			return true;
	}
	return false;
}

static void look_ahead(const struct program *program)
{
	unsigned int i;

	registers.bars = false;
	registers.alone = true;
	registers.mixed = false;
	for (i = 0; i < program->count; i++) {
		const char *name = kind_at(program->calls[i].kind)->name;

		registers.bars |= !strcmp(name, "bar");
		registers.alone &= strcmp(name, "fork") && !program->calls[i].thread;
		registers.mixed |= call_mixes(&program->calls[i]);
	}
	registers.tag = 0x4d00000000000001ULL +
			((__u64)__atomic_add_fetch(&shared->tags, 1, __ATOMIC_RELAXED) << 8);
}

/*
 * Cleaning
 */

/* Reserve the range from the first to the last marked window in one call. */
static void clean_windows(__u64 which)
{
	size_t first = __builtin_ctzll(which);
	size_t end = 64 - __builtin_clzll(which);

	if (mmap(WINDOWS + first * WINDOW, (end - first) * WINDOW, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
		perror("random: mmap");
		_exit(2);
	}
}

/* Close descriptors whose numbers are unknown: sections, holders, dma-bufs. */
static void close_strays(void)
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	struct statfs fs;
	char target[64];
	ssize_t length;
	int fd;

	while (directory && (entry = readdir(directory))) {
		fd = atoi(entry->d_name);
		length = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		if (strstr(target, "[ndshm") || strstr(target, "/dmabuf:") ||
		    (!fstatfs(fd, &fs) && fs.f_type == NDSHM_FS_MAGIC))
			close(fd);
	}
	if (directory)
		closedir(directory);
	registers.strays = false;
}

static void clean(void)
{
	unsigned int i, j;
	char class;
	int fd;

	kcov_mark(&threads[0]);
	end_children();
	pins_end();
	for (i = DESCRIPTORS; i--;)
		for (j = FEW; j--;)
			fd_keep(CLASSES[i], j, -1);
	if (registers.strays && !run_in_kills)
		close_strays();
	if (registers.mapped)
		clean_windows(registers.mapped);
	registers.mapped = 0;
	registers.device = 0;
	registers.sections = 0;
	registers.edu = 0;
	registers.dmabufs = 0;
	registers.revoked = 0;
	memset(registers.object_in, 0, sizeof(registers.object_in));
	registers.strayed = false;
	memset(registers.handles, 0, sizeof(registers.handles));
	memset(registers.extents, 0, sizeof(registers.extents));
	become(&threads[0], 0);
	skip_calls = 0;
	if (run_in_kills)
		return;
	while ((fd = mail_receive(&class)) >= 0)
		close(fd);
	/* A transfer must not continue under the next claim: edu has no reset. */
	if (registers.dma)
		usleep(EDU_DMA_US);
	registers.dma = false;
	machine_restore();
}

void run_program(const struct program *program)
{
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		if (threads[i].kcov)
			__atomic_store_n(&threads[i].kcov[0], 0, __ATOMIC_RELAXED);
		threads[i].used = 0;
	}
	look_ahead(program);
	if (run_in_kills)
		fd_keep('s', FEW - 1, fcntl(run_section, F_DUPFD_CLOEXEC, 0));
	registers.common = run_in_kills ? registers.made[1][FEW - 1] : 0;
	become(&threads[0], program->user ? NDSHM_USER_A : 0);
	run_calls(program);
	clean();
}

void run_verbose(void)
{
	verbose = true;
}

/* In the first process. */
int run_prepare(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, mailbox))
		return -errno;
	memset(registers.fds, -1, sizeof(registers.fds));
	return 0;
}

int run_begin(void)
{
	const struct sigaction action = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
	};
	const struct rlimit limit = { MEMLOCK, MEMLOCK };
	pthread_t thread;
	unsigned int i;
	int error;

	page = sysconf(_SC_PAGESIZE);
	if (sigaction(SIGBUS, &action, NULL) || sigaction(SIGSEGV, &action, NULL) ||
	    setrlimit(RLIMIT_MEMLOCK, &limit) ||
	    mmap(WINDOWS, WINDOWS_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		 MAP_FIXED_NOREPLACE, -1, 0) != WINDOWS)
		return -errno;
	for (i = 0; i < THREADS; i++) {
		threads[i].number = i;
		if (!memory_begin(&threads[i]))
			return -errno;
	}
	stall_begin();
	error = prepare_thread(&threads[0]);
	for (i = 1; !error && i < THREADS; i++)
		error = -pthread_create(&thread, NULL, thread_main, &threads[i]);
	return error;
}
