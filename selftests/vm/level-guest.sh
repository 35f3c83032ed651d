# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Functions of the commands in levels.table, which are run in a guest.

# The rounds of all tests are in proportion to NDSHM_SCALE. They cost ten times as much on debug
# kernels, and detect more.
scale=$NDSHM_SCALE
[[ $NDSHM_VM != *-debug ]] || NDSHM_SCALE=$((scale >= 10 ? scale / 10 : 1))

# long USUAL LONG: the second with LONG=1.
long() { if [[ $NDSHM_LONG ]]; then echo "$2"; else echo "$1"; fi; }
# scaled N: N in proportion to SCALE.
scaled() { echo $(($1 * scale / 100 ? $1 * scale / 100 : 1)); }

# Use the module with test switches.
test_build() { export NDSHM_KO=$NDSHM_TEST_KO; }

# Leave the reached call sites in the run directory.
keep_coverage() { cat /sys/kernel/debug/ndshm_coverage >"$NDSHM_VM_DIR/coverage"; }
# with_coverage [NAME=VALUE]... COMMAND
with_coverage() { insmod "$NDSHM_COVERAGE" && env "$@" && keep_coverage; }

# DMA to blocks of either provider, without an IOMMU.
dma_bare() {
	"$NDSHM_PROGRAMS/pages" && "$NDSHM_PROGRAMS/dma_edu" && NDSHM_PROVIDER=1 "$NDSHM_PROGRAMS/dma_edu"
}

# The command's sections and events with the module, also in a container, which
# processes have the memory, and long lists. The kernel's ynl is that of the source of 6.12: that
# of 6.1 does not know all keys of the specification.
command_with_module() {
	local tests=$NDSHM_BUILD/user/tests card=0000:00:11.0
	"$NDSHM_BUILD/user/ndshm" bind "$card" &&
	userlib/tests/admin_module.sh "$tests/"{ndshm,json_get} /dev/ndshm "$card" &&
	userlib/tests/container_module.sh "$tests/"{ndshm,json_get} /dev/ndshm &&
	/usr/bin/python3 userlib/tests/ynl_module.py "$NDSHM_YNL" Documentation/netlink/specs/ndshm.yaml "$tests/ndshm" "$card" &&
	userlib/tests/ps_module.sh "$NDSHM_BUILD/user/ndshm" "$tests/"{json_get,keeps} /dev/ndshm "$card" &&
	userlib/tests/list_module.sh "$NDSHM_BUILD/user/ndshm" "$tests/keeps" /dev/ndshm &&
	userlib/tests/section_command.sh "$tests/"{ndshm,ndshm-stand-in,json_get,inherits} /dev/ndshm "$card"
}
