/* SPDX-License-Identifier: MIT */
/* The leash-lock of one display: core/idle fed with what X, logind, the session bus, xrdp and the
 * locker tell, and its actions carried out. */
#pragma once

#include "lockpolicy.h"

/* Runs until it is told to end, or the X server is gone. Borrows the policy.
 * Returns 0; -EBUSY if the display has a leash-lock already; -ECONNREFUSED if there is no display;
 * -EPROTONOSUPPORT in a Wayland session; -EOPNOTSUPP if it cannot tell the idle time; -EPIPE if it
 * went away; -errno. */
int daemon_run(const LockPolicy *policy);
