/* SPDX-License-Identifier: MIT */
/* Becoming an ordinary user for good. */

#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <unistd.h>

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
