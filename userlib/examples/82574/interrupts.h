/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interrupts of the card, by which the driver sleeps while there are no frames. They are masked in
 * the card except during interrupts_wait(). Functions that return int print an error message
 * before they return -errno.
 */
#ifndef INTERRUPTS_H
#define INTERRUPTS_H

#include <signal.h>
#include <stdbool.h>

#include "card.h"

struct interrupts {
	struct card *card;
	int event;		/* eventfd that ndshm signals */
	uint32_t kind;		/* NDSHM_IRQ_* */
	uint64_t count;		/* wake-ups */
};

/*
 * Turns the interrupts of a kind on; NDSHM_IRQ_NONE: a message or, where the card or the machine has
 * none, INTx.
 */
int interrupts_make(struct interrupts *interrupts, struct card *card, uint32_t kind);

/* Lets the card interrupt; the driver then looks for frames again, and calls interrupts_wait(). */
void interrupts_arm(struct interrupts *interrupts);

/*
 * Waits until the card interrupts, a signal that `mask` does not block is caught, or `nanoseconds`
 * are over (negative: no limit), and masks the interrupts of the card. With 0 it only does the
 * latter. Returns 0, or -ECONNRESET: the card was reset, and must be set up again.
 */
int interrupts_wait(struct interrupts *interrupts, int64_t nanoseconds, const sigset_t *mask);

/* Closes the eventfd. */
void interrupts_close(struct interrupts *interrupts);

#endif /* INTERRUPTS_H */
