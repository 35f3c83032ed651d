// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Tests ring.c with a fake card, which reads and writes descriptors as the 82574 does: it returns
 * a transmit descriptor to the driver only if TXD_REPORT is set in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/expect.h"
#include "net.h"
#include "regs.h"
#include "ring.h"

#define BUFFER		2048
#define RX_ADDRESS	0x100000	/* DMA addresses of the buffers */
#define TX_ADDRESS	0x200000
#define LENGTH(n)	(60 + (n) % 1000)

static uint8_t registers[REGS_LENGTH];
static struct rx_ring rx;
static struct tx_ring tx;
static struct card card = { .bar = registers };
/* The buffers by DMA address, for the card. */
static uint8_t *memory[2][RING_DESCRIPTORS];
static unsigned int rx_head, tx_head;
static uint64_t sent;		/* frames that the card has sent */
static uint64_t received;

/* The first call of each ring is for its descriptors. */
int buffers_make(struct buffers *buffers, const struct card *owner, uint32_t usage, size_t size,
		 size_t count, const char *name)
{
	bool receive = usage == NDSHM_USAGE_RECEIVE;

	(void)owner;
	(void)name;
	memset(buffers, 0, sizeof(*buffers));
	buffers->size = size;
	buffers->count = count;
	for (size_t i = 0; i < count; i++) {
		buffers->memory[i] = calloc(1, size);
		buffers->address[i] = (receive ? RX_ADDRESS : TX_ADDRESS) + i * BUFFER;
		if (!buffers->memory[i])
			abort();
		if (usage != NDSHM_USAGE_OTHER)
			memory[!receive][i] = buffers->memory[i];
	}
	return 0;
}

void buffers_free(struct buffers *buffers)
{
	for (size_t i = 0; i < buffers->count; i++)
		free(buffers->memory[i]);
	memset(buffers, 0, sizeof(*buffers));
}

/* Returns the memory at a DMA address, which must be the begin of a buffer. */
static uint8_t *memory_at(uint64_t address)
{
	bool receive = address < TX_ADDRESS;
	uint64_t offset = address - (receive ? RX_ADDRESS : TX_ADDRESS);

	EXPECT(offset / BUFFER < RING_DESCRIPTORS && !(offset % BUFFER));
	return memory[!receive][offset / BUFFER % RING_DESCRIPTORS];
}

static void put_number(uint8_t *frame, uint64_t number)
{
	memcpy(frame, &number, sizeof(number));
}

static uint64_t number_of(const uint8_t *frame)
{
	uint64_t number;

	memcpy(&number, frame, sizeof(number));
	return number;
}

/* The card receives a frame with these bits in the descriptor. Returns false without room. */
static bool card_receives(size_t length, uint64_t bits)
{
	struct ring_descriptor *descriptor = &rx.ring.descriptor[rx_head];

	if (rx_head == card_read(&card, REG_RDT(0)))
		return false;
	put_number(memory_at(descriptor->address), received++);
	descriptor->word = length | bits;
	rx_head = (rx_head + 1) % RING_DESCRIPTORS;
	return true;
}

static bool card_receives_next(void)
{
	return card_receives(LENGTH(received), RXD_DONE | RXD_END);
}

/* The card sends `most` frames at most, whose numbers and lengths must be in order. */
static unsigned int card_sends(unsigned int most)
{
	unsigned int count = 0;

	for (; count < most && tx_head != card_read(&card, REG_TDT(0)); count++) {
		struct ring_descriptor *descriptor = &tx.ring.descriptor[tx_head];

		EXPECT(number_of(memory_at(descriptor->address)) == sent);
		EXPECT((descriptor->word & 0xffff) == LENGTH(sent));
		EXPECT(descriptor->word & TXD_END && descriptor->word & TXD_INSERT_CRC);
		EXPECT(!(descriptor->word & TXD_DONE));
		if (descriptor->word & TXD_REPORT)
			descriptor->word |= TXD_DONE;
		tx_head = (tx_head + 1) % RING_DESCRIPTORS;
		sent++;
	}
	return count;
}

/* Each buffer must have one place, with its address. */
static void check_places(void)
{
	bool seen[2][RING_DESCRIPTORS] = { 0 };

	for (unsigned int i = 0; i < 2 * RING_DESCRIPTORS; i++) {
		struct buffers *buffers = i % 2 ? &rx.ring.buffers : &tx.ring.buffers;
		uint64_t address = buffers_address(buffers, i / 2);
		bool receive = address < TX_ADDRESS;
		uint64_t offset = address - (receive ? RX_ADDRESS : TX_ADDRESS);

		EXPECT(buffers_memory(buffers, i / 2) == memory_at(address));
		EXPECT(!seen[receive][offset / BUFFER]);
		seen[receive][offset / BUFFER] = true;
	}
}

static void start(void)
{
	memset(registers, 0, sizeof(registers));
	rx_head = 0;
	tx_head = 0;
	sent = 0;
	received = 0;
	EXPECT(!rx_make(&rx, &card, NET_FRAME_STANDARD));
	EXPECT(!tx_make(&tx, &card, NET_FRAME_STANDARD));
	tx_start(&tx);
	rx_start(&rx, NET_FRAME_STANDARD);
}

static void finish(void)
{
	check_places();
	ring_free(&rx.ring);
	ring_free(&tx.ring);
}

/* The driver answers up to `most` frames. Returns their number. */
static unsigned int answer(unsigned int most)
{
	unsigned int count = 0;
	uint8_t *frame;
	int length;

	while (count < most && (length = rx_take(&rx, &frame)) > 0) {
		EXPECT((size_t)length == LENGTH(number_of(frame)));
		tx_answer(&tx, &rx, length);
		count++;
	}
	rx_flush(&rx);
	tx_flush(&tx);
	return count;
}

static void test_answers(void)
{
	start();
	for (unsigned int round = 0; round < 1000; round++) {
		unsigned int count = 0;

		while (count < round % RING_BATCH + 1 && card_receives_next())
			count++;
		EXPECT(count == round % RING_BATCH + 1);
		EXPECT(answer(RING_BATCH) == count);
		EXPECT(!tx_idle(&tx));
		EXPECT(card_sends(RING_DESCRIPTORS) == count);
		EXPECT(tx_idle(&tx));
	}
	EXPECT(rx.frames == received && tx.frames == sent && sent == received);
	EXPECT(rx.bytes == tx.bytes);
	EXPECT(!tx.full);
	finish();
}

/* The card sends parts of batches, and is behind by more than one batch. */
static void test_slow_card(void)
{
	unsigned int seed = 82574;

	start();
	for (unsigned int round = 0; round < 20000; round++) {
		unsigned int count = rand_r(&seed) % RING_BATCH;

		while (count-- && card_receives_next())
			;
		if (tx_room(&tx) >= RING_BATCH)
			answer(1 + rand_r(&seed) % RING_BATCH);
		card_sends(rand_r(&seed) % RING_BATCH);
		EXPECT(tx.frames <= sent);
	}
	for (unsigned int i = 0; i < RING_DESCRIPTORS && (answer(RING_BATCH) || !tx_idle(&tx)); i++)
		card_sends(RING_DESCRIPTORS);
	EXPECT(sent == received && tx.frames == sent && tx.bytes == rx.bytes);
	finish();
}

/* Without a free transmit descriptor the answer is dropped, and the buffer receives again. */
static void test_full(void)
{
	start();
	for (unsigned int i = 0; i < 2 * RING_DESCRIPTORS; i++) {
		EXPECT(card_receives_next());
		EXPECT(answer(RING_BATCH) == 1);
	}
	EXPECT(tx.full == RING_DESCRIPTORS + 1);
	EXPECT(!tx_room(&tx));
	EXPECT(!tx_buffer(&tx));
	EXPECT(tx.full == RING_DESCRIPTORS + 2);
	EXPECT(card_sends(2 * RING_DESCRIPTORS) == RING_DESCRIPTORS - 1);
	EXPECT(tx_room(&tx) == RING_DESCRIPTORS - 1);
	finish();
}

/* Frames of the driver's own, among answers. */
static void test_own(void)
{
	start();
	for (uint64_t i = 0; i < 3000; i++) {
		uint8_t *frame = tx_buffer(&tx);

		EXPECT(frame);
		if (!frame)
			break;
		put_number(frame, i);
		tx_put(&tx, LENGTH(i));
		if (i % 7)
			continue;
		received = ++i;
		EXPECT(card_receives_next());
		EXPECT(answer(RING_BATCH) == 1);
		card_sends(RING_DESCRIPTORS);
	}
	tx_flush(&tx);
	card_sends(RING_DESCRIPTORS);
	EXPECT(tx_idle(&tx) && tx.frames == sent && sent >= 3000);
	finish();
}

static void test_drops(void)
{
	static const struct {
		uint64_t bits;
		size_t length;
		uint64_t *counter;
		int result;
	} frames[] = {
		{ RXD_DONE | RXD_END, 60, &rx.frames, 60 },
		{ RXD_DONE | RXD_END, 0, &rx.bad_length, -1 },
		{ RXD_DONE | RXD_END, BUFFER + 1, &rx.bad_length, -1 },
		{ RXD_DONE | RXD_END, 65535, &rx.bad_length, -1 },
		{ RXD_DONE | RXD_END | RXD_ERRORS, 60, &rx.errors, -1 },
		{ RXD_DONE | RXD_END, BUFFER, &rx.frames, BUFFER },
		{ RXD_DONE, BUFFER, NULL, -1 },
		{ RXD_DONE, BUFFER, NULL, -1 },
		{ RXD_DONE | RXD_END, 60, &rx.spanned, -1 },
		{ RXD_DONE | RXD_END, 61, &rx.frames, 61 },
	};
	uint8_t *frame;

	start();
	for (unsigned int round = 0; round < 100; round++) {
		for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
			uint64_t before = frames[i].counter ? *frames[i].counter : 0;

			EXPECT(!rx_take(&rx, &frame));
			EXPECT(card_receives(frames[i].length, frames[i].bits));
			EXPECT(rx_take(&rx, &frame) == frames[i].result);
			if (frames[i].counter)
				EXPECT(*frames[i].counter == before + 1);
			if (frames[i].result > 0)
				rx_return(&rx);
			rx_flush(&rx);
		}
	}
	EXPECT(rx.frames == 300 && rx.bad_length == 300 && rx.errors == 100 && rx.spanned == 100);
	finish();
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "frames are answered in their buffers", test_answers },
	{ "a card sends parts of batches", test_slow_card },
	{ "a full ring drops answers", test_full },
	{ "frames of the driver and answers share the ring", test_own },
	{ "bad frames are dropped and counted", test_drops },
};

static const char *run(size_t test)
{
	tests[test].run();
	return tests[test].name;
}

int main(void)
{
	puts("TAP version 13");
	return expect_all(sizeof(tests) / sizeof(tests[0]), run);
}
