/* SPDX-License-Identifier: MIT */
/* What is the same with each backend: facts, verifying, converging. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/ledger.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/proc.h"
#include "os/user.h"

/* How long the kernel may take to show what PID 1 says it has set. It does so at once, unless
 * PID 1 has queued the work behind a reload. */
#define VERIFY_TIMEOUT USEC_PER_SEC
#define VERIFY_POLL (5 * USEC_PER_MSEC)

#define SCOPE_PERIOD (10 * USEC_PER_MSEC)

int backend_open_with(const BackendOps *ops, const BackendOptions *options, Backend **ret) {
        Backend *b;
        int r;

        r = ops->open(options, &b);
        if (r < 0)
                return r;
        b->ops = ops;
        b->options = *options;
        b->fs = cgroupfs_detect(options->root);
        *ret = b;
        return 0;
}

Backend *backend_free(Backend *b) {
        return b ? b->ops->free(b) : NULL;
}

void backend_scope_limits(const Limits *target, unsigned share, Limits *ret) {
        uint64_t quota = limits_has(target, LIMIT_CPU_QUOTA) ? target->value[LIMIT_CPU_QUOTA]
                                                             : LIMIT_INFINITY;

        *ret = (Limits){};
        if (quota == LIMIT_INFINITY) {
                limits_set(ret, LIMIT_CPU_QUOTA, LIMIT_INFINITY);
                limits_set(ret, LIMIT_CPU_PERIOD, LIMIT_INFINITY);
                return;
        }
        limits_set(ret, LIMIT_CPU_QUOTA, quota / 100 * (share ?: BACKEND_SHARE_SPARING));
        limits_set(ret, LIMIT_CPU_PERIOD,
                   share == BACKEND_SHARE_ALL ? LIMIT_INFINITY : SCOPE_PERIOD);
}

int backend_facts(Backend *b, pid_t pid, int pidfd, ProcessFacts *ret) {
        ProcessFacts f = { .pid = pid, .placement = PLACEMENT_NULL };
        _cleanup_free_ char *cgroup = NULL;
        ProcStatus status, self;
        ProcStat stat;
        int r;

        r = proc_read_stat(pid, &stat);
        if (r >= 0)
                r = proc_read_status(pid, &status);
        if (r >= 0)
                r = cgroupfs_read_unit(&b->fs, pid, &cgroup);
        if (r == -ENODATA) /* not in that hierarchy: no placement */
                r = 0;
        else if (r >= 0)
                r = placement_parse(cgroup, &f.placement);
        if (r < 0)
                return r;
        r = proc_read_status(getpid(), &self);
        if (r < 0)
                return r;
        f.ruid = status.ruid;
        f.euid = status.euid;
        f.loginuid = proc_read_believed_loginuid(&stat, status.ruid, user_uid_min());
        f.userns_owner = proc_read_userns_owner(pid);
        memcpy(f.comm, stat.comm, sizeof(f.comm));
        f.kernel_thread = stat.flags & PROC_PF_KTHREAD;
        f.foreign_pidns = status.pidns_depth > self.pidns_depth;
        /* All of that was of one process only if it has not ended by now. */
        if (!proc_is_alive(pidfd))
                return -ESRCH;
        *ret = f;
        return 0;
}

bool backend_is_other(const Backend *b, const Record *record) {
        return record->backend && strcmp(record->backend, b->ops->name) != 0;
}

/* One look. A limit that the kernel does not have hides none that it has and does not enforce, and
 * where only `drift` is looked for it is none. */
static int verify_once(Backend *b, const char *cgroup, const Limits *wanted, bool drift,
                       Enforcement *ret) {
        Enforcement e = { .enforced = true };

        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                char text[LIMITS_TEXT_MAX];
                int r;

                if (!limits_has(wanted, i) || limits_table[i].kind == LIMIT_KIND_DURATION)
                        continue;
                r = cgroupfs_read_limit(&b->fs, cgroup, i, text, sizeof(text));
                if (r < 0 && r != -ENOENT && r != -EOPNOTSUPP)
                        return r;
                if (r >= 0 ? cgfile_agrees(wanted, i, text, b->fs.version == CGROUPFS_V1) : drift)
                        continue;
                if (r < 0 && !e.enforced)
                        continue;
                e = (Enforcement){
                        .missing = i,
                        .unsupported = r == -EOPNOTSUPP,
                        .controller_absent = r == -ENOENT,
                };
                if (r < 0)
                        continue;
                (void) snprintf(e.kernel, sizeof(e.kernel), "%.60s", text);
                break;
        }
        *ret = e;
        return 0;
}

/* Where to look, and for what. Returns 1; 0 if the target does not exist now; -errno. */
static int what_to_verify(Backend *b, const Record *record, char **ret_cgroup, Limits *ret) {
        int r;

        r = b->ops->exists(b, record);
        if (r <= 0)
                return r;
        record_effective(record, ret, NULL);
        r = b->ops->cgroup(b, record, ret_cgroup);
        return r < 0 ? r : 1;
}

static int look(Backend *b, const Record *record, bool drift, Enforcement *ret) {
        _cleanup_free_ char *cgroup = NULL;
        Limits wanted;
        int r;

        r = what_to_verify(b, record, &cgroup, &wanted);
        if (r > 0)
                return verify_once(b, cgroup, &wanted, drift, ret);
        if (r == 0)
                *ret = (Enforcement){ .absent = true };
        return r;
}

int backend_look(Backend *b, const Record *record, Enforcement *ret) {
        return look(b, record, false, ret);
}

int backend_look_for_drift(Backend *b, const Record *record, Enforcement *ret) {
        return look(b, record, true, ret);
}

int backend_verify(Backend *b, const Record *record, Enforcement *ret) {
        usec_t patience = b->options.patience ?: VERIFY_TIMEOUT;
        usec_t end = clock_monotonic() + patience;
        _cleanup_free_ char *cgroup = NULL;
        Limits wanted;
        int r;

        r = what_to_verify(b, record, &cgroup, &wanted);
        if (r == 0)
                *ret = (Enforcement){ .absent = true };
        if (r <= 0)
                return r;
        for (;;) {
                r = verify_once(b, cgroup, &wanted, false, ret);
                /* Right after setting it may still change; later it will not. */
                if (r < 0 || ret->enforced || ret->unsupported || !record->dirty ||
                    clock_monotonic() >= end)
                        return r;
                clock_sleep(MIN_OF(VERIFY_POLL, patience / 16));
        }
}

static int converge_restore(Backend *b, Ledger *ledger, Record *record, Enforcement *ret) {
        int r;

        r = b->ops->restore(b, record);
        if (r < 0)
                return r;
        r = b->ops->arm(b, record, USEC_INFINITY);
        if (r < 0)
                return r;
        *ret = (Enforcement){ .enforced = true };
        return ledger_delete(ledger, record);
}

int backend_converge(Backend *b, Ledger *ledger, Record *record, Enforcement *ret) {
        bool gone = record_top_layer(record) == _LAYER_INVALID;
        Enforcement e;
        int r;

        if (backend_is_other(b, record))
                return -EXDEV;
        if (!record->backend) {
                record->backend = strdup(b->ops->name);
                if (!record->backend)
                        return -ENOMEM;
        }
        if (!record->dirty) {
                r = b->ops->refresh ? b->ops->refresh(b, record) : 0;
                if (r < 0)
                        return r;
                /* Of one that is dirty the serial stays, which a timer already made may carry. */
                record->serial = clock_realtime();
                record->dirty = true;
        }
        /* Also of one that was dirty before: it may be changed since, and what is not written down
         * is not finished, nor given back, by whoever comes next. */
        r = ledger_write(ledger, record);
        if (r < 0)
                return r;
        if (gone)
                return converge_restore(b, ledger, record, ret);
        r = b->ops->apply(b, record);
        if (r < 0)
                return r;
        r = backend_verify(b, record, &e);
        if (r < 0)
                return r;
        r = b->ops->arm(b, record, record_next_expiry(record));
        if (r < 0)
                return r;
        record->dirty = false;
        r = ledger_write(ledger, record);
        if (r < 0)
                return r;
        *ret = e;
        return 0;
}

bool backend_login_is_over(Backend *b, Ledger *ledger, const Record *record, usec_t *ret_wait) {
        usec_t now = clock_realtime(), stamp;

        if (ret_wait)
                *ret_wait = 0;
        if (backend_is_other(b, record) || !record_is_policys(record) ||
            b->ops->exists(b, record) != 0)
                return false;
        if (ledger_stamp(ledger, record->target, &stamp) < 0)
                return false;
        /* A stamp from the future tells of a clock that was set back. */
        if (stamp > now + BACKEND_LOGIN_GRACE || stamp + BACKEND_LOGIN_GRACE <= now)
                return true;
        if (ret_wait)
                *ret_wait = stamp + BACKEND_LOGIN_GRACE - now;
        return false;
}

/* True if there is anything to bring to order, and what. */
static bool needs_work(Backend *b, Ledger *ledger, const Record *record, usec_t now, Settled *ret) {
        bool gone, expired, lost;

        if (backend_is_other(b, record))
                return false;
        /* A scope is gone for good, a slice comes back with the next login. */
        gone = record->scope != TARGET_USER ? b->ops->exists(b, record) == 0
                                            : backend_login_is_over(b, ledger, record, NULL);
        expired = record_next_expiry(record) <= now;
        lost = record->timer && b->ops->armed && !b->ops->armed(b, record);

        *ret = gone            ? SETTLED_GONE
               : expired       ? SETTLED_EXPIRED
               : record->dirty ? SETTLED_FINISHED
                               : SETTLED_ARMED;
        return gone || expired || record->dirty || lost;
}

typedef struct Settling {
        Backend *backend;
        Ledger *ledger;
        usec_t patience; /* for a record that somebody is working on */
        void (*told)(const Record *, Settled, void *);
        void *userdata;
} Settling;

/* The limits stand: in the drop-in with systemd, where setting them live would wake up the slice of
 * a user who is not logged in; in the group itself without. */
static int rearm(const Settling *s, Record *record) {
        int r;

        r = s->backend->ops->arm(s->backend, record, record_next_expiry(record));
        if (r >= 0)
                r = ledger_write(s->ledger, record);
        if (r < 0)
                return r;
        s->told(record, SETTLED_ARMED, s->userdata);
        return 1;
}

static int settle_one(const Settling *s, const char *target) {
        _cleanup_(ledger_unlockp) LedgerLock *lock = NULL;
        _cleanup_(record_freep) Record *record = NULL, *before = NULL;
        Enforcement e;
        Settled what;
        usec_t now;
        int r;

        r = ledger_lock(s->ledger, target, s->patience, &lock);
        if (r < 0) /* somebody is working on it right now */
                return r == -EBUSY && s->patience == 0 ? 0 : r;
        now = clock_realtime();
        r = ledger_read(s->ledger, target, &record);
        if (r >= 0)
                r = ledger_read(s->ledger, target, &before);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (!needs_work(s->backend, s->ledger, record, now, &what))
                return 0;
        if (what == SETTLED_ARMED)
                return rearm(s, record);
        (void) record_expire(record, now); /* none is fine: it may be dirty instead */
        for (Layer i = 0; i < _LAYER_MAX && what == SETTLED_GONE; i++)
                record_clear_layer(record, i);
        r = backend_converge(s->backend, s->ledger, record, &e);
        if (r < 0)
                return r;
        s->told(before, what, s->userdata);
        return 1;
}

int backend_settle(Backend *b, Ledger *ledger, usec_t patience,
                   void (*told)(const Record *, Settled, void *), void *userdata, Record ***ret,
                   size_t *ret_n) {
        const Settling settling = { b, ledger, patience, told, userdata };
        usec_t now = clock_realtime();
        Record **records;
        size_t n, damaged;
        int r, first = 0, settled = 0;
        bool in_order = true;

        ledger_sweep(ledger);
        r = ledger_read_all(ledger, &records, &n, &damaged);
        if (r < 0)
                return r;
        for (size_t i = 0; i < damaged; i++, in_order = false)
                told(NULL, SETTLED_DAMAGED, userdata);
        for (size_t i = 0; i < n; i++) {
                Settled what;

                if (!needs_work(b, ledger, records[i], now, &what))
                        continue;
                in_order = false;
                r = settle_one(&settling, records[i]->target);
                if (r > 0)
                        settled++;
                else if (r < 0 && first == 0)
                        first = r;
                if (r == -ETIMEDOUT) /* the others would wait as long for nothing */
                        break;
        }
        if (ret && in_order) {
                *ret = records;
                *ret_n = n;
        } else {
                ledger_free_records(records, n);
        }
        return first < 0 ? first : settled;
}
