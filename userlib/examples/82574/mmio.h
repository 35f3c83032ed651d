/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Register access, and barriers for DMA. */
#ifndef MMIO_H
#define MMIO_H

#include <endian.h>
#include <stdint.h>

static inline uint32_t mmio_read(volatile void *bar, unsigned int offset)
{
	return le32toh(*(volatile uint32_t *)((volatile uint8_t *)bar + offset));
}

static inline void mmio_write(volatile void *bar, unsigned int offset, uint32_t value)
{
	*(volatile uint32_t *)((volatile uint8_t *)bar + offset) = htole32(value);
}

/*
 * Orders all earlier writes to memory before all later writes to registers, as the device sees
 * them. On arm64 a fence of the language does not suffice: it orders processors of one
 * shareability domain, and the device may be outside of it.
 */
static inline void mmio_release(void)
{
#ifdef __aarch64__
	__asm__ volatile("dmb oshst" ::: "memory");
#else
	__atomic_thread_fence(__ATOMIC_RELEASE);
#endif
}

/*
 * Loads a word that the device writes last. Later reads see everything that the device wrote
 * before it.
 */
static inline uint64_t mmio_load_acquire(const uint64_t *word)
{
	uint64_t value = le64toh(__atomic_load_n(word, __ATOMIC_ACQUIRE));

#ifdef __aarch64__
	__asm__ volatile("dmb oshld" ::: "memory");
#endif
	return value;
}

/* A single store, since the device may read a descriptor at any time. */
static inline void mmio_store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, htole64(value), __ATOMIC_RELAXED);
}

#endif /* MMIO_H */
