/* SPDX-License-Identifier: MIT */
/* How the kernel writes limits and statistics into its cgroup files. */

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/cgfile.h"
#include "core/parse.h"

int cgfile_parse_cpu_max(const char *text, uint64_t *ret_quota, usec_t *ret_period) {
        uint64_t quota, period;
        char word[24];

        if (sscanf(text, "%23s %" SCNu64, word, &period) != 2 || period == 0)
                return -EBADMSG;
        /* v1 says -1 for no limit. */
        if (strcmp(word, "max") == 0 || strcmp(word, "-1") == 0)
                *ret_quota = LIMIT_INFINITY;
        else if (parse_u64(word, &quota) >= 0 && quota <= UINT64_MAX / USEC_PER_SEC)
                *ret_quota = quota * USEC_PER_SEC / period;
        else
                return -EBADMSG;
        *ret_period = period;
        return 0;
}

void cgfile_parse_cpu_stat(const char *text, CpuStat *stat) {
        const struct {
                const char *key;
                uint64_t *dst;
                uint64_t divide;
        } keys[] = {
                { "usage_usec", &stat->usage, 1 },
                { "nr_periods", &stat->n_periods, 1 },
                { "nr_throttled", &stat->n_throttled, 1 },
                { "throttled_usec", &stat->throttled, 1 },
                { "throttled_time", &stat->throttled, NSEC_PER_USEC }, /* v1 */
        };

        while (*text) {
                char key[32];
                uint64_t value;

                if (sscanf(text, "%31s %" SCNu64, key, &value) == 2)
                        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                                if (strcmp(keys[i].key, key) == 0)
                                        *keys[i].dst = value / keys[i].divide;
                text += strcspn(text, "\n");
                text += *text == '\n';
        }
}

int cgfile_parse_pressure(const char *text, usec_t *ret_total) {
        const char *end = strchrnul(text, '\n'), *total = strstr(text, "total=");
        uint64_t value;

        if (strncmp(text, "some ", 5) != 0 || !total || total > end ||
            sscanf(total, "total=%" SCNu64, &value) != 1)
                return -EBADMSG;
        *ret_total = value;
        return 0;
}

int cgfile_parse_pressure_average(const char *text, unsigned *ret) {
        static const char head[] = "some avg10=";
        const char *rest;
        uint64_t value;

        if (strncmp(text, head, strlen(head)) != 0 ||
            parse_decimal(text + strlen(head), 2, &value, &rest) < 0 || *rest != ' ' ||
            value > 10000)
                return -EBADMSG;
        *ret = value;
        return 0;
}

static bool agrees_quota(uint64_t wanted, const char *text) {
        uint64_t quota;
        usec_t period;

        if (cgfile_parse_cpu_max(text, &quota, &period) < 0)
                return false;
        if (wanted == LIMIT_INFINITY || quota == LIMIT_INFINITY)
                return wanted == quota;
        /* systemd rounds the quota of a period to microseconds. */
        return quota <= wanted + wanted / 100 + 10 && quota + wanted / 100 + 10 >= wanted;
}

static bool agrees_number(uint64_t wanted, const char *text, uint64_t rounding) {
        uint64_t got;
        char word[24];

        if (sscanf(text, "%23s", word) != 1)
                return false;
        if (strcmp(word, "max") == 0)
                got = LIMIT_INFINITY;
        else if (parse_u64(word, &got) < 0)
                return false;
        /* v1's "no limit" of memory is the largest page count. */
        if (wanted == LIMIT_INFINITY)
                return got >= INT64_MAX - rounding;
        return got <= wanted && wanted - got < rounding;
}

static bool agrees_weight(uint64_t wanted, const char *text, bool v1) {
        uint64_t got;

        if (wanted == LIMIT_INFINITY)
                return true;
        if (strncmp(text, "default ", 8) == 0) /* io.weight */
                text += 8;
        if (sscanf(text, "%" SCNu64, &got) != 1)
                return false;
        /* cpu.shares is 1024 for a weight of 100, and at least 2. */
        return v1 ? got == MAX_OF(wanted * 1024 / 100, (uint64_t) 2) : got == wanted;
}

bool cgfile_agrees(const Limits *wanted, Limit limit, const char *text, bool v1) {
        uint64_t value = wanted->value[limit];
        Limits kernel = {};

        switch (limits_table[limit].kind) {
        case LIMIT_KIND_QUOTA:
                return agrees_quota(value, text);
        case LIMIT_KIND_BYTES:
                return agrees_number(value, text, 65536); /* largest page size */
        case LIMIT_KIND_COUNT:
                return agrees_number(value, text, 1);
        case LIMIT_KIND_FLAG: /* freezer.state may be FREEZING for a while */
                return v1 ? (value == 1) == (strncmp(text, "FROZEN", 6) == 0)
                          : agrees_number(value, text, 1);
        case LIMIT_KIND_WEIGHT:
                return agrees_weight(value, text, v1);
        case LIMIT_KIND_CPUSET: {
                char list[LIMITS_TEXT_MAX];

                (void) snprintf(list, sizeof(list), "%.*s", (int) strcspn(text, "\n"), text);
                if (list[0] == '\0') /* the kernel's "as the parent" */
                        return false;
                return limits_decode(&kernel, limit, list) >= 0 &&
                       limits_is_stricter(&kernel, wanted, limit);
        }
        default: /* a period shows in the quota's file, and is the quota's affair */
                return true;
        }
}
