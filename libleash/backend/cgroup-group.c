/* SPDX-License-Identifier: MIT */
/* Groups and their values, through libcgroup, which is loaded by group_init(): hosts with systemd
 * have the backend, too, and every `leash PID` there would pay for it. */

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <libcgroup.h>
#include <stdio.h>
#include <string.h>

#include "backend/cgroup-group.h"
#include "os/clock.h"
#include "os/file.h"

#define CREATE_TRIES 3
#define REMOVE_TIME USEC_PER_SEC
#define REMOVE_POLL (5 * USEC_PER_MSEC)

#define PERIOD_DEFAULT (100 * USEC_PER_MSEC)
#define PERIOD_QUOTA_MIN USEC_PER_MSEC /* Documentation/scheduler/sched-bwc.rst */

static void *find(const char *name) {
        void *library = dlopen(LIBCGROUP, RTLD_NOW | RTLD_LOCAL); /* once; then it is counted */

        return library ? dlsym(library, name) : NULL;
}

/* What is called here goes there. group_init() has looked whether it is all there. */
#define LATE(name) ((typeof(&name)) find(#name))
#define cgroup_init(...) LATE(cgroup_init)(__VA_ARGS__)
#define cgroup_set_logger(...) LATE(cgroup_set_logger)(__VA_ARGS__)
#define cgroup_get_last_errno(...) LATE(cgroup_get_last_errno)(__VA_ARGS__)
#define cgroup_new_cgroup(...) LATE(cgroup_new_cgroup)(__VA_ARGS__)
#define cgroup_free(...) LATE(cgroup_free)(__VA_ARGS__)
#define cgroup_add_controller(...) LATE(cgroup_add_controller)(__VA_ARGS__)
#define cgroup_add_value_string(...) LATE(cgroup_add_value_string)(__VA_ARGS__)
#define cgroup_create_cgroup(...) LATE(cgroup_create_cgroup)(__VA_ARGS__)
#define cgroup_modify_cgroup(...) LATE(cgroup_modify_cgroup)(__VA_ARGS__)
#define cgroup_delete_cgroup_ext(...) LATE(cgroup_delete_cgroup_ext)(__VA_ARGS__)

static const char *const functions[] = {
        "cgroup_init",
        "cgroup_set_logger",
        "cgroup_get_last_errno",
        "cgroup_new_cgroup",
        "cgroup_free",
        "cgroup_add_controller",
        "cgroup_add_value_string",
        "cgroup_create_cgroup",
        "cgroup_modify_cgroup",
        "cgroup_delete_cgroup_ext",
};

static void handle_freep(struct cgroup **g) {
        if (*g)
                cgroup_free(g);
}

#define _cleanup_handle_ _cleanup_(handle_freep)

static int errno_from_ecg(int code) {
        switch (code) {
        case 0:
                return 0;
        case ECGOTHER:
                return cgroup_get_last_errno() > 0 ? -cgroup_get_last_errno() : -EIO;
        case ECGROUPNOTMOUNTED:
        case ECGROUPSUBSYSNOTMOUNTED:
                return -ENODEV;
        case ECGROUPNOTEXIST:
        case ECGROUPVALUENOTEXIST:
                return -ENOENT;
        case ECGROUPNOTOWNER:
        case ECGROUPNOTALLOWED:
                return -EACCES;
        case ECGFAIL: /* what its constructors say when out of memory */
                return -ENOMEM;
        default:
                return -EIO;
        }
}

static void be_quiet(void *userdata _unused_, int level _unused_, const char *format _unused_,
                     va_list ap _unused_) {
}

int group_init(void) {
        for (size_t i = 0; i < ELEMENTSOF(functions); i++)
                if (!find(functions[i]))
                        return -ELIBACC;
        cgroup_set_logger(be_quiet, CGROUP_LOG_ERROR, NULL); /* else it writes to stdout */
        return errno_from_ecg(cgroup_init());
}

static int handle_new(const Site *s, const char *group, size_t n, struct cgroup **ret) {
        _cleanup_handle_ struct cgroup *g = cgroup_new_cgroup(group);

        if (!g)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (!cgroup_add_controller(g, s->controllers[i]))
                        return -ENOMEM;
        *ret = TAKE_PTR(g);
        return 0;
}

static int set_value(const char *group, const char *controller, const char *file,
                     const char *value) {
        _cleanup_handle_ struct cgroup *g = cgroup_new_cgroup(group);
        struct cgroup_controller *c = g ? cgroup_add_controller(g, controller) : NULL;
        int r;

        if (!c)
                return -ENOMEM;
        r = errno_from_ecg(cgroup_add_value_string(c, file, value));
        return r < 0 ? r : errno_from_ecg(cgroup_modify_cgroup(g));
}

static int create_one(const Site *s, const char *group, size_t n_controllers) {
        _cleanup_handle_ struct cgroup *g = NULL;
        int r;

        r = handle_new(s, group, n_controllers, &g);
        return r < 0 ? r : errno_from_ecg(cgroup_create_cgroup(g, 1));
}

int group_create(const Site *s, const char *group, size_t n_trees) {
        size_t n = site_is_v1(s) ? n_trees : s->n_controllers;
        int r = -EIO;

        /* A parent that is empty for a moment may be removed by another leash meanwhile. */
        for (unsigned i = 0; i < CREATE_TRIES && r < 0; i++) {
                /* v2: for a group further down it does not have the root hand the controllers
                 * down (seen with 2.0.2). They stay handed down: others may use them by then. */
                r = create_one(s, SITE_TOP, n);
                /* Without it, before Linux 5.11, the user's limit is not for the groups in it. */
                if (site_is_v1(s))
                        (void) set_value(SITE_TOP, "memory", "memory.use_hierarchy", "1");
                if (r >= 0)
                        r = create_one(s, group, n);
        }
        return r;
}

static int say_busy(const char *name _unused_, void *userdata _unused_) {
        return -EBUSY;
}

int group_remove(const Site *s, const char *group) {
        _cleanup_handle_ struct cgroup *g = NULL;
        usec_t end = clock_monotonic() + REMOVE_TIME;
        int r;

        r = handle_new(s, group, s->n_controllers, &g);
        if (r < 0)
                return r;
        for (;;) {
                bool left = false;

                /* It answers success for a group that is not empty (seen with 2.0.2). */
                r = errno_from_ecg(cgroup_delete_cgroup_ext(g, CGFLAG_DELETE_EMPTY_ONLY));
                for (size_t i = 0; i < s->n_trees; i++) {
                        left |= site_has_group(s, s->controllers[i], group);
                        if (cgroupfs_each_child(s->fs, s->controllers[i], group, say_busy, NULL) ==
                            -EBUSY)
                                return -EBUSY;
                }
                if (!left)
                        return 0;
                if (clock_monotonic() >= end)
                        return r < 0 ? r : -EBUSY;
                clock_sleep(REMOVE_POLL);
        }
}

/* What stands in the file of a limit, CPU time per second for the quota. */
static uint64_t read_quota(const Site *s, const char *group, usec_t *ret_period) {
        uint64_t quota;
        char text[64];

        if (cgroupfs_read_limit(s->fs, group, LIMIT_CPU_QUOTA, text, sizeof(text)) < 0 ||
            cgfile_parse_cpu_max(text, &quota, ret_period) < 0)
                return LIMIT_INFINITY;
        return quota;
}

/* The least quota of the groups above. */
static uint64_t read_ceiling(const Site *s, const char *group) {
        uint64_t least = LIMIT_INFINITY;
        char up[SITE_GROUP_MAX], *slash;
        usec_t period;

        (void) snprintf(up, sizeof(up), "%s", group);
        while ((slash = strrchr(up, '/')) && slash > up) {
                *slash = '\0';
                least = MIN_OF(least, read_quota(s, up, &period));
        }
        return least;
}

static int set_quota(const Site *s, const char *group, uint64_t quota, usec_t period) {
        char text[64], number[32];
        int r;

        if (period == LIMIT_INFINITY)
                period = PERIOD_DEFAULT;
        /* A child above its parent is -EINVAL in v1 (kernel/sched/core.c,
         * tg_cfs_schedulable_down()); in v2 the stricter one counts. */
        if (site_is_v1(s) && quota != LIMIT_INFINITY)
                quota = MIN_OF(quota, read_ceiling(s, group));
        if (quota != LIMIT_INFINITY && quota * period / USEC_PER_SEC < PERIOD_QUOTA_MIN)
                period =
                        MIN_OF((PERIOD_QUOTA_MIN * USEC_PER_SEC + quota - 1) / quota, USEC_PER_SEC);
        if (quota == LIMIT_INFINITY)
                (void) snprintf(number, sizeof(number), "%s", site_is_v1(s) ? "-1" : "max");
        else
                (void) snprintf(number, sizeof(number), "%" PRIu64, quota * period / USEC_PER_SEC);
        if (!site_is_v1(s)) {
                (void) snprintf(text, sizeof(text), "%s %" PRIu64, number, period);
                return set_value(group, "cpu", "cpu.max", text);
        }
        /* The two files change one by one, and no ratio in between may break the rule above. */
        (void) snprintf(text, sizeof(text), "%" PRIu64, period);
        r = set_value(group, "cpu", "cpu.cfs_quota_us", "-1");
        if (r >= 0)
                r = set_value(group, "cpu", "cpu.cfs_period_us", text);
        return r < 0 ? r : set_value(group, "cpu", "cpu.cfs_quota_us", number);
}

typedef struct Lower {
        const Site *site;
        const char *parent;
        uint64_t quota;
} Lower;

static int lower_child(const char *name, void *userdata) {
        const Lower *l = userdata;
        char group[SITE_GROUP_MAX];
        uint64_t quota;
        usec_t period;
        int r = 0;

        if ((size_t) snprintf(group, sizeof(group), "%s/%s", l->parent, name) >= sizeof(group))
                return -ENAMETOOLONG;
        quota = read_quota(l->site, group, &period);
        if (quota != LIMIT_INFINITY && quota > l->quota)
                r = set_quota(l->site, group, l->quota, period);
        if (r < 0)
                return r;
        return cgroupfs_each_child(l->site->fs, "cpu", group, lower_child,
                                   &(Lower){ l->site, group, l->quota });
}

/* The text of one limit as its file takes it. */
static int format_limit(const Site *s, const Limits *l, Limit limit, char *buf, size_t size) {
        bool infinite = l->value[limit] == LIMIT_INFINITY;
        uint64_t value = l->value[limit];

        switch (limits_table[limit].kind) {
        case LIMIT_KIND_WEIGHT:
                value = infinite ? 100 : value;
                if (limit == LIMIT_IO_WEIGHT)
                        (void) snprintf(buf, size, "default %" PRIu64, value);
                else /* cpu.shares: 1024 is usual, and at least 2 */
                        (void) snprintf(buf, size, "%" PRIu64,
                                        site_is_v1(s) ? MAX_OF(value * 1024 / 100, UINT64_C(2))
                                                      : value);
                return 0;
        case LIMIT_KIND_FLAG:
                (void) snprintf(buf, size, "%s",
                                site_is_v1(s) ? value ? "FROZEN" : "THAWED"
                                : value       ? "1"
                                              : "0");
                return 0;
        case LIMIT_KIND_CPUSET:
                limits_format(l, limit, buf);
                /* libcgroup writes no empty line, which would mean the same as all there are. */
                return *buf ? 0
                            : file_read_buffer("/sys/fs/cgroup/cpuset.cpus.effective", buf, size);
        default:
                if (infinite)
                        (void) snprintf(buf, size, "%s",
                                        site_is_v1(s) && limit == LIMIT_MEMORY_MAX ? "-1" : "max");
                else
                        (void) snprintf(buf, size, "%" PRIu64, value);
                return 0;
        }
}

static int set_limit(const Site *s, const char *group, const Limits *l, Limit limit) {
        const LimitInfo *info = &limits_table[limit];
        const char *controller = info->controller,
                   *file = site_is_v1(s) ? info->file_v1 : info->file_v2;
        char text[LIMITS_TEXT_MAX];
        int r;

        if (info->kind == LIMIT_KIND_DURATION)
                return 0; /* with the quota */
        if (info->kind == LIMIT_KIND_QUOTA)
                return set_quota(s, group, l->value[limit],
                                 limits_has(l, LIMIT_CPU_PERIOD) ? l->value[LIMIT_CPU_PERIOD]
                                                                 : LIMIT_INFINITY);
        if (limit == LIMIT_FREEZE) { /* v2: a file of every group, whatever the controllers */
                controller = site_is_v1(s) ? "freezer" : "cpu";
                file = site_is_v1(s) ? "freezer.state" : info->file_v2;
        }
        if (!file)
                return -EOPNOTSUPP;
        r = format_limit(s, l, limit, text, sizeof(text));
        return r < 0 ? r : set_value(group, controller, file, text);
}

int group_set_limits(const Site *s, const char *group, const Limits *limits) {
        int r;

        if (site_is_v1(s) && limits_has(limits, LIMIT_CPU_QUOTA)) {
                r = cgroupfs_each_child(s->fs, "cpu", group, lower_child,
                                        &(Lower){ s, group, limits->value[LIMIT_CPU_QUOTA] });
                if (r == -ENOMEM)
                        return r;
        }
        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                r = limits_has(limits, i) ? set_limit(s, group, limits, i) : 0;
                if (r == -ENOMEM)
                        return r;
        }
        return 0;
}

typedef struct Share {
        const Site *site;
        uint64_t sum;
} Share;

static int add_share(const char *name, void *userdata) {
        Share *share = userdata;
        char group[SITE_GROUP_MAX], text[64];

        (void) snprintf(group, sizeof(group), SITE_TOP "/%s", name);
        if (cgroupfs_read_limit(share->site->fs, group, LIMIT_CPU_WEIGHT, text, sizeof(text)) >= 0)
                share->sum += strtoull(text, NULL, 10);
        return 0;
}

void group_set_share(const Site *s) {
        Share share = { .site = s };
        char text[32];

        if (cgroupfs_each_child(s->fs, "cpu", SITE_TOP, add_share, &share) < 0 || share.sum == 0)
                return;
        share.sum = MIN_OF(share.sum, site_is_v1(s) ? UINT64_C(262144) : UINT64_C(10000));
        (void) snprintf(text, sizeof(text), "%" PRIu64, share.sum);
        (void) set_value(SITE_TOP, "cpu", site_is_v1(s) ? "cpu.shares" : "cpu.weight", text);
}
