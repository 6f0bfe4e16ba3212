/* SPDX-License-Identifier: MIT */
/* When limits are put back that somebody else has changed, and how often it is told. */

#include "harness.h"

#include <errno.h>
#include <stdio.h>

#include "core/drift.h"

#define SECOND USEC_PER_SEC

static Limits quota(uint64_t value) {
        Limits l = {};

        limits_set(&l, LIMIT_CPU_QUOTA, value);
        return l;
}

/* One look at one target. */
static int look(Drifts *d, uint64_t value, usec_t now, usec_t *ret_next) {
        const Limits limits = quota(value);
        int r;

        drifts_begin(d);
        r = drifts_try(d, "user-1000.slice", &limits, now);
        *ret_next = drifts_end(d);
        return r;
}

static usec_t hold(Drifts *d, usec_t now) {
        drifts_begin(d);
        drifts_hold(d, "user-1000.slice", now);
        return drifts_end(d);
}

static void test_pauses_are_doubled(void **state) {
        usec_t now = 100 * SECOND, next, pause = DRIFT_PAUSE_MIN;
        Drifts d = {};

        (void) state;
        for (size_t i = 0; i < 10; i++) {
                assert_int_equal(look(&d, 1, now, &next), 1);
                assert_true(next == now + pause);
                assert_int_equal(look(&d, 1, now, &next), 0);
                assert_int_equal(look(&d, 1, next - 1, &next), 0);
                assert_true(next == now + pause);
                now = next;
                pause = MIN_OF(pause * 2, DRIFT_PAUSE_MAX);
        }
        assert_true(pause == DRIFT_PAUSE_MAX);
        assert_true(drifts_is_open(&d, "user-1000.slice"));
        drifts_done(&d);
}

static void test_told_once_until_it_has_held(void **state) {
        Drifts d = {};
        usec_t next;

        (void) state;
        assert_false(drifts_tell(&d, "user-1000.slice")); /* nothing was tried */
        assert_int_equal(look(&d, 1, 0, &next), 1);
        assert_true(drifts_tell(&d, "user-1000.slice"));
        assert_int_equal(look(&d, 1, next, &next), 1);
        assert_false(drifts_tell(&d, "user-1000.slice"));
        assert_true(hold(&d, next - 1) == USEC_INFINITY);
        assert_false(drifts_is_open(&d, "user-1000.slice"));
        assert_int_equal(look(&d, 1, next - 1, &next), 0); /* changed again at once */
        assert_int_equal(look(&d, 1, next, &next), 1);
        assert_true(next == 35 * SECOND);
        assert_true(drifts_tell(&d, "user-1000.slice"));
        drifts_done(&d);
}

static void test_begins_anew(void **state) {
        Drifts d = {};
        usec_t next;

        (void) state;
        assert_int_equal(look(&d, 1, 0, &next), 1);
        assert_int_equal(look(&d, 1, next, &next), 1);
        assert_true(drifts_tell(&d, "user-1000.slice"));
        assert_int_equal(look(&d, 2, 6 * SECOND, &next), 1); /* other limits */
        assert_true(next == 6 * SECOND + DRIFT_PAUSE_MIN);
        assert_true(drifts_tell(&d, "user-1000.slice"));
        (void) hold(&d, 7 * SECOND); /* nobody looks for long */
        assert_int_equal(look(&d, 2, 1000 * SECOND, &next), 1);
        assert_true(next == 1000 * SECOND + DRIFT_PAUSE_MIN);
        (void) hold(&d, next); /* held for long enough */
        assert_int_equal(d.n, 0);
        assert_int_equal(look(&d, 2, 2000 * SECOND, &next), 1);
        drifts_begin(&d); /* there is no such record any more */
        assert_true(drifts_end(&d) == USEC_INFINITY);
        assert_int_equal(d.n, 0);
        drifts_done(&d);
}

static void test_targets_are_apart_and_bounded(void **state) {
        const Limits limits = quota(1);
        char target[64];
        Drifts d = {};

        (void) state;
        drifts_begin(&d);
        for (unsigned i = 0; i < DRIFTS_MAX; i++) {
                (void) snprintf(target, sizeof(target), "user-%u.slice", i);
                assert_int_equal(drifts_try(&d, target, &limits, i), 1);
        }
        assert_int_equal(drifts_try(&d, "user-9999.slice", &limits, 0), -ENOBUFS);
        drifts_hold(&d, "user-0.slice", 0);
        assert_true(drifts_end(&d) == 1 + DRIFT_PAUSE_MIN);
        assert_false(drifts_is_open(&d, "user-0.slice"));
        assert_true(drifts_is_open(&d, "user-1.slice"));
        assert_false(drifts_is_open(&d, "user-9999.slice"));
        drifts_done(&d);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pauses_are_doubled),
                cmocka_unit_test(test_told_once_until_it_has_held),
                cmocka_unit_test(test_begins_anew),
                cmocka_unit_test(test_targets_are_apart_and_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
