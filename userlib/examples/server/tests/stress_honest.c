// SPDX-License-Identifier: LGPL-2.1-or-later
/* An honest client, which compares each result byte for byte. */
#include <string.h>

#include "stress.h"

#define TEXT		4096
#define CHUNKS		8

static bool ask(struct call *call, const struct client_plan *plan, struct hostile *random)
{
	uint8_t contents[TEXT], expected[TEXT], result[TEXT];
	struct iovec chunks[CHUNKS];
	uint32_t operation = 1 + hostile_below(random, OPERATIONS - 1);
	uint32_t count = 1 + hostile_below(random, CHUNKS);
	struct answer answer;
	size_t at = 0, length;
	int error;

	for (uint32_t i = 0; i < count; i++) {
		chunks[i].iov_base = contents + at;
		chunks[i].iov_len = hostile_below(random, TEXT / CHUNKS);
		for (size_t end = at + chunks[i].iov_len; at < end; at++)
			contents[at] = hostile_random(random);
	}
	length = hostile_result(operation, contents, at, expected);
	error = call_operate(call, operation, chunks, count, result, sizeof(result), &answer);
	if (error)
		return stress_wrong("an honest client has no answer: %s", strerror(-error));
	if (answer.status != STATUS_SERVED)
		return stress_wrong("an honest client is refused: %s", status_name(answer.status));
	if (answer.length != length || memcmp(result, expected, length))
		return stress_wrong("an honest client has another result of %s",
				    operation_name(operation));
	plan->stress->honest++;
	return true;
}

bool stress_honest(const struct client_plan *plan)
{
	struct hostile random = { .random = plan->seed };
	const char *failed;
	struct call call;
	int error = call_open(&call, plan->path, HOSTILE_MEMORY, &failed);
	bool fine = !error || stress_wrong("%s: %s", failed, strerror(-error));

	while (fine && !plan->stress->stop)
		fine = ask(&call, plan, &random);
	call_close(&call);
	return fine;
}
