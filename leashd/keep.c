/* SPDX-License-Identifier: MIT */
/* What outlives the daemon: since when things are so, and who was penalised, in /run/leashd. Since
 * nothing of it is of any use after a reboot, it is not kept any longer. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <syslog.h>

#include "daemon.h"
#include "os/file.h"

#define FOLDER "/run/leashd"
#define LOCK_NAME "lock" /* OVERVIEW_LOCK */
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

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

static int open_folder(const Daemon *d, int *ret) {
        _cleanup_free_ char *path = file_path("%s" FOLDER, d->root);
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_mkdir_parents(path, 0755);
        if (r < 0)
                return r;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid != geteuid() || st.st_mode & 0022)
                return -EPERM;
        *ret = TAKE_FD(fd);
        return 0;
}

/* Not waited for: a second leashd is the admin's mistake, and not for this to tell. */
static int take_lock(Daemon *d, int folder) {
        d->lock = openat(folder, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (d->lock < 0)
                return -errno;
        (void) flock(d->lock, LOCK_EX | LOCK_NB);
        return 0;
}

static int read_boot(Daemon *d) {
        ssize_t n = file_read_buffer(BOOT_ID, d->boot, sizeof(d->boot));

        if (n < 0)
                return n;
        d->boot[strcspn(d->boot, "\n")] = '\0';
        return 0;
}

int keep_load(Daemon *d) {
        _cleanup_close_ int folder = -EBADF;
        int r;

        r = read_boot(d);
        if (r >= 0)
                r = open_folder(d, &folder);
        if (r >= 0)
                r = take_lock(d, folder);
        for (size_t i = 0; i < ELEMENTSOF(files) && r >= 0; i++) {
                _cleanup_free_ char *text = NULL;
                size_t size;

                r = file_read(folder, files[i].name, files[i].max, &text, &size);
                if (r >= 0)
                        r = files[i].read(d, text, size);
                if (r == -ENOMEM)
                        return r;
                /* Of another boot is as it should be. Whatever else is wrong with it, beginning
                 * without it is better than not beginning. */
                if (r < 0 && r != -ENOENT && r != -ESTALE)
                        daemon_log(LOG_WARNING, FOLDER "/%s cannot be used, beginning anew: %s",
                                   files[i].name, strerror(-r));
                r = 0;
        }
        return r;
}

static int save(Daemon *d, int folder, const File *file) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = file->write(d, &text, &size);
        if (r >= 0)
                r = file_write_atomic(folder, file->name, text, size, 0600, false);
        if (r >= 0)
                *file->changed(d) = false;
        return r;
}

void keep_save(Daemon *d) {
        _cleanup_close_ int folder = -EBADF;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(files) && r >= 0; i++) {
                if (!*files[i].changed(d))
                        continue;
                if (folder < 0)
                        r = open_folder(d, &folder);
                if (r >= 0)
                        r = save(d, folder, &files[i]);
        }
        if (r < 0)
                daemon_log(LOG_WARNING, "cannot keep in " FOLDER " what is to outlive leashd: %s",
                           strerror(-r));
}
