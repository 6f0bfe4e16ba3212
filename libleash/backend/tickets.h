/* SPDX-License-Identifier: MIT */
/* Whether the Kerberos tickets of sessions still hold.
 *
 * Where a session's ticket is stands in the environment of what its leader has started
 * (KRB5CCNAME), and the file is the user's, maybe on a file server that does not answer. So all of
 * it is looked at in a process of its own that nobody waits longer for than TICKETS_TIMEOUT, and
 * the files are opened with the user's rights. Caches of other kinds than FILE (KEYRING, KCM, DIR)
 * are not looked at: their users' sessions alone can. */
#pragma once

#include "core/sessions.h"

#define TICKETS_TIMEOUT USEC_PER_SEC

typedef enum Ticket {
        TICKET_UNKNOWN, /* none, or kept where it cannot be looked at */
        TICKET_VALID,
        TICKET_EXPIRED,
        _TICKET_MAX,
} Ticket;

/* Of each session; ret is an array of n. As root; others find all unknown. */
void tickets_read(const Session *const *sessions, size_t n, Ticket *ret);
