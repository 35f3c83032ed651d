/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests: what the core adds to those of kernel users.
 */
#ifndef _NDSHM_CORE_REQUEST_H
#define _NDSHM_CORE_REQUEST_H

#include <linux/init.h>
#include <linux/uidgid.h>

#include <ndshm/request.h>

#include "charge.h"

struct mem_cgroup;
struct pid;

/**
 * struct ndshm_submitter - on whose behalf a request is carried out
 * @uid: who asked
 * @pid: the process that asked, held
 * @charge: paid already, for the longest that the block can be; the block's, as
 *	soon as there is one
 * @memcg: what is charged for memory, held; NULL: nothing
 * @admit: asked before memory is allocated: is it still allowed? May sleep.
 */
struct ndshm_submitter {
	kuid_t uid;
	struct pid *pid;
	struct ndshm_charge charge;
	struct mem_cgroup *memcg;
	ndshm_reason_t (*admit)(struct ndshm_request *request);
};

/*
 * The calling process, which pays for a block of @length bytes; MEMLOCK, BYTE_QUOTA or
 * MEMORY. put gives back what is left of that.
 */
ndshm_reason_t ndshm_submitter_get(struct ndshm_submitter *submitter,
				   u64 length);
void ndshm_submitter_put(struct ndshm_submitter *submitter);

/* As ndshm_requests_init(), for a client's: drivers' do not wait for these. */
void ndshm_requests_init_client(struct ndshm_requests *requests,
				unsigned int most);

/*
 * As ndshm_allocate_async(), for the user that the @allocation says, which stays until
 * the end. The @parameters, which are copied, are checked and normalized.
 */
ndshm_reason_t
ndshm_request_submit(struct ndshm_requests *requests,
		     struct ndshm_request *request,
		     const struct ndshm_parameters *parameters,
		     const struct ndshm_allocation *allocation);

#ifdef NDSHM_TEST_MODULES
/* Have it called when there may be a block and the end is not decided; NULL: nothing. */
void ndshm_request_in_between(void (*function)(struct ndshm_request *request));
#endif

int __init ndshm_request_setup(void);
void ndshm_request_teardown(void);

#endif /* _NDSHM_CORE_REQUEST_H */
