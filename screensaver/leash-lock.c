/* SPDX-License-Identifier: MIT */
/* leash-lock: locks a session that is left alone, and keeps it locked. */

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "options.h"
#include "status.h"
#include "testing.h"
#include "x11.h"

static Exit fail(int r) {
        switch (r) {
        case -EBUSY:
                options_error("a leash-lock runs on this display already");
                return EXIT_REFUSED;
        case -ECONNREFUSED:
                options_error("no X display: is DISPLAY set?");
                return EXIT_FAILED;
        case -EOPNOTSUPP:
                options_error("the X server cannot tell how long there was no input");
                return EXIT_REFUSED;
        case -EPROTONOSUPPORT:
                options_error("this is a Wayland session: its compositor has to lock it");
                return EXIT_REFUSED;
        case -EPIPE:
                options_error("the X server is gone");
                return EXIT_DONE; /* the session has ended, and nothing is left to lock */
        case -ENXIO:
                options_error("no leash-lock runs on this display");
                return EXIT_NONE;
        case -ETIMEDOUT:
                options_error("the leash-lock of this display does not answer");
                return EXIT_FAILED;
        default:
                options_error("%s", strerror(-r));
                return EXIT_FAILED;
        }
}

static Exit verb_run(const Arguments *a) {
        _cleanup_(lockpolicy_done) LockPolicy policy = {};
        int r;

        (void) a;
        r = lockpolicy_load(testing_root(), &policy);
        if (r >= 0)
                r = daemon_run(&policy);
        return r < 0 ? fail(r) : EXIT_DONE;
}

static Exit verb_status(const Arguments *a) {
        char answer[X11_ANSWER_MAX];
        int r;

        r = x11_ask(NULL, X11_EVENT_ASKED_STATUS, answer);
        if (r < 0)
                return fail(r);
        status_print(answer, a->json, stdout);
        return EXIT_DONE;
}

static Exit verb_lock(const Arguments *a) {
        char answer[X11_ANSWER_MAX];
        int r;

        (void) a;
        r = x11_ask(NULL, X11_EVENT_ASKED_LOCK, answer);
        return r < 0 ? fail(r) : EXIT_DONE;
}

/* Locks the text console or terminal this runs on, with what is installed. Only from trusted
 * directories: the PATH is the user's. */
static Exit verb_tty(const Arguments *a) {
        static const char *const lockers[][3] = {
                { "/usr/bin/vlock", NULL },          { "/usr/sbin/vlock-main", "-c", NULL },
                { "/usr/bin/physlock", NULL },       { "/usr/local/bin/vlock", NULL },
                { "/usr/local/bin/physlock", NULL },
        };
        _cleanup_(lockpolicy_done) LockPolicy policy = {};
        int r;

        r = lockpolicy_load(testing_root(), &policy);
        if (r < 0)
                return fail(r);
        if (a->seconds) {
                (void) printf("%" PRIu64 "\n", policy.idle.idle / USEC_PER_SEC);
                return EXIT_DONE;
        }
        if (!isatty(STDIN_FILENO)) {
                options_error("this is no terminal");
                return EXIT_REFUSED;
        }
        for (size_t i = 0; i < ELEMENTSOF(lockers); i++)
                (void) execv(lockers[i][0], (char **) lockers[i]); /* else the next one */
        options_error("neither vlock nor physlock is installed; log out instead");
        return EXIT_REFUSED;
}

const Verb verbs[] = {
        { NULL, "", "lock this display by the policy, until told to end", verb_run },
        { "status", "[--json]", "how the leash-lock of this display is", verb_status },
        { "lock", "", "lock this display now", verb_lock },
        { "tty", "[--seconds]", "lock this terminal", verb_tty },
};
const size_t n_verbs = ELEMENTSOF(verbs);

static Exit run(int argc, char *argv[]) {
        Arguments a;
        Exit e;

        e = options_parse(argc, argv, &a);
        if (e != EXIT_DONE)
                return e;
        if (a.help) {
                options_help(stdout);
                return EXIT_DONE;
        }
        if (a.version) {
                (void) puts("leash-lock " LEASH_VERSION);
                return EXIT_DONE;
        }
        return a.verb->run(&a);
}

int main(int argc, char *argv[]) {
        Exit e;

        e = run(argc, argv);
        if (fflush(stdout) != 0 && e == EXIT_DONE) {
                options_error("cannot write the result: %s", strerror(errno));
                e = EXIT_FAILED;
        }
        return e;
}
