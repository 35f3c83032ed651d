// SPDX-License-Identifier: GPL-2.0
/*
 * no_call CALL ERRNO COMMAND...: run a command for which a system call fails with this number: kcmp,
 * as in many containers, or netlink, which is socket() with AF_NETLINK.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(member)	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define UNLESS(value, skip)	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)
#define ALLOW		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

int main(int argc, char **argv)
{
	const unsigned int error = argc > 3 ? atoi(argv[2]) : 0;
	struct sock_filter kcmp[] = {
		LOAD(nr), UNLESS(SYS_kcmp, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error), ALLOW,
	}, netlink[] = {
		LOAD(nr), UNLESS(SYS_socket, 3),
		/* The low half of the argument, on little-endian machines. */
		LOAD(args[0]), UNLESS(AF_NETLINK, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error), ALLOW,
	};
	struct sock_fprog program = { .len = sizeof(kcmp) / sizeof(kcmp[0]), .filter = kcmp };

	if (argc < 4)
		return 1;
	if (!strcmp(argv[1], "netlink"))
		program = (struct sock_fprog){ .len = sizeof(netlink) / sizeof(netlink[0]), .filter = netlink };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		perror("no_call");
		return 1;
	}
	execvp(argv[3], &argv[3]);
	perror(argv[3]);
	return 1;
}
