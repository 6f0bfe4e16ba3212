/* SPDX-License-Identifier: MIT */
/* One login: from its facts and the policy to limits on the user's slice.
 *
 * The program around us is somebody else's: nothing of it is changed (no signals, threads,
 * environment, umask, working directory, standard streams), nothing of it is believed but what it
 * hands over, and nothing stays open. Every wait has one deadline. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/journal.h"
#include "backend/login.h"
#include "core/plan.h"
#include "core/sessions.h"
#include "login.h"
#include "os/clock.h"
#include "os/machine.h"
#include "os/policyfile.h"
#include "os/proc.h"

/* How long the kernel may take to show what PID 1 says it has set: it does so in the same turn of
 * its loop, and the login is not to wait for a kernel that never will. */
#define PATIENCE (20 * USEC_PER_MSEC)

/* The rest is left for PID 1 when another login of the user, or an admin's command, holds the
 * record. */
static usec_t lock_time(usec_t time) {
        return time / 2;
}

static BackendOptions options_within(usec_t time) {
        return (BackendOptions){
                .root = "",
                /* Not ours: another layer of the record may have an end. */
                .program = BINDIR "/leash",
                .timeout = time,
                .deadline = clock_monotonic() + time,
                .patience = PATIENCE,
        };
}

static int open_backend(usec_t time, Backend **ret) {
        const BackendOptions options = options_within(time);

        return backend_systemd.probe(&options) ? backend_open_with(&backend_systemd, &options, ret)
                                               : -ENODEV;
}

/* The first mistake is enough here, `leash check` tells all. Returns how many there are. */
static size_t log_mistakes(const Policy *policy, const char *user) {
        size_t n, total;
        const PolicyError *e = policy_errors(policy, &n, &total);
        char text[512];

        if (n == 0)
                return 0;
        (void) snprintf(text, sizeof(text), "%s:%u: %s (%zu in all, see 'leash check')", e[0].file,
                        e[0].line, e[0].text, total);
        journal_login(JOURNAL_MISSING, "pam_leash", user, text);
        return total;
}

/* Everything that is looked up: the user, the policy, what it says. */
typedef struct Wanted {
        UserInfo user;
        uid_t uid_min;
        Policy *policy;
        PolicyLimits limits;
} Wanted;

static void wanted_done(Wanted *w) {
        user_info_done(&w->user);
        w->policy = policy_free(w->policy);
}

/* A group whose name is not known matches nothing: its members may miss limits, or be exempt in
 * vain. */
static int look_up_groups(const ModuleArgs *args, Wanted *w, LoginOutcome *outcome) {
        static const char failed[] = "some of the user's groups cannot be looked up";
        int r = user_info_groups(&w->user);

        if (r < 0 || !w->user.groups_unsure)
                return r;
        if (args->strict && !outcome->system) {
                outcome->failed = failed;
                return -EIO;
        }
        journal_login(JOURNAL_MISSING, "pam_leash", w->user.name, failed);
        return 0;
}

/* No policy is one that limits nobody; but not where the stack names one. */
static int look_for_policy(const ModuleArgs *args, const Wanted *w, LoginOutcome *outcome) {
        static const char failed[] = "the policy that conf= names is not there";

        if (!args->named || policyfile_exists(args->conf))
                return 0;
        if (args->strict && !outcome->system) {
                outcome->failed = failed;
                return -ENOENT;
        }
        journal_login(JOURNAL_MISSING, "pam_leash", w->user.name, failed);
        return 0;
}

static int read_policy(const ModuleArgs *args, Wanted *w, LoginOutcome *outcome) {
        LimitsHost host;
        int r;

        r = look_for_policy(args, w, outcome);
        if (r < 0)
                return r;
        machine_describe(&host);
        r = policyfile_load(args->conf, &host, &w->policy);
        if (r < 0)
                return r;
        if (log_mistakes(w->policy, w->user.name) > 0 && args->strict && !outcome->system) {
                outcome->failed = "the policy has mistakes";
                return -EBADMSG;
        }
        return policy_wants_groups(w->policy) ? look_up_groups(args, w, outcome) : 0;
}

static int decide(const LoginFacts *facts, Wanted *w) {
        char host[MACHINE_NAME_MAX];
        PolicyFacts common = defaults_facts(&w->user, w->uid_min, machine_name(host));
        PolicyFacts opening = common;
        int r;

        opening.service = facts->service;
        opening.class = facts->class;
        opening.type = session_type_of(facts->service, facts->type);
        opening.remote = facts->remote;
        r = defaults_decide(w->policy, &common, &opening, &w->limits);
        return r < 0 ? r : 0;
}

static int find_user(const LoginFacts *facts, Wanted *w, LoginOutcome *outcome) {
        int r;

        /* By name, whatever NSS, memory or files say: root is there to mend them. */
        outcome->system = facts->user && strcmp(facts->user, "root") == 0;
        outcome->failed = "the user cannot be looked up";
        r = facts->user ? user_info(facts->user, &w->user) : -ESRCH;
        if (r < 0)
                return r;
        outcome->known = true;
        outcome->uid = w->user.uid;
        w->uid_min = user_uid_min();
        outcome->system |= plan_is_system_uid(w->user.uid, w->uid_min);
        outcome->failed = NULL;
        return 0;
}

static int find_wanted(const ModuleArgs *args, const LoginFacts *facts, Wanted *w,
                       LoginOutcome *outcome) {
        int r;

        r = read_policy(args, w, outcome);
        if (r >= 0)
                r = decide(facts, w);
        if (r < 0 && !outcome->failed)
                outcome->failed = "the policy cannot be read";
        return r;
}

/* user@.service, whose stack on Fedora includes what logins do. It does not know by which way its
 * user comes, and would decide anew what the login that has it started has decided. A lingering
 * user's has nobody else to ask. Returns 1, 0, -errno. */
static int is_left_to_a_login(const LoginFacts *facts, const Wanted *w, LoginOutcome *outcome) {
        int r;

        if (!facts->service || strcmp(facts->service, "systemd-user") != 0)
                return 0;
        r = login_has_any_session(w->user.uid);
        if (r < 0)
                outcome->failed = "whether the user has a session cannot be told";
        return r;
}

/* Cron and at run jobs outside of every user's slice, unless pam_systemd stands in their stack.
 * What is in one already, by sudo or su another user's, stays where it is limited. */
static bool is_in_a_slice(void) {
        _cleanup_free_ char *cgroup = NULL;
        Placement p;

        return proc_read_unit_cgroup(getpid(), &cgroup) >= 0 && placement_parse(cgroup, &p) >= 0 &&
               p.owner != (uid_t) -1;
}

static const char *why(int r) {
        switch (r) {
        case -EBUSY:
                return "the ledger is busy";
        case -ENODEV:
                return "this host does not run systemd";
        case -ETIMEDOUT:
                return "PID 1 did not answer in time";
        default:
                return "the limits cannot be set";
        }
}

static int set_limits(Backend *b, Ledger *ledger, const Wanted *w, usec_t time,
                      LoginOutcome *outcome) {
        const DefaultsRequest q = {
                .user = &w->user,
                .limits = &w->limits.limits,
                .by = "policy",
                .lock_timeout = lock_time(time),
                .login = true,
        };
        Defaults d = {};
        int r;

        r = defaults_set(b, ledger, &q, &d);
        if (d.damaged)
                journal_send(JOURNAL_DAMAGED, NULL, "pam_leash");
        outcome->kept = d.stamp != 0;
        outcome->stamp = d.stamp;
        outcome->alone = d.alone;
        if (r < 0) {
                outcome->failed = why(r);
                return r;
        }
        outcome->set = d.result == DEFAULTS_SET || d.result == DEFAULTS_TAKEN;
        outcome->effective = d.effective;
        if (d.result == DEFAULTS_NONE || d.enforcement.enforced || d.enforcement.absent)
                return 0;
        outcome->failed = "the kernel does not enforce them, see 'leash doctor'";
        return -EOPNOTSUPP;
}

/* From here on, nobody is asked but the kernel, files in /run, and PID 1. */
static int limit(const Wanted *w, usec_t time, LoginOutcome *outcome) {
        _cleanup_(backend_freep) Backend *backend = NULL;
        _cleanup_(ledger_freep) Ledger *ledger = NULL;
        int r;

        r = ledger_open("", !limits_is_empty(&w->limits.limits), &ledger);
        if (r == -ENOENT) /* nothing is wanted, and nothing was ever done */
                return 0;
        if (r < 0) {
                outcome->failed = "the ledger cannot be opened";
                return r;
        }
        ledger_hurry(ledger);
        r = open_backend(time, &backend);
        if (r < 0) {
                outcome->failed = why(r);
                return r;
        }
        return set_limits(backend, ledger, w, time, outcome);
}

/* A job whose limits could not be set, whoever is to blame for that, is kept from running outside
 * of those there are. */
static int capture(const Wanted *w, const LoginFacts *facts, usec_t time, LoginOutcome *outcome) {
        _cleanup_(backend_freep) Backend *backend = NULL;
        int r;

        if ((limits_is_empty(&outcome->effective) && limits_is_empty(&w->limits.limits)) ||
            is_in_a_slice())
                return 0;
        r = open_backend(time, &backend);
        if (r >= 0)
                r = backend->ops->adopt(backend, w->user.uid, w->user.name, facts->service ?: "PAM",
                                        getpid());
        if (r < 0)
                outcome->failed = "the job cannot be moved into the user's slice";
        else
                outcome->captured = true;
        return r;
}

int login_open(const ModuleArgs *args, const LoginFacts *facts, LoginOutcome *ret) {
        _cleanup_(wanted_done) Wanted wanted = {};
        usec_t end, now;
        int r, k;

        *ret = (LoginOutcome){};
        r = find_user(facts, &wanted, ret);
        if (r < 0)
                return r;
        r = is_left_to_a_login(facts, &wanted, ret);
        ret->left = r > 0;
        if (r != 0)
                return r < 0 ? r : 0;
        r = find_wanted(args, facts, &wanted, ret);
        if (r < 0)
                return r;
        if (!args->capture)
                return limit(&wanted, LOGIN_TIME, ret);
        /* Half of it is left for moving the job, however long the limits took. */
        end = clock_monotonic() + JOB_TIME;
        r = limit(&wanted, JOB_TIME / 2, ret);
        now = clock_monotonic();
        k = capture(&wanted, facts, end > now ? end - now : 0, ret);
        return k < 0 ? k : r;
}

static bool has_defaults(Ledger *ledger, uid_t uid) {
        _cleanup_(record_freep) Record *record = NULL;
        char target[PLACEMENT_NAME_MAX];

        placement_user_slice(uid, target);
        return ledger_read(ledger, target, &record) >= 0 &&
               !limits_is_empty(&record->layers[LAYER_DEFAULT].limits);
}

/* What the policy says to those that are left. Returns 1; 0 if it says the same to all, nothing
 * that is sure, or there are none to ask it for; -errno. */
static int decide_for_rest(const ModuleArgs *args, const LoginFacts *facts, const LoginMark *mark,
                           Wanted *w) {
        LoginOutcome outcome = {};
        char host[MACHINE_NAME_MAX];
        PolicyFacts common;
        LimitsHost machine;
        size_t n, total;
        int r;

        r = find_user(facts, w, &outcome);
        if (r < 0 || w->user.uid != mark->uid)
                return r < 0 ? r : 0;
        machine_describe(&machine);
        r = policyfile_load(args->conf, &machine, &w->policy);
        if (r < 0)
                return r;
        (void) policy_errors(w->policy, &n, &total);
        if (total > 0 || !policy_wants_sessions(w->policy))
                return 0;
        r = policy_wants_groups(w->policy) ? user_info_groups(&w->user) : 0;
        if (r < 0)
                return r;
        common = defaults_facts(&w->user, w->uid_min, machine_name(host));
        return defaults_decide_for_rest(w->policy, &common, &w->limits);
}

/* Other jobs may be what the limits are for. Who holds the record decides by what there is when
 * they look. Of sessions this is not done: the process that closes one is in a scope that its user
 * may stop with a signal, by logind. */
static int decide_again(const ModuleArgs *args, const LoginFacts *facts, const LoginMark *mark,
                        Backend *b, Ledger *ledger) {
        _cleanup_(wanted_done) Wanted wanted = {};
        DefaultsRequest q = {
                .user = &wanted.user,
                .limits = &wanted.limits.limits,
                .by = "policy",
                .lock_timeout = lock_time(LOGOUT_TIME),
                .logout = true,
                .stamp = mark->alone ? mark->stamp : 0,
                .decided = clock_realtime(),
        };
        Defaults d = {};
        int r;

        if (!has_defaults(ledger, mark->uid) || defaults_has_jobs(b, mark->uid))
                return 0;
        r = decide_for_rest(args, facts, mark, &wanted);
        if (r > 0)
                r = defaults_set(b, ledger, &q, &d);
        if (r >= 0 && d.result == DEFAULTS_SET) /* for who came meanwhile */
                (void) defaults_catch_up(b, ledger, false);
        return r < 0 && r != -EBUSY ? r : 0;
}

int login_close(const ModuleArgs *args, const LoginFacts *facts, const LoginMark *mark) {
        _cleanup_(backend_freep) Backend *backend = NULL;
        _cleanup_(ledger_freep) Ledger *ledger = NULL;
        int r;

        r = ledger_open("", false, &ledger);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (mark->stamp == 0 && !mark->captured)
                return 0;
        ledger_hurry(ledger);
        r = open_backend(LOGOUT_TIME, &backend);
        if (r >= 0 && mark->stamp != 0)
                r = defaults_end(backend, ledger, mark->uid, mark->stamp, lock_time(LOGOUT_TIME));
        if (r != 0 || !mark->captured)
                return MIN_OF(r, 0);
        return decide_again(args, facts, mark, backend, ledger);
}
