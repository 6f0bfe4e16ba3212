/* SPDX-License-Identifier: MIT */
/* The mark that a host is being emptied: /var/lib/leash/drain. On disk, since a reboot is a part of
 * maintenance, and half of it is no time to let people in. */
#pragma once

#include "core/drain.h"

#define DRAIN_FILE "/var/lib/leash/drain"

/* Reads it; `root` stands before the path ("" but in tests). Returns 1 if the host is being
 * emptied; 0 if not; -EPERM if somebody else's file lies there; -EBADMSG if it is damaged; -errno.
 */
int drain_load(const char *root, Drain *ret);

/* Writes it, on the disk when this returns. Returns 0 or -errno. */
int drain_store(const char *root, const Drain *d);

/* Takes it away. Returns 0, also if there is none; -errno. */
int drain_clear(const char *root);
