/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests: what the core adds to those of kernel users.
 */
#ifndef _NDSHM_CORE_REQUEST_H
#define _NDSHM_CORE_REQUEST_H

#include <linux/init.h>

#include <ndshm/request.h>

/*
 * As ndshm_requests_init(), for a client's, which its own thread carries out. @admit is
 * asked before memory is allocated: is the request still allowed? May sleep.
 */
void ndshm_requests_init_client(struct ndshm_requests *requests,
				unsigned int most,
				ndshm_reason_t (*admit)(struct ndshm_request *));

/*
 * Move the thread of a client's group to the cgroups of the caller, and to its nice
 * value; the first call creates it. MEMORY. May sleep.
 */
ndshm_reason_t ndshm_requests_attach(struct ndshm_requests *requests);

/*
 * As ndshm_allocate_async(), for a client's group: in the cgroups of the caller, for the
 * payer of @allocation, which stays until the end. @parameters, which are copied, must
 * be checked and normalized. May sleep.
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
