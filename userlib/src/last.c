// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reason of a thread's last failure.
 */
#include <errno.h>

#include "internal.h"

/*
 * The last failure of this thread. The context is known by its number, as another one can have the
 * address of one that was closed. There is nothing to free at the end of the thread. The model saves
 * a call at each access; a program that loads the library late has room for these few bytes.
 */
static _Thread_local __attribute__((tls_model("initial-exec"))) struct {
	unsigned long context;
	uint32_t reason;
	uint32_t status;
} last;

void ndshm__set_last(const struct ndshm *ndshm, uint32_t reason, uint32_t status)
{
	/* A call without a reason does not replace the failure of another context. */
	if (reason == NDSHM_REASON_NONE && last.context != ndshm->number)
		return;
	last.context = ndshm->number;
	last.reason = reason;
	last.status = status;
}

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
	return last.context == ndshm->number ? last.reason : NDSHM_REASON_NONE;
}

NDSHM_API uint32_t ndshm_last_status(const struct ndshm *ndshm)
{
	return last.context == ndshm->number ? last.status : NDSHM_STATUS_SUCCESS;
}
