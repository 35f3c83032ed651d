#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fresh.sh [--cold] TARGET...: run what README.md and the pages tell a user to type, each target in
# a minimal chroot of Debian that has `git`, `make` and the clone of this repository's last commit.
# A package that a page or packages.sh does not name is missing there. Prints TAP with seconds, and as
# the last line N passed, N failed. Needs root.
#
#   readme        README's commands
#   test          the second of them alone
#   install-6.1, install-6.12
#                 install with the packages that a page names, load in a guest, uninstall
#   pages         the blocks of README and the first pages, in a guest of that chroot
#   package, docs, lint
#                 the targets of the Makefile
#   library       make -C userlib check, with the packages that it asks for
#   check, check-debug
#                 what these targets install and build, without running a level
#   all           all of them
#   turn:N        one of all but readme, by number
#
# Downloaded packages, kernels and compiled objects are kept in the cache, which has them by their
# inputs; packages are installed anew. --cold: nothing is kept, all is fetched and built.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
. "$vm_dir/../../userlib/packaging/chroot.sh"

top=$(cd -- "$vm_dir/../.." && pwd -P)
kept=$cache/fresh
all=(readme install-6.12 library check pages docs check-debug install-6.1 package lint)

# in_chroot COMMAND...: as root of the chroot, as after a login.
in_chroot() {
	chroot "$root" env -i HOME=/root USER=root LOGNAME=root TERM=dumb LANG=C.UTF-8 \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"
}
# typed TEXT [DIRECTORY]: run what a user types in the checkout, or in another directory.
typed() {
	[[ $1 ]] || { echo 'the page has no such command'; return 1; }
	printf '%s\n' "$1" | sed 's/^/$ /'
	in_chroot bash -euc "cd -- ${2:-/srv/ndshm}"$'\n'"$1"
}

# commands PAGE ERE: print the commands of a page's blocks that begin with ERE, with the lines that
# continue them, without prompt and indent.
commands() {
	sed -nE "s/^([[:blank:]]*|[$] )($2)/\2/; /^($2)/{:more; p; /\\\\\$/{n; b more}}" "$root/srv/ndshm/$1"
}

# The blocks use sudo, which root need not have. The running kernel of a chroot is that of the machine,
# so the other one is installed, and uname has to name it.
as_on_kernel() {
	release=$("$vm_dir/kernels.sh" release "$1")
	printf '#!/bin/sh\nexec env -- "$@"\n' >"$root/usr/local/bin/sudo"
	printf '#!/bin/sh\n[ "$*" = -r ] || exec /usr/bin/uname "$@"\necho %s\n' "$release" >"$root/usr/local/bin/uname"
	chmod 755 -- "$root/usr/local/bin/"{sudo,uname}
	in_chroot apt-get -qq update
	in_chroot apt-get -qq install --no-install-recommends "linux-image-$release"
	typed "$(commands Documentation/use/start.rst 'sudo apt-get')"
}
without_uname() { rm -- "$root/usr/local/bin/uname"; }

run_test() {
	local out=$root/srv/test.log
	typed "$(commands README.md 'make -C ndshm test')" /srv | tee -- "$out"
	[[ $(sed -n 's/^\([0-9]*\) passed, 0 failed$/\1/p' "$out") -ge 300 ]]
}
run_readme() {
	typed "$(commands README.md 'make -C ndshm demo')" /srv
	run_test
}
# All files but those that apt, dpkg and the build write, and the sum of each that depmod writes.
files_of_chroot() {
	(cd -- "$root" && find . -xdev \( -path ./root -o -path ./srv -o -path ./tmp -o -path ./var/lib/apt -o -path ./var/cache -o -path ./var/log \) \
		-prune -o -print | sort; sha256sum -- lib/modules/*/modules.*)
}
# The module of `make install` is loaded by its name, and modules outside the tree are built with it.
run_install() {
	local before
	as_on_kernel "$1"
	typed "$(commands Documentation/use/start.rst 'make -j')"
	before=$(files_of_chroot)
	typed 'make install'
	typed ldconfig
	typed 'cp -r Documentation/examples /root/own && make -C /lib/modules/$(uname -r)/build M=/root/own W=1 KCFLAGS=-Werror modules'
	"$vm_dir/run.sh" --kernel "$1" --name "fresh-install-$1" --root "$root" --quiet -- bash -euc '
		modprobe ndshm
		ndshm info
		ndshm alloc --length 1M
		modprobe -r ndshm
		[[ ! -e /dev/ndshm ]]
		cd /srv/ndshm
		ko=$(modinfo -n ndshm)
		NDSHM_BUILD=build NDSHM_KO=$ko NDSHM_EXAMPLES=/root/own selftests/examples.sh'
	typed 'make uninstall'
	typed ldconfig
	diff <(echo "$before") <(files_of_chroot)
	typed 'make install DESTDIR=/tmp/root && make uninstall DESTDIR=/tmp/root'
	[[ ! $(find "$root/tmp/root" ! -type d) ]]
	diff <(echo "$before") <(files_of_chroot)
}
run_pages() {
	as_on_kernel 6.12
	without_uname
	BUILD=$work/build KERNEL=6.12 "$vm_dir/readme.sh" --root "$root"
}
run_package() { typed 'make package'; }
run_docs() { typed 'make docs'; }
run_lint() { typed 'make lint'; }
run_library() {
	local said
	! said=$(typed 'make -C userlib check' 2>&1) || { echo 'it misses no package'; return 1; }
	echo "$said"
	said=$(grep -oE 'apt-get install .*' <<<"$said")
	in_chroot apt-get -qq update
	typed "$said -y --no-install-recommends"
	typed 'make -C userlib check'
}
run_check() { typed 'selftests/vm/check.sh --build stock'; }
run_check-debug() { typed 'selftests/vm/check.sh --build debug'; }

# inside TARGET: in a mount namespace of its own.
inside() {
	local target=$1 part
	mount -t tmpfs -o size=16G,mode=755 tmpfs "$root"
	tar -C "$root" --exclude='./dev/*' -xpf "$tar"
	mount --rbind /dev "$root/dev"
	mount -t proc proc "$root/proc"
	mount -t sysfs -o ro sysfs "$root/sys"
	cp -L -- /etc/resolv.conf /etc/hosts "$root/etc/"
	# As the machine reaches its archive, which may be a mirror that is late.
	apt-config dump | grep -E '^Acquire::(https?::Proxy|Check-Valid-Until) ' >"$root/etc/apt/apt.conf.d/90machine" || true
	# A user says yes. Nothing of the chroot has to survive a crash.
	printf '%s\n' 'APT::Get::Assume-Yes "true";' 'APT::Sandbox::User "root";' 'Dpkg::Use-Pty "false";' >"$root/etc/apt/apt.conf.d/90fresh"
	echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/90fresh"
	mkdir -p -- "$root/root/.cache/ndshm" "$root/var/cache/apt/archives/partial"
	if [[ ! $cold ]]; then
		mkdir -p -- "$kept/archives/partial"
		mount --bind "$kept/archives" "$root/var/cache/apt/archives"
		for part in kernels ccache chroot; do
			mkdir -p -- "$cache/$part" "$root/root/.cache/ndshm/$part"
			mount --bind "$cache/$part" "$root/root/.cache/ndshm/$part"
		done
		# emulator.sh replaces the directory, which must be no mount.
		[[ ! -d $cache/emulator ]] || cp -a -- "$cache/emulator" "$root/root/.cache/ndshm/"
	fi
	# No directory of the host, which the guest may see as well.
	cd -- "$top"
	git -c advice.detachedHead=false clone -q --no-hardlinks "$top" "$root/srv/ndshm"
	"run_${target%%-6.*}" "${target#*-}"
}

[[ ${1:-} != --inside ]] || {
	cold=$2 root=$3 tar=$4 work=$5
	inside "$6"
	exit
}
cold=
[[ ${1:-} != --cold ]] || { cold=1; shift; }
[[ $# -gt 0 ]] || { sed -n '/^# fresh/,/^set/{s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2; exit 2; }
[[ $EUID -eq 0 ]] || die 'as root only: a chroot with a network cannot be made without'
"$vm_dir/packages.sh" build vm package >&2
targets=()
for name; do
	case $name in
	all)	targets+=("${all[@]}") ;;
	turn:*)	turn=${name#turn:}; targets+=("${all[1 + turn % (${#all[@]} - 1)]}") ;;
	*)	[[ " test ${all[*]} " == *" $name "* ]] || die "no such target: $name; there are: test ${all[*]}"
		targets+=("$name") ;;
	esac
done
[[ -z $(git -C "$top" status --porcelain) ]] || say 'what is not committed is not in the clone'

# Not two at a time: they would share names of guests, and apt's lock of what is downloaded.
mkdir -p -- "$kept"
exec {lock}>"$kept/lock"
flock -n "$lock" || { say 'waiting for another run'; flock "$lock"; }
tar=$(chroot_make fresh minbase git,make)
work=$(realpath -m -- "${BUILD:-$top/build}/fresh")
mkdir -p -- "$work"
number=0 failed=0 pid='' root=''
# unshare holds off signals, and ends its processes if it is killed.
trap '[[ ! $pid ]] || { kill -KILL "$pid"; wait "$pid"; } 2>/dev/null || true; [[ ! -d $root ]] || rmdir -- "$root"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
for target in "${targets[@]}"; do
	number=$((number + 1)) start=$SECONDS code=0
	say "$target (its log is $work/$target.log)"
	root=$(mktemp -d -p /var/tmp)
	unshare --mount --propagation private --pid --fork --kill-child \
		"${BASH_SOURCE[0]}" --inside "$cold" "$root" "$tar" "$work" "$target" </dev/null >"$work/$target.log" 2>&1 {lock}>&- &
	pid=$!
	wait "$pid" || code=$?
	pid=
	rmdir -- "$root"
	[[ $code -eq 0 ]] || { failed=$((failed + 1)); tail -n 40 -- "$work/$target.log" | sed 's/^/# /'; printf 'not '; }
	printf 'ok %d - %s%s # %d s\n' "$number" "$target" "${cold:+, nothing kept}" $((SECONDS - start))
done
printf '1..%d\n%d passed, %d failed\n' "$number" $((number - failed)) "$failed"
[[ $failed -eq 0 ]]
