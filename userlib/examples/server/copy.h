/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copies between a section and private memory. The server accesses contents of the section
 * through these functions only.
 *
 * A range of the section may have no memory, or lose it during the access, which raises SIGBUS.
 * These functions therefore copy with process_vm_readv() and process_vm_writev(), which return
 * an error instead. They need no signal handler, a resource of the whole process, and are thread
 * safe.
 */
#ifndef COPY_H
#define COPY_H

#include <stdint.h>

#include <ndshm/section.h>

/* Returns 0 if the system calls work on this machine, else -errno. */
int copy_probe(void);

/*
 * -ERANGE: the range is not within the section. -EFAULT: a part of the range has no memory; some
 * bytes may have been copied.
 */
int copy_from(const struct ndshm_section *section, uint64_t offset, uint64_t length, void *to);
int copy_to(const struct ndshm_section *section, uint64_t offset, uint64_t length,
	    const void *from);

#endif /* COPY_H */
