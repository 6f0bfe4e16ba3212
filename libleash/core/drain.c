/* SPDX-License-Identifier: MIT */
/* A host that is being emptied for maintenance. */

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/drain.h"
#include "core/parse.h"
#include "core/statefile.h"

size_t drain_to_text(const Drain *d, char buf[static DRAIN_TEXT_MAX]) {
        _cleanup_free_ char *by = escape_text(d->by, DRAIN_BY_MAX);
        _cleanup_free_ char *reason = escape_text(d->reason, DRAIN_REASON_MAX);
        int n;

        /* Each byte escaped to four fits. */
        n = snprintf(buf, DRAIN_TEXT_MAX,
                     "[drain]\nVersion=1\nSince=%" PRIu64
                     "\nBy=%s\nReason=%s\nBoot=%s\nSessions=%zu\n"
                     "[end]\n",
                     d->since, by ?: "", reason ?: "", d->boot, d->sessions);
        return (size_t) n;
}

static int read_text(const char *value, char *buf, size_t size) {
        _cleanup_free_ char *plain = NULL;
        int r;

        r = unescape_text(value, &plain);
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        (void) snprintf(buf, size, "%s", plain);
        return 0;
}

static int read_entry(const char *section, const char *name _unused_, const char *key,
                      const char *value, void *userdata) {
        Drain *d = userdata;
        uint64_t number;

        if (strcmp(section, "drain") != 0 || !key)
                return 0;
        if (strcmp(key, "Version") == 0)
                return strcmp(value, "1") == 0 ? 0 : -EBADMSG;
        if (strcmp(key, "By") == 0)
                return read_text(value, d->by, sizeof(d->by));
        if (strcmp(key, "Reason") == 0)
                return read_text(value, d->reason, sizeof(d->reason));
        if (strcmp(key, "Boot") == 0)
                return read_text(value, d->boot, sizeof(d->boot));
        if (strcmp(key, "Since") != 0 && strcmp(key, "Sessions") != 0)
                return 0;
        if (parse_u64(value, &number) < 0)
                return -EBADMSG;
        if (key[1] == 'i')
                d->since = number;
        else
                d->sessions = number;
        return 0;
}

int drain_from_text(const char *text, size_t size, Drain *ret) {
        Drain d = {};
        int r;

        r = statefile_read(text, size, DRAIN_TEXT_MAX, read_entry, &d);
        if (r < 0)
                return r;
        if (d.since == 0)
                return -EBADMSG;
        *ret = d;
        return 0;
}

bool drain_holds(const Drain *d, const char *boot) {
        return d->boot[0] == '\0' || strcmp(d->boot, boot) == 0;
}
