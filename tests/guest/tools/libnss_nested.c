/* SPDX-License-Identifier: MIT */
/* An NSS module as a directory with nested groups has one (SSSD's, nslcd's): carol is a member of
 * "physics" and that is a member of "faculty", which names no users. Only who asks for all groups
 * of a user, as initgroups(3) and getgrouplist(3) do, learns that carol is in both. */

#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <stdlib.h>
#include <string.h>

static char *carol[] = { "carol", NULL }, *nobody[] = { NULL };
static const struct group groups[] = {
        { "physics", "x", 4711, carol },
        { "faculty", "x", 4712, nobody },
};
#define N_GROUPS (sizeof(groups) / sizeof(groups[0]))

static enum nss_status answer(size_t i, struct group *ret) {
        if (i == N_GROUPS)
                return NSS_STATUS_NOTFOUND;
        *ret = groups[i]; /* what it points at stays */
        return NSS_STATUS_SUCCESS;
}

__attribute__((visibility("default"))) enum nss_status _nss_nested_getgrgid_r(
        gid_t gid, struct group *ret, char *buf, size_t size, int *error) {
        size_t i = 0;

        (void) buf, (void) size, (void) error;
        while (i < N_GROUPS && groups[i].gr_gid != gid)
                i++;
        return answer(i, ret);
}

__attribute__((visibility("default"))) enum nss_status _nss_nested_getgrnam_r(
        const char *name, struct group *ret, char *buf, size_t size, int *error) {
        size_t i = 0;

        (void) buf, (void) size, (void) error;
        while (i < N_GROUPS && strcmp(groups[i].gr_name, name) != 0)
                i++;
        return answer(i, ret);
}

__attribute__((visibility("default"))) enum nss_status _nss_nested_initgroups_dyn(
        const char *user, gid_t group, long *start, long *size, gid_t **gids, long limit,
        int *error) {
        if (strcmp(user, carol[0]) != 0)
                return NSS_STATUS_NOTFOUND;
        for (size_t i = 0; i < N_GROUPS; i++) {
                if (groups[i].gr_gid == group || (limit > 0 && *start >= limit))
                        continue;
                if (*start == *size) {
                        gid_t *more = realloc(*gids, (size_t) *size * 2 * sizeof(gid_t));

                        if (!more) {
                                *error = ENOMEM;
                                return NSS_STATUS_TRYAGAIN;
                        }
                        *gids = more;
                        *size *= 2;
                }
                (*gids)[(*start)++] = groups[i].gr_gid;
        }
        return NSS_STATUS_SUCCESS;
}
