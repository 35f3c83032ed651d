/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libndshm: sections under the names that Windows has for them, where security
 * packages share memory with their clients through four functions of the LSA.
 *
 * A section is known by the address at which this process has it, and so are the
 * blocks that are allocated of it: within MaxSize, in whole pages, from there. What
 * fails says NULL or FALSE, and leaves a positive errno; ndshm_last_reason() of the
 * context, if one was given, says more.
 *
 * Any number of threads may call anything at a time. To use a section while
 * another thread deletes or closes it is the caller's mistake, as with free().
 *
 * After fork() a child has what its parent had mapped. It can read, write and
 * allocate; the blocks that the parent has allocated are not the child's to free.
 *
 * The addresses are one process's. What is passed between processes is a
 * descriptor of the section (ndshm_section_share()) and offsets from its base.
 */
#ifndef NDSHM_LSA_H
#define NDSHM_LSA_H

#include <stdint.h>

#include <ndshm/section.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef VOID
#define VOID void
#endif
#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif

typedef void *PVOID;
typedef uint32_t ULONG;
typedef unsigned char BOOLEAN;

/*
 * Reserve MaxSize bytes, of which InitialSize have memory from the start; more get it
 * as it is needed. -> the section's base. NULL: EINVAL for a MaxSize of 0 or a greater
 * InitialSize (0 is fine), ENOMEM, ...
 */
typedef PVOID (LSA_CREATE_SHARED_MEMORY)(ULONG MaxSize, ULONG InitialSize);

/*
 * A block of Size bytes at least, aligned to 16. NULL: EINVAL for a Size of 0 or what
 * is no base of a section; ENOMEM or ENOSPC, EROFS, EIDRM, ...
 */
typedef PVOID (LSA_ALLOCATE_SHARED_MEMORY)(PVOID SharedMem, ULONG Size);

/*
 * Nothing is done for a Memory of NULL, nor for what is no block that this process has
 * allocated and not freed (errno is EINVAL then, and else as it was).
 */
typedef VOID (LSA_FREE_SHARED_MEMORY)(PVOID SharedMem, PVOID Memory);

/*
 * Let the section end, for everybody, with all blocks that this process has of it, and
 * unmap it here. FALSE: EINVAL for what is no base of a section, EBUSY while others have
 * memory of it (ndshm_section_delete() can force that), EIDRM if it was deleted
 * before; it stays mapped then.
 */
typedef BOOLEAN (LSA_DELETE_SHARED_MEMORY)(PVOID SharedMem);

typedef LSA_CREATE_SHARED_MEMORY *PLSA_CREATE_SHARED_MEMORY;
typedef LSA_ALLOCATE_SHARED_MEMORY *PLSA_ALLOCATE_SHARED_MEMORY;
typedef LSA_FREE_SHARED_MEMORY *PLSA_FREE_SHARED_MEMORY;
typedef LSA_DELETE_SHARED_MEMORY *PLSA_DELETE_SHARED_MEMORY;

/* Those members of the table of Windows that are about shared memory. */
typedef struct _LSA_SECPKG_FUNCTION_TABLE {
	PLSA_CREATE_SHARED_MEMORY CreateSharedMemory;
	PLSA_ALLOCATE_SHARED_MEMORY AllocateSharedMemory;
	PLSA_FREE_SHARED_MEMORY FreeSharedMemory;
	PLSA_DELETE_SHARED_MEMORY DeleteSharedMemory;
} LSA_SECPKG_FUNCTION_TABLE, *PLSA_SECPKG_FUNCTION_TABLE;

/*
 * The four functions, for the context whose sections they make. A process has one: that
 * of the first call, until ndshm_lsa_release(). NULL asks for the one there is, or
 * else for one that the library opens, and closes at the release.
 *
 * NULL: EBUSY, there is another; or why ndshm_open() fails.
 */
const LSA_SECPKG_FUNCTION_TABLE *ndshm_lsa_table(struct ndshm *ndshm);

/* Before the context is closed. Sections that were made stay, and go on working. */
void ndshm_lsa_release(void);

/* The same four, which are of the context there is, as that of ndshm_lsa_table(NULL). */
PVOID ndshm_lsa_create(ULONG MaxSize, ULONG InitialSize);
PVOID ndshm_lsa_allocate(PVOID SharedMem, ULONG Size);
VOID ndshm_lsa_free(PVOID SharedMem, PVOID Memory);
BOOLEAN ndshm_lsa_delete(PVOID SharedMem);

/*
 * What a client does instead of creating: map a section that it was passed, which needs
 * no context. The descriptor stays the caller's. NULL: EBADF, no section's; EIDRM, ...
 */
PVOID ndshm_lsa_adopt(int fd);

/* Give back what this process has of a section, which goes on for the others. */
void ndshm_lsa_close(PVOID SharedMem);

/* For what the four cannot do; it is not to be closed. NULL: no base of a section. */
struct ndshm_section *ndshm_lsa_section(PVOID SharedMem);

static inline PVOID CreateSharedMemory(ULONG MaxSize, ULONG InitialSize)
{
	return ndshm_lsa_create(MaxSize, InitialSize);
}

static inline PVOID AllocateSharedMemory(PVOID SharedMem, ULONG Size)
{
	return ndshm_lsa_allocate(SharedMem, Size);
}

static inline VOID FreeSharedMemory(PVOID SharedMem, PVOID Memory)
{
	ndshm_lsa_free(SharedMem, Memory);
}

static inline BOOLEAN DeleteSharedMemory(PVOID SharedMem)
{
	return ndshm_lsa_delete(SharedMem);
}

#ifdef __cplusplus
}
#endif

#endif /* NDSHM_LSA_H */
