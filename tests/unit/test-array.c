/* SPDX-License-Identifier: MIT */
/* Arrays that grow, and what stands where in a sorted one. */

#include "harness.h"

#include <errno.h>

#include "core/array.h"
#include "core/macro.h"

typedef struct Thing {
        uint64_t number;
        char text[24];
} Thing;

static void all_that_is_added_is_there(void **state _unused_) {
        _cleanup_free_ Thing *things = NULL;
        size_t n = 0, allocated = 0, times = 0;

        while (n < 10000) {
                size_t before = allocated;
                int r = ARRAY_GROW(things, &allocated, n, SIZE_MAX);

                assert_int_equal(r, 0);
                assert_true(n < allocated);
                times += allocated != before;
                things[n] = (Thing){ .number = n };
                n++;
        }
        for (size_t i = 0; i < n; i++)
                assert_int_equal(things[i].number, i);
        assert_true(times < 16);
}

static void room_is_left_alone(void **state _unused_) {
        int numbers[4] = {}, *array = numbers;
        size_t allocated = ELEMENTSOF(numbers);
        int r = ARRAY_GROW(array, &allocated, 3, 4);

        assert_int_equal(r, 0);
        assert_ptr_equal(array, numbers);
        assert_int_equal(allocated, 4);
}

static void a_bound_is_kept(void **state _unused_) {
        _cleanup_free_ Thing **things = NULL;
        size_t n = 0, allocated = 0;
        int r;

        r = ARRAY_GROW(things, &allocated, 0, 0);
        assert_int_equal(r, -ENOBUFS);
        assert_null(things);
        for (; n < 25; n++) {
                r = ARRAY_GROW(things, &allocated, n, 25);
                assert_int_equal(r, 0);
                assert_true(allocated <= 25);
                things[n] = NULL;
        }
        r = ARRAY_GROW(things, &allocated, n, 25);
        assert_int_equal(r, -ENOBUFS);
        assert_int_equal(allocated, 25);
}

/* None of these sizes exists, so nothing may be taken from what they wrap round to. */
static void too_much_is_refused(void **state _unused_) {
        static const struct {
                size_t allocated, size;
        } rows[] = {
                { SIZE_MAX / 32 + 1, 16 }, /* twice that is 16 times too many bytes: 0 or more */
                { SIZE_MAX / 2 + 1, 1 },   /* twice that is 0 */
                { SIZE_MAX / 2 + 1, 2 },   { SIZE_MAX - 1, SIZE_MAX }, { 0, SIZE_MAX },
        };
        char kept[16], *array = kept;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                void *p = rows[i].allocated ? array : NULL, *before = p;
                size_t allocated = rows[i].allocated;

                assert_int_equal(array_grow(&p, &allocated, allocated, SIZE_MAX, rows[i].size),
                                 -ENOMEM);
                assert_ptr_equal(p, before);
                assert_int_equal(allocated, rows[i].allocated);
        }
}

/* Every array of up to 12 that ascends by nothing or two at each step, and every key. */
static void what_is_sorted_is_found(void **state _unused_) {
        for (size_t n = 0; n <= 12; n++)
                for (unsigned steps = 0; steps < 1U << n; steps++) {
                        int all[12];

                        for (size_t i = 0; i < n; i++)
                                all[i] = (i ? all[i - 1] : 0) + (steps >> i & 1 ? 2 : 0);
                        for (int key = -1; key <= 25; key++) {
                                size_t first = 0;

                                while (first < n && all[first] < key)
                                        first++;
                                assert_int_equal(ARRAY_LOWER_BOUND(n, i, all[i] < key), first);
                        }
                }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_that_is_added_is_there),
                cmocka_unit_test(room_is_left_alone),
                cmocka_unit_test(a_bound_is_kept),
                cmocka_unit_test(too_much_is_refused),
                cmocka_unit_test(what_is_sorted_is_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
