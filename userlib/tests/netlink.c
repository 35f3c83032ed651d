// SPDX-License-Identifier: GPL-2.0
/*
 * Lists by netlink, without the module: the socket's ends are replaced, and the
 * kernel's messages are what a test wants.
 */
#include <sys/socket.h>

#include <linux/genetlink.h>
#include <linux/ndshm_netlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/handlers.h>
#include <netlink/netlink.h>

#include "internal.h"
#include "test.h"
#include "wrap.h"

#define FAMILY		0x20
#define DATAGRAMS	16
#define BYTES		65536

/* Messages that wait to be received. */
static struct datagram {
	size_t length;
	unsigned char bytes[BYTES];
} queue[DATAGRAMS];
static size_t queued, received;

/* The request that is answered. */
static struct nlmsghdr request;
static int dumps, gets;
static char asked_name[64];

/* How it is answered: queue messages. */
static void (*script)(void);
static bool has_family;

/* What ndshm_*() need; no netlink function looks at it. */
static struct ndshm *ndshm;

/* Append a message to the last datagram, which must have room. */
static void put(struct nl_msg *message)
{
	struct datagram *datagram = &queue[queued];
	const struct nlmsghdr *header = nlmsg_hdr(message);
	size_t length = NLMSG_ALIGN(header->nlmsg_len);

	if (datagram->length + length > BYTES)
		abort();
	memcpy(datagram->bytes + datagram->length, header, length);
	datagram->length += length;
	nlmsg_free(message);
}

static void end_datagram(void)
{
	if (++queued == DATAGRAMS)
		abort();
	queue[queued].length = 0;
}

static struct nl_msg *begin(uint8_t command, int flags)
{
	struct nl_msg *message = nlmsg_alloc_size(4096);

	genlmsg_put(message, request.nlmsg_pid, request.nlmsg_seq, FAMILY, 0, flags, command, 1);
	return message;
}

static void put_error(int error)
{
	struct nl_msg *message = nlmsg_alloc_size(4096);
	struct nlmsgerr body = { .error = error, .msg = request };
	struct nlmsghdr *header;

	header = nlmsg_put(message, request.nlmsg_pid, request.nlmsg_seq, NLMSG_ERROR,
			   sizeof(body), 0);
	memcpy(nlmsg_data(header), &body, sizeof(body));
	put(message);
	end_datagram();
}

static void put_done(int error, int flags)
{
	struct nl_msg *message = nlmsg_alloc_size(4096);
	struct nlmsghdr *header;

	header = nlmsg_put(message, request.nlmsg_pid, request.nlmsg_seq, NLMSG_DONE,
			   sizeof(error), NLM_F_MULTI | flags);
	memcpy(nlmsg_data(header), &error, sizeof(error));
	put(message);
	end_datagram();
}

static void put_adapter(uint32_t id, const char *name, int flags)
{
	struct nl_msg *message = begin(NDSHM_CMD_ADAPTER_GET, flags);

	nla_put_u32(message, NDSHM_A_ADAPTER_ID, id);
	nla_put_string(message, NDSHM_A_ADAPTER_NAME, name);
	nla_put_string(message, NDSHM_A_ADAPTER_DEVICE, "ndshm.0");
	nla_put_s32(message, NDSHM_A_ADAPTER_NODE, 1);
	nla_put_u32(message, NDSHM_A_ADAPTER_ISOLATION, NDSHM_ISOLATION_MSI);
	nla_put_flag(message, NDSHM_A_ADAPTER_OPEN);
	nla_put_flag(message, NDSHM_A_ADAPTER_CLAIMED);
	/* Of a newer module. */
	nla_put_u32(message, NDSHM_A_ADAPTER_MAX + 5, 5);
	put(message);
}

static void answer_family(void)
{
	struct nl_msg *message;

	if (!has_family) {
		put_error(-ENOENT);
		return;
	}
	message = nlmsg_alloc_size(4096);
	genlmsg_put(message, request.nlmsg_pid, request.nlmsg_seq, GENL_ID_CTRL, 0, 0,
		    CTRL_CMD_NEWFAMILY, 2);
	nla_put_u16(message, CTRL_ATTR_FAMILY_ID, FAMILY);
	nla_put_string(message, CTRL_ATTR_FAMILY_NAME, "ndshm");
	put(message);
	end_datagram();
	put_error(0);
}

static int fake_send(struct nl_sock *sock, struct nl_msg *message)
{
	struct nlmsghdr *header = nlmsg_hdr(message);
	struct nlattr *name;

	(void)sock;
	request = *header;
	queued = received = 0;
	queue[0].length = 0;
	if (header->nlmsg_type == GENL_ID_CTRL) {
		answer_family();
		return header->nlmsg_len;
	}
	CHECK(header->nlmsg_type == FAMILY);
	if (header->nlmsg_flags & NLM_F_DUMP) {
		dumps++;
	} else {
		gets++;
		name = genlmsg_attrdata(genlmsg_hdr(header), 0);
		CHECK(nla_type(name) == NDSHM_A_ADAPTER_NAME);
		nla_strlcpy(asked_name, name, sizeof(asked_name));
	}
	script();
	return header->nlmsg_len;
}

static int fake_receive(struct nl_sock *sock, struct sockaddr_nl *from, unsigned char **bytes,
			struct ucred **credentials)
{
	const struct datagram *datagram = &queue[received];

	(void)sock;
	(void)credentials;
	if (received == queued)
		return -NLE_BAD_SOCK;
	received++;
	memset(from, 0, sizeof(*from));
	from->nl_family = AF_NETLINK;
	/* libnl gives it to free(). */
	*bytes = malloc(datagram->length);
	memcpy(*bytes, datagram->bytes, datagram->length);
	return datagram->length;
}

int __real_genl_connect(struct nl_sock *sock);
int __wrap_genl_connect(struct nl_sock *sock);
int __wrap_genl_connect(struct nl_sock *sock)
{
	int error = __real_genl_connect(sock);
	struct nl_cb *callbacks = nl_socket_get_cb(sock);

	nl_cb_overwrite_send(callbacks, fake_send);
	nl_cb_overwrite_recv(callbacks, fake_receive);
	nl_cb_put(callbacks);
	return error;
}

static void reset(void (*new_script)(void))
{
	script = new_script;
	has_family = true;
	dumps = gets = 0;
	asked_name[0] = '\0';
}

static void two_adapters(void)
{
	put_adapter(5, "node0", NLM_F_MULTI);
	put_adapter(6, "0000:00:05.0", NLM_F_MULTI);
	end_datagram();
	put_done(0, 0);
}

static void adapters_are_listed(void)
{
	struct ndshm_adapter_info *rows = NULL;
	size_t count = 0;

	reset(two_adapters);
	CHECK_DONE(ndshm, ndshm_list_adapters(ndshm, &rows, &count));
	REQUIRE(count == 2);
	CHECK(rows[0].id == 5 && !strcmp(rows[0].name, "node0"));
	CHECK(rows[1].id == 6 && !strcmp(rows[1].name, "0000:00:05.0"));
	CHECK(!strcmp(rows[0].device, "ndshm.0") && rows[0].node == 1);
	CHECK(rows[0].isolation == NDSHM_ISOLATION_MSI);
	CHECK(rows[0].open && rows[0].claimed && !rows[0].claimable && !rows[0].dirty);
	CHECK(dumps == 1 && gets == 0);
	free(rows);
}

static void one_provider(void)
{
	struct nl_msg *message = begin(NDSHM_CMD_PROVIDER_GET, NLM_F_MULTI);

	nla_put_u32(message, NDSHM_A_PROVIDER_ID, 3);
	nla_put_string(message, NDSHM_A_PROVIDER_NAME, "coherent");
	nla_put_u32(message, NDSHM_A_PROVIDER_SCOPE, 2);
	nla_put_u32(message, NDSHM_A_PROVIDER_ADAPTER_ID, 6);
	nla_put_u32(message, NDSHM_A_PROVIDER_FLAGS, 9);
	nla_put_u32(message, NDSHM_A_PROVIDER_BLOCKS, 8);
	nla_put_flag(message, NDSHM_A_PROVIDER_MAPPABLE);
	put(message);
	end_datagram();
	put_done(0, 0);
}

static void providers_are_listed(void)
{
	struct ndshm_provider_info *rows = NULL;
	size_t count = 0;

	reset(one_provider);
	CHECK_DONE(ndshm, ndshm_list_providers(ndshm, &rows, &count));
	REQUIRE(count == 1);
	CHECK(rows[0].id == 3 && !strcmp(rows[0].name, "coherent") && rows[0].scope == 2);
	CHECK(rows[0].adapter == 6 && rows[0].flags == 9 && rows[0].blocks == 8);
	CHECK(rows[0].mappable);
	free(rows);
}

static void put_block(uint32_t id)
{
	struct nl_msg *message = begin(NDSHM_CMD_BLOCK_GET, NLM_F_MULTI);

	nla_put_u32(message, NDSHM_A_BLOCK_ID, id);
	nla_put_u32(message, NDSHM_A_BLOCK_ADAPTER_ID, 5);
	nla_put_u32(message, NDSHM_A_BLOCK_PROVIDER_ID, 3);
	nla_put_u32(message, NDSHM_A_BLOCK_USAGE, NDSHM_USAGE_XMIT);
	nla_put_u32(message, NDSHM_A_BLOCK_UID, 1000);
	nla_put_u32(message, NDSHM_A_BLOCK_PID, 1234);
	nla_put_u32(message, NDSHM_A_BLOCK_SEGMENTS, 2);
	nla_put_s32(message, NDSHM_A_BLOCK_PREFERRED_NODE, -1);
	nla_put_u64(message, NDSHM_A_BLOCK_LENGTH, 5ULL << 32);
	nla_put_u64(message, NDSHM_A_BLOCK_CONSUMED, 6ULL << 32);
	nla_put_flag(message, NDSHM_A_BLOCK_CHARGED);
	nla_put_flag(message, NDSHM_A_BLOCK_REVOKED);
	put(message);
}

static void many_blocks(void)
{
	/* Every id up to 1000, in no order: 5 and 1001 have no common divisor. */
	for (uint32_t i = 1; i <= 1000; i++) {
		put_block(i * 5 % 1001);
		if (i % 100 == 0)
			end_datagram();
	}
	put_done(0, 0);
}

static void blocks_are_listed(void)
{
	struct ndshm_block_row *rows = NULL;
	size_t count = 0;

	reset(many_blocks);
	CHECK_DONE(ndshm, ndshm_list_blocks(ndshm, &rows, &count));
	REQUIRE(count == 1000);
	for (uint32_t i = 0; i < 1000; i++)
		CHECK(rows[i].id == i + 1);
	CHECK(rows[999].adapter == 5 && rows[999].provider == 3);
	CHECK(rows[999].usage == NDSHM_USAGE_XMIT && rows[999].uid == 1000);
	CHECK(rows[999].pid == 1234 && rows[999].segments == 2);
	CHECK(rows[999].preferred_node == -1 && rows[999].length == 5ULL << 32);
	CHECK(rows[999].consumed == 6ULL << 32 && rows[999].charged && rows[999].revoked);
	free(rows);
}

static void nothing(void)
{
	put_done(0, 0);
}

static void a_list_can_be_empty(void)
{
	struct ndshm_block_row *rows = (void *)1;
	size_t count = 1;

	reset(nothing);
	CHECK_DONE(ndshm, ndshm_list_blocks(ndshm, &rows, &count));
	CHECK(!rows && !count);
}

static void the_one_asked_for(void)
{
	put_adapter(6, asked_name, 0);
	end_datagram();
	put_error(0);
}

static void one_is_found_by_name(void)
{
	struct ndshm_adapter_info info;

	reset(the_one_asked_for);
	CHECK_DONE(ndshm, ndshm_find_adapter(ndshm, "0000:00:05.0", &info));
	CHECK(info.id == 6 && !strcmp(info.name, "0000:00:05.0"));
	CHECK(dumps == 0 && gets == 1);
}

static void no_such(void)
{
	put_error(-ENOENT);
}

static void one_that_is_not_there_is_not_found(void)
{
	struct ndshm_provider_info provider;
	struct ndshm_adapter_info adapter;

	reset(no_such);
	CHECK_FAILS(ndshm, ndshm_find_adapter(ndshm, "x", &adapter), ENOENT, ADAPTER_UNKNOWN,
		    ADAPTER_NOT_FOUND);
	CHECK_FAILS(ndshm, ndshm_find_provider(ndshm, "x", &provider), ENOENT, PROVIDER_UNKNOWN,
		    FILE_NOT_FOUND);
	/* The module is not asked for a name that it cannot have. */
	CHECK(gets == 2);
	CHECK_FAILS(ndshm, ndshm_find_adapter(ndshm, "12345678901234567890123456789012",
					      &adapter),
		    ENOENT, ADAPTER_UNKNOWN, ADAPTER_NOT_FOUND);
	CHECK(gets == 2);
	CHECK_FAILS(ndshm, ndshm_find_adapter(ndshm, "1234567890123456789012345678901", &adapter),
		    ENOENT, ADAPTER_UNKNOWN, ADAPTER_NOT_FOUND);
	CHECK(gets == 3);
}

static void only_an_ack(void)
{
	put_error(0);
}

static void an_answer_without_one_is_bad(void)
{
	struct ndshm_adapter_info info;

	reset(only_an_ack);
	CHECK_FAILS(ndshm, ndshm_find_adapter(ndshm, "x", &info), EBADMSG, NONE, SUCCESS);
}

static void without_the_family_it_is_not_supported(void)
{
	struct ndshm_adapter_info *rows = (void *)1, info;
	size_t count = 1;

	reset(two_adapters);
	has_family = false;
	CHECK_FAILS(ndshm, ndshm_list_adapters(ndshm, &rows, &count), EOPNOTSUPP, NONE, SUCCESS);
	CHECK(!rows && !count);
	CHECK_FAILS(ndshm, ndshm_find_adapter(ndshm, "x", &info), EOPNOTSUPP, NONE, SUCCESS);
	CHECK(dumps == 0 && gets == 0);
}

static int refusal;

static void refused(void)
{
	put_error(refusal);
}

static void refused_at_the_end(void)
{
	put_adapter(5, "node0", NLM_F_MULTI);
	end_datagram();
	put_done(refusal, 0);
}

/* Some of them libnl's own numbers would blur. */
static void the_kernels_errno_arrives(void)
{
	static const int errors[] = { -EPERM, -ENOBUFS, -EDQUOT, -ENODEV, -EIO };
	struct ndshm_adapter_info *rows;
	size_t count;

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		refusal = errors[i];
		reset(refused);
		CHECK(ndshm_list_adapters(ndshm, &rows, &count) == errors[i]);
		CHECK(!rows && !count);
		reset(refused_at_the_end);
		CHECK(ndshm_list_adapters(ndshm, &rows, &count) == errors[i]);
		CHECK(!rows && !count);
	}
}

static int interruptions;

static void interrupted(void)
{
	int flags = interruptions && interruptions-- ? NLM_F_DUMP_INTR : 0;

	put_adapter(5, "node0", NLM_F_MULTI | flags);
	end_datagram();
	put_done(0, flags);
}

static void a_dump_that_was_interrupted_is_repeated(void)
{
	struct ndshm_adapter_info *rows;
	size_t count;

	reset(interrupted);
	interruptions = 2;
	CHECK_DONE(ndshm, ndshm_list_adapters(ndshm, &rows, &count));
	CHECK(count == 1 && dumps == 3);
	free(rows);

	reset(interrupted);
	interruptions = 1000000;
	CHECK_FAILS(ndshm, ndshm_list_adapters(ndshm, &rows, &count), EAGAIN, NONE, SUCCESS);
	CHECK(!rows && dumps > 1 && dumps < 100);
}

static void a_bad_attribute(void)
{
	struct nl_msg *message = begin(NDSHM_CMD_ADAPTER_GET, NLM_F_MULTI);

	nla_put_u16(message, NDSHM_A_ADAPTER_ID, 1);
	put(message);
	end_datagram();
	put_done(0, 0);
}

static void a_name_without_end(void)
{
	struct nl_msg *message = begin(NDSHM_CMD_ADAPTER_GET, NLM_F_MULTI);

	nla_put(message, NDSHM_A_ADAPTER_NAME, 4, "abcd");
	put(message);
	end_datagram();
	put_done(0, 0);
}

static void a_short_message(void)
{
	struct nl_msg *message = nlmsg_alloc_size(4096);

	nlmsg_put(message, request.nlmsg_pid, request.nlmsg_seq, FAMILY, 0, NLM_F_MULTI);
	put(message);
	end_datagram();
	put_done(0, 0);
}

static void bad_messages_are_refused(void)
{
	static void (*const scripts[])(void) = {
		a_bad_attribute, a_name_without_end, a_short_message
	};
	struct ndshm_adapter_info *rows;
	size_t count;

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		reset(scripts[i]);
		CHECK_FAILS(ndshm, ndshm_list_adapters(ndshm, &rows, &count), EBADMSG, NONE,
			    SUCCESS);
		CHECK(!rows && !count);
	}
}

static void strange_adapters(void)
{
	char name[200];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	put_adapter(1, name, NLM_F_MULTI);
	put(begin(NDSHM_CMD_ADAPTER_GET, NLM_F_MULTI));
	end_datagram();
	put_done(0, 0);
}

static void what_is_missing_or_too_long_is_handled(void)
{
	struct ndshm_adapter_info *rows;
	size_t count;

	reset(strange_adapters);
	CHECK_DONE(ndshm, ndshm_list_adapters(ndshm, &rows, &count));
	REQUIRE(count == 2);
	CHECK(strlen(rows[0].name) == NDSHM_NAME_MAX - 1);
	CHECK(rows[1].id == 0 && rows[1].node == -1 && !rows[1].name[0] && !rows[1].open);
	free(rows);
}

static void without_memory_it_fails(void)
{
	struct ndshm_block_row *rows;
	size_t count;
	unsigned int nth;

	/* From 16 rows on, twice as many each time, up to 1024. */
	for (nth = 1; nth <= 8; nth++) {
		reset(many_blocks);
		wrap_fail_nth(nth);
		if (nth <= 7)
			CHECK_FAILS(ndshm, ndshm_list_blocks(ndshm, &rows, &count), ENOMEM, MEMORY,
				    RESOURCES);
		else
			CHECK_DONE(ndshm, ndshm_list_blocks(ndshm, &rows, &count));
		wrap_fail_nth(0);
		CHECK((nth <= 7) == wrap_has_failed());
		CHECK((nth <= 7) == !rows);
		free(rows);
	}
}

int main(void)
{
	if (ndshm_open("memfd:", &ndshm))
		return 1;
	/* Only the lists are the module's. */
	ndshm->backend = &(const struct ndshm_backend){
		.close = ndshm__backend_memfd.close,
		.list_adapters = ndshm__backend_module.list_adapters,
		.list_providers = ndshm__backend_module.list_providers,
		.list_blocks = ndshm__backend_module.list_blocks,
	};
	RUN(adapters_are_listed);
	RUN(providers_are_listed);
	RUN(blocks_are_listed);
	RUN(a_list_can_be_empty);
	RUN(one_is_found_by_name);
	RUN(one_that_is_not_there_is_not_found);
	RUN(an_answer_without_one_is_bad);
	RUN(without_the_family_it_is_not_supported);
	RUN(the_kernels_errno_arrives);
	RUN(a_dump_that_was_interrupted_is_repeated);
	RUN(bad_messages_are_refused);
	RUN(what_is_missing_or_too_long_is_handled);
	RUN(without_memory_it_fails);
	ndshm_close(ndshm);
	return test_end();
}
