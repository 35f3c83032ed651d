// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Lists of the module's objects, by generic netlink. Each request uses a socket of its
 * own, so that threads and children of fork() share no state.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>

#include "netlink_internal.h"

/* Maximum number of attempts of a dump that concurrent changes interrupt. */
#define DUMP_ATTEMPTS 16

_Static_assert(NDSHM_A_ADAPTER_MAX <= ATTRIBUTES_MAX, "adapters have the most attributes");
_Static_assert(NDSHM_A_PROVIDER_MAX <= ATTRIBUTES_MAX, "providers have the most attributes");
_Static_assert(NDSHM_A_BLOCK_MAX <= ATTRIBUTES_MAX, "blocks have the most attributes");
_Static_assert(NDSHM_A_SECTION_MAX <= ATTRIBUTES_MAX, "sections have the most attributes");
_Static_assert(NDSHM_A_QUEUE_MAX <= ATTRIBUTES_MAX, "queues have the most attributes");

_Static_assert(NDSHM_NAME_SIZE == NDSHM_NAME_MAX, "names are as long here as there");

/**
 * struct answer - reply that is being received
 * @table: kind of the rows; NULL: no rows expected
 * @rows: array of @count rows, with room for @capacity
 * @count: number of rows
 * @capacity: number of rows that fit
 * @error: 0, or the first -errno
 * @pending: the final message has not been received
 */
struct answer {
	const struct ndshm_table *table;
	char *rows;
	size_t count;
	size_t capacity;
	int error;
	bool pending;
};

/* Errors that the kernel returns are not converted here: see on_error(). */
int ndshm__nle_errno(int error)
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
		/* All other errors of libnl mean an invalid message. */
		return -EBADMSG;
	}
}

uint32_t ndshm__attr_u32(const struct nlattr *attr)
{
	return attr ? nla_get_u32(attr) : 0;
}

static int32_t get_s32(const struct nlattr *attr, int32_t none)
{
	return attr ? nla_get_s32(attr) : none;
}

uint64_t ndshm__attr_u64(const struct nlattr *attr)
{
	return attr ? nla_get_u64(attr) : 0;
}

/* Truncates a string that is too long. */
static void get_string(char *to, size_t size, const struct nlattr *attr)
{
	if (attr)
		nla_strlcpy(to, attr, size);
}

/* NLA_S32 of libnl implies no minimum length. */
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
	[NDSHM_A_ADAPTER_NEEDS_RESET] = { .type = NLA_FLAG },
	[NDSHM_A_ADAPTER_OWNER] = { .type = NLA_U32 },
	[NDSHM_A_ADAPTER_GROUP] = { .type = NLA_U32 },
	[NDSHM_A_ADAPTER_MODE] = { .type = NLA_U32 },
	[NDSHM_A_ADAPTER_RESET_POLICY] = { .type = NLA_U32 },
};

static void fill_adapter(void *to, struct nlattr **attrs)
{
	struct ndshm_adapter_info *row = to;

	get_string(row->name, sizeof(row->name), attrs[NDSHM_A_ADAPTER_NAME]);
	get_string(row->device, sizeof(row->device), attrs[NDSHM_A_ADAPTER_DEVICE]);
	row->id = ndshm__attr_u32(attrs[NDSHM_A_ADAPTER_ID]);
	row->node = get_s32(attrs[NDSHM_A_ADAPTER_NODE], NDSHM_NODE_ANY);
	row->isolation = ndshm__attr_u32(attrs[NDSHM_A_ADAPTER_ISOLATION]);
	row->open = attrs[NDSHM_A_ADAPTER_OPEN];
	row->claimable = attrs[NDSHM_A_ADAPTER_CLAIMABLE];
	row->claimed = attrs[NDSHM_A_ADAPTER_CLAIMED];
	row->needs_reset = attrs[NDSHM_A_ADAPTER_NEEDS_RESET];
	row->owner = ndshm__attr_u32(attrs[NDSHM_A_ADAPTER_OWNER]);
	row->group = ndshm__attr_u32(attrs[NDSHM_A_ADAPTER_GROUP]);
	row->mode = ndshm__attr_u32(attrs[NDSHM_A_ADAPTER_MODE]);
	row->reset = ndshm__attr_u32(attrs[NDSHM_A_ADAPTER_RESET_POLICY]);
}

const struct ndshm_table ndshm__adapters = {
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
	[NDSHM_A_PROVIDER_OPEN] = { .type = NLA_FLAG },
	[NDSHM_A_PROVIDER_OWNER] = { .type = NLA_U32 },
	[NDSHM_A_PROVIDER_GROUP] = { .type = NLA_U32 },
	[NDSHM_A_PROVIDER_MODE] = { .type = NLA_U32 },
};

static void fill_provider(void *to, struct nlattr **attrs)
{
	struct ndshm_provider_info *row = to;

	get_string(row->name, sizeof(row->name), attrs[NDSHM_A_PROVIDER_NAME]);
	row->id = ndshm__attr_u32(attrs[NDSHM_A_PROVIDER_ID]);
	row->scope = ndshm__attr_u32(attrs[NDSHM_A_PROVIDER_SCOPE]);
	row->adapter = ndshm__attr_u32(attrs[NDSHM_A_PROVIDER_ADAPTER_ID]);
	row->flags = ndshm__attr_u32(attrs[NDSHM_A_PROVIDER_FLAGS]);
	row->blocks = ndshm__attr_u32(attrs[NDSHM_A_PROVIDER_BLOCKS]);
	row->mappable = attrs[NDSHM_A_PROVIDER_MAPPABLE];
	row->usage = attrs[NDSHM_A_PROVIDER_BLOCKS];
	row->open = attrs[NDSHM_A_PROVIDER_OPEN];
	row->owner = ndshm__attr_u32(attrs[NDSHM_A_PROVIDER_OWNER]);
	row->group = ndshm__attr_u32(attrs[NDSHM_A_PROVIDER_GROUP]);
	row->mode = ndshm__attr_u32(attrs[NDSHM_A_PROVIDER_MODE]);
}

const struct ndshm_table ndshm__providers = {
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
	[NDSHM_A_BLOCK_KERNEL] = { .type = NLA_FLAG },
};

static void fill_block(void *to, struct nlattr **attrs)
{
	struct ndshm_block_row *row = to;

	row->id = ndshm__attr_u32(attrs[NDSHM_A_BLOCK_ID]);
	row->adapter = ndshm__attr_u32(attrs[NDSHM_A_BLOCK_ADAPTER_ID]);
	row->provider = ndshm__attr_u32(attrs[NDSHM_A_BLOCK_PROVIDER_ID]);
	row->usage = ndshm__attr_u32(attrs[NDSHM_A_BLOCK_USAGE]);
	row->uid = ndshm__attr_u32(attrs[NDSHM_A_BLOCK_UID]);
	row->pid = ndshm__attr_u32(attrs[NDSHM_A_BLOCK_PID]);
	row->segments = ndshm__attr_u32(attrs[NDSHM_A_BLOCK_SEGMENTS]);
	row->preferred_node = get_s32(attrs[NDSHM_A_BLOCK_PREFERRED_NODE], NDSHM_NODE_ANY);
	row->length = ndshm__attr_u64(attrs[NDSHM_A_BLOCK_LENGTH]);
	row->consumed = ndshm__attr_u64(attrs[NDSHM_A_BLOCK_CONSUMED]);
	row->charged = attrs[NDSHM_A_BLOCK_CHARGED];
	row->revoked = attrs[NDSHM_A_BLOCK_REVOKED];
	row->kernel = attrs[NDSHM_A_BLOCK_KERNEL];
}

const struct ndshm_table ndshm__blocks = {
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
	[NDSHM_A_SECTION_NAME] = { .type = NLA_STRING },
	[NDSHM_A_SECTION_GROUP] = { .type = NLA_U32 },
	[NDSHM_A_SECTION_MODE] = { .type = NLA_U32 },
};

static void fill_section(void *to, struct nlattr **attrs)
{
	struct ndshm_section_row *row = to;

	row->id = ndshm__attr_u32(attrs[NDSHM_A_SECTION_ID]);
	row->adapter = ndshm__attr_u32(attrs[NDSHM_A_SECTION_ADAPTER_ID]);
	row->provider = ndshm__attr_u32(attrs[NDSHM_A_SECTION_PROVIDER_ID]);
	row->uid = ndshm__attr_u32(attrs[NDSHM_A_SECTION_UID]);
	row->max_size = ndshm__attr_u64(attrs[NDSHM_A_SECTION_MAX_SIZE]);
	row->initial_size = ndshm__attr_u64(attrs[NDSHM_A_SECTION_INITIAL_SIZE]);
	row->committed = ndshm__attr_u64(attrs[NDSHM_A_SECTION_COMMITTED]);
	row->taken = ndshm__attr_u64(attrs[NDSHM_A_SECTION_TAKEN]);
	row->extents = ndshm__attr_u32(attrs[NDSHM_A_SECTION_EXTENTS]);
	row->holders = ndshm__attr_u32(attrs[NDSHM_A_SECTION_HOLDERS]);
	row->deleted = attrs[NDSHM_A_SECTION_DELETED];
	row->revoked = attrs[NDSHM_A_SECTION_REVOKED];
	get_string(row->name, sizeof(row->name), attrs[NDSHM_A_SECTION_NAME]);
	row->gid = ndshm__attr_u32(attrs[NDSHM_A_SECTION_GROUP]);
	row->mode = ndshm__attr_u32(attrs[NDSHM_A_SECTION_MODE]);
}

const struct ndshm_table ndshm__sections = {
	.command = NDSHM_CMD_SECTION_GET,
	.max = NDSHM_A_SECTION_MAX,
	.policy = section_policy,
	.row_size = sizeof(struct ndshm_section_row),
	.fill = fill_section,
};

static const struct nla_policy queue_policy[NDSHM_A_QUEUE_MAX + 1] = {
	[NDSHM_A_QUEUE_ADAPTER_ID] = { .type = NLA_U32 },
	[NDSHM_A_QUEUE_KIND] = { .type = NLA_U32 },
	[NDSHM_A_QUEUE_ID] = { .type = NLA_U32 },
	[NDSHM_A_QUEUE_STATE] = { .type = NLA_U32 },
	[NDSHM_A_QUEUE_FILTERS] = { .type = NLA_U32 },
	[NDSHM_A_QUEUE_BLOCKS] = { .type = NLA_U32 },
	[NDSHM_A_QUEUE_PACKETS] = { .type = NLA_U32 },
	[NDSHM_A_QUEUE_BYTES] = { .type = NLA_U64 },
};

static void fill_queue(void *to, struct nlattr **attrs)
{
	struct ndshm_queue_row *row = to;

	row->adapter = ndshm__attr_u32(attrs[NDSHM_A_QUEUE_ADAPTER_ID]);
	row->id = ndshm__attr_u32(attrs[NDSHM_A_QUEUE_ID]);
	row->port = ndshm__attr_u32(attrs[NDSHM_A_QUEUE_KIND]);
	row->usage = attrs[NDSHM_A_QUEUE_BLOCKS];
	row->state = ndshm__attr_u32(attrs[NDSHM_A_QUEUE_STATE]);
	row->filters = ndshm__attr_u32(attrs[NDSHM_A_QUEUE_FILTERS]);
	row->blocks = ndshm__attr_u32(attrs[NDSHM_A_QUEUE_BLOCKS]);
	row->packets = ndshm__attr_u32(attrs[NDSHM_A_QUEUE_PACKETS]);
	row->bytes = ndshm__attr_u64(attrs[NDSHM_A_QUEUE_BYTES]);
}

const struct ndshm_table ndshm__queues = {
	.command = NDSHM_CMD_QUEUE_GET,
	.max = NDSHM_A_QUEUE_MAX,
	.policy = queue_policy,
	.row_size = sizeof(struct ndshm_queue_row),
	.fill = fill_queue,
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
	const struct ndshm_table *table = answer->table;
	void *row;

	if (!table || genlmsg_parse(nlmsg_hdr(message), 0, attrs, table->max, table->policy)) {
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

/* Keep the kernel's errno: libnl maps several of these to one of its own. */
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

/* The last message of a dump has its error. */
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
	return error < 0 ? ndshm__nle_errno(error) : 0;
}

static int ask(struct nl_sock *sock, int family, struct answer *answer,
	       const struct ndshm_query *query)
{
	struct nl_msg *message = nlmsg_alloc();
	int error = -NLE_NOMEM;

	if (!message)
		return -ENOMEM;
	if (genlmsg_put(message, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0,
			query->dump ? NLM_F_DUMP : 0, query->command, NDSHM_FAMILY_VERSION))
		error = query->put ? query->put(message, query->with) : 0;
	if (!error)
		error = nl_send_auto(sock, message);
	nlmsg_free(message);
	return error < 0 ? ndshm__nle_errno(error) : receive(sock, answer);
}

/* libnl maps most errors of socket() to NLE_FAILURE, but errno is preserved. */
static int connect_socket(struct nl_sock *sock)
{
	int error;

	errno = 0;
	error = genl_connect(sock);
	return error == -NLE_FAILURE && errno ? -errno : ndshm__nle_errno(error);
}

int ndshm__netlink_connect(struct nl_sock **out, int *family)
{
	struct nl_sock *sock = nl_socket_alloc();
	int error;

	if (!sock)
		return -ENOMEM;
	error = connect_socket(sock);
	if (!error) {
		*family = genl_ctrl_resolve(sock, NDSHM_FAMILY_NAME);
		if (*family < 0)
			error = ndshm__nle_errno(*family);
		/* The module is not loaded. */
		if (error == -ENOENT)
			error = -EOPNOTSUPP;
	}
	if (error)
		nl_socket_free(sock);
	else
		*out = sock;
	return error;
}

/*
 * Execute a request once, on a new socket. The caller must free the rows, also on
 * failure.
 */
static int request(struct answer *answer, const struct ndshm_query *query)
{
	struct nl_sock *sock;
	int family, error;

	error = ndshm__netlink_connect(&sock, &family);
	if (error)
		return error;
	error = ask(sock, family, answer, query);
	nl_socket_free(sock);
	return error;
}

int ndshm__netlink_query(const struct ndshm_table *table, const struct ndshm_query *query,
			 void **out, size_t *count)
{
	struct answer answer = { .table = table };
	int attempt, error = -EAGAIN;

	for (attempt = 0; attempt < DUMP_ATTEMPTS && error == -EAGAIN; attempt++) {
		answer.count = 0;
		answer.error = 0;
		error = request(&answer, query);
	}
	/* A request for one object has exactly one row. */
	if (!error && table && !query->dump && answer.count != 1)
		error = -EBADMSG;
	/* Also frees the rows of a failed last attempt. */
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

/* Name of one object, and its attribute. */
struct name {
	int attribute;
	const char *text;
};

static int put_name(struct nl_msg *message, const void *with)
{
	const struct name *name = with;

	return nla_put_string(message, name->attribute, name->text);
}

/*
 * @text: name of one object, or NULL for all.
 */
static int list(const struct ndshm_table *table, const char *text, void **out, size_t *count)
{
	const struct name name = { table->name, text };
	const struct ndshm_query query = {
		.command = table->command,
		.dump = !text,
		.put = text ? put_name : NULL,
		.with = &name,
	};

	/* No object of the module has a longer name. */
	if (text && strlen(text) >= NDSHM_NAME_MAX)
		return -ENOENT;
	return ndshm__netlink_query(table, &query, out, count);
}

int ndshm__netlink_adapters(struct ndshm *ndshm, const char *name,
			    struct ndshm_adapter_info **out, size_t *count)
{
	void *rows;
	int error = list(&ndshm__adapters, name, &rows, count);

	(void)ndshm;
	if (!error)
		*out = rows;
	return error;
}

int ndshm__netlink_providers(struct ndshm *ndshm, const char *name,
			     struct ndshm_provider_info **out, size_t *count)
{
	void *rows;
	int error = list(&ndshm__providers, name, &rows, count);

	(void)ndshm;
	if (!error)
		*out = rows;
	return error;
}

int ndshm__netlink_blocks(struct ndshm *ndshm, struct ndshm_block_row **out, size_t *count)
{
	void *rows;
	int error = list(&ndshm__blocks, NULL, &rows, count);

	(void)ndshm;
	if (!error)
		*out = rows;
	return error;
}

int ndshm__netlink_sections(struct ndshm *ndshm, struct ndshm_section_row **out, size_t *count)
{
	void *rows;
	int error = list(&ndshm__sections, NULL, &rows, count);

	(void)ndshm;
	if (!error)
		*out = rows;
	return error;
}

int ndshm__netlink_queues(struct ndshm *ndshm, struct ndshm_queue_row **out, size_t *count)
{
	void *rows;
	int error = list(&ndshm__queues, NULL, &rows, count);

	(void)ndshm;
	if (!error)
		*out = rows;
	return error;
}
