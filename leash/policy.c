/* SPDX-License-Identifier: MIT */
/* leash check, leash apply: what the policy says, and having it count for who is logged in. */

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "backend/defaults.h"
#include "backend/json.h"
#include "backend/layer.h"
#include "backend/login.h"
#include "core/parse.h"
#include "os/file.h"
#include "os/machine.h"
#include "os/output.h"
#include "os/policyfile.h"
#include "os/user.h"
#include "verbs.h"

/* The policy, and what of this host it is matched with. */
typedef struct Reading {
        Policy *policy;
        char *path;
        char host[MACHINE_NAME_MAX];
        size_t n_errors;
} Reading;

static void reading_done(Reading *r) {
        r->policy = policy_free(r->policy);
        free(TAKE_PTR(r->path));
}

static Exit read_policy(const Context *c, Reading *ret) {
        _cleanup_(reading_done) Reading reading = {};
        LimitsHost host;
        size_t n;
        int r;

        machine_describe(&host);
        (void) machine_name(reading.host);
        reading.path = file_path("%s" POLICYFILE_PATH, c->backend_options.root);
        r = reading.path ? policyfile_load(reading.path, &host, &reading.policy) : -ENOMEM;
        if (r < 0) {
                output_error("cannot read the policy: %s", strerror(-r));
                return EXIT_FAILED;
        }
        (void) policy_errors(reading.policy, &n, &reading.n_errors);
        *ret = reading;
        reading = (Reading){};
        return EXIT_DONE;
}

/* As compilers write it, so that editors find the place. */
static void print_mistakes(const Reading *reading) {
        size_t n, total;
        const PolicyError *e = policy_errors(reading->policy, &n, &total);

        for (size_t i = 0; i < n; i++)
                if (e[i].line > 0)
                        output_error("%s:%u: %s", e[i].file, e[i].line, e[i].text);
                else
                        output_error("%s: %s", e[i].file, e[i].text);
        if (total > n)
                output_error("and %zu more", total - n);
}

/* By name or by number. Prints what is wrong. Whose groups are not known for sure is not told what
 * the policy says: a group that is missed may be the one that limits them. */
static Exit find_user(const char *text, const Policy *policy, UserInfo *ret) {
        _cleanup_(user_info_done) UserInfo u = {};
        _cleanup_free_ char *name = NULL;
        uid_t uid;
        int r;

        r = user_uid(text, &uid);
        if (r >= 0)
                r = user_name(uid, &name);
        if (r >= 0)
                r = user_info(name, &u);
        if (r >= 0 && policy_wants_groups(policy))
                r = user_info_groups(&u);
        if (r >= 0 && u.groups_unsure) {
                output_error("%s: some of the user's groups cannot be looked up", text);
                return EXIT_FAILED;
        }
        if (r >= 0) {
                *ret = u;
                u = (UserInfo){};
                return EXIT_DONE;
        }
        if (r == -ESRCH) {
                output_error("%s: no such user", text);
                return EXIT_REFUSED;
        }
        output_error("%s: cannot look up the user: %s", text, strerror(-r));
        return EXIT_FAILED;
}

/* ---- check ------------------------------------------------------------------------------------
 */

/* What the policy says to one user: for the login that --service tells of, or else for the sessions
 * there are. */
typedef struct Answer {
        UserInfo user;
        bool system; /* matched by name alone */
        bool exempt;
        PolicySource exempt_from;
        PolicyLimits limits;
} Answer;

static void answer_done(Answer *a) {
        user_info_done(&a->user);
}

static Exit ask(const Context *c, const Reading *reading, Answer *ret) {
        PolicyFacts facts, opening;
        Exit e;
        int r;

        e = find_user(c->args.user, reading->policy, &ret->user);
        if (e != EXIT_DONE)
                return e;
        facts = opening = defaults_facts(&ret->user, c->caller.uid_min, reading->host);
        opening.service = c->args.service;
        ret->system = plan_is_system_uid(facts.uid, facts.uid_min);
        ret->exempt = policy_is_exempt(reading->policy, &opening, &ret->exempt_from);
        if (c->args.service) {
                (void) policy_limits(reading->policy, &opening, &ret->limits); /* may be none */
                return EXIT_DONE;
        }
        r = defaults_decide(reading->policy, &facts, NULL, &ret->limits);
        if (r < 0) {
                output_error("%s: %s", c->args.user, strerror(-r));
                return EXIT_FAILED;
        }
        return EXIT_DONE;
}

static Exit print_answer(const Answer *a) {
        static const char *const headers[] = { "LIMIT", "VALUE", "DECIDED BY" };
        _cleanup_(table_freep) Table *t = table_new(headers, ELEMENTSOF(headers));
        char value[LIMITS_TEXT_MAX];
        int r = t ? 0 : -ENOMEM;

        if (a->exempt) {
                output_line("%s: exempt by %s:%u, [exempt %s]", a->user.name, a->exempt_from.file,
                            a->exempt_from.line, a->exempt_from.section);
                return EXIT_DONE;
        }
        if (limits_is_empty(&a->limits.limits)) {
                output_line("%s: no limits%s", a->user.name,
                            a->system ? "; root and system users are meant by match-user= alone"
                                      : "");
                return EXIT_DONE;
        }
        for (Limit i = 0; i < _LIMIT_MAX && r >= 0; i++) {
                const PolicySource *from = &a->limits.from[i];

                if (!limits_has(&a->limits.limits, i))
                        continue;
                r = table_add(t, "%s", limits_table[i].key);
                if (r >= 0)
                        r = table_add(t, "%s", limits_describe(&a->limits.limits, i, value));
                if (r >= 0)
                        r = table_add(t, "%s:%u, [limits %s]", from->file, from->line,
                                      from->section);
        }
        if (r < 0)
                return EXIT_FAILED;
        table_print(t, stdout);
        return EXIT_DONE;
}

static struct json_object *source_to_json(const PolicySource *s) {
        struct json_object *o = json_object_new_object();

        (void) json_object_object_add(o, "file", json_text(s->file));
        (void) json_object_object_add(o, "line", json_object_new_uint64(s->line));
        (void) json_object_object_add(o, "section", json_text(s->section));
        return o;
}

static struct json_object *mistakes_to_json(const Reading *reading) {
        struct json_object *array = json_object_new_array();
        size_t n, total;
        const PolicyError *e = policy_errors(reading->policy, &n, &total);

        for (size_t i = 0; i < n; i++) {
                struct json_object *o = json_object_new_object();

                (void) json_object_object_add(o, "file", json_text(e[i].file));
                (void) json_object_object_add(o, "line",
                                              e[i].line ? json_object_new_uint64(e[i].line) : NULL);
                (void) json_object_object_add(o, "message", json_text(e[i].text));
                (void) json_object_array_add(array, o);
        }
        return array;
}

static Exit print_json(const Reading *reading, const Answer *a) {
        struct json_object *o = json_object_new_object(), *from = json_object_new_object(),
                           *array = json_object_new_array();

        for (Limit i = 0; a && i < _LIMIT_MAX; i++)
                if (limits_has(&a->limits.limits, i))
                        (void) json_object_object_add(from, limits_table[i].json,
                                                      source_to_json(&a->limits.from[i]));
        (void) json_object_object_add(o, "user", a ? json_text(a->user.name) : NULL);
        (void) json_object_object_add(o, "uid", a ? json_object_new_uint64(a->user.uid) : NULL);
        (void) json_object_object_add(o, "exempt",
                                      a && a->exempt ? source_to_json(&a->exempt_from) : NULL);
        (void) json_object_object_add(o, "limits",
                                      a ? view_limits_to_json(&a->limits.limits) : NULL);
        (void) json_object_object_add(o, "decided_by", from);
        (void) json_object_object_add(o, "mistakes", mistakes_to_json(reading));
        (void) json_object_array_add(array, o);
        return view_print_json(array);
}

Exit verb_check(Context *c) {
        _cleanup_(reading_done) Reading reading = {};
        _cleanup_(answer_done) Answer answer = {};
        Exit e;

        e = read_policy(c, &reading);
        if (e == EXIT_DONE && c->args.user)
                e = ask(c, &reading, &answer);
        if (e != EXIT_DONE)
                return e;
        print_mistakes(&reading);
        if (c->args.json)
                e = print_json(&reading, c->args.user ? &answer : NULL);
        else if (c->args.user)
                e = print_answer(&answer);
        else if (!policyfile_exists(reading.path))
                output_line("there is no policy: neither %s nor %s.d", reading.path, reading.path);
        else if (reading.n_errors == 0)
                output_line("%s: no mistakes found", reading.path);
        return exit_worse(e, reading.n_errors ? EXIT_FAILED : EXIT_DONE);
}

/* ---- apply ------------------------------------------------------------------------------------
 */

static Exit tell(const UserInfo *u, const Defaults *d) {
        char limits[VIEW_TEXT_MAX];

        view_limits(&d->effective, limits);
        if (d->damaged)
                output_error("%s: the record was damaged and has been set aside", u->name);
        if (d->result == DEFAULTS_NONE)
                output_line("%s: the policy sets no limits", u->name);
        else if (d->result == DEFAULTS_TAKEN)
                output_line("%s: the policy sets no limits any more%s%s", u->name,
                            limits_is_empty(&d->effective) ? "" : "; still ",
                            limits_is_empty(&d->effective) ? "" : limits);
        else
                output_line("%s: %s%s", u->name, limits,
                            d->result == DEFAULTS_STOOD ? ", as before" : "");
        if (d->enforcement.enforced || d->enforcement.absent || d->result == DEFAULTS_NONE)
                return EXIT_DONE;
        output_error("%s: the kernel does not enforce %s; see 'leash doctor'", u->name,
                     limits_table[d->enforcement.missing].key);
        return EXIT_NOT_ENFORCED;
}

/* `here`: they have a session. */
static Exit apply_to(Context *c, const Reading *reading, const UserInfo *u, bool here) {
        PolicyFacts facts = defaults_facts(u, c->caller.uid_min, reading->host);
        DefaultsRequest q = { .user = u, .by = c->by, .lock_timeout = LAYER_LOCK_TIMEOUT };
        char target[PLACEMENT_NAME_MAX], why[LEDGER_HOLDER_TEXT_MAX];
        PolicyLimits wanted;
        Defaults d = {};
        int r;

        r = defaults_decide(reading->policy, &facts, NULL, &wanted);
        q.limits = &wanted.limits;
        q.tighten = !here && defaults_has_jobs(c->backend, u->uid);
        if (r >= 0)
                r = defaults_set(c->backend, c->ledger, &q, &d);
        if (r < 0) {
                context_target(TARGET_USER, u->uid, "", 0, target);
                output_error("%s: cannot apply the policy: %s", u->name,
                             r == -EXDEV ? "a leash by another backend is on; release it first"
                                         : context_explain(c, target, r, why));
                return EXIT_FAILED;
        }
        return tell(u, &d);
}

/* Whose slice is there without a session, and the policy has limited it: of users who linger, and
 * of jobs that were captured. */
static bool is_limited(const Context *c, const Record *r) {
        return r->scope == TARGET_USER && !limits_is_empty(&r->layers[LAYER_DEFAULT].limits) &&
               !backend_is_other(c->backend, r) && c->backend->ops->exists(c->backend, r) > 0;
}

static bool has_limits(const Context *c, uid_t uid) {
        _cleanup_(record_freep) Record *record = NULL;
        char target[PLACEMENT_NAME_MAX];

        placement_user_slice(uid, target);
        return ledger_read(c->ledger, target, &record) >= 0 && is_limited(c, record);
}

static Exit apply_to_name(Context *c, const Reading *reading, const char *name) {
        LoginSession *sessions;
        UserInfo u = {};
        size_t n;
        Exit e;

        e = find_user(name, reading->policy, &u);
        if (e != EXIT_DONE)
                return e;
        if (login_sessions(u.uid, &sessions, &n) < 0)
                n = 0;
        else
                login_sessions_free(sessions, n);
        if (n > 0 || has_limits(c, u.uid))
                e = apply_to(c, reading, &u, n > 0);
        else
                output_line("%s: not logged in; the policy counts from the next login on", u.name);
        user_info_done(&u);
        return e;
}

static bool is_among(uid_t uid, const uid_t *uids, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (uids[i] == uid)
                        return true;
        return false;
}

/* Adds whose slices are limited and who have no session. */
static int add_limited(const Context *c, uid_t **uids, size_t *n) {
        size_t n_records, damaged;
        Record **records;
        uid_t *more;
        int r;

        r = ledger_read_all(c->ledger, &records, &n_records, &damaged);
        if (r < 0)
                return r;
        more = reallocarray(*uids, *n + n_records + 1, sizeof(uid_t));
        if (more)
                *uids = more;
        for (size_t i = 0; more && i < n_records; i++)
                if (is_limited(c, records[i]) && !is_among(records[i]->uid, more, *n))
                        more[(*n)++] = records[i]->uid;
        ledger_free_records(records, n_records);
        return more ? 0 : -ENOMEM;
}

static Exit apply_to_all(Context *c, const Reading *reading) {
        _cleanup_free_ uid_t *uids = NULL;
        Exit worst = EXIT_DONE;
        size_t n;
        int r;

        r = login_users(&uids, &n);
        if (r >= 0)
                r = add_limited(c, &uids, &n);
        if (r < 0) {
                output_error("cannot find out who is logged in: %s", strerror(-r));
                return EXIT_FAILED;
        }
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *name = NULL;

                if (user_name(uids[i], &name) < 0)
                        return EXIT_FAILED;
                worst = exit_worse(worst, apply_to_name(c, reading, name));
        }
        if (n == 0)
                output_line("nobody is logged in");
        return worst;
}

Exit verb_apply(Context *c) {
        _cleanup_(reading_done) Reading reading = {};
        Exit e;

        if (context_is_restricted(c)) {
                output_error("only root may apply the policy; use sudo");
                return EXIT_REFUSED;
        }
        e = read_policy(c, &reading);
        if (e == EXIT_DONE)
                e = context_open_ledger(c);
        if (e != EXIT_DONE)
                return e;
        print_mistakes(&reading);
        e = c->args.user ? apply_to_name(c, &reading, c->args.user) : apply_to_all(c, &reading);
        return exit_worse(e, reading.n_errors ? EXIT_FAILED : EXIT_DONE);
}
