/* SPDX-License-Identifier: MIT */
/* All users of this host at a glance: what they use, how their sessions are, what limits them. What
 * leash top and the metrics are made of. */
#pragma once

#include "backend/ledger.h"
#include "backend/usage.h"
#include "core/hours.h"
#include "core/sessions.h"

/* Where leashd keeps what outlives it, and a lock there that it holds for as long as it runs. */
#define OVERVIEW_DIR "/run/leashd"
#define OVERVIEW_LOCK "lock"

typedef struct OverviewUser {
        UserUsage usage;
        unsigned n_sessions;                   /* that somebody has logged in to */
        unsigned n_connected;                  /* with somebody at the display */
        unsigned n_in[_SESSION_CONDITION_MAX]; /* in each condition */
        usec_t since[_SESSION_CONDITION_MAX];  /* when the last of these came into it; realtime */
        Layer layer;                           /* that limits the user; _LAYER_INVALID for none */
        uint64_t quota;                        /* LIMIT_INFINITY for none */
        uint64_t memory_high;
        usec_t until; /* realtime; USEC_INFINITY */
} OverviewUser;

typedef struct Overview {
        OverviewUser *users; /* by uid, ascending */
        size_t n;
        bool sessions_known; /* leashd tells of them; else the counts are 0 */
} Overview;

void overview_done(Overview *o);

/* Looks. ledger may be NULL: nobody is limited, then. Users without a slice are those alone whom
 * the ledger names. Returns 0; -ENOENT without a tree of users; -errno. */
int overview_read(const char *root, const CgroupFs *fs, Ledger *ledger, Overview *ret);

/* The model of sessions as leashd has written it down. Every session in it counts as present.
 * Returns 0; -ENOENT if no leashd runs, whatever the last one knew; -EACCES for others than root;
 * -errno. */
int overview_sessions(const char *root, Sessions *ret);

/* What users have used in the last hour, as leashd has written it down. Returns as above. */
int overview_hours(const char *root, Hours *ret);

/* What the date was at a time of the model's. */
usec_t overview_realtime(usec_t boottime);
