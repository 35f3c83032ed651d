// SPDX-License-Identifier: GPL-2.0
/*
 * Orders to actors. Each step returns that it is impossible now, or sends the order
 * and updates the model.
 */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>

#include "ndshm_proc.h"
#include "play.h"

#define TRIES		30	/* to find a step that can be taken */

enum taken {
	TAKEN,
	NOT_NOW,
	WRONG,
};

/* The random player and objects of a step. */
struct turn {
	struct player *player;
	unsigned int client;
	unsigned int block;
};

static enum taken result(bool done)
{
	return done ? TAKEN : WRONG;
}

/*
 * The model
 */

static bool client_held(unsigned int client)
{
	const struct player *player;
	unsigned int i, letter;

	for (i = 0; i < PLAY_PLAYERS; i++) {
		player = &play.players[i];
		if (player->copies[client])
			return true;
		for (letter = 0; letter < player->letter_count; letter++)
			if (player->letters[letter] == client)
				return true;
	}
	return false;
}

static bool mapped(unsigned int block)
{
	unsigned int i;

	for (i = 0; i < PLAY_PLAYERS; i++)
		if (play.players[i].maps[block])
			return true;
	return false;
}

/* Derive lifetimes and charges from the objects of the players. */
static void conclude(void)
{
	struct chunk *chunk;
	unsigned int i;

	for (i = 0; i < ACTOR_BLOCKS; i++) {
		chunk = &play.chunks[i];
		chunk->handled &= client_held(chunk->client);
		chunk->lives &= chunk->handled || mapped(i);
	}
}

static struct player *some_player(void)
{
	struct player *player;

	do {
		player = &play.players[stress_below(&play.random, PLAY_PLAYERS)];
	} while (!player->lives);
	return player;
}

/*
 * Blocks
 */

static enum taken take_alloc(const struct turn *turn)
{
	const struct actor_order order = {
		.verb = ACTOR_ALLOC,
		.client = turn->client,
		.length = 1 + stress_below(&play.random, 3 * stress.page),
	};
	struct chunk *chunk = &play.chunks[turn->block];
	struct actor_answer answer;

	if (chunk->lives || !turn->player->copies[turn->client])
		return NOT_NOW;
	if (!play_order(turn->player, &order, &answer))
		return WRONG;
	if (answer.error)
		return result(stress_error("alloc: %s",
					   strerror(-answer.error)));
	*chunk = (struct chunk){
		.lives = true,
		.handled = true,
		.client = turn->client,
		.charged = play.openers[turn->client],
		.handle = answer.handle,
		.offset = answer.offset,
		.length = answer.length,
		.consumed = answer.consumed,
		.tag = stress_draw(&play.random) | 1,
	};
	return TAKEN;
}

static enum taken take_free(const struct turn *turn)
{
	struct chunk *chunk = &play.chunks[turn->block];
	const struct actor_order order = {
		.verb = ACTOR_FREE,
		.client = chunk->client,
		.handle = chunk->handle,
	};

	if (!chunk->handled || !turn->player->copies[chunk->client])
		return NOT_NOW;
	chunk->handled = false;
	return result(play_done(turn->player, &order));
}

static enum taken take_map(const struct turn *turn)
{
	struct chunk *chunk = &play.chunks[turn->block];
	const struct actor_order order = {
		.verb = ACTOR_MAP,
		.client = chunk->client,
		.block = turn->block,
		.offset = chunk->offset,
		.length = chunk->length,
	};

	if (!chunk->handled || !turn->player->copies[chunk->client] ||
	    turn->player->maps[turn->block])
		return NOT_NOW;
	turn->player->maps[turn->block] = true;
	return result(play_done(turn->player, &order));
}

/* Each access must find the tag of the first. */
static enum taken take_touch(const struct turn *turn)
{
	const struct actor_order order = {
		.verb = ACTOR_TOUCH,
		.block = turn->block,
		.tag = play.chunks[turn->block].tag,
	};

	if (!turn->player->maps[turn->block])
		return NOT_NOW;
	return result(play_done(turn->player, &order));
}

static enum taken take_unmap(const struct turn *turn)
{
	const struct actor_order order = {
		.verb = ACTOR_UNMAP,
		.block = turn->block,
	};

	if (!turn->player->maps[turn->block])
		return NOT_NOW;
	turn->player->maps[turn->block] = false;
	return result(play_done(turn->player, &order));
}

/*
 * Descriptors
 */

static enum taken take_client(const struct turn *turn)
{
	if (client_held(turn->client) ||
	    turn->player->letter_count == PLAY_LETTERS)
		return NOT_NOW;
	play.openers[turn->client] = turn->player->user;
	return result(play_new_client(turn->player, turn->client));
}

static enum taken take_dup(const struct turn *turn)
{
	unsigned int *copies = &turn->player->copies[turn->client];
	const struct actor_order order = {
		.verb = ACTOR_DUP,
		.client = turn->client,
	};

	if (!*copies || *copies == ACTOR_COPIES)
		return NOT_NOW;
	++*copies;
	return result(play_done(turn->player, &order));
}

static enum taken take_close(const struct turn *turn)
{
	unsigned int *copies = &turn->player->copies[turn->client];
	const struct actor_order order = {
		.verb = ACTOR_CLOSE,
		.client = turn->client,
	};

	if (!*copies)
		return NOT_NOW;
	--*copies;
	return result(play_done(turn->player, &order));
}

/* The descriptor passes through this process into another player's mailbox. */
static enum taken take_send(const struct turn *turn)
{
	const struct actor_order order = {
		.verb = ACTOR_SEND,
		.client = turn->client,
	};
	struct player *to = some_player();
	int fd;

	if (!turn->player->copies[turn->client] ||
	    to->letter_count == PLAY_LETTERS)
		return NOT_NOW;
	if (!play_done(turn->player, &order))
		return WRONG;
	fd = ndshm_receive_fd(turn->player->orders);
	if (fd < 0)
		return result(stress_error("no descriptor came"));
	return result(play_post(to, turn->client, fd));
}

static enum taken take_receive(const struct turn *turn)
{
	struct player *player = turn->player;
	const struct actor_order order = {
		.verb = ACTOR_RECEIVE,
		.client = player->letters[0],
	};

	if (!player->letter_count ||
	    player->copies[order.client] == ACTOR_COPIES)
		return NOT_NOW;
	player->letter_count--;
	memmove(player->letters, player->letters + 1,
		player->letter_count * sizeof(player->letters[0]));
	player->copies[order.client]++;
	return result(play_done(player, &order));
}

/*
 * Processes
 */

static enum taken take_switch(const struct turn *turn)
{
	const struct actor_order order = {
		.verb = ACTOR_SWITCH,
		.user = play_users[!turn->player->user],
	};

	if (!turn->player->can_switch)
		return NOT_NOW;
	turn->player->user = !turn->player->user;
	return result(play_done(turn->player, &order));
}

/* Some kernels deny them to users. The charged user stays the same. */
static enum taken take_namespaces(const struct turn *turn)
{
	const struct actor_order order = { .verb = ACTOR_NAMESPACES };
	struct player *player = turn->player;
	struct actor_answer answer;

	if (player->apart)
		return NOT_NOW;
	if (!play_order(player, &order, &answer))
		return WRONG;
	if (answer.error)
		return NOT_NOW;
	player->apart = true;
	player->mighty = true;
	player->can_switch = false;
	return TAKEN;
}

/* The child's ends of its sockets follow the order. */
static bool order_fork(struct player *player, enum actor_verb verb,
		       const int *ends, pid_t *pid)
{
	const struct actor_order order = { .verb = verb };
	struct actor_answer answer;

	if (send(player->orders, &order, sizeof(order), MSG_NOSIGNAL) !=
	    sizeof(order) ||
	    !ndshm_send_fd(player->orders, ends[0]) ||
	    !ndshm_send_fd(player->orders, ends[1]) ||
	    recv(player->orders, &answer, sizeof(answer), 0) != sizeof(answer))
		return stress_error("a player does not fork");
	*pid = answer.pid;
	return !answer.error || stress_error("fork: %s",
					     strerror(-answer.error));
}

static struct player *empty_place(void)
{
	unsigned int i;

	for (i = 0; i < PLAY_PLAYERS; i++)
		if (!play.players[i].lives)
			return &play.players[i];
	return NULL;
}

/* The child has all objects of its parent except unread messages. */
static enum taken take_fork(const struct turn *turn)
{
	/* The first process of a pid namespace is the only one there. */
	const bool first = turn->player->mighty &&
			   stress_chance(&play.random, 50);
	int orders[2], mailbox[2], theirs[2];
	struct player *child = empty_place();

	if (!child || !turn->player->can_fork)
		return NOT_NOW;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, orders) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, mailbox))
		return result(stress_error("socketpair: %s",
					   strerror(errno)));
	turn->player->can_fork = !first;
	*child = *turn->player;
	child->orders = orders[0];
	child->mailbox = mailbox[0];
	child->letter_count = 0;
	theirs[0] = orders[1];
	theirs[1] = mailbox[1];
	child->lives = order_fork(turn->player,
				  first ? ACTOR_FORK_PID : ACTOR_FORK, theirs,
				  &child->pid);
	close(orders[1]);
	close(mailbox[1]);
	return result(child->lives);
}

static enum taken take_exec(const struct turn *turn)
{
	const struct actor_order order = { .verb = ACTOR_EXEC };
	struct player *player = turn->player;

	memset(player->maps, 0, sizeof(player->maps));
	player->can_switch = false;
	player->mighty = false;
	return result(play_done(player, &order));
}

/* End a player by a signal, or by closing its socket. */
static enum taken take_end(const struct turn *turn)
{
	unsigned int lives = 0, i;

	for (i = 0; i < PLAY_PLAYERS; i++)
		lives += play.players[i].lives;
	if (lives == 1)
		return NOT_NOW;
	if (stress_chance(&play.random, 50))
		kill(turn->player->pid, SIGKILL);
	play_forget(turn->player);
	return TAKEN;
}

static const struct {
	const char *name;
	enum taken (*take)(const struct turn *turn);
	unsigned int weight;
} steps[] = {
	{ "client", take_client, 8 },
	{ "alloc", take_alloc, 12 },
	{ "free", take_free, 6 },
	{ "map", take_map, 12 },
	{ "touch", take_touch, 8 },
	{ "unmap", take_unmap, 5 },
	{ "dup", take_dup, 4 },
	{ "close", take_close, 6 },
	{ "send", take_send, 8 },
	{ "receive", take_receive, 12 },
	{ "switch", take_switch, 5 },
	{ "namespaces", take_namespaces, 2 },
	{ "fork", take_fork, 6 },
	{ "exec", take_exec, 2 },
	{ "end", take_end, 4 },
};

static unsigned int some_kind(void)
{
	unsigned int sum = 0, at, i;

	for (i = 0; i < ARRAY_SIZE(steps); i++)
		sum += steps[i].weight;
	at = stress_below(&play.random, sum);
	for (i = 0; at >= steps[i].weight; i++)
		at -= steps[i].weight;
	return i;
}

bool play_step(char *text, size_t size)
{
	enum taken taken = NOT_NOW;
	unsigned int tries, kind;
	struct turn turn;

	for (tries = 0; tries < TRIES && taken == NOT_NOW; tries++) {
		kind = some_kind();
		turn.player = some_player();
		turn.client = stress_below(&play.random, ACTOR_CLIENTS);
		turn.block = stress_below(&play.random, ACTOR_BLOCKS);
		snprintf(text, size, "%s: player %d, client %u, block %u",
			 steps[kind].name, (int)(turn.player - play.players),
			 turn.client, turn.block);
		taken = steps[kind].take(&turn);
	}
	conclude();
	return taken != WRONG;
}
