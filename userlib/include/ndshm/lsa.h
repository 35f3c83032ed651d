/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libndshm: sections under their Windows names. On Windows, security packages share
 * memory with their clients through four functions of the LSA (Local Security Authority).
 *
 * A section is identified by the address at which this process maps it, and its blocks
 * are allocated between this base and base + MaxSize (rounded up to pages). Functions
 * return NULL or FALSE on failure and set errno to a positive value; ndshm_last_reason()
 * has the reason if the caller passed a context to ndshm_lsa_table() before, and the call
 * was for a section of it.
 *
 * All functions but ndshm_lsa_release() are thread-safe. Using a section while another thread
 * deletes or closes it is undefined, as with free(), also if the deletion fails. Of several threads
 * that delete or close a section at a time, one does; others get EINVAL.
 *
 * A child of fork() inherits the mappings of its parent. It can read, write and allocate,
 * but cannot free blocks that the parent allocated. It can delete a section in which no other
 * process has blocks. Without the module only the creating process can allocate and delete: see
 * ndshm_section_create(). After ndshm_section_dont_fork() a child inherits nothing and must not
 * use the base, as a section of its own may have the same. After a fork() beside the deletion or
 * the close of a section the child has its mapping, but cannot name it.
 *
 * A child can also create and adopt sections, with the context of its parent until it calls
 * ndshm_lsa_release(): only then can it give one of its own to ndshm_lsa_table(), or close the
 * context that its parent gave.
 *
 * Addresses are valid in one process only. Pass a descriptor of the section
 * (ndshm_section_share()) and offsets from its base to other processes.
 */
#ifndef NDSHM_LSA_H
#define NDSHM_LSA_H

#include <stdint.h>

#include <ndshm/section.h>

/*
 * With NDSHM_LSA_PREFIX defined before the first inclusion, every type below has the
 * prefix NDSHM_ (NDSHM_ULONG, ...), and TRUE, FALSE, CreateSharedMemory() and the other
 * three inline functions are not defined. This is for files that include other headers
 * with these names: call ndshm_lsa_create() and its like.
 */
#ifdef NDSHM_LSA_PREFIX
#pragma push_macro("BOOLEAN")
#pragma push_macro("PVOID")
#pragma push_macro("ULONG")
#pragma push_macro("VOID")
#pragma push_macro("LSA_ALLOCATE_SHARED_MEMORY")
#pragma push_macro("LSA_CREATE_SHARED_MEMORY")
#pragma push_macro("LSA_DELETE_SHARED_MEMORY")
#pragma push_macro("LSA_FREE_SHARED_MEMORY")
#pragma push_macro("LSA_SECPKG_FUNCTION_TABLE")
#pragma push_macro("PLSA_ALLOCATE_SHARED_MEMORY")
#pragma push_macro("PLSA_CREATE_SHARED_MEMORY")
#pragma push_macro("PLSA_DELETE_SHARED_MEMORY")
#pragma push_macro("PLSA_FREE_SHARED_MEMORY")
#pragma push_macro("PLSA_SECPKG_FUNCTION_TABLE")
#pragma push_macro("_LSA_SECPKG_FUNCTION_TABLE")
#undef BOOLEAN
#undef PVOID
#undef ULONG
#undef VOID
#undef LSA_ALLOCATE_SHARED_MEMORY
#undef LSA_CREATE_SHARED_MEMORY
#undef LSA_DELETE_SHARED_MEMORY
#undef LSA_FREE_SHARED_MEMORY
#undef LSA_SECPKG_FUNCTION_TABLE
#undef PLSA_ALLOCATE_SHARED_MEMORY
#undef PLSA_CREATE_SHARED_MEMORY
#undef PLSA_DELETE_SHARED_MEMORY
#undef PLSA_FREE_SHARED_MEMORY
#undef PLSA_SECPKG_FUNCTION_TABLE
#undef _LSA_SECPKG_FUNCTION_TABLE
#define BOOLEAN NDSHM_BOOLEAN
#define PVOID NDSHM_PVOID
#define ULONG NDSHM_ULONG
#define VOID void
#define LSA_ALLOCATE_SHARED_MEMORY NDSHM_LSA_ALLOCATE_SHARED_MEMORY
#define LSA_CREATE_SHARED_MEMORY NDSHM_LSA_CREATE_SHARED_MEMORY
#define LSA_DELETE_SHARED_MEMORY NDSHM_LSA_DELETE_SHARED_MEMORY
#define LSA_FREE_SHARED_MEMORY NDSHM_LSA_FREE_SHARED_MEMORY
#define LSA_SECPKG_FUNCTION_TABLE NDSHM_LSA_SECPKG_FUNCTION_TABLE
#define PLSA_ALLOCATE_SHARED_MEMORY NDSHM_PLSA_ALLOCATE_SHARED_MEMORY
#define PLSA_CREATE_SHARED_MEMORY NDSHM_PLSA_CREATE_SHARED_MEMORY
#define PLSA_DELETE_SHARED_MEMORY NDSHM_PLSA_DELETE_SHARED_MEMORY
#define PLSA_FREE_SHARED_MEMORY NDSHM_PLSA_FREE_SHARED_MEMORY
#define PLSA_SECPKG_FUNCTION_TABLE NDSHM_PLSA_SECPKG_FUNCTION_TABLE
#define _LSA_SECPKG_FUNCTION_TABLE _NDSHM_LSA_SECPKG_FUNCTION_TABLE
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifndef NDSHM_LSA_PREFIX
#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif
#endif

/* No macro: another header may declare `typedef void VOID`. */
#ifndef VOID
typedef void VOID;
#endif
typedef void *PVOID;
typedef uint32_t ULONG;
typedef unsigned char BOOLEAN;

/*
 * Create a section of MaxSize bytes, of which InitialSize have memory from the start; the
 * rest gets memory as blocks are allocated. Returns the section's base, or NULL with
 * errno: EINVAL if MaxSize is 0 or less than InitialSize (which can be 0), ENOMEM, ...
 */
typedef PVOID (LSA_CREATE_SHARED_MEMORY)(ULONG MaxSize, ULONG InitialSize);

/*
 * Allocate a block of at least Size bytes, aligned to 16. Returns NULL with errno EINVAL
 * if Size is 0 or SharedMem is not the base of a section; ENOMEM, ENOSPC, EROFS, EIDRM,
 * ...
 */
typedef PVOID (LSA_ALLOCATE_SHARED_MEMORY)(PVOID SharedMem, ULONG Size);

/*
 * Free a block. A NULL pointer is ignored. If Memory is not a live block of this process,
 * nothing is freed and errno is EINVAL. Another error of ndshm_section_free() sets errno, too; without
 * an error it is unchanged.
 */
typedef VOID (LSA_FREE_SHARED_MEMORY)(PVOID SharedMem, PVOID Memory);

/*
 * Delete the section for all processes, free the blocks of this process, and unmap it
 * here. Returns FALSE, and the section stays mapped, with errno EINVAL if SharedMem is
 * not the base of a section, EBUSY while other holders have extents in it
 * (ndshm_section_delete() with NDSHM_DELETE_FORCE deletes it all the same), EIDRM if it
 * was deleted before, EPERM for a process that may not delete it.
 */
typedef BOOLEAN (LSA_DELETE_SHARED_MEMORY)(PVOID SharedMem);

typedef LSA_CREATE_SHARED_MEMORY *PLSA_CREATE_SHARED_MEMORY;
typedef LSA_ALLOCATE_SHARED_MEMORY *PLSA_ALLOCATE_SHARED_MEMORY;
typedef LSA_FREE_SHARED_MEMORY *PLSA_FREE_SHARED_MEMORY;
typedef LSA_DELETE_SHARED_MEMORY *PLSA_DELETE_SHARED_MEMORY;

/* The members of the Windows table that concern shared memory. */
typedef struct _LSA_SECPKG_FUNCTION_TABLE {
	PLSA_CREATE_SHARED_MEMORY CreateSharedMemory;
	PLSA_ALLOCATE_SHARED_MEMORY AllocateSharedMemory;
	PLSA_FREE_SHARED_MEMORY FreeSharedMemory;
	PLSA_DELETE_SHARED_MEMORY DeleteSharedMemory;
} LSA_SECPKG_FUNCTION_TABLE, *PLSA_SECPKG_FUNCTION_TABLE;

/*
 * Return the table of the four functions. A process has one context for creating
 * sections: that of the first call, until ndshm_lsa_release(). NULL selects the current
 * context, or else opens one, which ndshm_lsa_release() closes.
 *
 * Returns NULL with errno EBUSY if another context is in use, or with the error of
 * ndshm_open().
 */
const LSA_SECPKG_FUNCTION_TABLE *ndshm_lsa_table(struct ndshm *ndshm);

/*
 * Drop the context; call this before closing it, and while no other thread calls ndshm_lsa_table(),
 * _create() or _adopt(). Existing sections keep working.
 */
void ndshm_lsa_release(void);

/* The functions of the table, which use the context as ndshm_lsa_table(NULL) does. */
PVOID ndshm_lsa_create(ULONG MaxSize, ULONG InitialSize);
PVOID ndshm_lsa_allocate(PVOID SharedMem, ULONG Size);
VOID ndshm_lsa_free(PVOID SharedMem, PVOID Memory);
BOOLEAN ndshm_lsa_delete(PVOID SharedMem);

/*
 * Map a section created by another process. Needs no context. The caller keeps the
 * descriptor. Returns NULL with errno EBADF if fd is not a section, EIDRM, ...
 */
PVOID ndshm_lsa_adopt(int fd);

/*
 * Unmap the section and free the blocks of this process. The section stays for others. Sets errno to
 * EINVAL if SharedMem is not the base of a section.
 */
void ndshm_lsa_close(PVOID SharedMem);

/*
 * Return the section for calls of <ndshm/section.h>; it must not be closed. Returns NULL with errno
 * EINVAL if SharedMem is not the base of a section.
 */
struct ndshm_section *ndshm_lsa_section(PVOID SharedMem);

#ifndef NDSHM_LSA_PREFIX
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
#endif

#ifdef __cplusplus
}
#endif

#ifdef NDSHM_LSA_PREFIX
#pragma pop_macro("BOOLEAN")
#pragma pop_macro("PVOID")
#pragma pop_macro("ULONG")
#pragma pop_macro("VOID")
#pragma pop_macro("LSA_ALLOCATE_SHARED_MEMORY")
#pragma pop_macro("LSA_CREATE_SHARED_MEMORY")
#pragma pop_macro("LSA_DELETE_SHARED_MEMORY")
#pragma pop_macro("LSA_FREE_SHARED_MEMORY")
#pragma pop_macro("LSA_SECPKG_FUNCTION_TABLE")
#pragma pop_macro("PLSA_ALLOCATE_SHARED_MEMORY")
#pragma pop_macro("PLSA_CREATE_SHARED_MEMORY")
#pragma pop_macro("PLSA_DELETE_SHARED_MEMORY")
#pragma pop_macro("PLSA_FREE_SHARED_MEMORY")
#pragma pop_macro("PLSA_SECPKG_FUNCTION_TABLE")
#pragma pop_macro("_LSA_SECPKG_FUNCTION_TABLE")
#endif

#endif /* NDSHM_LSA_H */
