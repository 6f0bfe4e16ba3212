/* SPDX-License-Identifier: MIT */
/* From the facts about a process to what is to be limited, or why not. */

#include <string.h>

#include "core/plan.h"

typedef struct RefusalInfo {
        const char *what;
        const char *unnamed; /* the same where no unit tells which; NULL: as above */
        const char *remedy;
        bool can_force;
} RefusalInfo;

static const RefusalInfo refusals[_PLAN_REFUSAL_MAX] = {
        [PLAN_OK] = { "may be limited", NULL, "", false },
        [PLAN_INIT] = { "is the init process, which runs the whole system", NULL,
                        "name a process of the user instead", false },
        [PLAN_KERNEL_THREAD] = { "is a kernel thread and belongs to no session", NULL,
                                 "find the process that causes its work, e.g. with 'perf top'",
                                 false },
        [PLAN_SERVICE] = { "belongs to the system service %s, not to a login session", NULL,
                           "limit the service: systemctl set-property --runtime %s CPUQuota=50%%",
                           false },
        [PLAN_MACHINE] = { "runs in a container (%s), not in a login session",
                           "runs in a container, not in a login session",
                           "limit the container through its manager", false },
        [PLAN_NO_SESSION] = { "belongs to no login session", NULL,
                              "see 'leash explain' for where it runs", false },
        [PLAN_ROOT_SESSION] = { "belongs to a session of root", NULL,
                                "use --force if you mean it: root's own tools will be slow, leash among them",
                                true },
        [PLAN_SYSTEM_USER] = { "belongs to a session of a system user", NULL,
                               "use --force if you mean it: a greeter or a service may hang",
                               true },
        [PLAN_OWN_SESSION] = { "belongs to the session that leash was called from", NULL,
                               "use --force if you mean it: this shell will be limited, too",
                               true },
};

const char *plan_refusal_what(PlanRefusal refusal, bool named) {
        return named ? refusals[refusal].what : refusals[refusal].unnamed ?: refusals[refusal].what;
}

const char *plan_refusal_remedy(PlanRefusal refusal) {
        return refusals[refusal].remedy;
}

bool plan_refusal_can_force(PlanRefusal refusal) {
        return refusals[refusal].can_force;
}

bool plan_is_job_service(const char *unit) {
        /* Debian and Fedora names; anacron starts what cron missed. */
        static const char *const units[] = { "cron.service",    "crond.service",  "atd.service",
                                             "anacron.service", "cronie.service", "fcron.service" };

        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strcmp(units[i], unit) == 0)
                        return true;
        return false;
}

bool plan_is_system_uid(uid_t uid, uid_t uid_min) {
        return uid < uid_min || uid == 65534 || (uid >= 61184 && uid <= 65519);
}

PlanRefusal plan_owner(uid_t owner, const CallerFacts *caller) {
        PlanRefusal refusal = PLAN_OK;

        if (owner == 0)
                refusal = PLAN_ROOT_SESSION;
        else if (plan_is_system_uid(owner, caller->uid_min))
                refusal = PLAN_SYSTEM_USER;
        else if (owner == caller->owner)
                refusal = PLAN_OWN_SESSION;
        return refusal != PLAN_OK && caller->force && plan_refusal_can_force(refusal) ? PLAN_OK
                                                                                      : refusal;
}

/* A browser's sandbox, or a container that a user runs without root, is in user namespaces of
 * theirs; its processes may have subordinate uids (subuid(5)). One with a system's uid in there
 * was sent by root. */
static bool is_own_namespace(const ProcessFacts *f, uid_t uid_min) {
        return f->userns_owner != (uid_t) -1 && !plan_is_system_uid(f->userns_owner, uid_min) &&
               !plan_is_system_uid(f->ruid, uid_min);
}

/* A user's process outside every user slice. The audit login uid is set once at login and kept
 * through su, cron and at (pam_loginuid(8)); a service with User= has none. */
static PlanRefusal plan_outside(const ProcessFacts *f, const CallerFacts *caller, Plan *plan) {
        bool job = plan_is_job_service(f->placement.unit);
        /* Below cron and atd a namespace is the job's own doing: "unshare" takes no rights, and its
         * user may run under a subordinate uid. */
        uid_t owner = !job                                   ? f->ruid
                      : f->loginuid != (uid_t) -1            ? f->loginuid
                      : is_own_namespace(f, caller->uid_min) ? f->userns_owner
                                                             : f->ruid;

        if (f->foreign_pidns && !job)
                return PLAN_MACHINE;
        if (plan_is_system_uid(f->ruid, caller->uid_min) ||
            plan_is_system_uid(owner, caller->uid_min))
                return PLAN_SERVICE;
        if (!job && f->loginuid != owner)
                return PLAN_SERVICE;
        plan->owner = owner;
        plan->capture = true;
        return plan_owner(plan->owner, caller);
}

/* Without systemd's cgroups, the login uid tells the owner, or else who made the namespaces, or
 * else the real uid. backend/cgroup-crowd.c finds a user's processes by the same rule. */
static PlanRefusal plan_without_placement(const ProcessFacts *f, const CallerFacts *caller,
                                          Plan *plan) {
        bool own = is_own_namespace(f, caller->uid_min);

        if (f->foreign_pidns && !own)
                return PLAN_MACHINE;
        if (f->loginuid != (uid_t) -1 && f->loginuid >= caller->uid_min)
                plan->owner = f->loginuid;
        else
                plan->owner = own ? f->userns_owner : f->ruid;
        return plan_owner(plan->owner, caller);
}

PlanRefusal plan_process(const ProcessFacts *f, const CallerFacts *caller, Plan *ret) {
        *ret = (Plan){ .owner = f->placement.owner };

        if (f->kernel_thread)
                return PLAN_KERNEL_THREAD;
        if (f->pid == 1 || f->placement.kind == PLACEMENT_INIT)
                return PLAN_INIT;
        if (!caller->placement)
                return plan_without_placement(f, caller, ret);

        switch (f->placement.kind) {
        case PLACEMENT_SESSION:
        case PLACEMENT_MANAGER:
        case PLACEMENT_LEASHED:
        case PLACEMENT_SLICE:
                strcpy(ret->session, f->placement.session);
                return plan_owner(ret->owner, caller);
        case PLACEMENT_MACHINE:
                return PLAN_MACHINE;
        case PLACEMENT_SERVICE:
                return plan_outside(f, caller, ret);
        default:
                return f->foreign_pidns ? PLAN_MACHINE : PLAN_NO_SESSION;
        }
}
