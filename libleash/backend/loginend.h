/* SPDX-License-Identifier: MIT */
/* Ending sessions of logind's, rung by rung. */
#pragma once

#include "core/sessions.h"

typedef struct sd_bus sd_bus;

typedef struct sd_bus_message sd_bus_message;

/* Begins a rung: SIGTERM to the session's leader, and before that to the programs of a desktop of
 * xrdp's; TerminateSession; SIGKILL to all that is left. A session that is closing has been stopped
 * by logind's reckoning, whatever runs on in it, and TerminateSession does nothing (seen with
 * systemd 257): there it is SIGTERM to all.
 * Returns 1 with the call that does the rest, which is to be sent; 0 for a rung that does nothing;
 * -errno. */
int loginend_begin(sd_bus *bus, const char *id, SessionRung rung, sd_bus_message **ret);

/* What the answer to it says: 0; -ENXIO if there is no such session; -errno. */
int loginend_outcome(sd_bus_message *answer);

/* All of it, for who waits for the answer: keeps a connection while something is to be ended. */
typedef struct LoginEnd LoginEnd;

/* Connects to the system bus; `timeout` is for each call. Returns 0 or -errno. */
int loginend_open(usec_t timeout, LoginEnd **ret);
LoginEnd *loginend_close(LoginEnd *e);
DEFINE_CLEANUP(LoginEnd *, loginend_close);

/* Takes a rung. Returns 0, -ENXIO, -errno as above. */
int loginend_take(LoginEnd *e, const char *id, SessionRung rung);

/* Returns 1 if logind still has the session, 0 if not, -errno. */
int loginend_is_there(LoginEnd *e, const char *id);
