/* SPDX-License-Identifier: MIT */
/* Changing one layer of one target. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/layer.h"
#include "backend/login.h"
#include "core/placement.h"
#include "os/clock.h"

int layer_load(Backend *b, Ledger *ledger, const char *target, TargetScope scope, uid_t uid,
               const char *user, Record **ret, Record **ret_before) {
        _cleanup_(record_freep) Record *record = NULL, *before = NULL;
        bool damaged = false;
        int r;

        r = ledger_read(ledger, target, &record);
        if (r >= 0)
                r = ledger_read(ledger, target, &before);
        if (r == -EBADMSG) {
                damaged = true;
                r = -ENOENT;
        }
        if (r == -ENOENT) {
                record = record_free(record);
                record = record_new(target, scope, uid, user);
                r = record ? 0 : -ENOMEM;
        }
        if (r < 0)
                return r;
        if (backend_is_other(b, record))
                return -EXDEV;
        *ret = TAKE_PTR(record);
        *ret_before = TAKE_PTR(before);
        return damaged;
}

int layer_read_base(Backend *b, Record *record, const Limits *limits) {
        uint32_t missing = limits->set & ~record->base.set;

        return missing == 0 ? 0 : b->ops->read_base(b, record, missing);
}

int layer_roll_back(Backend *b, Ledger *ledger, Record *record, Record *before, Layer layer,
                    int error) {
        _cleanup_(record_freep) Record *written = NULL;
        RecordLayer failed = record->layers[layer];
        Enforcement e;
        int r;

        record->layers[layer] = (RecordLayer){ .until = USEC_INFINITY };
        if (before) {
                record->layers[layer] = before->layers[layer];
                before->layers[layer] = failed;
                record->persist = before->persist;
                record->share = before->share;
        } else {
                free(failed.by);
                free(failed.reason);
        }
        record->dirty = true; /* of the same serial, which a timer already made may carry */
        r = ledger_write(ledger, record);
        if (r < 0)
                /* Where nothing of the attempt got to the disk either, nothing is to be taken back.
                 */
                return ledger_read(ledger, record->target, &written) >= 0 && written->dirty ? r : 0;
        if (error != -ETIMEDOUT)
                (void) backend_converge(b, ledger, record, &e); /* else the next command does */
        return 0;
}

int layer_spare(Backend *b, Record *record, const Enforcement *e, const pid_t *named,
                size_t n_named, SpareReport *ret) {
        _cleanup_free_ pid_t *leaders = NULL;
        Limits effective;
        size_t n;
        int r;

        *ret = (SpareReport){};
        record_effective(record, &effective, NULL);
        if (record->scope != TARGET_USER || e->absent || !limits_has(&effective, LIMIT_CPU_QUOTA) ||
            effective.value[LIMIT_CPU_QUOTA] == LIMIT_INFINITY)
                return 0;
        r = login_leaders(record->uid, &leaders, &n);
        if (r < 0)
                return r;
        return spare_offenders(b, record, named, n_named, leaders, n, ret);
}

/* Returns 1 if that changes anything, 0 if not. */
static int put_layer(Record *record, const LayerChange *c) {
        const RecordLayer *was = &record->layers[c->layer];
        bool same = limits_equal(&was->limits, c->limits);
        usec_t since = same && !limits_is_empty(c->limits) ? was->since : clock_realtime();
        int r;

        if (same && (limits_is_empty(c->limits) || was->until == c->until))
                return 0;
        record_clear_layer(record, c->layer);
        if (limits_is_empty(c->limits))
                return 1;
        r = record_set_layer(record, c->layer, c->limits, c->by, c->reason, since, c->until);
        return r < 0 ? r : 1;
}

/* After the quota is in force. It stands, whether they could be moved or not. */
static int spare(Backend *b, Ledger *ledger, Record *record, const LayerChange *c,
                 LayerOutcome *ret) {
        int r;

        if (!c->spare)
                return 0;
        r = layer_spare(b, record, &ret->enforcement, NULL, 0, &ret->spared);
        if (r < 0)
                ret->spared = (SpareReport){};
        return ret->spared.n_moved > 0 || ret->spared.kept_more ? ledger_write(ledger, record) : 0;
}

int layer_change(Backend *b, Ledger *ledger, const LayerChange *c, LayerOutcome *ret) {
        _cleanup_(record_freep) Record *record = NULL, *before = NULL;
        _cleanup_(ledger_unlockp) LedgerLock *lock = NULL;
        char target[PLACEMENT_NAME_MAX];
        LayerOutcome outcome = {};
        int r;

        placement_user_slice(c->uid, target);
        r = ledger_lock(ledger, target, c->lock_timeout ?: LAYER_LOCK_TIMEOUT, &lock);
        if (r >= 0)
                r = layer_load(b, ledger, target, TARGET_USER, c->uid, c->user, &record, &before);
        if (r >= 0)
                r = layer_read_base(b, record, c->limits);
        if (r >= 0)
                r = put_layer(record, c);
        if (r <= 0) {
                if (r == 0)
                        *ret = outcome;
                return r;
        }
        outcome.changed = true;
        r = backend_converge(b, ledger, record, &outcome.enforcement);
        if (r >= 0)
                r = spare(b, ledger, record, c, &outcome);
        if (r < 0) {
                (void) layer_roll_back(b, ledger, record, before, c->layer, r);
                return r;
        }
        *ret = outcome;
        return 0;
}
