// SPDX-License-Identifier: GPL-2.0
/*
 * The report of the largest holders when the machine runs out of memory. SysRq f makes the
 * kernel act as if it had. No process is killed, because the test exempts all of them.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

#define LOG		"/dev/kmsg"
#define REPORT		"ndshm: out of memory: "
#define END		"no killable processes"
#define EXEMPT		"-1000"

/* More users than the module ranks at a time, and others with more memory than these. */
#define SMALL		100
#define LARGE		7
#define FIRST_SMALL	1000000
#define FIRST_LARGE	2000000
#define LINES		5
#define PAGES		16

struct exemption {
	int pid;
	char score[16];
};

FIXTURE(oom) {
	int fd;
	int log;
	__u32 adapter;
	struct ndshm_nl nl;
	struct exemption exemptions[1024];
	unsigned int exempt;
};

static bool oom_score(int pid, char *old, size_t size, const char *new)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	return (!old || !ndshm_read_file(path, old, size)) && !ndshm_write_file(path, new);
}

/* Exempt the processes that are not. Return: true if there was one. */
static bool oom_exempt_some(struct _test_data_oom *self)
{
	struct exemption *each = self->exemptions + self->exempt;
	const struct exemption *first = each;
	DIR *directory = opendir("/proc");
	struct dirent *entry;

	while (directory && (entry = readdir(directory)) &&
	       each < self->exemptions + ARRAY_SIZE(self->exemptions)) {
		if (!isdigit(entry->d_name[0]))
			continue;
		each->pid = atoi(entry->d_name);
		if (oom_score(each->pid, each->score, sizeof(each->score), EXEMPT) &&
		    strcmp(each->score, EXEMPT))
			each++;
	}
	if (directory)
		closedir(directory);
	self->exempt = each - self->exemptions;
	return each != first;
}

/* Read the next line of ndshm, or the line that ends the kernel's own report. */
static bool oom_line(int log, char *line, size_t size)
{
	char record[8192], *text;
	ssize_t got;

	for (;;) {
		got = read(log, record, sizeof(record) - 1);
		if (got < 0 && errno == EPIPE)
			continue;
		if (got < 0)
			return false;
		record[got] = 0;
		text = strchr(record, ';');
		if (!text || (!strstr(text, "ndshm: ") && !strstr(text, END)))
			continue;
		text[strcspn(text, "\n")] = 0;
		snprintf(line, size, "%s", text + 1);
		return true;
	}
}

static bool oom_line_soon(int log, char *line, size_t size)
{
	return ndshm_soon(oom_line(log, line, size));
}

FIXTURE_SETUP(oom)
{
	struct ndshm_get_info_args info = get_info_request();
	char line[256] = "";

	if (geteuid())
		SKIP(return, "only root can run the machine out of memory");
	if (access("/proc/sysrq-trigger", W_OK))
		SKIP(return, "this kernel has no SysRq");
	self->log = open(LOG, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, self->log);
	while (oom_line(self->log, line, sizeof(line)))
		if (!strncmp(line, REPORT, strlen(REPORT)))
			SKIP(return, "the report was printed before");
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->adapter = info.out_default_adapter;
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	/* A process inherits the exemption, unless its parent was exempted later. */
	while (oom_exempt_some(self))
		;
	ASSERT_LT(0, self->exempt);
}

FIXTURE_TEARDOWN(oom)
{
	unsigned int i;

	for (i = 0; i < self->exempt; i++)
		oom_score(self->exemptions[i].pid, NULL, 0, self->exemptions[i].score);
	if (self->exempt) {
		ndshm_nl_close(&self->nl);
		close(self->fd);
	}
	close(self->log);
}

/* Memory of a user, as netlink shows it. */
struct usage {
	__u64 bytes;
	unsigned int blocks;
};

static struct usage usage_of(const struct ndshm_nl_block *blocks, int count, __u32 uid)
{
	struct usage usage = {};

	for (; count > 0; count--, blocks++) {
		if (uid != ~0U && blocks->uid != uid)
			continue;
		usage.bytes += blocks->consumed;
		usage.blocks++;
	}
	return usage;
}

TEST_F(oom, report)
{
	static struct ndshm_nl_block blocks[1024];
	struct ndshm_section_create_args create;
	char line[256], expected[256];
	struct usage usage;
	int client = -1, count, i;

	/* Clients stay open. */
	for (i = 0; i < SMALL; i++)
		test_new_block(ndshm_open_as(FIRST_SMALL + i, RLIM_INFINITY), self->adapter, 1);
	for (i = 0; i < LARGE; i++) {
		client = ndshm_open_as(FIRST_LARGE + i, RLIM_INFINITY);
		test_new_block(client, self->adapter, (PAGES << i) * page_size());
		test_new_block(client, self->adapter, 1);
	}
	create = section_create_request(self->adapter, 1 << 24, PAGES * page_size());
	ASSERT_EQ(0, seteuid(FIRST_LARGE + LARGE - 1));
	test_section_create(client, &create);
	ASSERT_EQ(0, seteuid(0));
	count = ndshm_nl_blocks(&self->nl, blocks, ARRAY_SIZE(blocks));
	ASSERT_LT(SMALL + 2 * LARGE, count);
	ASSERT_GE((int)ARRAY_SIZE(blocks), count);

	ASSERT_EQ(0, ndshm_write_file("/proc/sysrq-trigger", "f"));
	ASSERT_TRUE(oom_line_soon(self->log, line, sizeof(line)));
	usage = usage_of(blocks, count, ~0U);
	snprintf(expected, sizeof(expected),
		 REPORT "%llu KiB in %u blocks, 1 sections; largest holders:",
		 (unsigned long long)usage.bytes >> 10, usage.blocks);
	EXPECT_STREQ(expected, line);
	for (i = LARGE - 1; i >= LARGE - LINES; i--) {
		usage = usage_of(blocks, count, FIRST_LARGE + i);
		snprintf(expected, sizeof(expected),
			 "ndshm: user %u: %llu KiB in %u blocks, %u sections", FIRST_LARGE + i,
			 (unsigned long long)usage.bytes >> 10, usage.blocks, i == LARGE - 1);
		ASSERT_TRUE(oom_line_soon(self->log, line, sizeof(line)));
		EXPECT_STREQ(expected, line);
	}
	ASSERT_TRUE(oom_line_soon(self->log, line, sizeof(line)));
	EXPECT_NE(NULL, strstr(line, END));

	/* The second time is within ten minutes. */
	ASSERT_EQ(0, ndshm_write_file("/proc/sysrq-trigger", "f"));
	ASSERT_TRUE(oom_line_soon(self->log, line, sizeof(line)));
	EXPECT_NE(NULL, strstr(line, END));
	close(create.out_section);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
