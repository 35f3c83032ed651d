/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NDSHM_PAUSE_H
#define NDSHM_PAUSE_H

/* Let the other thread of the processor's core run while this one spins. */
static inline void ndshm__pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb");
#endif
}

#endif /* NDSHM_PAUSE_H */
