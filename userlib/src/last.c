// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reason of a thread's last failure.
 */
#include <errno.h>

#include "internal.h"

__thread struct ndshm__last ndshm__last __attribute__((tls_model("initial-exec")));

int ndshm__done(struct ndshm *ndshm, int error)
{
	if (error == -ENOMEM)
		return ndshm__refuse(ndshm, ndshm__mappings_exhausted() ? NDSHM_REASON_MAPPINGS :
									  NDSHM_REASON_MEMORY);
	if (error == -EAFNOSUPPORT)
		return ndshm__refuse(ndshm, NDSHM_REASON_NETLINK_REFUSED);
	ndshm__set_last(ndshm, NDSHM_REASON_NONE, NDSHM_STATUS_SUCCESS);
	return error;
}

int ndshm__refuse(struct ndshm *ndshm, uint32_t reason)
{
	ndshm__set_last(ndshm, reason, ndshm__reason_status(reason));
	return ndshm__reason_errno(reason);
}

int ndshm__map_done(struct ndshm *ndshm, int error, uint64_t length)
{
	if (error == -EAGAIN)
		return ndshm__refuse(ndshm, NDSHM_REASON_MLOCKALL);
	if (error == -ENOMEM && !ndshm__mappings_exhausted() && !ndshm__mapping_fits(length))
		return ndshm__refuse(ndshm, NDSHM_REASON_ADDRESS_SPACE);
	return ndshm__done(ndshm, error);
}

NDSHM_API uint32_t ndshm_last_reason(const struct ndshm *ndshm)
{
	return ndshm__last.context == ndshm->number ? ndshm__last.reason : NDSHM_REASON_NONE;
}

NDSHM_API uint32_t ndshm_last_status(const struct ndshm *ndshm)
{
	return ndshm__last.context == ndshm->number ? ndshm__last.status : NDSHM_STATUS_SUCCESS;
}
