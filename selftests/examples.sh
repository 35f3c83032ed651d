#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The modules of Documentation/examples, each of which is loaded, does what its text says, and
# goes without a trace. With an edu device also userlib/examples/edu.c: exit status and output with
# the device, and for each cause of an error.
#
# NDSHM_KO is the module, NDSHM_EXAMPLES the directory with those of the examples, without which only
# the device is used, NDSHM_BUILD that with user/ndshm and user/ndshm-edu.
set -uo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/traffic/lib.sh"

# says ERE: what the example has logged since the mark, all of it, each line with a | behind it.
says() {
	local line
	line=$(dmesg | sed -n "$((log_lines + 1))"',$s/^\[[^]]*\] //p' | grep '^example: ' | tr '\n' '|')
	[[ $line =~ ^$1$ ]] || { echo "# $line"; return 1; }
}
loaded() { log_mark && insmod "$NDSHM_EXAMPLES/ndshm_example_$1.ko"; }
unloaded() { rmmod "ndshm_example_$1" && nothing_left; }

adapter_has_memory() {
	says 'example: block [0-9]+, 16384 bytes at 0x[0-9a-f]+ for the device\|' &&
		"$ndshm" list adapters | grep -q '^ *[0-9]* *example ' && "$ndshm" list blocks --bytes | grep -q ' example .* 16384 '
}
adapter_gone() { unloaded adapter && ! "$ndshm" list adapters | grep -q example; }

queue_lived() { says 'example: received "hello"\|example: the queue waits\|example: the queue is freed\|'; }
# The second one is stopped when the adapter goes.
queue_gone() { unloaded queue && log_has 'example: queue [0-9]+ stops'; }

provider_there() { "$ndshm" list providers | grep -q ' example '; }
# with_block COMMAND OPTION...: run COMMAND while a process has a block with these options.
with_block() {
	local user_pid code
	coproc user { exec "$ndshm" alloc --length 8192 --hold "${@:2}"; }
	# shellcheck disable=SC2154 # coproc sets it
	user_pid=$user_PID
	read -r -t 30 _ <&"${user[0]}" && "$1"
	code=$?
	kill "$user_pid"
	wait "$user_pid" && return $code
}
# Memory of it keeps the module.
provider_provides() { "$ndshm" list blocks | grep -q ' example ' && ! rmmod ndshm_example_provider 2>/dev/null; }

ndis_has_memory() {
	says 'example: 16384 bytes at 0x[0-9a-f]+ for the device\|' &&
		"$ndshm" list blocks --bytes | grep -q ' receive  *16384 '
}

edu=0000:00:12.0
as() { setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"; }
works=$'identity 0x010000ed, 1048576 bytes of registers\n2048 bytes copied to the device and back'
# edu_ends STATUS PATTERN [COMMAND...]: COMMAND, by default `/tmp/ndshm-edu $edu`, ends with STATUS,
# and its whole output matches PATTERN.
edu_ends() {
	local text code=0
	[[ $# -gt 2 ]] || set -- "$@" /tmp/ndshm-edu "$edu"
	text=$("${@:3}" 2>&1) || code=$?
	# shellcheck disable=SC2053 # a pattern
	[[ $code == "$1" && $text == $2 ]] || { echo "# status $code: $text"; return 1; }
}
edu_fails() { edu_ends 1 "ndshm-edu: $edu: $1" "${@:2}"; }
edu_busy() { edu_fails 'cannot claim it: adapter, or another one of its IOMMU group, is claimed; *'; }
edu_tests() {
	local user=(as 65534 /tmp/ndshm-edu "$edu")
	log_mark
	# Other users may be unable to reach the directory of the programs.
	cp -- "$NDSHM_BUILD/user/ndshm-edu" /tmp/
	check 'edu: the module is not loaded' edu_fails 'there is no /dev/ndshm; load the module (modprobe ndshm)'
	insmod "$NDSHM_KO"
	check 'edu: usage' edu_ends 2 'usage: *' /tmp/ndshm-edu
	check 'edu: not bound' edu_fails 'cannot claim it: no such adapter; *bind PCI functions with "ndshm bind"'
	check 'edu: no such function' edu_ends 1 'ndshm-edu: 0000:00:1f.7: cannot claim it: no such adapter; *' /tmp/ndshm-edu 0000:00:1f.7
	check 'edu: bound' "$ndshm" bind --owner 65534 --mode 0600 "$edu"
	check 'edu: ndshm is not open to the user' edu_fails 'cannot open /dev/ndshm; *: Permission denied' "${user[@]}"
	chmod 0666 /dev/ndshm
	check 'edu: the adapter is of another user' edu_fails 'cannot claim it: device node of the adapter *' as 65533 /tmp/ndshm-edu "$edu"
	if "$ndshm" list adapters | grep -q "$edu.*  isolated\$"; then
		check 'edu: an unprivileged user' edu_ends 0 "$works" "${user[@]}"
		check 'edu: again' edu_ends 0 "$works" "${user[@]}"
		check 'edu: root' edu_ends 0 "$works"
		check 'edu: the state of root is not given to the user' edu_fails 'cannot claim it: function was not reset after its last claim; *' "${user[@]}"
		check 'edu: root binds it again' "$ndshm" bind --owner 65534 --mode 0600 --reset "$edu"
		check 'edu: the user claims it' edu_ends 0 "$works" "${user[@]}"
	else
		check 'edu: not isolated' edu_fails 'cannot claim it: adapter is not isolated; *, or use CAP_SYS_RAWIO' "${user[@]}"
		check 'edu: not isolated, root' edu_fails 'cannot claim it: adapter is not isolated; *, or set the module parameter allow_unisolated'
		echo Y >"$parameters/allow_unisolated"
		check 'edu: root, if it is allowed' edu_ends 0 "$works"
	fi
	check 'edu: claimed by another client' with_block edu_busy --adapter "$edu"
	check 'edu: nothing is left' nothing_left
	if [[ -e /sys/bus/pci/devices/$user_card ]]; then
		"$ndshm" bind "$user_card"
		check 'edu: another device' edu_ends 1 "ndshm-edu: $user_card: not an edu device; *" /tmp/ndshm-edu "$user_card"
		"$ndshm" unbind "$user_card"
	fi
	check 'edu: unbound' "$ndshm" unbind "$edu"
	check 'edu: nobody uses ndshm' rmmod ndshm
	check 'edu: the kernel log is clean' log_clean
}

module_tests() {
	insmod "$NDSHM_KO"
	check 'adapter: loaded' loaded adapter
	check 'adapter: it has a block' adapter_has_memory
	check 'adapter: unloaded' adapter_gone
	check 'queue: loaded' loaded queue
	check 'queue: it has lived, and waited for its packet' queue_lived
	check 'queue: unloaded' queue_gone
	check 'ndis: loaded' loaded ndis
	check 'ndis: it has a block' ndis_has_memory
	check 'ndis: unloaded' unloaded ndis
	check 'provider: loaded' loaded provider
	check 'provider: it is there' provider_there
	check 'provider: memory of it' with_block provider_provides --provider example
	check 'provider: unloaded' unloaded provider
	check 'nobody uses ndshm' rmmod ndshm
	check 'the kernel log is clean' log_clean
}

[[ ! -e /sys/bus/pci/devices/$edu ]] || edu_tests
[[ ! ${NDSHM_EXAMPLES:-} ]] || module_tests
finish
