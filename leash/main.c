/* SPDX-License-Identifier: MIT */
/* leash: limit the login session that owns a process. */

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "os/output.h"
#include "verbs.h"

#define PKEXEC "/usr/bin/pkexec"

const Verb verbs[_VERB_MAX] = {
        [VERB_CAP] = { NULL, "PID... | -u USER | -s SESSION",
                       "limit the session that owns each process", true, verb_cap },
        [VERB_RELEASE] = { "release", "PID... | -u USER | -s SESSION | --all",
                           "give back what was before", true, verb_release },
        [VERB_LIST] = { "list", "[--json]", "the leashes in force", false, verb_list },
        [VERB_SHOW] = { "show", "PID... | -u USER | -s SESSION [--json]", "all about one user",
                        false, verb_show },
        [VERB_EXPLAIN] = { "explain", "PID...", "what would be done, and why", false,
                           verb_explain },
        [VERB_CHECK] = { "check", "[-u USER [--service NAME]] [--json]",
                         "is the policy sound, and which line gives a user which limit?", false,
                         verb_check },
        [VERB_APPLY] = { "apply", "-u USER | --all", "have the policy count for who is logged in",
                         true, verb_apply },
        [VERB_TOP] = { "top", "", "users live, with keys to leash, release and show", false,
                       verb_top },
        [VERB_LOG] = { "log", "[-u USER] [--since TIME] [--json]", "what leashd has done, and why",
                       false, verb_log },
        [VERB_METRICS] = { "metrics", "", "users, sessions and limits as OpenMetrics", false,
                           verb_metrics },
        [VERB_DOCTOR] = { "doctor", "[--json]", "can this host enforce limits?", false,
                          verb_doctor },
};

/* Changing takes root. polkit may let others in (org.leash.limit); leash then allows them less. */
static Exit become_root(int argc, char *argv[]) {
        _cleanup_free_ char **args = calloc((size_t) argc + 3, sizeof(char *));
        _cleanup_free_ char *program = context_own_path();

        if (!args || !program)
                return EXIT_FAILED;
        if (access(PKEXEC, X_OK) < 0) {
                output_error("this needs root; use sudo");
                return EXIT_REFUSED;
        }
        args[0] = (char *) "pkexec";
        args[1] = program;
        for (int i = 1; i < argc; i++)
                args[i + 1] = argv[i];
        (void) execv(PKEXEC, args);
        output_error("cannot run pkexec: %s; use sudo", strerror(errno));
        return EXIT_FAILED;
}

/* Everything is done, written and unlocked by now. The kernel takes back memory and connections in
 * less time than we and the libraries take to let go of each; only who looks for leaks waits. */
static Exit finish(Exit e) {
        if (fflush(stdout) != 0 && e == EXIT_DONE) {
                output_error("cannot write the result: %s", strerror(errno));
                e = EXIT_FAILED;
        }
#ifndef LEASH_SANITIZED
        _exit(e);
#endif
        return e;
}

/* Ctrl-Z, or writing to a terminal from the background, would stop it with a user's record locked:
 * nobody else could limit them or let them go. */
static void stay_awake(void) {
        (void) signal(SIGTSTP, SIG_IGN);
        (void) signal(SIGTTIN, SIG_IGN);
        (void) signal(SIGTTOU, SIG_IGN);
}

static Exit run(int argc, char *argv[]) {
        _cleanup_(context_done) Context c = {};
        _cleanup_free_ char **original = calloc((size_t) argc + 1, sizeof(char *));
        Exit e;

        if (!original)
                return EXIT_FAILED;
        memcpy(original, argv, (size_t) argc * sizeof(char *)); /* parsing reorders argv */
        e = options_parse(argc, argv, &c.args);
        if (e != EXIT_DONE)
                return e;
        if (c.args.help) {
                options_help(stdout);
                return EXIT_DONE;
        }
        if (c.args.version) {
                output_line("leash " LEASH_VERSION);
                return EXIT_DONE;
        }
        if (c.args.completion)
                return options_completion(c.args.completion, stdout);
        if (c.args.verb->changes && !c.args.dry_run && geteuid() != 0)
                return become_root(argc, original);
        if (c.args.verb->changes)
                stay_awake();
        e = context_open(&c);
        if (e == EXIT_DONE) {
                e = c.args.verb->run(&c);
                context_catch_up(&c);
        }
        return finish(e);
}

int main(int argc, char *argv[]) {
        return finish(run(argc, argv));
}
