// SPDX-License-Identifier: GPL-2.0
/* Module parameters of a test build: delays at places where a race is tested. */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/moduleparam.h>

#include "testing.h"

static uint test_fault_delay_ms;
module_param(test_fault_delay_ms, uint, 0600);
MODULE_PARM_DESC(test_fault_delay_ms,
		 "TEST: delay of a fault with its page locked (ms)");

static uint test_chunk_delay_ms;
module_param(test_chunk_delay_ms, uint, 0600);
MODULE_PARM_DESC(test_chunk_delay_ms,
		 "TEST: delay of an allocation for a section, before its memory is looked at (ms)");

static uint test_refused_delay_ms;
module_param(test_refused_delay_ms, uint, 0600);
MODULE_PARM_DESC(test_refused_delay_ms,
		 "TEST: delay of an allocation that a section has refused, before it waits for memory (ms)");

static uint test_claim_delay_ms;
module_param(test_claim_delay_ms, uint, 0600);
MODULE_PARM_DESC(test_claim_delay_ms,
		 "TEST: delay at the beginning of a claim (ms)");

static atomic_t delaying;

static int testing_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", atomic_read(&delaying));
}

static const struct kernel_param_ops delaying_ops = { .get = testing_get };

module_param_cb(test_fault_delaying, &delaying_ops, NULL, 0400);
MODULE_PARM_DESC(test_fault_delaying, "TEST: number of tasks in these delays");

static void testing_delay(uint ms)
{
	if (!ms)
		return;
	atomic_inc(&delaying);
	msleep(ms);
	atomic_dec(&delaying);
}

void ndshm_test_fault_delay(void)
{
	testing_delay(READ_ONCE(test_fault_delay_ms));
}

void ndshm_test_chunk_delay(void)
{
	testing_delay(READ_ONCE(test_chunk_delay_ms));
}

void ndshm_test_refused_delay(void)
{
	testing_delay(READ_ONCE(test_refused_delay_ms));
}

void ndshm_test_claim_delay(void)
{
	testing_delay(READ_ONCE(test_claim_delay_ms));
}
