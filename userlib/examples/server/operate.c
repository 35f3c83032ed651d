// SPDX-License-Identifier: LGPL-2.1-or-later
#include <endian.h>
#include <string.h>

#include "operate.h"

#define CRC32_POLYNOMIAL	0xedb88320U	/* IEEE 802.3, bit-reversed */

/* Returns the CRC of one byte, an entry of the table. */
static uint32_t crc32_of(uint32_t crc)
{
	for (int bit = 0; bit < 8; bit++)
		crc = crc >> 1 ^ (crc & 1 ? CRC32_POLYNOMIAL : 0);
	return crc;
}

static void crc32(uint8_t *contents, size_t length)
{
	static uint32_t table[256];
	uint32_t crc = UINT32_MAX;

	for (uint32_t i = 0; !table[255] && i < 256; i++)
		table[i] = crc32_of(i);
	for (size_t i = 0; i < length; i++)
		crc = crc >> 8 ^ table[(crc ^ contents[i]) & 0xff];
	crc = htole32(~crc);
	memcpy(contents, &crc, sizeof(crc));
}

static void upper(uint8_t *contents, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (contents[i] >= 'a' && contents[i] <= 'z')
			contents[i] -= 'a' - 'A';
}

static void reverse(uint8_t *contents, size_t length)
{
	for (size_t i = 0; i < length / 2; i++) {
		uint8_t first = contents[i];

		contents[i] = contents[length - 1 - i];
		contents[length - 1 - i] = first;
	}
}

size_t operate_length(enum operation operation, size_t length)
{
	return operation == OPERATION_CRC32 ? sizeof(uint32_t) : length;
}

size_t operate(enum operation operation, uint8_t *contents, size_t length)
{
	switch (operation) {
	case OPERATION_CRC32:
		crc32(contents, length);
		break;
	case OPERATION_UPPER:
		upper(contents, length);
		break;
	case OPERATION_REVERSE:
		reverse(contents, length);
		break;
	case OPERATIONS:
		break;
	}
	return operate_length(operation, length);
}
