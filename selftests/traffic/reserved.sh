#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The provider prototype, whose memory is a range reserved at boot, and two drivers that use
# it without referring to it: that for edu, which uses as little of ndshm as the provider,
# and that for the 82574, which sends and receives in this memory.
#
# NDSHM_PROTOTYPES is the directory above the modules of kernel/prototypes, NDSHM_MOCK a
# module in the same directory as that of the NDIS cases, NDSHM_PROGRAMS the directory of the
# kselftest programs. NDSHM_STEP=N sends every Nth length only. Needs `run.sh --edu --wire
# --append 'memmap=128M$0x40000000 memmap=16M$0x30000000'`: the first range is a whole memory
# section of the kernel (128 MiB) and so has no struct pages.
set -uo pipefail
NDSHM_PROTOTYPE=$NDSHM_PROTOTYPES/82574/ndshm_82574.ko
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname -- "${BASH_SOURCE[0]}")/card.sh"

start=0x40000000 size=$((32 << 20)) end=$((0x48000000)) with_pages=0x30000000
provider=$NDSHM_PROTOTYPES/reserved/ndshm_reserved.ko
edu_driver=$NDSHM_PROTOTYPES/edu/ndshm_edu.ko
edu=0000:00:12.0
edu_device=/sys/bus/pci/devices/$edu
edu_directory=/sys/bus/pci/drivers/ndshm_edu
cases=${NDSHM_MOCK%/*}/ndshm_ndis_cases.ko

[[ -e $card && -e $edu_device ]] || skip "no card $user_card, or no edu at $edu"
grep -q "memmap=128M.$start memmap=16M.$with_pages" /proc/cmdline || skip "the kernel does not keep off $start"
insmod "$NDSHM_KO"
"$NDSHM_PROGRAMS/baseline" take /tmp/baseline || exit

# The modules may use only two symbols of ndshm, which return and close a handle; a provider for
# clients one more.
stranger() {
	local names
	names=$(nm "$1" | awk '{ print $NF }' | grep -i ndshm | sort -u | tr '\n' ' ')
	[[ $names =~ ^'ndshm_ndis_close ndshm_ndis_open '('ndshm_ndis_serve_clients ')?$ ]] || { echo "# $1: $names"; return 1; }
}

# refused START SIZE WORDS: the range must be refused with these words in the
# kernel log.
refused() {
	log_mark
	! insmod "$provider" start="$1" size="$2" 2>/dev/null || { rmmod ndshm_reserved; return 1; }
	log_has "$3"
}
taken() {
	insmod "$provider" start="${1:-$start}" size="${2:-$size}" && grep -q ': ndshm_reserved$' /proc/iomem &&
		"$ndshm" list providers | grep -Eq '^ *[0-9]+ +reserved +machine '
}
given() { rmmod ndshm_reserved && ! grep -q ndshm_reserved /proc/iomem; }

# While it has allocated memory, the provider must not be unloaded or change.
needed() {
	! rmmod ndshm_reserved 2>/dev/null && "$ndshm" list providers | grep -q ' reserved '
}

# blocks_of ADAPTER: print the provider of each block, one per line.
blocks_of() { "$ndshm" list blocks | awk -v adapter="$1" '$2 == adapter { print $3 }'; }
# supplied ADAPTER LEAST: at least LEAST of the adapter's blocks are of the
# range.
supplied() {
	local count
	count=$(blocks_of "$1" | grep -cx reserved)
	[[ $count -ge $2 ]] || { "$ndshm" list blocks | sed 's/^/# /'; return 1; }
}
# supplied_none ADAPTER LEAST: the adapter has at least LEAST blocks, none of
# the range.
supplied_none() {
	local names
	names=$(blocks_of "$1") && [[ $(wc -l <<<"$names") -ge $2 ]] && ! grep -qx reserved <<<"$names"
}
# supplied_all ADAPTER LEAST: like supplied, and all blocks are of the range.
supplied_all() { supplied "$1" "$2" && ! blocks_of "$1" | grep -qvx reserved; }

# The whole range can be allocated, but not more, and repeatedly.
runs_out() {
	"$ndshm" alloc --provider reserved --length $size >/tmp/alloc &&
	! "$ndshm" alloc --provider reserved --length $((size + 1)) >/tmp/alloc 2>&1 &&
		grep -q 'provider-resources, RESOURCES' /tmp/alloc &&
	"$ndshm" alloc --provider reserved --length $size >/tmp/alloc || { sed 's/^/# /' /tmp/alloc; return 1; }
}
zeroed() { insmod "$cases" && echo own_zeroed >/sys/module/ndshm_ndis_cases/parameters/run && rmmod ndshm_ndis_cases; }

edu_unasked() { insmod "$edu_driver" && [[ ! -e $edu_device/driver && -z $(modinfo -F alias "$edu_driver") ]]; }
# The driver binds only if its device moved data to the expected place.
edu_bound() { [[ -e $edu_device/driver ]] || echo $edu >$edu_directory/bind && [[ -e $edu_directory/$edu ]]; }
edu_asked() { echo ndshm_edu >$edu_device/driver_override && edu_bound; }
edu_unbind() { echo $edu >$edu_directory/unbind && [[ ! -e $edu_device/driver ]]; }
edu_again() {
	local i
	for ((i = 0; i < 5; i++)); do
		edu_unbind && nothing_left && edu_bound && supplied $edu 1 || return
	done
}

log_mark
all_of_it=$log_lines
check 'the provider is a stranger' stranger "$provider"
check 'the driver for edu is a stranger' stranger "$edu_driver"

check 'no range' refused 0 0 'a range of whole pages'
check 'a range that is not of pages' refused $((start + 512)) 4096 'a range of whole pages'
check 'a range beyond all addresses' refused 0xfffffffffffff000 0x2000 'a range of whole pages'
check 'a range of memory that the kernel has' refused 0x20000000 0x100000 'not reserved;'
check 'a range of nothing' refused 0x8000000000 0x100000 'not reserved;'
check 'a range that begins too early' refused $((start - 4096)) 8192 'not reserved;'
check 'a range that ends too late' refused $((end - 4096)) 8192 'not reserved;'
check 'the range is taken' taken
check 'all of it can be had, and no more' runs_out
check 'it reads as zero' zeroed

check 'loaded, the driver for edu takes nothing' edu_unasked
check 'told to, it takes the device, which reaches the memory' edu_asked
check 'that memory is of the range' supplied_all $edu 1
check 'the provider cannot go now' needed
check 'taken away and bound again' edu_again

check 'taken away' edu_unbind
check 'the provider goes' given
check 'a range that the kernel has pages for is taken' taken $with_pages $((16 << 20))
check 'edu reaches it' edu_bound
check 'its memory is of that range' supplied_all $edu 1
check 'taken away, and taken back' edu_unbind
check 'that range is given back' given
check 'the first one is taken again' taken
check 'edu, in it' edu_bound

check 'loaded, the driver for the 82574 takes no card' unasked
check 'told to, it takes the card' asked
find_other_end
move_there
check 'a link, with jumbo frames' both_up mtu 9000
check 'its memory is of the range' supplied_all $user_card 4
check 'frames of 60 to 9014 bytes' compared 60 9014
check 'the provider cannot go amid them' needed
down
check 'taken away from edu' edu_unbind
check 'nothing left' nothing_left
check 'the provider goes, and its users stay' given
check 'the link, in other memory' both_up mtu 1500
check 'none of it is of the range' supplied_none $user_card 4
check 'frames of 60 to 1514 bytes' compared 60 1514
check 'the provider comes' taken
down
check 'the link, in its memory' both_up mtu 1500
check 'its memory is of the range, again' supplied_all $user_card 4
check 'frames of 60 to 1514 bytes, again' compared 60 1514
check 'edu, beside it' edu_bound
move_back

# Unload in another order than the reverse of loading; unloading a driver unbinds
# its device.
check 'unloaded, the driver for the 82574' rmmod ndshm_82574
check 'the provider is still needed' needed
check 'unloaded, the driver for edu, while it is bound' rmmod ndshm_edu
check 'nothing left, again' nothing_left
no_memory_is_lost
check 'unloaded, the provider' given
check 'nobody uses ndshm' rmmod ndshm
nothing_is_left
log_lines=$all_of_it
check 'the kernel log is clean' log_clean
finish
