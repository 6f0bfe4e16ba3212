/* SPDX-License-Identifier: MIT */
/* Every remote desktop of this host at a glance. */

#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "backend/desktops.h"
#include "backend/displays.h"
#include "backend/loginwatch.h"
#include "backend/overview.h"
#include "backend/vncserver.h"
#include "core/array.h"
#include "os/clock.h"
#include "os/user.h"

/* Between two looks at CPU time, at least. */
#define WINDOW (25 * USEC_PER_MSEC)

void desktops_done(Desktops *d) {
        for (size_t i = 0; i < d->n; i++)
                free(d->all[i].user);
        free(d->all);
        *d = (Desktops){};
}

/* ---- sessions: leashd's word, or logind's -----------------------------------------------------
 */

typedef struct Listing {
        Sessions *sessions;
        bool ended;
        int error;
} Listing;

static void on_session(const LogindSession *s, void *userdata) {
        Listing *l = userdata;
        int r = sessions_update(l->sessions, &s->facts, clock_boottime());

        if (r < 0 && r != -EINVAL)
                l->error = r;
}

static void on_gone(const char *id, void *userdata) {
        (void) sessions_remove(((Listing *) userdata)->sessions, id);
}

static void on_listing(bool ended, void *userdata) {
        ((Listing *) userdata)->ended |= ended;
}

static void on_reloaded(void *userdata _unused_) {
}

static void on_lost(void *userdata) {
        ((Listing *) userdata)->error = -ENOTCONN;
}

static int ask_logind(const DesktopsOptions *o, Sessions *ret) {
        static const LogindEvents events = {
                .session = on_session,
                .gone = on_gone,
                .listing = on_listing,
                .reloaded = on_reloaded,
                .lost = on_lost,
        };
        usec_t end = clock_monotonic() + o->timeout;
        Listing listing = { .sessions = ret };
        LogindWatch *watch = NULL;
        sd_event *event = NULL;
        int r;

        r = sd_event_new(&event);
        if (r >= 0)
                r = loginwatch_open(o->root, event, &events, o->timeout, &listing, &watch);
        while (r >= 0 && !listing.ended && listing.error == 0) {
                usec_t now = clock_monotonic();

                r = now >= end ? -ETIMEDOUT : sd_event_run(event, end - now);
        }
        loginwatch_free(watch);
        sd_event_unref(event);
        return r < 0 ? r : listing.error;
}

static int read_sessions(const DesktopsOptions *o, Sessions *ret, bool *ret_live) {
        *ret_live = overview_sessions(o->root, ret) >= 0;
        if (!*ret_live) /* nor has one that has not written anything yet */
                return ask_logind(o, ret);
        for (size_t i = 0; i < ret->n; i++)
                ret->all[i]->present = true;
        return 0;
}

/* ---- the table --------------------------------------------------------------------------------
 */

static const char *server_of(const Session *s) {
        if (s->via == SESSION_VIA_XRDP)
                return "xorg";
        if (s->via == SESSION_VIA_VNC)
                return session_is_xrdp(s) ? "xvnc" : "vnc";
        return "-";
}

static int add(Desktops *d, const Session *s) {
        Desktop *new = &d->all[d->n];
        int r;

        *new = (Desktop){
                .session = *s,
                .server = server_of(s),
                .followed = d->live && s->id[0] != '\0',
                .cpu_percent = -1,
                .cpu_hour_percent = -1,
                .memory = USAGE_UNKNOWN,
                .layer = _LAYER_INVALID,
        };
        r = user_name(s->uid, &new->user);
        if (r >= 0)
                d->n++;
        return r;
}

/* VNC servers that are nobody's session, as one started over ssh. */
static int add_servers(Desktops *d, const SessionDisplay *displays, size_t n, usec_t now) {
        _cleanup_free_ VncServer *servers = NULL;
        size_t n_servers = 0;
        int r;

        r = vncservers_read(displays, n, &servers, &n_servers);
        for (size_t i = 0; i < n_servers && r >= 0; i++) {
                const SessionDisplay *display = servers[i].display;
                bool known = false;
                Session s = {
                        .uid = display->uid,
                        .class = SESSION_CLASS_USER,
                        .leader = servers[i].pid,
                        .graphical = true,
                        .display = display->number,
                        .via = display->via,
                        .link = display->link,
                        .created = servers[i].started,
                };

                for (size_t k = 0; k < d->n; k++)
                        known |= d->all[k].session.display == display->number &&
                                 d->all[k].session.uid == display->uid;
                if (known)
                        continue;
                if (s.link == SESSION_LINK_CONNECTED)
                        s.connected_since = now;
                r = add(d, &s);
        }
        return r;
}

static void put_viewers(Desktops *d, const Viewer *viewers, size_t n) {
        for (size_t i = 0; i < d->n; i++)
                for (size_t k = 0; k < n; k++) {
                        const Viewer *v = &viewers[k];
                        Desktop *desktop = &d->all[i];

                        if (desktop->session.link != SESSION_LINK_CONNECTED ||
                            desktop->session.display != v->display ||
                            desktop->session.uid != v->uid || desktop->session.via != v->via)
                                continue;
                        memcpy(desktop->address, v->address, sizeof(desktop->address));
                }
}

static int compare(const void *a, const void *b) {
        const Desktop *x = a, *y = b;
        int c = strcmp(x->user, y->user);

        return c != 0 ? c : x->session.display - y->session.display;
}

static void mark_duplicates(Desktops *d) {
        for (size_t i = 0; i < d->n; i++)
                for (size_t k = i + 1; k < d->n && d->all[k].session.uid == d->all[i].session.uid;
                     k++)
                        if (d->all[i].session.since[SESSION_CLOSING] == 0 &&
                            d->all[k].session.since[SESSION_CLOSING] == 0)
                                d->all[i].duplicate = d->all[k].duplicate = true;
}

static int build(const DesktopsOptions *o, Sessions *sessions, Desktops *d) {
        _cleanup_(xrdp_processes_freep) XrdpProcesses *processes = NULL;
        _cleanup_free_ SessionDisplay *displays = NULL;
        _cleanup_free_ Viewer *viewers = NULL;
        CgroupFs fs = cgroupfs_detect(o->root);
        usec_t now = clock_boottime();
        size_t n_displays, n_viewers;
        int r;

        r = displays_scan(o->root, o->uid_min, &displays, &n_displays);
        if (r >= 0)
                r = xrdp_processes_read(o->uid_min, &processes);
        if (r >= 0)
                r = viewers_read(processes, displays, n_displays, &viewers, &n_viewers);
        if (r < 0)
                return r;
        (void) xrdp_mark_served(&fs, sessions); /* a leashd has done it, if one runs */
        (void) xrdp_mark_orphans(processes, sessions);
        (void) sessions_set_displays(sessions, displays, n_displays, now);
        d->all = calloc(sessions->n + n_displays + 1, sizeof(Desktop));
        if (!d->all)
                return -ENOMEM;
        for (size_t i = 0; i < sessions->n && r >= 0; i++)
                if (session_is_desktop(sessions->all[i]))
                        r = add(d, sessions->all[i]);
        if (r >= 0)
                r = add_servers(d, displays, n_displays, now);
        if (r < 0)
                return r;
        put_viewers(d, viewers, n_viewers);
        if (d->n > 0)
                qsort(d->all, d->n, sizeof(Desktop), compare);
        mark_duplicates(d);
        return 0;
}

/* ---- what each uses ---------------------------------------------------------------------------
 */

static const UserUsage *find_usage(const UserUsage *usage, size_t n, uid_t uid) {
        size_t at = ARRAY_LOWER_BOUND(n, i, usage[i].uid < uid);

        return at < n && usage[at].uid == uid ? &usage[at] : NULL;
}

static void put_usage(Desktops *d, const Hours *hours, const UserUsage *a, size_t n_a,
                      const UserUsage *b, size_t n_b, usec_t window) {
        usec_t now = clock_boottime();

        for (size_t i = 0; i < d->n; i++) {
                const UserUsage *x = find_usage(a, n_a, d->all[i].session.uid);
                const UserUsage *y = find_usage(b, n_b, d->all[i].session.uid);

                if (x)
                        d->all[i].memory = x->memory;
                if (x && y && y->cpu.usage >= x->cpu.usage && window > 0)
                        d->all[i].cpu_percent =
                                100.0 * (double) (y->cpu.usage - x->cpu.usage) / (double) window;
                if (y)
                        d->all[i].cpu_hour_percent =
                                hours_percent(hours, d->all[i].session.uid, y->cpu.usage, now);
        }
}

/* Who may not read the ledger, or has none, sees no leashes. */
static int put_limits(const char *root, Desktops *d) {
        _cleanup_(ledger_freep) Ledger *ledger = NULL;
        Record **records;
        size_t n, damaged;
        int r;

        if (ledger_open(root, false, &ledger) < 0)
                return 0;
        r = ledger_read_all(ledger, &records, &n, &damaged);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < d->n; k++) {
                        if (records[i]->scope != TARGET_USER ||
                            records[i]->uid != d->all[k].session.uid)
                                continue;
                        record_effective(records[i], &d->all[k].limits, NULL);
                        d->all[k].layer = record_top_layer(records[i]);
                }
        ledger_free_records(records, n);
        return 0;
}

static int put_tickets(Desktops *d) {
        _cleanup_free_ const Session **sessions = calloc(d->n + 1, sizeof(Session *));
        _cleanup_free_ Ticket *tickets = calloc(d->n + 1, sizeof(Ticket));

        if (!sessions || !tickets)
                return -ENOMEM;
        for (size_t i = 0; i < d->n; i++)
                sessions[i] = &d->all[i].session;
        tickets_read(sessions, d->n, tickets);
        for (size_t i = 0; i < d->n; i++)
                d->all[i].ticket = tickets[i];
        return 0;
}

int desktops_read(const DesktopsOptions *o, Desktops *ret) {
        _cleanup_free_ UserUsage *first = NULL, *second = NULL;
        size_t n_first = 0, n_second = 0;
        CgroupFs fs = cgroupfs_detect(o->root);
        Sessions sessions = {};
        Desktops d = {};
        Hours hours = {};
        usec_t begin = clock_monotonic(), spent;
        int r;

        if (o->measure) /* without a tree of users there is nothing to tell */
                (void) usage_read(&fs, USAGE_MEMORY, &first, &n_first);
        r = read_sessions(o, &sessions, &d.live);
        if (r >= 0)
                r = build(o, &sessions, &d);
        if (r >= 0 && o->measure)
                r = put_limits(o->root, &d);
        if (r >= 0 && o->measure)
                r = put_tickets(&d);
        if (r >= 0 && o->measure && d.n > 0) {
                (void) overview_hours(o->root, &hours); /* none without a leashd */
                spent = clock_monotonic() - begin;
                if (spent < WINDOW)
                        clock_sleep(WINDOW - spent);
                spent = clock_monotonic() - begin;
                (void) usage_read(&fs, 0, &second, &n_second);
                put_usage(&d, &hours, first, n_first, second, n_second, spent);
        }
        sessions_done(&sessions);
        hours_done(&hours);
        if (r < 0) {
                desktops_done(&d);
                return r;
        }
        *ret = d;
        return 0;
}
