/* SPDX-License-Identifier: MIT */
/* Where a process lives: what its cgroup path says about owner, session and unit. */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/parse.h"
#include "core/placement.h"

static bool starts_with(const char *s, const char *prefix) {
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool ends_with(const char *s, const char *suffix) {
        size_t n = strlen(s), m = strlen(suffix);

        return n > m && strcmp(s + n - m, suffix) == 0;
}

/* Copies what stands between prefix and suffix; false if the name has another form. */
static bool between(const char *name, const char *prefix, const char *suffix, char *ret,
                    size_t size) {
        size_t n;

        if (!starts_with(name, prefix) || !ends_with(name + strlen(prefix), suffix))
                return false;
        n = strlen(name) - strlen(prefix) - strlen(suffix);
        if (n >= size)
                return false;
        memcpy(ret, name + strlen(prefix), n);
        ret[n] = '\0';
        return true;
}

int placement_uid_from_slice(const char *name, uid_t *ret) {
        char digits[16];

        if (!between(name, "user-", ".slice", digits, sizeof(digits)))
                return -EINVAL;
        if (digits[0] == '0' && digits[1] != '\0') /* logind names none like this */
                return -EINVAL;
        return parse_uid(digits, ret);
}

static bool is_unit(const char *name) {
        return ends_with(name, ".service") || ends_with(name, ".scope") ||
               ends_with(name, ".socket") || ends_with(name, ".mount") || ends_with(name, ".swap");
}

/* Container managers without systemd units of their own (cgroupfs drivers) still name their
 * groups; with one they end up in machine.slice or in scopes of these names. */
static bool is_container(const char *name) {
        static const char *const prefixes[] = { "machine", "docker",     "libpod",
                                                "lxc",     "kubepods",   "cri-containerd",
                                                "crio",    "containerd", "buildkit" };

        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++) {
                size_t n = strlen(prefixes[i]);

                if (starts_with(name, prefixes[i]) &&
                    (name[n] == '\0' || name[n] == '-' || name[n] == '.'))
                        return !ends_with(name, ".service") && !ends_with(name, ".socket");
        }
        return false;
}

static void set_unit(char *dst, const char *name) {
        (void) snprintf(dst, PLACEMENT_NAME_MAX, "%s", name);
}

static void place_in_user_slice(Placement *p, const char *name) {
        if (between(name, "session-", ".scope", p->session, sizeof(p->session)))
                p->kind = PLACEMENT_SESSION;
        else if (starts_with(name, "user@") && ends_with(name, ".service"))
                p->kind = PLACEMENT_MANAGER;
        else if (starts_with(name, "leash-") && ends_with(name, ".scope"))
                p->kind = PLACEMENT_LEASHED;
        else
                return;
        set_unit(p->unit, name);
}

/* One step down the path. What is found first decides: below a session scope or a user manager
 * the names are the user's own choice. */
static void place(Placement *p, const char *name) {
        uid_t uid;

        switch (p->kind) {
        case PLACEMENT_ROOT:
                if (strcmp(name, "init.scope") == 0) {
                        p->kind = PLACEMENT_INIT;
                        set_unit(p->unit, name);
                } else if (placement_uid_from_slice(name, &uid) >= 0) {
                        p->kind = PLACEMENT_SLICE;
                        p->owner = uid;
                } else if (is_container(name)) {
                        p->kind = PLACEMENT_MACHINE;
                        set_unit(p->unit, name);
                } else if (is_unit(name)) {
                        p->kind = PLACEMENT_SERVICE;
                        set_unit(p->unit, name);
                }
                break;
        case PLACEMENT_SLICE:
                place_in_user_slice(p, name);
                break;
        case PLACEMENT_MANAGER:
                if (is_unit(name))
                        set_unit(p->app, name);
                break;
        case PLACEMENT_MACHINE:
                /* What stands below the container's own unit, the container has named. */
                if (!is_unit(p->unit) && (is_unit(name) || is_container(name)))
                        set_unit(p->unit, name);
                break;
        default:
                break;
        }
}

int placement_parse(const char *cgroup, Placement *ret) {
        Placement p = PLACEMENT_NULL;
        const char *at = cgroup;

        if (*at != '/')
                return -EINVAL;
        while (*at != '\0') {
                char name[PLACEMENT_NAME_MAX];
                size_t n;

                at += strspn(at, "/");
                n = strcspn(at, "/");
                if (n == 0)
                        break;
                /* Longer than any unit's name: some user's own group, which decides nothing. */
                if (n < sizeof(name)) {
                        memcpy(name, at, n);
                        name[n] = '\0';
                        place(&p, name);
                }
                /* Somebody's own group: a systemd below it counts users of its own. */
                if (p.kind == PLACEMENT_ROOT && (n >= sizeof(name) || !ends_with(name, ".slice")))
                        break;
                at += n;
        }
        *ret = p;
        return 0;
}

bool placement_is_inside(const char *cgroup, const char *group) {
        size_t n = strlen(group);

        return strncmp(cgroup, group, n) == 0 && (cgroup[n] == '/' || cgroup[n] == '\0');
}

void placement_user_slice(uid_t uid, char ret[static PLACEMENT_NAME_MAX]) {
        (void) snprintf(ret, PLACEMENT_NAME_MAX, "user-%u.slice", (unsigned) uid);
}

void placement_user_cgroup(uid_t uid, const char *unit, char ret[static PLACEMENT_CGROUP_MAX]) {
        (void) snprintf(ret, PLACEMENT_CGROUP_MAX, "/user.slice/user-%u.slice%s%.255s",
                        (unsigned) uid, unit ? "/" : "", unit ?: "");
}

void placement_session_cgroup(uid_t uid, const char *id, char ret[static PLACEMENT_CGROUP_MAX]) {
        (void) snprintf(ret, PLACEMENT_CGROUP_MAX, "/user.slice/user-%u.slice/session-%.240s.scope",
                        (unsigned) uid, id);
}
