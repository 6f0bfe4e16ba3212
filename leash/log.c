/* SPDX-License-Identifier: MIT */
/* leash log: what leashd has done, and why. */

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "backend/incidents.h"
#include "backend/json.h"
#include "os/output.h"
#include "verbs.h"

static const char *const headers[] = { "TIME", "USER", "WHAT", "WHY", "LIMITS", "NUMBERS", "RULE" };

typedef struct Reading {
        const Context *c;
        uid_t uid; /* (uid_t) -1 for all */
        Table *table;
        struct json_object *array;
        size_t n;
} Reading;

static void put(struct json_object *o, const char *key, const char *text) {
        (void) json_object_object_add(o, key, json_text(text));
}

static void put_number(struct json_object *o, const char *key, int number) {
        (void) json_object_object_add(o, key, number >= 0 ? json_object_new_int(number) : NULL);
}

static int add_json(Reading *r, const Incident *i) {
        struct json_object *o = json_object_new_object();

        if (!o)
                return -ENOMEM;
        (void) json_object_object_add(o, "time", json_time(i->time));
        put(o, "kind", incident_kind_to_string(i->kind));
        (void) json_object_object_add(o, "watch", json_object_new_boolean(i->watch));
        put(o, "user", i->user);
        (void) json_object_object_add(o, "uid", json_object_new_int64(i->uid));
        put(o, "session", i->session);
        put(o, "condition", i->condition);
        put(o, "limits", i->limits);
        (void) json_object_object_add(o, "until", json_time(i->until));
        put(o, "rule", i->rule);
        put(o, "processes", i->processes);
        put_number(o, "n_processes", i->n_processes);
        put_number(o, "used_percent", i->used_percent);
        put_number(o, "pressure_percent", i->pressure_percent);
        put_number(o, "active_users", i->active);
        put_number(o, "step", i->step);
        put(o, "error", i->error);
        return json_object_array_add(r->array, o) < 0 ? -ENOMEM : 0;
}

/* "3 processes: make cc1; 310% of the share, pressure 90%, 5 active". */
static void describe(const Incident *i, char *buf, size_t size) {
        size_t at = 0;

        buf[0] = '\0';
        if (i->used_percent >= 0)
                at += snprintf(buf, size, "%d%% of the share, pressure %d%%, %d active",
                               i->used_percent, i->pressure_percent, i->active);
        if (i->n_processes > 0 && at < size)
                at += snprintf(buf + at, size - at, "%smoved %d: %s", at ? "; " : "",
                               i->n_processes, i->processes);
        if (i->error[0] && at < size)
                (void) snprintf(buf + at, size - at, "%s%s", at ? "; " : "", i->error);
}

static int add_row(Reading *r, const Incident *i) {
        char time[OUTPUT_TIME_MAX], numbers[512];
        int k;

        describe(i, numbers, sizeof(numbers));
        k = table_add(r->table, "%s", output_time(i->time, time));
        if (k >= 0)
                k = table_add(r->table, "%s", i->user);
        if (k >= 0)
                k = table_add(r->table, "%s%s", i->watch ? "would: " : "",
                              incident_kind_to_string(i->kind));
        if (k >= 0)
                k = table_add(r->table, "%s%s%s", i->condition[0] ? i->condition : "-",
                              i->session[0] ? ", session " : "", i->session);
        if (k >= 0)
                k = table_add(r->table, "%s", i->limits[0] ? i->limits : "-");
        if (k >= 0)
                k = table_add(r->table, "%s", numbers[0] ? numbers : "-");
        return k < 0 ? k : table_add(r->table, "%s", i->rule[0] ? i->rule : "-");
}

static int found(const Incident *i, void *userdata) {
        Reading *r = userdata;

        if ((r->uid != (uid_t) -1 && i->uid != r->uid) || i->time < r->c->args.since)
                return 0;
        r->n++;
        return r->array ? add_json(r, i) : add_row(r, i);
}

static Exit print(Reading *r) {
        if (r->array)
                return view_print_json(TAKE_PTR(r->array));
        if (r->n == 0)
                output_line("Nothing was done.");
        else
                table_print(r->table, stdout);
        return EXIT_DONE;
}

Exit verb_log(Context *c) {
        _cleanup_(table_freep) Table *table = table_new(headers, ELEMENTSOF(headers));
        Reading reading = { .c = c, .uid = (uid_t) -1, .table = table };
        char session[PLACEMENT_NAME_MAX];
        Exit e = EXIT_DONE;
        int r;

        if (c->args.user || c->args.session)
                e = context_named_owner(c, &reading.uid, session);
        if (e != EXIT_DONE)
                return e;
        reading.array = c->args.json ? json_object_new_array() : NULL;
        r = table ? incidents_read(c->backend_options.root, found, &reading) : -ENOMEM;
        if (r >= 0) {
                if (r > 0)
                        output_error("%d lines of the log cannot be read and were skipped", r);
                return print(&reading);
        }
        (void) json_object_put(reading.array);
        if (r == -EACCES || r == -EPERM) {
                output_error("only root may read what leashd has done; use sudo");
                return EXIT_REFUSED;
        }
        output_error("cannot read what leashd has done: %s", strerror(-r));
        return EXIT_FAILED;
}
