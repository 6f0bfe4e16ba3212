/* SPDX-License-Identifier: MIT */
/* User names and numbers, through NSS. */
#pragma once

#include <sys/types.h>

/* Looks up the name of a user; a user without one gets the number as text.
 * Returns 0 and a new string, -ENOMEM. */
int user_name(uid_t uid, char **ret);

/* Looks up a user by name, or by number in digits. Returns 0; -ESRCH if there is none; -errno
 * from NSS. */
int user_uid(const char *name, uid_t *ret);

/* The primary group of a user. Returns 0; -ESRCH if there is no such user; -ENOMEM. */
int user_gid(uid_t uid, gid_t *ret);

/* First uid of ordinary users: UID_MIN of login.defs(5), 1000 where that is not set. */
uid_t user_uid_min(void);
