/* SPDX-License-Identifier: MIT */
/* What a child leaves behind before it runs another program. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <unistd.h>

#include "core/macro.h"
#include "os/file.h"
#include "os/identity.h"

int identity_become(uid_t uid, gid_t gid) {
        uid_t ruid, euid, suid;
        gid_t rgid, egid, sgid;

        if (uid == 0 || gid == 0)
                return -EINVAL;
        /* Groups first: without root they could not be left. */
        if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
                return -errno;
        if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0)
                return -errno;
        if (ruid != uid || euid != uid || suid != uid || rgid != gid || egid != gid ||
            sgid != gid || getgroups(0, NULL) != 0)
                return -EPERM;
        return setuid(0) < 0 && setgid(0) < 0 ? 0 : -EPERM;
}

int identity_take_null(int fd) {
        _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null < 0)
                return -errno;
        if (null != fd) /* else dup2(2) does nothing, and it would be closed again */
                return dup2(null, fd) < 0 ? -errno : 0;
        return fcntl(TAKE_FD(null), F_SETFD, 0) < 0 ? -errno : 0;
}
