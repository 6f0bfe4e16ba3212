/* SPDX-License-Identifier: MIT */
/* Files, with the cases that bite in root's programs decided once: size, links, half-written. */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "core/macro.h"

static inline _unused_ void fd_closep(int *fd) {
        if (*fd >= 0)
                (void) close(*fd); /* nothing was written through it that a failure could lose */
}

static inline _unused_ void dir_closep(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

#define _cleanup_close_ _cleanup_(fd_closep)
#define _cleanup_closedir_ _cleanup_(dir_closep)

/* Reads a whole file into a new string, which is terminated by a zero byte not counted in
 * *ret_size (may be NULL). The last path component must not be a symbolic link. What comes in
 * pieces, as from a pipe, ends with a short one; so does a list of the kernel's whose records are
 * longer than 2 KiB.
 * Returns 0; -EFBIG for more than `max` bytes; -errno. */
int file_read(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_size);

/* The same, of a file that is open. Returns as file_read(). */
int file_read_fd(int fd, size_t max, char **ret, size_t *ret_size);

/* The same into a caller's buffer: for files of the kernel. A longer content is cut.
 * Returns the number of bytes, or -errno. */
ssize_t file_read_buffer(const char *path, char *buf, size_t size);

/* Replaces a file at once, it and its name on the disk before it returns where `durable` is set:
 * written beside it as ".NAME.tmp", then renamed, so that no reader and no crash sees a half. The
 * caller sees to it that nobody else writes the same file. Returns 0 or -errno; only a kill leaves
 * the temporary file, for the next write or file_unlink(). */
int file_write_atomic(int dir_fd, const char *name, const char *data, size_t size, mode_t mode,
                      bool durable);

/* The same where others may be writing the same file: the last one counts. What a kill leaves is
 * called ".NAME.TID.tmp", by the thread, and is the caller's to look for. */
int file_write_shared(int dir_fd, const char *name, const char *data, size_t size, mode_t mode);

/* Takes a lock on an open file, which goes with the last descriptor of this opening, however its
 * process ends. Returns 0; -EAGAIN if somebody has it; -errno. */
int file_lock(int fd);

/* 1 if somebody has the lock, 0 if nobody, -errno. Takes nothing, and disturbs nobody. */
int file_is_locked(int fd);

/* Writes in one go into a file that exists, as the kernel's own files want it. Returns 0 or -errno.
 */
int file_write_existing(const char *path, const char *data);

/* Makes a directory with its parents, all of `mode`. What exists is left as it is. Returns 0 or
 * -errno. */
int file_mkdir_parents(const char *path, mode_t mode);

/* Has the directory above on the disk, and with it the name of what was just made there. The path
 * is absolute. Returns 0 or -errno. */
int file_sync_parent(const char *path);

/* Lists an open directory by a descriptor of its own. Returns 0 or -errno. */
int file_list(int dir_fd, DIR **ret);

/* Opens a directory that is the caller's own and that nobody else may write to. Returns 0; -EPERM
 * if it is not so; -errno. */
int file_open_own_dir(const char *path, int *ret);

/* The same for reading a regular file; *ret_stat (may be NULL) is what it is. Returns as
 * file_open_own_dir(); -EPERM also for what is no regular file. */
int file_open_own(const char *path, int *ret, struct stat *ret_stat);

/* The process that has taken an flock(2) on the file of that stat, by /proc/locks, of which a
 * hundred thousand lines are looked at. Returns 0; -ENOENT if there is none to be seen; -errno. */
int file_find_lock(const struct stat *st, pid_t *ret);

/* Removes a file, and what a killed file_write_atomic() left; one that is gone already counts as
 * success. Returns 0 or -errno. */
int file_unlink(int dir_fd, const char *name);

/* printf into a new string; NULL when out of memory. */
char *file_path(const char *format, ...) _printf_(1, 2);
