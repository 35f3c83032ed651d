/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is asked of the server before the storm, with one client besides the keeper. */
#ifndef STORM_ALONE_H
#define STORM_ALONE_H

#include "../call.h"
#include "storm_server.h"

#define STORM_CLIENTS	32		/* that the server may have */

extern struct storm_server storm_server;
extern struct call storm_keeper;	/* has the section, and places in it, all the while */
extern unsigned int storm_descriptors;	/* of the server, at the start */

/* There is no event for what another process does within. */
bool storm_soon(bool (*is_so)(void));

/* The greatest request, so that all memory for one is there. */
bool storm_use_once(void);
bool storm_has_no_more_descriptors(void);

bool storm_turns_away_too_many(void);
bool storm_drops_who_does_not_read(void);
bool storm_forgets_who_has_gone(void);
bool storm_does_without_descriptors(void);

#endif /* STORM_ALONE_H */
