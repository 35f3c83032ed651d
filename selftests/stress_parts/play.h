/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Actors, their objects, and the model of lifetimes: a block lives while its handle or
 * a mapping does, a handle while a descriptor of its client does, even if that is in an
 * unread message.
 */
#ifndef _NDSHM_SELFTEST_STRESS_PLAY_H
#define _NDSHM_SELFTEST_STRESS_PLAY_H

#include "stress.h"
#include "actor.h"

#define PLAY_USERS	2
#define PLAY_PLAYERS	6
#define PLAY_LETTERS	4	/* in a mailbox */

/* An actor. Of its sockets these are our ends. */
struct player {
	bool lives;
	pid_t pid;
	int orders;
	int mailbox;
	unsigned int user;
	bool can_switch;	/* its user */
	bool can_fork;
	bool apart;		/* in namespaces of its own */
	bool mighty;		/* there */
	unsigned int copies[ACTOR_CLIENTS];
	unsigned int letters[PLAY_LETTERS];	/* clients, the next one first */
	unsigned int letter_count;
	bool maps[ACTOR_BLOCKS];
};

struct chunk {
	bool lives;
	bool handled;		/* the handle lives */
	unsigned int client;
	unsigned int charged;
	__u32 handle;
	__u64 offset;
	__u64 length;
	__u64 consumed;
	__u64 tag;
};

struct play {
	struct stress_random random;
	struct player players[PLAY_PLAYERS];
	struct player watchers[PLAY_USERS];	/* not part of the model */
	struct chunk chunks[ACTOR_BLOCKS];
	unsigned int openers[ACTOR_CLIENTS];	/* users */
};

extern struct play play;
extern const uid_t play_users[PLAY_USERS];

/* A new actor without descriptors. */
bool play_new_player(struct player *player, unsigned int user);

/* It is gone, or will be as soon as it listens. */
void play_forget(struct player *player);

/* Send a descriptor of @client, which is closed here. */
bool play_post(struct player *player, unsigned int client, int fd);

/* The outcome is in the answer; @play_done: it must be success. */
bool play_order(struct player *player, const struct actor_order *order,
		struct actor_answer *answer);
bool play_done(struct player *player, const struct actor_order *order);

/* Another process opens @client and sends it to the player. */
bool play_new_client(struct player *player, unsigned int client);

/*
 * Execute one possible random step and update the model. @text receives its
 * description. False: an error was reported.
 */
bool play_step(char *text, size_t size);

#endif /* _NDSHM_SELFTEST_STRESS_PLAY_H */
