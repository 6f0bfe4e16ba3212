/* SPDX-License-Identifier: MIT */
/* Files, with the cases that bite in root's programs decided once: size, links, half-written. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "os/file.h"

#define LOCK_LINES_MAX 100000

/* Half of what seq_file(9) holds at a time. */
#define SEQ_HALF 2048

/* Of a regular file, or one of the kernel's. fs/seq_file.c, seq_read_iter(), gives less than it was
 * asked for at the end only, or where the next record does not fit its page any more: what is
 * shorter than half of that was all, unless a record has the other half, as a line of mountinfo may
 * and none of those read here. That spares the read that finds the end, one call in four. */
static ssize_t read_full(int fd, char *buf, size_t size) {
        size_t at = 0;

        while (at < size) {
                ssize_t n = read(fd, buf + at, size - at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                at += n;
                if (n == 0 || at < SEQ_HALF)
                        break;
        }
        return at;
}

int file_read_fd(int fd, size_t max, char **ret, size_t *ret_size) {
        _cleanup_free_ char *buf = NULL;
        size_t size = 4096, at = 0;

        /* st_size is 0 for the kernel's files, so the buffer grows until the end is read. */
        for (;;) {
                char *more = realloc(buf, size + 1);
                ssize_t n;

                if (!more)
                        return -ENOMEM;
                buf = more;
                n = read_full(fd, buf + at, size - at);
                if (n < 0)
                        return n;
                at += n;
                if (at < size)
                        break;
                if (at > max)
                        return -EFBIG;
                size *= 2;
        }
        if (at > max)
                return -EFBIG;
        buf[at] = '\0';
        if (ret_size)
                *ret_size = at;
        *ret = TAKE_PTR(buf);
        return 0;
}

int file_read(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = -EBADF;

        fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
        return fd < 0 ? -errno : file_read_fd(fd, max, ret, ret_size);
}

ssize_t file_read_buffer(const char *path, char *buf, size_t size) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = read_full(fd, buf, size - 1);
        if (n >= 0)
                buf[n] = '\0';
        return n;
}

static int write_full(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                data += n;
                size -= n;
        }
        return 0;
}

/* Past the limit of a process's files the kernel does not only refuse, it sends SIGXFSZ
 * (setrlimit(2)), which ends a login program whose user has such a limit by pam_limits(8). */
static bool is_too_large(size_t size) {
        struct rlimit limit;

        return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
               size > limit.rlim_cur;
}

static int write_by(int dir_fd, const char *temporary, const char *name, const char *data,
                    size_t size, mode_t mode, bool durable) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (is_too_large(size))
                return -EFBIG;
        fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
        if (fd < 0)
                return -errno;
        r = write_full(fd, data, size);
        if (r >= 0 && fchmod(fd, mode) < 0) /* whatever the umask */
                r = -errno;
        if (r >= 0 && durable && fsync(fd) < 0)
                r = -errno;
        if (r >= 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlinkat(dir_fd, temporary, 0); /* the first error is the one to tell */
                return r;
        }
        return durable && fsync(dir_fd) < 0 ? -errno : 0;
}

int file_write_atomic(int dir_fd, const char *name, const char *data, size_t size, mode_t mode,
                      bool durable) {
        _cleanup_free_ char *temporary = file_path(".%s.tmp", name);

        if (!temporary)
                return -ENOMEM;
        return write_by(dir_fd, temporary, name, data, size, mode, durable);
}

int file_write_shared(int dir_fd, const char *name, const char *data, size_t size, mode_t mode) {
        _cleanup_free_ char *temporary = file_path(".%s.%d.tmp", name, (int) gettid());

        if (!temporary)
                return -ENOMEM;
        return write_by(dir_fd, temporary, name, data, size, mode, false);
}

/* Locks of the opening, not of the process: closing another descriptor of the file in the same
 * process keeps them (fcntl(2), F_OFD_SETLK). */
int file_lock(int fd) {
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

        return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

int file_is_locked(int fd) {
        struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

        return fcntl(fd, F_OFD_GETLK, &lock) < 0 ? -errno : lock.l_type != F_UNLCK;
}

int file_write_existing(const char *path, const char *data) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

        if (fd < 0)
                return -errno;
        return write_full(fd, data, strlen(data));
}

/* Of `mode` whatever the umask; what exists is not touched. */
static int make_dir(const char *path, mode_t mode) {
        if (mkdir(path, mode) < 0)
                return errno == EEXIST ? 0 : -errno;
        return chmod(path, mode) < 0 ? -errno : 0;
}

int file_mkdir_parents(const char *path, mode_t mode) {
        _cleanup_free_ char *copy = NULL;
        int r = make_dir(path, mode);

        if (r != -ENOENT) /* mostly only the last one is not there */
                return r;
        copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                r = make_dir(copy, mode);
                if (r < 0)
                        return r;
                *slash = '/';
        }
        return make_dir(copy, mode);
}

int file_sync_parent(const char *path) {
        _cleanup_free_ char *parent = strdup(path);
        _cleanup_close_ int fd = -EBADF;

        if (!parent)
                return -ENOMEM;
        *strrchr(parent, '/') = '\0';
        fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int file_list(int dir_fd, DIR **ret) {
        _cleanup_close_ int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d;

        if (fd < 0)
                return -errno;
        d = fdopendir(fd);
        if (!d)
                return -errno;
        fd = -EBADF;
        *ret = d;
        return 0;
}

static int open_own(const char *path, int flags, int *ret, struct stat *ret_stat) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid != geteuid() || st.st_mode & 0022)
                return -EPERM;
        *ret = TAKE_FD(fd);
        *ret_stat = st;
        return 0;
}

int file_open_own_dir(const char *path, int *ret) {
        struct stat st;

        return open_own(path, O_DIRECTORY, ret, &st);
}

int file_open_own(const char *path, int *ret, struct stat *ret_stat) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        r = open_own(path, O_NOCTTY | O_NONBLOCK, &fd, &st);
        if (r < 0)
                return r;
        if (!S_ISREG(st.st_mode))
                return -EPERM;
        if (ret_stat)
                *ret_stat = st;
        *ret = TAKE_FD(fd);
        return 0;
}

int file_find_lock(const struct stat *st, pid_t *ret) {
        FILE *f = fopen("/proc/locks", "re");
        unsigned lines = 0, major, minor;
        int pid, r = -ENOENT;
        uint64_t inode;
        char line[256];

        if (!f)
                return -errno;
        while (r < 0 && lines++ < LOCK_LINES_MAX && fgets(line, sizeof(line), f))
                /* fs/locks.c, lock_get_status(); one who waits has "->" before its kind */
                if (sscanf(line, "%*u: FLOCK %*s %*s %d %x:%x:%" SCNu64, &pid, &major, &minor,
                           &inode) == 4 &&
                    inode == st->st_ino && makedev(major, minor) == st->st_dev && pid > 0) {
                        *ret = pid;
                        r = 0;
                }
        (void) fclose(f);
        return r;
}

int file_unlink(int dir_fd, const char *name) {
        _cleanup_free_ char *temporary = file_path(".%s.tmp", name);

        if (!temporary)
                return -ENOMEM;
        (void) unlinkat(dir_fd, temporary, 0); /* usually there is none */
        if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT && errno != ENOTDIR)
                return -errno;
        return 0;
}

char *file_path(const char *format, ...) {
        char *path = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&path, format, ap);
        va_end(ap);
        return n < 0 ? NULL : path;
}
