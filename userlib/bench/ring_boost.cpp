// SPDX-License-Identifier: GPL-2.0
// The message queue of Boost.Interprocess, for ring.c.
#include <boost/interprocess/ipc/message_queue.hpp>

using boost::interprocess::message_queue;

static message_queue *queue;

extern "C" int boost_open(int capacity, size_t bytes)
{
	try {
		message_queue::remove("ndshm-bench");
		queue = new message_queue(boost::interprocess::create_only, "ndshm-bench",
					  capacity, bytes);
		message_queue::remove("ndshm-bench");
		return 0;
	} catch (...) {
		return -1;
	}
}

extern "C" int boost_send(const char *message, size_t bytes)
{
	queue->send(message, bytes, 0);
	return 0;
}

extern "C" int boost_receive(char *message, size_t bytes)
{
	message_queue::size_type length;
	unsigned int priority;

	queue->receive(message, bytes, length, priority);
	return length != bytes;
}
