/* SPDX-License-Identifier: MIT */
/* What one host of a farm tells its load balancer: whether it takes newcomers, and its share of
 * them, as a line of HAProxy's agent-check (configuration manual, 5.2 "agent-check").
 *
 *     ready up 194% maxconn:50 #12 sessions 4 disconnected psi 3 memory 0
 *
 * What HAProxy was once told stays until it is told otherwise: a weight alone lifts no drain, and
 * "ready" no "down". So a line always says all of it. "#" stands behind a blank, or HAProxy takes
 * it for a part of the word before and ignores both.
 *
 * The share is a score from 1 to 100: the free part of the CPUs, of memory and of the places for
 * sessions, multiplied. It falls at once, since newcomers would make it worse, and rises slowly,
 * since the newcomers of a farm all go where it is highest. Small changes are none. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/macro.h"

/* A pending restart. */
typedef enum BalanceRestart {
        BALANCE_RESTART_NONE,
        BALANCE_RESTART_WANTED,    /* by upgraded packages: newcomers go elsewhere if they can */
        BALANCE_RESTART_AWAITED,   /* the same, and nobody new */
        BALANCE_RESTART_SCHEDULED, /* shutdown(8) has a time for it: nobody new */
} BalanceRestart;

/* How things are. Pressures are hundredths of a percent of the time; 0 where the kernel keeps none.
 */
typedef struct BalanceFacts {
        unsigned cpu_pressure, memory_pressure;
        size_t sessions, disconnected; /* remote and other desktops; those nobody looks at */
        bool sessions_known;           /* else they count for nothing, and the line says so */
        bool links_known;              /* `disconnected` is */
        size_t capacity;               /* sessions that fit; 0 for no bound */
        bool draining;                 /* an admin's word */
        BalanceRestart restart;
} BalanceFacts;

/* What a line is made of; {} to begin with. */
typedef struct Balance {
        BalanceFacts facts;
        unsigned score; /* 1 to 100 */
        bool begun, rising, full;
        usec_t at; /* when the score was last moved up */
} Balance;

/* Takes in how things are at `now`, a clock that no change of the date touches. */
void balance_update(Balance *b, const BalanceFacts *facts, usec_t now);

/* True if the host takes nobody new. Who has a session here is let in by HAProxy all the same. */
bool balance_is_closed(const Balance *b);

/* The line, with its newline. `weight` is that of HAProxy's server line, 1 to 256, which the
 * percentage is of: then the server's effective weight is the score. 0 if it is not known: then the
 * percentage is from 100 to 256, which makes no weight 0 (2.6: weight 1 and 50% do), and stays
 * below the 256 at which HAProxy cuts a weight of 100. */
#define BALANCE_WEIGHT_MAX 256
#define BALANCE_LINE_MAX 256
size_t balance_line(const Balance *b, unsigned weight, char buf[static BALANCE_LINE_MAX]);
