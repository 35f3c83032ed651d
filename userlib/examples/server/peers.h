/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The clients of the server: who is there, and what each is owed. One that goes, at
 * whatever point, has closed its socket: the kernel sees to that, and gives back what it
 * has allocated in the section. No client is ever waited for.
 */
#ifndef PEERS_H
#define PEERS_H

#include "serve.h"

struct peer;

/* All since the start, but for `now`. */
struct tally {
	uint64_t clients;
	uint64_t turned_away;		/* too many, or no memory */
	uint64_t dropped;		/* they did not read their answers */
	uint64_t now;
	uint64_t requests;
	uint64_t served[OPERATIONS];
	uint64_t refused[STATUSES];
	uint64_t bytes;			/* of contents that were served */
};

struct peers {
	struct ndshm_section *section;
	int epoll;			/* where the sockets are; a peer is its own data */
	unsigned int most;
	uint64_t buffer;		/* bytes that each is lent; 0: they allocate */
	struct peer *first;
	struct tally tally;
	struct serve serve;
};

/* Whoever is next at the listening socket. -errno of accept(), such as -EMFILE. */
int peers_accept(struct peers *peers, int listener);

/*
 * One request, if there is one: those who ask a lot have their turn like all others.
 * `events` is what epoll says of the peer.
 */
void peers_serve(struct peers *peers, struct peer *peer, uint32_t events);

void peers_drop_all(struct peers *peers);

#endif /* PEERS_H */
