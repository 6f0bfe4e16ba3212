/* SPDX-License-Identifier: MIT */
/* Who takes more than their share of the machine while others wait for it. */

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/array.h"
#include "core/parse.h"
#include "core/runaway.h"
#include "core/statefile.h"

/* Less than this of a CPU, or of the memory, in an interval is nobody's work: a desktop at rest. */
#define ACTIVE_PER_MILLE_CPU 20
#define ACTIVE_PER_MILLE_MEMORY 10

void runaways_done(Runaways *r) {
        free(r->all);
        *r = (Runaways){ .kind = r->kind };
}

static size_t position(const Runaways *r, uid_t uid, bool *ret_found) {
        size_t at = ARRAY_LOWER_BOUND(r->n, i, r->all[i].uid < uid);

        *ret_found = at < r->n && r->all[at].uid == uid;
        return at;
}

/* Returns 1 for a new one, 0 for one that was there, -ENOBUFS, -ENOMEM. */
static int get(Runaways *r, uid_t uid, Runaway **ret) {
        bool found;
        size_t at = position(r, uid, &found);

        if (!found) {
                int k = ARRAY_GROW(r->all, &r->allocated, r->n, RUNAWAYS_MAX);

                if (k < 0)
                        return k;
                memmove(r->all + at + 1, r->all + at, (r->n - at) * sizeof(Runaway));
                r->all[at] = (Runaway){ .uid = uid };
                r->n++;
        }
        *ret = &r->all[at];
        return !found;
}

static void begin_anew(Runaway *u, usec_t start) {
        u->start = start;
        u->consumed = u->entitled = 0;
        u->stalled = u->suffered = 0;
}

static bool is_remembered(const Runaway *u, usec_t now) {
        return u->strikes > 0 && now - MIN_OF(now, u->until) < u->forget;
}

/* Users who were not in the sample have logged out. */
static void forget_absent(Runaways *r, usec_t now) {
        size_t kept = 0;

        for (size_t i = 0; i < r->n; i++) {
                Runaway *u = &r->all[i];

                if (u->strikes > 0 && !is_remembered(u, now)) {
                        u->strikes = 0;
                        r->changed = true;
                }
                if (!u->seen)
                        begin_anew(u, 0);
                if (u->seen || u->strikes > 0)
                        r->all[kept++] = *u;
        }
        r->n = kept;
}

/* What a user used, and how long they waited, since the last sample. */
static int take(Runaways *r, const RunawaySample *s, usec_t elapsed) {
        Runaway *u;
        int k;

        k = get(r, s->uid, &u);
        if (k < 0)
                return k == -ENOBUFS ? 0 : k;
        u->seen = true;
        u->interval_used = 0;
        u->interval_waited = s->waited == RUNAWAY_UNKNOWN ? RUNAWAY_UNKNOWN : 0;
        if (k == 0 && u->used != RUNAWAY_UNKNOWN) {
                if (r->kind == RUNAWAY_MEMORY)
                        u->interval_used = s->used / USEC_PER_MSEC * (elapsed / USEC_PER_MSEC);
                else if (s->used >= u->used) /* a slice made anew counts from zero */
                        u->interval_used = s->used - u->used;
                if (s->waited != RUNAWAY_UNKNOWN && u->waited != RUNAWAY_UNKNOWN &&
                    s->waited >= u->waited)
                        u->interval_waited = s->waited - u->waited;
        } else {
                u->start = 0;
        }
        u->used = s->used;
        u->waited = s->waited;
        return 0;
}

typedef struct Interval {
        usec_t elapsed, stalled;
        uint64_t capacity; /* of the whole interval, in the unit of interval_used */
        size_t active;
        uint64_t floor; /* who used less is not active */
} Interval;

static bool is_active(const Runaway *u, const Interval *interval) {
        return u->seen && u->interval_used >= interval->floor && u->interval_used > 0;
}

/* Somebody waits if of the time in which they wanted the resource they waited a part as large as
 * the bar: what the pressure says of the machine as a whole, most of which may be the runaway's own
 * threads waiting for each other. */
static bool waits(const Runaways *r, const Runaway *u, const Interval *interval, unsigned bar) {
        usec_t wanted;

        if (!is_active(u, interval))
                return false;
        if (u->interval_waited == RUNAWAY_UNKNOWN)
                return true;
        wanted = r->kind == RUNAWAY_CPU ? u->interval_waited + u->interval_used : interval->elapsed;
        return u->interval_waited > 0 && u->interval_waited * 10000 >= wanted * bar;
}

/* How many wait, by the given bar. */
static size_t count_waiting(const Runaways *r, const Interval *interval, unsigned bar) {
        size_t n = 0;

        for (size_t i = 0; i < r->n; i++)
                n += waits(r, &r->all[i], interval, bar);
        return n;
}

static bool is_contended(const Interval *interval, const RunawayRule *rule) {
        return interval->elapsed > 0 && interval->active >= 2 &&
               interval->stalled * 10000 >= interval->elapsed * rule->pressure;
}

/* Adds the interval to the user's contended time, or ends that. */
static void add_interval(const Runaways *r, Runaway *u, const RunawayRule *rule,
                         const Interval *interval, size_t waiting, usec_t now) {
        if (!is_contended(interval, rule)) {
                begin_anew(u, 0);
                return;
        }
        if (u->start == 0)
                begin_anew(u, now - interval->elapsed);
        u->consumed += u->interval_used;
        u->entitled += interval->capacity / interval->active;
        u->stalled += interval->stalled;
        if (waiting > (size_t) waits(r, u, interval, rule->pressure))
                u->suffered += interval->elapsed;
        if (u->consumed <= u->entitled / 10000 * rule->share)
                begin_anew(u, 0); /* over their share throughout, or not at all */
}

static bool is_over(const Runaway *u, const RunawayRule *rule, usec_t now) {
        return u->start > 0 && rule->n_steps > 0 && now - u->start >= rule->window &&
               now - u->start > 0 && u->suffered * 2 >= now - u->start;
}

static unsigned percent(uint64_t part, uint64_t whole) {
        return whole < 100 ? 0 : MIN_OF(part / (whole / 100), (uint64_t) UINT32_MAX);
}

static RunawayPenalty punish(Runaways *r, Runaway *u, const RunawayRule *rule,
                             const Interval *interval, usec_t now) {
        size_t step = MIN_OF((size_t) u->strikes, rule->n_steps - 1);
        usec_t elapsed = now - u->start;
        RunawayPenalty p = {
                .uid = u->uid,
                .step = step,
                .rule = rule,
                .used_percent = percent(u->consumed, u->entitled),
                .pressure_percent = percent(u->stalled, elapsed),
                .active = interval->active,
                .fair = u->entitled / MAX_OF(elapsed / USEC_PER_MSEC, (usec_t) 1) * 1000,
                .until = now + MIN_OF(rule->steps[step].duration, RUNAWAY_DURATION_MAX),
        };

        u->strikes++;
        u->until = p.until;
        u->forget = rule->forget;
        begin_anew(u, 0);
        r->changed = true;
        return p;
}

static int compare(const void *a, const void *b) {
        const RunawaySample *x = a, *y = b;

        return x->uid < y->uid ? -1 : x->uid > y->uid;
}

/* Users whose rules have the same bar, which are nearly all, share one count of who waits. */
typedef struct Waiting {
        unsigned bar;
        size_t n;
        bool known;
} Waiting;

static size_t waiting_at(const Runaways *r, const Interval *interval, unsigned bar, Waiting *last) {
        if (!last->known || last->bar != bar)
                *last = (Waiting){ bar, count_waiting(r, interval, bar), true };
        return last->n;
}

static size_t judge(Runaways *r, const RunawaySample *samples, size_t n, const Interval *interval,
                    usec_t now, RunawayPenalty *ret, size_t max) {
        Waiting waiting = {};
        size_t found = 0, at = 0;

        for (size_t i = 0; i < n; i++) {
                const RunawaySample *s = &samples[i];
                Runaway *u;

                while (at < r->n && r->all[at].uid < s->uid)
                        at++;
                if (at == r->n || r->all[at].uid != s->uid)
                        continue;
                u = &r->all[at];
                /* An interval in which a penalty ended says nothing of what came after. */
                if (s->exempt || !s->rule || now - interval->elapsed < u->until) {
                        begin_anew(u, 0);
                        continue;
                }
                add_interval(r, u, s->rule, interval,
                             waiting_at(r, interval, s->rule->pressure, &waiting), now);
                if (found < max && is_over(u, s->rule, now))
                        ret[found++] = punish(r, u, s->rule, interval, now);
        }
        return found;
}

int runaways_look(Runaways *r, const RunawayMachine *machine, RunawaySample *samples, size_t n,
                  usec_t now, RunawayPenalty *ret, size_t max) {
        Interval interval = {};
        size_t found;
        int k;

        if (r->last > 0 && now > r->last && machine->stalled >= r->stalled) {
                interval.elapsed = now - r->last;
                interval.stalled = machine->stalled - r->stalled;
        }
        interval.capacity = machine->capacity / USEC_PER_MSEC * (interval.elapsed / USEC_PER_MSEC);
        interval.floor = r->kind == RUNAWAY_CPU
                                 ? interval.elapsed / 1000 * ACTIVE_PER_MILLE_CPU
                                 : interval.capacity / 1000 * ACTIVE_PER_MILLE_MEMORY;
        qsort(samples, n, sizeof(*samples), compare);
        for (size_t i = 0; i < r->n; i++)
                r->all[i].seen = false;
        for (size_t i = 0; i < n; i++) {
                k = take(r, &samples[i], interval.elapsed);
                if (k < 0)
                        return k;
        }
        for (size_t i = 0; i < r->n; i++)
                interval.active += is_active(&r->all[i], &interval);
        found = judge(r, samples, n, &interval, now, ret, max);
        forget_absent(r, now);
        r->last = now;
        r->stalled = machine->stalled;
        return found;
}

void runaways_set_watch(Runaways *r, bool watch) {
        if (r->watch == watch)
                return;
        r->watch = watch;
        r->changed = true;
        for (size_t i = 0; i < r->n; i++) {
                r->all[i].strikes = 0;
                r->all[i].until = 0;
                begin_anew(&r->all[i], 0);
        }
}

void runaways_excuse(Runaways *r, uid_t uid) {
        bool found;
        size_t at = position(r, uid, &found);

        if (!found)
                return;
        r->all[at].strikes -= r->all[at].strikes > 0;
        r->all[at].until = 0;
        begin_anew(&r->all[at], 0);
        r->changed = true;
}

void runaways_pardon(Runaways *r, uid_t uid, usec_t now) {
        bool found;
        size_t at = position(r, uid, &found);

        if (!found || r->all[at].until <= now)
                return;
        r->all[at].until = now;
        r->changed = true;
}

/* ---- kept through a restart ------------------------------------------------------------------ */

int runaways_to_text(const Runaways *r, const char *boot, char **ret, size_t *ret_size) {
        StatefileText text;
        int k;

        k = statefile_begin(&text, "runaways", boot);
        if (k < 0)
                return k;
        statefile_write_mode(&text, r->watch);
        for (size_t i = 0; i < r->n; i++) {
                const Runaway *u = &r->all[i];

                if (u->strikes == 0)
                        continue;
                (void) fprintf(text.f,
                               "[user %" PRIu32 "]\nStrikes=%u\nUntil=%" PRIu64 "\nForget=%" PRIu64
                               "\n",
                               (uint32_t) u->uid, u->strikes, u->until, u->forget);
        }
        return statefile_end(&text, ret, ret_size);
}

typedef struct Reading {
        Runaways *runaways;
        Runaway *user;
        StatefileHead head;
} Reading;

static int read_number(const char *value, uint64_t max, uint64_t *ret) {
        uint64_t n;

        if (parse_u64(value, &n) < 0 || n > max)
                return -EBADMSG;
        *ret = n;
        return 0;
}

static int read_user(Runaway *u, const char *key, const char *value) {
        uint64_t n;

        if (strcmp(key, "Until") == 0)
                return read_number(value, UINT64_MAX, &u->until);
        if (strcmp(key, "Forget") == 0)
                return read_number(value, UINT64_MAX, &u->forget);
        if (strcmp(key, "Strikes") != 0)
                return 0;
        if (read_number(value, UINT32_MAX - 1, &n) < 0)
                return -EBADMSG;
        u->strikes = n;
        return 0;
}

static int read_entry(const char *section, const char *name, const char *key, const char *value,
                      void *userdata) {
        Reading *r = userdata;
        uid_t uid;
        int k;

        if (strcmp(section, "runaways") == 0)
                return statefile_read_head(&r->head, key, value);
        if (strcmp(section, "user") != 0)
                return 0;
        if (!r->head.versioned)
                return -EBADMSG;
        if (key)
                return read_user(r->user, key, value);
        if (parse_uid(name, &uid) < 0)
                return -EBADMSG;
        k = get(r->runaways, uid, &r->user);
        if (k <= 0)
                return k == -ENOMEM ? k : -EBADMSG;
        /* Nothing is known of before, so the first interval counts nobody. */
        r->user->used = RUNAWAY_UNKNOWN;
        return 0;
}

int runaways_from_text(Runaways *r, const char *text, size_t size, const char *boot) {
        Reading reading = { .runaways = r, .head.boot = boot };
        int k;

        k = statefile_read(text, size, RUNAWAYS_TEXT_MAX, read_entry, &reading);
        if (k < 0) {
                runaways_done(r);
                return k;
        }
        r->watch = !reading.head.enforced;
        r->changed = false;
        return 0;
}
