// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ndshm.h>

#include "ndshm_proc.h"
#include "actor.h"

#define CALLED		"--actor"
#define SEATS		(ACTOR_CLIENTS * ACTOR_COPIES)

/* Mappings end with exec(), so they are no part of struct actor. */
static struct {
	void *map;
	size_t length;
} blocks[ACTOR_BLOCKS];

/* Where it has a descriptor of the client; NULL: it has none. */
static int *copy_of(struct actor *actor, unsigned int client)
{
	unsigned int i;

	for (i = 0; i < ACTOR_COPIES; i++)
		if (actor->clients[client][i] >= 0)
			return &actor->clients[client][i];
	return NULL;
}

/* Where it can put a further one. */
static int *place_for(struct actor *actor, unsigned int client)
{
	unsigned int i;

	for (i = 0; i < ACTOR_COPIES; i++)
		if (actor->clients[client][i] < 0)
			return &actor->clients[client][i];
	return NULL;
}

static int client_fd(struct actor *actor, unsigned int client)
{
	int *fd = copy_of(actor, client);

	return fd ? *fd : -1;
}

static int do_alloc(int fd, const struct actor_order *order,
		    struct actor_answer *answer)
{
	struct ndshm_get_info_args info = { .size = sizeof(info) };
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args request = {
		.size = sizeof(request),
		.length = order->length,
		.preferred_node = NDSHM_NODE_ANY,
		.usage = NDSHM_USAGE_OTHER,
		.count = 1,
		.blocks = (uintptr_t)&block,
	};

	if (ioctl(fd, NDSHM_GET_INFO, &info))
		return -errno;
	request.adapter = info.out_default_adapter;
	if (ioctl(fd, NDSHM_BLOCK_ALLOC, &request))
		return -errno;
	answer->handle = block.handle;
	answer->offset = block.mmap_offset;
	answer->length = block.length;
	answer->consumed = block.consumed;
	return 0;
}

static int do_free(int fd, const struct actor_order *order)
{
	struct ndshm_block_free_args request = {
		.size = sizeof(request),
		.handle = order->handle,
	};

	return ioctl(fd, NDSHM_BLOCK_FREE, &request) ? -errno : 0;
}

static int do_locked(int fd, struct actor_answer *answer)
{
	struct ndshm_get_info_args info = { .size = sizeof(info) };

	if (ioctl(fd, NDSHM_GET_INFO, &info))
		return -errno;
	answer->bytes = info.out_user_locked;
	return 0;
}

static int do_map(int fd, const struct actor_order *order)
{
	void *map = mmap(NULL, order->length, PROT_READ | PROT_WRITE,
			 MAP_SHARED, fd, order->offset);

	if (map == MAP_FAILED)
		return -errno;
	blocks[order->block].map = map;
	blocks[order->block].length = order->length;
	return 0;
}

static int do_touch(const struct actor_order *order)
{
	__u64 *word = blocks[order->block].map;

	if (!*word)
		*word = order->tag;
	return *word == order->tag ? 0 : -EILSEQ;
}

static int do_unmap(const struct actor_order *order)
{
	void *map = blocks[order->block].map;

	blocks[order->block].map = NULL;
	return munmap(map, blocks[order->block].length) ? -errno : 0;
}

static int do_dup(struct actor *actor, unsigned int client)
{
	int fd = client_fd(actor, client), *place = place_for(actor, client);

	if (fd < 0 || !place)
		return -EINVAL;
	*place = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return *place < 0 ? -errno : 0;
}

static int do_close(struct actor *actor, unsigned int client)
{
	int *fd = copy_of(actor, client);

	if (!fd)
		return -EINVAL;
	close(*fd);
	*fd = -1;
	return 0;
}

static int do_receive(struct actor *actor, unsigned int client)
{
	int *place = place_for(actor, client);

	if (!place)
		return -EINVAL;
	*place = ndshm_receive_fd(actor->mailbox);
	return *place < 0 ? -EBADF : 0;
}

/* With a way back to root, and so to another user. */
static int do_switch(uid_t user)
{
	if (seteuid(0) || setresuid(user, user, 0))
		return -errno;
	return 0;
}

/* In the child both descriptors are its own; in the parent neither is. */
static int do_fork(struct actor *actor, struct actor_answer *answer, int flags)
{
	int orders = ndshm_receive_fd(actor->orders);
	int mailbox = ndshm_receive_fd(actor->orders);
	int error = 0;
	pid_t pid = -1;

	if (flags && unshare(flags))
		error = -errno;
	if (!error) {
		pid = fork();
		error = pid < 0 ? -errno : 0;
	}
	if (!pid) {
		close(actor->orders);
		close(actor->mailbox);
		actor->orders = orders;
		actor->mailbox = mailbox;
		actor_live(actor);
	}
	close(orders);
	close(mailbox);
	answer->pid = pid;
	return error;
}

static void keep_open(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFD, 0);
}

static int do_exec(struct actor *actor)
{
	char numbers[2 + SEATS][12];
	char *arguments[2 + 2 + SEATS + 1] = { "stress", CALLED };
	const int *seats = &actor->clients[0][0];
	int i, fd;

	for (i = 0; i < 2 + SEATS; i++) {
		fd = i == 0 ? actor->orders : i == 1 ? actor->mailbox :
						       seats[i - 2];
		keep_open(fd);
		snprintf(numbers[i], sizeof(numbers[i]), "%d", fd);
		arguments[2 + i] = numbers[i];
	}
	execv("/proc/self/exe", arguments);
	return -errno;
}

static int obey(struct actor *actor, const struct actor_order *order,
		struct actor_answer *answer)
{
	int fd = client_fd(actor, order->client);

	switch (order->verb) {
	case ACTOR_ALLOC:
		return do_alloc(fd, order, answer);
	case ACTOR_FREE:
		return do_free(fd, order);
	case ACTOR_MAP:
		return do_map(fd, order);
	case ACTOR_TOUCH:
		return do_touch(order);
	case ACTOR_UNMAP:
		return do_unmap(order);
	case ACTOR_DUP:
		return do_dup(actor, order->client);
	case ACTOR_CLOSE:
		return do_close(actor, order->client);
	case ACTOR_SEND:
		return fd < 0 ? -EINVAL : 0;
	case ACTOR_RECEIVE:
		return do_receive(actor, order->client);
	case ACTOR_SWITCH:
		return do_switch(order->user);
	case ACTOR_NAMESPACES:
		return unshare(CLONE_NEWUSER | CLONE_NEWNET) ? -errno : 0;
	case ACTOR_FORK:
		return do_fork(actor, answer, 0);
	case ACTOR_FORK_PID:
		return do_fork(actor, answer, CLONE_NEWPID);
	case ACTOR_EXEC:
		return do_exec(actor);
	case ACTOR_LOCKED:
		return do_locked(fd, answer);
	default:
		_exit(0);
	}
}

void actor_live(struct actor *actor)
{
	struct actor_answer answer;
	struct actor_order order;

	/* Children are not waited for. */
	signal(SIGCHLD, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, 0);
	while (recv(actor->orders, &order, sizeof(order), 0) == sizeof(order)) {
		memset(&answer, 0, sizeof(answer));
		answer.error = obey(actor, &order, &answer);
		if (send(actor->orders, &answer, sizeof(answer), MSG_NOSIGNAL) !=
		    sizeof(answer))
			break;
		if (order.verb == ACTOR_SEND && !answer.error)
			ndshm_send_fd(actor->orders,
				      client_fd(actor, order.client));
	}
	_exit(0);
}

bool actor_is_called(int argc, char **argv)
{
	return argc == 2 + 2 + SEATS && !strcmp(argv[1], CALLED);
}

/* The answer is that of the order to exec(). */
void actor_called(char **argv)
{
	const struct actor_answer answer = {};
	struct actor actor;
	int *seats = &actor.clients[0][0], i;

	actor.orders = atoi(argv[2]);
	actor.mailbox = atoi(argv[3]);
	for (i = 0; i < SEATS; i++)
		seats[i] = atoi(argv[4 + i]);
	send(actor.orders, &answer, sizeof(answer), MSG_NOSIGNAL);
	actor_live(&actor);
}
