// SPDX-License-Identifier: LGPL-2.1-or-later
/* Tests of misbehaving clients, one at a time. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../channel.h"
#include "stress.h"
#include "stress_alone.h"

#define PATIENCE	30		/* seconds until stress_soon() fails */

struct stress_server stress_server;
struct call stress_keeper;
unsigned int stress_descriptors;

bool stress_soon(bool (*is_so)(void))
{
	for (int i = 0; i < PATIENCE * 100; i++) {
		if (is_so())
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return false;
}

bool stress_use_once(void)
{
	struct request request = { .operation = OPERATION_UPPER, .chunks = 2 };
	struct chunk *list = stress_keeper.buffer;
	struct answer answer;

	for (uint32_t i = 0; i < request.chunks; i++)
		list[i] = (struct chunk){ .offset = stress_keeper.offset,
					  .length = PROTOCOL_CONTENTS / 2 };
	request.list = request.answer = stress_keeper.offset;
	request.room = PROTOCOL_CONTENTS;
	return !call_ask(&stress_keeper, &request, &answer) && answer.status == STATUS_SERVED;
}

bool stress_has_no_more_descriptors(void)
{
	return stress_server_descriptors(&stress_server) == stress_descriptors;
}

bool stress_turns_away_too_many(void)
{
	struct greeting greeting = { .status = STATUS_SERVED };
	struct ndshm_section *section;
	int channels[STRESS_CLIENTS], count;
	bool fine = true;

	/* The keeper is the first client. */
	for (count = 0; fine && count < STRESS_CLIENTS; count++) {
		channels[count] = channel_connect(stress_server.path);
		fine = channels[count] >= 0 &&
		       !channel_be_greeted(channels[count], stress_keeper.ndshm, &greeting, &section) &&
		       (greeting.status == STATUS_CLIENTS) == (count == STRESS_CLIENTS - 1);
		if (channels[count] >= 0)
			ndshm_section_close(section);
	}
	while (count--)
		close(channels[count]);
	return fine && stress_soon(stress_has_no_more_descriptors);
}

/* The client never reads its answers. Another client is served meanwhile. */
bool stress_drops_slow_readers(void)
{
	const struct request request = { .operation = OPERATION_CRC32 };
	struct ndshm_section *section;
	struct greeting greeting;
	int channel = channel_connect(stress_server.path);
	bool dropped = false;

	if (channel < 0 || channel_be_greeted(channel, stress_keeper.ndshm, &greeting, &section))
		return false;
	ndshm_section_close(section);
	for (int i = 0; !dropped && i < 1000000; i++) {
		dropped = send(channel, &request, sizeof(request), MSG_NOSIGNAL) < 0;
		if (i % 100 == 0 && !stress_use_once())
			break;
	}
	close(channel);
	return dropped && stress_use_once() && stress_soon(stress_has_no_more_descriptors);
}

/*
 * While the server is stopped, the client requests a result and disconnects. The target is the
 * keeper's memory, as if it had been reused by then.
 */
bool stress_forgets_gone_clients(void)
{
	struct request request = {
		.operation = OPERATION_UPPER, .chunks = 1, .list = stress_keeper.offset,
		.answer = stress_keeper.offset + sizeof(struct chunk), .room = 1,
	};
	char *memory_of_keeper = stress_keeper.buffer;
	struct ndshm_section *section;
	struct greeting greeting;
	int channel = channel_connect(stress_server.path);
	bool fine;

	if (channel < 0 || channel_be_greeted(channel, stress_keeper.ndshm, &greeting, &section))
		return false;
	ndshm_section_close(section);
	*(struct chunk *)stress_keeper.buffer = (struct chunk){
		.offset = stress_keeper.offset + sizeof(struct chunk), .length = 1,
	};
	memory_of_keeper[sizeof(struct chunk)] = 'x';
	fine = stress_server_halt(&stress_server) &&
	       send(channel, &request, sizeof(request), MSG_NOSIGNAL) == sizeof(request);
	close(channel);
	stress_server_go_on(&stress_server);
	return fine && stress_soon(stress_has_no_more_descriptors) &&
	       memory_of_keeper[sizeof(struct chunk)] == 'x';
}

/*
 * Without free descriptors, new clients wait, connected clients are served, and the server does
 * not poll in a busy loop.
 */
bool stress_does_without_descriptors(void)
{
	struct greeting greeting;
	struct ndshm_section *section = NULL;
	struct rlimit before, none;
	int channel;
	uint64_t ticks;
	bool fine = true;

	if (prlimit(stress_server.pid, RLIMIT_NOFILE, NULL, &before))
		return stress_wrong("prlimit: %s", strerror(errno));
	none = (struct rlimit){ .rlim_cur = 3, .rlim_max = before.rlim_max };
	if (prlimit(stress_server.pid, RLIMIT_NOFILE, &none, NULL))
		return stress_wrong("prlimit: %s", strerror(errno));
	ticks = stress_server_ticks(&stress_server);
	channel = channel_connect(stress_server.path);
	nanosleep(&(struct timespec){ .tv_sec = 2 }, NULL);
	ticks = stress_server_ticks(&stress_server) - ticks;
	if (ticks > (uint64_t)sysconf(_SC_CLK_TCK) / 2)
		fine = stress_wrong("it is busy, and has nothing to do");
	fine = fine && stress_use_once() &&
	       recv(channel, &greeting, sizeof(greeting), MSG_DONTWAIT) < 0;
	prlimit(stress_server.pid, RLIMIT_NOFILE, &before, NULL);
	fine = fine && !channel_be_greeted(channel, stress_keeper.ndshm, &greeting, &section);
	ndshm_section_close(section);
	close(channel);
	return fine && stress_soon(stress_has_no_more_descriptors);
}
