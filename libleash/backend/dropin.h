/* SPDX-License-Identifier: MIT */
/* Drop-in files of a slice: our own, systemd's run-time ones that we disturb, and the admin's,
 * which we only look at.
 *
 * SetUnitProperties writes /run/systemd/system.control/UNIT.d/50-DIRECTIVE.conf. That file would
 * beat an admin's 10-*.conf and lose to a 99-*.conf after the next daemon-reload, and would stay
 * after logout, so it is put back to what it was as soon as the live property is set. What holds
 * the limit through a daemon-reload and a new login is our own file, whose name sorts last. */
#pragma once

#include "core/record.h"

#define DROPIN_NAME "zz-leash.conf"

/* Notes in record->files what stands in the file that SetUnitProperties will write for `limit`.
 * Returns 0, also where there is none; -EBADMSG if it is no text; -EFBIG; -errno. */
int dropin_save(const char *root, Record *record, Limit limit);

/* The limits that were touched, as record->files tells, and whose base value is not known: giving
 * one of them back takes a daemon-reload. As bits. */
uint32_t dropin_open_bases(const Record *record);

/* What is in force is no more what anybody touched: forgets the files of these limits. */
void dropin_forget(Record *record, uint32_t which);

/* Puts the files in record->files back as they were. Returns 0, also where their directory has
 * gone; -errno at the first that fails. */
int dropin_restore_saved(const char *root, const Record *record);

/* Takes what stands there now for what is to be put back. Returns 1 if that differs from what was
 * saved: somebody set a property after us, or a reboot has emptied /run; 0; as dropin_save(). */
int dropin_refresh_saved(const char *root, Record *record);

/* True if that would find a difference, or cannot tell. */
bool dropin_saved_differ(const char *root, const Record *record);

/* Writes our own file with `limits`, in /run or, for a leash that persists, in /etc; removes it
 * from the other place. `durable`: on the disk before it returns. Returns 0 or -errno. */
int dropin_write(const char *root, const Record *record, const Limits *limits, bool durable);

/* Reads back what everybody may see of the leashes in force, from our own files: target, limits,
 * since, until, layer. For callers that may not read the ledger. A new array of new records, for
 * ledger_free_records(). What cannot be read is left out. Returns 0 or -ENOMEM. */
int dropin_read_public(const char *root, Record ***ret, size_t *ret_n);

/* True if our own file is in either place. */
bool dropin_exists(const char *root, const Record *record);

/* Removes our own file from both places, and their directories if nothing else is in them. Returns
 * 0, also if there was none; the first -errno. */
int dropin_remove(const char *root, const Record *record);

/* Digest of names, sizes and times of every unit file and drop-in of others that concerns the
 * target, as a new string: equal while the admin's configuration has not changed. Returns 0 or
 * -ENOMEM: what cannot be looked at counts as not there. */
int dropin_fingerprint(const char *root, const char *unit, char **ret);
