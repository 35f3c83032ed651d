// SPDX-License-Identifier: GPL-2.0
/*
 * Quotas of users, tested with users that do not exist, so that the test and other
 * processes do not affect each other.
 */
#include <linux/string.h>
#include <linux/uidgid.h>

#include "../../account/charge.h"
#include "suite.h"

/* Two users, which may share a bucket of the table. */
#define USER		KUIDT_INIT(0x7ffffff0)
#define OTHER_USER	KUIDT_INIT(0x7ffffff1)

/* ndshm_kunit_alone sets the limits; ndshm_kunit finds them. */
#ifndef NDSHM_KUNIT_ALONE
#define set_limits()	do { } while (0)
#define no_users()	true
#endif

static u64 limits_found[NDSHM_QUOTA_KINDS];

static const ndshm_reason_t reasons[] = {
	[NDSHM_QUOTA_SECTIONS] = NDSHM_REASON_SECTION_QUOTA,
	[NDSHM_QUOTA_HOLDERS] = NDSHM_REASON_HOLDER_QUOTA,
	[NDSHM_QUOTA_RESERVED] = NDSHM_REASON_RESERVE_QUOTA,
	[NDSHM_QUOTA_BYTES] = NDSHM_REASON_BYTE_QUOTA,
	[NDSHM_QUOTA_REQUESTS] = NDSHM_REASON_REQUEST_QUOTA,
	[NDSHM_QUOTA_CLIENTS] = NDSHM_REASON_CLIENT_QUOTA,
};

/* Charge an unprivileged user. */
static ndshm_reason_t take(enum ndshm_quota_kind kind, u64 number)
{
	return ndshm_quota_charge_uid(USER, kind, number, false);
}

static void give(enum ndshm_quota_kind kind, u64 number)
{
	ndshm_quota_uncharge_uid(USER, kind, number);
}

/* Return: true if the user can take @number more. Gives it back. */
static bool allowed(enum ndshm_quota_kind kind, u64 number)
{
	if (take(kind, number) != NDSHM_REASON_NONE)
		return false;
	give(kind, number);
	return true;
}

static u64 find_limit(enum ndshm_quota_kind kind)
{
	u64 limit = 0;
	int bit;

	for (bit = 63; bit >= 0; bit--)
		if (allowed(kind, limit | BIT_ULL(bit)))
			limit |= BIT_ULL(bit);
	return limit;
}

static int quota_init(struct kunit *test)
{
	unsigned int i;

	set_limits();
	for (i = 0; i < NDSHM_QUOTA_KINDS; i++) {
		limits_found[i] = find_limit(i);
		if (!limits_found[i] || limits_found[i] > U64_MAX / 2) {
			kunit_info(test, "limit %u is %llu\n", i,
				   limits_found[i]);
			return -EINVAL;
		}
	}
	return 0;
}

static void quota_exit(struct kunit *test)
{
	/* A user without use and limits is not listed. */
	KUNIT_EXPECT_TRUE(test, no_users());
}

#define EXPECT_REASON(test, reason, expected) \
	KUNIT_EXPECT_EQ(test, (__force u32)(reason), (__force u32)(expected))

/* Take the limit at once and in two parts; one more is refused. */
static void the_limits(struct kunit *test)
{
	unsigned int i, j;
	u64 limit, part;

	for (i = 0; i < NDSHM_QUOTA_KINDS; i++) {
		limit = limits_found[i];
		for (j = 0; j < 64 && BIT_ULL(j) < limit; j++) {
			part = BIT_ULL(j);
			EXPECT_REASON(test, take(i, part), NDSHM_REASON_NONE);
			EXPECT_REASON(test, take(i, limit - part + 1),
				      reasons[i]);
			EXPECT_REASON(test, take(i, U64_MAX), reasons[i]);
			EXPECT_REASON(test, take(i, U64_MAX - part + 1),
				      reasons[i]);
			EXPECT_REASON(test, take(i, limit - part),
				      NDSHM_REASON_NONE);
			KUNIT_EXPECT_FALSE(test, allowed(i, 1));
			give(i, part);
			KUNIT_EXPECT_TRUE(test, allowed(i, part));
			KUNIT_EXPECT_FALSE(test, allowed(i, part + 1));
			give(i, limit - part);
			KUNIT_EXPECT_TRUE(test, allowed(i, limit));
			KUNIT_EXPECT_FALSE(test, allowed(i, limit + 1));
		}
	}
}

/* A kind at its limit does not affect the others. */
static void kinds_apart(struct kunit *test)
{
	unsigned int i, j;

	for (i = 0; i < NDSHM_QUOTA_KINDS; i++) {
		EXPECT_REASON(test, take(i, limits_found[i]),
			      NDSHM_REASON_NONE);
		for (j = 0; j < NDSHM_QUOTA_KINDS; j++)
			KUNIT_EXPECT_EQ(test, allowed(j, 1), j > i);
	}
	/* An amount of 0 is always allowed. */
	KUNIT_EXPECT_TRUE(test, allowed(0, 0));
	for (i = 0; i < NDSHM_QUOTA_KINDS; i++)
		give(i, limits_found[i]);
}

/* The counts of one user do not affect another. */
static void users_apart(struct kunit *test)
{
	EXPECT_REASON(test, take(0, limits_found[0]), NDSHM_REASON_NONE);
	EXPECT_REASON(test, ndshm_quota_charge_uid(OTHER_USER, 0, limits_found[0], false),
		      NDSHM_REASON_NONE);
	KUNIT_EXPECT_FALSE(test, allowed(0, 1));
	ndshm_quota_uncharge_uid(OTHER_USER, 0, limits_found[0]);
	KUNIT_EXPECT_FALSE(test, allowed(0, 1));
	give(0, limits_found[0]);
	KUNIT_EXPECT_TRUE(test, allowed(0, limits_found[0]));
}

/* With privilege there is no limit; it counts all the same. */
static void privileged(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < NDSHM_QUOTA_KINDS; i++) {
		EXPECT_REASON(test,
			      ndshm_quota_charge_uid(USER, i, limits_found[i], true),
			      NDSHM_REASON_NONE);
		KUNIT_EXPECT_FALSE(test, allowed(i, 1));
		EXPECT_REASON(test,
			      ndshm_quota_charge_uid(USER, i, limits_found[i] + 7,
						     true), NDSHM_REASON_NONE);
		give(i, limits_found[i]);
		/* The use exceeds the limit. */
		KUNIT_EXPECT_FALSE(test, allowed(i, 1));
		KUNIT_EXPECT_TRUE(test, allowed(i, 0));
		give(i, limits_found[i] + 7);
		KUNIT_EXPECT_TRUE(test, allowed(i, limits_found[i]));
	}
}

/*
 * Individual limits
 */

static void set_limit(struct kunit *test, kuid_t uid,
		      enum ndshm_quota_kind kind, u64 limit)
{
	struct ndshm_quota_change change = { .set = BIT(kind) };

	change.limits[kind] = limit;
	EXPECT_REASON(test, ndshm_quota_set(uid, &change), NDSHM_REASON_NONE);
}

static void reset_limits(struct kunit *test, kuid_t uid, u32 kinds)
{
	const struct ndshm_quota_change change = { .reset = kinds };

	EXPECT_REASON(test, ndshm_quota_set(uid, &change), NDSHM_REASON_NONE);
}

#define ALL_KINDS	(BIT(NDSHM_QUOTA_KINDS) - 1)

/* Each kind's limit is exact, applies to this user only, and lasts until it is reset. */
static void own_limits(struct kunit *test)
{
	unsigned int i, j;

	for (i = 0; i < NDSHM_QUOTA_KINDS; i++) {
		for (j = 0; j < 3; j++) {
			set_limit(test, USER, i, j);
			KUNIT_EXPECT_TRUE(test, allowed(i, j));
			KUNIT_EXPECT_FALSE(test, allowed(i, j + 1));
		}
		/* An individual limit may exceed the default. */
		set_limit(test, USER, i, limits_found[i] + 9);
		KUNIT_EXPECT_TRUE(test, allowed(i, limits_found[i] + 9));
		KUNIT_EXPECT_FALSE(test, allowed(i, limits_found[i] + 10));
		set_limit(test, USER, i, U64_MAX);
		KUNIT_EXPECT_TRUE(test, allowed(i, U64_MAX));
		for (j = 0; j < NDSHM_QUOTA_KINDS; j++) {
			KUNIT_EXPECT_TRUE(test, allowed(j, limits_found[j]));
			KUNIT_EXPECT_EQ(test, allowed(j, limits_found[j] + 1),
					j == i);
		}
		EXPECT_REASON(test,
			      ndshm_quota_charge_uid(OTHER_USER, i, limits_found[i] + 1,
						     false), reasons[i]);
		reset_limits(test, USER, BIT(i));
		KUNIT_EXPECT_FALSE(test, allowed(i, limits_found[i] + 1));
	}
}

/* A limit below the use keeps the use, and prevents growth. */
static void lower_than_use(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < NDSHM_QUOTA_KINDS; i++) {
		set_limit(test, USER, i, 100);
		EXPECT_REASON(test, take(i, 70), NDSHM_REASON_NONE);
		EXPECT_REASON(test, take(i, 30), NDSHM_REASON_NONE);
		set_limit(test, USER, i, 50);
		KUNIT_EXPECT_FALSE(test, allowed(i, 1));
		KUNIT_EXPECT_TRUE(test, allowed(i, 0));
		give(i, 30);
		KUNIT_EXPECT_FALSE(test, allowed(i, 1));
		give(i, 70);
		KUNIT_EXPECT_TRUE(test, allowed(i, 50));
		KUNIT_EXPECT_FALSE(test, allowed(i, 51));
	}
	reset_limits(test, USER, ALL_KINDS);
}

/* Return: how many of the two users are listed, from @uid on. */
static unsigned int count_known(u32 uid)
{
	struct ndshm_quota_view view;
	unsigned int count = 0;

	for (; ndshm_quota_peek_next(&uid, &view) && uid != U32_MAX; uid++)
		count += uid_eq(view.uid, USER) || uid_eq(view.uid, OTHER_USER);
	return count;
}

static void looking(struct kunit *test)
{
	struct ndshm_quota_view view;
	unsigned int i;

	/* A user without use has the default limits. */
	ndshm_quota_peek(USER, &view);
	KUNIT_EXPECT_TRUE(test, uid_eq(view.uid, USER));
	KUNIT_EXPECT_EQ(test, view.set, 0);
	for (i = 0; i < NDSHM_QUOTA_KINDS; i++) {
		KUNIT_EXPECT_EQ(test, view.amounts[i], 0);
		KUNIT_EXPECT_EQ(test, view.limits[i], limits_found[i]);
	}
	KUNIT_EXPECT_EQ(test, count_known(0), 0);
	for (i = 0; i < NDSHM_QUOTA_KINDS; i++)
		EXPECT_REASON(test, take(i, i + 1), NDSHM_REASON_NONE);
	set_limit(test, USER, NDSHM_QUOTA_HOLDERS, 77);
	set_limit(test, OTHER_USER, NDSHM_QUOTA_HOLDERS, 78);
	ndshm_quota_peek(USER, &view);
	KUNIT_EXPECT_EQ(test, view.set, BIT(NDSHM_QUOTA_HOLDERS));
	for (i = 0; i < NDSHM_QUOTA_KINDS; i++) {
		KUNIT_EXPECT_EQ(test, view.amounts[i], i + 1);
		KUNIT_EXPECT_EQ(test, view.limits[i],
				i == NDSHM_QUOTA_HOLDERS ? 77 :
							   limits_found[i]);
	}
	KUNIT_EXPECT_EQ(test, count_known(0), 2);
	KUNIT_EXPECT_EQ(test, count_known(__kuid_val(USER)), 2);
	KUNIT_EXPECT_EQ(test, count_known(__kuid_val(USER) + 1), 1);
	KUNIT_EXPECT_EQ(test, count_known(__kuid_val(OTHER_USER) + 1), 0);
	reset_limits(test, OTHER_USER, ALL_KINDS);
	KUNIT_EXPECT_EQ(test, count_known(0), 1);
	reset_limits(test, USER, ALL_KINDS);
	/* A user is listed until the last kind is given back. */
	for (i = 0; i < NDSHM_QUOTA_KINDS; i++) {
		KUNIT_EXPECT_EQ(test, count_known(0), 1);
		give(i, i + 1);
	}
	KUNIT_EXPECT_EQ(test, count_known(0), 0);
	/* Resetting limits that were never set lists no user. */
	reset_limits(test, USER, ALL_KINDS);
	KUNIT_EXPECT_EQ(test, count_known(0), 0);
}

#define THREADS	4
#define ROUNDS	500

/* Take and give while limits change: the use never exceeds the highest limit. */
static unsigned int take_and_set(void *context, unsigned int number)
{
	struct ndshm_quota_change change = { .set = BIT(NDSHM_QUOTA_SECTIONS) };
	atomic_t *having = context;
	unsigned int i, wrong = 0;

	for (i = 0; i < ROUNDS; i++) {
		if (number == 0) {
			change.limits[NDSHM_QUOTA_SECTIONS] = i % 3;
			wrong += ndshm_quota_set(USER, &change) !=
				 NDSHM_REASON_NONE;
			continue;
		}
		if (take(NDSHM_QUOTA_SECTIONS, 1) != NDSHM_REASON_NONE)
			continue;
		wrong += atomic_inc_return(having) > 2;
		atomic_dec(having);
		give(NDSHM_QUOTA_SECTIONS, 1);
	}
	return wrong;
}

static void set_by_several(struct kunit *test)
{
	atomic_t having = ATOMIC_INIT(0);

	set_limit(test, USER, NDSHM_QUOTA_SECTIONS, 2);
	suite_run_threads(test, THREADS, take_and_set, &having);
	KUNIT_EXPECT_EQ(test, count_known(0), 1);
	reset_limits(test, USER, ALL_KINDS);
	KUNIT_EXPECT_EQ(test, count_known(0), 0);
}

/* Each thread tries to take all of the limit. */
static unsigned int want_all(void *context, unsigned int number)
{
	const u64 all = limits_found[NDSHM_QUOTA_HOLDERS];
	atomic_t *having = context;
	unsigned int i, wrong = 0;

	for (i = 0; i < ROUNDS; i++) {
		if (take(NDSHM_QUOTA_HOLDERS, all) != NDSHM_REASON_NONE)
			continue;
		wrong += atomic_inc_return(having) != 1;
		atomic_dec(having);
		give(NDSHM_QUOTA_HOLDERS, all);
	}
	return wrong;
}

static void several_threads(struct kunit *test)
{
	atomic_t having = ATOMIC_INIT(0);

	suite_run_threads(test, THREADS, want_all, &having);
	KUNIT_EXPECT_TRUE(test, allowed(NDSHM_QUOTA_HOLDERS,
					limits_found[NDSHM_QUOTA_HOLDERS]));
}

#ifdef NDSHM_KUNIT_ALONE
/* The module parameters apply at once; existing use stays. */
static void they_change(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, limits_found[NDSHM_QUOTA_SECTIONS],
			max_user_sections);
	KUNIT_EXPECT_EQ(test, limits_found[NDSHM_QUOTA_HOLDERS],
			max_user_holders);
	KUNIT_EXPECT_EQ(test, limits_found[NDSHM_QUOTA_RESERVED],
			max_user_reserved);
	KUNIT_EXPECT_EQ(test, limits_found[NDSHM_QUOTA_BYTES], max_user_bytes);
	KUNIT_EXPECT_EQ(test, limits_found[NDSHM_QUOTA_REQUESTS],
			max_user_requests);
	KUNIT_EXPECT_EQ(test, limits_found[NDSHM_QUOTA_CLIENTS],
			max_user_clients);
	EXPECT_REASON(test, take(NDSHM_QUOTA_HOLDERS, 10), NDSHM_REASON_NONE);
	for (max_user_holders = 0; max_user_holders < 20; max_user_holders++) {
		KUNIT_EXPECT_EQ(test, allowed(NDSHM_QUOTA_HOLDERS, 1),
				max_user_holders > 10);
		KUNIT_EXPECT_EQ(test, allowed(NDSHM_QUOTA_HOLDERS, 5),
				max_user_holders >= 15);
		KUNIT_EXPECT_TRUE(test, allowed(NDSHM_QUOTA_HOLDERS, 0));
	}
	max_user_holders = ULONG_MAX;
	EXPECT_REASON(test, take(NDSHM_QUOTA_HOLDERS, U64_MAX - 10),
		      NDSHM_REASON_NONE);
	KUNIT_EXPECT_FALSE(test, allowed(NDSHM_QUOTA_HOLDERS, 1));
	give(NDSHM_QUOTA_HOLDERS, U64_MAX - 10);
	give(NDSHM_QUOTA_HOLDERS, 10);
}
#endif

static struct kunit_case quota_cases[] = {
	KUNIT_CASE(the_limits),
	KUNIT_CASE(kinds_apart),
	KUNIT_CASE(users_apart),
	KUNIT_CASE(privileged),
	KUNIT_CASE(own_limits),
	KUNIT_CASE(lower_than_use),
	KUNIT_CASE(looking),
	KUNIT_CASE(several_threads),
	KUNIT_CASE(set_by_several),
#ifdef NDSHM_KUNIT_ALONE
	KUNIT_CASE(they_change),
#endif
	{}
};

static struct kunit_suite quota_suite = {
	.name = SUITE_NAME("quota"),
	.init = quota_init,
	.exit = quota_exit,
	.test_cases = quota_cases,
};

kunit_test_suite(quota_suite);
