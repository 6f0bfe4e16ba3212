/* SPDX-License-Identifier: MIT */
/* Changing one layer of one target: what the command, the daemon and the PAM module do alike. */
#pragma once

#include "backend/backend.h"
#include "backend/ledger.h"
#include "backend/spare.h"

/* Another leash on the same user takes milliseconds, with a daemon-reload in it seconds;
 * fifty at once take their turns. */
#define LAYER_LOCK_TIMEOUT (60 * USEC_PER_SEC)

/* Reads the target's record, twice: as it is to be, and as it was; *ret_before is NULL where there
 * was none, and *ret a new one. Under the target's lock. Returns 1 if a damaged one was set aside,
 * 0; -EXDEV for another backend's record; -errno. Both are the caller's. */
int layer_load(Backend *b, Ledger *ledger, const char *target, TargetScope scope, uid_t uid,
               const char *user, Record **ret, Record **ret_before);

/* Reads the base of those of the limits that the record has none of yet. Returns 0 or -errno. */
int layer_read_base(Backend *b, Record *record, const Limits *limits);

/* What was said to have failed must not be done by the next command either: puts the layer from
 * before back, writes the record, and converges. `error` is why; a PID 1 that does not answer is
 * not waited for twice. Returns 0; -errno if a half-done change stands in a ledger that cannot be
 * written. */
int layer_roll_back(Backend *b, Ledger *ledger, Record *record, Record *before, Layer layer,
                    int error);

/* Moves the user's offenders to a scope of their own, as spare_offenders() does, if a quota is in
 * force that they could use up. The caller writes the record. Returns 0 or as that. */
int layer_spare(Backend *b, Record *record, const Enforcement *e, const pid_t *named,
                size_t n_named, SpareReport *ret);

typedef struct LayerChange {
        uid_t uid;
        const char *user;
        Layer layer;
        const Limits *limits; /* of the whole layer, in place of those before; empty clears it */
        const char *by, *reason;
        usec_t lock_timeout; /* 0: LAYER_LOCK_TIMEOUT */
        usec_t until;        /* realtime */
        bool spare;
} LayerChange;

typedef struct LayerOutcome {
        bool changed; /* false: it was so before */
        Enforcement enforcement;
        SpareReport spared;
} LayerOutcome;

/* Does all of that for a user's slice: lock, record, converge, spare, and back if it fails. Returns
 * 0, or -errno with nothing changed. */
int layer_change(Backend *b, Ledger *ledger, const LayerChange *change, LayerOutcome *ret);
