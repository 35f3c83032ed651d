# SPDX-License-Identifier: GPL-2.0
#
# For the Kbuild file of a module that uses ndshm: the headers, and the symbols of the ndshm that
# is installed for the kernel, by `make install` or by DKMS. See Documentation/driver/own-module.rst.
ndshm-kit := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
# DKMS names the directory after the kernel and the machine.
ndshm-symbols := $(wildcard $(ndshm-kit)/$(KERNELRELEASE)/Module.symvers \
	/var/lib/dkms/ndshm/kernel-$(KERNELRELEASE)-$(UTS_MACHINE)/Module.symvers)

# CONFIG_MODULES is set while the configuration is known: not in `make clean`.
ifeq ($(CONFIG_MODULES)$(ndshm-symbols),y)
$(error ndshm: not installed for kernel $(KERNELRELEASE); install linux-headers-$(KERNELRELEASE) beside ndshm-dkms, or run make install)
endif
ifneq ($(word 2,$(ndshm-symbols)),)
$(error ndshm: installed twice for kernel $(KERNELRELEASE): $(ndshm-symbols); run make uninstall, or purge ndshm-dkms)
endif

subdir-ccflags-y += -I$(ndshm-kit)/include -I$(ndshm-kit)/uapi
# Also if the caller of make names the symbols of further modules.
override KBUILD_EXTRA_SYMBOLS += $(ndshm-symbols)
