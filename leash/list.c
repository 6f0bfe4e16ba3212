/* SPDX-License-Identifier: MIT */
/* leash list: the leashes in force. */

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "os/output.h"
#include "verbs.h"

static const char *const headers[] = { "USER",      "TARGET", "LIMITS", "LAYER", "CPU",
                                       "THROTTLED", "SINCE",  "UNTIL",  "BY",    "REASON" };

static const char *enforced_text(const View *v) {
        return v->other                  ? " (BY ANOTHER BACKEND)"
               : v->enforcement.absent   ? " (not logged in)"
               : v->enforcement.enforced ? ""
                                         : " (NOT ENFORCED)";
}

static int add_percent(Table *t, double percent) {
        return percent < 0 ? table_add(t, "-") : table_add(t, "%.0f%%", percent);
}

static int add_row(Table *t, const View *v) {
        char limits[VIEW_TEXT_MAX], since[OUTPUT_TIME_MAX], until[OUTPUT_TIME_MAX];
        const Record *record = v->record;
        Layer top = record_top_layer(record);
        const RecordLayer *l = top >= 0 ? &record->layers[top] : NULL;
        Limits effective;
        int r;

        record_effective(record, &effective, NULL);
        r = table_add(t, "%s", record->user);
        if (r >= 0)
                r = table_add(t, "%s", record->target);
        if (r >= 0)
                r = table_add(t, "%s%s", view_limits(&effective, limits), enforced_text(v));
        if (r >= 0)
                r = table_add(t, "%s", layer_to_string(top));
        if (r >= 0)
                r = add_percent(t, v->cpu_percent);
        if (r >= 0)
                r = add_percent(t, v->throttled_percent);
        if (r >= 0)
                r = table_add(t, "%s", output_time(l ? l->since : 0, since));
        if (r >= 0)
                r = table_add(t, "%s", output_time(record_next_expiry(record), until));
        if (r >= 0)
                r = table_add(t, "%s", l && l->by && l->by[0] ? l->by : "-");
        if (r >= 0)
                r = table_add(t, "%s", l && l->reason ? l->reason : "-");
        return r;
}

static Exit print_table(const View *views, size_t n) {
        _cleanup_(table_freep) Table *t = table_new(headers, ELEMENTSOF(headers));

        if (!t)
                return EXIT_FAILED;
        if (n == 0) {
                output_line("No leashes in force.");
                return EXIT_DONE;
        }
        for (size_t i = 0; i < n; i++)
                if (add_row(t, &views[i]) < 0)
                        return EXIT_FAILED;
        table_print(t, stdout);
        return EXIT_DONE;
}

static Exit print_json(const View *views, size_t n) {
        struct json_object *array = json_object_new_array();

        for (size_t i = 0; i < n; i++)
                (void) json_object_array_add(array, view_to_json(&views[i]));
        return view_print_json(array);
}

Exit verb_list(Context *c) {
        _cleanup_free_ View *views = NULL;
        Record **records = NULL;
        size_t n = 0, damaged = 0;
        Exit e;
        int r;

        e = context_look_at_ledger(c);
        if (e != EXIT_DONE)
                return e;
        r = context_read_records(c, &records, &n, &damaged);
        if (r >= 0) {
                views = calloc(n + 1, sizeof(View));
                r = views ? view_measure(c, records, n, views) : -ENOMEM;
        }
        if (r < 0) {
                output_error("cannot list the leashes: %s", strerror(-r));
                e = EXIT_FAILED;
        } else {
                e = c->args.json ? print_json(views, n) : print_table(views, n);
        }
        if (damaged > 0)
                output_error("%zu damaged record%s set aside in /run/leash; see 'leash doctor'",
                             damaged, damaged == 1 ? " was" : "s were");
        ledger_free_records(records, n);
        return e;
}
