/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of the server before the stress test, with one client at a time besides the keeper. */
#ifndef STRESS_ALONE_H
#define STRESS_ALONE_H

#include "../call.h"
#include "stress_server.h"

#define STRESS_CLIENTS	32		/* limit of the server */

extern struct stress_server stress_server;
extern struct call stress_keeper;	/* a client that stays until the end */
extern unsigned int stress_descriptors;	/* open descriptors of the server at the start */

/* Polls `is_so`, since the server's internal state has no event. False: timeout. */
bool stress_soon(bool (*is_so)(void));

/*
 * Makes a request of the greatest size, so that the server has allocated all memory for
 * requests.
 */
bool stress_use_once(void);
bool stress_has_no_more_descriptors(void);

bool stress_turns_away_too_many(void);
bool stress_drops_slow_readers(void);
bool stress_forgets_gone_clients(void);
bool stress_does_without_descriptors(void);

#endif /* STRESS_ALONE_H */
