/* SPDX-License-Identifier: MIT */
/* What users have used in the last hour. */

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/array.h"
#include "core/hours.h"
#include "core/parse.h"
#include "core/statefile.h"

#define HOUR (3600 * USEC_PER_SEC)

void hours_done(Hours *h) {
        free(h->users);
        *h = (Hours){};
}

static size_t position(const Hours *h, uid_t uid) {
        return ARRAY_LOWER_BOUND(h->n, i, h->users[i].uid < uid);
}

static int get(Hours *h, uid_t uid, HoursUser **ret) {
        size_t at = position(h, uid);

        if (at == h->n || h->users[at].uid != uid) {
                int r = ARRAY_GROW(h->users, &h->allocated, h->n, HOURS_USERS_MAX);

                if (r < 0)
                        return r;
                memmove(h->users + at + 1, h->users + at, (h->n - at) * sizeof(HoursUser));
                h->users[at] = (HoursUser){ .uid = uid };
                h->n++;
        }
        *ret = &h->users[at];
        return 0;
}

static void drop_first(HoursUser *u) {
        u->n--;
        memmove(u->samples, u->samples + 1, u->n * sizeof(u->samples[0]));
}

int hours_add(Hours *h, uid_t uid, usec_t used, usec_t now) {
        HoursUser *u;
        int r;

        r = get(h, uid, &u);
        if (r < 0)
                return r;
        if (u->n > 0 && (used < u->samples[u->n - 1].used || now < u->samples[u->n - 1].at))
                u->n = 0;
        while (u->n == HOURS_SAMPLES || (u->n > 0 && now - u->samples[0].at > HOUR))
                drop_first(u);
        u->samples[u->n].at = now;
        u->samples[u->n++].used = used;
        h->changed = true;
        return 0;
}

void hours_sweep(Hours *h, usec_t now) {
        size_t kept = 0;

        for (size_t i = 0; i < h->n; i++) {
                const HoursUser *u = &h->users[i];

                if (u->n > 0 && now - MIN_OF(now, u->samples[u->n - 1].at) <= 2 * HOURS_EVERY)
                        h->users[kept++] = *u;
        }
        h->changed |= kept != h->n;
        h->n = kept;
}

double hours_percent(const Hours *h, uid_t uid, usec_t used, usec_t now) {
        size_t at = position(h, uid);
        const HoursUser *u = at < h->n && h->users[at].uid == uid ? &h->users[at] : NULL;

        for (unsigned i = 0; u && i < u->n; i++) {
                usec_t span = now - MIN_OF(now, u->samples[i].at);

                if (span > HOUR || span == 0 || used < u->samples[i].used)
                        continue;
                return 100.0 * (double) (used - u->samples[i].used) / (double) span;
        }
        return -1;
}

int hours_to_text(const Hours *h, const char *boot, char **ret, size_t *ret_size) {
        StatefileText t;
        int r;

        r = statefile_begin(&t, "hours", boot);
        if (r < 0)
                return r;
        for (size_t i = 0; i < h->n; i++) {
                const HoursUser *u = &h->users[i];

                (void) fprintf(t.f, "[user %u]\n", (unsigned) u->uid);
                for (unsigned k = 0; k < u->n; k++)
                        (void) fprintf(t.f, "At=%" PRIu64 "\nUsed=%" PRIu64 "\n", u->samples[k].at,
                                       u->samples[k].used);
        }
        return statefile_end(&t, ret, ret_size);
}

typedef struct Reading {
        Hours *hours;
        StatefileHead head;
        uid_t uid;
        usec_t at;
} Reading;

static int read_entry(const char *section, const char *name, const char *key, const char *value,
                      void *userdata) {
        Reading *r = userdata;
        uint64_t number;
        int k;

        if (strcmp(section, "hours") == 0)
                return statefile_read_head(&r->head, key, value);
        if (strcmp(section, "user") != 0)
                return 0;
        if (!r->head.versioned)
                return -EBADMSG;
        if (!key) {
                r->at = 0;
                return parse_uid(name, &r->uid) < 0 ? -EBADMSG : 0;
        }
        if (strcmp(key, "At") != 0 && strcmp(key, "Used") != 0)
                return 0;
        if (parse_u64(value, &number) < 0)
                return -EBADMSG;
        if (key[0] == 'A') {
                r->at = number;
                return 0;
        }
        k = hours_add(r->hours, r->uid, number, r->at);
        return k == -ENOBUFS ? -EBADMSG : k;
}

int hours_from_text(Hours *h, const char *text, size_t size, const char *boot) {
        Reading reading = { .hours = h, .head = { .boot = boot } };
        int r;

        r = statefile_read(text, size, HOURS_TEXT_MAX, read_entry, &reading);
        if (r < 0)
                hours_done(h);
        else
                h->changed = false;
        return r;
}
