/* SPDX-License-Identifier: MIT */
/* Whose processes are sought, and who is spared. Knows no groups. */
#pragma once

#include "os/proc.h"

typedef struct Crowd {
        uid_t uid, uid_min;
        pid_t callers[PROC_ANCESTORS_MAX]; /* this process and its ancestors */
        size_t n_callers;
} Crowd;

/* The crowd of a user, and who is not to be moved with it: this process and its ancestors. */
void crowd_init(Crowd *c, uid_t uid);

/* False for what must stay where it is: kernel threads, PID 1, the callers. */
bool crowd_may_move(const Crowd *c, const ProcStat *stat);

/* As core/plan.c tells the owner without systemd: by the login where there was one, which su does
 * not change, else by the real uid, or by who made the user namespace, which a subordinate uid is
 * in. Root's own are those of a login alone: the rest is the system. */
bool crowd_owns(const Crowd *c, const ProcStat *stat);
