/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fake /dev/ndshm: ioctl() returns answers that a test sets, and /dev/zero provides the
 * memory, and stands for the device nodes of adapters. Sections and holders are descriptors without
 * a file, like the module's.
 * Requires --wrap of ioctl, mmap64 and open64.
 */
#ifndef NDSHM_TEST_FAKE_DEVICE_H
#define NDSHM_TEST_FAKE_DEVICE_H

#include <stdbool.h>

#include <ndshm/section.h>

#define DEVICE "/dev/zero"

/* Size of its sections. */
#define SECTION_SIZE	(4UL << 20)

/* Answers to the next commands. */
struct answer {
	bool real;			/* pass calls on to the real device */
	int ret;			/* result of one command, if not 0 */
	int error;			/* errno of a result of -1 */
	uint32_t reason, status;	/* written on a failure */
	int interrupted;		/* number of EINTR results before */
	uint64_t features;
	uint32_t block_flags;
	uint32_t segments;
	uint64_t huge_size;
	uint64_t address;
	int map_error;			/* errno of one mmap() */
	bool talkative;			/* write the reason on success, too */
	int open_error;			/* errno of every open() */
	int open_interrupted;		/* number of EINTR results before */
	uint32_t section_flags;
};

/* Arguments of the last commands, and counters. */
struct requested {
	int calls, frees, bars, opens;
	char path[64];			/* of the last open() */
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_free_args free;
	struct ndshm_block_free_id_args free_id;
	struct ndshm_section_delete_id_args section_delete_id;
	uint32_t freed[64];		/* handles of the last array */
	struct ndshm_adapter_claim_args claim;
	struct ndshm_adapter_start_args start;
	struct ndshm_adapter_set_irqs_args set_irqs;
	struct ndshm_adapter_reset_args reset;
	struct ndshm_adapter_config_args config;
	int eventfds[8];		/* of the last set_irqs */
	struct ndshm_block_sync_args sync;
	struct ndshm_block_export_args export;
	uint64_t map_offset;
	int map_protection;

	/* Descriptor of the last command, and its arguments. */
	int fd;
	int attaches;
	struct ndshm_section_create_args section_create;
	struct ndshm_section_open_args section_open;
	struct ndshm_section_attach_args section_attach;
	struct ndshm_section_share_args section_share;
	struct ndshm_section_delete_args section_delete;
	struct ndshm_section_sync_args section_sync;
	struct ndshm_section_export_args section_export;
	struct ndshm_extent_alloc_args extent_alloc;
	struct ndshm_extent_free_args extent_free;
	struct ndshm_extent_query_args extent_query;
};

extern struct answer answer;
extern struct requested requested;

/* Reset the device; all commands succeed. */
void device_reset(void);
/* Let the next command fail. */
void device_fail_next(int error, uint32_t reason, uint32_t status);

/* Let the next command fail for this reason, and expect that the call fails in the same way. */
#define CHECK_PASSED_ON(ndshm, call, reason) do { \
	const struct ndshm_expected *expected_ = &ndshm_expected[NDSHM_REASON_##reason]; \
	\
	device_fail_next(expected_->error, NDSHM_REASON_##reason, expected_->status); \
	CHECK_REASON(ndshm, call, reason); \
} while (0)

/* The same with the answer of a module that lacks the command. */
#define CHECK_MISSING(ndshm, call) do { \
	device_fail_next(ENOTTY, 0, 0); \
	CHECK_ERRNO(ndshm, call, EOPNOTSUPP); \
} while (0)

/*
 * Expect that the last command of this kind had these arguments, and 0 in all other members.
 * @member: of struct requested
 */
#define CHECK_REQUESTED(member, ...) \
	CHECK(!memcmp(&requested.member, \
		      &(__typeof__(requested.member)){ .size = sizeof(requested.member), \
						       __VA_ARGS__ }, \
		      sizeof(requested.member)))

/* Expect each failure of mmap() in @call to arrive; @gone: the reason if the object has gone. */
#define CHECK_MAP_FAILURES(ndshm, call, gone) do { \
	answer.map_error = ENODEV; \
	CHECK_REASON(ndshm, call, gone); \
	answer.map_error = ENOMEM; \
	CHECK_REASON(ndshm, call, MEMORY); \
	answer.map_error = EAGAIN; \
	CHECK_REASON(ndshm, call, MLOCKALL); \
	answer.map_error = ENXIO; \
	CHECK_ERRNO(ndshm, call, ENXIO); \
	CHECK(!answer.map_error); \
} while (0)

/* Reset the device and open a client. Return: NULL on failure. */
struct ndshm *device_open(void);

/* Tests of a context, and of an object that @begin makes of it and @end frees. */
#define DEVICE_TEST(name) \
	TEST_WITH(name, struct ndshm *, ndshm, device_open(), ndshm_close(ndshm))

#define DEVICE_OBJECT_TEST(name, type, object, begin, end) \
	static void name##_on(struct ndshm *ndshm, type object); \
	DEVICE_TEST(name) \
	{ \
		type object = begin; \
		\
		REQUIRE(object); \
		name##_on(ndshm, object); \
		end; \
	} \
	static void name##_on(struct ndshm *ndshm, type object)

#endif /* NDSHM_TEST_FAKE_DEVICE_H */
