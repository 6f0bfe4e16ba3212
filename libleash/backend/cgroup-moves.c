/* SPDX-License-Identifier: MIT */
/* Bringing processes in, and putting them back. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backend/cgroup-group.h"
#include "backend/cgroup-moves.h"
#include "backend/cgroup-origins.h"
#include "backend/cgroup-procs.h"
#include "core/offenders.h"
#include "core/parse.h"
#include "core/placement.h"
#include "os/clock.h"
#include "os/file.h"

/* A chain of processes that fork and exit faster than /proc can be read may outrun any number of
 * passes. It is left outside then, for escapees() to show: the quota on the others stands. */
#define PASSES_TIME (2 * USEC_PER_SEC)
/* So many passes in a row have to find nobody, the last of them without a new process on the host
 * meanwhile, which might have come and gone unseen. */
#define LOOKS 2

/* Those that outrun the way back are slowed down after so long. */
#define HOLD_AFTER (200 * USEC_PER_MSEC)

#define STAT_MAX (16 * 1024 * 1024)

/* ---- in */

/* In a container, and leash is not in it, too. Taken out of its manager's group, it would slip the
 * manager's own limits; it is left for escapees() to show. */
static bool is_contained(const Site *s, const char *cgroup) {
        _cleanup_free_ char *init = NULL;
        Placement p;

        if (placement_parse(cgroup, &p) < 0 || p.kind != PLACEMENT_MACHINE)
                return false;
        return procs_read_group(s->fs, "cpu", 1, &init) < 0 || !placement_is_inside(cgroup, init);
}

/* A process tree leashed by itself stays in its own group, which lies under the user's. */
static bool is_in_tree(const Site *s, const Record *record, const char *cgroup) {
        return record->scope == TARGET_USER && placement_is_inside(cgroup, s->trees);
}

int moves_bring_in(const Site *s, Record *record, const ProcStat *stat, const char *leaf) {
        pid_t alive = procs_find_alive(stat);
        int r, result = 0, error = 0;
        bool noted = false;

        if (alive == 0)
                return -ESRCH;
        for (size_t i = 0; i < s->n_trees; i++) {
                const char *group = i < s->n_cpu ? leaf : s->home;
                _cleanup_free_ char *cgroup = NULL;
                bool inside;

                r = procs_read_group(s->fs, s->controllers[i], alive, &cgroup);
                if (r < 0)
                        return r;
                inside = placement_is_inside(cgroup, s->target);
                if (i == 0 && is_contained(s, cgroup))
                        return 0;
                if (inside && (strcmp(group, s->home) == 0 || is_in_tree(s, record, cgroup)))
                        continue;
                r = noted || inside ? 0 : origins_note(s, record, stat);
                noted |= r >= 0 && !inside;
                if (r >= 0)
                        r = procs_move(s, i, group, stat->pid);
                if (r == -ENOMEM || r == -ESRCH)
                        return r;
                error = r < 0 ? r : error;
                result = 1;
        }
        return error < 0 ? error : result;
}

typedef struct Members {
        PidSet trees[ELEMENTSOF(site_controllers)];
} Members;

static void members_done(Members *m) {
        for (size_t i = 0; i < ELEMENTSOF(m->trees); i++)
                pid_set_done(&m->trees[i]);
}

/* Returns 1 if anybody was moved, or ended just before and may have left a child; 0 if not. */
static int capture_pass(const Site *s, Record *record, const Crowd *crowd) {
        _cleanup_(members_done) Members inside = {};
        _cleanup_pid_set_ PidSet all = {};
        int r = 0, result = 0;

        for (size_t t = 0; t < s->n_trees && r >= 0; t++)
                r = procs_list_members(s, t, s->user, NULL, &inside.trees[t]);
        if (r >= 0)
                r = proc_list(&all.pids, &all.n);
        if (r < 0)
                return r;
        /* Backwards: the youngest are the ones that get away. */
        for (size_t i = all.n; i-- > 0;) {
                bool outside = false;
                ProcStat stat;

                for (size_t t = 0; t < s->n_trees; t++)
                        outside |= !pid_set_has(&inside.trees[t], all.pids[i]);
                if (!outside || proc_read_stat(all.pids[i], &stat) < 0 ||
                    !crowd_may_move(crowd, &stat) || !crowd_owns(crowd, &stat))
                        continue;
                if (procs_find_alive(&stat) == 0) /* a zombie */
                        continue;
                r = moves_bring_in(s, record, &stat, s->home);
                if (r == -ENOMEM)
                        return r;
                result |= r > 0 || r == -ESRCH;
        }
        return result;
}

/* How many processes and threads the host has had since it was booted (proc_stat(5)). */
static uint64_t count_births(void) {
        _cleanup_free_ char *text = NULL;
        const char *line;
        uint64_t n;

        if (file_read(AT_FDCWD, "/proc/stat", STAT_MAX, &text, NULL) < 0)
                return 0;
        line = strstr(text, "\nprocesses ");
        return line && sscanf(line, "\nprocesses %" SCNu64, &n) == 1 ? n : 0;
}

int moves_capture(const Site *s, Record *record) {
        unsigned looks = 0;
        uint64_t births;
        usec_t end = 0;
        Crowd crowd;
        int r;

        origins_prune(record);
        crowd_init(&crowd, record->uid);
        do {
                births = count_births();
                r = capture_pass(s, record, &crowd);
                births = count_births() - births;
                looks = r > 0 ? 0 : looks + 1;
                /* The first may move thousands, and is not counted. */
                end = end > 0 ? end : clock_monotonic() + PASSES_TIME;
        } while (r >= 0 && (looks < LOOKS || births > 0) && clock_monotonic() < end);
        return r < 0 ? r : 0;
}

/* Neither alive outside nor listed inside. */
static bool is_hidden(const Site *s, const ProcStat *stat) {
        _cleanup_free_ char *cgroup = NULL;
        pid_t alive = procs_find_alive(stat);

        return alive == 0 ||
               (alive != stat->pid && procs_read_group(s->fs, "cpu", alive, &cgroup) >= 0 &&
                placement_is_inside(cgroup, s->user));
}

int moves_escapees(const Site *s, const Record *record, pid_t **ret, size_t *ret_n) {
        _cleanup_pid_set_ PidSet all = {}, inside = {};
        size_t kept = 0;
        Crowd crowd;
        int r;

        r = proc_list(&all.pids, &all.n);
        if (r >= 0)
                r = procs_list_members(s, 0, s->user, NULL, &inside);
        if (r < 0)
                return r;
        crowd_init(&crowd, record->uid);
        for (size_t i = 0; i < all.n && record->scope == TARGET_USER; i++) {
                ProcStat stat;

                if (!pid_set_has(&inside, all.pids[i]) && proc_read_stat(all.pids[i], &stat) >= 0 &&
                    crowd_owns(&crowd, &stat) && !is_hidden(s, &stat))
                        all.pids[kept++] = all.pids[i];
        }
        *ret = TAKE_PTR(all.pids);
        *ret_n = kept;
        return 0;
}

int moves_adopt(const Site *s, Record *record, const char *leaf, const Crowd *crowd, usec_t since) {
        bool is_tree = record->scope == TARGET_TREE;
        usec_t end = clock_monotonic() + PASSES_TIME;
        int r, moved = 1;

        while (moved && clock_monotonic() < end) {
                _cleanup_pid_set_ PidSet members = {}, others = {};

                moved = 0;
                r = is_tree ? proc_list(&others.pids, &others.n)
                            : procs_list_members(s, 0, s->home, NULL, &others);
                if (r >= 0)
                        r = procs_list_members(s, 0, leaf, NULL, &members);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < others.n; i++) {
                        ProcStat stat;

                        if (pid_set_has(&members, others.pids[i]) ||
                            proc_read_stat(others.pids[i], &stat) < 0 ||
                            !pid_set_has(&members, stat.ppid) || !crowd_may_move(crowd, &stat))
                                continue;
                        if (!is_tree && (proc_ticks(stat.start_ticks) < since ||
                                         offenders_is_desktop(stat.comm)))
                                continue;
                        moved |= moves_bring_in(s, record, &stat, leaf) > 0;
                }
        }
        return 0;
}

/* ---- back */

/* A group that is gone, or holds no processes any more (-EBUSY in v2), leaves its parent. */
static int put_back(const Site *s, const Record *record, size_t tree, pid_t pid) {
        char path[CGROUPFS_PATH_MAX];
        int r;

        if (record->scope == TARGET_TREE && site_has_group(s, s->controllers[tree], s->rest))
                strcpy(path, s->rest); /* the user is leashed as well */
        else
                origins_path(record, pid, s->controllers[tree], path);
        if (placement_is_inside(path, s->target)) /* as an origin it would be no way out */
                strcpy(path, "/");
        for (;;) {
                char *slash = strrchr(path, '/');

                r = procs_move(s, tree, path, pid);
                if (r >= 0 || r == -ESRCH || !slash || path[1] == '\0')
                        return r;
                if (placement_is_inside(path, SITE_TOP)) /* not into inner groups of ours */
                        slash = path;
                slash[slash == path] = '\0';
        }
}

/* Puts back the processes that only their threads tell of, see procs_find_alive(). */
static int release_threads(const Site *s, const Record *record, size_t tree, const char *leaf) {
        _cleanup_free_ char *text = NULL;
        int r, result = 0;

        r = procs_read_threads(s, tree, leaf, &text);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
                pid_t tid;

                if (parse_pid(line, &tid) < 0)
                        continue;
                r = put_back(s, record, tree, proc_thread_group(tid) ?: tid);
                if (r < 0 && r != -ESRCH)
                        return r;
                result = 1;
        }
        return result;
}

/* Returns 1 if there was anybody to put back. */
static int release_pass(const Site *s, const Record *record) {
        const char *skip = record->scope == TARGET_USER ? SITE_TREES : NULL;
        int r, result = 0;

        for (size_t t = 0; t < s->n_trees; t++) {
                _cleanup_pid_set_ PidSet members = {};

                r = procs_list_members(s, t, s->target, skip, &members);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < members.n; i++) {
                        r = put_back(s, record, t, members.pids[i]);
                        if (r < 0 && r != -ESRCH)
                                return r;
                        result = 1;
                }
                if (members.n > 0)
                        continue;
                r = site_each_leaf(s, record, t, release_threads);
                if (r < 0)
                        return r;
                result |= r;
        }
        return result;
}

/* Processes that come and go faster than they are moved keep still on a thousandth of a CPU. */
static void hold_still(const Site *s, const Record *record) {
        Limits limits = {};

        limits_set(&limits, LIMIT_CPU_QUOTA, USEC_PER_SEC / 1000);
        limits_set(&limits, LIMIT_CPU_PERIOD, USEC_PER_SEC);
        procs_leave(s->fs);
        /* A second try fails as the first, no worse. */
        (void) group_set_limits(s, s->home, &limits);
        for (size_t i = 0; i < record->n_scopes; i++) {
                char group[SITE_GROUP_MAX];

                if (site_scope(s, record->scopes[i], group) >= 0)
                        (void) group_set_limits(s, group, &limits);
        }
}

int moves_release(const Site *s, const Record *record) {
        usec_t start = 0;
        bool held = false;
        int r;

        while ((r = release_pass(s, record)) > 0) {
                usec_t now = clock_monotonic();

                start = start > 0 ? start : now; /* the first may move thousands */
                if (now - start >= PASSES_TIME)
                        return -EAGAIN;
                if (now - start >= HOLD_AFTER && !held) {
                        hold_still(s, record);
                        held = true;
                }
        }
        return r;
}
