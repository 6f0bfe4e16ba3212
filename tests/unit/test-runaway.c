/* SPDX-License-Identifier: MIT */
/* Who is a runaway: by cases, and by properties over random traces. */

#include "harness.h"

#include <errno.h>
#include <stdlib.h>

#include "core/runaway.h"

#define SECOND USEC_PER_SEC
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define BOOT "0123456789abcdef0123456789abcdef"

enum { N_CPUS = 4, MANY = 500 };

static const RunawayRule usual = {
        .pressure = 2000,
        .share = 15000,
        .window = 2 * MINUTE,
        .forget = DAY,
        .n_steps = 3,
        .steps = { { 1000000, 15 * MINUTE }, { 500000, 30 * MINUTE }, { 250000, HOUR } },
        .origin = "leash.conf:7",
};

/* A machine with its users: what each does in every second, in percent of one CPU. */
typedef struct Machine {
        Runaways model;
        RunawaySample users[MANY];
        size_t n;
        unsigned use[MANY], wait[MANY]; /* percent of the time */
        unsigned pressure;              /* percent */
        usec_t stalled, now;
        RunawayPenalty got[16];
        int n_got;
} Machine;

static void add_user(Machine *m, unsigned use, unsigned wait) {
        m->users[m->n] = (RunawaySample){ .uid = 1000 + m->n, .rule = &usual };
        m->use[m->n] = use;
        m->wait[m->n] = wait;
        m->n++;
}

/* Fails for who is not followed. */
static unsigned strikes(const Machine *m, uid_t uid) {
        for (size_t i = 0; i < m->model.n; i++)
                if (m->model.all[i].uid == uid)
                        return m->model.all[i].strikes;
        fail_msg("nobody follows %u", (unsigned) uid);
        return 0;
}

static int look(Machine *m, usec_t span) {
        const RunawayMachine machine = { 0, N_CPUS * USEC_PER_SEC };
        RunawayMachine now = machine;
        /* sorted on the way, so a copy */
        _cleanup_free_ RunawaySample *samples = calloc(m->n + 1, sizeof(RunawaySample));

        m->now += span;
        m->stalled += span / 100 * m->pressure;
        for (size_t i = 0; i < m->n; i++) {
                m->users[i].used += span / 100 * m->use[i];
                if (m->users[i].waited != RUNAWAY_UNKNOWN)
                        m->users[i].waited += span / 100 * m->wait[i];
        }
        now.stalled = m->stalled;
        memcpy(samples, m->users, m->n * sizeof(RunawaySample));
        m->n_got =
                runaways_look(&m->model, &now, samples, m->n, m->now, m->got, ELEMENTSOF(m->got));
        assert_true(m->n_got >= 0);
        return m->n_got;
}

/* Looks every ten seconds; returns how many penalties there were. */
static int pass(Machine *m, usec_t span) {
        RunawayPenalty last = {};
        int n = 0;

        for (usec_t t = 0; t < span; t += 10 * SECOND) {
                n += look(m, 10 * SECOND);
                if (m->n_got > 0)
                        last = m->got[0];
        }
        m->got[0] = last;
        return n;
}

static Machine machine(unsigned pressure) {
        return (Machine){ .now = HOUR, .pressure = pressure };
}

static void test_a_hog_among_others(void **state) {
        Machine m = machine(90);

        (void) state;
        add_user(&m, 350, 95);
        for (int i = 0; i < 3; i++)
                add_user(&m, 30, 20);              /* waits 20 of 50 */
        assert_int_equal(pass(&m, 2 * MINUTE), 0); /* the first look only counts */
        assert_int_equal(pass(&m, 10 * SECOND), 1);
        assert_int_equal(m.got[0].uid, 1000);
        assert_int_equal(m.got[0].step, 0);
        assert_int_equal(m.got[0].active, 4);
        assert_int_equal(m.got[0].until, m.now + 15 * MINUTE);
        assert_in_range(m.got[0].used_percent, 345, 355);
        assert_in_range(m.got[0].pressure_percent, 88, 92);
        runaways_done(&m.model);
}

static void test_alone_on_the_machine(void **state) {
        Machine m = machine(100);

        (void) state;
        add_user(&m, 400, 99);
        add_user(&m, 1, 1); /* a desktop at rest */
        assert_int_equal(pass(&m, 2 * HOUR), 0);
        runaways_done(&m.model);
}

static void test_nobody_waits(void **state) {
        Machine m = machine(90);

        (void) state;
        add_user(&m, 350, 95); /* waits for itself */
        add_user(&m, 50, 2);
        assert_int_equal(pass(&m, 2 * HOUR), 0);
        runaways_done(&m.model);
}

static void test_below_the_bar(void **state) {
        Machine m = machine(19);

        (void) state;
        add_user(&m, 350, 95);
        add_user(&m, 30, 30);
        assert_int_equal(pass(&m, 2 * HOUR), 0);
        m.pressure = 20;
        assert_int_equal(pass(&m, 3 * MINUTE), 1);
        runaways_done(&m.model);
}

static void test_a_burst_is_forgiven(void **state) {
        Machine m = machine(90);

        (void) state;
        add_user(&m, 350, 95);
        add_user(&m, 30, 30);
        for (int i = 0; i < 50; i++) {
                m.use[0] = 350;
                assert_int_equal(pass(&m, MINUTE), 0);
                m.use[0] = 10;
                assert_int_equal(pass(&m, MINUTE), 0);
        }
        runaways_done(&m.model);
}

/* No sample comes while there is no pressure; the gap counts as what it was. */
static void test_a_gap_ends_the_window(void **state) {
        Machine m = machine(90);

        (void) state;
        add_user(&m, 350, 95);
        add_user(&m, 30, 30);
        assert_int_equal(pass(&m, 110 * SECOND), 0);
        m.pressure = 1;
        assert_int_equal(look(&m, HOUR), 0);
        m.pressure = 90;
        assert_int_equal(pass(&m, 110 * SECOND), 0);
        assert_int_equal(pass(&m, 20 * SECOND), 1);
        runaways_done(&m.model);
}

static void test_steps_and_forgiveness(void **state) {
        Machine m = machine(90);

        (void) state;
        add_user(&m, 350, 95);
        add_user(&m, 30, 30);
        for (unsigned step = 0; step < 5; step++) {
                assert_int_equal(pass(&m, 2 * MINUTE + 10 * SECOND), 1);
                assert_int_equal(m.got[0].step, MIN_OF(step, 2U));
                m.now = m.got[0].until - 10 * SECOND;
                m.stalled += HOUR;
        }
        m.use[0] = 20; /* peace for longer than is remembered */
        assert_int_equal(look(&m, 2 * DAY), 0);
        assert_int_equal(strikes(&m, 1000), 0);
        m.use[0] = 350;
        assert_int_equal(pass(&m, 3 * MINUTE), 1);
        assert_int_equal(m.got[0].step, 0);
        runaways_done(&m.model);
}

static void test_excused_and_pardoned(void **state) {
        Machine m = machine(90);

        (void) state;
        add_user(&m, 350, 95);
        add_user(&m, 30, 30);
        assert_int_equal(pass(&m, 130 * SECOND), 1);
        runaways_excuse(&m.model, 1000);
        assert_int_equal(strikes(&m, 1000), 0);
        assert_int_equal(pass(&m, 120 * SECOND), 1); /* a whole window later */
        assert_int_equal(m.got[0].step, 0);
        runaways_pardon(&m.model, 1000, m.now);
        assert_int_equal(pass(&m, 120 * SECOND), 1);
        assert_int_equal(m.got[0].step, 1);
        runaways_done(&m.model);
}

static void test_exempt_and_without_rule(void **state) {
        Machine m = machine(90);

        (void) state;
        add_user(&m, 350, 95);
        m.users[0].exempt = true;
        add_user(&m, 350, 95);
        m.users[1].rule = NULL;
        add_user(&m, 30, 30);
        assert_int_equal(pass(&m, HOUR), 0);
        runaways_done(&m.model);
}

/* Where the kernel keeps no pressure for groups, an active neighbour is enough. */
static void test_without_pressure_of_groups(void **state) {
        Machine m = machine(90);

        (void) state;
        add_user(&m, 350, 0);
        add_user(&m, 30, 0);
        m.users[0].waited = m.users[1].waited = RUNAWAY_UNKNOWN;
        assert_int_equal(pass(&m, 3 * MINUTE), 1);
        runaways_done(&m.model);
}

static void test_memory(void **state) {
        const RunawayMachine start = { 0, UINT64_C(16) << 30 };
        Runaways model = { .kind = RUNAWAY_MEMORY };
        RunawayPenalty got[2];
        int n = 0;

        (void) state;
        for (usec_t t = 0; t < 200; t += 10) {
                RunawayMachine now = start;
                RunawaySample s[] = {
                        { 1000, UINT64_C(13) << 30, t * SECOND / 2, &usual, false },
                        { 1001, UINT64_C(1) << 30, t * SECOND / 2, &usual, false },
                };

                now.stalled = t * SECOND / 2;
                n += runaways_look(&model, &now, s, 2, HOUR + t * SECOND, got, 2);
        }
        assert_int_equal(n, 1);
        assert_int_equal(got[0].uid, 1000);
        assert_in_range(got[0].fair >> 20, 8100, 8200); /* half of the memory */
        runaways_done(&model);
}

static void test_text_and_back(void **state) {
        _cleanup_free_ char *text = NULL, *twice = NULL;
        Runaways again = {};
        Machine m = machine(90);
        size_t size, twice_size;

        (void) state;
        add_user(&m, 350, 95);
        add_user(&m, 30, 30);
        assert_int_equal(pass(&m, 3 * MINUTE), 1);
        assert_true(m.model.changed);
        assert_int_equal(runaways_to_text(&m.model, BOOT, &text, &size), 0);
        for (size_t cut = 0; cut < size; cut++)
                assert_int_equal(runaways_from_text(&again, text, cut, BOOT), -EBADMSG);
        assert_int_equal(runaways_from_text(&again, text, size, "another"), -ESTALE);
        assert_int_equal(again.n, 0);
        assert_int_equal(runaways_from_text(&again, text, size, BOOT), 0);
        assert_int_equal(runaways_to_text(&again, BOOT, &twice, &twice_size), 0);
        assert_string_equal(text, twice);
        runaways_done(&m.model);
        m.model = again; /* the daemon was killed and is back: no second penalty for the same */
        assert_int_equal(pass(&m, 11 * MINUTE), 0);
        assert_int_equal(pass(&m, 6 * MINUTE), 1);
        assert_int_equal(m.got[0].step, 1);
        runaways_done(&m.model);
}

/* A strike that was only said makes nobody's first penalty a second one. */
static void test_strikes_of_another_mode(void **state) {
        _cleanup_free_ char *text = NULL;
        Machine m = machine(90);
        size_t size;

        (void) state;
        add_user(&m, 350, 95);
        add_user(&m, 30, 30);
        runaways_set_watch(&m.model, true);
        assert_int_equal(pass(&m, 3 * MINUTE), 1);
        assert_int_equal(runaways_to_text(&m.model, BOOT, &text, &size), 0);
        runaways_done(&m.model);
        assert_int_equal(runaways_from_text(&m.model, text, size, BOOT), 0);
        assert_true(m.model.watch);
        runaways_set_watch(&m.model, true);
        assert_int_equal(pass(&m, 3 * MINUTE), 0);
        runaways_set_watch(&m.model, false);
        assert_true(m.model.changed);
        assert_int_equal(pass(&m, 3 * MINUTE), 1);
        assert_int_equal(m.got[0].step, 0);
        runaways_done(&m.model);
}

/* ---- properties -------------------------------------------------------------------------------
 */

static void random_users(Machine *m, uint32_t *seed, RunawayRule *rules, size_t n_rules) {
        for (size_t i = 0; i < n_rules; i++) {
                rules[i] = usual;
                rules[i].pressure = next_random(seed) % 10000;
                rules[i].share = 5000 + next_random(seed) % 20000;
                rules[i].window = (10 + next_random(seed) % 300) * SECOND;
                rules[i].n_steps = next_random(seed) % 4;
                for (size_t k = 0; k < rules[i].n_steps; k++)
                        rules[i].steps[k].duration = next_random(seed) % 2000 * SECOND;
        }
        for (unsigned i = 0; i < 3 + next_random(seed) % 12; i++) {
                add_user(m, 0, 0);
                m->users[i].rule =
                        next_random(seed) % 8 ? &rules[next_random(seed) % n_rules] : NULL;
                m->users[i].exempt = next_random(seed) % 5 == 0;
        }
}

static void random_second(Machine *m, uint32_t *seed) {
        m->pressure = next_random(seed) % 3 ? m->pressure : next_random(seed) % 101;
        for (size_t i = 0; i < m->n; i++) {
                if (next_random(seed) % 4)
                        continue;
                m->use[i] =
                        next_random(seed) % 3 ? next_random(seed) % 20 : next_random(seed) % 400;
                m->wait[i] = next_random(seed) % 101;
        }
}

typedef struct Past {
        usec_t until, given;
} Past;

static void check_penalties(const Machine *m, Past *past, usec_t low_since[static 101]) {
        for (int i = 0; i < m->n_got; i++) {
                const RunawayPenalty *p = &m->got[i];
                const RunawaySample *user = &m->users[p->uid - 1000];
                Past *before = &past[p->uid - 1000];

                assert_false(user->exempt);
                assert_ptr_equal(user->rule, p->rule);
                assert_true(p->step < p->rule->n_steps);
                /* every penalty ends */
                assert_true(p->until >= m->now && p->until - m->now <= RUNAWAY_DURATION_MAX);
                /* none while one goes on, and a whole window after it */
                assert_true(before->given == 0 || m->now >= before->until + p->rule->window);
                /* the bar was reached all through the window */
                assert_true((m->pressure + 1) * 100 > p->rule->pressure);
                assert_true(m->now - low_since[(p->rule->pressure + 99) / 100] >= p->rule->window);
                assert_true((p->pressure_percent + 1) * 100 >= p->rule->pressure);
                assert_true((p->used_percent + 1) * 100 >= p->rule->share);
                *before = (Past){ p->until, m->now };
        }
}

static void test_random_traces(void **state) {
        int penalties = 0;

        (void) state;
        for (uint32_t trace = 1; trace <= 150; trace++) {
                uint32_t seed = trace * 2654435761U;
                usec_t low_since[101]; /* when the pressure was last below so many percent */
                RunawayRule rules[3];
                Past past[MANY] = {};
                Machine m = machine(50);

                random_users(&m, &seed, rules, ELEMENTSOF(rules));
                for (int p = 0; p <= 100; p++)
                        low_since[p] = m.now;
                for (int i = 0; i < 1000; i++) {
                        usec_t span = (1 + next_random(&seed) % 20) * SECOND;

                        random_second(&m, &seed);
                        penalties += look(&m, span);
                        check_penalties(&m, past, low_since);
                        for (unsigned p = 0; p <= 100; p++)
                                if (m.pressure < p)
                                        low_since[p] = m.now;
                        assert_true(m.model.n <= m.n);
                        if (next_random(&seed) % 100 == 0 && m.n_got > 0)
                                runaways_pardon(&m.model, m.got[0].uid, m.now);
                        else
                                continue;
                        past[m.got[0].uid - 1000].until = m.now;
                }
                runaways_done(&m.model);
        }
        assert_true(penalties > 500); /* the traces do lead there */
}

/* What was worked out wrongly must not overflow into a penalty. */
static void test_wild_numbers(void **state) {
        uint32_t seed = 5;
        Runaways model = {};
        usec_t now = 0;

        (void) state;
        for (int i = 0; i < 20000; i++) {
                RunawayPenalty got[4];
                RunawaySample s[4];
                RunawayMachine m = { .capacity = 4000000 };

                now += next_random(&seed) % 100 ? next_random(&seed) : 0;
                m.stalled = (uint64_t) next_random(&seed) << (next_random(&seed) % 32);
                for (size_t k = 0; k < 4; k++)
                        s[k] = (RunawaySample){
                                .uid = 1000 + next_random(&seed) % 6,
                                .used = (uint64_t) next_random(&seed) << (next_random(&seed) % 32),
                                .waited = next_random(&seed) % 2 ? RUNAWAY_UNKNOWN
                                                                 : next_random(&seed),
                                .rule = &usual,
                        };
                assert_true(runaways_look(&model, &m, s, 4, now, got, 4) >= 0);
        }
        runaways_done(&model);
}

static void test_a_day_of_five_hundred(void **state) {
        Machine m = machine(60);
        uint32_t seed = 3;
        int penalties = 0;

        (void) state;
        for (int i = 0; i < MANY; i++)
                add_user(&m, i == 0 ? 250 : i < 5 ? 30 : 1, i < 5 ? 50 : 3);
        for (usec_t t = 0; t < DAY; t += 30 * SECOND) {
                m.pressure = next_random(&seed) % 50 == 0 ? 5 : 60;
                penalties += look(&m, 30 * SECOND);
        }
        assert_in_range(penalties, 5, 100);
        for (int i = 1; i < MANY; i++)
                assert_int_equal(strikes(&m, 1000 + i), 0);
        runaways_done(&m.model);
}

static void test_a_year_of_one(void **state) {
        Machine m = machine(80);
        int penalties = 0;

        (void) state;
        add_user(&m, 350, 90);
        add_user(&m, 40, 30);
        for (usec_t t = 0; t < 365 * DAY; t += 5 * MINUTE) {
                m.pressure = t / HOUR % 24 == 10 ? 80 : 3; /* a bad hour each day */
                penalties += look(&m, 5 * MINUTE);
        }
        /* 15 and 30 minutes within the hour, remembered from day to day: then an hour each day */
        assert_in_range(penalties, 365, 2 * 365);
        runaways_done(&m.model);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_hog_among_others),
                cmocka_unit_test(test_alone_on_the_machine),
                cmocka_unit_test(test_nobody_waits),
                cmocka_unit_test(test_below_the_bar),
                cmocka_unit_test(test_a_burst_is_forgiven),
                cmocka_unit_test(test_a_gap_ends_the_window),
                cmocka_unit_test(test_steps_and_forgiveness),
                cmocka_unit_test(test_excused_and_pardoned),
                cmocka_unit_test(test_exempt_and_without_rule),
                cmocka_unit_test(test_without_pressure_of_groups),
                cmocka_unit_test(test_memory),
                cmocka_unit_test(test_text_and_back),
                cmocka_unit_test(test_strikes_of_another_mode),
                cmocka_unit_test(test_random_traces),
                cmocka_unit_test(test_wild_numbers),
                cmocka_unit_test(test_a_day_of_five_hundred),
                cmocka_unit_test(test_a_year_of_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
