/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Between a section and private memory. Nothing else touches what others can change.
 *
 * A place within the section may have no memory, or lose it while it is read: to touch
 * it would be SIGBUS. So it is the kernel that copies, and answers with an error. That
 * needs no signal handler, which a process has only one of, and is the same in any
 * number of threads.
 */
#ifndef COPY_H
#define COPY_H

#include <stdint.h>

#include <ndshm/section.h>

/* Can it be done on this machine? -errno */
int copy_probe(void);

/*
 * -ERANGE: not within the section. -EFAULT: there is no memory, of all of it or of a
 * part, and some may have been copied.
 */
int copy_from(const struct ndshm_section *section, uint64_t offset, uint64_t length, void *to);
int copy_to(const struct ndshm_section *section, uint64_t offset, uint64_t length,
	    const void *from);

#endif /* COPY_H */
