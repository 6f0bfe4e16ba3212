/* SPDX-License-Identifier: MIT */
/* What remote desktops need beside the models of states: whom xrdp-sesman no longer knows, what
 * their users have used, and being told what applies to them when they connect.
 *
 * The telling is done from here and not from xrdp's scripts, since a user's own startwm.sh takes
 * the place of one of them (EnableUserWindowManager in sesman.ini). */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "backend/bus.h"
#include "backend/usage.h"
#include "backend/viewers.h"
#include "daemon.h"
#include "os/clock.h"

/* A desktop that has just begun shows no notices yet; one that somebody comes back to does. */
#define GREET_NEW (20 * USEC_PER_SEC)
#define GREET_BACK (2 * USEC_PER_SEC)
#define CALL_TIMEOUT (5 * USEC_PER_SEC)
#define NEW (60 * USEC_PER_SEC)

static bool is_desktop(const Session *s) {
        return s->present && session_is_desktop(s);
}

static const PlaceRules *places_of(const Session *s) {
        const StateRules *rules = s->rules;

        return rules ? &rules->places : NULL;
}

/* ---- orphans ----------------------------------------------------------------------------------
 */

void remote_mark_orphans(Daemon *d) {
        _cleanup_(xrdp_processes_freep) XrdpProcesses *processes = NULL;
        bool wanted = false;
        int r;

        /* It takes a look at every process of the system's. */
        for (size_t i = 0; i < d->sessions.n && !wanted; i++)
                wanted = is_desktop(d->sessions.all[i]) && places_of(d->sessions.all[i]) &&
                         places_of(d->sessions.all[i])->end_orphans;
        if (!wanted)
                return;
        r = xrdp_processes_read(d->uid_min, &processes);
        if (r < 0) {
                daemon_log(LOG_WARNING, "cannot tell orphans: %s", strerror(-r));
                return;
        }
        if (xrdp_mark_orphans(processes, &d->sessions))
                loop_evaluate(d);
}

int remote_confirm_orphan(Daemon *d, Session *s) {
        _cleanup_(xrdp_processes_freep) XrdpProcesses *processes = NULL;
        int r;

        r = xrdp_processes_read(d->uid_min, &processes);
        if (r >= 0)
                r = xrdp_is_orphan(processes, &d->sessions, s);
        if (r == 0) {
                s->orphan = false;
                loop_evaluate(d);
        }
        return r;
}

/* ---- the last hour -----------------------------------------------------------------------------
 */

void remote_sample(Daemon *d) {
        usec_t now = clock_boottime();

        for (size_t i = 0; i < d->sessions.n; i++) {
                const Session *s = d->sessions.all[i];
                UserUsage usage;

                if (!is_desktop(s) || usage_read_user(&d->backend->fs, s->uid, 0, &usage) < 0)
                        continue;
                if (hours_add(&d->hours, s->uid, usage.cpu.usage, now) < 0)
                        break;
        }
        hours_sweep(&d->hours, now);
        if (xrdp_mark_served(&d->backend->fs, &d->sessions))
                loop_evaluate(d);
        remote_mark_orphans(d);
}

bool remote_wants_samples(const Daemon *d) {
        for (size_t i = 0; i < d->sessions.n; i++)
                if (is_desktop(d->sessions.all[i]))
                        return true;
        return false;
}

/* ---- greeting ----------------------------------------------------------------------------------
 */

/* By a unit of its own, since this one's may become nobody and sees no home: what is said is put
 * together there, too. */
static int greet(Daemon *d, const Session *s) {
        char unit[SESSION_ID_MAX + 32];
        Bus bus = {};
        int r;

        (void) snprintf(unit, sizeof(unit), "leash-greet@%s.service", s->id);
        r = bus_open(d->root, CALL_TIMEOUT, 0, &bus);
        if (r >= 0)
                r = bus_start_unit(&bus, unit);
        bus_close(&bus);
        return r;
}

void remote_greet(Daemon *d, usec_t now, usec_t *next) {
        for (size_t i = 0; i < d->sessions.n; i++) {
                Session *s = d->sessions.all[i];
                usec_t due;
                int r;

                if (!is_desktop(s) || s->connected_since == 0 || s->greeted == s->connected_since ||
                    !places_of(s) || !places_of(s)->greet)
                        continue;
                due = s->connected_since + (s->away == 0 && s->connected_since < s->created + NEW
                                                    ? GREET_NEW
                                                    : GREET_BACK);
                if (due > now) {
                        *next = MIN_OF(*next, due);
                        continue;
                }
                s->greeted = s->connected_since;
                d->sessions.changed = true;
                if (d->watch)
                        continue;
                r = greet(d, s);
                if (r < 0)
                        daemon_log(LOG_WARNING, "session %s was not told what applies to it: %s",
                                   s->id, strerror(-r));
        }
}
