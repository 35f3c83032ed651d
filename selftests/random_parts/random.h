/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The random driver: programs of calls, in memory and as text.
 *
 *	as user
 *	open client=c0
 *	alloc client=c0 handle=h0 length=0x2000
 *	thread=1 fail=3 mmap client=c0 handle=h0 map=m0
 *
 * Each line is a call; an argument that is not given has its usual value. Calls store results in
 * registers and read them from there. Consecutive calls of threads 1 to 3 run concurrently. fail=N:
 * the Nth allocation or copy in the call fails.
 */
#ifndef _NDSHM_SELFTEST_RANDOM_H
#define _NDSHM_SELFTEST_RANDOM_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <linux/ndshm.h>

#include "kselftest.h"

/*
 * Chance
 */

struct chance {
	__u64 state;
};

__u64 chance_draw(struct chance *chance);

/* A number from 0 to @limit - 1. */
static inline unsigned int chance_below(struct chance *chance, unsigned int limit)
{
	return chance_draw(chance) % limit;
}

static inline bool chance_percent(struct chance *chance, unsigned int percent)
{
	return chance_below(chance, 100) < percent;
}

/*
 * Programs
 */

#define PROGRAM_CALLS	32
#define PROGRAM_VALUES	20	/* arguments of a call */
#define PROGRAM_TEXT	16384	/* enough for any program */
#define PROGRAM_MARK	"# program "	/* begins the line before a program's text */
#define THREADS		4

enum form {
	NUMBER,
	WORD,			/* @number is the index in the argument's words */
	REGISTER,
	USUAL,			/* as the builder of the request has it */
};

struct value {
	__u64 number;
	__u8 form;
};

struct call {
	__u8 kind;
	__u8 thread;
	__u16 fail;
	struct value values[PROGRAM_VALUES];
};

struct program {
	__u8 user;		/* run without privileges */
	__u8 count;
	struct call calls[PROGRAM_CALLS];
};

/**
 * struct argument - Possible values of an argument
 * @name: in the text
 * @class: of registers for the argument, or 0
 * @result: the call stores its result in the register
 * @words: names of values, terminated by NULL; or NULL
 * @number: it can be a number
 * @varies: a valid call often has one of @numbers
 * @numbers: numbers worth trying besides those that all arguments try
 * @count: number of @numbers
 * @usual: value if the text has none
 * @offset: of the member of a request
 * @width: of the member in bytes, or 0
 */
struct argument {
	const char *name;
	char class;
	bool result;
	const char *const *words;
	bool number;
	bool varies;
	const __u64 *numbers;
	unsigned int count;
	struct value usual;
	__u16 offset;
	__u16 width;
};

struct thread;

/**
 * struct kind - A kind of call
 * @name: in the text
 * @weight: relative frequency; 1: a slow kind; 0: a kind so slow that only programs derived from
 *	the corpus have it
 * @arguments: terminated by one without a name
 * @run: returns the result of the system call, or a negative errno
 * @possible: returns whether the machine has what the kind needs; NULL: always
 * @command: number of the ioctl
 * @done: stores the results of the ioctl, which succeeded
 */
struct kind {
	const char *name;
	unsigned int weight;
	const struct argument *arguments;
	long (*run)(struct thread *thread, const struct kind *kind, const struct value *values);
	bool (*possible)(void);
	unsigned long command;
	void (*done)(const struct value *values, void *request, bool reported);
};

#define NUMBERS(...) \
	.number = true, .numbers = (const __u64[]){ __VA_ARGS__ }, \
	.count = sizeof((const __u64[]){ __VA_ARGS__ }) / sizeof(__u64)

/* A register that the call reads, or one that it stores its result in. */
#define FROM(name_, class_) { .name = (name_), .class = (class_), .usual = { 0, REGISTER } }
#define TO(name_, class_) \
	{ .name = (name_), .class = (class_), .result = true, .usual = { 0, REGISTER } }
/* One of @words_, by default the one with the index @usual_. */
#define WORDS(name_, words_, usual_) \
	{ .name = (name_), .words = (words_), .usual = { (usual_), WORD } }
/* A number, by default @usual_, and others worth trying. */
#define ANY(name_, usual_, ...) \
	{ .name = (name_), NUMBERS(__VA_ARGS__), .usual = { (usual_), NUMBER } }
#define VARIES(name_, usual_, ...) \
	{ .name = (name_), .varies = true, NUMBERS(__VA_ARGS__), .usual = { (usual_), NUMBER } }
/* A place in memory. */
#define PLACE(name_, usual_) \
	{ .name = (name_), .class = 'm', .words = place_words, .usual = { (usual_), WORD } }

/* Functions in these tables need not use all of their parameters. */
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define KIND(name)	static const struct argument name##_arguments[]
#define RUN(name) \
static long run_##name(struct thread *thread, const struct kind *kind, const struct value *v)

/* Each array is terminated by a kind without a name. */
extern const struct kind command_kinds[], memory_kinds[], other_kinds[];

const struct kind *kind_at(unsigned int number);
unsigned int kind_count(void);
/* The number of the kind whose name is the first @length bytes of @name, or -1. */
int kind_find(const char *name, size_t length);

size_t call_print(const struct call *call, char *text, size_t size);
size_t program_print(const struct program *program, char *text, size_t size);
/* Return: NULL, or the error, with the number of its line in *@line. */
const char *program_parse(struct program *program, const char *text, unsigned int *line);

void program_generate(struct program *program, struct chance *chance);
void program_remove(struct program *program, unsigned int at, unsigned int count);
/* Make small changes, and append calls; copied calls come from @other. */
void program_mutate(struct program *program, const struct program *other, struct chance *chance);

/*
 * Coverage
 */

#define KCOV_FILE	"/sys/kernel/debug/kcov"
#define CORPUS_MOST	4096

int corpus_begin(void);
/* Read a file of programs. Return: the number of all, or -1 after printing the reason. */
int corpus_read(const char *path);
void corpus_write_to(const char *directory);
unsigned int corpus_count(void);
unsigned int corpus_places(void);
/* Return: true if there was a corpus and all of it was run. */
bool corpus_seeds_run(void);
/* Pick a program, newer ones more often. NULL: the corpus is empty. */
const struct program *corpus_pick(struct chance *chance);

/*
 * Evaluate the coverage of the last program; add what was new to what is known. Return: the number
 * of new pairs; a pair is a place and the place executed right before it in the same call.
 */
unsigned int corpus_look(void);
void corpus_known(void);

/*
 * Running
 */

/* Registers: clients, sections, holders, dma-bufs, sockets; handles, extents, mappings. */
#define CLASSES		"csodnhxm"
#define DESCRIPTORS	5	/* of the classes are descriptors */
#define REGISTERS	16
#define FEW		4	/* registers of a class of descriptors */
#define MEMLOCK		0x100000	/* RLIMIT_MEMLOCK of all processes */

/*
 * Each register for mappings has an address range of this size, and all mappings of a program are
 * in these ranges: so they can be found and unmapped after it.
 */
#define WINDOW		(32UL << 20)

struct handle {
	__u32 handle;
	__u32 id;		/* the shared memory handle */
	unsigned int client;	/* number of the client that has the handle */
	__u64 offset;
	__u64 length;
	__u64 address;		/* DMA address; 0 if edu must not use it (any more) */
	bool edu;		/* it is a block of the adapter edu */
};

/* @made, @section: the numbers of the holder and of its section, if the extent may live */
struct extent {
	__u64 offset;
	__u64 length;
	unsigned int made;
	unsigned int section;
};

enum place {
	PLACE_GOOD,
	PLACE_ODD,		/* not aligned */
	PLACE_HALF,		/* the second half is inaccessible */
	PLACE_READONLY,
	PLACE_SHARED,		/* the place that all threads share */
	PLACE_NULL,
	PLACE_GONE,		/* unmapped */
	PLACE_KERNEL,
	PLACE_END,		/* the last bytes of the address space */
	PLACE_STALL,		/* a write to it is delayed */
};

extern const char *const place_words[];

struct thread {
	unsigned int number;
	uid_t user;			/* its effective one */
	bool beside;			/* its call had nothing to do with ndshm */
	bool failing;			/* something in the kernel is to fail */
	int fail_fd;
	char *memory;			/* private to the thread */
	char *readonly;			/* the same memory, read-only */
	char *shared;			/* shared by all threads */
	size_t used;
	int kcov_fd;
	__u64 *kcov;			/* a count, followed by addresses; NULL without KCOV */
	sigjmp_buf *touching;		/* set while possibly revoked memory is accessed */
	char stack[64 << 10];		/* for signal handlers */
};

/* The block with this id, in a window. */
#define BLOCK_IN(id_)	(1ULL << 32 | (id_))

/* State shared by the calls of a program. Threads race for it deliberately. */
extern struct registers {
	int fds[DESCRIPTORS][FEW];
	unsigned int made[DESCRIPTORS][FEW];	/* number of the descriptor in the register */
	unsigned int section_of[FEW];	/* number of the section of a holder */
	struct handle handles[REGISTERS];
	struct extent extents[REGISTERS];
	bool strays;		/* descriptors exist that no register has */
	__u64 mapped;		/* bit n: window n must be cleaned */
	__u64 device;		/* bit n: window n has had memory of ndshm */
	__u64 sections;		/* bit n: window n has had a section, from its beginning on */
	__u64 object_in[REGISTERS];	/* number of the section in the window, or BLOCK_IN() */
	__u64 edu;		/* bit n: window n has a block of the adapter edu */
	__u64 dmabufs;		/* bit n: window n has a dma-buf */
	__u64 revoked;		/* bit n: what window n has was revoked */
	bool strayed;		/* the program wrote to a section where it has no extent */
	bool dma;		/* edu may be transferring */
	/* The following are set before the program runs. */
	bool bars;		/* it may map registers of devices */
	bool alone;		/* it has one thread and no child */
	bool mixed;		/* others than the program write to its memory */
	unsigned int common;	/* number of the section that all killed processes have */
	__u64 tag;		/* what the program writes */
} registers;

/* A process runs programs one after the other. Both return 0 or -errno. */
/* In the first process; in each that runs programs. */
int run_prepare(void);
int run_begin(void);
void run_program(const struct program *program);
/* Call @look with each thread's coverage of the last program. */
void run_coverage(void (*look)(const __u64 *pcs, __u64 count));
void run_verbose(void);

/*
 * Of a process that is killed, which does not restore the machine: the section that all of them
 * have in their last register.
 */
extern bool run_in_kills;
extern int run_section;
/* Called before each call of the first thread, and with the number of kinds after it. */
extern void (*run_before)(unsigned int kind);

/* For the kinds: the descriptor in a register, or -1; store one, and close the previous one. */
int fd_of(const struct argument *argument, const struct value *value);
int *fd_slot(char class, unsigned int number);
void fd_keep(char class, unsigned int number, int fd);

/* The addresses of a mapping register; mark windows as used, or as memory of ndshm. */
char *window_of(const struct value *value);
void window_mark(const char *address, size_t length);
void window_mark_device(const char *address, size_t length);
bool window_is_device(const char *address);

/*
 * Store @size bytes at the place @value and return the pointer for the call. *@seen is where the
 * kernel's answer can be read, or NULL.
 */
void *place_put(struct thread *thread, const struct value *value, const void *bytes, size_t size,
		void **seen);
/* Let a write to the place that stalls go on; called after the call. */
void place_end(const struct value *value);

/* A random store to a device could crash the machine. Return: true if a store is harmless. */
bool may_store(const char *address);

/* The windows of an object, or with 0 of the adapter edu, are revoked; or have other memory. */
void windows_revoke(__u64 object);
void window_forget(unsigned int number);

/* The program is about to write to the window. */
void window_store(const char *address, size_t length);

/* Access memory that may be revoked. Return: false if that was interrupted by a signal. */
bool guarded(struct thread *thread, void (*access)(void *context), void *context);
bool touch(struct thread *thread, char *address, size_t length, bool store);
/* Return: a word of the memory that is not zero nor, with @tagged, what the program wrote; or 0. */
__u64 page_other(const char *at, size_t size, bool tagged);
/* Look at all pages that are pinned, and unpin them. No other thread runs. */
void pins_end(void);

/* Memory may be freed from now on, so no known address may be used for DMA any more. */
void forget_addresses(void);

bool become(struct thread *thread, uid_t user);

/* The next calls are a child's. */
#define FORK_MOST	8
long child_fork(struct thread *thread, unsigned int calls, bool kill);
bool child_here(void);
long child_reap(pid_t pid);

/* Pass a descriptor through the mailbox of all processes; receive one of a class, or -1. */
long mail_send(char class, int fd);
int mail_receive(char *class);

/* A violation, whichever process finds it. */
void __printf(1, 2) wrong(const char *format, ...);
unsigned int wrong_count(void);

/*
 * Count the calls and successes of each kind: a kind that never succeeds tests nothing. In memory
 * that all processes share.
 */
struct tally {
	__u64 made;
	__u64 succeeded;
	__u64 nanoseconds;
	__u64 killed;
};

extern struct tally *tally;
int tally_begin(void);
__u64 tally_calls(void);
void tally_print(void);
unsigned int tally_missing(char *text, size_t size);

static inline void count(__u64 *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

/*
 * The machine: adapters, providers, devices, parameters. It is set up once, restored after each
 * program that changes it, and checked for leaks.
 */

/* Indices of the words that name them; an object may not exist at the moment. */
enum machine_adapter {
	MACHINE_NODE0,
	MACHINE_NODE1,
	MACHINE_EDU,
	MACHINE_NIC,
	MACHINE_A0,		/* the mock's */
	MACHINE_A1,
	MACHINE_GONE,		/* the id of a removed adapter */
	MACHINE_ADAPTERS
};

enum machine_provider {
	MACHINE_ANY,		/* id 0 */
	MACHINE_COHERENT,
	MACHINE_PAGES,
	MACHINE_P0,		/* the mock's */
	MACHINE_P1,
	MACHINE_PROVIDERS
};

extern const char *const machine_adapters[], *const machine_providers[];
extern struct ndshm_nl machine_nl;

/* Return 0, or -errno after printing the reason. */
int machine_begin(void);
/* Return: true if the modules could be unloaded; ndshm is loaded again. */
bool machine_end(void);
/* Make the calling process the one that restores the machine. */
void machine_mine(void);

/* Ids; 0: does not exist. Names as in the module, or NULL. */
__u32 machine_adapter(enum machine_adapter adapter);
__u32 machine_provider(enum machine_provider provider);
const char *machine_adapter_name(enum machine_adapter adapter);

bool machine_has_edu(void);
bool machine_has_function(void);
bool machine_has_mock(void);
bool machine_has_ndis(void);

/*
 * Operations of programs and their children; they return 0 or -errno and note the changes.
 * machine_restore() undoes the noted changes.
 */
long machine_mock(const char *command);
long machine_ndis(const char *step);
long machine_bind(enum machine_adapter adapter, bool bind);
long machine_parameter(const char *name, const char *value);
void machine_restore(void);

/* Return: true if the machine is as before the first program; otherwise @text says what is not. */
bool machine_clean(char *text, size_t size);

/*
 * Verdicts, in TAP
 */

bool verdict(bool good, const char *what, const char *text);

/* Store @program where a panic prints it. */
void record(unsigned long long number, const char *program);

/*
 * Run random programs, kill processes that run them, or run the programs of a file. Return: false
 * if a verdict is bad.
 */
struct options {
	__u64 seed;
	/* Limits that apply once the corpus has been run; 0: none. */
	__u64 calls;
	__u64 seconds;
	bool minimise;
	unsigned int kills;
	const char *replay;
};

bool batch_run(const struct options *options);
bool kills_run(const struct options *options);
bool replay_run(const char *path);

/* Begin to run programs in this process, or end it. */
void must_begin(void);

/* With kills: pages of the shared section that this process has, or loses; or all of them. */
void kills_own(__u64 offset, __u64 length, bool own);
void kills_disown(void);

#endif /* _NDSHM_SELFTEST_RANDOM_H */
