// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A list in a section, which another process reads at another address.
 *
 *	ndshm-cpp		with the module
 *	ndshm-cpp memfd:	with the stand-in, on any machine
 */
#include <cstdio>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <ndshm/ndshm.hpp>

struct node {
	int value;
	libndshm::offset_ptr<node> next;
};

/* Sum up a list that another process wrote: check each pointer, and stop after 100. */
static int sum(const libndshm::section &section, std::uint64_t first)
{
	int total = 0, count = 0;

	for (node *at = section.at<node>(first); at && count < 100; at = at->next.checked(section)) {
		total += at->value;
		count++;
	}
	return total;
}

int main(int argc, char **argv)
try {
	libndshm::context context(argc > 1 ? argv[1] : nullptr);
	libndshm::section section(context, 1 << 20);
	libndshm::resource heap(section);

	std::pmr::vector<int> squares(&heap);
	for (int i = 1; i <= 4; i++)
		squares.push_back(i * i);

	auto second = libndshm::make_unique<node>(section, node{squares[3], nullptr});
	auto first = libndshm::make_unique<node>(section, node{squares[2], second.get()});
	std::uint64_t start = section.offset(first.get());
	libndshm::descriptor shared = section.share(NDSHM_SHARE_READONLY);

	pid_t child = fork();
	if (!child) {
		libndshm::context none("section:");
		auto other = libndshm::section::adopt(none, shared.get());

		std::printf("another address: %s, sum: %d\n",
			    other.base() != section.base() ? "yes" : "no", sum(other, start));
		std::fflush(stdout);
		_exit(0);
	}
	int status;
	return waitpid(child, &status, 0) == child && !status ? 0 : 1;
} catch (const std::exception &error) {
	std::fprintf(stderr, "%s\n", error.what());
	return 1;
}
