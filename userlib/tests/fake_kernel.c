// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <netlink/genl/ctrl.h>
#include <netlink/handlers.h>

#include "fake_kernel.h"
#include "internal.h"
#include "wrap.h"

#define DATAGRAMS	16
#define BYTES		65536

struct kernel kernel;

/* Queue of datagrams to be received. */
static struct datagram {
	size_t length;
	unsigned char bytes[BYTES];
} queue[DATAGRAMS];
static size_t queued, received;

void kernel_reset(void (*script)(void))
{
	kernel = (struct kernel){ .script = script, .has_family = true };
}

/* Only the lists use the fake kernel. */
int kernel_open(struct ndshm **ndshm)
{
	static struct ndshm_backend backend;
	int error = ndshm_open("memfd:", ndshm);

	if (error)
		return error;
	backend = (struct ndshm_backend){
		.close = ndshm__backend_memfd.close,
		NDSHM__NETLINK_CALLS,
	};
	(*ndshm)->backend = &backend;
	return 0;
}

void kernel_put_bytes(const void *bytes, size_t length)
{
	struct datagram *datagram = &queue[queued];

	if (datagram->length + length > BYTES)
		abort();
	memcpy(datagram->bytes + datagram->length, bytes, length);
	datagram->length += length;
}

void kernel_put(struct nl_msg *message)
{
	const struct nlmsghdr *header = nlmsg_hdr(message);

	kernel_put_bytes(header, NLMSG_ALIGN(header->nlmsg_len));
	nlmsg_free(message);
}

void kernel_end_datagram(void)
{
	if (++queued == DATAGRAMS)
		abort();
	queue[queued].length = 0;
}

unsigned char *kernel_datagram(size_t number, size_t *length)
{
	if (number >= queued)
		return NULL;
	*length = queue[number].length;
	return queue[number].bytes;
}

struct nl_msg *kernel_begin(uint8_t command, int flags)
{
	struct nl_msg *message = nlmsg_alloc_size(4096);

	genlmsg_put(message, kernel.request.nlmsg_pid, kernel.request.nlmsg_seq, KERNEL_FAMILY, 0,
		    flags, command, 1);
	return message;
}

void kernel_put_error(int error)
{
	struct nl_msg *message = nlmsg_alloc_size(4096);
	struct nlmsgerr body = { .error = error, .msg = kernel.request };
	struct nlmsghdr *header;

	header = nlmsg_put(message, kernel.request.nlmsg_pid, kernel.request.nlmsg_seq,
			   NLMSG_ERROR, sizeof(body), 0);
	memcpy(nlmsg_data(header), &body, sizeof(body));
	kernel_put(message);
	kernel_end_datagram();
}

void kernel_put_done(int error, int flags)
{
	struct nl_msg *message = nlmsg_alloc_size(4096);
	struct nlmsghdr *header;

	header = nlmsg_put(message, kernel.request.nlmsg_pid, kernel.request.nlmsg_seq, NLMSG_DONE,
			   sizeof(error), NLM_F_MULTI | flags);
	memcpy(nlmsg_data(header), &error, sizeof(error));
	kernel_put(message);
	kernel_end_datagram();
}

void kernel_end_list(void)
{
	kernel_end_datagram();
	kernel_put_done(0, 0);
}

void kernel_put_adapter(uint32_t id, const char *name, int flags)
{
	struct nl_msg *message = kernel_begin(NDSHM_CMD_ADAPTER_GET, flags);

	nla_put_u32(message, NDSHM_A_ADAPTER_ID, id);
	nla_put_string(message, NDSHM_A_ADAPTER_NAME, name);
	nla_put_string(message, NDSHM_A_ADAPTER_DEVICE, "ndshm.0");
	nla_put_s32(message, NDSHM_A_ADAPTER_NODE, 1);
	nla_put_u32(message, NDSHM_A_ADAPTER_ISOLATION, NDSHM_ISOLATION_MSI);
	nla_put_flag(message, NDSHM_A_ADAPTER_OPEN);
	nla_put_flag(message, NDSHM_A_ADAPTER_CLAIMED);
	/* An attribute of a newer module. */
	nla_put_u32(message, NDSHM_A_ADAPTER_MAX + 5, 5);
	kernel_put(message);
}

void kernel_put_provider(int flags, bool counted)
{
	struct nl_msg *message = kernel_begin(NDSHM_CMD_PROVIDER_GET, flags);

	nla_put_u32(message, NDSHM_A_PROVIDER_ID, 3);
	nla_put_string(message, NDSHM_A_PROVIDER_NAME, "coherent");
	nla_put_u32(message, NDSHM_A_PROVIDER_SCOPE, 2);
	nla_put_u32(message, NDSHM_A_PROVIDER_ADAPTER_ID, 6);
	nla_put_u32(message, NDSHM_A_PROVIDER_FLAGS, 9);
	if (counted)
		nla_put_u32(message, NDSHM_A_PROVIDER_BLOCKS, 8);
	nla_put_flag(message, NDSHM_A_PROVIDER_MAPPABLE);
	kernel_put(message);
}

void kernel_put_block(uint32_t id)
{
	struct nl_msg *message = kernel_begin(NDSHM_CMD_BLOCK_GET, NLM_F_MULTI);

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
	nla_put_flag(message, NDSHM_A_BLOCK_KERNEL);
	nla_put_u32(message, NDSHM_A_BLOCK_EXPORTS, 7);
	nla_put_u32(message, NDSHM_A_BLOCK_TAG, 0xdeadbeef);
	kernel_put(message);
}

void kernel_put_section(uint32_t id)
{
	struct nl_msg *message = kernel_begin(NDSHM_CMD_SECTION_GET, NLM_F_MULTI);

	nla_put_u32(message, NDSHM_A_SECTION_ID, id);
	nla_put_u32(message, NDSHM_A_SECTION_ADAPTER_ID, 5);
	nla_put_u32(message, NDSHM_A_SECTION_PROVIDER_ID, 3);
	nla_put_u32(message, NDSHM_A_SECTION_UID, 1000);
	nla_put_u64(message, NDSHM_A_SECTION_MAX_SIZE, 7ULL << 32);
	nla_put_u64(message, NDSHM_A_SECTION_INITIAL_SIZE, 4ULL << 32);
	nla_put_u64(message, NDSHM_A_SECTION_COMMITTED, 6ULL << 32);
	nla_put_u64(message, NDSHM_A_SECTION_TAKEN, 5ULL << 32);
	nla_put_u32(message, NDSHM_A_SECTION_EXTENTS, 11);
	nla_put_u32(message, NDSHM_A_SECTION_HOLDERS, 12);
	nla_put_flag(message, NDSHM_A_SECTION_DELETED);
	nla_put_flag(message, NDSHM_A_SECTION_REVOKED);
	nla_put_string(message, NDSHM_A_SECTION_NAME, "frames");
	nla_put_u32(message, NDSHM_A_SECTION_GROUP, 1001);
	nla_put_u32(message, NDSHM_A_SECTION_MODE, 0640);
	nla_put_u32(message, NDSHM_A_SECTION_EXPORTS, 13);
	kernel_put(message);
}

void kernel_put_queue(uint32_t adapter, bool port, uint32_t id, bool usage)
{
	struct nl_msg *message = kernel_begin(NDSHM_CMD_QUEUE_GET, NLM_F_MULTI);

	nla_put_u32(message, NDSHM_A_QUEUE_ADAPTER_ID, adapter);
	nla_put_u32(message, NDSHM_A_QUEUE_KIND, port);
	nla_put_u32(message, NDSHM_A_QUEUE_ID, id);
	nla_put_u32(message, NDSHM_A_QUEUE_STATE, 2);
	if (!port)
		nla_put_u32(message, NDSHM_A_QUEUE_FILTERS, 4);
	if (usage) {
		nla_put_u32(message, NDSHM_A_QUEUE_BLOCKS, 5);
		nla_put_u32(message, NDSHM_A_QUEUE_PACKETS, 6);
		nla_put_u64(message, NDSHM_A_QUEUE_BYTES, 7ULL << 32);
	}
	if (!port && id) {
		nla_put_string(message, NDSHM_A_QUEUE_NAME, "fast path");
		nla_put_string(message, NDSHM_A_QUEUE_VM_NAME, "vm 9");
		nla_put_u64(message, NDSHM_A_QUEUE_AFFINITY, 5ULL << 60);
		nla_put_u32(message, NDSHM_A_QUEUE_AFFINITY_GROUP, 2);
		nla_put_u32(message, NDSHM_A_QUEUE_BUFFERS, 8);
		nla_put_u32(message, NDSHM_A_QUEUE_LOOKAHEAD, 128);
	}
	kernel_put(message);
}

static void answer_family(void)
{
	struct nlattr *groups, *group;
	struct nl_msg *message;

	if (!kernel.has_family) {
		kernel_put_error(-ENOENT);
		return;
	}
	message = nlmsg_alloc_size(4096);
	genlmsg_put(message, kernel.request.nlmsg_pid, kernel.request.nlmsg_seq, GENL_ID_CTRL, 0,
		    0, CTRL_CMD_NEWFAMILY, 2);
	nla_put_u16(message, CTRL_ATTR_FAMILY_ID, KERNEL_FAMILY);
	nla_put_string(message, CTRL_ATTR_FAMILY_NAME, "ndshm");
	if (kernel.group) {
		groups = nla_nest_start(message, CTRL_ATTR_MCAST_GROUPS);
		group = nla_nest_start(message, 1);
		nla_put_string(message, CTRL_ATTR_MCAST_GRP_NAME, "events");
		nla_put_u32(message, CTRL_ATTR_MCAST_GRP_ID, kernel.group);
		nla_nest_end(message, group);
		nla_nest_end(message, groups);
	}
	kernel_put(message);
	kernel_end_datagram();
	kernel_put_error(0);
}

static void answer(struct nlmsghdr *header)
{
	struct nlattr *name;

	if (header->nlmsg_type == GENL_ID_CTRL) {
		answer_family();
		return;
	}
	if (header->nlmsg_type != KERNEL_FAMILY)
		abort();
	kernel.request_command = genlmsg_hdr(header)->cmd;
	if (header->nlmsg_flags & NLM_F_DUMP) {
		kernel.dumps++;
	} else {
		kernel.gets++;
		name = genlmsg_attrdata(genlmsg_hdr(header), 0);
		/* Names of adapters and of providers have the same attribute number. */
		if (nla_type(name) != NDSHM_A_ADAPTER_NAME)
			abort();
		nla_strlcpy(kernel.requested_name, name, sizeof(kernel.requested_name));
	}
	kernel.script();
}

static int fake_send(struct nl_sock *sock, struct nl_msg *message)
{
	struct nlmsghdr *header = nlmsg_hdr(message);

	(void)sock;
	kernel.request = *header;
	queued = received = 0;
	queue[0].length = 0;
	kernel.answering = true;
	answer(header);
	kernel.answering = false;
	return header->nlmsg_len;
}

/* After the last datagram the socket appears closed. */
static int fake_receive(struct nl_sock *sock, struct sockaddr_nl *from, unsigned char **bytes,
			struct ucred **credentials)
{
	const struct datagram *datagram = &queue[received];

	(void)sock;
	(void)credentials;
	if (kernel.empty) {
		kernel.empty--;
		return 0;
	}
	if (received == queued)
		return -NLE_BAD_SOCK;
	received++;
	memset(from, 0, sizeof(*from));
	from->nl_family = AF_NETLINK;
	/* libnl frees it. */
	*bytes = malloc(datagram->length);
	memcpy(*bytes, datagram->bytes, datagram->length);
	return datagram->length;
}

WRAP(int, genl_connect, struct nl_sock *sock)
{
	struct nl_cb *callbacks;
	int error;

	kernel.connections++;
	if (kernel.connect_error)
		return kernel.connect_error;
	error = __real_genl_connect(sock);
	callbacks = nl_socket_get_cb(sock);
	nl_cb_overwrite_send(callbacks, fake_send);
	nl_cb_overwrite_recv(callbacks, fake_receive);
	nl_cb_put(callbacks);
	return error;
}
