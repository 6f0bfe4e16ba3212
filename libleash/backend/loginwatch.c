/* SPDX-License-Identifier: MIT */
/* logind's news, as they happen. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "backend/login.h"
#include "backend/loginend.h"
#include "backend/loginwatch.h"
#include "core/array.h"
#include "os/clock.h"

#define LOGIND "org.freedesktop.login1"
#define LOGIND_PATH "/org/freedesktop/login1"
#define LOGIND_MANAGER "org.freedesktop.login1.Manager"
#define LOGIND_SESSION "org.freedesktop.login1.Session"
#define SESSION_PREFIX "/org/freedesktop/login1/session"
#define NO_SUCH_SESSION "org.freedesktop.login1.NoSuchSession"
#define SYSTEMD "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER "org.freedesktop.systemd1.Manager"

/* A bus allows a connection only so many calls that wait for an answer: 128, if nobody has set
 * another number (max_replies_per_connection in dbus-daemon(1)). */
#define CALLS_MAX 32
#define ENDS_MAX 64

/* What could not be asked is asked again after this. */
#define RETRY (2 * USEC_PER_SEC)

#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp)

/* A session that is to be asked about. */
typedef struct Wanted {
        char id[SESSION_ID_MAX];
} Wanted;

typedef struct Queue {
        Wanted *all;
        size_t n, allocated;
} Queue;

struct LogindWatch {
        const char *root;
        sd_bus *bus;
        sd_event_source *retry; /* a timer */
        const LogindEvents *events;
        void *userdata;
        usec_t timeout;
        Queue queue;      /* first come, first asked */
        Queue again;      /* to be asked about when the timer goes off */
        bool list_again;  /* the same for the list */
        size_t n_calls;   /* that are under way */
        size_t n_ends;    /* the same of those that end sessions */
        bool listing;     /* and the list itself has come */
        bool list_called; /* it was asked for and has not come yet */
};

/* One call that is under way. */
typedef struct Call {
        LogindWatch *watch;
        char id[SESSION_ID_MAX];
} Call;

static int ask_next(LogindWatch *w);

/* Once is enough. */
static int enqueue(Queue *q, const char *id) {
        int r;

        for (size_t i = 0; i < q->n; i++)
                if (strcmp(q->all[i].id, id) == 0)
                        return 0;
        r = ARRAY_GROW(q->all, &q->allocated, q->n, SESSIONS_MAX);
        if (r < 0)
                return r;
        (void) snprintf(q->all[q->n++].id, SESSION_ID_MAX, "%s", id);
        return 0;
}

static void set_retry(LogindWatch *w) {
        int enabled;

        if (sd_event_source_get_enabled(w->retry, &enabled) >= 0 && enabled != SD_EVENT_OFF)
                return;
        (void) sd_event_source_set_time(w->retry, clock_boottime() + RETRY);
        (void) sd_event_source_set_enabled(w->retry, SD_EVENT_ONESHOT);
}

/* Something was not heard or could not be asked: the whole list is asked for when the timer goes
 * off. */
static void miss(LogindWatch *w) {
        w->list_again = true;
        set_retry(w);
}

/* That a session cannot be asked about says nothing about it. */
static void postpone(LogindWatch *w, const char *id) {
        if (w->events->unsure)
                w->events->unsure(id, w->userdata);
        if (enqueue(&w->again, id) < 0)
                miss(w);
        set_retry(w);
}

static void end_listing(LogindWatch *w) {
        if (!w->listing || w->queue.n > 0 || w->n_calls > 0)
                return;
        w->listing = false;
        w->events->listing(true, w->userdata);
}

/* ---- what a session is ------------------------------------------------------------------------
 */

/* What is read of a session. The strings are the message's. */
typedef struct Properties {
        const char *id, *name, *class, *type, *service, *display, *seat, *state, *remote;
        uint32_t uid, leader;
        int idle, locked;
        uint64_t idle_since, created; /* CLOCK_MONOTONIC */
} Properties;

typedef struct PropertyInfo {
        const char *name, *types; /* of the variant's content; of "(uo)" and "(so)" the first */
        size_t offset;
} PropertyInfo;

#define PROPERTY(name, types, member) \
 { name, types, offsetof(Properties, member) }

static const PropertyInfo properties[] = {
        PROPERTY("Id", "s", id),
        PROPERTY("Name", "s", name),
        PROPERTY("Class", "s", class),
        PROPERTY("Type", "s", type),
        PROPERTY("Service", "s", service),
        PROPERTY("Display", "s", display),
        PROPERTY("Seat", "(so)", seat),
        PROPERTY("State", "s", state),
        PROPERTY("RemoteHost", "s", remote),
        PROPERTY("User", "(uo)", uid),
        PROPERTY("Leader", "u", leader),
        PROPERTY("IdleHint", "b", idle),
        PROPERTY("LockedHint", "b", locked),
        PROPERTY("IdleSinceHintMonotonic", "t", idle_since),
        PROPERTY("TimestampMonotonic", "t", created),
};

static int read_value(sd_bus_message *m, const PropertyInfo *info, Properties *p) {
        void *dst = (char *) p + info->offset;
        const char *path;
        int r;

        r = sd_bus_message_enter_container(m, 'v', info->types);
        if (r < 0)
                return r;
        r = info->types[0] == '(' ? sd_bus_message_read(m, info->types, dst, &path)
                                  : sd_bus_message_read_basic(m, info->types[0], dst);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_properties(sd_bus_message *m, Properties *ret) {
        Properties p = { .uid = (uint32_t) -1 };
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const PropertyInfo *info = NULL;
                const char *name;

                r = sd_bus_message_read_basic(m, 's', &name);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < ELEMENTSOF(properties) && !info; i++)
                        if (strcmp(properties[i].name, name) == 0)
                                info = &properties[i];
                r = info ? read_value(m, info, &p) : sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r >= 0)
                *ret = p;
        return r;
}

static const char *filled(const char *text) {
        return text && text[0] ? text : NULL;
}

static usec_t as_boottime(usec_t monotonic) {
        usec_t now = clock_monotonic();

        return monotonic == 0 ? 0 : clock_boottime() - (now - MIN_OF(monotonic, now));
}

static void tell_session(LogindWatch *w, const Properties *p) {
        _cleanup_free_ char *type =
                login_type(w->root, &(LoginTypeFacts){ p->id, filled(p->service), filled(p->seat),
                                                       filled(p->type) });
        const LogindSession s = {
                .facts = {
                        .id = p->id,
                        .service = filled(p->service),
                        .uid = p->uid,
                        .leader = (pid_t) p->leader,
                        .class = session_class_from_string(p->class ?: ""),
                        .graphical = login_type_is_graphical(type),
                        .closing = p->state && strcmp(p->state, "closing") == 0,
                        .locked = p->locked,
                        .idle = p->idle,
                        .idle_since = as_boottime(p->idle_since),
                        .created = as_boottime(p->created),
                        /* A display at a seat has a screen, whoever else is connected to it. */
                        .display = filled(p->seat) ? -1 : session_display_from_string(p->display),
                },
                .user = filled(p->name),
                .class = filled(p->class),
                .type = type,
                .remote = filled(p->remote),
        };

        w->events->session(&s, w->userdata);
}

static int on_session(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        Call *call = userdata;
        LogindWatch *w = call->watch;
        Properties p;

        w->n_calls--;
        if (sd_bus_message_is_method_error(m, NO_SUCH_SESSION) ||
            sd_bus_message_is_method_error(m, SD_BUS_ERROR_UNKNOWN_OBJECT))
                w->events->gone(call->id, w->userdata);
        else if (!sd_bus_message_is_method_error(m, NULL) && read_properties(m, &p) >= 0 && p.id &&
                 p.uid != (uint32_t) -1 && strcmp(p.id, call->id) == 0)
                tell_session(w, &p);
        else
                postpone(w, call->id);
        if (ask_next(w) < 0)
                miss(w);
        end_listing(w);
        return 0;
}

static void call_free(void *userdata) {
        free(userdata);
}

static int ask(LogindWatch *w, const char *id) {
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_free_ Call *call = calloc(1, sizeof(Call));
        _cleanup_free_ char *path = NULL;
        sd_bus_slot *slot;
        int r;

        if (!call)
                return -ENOMEM;
        call->watch = w;
        (void) snprintf(call->id, sizeof(call->id), "%s", id);
        r = sd_bus_path_encode(SESSION_PREFIX, id, &path);
        if (r >= 0)
                r = sd_bus_message_new_method_call(w->bus, &m, LOGIND, path,
                                                   "org.freedesktop.DBus.Properties", "GetAll");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", LOGIND_SESSION);
        if (r >= 0)
                r = sd_bus_call_async(w->bus, &slot, m, on_session, call, w->timeout);
        if (r < 0)
                return r;
        (void) sd_bus_slot_set_destroy_callback(slot, call_free); /* cannot fail on such a slot */
        (void) sd_bus_slot_set_floating(slot, true);              /* the same */
        sd_bus_slot_unref(slot);
        TAKE_PTR(call);
        w->n_calls++;
        return 0;
}

static int ask_next(LogindWatch *w) {
        Queue *q = &w->queue;
        size_t asked = 0;
        int r = 0;

        while (r >= 0 && asked < q->n && w->n_calls < CALLS_MAX) {
                r = ask(w, q->all[asked].id);
                if (r < 0)
                        postpone(w, q->all[asked].id);
                asked++;
        }
        if (asked == 0)
                return r;
        q->n -= asked;
        memmove(q->all, q->all + asked, q->n * sizeof(Wanted));
        return r;
}

/* Has a session asked about soon. */
static int want(LogindWatch *w, const char *id) {
        int r = strlen(id) < SESSION_ID_MAX ? enqueue(&w->queue, id) : -EINVAL;

        return r < 0 ? r : ask_next(w);
}

/* The same. An id that cannot be one, and one beyond all that are followed, would be missed for
 * ever. Returns 0; -errno if it is to be asked for with all others. */
static int want_if_any(LogindWatch *w, const char *id) {
        int r = want(w, id);

        return r == -EINVAL || r == -ENOBUFS ? 0 : r;
}

static void want_or_miss(LogindWatch *w, const char *id) {
        if (want_if_any(w, id) < 0)
                miss(w);
}

int loginwatch_ask(LogindWatch *w, const char *id) {
        return want(w, id);
}

/* ---- lists and signals ------------------------------------------------------------------------
 */

static int read_list(LogindWatch *w, sd_bus_message *m) {
        const char *id, *user, *seat, *path;
        uint32_t uid;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(susso)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "(susso)", &id, &uid, &user, &seat, &path)) > 0) {
                r = want_if_any(w, id);
                if (r < 0)
                        return r;
        }
        return r;
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        LogindWatch *w = userdata;

        w->list_called = false;
        w->list_again = sd_bus_message_is_method_error(m, NULL);
        if (!w->list_again) {
                w->events->listing(false, w->userdata);
                w->listing = true;
                w->list_again = read_list(w, m) < 0;
        }
        if (w->list_again) {
                w->listing = false; /* half a list must not pass for the whole */
                set_retry(w);
        }
        end_listing(w);
        return 0;
}

int loginwatch_list(LogindWatch *w) {
        int r;

        if (w->list_called)
                return 0;
        r = sd_bus_call_method_async(w->bus, NULL, LOGIND, LOGIND_PATH, LOGIND_MANAGER,
                                     "ListSessions", on_list, w, NULL);
        w->list_called = r >= 0;
        return MIN_OF(r, 0);
}

static int on_retry(sd_event_source *timer, uint64_t usec _unused_, void *userdata) {
        LogindWatch *w = userdata;
        Queue again = w->again;

        (void) sd_event_source_set_enabled(timer, SD_EVENT_OFF);
        w->again = (Queue){};
        for (size_t i = 0; i < again.n; i++)
                want_or_miss(w, again.all[i].id);
        free(again.all);
        if (w->list_again && loginwatch_list(w) < 0)
                set_retry(w);
        return 0;
}

static int on_new(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        const char *id, *path;

        if (sd_bus_message_read(m, "so", &id, &path) > 0)
                want_or_miss(userdata, id);
        return 0;
}

static int on_removed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        LogindWatch *w = userdata;
        const char *id, *path;

        if (sd_bus_message_read(m, "so", &id, &path) > 0)
                w->events->gone(id, w->userdata);
        return 0;
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        _cleanup_free_ char *id = NULL;

        if (sd_bus_path_decode(sd_bus_message_get_path(m), SESSION_PREFIX, &id) > 0)
                want_or_miss(userdata, id);
        return 0;
}

static void subscribe(LogindWatch *w) {
        /* PID 1 sends its signals to those who ask. If it is not asked or says no, its reloads are
         * not heard of; what they change is, by inotify, and there is nothing else to be done. */
        (void) sd_bus_call_method_async(w->bus, NULL, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER,
                                        "Subscribe", NULL, NULL, NULL);
}

static int on_reloading(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        LogindWatch *w = userdata;
        int active;

        if (sd_bus_message_read(m, "b", &active) > 0 && !active)
                w->events->reloaded(w->userdata);
        return 0;
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        LogindWatch *w = userdata;
        const char *name, *old, *new;

        if (sd_bus_message_read(m, "sss", &name, &old, &new) <= 0 || new[0] == '\0')
                return 0;
        if (strcmp(name, LOGIND) == 0) {
                if (loginwatch_list(w) < 0)
                        miss(w);
        } else if (strcmp(name, SYSTEMD) == 0) {
                subscribe(w);
                w->events->reloaded(w->userdata);
        }
        return 0;
}

static int on_disconnected(sd_bus_message *m _unused_, void *userdata,
                           sd_bus_error *error _unused_) {
        LogindWatch *w = userdata;

        w->events->lost(w->userdata);
        return 0;
}

#define OWNER_CHANGED                                                            \
 "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus'," \
 "member='NameOwnerChanged',arg0="

static int add_matches(LogindWatch *w) {
        static const struct {
                const char *match;
                sd_bus_message_handler_t handler;
        } matches[] = {
                { "type='signal',sender='" LOGIND "',interface='" LOGIND_MANAGER "',"
                  "member='SessionNew'",
                  on_new },
                { "type='signal',sender='" LOGIND "',interface='" LOGIND_MANAGER "',"
                  "member='SessionRemoved'",
                  on_removed },
                { "type='signal',sender='" LOGIND "',interface='org.freedesktop.DBus.Properties',"
                  "member='PropertiesChanged',path_namespace='" SESSION_PREFIX "'",
                  on_changed },
                { "type='signal',sender='" SYSTEMD "',interface='" SYSTEMD_MANAGER "',"
                  "member='Reloading'",
                  on_reloading },
                { OWNER_CHANGED "'" LOGIND "'", on_owner },
                { OWNER_CHANGED "'" SYSTEMD "'", on_owner },
                { "type='signal',sender='org.freedesktop.DBus.Local',"
                  "interface='org.freedesktop.DBus.Local',member='Disconnected'",
                  on_disconnected },
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(matches) && r >= 0; i++)
                r = sd_bus_add_match_async(w->bus, NULL, matches[i].match, matches[i].handler, NULL,
                                           w);
        return r;
}

int loginwatch_open(const char *root, sd_event *event, const LogindEvents *events, usec_t timeout,
                    void *userdata, LogindWatch **ret) {
        _cleanup_(loginwatch_freep) LogindWatch *w = calloc(1, sizeof(LogindWatch));
        int r;

        if (!w)
                return -ENOMEM;
        w->root = root;
        w->events = events;
        w->userdata = userdata;
        w->timeout = timeout;
        r = sd_bus_open_system(&w->bus);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(w->bus, false);
        if (r >= 0)
                r = sd_bus_attach_event(w->bus, event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_event_add_time(event, &w->retry, CLOCK_BOOTTIME, USEC_INFINITY,
                                      100 * USEC_PER_MSEC, on_retry, w);
        if (r >= 0)
                r = sd_event_source_set_enabled(w->retry, SD_EVENT_OFF);
        if (r >= 0)
                r = add_matches(w);
        if (r < 0)
                return r;
        subscribe(w);
        r = loginwatch_list(w);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

LogindWatch *loginwatch_free(LogindWatch *w) {
        if (!w)
                return NULL;
        w->bus = sd_bus_close_unref(w->bus);
        sd_event_source_unref(w->retry);
        free(w->queue.all);
        free(w->again.all);
        free(w);
        return NULL;
}

/* ---- ending -----------------------------------------------------------------------------------
 */

/* A rung that is under way. */
typedef struct End {
        LogindWatch *watch;
        void (*ended)(int r, void *userdata);
        void *userdata;
} End;

static int on_ended(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        const End *end = userdata;

        end->watch->n_ends--;
        end->ended(loginend_outcome(m), end->userdata);
        return 0;
}

static void end_free(void *userdata) {
        End *end = userdata;

        free(end->userdata);
        free(end);
}

int loginwatch_end(LogindWatch *w, const char *id, SessionRung rung,
                   void (*ended)(int r, void *userdata), void *userdata) {
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_free_ End *end = NULL;
        sd_bus_slot *slot;
        int r;

        if (w->n_ends >= ENDS_MAX)
                return -EBUSY;
        end = malloc(sizeof(End));
        if (!end)
                return -ENOMEM;
        *end = (End){ w, ended, userdata };
        r = loginend_begin(w->bus, id, rung, &m);
        if (r <= 0)
                return r;
        r = sd_bus_call_async(w->bus, &slot, m, on_ended, end, w->timeout);
        if (r < 0)
                return r;
        (void) sd_bus_slot_set_destroy_callback(slot, end_free); /* cannot fail on such a slot */
        (void) sd_bus_slot_set_floating(slot, true);             /* the same */
        sd_bus_slot_unref(slot);
        TAKE_PTR(end);
        w->n_ends++;
        return -EINPROGRESS;
}
