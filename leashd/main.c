/* SPDX-License-Identifier: MIT */
/* leashd: squeeze before kill, only while others suffer, and never forget to let go. */

#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "backend/bus.h"
#include "core/parse.h"
#include "daemon.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/user.h"

#define UNIT "leashd.service"
#define CALL_TIMEOUT (10 * USEC_PER_SEC)
#define SAY_EVERY (600 * USEC_PER_SEC)

/* A journal that has stopped reading is no reason to stop. What is no socket is somebody's terminal
 * or file. */
static void say(const char *line) {
        if (send(STDERR_FILENO, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
            errno == ENOTSOCK)
                (void) fputs(line, stderr);
}

void daemon_log(int priority, const char *format, ...) {
        _cleanup_free_ char *escaped = NULL, *line = NULL;
        char text[1024];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        escaped = escape_text(text, sizeof(text));
        /* sd-daemon(3): the journal reads the priority off the line */
        line = escaped ? file_path("<%d>leashd: %s\n", priority, escaped) : NULL;
        say(line ?: "<3>leashd: out of memory\n");
}

bool daemon_may_say(usec_t *said) {
        usec_t now = clock_monotonic();

        if (*said > 0 && now - *said < SAY_EVERY)
                return false;
        *said = now;
        return true;
}

static void help(void) {
        (void) fputs(
                "leashd [OPTIONS]\n"
                "Limits sessions left behind and users who take more than their share.\n\n"
                "Options:\n"
                "      --watch    say what would be done, and do nothing\n"
                "  -h, --help     this text\n"
                "      --version  the version\n\n"
                "The rules are in leash.conf(5). See leashd(8).\n",
                stdout);
}

/* Returns 1 to go on, 0 when all is said, -EINVAL for what it does not know. */
static int parse(int argc, char *argv[], Daemon *d) {
        static const struct option longs[] = {
                { "watch", no_argument, NULL, 'w' },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'v' },
                {},
        };

        for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;) {
                switch (c) {
                case 'w':
                        d->arg_watch = true;
                        break;
                case 'h':
                        help();
                        return 0;
                case 'v':
                        (void) puts("leashd " LEASH_VERSION);
                        return 0;
                default:
                        return -EINVAL;
                }
        }
        return optind == argc ? 1 : -EINVAL;
}

/* leash is beside this program, or where the system looks. */
static char *find_leash(void) {
        char path[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
        char *slash;

        if (n < 0)
                return NULL;
        path[n] = '\0';
        slash = strrchr(path, '/');
        *slash = '\0';
        for (size_t i = 0; i < 2; i++) {
                _cleanup_free_ char *leash =
                        i == 0 ? file_path("%s/leash", path) : file_path("%s/../bin/leash", path);

                if (leash && access(leash, X_OK) == 0)
                        return realpath(leash, NULL);
        }
        return strdup("/usr/bin/leash");
}

static void told(const Record *record, Settled what, void *userdata _unused_) {
        daemon_log(LOG_NOTICE, "%s: brought to order (%d)", record ? record->target : "a record",
                   (int) what);
}

static int open_backend(Daemon *d) {
        int r;

        d->program = find_leash();
        if (!d->program)
                return -ENOMEM;
        d->options = (BackendOptions){
                .name = "systemd",
                .root = d->root,
                .program = d->program,
                .timeout = CALL_TIMEOUT,
        };
        if (!backend_systemd.probe(&d->options)) /* which a backend that is named is not asked */
                return -ENODEV;
        r = backend_open(&d->options, &d->backend);
        if (r >= 0)
                r = ledger_open(d->root, true, &d->ledger);
        if (r < 0)
                return r;
        r = backend_settle(d->backend, d->ledger, 0, told, d, NULL, NULL);
        if (r < 0)
                daemon_log(LOG_WARNING,
                           "an earlier leash was interrupted, and bringing it to order failed: %s",
                           strerror(-r));
        return 0;
}

static int open_all(Daemon *d) {
        int r;

        d->uid_min = user_uid_min();
        r = open_backend(d);
        if (r >= 0)
                r = keep_load(d);
        if (r >= 0)
                r = loop_reload(d);
        if (r >= 0)
                r = act_adopt(d);
        return r < 0 ? r : loop_open(d);
}

/* A restart is over in a moment, and what is squeezed stays so. Else nobody will be there. */
static bool comes_back(const Daemon *d) {
        _cleanup_free_ char *job = NULL;
        Bus bus = {};
        bool restart = false;

        if (bus_open(d->root, CALL_TIMEOUT, 0, &bus) < 0)
                return false;
        if (bus_get_job(&bus, UNIT, &job) >= 0)
                restart = strcmp(job, "restart") == 0 || strcmp(job, "try-restart") == 0;
        bus_close(&bus);
        return restart;
}

static void close_all(Daemon *d) {
        if (d->stopping) {
                (void) sd_notify(0, "STOPPING=1");
                keep_save(d);
                if (!d->watch && !comes_back(d))
                        act_let_go(d);
        }
        loop_close(d);
        sessions_done(&d->sessions);
        states_done(&d->states);
        runaways_done(&d->cpu);
        runaways_done(&d->memory);
        hours_done(&d->hours);
        drifts_done(&d->drifts);
        d->rules = rules_free(d->rules);
        d->ledger = ledger_free(d->ledger);
        d->backend = backend_free(d->backend);
        free(TAKE_PTR(d->program));
        fd_closep(&d->lock);
}

static int run(Daemon *d) {
        int r;

        r = open_all(d);
        if (r < 0) {
                daemon_log(LOG_ERR, "cannot begin: %s",
                           r == -ENODEV     ? "PID 1 is not systemd"
                           : r == -EALREADY ? "another leashd runs"
                                            : strerror(-r));
        } else {
                (void) sd_notifyf(0, "READY=1\nSTATUS=%s",
                                  d->watch ? "watching only" : "waiting for logind");
                if (d->watch)
                        daemon_log(LOG_NOTICE, "watching only: nobody will be limited");
                r = sd_event_loop(d->event);
                if (r < 0)
                        daemon_log(LOG_ERR, "the event loop has failed: %s", strerror(-r));
        }
        close_all(d);
        return r;
}

int main(int argc, char *argv[]) {
        Daemon d = {
                .root = secure_getenv("LEASH_TEST_ROOT") ?: "",
                .displays_watch = -EBADF,
                .drift_watch = -EBADF,
                .lock = -EBADF,
                .memory.kind = RUNAWAY_MEMORY,
        };
        int r = parse(argc, argv, &d);

        if (r < 0)
                (void) fputs("leashd: unknown argument; see 'leashd --help'\n", stderr);
        if (r <= 0)
                return r < 0 ? 2 : 0;
        if (geteuid() != 0) {
                (void) fputs("leashd: this needs root\n", stderr);
                return 1;
        }
        return run(&d) < 0 ? 1 : 0;
}
