// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Lists of the module's objects, by generic netlink. Each request uses a socket of its
 * own, so that threads and children of fork() share no state.
 */
#include <errno.h>
#include <stddef.h>
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
	case NLE_AF_NOSUPPORT:
		return -EAFNOSUPPORT;
	case NLE_OPNOTSUPP:
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

/*
 * Rows
 */

/* How a member gets its value from the attribute; follows from its type where it can. */
enum field_type {
	FIELD_U32,
	FIELD_U64,
	FIELD_NODE,	/* int32_t; NDSHM_NODE_ANY without the attribute */
	FIELD_STRING,	/* truncated if it is too long */
	FIELD_FLAG,	/* bool */
	FIELD_NOT_ZERO,	/* bool; the attribute is a number */
	FIELD_PRESENT,	/* bool: there is an attribute, which is also another field's */
};

/* NLA_S32 of libnl implies no minimum length. */
static const struct nla_policy policies[] = {
	[FIELD_U32] = { .type = NLA_U32 },
	[FIELD_U64] = { .type = NLA_U64 },
	[FIELD_NODE] = { .type = NLA_S32, .minlen = sizeof(int32_t) },
	[FIELD_STRING] = { .type = NLA_STRING },
	[FIELD_FLAG] = { .type = NLA_FLAG },
	[FIELD_NOT_ZERO] = { .type = NLA_U32 },
};

/**
 * struct ndshm_field - a member of a row
 * @attribute: number of the attribute
 * @type: FIELD_*
 * @offset: of the member
 * @size: of the member, in bytes
 */
struct ndshm_field {
	uint8_t attribute;
	uint8_t type;
	uint16_t offset;
	uint16_t size;
};

#define FIELD_AS(row_, member_, attribute_, type_) { \
	.attribute = NDSHM_A_##attribute_, \
	.type = type_, \
	.offset = offsetof(struct row_, member_), \
	.size = sizeof(((struct row_ *)0)->member_), \
}

#define FIELD(row_, member_, attribute_) \
	FIELD_AS(row_, member_, attribute_, _Generic(((struct row_ *)0)->member_, \
		uint32_t: FIELD_U32, uint64_t: FIELD_U64, int32_t: FIELD_NODE, \
		char *: FIELD_STRING, bool: FIELD_FLAG))

static const struct ndshm_field adapter_fields[] = {
	FIELD(ndshm_adapter_info, name, ADAPTER_NAME),
	FIELD(ndshm_adapter_info, device, ADAPTER_DEVICE),
	FIELD(ndshm_adapter_info, id, ADAPTER_ID),
	FIELD(ndshm_adapter_info, node, ADAPTER_NODE),
	FIELD(ndshm_adapter_info, isolation, ADAPTER_ISOLATION),
	FIELD(ndshm_adapter_info, open, ADAPTER_OPEN),
	FIELD(ndshm_adapter_info, claimable, ADAPTER_CLAIMABLE),
	FIELD(ndshm_adapter_info, claimed, ADAPTER_CLAIMED),
	FIELD(ndshm_adapter_info, needs_reset, ADAPTER_NEEDS_RESET),
};

static const struct ndshm_field provider_fields[] = {
	FIELD(ndshm_provider_info, name, PROVIDER_NAME),
	FIELD(ndshm_provider_info, id, PROVIDER_ID),
	FIELD(ndshm_provider_info, scope, PROVIDER_SCOPE),
	FIELD(ndshm_provider_info, adapter, PROVIDER_ADAPTER_ID),
	FIELD(ndshm_provider_info, flags, PROVIDER_FLAGS),
	FIELD(ndshm_provider_info, blocks, PROVIDER_BLOCKS),
	FIELD(ndshm_provider_info, mappable, PROVIDER_MAPPABLE),
	FIELD_AS(ndshm_provider_info, usage, PROVIDER_BLOCKS, FIELD_PRESENT),
	FIELD(ndshm_provider_info, open, PROVIDER_OPEN),
};

static const struct ndshm_field block_fields[] = {
	FIELD(ndshm_block_row, id, BLOCK_ID),
	FIELD(ndshm_block_row, adapter, BLOCK_ADAPTER_ID),
	FIELD(ndshm_block_row, provider, BLOCK_PROVIDER_ID),
	FIELD(ndshm_block_row, usage, BLOCK_USAGE),
	FIELD(ndshm_block_row, uid, BLOCK_UID),
	FIELD(ndshm_block_row, pid, BLOCK_PID),
	FIELD(ndshm_block_row, segments, BLOCK_SEGMENTS),
	FIELD(ndshm_block_row, preferred_node, BLOCK_PREFERRED_NODE),
	FIELD(ndshm_block_row, length, BLOCK_LENGTH),
	FIELD(ndshm_block_row, consumed, BLOCK_CONSUMED),
	FIELD(ndshm_block_row, charged, BLOCK_CHARGED),
	FIELD(ndshm_block_row, revoked, BLOCK_REVOKED),
	FIELD(ndshm_block_row, kernel, BLOCK_KERNEL),
	FIELD(ndshm_block_row, exports, BLOCK_EXPORTS),
	FIELD(ndshm_block_row, tag, BLOCK_TAG),
};

static const struct ndshm_field section_fields[] = {
	FIELD(ndshm_section_row, id, SECTION_ID),
	FIELD(ndshm_section_row, adapter, SECTION_ADAPTER_ID),
	FIELD(ndshm_section_row, provider, SECTION_PROVIDER_ID),
	FIELD(ndshm_section_row, uid, SECTION_UID),
	FIELD(ndshm_section_row, max_size, SECTION_MAX_SIZE),
	FIELD(ndshm_section_row, initial_size, SECTION_INITIAL_SIZE),
	FIELD(ndshm_section_row, committed, SECTION_COMMITTED),
	FIELD(ndshm_section_row, taken, SECTION_TAKEN),
	FIELD(ndshm_section_row, extents, SECTION_EXTENTS),
	FIELD(ndshm_section_row, holders, SECTION_HOLDERS),
	FIELD(ndshm_section_row, deleted, SECTION_DELETED),
	FIELD(ndshm_section_row, revoked, SECTION_REVOKED),
	FIELD(ndshm_section_row, name, SECTION_NAME),
	FIELD(ndshm_section_row, gid, SECTION_GROUP),
	FIELD(ndshm_section_row, mode, SECTION_MODE),
	FIELD(ndshm_section_row, exports, SECTION_EXPORTS),
};

static const struct ndshm_field queue_fields[] = {
	FIELD(ndshm_queue_row, adapter, QUEUE_ADAPTER_ID),
	FIELD(ndshm_queue_row, id, QUEUE_ID),
	FIELD_AS(ndshm_queue_row, port, QUEUE_KIND, FIELD_NOT_ZERO),
	FIELD_AS(ndshm_queue_row, usage, QUEUE_BLOCKS, FIELD_PRESENT),
	FIELD(ndshm_queue_row, state, QUEUE_STATE),
	FIELD(ndshm_queue_row, filters, QUEUE_FILTERS),
	FIELD(ndshm_queue_row, blocks, QUEUE_BLOCKS),
	FIELD(ndshm_queue_row, packets, QUEUE_PACKETS),
	FIELD(ndshm_queue_row, bytes, QUEUE_BYTES),
	FIELD(ndshm_queue_row, affinity, QUEUE_AFFINITY),
	FIELD(ndshm_queue_row, affinity_group, QUEUE_AFFINITY_GROUP),
	FIELD(ndshm_queue_row, buffers, QUEUE_BUFFERS),
	FIELD(ndshm_queue_row, lookahead, QUEUE_LOOKAHEAD),
	FIELD(ndshm_queue_row, name, QUEUE_NAME),
	FIELD(ndshm_queue_row, vm_name, QUEUE_VM_NAME),
};

static int put_name(struct nl_msg *message, int attribute, const char *name)
{
	/* No object of the module has a longer name. */
	return strlen(name) < NDSHM_NAME_MAX ? nla_put_string(message, attribute, name) :
					       -NLE_OBJ_NOTFOUND;
}

static int put_adapter_name(struct nl_msg *message, const void *name)
{
	return put_name(message, NDSHM_A_ADAPTER_NAME, name);
}

static int put_provider_name(struct nl_msg *message, const void *name)
{
	return put_name(message, NDSHM_A_PROVIDER_NAME, name);
}

#define TABLE(object_, row_, fields_) \
	.command = NDSHM_CMD_##object_##_GET, \
	.max = NDSHM_A_##object_##_MAX, \
	.row_size = sizeof(struct row_), \
	.fields = fields_, \
	.field_count = sizeof(fields_) / sizeof(fields_[0])

const struct ndshm_table ndshm__tables[NDSHM_LISTS] = {
	[NDSHM_LIST_ADAPTERS] = {
		TABLE(ADAPTER, ndshm_adapter_info, adapter_fields),
		.put = put_adapter_name,
	},
	[NDSHM_LIST_PROVIDERS] = {
		TABLE(PROVIDER, ndshm_provider_info, provider_fields),
		.put = put_provider_name,
	},
	[NDSHM_LIST_BLOCKS] = { TABLE(BLOCK, ndshm_block_row, block_fields) },
	[NDSHM_LIST_SECTIONS] = { TABLE(SECTION, ndshm_section_row, section_fields) },
	[NDSHM_LIST_QUEUES] = { TABLE(QUEUE, ndshm_queue_row, queue_fields) },
};

static void set_member(char *row, const struct ndshm_field *field, const struct nlattr *attr)
{
	void *member = row + field->offset;

	switch (field->type) {
	case FIELD_U32:
		*(uint32_t *)member = attr ? nla_get_u32(attr) : 0;
		break;
	case FIELD_U64:
		*(uint64_t *)member = attr ? nla_get_u64(attr) : 0;
		break;
	case FIELD_NODE:
		*(int32_t *)member = attr ? nla_get_s32(attr) : NDSHM_NODE_ANY;
		break;
	case FIELD_STRING:
		if (attr)
			nla_strlcpy(member, attr, field->size);
		break;
	case FIELD_NOT_ZERO:
		*(bool *)member = attr && nla_get_u32(attr);
		break;
	case FIELD_FLAG:
	case FIELD_PRESENT:
		*(bool *)member = attr;
		break;
	}
}

int ndshm__netlink_parse(const struct ndshm_table *table, struct nlmsghdr *message, void *row)
{
	struct nla_policy policy[ATTRIBUTES_MAX + 1] = { 0 };
	struct nlattr *attrs[ATTRIBUTES_MAX + 1];
	int error;

	for (size_t i = 0; i < table->field_count; i++)
		if (table->fields[i].type != FIELD_PRESENT)
			policy[table->fields[i].attribute] = policies[table->fields[i].type];
	error = genlmsg_parse(message, 0, attrs, table->max, policy);
	if (error)
		return error == -NLE_NOMEM ? -ENOMEM : -EBADMSG;
	for (size_t i = 0; i < table->field_count; i++)
		set_member(row, &table->fields[i], attrs[table->fields[i].attribute]);
	return 0;
}

/*
 * Requests
 */

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
	struct answer *answer = context;
	void *row = answer->table ? add_row(answer) : NULL;

	if (row)
		fail(answer, ndshm__netlink_parse(answer->table, nlmsg_hdr(message), row));
	else
		fail(answer, answer->table ? -ENOMEM : -EBADMSG);
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
	/* The errno with which a seccomp filter or a security module refuses socket() varies. */
	if (error == -NLE_PERM || error == -NLE_NOACCESS)
		return -EAFNOSUPPORT;
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
	int family, error, state;

	/* The calls of libnl are cancellation points. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	error = ndshm__netlink_connect(&sock, &family);
	if (!error) {
		error = ask(sock, family, answer, query);
		nl_socket_free(sock);
	}
	pthread_setcancelstate(state, NULL);
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
	if (error || !table)
		return error;
	*out = answer.rows;
	*count = answer.count;
	return 0;
}

int ndshm__netlink_list(struct ndshm *ndshm, enum ndshm_list list, const void *key, void **out,
			size_t *count)
{
	const struct ndshm_table *table = &ndshm__tables[list];
	const struct ndshm_query query = {
		.command = table->command,
		.dump = !key,
		.put = key ? table->put : NULL,
		.with = key,
	};

	(void)ndshm;
	return ndshm__netlink_query(table, &query, out, count);
}
