// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kinds.h"
#include "program.h"

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

static void say_value(struct text *text, const struct fuzz_argument *argument,
		      const struct fuzz_value *value)
{
	if (value->form == FUZZ_WORD)
		say(text, " %s=%s", argument->name,
		    argument->words[value->number]);
	else if (value->form == FUZZ_REGISTER)
		say(text, " %s=%c%llu", argument->name, argument->registers,
		    value->number);
	else
		say(text, value->number < 10 ? " %s=%llu" : " %s=%#llx",
		    argument->name, value->number);
}

static void say_call(struct text *text, const struct fuzz_call *call)
{
	const struct fuzz_kind *kind = fuzz_kind(call->kind);
	const struct fuzz_argument *argument = kind->arguments;
	unsigned int i;

	if (call->thread)
		say(text, "thread=%u ", call->thread);
	if (call->fail)
		say(text, "fail=%u ", call->fail);
	say(text, "%s", kind->name);
	for (i = 0; argument[i].name; i++)
		if (call->arguments[i].form != argument[i].usual.form ||
		    call->arguments[i].number != argument[i].usual.number)
			say_value(text, &argument[i], &call->arguments[i]);
}

size_t fuzz_call_print(const struct fuzz_call *call, char *text, size_t size)
{
	struct text to = { .at = text, .left = size };

	say_call(&to, call);
	return to.at - text;
}

size_t fuzz_print(const struct fuzz_program *program, char separator,
		  char *text, size_t size)
{
	struct text to = { .at = text, .left = size };
	unsigned int i;

	if (program->user)
		say(&to, "as user%c", separator);
	for (i = 0; i < program->count; i++) {
		say_call(&to, &program->calls[i]);
		say(&to, "%c", separator);
	}
	return to.at - text;
}

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

static bool read_value(const struct fuzz_argument *argument, struct word word,
		       struct fuzz_value *value)
{
	struct word rest = { word.at + 1, word.length - 1 };
	unsigned int i;

	for (i = 0; argument->words && argument->words[i]; i++)
		if (is(word, argument->words[i])) {
			*value = (struct fuzz_value){ i, FUZZ_WORD };
			return true;
		}
	if (argument->registers && word.length &&
	    word.at[0] == argument->registers) {
		value->form = FUZZ_REGISTER;
		return read_number(rest, &value->number) &&
		       value->number < fuzz_registers(argument->registers);
	}
	value->form = FUZZ_NUMBER;
	return argument->numbers && read_number(word, &value->number);
}

static const char *parse_argument(struct fuzz_call *call, struct word word)
{
	const struct fuzz_argument *argument = fuzz_kind(call->kind)->arguments;
	const char *equal = memchr(word.at, '=', word.length);
	struct word name, value;
	unsigned int i;

	if (!equal)
		return "an argument is NAME=VALUE";
	name = (struct word){ word.at, equal - word.at };
	value = (struct word){ equal + 1, word.length - name.length - 1 };
	for (i = 0; argument[i].name; i++)
		if (is(name, argument[i].name))
			return read_value(&argument[i], value,
					  &call->arguments[i]) ?
			       NULL : "no value for that argument";
	return "the call has no such argument";
}

static const char *parse_call(struct fuzz_call *call, const char *text)
{
	__u64 thread = 0, fail = 0;
	const char *wrong = NULL;
	struct word word;
	int kind;

	for (word = next_word(&text); word.length; word = next_word(&text)) {
		struct word value = { word.at + 7, word.length - 7 };

		if (word.length > 7 && !memcmp(word.at, "thread=", 7)) {
			if (!read_number(value, &thread) ||
			    thread >= FUZZ_THREADS)
				return "no such thread";
			continue;
		}
		value = (struct word){ word.at + 5, word.length - 5 };
		if (word.length <= 5 || memcmp(word.at, "fail=", 5))
			break;
		if (!read_number(value, &fail) || fail > 0xffff)
			return "fail is 0 to 65535";
	}
	kind = fuzz_kind_find(word.at, word.length);
	if (kind < 0)
		return "no such call";
	fuzz_call_init(call, kind);
	call->thread = thread;
	call->fail = fail;
	for (word = next_word(&text); !wrong && word.length;
	     word = next_word(&text))
		wrong = parse_argument(call, word);
	return wrong;
}

static const char *parse_line(struct fuzz_program *program, const char *text)
{
	const char *wrong, *after = text;
	struct word word = next_word(&after);

	if (!word.length || word.at[0] == '#')
		return NULL;
	if (is(word, "as")) {
		word = next_word(&after);
		program->user = is(word, "user");
		return program->user || is(word, "root") ?
		       NULL : "as user, or as root";
	}
	if (program->count == FUZZ_CALLS)
		return "too many calls";
	wrong = parse_call(&program->calls[program->count], text);
	program->count += !wrong;
	return wrong;
}

const char *fuzz_parse(struct fuzz_program *program, const char *text,
		       unsigned int *line)
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
