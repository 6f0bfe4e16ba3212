/* SPDX-License-Identifier: MIT */
/* leash explain: how a process is resolved and what would be done. Changes nothing. */

#include <errno.h>
#include <string.h>

#include "backend/login.h"
#include "os/output.h"
#include "os/user.h"
#include "verbs.h"

static const char *kind_text(PlacementKind kind) {
        static const char *const texts[_PLACEMENT_MAX] = {
                [PLACEMENT_ROOT] = "the root cgroup",
                [PLACEMENT_INIT] = "PID 1",
                [PLACEMENT_SESSION] = "a login session",
                [PLACEMENT_MANAGER] = "the user's service manager",
                [PLACEMENT_LEASHED] = "a scope made by leash",
                [PLACEMENT_SLICE] = "the user's slice",
                [PLACEMENT_SERVICE] = "a system service",
                [PLACEMENT_MACHINE] = "a container",
        };

        return texts[kind];
}

static void explain_users(const Resolved *found) {
        const char *how = ": the login it was started from, through sudo or su";
        _cleanup_free_ char *runs_as = NULL, *owner = NULL;

        if (user_name(found->facts.euid, &runs_as) < 0)
                return;
        output_line("  runs as   %s (uid %u)", runs_as, (unsigned) found->facts.euid);
        if (found->plan.owner == (uid_t) -1 || user_name(found->plan.owner, &owner) < 0)
                return;
        if (found->plan.owner == found->facts.euid)
                how = "";
        else if (found->plan.owner == found->facts.userns_owner)
                how = ": who made the namespaces that it is in";
        output_line("  owner     %s (uid %u)%s", owner, (unsigned) found->plan.owner, how);
}

static void explain_session(const Resolved *found) {
        LoginSession s = {};

        if (found->plan.session[0] == '\0' || login_session(found->plan.session, &s) < 0)
                return;
        output_line("  session   %s%s%s%s%s%s%s", s.id, s.type ? ", " : "", s.type ?: "",
                    s.service ? ", by " : "", s.service ?: "", s.tty ? " on " : "", s.tty ?: "");
        login_session_done(&s);
}

static Exit explain(Context *c, const char *operand) {
        char target[PLACEMENT_NAME_MAX], limits[VIEW_TEXT_MAX];
        _cleanup_(resolved_done) Resolved found = RESOLVED_NULL;
        const Placement *p = &found.facts.placement;
        Limits wanted;
        Exit e;

        e = context_resolve(c, operand, &found);
        if (e != EXIT_DONE)
                return e;
        output_line("%d (%s)", (int) found.facts.pid, found.facts.comm);
        explain_users(&found);
        output_line("  lives in  %s%s%s%s%s", kind_text(p->kind), p->unit[0] ? ": " : "", p->unit,
                    p->app[0] ? ", " : "", p->app);
        explain_session(&found);
        if (found.refusal != PLAN_OK)
                return context_refuse(c, &found);
        cap_choose_limits(c, &wanted);
        if (c->args.scope == TARGET_SESSION && found.plan.session[0] == '\0') {
                output_error("%s belongs to no single session; use --scope=user", operand);
                return EXIT_REFUSED;
        }
        context_target(c->args.scope, found.plan.owner, found.plan.session, found.facts.pid,
                       target);
        output_line("  would     limit %s to %s%s", target, view_limits(&wanted, limits),
                    found.plan.capture ? ", and move the job into it" : "");
        return EXIT_DONE;
}

Exit verb_explain(Context *c) {
        Exit worst = EXIT_DONE;

        for (size_t i = 0; i < c->args.n_operands; i++)
                worst = exit_worse(worst, explain(c, c->args.operands[i]));
        return worst;
}
