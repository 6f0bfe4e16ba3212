/* SPDX-License-Identifier: MIT */
/* The default layer: what the policy gives to a user's logins, on the user's slice.
 *
 * The slice is one for all of a user's logins, so of what the policy says to each of them the
 * strictest counts: else a second login, by another way, would lift the limits of the first. It is
 * worked out anew each time, from the sessions there are and the one that is being opened.
 *
 * The slice does not exist before the first login, nor after the last. Before, the drop-in alone
 * waits for it. Afterwards nothing may be left, and nobody has to be there to see the end: PID 1
 * starts leash-gone@.service when the slice stops (packaging/systemd), and whatever leash comes by
 * next does the same (backend_settle()). A login that is still on its way to its slice has touched
 * the record, which then stands for a while. logind does not know of it either, so what it was
 * given is found in the record, and whoever comes in that while has no less strict limits. */
#pragma once

#include "backend/backend.h"
#include "backend/ledger.h"
#include "core/policy.h"
#include "os/user.h"

/* What the policy says to all of the user's logins together. `opening` is the session that this
 * process opens (NULL: none), and counts in the place of what logind knows of it already. `facts`
 * holds what is the same for all: user, host. Returns 1; 0 if it says nothing; -ENOMEM. */
int defaults_decide(const Policy *policy, const PolicyFacts *facts, const PolicyFacts *opening,
                    PolicyLimits *ret);

/* The same to those that are left when a job is over, which had no session: to the sessions that
 * logind knows, or to a manager that stays without any. For a policy that tells sessions apart, as
 * policy_wants_sessions() says. Returns 1, also if it says nothing; 0 if nothing is left; -ENOMEM.
 */
int defaults_decide_for_rest(const Policy *policy, const PolicyFacts *facts, PolicyLimits *ret);

/* The facts that do not depend on the session; everything is borrowed. */
PolicyFacts defaults_facts(const UserInfo *u, uid_t uid_min, const char *host);

/* True if a job that was captured runs there, or has left something running, but for this process.
 * By which service it came, which the policy may go by, nobody has written down. */
bool defaults_has_jobs(const Backend *b, uid_t uid);

typedef struct DefaultsRequest {
        const UserInfo *user;
        const Limits *limits; /* empty: none are wanted */
        const char *by;
        usec_t lock_timeout;
        /* It is a login: a limit that the policy has dropped stays if only a daemon-reload could
         * take it away under a user who is logged in; `leash apply` does. What is stricter in the
         * record stays while the login that it was set for may be on its way to its slice, and
         * where the user's groups are not known for sure. */
        bool login;
        bool tighten; /* what is stricter in the record stays in any case */
        /* It is the end of a job, which had this stamp (0: none of its own): nobody's wait is for
         * it, a daemon-reload is too much for it as well, and what is stricter in the record stays
         * if another has touched it not long ago, or since it was decided what the limits are. */
        bool logout;
        usec_t stamp, decided; /* by the realtime clock */
} DefaultsRequest;

typedef enum DefaultsResult {
        DEFAULTS_NONE,  /* none are wanted, and there were none */
        DEFAULTS_STOOD, /* as they are to be already; nobody was asked */
        DEFAULTS_SET,
        DEFAULTS_TAKEN, /* none are wanted any more */
} DefaultsResult;

typedef struct Defaults {
        DefaultsResult result;
        Enforcement enforcement;
        Limits effective; /* what holds, with other layers */
        /* Of the record, for defaults_end(); 0 if there is none, or it is not this login's alone to
         * end: another one, not long ago, may still be on its way to its slice. */
        usec_t stamp;
        bool alone;   /* no other login can be on its way from before this one */
        bool damaged; /* an earlier record was, and has been set aside */
} Defaults;

/* Makes the default layer what is wanted. Returns 0; -EBUSY if the record's lock was not to be had,
 * and for a login if the limits do not stand all the same, which has left word for the holder then;
 * -errno. Then, too, ret->damaged and ret->stamp are set: there may be a record, still dirty, that
 * is to end with the login. */
int defaults_set(Backend *b, Ledger *ledger, const DefaultsRequest *request, Defaults *ret);

/* After a leash that may have held records for long, since PID 1 was reading its unit files again:
 * gives the logins that came meanwhile, and did not wait, what they were to have. One that only
 * looked has `held` none: it follows what was noted, and leaves alone what began after it had
 * brought all to order. Returns how many there were; or the first -errno, after all others. */
int defaults_catch_up(Backend *b, Ledger *ledger, bool held);

/* The login that had this stamp is over, or never came to have a slice: if there is none, and
 * nobody has touched the record since, forgets it. Returns 1 if it did; 0; -errno. */
int defaults_end(Backend *b, Ledger *ledger, uid_t uid, usec_t stamp, usec_t lock_timeout);
