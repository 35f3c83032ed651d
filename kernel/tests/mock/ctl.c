// SPDX-License-Identifier: GPL-2.0
/*
 * Commands: one for each write, executed in the context of the writer. The write returns
 * the errno of the reason from ndshm. An invalid command is EINVAL, a name that this
 * module does not know is ENOENT, both with reason "none".
 *
 *	provider add NAME [machine | adapter=ADAPTER] [OPTION...]
 *	provider replace NAME [OPTION...] [name=NAME] [owner=null]
 *		OPTION: type=N revision=N size=N flags=N allocate=null free=null
 *		pfn=null sync=null name=null page closed unknown-flag
 *	provider del NAME
 *	provider revoke NAME
 *	adapter add NAME [closed]
 *	adapter del NAME
 *	script NAME KEY=VALUE...	see script.c
 *	script NAME reset
 *	block alloc SLOT ADAPTER PROVIDER|default LENGTH [KEY=VALUE...]	see block.c
 *	block free | get | put | release SLOT
 *	block sync SLOT DIRECTION OFFSET LENGTH
 *	queue add SLOT ADAPTER [KEY=VALUE...]	see queue.c
 *	queue configure SLOT [KEY=VALUE...]
 *	port add SLOT ADAPTER
 *	queue use SLOT ADAPTER ID	a queue, or none, with this id
 *	port use SLOT ADAPTER ID
 *	queue event SLOT filter|clear|complete|free|stopped
 *	port event SLOT activate|delete
 *	packet resolve SLOT ADAPTER HANDLE|block=SLOT OFFSET LENGTH [irq]	see packet.c
 *	packet put SLOT
 *	request ask SLOT ADAPTER PROVIDER|default LENGTH [type=N] [irq]	see request.c
 *	request told
 *	request end
 *	import attach | map | write | unmap | vmap | fill | vunmap | detach | mmap SLOT ...
 *					see import.c
 *	worker stop | wait | go | free		see worker.c
 *	fault NAME			see fault.c
 *	awake DEVICE			a PCI device; see awake.c
 *
 * The file `log` has the events since it was last read: s, b, f the queue callbacks stop,
 * free_blocks and freed; r a revocation callback; m a free of memory; p a put of a packet by a
 * command; and the number of the slot of a request that completes.
 */
#include <linux/fs.h>
#include <linux/irq_work.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "mock.h"

#define COMMAND_SIZE	512

static u32 last_reason;

static const struct verb {
	const char *first;
	const char *second;	/* NULL: any */
	unsigned int least;	/* minimum number of words */
	int (*carry_out)(struct mock_command *command);
} verbs[] = {
	{ "provider", "add", 3, mock_provider_add },
	{ "provider", "replace", 3, mock_provider_replace },
	{ "provider", "del", 3, mock_provider_del },
	{ "provider", "revoke", 3, mock_provider_revoke },
	{ "adapter", "add", 3, mock_adapter_add },
	{ "adapter", "del", 3, mock_adapter_del },
	{ "script", NULL, 3, mock_provider_script },
	{ "block", "alloc", 6, mock_block_alloc },
	{ "block", "free", 3, mock_block_free },
	{ "block", "get", 3, mock_block_get },
	{ "block", "put", 3, mock_block_put },
	{ "block", "release", 3, mock_block_release },
	{ "block", "sync", 6, mock_block_sync },
	{ "queue", "add", 4, mock_queue_add },
	{ "queue", "configure", 3, mock_queue_configure },
	{ "queue", "event", 4, mock_queue_event },
	{ "queue", "use", 5, mock_queue_use },
	{ "port", "use", 5, mock_queue_use },
	{ "port", "add", 4, mock_queue_add },
	{ "port", "event", 4, mock_queue_event },
	{ "packet", "resolve", 7, mock_packet_resolve },
	{ "packet", "put", 3, mock_packet_put },
	{ "request", "ask", 6, mock_request_ask },
	{ "request", "told", 2, mock_request_reported },
	{ "request", "end", 2, mock_request_end },
	{ "import", NULL, 3, mock_import },
	{ "worker", NULL, 2, mock_worker },
	{ "fault", NULL, 2, mock_fault },
	{ "awake", NULL, 2, mock_awake },
};

int mock_answer(struct mock_command *command, ndshm_reason_t reason)
{
	command->reason = reason;
	return ndshm_reason_errno(reason);
}

const char *mock_value(const char *word, const char *key)
{
	size_t length = strlen(key);

	return !strncmp(word, key, length) && word[length] == '=' ?
	       word + length + 1 : NULL;
}

bool mock_last_word(struct mock_command *command, const char *word)
{
	if (strcmp(command->word[command->words - 1], word))
		return false;
	command->words--;
	return true;
}

int mock_number(const char *text, u64 max, u64 *number)
{
	unsigned long long value;

	if (kstrtoull(text, 0, &value) || value > max)
		return -EINVAL;
	*number = value;
	return 0;
}

static int cut(struct mock_command *command, char *text)
{
	char *word;

	while ((word = strsep(&text, " \t\n"))) {
		if (!*word)
			continue;
		if (command->words == MOCK_WORDS)
			return -E2BIG;
		command->word[command->words++] = word;
	}
	return 0;
}

static int carry_out(struct mock_command *command)
{
	const struct verb *verb;

	for (verb = verbs; verb < verbs + ARRAY_SIZE(verbs); verb++)
		if (command->words >= verb->least &&
		    !strcmp(command->word[0], verb->first) &&
		    (!verb->second || !strcmp(command->word[1], verb->second)))
			return verb->carry_out(command);
	return -EINVAL;
}

static ssize_t ctl_write(struct file *file, const char __user *from,
			 size_t count, loff_t *position)
{
	struct mock_command command = { .reason = NDSHM_REASON_NONE };
	char text[COMMAND_SIZE];
	int ret;

	if (count >= sizeof(text))
		return -E2BIG;
	if (copy_from_user(text, from, count))
		return -EFAULT;
	text[count] = '\0';
	ret = cut(&command, text);
	if (!ret)
		ret = carry_out(&command);
	WRITE_ONCE(last_reason, (__force u32)command.reason);
	return ret ?: count;
}

const struct file_operations mock_ctl_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.write = ctl_write,
};

int mock_reason_show(struct seq_file *file, void *unused)
{
	seq_printf(file, "%s\n",
		   ndshm_reason_name((__force ndshm_reason_t)
				     READ_ONCE(last_reason)));
	return 0;
}

struct call {
	struct irq_work work;
	void (*function)(void *context);
	void *context;
};

static void call_run(struct irq_work *work)
{
	struct call *call = container_of(work, struct call, work);

	call->function(call->context);
}

void mock_in_interrupt(void (*function)(void *context), void *context)
{
	struct call call = {
		.work = IRQ_WORK_INIT_HARD(call_run), .function = function, .context = context,
	};

	irq_work_queue(&call.work);
	irq_work_sync(&call.work);
}

static DEFINE_RAW_SPINLOCK(log_lock);	/* protects log */
static char log[64];

void mock_note(char letter)
{
	unsigned long flags;
	size_t length;

	raw_spin_lock_irqsave(&log_lock, flags);
	length = strlen(log);
	if (length + 1 < sizeof(log))
		log[length] = letter;
	raw_spin_unlock_irqrestore(&log_lock, flags);
}

int mock_log_show(struct seq_file *file, void *unused)
{
	char copy[sizeof(log)];

	raw_spin_lock_irq(&log_lock);
	memcpy(copy, log, sizeof(log));
	memset(log, 0, sizeof(log));
	raw_spin_unlock_irq(&log_lock);
	seq_printf(file, "%s\n", copy);
	return 0;
}
