# SPDX-License-Identifier: GPL-2.0
#
# The tests of the library and of the command; part of userlib/Makefile. The
# library is built for them once more, with every access watched.

sanitizers := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
tests := $(out)/tests
test_objects := $(lib_sources:$(here)/src/%.c=$(tests)/src/%.o)
test_programs := $(patsubst %,$(tests)/%,memfd threads failnth reasons device netlink)

wrap = $(addprefix -Wl$(comma)--wrap=,$(1))
comma := ,

$(tests)/src/%.o: $(here)/src/%.c $(here)/Makefile $(here)/tests/tests.mk
	@mkdir -p $(@D)
	$(compile) $(sanitizers) $(nl_cflags) -c -o $@ $<

$(tests)/%.o: $(here)/tests/%.c $(here)/Makefile $(here)/tests/tests.mk
	@mkdir -p $(@D)
	$(compile) $(sanitizers) -I$(here)/src $(nl_cflags) -c -o $@ $<

$(test_programs): $(tests)/%: $(tests)/%.o $(test_objects)
	$(CC) $(CFLAGS) $(sanitizers) $(LDFLAGS) -pthread $(wraps) -o $@ $(filter %.o,$^) $(nl_libs)

allocations := calloc reallocarray memfd_create fallocate64 mmap64
$(tests)/failnth: $(tests)/wrap.o
$(tests)/failnth: wraps = $(call wrap,$(allocations))
$(tests)/netlink: $(tests)/wrap.o
$(tests)/netlink: wraps = $(call wrap,$(allocations) genl_connect)
$(tests)/device: wraps = $(call wrap,ioctl mmap64)

$(tests)/json_get: $(here)/tests/json_get.c
	@mkdir -p $(@D)
	$(compile) $(jansson_cflags) -o $@ $< $(jansson_libs)

# The command, watched as well.
$(tests)/tools/%.o: $(here)/tools/%.c $(here)/Makefile $(here)/tests/tests.mk
	@mkdir -p $(@D)
	$(compile) $(sanitizers) $(jansson_cflags) -DVERSION='"$(VERSION)"' -c -o $@ $<

$(tests)/ndshm: $(tool_objects:$(out)/tools/%=$(tests)/tools/%) $(test_objects)
	$(CC) $(CFLAGS) $(sanitizers) $(LDFLAGS) -pthread -o $@ $^ $(nl_libs) $(jansson_libs)

# With an adapter that bind can find.
$(tests)/ndshm-stand-in: $(tool_objects:$(out)/tools/%=$(tests)/tools/%) $(test_objects) \
		$(tests)/stand_in.o
	$(CC) $(CFLAGS) $(sanitizers) $(LDFLAGS) -pthread \
		$(call wrap,write ndshm_fd ndshm_find_adapter ndshm_list_blocks) -o $@ $^ \
		$(nl_libs) $(jansson_libs)

check: all $(test_programs) $(tests)/json_get $(tests)/ndshm $(tests)/ndshm-stand-in
	@CC='$(CC)' CXX='$(CXX)' $(here)/tests/run.sh \
		$(tests)/memfd $(tests)/threads $(tests)/failnth $(tests)/device $(tests)/netlink \
		'$(tests)/reasons $(uapi)/linux/ndshm_status.h $(here)/../kernel/core/reason.c' \
		'$(here)/tests/header.sh $(here)/include $(uapi)' \
		'$(here)/tests/symbols.sh $(here)/include/ndshm/ndshm.h $(library) $(archive)' \
		'$(here)/tests/install.sh $(here) $(out) $(VERSION)' \
		'$(here)/tests/command.sh $(tests)/ndshm $(tests)/json_get $(VERSION)' \
		'$(here)/tests/bind.sh $(tests)/ndshm-stand-in $(tests)/json_get'
