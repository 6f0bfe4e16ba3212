/* SPDX-License-Identifier: MIT */
/* What the kernel's cgroup files say, and whether that is what was wanted. */

#include "harness.h"

#include <errno.h>

#include "core/cgfile.h"

static void cpu_max_is_read(void **state _unused_) {
        static const struct {
                const char *text;
                uint64_t quota;
                usec_t period;
        } rows[] = {
                { "50000 100000\n", 500000, 100000 },
                { "50000 100000", 500000, 100000 },
                { "5000 10000\n", 500000, 10000 },
                { "max 100000\n", LIMIT_INFINITY, 100000 },
                { "max 10000", LIMIT_INFINITY, 10000 },
                { "-1 100000", LIMIT_INFINITY, 100000 }, /* v1, put together by the caller */
                { "1000 1000000\n", 1000, 1000000 },
                { "0 100000", 0, 100000 },
                { "819200000 100000", UINT64_C(8192000000), 100000 },
                { "18446744073709 1", UINT64_C(18446744073709000000), 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint64_t quota;
                usec_t period;

                check_row(rows[i].text, cgfile_parse_cpu_max(rows[i].text, &quota, &period) == 0);
                check_row(rows[i].text, quota == rows[i].quota);
                check_row(rows[i].text, period == rows[i].period);
        }
}

static void cpu_max_is_refused(void **state _unused_) {
        static const char *const rows[] = {
                "",
                "\n",
                "max",
                "max\n",
                "50000",
                "50000 ",
                "abc 100000",
                "50000 abc",
                "50000 0",
                "max 0",
                "-2 100000",
                "-50000 100000",
                "+1 100000",
                "0x10 100000",
                "maxi 100000",
                "18446744073710 1",
                "18446744073709551616 100000",
                "5e4 100000",
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint64_t quota = 7;
                usec_t period = 8;

                check_row(rows[i], cgfile_parse_cpu_max(rows[i], &quota, &period) == -EBADMSG);
                check_row(rows[i], quota == 7 && period == 8);
        }
}

static void cpu_stat_of_v2_is_read(void **state _unused_) {
        CpuStat stat = {};

        cgfile_parse_cpu_stat(
                "usage_usec 123456789\nuser_usec 100\nsystem_usec 200\nnr_periods 40\n"
                "nr_throttled 30\nthrottled_usec 9876543\nnr_bursts 1\nburst_usec 2\n",
                &stat);
        assert_int_equal(stat.usage, 123456789);
        assert_int_equal(stat.n_periods, 40);
        assert_int_equal(stat.n_throttled, 30);
        assert_int_equal(stat.throttled, 9876543);
}

static void cpu_stat_of_v1_is_in_nanoseconds(void **state _unused_) {
        CpuStat stat = { .usage = 55 };

        cgfile_parse_cpu_stat("nr_periods 40\nnr_throttled 30\nthrottled_time 9876543210", &stat);
        assert_int_equal(stat.usage, 55);
        assert_int_equal(stat.n_periods, 40);
        assert_int_equal(stat.n_throttled, 30);
        assert_int_equal(stat.throttled, 9876543);
}

static void cpu_stat_without_a_controller_leaves_the_rest(void **state _unused_) {
        CpuStat stat = { .usage = 1, .n_periods = 2, .n_throttled = 3, .throttled = 4 };

        cgfile_parse_cpu_stat("", &stat);
        cgfile_parse_cpu_stat("\n\n", &stat);
        cgfile_parse_cpu_stat("nr_periods\nnr_throttled x\nusage_usec_extra 9\nthrottled 9\n",
                              &stat);
        assert_int_equal(stat.usage, 1);
        assert_int_equal(stat.n_periods, 2);
        assert_int_equal(stat.n_throttled, 3);
        assert_int_equal(stat.throttled, 4);
        cgfile_parse_cpu_stat("usage_usec 10\nuser_usec 5\nsystem_usec 5\n", &stat);
        assert_int_equal(stat.usage, 10);
        assert_int_equal(stat.n_periods, 2);
}

typedef struct Agreement {
        Limit limit;
        uint64_t wanted;
        const char *text;
        bool v1, agrees;
} Agreement;

static const Agreement agreements[] = {
        { LIMIT_CPU_QUOTA, 500000, "50000 100000", false, true },
        { LIMIT_CPU_QUOTA, 500000, "5000 10000", false, true },
        { LIMIT_CPU_QUOTA, 333333, "33333 100000", false, true },
        { LIMIT_CPU_QUOTA, 333333, "3333 10000", false, true },
        { LIMIT_CPU_QUOTA, 10000, "1000 100000", false, true },
        { LIMIT_CPU_QUOTA, 500000, "60000 100000", false, false },
        { LIMIT_CPU_QUOTA, 500000, "40000 100000", false, false },
        { LIMIT_CPU_QUOTA, 500000, "max 100000", false, false },
        { LIMIT_CPU_QUOTA, 500000, "", false, false },
        { LIMIT_CPU_QUOTA, LIMIT_INFINITY, "max 100000", false, true },
        { LIMIT_CPU_QUOTA, LIMIT_INFINITY, "50000 100000", false, false },
        { LIMIT_CPU_QUOTA, 500000, "50000 100000", true, true },
        { LIMIT_CPU_QUOTA, 500000, "-1 100000", true, false },
        { LIMIT_CPU_QUOTA, LIMIT_INFINITY, "-1 100000", true, true },
        { LIMIT_MEMORY_MAX, UINT64_C(4294967296), "4294967296", false, true },
        { LIMIT_MEMORY_MAX, UINT64_C(4294967299), "4294967296\n", false, true }, /* whole pages */
        { LIMIT_MEMORY_MAX, UINT64_C(4294967296), "4294971392", false, false },
        { LIMIT_MEMORY_MAX, UINT64_C(4294967296), "4294836224", false, false },
        { LIMIT_MEMORY_MAX, UINT64_C(4294967296), "max", false, false },
        { LIMIT_MEMORY_MAX, LIMIT_INFINITY, "max\n", false, true },
        { LIMIT_MEMORY_MAX, LIMIT_INFINITY, "4294967296", false, false },
        { LIMIT_MEMORY_MAX, LIMIT_INFINITY, "9223372036854771712", true,
          true }, /* v1's largest, 4 KiB pages */
        { LIMIT_MEMORY_MAX, UINT64_C(4294967296), "9223372036854771712", true, false },
        { LIMIT_SWAP_MAX, 0, "0", false, true },
        { LIMIT_SWAP_MAX, 0, "4096", false, false },
        { LIMIT_SWAP_MAX, 0, "max", false, false },
        { LIMIT_TASKS_MAX, 2000, "2000\n", false, true },
        { LIMIT_TASKS_MAX, 2000, "1999", false, false },
        { LIMIT_TASKS_MAX, 2000, "2001", false, false },
        { LIMIT_TASKS_MAX, 2000, "max", false, false },
        { LIMIT_TASKS_MAX, LIMIT_INFINITY, "max", false, true },
        { LIMIT_TASKS_MAX, 2000, "", false, false },
        { LIMIT_TASKS_MAX, 2000, "none", false, false },
        { LIMIT_CPU_WEIGHT, 20, "20\n", false, true },
        { LIMIT_CPU_WEIGHT, 20, "100", false, false },
        { LIMIT_CPU_WEIGHT, 100, "1024", true, true }, /* cpu.shares */
        { LIMIT_CPU_WEIGHT, 20, "204", true, true },
        { LIMIT_CPU_WEIGHT, 1, "10", true, true },
        { LIMIT_CPU_WEIGHT, 10000, "102400", true, true },
        { LIMIT_CPU_WEIGHT, 20, "1024", true, false },
        { LIMIT_CPU_WEIGHT, 100, "100", true, false },
        { LIMIT_CPU_WEIGHT, 20, "", false, false },
        { LIMIT_CPU_WEIGHT, LIMIT_INFINITY, "100", false, true },
        { LIMIT_IO_WEIGHT, 50, "default 50\n8:0 200\n", false, true },
        { LIMIT_IO_WEIGHT, 50, "default 100\n8:0 50\n", false, false },
        { LIMIT_IO_WEIGHT, 50, "50", false, true },
        { LIMIT_FREEZE, 1, "1\n", false, true },
        { LIMIT_FREEZE, 1, "0\n", false, false },
        { LIMIT_FREEZE, 0, "0\n", false, true },
        { LIMIT_FREEZE, 0, "1\n", false, false },
        { LIMIT_FREEZE, 1, "FROZEN\n", true, true }, /* freezer.state */
        { LIMIT_FREEZE, 1, "FREEZING\n", true, false },
        { LIMIT_FREEZE, 1, "THAWED\n", true, false },
        { LIMIT_FREEZE, 0, "THAWED\n", true, true },
        { LIMIT_FREEZE, 0, "FROZEN\n", true, false },
        { LIMIT_CPU_PERIOD, 10000, "50000 10000", false, true },
};

static void the_kernel_agrees_or_not(void **state _unused_) {
        for (size_t i = 0; i < ELEMENTSOF(agreements); i++) {
                const Agreement *row = &agreements[i];
                Limits wanted = {};
                char label[96];

                limits_set(&wanted, row->limit, row->wanted);
                (void) snprintf(label, sizeof(label), "%s %llu '%s'", limits_table[row->limit].key,
                                (unsigned long long) row->wanted, row->text);
                check_row(label,
                          cgfile_agrees(&wanted, row->limit, row->text, row->v1) == row->agrees);
        }
}

static bool agrees_cpus(const char *wanted, const char *kernel) {
        Limits l = {};

        assert_int_equal(limits_decode(&l, LIMIT_CPUS, wanted), 0);
        return cgfile_agrees(&l, LIMIT_CPUS, kernel, false);
}

static void the_kernel_may_allow_fewer_cpus_only(void **state _unused_) {
        assert_true(agrees_cpus("0-3", "0-3\n"));
        assert_true(agrees_cpus("0-3", "0-3"));
        assert_true(agrees_cpus("0-3", "1\n"));
        assert_false(agrees_cpus("0-3", "0-4\n"));
        assert_false(agrees_cpus("0-3", "4\n"));
        assert_false(agrees_cpus("0-3", "junk\n"));
}

/* An empty cpuset.cpus takes all that the parent has (cgroup-v2.rst): nothing is limited. */
static void no_cpus_in_the_kernel_are_not_enforced(void **state _unused_) {
        assert_false(agrees_cpus("0-3", ""));
        assert_false(agrees_cpus("0-3", "\n"));
}

static void test_pressure_average(void **state) {
        static const struct {
                const char *text;
                int answer;
                unsigned average;
        } rows[] = {
                { "some avg10=93.71 avg60=82.67 avg300=49.23 total=7868594140\nfull avg10=1.00", 0,
                  9371 },
                { "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", 0, 0 },
                { "some avg10=100.00 avg60=0.00 avg300=0.00 total=0\n", 0, 10000 },
                { "some avg10=100.01 avg60=0.00\n", -EBADMSG, 0 },
                { "some avg10=-1.00 avg60=0.00\n", -EBADMSG, 0 },
                { "some avg10=1.00", -EBADMSG, 0 },
                { "full avg10=1.00 avg60=0.00\n", -EBADMSG, 0 },
                { "", -EBADMSG, 0 },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                unsigned average = 0;

                check_row(rows[i].text,
                          cgfile_parse_pressure_average(rows[i].text, &average) == rows[i].answer);
                check_row(rows[i].text, average == rows[i].average);
        }
}

static void test_pressure(void **state) {
        static const struct {
                const char *text;
                int answer;
                usec_t total;
        } rows[] = {
                { "some avg10=93.71 avg60=82.67 avg300=49.23 total=7868594140\n"
                  "full avg10=0.00 avg60=0.00 avg300=0.00 total=5\n",
                  0, 7868594140 },
                { "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", 0, 0 },
                { "full avg10=0.00 avg60=0.00 avg300=0.00 total=5\n", -EBADMSG, 0 },
                { "some avg10=0.00\nfull total=5\n", -EBADMSG, 0 },
                { "some total=x\n", -EBADMSG, 0 },
                { "", -EBADMSG, 0 },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                usec_t total = 0;

                check_row(rows[i].text,
                          cgfile_parse_pressure(rows[i].text, &total) == rows[i].answer);
                check_row(rows[i].text, total == rows[i].total);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pressure),
                cmocka_unit_test(test_pressure_average),
                cmocka_unit_test(cpu_max_is_read),
                cmocka_unit_test(cpu_max_is_refused),
                cmocka_unit_test(cpu_stat_of_v2_is_read),
                cmocka_unit_test(cpu_stat_of_v1_is_in_nanoseconds),
                cmocka_unit_test(cpu_stat_without_a_controller_leaves_the_rest),
                cmocka_unit_test(the_kernel_agrees_or_not),
                cmocka_unit_test(the_kernel_may_allow_fewer_cpus_only),
                cmocka_unit_test(no_cpus_in_the_kernel_are_not_enforced),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
