/* SPDX-License-Identifier: MIT */
/* What the states ask for: squeezing, letting go, warning, ending. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "backend/incidents.h"
#include "backend/layer.h"
#include "backend/notify.h"
#include "backend/viewers.h"
#include "core/parse.h"
#include "core/placement.h"
#include "daemon.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/user.h"

#define BY "leashd"

/* Somebody else's command on one user is not what all others wait for; unless nothing is tried
 * again. */
#define LOCK_TIMEOUT (100 * USEC_PER_MSEC)
#define LOCK_TIMEOUT_LATE 1 /* one try */
#define LOCK_TIMEOUT_ONCE (2 * USEC_PER_SEC)

/* Nearly all commands are done by the first, and those that reload PID 1 by the second. */
#define HOLDER_SLOW (2 * USEC_PER_SEC)
#define HOLDER_LATE (60 * USEC_PER_SEC)

/* The states' limits end by themselves if nobody prolongs them: with leashd gone for good there is
 * nobody to see a user come back. */
#define LEASE (6 * 3600 * USEC_PER_SEC)

void act_report(Daemon *d, Incident *i) {
        _cleanup_free_ char *name = NULL;
        int r;

        i->time = clock_realtime();
        i->watch = d->watch;
        if (user_name(i->uid, &name) >= 0)
                (void) snprintf(i->user, sizeof(i->user), "%s", name);
        incidents_tell(i);
        r = incidents_add(d->root, i);
        if (r < 0)
                daemon_log(LOG_WARNING, "cannot store an incident: %s", strerror(-r));
}

static void describe(const StateAction *a, IncidentKind kind, Incident *ret) {
        *ret = INCIDENT_NULL;
        ret->kind = kind;
        ret->uid = a->uid;
        if (a->session)
                (void) snprintf(ret->session, sizeof(ret->session), "%s", a->session->id);
        if (a->condition >= 0)
                (void) snprintf(ret->condition, sizeof(ret->condition), "%s",
                                session_condition_to_string(a->condition));
        if (a->rule)
                (void) snprintf(ret->rule, sizeof(ret->rule), "%s",
                                kind != INCIDENT_SQUEEZED && a->rule->end_origin[0]
                                        ? a->rule->end_origin
                                        : a->rule->origin);
        if (a->limits)
                limits_join(a->limits, ret->limits, sizeof(ret->limits));
}

static void report_failure(Daemon *d, const Incident *what, StateActionKind kind, int error) {
        Incident i = *what;

        if (!daemon_may_say(&d->failed))
                return;
        i.kind = INCIDENT_FAILED;
        (void) snprintf(i.error, sizeof(i.error), "%s: %s", state_action_to_string(kind),
                        strerror(-error));
        act_report(d, &i);
}

usec_t act_lock_timeout(const Daemon *d) {
        return clock_monotonic() < d->budget ? LOCK_TIMEOUT : LOCK_TIMEOUT_LATE;
}

bool act_note_holder(Daemon *d, uid_t uid) {
        char target[PLACEMENT_NAME_MAX], text[LEDGER_HOLDER_TEXT_MAX];
        usec_t now = clock_monotonic();
        LedgerHolder holder;

        placement_user_slice(uid, target);
        if (ledger_find_holder(d->ledger, &d->backend->fs, target, &holder) < 0)
                return false;
        if (d->holder != holder.pid) {
                d->holder = holder.pid;
                d->held = now;
                d->held_told = false;
        }
        if (!d->held_told && (holder.stopped || now - d->held >= HOLDER_LATE)) {
                d->held_told = true;
                daemon_log(LOG_WARNING, "%s cannot be limited or let go: %s", target,
                           ledger_describe_holder(&holder, text));
        }
        return holder.stopped || now - d->held >= HOLDER_SLOW;
}

/* Returns 0; -EAGAIN while another leash works on that user, -EBUSY if it does so for long; -errno.
 */
static int set_layer(Daemon *d, uid_t uid, const Limits *limits, const char *reason,
                     usec_t lock_timeout) {
        _cleanup_free_ char *name = NULL;
        LayerChange change = {
                .uid = uid,
                .layer = LAYER_STATE,
                .limits = limits,
                .by = BY,
                .reason = reason,
                .lock_timeout = lock_timeout,
                .until = clock_realtime() + LEASE,
        };
        LayerOutcome outcome;
        int r;

        r = user_name(uid, &name);
        if (r < 0)
                return r;
        change.user = name;
        r = layer_change(d->backend, d->ledger, &change, &outcome);
        if (r == -EBUSY)
                return act_note_holder(d, uid) ? -EBUSY : -EAGAIN;
        if (r < 0)
                return r;
        if (outcome.changed && !outcome.enforcement.enforced && !outcome.enforcement.absent &&
            !limits_is_empty(limits))
                daemon_log(LOG_WARNING,
                           "%s: limited, but the kernel does not enforce it; see 'leash doctor'",
                           name);
        return 0;
}

static int squeeze(Daemon *d, const StateAction *a) {
        bool lift = a->kind == STATE_LIFT;
        static const Limits none;
        char reason[128] = "";
        Incident i;
        int r;

        /* Letting go comes first, so many who are to be squeezed at once wait for each other. */
        if (!lift && clock_monotonic() > d->budget)
                return -EAGAIN;
        if (!lift)
                (void) snprintf(reason, sizeof(reason), "session %s is %s", a->session->id,
                                session_condition_to_string(a->condition));
        r = d->watch ? 0
                     : set_layer(d, a->uid, lift ? &none : a->limits, reason, act_lock_timeout(d));
        if (r < 0)
                return r;
        describe(a, lift ? INCIDENT_LIFTED : INCIDENT_SQUEEZED, &i);
        act_report(d, &i);
        return 0;
}

void act_show(Daemon *d, const DesktopNotice *notice) {
        int r = notify_desktop_later(d->root, notice);

        if (r < 0 && daemon_may_say(&d->unshown))
                daemon_log(LOG_WARNING, "user %u is not told on their desktop: %s",
                           (unsigned) notice->uid, strerror(-r));
}

/* On the terminals and on the desktop, where it stays until it is read: so it is there for one who
 * comes back, too. `text` may be NULL, and then what stands on the desktop goes. */
static void tell(Daemon *d, uid_t uid, const char *summary, const char *text) {
        _cleanup_free_ char *line =
                text ? file_path("\r\n[leash] %s.%s%s\r\n", summary, *text ? " " : "", text) : NULL;

        if (d->watch)
                return;
        if (line)
                (void) notify_terminals(d->root, uid, line);
        act_show(d, &(DesktopNotice){ .uid = uid,
                                      .tag = NOTIFY_SESSION,
                                      .summary = summary,
                                      .body = text,
                                      .urgent = text != NULL,
                                      .close = text == NULL });
}

static int warn(Daemon *d, const StateAction *a) {
        char since[64], summary[192], text[192] = "", ends[TIMESTAMP_MAX] = "";
        bool surplus = a->condition == SESSION_SURPLUS;
        SessionCondition condition = surplus ? SESSION_DISCONNECTED : a->condition;
        usec_t now = clock_boottime();
        Incident i;

        format_duration(now - MIN_OF(now, a->session->since[condition]), since, sizeof(since));
        describe(a, INCIDENT_WARNED, &i);
        if (a->ends != USEC_INFINITY)
                i.until = clock_realtime() + (a->ends - MIN_OF(now, a->ends));
        (void) snprintf(summary, sizeof(summary), "Your session %s has been %s for %s",
                        a->session->id, session_condition_to_string(condition), since);
        if (i.until)
                (void) snprintf(text, sizeof(text),
                                "%s%s%s will be ended at %s unless you come back to it.",
                                surplus ? "Since " : "",
                                surplus ? session_surplus_to_string(a->session->surplus) : "",
                                surplus ? ", it" : "It", format_timestamp(i.until, ends));
        tell(d, a->uid, summary, text);
        act_report(d, &i);
        return 0;
}

static int welcome(Daemon *d, const StateAction *a) {
        bool missed = a->condition == SESSION_DISCONNECTED;

        tell(d, a->uid, "Welcome back",
             missed ? "You were warned while you were away, since nobody was using your session. "
                      "Please log out when you go."
                    : NULL);
        return 0;
}

/* A rung that logind was asked for. */
typedef struct Ending {
        Daemon *daemon;
        StateActionKind kind;
        SessionRung rung;
        Incident incident; /* if it was taken */
} Ending;

/* Said when it was done: what fails is asked for again. */
static void on_ended(int r, void *userdata) {
        Ending *e = userdata;
        Daemon *d = e->daemon;
        Session *s = sessions_find(&d->sessions, e->incident.session);

        if (r >= 0 || r == -ENXIO) /* who has gone was asked nothing any more, and that is all */
                act_report(d, &e->incident);
        else
                report_failure(d, &e->incident, e->kind, r);
        if (s)
                states_rung_ended(&d->sessions, s, e->rung, r, clock_boottime());
        loop_evaluate(d);
}

/* The call to logind. */
static int take(Daemon *d, StateActionKind kind, SessionRung rung, const Incident *i) {
        Ending *e = malloc(sizeof(Ending));
        int r;

        if (!e)
                return -ENOMEM;
        *e = (Ending){ d, kind, rung, *i };
        r = loginwatch_end(d->logind, i->session, rung, on_ended, e);
        if (r != -EINPROGRESS)
                free(e);
        return r;
}

static int climb(Daemon *d, const StateAction *a) {
        static const struct {
                IncidentKind kind;
                SessionRung rung;
        } rungs[_STATE_ACTION_MAX] = {
                [STATE_ASK] = { INCIDENT_ASKED, SESSION_RUNG_ASKED },
                [STATE_TERMINATE] = { INCIDENT_TERMINATED, SESSION_RUNG_TERMINATED },
                [STATE_KILL] = { INCIDENT_KILLED, SESSION_RUNG_KILLED },
                [STATE_STUCK] = { INCIDENT_STUCK, SESSION_RUNG_STUCK },
        };
        Incident i;

        if (!d->logind && !d->watch && a->kind != STATE_STUCK)
                return -ENOTCONN;
        /* What was seen a while ago may have been xrdp-sesman's restart, or have logged out since.
         */
        if (a->kind == STATE_ASK && xrdp_look_served(&d->backend->fs, &d->sessions, a->session)) {
                loop_evaluate(d);
                return -EAGAIN;
        }
        if (a->kind == STATE_ASK && a->condition == SESSION_SURPLUS &&
            a->session->surplus == SESSION_SURPLUS_ORPHAN &&
            remote_confirm_orphan(d, a->session) <= 0)
                return -EAGAIN;
        describe(a, rungs[a->kind].kind, &i);
        if (!d->watch && a->kind != STATE_STUCK)
                return take(d, a->kind, rungs[a->kind].rung, &i);
        act_report(d, &i);
        return 0;
}

int act_handle(const StateAction *action, void *userdata) {
        static int (*const handlers[_STATE_ACTION_MAX])(Daemon *, const StateAction *) = {
                [STATE_SQUEEZE] = squeeze, [STATE_LIFT] = squeeze, [STATE_WARN] = warn,
                [STATE_WELCOME] = welcome, [STATE_ASK] = climb,    [STATE_TERMINATE] = climb,
                [STATE_KILL] = climb,      [STATE_STUCK] = climb,
        };
        Daemon *d = userdata;
        int r = handlers[action->kind](d, action);
        Incident i;

        /* Who is busy was told of; what is under way tells by itself. */
        if (r >= 0 || r == -EAGAIN || r == -EBUSY || r == -EINPROGRESS)
                return r;
        describe(action, INCIDENT_FAILED, &i);
        report_failure(d, &i, action->kind, r);
        return r;
}

/* Calls visit() for each record of a user's slice in which the states have set something. */
static int each_squeezed(Daemon *d, int (*visit)(Daemon *d, const Record *record)) {
        Record **records;
        size_t n, damaged;
        int r, first = 0;

        r = ledger_read_all(d->ledger, &records, &n, &damaged);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                if (records[i]->scope != TARGET_USER ||
                    limits_is_empty(&records[i]->layers[LAYER_STATE].limits))
                        continue;
                r = visit(d, records[i]);
                if (r < 0 && first == 0)
                        first = r;
        }
        ledger_free_records(records, n);
        return first;
}

static int let_go(Daemon *d, const Record *record) {
        static const Limits none;

        return set_layer(d, record->uid, &none, NULL, LOCK_TIMEOUT_ONCE);
}

static int adopt(Daemon *d, const Record *record) {
        /* A leashd that only watches has nobody limited. */
        return d->watch
                       ? let_go(d, record)
                       : states_adopt(&d->states, record->uid, &record->layers[LAYER_STATE].limits);
}

int act_adopt(Daemon *d) {
        return each_squeezed(d, adopt);
}

void act_let_go(Daemon *d) {
        int r = each_squeezed(d, let_go);

        if (r < 0)
                daemon_log(LOG_ERR,
                           "not everybody could be let go: %s; their limits end by themselves",
                           strerror(-r));
}

static int renew(Daemon *d, const Record *record) {
        const RecordLayer *l = &record->layers[LAYER_STATE];

        return set_layer(d, record->uid, &l->limits, l->reason, act_lock_timeout(d));
}

int act_renew(Daemon *d) {
        int r;

        loop_begin(d);
        r = d->watch ? 0 : each_squeezed(d, renew);
        if (r < 0 && r != -EAGAIN && r != -EBUSY)
                daemon_log(LOG_WARNING, "a limit could not be prolonged: %s", strerror(-r));
        return r;
}
