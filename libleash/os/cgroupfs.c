/* SPDX-License-Identifier: MIT */
/* The kernel's cgroup files: where they are mounted, what they say. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/parse.h"
#include "os/cgroupfs.h"
#include "os/file.h"
#include "os/proc.h"

/* A user makes groups below their own manager, for next to nothing. */
#define DEPTH_MAX 64
#define GROUPS_MAX 8192

CgroupFs cgroupfs_detect(const char *root) {
        CgroupFs fs = { .root = root };
        char path[CGROUPFS_PATH_MAX];

        /* The root of a v2 tree has this file, a tmpfs with v1 hierarchies in it has not. */
        (void) snprintf(path, sizeof(path), "%s/sys/fs/cgroup/cgroup.controllers", root);
        if (access(path, F_OK) == 0) {
                fs.version = CGROUPFS_V2;
                return fs;
        }
        (void) snprintf(path, sizeof(path), "%s/sys/fs/cgroup/cpu/cgroup.procs", root);
        if (access(path, F_OK) == 0)
                fs.version = CGROUPFS_V1;
        return fs;
}

int cgroupfs_path(const CgroupFs *fs, const char *controller, const char *cgroup,
                  char ret[static CGROUPFS_PATH_MAX]) {
        int n;

        if (fs->version == CGROUPFS_NONE)
                return -ENODEV;
        if (fs->version == CGROUPFS_V1 && strcmp(controller, "io") == 0)
                controller = "blkio";
        n = fs->version == CGROUPFS_V2
                    ? snprintf(ret, CGROUPFS_PATH_MAX, "%s/sys/fs/cgroup%s", fs->root, cgroup)
                    : snprintf(ret, CGROUPFS_PATH_MAX, "%s/sys/fs/cgroup/%s%s", fs->root,
                               controller, cgroup);
        return n >= CGROUPFS_PATH_MAX ? -ENAMETOOLONG : 0;
}

#define FILE_PATH_MAX (CGROUPFS_PATH_MAX + 64)

static int path_of_file(const CgroupFs *fs, const char *controller, const char *cgroup,
                        const char *file, char ret[static FILE_PATH_MAX]) {
        char dir[CGROUPFS_PATH_MAX];
        int r;

        r = cgroupfs_path(fs, controller, cgroup, dir);
        if (r >= 0)
                (void) snprintf(ret, FILE_PATH_MAX, "%s/%s", dir, file);
        return r;
}

static ssize_t read_file(const CgroupFs *fs, const char *controller, const char *cgroup,
                         const char *file, char *buf, size_t size) {
        char path[FILE_PATH_MAX];
        int r;

        r = path_of_file(fs, controller, cgroup, file, path);
        if (r < 0)
                return r;
        r = file_read_buffer(path, buf, size);
        return r == -ENODEV ? -ENOENT : r; /* removed since it was opened */
}

int cgroupfs_read_unit(const CgroupFs *fs, pid_t pid, char **ret) {
        return proc_read_cgroup(pid, fs->version == CGROUPFS_V1 ? "name=systemd" : NULL, ret);
}

bool cgroupfs_is_frozen(const CgroupFs *fs, pid_t pid) {
        _cleanup_free_ char *cgroup = NULL;
        char text[8];

        if (fs->version != CGROUPFS_V2 || cgroupfs_read_unit(fs, pid, &cgroup) < 0)
                return false;
        /* Not "frozen" of cgroup.events: a process that cannot be, as in a file system of the
         * user's, keeps that from being said of the others. */
        for (char *slash; (slash = strrchr(cgroup, '/')) && slash[1]; *slash = '\0')
                if (read_file(fs, NULL, cgroup, "cgroup.freeze", text, sizeof(text)) > 0 &&
                    text[0] == '1')
                        return true;
        return false;
}

int cgroupfs_read_limit(const CgroupFs *fs, const char *cgroup, Limit limit, char *buf,
                        size_t size) {
        const LimitInfo *info = &limits_table[limit];
        bool v1 = fs->version == CGROUPFS_V1;
        const char *file = v1 ? info->file_v1 : info->file_v2;
        ssize_t n;

        if (!file)
                return -EOPNOTSUPP;
        n = read_file(fs, info->controller ?: "", cgroup, file, buf, size);
        if (n < 0)
                return n;
        if (v1 && info->kind == LIMIT_KIND_QUOTA) {
                size_t at = strcspn(buf, "\n");

                if (at + 2 >= size)
                        return -ENOBUFS;
                buf[at++] = ' ';
                n = read_file(fs, "cpu", cgroup, "cpu.cfs_period_us", buf + at, size - at);
                if (n < 0)
                        return n;
        }
        buf[strcspn(buf, "\n")] = '\0';
        return 0;
}

int cgroupfs_read_cpu(const CgroupFs *fs, const char *cgroup, CpuStat *ret) {
        CpuStat stat = {};
        char buf[1024];
        ssize_t n;

        n = read_file(fs, "cpu", cgroup, "cpu.stat", buf, sizeof(buf));
        if (n < 0)
                return n;
        cgfile_parse_cpu_stat(buf, &stat);
        if (fs->version == CGROUPFS_V1) {
                n = read_file(fs, "cpuacct", cgroup, "cpuacct.usage", buf, sizeof(buf));
                if (n < 0)
                        return n;
                stat.usage = strtoull(buf, NULL, 10) / NSEC_PER_USEC;
        }
        *ret = stat;
        return 0;
}

int cgroupfs_open_cpu(const CgroupFs *fs, const char *cgroup) {
        char path[FILE_PATH_MAX];
        int r, fd;

        if (fs->version != CGROUPFS_V2)
                return -EOPNOTSUPP;
        r = path_of_file(fs, "cpu", cgroup, "cpu.stat", path);
        if (r < 0)
                return r;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        return fd < 0 ? -errno : fd;
}

int cgroupfs_read_cpu_of(int fd, CpuStat *ret) {
        char buf[1024];
        /* The kernel makes the text anew for each read from the beginning, all of it at once. */
        ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);

        if (n < 0)
                return -errno;
        buf[n] = '\0';
        *ret = (CpuStat){};
        cgfile_parse_cpu_stat(buf, ret);
        return 0;
}

typedef struct PidList {
        pid_t *pids;
        size_t n, room, n_groups;
        const char *skip;
} PidList;

static int add_pids(PidList *l, char *text) {
        for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
                pid_t pid;

                if (parse_pid(line, &pid) < 0)
                        continue;
                if (l->n == l->room) {
                        pid_t *more = reallocarray(l->pids, l->room * 2 + 64, sizeof(pid_t));

                        if (!more)
                                return -ENOMEM;
                        l->pids = more;
                        l->room = l->room * 2 + 64;
                }
                l->pids[l->n++] = pid;
        }
        return 0;
}

/* dir_fd is consumed. */
static int walk(int dir_fd, unsigned depth, PidList *l) {
        _cleanup_free_ char *text = NULL;
        _cleanup_closedir_ DIR *d = fdopendir(dir_fd);
        struct dirent *de;
        int r;

        if (!d) {
                (void) close(dir_fd);
                return -ENOMEM;
        }
        if (++l->n_groups > GROUPS_MAX)
                return -E2BIG;
        r = file_read(dir_fd, "cgroup.procs", 16 * 1024 * 1024, &text, NULL);
        if (r >= 0)
                r = add_pids(l, text);
        else if (r == -EOPNOTSUPP || r == -ENOENT || r == -ENODEV)
                r = 0; /* a threaded group, or one that has just gone */
        if (r < 0 || depth == 0)
                return r;
        while ((de = readdir(d))) {
                int fd;

                if (de->d_type != DT_DIR || de->d_name[0] == '.')
                        continue;
                if (l->skip && strcmp(de->d_name, l->skip) == 0)
                        continue;
                fd = openat(dir_fd, de->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd < 0)
                        continue;
                r = walk(fd, depth - 1, l);
                if (r < 0)
                        return r;
        }
        return 0;
}

int cgroupfs_list_procs(const CgroupFs *fs, const char *controller, const char *cgroup,
                        const char *skip, pid_t **ret, size_t *ret_n) {
        _cleanup_free_ pid_t *pids = NULL;
        char path[CGROUPFS_PATH_MAX];
        PidList l = { .skip = skip };
        int fd, r;

        r = cgroupfs_path(fs, controller, cgroup, path);
        if (r < 0)
                return r;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = walk(fd, DEPTH_MAX, &l);
        pids = l.pids;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(pids);
        *ret_n = l.n;
        return 0;
}

int cgroupfs_each_child(const CgroupFs *fs, const char *controller, const char *cgroup,
                        int (*found)(const char *name, void *userdata), void *userdata) {
        _cleanup_closedir_ DIR *d = NULL;
        char path[CGROUPFS_PATH_MAX];
        struct dirent *de;
        int r;

        r = cgroupfs_path(fs, controller, cgroup, path);
        if (r < 0)
                return r;
        d = opendir(path);
        if (!d)
                return -errno;
        while ((de = readdir(d))) {
                if (de->d_type != DT_DIR || de->d_name[0] == '.')
                        continue;
                r = found(de->d_name, userdata);
                if (r < 0)
                        return r;
        }
        return 0;
}

bool cgroupfs_has_controller(const CgroupFs *fs, const char *cgroup, const char *controller) {
        char buf[1024], path[CGROUPFS_PATH_MAX];
        size_t n = strlen(controller);

        if (fs->version == CGROUPFS_V1)
                return cgroupfs_path(fs, controller, cgroup, path) >= 0 && access(path, F_OK) == 0;
        if (read_file(fs, "", cgroup, "cgroup.controllers", buf, sizeof(buf)) < 0)
                return false;
        for (const char *p = buf; *p; p += strspn(p, " \n")) {
                size_t m = strcspn(p, " \n");

                if (m == n && strncmp(p, controller, n) == 0)
                        return true;
                p += m;
        }
        return false;
}
