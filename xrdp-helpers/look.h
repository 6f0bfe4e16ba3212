/* SPDX-License-Identifier: MIT */
/* How things are on this host, for leash-agent: each look is cheap, and no more often than useful.
 */
#pragma once

#include "core/balance.h"
#include "os/machine.h"

/* What a restart that upgraded packages want does to the answer. */
typedef enum LookRestart {
        LOOK_RESTART_LOWER,  /* newcomers go elsewhere if they can */
        LOOK_RESTART_DRAIN,  /* they do in any case */
        LOOK_RESTART_IGNORE, /* they come as ever */
        _LOOK_RESTART_MAX,
        _LOOK_RESTART_INVALID = -EINVAL,
} LookRestart;

LookRestart look_restart_from_string(const char *name);

/* The sessions file as it was when it was read: replaced whole, so another file is news. */
typedef struct LookFile {
        uint64_t inode;
        int64_t seconds, nanoseconds;
} LookFile;

#define LOOK_CAPACITY_MAX 100000

typedef struct Look {
        const char *root; /* stands before every path; "" but in tests */
        size_t capacity;  /* sessions that fit, if an admin says so; 0: what sesman.ini says */
        LookRestart restart;

        BalanceFacts facts;
        LookFile file;
        bool kept;                  /* `facts` has what that file says */
        usec_t counted, configured; /* CLOCK_MONOTONIC */
        char boot[MACHINE_BOOT_MAX];
} Look;

/* Looks: pressure, sessions, drain, restart. What cannot be told is left unknown; *ret_failed (may
 * be NULL) names it for the log, NULL if nothing is. */
void look_at(Look *l, usec_t now, const char **ret_failed);
