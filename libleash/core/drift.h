/* SPDX-License-Identifier: MIT */
/* Limits that the kernel no longer has as they were set: when putting one back is tried, and how
 * often it is told that this is in vain.
 *
 * There may be somebody who changes them again at once, and kernels that keep another value. So
 * after each try a time passes before the next one, which is doubled from try to try, whether it
 * has helped or not; and what has held for as long begins anew. That a limit cannot be put back is
 * told once, until it was in force again or the record has other limits. */
#pragma once

#include <stddef.h>

#include "core/limits.h"
#include "core/placement.h"

#define DRIFT_PAUSE_MIN (5 * USEC_PER_SEC)
#define DRIFT_PAUSE_MAX (300 * USEC_PER_SEC)
#define DRIFTS_MAX 4096

/* One target. Times are CLOCK_BOOTTIME. */
typedef struct Drift {
        char target[PLACEMENT_NAME_MAX];
        Limits limits; /* that were to be put back */
        usec_t pause;  /* that follows the last try */
        usec_t next;   /* no try before this */
        bool held;     /* in force when it was last looked at */
        bool told;     /* that it cannot be put back */
        bool seen;     /* since drifts_begin() */
} Drift;

typedef struct Drifts {
        Drift *all;
        size_t n, allocated;
} Drifts;

void drifts_done(Drifts *d);

/* A look at all records begins. */
void drifts_begin(Drifts *d);

/* The limits of the target are in force, or it is not there for them. */
void drifts_hold(Drifts *d, const char *target, usec_t now);

/* They are not, and that was tried and is to be tried again. */
bool drifts_is_open(const Drifts *d, const char *target);

/* They are not. Returns 1 if they are to be put back now, which counts as a try; 0 if not yet;
 * -ENOBUFS for more than DRIFTS_MAX; -ENOMEM. */
int drifts_try(Drifts *d, const char *target, const Limits *limits, usec_t now);

/* A try was in vain. Returns true if that has not been told yet; now it is. */
bool drifts_tell(Drifts *d, const char *target);

/* The look has ended: forgets those that were not named in it. Returns when to look again,
 * USEC_INFINITY for never. */
usec_t drifts_end(Drifts *d);
