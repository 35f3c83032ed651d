// SPDX-License-Identifier: GPL-2.0
/*
 * A claim ends while processes that inherited its mappings unmap them or exit.
 * The kernel reports problems as warnings, so its taint flag for warnings must
 * not change.
 */
#include "ndshm_edu.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define ROUNDS		300
#define CHILDREN	4

#define TAINTED		"/proc/sys/kernel/tainted"
#define TAINTED_WARNING	0x200

FIXTURE(stress) {
	struct ndshm_edu edu;
};

FIXTURE_SETUP(stress)
{
	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
}

FIXTURE_TEARDOWN(stress)
{
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

/* Action of the children while the parent ends the claim. */
FIXTURE_VARIANT(stress) {
	bool bar;
	bool unmap;
};

FIXTURE_VARIANT_ADD(stress, bar_unmap) { .bar = true, .unmap = true };
FIXTURE_VARIANT_ADD(stress, bar_exit) { .bar = true, .unmap = false };
FIXTURE_VARIANT_ADD(stress, block_unmap) { .bar = false, .unmap = true };
FIXTURE_VARIANT_ADD(stress, block_exit) { .bar = false, .unmap = false };

static void *map_it(struct __test_metadata *_metadata,
		    struct _test_data_stress *self, int fd, bool bar,
		    size_t *length)
{
	struct ndshm_adapter_map_bar_args map =
		adapter_map_bar_request(self->edu.adapter.id, 0);
	struct ndshm_block_info block;
	void *memory;

	test_adapter_claim(fd, self->edu.adapter.name, EDU_WIDTH);
	if (bar) {
		test_adapter_map_bar(fd, &map);
		*length = 16 * page_size();
		memory = mmap(NULL, *length, PROT_READ | PROT_WRITE,
			      MAP_SHARED, fd, map.out_mmap_offset);
	} else {
		block = test_new_block(fd, self->edu.adapter.id,
				       16 * page_size());
		*length = block.length;
		memory = test_map_block(fd, &block);
	}
	ASSERT_NE(MAP_FAILED, memory);
	return memory;
}

TEST_F(stress, claim_ends)
{
	long long tainted = ndshm_read_number(TAINTED) & TAINTED_WARNING;
	unsigned int round, rounds = ndshm_rounds(ROUNDS, 20);
	const struct ndshm_cases before = *ndshm_cases;
	int peers[CHILDREN], i, fd;
	pid_t children[CHILDREN];
	size_t length, at;
	char *memory;

	for (round = 0; round < rounds; round++) {
		fd = ndshm_open();
		ASSERT_LE(0, fd);
		memory = map_it(_metadata, self, fd, variant->bar, &length);
		for (at = 0; at < length; at += page_size())
			__atomic_load_n((const __u32 *)(memory + at), __ATOMIC_RELAXED);
		for (i = 0; i < CHILDREN; i++) {
			children[i] = ndshm_fork(&peers[i]);
			ASSERT_LE(0, children[i]);
			if (!children[i]) {
				close(fd);
				ndshm_signal_peer(peers[i]);
				ndshm_hear(peers[i]);
				if (variant->unmap)
					munmap(memory, length);
				_exit(0);
			}
		}
		for (i = 0; i < CHILDREN; i++)
			ASSERT_TRUE(ndshm_hear(peers[i]));
		for (i = 0; i < CHILDREN; i++)
			ndshm_signal_peer(peers[i]);
		close(fd);
		for (i = 0; i < CHILDREN; i++) {
			EXPECT_TRUE(ndshm_reap(children[i]));
			close(peers[i]);
		}
		munmap(memory, length);
		ASSERT_EQ(tainted, ndshm_read_number(TAINTED) & TAINTED_WARNING);
	}
	ndshm_one_case(&before, true);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
