/* SPDX-License-Identifier: MIT */
/* What the policy says about locking the calling user's session. */
#pragma once

#include "core/idle.h"

typedef struct LockPolicy {
        IdleConfig idle;
        char *locker, *fallback; /* command lines; fallback may be NULL */
} LockPolicy;

void lockpolicy_done(LockPolicy *p);

/* Reads leash.conf and its drop-ins, below `root`. Mistakes in them are said on stderr and the rest
 * counts. Returns 0; -EACCES if something of it is there and cannot be read; -errno. */
int lockpolicy_load(const char *root, LockPolicy *ret);
