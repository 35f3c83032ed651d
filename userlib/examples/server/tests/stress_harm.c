// SPDX-License-Identifier: LGPL-2.1-or-later
/* Hostile clients of each kind. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"

/* More than the section keeps for later allocations, so that the memory is freed at once. */
#define VANISHING	(8U << 20)
#define VANISHING_US	2000
#define BURST		32		/* most requests in flight */
#define LONGEST		300		/* longest message */
#define HANG_UP		30		/* bursts per disconnect, on average */

struct villain {
	const struct client_plan *plan;
	enum harm harm;
	struct call call;
	struct hostile hostile;
	uint64_t extent;		/* offset of the extent that is freed */
	pthread_mutex_t lock;		/* serialises writes to the extent and its release */
	atomic_bool stop;
	uint8_t expected[PROTOCOL_CONTENTS];
};

static bool note(struct villain *villain, const struct answer *answer)
{
	struct stress *stress = villain->plan->stress;

	if (answer->status >= STATUS_CLIENTS || answer->reserved ||
	    (answer->status != STATUS_SERVED && answer->length))
		return stress_wrong("an answer that is none: status %u, length %llu",
				    answer->status, (unsigned long long)answer->length);
	stress->spoiled++;
	stress->by_harm[villain->harm]++;
	stress->by_status[answer->status]++;
	return true;
}

/* Requests with predicted answers */

static bool ask(struct villain *villain, struct answer *answer)
{
	int error = call_ask(&villain->call, &villain->hostile.request, answer);

	if (error)
		return stress_wrong("no answer: %s", strerror(-error));
	return note(villain, answer);
}

static bool ask_exactly(struct villain *villain)
{
	struct hostile *hostile = &villain->hostile;
	enum verdict verdict;
	struct answer answer;
	size_t length = 0;

	hostile_make(hostile);
	verdict = hostile_judge(hostile);
	if (verdict == VERDICT_SERVED)
		length = hostile_expect(hostile, villain->expected);
	if (!ask(villain, &answer))
		return false;
	villain->plan->stress->foreseen[verdict]++;
	if (verdict == VERDICT_REFUSED && answer.status == STATUS_SERVED)
		return stress_wrong("served, not refused");
	if (verdict != VERDICT_SERVED)
		return true;
	if (answer.status != STATUS_SERVED)
		return stress_wrong("refused, not served: %s", status_name(answer.status));
	if (answer.length != length ||
	    memcmp((char *)ndshm_section_base(hostile->section) + hostile->request.answer,
		   villain->expected, length))
		return stress_wrong("served with another result");
	return true;
}

static bool ask_anyhow(struct villain *villain)
{
	struct answer answer;

	/* The extent must not be freed before the write: it could belong to an honest client. */
	pthread_mutex_lock(&villain->lock);
	hostile_make(&villain->hostile);
	pthread_mutex_unlock(&villain->lock);
	return ask(villain, &answer);
}

/* Requests during concurrent changes */

static void *change(void *argument)
{
	struct villain *villain = argument;
	struct hostile random = { .random = ~villain->plan->seed };
	volatile uint64_t *words = villain->call.buffer;
	static const uint64_t numbers[] = { 0, 1, 512, 1 << 20, UINT32_MAX, UINT64_MAX - 512 };

	while (!villain->stop)
		for (size_t i = 0; i < HOSTILE_MEMORY / sizeof(*words) && !villain->stop; i++) {
			uint64_t number = hostile_random(&random);

			words[i] = number % 3 ? numbers[number % 6] :
						villain->hostile.own + number % HOSTILE_MEMORY;
		}
	return NULL;
}

static bool take_extent(struct villain *villain)
{
	uint64_t length;

	if (ndshm_extent_alloc(villain->call.section, VANISHING, 0, &villain->extent, &length))
		return stress_wrong("no extent");
	villain->hostile.own = villain->extent;
	return true;
}

static void *vanish(void *argument)
{
	struct villain *villain = argument;
	struct hostile random = { .random = ~villain->plan->seed };

	while (!villain->stop) {
		struct timespec time = { .tv_nsec = hostile_below(&random, VANISHING_US) * 1000 };

		nanosleep(&time, NULL);
		pthread_mutex_lock(&villain->lock);
		ndshm_extent_free(villain->call.section, villain->extent);
		/* Requests from now on use offsets behind all allocations. */
		villain->hostile.own = villain->hostile.unused;
		pthread_mutex_unlock(&villain->lock);
		time.tv_nsec = hostile_below(&random, VANISHING_US) * 1000;
		nanosleep(&time, NULL);
		pthread_mutex_lock(&villain->lock);
		if (!take_extent(villain))
			_exit(EXIT_FAILURE);
		pthread_mutex_unlock(&villain->lock);
	}
	return NULL;
}

static bool ask_while(struct villain *villain, void *(*meanwhile)(void *))
{
	bool fine = true;
	pthread_t thread;

	if (pthread_create(&thread, NULL, meanwhile, villain))
		return stress_wrong("no thread");
	while (fine && !villain->plan->stress->stop)
		fine = ask_anyhow(villain);
	villain->stop = true;
	pthread_join(thread, NULL);
	return fine;
}

/* Rude clients */

/* Attaches unexpected descriptors: a server that received them would run out of its own. */
static ssize_t send_with_descriptors(int channel, const void *bytes, size_t length)
{
	int fds[4] = { channel, channel, STDIN_FILENO, STDERR_FILENO };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(fds))];
	} control = {
		.header = {
			.cmsg_len = CMSG_LEN(sizeof(fds)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		},
	};
	struct iovec data = { .iov_base = (void *)bytes, .iov_len = length };
	const struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	return sendmsg(channel, &message, MSG_NOSIGNAL);
}

/* Returns true if the message has the length of a request; the answer then has its cookie. */
static bool send_rudely(struct villain *villain, bool *sent)
{
	struct hostile *hostile = &villain->hostile;
	char message[LONGEST] = { 0 };
	size_t length = sizeof(struct request);
	ssize_t done;

	hostile_make(hostile);
	memcpy(message, &hostile->request, sizeof(hostile->request));
	if (!hostile_below(hostile, 3))
		length = 1 + hostile_below(hostile, LONGEST);
	if (hostile_below(hostile, 8))
		done = send(villain->call.channel, message, length, MSG_NOSIGNAL);
	else
		done = send_with_descriptors(villain->call.channel, message, length);
	*sent = done == (ssize_t)length;
	return length == sizeof(struct request);
}

static bool receive(struct villain *villain, bool is_request, uint64_t cookie)
{
	struct answer answer;
	ssize_t length = recv(villain->call.channel, &answer, sizeof(answer), MSG_TRUNC);

	if (length != sizeof(answer))
		return stress_wrong("no answer: %zd, %s", length, strerror(errno));
	if (answer.cookie != (is_request ? cookie : 0))
		return stress_wrong("an answer to something else");
	if ((answer.status == STATUS_MESSAGE) == is_request)
		return stress_wrong("a message of a %s length: %s", is_request ? "good" : "bad",
				    status_name(answer.status));
	return note(villain, &answer);
}

static bool burst(struct villain *villain)
{
	unsigned int count = 1 + hostile_below(&villain->hostile, BURST);
	uint64_t cookies[BURST];
	bool are_requests[BURST], sent, fine = true;

	for (unsigned int i = 0; i < count; i++) {
		are_requests[i] = send_rudely(villain, &sent);
		cookies[i] = villain->hostile.request.cookie;
		if (!sent)
			return stress_wrong("not sent: %s", strerror(errno));
	}
	for (unsigned int i = 0; fine && i < count; i++)
		fine = receive(villain, are_requests[i], cookies[i]);
	return fine;
}

static bool open_villain(struct villain *villain)
{
	const struct client_plan *plan = villain->plan;
	uint64_t room = (plan->results ? 1 : 2) * HOSTILE_MEMORY;
	const char *failed;
	int error = call_open(&villain->call, plan->path, room, &failed);

	if (error)
		return stress_wrong("%s: %s", failed, strerror(-error));
	if (villain->call.length < room)
		return stress_wrong("less memory than is needed is lent");
	villain->hostile.section = villain->call.section;
	villain->hostile.own = villain->call.offset;
	villain->hostile.results = plan->results ? plan->results :
						   villain->call.offset + HOSTILE_MEMORY;
	villain->hostile.overlaps = !plan->results;
	villain->hostile.unused = ndshm_section_size(villain->call.section) / 2;
	return true;
}

/* Disconnects with requests in flight: by an empty message, shutdown() or close(). */
static bool hang_up(struct villain *villain)
{
	bool sent;

	for (int i = 0; i < 3; i++)
		send_rudely(villain, &sent);
	switch (hostile_below(&villain->hostile, 3)) {
	case 0:
		send(villain->call.channel, "", 0, MSG_NOSIGNAL);
		break;
	case 1:
		shutdown(villain->call.channel, SHUT_RDWR);
		break;
	}
	call_close(&villain->call);
	villain->plan->stress->hung_up++;
	return open_villain(villain);
}

static bool be_rude(struct villain *villain)
{
	bool fine = true;

	while (fine && !villain->plan->stress->stop)
		fine = hostile_below(&villain->hostile, HANG_UP) ? burst(villain) :
								   hang_up(villain);
	return fine;
}

static bool do_harm(struct villain *villain)
{
	bool fine = true;

	switch (villain->harm) {
	case HARM_CHANGED:
		return ask_while(villain, change);
	case HARM_VANISHING:
		return take_extent(villain) && ask_while(villain, vanish);
	case HARM_RUDE:
		return be_rude(villain);
	default:
		while (fine && !villain->plan->stress->stop)
			fine = ask_exactly(villain);
		return fine;
	}
}

bool stress_harm(const struct client_plan *plan, enum harm harm)
{
	static struct villain villain = { .lock = PTHREAD_MUTEX_INITIALIZER };
	bool fine;

	villain.plan = plan;
	villain.harm = harm;
	villain.hostile.random = plan->seed;
	fine = open_villain(&villain) && do_harm(&villain);
	call_close(&villain.call);
	return fine;
}
