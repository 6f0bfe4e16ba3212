/* SPDX-License-Identifier: MIT */
/* What leash did, for the journal: a line for people and fields for programs. */

#define _GNU_SOURCE
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "backend/journal.h"
#include "core/parse.h"

static const struct {
        const char *id;
        int priority;
        const char *text;
} events[_JOURNAL_EVENT_MAX] = {
        [JOURNAL_CAPPED] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad01", LOG_NOTICE, "limited" },
        [JOURNAL_RELEASED] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad02", LOG_NOTICE, "released" },
        [JOURNAL_EXPIRED] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad03", LOG_NOTICE,
                              "released, its time was up" },
        [JOURNAL_NOT_ENFORCED] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad04", LOG_WARNING,
                                   "limited, but the kernel does not enforce it" },
        [JOURNAL_SETTLED] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad05", LOG_NOTICE,
                              "brought to order after an interrupted leash" },
        [JOURNAL_DAMAGED] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad06", LOG_ERR,
                              "A damaged record was set aside in /run/leash" },
};

static void send_record(JournalEvent event, const Record *record, const char *by) {
        Layer top = record_top_layer(record);
        const char *raw = top >= 0 && record->layers[top].reason ? record->layers[top].reason : "";
        _cleanup_free_ char *user = escape_text(record->user, 256), *reason = escape_text(raw, 512);
        char limits[1024];
        Limits effective;

        if (!user || !reason)
                return;
        record_effective(record, &effective, NULL);
        limits_join(&effective, limits, sizeof(limits));
        if (access("/run/systemd/journal/socket", W_OK) < 0) {
                syslog(LOG_AUTHPRIV | events[event].priority, "leash: %s of %s %s: %s by %s %s",
                       record->target, user, events[event].text, limits, by, reason);
                return;
        }
        (void) sd_journal_send("MESSAGE=%s of %s %s%s%s", record->target, user, events[event].text,
                               limits[0] ? ": " : "", limits, "MESSAGE_ID=%s", events[event].id,
                               "PRIORITY=%d", events[event].priority, "SYSLOG_IDENTIFIER=leash",
                               "LEASH_TARGET=%s", record->target, "LEASH_UID=%u",
                               (unsigned) record->uid, "LEASH_USER=%s", user, "LEASH_LIMITS=%s",
                               limits, "LEASH_BY=%s", by, "LEASH_REASON=%s", reason, NULL);
}

static void send_damaged(const char *by) {
        if (access("/run/systemd/journal/socket", W_OK) < 0)
                syslog(LOG_AUTHPRIV | events[JOURNAL_DAMAGED].priority, "leash: %s",
                       events[JOURNAL_DAMAGED].text);
        else
                (void) sd_journal_send("MESSAGE=%s", events[JOURNAL_DAMAGED].text, "MESSAGE_ID=%s",
                                       events[JOURNAL_DAMAGED].id, "PRIORITY=%d",
                                       events[JOURNAL_DAMAGED].priority, "SYSLOG_IDENTIFIER=leash",
                                       "LEASH_BY=%s", by, NULL);
}

void journal_send(JournalEvent event, const Record *record, const char *by) {
        if (record)
                send_record(event, record, by);
        else
                send_damaged(by);
}
