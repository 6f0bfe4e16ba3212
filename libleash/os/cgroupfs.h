/* SPDX-License-Identifier: MIT */
/* The kernel's cgroup files: where they are mounted, what they say. Read only: writing belongs to
 * whoever manages the tree, systemd or backend/cgroup. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "core/cgfile.h"

typedef enum CgroupFsVersion {
        CGROUPFS_NONE,
        CGROUPFS_V1, /* controllers in hierarchies of their own, also "hybrid" */
        CGROUPFS_V2,
} CgroupFsVersion;

#define CGROUPFS_PATH_MAX 4096

typedef struct CgroupFs {
        const char *root; /* what stands before "/sys/fs/cgroup": "" but in tests. Borrowed */
        CgroupFsVersion version;
} CgroupFs;

/* Looks at what is mounted. */
CgroupFs cgroupfs_detect(const char *root);

/* The directory of a group. In v1 `controller` picks the hierarchy, "systemd" being systemd's own.
 * Returns 0; -ENAMETOOLONG; -ENODEV if nothing is mounted. */
int cgroupfs_path(const CgroupFs *fs, const char *controller, const char *cgroup,
                  char ret[static CGROUPFS_PATH_MAX]);

/* The cgroup by which PID 1 knows a process: in systemd's own hierarchy on v1, where a unified one
 * may say "/" of everybody, and in the unified one on v2, where others may have mounted one of that
 * name. Returns as proc_read_cgroup(). */
int cgroupfs_read_unit(const CgroupFs *fs, pid_t pid, char **ret);

/* True if the process has been frozen with its group or one above (cgroup.freeze), which looks like
 * sleep in /proc. Who a group is delegated to, as each user their manager's, may freeze whatever
 * runs in it, root's programs, too. Always false in v1, where no freezer is delegated. */
bool cgroupfs_is_frozen(const CgroupFs *fs, pid_t pid);

/* Reads the file that carries a limit, in the form that cgfile_agrees() takes.
 * Returns 0; -ENOENT if the group or the controller is not there; -EOPNOTSUPP if this kernel's
 * cgroup version cannot express the limit. */
int cgroupfs_read_limit(const CgroupFs *fs, const char *cgroup, Limit limit, char *buf,
                        size_t size);

/* CPU time and throttling of a group and all below it. Returns 0 or -errno. */
int cgroupfs_read_cpu(const CgroupFs *fs, const char *cgroup, CpuStat *ret);

/* The same, for who asks more than once of many: the file is opened and closed once. Returns an
 * open file; -EOPNOTSUPP for v1, where it takes two; -errno. */
int cgroupfs_open_cpu(const CgroupFs *fs, const char *cgroup);
/* Returns 0; -ENODEV if the group has been removed; -errno. */
int cgroupfs_read_cpu_of(int fd, CpuStat *ret);

/* The processes of a group and all groups below it, at most 64 deep, as a new array. Groups named
 * `skip` (may be NULL) are left out. Returns 0; -E2BIG for more than 8192 groups; -errno. */
int cgroupfs_list_procs(const CgroupFs *fs, const char *controller, const char *cgroup,
                        const char *skip, pid_t **ret, size_t *ret_n);

/* Calls found() for each child group's name. Returns 0, the first negative answer, or -errno. */
int cgroupfs_each_child(const CgroupFs *fs, const char *controller, const char *cgroup,
                        int (*found)(const char *name, void *userdata), void *userdata);

/* True if the controller is offered to the group ("cgroup.controllers"), or mounted in v1. */
bool cgroupfs_has_controller(const CgroupFs *fs, const char *cgroup, const char *controller);
