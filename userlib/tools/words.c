// SPDX-License-Identifier: LGPL-2.1-or-later
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "tool.h"

/* Indexed by the bit number of NDSHM_ISOLATION_*. */
static const struct {
	const char *name;
	const char *words;
	const char *advice;
} properties[] = {
	{ "no-translation", "no translation",
	  "no IOMMU translates what it addresses: switch the IOMMU on in the firmware and on the "
	  "kernel's command line (intel_iommu=on), without iommu=pt" },
	{ "lazy", "lazy unmapping",
	  "it can reach memory for a while after it was freed: unbind the other functions of its "
	  "IOMMU group and bind again, or boot with iommu.strict=1" },
	{ "shared-group", "shared group",
	  "another function shares its IOMMU group: bind that one to ndshm_pci as well, or put the "
	  "card into another slot" },
	{ "msi", "interrupts not isolated",
	  "it can forge other devices' interrupts: switch interrupt remapping on in the firmware; in a "
	  "virtual machine also set the module's trust_msi to 1, if the hypervisor isolates them" },
	{ "firmware", "firmware memory",
	  "the firmware shares memory with it, or with another device of its IOMMU group: switch that "
	  "off in the firmware, or use another card" },
};

#define PROPERTIES (sizeof(properties) / sizeof(properties[0]))
_Static_assert(NDSHM_ISOLATION_ALL == (1U << PROPERTIES) - 1, "a property has no words");

static const char *const usages[] = {
	[NDSHM_USAGE_UNDEFINED] = "undefined",
	[NDSHM_USAGE_XMIT] = "xmit",
	[NDSHM_USAGE_XMIT_HEADER] = "xmit-header",
	[NDSHM_USAGE_XMIT_DATA] = "xmit-data",
	[NDSHM_USAGE_RECEIVE] = "receive",
	[NDSHM_USAGE_RECEIVE_LOOKAHEAD] = "receive-lookahead",
	[NDSHM_USAGE_RECEIVE_POST_LOOKAHEAD] = "receive-post-lookahead",
	[NDSHM_USAGE_RECEIVE_HEADER] = "receive-header",
	[NDSHM_USAGE_RECEIVE_DATA] = "receive-data",
	[NDSHM_USAGE_OTHER] = "other",
};

_Static_assert(sizeof(usages) / sizeof(usages[0]) == NDSHM_USAGE_MAX, "a usage has no name");

void make_printable(char *name)
{
	size_t length;
	wchar_t c;

	for (; *name; name += length) {
		length = mbrtowc(&c, name, MB_CUR_MAX, &(mbstate_t){ 0 });
		if (length > MB_CUR_MAX || !iswprint(c)) {
			length = 1;
			*name = '?';
		}
	}
}

char *isolation_words(uint32_t isolation)
{
	const char *comma = "";
	char *words;

	if (isolation == ISOLATION_UNKNOWN)
		return format_string("isolation unknown: netlink is not permitted");
	words = format_string("%s", isolation ? "not isolated: " : "isolated");
	for (size_t i = 0; i < PROPERTIES; i++) {
		char *longer;

		if (!(isolation & 1U << i))
			continue;
		longer = format_string("%s%s%s", words, comma, properties[i].words);
		free(words);
		words = longer;
		comma = ", ";
	}
	if (isolation & ~NDSHM_ISOLATION_ALL) {
		char *longer = format_string("%s%s0x%x", words, comma,
					     isolation & ~NDSHM_ISOLATION_ALL);

		free(words);
		words = longer;
	}
	return words;
}

json_t *isolation_json(uint32_t isolation)
{
	json_t *names;

	if (isolation == ISOLATION_UNKNOWN)
		return json_null();
	names = json_array();
	for (size_t i = 0; i < PROPERTIES; i++)
		if (isolation & 1U << i)
			json_array_append_new(names, json_string(properties[i].name));
	return names;
}

const char *isolation_property(unsigned int bit)
{
	return bit < PROPERTIES ? properties[bit].words : NULL;
}

const char *isolation_advice(unsigned int bit)
{
	return bit < PROPERTIES ? properties[bit].advice : NULL;
}

const char *usage_name(uint32_t usage)
{
	return usage < NDSHM_USAGE_MAX ? usages[usage] : "unknown";
}

const char *queue_state(const struct ndshm_queue_row *row)
{
	static const char *const queues[] = {
		"gone", "allocated", "set", "running", "paused", "stop-dma", "freeing"
	};
	static const char *const ports[] = { "gone", "created", "active", "deleting" };

	if (row->port)
		return row->state < 4 ? ports[row->state] : "unknown";
	return row->state < 7 ? queues[row->state] : "unknown";
}

char *processor_list(uint32_t group, uint64_t mask)
{
	char *list = format_string("%s", "");

	for (unsigned int first = 0, last; first < 64; first = last + 1) {
		uint64_t base = UINT64_C(64) * group;
		char *longer;

		last = first;
		if (!(mask >> first & 1))
			continue;
		while (last < 63 && mask >> (last + 1) & 1)
			last++;
		longer = format_string("%s%s%" PRIu64, list, *list ? "," : "", base + first);
		free(list);
		list = longer;
		if (last == first)
			continue;
		longer = format_string("%s-%" PRIu64, list, base + last);
		free(list);
		list = longer;
	}
	return list;
}

char *usage_names(void)
{
	char *names = format_string("%s", usages[NDSHM_USAGE_UNDEFINED + 1]);

	for (uint32_t i = NDSHM_USAGE_UNDEFINED + 2; i < NDSHM_USAGE_MAX; i++) {
		char *longer = format_string("%s, %s", names, usages[i]);

		free(names);
		names = longer;
	}
	return names;
}

bool parse_usage(const char *word, uint32_t *usage)
{
	for (uint32_t i = NDSHM_USAGE_UNDEFINED + 1; i < NDSHM_USAGE_MAX; i++) {
		if (!strcmp(word, usages[i])) {
			*usage = i;
			return true;
		}
	}
	return false;
}

/* Accepts digits only: strtoull() would accept signs and blanks. */
static bool parse_digits(const char *word, uint64_t *number, const char **end)
{
	char *after;

	if (!isdigit((unsigned char)*word))
		return false;
	errno = 0;
	*number = strtoull(word, &after, 10);
	*end = after;
	return !errno;
}

bool parse_number(const char *word, uint64_t max, uint64_t *number)
{
	const char *end;

	return parse_digits(word, number, &end) && !*end && *number <= max;
}

bool parse_node(const char *word, int32_t *node)
{
	uint64_t number;

	if (!strcmp(word, "any")) {
		*node = NDSHM_NODE_ANY;
		return true;
	}
	if (!parse_number(word, INT32_MAX, &number))
		return false;
	*node = number;
	return true;
}

#define DECIMALS_MAX	9	/* 10^9 is below 2^30 */

/*
 * Return fraction / scale units of 2^shift bytes, rounded down. The fraction is less than scale, which
 * is at most 10^9; shift is at most 60. Two steps, because 32-bit machines have no 128-bit numbers.
 */
static uint64_t part_of_unit(uint64_t fraction, uint64_t scale, unsigned int shift)
{
	unsigned int first = shift < 30 ? shift : 30;

	fraction <<= first;
	shift -= first;
	return (fraction / scale << shift) + ((fraction % scale << shift) / scale);
}

const char *parse_size(const char *word, uint64_t *size)
{
	static const char units[] = "KMGTPE";
	uint64_t number, fraction = 0, scale = 1;
	const char *end, *unit;
	unsigned int shift;

	if (!isdigit((unsigned char)*word))
		return "not a size; use a number of bytes, such as 4096, 64K, 1.5G or 2MiB";
	if (!parse_digits(word, &number, &end))
		return "too large; use a size below 16E";
	if (*end == '.') {
		const char *first = ++end;

		for (; isdigit((unsigned char)*end); end++) {
			if (end - first == DECIMALS_MAX)
				return "too many decimals; use at most 9";
			fraction = fraction * 10 + (*end - '0');
			scale *= 10;
		}
		if (end == first)
			return "not a size; use a number of bytes, such as 4096, 64K, 1.5G or 2MiB";
		if (!*end)
			return "a fraction of a byte; add a suffix, such as K, M or G";
	}
	if (!*end) {
		*size = number;
		return NULL;
	}
	unit = strchr(units, *end);
	if (!unit || (end[1] && strcmp(end + 1, "iB")))
		return "unknown suffix; use K, M, G, T, P or E, or KiB to EiB, which are powers of 1024";
	shift = 10 * (unit - units + 1);
	if (number > UINT64_MAX >> shift)
		return "too large; use a size below 16E";
	/* The part is less than a unit, so the sum does not overflow. */
	*size = (number << shift) + part_of_unit(fraction, scale, shift);
	return NULL;
}

void add_saturated(uint64_t *sum, uint64_t number)
{
	if (__builtin_add_overflow(*sum, number, sum))
		*sum = UINT64_MAX;
}

/* snprintf() takes several times as long, which long lists consist of. */
size_t format_number(uint64_t number, char *text)
{
	char digits[NUMBER_SIZE];
	size_t length = 0;

	do {
		digits[length++] = '0' + number % 10;
		number /= 10;
	} while (number);
	for (size_t i = 0; i < length; i++)
		text[i] = digits[length - 1 - i];
	text[length] = '\0';
	return length;
}

void format_size(uint64_t bytes, char *text)
{
	static const char units[] = "KMGTPE";
	unsigned int unit = 0, shift = 10;
	uint64_t whole, tenths;

	if (bytes < 1024) {
		format_number(bytes, text);
		return;
	}
	while (bytes >> shift >= 1024) {
		shift += 10;
		unit++;
	}
	whole = bytes >> shift;
	/* To the nearest tenth. The rest has at most 60 bits. */
	tenths = ((bytes - (whole << shift)) * 10 + (1ULL << (shift - 1))) >> shift;
	if (tenths == 10) {
		whole++;
		tenths = 0;
	}
	if (whole == 1024 && units[unit + 1]) {
		whole = 1;
		unit++;
	}
	text += format_number(whole, text);
	if (tenths) {
		*text++ = '.';
		text += format_number(tenths, text);
	}
	*text++ = units[unit];
	*text = '\0';
}
