/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Processes, users, descriptors and small files, for tests that need several.
 */
#ifndef _NDSHM_SELFTEST_PROC_H
#define _NDSHM_SELFTEST_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* Users that own nothing else on a machine under test. */
#define NDSHM_USER_A	54321
#define NDSHM_USER_B	54322

/*
 * fork() with a socket between the two, each process with its end in *@peer.
 * The child dies with its parent.
 */
pid_t ndshm_fork(int *peer);

/* Say something, and wait for the other to do so; false: the other is gone. */
bool ndshm_tell(int peer);
bool ndshm_hear(int peer);

/* True if the child ended with exit code 0. */
bool ndshm_reap(pid_t pid);

/* Have it end by @signal, or, if that is 0, by itself when it hears from us. */
bool ndshm_end(pid_t pid, int peer, int signal);

/* Pass a descriptor; receive one, or -1. */
bool ndshm_send_fd(int peer, int fd);
int ndshm_receive_fd(int peer);

/* Give up root for good, and every capability with it. */
bool ndshm_become(uid_t uid);

/* Take one capability out of, or back into, the effective set. */
bool ndshm_set_capability(int capability, bool on);

/* A client that was opened without one which the caller has, before and afterwards. */
#define test_open_without(capability) ({ \
	int fd_; \
	ASSERT_TRUE(ndshm_set_capability(capability, false)); \
	fd_ = ndshm_open(); \
	ASSERT_TRUE(ndshm_set_capability(capability, true)); \
	ASSERT_LE(0, fd_); \
	fd_; \
})

/* Small files, such as those of sysfs; 0 or -errno. The newline is cut off. */
int ndshm_write_file(const char *path, const char *text);
int ndshm_read_file(const char *path, char *text, size_t size);
long long ndshm_read_number(const char *path);

/* Load a module's file; unload what nobody uses. 0 or -errno. */
int ndshm_load_module(const char *path, const char *parameters);
int ndshm_unload_module(const char *name);

/* Bytes of the mapping at @map that are mapped by huge entries; -1: no such mapping. */
long ndshm_huge_bytes(const void *map);

/*
 * SIGALRM each @microseconds from now on, or, for 0, no more. It is counted, and
 * restarts nothing: a call that it breaks off has to say so.
 */
bool ndshm_set_alarms(unsigned int microseconds);
unsigned int ndshm_alarms(void);

/* What the environment says, or @otherwise; what is no number ends the test. */
unsigned long long ndshm_number(const char *name, unsigned long long otherwise);

/*
 * How often to do what is repeated because it is a matter of chance: NDSHM_PERCENT
 * of @usual, but @least at least, with which a test still proves something.
 */
unsigned int ndshm_rounds(unsigned int usual, unsigned int least);

/*
 * Wait for what nothing announces, such as a last reference that a worker
 * drops: true as soon as @condition holds, false after ten seconds.
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

#endif /* _NDSHM_SELFTEST_PROC_H */
