/* SPDX-License-Identifier: MIT */
/* What leash top shows, without a terminal: rates, order, filter, selection, lines of any width. */

#include "harness.h"

#include <stdlib.h>
#include <time.h>

#include "leash/topmodel.h"

static void name_of(uid_t uid, char buf[static TOP_NAME_MAX]) {
        static const char *const names[] = { "alice", "bob", "carol", "\033[2Jevil" };

        if (uid >= 1000 && uid < 1000 + ELEMENTSOF(names))
                (void) snprintf(buf, TOP_NAME_MAX, "%s", names[uid - 1000]);
        else
                (void) snprintf(buf, TOP_NAME_MAX, "user%u", (unsigned) uid);
}

static OverviewUser user(uid_t uid, usec_t cpu, uint64_t memory) {
        return (OverviewUser){
                .usage = { .uid = uid,
                           .cpu.usage = cpu,
                           .memory = memory,
                           .waited_cpu = cpu / 10,
                           .waited_memory = USAGE_UNKNOWN },
                .layer = _LAYER_INVALID,
                .quota = LIMIT_INFINITY,
                .memory_high = LIMIT_INFINITY,
                .until = USEC_INFINITY,
        };
}

static void look(TopModel *m, OverviewUser *users, size_t n, usec_t now) {
        const Overview o = { users, n, true };

        assert_int_equal(topmodel_update(m, &o, now, name_of), 0);
}

static uid_t at(const TopModel *m, size_t line) {
        return m->users[m->order[line]].uid;
}

static void test_rates_and_order(void **state) {
        TopModel m = TOP_MODEL_NULL;
        OverviewUser a[] = { user(1000, 0, 30), user(1001, 0, 10), user(1002, 0, 20) };
        OverviewUser b[] = { user(1000, 500000, 30), user(1001, 2000000, 10), user(1002, 0, 20) };

        (void) state;
        look(&m, a, 3, USEC_PER_SEC);
        assert_true(m.users[0].cpu < 0); /* seen once */
        look(&m, b, 3, 2 * USEC_PER_SEC);
        assert_true(m.users[0].cpu > 49.9 && m.users[0].cpu < 50.1);
        assert_true(m.users[1].pressure > 19.9 && m.users[1].pressure < 20.1);
        assert_true(m.cpu > 249 && m.cpu < 251);
        assert_int_equal(at(&m, 0), 1001);
        assert_int_equal(at(&m, 1), 1000);
        m.sort = TOP_BY_MEMORY;
        topmodel_arrange(&m);
        assert_int_equal(at(&m, 0), 1000);
        assert_int_equal(at(&m, 2), 1001);
        m.sort = TOP_BY_NAME;
        topmodel_arrange(&m);
        assert_int_equal(at(&m, 0), 1000);
        look(&m, b + 1, 1, 3 * USEC_PER_SEC); /* two have logged out */
        assert_int_equal(m.n_order, 1);
        look(&m, a, 2, 4 * USEC_PER_SEC); /* counters that went back are of a new slice */
        assert_true(m.users[1].cpu < 0);
        topmodel_done(&m);
}

static void test_selection_stays_with_the_user(void **state) {
        TopModel m = TOP_MODEL_NULL;
        OverviewUser a[] = { user(1000, 0, 0), user(1001, 0, 0), user(1002, 0, 0) };

        (void) state;
        look(&m, a, 3, USEC_PER_SEC);
        assert_int_equal(m.selected, 1000);
        topmodel_move(&m, 1);
        assert_int_equal(m.selected, 1001);
        a[2].usage.cpu.usage = 900000;
        look(&m, a, 3, 2 * USEC_PER_SEC);
        assert_int_equal(at(&m, 0), 1002);
        assert_int_equal(m.selected, 1001);
        topmodel_move(&m, -50);
        assert_int_equal(topmodel_line(&m), 0);
        topmodel_move(&m, 50);
        assert_int_equal(topmodel_line(&m), 2);
        look(&m, a, 0, 3 * USEC_PER_SEC);
        assert_int_equal(m.selected, (uid_t) -1);
        topmodel_move(&m, 1);
        topmodel_done(&m);
}

static void test_filter(void **state) {
        TopModel m = TOP_MODEL_NULL;
        OverviewUser a[] = { user(1000, 0, 0), user(1001, 0, 0), user(1002, 0, 0) };

        (void) state;
        look(&m, a, 3, USEC_PER_SEC);
        strcpy(m.filter, "AR");
        topmodel_arrange(&m);
        assert_int_equal(m.n_order, 1);
        assert_int_equal(m.selected, 1002);
        strcpy(m.filter, "nobody");
        topmodel_arrange(&m);
        assert_int_equal(m.n_order, 0);
        assert_int_equal(m.selected, (uid_t) -1);
        topmodel_done(&m);
}

/* As wide as asked for, whatever it holds. */
static void test_lines(void **state) {
        OverviewUser a[] = { user(1000, 0, UINT64_C(5) << 30), user(1003, 0, USAGE_UNKNOWN) };
        TopModel m = TOP_MODEL_NULL;
        char line[TOP_LINE_MAX];

        (void) state;
        a[0].layer = LAYER_RUNAWAY;
        a[0].quota = USEC_PER_SEC;
        a[0].until = 100 * USEC_PER_SEC;
        a[0].n_sessions = 2;
        a[0].n_in[SESSION_DISCONNECTED] = 2;
        a[0].since[SESSION_DISCONNECTED] = 7 * USEC_PER_SEC;
        look(&m, a, 2, USEC_PER_SEC);
        for (int width = 1; width < 300; width++) {
                for (size_t i = 0; i < m.n; i++) {
                        topmodel_format(&m.users[i], width, 10 * USEC_PER_SEC, line);
                        assert_int_equal(strlen(line), width);
                        assert_null(strchr(line, '\033'));
                }
                topmodel_format_header(width, line);
                assert_int_equal(strlen(line), width);
        }
        topmodel_format(&m.users[0], 100, 10 * USEC_PER_SEC, line);
        assert_non_null(strstr(line, "alice"));
        assert_non_null(strstr(line, "5.0G"));
        assert_non_null(strstr(line, "away"));
        assert_non_null(strstr(line, "0/2"));
        assert_non_null(strstr(line, "runaway 100%"));
        assert_non_null(strstr(line, "1min 30s"));
        assert_non_null(strstr(line, "   3s ")); /* away for so long */
        topmodel_format(&m.users[0], 100, (3 * 24 * 3600 + 3607) * USEC_PER_SEC, line);
        assert_non_null(strstr(line, "   3d "));
        topmodel_format(&m.users[1], 100, 10 * USEC_PER_SEC, line);
        assert_non_null(strstr(line, "    - ")); /* no session */
        topmodel_done(&m);
}

static void test_processes(void **state) {
        TopProcess *first = calloc(3, sizeof(TopProcess)), *second = calloc(3, sizeof(TopProcess));
        TopModel m = TOP_MODEL_NULL;
        char line[TOP_LINE_MAX];

        (void) state;
        for (int i = 0; i < 3; i++) {
                first[i] = (TopProcess){ .pid = 10 + i, .ticks = 100 };
                second[i] = (TopProcess){ .pid = 10 + i, .ticks = 100 + (uint64_t) i * 10 };
                strcpy(first[i].comm, "x");
                strcpy(second[i].comm, "a\tb");
        }
        assert_int_equal(topmodel_set_processes(&m, first, 3, 0), 0);
        assert_int_equal(topmodel_set_processes(&m, second, 3, USEC_PER_SEC), 0);
        assert_int_equal(m.processes[0].pid, 12);
        assert_true(m.processes[0].cpu > 0);
        for (int width = 1; width < 200; width++) {
                topmodel_format_process(&m.processes[0], width, line);
                assert_true(strlen(line) <= (size_t) width);
                assert_null(strchr(line, '\t'));
        }
        topmodel_done(&m);
}

/* A thousand users are taken over, sorted and written well within a refresh of 20 ms. */
static void test_a_thousand(void **state) {
        static OverviewUser users[1000];
        TopModel m = TOP_MODEL_NULL;
        char line[TOP_LINE_MAX];
        struct timespec a, b;
        uint32_t seed = 9;
        long best = 0;

        (void) state;
        for (size_t i = 0; i < 1000; i++)
                users[i] = user(2000 + i, 0, i);
        look(&m, users, 1000, USEC_PER_SEC);
        for (int k = 0; k < 5; k++) {
                long took;

                for (size_t i = 0; i < 1000; i++)
                        users[i].usage.cpu.usage += next_random(&seed) % 1000000;
                (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
                look(&m, users, 1000, (2 + k) * USEC_PER_SEC);
                for (size_t i = 0; i < 50; i++)
                        topmodel_format(&m.users[m.order[i]], 200, 0, line);
                (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
                took = (b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000;
                best = k == 0 ? took : MIN_OF(best, took);
        }
        assert_true(best < 20000);
        topmodel_done(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rates_and_order),
                cmocka_unit_test(test_selection_stays_with_the_user),
                cmocka_unit_test(test_filter),
                cmocka_unit_test(test_lines),
                cmocka_unit_test(test_processes),
                cmocka_unit_test(test_a_thousand),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
