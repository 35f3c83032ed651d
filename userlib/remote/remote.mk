# SPDX-License-Identifier: LGPL-2.1-or-later
#
# libndshm-remote, and ndshm-remote, which the command runs for "ndshm remote"; part of
# userlib/Makefile. Without the headers of nettle and libibverbs both are left out.

remote := $(here)/remote
remote_soname := libndshm-remote.so.0
remote_name := libndshm-remote.so.$(VERSION)
remote_library := $(out)/$(remote_name)
remote_sources := $(wildcard $(remote)/src/*.c)
remote_objects := $(remote_sources:$(remote)/src/%.c=$(out)/remote/%.o)
remote_compile = $(compile) -I$(remote)/include
# Beside the sources of its own, those of the command that it needs.
remote_command := $(out)/ndshm-remote
remote_tool_sources := $(wildcard $(remote)/tools/*.c)
remote_tool_common := choose common hold names output table words
remote_tool_objects := $(remote_tool_sources:$(remote)/tools/%.c=$(out)/remote/tools/%.o) \
	$(remote_tool_common:%=$(out)/tools/%.o)
remote_out := $(remote_library) $(remote_command) $(out)/libndshm-remote.pc

LIBEXECDIR ?= $(PREFIX)/libexec

nettle_libs := $(shell $(PKG_CONFIG) --libs nettle 2>/dev/null)
verbs_libs := $(shell $(PKG_CONFIG) --libs libibverbs 2>/dev/null)
remote_libs := $(if $(and $(nettle_libs),$(verbs_libs)),$(nettle_libs) $(verbs_libs))

.PHONY: remote install-remote uninstall-remote
ifneq ($(remote_libs),)
remote: $(remote_out)
else
remote:
	@echo 'libndshm-remote: not built, because headers are missing; install nettle-dev and' \
		'libibverbs-dev' >&2
endif
all: remote

$(out)/remote/%.o: $(remote)/src/%.c $(here)/Makefile $(remote)/remote.mk
	@mkdir -p $(@D)
	$(remote_compile) -fPIC -fvisibility=hidden -c -o $@ $<

$(remote_library): $(remote_objects) $(remote)/src/libndshm-remote.map $(library)
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -pthread -Wl,-soname,$(remote_soname) -Wl,-z,defs \
		-Wl,-z,nodelete -Wl,--version-script=$(remote)/src/libndshm-remote.map -o $@ \
		$(remote_objects) $(library) $(remote_libs)
	ln -sf $(remote_name) $(out)/$(remote_soname)
	ln -sf $(remote_soname) $(out)/libndshm-remote.so

$(out)/remote/tools/%.o: $(remote)/tools/%.c $(here)/Makefile $(remote)/remote.mk
	@mkdir -p $(@D)
	$(remote_compile) -I$(here)/tools $(jansson_cflags) -DVERSION='"$(VERSION)"' -c -o $@ $<

$(remote_command): $(remote_tool_objects) $(remote_library)
	$(CC) $(CFLAGS) $(LDFLAGS) -Wl,-rpath,'$$ORIGIN' -o $@ $(remote_tool_objects) \
		$(remote_library) $(library) $(jansson_libs)

.PHONY: $(out)/libndshm-remote.pc
$(out)/libndshm-remote.pc: $(remote)/src/libndshm-remote.pc.in
	@mkdir -p $(@D)
	@sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	     -e 's|@VERSION@|$(VERSION)|' $< > $@

# A recipe of its own, after that of libndshm.
ifneq ($(remote_libs),)
install: install-remote
endif
install-remote: remote
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/ndshm
	$(INSTALL) -m 644 $(remote)/include/ndshm/remote.h $(DESTDIR)$(INCLUDEDIR)/ndshm/
	$(INSTALL) -m 755 $(remote_library) $(DESTDIR)$(LIBDIR)/
	ln -sf $(remote_name) $(DESTDIR)$(LIBDIR)/$(remote_soname)
	ln -sf $(remote_soname) $(DESTDIR)$(LIBDIR)/libndshm-remote.so
	$(INSTALL) -m 644 $(out)/libndshm-remote.pc $(DESTDIR)$(LIBDIR)/pkgconfig/
	$(CC) $(CFLAGS) $(LDFLAGS) -o $(out)/ndshm-remote.install $(remote_tool_objects) \
		$(remote_library) $(library) $(jansson_libs)
	$(INSTALL) -d $(DESTDIR)$(LIBEXECDIR)/ndshm
	$(INSTALL) -m 755 $(out)/ndshm-remote.install $(DESTDIR)$(LIBEXECDIR)/ndshm/ndshm-remote
	PAGES=$(remote)/man INSTALL='$(INSTALL)' $(here)/man/install.sh $(VERSION) \
		$(DESTDIR)$(MANDIR)

uninstall: uninstall-remote
uninstall-remote:
	rm -f $(DESTDIR)$(LIBDIR)/$(remote_name) $(DESTDIR)$(LIBDIR)/$(remote_soname) \
		$(DESTDIR)$(LIBDIR)/libndshm-remote.so \
		$(DESTDIR)$(LIBDIR)/pkgconfig/libndshm-remote.pc \
		$(DESTDIR)$(INCLUDEDIR)/ndshm/remote.h $(DESTDIR)$(LIBEXECDIR)/ndshm/ndshm-remote
	test ! -d $(DESTDIR)$(LIBEXECDIR)/ndshm || \
		rmdir --ignore-fail-on-non-empty $(DESTDIR)$(LIBEXECDIR)/ndshm
	PAGES=$(remote)/man $(here)/man/install.sh --remove $(DESTDIR)$(MANDIR)

# Tests: the sources of both libraries once more, with sanitizers.
remote_tests := $(out)/tests/remote
remote_test_names := remote remote_faults remote_hostile remote_pins remote_rdma
remote_test_programs := $(remote_test_names:%=$(remote_tests)/%)
ifneq ($(remote_libs),)
# remote_rdma needs a device; rdma.sh runs it in a virtual machine, and others with its address.
remote_checks := $(filter-out %/remote_rdma,$(remote_test_programs))
check: $(remote_test_programs)
module-tests: $(remote_test_programs) $(remote_tests)/remote_bench
remote_scripts := '$(remote)/tests/check.sh $(here) $(uapi) $(out) $(VERSION)' \
	'$(remote)/tests/command.sh $(tests)/ndshm $(tests)/json_get'
race_programs += $(races)/tests/remote/remote $(races)/tests/remote/remote_pins
endif
remote_test_objects := $(remote_sources:$(remote)/src/%.c=$(remote_tests)/src/%.o) $(test_objects)

$(remote_tests)/src/%.o: $(remote)/src/%.c $(here)/Makefile $(remote)/remote.mk
	@mkdir -p $(@D)
	$(remote_compile) $(watch_library) -c -o $@ $<

$(remote_tests)/%.o: $(remote)/tests/%.c $(here)/Makefile $(remote)/remote.mk
	@mkdir -p $(@D)
	$(remote_compile) $(watch_tests) -I$(remote)/src -I$(here)/tests -c -o $@ $<

$(remote_tests)/remote_pins: wraps = $(call wrap,fopen64)
$(remote_tests)/remote: wraps = $(call wrap,epoll_ctl getrandom poll)
$(remote_test_programs): %: %.o $(remote_test_objects)
	$(CC) $(CFLAGS) $(watch_library) $(watch_tests) $(LDFLAGS) -pthread $(wraps) -o $@ \
		$(filter %.o,$^) $(remote_libs) $(nl_libs)

# The command, with sanitizers, beside the program that runs it.
$(remote_tests)/tools/%.o: $(remote)/tools/%.c $(here)/Makefile $(remote)/remote.mk
	@mkdir -p $(@D)
	$(remote_compile) $(sanitizers) -I$(here)/tools $(jansson_cflags) \
		-DVERSION='"$(VERSION)"' -c -o $@ $<

$(tests)/ndshm-remote: $(remote_tool_sources:$(remote)/tools/%.c=$(remote_tests)/tools/%.o) \
		$(remote_tool_common:%=$(tests)/tools/%.o) $(remote_test_objects)
	$(CC) $(CFLAGS) $(sanitizers) $(LDFLAGS) -pthread -o $@ $^ $(remote_libs) $(nl_libs) \
		$(jansson_libs)
ifneq ($(remote_libs),)
command-tests: $(tests)/ndshm-remote
endif

# Between machines, and so without sanitizers: they would measure themselves.
remote_wire := $(remote_tests)/remote_wire
.PHONY: remote-wire
remote-wire: $(remote_wire)
ifneq ($(remote_libs),)
module-tests: remote-wire
endif
$(remote_wire): $(remote)/tests/remote_wire.c $(remote_objects) $(archive)
	@mkdir -p $(@D)
	$(remote_compile) -I$(here)/tests -o $@ $< $(remote_objects) $(archive) $(remote_libs) \
		$(nl_libs)

# The cost of connections.
remote_scale := $(remote_tests)/remote_scale
ifneq ($(remote_libs),)
check: $(remote_scale)
remote_checks += $(remote_scale)
endif
$(remote_scale): $(remote)/tests/remote_scale.c $(remote_objects) $(archive)
	@mkdir -p $(@D)
	$(remote_compile) -I$(remote)/src -I$(here)/tests -o $@ $< $(remote_objects) $(archive) \
		$(remote_libs) $(nl_libs)

# A comparison with a plain socket, without sanitizers; `check` does not run it.
remote_bench := $(remote_tests)/remote_bench
.PHONY: remote-bench
remote-bench: $(remote_bench)
$(remote_bench): $(remote)/tests/remote_bench.c $(remote_objects) $(archive)
	@mkdir -p $(@D)
	$(remote_compile) -I$(remote)/src -I$(here)/tests -o $@ $< $(remote_objects) $(archive) \
		$(remote_libs) $(nl_libs)
