/* SPDX-License-Identifier: MIT */
/* A leash in force, measured now, as text and as JSON: shared by list and show. */
#pragma once

#include <json-c/json_object.h>

#include "context.h"

typedef struct View {
        const Record *record;     /* borrowed */
        Enforcement enforcement;  /* without meaning if `other` */
        bool other;               /* by another backend, which cannot be looked at */
        double cpu_percent;       /* of one CPU, over the window; < 0 if not measured */
        double throttled_percent; /* of the periods in the window */
} View;

/* Verifies each record and measures all of them over one window, for 0.2 s. `ret` has room for `n`.
 * One that cannot be read is shown as not in force. Returns 0 or -ENOMEM, with all of `ret` set but
 * where even the first look had no memory. */
int view_measure(Context *c, Record *const *records, size_t n, View *ret);

/* The object that `leash list --json` prints for one leash. NULL when out of memory. */
struct json_object *view_to_json(const View *v);

/* The limits as an object, names and units as documented in leash(1). */
struct json_object *view_limits_to_json(const Limits *l);

/* "50% CPU, memory 4.0G". */
#define VIEW_TEXT_MAX 1024
char *view_limits(const Limits *l, char buf[static VIEW_TEXT_MAX]);

/* Prints an array on stdout. Consumes it. */
Exit view_print_json(struct json_object *array);
