/* SPDX-License-Identifier: MIT */
/* What users have used in the last hour, from looks that are minutes apart. Told the time,
 * CLOCK_BOOTTIME in microseconds, and the CPU time of a user's slice, which only grows; if it does
 * not, the slice is a new one. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "core/macro.h"

#define HOURS_EVERY (300 * USEC_PER_SEC) /* between two looks */
#define HOURS_SAMPLES 13
#define HOURS_USERS_MAX 65536
#define HOURS_TEXT_MAX (64 * 1024 * 1024)

typedef struct HoursUser {
        uid_t uid;
        unsigned n;
        struct {
                usec_t at, used;
        } samples[HOURS_SAMPLES]; /* the oldest first */
} HoursUser;

typedef struct Hours {
        HoursUser *users; /* by uid, ascending */
        size_t n, allocated;
        bool changed; /* cleared by the caller */
} Hours;

void hours_done(Hours *h);

/* Takes in one look at one user. Returns 0; -ENOBUFS; -ENOMEM. */
int hours_add(Hours *h, uid_t uid, usec_t used, usec_t now);

/* Forgets who was not looked at for two turns. */
void hours_sweep(Hours *h, usec_t now);

/* Percent of one CPU over what is known of the last hour, given what the user has used up to now;
 * less than 0 if nothing is. */
double hours_percent(const Hours *h, uid_t uid, usec_t used, usec_t now);

/* As sessions_to_text() and sessions_from_text(). */
int hours_to_text(const Hours *h, const char *boot, char **ret, size_t *ret_size);
int hours_from_text(Hours *h, const char *text, size_t size, const char *boot);
