// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The handshake, by which both sides prove that they have the token without sending it:
 *
 *	listener -> greeting: magic, version, 0, nonce
 *	peer     -> hello: magic, version, 0, nonce, HMAC over the greeting and this
 *	listener -> welcome: magic, reason, 0, instance, HMAC over all before
 *
 * A proof is for both nonces and one direction: recorded ones are of no use. What follows is
 * neither encrypted nor authenticated: who can change packets on the way can use the connection.
 */
#include <nettle/hmac.h>
#include <nettle/memops.h>

#include "remote_internal.h"

#define MAGIC		8U
#define HELLO_PROOF	(HELLO_BYTES - REMOTE_PROOF)
#define WELCOME_PROOF	(WELCOME_BYTES - REMOTE_PROOF)

_Static_assert(REMOTE_PROOF == SHA256_DIGEST_SIZE, "size of proofs");
_Static_assert(GREETING_BYTES == MAGIC + 8 + REMOTE_NONCE, "size of the greeting");
_Static_assert(HELLO_BYTES == MAGIC + 8 + REMOTE_NONCE + REMOTE_PROOF, "size of the hello");
_Static_assert(WELCOME_BYTES == MAGIC + 8 + REMOTE_SECRET + REMOTE_PROOF, "size of the welcome");

static const unsigned char handshake_magic[MAGIC] = "NDSHMRV";

bool bytes_equal(const void *one, const void *other, size_t length)
{
	return memeql_sec(one, other, length);
}

/* As keys of HMAC a token and the same one with zeros after it are equal, but not their hashes. */
bool token_init(struct remote_token *token, const void *bytes, size_t length)
{
	struct sha256_ctx hash;

	if (length < NDSHM_REMOTE_TOKEN_MIN || length > NDSHM_REMOTE_TOKEN_MAX)
		return false;
	sha256_init(&hash);
	sha256_update(&hash, length, bytes);
	sha256_digest(&hash, sizeof(token->key), token->key);
	explicit_bzero(&hash, sizeof(hash));
	return true;
}

/* Of the greeting, the hello and, up to its proof, the welcome, as far as @label has them. */
static void handshake_proof(const struct handshake *handshake, const char *label, size_t hello,
			    size_t welcome, unsigned char proof[REMOTE_PROOF])
{
	struct hmac_sha256_ctx hmac;

	hmac_sha256_set_key(&hmac, sizeof(handshake->token.key), handshake->token.key);
	hmac_sha256_update(&hmac, strlen(label) + 1, (const uint8_t *)label);
	hmac_sha256_update(&hmac, sizeof(handshake->greeting), handshake->greeting);
	hmac_sha256_update(&hmac, hello, handshake->hello);
	hmac_sha256_update(&hmac, welcome, handshake->welcome);
	hmac_sha256_digest(&hmac, REMOTE_PROOF, proof);
	explicit_bzero(&hmac, sizeof(hmac));
}

static bool handshake_start(unsigned char *bytes, uint32_t number, size_t random)
{
	memcpy(bytes, handshake_magic, MAGIC);
	wire_put32(bytes + MAGIC, number);
	wire_put32(bytes + MAGIC + 4, 0);
	return !random || remote_random(bytes + MAGIC + 8, random);
}

static bool handshake_start_valid(const unsigned char *bytes)
{
	return !memcmp(bytes, handshake_magic, MAGIC) &&
	       wire_get32(bytes + MAGIC) == REMOTE_VERSION && !wire_get32(bytes + MAGIC + 4);
}

bool handshake_greet(struct handshake *handshake)
{
	return handshake_start(handshake->greeting, REMOTE_VERSION, REMOTE_NONCE);
}

bool handshake_greeting_valid(const struct handshake *handshake)
{
	return handshake_start_valid(handshake->greeting);
}

bool handshake_say_hello(struct handshake *handshake)
{
	if (!handshake_start(handshake->hello, REMOTE_VERSION, REMOTE_NONCE))
		return false;
	handshake_proof(handshake, "hello", HELLO_PROOF, 0, handshake->hello + HELLO_PROOF);
	return true;
}

/* Whether the bytes so far may be a hello. */
bool handshake_hello_starts(const unsigned char *hello, size_t length)
{
	if (length < MAGIC + 8)
		return !memcmp(hello, handshake_magic, length < MAGIC ? length : MAGIC);
	return handshake_start_valid(hello);
}

bool handshake_hello_valid(const struct handshake *handshake)
{
	unsigned char proof[REMOTE_PROOF];

	handshake_proof(handshake, "hello", HELLO_PROOF, 0, proof);
	return handshake_start_valid(handshake->hello) &&
	       bytes_equal(proof, handshake->hello + HELLO_PROOF, sizeof(proof));
}

void handshake_welcome(struct handshake *handshake, const unsigned char instance[REMOTE_SECRET])
{
	handshake_start(handshake->welcome, 0, 0);
	memcpy(handshake->welcome + MAGIC + 8, instance, REMOTE_SECRET);
	handshake_proof(handshake, "welcome", HELLO_BYTES, WELCOME_PROOF,
			handshake->welcome + WELCOME_PROOF);
}

/* Without a proof: the peer may not have the token. */
void handshake_refuse(struct handshake *handshake, uint32_t reason)
{
	memset(handshake->welcome, 0, sizeof(handshake->welcome));
	handshake_start(handshake->welcome, reason, 0);
}

uint32_t handshake_welcome_check(const struct handshake *handshake,
				 unsigned char instance[REMOTE_SECRET])
{
	const unsigned char *welcome = handshake->welcome;
	const uint32_t reason = wire_get32(welcome + MAGIC);
	unsigned char proof[REMOTE_PROOF];

	if (memcmp(welcome, handshake_magic, MAGIC) || wire_get32(welcome + MAGIC + 4))
		return NDSHM_REASON_REMOTE_PROTOCOL;
	if (reason != NDSHM_REASON_NONE)
		return reason;
	handshake_proof(handshake, "welcome", HELLO_BYTES, WELCOME_PROOF, proof);
	if (!bytes_equal(proof, welcome + WELCOME_PROOF, sizeof(proof)))
		return NDSHM_REASON_REMOTE_TOKEN;
	memcpy(instance, welcome + MAGIC + 8, REMOTE_SECRET);
	return NDSHM_REASON_NONE;
}

void handshake_session(const struct handshake *handshake, unsigned char session[REMOTE_PROOF])
{
	handshake_proof(handshake, "session", HELLO_BYTES, 0, session);
}

void import_proof(const struct remote_blob *blob, const unsigned char session[REMOTE_PROOF],
		  unsigned char proof[WIRE_PROOF])
{
	unsigned char claim[20];
	struct hmac_sha256_ctx hmac;

	wire_put64(claim, blob->export_id);
	wire_put64(claim + 8, blob->length);
	wire_put32(claim + 16, blob->rights);
	hmac_sha256_set_key(&hmac, sizeof(blob->key), blob->key);
	hmac_sha256_update(&hmac, REMOTE_PROOF, session);
	hmac_sha256_update(&hmac, sizeof(claim), claim);
	hmac_sha256_digest(&hmac, WIRE_PROOF, proof);
	explicit_bzero(&hmac, sizeof(hmac));
}

/* Over what both sides say of a pair: nobody without the token can direct it to another machine. */
static void pair_proof(const unsigned char session[REMOTE_PROOF], const char *label,
		       const struct wire *request, uint64_t range, uint64_t offset,
		       unsigned char proof[WIRE_PROOF])
{
	unsigned char claim[40];
	struct hmac_sha256_ctx hmac;

	wire_put64(claim, request->range);
	wire_put64(claim + 8, request->offset);
	wire_put64(claim + 16, request->value[0]);
	wire_put64(claim + 24, range);
	wire_put64(claim + 32, offset);
	hmac_sha256_set_key(&hmac, REMOTE_PROOF, session);
	hmac_sha256_update(&hmac, strlen(label) + 1, (const uint8_t *)label);
	hmac_sha256_update(&hmac, sizeof(claim), claim);
	hmac_sha256_digest(&hmac, WIRE_PROOF, proof);
	explicit_bzero(&hmac, sizeof(hmac));
}

void pair_request_proof(const unsigned char session[REMOTE_PROOF], const struct wire *request,
			unsigned char proof[WIRE_PROOF])
{
	pair_proof(session, "pair", request, 0, 0, proof);
}

/* Half of the proof: the header of a reply has no room for more. */
void pair_reply_proof(const unsigned char session[REMOTE_PROOF], const struct wire *request,
		      struct wire *reply)
{
	unsigned char proof[WIRE_PROOF];

	pair_proof(session, "paired", request, reply->range, reply->offset, proof);
	reply->value[0] = wire_get64(proof);
	reply->value[1] = wire_get64(proof + 8);
}

bool pair_reply_valid(const unsigned char session[REMOTE_PROOF], const struct wire *request,
		      const struct remote_call *call)
{
	struct wire wanted = { .range = call->range, .offset = call->offset };

	pair_reply_proof(session, request, &wanted);
	return bytes_equal(wanted.value, call->value, sizeof(wanted.value));
}
