/* SPDX-License-Identifier: MIT */
/* One limit's value as a person, the ledger and the kernel write it. The first byte picks the
 * limit. */

#include "fuzz.h"

#include "core/cgfile.h"

static void check_typed(Limit limit, const char *text) {
        const LimitsHost host = { .n_cpus = 8, .memory_bytes = UINT64_C(16) << 30 };
        const LimitInfo *info = &limits_table[limit];
        Limits l = {}, again = {};
        char buf[LIMITS_TEXT_MAX];

        if (limits_parse(&l, limit, text, &host) < 0) {
                must(limits_is_empty(&l));
                return;
        }
        must(limits_has(&l, limit));
        must(info->kind == LIMIT_KIND_CPUSET || l.value[limit] == LIMIT_INFINITY ||
             (l.value[limit] >= info->min && l.value[limit] <= info->max));
        limits_format(&l, limit, buf);
        must(limits_parse(&again, limit, buf, &host) == 0);
        must(limits_equal(&l, &again));
        limits_describe(&l, limit, buf);
        must(strlen(buf) < sizeof(buf));
}

static void check_kept(Limit limit, const char *text) {
        Limits l = {}, again = {};
        char buf[LIMITS_TEXT_MAX];

        if (limits_decode(&l, limit, text) < 0)
                return;
        limits_encode(&l, limit, buf);
        must(limits_decode(&again, limit, buf) == 0);
        must(limits_equal(&l, &again));
        must(limits_is_stricter(&l, &again, limit));
}

static void check_kernel(Limit limit, const char *text) {
        Limits l = {};
        CpuStat stat = {};
        uint64_t quota;
        usec_t period;

        limits_set(&l, limit, 500000);
        (void) cgfile_agrees(&l, limit, text, false);
        (void) cgfile_agrees(&l, limit, text, true);
        limits_set(&l, limit, LIMIT_INFINITY);
        (void) cgfile_agrees(&l, limit, text, false);
        cgfile_parse_cpu_stat(text, &stat);
        if (cgfile_parse_cpu_max(text, &quota, &period) == 0)
                must(period > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = NULL;
        Limit limit;

        if (size == 0)
                return 0;
        limit = data[0] % _LIMIT_MAX;
        text = fuzz_string(data + 1, size - 1);
        check_typed(limit, text);
        check_kept(limit, text);
        check_kernel(limit, text);
        return 0;
}
