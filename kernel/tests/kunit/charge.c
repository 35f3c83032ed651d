// SPDX-License-Identifier: GPL-2.0
/*
 * RLIMIT_MEMLOCK, tested with the account of a user that does not exist, so that the test
 * and other processes do not affect each other.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>

#include "../../account/charge.h"
#include "suite.h"

#define LIMIT	100UL
#define PAGES(n)	((u64)(n) * PAGE_SIZE)

static struct user_struct poor_user;

/* State of the thread before become_poor_user(). */
struct before {
	struct cred *cred;
	const struct cred *old;
	unsigned long limit;
};

static void set_limit(unsigned long bytes)
{
	WRITE_ONCE(current->signal->rlim[RLIMIT_MEMLOCK].rlim_cur, bytes);
}

/* Run as user @poor_user, without privileges, with a RLIMIT_MEMLOCK of @bytes. */
static bool become_poor_user(struct before *before, unsigned long bytes)
{
	before->cred = prepare_creds();
	if (!before->cred)
		return false;
	/* The credentials drop this reference later, by RCU. */
	refcount_dec(&before->cred->user->__count);
	before->cred->user = get_uid(&poor_user);
	cap_clear(before->cred->cap_effective);
	before->limit = rlimit(RLIMIT_MEMLOCK);
	before->old = override_creds(before->cred);
	set_limit(bytes);
	return true;
}

static void become_oneself(struct before *before)
{
	set_limit(before->limit);
	revert_creds(before->old);
	put_cred(before->cred);
}

static int charge_init(struct kunit *test)
{
	poor_user.uid = KUIDT_INIT(0x7ffffff2);
	/* Credentials end by RCU: initialise the count only once. */
	if (!refcount_read(&poor_user.__count))
		refcount_set(&poor_user.__count, 1);
	atomic_long_set(&poor_user.locked_vm, 0);
	return 0;
}

static long locked(void)
{
	return atomic_long_read(&poor_user.locked_vm);
}

/* Charge the current user. */
static ndshm_reason_t charge_caller(struct ndshm_charge *charge, u64 bytes)
{
	struct ndshm_account *account = ndshm_account_alloc();
	ndshm_reason_t reason;

	*charge = (struct ndshm_charge){};
	if (!account)
		return NDSHM_REASON_MEMORY;
	reason = ndshm_charge(charge, account, bytes);
	ndshm_account_put(account);
	return reason;
}

static bool is_poor_user(const struct ndshm_charge *charge)
{
	return charge->account && charge->account->cred->user == &poor_user;
}

/* An EXPECT, since a failed ASSERT would leave the thread with the other user's credentials. */
#define EXPECT_REASON(test, reason, expected) \
	KUNIT_EXPECT_EQ(test, (__force u32)(reason), \
			(__force u32)NDSHM_REASON_##expected)

/* A charge is rounded up to whole pages. */
static void rounding(struct kunit *test)
{
	static const struct { u64 bytes; long pages; } rows[] = {
		{ 0, 0 }, { 1, 1 }, { PAGE_SIZE - 1, 1 }, { PAGE_SIZE, 1 },
		{ PAGE_SIZE + 1, 2 }, { PAGES(LIMIT) - PAGE_SIZE, LIMIT - 1 },
		{ PAGES(LIMIT) - PAGE_SIZE + 1, LIMIT },
		{ PAGES(LIMIT) - 1, LIMIT }, { PAGES(LIMIT), LIMIT },
	};
	struct ndshm_charge charge;
	struct before before;
	int i;

	KUNIT_ASSERT_TRUE(test, become_poor_user(&before, PAGES(LIMIT)));
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		EXPECT_REASON(test, charge_caller(&charge, rows[i].bytes), NONE);
		KUNIT_EXPECT_EQ(test, locked(), rows[i].pages);
		KUNIT_EXPECT_EQ(test, ndshm_user_locked(),
				PAGES(rows[i].pages));
		KUNIT_EXPECT_TRUE(test, is_poor_user(&charge));
		KUNIT_EXPECT_EQ(test, charge.pages, rows[i].pages);
		ndshm_uncharge(&charge);
		KUNIT_EXPECT_EQ(test, locked(), 0);
		KUNIT_EXPECT_NULL(test, charge.account);
		KUNIT_EXPECT_EQ(test, charge.pages, 0);
		/* A second uncharge has no effect. */
		ndshm_uncharge(&charge);
		KUNIT_EXPECT_EQ(test, locked(), 0);
	}
	become_oneself(&before);
}

/* Charge any two numbers of pages, up to and beyond the limit. */
static void the_limit(struct kunit *test)
{
	struct ndshm_charge first, second;
	long i, j, sum, wrong = 0;
	struct before before;
	ndshm_reason_t reason;
	bool fits;

	KUNIT_ASSERT_TRUE(test, become_poor_user(&before, PAGES(LIMIT)));
	for (i = 0; i <= LIMIT; i++) {
		wrong += charge_caller(&first, PAGES(i)) != NDSHM_REASON_NONE;
		/*
		 * A refusal waits for the queue of frees: try only one beyond the limit.
		 */
		for (j = 0; j <= LIMIT - i + 1; j++) {
			fits = i + j <= LIMIT;
			sum = fits ? i + j : i;
			reason = charge_caller(&second, PAGES(j));
			wrong += reason != (fits ? NDSHM_REASON_NONE :
						   NDSHM_REASON_MEMLOCK);
			wrong += locked() != sum;
			wrong += is_poor_user(&second) != fits;
			ndshm_uncharge(&second);
			wrong += locked() != i;
		}
		ndshm_uncharge(&first);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_EQ(test, locked(), 0);
	become_oneself(&before);
}

/* Limits that are no multiple of pages, zero and infinite. */
static void kinds_of_limit(struct kunit *test)
{
	struct ndshm_charge charge, second;
	struct before before;

	KUNIT_ASSERT_TRUE(test, become_poor_user(&before, 0));
	EXPECT_REASON(test, charge_caller(&charge, 1), MEMLOCK);
	EXPECT_REASON(test, charge_caller(&charge, 0), NONE);
	ndshm_uncharge(&charge);
	set_limit(PAGE_SIZE - 1);
	EXPECT_REASON(test, charge_caller(&charge, 1), MEMLOCK);
	set_limit(2 * PAGE_SIZE - 1);
	EXPECT_REASON(test, charge_caller(&charge, PAGE_SIZE), NONE);
	ndshm_uncharge(&charge);
	EXPECT_REASON(test, charge_caller(&charge, PAGE_SIZE + 1), MEMLOCK);
	set_limit(RLIM_INFINITY);
	EXPECT_REASON(test, charge_caller(&charge, 1ULL << 46), NONE);
	KUNIT_EXPECT_EQ(test, locked(), 1L << (46 - PAGE_SHIFT));
	ndshm_uncharge(&charge);
	/* Memory locked by other means counts, too, even beyond the limit. */
	set_limit(PAGES(LIMIT));
	atomic_long_set(&poor_user.locked_vm, LIMIT + 1);
	EXPECT_REASON(test, charge_caller(&charge, 1), MEMLOCK);
	KUNIT_EXPECT_EQ(test, locked(), LIMIT + 1);
	atomic_long_set(&poor_user.locked_vm, LIMIT - 1);
	EXPECT_REASON(test, charge_caller(&charge, 1), NONE);
	EXPECT_REASON(test, charge_caller(&second, 1), MEMLOCK);
	KUNIT_EXPECT_EQ(test, locked(), LIMIT);
	ndshm_uncharge(&charge);
	become_oneself(&before);
}

/* Change a charge of any number of pages to any other number. */
static void recharge(struct kunit *test)
{
	struct ndshm_charge charge;
	ndshm_reason_t reason;
	struct before before;
	long i, j, wrong = 0;
	bool fits;

	KUNIT_ASSERT_TRUE(test, become_poor_user(&before, PAGES(LIMIT)));
	for (i = 0; i <= LIMIT; i += 3) {
		for (j = 0; j <= LIMIT + 1; j++) {
			wrong += charge_caller(&charge, PAGES(i)) !=
				 NDSHM_REASON_NONE;
			fits = j <= LIMIT;
			reason = ndshm_recharge(&charge, PAGES(j));
			wrong += reason != (fits ? NDSHM_REASON_NONE :
						   NDSHM_REASON_MEMLOCK);
			wrong += locked() != (fits ? j : i);
			wrong += charge.pages != (fits ? j : i);
			wrong += !is_poor_user(&charge);
			ndshm_uncharge(&charge);
			wrong += locked() != 0;
		}
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	/* Shrinking never fails, even with a lower limit. */
	EXPECT_REASON(test, charge_caller(&charge, PAGES(LIMIT)), NONE);
	set_limit(0);
	EXPECT_REASON(test, ndshm_recharge(&charge, PAGES(LIMIT)), NONE);
	EXPECT_REASON(test, ndshm_recharge(&charge, PAGES(1)), NONE);
	KUNIT_EXPECT_EQ(test, locked(), 1);
	/* Growing uses the limit at the time of the charge, not the current one. */
	EXPECT_REASON(test, ndshm_recharge(&charge, PAGES(LIMIT + 1)), MEMLOCK);
	KUNIT_EXPECT_EQ(test, locked(), 1);
	EXPECT_REASON(test, ndshm_recharge(&charge, PAGES(LIMIT)), NONE);
	KUNIT_EXPECT_EQ(test, locked(), LIMIT);
	ndshm_uncharge(&charge);
	KUNIT_EXPECT_EQ(test, locked(), 0);
	become_oneself(&before);
}

/* A provider may report any number of bytes: a larger one never costs less. */
static void recharge_any_number(struct kunit *test)
{
	static const u64 numbers[] = {
		PAGES(LIMIT) + 1, SZ_4G, 1ULL << 46, 1ULL << 63,
		U64_MAX - PAGE_SIZE, U64_MAX - PAGE_SIZE + 1,
		U64_MAX - PAGE_SIZE + 2, U64_MAX - 1, U64_MAX,
	};
	struct ndshm_charge charge;
	struct before before;
	int i;

	KUNIT_ASSERT_TRUE(test, become_poor_user(&before, PAGES(LIMIT)));
	EXPECT_REASON(test, charge_caller(&charge, PAGES(2)), NONE);
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		KUNIT_EXPECT_EQ_MSG(test, (__force u32)
				    ndshm_recharge(&charge, numbers[i]),
				    (__force u32)NDSHM_REASON_MEMLOCK,
				    "%#llx bytes", numbers[i]);
		KUNIT_EXPECT_EQ_MSG(test, locked(), 2, "%#llx bytes",
				    numbers[i]);
	}
	ndshm_uncharge(&charge);
	KUNIT_EXPECT_EQ(test, locked(), 0);
	become_oneself(&before);
}

/* With CAP_IPC_LOCK nothing is charged, not even later. */
static void privileged(struct kunit *test)
{
	struct ndshm_charge charge;
	struct before before;

	KUNIT_ASSERT_TRUE(test, become_poor_user(&before, 0));
	cap_raise(before.cred->cap_effective, CAP_IPC_LOCK);
	EXPECT_REASON(test, charge_caller(&charge, 1ULL << 46), NONE);
	KUNIT_EXPECT_NULL(test, charge.account);
	KUNIT_EXPECT_EQ(test, locked(), 0);
	cap_lower(before.cred->cap_effective, CAP_IPC_LOCK);
	EXPECT_REASON(test, ndshm_recharge(&charge, U64_MAX), NONE);
	KUNIT_EXPECT_EQ(test, locked(), 0);
	ndshm_uncharge(&charge);
	KUNIT_EXPECT_EQ(test, locked(), 0);
	become_oneself(&before);
}

/* The charged user is uncharged, whichever task does it. */
static void given_back_by_another(struct kunit *test)
{
	struct user_struct *oneself = current_user();
	long own = atomic_long_read(&oneself->locked_vm);
	struct ndshm_charge charge;
	struct before before;

	KUNIT_ASSERT_TRUE(test, become_poor_user(&before, PAGES(LIMIT)));
	EXPECT_REASON(test, charge_caller(&charge, PAGES(7)), NONE);
	become_oneself(&before);
	KUNIT_EXPECT_PTR_NE(test, current_user(), &poor_user);
	EXPECT_REASON(test, ndshm_recharge(&charge, PAGES(5)), NONE);
	KUNIT_EXPECT_EQ(test, locked(), 5);
	ndshm_uncharge(&charge);
	KUNIT_EXPECT_EQ(test, locked(), 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&oneself->locked_vm), own);
}

#define THREADS	4
#define ROUNDS	500

/* Each thread tries to charge all of the limit. */
static unsigned int want_all(void *context, unsigned int number)
{
	atomic_t *got = context;
	unsigned int i, wrong = 0;
	struct ndshm_charge charge;
	struct before before;

	if (!become_poor_user(&before, PAGES(LIMIT)))
		return 1;
	for (i = 0; i < ROUNDS; i++) {
		if (charge_caller(&charge, PAGES(LIMIT)) == NDSHM_REASON_NONE)
			atomic_inc(got);
		wrong += locked() > LIMIT;
		ndshm_uncharge(&charge);
		wrong += locked() < 0;
	}
	become_oneself(&before);
	return wrong;
}

static void several_threads(struct kunit *test)
{
	atomic_t got = ATOMIC_INIT(0);

	suite_run_threads(test, THREADS, want_all, &got);
	KUNIT_EXPECT_EQ(test, locked(), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&got), 0);
	kunit_info(test, "%d of %d got it\n", atomic_read(&got),
		   THREADS * ROUNDS);
}

static struct kunit_case charge_cases[] = {
	KUNIT_CASE(rounding),
	KUNIT_CASE(the_limit),
	KUNIT_CASE(kinds_of_limit),
	KUNIT_CASE(recharge),
	KUNIT_CASE(recharge_any_number),
	KUNIT_CASE(privileged),
	KUNIT_CASE(given_back_by_another),
	KUNIT_CASE(several_threads),
	{}
};

static struct kunit_suite charge_suite = {
	.name = SUITE_NAME("charge"),
	.init = charge_init,
	.test_cases = charge_cases,
};

kunit_test_suite(charge_suite);
