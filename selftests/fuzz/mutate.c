// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "kinds.h"
#include "mutate.h"

/* Highest number of an injected failure. */
#define FAIL_MOST	40

/* Small register numbers more often, so that calls use each other's results. */
static __u64 some_register(char class, struct fuzz_random *random)
{
	unsigned int count = fuzz_registers(class);

	if (fuzz_chance(random, 60))
		return fuzz_below(random, count < 2 ? count : 2);
	return fuzz_below(random, count);
}

static unsigned int word_count(const char *const *words)
{
	unsigned int count = 0;

	while (words && words[count])
		count++;
	return count;
}

static __u64 some_number(const struct fuzz_argument *argument, __u64 old,
			 struct fuzz_random *random)
{
	switch (fuzz_below(random, 8)) {
	case 0:
		return old + 1;
	case 1:
		return old - 1;
	case 2:
		return old ^ 1ULL << fuzz_below(random, 64);
	case 3:
		return fuzz_random(random) >> fuzz_below(random, 64);
	default:
		return argument->numbers[fuzz_below(random,
						    argument->number_count)];
	}
}

static void change_value(const struct fuzz_argument *argument,
			 struct fuzz_value *value, struct fuzz_random *random)
{
	unsigned int words = word_count(argument->words);
	unsigned int forms[3], count = 0;

	if (argument->registers)
		forms[count++] = FUZZ_REGISTER;
	if (words)
		forms[count++] = FUZZ_WORD;
	if (argument->numbers)
		forms[count++] = FUZZ_NUMBER;
	/* Mostly the usual form, seldom an arbitrary number. */
	value->form = fuzz_chance(random, 70) ?
		      argument->usual.form : forms[fuzz_below(random, count)];
	if (value->form == FUZZ_REGISTER)
		value->number = some_register(argument->registers, random);
	else if (value->form == FUZZ_WORD)
		value->number = fuzz_below(random, words);
	else
		value->number = some_number(argument, value->number, random);
}

static unsigned int argument_count(const struct fuzz_call *call)
{
	const struct fuzz_argument *argument = fuzz_kind(call->kind)->arguments;
	unsigned int count = 0;

	while (argument[count].name)
		count++;
	return count;
}

static void change_argument(struct fuzz_call *call, struct fuzz_random *random)
{
	unsigned int i = fuzz_below(random, argument_count(call));

	change_value(&fuzz_kind(call->kind)->arguments[i], &call->arguments[i],
		     random);
}

static void some_call(struct fuzz_call *call, struct fuzz_random *random)
{
	unsigned int weight = fuzz_below(random, fuzz_kind_weights());
	const struct fuzz_argument *argument;
	unsigned int kind = 0, i;

	while (weight >= fuzz_kind(kind)->weight)
		weight -= fuzz_kind(kind++)->weight;
	fuzz_call_init(call, kind);
	argument = fuzz_kind(kind)->arguments;
	for (i = 0; argument[i].name; i++)
		if (argument[i].usual.form == FUZZ_REGISTER)
			call->arguments[i].number =
				some_register(argument[i].registers, random);
		else if (fuzz_chance(random, 10))
			change_value(&argument[i], &call->arguments[i], random);
}

/*
 * Make room for up to @count calls at @at. Return the number of calls there is
 * room for.
 */
static unsigned int make_room(struct fuzz_program *program, unsigned int at,
			      unsigned int count)
{
	unsigned int room = FUZZ_CALLS - program->count;

	if (count > room)
		count = room;
	memmove(&program->calls[at + count], &program->calls[at],
		(program->count - at) * sizeof(program->calls[0]));
	program->count += count;
	return count;
}

static void insert_call(struct fuzz_program *program, unsigned int at,
			struct fuzz_random *random)
{
	if (make_room(program, at, 1))
		some_call(&program->calls[at], random);
}

void fuzz_remove_calls(struct fuzz_program *program, unsigned int at,
		       unsigned int count)
{
	program->count -= count;
	memmove(&program->calls[at], &program->calls[at + count],
		(program->count - at) * sizeof(program->calls[0]));
}

/* Copy a sequence of another program's calls. */
static void take_over(struct fuzz_program *program, unsigned int at,
		      const struct fuzz_program *other,
		      struct fuzz_random *random)
{
	unsigned int first = fuzz_below(random, other->count);
	unsigned int count = 1 + fuzz_below(random, other->count - first);

	count = make_room(program, at, count);
	memcpy(&program->calls[at], &other->calls[first],
	       count * sizeof(program->calls[0]));
}

static void move_call(struct fuzz_program *program, unsigned int from,
		      unsigned int to)
{
	struct fuzz_call call = program->calls[from];

	fuzz_remove_calls(program, from, 1);
	if (to > program->count)
		to = program->count;
	make_room(program, to, 1);
	program->calls[to] = call;
}

/* Run a few neighbouring calls concurrently, or no longer so. */
static void spread(struct fuzz_program *program, unsigned int at,
		   struct fuzz_random *random)
{
	unsigned int count = 2 + fuzz_below(random, 6);
	bool join = program->calls[at].thread;

	for (; count && at < program->count; count--, at++)
		program->calls[at].thread = join ? 0 :
			1 + fuzz_below(random, FUZZ_THREADS - 1);
}

static void set_failure(struct fuzz_call *call, struct fuzz_random *random)
{
	call->fail = call->fail && fuzz_chance(random, 50) ?
		     0 : 1 + fuzz_below(random, FAIL_MOST);
}

static void change(struct fuzz_program *program,
		   const struct fuzz_program *other, struct fuzz_random *random)
{
	unsigned int at = fuzz_below(random, program->count);
	unsigned int dice = fuzz_below(random, 100);

	if (dice < 40)
		change_argument(&program->calls[at], random);
	else if (dice < 62)
		insert_call(program, at + 1, random);
	else if (dice < 72)
		take_over(program, at + 1, other, random);
	else if (dice < 80 && program->count > 1)
		fuzz_remove_calls(program, at, 1);
	else if (dice < 86)
		move_call(program, at, fuzz_below(random, program->count));
	else if (dice < 91)
		spread(program, at, random);
	else if (dice < 98)
		set_failure(&program->calls[at], random);
	else
		program->user = !program->user;
}

/*
 * Remove some of the slow calls, which take as long as a thousand others and
 * spread anyway.
 */
static void thin_out(struct fuzz_program *program, struct fuzz_random *random)
{
	unsigned int i = program->count, weight;

	while (i--) {
		weight = fuzz_kind(program->calls[i].kind)->weight;
		if (weight < 2 && program->count > 1 &&
		    !fuzz_chance(random, weight ? 10 : 3))
			fuzz_remove_calls(program, i, 1);
	}
}

void fuzz_generate(struct fuzz_program *program, struct fuzz_random *random)
{
	unsigned int count = 4 + fuzz_below(random, 20);

	memset(program, 0, sizeof(*program));
	program->user = fuzz_chance(random, 25);
	/* Most calls need a client. */
	fuzz_call_init(&program->calls[0], fuzz_kind_find("open", 4));
	program->count = 1;
	while (program->count < count)
		insert_call(program, program->count, random);
	if (fuzz_chance(random, 15))
		spread(program, fuzz_below(random, program->count), random);
}

void fuzz_mutate(struct fuzz_program *program,
		 const struct fuzz_program *other, struct fuzz_random *random)
{
	unsigned int changes = 1 + fuzz_below(random, 4);

	while (changes--)
		change(program, other, random);
}

void fuzz_lengthen(struct fuzz_program *program,
		   const struct fuzz_program *other, struct fuzz_random *random)
{
	unsigned int end = program->count, room;

	room = make_room(program, end, other->count);
	memcpy(&program->calls[end], other->calls,
	       room * sizeof(program->calls[0]));
	thin_out(program, random);
}
