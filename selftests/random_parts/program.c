// SPDX-License-Identifier: GPL-2.0
/*
 * Kinds of calls; programs as text; new programs, generated or derived from others.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "random.h"

#define FAIL_MOST	40	/* highest number of an injected failure */

__u64 chance_draw(struct chance *chance)
{
	__u64 z = chance->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/*
 * Kinds
 */

static const struct kind *const topics[] = { command_kinds, memory_kinds, other_kinds };

const struct kind *kind_at(unsigned int number)
{
	const struct kind *kind;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(topics); i++)
		for (kind = topics[i]; kind->name; kind++)
			if (!number--)
				return kind;
	return NULL;
}

unsigned int kind_count(void)
{
	static unsigned int count;

	if (!count)
		while (kind_at(count))
			count++;
	return count;
}

int kind_find(const char *name, size_t length)
{
	const char *known;
	unsigned int i;

	for (i = 0; i < kind_count(); i++) {
		known = kind_at(i)->name;
		if (strlen(known) == length && !memcmp(known, name, length))
			return i;
	}
	return -1;
}

static unsigned int registers_of(char class)
{
	const char *at = strchr(CLASSES, class);

	return at - CLASSES < DESCRIPTORS ? FEW : REGISTERS;
}

static void call_init(struct call *call, unsigned int kind)
{
	const struct argument *argument = kind_at(kind)->arguments;
	unsigned int i;

	memset(call, 0, sizeof(*call));
	call->kind = kind;
	for (i = 0; argument[i].name; i++)
		call->values[i] = argument[i].usual;
}

/*
 * Counts
 */

struct tally *tally;

int tally_begin(void)
{
	tally = mmap(NULL, kind_count() * sizeof(*tally), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return tally == MAP_FAILED ? -errno : 0;
}

__u64 tally_calls(void)
{
	__u64 calls = 0;
	unsigned int i;

	for (i = 0; i < kind_count(); i++)
		calls += __atomic_load_n(&tally[i].made, __ATOMIC_RELAXED);
	return calls;
}

void tally_print(void)
{
	unsigned long long made = 0, succeeded = 0;
	unsigned int i;

	for (i = 0; i < kind_count(); i++) {
		const struct tally *t = &tally[i];

		made += t->made;
		succeeded += t->succeeded;
		printf("# %s: %llu of %llu succeeded (%llu %%), %llu killed\n", kind_at(i)->name,
		       (unsigned long long)t->succeeded, (unsigned long long)t->made,
		       (unsigned long long)(t->succeeded * 100 / (t->made ?: 1)),
		       (unsigned long long)t->killed);
	}
	printf("# all: %llu of %llu succeeded (%llu %%)\n", succeeded, made,
	       succeeded * 100 / (made ?: 1));
}

unsigned int tally_missing(char *text, size_t size)
{
	unsigned int missing = 0, i;
	size_t length = 0;

	text[0] = '\0';
	for (i = 0; i < kind_count(); i++) {
		const struct kind *kind = kind_at(i);

		if (tally[i].succeeded || (kind->possible && !kind->possible()))
			continue;
		missing++;
		if (length < size)
			length += snprintf(text + length, size - length, " %s", kind->name);
	}
	return missing;
}

/*
 * Printing
 */

/* Text being built; text without room is dropped. */
struct text {
	char *at;
	size_t left;
};

static void say(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->at, text->left, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	if ((size_t)length >= text->left)
		length = text->left ? text->left - 1 : 0;
	text->at += length;
	text->left -= length;
}

static void say_value(struct text *text, const struct argument *argument, const struct value *value)
{
	if (value->form == WORD)
		say(text, " %s=%s", argument->name, argument->words[value->number]);
	else if (value->form == REGISTER)
		say(text, " %s=%c%llu", argument->name, argument->class, value->number);
	else
		say(text, value->number < 10 ? " %s=%llu" : " %s=%#llx", argument->name,
		    value->number);
}

static void say_call(struct text *text, const struct call *call)
{
	const struct kind *kind = kind_at(call->kind);
	const struct argument *argument = kind->arguments;
	unsigned int i;

	if (call->thread)
		say(text, "thread=%u ", call->thread);
	if (call->fail)
		say(text, "fail=%u ", call->fail);
	say(text, "%s", kind->name);
	for (i = 0; argument[i].name; i++)
		if (call->values[i].form != USUAL &&
		    (call->values[i].form != argument[i].usual.form ||
		     call->values[i].number != argument[i].usual.number))
			say_value(text, &argument[i], &call->values[i]);
}

size_t call_print(const struct call *call, char *text, size_t size)
{
	struct text to = { .at = text, .left = size };

	say_call(&to, call);
	return to.at - text;
}

size_t program_print(const struct program *program, char *text, size_t size)
{
	struct text to = { .at = text, .left = size };
	unsigned int i;

	if (program->user)
		say(&to, "as user\n");
	for (i = 0; i < program->count; i++) {
		say_call(&to, &program->calls[i]);
		say(&to, "\n");
	}
	return to.at - text;
}

/*
 * Parsing
 */

/* A word ends at a blank or at the end of the line, which on a console may be \r\n. */
struct word {
	const char *at;
	size_t length;
};

static struct word next_word(const char **text)
{
	struct word word;

	*text += strspn(*text, " \t\r");
	word.at = *text;
	word.length = strcspn(*text, " \t\r\n");
	*text += word.length;
	return word;
}

static bool is(struct word word, const char *text)
{
	return strlen(text) == word.length && !memcmp(word.at, text, word.length);
}

static bool read_number(struct word word, __u64 *number)
{
	char text[32], *end;

	if (!word.length || word.length >= sizeof(text))
		return false;
	memcpy(text, word.at, word.length);
	text[word.length] = '\0';
	*number = strtoull(text, &end, 0);
	return !*end;
}

static bool read_value(const struct argument *argument, struct word word, struct value *value)
{
	struct word rest = { word.at + 1, word.length - 1 };
	unsigned int i;

	for (i = 0; argument->words && argument->words[i]; i++)
		if (is(word, argument->words[i])) {
			*value = (struct value){ i, WORD };
			return true;
		}
	if (argument->class && word.length && word.at[0] == argument->class) {
		value->form = REGISTER;
		return read_number(rest, &value->number) &&
		       value->number < registers_of(argument->class);
	}
	value->form = NUMBER;
	return argument->number && read_number(word, &value->number);
}

static const char *parse_argument(struct call *call, struct word word)
{
	const struct argument *argument = kind_at(call->kind)->arguments;
	const char *equal = memchr(word.at, '=', word.length);
	struct word name, value;
	unsigned int i;

	if (!equal)
		return "an argument is NAME=VALUE";
	name = (struct word){ word.at, equal - word.at };
	value = (struct word){ equal + 1, word.length - name.length - 1 };
	for (i = 0; argument[i].name; i++)
		if (is(name, argument[i].name))
			return read_value(&argument[i], value, &call->values[i]) ?
			       NULL : "no value for that argument";
	return "the call has no such argument";
}

static const char *parse_call(struct call *call, const char *text)
{
	__u64 thread = 0, fail = 0;
	const char *wrong = NULL;
	struct word word;
	int kind;

	for (word = next_word(&text); word.length; word = next_word(&text)) {
		struct word value = { word.at + 7, word.length - 7 };

		if (word.length > 7 && !memcmp(word.at, "thread=", 7)) {
			if (!read_number(value, &thread) || thread >= THREADS)
				return "no such thread";
			continue;
		}
		value = (struct word){ word.at + 5, word.length - 5 };
		if (word.length <= 5 || memcmp(word.at, "fail=", 5))
			break;
		if (!read_number(value, &fail) || fail > 0xffff)
			return "fail is 0 to 65535";
	}
	kind = kind_find(word.at, word.length);
	if (kind < 0)
		return "no such call";
	call_init(call, kind);
	call->thread = thread;
	call->fail = fail;
	for (word = next_word(&text); !wrong && word.length; word = next_word(&text))
		wrong = parse_argument(call, word);
	return wrong;
}

static const char *parse_line(struct program *program, const char *text)
{
	const char *wrong, *after = text;
	struct word word = next_word(&after);

	if (!word.length || word.at[0] == '#')
		return NULL;
	if (is(word, "as")) {
		word = next_word(&after);
		program->user = is(word, "user");
		return program->user || is(word, "root") ? NULL : "as user, or as root";
	}
	if (program->count == PROGRAM_CALLS)
		return "too many calls";
	wrong = parse_call(&program->calls[program->count], text);
	program->count += !wrong;
	return wrong;
}

const char *program_parse(struct program *program, const char *text, unsigned int *line)
{
	const char *wrong = NULL;

	memset(program, 0, sizeof(*program));
	for (*line = 1; *text; ++*line) {
		wrong = parse_line(program, text);
		if (wrong)
			return wrong;
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return program->count ? NULL : "there is no call in it";
}

/*
 * Values
 */

/* Around pages, chunks of 2 MiB and limits; tried for each argument. */
static const __u64 numbers[] = {
	0, 1, 2, 3, 4, 8, 16, 64, 65, 0xfff, 0x1000, 0x1001, 0x2000, 0x3000, 0x10000, 0x11000,
	0x1ff000, 0x200000, 0x201000, 0x400000, 0x401000, 0x600000, 0x7fffffff, 0x80000000,
	0xfffffffe, 0xffffffff, 0x100000001, 0x7fffffffffffffff, 0xfffffffffffff000,
	0xfffffffffffff001, 0xffffffffffffffff,
};

static bool register_made(const struct program *program, unsigned int end, char class,
			  __u64 number)
{
	unsigned int i, j;

	for (i = 0; i < end; i++) {
		const struct argument *argument = kind_at(program->calls[i].kind)->arguments;

		for (j = 0; argument[j].name; j++)
			if (argument[j].result && argument[j].class == class &&
			    program->calls[i].values[j].number == number)
				return true;
	}
	return false;
}

/* Mostly one that an earlier call stores a result in, so that calls use each other's results. */
static __u64 some_register(const struct program *program, unsigned int at, char class,
			   struct chance *chance)
{
	unsigned int count = registers_of(class), tries;
	__u64 number = chance_below(chance, count);

	for (tries = 0; tries < 20 && !register_made(program, at, class, number) &&
	     chance_percent(chance, 90); tries++)
		number = chance_below(chance, chance_percent(chance, 60) ? 2 : count);
	return number;
}

static unsigned int word_count(const char *const *words)
{
	unsigned int count = 0;

	while (words && words[count])
		count++;
	return count;
}

static __u64 some_number(const struct argument *argument, __u64 old, struct chance *chance)
{
	switch (chance_below(chance, 10)) {
	case 0:
		return old + 1;
	case 1:
		return old - 1;
	case 2:
		return old ^ 1ULL << chance_below(chance, 64);
	case 3:
		return chance_draw(chance) >> chance_below(chance, 64);
	case 4:
	case 5:
		return numbers[chance_below(chance, ARRAY_SIZE(numbers))];
	default:
		return argument->count ?
		       argument->numbers[chance_below(chance, argument->count)] :
		       numbers[chance_below(chance, ARRAY_SIZE(numbers))];
	}
}

static void change_value(const struct program *program, unsigned int at,
			 const struct argument *argument, struct value *value,
			 struct chance *chance)
{
	unsigned int words = word_count(argument->words);
	unsigned int forms[3], count = 0;

	if (argument->class)
		forms[count++] = REGISTER;
	if (words)
		forms[count++] = WORD;
	if (argument->number)
		forms[count++] = NUMBER;
	/* Mostly the usual form, seldom an arbitrary number. */
	value->form = argument->usual.form != USUAL && chance_percent(chance, 70) ?
		      argument->usual.form : forms[chance_below(chance, count)];
	if (value->form == REGISTER)
		value->number = some_register(program, at, argument->class, chance);
	else if (value->form == WORD)
		value->number = chance_below(chance, words);
	else
		value->number = some_number(argument, value->number, chance);
}

/*
 * Changes
 */

static void change_argument(struct program *program, unsigned int at, struct chance *chance)
{
	struct call *call = &program->calls[at];
	const struct argument *argument = kind_at(call->kind)->arguments;
	unsigned int count = 0, i;

	while (argument[count].name)
		count++;
	if (!count)
		return;
	i = chance_below(chance, count);
	change_value(program, at, &argument[i], &call->values[i], chance);
}

/* Make room for up to @count calls at @at. Return the number of calls there is room for. */
static unsigned int make_room(struct program *program, unsigned int at, unsigned int count)
{
	unsigned int room = PROGRAM_CALLS - program->count;

	if (count > room)
		count = room;
	memmove(&program->calls[at + count], &program->calls[at],
		(program->count - at) * sizeof(program->calls[0]));
	program->count += count;
	return count;
}

/* The kinds that fill the registers of a class. */
static const char *maker(char class)
{
	switch (class) {
	case 'c': return "open";
	case 's': return "section";
	case 'o': return "attach";
	case 'd': return "export";
	case 'n': return "nlopen";
	case 'h': return "alloc";
	case 'x': return "extent";
	default: return "mmap";
	}
}

/*
 * Insert a call of @kind before @at, and mostly before it the calls that make what it needs. Return
 * the place behind it.
 */
static unsigned int insert_kind(struct program *program, unsigned int at, unsigned int kind,
				struct chance *chance)
{
	const struct argument *argument = kind_at(kind)->arguments;
	struct call call;
	unsigned int i;

	call_init(&call, kind);
	for (i = 0; argument[i].name; i++) {
		if (argument[i].usual.form == REGISTER) {
			const char class = argument[i].class;

			if (!argument[i].result && chance_percent(chance, 95)) {
				const char *name = maker(class);
				bool made = false;
				__u64 j;

				for (j = 0; j < registers_of(class); j++)
					made |= register_made(program, at, class, j);
				if (!made)
					at = insert_kind(program, at,
							 kind_find(name, strlen(name)), chance);
			}
			call.values[i].number = argument[i].result ?
				chance_below(chance, chance_percent(chance, 60) ? 2 :
							  registers_of(class)) :
				some_register(program, at, class, chance);
		} else if (argument[i].varies && chance_percent(chance, 40)) {
			call.values[i].form = NUMBER;
			call.values[i].number =
				argument[i].numbers[chance_below(chance, argument[i].count)];
		} else if (chance_percent(chance, 2)) {
			change_value(program, at, &argument[i], &call.values[i], chance);
		}
	}
	if (!make_room(program, at, 1))
		return at;
	program->calls[at] = call;
	return at + 1;
}

static unsigned int weight_of(unsigned int number)
{
	const struct kind *kind = kind_at(number);

	return kind->possible && !kind->possible() ? 0 : kind->weight;
}

static void insert_call(struct program *program, unsigned int at, struct chance *chance)
{
	unsigned int sum = 0, kind, weight;

	for (kind = 0; kind < kind_count(); kind++)
		sum += weight_of(kind);
	weight = chance_below(chance, sum);
	for (kind = 0; weight >= weight_of(kind); kind++)
		weight -= weight_of(kind);
	insert_kind(program, at, kind, chance);
}

void program_remove(struct program *program, unsigned int at, unsigned int count)
{
	program->count -= count;
	memmove(&program->calls[at], &program->calls[at + count],
		(program->count - at) * sizeof(program->calls[0]));
}

/* Copy a sequence of another program's calls. */
static void take_over(struct program *program, unsigned int at, const struct program *other,
		      struct chance *chance)
{
	unsigned int first = chance_below(chance, other->count);
	unsigned int count = 1 + chance_below(chance, other->count - first);

	count = make_room(program, at, count);
	memcpy(&program->calls[at], &other->calls[first], count * sizeof(program->calls[0]));
}

static void move_call(struct program *program, unsigned int from, unsigned int to)
{
	struct call call = program->calls[from];

	program_remove(program, from, 1);
	if (to > program->count)
		to = program->count;
	make_room(program, to, 1);
	program->calls[to] = call;
}

/* Run a few neighbouring calls concurrently, or no longer so. */
static void spread(struct program *program, unsigned int at, struct chance *chance)
{
	unsigned int count = 2 + chance_below(chance, 6);
	bool join = program->calls[at].thread;

	for (; count && at < program->count; count--, at++)
		program->calls[at].thread = join ? 0 : 1 + chance_below(chance, THREADS - 1);
}

static void change(struct program *program, const struct program *other, struct chance *chance)
{
	unsigned int at = chance_below(chance, program->count);
	unsigned int dice = chance_below(chance, 100);
	struct call *call = &program->calls[at];

	if (dice < 40)
		change_argument(program, at, chance);
	else if (dice < 62)
		insert_call(program, at + 1, chance);
	else if (dice < 72)
		take_over(program, at + 1, other, chance);
	else if (dice < 80 && program->count > 1)
		program_remove(program, at, 1);
	else if (dice < 86)
		move_call(program, at, chance_below(chance, program->count));
	else if (dice < 91)
		spread(program, at, chance);
	else if (dice < 98)
		call->fail = call->fail && chance_percent(chance, 50) ?
			     0 : 1 + chance_below(chance, FAIL_MOST);
	else
		program->user = !program->user;
}

/* Have most calls read registers that something was stored in. */
static void repair(struct program *program, struct chance *chance)
{
	unsigned int i, j;

	for (i = 0; i < program->count; i++) {
		const struct argument *argument = kind_at(program->calls[i].kind)->arguments;
		struct value *values = program->calls[i].values;

		for (j = 0; argument[j].name; j++)
			if (values[j].form == REGISTER && !argument[j].result &&
			    !register_made(program, i, argument[j].class, values[j].number) &&
			    chance_percent(chance, 80))
				values[j].number = some_register(program, i, argument[j].class,
								 chance);
	}
}

/* Remove some of the slow calls, which take as long as a thousand others and spread anyway. */
static void thin_out(struct program *program, struct chance *chance)
{
	unsigned int i = program->count, weight;

	while (i--) {
		weight = kind_at(program->calls[i].kind)->weight;
		if (weight < 2 && program->count > 1 && !chance_percent(chance, weight ? 10 : 3))
			program_remove(program, i, 1);
	}
}

void program_generate(struct program *program, struct chance *chance)
{
	unsigned int count = 4 + chance_below(chance, 20);

	memset(program, 0, sizeof(*program));
	program->user = chance_percent(chance, 25);
	while (program->count < count)
		insert_call(program, program->count, chance);
	if (chance_percent(chance, 15))
		spread(program, chance_below(chance, program->count), chance);
}

void program_mutate(struct program *program, const struct program *other, struct chance *chance)
{
	unsigned int changes = 1 + chance_below(chance, 4), end, room;

	while (changes--)
		change(program, other, chance);
	/* Starting a program is expensive compared with its calls. */
	end = program->count;
	room = make_room(program, end, other->count);
	memcpy(&program->calls[end], other->calls, room * sizeof(program->calls[0]));
	thin_out(program, chance);
	repair(program, chance);
}
