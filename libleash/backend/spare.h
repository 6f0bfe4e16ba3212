/* SPDX-License-Identifier: MIT */
/* Finding the offenders of a session and putting them into a group of their own, so that the
 * desktop around them stays smooth (see core/offenders.h for who counts). */
#pragma once

#include "backend/backend.h"
#include "core/offenders.h"

#define SPARE_NAMES_MAX 8

typedef struct SpareReport {
        size_t n_moved;
        char names[SPARE_NAMES_MAX][PROC_COMM_MAX]; /* some of them; escape before printing */
        size_t n_names;
        bool kept_more; /* of the quota for the rest, than by an earlier leash */
} SpareReport;

/* Looks at all processes of the target outside the record's scopes, selects the offenders, moves
 * them, and looks again until no new one is found. `named` are the processes an admin named (may
 * be none), `leaders` the session leaders, which stay where they are.
 * The record changes (its scopes, their share); the caller writes it afterwards, if anybody was
 * moved or more is kept.
 * Returns 0, also if there was nobody to move; -EOPNOTSUPP, see BackendOps.group; -errno. */
int spare_offenders(Backend *b, Record *record, const pid_t *named, size_t n_named,
                    const pid_t *leaders, size_t n_leaders, SpareReport *ret);

/* Moves a process with its descendants, and nothing else: for --scope=tree and for jobs that run
 * outside the user's slice. Returns as above. */
int spare_tree(Backend *b, Record *record, pid_t root, const Limits *limits, SpareReport *ret);
