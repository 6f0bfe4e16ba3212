/* SPDX-License-Identifier: MIT */
/* User names and numbers, through NSS. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Looks up the name of a user; a user without one gets the number as text.
 * Returns 0 and a new string, -ENOMEM. */
int user_name(uid_t uid, char **ret);

/* Looks up a user by name, or by number in digits. Returns 0; -ESRCH if there is none; -errno
 * from NSS. */
int user_uid(const char *name, uid_t *ret);

/* What NSS knows of a user. */
typedef struct UserInfo {
        char *name; /* as NSS spells it, whatever was asked for */
        uid_t uid;
        gid_t gid;
        char **groups; /* names; nested ones as NSS resolves them */
        size_t n_groups;
        bool groups_unsure; /* NSS failed for one of them, which stands there as its number */
} UserInfo;

#define USER_GROUPS_MAX 65536 /* the kernel's NGROUPS_MAX */

/* Looks up a user by name, or by number. Returns 0; -ESRCH if there is none, which some services
 * say who are out of order, too; -errno. */
int user_info(const char *name, UserInfo *ret);
int user_info_by_uid(uid_t uid, UserInfo *ret);

/* Adds the groups: getgrouplist(3), as initgroups(3) would give them. A group without a name counts
 * by its number. Of a service that does not answer getgrouplist(3) says nothing: its groups are
 * missing. Returns 0 or -errno. */
int user_info_groups(UserInfo *u);

void user_info_done(UserInfo *u);

/* True if /etc/subuid gives the user that subordinate uid; other sources of subid in
 * nsswitch.conf(5) are not asked. */
bool user_has_subuid(uid_t uid, uid_t subordinate);

/* First uid of ordinary users: UID_MIN of login.defs(5), 1000 where that is not set. */
uid_t user_uid_min(void);
