// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Descriptors of the library. A child of fork() closes its copies at once: the connections end when
 * the parent closes them or ends, and no child can send on them. Closing does not shut a connection
 * down, and does not change the parent's epoll sets.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "remote_internal.h"

#define WORD_BITS	(8 * sizeof(unsigned long))

/* Held while an object of a device is made, so that no fork() comes before it is hidden. */
static pthread_mutex_t objects_lock = PTHREAD_MUTEX_INITIALIZER;
/* Held while a descriptor is made, so that no fork() comes before it is added. */
static pthread_mutex_t descriptors_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long *descriptors;	/* a bit for each; protected by descriptors_lock */
static size_t descriptor_words;
static atomic_uint generation;		/* forks between the first process and this one */

static void descriptor_prepare(void)
{
	fork_disable();
	descriptor_lock();
}

static void descriptor_release(void)
{
	descriptor_unlock();
	fork_enable();
}

static void descriptor_child(void)
{
	for (size_t i = 0; i < descriptor_words * WORD_BITS; i++)
		if (descriptors[i / WORD_BITS] & 1UL << i % WORD_BITS)
			close((int)i);
	if (descriptor_words)
		memset(descriptors, 0, descriptor_words * sizeof(*descriptors));
	atomic_fetch_add(&generation, 1);
	descriptor_release();
}

static int descriptor_error;

static void descriptor_set_up(void)
{
	descriptor_error = -pthread_atfork(descriptor_prepare, descriptor_release, descriptor_child);
}

int descriptor_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, descriptor_set_up);
	return descriptor_error;
}

unsigned int descriptor_generation(void)
{
	return atomic_load_explicit(&generation, memory_order_relaxed);
}

void fork_disable(void)
{
	pthread_mutex_lock(&objects_lock);
}

void fork_enable(void)
{
	pthread_mutex_unlock(&objects_lock);
}

void descriptor_lock(void)
{
	pthread_mutex_lock(&descriptors_lock);
}

void descriptor_unlock(void)
{
	pthread_mutex_unlock(&descriptors_lock);
}

/* Returns false, and has closed it, without memory. */
bool descriptor_add(int fd)
{
	const size_t word = (size_t)fd / WORD_BITS;

	if (word >= descriptor_words) {
		unsigned long *more = realloc(descriptors, (word + 1) * sizeof(*more));

		if (!more) {
			close(fd);
			errno = ENOMEM;
			return false;
		}
		memset(more + descriptor_words, 0, (word + 1 - descriptor_words) * sizeof(*more));
		descriptors = more;
		descriptor_words = word + 1;
	}
	descriptors[word] |= 1UL << (size_t)fd % WORD_BITS;
	return true;
}

void descriptor_remove(int fd)
{
	if (fd >= 0 && (size_t)fd / WORD_BITS < descriptor_words)
		descriptors[(size_t)fd / WORD_BITS] &= ~(1UL << (size_t)fd % WORD_BITS);
}

void descriptor_close(int fd)
{
	if (fd < 0)
		return;
	descriptor_lock();
	descriptor_remove(fd);
	close(fd);
	descriptor_unlock();
}

/* Returns -1, with errno, or a non-blocking socket of TCP. */
int descriptor_socket(int family)
{
	int fd;

	descriptor_lock();
	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && !descriptor_add(fd))
		fd = -1;
	descriptor_unlock();
	return fd;
}

int descriptor_accept(int listener, struct sockaddr *address, socklen_t *length)
{
	int fd;

	descriptor_lock();
	fd = accept4(listener, address, length, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0 && !descriptor_add(fd))
		fd = -1;
	descriptor_unlock();
	return fd;
}
