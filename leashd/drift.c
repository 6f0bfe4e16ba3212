/* SPDX-License-Identifier: MIT */
/* Limits that somebody else has changed: by a daemon-reload that found another file, by systemctl
 * set-property, or in the kernel's own files.
 *
 * The kernel tells of the last two, since a write to cpu.max is seen by inotify; PID 1 tells of the
 * first. If systemd's own files are not what they were when the limit was set, an admin has spoken
 * since, and the newer word counts: the record is given up, and what the admin wants stays. Else
 * the limit is put back.
 *
 * To look takes no lock and writes nothing: what is done here is heard of here, too. How often it
 * is tried is core/drift's. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "backend/dropin.h"
#include "backend/layer.h"
#include "daemon.h"
#include "os/clock.h"
#include "os/watch.h"

/* What came of putting back. */
typedef enum Outcome {
        NOTHING, /* it was no longer to be done */
        RESTORED,
        YIELDED,
        IN_VAIN, /* the kernel has another value all the same */
} Outcome;

/* `error` is a negative errno for what failed; else `e` says what the kernel has. */
static void report(Daemon *d, const Record *record, IncidentKind kind, const Enforcement *e,
                   int error) {
        Incident i = INCIDENT_NULL;
        Limits effective;

        record_effective(record, &effective, NULL);
        i.kind = kind;
        i.uid = record->uid;
        (void) snprintf(i.condition, sizeof(i.condition), "%.31s", limits_table[e->missing].key);
        limits_join(&effective, i.limits, sizeof(i.limits));
        (void) snprintf(
                i.error, sizeof(i.error), "%s%s%.38s", kind == INCIDENT_FAILED ? "drift: " : "",
                error < 0 ? "" : "the kernel has ", error < 0 ? strerror(-error) : e->kernel);
        act_report(d, &i);
}

static void forget_layers(Record *record) {
        for (Layer l = 0; l < _LAYER_MAX; l++)
                record_clear_layer(record, l);
}

static bool is_in_force(const Enforcement *e) {
        return e->enforced || e->absent;
}

/* Under the record's lock, on the record as it is now. One that is dirty is what an earlier try has
 * left, and says nothing of an admin's word: systemd's own files are disturbed on the way. Returns
 * 0; -EBUSY while somebody else works on it; -errno; *e is what the kernel has. */
static int mend(Daemon *d, const char *target, Enforcement *e, Outcome *ret) {
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_(ledger_unlockp) LedgerLock *lock = NULL;
        Enforcement set;
        bool yield;
        int r;

        *ret = NOTHING;
        r = ledger_lock(d->ledger, target, 0, &lock);
        if (r >= 0)
                r = ledger_read(d->ledger, target, &record);
        if (r >= 0 && !record->dirty)
                r = backend_look_for_drift(d->backend, record, e);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (backend_is_other(d->backend, record) || (!record->dirty && is_in_force(e)))
                return 0;
        yield = record->dirty ? record_top_layer(record) == _LAYER_INVALID
                              : dropin_saved_differ(d->root, record);
        if (yield)
                forget_layers(record);
        r = backend_converge(d->backend, d->ledger, record, &set);
        if (r >= 0 && !yield)
                r = backend_look_for_drift(d->backend, record, &set);
        if (r < 0)
                return r;
        *ret = yield ? YIELDED : is_in_force(&set) ? RESTORED : IN_VAIN;
        if (*ret == IN_VAIN)
                *e = set;
        return 0;
}

/* `e` is what is wrong with it. */
static void put_back(Daemon *d, const Record *record, Enforcement *e) {
        Outcome outcome;
        int r;

        r = mend(d, record->target, e, &outcome);
        if (r == -EBUSY) /* it is looked at again */
                return;
        if (r < 0 || outcome == IN_VAIN) {
                if (drifts_tell(&d->drifts, record->target))
                        report(d, record, INCIDENT_FAILED, e, r);
                return;
        }
        if (outcome == NOTHING)
                return;
        report(d, record, outcome == YIELDED ? INCIDENT_YIELDED : INCIDENT_RESTORED, e, 0);
        if (outcome == YIELDED)
                states_yield(&d->states, record->uid);
}

static void check(Daemon *d, const Record *record) {
        usec_t now = clock_boottime();
        Enforcement e;
        Limits effective;
        int r;

        /* Somebody works on it, or was killed over it; what we have left half-done is ours. */
        if (record->dirty && !drifts_is_open(&d->drifts, record->target))
                return;
        r = backend_look_for_drift(d->backend, record, &e);
        if (r < 0)
                return;
        if (!record->dirty && is_in_force(&e)) {
                drifts_hold(&d->drifts, record->target, now);
                return;
        }
        if (d->watch)
                return;
        record_effective(record, &effective, NULL);
        if (drifts_try(&d->drifts, record->target, &effective, now) > 0) /* no room: not now */
                put_back(d, record, &e);
}

/* Has the kernel tell of the next change. What is watched already stays so. */
static void watch_record(Daemon *d, const Record *record) {
        _cleanup_free_ char *cgroup = NULL;
        Limits effective;

        if (d->backend->ops->cgroup(d->backend, record, &cgroup) < 0)
                return;
        record_effective(record, &effective, NULL);
        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                const LimitInfo *info = &limits_table[i];
                const char *file =
                        d->backend->fs.version == CGROUPFS_V1 ? info->file_v1 : info->file_v2;
                char path[CGROUPFS_PATH_MAX], full[CGROUPFS_PATH_MAX + 64];

                if (!limits_has(&effective, i) || !file || info->kind == LIMIT_KIND_DURATION ||
                    cgroupfs_path(&d->backend->fs, info->controller ?: "", cgroup, path) < 0)
                        continue;
                (void) snprintf(full, sizeof(full), "%s/%s", path, file);
                (void) watch_file(d->drift_watch, full); /* not logged in: nothing to watch yet */
        }
}

void drift_check(Daemon *d) {
        Record **records;
        size_t n, damaged;
        int r;

        r = ledger_read_all(d->ledger, &records, &n, &damaged);
        if (r < 0) {
                daemon_log(LOG_WARNING, "cannot read the ledger: %s", strerror(-r));
                return;
        }
        drifts_begin(&d->drifts);
        for (size_t i = 0; i < n; i++) {
                if (backend_is_other(d->backend, records[i]))
                        continue;
                watch_record(d, records[i]);
                check(d, records[i]);
        }
        ledger_free_records(records, n);
        loop_check_at(d, drifts_end(&d->drifts));
}
