// SPDX-License-Identifier: GPL-2.0
/*
 * Calls of the netlink family.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/ndshm_netlink.h>
#include <linux/netlink.h>

#include "ndshm_proc.h"
#include "command.h"

#define SOCKET		FUZZ_FROM("socket", 'n')

static const struct fuzz_argument socket_arguments[] = { SOCKET, {} };

static long run_nlopen(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	(void)thread;
	if (fd >= 0)
		fuzz_set_fd(&fuzz_registers_now.sockets[a[0].number], fd);
	return fd < 0 ? -1 : 0;
}

static long run_nlclose(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	(void)thread;
	fuzz_set_fd(&fuzz_registers_now.sockets[a[0].number], -1);
	return 0;
}

static const char *const options[] = { "join", "leave", "ext-ack", "strict",
	"no-enobufs", "small-buffer", NULL };
enum { OPTION_SOCKET, OPTION_NAME, OPTION_VALUE };
static const struct fuzz_argument option_arguments[] = {
	[OPTION_SOCKET] = SOCKET,
	[OPTION_NAME] = FUZZ_WORDS("option", options, 0),
	[OPTION_VALUE] = FUZZ_ANY("value", 1, 0, 0xffffffff),
	{}
};

static long run_nloption(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	static const int numbers[] = { NETLINK_ADD_MEMBERSHIP,
		NETLINK_DROP_MEMBERSHIP, NETLINK_EXT_ACK,
		NETLINK_GET_STRICT_CHK, NETLINK_NO_ENOBUFS };
	__u64 which = a[OPTION_NAME].number;
	int fd = fuzz_socket(&a[OPTION_SOCKET]);
	int value = a[OPTION_VALUE].number;

	(void)thread;
	if (which < 2 && value == 1)
		value = machine_events();
	if (which == 5)
		return setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value,
				  sizeof(value));
	return setsockopt(fd, SOL_NETLINK, numbers[which], &value,
			  sizeof(value));
}

enum { SEND_SOCKET, SEND_AT, SEND_FAMILY, SEND_COMMAND, SEND_VERSION, SEND_FLAGS,
	SEND_ID, SEND_NAME, SEND_TYPE, SEND_EXTRA, SEND_CUT };
static const char *const families[] = { "ndshm", "control", NULL };
static const char *const names[] = { "none", "node0", "edu", "a0", "coherent",
	"p0", "empty", "unknown", "long", "unended", NULL };

enum { NAME_NONE, NAME_EMPTY = 6, NAME_LONG = 8, NAME_UNENDED };

static const struct fuzz_argument send_arguments[] = {
	[SEND_SOCKET] = SOCKET,
	[SEND_AT] = FUZZ_AT("at"),
	[SEND_FAMILY] = FUZZ_WORDS("family", families, 0),
	[SEND_COMMAND] = FUZZ_ANY("command", NDSHM_CMD_ADAPTER_GET, 0,
				  NDSHM_CMD_PROVIDER_GET, NDSHM_CMD_BLOCK_GET,
				  NDSHM_CMD_ADAPTER_ADDED_NTF,
				  NDSHM_CMD_SECTION_GET, NDSHM_CMD_QUEUE_GET, 255),
	[SEND_VERSION] = FUZZ_ANY("version", NDSHM_FAMILY_VERSION, 0, 255),
	[SEND_FLAGS] = FUZZ_ANY("flags", NLM_F_REQUEST | NLM_F_ACK,
				NLM_F_REQUEST, NLM_F_REQUEST | NLM_F_DUMP,
				NLM_F_REQUEST | NLM_F_ROOT,
				NLM_F_REQUEST | NLM_F_ECHO, 0),
	/*
	 * An id: of an object in a register, of one of the machine's, or an
	 * arbitrary one.
	 */
	[SEND_ID] = {
		.name = "id",
		.registers = 'h',
		.words = machine_adapters,
		FUZZ_NUMBERS(0, 1, 2, 3, 1000, 0x7fffffff, 0xffffffff),
		.usual = { 0, FUZZ_NUMBER },
	},
	[SEND_NAME] = FUZZ_WORDS("name", names, 0),
	/*
	 * Type of the id's attribute; 0: no attribute, 1: the type that the
	 * command expects.
	 */
	[SEND_TYPE] = FUZZ_ANY("type", 0, 1, 2, 3, 0x8001, 0x4001, 255),
	/* Length of an additional unknown attribute; number of bytes cut off. */
	[SEND_EXTRA] = FUZZ_ANY("extra", 0, 1, 4, 100, 1000),
	[SEND_CUT] = FUZZ_ANY("cut", 0, 1, 4, 8, 16, 36),
	{}
};

struct request {
	struct nlmsghdr header;
	struct genlmsghdr genl;
	char attributes[2048];
};

static void put(struct request *request, __u16 type, const void *data,
		__u16 length)
{
	struct nlattr *attribute = (void *)((char *)request +
					    request->header.nlmsg_len);

	attribute->nla_type = type;
	attribute->nla_len = NLA_HDRLEN + length;
	memcpy(attribute + 1, data, length);
	request->header.nlmsg_len += NLA_ALIGN(attribute->nla_len);
}

static void put_name(struct request *request, __u64 which)
{
	static const char long_name[100] = "a name that is longer than any can be, and so no name";
	const char *name = names[which];
	size_t length;

	if (which == 2)
		name = machine_adapter_name(MACHINE_EDU) ?: name;
	else if (which == NAME_EMPTY)
		name = "";
	else if (which == NAME_LONG)
		name = long_name;
	length = strlen(name) + (which != NAME_UNENDED);
	put(request, 2, name, length);
}

static __u32 id_of(const struct fuzz_value *value)
{
	if (value->form == FUZZ_REGISTER)
		return fuzz_handle(value)->id;
	return value->form == FUZZ_WORD ? machine_adapter(value->number) :
					  value->number;
}

static long run_nlsend(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	static const char nothing[1024];
	struct request request = {
		.header = {
			.nlmsg_len = NLMSG_HDRLEN + GENL_HDRLEN,
			.nlmsg_type = a[SEND_FAMILY].number ?
				      GENL_ID_CTRL : machine_family(),
			.nlmsg_flags = a[SEND_FLAGS].number,
			.nlmsg_seq = 1,
		},
		.genl = {
			.cmd = a[SEND_COMMAND].number,
			.version = a[SEND_VERSION].number,
		},
	};
	__u64 cut = a[SEND_CUT].number % 64;
	__u32 id = id_of(&a[SEND_ID]);
	void *at, *seen;

	if (a[SEND_TYPE].number)
		put(&request, a[SEND_TYPE].number, &id, sizeof(id));
	if (a[SEND_NAME].number != NAME_NONE)
		put_name(&request, a[SEND_NAME].number);
	if (a[SEND_EXTRA].number)
		put(&request, 99, nothing, a[SEND_EXTRA].number % 1024);
	if (cut < request.header.nlmsg_len)
		request.header.nlmsg_len -= cut;
	thread->beside = a[SEND_FAMILY].number || !machine_family();
	at = fuzz_put(thread, &a[SEND_AT], &request, request.header.nlmsg_len,
		      &seen);
	return send(fuzz_socket(&a[SEND_SOCKET]), at, request.header.nlmsg_len,
		    MSG_DONTWAIT);
}

enum { RECEIVE_SOCKET, RECEIVE_AT, RECEIVE_SIZE, RECEIVE_TIMES };
static const struct fuzz_argument receive_arguments[] = {
	[RECEIVE_SOCKET] = SOCKET,
	[RECEIVE_AT] = FUZZ_AT("at"),
	[RECEIVE_SIZE] = FUZZ_ANY("size", 8192, 0, 1, 100, 512),
	[RECEIVE_TIMES] = FUZZ_ANY("times", 1, 2, 3, 10),
	{}
};

static long run_nlreceive(struct fuzz_thread *thread,
			  const struct fuzz_value *a)
{
	static const char nothing[8192];
	size_t size = a[RECEIVE_SIZE].number % (sizeof(nothing) + 1);
	__u64 times = a[RECEIVE_TIMES].number % 16;
	void *at, *seen;
	long ret = 0;

	at = fuzz_put(thread, &a[RECEIVE_AT], nothing, size, &seen);
	thread->beside = true;
	while (times-- && ret >= 0) {
		ret = recv(fuzz_socket(&a[RECEIVE_SOCKET]), at, size,
			   MSG_DONTWAIT);
		/*
		 * Only a message of the family itself counts as success, not an
		 * error.
		 */
		if (seen && ret >= (long)sizeof(struct nlmsghdr))
			thread->beside &= ((struct nlmsghdr *)seen)->nlmsg_type !=
					  machine_family();
	}
	return thread->beside ? ret : 0;
}

const struct fuzz_kind fuzz_netlink_kinds[] = {
	{ "nlopen", 4, socket_arguments, run_nlopen, NULL },
	{ "nlclose", 2, socket_arguments, run_nlclose, NULL },
	{ "nloption", 2, option_arguments, run_nloption, NULL },
	{ "nlsend", 10, send_arguments, run_nlsend, NULL },
	{ "nlreceive", 5, receive_arguments, run_nlreceive, NULL },
	{}
};
