# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Before anything is built, name all that is missing, with its Debian packages: those of the group
# $(needs) of packages.sh. The sources of the Debian packages are without it; they declare what their
# build needs.

needs_script := $(wildcard $(dir $(lastword $(MAKEFILE_LIST)))../selftests/vm/packages.sh)
ifneq ($(needs_script),)
ifneq ($(filter-out clean uninstall,$(or $(MAKECMDGOALS),all)),)
ifneq ($(shell CC='$(CC)' CXX='$(CXX)' PKG_CONFIG='$(PKG_CONFIG)' $(needs_script) --missing $(needs) >&2 || echo missing),)
$(error install the packages above first)
endif
endif
endif
