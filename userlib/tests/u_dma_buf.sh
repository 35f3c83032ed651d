#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# u_dma_buf.sh NDSHM JSON_GET: ndshm u-dma-buf on device trees of plain files, also on malformed
# ones.

# shellcheck source-path=SCRIPTDIR source=command_lib.sh
. "$(dirname "$0")/command_lib.sh"
ndshm=$1 json_get=$2
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
unset NDSHM_BACKEND
tree=$top/tree
buffer=$tree/udmabuf@0
region=$tree/reserved-memory/pool@70000000

# cells FILE NUMBER...
cells() {
	local cell escaped=''

	for cell in "${@:2}"; do
		printf -v cell '\\x%02x\\x%02x\\x%02x\\x%02x' $((cell >> 24 & 255)) $((cell >> 16 & 255)) \
			$((cell >> 8 & 255)) $((cell & 255))
		escaped+=$cell
	done
	# shellcheck disable=SC2059 # escapes
	printf "$escaped" >"$1"
}

# strings FILE STRING...
strings() {
	printf '%s\0' "${@:2}" >"$1"
}

# new_tree: a root of two and two cells, and a node of 64 KiB.
new_tree() {
	chmod -R u+rwx "$tree" 2>/dev/null
	rm -rf "$tree"
	mkdir -p "$buffer"
	cells "$tree/#address-cells" 2
	cells "$tree/#size-cells" 2
	strings "$buffer/compatible" ikwzm,u-dma-buf
	cells "$buffer/size" 0x10000
}

# new_region: memory of 64 MiB for the node.
new_region() {
	mkdir -p "$region"
	cells "$tree/reserved-memory/#address-cells" 2
	cells "$tree/reserved-memory/#size-cells" 2
	: >"$tree/reserved-memory/ranges"
	cells "$region/reg" 0 0x70000000 0 0x4000000
	cells "$region/phandle" 7
	: >"$region/no-map"
	cells "$buffer/memory-region" 7
}

# convert NAME [CODE]: run the command, once for each form; $out is JSON, $text the text.
convert() {
	run "${2:-0}" "$1, as text" u-dma-buf "$tree"
	text=$out
	run "${2:-0}" "$1" u-dma-buf --json "$tree"
}

# field NAME EXPECTED KEY...: of the first node
field() {
	is "$1" "$2" "$(get 0 "${@:3}")"
}

# remark NAME PREFIX PROPERTY PATTERN: the text has such a line.
remark() {
	local line found=1

	while read -r line; do
		# shellcheck disable=SC2053 # a pattern
		[[ $line != "$2$3: "$4 ]] || found=0
	done <<<"$text"
	[ $found -eq 0 ]
	ok "$1" || echo "# $text"
}
warning() { remark "$1" "warning: " "${@:2}"; }

# quiet NAME: no warnings
quiet() { field "$1" '[]' warnings; }

# A tree without nodes, and none at all
new_tree
rm -r "$buffer"
run 0 "no node" u-dma-buf "$tree"
is "no node: nothing to show" "" "$out"
is "no node: a note" "ndshm: the device tree has no node of u-dma-buf" "$err"
run 0 "no node in JSON" u-dma-buf -j "$tree"
is "no node in JSON: an empty array" '[]' "$out"
run 1 "no directory" u-dma-buf "$top/none"
says "no directory: why" "ndshm: cannot read $top/none: No such file or directory (ENOENT)"
run 1 "a file" u-dma-buf "$tree/#size-cells"
says "a file: why" "ndshm: cannot read *: Not a directory (ENOTDIR)"
run 2 "two directories" u-dma-buf "$tree" "$tree"
says "two directories: why" '*unexpected argument; omit it*'
if [ ! -e /sys/firmware/devicetree/base ]; then
	run 1 "no tree of this machine" u-dma-buf
	says "no tree of this machine: why" '*this machine has no device tree: name the directory of one'
fi

# The least node
new_tree
convert "the least node"
field "its path" '"/udmabuf@0"' node
field "its device has the name of the node" '"udmabuf@0"' device
field "its size" 65536 size
field "32 bits" 32 address_width
field "not coherent" false coherent
field "cached memory" '"pages"' provider
field "which needs syncs" true needs_sync
field "no region" null region
field "no IOMMU" null iommus
field "is enabled" true enabled
try="ndshm alloc --adapter DEVICE --address-width 32 --contiguous --length 65536 --provider pages"
field "the command" "\"$try\"" command
quiet "the least node: no warnings"
is "the least node: the text" "/udmabuf@0: /dev/udmabuf@0, 64K
  device tree, DEVICE being the node of the device that does DMA:
    &DEVICE {
    	compatible = \"ndshm,adapter\";
    };
  try, DEVICE being the name of the adapter:
    $try
  program: ndshm_claim_adapter(), ndshm_alloc(), ndshm_map(), ndshm_sync()
  size: the length in ndshm_alloc(), as many times as needed" "$text"

# All properties
new_tree
cells "$buffer/size" 1 0
cells "$buffer/minor-number" 3
strings "$buffer/device-name" frames
cells "$buffer/dma-mask" 40
cells "$buffer/sync-mode" 2
cells "$buffer/sync-offset" 0x1000
cells "$buffer/sync-size" 0 0x2000
cells "$buffer/sync-direction" 2
: >"$buffer/dma-coherent"
: >"$buffer/sync-always"
: >"$buffer/quirk-mmap-page"
: >"$buffer/phandle"
convert "all properties"
field "a size of two cells" 4294967296 size
field "a mask" 40 address_width
field "a name" '"frames"' device
field "coherent" true coherent
field "coherent: pages" '"pages"' provider
field "coherent: no syncs" false needs_sync
[[ $(get 0 device_tree) == *dma-coherent* ]]
ok "coherent: in the node of the device"
warning "minor-number has no counterpart" minor-number '*no device nodes*'
warning "device-name has no counterpart" device-name '*no names*'
warning "sync-mode has no counterpart" sync-mode '*no write-combining mapping*'
warning "sync-always has no counterpart" sync-always '*'
remark "sync-offset is of the call" "" sync-offset '*ndshm_sync()*'
remark "sync-size is of the call" "" sync-size '*ndshm_sync()*'
remark "sync-direction is of the call" "" sync-direction 'not needed*'
remark "quirk-mmap-page is pages" "" quirk-mmap-page '*pages*pinned*'
remark "dma-mask is of the claim" "" dma-mask '*claim*'
is "all of them in JSON" '"minor-number" "device-name" "sync-mode" "sync-always"' \
	"$(for i in 0 1 2 3; do get 0 warnings $i property; done | xargs -d '\n')"
is "and what replaces the others" '"size" "dma-mask" "dma-coherent"' \
	"$(for i in 0 1 2; do get 0 remarks $i property; done | xargs -d '\n')"
is "a warning for each" 4 "$(grep -c '^  warning: ' <<<"$text")"

# A name follows from minor-number
new_tree
cells "$buffer/minor-number" 3
convert "only minor-number"
field "a name of the number" '"udmabuf3"' device

# The provider
for case in on:pages:true off:coherent:false auto:pages:true page:pages:true; do
	IFS=: read -r mode provider sync <<<"$case"
	new_tree
	: >"$buffer/quirk-mmap-$mode"
	convert "quirk-mmap-$mode"
	field "quirk-mmap-$mode: $provider" "\"$provider\"" provider
	field "quirk-mmap-$mode: syncs" "$sync" needs_sync
done
new_tree
: >"$buffer/quirk-mmap-on"
: >"$buffer/sync-always"
convert "sync-always"
field "sync-always: coherent" '"coherent"' provider
quiet "sync-always is replaced"

# Other nodes
new_tree
mkdir -p "$tree/bus/a/b"
strings "$tree/bus/a/b/compatible" other,thing ikwzm,udmabuf-0.10.a
cells "$tree/bus/a/b/size" 4096
strings "$tree/bus/compatible" ikwzm,u-dma-buffer
# The kernel reads the first string.
strings "$buffer/status" disabled okay
cells "$buffer/dma_mask" 64
convert "two nodes"
field "the old name: below a bus" '"/bus/a/b"' node
warning "the old name is of udmabuf" compatible '*ikwzm,udmabuf-0.10.a*'
is "a node that is disabled" false "$(get 1 enabled)"
is "an unknown property" '"dma_mask"' "$(get 1 warnings 0 property)"
[[ $text == *"/udmabuf@0: /dev/udmabuf@0, 64K, disabled"* ]]
ok "disabled, in the text"
get 2 >/dev/null
is "a longer name is none" 1 $?

# A region
new_tree
new_region
convert "a region"
field "the region" '"/reserved-memory/pool@70000000"' region node
field "its address" '"0x70000000"' region address
field "its length" 67108864 region length
field "is usable" true region usable
field "the provider is that of the adapter" null provider
field "no syncs" false needs_sync
field "by its path" '"&{/reserved-memory/pool@70000000}"' region reference
quiet "a region: no warnings"
mkdir "$tree/__symbols__"
strings "$tree/__symbols__/other" /reserved-memory
strings "$tree/__symbols__/pool" /reserved-memory/pool@70000000
convert "a region with a label"
field "by its label" '"&pool"' region reference
[[ $(get 0 device_tree) == *'memory-region = <&pool>;'* ]]
ok "the label in the fragment"
: >"$buffer/quirk-mmap-on"
convert "a region is not cached"
warning "a region is not cached: why" quirk-mmap-on '*uncached*'
: >"$buffer/quirk-mmap-page"
convert "a region cannot be pinned"
warning "a region cannot be pinned: why" quirk-mmap-page '*cannot be pinned*'

# refused NAME PATTERN: the region is not usable.
refused() {
	convert "$1"
	field "$1: not usable" false region usable
	warning "$1: why" memory-region "$2"
}
: >"$region/reusable"
refused "reusable" '*is reusable, which ndshm refuses; remove that*'
[[ $(get 0 device_tree) == *'&pool {\n\t/delete-property/ reusable;\n};'* ]]
ok "reusable: how to remove it"
rm "$region/reusable"
rm "$region/no-map"
refused "no no-map" '*needs no-map*'
[[ $(get 0 device_tree) == *'&pool {\n\tno-map;\n};'* ]]
ok "no no-map: how to add it"
: >"$buffer/dma-coherent"
convert "no no-map, coherent"
field "no no-map, coherent: usable" true region usable
strings "$region/compatible" shared-dma-pool
convert "a pool without reusable"
field "a pool without reusable: usable" true region usable
: >"$region/linux,dma-default"
refused "the default pool" '*pool of the kernel*'
rm "$region/linux,dma-default"
strings "$region/compatible" restricted-dma-pool
refused "a restricted pool" '*pool of the kernel*'
rm "$region/compatible"
strings "$region/status" disabled
refused "a region that is disabled" '*is disabled*'
rm "$region/status"
cells "$region/reg" 0 0x70000800 0 0x4000000
refused "a region of parts of pages" '*not of whole pages*'
cells "$region/reg" 0xffffffff 0xfffff000 0 0x2000
refused "a region beyond the end" '*no end*'
cells "$region/reg" 0 0x70000000 0 0
refused "an empty region" '*no bytes*'
cells "$region/reg" 0x70000000 0x4000000
refused "a region with one cell each" '*8 bytes, not 16*'
cells "$region/reg" 0 0x70000000 0 0x4000
convert "a short region"
warning "a short region: why" size '*longer than*16384 bytes*'
rm "$region/reg"
convert "a region without place"
field "a region without place: usable" true region usable
field "a region without place: no address" null region address
for file in '#address-cells' '#size-cells' ranges; do
	mv "$tree/reserved-memory/$file" "$top/kept"
	refused "no $file" 'the kernel reserves nothing; /reserved-memory needs ranges*'
	mv "$top/kept" "$tree/reserved-memory/$file"
done
cells "$tree/reserved-memory/#address-cells" 1
refused "other cells than the root" 'the kernel reserves nothing*'
cells "$tree/reserved-memory/#address-cells" 0xffffffff
cells "$tree/#address-cells" 0xffffffff
refused "impossible cells" 'the kernel reserves nothing*'
cells "$tree/reserved-memory/#address-cells" 2
cells "$tree/#address-cells" 2
mkdir "$tree/dma" "$tree/memory@0"
cells "$tree/dma/memory-region" 9 7
convert "another user of the region"
warning "another user of the region: which" memory-region \
	'/dma refers to /reserved-memory/pool@70000000, too*'
cells "$buffer/memory-region" 7 8
convert "two regions"
warning "two regions: the first" memory-region '*first region only*'
mv "$region" "$tree/pool@70000000"
refused "a region elsewhere" '/pool@70000000 is not in /reserved-memory*'

# References that lead nowhere, or round
cells "$tree/dma/phandle" 0
cells "$tree/memory@0/phandle" 0xffffffff
for phandle in 0 8 0xffffffff; do
	cells "$buffer/memory-region" $phandle
	convert "phandle $phandle"
	field "phandle $phandle: no region" null region
	warning "phandle $phandle: why" memory-region 'no node has the phandle*'
done
new_tree
cells "$buffer/phandle" 1
cells "$buffer/memory-region" 1
refused "a region that is the node itself" '/udmabuf@0 is not in /reserved-memory*'
new_tree
new_region
mkdir "$tree/zzz"
cells "$tree/zzz/linux,phandle" 7
convert "a phandle of two nodes"
warning "a phandle of two nodes: why" memory-region '2 nodes have the phandle 0x7*'
printf abc >"$buffer/memory-region"
convert "half a phandle"
warning "half a phandle: why" memory-region '3 bytes*'
: >"$buffer/memory-region"
convert "an empty reference"
warning "an empty reference: why" memory-region '0 bytes*'

# IOMMUs
new_tree
mkdir "$tree/smmu"
cells "$tree/smmu/phandle" 5
cells "$tree/smmu/#iommu-cells" 1
cells "$buffer/iommus" 5 0x870 5 0x871
convert "two stream ids"
field "two stream ids: as in a source" '"<&{/smmu} 0x870>, <&{/smmu} 0x871>"' iommus
[[ $(get 0 device_tree) == *'iommus = <&{/smmu} 0x870>, <&{/smmu} 0x871>;'* ]]
ok "two stream ids: in the fragment"
quiet "two stream ids: no warnings"
for number in 2 4 9 0x7fffffff 0xffffffff; do
	cells "$tree/smmu/#iommu-cells" $number
	convert "$number cells of an IOMMU"
	warning "$number cells of an IOMMU: why" iommus 'not references*'
done
cells "$tree/smmu/#iommu-cells" 9
cells "$buffer/iommus" 5 1 2 3 4 5 6 7 8 9
convert "nine cells that are there"
warning "nine cells that are there: why" iommus 'not references*'
cells "$tree/smmu/#iommu-cells" 1
cells "$buffer/iommus" 5
convert "an IOMMU without its cells"
warning "an IOMMU without its cells: why" iommus 'not references*'
mkdir -p "$tree/reserved-memory/r"
cells "$tree/reserved-memory/r/phandle" 6
cells "$buffer/memory-region" 6
cells "$buffer/iommus" 5 0x870
convert "a region behind an IOMMU"
warning "a region behind an IOMMU: not used" memory-region 'ndshm does not use it while the IOMMU translates*'
rm "$buffer/memory-region"
cells "$buffer/iommus" 5
rm "$tree/smmu/#iommu-cells"
convert "no number of cells"
warning "no number of cells: why" iommus 'not references*'

# Numbers that u-dma-buf refuses, ignores, or reads in part
for case in "size:0 bytes, but a number has 4*:" "size:0;*:0" "size:12 bytes*first 8:0 5 6" \
	"dma-mask:11 is not*:11" "dma-mask:65 is not*:65" "dma-mask:12 bits*24 or more*:12" \
	"sync-mode:0 is not 1 to 3*:0" "sync-mode:4 is not 1 to 3*:4" \
	"sync-direction:3 is not 0 to 2*:3" "minor-number:8 bytes*first 4:1 2"; do
	IFS=: read -r property pattern numbers <<<"$case"
	new_tree
	# shellcheck disable=SC2086 # numbers
	cells "$buffer/$property" $numbers
	convert "$property <$numbers>"
	warning "$property <$numbers>: why" "$property" "$pattern"
done
new_tree
rm "$buffer/size"
convert "no size"
field "no size: none" null size
warning "no size: why" size 'missing*'
cells "$buffer/size" 0xffffffff 0xffffffff
convert "the largest size"
field "the largest size: as large as JSON has" 9223372036854775807 size
printf abc >"$buffer/size"
convert "a size of three bytes"
warning "a size of three bytes: why" size '3 bytes*'
printf '\0\0\1\0\1' >"$buffer/size"
convert "a size of five bytes"
field "a size of five bytes: the first four" 256 size
warning "a size of five bytes: why" size '5 bytes*first 4'

# Strings without an end, or with more than one, and what must not get into a terminal
new_tree
printf ikwzm,u-dma-buf >"$buffer/compatible"
convert "compatible without an end"
warning "compatible without an end: why" compatible 'a string without end'
strings "$buffer/compatible" ikwzm,u-dma-buf
printf name >"$buffer/device-name"
convert "a name without an end"
warning "a name without an end: why" device-name 'not a string with an end*'
field "a name without an end is none" '"udmabuf@0"' device
strings "$buffer/device-name" one two
convert "two names"
warning "two names: why" device-name 'not a string with an end*'
: >"$buffer/device-name"
convert "an empty name"
warning "an empty name: why" device-name 'not a string with an end*'
strings "$buffer/device-name" $'\e[2J\377'
convert "a name of escapes"
field "a name of escapes: printable" '"?[2J?"' device
[[ $text == *'/dev/?[2J?'* && $text != *$'\e'* ]]
ok "a name of escapes: printable as text"
mv "$buffer" "$tree/"$'u\e\377'
convert "a node of escapes"
field "a node of escapes: printable" '"/u??"' node
new_tree
new_region
mv "$region" "$tree/reserved-memory/"'p}>; dma-coherent; "\'
convert "a region with source as its name"
field "a region with source as its name: its characters" \
	'"&{/reserved-memory/p????dma-coherent????}"' region reference

# Files that are none, and long ones
new_tree
mkfifo "$buffer/device-name" "$tree/phandle"
timeout 20 "$ndshm" u-dma-buf -j "$tree" >"$top/out" 2>&1
is "a fifo is not waited for" 0 $?
rm "$buffer/device-name"
ln -s /etc/hostname "$buffer/device-name"
convert "a link"
warning "a link is not followed" device-name 'not a file*'
rm "$buffer/device-name"
head -c 65537 /dev/zero >"$buffer/device-name"
convert "a long property"
warning "a long property: why" device-name 'longer than 65536 bytes*'
head -c 65536 /dev/zero | tr '\0' x >"$buffer/device-name"
convert "a long string"
warning "a long string: why" device-name 'not a string with an end*'
new_tree
for ((i = 10; i < 60; i++)); do
	: >"$buffer/x$i"
	mkdir "$tree/other$i"
	cells "$tree/other$i/memory-region" 7
done
new_region
convert "many properties, and many users of a region"
warning "many properties are counted" ... '42 more*'
warning "many users are counted" memory-region '42 more nodes*'
is "eight properties are named" 8 "$(grep -c 'not a property of u-dma-buf' <<<"$text")"
is "eight users are named" 8 "$(grep -c 'refers to' <<<"$text")"

# Loops, and trees without end
new_tree
ln -s .. "$buffer/up"
ln -s "$tree" "$tree/again"
convert "a loop of links"
get 1 >/dev/null
is "a loop of links: one node" 1 $?
new_tree
mkdir "$tree/long"
head -c 65537 /dev/zero | tr '\0' x >"$tree/long/compatible"
run 1 "a node that is not read whole" u-dma-buf -j "$tree"
field "a node that is not read whole: the rest" '"/udmabuf@0"' node
[[ $err == *"cannot read compatible of /long: "*"(EFBIG)"* ]]
ok "a node that is not read whole: why" || echo "# $err"
new_tree
deep=$tree
for ((i = 0; i < 70; i++)); do deep+=/n; done
mkdir -p "$deep"
run 1 "a deep tree" u-dma-buf -j "$tree"
field "a deep tree: what is not too deep" '"/udmabuf@0"' node
[[ $err == *"cannot read /n/n/"*": the tree is too deep"* ]]
ok "a deep tree: why" || echo "# $err"
new_tree
for ((i = 0; i < 256; i++)); do
	mkdir "$tree/b$i"
	strings "$tree/b$i/compatible" ikwzm,u-dma-buf
done
run 1 "257 nodes" u-dma-buf -j "$tree"
[[ $err == *"u-dma-buf has at most 256"* ]]
ok "257 nodes: why"
get 255 node >/dev/null
is "257 nodes: 256 are shown" 0 $?
get 256 >/dev/null
is "257 nodes: not the last one" 1 $?

# Parts that this user cannot read
if [ "$(id -u)" -ne 0 ]; then
	new_tree
	mkdir "$tree/secret"
	chmod 0 "$tree/secret"
	run 1 "a part that cannot be read" u-dma-buf -j "$tree"
	field "a part that cannot be read: the rest" '"/udmabuf@0"' node
	[[ $err == *"cannot read /secret: Permission denied"* ]]
	ok "a part that cannot be read: why"
	chmod 700 "$tree/secret"
	chmod 0 "$buffer/size"
	convert "a size that cannot be read"
	warning "a size that cannot be read: why" size '*cannot be read*'
fi
"$ndshm" u-dma-buf "$tree" >/dev/full 2>"$top/err"
is "the output cannot be written" 1 $?
end
