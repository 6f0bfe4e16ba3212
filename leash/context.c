/* SPDX-License-Identifier: MIT */
/* What every verb works with: the arguments, the host, the ledger, the caller. */

#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/defaults.h"
#include "backend/dropin.h"
#include "backend/journal.h"
#include "backend/layer.h"
#include "backend/login.h"
#include "context.h"
#include "core/parse.h"
#include "core/placement.h"
#include "os/file.h"
#include "os/output.h"
#include "os/proc.h"
#include "os/user.h"

/* PID 1 may be in the middle of a reload; what systemctl allows a call, too. */
#define CALL_TIMEOUT (25 * USEC_PER_SEC)

/* Who is not stopped has let go by then, but for a crowd or a daemon-reload. */
#define LOCK_FIRST (2 * USEC_PER_SEC)

char *context_own_path(void) {
        char path[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

        if (n < 0)
                return NULL;
        path[n] = '\0';
        return strdup(path);
}

static uid_t find_invoker(void) {
        const char *text = getenv("PKEXEC_UID"); /* pkexec(1) clears the rest and sets this */
        uid_t uid;

        return text && parse_uid(text, &uid) >= 0 && uid != 0 ? uid : (uid_t) -1;
}

/* The audit login uid outlives sudo and su. */
static int find_by(const Context *c, char **ret) {
        uid_t uid = c->invoker != (uid_t) -1 ? c->invoker : proc_read_loginuid(getpid());

        return user_name(uid == (uid_t) -1 ? getuid() : uid, ret);
}

static bool is_changing(const Context *c) {
        return c->args.verb->changes && !c->args.dry_run && geteuid() == 0;
}

Exit context_open(Context *c) {
        bool placement;
        int r;

        c->program = context_own_path();
        if (!c->program) {
                output_error("cannot find out where this program is: is /proc mounted?");
                return EXIT_FAILED;
        }
        c->backend_options = (BackendOptions){
                .name = secure_getenv("LEASH_BACKEND"),
                .root = secure_getenv("LEASH_TEST_ROOT") ?: "",
                .program = c->program,
                .timeout = CALL_TIMEOUT,
        };
        r = backend_open(&c->backend_options, &c->backend);
        if (r == -EINVAL) {
                output_error("LEASH_BACKEND=%s: no such backend; systemd and cgroup there are",
                             c->backend_options.name);
                return EXIT_USAGE;
        }
        if (r == -ENODEV && c->args.verb == &verbs[VERB_DOCTOR])
                r = 0; /* it says why */
        if (r == -ENODEV) {
                output_error(
                        "this host offers no way to limit: PID 1 is not systemd, and there is no "
                        "cpu controller to write to; see 'leash doctor'");
                return EXIT_NOT_ENFORCED;
        }
        if (r < 0) {
                output_error("cannot look at this host: %s", strerror(-r));
                return EXIT_FAILED;
        }
        /* PID 1 greets us while others tell who the caller is and where the process belongs. */
        if (is_changing(c) && c->backend->ops->prepare)
                c->backend->ops->prepare(c->backend);
        c->invoker = find_invoker();
        r = find_by(c, &c->by);
        if (r < 0) {
                output_error("%s", strerror(-r));
                return EXIT_FAILED;
        }
        placement = c->backend && c->backend->ops->placement;
        c->caller = (CallerFacts){
                .owner = login_caller_owner(placement),
                .uid_min = user_uid_min(),
                .placement = placement,
                .force = c->args.force && !context_is_restricted(c),
        };
        if (context_is_restricted(c))
                c->caller.owner = c->invoker;
        return EXIT_DONE;
}

void context_catch_up(Context *c) {
        if (geteuid() == 0 && !c->args.dry_run && c->backend && c->ledger)
                (void) defaults_catch_up(c->backend, c->ledger,
                                         c->args.verb->changes); /* the next leash tries again */
}

static void forget_settled(Context *c) {
        ledger_free_records(c->settled, c->n_settled);
        c->settled = NULL;
        c->n_settled = 0;
}

void context_done(Context *c) {
        forget_settled(c);
        c->ledger = ledger_free(c->ledger);
        c->backend = backend_free(c->backend);
        free(TAKE_PTR(c->by));
        free(TAKE_PTR(c->program));
}

void context_tell_desktop(const Context *c, const DesktopNotice *notice) {
        const char *root = c->backend_options.root;

        if (!notify_has_desktop(root, notice->uid))
                return;
        (void) fflush(stdout); /* what was printed is seen now; a failure is told at the end */
        (void) notify_desktop(root, notice);
}

static void tell_settled(const Record *record, Settled what, void *userdata) {
        static const char *const texts[] = {
                [SETTLED_FINISHED] = "an interrupted leash was brought to order",
                [SETTLED_EXPIRED] = "released, its time was up",
                [SETTLED_GONE] = "forgotten, what it was for has ended",
                [SETTLED_ARMED] = "the timer was set again",
        };
        Context *c = userdata;

        if (what == SETTLED_DAMAGED) {
                journal_send(JOURNAL_DAMAGED, record, c->by);
                output_error("a damaged record was set aside in /run/leash; see 'leash doctor'");
                return;
        }
        if (what == SETTLED_GONE && record_is_policys(record)) /* as after every last logout */
                return;
        if (what != SETTLED_ARMED)
                journal_send(what == SETTLED_EXPIRED ? JOURNAL_EXPIRED : JOURNAL_SETTLED, record,
                             c->by);
        if (what == SETTLED_EXPIRED) {
                (void) notify_terminals(c->backend_options.root, record->uid,
                                        "\r\n[leash] Your session is no longer limited.\r\n");
                context_tell_desktop(
                        c, &(DesktopNotice){ .uid = record->uid,
                                             .tag = NOTIFY_LIMITS,
                                             .summary = "Your session is no longer limited" });
        }
        if (c->args.verbose || c->args.expired)
                output_line("%s: %s", record->user, texts[what]);
}

/* Who changes nothing afterwards may keep what was read. */
static Exit settle(Context *c, bool keep) {
        int r;

        if (geteuid() != 0 || c->args.dry_run || !c->backend)
                return EXIT_DONE;
        forget_settled(c);
        r = backend_settle(c->backend, c->ledger, c->args.expired ? LAYER_LOCK_TIMEOUT : 0,
                           tell_settled, c, keep ? &c->settled : NULL, &c->n_settled);
        if (r < 0)
                output_error(
                        "an earlier leash was interrupted, and bringing it to order failed: %s",
                        strerror(-r));
        /* What else was asked for may still work; a timer comes but once. */
        return r < 0 && c->args.expired ? EXIT_FAILED : EXIT_DONE;
}

Exit context_open_ledger(Context *c) {
        int r = ledger_open(c->backend_options.root, true, &c->ledger);

        if (r < 0) {
                output_error("cannot open the ledger /run/leash: %s", strerror(-r));
                return EXIT_FAILED;
        }
        return settle(c, false);
}

Exit context_look_at_ledger(Context *c) {
        int r = ledger_open(c->backend_options.root, false, &c->ledger);

        if (r == -ENOENT || r == -EACCES)
                return EXIT_DONE;
        if (r < 0) {
                output_error("cannot read the ledger /run/leash: %s", strerror(-r));
                return EXIT_FAILED;
        }
        return settle(c, true);
}

/* What others than root may see; the names have to be looked up. */
static int read_public(Context *c, Record ***ret, size_t *ret_n) {
        Record **records;
        size_t n;
        int r;

        r = dropin_read_public(c->backend_options.root, &records, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                char *name;

                if (user_name(records[i]->uid, &name) < 0)
                        continue;
                free(records[i]->user);
                records[i]->user = name;
        }
        *ret = records;
        *ret_n = n;
        return 0;
}

int context_read_records(Context *c, Record ***ret, size_t *ret_n, size_t *ret_damaged) {
        *ret_damaged = 0;
        if (c->settled) { /* a thousand leashes take a while to read */
                *ret = TAKE_PTR(c->settled);
                *ret_n = c->n_settled;
                c->n_settled = 0;
                return 0;
        }
        return c->ledger ? ledger_read_all(c->ledger, ret, ret_n, ret_damaged)
                         : read_public(c, ret, ret_n);
}

void resolved_done(Resolved *r) {
        fd_closep(&r->pidfd);
        r->pidfd = -EBADF;
}

static Exit no_process(const char *operand) {
        output_error("%s: no such process", operand);
        return EXIT_NO_PROCESS;
}

/* htop and "ps -L" show threads like processes. */
static Exit no_process_but_thread(const char *operand, pid_t tid) {
        pid_t process = proc_thread_group(tid);

        if (process <= 0 || process == tid)
                return no_process(operand);
        output_error("%s is a thread; name its process: %d", operand, (int) process);
        return EXIT_NO_PROCESS;
}

Exit context_resolve(Context *c, const char *operand, Resolved *ret) {
        _cleanup_(resolved_done) Resolved found = RESOLVED_NULL;
        pid_t pid;
        int r;

        r = parse_pid(operand, &pid);
        if (r == -ERANGE)
                return no_process(operand);
        if (r < 0) {
                output_error("'%s' is neither a process id nor a verb; see 'leash --help'",
                             operand);
                return EXIT_USAGE;
        }
        found.pidfd = proc_open(pid);
        if (found.pidfd == -EINVAL)
                return no_process_but_thread(operand, pid);
        if (found.pidfd == -ESRCH)
                return no_process(operand);
        if (found.pidfd < 0) {
                output_error("%s: cannot pin the process: %s", operand, strerror(-found.pidfd));
                return EXIT_FAILED;
        }
        r = backend_facts(c->backend, pid, found.pidfd, &found.facts);
        if (r == -ESRCH)
                return no_process(operand);
        if (r < 0) {
                output_error("%s: cannot read about the process: %s", operand, strerror(-r));
                return exit_from_errno(r);
        }
        found.refusal = plan_process(&found.facts, &c->caller, &found.plan);
        *ret = found;
        found.pidfd = -EBADF;
        return EXIT_DONE;
}

Exit context_refuse(Context *c _unused_, const Resolved *r) {
        const char *unit = r->facts.placement.unit;
        char what[512], remedy[512];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* from the one table in core/plan.c */
        (void) snprintf(what, sizeof(what), plan_refusal_what(r->refusal, *unit != '\0'), unit);
        (void) snprintf(remedy, sizeof(remedy), plan_refusal_remedy(r->refusal), unit);
#pragma GCC diagnostic pop
        output_error("%d (%s) %s; %s", (int) r->facts.pid, r->facts.comm, what, remedy);
        return EXIT_REFUSED;
}

static Exit refuse_owner(const char *name, PlanRefusal refusal) {
        output_error("%s: %s; %s", name,
                     refusal == PLAN_ROOT_SESSION  ? "this is root"
                     : refusal == PLAN_OWN_SESSION ? "leash was called from this user's own session"
                                                   : "this is a system user",
                     plan_refusal_remedy(refusal));
        return EXIT_REFUSED;
}

static Exit find_user(const char *name, uid_t *ret) {
        int r = user_uid(name, ret);

        if (r == -ESRCH) {
                output_error("%s: no such user", name);
                return EXIT_REFUSED;
        }
        if (r < 0) {
                output_error("%s: cannot look up the user: %s", name, strerror(-r));
                return EXIT_FAILED;
        }
        return EXIT_DONE;
}

static Exit find_session(const char *id, uid_t *ret) {
        LoginSession session = {};
        int r = login_session(id, &session);

        if (r < 0) {
                output_error("%s: no such session; 'loginctl' lists them", id);
                return EXIT_REFUSED;
        }
        *ret = session.uid;
        login_session_done(&session);
        return EXIT_DONE;
}

Exit context_named_owner(Context *c, uid_t *ret_uid, char ret_session[PLACEMENT_NAME_MAX]) {
        const char *name = c->args.user ?: c->args.session;
        PlanRefusal refusal;
        uid_t uid;
        Exit e;

        e = c->args.user ? find_user(name, &uid) : find_session(name, &uid);
        if (e != EXIT_DONE)
                return e;
        refusal = plan_owner(uid, &c->caller);
        /* Looking at oneself, and letting go, are nobody's harm. */
        if (refusal != PLAN_OK && c->args.verb == &verbs[VERB_CAP])
                return refuse_owner(name, refusal);
        (void) snprintf(ret_session, PLACEMENT_NAME_MAX, "%s", c->args.session ?: "");
        *ret_uid = uid;
        return EXIT_DONE;
}

void context_target(TargetScope scope, uid_t uid, const char *session, pid_t root,
                    char ret[PLACEMENT_NAME_MAX]) {
        switch (scope) {
        case TARGET_SESSION:
                (void) snprintf(ret, PLACEMENT_NAME_MAX, "session-%.200s.scope", session);
                break;
        case TARGET_TREE:
                (void) snprintf(ret, PLACEMENT_NAME_MAX, "leash-tree-%u-%d.scope", (unsigned) uid,
                                (int) root);
                break;
        default:
                placement_user_slice(uid, ret);
        }
}

int context_lock(Context *c, const char *target, LedgerLock **ret) {
        LedgerHolder holder;
        int r;

        r = ledger_lock(c->ledger, target, LOCK_FIRST, ret);
        if (r != -EBUSY || (ledger_find_holder(c->ledger, &c->backend->fs, target, &holder) >= 0 &&
                            holder.stopped))
                return r;
        return ledger_lock_in_turn(c->ledger, target, LAYER_LOCK_TIMEOUT, ret);
}

const char *context_explain(Context *c, const char *target, int error,
                            char buf[static LEDGER_HOLDER_TEXT_MAX]) {
        LedgerHolder holder;

        if (error != -EBUSY)
                return strerror(-error);
        if (ledger_find_holder(c->ledger, &c->backend->fs, target, &holder) < 0)
                return "another leash is still working on it";
        return ledger_describe_holder(&holder, buf);
}
