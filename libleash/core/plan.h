/* SPDX-License-Identifier: MIT */
/* From the facts about a process to what is to be limited, or why not. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "core/placement.h"

/* What is known of a process. Gathered by a backend, while a pidfd pins the process. */
typedef struct ProcessFacts {
        pid_t pid;
        uid_t ruid, euid;
        uid_t loginuid; /* audit login uid, (uid_t) -1 if none that could be believed */
        char comm[16];
        bool kernel_thread;
        bool foreign_pidns; /* in a pid namespace below ours: inside a user's slice that is a
                             * sandbox of theirs, elsewhere a container */
        uid_t userns_owner; /* who made the namespaces it is in, (uid_t) -1 if none or root's; see
                             * proc_read_userns_owner() */
        Placement placement;
} ProcessFacts;

typedef struct CallerFacts {
        uid_t owner;    /* whose login leash was called from, (uid_t) -1 if none */
        uid_t uid_min;  /* first uid of ordinary users, from login.defs */
        bool placement; /* cgroup paths tell the owner: systemd manages them */
        bool force;
} CallerFacts;

typedef enum PlanRefusal {
        PLAN_OK,
        PLAN_INIT,
        PLAN_KERNEL_THREAD,
        PLAN_SERVICE,
        PLAN_MACHINE,
        PLAN_NO_SESSION,
        PLAN_ROOT_SESSION,
        PLAN_SYSTEM_USER,
        PLAN_OWN_SESSION,
        _PLAN_REFUSAL_MAX,
} PlanRefusal;

typedef struct Plan {
        uid_t owner;
        char session[PLACEMENT_NAME_MAX]; /* or empty: a process of the user's manager has none */
        bool capture; /* a job outside the user's slice: it has to be moved in */
} Plan;

/* Decides who is to be limited for a process.
 * Returns PLAN_OK and the plan, or the reason for refusing; *ret is set to what is known of the
 * owner in either case. */
PlanRefusal plan_process(const ProcessFacts *facts, const CallerFacts *caller, Plan *ret);

/* The part of it that concerns the owner alone, for "leash -u USER". */
PlanRefusal plan_owner(uid_t owner, const CallerFacts *caller);

/* What the process belongs to, and what to do instead: two sentences' worth. May hold %s for the
 * unit; `named` says whether there is one. */
const char *plan_refusal_what(PlanRefusal refusal, bool named);
const char *plan_refusal_remedy(PlanRefusal refusal);

/* True where --force overrides it. */
bool plan_refusal_can_force(PlanRefusal refusal);

/* True for services that run users' own jobs outside their slices: cron and at. */
bool plan_is_job_service(const char *unit);

/* True for root, uids below uid_min, "nobody", and the services with DynamicUser= (systemd's
 * UIDS-GIDS.md). Above them are directory servers' users, so UID_MAX of login.defs is no bound. */
bool plan_is_system_uid(uid_t uid, uid_t uid_min);
