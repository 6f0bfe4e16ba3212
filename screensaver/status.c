/* SPDX-License-Identifier: MIT */
/* How leash-lock tells of itself. */

#define _GNU_SOURCE
#include <inttypes.h>
#include <string.h>

#include "core/parse.h"
#include "status.h"

typedef enum StatusType {
        STATUS_TEXT,
        STATUS_NUMBER,
        STATUS_BOOLEAN,
        STATUS_TIME,
} StatusType;

typedef struct StatusKey {
        const char *name;
        StatusType type;
        const char *label; /* for people; NULL: in JSON alone */
} StatusKey;

static const StatusKey keys[] = {
        { "display", STATUS_TEXT, "Display" },
        { "session", STATUS_TEXT, "Session" },
        { "pid", STATUS_NUMBER, NULL },
        { "state", STATUS_TEXT, "State" },
        { "locked_hint", STATUS_BOOLEAN, NULL },
        { "idle_hint", STATUS_BOOLEAN, NULL },
        { "idle_seconds", STATUS_NUMBER, "Idle (s)" },
        { "closed_since", STATUS_TIME, NULL },
        { "locked_since", STATUS_TIME, "Locked since" },
        { "locker", STATUS_TEXT, "Locker" },
        { "locker_pid", STATUS_NUMBER, "Locker's PID" },
        { "locker_up", STATUS_BOOLEAN, NULL },
        { "locker_deaths", STATUS_NUMBER, NULL },
        { "inhibitors", STATUS_NUMBER, "Inhibitors" },
        { "inhibitor_names", STATUS_TEXT, "Held by" },
};

static void put(char **at, char *end, const char *name, const char *value) {
        int n = snprintf(*at, (size_t) (end - *at), "%s=%s\n", name, value);

        if (n < 0 || n >= end - *at)
                **at = '\0';
        else
                *at += n;
}

static void put_text(char **at, char *end, const char *name, const char *text) {
        _cleanup_free_ char *escaped = text ? escape_text(text, 512) : NULL;

        if (escaped)
                put(at, end, name, escaped);
}

static void put_number(char **at, char *end, const char *name, uint64_t number) {
        char text[32];

        (void) snprintf(text, sizeof(text), "%" PRIu64, number);
        put(at, end, name, text);
}

static void put_time(char **at, char *end, const char *name, usec_t realtime) {
        char text[TIMESTAMP_MAX];

        if (realtime != 0)
                put(at, end, name, format_timestamp(realtime, text));
}

void status_format(const Status *s, char *buf, size_t size) {
        char *at = buf, *end = buf + size;

        put_text(&at, end, "display", s->display);
        put_text(&at, end, "session", s->session);
        put_number(&at, end, "pid", (uint64_t) s->pid);
        put_text(&at, end, "state", idle_state_to_string(s->state));
        put(&at, end, "locked_hint", s->locked_hint ? "true" : "false");
        put(&at, end, "idle_hint", s->idle_hint ? "true" : "false");
        put_number(&at, end, "idle_seconds", s->idle / USEC_PER_SEC);
        put_time(&at, end, "closed_since", s->closed_at);
        put_time(&at, end, "locked_since", s->locked_at);
        put_text(&at, end, "locker", s->locker);
        if (s->locker_pid > 0)
                put_number(&at, end, "locker_pid", (uint64_t) s->locker_pid);
        put(&at, end, "locker_up", s->locker_up ? "true" : "false");
        put_number(&at, end, "locker_deaths", s->deaths);
        put_number(&at, end, "inhibitors", s->inhibitors);
        put_text(&at, end, "inhibitor_names", s->inhibitor_names);
}

/* ---- printing ----------------------------------------------------------------------------------
 */

static void print_json_text(const char *text, FILE *f) {
        _cleanup_free_ char *clean =
                escape_text(text, 1024); /* valid UTF-8, no control characters */

        (void) fputc('"', f);
        for (const char *p = clean; p && *p; p++) {
                if (*p == '"' || *p == '\\')
                        (void) fputc('\\', f);
                (void) fputc(*p, f);
        }
        (void) fputc('"', f);
}

static bool is_valid(const StatusKey *key, const char *value) {
        uint64_t number;
        usec_t time;

        switch (key->type) {
        case STATUS_TEXT:
                return value[0] != '\0';
        case STATUS_NUMBER:
                return parse_u64(value, &number) >= 0;
        case STATUS_BOOLEAN:
                return strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
        case STATUS_TIME:
                return parse_rfc3339(value, &time) >= 0;
        }
        return false;
}

static void print_json(const StatusKey *key, const char *value, bool first, FILE *f) {
        (void) fprintf(f, "%s\n    \"%s\": ", first ? "" : ",", key->name);
        if (!value)
                (void) fputs("null", f);
        else if (key->type == STATUS_TEXT || key->type == STATUS_TIME)
                print_json_text(value, f);
        else
                (void) fputs(value, f);
}

static void print_line(const StatusKey *key, const char *value, FILE *f) {
        _cleanup_free_ char *text = NULL, *clean = NULL;

        if (!value || !key->label)
                return;
        /* It came escaped once. What cannot be undone is shown as it is, escaped. */
        clean = escape_text(unescape_text(value, &text) >= 0 ? text : value, 1024);
        (void) fprintf(f, "%12s: %s\n", key->label, clean ?: "");
}

void status_print(char *lines, bool json, FILE *f) {
        const char *values[ELEMENTSOF(keys)] = {};

        for (char *save = NULL, *line = strtok_r(lines, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
                char *value = strchr(line, '=');

                if (!value)
                        continue;
                *value++ = '\0';
                for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                        if (strcmp(line, keys[i].name) == 0 && is_valid(&keys[i], value))
                                values[i] = value;
        }
        if (json)
                (void) fputs("[\n  {", f);
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (json)
                        print_json(&keys[i], values[i], i == 0, f);
                else
                        print_line(&keys[i], values[i], f);
        if (json)
                (void) fputs("\n  }\n]\n", f);
}
