/* SPDX-License-Identifier: MIT */
/* Limits through groups of our own, where PID 1 is not systemd; backend/cgroup-site.h has their
 * names.
 *
 * The quota is set before anybody moves. A login after that starts outside: the next apply(), by
 * pam_leash or leashd, brings it in. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include "backend/backend.h"
#include "backend/cgroup-crowd.h"
#include "backend/cgroup-group.h"
#include "backend/cgroup-moves.h"
#include "backend/cgroup-origins.h"
#include "backend/cgroup-procs.h"
#include "backend/cgroup-site.h"
#include "backend/cgroup-waiter.h"
#include "core/kernel.h"
#include "os/clock.h"

/* How long before a call to group() a child may have been born that its caller did not see. */
#define NEWBORN (200 * USEC_PER_MSEC)

static bool cgroup_probe(const BackendOptions *options) {
        CgroupFs fs = cgroupfs_detect(options->root);
        char path[CGROUPFS_PATH_MAX];
        struct statvfs st;

        /* Not access(2): everybody may look. */
        return cgroupfs_has_controller(&fs, "/", "cpu") &&
               cgroupfs_path(&fs, "cpu", "/", path) >= 0 && statvfs(path, &st) == 0 &&
               !(st.f_flag & ST_RDONLY);
}

static int cgroup_open(const BackendOptions *options, Backend **ret) {
        Backend *b;
        int r;

        if (*options->root != '\0') /* libcgroup finds the mounts by itself */
                return -EOPNOTSUPP;
        if (!cgroup_probe(options))
                return -ENODEV;
        r = group_init();
        if (r < 0)
                return r;
        b = calloc(1, sizeof(Backend));
        if (!b)
                return -ENOMEM;
        *ret = b;
        return 0;
}

static Backend *cgroup_free(Backend *b) {
        free(b);
        return NULL;
}

static int cgroup_cgroup(Backend *b _unused_, const Record *record, char **ret) {
        Site s;
        int r;

        r = site_name(&s, record);
        if (r < 0)
                return r;
        *ret = strdup(s.target);
        return *ret ? 0 : -ENOMEM;
}

/* Groups of our own had no limits before. */
static int cgroup_read_base(Backend *b, Record *record, uint32_t which) {
        Site s;
        int r;

        r = site_init(&s, &b->fs, record);
        if (r < 0)
                return r;
        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                if (!(which & UINT32_C(1) << i))
                        continue;
                if (limits_table[i].kind == LIMIT_KIND_CPUSET)
                        memset(record->base.cpus, 0, sizeof(record->base.cpus));
                limits_set(&record->base, i,
                           limits_table[i].kind == LIMIT_KIND_FLAG ? 0 : LIMIT_INFINITY);
        }
        return origins_note_all(&s, record);
}

/* The offenders' groups follow the quota of the target. */
static int set_scopes(const Site *s, const Record *record, const Limits *wanted) {
        Limits limits;

        backend_scope_limits(wanted, record->share, &limits);
        for (size_t i = 0; i < record->n_scopes; i++) {
                char group[SITE_GROUP_MAX];
                int r;

                r = site_scope(s, record->scopes[i], group);
                if (r >= 0 && site_has_group(s, "cpu", group))
                        r = group_set_limits(s, group, &limits);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Where the kernel lets a quota through to the groups below, the user's processes have it in their
 * own, too. Elsewhere they have not: each CPU has its share of both, and what one has of the one
 * and another of the other is lost (47 % used of 50 % by children of 5 ms on two CPUs). */
static int set_home(const Site *s, const Limits *wanted) {
        Limits quota = {};
        struct utsname name;

        if (uname(&name) < 0 || !kernel_find_fault(name.release) ||
            !site_has_group(s, "cpu", s->home))
                return 0;
        if (limits_has(wanted, LIMIT_CPU_QUOTA))
                limits_copy_one(&quota, wanted, LIMIT_CPU_QUOTA);
        if (limits_has(wanted, LIMIT_CPU_PERIOD))
                limits_copy_one(&quota, wanted, LIMIT_CPU_PERIOD);
        return group_set_limits(s, s->home, &quota);
}

static int cgroup_apply(Backend *b, Record *record) {
        Limits effective, wanted = record->base;
        Site s;
        int r;

        r = site_init(&s, &b->fs, record);
        if (r >= 0)
                r = group_create(&s, s.home, s.n_trees);
        if (r < 0)
                return r;
        record_effective(record, &effective, NULL);
        for (Limit i = 0; i < _LIMIT_MAX; i++)
                if (limits_has(&effective, i))
                        limits_copy_one(&wanted, &effective, i);
        r = group_set_limits(&s, s.target, &wanted);
        if (r < 0)
                return r;
        group_set_share(&s);
        if (record->scope == TARGET_TREE) /* group() knows who is in it */
                return 0;
        r = set_home(&s, &wanted);
        if (r >= 0)
                r = set_scopes(&s, record, &wanted);
        return r < 0 ? r : moves_capture(&s, record);
}

static int remove_leaf(const Site *s, const Record *record _unused_, size_t tree _unused_,
                       const char *leaf) {
        return group_remove(s, leaf);
}

static int cgroup_restore(Backend *b, Record *record) {
        Site s;
        int r;

        r = site_init(&s, &b->fs, record);
        if (r < 0)
                return r;
        /* First, so that whatever is still inside neither sleeps nor slows us. What is gone has no
         * limits either. A user's group stays while a process tree of theirs is leashed. */
        r = site_has_group(&s, "cpu", s.target) ? group_set_limits(&s, s.target, &record->base) : 0;
        if (r >= 0 && record->scope != TARGET_TREE)
                r = set_home(&s, &record->base);
        if (r < 0)
                return r;
        r = moves_release(&s, record);
        for (size_t t = 0; t < s.n_trees && r >= 0; t++)
                r = site_each_leaf(&s, record, t, remove_leaf);
        if (r < 0)
                return r;
        if (record->scope == TARGET_TREE)
                (void) group_remove(&s, s.trees); /* as the next two: others may be in it */
        (void) group_remove(&s, s.user);
        (void) group_remove(&s, SITE_TOP);
        group_set_share(&s);
        return 0;
}

/* One for each record: two of 80 % would together overrun the quota, and the rest with them. */
static int find_scope(const Site *s, Record *record, pid_t named, char ret[static SITE_GROUP_MAX]) {
        char name[PLACEMENT_NAME_MAX];
        int r;

        for (size_t i = 0; i < record->n_scopes; i++)
                if (site_scope(s, record->scopes[i], ret) >= 0 && site_has_group(s, "cpu", ret))
                        return 0;
        (void) snprintf(name, sizeof(name), "leash-%u-%d.scope", (unsigned) record->uid,
                        (int) named);
        r = record_add_scope(record, name);
        if (r < 0)
                return r;
        r = site_scope(s, name, ret);
        return r < 0 ? r : group_create(s, ret, s->n_cpu);
}

static int cgroup_group(Backend *b, Record *record, pid_t named, const pid_t *pids, size_t n,
                        const Limits *limits) {
        usec_t since = clock_boottime() - NEWBORN;
        char leaf[SITE_GROUP_MAX];
        Crowd crowd;
        Site s;
        int r;

        r = site_init(&s, &b->fs, record);
        if (r < 0)
                return r;
        if (record->scope == TARGET_TREE) { /* it is its own scope */
                strcpy(leaf, s.target);
                r = record_add_scope(record, record->target);
                if (r >= 0)
                        r = group_create(&s, leaf, s.n_trees);
        } else {
                r = find_scope(&s, record, named, leaf);
                if (r >= 0)
                        r = group_create(&s, s.home, s.n_trees);
        }
        if (r >= 0)
                r = group_set_limits(&s, leaf, limits);
        if (r < 0)
                return r;
        crowd_init(&crowd, record->uid);
        for (size_t i = 0; i < n; i++) {
                ProcStat stat;

                if (proc_read_stat(pids[i], &stat) < 0 || !crowd_may_move(&crowd, &stat))
                        continue;
                r = moves_bring_in(&s, record, &stat, leaf);
                if (r == -ENOMEM)
                        return r;
        }
        return moves_adopt(&s, record, leaf, &crowd, since);
}

static int cgroup_arm(Backend *b, Record *record, usec_t until) {
        waiter_stop(record->target);
        free(TAKE_PTR(record->timer));
        return until == USEC_INFINITY ? 0 : waiter_start(b, record->target, until, &record->timer);
}

static bool cgroup_armed(Backend *b _unused_, const Record *record) {
        return waiter_is_there(record->target, record->timer);
}

static int cgroup_exists(Backend *b, const Record *record) {
        _cleanup_free_ char *text = NULL;
        Site s;
        int r;

        r = site_init(&s, &b->fs, record);
        if (r < 0)
                return r;
        if (record->scope == TARGET_USER)
                return site_has_group(&s, "cpu", s.target);
        /* A tree ends with its processes; removing the group is left to restore(). */
        r = procs_read_threads(&s, 0, s.target, &text);
        return r == -ENOENT ? 0 : r < 0 ? r : *text != '\0';
}

static int cgroup_escapees(Backend *b, const Record *record, pid_t **ret, size_t *ret_n) {
        Site s;
        int r;

        r = site_init(&s, &b->fs, record);
        return r < 0 ? r : moves_escapees(&s, record, ret, ret_n);
}

const BackendOps backend_cgroup = {
        .name = "cgroup",
        .placement = false,
        .probe = cgroup_probe,
        .open = cgroup_open,
        .free = cgroup_free,
        .cgroup = cgroup_cgroup,
        .read_base = cgroup_read_base,
        .apply = cgroup_apply,
        .restore = cgroup_restore,
        .group = cgroup_group,
        .arm = cgroup_arm,
        .armed = cgroup_armed,
        .exists = cgroup_exists,
        .escapees = cgroup_escapees,
};
