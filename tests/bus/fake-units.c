/* SPDX-License-Identifier: MIT */
/* The units of the fake PID 1. */

#define _GNU_SOURCE
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-units.h"

#define TEXT_MAX (64 * 1024)
#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))

typedef enum Kind {
        KIND_QUOTA,
        KIND_PERIOD,
        KIND_WEIGHT,
        KIND_NUMBER,
        KIND_CPUS,
} Kind;

typedef struct PropertyInfo {
        const char *name, *directive, *controller, *file;
        Kind kind;
} PropertyInfo;

static const PropertyInfo properties[_PROPERTY_MAX] = {
        [PROPERTY_CPU_QUOTA] = { "CPUQuotaPerSecUSec", "CPUQuota", "cpu", "cpu.max", KIND_QUOTA },
        [PROPERTY_CPU_PERIOD] = { "CPUQuotaPeriodUSec", "CPUQuotaPeriodSec", "cpu", NULL,
                                  KIND_PERIOD },
        [PROPERTY_CPU_WEIGHT] = { "CPUWeight", "CPUWeight", "cpu", "cpu.weight", KIND_WEIGHT },
        [PROPERTY_MEMORY_HIGH] = { "MemoryHigh", "MemoryHigh", "memory", "memory.high",
                                   KIND_NUMBER },
        [PROPERTY_MEMORY_MAX] = { "MemoryMax", "MemoryMax", "memory", "memory.max", KIND_NUMBER },
        [PROPERTY_SWAP_MAX] = { "MemorySwapMax", "MemorySwapMax", "memory", "memory.swap.max",
                                KIND_NUMBER },
        [PROPERTY_TASKS_MAX] = { "TasksMax", "TasksMax", "pids", "pids.max", KIND_NUMBER },
        [PROPERTY_IO_WEIGHT] = { "IOWeight", "IOWeight", "io", "io.weight", KIND_WEIGHT },
        [PROPERTY_CPUS] = { "AllowedCPUs", "AllowedCPUs", "cpuset", "cpuset.cpus", KIND_CPUS },
};

Property property_find(const char *name) {
        for (Property i = 0; i < _PROPERTY_MAX; i++)
                if (strcmp(properties[i].name, name) == 0)
                        return i;
        return _PROPERTY_INVALID;
}

const char *property_name(Property property) {
        return properties[property].name;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Whatever goes wrong with a file of the test's own folder is the test's fault, and ends it. */
static void check(bool good, const char *path) {
        if (good)
                return;
        (void) fprintf(stderr, "fake-systemd: %s: %s\n", path, strerror(errno));
        exit(EXIT_FAILURE);
}

static bool read_text(const char *path, char text[static TEXT_MAX]) {
        FILE *f = fopen(path, "re");
        size_t n;

        if (!f)
                return false;
        n = fread(text, 1, TEXT_MAX - 1, f);
        text[n] = '\0';
        (void) fclose(f);
        return true;
}

static void write_text(const char *path, const char *text) {
        FILE *f = fopen(path, "we");

        check(f && fputs(text, f) >= 0 && fclose(f) == 0, path);
}

static void make_parents(const char *path) {
        char copy[PATH_MAX];

        (void) snprintf(copy, sizeof(copy), "%s", path);
        for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                check(mkdir(copy, 0755) == 0 || errno == EEXIST, copy);
                *slash = '/';
        }
}

/* ---- values as text ------------------------------------------------------------------------- */

static bool cpu_is_set(const Values *v, size_t cpu) {
        return cpu / 8 < v->n_cpus && v->cpus[cpu / 8] & 1U << cpu % 8;
}

static void set_cpu(Values *v, size_t cpu) {
        if (cpu / 8 >= CPUS_BYTES)
                return;
        v->cpus[cpu / 8] |= 1U << cpu % 8;
        if (cpu / 8 >= v->n_cpus)
                v->n_cpus = cpu / 8 + 1;
}

static void values_format_cpus(const Values *v, char *buf, size_t size) {
        size_t at = 0;

        buf[0] = '\0';
        for (size_t first = 0; first < v->n_cpus * 8; first++) {
                size_t last = first;

                if (!cpu_is_set(v, first))
                        continue;
                while (cpu_is_set(v, last + 1))
                        last++;
                at += snprintf(buf + at, size - at, last > first ? "%s%zu-%zu" : "%s%zu",
                               at ? "," : "", first, last);
                assert(at < size);
                first = last;
        }
}

/* Lists add up over the assignments, and an empty one starts anew (parse_cpu_set_extend()). */
static void values_parse_cpus(Values *v, const char *text) {
        const char *p = text;
        size_t first, last;
        int n;

        if (*text == '\0') {
                memset(v->cpus, 0, sizeof(v->cpus));
                v->n_cpus = 0;
        }
        while (sscanf(p, "%zu%n", &first, &n) == 1) {
                p += n;
                last = first;
                if (*p == '-' && sscanf(p, "-%zu%n", &last, &n) == 1)
                        p += n;
                for (size_t i = first; i <= last; i++)
                        set_cpu(v, i);
                p += strspn(p, ", ");
        }
}

static uint64_t scale(const char *unit) {
        static const struct {
                const char *unit;
                uint64_t factor;
        } units[] = {
                { "", 1 },
                { "us", 1 },
                { "ms", 1000 },
                { "s", 1000000 },
                { "K", UINT64_C(1) << 10 },
                { "M", UINT64_C(1) << 20 },
                { "G", UINT64_C(1) << 30 },
        };

        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strcmp(units[i].unit, unit) == 0)
                        return units[i].factor;
        return 0;
}

/* One assignment of a unit file. What systemd would warn of and ignore is ignored; "infinity" for
 * CPUQuota= is among it (config_parse_cpu_quota()). */
static void values_parse_directive(Values *v, Property property, const char *text) {
        Kind kind = properties[property].kind;
        unsigned long long number;
        double percent;
        int n = 0;

        if (kind == KIND_CPUS)
                values_parse_cpus(v, text);
        else if (*text == '\0' || (kind == KIND_NUMBER && strcmp(text, "infinity") == 0))
                v->number[property] = INFINITE;
        else if (kind == KIND_QUOTA) {
                if (sscanf(text, "%lf%%%n", &percent, &n) == 1 && n > 0 && text[n] == '\0' &&
                    percent > 0)
                        v->number[property] = (uint64_t) (percent * 100 + 0.5) * 100;
        } else if (sscanf(text, "%llu%n", &number, &n) == 1 && scale(text + n) > 0)
                v->number[property] = number * scale(text + n);
}

static void values_format_directive(const Values *v, Property property, char *buf, size_t size) {
        const char *directive = properties[property].directive;
        Kind kind = properties[property].kind;
        uint64_t number = v->number[property];
        char list[8192];

        if (kind == KIND_CPUS) {
                values_format_cpus(v, list, sizeof(list));
                (void) snprintf(buf, size, "%s=\n%s=%s", directive, directive, list);
        } else if (number == INFINITE)
                (void) snprintf(buf, size, "%s=%s", directive,
                                kind == KIND_NUMBER ? "infinity" : "");
        else if (kind == KIND_QUOTA) /* whole percents: systemd loses the rest */
                (void) snprintf(buf, size, "%s=%" PRIu64 "%%", directive, number / 10000);
        else
                (void) snprintf(buf, size, "%s=%" PRIu64 "%s", directive, number,
                                kind == KIND_PERIOD ? "us" : "");
}

/* ---- unit files ------------------------------------------------------------------------------ */

typedef struct DropIn {
        char *name, *path;
} DropIn;

typedef struct DropIns {
        DropIn list[256];
        size_t n;
} DropIns;

static void add_dropins(DropIns *d, const char *dir) {
        struct dirent **entries;
        int n = scandir(dir, &entries, NULL, alphasort);

        for (int i = 0; i < n; i++) {
                const char *name = entries[i]->d_name, *dot = strrchr(name, '.');
                bool known = name[0] == '.' || !dot || strcmp(dot, ".conf") != 0;
                DropIn *new = &d->list[d->n];

                /* A file of the same name in a folder that was looked at before masks this one. */
                for (size_t j = 0; j < d->n && !known; j++)
                        known = strcmp(d->list[j].name, name) == 0;
                if (!known && d->n < ELEMENTSOF(d->list)) {
                        new->name = strdup(name);
                        check(new->name &&asprintf(&new->path, "%s/%s", dir, name) > 0, dir);
                        d->n++;
                }
                free(entries[i]);
        }
        if (n >= 0)
                free(entries);
}

static int compare_dropins(const void *a, const void *b) {
        return strcmp(((const DropIn *) a)->name, ((const DropIn *) b)->name);
}

/* All that configure the unit, in the order in which they count (systemd.unit(5)). */
static void find_dropins(const char *root, const char *unit, DropIns *d) {
        static const char *const dirs[] = {
                "/etc/systemd/system.control", "/run/systemd/system.control",
                "/run/systemd/transient",      "/etc/systemd/system",
                "/run/systemd/system",         "/usr/lib/systemd/system",
        };
        const char *names[] = { unit, "user-.slice", "slice" };

        d->n = 0;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                for (size_t j = 0; j < ELEMENTSOF(dirs); j++) {
                        char dir[PATH_MAX];

                        (void) snprintf(dir, sizeof(dir), "%s%s/%s.d", root, dirs[j], names[i]);
                        add_dropins(d, dir);
                }
        qsort(d->list, d->n, sizeof(DropIn), compare_dropins);
}

static void parse_file(const char *path, Values *v) {
        static char text[TEXT_MAX];

        if (!read_text(path, text))
                return;
        for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
                char *value = strchr(line, '=');

                if (!value)
                        continue;
                *value++ = '\0';
                for (Property i = 0; i < _PROPERTY_MAX; i++)
                        if (strcmp(properties[i].directive, line) == 0)
                                values_parse_directive(v, i, value);
        }
}

static void values_of_files(const char *root, const char *unit, Values *ret) {
        static DropIns d;

        *ret = (Values){};
        for (Property i = 0; i < _PROPERTY_MAX; i++)
                ret->number[i] = INFINITE;
        find_dropins(root, unit, &d);
        for (size_t i = 0; i < d.n; i++) {
                parse_file(d.list[i].path, ret);
                free(d.list[i].name);
                free(d.list[i].path);
        }
}

static void write_dropin(const char *root, const char *unit, Property property, const Values *v) {
        char path[PATH_MAX], setting[16384], text[16384 + 256];

        (void) snprintf(path, sizeof(path), "%s/run/systemd/system.control/%s.d/50-%s.conf", root,
                        unit, properties[property].directive);
        values_format_directive(v, property, setting, sizeof(setting));
        (void) snprintf(
                text, sizeof(text),
                "# This is a drop-in unit file extension, created via \"systemctl set-property\"\n"
                "# or an equivalent operation. Do not edit.\n[Slice]\n%s\n",
                setting);
        make_parents(path);
        write_text(path, text);
}

/* ---- live values ----------------------------------------------------------------------------- */

static void live_path(const char *root, const char *unit, char ret[static PATH_MAX]) {
        (void) snprintf(ret, PATH_MAX, "%s/fake/live/%s", root, unit);
}

static void transient_path(const char *root, const char *unit, char ret[static PATH_MAX]) {
        (void) snprintf(ret, PATH_MAX, "%s/run/systemd/transient/%s", root, unit);
}

static bool is_file_backed(const char *unit) {
        const char *dot = strrchr(unit, '.');

        return dot && strcmp(dot, ".slice") == 0;
}

/* Slices stand below user.slice, scopes one further down. */
static bool find_cgroup(const char *root, const char *unit, char ret[static PATH_MAX]) {
        char pattern[PATH_MAX];
        glob_t found;
        bool there;

        (void) snprintf(pattern, sizeof(pattern), "%s/sys/fs/cgroup/user.slice/%s%s", root,
                        is_file_backed(unit) ? "" : "*/", unit);
        there = glob(pattern, GLOB_ONLYDIR, NULL, &found) == 0;
        if (there)
                (void) snprintf(ret, PATH_MAX, "%s", found.gl_pathv[0]);
        globfree(&found);
        return there;
}

static void live_write(const char *root, const char *unit, const Values *v) {
        char path[PATH_MAX];
        FILE *f;

        live_path(root, unit, path);
        f = fopen(path, "we");
        check(f, path);
        for (Property i = 0; i < _PROPERTY_MAX; i++) {
                char list[8192];

                if (properties[i].kind == KIND_CPUS) {
                        values_format_cpus(v, list, sizeof(list));
                        (void) fprintf(f, "%s=%s\n", properties[i].name, list);
                } else if (v->number[i] == INFINITE)
                        (void) fprintf(f, "%s=infinity\n", properties[i].name);
                else
                        (void) fprintf(f, "%s=%" PRIu64 "\n", properties[i].name, v->number[i]);
        }
        check(fclose(f) == 0, path);
}

static bool live_read(const char *root, const char *unit, Values *ret) {
        static char text[TEXT_MAX];
        char path[PATH_MAX];

        live_path(root, unit, path);
        if (!read_text(path, text))
                return false;
        *ret = (Values){};
        for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
                char *value = strchr(line, '=');
                Property i;

                if (!value)
                        continue;
                *value++ = '\0';
                i = property_find(line);
                if (i == PROPERTY_CPUS)
                        values_parse_cpus(ret, value);
                else if (i >= 0)
                        ret->number[i] = strcmp(value, "infinity") == 0 ? INFINITE
                                                                        : strtoull(value, NULL, 10);
        }
        return true;
}

bool unit_is_loaded(const char *root, const char *unit) {
        char path[PATH_MAX];

        if (find_cgroup(root, unit, path))
                return true;
        transient_path(root, unit, path);
        return access(path, F_OK) == 0;
}

void unit_values(const char *root, const char *unit, Values *ret) {
        char cgroup[PATH_MAX];

        if (find_cgroup(root, unit, cgroup) && live_read(root, unit, ret))
                return;
        values_of_files(root, unit, ret);
}

void unit_set(const char *root, const char *unit, Property property, const Values *values) {
        char cgroup[PATH_MAX];
        Values now;

        if (is_file_backed(unit)) /* a transient unit's are elsewhere and go with it */
                write_dropin(root, unit, property, values);
        if (!find_cgroup(root, unit, cgroup))
                return;
        unit_values(root, unit, &now);
        now.number[property] = values->number[property];
        if (property == PROPERTY_CPUS) {
                memcpy(now.cpus, values->cpus, sizeof(now.cpus));
                now.n_cpus = values->n_cpus;
        }
        live_write(root, unit, &now);
}

/* ---- the kernel ------------------------------------------------------------------------------ */

static bool has_controller(const char *cgroup, const char *controller) {
        static char text[TEXT_MAX];
        char path[PATH_MAX + 32];

        (void) snprintf(path, sizeof(path), "%s/cgroup.controllers", cgroup);
        if (!read_text(path, text))
                return false;
        for (char *save = NULL, *word = strtok_r(text, " \n", &save); word;
             word = strtok_r(NULL, " \n", &save))
                if (strcmp(word, controller) == 0)
                        return true;
        return false;
}

/* As cgroup_cpu_adjust_period() has it: neither the period nor what is granted in it may be below
 * a millisecond, nor the period over a second. */
static void format_cpu_max(const Values *v, char *buf, size_t size) {
        uint64_t quota = v->number[PROPERTY_CPU_QUOTA], period = v->number[PROPERTY_CPU_PERIOD],
                 granted;

        if (period == INFINITE)
                period = 100000;
        if (period < 1000)
                period = 1000;
        if (quota != INFINITE && quota > 0 && period < UINT64_C(1000000000) / quota)
                period = UINT64_C(1000000000) / quota;
        if (period > 1000000)
                period = 1000000;
        granted = quota == INFINITE ? 0 : quota * period / 1000000;
        if (quota == INFINITE)
                (void) snprintf(buf, size, "max %" PRIu64 "\n", period);
        else
                (void) snprintf(buf, size, "%" PRIu64 " %" PRIu64 "\n",
                                granted < 1000 ? 1000 : granted, period);
}

static void values_format_kernel(const Values *v, Property property, char *buf, size_t size) {
        uint64_t number = v->number[property];

        switch (properties[property].kind) {
        case KIND_QUOTA:
                format_cpu_max(v, buf, size);
                return;
        case KIND_CPUS:
                values_format_cpus(v, buf, size - 1);
                (void) strcat(buf, "\n");
                return;
        case KIND_WEIGHT:
                (void) snprintf(buf, size, "%s%" PRIu64 "\n",
                                property == PROPERTY_IO_WEIGHT ? "default " : "",
                                number == INFINITE ? 100 : number);
                return;
        default:
                if (number == INFINITE)
                        (void) snprintf(buf, size, "max\n");
                else
                        (void) snprintf(buf, size, "%" PRIu64 "\n", number);
        }
}

void unit_realize(const char *root, const char *unit) {
        char cgroup[PATH_MAX], path[PATH_MAX + 64], text[8192];
        Values v;

        if (!find_cgroup(root, unit, cgroup))
                return;
        unit_values(root, unit, &v);
        for (Property i = 0; i < _PROPERTY_MAX; i++) {
                if (!properties[i].file || !has_controller(cgroup, properties[i].controller))
                        continue;
                (void) snprintf(path, sizeof(path), "%s/%s", cgroup, properties[i].file);
                values_format_kernel(&v, i, text, sizeof(text));
                write_text(path, text);
        }
}

bool unit_freeze(const char *root, const char *unit, bool freeze) {
        char cgroup[PATH_MAX], path[PATH_MAX + 32];

        if (!find_cgroup(root, unit, cgroup))
                return false;
        (void) snprintf(path, sizeof(path), "%s/cgroup.freeze", cgroup);
        write_text(path, freeze ? "1\n" : "0\n");
        return true;
}

bool unit_is_frozen(const char *root, const char *unit) {
        static char text[TEXT_MAX];
        char cgroup[PATH_MAX], path[PATH_MAX + 32];

        if (!find_cgroup(root, unit, cgroup))
                return false;
        (void) snprintf(path, sizeof(path), "%s/cgroup.freeze", cgroup);
        return read_text(path, text) && text[0] == '1';
}

void unit_make_scope(const char *root, const char *slice, const char *scope) {
        static char controllers[TEXT_MAX];
        char cgroup[PATH_MAX], path[PATH_MAX + 300];
        Values v;

        if (!find_cgroup(root, slice, cgroup)) {
                (void) snprintf(cgroup, sizeof(cgroup), "%s/sys/fs/cgroup/user.slice/%s", root,
                                slice);
                check(mkdir(cgroup, 0755) == 0, cgroup);
        }
        (void) snprintf(path, sizeof(path), "%s/cgroup.controllers", cgroup);
        if (!read_text(path, controllers))
                (void) strcpy(controllers, "cpu\n");
        (void) snprintf(path, sizeof(path), "%s/%s", cgroup, scope);
        check(mkdir(path, 0755) == 0, path);
        (void) snprintf(path, sizeof(path), "%s/%s/cgroup.controllers", cgroup, scope);
        write_text(path, controllers);
        (void) snprintf(path, sizeof(path), "%s/%s/cgroup.procs", cgroup, scope);
        write_text(path, "");
        values_of_files(root, scope, &v);
        live_write(root, scope, &v);
}

/* Takes the process out of one cgroup.procs, or adds it. */
static void edit_procs(const char *path, pid_t pid, bool add) {
        static char text[TEXT_MAX];
        char line[32], kept[TEXT_MAX] = "";
        size_t at = 0;

        if (!read_text(path, text))
                return;
        (void) snprintf(line, sizeof(line), "%d", (int) pid);
        for (char *save = NULL, *word = strtok_r(text, "\n", &save); word;
             word = strtok_r(NULL, "\n", &save))
                if (strcmp(word, line) != 0)
                        at += snprintf(kept + at, sizeof(kept) - at, "%s\n", word);
        if (add)
                (void) snprintf(kept + at, sizeof(kept) - at, "%s\n", line);
        write_text(path, kept);
}

void unit_attach(const char *root, const char *unit, pid_t pid) {
        static const char *const levels[] = { "*", "*/*", "*/*/*" };
        char cgroup[PATH_MAX], path[PATH_MAX + 32];

        for (size_t i = 0; i < ELEMENTSOF(levels); i++) {
                glob_t found;

                (void) snprintf(path, sizeof(path), "%s/sys/fs/cgroup/%s/cgroup.procs", root,
                                levels[i]);
                if (glob(path, 0, NULL, &found) == 0)
                        for (size_t j = 0; j < found.gl_pathc; j++)
                                edit_procs(found.gl_pathv[j], pid, false);
                globfree(&found);
        }
        if (!find_cgroup(root, unit, cgroup))
                return;
        (void) snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
        edit_procs(path, pid, true);
}

void unit_make(const char *root, const char *unit) {
        char path[PATH_MAX];

        transient_path(root, unit, path);
        make_parents(path);
        write_text(
                path,
                "# This is a transient unit file, created programmatically via the systemd API. Do not edit.\n");
}

/* A timer takes the service with it that it would have started: nothing else holds that one. */
void unit_remove(const char *root, const char *unit) {
        char path[PATH_MAX], *dot;

        transient_path(root, unit, path);
        check(unlink(path) == 0, path);
        dot = strrchr(path, '.');
        if (dot && strcmp(dot, ".timer") == 0) {
                (void) snprintf(dot, sizeof(path) - (dot - path), ".service");
                (void) unlink(path);
        }
}

void units_reload(const char *root) {
        char path[PATH_MAX];
        glob_t found;

        (void) snprintf(path, sizeof(path), "%s/sys/fs/cgroup/user.slice/*.slice", root);
        if (glob(path, GLOB_ONLYDIR, NULL, &found) == 0)
                for (size_t i = 0; i < found.gl_pathc; i++) {
                        const char *unit = strrchr(found.gl_pathv[i], '/') + 1;
                        Values v;

                        values_of_files(root, unit, &v);
                        live_write(root, unit, &v);
                        unit_realize(root, unit);
                }
        globfree(&found);
}
