# SPDX-License-Identifier: GPL-2.0
#
# Tests of the library and the command; part of userlib/Makefile. The library is built a
# second time for them, with sanitizers.

sanitizers := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
watch_library ?= $(sanitizers)
watch_tests ?= $(sanitizers)
tests := $(out)/tests
test_objects := $(lib_sources:$(here)/src/%.c=$(tests)/src/%.o)
test_names := memfd memfd_inside section section_others section_socket threads failnth device device_memory \
	device_cache device_section netlink netlink_bad netlink_admin reasons heap heap_threads heap_fork section_heap section_dma lsa ring loan
test_programs := $(test_names:%=$(tests)/%)

# Commands that test the library, one word each.
library_tests = $(filter-out %/reasons,$(test_programs)) '$(tests)/heap 16384' '$(tests)/heap 65536' \
	'$(tests)/reasons $(uapi)/linux/ndshm_status.h'

wrap = $(addprefix -Wl$(comma)--wrap=,$(1))
comma := ,

$(tests)/src/%.o: $(here)/src/%.c $(here)/Makefile $(here)/tests/tests.mk
	@mkdir -p $(@D)
	$(compile) $(watch_library) $(nl_cflags) -c -o $@ $<

$(tests)/%.o: $(here)/tests/%.c $(here)/Makefile $(here)/tests/tests.mk
	@mkdir -p $(@D)
	$(compile) $(watch_tests) -I$(here)/src $(nl_cflags) -c -o $@ $<

$(test_programs): $(tests)/%: $(tests)/%.o $(test_objects)
	$(CC) $(CFLAGS) $(watch_library) $(watch_tests) $(LDFLAGS) -pthread $(wraps) -o $@ \
		$(filter %.o,$^) $(nl_libs)

allocations := calloc reallocarray memfd_create fallocate64 mmap64 mprotect mremap
$(tests)/failnth $(tests)/netlink $(tests)/section: $(tests)/wrap.o
$(tests)/section: wraps = $(call wrap,$(allocations))
$(tests)/failnth: wraps = $(call wrap,$(allocations))
$(tests)/threads: wraps = $(call wrap,pthread_atfork)
$(tests)/netlink $(tests)/netlink_bad $(tests)/netlink_admin: $(tests)/fake_kernel.o
$(tests)/netlink: wraps = $(call wrap,$(allocations) genl_connect)
$(tests)/netlink_bad: wraps = $(call wrap,genl_connect $(netlink_steps))
$(tests)/netlink_admin: wraps = $(call wrap,genl_connect nl_socket_add_membership recvfrom)
netlink_steps := nl_socket_alloc nlmsg_alloc genlmsg_put nla_put_string nl_send_auto
device_tests := $(addprefix $(tests)/,device device_memory device_cache device_section)
$(device_tests): $(tests)/fake_device.o
$(device_tests): wraps = $(call wrap,fstatfs64 ioctl mmap64 open64)

$(tests)/heap $(tests)/heap_threads $(tests)/heap_fork: $(tests)/fake_section.o
# The address sanitizer has locks that a fork among threads may leave taken.
fork_objects := $(patsubst $(here)/src/%.c,$(tests)/fork/%.o,$(wildcard $(here)/src/heap*.c)) \
	$(tests)/fork/heap_fork.o $(tests)/fork/fake_section.o
fork_watch := -fsanitize=undefined -fno-sanitize-recover=all
$(tests)/fork/%.o: $(here)/src/%.c $(here)/Makefile $(here)/tests/tests.mk
	@mkdir -p $(@D)
	$(compile) $(fork_watch) -c -o $@ $<
$(tests)/fork/%.o: $(here)/tests/%.c $(here)/Makefile $(here)/tests/tests.mk
	@mkdir -p $(@D)
	$(compile) $(fork_watch) -I$(here)/src -c -o $@ $<
$(tests)/fork/heap_fork: $(fork_objects)
	$(CC) $(CFLAGS) $(fork_watch) $(LDFLAGS) -pthread -o $@ $^
$(tests)/heap: $(tests)/wrap.o $(tests)/wrap_page.o
$(tests)/lsa: $(tests)/wrap.o
$(tests)/lsa: wraps = $(call wrap,$(allocations))
$(tests)/heap: wraps = $(call wrap,$(allocations) sysconf madvise)

# A program that requires the module: run by module.sh where it is loaded, as is `lsa`.
$(tests)/module_heap: $(here)/tests/module_heap.c $(archive) $(here)/Makefile $(here)/tests/tests.mk
	@mkdir -p $(@D)
	$(compile) -pthread $(call wrap,ioctl) -o $@ $< $(archive) $(nl_libs)

# As that; by themselves they require no module.
$(tests)/mappings $(tests)/cache: $(tests)/%: $(here)/tests/%.c $(archive)
	@mkdir -p $(@D)
	$(compile) -o $@ $< $(archive) $(nl_libs)

# For a guest of another architecture: build the tests of the library and of module.sh, and print the
# commands of the former, one per line.
.PHONY: library-tests
library-tests: $(test_programs) $(tests)/fork/heap_fork $(tests)/mappings $(tests)/cache $(tests)/module_heap
	@printf '%s\n' $(library_tests) $(tests)/fork/heap_fork $(tests)/mappings $(tests)/cache

.PHONY: module-tests
module-tests: $(tests)/module_heap $(tests)/mappings $(tests)/cache $(tests)/lsa $(tests)/section_heap $(tests)/section_dma $(tests)/loan bindings-tests

$(tests)/json_get: $(here)/tests/json_get.c
	@mkdir -p $(@D)
	$(compile) $(jansson_cflags) -o $@ $< $(jansson_libs)

# A program that the command runs.
$(tests)/inherits: $(tests)/inherits.o $(test_objects)
	$(CC) $(CFLAGS) $(watch_library) $(watch_tests) $(LDFLAGS) -pthread -o $@ $^ $(nl_libs)

# The command, with sanitizers.
$(tests)/tools/%.o: $(here)/tools/%.c $(here)/Makefile $(here)/tests/tests.mk
	@mkdir -p $(@D)
	$(compile) $(sanitizers) $(tool_cflags) -DVERSION='"$(VERSION)"' -c -o $@ $<

$(tests)/ndshm: $(tool_objects:$(out)/tools/%=$(tests)/tools/%) $(test_objects)
	$(CC) $(CFLAGS) $(sanitizers) $(LDFLAGS) -pthread -o $@ $^ $(nl_libs) $(tool_libs)

# With an adapter for bind, and sections to show.
$(tests)/ndshm-stand-in: $(tool_objects:$(out)/tools/%=$(tests)/tools/%) $(test_objects) \
		$(tests)/stand_in.o
	$(CC) $(CFLAGS) $(sanitizers) $(LDFLAGS) -pthread \
		$(call wrap,write ndshm_fd ndshm_find_adapter_sized ndshm_list_blocks_sized ndshm_list_sections_sized) \
		-o $@ $^ $(nl_libs) $(tool_libs)

# With a reserve, queues and events.
$(tests)/ndshm-admin: $(tool_objects:$(out)/tools/%=$(tests)/tools/%) $(test_objects) \
		$(tests)/stand_in_admin.o
	$(CC) $(CFLAGS) $(sanitizers) $(LDFLAGS) -pthread \
		$(call wrap,$(addprefix ndshm_,open list_queues_sized \
			monitor_open monitor_fd monitor_next_sized monitor_close)) \
		-o $@ $^ $(nl_libs) $(tool_libs)

# With blocks, users and processes to list.
$(tests)/ndshm-list: $(tool_objects:$(out)/tools/%=$(tests)/tools/%) $(test_objects) \
		$(tests)/stand_in_list.o
	$(CC) $(CFLAGS) $(sanitizers) $(LDFLAGS) -pthread \
		$(call wrap,getpwuid $(addprefix ndshm_list_,adapters_sized providers_sized blocks_sized sections_sized)) \
		-o $@ $^ $(nl_libs) $(tool_libs)

# Tests with threads once more with the thread sanitizer, if the compiler supports it.
races := $(out)/races
race_programs := $(addprefix $(races)/tests/,threads memfd_inside device_memory section \
	section_others device_section heap_threads section_heap section_dma lsa ring loan)
race_watch := -fsanitize=thread -fno-omit-frame-pointer

.PHONY: races
races:
	@mkdir -p $(races)
	@rm -f $(race_programs)
	@+if echo 'int main(void) { return 0; }' | \
	   $(CC) $(race_watch) -x c -o $(races)/empty - 2>/dev/null && $(races)/empty; then \
		$(MAKE) --no-print-directory -f $(here)/Makefile BUILD=$(races) \
			watch_library='$(race_watch)' watch_tests='$(race_watch)' $(race_programs); \
	else \
		echo "# SKIP races between threads: $(CC) has no -fsanitize=thread that works"; \
	fi

# Tests of sizes and times once more as 32-bit programs, if the compiler supports them. They need no
# libnl for that: they do not call it.
narrow := $(out)/narrow
narrow_programs := $(addprefix $(narrow)/tests/,ring section section_dma)

$(narrow)/libnl.c: $(lib_objects)
	@mkdir -p $(@D)
	@nm -u $^ | awk '$$2 ~ /^(nl|genl)(a|msg)?_/ { print "void " $$2 "(void) { __builtin_trap(); }" }' | sort -u >$@

.PHONY: narrow
narrow: $(narrow)/libnl.c
	@rm -f $(narrow_programs)
	@+if $(CC) -m32 -c -o $(narrow)/libnl.o $< 2>/dev/null && echo 'int main(void) { return 0; }' | \
	   $(CC) -m32 $(sanitizers) -x c -o $(narrow)/empty - 2>/dev/null && $(narrow)/empty; then \
		$(MAKE) --no-print-directory -f $(here)/Makefile BUILD=$(narrow) \
			CC='$(CC) -m32 -Wno-psabi' nl_libs=$(narrow)/libnl.o $(narrow_programs); \
	else \
		echo "# SKIP 32-bit programs: $(CC) has no -m32 that works"; \
	fi

# A program that keeps blocks for the command to find.
$(tests)/keeps: $(here)/tests/keeps.c $(archive)
	@mkdir -p $(@D)
	$(compile) -o $@ $< $(archive) $(nl_libs)

$(tests)/no_call: $(here)/tests/no_call.c
	@mkdir -p $(@D)
	$(compile) -o $@ $<

# Requirements of section_command.sh, which is also run on the module.
section_command := $(tests)/ndshm $(tests)/ndshm-stand-in $(tests)/json_get $(tests)/inherits

.PHONY: command-tests
command-tests: $(section_command) $(tests)/keeps $(tests)/no_call

check: all races narrow $(test_programs) $(tests)/fork/heap_fork $(tests)/mappings $(tests)/cache command-tests $(tests)/ndshm-admin \
		$(tests)/ndshm-list $(example) bindings-tests
	@CC='$(CC)' CXX='$(CXX)' PYTHON='$(PYTHON)' CARGO='$(CARGO)' RUSTC='$(RUSTC)' $(here)/tests/run.sh \
		$(library_tests) $$(ls $(race_programs) $(narrow_programs) 2>/dev/null) \
		$(tests)/fork/heap_fork $(tests)/mappings $(tests)/cache \
		'$(here)/tests/header.sh $(here)/include $(uapi)' \
		'$(here)/tests/symbols.sh $(library) $(archive) $(wildcard $(here)/include/ndshm/*.h)' \
		'$(here)/tests/man.sh $(here) $(uapi) $(library) $(archive) $(command) $(example)' \
		'$(here)/tests/install.sh $(here) $(out) $(VERSION)' \
		'$(here)/tests/command.sh $(tests)/ndshm $(tests)/json_get $(VERSION)' \
		'$(here)/tests/section_command.sh $(section_command)' \
		'$(here)/tests/admin.sh $(tests)/ndshm-admin $(tests)/json_get' \
		'$(here)/tests/list.sh $(tests)/ndshm-list $(tests)/json_get' \
		'$(here)/tests/ps.sh $(tests)/ndshm-list $(tests)/json_get' \
		'$(here)/tests/top.sh $(tests)/ndshm-list $(tests)/json_get' \
		'$(here)/tests/top_document.sh $(tests)/ndshm-list $(here)/../Documentation/use/watching.rst' \
		'$(here)/tests/metrics.sh $(tests)/ndshm-list $(tests)/json_get $(here)/packaging' \
		'$(here)/tests/bind.sh $(tests)/ndshm-stand-in $(tests)/json_get' \
		'$(here)/tests/container_files.sh $(here)/packaging' \
		'$(here)/bindings/check.sh $(bindings) memfd:' \
		'$(here)/bindings/install_check.sh $(here) $(out)'

# Line coverage of the library by its own tests; less than COVERAGE_MIN per cent is a
# failure. UNCOVERED=1 shows the lines that were not run.
COVERAGE_MIN ?= 90
GCOV ?= gcov

.PHONY: coverage coverage-run
coverage:
	@+$(MAKE) --no-print-directory -s -f $(here)/Makefile BUILD=$(out)/coverage CC=gcc \
		CFLAGS='-O0 -g' watch_library='--coverage -fprofile-update=atomic' watch_tests= \
		coverage-run

coverage-run: $(test_programs)
	@GCOV='$(GCOV)' UNCOVERED='$(UNCOVERED)' $(here)/tests/coverage.sh $(COVERAGE_MIN) \
		$(tests)/src $(library_tests)
