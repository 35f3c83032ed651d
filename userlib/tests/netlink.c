// SPDX-License-Identifier: GPL-2.0
/*
 * Lists by netlink, from a fake kernel.
 */
#include "fake_kernel.h"
#include "test.h"
#include "wrap.h"

static struct ndshm *ndshm;

static void two_adapters(void)
{
	kernel_put_adapter(5, "node0", NLM_F_MULTI);
	kernel_put_adapter(6, "0000:00:05.0", NLM_F_MULTI);
	kernel_end_list();
}

TEST(adapters_are_listed)
{
	struct ndshm_adapter_info *rows = NULL;
	size_t count = 0;

	kernel_reset(two_adapters);
	CHECK_DONE(ndshm, ndshm_list_adapters(ndshm, &rows, &count));
	REQUIRE(count == 2);
	CHECK(rows[0].id == 5 && !strcmp(rows[0].name, "node0"));
	CHECK(rows[1].id == 6 && !strcmp(rows[1].name, "0000:00:05.0"));
	CHECK(!strcmp(rows[0].device, "ndshm.0") && rows[0].node == 1);
	CHECK(rows[0].isolation == NDSHM_ISOLATION_MSI);
	CHECK(rows[0].open && rows[0].claimed && !rows[0].claimable && !rows[0].needs_reset);
	CHECK(kernel.dumps == 1 && kernel.gets == 0);
	free(rows);
}

/* Else its socket and rows would stay: test_run() counts the descriptors. */
CALL_TEST(a_cancelled_thread_lists, CHECK(test_cancelled(adapters_are_listed)))

static void two_providers(void)
{
	kernel_put_provider(NLM_F_MULTI, true);
	kernel_put_provider(NLM_F_MULTI, false);
	kernel_end_list();
}

/* A caller without privileges does not get their blocks counted. */
TEST(providers_are_listed)
{
	struct ndshm_provider_info *rows = NULL;
	size_t count = 0;

	kernel_reset(two_providers);
	CHECK_DONE(ndshm, ndshm_list_providers(ndshm, &rows, &count));
	REQUIRE(count == 2);
	CHECK(rows[0].id == 3 && !strcmp(rows[0].name, "coherent") && rows[0].scope == 2);
	CHECK(rows[0].adapter == 6 && rows[0].flags == 9 && rows[0].mappable);
	CHECK(rows[0].blocks == 8 && rows[0].usage);
	CHECK(rows[1].id == 3 && !rows[1].blocks && !rows[1].usage);
	free(rows);
}

static void many_blocks(void)
{
	/* Every ID up to 1000, unordered: 5 and 1001 are coprime. */
	for (uint32_t i = 1; i <= 1000; i++) {
		kernel_put_block(i * 5 % 1001);
		if (i % 100 == 0)
			kernel_end_datagram();
	}
	kernel_put_done(0, 0);
}

TEST(blocks_are_listed)
{
	struct ndshm_block_row *rows = NULL;
	size_t count = 0;

	kernel_reset(many_blocks);
	CHECK_DONE(ndshm, ndshm_list_blocks(ndshm, &rows, &count));
	REQUIRE(count == 1000);
	for (uint32_t i = 0; i < 1000; i++)
		CHECK(rows[i].id == i + 1);
	CHECK(rows[999].adapter == 5 && rows[999].provider == 3);
	CHECK(rows[999].usage == NDSHM_USAGE_XMIT && rows[999].uid == 1000);
	CHECK(rows[999].pid == 1234 && rows[999].segments == 2);
	CHECK(rows[999].preferred_node == -1 && rows[999].length == 5ULL << 32);
	CHECK(rows[999].consumed == 6ULL << 32 && rows[999].charged && rows[999].revoked);
	CHECK(rows[999].kernel && rows[999].exports == 7);
	CHECK(rows[999].tag == 0xdeadbeef);
	free(rows);
}

static void nothing(void)
{
	kernel_put_done(0, 0);
}

static void some_sections(void)
{
	kernel_put_section(9);
	kernel_put_section(2);
	kernel_put_section(5);
	kernel_put_done(0, 0);
}

TEST(sections_are_listed)
{
	struct ndshm_section_row *rows;
	size_t count = 0;

	kernel_reset(some_sections);
	CHECK_DONE(ndshm, ndshm_list_sections(ndshm, &rows, &count));
	REQUIRE(count == 3);
	CHECK(rows[0].id == 2 && rows[1].id == 5 && rows[2].id == 9);
	CHECK(rows[0].adapter == 5 && rows[0].provider == 3 && rows[0].uid == 1000);
	CHECK(rows[0].max_size == 7ULL << 32 && rows[0].initial_size == 4ULL << 32);
	CHECK(rows[0].committed == 6ULL << 32 && rows[0].taken == 5ULL << 32);
	CHECK(rows[0].extents == 11 && rows[0].holders == 12);
	CHECK(rows[0].deleted && rows[0].revoked);
	CHECK(!strcmp(rows[0].name, "frames") && rows[0].gid == 1001 && rows[0].mode == 0640);
	CHECK(rows[0].exports == 13);
	free(rows);
	kernel_reset(nothing);
	CHECK_DONE(ndshm, ndshm_list_sections(ndshm, &rows, &count));
	CHECK(!rows && !count);
}

static void some_queues(void)
{
	kernel_put_queue(6, false, 0, true);
	kernel_put_queue(5, true, 0, false);
	kernel_put_queue(5, false, 9, true);
	kernel_put_queue(5, false, 2, true);
	kernel_end_list();
}

TEST(queues_are_listed)
{
	struct ndshm_queue_row *rows;
	size_t count = 0;

	kernel_reset(some_queues);
	CHECK_DONE(ndshm, ndshm_list_queues(ndshm, &rows, &count));
	REQUIRE(count == 4);
	CHECK(rows[0].adapter == 5 && !rows[0].port && rows[0].id == 2);
	CHECK(rows[0].state == 2 && rows[0].filters == 4 && rows[0].usage);
	CHECK(rows[0].blocks == 5 && rows[0].packets == 6 && rows[0].bytes == 7ULL << 32);
	CHECK(!strcmp(rows[0].name, "fast path") && !strcmp(rows[0].vm_name, "vm 9"));
	CHECK(rows[0].affinity == 5ULL << 60 && rows[0].affinity_group == 2);
	CHECK(rows[0].buffers == 8 && rows[0].lookahead == 128);
	CHECK(rows[1].adapter == 5 && !rows[1].port && rows[1].id == 9);
	CHECK(rows[2].adapter == 5 && rows[2].port && rows[2].id == 0);
	CHECK(!rows[2].usage && !rows[2].filters && !rows[2].blocks && !rows[2].bytes);
	CHECK(!*rows[2].name && !*rows[2].vm_name && !rows[2].affinity && !rows[2].buffers);
	CHECK(rows[3].adapter == 6 && !rows[3].port);
	free(rows);
	kernel_reset(nothing);
	CHECK_DONE(ndshm, ndshm_list_queues(ndshm, &rows, &count));
	CHECK(!rows && !count);
}

static void the_one_requested(void)
{
	kernel_put_adapter(6, kernel.requested_name, 0);
	kernel_end_datagram();
	kernel_put_error(0);
}

TEST(one_is_found_by_name)
{
	struct ndshm_adapter_info info;

	kernel_reset(the_one_requested);
	CHECK_DONE(ndshm, ndshm_find_adapter(ndshm, "0000:00:05.0", &info));
	CHECK(info.id == 6 && !strcmp(info.name, "0000:00:05.0"));
	CHECK(kernel.dumps == 0 && kernel.gets == 1);
}

static void no_such(void)
{
	kernel_put_error(-ENOENT);
}

TEST(one_that_is_not_there_is_not_found)
{
	struct ndshm_provider_info provider;
	struct ndshm_adapter_info adapter;

	kernel_reset(no_such);
	CHECK_REASON(ndshm, ndshm_find_adapter(ndshm, "x", &adapter), ADAPTER_UNKNOWN);
	CHECK_REASON(ndshm, ndshm_find_provider(ndshm, "x", &provider), PROVIDER_UNKNOWN);
	/* An invalid name is not sent to the module. */
	CHECK(kernel.gets == 2);
	CHECK_REASON(ndshm, ndshm_find_adapter(ndshm, "12345678901234567890123456789012", &adapter),
		     ADAPTER_UNKNOWN);
	CHECK(kernel.gets == 2);
	CHECK_REASON(ndshm, ndshm_find_adapter(ndshm, "1234567890123456789012345678901", &adapter),
		     ADAPTER_UNKNOWN);
	CHECK(kernel.gets == 3);
}

static int state;

static void one_in_a_state(void)
{
	struct nl_msg *message = kernel_begin(NDSHM_CMD_ADAPTER_GET, 0);

	nla_put_u32(message, NDSHM_A_ADAPTER_ID, 6);
	nla_put_string(message, NDSHM_A_ADAPTER_NAME, kernel.requested_name);
	if (state)
		nla_put_flag(message, state);
	kernel_put(message);
	kernel_end_datagram();
	kernel_put_error(0);
}

/* The list has the reason why an adapter has no device node. */
TEST(one_without_a_node_cannot_be_claimed)
{
	static const char *const names[] = {
		"", "none", "/none", "/", "12345678901234567890123456789012",
	};
	struct ndshm_claim *claim = (void *)1;

	kernel_reset(one_in_a_state);
	state = NDSHM_A_ADAPTER_OPEN;
	CHECK_REASON(ndshm, ndshm_claim_adapter(ndshm, "none", 0, &claim), CLAIM_UNSUPPORTED);
	CHECK(!claim && !strcmp(kernel.requested_name, "none"));
	state = NDSHM_A_ADAPTER_CLAIMABLE;
	CHECK_REASON(ndshm, ndshm_claim_adapter(ndshm, "none", 0, &claim), ADAPTER_CLOSED);
	state = 0;
	CHECK_REASON(ndshm, ndshm_claim_adapter(ndshm, "none", 0, &claim), ADAPTER_CLOSED);
	kernel_reset(no_such);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK_REASON(ndshm, ndshm_claim_adapter(ndshm, names[i], 0, &claim),
			     ADAPTER_UNKNOWN);
	kernel.has_family = false;
	CHECK_ERRNO(ndshm, ndshm_claim_adapter(ndshm, "none", 0, &claim), EOPNOTSUPP);
}

TEST(without_the_family_it_is_not_supported)
{
	struct ndshm_adapter_info *rows = (void *)1, info;
	size_t count = 1;

	kernel_reset(two_adapters);
	kernel.has_family = false;
	CHECK_ERRNO(ndshm, ndshm_list_adapters(ndshm, &rows, &count), EOPNOTSUPP);
	CHECK(!rows && !count);
	CHECK_ERRNO(ndshm, ndshm_find_adapter(ndshm, "x", &info), EOPNOTSUPP);
	CHECK(kernel.dumps == 0 && kernel.gets == 0);
}

static int interruptions;

static void interrupted(void)
{
	int flags = interruptions && interruptions-- ? NLM_F_DUMP_INTR : 0;

	kernel_put_adapter(5, "node0", NLM_F_MULTI | flags);
	kernel_end_datagram();
	kernel_put_done(0, flags);
}

TEST(a_dump_that_was_interrupted_is_repeated)
{
	struct ndshm_adapter_info *rows;
	size_t count;

	kernel_reset(interrupted);
	interruptions = 2;
	CHECK_DONE(ndshm, ndshm_list_adapters(ndshm, &rows, &count));
	CHECK(count == 1 && kernel.dumps == 3);
	free(rows);

	kernel_reset(interrupted);
	interruptions = 1000000;
	CHECK_ERRNO(ndshm, ndshm_list_adapters(ndshm, &rows, &count), EAGAIN);
	CHECK(!rows && kernel.dumps > 1 && kernel.dumps < 100);
}

static void strange_adapters(void)
{
	char name[200];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	kernel_put_adapter(1, name, NLM_F_MULTI);
	kernel_put(kernel_begin(NDSHM_CMD_ADAPTER_GET, NLM_F_MULTI));
	kernel_end_list();
}

TEST(what_is_missing_or_too_long_is_handled)
{
	struct ndshm_adapter_info *rows;
	size_t count;

	kernel_reset(strange_adapters);
	CHECK_DONE(ndshm, ndshm_list_adapters(ndshm, &rows, &count));
	REQUIRE(count == 2);
	CHECK(strlen(rows[0].name) == NDSHM_NAME_MAX - 1);
	CHECK(rows[1].id == 0 && rows[1].node == -1 && !rows[1].name[0] && !rows[1].open);
	free(rows);
}

TEST(without_memory_it_fails)
{
	struct ndshm_block_row *rows;
	size_t count;
	unsigned int nth;

	/* The array grows from 16 rows to 1024, doubling each time. */
	for (nth = 1; nth <= 8; nth++) {
		kernel_reset(many_blocks);
		wrap_fail_nth(nth);
		if (nth <= 7)
			CHECK_REASON(ndshm, ndshm_list_blocks(ndshm, &rows, &count), MEMORY);
		else
			CHECK_DONE(ndshm, ndshm_list_blocks(ndshm, &rows, &count));
		wrap_fail_nth(0);
		CHECK((nth <= 7) == wrap_has_failed());
		CHECK((nth <= 7) == !rows);
		free(rows);
	}
}

TEST(a_client_needs_no_device)
{
	struct ndshm_request request = test_request(1);
	struct ndshm_adapter_info *rows;
	struct ndshm_block *block;
	struct ndshm_info info;
	struct ndshm *client;
	size_t count;

	kernel_reset(two_adapters);
	CHECK(ndshm_open("netlink:x", &client) == -EINVAL && !client);
	CHECK(kernel.connections == 0);
	kernel.has_family = false;
	CHECK(ndshm_open("netlink:", &client) == -ENOENT && !client);
	kernel_reset(two_adapters);
	REQUIRE(!ndshm_open("netlink:", &client));
	CHECK_DONE(client, ndshm_get_info(client, &info));
	CHECK(info.features == NDSHM_FEATURE_SECTIONS && !info.max_length);
	CHECK(ndshm_fd(client) == -EOPNOTSUPP);
	CHECK_DONE(client, ndshm_list_adapters(client, &rows, &count));
	CHECK(count == 2);
	free(rows);
	CHECK_ERRNO(client, ndshm_alloc(client, &request, &block), EOPNOTSUPP);
	ndshm_close(client);
}

CONTEXT_MAIN(kernel_open(&ndshm))
