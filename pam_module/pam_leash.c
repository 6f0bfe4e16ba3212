/* SPDX-License-Identifier: MIT */
/* pam_leash.so: every login starts inside its limits, and no login ever waits for it.
 *
 * What libpam asks for, and nothing else: arguments and facts in, an answer out. Whatever goes
 * wrong is said to the journal, and the user gets in, unless the stack says `strict`. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

#include "account.h"
#include "backend/journal.h"
#include "core/plan.h"
#include "login.h"
#include "os/user.h"

#define EXPORT __attribute__((visibility("default")))

#define DATA_NAME "leash_login"

static void mark_free(pam_handle_t *pamh _unused_, void *mark, int status _unused_) {
        free(mark);
}

static const char *item(pam_handle_t *pamh, int type) {
        const void *value = NULL;

        return pam_get_item(pamh, type, &value) == PAM_SUCCESS && value && *(const char *) value
                       ? value
                       : NULL;
}

/* A program or a module before us may have said it; pam_systemd reads the same, and sets them. */
static const char *variable(pam_handle_t *pamh, const char *name) {
        const char *value = pam_getenv(pamh, name);

        return value && *value ? value : NULL;
}

static LoginFacts gather(pam_handle_t *pamh) {
        return (LoginFacts){
                .user = item(pamh, PAM_USER),
                .service = item(pamh, PAM_SERVICE),
                .remote = item(pamh, PAM_RHOST),
                .class = variable(pamh, "XDG_SESSION_CLASS"),
                .type = variable(pamh, "XDG_SESSION_TYPE"),
        };
}

/* The one place where errors become PAM's. */
static int answer(const ModuleArgs *args, const LoginOutcome *outcome, int r) {
        if (r >= 0 || !args->strict || outcome->system)
                return PAM_SUCCESS;
        return r == -ESRCH ? PAM_USER_UNKNOWN : PAM_SESSION_ERR;
}

static void describe(const Limits *l, char *buf, size_t size) {
        size_t at = 0;

        buf[0] = '\0';
        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                char value[LIMITS_TEXT_MAX];
                int n;

                if (!limits_has(l, i))
                        continue;
                n = snprintf(buf + at, size - at, "%s%s %s", at ? ", " : "", limits_table[i].key,
                             limits_describe(l, i, value));
                if (n < 0 || (size_t) n >= size - at) {
                        buf[at] = '\0'; /* a list of CPUs that does not fit is left out */
                        break;
                }
                at += n;
        }
}

static void report(const ModuleArgs *args, const LoginFacts *facts, const LoginOutcome *outcome,
                   int r) {
        char text[1024], limits[768];

        if (r < 0) {
                (void) snprintf(text, sizeof(text), "%s (%s)%s", outcome->failed ?: "failed",
                                strerrorname_np(-r) ?: "?",
                                args->strict && !outcome->system ? "" : "; logged in all the same");
                journal_login(JOURNAL_MISSING, "pam_leash", facts->user, text);
        } else if (outcome->set || outcome->captured || (args->debug && !outcome->left)) {
                describe(&outcome->effective, limits, sizeof(limits));
                (void) snprintf(text, sizeof(text), "%s%s%s", limits, limits[0] ? "" : "no limits",
                                outcome->captured ? "; the job was moved into the slice" : "");
                journal_login(JOURNAL_DEFAULT, "pam_leash", facts->user, text);
        }
}

static void announce(pam_handle_t *pamh, const LoginOutcome *outcome) {
        char limits[768];

        describe(&outcome->effective, limits, sizeof(limits));
        if (limits[0])
                (void) pam_info(pamh,
                                "Everything you run here shares these limits: %s. "
                                "Ask the administrators of this host if they are in your way.",
                                limits); /* a program without a conversation shows nothing */
}

static void keep_mark(pam_handle_t *pamh, const LoginOutcome *outcome) {
        LoginMark *mark = outcome->known ? malloc(sizeof(LoginMark)) : NULL;

        if (!mark)
                return;
        *mark = (LoginMark){
                .uid = outcome->uid,
                .stamp = outcome->kept ? outcome->stamp : 0,
                .alone = outcome->alone,
                .captured = outcome->captured,
        };
        if (pam_set_data(pamh, DATA_NAME, mark, mark_free) != PAM_SUCCESS)
                free(mark); /* what is left is found by its age */
}

static bool read_args(int argc, const char **argv, ModuleArgs *ret, const char *user) {
        char text[300];
        const char *first;

        if (args_parse(argc, argv, ret, &first) == 0)
                return true;
        (void) snprintf(text, sizeof(text), "'%.200s' in the PAM stack is not understood", first);
        journal_login(JOURNAL_MISSING, "pam_leash", user, text);
        return false;
}

/* A screen locker's, without privileges, opens no session that we could limit. su, pkexec and the
 * like, which a person has started, stay in that person's slice; and a person may stop what runs
 * under their real uid, with the lock of a record in its hand, so that nobody could limit its user.
 * Programs that log somebody in have root's real uid, or as atd may that of a system user. */
static bool logs_in(void) {
        uid_t uid = getuid();

        return geteuid() == 0 && (uid == 0 || plan_is_system_uid(uid, user_uid_min()));
}

/* Opt-in, by an "account" line. Only the word of an admin refuses anybody, never a failure. */
EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv) {
        LoginFacts facts = gather(pamh);
        AccountOutcome outcome;
        ModuleArgs args;
        int r;

        if (geteuid() != 0) /* a screen locker's: its user is here already */
                return PAM_SUCCESS;
        (void) read_args(argc, argv, &args, facts.user);
        r = account_decide(&args, &facts, &outcome);
        if (r < 0) {
                char text[200];

                (void) snprintf(text, sizeof(text), "%s (%s)", outcome.failed,
                                strerrorname_np(-r) ?: "?");
                journal_login(JOURNAL_UNTOLD, "pam_leash", facts.user, text);
        }
        if (r <= 0)
                return PAM_SUCCESS;
        journal_login(
                JOURNAL_DRAIN, "pam_leash", facts.user,
                "refused: this host is being emptied, and they have no session to come back to");
        if (!(flags & PAM_SILENT))
                (void) pam_error(pamh,
                                 "This host is being emptied for maintenance. "
                                 "Please use another, or come back later.");
        return PAM_PERM_DENIED;
}

EXPORT int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv) {
        LoginFacts facts = gather(pamh);
        LoginOutcome outcome = {};
        ModuleArgs args;
        bool sound;
        int r;

        if (!logs_in())
                return PAM_SUCCESS;
        sound = read_args(argc, argv, &args, facts.user);
        r = login_open(&args, &facts, &outcome);
        if (r >= 0 && !sound && args.strict) {
                outcome.failed = "the module's arguments have mistakes";
                r = -EINVAL;
        }
        report(&args, &facts, &outcome, r);
        keep_mark(pamh, &outcome);
        if (args.announce && !(flags & PAM_SILENT) && r >= 0)
                announce(pamh, &outcome);
        return answer(&args, &outcome, r);
}

EXPORT int pam_sm_close_session(pam_handle_t *pamh, int flags _unused_, int argc,
                                const char **argv) {
        LoginFacts facts = gather(pamh);
        const void *data = NULL;
        ModuleArgs args;
        int r;

        if (!logs_in() || pam_get_data(pamh, DATA_NAME, &data) != PAM_SUCCESS || !data)
                return PAM_SUCCESS;
        (void) args_parse(argc, argv, &args, NULL); /* open has told of mistakes */
        r = login_close(&args, &facts, data);
        if (r < 0 || args.debug)
                journal_login(r < 0 ? JOURNAL_MISSING : JOURNAL_DEFAULT, "pam_leash",
                              item(pamh, PAM_USER),
                              r < 0 ? "cannot tidy up after the session; the next leash does"
                                    : "session closed");
        return PAM_SUCCESS;
}
