/* SPDX-License-Identifier: MIT */
/* Whether sessions have the lock helper that the policy wants them to have.
 *
 * It is looked for some time after the login, and then again only when the one that was found has
 * ended, so nothing is polled. That there is none is told once for each session: a user who ends it
 * again and again shall not fill a log. */
#pragma once

#include "core/sessions.h"

/* What a desktop gets to start everything that comes with it. */
#define GUARD_LOGIN (120 * USEC_PER_SEC)

/* What a helper that has ended gets to come back. Whoever keeps it takes less than a second; a
 * logout, some. */
#define GUARD_RETURN (10 * USEC_PER_SEC)

/* After a look that failed. */
#define GUARD_AGAIN (120 * USEC_PER_SEC)

/* Takes over whether the policy wants one for this session; without effect if it was looked for
 * already, and while the session is closing. */
void guard_want(Session *s, bool wanted, usec_t now);

/* The one that was found has ended. */
void guard_lost(Session *s, usec_t now);

/* True if it is to be looked for now. */
bool guard_is_due(const Session *s, usec_t now);

/* What looking has shown: > 0 one that is watched, 0 none, < 0 it could not be told, and is looked
 * for again. Returns true if it is to be told that there is none. */
bool guard_looked(Session *s, int found, usec_t now);

/* When the next look is due; USEC_INFINITY if none is. */
usec_t guard_next(const Sessions *s);
