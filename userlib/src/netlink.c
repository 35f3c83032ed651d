// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Lists of what the module holds, by generic netlink. Every request has a
 * socket of its own: threads share nothing, and nothing survives a fork.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/attr.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include <linux/ndshm_netlink.h>

#include "internal.h"

/* A dump that things come and go in is begun anew, but not for ever. */
#define DUMP_ATTEMPTS 16

/* Of any kind of object. */
#define ATTRIBUTES_MAX NDSHM_A_BLOCK_MAX
_Static_assert(NDSHM_A_ADAPTER_MAX <= ATTRIBUTES_MAX, "adapters have the most attributes");
_Static_assert(NDSHM_A_PROVIDER_MAX <= ATTRIBUTES_MAX, "providers have the most attributes");

_Static_assert(NDSHM_NAME_SIZE == NDSHM_NAME_MAX, "names are as long here as there");

/**
 * struct table - how a kind of object is asked for and read
 * @command: NDSHM_CMD_*_GET
 * @name: attribute that names one, or 0
 * @max: highest attribute
 * @policy: of the attributes
 * @row_size: bytes of a row
 * @fill: make a row, zeroed before, of the attributes; those that are missing
 *	are NULL
 */
struct table {
	uint8_t command;
	int name;
	int max;
	const struct nla_policy *policy;
	size_t row_size;
	void (*fill)(void *row, struct nlattr **attrs);
};

/**
 * struct answer - what has come so far
 * @table: of which kind
 * @rows: @count of them, with room for @capacity
 * @count: rows
 * @capacity: rows
 * @error: 0, or the first -errno
 * @pending: the end has not come
 */
struct answer {
	const struct table *table;
	char *rows;
	size_t count;
	size_t capacity;
	int error;
	bool pending;
};

/*
 * The one place where libnl's errors become ours. What the kernel answers does
 * not come through here: see on_error().
 */
static int nle_errno(int error)
{
	switch (error < 0 ? -error : error) {
	case NLE_SUCCESS:
		return 0;
	case NLE_INTR:
		return -EINTR;
	case NLE_AGAIN:
	case NLE_DUMP_INTR:
		return -EAGAIN;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_INVAL:
		return -EINVAL;
	case NLE_OPNOTSUPP:
	case NLE_AF_NOSUPPORT:
	case NLE_PROTO_MISMATCH:
		return -EOPNOTSUPP;
	case NLE_OBJ_NOTFOUND:
		return -ENOENT;
	case NLE_BUSY:
		return -EBUSY;
	case NLE_NOACCESS:
		return -EACCES;
	case NLE_PERM:
		return -EPERM;
	case NLE_NODEV:
		return -ENODEV;
	case NLE_EXIST:
		return -EEXIST;
	case NLE_BAD_SOCK:
		return -EBADF;
	case NLE_FAILURE:
		return -EIO;
	default:
		/* The rest says that a message was not what it should be. */
		return -EBADMSG;
	}
}

static uint32_t get_u32(const struct nlattr *attr)
{
	return attr ? nla_get_u32(attr) : 0;
}

static int32_t get_s32(const struct nlattr *attr, int32_t none)
{
	return attr ? nla_get_s32(attr) : none;
}

static uint64_t get_u64(const struct nlattr *attr)
{
	return attr ? nla_get_u64(attr) : 0;
}

/* A string that is too long is cut. */
static void get_string(char *to, size_t size, const struct nlattr *attr)
{
	if (attr)
		nla_strlcpy(to, attr, size);
}

/* libnl itself asks nothing of a signed number's length. */
#define SIGNED_POLICY { .type = NLA_S32, .minlen = sizeof(int32_t) }

static const struct nla_policy adapter_policy[NDSHM_A_ADAPTER_MAX + 1] = {
	[NDSHM_A_ADAPTER_ID] = { .type = NLA_U32 },
	[NDSHM_A_ADAPTER_NAME] = { .type = NLA_STRING },
	[NDSHM_A_ADAPTER_DEVICE] = { .type = NLA_STRING },
	[NDSHM_A_ADAPTER_NODE] = SIGNED_POLICY,
	[NDSHM_A_ADAPTER_ISOLATION] = { .type = NLA_U32 },
	[NDSHM_A_ADAPTER_OPEN] = { .type = NLA_FLAG },
	[NDSHM_A_ADAPTER_CLAIMABLE] = { .type = NLA_FLAG },
	[NDSHM_A_ADAPTER_CLAIMED] = { .type = NLA_FLAG },
	[NDSHM_A_ADAPTER_DIRTY] = { .type = NLA_FLAG },
};

static void fill_adapter(void *to, struct nlattr **attrs)
{
	struct ndshm_adapter_info *row = to;

	get_string(row->name, sizeof(row->name), attrs[NDSHM_A_ADAPTER_NAME]);
	get_string(row->device, sizeof(row->device), attrs[NDSHM_A_ADAPTER_DEVICE]);
	row->id = get_u32(attrs[NDSHM_A_ADAPTER_ID]);
	row->node = get_s32(attrs[NDSHM_A_ADAPTER_NODE], NDSHM_NODE_ANY);
	row->isolation = get_u32(attrs[NDSHM_A_ADAPTER_ISOLATION]);
	row->open = attrs[NDSHM_A_ADAPTER_OPEN];
	row->claimable = attrs[NDSHM_A_ADAPTER_CLAIMABLE];
	row->claimed = attrs[NDSHM_A_ADAPTER_CLAIMED];
	row->dirty = attrs[NDSHM_A_ADAPTER_DIRTY];
}

static const struct table adapters = {
	.command = NDSHM_CMD_ADAPTER_GET,
	.name = NDSHM_A_ADAPTER_NAME,
	.max = NDSHM_A_ADAPTER_MAX,
	.policy = adapter_policy,
	.row_size = sizeof(struct ndshm_adapter_info),
	.fill = fill_adapter,
};

static const struct nla_policy provider_policy[NDSHM_A_PROVIDER_MAX + 1] = {
	[NDSHM_A_PROVIDER_ID] = { .type = NLA_U32 },
	[NDSHM_A_PROVIDER_NAME] = { .type = NLA_STRING },
	[NDSHM_A_PROVIDER_SCOPE] = { .type = NLA_U32 },
	[NDSHM_A_PROVIDER_ADAPTER_ID] = { .type = NLA_U32 },
	[NDSHM_A_PROVIDER_FLAGS] = { .type = NLA_U32 },
	[NDSHM_A_PROVIDER_BLOCKS] = { .type = NLA_U32 },
	[NDSHM_A_PROVIDER_MAPPABLE] = { .type = NLA_FLAG },
};

static void fill_provider(void *to, struct nlattr **attrs)
{
	struct ndshm_provider_info *row = to;

	get_string(row->name, sizeof(row->name), attrs[NDSHM_A_PROVIDER_NAME]);
	row->id = get_u32(attrs[NDSHM_A_PROVIDER_ID]);
	row->scope = get_u32(attrs[NDSHM_A_PROVIDER_SCOPE]);
	row->adapter = get_u32(attrs[NDSHM_A_PROVIDER_ADAPTER_ID]);
	row->flags = get_u32(attrs[NDSHM_A_PROVIDER_FLAGS]);
	row->blocks = get_u32(attrs[NDSHM_A_PROVIDER_BLOCKS]);
	row->mappable = attrs[NDSHM_A_PROVIDER_MAPPABLE];
}

static const struct table providers = {
	.command = NDSHM_CMD_PROVIDER_GET,
	.name = NDSHM_A_PROVIDER_NAME,
	.max = NDSHM_A_PROVIDER_MAX,
	.policy = provider_policy,
	.row_size = sizeof(struct ndshm_provider_info),
	.fill = fill_provider,
};

static const struct nla_policy block_policy[NDSHM_A_BLOCK_MAX + 1] = {
	[NDSHM_A_BLOCK_ID] = { .type = NLA_U32 },
	[NDSHM_A_BLOCK_ADAPTER_ID] = { .type = NLA_U32 },
	[NDSHM_A_BLOCK_PROVIDER_ID] = { .type = NLA_U32 },
	[NDSHM_A_BLOCK_USAGE] = { .type = NLA_U32 },
	[NDSHM_A_BLOCK_UID] = { .type = NLA_U32 },
	[NDSHM_A_BLOCK_PID] = { .type = NLA_U32 },
	[NDSHM_A_BLOCK_SEGMENTS] = { .type = NLA_U32 },
	[NDSHM_A_BLOCK_PREFERRED_NODE] = SIGNED_POLICY,
	[NDSHM_A_BLOCK_LENGTH] = { .type = NLA_U64 },
	[NDSHM_A_BLOCK_CONSUMED] = { .type = NLA_U64 },
	[NDSHM_A_BLOCK_CHARGED] = { .type = NLA_FLAG },
	[NDSHM_A_BLOCK_REVOKED] = { .type = NLA_FLAG },
};

static void fill_block(void *to, struct nlattr **attrs)
{
	struct ndshm_block_row *row = to;

	row->id = get_u32(attrs[NDSHM_A_BLOCK_ID]);
	row->adapter = get_u32(attrs[NDSHM_A_BLOCK_ADAPTER_ID]);
	row->provider = get_u32(attrs[NDSHM_A_BLOCK_PROVIDER_ID]);
	row->usage = get_u32(attrs[NDSHM_A_BLOCK_USAGE]);
	row->uid = get_u32(attrs[NDSHM_A_BLOCK_UID]);
	row->pid = get_u32(attrs[NDSHM_A_BLOCK_PID]);
	row->segments = get_u32(attrs[NDSHM_A_BLOCK_SEGMENTS]);
	row->preferred_node = get_s32(attrs[NDSHM_A_BLOCK_PREFERRED_NODE], NDSHM_NODE_ANY);
	row->length = get_u64(attrs[NDSHM_A_BLOCK_LENGTH]);
	row->consumed = get_u64(attrs[NDSHM_A_BLOCK_CONSUMED]);
	row->charged = attrs[NDSHM_A_BLOCK_CHARGED];
	row->revoked = attrs[NDSHM_A_BLOCK_REVOKED];
}

static const struct table blocks = {
	.command = NDSHM_CMD_BLOCK_GET,
	.max = NDSHM_A_BLOCK_MAX,
	.policy = block_policy,
	.row_size = sizeof(struct ndshm_block_row),
	.fill = fill_block,
};

static const struct nla_policy section_policy[NDSHM_A_SECTION_MAX + 1] = {
	[NDSHM_A_SECTION_ID] = { .type = NLA_U32 },
	[NDSHM_A_SECTION_ADAPTER_ID] = { .type = NLA_U32 },
	[NDSHM_A_SECTION_PROVIDER_ID] = { .type = NLA_U32 },
	[NDSHM_A_SECTION_UID] = { .type = NLA_U32 },
	[NDSHM_A_SECTION_MAX_SIZE] = { .type = NLA_U64 },
	[NDSHM_A_SECTION_INITIAL_SIZE] = { .type = NLA_U64 },
	[NDSHM_A_SECTION_COMMITTED] = { .type = NLA_U64 },
	[NDSHM_A_SECTION_TAKEN] = { .type = NLA_U64 },
	[NDSHM_A_SECTION_EXTENTS] = { .type = NLA_U32 },
	[NDSHM_A_SECTION_HOLDERS] = { .type = NLA_U32 },
	[NDSHM_A_SECTION_DELETED] = { .type = NLA_FLAG },
	[NDSHM_A_SECTION_REVOKED] = { .type = NLA_FLAG },
};

static void fill_section(void *to, struct nlattr **attrs)
{
	struct ndshm_section_row *row = to;

	row->id = get_u32(attrs[NDSHM_A_SECTION_ID]);
	row->adapter = get_u32(attrs[NDSHM_A_SECTION_ADAPTER_ID]);
	row->provider = get_u32(attrs[NDSHM_A_SECTION_PROVIDER_ID]);
	row->uid = get_u32(attrs[NDSHM_A_SECTION_UID]);
	row->max_size = get_u64(attrs[NDSHM_A_SECTION_MAX_SIZE]);
	row->initial_size = get_u64(attrs[NDSHM_A_SECTION_INITIAL_SIZE]);
	row->committed = get_u64(attrs[NDSHM_A_SECTION_COMMITTED]);
	row->taken = get_u64(attrs[NDSHM_A_SECTION_TAKEN]);
	row->extents = get_u32(attrs[NDSHM_A_SECTION_EXTENTS]);
	row->holders = get_u32(attrs[NDSHM_A_SECTION_HOLDERS]);
	row->deleted = attrs[NDSHM_A_SECTION_DELETED];
	row->revoked = attrs[NDSHM_A_SECTION_REVOKED];
}

static const struct table sections = {
	.command = NDSHM_CMD_SECTION_GET,
	.max = NDSHM_A_SECTION_MAX,
	.policy = section_policy,
	.row_size = sizeof(struct ndshm_section_row),
	.fill = fill_section,
};

static void *add_row(struct answer *answer)
{
	const size_t size = answer->table->row_size;

	if (answer->count == answer->capacity) {
		size_t capacity = answer->capacity ? answer->capacity * 2 : 16;
		char *rows = reallocarray(answer->rows, capacity, size);

		if (!rows)
			return NULL;
		answer->rows = rows;
		answer->capacity = capacity;
	}
	return memset(answer->rows + size * answer->count++, 0, size);
}

static void fail(struct answer *answer, int error)
{
	if (!answer->error)
		answer->error = error;
}

static int on_row(struct nl_msg *message, void *context)
{
	struct nlattr *attrs[ATTRIBUTES_MAX + 1];
	struct answer *answer = context;
	const struct table *table = answer->table;
	void *row;

	if (genlmsg_parse(nlmsg_hdr(message), 0, attrs, table->max, table->policy)) {
		fail(answer, -EBADMSG);
		return NL_SKIP;
	}
	row = add_row(answer);
	if (row)
		table->fill(row, attrs);
	else
		fail(answer, -ENOMEM);
	return NL_SKIP;
}

/* The kernel's own errno, which libnl's numbers would blur. */
static int on_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *context)
{
	struct answer *answer = context;

	(void)from;
	fail(answer, error->error < 0 ? error->error : -EBADMSG);
	answer->pending = false;
	return NL_STOP;
}

static int on_ack(struct nl_msg *message, void *context)
{
	struct answer *answer = context;

	(void)message;
	answer->pending = false;
	return NL_STOP;
}

/* A dump that failed says so in its last message. */
static int on_finish(struct nl_msg *message, void *context)
{
	const struct nlmsghdr *header = nlmsg_hdr(message);
	struct answer *answer = context;
	int error = 0;

	if (nlmsg_datalen(header) >= (int)sizeof(error))
		memcpy(&error, nlmsg_data(header), sizeof(error));
	if (error)
		fail(answer, error < 0 ? error : -EBADMSG);
	answer->pending = false;
	return NL_STOP;
}

static int receive(struct nl_sock *sock, struct answer *answer)
{
	int error = 0;

	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, on_row, answer);
	nl_socket_modify_cb(sock, NL_CB_ACK, NL_CB_CUSTOM, on_ack, answer);
	nl_socket_modify_cb(sock, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, answer);
	nl_socket_modify_err_cb(sock, NL_CB_CUSTOM, on_error, answer);

	answer->pending = true;
	while (answer->pending && error >= 0)
		error = nl_recvmsgs_default(sock);
	if (answer->error)
		return answer->error;
	return error < 0 ? nle_errno(error) : 0;
}

static int ask(struct nl_sock *sock, int family, struct answer *answer, const char *name)
{
	const struct table *table = answer->table;
	struct nl_msg *message = nlmsg_alloc();
	int error = -NLE_NOMEM;

	if (!message)
		return -ENOMEM;
	if (genlmsg_put(message, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, name ? 0 : NLM_F_DUMP,
			table->command, NDSHM_FAMILY_VERSION))
		error = name ? nla_put_string(message, table->name, name) : 0;
	if (!error)
		error = nl_send_auto(sock, message);
	nlmsg_free(message);
	return error < 0 ? nle_errno(error) : receive(sock, answer);
}

/* libnl has no number for most of what socket() answers, but errno stays. */
static int connect_socket(struct nl_sock *sock)
{
	int error;

	errno = 0;
	error = genl_connect(sock);
	return error == -NLE_FAILURE && errno ? -errno : nle_errno(error);
}

/* One attempt, on a fresh socket; the rows are the caller's, also on failure. */
static int request(struct answer *answer, const char *name)
{
	struct nl_sock *sock = nl_socket_alloc();
	int family, error;

	if (!sock)
		return -ENOMEM;
	error = connect_socket(sock);
	if (error)
		goto out;
	family = genl_ctrl_resolve(sock, NDSHM_FAMILY_NAME);
	if (family < 0) {
		/* Not loaded, or not shown in this network namespace. */
		error = nle_errno(family);
		if (error == -ENOENT)
			error = -EOPNOTSUPP;
		goto out;
	}
	error = ask(sock, family, answer, name);
out:
	nl_socket_free(sock);
	return error;
}

/* @name: of one, which must then be there and be alone; NULL: all. */
static int list(const struct table *table, const char *name, void **out, size_t *count)
{
	struct answer answer = { .table = table };
	int attempt, error = -EAGAIN;

	/* The module has no longer one. */
	if (name && strlen(name) >= NDSHM_NAME_MAX)
		return -ENOENT;
	for (attempt = 0; attempt < DUMP_ATTEMPTS && error == -EAGAIN; attempt++) {
		answer.count = 0;
		answer.error = 0;
		error = request(&answer, name);
	}
	if (!error && name && answer.count != 1)
		error = -EBADMSG;
	/* Those of an attempt that was given up do not count. */
	if (error || !answer.count) {
		free(answer.rows);
		answer.rows = NULL;
	}
	if (error)
		return error;
	*out = answer.rows;
	*count = answer.count;
	return 0;
}

int ndshm__netlink_adapters(struct ndshm *ndshm, const char *name,
			    struct ndshm_adapter_info **out, size_t *count)
{
	void *rows;
	int error = list(&adapters, name, &rows, count);

	(void)ndshm;
	if (!error)
		*out = rows;
	return error;
}

int ndshm__netlink_providers(struct ndshm *ndshm, const char *name,
			     struct ndshm_provider_info **out, size_t *count)
{
	void *rows;
	int error = list(&providers, name, &rows, count);

	(void)ndshm;
	if (!error)
		*out = rows;
	return error;
}

int ndshm__netlink_blocks(struct ndshm *ndshm, struct ndshm_block_row **out, size_t *count)
{
	void *rows;
	int error = list(&blocks, NULL, &rows, count);

	(void)ndshm;
	if (!error)
		*out = rows;
	return error;
}

int ndshm__netlink_sections(struct ndshm *ndshm, struct ndshm_section_row **out, size_t *count)
{
	void *rows;
	int error = list(&sections, NULL, &rows, count);

	(void)ndshm;
	if (!error)
		*out = rows;
	return error;
}
