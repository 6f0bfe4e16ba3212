/* SPDX-License-Identifier: MIT */
/* Whose processes are sought. */

#include <unistd.h>

#include "backend/cgroup-crowd.h"
#include "os/user.h"

void crowd_init(Crowd *c, uid_t uid) {
        pid_t pid = getpid();
        ProcStat stat;

        *c = (Crowd){ .uid = uid, .uid_min = user_uid_min() };
        while (pid > 0 && c->n_callers < PROC_ANCESTORS_MAX) {
                c->callers[c->n_callers++] = pid;
                if (proc_read_stat(pid, &stat) < 0)
                        break;
                pid = stat.ppid;
        }
}

bool crowd_may_move(const Crowd *c, const ProcStat *stat) {
        if (stat->pid == 1 || stat->flags & PROC_PF_KTHREAD)
                return false;
        for (size_t i = 0; i < c->n_callers; i++)
                if (c->callers[i] == stat->pid)
                        return false;
        return true;
}

bool crowd_owns(const Crowd *c, const ProcStat *stat) {
        ProcStatus status;
        uid_t login;

        if (proc_read_status(stat->pid, &status) < 0)
                return false;
        login = proc_read_believed_loginuid(stat, status.ruid, c->uid_min);
        if (c->uid == 0)
                return status.ruid == 0 && login == 0;
        if (status.ruid >= c->uid_min && login != (uid_t) -1 && login >= c->uid_min)
                return login == c->uid;
        /* Root's processes that a login of the user started, by sudo for one, are the user's while
         * they hang below it; the services that an admin restarted so are not. */
        if (status.ruid == c->uid || (login == c->uid && proc_is_below(stat, c->uid)))
                return true;
        /* Of others' processes, and there may be thousands, few get here: subordinate uids, and
         * where the kernel keeps no login uids, everybody's. */
        return status.ruid >= c->uid_min && proc_read_userns_owner(stat->pid) == c->uid;
}
