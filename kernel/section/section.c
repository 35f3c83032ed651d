// SPDX-License-Identifier: GPL-2.0
/* Sections: creation, lookup by id and by name, deletion. */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <linux/ndshm.h>
#include <ndshm/provider.h>

#include "../account/charge.h"
#include "../adapter/adapter.h"
#include "../base/registry.h"
#include "../base/trace.h"
#include "../block/block.h"
#include "../registration/provider.h"
#include "memory.h"

static unsigned long max_section_bytes = 64UL * SZ_1G;
module_param(max_section_bytes, ulong, 0644);
MODULE_PARM_DESC(max_section_bytes, "Longest section (bytes)");

/* Limit of the 32-bit page numbers in struct ndshm_extent. */
#define MOST_BYTES	((u64)U32_MAX << PAGE_SHIFT)

DECLARE_WAIT_QUEUE_HEAD(ndshm_section_wait);

/*
 * Limit of the owner's VMAs, of all peers' VMAs together, and of those of dma-bufs. Higher than
 * for blocks, since many clients share one section.
 */
#define MAX_MAPPINGS	16384

/* Sections that a search for idle memory of a user looks at: others wait for the lock. */
#define MAX_LOOKS	4096

/*
 * All sections by id, and by the user of their account; those with a name by their owner and
 * name. A balanced tree bounds the steps of a lookup, whatever names other users choose. Protected
 * by sections_lock, which is never held across a copy from or to a process.
 */
static struct rb_root sections = RB_ROOT;
static struct rb_root section_names = RB_ROOT;
static DEFINE_HASHTABLE(sections_by_user, 6);
static DEFINE_SPINLOCK(sections_lock);

u64 ndshm_max_section(void)
{
	return min_t(u64, READ_ONCE(max_section_bytes), MOST_BYTES) &
	       PAGE_MASK;
}

static void section_free(struct ndshm_section *section)
{
	ndshm_section_free_memory(section);
	ndshm_extent_map_fini(&section->map);
	ndshm_provider_put(section->provider);
	ndshm_account_put(section->account);
	if (section->claim)
		ndshm_claim_put(section->claim);
	ndshm_adapter_put(section->adapter);
	ndshm_object_fini(&section->object);
	ndshm_file_cache_fini(&section->file_cache);
	kfree(section);
}

static void section_release(struct ndshm_object *object)
{
	struct ndshm_section *section = ndshm_section_of(object);

	spin_lock(&sections_lock);
	hash_del(&section->by_user);
	rb_erase(&section->by_id.node, &sections);
	spin_unlock(&sections_lock);
	trace_ndshm_section_free(section->id, section->adapter->entry.id, section->object.length,
				 section->uid);
	section_free(section);
}

static void section_unmapped(struct ndshm_object *object)
{
	ndshm_section_free_memory(ndshm_section_of(object));
}

static ndshm_reason_t section_sync(struct ndshm_object *object, u32 direction, u64 offset,
				   u64 length)
{
	return ndshm_section_sync(ndshm_section_of(object), direction, offset, length);
}

static const struct ndshm_object_ops section_ops = {
	.kind = "section",
	.max_mappings = MAX_MAPPINGS,
	.page = ndshm_section_page,
	.wait_faults = ndshm_section_wait_faults,
	.sync = section_sync,
	.unmapped = section_unmapped,
	.release = section_release,
};

/* Return: negative, 0 or positive if @owner and @name sort before, as or behind @section. */
static int section_name_compare(kuid_t owner, const char *name, u32 length,
				const struct ndshm_section *section)
{
	if (!uid_eq(owner, section->uid))
		return uid_lt(owner, section->uid) ? -1 : 1;
	if (length != section->name_length)
		return length < section->name_length ? -1 : 1;
	return memcmp(name, section->name, length);
}

#define section_of_name(node_) rb_entry(node_, struct ndshm_section, by_name)

/* End the name before the section ends, so that a new section can have it. */
static void section_name_remove(struct ndshm_section *section)
{
	spin_lock(&sections_lock);
	if (!RB_EMPTY_NODE(&section->by_name)) {
		rb_erase(&section->by_name, &section_names);
		RB_CLEAR_NODE(&section->by_name);
	}
	spin_unlock(&sections_lock);
}

/*
 * Add the name to the tree. A section that cannot be opened any more loses it: peers that keep a
 * descriptor of a revoked section must not keep its name. Called with sections_lock held.
 */
static ndshm_reason_t section_name_add(struct ndshm_section *section)
{
	struct rb_node **link = &section_names.rb_node, *parent = NULL;
	struct ndshm_section *other;
	int order;

	while (*link) {
		parent = *link;
		other = section_of_name(parent);
		order = section_name_compare(section->uid, section->name,
					     section->name_length, other);
		if (!order)
			break;
		link = order < 0 ? &parent->rb_left : &parent->rb_right;
	}
	if (!*link) {
		rb_link_node(&section->by_name, parent, link);
		rb_insert_color(&section->by_name, &section_names);
		return NDSHM_REASON_NONE;
	}
	if (refcount_read(&other->users) && !READ_ONCE(other->deleted) &&
	    !ndshm_section_revoked(other))
		return NDSHM_REASON_NAME_TAKEN;
	rb_replace_node(&other->by_name, &section->by_name, &section_names);
	RB_CLEAR_NODE(&other->by_name);
	return NDSHM_REASON_NONE;
}

/*
 * Return: the section, also one without users, or NULL. Called with sections_lock held, which keeps
 * the section: its last user takes the lock to end the name.
 */
static struct ndshm_section *section_name_find(kuid_t owner, const char *name, u32 length)
{
	struct rb_node *node = section_names.rb_node;
	int order;

	while (node) {
		order = section_name_compare(owner, name, length,
					     section_of_name(node));
		if (!order)
			return section_of_name(node);
		node = order < 0 ? node->rb_left : node->rb_right;
	}
	return NULL;
}

/*
 * Return: the bits of 06 (4: read, 2: write) that the mode grants the caller's effective ids. As
 * for files, the first matching class of owner, group and others decides.
 */
static umode_t section_granted(const struct ndshm_section *section)
{
	umode_t mode = section->mode;

	if (uid_eq(section->uid, current_euid()))
		mode >>= 6;
	else if (in_egroup_p(section->gid))
		mode >>= 3;
	return mode & 06;
}

ndshm_reason_t ndshm_section_open(kuid_t owner, const char *name, u32 length,
				  bool readonly, struct ndshm_section **out)
{
	const bool all = ns_capable_noaudit(&init_user_ns, CAP_DAC_OVERRIDE) ||
			 ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
	ndshm_reason_t reason = NDSHM_REASON_SECTION_UNKNOWN;
	struct ndshm_section *section;
	umode_t granted = 0;

	spin_lock(&sections_lock);
	section = section_name_find(owner, name, length);
	if (section)
		granted = all ? 06 : section_granted(section);
	/* Take no reference for a caller without permission: the last put frees the section. */
	if (!(granted & 04) || !refcount_inc_not_zero(&section->users))
		section = NULL;
	spin_unlock(&sections_lock);
	if (!section)
		return reason;
	spin_lock(&section->lock);
	if (!section->deleted)
		reason = ndshm_section_state(section);
	spin_unlock(&section->lock);
	if (reason == NDSHM_REASON_NONE && !readonly && !(granted & 02))
		reason = NDSHM_REASON_SECTION_PERMISSION;
	if (reason == NDSHM_REASON_NONE)
		*out = section;
	else
		ndshm_section_put_user(section);
	return reason;
}

void ndshm_section_put_user(struct ndshm_section *section)
{
	if (!refcount_dec_and_test(&section->users))
		return;
	section_name_remove(section);
	ndshm_object_kill(&section->object, NULL);
	ndshm_object_put(&section->object);
}

/*
 * Callbacks of the blocks revoke @object. A section without memory has no blocks, so test whether
 * the claim, the adapter or the provider was closed.
 */
bool ndshm_section_revoked(const struct ndshm_section *section)
{
	const struct ndshm_blockset *user = section->claim ?
		&section->claim->set : &section->adapter->set;

	return READ_ONCE(section->object.revoked) ||
	       ndshm_blockset_killed(user) ||
	       ndshm_blockset_killed(&section->adapter->set) ||
	       ndshm_blockset_killed(&section->provider->set);
}

void ndshm_section_revoke(struct ndshm_section *section)
{
	ndshm_object_revoke(&section->object);
	/* A task that takes the lock after this sees the section revoked. */
	spin_lock(&section->lock);
	spin_unlock(&section->lock);
}

ndshm_reason_t ndshm_section_state(const struct ndshm_section *section)
{
	lockdep_assert_held(&section->lock);

	if (section->deleted)
		return NDSHM_REASON_SECTION_DELETED;
	return ndshm_section_revoked(section) ? NDSHM_REASON_SECTION_REVOKED :
						NDSHM_REASON_NONE;
}

bool ndshm_section_may_delete(const struct ndshm_section *section)
{
	return uid_eq(section->uid, current_euid()) || capable(CAP_SYS_ADMIN);
}

ndshm_reason_t ndshm_section_delete(struct ndshm_section *section,
				    const struct ndshm_holder *own, u32 flags)
{
	const bool revoke = flags & NDSHM_DELETE_REVOKE;
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	bool again;

	spin_lock(&section->lock);
	again = section->deleted;
	if (again && (!revoke || READ_ONCE(section->object.revoked)))
		reason = NDSHM_REASON_SECTION_DELETED;
	else if (!again && section->extents > (own ? own->count : 0) && !flags)
		reason = NDSHM_REASON_SECTION_BUSY;
	else
		section->deleted = true;
	spin_unlock(&section->lock);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (!again) {
		section_name_remove(section);
		trace_ndshm_section_delete(section->id, section->adapter->entry.id,
					   section->object.length, section->uid);
		ndshm_object_kill(&section->object, NULL);
	}
	if (revoke)
		ndshm_section_revoke(section);
	/*
	 * If @object ever had a file, section_unmapped() frees the memory after the last mapping.
	 */
	if (revoke || !section->object.was_mapped)
		ndshm_section_free_memory(section);
	return NDSHM_REASON_NONE;
}

static void section_init(struct ndshm_section *section,
			 const struct ndshm_section_request *request)
{
	ndshm_object_init(&section->object, &section_ops, PAGE_ALIGN(request->max_size));
	refcount_set(&section->users, 1);
	spin_lock_init(&section->lock);
	section->object.lock = &section->lock;
	section->object.dumped = request->dumped;
	section->account = ndshm_account_get(request->account);
	section->adapter = ndshm_adapter_get(request->adapter);
	if (request->claim)
		section->claim = ndshm_claim_get(request->claim);
	section->provider = ndshm_provider_get(request->provider);
	section->exports = RB_ROOT_CACHED;
	section->preferred_node = request->preferred_node;
	section->rawio = request->rawio;
	section->initial = PAGE_ALIGN(request->initial_size) >> PAGE_SHIFT;
	section->uid = request->account->cred->euid;
	RB_CLEAR_NODE(&section->by_name);
	memcpy(section->name, request->name, request->name_length);
	section->name_length = request->name_length;
	section->gid = request->gid;
	section->mode = request->mode;
}

/* Return: the section with the lowest id from @id to @last, or NULL. */
static struct ndshm_section *section_find(u32 id, u32 last)
{
	struct ndshm_extent *extent = ndshm_extents_find(&sections, id);

	return extent && extent->start <= last ?
	       container_of(extent, struct ndshm_section, by_id) : NULL;
}

/*
 * Add the section under a random id: a counter would reveal how many sections other users create.
 * Return: NONE or NAME_TAKEN.
 */
static ndshm_reason_t section_publish(struct ndshm_section *section)
{
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	spin_lock(&sections_lock);
	if (section->name_length)
		reason = section_name_add(section);
	if (reason != NDSHM_REASON_NONE)
		goto out;
	do {
		section->id = get_random_u32();
	} while (!section->id || section->id == U32_MAX ||
		 section_find(section->id, section->id));
	section->by_id.start = section->id;
	section->by_id.count = 1;
	ndshm_extents_insert(&sections, &section->by_id);
	section->object.id = section->id;
	hash_add(sections_by_user, &section->by_user,
		 (unsigned long)section->account->cred->user);
out:
	spin_unlock(&sections_lock);
	return reason;
}

ndshm_reason_t ndshm_section_init_one(const struct ndshm_section_request *request,
				      struct ndshm_section **out)
{
	struct ndshm_section *section;
	ndshm_reason_t reason = NDSHM_REASON_MEMORY;

	might_sleep();

	section = kzalloc(sizeof(*section), NDSHM_GFP_CHARGED);
	if (!section)
		return reason;
	if (ndshm_extent_map_init(&section->map, PAGE_ALIGN(request->max_size) >> PAGE_SHIFT,
				  PAGE_ALIGN(request->initial_size) >> PAGE_SHIFT))
		goto err_section;
	if (ndshm_file_cache_init(&section->file_cache))
		goto err_map;
	section_init(section, request);
	reason = ndshm_chunks_alloc_initial(section);
	if (reason == NDSHM_REASON_NONE)
		reason = section_publish(section);
	if (reason != NDSHM_REASON_NONE)
		goto err_made;
	trace_ndshm_section_create(section->id, section->adapter->entry.id, section->object.length,
				   section->uid);
	*out = section;
	return NDSHM_REASON_NONE;

err_made:
	section_free(section);
	return reason;
err_map:
	ndshm_extent_map_fini(&section->map);
err_section:
	kfree(section);
	return reason;
}

static bool section_peek(u32 *id, u32 last, ndshm_peek_fn peek, void *context)
{
	struct ndshm_section *section;

	/* section_release() takes the lock before it frees a section. */
	spin_lock(&sections_lock);
	section = section_find(*id, last);
	if (section) {
		*id = section->id;
		peek(section, section->uid, context);
	}
	spin_unlock(&sections_lock);
	return section;
}

bool ndshm_section_peek(u32 id, ndshm_peek_fn peek, void *context)
{
	return section_peek(&id, id, peek, context);
}

bool ndshm_section_peek_next(u32 *id, ndshm_peek_fn peek, void *context)
{
	return section_peek(id, U32_MAX, peek, context);
}

struct ndshm_section *ndshm_section_find_own(u32 id)
{
	const bool all = ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
	struct ndshm_section *section;

	spin_lock(&sections_lock);
	section = section_find(id, id);
	/* Take no reference for a caller without permission: the last put frees the section. */
	if (section && (!(all || uid_eq(section->uid, current_euid())) ||
			!refcount_inc_not_zero(&section->object.references)))
		section = NULL;
	spin_unlock(&sections_lock);
	return section;
}

/*
 * Return: the section behind @before, or the first one if that is NULL, that is charged to @user
 * and has idle memory, with a reference; NULL if there is none among *@looks sections. @before has
 * a reference, so it is still in the hash.
 */
static struct ndshm_section *section_next_idle(const struct user_struct *user,
					       const struct ndshm_section *before,
					       unsigned int *looks)
{
	const u32 bucket = hash_min((unsigned long)user, HASH_BITS(sections_by_user));
	struct ndshm_section *section;

	spin_lock(&sections_lock);
	section = hlist_entry_safe(before ? before->by_user.next : sections_by_user[bucket].first,
				   struct ndshm_section, by_user);
	hlist_for_each_entry_from(section, by_user) {
		if (!*looks) {
			section = NULL;
			break;
		}
		--*looks;
		if (section->account->cred->user == user && ndshm_section_has_idle(section) &&
		    refcount_inc_not_zero(&section->object.references))
			break;
	}
	spin_unlock(&sections_lock);
	return section;
}

bool ndshm_sections_free_idle(const struct user_struct *user)
{
	const unsigned long deadline = ndshm_section_idle_deadline();
	struct ndshm_section *section = NULL, *before;
	unsigned int looks = MAX_LOOKS;
	long left = NDSHM_SECTION_WAIT;
	bool freed = false;

	for (;;) {
		before = section;
		section = section_next_idle(user, before, &looks);
		if (before)
			ndshm_object_put(&before->object);
		if (!section)
			return freed;
		/* The rest is the affair of a task that lives. */
		if (!fatal_signal_pending(current))
			ndshm_section_free_idle(section, true, deadline);
		if (left > 0 && ndshm_section_has_idle(section))
			left = wait_event_killable_timeout(ndshm_section_wait,
							   !ndshm_section_has_idle(section) ||
							   !atomic_read(&section->freeing), left);
		freed |= !ndshm_section_has_idle(section);
	}
}

int __init ndshm_section_init(void)
{
	ndshm_reclaim_hook = ndshm_sections_free_idle;
	return 0;
}
