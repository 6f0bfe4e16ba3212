/* SPDX-License-Identifier: MIT */
/* Bringing a target's processes into their group, and putting them back.
 *
 * Processes are moved by number, in passes over /proc until one finds nobody outside: children of
 * the moved are born inside. Every call is bounded in time, and may be repeated. */
#pragma once

#include "backend/cgroup-crowd.h"
#include "backend/cgroup-site.h"

/* Moves one process to where it belongs in each tree: to `leaf` in the CPU's, and home in others.
 * Its origin gets into the record. Returns 1; 0 if it has to stay where it is; -ESRCH if it has
 * ended; -errno. A process of real time priority is -EINVAL in v1's CPU tree with
 * CONFIG_RT_GROUP_SCHED: no quota would bind it anyway. */
int moves_bring_in(const Site *s, Record *record, const ProcStat *stat, const char *leaf);

/* Brings everybody home who belongs to the target's user. Those that outrun it are left outside.
 * Returns 0 or -errno. */
int moves_capture(const Site *s, Record *record);

/* Brings into `leaf` the children that its members had while they were on their way in: for a
 * process tree from anywhere, else from the user's other processes, and none that was born before
 * `since` (of the time since boot) or carries the desktop. Returns 0 or -errno. */
int moves_adopt(const Site *s, Record *record, const char *leaf, const Crowd *crowd, usec_t since);

/* The user's processes that are outside of their groups, as a new array; none for a process tree.
 * Returns 0 or -errno. */
int moves_escapees(const Site *s, const Record *record, pid_t **ret, size_t *ret_n);

/* Puts everybody back who is inside. Returns 0; -EAGAIN if they come faster than they go; -errno.
 */
int moves_release(const Site *s, const Record *record);
