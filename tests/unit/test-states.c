/* SPDX-License-Identifier: MIT */
/* What becomes of sessions left behind: by cases, and by properties over random traces. */

#include "harness.h"

#include <errno.h>
#include <stdlib.h>

#include "core/layers.h"
#include "core/states.h"

#define SECOND USEC_PER_SEC
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static void update(Sessions *s, const char *id, uid_t uid, int display, bool locked, bool idle,
                   usec_t now) {
        const SessionFacts f = {
                .id = id,
                .uid = uid,
                .leader = 100,
                .class = SESSION_CLASS_USER,
                .graphical = display >= 0,
                .display = display,
                .locked = locked,
                .idle = idle,
        };

        assert_true(sessions_update(s, &f, now) >= 0);
}

static StateRules rules_none(void) {
        StateRules r = {};

        for (SessionCondition c = 0; c < _SESSION_CONDITION_MAX; c++)
                r.when[c] = STATE_RULE_NULL;
        return r;
}

static void squeeze_after(StateRules *r, SessionCondition c, usec_t after, unsigned percent) {
        r->when[c].after = after;
        limits_set(&r->when[c].limits, LIMIT_CPU_QUOTA, percent * (USEC_PER_SEC / 100));
}

/* The world outside: what was done, in order, as letters, and how it answers. */
typedef struct World {
        Sessions sessions;
        States states;
        StateRules rules;
        usec_t now, next;
        char done[256];
        size_t n_done;
        uint64_t quota; /* of the one user looked at; 0 for none */
        int answer;
        usec_t ends;
        SessionCondition condition; /* of the last action */
} World;

static int note(const StateAction *a, void *userdata) {
        static const char letters[_STATE_ACTION_MAX] = {
                [STATE_SQUEEZE] = 'S', [STATE_LIFT] = 'L',  [STATE_WARN] = 'w',
                [STATE_WELCOME] = 'h', [STATE_ASK] = 'a',   [STATE_TERMINATE] = 't',
                [STATE_KILL] = 'k',    [STATE_STUCK] = '!',
        };
        World *w = userdata;

        if (w->answer < 0)
                return w->answer;
        if (w->n_done + 1 < sizeof(w->done))
                w->done[w->n_done++] = letters[a->kind];
        w->condition = a->condition;
        if (a->kind == STATE_SQUEEZE)
                w->quota = a->limits->value[LIMIT_CPU_QUOTA];
        if (a->kind == STATE_LIFT)
                w->quota = 0;
        if (a->kind == STATE_WARN)
                w->ends = a->ends;
        return 0;
}

static void run(World *w) {
        for (size_t i = 0; i < w->sessions.n; i++)
                w->sessions.all[i]->rules = &w->rules;
        assert_int_equal(states_run(&w->states, &w->sessions, w->now, note, w, &w->next), 0);
        assert_true(w->next > w->now);
}

/* Lets time pass, looking only when the model asked for it. */
static void pass(World *w, usec_t span) {
        usec_t end = w->now + span;

        run(w);
        while (w->next <= end) {
                w->now = w->next;
                run(w);
        }
        w->now = end;
}

/* One display's connection; the others stay as they are. */
static void set_link(Sessions *s, int display, SessionLink l, usec_t now) {
        _cleanup_free_ SessionDisplay *all = calloc(s->n + 1, sizeof(SessionDisplay));
        size_t n = 0;

        assert_non_null(all);
        for (size_t i = 0; i < s->n; i++) {
                const Session *one = s->all[i];

                all[n] = (SessionDisplay){
                        .number = one->display,
                        .uid = one->uid,
                        .via = SESSION_VIA_XRDP,
                        .link = one->link,
                        .announced = true,
                };
                if (one->display == display)
                        all[n].link = l;
                n += all[n].link != SESSION_LINK_UNKNOWN;
        }
        (void) sessions_set_displays(s, all, n, now);
}

static void link(World *w, int display, SessionLink l) {
        set_link(&w->sessions, display, l, w->now);
        run(w);
}

static World world(void) {
        World w = { .rules = rules_none(), .now = 1000 * SECOND };

        update(&w.sessions, "c1", 1001, 10, false, false, w.now);
        set_link(&w.sessions, 10, SESSION_LINK_CONNECTED, w.now);
        return w;
}

static void done(World *w) {
        sessions_done(&w->sessions);
        states_done(&w->states);
}

static void test_disconnected_and_back(void **state) {
        World w = world();

        (void) state;
        squeeze_after(&w.rules, SESSION_DISCONNECTED, 10 * MINUTE, 20);
        pass(&w, DAY);
        assert_string_equal(w.done, "");
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        assert_int_equal(w.next, w.now + 10 * MINUTE);
        pass(&w, 10 * MINUTE - 1);
        assert_string_equal(w.done, "");
        pass(&w, 2);
        assert_string_equal(w.done, "S");
        assert_int_equal(w.quota, 200000);
        assert_int_equal(w.next, USEC_INFINITY); /* nothing more will come by itself */
        pass(&w, 30 * DAY);
        link(&w, 10, SESSION_LINK_CONNECTED);
        assert_string_equal(w.done, "SL"); /* in the same look */
        done(&w);
}

/* A desktop that is coming up, its client not let in yet. */
static void test_one_who_has_not_arrived_yet(void **state) {
        World w = { .rules = rules_none(), .now = 1000 * SECOND };

        (void) state;
        squeeze_after(&w.rules, SESSION_DISCONNECTED, 5 * SECOND, 20);
        w.rules.when[SESSION_DISCONNECTED].end_after = 10 * SECOND;
        update(&w.sessions, "c1", 1001, 10, false, false, w.now);
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        pass(&w, STATES_ARRIVAL - SECOND);
        assert_string_equal(w.done, "");
        link(&w, 10, SESSION_LINK_CONNECTED);
        pass(&w, STATES_ARRIVAL);
        assert_string_equal(w.done, "");
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        pass(&w, 6 * SECOND);
        assert_string_equal(w.done, "wS");
        done(&w);

        /* and who never does */
        w = (World){ .rules = w.rules, .now = 1000 * SECOND };
        update(&w.sessions, "c1", 1001, 10, false, false, w.now);
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        pass(&w, STATES_ARRIVAL + 6 * SECOND);
        assert_string_equal(w.done, "wS");
        done(&w);
}

static void test_the_strictest_of_two_conditions(void **state) {
        World w = world();

        (void) state;
        squeeze_after(&w.rules, SESSION_DISCONNECTED, MINUTE, 20);
        squeeze_after(&w.rules, SESSION_LOCKED, MINUTE, 50);
        update(&w.sessions, "c1", 1001, 10, true, false, w.now);
        pass(&w, 5 * MINUTE);
        assert_int_equal(w.quota, 500000);
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        pass(&w, 5 * MINUTE);
        assert_int_equal(w.quota, 200000);
        link(&w, 10, SESSION_LINK_CONNECTED); /* still locked */
        pass(&w, MINUTE);
        assert_int_equal(w.quota, 500000);
        update(&w.sessions, "c1", 1001, 10, false, false, w.now);
        run(&w);
        assert_int_equal(w.quota, 0);
        done(&w);
}

static void test_who_is_there_elsewhere_is_left_alone(void **state) {
        World w = world();

        (void) state;
        squeeze_after(&w.rules, SESSION_DISCONNECTED, MINUTE, 20);
        update(&w.sessions, "5", 1001, -1, false, false, w.now); /* ssh */
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        pass(&w, DAY);
        assert_string_equal(w.done, "");
        sessions_remove(&w.sessions, "5");
        run(&w);
        assert_string_equal(w.done, "S");
        update(&w.sessions, "6", 1001, -1, false, false, w.now);
        run(&w);
        assert_string_equal(w.done, "SL");
        done(&w);
}

static void test_two_left_behind_get_the_more_generous(void **state) {
        World w = world();

        (void) state;
        squeeze_after(&w.rules, SESSION_DISCONNECTED, MINUTE, 20);
        squeeze_after(&w.rules, SESSION_LOCKED, MINUTE, 50);
        limits_set(&w.rules.when[SESSION_DISCONNECTED].limits, LIMIT_IO_WEIGHT, 10);
        update(&w.sessions, "7", 1001, 11, true, false, w.now);
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        pass(&w, HOUR);
        assert_int_equal(w.quota, 500000);
        assert_false(limits_has(&w.states.users[0].limits, LIMIT_IO_WEIGHT));
        done(&w);
}

static void test_a_closing_session_keeps_nobody(void **state) {
        SessionFacts old = { .id = "3", .uid = 1001, .class = SESSION_CLASS_USER, .display = -1 };
        World w = world();

        (void) state;
        squeeze_after(&w.rules, SESSION_DISCONNECTED, MINUTE, 20);
        old.closing = true;
        assert_true(sessions_update(&w.sessions, &old, w.now) >= 0);
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        pass(&w, HOUR);
        assert_string_equal(w.done, "S");
        sessions_remove(&w.sessions,
                        "c1"); /* only the closing one is left, of which no rule speaks */
        run(&w);
        assert_string_equal(w.done, "SL");
        done(&w);
}

static void test_managers_and_greeters_count_for_nothing(void **state) {
        SessionFacts f = { .id = "2", .uid = 1001, .display = -1, .class = SESSION_CLASS_MANAGER };
        World w = world();

        (void) state;
        squeeze_after(&w.rules, SESSION_DISCONNECTED, MINUTE, 20);
        assert_true(sessions_update(&w.sessions, &f, w.now) >= 0);
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        pass(&w, HOUR);
        assert_string_equal(w.done, "S");
        done(&w);
}

static void test_the_ladder(void **state) {
        World w = world();

        (void) state;
        squeeze_after(&w.rules, SESSION_DISCONNECTED, 10 * MINUTE, 20);
        w.rules.when[SESSION_DISCONNECTED].warn_after = 13 * DAY;
        w.rules.when[SESSION_DISCONNECTED].end_after = 14 * DAY;
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        pass(&w, 14 * DAY - 1);
        assert_string_equal(w.done, "Sw");
        assert_int_equal(w.ends, 1000 * SECOND + 14 * DAY);
        pass(&w, 1);
        run(&w);
        assert_string_equal(w.done, "Swa");
        pass(&w, STATES_GRACE);
        run(&w);
        assert_string_equal(w.done, "Swat");
        pass(&w, STATES_GRACE);
        run(&w);
        assert_string_equal(w.done, "Swatk");
        pass(&w, DAY);
        assert_string_equal(w.done, "Swatk!");
        pass(&w, DAY); /* and nothing more */
        assert_string_equal(w.done, "Swatk!");
        done(&w);
}

static void test_a_warning_is_taken_back_when_it_is_over(void **state) {
        World w = world();

        (void) state;
        w.rules.when[SESSION_LOCKED].warn_after = HOUR;
        w.rules.when[SESSION_LOCKED].end_after = 2 * HOUR;
        w.rules.when[SESSION_DISCONNECTED].warn_after = HOUR;
        update(&w.sessions, "c1", 1001, 10, true, false, w.now);
        pass(&w, HOUR + SECOND);
        assert_string_equal(w.done, "w");
        update(&w.sessions, "c1", 1001, 10, false, false, w.now);
        run(&w);
        assert_string_equal(w.done, "wh");
        assert_int_equal(w.condition, _SESSION_CONDITION_INVALID); /* it was there to be read */
        /* Locked when its viewer goes: both are warned of, and it is not over before both are. */
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        update(&w.sessions, "c1", 1001, 10, true, false, w.now);
        pass(&w, HOUR + SECOND);
        assert_string_equal(w.done, "whww");
        link(&w, 10, SESSION_LINK_CONNECTED);
        assert_string_equal(w.done, "whww");
        update(&w.sessions, "c1", 1001, 10, false, false, w.now);
        run(&w);
        assert_string_equal(w.done, "whwwh");
        assert_int_equal(w.condition, SESSION_DISCONNECTED);
        done(&w);
}

static void test_coming_back_stops_the_ladder_and_tells(void **state) {
        World w = world();

        (void) state;
        w.rules.when[SESSION_DISCONNECTED].warn_after = 13 * DAY;
        w.rules.when[SESSION_DISCONNECTED].end_after = 14 * DAY;
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        pass(&w, 13 * DAY + HOUR);
        assert_string_equal(w.done, "w");
        link(&w, 10, SESSION_LINK_CONNECTED);
        assert_string_equal(w.done, "wh");
        pass(&w, 20 * DAY);
        assert_string_equal(w.done, "wh");
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        pass(&w, 14 * DAY);
        run(&w);
        assert_string_equal(w.done, "whwa"); /* asked to end, and back in time */
        link(&w, 10, SESSION_LINK_CONNECTED);
        assert_string_equal(w.done, "whwah");
        pass(&w, DAY);
        assert_string_equal(w.done, "whwah");
        assert_int_equal(w.sessions.all[0]->rung, SESSION_RUNG_NONE);
        done(&w);
}

/* However late the daemon comes to it, nobody is ended unwarned. */
static void test_nobody_is_ended_unwarned(void **state) {
        World w = world();

        (void) state;
        w.rules.when[SESSION_DISCONNECTED].warn_after = 13 * DAY;
        w.rules.when[SESSION_DISCONNECTED].end_after = 14 * DAY;
        set_link(&w.sessions, 10, SESSION_LINK_DISCONNECTED, w.now);
        w.now += 100 * DAY;
        run(&w);
        assert_string_equal(w.done, "w");
        assert_int_equal(w.ends, w.now + STATES_NOTICE);
        pass(&w, STATES_NOTICE - 1);
        assert_string_equal(w.done, "w");
        pass(&w, 1);
        run(&w);
        assert_string_equal(w.done, "wa");
        done(&w);
}

static void test_a_warning_alone(void **state) {
        World w = world();

        (void) state;
        w.rules.when[SESSION_DISCONNECTED].warn_after = HOUR;
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        pass(&w, 30 * DAY);
        assert_string_equal(w.done, "w");
        assert_int_equal(w.ends, USEC_INFINITY);
        done(&w);
}

static void test_an_admin_s_change_is_left(void **state) {
        World w = world();

        (void) state;
        squeeze_after(&w.rules, SESSION_DISCONNECTED, MINUTE, 20);
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        pass(&w, HOUR);
        states_yield(&w.states, 1001);
        pass(&w, DAY);
        assert_string_equal(w.done, "S");
        link(&w, 10, SESSION_LINK_CONNECTED);
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        pass(&w, DAY);
        assert_string_equal(w.done, "SS");
        done(&w);
}

/* With the bus away for minutes the first that arrives would have been SIGKILL. */
static void test_a_rung_that_fails_is_not_skipped(void **state) {
        World w = world();

        (void) state;
        w.rules.when[SESSION_DISCONNECTED].warn_after = 13 * DAY;
        w.rules.when[SESSION_DISCONNECTED].end_after = 14 * DAY;
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        pass(&w, 14 * DAY - 1);
        assert_string_equal(w.done, "w");
        w.answer = -ENOTCONN;
        pass(&w, HOUR);
        assert_int_equal(w.sessions.all[0]->rung, SESSION_RUNG_NONE);
        run(&w);
        assert_in_range(w.next, w.now + 1, w.now + STATES_RETRY);
        w.answer = 0;
        pass(&w, STATES_RETRY);
        assert_string_equal(w.done, "wa");
        w.answer = -ETIMEDOUT;
        pass(&w, HOUR);
        w.answer = 0;
        pass(&w, STATES_RETRY);
        assert_string_equal(w.done, "wat");
        /* nobody left to ask: on to those who are */
        w.answer = -ESRCH;
        pass(&w, STATES_GRACE);
        assert_int_equal(w.sessions.all[0]->rung, SESSION_RUNG_KILLED);
        w.answer = -EIO;
        pass(&w, HOUR);
        link(&w, 10, SESSION_LINK_CONNECTED);
        assert_int_equal(w.sessions.all[0]->rung, SESSION_RUNG_NONE);
        assert_int_equal(w.sessions.all[0]->rung_retry, 0);
        done(&w);
}

static void test_a_rung_that_is_under_way(void **state) {
        World w = world();
        Session *s = w.sessions.all[0];

        (void) state;
        w.rules.when[SESSION_DISCONNECTED].warn_after = 0;
        w.rules.when[SESSION_DISCONNECTED].end_after = HOUR;
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        w.answer = -EINPROGRESS;
        pass(&w, HOUR);
        assert_int_equal(s->taking, SESSION_RUNG_ASKED);
        assert_int_equal(s->rung, SESSION_RUNG_NONE);
        assert_true(w.next == w.now + STATES_RETRY);
        w.answer = 0; /* nothing is asked meanwhile */
        pass(&w, STATES_RETRY - 1);
        assert_string_equal(w.done, "w");
        states_rung_ended(&w.sessions, s, SESSION_RUNG_TERMINATED, 0, w.now); /* of another time */
        assert_int_equal(s->rung, SESSION_RUNG_NONE);
        w.sessions.changed = false;
        states_rung_ended(&w.sessions, s, SESSION_RUNG_ASKED, 0, w.now);
        assert_int_equal(s->rung, SESSION_RUNG_ASKED);
        assert_true(w.sessions.changed);
        pass(&w, STATES_GRACE - 1);
        assert_string_equal(w.done, "w");
        w.answer = -EINPROGRESS;
        pass(&w, 1);
        assert_int_equal(s->taking, SESSION_RUNG_TERMINATED);
        states_rung_ended(&w.sessions, s, SESSION_RUNG_TERMINATED, -ETIMEDOUT, w.now + 10 * SECOND);
        assert_int_equal(s->taking, SESSION_RUNG_NONE);
        pass(&w, 10 * SECOND);
        assert_true(w.next == w.now + STATES_RETRY);
        w.answer = -EBUSY;
        pass(&w, STATES_RETRY);
        assert_true(w.next == w.now + STATES_RETRY_RUNG);
        w.answer = -EINPROGRESS;
        pass(&w, STATES_RETRY_RUNG);
        assert_int_equal(s->taking, SESSION_RUNG_TERMINATED);
        w.answer = 0; /* no answer at all: once more */
        pass(&w, STATES_RETRY);
        assert_string_equal(w.done, "wt");
        w.answer = -EINPROGRESS;
        pass(&w, STATES_GRACE);
        assert_int_equal(s->taking, SESSION_RUNG_KILLED);
        link(&w, 10, SESSION_LINK_CONNECTED); /* back in time: what comes of it is nothing now */
        states_rung_ended(&w.sessions, s, SESSION_RUNG_KILLED, 0, w.now);
        assert_int_equal(s->rung, SESSION_RUNG_NONE);
        done(&w);
}

static void test_failures_are_tried_again(void **state) {
        World w = world();

        (void) state;
        squeeze_after(&w.rules, SESSION_DISCONNECTED, MINUTE, 20);
        link(&w, 10, SESSION_LINK_DISCONNECTED);
        w.answer = -ETIMEDOUT;
        pass(&w, 10 * MINUTE);
        assert_string_equal(w.done, "");
        w.answer = 0;
        pass(&w, STATES_RETRY);
        assert_string_equal(w.done, "S");
        w.answer = -ETIMEDOUT;
        link(&w, 10, SESSION_LINK_CONNECTED);
        assert_int_equal(w.next, w.now + STATES_RETRY_LIFT);
        w.answer = 0;
        pass(&w, STATES_RETRY_LIFT);
        assert_string_equal(w.done, "SL");
        done(&w);
}

static void test_adopted_after_a_restart(void **state) {
        World w = world();
        Limits squeezed = {};

        (void) state;
        squeeze_after(&w.rules, SESSION_DISCONNECTED, MINUTE, 20);
        limits_set(&squeezed, LIMIT_CPU_QUOTA, 200000);
        assert_int_equal(states_adopt(&w.states, 1001, &squeezed), 0);
        assert_int_equal(states_adopt(&w.states, 1077, &squeezed),
                         0); /* has logged out meanwhile */
        run(&w);
        assert_string_equal(w.done, "LL");
        done(&w);
}

/* ---- properties -------------------------------------------------------------------------------
 */

enum { USERS = 12, SESSIONS = 24 };

/* One user of a random world, as seen from outside. */
typedef struct Shadow {
        Limits limits;
        usec_t changed;
} Shadow;

typedef struct Random {
        Sessions sessions;
        States states;
        StateRules rules[4];
        Shadow shadows[USERS];
        usec_t now;
        uint32_t seed;
        bool failing;
} Random;

static const StateRules *rules_of(Random *w, const Session *s) {
        return &w->rules[s->uid % ELEMENTSOF(w->rules)];
}

/* What any one session asks of the layer, worked out another way than the model does. */
static bool is_due(Random *w, const Session *s) {
        const StateRules *r = rules_of(w, s);

        for (SessionCondition c = 0; c < _SESSION_CONDITION_MAX; c++)
                if (s->since[c] && !limits_is_empty(&r->when[c].limits) &&
                    w->now >= s->since[c] + r->when[c].after)
                        return !r->exempt;
        return false;
}

static int watch(const StateAction *a, void *userdata) {
        Random *w = userdata;
        Shadow *shadow = &w->shadows[a->uid - 1000];

        if (a->session)
                assert_false(rules_of(w, a->session)->exempt);
        if (a->kind == STATE_WARN || a->kind >= STATE_ASK) {
                const StateRule *r = &rules_of(w, a->session)->when[a->condition];

                assert_true(a->session->since[a->condition] != 0);
                if (a->kind >= STATE_ASK) {
                        assert_true(w->now >= a->session->since[a->condition] + r->end_after);
                        assert_true(a->session->warned[a->condition] != 0);
                        /* never a connected one for being disconnected */
                        assert_false(a->condition == SESSION_DISCONNECTED &&
                                     a->session->link == SESSION_LINK_CONNECTED);
                }
        }
        if (w->failing)
                return -EIO;
        if (a->kind == STATE_SQUEEZE) {
                assert_true(shadow->changed == 0 || w->now >= shadow->changed + STATES_SETTLE);
                shadow->limits = *a->limits;
                shadow->changed = w->now;
        }
        if (a->kind == STATE_LIFT) {
                shadow->limits = (Limits){};
                shadow->changed = w->now;
        }
        return 0;
}

static void random_event(Random *w) {
        unsigned k = next_random(&w->seed) % SESSIONS, what = next_random(&w->seed) % 8;
        uid_t uid = 1000 + k % USERS;
        bool locked = next_random(&w->seed) % 2, idle = next_random(&w->seed) % 2;
        char id[16];

        (void) snprintf(id, sizeof(id), "c%u", k);
        if (what == 0)
                (void) sessions_remove(&w->sessions, id);
        else if (what < 4)
                update(&w->sessions, id, uid, (int) k, locked, idle, w->now);
        else
                set_link(&w->sessions, (int) k,
                         what == 7 ? SESSION_LINK_UNKNOWN
                         : locked  ? SESSION_LINK_CONNECTED
                                   : SESSION_LINK_DISCONNECTED,
                         w->now);
        for (size_t i = 0; i < w->sessions.n; i++)
                w->sessions.all[i]->rules = rules_of(w, w->sessions.all[i]);
}

/* Nobody who is there is limited, after any look; and whoever is limited has nothing but sessions
 * that are due. */
static void check_users(Random *w) {
        for (uid_t u = 0; u < USERS; u++) {
                bool any = false, all = true;
                const Limits *held = &w->shadows[u].limits;

                for (size_t i = 0; i < w->sessions.n; i++) {
                        const Session *s = w->sessions.all[i];

                        if (s->uid != 1000 + u)
                                continue;
                        any = true;
                        all &= is_due(w, s);
                }
                if (!any || !all)
                        assert_true(limits_is_empty(held));
        }
}

static void random_rules(Random *w) {
        for (size_t i = 0; i < ELEMENTSOF(w->rules); i++) {
                w->rules[i] = rules_none();
                for (SessionCondition c = 0; c < _SESSION_CONDITION_MAX; c++) {
                        StateRule *r = &w->rules[i].when[c];

                        if (next_random(&w->seed) % 3 == 0)
                                continue;
                        squeeze_after(&w->rules[i], c, next_random(&w->seed) % 100 * SECOND,
                                      1 + next_random(&w->seed) % 100);
                        if (next_random(&w->seed) % 2)
                                r->warn_after = next_random(&w->seed) % 300 * SECOND;
                        if (next_random(&w->seed) % 2)
                                r->end_after = next_random(&w->seed) % 400 * SECOND;
                }
        }
        w->rules[1].exempt = true;
}

static void test_random_traces(void **state) {
        (void) state;
        for (uint32_t trace = 1; trace <= 60; trace++) {
                Random w = { .now = SECOND, .seed = trace * 2654435761U };
                usec_t next;

                random_rules(&w);
                for (int i = 0; i < 1500; i++) {
                        w.now += next_random(&w.seed) % (next_random(&w.seed) % 8 ? 3 : 90) *
                                         SECOND +
                                 1;
                        random_event(&w);
                        w.failing = next_random(&w.seed) % 16 == 0;
                        assert_int_equal(
                                states_run(&w.states, &w.sessions, w.now, watch, &w, &next), 0);
                        assert_true(next > w.now);
                        if (w.failing) { /* tried again within a second */
                                w.failing = false;
                                w.now += STATES_RETRY_LIFT;
                                assert_int_equal(
                                        states_run(&w.states, &w.sessions, w.now, watch, &w, &next),
                                        0);
                        }
                        check_users(&w);
                        assert_true(w.states.n <= USERS);
                }
                sessions_done(&w.sessions);
                states_done(&w.states);
        }
}

/* The manual layer beats what the states ask for, stricter or not; the others meet at the
 * strictest. */
static void test_manual_wins_and_the_strictest_of_the_rest(void **state) {
        uint32_t seed = 7;

        (void) state;
        for (int i = 0; i < 20000; i++) {
                Limits layers[_LAYER_MAX] = {}, effective;
                uint64_t least = UINT64_MAX;

                for (Layer l = 0; l < _LAYER_MAX; l++) {
                        uint64_t quota = 10000 + next_random(&seed) % 1000000;

                        if (next_random(&seed) % 2)
                                continue;
                        limits_set(&layers[l], LIMIT_CPU_QUOTA, quota);
                        least = l == LAYER_MANUAL ? quota : MIN_OF(least, quota);
                }
                layers_effective(layers, &effective, NULL);
                assert_int_equal(limits_has(&effective, LIMIT_CPU_QUOTA), least != UINT64_MAX);
                if (least != UINT64_MAX)
                        assert_int_equal(effective.value[LIMIT_CPU_QUOTA], least);
        }
}

/* A day of five hundred people who come, go, lock and idle. */
static void test_a_day_of_five_hundred(void **state) {
        World w = { .rules = rules_none(), .now = SECOND };
        uint32_t seed = 42;
        unsigned looks = 0;
        char id[16];

        (void) state;
        squeeze_after(&w.rules, SESSION_DISCONNECTED, 10 * MINUTE, 20);
        squeeze_after(&w.rules, SESSION_LOCKED, 30 * MINUTE, 50);
        squeeze_after(&w.rules, SESSION_IDLE, HOUR, 50);
        for (int u = 0; u < 500; u++) {
                (void) snprintf(id, sizeof(id), "c%d", u);
                update(&w.sessions, id, 1000 + u, u, false, false, w.now);
        }
        while (w.now < DAY) { /* an event each half minute, as at a busy site */
                usec_t at = w.now + next_random(&seed) % (60 * SECOND);
                int u = next_random(&seed) % 500;

                (void) snprintf(id, sizeof(id), "c%d", u);
                pass(&w, at - w.now);
                if (next_random(&seed) % 2)
                        link(&w, u,
                             next_random(&seed) % 2 ? SESSION_LINK_CONNECTED
                                                    : SESSION_LINK_DISCONNECTED);
                else
                        update(&w.sessions, id, 1000 + u, u, next_random(&seed) % 2,
                               next_random(&seed) % 2, w.now);
                looks++;
        }
        assert_true(looks > 2000);
        assert_int_equal(w.states.n, 500);
        done(&w);
}

/* A year of one: out at six, back at eight, three weeks away in summer. */
static void test_a_year_of_one(void **state) {
        unsigned squeezed = 0, ended = 0;
        World w = world();

        (void) state;
        squeeze_after(&w.rules, SESSION_DISCONNECTED, 10 * MINUTE, 20);
        w.rules.when[SESSION_DISCONNECTED].warn_after = 13 * DAY;
        w.rules.when[SESSION_DISCONNECTED].end_after = 14 * DAY;
        for (int day = 0; day < 365; day++) {
                if (day < 180 || day > 200)
                        link(&w, 10, SESSION_LINK_CONNECTED);
                pass(&w, 10 * HOUR);
                link(&w, 10, SESSION_LINK_DISCONNECTED);
                pass(&w, 14 * HOUR);
                for (size_t i = 0; i < w.n_done; i++) {
                        squeezed += w.done[i] == 'S';
                        ended += w.done[i] == 'a';
                }
                w.n_done = 0;
        }
        assert_int_equal(squeezed, 365 - 21);
        assert_int_equal(ended, 1);
        done(&w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_disconnected_and_back),
                cmocka_unit_test(test_one_who_has_not_arrived_yet),
                cmocka_unit_test(test_the_strictest_of_two_conditions),
                cmocka_unit_test(test_who_is_there_elsewhere_is_left_alone),
                cmocka_unit_test(test_two_left_behind_get_the_more_generous),
                cmocka_unit_test(test_a_closing_session_keeps_nobody),
                cmocka_unit_test(test_managers_and_greeters_count_for_nothing),
                cmocka_unit_test(test_the_ladder),
                cmocka_unit_test(test_a_warning_is_taken_back_when_it_is_over),
                cmocka_unit_test(test_coming_back_stops_the_ladder_and_tells),
                cmocka_unit_test(test_nobody_is_ended_unwarned),
                cmocka_unit_test(test_a_warning_alone),
                cmocka_unit_test(test_an_admin_s_change_is_left),
                cmocka_unit_test(test_a_rung_that_fails_is_not_skipped),
                cmocka_unit_test(test_a_rung_that_is_under_way),
                cmocka_unit_test(test_failures_are_tried_again),
                cmocka_unit_test(test_adopted_after_a_restart),
                cmocka_unit_test(test_random_traces),
                cmocka_unit_test(test_manual_wins_and_the_strictest_of_the_rest),
                cmocka_unit_test(test_a_day_of_five_hundred),
                cmocka_unit_test(test_a_year_of_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
