/* SPDX-License-Identifier: MIT */
/* What users' slices use and wait for. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "backend/usage.h"
#include "core/array.h"
#include "core/placement.h"
#include "os/file.h"

#define SLICES "/user.slice"

static ssize_t read_at(int dir_fd, const char *name, char *buf, size_t size) {
        _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = read(fd, buf, size - 1);
        if (n < 0)
                return -errno;
        buf[n] = '\0';
        return n;
}

static usec_t read_pressure(int dir_fd, const char *name) {
        char buf[256];
        usec_t total;

        return read_at(dir_fd, name, buf, sizeof(buf)) < 0 || cgfile_parse_pressure(buf, &total) < 0
                       ? USAGE_UNKNOWN
                       : total;
}

/* v2: all files are in one directory. */
static int read_v2(int dir_fd, unsigned what, UserUsage *u) {
        char buf[1024];
        ssize_t n;

        n = read_at(dir_fd, "cpu.stat", buf, sizeof(buf));
        if (n < 0)
                return n;
        cgfile_parse_cpu_stat(buf, &u->cpu);
        if (what & USAGE_PRESSURE)
                u->waited_cpu = read_pressure(dir_fd, "cpu.pressure");
        if (what & USAGE_MEMORY_PRESSURE)
                u->waited_memory = read_pressure(dir_fd, "memory.pressure");
        if (what & USAGE_MEMORY && read_at(dir_fd, "memory.current", buf, sizeof(buf)) > 0)
                u->memory = strtoull(buf, NULL, 10);
        return 0;
}

static int read_v1(const CgroupFs *fs, uid_t uid, unsigned what, UserUsage *u) {
        char cgroup[PLACEMENT_CGROUP_MAX], path[CGROUPFS_PATH_MAX], file[CGROUPFS_PATH_MAX + 32],
                buf[64];
        int r;

        placement_user_cgroup(uid, NULL, cgroup);
        r = cgroupfs_read_cpu(fs, cgroup, &u->cpu);
        if (r < 0 || !(what & USAGE_MEMORY))
                return r;
        r = cgroupfs_path(fs, "memory", cgroup, path);
        if (r < 0)
                return 0;
        (void) snprintf(file, sizeof(file), "%s/memory.usage_in_bytes", path);
        if (file_read_buffer(file, buf, sizeof(buf)) > 0)
                u->memory = strtoull(buf, NULL, 10);
        return 0;
}

static int read_user(const CgroupFs *fs, int slices, uid_t uid, unsigned what, UserUsage *ret) {
        UserUsage u = {
                .uid = uid,
                .waited_cpu = USAGE_UNKNOWN,
                .waited_memory = USAGE_UNKNOWN,
                .memory = USAGE_UNKNOWN,
        };
        _cleanup_close_ int fd = -EBADF;
        char name[PLACEMENT_NAME_MAX];
        int r;

        placement_user_slice(uid, name);
        fd = openat(slices, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = fs->version == CGROUPFS_V1 ? read_v1(fs, uid, what, &u) : read_v2(fd, what, &u);
        if (r < 0)
                return r;
        *ret = u;
        return 0;
}

static int open_slices(const CgroupFs *fs, int flags) {
        char path[CGROUPFS_PATH_MAX];
        int r, fd;

        r = cgroupfs_path(fs, "systemd", SLICES, path);
        if (r < 0)
                return r;
        fd = open(path, flags | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int usage_read_user(const CgroupFs *fs, uid_t uid, unsigned what, UserUsage *ret) {
        _cleanup_close_ int fd = open_slices(fs, O_PATH);

        return fd < 0 ? fd : read_user(fs, fd, uid, what, ret);
}

static int compare(const void *a, const void *b) {
        const UserUsage *x = a, *y = b;

        return x->uid < y->uid ? -1 : x->uid > y->uid;
}

int usage_read(const CgroupFs *fs, unsigned what, UserUsage **ret, size_t *ret_n) {
        _cleanup_free_ UserUsage *all = NULL;
        _cleanup_closedir_ DIR *d = NULL;
        size_t n = 0, allocated = 0;
        int fd = open_slices(fs, O_RDONLY);

        if (fd < 0)
                return fd;
        d = fdopendir(fd);
        if (!d) {
                (void) close(fd);
                return -ENOMEM;
        }
        for (struct dirent *e; n < USAGE_USERS_MAX && (e = readdir(d));) {
                uid_t uid;
                int r;

                if (placement_uid_from_slice(e->d_name, &uid) < 0)
                        continue;
                r = ARRAY_GROW(all, &allocated, n, USAGE_USERS_MAX);
                if (r < 0)
                        return r;
                n += read_user(fs, dirfd(d), uid, what, &all[n]) >= 0; /* else it has just gone */
        }
        if (n > 0)
                qsort(all, n, sizeof(UserUsage), compare);
        *ret = TAKE_PTR(all);
        *ret_n = n;
        return 0;
}
