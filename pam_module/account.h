/* SPDX-License-Identifier: MIT */
/* Whether somebody may come to this host while it is being emptied. Knows nothing of PAM. */
#pragma once

#include "login.h"

typedef struct AccountOutcome {
        const char *failed; /* what could not be told, for the log; NULL if all could */
} AccountOutcome;

/* Root, system users, the policy's exempt, and who has a session of the same service may always
 * come. Returns 1 if the user is to be refused; 0 if not; -errno if that cannot be told, which
 * refuses nobody. */
int account_decide(const ModuleArgs *args, const LoginFacts *facts, AccountOutcome *ret);
