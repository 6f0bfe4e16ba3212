/* SPDX-License-Identifier: MIT */
/* When lock helpers are looked for, and how often it is told that there is none. */

#include "harness.h"

#include <errno.h>

#include "core/guard.h"

#define SECOND USEC_PER_SEC

static Session *session(Sessions *s, usec_t now) {
        const SessionFacts facts = { .id = "c1",
                                     .uid = 1001,
                                     .leader = 7,
                                     .class = SESSION_CLASS_USER,
                                     .graphical = true,
                                     .display = 10 };

        assert_true(sessions_update(s, &facts, now) >= 0);
        return s->all[0];
}

static void test_a_desktop_gets_its_time(void **state) {
        Sessions all = {};
        Session *s = session(&all, 100 * SECOND);

        (void) state;
        assert_true(guard_next(&all) == USEC_INFINITY);
        guard_want(s, true, 100 * SECOND);
        assert_true(guard_next(&all) == 100 * SECOND + GUARD_LOGIN);
        guard_want(s, true, 150 * SECOND); /* told of again */
        assert_true(guard_next(&all) == 100 * SECOND + GUARD_LOGIN);
        assert_false(guard_is_due(s, 219 * SECOND));
        assert_true(guard_is_due(s, 220 * SECOND));
        sessions_done(&all);
}

static void test_told_once(void **state) {
        Sessions all = {};
        Session *s = session(&all, 100 * SECOND);

        (void) state;
        guard_want(s, true, 1000 * SECOND); /* long after the login: at once */
        assert_true(guard_is_due(s, 1000 * SECOND));
        assert_false(guard_looked(s, 1, 3000 * SECOND));
        assert_true(guard_next(&all) == USEC_INFINITY);
        guard_want(s, true, 1001 * SECOND);
        assert_true(guard_next(&all) == USEC_INFINITY); /* its end will be heard of */
        guard_lost(s, 2000 * SECOND);
        assert_true(guard_next(&all) == 2000 * SECOND + GUARD_RETURN);
        assert_false(guard_looked(s, 1, 3000 * SECOND)); /* it was back in time */
        guard_lost(s, 3000 * SECOND);
        assert_true(guard_looked(s, 0, 3000 * SECOND));
        guard_want(s, true, 3001 * SECOND);
        assert_true(guard_next(&all) == USEC_INFINITY);
        guard_lost(s, 4000 * SECOND);
        assert_false(guard_looked(s, 0, 3000 * SECOND));
        sessions_done(&all);
}

/* Nobody is blamed for it, and it is not taken for one that is there. */
static void test_a_look_that_fails_is_repeated(void **state) {
        Sessions all = {};
        Session *s = session(&all, 100 * SECOND);

        (void) state;
        guard_want(s, true, 1000 * SECOND);
        assert_false(guard_looked(s, -EMFILE, 1000 * SECOND));
        assert_true(guard_next(&all) == 1000 * SECOND + GUARD_AGAIN);
        guard_want(s, true, 1001 * SECOND);
        assert_true(guard_next(&all) == 1000 * SECOND + GUARD_AGAIN);
        assert_true(guard_is_due(s, 1120 * SECOND));
        assert_true(guard_looked(s, 0, 1120 * SECOND));
        assert_true(guard_next(&all) == USEC_INFINITY);
        sessions_done(&all);
}

static void test_who_needs_none(void **state) {
        Sessions all = {};
        Session *s = session(&all, 100 * SECOND);

        (void) state;
        guard_want(s, false, 1000 * SECOND);
        assert_true(guard_next(&all) == USEC_INFINITY);
        s->graphical = false;
        guard_want(s, true, 1000 * SECOND);
        assert_true(guard_next(&all) == USEC_INFINITY);
        s->graphical = true;
        s->class = SESSION_CLASS_OTHER;
        guard_want(s, true, 1000 * SECOND);
        assert_true(guard_next(&all) == USEC_INFINITY);
        s->class = SESSION_CLASS_USER;
        guard_want(s, true, 1000 * SECOND);
        s->since[SESSION_CLOSING] = 1001 * SECOND; /* it ends, and its helper went first */
        assert_false(guard_looked(s, 0, 3000 * SECOND));
        guard_want(s, true, 1002 * SECOND);
        guard_want(s, false, 1003 * SECOND); /* another policy */
        assert_true(guard_next(&all) == USEC_INFINITY);
        sessions_done(&all);
}

static void test_outlives_a_restart(void **state) {
        _cleanup_free_ char *text = NULL;
        Sessions all = {}, again = {};
        Session *s = session(&all, 100 * SECOND);
        size_t size;

        (void) state;
        guard_want(s, true, 1000 * SECOND);
        assert_true(guard_looked(s, 0, 3000 * SECOND));
        assert_int_equal(sessions_to_text(&all, "boot", &text, &size), 0);
        assert_int_equal(sessions_from_text(&again, text, size, "boot"), 0);
        s = session(&again, 1010 * SECOND);
        guard_want(s, true, 1010 * SECOND);
        assert_true(guard_next(&again) == USEC_INFINITY);
        sessions_done(&all);
        sessions_done(&again);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_desktop_gets_its_time),
                cmocka_unit_test(test_told_once),
                cmocka_unit_test(test_a_look_that_fails_is_repeated),
                cmocka_unit_test(test_who_needs_none),
                cmocka_unit_test(test_outlives_a_restart),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
