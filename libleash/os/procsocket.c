/* SPDX-License-Identifier: MIT */
/* Which processes of the system's run a program, and which sockets a process holds. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/array.h"
#include "core/parse.h"
#include "os/file.h"
#include "os/proc.h"
#include "os/procsocket.h"

/* The name's index, if the process is the system's; -1. */
static int program_of(int proc_fd, const char *entry, pid_t pid, const char *const names[],
                      size_t n_names, uid_t uid_min) {
        char program[64];
        ProcStatus status;
        struct stat st;

        /* The effective uid, unless the process hides (proc(5)): cheap, and rids us of the many. */
        if (fstatat(proc_fd, entry, &st, 0) < 0 || st.st_uid >= uid_min)
                return -1;
        if (proc_read_program(pid, program, sizeof(program)) < 0)
                return -1;
        for (size_t i = 0; i < n_names; i++)
                if (strcmp(program, names[i]) == 0)
                        return proc_read_status(pid, &status) >= 0 && status.ruid < uid_min &&
                                               status.euid < uid_min
                                       ? (int) i
                                       : -1;
        return -1;
}

int procsocket_find_programs(const char *const names[], size_t n_names, uid_t uid_min,
                             ProgramProcess **ret, size_t *ret_n) {
        _cleanup_free_ ProgramProcess *all = NULL;
        _cleanup_closedir_ DIR *d = opendir("/proc");
        size_t n = 0, allocated = 0;

        if (!d)
                return -errno;
        for (struct dirent *e; n < PROCSOCKET_MAX && (e = readdir(d));) {
                pid_t pid;
                int program, r;

                if (parse_pid(e->d_name, &pid) < 0)
                        continue;
                program = program_of(dirfd(d), e->d_name, pid, names, n_names, uid_min);
                if (program < 0)
                        continue;
                r = ARRAY_GROW(all, &allocated, n, PROCSOCKET_MAX);
                if (r < 0)
                        return r;
                all[n++] = (ProgramProcess){ .pid = pid, .program = (unsigned) program };
        }
        *ret = TAKE_PTR(all);
        *ret_n = n;
        return 0;
}

static int compare(const void *a, const void *b) {
        const uint32_t *x = a, *y = b;

        return *x < *y ? -1 : *x > *y;
}

void procsocket_sort(uint32_t *inodes, size_t n) {
        if (n > 0)
                qsort(inodes, n, sizeof(uint32_t), compare);
}

int procsocket_read(pid_t pid, uint32_t **ret, size_t *ret_n) {
        _cleanup_free_ uint32_t *all = NULL;
        _cleanup_closedir_ DIR *d = NULL;
        size_t n = 0, allocated = 0, looked = 0;
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%d/fd", (int) pid);
        d = opendir(path);
        if (!d)
                return errno == ENOENT ? -ESRCH : -errno;
        for (struct dirent *e; looked++ < PROCSOCKET_MAX && (e = readdir(d));) {
                char target[64];
                uint32_t inode;
                ssize_t k = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);
                int r;

                if (k < 0)
                        continue;
                target[k] = '\0';
                if (sscanf(target, "socket:[%" SCNu32 "]", &inode) != 1)
                        continue;
                r = ARRAY_GROW(all, &allocated, n, PROCSOCKET_MAX);
                if (r < 0)
                        return r;
                all[n++] = inode;
        }
        procsocket_sort(all, n);
        *ret = TAKE_PTR(all);
        *ret_n = n;
        return 0;
}

bool procsocket_has(const uint32_t *inodes, size_t n, uint32_t inode) {
        return n > 0 && bsearch(&inode, inodes, n, sizeof(uint32_t), compare);
}
