/* SPDX-License-Identifier: MIT */
/* The policy as the models want it: rules for a session, rules for a user. */
#pragma once

#include "backend/loginwatch.h"
#include "core/policy.h"
#include "core/runaway.h"
#include "core/states.h"

typedef struct Rules Rules;

typedef struct UserRules {
        uid_t uid;
        bool exempt;
        RunawayRule cpu, memory;   /* without steps: none */
        PolicyList exempt_command; /* borrowed from the policy */
} UserRules;

/* Reads the policy; `report` hears of each mistake in it. Returns 0 or -ENOMEM. */
int rules_load(const char *root, uid_t uid_min, void (*report)(const PolicyError *error),
               Rules **ret);
Rules *rules_free(Rules *r);
DEFINE_CLEANUP(Rules *, rules_free);

const PolicyDaemon *rules_daemon(const Rules *r);

/* What applies to a session. Lives as long as the rules. Returns 0 or -ENOMEM. */
int rules_for_session(Rules *r, const LogindSession *s, const StateRules **ret);

/* Has room for that many users; forgets those it knows if there is none. Returns 0, or -ENOBUFS for
 * more than there ever can be. */
int rules_make_room(Rules *r, size_t n);

/* What applies to a user. Lives until rules_make_room(), or as long as the rules. Returns 0;
 * -ENOBUFS; -ENOMEM. */
int rules_for_user(Rules *r, uid_t uid, const UserRules **ret);
