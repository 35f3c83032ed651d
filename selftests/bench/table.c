// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"
#include "table.h"

struct rows *table;

int table_open(void)
{
	table = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return table == MAP_FAILED ? -errno : 0;
}

void table_add(const char *place, const char *what, const char *subject, size_t length,
	       const struct figure *raw, double zeroing)
{
	if (table->count == MAX_ROWS) {
		fprintf(stderr, "ndshm-bench: more than %d rows\n", MAX_ROWS);
		exit(1);
	}
	table->rows[table->count++] = (struct row){
		.place = place, .what = what, .subject = subject, .length = length,
		.raw = *raw, .zeroing = zeroing,
	};
}

/* Is it a row of this cycle? The names are constants of one program. */
static bool row_is_of(const struct row *row, const char *place, const char *what)
{
	return !strcmp(row->place, place) && !strcmp(row->what, what);
}

static const struct row *find(const char *place, const char *what, const char *subject,
			      size_t length)
{
	const struct row *row;

	for (row = table->rows; row < table->rows + table->count; row++)
		if (row_is_of(row, place, what) && !strcmp(row->subject, subject) &&
		    row->length == length)
			return row;
	return NULL;
}

const struct row *table_find(const char *place, const char *what, const char *subject,
			     size_t length)
{
	const struct row *row = find(place, what, subject, length);

	return row && !row->raw.error ? row : NULL;
}

void format_count(char *text, size_t size, double value)
{
	char digits[32];
	size_t i, length, used = 0;

	snprintf(digits, sizeof(digits), "%.0f", value);
	length = strlen(digits);
	for (i = 0; i < length && used + 2 < size; i++) {
		text[used++] = digits[i];
		if (digits[i] != '-' && i + 1 < length && (length - i) % 3 == 1)
			text[used++] = ',';
	}
	text[used] = '\0';
}

void format_length(char *text, size_t size, size_t length)
{
	if (!length)
		snprintf(text, size, "%s", "");
	else if (length % MIB)
		snprintf(text, size, "%zu KiB", length / KIB);
	else
		snprintf(text, size, "%zu MiB", length / MIB);
}

static void print_cell(const struct row *row, enum table_kind kind,
		       const struct row *base)
{
	char text[32];

	if (!row || (kind == TABLE_RATIO && !base)) {
		printf("%13s", "-");
	} else if (kind == TABLE_RATIO) {
		printf("%13.2f", row_net(row) / row_net(base));
	} else {
		format_count(text, sizeof(text),
			     kind == TABLE_RAW ? row->raw.median : row_net(row));
		printf("%13s", text);
	}
}

/* Is this the first row of its cycle with this name? */
static bool first_subject(const struct row *row)
{
	const struct row *other;

	for (other = table->rows; other < row; other++)
		if (row_is_of(other, row->place, row->what) &&
		    !strcmp(other->subject, row->subject))
			return false;
	return true;
}

static unsigned int lengths_of(const char *place, const char *what, size_t *lengths,
			       unsigned int most)
{
	unsigned int j, count = 0;
	const struct row *row;

	for (row = table->rows; row < table->rows + table->count; row++) {
		if (!row_is_of(row, place, what))
			continue;
		for (j = 0; j < count && lengths[j] != row->length; j++)
			;
		if (j == count && count < most)
			lengths[count++] = row->length;
	}
	return count;
}

static bool has_base(const char *place, const char *what, const char *base)
{
	unsigned int i;

	for (i = 0; i < table->count; i++)
		if (table_find(place, what, base, table->rows[i].length))
			return true;
	return false;
}

void table_print(const char *place, const char *what, enum table_kind kind,
		 const char *base)
{
	const struct row *row;
	unsigned int j, count;
	size_t lengths[8];
	char text[32];

	count = lengths_of(place, what, lengths, ARRAY_SIZE(lengths));
	if (!count || (kind == TABLE_RATIO && !has_base(place, what, base)))
		return;
	printf("\n%s%s%s%s%s\n", strcmp(place, ROOT) ? place : "",
	       strcmp(place, ROOT) ? ": " : "", what,
	       kind == TABLE_RAW ? "" : ": net of zeroing",
	       kind == TABLE_RATIO ? ", ratio" : "");
	/* Some cycles have no length. */
	if (count > 1 || lengths[0]) {
		printf("  %-22s", "");
		for (j = 0; j < count; j++) {
			format_length(text, sizeof(text), lengths[j]);
			printf("%13s", text);
		}
		printf("\n");
	}
	for (row = table->rows; row < table->rows + table->count; row++) {
		if (!row_is_of(row, place, what) || !first_subject(row))
			continue;
		printf("  %-22s", row->subject);
		for (j = 0; j < count; j++)
			print_cell(table_find(place, what, row->subject, lengths[j]),
				   kind,
				   base ? table_find(place, what, base, lengths[j]) : NULL);
		printf("\n");
	}
}

void table_print_tails(const char *place, const char *what)
{
	const struct row *row;
	bool any = false;
	unsigned int i;
	char text[32];

	for (row = table->rows; row < table->rows + table->count; row++) {
		const double values[] = {
			row->raw.median, row->raw.p99, row->raw.p999, row->raw.max,
		};

		if (!row_is_of(row, place, what) || row->raw.error)
			continue;
		if (!any)
			printf("\n%s: %s\n  %-22s%13s%13s%13s%13s\n", place, what, "", "p50", "p99",
			       "p99.9", "max");
		any = true;
		printf("  %-22s", row->subject);
		for (i = 0; i < ARRAY_SIZE(values); i++) {
			format_count(text, sizeof(text), values[i]);
			printf("%13s", text);
		}
		printf("\n");
	}
}

void table_print_errors(void)
{
	const struct row *row;
	char text[32];

	for (row = table->rows; row < table->rows + table->count; row++) {
		if (!row->raw.error)
			continue;
		format_length(text, sizeof(text), row->length);
		printf("not measured: %s: %s, %s %s: %s\n", row->place, row->what,
		       row->subject, text, strerror(row->raw.error));
	}
}
