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
        _JOURNAL_EVENT_MAX,
} JournalEvent;

/* Sends an entry with MESSAGE_ID, LEASH_TARGET, LEASH_UID, LEASH_USER, LEASH_LIMITS, LEASH_BY and
 * LEASH_REASON; to syslog where there is no journal. What a user chose is escaped. Never fails and
 * never waits: a log that is down is no reason not to limit. `by` is who did it. record is NULL
 * where it could not be read: JOURNAL_DAMAGED. */
void journal_send(JournalEvent event, const Record *record, const char *by);
