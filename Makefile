# SPDX-License-Identifier: MIT
# Reads from top to bottom: settings, sources, rules, tests, installing. `make help` lists the targets.

VERSION = 0.1.0

# ---- settings; put yours into config.mk or on the command line ------------------------------------

-include config.mk

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBEXECDIR ?= $(PREFIX)/libexec/leash
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/leash
POLKITDIR ?= /usr/share/polkit-1
UNITDIR ?= /usr/lib/systemd/system
USERUNITDIR ?= /usr/lib/systemd/user
SYSCONFDIR ?= /etc
# Where libpam looks: beside the libraries of the system that is built for, by architecture on Debian, else in lib64 or lib.
# pam.pc is not asked, since Debian 12's has /lib.
PKG_CONFIG ?= pkg-config
PAMDIR ?= $(or $(shell $(PKG_CONFIG) --variable=libdir libsystemd 2>/dev/null),/usr/lib)/security
# pam-auth-update's profiles. A package gets one whatever this host is; for a distribution without them, PAMCONFIGDIR= .
PAMCONFIGDIR ?= $(if $(DESTDIR),/usr/share/pam-configs,$(wildcard /usr/share/pam-configs))
# Sanitized and not, side by side: neither is made again for the other.
BUILD ?= build$(if $(SAN),-san)
SAN ?=
WERROR ?=
FUZZ_SECONDS ?= 60

CC ?= cc
# make Q= shows every command.
Q ?= @
CFLAGS ?= -O2 -g
WARNINGS = -Wall -Wextra -Wshadow -Wundef -Wvla -Wmissing-prototypes -Wstrict-prototypes \
           -Wpointer-arith -Wwrite-strings -Wformat=2 $(QUIET)
# gcc counts what a %s could hold at most; the cut is checked or meant where it can happen.
QUIET := $(if $(findstring clang,$(shell $(CC) --version 2>/dev/null)),,-Wno-format-truncation)
# -fPIC, and not -fPIE: the library goes into the PAM module, too.
HARDENING = -fstack-protector-strong -fvisibility=hidden -fno-common -fPIC $(FORTIFY) $(TAKEN)
# Where the C library has checks: only with optimization, and beside a sanitizer they hide what it would find. A level of
# one's own in CFLAGS or CPPFLAGS counts; some compilers have one built in, which would be defined twice.
FORTIFY = $(if $(SAN)$(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,$(if \
    $(filter-out -O0,$(lastword $(filter -O%,$(CFLAGS)))),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2))
# What not every compiler and processor has.
takes = $(shell $(CC) -Werror $(1) -x c -c -o /dev/null /dev/null 2>/dev/null && echo $(1))
TAKEN := $(call takes,-fstack-clash-protection) $(call takes,-fcf-protection)
LDFLAGS_HARDENING = -Wl,-z,relro -Wl,-z,now -Wl,--as-needed

# ---- libraries --------------------------------------------------------------------------------------

SYSTEMD_LIBS := $(shell $(PKG_CONFIG) --libs libsystemd 2>/dev/null)
JSON_CFLAGS := $(shell $(PKG_CONFIG) --cflags json-c 2>/dev/null)
JSON_LIBS := $(shell $(PKG_CONFIG) --libs json-c 2>/dev/null)
INIH_CFLAGS := $(shell $(PKG_CONFIG) --cflags inih 2>/dev/null)
INIH_LIBS := $(shell $(PKG_CONFIG) --libs inih 2>/dev/null)
# Each shared library costs every `leash PID` and every login, and these two are small and change
# seldom. STATIC= links them like all others; without their archives that is done anyway.
STATIC ?= json-c inih
archive = $(if $(filter $(1),$(STATIC)),$(filter /%,$(shell $(CC) -print-file-name=lib$(1).a)))
JSON_LIBS := $(if $(JSON_LIBS),$(or $(call archive,json-c),$(JSON_LIBS)))
INIH_LIBS := $(if $(INIH_LIBS),$(or $(call archive,inih),$(INIH_LIBS)))
CMOCKA_LIBS := $(shell $(PKG_CONFIG) --libs cmocka 2>/dev/null)
# Loaded when it is needed, by the name that a program linked with it would ask for.
CGROUP_SONAME := $(shell $(PKG_CONFIG) --exists libcgroup 2>/dev/null && \
    readelf -d "$$($(CC) -print-file-name=libcgroup.so)" 2>/dev/null | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')

CURSES_CFLAGS := $(shell $(PKG_CONFIG) --cflags ncursesw 2>/dev/null)
CURSES_LIBS := $(shell $(PKG_CONFIG) --libs ncursesw 2>/dev/null)
# A program of its own: what it takes to load ncurses is not for every `leash PID`.
TOP_SOURCE = $(if $(CURSES_LIBS),top-start.c,top-fallback.c)
HAVE_PAM := $(shell $(CC) $(CPPFLAGS) -E -include security/pam_ext.h -x c /dev/null >/dev/null 2>&1 && echo yes)

ifneq ($(CGROUP_SONAME),)
CGROUP_SOURCE = backend/cgroup.c backend/cgroup-crowd.c backend/cgroup-group.c \
    backend/cgroup-moves.c backend/cgroup-origins.c backend/cgroup-procs.c \
    backend/cgroup-site.c backend/cgroup-waiter.c
else
CGROUP_SOURCE = backend/cgroup-fallback.c
endif

# leash-lock and leash-notify are made where their libraries are.
X11_LIBS := $(shell $(PKG_CONFIG) --libs x11 xext xscrnsaver 2>/dev/null)
# Without libXRes, leash-lock takes another's word for which process it is, and a new full-screen
# window for the locker's.
XRES_LIBS := $(if $(X11_LIBS),$(shell $(PKG_CONFIG) --libs xres 2>/dev/null))
NOTIFY_CFLAGS := $(shell $(PKG_CONFIG) --cflags libnotify 2>/dev/null)
NOTIFY_LIBS := $(shell $(PKG_CONFIG) --libs libnotify 2>/dev/null)

# ---- sources ----------------------------------------------------------------------------------------

LIB_SOURCES = \
    core/array.c core/audit.c core/audithost.c core/auditxrdp.c core/balance.c core/ccache.c core/cgfile.c core/drain.c core/drift.c core/guard.c \
    core/hours.c core/idle.c core/incident.c core/kernel.c core/layers.c core/limits.c core/offenders.c core/pamstack.c core/parse.c \
    core/placement.c core/places.c core/plan.c core/policy.c core/policykeys.c core/policyread.c core/record.c \
    core/runaway.c core/sessions.c core/statefile.c core/states.c core/xrdpconf.c \
    os/cgroupfs.c os/clock.c os/file.c os/identity.c os/machine.c os/output.c os/policyfile.c os/proc.c \
    os/procsocket.c os/psi.c os/sockdiag.c os/user.c os/watch.c \
    backend/backend.c backend/bus.c backend/buslink.c backend/choose.c backend/completion.c $(CGROUP_SOURCE) \
    backend/defaults.c backend/desktops.c backend/displays.c backend/drain.c backend/dropin.c backend/incidents.c backend/inhibit.c \
    backend/journal.c backend/json.c backend/layer.c backend/ledger.c backend/login.c backend/logind.c backend/loginend.c \
    backend/loginwatch.c backend/metrics.c backend/notify.c backend/overview.c backend/spare.c \
    backend/systemd-scope.c backend/systemd.c backend/tickets.c backend/usage.c backend/viewers.c \
    backend/vncserver.c

LEASH_SOURCES = cap.c context.c doctor.c exit.c explain.c list.c log.c main.c metrics.c options.c \
    policy.c release.c show.c $(TOP_SOURCE) view.c

TOP_SOURCES = context.c exit.c leash-top.c top.c topmodel.c

LOCK_SOURCES = daemon.c leash-lock.c locker.c lockpolicy.c notice.c options.c status.c x11-cover.c \
    x11-owner.c $(if $(XRES_LIBS),x11-xres.c,x11-no-xres.c) x11.c xrdp.c

PAM_SOURCES = account.c args.c login.c pam_leash.c

LEASHD_SOURCES = act.c drift.c guard.c keep.c loop.c main.c punish.c remote.c rules.c textfile.c

AGENT_SOURCES = leash-agent.c look.c serve.c

XRDP_SOURCES = audit.c disconnect.c drain.c end.c greet.c leash-xrdp.c list.c message.c options.c table.c

UNIT_TESTS = array audit balance ccache cgfile displays drain drift dropin file guard hours identity idle incident kernel layers ledger limits \
    login notify offenders pamstack parse placement places plan policy policyfile program record runaway sessions sockdiag states \
    topmodel xrdpconf

# ---- rules ------------------------------------------------------------------------------------------

SAN_FLAGS = $(if $(SAN),-DLEASH_SANITIZED -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
ALL_CFLAGS = -std=gnu17 $(WARNINGS) $(if $(WERROR),-Werror) $(HARDENING) $(SAN_FLAGS) \
    -iquote libleash -iquote . $(JSON_CFLAGS) $(INIH_CFLAGS) -DLEASH_VERSION='"$(VERSION)"' \
    -DBINDIR='"$(BINDIR)"' -DLIBEXECDIR='"$(LIBEXECDIR)"' $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,defs $(LDFLAGS_HARDENING) $(SAN_FLAGS) $(LDFLAGS)
# A sanitizer's symbols are in the program that loads the module.
MODULE_LDFLAGS = -shared $(if $(SAN),,-Wl,-z,defs) -Wl,--exclude-libs=ALL \
    -Wl,--version-script=pam_module/pam_leash.map $(LDFLAGS_HARDENING) $(SAN_FLAGS) $(LDFLAGS)

OBJ = $(BUILD)/obj
LIB_OBJECTS = $(LIB_SOURCES:%.c=$(OBJ)/libleash/%.o)
LEASH_OBJECTS = $(LEASH_SOURCES:%.c=$(OBJ)/leash/%.o)
TOP_OBJECTS = $(TOP_SOURCES:%.c=$(OBJ)/leash/%.o)
LOCK_OBJECTS = $(LOCK_SOURCES:%.c=$(OBJ)/screensaver/%.o)
LEASHD_OBJECTS = $(LEASHD_SOURCES:%.c=$(OBJ)/leashd/%.o)
AGENT_OBJECTS = $(AGENT_SOURCES:%.c=$(OBJ)/xrdp-helpers/%.o)
XRDP_OBJECTS = $(XRDP_SOURCES:%.c=$(OBJ)/xrdp-helpers/%.o)
LIBLEASH = $(BUILD)/libleash.a
LOCK_PROGRAMS = $(if $(X11_LIBS),$(BUILD)/leash-lock) $(if $(NOTIFY_LIBS),$(BUILD)/leash-notify)
TOP_PROGRAM = $(if $(CURSES_LIBS),$(BUILD)/leash-top)
PAM_OBJECTS = $(PAM_SOURCES:%.c=$(OBJ)/pam_module/%.o)
PAM_MODULE = $(if $(HAVE_PAM),$(BUILD)/pam_leash.so)
MAN_PAGES = $(patsubst docs/man/%.scd,$(BUILD)/man/%,$(wildcard docs/man/*.scd))
SCDOC := $(shell command -v scdoc 2>/dev/null)
COMPLETIONS = $(foreach program,leash leash-xrdp,$(BUILD)/completions/$(program).bash \
    $(BUILD)/completions/_$(program))

.DEFAULT_GOAL = all
# Half a file is newer than what it is made of.
.DELETE_ON_ERROR:

.PHONY: all
all: $(BUILD)/leash $(TOP_PROGRAM) $(BUILD)/leashd $(BUILD)/leash-xrdp $(BUILD)/leash-agent $(PAM_MODULE) $(LOCK_PROGRAMS) $(COMPLETIONS) man

$(BUILD)/leash: $(LEASH_OBJECTS) $(LIBLEASH) | said
	@echo "  LINK $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(SYSTEMD_LIBS) $(JSON_LIBS) $(INIH_LIBS)

$(BUILD)/leash-top: $(TOP_OBJECTS) $(LIBLEASH) | said
	@echo "  LINK $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(SYSTEMD_LIBS) $(INIH_LIBS) $(CURSES_LIBS)

$(BUILD)/leashd: $(LEASHD_OBJECTS) $(LIBLEASH) | said
	@echo "  LINK $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(SYSTEMD_LIBS) $(INIH_LIBS)

$(BUILD)/leash-agent: $(AGENT_OBJECTS) $(LIBLEASH) | said
	@echo "  LINK $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(SYSTEMD_LIBS)

$(BUILD)/leash-xrdp: $(XRDP_OBJECTS) $(LIBLEASH) | said
	@echo "  LINK $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(SYSTEMD_LIBS) $(JSON_LIBS) $(INIH_LIBS)

$(BUILD)/leash-lock: $(LOCK_OBJECTS) $(OBJ)/screensaver/testing.o $(LIBLEASH) | said
	@echo "  LINK $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(X11_LIBS) $(XRES_LIBS) $(SYSTEMD_LIBS) $(INIH_LIBS)

$(OBJ)/screensaver/leash-notify.o: ALL_CFLAGS += $(NOTIFY_CFLAGS)
$(BUILD)/leash-notify: $(OBJ)/screensaver/leash-notify.o $(LIBLEASH) | said
	@echo "  LINK $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(NOTIFY_LIBS)

$(BUILD)/pam_leash.so: $(PAM_OBJECTS) $(LIBLEASH) pam_module/pam_leash.map
	@echo "  LINK $@"
	$(Q)$(CC) $(MODULE_LDFLAGS) -o $@ $(PAM_OBJECTS) $(LIBLEASH) $(SYSTEMD_LIBS) $(INIH_LIBS) -lpam

.PHONY: said
said:
	@$(if $(SYSTEMD_LIBS),,echo "leash needs libsystemd's headers: see 'make deps'" >&2; exit 1)
	@$(if $(JSON_LIBS),,echo "leash needs json-c's headers: see 'make deps'" >&2; exit 1)
	@$(if $(INIH_LIBS),,echo "leash needs libinih's headers: see 'make deps'" >&2; exit 1)
	@$(if $(CGROUP_SONAME),,echo "libcgroup is not here: built without the backend for hosts that do not run systemd")
	@$(if $(CURSES_LIBS),,echo "ncurses is not here: built without leash top")
	@$(if $(X11_LIBS),,echo "libX11, libXext or libXss is not here: leash-lock is not built")
	@$(if $(NOTIFY_LIBS),,echo "libnotify is not here: leash-notify is not built")
	@$(if $(HAVE_PAM),,echo "libpam's headers are not here: pam_leash is not built")
	@$(if $(SCDOC),,echo "scdoc is not here: the man pages are not made")

# What is compiled and linked with, and what stands in the programs: written when it is not what it was, and then all is
# made again.
PLACES = BINDIR SBINDIR LIBEXECDIR SYSCONFDIR DOCDIR
SETTINGS := $(strip $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(MODULE_LDFLAGS) $(SYSTEMD_LIBS) $(JSON_LIBS) $(INIH_LIBS) \
    $(foreach name,$(PLACES),$(name)=$($(name))) $(CGROUP_SONAME) $(CURSES_CFLAGS) $(CURSES_LIBS) $(X11_LIBS) $(XRES_LIBS) $(NOTIFY_CFLAGS) $(NOTIFY_LIBS))
ifneq ($(SETTINGS),$(strip $(shell cat $(BUILD)/settings 2>/dev/null)))
.PHONY: $(BUILD)/settings
endif
$(BUILD)/settings:
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(SETTINGS))' >$@

$(LIBLEASH): $(LIB_OBJECTS)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(OBJ)/%.o: %.c $(BUILD)/settings | said
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(OBJ)/leash/top.o: ALL_CFLAGS += $(CURSES_CFLAGS)
$(OBJ)/libleash/backend/cgroup-group.o: ALL_CFLAGS += -DLIBCGROUP='"$(CGROUP_SONAME)"'

$(BUILD)/completions/%.bash: $(BUILD)/%
	@mkdir -p $(@D)
	$(Q)$< --completion=bash >$@

$(BUILD)/completions/_%: $(BUILD)/%
	@mkdir -p $(@D)
	$(Q)$< --completion=zsh >$@

.PHONY: man
man: $(if $(SCDOC),$(MAN_PAGES))

$(BUILD)/man/%: $(BUILD)/filled/docs/man/%.scd
	@mkdir -p $(@D)
	$(Q)scdoc <$< >$@

# Files that name others, with the places where those are.
$(BUILD)/filled/%: % $(BUILD)/settings
	@mkdir -p $(@D)
	$(Q)sed '$(foreach name,$(PLACES),s|@$(name)@|$($(name))|g;)' $< >$@

# Of every object that there is, the tests' among them: a list would be one to forget somebody in.
-include $(foreach dir,* */* */*/*,$(wildcard $(OBJ)/$(dir)/*.d))

# ---- tests ------------------------------------------------------------------------------------------

TEST_PROGRAMS = $(UNIT_TESTS:%=$(BUILD)/tests/test-%)
TOOLS = $(BUILD)/tools/burn $(BUILD)/tools/forker $(BUILD)/tools/probe
FUZZERS = models record limits pamargs policy text

# Calls out of the module's objects that are made to fail, see tests/pam/faults.c.
FAULTS = malloc calloc realloc reallocarray strdup strndup vasprintf open_memstream read write renameat mkdir unlinkat \
    rmdir fchmod fsync flock fstat fstatat utimensat access opendir fdopendir readdir socket sendto gethostname sysinfo \
    getpwnam_r getgrgid_r getgrouplist sd_uid_get_sessions sd_session_get_service sd_session_get_class sd_session_get_state sd_bus_new sd_bus_set_address sd_bus_start sd_bus_process \
    sd_bus_wait sd_bus_call sd_bus_message_new_method_call sd_bus_message_open_container open openat fclose \
    __open_2 __openat_2 __vasprintf_chk
PAM_TESTS = $(if $(HAVE_PAM),$(BUILD)/tests/pam-driver $(BUILD)/tests/pam-faults)

# leash-lock with testing.c of the tests in the place of its own; all else is the same.
LOCK_TOOLS = $(BUILD)/tests/leash-lock $(BUILD)/tests/test-locker $(BUILD)/tests/observer $(BUILD)/tests/intruder \
    $(BUILD)/tests/fake-login $(BUILD)/tests/inhibitor $(BUILD)/tests/fake-desktop \
    $(BUILD)/tests/fake-manager

$(BUILD)/tests/leash-lock: $(LOCK_OBJECTS) $(OBJ)/tests/x11/tools/testing.o $(LIBLEASH)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(X11_LIBS) $(XRES_LIBS) $(SYSTEMD_LIBS) $(INIH_LIBS)

$(BUILD)/tests/test-locker $(BUILD)/tests/observer $(BUILD)/tests/intruder: $(BUILD)/tests/%: $(OBJ)/tests/x11/tools/%.o
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(X11_LIBS)

$(BUILD)/tests/fake-login $(BUILD)/tests/inhibitor $(BUILD)/tests/fake-desktop $(BUILD)/tests/fake-manager: $(BUILD)/tests/%: $(OBJ)/tests/x11/tools/%.o
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(SYSTEMD_LIBS)

# Objects of tests are kept, like all others.
.SECONDARY:

.PHONY: tests
tests: $(if $(CMOCKA_LIBS),$(TEST_PROGRAMS)) $(TOOLS) $(PAM_TESTS) $(if $(X11_LIBS),$(LOCK_TOOLS)) \
    $(FUZZERS:%=$(BUILD)/tests/replay-%)

$(BUILD)/tests/test-%: $(OBJ)/tests/unit/test-%.o $(LIBLEASH)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(LIBLEASH) $(CMOCKA_LIBS) $(SYSTEMD_LIBS) $(INIH_LIBS)

$(BUILD)/tests/test-topmodel: $(OBJ)/leash/topmodel.o

$(BUILD)/tests/replay-%: $(OBJ)/tests/fuzz/fuzz-%.o $(OBJ)/tests/fuzz/replay.o $(LIBLEASH)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(INIH_LIBS)

$(BUILD)/tests/fuzz-%: $(OBJ)/tests/fuzz/fuzz-%.o $(LIBLEASH)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(INIH_LIBS)

$(BUILD)/tests/replay-pamargs $(BUILD)/tests/fuzz-pamargs: $(OBJ)/pam_module/args.o

$(BUILD)/tests/pam-driver: $(OBJ)/tests/pam/driver.o
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lpam

$(BUILD)/tests/pam-faults: $(OBJ)/tests/pam/faults.o $(PAM_OBJECTS) $(LIBLEASH)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $(FAULTS:%=-Wl,--wrap=%) -o $@ $^ $(SYSTEMD_LIBS) $(INIH_LIBS) -lpam

$(BUILD)/tests/fuzz-pamargs: $(OBJ)/pam_module/args.o

$(BUILD)/tools/%: tests/guest/tools/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 -D_GNU_SOURCE -o $@ $<

# The part that needs no root and takes a minute or two, of what is in BUILD; with SAN= sanitized.
.PHONY: check-fast
check-fast:
	@BUILD='$(BUILD)' SAN='$(SAN)' tests/check fast

# Parts of it.
.PHONY: check-unit check-bus
check-unit: all tests
	@tests/run-unit $(BUILD)
check-bus: all
	@tests/bus/run $(BUILD) || [ $$? -eq 77 ]

# What can be said without running anything. Of clang-format and shellcheck, what is there.
.PHONY: lint
lint: all
	@tests/check-layers $(BUILD)
	@tests/check-docs $(BUILD)
	@tests/lint

# New inputs for the parsers, for FUZZ_SECONDS each. libFuzzer is clang's.
.PHONY: fuzz fuzzers
fuzz:
	@$(MAKE) --no-print-directory CC=clang SAN=fuzzer-no-link,address,undefined BUILD=$(BUILD)-fuzz fuzzers
	@tests/fuzz/run $(BUILD)-fuzz $(FUZZ_SECONDS) $(FUZZERS)
fuzzers: $(FUZZERS:%=$(BUILD)/tests/fuzz-%)

# Unit, bus, X, sanitizers, this host, and of the booted guests what the promises hang on. Installs what it needs.
.PHONY: check
check: deps-test
	@tests/check all

# The same with every guest suite, on each release, and more kills: before a release. Hours under emulation.
.PHONY: check-matrix
check-matrix: deps-test
	@tests/check matrix

.PHONY: deps deps-test
deps:
	@packaging/install-deps build
deps-test:
	@packaging/install-deps test

# The main job, shown on this machine; where that cannot be, in a guest.
.PHONY: demo
demo: deps
	@$(MAKE) --no-print-directory all tools
	@if $(BUILD)/leash doctor >/dev/null 2>&1; then \
	    tests/demo/demo $(BUILD)/leash $(BUILD)/tools; \
	else echo "leash cannot limit on this machine ('leash doctor' says why), so the demo runs in a guest"; \
	    $(MAKE) --no-print-directory demo-guest; fi

.PHONY: demo-guest
demo-guest: deps-test
	@tests/guest/run -r bookworm --own-kernel -f tests/demo tests/guest/demo.sh

.PHONY: tools
tools: $(TOOLS)

.PHONY: bench
bench: deps-test $(BUILD)/tests/bench-policy
	@tests/bench/run $(BUILD)
	$(if $(X11_LIBS),@$(MAKE) --no-print-directory tests >/dev/null && tests/bench/lock $(BUILD))

$(BUILD)/tests/bench-policy: $(OBJ)/tests/bench/policy.o $(LIBLEASH)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(INIH_LIBS)

.PHONY: format
format:
	clang-format -i $$(git ls-files '*.c' '*.h')

# ---- installing -------------------------------------------------------------------------------------

# What is installed: FILE:MODE:PLACE. Both ways go by these rows.
FILLED = $(BUILD)/filled/packaging
ROWS = \
    $(BUILD)/leash:755:$(BINDIR)/leash \
    $(BUILD)/leashd:755:$(SBINDIR)/leashd \
    $(BUILD)/leash-xrdp:755:$(SBINDIR)/leash-xrdp \
    $(BUILD)/leash-agent:755:$(SBINDIR)/leash-agent \
    $(foreach program,leash leash-xrdp, \
    $(BUILD)/completions/$(program).bash:644:$(PREFIX)/share/bash-completion/completions/$(program) \
    $(BUILD)/completions/_$(program):644:$(PREFIX)/share/zsh/site-functions/_$(program)) \
    $(foreach unit,leashd.service leash-restore.service leash-gone@.service leash-greet@.service \
    leash-agent.service leash-agent.socket,$(FILLED)/systemd/$(unit):644:$(UNITDIR)/$(unit)) \
    $(FILLED)/systemd/user-slice.conf:644:$(UNITDIR)/user-.slice.d/50-leash.conf \
    $(FILLED)/polkit/org.leash.policy:644:$(POLKITDIR)/actions/org.leash.policy \
    $(foreach file,polkit/50-leash-helpdesk.rules leash.conf.example haproxy.cfg.example, \
    $(FILLED)/$(file):644:$(DOCDIR)/examples/$(notdir $(file))) \
    $(foreach file,README.md NEWS.md SECURITY.md LICENSE docs/ADMIN.md docs/ARCHITECTURE.md, \
    $(file):644:$(DOCDIR)/$(notdir $(file)))
# Beside xrdp's own scripts; sesman.ini names them, see ADMIN.md.
ROWS += \
    $(FILLED)/xrdp/leash-xrdp-hook:755:$(LIBEXECDIR)/leash-xrdp-hook \
    $(FILLED)/xrdp/leash-startwm.sh:755:$(SYSCONFDIR)/xrdp/leash-startwm.sh \
    $(FILLED)/xrdp/leash-reconnectwm.sh:755:$(SYSCONFDIR)/xrdp/leash-reconnectwm.sh
ROWS_TOP = $(BUILD)/leash-top:755:$(LIBEXECDIR)/leash-top
# With what starts it in every session: without a [lock] section of the policy it does nothing there.
ROWS_LOCK = \
    $(BUILD)/leash-lock:755:$(BINDIR)/leash-lock \
    $(FILLED)/systemd/user/leash-lock.service:644:$(USERUNITDIR)/leash-lock.service \
    $(FILLED)/xsession/leash-lock-keep:755:$(LIBEXECDIR)/leash-lock-keep \
    $(FILLED)/xsession/leash-lock.desktop:644:$(SYSCONFDIR)/xdg/autostart/leash-lock.desktop \
    $(FILLED)/xsession/95leash-lock:644:$(SYSCONFDIR)/X11/Xsession.d/95leash-lock \
    $(FILLED)/profile.d/leash-tty.sh:644:$(DOCDIR)/examples/leash-tty.sh
# Not readable, so the kernel lets nobody trace it: root starts it as the user, outside their slice.
ROWS_NOTIFY = $(BUILD)/leash-notify:711:$(LIBEXECDIR)/leash-notify
ROWS_PAM = $(BUILD)/pam_leash.so:755:$(PAMDIR)/pam_leash.so \
    $(if $(PAMCONFIGDIR),$(FILLED)/pam-configs/leash:644:$(PAMCONFIGDIR)/leash)
ROWS_MAN = $(foreach page,$(MAN_PAGES), \
    $(page):644:$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(notdir $(page)))

# What is built here, and what may have been where other libraries were.
INSTALLED = $(ROWS) $(if $(TOP_PROGRAM),$(ROWS_TOP)) $(if $(X11_LIBS),$(ROWS_LOCK)) $(if $(NOTIFY_LIBS),$(ROWS_NOTIFY)) \
    $(if $(PAM_MODULE),$(ROWS_PAM)) $(if $(SCDOC),$(ROWS_MAN))
REMOVED = $(ROWS) $(ROWS_TOP) $(ROWS_LOCK) $(ROWS_NOTIFY) $(ROWS_PAM) $(ROWS_MAN)
file_of = $(firstword $(subst :, ,$(1)))
place_of = $(lastword $(subst :, ,$(1)))

all: $(foreach row,$(INSTALLED),$(call file_of,$(row)))

# Modes are the table's, and install(1) makes directories with 755: neither is the umask's.
.PHONY: install
install: all
	$(Q)set -e; for row in $(INSTALLED); do \
	    mode=$${row#*:}; mode=$${mode%%:*}; \
	    echo "  INST $(DESTDIR)$${row##*:}"; \
	    install -Dm$$mode $${row%%:*} $(DESTDIR)$${row##*:}; done

# Tools that guests need and that want libraries.
.PHONY: install-tests
install-tests: $(BUILD)/tests/fake-desktop $(if $(X11_LIBS),$(BUILD)/tests/observer)
	install -Dm755 -t $(DESTDIR)/usr/lib/leash-tests $^

# What still names a file that would go. Where "account required pam_leash.so" finds no module nobody gets in, and
# xrdp without its window manager starts no desktop. A package's own scripts see to that, so not with DESTDIR.
STACKS ?= /etc/pam.conf /etc/pam.d /usr/lib/pam.d
SESMAN_INI ?= $(SYSCONFDIR)/xrdp/sesman.ini
.PHONY: unnamed
unnamed:
	$(Q)named=$$(grep -RslE '^[^#]*pam_leash' $(STACKS); \
	    grep -slE '^[^#;]*leash-(startwm|reconnectwm)\.sh' $(SESMAN_INI)); \
	[ -z "$$named" ] || { echo "uninstall: nothing was removed, since these name what would be:" $$named >&2; \
	    echo "uninstall: README.md has the order; UNINSTALL_ANYWAY=1 does not look" >&2; exit 1; }

# Directories go that are leash's own; in one that is shared there are others' files.
.PHONY: uninstall
uninstall: $(if $(DESTDIR:/=)$(UNINSTALL_ANYWAY),,unnamed)
	$(Q)rm -f $(foreach row,$(REMOVED),$(DESTDIR)$(call place_of,$(row)))
	$(Q)set -e; for dir in $(DOCDIR)/examples $(DOCDIR) $(LIBEXECDIR) $(UNITDIR)/user-.slice.d; do \
	    [ ! -d $(DESTDIR)$$dir ] || rmdir --ignore-fail-on-non-empty $(DESTDIR)$$dir; done

.PHONY: help
help:
	@echo "all demo demo-guest check check-matrix check-fast check-unit check-bus lint fuzz bench format install uninstall clean deps"
	@echo "settings: PREFIX BINDIR PAMDIR PAMCONFIGDIR DESTDIR BUILD CC CFLAGS SAN WERROR FUZZ_SECONDS UNINSTALL_ANYWAY, or config.mk"

.PHONY: clean
clean:
	rm -rf $(BUILD)
