/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libndshm-remote: ranges of sections and blocks that processes of other machines read and write.
 *
 * The owner exports a range and passes its blob, a few bytes, to the peers by any means. A peer
 * connects to the owner by TCP, imports the blob, and gets a range, which it accesses by offsets.
 * The owner's library executes each access, after it has compared it with the export: no peer can
 * access other memory, nor write what was exported without NDSHM_REMOTE_WRITE. Messages are not
 * encrypted. See ndshm_remote(7) for what this protects from.
 *
 * The rules of <ndshm/ndshm.h> apply, with these differences:
 *
 * - After a failure ndshm_remote_last_reason() returns the reason, per thread.
 * - Threads may make any calls on the same objects concurrently, except the calls that free an
 *   object: ndshm_remote_close(), ndshm_remote_disconnect(), ndshm_remote_revoke() and
 *   ndshm_remote_release() must be the last call on it.
 * - A call that waits for a peer fails when the peer has made no progress for the time limit of
 *   ndshm_remote_open(). Progress is a reply, or 64 KiB: whatever the peer does, a transfer of n
 *   bytes takes at most n / 64 KiB + 2 times the limit, and one limit more for each part and each
 *   message of 1 MiB at most, after those of other threads. All calls on this peer fail afterwards.
 * - A child of fork() has none of the parent's connections: calls with the parent's objects fail
 *   with -EOPNOTSUPP (REMOTE_FORKED), and those that free an object do nothing. It can open its own
 *   objects. A child of _Fork() or clone(), for which no handlers of pthread_atfork() run, must not
 *   call the library, and keeps copies of the descriptors until it ends or calls exec().
 */
#ifndef NDSHM_REMOTE_H
#define NDSHM_REMOTE_H

#include <stddef.h>
#include <stdint.h>

#include <ndshm/ndshm.h>
#include <ndshm/section.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ndshm_remote;		/* exports, peers, and a thread that serves them */
struct ndshm_remote_export;	/* a range that this process exports */
struct ndshm_remote_peer;	/* a connection to an owner of exports */
struct ndshm_remote_range;	/* an imported range */

/* The caller calls ndshm_remote_progress() when ndshm_remote_fd() is readable. */
#define NDSHM_REMOTE_POLL	0x1U

/*
 * Transports. Unless one is selected, ranges are accessed by RDMA if both sides have a device for
 * the connection and the memory can be pinned, and else by TCP. With NDSHM_REMOTE_TCP RDMA is
 * neither used nor served; with NDSHM_REMOTE_RDMA imports fail if it cannot be used.
 */
#define NDSHM_REMOTE_TCP	0x2U
#define NDSHM_REMOTE_RDMA	0x4U

/*
 * Parameters of ndshm_remote_open(). Initialise with NDSHM_REMOTE_REQUEST_INIT or
 * ndshm_remote_request_init().
 */
struct ndshm_remote_request {
	uint32_t flags;			/* NDSHM_REMOTE_POLL, and _TCP or _RDMA */
	uint32_t timeout;		/* ms without progress of a peer: 100 to 600,000 */
	uint32_t max_peers;		/* connections that are accepted: 1 to 65,536 */
	uint32_t max_half_open;		/* connections without a valid token: 1 to 1,024 */
};

#define NDSHM_REMOTE_REQUEST_INIT { \
	.flags = 0, .timeout = 5000, .max_peers = 256, .max_half_open = 64, \
}

/* Set all members as NDSHM_REMOTE_REQUEST_INIT does, for languages without it. */
void ndshm_remote_request_init(struct ndshm_remote_request *request)
	NDSHM_NONNULL(1);

/*
 * Create an object without exports and connections. Without NDSHM_REMOTE_POLL a thread of the
 * library, which handles no signals, serves the peers. The first import by RDMA starts another one,
 * also with it, that pins and unpins memory. -EINVAL (REMOTE_LIMIT): a member is not within its
 * limits. -EOPNOTSUPP (FLAGS): a flag is unknown, or both transports are selected. -EMFILE,
 * -EAGAIN, -ENOMEM.
 */
int ndshm_remote_open(const struct ndshm_remote_request *request, struct ndshm_remote **out)
	NDSHM_NONNULL(1, 2) NDSHM_MUST_CHECK;

/*
 * Revoke all exports, end all connections, and free everything. The objects of
 * ndshm_remote_connect() and ndshm_remote_import() that still exist are freed too.
 */
void ndshm_remote_close(struct ndshm_remote *remote);

/*
 * The descriptor to wait for with NDSHM_REMOTE_POLL: it is readable when ndshm_remote_progress()
 * has work. The caller must not read or close it. -EOPNOTSUPP (FLAGS): a thread makes the
 * progress.
 */
int ndshm_remote_fd(struct ndshm_remote *remote)
	NDSHM_NONNULL(1);

/*
 * Serve the peers, with NDSHM_REMOTE_POLL, and return without waiting. Calls that wait for a peer do
 * the same meanwhile, except ndshm_remote_connect(): do not connect a thread to an object that it
 * serves itself. -EOPNOTSUPP (FLAGS): a thread makes the progress.
 */
int ndshm_remote_progress(struct ndshm_remote *remote)
	NDSHM_NONNULL(1);

#define NDSHM_REMOTE_TOKEN_MIN	16U	/* bytes of a token */
#define NDSHM_REMOTE_TOKEN_MAX	256U

/*
 * Accept connections of peers that have the token, NDSHM_REMOTE_TOKEN_MIN to
 * NDSHM_REMOTE_TOKEN_MAX bytes; both sides prove that they have it without sending it. `address`
 * is a numeric IPv4 or IPv6 address of this machine. Port 0 selects a free one; *out_port, which
 * may be NULL, is the one in use. -EBUSY (REMOTE_LISTENING): already called. -EINVAL
 * (REMOTE_ADDRESS, REMOTE_TOKEN_LENGTH). -ENODEV (REMOTE_DEVICE): with NDSHM_REMOTE_RDMA, no RDMA
 * device has the address. Else an error of bind(2), such as -EADDRINUSE.
 */
int ndshm_remote_listen(struct ndshm_remote *remote, const char *address, uint16_t port,
			const void *token, size_t token_length, uint16_t *out_port)
	NDSHM_NONNULL(1, 2, 4);

/*
 * Connect to a process that listens. -ECONNREFUSED (REMOTE_NO_LISTENER): none does. -EACCES
 * (REMOTE_TOKEN): the tokens differ. -EPROTO (REMOTE_PROTOCOL): it is not a listener of this
 * library, or of another version. -EUSERS (REMOTE_PEERS): it has `max_peers`.
 * -ETIMEDOUT (REMOTE_TIMEOUT): not all of it was done within the time limit. -ECONNRESET
 * (REMOTE_GONE): until the time limit each attempt was closed, as is one of a host that has more
 * than `max_half_open` attempts at once. -EINVAL (REMOTE_ADDRESS, REMOTE_TOKEN_LENGTH).
 */
int ndshm_remote_connect(struct ndshm_remote *remote, const char *address, uint16_t port,
			 const void *token, size_t token_length, struct ndshm_remote_peer **out)
	NDSHM_NONNULL(1, 2, 4, 6) NDSHM_MUST_CHECK;

/*
 * End a connection, and free its object and those of its ranges. Puts that were not flushed may
 * be lost. NULL is ignored.
 */
void ndshm_remote_disconnect(struct ndshm_remote_peer *peer);

/* Exports ---------------------------------------------------------------- */

#define NDSHM_REMOTE_READ	0x1U	/* peers may get */
#define NDSHM_REMOTE_WRITE	0x2U	/* peers may put */
#define NDSHM_REMOTE_ATOMIC	0x4U	/* peers may add and swap */
#define NDSHM_REMOTE_ONCE	0x8U	/* the blob can be imported once */

#define NDSHM_REMOTE_BLOB_BYTES	96U

/*
 * Export a range of a section, or of a block, which is mapped if it is not yet. `rights` is one
 * or more of NDSHM_REMOTE_READ, _WRITE and _ATOMIC, and may have NDSHM_REMOTE_ONCE. The range
 * must have memory: -ENXIO (EXPORT_RANGE). It is held as by ndshm_section_hold() and
 * ndshm_block_hold(): until ndshm_remote_revoke() its extents cannot be freed (-EBUSY), and it
 * stays mapped after ndshm_section_close() and ndshm_free(). ndshm_section_delete() by this
 * process ends the accesses of peers first, and later exports by the same object are -EIDRM
 * (SECTION_DELETED). -EINVAL (LENGTH_ZERO); (ALIGNMENT):
 * NDSHM_REMOTE_ATOMIC for an address that is not a multiple of 8. -ERANGE (RANGE). -EROFS
 * (SECTION_READONLY): _WRITE or _ATOMIC for a read-only descriptor. -EOPNOTSUPP (FLAGS): no
 * right, or an unknown one. Or an error of ndshm_map().
 */
int ndshm_remote_export_section(struct ndshm_remote *remote, struct ndshm_section *section,
				uint64_t offset, uint64_t length, uint32_t rights,
				struct ndshm_remote_export **out)
	NDSHM_NONNULL(1, 2, 6) NDSHM_MUST_CHECK;
int ndshm_remote_export_block(struct ndshm_remote *remote, struct ndshm_block *block,
			      uint64_t offset, uint64_t length, uint32_t rights,
			      struct ndshm_remote_export **out)
	NDSHM_NONNULL(1, 2, 6) NDSHM_MUST_CHECK;

/*
 * Copy the blob of an export, NDSHM_REMOTE_BLOB_BYTES bytes. It is a secret: it grants the
 * rights.
 */
void ndshm_remote_export_blob(const struct ndshm_remote_export *remote_export, void *blob)
	NDSHM_NONNULL(1, 2);

/*
 * End an export, and free its object. No access of a peer reads or writes the range after this
 * call has returned; accesses that arrive later fail with -EREMOTEIO (REMOTE_REVOKED). It waits
 * until the requests of one connection that are being executed are done, 1 MiB of data at most,
 * and until the kernel has destroyed the queue pairs of the export and unpinned its memory, which
 * it may be pinning for one import; never for a peer. NULL is ignored.
 */
void ndshm_remote_revoke(struct ndshm_remote_export *remote_export);

/* Ranges ----------------------------------------------------------------- */

/*
 * Import a blob. Its key is not sent. -EINVAL (REMOTE_BLOB_LENGTH, REMOTE_BLOB_DAMAGED): it is
 * not a blob, or not all of it. -EPROTONOSUPPORT (REMOTE_BLOB_VERSION): it is of another version
 * of the library. -EXDEV (REMOTE_BLOB_OWNER): it is not of this peer, or of its life before it
 * was started again. -ESTALE (REMOTE_BLOB_STALE): it was revoked, was already imported if it has
 * NDSHM_REMOTE_ONCE, or is forged. -EEXIST (REMOTE_BLOB_IMPORTED): this connection has a range
 * of it. -EINVAL (REMOTE_LIMIT): this connection has 1,024 ranges. -ENOMEM (MEMORY): the owner has
 * no memory; without a reason: this process. With NDSHM_REMOTE_RDMA also why it cannot be used:
 * -ENODEV (REMOTE_DEVICE), -EOPNOTSUPP (REMOTE_TRANSPORT, REMOTE_UNPINNABLE, REMOTE_WRITE_ONLY),
 * -ENOMEM (REMOTE_MEMLOCK), -EHOSTUNREACH (REMOTE_PATH), -EIO (REMOTE_QUEUE). What this side knows
 * is checked first; if the owner or its device refuses, a blob with NDSHM_REMOTE_ONCE has been
 * used.
 */
int ndshm_remote_import(struct ndshm_remote_peer *peer, const void *blob, size_t length,
			struct ndshm_remote_range **out)
	NDSHM_NONNULL(1, 2, 4) NDSHM_MUST_CHECK;

/* Free a range. Puts that were made before are executed first. NULL is ignored. */
void ndshm_remote_release(struct ndshm_remote_range *range);

/*
 * The transport of a range: NDSHM_REMOTE_RDMA, or NDSHM_REMOTE_TCP and why it is not RDMA, in
 * *reason, which may be NULL. Atomics use TCP in either case.
 */
uint32_t ndshm_remote_range_transport(const struct ndshm_remote_range *range, uint32_t *reason)
	NDSHM_NONNULL(1);

/* Length in bytes, and rights, of a range. */
uint64_t ndshm_remote_range_length(const struct ndshm_remote_range *range)
	NDSHM_NONNULL(1);
uint32_t ndshm_remote_range_rights(const struct ndshm_remote_range *range)
	NDSHM_NONNULL(1);

/*
 * Errors of the calls below. Found before anything is sent: -ERANGE (RANGE): the bytes are not
 * within the range. -EACCES (REMOTE_RIGHTS): the export has no such right. -EINVAL (ALIGNMENT):
 * an atomic at an offset that is no multiple of 8. A length of 0 succeeds without effect.
 *
 * Found by the owner: -EREMOTEIO (REMOTE_REVOKED): the export was revoked. -EFAULT
 * (REMOTE_MEMORY): the owner's memory is gone. Of the connection: -ECONNRESET (REMOTE_GONE): the
 * peer has ended or has closed the connection. -ETIMEDOUT (REMOTE_TIMEOUT). -EPROTO
 * (REMOTE_PROTOCOL).
 *
 * If the caller's memory cannot be accessed: by TCP -EFAULT without a reason, and a put ends the
 * connection; by RDMA the signal of such an access, in any thread that uses the connection, with
 * locks of the connection held.
 *
 * After an error of the connection it is not known which accesses were executed: each was executed
 * once, or not at all, and a put perhaps in part. The owner is sent a reset, and executes no more
 * puts of the connection when it has received it. If it receives none, because it is lost or the
 * peer was killed, or if the peer disconnects before a flush, puts can also be executed after those
 * of a later connection.
 */

/*
 * Write bytes to the range. Returns when `data` may be reused. By TCP the bytes are sent with the
 * next call that has a reply, or within 200 ms; ndshm_remote_flush() waits until they are in the
 * owner's memory, and has the owner's errors.
 */
int ndshm_remote_put(struct ndshm_remote_range *range, uint64_t offset, const void *data,
		     size_t length)
	NDSHM_NONNULL(1) NDSHM_MUST_CHECK;

/* Read bytes of the range. After a failure the contents of `buffer` are undefined. */
int ndshm_remote_get(struct ndshm_remote_range *range, uint64_t offset, void *buffer,
		     size_t length)
	NDSHM_NONNULL(1) NDSHM_MUST_CHECK;

struct ndshm_remote_part {
	uint64_t offset;		/* in the range */
	void *buffer;			/* ndshm_remote_put_many() does not write to it */
	size_t length;
};

/* The same for several parts: all are validated before the first is sent. */
int ndshm_remote_put_many(struct ndshm_remote_range *range, const struct ndshm_remote_part *parts,
			  size_t count)
	NDSHM_NONNULL(1) NDSHM_MUST_CHECK;
int ndshm_remote_get_many(struct ndshm_remote_range *range, const struct ndshm_remote_part *parts,
			  size_t count)
	NDSHM_NONNULL(1) NDSHM_MUST_CHECK;

/*
 * Add to the 64-bit word at an offset, or replace it by `desired` if it is `expected`. *old is its
 * value before, also if it was not replaced. Atomic with respect to those of other peers and to
 * atomic instructions of the owner's machine, whose processors execute them also if the range uses
 * RDMA.
 */
int ndshm_remote_fetch_add(struct ndshm_remote_range *range, uint64_t offset, uint64_t value,
			   uint64_t *old)
	NDSHM_NONNULL(1, 4) NDSHM_MUST_CHECK;
int ndshm_remote_compare_swap(struct ndshm_remote_range *range, uint64_t offset, uint64_t expected,
			      uint64_t desired, uint64_t *old)
	NDSHM_NONNULL(1, 5) NDSHM_MUST_CHECK;

/*
 * Wait until the owner, or its device, has executed all puts that threads of this process have made
 * through this connection before the call. Fails with the first error of a put since the last
 * flush.
 */
int ndshm_remote_flush(struct ndshm_remote_peer *peer)
	NDSHM_NONNULL(1) NDSHM_MUST_CHECK;

/*
 * Let all later calls on the connection take effect after the puts that were made before. Does not
 * wait: a connection executes accesses in the order of the calls that made them. An access by TCP
 * after one by RDMA, or the reverse, waits itself.
 */
int ndshm_remote_fence(struct ndshm_remote_peer *peer)
	NDSHM_NONNULL(1) NDSHM_MUST_CHECK;

/* State ------------------------------------------------------------------ */

struct ndshm_remote_info {
	uint64_t served;		/* requests of peers by TCP that were executed */
	uint64_t denied;		/* requests of peers by TCP that were denied */
	uint64_t refused;		/* connections that ended without a valid token */
	uint64_t bytes_read;		/* by peers, from the exports, by TCP */
	uint64_t bytes_written;		/* by peers, to the exports, by TCP */
	uint32_t exports;
	uint32_t imports;		/* ranges that peers have of these */
	uint32_t peers;			/* connections in both directions */
	uint32_t half_open;		/* connections without a valid token yet */
	uint32_t replies;		/* replies that are not sent yet */
	uint32_t pairs;			/* of the imports: those that a device accesses by RDMA */
};

/* Query the state of the exports and the connections. */
int ndshm_remote_query_sized(struct ndshm_remote *remote, struct ndshm_remote_info *info,
			     size_t size)
	NDSHM_NONNULL(1, 2);
static inline int ndshm_remote_query(struct ndshm_remote *remote, struct ndshm_remote_info *info)
{
	return ndshm_remote_query_sized(remote, info, sizeof(*info));
}

/* Reasons of this library, beside those of <linux/ndshm.h>. */
#define NDSHM_REASON_REMOTE_LIMIT		0x20000U
#define NDSHM_REASON_REMOTE_LISTENING		0x20001U
#define NDSHM_REASON_REMOTE_ADDRESS		0x20002U
#define NDSHM_REASON_REMOTE_TOKEN_LENGTH	0x20003U
#define NDSHM_REASON_REMOTE_NO_LISTENER		0x20004U
#define NDSHM_REASON_REMOTE_TOKEN		0x20005U
#define NDSHM_REASON_REMOTE_PROTOCOL		0x20006U
#define NDSHM_REASON_REMOTE_PEERS		0x20007U
#define NDSHM_REASON_REMOTE_TIMEOUT		0x20008U
#define NDSHM_REASON_REMOTE_GONE		0x20009U
#define NDSHM_REASON_REMOTE_BLOB_LENGTH		0x2000aU
#define NDSHM_REASON_REMOTE_BLOB_DAMAGED	0x2000bU
#define NDSHM_REASON_REMOTE_BLOB_VERSION	0x2000cU
#define NDSHM_REASON_REMOTE_BLOB_OWNER		0x2000dU
#define NDSHM_REASON_REMOTE_BLOB_STALE		0x2000eU
#define NDSHM_REASON_REMOTE_BLOB_IMPORTED	0x2000fU
#define NDSHM_REASON_REMOTE_RIGHTS		0x20010U
#define NDSHM_REASON_REMOTE_REVOKED		0x20011U
#define NDSHM_REASON_REMOTE_MEMORY		0x20012U
#define NDSHM_REASON_REMOTE_FORKED		0x20013U
#define NDSHM_REASON_REMOTE_TRANSPORT		0x20014U
#define NDSHM_REASON_REMOTE_DEVICE		0x20015U
#define NDSHM_REASON_REMOTE_UNPINNABLE		0x20016U
#define NDSHM_REASON_REMOTE_MEMLOCK		0x20017U
#define NDSHM_REASON_REMOTE_WRITE_ONLY		0x20018U
#define NDSHM_REASON_REMOTE_PATH		0x20019U
#define NDSHM_REASON_REMOTE_QUEUE		0x2001aU

/*
 * Reason for the failure of this thread's last call of this library, or NDSHM_REASON_NONE if it
 * succeeded or has an errno only.
 */
uint32_t ndshm_remote_last_reason(void);

/* As ndshm_reason_name() and ndshm_reason_text(), with the reasons of this library, too. */
const char *ndshm_remote_reason_name(uint32_t reason);
const char *ndshm_remote_reason_text(uint32_t reason);

#ifdef __cplusplus
}
#endif

#endif /* NDSHM_REMOTE_H */
