/* SPDX-License-Identifier: MIT */
/* Limits through PID 1, where that is systemd.
 *
 * A user's slice is limited in two places: live, by SetUnitProperties, and by a drop-in of our own
 * that holds the limit through daemon-reload and a new login (see backend/dropin.h). Scopes exist
 * only while they run, so the live property is all they need; systemd keeps it with the transient
 * unit and drops it with it. */

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/bus.h"
#include "backend/dropin.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/proc.h"

#define SCOPE_POLL USEC_PER_MSEC
#define SCOPE_TIMEOUT (5 * USEC_PER_SEC)

typedef struct Systemd {
        Backend backend;
        Bus bus; /* connected at first use: looking needs no connection */
} Systemd;

static Bus *get_bus(Systemd *s) {
        return &s->bus;
}

static Systemd *SYSTEMD(Backend *b) {
        return (Systemd *) b;
}

static int connect_bus(Systemd *s) {
        const BackendOptions *o = &s->backend.options;

        return s->bus.bus ? 0 : bus_open(o->root, o->timeout, o->deadline, &s->bus);
}

static bool systemd_probe(const BackendOptions *options) {
        _cleanup_free_ char *path = file_path("%s/run/systemd/system", options->root);

        /* What sd_booted(3) looks at. */
        return path && access(path, F_OK) == 0;
}

static int systemd_open(const BackendOptions *options _unused_, Backend **ret) {
        Systemd *s = calloc(1, sizeof(Systemd));

        if (!s)
                return -ENOMEM;
        *ret = &s->backend;
        return 0;
}

static Backend *systemd_free(Backend *b) {
        Systemd *s = SYSTEMD(b);

        if (s->bus.bus)
                bus_close(get_bus(s));
        free(s);
        return NULL;
}

static int systemd_cgroup(Backend *b _unused_, const Record *record, char **ret) {
        char *path;

        path = record->scope == TARGET_USER ? file_path("/user.slice/%s", record->target)
                                            : file_path("/user.slice/user-%u.slice/%s",
                                                        (unsigned) record->uid, record->target);
        if (!path)
                return -ENOMEM;
        *ret = path;
        return 0;
}

static int cgroup_exists(Backend *b, const char *cgroup) {
        char path[CGROUPFS_PATH_MAX];
        int r;

        r = cgroupfs_path(&b->fs, "systemd", cgroup, path);
        return r < 0 ? r : access(path, F_OK) == 0;
}

static int systemd_exists(Backend *b, const Record *record) {
        _cleanup_free_ char *cgroup = NULL;
        int r;

        r = systemd_cgroup(b, record, &cgroup);
        return r < 0 ? r : cgroup_exists(b, cgroup);
}

/* A drop-in of ours that no record tells of would pass for the admin's: somebody has deleted the
 * ledger. */
static int forget_orphan(Systemd *s, const Record *record) {
        const char *root = s->backend.options.root;
        int r;

        if (!dropin_exists(root, record))
                return 0;
        r = dropin_remove(root, record);
        return r < 0 ? r : bus_reload(get_bus(s));
}

static int read_frozen(Systemd *s, Record *record) {
        _cleanup_free_ char *state = NULL;
        int r;

        r = bus_get_state(get_bus(s), record->target, "FreezerState", &state);
        if (r < 0)
                return r;
        limits_set(&record->base, LIMIT_FREEZE, strcmp(state, "frozen") == 0);
        return 0;
}

/* The files alone. What the values were only PID 1 can work out, once our drop-in is gone. */
static int systemd_note_base(Backend *b, Record *record, uint32_t which) {
        const char *root = b->options.root;

        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                int r;

                if (!(which & UINT32_C(1) << i) || !limits_table[i].directive)
                        continue;
                r = dropin_save(root, record, i);
                if (r < 0)
                        return r;
        }
        return record->fingerprint ? 0
                                   : dropin_fingerprint(root, record->target, &record->fingerprint);
}

static int systemd_read_base(Backend *b, Record *record, uint32_t which) {
        Systemd *s = SYSTEMD(b);
        int r;

        /* What PID 1 holds of these now came from us. */
        which &= ~dropin_open_bases(record);

        r = connect_bus(s);
        if (r >= 0 && record->scope == TARGET_USER && !record->fingerprint)
                r = forget_orphan(s, record);
        if (r < 0)
                return r;
        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                if (!(which & UINT32_C(1) << i))
                        continue;
                if (i == LIMIT_FREEZE) {
                        r = read_frozen(s, record);
                        if (r < 0)
                                return r;
                        continue;
                }
                if (record->scope == TARGET_TREE) { /* ours from the start */
                        limits_set(&record->base, i, LIMIT_INFINITY);
                        continue;
                }
                r = bus_get_limit(get_bus(s), record->target, i, &record->base);
                if (r < 0)
                        return r;
                if (record->scope == TARGET_USER) {
                        r = dropin_save(b->options.root, record, i);
                        if (r < 0)
                                return r;
                }
        }
        if (record->fingerprint || record->scope != TARGET_USER)
                return 0;
        return dropin_fingerprint(b->options.root, record->target, &record->fingerprint);
}

/* PID 1 forgets about CPU lists that it no longer has, and leaves the kernel's file as it was
 * (cgroup_context_apply() writes only what the unit's own mask holds). An empty list is refused
 * while there are processes (-ENOSPC, validate_change() in kernel/cgroup/cpuset.c), so the file
 * gets what the group above may use, which means the same. */
static int reset_cpus(Backend *b, const Record *record) {
        char path[CGROUPFS_PATH_MAX], file[CGROUPFS_PATH_MAX + 32], all[LIMITS_TEXT_MAX];
        _cleanup_free_ char *cgroup = NULL;
        Limits none = {};
        int r;

        limits_set(&none, LIMIT_CPUS, 0);
        if (b->fs.version != CGROUPFS_V2 || !limits_has(&record->base, LIMIT_CPUS) ||
            !limits_equal_one(&record->base, &none, LIMIT_CPUS))
                return 0;
        r = systemd_cgroup(b, record, &cgroup);
        if (r >= 0)
                r = cgroupfs_path(&b->fs, "cpuset", cgroup, path);
        if (r < 0)
                return r;
        (void) snprintf(file, sizeof(file), "%s/../cpuset.cpus.effective", path);
        r = file_read_buffer(file, all, sizeof(all));
        if (r > 0) {
                (void) snprintf(file, sizeof(file), "%s/cpuset.cpus", path);
                r = file_write_existing(file, all);
        }
        /* Without the controller there is nothing to reset. */
        return r == -ENOENT ? 0 : r;
}

static int set_limits(Systemd *s, const char *unit, const Limits *limits) {
        Limits properties = *limits;
        int r;

        if (limits_has(limits, LIMIT_FREEZE)) {
                limits_unset(&properties, LIMIT_FREEZE);
                r = bus_freeze(get_bus(s), unit, limits->value[LIMIT_FREEZE]);
                if (r < 0 && limits->value[LIMIT_FREEZE])
                        return r;
        }
        return limits_is_empty(&properties) ? 0 : bus_set_limits(get_bus(s), unit, &properties);
}

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
        r = bus_unit_is_loaded(get_bus(v->systemd), name); /* setting would make one up */
        if (r > 0)
                r = bus_set_limits(get_bus(v->systemd), name, v->limits);
        return r == -ENOENT ? 0 : r;
}

/* The offenders' scopes follow the slice's quota. What exists is seen in the cgroup tree and not
 * in the record: a leash that was killed may have made one that it could not write down. */
static int set_scopes(Systemd *s, const Record *record, const Limits *limits) {
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

/* Base values of limits that no layer sets any more, then what the layers say. */
static void wanted_limits(const Record *record, const Limits *effective, Limits *ret) {
        *ret = record->base;
        for (Limit i = 0; i < _LIMIT_MAX; i++)
                if (limits_has(effective, i))
                        limits_copy_one(ret, effective, i);
}

/* 1 if PID 1 has the target loaded, so that its drop-ins are not read again by themselves. One that
 * is not loaded reads them when its user logs in, and must not be loaded by our setting something:
 * the slice of a user who is not there would stay. */
static int is_loaded(Systemd *s, const Record *record) {
        int r = systemd_exists(&s->backend, record);

        if (r != 0 || record->scope != TARGET_USER)
                return r < 0 ? r : 1;
        return bus_unit_is_loaded(get_bus(s), record->target);
}

/* Has PID 1 read all unit files again, and takes from it what they say of these limits. It hands
 * that to the kernel with the slice's next unit, not at the reload (seen with 252 and 257), so the
 * caller sets what is now the base. */
static int read_again(Systemd *s, Record *record, uint32_t which) {
        int r;

        r = dropin_restore_saved(s->backend.options.root, record);
        if (r >= 0)
                r = bus_reload(get_bus(s));
        for (Limit i = 0; r >= 0 && i < _LIMIT_MAX; i++)
                if (which & UINT32_C(1) << i && limits_table[i].directive)
                        r = bus_get_limit(get_bus(s), record->target, i, &record->base);
        return r;
}

/* What is no layer's any more and has no base to be set to: with our drop-in changed already, PID 1
 * works it out from all others. */
static int drop_open_bases(Systemd *s, Record *record, const Limits *effective, bool loaded) {
        uint32_t open = dropin_open_bases(record) & ~effective->set;
        int r;

        if (open == 0)
                return 0;
        if (loaded)
                return read_again(s, record, open);
        r = dropin_restore_saved(s->backend.options.root, record);
        if (r >= 0)
                dropin_forget(record, open);
        return r;
}

static int apply_live(Systemd *s, Record *record, const Limits *effective) {
        Limits wanted, scope;
        int r;

        wanted_limits(record, effective, &wanted);
        backend_scope_limits(&wanted, record->share, &scope);
        /* v1 refuses a parent's quota below a child's, and a child's above its parent's
         * (kernel/sched/core.c, tg_cfs_schedulable_down()): children before, and again after. */
        r = set_scopes(s, record, &scope);
        if (r >= 0)
                r = set_limits(s, record->target, &wanted);
        if (r >= 0 && s->backend.fs.version == CGROUPFS_V1)
                r = set_scopes(s, record, &scope);
        return r;
}

static int systemd_apply(Backend *b, Record *record) {
        Systemd *s = SYSTEMD(b);
        bool user = record->scope == TARGET_USER;
        Limits effective;
        int r, loaded;

        record_effective(record, &effective, NULL);
        if (user) {
                /* Before anything that may fail or wait: whoever logs in now has their limits. */
                r = dropin_write(b->options.root, record, &effective,
                                 record->persist && b->options.deadline == 0);
                if (r < 0)
                        return r;
        }
        r = connect_bus(s);
        if (r < 0)
                return r;
        loaded = is_loaded(s, record);
        if (loaded < 0)
                return loaded;
        r = user ? drop_open_bases(s, record, &effective, loaded) : 0;
        if (r >= 0 && loaded)
                r = apply_live(s, record, &effective);
        if (r < 0)
                return r;
        return user ? dropin_restore_saved(b->options.root, record) : 0;
}

static int restore_scopes(Systemd *s, const Record *record) {
        Limits none = {};

        limits_set(&none, LIMIT_CPU_QUOTA, LIMIT_INFINITY);
        limits_set(&none, LIMIT_CPU_PERIOD, LIMIT_INFINITY);
        return set_scopes(s, record, &none);
}

static int systemd_refresh(Backend *b, Record *record) {
        int r;

        if (record->scope != TARGET_USER || !record->fingerprint)
                return 0;
        r = dropin_refresh_saved(b->options.root, record);
        if (r <= 0)
                return r;
        /* Which of the admin's files wins, only PID 1 can work out: the base is stale for good. */
        free(record->fingerprint);
        record->fingerprint = strdup("changed");
        return record->fingerprint ? 0 : -ENOMEM;
}

/* True if the admin's own configuration is no longer what the base was read from. */
static int base_is_stale(Backend *b, const Record *record) {
        _cleanup_free_ char *now = NULL;
        int r;

        if (dropin_open_bases(record) != 0)
                return 1;
        r = dropin_fingerprint(b->options.root, record->target, &now);
        if (r < 0)
                return r;
        return record->fingerprint && strcmp(now, record->fingerprint) != 0;
}

static int restore_slice(Backend *b, Record *record) {
        Systemd *s = SYSTEMD(b);
        int r, stale, loaded;

        loaded = bus_unit_is_loaded(get_bus(s), record->target);
        if (loaded < 0)
                return loaded;
        stale = base_is_stale(b, record);
        if (stale < 0)
                return stale;
        r = dropin_remove(b->options.root, record);
        /* What counts now is in the admin's files, and only PID 1 can work that out. */
        if (r >= 0 && loaded && stale)
                r = read_again(s, record, record->base.set | dropin_open_bases(record));
        if (r >= 0 && loaded)
                r = set_limits(s, record->target, &record->base);
        if (r >= 0 && loaded)
                r = reset_cpus(b, record);
        return r < 0 ? r : dropin_restore_saved(b->options.root, record);
}

static int systemd_restore(Backend *b, Record *record) {
        Systemd *s = SYSTEMD(b);
        int r;

        r = connect_bus(s);
        if (r < 0)
                return r;
        if (record->scope == TARGET_USER)
                r = restore_slice(b, record);
        else if ((r = systemd_exists(b, record)) > 0)
                r = set_limits(s, record->target, &record->base);
        if (r >= 0 && record->scope != TARGET_USER)
                r = reset_cpus(b, record);
        if (r < 0 && r != -ENOENT)
                return r;
        return restore_scopes(s, record);
}

static int scope_path(Backend *b, const Record *record, const char *scope,
                      char ret[CGROUPFS_PATH_MAX]) {
        char cgroup[PLACEMENT_NAME_MAX * 2];

        (void) snprintf(cgroup, sizeof(cgroup), "/user.slice/user-%u.slice/%s",
                        (unsigned) record->uid, scope);
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

        r = proc_read_cgroup(pid, b->fs.version == CGROUPFS_V1 ? "name=systemd" : NULL, &cgroup);
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

/* Makes the scope with the first process that lives long enough for it. */
static int start_scope(Backend *b, const Record *record, const char *name, const pid_t *pids,
                       size_t n, const Limits *limits) {
        char slice[PLACEMENT_NAME_MAX], description[128];
        int r = -ESRCH;

        (void) snprintf(slice, sizeof(slice), "user-%u.slice", (unsigned) record->uid);
        (void) snprintf(description, sizeof(description), "Processes of %.60s limited by leash",
                        record->user);
        for (size_t i = 0; i < n && r == -ESRCH; i++) {
                _cleanup_free_ char *home = NULL;
                BusScope scope = {
                        .name = name,
                        .slice = slice,
                        .description = description,
                        .pids = pids + i,
                        .n_pids = 1,
                        .limits = limits,
                };

                r = home_of(b, pids[i], &home);
                if (r < 0)
                        continue;
                scope.part_of = home;
                r = bus_start_scope(get_bus(SYSTEMD(b)), &scope);
        }
        return r;
}

/* Into a delegated scope the kernel's own file will do, which moves a process in microseconds and
 * minds no forks. v1 has a tree for each controller, so there PID 1 does it. */
static int move_into(Backend *b, const char *scope, const char *path, const pid_t *pids, size_t n) {
        _cleanup_free_ char *procs = file_path("%s/cgroup.procs", path);

        if (!procs)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                char text[16];
                int r;

                (void) snprintf(text, sizeof(text), "%d", (int) pids[i]);
                r = b->fs.version == CGROUPFS_V2 ? file_write_existing(procs, text)
                                                 : bus_attach(get_bus(SYSTEMD(b)), scope, pids[i]);
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
            bus_unit_is_loaded(get_bus(SYSTEMD(search->backend)), name) <= 0)
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

static int systemd_group(Backend *b, Record *record, pid_t named, const pid_t *pids, size_t n,
                         const Limits *limits) {
        char name[PLACEMENT_NAME_MAX], path[CGROUPFS_PATH_MAX];
        Systemd *s = SYSTEMD(b);
        int r, exists;

        if (record->scope == TARGET_SESSION)
                return -EOPNOTSUPP; /* nothing may be nested in a scope that is not delegated */
        r = connect_bus(s);
        if (r < 0)
                return r;
        exists = find_scope(b, record, named, name);
        r = record_add_scope(record, name);
        if (r < 0)
                return r;
        r = scope_path(b, record, name, path);
        if (r < 0)
                return r;
        r = exists ? bus_set_limits(get_bus(s), name, limits)
                   : start_scope(b, record, name, pids, n, limits);
        if (r >= 0 && !exists)
                r = wait_for_scope(b, path, pids, n);
        if (r < 0)
                return r;
        return move_into(b, name, path, pids, n);
}

/* Not named as the scopes of offenders are: it is limited by the slice alone. */
static int systemd_adopt(Backend *b, uid_t uid, const char *user, const char *what, pid_t pid) {
        char name[PLACEMENT_NAME_MAX], slice[PLACEMENT_NAME_MAX], description[256];
        char cgroup[PLACEMENT_NAME_MAX * 2], path[CGROUPFS_PATH_MAX];
        const Limits none = {};
        const BusScope scope = { .name = name,
                                 .slice = slice,
                                 .description = description,
                                 .pids = &pid,
                                 .n_pids = 1,
                                 .limits = &none };
        Systemd *s = SYSTEMD(b);
        int r;

        /* The time: an earlier job of that number may have left processes. */
        (void) snprintf(name, sizeof(name), "leash-job-%u-%d-%" PRIx64 ".scope", (unsigned) uid,
                        (int) pid, clock_boottime());
        (void) snprintf(slice, sizeof(slice), "user-%u.slice", (unsigned) uid);
        (void) snprintf(description, sizeof(description), "Job of %.60s by %.60s", user, what);
        (void) snprintf(cgroup, sizeof(cgroup), "/user.slice/%s/%s", slice, name);
        r = cgroupfs_path(&b->fs, "systemd", cgroup, path);
        if (r >= 0)
                r = connect_bus(s);
        if (r >= 0)
                r = bus_start_scope(get_bus(s), &scope);
        return r < 0 ? r : wait_for_scope(b, path, &pid, 1);
}

/* Serial and end make the name new for each timer, and the same for one that is made again after an
 * interruption. */
static char *timer_name(const Record *record, usec_t until, const char *suffix) {
        return file_path("leash-expire-%u-%" PRIx64 "-%" PRIx64 ".%s", (unsigned) record->uid,
                         record->serial, until / USEC_PER_SEC, suffix);
}

static int systemd_arm(Backend *b, Record *record, usec_t until) {
        const char *const argv[] = { b->options.program, "release", "--expired", NULL };
        _cleanup_free_ char *timer = NULL, *service = NULL;
        Systemd *s = SYSTEMD(b);
        char description[128];
        int r;

        if (!record->timer && until == USEC_INFINITY)
                return 0;
        timer = timer_name(record, until, "timer");
        service = timer_name(record, until, "service");
        if (!timer || !service)
                return -ENOMEM;
        r = connect_bus(s);
        if (r >= 0 && record->timer && strcmp(record->timer, timer) != 0)
                r = bus_stop_unit(get_bus(s), record->timer);
        if (r < 0 && r != -ENOENT)
                return r;
        free(TAKE_PTR(record->timer));
        if (until == USEC_INFINITY)
                return 0;
        (void) snprintf(description, sizeof(description), "End of the leash on %.60s",
                        record->user);
        /* Named before it is made: if the answer is lost, it is there all the same. */
        record->timer = strdup(timer);
        if (!record->timer)
                return -ENOMEM;
        /* A time that has passed never comes: PID 1 would drop the timer at once. */
        until = MAX_OF(until, clock_realtime() + USEC_PER_SEC);
        r = bus_start_timer(get_bus(s), timer, service, description, until, argv);
        return r == -EEXIST ? 0 : r;
}

static bool systemd_armed(Backend *b, const Record *record) {
        _cleanup_free_ char *path =
                file_path("%s/run/systemd/transient/%s", b->options.root, record->timer);

        /* PID 1 removes the file when it unloads the unit, and a reboot all of /run. */
        return !path || access(path, F_OK) == 0;
}

static bool is_inside(const char *cgroup, const char *target) {
        size_t n = strlen(target);

        return strncmp(cgroup, target, n) == 0 && (cgroup[n] == '/' || cgroup[n] == '\0');
}

static int systemd_escapees(Backend *b, const Record *record, pid_t **ret, size_t *ret_n) {
        _cleanup_free_ char *target = NULL;
        _cleanup_free_ pid_t *pids = NULL;
        size_t n, kept = 0;
        int r;

        r = systemd_cgroup(b, record, &target);
        if (r >= 0)
                r = proc_list(&pids, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *cgroup = NULL;
                ProcStatus status;

                if (proc_read_status(pids[i], &status) < 0 ||
                    (status.ruid != record->uid &&
                     (status.ruid == 0 || proc_read_loginuid(pids[i]) != record->uid)))
                        continue;
                r = proc_read_cgroup(pids[i], b->fs.version == CGROUPFS_V1 ? "name=systemd" : NULL,
                                     &cgroup);
                if (r >= 0 && !is_inside(cgroup, target))
                        pids[kept++] = pids[i];
        }
        *ret = TAKE_PTR(pids);
        *ret_n = kept;
        return 0;
}

const BackendOps backend_systemd = {
        .name = "systemd",
        .placement = true,
        .probe = systemd_probe,
        .open = systemd_open,
        .free = systemd_free,
        .cgroup = systemd_cgroup,
        .exists = systemd_exists,
        .read_base = systemd_read_base,
        .refresh = systemd_refresh,
        .note_base = systemd_note_base,
        .apply = systemd_apply,
        .restore = systemd_restore,
        .group = systemd_group,
        .adopt = systemd_adopt,
        .arm = systemd_arm,
        .armed = systemd_armed,
        .escapees = systemd_escapees,
};
