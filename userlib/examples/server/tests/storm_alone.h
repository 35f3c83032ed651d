/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of the server before the stress test, with one client at a time besides the keeper. */
#ifndef STORM_ALONE_H
#define STORM_ALONE_H

#include "../call.h"
#include "storm_server.h"

#define STORM_CLIENTS	32		/* limit of the server */

extern struct storm_server storm_server;
extern struct call storm_keeper;	/* a client that stays until the end */
extern unsigned int storm_descriptors;	/* open descriptors of the server at the start */

/* Polls `is_so`, since the server's internal state has no event. False: timeout. */
bool storm_soon(bool (*is_so)(void));

/*
 * Makes a request of the greatest size, so that the server has allocated all memory for
 * requests.
 */
bool storm_use_once(void);
bool storm_has_no_more_descriptors(void);

bool storm_turns_away_too_many(void);
bool storm_drops_who_does_not_read(void);
bool storm_forgets_who_has_gone(void);
bool storm_does_without_descriptors(void);

#endif /* STORM_ALONE_H */
