/* SPDX-License-Identifier: MIT */
/* User names and numbers, through NSS. */

#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>

#include "core/parse.h"
#include "os/file.h"
#include "os/user.h"

/* Directory servers hand out long entries; beyond this something is wrong. */
#define ENTRY_MAX (64 * 1024)

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

int user_uid(const char *name, uid_t *ret) {
        _cleanup_free_ char *buf = malloc(ENTRY_MAX);
        struct passwd pw, *found = NULL;
        uid_t uid;
        int r;

        if (!buf)
                return -ENOMEM;
        r = getpwnam_r(name, &pw, buf, ENTRY_MAX, &found);
        if (found) {
                *ret = pw.pw_uid;
                return 0;
        }
        if (parse_uid(name, &uid) >= 0) {
                *ret = uid;
                return 0;
        }
        /* NSS modules answer "no such user" in several ways, see getpwnam(3). */
        return r == 0 || r == ENOENT || r == ESRCH || r == EBADF || r == EPERM ? -ESRCH : -r;
}

int user_gid(uid_t uid, gid_t *ret) {
        _cleanup_free_ char *buf = malloc(ENTRY_MAX);
        struct passwd pw, *found = NULL;

        if (!buf)
                return -ENOMEM;
        (void) getpwuid_r(uid, &pw, buf, ENTRY_MAX, &found); /* found says it all */
        if (!found)
                return -ESRCH;
        *ret = pw.pw_gid;
        return 0;
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
