/* SPDX-License-Identifier: MIT */
/* An overview as OpenMetrics text. */

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "backend/metrics.h"
#include "os/user.h"

typedef struct Metric {
        const char *name, *type, *unit, *help;
        /* Returns false where there is no value. */
        bool (*value)(const OverviewUser *u, double *ret);
} Metric;

static bool cpu_seconds(const OverviewUser *u, double *ret) {
        *ret = (double) u->usage.cpu.usage / USEC_PER_SEC;
        return true;
}

static bool throttled_seconds(const OverviewUser *u, double *ret) {
        *ret = (double) u->usage.cpu.throttled / USEC_PER_SEC;
        return true;
}

static bool waited_seconds(const OverviewUser *u, double *ret) {
        *ret = (double) u->usage.waited_cpu / USEC_PER_SEC;
        return u->usage.waited_cpu != USAGE_UNKNOWN;
}

static bool memory_bytes(const OverviewUser *u, double *ret) {
        *ret = (double) u->usage.memory;
        return u->usage.memory != USAGE_UNKNOWN;
}

static bool quota_ratio(const OverviewUser *u, double *ret) {
        *ret = (double) u->quota / USEC_PER_SEC;
        return u->quota != LIMIT_INFINITY;
}

static bool memory_high_bytes(const OverviewUser *u, double *ret) {
        *ret = (double) u->memory_high;
        return u->memory_high != LIMIT_INFINITY;
}

static bool until_seconds(const OverviewUser *u, double *ret) {
        *ret = (double) u->until / USEC_PER_SEC;
        return u->layer >= 0 && u->until != USEC_INFINITY;
}

static const Metric metrics[] = {
        { "leash_user_cpu_seconds", "counter", "seconds", "CPU time of the user's slice",
          cpu_seconds },
        { "leash_user_cpu_throttled_seconds", "counter", "seconds",
          "Time that a quota made the slice sleep", throttled_seconds },
        { "leash_user_cpu_waited_seconds", "counter", "seconds",
          "Time in which somebody of the slice waited for a CPU", waited_seconds },
        { "leash_user_memory_bytes", "gauge", "bytes", "Memory of the user's slice", memory_bytes },
        { "leash_user_cpu_quota_ratio", "gauge", "ratio",
          "CPU quota that leash has set, of one CPU", quota_ratio },
        { "leash_user_memory_high_bytes", "gauge", "bytes", "Memory high that leash has set",
          memory_high_bytes },
        { "leash_user_limited_until_timestamp_seconds", "gauge", "seconds",
          "When the next of the user's limits ends", until_seconds },
};

/* A label's value: backslash, quote and newline are to be escaped. */
static void put_label(FILE *f, const char *text) {
        for (; *text; text++) {
                if (*text == '\\' || *text == '"')
                        (void) fputc('\\', f);
                if (*text == '\n')
                        (void) fputs("\\n", f);
                else
                        (void) fputc(*text, f);
        }
}

static void put_user(FILE *f, const OverviewUser *u, const char *name) {
        (void) fprintf(f, "{uid=\"%u\",user=\"", (unsigned) u->usage.uid);
        put_label(f, name);
        (void) fputc('"', f);
}

static void put_metric(FILE *f, const Metric *m, const Overview *o, char *const names[]) {
        const char *suffix = strcmp(m->type, "counter") == 0 ? "_total" : "";

        (void) fprintf(f, "# TYPE %s %s\n# UNIT %s %s\n# HELP %s %s\n", m->name, m->type, m->name,
                       m->unit, m->name, m->help);
        for (size_t i = 0; i < o->n; i++) {
                double value;

                if (!m->value(&o->users[i], &value))
                        continue;
                (void) fprintf(f, "%s%s", m->name, suffix);
                put_user(f, &o->users[i], names[i]);
                (void) fprintf(f, "} %.6f\n", value);
        }
}

static void put_state(FILE *f, const OverviewUser *u, const char *name, const char *state,
                      unsigned n) {
        (void) fputs("leash_user_sessions", f);
        put_user(f, u, name);
        (void) fprintf(f, ",state=\"%s\"} %u\n", state, n);
}

static void put_sessions(FILE *f, const Overview *o, char *const names[]) {
        (void) fputs(
                "# TYPE leash_user_sessions gauge\n"
                "# HELP leash_user_sessions Sessions, and how many of them are in a state\n",
                f);
        for (size_t i = 0; i < o->n && o->sessions_known; i++) {
                const OverviewUser *u = &o->users[i];

                put_state(f, u, names[i], "any", u->n_sessions);
                put_state(f, u, names[i], "connected", u->n_connected);
                for (SessionCondition c = 0; c < _SESSION_CONDITION_MAX; c++)
                        put_state(f, u, names[i], session_condition_to_string(c), u->n_in[c]);
        }
}

static void put_layers(FILE *f, const Overview *o, char *const names[]) {
        (void) fputs(
                "# TYPE leash_user_limited gauge\n"
                "# HELP leash_user_limited 1 for the layer that limits the user\n",
                f);
        for (size_t i = 0; i < o->n; i++) {
                if (o->users[i].layer < 0)
                        continue;
                (void) fputs("leash_user_limited", f);
                put_user(f, &o->users[i], names[i]);
                (void) fprintf(f, ",layer=\"%s\"} 1\n", layer_to_string(o->users[i].layer));
        }
}

int metrics_write(const Overview *o, FILE *f) {
        _cleanup_free_ char **names = calloc(o->n + 1, sizeof(char *));
        size_t n = 0;
        int r = names ? 0 : -ENOMEM;

        for (; n < o->n && r >= 0; n++)
                r = user_name(o->users[n].usage.uid, &names[n]);
        for (size_t i = 0; i < ELEMENTSOF(metrics) && r >= 0; i++)
                put_metric(f, &metrics[i], o, names);
        if (r >= 0) {
                put_sessions(f, o, names);
                put_layers(f, o, names);
                (void) fputs("# EOF\n", f);
        }
        for (size_t i = 0; i < n && names; i++)
                free(names[i]);
        return r;
}
