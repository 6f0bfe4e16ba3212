/* SPDX-License-Identifier: MIT */
/* What users have used in the last hour. */

#include "harness.h"

#include <errno.h>

#include "core/hours.h"

#define SECOND USEC_PER_SEC
#define MINUTE (60 * SECOND)

static double rounded(const Hours *h, uid_t uid, usec_t used, usec_t now) {
        double d = hours_percent(h, uid, used, now);

        return d < 0 ? d : (double) (long) (d + 0.5);
}

static void an_hour_is_remembered_and_no_more(void **state _unused_) {
        const usec_t start = 1000 * MINUTE;
        Hours h = {};

        assert_true(hours_percent(&h, 1001, 5, start) < 0);
        /* one CPU for an hour, then nothing for an hour */
        for (unsigned i = 0; i <= 24; i++)
                assert_int_equal(
                        hours_add(&h, 1001, MIN_OF(i, 12U) * 5 * MINUTE, start + i * 5 * MINUTE),
                        0);
        assert_int_equal((int) rounded(&h, 1001, 60 * MINUTE, start + 120 * MINUTE), 0);
        assert_int_equal((int) rounded(&h, 1001, 90 * MINUTE, start + 120 * MINUTE), 50);
        assert_true(h.users[0].n <= HOURS_SAMPLES);
        assert_true(hours_percent(&h, 1002, 1, start) < 0);
        hours_done(&h);
}

static void half_way_it_is_the_mean_so_far(void **state _unused_) {
        Hours h = {};

        assert_int_equal(hours_add(&h, 1001, 7 * MINUTE, 100 * MINUTE), 0);
        assert_true(hours_percent(&h, 1001, 7 * MINUTE, 100 * MINUTE) < 0); /* no time has passed */
        assert_int_equal((int) rounded(&h, 1001, 12 * MINUTE, 110 * MINUTE), 50);
        hours_done(&h);
}

static void a_new_slice_begins_anew(void **state _unused_) {
        Hours h = {};

        assert_int_equal(hours_add(&h, 1001, 500 * MINUTE, 100 * MINUTE), 0);
        assert_true(hours_percent(&h, 1001, 1 * MINUTE, 105 * MINUTE) < 0);
        assert_int_equal(hours_add(&h, 1001, 1 * MINUTE, 105 * MINUTE), 0);
        assert_int_equal(h.users[0].n, 1);
        assert_int_equal((int) rounded(&h, 1001, 2 * MINUTE, 115 * MINUTE), 10);
        hours_done(&h);
}

static void who_is_gone_is_forgotten(void **state _unused_) {
        Hours h = {};

        assert_int_equal(hours_add(&h, 1002, 1, 100 * MINUTE), 0);
        assert_int_equal(hours_add(&h, 1001, 1, 105 * MINUTE), 0);
        hours_sweep(&h, 110 * MINUTE);
        assert_int_equal(h.n, 2);
        hours_sweep(&h, 111 * MINUTE);
        assert_int_equal(h.n, 1);
        assert_int_equal(h.users[0].uid, 1001);
        hours_done(&h);
}

static void kept_and_read_back(void **state _unused_) {
        _cleanup_free_ char *text = NULL, *again = NULL;
        Hours h = {}, copy = {};
        size_t size, size_again;

        for (uid_t uid = 1010; uid > 1000; uid--)
                for (unsigned i = 0; i < 20; i++)
                        assert_int_equal(hours_add(&h, uid, i * SECOND, i * HOURS_EVERY + uid), 0);
        assert_true(h.changed);
        assert_int_equal(hours_to_text(&h, "b", &text, &size), 0);
        assert_int_equal(hours_from_text(&copy, text, size, "b"), 0);
        assert_false(copy.changed);
        assert_int_equal(hours_to_text(&copy, "b", &again, &size_again), 0);
        assert_string_equal(text, again);
        hours_done(&copy);
        assert_int_equal(hours_from_text(&copy, text, size, "other"), -ESTALE);
        assert_int_equal(hours_from_text(&copy, text, size / 2, "b"), -EBADMSG);
        assert_int_equal(copy.n, 0);
        hours_done(&h);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_hour_is_remembered_and_no_more),
                cmocka_unit_test(half_way_it_is_the_mean_so_far),
                cmocka_unit_test(a_new_slice_begins_anew),
                cmocka_unit_test(who_is_gone_is_forgotten),
                cmocka_unit_test(kept_and_read_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
