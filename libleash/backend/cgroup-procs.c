/* SPDX-License-Identifier: MIT */
/* Processes and the groups that they are in. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "backend/cgroup-procs.h"
#include "core/parse.h"
#include "core/placement.h"
#include "os/file.h"

#define LIST_MAX (16 * 1024 * 1024)

#define PROC_PF_EXITING 0x00000004U /* include/linux/sched.h */

void pid_set_done(PidSet *s) {
        free(s->pids);
}

static int compare_pids(const void *a, const void *b) {
        pid_t x = *(const pid_t *) a, y = *(const pid_t *) b;

        return (x > y) - (x < y);
}

bool pid_set_has(const PidSet *s, pid_t pid) {
        return s->n > 0 && bsearch(&pid, s->pids, s->n, sizeof(pid_t), compare_pids);
}

int procs_list_members(const Site *s, size_t tree, const char *group, const char *skip,
                       PidSet *ret) {
        int r;

        *ret = (PidSet){};
        r = cgroupfs_list_procs(s->fs, s->controllers[tree], group, skip, &ret->pids, &ret->n);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (ret->n > 0)
                qsort(ret->pids, ret->n, sizeof(pid_t), compare_pids);
        return 0;
}

pid_t procs_find_alive(const ProcStat *stat) {
        _cleanup_closedir_ DIR *d = NULL;
        char path[64];
        struct dirent *de;

        if (!(stat->flags & PROC_PF_EXITING))
                return stat->pid;
        (void) snprintf(path, sizeof(path), "/proc/%d/task", (int) stat->pid);
        d = opendir(path);
        while (d && (de = readdir(d))) {
                ProcStat thread;
                pid_t tid;

                if (parse_pid(de->d_name, &tid) >= 0 && proc_read_stat(tid, &thread) >= 0 &&
                    !(thread.flags & PROC_PF_EXITING))
                        return tid;
        }
        return 0;
}

int procs_read_threads(const Site *s, size_t tree, const char *leaf, char **ret) {
        char dir[CGROUPFS_PATH_MAX], path[CGROUPFS_PATH_MAX + 16];
        int r;

        r = cgroupfs_path(s->fs, s->controllers[tree], leaf, dir);
        if (r < 0)
                return r;
        (void) snprintf(path, sizeof(path), "%s/%s", dir,
                        site_is_v1(s) ? "tasks" : "cgroup.threads");
        r = file_read(AT_FDCWD, path, LIST_MAX, ret, NULL);
        return r == -ENODEV ? -ENOENT : r; /* removed while it was read */
}

int procs_read_group(const CgroupFs *fs, const char *controller, pid_t pid, char **ret) {
        if (fs->version == CGROUPFS_V2)
                controller = NULL;
        else if (strcmp(controller, "io") == 0)
                controller = "blkio";
        return proc_read_cgroup(pid, controller, ret);
}

int procs_move(const Site *s, size_t tree, const char *group, pid_t pid) {
        char dir[CGROUPFS_PATH_MAX], path[CGROUPFS_PATH_MAX + 16], text[16];
        int r;

        r = cgroupfs_path(s->fs, s->controllers[tree], group, dir);
        if (r < 0)
                return r;
        /* cgroup_attach_task_pid() writes into v1's "tasks", which moves one thread. */
        (void) snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
        (void) snprintf(text, sizeof(text), "%d", (int) pid);
        return file_write_existing(path, text);
}

void procs_leave(const CgroupFs *fs) {
        for (size_t i = 0; i < ELEMENTSOF(site_controllers); i++) {
                const Site site = { .fs = fs, .controllers = { site_controllers[i] } };
                _cleanup_free_ char *cgroup = NULL;

                if (procs_read_group(fs, site_controllers[i], getpid(), &cgroup) < 0 ||
                    !placement_is_inside(cgroup, SITE_TOP))
                        continue;
                (void) procs_move(&site, 0, "/", getpid()); /* at worst it is slow */
        }
}
