/* SPDX-License-Identifier: MIT */
/* Which of several layers that speak of a limit counts: manual, else the strictest. */

#include "harness.h"

#include "core/layers.h"

#define UNSET (UINT64_MAX - 1)

static void every_name_finds_its_layer(void **state _unused_) {
        static const char *const strangers[] = { "", "none", "Manual", "manual ", "base", "leash" };

        for (Layer i = 0; i < _LAYER_MAX; i++)
                assert_int_equal(layer_from_string(layer_to_string(i)), i);
        for (size_t i = 0; i < ELEMENTSOF(strangers); i++)
                check_row(strangers[i], layer_from_string(strangers[i]) == _LAYER_INVALID);
        assert_string_equal(layer_to_string(_LAYER_INVALID), "none");
        assert_string_equal(layer_to_string(_LAYER_MAX), "none");
}

typedef struct Row {
        const char *name;
        Limit limit;
        uint64_t values[_LAYER_MAX]; /* default, state, runaway, manual */
        uint64_t effective;
        Layer from;
} Row;

static const Row rows[] = {
        { "nobody", LIMIT_CPU_QUOTA, { UNSET, UNSET, UNSET, UNSET }, UNSET, _LAYER_INVALID },
        { "default alone", LIMIT_CPU_QUOTA, { 400, UNSET, UNSET, UNSET }, 400, LAYER_DEFAULT },
        { "state alone", LIMIT_CPU_QUOTA, { UNSET, 400, UNSET, UNSET }, 400, LAYER_STATE },
        { "runaway alone", LIMIT_CPU_QUOTA, { UNSET, UNSET, 400, UNSET }, 400, LAYER_RUNAWAY },
        { "manual alone", LIMIT_CPU_QUOTA, { UNSET, UNSET, UNSET, 400 }, 400, LAYER_MANUAL },
        { "strictest is the first", LIMIT_CPU_QUOTA, { 1, 2, 3, UNSET }, 1, LAYER_DEFAULT },
        { "strictest is the second", LIMIT_CPU_QUOTA, { 2, 1, 3, UNSET }, 1, LAYER_STATE },
        { "strictest is the third", LIMIT_CPU_QUOTA, { 3, 2, 1, UNSET }, 1, LAYER_RUNAWAY },
        { "anything beats no limit",
          LIMIT_CPU_QUOTA,
          { LIMIT_INFINITY, 9, UNSET, UNSET },
          9,
          LAYER_STATE },
        { "no limit is a value",
          LIMIT_TASKS_MAX,
          { LIMIT_INFINITY, UNSET, UNSET, UNSET },
          LIMIT_INFINITY,
          LAYER_DEFAULT },
        { "manual is laxer and wins", LIMIT_CPU_QUOTA, { 1, 1, 1, 800 }, 800, LAYER_MANUAL },
        { "manual is no limit and wins",
          LIMIT_MEMORY_MAX,
          { 1, 1, 1, LIMIT_INFINITY },
          LIMIT_INFINITY,
          LAYER_MANUAL },
        { "manual is stricter and wins", LIMIT_CPU_QUOTA, { 5, 6, 7, 1 }, 1, LAYER_MANUAL },
        { "zero is strictest", LIMIT_SWAP_MAX, { 5, 0, 7, UNSET }, 0, LAYER_STATE },
        { "low weight", LIMIT_CPU_WEIGHT, { 100, 20, 50, UNSET }, 20, LAYER_STATE },
        { "default weight is 100",
          LIMIT_CPU_WEIGHT,
          { 200, LIMIT_INFINITY, UNSET, UNSET },
          LIMIT_INFINITY,
          LAYER_STATE },
        { "below the default weight",
          LIMIT_IO_WEIGHT,
          { LIMIT_INFINITY, UNSET, 99, UNSET },
          99,
          LAYER_RUNAWAY },
        { "frozen is stricter", LIMIT_FREEZE, { 0, 1, 0, UNSET }, 1, LAYER_STATE },
        { "manual thaws", LIMIT_FREEZE, { 0, 1, 1, 0 }, 0, LAYER_MANUAL },
};

static void manual_wins_else_the_strictest(void **state _unused_) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const Row *row = &rows[i];
                Limits layers[_LAYER_MAX] = {}, effective;
                Layer from[_LIMIT_MAX];

                for (Layer j = 0; j < _LAYER_MAX; j++)
                        if (row->values[j] != UNSET)
                                limits_set(&layers[j], row->limit, row->values[j]);
                layers_effective(layers, &effective, from);
                check_row(row->name,
                          limits_has(&effective, row->limit) == (row->effective != UNSET));
                check_row(row->name,
                          row->effective == UNSET || effective.value[row->limit] == row->effective);
                check_row(row->name, from[row->limit] == row->from);
        }
}

static void each_limit_is_decided_by_itself(void **state _unused_) {
        Limits layers[_LAYER_MAX] = {}, effective;
        Layer from[_LIMIT_MAX];

        memset(&effective, 0xff, sizeof(effective));
        limits_set(&layers[LAYER_DEFAULT], LIMIT_CPU_QUOTA, 4000000);
        limits_set(&layers[LAYER_DEFAULT], LIMIT_TASKS_MAX, 2000);
        limits_set(&layers[LAYER_RUNAWAY], LIMIT_CPU_QUOTA, 250000);
        limits_set(&layers[LAYER_MANUAL], LIMIT_MEMORY_HIGH, 1 << 30);
        layers_effective(layers, &effective, from);
        assert_int_equal(effective.set, UINT32_C(1) << LIMIT_CPU_QUOTA |
                                                UINT32_C(1) << LIMIT_TASKS_MAX |
                                                UINT32_C(1) << LIMIT_MEMORY_HIGH);
        assert_int_equal(effective.value[LIMIT_CPU_QUOTA], 250000);
        assert_int_equal(from[LIMIT_CPU_QUOTA], LAYER_RUNAWAY);
        assert_int_equal(from[LIMIT_TASKS_MAX], LAYER_DEFAULT);
        assert_int_equal(from[LIMIT_MEMORY_HIGH], LAYER_MANUAL);
        assert_int_equal(from[LIMIT_CPUS], _LAYER_INVALID);
        layers_effective(layers, &effective, NULL);
        assert_int_equal(effective.value[LIMIT_TASKS_MAX], 2000);
}

static void no_layers_give_no_limits(void **state _unused_) {
        Limits layers[_LAYER_MAX] = {}, effective;
        Layer from[_LIMIT_MAX];

        layers_effective(layers, &effective, from);
        assert_true(limits_is_empty(&effective));
        for (Limit i = 0; i < _LIMIT_MAX; i++)
                assert_int_equal(from[i], _LAYER_INVALID);
}

static void set_cpus(Limits *l, const char *list) {
        const LimitsHost host = { .n_cpus = 8 };

        assert_int_equal(limits_parse(l, LIMIT_CPUS, list, &host), 0);
}

static void the_smallest_cpu_set_is_strictest(void **state _unused_) {
        Limits layers[_LAYER_MAX] = {}, effective;
        Layer from[_LIMIT_MAX];
        char buf[LIMITS_TEXT_MAX];

        set_cpus(&layers[LAYER_DEFAULT], "0-7");
        set_cpus(&layers[LAYER_STATE], "2");
        set_cpus(&layers[LAYER_RUNAWAY], "0-3");
        layers_effective(layers, &effective, from);
        assert_string_equal(limits_format(&effective, LIMIT_CPUS, buf), "2");
        assert_int_equal(from[LIMIT_CPUS], LAYER_STATE);
        set_cpus(&layers[LAYER_MANUAL], "4-7");
        layers_effective(layers, &effective, from);
        assert_string_equal(limits_format(&effective, LIMIT_CPUS, buf), "4-7");
        assert_int_equal(from[LIMIT_CPUS], LAYER_MANUAL);
}

/* Neither contains the other: whichever counts, nobody gets a CPU that no layer allows. */
static void cpu_sets_that_cannot_be_compared_are_not_widened(void **state _unused_) {
        Limits layers[_LAYER_MAX] = {}, effective;

        set_cpus(&layers[LAYER_DEFAULT], "0-3");
        set_cpus(&layers[LAYER_STATE], "2-5");
        layers_effective(layers, &effective, NULL);
        assert_true(limits_has(&effective, LIMIT_CPUS));
        assert_true(limits_is_stricter(&effective, &layers[LAYER_DEFAULT], LIMIT_CPUS) ||
                    limits_is_stricter(&effective, &layers[LAYER_STATE], LIMIT_CPUS));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_name_finds_its_layer),
                cmocka_unit_test(manual_wins_else_the_strictest),
                cmocka_unit_test(each_limit_is_decided_by_itself),
                cmocka_unit_test(no_layers_give_no_limits),
                cmocka_unit_test(the_smallest_cpu_set_is_strictest),
                cmocka_unit_test(cpu_sets_that_cannot_be_compared_are_not_widened),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
