// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "../common/say.h"
#include "interrupts.h"
#include "regs.h"
#include "revoked.h"

#define CAUSES	(CAUSE_RECEIVED | CAUSE_RX_FEW | CAUSE_RX_OVERRUN)
#define SECOND	1000000000LL

static int turn_on(struct interrupts *interrupts, uint32_t kind)
{
	int error = ndshm_claim_set_irqs(interrupts->card->claim, kind, 0, 1, &interrupts->event);

	if (!error)
		interrupts->kind = kind;
	return error;
}

int interrupts_make(struct interrupts *interrupts, struct card *card, uint32_t kind)
{
	int error;

	if (interrupts->card != card) {
		interrupts->card = card;
		interrupts->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	}
	if (interrupts->event < 0)
		return say_failure(NULL, "cannot create an eventfd", -errno);
	error = turn_on(interrupts, kind == NDSHM_IRQ_NONE ? NDSHM_IRQ_MSI : kind);
	if (kind == NDSHM_IRQ_NONE && (error == -EOPNOTSUPP || error == -ENOSPC))
		error = turn_on(interrupts, NDSHM_IRQ_INTX);
	return error ? say_failure(card->ndshm, "cannot turn the interrupts on", error) : 0;
}

void interrupts_arm(struct interrupts *interrupts)
{
	card_write(interrupts->card, REG_IMS, CAUSES);
}

/*
 * After a signal without a cause: it was late, or came with the end of a reset, which has turned
 * the interrupts off. While a message is on, another kind is refused.
 */
static int check(struct interrupts *interrupts)
{
	struct ndshm_claim *claim = interrupts->card->claim;
	const uint32_t other = ndshm_claim_irq_count(claim, NDSHM_IRQ_INTX) ? NDSHM_IRQ_INTX :
									      NDSHM_IRQ_MSIX;
	const int none = -1;
	int error;

	if (interrupts->kind == NDSHM_IRQ_INTX) {
		error = ndshm_claim_unmask_intx(claim);
		return error == -EBADFD &&
		       ndshm_last_reason(interrupts->card->ndshm) == NDSHM_REASON_IRQ_OFF ?
		       -ECONNRESET : error;
	}
	error = ndshm_claim_set_irqs(claim, other, 0, 1, &none);
	if (error == -EBUSY)
		return 0;
	/* It cannot be told on this machine. */
	if (error == -EOPNOTSUPP)
		return -ECONNRESET;
	if (!error)
		error = ndshm_claim_set_irqs(claim, NDSHM_IRQ_NONE, 0, 0, NULL);
	return error ? error : -ECONNRESET;
}

int interrupts_wait(struct interrupts *interrupts, int64_t nanoseconds, const sigset_t *mask)
{
	struct timespec limit = { nanoseconds / SECOND, nanoseconds % SECOND };
	struct pollfd event = { .fd = interrupts->event, .events = POLLIN };
	bool signalled = ppoll(&event, 1, nanoseconds < 0 ? NULL : &limit, mask) == 1;
	struct card *card = interrupts->card;
	eventfd_t count;
	uint32_t causes;
	int error = 0;

	card_write(card, REG_IMC, ~0U);
	causes = card_read(card, REG_ICR);
	if (!signalled)
		return 0;
	eventfd_read(interrupts->event, &count);
	interrupts->count++;
	if (interrupts->kind == NDSHM_IRQ_INTX || !(causes & CAUSES))
		error = check(interrupts);
	/* The claim has ended: the registers would say so, too. */
	if (error == -ENODEV || error == -EBADFD)
		revoked_exit();
	if (error && error != -ECONNRESET)
		return say_failure(card->ndshm, "cannot use the interrupts", error);
	return error;
}

void interrupts_close(struct interrupts *interrupts)
{
	if (interrupts->card && interrupts->event >= 0)
		close(interrupts->event);
}
