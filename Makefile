# SPDX-License-Identifier: GPL-2.0
#
# `make help` says what can be done.

# What is called from here is read by programs: make names no directories between its output.
MAKEFLAGS += --no-print-directory

VERSION := 0.1.0
KDIR ?= /lib/modules/$(shell uname -r)/build
PREFIX ?= /usr/local

# Where the module is built: here, or in a directory of links to the sources, so
# that one source can be built against several kernels side by side.
MODULE_DIR ?= $(CURDIR)
override MODULE_DIR := $(abspath $(MODULE_DIR))

# Where everything else is built.
BUILD ?= $(CURDIR)/build
export BUILD VERSION

ifneq ($(words $(CURDIR) $(BUILD) $(MODULE_DIR)),3)
$(error make cannot work below a directory with a blank in its name: $(CURDIR))
endif

.PHONY: all
all: modules userlib

.PHONY: help
help:
	@echo 'What can be done:'
	@echo '  make              the module for the running kernel, the library, the command; without'
	@echo '                    headers of the kernel all but the module, with exit status 2'
	@echo '  make modules      the module alone; KDIR=<kernel build directory>, MODULE_DIR=<output>'
	@echo '  make userlib      the library, the ndshm command and the examples'
	@echo '  make install      all of it; PREFIX=$(PREFIX), DESTDIR='
	@echo '  make uninstall    remove what make install has installed'
	@echo '  make package      Debian packages, in $(BUILD)/package, built in a clean chroot'
	@echo '  make demo         see it work in a virtual machine: a network card driven'
	@echo '                    from user space answers the kernel'"'"'s ping; ARCH=arm64:'
	@echo '                    on that architecture, also by a driver in the kernel'
	@echo '  make test         the most important tests, in two minutes (the first time six), on'
	@echo '                    kernel 6.12 in a virtual machine (KERNELS=6.1)'
	@echo '  make check        all tests on all supported kernels, in virtual machines'
	@echo '                    (KERNELS="6.1 6.12", LEVELS=, LONG=1 for the long runs);'
	@echo '                    ARCH=arm64: on kernels of arm64'
	@echo '  make check-debug  all tests on kernels that find mistakes, which are built the'
	@echo '                    first time (some ten minutes)'
	@echo '  make stress       ten thousand kills of random programs, which takes long (SCALE=percent)'
	@echo '  make fuzz         calls at random, guided by coverage, for an hour (SCALE=percent)'
	@echo '  make bench        what it costs, in instructions, beside its peers'
	@echo '  make docs         the documentation as HTML, in $(BUILD)/doc'
	@echo '  make check-docs   that each page fits 1280 pixels; needs an installed browser'
	@echo '  make lint         what can be found without running anything'
	@echo '  make clean'
	@echo 'From demo on, each installs the Debian packages it needs.'

.PHONY: modules
modules:
	@test -d $(KDIR) || { echo "ndshm.ko: not built, because there is no kernel build directory $(KDIR);" \
		"install $(headers), or set KDIR" >&2; exit 1; }
ifneq ($(MODULE_DIR),$(CURDIR))
	@mkdir -p $(MODULE_DIR)/selftests/lib
	@cp -asf $(CURDIR)/Kbuild $(CURDIR)/kernel $(CURDIR)/uapi $(MODULE_DIR)/
	@cp -asf $(CURDIR)/selftests/lib/ndshm_expected_reasons.h $(CURDIR)/selftests/lib/ndshm_ndis_cases.h $(MODULE_DIR)/selftests/lib/
endif
	$(MAKE) -C $(KDIR) M=$(MODULE_DIR) modules

# Without the headers `make` builds everything else first, then says what is missing and fails.
headers := the package linux-headers-$(shell uname -r)
ifeq ($(wildcard $(KDIR)/.)$(filter-out all,$(MAKECMDGOALS)),)
modules: | userlib
endif

.PHONY: userlib
userlib:
	$(MAKE) -C userlib BUILD=$(BUILD)/user all
	$(MAKE) -C userlib/examples BUILD=$(BUILD)/user all

.PHONY: install
install: install-modules install-userlib

# The name of the directory that modules_install installs to. In Debian's headers of 6.1
# kernel.release has another name, and so has `make kernelrelease`.
release = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h)

# What other modules are built with. Their Kbuild files have the path, so it is without PREFIX.
kit = $(DESTDIR)/usr/src/ndshm

# modules_install calls no depmod without System.map, which Debian's headers lack. The module is not
# compressed, because the program for it is not among the packages that the build needs.
.PHONY: install-modules
install-modules: modules install-kit
	$(MAKE) -C $(KDIR) M=$(MODULE_DIR) $(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR)) \
		INSTALL_MOD_STRIP=1 $(addprefix CONFIG_MODULE_COMPRESS_,GZIP= XZ= ZSTD=) modules_install
	$(if $(DESTDIR),,depmod $(release))

# Times are kept: an installation that changes nothing lets no other module be compiled again.
.PHONY: install-kit
install-kit: modules
	$(if $(DESTDIR),,@! dpkg-query -S $(kit) >/dev/null 2>&1 || \
		{ echo "$(kit): the package ndshm-dkms has it; purge ndshm-dkms first" >&2; exit 1; })
	install -d $(kit)/include/ndshm $(kit)/uapi/linux $(kit)/$(release)
	install -p -m 644 kernel/include/ndshm.mk $(kit)/
	install -p -m 644 kernel/include/ndshm/*.h $(kit)/include/ndshm/
	install -p -m 644 uapi/linux/*.h $(kit)/uapi/linux/
	install -p -m 644 $(MODULE_DIR)/Module.symvers $(kit)/$(release)/

.PHONY: install-userlib
install-userlib: userlib
	$(MAKE) -C userlib BUILD=$(BUILD)/user PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) install

.PHONY: uninstall uninstall-modules uninstall-userlib
uninstall: uninstall-modules uninstall-userlib

# The directory of added modules is updates or extra. Without an installed kernel, which has
# modules.order, depmod's files are those of install-modules. The headers for other modules stay for
# another kernel, or if the package ndshm-dkms has them.
uninstall-modules:
	@release=$(release); tree=$(DESTDIR)/lib/modules/$$release; \
	test "$$release" || { echo "$(KDIR): not a kernel build directory; set KDIR as for make install" >&2; exit 1; }; \
	rm -fv $$tree/updates/ndshm.ko* $$tree/extra/ndshm.ko* $(kit)/$$release/Module.symvers; \
	for directory in $$tree/updates $$tree/extra $(kit)/$$release; do \
		test ! -d $$directory || rmdir --ignore-fail-on-non-empty $$directory; \
	done; \
	if test -e $$tree/modules.order || find $$tree/ -name '*.ko*' 2>/dev/null | grep -q .; then \
		$(if $(DESTDIR),true,depmod $$release) || exit; \
	else \
		rm -f $$tree/modules.*; \
	fi; \
	ls $(kit)/*/Module.symvers >/dev/null 2>&1 || dpkg-query -S $(kit) >/dev/null 2>&1 || rm -rf $(kit)

uninstall-userlib:
	$(MAKE) -C userlib PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) uninstall

.PHONY: package
package:
	@userlib/packaging/build.sh

.PHONY: demo test check check-debug stress fuzz bench docs check-docs lint
demo:
	@selftests/vm/demo.sh $(filter arm64,$(ARCH))
test:
	@selftests/vm/check.sh test
check:
	@selftests/vm/check.sh $(or $(filter arm64,$(ARCH)),stock)
check-debug:
	@selftests/vm/check.sh debug
stress:
	@LEVELS=stress selftests/vm/check.sh debug
fuzz:
	@LEVELS=long-fuzz selftests/vm/check.sh debug
bench:
	@selftests/vm/packages.sh build vm bench
	@$(MAKE) -s modules MODULE_DIR=$(BUILD)/modules/bench NDSHM_PROTOTYPES=1 \
		KDIR=$$(selftests/vm/kernels.sh headers 6.12)
	@$(MAKE) -s userlib
	@code=0; \
	export NDSHM_KO=$(BUILD)/modules/bench/ndshm.ko; \
	BUILD=$(BUILD)/bench selftests/bench/run.sh || code=$$?; \
	BUILD=$(BUILD)/bench/trace selftests/bench/trace/trace.sh || code=$$?; \
	BUILD=$(BUILD)/bench/parallel selftests/bench/parallel/parallel.sh || code=$$?; \
	NDSHM_PROTOTYPE=$(BUILD)/modules/bench/kernel/prototypes/82574/ndshm_82574.ko \
		BUILD=$(BUILD)/bench selftests/bench/wire/wire.sh || code=$$?; \
	NDSHM_PROTOTYPE=$(BUILD)/modules/bench/kernel/prototypes/82574/ndshm_82574.ko NDSHM_USER=$(BUILD)/user \
		BUILD=$(BUILD)/bench selftests/bench/wire/echo.sh || code=$$?; \
	BUILD=$(BUILD)/bench/heap userlib/bench/run.sh || code=$$?; \
	BUILD=$(BUILD)/bench/heap userlib/bench/run.sh --module || code=$$?; \
	BUILD=$(BUILD)/bench/heap userlib/bench/ring.sh || code=$$?; \
	exit $$code
docs:
	@selftests/vm/packages.sh docs
	@sphinx-build -W --keep-going -n -q Documentation $(BUILD)/doc
	@cp Documentation/static/* $(BUILD)/doc/_static/
check-docs: docs
	@Documentation/check_layout.py $(BUILD)/doc
lint:
	@selftests/lint/lint.sh

.PHONY: clean
clean:
	test ! -d $(KDIR) || $(MAKE) -C $(KDIR) M=$(CURDIR) clean
	rm -rf $(BUILD)
