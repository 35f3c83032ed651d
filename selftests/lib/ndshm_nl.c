// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ndshm_nl.h"

#define RECEIVE_SIZE	65536

static const void *payload(const struct nlattr *attribute)
{
	return (const char *)attribute + NLA_HDRLEN;
}

static unsigned int payload_length(const struct nlattr *attribute)
{
	return attribute->nla_len - NLA_HDRLEN;
}

__u32 ndshm_nl_u32(const struct nlattr *attribute)
{
	__u32 value = 0;

	if (attribute && payload_length(attribute) >= sizeof(value))
		memcpy(&value, payload(attribute), sizeof(value));
	return value;
}

static void get_text(const struct nlattr *attribute, char *text, size_t size)
{
	size_t length;

	text[0] = '\0';
	if (!attribute)
		return;
	length = payload_length(attribute);
	if (length >= size)
		length = size - 1;
	memcpy(text, payload(attribute), length);
	text[length] = '\0';
}

static struct ndshm_nl_attributes parse(const void *start, unsigned int length)
{
	struct ndshm_nl_attributes attributes = {};
	const char *at = start, *end = at + length;
	const struct nlattr *attribute;
	unsigned int type;

	while (end - at >= NLA_HDRLEN) {
		attribute = (const void *)at;
		if (attribute->nla_len < NLA_HDRLEN ||
		    attribute->nla_len > end - at)
			break;
		type = attribute->nla_type & NLA_TYPE_MASK;
		if (type < NDSHM_NL_ATTRIBUTES)
			attributes.at[type] = attribute;
		if (NLA_ALIGN(attribute->nla_len) >= end - at)
			break;
		at += NLA_ALIGN(attribute->nla_len);
	}
	return attributes;
}

struct ndshm_nl_attributes ndshm_nl_nest(const struct nlattr *nest)
{
	return parse(payload(nest), payload_length(nest));
}

struct ndshm_nl_attributes ndshm_nl_parse(const struct nlmsghdr *message)
{
	return parse((const char *)message + NLMSG_HDRLEN + GENL_HDRLEN,
		     message->nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN);
}

static __u32 present(const struct ndshm_nl_attributes *attributes)
{
	__u32 bits = 0;
	int i;

	for (i = 0; i < NDSHM_NL_ATTRIBUTES; i++)
		if (attributes->at[i])
			bits |= 1U << i;
	return bits;
}

/*
 * Objects
 */

#define FIELD(kind, attribute, member, always) { \
	NDSHM_A_##attribute, offsetof(struct ndshm_nl_##kind, member), \
	sizeof(((struct ndshm_nl_##kind *)0)->member), always }

#define ADAPTER(attribute, member, always) \
	FIELD(adapter, ADAPTER_##attribute, member, always)
#define PROVIDER(attribute, member, always) \
	FIELD(provider, PROVIDER_##attribute, member, always)
#define BLOCK(attribute, member, always) \
	FIELD(block, BLOCK_##attribute, member, always)
#define SECTION(attribute, member, always) \
	FIELD(section, SECTION_##attribute, member, always)
#define QUEUE(attribute, member, always) \
	FIELD(queue, QUEUE_##attribute, member, always)

const struct ndshm_nl_object ndshm_nl_objects[NDSHM_NL_KINDS] = {
	[NDSHM_NL_ADAPTER] = {
		.get = NDSHM_CMD_ADAPTER_GET,
		.id = NDSHM_A_ADAPTER_ID, .name = NDSHM_A_ADAPTER_NAME,
		.size = sizeof(struct ndshm_nl_adapter),
		.fields = {
			ADAPTER(ID, id, true),
			ADAPTER(NAME, name, true),
			ADAPTER(DEVICE, device, true),
			ADAPTER(NODE, node, true),
			ADAPTER(ISOLATION, isolation, true),
			ADAPTER(OPEN, open, false),
			ADAPTER(CLAIMABLE, claimable, false),
			ADAPTER(CLAIMED, claimed, false),
			ADAPTER(NEEDS_RESET, needs_reset, false),
		},
	},
	[NDSHM_NL_PROVIDER] = {
		.get = NDSHM_CMD_PROVIDER_GET,
		.id = NDSHM_A_PROVIDER_ID, .name = NDSHM_A_PROVIDER_NAME,
		.size = sizeof(struct ndshm_nl_provider),
		.fields = {
			PROVIDER(ID, id, true),
			PROVIDER(NAME, name, true),
			PROVIDER(SCOPE, scope, true),
			PROVIDER(ADAPTER_ID, adapter, false),
			PROVIDER(FLAGS, flags, true),
			PROVIDER(BLOCKS, blocks, true),
			PROVIDER(MAPPABLE, mappable, false),
			PROVIDER(OPEN, open, false),
		},
	},
	[NDSHM_NL_BLOCK] = {
		.get = NDSHM_CMD_BLOCK_GET,
		.id = NDSHM_A_BLOCK_ID, .pad = NDSHM_A_BLOCK_PAD,
		.size = sizeof(struct ndshm_nl_block),
		.fields = {
			BLOCK(ID, id, true),
			BLOCK(ADAPTER_ID, adapter, true),
			BLOCK(PROVIDER_ID, provider, true),
			BLOCK(USAGE, usage, true),
			BLOCK(UID, uid, true),
			BLOCK(PID, pid, true),
			BLOCK(SEGMENTS, segments, true),
			BLOCK(PREFERRED_NODE, preferred_node, true),
			BLOCK(LENGTH, length, true),
			BLOCK(CONSUMED, consumed, true),
			BLOCK(CHARGED, charged, false),
			BLOCK(REVOKED, revoked, false),
			BLOCK(KERNEL, kernel, false),
			BLOCK(EXPORTS, exports, false),
			BLOCK(TAG, tag, false),
		},
	},
	[NDSHM_NL_SECTION] = {
		.get = NDSHM_CMD_SECTION_GET,
		.id = NDSHM_A_SECTION_ID, .pad = NDSHM_A_SECTION_PAD,
		.size = sizeof(struct ndshm_nl_section),
		.fields = {
			SECTION(ID, id, true),
			SECTION(ADAPTER_ID, adapter, true),
			SECTION(PROVIDER_ID, provider, true),
			SECTION(UID, uid, true),
			SECTION(MAX_SIZE, max_size, true),
			SECTION(INITIAL_SIZE, initial_size, true),
			SECTION(COMMITTED, committed, true),
			SECTION(TAKEN, taken, true),
			SECTION(EXTENTS, extents, true),
			SECTION(HOLDERS, holders, true),
			SECTION(DELETED, deleted, false),
			SECTION(REVOKED, revoked, false),
			SECTION(NAME, name, false),
			SECTION(GROUP, group, false),
			SECTION(MODE, mode, false),
			SECTION(EXPORTS, exports, false),
		},
	},
	[NDSHM_NL_QUEUE] = {
		.get = NDSHM_CMD_QUEUE_GET, .pad = NDSHM_A_QUEUE_PAD,
		.size = sizeof(struct ndshm_nl_queue),
		.fields = {
			QUEUE(ADAPTER_ID, adapter, true),
			QUEUE(KIND, kind, true),
			QUEUE(ID, id, true),
			QUEUE(STATE, state, true),
			QUEUE(FILTERS, filters, false),
			QUEUE(BLOCKS, blocks, true),
			QUEUE(PACKETS, packets, true),
			QUEUE(BYTES, bytes, true),
			QUEUE(NAME, name, false),
			QUEUE(VM_NAME, vm_name, false),
			QUEUE(AFFINITY, affinity, false),
			QUEUE(AFFINITY_GROUP, affinity_group, false),
			QUEUE(BUFFERS, buffers, false),
			QUEUE(LOOKAHEAD, lookahead, false),
		},
	},
};

static void decode_field(const struct nlattr *attribute, const struct ndshm_nl_field *field,
			 void *member)
{
	switch (field->size) {
	case sizeof(bool):
		*(bool *)member = true;
		break;
	case sizeof(__u32):
	case sizeof(__u64):
		if (payload_length(attribute) >= field->size)
			memcpy(member, payload(attribute), field->size);
		break;
	default:
		get_text(attribute, member, field->size);
	}
}

/* Each structure begins with @present. */
void ndshm_nl_decode(const struct nlmsghdr *message, enum ndshm_nl_kind kind, void *object)
{
	const struct ndshm_nl_attributes a = ndshm_nl_parse(message);
	const struct ndshm_nl_field *field;

	memset(object, 0, ndshm_nl_objects[kind].size);
	*(__u32 *)object = present(&a);
	for (field = ndshm_nl_objects[kind].fields; field->attribute; field++)
		if (a.at[field->attribute])
			decode_field(a.at[field->attribute], field, (char *)object + field->offset);
}

void ndshm_nl_begin(struct ndshm_nl_request *request, __u16 family, __u8 cmd,
		    __u16 flags)
{
	memset(request, 0, sizeof(*request));
	request->header.nlmsg_len = NLMSG_HDRLEN + GENL_HDRLEN;
	request->header.nlmsg_type = family;
	request->header.nlmsg_flags = NLM_F_REQUEST | flags;
	request->genl.cmd = cmd;
	request->genl.version = NDSHM_FAMILY_VERSION;
}

void ndshm_nl_put(struct ndshm_nl_request *request, __u16 type,
		  const void *data, __u16 length)
{
	struct nlattr *attribute = (void *)((char *)request +
					    NLMSG_ALIGN(request->header.nlmsg_len));

	attribute->nla_type = type;
	attribute->nla_len = NLA_HDRLEN + length;
	memcpy((char *)attribute + NLA_HDRLEN, data, length);
	request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) +
				    NLA_ALIGN(attribute->nla_len);
}

/* Store the extack of an error or of the end of a dump. */
static void keep_extack(struct ndshm_nl *nl, const struct nlmsghdr *message)
{
	unsigned int skip = NLMSG_HDRLEN + sizeof(int);
	const struct nlmsgerr *error = NLMSG_DATA(message);
	struct ndshm_nl_attributes a;

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (message->nlmsg_type == NLMSG_ERROR) {
		skip = NLMSG_HDRLEN + sizeof(*error);
		if (!(message->nlmsg_flags & NLM_F_CAPPED))
			skip += error->msg.nlmsg_len - NLMSG_HDRLEN;
	}
	if (skip >= message->nlmsg_len)
		return;
	a = parse((const char *)message + skip, message->nlmsg_len - skip);
	get_text(a.at[NLMSGERR_ATTR_MSG], nl->extack, sizeof(nl->extack));
}

/* Handle one message of an answer. Return: true if it is the last. */
static bool take(struct ndshm_nl *nl, const struct nlmsghdr *message,
		 ndshm_nl_got got, void *context, int *error)
{
	switch (message->nlmsg_type) {
	case NLMSG_DONE:
	case NLMSG_ERROR:
		/* Both payloads begin with an errno. */
		*error = *(const int *)NLMSG_DATA(message);
		keep_extack(nl, message);
		return true;
	default:
		if (got)
			got(message, context);
		return false;
	}
}

int ndshm_nl_talk(struct ndshm_nl *nl, struct ndshm_nl_request *request,
		  ndshm_nl_got got, void *context)
{
	static __u64 buffer[RECEIVE_SIZE / sizeof(__u64)];
	const struct nlmsghdr *message;
	bool end = false;
	int error = 0;
	ssize_t got_now;
	size_t left;

	nl->extack[0] = '\0';
	if ((request->header.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		request->header.nlmsg_flags |= NLM_F_ACK;
	request->header.nlmsg_seq = ++nl->seq;
	if (send(nl->fd, request, request->header.nlmsg_len, 0) < 0)
		return -errno;
	while (!end) {
		got_now = recv(nl->fd, buffer, sizeof(buffer), 0);
		if (got_now < 0)
			return -errno;
		left = got_now;
		for (message = (void *)buffer; !end && NLMSG_OK(message, left);
		     message = NLMSG_NEXT(message, left))
			if (message->nlmsg_seq == nl->seq)
				end = take(nl, message, got, context, &error);
	}
	return error;
}

static void got_family(const struct nlmsghdr *message, void *context)
{
	struct ndshm_nl_attributes a = ndshm_nl_parse(message), groups, group;
	struct ndshm_nl *nl = context;
	int i;

	nl->family = ndshm_nl_u32(a.at[CTRL_ATTR_FAMILY_ID]) & 0xffff;
	if (a.at[CTRL_ATTR_FAMILY_ID])
		memcpy(&nl->family, payload(a.at[CTRL_ATTR_FAMILY_ID]),
		       sizeof(nl->family));
	nl->version = ndshm_nl_u32(a.at[CTRL_ATTR_VERSION]);
	if (!a.at[CTRL_ATTR_MCAST_GROUPS])
		return;
	groups = ndshm_nl_nest(a.at[CTRL_ATTR_MCAST_GROUPS]);
	for (i = 0; i < NDSHM_NL_ATTRIBUTES; i++) {
		if (!groups.at[i])
			continue;
		group = ndshm_nl_nest(groups.at[i]);
		get_text(group.at[CTRL_ATTR_MCAST_GRP_NAME], nl->group_name,
			 sizeof(nl->group_name));
		nl->group = ndshm_nl_u32(group.at[CTRL_ATTR_MCAST_GRP_ID]);
		nl->groups++;
	}
}

int ndshm_nl_open(struct ndshm_nl *nl)
{
	struct ndshm_nl_request request;
	const int on = 1;
	int error;

	memset(nl, 0, sizeof(*nl));
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (nl->fd < 0)
		return -errno;
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));

	ndshm_nl_begin(&request, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	ndshm_nl_put(&request, CTRL_ATTR_FAMILY_NAME, NDSHM_FAMILY_NAME,
		     sizeof(NDSHM_FAMILY_NAME));
	error = ndshm_nl_talk(nl, &request, got_family, nl);
	if (error)
		ndshm_nl_close(nl);
	return error;
}

void ndshm_nl_close(struct ndshm_nl *nl)
{
	close(nl->fd);
	nl->fd = -1;
}

/* The structures that receive the objects of an answer. */
struct store {
	enum ndshm_nl_kind kind;
	char *next;
	int capacity;
	int count;
};

static void got_next(const struct nlmsghdr *message, void *context)
{
	struct store *store = context;

	if (store->count++ >= store->capacity)
		return;
	ndshm_nl_decode(message, store->kind, store->next);
	store->next += ndshm_nl_objects[store->kind].size;
}

/* Request one object by an attribute. */
static int get_one(struct ndshm_nl *nl, enum ndshm_nl_kind kind, __u16 type, const void *data,
		   __u16 length, void *object)
{
	struct store store = { .kind = kind, .next = object, .capacity = 1 };
	struct ndshm_nl_request request;

	ndshm_nl_begin(&request, nl->family, ndshm_nl_objects[kind].get, 0);
	ndshm_nl_put(&request, type, data, length);
	return ndshm_nl_talk(nl, &request, got_next, &store);
}

int ndshm_nl_by_id(struct ndshm_nl *nl, enum ndshm_nl_kind kind, __u32 id, void *object)
{
	return get_one(nl, kind, ndshm_nl_objects[kind].id, &id, sizeof(id), object);
}

int ndshm_nl_by_name(struct ndshm_nl *nl, enum ndshm_nl_kind kind, const char *name, void *object)
{
	return get_one(nl, kind, ndshm_nl_objects[kind].name, name, strlen(name) + 1, object);
}

int ndshm_nl_all(struct ndshm_nl *nl, enum ndshm_nl_kind kind, void *objects, int capacity)
{
	struct store store = { .kind = kind, .next = objects, .capacity = capacity };
	struct ndshm_nl_request request;
	int error;

	ndshm_nl_begin(&request, nl->family, ndshm_nl_objects[kind].get, NLM_F_DUMP);
	error = ndshm_nl_talk(nl, &request, got_next, &store);
	return error ? error : store.count;
}

int ndshm_nl_provider_id(const char *name, __u32 *id)
{
	struct ndshm_nl_provider provider;
	struct ndshm_nl nl;
	int error = ndshm_nl_open(&nl);

	if (error)
		return error;
	error = ndshm_nl_provider_by_name(&nl, name, &provider);
	ndshm_nl_close(&nl);
	if (!error)
		*id = provider.id;
	return error;
}

int ndshm_nl_queue_by_id(struct ndshm_nl *nl, __u32 adapter, __u32 kind,
			 __u32 id, struct ndshm_nl_queue *queue)
{
	struct store store = {
		.kind = NDSHM_NL_QUEUE, .next = (char *)queue, .capacity = 1,
	};
	struct ndshm_nl_request request;

	ndshm_nl_begin(&request, nl->family, NDSHM_CMD_QUEUE_GET, 0);
	ndshm_nl_put(&request, NDSHM_A_QUEUE_ADAPTER_ID, &adapter,
		     sizeof(adapter));
	ndshm_nl_put(&request, NDSHM_A_QUEUE_KIND, &kind, sizeof(kind));
	ndshm_nl_put(&request, NDSHM_A_QUEUE_ID, &id, sizeof(id));
	return ndshm_nl_talk(nl, &request, got_next, &store);
}

/*
 * The kernel sizes the messages of a dump by the largest buffer ever passed to
 * recv() on the socket, so use a small one.
 */
static int open_short(struct ndshm_nl *nl)
{
	int fd, error = ndshm_nl_open(nl);

	if (error)
		return error;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (fd < 0)
		error = -errno;
	close(nl->fd);
	nl->fd = fd;
	return error;
}

int ndshm_nl_interrupted(__u8 get, bool (*change)(const void *context),
			 const void *context)
{
	static __u64 buffer[8192];
	const struct nlmsghdr *message;
	struct ndshm_nl_request request;
	unsigned int reported = 0, messages = 0;
	bool good, end = false;
	struct ndshm_nl nl;
	size_t left;
	ssize_t got;

	if (open_short(&nl))
		return -EPROTO;
	ndshm_nl_begin(&request, nl.family, get, NLM_F_DUMP);
	good = send(nl.fd, &request, request.header.nlmsg_len, 0) >= 0 &&
	       change(context);
	while (good && !end) {
		got = recv(nl.fd, buffer, sizeof(buffer), 0);
		good = got > 0;
		messages++;
		left = good ? got : 0;
		for (message = (void *)buffer; NLMSG_OK(message, left);
		     message = NLMSG_NEXT(message, left)) {
			end = end || message->nlmsg_type == NLMSG_DONE;
			good = good && message->nlmsg_type != NLMSG_ERROR;
			if (!end && (message->nlmsg_flags & NLM_F_DUMP_INTR))
				reported |= 1U << (messages > 1);
		}
	}
	ndshm_nl_close(&nl);
	return good && messages > 1 ? (int)reported : -EPROTO;
}

bool ndshm_nl_block_lives(struct ndshm_nl *nl, __u32 id)
{
	struct ndshm_nl_block block;

	return !ndshm_nl_block_by_id(nl, id, &block);
}

static void got_anything(const struct nlmsghdr *message, void *context)
{
	(void)message;
	(void)context;
}

int ndshm_nl_discard(struct ndshm_nl *nl, __u8 get)
{
	struct ndshm_nl_request request;

	ndshm_nl_begin(&request, nl->family, get, NLM_F_DUMP);
	return ndshm_nl_talk(nl, &request, got_anything, NULL);
}

int ndshm_nl_join_events(struct ndshm_nl *nl)
{
	return setsockopt(nl->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &nl->group,
			  sizeof(nl->group)) ? -errno : 0;
}

int ndshm_nl_event(struct ndshm_nl *nl, int milliseconds, void *buffer,
		   size_t size)
{
	struct pollfd pollfd = { .fd = nl->fd, .events = POLLIN };
	const struct nlmsghdr *message = buffer;
	const struct genlmsghdr *genl;
	ssize_t got;

	if (poll(&pollfd, 1, milliseconds) != 1)
		return -ETIMEDOUT;
	got = recv(nl->fd, buffer, size, MSG_TRUNC);
	if (got < 0)
		return -errno;
	if ((size_t)got > size || !NLMSG_OK(message, (size_t)got) ||
	    message->nlmsg_type != nl->family)
		return -EBADMSG;
	genl = NLMSG_DATA(message);
	return genl->cmd;
}
