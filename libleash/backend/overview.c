/* SPDX-License-Identifier: MIT */
/* All users of this host at a glance. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "backend/overview.h"
#include "core/array.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/machine.h"

#define SESSIONS_FILE OVERVIEW_DIR "/sessions"
#define HOURS_FILE OVERVIEW_DIR "/hours"
#define LOCK_FILE OVERVIEW_DIR "/" OVERVIEW_LOCK

void overview_done(Overview *o) {
        free(o->users);
        *o = (Overview){};
}

/* What a leashd that has ended knew is no longer true. Returns 0 if one runs. */
static int find_leashd(const char *root) {
        _cleanup_free_ char *path = file_path("%s" LOCK_FILE, root);
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!path)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = file_is_locked(fd);
        return r == 0 ? -ENOENT : MIN_OF(r, 0);
}

/* One of a running leashd's files, as new text, and which boot this is. */
static int read_kept(const char *root, const char *name, size_t max,
                     char boot[static MACHINE_BOOT_MAX], char **ret, size_t *ret_size) {
        _cleanup_free_ char *path = file_path("%s%s", root, name);
        int r;

        if (!path)
                return -ENOMEM;
        r = find_leashd(root);
        if (r < 0)
                return r;
        r = machine_boot(boot);
        return r < 0 ? r : file_read(AT_FDCWD, path, max, ret, ret_size);
}

int overview_sessions(const char *root, Sessions *ret) {
        _cleanup_free_ char *text = NULL;
        char boot[MACHINE_BOOT_MAX];
        size_t size;
        int r;

        r = read_kept(root, SESSIONS_FILE, SESSIONS_TEXT_MAX, boot, &text, &size);
        return r < 0 ? r : sessions_from_text(ret, text, size, boot);
}

int overview_hours(const char *root, Hours *ret) {
        _cleanup_free_ char *text = NULL;
        char boot[MACHINE_BOOT_MAX];
        size_t size;
        int r;

        r = read_kept(root, HOURS_FILE, HOURS_TEXT_MAX, boot, &text, &size);
        return r < 0 ? r : hours_from_text(ret, text, size, boot);
}

static OverviewUser *find(Overview *o, uid_t uid) {
        size_t at = ARRAY_LOWER_BOUND(o->n, i, o->users[i].usage.uid < uid);

        return at < o->n && o->users[at].usage.uid == uid ? &o->users[at] : NULL;
}

usec_t overview_realtime(usec_t boottime) {
        usec_t now = clock_boottime();

        return clock_realtime() - (now - MIN_OF(boottime, now));
}

static void add_sessions(const char *root, Overview *o) {
        Sessions sessions = {};

        if (overview_sessions(root, &sessions) < 0)
                return;
        o->sessions_known = true;
        for (size_t i = 0; i < sessions.n; i++) {
                const Session *s = sessions.all[i];
                OverviewUser *u = s->class == SESSION_CLASS_USER ? find(o, s->uid) : NULL;

                if (!u)
                        continue;
                u->n_sessions++;
                u->n_connected += s->link == SESSION_LINK_CONNECTED;
                for (SessionCondition c = 0; c < _SESSION_CONDITION_MAX; c++) {
                        if (s->since[c] == 0)
                                continue;
                        u->n_in[c]++;
                        u->since[c] = MAX_OF(u->since[c], overview_realtime(s->since[c]));
                }
        }
        sessions_done(&sessions);
}

static int add_limits(Ledger *ledger, Overview *o) {
        Record **records;
        size_t n, damaged;
        int r;

        r = ledger_read_all(ledger, &records, &n, &damaged);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                OverviewUser *u = find(o, records[i]->uid);
                Limits effective;

                if (!u || records[i]->scope != TARGET_USER)
                        continue;
                record_effective(records[i], &effective, NULL);
                u->layer = record_top_layer(records[i]);
                u->until = record_next_expiry(records[i]);
                if (limits_has(&effective, LIMIT_CPU_QUOTA))
                        u->quota = effective.value[LIMIT_CPU_QUOTA];
                if (limits_has(&effective, LIMIT_MEMORY_HIGH))
                        u->memory_high = effective.value[LIMIT_MEMORY_HIGH];
        }
        ledger_free_records(records, n);
        return 0;
}

int overview_read(const char *root, const CgroupFs *fs, Ledger *ledger, Overview *ret) {
        _cleanup_free_ UserUsage *usage = NULL;
        Overview o = {};
        size_t n;
        int r;

        r = usage_read(fs, USAGE_PRESSURE | USAGE_MEMORY, &usage, &n);
        if (r < 0)
                return r;
        o.users = calloc(n + 1, sizeof(OverviewUser));
        if (!o.users)
                return -ENOMEM;
        o.n = n;
        for (size_t i = 0; i < n; i++)
                o.users[i] = (OverviewUser){
                        .usage = usage[i],
                        .layer = _LAYER_INVALID,
                        .quota = LIMIT_INFINITY,
                        .memory_high = LIMIT_INFINITY,
                        .until = USEC_INFINITY,
                };
        add_sessions(root, &o);
        r = ledger ? add_limits(ledger, &o) : 0;
        if (r < 0) {
                overview_done(&o);
                return r;
        }
        *ret = o;
        return 0;
}
