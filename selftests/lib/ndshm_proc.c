// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/kernel-page-flags.h>
#include <linux/ndshm.h>

#include "ndshm_proc.h"

pid_t ndshm_fork(int *peer)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -1;
	pid = fork();
	if (pid < 0) {
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		*peer = ends[1];
		return 0;
	}
	close(ends[1]);
	*peer = ends[0];
	return pid;
}

bool ndshm_signal_peer(int peer)
{
	return send(peer, "x", 1, MSG_NOSIGNAL) == 1;
}

bool ndshm_hear(int peer)
{
	ssize_t got;
	char byte;

	do {
		got = read(peer, &byte, 1);
	} while (got < 0 && errno == EINTR);
	return got == 1;
}

long long ndshm_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

bool ndshm_is_waiting(pid_t pid)
{
	char path[64], stat[512];
	const char *state;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (ndshm_read_file(path, stat, sizeof(stat)))
		return false;
	state = strrchr(stat, ')');
	return state && state[2] == 'D';
}

bool ndshm_reap(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       !WEXITSTATUS(status);
}

bool ndshm_end(pid_t pid, int peer, int signal)
{
	return signal ? !kill(pid, signal) : ndshm_signal_peer(peer);
}

bool ndshm_send_fd(int peer, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {};
	struct iovec data = { .iov_base = "f", .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(peer, &message, MSG_NOSIGNAL) == 1;
}

int ndshm_receive_fd(int peer)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	int fd;

	if (recvmsg(peer, &message, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_type != SCM_RIGHTS ||
	    header->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

bool ndshm_become(uid_t uid)
{
	return !setgroups(0, NULL) && !setresgid(uid, uid, uid) &&
	       !setresuid(uid, uid, uid) &&
	       /* A change of the user clears it. */
	       !prctl(PR_SET_PDEATHSIG, SIGKILL);
}

unsigned int ndshm_mapping_users(int fd, unsigned int count)
{
	unsigned int able = 0;
	pid_t child;
	int peer;

	for (; count; count--) {
		child = ndshm_fork(&peer);
		if (!child)
			_exit(!ndshm_become(NDSHM_USER_B + count) ||
			      mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, fd, 0) ==
			      MAP_FAILED);
		able += ndshm_reap(child);
		close(peer);
	}
	return able;
}

bool ndshm_set_capability(int capability, bool on)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	__u32 *effective;

	if (syscall(SYS_capget, &header, data))
		return false;
	effective = &data[CAP_TO_INDEX(capability)].effective;
	if (on)
		*effective |= CAP_TO_MASK(capability);
	else
		*effective &= ~CAP_TO_MASK(capability);
	return !syscall(SYS_capset, &header, data);
}

const char *ndshm_node(const char *adapter)
{
	static __thread char path[128];

	snprintf(path, sizeof(path), NDSHM_DEVICES "/%s", adapter);
	return path;
}

int ndshm_open_limited(rlim_t bytes)
{
	struct rlimit before, limit;
	int fd;

	if (getrlimit(RLIMIT_MEMLOCK, &before))
		return -1;
	limit = before;
	limit.rlim_cur = bytes;
	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		return -1;
	fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	return setrlimit(RLIMIT_MEMLOCK, &before) ? -1 : fd;
}

int ndshm_open_as_two(uid_t real, uid_t effective, rlim_t bytes)
{
	int fd;

	/* Of root's capabilities only the one that opens the device. */
	if (setresuid(real, effective, 0) || !ndshm_set_capability(CAP_DAC_OVERRIDE, true))
		return -1;
	fd = ndshm_open_limited(bytes);
	return setresuid(0, 0, 0) || !ndshm_set_capability(CAP_IPC_LOCK, false) ||
	       /* A change of the user clears it. */
	       prctl(PR_SET_PDEATHSIG, SIGKILL) ? -1 : fd;
}

int ndshm_open_as(uid_t user, rlim_t bytes)
{
	return ndshm_open_as_two(user, user, bytes);
}

#ifndef MADV_HWPOISON
#define MADV_HWPOISON	100
#endif

void ndshm_fail_page(void *page, size_t length)
{
	pid_t child = fork();

	if (!child)
		_exit(!!madvise(page, length, MADV_HWPOISON));
	if (child > 0)
		waitpid(child, NULL, 0);
}

bool ndshm_put_into_pipe(int pipe, void *memory, size_t length)
{
	struct iovec what = { .iov_base = memory, .iov_len = length };

	return vmsplice(pipe, &what, 1, 0) == (ssize_t)length;
}

int ndshm_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t length = strlen(text);
	ssize_t put;
	int error;

	if (fd < 0)
		return -errno;
	put = write(fd, text, length);
	error = put == (ssize_t)length ? 0 : put < 0 ? -errno : -EIO;
	close(fd);
	return error;
}

int ndshm_read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;
	int error;

	if (fd < 0)
		return -errno;
	got = read(fd, text, size - 1);
	error = got < 0 ? -errno : 0;
	close(fd);
	if (error)
		return error;
	text[got] = '\0';
	if (got && text[got - 1] == '\n')
		text[got - 1] = '\0';
	return 0;
}

long long ndshm_read_number(const char *path)
{
	char text[64];

	return ndshm_read_file(path, text, sizeof(text)) ? -1 :
	       strtoll(text, NULL, 0);
}

/* A page is 8 bytes of the file: its frame below PAGE_PRESENT and other flags. */
#define PAGE_PRESENT	0x8000000000000000ULL
#define PAGE_FRAME	0x007fffffffffffffULL

unsigned long long ndshm_physical(const void *memory)
{
	const unsigned long page = sysconf(_SC_PAGESIZE), address = (unsigned long)memory;
	const int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	unsigned long long entry = 0;
	ssize_t got = -1;

	if (fd >= 0)
		got = pread(fd, &entry, sizeof(entry), address / page * sizeof(entry));
	if (fd >= 0)
		close(fd);
	if (got != sizeof(entry) || !(entry & PAGE_PRESENT))
		return 0;
	return (entry & PAGE_FRAME) * page + address % page;
}

long long ndshm_slab_bytes(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	long long kib = -1;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Slab: %lld", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib < 0 ? kib : kib * 1024;
}

int ndshm_load_module(const char *path, const char *parameters)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *file = strrchr(path, '/');
	char trusting[512];
	int error = 0;

	if (fd < 0)
		return -errno;
	/* As the insmod of the tests' guests, whose cards count as isolated. */
	snprintf(trusting, sizeof(trusting), "trust_msi=1 %s", parameters);
	if (file && !strcmp(file, "/ndshm.ko"))
		parameters = trusting;
	if (syscall(SYS_finit_module, fd, parameters, 0))
		error = -errno;
	close(fd);
	return error;
}

int ndshm_unload_module(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

static unsigned int alarms;

static void on_alarm(int number)
{
	(void)number;
	__atomic_add_fetch(&alarms, 1, __ATOMIC_RELAXED);
}

bool ndshm_set_alarms(unsigned int microseconds)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct timeval interval = {
		.tv_sec = microseconds / 1000000,
		.tv_usec = microseconds % 1000000,
	};
	const struct itimerval every = {
		.it_interval = interval,
		.it_value = interval,
	};

	return !sigaction(SIGALRM, &action, NULL) &&
	       !setitimer(ITIMER_REAL, &every, NULL);
}

unsigned int ndshm_alarms(void)
{
	return __atomic_load_n(&alarms, __ATOMIC_RELAXED);
}

unsigned long long ndshm_number(const char *name, unsigned long long otherwise)
{
	const char *text = getenv(name);
	unsigned long long value;
	char *end;

	if (!text || !*text)
		return otherwise;
	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || *end) {
		fprintf(stderr, "%s: what is %s?\n", name, text);
		exit(1);
	}
	return value;
}

int ndshm_log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

bool ndshm_logged(int fd, const char *one, const char *two)
{
	char record[8192];
	ssize_t got;

	for (;;) {
		got = read(fd, record, sizeof(record) - 1);
		/* EPIPE: records were overwritten before they were read. */
		if (got < 0 && errno == EPIPE)
			continue;
		if (got <= 0)
			return false;
		record[got] = '\0';
		if (strstr(record, one) && strstr(record, two))
			return true;
	}
}

unsigned int ndshm_rounds(unsigned int usual, unsigned int least)
{
	unsigned long long percent = ndshm_number("NDSHM_SCALE", 100), rounds;

	if (!percent || percent > 1000000) {
		fprintf(stderr, "NDSHM_SCALE: from 1 to 1000000\n");
		exit(1);
	}
	rounds = percent * usual / 100;
	return percent >= 100 || rounds > least ? rounds : least;
}

bool ndshm_frame_has(unsigned long long frame, unsigned int flag)
{
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	__u64 flags = 0;

	if (fd < 0)
		return false;
	if (pread(fd, &flags, sizeof(flags), frame * sizeof(flags)) < 0)
		flags = 0;
	close(fd);
	return flags >> flag & 1;
}

bool ndshm_folio_has(unsigned long long frame, unsigned int flag)
{
	while (ndshm_frame_has(frame, KPF_COMPOUND_TAIL))
		frame--;
	return ndshm_frame_has(frame, flag);
}

bool ndshm_kernel_before(unsigned int major, unsigned int minor)
{
	unsigned int has_major = 0, has_minor = 0;
	struct utsname name;

	return !uname(&name) &&
	       sscanf(name.release, "%u.%u", &has_major, &has_minor) == 2 &&
	       (has_major < major || (has_major == major && has_minor < minor));
}

bool ndshm_bounces_all(void)
{
	char line[4096] = "";

	return !ndshm_read_file("/proc/cmdline", line, sizeof(line)) &&
	       strstr(line, "swiotlb=force");
}

size_t ndshm_largest_chunk(void)
{
	FILE *zones = fopen("/proc/buddyinfo", "r");
	size_t size = 0;
	char line[512];
	char *word;

	/* After the zone's name one number for each order. */
	if (zones && fgets(line, sizeof(line), zones) && strstr(line, "zone")) {
		strtok(strstr(line, "zone"), "\n ");
		for (word = strtok(NULL, "\n "); (word = strtok(NULL, "\n ")); )
			size = size ? 2 * size : (size_t)sysconf(_SC_PAGESIZE);
	}
	if (zones)
		fclose(zones);
	return size;
}

long ndshm_huge_bytes(const void *map)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	unsigned long start, end, kib;
	bool here = false;
	long found = -1;
	char line[512];

	while (smaps && fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2 &&
		    strchr(line, '-') < strchr(line, ' '))
			here = start <= (uintptr_t)map && (uintptr_t)map < end;
		else if (here && sscanf(line, "FilePmdMapped: %lu", &kib) == 1)
			found = kib << 10;
	}
	if (smaps)
		fclose(smaps);
	return found;
}
