/* SPDX-License-Identifier: MIT */
/* The units of the fake PID 1. */

#define _GNU_SOURCE
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

/* ---- files ---------------------------------------------------------------------------------- */

/* Whatever goes wrong with a file of the test's own directory is the test's fault, and ends it. */
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

                /* A file of the same name in a directory looked at before masks this one. */
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

void units_load(const char *root, bool realize) {
        char path[PATH_MAX];
        glob_t found;

        (void) snprintf(path, sizeof(path), "%s/sys/fs/cgroup/user.slice/*.slice", root);
        if (glob(path, GLOB_ONLYDIR, NULL, &found) == 0)
                for (size_t i = 0; i < found.gl_pathc; i++) {
                        const char *unit = strrchr(found.gl_pathv[i], '/') + 1;
                        Values v;

                        values_of_files(root, unit, &v);
                        live_write(root, unit, &v);
                        if (realize)
                                unit_realize(root, unit);
                }
        globfree(&found);
}
