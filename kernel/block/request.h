/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests of clients; those of kernel users are in include/ndshm/request.h.
 */
#ifndef _NDSHM_BLOCK_REQUEST_H
#define _NDSHM_BLOCK_REQUEST_H

#include <linux/init.h>

#include <ndshm/request.h>

/*
 * As ndshm_requests_init(), for a client's group, which has a thread of its own. @admit
 * (or NULL) is called before each allocation; it may sleep and refuse the request.
 */
void ndshm_requests_init_client(struct ndshm_requests *requests,
				unsigned int most,
				ndshm_reason_t (*admit)(struct ndshm_request *));

/*
 * Move the thread of a client's group to the cgroups and the nice value of the caller;
 * the first call creates it. Return: NONE or MEMORY. May sleep.
 */
ndshm_reason_t ndshm_requests_attach(struct ndshm_requests *requests);

/*
 * As ndshm_allocate_async(), for a client's group. The thread first moves to the caller's
 * cgroups. @allocation must stay valid until the request completes. @parameters must be
 * checked and normalized; they are copied. REQUEST_ABORTED after a fatal signal.
 */
ndshm_reason_t
ndshm_request_submit(struct ndshm_requests *requests,
		     struct ndshm_request *request,
		     const struct ndshm_parameters *parameters,
		     const struct ndshm_allocation *allocation);

/* As ndshm_request_cancel(), for a caller that answers the request itself. */
ndshm_reason_t ndshm_request_abort(struct ndshm_requests *requests, u64 cookie);

#ifdef NDSHM_TEST_MODULES
/* Call @function between the allocation and the decision of the end; NULL: none. */
void ndshm_request_in_between(void (*function)(struct ndshm_request *request));
#endif

int __init ndshm_request_setup(void);
void ndshm_request_teardown(void);

#endif /* _NDSHM_BLOCK_REQUEST_H */
