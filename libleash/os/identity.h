/* SPDX-License-Identifier: MIT */
/* What a child leaves behind before it runs another program: root, for good, and its standard
 * streams. */
#pragma once

#include <sys/types.h>

/* Gives up root: no supplementary groups, the group and the user in all three places each, read
 * back, and no way back. Call it in a child that does nothing for root any more.
 * Returns 0; -EINVAL for root; -EPERM if anything of root is left; -errno. */
int identity_become(uid_t uid, gid_t gid);

/* Has /dev/null at the descriptor `fd`, through execve(2), and nowhere else. Returns 0 or -errno.
 */
int identity_take_null(int fd);
