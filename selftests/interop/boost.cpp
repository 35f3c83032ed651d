// SPDX-License-Identifier: GPL-2.0
/*
 * Boost.Interprocess: two processes allocate from one buffer under its own mutex, and one of them is
 * killed a hundred times.
 */
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/interprocess/indexes/iset_index.hpp>
#include <boost/interprocess/managed_external_buffer.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>

#define noreturn	[[noreturn]]
#define _STDNORETURN_H
extern "C" {
#include "memory.h"
}

namespace ip = boost::interprocess;

/* managed_external_buffer itself has no mutex. */
using buffer_type = ip::basic_managed_external_buffer<char, ip::rbtree_best_fit<ip::mutex_family>,
						      ip::iset_index>;

constexpr unsigned int operations = 1000000;
constexpr unsigned int kills = 100;
constexpr unsigned int in_turn = operations / 2 / kills;

/* Held by the child but between its operations: a mutex of a process that was killed stays locked. */
struct gate {
	ip::interprocess_mutex mutex;
	unsigned long operations;
};

/* One allocation, whose contents no other one may overwrite. */
static bool use(buffer_type &buffer, unsigned int number)
{
	const std::size_t length = 16 + number * 7919 % 1000;
	auto *bytes = static_cast<unsigned char *>(buffer.allocate(length));
	bool same = true;

	std::memset(bytes, number, length);
	for (std::size_t i = 0; i < length; i += 15)
		same = same && bytes[i] == static_cast<unsigned char>(number);
	buffer.deallocate(bytes);
	return same;
}

noreturn static void run_child(buffer_type &buffer, struct gate *gate)
{
	for (unsigned int i = 0;; i++) {
		ip::scoped_lock<ip::interprocess_mutex> lock(gate->mutex);
		if (!use(buffer, i))
			_exit(1);
		gate->operations++;
	}
}

/* Return: false if a child or the parent found wrong contents. */
static bool round(buffer_type &buffer, struct gate *gate, unsigned long goal)
{
	const pid_t child = fork();
	unsigned int i = 0;
	bool good = true;
	int status;

	if (!child)
		run_child(buffer, gate);
	for (;;) {
		if (i < in_turn)
			good = use(buffer, i++) && good;
		ip::scoped_lock<ip::interprocess_mutex> lock(gate->mutex);
		if (!good || waitpid(child, &status, WNOHANG))
			return false;
		if (i < in_turn || gate->operations < goal)
			continue;
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		return true;
	}
}

int main(int argc, char **argv)
{
	struct interop_memory memory;

	if (argc != 2)
		interop_fail("usage: interop-boost KIND", EINVAL);
	interop_open(argv[1], 4 << 20, &memory);
	buffer_type buffer(ip::create_only, memory.base, memory.length);
	auto *gate = buffer.construct<struct gate>("gate")();

	for (unsigned int i = 1; i <= kills; i++)
		if (!round(buffer, gate, static_cast<unsigned long>(i) * in_turn))
			interop_wrong("contents of an allocation");
	if (!buffer.check_sanity())
		interop_wrong("the buffer");
	interop_result(0);
}
