/* SPDX-License-Identifier: MIT */
/* The units of the fake PID 1, with no memory but files, so that a test may set, compare and put
 * back everything with the shell's own means:
 *
 *   ROOT/fake/live/UNIT             a loaded slice's or scope's properties, as PID 1 holds them
 *   ROOT/sys/fs/cgroup/...          what the kernel holds; a slice or scope is loaded if it is here
 *   ROOT/run/systemd/transient/UNIT a timer or service is loaded if it is here
 *   ROOT/{etc,run}/systemd/...      unit files
 *
 * Each behaves as systemd 252 does where leash can tell the difference. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "fake-values.h"

bool unit_is_loaded(const char *root, const char *unit);

/* What PID 1 says of the unit; of one that is not loaded, what its files say. */
void unit_values(const char *root, const char *unit, Values *ret);

/* Sets one property at run time: the live value, and the 50-*.conf file. The caller then calls
 * unit_realize(). */
void unit_set(const char *root, const char *unit, Property property, const Values *values);

/* Brings the kernel's files to the live values, as far as the controllers are there. */
void unit_realize(const char *root, const char *unit);

/* Writes cgroup.freeze. False if there is no such cgroup. */
bool unit_freeze(const char *root, const char *unit, bool freeze);
bool unit_is_frozen(const char *root, const char *unit);

/* Makes a scope's cgroup below that of the slice, and moves the processes into it. */
void unit_make_scope(const char *root, const char *slice, const char *scope);
void unit_attach(const char *root, const char *unit, pid_t pid);

/* Makes or removes the file of a transient timer or service. */
void unit_make(const char *root, const char *unit);
void unit_remove(const char *root, const char *unit);

/* Reads all units' files. A daemon-reload does that, and leaves the kernel's files as they were
 * until something happens to the unit; only units that get loaded are realized too. */
void units_load(const char *root, bool realize);
