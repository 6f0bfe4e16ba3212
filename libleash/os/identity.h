/* SPDX-License-Identifier: MIT */
/* Becoming an ordinary user for good. */
#pragma once

#include <sys/types.h>

/* Gives up root: no supplementary groups, the group and the user in all three places each, read
 * back, and no way back. Call it in a child that does nothing for root any more.
 * Returns 0; -EINVAL for root; -EPERM if anything of root is left; -errno. */
int identity_become(uid_t uid, gid_t gid);
