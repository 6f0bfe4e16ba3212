/* SPDX-License-Identifier: MIT */
/* leash show: all about one user: sessions, leashes by layer, what the kernel says, offenders,
 * escapees. */

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "backend/json.h"
#include "backend/login.h"
#include "backend/overview.h"
#include "core/parse.h"
#include "os/output.h"
#include "os/proc.h"
#include "os/user.h"
#include "verbs.h"

#define PROCESSES_SHOWN 50 /* in text; JSON has all */

typedef struct Process {
        pid_t pid;
        char comm[PROC_COMM_MAX];
        char *cgroup;
} Process;

typedef struct Subject {
        uid_t uid;
        char *user;
        Record **records; /* of this user */
        size_t n_records;
        View *views;
        LoginSession *sessions;
        size_t n_sessions;
        Sessions known; /* what leashd tells of everybody's; empty if it does not */
        Process *offenders, *escapees;
        size_t n_offenders, n_escapees;
        char kernel[256]; /* cpu.max of the slice, or empty */
} Subject;

static void free_processes(Process *p, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(p[i].cgroup);
        free(p);
}

static void subject_done(Subject *s) {
        free(s->user);
        ledger_free_records(s->records, s->n_records);
        free(s->views);
        login_sessions_free(s->sessions, s->n_sessions);
        sessions_done(&s->known);
        free_processes(s->offenders, s->n_offenders);
        free_processes(s->escapees, s->n_escapees);
        *s = (Subject){};
}

/* Adds names and cgroups to pids; those that have ended meanwhile are left out. */
static int describe(Context *c, const pid_t *pids, size_t n, Process **ret, size_t *ret_n) {
        Process *list = calloc(n + 1, sizeof(Process));
        size_t kept = 0;

        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                ProcStat stat;
                char *cgroup;

                if (proc_read_stat(pids[i], &stat) < 0 ||
                    proc_read_cgroup(pids[i],
                                     c->backend->fs.version != CGROUPFS_V1 ? NULL
                                     : c->backend->ops->placement          ? "name=systemd"
                                                                           : "cpu",
                                     &cgroup) < 0)
                        continue;
                list[kept] = (Process){ .pid = pids[i], .cgroup = cgroup };
                memcpy(list[kept++].comm, stat.comm, PROC_COMM_MAX);
        }
        *ret = list;
        *ret_n = kept;
        return 0;
}

static int read_offenders(Context *c, Subject *s, const Record *record, const char *cgroup) {
        _cleanup_free_ pid_t *pids = NULL;
        char path[CGROUPFS_PATH_MAX];
        size_t n;
        int r;

        if (record->n_scopes == 0 || backend_is_other(c->backend, record))
                return 0;
        (void) snprintf(path, sizeof(path), "%s/%s", cgroup, record->scopes[record->n_scopes - 1]);
        r = cgroupfs_list_procs(&c->backend->fs, c->backend->ops->placement ? "systemd" : "cpu",
                                path, NULL, &pids, &n);
        if (r < 0) /* they have all ended */
                return 0;
        return describe(c, pids, n, &s->offenders, &s->n_offenders);
}

static int read_processes(Context *c, Subject *s) {
        _cleanup_(record_freep) Record *none = NULL;
        _cleanup_free_ char *cgroup = NULL;
        _cleanup_free_ pid_t *pids = NULL;
        char target[PLACEMENT_NAME_MAX];
        const Record *record = NULL;
        size_t n;
        int r;

        context_target(TARGET_USER, s->uid, "", 0, target);
        for (size_t i = 0; i < s->n_records; i++)
                if (s->records[i]->scope == TARGET_USER)
                        record = s->records[i];
        if (!record)
                record = none = record_new(target, TARGET_USER, s->uid, s->user);
        if (!record)
                return -ENOMEM;
        r = c->backend->ops->cgroup(c->backend, record, &cgroup);
        if (r < 0)
                return r;
        if (cgroupfs_read_limit(&c->backend->fs, cgroup, LIMIT_CPU_QUOTA, s->kernel,
                                sizeof(s->kernel)) < 0)
                s->kernel[0] = '\0';
        r = read_offenders(c, s, record, cgroup);
        if (r >= 0)
                r = c->backend->ops->escapees(c->backend, record, &pids, &n);
        return r < 0 ? r : describe(c, pids, n, &s->escapees, &s->n_escapees);
}

static int read_records(Context *c, Subject *s) {
        Record **all = NULL;
        size_t n = 0, damaged;
        int r;

        r = context_read_records(c, &all, &n, &damaged);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                if (all[i]->uid == s->uid)
                        all[s->n_records++] = all[i];
                else
                        record_free(all[i]);
        }
        s->records = all;
        s->views = calloc(s->n_records + 1, sizeof(View));
        return s->views ? view_measure(c, s->records, s->n_records, s->views) : -ENOMEM;
}

static int subject_read(Context *c, uid_t uid, Subject *s) {
        int r;

        s->uid = uid;
        r = user_name(uid, &s->user);
        if (r >= 0)
                r = login_sessions(uid, &s->sessions, &s->n_sessions);
        if (r >= 0)
                r = read_records(c, s);
        if (r >= 0) /* without it they are shown all the same */
                (void) overview_sessions(c->backend_options.root, &s->known);
        return r < 0 ? r : read_processes(c, s);
}

/* What leashd knows of a session of logind's; NULL if nothing. */
static const Session *find_known(const Subject *subject, const LoginSession *s) {
        const Session *known = sessions_find(&subject->known, s->id);

        return known && known->uid == s->uid ? known : NULL;
}

/* Under the session's line: since when it is as it is. */
static void print_known(const Session *s) {
        char text[256] = "", time[OUTPUT_TIME_MAX];
        size_t at = 0;

        if (s->connected_since)
                at += snprintf(text, sizeof(text), "connected since %s",
                               output_time(overview_realtime(s->connected_since), time));
        for (SessionCondition c = 0; c < _SESSION_CONDITION_MAX && at < sizeof(text); c++)
                if (s->since[c])
                        at += snprintf(text + at, sizeof(text) - at, "%s%s since %s",
                                       at ? ", " : "", session_condition_to_string(c),
                                       output_time(overview_realtime(s->since[c]), time));
        if (at > 0)
                output_line("            %s", text);
}

static void print_session(const LoginSession *s) {
        output_line("  session   %s%s%s%s%s%s%s%s%s%s%s", s->id, s->type ? ", " : "", s->type ?: "",
                    s->service ? ", by " : "", s->service ?: "", s->tty ? ", on " : "",
                    s->tty ?: "", s->remote_host ? ", from " : "", s->remote_host ?: "",
                    s->state ? ", " : "", s->state ?: "");
}

static void print_layer(const Record *record, Layer layer) {
        const RecordLayer *l = &record->layers[layer];
        char limits[VIEW_TEXT_MAX], since[OUTPUT_TIME_MAX], until[OUTPUT_TIME_MAX];

        if (limits_is_empty(&l->limits))
                return;
        output_line("    %-8s %s, since %s%s%s%s%s%s%s", layer_to_string(layer),
                    view_limits(&l->limits, limits), output_time(l->since, since),
                    l->until == USEC_INFINITY ? "" : ", until ",
                    l->until == USEC_INFINITY ? "" : output_time(l->until, until),
                    l->by && l->by[0] ? ", by " : "", l->by ?: "", l->reason ? ": " : "",
                    l->reason ?: "");
}

static void print_leash(const View *v) {
        const Record *record = v->record;
        char limits[VIEW_TEXT_MAX];
        Limits effective;

        record_effective(record, &effective, NULL);
        output_line("  leash     %s: %s, %s%s", record->target, view_limits(&effective, limits),
                    v->other                  ? "BY ANOTHER BACKEND"
                    : v->enforcement.absent   ? "not logged in"
                    : v->enforcement.enforced ? "enforced"
                                              : "NOT ENFORCED",
                    record->persist ? ", persistent" : "");
        for (Layer i = 0; i < _LAYER_MAX; i++)
                print_layer(record, i);
        if (v->other)
                output_line("    %-8s %s: not looked at; 'leash release' uses it", "backend",
                            record->backend);
        output_line("    %-8s %s", "before", view_limits(&record->base, limits));
        if (v->cpu_percent >= 0)
                output_line("  CPU now   %.0f%%, throttled in %.0f%% of the periods",
                            v->cpu_percent, v->throttled_percent);
}

static void print_processes(const char *what, const Process *p, size_t n, bool cgroup) {
        for (size_t i = 0; i < n && i < PROCESSES_SHOWN; i++)
                output_line("  %-9s %d (%s)%s%s", i == 0 ? what : "", (int) p[i].pid, p[i].comm,
                            cgroup ? " in " : "", cgroup ? p[i].cgroup : "");
        if (n > PROCESSES_SHOWN)
                output_line("            and %zu more", n - PROCESSES_SHOWN);
}

static Exit print_text(const Subject *s) {
        output_line("%s (uid %u)", s->user, (unsigned) s->uid);
        for (size_t i = 0; i < s->n_sessions; i++) {
                const Session *known = find_known(s, &s->sessions[i]);

                print_session(&s->sessions[i]);
                if (known)
                        print_known(known);
        }
        if (s->n_sessions == 0)
                output_line("  session   none");
        for (size_t i = 0; i < s->n_records; i++)
                print_leash(&s->views[i]);
        if (s->n_records == 0)
                output_line("  leash     none");
        if (s->kernel[0])
                output_line("  kernel    cpu.max %s", s->kernel);
        print_processes("offender", s->offenders, s->n_offenders, false);
        print_processes("escapee", s->escapees, s->n_escapees, true);
        return EXIT_DONE;
}

static void add_text(struct json_object *o, const char *key, const char *value) {
        (void) json_object_object_add(o, key, json_text(value));
}

static void add_since(struct json_object *o, const char *key, usec_t boottime) {
        (void) json_object_object_add(o, key,
                                      json_time(boottime ? overview_realtime(boottime) : 0));
}

/* What only leashd knows; null without it, and where it does not know either. */
static void add_known(struct json_object *o, const Session *s) {
        (void) json_object_object_add(
                o, "connected",
                s && s->link != SESSION_LINK_UNKNOWN
                        ? json_object_new_boolean(s->link == SESSION_LINK_CONNECTED)
                        : NULL);
        add_since(o, "connected_since", s ? s->connected_since : 0);
        for (SessionCondition c = 0; c < _SESSION_CONDITION_MAX; c++) {
                char key[64];

                (void) snprintf(key, sizeof(key), "%s_since", session_condition_to_string(c));
                add_since(o, key, s ? s->since[c] : 0);
        }
}

static struct json_object *session_to_json(const LoginSession *s, const Session *known) {
        struct json_object *o = json_object_new_object();

        add_text(o, "session", s->id);
        add_text(o, "class", s->class);
        add_text(o, "type", s->type);
        add_text(o, "service", s->service);
        add_text(o, "state", s->state);
        add_text(o, "tty", s->tty);
        add_text(o, "display", s->display);
        add_text(o, "remote_host", s->remote_host);
        (void) json_object_object_add(o, "leader",
                                      s->leader > 0 ? json_object_new_int(s->leader) : NULL);
        add_known(o, known);
        return o;
}

static struct json_object *processes_to_json(const Process *p, size_t n) {
        struct json_object *array = json_object_new_array();

        for (size_t i = 0; i < n; i++) {
                struct json_object *o = json_object_new_object();

                (void) json_object_object_add(o, "pid", json_object_new_int(p[i].pid));
                add_text(o, "comm", p[i].comm);
                add_text(o, "cgroup", p[i].cgroup);
                (void) json_object_array_add(array, o);
        }
        return array;
}

/* One object for each leash, each with all of the user's sessions; one without limits if there is
 * no leash. */
static struct json_object *subject_to_json(const Subject *s, const View *v) {
        struct json_object *o = v ? view_to_json(v) : json_object_new_object(),
                           *sessions = json_object_new_array();

        if (!v) {
                add_text(o, "user", s->user);
                (void) json_object_object_add(o, "uid", json_object_new_uint64(s->uid));
                (void) json_object_object_add(o, "target", NULL);
                (void) json_object_object_add(o, "limits", json_object_new_object());
                (void) json_object_object_add(o, "layers", json_object_new_object());
                (void) json_object_object_add(o, "layer", json_object_new_string("none"));
        }
        for (size_t i = 0; i < s->n_sessions; i++)
                (void) json_object_array_add(
                        sessions, session_to_json(&s->sessions[i], find_known(s, &s->sessions[i])));
        (void) json_object_object_add(o, "sessions", sessions);
        (void) json_object_object_add(o, "base",
                                      view_limits_to_json(v ? &v->record->base : &(Limits){}));
        add_text(o, "kernel_cpu_max", s->kernel);
        (void) json_object_object_add(o, "offenders",
                                      processes_to_json(s->offenders, s->n_offenders));
        (void) json_object_object_add(o, "escapees", processes_to_json(s->escapees, s->n_escapees));
        return o;
}

static void add_json(struct json_object *array, const Subject *s) {
        for (size_t i = 0; i < s->n_records; i++)
                (void) json_object_array_add(array, subject_to_json(s, &s->views[i]));
        if (s->n_records == 0)
                (void) json_object_array_add(array, subject_to_json(s, NULL));
}

static Exit show_owner(Context *c, uid_t uid, struct json_object *array) {
        _cleanup_(subject_done) Subject s = {};
        int r = subject_read(c, uid, &s);

        if (r < 0) {
                output_error("%u: cannot read about the user: %s", (unsigned) uid, strerror(-r));
                return EXIT_FAILED;
        }
        if (!array)
                return print_text(&s);
        add_json(array, &s);
        return EXIT_DONE;
}

static Exit show_process(Context *c, const char *operand, struct json_object *array) {
        _cleanup_(resolved_done) Resolved found = RESOLVED_NULL;
        Exit e = context_resolve(c, operand, &found);

        if (e != EXIT_DONE)
                return e;
        /* Looking at root's or one's own session is nobody's harm. */
        if (found.refusal != PLAN_OK && found.plan.owner == (uid_t) -1)
                return context_refuse(c, &found);
        return show_owner(c, found.plan.owner, array);
}

Exit verb_show(Context *c) {
        struct json_object *array = c->args.json ? json_object_new_array() : NULL;
        char session[PLACEMENT_NAME_MAX];
        Exit worst;
        uid_t uid;

        worst = context_look_at_ledger(c);
        if (worst == EXIT_DONE && c->args.n_operands == 0) {
                worst = context_named_owner(c, &uid, session);
                if (worst == EXIT_DONE)
                        worst = show_owner(c, uid, array);
        }
        for (size_t i = 0; i < c->args.n_operands; i++)
                worst = exit_worse(worst, show_process(c, c->args.operands[i], array));
        if (array)
                worst = exit_worse(worst, view_print_json(array));
        return worst;
}
