#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# command.sh NDSHM JSON_GET VERSION: the command on the backend without a module, and
# with PCI functions of a fake sysfs of plain files.

# shellcheck source-path=SCRIPTDIR source=command_lib.sh
. "$(dirname "$0")/command_lib.sh"
ndshm=$1 json_get=$2 version=$3
page=$(getconf PAGESIZE)
unset NDSHM_BACKEND

run 0 "version" --version
is "the version is said" "ndshm $version" "$out"
run 0 "help" --help
help=$out
run 0 "-h" -h
is "-h: same as --help" "$help" "$out"
run 0 "help as a command" help
is "help as a command: same as --help" "$help" "$out"
run 0 "help of a command of two words" help section create
is "help of a command of two words: same as --help" "$("$ndshm" section create --help)" "$out"
run 0 "-h of a command" alloc -h
is "-h of a command: same as --help" "$("$ndshm" alloc --help)" "$out"
fails 2 "help of an unknown command" '*no command "frobnicate"*' help frobnicate
fails 2 "help of too much" 'ndshm help: "true": unexpected argument; name one command*' help section create true
fails 2 "help of an option" 'ndshm help: "--version": unexpected argument; name one command*' help -- --version
for word in help info list ps top alloc free section monitor bind unbind metrics; do
	[[ $help == *"  $word "* ]]
	ok "help names $word"
	run 0 "help of $word" $word --help
done

run 2 "no command"
says "usage" "Usage: ndshm*"
run 2 "an unknown command" frobnicate
says "usage" '*no command "frobnicate"*'
run 2 "an unknown option" --frobnicate
run 2 "an unknown option of a command" info --frobnicate
run 2 "too many words" -b memfd: info more
run 2 "nothing to list" -b memfd: list
run 2 "what cannot be listed" -b memfd: list clients
run 2 "too much to list" -b memfd: list blocks adapters

run 0 "info" --backend memfd: info
[[ $out == *"longest block     4294967296 bytes"* ]]
ok "info says the limit"
run 0 "info in JSON" --backend memfd: info --json
is "info: length" 4294967296 "$(get max_length)"
is "info: features" '["blocks","sync","sections"]' "$(get features)"
is "info: page" "$page" "$(get page_size)"
is "info: huge page" "$page" "$(get huge_size)"
is "info: section" 68719476736 "$(get max_section)"
is "info: no reserve" null "$(get reserve)"
run 0 "options before the command" --json --backend memfd: info
is "they count" "\"$version\"" "$(get version)"
run 0 "options after the command" info --json --backend=memfd:
is "they count as well" "\"$version\"" "$(get version)"
NDSHM_BACKEND=memfd: run 0 "the environment names the backend" info

run 0 "adapters" -b memfd: list adapters
is "adapters: table" "ID  NAME   DEVICE  NODE  STATE  ISOLATION
 1  memfd  -          -  open   not isolated: no translation" "$out"
run 0 "adapters in JSON" -b memfd: list adapters -j
is "adapters: name" '"memfd"' "$(get 0 name)"
is "adapters: isolation" 'false' "$(get 0 isolated)"
is "adapters: missing" '["no-translation"]' "$(get 0 missing)"
run 0 "providers" -b memfd: list providers
is "providers: table" "ID  NAME   DEFAULT FOR  BLOCKS  FLAGS  MAPPABLE  OPEN
 1  memfd  machine           0    0x0  yes       yes" "$out"
run 0 "providers in JSON" -b memfd: list providers -j
is "providers: scope" '"machine"' "$(get 0 scope)"
is "providers: open" true "$(get 0 open)"
fails 1 "queues" "*without the module;* (EOPNOTSUPP)" -b memfd: list queues
run 0 "blocks" -b memfd: list blocks
is "blocks: table" \
	"ID  ADAPTER  PROVIDER  USAGE  LENGTH  CONSUMED  SEGMENTS  USER  PID  TAG  STATE" "$out"
run 0 "blocks in JSON" -b memfd: list blocks -j
is "blocks: none" '[]' "$(get)"
run 0 "sections" -b memfd: list sections
is "sections: table" \
	"ID  NAME  ADAPTER  PROVIDER  MAX  INITIAL  COMMITTED  TAKEN  EXTENTS  HOLDERS  USER  STATE" "$out"
run 0 "sections in JSON" -b memfd: list sections -j
is "sections: none" '[]' "$(get)"

run 0 "alloc" -b memfd: alloc
[[ $out == *"adapter memfd, not isolated: no translation"*"segment   hidden, $page bytes"* ]]
ok "alloc shows the block"
run 0 "alloc in JSON" -b memfd: alloc -j --length 5000 --count 3 --adapter memfd \
	--provider memfd --usage receive-data --node 0 --contiguous
is "alloc: adapter" '"memfd"' "$(get adapter)"
is "alloc: length" $(((5000 + page - 1) / page * page)) "$(get blocks 0 length)"
is "alloc: the third" 'true' "$(get blocks 2 mapped)"
is "alloc: address" '"hidden"' "$(get blocks 0 segments 0 address)"
get blocks 3 >/dev/null
[ $? -eq 1 ]
ok "alloc: no fourth"
for length in 1 64K 2M; do
	run 0 "alloc of $length" -b memfd: alloc -l $length -n any
done

# failed NAME ARGUMENT... REASON: expect this failure and message.
failed() {
	local reason=${*: -1}

	fails 1 "$1" "ndshm: cannot *: *; * ($reason)" -b memfd: alloc "${@:2:$#-2}"
}

failed "length 0" -l 0 "length-zero, INVALID_PARAMETER, EINVAL"
failed "too long" -l 5G "length-limit, INVALID_PARAMETER, EINVAL"
says "too long: the limit" "*: length above the limit of 4294967296 bytes without the module; request less (*"
run 1 "a section too long" -b memfd: section create --max 65G
says "a section too long: the limit" \
	"ndshm: cannot create a section: length above the limit of 68719476736 bytes without the module; request less (length-limit, *"
failed "much too long" -l 18446744073709551615 "length-overflow, INVALID_PARAMETER, EOVERFLOW"
failed "no block" -c 0 "count, INVALID_PARAMETER, EINVAL"
failed "too many blocks" -c 65 "count, INVALID_PARAMETER, EINVAL"
says "too many blocks: the limit" '*one call that "ndshm info" shows; *'
failed "far too many blocks" -c 4294967295 "count, INVALID_PARAMETER, EINVAL"
failed "no such node" -n 2147483647 "node, INVALID_PARAMETER, EINVAL"
failed "no such adapter" -a node9 "adapter-unknown, ADAPTER_NOT_FOUND, ENOENT"
failed "no such provider" -p none "provider-unknown, FILE_NOT_FOUND, ENOENT"

for bad in "-l x" "-l -1" "-l 1KK" "-l 1k" "-l 17179869184G" "-l 18446744073709551616" \
	   "-n -1" "-n x" "-n 2147483648" "-c -1" "-c 1.5" "-c 4294967296" "-u none" "-u undefined" \
	   "-w x" "more"; do
	bad_usage "ndshm alloc: *" "alloc $bad" -b memfd:
done
run 2 "bad usage: an empty length" -b memfd: alloc -l ""

# size WORD BYTES: expect a block of this length.
size() {
	run 0 "length $1" -b memfd: alloc -j -l "$1"
	is "length $1: bytes" "$2" "$(get blocks 0 length)"
}

size 1K "$page"
size 1.5M 1572864
size 1.5MiB 1572864
size 64KiB 65536
size 0.0000001G "$page"
size 0.001953125G 2097152
for sizes in 1T 1TiB 1P 1E 15.999999999EiB; do
	failed "length $sizes" -l $sizes "length-limit, INVALID_PARAMETER, EINVAL"
done
# bad_size WORD SENTENCE
bad_size() {
	run 2 "bad size: $1" -b memfd: alloc -l "$1"
	says "bad size: $1 is explained" "ndshm alloc: \"$1\": $2"$'\n'"Try *"
}

for sizes in 16E 16EiB 99999999999E 18446744073709551616 17179869184G; do
	bad_size $sizes "too large; use a size below 16E"
done
for sizes in 1k 1KB 1MB 1Mi 1MiBs 1KK 1Z 1.5kB 1b "1 K"; do
	bad_size "$sizes" "unknown suffix; use K, M, G, T, P or E, or KiB to EiB, *"
done
for sizes in x -1 +1 .5G 1.G 1. " 1"; do
	bad_size "$sizes" "not a size; use a number of bytes, such as 4096, 64K, 1.5G or 2MiB"
done
bad_size 1.5 "a fraction of a byte; add a suffix, such as K, M or G"
bad_size 1.0000000001G "too many decimals; use at most 9"

# Places that are no device of ndshm.
other="name the device, /dev/ndshm"
no_place() {
	fails 1 "no device: $1" "ndshm: cannot open $1: $2 ($3)" -b "$1" info
}
mkdir -p "$top/places/directory"
touch "$top/places/file"
mkfifo "$top/places/pipe"
no_place /nowhere/ndshm "there is no such file; $other" ENOENT
no_place "$top/places/file/ndshm" "there is no such file; $other" ENOTDIR
no_place "$top/places/file" "that is a regular file, not a device; $other" EPROTONOSUPPORT
no_place "$top/places/directory" "that is a directory, not a device; $other" EISDIR
no_place "$top/places/pipe" "that is a pipe, not a device; $other" EPROTONOSUPPORT
no_place /dev/null "that is *not ndshm*; $other" EPROTONOSUPPORT
no_place memfd:x "unknown back end; use memfd:, or $other" EINVAL
NDSHM_BACKEND=/nowhere/ndshm run 1 "no device: in the environment" info
says "no device: in the environment: why" "ndshm: cannot open /nowhere/ndshm: *; $other (ENOENT)"
if grep -q '^ndshm ' /proc/modules 2>/dev/null; then
	echo "# SKIP lists without the module: it is loaded"
else
	for arguments in "list adapters" "monitor" "ps" "metrics"; do
		# shellcheck disable=SC2086 # the words
		run 1 "no module: $arguments" $arguments
		says "no module: $arguments: why" "ndshm: cannot open /dev/ndshm: the module is not loaded: load it (modprobe ndshm) (ENOENT)"
	done
fi
run 1 "a list needs the place that is given" -b /dev/null list adapters
says "a list needs the place that is given: why" "ndshm: cannot open /dev/null: * (EPROTONOSUPPORT)"

# Netlink is not permitted: EPERM, EACCES, EAFNOSUPPORT.
without_netlink() { "${ndshm_program%/*}/no_call" netlink "$number" "$ndshm_program" "$@"; }
ndshm_program=$ndshm
for number in 1 13 97; do
	for arguments in "list blocks" "monitor" "-b netlink: info"; do
		# shellcheck disable=SC2086 # the words
		ndshm=without_netlink run 1 "no netlink, $number: $arguments" $arguments
		says "no netlink, $number: $arguments: why" "ndshm: cannot open *: netlink is not permitted to \
this process; allow AF_NETLINK *RestrictAddressFamilies=* (EAFNOSUPPORT)"
	done
done

# json_error NAME CODE KEY VALUE ARGUMENT...: expect an error that is one JSON object with
# this value, and nothing else.
json_error() {
	run "$2" "$1" "${@:5}"
	is "$1: output" "" "$out"
	is "$1: a line" 1 "$(wc -l <"$top/err")"
	out=$err
	is "$1: $3" "$4" "$(get error "$3")"
}

json_error "JSON error: reason" 1 reason '"length-zero"' -b memfd: alloc -l 0 --json
is "JSON error: status" '"INVALID_PARAMETER"' "$(get error status)"
is "JSON error: errno" '"EINVAL"' "$(get error errno)"
[[ $(get error message) == '"ndshm: cannot allocate: length is 0;'* ]]
ok "JSON error: message"
json_error "JSON error: no module" 1 errno '"ENOENT"' -j -b /nowhere/ndshm info
is "JSON error: no reason" null "$(get error reason)"
json_error "JSON error: unknown command" 2 message '"ndshm: there is no command \"frobnicate\""' -j frobnicate
json_error "JSON error: unknown option" 2 message "\"ndshm alloc: unrecognized option '--frobnicate'\"" -j alloc --frobnicate
json_error "JSON error: before the option" 2 message "\"ndshm alloc: unrecognized option '--frobnicate'\"" \
	alloc --frobnicate -j
json_error "JSON error: usage" 2 message '"Usage: ndshm [OPTION...] COMMAND [ARGUMENT...]"' --json
json_error "JSON error: no UTF-8" 2 message '"ndshm: there is no command \"?\""' -j $'\xff'
json_error "JSON error: no function" 1 message \
	'"ndshm: cannot unbind 0000:00:09.0: there is no such PCI function; \"lspci -D\" lists them"' unbind -j --root "$top" 00:09.0
run 1 "a program's -j is not the command's" -b memfd: section create --max 0 true -j
says "a program's -j is not the command's: text" "ndshm: cannot create a section: *"
run 0 "help in JSON mode" -j alloc --help
is "help in JSON mode: no error" "" "$err"

"$ndshm" -b memfd: info >/dev/full 2>"$top/err"
is "a full disk is a failure" 1 $?
"$ndshm" -b memfd: info --json >/dev/full 2>"$top/err"
is "a full disk is a failure in JSON" 1 $?

holds_and_ends "adapter memfd*" -b memfd: alloc
# A line that is typed while the command is a background job is not for it, and does not stop it.
# shellcheck disable=SC2016 # expanded by the other shell
printf 'echo\n' | python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' bash -mc '
	"$1" -b memfd: alloc --hold >"$2/shown" &
	until [ -s "$2/shown" ] || ! kill -0 $!; do sleep 0.02; done
	sleep 0.5
	kill $!
	wait $!
	echo $? >"$2/status"' bash "$ndshm" "$top" >"$top/out" 2>&1
is "hold: in the background it is not stopped by its terminal" 0 "$(<"$top/status")"

# Commands that need the module; other tests use fake answers: see stand_in*.c.
needed="not supported without the module; load it (modprobe ndshm), and omit --backend and NDSHM_BACKEND (EOPNOTSUPP)"
fails 1 "monitor: no module" "ndshm: cannot listen: $needed" -b memfd: monitor
NDSHM_BACKEND=memfd: fails 1 "monitor: no module in the environment" "ndshm: cannot listen: $needed" monitor
fails 1 "monitor: no device" "ndshm: cannot listen: $needed" -b section: monitor
run 1 "a name: no module" -b memfd: section create --name frames --max 1M --hold
says "a name: no module: why" "ndshm: cannot create a section: $needed"
for words in "open frames true" "rm frames"; do
	# shellcheck disable=SC2086 # words
	fails 1 "$words: no module" "ndshm: cannot * section \"frames\": $needed" -b memfd: section $words
done
for bad in "--count 0" "--count x" "--count -1" "more"; do
	bad_usage "ndshm monitor: *" "monitor $bad" -b memfd:
done

# PCI functions
run 2 "bind: no function" bind
run 2 "bind: too many functions" bind 00:01.0 00:02.0
for address in "" 5 00:05 00:05.8 00:20.0 0:0:0:0 00:05.0. 100:05.0 "../../0000:00:05.0" \
	       123456789:00:05.0 .dma a-name-of-more-than-31-characters; do
	run 2 "bind: bad address \"$address\"" bind "$address"
	run 2 "unbind: bad address \"$address\"" unbind "$address"
done

devices=$top/root/sys/bus/pci/devices
drivers=$top/root/sys/bus/pci/drivers
mkdir -p "$devices/0000:00:05.0" "$devices/0000:00:01.0" "$drivers/e1000e"
echo 0x020000 >"$devices/0000:00:05.0/class"
echo 0x060400 >"$devices/0000:00:01.0/class"
ln -s ../../drivers/e1000e "$devices/0000:00:05.0/driver"
run 1 "bind: no such function" bind --root "$top/root" 00:09.0
says "bind: no such function: why" \
	"ndshm: cannot bind 0000:00:09.0: there is no such PCI function; \"lspci -D\" lists them"
fails 1 "bind: no module" "ndshm: cannot bind 0000:00:05.0: the module is not loaded*" bind --root "$top/root" 00:05.0
mkdir "$drivers/ndshm_pci"
fails 1 "bind: a bridge" "*: it is a bridge; bind the functions behind it" bind --root "$top/root" 0000:00:01.0
run 1 "bind: what nobody can judge" bind --root "$top/root" -b memfd: 00:05.0
says "bind: what nobody can judge: why" \
	"*0000:00:05.0, it cannot be told whether what e1000e makes of it is in use: *--force"
mkdir "$devices/0000:00:06.0"
fails 1 "bind: the stand-in has none" "*stand-in*" bind --root "$top/root" -b memfd: 00:06.0

# The loopback interface is up and has an address: use it as the function's.
mkdir -p "$devices/0000:00:05.0/net/lo" "$top/root/sys/class/net"
ln -s "$devices/0000:00:05.0/net/lo" "$top/root/sys/class/net/lo"
run 1 "bind: in use" bind --root "$top/root" -b memfd: 00:05.0
says "bind: in use: why" \
	"*0000:00:05.0, network interface lo is up with an address: *use --force"
run 1 "bind: in use, but forced" bind --root "$top/root" -b memfd: --force 00:05.0
says "bind: in use, but forced: goes on" "*stand-in*"
rm "$top/root/sys/class/net/lo"
# A disk that cannot be opened may be in use.
mkdir -p "$devices/0000:00:05.0/block/ndshm-no-disk" "$top/root/sys/class/block"
ln -s "$devices/0000:00:05.0/block/ndshm-no-disk" "$top/root/sys/class/block/ndshm-no-disk"
fails 1 "bind: a disk" "*block device ndshm-no-disk is in use*" bind --root "$top/root" -b memfd: 00:05.0
rm "$top/root/sys/class/block/ndshm-no-disk"

fails 1 "unbind: no such function" "*there is no such PCI function; *" unbind --root "$top/root" 00:09.0
fails 1 "unbind: another's" "*it is not bound to ndshm_pci" unbind --root "$top/root" 00:05.0
rm "$devices/0000:00:05.0/driver"
ln -s ../../drivers/ndshm_pci "$devices/0000:00:05.0/driver"
fails 1 "unbind: the stand-in has none" "*stand-in*" unbind --root "$top/root" -b memfd: 00:05.0
rm "$devices/0000:00:05.0/driver"
run 1 "unbind: nobody's" unbind --root "$top/root" 00:05.0

# A platform device.
devices=$top/root/sys/bus/platform/devices
mkdir -p "$devices/43000000.dma" "$top/root/sys/bus/platform/drivers"
run 1 "bind: no such device" bind --root "$top/root" 44000000.dma
says "bind: no such device: why" "ndshm: cannot bind 44000000.dma: there is no such platform device or \
network interface; \"lspci -D\" lists PCI functions, \"ls /sys/bus/platform/devices\" platform devices"
run 1 "unbind: no such device" unbind --root "$top/root" eth0
says "unbind: no such device: why" "ndshm: cannot unbind eth0: there is no such platform device or \
network interface; \"ndshm list adapters\" lists bound functions, which have no interface"
run 1 "bind: no platform driver" bind --root "$top/root" 43000000.dma
says "bind: no platform driver: why" "ndshm: cannot bind 43000000.dma: the module is not loaded*"
mkdir "$top/root/sys/bus/platform/drivers/ndshm_platform"
fails 1 "bind: the stand-in has no device" "*stand-in*" bind --root "$top/root" -b memfd: 43000000.dma
fails 1 "unbind: another's device" "*it is not bound to ndshm_platform" unbind --root "$top/root" 43000000.dma
# Network interfaces: of a PCI function, of a virtio device of one, of a platform device, of a device
# on another bus, of none.
tree=$top/root/sys/devices
interface() {
	mkdir -p "$tree/$2" "$top/root/sys/class/net/$1" "$top/root/sys/bus/$3/devices"
	ln -s "$tree/$2" "$top/root/sys/class/net/$1/device"
	ln -s "$top/root/sys/bus/$3" "$tree/$2/subsystem"
	[[ -e $top/root/sys/bus/$3/devices/${2##*/} ]] || ln -s "$tree/$2" "$top/root/sys/bus/$3/devices/${2##*/}"
}
interface eth0 pci0/0000:00:07.0 pci
interface eth1 pci0/0000:00:08.0/virtio3 virtio
ln -s "$top/root/sys/bus/pci" "$tree/pci0/0000:00:08.0/subsystem"
ln -s "$tree/pci0/0000:00:08.0" "$top/root/sys/bus/pci/devices"
interface eth2 44000000.ethernet platform
interface usb0 pci0/0000:00:09.0/usb1/1-1 usb
mkdir "$top/root/sys/class/net/lo"
for names in "eth0:PCI function 0000:00:07.0" "eth1:PCI function 0000:00:08.0" "eth2:platform device 44000000.ethernet"; do
	name=${names%%:*} device=${names#*:}
	run 1 "bind: $name" bind --root "$top/root" -b memfd: "$name"
	says "bind: $name: its device" "ndshm: network interface $name is that of $device"$'\n'"ndshm: cannot bind ${device##* }: the stand-in *"
	run 1 "unbind: $name" unbind --root "$top/root" -b memfd: "$name"
	says "unbind: $name: its device" "ndshm: network interface $name is that of $device"$'\n'"ndshm: cannot unbind ${device##* }: it is not bound *"
done
for command in bind unbind; do
	run 1 "$command: usb0" $command --root "$top/root" usb0
	says "$command: usb0: why" "ndshm: cannot $command usb0: it is a network interface of device 1-1 on bus usb; name the device: *lspci -D*"
	run 1 "$command: lo" $command --root "$top/root" lo
	says "$command: lo: why" "ndshm: cannot $command lo: it is a virtual network interface, without a device; name the device: *lspci -D*"
done
[ ! -e "$top/root/run" ]
ok "refusals leave nothing behind"
end
