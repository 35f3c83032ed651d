// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reasons of failures: names, descriptions and errno values.
 */
#include <errno.h>

#include "remote_internal.h"

struct remote_reason_row {
	int error;
	const char *name;
	const char *text;
};

#define FIRST	NDSHM_REASON_REMOTE_LIMIT
#define ROW(reason_) [NDSHM_REASON_REMOTE_##reason_ - FIRST]

static const struct remote_reason_row remote_reason_rows[] = {
	ROW(LIMIT) = { -EINVAL, "remote-limit",
		"value is not within its limits; see ndshm_remote_open(3)" },
	ROW(LISTENING) = { -EBUSY, "remote-listening",
		"this object listens already; open another one for a further address" },
	ROW(ADDRESS) = { -EINVAL, "remote-address",
		"address is not a numeric IPv4 or IPv6 address; resolve names before the call" },
	ROW(TOKEN_LENGTH) = { -EINVAL, "remote-token-length",
		"token is too short or too long; use 16 to 256 random bytes" },
	ROW(NO_LISTENER) = { -ECONNREFUSED, "remote-no-listener",
		"no process listens at the address; check address and port, and start the owner" },
	ROW(TOKEN) = { -EACCES, "remote-token",
		"the token is another one than the peer's; use the same on both sides" },
	ROW(PROTOCOL) = { -EPROTO, "remote-protocol",
		"the peer sent what is invalid; use the same version on both sides" },
	ROW(PEERS) = { -EUSERS, "remote-peers",
		"the owner has its maximum of peers; end a connection, or raise max_peers" },
	ROW(TIMEOUT) = { -ETIMEDOUT, "remote-timeout",
		"the peer made no progress within the time limit; check the peer and the network, then connect again" },
	ROW(GONE) = { -ECONNRESET, "remote-gone",
		"the peer ended, or closed the connection; connect again" },
	ROW(BLOB_LENGTH) = { -EINVAL, "remote-blob-length",
		"blob has another length; pass on all of its bytes" },
	ROW(BLOB_DAMAGED) = { -EINVAL, "remote-blob-damaged",
		"bytes are not a blob, or were changed; pass it on unchanged" },
	ROW(BLOB_VERSION) = { -EPROTONOSUPPORT, "remote-blob-version",
		"blob is of another version of the library; use the same version on both sides" },
	ROW(BLOB_OWNER) = { -EXDEV, "remote-blob-owner",
		"blob is of another owner, or of this one before it was started again; get a new blob" },
	ROW(BLOB_STALE) = { -ESTALE, "remote-blob-stale",
		"blob is of no export of the peer: it was revoked, or was used before; get a new blob" },
	ROW(BLOB_IMPORTED) = { -EEXIST, "remote-blob-imported",
		"this connection has a range of the blob; use it, or release it before" },
	ROW(RIGHTS) = { -EACCES, "remote-rights",
		"the export does not grant this access; export it with the right" },
	ROW(REVOKED) = { -EREMOTEIO, "remote-revoked",
		"the owner revoked the export; get a new blob" },
	ROW(FORKED) = { -EOPNOTSUPP, "remote-forked",
		"the object is of a parent of this process; open another one in the child" },
	ROW(MEMORY) = { -EFAULT, "remote-memory",
		"the owner's memory is gone; revoke the export before the memory is freed" },
	ROW(TRANSPORT) = { -EOPNOTSUPP, "remote-transport",
		"one side was opened for TCP only; open both without NDSHM_REMOTE_TCP" },
	ROW(DEVICE) = { -ENODEV, "remote-device",
		"no RDMA device with an active port has the address of the connection; use the address of a RoCE device on both sides" },
	ROW(UNPINNABLE) = { -EOPNOTSUPP, "remote-unpinnable",
		"the memory has no pages to pin for RDMA; export a section or a block of the provider `pages`" },
	ROW(MEMLOCK) = { -ENOMEM, "remote-memlock",
		"the memory is too large to be pinned for RDMA; raise RLIMIT_MEMLOCK (ulimit -l)" },
	ROW(WRITE_ONLY) = { -EOPNOTSUPP, "remote-write-only",
		"a flush by RDMA reads from the range; export it with NDSHM_REMOTE_READ" },
	ROW(PATH) = { -EHOSTUNREACH, "remote-path",
		"packets of RDMA do not reach the peer; permit UDP port 4791, and use no address translation" },
	ROW(QUEUE) = { -EIO, "remote-queue",
		"the RDMA device made no queue pair or memory region in time; see its limits by rdma resource show, or raise the time limit" },
};

static _Thread_local uint32_t remote_last_reason;

static const struct remote_reason_row *remote_reason_row(uint32_t reason)
{
	const uint32_t count = sizeof(remote_reason_rows) / sizeof(remote_reason_rows[0]);

	if (reason < FIRST || reason - FIRST >= count)
		return NULL;
	return &remote_reason_rows[reason - FIRST];
}

int remote_fail(uint32_t reason, int error)
{
	remote_last_reason = reason;
	return error;
}

int remote_refuse(uint32_t reason)
{
	const struct remote_reason_row *row = remote_reason_row(reason);

	return remote_fail(row ? reason : NDSHM_REASON_REMOTE_PROTOCOL, row ? row->error : -EPROTO);
}

NDSHM_API uint32_t ndshm_remote_last_reason(void)
{
	return remote_last_reason;
}

NDSHM_API const char *ndshm_remote_reason_name(uint32_t reason)
{
	const struct remote_reason_row *row = remote_reason_row(reason);

	return row ? row->name : ndshm_reason_name(reason);
}

NDSHM_API const char *ndshm_remote_reason_text(uint32_t reason)
{
	const struct remote_reason_row *row = remote_reason_row(reason);

	return row ? row->text : ndshm_reason_text(reason);
}
