/* SPDX-License-Identifier: MIT */
/* Names of groups, the trees in use, and the leaves that are there. */

#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/cgroup-site.h"

const char *const site_controllers[SITE_CONTROLLERS_MAX] = {
        "cpu", "cpuacct", "memory", "pids", "io", "cpuset", "freezer",
};

bool site_is_v1(const Site *s) {
        return s->fs->version == CGROUPFS_V1;
}

bool site_has_group(const Site *s, const char *controller, const char *group) {
        char path[CGROUPFS_PATH_MAX];

        return cgroupfs_path(s->fs, controller, group, path) >= 0 && access(path, F_OK) == 0;
}

int site_name(Site *s, const Record *record) {
        if (record->scope == TARGET_SESSION) /* a session has no mark that its processes keep */
                return -EOPNOTSUPP;
        if (strchr(record->target, '/'))
                return -EINVAL;
        (void) snprintf(s->user, sizeof(s->user), SITE_TOP "/user-%u", (unsigned) record->uid);
        (void) snprintf(s->rest, sizeof(s->rest), "%s/rest", s->user);
        (void) snprintf(s->trees, sizeof(s->trees), "%s/" SITE_TREES, s->user);
        if (record->scope == TARGET_TREE) {
                (void) snprintf(s->target, sizeof(s->target), "%s/%s", s->trees, record->target);
                strcpy(s->home, s->target);
                return 0;
        }
        strcpy(s->target, s->user);
        strcpy(s->home, s->rest);
        return 0;
}

int site_scope(const Site *s, const char *scope, char ret[static SITE_GROUP_MAX]) {
        return snprintf(ret, SITE_GROUP_MAX, "%s/%s", s->user, scope) < SITE_GROUP_MAX
                       ? 0
                       : -ENAMETOOLONG;
}

static bool is_needed(const char *controller, uint32_t limits, bool v1) {
        if (strncmp(controller, "cpu", 3) == 0 && strcmp(controller, "cpuset") != 0)
                return true; /* cpuacct too: it tells how much was used */
        if (strcmp(controller, "freezer") == 0)
                return limits & UINT32_C(1) << LIMIT_FREEZE;
        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                const LimitInfo *info = &limits_table[i];

                if (limits & UINT32_C(1) << i && (v1 ? info->file_v1 : info->file_v2) &&
                    info->controller && strcmp(info->controller, controller) == 0)
                        return true;
        }
        return false;
}

/* True if another controller of v1 is mounted together with it, as cpu and cpuacct often are. */
static bool is_shared(const Site *s, const char *controller) {
        char path[CGROUPFS_PATH_MAX];
        struct stat st, other;

        if (cgroupfs_path(s->fs, controller, "/", path) < 0 || stat(path, &st) < 0)
                return false;
        for (size_t i = 0; i < s->n_controllers; i++)
                if (cgroupfs_path(s->fs, s->controllers[i], "/", path) >= 0 &&
                    stat(path, &other) == 0 && st.st_dev == other.st_dev)
                        return true;
        return false;
}

int site_init(Site *s, const CgroupFs *fs, const Record *record) {
        Limits effective;
        int r;

        *s = (Site){ .fs = fs };
        r = site_name(s, record);
        if (r < 0)
                return r;
        record_effective(record, &effective, NULL);
        for (size_t i = 0; i < ELEMENTSOF(site_controllers); i++) {
                const char *c = site_controllers[i];

                if (!cgroupfs_has_controller(fs, "/", c) || (site_is_v1(s) && is_shared(s, c)))
                        continue;
                /* In v1 also what an earlier leash may have left in place. */
                if (!is_needed(c, record->base.set | effective.set, site_is_v1(s)) &&
                    !(site_is_v1(s) && site_has_group(s, c, s->user)))
                        continue;
                s->controllers[s->n_controllers++] = c;
                s->n_cpu += site_is_v1(s) && is_needed(c, 0, true);
        }
        s->n_trees = site_is_v1(s) ? s->n_controllers : 1;
        s->n_cpu = site_is_v1(s) ? s->n_cpu : 1;
        return s->n_controllers > 0 ? 0 : -ENODEV;
}

typedef struct Names {
        char (*names)[NAME_MAX + 1];
        size_t n;
} Names;

static void names_done(Names *names) {
        free(names->names);
}

static int add_leaf(const char *name, void *userdata) {
        Names *names = userdata;
        void *more;

        if (strcmp(name, SITE_TREES) == 0)
                return 0;
        more = reallocarray(names->names, names->n + 1, sizeof(*names->names));
        if (!more)
                return -ENOMEM;
        names->names = more;
        (void) snprintf(names->names[names->n++], sizeof(*names->names), "%s", name);
        return 0;
}

int site_each_leaf(const Site *s, const Record *record, size_t tree, SiteLeaf found) {
        _cleanup_(names_done) Names names = {};
        int r, result = 0;

        if (record->scope == TARGET_TREE)
                return found(s, record, tree, s->target);
        r = cgroupfs_each_child(s->fs, s->controllers[tree], s->user, add_leaf, &names);
        for (size_t i = 0; i < names.n && r >= 0; i++) {
                char leaf[SITE_GROUP_MAX];

                r = site_scope(s, names.names[i], leaf);
                if (r >= 0)
                        r = found(s, record, tree, leaf);
                result |= r > 0;
        }
        return r >= 0 ? result : r == -ENOENT ? 0 : r;
}
