#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-commits.sh [RANGE]: check the messages of the commits in RANGE against
# Documentation/hacking/contributing.rst. Print each fault, and fail if there is one. Default: the
# commits that are new since the upstream of main; without an upstream since main; on main
# without an upstream the last commit only.
set -euo pipefail

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd -- "$top"

range=${1:-}
for base in 'main@{upstream}' origin/main main; do
	[[ ! $range ]] || break
	! git rev-parse -q --verify "$base^{commit}" >/dev/null 2>&1 || range=$base..HEAD
done
range=${range:-HEAD}
[[ $range != main..HEAD || $(git rev-parse main) != $(git rev-parse HEAD) ]] || range=HEAD
[[ $range == *..* ]] || range="$range -n1"

area='[A-Za-z0-9._/,*{}-]+'
# Not imperative: "added", "adding", "adds"; but "need", "bring", "pass".
participle='^[a-z]+(ed|ing|[^s]s)$'
verb='^(bias|alias|focus|bleed|breed|embed|exceed|feed|heed|need|proceed|seed|shed|speed|succeed|weed|bring|cling|fling|ping|ring|sing|sling|spring|string|swing)$'

wrong=0
fault() {
	printf '%.12s %s\n\t%s\n' "$commit" "$title" "$1"
	wrong=1
}

# shellcheck disable=SC2086 # may be two words
commits=$(git rev-list --no-merges --reverse $range)
for commit in $commits; do
	mapfile -t lines < <(git log -1 --format=%B "$commit")
	title=${lines[0]:-} word=
	[[ ${#title} -le 72 ]] || fault "the title has ${#title} characters, more than 72"
	if [[ $title =~ ^$area(:\ $area)*:\ ([^\ ]+) ]]; then
		word=${BASH_REMATCH[2]}
		[[ $word =~ ^[a-z] || $word =~ [A-Z_0-9./].*[A-Z_0-9./] ]] || fault "the summary begins with '$word', not with a verb in lower case"
		[[ ! $word =~ $participle || $word =~ $verb ]] || fault "'$word' is not imperative"
	else
		fault "the title has not the form 'area: imperative summary'"
	fi
	[[ $title != *';'* ]] || fault 'the title has a semicolon: one change in a commit'
	[[ $title != *. ]] || fault 'the title ends with a full stop'
	[[ ! ${lines[1]:-} ]] || fault 'the line after the title is not empty'
	printf '%s\n' "${lines[@]:2}" | grep -vE '^[A-Z][A-Za-z]*(-[A-Za-z]+)+: |^$' | grep -q . ||
		fault 'there is no body: state the symptom, its cause, the change, and the proof'
done
[[ $wrong -eq 0 ]]
