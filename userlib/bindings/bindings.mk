# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Bindings for other languages and their tests; part of userlib/Makefile.

bindings := $(out)/bindings

CXXFLAGS ?= -O2 -g
# The headers are found as they are installed.
$(bindings)/include/ndshm/ndshm.hpp: $(here)/bindings/cpp/ndshm.hpp
	@mkdir -p $(@D)
	cp $< $@

cxx_compile = $(CXX) -std=c++17 -pthread -Wall -Wextra -pedantic -Werror \
	$(includes) -I$(bindings)/include $(CPPFLAGS) $(CXXFLAGS) -MMD -MP

$(bindings)/cpp/%: $(here)/bindings/cpp/%.cpp $(bindings)/include/ndshm/ndshm.hpp \
		$(here)/bindings/bindings.mk $(archive)
	@mkdir -p $(@D)
	$(cxx_compile) $(sanitizers) $(LDFLAGS) -o $@ $< $(archive) $(nl_libs)

# The distribution's programs: others may lack the packages that are installed.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
# What a build of the extension module, its test and its example import.
python_needs := import cffi, numpy, os, setuptools, sysconfig; \
	os.stat(sysconfig.get_path("include") + "/Python.h")

$(bindings)/python/done: $(wildcard $(here)/bindings/python/*.py $(here)/bindings/python/src/ndshm/*) \
		$(wildcard $(here)/include/ndshm/*.h) $(here)/bindings/bindings.mk $(library)
	@rm -rf $(@D) && mkdir -p $(@D)
	@if $(PYTHON) -c '$(python_needs)' >$(@D)/missing 2>&1; then \
		cd $(here)/bindings/python && rm $(@D)/missing && \
		CFLAGS='$(includes)' LDFLAGS='-L$(out) -Wl,-rpath,$(out)' \
			$(PYTHON) setup.py -q build --build-base $(@D)/build --build-lib $(@D)/lib && \
		echo '$(PYTHON)' >$@; \
	fi

CARGO ?= $(firstword $(wildcard /usr/bin/cargo) cargo)
RUSTC ?= $(firstword $(wildcard /usr/bin/rustc) rustc)
rust := $(here)/bindings/rust
cargo = cd $(rust) && CARGO_HOME=$(bindings)/rust/home CARGO_TARGET_DIR=$(bindings)/rust RUSTC='$(RUSTC)' \
	CC='$(CC)' NDSHM_CFLAGS='$(includes)' NDSHM_LIBS='-L$(out) -lndshm' \
	RUSTFLAGS='-Dwarnings -Clink-arg=-Wl,-rpath,$(out)' $(CARGO) --frozen --quiet

# Without libclang and its headers bindgen starts, but reads nothing. The test has a name of its own,
# which Cargo does not give it.
$(bindings)/rust/done: $(wildcard $(rust)/Cargo.* $(addprefix $(rust)/,*/* */src/* */tests/* */examples/*)) \
		$(wildcard $(here)/include/ndshm/*.h $(uapi)/linux/*.h) $(here)/bindings/bindings.mk $(library)
	@mkdir -p $(@D)
	@rm -f $(@D)/test $(@D)/debug/deps/all-*
	@if { command -v $(CARGO) && command -v $(RUSTC) && \
	     echo '#include <stddef.h>' >$(@D)/empty.h && bindgen $(@D)/empty.h; } >$(@D)/missing 2>&1; then \
		rm $(@D)/missing && $(cargo) test --no-run && \
		find $(@D)/debug/deps -name 'all-*' -executable -exec cp {} $(@D)/test ';' && touch $@; \
	fi

.PHONY: bindings-tests
bindings-tests: $(bindings)/cpp/test $(bindings)/cpp/example $(bindings)/python/done $(bindings)/rust/done

# Without the tests, which run in the source tree.
binding_sources := $(addprefix python/,setup.py ndshm_build.py example.py src/ndshm/__init__.py \
	src/ndshm/py.typed) $(patsubst $(here)/bindings/%,%,$(wildcard $(rust)/Cargo.* \
	$(addprefix $(rust)/*/,*.toml *.rs *.h src/*.rs examples/*.rs)))

.PHONY: install-bindings
install-bindings:
	$(foreach file,$(binding_sources),$(INSTALL) -D -m 644 $(here)/bindings/$(file) \
		$(DESTDIR)$(DATADIR)/$(file) &&) true

-include $(wildcard $(bindings)/cpp/*.d)
