# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2207
#
# Completion of the ndshm command for bash. Commands and options are those that --help lists.

# Print the first words of the commands, or the second words after $1.
_ndshm_words() {
	ndshm --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z].*\)/\1/p' |
		awk -v first="$1" '
			first == "" { print $1 }
			{ gsub(/[][]/, "", $2) }
			first != "" && $1 == first && $2 ~ /^[a-z|]+$/ { gsub(/\|/, "\n", $2); print $2 }' |
		sort -u
}

_ndshm_options() {
	ndshm "$@" --help 2>/dev/null | sed -nE 's/^ +(-., )?(--[a-z][a-z-]*).*/\2/p' | sort -u
}

# Print the names of adapters or providers.
_ndshm_names() {
	ndshm list "$1" --noheadings --output name 2>/dev/null
}

_ndshm() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} candidates='' i
	local -a words=()

	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == -* ]] || words+=("${COMP_WORDS[i]}")
	done
	COMPREPLY=()
	case $before in
	-a|--adapter)	candidates=$(_ndshm_names adapters) ;;
	-p|--provider)	candidates=$(_ndshm_names providers) ;;
	--owner)	candidates=$(compgen -u) ;;
	*)
		if [[ $word == -* ]]; then
			candidates=$(_ndshm_options "${words[@]:0:$([[ ${words[0]:-} == section ]] && echo 2 || echo 1)}")
		elif [[ ${#words[@]} -eq 0 ]]; then
			candidates=$(_ndshm_words '')
		else
			case ${words[*]} in
			list|ps|section)	candidates=$(_ndshm_words "${words[0]}") ;;
			bind|unbind)		candidates=$(find /sys/bus/{pci,platform}/devices -mindepth 1 -printf '%f\n' 2>/dev/null) ;;
			esac
		fi ;;
	esac
	# A PCI address has colons, at which bash splits words.
	COMPREPLY=($(compgen -W "$candidates" -- "$word"))
	declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "$word"
}
complete -o default -F _ndshm ndshm
