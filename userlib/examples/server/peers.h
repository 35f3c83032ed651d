/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The clients of the server, called peers. When a client ends in any way, the kernel closes its
 * socket and frees its extents of the section. The server never waits for a client.
 */
#ifndef PEERS_H
#define PEERS_H

#include "serve.h"

struct peer;

/* Totals since the start, except for `now`. */
struct tally {
	uint64_t clients;
	uint64_t turned_away;		/* too many clients, or no memory */
	uint64_t dropped;		/* did not read their answers */
	uint64_t now;
	uint64_t requests;
	uint64_t served[OPERATIONS];
	uint64_t refused[STATUSES];
	uint64_t bytes;			/* of all results */
};

struct peers {
	struct ndshm_section *section;
	int epoll;			/* the event data of a client's socket is its peer */
	unsigned int most;
	uint64_t buffer;		/* bytes lent to each peer; 0: peers allocate */
	struct peer *first;
	struct tally tally;
	struct serve serve;
};

/*
 * Accepts the next client at the listening socket. Returns an error of accept(), such as
 * -EMFILE.
 */
int peers_accept(struct peers *peers, int listener);

/*
 * Serves at most one request of the peer, so that each peer with requests has a turn. `events`
 * are the peer's epoll events.
 */
void peers_serve(struct peers *peers, struct peer *peer, uint32_t events);

void peers_drop_all(struct peers *peers);

#endif /* PEERS_H */
