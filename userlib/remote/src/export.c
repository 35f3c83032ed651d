// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Exports, and the requests of peers to them, which are executed with the lock held: after an
 * export has left the list under the lock, no access can reach it.
 */
#include <errno.h>
#include <stdlib.h>

#include "remote_internal.h"

/*
 * Requests
 */

static struct remote_import *import_find(const struct remote_link *link, uint64_t handle)
{
	const uint32_t slot = (uint32_t)handle;
	struct remote_import *import = slot < link->import_slots ? link->imports[slot] : NULL;

	return import && import->handle == handle ? import : NULL;
}

uint32_t export_find(const struct remote_link *link, const struct wire *wire, uint32_t right,
		     uint64_t length, const struct remote_import **out)
{
	const struct remote_import *import = import_find(link, wire->range);
	const struct remote_blob *blob;

	*out = NULL;
	if (!import)
		return NDSHM_REASON_REMOTE_REVOKED;
	blob = &import->owner->blob;
	if (!(blob->rights & right))
		return NDSHM_REASON_REMOTE_RIGHTS;
	if (length > blob->length || wire->offset > blob->length - length)
		return NDSHM_REASON_RANGE;
	*out = import;
	return NDSHM_REASON_NONE;
}

static void export_get(struct remote_link *link, struct wire *reply)
{
	const struct remote_import *import;

	reply->reason = export_find(link, &link->wire, NDSHM_REMOTE_READ, link->wire.value[0],
				    &import);
	if (reply->reason == NDSHM_REASON_NONE)
		reply->length = (uint32_t)link->wire.value[0];
	link_reply(link, reply, import, link->wire.offset);
}

/*
 * The memory is tried first. A process that revokes the section after this, and before the
 * instruction, makes this one receive SIGBUS: no system call adds to a 64-bit word.
 */
static uint32_t export_atomic(const struct remote_link *link, struct wire *reply)
{
	const struct wire *wire = &link->wire;
	const struct remote_import *import;
	uint64_t *word, value = wire->value[0];
	uint32_t reason = export_find(link, wire, NDSHM_REMOTE_ATOMIC, sizeof(*word), &import);

	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (wire->offset % sizeof(*word))
		return NDSHM_REASON_ALIGNMENT;
	word = (uint64_t *)(void *)(import->owner->address + wire->offset);
	if (!memory_is_readable(word, sizeof(*word)))
		return NDSHM_REASON_REMOTE_MEMORY;
	if (wire->kind == WIRE_ADD)
		value = __atomic_fetch_add(word, value, __ATOMIC_SEQ_CST);
	else
		__atomic_compare_exchange_n(word, &value, wire->value[1], false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST);
	reply->value[0] = value;
	return NDSHM_REASON_NONE;
}

static void import_free(struct remote_import *import)
{
	struct wire reply = { .reason = NDSHM_REASON_REMOTE_REVOKED };
	struct remote_link *link = import->peer;

	link_forget_import(link, import);
	pair_end(import);
	if (link->pairing == import)
		link_paired(link, &reply);
	remote_list_del(&import->link);
	link->imports[(uint32_t)import->handle] = NULL;
	link->source.remote->import_count--;
	free(import);
}

static uint32_t import_alloc(struct remote_link *link, struct remote_import **out)
{
	struct remote_import *import, **imports;
	uint32_t slot = 0;

	while (slot < link->import_slots && link->imports[slot])
		slot++;
	if (slot == REMOTE_IMPORTS)
		return NDSHM_REASON_REMOTE_LIMIT;
	if (slot == link->import_slots) {
		imports = realloc(link->imports, (slot + 16) * sizeof(*imports));
		if (!imports)
			return NDSHM_REASON_MEMORY;
		memset(imports + slot, 0, 16 * sizeof(*imports));
		link->imports = imports;
		link->import_slots = slot + 16;
	}
	import = calloc(1, sizeof(*import));
	if (!import)
		return NDSHM_REASON_MEMORY;
	/* With 2^32 imports of a link handles repeat; each was its own peer's. */
	import->handle = ++link->import_count << 32 | slot;
	import->peer = link;
	link->imports[slot] = import;
	link->source.remote->import_count++;
	*out = import;
	return NDSHM_REASON_NONE;
}

/* Among the link's imports, which are bounded, not among those of all peers. */
static bool import_exists(const struct remote_link *link, const struct ndshm_remote_export *owner)
{
	for (uint32_t i = 0; i < link->import_slots; i++)
		if (link->imports[i] && link->imports[i]->owner == owner)
			return true;
	return false;
}

static struct ndshm_remote_export *export_of_proof(const struct remote_link *link)
{
	const struct ndshm_remote *remote = link->source.remote;
	unsigned char proof[WIRE_PROOF];

	for (struct remote_list *list = remote->exports.next; list != &remote->exports;
	     list = list->next) {
		struct ndshm_remote_export *owner =
			REMOTE_ENTRY(list, struct ndshm_remote_export, link);

		if (owner->ended || owner->blob.export_id != link->wire.offset)
			continue;
		import_proof(&owner->blob, link->session, proof);
		return bytes_equal(proof, link->proof, sizeof(proof)) ? owner : NULL;
	}
	return NULL;
}

static uint32_t export_import(struct remote_link *link, struct wire *reply)
{
	struct ndshm_remote_export *owner = export_of_proof(link);
	struct remote_import *import;
	uint32_t reason;

	if (!owner)
		return NDSHM_REASON_REMOTE_BLOB_STALE;
	if (import_exists(link, owner))
		return NDSHM_REASON_REMOTE_BLOB_IMPORTED;
	if (owner->used)
		return NDSHM_REASON_REMOTE_BLOB_STALE;
	reason = import_alloc(link, &import);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	import->owner = owner;
	remote_list_add(&owner->imports, &import->link);
	owner->used = owner->blob.rights & NDSHM_REMOTE_ONCE;
	reply->range = import->handle;
	reply->value[0] = owner->blob.length;
	reply->value[1] = owner->blob.rights & REMOTE_RIGHTS;
	return NDSHM_REASON_NONE;
}

/* What is gone already, for example because it was revoked, is released. */
static void export_release(const struct remote_link *link)
{
	struct remote_import *import = import_find(link, link->wire.range);

	if (import)
		import_free(import);
}

void export_forget_link(struct remote_link *link)
{
	for (uint32_t i = 0; i < link->import_slots; i++)
		if (link->imports[i])
			import_free(link->imports[i]);
	free(link->imports);
	link->imports = NULL;
	link->import_slots = 0;
}

/* Execute a complete request that is no put. It is valid, but the peer may be malicious. */
void export_serve(struct remote_link *link)
{
	struct wire reply = { .request = link->wire.request };
	struct remote_import *import;
	bool done = true;

	switch (link->wire.kind) {
	case WIRE_GET:
		export_get(link, &reply);
		return;
	case WIRE_IMPORT:
		reply.reason = export_import(link, &reply);
		break;
	case WIRE_ADD:
	case WIRE_SWAP:
		reply.reason = export_atomic(link, &reply);
		break;
	case WIRE_RELEASE:
		export_release(link);
		break;
	case WIRE_PAIR:
		import = import_find(link, link->wire.range);
		reply.reason = import ? pair_serve(link, import, &done) :
					NDSHM_REASON_REMOTE_REVOKED;
		if (!done && reply.reason == NDSHM_REASON_NONE)
			return;
		break;
	case WIRE_CHECK:
		if (link->wire.range && !import_find(link, link->wire.range))
			reply.reason = NDSHM_REASON_REMOTE_REVOKED;
		break;
	default:
		reply.reason = link->put_reason;
		link->put_reason = NDSHM_REASON_NONE;
		break;
	}
	link_reply(link, &reply, NULL, 0);
}

/*
 * Exports
 */

/*
 * Called with the lock held, which is released meanwhile, also for one that has ended or was not
 * published yet.
 */
static void export_end(struct ndshm_remote_export *owner)
{
	owner->ended = true;
	while (owner->imports.next != &owner->imports)
		import_free(REMOTE_ENTRY(owner->imports.next, struct remote_import, link));
	pairs_free(owner);
}

/* It stays in the list until the program revokes it. */
static void export_remove(struct ndshm_remote_export *owner)
{
	remote_lock(owner->remote);
	export_end(owner);
	remote_list_del(&owner->link);
	remote_unlock(owner->remote);
}

/* ndshm_section_delete() is about to delete the section. */
static void export_end_for_deletion(void *context)
{
	struct ndshm_remote_export *owner = context;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	remote_lock(owner->remote);
	export_end(owner);
	remote_unlock(owner->remote);
	pthread_setcancelstate(state, NULL);
}

static void export_free(struct ndshm_remote_export *owner)
{
	ndshm_hold_release(owner->hold);
	explicit_bzero(&owner->blob, sizeof(owner->blob));
	free(owner);
}

uint32_t exports_count(const struct ndshm_remote *remote)
{
	uint32_t count = 0;

	for (const struct remote_list *list = remote->exports.next; list != &remote->exports;
	     list = list->next)
		count += !REMOTE_ENTRY(list, struct ndshm_remote_export, link)->ended;
	return count;
}

/* No other thread uses the object, but one may delete a section. */
void exports_free(struct ndshm_remote *remote)
{
	while (remote->exports.next != &remote->exports) {
		struct ndshm_remote_export *owner =
			REMOTE_ENTRY(remote->exports.next, struct ndshm_remote_export, link);

		export_remove(owner);
		export_free(owner);
	}
}

static int export_check(char *address, uint64_t length, uint32_t rights)
{
	uint32_t reason;

	if (rights & ~(REMOTE_RIGHTS | NDSHM_REMOTE_ONCE) || !(rights & REMOTE_RIGHTS))
		return remote_fail(NDSHM_REASON_FLAGS, -EOPNOTSUPP);
	if (rights & NDSHM_REMOTE_ATOMIC && (uintptr_t)address % sizeof(uint64_t))
		return remote_fail(NDSHM_REASON_ALIGNMENT, -EINVAL);
	reason = memory_check(address, length, rights & (NDSHM_REMOTE_WRITE | NDSHM_REMOTE_ATOMIC));
	return reason == NDSHM_REASON_NONE ? 0 : remote_fail(reason, -ENXIO);
}

static struct ndshm_remote_export *export_alloc(struct ndshm_remote *remote, uint64_t length,
						uint32_t rights)
{
	struct ndshm_remote_export *owner = calloc(1, sizeof(*owner));

	if (!owner)
		return NULL;
	owner->remote = remote;
	owner->blob.length = length;
	owner->blob.rights = rights;
	memcpy(owner->blob.instance, remote->instance, sizeof(remote->instance));
	remote_list_init(&owner->link);
	remote_list_init(&owner->imports);
	if (remote_random(owner->blob.key, sizeof(owner->blob.key)))
		return owner;
	free(owner);
	return NULL;
}

/* It is held, and has been checked. */
static void export_publish(struct ndshm_remote_export *owner)
{
	struct ndshm_remote *remote = owner->remote;

	remote_lock(remote);
	owner->blob.export_id = ++remote->export_counter;
	remote_list_add(&remote->exports, &owner->link);
	remote_unlock(remote);
}

static uint32_t export_range_check(uint64_t size, uint64_t offset, uint64_t length)
{
	if (!length)
		return NDSHM_REASON_LENGTH_ZERO;
	return length > size || offset > size - length ? NDSHM_REASON_RANGE : NDSHM_REASON_NONE;
}

/* The memory is held, unless @error says why not. It is checked after that, so that it stays. */
static int export_finish(struct ndshm_remote_export *owner, int error,
			 struct ndshm_remote_export **out)
{
	if (!error)
		error = export_check(owner->address, owner->blob.length, owner->blob.rights);
	if (error) {
		export_free(owner);
		return error;
	}
	export_publish(owner);
	*out = owner;
	return remote_done(0);
}

static int export_section(struct ndshm_remote *remote, struct ndshm_section *section,
			  uint64_t offset, uint64_t length, uint32_t rights,
			  struct ndshm_remote_export **out)
{
	char *base = ndshm_section_base(section);
	struct ndshm_remote_export *owner;
	int error;

	owner = export_alloc(remote, length, rights);
	if (!owner)
		return remote_done(-ENOMEM);
	owner->address = base + offset;
	error = ndshm_section_hold(section, offset, length, export_end_for_deletion, owner,
				   &owner->hold);
	if (error)
		remote_fail(error == -EBUSY ? NDSHM_REASON_POINTER_LENT :
			    error == -EIDRM ? NDSHM_REASON_SECTION_DELETED : NDSHM_REASON_NONE,
			    error);
	return export_finish(owner, error, out);
}

NDSHM_API int ndshm_remote_export_section(struct ndshm_remote *remote,
					  struct ndshm_section *section, uint64_t offset,
					  uint64_t length, uint32_t rights,
					  struct ndshm_remote_export **out)
{
	uint32_t reason = export_range_check(ndshm_section_size(section), offset, length);
	struct ndshm_section_info info;
	int error;

	*out = NULL;
	if (reason != NDSHM_REASON_NONE)
		return remote_fail(reason, reason == NDSHM_REASON_RANGE ? -ERANGE : -EINVAL);
	if (!ndshm_section_base(section))
		return remote_fail(NDSHM_REASON_DESCRIPTOR, -EBADF);
	error = ndshm_section_query(section, &info);
	if (error)
		return remote_done(error);
	if (info.flags & NDSHM_SECTION_READONLY &&
	    rights & (NDSHM_REMOTE_WRITE | NDSHM_REMOTE_ATOMIC))
		return remote_fail(NDSHM_REASON_SECTION_READONLY, -EROFS);
	if (!remote_enter(remote))
		return remote_forked();
	error = export_section(remote, section, offset, length, rights, out);
	remote_leave();
	return error;
}

static int export_block(struct ndshm_remote *remote, struct ndshm_block *block, uint64_t offset,
			uint64_t length, uint32_t rights, struct ndshm_remote_export **out)
{
	struct ndshm_remote_export *owner = export_alloc(remote, length, rights);
	void *base = NULL;
	int error;

	if (!owner)
		return remote_done(-ENOMEM);
	/* Held before it is mapped: else another thread could unmap it between the two. */
	error = ndshm_block_hold(block, &owner->hold);
	if (!error)
		error = ndshm_map(block, &base);
	if (error)
		remote_done(error);
	else
		owner->address = (char *)base + offset;
	return export_finish(owner, error, out);
}

NDSHM_API int ndshm_remote_export_block(struct ndshm_remote *remote, struct ndshm_block *block,
					uint64_t offset, uint64_t length, uint32_t rights,
					struct ndshm_remote_export **out)
{
	uint32_t reason = export_range_check(ndshm_block_length(block), offset, length);
	int error;

	*out = NULL;
	if (reason != NDSHM_REASON_NONE)
		return remote_fail(reason, reason == NDSHM_REASON_RANGE ? -ERANGE : -EINVAL);
	if (!remote_enter(remote))
		return remote_forked();
	error = export_block(remote, block, offset, length, rights, out);
	remote_leave();
	return error;
}

NDSHM_API void ndshm_remote_export_blob(const struct ndshm_remote_export *remote_export, void *blob)
{
	blob_encode(&remote_export->blob, blob);
	remote_done(0);
}

NDSHM_API void ndshm_remote_revoke(struct ndshm_remote_export *remote_export)
{
	if (!remote_export || !remote_enter(remote_export->remote))
		return;
	export_remove(remote_export);
	export_free(remote_export);
	remote_done(0);
	remote_leave();
}
