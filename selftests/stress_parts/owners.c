// SPDX-License-Identifier: GPL-2.0
/*
 * Lifetime and charge of memory. Descriptors are passed, duplicated and closed,
 * processes fork, exec, change their user, enter namespaces and die, in any order.
 * After each step the blocks and the charges must be those of the model.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <linux/ndshm.h>

#include "ndshm_proc.h"
#include "play.h"

#define JOURNEYS	10
#define STEPS		60	/* of each */

struct play play;
const uid_t play_users[PLAY_USERS] = { NDSHM_USER_A, NDSHM_USER_B };

/*
 * Talking to players
 */

bool play_order(struct player *player, const struct actor_order *order,
		struct actor_answer *answer)
{
	if (send(player->orders, order, sizeof(*order), MSG_NOSIGNAL) !=
	    sizeof(*order) ||
	    recv(player->orders, answer, sizeof(*answer), 0) != sizeof(*answer))
		return stress_error("a player does not answer to order %d",
				    order->verb);
	return true;
}

bool play_done(struct player *player, const struct actor_order *order)
{
	struct actor_answer answer;

	if (!play_order(player, order, &answer))
		return false;
	return !answer.error || stress_error("order %d: %s", order->verb,
					     strerror(-answer.error));
}

bool play_post(struct player *player, unsigned int client, int fd)
{
	bool sent = ndshm_send_fd(player->mailbox, fd);

	close(fd);
	player->letters[player->letter_count++] = client;
	return sent || stress_error("a descriptor cannot be sent");
}

bool play_new_client(struct player *player, unsigned int client)
{
	int fd = ndshm_open_as(play_users[player->user], RLIM_INFINITY);

	return fd >= 0 ? play_post(player, client, fd) :
			 stress_error("open: %s", strerror(errno));
}

/*
 * Players
 */

/* Inherited ends would keep other players from seeing the end of their sockets. */
static void close_ends(const struct player *player, unsigned int count)
{
	for (; count--; player++) {
		if (!player->lives)
			continue;
		close(player->orders);
		close(player->mailbox);
	}
}

static void be_player(struct actor *actor, uid_t user)
{
	close_ends(play.players, PLAY_PLAYERS);
	close_ends(play.watchers, PLAY_USERS);
	memset(actor->clients, -1, sizeof(actor->clients));
	if (setresuid(user, user, 0))
		_exit(1);
	actor_live(actor);
}

bool play_new_player(struct player *player, unsigned int user)
{
	int orders[2], mailbox[2];
	struct actor actor;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, orders) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, mailbox))
		return stress_error("socketpair: %s", strerror(errno));
	*player = (struct player){
		.user = user, .orders = orders[0], .mailbox = mailbox[0],
		.can_switch = true, .can_fork = true,
	};
	actor.orders = orders[1];
	actor.mailbox = mailbox[1];
	player->pid = fork();
	if (!player->pid) {
		close(player->orders);
		close(player->mailbox);
		be_player(&actor, play_users[user]);
	}
	close(actor.orders);
	close(actor.mailbox);
	player->lives = player->pid > 0;
	return player->lives || stress_error("fork: %s", strerror(errno));
}

void play_forget(struct player *player)
{
	close(player->orders);
	close(player->mailbox);
	memset(player, 0, sizeof(*player));
}

/*
 * The truth
 */

static __u64 paid(unsigned int user)
{
	const struct actor_order order = { .verb = ACTOR_LOCKED };
	struct actor_answer answer;

	return play_order(&play.watchers[user], &order, &answer) ?
	       answer.bytes : ~0ULL;
}

static bool is_true(void)
{
	__u64 owed[PLAY_USERS] = {};
	const struct chunk *chunk;
	unsigned int i;
	int lives = 0;
	bool fine;

	for (i = 0; i < ACTOR_BLOCKS; i++) {
		chunk = &play.chunks[i];
		lives += chunk->lives;
		owed[chunk->charged] += chunk->lives ? chunk->consumed : 0;
	}
	/* A process that was killed is not gone at once. */
	fine = ndshm_soon(stress_live() == lives) ||
	       stress_error("%d blocks live, not %d", stress_live(), lives);
	for (i = 0; i < PLAY_USERS; i++)
		fine &= ndshm_soon(paid(i) == owed[i]) ||
			stress_error("user %u pays for %llu bytes, not %llu",
				     play_users[i], paid(i), owed[i]);
	return fine;
}

/*
 * A journey
 */

/* It reports the bytes that are locked for its user. */
static bool new_watcher(unsigned int user)
{
	const struct actor_order receive = { .verb = ACTOR_RECEIVE };
	struct player *watcher = &play.watchers[user];

	return play_new_player(watcher, user) && play_new_client(watcher, 0) &&
	       play_done(watcher, &receive);
}

static bool begin(unsigned int journey)
{
	memset(&play, 0, sizeof(play));
	play.random = stress_stream("owners", journey);
	play.openers[1] = 1;
	return new_watcher(0) && new_watcher(1) &&
	       play_new_player(&play.players[0], 0) &&
	       play_new_player(&play.players[1], 1) &&
	       play_new_client(&play.players[0], 0) &&
	       play_new_client(&play.players[1], 1);
}

static void end(void)
{
	unsigned int i;

	for (i = 0; i < PLAY_PLAYERS; i++)
		if (play.players[i].lives)
			play_forget(&play.players[i]);
	for (i = 0; i < PLAY_USERS; i++)
		play_forget(&play.watchers[i]);
	/* They end at the end of their sockets. */
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

static bool travel(unsigned int journey)
{
	char log[STEPS][48];
	bool fine = begin(journey);
	unsigned int step, i;

	for (step = 0; fine && step < STEPS; step++)
		fine = play_step(log[step], sizeof(log[step])) && is_true();
	for (i = 0; !fine && i < step; i++)
		stress_say("journey %u, step %u: %s", journey, i, log[i]);
	end();
	return fine;
}

bool stress_owners(void)
{
	unsigned int journey, journeys = ndshm_rounds(JOURNEYS, 3);
	bool fine = true;

	for (journey = 0; fine && journey < journeys; journey++)
		fine = travel(journey);
	return fine;
}
