/* SPDX-License-Identifier: MIT */
/* leash-xrdp list and show: every remote desktop of this host; all about some of them. */

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "backend/json.h"
#include "core/parse.h"
#include "os/clock.h"
#include "os/output.h"
#include "table.h"
#include "verbs.h"

static const char *const headers[] = { "USER",  "SESSION", "DISPLAY", "VIA",    "STATE",
                                       "FOR",   "FROM",    "IDLE",    "LOCKED", "CPU",
                                       "CPU1H", "MEM",     "LEASH",   "AGE",    "FLAGS" };

/* How long ago, or "-". */
static const char *ago(usec_t boottime, char buf[static TABLE_TEXT_MAX]) {
        usec_t now = clock_boottime();

        strcpy(buf, "-");
        if (boottime != 0)
                format_duration((now - MIN_OF(boottime, now)) / USEC_PER_SEC * USEC_PER_SEC, buf,
                                TABLE_TEXT_MAX);
        return buf;
}

static const char *percent(double value, char buf[static TABLE_TEXT_MAX]) {
        strcpy(buf, "-");
        if (value >= 0)
                (void) snprintf(buf, TABLE_TEXT_MAX, "%.0f%%", value);
        return buf;
}

static const char *size(uint64_t bytes, char buf[static TABLE_TEXT_MAX]) {
        strcpy(buf, "-");
        if (bytes != USAGE_UNKNOWN)
                format_size(bytes, buf, TABLE_TEXT_MAX);
        return buf;
}

/* The cells of one desktop, in the order of the headers. */
typedef struct Cells {
        const char *text[ELEMENTSOF(headers)];
        char buf[ELEMENTSOF(headers)][TABLE_TEXT_MAX];
} Cells;

static void fill(const Desktop *d, Cells *c) {
        const Session *s = &d->session;
        size_t i = 0;
        usec_t since;
        const char *link = table_link(d, &since);

#define NEXT c->buf[i]
        *c = (Cells){};
        c->text[i++] = d->user;
        c->text[i++] = s->id[0] ? s->id : "-";
        c->text[i] = table_display(d, NEXT), i++;
        c->text[i++] = d->server;
        c->text[i++] = link;
        c->text[i] = ago(since, NEXT), i++;
        c->text[i++] = d->address[0] ? d->address : "-";
        c->text[i] = ago(s->since[SESSION_IDLE], NEXT), i++;
        if (s->since[SESSION_LOCKED] != 0 && !d->followed)
                c->text[i++] = "yes";
        else
                c->text[i] = ago(s->since[SESSION_LOCKED], NEXT), i++;
        c->text[i] = percent(d->cpu_percent, NEXT), i++;
        c->text[i] = percent(d->cpu_hour_percent, NEXT), i++;
        c->text[i] = size(d->memory, NEXT), i++;
        c->text[i] = table_leash(d, NEXT), i++;
        c->text[i] = ago(s->created, NEXT), i++;
        c->text[i] = table_flags(d, NEXT), i++;
#undef NEXT
}

static Exit print_table(Desktop *const *all, size_t n) {
        _cleanup_(table_freep) Table *t = table_new(headers, ELEMENTSOF(headers));
        Cells cells;

        if (!t)
                return EXIT_FAILED;
        for (size_t i = 0; i < n; i++) {
                fill(all[i], &cells);
                for (size_t k = 0; k < ELEMENTSOF(headers); k++)
                        if (table_add(t, "%s", cells.text[k]) < 0)
                                return EXIT_FAILED;
        }
        table_print(t, stdout);
        return EXIT_DONE;
}

static Exit print_json(Desktop *const *all, size_t n) {
        struct json_object *array = json_object_new_array();

        for (size_t i = 0; i < n; i++)
                (void) json_object_array_add(array, table_to_json(all[i]));
        return json_print(array) < 0 ? EXIT_FAILED : EXIT_DONE;
}

Exit verb_list(const Arguments *a) {
        _cleanup_(selection_done) Selection s = {};
        Exit e;

        e = table_select(a, true, true, &s);
        if (e != EXIT_DONE)
                return e;
        if (a->json)
                return print_json(s.chosen, s.n);
        if (s.n == 0)
                output_line("No remote desktops.");
        return s.n == 0 ? EXIT_DONE : print_table(s.chosen, s.n);
}

static const char *const labels[ELEMENTSOF(headers)] = {
        "user",       "session", "display",        "server", "state", "since", "from",  "idle for",
        "locked for", "CPU now", "CPU, last hour", "memory", "leash", "age",   "flags",
};

Exit verb_show(const Arguments *a) {
        _cleanup_(selection_done) Selection s = {};
        Exit e;

        if (a->n_operands == 0 && !a->user && !a->session) {
                output_error("show needs a session or --user");
                return EXIT_USAGE;
        }
        e = table_select(a, true, false, &s);
        if (e != EXIT_DONE)
                return e;
        if (s.n == 0) {
                output_error("%s: no remote desktop", a->user);
                return EXIT_REFUSED;
        }
        if (a->json)
                return print_json(s.chosen, s.n);
        for (size_t i = 0; i < s.n; i++) {
                Cells cells;

                fill(s.chosen[i], &cells);
                if (i > 0)
                        output_line("%s", "");
                for (size_t k = 0; k < ELEMENTSOF(headers); k++)
                        output_line("%14s  %s", labels[k], cells.text[k]);
        }
        return EXIT_DONE;
}
