/* SPDX-License-Identifier: MIT */
/* One thing that the daemon did. */

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/incident.h"
#include "core/parse.h"

static const char *const kinds[_INCIDENT_KIND_MAX] = {
        [INCIDENT_SQUEEZED] = "squeezed",     [INCIDENT_LIFTED] = "lifted",
        [INCIDENT_WARNED] = "warned",         [INCIDENT_ASKED] = "asked",
        [INCIDENT_TERMINATED] = "terminated", [INCIDENT_KILLED] = "killed",
        [INCIDENT_STUCK] = "stuck",           [INCIDENT_PENALISED] = "penalised",
        [INCIDENT_EXCUSED] = "excused",       [INCIDENT_RESTORED] = "restored",
        [INCIDENT_YIELDED] = "yielded",       [INCIDENT_UNGUARDED] = "unguarded",
        [INCIDENT_FAILED] = "failed",
};

const char *incident_kind_to_string(IncidentKind kind) {
        return kind >= 0 && kind < _INCIDENT_KIND_MAX ? kinds[kind] : "none";
}

IncidentKind incident_kind_from_string(const char *name) {
        for (IncidentKind i = 0; i < _INCIDENT_KIND_MAX; i++)
                if (strcmp(kinds[i], name) == 0)
                        return i;
        return _INCIDENT_KIND_INVALID;
}

/* What a line is made of. A text has a size, a number has none. */
typedef struct Field {
        const char *key;
        size_t offset, size;
} Field;

#define TEXT(key, member) \
 { key, offsetof(Incident, member), sizeof(((Incident *) NULL)->member) }
#define NUMBER(key, member) \
 { key, offsetof(Incident, member), 0 }

static const Field fields[] = {
        TEXT("user", user),           TEXT("session", session),
        TEXT("condition", condition), TEXT("limits", limits),
        TEXT("rule", rule),           TEXT("processes", processes),
        TEXT("error", error),         NUMBER("n", n_processes),
        NUMBER("used", used_percent), NUMBER("pressure", pressure_percent),
        NUMBER("active", active),     NUMBER("step", step),
};

static int put_field(FILE *f, const Incident *i, const Field *field) {
        const char *at = (const char *) i + field->offset;
        _cleanup_free_ char *escaped = NULL;
        int number;

        if (field->size == 0) {
                memcpy(&number, at, sizeof(number));
                if (number >= 0)
                        (void) fprintf(f, "\t%s=%d", field->key, number);
                return 0;
        }
        if (at[0] == '\0')
                return 0;
        escaped = escape_text(at, field->size);
        if (!escaped)
                return -ENOMEM;
        (void) fprintf(f, "\t%s=%s", field->key, escaped);
        return 0;
}

char *incident_to_line(const Incident *i) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        bool failed = false;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        (void) fprintf(f, "time=%" PRIu64 "\tkind=%s\twatch=%d\tuid=%" PRIu32 "\tuntil=%" PRIu64,
                       i->time, incident_kind_to_string(i->kind), i->watch, (uint32_t) i->uid,
                       i->until);
        for (size_t k = 0; k < ELEMENTSOF(fields); k++)
                failed |= put_field(f, i, &fields[k]) < 0;
        (void) fputc('\n', f);
        failed |= ferror(f) != 0;
        if (fclose(f) != 0 || failed)
                return NULL;
        return TAKE_PTR(text);
}

static int read_number(const char *value, uint64_t max, uint64_t *ret) {
        return parse_u64(value, ret) < 0 || *ret > max ? -EBADMSG : 0;
}

static int read_head(Incident *i, const char *key, const char *value, bool *ret_known) {
        uint64_t n;

        *ret_known = true;
        if (strcmp(key, "time") == 0)
                return read_number(value, UINT64_MAX, &i->time);
        if (strcmp(key, "until") == 0)
                return read_number(value, UINT64_MAX, &i->until);
        if (strcmp(key, "kind") == 0) {
                i->kind = incident_kind_from_string(value);
                return i->kind < 0 ? -EBADMSG : 0;
        }
        if (strcmp(key, "uid") == 0) {
                if (read_number(value, UINT32_MAX, &n) < 0)
                        return -EBADMSG;
                i->uid = n;
                return 0;
        }
        if (strcmp(key, "watch") == 0) {
                if (read_number(value, 1, &n) < 0)
                        return -EBADMSG;
                i->watch = n;
                return 0;
        }
        *ret_known = false;
        return 0;
}

static int read_field(Incident *i, const Field *field, const char *value) {
        char *at = (char *) i + field->offset;
        _cleanup_free_ char *text = NULL;
        uint64_t n;
        int number, r;

        if (field->size == 0) {
                if (read_number(value, INT32_MAX, &n) < 0)
                        return -EBADMSG;
                number = n;
                memcpy(at, &number, sizeof(number));
                return 0;
        }
        r = unescape_text(value, &text);
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        (void) snprintf(at, field->size, "%s", text);
        return 0;
}

static int read_word(Incident *i, char *word) {
        char *equals = strchr(word, '=');
        bool known;
        int r;

        if (!equals)
                return -EBADMSG;
        *equals = '\0';
        r = read_head(i, word, equals + 1, &known);
        for (size_t k = 0; k < ELEMENTSOF(fields) && r >= 0 && !known; k++)
                if (strcmp(fields[k].key, word) == 0)
                        r = read_field(i, &fields[k], equals + 1);
        return r;
}

int incident_from_line(const char *line, Incident *ret) {
        _cleanup_free_ char *copy = strndup(line, INCIDENT_LINE_MAX);
        Incident i = INCIDENT_NULL;
        int r;

        if (!copy)
                return -ENOMEM;
        i.kind = _INCIDENT_KIND_INVALID;
        for (char *save = NULL, *word = strtok_r(copy, "\t", &save); word;
             word = strtok_r(NULL, "\t", &save)) {
                r = read_word(&i, word);
                if (r < 0)
                        return r;
        }
        if (i.kind < 0 || i.time == 0)
                return -EBADMSG;
        *ret = i;
        return 0;
}
