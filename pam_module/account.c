/* SPDX-License-Identifier: MIT */
/* Whether somebody may come to this host while it is being emptied. */

#include <errno.h>
#include <string.h>

#include "account.h"
#include "backend/drain.h"
#include "backend/login.h"
#include "core/plan.h"
#include "os/machine.h"
#include "os/policyfile.h"

/* Returns 1, 0, -errno. */
static int is_exempt(const ModuleArgs *args, const LoginFacts *login, UserInfo *user) {
        _cleanup_(policy_freep) Policy *policy = NULL;
        char host[MACHINE_NAME_MAX];
        LimitsHost machine;
        PolicyFacts facts;
        size_t n, mistakes;
        int r;

        /* What could not be read might have exempted them. */
        if (args->named && !policyfile_exists(args->conf))
                return -ENOENT;
        machine_describe(&machine);
        r = policyfile_load(args->conf, &machine, &policy);
        if (r < 0)
                return r;
        (void) policy_errors(policy, &n, &mistakes);
        if (mistakes > 0)
                return -EBADMSG;
        r = policy_wants_groups(policy) ? user_info_groups(user) : 0;
        if (r < 0)
                return r;
        facts = defaults_facts(user, user_uid_min(), machine_name(host));
        facts.service = login->service;
        facts.remote = login->remote;
        if (policy_is_exempt(policy, &facts, NULL))
                return 1;
        return user->groups_unsure ? -EIO : 0;
}

int account_decide(const ModuleArgs *args, const LoginFacts *facts, AccountOutcome *ret) {
        _cleanup_(user_info_done) UserInfo user = {};
        Drain drain;
        int r;

        *ret = (AccountOutcome){ .failed = "cannot tell whether this host is being emptied" };
        r = drain_load("", &drain);
        if (r <= 0)
                return r;
        ret->failed = "this host is being emptied, and the user cannot be looked up";
        r = facts->user && facts->service ? user_info(facts->user, &user) : -ESRCH;
        if (r < 0)
                return r;
        if (plan_is_system_uid(user.uid, user_uid_min()))
                return 0;
        ret->failed = "this host is being emptied, and their sessions cannot be told";
        r = login_has_session(user.uid, facts->service);
        if (r != 0)
                return r < 0 ? r : 0;
        ret->failed = "this host is being emptied, and whom the policy exempts cannot be told";
        r = is_exempt(args, facts, &user);
        return r < 0 ? r : !r;
}
