// SPDX-License-Identifier: GPL-2.0
/* Module parameters of a test build: delays at places where a race is tested, in ms. */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/moduleparam.h>

#include "testing.h"

static uint delays[NDSHM_TEST_PLACES];
module_param_named(test_fault_delay_ms, delays[NDSHM_TEST_FAULT], uint, 0600);
module_param_named(test_chunk_delay_ms, delays[NDSHM_TEST_CHUNK], uint, 0600);
module_param_named(test_refused_delay_ms, delays[NDSHM_TEST_REFUSED], uint, 0600);
module_param_named(test_claim_delay_ms, delays[NDSHM_TEST_CLAIM], uint, 0600);
module_param_named(test_release_delay_ms, delays[NDSHM_TEST_RELEASE], uint, 0600);

static atomic_t delaying;

static int testing_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", atomic_read(&delaying));
}

static const struct kernel_param_ops delaying_ops = { .get = testing_get };

module_param_cb(test_fault_delaying, &delaying_ops, NULL, 0400);
MODULE_PARM_DESC(test_fault_delaying, "TEST: number of tasks in these delays");

void ndshm_test_delay(enum ndshm_test_place place)
{
	const uint ms = READ_ONCE(delays[place]);

	if (!ms)
		return;
	atomic_inc(&delaying);
	msleep(ms);
	atomic_dec(&delaying);
}
