/* SPDX-License-Identifier: MIT */
/* Runaways: looking at who uses what while somebody waits, and what they get for it. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "backend/layer.h"
#include "backend/notify.h"
#include "backend/usage.h"
#include "core/parse.h"
#include "core/placement.h"
#include "core/plan.h"
#include "daemon.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/machine.h"
#include "os/proc.h"
#include "os/psi.h"
#include "os/user.h"

#define BY "leashd"
#define PENALTIES_MAX 64 /* in one look; who is left comes in the next */
#define PROCESSES_MAX 4096

/* What a user's memory is slowed down at is never less than this: a desktop needs so much to be
 * left. */
#define MEMORY_MIN (UINT64_C(256) << 20)

static const char *resource_of(RunawayKind kind) {
        return kind == RUNAWAY_CPU ? "cpu" : "memory";
}

static int read_machine(Daemon *d, RunawayKind kind, RunawayMachine *ret) {
        _cleanup_free_ char *path = file_path("%s/proc/pressure/%s", d->root, resource_of(kind));
        LimitsHost host;
        int r;

        if (!path)
                return -ENOMEM;
        r = psi_read(path, &ret->stalled);
        machine_describe(&host);
        ret->capacity =
                kind == RUNAWAY_CPU ? (uint64_t) host.n_cpus * USEC_PER_SEC : host.memory_bytes;
        return r;
}

/* Everybody's use, with what applies to them. */
static int gather(Daemon *d, RunawayKind kind, RunawaySample **ret, size_t *ret_n) {
        _cleanup_free_ RunawaySample *samples = NULL;
        _cleanup_free_ UserUsage *usage = NULL;
        bool cpu = kind == RUNAWAY_CPU;
        size_t n, kept = 0;
        int r;

        r = usage_read(&d->backend->fs, cpu ? USAGE_PRESSURE : USAGE_MEMORY | USAGE_MEMORY_PRESSURE,
                       &usage, &n);
        if (r < 0)
                return r;
        n = MIN_OF(n, (size_t) RUNAWAYS_MAX);
        r = rules_make_room(d->rules, n);
        if (r < 0)
                return r;
        samples = calloc(n + 1, sizeof(RunawaySample));
        if (!samples)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const UserUsage *u = &usage[i];
                const UserRules *rules;

                if (u->uid == 0 || (!cpu && u->memory == USAGE_UNKNOWN))
                        continue;
                r = rules_for_user(d->rules, u->uid, &rules);
                if (r < 0)
                        return r;
                samples[kept++] = (RunawaySample){
                        .uid = u->uid,
                        .used = cpu ? u->cpu.usage : u->memory,
                        .waited = cpu ? u->waited_cpu : u->waited_memory,
                        .rule = cpu ? &rules->cpu : &rules->memory,
                        .exempt = rules->exempt,
                };
        }
        *ret = TAKE_PTR(samples);
        *ret_n = kept;
        return 0;
}

/* True if what burns in the user's slice are programs that the policy lets: more of it than of all
 * others. Sets names of those that burn. */
static bool is_excused(Daemon *d, uid_t uid, const PolicyList *exempt) {
        unsigned excused = 0, others = 0;
        _cleanup_free_ pid_t *pids = NULL;
        usec_t now = clock_boottime();
        char cgroup[PLACEMENT_CGROUP_MAX];
        size_t n;

        if (exempt->n == 0)
                return false;
        placement_user_cgroup(uid, NULL, cgroup);
        if (cgroupfs_list_procs(&d->backend->fs, "systemd", cgroup, NULL, &pids, &n) < 0)
                return false;
        for (size_t i = 0; i < n && i < PROCESSES_MAX; i++) {
                char program[256] = "";
                unsigned demand;
                bool listed = false;

                if (proc_read_demand(pids[i], now, &demand) < 0)
                        continue;
                if (proc_read_program(pids[i], program, sizeof(program)) >= 0)
                        for (size_t k = 0; k < exempt->n && !listed; k++)
                                listed = strcmp(exempt->words[k], program) == 0;
                *(listed ? &excused : &others) += demand;
        }
        return excused > others;
}

static void limits_of(const Runaways *model, const RunawayPenalty *p, Limits *ret) {
        *ret = (Limits){};
        if (model->kind == RUNAWAY_CPU)
                limits_set(ret, LIMIT_CPU_QUOTA, p->rule->steps[p->step].quota);
        else
                limits_set(ret, LIMIT_MEMORY_HIGH,
                           MAX_OF(p->fair / 10000 * p->rule->share, MEMORY_MIN));
}

static void describe(const Runaways *model, const RunawayPenalty *p, const Limits *limits,
                     Incident *ret) {
        *ret = INCIDENT_NULL;
        ret->kind = INCIDENT_PENALISED;
        ret->uid = p->uid;
        ret->used_percent = MIN_OF(p->used_percent, 1000000U);
        ret->pressure_percent = MIN_OF(p->pressure_percent, 100U);
        ret->active = MIN_OF(p->active, 1000000U);
        ret->step = p->step;
        (void) snprintf(ret->condition, sizeof(ret->condition), "%s", resource_of(model->kind));
        (void) snprintf(ret->rule, sizeof(ret->rule), "%s", p->rule->origin);
        limits_join(limits, ret->limits, sizeof(ret->limits));
}

static void put_names(const SpareReport *spared, Incident *i) {
        size_t at = 0;

        i->n_processes = MIN_OF(spared->n_moved, (size_t) INT32_MAX);
        for (size_t k = 0; k < spared->n_names && at < sizeof(i->processes); k++)
                at += snprintf(i->processes + at, sizeof(i->processes) - at, "%s%s", k ? " " : "",
                               spared->names[k]);
}

static void tell(Daemon *d, const RunawayPenalty *p, const Limits *limits, usec_t until) {
        char joined[128], end[TIMESTAMP_MAX], text[384], line[512];

        limits_join(limits, joined, sizeof(joined));
        (void) snprintf(text, sizeof(text),
                        "You have used %u%% of your share of this machine while others had to "
                        "wait. Limited to %s until %s. Nothing was stopped.",
                        p->used_percent, joined, format_timestamp(until, end));
        (void) snprintf(line, sizeof(line), "\r\n[leash] %s\r\n", text);
        (void) notify_terminals(d->root, p->uid, line);
        act_show(d, &(DesktopNotice){ .uid = p->uid,
                                      .tag = NOTIFY_LIMITS,
                                      .summary = "Your session is limited",
                                      .body = text });
}

static int penalise(Daemon *d, const Runaways *model, const RunawayPenalty *p, Incident *i) {
        _cleanup_free_ char *name = NULL;
        LayerOutcome outcome = {};
        char reason[128];
        Limits limits;
        LayerChange change = {
                .uid = p->uid,
                .layer = LAYER_RUNAWAY,
                .lock_timeout = act_lock_timeout(d),
                .limits = &limits,
                .by = BY,
                .reason = reason,
                .until = clock_realtime() + (p->until - clock_boottime()),
                .spare = model->kind == RUNAWAY_CPU,
        };
        int r;

        limits_of(model, p, &limits);
        describe(model, p, &limits, i);
        i->until = change.until;
        if (d->watch)
                return 0;
        (void) snprintf(reason, sizeof(reason), "%u%% of the share of %s while others wait",
                        p->used_percent, resource_of(model->kind));
        r = user_name(p->uid, &name);
        if (r < 0)
                return r;
        change.user = name;
        r = layer_change(d->backend, d->ledger, &change, &outcome);
        if (r < 0)
                return r;
        put_names(&outcome.spared, i);
        tell(d, p, &limits, change.until);
        return 0;
}

/* Keeps it for later, of which its time goes. Returns false if there are too many. */
static bool postpone(Daemon *d, RunawayKind kind, const RunawayPenalty *p) {
        Postponed *slot = &d->postponed[d->n_postponed];

        (void) act_note_holder(d, p->uid);
        if (d->n_postponed == POSTPONED_MAX)
                return false;
        *slot = (Postponed){ kind, *p, *p->rule };
        slot->penalty.rule = &slot->rule;
        d->n_postponed++;
        loop_punish_again(d);
        return true;
}

static bool is_postponed(const Daemon *d, RunawayKind kind, uid_t uid) {
        for (size_t i = 0; i < d->n_postponed; i++)
                if (d->postponed[i].kind == kind && d->postponed[i].penalty.uid == uid)
                        return true;
        return false;
}

static void carry_out(Daemon *d, Runaways *model, const RunawayPenalty *p) {
        const UserRules *rules;
        Incident i;
        int r;

        r = rules_for_user(d->rules, p->uid, &rules);
        if (r >= 0 && model->kind == RUNAWAY_CPU && is_excused(d, p->uid, &rules->exempt_command)) {
                Limits limits;

                limits_of(model, p, &limits);
                describe(model, p, &limits, &i);
                i.kind = INCIDENT_EXCUSED;
                i.limits[0] = '\0';
                runaways_excuse(model, p->uid);
                act_report(d, &i);
                return;
        }
        if (r >= 0)
                r = penalise(d, model, p, &i);
        if (r == -EBUSY && postpone(d, model->kind, p))
                return;
        if (r < 0) {
                runaways_excuse(model, p->uid);
                i = INCIDENT_NULL;
                i.kind = INCIDENT_FAILED;
                i.uid = p->uid;
                (void) snprintf(i.error, sizeof(i.error), "penalise: %s", strerror(-r));
        }
        act_report(d, &i);
}

/* An admin may have ended a penalty with leash release. */
static void pardon_released(Daemon *d, Runaways *model, usec_t now) {
        for (size_t i = 0; i < model->n; i++) {
                _cleanup_(record_freep) Record *record = NULL;
                char target[PLACEMENT_NAME_MAX];

                if (model->all[i].until <= now || d->watch ||
                    is_postponed(d, model->kind, model->all[i].uid))
                        continue;
                placement_user_slice(model->all[i].uid, target);
                if (ledger_read(d->ledger, target, &record) == -ENOENT ||
                    (record && limits_is_empty(&record->layers[LAYER_RUNAWAY].limits)))
                        runaways_pardon(model, model->all[i].uid, now);
        }
}

void punish_look(Daemon *d, RunawayKind kind) {
        Runaways *model = kind == RUNAWAY_CPU ? &d->cpu : &d->memory;
        RunawayPenalty penalties[PENALTIES_MAX];
        _cleanup_free_ RunawaySample *samples = NULL;
        RunawayMachine machine;
        usec_t now = clock_boottime();
        size_t n;
        int r;

        r = read_machine(d, kind, &machine);
        if (r >= 0)
                r = gather(d, kind, &samples, &n);
        if (r >= 0) {
                pardon_released(d, model, now);
                r = runaways_look(model, &machine, samples, n, now, penalties, PENALTIES_MAX);
        }
        if (r < 0) {
                daemon_log(LOG_WARNING, "cannot look at who uses what: %s", strerror(-r));
                return;
        }
        /* Written down first: killed in between, nobody is punished twice for the same. */
        keep_save(d);
        loop_begin(d);
        for (int i = 0; i < r; i++)
                carry_out(d, model, &penalties[i]);
        keep_save(d);
}

/* Who has been exempted since, or whose time is up, gets none; nor anybody of a leashd that only
 * watches by now. */
static bool is_due(Daemon *d, const Postponed *p) {
        const UserRules *rules;

        return !d->watch && p->penalty.until > clock_boottime() &&
               (rules_for_user(d->rules, p->penalty.uid, &rules) < 0 || !rules->exempt);
}

void punish_again(Daemon *d) {
        size_t n = d->n_postponed;

        d->n_postponed = 0; /* who has to wait again takes a place up to their own */
        loop_begin(d);
        for (size_t i = 0; i < n; i++) {
                Postponed p = d->postponed[i];
                Runaways *model = p.kind == RUNAWAY_CPU ? &d->cpu : &d->memory;

                p.penalty.rule = &p.rule;
                if (is_due(d, &p))
                        carry_out(d, model, &p.penalty);
                else
                        runaways_excuse(model, p.penalty.uid);
        }
        keep_save(d);
}
