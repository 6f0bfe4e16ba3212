/* SPDX-License-Identifier: MIT */
/* Who has to make room: on a full host, of several desktops of one user, of sessions that nobody
 * can come back to.
 *
 * Only a session that nobody looks at is ever chosen; of several that nobody has looked at for
 * longest. A desktop that is coming up, whose client is not let in yet, is no such. One of which
 * that is not known, and whoever is exempt, takes a place and never makes room; one that is
 * closing, or being ended for another reason, has left its place already. What is chosen is in the
 * condition SESSION_SURPLUS, whose warning, ladder and end on coming back are those of every other
 * condition (core/states).
 *
 * A choice is made anew each time: it ends when there is room again, and passes on to the next when
 * its user is back. */
#pragma once

#include "core/states.h"

/* Looks at all sessions. To be called before states_run(). Returns 0 or -ENOMEM, and then nothing
 * has changed. */
int places_run(Sessions *sessions, usec_t now);
