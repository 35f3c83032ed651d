// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Blobs, in little-endian byte order: what the owner of an export gives to its peers.
 */
#include <nettle/sha2.h>

#include "remote_internal.h"

#define BLOB_MAGIC	8U
#define BLOB_CHECK	24U		/* bytes of a hash over those before it */
#define BLOB_HASHED	(NDSHM_REMOTE_BLOB_BYTES - BLOB_CHECK)

/* magic, version, instance, export_id, length, rights, 0, key, check */
_Static_assert(BLOB_MAGIC + 4 + REMOTE_SECRET + 8 + 8 + 4 + 8 + REMOTE_SECRET == BLOB_HASHED,
	       "size of a blob");

static const unsigned char blob_magic[BLOB_MAGIC] = "NDSHMRB";

static void blob_hash(const unsigned char *bytes, unsigned char check[BLOB_CHECK])
{
	struct sha256_ctx hash;

	sha256_init(&hash);
	sha256_update(&hash, BLOB_HASHED, bytes);
	sha256_digest(&hash, BLOB_CHECK, check);
}

void blob_encode(const struct remote_blob *blob, unsigned char bytes[NDSHM_REMOTE_BLOB_BYTES])
{
	memcpy(bytes, blob_magic, BLOB_MAGIC);
	wire_put32(bytes + 8, REMOTE_VERSION);
	memcpy(bytes + 12, blob->instance, REMOTE_SECRET);
	wire_put64(bytes + 28, blob->export_id);
	wire_put64(bytes + 36, blob->length);
	wire_put32(bytes + 44, blob->rights);
	wire_put64(bytes + 48, 0);
	memcpy(bytes + 56, blob->key, REMOTE_SECRET);
	blob_hash(bytes, bytes + BLOB_HASHED);
}

/* Validate a blob; only the owner can compare the key. */
uint32_t blob_decode(const void *blob_bytes, size_t length, struct remote_blob *blob)
{
	const unsigned char *bytes = blob_bytes;
	unsigned char check[BLOB_CHECK];

	if (length < BLOB_MAGIC + 4)
		return NDSHM_REASON_REMOTE_BLOB_LENGTH;
	if (memcmp(bytes, blob_magic, BLOB_MAGIC))
		return NDSHM_REASON_REMOTE_BLOB_DAMAGED;
	if (wire_get32(bytes + 8) != REMOTE_VERSION)
		return NDSHM_REASON_REMOTE_BLOB_VERSION;
	if (length != NDSHM_REMOTE_BLOB_BYTES)
		return NDSHM_REASON_REMOTE_BLOB_LENGTH;
	blob_hash(bytes, check);
	if (memcmp(bytes + BLOB_HASHED, check, sizeof(check)))
		return NDSHM_REASON_REMOTE_BLOB_DAMAGED;
	memcpy(blob->instance, bytes + 12, REMOTE_SECRET);
	blob->export_id = wire_get64(bytes + 28);
	blob->length = wire_get64(bytes + 36);
	blob->rights = wire_get32(bytes + 44);
	memcpy(blob->key, bytes + 56, REMOTE_SECRET);
	return NDSHM_REASON_NONE;
}
