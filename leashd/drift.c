/* SPDX-License-Identifier: MIT */
/* Limits that somebody else has changed: by a daemon-reload that found another file, by systemctl
 * set-property, or in the kernel's own files.
 *
 * The kernel tells of the last two, since a write to cpu.max is seen by inotify; PID 1 tells of the
 * first. If systemd's own files are not what they were when the limit was set, an admin has spoken
 * since, and the newer word counts: the record is given up, and what the admin wants stays. Else
 * the limit is put back. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "backend/dropin.h"
#include "backend/layer.h"
#include "daemon.h"
#include "os/watch.h"

static void report(Daemon *d, const Record *record, IncidentKind kind, const Enforcement *e,
                   int error) {
        Incident i = INCIDENT_NULL;
        Limits effective;

        record_effective(record, &effective, NULL);
        i.kind = error < 0 ? INCIDENT_FAILED : kind;
        i.uid = record->uid;
        (void) snprintf(i.condition, sizeof(i.condition), "%.31s", limits_table[e->missing].key);
        limits_join(&effective, i.limits, sizeof(i.limits));
        (void) snprintf(i.error, sizeof(i.error), "%s%.40s",
                        error < 0 ? "drift: " : "the kernel has ",
                        error < 0 ? strerror(-error) : e->kernel);
        act_report(d, &i);
}

static void forget_layers(Record *record) {
        for (Layer l = 0; l < _LAYER_MAX; l++)
                record_clear_layer(record, l);
}

/* Under the record's lock, on the record as it is now. Returns 1 if something was done. */
static int mend(Daemon *d, const char *target, bool *ret_yielded) {
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_(ledger_unlockp) LedgerLock *lock = NULL;
        Enforcement e, after;
        bool yield;
        int r;

        r = ledger_lock(d->ledger, target, 0, &lock);
        if (r < 0) /* somebody is working on it, and then it is looked at again */
                return r == -EBUSY ? 0 : r;
        r = ledger_read(d->ledger, target, &record);
        if (r >= 0 && !record->dirty)
                r = backend_verify(d->backend, record, &e);
        if (r < 0 || record->dirty || backend_is_other(d->backend, record) || e.enforced ||
            e.absent || e.unsupported || e.controller_absent)
                return r == -ENOENT ? 0 : r;
        yield = dropin_saved_differ(d->root, record);
        if (d->watch)
                return 0;
        report(d, record, yield ? INCIDENT_YIELDED : INCIDENT_RESTORED, &e, 0);
        if (yield)
                forget_layers(record);
        r = backend_converge(d->backend, d->ledger, record, &after);
        if (r < 0) {
                report(d, record, INCIDENT_FAILED, &e, r);
                return r;
        }
        *ret_yielded = yield;
        return 1;
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
        for (size_t i = 0; i < n; i++) {
                bool yielded = false;
                Enforcement e;

                if (backend_is_other(d->backend, records[i]))
                        continue;
                watch_record(d, records[i]);
                if (records[i]->dirty || backend_verify(d->backend, records[i], &e) < 0 ||
                    e.enforced || e.absent)
                        continue;
                (void) mend(d, records[i]->target, &yielded); /* reported where it fails */
                if (yielded)
                        states_yield(&d->states, records[i]->uid);
        }
        ledger_free_records(records, n);
}
