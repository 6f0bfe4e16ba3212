/* SPDX-License-Identifier: MIT */
/* leash PID: limit the login session that owns a process. */

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "backend/journal.h"
#include "backend/layer.h"
#include "backend/notify.h"
#include "core/parse.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/output.h"
#include "os/proc.h"
#include "os/user.h"
#include "verbs.h"

#define DEFAULT_QUOTA (USEC_PER_SEC / 2)

/* Where nobody is spared, everything in the slice sleeps for the rest of the period together; a
 * short one keeps these stalls short (docs/ARCHITECTURE.md has the figures). */
#define UNSPARED_PERIOD (10 * USEC_PER_MSEC)

/* The least that somebody let in by polkit may leave to a user. */
#define RESTRICTED_QUOTA_MIN (USEC_PER_SEC / 10)

/* One target to limit, with what led to it. */
typedef struct Cap {
        char target[PLACEMENT_NAME_MAX];
        char session[PLACEMENT_NAME_MAX];
        uid_t uid;
        char *user;
        const pid_t *named;
        size_t n_named;
        int pidfd;    /* of the named process; -EBADF if none was */
        bool capture; /* the named process runs outside the slice */
        bool widens;  /* asks for more than there was before */
        Limits limits;
        Record *record, *before; /* as it is to be, as it was; before is NULL if there was none */
        Enforcement enforcement;
        SpareReport spared, captured;
        bool begun; /* the record may have been written */
} Cap;

#define CAP_NULL ((Cap){ .pidfd = -EBADF })

static void cap_done(Cap *cap) {
        free(TAKE_PTR(cap->user));
        cap->record = record_free(cap->record);
        cap->before = record_free(cap->before);
}

static bool wants_spare(const Context *c) {
        return !c->args.no_spare && c->args.scope == TARGET_USER;
}

/* A period alone limits nothing, so it counts as the default quota's. */
void cap_choose_limits(const Context *c, Limits *ret) {
        *ret = c->args.limits;
        if ((ret->set & ~(UINT32_C(1) << LIMIT_CPU_PERIOD)) == 0)
                limits_set(ret, LIMIT_CPU_QUOTA, DEFAULT_QUOTA);
        if (limits_has(ret, LIMIT_CPU_QUOTA) && !limits_has(ret, LIMIT_CPU_PERIOD) &&
            !wants_spare(c))
                limits_set(ret, LIMIT_CPU_PERIOD, UNSPARED_PERIOD);
}

static Exit check_restricted(const Context *c, const Limits *limits) {
        /* What slows down and kills nothing. */
        const uint32_t harmless = UINT32_C(1) << LIMIT_CPU_QUOTA | UINT32_C(1) << LIMIT_CPU_PERIOD |
                                  UINT32_C(1) << LIMIT_CPU_WEIGHT | UINT32_C(1) << LIMIT_IO_WEIGHT;

        if (!context_is_restricted(c))
                return EXIT_DONE;
        if (c->args.force || c->args.persist || limits->set & ~harmless) {
                output_error(
                        "--force, --persist and all limits but CPU quota and weights are for root; use sudo");
                return EXIT_REFUSED;
        }
        if (limits_has(limits, LIMIT_CPU_QUOTA) &&
            limits->value[LIMIT_CPU_QUOTA] < RESTRICTED_QUOTA_MIN) {
                output_error("less than 10%% of one CPU may be set by root alone; use sudo");
                return EXIT_REFUSED;
        }
        return EXIT_DONE;
}

static Exit failed(Context *c, const Cap *cap, const char *what, int r) {
        char busy[LEDGER_HOLDER_TEXT_MAX];

        if (r == -ESRCH && cap->n_named > 0) { /* it ended while it waited for its turn, or moved */
                output_error("%d: no such process", (int) cap->named[0]);
                return EXIT_NO_PROCESS;
        }
        if (r == -EPERM && cap->widens && context_is_restricted(c)) {
                output_error("%s: root alone may set more than there was before; use sudo",
                             cap->user);
                return EXIT_REFUSED;
        }
        if (r == -EBUSY)
                output_error("%s: %s: %s", cap->user, what,
                             context_explain(c, cap->target, r, busy));
        else
                output_error("%s: %s: %s; see 'leash doctor'", cap->user, what,
                             r == -EXDEV ? "a leash by another backend is on; release it first"
                                         : strerror(-r));
        return EXIT_FAILED;
}

static int load_record(Context *c, Cap *cap) {
        int r;

        r = layer_load(c->backend, c->ledger, cap->target, c->args.scope, cap->uid, cap->user,
                       &cap->record, &cap->before);
        if (r > 0)
                output_error(
                        "%s: the record of an earlier leash was damaged; it is kept as "
                        "/run/leash/%s.damaged, and what was before it is taken from the system as it is now",
                        cap->user, cap->target);
        return r;
}

static usec_t choose_until(const Context *c, usec_t now) {
        return c->args.duration ? now + c->args.duration : c->args.until;
}

/* Compared with what holds without an admin: what the policy and leashd say, and where they are
 * silent what was there before leash. Where that is not known, as after a login, nothing is said to
 * be stricter. A period alone gives nobody more. */
static bool widens(const Cap *cap) {
        Limits layers[_LAYER_MAX], without;

        for (Layer i = 0; i < _LAYER_MAX; i++)
                layers[i] = i == LAYER_MANUAL ? (Limits){} : cap->record->layers[i].limits;
        layers_effective(layers, &without, NULL);
        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                const Limits *held = limits_has(&without, i) ? &without : &cap->record->base;

                if (limits_has(&cap->limits, i) && i != LIMIT_CPU_PERIOD &&
                    (!limits_has(held, i) || !limits_is_stricter(&cap->limits, held, i)))
                        return true;
        }
        return false;
}

static int decide(Context *c, Cap *cap) {
        usec_t now = clock_realtime();
        int r;

        r = load_record(c, cap);
        if (r >= 0)
                r = layer_read_base(c->backend, cap->record, &cap->limits);
        if (r < 0)
                return r;
        cap->widens = widens(cap);
        if (cap->widens && context_is_restricted(c))
                return -EPERM;
        if (!wants_spare(c))
                cap->record->share = 0;
        cap->record->persist = c->args.persist;
        /* An earlier leash's short period is not for one that spares. */
        if (limits_has(&cap->record->base, LIMIT_CPU_PERIOD) &&
            !limits_has(&cap->limits, LIMIT_CPU_PERIOD))
                limits_set(&cap->limits, LIMIT_CPU_PERIOD, LIMIT_INFINITY);
        return record_set_layer(cap->record, LAYER_MANUAL, &cap->limits, c->by, c->args.reason, now,
                                choose_until(c, now));
}

/* The tree's scope is made by moving the process into it; the record must tell of it before. */
static int make_tree(Context *c, Cap *cap) {
        int r;

        cap->record->dirty = true;
        cap->record->serial = clock_realtime();
        r = ledger_write(c->ledger, cap->record);
        if (r < 0)
                return r;
        return spare_tree(c->backend, cap->record, cap->named[0], &cap->limits, &cap->captured);
}

static void roll_back(Context *c, Cap *cap, int error) {
        if (cap->begun && layer_roll_back(c->backend, c->ledger, cap->record, cap->before,
                                          LAYER_MANUAL, error) < 0)
                output_error("%s: the ledger cannot be written; 'leash release' when it can",
                             cap->user);
}

static int spare(Context *c, Cap *cap) {
        return wants_spare(c) ? layer_spare(c->backend, cap->record, &cap->enforcement, cap->named,
                                            cap->n_named, &cap->spared)
                              : 0;
}

/* Of the user's processes elsewhere only jobs are brought in: a service that runs under the user's
 * name, or a container, is not part of a login. Without systemd everything else is. */
static size_t keep_jobs(Context *c, const Cap *cap, pid_t *pids, size_t n) {
        size_t kept = 0;

        for (size_t i = 0; i < n; i++) {
                _cleanup_close_ int pidfd = proc_open(pids[i]);
                ProcessFacts facts;
                Plan plan;

                if (pidfd < 0 || backend_facts(c->backend, pids[i], pidfd, &facts) < 0)
                        continue;
                if (plan_process(&facts, &c->caller, &plan) == PLAN_OK && plan.owner == cap->uid)
                        pids[kept++] = pids[i];
        }
        return kept;
}

/* Jobs that run outside: the named one, or with --capture all of them. */
static int capture(Context *c, Cap *cap) {
        _cleanup_free_ pid_t *pids = NULL;
        Limits scope, effective;
        size_t n = 0;
        int r;

        record_effective(cap->record, &effective, NULL);
        backend_scope_limits(&effective, cap->record->share, &scope);
        if (cap->capture) {
                r = spare_tree(c->backend, cap->record, cap->named[0], &scope, &cap->captured);
                if (r < 0)
                        return r;
        }
        if (!c->args.capture)
                return 0;
        r = c->backend->ops->escapees(c->backend, cap->record, &pids, &n);
        if (r < 0)
                return r;
        n = keep_jobs(c, cap, pids, n);
        if (n == 0)
                return 0;
        r = c->backend->ops->group(c->backend, cap->record, pids[0], pids, n, &scope);
        cap->captured.n_moved += r < 0 ? 0 : n;
        return r;
}

/* Under the target's lock. */
static int enforce(Context *c, Cap *cap) {
        int r;

        r = decide(c, cap);
        if (r < 0)
                return r;
        cap->begun = true;
        if (c->args.scope == TARGET_TREE) {
                r = make_tree(c, cap);
                if (r < 0)
                        return r;
        }
        r = backend_converge(c->backend, c->ledger, cap->record, &cap->enforcement);
        if (r < 0)
                return r;
        if (cap->capture || c->args.capture) {
                r = capture(c, cap);
                if (r >= 0) /* a slice that did not exist is born by it */
                        r = backend_verify(c->backend, cap->record, &cap->enforcement);
                if (r < 0)
                        return r;
        }
        r = spare(c, cap);
        if (r < 0) /* the limit stands all the same */
                cap->spared = (SpareReport){};
        if (r < 0 && r != -EOPNOTSUPP && r != -ESRCH)
                output_error("%s: limited, but the offenders could not be moved: %s", cap->user,
                             strerror(-r));
        return cap->spared.n_moved + cap->captured.n_moved == 0 && !cap->spared.kept_more
                       ? 0
                       : ledger_write(c->ledger, cap->record);
}

static void tell_user(Context *c, const Cap *cap) {
        const RecordLayer *manual = &cap->record->layers[LAYER_MANUAL];
        _cleanup_free_ char *reason = NULL, *by = escape_text(c->by, 64);
        char limits[VIEW_TEXT_MAX], until[OUTPUT_TIME_MAX], text[VIEW_TEXT_MAX + 1024];

        if (c->args.no_notify || !by)
                return;
        reason = manual->reason ? escape_text(manual->reason, RECORD_REASON_MAX) : NULL;
        (void) snprintf(text, sizeof(text),
                        "\r\n[leash] Your session is limited by %s: %s%s%s.%s%s\r\n"
                        "[leash] Nothing was stopped. Ask %s if it is in your way.\r\n",
                        by, view_limits(&manual->limits, limits),
                        manual->until == USEC_INFINITY ? "" : " until ",
                        manual->until == USEC_INFINITY ? "" : output_time(manual->until, until),
                        reason ? " Reason: " : "", reason ?: "", by);
        (void) notify_terminals(c->backend_options.root, cap->uid, text);
        (void) snprintf(text, sizeof(text), "%s%s%s\n%s%s%sNothing was stopped. Ask %s.",
                        view_limits(&manual->limits, limits),
                        manual->until == USEC_INFINITY ? "" : " until ",
                        manual->until == USEC_INFINITY ? "" : output_time(manual->until, until),
                        reason ? "Reason: " : "", reason ?: "", reason ? "\n" : "", by);
        context_tell_desktop(c, &(DesktopNotice){ .uid = cap->uid,
                                                  .tag = NOTIFY_LIMITS,
                                                  .summary = "Your session is limited",
                                                  .body = text });
}

static void print_spared(const char *what, const SpareReport *report) {
        char names[SPARE_NAMES_MAX * (PROC_COMM_MAX + 2) + 8] = "";

        if (report->n_moved == 0)
                return;
        for (size_t i = 0; i < report->n_names; i++) {
                (void) strcat(names, i ? ", " : "");
                (void) strcat(names, report->names[i]);
        }
        output_line("  %-9s %zu process%s%s%s", what, report->n_moved,
                    report->n_moved == 1 ? "" : "es", names[0] ? ": " : "", names);
}

static Exit print_enforcement(const Cap *cap) {
        const Enforcement *e = &cap->enforcement;
        char wanted[LIMITS_TEXT_MAX];
        const LimitInfo *info;
        Limits effective;

        if (e->absent || e->enforced)
                return EXIT_DONE;
        info = &limits_table[e->missing];
        record_effective(cap->record, &effective, NULL);
        limits_describe(&effective, e->missing, wanted);
        if (e->unsupported)
                output_error("%s: set but not enforced: this host's cgroup version has no %s",
                             cap->user, info->key);
        else if (e->controller_absent)
                output_error(
                        "%s: set but not enforced: the %s controller is not available to %s (no %s in its "
                        "cgroup); see 'leash doctor'",
                        cap->user, info->controller ?: "freezer", cap->target, info->file_v2);
        else
                output_error(
                        "%s: set but not enforced: %s is '%s' in the kernel, not %s; see 'leash doctor'",
                        cap->user, info->file_v2, e->kernel, wanted);
        return EXIT_NOT_ENFORCED;
}

static Exit print_result(Context *c, const Cap *cap) {
        const RecordLayer *manual = &cap->record->layers[LAYER_MANUAL];
        char limits[VIEW_TEXT_MAX], until[OUTPUT_TIME_MAX];
        Limits effective;

        if (c->args.json) {
                View view = { .record = cap->record,
                              .enforcement = cap->enforcement,
                              .cpu_percent = -1,
                              .throttled_percent = -1 };

                (void) json_object_array_add(c->json, view_to_json(&view));
                return print_enforcement(cap);
        }
        record_effective(cap->record, &effective, NULL);
        output_line("%s: %s%s%s%s", cap->user, view_limits(&effective, limits),
                    manual->until == USEC_INFINITY ? "" : " until ",
                    manual->until == USEC_INFINITY ? "" : output_time(manual->until, until),
                    cap->enforcement.absent ? ", from the next login on" : "");
        if (c->args.verbose)
                output_line("  target    %s", cap->target);
        print_spared("captured", &cap->captured);
        print_spared("offenders", &cap->spared);
        return print_enforcement(cap);
}

static Exit print_plan(const Cap *cap) {
        char limits[VIEW_TEXT_MAX];

        output_line("%s: would limit %s to %s", cap->user, cap->target,
                    view_limits(&cap->limits, limits));
        return EXIT_DONE;
}

static Exit cap_target(Context *c, Cap *cap) {
        _cleanup_(ledger_unlockp) LedgerLock *lock = NULL;
        Exit e;
        int r;

        cap_choose_limits(c, &cap->limits);
        e = check_restricted(c, &cap->limits);
        if (e != EXIT_DONE)
                return e;
        r = user_name(cap->uid, &cap->user);
        if (r < 0)
                return EXIT_FAILED;
        if (c->args.dry_run)
                return print_plan(cap);
        r = context_lock(c, cap->target, &lock);
        if (r < 0)
                return failed(c, cap, "cannot lock the ledger", r);
        /* Waiting may have taken long, and a number is soon another process's. */
        r = cap->n_named > 0 && !proc_is_alive(cap->pidfd) ? -ESRCH : enforce(c, cap);
        if (r < 0) {
                roll_back(c, cap, r);
                return failed(c, cap, "not limited", r);
        }
        journal_send(cap->enforcement.enforced || cap->enforcement.absent ? JOURNAL_CAPPED
                                                                          : JOURNAL_NOT_ENFORCED,
                     cap->record, c->by);
        lock = ledger_unlock(lock); /* a terminal may take its time */
        e = print_result(c, cap);
        tell_user(c, cap);
        return e;
}

static Exit cap_owner(Context *c) {
        _cleanup_(cap_done) Cap cap = CAP_NULL;
        Exit e;

        e = context_named_owner(c, &cap.uid, cap.session);
        if (e != EXIT_DONE)
                return e;
        if (c->args.scope == TARGET_SESSION && cap.session[0] == '\0') {
                output_error("--scope=session needs a process id or --session");
                return EXIT_USAGE;
        }
        context_target(c->args.scope, cap.uid, cap.session, 0, cap.target);
        return cap_target(c, &cap);
}

static void tell_other_user(const Resolved *r, const char *owner) {
        _cleanup_free_ char *runs_as = NULL;

        if (r->facts.euid != r->plan.owner && user_name(r->facts.euid, &runs_as) >= 0)
                output_line("%d (%s) runs as %s in a session of %s, which is limited",
                            (int) r->facts.pid, r->facts.comm, runs_as, owner);
}

static Exit cap_process(Context *c, const char *operand) {
        _cleanup_(resolved_done) Resolved found = RESOLVED_NULL;
        _cleanup_(cap_done) Cap cap = CAP_NULL;
        Exit e;

        e = context_resolve(c, operand, &found);
        if (e != EXIT_DONE)
                return e;
        if (found.refusal != PLAN_OK)
                return context_refuse(c, &found);
        if (c->args.scope == TARGET_SESSION && found.plan.session[0] == '\0') {
                output_error("%s (%s) %s; use --scope=user or --scope=tree", operand,
                             found.facts.comm,
                             found.facts.placement.kind == PLACEMENT_LEASHED
                                     ? "was moved out of its session by an earlier leash"
                                     : "belongs to a user, but to no single session");
                return EXIT_REFUSED;
        }
        cap.uid = found.plan.owner;
        cap.pidfd = found.pidfd;
        cap.named = &found.facts.pid;
        cap.n_named = 1;
        cap.capture = found.plan.capture && c->args.scope == TARGET_USER;
        context_target(c->args.scope, cap.uid, found.plan.session, found.facts.pid, cap.target);
        e = cap_target(c, &cap);
        if (cap.user && e != EXIT_USAGE && !c->args.json &&
            (e == EXIT_DONE || e == EXIT_NOT_ENFORCED))
                tell_other_user(&found, cap.user);
        return e;
}

Exit verb_cap(Context *c) {
        Exit worst = EXIT_DONE;

        if (!c->args.dry_run) {
                worst = context_open_ledger(c);
                if (worst != EXIT_DONE)
                        return worst;
        }
        c->json = c->args.json ? json_object_new_array() : NULL;
        if (c->args.n_operands == 0)
                worst = cap_owner(c);
        for (size_t i = 0; i < c->args.n_operands; i++)
                worst = exit_worse(worst, cap_process(c, c->args.operands[i]));
        if (c->json)
                worst = exit_worse(worst, view_print_json(TAKE_PTR(c->json)));
        return worst;
}
