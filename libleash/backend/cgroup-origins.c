/* SPDX-License-Identifier: MIT */
/* Where processes came from. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/cgroup-crowd.h"
#include "backend/cgroup-origins.h"
#include "backend/cgroup-procs.h"
#include "core/placement.h"
#include "os/file.h"

static bool has_origin(const Record *record, const ProcStat *stat) {
        for (size_t i = 0; i < record->n_origins; i++)
                if (record->origins[i].pid == stat->pid &&
                    record->origins[i].start_ticks == stat->start_ticks)
                        return true;
        return false;
}

/* Where a process came from: its own origin, else that of its nearest recorded ancestor, else of
 * any process of the record. */
static const char *find_origin(const Record *record, pid_t pid) {
        ProcStat stat;

        for (unsigned up = 0; up < PROC_ANCESTORS_MAX && pid > 1 && proc_read_stat(pid, &stat) >= 0;
             up++) {
                for (size_t i = 0; i < record->n_origins; i++) {
                        const RecordOrigin *o = &record->origins[i];

                        if (o->pid == pid && o->start_ticks == stat.start_ticks)
                                return o->cgroup;
                }
                pid = stat.ppid;
        }
        return record->n_origins > 0 ? record->origins[0].cgroup : "/";
}

/* The part of an origin that speaks of a tree. */
static void read_origin(const char *origin, const char *controller,
                        char ret[static CGROUPFS_PATH_MAX]) {
        size_t n = strlen(controller);
        const char *found = origin;

        for (const char *line = strchr(origin, '\n'); line; line = strchr(line + 1, '\n'))
                if (strncmp(line + 1, controller, n) == 0 && line[1 + n] == ':')
                        found = line + 1 + n + 1;
        (void) snprintf(ret, CGROUPFS_PATH_MAX, "%.*s", (int) strcspn(found, "\n"), found);
}

void origins_path(const Record *record, pid_t pid, const char *controller,
                  char ret[static CGROUPFS_PATH_MAX]) {
        read_origin(find_origin(record, pid), controller, ret);
}

void origins_prune(Record *record) {
        size_t kept = 1; /* see find_origin() */
        ProcStat stat;

        for (size_t i = 1; i < record->n_origins; i++) {
                RecordOrigin *o = &record->origins[i];

                if (proc_read_stat(o->pid, &stat) >= 0 && stat.start_ticks == o->start_ticks)
                        record->origins[kept++] = *o;
                else
                        free(o->cgroup);
        }
        record->n_origins = MIN_OF(kept, record->n_origins);
}

int origins_note(const Site *s, Record *record, const ProcStat *stat) {
        _cleanup_free_ char *text = NULL;
        char first[CGROUPFS_PATH_MAX];
        int r;

        if (has_origin(record, stat))
                return 0;

        for (size_t i = 0; i < (site_is_v1(s) ? ELEMENTSOF(site_controllers) : 1); i++) {
                _cleanup_free_ char *cgroup = NULL, *before = NULL;
                char path[CGROUPFS_PATH_MAX];

                if (procs_read_group(s->fs, site_controllers[i], stat->pid, &cgroup) < 0)
                        continue; /* v1: not mounted */
                if (placement_is_inside(cgroup, s->target))
                        origins_path(record, stat->pid, site_controllers[i], path);
                else
                        (void) snprintf(path, sizeof(path), "%s", cgroup);
                if (!text)
                        (void) snprintf(first, sizeof(first), "%s", path);
                else if (strcmp(path, first) == 0)
                        continue;
                before = text;
                text = before ? file_path("%s\n%s:%s", before, site_controllers[i], path)
                              : strdup(path);
                if (!text)
                        return -ENOMEM;
        }
        if (!text)
                return -ESRCH;
        r = record_add_origin(record, stat->pid, stat->start_ticks, text);
        if (r == -ENAMETOOLONG)
                r = record_add_origin(record, stat->pid, stat->start_ticks, first);
        /* Without one it goes back to where the others do. Room is not made here: with thousands of
         * processes that would be done for each, in vain. */
        return r == -ENOBUFS || r == -ENAMETOOLONG ? 0 : r;
}

int origins_note_all(const Site *s, Record *record) {
        _cleanup_pid_set_ PidSet all = {};
        Crowd crowd;
        int r;

        origins_prune(record);
        crowd_init(&crowd, record->uid);
        r = proc_list(&all.pids, &all.n);
        for (size_t i = 0; i < all.n && r >= 0; i++) {
                _cleanup_free_ char *cgroup = NULL;
                ProcStat stat;

                if (proc_read_stat(all.pids[i], &stat) < 0 || !crowd_may_move(&crowd, &stat) ||
                    !crowd_owns(&crowd, &stat) || procs_find_alive(&stat) == 0 ||
                    procs_read_group(s->fs, "cpu", stat.pid, &cgroup) < 0 ||
                    placement_is_inside(cgroup, s->target))
                        continue;
                r = origins_note(s, record, &stat);
                r = r == -ESRCH ? 0 : r;
        }
        return r;
}
