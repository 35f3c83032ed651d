/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Processes that execute one order at a time, so that the sender of the orders knows
 * at every moment which process has which descriptors and mappings.
 */
#ifndef _NDSHM_SELFTEST_STRESS_ACTOR_H
#define _NDSHM_SELFTEST_STRESS_ACTOR_H

#include <stdbool.h>
#include <sys/types.h>

#include <linux/types.h>

#include "kselftest.h"

#define ACTOR_CLIENTS	2	/* that an actor can have descriptors of */
#define ACTOR_COPIES	2	/* descriptors of each */
#define ACTOR_BLOCKS	12	/* mapped, each once */

enum actor_verb {
	ACTOR_ALLOC,		/* in @client, @length bytes */
	ACTOR_FREE,		/* @handle of @client */
	ACTOR_MAP,		/* @length at @offset of @client, as @block */
	ACTOR_TOUCH,		/* @block: must hold @tag, or be zero and get it */
	ACTOR_UNMAP,		/* @block */
	ACTOR_DUP,		/* @client */
	ACTOR_CLOSE,		/* one descriptor of @client */
	ACTOR_SEND,		/* a descriptor of @client, after the answer */
	ACTOR_RECEIVE,		/* a descriptor of @client from the mailbox */
	ACTOR_SWITCH,		/* become @user */
	ACTOR_NAMESPACES,	/* new ones for users and networks */
	ACTOR_FORK,		/* the child gets the two descriptors sent along */
	ACTOR_FORK_PID,		/* in a pid namespace of its own */
	ACTOR_EXEC,		/* the same program, which goes on */
	ACTOR_LOCKED,		/* bytes locked for its user */
	ACTOR_EXIT,
};

struct actor_order {
	enum actor_verb verb;
	unsigned int client;
	unsigned int block;
	__u32 handle;
	uid_t user;
	__u64 offset;
	__u64 length;
	__u64 tag;
};

struct actor_answer {
	int error;		/* 0 or a negative errno */
	pid_t pid;		/* ACTOR_FORK */
	__u32 handle;		/* ACTOR_ALLOC, also the members below */
	__u64 offset;
	__u64 length;
	__u64 consumed;
	__u64 bytes;		/* ACTOR_LOCKED */
};

/* Descriptors of an actor; -1: none. */
struct actor {
	int orders;
	int mailbox;
	int clients[ACTOR_CLIENTS][ACTOR_COPIES];
};

/* Take orders until one of them, or the other end of the socket, is the end. */
void __noreturn actor_live(struct actor *actor);

/* For main(): run as the program that ACTOR_EXEC executes. */
bool actor_is_called(int argc, char **argv);
void __noreturn actor_called(char **argv);

#endif /* _NDSHM_SELFTEST_STRESS_ACTOR_H */
