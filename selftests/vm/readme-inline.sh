#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# readme-inline.sh README DIRECTORY: write each command within a sentence of README that readme.sh
# runs to DIRECTORY/1-LINE.sh, and print those that it does not run. Such a command is
# code with a blank in it, or the path of an executable file of the project. It fails if README
# has a command that is in neither of the tables below, or if a table has one that README has not.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

top=$(cd -- "$vm_dir/../.." && pwd -P)
readme=$1 directory=$2

declare -A runs=(
	['make docs']='in the copy of the project'
	['make help']='in the copy of the project'
	['man libndshm']='with the manual pages of the copy'
)
# shellcheck disable=SC2016
declare -A not_run=(
	['make demo']='run by fresh.sh readme'
	['make test']='run by fresh.sh readme'
	['N passed, 0 failed']='no command'
	['make demo ARCH=arm64']='downloads the packages of another architecture'
	['make bench']='measures for minutes; make check builds it'
	['make package']='run by the level package'
	['selftests/vm/readme.sh']='runs this'
	['sudo apt-get install linux-headers-$(uname -r)']='uses the network; the machine has the headers'
)

# Code spans outside of blocks; a span may continue on the next line.
mapfile -t spans < <(perl -0777 -ne '
	s/^```.*?^```$/"\n" x ($& =~ tr#\n##)/gmse;
	while (/(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)/gs) {
		my ($line, $code) = (1 + substr($_, 0, $-[0]) =~ tr/\n//, $2);
		$code =~ s/\s+/ /g;
		$code =~ s/^ | $//g;
		print "$line $code\n";
	}' -- "$readme")

declare -A seen=()
wrong=0
for span in "${spans[@]}"; do
	line=${span%% *} span=${span#* }
	[[ $span == *' '* || (-f $top/$span && -x $top/$span) ]] || continue
	[[ ! ${seen[$span]:-} ]] || continue
	seen[$span]=1
	if [[ ${runs[$span]:-} ]]; then
		printf '%s\n' "$span" >>"$directory/$(printf '1-%04d.sh' "$line")"
	elif [[ ${not_run[$span]:-} ]]; then
		echo "# ${readme##*/}: not run (${not_run[$span]}): $span"
	else
		say "${readme##*/} line $line: nothing runs the command \`$span\`; put it into a block, or list it in readme-inline.sh"
		wrong=1
	fi
done
for span in "${!runs[@]}" "${!not_run[@]}"; do
	[[ ! ${seen[$span]:-} ]] || continue
	say "${readme##*/} has no command \`$span\`; remove it from readme-inline.sh"
	wrong=1
done
printf '%s\n' "${readme##*/}" >"$directory/pages"
exit "$wrong"
