/* SPDX-License-Identifier: MIT */
/* Ending sessions of logind's, rung by rung. */
#pragma once

#include "core/sessions.h"

typedef struct sd_bus sd_bus;

/* Takes a rung: SIGTERM to the session's leader, and before that to the programs of a desktop of
 * xrdp's; TerminateSession; SIGKILL to all that is left. A session that is closing has been stopped
 * by logind's reckoning, whatever runs on in it, and TerminateSession does nothing (seen with
 * systemd 257): there it is SIGTERM to all.
 * Returns 0, also for a rung that does nothing; -ENXIO if there is no such session; -errno. */
int loginend_on(sd_bus *bus, const char *id, SessionRung rung, usec_t timeout);

/* The same for who has no connection of their own, and keeps one while something is to be ended. */
typedef struct LoginEnd LoginEnd;

/* Connects to the system bus; `timeout` is for each call. Returns 0 or -errno. */
int loginend_open(usec_t timeout, LoginEnd **ret);
LoginEnd *loginend_close(LoginEnd *e);
DEFINE_CLEANUP(LoginEnd *, loginend_close);

/* Returns as loginend_on(). */
int loginend_take(LoginEnd *e, const char *id, SessionRung rung);

/* Returns 1 if logind still has the session, 0 if not, -errno. */
int loginend_is_there(LoginEnd *e, const char *id);
