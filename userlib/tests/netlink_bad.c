// SPDX-License-Identifier: GPL-2.0
/*
 * Lists by netlink with errors: no memory, no socket, invalid messages. In each case the
 * result is 0 with valid rows, or a negative errno without rows.
 */

#include <netlink/errno.h>

#include "fake_kernel.h"
#include "internal.h"
#include "test.h"
#include "wrap.h"

static struct ndshm *ndshm;

/* Name of the libnl function that fails next. */
static const char *failing;
static int left;

static bool fails(const char *step)
{
	if (!failing || kernel.answering || strcmp(step, failing) || --left)
		return false;
	failing = NULL;
	return true;
}

WRAP(struct nl_sock *, nl_socket_alloc, void)
{
	return fails("nl_socket_alloc") ? NULL : __real_nl_socket_alloc();
}

WRAP(struct nl_msg *, nlmsg_alloc, void)
{
	return fails("nlmsg_alloc") ? NULL : __real_nlmsg_alloc();
}

WRAP(void *, genlmsg_put, struct nl_msg *message, uint32_t port, uint32_t number, int family,
     int length, int flags, uint8_t command, uint8_t version)
{
	if (fails("genlmsg_put"))
		return NULL;
	return __real_genlmsg_put(message, port, number, family, length, flags, command, version);
}

WRAP(int, nla_put_string, struct nl_msg *message, int type, const char *text)
{
	return fails("nla_put_string") ? -NLE_NOMEM : __real_nla_put_string(message, type, text);
}

WRAP(int, nl_send_auto, struct nl_sock *sock, struct nl_msg *message)
{
	return fails("nl_send_auto") ? -NLE_NOMEM : __real_nl_send_auto(sock, message);
}

static void one_adapter(void)
{
	kernel_put_adapter(5, "node0", NLM_F_MULTI);
	kernel_end_list();
}

static void the_one_requested(void)
{
	kernel_put_adapter(6, kernel.requested_name, 0);
	kernel_end_datagram();
	kernel_put_error(0);
}

static void nothing(void)
{
}

/* Expect that listing adapters fails with this negative errno, without rows. */
static void check_list_fails(int error)
{
	struct ndshm_adapter_info *rows = (void *)1;
	size_t count = 1;
	int ret = ndshm_list_adapters(ndshm, &rows, &count);

	if (ret != error)
		printf("# got %d, not %d\n", ret, error);
	CHECK(ret == error);
	CHECK(!rows && !count);
	CHECK(ndshm_last_reason(ndshm) == (error == -ENOMEM ? NDSHM_REASON_MEMORY :
					   error == -EAFNOSUPPORT ? NDSHM_REASON_NETLINK_REFUSED :
								    NDSHM_REASON_NONE));
}

TEST(each_step_needs_memory)
{
	static const char *const steps[] = {
		"nl_socket_alloc", "nlmsg_alloc", "genlmsg_put", "nl_send_auto", "nla_put_string",
	};
	struct ndshm_adapter_info info = { .id = 4711 };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		kernel_reset(the_one_requested);
		failing = steps[i];
		left = 1;
		CHECK_REASON(ndshm, ndshm_find_adapter(ndshm, "node0", &info), MEMORY);
		CHECK(!failing && info.id == 4711);
		/* Only the request of a name has a string attribute. */
		if (i + 1 == sizeof(steps) / sizeof(steps[0]))
			break;
		kernel_reset(one_adapter);
		failing = steps[i];
		left = 1;
		check_list_fails(-ENOMEM);
		CHECK(!failing);
	}
	kernel_reset(the_one_requested);
	CHECK_DONE(ndshm, ndshm_find_adapter(ndshm, "node0", &info));
}

TEST(libnls_errors_become_errnos)
{
	static const int errnos[NLE_MAX + 1] = {
		[NLE_INTR] = EINTR, [NLE_BAD_SOCK] = EBADF, [NLE_AGAIN] = EAGAIN,
		[NLE_NOMEM] = ENOMEM, [NLE_EXIST] = EEXIST, [NLE_INVAL] = EINVAL,
		[NLE_OPNOTSUPP] = EOPNOTSUPP, [NLE_AF_NOSUPPORT] = EAFNOSUPPORT,
		[NLE_PROTO_MISMATCH] = EOPNOTSUPP, [NLE_OBJ_NOTFOUND] = ENOENT,
		[NLE_BUSY] = EBUSY, [NLE_NOACCESS] = EAFNOSUPPORT, [NLE_PERM] = EAFNOSUPPORT,
		[NLE_NODEV] = ENODEV, [NLE_DUMP_INTR] = EAGAIN, [NLE_FAILURE] = EIO,
	};

	for (int error = 1; error <= NLE_MAX; error++) {
		kernel_reset(nothing);
		kernel.connect_error = -error;
		errno = 0;
		check_list_fails(-(errnos[error] ?: EBADMSG));
		/* EAGAIN is retried a limited number of times. */
		if (errnos[error] == EAGAIN)
			CHECK(kernel.connections > 1 && kernel.connections < 100);
		else
			CHECK(kernel.connections == 1);
	}
}

TEST(without_a_descriptor_it_says_so)
{
	int next = dup(STDOUT_FILENO);
	struct rlimit before;

	close(next);
	kernel_reset(one_adapter);
	REQUIRE(next >= 0 && test_limit(RLIMIT_NOFILE, next, &before));
	check_list_fails(-EMFILE);
	CHECK(!setrlimit(RLIMIT_NOFILE, &before));
}

static void rows_without_an_end(void)
{
	kernel_put_adapter(5, "node0", NLM_F_MULTI);
	kernel_end_datagram();
}

static void a_name_without_end(void)
{
	struct nl_msg *message = kernel_begin(NDSHM_CMD_ADAPTER_GET, NLM_F_MULTI);

	nla_put(message, NDSHM_A_ADAPTER_NAME, 4, "abcd");
	kernel_put(message);
	kernel_end_list();
}

static void a_short_message(void)
{
	struct nl_msg *message = nlmsg_alloc_size(4096);

	nlmsg_put(message, kernel.request.nlmsg_pid, kernel.request.nlmsg_seq, KERNEL_FAMILY, 0,
		  NLM_F_MULTI);
	kernel_put(message);
	kernel_end_list();
}

/* The socket ends before the answer does, or the answer has an invalid message. */
TEST(half_an_answer_is_none)
{
	static const struct {
		void (*script)(void);
		int error;
	} rows[] = {
		{ nothing, -EBADF },
		{ rows_without_an_end, -EBADF },
		{ a_name_without_end, -EBADMSG },
		{ a_short_message, -EBADMSG },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kernel_reset(rows[i].script);
		check_list_fails(rows[i].error);
	}
}

static void one_adapter_behind_nothing(void)
{
	kernel.empty = 3;
	one_adapter();
}

TEST(an_empty_datagram_is_passed_over)
{
	struct ndshm_adapter_info *rows;
	size_t count;

	kernel_reset(one_adapter_behind_nothing);
	CHECK_DONE(ndshm, ndshm_list_adapters(ndshm, &rows, &count));
	CHECK(count == 1 && rows[0].id == 5 && !kernel.empty);
	free(rows);
}

static int answered;

static void refused(void)
{
	kernel_put_error(answered);
}

static void refused_at_the_end(void)
{
	kernel_put_adapter(5, "node0", NLM_F_MULTI);
	kernel_end_datagram();
	kernel_put_done(answered, 0);
}

/* Some of the kernel's errnos have no number of their own in libnl. Positive ones are bad. */
TEST(the_kernels_errno_arrives)
{
	static const int errors[] = { -EPERM, -ENOBUFS, -EDQUOT, -ENODEV, -EIO, 1, 41, 181 };
	struct ndshm_adapter_info info;

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		const int expected = errors[i] < 0 ? errors[i] : -EBADMSG;

		answered = errors[i];
		kernel_reset(refused);
		check_list_fails(expected);
		CHECK_ERRNO(ndshm, ndshm_find_adapter(ndshm, "x", &info), -expected);
		kernel_reset(refused_at_the_end);
		check_list_fails(expected);
	}
	/* An answer without an adapter. */
	answered = 0;
	kernel_reset(refused);
	CHECK_ERRNO(ndshm, ndshm_find_adapter(ndshm, "x", &info), EBADMSG);
}

static void two_of_one_name(void)
{
	kernel_put_adapter(6, "x", 0);
	kernel_put_adapter(7, "x", 0);
	kernel_end_datagram();
	kernel_put_error(0);
}

TEST(two_of_one_name_are_bad)
{
	struct ndshm_adapter_info info = { .id = 4711 };

	kernel_reset(two_of_one_name);
	CHECK_ERRNO(ndshm, ndshm_find_adapter(ndshm, "x", &info), EBADMSG);
	CHECK(info.id == 4711);
}

static bool first;

/* All adapters are removed before the second attempt. */
static void interrupted_then_nothing(void)
{
	if (first)
		kernel_put_adapter(5, "node0", NLM_F_MULTI | NLM_F_DUMP_INTR);
	if (first)
		kernel_end_datagram();
	kernel_put_done(0, first ? NLM_F_DUMP_INTR : 0);
	first = false;
}

TEST(rows_of_an_interrupted_dump_are_forgotten)
{
	struct ndshm_adapter_info *rows = (void *)1;
	size_t count = 1;

	first = true;
	kernel_reset(interrupted_then_nothing);
	CHECK_DONE(ndshm, ndshm_list_adapters(ndshm, &rows, &count));
	CHECK(kernel.dumps == 2 && !rows && !count);
}

/* One attribute of a given length. */
static int attribute, attribute_length;
static uint8_t attribute_command;

static void one_attribute(void)
{
	struct nl_msg *message = kernel_begin(attribute_command, NLM_F_MULTI);
	static const char bytes[8];

	nla_put(message, attribute, attribute_length, bytes);
	kernel_put(message);
	kernel_end_list();
}

static int list(uint8_t command)
{
	void *rows = NULL;
	size_t count;
	int error;

	if (command == NDSHM_CMD_ADAPTER_GET)
		error = ndshm_list_adapters(ndshm, (struct ndshm_adapter_info **)&rows, &count);
	else if (command == NDSHM_CMD_PROVIDER_GET)
		error = ndshm_list_providers(ndshm, (struct ndshm_provider_info **)&rows, &count);
	else if (command == NDSHM_CMD_QUEUE_GET)
		error = ndshm_list_queues(ndshm, (struct ndshm_queue_row **)&rows, &count);
	else if (command == NDSHM_CMD_SECTION_GET)
		error = ndshm_list_sections(ndshm, (struct ndshm_section_row **)&rows, &count);
	else
		error = ndshm_list_blocks(ndshm, (struct ndshm_block_row **)&rows, &count);
	CHECK(!rows == !count);
	free(rows);
	return error;
}

/* Attributes of numbers have a minimum length. */
TEST(short_attributes_are_bad)
{
#define ADAPTER(name)	{ NDSHM_CMD_ADAPTER_GET, NDSHM_A_ADAPTER_##name, 4 }
#define PROVIDER(name)	{ NDSHM_CMD_PROVIDER_GET, NDSHM_A_PROVIDER_##name, 4 }
#define BLOCK(name, n)	{ NDSHM_CMD_BLOCK_GET, NDSHM_A_BLOCK_##name, n }
#define SECTION(name, n) { NDSHM_CMD_SECTION_GET, NDSHM_A_SECTION_##name, n }
#define QUEUE(name, n)	{ NDSHM_CMD_QUEUE_GET, NDSHM_A_QUEUE_##name, n }
	static const struct {
		uint8_t command;
		int attribute, length;
	} numbers[] = {
		ADAPTER(ID), ADAPTER(NODE), ADAPTER(ISOLATION),
		PROVIDER(ID), PROVIDER(SCOPE), PROVIDER(ADAPTER_ID), PROVIDER(FLAGS),
		PROVIDER(BLOCKS),
		BLOCK(ID, 4), BLOCK(ADAPTER_ID, 4), BLOCK(PROVIDER_ID, 4), BLOCK(USAGE, 4),
		BLOCK(UID, 4), BLOCK(PID, 4), BLOCK(SEGMENTS, 4), BLOCK(PREFERRED_NODE, 4),
		BLOCK(LENGTH, 8), BLOCK(CONSUMED, 8), BLOCK(EXPORTS, 4), BLOCK(TAG, 4),
		SECTION(ID, 4), SECTION(ADAPTER_ID, 4), SECTION(PROVIDER_ID, 4), SECTION(UID, 4),
		SECTION(MAX_SIZE, 8), SECTION(INITIAL_SIZE, 8), SECTION(COMMITTED, 8),
		SECTION(TAKEN, 8), SECTION(EXTENTS, 4), SECTION(HOLDERS, 4), SECTION(GROUP, 4),
		SECTION(MODE, 4), SECTION(EXPORTS, 4),
		QUEUE(ADAPTER_ID, 4), QUEUE(KIND, 4), QUEUE(ID, 4), QUEUE(STATE, 4),
		QUEUE(FILTERS, 4), QUEUE(BLOCKS, 4), QUEUE(PACKETS, 4), QUEUE(BYTES, 8),
		QUEUE(AFFINITY, 8), QUEUE(AFFINITY_GROUP, 4), QUEUE(BUFFERS, 4),
		QUEUE(LOOKAHEAD, 4),
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		attribute_command = numbers[i].command;
		attribute = numbers[i].attribute;
		for (attribute_length = 0; attribute_length <= numbers[i].length;
		     attribute_length++) {
			const bool is_short = attribute_length < numbers[i].length;

			kernel_reset(one_attribute);
			if (!CHECK(list(attribute_command) == (is_short ? -EBADMSG : 0)))
				printf("# command %d, attribute %d, %d bytes\n", attribute_command,
				       attribute, attribute_length);
		}
	}
}

/* Corrupts the header of a queued message. */
static void (*spoil)(struct nlmsghdr *header);

static void spoiled(void)
{
	size_t length;
	unsigned char *bytes;

	one_adapter();
	bytes = kernel_datagram(0, &length);
	spoil((struct nlmsghdr *)bytes);
}

static void to_another_number(struct nlmsghdr *header)
{
	header->nlmsg_seq++;
}

static void to_overrun(struct nlmsghdr *header)
{
	header->nlmsg_type = NLMSG_OVERRUN;
}

/* An error message must contain its number and the header of the request. */
static void to_short_error(struct nlmsghdr *header)
{
	header->nlmsg_type = NLMSG_ERROR;
	header->nlmsg_len = NLMSG_HDRLEN + 4;
}

TEST(wrong_headers_are_bad)
{
	static void (*const ways[])(struct nlmsghdr *header) = {
		to_another_number, to_overrun, to_short_error,
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		spoil = ways[i];
		kernel_reset(spoiled);
		check_list_fails(-EBADMSG);
	}
}

static void to_done_without_number(struct nlmsghdr *header)
{
	header->nlmsg_type = NLMSG_DONE;
	header->nlmsg_len = NLMSG_HDRLEN;
}

TEST(an_end_needs_no_number)
{
	struct ndshm_adapter_info *rows = (void *)1;
	size_t count = 1;

	spoil = to_done_without_number;
	kernel_reset(spoiled);
	CHECK_DONE(ndshm, ndshm_list_adapters(ndshm, &rows, &count));
	CHECK(!rows && !count);
}

static unsigned int seed;

/* A few bytes of a valid answer are changed at random. */
static void mutated(void)
{
	unsigned char *bytes;
	size_t length;

	kernel_put_adapter(5, "node0", NLM_F_MULTI);
	kernel_put_provider(NLM_F_MULTI, true);
	kernel_put_block(7);
	kernel_end_datagram();
	kernel_put_block(8);
	kernel_end_list();
	for (int i = rand_r(&seed) % 8; i >= 0; i--) {
		bytes = kernel_datagram(rand_r(&seed) % 3, &length);
		bytes[rand_r(&seed) % length] = rand_r(&seed);
	}
}

static void check_mutated(void)
{
	struct ndshm_adapter_info *adapters = (void *)1;
	struct ndshm_block_row *blocks = (void *)1;
	size_t count = 1;
	int error;

	kernel_reset(mutated);
	error = ndshm_list_adapters(ndshm, &adapters, &count);
	CHECK(error <= 0 && !adapters == !count && (!error || !adapters));
	for (size_t i = 0; i < count; i++) {
		CHECK(memchr(adapters[i].name, '\0', sizeof(adapters[i].name)));
		CHECK(memchr(adapters[i].device, '\0', sizeof(adapters[i].device)));
	}
	free(adapters);
	kernel_reset(mutated);
	error = ndshm_list_blocks(ndshm, &blocks, &count);
	CHECK(error <= 0 && !blocks == !count && (!error || !blocks));
	for (size_t i = 1; i < count; i++)
		CHECK(blocks[i - 1].id <= blocks[i].id);
	free(blocks);
}

TEST(mutated_answers_do_no_harm)
{
	const char *given = getenv("NDSHM_SEED");
	unsigned int start = given ? strtoul(given, NULL, 0) : (unsigned int)getpid();

	printf("# NDSHM_SEED=%u\n", start);
	seed = start;
	for (int i = 0; i < 5000; i++)
		check_mutated();
}

CONTEXT_MAIN(kernel_open(&ndshm))
