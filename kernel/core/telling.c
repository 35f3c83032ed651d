// SPDX-License-Identifier: GPL-2.0
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/wait_bit.h>

#include "telling.h"

/* That an owner waits for its callback is to lockdep as if there were a lock. */
#ifdef CONFIG_LOCKDEP
static struct lockdep_map running =
	STATIC_LOCKDEP_MAP_INIT("(ndshm_telling)", &running);
#endif

static bool is(const struct ndshm_telling *telling,
	       enum ndshm_telling_state state)
{
	return atomic_read_acquire(&telling->state) == state;
}

/* TELLING is over. The exchange is ordered before the look for who waits. */
static void end(struct ndshm_telling *telling, enum ndshm_telling_state state)
{
	int last = atomic_xchg(&telling->state, state);

	WARN_ON_ONCE(last != NDSHM_TELLING);
	wake_up_var(&telling->state);
}

bool ndshm_telling_arm(struct ndshm_telling *telling)
{
	return atomic_cmpxchg(&telling->state, NDSHM_UNARMED, NDSHM_UNTOLD) ==
	       NDSHM_UNARMED;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_telling_arm);

void ndshm_tell(struct ndshm_telling *telling, struct ndshm_block *block)
{
	might_sleep();

	if (atomic_cmpxchg(&telling->state, NDSHM_UNARMED, NDSHM_TOLD) ==
	    NDSHM_UNARMED)
		return;
	if (atomic_cmpxchg(&telling->state, NDSHM_UNTOLD, NDSHM_TELLING) !=
	    NDSHM_UNTOLD) {
		WARN_ON_ONCE(!is(telling, NDSHM_LET_GO));
		return;
	}
	if (telling->keeps) {
		wait_var_event(&telling->state, is(telling, NDSHM_LET_GO));
		return;
	}
	WRITE_ONCE(telling->teller, current);
	lock_map_acquire(&running);
	if (telling->revoked)
		telling->revoked(telling->revoked_context, block);
	lock_map_release(&running);
	WRITE_ONCE(telling->teller, NULL);
	end(telling, NDSHM_TOLD);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_tell);

void ndshm_let_go(struct ndshm_telling *telling)
{
	/* What the callback itself frees, it has let go of. */
	if (READ_ONCE(telling->teller) == current)
		return;
	if (!telling->keeps) {
		lock_map_acquire(&running);
		lock_map_release(&running);
	}
	if (atomic_cmpxchg(&telling->state, NDSHM_UNTOLD, NDSHM_LET_GO) !=
	    NDSHM_TELLING)
		return;
	if (telling->keeps)
		end(telling, NDSHM_LET_GO);
	else
		wait_var_event(&telling->state, is(telling, NDSHM_TOLD));
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_let_go);
