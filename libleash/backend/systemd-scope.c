/* SPDX-License-Identifier: MIT */
/* Scopes of our own, through PID 1: the offenders', those of process trees, and of jobs. */

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backend/systemd-private.h"
#include "core/parse.h"
#include "core/placement.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/proc.h"

#define SCOPE_POLL USEC_PER_MSEC
#define SCOPE_TIMEOUT (5 * USEC_PER_SEC)

static bool is_offenders_scope(const char *name, uid_t uid) {
        char prefix[32];

        (void) snprintf(prefix, sizeof(prefix), "leash-%u-", (unsigned) uid);
        return strncmp(name, prefix, strlen(prefix)) == 0 && strlen(name) < PLACEMENT_NAME_MAX;
}

typedef struct ScopeVisit {
        Systemd *systemd;
        const Limits *limits;
        uid_t uid;
} ScopeVisit;

static int set_scope(const char *name, void *userdata) {
        ScopeVisit *v = userdata;
        int r;

        if (!is_offenders_scope(name, v->uid))
                return 0;
        r = bus_unit_is_loaded(systemd_bus(v->systemd), name); /* setting would make one up */
        if (r > 0)
                r = bus_set_limits(systemd_bus(v->systemd), name, v->limits);
        return r == -ENOENT ? 0 : r;
}

/* The offenders' scopes follow the slice's quota. What exists is seen in the cgroup tree and not
 * in the record: a leash that was killed may have made one that it could not write down. */
int systemd_set_scopes(Systemd *s, const Record *record, const Limits *limits) {
        ScopeVisit visit = { .systemd = s, .limits = limits, .uid = record->uid };
        _cleanup_free_ char *cgroup = NULL;
        int r;

        if (record->scope != TARGET_USER)
                return 0;
        r = systemd_cgroup(&s->backend, record, &cgroup);
        if (r < 0)
                return r;
        r = cgroupfs_each_child(&s->backend.fs, "systemd", cgroup, set_scope, &visit);
        return r == -ENOENT ? 0 : r;
}

int systemd_restore_scopes(Systemd *s, const Record *record) {
        Limits none = {};

        limits_set(&none, LIMIT_CPU_QUOTA, LIMIT_INFINITY);
        limits_set(&none, LIMIT_CPU_PERIOD, LIMIT_INFINITY);
        return systemd_set_scopes(s, record, &none);
}

static int scope_path(Backend *b, const Record *record, const char *scope,
                      char ret[CGROUPFS_PATH_MAX]) {
        char cgroup[PLACEMENT_CGROUP_MAX];

        placement_user_cgroup(record->uid, scope, cgroup);
        return cgroupfs_path(&b->fs, "systemd", cgroup, ret);
}

static bool any_alive(const pid_t *pids, size_t n) {
        ProcStat stat;

        for (size_t i = 0; i < n; i++)
                if (proc_read_stat(pids[i], &stat) >= 0)
                        return true;
        return false;
}

/* PID 1 answers before the job has run. A process that ends in between leaves a scope that never
 * comes to be. Returns 0; -ESRCH if all have ended; -ETIMEDOUT. */
static int wait_for_scope(Backend *b, const char *path, const pid_t *pids, size_t n) {
        _cleanup_free_ char *procs = file_path("%s/cgroup.procs", path);
        usec_t end = clock_monotonic() + MIN_OF(b->options.timeout, SCOPE_TIMEOUT);
        char buf[16];

        if (!procs)
                return -ENOMEM;
        if (b->options.deadline)
                end = MIN_OF(end, b->options.deadline);
        while (file_read_buffer(procs, buf, sizeof(buf)) <= 0) {
                if (clock_monotonic() >= end)
                        return any_alive(pids, n) ? -ETIMEDOUT : -ESRCH;
                if (!any_alive(pids, n))
                        return -ESRCH;
                clock_sleep(SCOPE_POLL);
        }
        return 0;
}

/* The unit whose end ends the processes too, as it would without leash. NULL if they come from
 * outside the user's logins. */
static int home_of(Backend *b, pid_t pid, char **ret) {
        _cleanup_free_ char *cgroup = NULL;
        Placement p;
        int r;

        r = cgroupfs_read_unit(&b->fs, pid, &cgroup);
        if (r < 0)
                return r;
        r = placement_parse(cgroup, &p);
        if (r < 0)
                return r;
        *ret = NULL;
        if (p.kind != PLACEMENT_SESSION && p.kind != PLACEMENT_MANAGER)
                return 0;
        *ret = strdup(p.unit);
        return *ret ? 0 : -ENOMEM;
}

/* Those who are to be moved. A number may be another's by the time it is used, and a user can see
 * to it that it is root's: PID 1 takes its time. */
typedef struct Group {
        pid_t *pids;
        uint64_t *starts; /* in ticks after boot */
        size_t n;
} Group;

static void group_done(Group *g) {
        free(g->pids);
        free(g->starts);
}

static bool is_same(const Group *g, size_t i) {
        ProcStat stat;

        return proc_read_stat(g->pids[i], &stat) >= 0 && stat.start_ticks == g->starts[i];
}

/* In the user's slice, whoever it runs as; or elsewhere and theirs, a job that is brought in. */
static bool is_theirs(Backend *b, uid_t uid, pid_t pid) {
        _cleanup_free_ char *cgroup = NULL;
        ProcStatus status;
        Placement p;

        if (cgroupfs_read_unit(&b->fs, pid, &cgroup) < 0)
                return false;
        if (placement_parse(cgroup, &p) >= 0 && p.owner == uid)
                return true;
        return proc_read_status(pid, &status) >= 0 &&
               (status.ruid == uid || proc_read_loginuid(pid) == uid ||
                proc_read_userns_owner(pid) == uid);
}

/* Those of them who are the user's now. Returns 0; -ESRCH for none; -ENOMEM. */
static int pin(Backend *b, uid_t uid, const pid_t *pids, size_t n, Group *ret) {
        ret->pids = calloc(n + 1, sizeof(pid_t));
        ret->starts = calloc(n + 1, sizeof(uint64_t));
        if (!ret->pids || !ret->starts)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                ProcStat stat;

                /* who is looked at after the number was pinned is the one it was pinned for */
                if (proc_read_stat(pids[i], &stat) < 0)
                        continue;
                ret->pids[ret->n] = pids[i];
                ret->starts[ret->n] = stat.start_ticks;
                if (is_theirs(b, uid, pids[i]) && is_same(ret, ret->n))
                        ret->n++;
        }
        return ret->n > 0 ? 0 : -ESRCH;
}

/* Makes the scope with the first process that lives long enough for it. */
static int start_scope(Backend *b, const Record *record, const char *name, const Group *g,
                       const Limits *limits) {
        char slice[PLACEMENT_NAME_MAX], description[SYSTEMD_DESCRIPTION_MAX];
        _cleanup_free_ char *user = escape_text(record->user, SYSTEMD_NAME_MAX);
        int r = -ESRCH;

        if (!user)
                return -ENOMEM;
        placement_user_slice(record->uid, slice);
        (void) snprintf(description, sizeof(description), "Processes of %s limited by leash", user);
        for (size_t i = 0; i < g->n && r == -ESRCH; i++) {
                _cleanup_free_ char *home = NULL;
                BusScope scope = {
                        .name = name,
                        .slice = slice,
                        .description = description,
                        .pids = g->pids + i,
                        .n_pids = 1,
                        .limits = limits,
                };

                r = home_of(b, g->pids[i], &home);
                if (r < 0 || !is_same(g, i)) {
                        r = -ESRCH;
                        continue;
                }
                scope.part_of = home;
                r = bus_start_scope(systemd_bus(SYSTEMD(b)), &scope);
        }
        return r;
}

/* Into a delegated scope the kernel's own file will do, which moves a process in microseconds and
 * minds no forks. v1 has a tree for each controller, so there PID 1 does it. */
static int move_into(Backend *b, const char *scope, const char *path, const Group *g) {
        _cleanup_free_ char *procs = file_path("%s/cgroup.procs", path);

        if (!procs)
                return -ENOMEM;
        for (size_t i = 0; i < g->n; i++) {
                char text[16];
                int r;

                if (!is_same(g, i))
                        continue;
                (void) snprintf(text, sizeof(text), "%d", (int) g->pids[i]);
                r = b->fs.version == CGROUPFS_V2
                            ? file_write_existing(procs, text)
                            : bus_attach(systemd_bus(SYSTEMD(b)), scope, g->pids[i]);
                if (r < 0 && r != -ESRCH) /* it ended by itself */
                        return r;
        }
        return 0;
}

typedef struct ScopeSearch {
        Backend *backend;
        const Record *record;
        char name[PLACEMENT_NAME_MAX];
} ScopeSearch;

static int take_scope(const char *name, void *userdata) {
        ScopeSearch *search = userdata;

        if (!is_offenders_scope(name, search->record->uid) ||
            bus_unit_is_loaded(systemd_bus(SYSTEMD(search->backend)), name) <= 0)
                return 0;
        strcpy(search->name, name);
        return -EEXIST; /* one is enough */
}

/* One scope for each user: two of 80 % would together overrun the quota, and the desktop with them.
 * One that is left of an earlier leash, whose record is gone, does as well, and keeps what has been
 * said of it: it ends with the session that its processes came from. */
static int find_scope(Backend *b, const Record *record, pid_t named, char ret[PLACEMENT_NAME_MAX]) {
        ScopeSearch search = { .backend = b, .record = record };
        _cleanup_free_ char *cgroup = NULL;
        char path[CGROUPFS_PATH_MAX];

        if (record->scope == TARGET_TREE) {
                strcpy(ret, record->target);
                return scope_path(b, record, ret, path) < 0 ? 0 : access(path, F_OK) == 0;
        }
        for (size_t i = 0; i < record->n_scopes; i++) {
                if (scope_path(b, record, record->scopes[i], path) < 0 || access(path, F_OK) < 0)
                        continue;
                strcpy(ret, record->scopes[i]);
                return 1;
        }
        if (systemd_cgroup(b, record, &cgroup) >= 0 &&
            cgroupfs_each_child(&b->fs, "systemd", cgroup, take_scope, &search) == -EEXIST) {
                strcpy(ret, search.name);
                return 1;
        }
        (void) snprintf(ret, PLACEMENT_NAME_MAX, "leash-%u-%d.scope", (unsigned) record->uid,
                        (int) named);
        return 0;
}

int systemd_group(Backend *b, Record *record, pid_t named, const pid_t *pids, size_t n,
                  const Limits *limits) {
        char name[PLACEMENT_NAME_MAX], path[CGROUPFS_PATH_MAX];
        _cleanup_(group_done) Group g = {};
        Systemd *s = SYSTEMD(b);
        int r, exists;

        if (record->scope == TARGET_SESSION)
                return -EOPNOTSUPP; /* nothing may be nested in a scope that is not delegated */
        r = systemd_connect(s);
        if (r >= 0)
                r = pin(b, record->uid, pids, n, &g);
        if (r < 0)
                return r;
        exists = find_scope(b, record, named, name);
        r = record_add_scope(record, name);
        if (r < 0)
                return r;
        r = scope_path(b, record, name, path);
        if (r < 0)
                return r;
        r = exists ? bus_set_limits(systemd_bus(s), name, limits)
                   : start_scope(b, record, name, &g, limits);
        if (r >= 0 && !exists)
                r = wait_for_scope(b, path, g.pids, g.n);
        if (r < 0)
                return r;
        return move_into(b, name, path, &g);
}

/* Not named as the scopes of offenders are: it is limited by the slice alone. */
int systemd_adopt(Backend *b, uid_t uid, const char *user, const char *what, pid_t pid) {
        _cleanup_free_ char *whose = escape_text(user, SYSTEMD_NAME_MAX);
        _cleanup_free_ char *by = escape_text(what, SYSTEMD_NAME_MAX);
        char name[PLACEMENT_NAME_MAX], slice[PLACEMENT_NAME_MAX];
        char description[SYSTEMD_DESCRIPTION_MAX];
        char cgroup[PLACEMENT_CGROUP_MAX], path[CGROUPFS_PATH_MAX];
        const Limits none = {};
        const BusScope scope = { .name = name,
                                 .slice = slice,
                                 .description = description,
                                 .pids = &pid,
                                 .n_pids = 1,
                                 .limits = &none };
        Systemd *s = SYSTEMD(b);
        int r;

        if (!whose || !by)
                return -ENOMEM;
        /* The time: an earlier job of that number may have left processes. */
        (void) snprintf(name, sizeof(name), BACKEND_JOB_PREFIX "%u-%d-%" PRIx64 ".scope",
                        (unsigned) uid, (int) pid, clock_boottime());
        placement_user_slice(uid, slice);
        (void) snprintf(description, sizeof(description), "Job of %s by %s", whose, by);
        placement_user_cgroup(uid, name, cgroup);
        r = cgroupfs_path(&b->fs, "systemd", cgroup, path);
        if (r >= 0)
                r = systemd_connect(s);
        if (r >= 0)
                r = bus_start_scope(systemd_bus(s), &scope);
        return r < 0 ? r : wait_for_scope(b, path, &pid, 1);
}
