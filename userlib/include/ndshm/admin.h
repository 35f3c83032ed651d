/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libndshm for administrators: permission, quotas and events. The rules are those of
 * <ndshm/ndshm.h>; all need the module, by netlink: the stand-ins answer
 * -EOPNOTSUPP.
 */
#ifndef NDSHM_ADMIN_H
#define NDSHM_ADMIN_H

#include <ndshm/ndshm.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Permission -------------------------------------------------------------- */

/* What a change sets: bits. */
#define NDSHM_ACCESS_OWNER	1U
#define NDSHM_ACCESS_GROUP	2U
#define NDSHM_ACCESS_MODE	4U
#define NDSHM_ACCESS_RESET	8U	/* of an adapter */

struct ndshm_access {
	uint32_t owner;			/* user */
	uint32_t group;
	uint32_t mode;			/* bits of 0666; using takes reading and writing */
	uint32_t reset;			/* NDSHM_RESET_* */
};

/*
 * Set what `set` names as in `access`, whose other members are not looked at, of the
 * adapter or provider with that id. It holds for what somebody asks for from now on,
 * and until the module is unloaded, also when the device is bound again. -EPERM:
 * without CAP_SYS_ADMIN. -EINVAL: nothing is named, or it makes no sense. -ENOENT
 * (ADAPTER_UNKNOWN, PROVIDER_UNKNOWN): there is none.
 */
int ndshm_set_adapter_access(struct ndshm *ndshm, uint32_t adapter, uint32_t set,
			     const struct ndshm_access *access);
int ndshm_set_provider_access(struct ndshm *ndshm, uint32_t provider, uint32_t set,
			      const struct ndshm_access *access);

/* Quotas ----------------------------------------------------------------- */

/* Of what there is a limit: bits, also where several are named at once. */
#define NDSHM_QUOTA_SECTIONS	1U
#define NDSHM_QUOTA_HOLDERS	2U
#define NDSHM_QUOTA_RESERVED	4U	/* bytes of range of all sections */
#define NDSHM_QUOTA_BYTES	8U	/* of memory that the user is charged for */
#define NDSHM_QUOTA_REQUESTS	16U	/* in flight, and records that were not read */
#define NDSHM_QUOTA_CLIENTS	32U	/* open descriptors of the device */

#define NDSHM_UID_SELF		UINT32_MAX

/* What a user has, and may have. */
struct ndshm_quota_row {
	uint32_t uid;
	uint32_t set;			/* limits of this user's own; others are defaults */
	uint64_t sections;
	uint64_t sections_limit;
	uint64_t holders;
	uint64_t holders_limit;
	uint64_t reserved;
	uint64_t reserved_limit;
	uint64_t bytes;
	uint64_t bytes_limit;
	uint64_t requests;
	uint64_t requests_limit;
	uint64_t clients;
	uint64_t clients_limit;
};

/* -EPERM: another user's, without CAP_SYS_ADMIN. -EINVAL: there is no such user. */
int ndshm_get_quota(struct ndshm *ndshm, uint32_t uid, struct ndshm_quota_row *quota);

/*
 * Users who have something or limits of their own, sorted by uid: *out is an array
 * of *count rows to be given to free(). Without CAP_SYS_ADMIN only who asks.
 */
int ndshm_list_quotas(struct ndshm *ndshm, struct ndshm_quota_row **out, size_t *count);

/*
 * Set the limits that `set` names as in `limits`, whose other members are not looked
 * at, and make those that `reset` names the defaults again. Who has more than a new
 * limit keeps it, and gets no more. -EPERM: without CAP_SYS_ADMIN. -EINVAL: nothing is
 * named, or something twice, or there is no such user.
 */
int ndshm_set_quota(struct ndshm *ndshm, uint32_t uid, uint32_t set, uint32_t reset,
		    const struct ndshm_quota_row *limits);

/* Events ----------------------------------------------------------------- */

struct ndshm_monitor;	/* who listens */

/* To what it happens: one of these is the event's object. */
enum ndshm_event_object {
	NDSHM_EVENT_ADAPTER = 1,
	NDSHM_EVENT_PROVIDER,
	NDSHM_EVENT_QUEUE,
	NDSHM_EVENT_BLOCK,
	NDSHM_EVENT_SECTION,
	NDSHM_EVENT_QUOTA,
};

enum ndshm_event_kind {
	NDSHM_EVENT_ADDED = 1,	/* it can be found */
	NDSHM_EVENT_STOPPED,	/* of queues: the device writes to it no more */
	NDSHM_EVENT_REVOKED,	/* the device goes, and with it the memory */
	NDSHM_EVENT_DELETED,	/* of sections: nothing new can be had of it */
	NDSHM_EVENT_GONE,	/* it cannot be found any more */
	NDSHM_EVENT_EXCEEDED,	/* of quotas: a user was refused something */
};

/* The object is as it was when that happened. */
struct ndshm_event {
	uint32_t object;		/* NDSHM_EVENT_ADAPTER, ... */
	uint32_t kind;			/* NDSHM_EVENT_ADDED, ... */
	uint32_t exceeded;		/* of a quota, NDSHM_QUOTA_* */
	uint64_t wanted;		/* ... and how much more of it */
	struct ndshm_adapter_info adapter;
	struct ndshm_provider_info provider;
	struct ndshm_queue_row queue;
	struct ndshm_block_row block;
	struct ndshm_section_row section;
	struct ndshm_quota_row quota;
};

/* Listen from now on. -EPERM: it takes CAP_SYS_ADMIN. */
int ndshm_monitor_open(struct ndshm *ndshm, struct ndshm_monitor **out);

/* To be polled for reading. It is the monitor's. */
int ndshm_monitor_fd(const struct ndshm_monitor *monitor);

/*
 * The next event, if there is one: -EAGAIN otherwise. Only the members that belong to
 * its object are filled in, others are 0. -ENOBUFS: some were lost, because they came
 * faster than they were read; the next call goes on behind them. One thread at a time.
 */
int ndshm_monitor_next(struct ndshm_monitor *monitor, struct ndshm_event *event);

void ndshm_monitor_close(struct ndshm_monitor *monitor);

#ifdef __cplusplus
}
#endif

#endif /* NDSHM_ADMIN_H */
