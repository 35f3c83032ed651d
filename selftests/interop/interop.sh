#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Each row of interop.table on this kernel, with memory of each kind, in a guest with an IOMMU and
# the edu device. INTEROP is the directory with the programs, NDSHM_KO the module.
set -uo pipefail
here=$(dirname -- "${BASH_SOURCE[0]}")
table=$here/interop.table
release=$(uname -r)
number=0 failures=0
scratch=$(mktemp -d)
trap 'umount "$scratch/disk" 2>/dev/null; rm -rf -- "$scratch"' EXIT

interop() { "$INTEROP/interop-$1" "${@:2}"; }

# The overlay has no O_DIRECT, a file system on a RAM disk has.
disk_up() {
	modprobe ext4 && modprobe brd rd_nr=1 rd_size=32768 && mkfs.ext4 -q /dev/ram0 && mkdir -p "$scratch/disk" &&
		mount /dev/ram0 "$scratch/disk" && export INTEROP_FILE=$scratch/disk/file
}
wire_up() {
	modprobe veth && ip link add interop0 type veth peer name interop1 &&
		ip addr add 192.0.2.1/24 dev interop0 && sysctl -q net.ipv6.conf.interop{0,1}.disable_ipv6=1 &&
		ip link set interop0 up && ip link set interop1 up
}
# rxe asks for a module of the crypto API by a path of the initial file system.
rdma_up() { modprobe -a crc32_generic rdma_rxe ib_uverbs && rdma link add interop type rxe netdev interop0; }
edu_up() {
	local device
	device=$(lspci -Dn -d 1234:11e8 | head -n 1)
	INTEROP_EDU=${device%% *}
	export INTEROP_EDU
	modprobe vfio-pci && echo vfio-pci >"/sys/bus/pci/devices/$INTEROP_EDU/driver_override" &&
		echo "$INTEROP_EDU" >/sys/bus/pci/drivers_probe && [[ -e /sys/bus/pci/drivers/vfio-pci/$INTEROP_EDU ]]
}

# by_path KIND COMMAND: for programs that take memory by a path, of which ndshm has none but that of
# a descriptor: does COMMAND, a function, succeed with it? It must with an ordinary file.
by_path() {
	truncate -s 4M "$scratch/file" && "$2" "$scratch/file" >&2 || return 1
	# shellcheck disable=SC2016 # expanded by the inner shell
	if interop hold "$1" bash -c "$(declare -f "$2"); scratch=$scratch; $2 "'/proc/self/fd/$INTEROP_FD' >&2
	then echo yes
	else echo no
	fi
}
# A section is written by dd, and read by cat and dd. Each program goes on at the position of the last.
copies() {
	head -c 4M /dev/urandom >"$scratch/data" || return 1
	# shellcheck disable=SC2016 # expanded by the inner shell
	if interop hold "$1" bash -c 'rewind() { python3 -c "import os; os.lseek($INTEROP_FD, 0, os.SEEK_SET)"; }
		dd bs=100k status=none <"$0" >&"$INTEROP_FD" && rewind && cat <&"$INTEROP_FD" | cmp - "$0" &&
			rewind && dd bs=70k status=none <&"$INTEROP_FD" | cmp - "$0"' "$scratch/data" >&2
	then echo yes
	else echo no
	fi
}
fio_buffers() { fio --name=x --filename="$scratch/io" --size=64k --rw=write "--mem=mmapshared:$1"; }
# This machine has no code to run.
qemu_memory() {
	echo quit | qemu-system-x86_64 -nodefaults -display none -S -monitor stdio -m size=4M \
		-object "memory-backend-file,id=ram,size=4M,mem-path=$1,share=on" -machine pc,memory-backend=ram
}

# use ROW KIND: print the result.
use() {
	case $1 in
	direct|vmsplice|zerocopy|process_vm)	interop calls "$@" ;;
	uring)		interop uring buffers "$2" ;;
	uring-ring)	interop uring ring "$2" ;;
	numa-*)		interop numa "${1#numa-}" "$2" ;;
	ucx)		UCX_TLS=tcp UCX_NET_DEVICES=lo interop ucx "$2" ;;
	python)		interop hold "$2" /usr/bin/python3 "$here/mapping.py" ;;
	numpy)		interop hold "$2" /usr/bin/python3 "$here/numpy_file.py" ;;
	dd)		copies "$2" ;;
	fio)		by_path "$2" fio_buffers ;;
	qemu)		by_path "$2" qemu_memory ;;
	*)		interop "$1" "$2" ;;
	esac
}

# row NAME EXPECTED KIND: one TAP line.
row() {
	local result
	number=$((number + 1))
	echo "selftest $number - interop $1 $3" >/dev/kmsg
	result=$(timeout 120 bash -c "$(declare -f interop by_path copies fio_buffers qemu_memory use); here=$here scratch=$scratch; use $1 $3" 2>"$scratch/errors")
	if [[ $result == "$2" ]]; then
		echo "ok $number - $1: memory of $3: $result"
	else
		sed 's/^/# /' "$scratch/errors"
		echo "not ok $number - $1: memory of $3: ${result:-failed}, not $2"
		failures=$((failures + 1))
	fi
	results+=" ${result:-failed}"
}

ulimit -l unlimited
insmod "$NDSHM_KO" || exit 1
if ! { disk_up && wire_up && rdma_up && edu_up; }; then
	echo 'not ok - the machine is set up'
	exit 1
fi

lines=
while read -r name kernels pages coherent section text; do
	[[ $name && $name != \#* ]] || continue
	[[ $kernels == all || ,$kernels, == *,"$(cut -d. -f1-2 <<<"$release")",* ]] || continue
	results=
	[[ $pages == - ]] || row "$name" "$pages" pages
	[[ $coherent == - ]] || row "$name" "$coherent" coherent
	[[ $section == - ]] || row "$name" "$section" section
	lines+="$name$results $text"$'\n'
done <"$table"
echo "1..$number"

printf '\n%-12s%-12s%-12s%-12s\n' "$(cut -d. -f1-2 <<<"$release")" pages coherent section
while read -r name pages coherent section _; do
	[[ ! $name ]] || printf '%-12s%-12s%-12s%-12s\n' "$name" "$pages" "$coherent" "$section"
done <<<"$lines"
rmmod ndshm && [[ $failures -eq 0 ]]
