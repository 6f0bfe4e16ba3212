/* SPDX-License-Identifier: MIT */
/* leash-xrdp end: the polite ladder, as leashd climbs it, for whom an admin names.
 *
 * Each step gets the grace to do its work, and what is gone before is left alone: SIGTERM to the
 * leader, by which xrdp ends the window manager, closes PAM and removes its sockets; logind stops
 * the scope, for what has outlived that; SIGKILL. A VNC server that is nobody's session gets the
 * signals alone. */

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "backend/incidents.h"
#include "backend/loginend.h"
#include "backend/notify.h"
#include "core/parse.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/output.h"
#include "os/proc.h"
#include "os/user.h"
#include "table.h"
#include "verbs.h"

#define GRACE (30 * USEC_PER_SEC)
#define CALL_TIMEOUT (10 * USEC_PER_SEC)
#define LOOK_EVERY (100 * USEC_PER_MSEC)
#define RETRY (USEC_PER_SEC)

/* One that is being ended. */
typedef struct Target {
        const Desktop *desktop;
        int pidfd; /* of a server that is nobody's session */
        SessionRung rung;
        usec_t due;     /* the next one; monotonic */
        usec_t failing; /* since when that could not be done; 0: it was not tried yet */
        bool gone, given_up;
        char name[TABLE_TEXT_MAX]; /* for messages */
} Target;

typedef struct Ending {
        const Arguments *args;
        const char *root;
        char *by;
        LoginEnd *login; /* NULL if no target is logind's */
        Target *targets;
        size_t n;
} Ending;

static void ending_done(Ending *e) {
        for (size_t i = 0; i < e->n; i++)
                fd_closep(&e->targets[i].pidfd);
        free(e->targets);
        free(e->by);
        (void) loginend_close(e->login);
}

static void report(const Ending *e, const Target *t, SessionRung rung) {
        static const IncidentKind kinds[_SESSION_RUNG_MAX] = {
                [SESSION_RUNG_ASKED] = INCIDENT_ASKED,
                [SESSION_RUNG_TERMINATED] = INCIDENT_TERMINATED,
                [SESSION_RUNG_KILLED] = INCIDENT_KILLED,
                [SESSION_RUNG_STUCK] = INCIDENT_STUCK,
        };
        Incident i = INCIDENT_NULL;

        i.kind = kinds[rung];
        i.time = clock_realtime();
        i.uid = t->desktop->session.uid;
        (void) snprintf(i.user, sizeof(i.user), "%s", t->desktop->user);
        (void) snprintf(i.session, sizeof(i.session), "%s", t->name);
        (void) snprintf(i.condition, sizeof(i.condition), "by %.24s", e->by);
        (void) snprintf(i.rule, sizeof(i.rule), "%s", e->args->reason ?: "");
        incidents_tell(&i);
        (void) incidents_add(e->root, &i); /* the journal has it in any case */
}

static void tell(const Ending *e, const Target *t) {
        _cleanup_free_ char *by = escape_text(e->by, 64);
        _cleanup_free_ char *reason = escape_text(e->args->reason ?: "", RECORD_REASON_MAX);
        const DesktopNotice notice = {
                .uid = t->desktop->session.uid,
                .tag = NOTIFY_SESSION,
                .summary = "Your session is being ended",
                .body = e->args->reason ?: "",
        };
        char text[1024];

        if (!by || !reason)
                return;
        (void) snprintf(text, sizeof(text),
                        "\r\n[leash] Your session %s is being ended by %s.%s%s\r\n", t->name, by,
                        reason[0] ? " Reason: " : "", reason);
        (void) notify_terminals(e->root, t->desktop->session.uid, text);
        (void) notify_desktop(e->root, &notice); /* nobody waits for it */
}

static int take(const Ending *e, const Target *t, SessionRung rung) {
        if (rung == SESSION_RUNG_STUCK)
                return 0;
        if (t->pidfd < 0)
                return loginend_take(e->login, t->desktop->session.id, rung);
        return proc_signal(t->pidfd, rung == SESSION_RUNG_KILLED ? SIGKILL : SIGTERM);
}

static bool is_gone(const Ending *e, const Target *t) {
        return t->pidfd < 0 ? loginend_is_there(e->login, t->desktop->session.id) == 0
                            : !proc_is_alive(t->pidfd);
}

/* A step that could not be done is tried again for as long as it would have had, and not left for
 * a harder one: nobody is killed who was never asked. */
static void climb(const Ending *e, Target *t, usec_t grace, usec_t now) {
        SessionRung next = session_rung_next(t->rung);
        int r;

        if (t->failing == 0)
                report(e, t, next); /* before: what it does may be the end of the one who asks */
        r = take(e, t, next);
        /* A leader that has gone leaves the rungs above it. */
        if (r < 0 && r != -ENXIO && r != -ESRCH) {
                if (t->failing == 0)
                        t->failing = now;
                t->given_up = now - t->failing >= grace;
                if (t->given_up)
                        output_error("%s: %s", t->name, strerror(-r));
                t->due = now + MIN_OF(grace, RETRY);
                return;
        }
        t->failing = 0;
        t->rung = next;
        t->due = now + grace;
}

/* Until all are gone, or the last step has had its time. */
static void run(const Ending *e) {
        usec_t grace = e->args->grace == USEC_INFINITY ? GRACE : e->args->grace;

        for (;;) {
                usec_t now = clock_monotonic();
                bool any = false;

                for (size_t i = 0; i < e->n; i++) {
                        Target *t = &e->targets[i];

                        if (t->gone || t->given_up || t->rung == SESSION_RUNG_STUCK)
                                continue;
                        t->gone = t->rung != SESSION_RUNG_NONE && is_gone(e, t);
                        if (t->gone)
                                output_line("%s: ended", t->name);
                        else if (now >= t->due)
                                climb(e, t, grace, now);
                        any |= !t->gone && !t->given_up && t->rung != SESSION_RUNG_STUCK;
                }
                if (!any)
                        return;
                clock_sleep(LOOK_EVERY);
        }
}

/* The very process that was found, not another one with its number. */
static int pin(const Desktop *d, int *ret) {
        _cleanup_close_ int fd = proc_open(d->session.leader);
        ProcStat st;
        int r;

        if (fd < 0)
                return fd;
        r = proc_read_stat(d->session.leader, &st);
        if (r < 0)
                return r;
        if (proc_ticks(st.start_ticks) != d->session.created)
                return -ESRCH;
        *ret = TAKE_FD(fd);
        return 0;
}

static Exit prepare(Ending *e, Desktop *const *chosen, size_t n) {
        uid_t uid = proc_read_loginuid(getpid()); /* outlives sudo and su */
        int r;

        r = user_name(uid == (uid_t) -1 ? getuid() : uid, &e->by);
        e->targets = r >= 0 ? calloc(n + 1, sizeof(Target)) : NULL;
        if (!e->targets)
                return EXIT_FAILED;
        for (; e->n < n; e->n++) {
                Target *t = &e->targets[e->n];
                char display[TABLE_TEXT_MAX];

                *t = (Target){ .desktop = chosen[e->n], .pidfd = -EBADF };
                (void) snprintf(t->name, sizeof(t->name), "%s",
                                t->desktop->session.id[0] ? t->desktop->session.id
                                                          : table_display(t->desktop, display));
                if (t->desktop->session.id[0] && !e->login)
                        r = loginend_open(CALL_TIMEOUT, &e->login);
                else if (!t->desktop->session.id[0])
                        r = pin(t->desktop, &t->pidfd);
                if (r < 0) {
                        output_error("%s: %s", t->name, strerror(-r));
                        return EXIT_FAILED;
                }
        }
        return EXIT_DONE;
}

static Exit result(const Ending *e) {
        Exit worst = EXIT_DONE;

        for (size_t i = 0; i < e->n; i++)
                if (!e->targets[i].gone) {
                        output_error("%s: something of it is still there", e->targets[i].name);
                        worst = EXIT_REMAINS;
                }
        return worst;
}

Exit verb_end(const Arguments *a) {
        _cleanup_(selection_done) Selection s = {};
        _cleanup_(ending_done) Ending e = { .args = a };
        Exit x;

        e.root = table_root();
        if (a->n_operands == 0 && !a->oldest && !a->user && !a->session) {
                output_error("end needs a session, --user or --oldest-disconnected");
                return EXIT_USAGE;
        }
        x = table_select(a, false, false, &s);
        if (x != EXIT_DONE)
                return x;
        if (s.n == 0) {
                output_error(a->oldest ? "no session is disconnected" : "%s: no remote desktop",
                             a->user);
                return EXIT_REFUSED;
        }
        x = prepare(&e, s.chosen, s.n);
        if (x != EXIT_DONE)
                return x;
        for (size_t i = 0; i < e.n; i++)
                tell(&e, &e.targets[i]);
        run(&e);
        return result(&e);
}
