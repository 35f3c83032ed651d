#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh BINDINGS DEVICE: the tests of the bindings pass on DEVICE (memfd: or the module's), and
# the examples print what the page Languages shows. BINDINGS is the build directory.

# shellcheck source-path=SCRIPTDIR source=../tests/lib.sh
. "$(dirname "$0")/../tests/lib.sh"
bindings=$1 device=$2 top=$(dirname "$0")
page=$top/../../Documentation/use/languages.rst
export NDSHM_TEST_BACKEND=$device

# suite NAME COMMAND...: run tests that print TAP.
suite() {
	local name=$1
	shift
	"$@" 2>&1 | sed 's/^/# /'
	[ "${PIPESTATUS[0]}" -eq 0 ]
	ok "$name: the tests pass"
}

# example NAME COMMAND...: the output of an example is that of the block output-NAME.
example() {
	local name=$1
	shift
	is "$name: the example" "$(awk -v name=":name: output-$name" '
		here && /^[^ ]/ { exit }
		here && NF { sub(/^   /, ""); print }
		$0 ~ name "$" { here = 1 }' "$page")" "$("$@" "$device" 2>&1)"
}

suite cpp "$bindings/cpp/test"
example cpp "$bindings/cpp/example"

if [ -e "$bindings/python/missing" ]; then
	true
	ok "python # SKIP install the packages python3-cffi, python3-dev, python3-numpy, python3-setuptools"
else
	python=$(<"$bindings/python/done")
	export PYTHONPATH=$bindings/python/lib PYTHONDONTWRITEBYTECODE=1
	suite python "$python" "$top/python/test.py"
	example python "$python" "$top/python/example.py"
fi

if [ -e "$bindings/rust/missing" ]; then
	true
	ok "rust # SKIP install the packages bindgen, cargo, libclang1-14, libclang-common-14-dev, rustc"
else
	suite rust "$bindings/rust/test"
	example rust "$bindings/rust/debug/examples/share"
fi
end
