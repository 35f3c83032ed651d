// SPDX-License-Identifier: GPL-2.0
/*
 * Events of sections and of exceeded limits, with a listener: the operation
 * must succeed even if its event cannot be sent.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/capability.h>

#include "mock.h"
#include "ndshm_proc.h"

static struct fail_nth_client *const of = &fail_nth_of;

static int section = -1, holder = -1;

static struct ndshm_section_create_args create;
static struct ndshm_section_delete_args deletion;

static void close_it(int *fd)
{
	if (*fd >= 0)
		fail_nth_expect(!close(*fd));
	*fd = -1;
}

static void clean(void)
{
	fail_nth_deaf();
	close_it(&holder);
	close_it(&section);
	fail_nth_close();
}

/*
 * Sections
 */

static bool setup_create(void)
{
	if (!fail_nth_open())
		return false;
	create = (struct ndshm_section_create_args){
		.size = sizeof(create),
		.adapter = of->adapter,
		.max_size = 4 * getpagesize(),
		.preferred_node = NDSHM_NODE_ANY,
	};
	return true;
}

static int call_create(void)
{
	int ret = fail_nth_ioctl(NDSHM_SECTION_CREATE, &create);

	if (!ret)
		section = create.out_section;
	return ret;
}

static bool make(void)
{
	return setup_create() && fail_nth_expect(!call_create());
}

static bool setup_create_heard(void)
{
	return setup_create() && fail_nth_listen();
}

/* If the descriptor failed, the section was already announced and then removed. */
static void check_create_heard(int error)
{
	if (!error)
		fail_nth_heard(0, NDSHM_CMD_SECTION_ADDED_NTF);
	else
		fail_nth_forget_events();
}

static void undo_create(void)
{
	close_it(&section);
	fail_nth_forget_events();
}

static bool setup_delete_heard(void)
{
	struct ndshm_section_attach_args attach = { .size = sizeof(attach) };

	if (!make() ||
	    !fail_nth_expect(!ioctl(section, NDSHM_SECTION_ATTACH, &attach)))
		return false;
	holder = attach.out_holder;
	deletion = (struct ndshm_section_delete_args){
		.size = sizeof(deletion), .holder = holder,
	};
	return fail_nth_listen();
}

static int call_delete(void)
{
	return ioctl(section, NDSHM_SECTION_DELETE, &deletion) ? -errno : 0;
}

static void check_delete_heard(int error)
{
	struct ndshm_section_query_args query = { .size = sizeof(query) };

	fail_nth_heard(error, NDSHM_CMD_SECTION_DELETED_NTF);
	if (error && fail_nth_expect(!ioctl(section, NDSHM_SECTION_QUERY, &query)))
		fail_nth_expect(query.out_holders == 1);
}

static bool setup_gone_heard(void)
{
	return make() && fail_nth_listen();
}

static int call_close(void)
{
	int fd = section;

	section = -1;
	return close(fd) ? -errno : 0;
}

static void check_gone_heard(int error)
{
	fail_nth_heard(error, NDSHM_CMD_SECTION_GONE_NTF);
}

/*
 * Limits
 */

#define PAGES	8

static __u32 user;

static void unlimit(void)
{
	const struct ndshm_nl_quota_change usual = { .reset = 8 };

	fail_nth_expect(!ndshm_nl_set_quota(&fail_nth_nl, user, &usual));
	fail_nth_expect(ndshm_set_capability(CAP_SYS_RESOURCE, true));
}

static void clean_exceeded(void)
{
	clean();
	unlimit();
}

static bool setup_exceeded(void)
{
	struct ndshm_nl_quota_change change = { .set = 8 };
	struct ndshm_nl_quota quota;

	user = getuid();
	if (!fail_nth_open() ||
	    !fail_nth_expect(!ndshm_nl_quota(&fail_nth_nl, user, &quota)))
		return false;
	change.limits[3] = quota.amounts[3] + getpagesize();
	fail_nth_alloc_request(of->adapter, 0, PAGES * getpagesize(), 1);
	return fail_nth_expect(ndshm_set_capability(CAP_SYS_RESOURCE, false)) &&
	       fail_nth_expect(!ndshm_nl_set_quota(&fail_nth_nl, user,
						   &change)) &&
	       fail_nth_listen();
}

/* The expected refusal counts as the success of this command. */
static int call_exceeded(void)
{
	int ret = fail_nth_call_alloc();

	return !ret ? -EIO : ret == -EDQUOT ? 0 : ret;
}

static void check_exceeded(int error)
{
	fail_nth_check_alloc(error ? error : EDQUOT);
	/* The failing attempts may have caused several events. */
	if (error)
		fail_nth_forget_events();
	else
		fail_nth_heard(0, NDSHM_CMD_QUOTA_EXCEEDED_NTF);
}

static const struct fail_nth_command commands[] = {
	{
		.name = "section-create-heard",
		.errors = { ENOMEM, EFAULT, ENFILE },
		.setup = setup_create_heard, .call = call_create,
		.check = check_create_heard, .undo = undo_create,
		.clean = clean,
	}, {
		.name = "section-delete-heard", .errors = { EFAULT },
		.setup = setup_delete_heard, .call = call_delete,
		.check = check_delete_heard, .clean = clean,
	}, {
		.name = "section-gone-heard",
		.setup = setup_gone_heard, .call = call_close,
		.check = check_gone_heard, .clean = clean,
	}, {
		.name = "quota-exceeded-heard", .errors = { ENOMEM, EFAULT },
		.setup = setup_exceeded, .call = call_exceeded,
		.check = check_exceeded, .clean = clean_exceeded,
	},
};

const struct fail_nth_group fail_nth_events = {
	.name = "events",
	.commands = commands,
	.count = ARRAY_SIZE(commands),
	.state = fail_nth_client_state,
};
