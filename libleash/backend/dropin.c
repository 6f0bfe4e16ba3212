/* SPDX-License-Identifier: MIT */
/* Drop-in files of a slice: our own, systemd's run-time ones that we disturb, and the admin's. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/dropin.h"
#include "core/array.h"
#include "core/parse.h"
#include "os/file.h"

#define RUN_DIR "/run/systemd/system"
#define ETC_DIR "/etc/systemd/system"
#define CONTROL_DIR "/run/systemd/system.control"
#define CONTENT_MAX RECORD_CONTENT_MAX

static char *dropin_dir(const char *root, const char *base, const char *unit) {
        return file_path("%s%s/%s.d", root, base, unit);
}

static int open_dir(const char *path) {
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

#define NAME_SIZE 64

/* Of the file that SetUnitProperties writes for a limit. */
static char *control_name(Limit limit, char buf[static NAME_SIZE]) {
        (void) snprintf(buf, NAME_SIZE, "50-%s.conf", limits_table[limit].directive);
        return buf;
}

uint32_t dropin_open_bases(const Record *record) {
        char name[NAME_SIZE];
        uint32_t open = 0;

        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                if (!limits_table[i].directive || limits_has(&record->base, i))
                        continue;
                control_name(i, name);
                for (size_t j = 0; j < record->n_files; j++)
                        if (strcmp(record->files[j].name, name) == 0)
                                open |= UINT32_C(1) << i;
        }
        return open;
}

void dropin_forget(Record *record, uint32_t which) {
        char name[NAME_SIZE];

        for (Limit i = 0; i < _LIMIT_MAX; i++)
                if (which & UINT32_C(1) << i)
                        record_drop_file(record, control_name(i, name));
}

/* *ret is -EBADF where there is no such directory, as is the rule. */
static int open_control(const char *root, const char *unit, int *ret) {
        _cleanup_free_ char *path = dropin_dir(root, CONTROL_DIR, unit);
        int fd;

        if (!path)
                return -ENOMEM;
        fd = open_dir(path);
        if (fd < 0 && fd != -ENOENT && fd != -ENOTDIR)
                return fd;
        *ret = fd < 0 ? -EBADF : fd;
        return 0;
}

/* *ret is NULL where there is no such file. */
static int read_saved(int control_fd, const char *name, char **ret) {
        _cleanup_free_ char *content = NULL;
        size_t size;
        int r;

        r = control_fd < 0 ? -ENOENT : file_read(control_fd, name, CONTENT_MAX, &content, &size);
        if (r < 0 && r != -ENOENT)
                return r;
        /* No unit file; and the ledger keeps text, so it could not be given back byte for byte. */
        if (content && strlen(content) != size)
                return -EBADMSG;
        *ret = TAKE_PTR(content);
        return 0;
}

int dropin_save(const char *root, Record *record, Limit limit) {
        _cleanup_free_ char *content = NULL;
        _cleanup_close_ int fd = -EBADF;
        char name[NAME_SIZE];
        int r;

        control_name(limit, name);
        r = open_control(root, record->target, &fd);
        if (r >= 0)
                r = read_saved(fd, name, &content);
        return r < 0 ? r : record_add_file(record, name, content);
}

/* The directories above are systemd's own; only that of the unit may have come with our change. */
static void remove_empty(const char *path) {
        (void) rmdir(path); /* not empty is the usual case where others have files there */
}

int dropin_restore_saved(const char *root, const Record *record) {
        _cleanup_free_ char *path = dropin_dir(root, CONTROL_DIR, record->target);
        _cleanup_close_ int fd = -EBADF;

        if (!path)
                return -ENOMEM;
        fd = open_dir(path);
        if (fd == -ENOENT)
                return 0;
        if (fd < 0)
                return fd;
        for (size_t i = 0; i < record->n_files; i++) {
                const RecordFile *f = &record->files[i];
                int r = f->content ? file_write_atomic(fd, f->name, f->content, strlen(f->content),
                                                       0644, false)
                                   : file_unlink(fd, f->name);

                if (r < 0)
                        return r;
        }
        remove_empty(path);
        return 0;
}

/* *ret is what stands there now. */
static int differs(int control_fd, const RecordFile *f, char **ret) {
        _cleanup_free_ char *now = NULL;
        int r;

        r = read_saved(control_fd, f->name, &now);
        if (r < 0)
                return r;
        r = !now != !f->content || (now && strcmp(now, f->content) != 0);
        *ret = TAKE_PTR(now);
        return r;
}

bool dropin_saved_differ(const char *root, const Record *record) {
        _cleanup_close_ int fd = -EBADF;

        if (record->n_files > 0 && open_control(root, record->target, &fd) < 0)
                return true;
        for (size_t i = 0; i < record->n_files; i++) {
                _cleanup_free_ char *now = NULL;

                if (differs(fd, &record->files[i], &now) != 0)
                        return true;
        }
        return false;
}

int dropin_refresh_saved(const char *root, Record *record) {
        _cleanup_close_ int fd = -EBADF;
        int r, changed = 0;

        r = record->n_files > 0 ? open_control(root, record->target, &fd) : 0;
        if (r < 0)
                return r;
        for (size_t i = 0; i < record->n_files; i++) {
                _cleanup_free_ char *now = NULL;
                RecordFile *f = &record->files[i];

                r = differs(fd, f, &now);
                if (r < 0)
                        return r;
                if (r == 0)
                        continue;
                free(f->content);
                f->content = TAKE_PTR(now);
                changed = 1;
        }
        return changed;
}

static int remove_from(const char *root, const char *base, const char *unit) {
        _cleanup_free_ char *path = dropin_dir(root, base, unit);
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!path)
                return -ENOMEM;
        fd = open_dir(path);
        if (fd == -ENOENT)
                return 0;
        if (fd < 0)
                return fd;
        r = file_unlink(fd, DROPIN_NAME);
        if (r >= 0)
                remove_empty(path);
        return r;
}

bool dropin_exists(const char *root, const Record *record) {
        static const char *const dirs[] = { RUN_DIR, ETC_DIR };

        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                _cleanup_free_ char *path =
                        file_path("%s%s/%s.d/" DROPIN_NAME, root, dirs[i], record->target);

                if (path && access(path, F_OK) == 0)
                        return true;
        }
        return false;
}

int dropin_remove(const char *root, const Record *record) {
        int r, k;

        r = remove_from(root, RUN_DIR, record->target);
        k = remove_from(root, ETC_DIR, record->target);
        return r < 0 ? r : k;
}

/* In a unit file "no quota" is an empty value, and lists grow from one drop-in to the next until an
 * empty value resets them (systemd.resource-control(5)). */
static void put_directive(FILE *f, const Limits *limits, Limit limit) {
        const LimitInfo *info = &limits_table[limit];
        char value[LIMITS_TEXT_MAX];

        limits_format(limits, limit, value);
        if (info->kind == LIMIT_KIND_QUOTA && limits->value[limit] == LIMIT_INFINITY)
                value[0] = '\0';
        if (info->kind == LIMIT_KIND_CPUSET)
                (void) fprintf(f, "%s=\n", info->directive);
        (void) fprintf(f, "%s=%s\n", info->directive, value);
}

static int format_dropin(const Record *record, const Limits *limits, char **ret, size_t *ret_size) {
        char since[TIMESTAMP_MAX], until[TIMESTAMP_MAX];
        usec_t expiry = record_next_expiry(record);
        Layer top = record_top_layer(record);
        FILE *f = open_memstream(ret, ret_size);

        if (!f)
                return -ENOMEM;
        /* [X-...] sections are for others than systemd (systemd.unit(5)). Who may not read the
         * ledger still sees here what is in force; why, and by whom, is not everybody's business.
         */
        (void) fprintf(f,
                       "# Written by leash(1), which takes it away again: leash release -u %u\n"
                       "[X-Leash]\nSince=%s\nUntil=%s\nLayer=%s\n\n[Slice]\n",
                       (unsigned) record->uid,
                       top >= 0 ? format_timestamp(record->layers[top].since, since) : "",
                       expiry == USEC_INFINITY ? "" : format_timestamp(expiry, until),
                       layer_to_string(top));
        for (Limit i = 0; i < _LIMIT_MAX; i++)
                if (limits_has(limits, i) && limits_table[i].directive)
                        put_directive(f, limits, i);
        if (ferror(f)) {
                (void) fclose(f);
                return -ENOMEM;
        }
        return fclose(f) == 0 ? 0 : -ENOMEM;
}

int dropin_write(const char *root, const Record *record, const Limits *limits, bool durable) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t size;
        int r;

        r = format_dropin(record, limits, &text, &size);
        if (r < 0)
                return r;
        path = dropin_dir(root, record->persist ? ETC_DIR : RUN_DIR, record->target);
        if (!path)
                return -ENOMEM;
        fd = open_dir(path);
        if (fd == -ENOENT) {
                r = file_mkdir_parents(path, 0755);
                if (r >= 0 && durable)
                        r = file_sync_parent(path);
                if (r < 0)
                        return r;
                fd = open_dir(path);
        }
        if (fd < 0)
                return fd;
        r = file_write_atomic(fd, DROPIN_NAME, text, size, 0644, durable);
        if (r < 0)
                return r;
        return remove_from(root, record->persist ? RUN_DIR : ETC_DIR, record->target);
}

#define DIGEST_NOTHING UINT64_C(0xcbf29ce484222325)

static uint64_t digest(uint64_t h, const void *data, size_t size) {
        const unsigned char *p = data;

        /* FNV-1a: a change has to be noticed, not withstood. */
        for (size_t i = 0; i < size; i++)
                h = (h ^ p[i]) * UINT64_C(0x100000001b3);
        return h;
}

static uint64_t digest_stat(uint64_t h, const struct stat *st) {
        h = digest(h, &st->st_size, sizeof(st->st_size));
        h = digest(h, &st->st_mtim, sizeof(st->st_mtim));
        return digest(h, &st->st_ino, sizeof(st->st_ino));
}

static uint64_t digest_file(uint64_t h, const char *path) {
        struct stat st;

        return stat(path, &st) < 0 ? h : digest_stat(digest(h, path, strlen(path)), &st);
}

static uint64_t digest_dir(uint64_t h, const char *path) {
        _cleanup_closedir_ DIR *d = opendir(path);
        struct dirent *de;
        uint64_t sum = 0;

        if (!d)
                return h;
        /* Summed up, since the order of a directory's entries means nothing. */
        while ((de = readdir(d))) {
                uint64_t one = digest(DIGEST_NOTHING, path, strlen(path));
                size_t n = strlen(de->d_name);
                struct stat st;

                if (n < 6 || strcmp(de->d_name + n - 5, ".conf") != 0 || de->d_name[0] == '.' ||
                    strcmp(de->d_name, DROPIN_NAME) == 0)
                        continue;
                if (fstatat(dirfd(d), de->d_name, &st, 0) < 0)
                        continue;
                sum += digest_stat(digest(one, de->d_name, n), &st);
        }
        /* A directory that holds our file alone counts as none. */
        return sum == 0 ? h : digest(h, &sum, sizeof(sum));
}

/* "user-1000.slice" is also configured by "user-.slice.d" and "slice.d" (systemd.unit(5)). */
static const char *const unit_prefixes[] = { NULL, "user-.slice", "slice" };

int dropin_fingerprint(const char *root, const char *unit, char **ret) {
        /* The run-time control directory is left out: there only our own traces change. */
        static const char *const dirs[] = {
                "/etc/systemd/system.control",   "/run/systemd/transient",
                "/run/systemd/generator.early",  ETC_DIR,
                "/etc/systemd/system.attached",  RUN_DIR,
                "/run/systemd/system.attached",  "/run/systemd/generator",
                "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
                "/lib/systemd/system",           "/run/systemd/generator.late",
        };
        uint64_t h = DIGEST_NOTHING;
        char *text;

        for (size_t i = 0; i < ELEMENTSOF(dirs); i++)
                for (size_t j = 0; j < ELEMENTSOF(unit_prefixes); j++) {
                        _cleanup_free_ char *path =
                                dropin_dir(root, dirs[i], unit_prefixes[j] ?: unit);

                        if (!path)
                                return -ENOMEM;
                        h = digest_dir(h, path);
                }
        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                _cleanup_free_ char *path = file_path("%s%s/%s", root, dirs[i], unit);

                if (!path)
                        return -ENOMEM;
                h = digest_file(h, path);
        }
        text = file_path("%016" PRIx64, h);
        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}

static void read_public_line(char *line, Layer *layer, Limits *limits, usec_t *since,
                             usec_t *until) {
        const LimitsHost host = { .n_cpus = 1 };
        char *value = strchr(line, '=');

        if (!value)
                return;
        *value++ = '\0';
        if (strcmp(line, "Since") == 0)
                (void) parse_rfc3339(value, since); /* unknown is shown as such */
        else if (strcmp(line, "Until") == 0)
                (void) parse_rfc3339(value, until); /* empty: until released */
        else if (strcmp(line, "Layer") == 0)
                *layer = layer_from_string(value);
        else
                for (Limit i = 0; i < _LIMIT_MAX; i++) {
                        if (!limits_table[i].directive ||
                            strcmp(limits_table[i].directive, line) != 0)
                                continue;
                        if (value[0] == '\0' && limits_table[i].kind != LIMIT_KIND_CPUSET)
                                limits_set(limits, i, LIMIT_INFINITY);
                        else
                                (void) limits_parse(limits, i, value, &host); /* as above */
                }
}

static int read_public(const char *path, const char *unit, Record **ret) {
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_free_ char *file = file_path("%s/%s.d/" DROPIN_NAME, path, unit), *text = NULL;
        usec_t since = 0, until = USEC_INFINITY;
        Layer layer = LAYER_MANUAL;
        Limits limits = {};
        uid_t uid;
        int r;

        if (!file)
                return -ENOMEM;
        r = placement_uid_from_slice(unit, &uid);
        if (r >= 0)
                r = file_read(AT_FDCWD, file, CONTENT_MAX, &text, NULL);
        if (r < 0)
                return r;
        record = record_new(unit, TARGET_USER, uid, "");
        if (!record)
                return -ENOMEM;
        for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save))
                read_public_line(line, &layer, &limits, &since, &until);
        if (layer < 0)
                return -EBADMSG;
        r = record_set_layer(record, layer, &limits, "", NULL, since, until);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(record);
        return 0;
}

typedef struct Public {
        Record **records;
        size_t n, allocated;
} Public;

/* Those of one directory. What somebody else has made of a file of ours hides no other. */
static int add_public(Public *p, const char *path) {
        _cleanup_closedir_ DIR *d = opendir(path);
        struct dirent *de;
        int r = 0;

        while (d && r != -ENOMEM && (de = readdir(d))) {
                size_t length = strlen(de->d_name);

                if (length < 3 || strcmp(de->d_name + length - 2, ".d") != 0)
                        continue;
                de->d_name[length - 2] = '\0';
                r = ARRAY_GROW(p->records, &p->allocated, p->n, SIZE_MAX);
                if (r >= 0)
                        r = read_public(path, de->d_name, &p->records[p->n]);
                if (r >= 0)
                        p->n++;
        }
        return r == -ENOMEM ? r : 0;
}

int dropin_read_public(const char *root, Record ***ret, size_t *ret_n) {
        static const char *const dirs[] = { RUN_DIR, ETC_DIR };
        Public p = {};
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(dirs) && r >= 0; i++) {
                _cleanup_free_ char *path = file_path("%s%s", root, dirs[i]);

                r = path ? add_public(&p, path) : -ENOMEM;
        }
        if (r < 0) {
                for (size_t i = 0; i < p.n; i++)
                        record_free(p.records[i]);
                free(p.records);
                return r;
        }
        *ret = p.records;
        *ret_n = p.n;
        return 0;
}
