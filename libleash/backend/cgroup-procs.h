/* SPDX-License-Identifier: MIT */
/* Processes and the groups that they are in: who is in a group, which group one is in, moving one.
 * Knows no records. `tree` is an index below Site.n_trees. */
#pragma once

#include "backend/cgroup-site.h"
#include "os/proc.h"

typedef struct PidSet {
        pid_t *pids; /* owned; sorted where procs_list_members() made it */
        size_t n;
} PidSet;

void pid_set_done(PidSet *s);
#define _cleanup_pid_set_ _cleanup_(pid_set_done)

/* Of a sorted set. */
bool pid_set_has(const PidSet *s, pid_t pid);

/* The processes of a group and of all below it, but in groups named `skip` (may be NULL). A group
 * that does not exist has no members. Returns 0 or -errno; *ret is a set in either case. */
int procs_list_members(const Site *s, size_t tree, const char *group, const char *skip,
                       PidSet *ret);

/* A process that lives, or a thread that its leader left behind when it ended; 0 if nothing of it
 * will run again. /proc and cgroup.procs go on telling where the leader ended (seen with
 * Linux 6.1), so that it is the thread that has to be asked. */
pid_t procs_find_alive(const ProcStat *stat);

/* The numbers of all threads of a group, one on each line of a new string. Returns 0; -ENOENT if
 * there is no such group; -errno. */
int procs_read_threads(const Site *s, size_t tree, const char *leaf, char **ret);

/* Which group a process, or a thread, is in: as a new string, in the controller's tree. Returns 0;
 * -ENODATA if the controller is not mounted; -ESRCH if the process has ended; -errno. */
int procs_read_group(const CgroupFs *fs, const char *controller, pid_t pid, char **ret);

/* Moves one process with all its threads. Returns 0; -ESRCH if it has ended; -ENOENT if there is no
 * such group; -EBUSY if the group holds no processes, in v2; -errno. */
int procs_move(const Site *s, size_t tree, const char *group, pid_t pid);

/* Takes this very process out of our groups: leash may have been started from inside, by sudo in a
 * leashed shell. */
void procs_leave(const CgroupFs *fs);
