// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sender.h"

#define SECOND	1000000000LL

void sender_init(struct sender *sender, const struct options *options)
{
	*sender = (struct sender){
		.left = options->send,
		.rate = options->rate,
		.burst = options->burst,
		.size = options->size,
	};
}

static unsigned int find_peer(struct sender *sender, const struct net *net, struct tx_ring *tx,
			      int64_t now)
{
	uint8_t *frame;

	if (now < sender->next_request)
		return 0;
	sender->next_request = now + SECOND;
	frame = tx_buffer(tx);
	if (!frame)
		return 0;
	tx_put(tx, net_make_request(net, frame));
	return 1;
}

/* The number of frames that the rate permits until `now`. */
static uint64_t allowed(const struct sender *sender, int64_t now)
{
	uint64_t elapsed = now - sender->start;

	return elapsed / SECOND * sender->rate +
	       elapsed % SECOND * sender->rate / SECOND + 1;
}

unsigned int sender_step(struct sender *sender, const struct net *net, struct tx_ring *tx,
			 int64_t now)
{
	uint64_t count = sender->left;
	unsigned int room;

	if (!count)
		return 0;
	if (!net->has_peer_mac)
		return find_peer(sender, net, tx, now);

	if (!sender->start)
		sender->start = now;
	if (sender->rate) {
		uint64_t due = allowed(sender, now) - sender->sent;

		if (count > due)
			count = due;
	}
	if (count > sender->burst)
		count = sender->burst;
	room = tx_room(tx);
	if (count > room)
		count = room;

	for (uint64_t i = 0; i < count; i++) {
		uint8_t *frame = tx_buffer(tx);

		if (!frame)
			return i;
		net_make_test(net, frame, sender->size, sender->sent);
		tx_put(tx, sender->size);
		sender->sent++;
		sender->left--;
	}
	return count;
}
