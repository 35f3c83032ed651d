// SPDX-License-Identifier: LGPL-2.1-or-later
/* Tests of misbehaving clients, one at a time. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../channel.h"
#include "storm.h"
#include "storm_alone.h"

#define PATIENCE	30		/* seconds until storm_soon() fails */

struct storm_server storm_server;
struct call storm_keeper;
unsigned int storm_descriptors;

bool storm_soon(bool (*is_so)(void))
{
	for (int i = 0; i < PATIENCE * 100; i++) {
		if (is_so())
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return false;
}

bool storm_use_once(void)
{
	struct request request = { .operation = OPERATION_UPPER, .pieces = 2 };
	struct piece *list = storm_keeper.buffer;
	struct answer answer;

	for (uint32_t i = 0; i < request.pieces; i++)
		list[i] = (struct piece){ .offset = storm_keeper.offset,
					  .length = PROTOCOL_CONTENTS / 2 };
	request.list = request.answer = storm_keeper.offset;
	request.room = PROTOCOL_CONTENTS;
	return !call_ask(&storm_keeper, &request, &answer) && answer.status == STATUS_SERVED;
}

bool storm_has_no_more_descriptors(void)
{
	return storm_server_descriptors(&storm_server) == storm_descriptors;
}

bool storm_turns_away_too_many(void)
{
	struct greeting greeting = { .status = STATUS_SERVED };
	int channels[STORM_CLIENTS], count, section;
	bool fine = true;

	/* The keeper is the first client. */
	for (count = 0; fine && count < STORM_CLIENTS; count++) {
		channels[count] = channel_connect(storm_server.path);
		fine = channels[count] >= 0 &&
		       !channel_be_greeted(channels[count], &greeting, &section) &&
		       (greeting.status == STATUS_CLIENTS) == (count == STORM_CLIENTS - 1);
		if (section >= 0)
			close(section);
	}
	while (count--)
		close(channels[count]);
	return fine && storm_soon(storm_has_no_more_descriptors);
}

/* The client never reads its answers. Another client is served meanwhile. */
bool storm_drops_who_does_not_read(void)
{
	const struct request request = { .operation = OPERATION_CRC32 };
	struct greeting greeting;
	int section, channel = channel_connect(storm_server.path);
	bool dropped = false;

	if (channel < 0 || channel_be_greeted(channel, &greeting, &section))
		return false;
	close(section);
	for (int i = 0; !dropped && i < 1000000; i++) {
		dropped = send(channel, &request, sizeof(request), MSG_NOSIGNAL) < 0;
		if (i % 100 == 0 && !storm_use_once())
			break;
	}
	close(channel);
	return dropped && storm_use_once() && storm_soon(storm_has_no_more_descriptors);
}

/*
 * While the server is stopped, the client requests a result and disconnects. The target is the
 * keeper's memory, as if it had been reused by then.
 */
bool storm_forgets_who_has_gone(void)
{
	struct request request = {
		.operation = OPERATION_UPPER, .pieces = 1, .list = storm_keeper.offset,
		.answer = storm_keeper.offset + sizeof(struct piece), .room = 1,
	};
	char *memory_of_keeper = storm_keeper.buffer;
	struct greeting greeting;
	int section, channel = channel_connect(storm_server.path);
	bool fine;

	if (channel < 0 || channel_be_greeted(channel, &greeting, &section))
		return false;
	close(section);
	*(struct piece *)storm_keeper.buffer = (struct piece){
		.offset = storm_keeper.offset + sizeof(struct piece), .length = 1,
	};
	memory_of_keeper[sizeof(struct piece)] = 'x';
	fine = storm_server_halt(&storm_server) &&
	       send(channel, &request, sizeof(request), MSG_NOSIGNAL) == sizeof(request);
	close(channel);
	storm_server_go_on(&storm_server);
	return fine && storm_soon(storm_has_no_more_descriptors) &&
	       memory_of_keeper[sizeof(struct piece)] == 'x';
}

/*
 * Without free descriptors, new clients wait, connected clients are served, and the server does
 * not poll in a busy loop.
 */
bool storm_does_without_descriptors(void)
{
	struct greeting greeting;
	struct rlimit before, none;
	int section = -1, channel;
	uint64_t ticks;
	bool fine = true;

	if (prlimit(storm_server.pid, RLIMIT_NOFILE, NULL, &before))
		return storm_wrong("prlimit: %s", strerror(errno));
	none = (struct rlimit){ .rlim_cur = 3, .rlim_max = before.rlim_max };
	if (prlimit(storm_server.pid, RLIMIT_NOFILE, &none, NULL))
		return storm_wrong("prlimit: %s", strerror(errno));
	ticks = storm_server_ticks(&storm_server);
	channel = channel_connect(storm_server.path);
	nanosleep(&(struct timespec){ .tv_sec = 2 }, NULL);
	ticks = storm_server_ticks(&storm_server) - ticks;
	if (ticks > (uint64_t)sysconf(_SC_CLK_TCK) / 2)
		fine = storm_wrong("it is busy, and has nothing to do");
	fine = fine && storm_use_once() &&
	       recv(channel, &greeting, sizeof(greeting), MSG_DONTWAIT) < 0;
	prlimit(storm_server.pid, RLIMIT_NOFILE, &before, NULL);
	fine = fine && !channel_be_greeted(channel, &greeting, &section);
	if (section >= 0)
		close(section);
	close(channel);
	return fine && storm_soon(storm_has_no_more_descriptors);
}
