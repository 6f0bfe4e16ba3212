/* SPDX-License-Identifier: MIT */
/* leash-xrdp audit: what is wrong with this server, by the rules of core/audit. Exit status and
 * first line are those of monitoring plugins. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <json-c/json.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/json.h"
#include "core/audit.h"
#include "os/file.h"
#include "os/output.h"
#include "table.h"
#include "verbs.h"

#define TEXT_MAX (256 * 1024)
#define TEXTS_MAX 1024
#define GROUPS_MAX 256

/* Files, and directories of files of an ending. */
static const struct {
        const char *path, *ending; /* ending NULL: a file; "": all of the directory's */
} places[] = {
        { "/etc/xrdp/sesman.ini", NULL },
        { "/etc/xrdp/xrdp.ini", NULL },
        { "/etc/pam.d", "" },
        { "/etc/polkit-1/rules.d", ".rules" },
        { "/usr/share/polkit-1/rules.d", ".rules" },
        { "/etc/polkit-1/localauthority/50-local.d", ".pkla" },
        { "/etc/leash/leash.conf", NULL },
        { "/etc/leash/leash.conf.d", ".conf" },
        { "/etc/systemd/system/user-.slice.d", ".conf" },
        { "/etc/systemd/logind.conf", NULL },
        { "/etc/systemd/logind.conf.d", ".conf" },
};

typedef struct Texts {
        const char *root;
        AuditText *all;
        size_t n;
} Texts;

static void texts_done(Texts *t) {
        for (size_t i = 0; i < t->n; i++) {
                free(t->all[i].path);
                free(t->all[i].text);
        }
        free(t->all);
        *t = (Texts){};
}

/* Links are root's own here, as authselect(8) makes them. Returns -ENOENT if there is nothing. */
static int read_text(const char *path, char **ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        return S_ISREG(st.st_mode) ? file_read_fd(fd, TEXT_MAX, ret, NULL) : -EISDIR;
}

/* What is there and cannot be read is noted without a text. */
static int add(Texts *t, const char *path) {
        _cleanup_free_ char *full = file_path("%s%s", t->root, path), *name = strdup(path);
        char *text = NULL;
        AuditText *all;
        int r;

        if (!full || !name)
                return -ENOMEM;
        r = read_text(full, &text);
        if (r == -ENOMEM)
                return r;
        if (r == -ENOENT || r == -ENOTDIR || r == -EISDIR || t->n == TEXTS_MAX)
                return 0;
        all = reallocarray(t->all, t->n + 1, sizeof(AuditText));
        if (!all) {
                free(text);
                return -ENOMEM;
        }
        t->all = all;
        t->all[t->n++] = (AuditText){ .path = TAKE_PTR(name), .text = text };
        return 0;
}

static bool ends_in(const char *name, const char *ending) {
        size_t n = strlen(name), k = strlen(ending);

        return name[0] != '.' && n > k && strcmp(name + n - k, ending) == 0;
}

static int add_dir(Texts *t, const char *path, const char *ending) {
        _cleanup_free_ char *full = file_path("%s%s", t->root, path);
        _cleanup_closedir_ DIR *d = full ? opendir(full) : NULL;
        int r = full ? 0 : -ENOMEM;

        for (struct dirent *e; r >= 0 && d && t->n < TEXTS_MAX && (e = readdir(d));) {
                _cleanup_free_ char *one = NULL;

                if (!ends_in(e->d_name, ending))
                        continue;
                one = file_path("%s/%s", path, e->d_name);
                r = one ? add(t, one) : -ENOMEM;
        }
        return r;
}

static int compare_texts(const void *a, const void *b) {
        return strcmp(((const AuditText *) a)->path, ((const AuditText *) b)->path);
}

static int gather(Texts *t) {
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(places) && r >= 0; i++)
                r = places[i].ending ? add_dir(t, places[i].path, places[i].ending)
                                     : add(t, places[i].path);
        if (t->n > 0)
                qsort(t->all, t->n, sizeof(AuditText), compare_texts);
        return r;
}

/* ---- what the rules ask for --------------------------------------------------------------------
 */

static bool group_exists(const char *name, void *userdata _unused_) {
        return getgrnam(name) != NULL;
}

/* `bit`: S_IROTH or S_IXOTH, as for others. */
static bool may(const struct stat *st, const struct passwd *user, mode_t bit) {
        gid_t groups[GROUPS_MAX];
        int n = GROUPS_MAX;

        if (st->st_uid == user->pw_uid)
                return st->st_mode & (bit << 6);
        n = getgrouplist(user->pw_name, user->pw_gid, groups, &n) < 0 ? GROUPS_MAX : n;
        for (int i = 0; i < n; i++)
                if (groups[i] == st->st_gid)
                        return st->st_mode & (bit << 3);
        return st->st_mode & bit;
}

/* Debian's xrdp runs as a user of its own, who has to get at the key. */
static bool is_closed_to_xrdp(const char *path, const struct stat *st) {
        const struct passwd *user = getpwnam("xrdp");
        _cleanup_free_ char *dir = strdup(path);
        struct stat above;

        if (!user || !dir || user->pw_uid == 0)
                return false;
        *strrchr(dir, '/') = '\0';
        return !may(st, user, S_IROTH) ||
               (dir[0] && stat(dir, &above) == 0 && !may(&above, user, S_IXOTH));
}

static AuditFile look(const char *path, void *userdata) {
        const char *root = userdata;
        _cleanup_free_ char *full = file_path("%s%s", root, path), *real = NULL;
        AuditFile f = { .known = true };
        struct stat st;
        ssize_t n;

        if (!full)
                return (AuditFile){};
        n = readlink(full, f.target, sizeof(f.target) - 1);
        f.target[MAX_OF(n, 0)] = '\0';
        real = f.target[0] == '/' ? file_path("%s%s", root, f.target) : strdup(full);
        if (!real)
                return (AuditFile){};
        if (stat(real, &st) < 0) {
                f.known = errno == ENOENT || errno == ENOTDIR;
                return f;
        }
        f.exists = true;
        f.world_readable = st.st_mode & S_IROTH;
        f.unreadable_to_xrdp = is_closed_to_xrdp(real, &st);
        return f;
}

/* ---- saying it ---------------------------------------------------------------------------------
 */

static const char *place(const AuditFinding *f, char buf[static PATH_MAX]) {
        if (f->line > 0)
                (void) snprintf(buf, PATH_MAX, "%s:%u", f->file, f->line);
        else
                (void) snprintf(buf, PATH_MAX, "%s", f->file);
        return buf;
}

static Exit print_json(const AuditFinding *findings, size_t n) {
        struct json_object *array = json_object_new_array();

        for (size_t i = 0; i < n; i++) {
                const AuditFinding *f = &findings[i];
                struct json_object *o = json_object_new_object();
                const struct {
                        const char *key;
                        struct json_object *value;
                } members[] = {
                        { "id", json_text(f->rule->id) },
                        { "level", json_text(audit_level_to_string(f->rule->level)) },
                        { "file", json_text(f->file) },
                        { "line", f->line > 0 ? json_object_new_int64(f->line) : NULL },
                        { "found", json_text(f->found) },
                        { "why", json_text(f->rule->why) },
                        { "remedy", json_text(f->rule->remedy) },
                };

                for (size_t k = 0; k < ELEMENTSOF(members); k++)
                        (void) json_object_object_add(o, members[k].key, members[k].value);
                (void) json_object_array_add(array, o);
        }
        return json_print(array) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static void print_text(const AuditFinding *findings, size_t n, AuditLevel worst) {
        static const char *const words[_AUDIT_LEVEL_MAX] = { "OK", "WARNING", "CRITICAL",
                                                             "UNKNOWN" };
        size_t count[_AUDIT_LEVEL_MAX] = {};
        char buf[PATH_MAX];

        for (size_t i = 0; i < n; i++)
                count[findings[i].rule->level]++;
        output_line(
                "XRDP %s: %zu critical, %zu warning, %zu unknown, %zu note | critical=%zu "
                "warning=%zu unknown=%zu",
                words[worst], count[AUDIT_CRITICAL], count[AUDIT_WARNING], count[AUDIT_UNKNOWN],
                count[AUDIT_NOTE], count[AUDIT_CRITICAL], count[AUDIT_WARNING],
                count[AUDIT_UNKNOWN]);
        for (size_t i = 0; i < n; i++) {
                const AuditFinding *f = &findings[i];

                output_line("%s %s %s: %s", audit_level_to_string(f->rule->level), f->rule->id,
                            place(f, buf), f->found);
                output_line("    %s", f->rule->why);
                output_line("    Remedy: %s", f->rule->remedy);
        }
}

/* An audit that could not be made is unknown, which is 3 for monitoring. */
Exit verb_audit(const Arguments *a) {
        _cleanup_(texts_done) Texts texts = { .root = table_root() };
        _cleanup_free_ AuditFinding *findings = calloc(AUDIT_FINDINGS_MAX, sizeof(AuditFinding));
        AuditInput input = { .group_exists = group_exists,
                             .look = look,
                             .userdata = (void *) table_root() };
        AuditLevel worst;
        size_t n;
        int r;

        r = findings ? gather(&texts) : -ENOMEM;
        if (r < 0) {
                output_error("cannot look: %s", strerror(-r));
                return (Exit) AUDIT_UNKNOWN;
        }
        input.texts = texts.all;
        input.n_texts = texts.n;
        n = audit_run(&input, findings);
        worst = audit_worst(findings, n);
        if (!a->json)
                print_text(findings, n, worst);
        else if (print_json(findings, n) != EXIT_DONE)
                return (Exit) AUDIT_UNKNOWN;
        return (Exit) worst;
}
