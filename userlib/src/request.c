// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The initial values of requests, for languages that cannot use the macros of the headers.
 */
#include <ndshm/section.h>

#include "internal.h"

NDSHM_API void ndshm_request_init(struct ndshm_request *request)
{
	*request = (struct ndshm_request)NDSHM_REQUEST_INIT;
}

NDSHM_API void ndshm_section_request_init(struct ndshm_section_request *request)
{
	*request = (struct ndshm_section_request)NDSHM_SECTION_REQUEST_INIT;
}
