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

static __u64 get_u64(const struct nlattr *attribute)
{
	__u64 value = 0;

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

void ndshm_nl_to_adapter(const struct nlmsghdr *message,
			 struct ndshm_nl_adapter *adapter)
{
	struct ndshm_nl_attributes a = ndshm_nl_parse(message);

	memset(adapter, 0, sizeof(*adapter));
	adapter->present = present(&a);
	adapter->id = ndshm_nl_u32(a.at[NDSHM_A_ADAPTER_ID]);
	get_text(a.at[NDSHM_A_ADAPTER_NAME], adapter->name,
		 sizeof(adapter->name));
	get_text(a.at[NDSHM_A_ADAPTER_DEVICE], adapter->device,
		 sizeof(adapter->device));
	adapter->node = ndshm_nl_u32(a.at[NDSHM_A_ADAPTER_NODE]);
	adapter->isolation = ndshm_nl_u32(a.at[NDSHM_A_ADAPTER_ISOLATION]);
	adapter->open = a.at[NDSHM_A_ADAPTER_OPEN];
	adapter->claimable = a.at[NDSHM_A_ADAPTER_CLAIMABLE];
	adapter->claimed = a.at[NDSHM_A_ADAPTER_CLAIMED];
	adapter->needs_reset = a.at[NDSHM_A_ADAPTER_NEEDS_RESET];
	adapter->owner = ndshm_nl_u32(a.at[NDSHM_A_ADAPTER_OWNER]);
	adapter->group = ndshm_nl_u32(a.at[NDSHM_A_ADAPTER_GROUP]);
	adapter->mode = ndshm_nl_u32(a.at[NDSHM_A_ADAPTER_MODE]);
	adapter->reset_policy =
		ndshm_nl_u32(a.at[NDSHM_A_ADAPTER_RESET_POLICY]);
}

void ndshm_nl_to_provider(const struct nlmsghdr *message,
			  struct ndshm_nl_provider *provider)
{
	struct ndshm_nl_attributes a = ndshm_nl_parse(message);

	memset(provider, 0, sizeof(*provider));
	provider->present = present(&a);
	provider->id = ndshm_nl_u32(a.at[NDSHM_A_PROVIDER_ID]);
	get_text(a.at[NDSHM_A_PROVIDER_NAME], provider->name,
		 sizeof(provider->name));
	provider->scope = ndshm_nl_u32(a.at[NDSHM_A_PROVIDER_SCOPE]);
	provider->adapter = ndshm_nl_u32(a.at[NDSHM_A_PROVIDER_ADAPTER_ID]);
	provider->flags = ndshm_nl_u32(a.at[NDSHM_A_PROVIDER_FLAGS]);
	provider->blocks = ndshm_nl_u32(a.at[NDSHM_A_PROVIDER_BLOCKS]);
	provider->mappable = a.at[NDSHM_A_PROVIDER_MAPPABLE];
	provider->open = a.at[NDSHM_A_PROVIDER_OPEN];
	provider->owner = ndshm_nl_u32(a.at[NDSHM_A_PROVIDER_OWNER]);
	provider->group = ndshm_nl_u32(a.at[NDSHM_A_PROVIDER_GROUP]);
	provider->mode = ndshm_nl_u32(a.at[NDSHM_A_PROVIDER_MODE]);
}

void ndshm_nl_to_block(const struct nlmsghdr *message,
		       struct ndshm_nl_block *block)
{
	struct ndshm_nl_attributes a = ndshm_nl_parse(message);

	memset(block, 0, sizeof(*block));
	block->present = present(&a);
	block->id = ndshm_nl_u32(a.at[NDSHM_A_BLOCK_ID]);
	block->adapter = ndshm_nl_u32(a.at[NDSHM_A_BLOCK_ADAPTER_ID]);
	block->provider = ndshm_nl_u32(a.at[NDSHM_A_BLOCK_PROVIDER_ID]);
	block->usage = ndshm_nl_u32(a.at[NDSHM_A_BLOCK_USAGE]);
	block->uid = ndshm_nl_u32(a.at[NDSHM_A_BLOCK_UID]);
	block->pid = ndshm_nl_u32(a.at[NDSHM_A_BLOCK_PID]);
	block->segments = ndshm_nl_u32(a.at[NDSHM_A_BLOCK_SEGMENTS]);
	block->preferred_node =
		ndshm_nl_u32(a.at[NDSHM_A_BLOCK_PREFERRED_NODE]);
	block->length = get_u64(a.at[NDSHM_A_BLOCK_LENGTH]);
	block->consumed = get_u64(a.at[NDSHM_A_BLOCK_CONSUMED]);
	block->charged = a.at[NDSHM_A_BLOCK_CHARGED];
	block->revoked = a.at[NDSHM_A_BLOCK_REVOKED];
	block->kernel = a.at[NDSHM_A_BLOCK_KERNEL];
	block->exports = ndshm_nl_u32(a.at[NDSHM_A_BLOCK_EXPORTS]);
	block->tag = ndshm_nl_u32(a.at[NDSHM_A_BLOCK_TAG]);
}

void ndshm_nl_to_section(const struct nlmsghdr *message,
			 struct ndshm_nl_section *section)
{
	struct ndshm_nl_attributes a = ndshm_nl_parse(message);

	memset(section, 0, sizeof(*section));
	section->present = present(&a);
	section->id = ndshm_nl_u32(a.at[NDSHM_A_SECTION_ID]);
	section->adapter = ndshm_nl_u32(a.at[NDSHM_A_SECTION_ADAPTER_ID]);
	section->provider = ndshm_nl_u32(a.at[NDSHM_A_SECTION_PROVIDER_ID]);
	section->uid = ndshm_nl_u32(a.at[NDSHM_A_SECTION_UID]);
	section->max_size = get_u64(a.at[NDSHM_A_SECTION_MAX_SIZE]);
	section->initial_size = get_u64(a.at[NDSHM_A_SECTION_INITIAL_SIZE]);
	section->committed = get_u64(a.at[NDSHM_A_SECTION_COMMITTED]);
	section->taken = get_u64(a.at[NDSHM_A_SECTION_TAKEN]);
	section->extents = ndshm_nl_u32(a.at[NDSHM_A_SECTION_EXTENTS]);
	section->holders = ndshm_nl_u32(a.at[NDSHM_A_SECTION_HOLDERS]);
	section->deleted = a.at[NDSHM_A_SECTION_DELETED];
	section->revoked = a.at[NDSHM_A_SECTION_REVOKED];
	get_text(a.at[NDSHM_A_SECTION_NAME], section->name, sizeof(section->name));
	section->group = ndshm_nl_u32(a.at[NDSHM_A_SECTION_GROUP]);
	section->mode = ndshm_nl_u32(a.at[NDSHM_A_SECTION_MODE]);
	section->exports = ndshm_nl_u32(a.at[NDSHM_A_SECTION_EXPORTS]);
}

void ndshm_nl_to_queue(const struct nlmsghdr *message,
		       struct ndshm_nl_queue *queue)
{
	struct ndshm_nl_attributes a = ndshm_nl_parse(message);

	memset(queue, 0, sizeof(*queue));
	queue->present = present(&a);
	queue->adapter = ndshm_nl_u32(a.at[NDSHM_A_QUEUE_ADAPTER_ID]);
	queue->kind = ndshm_nl_u32(a.at[NDSHM_A_QUEUE_KIND]);
	queue->id = ndshm_nl_u32(a.at[NDSHM_A_QUEUE_ID]);
	queue->state = ndshm_nl_u32(a.at[NDSHM_A_QUEUE_STATE]);
	queue->filters = ndshm_nl_u32(a.at[NDSHM_A_QUEUE_FILTERS]);
	queue->blocks = ndshm_nl_u32(a.at[NDSHM_A_QUEUE_BLOCKS]);
	queue->packets = ndshm_nl_u32(a.at[NDSHM_A_QUEUE_PACKETS]);
	queue->bytes = get_u64(a.at[NDSHM_A_QUEUE_BYTES]);
	get_text(a.at[NDSHM_A_QUEUE_NAME], queue->name, sizeof(queue->name));
	get_text(a.at[NDSHM_A_QUEUE_VM_NAME], queue->vm_name, sizeof(queue->vm_name));
	queue->affinity = get_u64(a.at[NDSHM_A_QUEUE_AFFINITY]);
	queue->affinity_group = ndshm_nl_u32(a.at[NDSHM_A_QUEUE_AFFINITY_GROUP]);
	queue->buffers = ndshm_nl_u32(a.at[NDSHM_A_QUEUE_BUFFERS]);
	queue->lookahead = ndshm_nl_u32(a.at[NDSHM_A_QUEUE_LOOKAHEAD]);
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

/* Request one object by an attribute. */
static int get_one(struct ndshm_nl *nl, __u8 cmd, __u16 type, const void *data,
		   __u16 length, ndshm_nl_got got, void *context)
{
	struct ndshm_nl_request request;

	ndshm_nl_begin(&request, nl->family, cmd, 0);
	ndshm_nl_put(&request, type, data, length);
	return ndshm_nl_talk(nl, &request, got, context);
}

static void got_adapter(const struct nlmsghdr *message, void *context)
{
	ndshm_nl_to_adapter(message, context);
}

static void got_provider(const struct nlmsghdr *message, void *context)
{
	ndshm_nl_to_provider(message, context);
}

static void got_block(const struct nlmsghdr *message, void *context)
{
	ndshm_nl_to_block(message, context);
}

static void got_section(const struct nlmsghdr *message, void *context)
{
	ndshm_nl_to_section(message, context);
}

static void got_queue(const struct nlmsghdr *message, void *context)
{
	ndshm_nl_to_queue(message, context);
}

int ndshm_nl_adapter_by_id(struct ndshm_nl *nl, __u32 id,
			   struct ndshm_nl_adapter *adapter)
{
	return get_one(nl, NDSHM_CMD_ADAPTER_GET, NDSHM_A_ADAPTER_ID, &id,
		       sizeof(id), got_adapter, adapter);
}

int ndshm_nl_adapter_by_name(struct ndshm_nl *nl, const char *name,
			     struct ndshm_nl_adapter *adapter)
{
	return get_one(nl, NDSHM_CMD_ADAPTER_GET, NDSHM_A_ADAPTER_NAME, name,
		       strlen(name) + 1, got_adapter, adapter);
}

int ndshm_nl_provider_by_id(struct ndshm_nl *nl, __u32 id,
			    struct ndshm_nl_provider *provider)
{
	return get_one(nl, NDSHM_CMD_PROVIDER_GET, NDSHM_A_PROVIDER_ID, &id,
		       sizeof(id), got_provider, provider);
}

int ndshm_nl_provider_by_name(struct ndshm_nl *nl, const char *name,
			      struct ndshm_nl_provider *provider)
{
	return get_one(nl, NDSHM_CMD_PROVIDER_GET, NDSHM_A_PROVIDER_NAME, name,
		       strlen(name) + 1, got_provider, provider);
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

int ndshm_nl_block_by_id(struct ndshm_nl *nl, __u32 id,
			 struct ndshm_nl_block *block)
{
	return get_one(nl, NDSHM_CMD_BLOCK_GET, NDSHM_A_BLOCK_ID, &id,
		       sizeof(id), got_block, block);
}

int ndshm_nl_section_by_id(struct ndshm_nl *nl, __u32 id,
			   struct ndshm_nl_section *section)
{
	return get_one(nl, NDSHM_CMD_SECTION_GET, NDSHM_A_SECTION_ID, &id,
		       sizeof(id), got_section, section);
}

int ndshm_nl_delete_section(struct ndshm_nl *nl, __u32 id)
{
	return get_one(nl, NDSHM_CMD_SECTION_DELETE, NDSHM_A_SECTION_ID, &id,
		       sizeof(id), NULL, NULL);
}

int ndshm_nl_queue_by_id(struct ndshm_nl *nl, __u32 adapter, __u32 kind,
			 __u32 id, struct ndshm_nl_queue *queue)
{
	struct ndshm_nl_request request;

	ndshm_nl_begin(&request, nl->family, NDSHM_CMD_QUEUE_GET, 0);
	ndshm_nl_put(&request, NDSHM_A_QUEUE_ADAPTER_ID, &adapter,
		     sizeof(adapter));
	ndshm_nl_put(&request, NDSHM_A_QUEUE_KIND, &kind, sizeof(kind));
	ndshm_nl_put(&request, NDSHM_A_QUEUE_ID, &id, sizeof(id));
	return ndshm_nl_talk(nl, &request, got_queue, queue);
}

/* @attribute is that of the owner; group, mode and policy follow it. */
static int set_access(struct ndshm_nl *nl, __u8 cmd, __u16 id_attribute,
		      __u16 attribute, __u32 id,
		      const struct ndshm_nl_access *access)
{
	const __u32 values[] = {
		access->owner, access->group, access->mode,
		access->reset_policy,
	};
	struct ndshm_nl_request request;
	unsigned int i;

	ndshm_nl_begin(&request, nl->family, cmd, 0);
	ndshm_nl_put(&request, id_attribute, &id, sizeof(id));
	for (i = 0; i < 4; i++)
		if (access->set & 1U << i)
			ndshm_nl_put(&request, attribute + i, &values[i],
				     sizeof(values[i]));
	return ndshm_nl_talk(nl, &request, NULL, NULL);
}

int ndshm_nl_set_adapter(struct ndshm_nl *nl, __u32 id,
			 const struct ndshm_nl_access *access)
{
	return set_access(nl, NDSHM_CMD_ADAPTER_SET, NDSHM_A_ADAPTER_ID,
			  NDSHM_A_ADAPTER_OWNER, id, access);
}

int ndshm_nl_set_provider(struct ndshm_nl *nl, __u32 id,
			  const struct ndshm_nl_access *access)
{
	return set_access(nl, NDSHM_CMD_PROVIDER_SET, NDSHM_A_PROVIDER_ID,
			  NDSHM_A_PROVIDER_OWNER, id, access);
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

/* The array that receives the objects of a dump. */
struct store {
	ndshm_nl_got one;
	char *next;
	size_t size;
	int capacity;
	int count;
};

static void got_next(const struct nlmsghdr *message, void *context)
{
	struct store *store = context;

	if (store->count++ >= store->capacity)
		return;
	store->one(message, store->next);
	store->next += store->size;
}

static int dump(struct ndshm_nl *nl, __u8 cmd, struct store *store)
{
	struct ndshm_nl_request request;
	int error;

	ndshm_nl_begin(&request, nl->family, cmd, NLM_F_DUMP);
	error = ndshm_nl_talk(nl, &request, got_next, store);
	return error ? error : store->count;
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

int ndshm_nl_adapters(struct ndshm_nl *nl, struct ndshm_nl_adapter *adapters,
		      int capacity)
{
	struct store store = {
		.one = got_adapter,
		.next = (char *)adapters,
		.size = sizeof(*adapters),
		.capacity = capacity,
	};

	return dump(nl, NDSHM_CMD_ADAPTER_GET, &store);
}

int ndshm_nl_providers(struct ndshm_nl *nl,
		       struct ndshm_nl_provider *providers, int capacity)
{
	struct store store = {
		.one = got_provider,
		.next = (char *)providers,
		.size = sizeof(*providers),
		.capacity = capacity,
	};

	return dump(nl, NDSHM_CMD_PROVIDER_GET, &store);
}

int ndshm_nl_blocks(struct ndshm_nl *nl, struct ndshm_nl_block *blocks,
		    int capacity)
{
	struct store store = {
		.one = got_block,
		.next = (char *)blocks,
		.size = sizeof(*blocks),
		.capacity = capacity,
	};

	return dump(nl, NDSHM_CMD_BLOCK_GET, &store);
}

int ndshm_nl_sections(struct ndshm_nl *nl, struct ndshm_nl_section *sections,
		      int capacity)
{
	struct store store = {
		.one = got_section,
		.next = (char *)sections,
		.size = sizeof(*sections),
		.capacity = capacity,
	};

	return dump(nl, NDSHM_CMD_SECTION_GET, &store);
}

int ndshm_nl_queues(struct ndshm_nl *nl, struct ndshm_nl_queue *queues,
		    int capacity)
{
	struct store store = {
		.one = got_queue,
		.next = (char *)queues,
		.size = sizeof(*queues),
		.capacity = capacity,
	};

	return dump(nl, NDSHM_CMD_QUEUE_GET, &store);
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
