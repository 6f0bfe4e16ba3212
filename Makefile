# SPDX-License-Identifier: MIT
# Reads from top to bottom: settings, sources, rules, tests, installing. `make help` lists the targets.

VERSION = 0.1.0

# ---- settings; put yours into config.mk or on the command line ------------------------------------

-include config.mk

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/leash
POLKITDIR ?= /usr/share/polkit-1
UNITDIR ?= /usr/lib/systemd/system
BUILD ?= build
SAN ?=
WERROR ?=

CC ?= cc
# make Q= shows every command.
Q ?= @
PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g
WARNINGS = -Wall -Wextra -Wshadow -Wundef -Wvla -Wmissing-prototypes -Wstrict-prototypes \
           -Wpointer-arith -Wwrite-strings -Wformat=2 -Wno-format-truncation
HARDENING = -fstack-protector-strong -fvisibility=hidden -fno-common -fPIE
LDFLAGS_HARDENING = -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,defs -Wl,--as-needed

# ---- libraries --------------------------------------------------------------------------------------

SYSTEMD_LIBS := $(shell $(PKG_CONFIG) --libs libsystemd 2>/dev/null)
JSON_CFLAGS := $(shell $(PKG_CONFIG) --cflags json-c 2>/dev/null)
JSON_LIBS := $(shell $(PKG_CONFIG) --libs json-c 2>/dev/null)
CMOCKA_LIBS := $(shell $(PKG_CONFIG) --libs cmocka 2>/dev/null)
HAVE_CGROUP := $(shell $(PKG_CONFIG) --exists libcgroup 2>/dev/null && echo yes)

ifeq ($(HAVE_CGROUP),yes)
CGROUP_SOURCE = backend/cgroup.c
CGROUP_LIBS := $(shell $(PKG_CONFIG) --libs libcgroup)
else
CGROUP_SOURCE = backend/cgroup-fallback.c
CGROUP_LIBS =
endif

# ---- sources ----------------------------------------------------------------------------------------

LIB_SOURCES = \
    core/cgfile.c core/layers.c core/limits.c core/offenders.c core/parse.c core/placement.c \
    core/plan.c core/record.c \
    os/cgroupfs.c os/clock.c os/file.c os/proc.c os/user.c \
    backend/backend.c backend/bus.c $(CGROUP_SOURCE) backend/dropin.c backend/journal.c \
    backend/ledger.c backend/login.c backend/notify.c backend/spare.c backend/systemd.c

LEASH_SOURCES = cap.c context.c doctor.c exit.c explain.c list.c main.c options.c output.c \
    release.c show.c view.c

UNIT_TESTS = cgfile layers ledger limits offenders parse placement plan record

# ---- rules ------------------------------------------------------------------------------------------

SAN_FLAGS = $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
ALL_CFLAGS = -std=gnu17 $(WARNINGS) $(if $(WERROR),-Werror) $(HARDENING) $(SAN_FLAGS) \
    -iquote libleash -iquote . $(JSON_CFLAGS) -DLEASH_VERSION='"$(VERSION)"' \
    -DLEASH_PROGRAM='"$(BINDIR)/leash"' $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(LDFLAGS_HARDENING) $(SAN_FLAGS) $(LDFLAGS)

OBJ = $(BUILD)/obj
LIB_OBJECTS = $(LIB_SOURCES:%.c=$(OBJ)/libleash/%.o)
LEASH_OBJECTS = $(LEASH_SOURCES:%.c=$(OBJ)/leash/%.o)
LIBLEASH = $(BUILD)/libleash.a
MAN_PAGES = $(patsubst docs/man/%.scd,$(BUILD)/man/%,$(wildcard docs/man/*.scd))
COMPLETIONS = $(BUILD)/completions/leash.bash $(BUILD)/completions/_leash

.PHONY: all
all: $(BUILD)/leash $(COMPLETIONS) man

$(BUILD)/leash: $(LEASH_OBJECTS) $(LIBLEASH) | said
	@echo "  LINK $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(SYSTEMD_LIBS) $(JSON_LIBS) $(CGROUP_LIBS)

.PHONY: said
said:
	@$(if $(SYSTEMD_LIBS),,echo "leash needs libsystemd's headers: see 'make deps'" >&2; exit 1)
	@$(if $(JSON_LIBS),,echo "leash needs json-c's headers: see 'make deps'" >&2; exit 1)
	@$(if $(HAVE_CGROUP),,echo "libcgroup is not here: built without the backend for hosts that do not run systemd")

$(LIBLEASH): $(LIB_OBJECTS)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(OBJ)/%.o: %.c | said
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/completions/leash.bash: $(BUILD)/leash
	@mkdir -p $(@D)
	$(Q)$< --completion=bash >$@

$(BUILD)/completions/_leash: $(BUILD)/leash
	@mkdir -p $(@D)
	$(Q)$< --completion=zsh >$@

.PHONY: man
man: $(MAN_PAGES)

$(BUILD)/man/%: docs/man/%.scd
	@mkdir -p $(@D)
	@if command -v scdoc >/dev/null; then scdoc <$< >$@; else echo "scdoc is not here: $(@F) is not made"; fi

-include $(LIB_OBJECTS:.o=.d) $(LEASH_OBJECTS:.o=.d)

# ---- installing -------------------------------------------------------------------------------------

.PHONY: install
install: all
	install -Dm755 $(BUILD)/leash $(DESTDIR)$(BINDIR)/leash
	install -Dm644 $(BUILD)/completions/leash.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/leash
	install -Dm644 $(BUILD)/completions/_leash $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_leash
	$(Q)for page in $(MAN_PAGES); do \
	    [ ! -f $$page ] || install -Dm644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}; done

.PHONY: clean
clean:
	rm -rf $(BUILD)
