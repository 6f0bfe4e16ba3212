/* SPDX-License-Identifier: MIT */
/* Where processes came from, in the record, so that they can be put back.
 *
 * An origin is the path in the CPU's tree, and on lines of their own "CONTROLLER:PATH" for those of
 * v1's other trees that differ, in use now or not: a later limit may need them. A process has its
 * origin in the record before it is moved. One without, born inside or moved by a leash that was
 * killed before it wrote the record, goes back where its nearest recorded ancestor came from. */
#pragma once

#include "backend/cgroup-site.h"
#include "os/proc.h"

/* Makes room by forgetting processes that have ended: once before a number of them is noted. */
void origins_prune(Record *record);

/* Notes where a process is now, if nothing is noted yet. Where it is below the target already,
 * since a leash was killed between two trees, it has the origin of others there. Returns 0, also if
 * there is no room left: it goes back to where the others do; -ESRCH if it has ended; -errno. */
int origins_note(const Site *s, Record *record, const ProcStat *stat);

/* The same for every process of the target's user: before the record is written and anybody is
 * moved, so that no origin is lost with a leash that is killed. For a process tree these are more
 * than will be moved. Returns 0 or -errno. */
int origins_note_all(const Site *s, Record *record);

/* Where a process is to go in a tree: its own origin, else that of its nearest recorded ancestor,
 * else of any process of the record, else "/". */
void origins_path(const Record *record, pid_t pid, const char *controller,
                  char ret[static CGROUPFS_PATH_MAX]);
