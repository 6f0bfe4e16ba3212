/* SPDX-License-Identifier: MIT */
/* leash doctor: can this host enforce? One table of checks, each with its remedy. */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "backend/dropin.h"
#include "core/kernel.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/output.h"
#include "os/proc.h"
#include "verbs.h"

typedef enum Health {
        HEALTH_OK,
        HEALTH_WARNING, /* something is missing that leash can do without */
        HEALTH_FAILED,  /* leash cannot limit, or what it did is not in force */
} Health;

#define DETAIL_MAX 512

typedef struct Check {
        const char *name;
        Health (*run)(Context *c, char detail[static DETAIL_MAX]);
        const char *remedy;
} Check;

static bool has_placement(const Context *c) {
        return c->backend && c->backend->ops->placement;
}

static CgroupFs get_fs(const Context *c) {
        return c->backend ? c->backend->fs : cgroupfs_detect(c->backend_options.root);
}

static Health check_backend(Context *c, char detail[static DETAIL_MAX]) {
        if (!c->backend) {
                (void) snprintf(
                        detail, DETAIL_MAX,
                        "none: PID 1 is not systemd, and no cpu controller can be written to");
                return HEALTH_FAILED;
        }
        (void) snprintf(detail, DETAIL_MAX, "%s", c->backend->ops->name);
        return HEALTH_OK;
}

static Health check_cgroup(Context *c, char detail[static DETAIL_MAX]) {
        static const char *const names[] = { "none mounted", "v1", "v2" };

        CgroupFs fs = get_fs(c);

        (void) snprintf(detail, DETAIL_MAX, "%s", names[fs.version]);
        return fs.version == CGROUPFS_NONE ? HEALTH_FAILED
               : fs.version == CGROUPFS_V1 ? HEALTH_WARNING
                                           : HEALTH_OK;
}

static bool has_group(const CgroupFs *fs, const char *cgroup) {
        char path[CGROUPFS_PATH_MAX];

        return cgroupfs_path(fs, NULL, cgroup, path) >= 0 && access(path, F_OK) == 0;
}

/* A controller that the root of the tree lacks can be had by nobody below; one that user.slice
 * lacks has been switched off in between (DisableControllers=, or a container's manager). */
static Health check_controllers(Context *c, char detail[static DETAIL_MAX]) {
        static const char *const names[] = { "cpu", "memory", "pids", "io", "cpuset" };
        CgroupFs found = get_fs(c), *fs = &found;
        Health health = HEALTH_OK;
        size_t at = 0;

        detail[0] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                bool there = cgroupfs_has_controller(fs, "/", names[i]);

                if (there && i == 0 && has_placement(c) && fs->version == CGROUPFS_V2 &&
                    !cgroupfs_has_controller(fs, "/user.slice", names[i]))
                        there = !has_group(fs, "/user.slice"); /* nobody logged in yet */
                at += snprintf(detail + at, DETAIL_MAX - at, "%s%s%s", i ? ", " : "",
                               there ? "" : "no ", names[i]);
                if (!there)
                        health = i == 0 ? HEALTH_FAILED : MAX_OF(health, HEALTH_WARNING);
        }
        return health;
}

static bool kernel_config_has(const char *line) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        struct utsname name;

        if (uname(&name) < 0)
                return false;
        path = file_path("/boot/config-%s", name.release);
        return path && file_read(AT_FDCWD, path, 4 * 1024 * 1024, &text, NULL) >= 0 &&
               strstr(text, line);
}

/* With it, the cpu controller cannot be switched on below the root of v2 while a real-time task
 * sits anywhere but there (Documentation/admin-guide/cgroup-v2.rst, "CPU"). */
static Health check_rt(Context *c, char detail[static DETAIL_MAX]) {
        bool on = get_fs(c).version == CGROUPFS_V2 &&
                  kernel_config_has("\nCONFIG_RT_GROUP_SCHED=y\n");

        (void) snprintf(detail, DETAIL_MAX, "%s",
                        on ? "CONFIG_RT_GROUP_SCHED is set" : "not in the way");
        return on ? HEALTH_WARNING : HEALTH_OK;
}

static Health check_kernel(Context *c _unused_, char detail[static DETAIL_MAX]) {
        const KernelFault *fault;
        struct utsname name;

        if (uname(&name) < 0) {
                (void) snprintf(detail, DETAIL_MAX, "%s", strerror(errno));
                return HEALTH_WARNING;
        }
        fault = kernel_find_fault(name.release);
        (void) snprintf(detail, DETAIL_MAX, "%s%s%s", name.release, fault ? ": " : "",
                        fault ? fault->what : "");
        return fault ? HEALTH_WARNING : HEALTH_OK;
}

static Health check_pidfd(Context *c _unused_, char detail[static DETAIL_MAX]) {
        _cleanup_close_ int fd = proc_open(getpid());

        (void) snprintf(detail, DETAIL_MAX, "%s", fd < 0 ? strerror(-fd) : "available");
        return fd < 0 ? HEALTH_FAILED : HEALTH_OK;
}

static Health check_averages(Context *c _unused_, char detail[static DETAIL_MAX]) {
        unsigned demand;
        int r = proc_read_demand(getpid(), clock_boottime(), &demand);

        (void) snprintf(detail, DETAIL_MAX, "%s",
                        r < 0 ? "hidden; offenders are found by a look of 0.1 s" : "shown");
        return r < 0 ? HEALTH_WARNING : HEALTH_OK;
}

static Health check_psi(Context *c _unused_, char detail[static DETAIL_MAX]) {
        bool on = access("/proc/pressure/cpu", R_OK) == 0;

        (void) snprintf(detail, DETAIL_MAX, "%s", on ? "measured" : "not measured");
        return on ? HEALTH_OK : HEALTH_WARNING;
}

static Health check_logind(Context *c, char detail[static DETAIL_MAX]) {
        _cleanup_free_ char *path = file_path("%s/run/systemd/sessions", c->backend_options.root);
        bool on = !has_placement(c) || (path && access(path, F_OK) == 0);

        (void) snprintf(detail, DETAIL_MAX, "%s",
                        on ? has_placement(c) ? "sessions are known" : "not used"
                           : "no sessions are kept");
        return on ? HEALTH_OK : HEALTH_FAILED;
}

static Health check_ledger(Context *c, char detail[static DETAIL_MAX]) {
        Record **records;
        size_t n, damaged, dirty = 0;
        int r;

        if (!c->ledger) {
                (void) snprintf(detail, DETAIL_MAX, "%s",
                                geteuid() == 0 ? "none yet" : "root alone may read it");
                return HEALTH_OK;
        }
        r = ledger_read_all(c->ledger, &records, &n, &damaged);
        if (r < 0) {
                (void) snprintf(detail, DETAIL_MAX, "%s", strerror(-r));
                return HEALTH_FAILED;
        }
        for (size_t i = 0; i < n; i++)
                dirty += records[i]->dirty;
        ledger_free_records(records, n);
        (void) snprintf(detail, DETAIL_MAX, "%zu leash%s, %zu unfinished, %zu damaged", n,
                        n == 1 ? "" : "es", dirty, damaged);
        return damaged > 0 || dirty > 0 ? HEALTH_FAILED : HEALTH_OK;
}

static Health check_set_aside(Context *c, char detail[static DETAIL_MAX]) {
        static const char *const dirs[] = { "/run/leash", "/var/lib/leash" };
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                _cleanup_free_ char *path = file_path("%s%s", c->backend_options.root, dirs[i]);
                _cleanup_closedir_ DIR *d = path ? opendir(path) : NULL;
                struct dirent *de;

                while (d && (de = readdir(d)))
                        n += strstr(de->d_name, ".damaged") != NULL;
        }
        (void) snprintf(detail, DETAIL_MAX, "%zu set aside", n);
        return n > 0 ? HEALTH_WARNING : HEALTH_OK;
}

static Health check_enforced(Context *c, char detail[static DETAIL_MAX]) {
        Record **records = NULL;
        size_t n = 0, damaged, bad = 0;

        (void) snprintf(detail, DETAIL_MAX, "all");
        if (!c->backend || !c->ledger || ledger_read_all(c->ledger, &records, &n, &damaged) < 0)
                return HEALTH_OK;
        for (size_t i = 0; i < n; i++) {
                Enforcement e;

                if (backend_is_other(c->backend, records[i]) ||
                    backend_verify(c->backend, records[i], &e) < 0 || e.enforced || e.absent)
                        continue;
                if (bad++ == 0)
                        (void) snprintf(detail, DETAIL_MAX, "%.200s: %s is '%s'",
                                        records[i]->target, limits_table[e.missing].file_v2,
                                        e.kernel);
        }
        ledger_free_records(records, n);
        return bad > 0 ? HEALTH_FAILED : HEALTH_OK;
}

/* What these have set is not where this one would look for it. */
static Health check_others(Context *c, char detail[static DETAIL_MAX]) {
        Record **records = NULL;
        size_t n = 0, damaged, others = 0;

        (void) snprintf(detail, DETAIL_MAX, "none");
        if (!c->backend || !c->ledger || ledger_read_all(c->ledger, &records, &n, &damaged) < 0)
                return HEALTH_OK;
        for (size_t i = 0; i < n; i++)
                if (backend_is_other(c->backend, records[i]) && others++ == 0)
                        (void) snprintf(detail, DETAIL_MAX,
                                        "%.200s is leashed by '%.64s', not looked at",
                                        records[i]->target, records[i]->backend);
        ledger_free_records(records, n);
        return others > 0 ? HEALTH_WARNING : HEALTH_OK;
}

/* Drop-ins of ours whose record is gone: somebody deleted /run/leash. */
static Health check_orphans(Context *c, char detail[static DETAIL_MAX]) {
        Record **records = NULL;
        size_t n = 0, bad = 0;

        (void) snprintf(detail, DETAIL_MAX, "none");
        if (geteuid() != 0 || dropin_read_public(c->backend_options.root, &records, &n) < 0)
                return HEALTH_OK;
        for (size_t i = 0; i < n; i++) {
                _cleanup_(record_freep) Record *known = NULL;

                if (c->ledger && ledger_read(c->ledger, records[i]->target, &known) >= 0)
                        continue;
                if (bad++ == 0)
                        (void) snprintf(detail, DETAIL_MAX, "%.200s.d/" DROPIN_NAME,
                                        records[i]->target);
        }
        ledger_free_records(records, n);
        return bad > 0 ? HEALTH_FAILED : HEALTH_OK;
}

/* A timer does not outlast a reboot. */
static Health check_restore(Context *c, char detail[static DETAIL_MAX]) {
        _cleanup_free_ char *path =
                file_path("%s/etc/systemd/system/multi-user.target.wants/leash-restore.service",
                          c->backend_options.root);
        Record **records = NULL;
        size_t n = 0, damaged, waiting = 0;

        (void) snprintf(detail, DETAIL_MAX, "none, or seen to");
        if (!has_placement(c) || !path ||
            faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || !c->ledger ||
            ledger_read_all(c->ledger, &records, &n, &damaged) < 0)
                return HEALTH_OK;
        for (size_t i = 0; i < n; i++)
                waiting += records[i]->persist && record_next_expiry(records[i]) != USEC_INFINITY;
        ledger_free_records(records, n);
        if (waiting > 0)
                (void) snprintf(detail, DETAIL_MAX, "%zu would miss their end after a reboot",
                                waiting);
        return waiting > 0 ? HEALTH_WARNING : HEALTH_OK;
}

static const Check checks[] = {
        { "backend", check_backend,
          "run it where systemd is PID 1, or make the cpu cgroup writable (in a container: its manager's option for cgroups)" },
        { "cgroups", check_cgroup,
          "boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1): v1 has no memory-high and no IO weight" },
        { "controllers", check_controllers,
          "look for DisableControllers= in unit files, cgroup_disable= on the kernel command line, and at the container's manager" },
        { "real-time groups", check_rt,
          "a kernel without CONFIG_RT_GROUP_SCHED, or no real-time processes outside the root cgroup (rtkit)" },
        { "kernel", check_kernel, "another kernel, older or newer; see leash(1), NOTES" },
        { "pidfds", check_pidfd, "Linux 5.3 or newer" },
        { "load averages", check_averages,
          "a kernel with CONFIG_SCHED_DEBUG finds offenders at once" },
        { "pressure", check_psi, "boot with psi=1; leashd needs it, leash does not" },
        { "logind", check_logind,
          "systemctl start systemd-logind, and pam_systemd in the PAM stack" },
        { "ledger", check_ledger,
          "run any changing leash command as root: it finishes the work, or says why not" },
        { "damaged records", check_set_aside,
          "look at /run/leash/*.damaged, compare with 'systemctl show', then delete the file" },
        { "enforced", check_enforced,
          "leash the user again; if it comes back, look for a drop-in that sorts after " DROPIN_NAME },
        { "other backends", check_others,
          "leash release -u UID; see 'Another backend' in leash(1)" },
        { "persistent leashes", check_restore, "systemctl enable leash-restore.service" },
        { "leftovers", check_orphans, "leash release -u UID takes them away" },
};

static void print_check(const Check *check, Health health, const char *detail) {
        static const char *const words[] = { "ok", "warning", "FAILED" };
        static const Colour colours[] = { COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED };

        (void) printf("%s%-8s%s ", output_colour(stdout, colours[health]), words[health],
                      output_colour(stdout, COLOUR_PLAIN));
        output_line("%-17s %s", check->name, detail);
        if (health != HEALTH_OK)
                output_line("         -> %s", check->remedy);
}

static struct json_object *check_to_json(const Check *check, Health health, const char *detail) {
        static const char *const words[] = { "ok", "warning", "failed" };
        struct json_object *o = json_object_new_object();

        (void) json_object_object_add(o, "check", json_object_new_string(check->name));
        (void) json_object_object_add(o, "health", json_object_new_string(words[health]));
        (void) json_object_object_add(o, "detail", json_object_new_string(detail));
        (void) json_object_object_add(
                o, "remedy", health == HEALTH_OK ? NULL : json_object_new_string(check->remedy));
        return o;
}

Exit verb_doctor(Context *c) {
        struct json_object *array = c->args.json ? json_object_new_array() : NULL;
        Health worst = HEALTH_OK;
        Exit e;

        e = context_look_at_ledger(c);
        for (size_t i = 0; i < ELEMENTSOF(checks); i++) {
                char detail[DETAIL_MAX] = "";
                Health health = checks[i].run(c, detail);

                worst = MAX_OF(worst, health);
                if (array)
                        (void) json_object_array_add(array,
                                                     check_to_json(&checks[i], health, detail));
                else
                        print_check(&checks[i], health, detail);
        }
        if (array)
                e = exit_worse(e, view_print_json(array));
        return exit_worse(e, worst == HEALTH_FAILED ? EXIT_NOT_ENFORCED : EXIT_DONE);
}
