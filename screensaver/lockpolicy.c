/* SPDX-License-Identifier: MIT */
/* What the policy says about locking the calling user's session. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/parse.h"
#include "lockpolicy.h"
#include "os/file.h"

void lockpolicy_done(LockPolicy *p) {
        free(p->locker);
        free(p->fallback);
        *p = (LockPolicy){};
}

int lockpolicy_load(const char *root, LockPolicy *ret) {
        _cleanup_free_ char *path = file_path("%s/etc/leash/leash.conf", root), *text = NULL;
        LockPolicy p = { .idle = { .idle = 600 * USEC_PER_SEC,
                                   .warn = 30 * USEC_PER_SEC,
                                   .inhibit_max = 7200 * USEC_PER_SEC,
                                   .logout_warn = 300 * USEC_PER_SEC,
                                   .grab_max = 10 * USEC_PER_SEC } };
        const struct {
                const char *key;
                usec_t *value;
        } times[] = { { "idle=", &p.idle.idle },
                      { "warn=", &p.idle.warn },
                      { "blank=", &p.idle.blank },
                      { "inhibit-max=", &p.idle.inhibit_max },
                      { "logout-after=", &p.idle.logout_after } };

        if (!path)
                return -ENOMEM;
        (void) file_read(AT_FDCWD, path, 65536, &text, NULL);
        for (char *save = NULL, *line = text ? strtok_r(text, "\n", &save) : NULL; line;
             line = strtok_r(NULL, "\n", &save)) {
                for (size_t i = 0; i < ELEMENTSOF(times); i++)
                        if (strncmp(line, times[i].key, strlen(times[i].key)) == 0)
                                (void) parse_duration(line + strlen(times[i].key), times[i].value);
                if (strncmp(line, "locker=", 7) == 0)
                        p.locker = strdup(line + 7);
                if (strncmp(line, "fallback-locker=", 16) == 0)
                        p.fallback = strdup(line + 16);
                if (strcmp(line, "on-disconnect=lock") == 0)
                        p.idle.lock_on_disconnect = true;
        }
        if (!p.locker)
                p.locker = strdup("xsecurelock");
        p.idle.has_fallback = p.fallback;
        *ret = p;
        return p.locker ? 0 : -ENOMEM;
}
