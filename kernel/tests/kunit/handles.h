/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Handle tables for tests, with minimal objects.
 */
#ifndef _NDSHM_KUNIT_HANDLES_H
#define _NDSHM_KUNIT_HANDLES_H

#include <linux/slab.h>

#include "../../cdev/handles.h"
#include "suite.h"

#define INDEX(handle)	((handle) & 0xffff)

static const struct ndshm_object_ops some_kind = { .kind = "some" };
static const struct ndshm_object_ops other_kind = { .kind = "other" };

static inline int handles_init(struct kunit *test)
{
	struct ndshm_handles *handles;

	handles = kunit_kzalloc(test, sizeof(*handles), GFP_KERNEL);
	if (!handles)
		return -ENOMEM;
	ndshm_handles_init(handles);
	test->priv = handles;
	return 0;
}

static inline void handles_exit(struct kunit *test)
{
	if (test->priv)
		ndshm_handles_fini(test->priv);
}

static inline void init_object(struct ndshm_object *object,
			       const struct ndshm_object_ops *ops)
{
	object->ops = ops;
	refcount_set(&object->references, 1);
}

static inline u32 reserve(struct kunit *test)
{
	u32 handle = 0;

	KUNIT_ASSERT_EQ(test,
			(__force u32)ndshm_handle_reserve(test->priv, &handle),
			(__force u32)NDSHM_REASON_NONE);
	return handle;
}

/* Publish a handle. The table gets a reference of its own. */
static inline u32 publish(struct kunit *test, struct ndshm_object *object)
{
	u32 handle = reserve(test);

	refcount_inc(&object->references);
	ndshm_handle_publish(test->priv, handle, object);
	return handle;
}

/* Look up a handle, and drop the reference to the result. */
static inline struct ndshm_object *found(struct kunit *test, u32 handle)
{
	struct ndshm_object *object = ndshm_handle_find(test->priv, handle);

	if (object)
		refcount_dec(&object->references);
	return object;
}

#endif /* _NDSHM_KUNIT_HANDLES_H */
