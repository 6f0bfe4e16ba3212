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
#include "backend/notify.h"
#include "backend/systemd-private.h"
#include "core/parse.h"
#include "core/placement.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/proc.h"

static int begin(Systemd *s) {
        const BackendOptions *o = &s->backend.options;

        return s->bus.bus ? 0 : bus_begin(o->root, o->timeout, o->deadline, &s->bus);
}

int systemd_connect(Systemd *s) {
        int r;

        r = begin(s);
        if (r < 0)
                return r;
        r = bus_wait(systemd_bus(s));
        if (r < 0)
                bus_close(systemd_bus(s));
        return r;
}

static void systemd_prepare(Backend *b) {
        (void) begin(SYSTEMD(b)); /* tried again when it is needed, and told of then */
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
                bus_close(systemd_bus(s));
        free(s);
        return NULL;
}

int systemd_cgroup(Backend *b _unused_, const Record *record, char **ret) {
        char cgroup[PLACEMENT_CGROUP_MAX];
        char *path;

        placement_user_cgroup(record->uid, record->target, cgroup);
        path = record->scope == TARGET_USER ? file_path("/user.slice/%s", record->target)
                                            : strdup(cgroup);
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

/* A slice that has stopped may leave its group behind, where something was set between the stop and
 * the unit's end, as the end of the policy's limits does (seen with 252): nobody is in there. v1
 * does not tell. */
static int slice_is_populated(Backend *b, const char *cgroup) {
        char path[CGROUPFS_PATH_MAX], file[CGROUPFS_PATH_MAX + 32], events[256];

        if (b->fs.version != CGROUPFS_V2 || cgroupfs_path(&b->fs, "systemd", cgroup, path) < 0)
                return cgroup_exists(b, cgroup);
        (void) snprintf(file, sizeof(file), "%s/cgroup.events", path);
        return file_read_buffer(file, events, sizeof(events)) > 0
                       ? strstr(events, "populated 0") == NULL
                       : cgroup_exists(b, cgroup);
}

static int systemd_exists(Backend *b, const Record *record) {
        _cleanup_free_ char *cgroup = NULL;
        int r;

        r = systemd_cgroup(b, record, &cgroup);
        if (r < 0)
                return r;
        return record->scope == TARGET_USER ? slice_is_populated(b, cgroup)
                                            : cgroup_exists(b, cgroup);
}

/* A drop-in of ours that no record tells of would pass for the admin's: somebody has deleted the
 * ledger. */
static int forget_orphan(Systemd *s, const Record *record) {
        const char *root = s->backend.options.root;
        int r;

        if (!dropin_exists(root, record))
                return 0;
        r = dropin_remove(root, record);
        return r < 0 ? r : bus_reload(systemd_bus(s));
}

static int read_frozen(Systemd *s, Record *record) {
        _cleanup_free_ char *state = NULL;
        int r;

        r = bus_get_state(systemd_bus(s), record->target, "FreezerState", &state);
        if (r < 0)
                return r;
        limits_set(&record->base, LIMIT_FREEZE, strcmp(state, "frozen") == 0);
        return 0;
}

/* The files alone. What the values were only PID 1 can work out, once our drop-in is gone. */
static int systemd_note_base(Backend *b, Record *record, uint32_t which) {
        const char *root = b->options.root;

        which &= ~dropin_open_bases(record);
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

        r = systemd_connect(s);
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
                r = bus_get_limit(systemd_bus(s), record->target, i, &record->base);
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
                r = bus_freeze(systemd_bus(s), unit, limits->value[LIMIT_FREEZE]);
                if (r < 0 && limits->value[LIMIT_FREEZE])
                        return r;
        }
        return limits_is_empty(&properties) ? 0 : bus_set_limits(systemd_bus(s), unit, &properties);
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
        return bus_unit_is_loaded(systemd_bus(s), record->target);
}

/* Has PID 1 read all unit files again, and takes from it what they say of these limits. It hands
 * that to the kernel with the slice's next unit, not at the reload (seen with 252 and 257), so the
 * caller sets what is now the base. */
static int read_again(Systemd *s, Record *record, uint32_t which) {
        int r;

        r = dropin_restore_saved(s->backend.options.root, record);
        if (r >= 0)
                r = bus_reload(systemd_bus(s));
        for (Limit i = 0; r >= 0 && i < _LIMIT_MAX; i++)
                if (which & UINT32_C(1) << i && limits_table[i].directive)
                        r = bus_get_limit(systemd_bus(s), record->target, i, &record->base);
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
        r = systemd_set_scopes(s, record, &scope);
        if (r >= 0)
                r = set_limits(s, record->target, &wanted);
        if (r >= 0 && s->backend.fs.version == CGROUPFS_V1)
                r = systemd_set_scopes(s, record, &scope);
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
        r = systemd_connect(s);
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

        stale = base_is_stale(b, record);
        if (stale < 0)
                return stale;
        r = dropin_remove(b->options.root, record);
        if (r < 0)
                return r;
        /* Only now: who logs in from here on does not read it any more. */
        loaded = bus_unit_is_loaded(systemd_bus(s), record->target);
        if (loaded < 0)
                return loaded;
        /* What counts now is in the admin's files, and only PID 1 can work that out. */
        if (loaded && stale)
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

        r = systemd_connect(s);
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
        return systemd_restore_scopes(s, record);
}

#define TIMER_SUFFIX "-%" PRIx64 ".%s"

/* The second in which a timer fires, see bus_start_timer(). */
static uint64_t timer_second(usec_t until) {
        return until / USEC_PER_SEC + (until % USEC_PER_SEC > 0);
}

/* Serial and end make the name new for each timer, and the same for one that is made again after an
 * interruption. */
static char *timer_name(const Record *record, usec_t until, const char *suffix) {
        return file_path("leash-expire-%u-%" PRIx64 TIMER_SUFFIX, (unsigned) record->uid,
                         record->serial, timer_second(until), suffix);
}

static bool systemd_armed(Backend *b, const Record *record) {
        _cleanup_free_ char *path =
                file_path("%s/run/systemd/transient/%s", b->options.root, record->timer);

        /* PID 1 removes the file when it unloads the unit, and a reboot all of /run. */
        return !path || access(path, F_OK) == 0;
}

/* True if a timer for this end is there already, whatever else has changed since. */
static bool timer_stands(Backend *b, const Record *record, usec_t until) {
        char end[40];
        size_t n, m;

        if (!record->timer || until <= clock_realtime() || !systemd_armed(b, record))
                return false;
        n = strlen(record->timer);
        m = snprintf(end, sizeof(end), TIMER_SUFFIX, timer_second(until), "timer");
        return n > m && strcmp(record->timer + n - m, end) == 0;
}

static int start_timer(Systemd *s, const Record *record, const char *timer, usec_t until) {
        const char *const argv[] = { s->backend.options.program, "release", "--expired", NULL };
        _cleanup_free_ char *service = timer_name(record, until, "service");
        _cleanup_free_ char *user = escape_text(record->user, SYSTEMD_NAME_MAX);
        char description[SYSTEMD_DESCRIPTION_MAX];
        int r;

        if (!service || !user)
                return -ENOMEM;
        (void) snprintf(description, sizeof(description), "End of the leash on %s", user);
        /* A time that has passed never comes: PID 1 would drop the timer at once. */
        until = MAX_OF(until, clock_realtime() + USEC_PER_SEC);
        r = bus_start_timer(systemd_bus(s), timer, service, description, until, argv);
        return r == -EEXIST ? 0 : r;
}

static int stop_timer(Systemd *s, const char *timer) {
        int r = bus_stop_unit(systemd_bus(s), timer);

        return r == -ENOENT ? 0 : r;
}

/* The next timer is there before the last one goes: whatever fails, the leash has an end. */
static int systemd_arm(Backend *b, Record *record, usec_t until) {
        _cleanup_free_ char *timer = NULL, *last = NULL;
        Systemd *s = SYSTEMD(b);
        int r;

        if ((!record->timer && until == USEC_INFINITY) || timer_stands(b, record, until))
                return 0;
        if (until != USEC_INFINITY) {
                timer = timer_name(record, until, "timer");
                if (!timer)
                        return -ENOMEM;
        }
        r = systemd_connect(s);
        if (r < 0)
                return r;
        last = TAKE_PTR(record->timer);
        /* Named before it is made: if the answer is lost, it is there all the same. */
        record->timer = TAKE_PTR(timer);
        if (record->timer)
                r = start_timer(s, record, record->timer, until);
        if (r < 0 && last) {
                char *failed = record->timer;

                record->timer = TAKE_PTR(last);
                if (strcmp(failed, record->timer) != 0 && r != -ETIMEDOUT)
                        (void) stop_timer(s, failed); /* if it is there, it comes for nothing */
                free(failed);
        }
        if (r >= 0 && last && (!record->timer || strcmp(last, record->timer) != 0))
                r = stop_timer(s, last);
        return r;
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
                r = cgroupfs_read_unit(&b->fs, pids[i], &cgroup);
                if (r >= 0 && !placement_is_inside(cgroup, target) &&
                    strncmp(cgroup, NOTIFY_CGROUP, strlen(NOTIFY_CGROUP)) != 0)
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
        .prepare = systemd_prepare,
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
