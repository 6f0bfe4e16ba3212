/* SPDX-License-Identifier: MIT */
/* Which of the ports that look like VNC's are. */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/vncserver.h"
#include "core/parse.h"
#include "os/file.h"
#include "os/proc.h"
#include "os/procsocket.h"

bool vncserver_is_program(const char *program) {
        return program[0] == 'X' && strstr(program, "vnc") != NULL;
}

/* Whoever serves one of these displays must be its socket's owner. */
static bool is_wanted(const SessionDisplay *displays, size_t n, uid_t uid) {
        for (size_t i = 0; i < n; i++)
                if (displays[i].via == SESSION_VIA_VNC && displays[i].uid == uid)
                        return true;
        return false;
}

static usec_t started(pid_t pid) {
        ProcStat st;

        return proc_read_stat(pid, &st) < 0 ? 0 : proc_ticks(st.start_ticks);
}

static int ask(pid_t pid, uid_t uid, const SessionDisplay *displays, size_t n, VncServer *all,
               size_t *n_all) {
        _cleanup_free_ uint32_t *inodes = NULL;
        char program[64];
        size_t n_inodes;
        int r;

        if (proc_read_program(pid, program, sizeof(program)) < 0 || !vncserver_is_program(program))
                return 0;
        r = procsocket_read(pid, &inodes, &n_inodes);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        for (size_t i = 0; i < n && *n_all < n; i++)
                if (displays[i].via == SESSION_VIA_VNC && displays[i].uid == uid &&
                    procsocket_has(inodes, n_inodes, displays[i].inode))
                        all[(*n_all)++] = (VncServer){ &displays[i], pid, started(pid) };
        return 0;
}

int vncservers_read(const SessionDisplay *displays, size_t n, VncServer **ret, size_t *ret_n) {
        _cleanup_free_ VncServer *all = calloc(n + 1, sizeof(VncServer));
        _cleanup_closedir_ DIR *d = NULL;
        bool any = false;
        size_t n_all = 0;
        int r = 0;

        if (!all)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                any |= displays[i].via == SESSION_VIA_VNC;
        d = any ? opendir("/proc") : NULL;
        for (struct dirent *e; d && r >= 0 && (e = readdir(d));) {
                struct stat st;
                pid_t pid;

                if (parse_pid(e->d_name, &pid) < 0 || fstatat(dirfd(d), e->d_name, &st, 0) < 0 ||
                    !is_wanted(displays, n, st.st_uid))
                        continue;
                r = ask(pid, st.st_uid, displays, n, all, &n_all);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(all);
        *ret_n = n_all;
        return 0;
}
