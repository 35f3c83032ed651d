// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes that the netlink family accepts: the generated table of operations, compiled
 * into this file.
 */
#include <linux/sched.h>
#include <linux/string.h>
#include <net/genetlink.h>

#include "../../netlink/gen.c"
#include "../../base/registry.h"
#include "suite.h"

/* Stubs for the handlers of the requests. */

int ndshm_nl_dump_start(struct netlink_callback *cb)
{
	return 0;
}

int ndshm_nl_dump_done(struct netlink_callback *cb)
{
	return 0;
}

int ndshm_nl_adapter_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	return -EOPNOTSUPP;
}

int ndshm_nl_provider_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	return -EOPNOTSUPP;
}

int ndshm_nl_block_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	return -EOPNOTSUPP;
}

int ndshm_nl_section_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	return -EOPNOTSUPP;
}

int ndshm_nl_adapter_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	return -EOPNOTSUPP;
}

int ndshm_nl_provider_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb)
{
	return -EOPNOTSUPP;
}

int ndshm_nl_block_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return -EOPNOTSUPP;
}

int ndshm_nl_section_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	return -EOPNOTSUPP;
}

int ndshm_nl_queue_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	return -EOPNOTSUPP;
}

int ndshm_nl_queue_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return -EOPNOTSUPP;
}

/* Operations on an object by ID or name. */
struct operation {
	const char *name;
	u8 cmd;
	u16 id;
	u16 name_attribute;
};

static const struct operation operations[] = {
	{ "adapter-get", NDSHM_CMD_ADAPTER_GET, NDSHM_A_ADAPTER_ID,
	  NDSHM_A_ADAPTER_NAME },
	{ "provider-get", NDSHM_CMD_PROVIDER_GET, NDSHM_A_PROVIDER_ID,
	  NDSHM_A_PROVIDER_NAME },
	{ "block-get", NDSHM_CMD_BLOCK_GET, NDSHM_A_BLOCK_ID, 0 },
	{ "section-get", NDSHM_CMD_SECTION_GET, NDSHM_A_SECTION_ID, 0 },
};

static void describe_operation(const struct operation *operation, char *desc)
{
	strscpy(desc, operation->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(operation, operations, describe_operation);

/* Find the row of an operation. */
static const struct genl_ops *ops_of(struct kunit *test)
{
	const struct operation *operation = test->param_value;
	const struct genl_ops *ops = NULL;
	int i;

	for (i = 0; i < ARRAY_SIZE(ndshm_nl_ops); i++) {
		if (ndshm_nl_ops[i].cmd != operation->cmd)
			continue;
		KUNIT_ASSERT_NULL(test, ops);
		ops = &ndshm_nl_ops[i];
	}
	KUNIT_ASSERT_NOT_NULL(test, ops);
	return ops;
}

#define MOST	64

/* Return: true if a request with this one attribute is valid. */
static bool passes(const struct genl_ops *ops, u16 type, const void *data,
		   u16 length)
{
	struct {
		struct nlattr header;
		u8 data[MOST];
	} attribute = {
		.header = {
			.nla_len = NLA_HDRLEN + length,
			.nla_type = type,
		},
	};

	memcpy(attribute.data, data, length);
	return !__nla_validate(&attribute.header, attribute.header.nla_len,
			       ops->maxattr, ops->policy, NL_VALIDATE_STRICT,
			       NULL);
}

/* The other operations: valid attributes, each with the range of its number. */
static const struct number {
	u8 cmd;
	u16 type;
	u8 size;
	u64 least;
	u64 most;
} numbers[] = {
	{ NDSHM_CMD_QUEUE_GET, NDSHM_A_QUEUE_ADAPTER_ID, 4, 1, U32_MAX },
	{ NDSHM_CMD_QUEUE_GET, NDSHM_A_QUEUE_KIND, 4, 0, 1 },
	{ NDSHM_CMD_QUEUE_GET, NDSHM_A_QUEUE_ID, 4, 0, U32_MAX },
};

static const struct other {
	u8 cmd;
	bool dumped;
} others[] = {
	{ NDSHM_CMD_QUEUE_GET, true },
};

static const struct genl_ops *ops_with(struct kunit *test, u8 cmd)
{
	const struct genl_ops *ops;

	for (ops = ndshm_nl_ops; ops < ndshm_nl_ops + ARRAY_SIZE(ndshm_nl_ops);
	     ops++)
		if (ops->cmd == cmd)
			return ops;
	KUNIT_FAIL(test, "command %u is not there", cmd);
	return NULL;
}

static const struct number *number_of(u8 cmd, u16 type)
{
	const struct number *number;

	for (number = numbers; number < numbers + ARRAY_SIZE(numbers); number++)
		if (number->cmd == cmd && number->type == type)
			return number;
	return NULL;
}

static bool passes_number(const struct genl_ops *ops,
			  const struct number *number, u64 value)
{
	u32 narrow = value;

	return number->size == sizeof(value) ?
	       passes(ops, number->type, &value, sizeof(value)) :
	       passes(ops, number->type, &narrow, sizeof(narrow));
}

static void other_rows(struct kunit *test)
{
	const struct genl_ops *ops;
	u16 highest, type;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		ops = ops_with(test, others[i].cmd);
		if (!ops)
			return;
		KUNIT_EXPECT_EQ(test, ops->flags, 0);
		KUNIT_EXPECT_EQ(test, ops->validate, 0);
		KUNIT_EXPECT_NOT_NULL(test, ops->doit);
		KUNIT_EXPECT_EQ(test, !!ops->dumpit, others[i].dumped);
		KUNIT_EXPECT_EQ(test, !!ops->start, others[i].dumped);
		KUNIT_EXPECT_EQ(test, !!ops->done, others[i].dumped);
		for (highest = 0, type = 1; type < 100; type++)
			if (number_of(others[i].cmd, type))
				highest = type;
		KUNIT_EXPECT_EQ(test, ops->maxattr, highest);
	}
}

/* Each attribute has the length and the range of its type; all others are refused. */
static void other_attributes(struct kunit *test)
{
	const struct number *number;
	const struct genl_ops *ops;
	const u8 data[MOST] = { 1 };
	unsigned int i;
	u32 length, type;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		ops = ops_with(test, others[i].cmd);
		if (!ops)
			return;
		for (type = 0; type < 100; type++) {
			number = number_of(others[i].cmd, type);
			for (length = 0; length <= MOST; length++)
				KUNIT_EXPECT_EQ_MSG(test,
						    passes(ops, type, data,
							   length),
						    number &&
						    length == number->size,
						    "command %u type %u length %u",
						    others[i].cmd, type, length);
			KUNIT_EXPECT_FALSE(test, passes(ops, type |
							NLA_F_NESTED, data, 4));
		}
	}
	for (number = numbers; number < numbers + ARRAY_SIZE(numbers);
	     number++) {
		ops = ops_with(test, number->cmd);
		if (!ops)
			return;
		KUNIT_EXPECT_EQ(test, passes_number(ops, number, 0),
				!number->least);
		KUNIT_EXPECT_TRUE(test, passes_number(ops, number,
						      number->least));
		KUNIT_EXPECT_TRUE(test, passes_number(ops, number,
						      number->most));
		if (number->most < U32_MAX)
			KUNIT_EXPECT_FALSE(test, passes_number(ops, number,
							       number->most + 1));
	}
}

static void table(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, ARRAY_SIZE(ndshm_nl_ops),
			ARRAY_SIZE(operations) + ARRAY_SIZE(others));
}

static void row(struct kunit *test)
{
	const struct operation *operation = test->param_value;
	const struct genl_ops *ops = ops_of(test);

	/* No privilege is required: the contents depend on the viewer. */
	KUNIT_EXPECT_EQ(test, ops->flags, 0);
	KUNIT_EXPECT_EQ(test, ops->validate, 0);
	KUNIT_EXPECT_NOT_NULL(test, ops->doit);
	KUNIT_EXPECT_NOT_NULL(test, ops->dumpit);
	KUNIT_EXPECT_NOT_NULL(test, ops->policy);
	KUNIT_EXPECT_EQ(test, ops->maxattr,
			max(operation->id, operation->name_attribute));
}

/* A valid ID and a valid name pass as their own attribute only. */
static void attributes(struct kunit *test)
{
	const struct operation *operation = test->param_value;
	const struct genl_ops *ops = ops_of(test);
	u32 id = 1, type;

	for (type = 0; type < BIT(14); type++) {
		cond_resched();
		/* The bytes of an ID are also a valid name. */
		if (type != operation->name_attribute)
			KUNIT_ASSERT_EQ_MSG(test, passes(ops, type, &id,
							 sizeof(id)),
					    type == operation->id, "type %u",
					    type);
		KUNIT_ASSERT_EQ_MSG(test, passes(ops, type, "name", 5),
				    type && type == operation->name_attribute,
				    "type %u", type);
		KUNIT_ASSERT_FALSE_MSG(test, passes(ops, type | NLA_F_NESTED,
						    "name", 5),
				       "type %u, nested", type);
	}
}

static void ids(struct kunit *test)
{
	const struct operation *operation = test->param_value;
	const struct genl_ops *ops = ops_of(test);
	struct rnd_state random = suite_random(test);
	u8 data[MOST] = { 1 };
	u32 i, id = 0;

	for (i = 0; i <= MOST; i++)
		KUNIT_EXPECT_EQ_MSG(test, passes(ops, operation->id, data, i),
				    i == sizeof(id), "length %u", i);
	/* 0 is no valid ID. */
	KUNIT_EXPECT_FALSE(test, passes(ops, operation->id, &id, sizeof(id)));
	for (i = 0; i < 32; i++) {
		id = BIT(i);
		KUNIT_EXPECT_TRUE(test, passes(ops, operation->id, &id,
					       sizeof(id)));
	}
	for (i = 0; i < 10000; i++) {
		id = prandom_u32_state(&random) ?: 1;
		KUNIT_ASSERT_TRUE(test, passes(ops, operation->id, &id,
					       sizeof(id)));
	}
}

/*
 * A name is terminated within its attribute, and not too long. Bytes after the terminator
 * are ignored.
 */
static void names(struct kunit *test)
{
	const struct operation *operation = test->param_value;
	const struct genl_ops *ops = ops_of(test);
	u32 length, end;
	char name[MOST];
	bool expected;

	if (!operation->name_attribute)
		kunit_skip(test, "it has no name");
	for (length = 0; length <= MOST; length++) {
		/* Without a terminator, and with one at each place. */
		for (end = 0; end <= length; end++) {
			memset(name, 'n', sizeof(name));
			if (end < length)
				name[end] = '\0';
			expected = end < length && end < NDSHM_NAME_SIZE &&
				   length - (end == length - 1) <
				   NDSHM_NAME_SIZE;
			KUNIT_ASSERT_EQ_MSG(test,
					    passes(ops,
						   operation->name_attribute,
						   name, length),
					    expected, "length %u end %u",
					    length, end);
			/* Every valid name is accepted. */
			if (end && end == length - 1)
				KUNIT_ASSERT_EQ_MSG(test,
						    ndshm_name_valid(name),
						    expected, "length %u",
						    length);
		}
	}
}

static struct kunit_case policy_cases[] = {
	KUNIT_CASE(table),
	KUNIT_CASE_PARAM(row, operation_gen_params),
	KUNIT_CASE_PARAM(attributes, operation_gen_params),
	KUNIT_CASE_PARAM(ids, operation_gen_params),
	KUNIT_CASE_PARAM(names, operation_gen_params),
	KUNIT_CASE(other_rows),
	KUNIT_CASE(other_attributes),
	{}
};

static struct kunit_suite policy_suite = {
	.name = SUITE_NAME("policy"),
	.test_cases = policy_cases,
};

kunit_test_suite(policy_suite);
