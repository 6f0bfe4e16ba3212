/* SPDX-License-Identifier: MIT */
/* When drifted limits are put back. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/array.h"
#include "core/drift.h"

void drifts_done(Drifts *d) {
        free(d->all);
        *d = (Drifts){};
}

static Drift *find(const Drifts *d, const char *target) {
        for (size_t i = 0; i < d->n; i++)
                if (strcmp(d->all[i].target, target) == 0)
                        return &d->all[i];
        return NULL;
}

void drifts_begin(Drifts *d) {
        for (size_t i = 0; i < d->n; i++)
                d->all[i].seen = false;
}

void drifts_hold(Drifts *d, const char *target, usec_t now) {
        Drift *drift = find(d, target);

        if (!drift)
                return;
        drift->held = true;
        drift->told = false;
        drift->seen = now < drift->next; /* else it has held for long enough to be forgotten */
}

bool drifts_is_open(const Drifts *d, const char *target) {
        const Drift *drift = find(d, target);

        return drift && !drift->held;
}

static void begin(Drift *drift, const char *target, const Limits *limits) {
        *drift = (Drift){ .limits = *limits };
        (void) snprintf(drift->target, sizeof(drift->target), "%s", target);
}

int drifts_try(Drifts *d, const char *target, const Limits *limits, usec_t now) {
        Drift *drift = find(d, target);
        int r;

        if (!drift) {
                r = ARRAY_GROW(d->all, &d->allocated, d->n, DRIFTS_MAX);
                if (r < 0)
                        return r;
                drift = &d->all[d->n++];
                begin(drift, target, limits);
        } else if (!limits_equal(&drift->limits, limits) || (drift->held && now >= drift->next)) {
                begin(drift, target, limits);
        }
        drift->seen = true;
        drift->held = false;
        if (now < drift->next)
                return 0;
        drift->pause =
                drift->pause == 0 ? DRIFT_PAUSE_MIN : MIN_OF(drift->pause * 2, DRIFT_PAUSE_MAX);
        drift->next = now + drift->pause;
        return 1;
}

bool drifts_tell(Drifts *d, const char *target) {
        Drift *drift = find(d, target);

        if (!drift || drift->told)
                return false;
        drift->told = true;
        return true;
}

usec_t drifts_end(Drifts *d) {
        usec_t next = USEC_INFINITY;
        size_t kept = 0;

        for (size_t i = 0; i < d->n; i++) {
                if (!d->all[i].seen)
                        continue;
                if (!d->all[i].held)
                        next = MIN_OF(next, d->all[i].next);
                if (kept != i)
                        d->all[kept] = d->all[i];
                kept++;
        }
        d->n = kept;
        return next;
}
