/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Assertions about the NDIS headers.
 */
#ifndef _NDSHM_NDIS_LAYOUT_H
#define _NDSHM_NDIS_LAYOUT_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/stringify.h>

#define NOTHING_IS(name)	static_assert(sizeof(__stringify(name)) == 1)

#define TYPE_IS(name, type)	static_assert(__same_type(name, type))

/* Also the pointer to it, whose name has a P in front. */
#define TYPES_ARE(name, type) \
	static_assert(__same_type(name, type) && __same_type(P##name, type *))

#define INTEGER_IS(name, bytes, is_signed) \
	static_assert(sizeof(name) == (bytes) && ((name)-1 < 0) == (is_signed) && \
		      __same_type(P##name, name *))

#define SIZE_IS(type, size)	static_assert(sizeof(type) == (size))
#define MEMBER_IS(type, member, member_type, offset) \
	static_assert(offsetof(type, member) == (offset) && \
		      __same_type(((type *)0)->member, member_type))

/*
 * The tag of a structure or union is its name behind _. Its size, and its members, each as
 * M(name, type, offset).
 */
#define STRUCT_IS(type, size, members)	LAYOUT_IS(struct, type, size, members)
#define UNION_IS(type, size, members)	LAYOUT_IS(union, type, size, members)
#define LAYOUT_IS(kind, type, size, members) \
	TYPES_ARE(type, kind _##type); \
	static void __maybe_unused type##_layout(type *layout) { members; } \
	SIZE_IS(type, size)
#define M(member, member_type, offset)	MEMBER_IS(typeof(*layout), member, member_type, offset)

/* The number of a revision, and the size of a structure with it. */
#define REVISION_IS(name, revision, size) \
	static_assert(NDIS_##name##_REVISION_##revision == (revision) && \
		      NDIS_SIZEOF_##name##_REVISION_##revision == (size))

#define VALUE_IS(name, value)	static_assert((name) == (value))

#define PROTOTYPE_IS(name, result, ...) \
	static_assert(__same_type(name, result (__VA_ARGS__)))

#endif /* _NDSHM_NDIS_LAYOUT_H */
