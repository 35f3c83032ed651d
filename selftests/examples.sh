#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The modules of Documentation/examples, each of which is loaded, does what its text says, and
# goes without a trace.
#
# NDSHM_KO is the module, NDSHM_EXAMPLES the directory with those of the examples, NDSHM_BUILD
# that with user/ndshm.
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
# Memory of it keeps the module.
provider_provides() {
	local user_pid code
	coproc user { exec "$ndshm" alloc --provider example --length 8192 --hold; }
	# shellcheck disable=SC2154 # coproc sets it
	user_pid=$user_PID
	read -r -t 30 _ <&"${user[0]}" && "$ndshm" list blocks | grep -q ' example ' && ! rmmod ndshm_example_provider 2>/dev/null
	code=$?
	kill "$user_pid"
	wait "$user_pid" && return $code
}

insmod "$NDSHM_KO"
check 'adapter: loaded' loaded adapter
check 'adapter: it has a block' adapter_has_memory
check 'adapter: unloaded' adapter_gone
check 'queue: loaded' loaded queue
check 'queue: it has lived, and waited for its packet' queue_lived
check 'queue: unloaded' queue_gone
check 'provider: loaded' loaded provider
check 'provider: it is there' provider_there
check 'provider: memory of it' provider_provides
check 'provider: unloaded' unloaded provider
check 'nobody uses ndshm' rmmod ndshm
check 'the kernel log is clean' log_clean
finish
