/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libndshm for administrators: blocks and sections by their ids, and events. The rules of
 * <ndshm/ndshm.h> apply. All calls need the module: contexts of "memfd:" and "section:" return
 * -EOPNOTSUPP, and so do those of "netlink:" for ids.
 */
#ifndef NDSHM_ADMIN_H
#define NDSHM_ADMIN_H

#include <ndshm/ndshm.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Blocks and sections ----------------------------------------------------- */

/*
 * End a block or a section by its id, which ndshm_list_blocks() or ndshm_list_sections() shows. The
 * client needs neither a handle nor a descriptor of it, so its owner can end its charge while only
 * mappings or dma-bufs of other processes keep it.
 *
 * ndshm_revoke_id() does what ndshm_revoke() does, but the client that allocated the block keeps
 * the handle, and under a claim the memory is freed with the claim. ndshm_delete_section_id() does
 * what ndshm_section_delete() does with these flags.
 *
 * -ENOENT (HANDLE_UNKNOWN, SECTION_UNKNOWN): there is none with this id, or it belongs to another
 * user and the caller lacks CAP_SYS_ADMIN.
 */
int ndshm_revoke_id(struct ndshm *ndshm, uint32_t id)
	NDSHM_NONNULL(1);
int ndshm_delete_section_id(struct ndshm *ndshm, uint32_t id, uint32_t flags)
	NDSHM_NONNULL(1);

/* Events ----------------------------------------------------------------- */

struct ndshm_monitor;	/* an event listener */

/* Kind of the object that an event is about. */
enum ndshm_event_object {
	NDSHM_EVENT_ADAPTER = 1,
	NDSHM_EVENT_PROVIDER,
};

enum ndshm_event_kind {
	NDSHM_EVENT_ADDED = 1,	/* can be found from now on */
	NDSHM_EVENT_CLAIMED,	/* adapters: a client has claimed it */
	NDSHM_EVENT_RELEASED,	/* adapters: the claim has ended, and its blocks were revoked */
	NDSHM_EVENT_REVOKED,	/* device or provider is being removed, and its blocks are revoked */
	NDSHM_EVENT_GONE,	/* can no longer be found */
};

/* An event, with the state of its object at that time, as any user can list it. */
struct ndshm_event {
	uint32_t object;		/* NDSHM_EVENT_ADAPTER, ... */
	uint32_t kind;			/* NDSHM_EVENT_ADDED, ... */
	/* Last, as its members can grow: the object. */
	__extension__ union {
		struct ndshm_adapter_info adapter;
		struct ndshm_provider_info provider;
	};
};

/* Start listening. -EPERM: the caller lacks CAP_SYS_ADMIN. */
int ndshm_monitor_open(struct ndshm *ndshm, struct ndshm_monitor **out)
	NDSHM_NONNULL(1, 2) NDSHM_MUST_CHECK;

/* Return a descriptor to poll for POLLIN. It belongs to the monitor. */
int ndshm_monitor_fd(const struct ndshm_monitor *monitor)
	NDSHM_NONNULL(1);

/*
 * Get the next event, or -EAGAIN if there is none. Of the objects only that
 * of the event's kind is filled in. -ENOBUFS: the socket's buffer overflowed and events
 * were lost; the next call continues after them. Must not be called by several threads at
 * a time.
 */
int ndshm_monitor_next_sized(struct ndshm_monitor *monitor, struct ndshm_event *event, size_t size)
	NDSHM_NONNULL(1, 2);
static inline int ndshm_monitor_next(struct ndshm_monitor *monitor, struct ndshm_event *event)
{
	return ndshm_monitor_next_sized(monitor, event, sizeof(*event));
}

/* Stop listening, and free the monitor. */
void ndshm_monitor_close(struct ndshm_monitor *monitor);

#ifdef __cplusplus
}
#endif

#endif /* NDSHM_ADMIN_H */
