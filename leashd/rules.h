/* SPDX-License-Identifier: MIT */
/* The policy as the models want it: rules for a session, rules for a user. */
#pragma once

#include "backend/loginwatch.h"
#include "core/policy.h"
#include "core/runaway.h"
#include "core/states.h"

/* When NSS is asked again for a user of whom it could not tell. */
#define RULES_UNSURE (30 * USEC_PER_SEC)

typedef struct Rules Rules;

typedef struct UserRules {
        uid_t uid;
        bool exempt;
        bool unsure;               /* exempt for now, since NSS cannot say who it is */
        RunawayRule cpu, memory;   /* without steps: none */
        PolicyList exempt_command; /* borrowed from the policy */
} UserRules;

/* Reads the policy; `report` hears of each mistake in it. What is there and cannot be read may
 * exempt anybody: then everybody is, see rules_are_unread(). Returns 0 or -ENOMEM. */
int rules_load(const char *root, uid_t uid_min, void (*report)(const PolicyError *error),
               Rules **ret);
Rules *rules_free(Rules *r);
DEFINE_CLEANUP(Rules *, rules_free);

const PolicyDaemon *rules_daemon(const Rules *r);
bool rules_are_unread(const Rules *r);

/* What applies to a session. Lives as long as the rules. `unsure` if NSS cannot say who the user is
 * or which groups they have: ask again after RULES_UNSURE. Returns 0 or -ENOMEM. */
int rules_for_session(Rules *r, const LogindSession *s, const StateRules **ret);

/* Has room for that many users; forgets those it knows if there is none. Returns 0, or -ENOBUFS for
 * more than there ever can be. */
int rules_make_room(Rules *r, size_t n);

/* What applies to a user: nothing as long as NSS cannot say who that is. Lives until
 * rules_make_room(), or as long as the rules. Returns 0; -ENOBUFS; -ENOMEM. */
int rules_for_user(Rules *r, uid_t uid, const UserRules **ret);
