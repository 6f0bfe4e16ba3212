/* SPDX-License-Identifier: MIT */
/* The idle lock's state machine: what each event leads to, and what no trace of events leads to. */

#include "harness.h"

#include "core/idle.h"

#define SECOND USEC_PER_SEC

static const IdleConfig usual = {
        .idle = 600 * SECOND,
        .warn = 30 * SECOND,
        .blank = 60 * SECOND,
        .inhibit_max = 3600 * SECOND,
        .logout_after = 5400 * SECOND,
        .logout_warn = 300 * SECOND,
        .grab_max = 10 * SECOND,
        .lock_on_disconnect = true,
        .has_fallback = true,
};

/* ---- stories -----------------------------------------------------------------------------------
 */

typedef struct Step {
        unsigned at; /* seconds */
        IdleEvent event;
        unsigned value; /* seconds for ALARM, else plain */
        unsigned actions;
        IdleState state;
} Step;

#define STEPS_MAX 24

typedef struct Story {
        const char *name;
        Step steps[STEPS_MAX]; /* up to the first without state and actions at 0 */
} Story;

#define COVER IDLE_DO_COVER
#define UP(t)                                                         \
 { t, IDLE_EVENT_LOCK, 0, COVER, IDLE_LOCKING },                      \
         { t, IDLE_EVENT_GRABBED, 0, IDLE_DO_START, IDLE_LOCKING }, { \
  t, IDLE_EVENT_LOCKER_READY, 0, IDLE_DO_HINTS, IDLE_LOCKED           \
 }
#define END_OF_STORY \
 { 0, _IDLE_EVENT_MAX, 0, 0, 0 }

static const Story stories[] = {
        { "warned, locked, unlocked",
          {
                  { 570, IDLE_EVENT_ALARM, 570, IDLE_DO_WARN | IDLE_DO_HINTS, IDLE_WARNING },
                  { 599, IDLE_EVENT_TIME, 0, 0, IDLE_WARNING },
                  { 600, IDLE_EVENT_TIME, 0, IDLE_DO_UNWARN | COVER, IDLE_LOCKING },
                  { 600, IDLE_EVENT_GRABBED, 0, IDLE_DO_START, IDLE_LOCKING },
                  { 601, IDLE_EVENT_LOCKER_READY, 0, IDLE_DO_HINTS, IDLE_LOCKED },
                  { 700, IDLE_EVENT_LOCKER_SUCCESS, 0, IDLE_DO_UNCOVER | IDLE_DO_HINTS, IDLE_OPEN },
                  END_OF_STORY,
          } },
        { "input in the warning cancels",
          {
                  { 570, IDLE_EVENT_ALARM, 570, IDLE_DO_WARN | IDLE_DO_HINTS, IDLE_WARNING },
                  { 580, IDLE_EVENT_INPUT, 0, IDLE_DO_UNWARN | IDLE_DO_HINTS, IDLE_OPEN },
                  { 600, IDLE_EVENT_TIME, 0, 0, IDLE_OPEN },
                  END_OF_STORY,
          } },
        { "an alarm of an earlier time is none",
          {
                  { 10, IDLE_EVENT_ALARM, 569, 0, IDLE_OPEN },
                  END_OF_STORY,
          } },
        { "an alarm that came late locks on time",
          {
                  { 590, IDLE_EVENT_ALARM, 590, IDLE_DO_WARN | IDLE_DO_HINTS, IDLE_WARNING },
                  { 600, IDLE_EVENT_TIME, 0, IDLE_DO_UNWARN | COVER, IDLE_LOCKING },
                  END_OF_STORY,
          } },
        { "unlock from outside shows the prompt",
          {
                  { 1, IDLE_EVENT_UNLOCK, 0, 0, IDLE_OPEN },
                  UP(2),
                  { 3, IDLE_EVENT_UNLOCK, 0, IDLE_DO_WAKE, IDLE_LOCKED },
                  END_OF_STORY,
          } },
        { "exit 0 without having been up is a death",
          {
                  { 1, IDLE_EVENT_LOCK, 0, COVER, IDLE_LOCKING },
                  { 1, IDLE_EVENT_GRABBED, 0, IDLE_DO_START, IDLE_LOCKING },
                  { 1, IDLE_EVENT_LOCKER_SUCCESS, 0, COVER, IDLE_LOCKING },
                  { 1, IDLE_EVENT_GRABBED, 0, IDLE_DO_START, IDLE_LOCKING },
                  END_OF_STORY,
          } },
        { "three deaths, the fallback, three deaths, the end",
          {
                  UP(1),
                  { 2, IDLE_EVENT_LOCKER_DIED, 0, COVER, IDLE_LOCKED },
                  { 2, IDLE_EVENT_GRABBED, 0, IDLE_DO_START, IDLE_LOCKED },
                  { 2, IDLE_EVENT_LOCKER_DIED, 0, COVER, IDLE_LOCKED },
                  { 2, IDLE_EVENT_GRABBED, 0, 0, IDLE_LOCKED },
                  { 3, IDLE_EVENT_TIME, 0, COVER, IDLE_LOCKED },
                  { 3, IDLE_EVENT_GRABBED, 0, IDLE_DO_START, IDLE_LOCKED },
                  { 3, IDLE_EVENT_LOCKER_DIED, 0, COVER, IDLE_LOCKED },
                  { 3, IDLE_EVENT_GRABBED, 0, IDLE_DO_START, IDLE_LOCKED },
                  { 3, IDLE_EVENT_LOCKER_DIED, 0, COVER, IDLE_LOCKED },
                  { 3, IDLE_EVENT_GRABBED, 0, IDLE_DO_START, IDLE_LOCKED },
                  { 3, IDLE_EVENT_LOCKER_DIED, 0, COVER, IDLE_LOCKED },
                  { 4, IDLE_EVENT_TIME, 0, COVER, IDLE_LOCKED },
                  { 4, IDLE_EVENT_GRABBED, 0, IDLE_DO_START, IDLE_LOCKED },
                  { 4, IDLE_EVENT_LOCKER_DIED, 0, IDLE_DO_END | COVER, IDLE_ENDING },
                  { 14, IDLE_EVENT_TIME, 0, IDLE_DO_END | COVER, IDLE_ENDING },
                  END_OF_STORY,
          } },
        { "a locker that never comes up is killed, and one that cannot be killed is left",
          {
                  { 1, IDLE_EVENT_LOCK, 0, COVER, IDLE_LOCKING },
                  { 1, IDLE_EVENT_GRABBED, 0, IDLE_DO_START, IDLE_LOCKING },
                  { 16, IDLE_EVENT_TIME, 0, IDLE_DO_KILL, IDLE_LOCKING },
                  { 19, IDLE_EVENT_TIME, 0, COVER, IDLE_LOCKING },
                  { 19, IDLE_EVENT_GRABBED, 0, IDLE_DO_START, IDLE_LOCKING },
                  END_OF_STORY,
          } },
        { "a window that goes before its process does",
          {
                  UP(1),
                  { 2, IDLE_EVENT_LOCKER_LOST, 0, COVER, IDLE_LOCKED },
                  { 2, IDLE_EVENT_GRABBED, 0, 0, IDLE_LOCKED },
                  { 3, IDLE_EVENT_LOCKER_SUCCESS, 0, IDLE_DO_UNCOVER | IDLE_DO_HINTS, IDLE_OPEN },
                  UP(10),
                  { 11, IDLE_EVENT_LOCKER_LOST, 0, COVER, IDLE_LOCKED },
                  { 11, IDLE_EVENT_GRABBED, 0, 0, IDLE_LOCKED },
                  { 14, IDLE_EVENT_TIME, 0, IDLE_DO_KILL, IDLE_LOCKED },
                  { 14, IDLE_EVENT_LOCKER_SUCCESS, 0, COVER, IDLE_LOCKED },
                  END_OF_STORY,
          } },
        { "a stopped locker is continued three times, then replaced",
          {
                  UP(1),
                  { 2, IDLE_EVENT_LOCKER_STOPPED, 0, IDLE_DO_CONTINUE, IDLE_LOCKED },
                  { 3, IDLE_EVENT_LOCKER_STOPPED, 0, IDLE_DO_CONTINUE, IDLE_LOCKED },
                  { 4, IDLE_EVENT_LOCKER_STOPPED, 0, IDLE_DO_CONTINUE, IDLE_LOCKED },
                  { 5, IDLE_EVENT_LOCKER_STOPPED, 0, IDLE_DO_KILL, IDLE_LOCKED },
                  { 5, IDLE_EVENT_LOCKER_DIED, 0, COVER, IDLE_LOCKED },
                  END_OF_STORY,
          } },
        { "others' grabs are waited for, then broken, then the session ends",
          {
                  { 1, IDLE_EVENT_LOCK, 0, COVER, IDLE_LOCKING },
                  { 1, IDLE_EVENT_GRAB_FAILED, 0, 0, IDLE_LOCKING },
                  { 2, IDLE_EVENT_TIME, 0, COVER | IDLE_DO_FORCE, IDLE_LOCKING },
                  { 2, IDLE_EVENT_GRAB_FAILED, 0, 0, IDLE_LOCKING },
                  { 11, IDLE_EVENT_TIME, 0, COVER | IDLE_DO_END, IDLE_ENDING },
                  END_OF_STORY,
          } },
        { "an inhibitor delays up to the ceiling",
          {
                  { 1, IDLE_EVENT_INHIBITORS, 1, 0, IDLE_OPEN },
                  { 570, IDLE_EVENT_ALARM, 570, IDLE_DO_HINTS, IDLE_OPEN },
                  { 4169, IDLE_EVENT_TIME, 0, 0, IDLE_OPEN },
                  { 4170, IDLE_EVENT_TIME, 0, IDLE_DO_WARN, IDLE_WARNING },
                  { 4180, IDLE_EVENT_INHIBITORS, 2, 0, IDLE_WARNING },
                  { 4200, IDLE_EVENT_TIME, 0, IDLE_DO_UNWARN | COVER, IDLE_LOCKING },
                  END_OF_STORY,
          } },
        { "an inhibitor that goes leaves the warning",
          {
                  { 1, IDLE_EVENT_INHIBITORS, 1, 0, IDLE_OPEN },
                  { 570, IDLE_EVENT_ALARM, 570, IDLE_DO_HINTS, IDLE_OPEN },
                  { 900, IDLE_EVENT_INHIBITORS, 0, IDLE_DO_WARN, IDLE_WARNING },
                  { 930, IDLE_EVENT_TIME, 0, IDLE_DO_UNWARN | COVER, IDLE_LOCKING },
                  END_OF_STORY,
          } },
        { "inhibitors that come and go do not start the ceiling anew",
          {
                  { 570, IDLE_EVENT_ALARM, 570, IDLE_DO_WARN | IDLE_DO_HINTS, IDLE_WARNING },
                  { 571, IDLE_EVENT_INHIBITORS, 1, IDLE_DO_UNWARN, IDLE_OPEN },
                  { 2000, IDLE_EVENT_INHIBITORS, 0, IDLE_DO_WARN, IDLE_WARNING },
                  { 2001, IDLE_EVENT_INHIBITORS, 1, IDLE_DO_UNWARN, IDLE_OPEN },
                  { 4171, IDLE_EVENT_TIME, 0, IDLE_DO_WARN, IDLE_WARNING },
                  END_OF_STORY,
          } },
        { "an inhibitor does not delay the end",
          {
                  UP(0),
                  { 1, IDLE_EVENT_INHIBITORS, 1, 0, IDLE_LOCKED },
                  { 5100, IDLE_EVENT_TIME, 0, IDLE_DO_WARN_LOGOUT, IDLE_LOCKED },
                  { 5400, IDLE_EVENT_TIME, 0, IDLE_DO_END, IDLE_ENDING },
                  { 5401, IDLE_EVENT_LOCKER_SUCCESS, 0, COVER, IDLE_ENDING },
                  END_OF_STORY,
          } },
        { "sleep waits for the locker",
          {
                  { 1, IDLE_EVENT_SLEEP, 0, COVER, IDLE_LOCKING },
                  { 1, IDLE_EVENT_GRABBED, 0, IDLE_DO_START, IDLE_LOCKING },
                  { 2, IDLE_EVENT_LOCKER_READY, 0, IDLE_DO_HINTS | IDLE_DO_RELEASE_SLEEP,
                    IDLE_LOCKED },
                  { 9, IDLE_EVENT_RESUME, 0, IDLE_DO_TAKE_SLEEP | IDLE_DO_WAKE, IDLE_LOCKED },
                  { 10, IDLE_EVENT_SLEEP, 0, IDLE_DO_RELEASE_SLEEP, IDLE_LOCKED },
                  END_OF_STORY,
          } },
        { "whoever unlocks while the machine falls asleep is locked again",
          {
                  UP(1),
                  { 2, IDLE_EVENT_LOCKER_LOST, 0, COVER, IDLE_LOCKED },
                  { 2, IDLE_EVENT_SLEEP, 0, 0, IDLE_LOCKED },
                  { 3, IDLE_EVENT_LOCKER_SUCCESS, 0, IDLE_DO_HINTS | COVER, IDLE_LOCKING },
                  END_OF_STORY,
          } },
        { "disconnected is locked, reconnected is woken",
          {
                  { 1, IDLE_EVENT_DISCONNECT, 0, COVER, IDLE_LOCKING },
                  { 2, IDLE_EVENT_RECONNECT, 0, IDLE_DO_WAKE, IDLE_LOCKING },
                  END_OF_STORY,
          } },
        { "a predecessor that died locked",
          {
                  { 0, IDLE_EVENT_START, 1, IDLE_DO_TAKE_SLEEP | IDLE_DO_HINTS | COVER,
                    IDLE_LOCKING },
                  END_OF_STORY,
          } },
        { "blank while locked, and the prompt again",
          {
                  UP(1),
                  { 61, IDLE_EVENT_ALARM, 60, IDLE_DO_BLANK, IDLE_LOCKED },
                  { 70, IDLE_EVENT_INPUT, 0, 0, IDLE_LOCKED },
                  { 130, IDLE_EVENT_ALARM, 60, IDLE_DO_BLANK, IDLE_LOCKED },
                  END_OF_STORY,
          } },
};

static void test_stories(void **state) {
        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(stories); i++) {
                IdleMachine m;

                idle_init(&m, &usual);
                for (const Step *s = stories[i].steps; s->event != _IDLE_EVENT_MAX; s++) {
                        usec_t value = s->event == IDLE_EVENT_ALARM ? s->value * SECOND : s->value;
                        unsigned actions = idle_handle(&m, s->event, value, s->at * SECOND);

                        if (actions != s->actions || m.state != s->state)
                                fail_msg("%s: step %zu at %u s: actions %#x, not %#x; %s, not %s",
                                         stories[i].name, (size_t) (s - stories[i].steps), s->at,
                                         actions, s->actions, idle_state_to_string(m.state),
                                         idle_state_to_string(s->state));
                }
        }
}

/* A locker that was up for long may die again and again without costing the session. */
static void test_stable_deaths_are_forgotten(void **state) {
        usec_t now = 0;
        IdleMachine m;

        (void) state;
        idle_init(&m, &usual);
        m.config.logout_after = 0;
        (void) idle_handle(&m, IDLE_EVENT_LOCK, 0, now);
        for (int i = 0; i < 20; i++) {
                assert_int_equal(idle_handle(&m, IDLE_EVENT_GRABBED, 0, now), IDLE_DO_START);
                (void) idle_handle(&m, IDLE_EVENT_LOCKER_READY, 0, now);
                now += IDLE_STABLE;
                assert_int_equal(idle_handle(&m, IDLE_EVENT_LOCKER_DIED, 0, now), IDLE_DO_COVER);
                assert_int_equal(m.state, IDLE_LOCKED);
        }
        assert_false(m.fallback);
}

static void test_zero_means_never(void **state) {
        IdleConfig config = {};
        IdleMachine m;

        (void) state;
        idle_init(&m, &config);
        assert_true(idle_alarm(&m) == USEC_INFINITY);
        assert_int_equal(idle_handle(&m, IDLE_EVENT_ALARM, USEC_INFINITY - 1, 0), 0);
        assert_int_equal(idle_handle(&m, IDLE_EVENT_DISCONNECT, 0, 0), 0);
        assert_int_equal(idle_handle(&m, IDLE_EVENT_LOCK, 0, 0), IDLE_DO_COVER);
        (void) idle_handle(&m, IDLE_EVENT_GRAB_FAILED, 0, 0);
        for (usec_t now = 0; now < 1000 * SECOND; now += SECOND)
                (void) idle_handle(&m, IDLE_EVENT_TIME, 0, now);
        assert_int_equal(m.state, IDLE_LOCKING);
}

static void test_warning_is_shorter_than_the_time(void **state) {
        IdleConfig config = { .idle = 10 * SECOND, .warn = 30 * SECOND };
        IdleMachine m;

        (void) state;
        idle_init(&m, &config);
        assert_true(idle_alarm(&m) == 5 * SECOND);
        config.warn = 0;
        idle_init(&m, &config);
        assert_int_equal(idle_handle(&m, IDLE_EVENT_ALARM, 10 * SECOND, 0),
                         IDLE_DO_HINTS | IDLE_DO_COVER);
}

static void test_names(void **state) {
        (void) state;
        for (IdleState s = 0; s < _IDLE_STATE_MAX; s++)
                assert_non_null(idle_state_to_string(s));
        assert_null(idle_state_to_string(_IDLE_STATE_MAX));
        assert_null(idle_state_to_string(_IDLE_STATE_INVALID));
}

/* ---- any trace ----------------------------------------------------------------------------------
 */

typedef struct Trace {
        IdleMachine m;
        uint32_t seed;
        usec_t now;
        unsigned starts; /* without one that was up */
        bool grabbed;    /* the last answer, with nothing started since */
} Trace;

#define check_trace(t, before, e, condition)                     \
 do {                                                            \
  if (!(condition))                                              \
   fail_msg("seed %u, event %d in state %s: %s", (t)->seed, (e), \
            idle_state_to_string((before)->state), #condition);  \
 } while (0)

/* What no event may do, whatever came before. */
static void check_step(Trace *t, const IdleMachine *before, IdleEvent e, unsigned actions) {
        const IdleMachine *m = &t->m;
        bool was_up = before->locker == IDLE_LOCKER_UP || before->locker == IDLE_LOCKER_LEAVING;
        bool by_locker = e == IDLE_EVENT_LOCKER_SUCCESS && before->state == IDLE_LOCKED && was_up;

        if (idle_is_closed(before) && !idle_is_closed(m))
                check_trace(t, before, e, by_locker && (actions & IDLE_DO_UNCOVER));
        if (actions & IDLE_DO_UNCOVER)
                check_trace(t, before, e, by_locker && m->state == IDLE_OPEN);
        if (before->state == IDLE_ENDING)
                check_trace(t, before, e, m->state == IDLE_ENDING);
        if (actions & IDLE_DO_START)
                check_trace(t, before, e,
                            e == IDLE_EVENT_GRABBED && before->locker == IDLE_LOCKER_NONE &&
                                    idle_is_closed(before) && before->state != IDLE_ENDING);
        if (actions & IDLE_DO_RELEASE_SLEEP)
                check_trace(t, before, e, m->locker == IDLE_LOCKER_UP || m->state == IDLE_ENDING);
        if (m->state == IDLE_LOCKED)
                check_trace(t, before, e, m->locked_since != USEC_INFINITY);
        if (idle_is_closed(m) && m->locker != IDLE_LOCKER_UP)
                check_trace(t, before, e, idle_deadline(m) != USEC_INFINITY);
        if (!idle_is_closed(before) && idle_is_closed(m))
                check_trace(t, before, e, actions & (IDLE_DO_COVER | IDLE_DO_FORCE));
        if (before->locker == IDLE_LOCKER_UP && m->locker != IDLE_LOCKER_UP && idle_is_closed(m))
                check_trace(t, before, e, actions & (IDLE_DO_COVER | IDLE_DO_KILL));
        if (e == IDLE_EVENT_TIME)
                check_trace(t, before, e, idle_deadline(m) > t->now);
        t->starts += (actions & IDLE_DO_START) != 0;
        if (m->locker == IDLE_LOCKER_UP || !idle_is_closed(m))
                t->starts = 0;
        check_trace(t, before, e, t->starts <= 2 * IDLE_DEATHS_MAX);
}

static IdleConfig random_config(uint32_t *random) {
        static const usec_t spans[] = { 0, SECOND, 30 * SECOND, 600 * SECOND, 7200 * SECOND };
#define SPAN spans[next_random(random) % ELEMENTSOF(spans)]

        return (IdleConfig){
                .idle = SPAN,
                .warn = SPAN,
                .blank = SPAN,
                .inhibit_max = SPAN,
                .logout_after = SPAN,
                .logout_warn = SPAN,
                .grab_max = SPAN,
                .lock_on_disconnect = next_random(random) % 2,
                .has_fallback = next_random(random) % 2,
        };
}

static usec_t random_value(uint32_t *random, IdleEvent e) {
        switch (e) {
        case IDLE_EVENT_ALARM:
                return next_random(random) % 8 == 0 ? USEC_INFINITY
                                                    : next_random(random) % 8000 * SECOND;
        case IDLE_EVENT_INHIBITORS:
                return next_random(random) % 3;
        case IDLE_EVENT_START:
                return next_random(random) % 2;
        default:
                return 0;
        }
}

static void run_trace(uint32_t seed) {
        uint32_t random = seed;
        IdleConfig config = random_config(&random);
        Trace t = { .seed = seed };

        idle_init(&t.m, &config);
        for (int i = 0; i < 400; i++) {
                IdleMachine before = t.m;
                IdleEvent e = next_random(&random) % _IDLE_EVENT_MAX;
                usec_t value = random_value(&random, e);
                unsigned actions;

                if (next_random(&random) % 3 == 0 && idle_deadline(&t.m) != USEC_INFINITY) {
                        e = IDLE_EVENT_TIME;
                        t.now = MAX_OF(t.now, idle_deadline(&t.m));
                } else {
                        t.now += next_random(&random) % (5 * SECOND);
                }
                actions = idle_handle(&t.m, e, value, t.now);
                check_step(&t, &before, e, actions);
        }
}

static void test_no_trace_opens_but_by_the_locker(void **state) {
        (void) state;
        for (uint32_t seed = 1; seed <= 5000; seed++)
                run_trace(seed);
}

/* An idle session with whatever inhibitors is locked when the ceiling is over, if its caller does
 * as it is told. */
static void test_ceiling_holds_whatever_inhibitors_do(void **state) {
        (void) state;
        for (uint32_t seed = 1; seed <= 500; seed++) {
                usec_t now = usual.idle - usual.warn;
                usec_t last = now + usual.inhibit_max + usual.warn;
                uint32_t random = seed;
                IdleMachine m;

                idle_init(&m, &usual);
                (void) idle_handle(&m, IDLE_EVENT_INHIBITORS, next_random(&random) % 2, 0);
                (void) idle_handle(&m, IDLE_EVENT_ALARM, now, now);
                while (now < last) {
                        now = MIN_OF(now + next_random(&random) % (200 * SECOND),
                                     idle_deadline(&m));
                        now = MIN_OF(now, last);
                        (void) idle_handle(&m, IDLE_EVENT_TIME, 0, now);
                        (void) idle_handle(&m, IDLE_EVENT_INHIBITORS, next_random(&random) % 3,
                                           now);
                }
                (void) idle_handle(&m, IDLE_EVENT_TIME, 0, now);
                if (!idle_is_closed(&m))
                        fail_msg("seed %u: %s after the ceiling", seed,
                                 idle_state_to_string(m.state));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stories),
                cmocka_unit_test(test_stable_deaths_are_forgotten),
                cmocka_unit_test(test_zero_means_never),
                cmocka_unit_test(test_warning_is_shorter_than_the_time),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_no_trace_opens_but_by_the_locker),
                cmocka_unit_test(test_ceiling_holds_whatever_inhibitors_do),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
