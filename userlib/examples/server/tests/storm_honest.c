// SPDX-License-Identifier: LGPL-2.1-or-later
/* An honest client, which compares each result byte for byte. */
#include <string.h>

#include "storm.h"

#define TEXT		4096
#define PIECES		8

static bool ask(struct call *call, const struct client_plan *plan, struct hostile *random)
{
	uint8_t contents[TEXT], expected[TEXT], result[TEXT];
	struct iovec pieces[PIECES];
	uint32_t operation = 1 + hostile_below(random, OPERATIONS - 1);
	uint32_t count = 1 + hostile_below(random, PIECES);
	struct answer answer;
	size_t at = 0, length;
	int error;

	for (uint32_t i = 0; i < count; i++) {
		pieces[i].iov_base = contents + at;
		pieces[i].iov_len = hostile_below(random, TEXT / PIECES);
		for (size_t end = at + pieces[i].iov_len; at < end; at++)
			contents[at] = hostile_random(random);
	}
	length = hostile_result(operation, contents, at, expected);
	error = call_operate(call, operation, pieces, count, result, sizeof(result), &answer);
	if (error)
		return storm_wrong("an honest client has no answer: %s", strerror(-error));
	if (answer.status != STATUS_SERVED)
		return storm_wrong("an honest client is refused: %s", status_name(answer.status));
	if (answer.length != length || memcmp(result, expected, length))
		return storm_wrong("an honest client has another result of %s",
				   operation_name(operation));
	plan->storm->honest++;
	return true;
}

bool storm_honest(const struct client_plan *plan)
{
	struct hostile random = { .random = plan->seed };
	const char *failed;
	struct call call;
	int error = call_open(&call, plan->path, HOSTILE_MEMORY, &failed);
	bool fine = !error || storm_wrong("%s: %s", failed, strerror(-error));

	while (fine && !plan->storm->stop)
		fine = ask(&call, plan, &random);
	call_close(&call);
	return fine;
}
