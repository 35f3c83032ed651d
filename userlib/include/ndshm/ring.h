/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libndshm: rings, bounded queues of messages between processes and threads.
 *
 * A ring has memory of its own, a sealed memfd that processes pass to each other: it can be
 * shared with fewer processes than a section. To pass a block of a section, send its offset
 * (ndshm_section_offset()).
 *
 * - Any number of threads in up to 256 processes can send and receive concurrently. Each
 *   message is received once, in the order in which messages were sent.
 * - A process can be killed at any instruction. The message that it was sending is
 *   received completely or not at all, the one that it was receiving may be lost, and no
 *   other. What it held is recovered by the others.
 * - Every process that has the ring can write to all of it: it can forge, change, repeat
 *   and discard messages, fill the ring, and keep other processes from joining. It cannot make
 *   a call of another process access other memory, or not return: sizes and positions are
 *   validated. Validate the contents of messages.
 * - The memory is allocated at creation, and charged to the creator's memory cgroup. A process
 *   that has the ring can also free it: the next access allocates it again, is charged to its
 *   own process, and without memory the kernel ends this process. Share rings only with
 *   processes whose memory is limited together with yours, or that you trust so far.
 *
 * Functions return 0 or a negative errno, and record no reason. After fork() the child can
 * use the ring; its first call makes it a member of its own, and can fail as
 * ndshm_ring_adopt(). A child that makes no call
 * counts as its parent until it calls exec or exits: what the parent holds is not recovered
 * before.
 */
#ifndef NDSHM_RING_H
#define NDSHM_RING_H

#include <stddef.h>
#include <stdint.h>

#include <ndshm/ndshm.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A ring in this process. */
struct ndshm_ring;

/* Greatest number and size of messages. */
#define NDSHM_RING_CAPACITY_MAX		65536U
#define NDSHM_RING_MESSAGE_MAX		65536U

/*
 * Create a ring of `capacity` messages, rounded up to a power of two, of up to
 * `message_bytes` each. -EINVAL: one of them is 0 or too large. -ENOMEM, -EMFILE, -ENFILE.
 * -ENOENT: /proc is not mounted; the liveness of members depends on it.
 */
int ndshm_ring_create(uint32_t capacity, uint32_t message_bytes, struct ndshm_ring **out)
	NDSHM_NONNULL(3) NDSHM_MUST_CHECK;

/*
 * Use the ring of a descriptor that another process has passed. The caller keeps the
 * descriptor. -EBADF: it is not that of a ring. -EUSERS: the ring has 256 members; a process that
 * adopts it twice counts twice. -EACCES: its creator has withdrawn the permission. -ENOMEM,
 * -EMFILE, -ENFILE, -ENOENT as ndshm_ring_create().
 */
int ndshm_ring_adopt(int fd, struct ndshm_ring **out)
	NDSHM_NONNULL(2) NDSHM_MUST_CHECK;

/* Leave the ring. No other thread may use it during or after this call. NULL is ignored. */
void ndshm_ring_close(struct ndshm_ring *ring);

/* The ring's descriptor, to be passed to other processes; the caller must not close it. */
int ndshm_ring_fd(const struct ndshm_ring *ring)
	NDSHM_NONNULL(1);

/* Number of messages that the ring has room for, and their maximum size in bytes. */
uint32_t ndshm_ring_capacity(const struct ndshm_ring *ring)
	NDSHM_NONNULL(1);
uint32_t ndshm_ring_message_bytes(const struct ndshm_ring *ring)
	NDSHM_NONNULL(1);

/*
 * Send a message of `length` bytes. `timeout` is in milliseconds: 0 does not wait for a free
 * place, -1 waits without a limit. -EAGAIN: the ring is full, and `timeout` is 0.
 * -ETIMEDOUT. -EINTR: a signal handler was called while the call slept. -EMSGSIZE: greater
 * than the ring's messages. -EPROTO: the ring's state is invalid, another process has
 * overwritten it: close it. Waiting with a limit takes up to a tenth of a second longer if the
 * state is invalid.
 */
int ndshm_ring_send(struct ndshm_ring *ring, const void *data, size_t length, int timeout)
	NDSHM_NONNULL(1) NDSHM_MUST_CHECK;

/*
 * Receive the oldest message into `buffer` of `capacity` bytes, and store its length in
 * *length. -EAGAIN: the ring is empty, and `timeout` is 0. -EMSGSIZE: the message has *length
 * bytes, more than `capacity`; it remains in the ring, before all others. A buffer of
 * ndshm_ring_message_bytes() is always large enough. -EPROTO: as ndshm_ring_send(), or the message
 * was invalid and was discarded: the next one can still be valid. Else as ndshm_ring_send();
 * *length is then 0.
 */
int ndshm_ring_receive(struct ndshm_ring *ring, void *buffer, size_t capacity, size_t *length,
		       int timeout)
	NDSHM_NONNULL(1, 4) NDSHM_MUST_CHECK;

/*
 * Waiting with poll(2): the receivers have an eventfd(2), which all senders must have and
 * set with ndshm_ring_set_eventfd(). A receiver calls ndshm_ring_arm(), which returns
 * -EBUSY if there is a message to receive; else the next ndshm_ring_send() writes to the
 * eventfd, once. After poll(2) the receiver reads the eventfd, arms again, and receives until
 * the ring is empty. Limit the wait: a sender that ends or is stopped at that moment, or another
 * receiver that has read the eventfd, can leave a message without a notification.
 *
 * A process that has the eventfd can make write(2), and so a sender, block. -EINVAL: it is
 * no eventfd, or does not have EFD_NONBLOCK. Each object of a ring has one; the library does not
 * close it; -1 removes it, and another one replaces it. The caller must not close it before that,
 * nor before each ndshm_ring_send() of this object that began before has returned: it may still
 * write to the descriptor. ndshm_ring_arm() returns -EPROTO if the ring's state is invalid.
 */
int ndshm_ring_set_eventfd(struct ndshm_ring *ring, int fd)
	NDSHM_NONNULL(1);
int ndshm_ring_arm(struct ndshm_ring *ring)
	NDSHM_NONNULL(1);

#ifdef __cplusplus
}
#endif

#endif /* NDSHM_RING_H */
