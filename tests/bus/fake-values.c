/* SPDX-License-Identifier: MIT */
/* Values of the fake PID 1's units as text. */

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "fake-values.h"

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))

const PropertyInfo properties[_PROPERTY_MAX] = {
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

void values_format_cpus(const Values *v, char *buf, size_t size) {
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
void values_parse_cpus(Values *v, const char *text) {
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
void values_parse_directive(Values *v, Property property, const char *text) {
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

void values_format_directive(const Values *v, Property property, char *buf, size_t size) {
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

void values_format_kernel(const Values *v, Property property, char *buf, size_t size) {
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
