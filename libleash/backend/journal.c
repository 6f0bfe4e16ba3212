/* SPDX-License-Identifier: MIT */
/* What leash did, for the journal: a line for people and fields for programs. */

#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

#include "backend/journal.h"
#include "core/parse.h"
#include "os/file.h"

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
        [JOURNAL_DEFAULT] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad07", LOG_INFO,
                              "limited by the policy" },
        [JOURNAL_MISSING] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad08", LOG_WARNING,
                              "limits of the policy are missing" },
        [JOURNAL_DRAIN] = { "5b0cba8d6c2e4e5d9b3f4a7d10c6ad21", LOG_NOTICE, "maintenance" },
        [JOURNAL_UNTOLD] = { "5b0cba8d6c2e4e5d9b3f4a7d10c6ad22", LOG_WARNING,
                             "let in while in doubt" },
};

void journal_add(JournalEntry *e, const char *format, ...) {
        size_t room = sizeof(e->text) - e->n;
        va_list ap;
        int n;

        if (room < 64)
                return;
        va_start(ap, format);
        n = vsnprintf(e->text + e->n, room - 1, format, ap);
        va_end(ap);
        if (n < 0)
                return;
        n = MIN_OF((size_t) n, room - 2);
        for (char *p = e->text + e->n; p < e->text + e->n + n; p++)
                if (*p == '\n')
                        *p = ' ';
        e->n += n;
        e->text[e->n++] = '\n';
}

static bool send_to(const char *path, const char *data, size_t size) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        if (fd < 0)
                return false;
        strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
        return sendto(fd, data, size, MSG_NOSIGNAL, (const struct sockaddr *) &address,
                      sizeof(address)) == (ssize_t) size;
}

void journal_add_head(JournalEntry *e, const char *id, int priority, const char *by) {
        journal_add(e, "MESSAGE_ID=%s", id);
        journal_add(e, "PRIORITY=%d", priority);
        journal_add(e, "SYSLOG_IDENTIFIER=%s", by);
        e->priority = priority;
        e->by = by;
}

void journal_send_entry(const JournalEntry *e) {
        static const char message[] = "MESSAGE=";
        char line[1024];
        size_t n = strcspn(e->text, "\n") - strlen(message);

        if (send_to("/run/systemd/journal/socket", e->text, e->n))
                return;
        (void) snprintf(line, sizeof(line), "<%d>%s: %.*s", LOG_AUTHPRIV | e->priority, e->by,
                        (int) n, e->text + strlen(message));
        (void) send_to("/dev/log", line, strlen(line)); /* no log at all: nobody to tell */
}

static void add_head(JournalEntry *e, JournalEvent event, const char *by) {
        journal_add_head(e, events[event].id, events[event].priority, by);
}

static void send_record(JournalEvent event, const Record *record, const char *by) {
        Layer top = record_top_layer(record);
        const char *raw = top >= 0 && record->layers[top].reason ? record->layers[top].reason : "";
        _cleanup_free_ char *user = escape_text(record->user, 256), *reason = escape_text(raw, 512);
        char limits[1024];
        Limits effective;
        JournalEntry e = {};

        if (!user || !reason)
                return;
        record_effective(record, &effective, NULL);
        limits_join(&effective, limits, sizeof(limits));
        journal_add(&e, "MESSAGE=%s of %s %s%s%s", record->target, user, events[event].text,
                    limits[0] ? ": " : "", limits);
        add_head(&e, event, "leash");
        journal_add(&e, "LEASH_TARGET=%s", record->target);
        journal_add(&e, "LEASH_UID=%u", (unsigned) record->uid);
        journal_add(&e, "LEASH_USER=%s", user);
        journal_add(&e, "LEASH_LIMITS=%s", limits);
        journal_add(&e, "LEASH_BY=%s", by);
        journal_add(&e, "LEASH_REASON=%s", reason);
        journal_send_entry(&e);
}

static void send_damaged(const char *by) {
        JournalEntry e = {};

        journal_add(&e, "MESSAGE=%s", events[JOURNAL_DAMAGED].text);
        add_head(&e, JOURNAL_DAMAGED, "leash");
        journal_add(&e, "LEASH_BY=%s", by);
        journal_send_entry(&e);
}

void journal_send(JournalEvent event, const Record *record, const char *by) {
        if (record)
                send_record(event, record, by);
        else
                send_damaged(by);
}

void journal_login(JournalEvent event, const char *by, const char *user, const char *text) {
        _cleanup_free_ char *name = escape_text(user ?: "?", 256), *what = escape_text(text, 1024);
        JournalEntry e = {};

        if (!name || !what)
                return;
        journal_add(&e, "MESSAGE=%s: %s: %s", name, events[event].text, what);
        add_head(&e, event, by);
        journal_add(&e, "LEASH_USER=%s", name);
        journal_add(&e, "LEASH_BY=%s", by);
        journal_send_entry(&e);
}
