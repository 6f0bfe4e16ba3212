/* SPDX-License-Identifier: MIT */
/* Where incidents are kept. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/incidents.h"
#include "backend/journal.h"
#include "core/parse.h"
#include "os/file.h"

#define DIR_PATH "/var/lib/leash/log"
#define NAME "incidents"

/* The last two digits of MESSAGE_ID are of the kind, and never change their meaning. */
static const struct {
        const char *id;
        int priority;
} messages[_INCIDENT_KIND_MAX] = {
        [INCIDENT_SQUEEZED] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad20", LOG_NOTICE },
        [INCIDENT_LIFTED] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad21", LOG_NOTICE },
        [INCIDENT_WARNED] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad22", LOG_NOTICE },
        [INCIDENT_ASKED] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad23", LOG_NOTICE },
        [INCIDENT_TERMINATED] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad24", LOG_NOTICE },
        [INCIDENT_KILLED] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad25", LOG_WARNING },
        [INCIDENT_STUCK] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad26", LOG_ERR },
        [INCIDENT_PENALISED] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad27", LOG_NOTICE },
        [INCIDENT_EXCUSED] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad28", LOG_INFO },
        [INCIDENT_RESTORED] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad29", LOG_WARNING },
        [INCIDENT_YIELDED] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad2a", LOG_WARNING },
        [INCIDENT_UNGUARDED] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad2c", LOG_WARNING },
        [INCIDENT_FAILED] = { "fb6ff0bd24cd4a3e9c44e1c1f7a6ad2b", LOG_ERR },
};

void incidents_tell(const Incident *i) {
        _cleanup_free_ char *user = escape_text(i->user, INCIDENT_TEXT_MAX),
                            *processes = escape_text(i->processes, INCIDENT_TEXT_MAX);
        JournalEntry e = {};

        if (!user || !processes)
                return;
        journal_add(&e, "MESSAGE=%s%s %s%s%s%s%s%s%s", i->watch ? "would: " : "", user,
                    incident_kind_to_string(i->kind), i->condition[0] ? ", " : "", i->condition,
                    i->limits[0] ? ": " : "", i->limits, i->error[0] ? ": " : "", i->error);
        journal_add_head(&e, messages[i->kind].id, messages[i->kind].priority, "leashd");
        journal_add(&e, "LEASH_UID=%u", (unsigned) i->uid);
        journal_add(&e, "LEASH_USER=%s", user);
        journal_add(&e, "LEASH_SESSION=%s", i->session);
        journal_add(&e, "LEASH_CONDITION=%s", i->condition);
        journal_add(&e, "LEASH_LIMITS=%s", i->limits);
        journal_add(&e, "LEASH_RULE=%s", i->rule);
        journal_add(&e, "LEASH_PROCESSES=%s", processes);
        journal_add(&e, "LEASH_USED_PERCENT=%d", i->used_percent);
        journal_add(&e, "LEASH_PRESSURE_PERCENT=%d", i->pressure_percent);
        journal_add(&e, "LEASH_WATCH=%d", i->watch);
        journal_send_entry(&e);
}

static int open_dir(const char *root, bool create, int *ret) {
        _cleanup_free_ char *path = file_path("%s" DIR_PATH, root);
        int r;

        if (!path)
                return -ENOMEM;
        r = create ? file_mkdir_parents(path, 0700) : 0;
        return r < 0 ? r : file_open_own_dir(path, ret);
}

static const char *name_of(unsigned age, char buf[static 32]) {
        (void) snprintf(buf, 32, age == 0 ? NAME : NAME ".%u", age);
        return buf;
}

/* Every file gets one older, and the oldest goes. */
static int rotate(int dir) {
        char from[32], to[32];

        for (unsigned age = INCIDENTS_FILES - 1; age > 0; age--)
                if (renameat(dir, name_of(age - 1, from), dir, name_of(age, to)) < 0 &&
                    errno != ENOENT)
                        return -errno;
        return 0;
}

static int append(int dir, const char *line) {
        _cleanup_close_ int fd =
                openat(dir, NAME, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        size_t size = strlen(line);
        struct stat st;
        char last = '\n';
        ssize_t n;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if ((size_t) st.st_size + size > INCIDENTS_FILE_MAX)
                return -EFBIG;
        n = write(fd, line, size); /* in one go: what was cut off by a full disk is skipped later */
        if (n < 0)
                return -errno;
        if ((size_t) n < size)
                (void) !write(fd, &last, 1);
        return (size_t) n < size ? -ENOSPC : 0;
}

int incidents_add(const char *root, const Incident *i) {
        _cleanup_free_ char *line = incident_to_line(i);
        _cleanup_close_ int dir = -EBADF;
        int r;

        if (!line)
                return -ENOMEM;
        r = open_dir(root, true, &dir);
        if (r < 0)
                return r;
        r = append(dir, line);
        if (r == -EFBIG) {
                r = rotate(dir);
                if (r >= 0)
                        r = append(dir, line);
        }
        return r;
}

static int read_one(int dir, const char *name, int (*found)(const Incident *, void *),
                    void *userdata) {
        _cleanup_free_ char *text = NULL;
        int r, skipped = 0;

        r = file_read(dir, name, INCIDENTS_FILE_MAX, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (char *line = text, *next; *line; line = next) {
                size_t n = strcspn(line, "\n");
                Incident i;

                next = line + n + (line[n] == '\n');
                line[n] = '\0';
                if (n >= INCIDENT_LINE_MAX || incident_from_line(line, &i) < 0) {
                        skipped++;
                        continue;
                }
                r = found(&i, userdata);
                if (r < 0)
                        return r;
        }
        return skipped;
}

int incidents_read(const char *root, int (*found)(const Incident *i, void *userdata),
                   void *userdata) {
        _cleanup_close_ int dir = -EBADF;
        int r, skipped = 0;
        char name[32];

        r = open_dir(root, false, &dir);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (unsigned age = INCIDENTS_FILES; age-- > 0;) {
                r = read_one(dir, name_of(age, name), found, userdata);
                if (r < 0)
                        return r;
                skipped += r;
        }
        return skipped;
}
