/* SPDX-License-Identifier: MIT */
/* The ledger: one file for each target in /run/leash, or in /var/lib/leash where the leash is to
 * survive a reboot. root:root 0700.
 *
 * A record is read, changed and written only under its lock, an flock on TARGET.lock, so that two
 * leashes at once follow each other. Reading alone needs no lock: records are replaced whole. */
#pragma once

#include <stdbool.h>

#include "core/offenders.h"
#include "core/record.h"
#include "os/cgroupfs.h"

typedef struct Ledger Ledger;

/* Opens the ledger below `root` ("" but in tests); makes its directories if `create`. Returns 0;
 * -ENOENT if there is none and create is false; -EACCES for others than root; -EPERM if a directory
 * belongs to somebody else or others may write to it; -errno. */
int ledger_open(const char *root, bool create, Ledger **ret);
Ledger *ledger_free(Ledger *l);
DEFINE_CLEANUP(Ledger *, ledger_free);

typedef struct LedgerLock LedgerLock;

/* Waits for the target's lock, at most `timeout` (0: do not wait). Returns 0; -EBUSY; -errno. The
 * lock ends with ledger_unlock(), or with the process. */
int ledger_lock(Ledger *l, const char *target, usec_t timeout, LedgerLock **ret);

/* The same for who may stand in a queue, as an admin's many commands at once do: `timeout` is for
 * each that has the lock meanwhile, and for all of them ten times that at most. Returns as
 * ledger_lock(). */
int ledger_lock_in_turn(Ledger *l, const char *target, usec_t timeout, LedgerLock **ret);
LedgerLock *ledger_unlock(LedgerLock *lock);
DEFINE_CLEANUP(LedgerLock *, ledger_unlock);

typedef struct LedgerHolder {
        pid_t pid;
        char comm[PROC_COMM_MAX]; /* as it named itself; nothing in it disturbs a terminal */
        bool stopped;             /* by a signal, as with Ctrl-Z, and so for as long as it likes */
        bool frozen;              /* and if so by its cgroup's freezer: no signal but KILL helps */
} LedgerHolder;

/* Who holds the target's lock, by the kernel's list. Returns 0; -ENOENT if nobody does or nothing
 * tells, as for who is in another pid namespace; -errno. */
int ledger_find_holder(const Ledger *l, const CgroupFs *fs, const char *target, LedgerHolder *ret);

/* The same in words, with what can be done about it, for people. */
#define LEDGER_HOLDER_TEXT_MAX 256
const char *ledger_describe_holder(const LedgerHolder *h, char buf[static LEDGER_HOLDER_TEXT_MAX]);

/* Reads a target's record. Returns 0; -ENOENT if there is none; -EBADMSG if it was damaged: it has
 * been set aside as TARGET.damaged and the caller says so; -errno. */
int ledger_read(Ledger *l, const char *target, Record **ret);

/* Writes it, durable against a crash of the process, and of the machine where it persists. Returns
 * 0 or -errno. */
int ledger_write(Ledger *l, const Record *record);

/* From here on nothing waits for a disk: for records that persist and a caller who may not. */
void ledger_hurry(Ledger *l);

/* When the record was written or touched last, by the realtime clock. Touching it says that a login
 * counts on it, see backend_login_is_over(). Both return 0; -ENOENT; -errno. */
int ledger_stamp(Ledger *l, const char *target, usec_t *ret);
int ledger_touch(Ledger *l, const char *target, usec_t *ret);

/* Deletes it. Returns 0, also if there is none; -errno. */
int ledger_delete(Ledger *l, const Record *record);

/* What a login would have written if it could have waited for the lock: one note for each target,
 * the last one counts. Leaving one needs no lock, taking it does: whoever holds the lock looks for
 * notes after letting it go, see defaults_catch_up(). Both return 0; -ENOENT if there is none;
 * -errno. ledger_read_notes() is as ledger_read_all(). */
int ledger_leave_note(Ledger *l, const Record *record);
int ledger_take_note(Ledger *l, const char *target, Record **ret);
int ledger_read_notes(Ledger *l, Record ***ret, size_t *ret_n);

/* Removes what killed programs have left: temporary and lock files that nobody holds. */
void ledger_sweep(Ledger *l);

/* Reads all records, sorted by uid, then target. *ret_damaged counts those that were set aside.
 * The array and its records belong to the caller: ledger_free_records(). Returns 0 or -errno. */
int ledger_read_all(Ledger *l, Record ***ret, size_t *ret_n, size_t *ret_damaged);
void ledger_free_records(Record **records, size_t n);
