/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Processes, users, descriptors and small files, for tests with several
 * processes.
 */
#ifndef _NDSHM_SELFTEST_PROC_H
#define _NDSHM_SELFTEST_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* Users that own nothing else on the test machine. */
#define NDSHM_USER_A	54321
#define NDSHM_USER_B	54322

/*
 * fork() with a socket pair: each process gets its end in *@peer. The child
 * dies with its parent.
 */
pid_t ndshm_fork(int *peer);

/* Signal the peer; wait for its signal. Return: false if the peer has ended. */
bool ndshm_signal_peer(int peer);
bool ndshm_hear(int peer);

/* Return: true if the child exited with 0. */
bool ndshm_reap(pid_t pid);

/* Return: true if the process is in uninterruptible sleep. */
bool ndshm_is_waiting(pid_t pid);

/* End the child by @signal or, if that is 0, by a message on which it exits. */
bool ndshm_end(pid_t pid, int peer, int signal);

/* Pass a descriptor; receive one (-1 on failure). */
bool ndshm_send_fd(int peer, int fd);
int ndshm_receive_fd(int peer);

/* Become @uid for good, without any capability. */
bool ndshm_become(uid_t uid);

/* Return: how many of @count users after NDSHM_USER_B can map a page of @fd. */
unsigned int ndshm_mapping_users(int fd, unsigned int count);

/* Remove a capability from the effective set, or add it again. */
bool ndshm_set_capability(int capability, bool on);

/*
 * Open a client whose opener may have @bytes charged to the user. The caller's limit is restored.
 * Return: the descriptor, or -1.
 */
int ndshm_open_limited(rlim_t bytes);

/*
 * The same for another user, or for a real and another effective one. Only root can; it is root
 * again afterwards, without CAP_IPC_LOCK.
 */
int ndshm_open_as(uid_t user, rlim_t bytes);
int ndshm_open_as_two(uid_t real, uid_t effective, rlim_t bytes);

/* Pin memory: vmsplice() stores references to its pages, without a copy, in a pipe. */
bool ndshm_put_into_pipe(int pipe, void *memory, size_t length);

/* Have memory fail, in a child: the kernel ends the process that does it. */
void ndshm_fail_page(void *page, size_t length);

/* Return: the path of an adapter's device node, until the next call of this thread. */
const char *ndshm_node(const char *adapter);

/* Open a client without a capability that the caller has before and afterwards. */
#define test_open_without(capability) ({ \
	int fd_; \
	ASSERT_TRUE(ndshm_set_capability(capability, false)); \
	fd_ = ndshm_open(); \
	ASSERT_TRUE(ndshm_set_capability(capability, true)); \
	ASSERT_LE(0, fd_); \
	fd_; \
})

/*
 * Access small files such as those of sysfs. Return 0 or -errno. The newline is
 * cut off.
 */
int ndshm_write_file(const char *path, const char *text);
int ndshm_read_file(const char *path, char *text, size_t size);
long long ndshm_read_number(const char *path);

/* Return: the physical address of mapped memory of this process, or 0. For root only. */
unsigned long long ndshm_physical(const void *memory);

/*
 * Return: true if the page frame has the flag KPF_..., and false for users who must not know. That
 * of a folio is at its first page.
 */
bool ndshm_frame_has(unsigned long long frame, unsigned int flag);
bool ndshm_folio_has(unsigned long long frame, unsigned int flag);

/* Return: bytes of all slab memory of the machine, or -1. */
long long ndshm_slab_bytes(void);

/* Open the kernel log at its end. */
int ndshm_log_open(void);

/* Return: true if a new record of the log contains both strings. Consumes the records. */
bool ndshm_logged(int fd, const char *one, const char *two);

/* Load a module's file; unload an unused module. Return 0 or -errno. */
int ndshm_load_module(const char *path, const char *parameters);
int ndshm_unload_module(const char *name);

/* Return: true if the running kernel is older than @major.@minor. */
bool ndshm_kernel_before(unsigned int major, unsigned int minor);

/* Return: true if devices only reach bounce buffers ("swiotlb=force"). */
bool ndshm_bounces_all(void);

/*
 * Bytes of the mapping at @map that are mapped by huge entries; -1 without a
 * mapping there.
 */
long ndshm_huge_bytes(const void *map);

/* Bytes of the largest chunk that the kernel's page allocator has; 0: not known. */
size_t ndshm_largest_chunk(void);

/*
 * Raise SIGALRM every @microseconds, or never again for 0. The handler counts
 * the signals. SA_RESTART is not set, so an interrupted call must report EINTR.
 */
bool ndshm_set_alarms(unsigned int microseconds);
unsigned int ndshm_alarms(void);

/* The number in an environment variable, or @otherwise. Invalid text ends the test. */
unsigned long long ndshm_number(const char *name, unsigned long long otherwise);

/*
 * Number of rounds for a test that relies on chance: NDSHM_SCALE percent of
 * @usual, but at least @least, which is enough to prove something.
 */
unsigned int ndshm_rounds(unsigned int usual, unsigned int least);

/*
 * Wait for a condition that has no notification, such as a last reference
 * dropped by a worker. True as soon as @condition holds, false after ten
 * seconds.
 */
#define ndshm_soon(condition) ({ \
	bool held_ = false; \
	for (int tries_ = 0; tries_ < 1000; tries_++) { \
		held_ = (condition); \
		if (held_) \
			break; \
		usleep(10000); \
	} \
	held_; \
})

/* Return: milliseconds of CLOCK_MONOTONIC. */
long long ndshm_ms(void);

#endif /* _NDSHM_SELFTEST_PROC_H */
