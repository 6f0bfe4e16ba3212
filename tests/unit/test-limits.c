/* SPDX-License-Identifier: MIT */
/* The table of limits, and each kind of value read, written and compared. */

#include "harness.h"

#include "core/limits.h"

#define GIB (UINT64_C(1) << 30)

static const LimitsHost host = { .n_cpus = 8, .memory_bytes = 16 * GIB };

static void limits_of_cpus(Limits *l, const char *list) {
        *l = (Limits){};
        assert_int_equal(limits_parse(l, LIMIT_CPUS, list, &host), 0);
}

static void every_row_is_complete(void **state _unused_) {
        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                const LimitInfo *info = &limits_table[i];

                assert_non_null(info->key);
                check_row(info->key, info->option && info->help && info->json && info->file_v2);
                check_row(info->key, info->kind < _LIMIT_KIND_MAX);
                check_row(info->key, info->min <= info->max);
                check_row(info->key, !info->metavar == (info->kind == LIMIT_KIND_FLAG));
                check_row(info->key, !info->property == !info->directive);
                check_row(info->key, strspn(info->option, "abcdefghijklmnopqrstuvwxyz-") ==
                                             strlen(info->option));
                check_row(info->key,
                          strspn(info->json, "abcdefghijklmnopqrstuvwxyz_") == strlen(info->json));
        }
}

static bool same(const char *a, const char *b) {
        return a && b && strcmp(a, b) == 0;
}

static void no_two_rows_share_a_name(void **state _unused_) {
        for (Limit i = 0; i < _LIMIT_MAX; i++)
                for (Limit j = 0; j < i; j++) {
                        const LimitInfo *a = &limits_table[i], *b = &limits_table[j];

                        check_row(a->key, !same(a->key, b->key) && !same(a->option, b->option));
                        check_row(a->key,
                                  !same(a->json, b->json) && !same(a->property, b->property));
                        check_row(a->key, !same(a->directive, b->directive));
                        check_row(a->key, !a->short_option || a->short_option != b->short_option);
                }
}

static void every_key_finds_its_limit(void **state _unused_) {
        static const char *const strangers[] = { "",         "quota",     "CPU-QUOTA", "cpu-quota ",
                                                 "cpu-quot", "cpu_quota", "=" };

        for (Limit i = 0; i < _LIMIT_MAX; i++)
                assert_int_equal(limits_from_key(limits_table[i].key), i);
        for (size_t i = 0; i < ELEMENTSOF(strangers); i++)
                check_row(strangers[i], limits_from_key(strangers[i]) == _LIMIT_INVALID);
}

typedef struct Accepted {
        Limit limit;
        const char *text;
        uint64_t value;
} Accepted;

static const Accepted accepted[] = {
        { LIMIT_CPU_QUOTA, "50%", 500000 },
        { LIMIT_CPU_QUOTA, "050%", 500000 },
        { LIMIT_CPU_QUOTA, "1%", 10000 },
        { LIMIT_CPU_QUOTA, "1.0%", 10000 },
        { LIMIT_CPU_QUOTA, "12.5%", 125000 },
        { LIMIT_CPU_QUOTA, "33.33%", 333300 },
        { LIMIT_CPU_QUOTA, "400%", 4000000 },
        { LIMIT_CPU_QUOTA, "819200%", UINT64_C(8192000000) },
        { LIMIT_CPU_QUOTA, "25%host", 2000000 }, /* systemd #33136: percent of the machine */
        { LIMIT_CPU_QUOTA, "0.5%host", 40000 },
        { LIMIT_CPU_QUOTA, "infinity", LIMIT_INFINITY },
        { LIMIT_CPU_PERIOD, "1ms", 1000 },
        { LIMIT_CPU_PERIOD, "10ms", 10000 },
        { LIMIT_CPU_PERIOD, "1000us", 1000 },
        { LIMIT_CPU_PERIOD, "1s", 1000000 },
        { LIMIT_CPU_PERIOD, "1", 1000000 },
        { LIMIT_CPU_WEIGHT, "1", 1 },
        { LIMIT_CPU_WEIGHT, "100", 100 },
        { LIMIT_CPU_WEIGHT, "10000", 10000 },
        { LIMIT_MEMORY_HIGH, "4G", 4 * GIB },
        { LIMIT_MEMORY_HIGH, "1M", 1048576 },
        { LIMIT_MEMORY_HIGH, "1024K", 1048576 },
        { LIMIT_MEMORY_HIGH, "1048576", 1048576 },
        { LIMIT_MEMORY_HIGH, "infinity", LIMIT_INFINITY },
        { LIMIT_MEMORY_MAX, "2T", 2048 * GIB },
        { LIMIT_MEMORY_MAX, "18446744073709551614", UINT64_MAX - 1 },
        { LIMIT_SWAP_MAX, "0", 0 },
        { LIMIT_SWAP_MAX, "0%", 0 },
        { LIMIT_SWAP_MAX, "1", 1 },
        { LIMIT_TASKS_MAX, "1", 1 },
        { LIMIT_TASKS_MAX, "4194304", 4194304 },
        { LIMIT_TASKS_MAX, "infinity", LIMIT_INFINITY },
        { LIMIT_IO_WEIGHT, "10000", 10000 },
        { LIMIT_FREEZE, "yes", 1 },
        { LIMIT_FREEZE, "true", 1 },
        { LIMIT_FREEZE, "on", 1 },
        { LIMIT_FREEZE, "1", 1 },
        { LIMIT_FREEZE, "no", 0 },
        { LIMIT_FREEZE, "off", 0 },
};

static void parse_accepts(void **state _unused_) {
        for (size_t i = 0; i < ELEMENTSOF(accepted); i++) {
                const Accepted *row = &accepted[i];
                Limits l = {};

                check_row(row->text, limits_parse(&l, row->limit, row->text, &host) == 0);
                check_row(row->text, l.set == UINT32_C(1) << row->limit);
                check_row(row->text, l.value[row->limit] == row->value);
        }
}

typedef struct Refused {
        Limit limit;
        const char *text;
        int error;
} Refused;

static const Refused refused[] = {
        { LIMIT_CPU_QUOTA, "", -EINVAL },
        { LIMIT_CPU_QUOTA, "50", -EINVAL }, /* percent or CPUs? */
        { LIMIT_CPU_QUOTA, "%", -EINVAL },
        { LIMIT_CPU_QUOTA, "50 %", -EINVAL },
        { LIMIT_CPU_QUOTA, " 50%", -EINVAL },
        { LIMIT_CPU_QUOTA, "50% ", -EINVAL },
        { LIMIT_CPU_QUOTA, "-50%", -EINVAL },
        { LIMIT_CPU_QUOTA, "+50%", -EINVAL },
        { LIMIT_CPU_QUOTA, "5e1%", -EINVAL },
        { LIMIT_CPU_QUOTA, "0x32%", -EINVAL },
        { LIMIT_CPU_QUOTA, "1,5%", -EINVAL },
        { LIMIT_CPU_QUOTA, ".5%", -EINVAL },
        { LIMIT_CPU_QUOTA, "50.%", -EINVAL },
        { LIMIT_CPU_QUOTA, "50.123%", -EINVAL },
        { LIMIT_CPU_QUOTA, "1.2.3%", -EINVAL },
        { LIMIT_CPU_QUOTA, "50%%", -EINVAL },
        { LIMIT_CPU_QUOTA, "50%hosts", -EINVAL },
        { LIMIT_CPU_QUOTA, "50%Host", -EINVAL },
        { LIMIT_CPU_QUOTA, "50% host", -EINVAL },
        { LIMIT_CPU_QUOTA, "\xd9\xa5\xd9\xa0%", -EINVAL }, /* Arabic digits */
        { LIMIT_CPU_QUOTA, "Infinity", -EINVAL },
        { LIMIT_CPU_QUOTA, "inf", -EINVAL },
        { LIMIT_CPU_QUOTA, "0%", -ERANGE },
        { LIMIT_CPU_QUOTA, "0.99%", -ERANGE },
        { LIMIT_CPU_QUOTA, "819200.01%", -ERANGE },
        { LIMIT_CPU_QUOTA, "819200%host", -ERANGE },
        { LIMIT_CPU_QUOTA, "184467440737095516%", -ERANGE },
        { LIMIT_CPU_QUOTA, "18446744073709551616%host", -ERANGE },
        { LIMIT_CPU_PERIOD, "", -EINVAL },
        { LIMIT_CPU_PERIOD, "infinity", -EINVAL },
        { LIMIT_CPU_PERIOD, "10", -ERANGE },
        { LIMIT_CPU_PERIOD, "999us", -ERANGE },
        { LIMIT_CPU_PERIOD, "1001ms", -ERANGE },
        { LIMIT_CPU_PERIOD, "0", -ERANGE },
        { LIMIT_CPU_WEIGHT, "", -EINVAL },
        { LIMIT_CPU_WEIGHT, "infinity", -EINVAL },
        { LIMIT_CPU_WEIGHT, "idle", -EINVAL },
        { LIMIT_CPU_WEIGHT, "50%", -EINVAL },
        { LIMIT_CPU_WEIGHT, "1.5", -EINVAL },
        { LIMIT_CPU_WEIGHT, "0", -ERANGE },
        { LIMIT_CPU_WEIGHT, "10001", -ERANGE },
        { LIMIT_CPU_WEIGHT, "18446744073709551615", -ERANGE },
        { LIMIT_MEMORY_HIGH, "4GB", -EINVAL },
        { LIMIT_MEMORY_HIGH, "4GiB", -EINVAL },
        { LIMIT_MEMORY_HIGH, "4 G", -EINVAL },
        { LIMIT_MEMORY_HIGH, "4g", -EINVAL },
        { LIMIT_MEMORY_HIGH, "G", -EINVAL },
        { LIMIT_MEMORY_HIGH, "1.5G", -EINVAL },
        { LIMIT_MEMORY_HIGH, "-1", -EINVAL },
        { LIMIT_MEMORY_HIGH, "25%host", -EINVAL },
        { LIMIT_MEMORY_HIGH, "25%%", -EINVAL },
        { LIMIT_MEMORY_HIGH, "0.005%", -EINVAL },
        { LIMIT_MEMORY_HIGH, "1048575", -ERANGE },
        { LIMIT_MEMORY_HIGH, "0", -ERANGE },
        { LIMIT_MEMORY_HIGH, "100.01%", -ERANGE },
        { LIMIT_MEMORY_MAX, "16777216T", -ERANGE },
        { LIMIT_MEMORY_MAX, "18446744073709551615", -ERANGE }, /* infinity, but not by that name */
        { LIMIT_SWAP_MAX, "100.01%", -ERANGE },
        { LIMIT_TASKS_MAX, "0", -ERANGE },
        { LIMIT_TASKS_MAX, "4194305", -ERANGE },
        { LIMIT_TASKS_MAX, "10%", -EINVAL },
        { LIMIT_IO_WEIGHT, "10001", -ERANGE },
        { LIMIT_CPUS, "", -EINVAL },
        { LIMIT_CPUS, ",", -EINVAL },
        { LIMIT_CPUS, "0,", -EINVAL },
        { LIMIT_CPUS, ",0", -EINVAL },
        { LIMIT_CPUS, "0,,1", -EINVAL },
        { LIMIT_CPUS, "0-", -EINVAL },
        { LIMIT_CPUS, "-3", -EINVAL },
        { LIMIT_CPUS, "0--3", -EINVAL },
        { LIMIT_CPUS, "0-3-5", -EINVAL },
        { LIMIT_CPUS, "3-1", -EINVAL },
        { LIMIT_CPUS, "0 1", -EINVAL },
        { LIMIT_CPUS, "0, 1", -EINVAL },
        { LIMIT_CPUS, "0-3/2", -EINVAL },
        { LIMIT_CPUS, "all", -EINVAL },
        { LIMIT_CPUS, "infinity", -EINVAL },
        { LIMIT_CPUS, "0x1", -EINVAL },
        { LIMIT_CPUS, "1024", -ERANGE },
        { LIMIT_CPUS, "0-1024", -ERANGE },
        { LIMIT_CPUS, "18446744073709551616", -ERANGE },
        { LIMIT_FREEZE, "", -EINVAL },
        { LIMIT_FREEZE, "2", -EINVAL },
        { LIMIT_FREEZE, "maybe", -EINVAL },
        { LIMIT_FREEZE, "Yes", -EINVAL },
};

static void parse_refuses_and_leaves_the_limits_alone(void **state _unused_) {
        for (size_t i = 0; i < ELEMENTSOF(refused); i++) {
                const Refused *row = &refused[i];
                Limits l, before;

                memset(&l, 0x5a, sizeof(l));
                before = l;
                check_row(row->text, limits_parse(&l, row->limit, row->text, &host) == row->error);
                check_row(row->text, memcmp(&l, &before, sizeof(l)) == 0);
        }
}

static void percent_of_memory_is_of_the_host(void **state _unused_) {
        Limits l = {};

        assert_int_equal(limits_parse(&l, LIMIT_MEMORY_MAX, "25%", &host), 0);
        assert_in_range(l.value[LIMIT_MEMORY_MAX], 4 * GIB - 1048576, 4 * GIB);
        assert_int_equal(limits_parse(&l, LIMIT_MEMORY_MAX, "100%", &host), 0);
        assert_in_range(l.value[LIMIT_MEMORY_MAX], 16 * GIB - 1048576, 16 * GIB);
        assert_int_equal(limits_parse(&l, LIMIT_MEMORY_MAX, "12.5%", &host), 0);
        assert_in_range(l.value[LIMIT_MEMORY_MAX], 2 * GIB - 1048576, 2 * GIB);
}

static void percent_of_the_largest_host_does_not_overflow(void **state _unused_) {
        const LimitsHost largest = { .n_cpus = 8192, .memory_bytes = UINT64_MAX };
        Limits l = {};

        assert_int_equal(limits_parse(&l, LIMIT_CPU_QUOTA, "100%host", &largest), 0);
        assert_true(l.value[LIMIT_CPU_QUOTA] == UINT64_C(8192) * 1000000);
        assert_int_equal(limits_parse(&l, LIMIT_CPU_QUOTA, "819200%host", &largest), -ERANGE);
        assert_int_equal(limits_parse(&l, LIMIT_MEMORY_MAX, "100%", &largest), 0);
        assert_true(l.value[LIMIT_MEMORY_MAX] > UINT64_MAX / 100 * 99);
}

static void a_second_value_replaces_the_first(void **state _unused_) {
        Limits l, expected;

        limits_of_cpus(&l, "0-3");
        assert_int_equal(limits_parse(&l, LIMIT_CPUS, "8", &host), 0);
        limits_of_cpus(&expected, "8");
        assert_true(limits_equal(&l, &expected));
}

static void cpu_lists_are_sets(void **state _unused_) {
        static const struct {
                const char *text, *formatted;
        } rows[] = {
                { "0", "0" },           { "1023", "1023" },   { "0-3,8", "0-3,8" },
                { "8,0-3", "0-3,8" },   { "0,1,2", "0-2" },   { "3,1-2", "1-3" },
                { "5-5", "5" },         { "0-2,1-4", "0-4" }, { "0-1023", "0-1023" },
                { "7,8,15", "7-8,15" }, { "0000", "0" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char buf[LIMITS_TEXT_MAX];
                Limits l;

                limits_of_cpus(&l, rows[i].text);
                check_row(rows[i].text,
                          strcmp(limits_format(&l, LIMIT_CPUS, buf), rows[i].formatted) == 0);
        }
}

static void format_is_read_back(void **state _unused_) {
        for (size_t i = 0; i < ELEMENTSOF(accepted); i++) {
                const Accepted *row = &accepted[i];
                Limits l = {}, again = {};
                char buf[LIMITS_TEXT_MAX];

                assert_int_equal(limits_parse(&l, row->limit, row->text, &host), 0);
                limits_format(&l, row->limit, buf);
                check_row(buf, limits_parse(&again, row->limit, buf, &host) == 0);
                check_row(buf, limits_equal(&l, &again));
        }
}

/* Weights and periods have no infinity, only a default, which an empty text stands for. */
static void infinity_is_a_word_where_there_is_one(void **state _unused_) {
        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                LimitKind kind = limits_table[i].kind;
                Limits l = {}, again = {};
                char buf[LIMITS_TEXT_MAX];

                if (kind == LIMIT_KIND_CPUSET || kind == LIMIT_KIND_FLAG)
                        continue;
                limits_set(&l, i, LIMIT_INFINITY);
                limits_format(&l, i, buf);
                if (kind == LIMIT_KIND_WEIGHT || kind == LIMIT_KIND_DURATION) {
                        check_row(limits_table[i].key, buf[0] == '\0');
                        continue;
                }
                check_row(limits_table[i].key, strcmp(buf, "infinity") == 0);
                check_row(limits_table[i].key, limits_parse(&again, i, buf, &host) == 0);
                check_row(limits_table[i].key, limits_equal(&l, &again));
        }
}

static void encode_is_decoded_to_the_same(void **state _unused_) {
        static const uint64_t values[] = {
                0, 1, 2, 99, 100, 12345, 123457, 333333, UINT32_MAX, UINT64_MAX - 1, LIMIT_INFINITY
        };

        for (Limit i = 0; i < _LIMIT_MAX; i++)
                for (size_t j = 0; j < ELEMENTSOF(values); j++) {
                        Limits l = {}, again = {};
                        char buf[LIMITS_TEXT_MAX];

                        if (limits_table[i].kind == LIMIT_KIND_CPUSET)
                                continue;
                        limits_set(&l, i, values[j]);
                        limits_encode(&l, i, buf);
                        check_row(limits_table[i].key, limits_decode(&again, i, buf) == 0);
                        check_row(limits_table[i].key, limits_equal(&l, &again));
                }
}

static void encode_and_decode_cpus(const Limits *l) {
        Limits again = {}, formatted = {};
        char buf[LIMITS_TEXT_MAX];

        memset(again.cpus, 0xff, sizeof(again.cpus));
        limits_encode(l, LIMIT_CPUS, buf);
        check_row(buf, limits_decode(&again, LIMIT_CPUS, buf) == 0);
        check_row(buf, limits_equal(l, &again));
        limits_format(l, LIMIT_CPUS, buf);
        if (buf[0] != '\0')
                check_row(buf, limits_parse(&formatted, LIMIT_CPUS, buf, &host) == 0 &&
                                       limits_equal(l, &formatted));
}

static void every_single_cpu_survives(void **state _unused_) {
        for (unsigned i = 0; i < LIMITS_CPUS_MAX; i++) {
                Limits l = {};

                limits_set(&l, LIMIT_CPUS, 0);
                encode_and_decode_cpus(&l); /* none: the base value "all" */
                l.cpus[i / 8] = 1U << (i % 8);
                encode_and_decode_cpus(&l);
        }
}

/* SMT siblings switched off leave every other CPU. */
static void the_longest_cpu_list_survives(void **state _unused_) {
        uint32_t seed = 20260131;
        Limits l = {};

        limits_set(&l, LIMIT_CPUS, 0);
        memset(l.cpus, 0x55, sizeof(l.cpus));
        encode_and_decode_cpus(&l);
        memset(l.cpus, 0xaa, sizeof(l.cpus));
        encode_and_decode_cpus(&l);
        for (unsigned n = 0; n < 100; n++) {
                for (size_t i = 0; i < sizeof(l.cpus); i++)
                        l.cpus[i] = next_random(&seed) & 0xff;
                encode_and_decode_cpus(&l);
        }
}

static void decode_takes_whatever_the_system_had(void **state _unused_) {
        Limits l = {};

        assert_int_equal(limits_decode(&l, LIMIT_CPU_QUOTA, "1"), 0);
        assert_int_equal(limits_decode(&l, LIMIT_MEMORY_HIGH, "4096"), 0);
        assert_int_equal(limits_decode(&l, LIMIT_TASKS_MAX, "99999999"), 0);
        assert_int_equal(limits_decode(&l, LIMIT_CPU_WEIGHT, "infinity"), 0);
        assert_true(l.value[LIMIT_CPU_WEIGHT] == LIMIT_INFINITY);
        assert_int_equal(l.value[LIMIT_TASKS_MAX], 99999999);
}

static void decode_refuses_and_leaves_the_limits_alone(void **state _unused_) {
        static const Refused rows[] = {
                { LIMIT_CPU_QUOTA, "", 0 },     { LIMIT_CPU_QUOTA, "50%", 0 },
                { LIMIT_CPU_QUOTA, "-1", 0 },   { LIMIT_CPU_QUOTA, "1.5", 0 },
                { LIMIT_CPU_QUOTA, " 1", 0 },   { LIMIT_CPU_QUOTA, "1 ", 0 },
                { LIMIT_CPU_QUOTA, "0x1", 0 },  { LIMIT_MEMORY_MAX, "4G", 0 },
                { LIMIT_MEMORY_MAX, "max", 0 }, { LIMIT_MEMORY_MAX, "18446744073709551616", 0 },
                { LIMIT_FREEZE, "yes", 0 },     { LIMIT_CPUS, "0-", 0 },
                { LIMIT_CPUS, "1024", 0 },      { LIMIT_CPUS, "infinity", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Limits l, before;

                memset(&l, 0x5a, sizeof(l));
                before = l;
                check_row(rows[i].text, limits_decode(&l, rows[i].limit, rows[i].text) == -EINVAL);
                check_row(rows[i].text, memcmp(&l, &before, sizeof(l)) == 0);
        }
}

static void describe_is_for_people(void **state _unused_) {
        static const struct {
                Limit limit;
                uint64_t value;
                const char *text;
        } rows[] = {
                { LIMIT_CPU_QUOTA, 500000, "50% of one CPU" },
                { LIMIT_CPU_QUOTA, 125000, "12.5% of one CPU" },
                { LIMIT_CPU_QUOTA, 333300, "33.33% of one CPU" },
                { LIMIT_CPU_QUOTA, 10500, "1.05% of one CPU" },
                { LIMIT_CPU_QUOTA, LIMIT_INFINITY, "no limit" },
                { LIMIT_CPU_PERIOD, 10000, "10ms" },
                { LIMIT_CPU_PERIOD, LIMIT_INFINITY, "default" },
                { LIMIT_CPU_WEIGHT, 20, "20" },
                { LIMIT_CPU_WEIGHT, LIMIT_INFINITY, "default" },
                { LIMIT_MEMORY_MAX, 4 * GIB, "4.0G" },
                { LIMIT_SWAP_MAX, 0, "0" },
                { LIMIT_SWAP_MAX, LIMIT_INFINITY, "no limit" },
                { LIMIT_TASKS_MAX, 2000, "2000" },
                { LIMIT_TASKS_MAX, LIMIT_INFINITY, "no limit" },
                { LIMIT_FREEZE, 1, "yes" },
                { LIMIT_FREEZE, 0, "no" },
        };
        char buf[LIMITS_TEXT_MAX];
        Limits l = {};

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                limits_set(&l, rows[i].limit, rows[i].value);
                check_row(rows[i].text,
                          strcmp(limits_describe(&l, rows[i].limit, buf), rows[i].text) == 0);
        }
        limits_of_cpus(&l, "0-3,8");
        assert_string_equal(limits_describe(&l, LIMIT_CPUS, buf), "0-3,8");
}

static void stricter_allows_at_most_as_much(void **state _unused_) {
        static const struct {
                Limit limit;
                uint64_t a, b;
                bool stricter;
        } rows[] = {
                { LIMIT_CPU_QUOTA, 500000, 1000000, true },
                { LIMIT_CPU_QUOTA, 1000000, 500000, false },
                { LIMIT_CPU_QUOTA, 500000, 500000, true },
                { LIMIT_CPU_QUOTA, 500000, LIMIT_INFINITY, true },
                { LIMIT_CPU_QUOTA, LIMIT_INFINITY, 500000, false },
                { LIMIT_MEMORY_MAX, 0, 1, true },
                { LIMIT_TASKS_MAX, LIMIT_INFINITY, 10, false },
                { LIMIT_CPU_WEIGHT, 20, 100, true },
                { LIMIT_CPU_WEIGHT, 20, LIMIT_INFINITY, true }, /* the default is 100 */
                { LIMIT_CPU_WEIGHT, 200, LIMIT_INFINITY, false },
                { LIMIT_CPU_WEIGHT, LIMIT_INFINITY, 200, true },
                { LIMIT_CPU_WEIGHT, LIMIT_INFINITY, 20, false },
                { LIMIT_IO_WEIGHT, LIMIT_INFINITY, LIMIT_INFINITY, true },
                { LIMIT_FREEZE, 1, 0, true },
                { LIMIT_FREEZE, 1, 1, true },
                { LIMIT_FREEZE, 0, 1, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Limits a = {}, b = {};

                limits_set(&a, rows[i].limit, rows[i].a);
                limits_set(&b, rows[i].limit, rows[i].b);
                check_row(limits_table[rows[i].limit].key,
                          limits_is_stricter(&a, &b, rows[i].limit) == rows[i].stricter);
        }
}

static void a_subset_of_cpus_is_stricter(void **state _unused_) {
        static const struct {
                const char *a, *b;
                bool stricter;
        } rows[] = {
                { "0-1", "0-3", true },        { "0-3", "0-1", false }, { "0-3", "0-3", true },
                { "8", "0-3", false },         { "0-2", "1-3", false }, { "1023", "0-1023", true },
                { "0,1023", "0-1022", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Limits a, b;

                limits_of_cpus(&a, rows[i].a);
                limits_of_cpus(&b, rows[i].b);
                check_row(rows[i].a, limits_is_stricter(&a, &b, LIMIT_CPUS) == rows[i].stricter);
        }
}

static void together_the_stricter_counts(void **state _unused_) {
        Limits a = {}, b = {};

        limits_set(&a, LIMIT_CPU_QUOTA, 900000);
        limits_set(&a, LIMIT_MEMORY_MAX, 5);
        limits_set(&b, LIMIT_CPU_QUOTA, 300000);
        limits_set(&b, LIMIT_MEMORY_MAX, LIMIT_INFINITY);
        limits_set(&b, LIMIT_TASKS_MAX, 9);
        assert_true(limits_yields(&a, &b, LIMIT_CPU_QUOTA));
        assert_false(limits_yields(&b, &a, LIMIT_CPU_QUOTA));
        assert_false(limits_yields(&a, &a, LIMIT_CPU_QUOTA));
        assert_true(limits_yields(&a, &b, LIMIT_TASKS_MAX));
        assert_false(limits_yields(&b, &a, LIMIT_TASKS_MAX));
        limits_tighten(&a, &b);
        assert_int_equal(a.value[LIMIT_CPU_QUOTA], 300000);
        assert_int_equal(a.value[LIMIT_MEMORY_MAX], 5);
        assert_int_equal(a.value[LIMIT_TASKS_MAX], 9);
        limits_tighten(&b, &a);
        assert_true(limits_equal(&a, &b));
}

static void equal_means_the_same_limits_and_values(void **state _unused_) {
        Limits a = {}, b = {};

        assert_true(limits_is_empty(&a));
        a.value[LIMIT_TASKS_MAX] = 7; /* not set: means nothing */
        assert_true(limits_equal(&a, &b));
        limits_set(&a, LIMIT_TASKS_MAX, 10);
        assert_false(limits_is_empty(&a));
        assert_false(limits_equal(&a, &b));
        assert_false(limits_equal_one(&a, &b, LIMIT_TASKS_MAX));
        assert_true(limits_equal_one(&a, &b, LIMIT_CPU_QUOTA));
        limits_copy_one(&b, &a, LIMIT_TASKS_MAX);
        assert_true(limits_equal(&a, &b));
        limits_set(&b, LIMIT_TASKS_MAX, 11);
        assert_false(limits_equal(&a, &b));
        limits_unset(&b, LIMIT_TASKS_MAX);
        assert_false(limits_has(&b, LIMIT_TASKS_MAX));
        limits_unset(&a, LIMIT_TASKS_MAX);
        limits_of_cpus(&b, "0-3");
        limits_copy_one(&a, &b, LIMIT_CPUS);
        assert_true(limits_equal(&a, &b));
        limits_of_cpus(&b, "0-4");
        assert_false(limits_equal(&a, &b));
}

static void copying_one_touches_no_other(void **state _unused_) {
        Limits a = {}, b = {};

        limits_set(&a, LIMIT_TASKS_MAX, 10);
        limits_set(&a, LIMIT_CPU_QUOTA, 500000);
        limits_set(&b, LIMIT_CPU_QUOTA, 1000000);
        limits_copy_one(&b, &a, LIMIT_TASKS_MAX);
        assert_int_equal(b.value[LIMIT_CPU_QUOTA], 1000000);
        assert_int_equal(b.value[LIMIT_TASKS_MAX], 10);
        assert_int_equal(b.set, UINT32_C(1) << LIMIT_CPU_QUOTA | UINT32_C(1) << LIMIT_TASKS_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_row_is_complete),
                cmocka_unit_test(no_two_rows_share_a_name),
                cmocka_unit_test(every_key_finds_its_limit),
                cmocka_unit_test(parse_accepts),
                cmocka_unit_test(parse_refuses_and_leaves_the_limits_alone),
                cmocka_unit_test(percent_of_memory_is_of_the_host),
                cmocka_unit_test(percent_of_the_largest_host_does_not_overflow),
                cmocka_unit_test(a_second_value_replaces_the_first),
                cmocka_unit_test(cpu_lists_are_sets),
                cmocka_unit_test(format_is_read_back),
                cmocka_unit_test(infinity_is_a_word_where_there_is_one),
                cmocka_unit_test(encode_is_decoded_to_the_same),
                cmocka_unit_test(every_single_cpu_survives),
                cmocka_unit_test(the_longest_cpu_list_survives),
                cmocka_unit_test(decode_takes_whatever_the_system_had),
                cmocka_unit_test(decode_refuses_and_leaves_the_limits_alone),
                cmocka_unit_test(describe_is_for_people),
                cmocka_unit_test(stricter_allows_at_most_as_much),
                cmocka_unit_test(a_subset_of_cpus_is_stricter),
                cmocka_unit_test(together_the_stricter_counts),
                cmocka_unit_test(equal_means_the_same_limits_and_values),
                cmocka_unit_test(copying_one_touches_no_other),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
