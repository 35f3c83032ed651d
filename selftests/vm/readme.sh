#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# readme.sh [--root DIRECTORY]: check the examples in README.md and in the first pages of the documentation.
# Every block marked `sh` is run, in order and in one shell. The output of a block must
# equal the `text` block after it, in which a line `...` matches any lines, and `...`
# within a line any text.
#
# The blocks of guest_pages run in a virtual machine that has a copy of the project and
# nothing else of it. The targets of their `make` commands are built outside in advance,
# because compiling takes minutes in the machine. The blocks of host_pages run in the
# copy, outside of the machine: they build, and start machines. The same is done with the
# commands in the sentences of README.md, see readme-inline.sh.
#
# With --root the machine has this root, a Debian in which the packages of the pages, the headers of
# the kernel and a clone in /srv/ndshm are, and only the blocks of guest_pages are run.
#
# Blocks marked `console` are not run, because they use the network. They are listed.
# Last line: N passed, N failed. KERNEL=6.12 selects the kernel; KEEP=1 keeps the outputs
# in BUILD/readme, and the copy beside it.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

top=$(cd -- "$vm_dir/../.." && pwd -P)
kernel=${KERNEL:-6.12}
work=${BUILD:-$top/build}/readme
root=
[[ ${1:-} != --root ]] || root=$2
# A page may use what the pages before it have installed.
guest_pages=(README.md Documentation/use/start.rst Documentation/use/limits.rst Documentation/use/cards.rst
	Documentation/driver/own-module.rst Documentation/driver/start.rst Documentation/provider/start.rst)
host_pages=(Documentation/hacking/start.rst Documentation/use/first-driver.rst)

# extract DIRECTORY PAGE...: write PAGE-LINE.sh for each block to run, and PAGE-LINE.text for its
# expected output; PAGE counts from 1. Print which blocks are not run or not compared.
extract() {
	local directory=$1 page=0 name
	shift
	for name; do
		page=$((page + 1))
		awk -v prefix="$directory/$page-" -v name="$name" '
			function begin(kind) {
				open = 1
				file = ""
				if (kind == "sh") {
					block = sprintf("%s%04d", prefix, NR)
					file = block ".sh"
				} else if (kind == "text" && block != "") {
					file = block ".text"
					block = ""
				} else {
					block = ""
					printf "# %s line %d: not run (%s)\n", name, NR, kind
				}
				if (file != "") printf "" >file
			}
			function end() {
				if (file != "") close(file)
				open = 0
			}
			# Markdown: from fence to fence.
			name ~ /\.md$/ && /^```/ { if (open) end(); else begin(substr($0, 4)); next }
			# reStructuredText: the indented lines after the directive and an empty line.
			name ~ /\.rst$/ && /^\.\. code-block:: / { begin($3); indent = 0; empty = 0; next }
			name ~ /\.rst$/ && open {
				if ($0 == "") { empty++; next }
				if (!indent && match($0, /^[ \t]+/)) indent = RLENGTH
				else if (!match($0, /^[ \t]/)) { end(); next }
				if (file != "" && lines[file]) for (; empty; empty--) print "" >file
				empty = 0
				if (file != "") { print substr($0, indent + 1) >file; lines[file]++ }
				next
			}
			open && file != "" { print >file }
			END { if (open && name ~ /\.md$/) { print name ": a block has no end" >"/dev/stderr"; exit 1 } }' "$top/$name"
	done
	printf '%s\n' "$@" >"$directory/pages"
}

# compare TEXT OUTPUT: succeed if OUTPUT matches TEXT.
compare() {
	awk '
		# The literal parts must occur in order; the last one must end the
		# line.
		function line_fits(want, line,    piece, n, i, at) {
			n = split(want, piece, /\.\.\./)
			if (n < 2) return want == line
			if (index(line, piece[1]) != 1) return 0
			line = substr(line, length(piece[1]) + 1)
			for (i = 2; i < n; i++) {
				at = index(line, piece[i])
				if (!at) return 0
				line = substr(line, at + length(piece[i]))
			}
			return length(line) >= length(piece[n]) &&
			       substr(line, length(line) - length(piece[n]) + 1) == piece[n]
		}
		FILENAME == ARGV[1] { want[++wanted] = $0; next }
		{ line[++lines] = $0 }
		END {
			i = j = 1
			while (j <= lines) {
				if (i <= wanted && want[i] == "...") { any = i++; from = j }
				else if (i <= wanted && line_fits(want[i], line[j])) { i++; j++ }
				else if (any) { i = any + 1; j = ++from }
				else exit 1
			}
			while (i <= wanted && want[i] == "...") i++
			exit i <= wanted
		}' "$1" "$2"
}

[[ $root ]] || "$vm_dir/packages.sh" readme
rm -rf -- "${work:?}"
mkdir -p -- "$work/guest" "$work/host" "$work/inline"
work=$(cd -- "$work" && pwd -P)
extract "$work/guest" "${guest_pages[@]}"
if [[ ! $root ]]; then
	extract "$work/host" "${host_pages[@]}"
	"$vm_dir/readme-inline.sh" "$top/README.md" "$work/inline"
fi

clean_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [[ $root ]]; then
	project=/srv/ndshm
	headers=$(chroot "$root" realpath -- "/lib/modules/$("$vm_dir/kernels.sh" release "$kernel")/build")
	build() {
		cp -- "$work/build" "$root/srv/"
		chroot "$root" env -i HOME=/root LANG=C.UTF-8 PATH="$clean_path" KDIR="$headers" bash -ec 'cd /srv/ndshm; . /srv/build'
	}
else
	# The files that a clone of this tree would have, and new files.
	project=$work-project
	rm -rf -- "$project"
	mkdir -- "$project"
	(cd -- "$top" && git ls-files -z --cached --others --exclude-standard |
		while IFS= read -rd '' file; do [[ ! -e $file ]] || printf '%s\0' "$file"; done |
		tar --null -T - -c) | tar -x --no-same-owner -C "$project"
	headers=$("$vm_dir/kernels.sh" headers "$kernel")
	keep_objects
	[[ ! ${CCACHE_DIR:-} ]] || clean_path=/usr/lib/ccache:$clean_path
	user=()
	[[ $EUID -eq 0 ]] || user=(--user --map-root-user)
	# What is installed for modules of others is at its place in a name space.
	build() {
		(cd -- "$project" && unshare "${user[@]}" --mount bash -ec 'mount -t tmpfs tmpfs /usr/src && exec "$@"' - \
			env -i HOME=/nonexistent LANG=C.UTF-8 CCACHE_DIR="${CCACHE_DIR:-}" PATH="$clean_path" KDIR="$headers" bash -e "$work/build")
	}
fi

# With the same commands, in the copy for the machine. Modules of others need what is installed for
# them.
sed -n '/^\(make\|cp -r\) /{:more;p;/\\$/{n;b more}}' "$work"/guest/*.sh | sed "s#/lib/modules/\$(uname -r)/build#$headers#" >"$work/build"
! grep -w install "$work/build" || die 'a page says to install without sudo: that is not done here'
sed -i '0,/^cp /s//make -s install-kit\n&/' "$work/build"
build >"$work/build.log" 2>&1 || {
	tail -n 30 -- "$work/build.log" >&2
	die 'the commands of the pages do not build it here'
}

# Run in the copy, so that the machine sees it wherever it is.
code=0
cd -- "${root:-$project}"
"$vm_dir/run.sh" --kernel "$kernel" --name "readme${root:+-fresh}" --iommu --wire --timeout 1200 --quiet --share "$work/guest" --root "${root:-/}" -- \
	"$vm_dir/readme-guest.sh" "$work/guest" "$project" "$headers" || code=$?

# outside DIRECTORY [VARIABLE]...: run the blocks in DIRECTORY in the copy, outside of the machine.
outside() {
	env -i HOME="$HOME" USER="${USER:-root}" TERM=dumb LANG=C.UTF-8 CCACHE_DIR="${CCACHE_DIR:-}" NDSHM_CACHE="$cache" \
		PATH="$clean_path" "${@:2}" bash --noprofile --norc "$vm_dir/readme-blocks.sh" "$1"
}
if [[ ! $root ]]; then
	outside "$work/host"
	# With the manual pages as they are installed.
	userlib/man/install.sh 0 "$work/man"
	outside "$work/inline" MANPATH="$work/man"
fi
cd -- "$top"

# As on a machine without headers of its kernel: the rest is built, one sentence says what is
# missing, and the status is 2. The objects are from above.
without_headers() {
	local code=0 said=$work/headless.said
	(cd -- "$project" && env -i HOME=/nonexistent LANG=C.UTF-8 CCACHE_DIR="${CCACHE_DIR:-}" PATH="$clean_path" \
		make -s BUILD="$work/headless" KDIR="$work/none/build" MODULE_DIR="$work/headless/module") 2>"$said" >&2 || code=$?
	[[ $code -eq 2 ]] || echo "the status is $code"
	[[ -x $work/headless/user/ndshm && -f $work/headless/user/libndshm.so.0 && -f $work/headless/user/libndshm.a ]] ||
		echo 'the library or the command is not built'
	[[ ! -e $work/headless/module ]] || echo 'something of the module is written'
	grep -v '^make' "$said" | diff - <(echo "ndshm.ko: not built, because there is no kernel build directory" \
		"$work/none/build; install the package linux-headers-$(uname -r), or set KDIR") || true
}

number=0 failed=0
check() {
	local name=$1 wrong=$2
	number=$((number + 1))
	if [[ ! $wrong ]]; then
		printf 'ok %d - %s\n' "$number" "$name"
	else
		failed=$((failed + 1))
		printf 'not ok %d - %s\n' "$number" "$name"
		sed 's/^/# /' <<<"$wrong"
	fi
}

for block in "$work"/guest/*.sh "$work"/host/*.sh "$work"/inline/*.sh; do
	[[ -e $block ]] || continue
	base=${block%.sh}
	mapfile -t pages <"${base%/*}/pages"
	wrong=
	if [[ ! -e $base.status ]]; then
		wrong='it was not run to its end'
	elif [[ $(<"$base.status") -ne 0 ]]; then
		wrong="a command of it failed: $(<"$base.status")"
	elif [[ -e $base.text ]] && ! compare "$base.text" "$base.out"; then
		wrong=$'it was to print\n'$(sed 's/^/  /' "$base.text")
	fi
	[[ ! $wrong || ! -e $base.out ]] || wrong+=$'\nand it printed\n'$(tail -n 40 -- "$base.out" | sed 's/^/  /')
	line=${base##*/}
	check "${pages[${line%-*} - 1]} line $((10#${line#*-})): $(grep -m 1 . "$block")" "$wrong"
done
[[ $root ]] || check 'make without the headers of the kernel' "$(without_headers)"
check 'the virtual machine, and its kernel log' "$([[ $code -eq 0 ]] || echo "run.sh: exit $code")"

[[ ${KEEP:-} ]] || [[ $failed -gt 0 ]] || { rm -rf -- "${work:?}"; [[ $root ]] || rm -rf -- "${project:?}"; }
printf '1..%d\n%d passed, %d failed\n' "$number" $((number - failed)) "$failed"
[[ $failed -eq 0 ]]
