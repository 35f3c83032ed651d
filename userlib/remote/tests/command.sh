#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# command.sh NDSHM JSON_GET: "ndshm remote" over the loopback interface, without the module.

# shellcheck source-path=SCRIPTDIR source=../../tests/command_lib.sh
. "$(dirname "$0")/../../tests/command_lib.sh"
ndshm=$1 json_get=$2
top=$(mktemp -d)
exporter=
trap '[ ! "$exporter" ] || kill $exporter; rm -rf "$top"' EXIT
export NDSHM_BACKEND=memfd:
unset NDSHM_REMOTE_TOKEN NDSHM_REMOTE_BLOB NDSHM_SECTION_FD

umask 077
echo 'a token of 32 bytes for the tests' >"$top/token"
echo 'another token, also long enough' >"$top/other"

run 0 "help" remote --help
for word in export get put bench list; do
	[[ $out == *"  $word "* ]]
	ok "help names $word"
	"$ndshm" help remote "$word" | grep -q "^Usage: ndshm remote $word "
	ok "help of $word"
done
cp "$(realpath "$ndshm")" "$top/ndshm"
"$top/ndshm" remote list >"$top/out" 2>"$top/err"
is "without ndshm-remote: the exit status of env" 127 $?
is "without ndshm-remote: the package" \
	"ndshm: cannot run ndshm-remote: it is not installed: install the package ndshm-remote (ENOENT)" \
	"$(<"$top/err")"
mkdir -p "$top/opt/bin" "$top/opt/libexec/ndshm"
mv "$top/ndshm" "$top/opt/bin"
ln -s "$(realpath "$(dirname "$ndshm")")/ndshm-remote" "$top/opt/libexec/ndshm/"
is "where it is installed it is found" "[]" "$("$top/opt/bin/ndshm" --json remote list)"

# exported ARGUMENT...: start an owner; sets $exporter, $at and its first lines in $out.
exported() {
	rm -f "$top/exported"
	"$ndshm" "$@" </dev/null >"$top/exported" 2>"$top/exported.err" &
	exporter=$!
	until [ -s "$top/exported" ]; do
		kill -0 $exporter 2>/dev/null || { cat "$top/exported.err"; exporter=; return 1; }
		sleep 0.02
	done
	out=$(<"$top/exported")
	at=127.0.0.1:$(sed -n 's/^listens at .*:\([0-9]*\)$/\1/p' "$top/exported")
}
# unexported SIGNAL
unexported() {
	kill "-$1" $exporter
	wait $exporter
	is "$2" 0 $?
	exporter=
}
secrets=(--token-file "$top/token" --blob "$top/blob")

exported remote export --block 3M --rights read,write,atomic \
	--token-file "$top/token" --blob "$top/blob"
ok "a block is exported"
is "what it says" "exports 3145728 bytes from 0: read,write,atomic" "$(sed -n 2p "$top/exported")"
is "the blob is for its owner" 600 "$(stat -c %a "$top/blob")"
is "the blob is complete" 193 "$(stat -c %s "$top/blob")"

# Bytes of 3 MiB, and of a pipe.
head -c 3M /dev/urandom >"$top/bytes"
run 0 "put a file" remote put "$at" "${secrets[@]}" --input "$top/bytes"
[[ $out == "put bytes: 3145728 (3M) in "*" s, "*"/s" ]]
ok "put a file: line" || echo "# $out"
run 0 "get to a file" remote get "$at" "${secrets[@]}" --output "$top/got"
cmp "$top/bytes" "$top/got"
ok "the bytes are those that were put"
is "get to the output" "$(tail -c +1000001 "$top/bytes" | head -c 100000 | sha256sum)" \
	"$("$ndshm" remote get "$at" "${secrets[@]}" --offset 1000000 --length 100000 | sha256sum)"
printf 'from a pipe' | "$ndshm" remote put "$at" "${secrets[@]}" --offset 1M >"$top/out"
ok "put from a pipe"
is "get these" "from a pipe" "$("$ndshm" remote get "$at" "${secrets[@]}" --offset 1M --length 11)"
out=$(printf x | "$ndshm" remote put "$at" "${secrets[@]}" --json)
is "put in JSON: bytes" 1 "$(get bytes)"
run 0 "get in JSON" remote get -j "$at" "${secrets[@]}" --output "$top/got" --offset 2 --length 5
is "get in JSON: bytes" 5 "$(get bytes)"
is "get in JSON: offset" 2 "$(get offset)"
run 0 "secrets of the environment" --version
is "secrets of the environment" "from a pipe" \
	"$(NDSHM_REMOTE_TOKEN=$(<"$top/token") NDSHM_REMOTE_BLOB=$(<"$top/blob") \
	"$ndshm" remote get "$at" --offset 1M --length 11)"

# The bar.
run 0 "progress" remote get "$at" "${secrets[@]}" --output "$top/got" --progress
[[ $err == *$'\r['*'#'*'] 100%  3M of 3M, '*'/s'* && $err == *$'\r\033[K' ]]
ok "progress: shown, and removed" || echo "# $err"
"$ndshm" remote put "$at" "${secrets[@]}" --progress <"$top/bytes" >"$top/out" 2>"$top/err"
grep -q '100%  3M of 3M' "$top/err"
ok "progress of a put"
cat "$top/bytes" | "$ndshm" remote put "$at" "${secrets[@]}" --progress >"$top/out" 2>"$top/err"
grep -q $'\r3M, ' "$top/err" && ! grep -q '%' "$top/err"
ok "progress of a put from a pipe, whose length is unknown"
run 0 "no terminal, no progress" remote get "$at" "${secrets[@]}" --output "$top/got"
is "no terminal, no progress" "" "$err"

# What it counts.
run 0 "list" remote list
[[ $out == *$'\n'*" block   "*"3M  read,write,atomic  $at "* ]]
ok "list: the export" || echo "# $out"
run 0 "list in JSON" remote list -j
is "list: pid" "$exporter" "$(get 0 pid)"
is "list: object" '"block"' "$(get 0 object)"
is "list: length" 3145728 "$(get 0 length)"
is "list: no peer" 0 "$(get 0 peers)"
is "list: written" $((3 * 3145728 + 12)) "$(get 0 written)"
[ "$(get 0 read)" -gt 9000000 ]
ok "list: read"

run 0 "bench" remote bench "$at" "${secrets[@]}" --seconds 0.1 --size 64 --size 1M
[ "$(wc -l <"$top/out")" -eq 3 ]
ok "bench: a row for each size"
cmp <("$ndshm" remote get "$at" "${secrets[@]}") "$top/bytes"
ok "bench: nothing is written"
run 0 "bench with puts" remote bench -j "$at" "${secrets[@]}" --seconds 0.1 --size 4K --write
is "bench: size" 4096 "$(get 0 size)"
is "bench: transport" '"TCP"' "$(get 0 transport)"
for figure in get_us get_mb_s put_us put_mb_s; do
	[[ $(get 0 $figure) == [0-9]*.* && $(get 0 $figure) != 0.0 ]]
	ok "bench: $figure"
done
run 0 "bench of too much" remote bench "$at" "${secrets[@]}" --size 4M
[[ $err == "ndshm: the range has 3145728 bytes: no transfer of 4194304" ]]
ok "bench of too much: a note"

printf x >"$top/one"
# failed NAME MESSAGE ARGUMENT...
failed() {
	run 1 "$1" remote "${@:3}"
	says "$1: why" "ndshm: cannot $2"
}
failed "a name without the module" 'open section "frames": not supported without the module; *' \
	export frames --token-file "$top/token"
failed "too long" 'get: the range has 3145728 bytes; use a smaller --offset or --length (ERANGE)' \
	get "$at" "${secrets[@]}" --offset 3M --length 1 --output "$top/one"
is "too long: the file is as it was" x "$(<"$top/one")"
head -c 4M /dev/zero >"$top/long"
failed "a file that is too long" \
	'put: the range has 3145728 bytes, the input more after the offset; nothing was put (ERANGE)' \
	put "$at" "${secrets[@]}" --input "$top/long"
failed "another token" '* (remote-token, EACCES)' \
	get "$at" --token-file "$top/other" --blob "$top/blob"
failed "no token" \
	'read the token: use --token-file=FILE, or the variable NDSHM_REMOTE_TOKEN: there is none' \
	get "$at" --blob "$top/blob"
failed "no blob" \
	'read the blob: use --blob=FILE, or the variable NDSHM_REMOTE_BLOB: there is none' \
	get "$at" --token-file "$top/token"
echo short >"$top/short"
failed "a short token" 'use the token: it has not from 16 to 256 bytes' \
	get "$at" --token-file "$top/short" --blob "$top/blob"
failed "half a blob" 'use the blob: it has not the 192 digits*' \
	get "$at" --token-file "$top/token" --blob "$top/short"
sed 's/^..../zzzz/' "$top/blob" >"$top/bad"
failed "a blob that is none" 'use the blob: it has not the 192 digits*' \
	get "$at" --token-file "$top/token" --blob "$top/bad"
sed 's/....$/0000/' "$top/blob" >"$top/bad"
failed "a damaged blob" 'import the blob: * (remote-blob-damaged, EINVAL)' \
	get "$at" --token-file "$top/token" --blob "$top/bad"
install -m 644 "$top/token" "$top/open"
failed "a token that all can read" \
	"use the token in \"$top/open\": all users can read it; chmod o-r" \
	get "$at" --token-file "$top/open" --blob "$top/blob"
failed "no file" "read the token from \"$top/none\": No such file or directory (ENOENT)" \
	get "$at" --token-file "$top/none" --blob "$top/blob"
failed "nobody listens" '* (remote-no-listener, ECONNREFUSED)' get 127.0.0.1:1 "${secrets[@]}"
run 1 "an error in JSON" remote get -j "$at" --token-file "$top/other" \
	--blob "$top/blob" --output "$top/none"
out=$err
is "an error in JSON: reason" '"remote-token"' "$(get error reason)"
is "an error in JSON: errno" '"EACCES"' "$(get error errno)"
is "an error in JSON: no status" null "$(get error status)"
[ ! -e "$top/none" ]
ok "and the file is not made"
unexported TERM "SIGTERM ends it"
failed "the owner has ended" '* (remote-no-listener, ECONNREFUSED)' get "$at" "${secrets[@]}"
is "and is listed no more" "[]" "$("$ndshm" remote list --json)"

# A process that has such a name and sends a byte at a time, or another one's name.
strange() {
	exec {strange}< <(exec python3 -c '
import os, socket, sys, time
name = sys.argv[1] + (sys.argv[2] or str(os.getpid()))
server = socket.socket(socket.AF_UNIX, int(sys.argv[3]))
server.bind("\0" + name)
server.listen()
print("ready", flush=True)
while True:
    peer = server.accept()[0]
    try:
        for byte in b"{" * 100:
            peer.send(bytes([byte]))
            time.sleep(0.2)
    except OSError:
        pass' ndshm-remote/ "$1" "$2")
	strange_pid=$!
	read -r -u "$strange"
}
for kind in 1 5; do
	for owner in '' 1; do
		strange "$owner" "$kind"
		SECONDS=0
		is "a socket of kind $kind with the name of '$owner' is not listed" "[]" \
			"$("$ndshm" remote list --json 2>"$top/err")"
		[ "$SECONDS" -le 3 ]
		ok "nor waited for"
		# Its answer is invalid; the others cannot be connected to, or are another process.
		[ "$kind$owner" != 5 ] || grep -q "in 1000 ms: 1;" "$top/err"
		ok "but counted if it answers"
		kill "$strange_pid"
	done
done

# Processes that accept no connections: 20 with their own names, one of these with a full backlog.
# Another 20 names with full backlogs have the number of no process, and one the number of the export
# with a sign.
exported remote export --block 4K --token-file "$top/token"
ok "an export beside silent processes"
exec {strange}< <(exec python3 -c '
import os, signal, socket, sys
def listener(name):
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.bind("\0ndshm-remote/%s" % name)
    server.listen(0)
    return server
parent = os.getpid()
children = []
while len(children) < 19 and os.getpid() == parent:
    read, write = os.pipe()
    children.append(os.fork())
    if not children[-1]:
        server = listener(os.getpid())
        os.write(write, b"x")
        signal.pause()
    os.read(read, 1)
    os.close(read)
    os.close(write)
kept = [listener(2000000000 + i) for i in range(20)] + [listener(parent)]
alias = listener("+" + sys.argv[1])
for server in list(kept):
    try:
        while True:
            client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            client.setblocking(False)
            client.connect(server.getsockname())
            kept.append(client)
    except BlockingIOError:
        pass
print("ready", *children, flush=True)
signal.pause()' "$exporter")
strange_pid=$!
read -r -u "$strange" -a silent
# listed NAME COUNT: expect the export, and so many silent processes, in "$top/out" and "$top/err".
listed() {
	local note="processes without a valid answer in 1000 ms: $2; exports not shown"

	out=$(<"$top/out")
	is "$1: the export" "$exporter" "$(get 0 pid)"
	is "$1: nothing else" "" "$(get 1 pid)"
	out=$(<"$top/err")
	is "$1: the silent processes" "\"ndshm: $note\"" "$(get note message)"
}
SECONDS=0
run 0 "list beside silent processes" remote list -j
[ "$SECONDS" -le 3 ]
ok "list beside silent processes is not delayed by each" || echo "# $SECONDS s"
listed "list beside silent processes" 20
# The limits leave no descriptor for a connection: the soft one can be raised, by root the hard one.
(ulimit -Sn 4 && exec "$ndshm" remote list -j) >"$top/out" 2>"$top/err" </dev/null
listed "list with few descriptors" 20
if (ulimit -n 64 && ulimit -n 65) 2>/dev/null; then
	(ulimit -n 4 && exec "$ndshm" remote list -j) >"$top/out" 2>"$top/err" </dev/null
	listed "list with few descriptors, as root" 20
else
	(ulimit -n 4 && exec "$ndshm" remote list -j) >"$top/out" 2>"$top/err" </dev/null
	out=$(<"$top/err")
	[[ $(get note message) == *": 21; exports not shown"* ]]
	ok "list with few descriptors: those that are not asked are counted"
fi
kill "$strange_pid" "${silent[@]:1}"
unexported TERM "an export beside silent processes ends"

# A section of "ndshm section create", which is read-only for peers; the blob is printed.
exported section create --max 1M --initial 1M -- "$ndshm" remote export --token-file "$top/token"
ok "a section is exported"
sed -n 's/^blob //p' "$top/exported" >"$top/blob"
run 0 "get of a section" remote get "$at" "${secrets[@]}" --output "$top/got"
cmp "$top/got" <(head -c 1M /dev/zero)
ok "its bytes"
failed "put without the right" 'put * (remote-rights, EACCES)' \
	put "$at" "${secrets[@]}" --input "$top/one"
failed "bench without the right" 'measure puts: *--rights*' \
	bench "$at" "${secrets[@]}" --seconds 0.1 --write
unexported INT "SIGINT ends it"
exported remote export --block 4K --once --rights read \
	--token-file "$top/token" --blob "$top/blob" --listen '[::1]'
ok "listen at IPv6"
at="[::1]:"$(sed -n 's/^listens at \[::1\]:\([0-9]*\)$/\1/p' "$top/exported")
run 0 "the first use of a blob" remote get "$at" "${secrets[@]}" --output "$top/got"
failed "the second one" 'import the blob: * (remote-blob-stale, ESTALE)' get "$at" "${secrets[@]}"
unexported TERM "it ends"
exported remote export --block 4K --rights write --token-file "$top/token" --blob "$top/blob"
ok "an export without the right to read"
failed "get without the right" 'get: * (remote-rights, EACCES)' \
	get "$at" "${secrets[@]}" --output "$top/one"
is "get without the right: the file is as it was" x "$(<"$top/one")"
unexported TERM "it ends, too"
json=$("$ndshm" --json remote export --block 64K --offset 4K --length 8K --rights write \
	--token-file "$top/token" <<<"")
out=$json
is "export in JSON: offset" 4096 "$(get offset)"
is "export in JSON: length" 8192 "$(get length)"
is "export in JSON: rights" '"write"' "$(get rights)"
[[ $(get blob) =~ ^\"[0-9a-f]{192}\"$ ]]
ok "export in JSON: blob"

# A line that is typed while the export is a background job is not for it, and does not stop it.
# shellcheck disable=SC2016 # expanded by the other shell
printf 'echo\n' | python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' bash -mc '
	ndshm=$1 top=$2
	rm -f "$top/exported"
	"$ndshm" remote export --block 4K --token-file "$top/token" --blob "$top/blob" \
		>"$top/exported" &
	until [ -s "$top/exported" ] || ! kill -0 $!; do sleep 0.02; done
	at=127.0.0.1:$(sed -n "s/^listens at .*:\([0-9]*\)$/\1/p" "$top/exported")
	"$ndshm" remote get "$at" --token-file "$top/token" --blob "$top/blob" --timeout 2 \
		--output "$top/got" </dev/null
	kill $!
	wait $!
	echo $? >"$top/status"' bash "$ndshm" "$top" >"$top/out" 2>&1
is "an export in the background is not stopped by its terminal" 0 "$(<"$top/status")"

failed "no such section" 'open section "none": *' export none --token-file "$top/token"
failed "too long a range" 'export 8192 bytes from 0: * (range, ERANGE)' \
	export --block 4K --length 8K --token-file "$top/token"
failed "an address of another machine" 'listen at 192.0.2.7, port 0: * (EADDRNOTAVAIL)' \
	export --block 4K --listen 192.0.2.7 --token-file "$top/token"
failed "export without a token" 'read the token*' export --block 4K
failed "a blob that cannot be written" "write \"$top/no/blob\": *" \
	export --block 4K --token-file "$top/token" --blob "$top/no/blob"

for bad in "" "frobnicate" "get" "put" "bench" "get localhost:1" "get 127.0.0.1" \
	"get 127.0.0.1:0" "get 127.0.0.1:65536" \
	"get ::1:5" "get [::1:5" "get [::1]5" "get 127.0.0.1:1 more" \
	"get 127.0.0.1:1 --offset x" "get 127.0.0.1:1 --json" \
	"get 127.0.0.1:1 --timeout 601" "bench 127.0.0.1:1 --size 0" "bench 127.0.0.1:1 --size 2G" \
	"bench 127.0.0.1:1 --seconds 0" \
	"export" "export name --block 4K" "export --block 0" "export name more" \
	"export name --rights all" "export name --rights read," \
	"export name --peers 0" "export name --listen host" "export name --owner no-such-user" \
	"list more"; do
	# shellcheck disable=SC2086 # words
	run 2 "bad usage: $bad" remote $bad
	says "bad usage: $bad is explained" "*ndshm remote*"
done
end
