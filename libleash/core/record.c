/* SPDX-License-Identifier: MIT */
/* One target's entry in the ledger: what was decided, and what was there before. */

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/parse.h"
#include "core/record.h"
#include "core/statefile.h"

static const char *const target_scope_names[_TARGET_SCOPE_MAX] = {
        [TARGET_USER] = "user",
        [TARGET_SESSION] = "session",
        [TARGET_TREE] = "tree",
};

const char *target_scope_to_string(TargetScope scope) {
        return scope >= 0 && scope < _TARGET_SCOPE_MAX ? target_scope_names[scope] : "?";
}

TargetScope target_scope_from_string(const char *name) {
        for (TargetScope i = 0; i < _TARGET_SCOPE_MAX; i++)
                if (strcmp(target_scope_names[i], name) == 0)
                        return i;
        return _TARGET_SCOPE_INVALID;
}

Record *record_new(const char *target, TargetScope scope, uid_t uid, const char *user) {
        _cleanup_(record_freep) Record *r = calloc(1, sizeof(Record));

        if (!r || strlen(target) >= sizeof(r->target))
                return NULL;
        strcpy(r->target, target);
        r->scope = scope;
        r->uid = uid;
        r->user = strdup(user);
        if (!r->user)
                return NULL;
        for (Layer i = 0; i < _LAYER_MAX; i++)
                r->layers[i].until = USEC_INFINITY;
        return TAKE_PTR(r);
}

Record *record_free(Record *r) {
        if (!r)
                return NULL;
        for (Layer i = 0; i < _LAYER_MAX; i++)
                record_clear_layer(r, i);
        for (size_t i = 0; i < r->n_files; i++) {
                free(r->files[i].name);
                free(r->files[i].content);
        }
        for (size_t i = 0; i < r->n_scopes; i++)
                free(r->scopes[i]);
        for (size_t i = 0; i < r->n_origins; i++)
                free(r->origins[i].cgroup);
        free(r->origins);
        free(r->timer);
        free(r->fingerprint);
        free(r->backend);
        free(r->user);
        free(r);
        return NULL;
}

int record_set_layer(Record *r, Layer layer, const Limits *limits, const char *by,
                     const char *reason, usec_t since, usec_t until) {
        _cleanup_free_ char *new_by = strdup(by ?: ""),
                            *new_reason = reason ? strdup(reason) : NULL;
        RecordLayer *l = &r->layers[layer];

        if (!new_by || (reason && !new_reason))
                return -ENOMEM;
        free(l->by);
        free(l->reason);
        l->by = TAKE_PTR(new_by);
        l->reason = TAKE_PTR(new_reason);
        l->since = since;
        l->until = until;
        for (Limit i = 0; i < _LIMIT_MAX; i++)
                if (limits_has(limits, i))
                        limits_copy_one(&l->limits, limits, i);
        return 0;
}

void record_clear_layer(Record *r, Layer layer) {
        free(r->layers[layer].by);
        free(r->layers[layer].reason);
        r->layers[layer] = (RecordLayer){ .until = USEC_INFINITY };
        if (layer == LAYER_MANUAL)
                record_settle_place(r);
}

void record_settle_place(Record *r) {
        if (limits_is_empty(&r->layers[LAYER_MANUAL].limits) && record_top_layer(r) >= 0)
                r->persist = false;
}

void record_effective(const Record *r, Limits *ret, Layer ret_from[_LIMIT_MAX]) {
        Limits layers[_LAYER_MAX];

        for (Layer i = 0; i < _LAYER_MAX; i++)
                layers[i] = r->layers[i].limits;
        layers_effective(layers, ret, ret_from);
}

Layer record_top_layer(const Record *r) {
        for (Layer i = _LAYER_MAX - 1; i >= 0; i--)
                if (!limits_is_empty(&r->layers[i].limits))
                        return i;
        return _LAYER_INVALID;
}

usec_t record_next_expiry(const Record *r) {
        usec_t next = USEC_INFINITY;

        for (Layer i = 0; i < _LAYER_MAX; i++)
                if (!limits_is_empty(&r->layers[i].limits))
                        next = MIN_OF(next, r->layers[i].until);
        return next;
}

unsigned record_expire(Record *r, usec_t now) {
        unsigned n = 0;

        for (Layer i = 0; i < _LAYER_MAX; i++) {
                if (limits_is_empty(&r->layers[i].limits) || r->layers[i].until > now)
                        continue;
                record_clear_layer(r, i);
                n++;
        }
        return n;
}

int record_add_file(Record *r, const char *name, const char *content) {
        _cleanup_free_ char *n = strdup(name), *c = content ? strdup(content) : NULL;

        if (!n || (content && !c))
                return -ENOMEM;
        if (content && strlen(content) > RECORD_CONTENT_MAX)
                return -EFBIG;
        for (size_t i = 0; i < r->n_files; i++)
                if (strcmp(r->files[i].name, name) == 0)
                        return 0;
        if (r->n_files == RECORD_FILES_MAX)
                return -ENOBUFS;
        r->files[r->n_files++] = (RecordFile){ .name = TAKE_PTR(n), .content = TAKE_PTR(c) };
        return 0;
}

void record_drop_file(Record *r, const char *name) {
        for (size_t i = 0; i < r->n_files; i++) {
                if (strcmp(r->files[i].name, name) != 0)
                        continue;
                free(r->files[i].name);
                free(r->files[i].content);
                r->files[i] = r->files[--r->n_files];
                return;
        }
}

bool record_is_policys(const Record *r) {
        return r->scope == TARGET_USER && record_top_layer(r) >= 0 &&
               limits_is_empty(&r->layers[LAYER_MANUAL].limits) &&
               limits_is_empty(&r->layers[LAYER_RUNAWAY].limits);
}

int record_add_scope(Record *r, const char *scope) {
        _cleanup_free_ char *s = strdup(scope);

        if (!s)
                return -ENOMEM;
        for (size_t i = 0; i < r->n_scopes; i++)
                if (strcmp(r->scopes[i], scope) == 0)
                        return 0;
        if (r->n_scopes == RECORD_SCOPES_MAX)
                return -ENOBUFS;
        r->scopes[r->n_scopes++] = TAKE_PTR(s);
        return 0;
}

int record_add_origin(Record *r, pid_t pid, uint64_t start_ticks, const char *cgroup) {
        _cleanup_free_ char *c = strdup(cgroup);
        RecordOrigin *more;

        if (!c)
                return -ENOMEM;
        if (strlen(cgroup) > RECORD_CGROUP_MAX)
                return -ENAMETOOLONG;
        for (size_t i = 0; i < r->n_origins; i++)
                if (r->origins[i].pid == pid && r->origins[i].start_ticks == start_ticks)
                        return 0;
        if (r->n_origins == RECORD_ORIGINS_MAX)
                return -ENOBUFS;
        more = reallocarray(r->origins, r->n_origins + 1, sizeof(RecordOrigin));
        if (!more)
                return -ENOMEM;
        r->origins = more;
        r->origins[r->n_origins++] =
                (RecordOrigin){ .pid = pid, .start_ticks = start_ticks, .cgroup = TAKE_PTR(c) };
        return 0;
}

/* A value goes on one line whatever it holds. */
static int put_text(FILE *f, const char *key, const char *value) {
        _cleanup_free_ char *escaped = escape_text(value, RECORD_TEXT_MAX);

        if (!escaped)
                return -ENOMEM;
        (void) fprintf(f, "%s=%s\n", key, escaped);
        return 0;
}

static void put_limits(FILE *f, const Limits *l) {
        char buf[LIMITS_TEXT_MAX];

        for (Limit i = 0; i < _LIMIT_MAX; i++)
                if (limits_has(l, i))
                        (void) fprintf(f, "%s=%s\n", limits_table[i].key, limits_encode(l, i, buf));
}

static int put_layer(FILE *f, Layer layer, const RecordLayer *l) {
        int r;

        if (limits_is_empty(&l->limits))
                return 0;
        (void) fprintf(f, "[%s]\n", layer_to_string(layer));
        put_limits(f, &l->limits);
        (void) fprintf(f, "Since=%" PRIu64 "\nUntil=%" PRIu64 "\n", l->since, l->until);
        r = put_text(f, "By", l->by ? l->by : "");
        if (r < 0)
                return r;
        return l->reason ? put_text(f, "Reason", l->reason) : 0;
}

static int put_head(FILE *f, const Record *r) {
        int k;

        (void) fprintf(f,
                       "[leash]\nVersion=1\nTarget=%s\nScope=%s\nUid=%" PRIu32
                       "\n"
                       "Serial=%" PRIu64 "\nDirty=%d\nPersist=%d\nShare=%u\n",
                       r->target, target_scope_to_string(r->scope), (uint32_t) r->uid, r->serial,
                       r->dirty, r->persist, r->share);
        k = put_text(f, "User", r->user);
        if (k < 0)
                return k;
        k = r->backend ? put_text(f, "Backend", r->backend) : 0;
        if (k < 0)
                return k;
        k = r->timer ? put_text(f, "Timer", r->timer) : 0;
        if (k < 0)
                return k;
        return r->fingerprint ? put_text(f, "Fingerprint", r->fingerprint) : 0;
}

static int put_record(FILE *f, const Record *r) {
        int k;

        k = put_head(f, r);
        if (k < 0)
                return k;
        (void) fprintf(f, "[base]\n");
        put_limits(f, &r->base);
        for (Layer i = 0; i < _LAYER_MAX; i++) {
                k = put_layer(f, i, &r->layers[i]);
                if (k < 0)
                        return k;
        }
        (void) fprintf(f, "[files]\n");
        for (size_t i = 0; i < r->n_files; i++) {
                if (!r->files[i].content) {
                        (void) fprintf(f, "%s\n", r->files[i].name);
                        continue;
                }
                k = put_text(f, r->files[i].name, r->files[i].content);
                if (k < 0)
                        return k;
        }
        (void) fprintf(f, "[scopes]\n");
        for (size_t i = 0; i < r->n_scopes; i++)
                (void) fprintf(f, "%s\n", r->scopes[i]);
        (void) fprintf(f, "[origins]\n");
        for (size_t i = 0; i < r->n_origins; i++) {
                char key[64];

                (void) snprintf(key, sizeof(key), "%d:%" PRIu64, (int) r->origins[i].pid,
                                r->origins[i].start_ticks);
                k = put_text(f, key, r->origins[i].cgroup);
                if (k < 0)
                        return k;
        }
        (void) fprintf(f, "[end]\n");
        return 0;
}

int record_to_text(const Record *r, char **ret, size_t *ret_size) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *f;
        int k;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        k = put_record(f, r);
        if (ferror(f) && k >= 0)
                k = -ENOMEM;
        if (fclose(f) != 0 && k >= 0)
                k = -ENOMEM;
        if (k < 0)
                return k;
        *ret = TAKE_PTR(text);
        *ret_size = size;
        return 0;
}

typedef struct Reader {
        Record *record;
        char section[32];
        bool ended;
} Reader;

static int read_u64(const char *value, uint64_t *ret) {
        return parse_u64(value, ret) < 0 ? -EBADMSG : 0;
}

static int read_flag(const char *value, bool *ret) {
        uint64_t n;

        if (parse_boolean(value, &n) < 0)
                return -EBADMSG;
        *ret = n;
        return 0;
}

static int read_share(const char *value, unsigned *ret) {
        uint64_t n;

        if (parse_u64(value, &n) < 0 || n > 100)
                return -EBADMSG;
        *ret = n;
        return 0;
}

static int read_text(const char *value, char **dst) {
        char *text;
        int r;

        r = unescape_text(value, &text);
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        free(*dst);
        *dst = text;
        return 0;
}

static int read_head(Record *r, const char *key, const char *value) {
        uint64_t version;

        if (strcmp(key, "Version") == 0)
                return read_u64(value, &version) < 0 || version != 1 ? -EBADMSG : 0;
        if (strcmp(key, "Target") == 0) {
                if (strlen(value) >= sizeof(r->target) || strchr(value, '/'))
                        return -EBADMSG;
                strcpy(r->target, value);
                return 0;
        }
        if (strcmp(key, "Scope") == 0) {
                r->scope = target_scope_from_string(value);
                return r->scope < 0 ? -EBADMSG : 0;
        }
        if (strcmp(key, "Uid") == 0)
                return parse_uid(value, &r->uid) < 0 ? -EBADMSG : 0;
        if (strcmp(key, "Serial") == 0)
                return read_u64(value, &r->serial);
        if (strcmp(key, "Dirty") == 0)
                return read_flag(value, &r->dirty);
        if (strcmp(key, "Persist") == 0)
                return read_flag(value, &r->persist);
        if (strcmp(key, "Share") == 0)
                return read_share(value, &r->share);
        if (strcmp(key, "User") == 0)
                return read_text(value, &r->user);
        if (strcmp(key, "Backend") == 0)
                return read_text(value, &r->backend);
        if (strcmp(key, "Timer") == 0)
                return read_text(value, &r->timer);
        if (strcmp(key, "Fingerprint") == 0)
                return read_text(value, &r->fingerprint);
        return 0;
}

static int read_limit(Limits *l, const char *key, const char *value) {
        Limit limit = limits_from_key(key);

        if (limit < 0)
                return 0;
        return limits_decode(l, limit, value) < 0 ? -EBADMSG : 0;
}

static int read_layer(RecordLayer *l, const char *key, const char *value) {
        if (strcmp(key, "Since") == 0)
                return read_u64(value, &l->since);
        if (strcmp(key, "Until") == 0)
                return read_u64(value, &l->until);
        if (strcmp(key, "By") == 0)
                return read_text(value, &l->by);
        if (strcmp(key, "Reason") == 0)
                return read_text(value, &l->reason);
        return read_limit(&l->limits, key, value);
}

static int read_file(Record *r, const char *name, const char *value) {
        _cleanup_free_ char *content = NULL;
        int k;

        /* Names are joined to a directory of systemd's later on. */
        if (strchr(name, '/') || name[0] == '.' || name[0] == '\0')
                return -EBADMSG;
        if (value) {
                k = read_text(value, &content);
                if (k < 0)
                        return k;
        }
        k = record_add_file(r, name, content);
        return k == -ENOBUFS || k == -EFBIG ? -EBADMSG : k;
}

static int read_scope(Record *r, const char *name) {
        size_t n = strlen(name);
        int k;

        if (strncmp(name, "leash-", 6) != 0 || n < 6 + strlen(".scope") ||
            n >= PLACEMENT_NAME_MAX || strcmp(name + n - strlen(".scope"), ".scope") != 0 ||
            strchr(name, '/'))
                return -EBADMSG;
        k = record_add_scope(r, name);
        return k == -ENOBUFS ? -EBADMSG : k;
}

static bool has_dot_dot(const char *path) {
        for (const char *p = strstr(path, "/.."); p; p = strstr(p + 1, "/.."))
                if (p[3] == '\0' || p[3] == '/')
                        return true;
        return false;
}

static int read_origin(Record *r, const char *key, const char *value) {
        _cleanup_free_ char *cgroup = NULL;
        uint64_t pid, ticks;
        const char *rest;
        int k;

        if (!value || parse_decimal(key, 0, &pid, &rest) < 0 || *rest != ':' || pid == 0 ||
            pid > INT32_MAX || parse_u64(rest + 1, &ticks) < 0)
                return -EBADMSG;
        k = read_text(value, &cgroup);
        if (k < 0)
                return k;
        if (cgroup[0] != '/' || has_dot_dot(cgroup))
                return -EBADMSG;
        k = record_add_origin(r, pid, ticks, cgroup);
        return k == -ENOBUFS || k == -ENAMETOOLONG ? -EBADMSG : k;
}

static int read_entry(Reader *reader, const char *key, const char *value) {
        Record *r = reader->record;
        Layer layer;

        if (strcmp(reader->section, "files") == 0)
                return read_file(r, key, value);
        if (strcmp(reader->section, "scopes") == 0)
                return read_scope(r, key);
        if (strcmp(reader->section, "origins") == 0)
                return read_origin(r, key, value);
        layer = layer_from_string(reader->section);
        if (strcmp(reader->section, "leash") == 0)
                return value ? read_head(r, key, value) : -EBADMSG;
        if (strcmp(reader->section, "base") == 0)
                return value ? read_limit(&r->base, key, value) : -EBADMSG;
        if (layer < 0) /* a newer leash's */
                return 0;
        return value ? read_layer(&r->layers[layer], key, value) : -EBADMSG;
}

static int read_line(char *line, void *userdata) {
        Reader *reader = userdata;
        size_t n = strlen(line);
        char *equals;

        if (reader->ended)
                return -EBADMSG;
        if (line[0] == '[') {
                if (line[n - 1] != ']')
                        return -EBADMSG;
                line[n - 1] = '\0';
                /* None that this version knows is that long, so a cut name matches nothing. */
                (void) snprintf(reader->section, sizeof(reader->section), "%s", line + 1);
                reader->ended = strcmp(reader->section, "end") == 0;
                return 0;
        }
        equals = strchr(line, '=');
        if (equals)
                *equals++ = '\0';
        return read_entry(reader, line, equals);
}

int record_from_text(const char *text, size_t size, Record **ret) {
        _cleanup_(record_freep) Record *record = record_new("", TARGET_USER, (uid_t) -1, "");
        Reader reader = { .record = record };
        int r;

        if (!record)
                return -ENOMEM;
        r = statefile_each_line(text, size, RECORD_TEXT_MAX, read_line, &reader);
        if (r < 0)
                return r;
        if (!reader.ended || record->target[0] == '\0' || record->uid == (uid_t) -1)
                return -EBADMSG;
        *ret = TAKE_PTR(record);
        return 0;
}
