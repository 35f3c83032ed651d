/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The native functions, for tests: each wrapper makes one call, checks that the result and
 * the reason agree, and returns the reason. The object is NULL after a failure.
 */
#ifndef _NDSHM_TESTS_NATIVE_H
#define _NDSHM_TESTS_NATIVE_H

#include <linux/bug.h>
#include <linux/err.h>

#include <ndshm/adapter.h>
#include <ndshm/block.h>
#include <ndshm/packet.h>
#include <ndshm/provider.h>
#include <ndshm/queue.h>
#include <ndshm/request.h>

/* No function may leave or return this: no test expects it. */
#define CHECK_BROKEN	((__force ndshm_reason_t)U32_MAX)

static inline ndshm_reason_t check_reason(int error, ndshm_reason_t reason)
{
	return WARN_ON_ONCE(reason == CHECK_BROKEN ||
			    error != ndshm_reason_errno(reason)) ?
	       CHECK_BROKEN : reason;
}

/* A function with an object returns it or an ERR_PTR(), never NULL. */
static inline ndshm_reason_t check_object(const void *object,
					  ndshm_reason_t reason)
{
	return WARN_ON_ONCE(!object) ? CHECK_BROKEN :
	       check_reason(PTR_ERR_OR_ZERO(object), reason);
}

/* @arguments are those of the call, in parentheses, without the reason. */
#define CHECK_CALL(name, arguments, ...) \
static inline ndshm_reason_t check_##name arguments \
{ \
	ndshm_reason_t reason = CHECK_BROKEN; \
	int error = ndshm_##name(__VA_ARGS__, &reason); \
\
	return check_reason(error, reason); \
}

/* Of a call that returns an object, which @object is to point to. */
#define CHECK_OBJECT(name, type, object, arguments, ...) \
static inline ndshm_reason_t check_##name arguments \
{ \
	ndshm_reason_t reason = CHECK_BROKEN; \
	struct type *result = ndshm_##name(__VA_ARGS__, &reason); \
\
	*(object) = IS_ERR(result) ? NULL : result; \
	return check_object(result, reason); \
}

CHECK_OBJECT(adapter_register, ndshm_adapter, adapter,
	     (const struct ndshm_adapter_info *info, struct ndshm_adapter **adapter), info)
CHECK_OBJECT(provider_register, ndshm_provider, provider,
	     (const struct ndshm_provider_characteristics *c, const struct ndshm_provider_ops *ops,
	      enum ndshm_scope scope, struct ndshm_adapter *adapter,
	      struct ndshm_provider **provider), c, ops, scope, adapter)
CHECK_CALL(provider_replace,
	   (struct ndshm_provider *provider, const struct ndshm_provider_characteristics *c,
	    const struct ndshm_provider_ops *ops), provider, c, ops)
CHECK_CALL(provider_unregister, (struct ndshm_provider *provider), provider)
CHECK_OBJECT(allocate, ndshm_block, block,
	     (struct ndshm_parameters *parameters, struct ndshm_block **block), parameters)
CHECK_CALL(sync, (struct ndshm_block *block, u32 direction, u64 offset, u64 length),
	   block, direction, offset, length)
CHECK_OBJECT(packet_resolve, ndshm_block, block,
	     (struct ndshm_adapter *adapter, const struct ndshm_packet *packet,
	      struct ndshm_block **block, void **address), adapter, packet, address)
CHECK_CALL(allocate_async, (struct ndshm_requests *requests, struct ndshm_request *request),
	   requests, request)

CHECK_CALL(queue_allocate,
	   (struct ndshm_adapter *adapter, const struct ndshm_queue_ops *ops, void *context,
	    u32 *id), adapter, ops, context, id)
CHECK_CALL(queue_allocate_configured,
	   (struct ndshm_adapter *adapter, const struct ndshm_queue_ops *ops, void *context,
	    const struct ndshm_queue_config *config, u32 *id), adapter, ops, context, config, id)
CHECK_CALL(queue_configure,
	   (struct ndshm_adapter *adapter, u32 id, const struct ndshm_queue_config *config),
	   adapter, id, config)
CHECK_CALL(vport_create,
	   (struct ndshm_adapter *adapter, const struct ndshm_queue_ops *ops, void *context,
	    u32 *id), adapter, ops, context, id)

#define CHECK_EVENT(name) \
	CHECK_CALL(name, (struct ndshm_adapter *adapter, u32 id), adapter, id)
CHECK_EVENT(queue_set_filter)
CHECK_EVENT(queue_clear_filter)
CHECK_EVENT(queue_complete)
CHECK_EVENT(queue_free)
CHECK_EVENT(queue_dma_stopped)
CHECK_EVENT(vport_activate)
CHECK_EVENT(vport_delete)

#endif /* _NDSHM_TESTS_NATIVE_H */
