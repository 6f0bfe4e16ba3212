/* SPDX-License-Identifier: MIT */
/* The one truth about login sessions. */

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/array.h"
#include "core/parse.h"
#include "core/sessions.h"
#include "core/statefile.h"

static const char *const condition_names[_SESSION_CONDITION_MAX] = {
        [SESSION_DISCONNECTED] = "disconnected",
        [SESSION_LOCKED] = "locked",
        [SESSION_IDLE] = "idle",
        [SESSION_CLOSING] = "closing",
        [SESSION_SURPLUS] = "surplus",
};

const char *session_condition_to_string(SessionCondition c) {
        return c >= 0 && c < _SESSION_CONDITION_MAX ? condition_names[c] : "none";
}

SessionClass session_class_from_string(const char *name) {
        if (strncmp(name, "manager", strlen("manager")) == 0)
                return SESSION_CLASS_MANAGER;
        /* "user", "user-early", "user-light", "user-incomplete" */
        return strncmp(name, "user", strlen("user")) == 0 ? SESSION_CLASS_USER
                                                          : SESSION_CLASS_OTHER;
}

const char *session_link_to_string(SessionLink l) {
        static const char *const names[_SESSION_LINK_MAX] = {
                [SESSION_LINK_UNKNOWN] = "unknown",
                [SESSION_LINK_CONNECTED] = "connected",
                [SESSION_LINK_DISCONNECTED] = "disconnected",
        };

        return names[l];
}

const char *session_surplus_to_string(SessionSurplus s) {
        static const char *const texts[_SESSION_SURPLUS_MAX] = {
                [SESSION_SURPLUS_NONE] = "there is room",
                [SESSION_SURPLUS_FULL] = "this server is full",
                [SESSION_SURPLUS_USER] = "you have more sessions than you may",
                [SESSION_SURPLUS_DUPLICATE] = "you have another session",
                [SESSION_SURPLUS_ORPHAN] = "nobody can connect to it any more",
        };

        return texts[s];
}

SessionRung session_rung_next(SessionRung rung) {
        return rung < SESSION_RUNG_STUCK ? rung + 1 : SESSION_RUNG_STUCK;
}

void sessions_done(Sessions *s) {
        for (size_t i = 0; i < s->n; i++)
                free(s->all[i]);
        free(s->all);
        *s = (Sessions){};
}

void sessions_set_watch(Sessions *s, bool watch) {
        if (s->watch == watch)
                return;
        s->watch = watch;
        s->changed = true;
        for (size_t i = 0; i < s->n; i++) {
                Session *session = s->all[i];

                memset(session->warned, 0, sizeof(session->warned));
                session->notice = SESSION_NOTICE_NONE;
                session->rung = SESSION_RUNG_NONE;
                session->rung_for = 0;
                session->rung_at = session->rung_retry = 0;
                session->taking = SESSION_RUNG_NONE;
                session->unguarded = false;
        }
}

/* Where the id is, or where it belongs. */
static size_t position(const Sessions *s, const char *id, bool *ret_found) {
        size_t at = ARRAY_LOWER_BOUND(s->n, i, strcmp(s->all[i]->id, id) < 0);

        *ret_found = at < s->n && strcmp(s->all[at]->id, id) == 0;
        return at;
}

Session *sessions_find(const Sessions *s, const char *id) {
        bool found;
        size_t at = position(s, id, &found);

        return found ? s->all[at] : NULL;
}

/* logind's ids are digits, or a "c" and digits; what else might come must not disturb a file. */
static bool id_is_valid(const char *id) {
        size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

        return n > 0 && id[n] == '\0' && n < SESSION_ID_MAX;
}

static int add(Sessions *s, const char *id, Session **ret) {
        Session *new;
        bool found;
        size_t at = position(s, id, &found);
        int r;

        if (found) {
                *ret = s->all[at];
                return 0;
        }
        if (!id_is_valid(id))
                return -EINVAL;
        r = ARRAY_GROW(s->all, &s->allocated, s->n, SESSIONS_MAX);
        if (r < 0)
                return r;
        new = calloc(1, sizeof(Session));
        if (!new)
                return -ENOMEM;
        (void) snprintf(new->id, sizeof(new->id), "%s", id);
        new->told = new->display = -1;
        memmove(s->all + at + 1, s->all + at, (s->n - at) * sizeof(Session *));
        s->all[at] = new;
        s->n++;
        s->changed = true;
        *ret = new;
        return 1;
}

static void drop(Sessions *s, size_t at) {
        free(s->all[at]);
        s->n--;
        memmove(s->all + at, s->all + at + 1, (s->n - at) * sizeof(Session *));
        s->changed = true;
        /* Two thousand sessions gone are not to be paid for ever after. */
        if (s->allocated > 64 && s->n < s->allocated / 4) {
                Session **all = reallocarray(s->all, s->allocated / 2, sizeof(Session *));

                if (all) {
                        s->all = all;
                        s->allocated /= 2;
                }
        }
}

/* Returns true if the condition begins or ends. */
static bool set_condition(Session *s, SessionCondition c, bool holds, usec_t since) {
        if (holds == (s->since[c] != 0))
                return false;
        s->since[c] = holds ? MAX_OF(since, (usec_t) 1) : 0;
        s->warned[c] = 0;
        return true;
}

static bool set_closing(Session *s, bool closing, bool served, usec_t now) {
        s->closing = closing;
        s->served = served && closing;
        return set_condition(s, SESSION_CLOSING, closing && !s->served, now);
}

static bool set_link(Session *s, SessionLink link, usec_t now) {
        bool changed = s->link != link;
        usec_t since = s->since[SESSION_DISCONNECTED];

        s->link = link;
        if (changed && link == SESSION_LINK_CONNECTED)
                s->away = s->visited && since > 0 && since < now ? now - since : 0;
        s->visited |= link == SESSION_LINK_CONNECTED;
        if (link != SESSION_LINK_CONNECTED)
                s->connected_since = 0;
        else if (s->connected_since == 0)
                s->connected_since = MAX_OF(now, (usec_t) 1);
        changed |= set_condition(s, SESSION_DISCONNECTED, link == SESSION_LINK_DISCONNECTED, now);
        return changed;
}

void sessions_set_surplus(Sessions *s, Session *session, SessionSurplus surplus, usec_t now) {
        s->changed |= session->surplus != surplus;
        session->surplus = surplus;
        s->changed |= set_condition(session, SESSION_SURPLUS, surplus != SESSION_SURPLUS_NONE, now);
}

/* What a session is made of and does not change; a session read back under the same id that differs
 * in it is another one. */
static bool is_same(const Session *s, const SessionFacts *f) {
        return s->uid == f->uid && (s->leader == f->leader || s->leader == 0 || f->leader == 0);
}

int sessions_update(Sessions *s, const SessionFacts *f, usec_t now) {
        Session *session;
        bool changed;
        int r;

        r = add(s, f->id, &session);
        if (r < 0)
                return r;
        changed = r > 0 || !session->present;
        if (r == 0 && !is_same(session, f)) {
                Session empty = { .told = -1, .display = -1 };

                memcpy(empty.id, session->id, sizeof(empty.id));
                *session = empty;
                r = 1;
        }
        if (r > 0)
                session->created = f->created > 0 && f->created < now ? f->created : now;
        session->uid = f->uid;
        session->leader = f->leader;
        session->class = f->class;
        (void) snprintf(session->service, sizeof(session->service), "%s", f->service ?: "");
        session->graphical = f->graphical || session_is_xrdp(session);
        /* None changes its display of itself; another number is its user's word (SetDisplay()). */
        if (session->told < 0 && f->display >= 0)
                session->told = session->display = f->display;
        changed |= set_condition(session, SESSION_LOCKED, f->locked, now);
        changed |= set_closing(session, f->closing, session->served, now);
        /* logind may know for how long already; a time to come is a mistake of somebody's. */
        changed |= set_condition(session, SESSION_IDLE, f->idle,
                                 f->idle_since > 0 && f->idle_since < now ? f->idle_since : now);
        session->present = true;
        session->seen = true;
        s->changed |= changed;
        return changed;
}

bool sessions_set_served(Sessions *s, Session *session, bool served, usec_t now) {
        bool changed = set_closing(session, session->closing, served, now);

        s->changed |= changed;
        return changed;
}

bool session_is_xrdp(const Session *s) {
        return strcmp(s->service, SESSION_SERVICE_XRDP) == 0;
}

bool session_is_desktop(const Session *s) {
        return s->class == SESSION_CLASS_USER && s->graphical &&
               (s->display >= 0 || session_is_xrdp(s));
}

const char *session_type_of(const char *service, const char *type) {
        return type && service && strcmp(service, SESSION_SERVICE_XRDP) == 0 ? "x11" : type;
}

bool sessions_remove(Sessions *s, const char *id) {
        bool found;
        size_t at = position(s, id, &found);

        if (found)
                drop(s, at);
        return found;
}

void sessions_keep(Sessions *s, const char *id) {
        Session *session = sessions_find(s, id);

        if (session)
                session->seen = true;
}

void sessions_begin(Sessions *s) {
        for (size_t i = 0; i < s->n; i++)
                s->all[i]->seen = false;
}

size_t sessions_end(Sessions *s) {
        size_t gone = 0, kept = 0;

        for (size_t i = 0; i < s->n; i++) {
                if (s->all[i]->seen)
                        s->all[kept++] = s->all[i];
                else
                        free(s->all[i]);
        }
        gone = s->n - kept;
        s->n = kept;
        s->changed |= gone > 0;
        return gone;
}

static int compare_displays(const void *a, const void *b) {
        const SessionDisplay *x = a, *y = b;

        /* Of two for one display xrdp's own comes first: it is the nearer to the client. */
        return x->number != y->number ? (x->number < y->number ? -1 : 1)
                                      : (int) x->via - (int) y->via;
}

static SessionDisplay *find_display(SessionDisplay *displays, size_t n, uid_t uid, int number) {
        for (size_t at = ARRAY_LOWER_BOUND(n, i, displays[i].number < number);
             at < n && displays[at].number == number; at++)
                if (displays[at].uid == uid)
                        return &displays[at];
        return NULL;
}

/* A number is free again as soon as the X server has gone, the session not. */
static bool may_have_display(const Session *s) {
        return s->present && session_is_desktop(s) && s->since[SESSION_CLOSING] == 0;
}

static bool is_younger(const Session *a, const Session *b) {
        return a->created != b->created ? a->created > b->created : strcmp(a->id, b->id) > 0;
}

/* The display that a session has, of those that were given to sessions already. */
static SessionDisplay *display_of(SessionDisplay *displays, size_t n, const Session *s) {
        SessionDisplay *d = s->display < 0 ? NULL : find_display(displays, n, s->uid, s->display);

        return d && d->session == s ? d : NULL;
}

/* To each what it was told to have. */
static void give_told(Sessions *s, SessionDisplay *displays, size_t n) {
        for (size_t i = 0; i < n; i++)
                displays[i].session = NULL;
        for (size_t i = 0; i < s->n; i++) {
                Session *session = s->all[i];
                SessionDisplay *d;

                if (!may_have_display(session) || session->told < 0)
                        continue;
                d = find_display(displays, n, session->uid, session->told);
                if (d && (!d->session || is_younger(session, d->session)))
                        d->session = session;
                session->display = session->told;
        }
}

/* A desktop of xrdp's that is served, and that no session says is its own, is that of one that says
 * something else. A VNC server is no answer while there is such a desktop: a user starts one, and
 * connects to it. */
static void give_left(Sessions *s, SessionDisplay *displays, size_t n) {
        for (size_t i = 0; i < n; i++) {
                SessionDisplay *left = &displays[i];

                for (size_t k = 0;
                     k < s->n && left->listening && !left->session && left->via == SESSION_VIA_XRDP;
                     k++) {
                        Session *session = s->all[k];
                        SessionDisplay *d;

                        if (session->uid != left->uid || !session_is_xrdp(session) ||
                            !may_have_display(session))
                                continue;
                        d = display_of(displays, n, session);
                        if (d && d->via == SESSION_VIA_XRDP)
                                continue;
                        if (d)
                                d->session = NULL;
                        left->session = session;
                        session->display = left->number;
                }
        }
}

bool sessions_set_displays(Sessions *s, SessionDisplay *displays, size_t n, usec_t now) {
        bool news = false;

        if (n > 0)
                qsort(displays, n, sizeof(*displays), compare_displays);
        give_told(s, displays, n);
        give_left(s, displays, n);
        for (size_t i = 0; i < s->n; i++) {
                Session *session = s->all[i];
                const SessionDisplay *d = display_of(displays, n, session);
                SessionLink link = SESSION_LINK_UNKNOWN;

                if (!session->present)
                        continue;
                if (d)
                        link = d->link;
                else if (may_have_display(session) && session->via != SESSION_VIA_NONE)
                        link = SESSION_LINK_DISCONNECTED;
                news |= set_link(session, link, now);
                if (!d || (session->via == d->via && session->announced >= d->announced))
                        continue;
                session->via = d->via;
                session->announced |= d->announced;
                news = true;
        }
        s->changed |= news;
        return news;
}

int session_display_from_string(const char *text) {
        const char *rest;
        uint64_t n;

        if (!text || text[0] != ':' || parse_decimal(text + 1, 0, &n, &rest) < 0 || n > 65535 ||
            (*rest != '\0' && *rest != '.'))
                return -1;
        return n;
}

/* ---- kept through a restart ------------------------------------------------------------------ */

/* One row for each number that is kept. */
typedef struct Field {
        const char *key;
        size_t offset, size;
        uint64_t max;
} Field;

#define FIELD(key, member, max) \
 { key, offsetof(Session, member), sizeof(((Session *) NULL)->member), max }

static const Field fields[] = {
        FIELD("Uid", uid, UINT32_MAX - 1),
        FIELD("Leader", leader, INT32_MAX),
        FIELD("Graphical", graphical, 1),
        FIELD("Class", class, _SESSION_CLASS_MAX - 1),
        FIELD("Via", via, _SESSION_VIA_MAX - 1),
        FIELD("Link", link, _SESSION_LINK_MAX - 1),
        FIELD("Announced", announced, 1),
        FIELD("Visited", visited, 1),
        FIELD("Created", created, UINT64_MAX),
        FIELD("Connected", connected_since, UINT64_MAX),
        FIELD("Disconnected", since[SESSION_DISCONNECTED], UINT64_MAX),
        FIELD("Locked", since[SESSION_LOCKED], UINT64_MAX),
        FIELD("Idle", since[SESSION_IDLE], UINT64_MAX),
        FIELD("Closing", since[SESSION_CLOSING], UINT64_MAX),
        FIELD("Served", served, 1),
        FIELD("Surplus", since[SESSION_SURPLUS], UINT64_MAX),
        FIELD("SurplusFor", surplus, _SESSION_SURPLUS_MAX - 1),
        FIELD("Away", away, UINT64_MAX),
        FIELD("Greeted", greeted, UINT64_MAX),
        FIELD("WarnedDisconnected", warned[SESSION_DISCONNECTED], UINT64_MAX),
        FIELD("WarnedLocked", warned[SESSION_LOCKED], UINT64_MAX),
        FIELD("WarnedIdle", warned[SESSION_IDLE], UINT64_MAX),
        FIELD("WarnedClosing", warned[SESSION_CLOSING], UINT64_MAX),
        FIELD("WarnedSurplus", warned[SESSION_SURPLUS], UINT64_MAX),
        FIELD("Notice", notice, _SESSION_NOTICE_MAX - 1),
        FIELD("Rung", rung, _SESSION_RUNG_MAX - 1),
        FIELD("RungFor", rung_for, _SESSION_CONDITION_MAX - 1),
        FIELD("RungAt", rung_at, UINT64_MAX),
        FIELD("Unguarded", unguarded, 1),
};

static uint64_t get_field(const Session *s, const Field *f) {
        const char *at = (const char *) s + f->offset;
        uint64_t value = 0;
        uint32_t half;

        if (f->size == sizeof(half)) {
                memcpy(&half, at, sizeof(half));
                value = half;
        } else if (f->size == sizeof(bool)) {
                value = *(const bool *) at;
        } else {
                memcpy(&value, at, sizeof(value));
        }
        return value;
}

static void set_field(Session *s, const Field *f, uint64_t value) {
        char *at = (char *) s + f->offset;
        uint32_t half = value;

        if (f->size == sizeof(half))
                memcpy(at, &half, sizeof(half));
        else if (f->size == sizeof(bool))
                *(bool *) at = value;
        else
                memcpy(at, &value, sizeof(value));
}

int sessions_to_text(const Sessions *s, const char *boot, char **ret, size_t *ret_size) {
        StatefileText text;
        FILE *f;
        int r;

        r = statefile_begin(&text, "sessions", boot);
        if (r < 0)
                return r;
        f = text.f;
        statefile_write_mode(&text, s->watch);
        for (size_t i = 0; i < s->n; i++) {
                const Session *session = s->all[i];

                (void) fprintf(f, "[session %s]\nService=", session->id);
                for (const char *c = session->service; *c; c++)
                        (void) fputc(*c < ' ' || *c > '~' ? '?' : *c, f);
                (void) fprintf(f, "\nDisplay=%d\n", session->display);
                for (size_t k = 0; k < ELEMENTSOF(fields); k++) {
                        uint64_t value = get_field(session, &fields[k]);

                        if (value != 0)
                                (void) fprintf(f, "%s=%" PRIu64 "\n", fields[k].key, value);
                }
        }
        return statefile_end(&text, ret, ret_size);
}

typedef struct Reading {
        Sessions *sessions;
        Session *session; /* the one whose section it is */
        StatefileHead head;
} Reading;

static int read_field(Session *s, const char *key, const char *value) {
        uint64_t number;

        if (strcmp(key, "Service") == 0) {
                (void) snprintf(s->service, sizeof(s->service), "%s", value);
                return 0;
        }
        if (strcmp(key, "Display") == 0) {
                if (strcmp(value, "-1") == 0)
                        return 0;
                if (parse_u64(value, &number) < 0 || number > 65535)
                        return -EBADMSG;
                s->told = s->display = number;
                return 0;
        }
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                if (strcmp(fields[i].key, key) != 0)
                        continue;
                if (parse_u64(value, &number) < 0 || number > fields[i].max)
                        return -EBADMSG;
                set_field(s, &fields[i], number);
        }
        return 0;
}

static int read_entry(const char *section, const char *name, const char *key, const char *value,
                      void *userdata) {
        Reading *r = userdata;
        int k;

        if (strcmp(section, "sessions") == 0)
                return statefile_read_head(&r->head, key, value);
        if (strcmp(section, "session") != 0)
                return 0;
        if (!r->head.versioned)
                return -EBADMSG;
        if (!key) {
                k = add(r->sessions, name, &r->session);
                return k == 0 || k == -EINVAL || k == -ENOBUFS ? -EBADMSG : MIN_OF(k, 0);
        }
        return read_field(r->session, key, value);
}

int sessions_from_text(Sessions *s, const char *text, size_t size, const char *boot) {
        Reading reading = { .sessions = s, .head.boot = boot };
        int r;

        r = statefile_read(text, size, SESSIONS_TEXT_MAX, read_entry, &reading);
        if (r < 0) {
                sessions_done(s);
                return r;
        }
        s->watch = !reading.head.enforced;
        s->changed = false;
        return 0;
}
