/* SPDX-License-Identifier: MIT */
/* The remote desktops as the verbs want them. */

#define _GNU_SOURCE
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "backend/json.h"
#include "os/clock.h"
#include "os/output.h"
#include "os/user.h"
#include "table.h"

#define CALL_TIMEOUT (5 * USEC_PER_SEC)

const char *table_root(void) {
        return secure_getenv("LEASH_TEST_ROOT") ?: "";
}

Exit table_read(bool measure, Desktops *ret) {
        const DesktopsOptions options = {
                .root = table_root(),
                .uid_min = user_uid_min(),
                .timeout = CALL_TIMEOUT,
                .measure = measure,
        };
        int r = desktops_read(&options, ret);

        if (r >= 0)
                return EXIT_DONE;
        output_error("cannot see who is here: %s", strerror(-r));
        return EXIT_FAILED;
}

/* ---- choosing ---------------------------------------------------------------------------------
 */

/* A server that is nobody's session has no id, and so no name but its display's. */
static bool is_named(const Desktop *d, const char *name) {
        const Session *s = &d->session;

        return name[0] == ':' ? s->display >= 0 && session_display_from_string(name) == s->display
                              : s->id[0] != '\0' && strcmp(s->id, name) == 0;
}

/* Without a leashd nobody knows who was left first, and the oldest session stands in. */
static bool is_older(const Desktop *a, const Desktop *b) {
        const Session *x = &a->session, *y = &b->session;

        return a->followed && b->followed
                       ? x->since[SESSION_DISCONNECTED] < y->since[SESSION_DISCONNECTED]
                       : x->created < y->created;
}

/* Who is there for longest without anybody looking; a session that is closing goes by itself. */
static Desktop *find_oldest(const Desktops *d) {
        Desktop *oldest = NULL;

        for (size_t i = 0; i < d->n; i++) {
                Desktop *one = &d->all[i];

                if (one->session.link != SESSION_LINK_DISCONNECTED || one->session.id[0] == '\0' ||
                    one->session.since[SESSION_CLOSING] != 0)
                        continue;
                if (!oldest || is_older(one, oldest))
                        oldest = one;
        }
        return oldest;
}

static void choose_named(const Desktops *d, const char *name, Desktop **chosen, size_t *n) {
        for (size_t i = 0; i < d->n; i++) {
                bool already = false;

                for (size_t k = 0; k < *n; k++)
                        already |= chosen[k] == &d->all[i];
                if (!already && is_named(&d->all[i], name))
                        chosen[(*n)++] = &d->all[i];
        }
}

static Exit choose_user(const char *name, const Desktops *d, Desktop **chosen, size_t *n) {
        uid_t uid;
        int r = user_uid(name, &uid);

        if (r < 0) {
                output_error("%s: %s", name, r == -ESRCH ? "no such user" : strerror(-r));
                return r == -ESRCH ? EXIT_REFUSED : EXIT_FAILED;
        }
        for (size_t i = 0; i < d->n; i++)
                if (d->all[i].session.uid == uid)
                        chosen[(*n)++] = &d->all[i];
        return EXIT_DONE;
}

static Exit choose(const Arguments *a, const Desktops *d, bool otherwise_all, Desktop ***ret,
                   size_t *ret_n) {
        _cleanup_free_ Desktop **chosen = calloc(d->n + 1, sizeof(Desktop *));
        bool named = a->n_operands > 0 || a->session;
        size_t n = 0;
        Exit e = EXIT_DONE;

        if (!chosen) {
                output_error("%s", strerror(ENOMEM));
                return EXIT_FAILED;
        }
        for (size_t i = 0; i < a->n_operands || (i == 0 && a->session); i++) {
                const char *name = a->session ?: a->operands[i];
                size_t before = n;

                choose_named(d, name, chosen, &n);
                if (n == before) {
                        output_error("%s: no such remote desktop; see 'leash-xrdp list'",
                                     name[0] ? name : "an empty name");
                        e = EXIT_REFUSED;
                }
        }
        if (a->user)
                e = choose_user(a->user, d, chosen, &n);
        if (a->oldest && find_oldest(d))
                chosen[n++] = find_oldest(d);
        for (size_t i = 0;
             i < d->n && (a->all || (!named && !a->user && !a->oldest && otherwise_all)); i++)
                chosen[n++] = &d->all[i];
        if (e != EXIT_DONE)
                return e;
        *ret = TAKE_PTR(chosen);
        *ret_n = n;
        return EXIT_DONE;
}

void selection_done(Selection *s) {
        free(s->chosen);
        desktops_done(&s->desktops);
        *s = (Selection){};
}

Exit table_select(const Arguments *a, bool measure, bool otherwise_all, Selection *ret) {
        _cleanup_(selection_done) Selection s = {};
        Exit e = table_read(measure, &s.desktops);

        if (e == EXIT_DONE)
                e = choose(a, &s.desktops, otherwise_all, &s.chosen, &s.n);
        if (e != EXIT_DONE)
                return e;
        *ret = s;
        s = (Selection){};
        return EXIT_DONE;
}

/* ---- words ------------------------------------------------------------------------------------
 */

char *table_display(const Desktop *d, char buf[static TABLE_TEXT_MAX]) {
        if (d->session.display < 0)
                strcpy(buf, "-");
        else
                (void) snprintf(buf, TABLE_TEXT_MAX, ":%d", d->session.display);
        return buf;
}

static usec_t followed(const Desktop *d, usec_t since) {
        return d->followed ? since : 0;
}

const char *table_link(const Desktop *d, usec_t *ret_since) {
        const Session *s = &d->session;

        *ret_since =
                followed(d, s->link == SESSION_LINK_CONNECTED ? s->connected_since
                                                              : s->since[SESSION_DISCONNECTED]);
        return session_link_to_string(s->link);
}

static bool is_orphan(const Desktop *d) {
        return d->session.orphan;
}

static bool is_closing(const Desktop *d) {
        return d->session.since[SESSION_CLOSING] != 0;
}

static bool is_duplicate(const Desktop *d) {
        return d->duplicate;
}

static bool is_expired(const Desktop *d) {
        return d->ticket == TICKET_EXPIRED;
}

/* In the order in which they matter. */
static const struct {
        const char *name;
        bool (*is)(const Desktop *d);
} flags[] = {
        { "orphan", is_orphan },
        { "closing", is_closing },
        { "duplicate", is_duplicate },
        { "ticket-expired", is_expired },
};

char *table_flags(const Desktop *d, char buf[static TABLE_TEXT_MAX]) {
        size_t at = 0;

        strcpy(buf, "-");
        for (size_t i = 0; i < ELEMENTSOF(flags); i++)
                if (flags[i].is(d))
                        at += (size_t) snprintf(buf + at, TABLE_TEXT_MAX - at, "%s%s",
                                                at ? "," : "", flags[i].name);
        return buf;
}

char *table_leash(const Desktop *d, char buf[static TABLE_TEXT_MAX]) {
        char value[LIMITS_TEXT_MAX];

        if (d->layer < 0)
                strcpy(buf, "-");
        else if (limits_has(&d->limits, LIMIT_CPU_QUOTA))
                (void) snprintf(buf, TABLE_TEXT_MAX, "%s (%s)",
                                limits_format(&d->limits, LIMIT_CPU_QUOTA, value),
                                layer_to_string(d->layer));
        else
                (void) snprintf(buf, TABLE_TEXT_MAX, "%s", layer_to_string(d->layer));
        return buf;
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

static struct json_object *since(usec_t boottime) {
        usec_t now = clock_boottime();

        return json_time(boottime == 0 ? 0 : clock_realtime() - (now - MIN_OF(boottime, now)));
}

static struct json_object *seconds(usec_t boottime) {
        usec_t now = clock_boottime();

        return boottime == 0 ? NULL
                             : json_object_new_uint64((now - MIN_OF(boottime, now)) / USEC_PER_SEC);
}

static struct json_object *link_to_json(const Desktop *d) {
        return d->session.link == SESSION_LINK_UNKNOWN
                       ? NULL
                       : json_object_new_boolean(d->session.link == SESSION_LINK_CONNECTED);
}

static struct json_object *leash_to_json(const Desktop *d) {
        struct json_object *o;

        if (d->layer < 0)
                return NULL;
        o = json_object_new_object();
        (void) json_object_object_add(o, "layer", json_text(layer_to_string(d->layer)));
        (void) json_object_object_add(
                o, "cpu_quota_percent",
                limits_has(&d->limits, LIMIT_CPU_QUOTA) &&
                                d->limits.value[LIMIT_CPU_QUOTA] != LIMIT_INFINITY
                        ? json_number((double) d->limits.value[LIMIT_CPU_QUOTA] * 100 /
                                      (double) USEC_PER_SEC)
                        : NULL);
        return o;
}

struct json_object *table_to_json(const Desktop *d) {
        struct json_object *o = json_object_new_object();
        const Session *s = &d->session;
        char text[TABLE_TEXT_MAX];

        (void) json_object_object_add(o, "user", json_text(d->user));
        (void) json_object_object_add(o, "uid", json_object_new_uint64(s->uid));
        (void) json_object_object_add(o, "session", json_text(s->id));
        (void) json_object_object_add(o, "display", json_text(table_display(d, text)));
        (void) json_object_object_add(o, "backend",
                                      strcmp(d->server, "-") == 0 ? NULL : json_text(d->server));
        (void) json_object_object_add(o, "leader",
                                      s->leader ? json_object_new_int64(s->leader) : NULL);
        (void) json_object_object_add(o, "connected", link_to_json(d));
        (void) json_object_object_add(o, "connected_since", since(followed(d, s->connected_since)));
        (void) json_object_object_add(o, "disconnected_since",
                                      since(followed(d, s->since[SESSION_DISCONNECTED])));
        (void) json_object_object_add(o, "client_address", json_text(d->address));
        (void) json_object_object_add(o, "created", since(s->created));
        (void) json_object_object_add(o, "idle_seconds", seconds(s->since[SESSION_IDLE]));
        (void) json_object_object_add(o, "locked",
                                      json_object_new_boolean(s->since[SESSION_LOCKED] != 0));
        (void) json_object_object_add(o, "locked_since",
                                      since(followed(d, s->since[SESSION_LOCKED])));
        (void) json_object_object_add(o, "cpu_percent", json_number(d->cpu_percent));
        (void) json_object_object_add(o, "cpu_hour_percent", json_number(d->cpu_hour_percent));
        (void) json_object_object_add(
                o, "memory_bytes",
                d->memory == USAGE_UNKNOWN ? NULL : json_object_new_uint64(d->memory));
        (void) json_object_object_add(o, "leash", leash_to_json(d));
        (void) json_object_object_add(o, "orphan", json_object_new_boolean(s->orphan));
        (void) json_object_object_add(o, "closing", json_object_new_boolean(is_closing(d)));
        (void) json_object_object_add(o, "duplicate", json_object_new_boolean(d->duplicate));
        (void) json_object_object_add(
                o, "ticket_expired",
                d->ticket == TICKET_UNKNOWN ? NULL : json_object_new_boolean(is_expired(d)));
        return o;
}
