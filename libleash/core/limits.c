/* SPDX-License-Identifier: MIT */
/* The table of limits, and how each kind of value is read, written and compared. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/limits.h"
#include "core/parse.h"

/* A quota of 1 % is the least that makes sense: below, the kernel's 1 ms minimum slice
 * (Documentation/scheduler/sched-bwc.rst) rounds it up. The most is every CPU that Linux can have.
 */
#define QUOTA_MIN (USEC_PER_SEC / 100)
#define QUOTA_MAX (USEC_PER_SEC * 8192)

const LimitInfo limits_table[_LIMIT_MAX] = {
        [LIMIT_CPU_QUOTA] = {
                .key = "cpu-quota", .option = "quota", .short_option = 'q', .metavar = "PERCENT",
                .help = "CPU time: 50% of one CPU, 25%host of all CPUs (default 50%)",
                .json = "cpu_quota_percent", .property = "CPUQuotaPerSecUSec",
                .directive = "CPUQuota", .controller = "cpu", .file_v2 = "cpu.max",
                .file_v1 = "cpu.cfs_quota_us", .kind = LIMIT_KIND_QUOTA,
                .min = QUOTA_MIN, .max = QUOTA_MAX,
        },
        [LIMIT_CPU_PERIOD] = {
                .key = "cpu-period", .option = "cpu-period", .metavar = "TIME",
                .help = "how often the CPU quota is refilled (1ms to 1s)",
                .json = "cpu_period_seconds", .property = "CPUQuotaPeriodUSec",
                .directive = "CPUQuotaPeriodSec", .controller = "cpu", .file_v2 = "cpu.max",
                .file_v1 = "cpu.cfs_period_us", .kind = LIMIT_KIND_DURATION,
                .min = USEC_PER_MSEC, .max = USEC_PER_SEC,
        },
        [LIMIT_CPU_WEIGHT] = {
                .key = "cpu-weight", .option = "cpu-weight", .metavar = "WEIGHT",
                .help = "share of the CPU under contention (1 to 10000, usual 100)",
                .json = "cpu_weight", .property = "CPUWeight", .directive = "CPUWeight",
                .controller = "cpu", .file_v2 = "cpu.weight", .file_v1 = "cpu.shares",
                .kind = LIMIT_KIND_WEIGHT, .min = 1, .max = 10000,
        },
        [LIMIT_MEMORY_HIGH] = {
                .key = "memory-high", .option = "memory-high", .metavar = "SIZE",
                .help = "memory above which the session is slowed: 4G, 25% of the machine",
                .json = "memory_high_bytes", .property = "MemoryHigh", .directive = "MemoryHigh",
                .controller = "memory", .file_v2 = "memory.high", .kind = LIMIT_KIND_BYTES,
                .min = 1024 * 1024, .max = UINT64_MAX - 1,
        },
        [LIMIT_MEMORY_MAX] = {
                .key = "memory-max", .option = "memory-max", .metavar = "SIZE",
                .help = "memory above which the kernel kills in the session",
                .json = "memory_max_bytes", .property = "MemoryMax", .directive = "MemoryMax",
                .controller = "memory", .file_v2 = "memory.max",
                .file_v1 = "memory.limit_in_bytes", .kind = LIMIT_KIND_BYTES,
                .min = 1024 * 1024, .max = UINT64_MAX - 1,
        },
        [LIMIT_SWAP_MAX] = {
                .key = "swap-max", .option = "swap-max", .metavar = "SIZE",
                .help = "swap space that the session may use; 0 for none",
                .json = "swap_max_bytes", .property = "MemorySwapMax",
                .directive = "MemorySwapMax", .controller = "memory",
                .file_v2 = "memory.swap.max", .kind = LIMIT_KIND_BYTES,
                .min = 0, .max = UINT64_MAX - 1,
        },
        [LIMIT_TASKS_MAX] = {
                .key = "tasks-max", .option = "tasks-max", .metavar = "N",
                .help = "processes and threads together",
                .json = "tasks_max", .property = "TasksMax", .directive = "TasksMax",
                .controller = "pids", .file_v2 = "pids.max", .file_v1 = "pids.max",
                .kind = LIMIT_KIND_COUNT, .min = 1, .max = 4194304,
        },
        [LIMIT_IO_WEIGHT] = {
                .key = "io-weight", .option = "io-weight", .metavar = "WEIGHT",
                .help = "share of disk bandwidth under contention (1 to 10000, usual 100)",
                .json = "io_weight", .property = "IOWeight", .directive = "IOWeight",
                .controller = "io", .file_v2 = "io.weight", .kind = LIMIT_KIND_WEIGHT,
                .min = 1, .max = 10000,
        },
        [LIMIT_CPUS] = {
                .key = "allowed-cpus", .option = "cpus", .metavar = "LIST",
                .help = "run on these CPUs only: 0-3,8",
                .json = "allowed_cpus", .property = "AllowedCPUs", .directive = "AllowedCPUs",
                .controller = "cpuset", .file_v2 = "cpuset.cpus", .file_v1 = "cpuset.cpus", .kind = LIMIT_KIND_CPUSET,
                .max = LIMITS_CPUS_MAX - 1,
        },
        [LIMIT_FREEZE] = {
                .key = "freeze", .option = "freeze",
                .help = "stop every process until released; a remote desktop's client hangs",
                .json = "frozen", .controller = "freezer", .file_v2 = "cgroup.freeze",
                .file_v1 = "freezer.state", .kind = LIMIT_KIND_FLAG, .max = 1,
        },
};

Limit limits_from_key(const char *key) {
        for (Limit i = 0; i < _LIMIT_MAX; i++)
                if (strcmp(limits_table[i].key, key) == 0)
                        return i;
        return _LIMIT_INVALID;
}

/* "50%", "12.5%", "25%host". A bare number is refused: half of the admins would mean percent and
 * the other half CPUs. */
static int parse_quota(const char *text, const LimitsHost *host, uint64_t *ret) {
        uint64_t hundredths;
        const char *rest;
        int r;

        r = parse_percent(text, &hundredths, &rest);
        if (r < 0)
                return r;
        if (hundredths > QUOTA_MAX)
                return -ERANGE;
        if (strcmp(rest, "host") == 0)
                hundredths *= host->n_cpus;
        else if (rest[0] != '\0')
                return -EINVAL;
        /* 1 % of a CPU is 10000 us per second, a hundredth of that is 100 us. */
        *ret = hundredths * 100;
        return 0;
}

static int parse_bytes(const char *text, const LimitsHost *host, uint64_t *ret) {
        uint64_t hundredths;
        const char *rest;

        if (text[0] != '\0' && text[strlen(text) - 1] == '%') {
                int r = parse_percent(text, &hundredths, &rest);

                if (r < 0)
                        return r;
                if (*rest != '\0')
                        return -EINVAL;
                if (hundredths > 10000)
                        return -ERANGE;
                *ret = host->memory_bytes / 10000 * hundredths;
                return 0;
        }
        return parse_size(text, ret);
}

static int parse_cpus(const char *text, uint8_t cpus[static LIMITS_CPUS_MAX / 8]) {
        uint8_t mask[LIMITS_CPUS_MAX / 8] = {};
        const char *p = text;

        for (;;) {
                uint64_t first, last;
                int r;

                r = parse_decimal(p, 0, &first, &p);
                if (r < 0)
                        return r;
                last = first;
                if (*p == '-') {
                        r = parse_decimal(p + 1, 0, &last, &p);
                        if (r < 0)
                                return r;
                }
                if (first >= LIMITS_CPUS_MAX || last >= LIMITS_CPUS_MAX)
                        return -ERANGE;
                if (first > last)
                        return -EINVAL;
                for (uint64_t i = first; i <= last; i++)
                        mask[i / 8] |= 1U << (i % 8);
                if (*p == '\0')
                        break;
                if (*p != ',')
                        return -EINVAL;
                p++;
        }
        memcpy(cpus, mask, sizeof(mask));
        return 0;
}

const char *limits_example(Limit limit) {
        static const char *const examples[_LIMIT_KIND_MAX] = {
                [LIMIT_KIND_QUOTA] = "50% of one CPU or 25%host, at least 1%",
                [LIMIT_KIND_DURATION] = "1ms to 1s",
                [LIMIT_KIND_WEIGHT] = "1 to 10000",
                [LIMIT_KIND_BYTES] = "4G, 512M or 25%, at least 1M",
                [LIMIT_KIND_COUNT] = "a number from 1 on",
                [LIMIT_KIND_CPUSET] = "a list such as 0-3,8",
                [LIMIT_KIND_FLAG] = "yes or no",
        };

        return examples[limits_table[limit].kind];
}

static bool kind_may_be_infinite(LimitKind kind) {
        return kind == LIMIT_KIND_QUOTA || kind == LIMIT_KIND_BYTES || kind == LIMIT_KIND_COUNT;
}

static int parse_value(LimitKind kind, const char *text, const LimitsHost *host, uint64_t *ret) {
        switch (kind) {
        case LIMIT_KIND_QUOTA:
                return parse_quota(text, host, ret);
        case LIMIT_KIND_DURATION:
                return parse_duration(text, ret);
        case LIMIT_KIND_BYTES:
                return parse_bytes(text, host, ret);
        case LIMIT_KIND_FLAG:
                return parse_boolean(text, ret);
        case LIMIT_KIND_WEIGHT:
        case LIMIT_KIND_COUNT:
                return parse_u64(text, ret);
        default:
                return -EINVAL;
        }
}

int limits_parse(Limits *l, Limit limit, const char *text, const LimitsHost *host) {
        const LimitInfo *info = &limits_table[limit];
        uint64_t value = 0;
        int r;

        if (info->kind == LIMIT_KIND_CPUSET) {
                r = parse_cpus(text, l->cpus);
                if (r < 0)
                        return r;
        } else if (kind_may_be_infinite(info->kind) && strcmp(text, "infinity") == 0) {
                value = LIMIT_INFINITY;
        } else {
                r = parse_value(info->kind, text, host, &value);
                if (r < 0)
                        return r;
                if (value < info->min || value > info->max)
                        return -ERANGE;
        }
        limits_set(l, limit, value);
        return 0;
}

static void format_cpus(const uint8_t *cpus, char *buf, size_t size) {
        size_t at = 0;

        buf[0] = '\0';
        for (unsigned i = 0; i < LIMITS_CPUS_MAX; i++) {
                unsigned last = i;
                int n;

                if (!(cpus[i / 8] & 1U << (i % 8)))
                        continue;
                while (last + 1 < LIMITS_CPUS_MAX && cpus[(last + 1) / 8] & 1U << ((last + 1) % 8))
                        last++;
                n = last > i ? snprintf(buf + at, size - at, "%s%u-%u", at ? "," : "", i, last)
                             : snprintf(buf + at, size - at, "%s%u", at ? "," : "", i);
                if (n < 0 || (size_t) n >= size - at) {
                        buf[at] = '\0'; /* a list that does not fit ends at a whole range */
                        return;
                }
                at += n;
                i = last;
        }
}

/* Hundredths of a percent, without trailing zeros: 50%, 12.5%, 0.25%. */
static void format_quota(uint64_t usec_per_sec, char *buf, size_t size) {
        uint64_t hundredths = (usec_per_sec + 50) / 100;
        unsigned rest = hundredths % 100;

        if (rest == 0)
                (void) snprintf(buf, size, "%" PRIu64 "%%", hundredths / 100);
        else if (rest % 10 == 0)
                (void) snprintf(buf, size, "%" PRIu64 ".%u%%", hundredths / 100, rest / 10);
        else
                (void) snprintf(buf, size, "%" PRIu64 ".%02u%%", hundredths / 100, rest);
}

char *limits_format(const Limits *l, Limit limit, char buf[static LIMITS_TEXT_MAX]) {
        LimitKind kind = limits_table[limit].kind;
        uint64_t value = l->value[limit];

        if (kind == LIMIT_KIND_CPUSET)
                format_cpus(l->cpus, buf, LIMITS_TEXT_MAX);
        else if (value == LIMIT_INFINITY)
                /* Weight and period have no infinity; an empty value is their default. */
                (void) snprintf(buf, LIMITS_TEXT_MAX, "%s",
                                kind_may_be_infinite(kind) ? "infinity" : "");
        else if (kind == LIMIT_KIND_QUOTA)
                format_quota(value, buf, LIMITS_TEXT_MAX);
        else if (kind == LIMIT_KIND_DURATION)
                (void) snprintf(buf, LIMITS_TEXT_MAX, "%" PRIu64 "us", value);
        else
                (void) snprintf(buf, LIMITS_TEXT_MAX, "%" PRIu64, value);
        return buf;
}

char *limits_describe(const Limits *l, Limit limit, char buf[static LIMITS_TEXT_MAX]) {
        LimitKind kind = limits_table[limit].kind;
        uint64_t value = l->value[limit];
        char text[LIMITS_TEXT_MAX];

        if (kind != LIMIT_KIND_CPUSET && value == LIMIT_INFINITY)
                (void) snprintf(buf, LIMITS_TEXT_MAX, "%s",
                                kind_may_be_infinite(kind) ? "no limit" : "default");
        else if (kind == LIMIT_KIND_QUOTA)
                (void) snprintf(buf, LIMITS_TEXT_MAX, "%s of one CPU",
                                limits_format(l, limit, text));
        else if (kind == LIMIT_KIND_BYTES)
                format_size(value, buf, LIMITS_TEXT_MAX);
        else if (kind == LIMIT_KIND_DURATION)
                format_duration(value, buf, LIMITS_TEXT_MAX);
        else if (kind == LIMIT_KIND_FLAG)
                (void) snprintf(buf, LIMITS_TEXT_MAX, "%s", value ? "yes" : "no");
        else
                limits_format(l, limit, buf);
        return buf;
}

char *limits_encode(const Limits *l, Limit limit, char buf[static LIMITS_TEXT_MAX]) {
        if (limits_table[limit].kind == LIMIT_KIND_CPUSET)
                format_cpus(l->cpus, buf, LIMITS_TEXT_MAX);
        else if (l->value[limit] == LIMIT_INFINITY)
                (void) snprintf(buf, LIMITS_TEXT_MAX, "infinity");
        else
                (void) snprintf(buf, LIMITS_TEXT_MAX, "%" PRIu64, l->value[limit]);
        return buf;
}

int limits_decode(Limits *l, Limit limit, const char *text) {
        uint64_t value = LIMIT_INFINITY;

        if (limits_table[limit].kind == LIMIT_KIND_CPUSET) {
                uint8_t cpus[LIMITS_CPUS_MAX / 8] = {};

                /* An empty list is the base value "all CPUs". */
                if (*text != '\0' && parse_cpus(text, cpus) < 0)
                        return -EINVAL;
                memcpy(l->cpus, cpus, sizeof(cpus));
                value = 0;
        } else if (strcmp(text, "infinity") != 0 && parse_u64(text, &value) < 0)
                return -EINVAL;
        limits_set(l, limit, value);
        return 0;
}

void limits_copy_one(Limits *dst, const Limits *src, Limit limit) {
        if (limits_table[limit].kind == LIMIT_KIND_CPUSET)
                memcpy(dst->cpus, src->cpus, sizeof(dst->cpus));
        limits_set(dst, limit, src->value[limit]);
}

bool limits_is_stricter(const Limits *a, const Limits *b, Limit limit) {
        if (limits_table[limit].kind == LIMIT_KIND_CPUSET) {
                for (size_t i = 0; i < sizeof(a->cpus); i++)
                        if (a->cpus[i] & ~b->cpus[i])
                                return false;
                return true;
        }
        if (limits_table[limit].kind == LIMIT_KIND_FLAG)
                return a->value[limit] >= b->value[limit];
        if (limits_table[limit].kind == LIMIT_KIND_WEIGHT) {
                uint64_t x = a->value[limit] == LIMIT_INFINITY ? 100 : a->value[limit];
                uint64_t y = b->value[limit] == LIMIT_INFINITY ? 100 : b->value[limit];

                return x <= y;
        }
        return a->value[limit] <= b->value[limit];
}

bool limits_yields(const Limits *a, const Limits *b, Limit limit) {
        return limits_has(b, limit) && !(limits_has(a, limit) && limits_is_stricter(a, b, limit));
}

void limits_tighten(Limits *l, const Limits *other) {
        for (Limit i = 0; i < _LIMIT_MAX; i++)
                if (limits_yields(l, other, i))
                        limits_copy_one(l, other, i);
}

bool limits_equal_one(const Limits *a, const Limits *b, Limit limit) {
        if (limits_has(a, limit) != limits_has(b, limit))
                return false;
        if (!limits_has(a, limit))
                return true;
        if (limits_table[limit].kind == LIMIT_KIND_CPUSET)
                return memcmp(a->cpus, b->cpus, sizeof(a->cpus)) == 0;
        return a->value[limit] == b->value[limit];
}

bool limits_equal(const Limits *a, const Limits *b) {
        for (Limit i = 0; i < _LIMIT_MAX; i++)
                if (!limits_equal_one(a, b, i))
                        return false;
        return true;
}

void limits_join(const Limits *l, char *buf, size_t size) {
        size_t at = 0;

        buf[0] = '\0';
        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                char value[LIMITS_TEXT_MAX];
                int n;

                if (!limits_has(l, i) || limits_format(l, i, value)[0] == '\0')
                        continue;
                n = snprintf(buf + at, size - at, "%s%s=%s", at ? " " : "", limits_table[i].key,
                             value);
                if (n < 0 || (size_t) n >= size - at)
                        return;
                at += n;
        }
}
