#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# install.sh VERSION DIRECTORY: the manual pages, and links for the further names that
# they have. INSTALL may hold the program that does it. With --remove instead of VERSION
# they are removed.
set -euo pipefail

here=$(dirname -- "$0")
version=$1 directory=$2
read -ra install <<<"${INSTALL:-install}"
made=$(mktemp)
trap 'rm -f -- "$made"' EXIT

for page in "$here"/*.[1-9]; do
	file=${page##*/}
	section=${file##*.}
	place=$directory/man$section
	if [[ $version == --remove ]]; then
		"$here/names.sh" "$page" | sed "s#.*#$place/&.$section#" | xargs rm -f -- "$place/$file"
		continue
	fi
	sed "s/@VERSION@/$version/" "$page" >"$made"
	"${install[@]}" -d "$place"
	"${install[@]}" -m 644 "$made" "$place/$file"
	for name in $("$here/names.sh" "$page"); do
		[[ $name.$section == "$file" ]] || ln -sf "$file" "$place/$name.$section"
	done
done
