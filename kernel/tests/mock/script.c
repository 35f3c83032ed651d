// SPDX-License-Identifier: GPL-2.0
/*
 * Scripts: KEY=VALUE. Keys that are not named keep their value:
 *
 *	status=success|resources|invalid|failure|0xNNNN
 *	list=good|short|overlap|multi|reverse|empty|long|zero|wrap|bad
 *	context=null|own	context of the block
 *	address=null|own	its kernel address
 *	length=short|asked	overwrite the requested length
 *	flags=0|asked		overwrite the requested flags
 *	consumed=N		0: not reported
 *	needs_sync=1|0		the memory needs syncs
 *	delay_ms=N		delay of a call
 *	hold=1|0		a call waits for hold=0
 *	hold_free=1|0		a free waits for hold_free=0
 *	nth=N, every=N		calls to which this applies from now on; 0: every
 *				one. The others succeed.
 *
 * With a list, a failure status also adds segments.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "mock.h"

#define MAX_DELAY_MS	60000

struct word {
	const char *text;
	u32 value;
};

static const struct word statuses[] = {
	{ "success", (__force u32)NDSHM_STATUS_SUCCESS },
	{ "resources", (__force u32)NDSHM_STATUS_RESOURCES },
	{ "invalid", (__force u32)NDSHM_STATUS_INVALID_PARAMETER },
	{ "failure", (__force u32)NDSHM_STATUS_FAILURE },
	{}
};

static const struct word lists[] = {
	{ "good", MOCK_LIST_GOOD },
	{ "short", MOCK_LIST_SHORT },
	{ "overlap", MOCK_LIST_OVERLAP },
	{ "multi", MOCK_LIST_MULTI },
	{ "reverse", MOCK_LIST_REVERSE },
	{ "empty", MOCK_LIST_EMPTY },
	{ "long", MOCK_LIST_LONG },
	{ "zero", MOCK_LIST_ZERO },
	{ "wrap", MOCK_LIST_WRAP },
	{ "bad", MOCK_LIST_BAD },
	{}
};

static const struct word own_or_null[] = {
	{ "own", false }, { "null", true }, {}
};

static const struct word lengths[] = {
	{ "asked", false }, { "short", true }, {}
};

static const struct word flags[] = {
	{ "asked", false }, { "0", true }, {}
};

static int look_up(const struct word *words, const char *text, u32 *value)
{
	for (; words->text; words++) {
		if (!strcmp(words->text, text)) {
			*value = words->value;
			return 0;
		}
	}
	return -EINVAL;
}

static int status_of(const char *text, ndshm_status_t *status)
{
	u32 value = 0;
	u64 number;
	int ret = look_up(statuses, text, &value);

	if (ret) {
		ret = mock_number(text, U32_MAX, &number);
		value = ret ? 0 : number;
	}
	*status = (__force ndshm_status_t)value;
	return ret;
}

static int flag_of(const char *text, bool *flag)
{
	u64 number;
	int ret = mock_number(text, 1, &number);

	if (!ret)
		*flag = number;
	return ret;
}

void mock_script_init(struct mock_script *script)
{
	spin_lock_init(&script->lock);
	init_waitqueue_head(&script->changed);
	mock_script_reset(script);
}

static void store(struct mock_script *script, const struct mock_answer *answer,
		  u64 nth, u64 every)
{
	spin_lock(&script->lock);
	script->answer = *answer;
	script->nth = nth;
	script->every = every;
	script->calls = 0;
	spin_unlock(&script->lock);
	wake_up_all(&script->changed);
}

void mock_script_reset(struct mock_script *script)
{
	const struct mock_answer well = { .status = NDSHM_STATUS_SUCCESS };

	store(script, &well, 0, 0);
}

static int change_answer(struct mock_answer *answer, const char *word)
{
	const char *value;
	u64 number;
	u32 picked = 0;
	int ret;

	value = mock_value(word, "status");
	if (value)
		return status_of(value, &answer->status);
	value = mock_value(word, "list");
	if (value) {
		ret = look_up(lists, value, &picked);
		answer->list = picked;
		answer->list_always = true;
		return ret;
	}
	value = mock_value(word, "context");
	if (value) {
		ret = look_up(own_or_null, value, &picked);
		answer->null_context = picked;
		return ret;
	}
	value = mock_value(word, "address");
	if (value) {
		ret = look_up(own_or_null, value, &picked);
		answer->null_address = picked;
		return ret;
	}
	value = mock_value(word, "length");
	if (value) {
		ret = look_up(lengths, value, &picked);
		answer->short_length = picked;
		return ret;
	}
	value = mock_value(word, "flags");
	if (value) {
		ret = look_up(flags, value, &picked);
		answer->no_flags = picked;
		return ret;
	}
	value = mock_value(word, "hold");
	if (value)
		return flag_of(value, &answer->hold);
	value = mock_value(word, "hold_free");
	if (value)
		return flag_of(value, &answer->hold_free);
	value = mock_value(word, "delay_ms");
	if (value) {
		ret = mock_number(value, MAX_DELAY_MS, &number);
		if (!ret)
			answer->delay_ms = number;
		return ret;
	}
	value = mock_value(word, "needs_sync");
	if (value)
		return flag_of(value, &answer->needs_sync);
	value = mock_value(word, "consumed");
	if (value)
		return mock_number(value, U64_MAX, &answer->consumed);
	return -EINVAL;
}

int mock_script_change(struct mock_script *script,
		       const struct mock_command *command, unsigned int first)
{
	struct mock_answer answer;
	u64 nth, every;
	const char *value;
	unsigned int i;
	int ret = 0;

	spin_lock(&script->lock);
	answer = script->answer;
	nth = script->nth;
	every = script->every;
	spin_unlock(&script->lock);

	for (i = first; i < command->words && !ret; i++) {
		value = mock_value(command->word[i], "nth");
		if (value) {
			ret = mock_number(value, U64_MAX, &nth);
			continue;
		}
		value = mock_value(command->word[i], "every");
		if (value) {
			ret = mock_number(value, U64_MAX, &every);
			continue;
		}
		ret = change_answer(&answer, command->word[i]);
	}
	if (!ret)
		store(script, &answer, nth, every);
	return ret;
}

static bool chosen(const struct mock_script *script)
{
	if (script->nth)
		return script->calls == script->nth;
	if (script->every)
		return script->calls % script->every == 0;
	return true;
}

static bool script_release(struct mock_script *script)
{
	bool hold;

	spin_lock(&script->lock);
	hold = script->answer.hold;
	spin_unlock(&script->lock);
	return !hold;
}

static bool let_free(struct mock_script *script)
{
	bool hold;

	spin_lock(&script->lock);
	hold = script->answer.hold_free;
	spin_unlock(&script->lock);
	return !hold;
}

void mock_script_free(struct mock_script *script)
{
	wait_event_killable(script->changed, let_free(script));
}

struct mock_answer mock_script_next(struct mock_script *script)
{
	struct mock_answer answer = { .status = NDSHM_STATUS_SUCCESS };

	spin_lock(&script->lock);
	script->calls++;
	if (chosen(script))
		answer = script->answer;
	spin_unlock(&script->lock);
	return answer;
}

/* A killed task does not wait, but still gets the reply. */
void mock_script_wait(struct mock_script *script, const struct mock_answer *answer)
{
	if (answer->delay_ms)
		schedule_timeout_killable(msecs_to_jiffies(answer->delay_ms));
	if (answer->hold)
		wait_event_killable(script->changed, script_release(script));
}

/* One segment for each page; two for a single page. */
static int add_chunks(struct ndshm_segment_list *list, u64 address, u64 length,
		      bool reverse)
{
	u64 chunk = length > PAGE_SIZE ? PAGE_SIZE : length / 2;
	u64 at;
	int ret = 0;

	for (at = 0; at < length && !ret; at += chunk)
		ret = ndshm_list_add(list, address +
				     (reverse ? length - chunk - at : at),
				     chunk);
	return ret;
}

int mock_script_list(const struct mock_answer *answer,
		     struct ndshm_segment_list *list, u64 address, u64 length)
{
	int ret;

	switch (answer->list) {
	case MOCK_LIST_SHORT:
		return ndshm_list_add(list, address, length - 1);
	case MOCK_LIST_OVERLAP:
		ret = ndshm_list_add(list, address, length);
		return ret ?: ndshm_list_add(list, address + length - 1, 1);
	case MOCK_LIST_MULTI:
		return add_chunks(list, address, length, false);
	case MOCK_LIST_REVERSE:
		return add_chunks(list, address, length, true);
	case MOCK_LIST_EMPTY:
		return 0;
	case MOCK_LIST_LONG:
		return ndshm_list_add(list, address, length + PAGE_SIZE);
	case MOCK_LIST_ZERO:
		ret = ndshm_list_add(list, address, length);
		return ret ?: ndshm_list_add(list, address + length, 0);
	case MOCK_LIST_WRAP:
		return ndshm_list_add(list, U64_MAX - length + 2, length);
	case MOCK_LIST_BAD:
		return ndshm_list_add(list, DMA_MAPPING_ERROR, length);
	default:
		return ndshm_list_add(list, address, length);
	}
}
