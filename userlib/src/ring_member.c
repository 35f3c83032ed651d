// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Members of a ring. The lock of a member's byte belongs to a file description of its own
 * (F_OFD_SETLK), so that the kernel releases it when the last process that has the
 * description ends or calls exec.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"
#include "ring_internal.h"

static bool set_lock(int fd, unsigned int start, unsigned int length, short type)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = start,
		.l_len = length,
	};

	return !fcntl(fd, F_OFD_SETLK, &lock);
}

static bool lock_byte(int fd, unsigned int number, short type)
{
	return set_lock(fd, number, 1, type);
}

/*
 * Remove the locks of the description that is passed on, which the library does not lock: those that
 * a process has set with it would outlive the process.
 */
static void unlock_shared(const struct ndshm_ring *ring)
{
	set_lock(ring->fd, 0, RING_MEMBERS, F_UNLCK);
}

/*
 * Open the file again: a description that is passed on would keep the lock. Does not wait for the
 * creator to give up a lease.
 */
static int open_again(int fd)
{
	char path[64];
	int own, error, state;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	own = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	error = errno == EWOULDBLOCK ? -EBADF : -errno;
	pthread_setcancelstate(state, NULL);
	return own >= 0 ? own : error;
}

static void free_member(struct ring_member *member)
{
	ndshm__close(member->fd);
	free(member);
}

static int make_member(struct ndshm_ring *ring, struct ring_member **out)
{
	struct ring_member *member = calloc(1, sizeof(*member));

	if (!member)
		return -ENOMEM;
	member->fd = open_again(ring->fd);
	if (member->fd < 0) {
		int error = member->fd;

		free(member);
		return error;
	}
	member->process = ndshm__process();
	pthread_mutex_init(&member->recovering, NULL);
	unlock_shared(ring);
	while (member->number < RING_MEMBERS && !lock_byte(member->fd, member->number, F_WRLCK))
		member->number++;
	if (member->number == RING_MEMBERS) {
		free_member(member);
		return -EUSERS;
	}
	/* Cells of the last member with this number. */
	ndshm__ring_recover(ring, member->number);
	*out = member;
	return 0;
}

int ndshm__ring_join(struct ndshm_ring *ring, struct ring_member **out)
{
	struct ring_member *seen = ring->member, *made;
	int error;

	if (seen && seen->process == ndshm__process()) {
		*out = seen;
		return 0;
	}
	error = make_member(ring, &made);
	if (error)
		return error;
	/* Of several threads the first sets it. */
	if (atomic_compare_exchange_strong(&ring->member, &seen, made)) {
		/* That of the parent. Not freed: another thread may still read its process. */
		if (seen)
			ndshm__close(seen->fd);
		*out = made;
		return 0;
	}
	free_member(made);
	*out = seen;
	return 0;
}

void ndshm__ring_leave(struct ndshm_ring *ring)
{
	if (ring->member)
		free_member(ring->member);
}

/* Mark the members that own cells. */
static void find_owners(const struct ndshm_ring *ring, bool owns[RING_MEMBERS])
{
	for (uint32_t i = 0; i < ring->cell_count; i++) {
		uint64_t owner = atomic_load(&ndshm__ring_cell(ring, i)->owner);

		if (ndshm__ring_state(owner) != RING_FREE &&
		    ndshm__ring_member(owner) < RING_MEMBERS)
			owns[ndshm__ring_member(owner)] = true;
	}
}

bool ndshm__ring_recover_all(struct ndshm_ring *ring, struct ring_member *member)
{
	bool owns[RING_MEMBERS] = { false }, freed = false;

	/* Another thread does it. */
	if (pthread_mutex_trylock(&member->recovering))
		return false;
	find_owners(ring, owns);
	unlock_shared(ring);
	for (unsigned int i = 0; i < RING_MEMBERS; i++) {
		if (!owns[i] || i == member->number || !lock_byte(member->fd, i, F_WRLCK))
			continue;
		freed |= ndshm__ring_recover(ring, i);
		lock_byte(member->fd, i, F_UNLCK);
	}
	pthread_mutex_unlock(&member->recovering);
	return freed;
}
