/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Instructions of allocators, side by side.
 */
#ifndef _NDSHM_BENCH_H
#define _NDSHM_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#define KIB	1024UL
#define MIB	(1024 * KIB)

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/*
 * measure.c: one number from many rounds
 */

/**
 * struct figure - instructions of one thing, over its rounds
 * @error: 0, or why it could not be measured (an errno; then the rest is 0)
 */
struct figure {
	int error;
	unsigned int rounds;
	double median;
	double mean;
	double min;
	double max;
};

/* The clock, which counts instructions. */
__u64 now(void);

/* Is it so? And what does reading it cost? To be called first. */
bool clock_counts_instructions(void);

/* Sorts @samples; @overhead is taken off each. */
struct figure figure_of(__u64 *samples, unsigned int rounds,
			double overhead);

/*
 * Carry @once out until it has settled, then @rounds times. It returns 0 or a
 * negative errno.
 */
struct figure measure(int (*once)(void *argument), void *argument,
		      unsigned int rounds);

/* The part between two readings of the clock that is not the thing measured. */
double clock_overhead(void);

/*
 * kernel.c: what is measured in the kernel
 */

int kernel_open(void);
void kernel_close(void);
bool kernel_init_on_alloc(void);
struct figure kernel_measure(const char *name, size_t length,
			     unsigned int rounds);
/* So many blocks of a kernel driver's live from now on. 0 or a negative errno. */
int kernel_live(unsigned int count);

/*
 * Peers, one a file
 */

/**
 * struct buffer - an allocation
 * @length: in bytes, set by the caller
 * @address: where it is mapped
 * @offset: for mmap
 * @fd: descriptors that hold it
 * @handle: a name that is no descriptor
 */
struct buffer {
	size_t length;
	void *address;
	__u64 offset;
	int fd[2];
	__u32 handle;
};

/**
 * struct peer - an allocator; everything returns 0 or a negative errno
 * @name: for the tables
 * @open: get ready
 * @close: the opposite, if there is any
 * @allocate: have memory; absent if mapping is the same thing
 * @map: let the process reach it
 * @unmap: the opposite
 * @free: of @allocate
 * @batch: allocate @count at once, and free them; absent if it cannot
 * @least: shortest length
 * @cleared: times that memory is zeroed page by page, whatever the kernel's
 *	settings
 * @twice_from: lengths from this on are zeroed so once more where the page
 *	allocator zeroes by itself; 0 if none is
 * @set: times that memory is zeroed by memset
 */
struct peer {
	const char *name;
	int (*open)(void);
	void (*close)(void);
	int (*allocate)(struct buffer *buffer);
	int (*map)(struct buffer *buffer);
	int (*unmap)(struct buffer *buffer);
	int (*free)(struct buffer *buffer);
	int (*batch)(size_t length, unsigned int count);
	size_t least;
	unsigned int cleared;
	size_t twice_from;
	unsigned int set;
};

extern const struct peer ndshm_peer;
extern const struct peer pages_peer;
extern const struct peer section_peer;
extern const struct peer dma_heap_peer;
extern const struct peer udmabuf_peer;
extern const struct peer hugetlb_peer;
extern const struct peer anon_peer;

/* A command that only asks, for the price of the way into the module. */
int ndshm_get_info(void *unused);

/* Shared memory of @fd at @offset. */
int map_fd(struct buffer *buffer, int fd);
int unmap(struct buffer *buffer);

/*
 * table.c: figures, collected and shown
 */

/**
 * struct row - a figure and what it belongs to
 * @what: the cycle
 * @who: whose
 * @length: bytes of memory, or 0
 * @raw: as measured
 * @zeroing: the part of it that is zeroing
 */
struct row {
	const char *what;
	const char *who;
	size_t length;
	struct figure raw;
	double zeroing;
};

void table_add(const char *what, const char *who, size_t length,
	       const struct figure *raw, double zeroing);

/* NULL if there is none, or it could not be measured. */
const struct row *table_find(const char *what, const char *who, size_t length);

static inline double row_net(const struct row *row)
{
	return row->raw.median - row->zeroing;
}

/* The figures of one cycle; raw, net of zeroing, net as a multiple of @base. */
enum table_kind { TABLE_RAW, TABLE_NET, TABLE_RATIO };

void table_print(const char *what, enum table_kind kind, const char *base);

/* Everything that could not be measured, and why. */
void table_print_errors(void);

/*
 * verdict.c: what the figures must be
 */

enum result { RESULT_PASS, RESULT_FAIL, RESULT_SKIP };

/**
 * struct verdict - a target, and what became of it
 * @who: whose figure
 * @what: the cycle
 * @length: bytes of memory
 * @base: who is compared with, or NULL: nobody
 * @base_what: in another cycle, or NULL: in the same
 * @times: as many times @base, or 0: once
 * @allowed: instructions above that
 * @raw: zeroing counts as well
 * @difference: instructions above @times @base
 * @result: RESULT_SKIP if one of the two was not measured
 */
struct verdict {
	const char *who;
	const char *what;
	size_t length;
	const char *base;
	const char *base_what;
	double times;
	double allowed;
	bool raw;
	double difference;
	enum result result;
};

extern struct verdict verdicts[];
extern const unsigned int verdict_count;

const char *verdict_word(const struct verdict *verdict);

void verdicts_decide(void);
void verdicts_print(void);

/* The program's exit code: 0, 1 for a failure, 4 if something was skipped. */
int verdicts_exit(void);

/* json.c: all of it for machines. 0 or a negative errno. */
int json_write(const char *path);

/*
 * bench.c: the cycles, by the names that tables and verdicts know them by
 */

#define LIVE	100
#define BATCH	16

#define CYCLE		"allocate, map, touch every page, unmap, free"
#define SHOWN		"map, touch every page, unmap"
#define UNMAPPED	"allocate, free"
#define UNMAPPED_LIVE	"allocate, free, with 100 others live"
#define BATCH_LIVE	"allocate 16 at once, free each, with 100 others live (a block)"
#define DRIVER		"a driver's allocate, free, with 1,000 others live"
#define DRIVER_MANY	"a driver's allocate, free, with 100,000 others live"
#define DRIVER_LIVE	1000
#define DRIVER_MANY_LIVE	100000
#define IOCTL		"an ioctl that does nothing"
#define ZEROING		"zeroing"

/* No peers, but rows: dma_alloc_coherent() and dma_free_coherent(), and two contracts. */
#define BARE		"bare coherent"
#define NATIVE		"ndshm_allocate"
#define NDIS		"NdisAllocateSharedMemory"

#endif /* _NDSHM_BENCH_H */
