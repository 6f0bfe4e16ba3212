/* SPDX-License-Identifier: MIT */
/* What one host of a farm tells its load balancer. */

#include <stdio.h>

#include "core/balance.h"

/* A change of the score by less is none, but for one to either end. */
#define STEP 10

/* Points a second by which it rises: from nothing to all in most of a minute, a few of HAProxy's
 * questions and of PSI's ten-second averages. */
#define RISE 2

#define SCORE_MAX 100U

/* Memory pressure hurts sooner: a desktop that waits for memory a quarter of the time is dead. */
#define MEMORY_FACTOR 4

/* A host that was full takes newcomers again when a twentieth of its places is free, one at least:
 * else each one who leaves lets HAProxy send ten. */
#define ROOM_FRACTION 20

#define PERCENT_UNKNOWN_LEAST 100U
#define PERCENT_UNKNOWN_MOST 256U

static unsigned left_of(unsigned pressure, unsigned factor) {
        unsigned long long percent = (unsigned long long) pressure * factor / 100;

        return percent < SCORE_MAX ? SCORE_MAX - (unsigned) percent : 0;
}

static unsigned room(const BalanceFacts *f) {
        if (!f->sessions_known || f->capacity == 0)
                return SCORE_MAX;
        return f->sessions < f->capacity
                       ? (unsigned) ((f->capacity - f->sessions) * SCORE_MAX / f->capacity)
                       : 0;
}

static unsigned score_of(const BalanceFacts *f) {
        unsigned long long product = (unsigned long long) left_of(f->cpu_pressure, 1) *
                                     left_of(f->memory_pressure, MEMORY_FACTOR) * room(f);
        unsigned score = (unsigned) (product / (SCORE_MAX * SCORE_MAX));

        return f->restart == BALANCE_RESTART_WANTED || score < 1 ? 1 : score;
}

static bool is_full(const BalanceFacts *f, bool was) {
        if (!f->sessions_known || f->capacity == 0)
                return false;
        if (!was)
                return f->sessions >= f->capacity;
        return f->sessions + MAX_OF(f->capacity / ROOM_FRACTION, (size_t) 1) > f->capacity;
}

static void rise(Balance *b, unsigned target, usec_t now) {
        unsigned long long points = (now - b->at) * RISE / USEC_PER_SEC;

        if (points == 0)
                return;
        b->score = points < target - b->score ? b->score + (unsigned) points : target;
        b->rising = b->score < target;
        b->at = now;
}

void balance_update(Balance *b, const BalanceFacts *facts, usec_t now) {
        unsigned target = score_of(facts);

        b->full = is_full(facts, b->full);
        b->facts = *facts;
        if (!b->begun) {
                b->begun = true;
                b->score = target;
                b->at = now;
                return;
        }
        if (target <= b->score) {
                b->rising = false;
                if (b->score - target >= STEP || target == 1)
                        b->score = target;
        } else if (!b->rising && (target - b->score >= STEP || target == SCORE_MAX)) {
                b->rising = true;
                b->at = now; /* what was not wanted until now is not made up for */
        }
        if (b->rising)
                rise(b, target, now);
}

bool balance_is_closed(const Balance *b) {
        return b->full || b->facts.draining || b->facts.restart >= BALANCE_RESTART_AWAITED;
}

static unsigned percent_of(unsigned score, unsigned weight) {
        if (weight == 0)
                return PERCENT_UNKNOWN_LEAST +
                       score * (PERCENT_UNKNOWN_MOST - PERCENT_UNKNOWN_LEAST) / SCORE_MAX;
        return (score * 100 + weight - 1) / weight; /* HAProxy rounds down */
}

/* Why it is so, for whoever looks at HAProxy's table. */
static const char *reason(const Balance *b) {
        if (b->facts.draining)
                return " draining";
        if (b->facts.restart == BALANCE_RESTART_SCHEDULED)
                return " shutdown scheduled";
        if (b->full)
                return " full";
        return b->facts.restart != BALANCE_RESTART_NONE ? " restart required" : "";
}

static void describe(const BalanceFacts *f, char *buf, size_t size) {
        if (!f->sessions_known)
                (void) snprintf(buf, size, "sessions unknown");
        else if (f->links_known)
                (void) snprintf(buf, size, "%zu sessions %zu disconnected", f->sessions,
                                f->disconnected);
        else
                (void) snprintf(buf, size, "%zu sessions", f->sessions);
}

size_t balance_line(const Balance *b, unsigned weight, char buf[static BALANCE_LINE_MAX]) {
        const BalanceFacts *f = &b->facts;
        char sessions[80];
        int n;

        describe(f, sessions, sizeof(sessions));
        /* Each session has one connection, and whoever has one is to get back to it, also where an
         * admin has lowered the bound. */
        n = snprintf(buf, BALANCE_LINE_MAX, "%s up %u%% maxconn:%zu #%s psi %u memory %u%s\n",
                     balance_is_closed(b) ? "drain" : "ready", percent_of(b->score, weight),
                     f->capacity > 0 ? MAX_OF(f->capacity, f->sessions) : 0, sessions,
                     f->cpu_pressure / 100, f->memory_pressure / 100, reason(b));
        return (size_t) n;
}
