/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints. Arguments are numbers and not objects, because this room does not know those of
 * the rooms above.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ndshm

#if !defined(_NDSHM_BASE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _NDSHM_BASE_TRACE_H

#include <linux/cred.h>
#include <linux/ktime.h>
#include <linux/pid.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/uidgid.h>

#include <ndshm/status.h>

/* Room for the longest name of a reason, or of a kind of objects. */
#define NDSHM_TRACE_NAME	32

/*
 * Blocks. @pid: process that allocated it, 0 for the kernel.
 */

DECLARE_EVENT_CLASS(ndshm_block,
		    TP_PROTO(u32 block, u32 adapter, u32 provider, u64 bytes, kuid_t uid,
			     struct pid *pid),
		    TP_ARGS(block, adapter, provider, bytes, uid, pid),
		    TP_STRUCT__entry(__field(u32, block)
				     __field(u32, adapter)
				     __field(u32, provider)
				     __field(u64, bytes)
				     __field(uid_t, uid)
				     __field(pid_t, pid)),
		    TP_fast_assign(__entry->block = block;
				   __entry->adapter = adapter;
				   __entry->provider = provider;
				   __entry->bytes = bytes;
				   __entry->uid = __kuid_val(uid);
				   __entry->pid = pid_nr(pid);),
		    TP_printk("block=%u adapter=%u provider=%u bytes=%llu uid=%u pid=%d",
			      __entry->block, __entry->adapter, __entry->provider, __entry->bytes,
			      __entry->uid, __entry->pid));

DEFINE_EVENT(ndshm_block, ndshm_block_alloc,
	     TP_PROTO(u32 block, u32 adapter, u32 provider, u64 bytes, kuid_t uid, struct pid *pid),
	     TP_ARGS(block, adapter, provider, bytes, uid, pid));

DEFINE_EVENT(ndshm_block, ndshm_block_free,
	     TP_PROTO(u32 block, u32 adapter, u32 provider, u64 bytes, kuid_t uid, struct pid *pid),
	     TP_ARGS(block, adapter, provider, bytes, uid, pid));

DEFINE_EVENT(ndshm_block, ndshm_block_revoked,
	     TP_PROTO(u32 block, u32 adapter, u32 provider, u64 bytes, kuid_t uid, struct pid *pid),
	     TP_ARGS(block, adapter, provider, bytes, uid, pid));

/*
 * Sections. @bytes: MaxSize. The memory of a section consists of blocks.
 */

DECLARE_EVENT_CLASS(ndshm_section,
		    TP_PROTO(u32 section, u32 adapter, u64 bytes, kuid_t uid),
		    TP_ARGS(section, adapter, bytes, uid),
		    TP_STRUCT__entry(__field(u32, section)
				     __field(u32, adapter)
				     __field(u64, bytes)
				     __field(uid_t, uid)),
		    TP_fast_assign(__entry->section = section;
				   __entry->adapter = adapter;
				   __entry->bytes = bytes;
				   __entry->uid = __kuid_val(uid);),
		    TP_printk("section=%u adapter=%u bytes=%llu uid=%u", __entry->section,
			      __entry->adapter, __entry->bytes, __entry->uid));

DEFINE_EVENT(ndshm_section, ndshm_section_create,
	     TP_PROTO(u32 section, u32 adapter, u64 bytes, kuid_t uid),
	     TP_ARGS(section, adapter, bytes, uid));

DEFINE_EVENT(ndshm_section, ndshm_section_delete,
	     TP_PROTO(u32 section, u32 adapter, u64 bytes, kuid_t uid),
	     TP_ARGS(section, adapter, bytes, uid));

DEFINE_EVENT(ndshm_section, ndshm_section_free,
	     TP_PROTO(u32 section, u32 adapter, u64 bytes, kuid_t uid),
	     TP_ARGS(section, adapter, bytes, uid));

/*
 * Handlers of providers. @duration in nanoseconds; 0 if the event was enabled during the call.
 */

#define NDSHM_TRACE_ALLOCATE	0
#define NDSHM_TRACE_FREE	1

#define show_ndshm_handler(handler) \
	__print_symbolic(handler, { 0, "allocate" }, { 1, "free" })

/* Return: the time if the answer will be traced, else 0. */
#define ndshm_trace_start() \
	(trace_ndshm_provider_answer_enabled() ? ktime_get_ns() : 0)

TRACE_EVENT(ndshm_provider_call,
	    TP_PROTO(u32 handler, u32 provider, u32 adapter, u64 bytes),
	    TP_ARGS(handler, provider, adapter, bytes),
	    TP_STRUCT__entry(__field(u32, handler)
			     __field(u32, provider)
			     __field(u32, adapter)
			     __field(u64, bytes)),
	    TP_fast_assign(__entry->handler = handler;
			   __entry->provider = provider;
			   __entry->adapter = adapter;
			   __entry->bytes = bytes;),
	    TP_printk("handler=%s provider=%u adapter=%u bytes=%llu",
		      show_ndshm_handler(__entry->handler), __entry->provider, __entry->adapter,
		      __entry->bytes));

TRACE_EVENT(ndshm_provider_answer,
	    TP_PROTO(u32 handler, u32 provider, u32 adapter, ndshm_status_t status, u64 start),
	    TP_ARGS(handler, provider, adapter, status, start),
	    TP_STRUCT__entry(__field(u32, handler)
			     __field(u32, provider)
			     __field(u32, adapter)
			     __field(u32, status)
			     __field(u64, duration)),
	    TP_fast_assign(__entry->handler = handler;
			   __entry->provider = provider;
			   __entry->adapter = adapter;
			   __entry->status = (__force u32)status;
			   __entry->duration = start ? ktime_get_ns() - start : 0;),
	    TP_printk("handler=%s provider=%u adapter=%u status=0x%08x duration=%llu",
		      show_ndshm_handler(__entry->handler), __entry->provider, __entry->adapter,
		      __entry->status, __entry->duration));

/*
 * Requests that fail. The task is the requester, or executes an asynchronous request.
 */

TRACE_EVENT(ndshm_refuse,
	    TP_PROTO(ndshm_reason_t reason),
	    TP_ARGS(reason),
	    TP_STRUCT__entry(__field(u32, reason)
			     __field(u32, status)
			     __field(int, error)
			     __field(uid_t, uid)
			     __array(char, name, NDSHM_TRACE_NAME)),
	    TP_fast_assign(__entry->reason = (__force u32)reason;
			   __entry->status = (__force u32)ndshm_reason_status(reason);
			   __entry->error = ndshm_reason_errno(reason);
			   __entry->uid = __kuid_val(current_euid());
			   strscpy(__entry->name, ndshm_reason_name(reason), NDSHM_TRACE_NAME);),
	    TP_printk("reason=%u name=%s status=0x%08x error=%d uid=%u", __entry->reason,
		      __entry->name, __entry->status, __entry->error, __entry->uid));

/*
 * Revocation. The blocks of an adapter, a claim, a provider or a queue are revoked between begin
 * and end; a claim has the id of its adapter. @allocations: in the provider's handler at the begin.
 */

TRACE_EVENT(ndshm_revoke_begin,
	    TP_PROTO(const char *kind, u32 id, u32 allocations, u32 blocks, u64 bytes),
	    TP_ARGS(kind, id, allocations, blocks, bytes),
	    TP_STRUCT__entry(__array(char, kind, NDSHM_TRACE_NAME)
			     __field(u32, id)
			     __field(u32, allocations)
			     __field(u32, blocks)
			     __field(u64, bytes)),
	    TP_fast_assign(strscpy(__entry->kind, kind, NDSHM_TRACE_NAME);
			   __entry->id = id;
			   __entry->allocations = allocations;
			   __entry->blocks = blocks;
			   __entry->bytes = bytes;),
	    TP_printk("kind=%s id=%u allocations=%u blocks=%u bytes=%llu", __entry->kind,
		      __entry->id, __entry->allocations, __entry->blocks, __entry->bytes));

TRACE_EVENT(ndshm_revoke_end,
	    TP_PROTO(const char *kind, u32 id),
	    TP_ARGS(kind, id),
	    TP_STRUCT__entry(__array(char, kind, NDSHM_TRACE_NAME)
			     __field(u32, id)),
	    TP_fast_assign(strscpy(__entry->kind, kind, NDSHM_TRACE_NAME);
			   __entry->id = id;),
	    TP_printk("kind=%s id=%u", __entry->kind, __entry->id));

/*
 * What the revocation of an object waits for next: faults in flight, the @callback of the owner in
 * the kernel, or @count packets that were not returned.
 */

#define NDSHM_TRACE_FAULTS	0
#define NDSHM_TRACE_CALLBACK	1
#define NDSHM_TRACE_PACKETS	2

#define show_ndshm_cause(cause) \
	__print_symbolic(cause, { 0, "faults" }, { 1, "callback" }, { 2, "packets" })

TRACE_EVENT(ndshm_revoke_wait,
	    TP_PROTO(const char *kind, u32 id, u32 cause, u32 count, void *callback),
	    TP_ARGS(kind, id, cause, count, callback),
	    TP_STRUCT__entry(__array(char, kind, NDSHM_TRACE_NAME)
			     __field(u32, id)
			     __field(u32, cause)
			     __field(u32, count)
			     __field(void *, callback)),
	    TP_fast_assign(strscpy(__entry->kind, kind, NDSHM_TRACE_NAME);
			   __entry->id = id;
			   __entry->cause = cause;
			   __entry->count = count;
			   __entry->callback = callback;),
	    TP_printk("kind=%s id=%u cause=%s count=%u callback=%ps", __entry->kind, __entry->id,
		      show_ndshm_cause(__entry->cause), __entry->count, __entry->callback));

/*
 * Receive queues (kind 0) and virtual ports (kind 1), by the states of ndshm/queue.h.
 */

#define show_ndshm_state(kind, state) \
	__print_symbolic((kind) << 4 | (state), \
			 { 0x00, "undefined" }, { 0x01, "allocated" }, { 0x02, "set" }, \
			 { 0x03, "running" }, { 0x04, "paused" }, { 0x05, "stop-dma" }, \
			 { 0x06, "freeing" }, { 0x10, "undefined" }, { 0x11, "created" }, \
			 { 0x12, "active" }, { 0x13, "deleting" })

TRACE_EVENT(ndshm_queue_state,
	    TP_PROTO(u32 adapter, u32 kind, u32 id, u32 from, u32 to, u32 filters),
	    TP_ARGS(adapter, kind, id, from, to, filters),
	    TP_STRUCT__entry(__field(u32, adapter)
			     __field(u32, kind)
			     __field(u32, id)
			     __field(u32, from)
			     __field(u32, to)
			     __field(u32, filters)),
	    TP_fast_assign(__entry->adapter = adapter;
			   __entry->kind = kind;
			   __entry->id = id;
			   __entry->from = from;
			   __entry->to = to;
			   __entry->filters = filters;),
	    TP_printk("adapter=%u kind=%s id=%u from=%s to=%s filters=%u", __entry->adapter,
		      __print_symbolic(__entry->kind, { 0, "queue" }, { 1, "port" }), __entry->id,
		      show_ndshm_state(__entry->kind, __entry->from),
		      show_ndshm_state(__entry->kind, __entry->to), __entry->filters));

/* Asynchronous requests. @request identifies one until its end. @block: 0 without a block. */

TRACE_EVENT(ndshm_request_begin,
	    TP_PROTO(const void *request, u32 adapter, u64 length),
	    TP_ARGS(request, adapter, length),
	    TP_STRUCT__entry(__field(const void *, request)
			     __field(u64, length)
			     __field(u32, adapter)),
	    TP_fast_assign(__entry->request = request;
			   __entry->length = length;
			   __entry->adapter = adapter;),
	    TP_printk("adapter=%u length=%llu request=%p", __entry->adapter, __entry->length,
		      __entry->request));

TRACE_EVENT(ndshm_request_end,
	    TP_PROTO(const void *request, u32 adapter, u32 block, ndshm_reason_t reason),
	    TP_ARGS(request, adapter, block, reason),
	    TP_STRUCT__entry(__field(const void *, request)
			     __field(u32, adapter)
			     __field(u32, block)
			     __field(u32, reason)
			     __array(char, name, NDSHM_TRACE_NAME)),
	    TP_fast_assign(__entry->request = request;
			   __entry->adapter = adapter;
			   __entry->block = block;
			   __entry->reason = (__force u32)reason;
			   strscpy(__entry->name, ndshm_reason_name(reason), NDSHM_TRACE_NAME);),
	    TP_printk("adapter=%u block=%u reason=%u name=%s request=%p", __entry->adapter,
		      __entry->block, __entry->reason, __entry->name, __entry->request));

#endif /* _NDSHM_BASE_TRACE_H */

/* Kbuild adds this directory to the search path of trace.c. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
