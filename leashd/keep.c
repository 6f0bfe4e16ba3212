/* SPDX-License-Identifier: MIT */
/* What outlives the daemon: since when things are so, and who was penalised, in /run/leashd. Since
 * nothing of it is of any use after a reboot, it is not kept any longer. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <syslog.h>

#include "backend/overview.h"
#include "daemon.h"
#include "os/file.h"

typedef struct File {
        const char *name;
        int (*write)(const Daemon *d, char **ret, size_t *ret_size);
        int (*read)(Daemon *d, const char *text, size_t size);
        bool *(*changed)(Daemon *d);
        size_t max;
} File;

static int write_sessions(const Daemon *d, char **ret, size_t *ret_size) {
        return sessions_to_text(&d->sessions, d->boot, ret, ret_size);
}

static int read_sessions(Daemon *d, const char *text, size_t size) {
        return sessions_from_text(&d->sessions, text, size, d->boot);
}

static bool *sessions_changed(Daemon *d) {
        return &d->sessions.changed;
}

static int write_cpu(const Daemon *d, char **ret, size_t *ret_size) {
        return runaways_to_text(&d->cpu, d->boot, ret, ret_size);
}

static int read_cpu(Daemon *d, const char *text, size_t size) {
        return runaways_from_text(&d->cpu, text, size, d->boot);
}

static bool *cpu_changed(Daemon *d) {
        return &d->cpu.changed;
}

static int write_memory(const Daemon *d, char **ret, size_t *ret_size) {
        return runaways_to_text(&d->memory, d->boot, ret, ret_size);
}

static int read_memory(Daemon *d, const char *text, size_t size) {
        return runaways_from_text(&d->memory, text, size, d->boot);
}

static bool *memory_changed(Daemon *d) {
        return &d->memory.changed;
}

static int write_hours(const Daemon *d, char **ret, size_t *ret_size) {
        return hours_to_text(&d->hours, d->boot, ret, ret_size);
}

static int read_hours(Daemon *d, const char *text, size_t size) {
        return hours_from_text(&d->hours, text, size, d->boot);
}

static bool *hours_changed(Daemon *d) {
        return &d->hours.changed;
}

static const File files[] = {
        { "sessions", write_sessions, read_sessions, sessions_changed, SESSIONS_TEXT_MAX },
        { "runaways-cpu", write_cpu, read_cpu, cpu_changed, RUNAWAYS_TEXT_MAX },
        { "runaways-memory", write_memory, read_memory, memory_changed, RUNAWAYS_TEXT_MAX },
        { "hours", write_hours, read_hours, hours_changed, HOURS_TEXT_MAX },
};

static int open_dir(const Daemon *d, int *ret) {
        _cleanup_free_ char *path = file_path("%s" OVERVIEW_DIR, d->root);
        int r;

        if (!path)
                return -ENOMEM;
        r = file_mkdir_parents(path, 0755);
        return r < 0 ? r : file_open_own_dir(path, ret);
}

/* There is one leashd, and others can see that there is one. */
static int take_lock(Daemon *d, int dir) {
        _cleanup_close_ int fd =
                openat(dir, OVERVIEW_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        int r;

        if (fd < 0)
                return -errno;
        r = file_lock(fd);
        if (r < 0)
                return r == -EAGAIN ? -EALREADY : r;
        d->lock = TAKE_FD(fd);
        return 0;
}

int keep_load(Daemon *d) {
        _cleanup_close_ int dir = -EBADF;
        int r;

        r = machine_boot(d->boot);
        if (r >= 0)
                r = open_dir(d, &dir);
        if (r >= 0)
                r = take_lock(d, dir);
        for (size_t i = 0; i < ELEMENTSOF(files) && r >= 0; i++) {
                _cleanup_free_ char *text = NULL;
                size_t size;

                r = file_read(dir, files[i].name, files[i].max, &text, &size);
                if (r >= 0)
                        r = files[i].read(d, text, size);
                if (r == -ENOMEM)
                        return r;
                /* Of another boot is as it should be. Whatever else is wrong with it, beginning
                 * without it is better than not beginning. */
                if (r < 0 && r != -ENOENT && r != -ESTALE)
                        daemon_log(LOG_WARNING,
                                   OVERVIEW_DIR "/%s cannot be used, beginning anew: %s",
                                   files[i].name, strerror(-r));
                r = 0;
        }
        return r;
}

static int save(Daemon *d, int dir, const File *file) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = file->write(d, &text, &size);
        if (r >= 0)
                r = file_write_atomic(dir, file->name, text, size, 0600, false);
        if (r >= 0)
                *file->changed(d) = false;
        return r;
}

void keep_save(Daemon *d) {
        _cleanup_close_ int dir = -EBADF;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(files) && r >= 0; i++) {
                if (!*files[i].changed(d))
                        continue;
                if (dir < 0)
                        r = open_dir(d, &dir);
                if (r >= 0)
                        r = save(d, dir, &files[i]);
        }
        if (r < 0 && daemon_may_say(&d->unkept))
                daemon_log(LOG_WARNING,
                           "cannot keep in " OVERVIEW_DIR " what is to outlive leashd: %s",
                           strerror(-r));
}
