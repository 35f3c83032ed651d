/* SPDX-License-Identifier: GPL-2.0 */
/* Requests of kernel users; see include/ndshm/request.h. */
#ifndef _NDSHM_NDIS_REQUEST_H
#define _NDSHM_NDIS_REQUEST_H

#include <linux/init.h>

#include <ndshm/request.h>

#ifdef NDSHM_TEST_MODULES
/* Call @function between the allocation and the decision of the end; NULL: none. */
void ndshm_request_in_between(void (*function)(struct ndshm_request *request));
#endif

int __init ndshm_request_work_init(void);
void ndshm_request_work_exit(void);

#endif /* _NDSHM_NDIS_REQUEST_H */
