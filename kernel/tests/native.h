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

static inline ndshm_reason_t
check_adapter_register(const struct ndshm_adapter_info *info,
		       struct ndshm_adapter **adapter)
{
	ndshm_reason_t reason = CHECK_BROKEN;
	struct ndshm_adapter *result = ndshm_adapter_register(info, &reason);

	*adapter = IS_ERR(result) ? NULL : result;
	return check_object(result, reason);
}

static inline ndshm_reason_t
check_provider_register(const struct ndshm_provider_characteristics *c,
			const struct ndshm_provider_ops *ops,
			enum ndshm_scope scope, struct ndshm_adapter *adapter,
			struct ndshm_provider **provider)
{
	ndshm_reason_t reason = CHECK_BROKEN;
	struct ndshm_provider *result;

	result = ndshm_provider_register(c, ops, scope, adapter, &reason);
	*provider = IS_ERR(result) ? NULL : result;
	return check_object(result, reason);
}

static inline ndshm_reason_t
check_provider_replace(struct ndshm_provider *provider,
		       const struct ndshm_provider_characteristics *c,
		       const struct ndshm_provider_ops *ops)
{
	ndshm_reason_t reason = CHECK_BROKEN;
	int error = ndshm_provider_replace(provider, c, ops, &reason);

	return check_reason(error, reason);
}

static inline ndshm_reason_t
check_provider_unregister(struct ndshm_provider *provider)
{
	ndshm_reason_t reason = CHECK_BROKEN;
	int error = ndshm_provider_unregister(provider, &reason);

	return check_reason(error, reason);
}

static inline ndshm_reason_t
check_allocate(struct ndshm_parameters *parameters, struct ndshm_block **block)
{
	ndshm_reason_t reason = CHECK_BROKEN;
	struct ndshm_block *result = ndshm_allocate(parameters, &reason);

	*block = IS_ERR(result) ? NULL : result;
	return check_object(result, reason);
}

static inline ndshm_reason_t check_sync(struct ndshm_block *block, u32 direction,
					u64 offset, u64 length)
{
	ndshm_reason_t reason = CHECK_BROKEN;
	int error = ndshm_sync(block, direction, offset, length, &reason);

	return check_reason(error, reason);
}

static inline ndshm_reason_t
check_packet_resolve(struct ndshm_adapter *adapter,
		     const struct ndshm_packet *packet,
		     struct ndshm_block **block, void **address)
{
	ndshm_reason_t reason = CHECK_BROKEN;
	struct ndshm_block *result;

	result = ndshm_packet_resolve(adapter, packet, address, &reason);
	*block = IS_ERR(result) ? NULL : result;
	return check_object(result, reason);
}

static inline ndshm_reason_t
check_allocate_async(struct ndshm_requests *requests,
		     struct ndshm_request *request)
{
	ndshm_reason_t reason = CHECK_BROKEN;
	int error = ndshm_allocate_async(requests, request, &reason);

	return check_reason(error, reason);
}

static inline ndshm_reason_t
check_request_cancel(struct ndshm_requests *requests, u64 cookie)
{
	ndshm_reason_t reason = CHECK_BROKEN;
	int error = ndshm_request_cancel(requests, cookie, &reason);

	return check_reason(error, reason);
}

static inline ndshm_reason_t
check_queue_allocate(struct ndshm_adapter *adapter,
		     const struct ndshm_queue_ops *ops, void *context, u32 *id)
{
	ndshm_reason_t reason = CHECK_BROKEN;
	int error = ndshm_queue_allocate(adapter, ops, context, id, &reason);

	return check_reason(error, reason);
}

static inline ndshm_reason_t
check_queue_allocate_configured(struct ndshm_adapter *adapter,
				const struct ndshm_queue_ops *ops, void *context,
				const struct ndshm_queue_config *config, u32 *id)
{
	ndshm_reason_t reason = CHECK_BROKEN;
	int error = ndshm_queue_allocate_configured(adapter, ops, context, config, id,
						    &reason);

	return check_reason(error, reason);
}

static inline ndshm_reason_t
check_queue_configure(struct ndshm_adapter *adapter, u32 id,
		      const struct ndshm_queue_config *config)
{
	ndshm_reason_t reason = CHECK_BROKEN;
	int error = ndshm_queue_configure(adapter, id, config, &reason);

	return check_reason(error, reason);
}

static inline ndshm_reason_t
check_queue_get_config(struct ndshm_adapter *adapter, u32 id,
		       struct ndshm_queue_config *config)
{
	ndshm_reason_t reason = CHECK_BROKEN;
	int error = ndshm_queue_get_config(adapter, id, config, &reason);

	return check_reason(error, reason);
}

static inline ndshm_reason_t
check_vport_create(struct ndshm_adapter *adapter,
		   const struct ndshm_queue_ops *ops, void *context, u32 *id)
{
	ndshm_reason_t reason = CHECK_BROKEN;
	int error = ndshm_vport_create(adapter, ops, context, id, &reason);

	return check_reason(error, reason);
}

#define CHECK_EVENT(name) \
static inline ndshm_reason_t check_##name(struct ndshm_adapter *adapter, \
					  u32 id) \
{ \
	ndshm_reason_t reason = CHECK_BROKEN; \
	int error = ndshm_##name(adapter, id, &reason); \
\
	return check_reason(error, reason); \
}

CHECK_EVENT(queue_set_filter)
CHECK_EVENT(queue_clear_filter)
CHECK_EVENT(queue_complete)
CHECK_EVENT(queue_free)
CHECK_EVENT(queue_dma_stopped)
CHECK_EVENT(vport_activate)
CHECK_EVENT(vport_delete)

static inline ndshm_reason_t
check_queue_query(struct ndshm_adapter *adapter, u32 id,
		  enum ndshm_queue_state *state, u32 *filters,
		  struct ndshm_queue_usage *usage)
{
	ndshm_reason_t reason = CHECK_BROKEN;
	int error = ndshm_queue_query(adapter, id, state, filters, usage,
				      &reason);

	return check_reason(error, reason);
}

static inline ndshm_reason_t
check_vport_query(struct ndshm_adapter *adapter, u32 id,
		  enum ndshm_vport_state *state, struct ndshm_queue_usage *usage)
{
	ndshm_reason_t reason = CHECK_BROKEN;
	int error = ndshm_vport_query(adapter, id, state, usage, &reason);

	return check_reason(error, reason);
}

#endif /* _NDSHM_TESTS_NATIVE_H */
