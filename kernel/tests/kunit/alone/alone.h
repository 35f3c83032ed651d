/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Included before a file of logic and its suite: both are compiled into a module that
 * links to nothing of ndshm.ko and exports nothing.
 */
#ifndef _NDSHM_KUNIT_ALONE_H
#define _NDSHM_KUNIT_ALONE_H

#include <linux/build_bug.h>
#include <linux/export.h>

#undef EXPORT_SYMBOL_GPL
#undef EXPORT_SYMBOL_IF_KUNIT
#define EXPORT_SYMBOL_GPL(symbol) \
	static_assert(sizeof(typeof(symbol) *))
#define EXPORT_SYMBOL_IF_KUNIT EXPORT_SYMBOL_GPL

#define NDSHM_KUNIT_ALONE

#endif /* _NDSHM_KUNIT_ALONE_H */
