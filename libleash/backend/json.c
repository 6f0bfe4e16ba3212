/* SPDX-License-Identifier: MIT */
/* Values as all programs here put them into JSON. */

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>

#include "backend/json.h"
#include "core/parse.h"

#define TEXT_BYTES_MAX 4096

struct json_object *json_number(double value) {
        char text[32];

        if (value < 0)
                return NULL;
        (void) snprintf(text, sizeof(text), "%.1f", value);
        return json_object_new_double_s(value, text);
}

struct json_object *json_time(usec_t realtime) {
        char text[TIMESTAMP_MAX];

        return realtime == 0 || realtime == USEC_INFINITY
                       ? NULL
                       : json_object_new_string(format_timestamp(realtime, text));
}

struct json_object *json_text(const char *s) {
        _cleanup_free_ char *escaped = s && *s ? escape_text(s, TEXT_BYTES_MAX) : NULL;

        return escaped ? json_object_new_string(escaped) : NULL;
}

int json_print(struct json_object *o) {
        const char *text = json_object_to_json_string_ext(
                o,
                JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
        int r = text && puts(text) >= 0 ? 0 : -EIO;

        (void) json_object_put(o);
        return r;
}
