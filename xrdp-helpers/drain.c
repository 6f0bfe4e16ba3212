/* SPDX-License-Identifier: MIT */
/* leash-xrdp drain: empty this host for maintenance. The mark is all there is to it: pam_leash
 * refuses newcomers by it, leash-agent has the balancer send them elsewhere. */

#define _GNU_SOURCE
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/drain.h"
#include "backend/journal.h"
#include "backend/json.h"
#include "backend/login.h"
#include "backend/notify.h"
#include "core/parse.h"
#include "os/clock.h"
#include "os/machine.h"
#include "os/output.h"
#include "os/proc.h"
#include "os/user.h"
#include "table.h"
#include "verbs.h"

/* How often somebody who waits looks: sessions end by the minute. */
#define LOOK_INTERVAL (2 * USEC_PER_SEC)

/* Who is left. */
typedef struct Left {
        size_t sessions, connected, disconnected;
        bool known;
} Left;

static Left count(const Desktops *d) {
        Left left = { .known = true };

        for (size_t i = 0; i < d->n; i++) {
                const Session *s = &d->all[i].session;

                if (s->since[SESSION_CLOSING] != 0)
                        continue;
                left.sessions++;
                left.connected += s->link == SESSION_LINK_CONNECTED;
                left.disconnected += s->link == SESSION_LINK_DISCONNECTED;
        }
        return left;
}

static Left look(void) {
        _cleanup_(desktops_done) Desktops d = {};

        return table_read(false, &d) == EXIT_DONE ? count(&d) : (Left){};
}

static const char *describe(const Left *left, const Drain *drain, char buf[static 160]) {
        if (!left->known)
                return strcpy(buf, "how many sessions are left is not known");
        if (left->sessions == 0)
                return strcpy(buf, "nobody is left");
        (void) snprintf(buf, 160, "%zu of %zu sessions left: %zu connected, %zu disconnected",
                        left->sessions, MAX_OF(drain->sessions, left->sessions), left->connected,
                        left->disconnected);
        return buf;
}

/* ---- telling users -----------------------------------------------------------------------------
 */

static void warn_user(uid_t uid, const char *text) {
        const DesktopNotice notice = {
                .uid = uid,
                .tag = NOTIFY_HOST,
                .summary = "This host is being emptied",
                .body = text,
        };
        _cleanup_free_ char *line = NULL;

        if (asprintf(&line, "\r\n[leash] %s\r\n", text) < 0) {
                line = NULL;
                return;
        }
        (void) notify_terminals(table_root(), uid, line); /* who has none has a desktop */
        (void) notify_desktop(table_root(), &notice);     /* and the other way round */
}

/* Everybody who is logged in, not at desktops alone: the host goes down for all of them. */
static size_t warn_users(const Drain *d) {
        _cleanup_free_ uid_t *uids = NULL;
        _cleanup_free_ char *reason = escape_text(d->reason, DRAIN_REASON_MAX), *text = NULL;
        uid_t least = user_uid_min();
        size_t n, warned = 0;

        if (login_users(&uids, &n) < 0)
                return 0;
        if (asprintf(&text,
                     "This host is being emptied for maintenance%s%s. Save your work and log out. "
                     "Until you do, you can come back to your session.",
                     d->reason[0] ? ": " : "", reason ?: "") < 0) {
                text = NULL;
                return 0;
        }
        for (size_t i = 0; i < n; i++) {
                if (uids[i] < least)
                        continue;
                warn_user(uids[i], text);
                warned++;
        }
        return warned;
}

/* ---- the verb ----------------------------------------------------------------------------------
 */

/* The login uid outlives sudo and su. */
static void set_by(Drain *d) {
        uid_t uid = proc_read_loginuid(getpid());
        _cleanup_free_ char *name = NULL;

        if (user_name(uid == (uid_t) -1 ? getuid() : uid, &name) >= 0)
                (void) snprintf(d->by, sizeof(d->by), "%s", name);
}

/* Returns 1 if the host is being emptied; 0; what went wrong is told. */
static int load(Drain *ret) {
        int r = drain_load(table_root(), ret);

        if (r == -EBADMSG || r == -EPERM)
                output_error(DRAIN_FILE " %s; 'leash-xrdp drain off' takes it away",
                             r == -EPERM ? "could have been written by others than root"
                                         : "is damaged");
        else if (r < 0)
                output_error("cannot tell whether this host is being emptied: %s", strerror(-r));
        return r;
}

/* Until nobody is left, or for as long as was said. */
static Exit wait_until_empty(const Arguments *a, const Drain *d) {
        usec_t end = clock_monotonic() + a->wait;
        Left left = look(), before = left;
        char text[160];

        for (usec_t now; left.sessions > 0 && (now = clock_monotonic()) < end;) {
                clock_sleep(MIN_OF(LOOK_INTERVAL, end - now));
                left = look();
                if (!left.known)
                        return EXIT_FAILED;
                if (left.sessions != before.sessions && left.sessions > 0) {
                        output_line("%s", describe(&left, d, text));
                        (void) fflush(stdout); /* somebody may be looking on */
                }
                before = left;
        }
        if (!left.known)
                return EXIT_FAILED;
        output_line("%s", describe(&left, d, text));
        return left.sessions > 0 ? EXIT_REMAINS : EXIT_DONE;
}

static int mark(const Arguments *a, const Left *left, Drain *ret) {
        Drain old, d = { .since = clock_realtime(), .sessions = left->sessions };
        int r;

        /* Said again, it began when it was first said. */
        if (drain_load(table_root(), &old) > 0) {
                d.since = old.since;
                d.sessions = MAX_OF(old.sessions, left->sessions);
                memcpy(d.reason, old.reason, sizeof(d.reason));
        }
        if (a->reason)
                (void) snprintf(d.reason, sizeof(d.reason), "%s", a->reason);
        set_by(&d);
        r = a->until_reboot ? machine_boot(d.boot) : 0;
        if (r >= 0)
                r = drain_store(table_root(), &d);
        if (r >= 0)
                *ret = d;
        return r;
}

static Exit drain_on(const Arguments *a) {
        Left left = look();
        char text[160];
        size_t warned;
        Drain d;
        int r;

        r = mark(a, &left, &d);
        if (r < 0) {
                output_error("cannot write " DRAIN_FILE ": %s", strerror(-r));
                return EXIT_FAILED;
        }
        warned = warn_users(&d);
        journal_login(JOURNAL_DRAIN, "leash-xrdp", d.by, "this host is being emptied");
        output_line("Emptying this host%s; %zu user%s told; %s.",
                    d.boot[0] ? " until it restarts" : "", warned, warned == 1 ? "" : "s",
                    describe(&left, &d, text));
        (void) fflush(stdout);
        return a->wait != USEC_INFINITY ? wait_until_empty(a, &d) : EXIT_DONE;
}

static Exit drain_off(void) {
        Drain d = {};
        int was = drain_load(table_root(), &d), r = drain_clear(table_root());

        if (r < 0) {
                output_error("cannot remove " DRAIN_FILE ": %s", strerror(-r));
                return EXIT_FAILED;
        }
        if (was == 0) {
                output_line("This host was not being emptied.");
                return EXIT_DONE;
        }
        set_by(&d);
        journal_login(JOURNAL_DRAIN, "leash-xrdp", d.by, "this host takes newcomers again");
        output_line("This host takes newcomers again.");
        return EXIT_DONE;
}

static Exit print_json(const Drain *d, bool draining, const Left *left) {
        struct json_object *o = json_object_new_object(), *array = json_object_new_array();
        const struct {
                const char *key;
                struct json_object *value;
        } members[] = {
                { "draining", json_object_new_boolean(draining) },
                { "since", draining ? json_time(d->since) : NULL },
                { "by", draining ? json_text(d->by) : NULL },
                { "reason", draining ? json_text(d->reason) : NULL },
                { "until_reboot", draining ? json_object_new_boolean(d->boot[0] != '\0') : NULL },
                { "sessions_before", draining ? json_object_new_int64(d->sessions) : NULL },
                { "sessions", left->known ? json_object_new_int64(left->sessions) : NULL },
                { "connected", left->known ? json_object_new_int64(left->connected) : NULL },
                { "disconnected", left->known ? json_object_new_int64(left->disconnected) : NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                (void) json_object_object_add(o, members[i].key, members[i].value);
        (void) json_object_array_add(array, o);
        return json_print(array) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static Exit drain_status(const Arguments *a) {
        char since[OUTPUT_TIME_MAX], text[160];
        Left left;
        Drain d = {};
        int r;

        r = load(&d);
        if (r < 0)
                return EXIT_FAILED;
        if (a->wait != USEC_INFINITY && r > 0)
                return wait_until_empty(a, &d);
        left = look();
        if (a->json)
                return print_json(&d, r > 0, &left);
        if (r == 0)
                output_line("This host is not being emptied.");
        else
                output_line("Emptying this host%s since %s, by %s%s%s; %s.",
                            d.boot[0] ? " until it restarts," : "", output_time(d.since, since),
                            d.by, d.reason[0] ? ": " : "", d.reason, describe(&left, &d, text));
        return EXIT_DONE;
}

Exit verb_drain(const Arguments *a) {
        const char *what = a->operands[0];
        bool on = strcmp(what, "on") == 0, status = strcmp(what, "status") == 0;

        if (!on && !status && strcmp(what, "off") != 0) {
                output_error("drain takes on, off or status");
                return EXIT_USAGE;
        }
        if ((!on && (a->reason || a->until_reboot)) || (!status && a->json) ||
            (!on && !status && a->wait != USEC_INFINITY)) {
                output_error("drain %s does not take that; see 'leash-xrdp --help'", what);
                return EXIT_USAGE;
        }
        if (on)
                return drain_on(a);
        return status ? drain_status(a) : drain_off();
}
