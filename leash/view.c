/* SPDX-License-Identifier: MIT */
/* A leash in force, measured now, as text and as JSON. */

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "backend/json.h"
#include "core/parse.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/output.h"
#include "view.h"

/* Two periods of the usual 100 ms: less would catch one side of the throttling only. */
#define WINDOW (200 * USEC_PER_MSEC)

typedef struct Sample {
        CpuStat stat;
        usec_t at; /* monotonic; 0 if it could not be taken */
        int fd;    /* to take the next one from, or -EBADF */
} Sample;

static void take_sample(Context *c, const Record *record, bool keep, Sample *ret) {
        _cleanup_free_ char *cgroup = NULL;
        int r = backend_is_other(c->backend, record)
                        ? -EXDEV
                        : c->backend->ops->cgroup(c->backend, record, &cgroup);

        *ret = (Sample){ .fd = -EBADF };
        if (r >= 0 && keep) {
                r = cgroupfs_open_cpu(&c->backend->fs, cgroup);
                if (r >= 0)
                        ret->fd = r;
                else if (r == -EOPNOTSUPP)
                        r = 0;
        }
        if (r >= 0)
                r = ret->fd >= 0 ? cgroupfs_read_cpu_of(ret->fd, &ret->stat)
                                 : cgroupfs_read_cpu(&c->backend->fs, cgroup, &ret->stat);
        if (r >= 0)
                ret->at = clock_monotonic();
}

/* Closes the first one's file. Without a first one there is nothing to compare with. */
static void take_second(Context *c, const Record *record, Sample *first, Sample *ret) {
        _cleanup_close_ int fd = TAKE_FD(first->fd);

        *ret = (Sample){ .fd = -EBADF };
        if (first->at == 0)
                return;
        if (fd < 0) {
                take_sample(c, record, false, ret);
                return;
        }
        if (cgroupfs_read_cpu_of(fd, &ret->stat) >= 0)
                ret->at = clock_monotonic();
}

/* How many of n files may stay open: no more than half of what may be open at all, since whoever
 * called may have left files open to us. Login shells allow 1024, and may ask for more. */
static size_t files_to_keep(size_t n) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return 0;
        if (limit.rlim_cur / 2 < n && limit.rlim_cur < limit.rlim_max) {
                limit.rlim_cur = MIN_OF((rlim_t) n * 2, limit.rlim_max);
                if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
                        return 0;
        }
        return limit.rlim_cur / 2;
}

static void compare_samples(const Sample *a, const Sample *b, View *v) {
        uint64_t periods = b->stat.n_periods - a->stat.n_periods;

        v->cpu_percent = v->throttled_percent = -1;
        if (a->at == 0 || b->at <= a->at || b->stat.usage < a->stat.usage)
                return;
        v->cpu_percent =
                100.0 * (double) (b->stat.usage - a->stat.usage) / (double) (b->at - a->at);
        v->throttled_percent =
                b->stat.n_periods <= a->stat.n_periods
                        ? 0
                        : 100.0 * (double) (b->stat.n_throttled - a->stat.n_throttled) /
                                  (double) periods;
}

int view_measure(Context *c, Record *const *records, size_t n, View *ret) {
        _cleanup_free_ Sample *first = calloc(n + 1, sizeof(Sample));
        usec_t start = clock_monotonic(), spent;
        size_t kept = files_to_keep(n);
        int result = 0;

        if (!first)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                take_sample(c, records[i], i < kept, &first[i]);
        for (size_t i = 0; i < n; i++) {
                int r;

                ret[i] = (View){ .record = records[i],
                                 .other = backend_is_other(c->backend, records[i]) };
                if (ret[i].other)
                        continue;
                r = backend_verify(c->backend, records[i], &ret[i].enforcement);
                if (r == -ENOMEM)
                        result = r;
                if (r < 0) /* one that cannot be read must not hide the others */
                        ret[i].enforcement = (Enforcement){};
        }
        spent = clock_monotonic() - start;
        if (n > 0 && spent < WINDOW)
                clock_sleep(WINDOW - spent);
        for (size_t i = 0; i < n; i++) {
                Sample second;

                take_second(c, records[i], &first[i], &second);
                compare_samples(&first[i], &second, &ret[i]);
        }
        return result;
}

static struct json_object *limit_to_json(const Limits *l, Limit limit) {
        uint64_t value = l->value[limit];
        char text[LIMITS_TEXT_MAX];

        switch (limits_table[limit].kind) {
        case LIMIT_KIND_CPUSET:
                return json_object_new_string(limits_format(l, limit, text));
        case LIMIT_KIND_FLAG:
                return json_object_new_boolean(value != 0);
        default:
                if (value == LIMIT_INFINITY)
                        return NULL;
        }
        switch (limits_table[limit].kind) {
        case LIMIT_KIND_QUOTA:
                return json_number((double) value * 100 / (double) USEC_PER_SEC);
        case LIMIT_KIND_DURATION:
                (void) snprintf(text, sizeof(text), "%.6g", (double) value / (double) USEC_PER_SEC);
                return json_object_new_double_s((double) value / (double) USEC_PER_SEC, text);
        default:
                return json_object_new_uint64(value);
        }
}

struct json_object *view_limits_to_json(const Limits *l) {
        struct json_object *o = json_object_new_object();

        for (Limit i = 0; i < _LIMIT_MAX && o; i++)
                if (limits_has(l, i))
                        (void) json_object_object_add(o, limits_table[i].json, limit_to_json(l, i));
        return o;
}

static struct json_object *layers_to_json(const Record *r) {
        struct json_object *o = json_object_new_object();

        for (Layer i = 0; i < _LAYER_MAX && o; i++) {
                struct json_object *layer;

                if (limits_is_empty(&r->layers[i].limits))
                        continue;
                layer = json_object_new_object();
                (void) json_object_object_add(layer, "limits",
                                              view_limits_to_json(&r->layers[i].limits));
                (void) json_object_object_add(layer, "since", json_time(r->layers[i].since));
                (void) json_object_object_add(layer, "until", json_time(r->layers[i].until));
                (void) json_object_object_add(layer, "by", json_text(r->layers[i].by));
                (void) json_object_object_add(layer, "reason", json_text(r->layers[i].reason));
                (void) json_object_object_add(o, layer_to_string(i), layer);
        }
        return o;
}

struct json_object *view_to_json(const View *v) {
        struct json_object *o = json_object_new_object();
        const Record *r = v->record;
        Layer top = record_top_layer(r);
        const RecordLayer *l = top >= 0 ? &r->layers[top] : NULL;
        Limits effective;

        if (!o)
                return NULL;
        record_effective(r, &effective, NULL);
        (void) json_object_object_add(o, "user", json_text(r->user));
        (void) json_object_object_add(o, "uid", json_object_new_uint64(r->uid));
        (void) json_object_object_add(o, "target", json_object_new_string(r->target));
        (void) json_object_object_add(o, "scope",
                                      json_object_new_string(target_scope_to_string(r->scope)));
        (void) json_object_object_add(o, "cpu_quota_percent",
                                      limits_has(&effective, LIMIT_CPU_QUOTA)
                                              ? limit_to_json(&effective, LIMIT_CPU_QUOTA)
                                              : NULL);
        (void) json_object_object_add(o, "limits", view_limits_to_json(&effective));
        (void) json_object_object_add(o, "layer", json_object_new_string(layer_to_string(top)));
        (void) json_object_object_add(o, "layers", layers_to_json(r));
        (void) json_object_object_add(o, "since", json_time(l ? l->since : 0));
        (void) json_object_object_add(o, "until", json_time(record_next_expiry(r)));
        (void) json_object_object_add(o, "by", json_text(l ? l->by : NULL));
        (void) json_object_object_add(o, "reason", json_text(l ? l->reason : NULL));
        (void) json_object_object_add(o, "persist", json_object_new_boolean(r->persist));
        (void) json_object_object_add(o, "backend", json_text(r->backend));
        (void) json_object_object_add(o, "enforced",
                                      v->enforcement.absent || v->other
                                              ? NULL
                                              : json_object_new_boolean(v->enforcement.enforced));
        (void) json_object_object_add(o, "cpu_percent", json_number(v->cpu_percent));
        (void) json_object_object_add(o, "throttled_percent", json_number(v->throttled_percent));
        return o;
}

char *view_limits(const Limits *l, char buf[static VIEW_TEXT_MAX]) {
        static const char *const names[_LIMIT_MAX] = {
                [LIMIT_CPU_QUOTA] = "CPU",
                [LIMIT_CPU_PERIOD] = "period",
                [LIMIT_CPU_WEIGHT] = "CPU weight",
                [LIMIT_MEMORY_HIGH] = "memory high",
                [LIMIT_MEMORY_MAX] = "memory max",
                [LIMIT_SWAP_MAX] = "swap",
                [LIMIT_TASKS_MAX] = "tasks",
                [LIMIT_IO_WEIGHT] = "IO weight",
                [LIMIT_CPUS] = "CPUs",
                [LIMIT_FREEZE] = "frozen",
        };
        size_t at = 0;

        strcpy(buf, "none");
        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                char value[LIMITS_TEXT_MAX];
                int n;

                if (!limits_has(l, i) || i == LIMIT_CPU_PERIOD)
                        continue;
                if (i == LIMIT_CPU_QUOTA && l->value[i] != LIMIT_INFINITY)
                        limits_format(l, i, value);
                else
                        limits_describe(l, i, value);
                n = snprintf(buf + at, VIEW_TEXT_MAX - at, "%s%s %s", at ? ", " : "", names[i],
                             value);
                if (n < 0 || (size_t) n >= VIEW_TEXT_MAX - at)
                        break;
                at += n;
        }
        return buf;
}

Exit view_print_json(struct json_object *array) {
        return json_print(array) < 0 ? EXIT_FAILED : EXIT_DONE;
}
