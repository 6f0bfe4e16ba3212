/* SPDX-License-Identifier: MIT */
/* User names and numbers, through NSS. */

#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "core/parse.h"
#include "os/file.h"
#include "os/user.h"

/* Directory servers hand out long entries; beyond this something is wrong. */
#define ENTRY_MAX (64 * 1024)

/* A group of everybody is longer: some directories list all members, by their full names. */
#define GROUP_MAX (4 * 1024 * 1024)

int user_name(uid_t uid, char **ret) {
        _cleanup_free_ char *buf = malloc(ENTRY_MAX);
        struct passwd pw, *found = NULL;
        char *name;

        if (!buf)
                return -ENOMEM;
        /* A failing directory server leaves the number, which is as good for finding the user. */
        (void) getpwuid_r(uid, &pw, buf, ENTRY_MAX, &found);
        name = found ? strdup(pw.pw_name) : file_path("%u", (unsigned) uid);
        if (!name)
                return -ENOMEM;
        *ret = name;
        return 0;
}

/* By name; where there is none, by number. */
static int look_up(const char *name, uid_t uid, UserInfo *ret) {
        _cleanup_free_ char *buf = malloc(ENTRY_MAX);
        struct passwd pw, *found = NULL;
        UserInfo u = {};
        int r;

        if (!buf)
                return -ENOMEM;
        r = name ? getpwnam_r(name, &pw, buf, ENTRY_MAX, &found)
                 : getpwuid_r(uid, &pw, buf, ENTRY_MAX, &found);
        if (!found)
                /* NSS modules answer "no such user" in several ways, see getpwnam(3). */
                return r == 0 || r == ENOENT || r == ESRCH || r == EBADF || r == EPERM ? -ESRCH
                                                                                       : -r;
        u.name = strdup(pw.pw_name);
        if (!u.name)
                return -ENOMEM;
        u.uid = pw.pw_uid;
        u.gid = pw.pw_gid;
        *ret = u;
        return 0;
}

int user_info(const char *name, UserInfo *ret) {
        return look_up(name, 0, ret);
}

int user_info_by_uid(uid_t uid, UserInfo *ret) {
        return look_up(NULL, uid, ret);
}

typedef struct Buffer {
        char *data;
        size_t size;
} Buffer;

static void buffer_done(Buffer *b) {
        free(b->data);
}

static int look_up_group(gid_t gid, Buffer *b, struct group *gr, struct group **ret) {
        for (;;) {
                char *more;
                int k;

                *ret = NULL;
                k = getgrgid_r(gid, gr, b->data, b->size, ret);
                if (k != ERANGE || b->size >= GROUP_MAX)
                        return k;
                more = realloc(b->data, b->size * 4);
                if (!more)
                        return ENOMEM;
                b->data = more;
                b->size *= 4;
        }
}

static int group_name(gid_t gid, Buffer *b, char **ret, bool *failed) {
        struct group gr, *found;
        int k;

        /* As with users: a failing directory server leaves the number. getgrnam(3) lists what may
         * be answered for a group that is not there. */
        k = look_up_group(gid, b, &gr, &found);
        *failed |= k != 0 && k != ENOENT && k != ESRCH && k != EBADF && k != EPERM;
        *ret = found ? strdup(gr.gr_name) : file_path("%u", (unsigned) gid);
        return *ret ? 0 : -ENOMEM;
}

static int list_gids(const UserInfo *u, gid_t **ret, int *ret_n) {
        _cleanup_free_ gid_t *gids = NULL;
        int n = 64;

        for (;;) {
                gid_t *more = reallocarray(gids, n, sizeof(gid_t));
                int room = n;

                if (!more)
                        return -ENOMEM;
                gids = more;
                if (getgrouplist(u->name, u->gid, gids, &n) >= 0)
                        break;
                /* glibc tells how many there are; where that does not help it grows. */
                n = n > room ? n : room * 2;
                if (n > USER_GROUPS_MAX)
                        return -E2BIG;
        }
        *ret = TAKE_PTR(gids);
        *ret_n = n;
        return 0;
}

int user_info_groups(UserInfo *u) {
        _cleanup_(buffer_done) Buffer buf = { malloc(ENTRY_MAX), ENTRY_MAX };
        _cleanup_free_ gid_t *gids = NULL;
        int n, r;

        if (!buf.data)
                return -ENOMEM;
        r = list_gids(u, &gids, &n);
        if (r < 0)
                return r;
        u->groups = calloc((size_t) n + 1, sizeof(char *));
        if (!u->groups)
                return -ENOMEM;
        for (int i = 0; i < n; i++) {
                r = group_name(gids[i], &buf, &u->groups[i], &u->groups_unsure);
                if (r < 0)
                        return r;
                u->n_groups++;
        }
        return 0;
}

void user_info_done(UserInfo *u) {
        for (size_t i = 0; i < u->n_groups; i++)
                free(u->groups[i]);
        free(u->groups);
        free(u->name);
        *u = (UserInfo){};
}

int user_uid(const char *name, uid_t *ret) {
        UserInfo u;
        uid_t uid;
        int r;

        r = user_info(name, &u);
        if (r >= 0) {
                *ret = u.uid;
                user_info_done(&u);
                return 0;
        }
        if (r == -ESRCH && parse_uid(name, &uid) >= 0) {
                *ret = uid;
                return 0;
        }
        return r;
}

#define SUBUID_MAX ((size_t) 1 << 20)

bool user_has_subuid(uid_t uid, uid_t subordinate) {
        _cleanup_free_ char *text = NULL, *name = NULL;

        return file_read(AT_FDCWD, "/etc/subuid", SUBUID_MAX, &text, NULL) >= 0 &&
               user_name(uid, &name) >= 0 && parse_subuid(text, name, uid, subordinate);
}

uid_t user_uid_min(void) {
        _cleanup_free_ char *text = NULL;
        uid_t uid_min = 1000;

        if (file_read(AT_FDCWD, "/etc/login.defs", 256 * 1024, &text, NULL) < 0)
                return uid_min;
        for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
                char *value;
                uid_t uid;

                if (strncmp(line, "UID_MIN", 7) != 0 || !isblank((unsigned char) line[7]))
                        continue;
                value = line + 7 + strspn(line + 7, " \t");
                value[strcspn(value, " \t\r")] = '\0';
                if (parse_uid(value, &uid) >= 0)
                        uid_min = uid;
        }
        return uid_min;
}
