/* SPDX-License-Identifier: MIT */
/* Telling the user: a line on each terminal they are logged in at. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/login.h"
#include "backend/notify.h"
#include "os/file.h"

/* logind took the name from PAM, where the login program set it: not trusted. */
static int open_terminal(const char *tty, uid_t uid) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (strncmp(tty, "pts/", 4) != 0 && strncmp(tty, "tty", 3) != 0)
                return -EINVAL;
        if (strstr(tty, ".."))
                return -EINVAL;
        path = file_path("/dev/%s", tty);
        if (!path)
                return -ENOMEM;
        fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISCHR(st.st_mode) || st.st_uid != uid)
                return -EPERM;
        return TAKE_FD(fd);
}

unsigned notify_terminals(uid_t uid, const char *text) {
        LoginSession *sessions;
        unsigned told = 0;
        size_t n;

        if (login_sessions(uid, &sessions, &n) < 0)
                return 0;
        for (size_t i = 0; i < n; i++) {
                _cleanup_close_ int fd =
                        sessions[i].tty ? open_terminal(sessions[i].tty, uid) : -EBADF;

                /* A terminal whose output is stopped takes nothing, and that is its user's affair.
                 */
                if (fd >= 0 && write(fd, text, strlen(text)) > 0)
                        told++;
        }
        login_sessions_free(sessions, n);
        return told;
}
