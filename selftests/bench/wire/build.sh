#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# build.sh DIRECTORY USER: build ndshm-answer and ndshm-load in DIRECTORY, with the library in USER.
# ndshm-load drives its card with the code of the example.
set -euo pipefail
bench_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
top=$bench_dir/../../..
example=$top/userlib/examples/82574
flags=(-std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra "-I$example" "-I$top/userlib/include" "-I$top/uapi")

gcc "${flags[@]}" -o "$1/ndshm-answer" "$bench_dir/answer.c" "$example/net.c"
# shellcheck disable=SC2046 # words
gcc "${flags[@]}" -pthread -o "$1/ndshm-load" "$bench_dir/load.c" \
	"$example/"{card,link,ring,buffers,buffers_block,buffers_section,revoked}.c \
	"$top/userlib/examples/common/say.c" "$2/libndshm.a" $(pkg-config --libs libnl-genl-3.0)
