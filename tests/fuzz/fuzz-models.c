/* SPDX-License-Identifier: MIT */
/* What the daemon reads back: its models' texts and incidents. Whatever is read is bounded, and is
 * written and read again the same. */

#include "fuzz.h"

#include <errno.h>

#include "core/ccache.h"
#include "core/hours.h"
#include "core/incident.h"
#include "core/runaway.h"
#include "core/sessions.h"

#define BOOT "b"

static void try_sessions(const char *text, size_t size) {
        _cleanup_free_ char *once = NULL, *twice = NULL;
        Sessions s = {}, again = {};
        size_t n, m;

        if (sessions_from_text(&s, text, size, BOOT) < 0) {
                must(s.n == 0 && !s.all);
                return;
        }
        must(s.n <= SESSIONS_MAX);
        for (size_t i = 0; i < s.n; i++) {
                must(s.all[i]->rung < _SESSION_RUNG_MAX && s.all[i]->via < _SESSION_VIA_MAX);
                must(!s.all[i]->present);
        }
        must(sessions_to_text(&s, BOOT, &once, &n) == 0);
        must(sessions_from_text(&again, once, n, BOOT) == 0);
        must(sessions_to_text(&again, BOOT, &twice, &m) == 0);
        must(n == m && memcmp(once, twice, n) == 0);
        sessions_done(&s);
        sessions_done(&again);
}

static void try_runaways(const char *text, size_t size) {
        Runaways r = {};

        if (runaways_from_text(&r, text, size, BOOT) < 0)
                must(r.n == 0);
        else
                must(r.n <= RUNAWAYS_MAX);
        runaways_done(&r);
}

static void try_hours(const char *text, size_t size) {
        _cleanup_free_ char *once = NULL, *twice = NULL;
        Hours h = {}, again = {};
        size_t n, m;

        if (hours_from_text(&h, text, size, BOOT) < 0) {
                must(h.n == 0 && !h.users);
                return;
        }
        must(h.n <= HOURS_USERS_MAX);
        must(hours_to_text(&h, BOOT, &once, &n) == 0);
        must(hours_from_text(&again, once, n, BOOT) == 0);
        must(hours_to_text(&again, BOOT, &twice, &m) == 0);
        must(n == m && memcmp(once, twice, n) == 0);
        hours_done(&h);
        hours_done(&again);
}

static void try_ccache(const uint8_t *data, size_t size) {
        uint64_t end = 0;
        int r = ccache_end_time(data, size, &end);

        must(r == 0 || r == -ENODATA || r == -EBADMSG);
        must(end <= UINT32_MAX);
}

static void try_incident(const char *text) {
        _cleanup_free_ char *line = NULL, *again_line = NULL;
        Incident i, again;

        if (strlen(text) >= INCIDENT_LINE_MAX || strchr(text, '\n') ||
            incident_from_line(text, &i) < 0)
                return;
        line = incident_to_line(&i);
        must(line && strlen(line) < INCIDENT_LINE_MAX);
        line[strlen(line) - 1] = '\0';
        must(incident_from_line(line, &again) == 0);
        again_line = incident_to_line(&again);
        must(again_line && strncmp(line, again_line, strlen(line)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *copy = fuzz_string(data, size);

        try_sessions(copy, size);
        try_runaways(copy, size);
        try_hours(copy, size);
        try_ccache(data, size);
        try_incident(copy);
        return 0;
}
