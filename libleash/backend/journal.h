/* SPDX-License-Identifier: MIT */
/* What leash did, for the journal: a line for people and fields for programs. */
#pragma once

#include "core/record.h"

typedef enum JournalEvent {
        JOURNAL_CAPPED,
        JOURNAL_RELEASED,
        JOURNAL_EXPIRED,
        JOURNAL_NOT_ENFORCED,
        JOURNAL_SETTLED,
        JOURNAL_DAMAGED,
        JOURNAL_DEFAULT, /* by the policy, at a login */
        JOURNAL_DRAIN,   /* the host is being emptied, takes newcomers again, refuses one */
        JOURNAL_UNTOLD,  /* whether to refuse one could not be told */
        JOURNAL_MISSING, /* a login without the policy's limits, or with some of them */
        _JOURNAL_EVENT_MAX,
} JournalEvent;

/* An entry in the journal's own format, one field a line (systemd's JOURNAL_NATIVE_PROTOCOL.md).
 * The first field is MESSAGE, which is all that syslog gets. */
#define JOURNAL_ENTRY_MAX 8192

typedef struct JournalEntry {
        char text[JOURNAL_ENTRY_MAX];
        size_t n;
        int priority;
        const char *by;
} JournalEntry;

/* Adds a field, "NAME=" and its value, which ends at the end of its line, whatever it holds, and is
 * cut where the entry is full. */
void journal_add(JournalEntry *e, const char *format, ...) _printf_(2, 3);

/* Adds what every entry tells behind its message: MESSAGE_ID, PRIORITY, and SYSLOG_IDENTIFIER. `by`
 * is the program, borrowed. */
void journal_add_head(JournalEntry *e, const char *id, int priority, const char *by);

/* Sends it; to syslog where there is no journal. Never fails and never waits, as below. */
void journal_send_entry(const JournalEntry *e);

/* Sends an entry with MESSAGE_ID, LEASH_TARGET, LEASH_UID, LEASH_USER, LEASH_LIMITS, LEASH_BY and
 * LEASH_REASON; to syslog where there is no journal. What a user chose is escaped. Never fails and
 * never waits: a log that is down is no reason not to limit. `by` is who did it. record is NULL
 * where it could not be read: JOURNAL_DAMAGED.
 *
 * Sent by a socket of its own each time: what libsystemd and syslog(3) keep open would stay in the
 * program that a PAM module runs in, and either may wait for a reader that has stopped. */
void journal_send(JournalEvent event, const Record *record, const char *by);

/* The same for what concerns a login and no record: `text`, which is escaped here, says what is
 * wrong; `user` may be NULL. `by` is the program, for people and as SYSLOG_IDENTIFIER. */
void journal_login(JournalEvent event, const char *by, const char *user, const char *text);
