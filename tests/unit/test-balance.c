/* SPDX-License-Identifier: MIT */
/* The answer to a load balancer: each fact's part in it, its form, and how it changes over time. */

#include "harness.h"

#include "core/balance.h"

#define SECOND USEC_PER_SEC

/* An idle host with fifty places. */
static BalanceFacts idle(void) {
        return (BalanceFacts){ .sessions_known = true, .links_known = true, .capacity = 50 };
}

static const char *line_of(const BalanceFacts *facts, unsigned weight) {
        static char line[BALANCE_LINE_MAX];
        Balance b = {};

        balance_update(&b, facts, SECOND);
        (void) balance_line(&b, weight, line);
        return line;
}

static void test_lines(void **state) {
        static const struct {
                const char *name;
                BalanceFacts facts;
                unsigned weight;
                const char *line;
        } rows[] = {
                { "idle",
                  { .sessions_known = true, .links_known = true, .capacity = 50 },
                  100,
                  "ready up 100% maxconn:50 #0 sessions 0 disconnected psi 0 memory 0\n" },
                { "sessions count, whether somebody looks at them or not",
                  { .sessions_known = true,
                    .links_known = true,
                    .capacity = 30,
                    .sessions = 12,
                    .disconnected = 4 },
                  100,
                  "ready up 60% maxconn:30 #12 sessions 4 disconnected psi 0 memory 0\n" },
                { "CPU pressure",
                  { .sessions_known = true, .links_known = true, .cpu_pressure = 4050 },
                  100,
                  "ready up 60% maxconn:0 #0 sessions 0 disconnected psi 40 memory 0\n" },
                { "memory pressure counts four times",
                  { .sessions_known = true, .links_known = true, .memory_pressure = 1000 },
                  100,
                  "ready up 60% maxconn:0 #0 sessions 0 disconnected psi 0 memory 10\n" },
                { "never 0",
                  { .sessions_known = true, .links_known = true, .cpu_pressure = 10000 },
                  100,
                  "ready up 1% maxconn:0 #0 sessions 0 disconnected psi 100 memory 0\n" },
                { "beyond what can be",
                  { .sessions_known = true, .cpu_pressure = 4294967295, .memory_pressure = 9999 },
                  100,
                  "ready up 1% maxconn:0 #0 sessions psi 42949672 memory 99\n" },
                { "full",
                  { .sessions_known = true, .links_known = true, .capacity = 2, .sessions = 2 },
                  100,
                  "drain up 1% maxconn:2 #2 sessions 0 disconnected psi 0 memory 0 full\n" },
                { "more than fit: they may come back",
                  { .sessions_known = true, .links_known = true, .capacity = 2, .sessions = 7 },
                  100,
                  "drain up 1% maxconn:7 #7 sessions 0 disconnected psi 0 memory 0 full\n" },
                { "an admin drains",
                  { .sessions_known = true, .links_known = true, .draining = true },
                  100,
                  "drain up 100% maxconn:0 #0 sessions 0 disconnected psi 0 memory 0 draining\n" },
                { "a restart is wanted: last choice, and open",
                  { .sessions_known = true,
                    .links_known = true,
                    .restart = BALANCE_RESTART_WANTED },
                  100,
                  "ready up 1% maxconn:0 #0 sessions 0 disconnected psi 0 memory 0 restart "
                  "required\n" },
                { "a restart has its time",
                  { .sessions_known = true,
                    .links_known = true,
                    .restart = BALANCE_RESTART_SCHEDULED },
                  100,
                  "drain up 100% maxconn:0 #0 sessions 0 disconnected psi 0 memory 0 shutdown "
                  "scheduled\n" },
                { "an admin would rather have nobody before the restart",
                  { .sessions_known = true,
                    .links_known = true,
                    .restart = BALANCE_RESTART_AWAITED },
                  100,
                  "drain up 100% maxconn:0 #0 sessions 0 disconnected psi 0 memory 0 restart "
                  "required\n" },
                { "nobody knows of connections",
                  { .sessions_known = true, .capacity = 10, .sessions = 5 },
                  100,
                  "ready up 50% maxconn:10 #5 sessions psi 0 memory 0\n" },
                { "nobody knows of sessions: neither full nor empty",
                  { .capacity = 10, .sessions = 50 },
                  100,
                  "ready up 100% maxconn:50 #sessions unknown psi 0 memory 0\n" },
                { "weight 1",
                  { .sessions_known = true, .links_known = true, .cpu_pressure = 4050 },
                  1,
                  "ready up 6000% maxconn:0 #0 sessions 0 disconnected psi 40 memory 0\n" },
                { "weight 256, rounded up",
                  { .sessions_known = true, .links_known = true, .cpu_pressure = 9990 },
                  256,
                  "ready up 1% maxconn:0 #0 sessions 0 disconnected psi 99 memory 0\n" },
                { "weight not known, busy",
                  { .sessions_known = true, .links_known = true, .cpu_pressure = 10000 },
                  0,
                  "ready up 101% maxconn:0 #0 sessions 0 disconnected psi 100 memory 0\n" },
                { "weight not known, idle",
                  { .sessions_known = true, .links_known = true },
                  0,
                  "ready up 256% maxconn:0 #0 sessions 0 disconnected psi 0 memory 0\n" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const char *line = line_of(&rows[i].facts, rows[i].weight);

                if (strcmp(line, rows[i].line) != 0)
                        fail_msg("%s: '%s'", rows[i].name, line);
        }
}

/* HAProxy: effective weight = weight * percent / 100, rounded down, at most 256. */
static void test_no_weight_becomes_nothing(void **state) {
        (void) state;
        for (unsigned weight = 1; weight <= BALANCE_WEIGHT_MAX; weight++)
                for (unsigned pressure = 0; pressure <= 10000; pressure += 100) {
                        BalanceFacts f = idle();
                        unsigned score = 100 - MIN_OF(pressure / 100, 99U), percent;

                        f.cpu_pressure = pressure;
                        assert_int_equal(sscanf(line_of(&f, weight), "ready up %u%%", &percent), 1);
                        assert_true(weight * percent / 100 >= score);
                        assert_true(weight * percent / 100 <= score + weight / 100 + 1);
                        assert_int_equal(sscanf(line_of(&f, 0), "ready up %u%%", &percent), 1);
                        assert_true(weight * percent / 100 >= 1);
                        assert_true(percent <= 256);
                }
}

static void test_falls_at_once_and_rises_slowly(void **state) {
        BalanceFacts f = idle();
        Balance b = {};

        (void) state;
        balance_update(&b, &f, SECOND);
        assert_int_equal(b.score, 100);
        f.cpu_pressure = 7000;
        balance_update(&b, &f, SECOND + 1);
        assert_int_equal(b.score, 30);
        f.cpu_pressure = 0;
        balance_update(&b, &f, 100 * SECOND); /* the first look at it: how long is not known */
        assert_int_equal(b.score, 30);
        balance_update(&b, &f, 101 * SECOND);
        assert_int_equal(b.score, 32);
        balance_update(&b, &f, 105 * SECOND);
        assert_int_equal(b.score, 40);
        balance_update(&b, &f, 105 * SECOND); /* asked more often, it rises no faster */
        assert_int_equal(b.score, 40);
        balance_update(&b, &f, 300 * SECOND);
        assert_int_equal(b.score, 100);
}

static void test_asked_often_it_still_rises(void **state) {
        BalanceFacts f = idle();
        Balance b = {};

        (void) state;
        f.cpu_pressure = 9000;
        balance_update(&b, &f, 0);
        f.cpu_pressure = 0;
        for (usec_t t = 0; t <= 60 * SECOND; t += SECOND / 10)
                balance_update(&b, &f, t);
        assert_int_equal(b.score, 100);
}

static void test_small_changes_are_none(void **state) {
        BalanceFacts f = idle();
        Balance b = {};

        (void) state;
        f.cpu_pressure = 5000;
        balance_update(&b, &f, 0);
        for (usec_t t = 1; t < 100; t++) {
                f.cpu_pressure = t % 2 ? 4200 : 5800;
                balance_update(&b, &f, t * SECOND);
                assert_int_equal(b.score, 50);
        }
}

/* One who leaves a full host and one who comes do not open and close it in turn. */
static void test_full_until_there_is_room(void **state) {
        BalanceFacts f = idle();
        Balance b = {};

        (void) state;
        f.capacity = 40;
        f.sessions = 39;
        balance_update(&b, &f, 0);
        assert_false(balance_is_closed(&b));
        f.sessions = 40;
        balance_update(&b, &f, 1);
        assert_true(balance_is_closed(&b));
        f.sessions = 39;
        balance_update(&b, &f, 2);
        assert_true(balance_is_closed(&b));
        f.sessions = 38;
        balance_update(&b, &f, 3);
        assert_false(balance_is_closed(&b));
        f.sessions = 39;
        balance_update(&b, &f, 4);
        assert_false(balance_is_closed(&b));
        f.capacity = 1;
        f.sessions = 1;
        balance_update(&b, &f, 5);
        assert_true(balance_is_closed(&b));
        f.sessions = 0;
        balance_update(&b, &f, 6);
        assert_false(balance_is_closed(&b));
}

static void test_the_longest_line(void **state) {
        const BalanceFacts f = {
                .cpu_pressure = UINT32_MAX,
                .memory_pressure = UINT32_MAX,
                .sessions = SIZE_MAX,
                .disconnected = SIZE_MAX,
                .sessions_known = true,
                .links_known = true,
                .capacity = SIZE_MAX,
                .restart = BALANCE_RESTART_SCHEDULED,
        };
        const char *line = line_of(&f, 1);

        (void) state;
        assert_true(strlen(line) < BALANCE_LINE_MAX - 1);
        assert_int_equal(line[strlen(line) - 1], '\n');
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lines),
                cmocka_unit_test(test_no_weight_becomes_nothing),
                cmocka_unit_test(test_falls_at_once_and_rises_slowly),
                cmocka_unit_test(test_asked_often_it_still_rises),
                cmocka_unit_test(test_small_changes_are_none),
                cmocka_unit_test(test_full_until_there_is_room),
                cmocka_unit_test(test_the_longest_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
