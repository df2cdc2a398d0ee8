# Makefile - what people and continuous integration type.
#
#   make, make install     build and install for the PostgreSQL >= 18 that PG_CONFIG names or that is found
#   make check             build, set up a test environment if this machine cannot test, run all tests
#   make demo | psql       install real extensions on a server of its own | open psql on that server
#   make bench | torture   measure | long crash and concurrency runs
#   make fuzz SECONDS=60   every fuzzer for so long | make sanitize: the tests with ASan and UBSan
#   make format            clang-format over all C++
#
# Two builds meet here. CMake builds what needs no PostgreSQL (the core, the helper program, unit tests);
# PGXS builds pgx.so from src/extension and links the part of the core that both programs share. PGXS is
# included only for goals that need it, because check, demo and the rest must work on a machine without
# PostgreSQL 18, and because PGXS has a goal "check" of its own.

dispatched := check demo psql bench torture corpus fuzz sanitize format

ifneq ($(filter $(dispatched),$(MAKECMDGOALS)),)

.PHONY: $(dispatched) all install uninstall clean
check demo bench torture corpus sanitize:
	@test/env/run test/$@/run
fuzz:
	@test/env/run test/fuzz/run $(or $(SECONDS),60) $(TARGETS)
psql:
	@test/env/run test/demo/psql
# The host's own clang-format is good enough, and the environment has one if the host has none.
format:
	@run=$$(command -v clang-format >/dev/null || echo test/env/run); \
	find src test -name '*.h' -o -name '*.cpp' | xargs $$run clang-format -i
all install uninstall clean:
	@$(MAKE) --no-print-directory $@

else

build := build
ccache := $(shell command -v ccache)
version := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" control/pgx.control)
PG_CONFIG := $(shell test/env/find-pg-config)

ifeq ($(PG_CONFIG),)

.PHONY: all install uninstall clean
all install uninstall:
	@echo 'No PostgreSQL 18 or later with server headers was found (pg_config in PG_CONFIG or PATH).' >&2
	@echo '"make check" and "make demo" work without, in an environment of their own.' >&2
	@exit 1
clean:
	rm -rf $(build) pgx.so

else

MODULE_big = pgx
EXTENSION = control/pgx
DATA = $(sort $(wildcard sql/pgx--*.sql)) control/pgx_preload.json
OBJS = $(patsubst src/extension/%.cpp,$(build)/extension/%.o,$(sort $(wildcard src/extension/*.cpp)))
EXTRA_CLEAN = $(build)
# Bitcode lets PostgreSQL inline functions into queries; none of pgx's is worth it.
override with_llvm = no

# pgx.so finds the helper and its data relative to itself, so that an install under DESTDIR or one moved later works.
helper_from_pkglibdir = $(shell realpath -m --relative-to='$(pkglibdir)' '$(bindir)')/pgx
data_from_pkglibdir = $(shell realpath -m --relative-to='$(pkglibdir)' '$(datadir)/extension')

# The server's headers are system headers here: their warnings are not ours to mend. A directory given
# by -isystem is no longer searched as the -I that PGXS adds.
PG_CPPFLAGS = -isystem $(includedir_server) -isystem $(includedir_internal) -Isrc \
	-DPGX_VERSION='"$(version)"' -DPGX_HELPER_FROM_PKGLIBDIR='"$(helper_from_pkglibdir)"' \
	-DPGX_DATA_FROM_PKGLIBDIR='"$(data_from_pkglibdir)"'
# C++23 is for std::expected, which g++ 12 has. PG_MODULE_MAGIC leaves members of a struct out.
PG_CXXFLAGS = -std=c++23 -fvisibility=hidden -fvisibility-inlines-hidden -MMD -MP \
	-Wall -Wextra -Wno-missing-field-initializers
ifneq ($(filter true 1,$(CI) $(WERROR)),)
PG_CXXFLAGS += -Werror
cmake_werror = PGX_WERROR:BOOL=ON
endif
# The server loads pgx.so beside other C++ extensions: it may show them nothing but its entry points.
SHLIB_LINK = $(build)/libpgx_base.a -Wl,--exclude-libs,ALL -lsodium -lstdc++

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# All processors, unless the caller said otherwise.
ifeq ($(filter -j% --jobserver%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif

# CMake knows best what is out of date in its part, so it is always asked; a file that it leaves alone
# keeps its time and nothing that depends on it is made again. A cache of another checkout (the same
# directory seen through the sandbox and from outside) cannot be used and is made anew. Once warnings
# are errors they stay so, because every change of that compiles everything again.
cache := $(build)/CMakeCache.txt
.PHONY: core
core:
	@mkdir -p $(build); \
	grep -qsx 'CMAKE_HOME_DIRECTORY:INTERNAL=$(CURDIR)' $(cache) || \
		rm -rf $(cache) $(build)/CMakeFiles $(build)/build.ninja; \
	if ! grep -qsx '$(or $(cmake_werror),PGX_WERROR:BOOL=.*)' $(cache); then \
		[ -e $(cache) ] || ! command -v ninja >/dev/null || generator='-G Ninja'; \
		cmake -S . -B $(build) $$generator $(addprefix -D,$(cmake_werror)) >$(build)/configure.log 2>&1 || \
			{ cat $(build)/configure.log; rm -f $(cache); exit 1; }; \
	fi
	@cmake --build $(build) --parallel $$(nproc) --target pgx pgx_base
$(build)/libpgx_base.a $(build)/pgx: core
	@:

all: $(build)/pgx
$(shlib): $(build)/libpgx_base.a

# Objects are rebuilt when this file changes too, as it holds their flags, and the version's file.
$(build)/extension/%.o: src/extension/%.cpp Makefile control/pgx.control
	@mkdir -p $(@D)
	$(ccache) $(CXX) $(CXXFLAGS) $(CPPFLAGS) -c -o $@ $<
-include $(OBJS:.o=.d)

.PHONY: install-helper uninstall-helper
install: install-helper
install-helper: $(build)/pgx
	$(MKDIR_P) '$(DESTDIR)$(bindir)'
	$(INSTALL_PROGRAM) $(build)/pgx '$(DESTDIR)$(bindir)/pgx'
uninstall: uninstall-helper
uninstall-helper:
	rm -f '$(DESTDIR)$(bindir)/pgx'

endif
endif
