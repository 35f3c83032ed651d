#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# section_command.sh NDSHM STAND_IN JSON_GET INHERITS [DEVICE [CARD]]: the command's
# sections, on the backend without a module or, as root, on the module's DEVICE. CARD is
# an adapter that must be claimed.

# shellcheck source-path=SCRIPTDIR source=command_lib.sh
. "$(dirname "$0")/command_lib.sh"
ndshm=$1 stand_in=$2 json_get=$3 inherits=$4 device=${5:-} card=${6:-}
page=$(getconf PAGESIZE)
export NDSHM_BACKEND=${device:-memfd:}
if [[ $device ]]; then
	adapter=node0 provider=pages allocates=yes
else
	adapter=memfd provider=memfd allocates=no
fi

run 2 "section alone" section
run 2 "section frobnicate" section frobnicate
says "section frobnicate is explained" '*section: there is no command "frobnicate"*'
run 0 "help" section --help
help=$out
for word in create open rm show; do
	[[ $help == *"  $word "* ]]
	ok "help names $word"
	run 0 "help of $word" section $word --help
done

# made PATTERN NAME ARGUMENT...: expect that such a section is created, and ends.
made() {
	run 0 "$2" section create "${@:3}"
	# shellcheck disable=SC2053 # a pattern
	[[ $out == $1 ]]
	ok "$2: shown" || echo "# $out"
}

made "section +([0-9]): max=1073741824 initial=0 committed=0 adapter=$adapter provider=$provider" \
	"create" --max 1G
made "section *: max=$page initial=$page committed=*" "create: rounded up" -m 1 -i 1
made "* initial=2097152 committed=2097152 *" "create: memory" --max 4M --initial 2M
made "* adapter=$adapter provider=$provider" "create: names" --max 64K --node 0 \
	--adapter $adapter --provider $provider
run 0 "create in JSON" section create --json --max 4M --initial 2M
for member in "adapter \"$adapter\"" "provider \"$provider\"" "max_size 4194304" \
	      "initial_size 2097152" "committed 2097152"; do
	is "create in JSON: ${member% *}" "${member#* }" "$(get "${member% *}")"
done
[[ $(get id) == +([0-9]) ]]
ok "create in JSON: id"
run 0 "options between the words" section --json create --max 1M
is "they count" 1048576 "$(get max_size)"

# failed NAME ARGUMENT... REASON: expect this failure and message.
failed() {
	local reason=${*: -1}

	fails 1 "$1" "ndshm: cannot *: *; * ($reason)" section create "${@:2:$#-2}"
}

failed "nothing" --max 0 "length-zero, INVALID_PARAMETER, EINVAL"
failed "too long" --max 65G "length-limit, INVALID_PARAMETER, EINVAL"
failed "much too long" --max 18446744073709551615 "length-overflow, INVALID_PARAMETER, EOVERFLOW"
failed "more at first than ever" --max 1M --initial 2M "section-initial, INVALID_PARAMETER, EINVAL"
failed "no such node" --max 1M --node 2147483647 "node, INVALID_PARAMETER, EINVAL"
failed "no such adapter" --max 1M --adapter node9 "adapter-unknown, ADAPTER_NOT_FOUND, ENOENT"
failed "no such provider" --max 1M --provider none "provider-unknown, FILE_NOT_FOUND, ENOENT"

for bad in "" "-i 1M" "-m x" "-m -1" "-m 1Z" "-m 1KK" "-m 17179869184G" "-m 18446744073709551616" \
	   "-m 1M -i x" "-m 1M -i 1MB" "-m 1M -n x" "-m 1M -n -1" "-m 1M -w x" \
	   "-m 1M -w 4294967296" \
	   "-m 1M --readonly" "-m 1M --hold true" "true -m 1M"; do
	bad_usage "ndshm section create: *" "create $bad" section
done
run 2 "bad usage: an empty length" section create --max ""
for bad in 16E 5Q -1; do
	"$ndshm" alloc --length $bad 2>"$top/expected"
	run 2 "bad usage: create --max $bad" section create --max $bad
	is "bad usage: create --max $bad: the text of alloc" \
		"$(sed -n '1s/ndshm alloc/ndshm section create/p' "$top/expected")" "$(sed -n 1p <<<"$err")"
done
run 2 "bad usage: open --json" section open --json a true
says "bad usage: open --json is explained" '{"error":{"message":"ndshm section open: --json: *'
run 2 "bad usage: create --json with a program" section create -m 1M --json true
says "bad usage: create --json with a program is explained" \
	'{"error":{"message":"ndshm section create: --json: *'

"$ndshm" section create --max 1M >/dev/full 2>"$top/err"
is "a full disk is a failure" 1 $?
holds_and_ends "section *: max=65536 *" section create --max 64K

# /dev/null, as the input of a service, is no end of the input.
# shellcheck disable=SC2094
mkfifo "$top/held"
"$ndshm" section create --max 64K --hold </dev/null >"$top/held" &
pid=$!
read -r line <"$top/held"
sleep 0.2
kill -TERM $pid
ok "hold: /dev/null does not end it"
wait $pid
is "hold: ends with SIGTERM, input /dev/null" 0 $?
rm -f "$top/held"

# Names
for bad in "-m 1M --mode 600" "-m 1M --group 0" "-m 1M --name a --mode 1000" \
	   "-m 1M --name a --mode 8" "-m 1M --name a --group no-such-group"; do
	# shellcheck disable=SC2086
	run 2 "bad usage: create $bad" section create $bad
done
for bad in "open" "open a" "open --owner no-such-user a true" "rm" "rm a b" "rm --id" "rm --id x" \
	   "rm --id 4294967296" "rm --id 1 a" "rm --id 1 --owner root" "open --id 1 true"; do
	# shellcheck disable=SC2086
	run 2 "bad usage: $bad" section $bad
done
if [[ $device ]]; then
	failed "a bad name" --max 1M --name a/b "name, INVALID_PARAMETER, EINVAL"
	hold "section *: max=1048576 *" section create --max 1M --name "a b" --mode 640
	failed "a name twice" --max 1M --name "a b" "name-taken, RESOURCE_CONFLICT, EEXIST"
	run 0 "open a section" section open "a b" "$inherits"
	is "open: it has the section" \
		"id=same max=1048576 initial=0 reads=no writes=no allocates=yes dumped=no" "$out"
	run 0 "open a section read-only" section open --owner "$(id -u)" -r "a b" true
	run 1 "open: unknown" section open c true
	says "open: unknown: why" "ndshm: cannot open section \"c\": * (section-unknown, *"
	run 0 "rm" section rm "a b"
	is "rm says nothing" "" "$out"
	run 1 "rm: unknown" section rm "a b"
	exec 7>&-
	unhold "rm: its holder ends by itself"
else
	run 1 "no names without the module" section create --max 1M --name a
	run 1 "open: no names without the module" section open a true
	run 1 "rm: no names without the module" section rm a
	run 1 "rm: no ids without the module" section rm --id 1
	says "rm: no ids without the module: why" "ndshm: cannot delete section 1: * (EOPNOTSUPP)"
fi

# Running a program
run 0 "a program" section create --max 4M --initial 2M -- "$inherits"
is "it has the section" \
	"id=same max=4194304 initial=2097152 reads=yes writes=yes allocates=$allocates dumped=no" "$out"
run 0 "a program that only reads" section create --max 4M --initial 2M --readonly -- "$inherits"
is "it cannot write" \
	"id=same max=4194304 initial=2097152 reads=yes writes=no allocates=no dumped=no" "$out"
run 0 "a program whose core dumps have it" section create --max 1M --dump -- "$inherits"
is "they have it" \
	"id=same max=1048576 initial=0 reads=no writes=no allocates=$allocates dumped=yes" "$out"
run 7 "its exit status" section create --max 1M -- sh -c 'exit 7'
is "the output is its own" "" "$out"
run 0 "its options" section create --max 1M echo --json -x
is "they are left alone" "--json -x" "$out"
is "its input" "hello" "$("$ndshm" section create --max 1M cat <<<hello)"
# shellcheck disable=SC2016
"$ndshm" section create --max 1M -- sh -c 'echo $$' >"$top/out" &
wait $!
is "it is in the command's place" $! "$(cat "$top/out")"
descriptors() {
	"$@" sh -c 'ls /proc/self/fd | wc -l'
}
is "it has one descriptor more" $(($(descriptors env) + 1)) \
	"$(descriptors "$ndshm" section create --max 1M --)"
# shellcheck disable=SC2016
"$ndshm" section create --max 1M -- sh -c '[ $NDSHM_SECTION_FD -gt 2 ]' <&- >&- 2>&-
is "which is none of the standard ones" 0 $?
run 127 "no such program" section create --max 1M -- no-such-program
says "no such program: why" 'ndshm: cannot run "no-such-program": * (ENOENT)'
run 126 "no program" section create --max 1M -- "$top"
says "no program: why" "ndshm: cannot run \"$top\": * (EACCES)"
fails 1 "no section, no program" "* (length-zero, *" section create --max 0 -- echo run

# Showing a section
for bad in x -1 1.5 4294967296 "" "1 2"; do
	# shellcheck disable=SC2086
	run 2 "bad usage: show $bad" section show -- $bad
	[ -n "$err" ]
	ok "bad usage: show $bad is explained"
done
for id in 0 4294967295; do
	fails 1 "no section $id" "ndshm: cannot show section $id: * (ENOENT)" section show $id
done
run 1 "no section in JSON" section show 4 --json
out=$err
is "no section in JSON: errno" '"ENOENT"' "$(get error errno)"

# shown ID NAME EXPECTED: show a section of stand_in.c.
shown() {
	is "$2" "$3" "$(NDSHM_BACKEND=memfd: "$stand_in" section show "$1" </dev/null 2>&1)"
}

shown 3 "a section" "id         3
adapter    memfd
provider   memfd
user       root
state      -
extents    5
holders    2
max        1073741824 bytes
initial    2097152 bytes
committed  536870912 bytes
taken      268435456 bytes
           [#############------------.........................]
           # taken, - free, . no memory"
shown 70000 "one that is almost empty, of what has gone" "id         70000
adapter    7
provider   9
user       4294967294
state      deleted
extents    1
holders    1
max        68719476736 bytes
initial    0 bytes
committed  4096 bytes
taken      4096 bytes
           [#.................................................]
           # taken, - free, . no memory"
shown 4294967295 "one that cannot be" "id         4294967295
adapter    0
provider   0
user       root
state      deleted, revoked
extents    4294967295
holders    4294967295
max        0 bytes
initial    18446744073709551615 bytes
committed  18446744073709551615 bytes
taken      18446744073709551615 bytes
           [##################################################]
           # taken, - free, . no memory"
shown 4 "none between them" \
	"ndshm: cannot show section 4: it is not there, or not yours to see:\
 try \"ndshm list sections\" (ENOENT)"
out=$(NDSHM_BACKEND=memfd: "$stand_in" section show --json 70000)
is "in JSON: committed" 4096 "$(get committed)"
is "in JSON: deleted" true "$(get deleted)"
NDSHM_BACKEND=memfd: "$stand_in" section show 3 >/dev/full 2>"$top/err"
is "a full disk is a failure of show" 1 $?

if [[ ! $device ]]; then
	fails 1 "one of the stand-in's" "*without the module only the process*" section show 1
	end
	exit
fi

# Sections of the module
# shellcheck disable=SC2016
run 0 "a program sees its section" section create --max 16M --initial 4M -- \
	sh -c 'exec "$0" section show --json $NDSHM_SECTION_ID' "$ndshm"
is "max" 16777216 "$(get max_size)"
is "committed" 4194304 "$(get committed)"
is "taken" 0 "$(get taken)"
is "user" '"root"' "$(get user)"
run 1 "it has ended with the program" section show "$(get id)"
says "it has ended with the program: it says so" "*it is not there*"
failed "a provider without pages" --max 1M --initial 1M --provider coherent \
	"provider-pageless, NOT_SUPPORTED, EOPNOTSUPP"

# Give another user access to the directory.
chmod 755 "$top"
cp "$ndshm" "$top/ndshm"
as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups "$top/ndshm")
chmod 0666 "$device"
hold "section *: max=65536 *" section create --max 64K
id=${line#section }
id=${id%%:*}
run 0 "what is held is shown" section show "$id"
[[ $out == "id         $id
adapter    node0
provider   pages
user       root
state      -
"*"taken      0 bytes
           [..................................................]
"* ]]
ok "what is held is shown: how" || echo "# $out"
err=$("${as_nobody[@]}" section show "$id" 2>&1 >"$top/out")
is "another user does not see it" 1 $?
out=$(cat "$top/out")
says "another user does not see it: why" "*not yours to see*"
err=$("${as_nobody[@]}" section rm --id "$id" 2>&1 >"$top/out")
is "another user cannot delete it" 1 $?
out=$(cat "$top/out")
says "another user cannot delete it: why" "ndshm: cannot delete section $id: it is not there, or not yours* (ENOENT)"
run 0 "it is not deleted" section show "$id"
# shellcheck disable=SC2016
out=$("${as_nobody[@]}" section create --max 64K -- sh -c \
	'exec "$0" section show --json $NDSHM_SECTION_ID' "$top/ndshm")
is "but its own" 65534 "$(get uid)"
run 0 "rm: by its id" section rm --id "$id"
is "rm: by its id says nothing" "" "$out"
run 0 "rm: by its id: it is deleted" section show --json "$id"
is "rm: by its id: deleted" true "$(get deleted)"
is "rm: by its id: revoked" true "$(get revoked)"
exec 7>&-
unhold "the end of the holding"
run 1 "rm: no such id, in JSON" section rm --json --id "$id"
out=$err
is "rm: no such id, in JSON: errno" '"ENOENT"' "$(get error errno)"
chmod 0600 "$device"

if [[ $card ]]; then
	made "* adapter=$card provider=pages" "under a claim" --adapter "$card" --max 1M -i 1M
	run 1 "no program under a claim" section create --adapter "$card" --max 1M -- echo run
	says "no program under a claim: why" "*$card*: the claim ends *make the section itself*"
fi
run 0 "none is left" list sections --json
is "none is left: list" '[]' "$(get)"
end
