/* SPDX-License-Identifier: MIT */
/* The default layer: what the policy gives to a user's logins, on the user's slice. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/defaults.h"
#include "backend/dropin.h"
#include "backend/login.h"
#include "core/placement.h"
#include "os/clock.h"
#include "os/file.h"

PolicyFacts defaults_facts(const UserInfo *u, uid_t uid_min, const char *host) {
        return (PolicyFacts){
                .user = u->name,
                .uid = u->uid,
                .uid_min = uid_min,
                .groups = (const char *const *) u->groups,
                .n_groups = u->n_groups,
                .host = host[0] ? host : NULL,
        };
}

static bool join(const Policy *policy, const PolicyFacts *facts, PolicyLimits *l) {
        PolicyLimits one;

        if (!policy_limits(policy, facts, &one))
                return false;
        policy_limits_join(l, &one);
        return true;
}

/* The session that this process is opening, where pam_systemd was there before: logind has written
 * down who leads it. Not by XDG_SESSION_ID, which pam_env may have from a file of the user's, who
 * would name their other session, whose limits are stricter. One that is closing may have had a
 * leader of this PID. */
static bool is_own(const LoginSession *s) {
        return s->leader == getpid() && (!s->state || strcmp(s->state, "closing") != 0);
}

/* What it says to one that logind knows. */
static bool join_session(const Policy *policy, const PolicyFacts *facts, const LoginSession *s,
                         PolicyLimits *l) {
        PolicyFacts f = *facts;

        f.service = s->service;
        f.class = s->class;
        f.type = s->type;
        f.remote = s->remote_host;
        return join(policy, &f, l);
}

/* And to what is there without a session: the manager of who lingers came by that service. */
static bool join_manager(const Policy *policy, const PolicyFacts *facts, PolicyLimits *l) {
        PolicyFacts f = *facts;

        if (login_lingers(facts->user))
                f.service = "systemd-user";
        return join(policy, &f, l);
}

/* The same as defaults_decide(), and of how many sessions that is. */
static int decide(const Policy *policy, const PolicyFacts *facts, const PolicyFacts *opening,
                  PolicyLimits *ret, size_t *ret_n) {
        LoginSession *sessions = NULL;
        PolicyLimits l = {};
        bool any = false;
        size_t n = 0;
        int r;

        /* Where no section tells sessions apart there is nothing to ask logind's files for. */
        r = policy_wants_sessions(policy) ? login_sessions(facts->uid, &sessions, &n) : 0;
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                if (!opening || !is_own(&sessions[i]))
                        any |= join_session(policy, facts, &sessions[i], &l);
        if (opening || n == 0)
                any |= opening ? join(policy, opening, &l) : join_manager(policy, facts, &l);
        login_sessions_free(sessions, n);
        *ret = l;
        *ret_n = n;
        return any;
}

int defaults_decide(const Policy *policy, const PolicyFacts *facts, const PolicyFacts *opening,
                    PolicyLimits *ret) {
        size_t n;

        return decide(policy, facts, opening, ret, &n);
}

int defaults_decide_for_rest(const Policy *policy, const PolicyFacts *facts, PolicyLimits *ret) {
        size_t n;
        int r = decide(policy, facts, NULL, ret, &n);

        return r < 0 ? r : n > 0 || login_lingers(facts->user);
}

typedef struct Jobs {
        const CgroupFs *fs;
        const char *slice;
        bool found;
} Jobs;

static int on_child(const char *name, void *userdata) {
        _cleanup_free_ char *cgroup = NULL;
        _cleanup_free_ pid_t *pids = NULL;
        Jobs *jobs = userdata;
        size_t n = 0;

        if (jobs->found || strncmp(name, BACKEND_JOB_PREFIX, strlen(BACKEND_JOB_PREFIX)) != 0)
                return 0;
        cgroup = file_path("%s/%s", jobs->slice, name);
        jobs->found = !cgroup ||
                      cgroupfs_list_procs(jobs->fs, "systemd", cgroup, NULL, &pids, &n) < 0 ||
                      n > 1 || (n == 1 && pids[0] != getpid());
        return 0;
}

bool defaults_has_jobs(const Backend *b, uid_t uid) {
        _cleanup_free_ char *cgroup = NULL;
        char slice[PLACEMENT_NAME_MAX];
        Jobs jobs = { .fs = &b->fs };

        placement_user_slice(uid, slice);
        cgroup = file_path("/user.slice/%s", slice);
        if (!cgroup)
                return true;
        jobs.slice = cgroup;
        (void) cgroupfs_each_child(&b->fs, "systemd", cgroup, on_child, &jobs);
        return jobs.found;
}

static int read_or_begin(Backend *b, Ledger *ledger, const char *target, const DefaultsRequest *q,
                         Defaults *d, Record **ret) {
        int r = ledger_read(ledger, target, ret);

        d->damaged = r == -EBADMSG;
        if (r >= 0 && backend_is_other(b, *ret)) {
                *ret = record_free(*ret);
                return -EXDEV;
        }
        if (r != -ENOENT && r != -EBADMSG)
                return r;
        *ret = record_new(target, TARGET_USER, q->user->uid, q->user->name);
        return *ret ? 0 : -ENOMEM;
}

/* Of the limits that go: those whose base is open cannot be taken away at a login. */
static void keep_what_would_need_a_reload(Backend *b, const Record *record, Limits *wanted) {
        const Limits *old = &record->layers[LAYER_DEFAULT].limits;
        uint32_t going = old->set & ~wanted->set & dropin_open_bases(record);

        if (going == 0 || b->ops->exists(b, record) == 0)
                return;
        for (Limit i = 0; i < _LIMIT_MAX; i++)
                if (going & UINT32_C(1) << i)
                        limits_copy_one(wanted, old, i);
}

/* True if everything is as the record says, and the record as it is wanted: nobody is to be asked.
 * *ret says of a limit that the kernel does not have that it is missing, and that is no reason to
 * set it again: it has been set, and what PID 1 can do about it was done then. */
static bool stands(Backend *b, const Record *record, const Limits *wanted, Enforcement *ret) {
        if (record->dirty || !limits_equal(&record->layers[LAYER_DEFAULT].limits, wanted) ||
            record_next_expiry(record) <= clock_realtime())
                return false;
        if (b->ops->placement && !dropin_exists(b->options.root, record))
                return false;
        return backend_look(b, record, ret) >= 0 &&
               (ret->absent || ret->enforced || ret->controller_absent || ret->unsupported);
}

static int note_base(Backend *b, Record *record, const Limits *wanted) {
        uint32_t which = wanted->set & ~record->base.set;

        return b->ops->note_base ? b->ops->note_base(b, record, which)
                                 : b->ops->read_base(b, record, which);
}

static int change(Backend *b, Ledger *ledger, Record *record, const Limits *wanted, const char *by,
                  Enforcement *ret) {
        int r;

        if (b->ops->prepare) /* PID 1 lets us in while we write down what is to be */
                b->ops->prepare(b);
        r = limits_is_empty(wanted) ? 0 : note_base(b, record, wanted);
        if (r < 0)
                return r;
        record_clear_layer(record, LAYER_DEFAULT);
        if (!limits_is_empty(wanted)) {
                r = record_set_layer(record, LAYER_DEFAULT, wanted, by, NULL, clock_realtime(),
                                     USEC_INFINITY);
                if (r < 0)
                        return r;
        }
        (void) record_expire(record, clock_realtime()); /* converging goes by what still holds */
        return backend_converge(b, ledger, record, ret);
}

/* True if a login before this one may still be on its way to its slice, where logind does not know
 * it. */
static bool is_counted_on(Ledger *ledger, const char *target, const DefaultsRequest *q) {
        usec_t now = clock_realtime(), stamp;

        if (ledger_stamp(ledger, target, &stamp) < 0)
                return false;
        if (q->logout && (stamp == q->stamp || stamp >= q->decided))
                return stamp != q->stamp;
        return stamp <= now + BACKEND_LOGIN_GRACE && stamp + BACKEND_LOGIN_GRACE > now;
}

/* How a login stands to those before it. */
typedef struct Company {
        bool shared;  /* the record's age ends it, and not the end of this login */
        bool yielded; /* it gets what another one has, and would have had less strict limits */
        bool alone;   /* there can be no other */
} Company;

/* What a login gets: also what one before it had that may be on its way; and what there is already
 * where it is not known for sure what the policy says to it. A note was written by somebody who did
 * not see what the record's holder did, nor who has come since. */
static void keep_company(Backend *b, Ledger *ledger, const DefaultsRequest *q, const Record *record,
                         Limits *wanted, Company *ret) {
        bool counted_on = is_counted_on(ledger, record->target, q);

        if (q->tighten || ((q->login || q->logout) && (counted_on || q->user->groups_unsure)))
                limits_tighten(wanted, &record->layers[LAYER_DEFAULT].limits);
        *ret = (Company){
                .shared = counted_on && b->ops->exists(b, record) == 0,
                .yielded = counted_on && !limits_equal(wanted, q->limits),
                .alone = !counted_on,
        };
}

/* Says that this login counts on the record, too, and what is to tell its end of that. One that has
 * yielded does not say so for others: else many of them would keep up what the strictest of them
 * all once had. It needs it only where there is no slice yet. */
static int touch(Ledger *ledger, const char *target, const DefaultsRequest *q,
                 const Company *company, Defaults *d) {
        int r;

        if (q->logout || (company->yielded && !company->shared))
                return 0;
        r = ledger_touch(ledger, target, &d->stamp);
        if (company->shared)
                d->stamp = 0;
        return r;
}

static int set_locked(Backend *b, Ledger *ledger, const DefaultsRequest *q, const char *target,
                      Defaults *d) {
        _cleanup_(record_freep) Record *record = NULL;
        Limits wanted = *q->limits;
        Company company;
        int r;

        r = read_or_begin(b, ledger, target, q, d, &record);
        if (r < 0)
                return r;
        /* Before the writing, which counts as well. */
        keep_company(b, ledger, q, record, &wanted, &company);
        d->alone = company.alone;
        if (limits_is_empty(&wanted) && limits_is_empty(&record->layers[LAYER_DEFAULT].limits) &&
            !record->dirty) {
                record_effective(record, &d->effective, NULL);
                d->result = DEFAULTS_NONE;
                return 0;
        }
        if (q->login || q->logout)
                keep_what_would_need_a_reload(b, record, &wanted);
        if (stands(b, record, &wanted, &d->enforcement)) {
                d->result = DEFAULTS_STOOD;
        } else {
                r = change(b, ledger, record, &wanted, q->by, &d->enforcement);
                if (r < 0) {
                        /* for the end, if there is a record */
                        (void) touch(ledger, target, q, &company, d);
                        return r;
                }
                d->result = limits_is_empty(&wanted) ? DEFAULTS_TAKEN : DEFAULTS_SET;
        }
        record_effective(record, &d->effective, NULL);
        return touch(ledger, target, q, &company, d) == -ENOENT ? 0 : r;
}

/* How long a login of others may keep us, before it has given up itself. */
#define CATCH_UP_TIMEOUT (USEC_PER_SEC / 2)

/* Whoever has the lock looks for the note once it is free. So it is tried once more: they may have
 * looked just before. Returns 0 with the lock; -EBUSY with the note left; -errno without. */
static int leave_note(Ledger *ledger, const char *target, const DefaultsRequest *q,
                      LedgerLock **ret) {
        _cleanup_(record_freep) Record *record =
                record_new(target, TARGET_USER, q->user->uid, q->user->name);
        int r;

        if (!record)
                return -ENOMEM;
        r = record_set_layer(record, LAYER_DEFAULT, q->limits, q->by, NULL, clock_realtime(),
                             USEC_INFINITY);
        if (r >= 0)
                r = ledger_leave_note(ledger, record);
        return r < 0 ? r : ledger_lock(ledger, target, 0, ret);
}

/* Without the lock, which others have: whether all is as it is to be anyway, as with many logins of
 * a user at once. Records are replaced whole, and one that is being changed is dirty. If its holder
 * is about to change it, the note tells of us. Returns 0; -EBUSY if it is not so. */
static int look_unlocked(Backend *b, Ledger *ledger, const DefaultsRequest *q, const char *target,
                         Defaults *d) {
        _cleanup_(record_freep) Record *record = NULL;
        Limits wanted = *q->limits;
        Company company;
        int r;

        r = ledger_read(ledger, target, &record);
        d->damaged = r == -EBADMSG;
        if (r < 0 || backend_is_other(b, record))
                return -EBUSY;
        keep_company(b, ledger, q, record, &wanted, &company);
        keep_what_would_need_a_reload(b, record, &wanted);
        if (!stands(b, record, &wanted, &d->enforcement))
                return -EBUSY;
        if (touch(ledger, target, q, &company, d) < 0)
                return -EBUSY; /* it is gone */
        d->stamp = 0;          /* whoever has the lock may count on it, too */
        d->result = DEFAULTS_STOOD;
        record_effective(record, &d->effective, NULL);
        return 0;
}

static void drop_note(Ledger *ledger, const char *target) {
        _cleanup_(record_freep) Record *note = NULL;

        (void) ledger_take_note(ledger, target, &note); /* mostly there is none */
}

/* Under the lock. A login that came to nothing is not to have a record that nobody ends. */
static int follow_note(Backend *b, Ledger *ledger, const char *target) {
        _cleanup_(record_freep) Record *note = NULL;
        DefaultsRequest q = { .login = true, .tighten = true };
        UserInfo user = {};
        Defaults d = {};
        int r;

        r = ledger_take_note(ledger, target, &note);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (note->layers[LAYER_DEFAULT].since + BACKEND_LOGIN_GRACE <= clock_realtime() &&
            b->ops->exists(b, note) == 0)
                return 0;
        user.uid = note->uid;
        user.name = note->user;
        q.user = &user;
        q.limits = &note->layers[LAYER_DEFAULT].limits;
        q.by = note->layers[LAYER_DEFAULT].by;
        r = set_locked(b, ledger, &q, target, &d);
        return r < 0 ? r : 1;
}

/* Under the lock. PID 1 did not answer the login in time, and nobody but the policy has a say. */
static int finish(Backend *b, Ledger *ledger, const char *target) {
        _cleanup_(record_freep) Record *record = NULL;
        Enforcement e;
        int r;

        r = ledger_read(ledger, target, &record);
        if (r < 0 || !record->dirty || !record_is_policys(record))
                return r < 0 && r != -ENOENT ? r : 0;
        r = backend_converge(b, ledger, record, &e);
        return r < 0 ? r : 1;
}

static int for_each_locked(Backend *b, Ledger *ledger, Record *const *records, size_t n,
                           int (*what)(Backend *, Ledger *, const char *)) {
        int first = 0, done = 0;

        for (size_t i = 0; i < n && first != -ETIMEDOUT; i++) {
                _cleanup_(ledger_unlockp) LedgerLock *lock = NULL;
                int r = ledger_lock(ledger, records[i]->target, CATCH_UP_TIMEOUT, &lock);

                if (r == -EBUSY) /* a leash, which catches up itself */
                        continue;
                if (r >= 0)
                        r = what(b, ledger, records[i]->target);
                if (r < 0 && first == 0)
                        first = r;
                done += r > 0;
        }
        return first < 0 ? first : done;
}

static int finish_all(Backend *b, Ledger *ledger) {
        size_t n, damaged, m = 0;
        Record **records;
        int r;

        r = ledger_read_all(ledger, &records, &n, &damaged);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                if (records[i]->dirty && record_is_policys(records[i]) &&
                    !backend_is_other(b, records[i])) {
                        Record *record = records[m];

                        records[m++] = records[i];
                        records[i] = record;
                }
        r = for_each_locked(b, ledger, records, m, finish);
        ledger_free_records(records, n);
        return r;
}

int defaults_catch_up(Backend *b, Ledger *ledger, bool held) {
        Record **notes;
        size_t n;
        int r, k;

        r = ledger_read_notes(ledger, &notes, &n);
        if (r < 0)
                return r;
        r = for_each_locked(b, ledger, notes, n, follow_note);
        ledger_free_records(notes, n);
        k = r == -ETIMEDOUT || !held ? 0 : finish_all(b, ledger);
        return r < 0 ? r : k < 0 ? k : r + k;
}

/* A login that has left word counts, and decides for itself. The user can stop this process, as
 * with "loginctl kill-user": what it has decided may be old by now. */
static int set_at_logout(Backend *b, Ledger *ledger, const DefaultsRequest *q, const char *target,
                         Defaults *d) {
        int r = follow_note(b, ledger, target);

        if (r != 0)
                return MIN_OF(r, 0);
        if (b->options.deadline != 0 && clock_monotonic() >= b->options.deadline)
                return -ETIMEDOUT;
        return set_locked(b, ledger, q, target, d);
}

int defaults_set(Backend *b, Ledger *ledger, const DefaultsRequest *q, Defaults *ret) {
        _cleanup_(ledger_unlockp) LedgerLock *lock = NULL;
        char target[PLACEMENT_NAME_MAX];
        Defaults d = {};
        int r;

        placement_user_slice(q->user->uid, target);
        r = ledger_lock(ledger, target, q->lock_timeout, &lock);
        if (r == -EBUSY && q->login && !limits_is_empty(q->limits))
                r = leave_note(ledger, target, q, &lock);
        if (r >= 0 && q->logout) {
                r = set_at_logout(b, ledger, q, target, &d);
        } else if (r >= 0) {
                drop_note(ledger, target); /* an older one */
                r = set_locked(b, ledger, q, target, &d);
        } else if (r == -EBUSY && q->login) {
                r = look_unlocked(b, ledger, q, target, &d);
        }
        ret->damaged = d.damaged; /* said even if what followed failed */
        ret->stamp = d.stamp;
        if (r < 0)
                return r;
        *ret = d;
        return 0;
}

int defaults_end(Backend *b, Ledger *ledger, uid_t uid, usec_t stamp, usec_t lock_timeout) {
        _cleanup_(ledger_unlockp) LedgerLock *lock = NULL;
        _cleanup_(record_freep) Record *record = NULL;
        char target[PLACEMENT_NAME_MAX];
        Enforcement e;
        usec_t now;
        int r;

        placement_user_slice(uid, target);
        r = ledger_lock(ledger, target, lock_timeout, &lock);
        if (r >= 0)
                r = ledger_read(ledger, target, &record);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (!record_is_policys(record) || b->ops->exists(b, record) != 0)
                return 0;
        r = ledger_stamp(ledger, target, &now);
        if (r < 0)
                return r;
        if (now != stamp && !backend_login_is_over(b, ledger, record, NULL))
                return 0;
        for (Layer i = 0; i < _LAYER_MAX; i++)
                record_clear_layer(record, i);
        r = backend_converge(b, ledger, record, &e);
        return r < 0 ? r : 1;
}
