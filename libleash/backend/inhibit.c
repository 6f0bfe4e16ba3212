/* SPDX-License-Identifier: MIT */
/* Who asks the session not to be locked. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backend/buslink.h"
#include "backend/inhibit.h"
#include "core/parse.h"

#define SCREENSAVER "org.freedesktop.ScreenSaver"

/* Who has the name in a desktop keeps the desktop's inhibitors elsewhere, and there is asked
 * whether there are any. Their interface is called as they are. */
typedef struct Manager {
        const char *name, *path;
        const char *method; /* u -> b: is there any of this kind */
        uint32_t kind;
        const char *const signals[2]; /* that there are more or fewer */
        const char *shown;
} Manager;

static const Manager managers[] = {
        /* GNOME's, MATE's and Cinnamon's; 8: "mark the session as idle". */
        { "org.gnome.SessionManager",
          "/org/gnome/SessionManager",
          "IsInhibited",
          8,
          { "InhibitorAdded", "InhibitorRemoved" },
          "session manager" },
        /* KDE's, to which its screen locker hands on what it is asked for; 4: "change the settings
         * of the screen", under which that goes. */
        { "org.kde.Solid.PowerManagement.PolicyAgent",
          "/org/kde/Solid/PowerManagement/PolicyAgent",
          "HasInhibition",
          4,
          { "InhibitionsChanged" },
          "power management" },
};

typedef struct Entry {
        Inhibit *owner;
        uint32_t cookie; /* 0: not used */
        char *name;
        sd_bus_track *track;    /* of the client */
        sd_event_source *timer; /* ends one that SimulateUserActivity made */
} Entry;

/* What one of the managers has said. */
typedef struct Answer {
        Inhibit *owner;
        const Manager *manager;
        bool inhibited;
} Answer;

struct Inhibit {
        BusLink link;
        InhibitHandlers handlers;
        Entry entries[INHIBIT_MAX];
        uint32_t last_cookie;
        Answer answers[ELEMENTSOF(managers)];
};

static void entry_done(Entry *e) {
        free(e->name);
        sd_bus_track_unref(e->track);
        sd_event_source_disable_unref(e->timer);
        *e = (Entry){};
}

static void drop(Entry *e) {
        Inhibit *i = e->owner;

        entry_done(e);
        i->handlers.changed(i->handlers.userdata);
}

size_t inhibit_count(const Inhibit *i) {
        size_t n = 0;

        for (size_t k = 0; k < ELEMENTSOF(managers); k++)
                n += i->answers[k].inhibited;
        for (size_t k = 0; k < INHIBIT_MAX; k++)
                n += i->entries[k].cookie != 0;
        return n;
}

const char *inhibit_name(const Inhibit *i, size_t at) {
        for (size_t k = 0; k < INHIBIT_MAX; k++)
                if (i->entries[k].cookie != 0 && at-- == 0)
                        return i->entries[k].name;
        for (size_t k = 0; k < ELEMENTSOF(managers); k++)
                if (i->answers[k].inhibited && at-- == 0)
                        return managers[k].shown;
        return NULL;
}

/* ---- the interface -----------------------------------------------------------------------------
 */

static int on_client_gone(sd_bus_track *track, void *userdata) {
        (void) track;
        drop(userdata);
        return 0;
}

static int on_activity_over(sd_event_source *source, uint64_t usec, void *userdata) {
        (void) source, (void) usec;
        drop(userdata);
        return 0;
}

/* A free entry, or NULL if there are enough of this client's or of all. */
static Entry *find_room(Inhibit *i, const char *sender) {
        Entry *room = NULL;
        size_t n = 0;

        for (size_t k = 0; k < INHIBIT_MAX; k++) {
                Entry *e = &i->entries[k];

                if (e->cookie == 0)
                        room = room ?: e;
                else
                        n += sd_bus_track_count_name(e->track, sender) > 0;
        }
        return n < INHIBIT_PER_CLIENT ? room : NULL;
}

static int add(Inhibit *i, sd_bus_message *m, const char *name, Entry **ret) {
        const char *sender = sd_bus_message_get_sender(m);
        Entry *e = sender ? find_room(i, sender) : NULL, new = { .owner = i };
        int r;

        if (!e)
                return -EDQUOT;
        new.name = escape_text(name, INHIBIT_NAME_BYTES);
        r = new.name ? sd_bus_track_new(i->link.bus, &new.track, on_client_gone, e) : -ENOMEM;
        if (r >= 0)
                r = sd_bus_track_add_name(new.track, sender);
        if (r < 0) {
                entry_done(&new);
                return r;
        }
        i->last_cookie += i->last_cookie == UINT32_MAX ? 2 : 1; /* 0 is nobody's */
        new.cookie = i->last_cookie;
        *e = new;
        i->handlers.changed(i->handlers.userdata);
        *ret = e;
        return 0;
}

static int method_inhibit(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *name, *reason;
        Entry *e;
        int r;

        r = sd_bus_message_read(m, "ss", &name, &reason);
        if (r >= 0)
                r = add(userdata, m, name, &e);
        if (r == -EDQUOT)
                return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many inhibitors");
        return r < 0 ? r : sd_bus_reply_method_return(m, "u", e->cookie);
}

/* Only one's own: another client's cookie is no secret. */
static int method_uninhibit(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *sender = sd_bus_message_get_sender(m);
        Inhibit *i = userdata;
        uint32_t cookie;
        int r;

        (void) error;
        r = sd_bus_message_read(m, "u", &cookie);
        if (r < 0)
                return r;
        for (size_t k = 0; k < INHIBIT_MAX; k++) {
                Entry *e = &i->entries[k];

                if (cookie != 0 && e->cookie == cookie && sender &&
                    sd_bus_track_count_name(e->track, sender) > 0)
                        drop(e);
        }
        return sd_bus_reply_method_return(m, NULL);
}

/* An inhibitor like others, with the same ceiling: it does not count as a key that was pressed. */
static int method_activity(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *sender = sd_bus_message_get_sender(m);
        Inhibit *i = userdata;
        Entry *e = NULL;
        int r = 0;

        (void) error;
        for (size_t k = 0; k < INHIBIT_MAX && sender; k++)
                if (i->entries[k].timer && sd_bus_track_count_name(i->entries[k].track, sender) > 0)
                        e = &i->entries[k];
        if (e)
                r = sd_event_source_set_time_relative(e->timer, INHIBIT_ACTIVITY);
        else if (add(i, m, "activity", &e) >= 0)
                r = sd_event_add_time_relative(i->link.event, &e->timer, CLOCK_MONOTONIC,
                                               INHIBIT_ACTIVITY, USEC_PER_SEC, on_activity_over, e);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static int method_lock(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Inhibit *i = userdata;

        (void) error;
        i->handlers.lock(i->handlers.userdata);
        return sd_bus_reply_method_return(m, NULL);
}

/* SetActive(false) would open the screen, were it believed. */
static int method_set_active(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Inhibit *i = userdata;
        int active, r;

        (void) error;
        r = sd_bus_message_read(m, "b", &active);
        if (r < 0)
                return r;
        if (active)
                i->handlers.lock(i->handlers.userdata);
        return sd_bus_reply_method_return(m, "b", active);
}

static int method_get_active(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const Inhibit *i = userdata;

        (void) error;
        return sd_bus_reply_method_return(m, "b",
                                          (int) i->handlers.is_active(i->handlers.userdata));
}

/* Milliseconds, as KDE has it. */
static int method_get_idle(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const Inhibit *i = userdata;
        usec_t idle = i->handlers.idle_time(i->handlers.userdata);

        (void) error;
        return sd_bus_reply_method_return(
                m, "u", (uint32_t) MIN_OF(idle / USEC_PER_MSEC, (usec_t) UINT32_MAX));
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Inhibit", "ss", "u", method_inhibit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("UnInhibit", "u", "", method_uninhibit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("SimulateUserActivity", "", "", method_activity, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Lock", "", "", method_lock, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("SetActive", "b", "b", method_set_active, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetActive", "", "b", method_get_active, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetSessionIdleTime", "", "u", method_get_idle, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL("ActiveChanged", "b", 0),
        SD_BUS_VTABLE_END,
};

/* Callers know the one or the other. */
static const char *const paths[] = { "/ScreenSaver", "/org/freedesktop/ScreenSaver" };

void inhibit_say_active(Inhibit *i, bool active) {
        for (size_t k = 0; k < ELEMENTSOF(paths) && i->link.bus; k++)
                (void) sd_bus_emit_signal(i->link.bus, paths[k], SCREENSAVER, "ActiveChanged", "b",
                                          (int) active);
}

/* ---- the desktop's own managers ----------------------------------------------------------------
 */

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Answer *a = userdata;
        int inhibited;

        (void) error;
        /* Of one that is not there, the bus says so: what it held has gone with it. */
        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "b", &inhibited) < 0)
                inhibited = false;
        if (a->inhibited == (bool) inhibited)
                return 0;
        a->inhibited = inhibited;
        a->owner->handlers.changed(a->owner->handlers.userdata);
        return 0;
}

static int ask(Answer *a) {
        const Manager *manager = a->manager;
        sd_bus *bus = a->owner->link.bus;
        sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, manager->name, manager->path, manager->name,
                                           manager->method);
        if (r >= 0)
                r = sd_bus_message_append(m, "u", manager->kind);
        if (r >= 0) /* or one would be started for it */
                r = sd_bus_message_set_auto_start(m, false);
        if (r >= 0)
                r = sd_bus_call_async(bus, NULL, m, on_answer, a, 0);
        sd_bus_message_unref(m);
        return r < 0 ? r : 0;
}

static int on_news(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) m, (void) error;
        return ask(userdata);
}

/* Listens to one, and to its coming and going, and asks it. */
static int follow(Inhibit *i, size_t at) {
        const Manager *manager = &managers[at];
        Answer *a = &i->answers[at];
        _cleanup_free_ char *match = NULL;
        int r = 0;

        *a = (Answer){ .owner = i, .manager = manager };
        for (size_t k = 0; k < ELEMENTSOF(manager->signals) && manager->signals[k] && r >= 0; k++)
                r = sd_bus_match_signal_async(i->link.bus, NULL, manager->name, manager->path,
                                              manager->name, manager->signals[k], on_news, NULL, a);
        if (asprintf(&match,
                     "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                     "member='NameOwnerChanged',arg0='%s'",
                     manager->name) < 0)
                return -ENOMEM;
        if (r >= 0)
                r = sd_bus_add_match_async(i->link.bus, NULL, match, on_news, NULL, a);
        return r < 0 ? r : ask(a);
}

/* ---- connection --------------------------------------------------------------------------------
 */

static int on_name(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) m, (void) userdata, (void) error;
        return 0; /* ours, or in the queue behind the desktop's */
}

static int set_up(BusLink *link) {
        Inhibit *i = link->userdata;
        int r = 0;

        for (size_t k = 0; k < ELEMENTSOF(paths) && r >= 0; k++)
                r = sd_bus_add_object_vtable(link->bus, NULL, paths[k], SCREENSAVER, vtable, i);
        for (size_t k = 0; k < ELEMENTSOF(managers) && r >= 0; k++)
                r = follow(i, k);
        if (r >= 0)
                r = sd_bus_request_name_async(link->bus, NULL, SCREENSAVER, SD_BUS_NAME_QUEUE,
                                              on_name, i);
        return r;
}

static void on_gone(BusLink *link) {
        Inhibit *i = link->userdata;

        for (size_t k = 0; k < INHIBIT_MAX; k++)
                entry_done(&i->entries[k]);
        for (size_t k = 0; k < ELEMENTSOF(managers); k++)
                i->answers[k].inhibited = false;
        i->handlers.changed(i->handlers.userdata);
}

int inhibit_open(sd_event *event, const InhibitHandlers *handlers, Inhibit **ret) {
        _cleanup_(inhibit_freep) Inhibit *i = calloc(1, sizeof(Inhibit));
        int r;

        if (!i)
                return -ENOMEM;
        i->handlers = *handlers;
        i->link = (BusLink){
                .event = event, .of_user = true, .set_up = set_up, .gone = on_gone, .userdata = i
        };
        r = buslink_open(&i->link);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(i);
        return 0;
}

Inhibit *inhibit_free(Inhibit *i) {
        if (!i)
                return NULL;
        for (size_t k = 0; k < INHIBIT_MAX; k++)
                entry_done(&i->entries[k]);
        buslink_close(&i->link);
        free(i);
        return NULL;
}
