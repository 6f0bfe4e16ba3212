/* SPDX-License-Identifier: MIT */
/* Who has to make room: by cases of sessions written as words, and by properties over random
 * traces. */

#include "harness.h"

#include <stdlib.h>

#include "core/places.h"

#define SECOND USEC_PER_SEC

typedef struct World {
        Sessions sessions;
        StateRules rules[4]; /* of users 1001 to 1004 */
        usec_t now;
} World;

static void add(World *w, const char *id, uid_t uid, int display) {
        const SessionFacts f = {
                .id = id,
                .uid = uid,
                .leader = 100 + display,
                .class = SESSION_CLASS_USER,
                .graphical = true,
                .display = display,
        };

        w->now += SECOND;
        assert_true(sessions_update(&w->sessions, &f, w->now) >= 0);
        sessions_find(&w->sessions, id)->rules = &w->rules[uid - 1001];
}

static void set_link(World *w, const char *id, SessionLink link) {
        SessionDisplay all[64];
        size_t n = 0;

        w->now += SECOND;
        for (size_t i = 0; i < w->sessions.n; i++) {
                const Session *s = w->sessions.all[i];
                SessionLink l = strcmp(s->id, id) == 0 ? link : s->link;

                if (l != SESSION_LINK_UNKNOWN)
                        all[n++] = (SessionDisplay){
                                .number = s->display,
                                .uid = s->uid,
                                .via = SESSION_VIA_XRDP,
                                .link = l,
                                .announced = true,
                        };
        }
        (void) sessions_set_displays(&w->sessions, all, n, w->now);
}

/* "c1+" is connected, "c1-" not, "c1?" not known; in this order, a second each, and the ids' letter
 * is the user's: a is 1001. */
static void set_up(World *w, const char *words) {
        char copy[256], *save = NULL;
        int display = 10;

        (void) snprintf(copy, sizeof(copy), "%s", words);
        for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
                char link = word[strlen(word) - 1];

                word[strlen(word) - 1] = '\0';
                add(w, word, 1001 + (uid_t) (word[0] - 'a'), display++);
                if (link != '?')
                        set_link(w, word, SESSION_LINK_CONNECTED);
                if (link == '-')
                        set_link(w, word, SESSION_LINK_DISCONNECTED);
        }
}

static void run(World *w) {
        w->now += SECOND;
        assert_int_equal(places_run(&w->sessions, w->now), 0);
}

/* Who has to make room, as "id:why id:why". */
static const char *surplus(World *w, char buf[static 256]) {
        static const char letters[_SESSION_SURPLUS_MAX] = { '.', 'F', 'U', 'D', 'O' };
        size_t at = 0;

        buf[0] = '\0';
        for (size_t i = 0; i < w->sessions.n; i++) {
                const Session *s = w->sessions.all[i];

                assert_true((s->surplus != SESSION_SURPLUS_NONE) ==
                            (s->since[SESSION_SURPLUS] != 0));
                if (s->surplus != SESSION_SURPLUS_NONE)
                        at += (size_t) snprintf(buf + at, 256 - at, "%s%s:%c", at ? " " : "", s->id,
                                                letters[s->surplus]);
        }
        return buf;
}

static World world(const PlaceRules *rules) {
        World w = { .now = 1000 * SECOND };

        for (size_t i = 0; i < ELEMENTSOF(w.rules); i++)
                w.rules[i].places = *rules;
        return w;
}

static PlaceRules pool_of(unsigned max) {
        return (PlaceRules){ .n_pools = 1, .pools = { { 7, max } }, .evict = true };
}

static void a_full_host_gives_up_the_oldest(void **state _unused_) {
        static const struct {
                const char *words;
                unsigned max;
                const char *want;
        } rows[] = {
                { "", 1, "" },
                { "a1+ b1-", 2, "" },
                { "a1+ b1-", 1, "b1:F" },
                { "a1- b1- c1+", 2, "a1:F" },
                { "a1- b1- c1+", 1, "a1:F b1:F" },
                { "a1+ b1+ c1+", 1, "" }, /* nobody is thrown out */
                { "a1+ b1? c1+", 1, "" }, /* nor who is not known */
                { "a1? b1- c1+ d1-", 3, "b1:F" },
                { "a1- a2- b1+", 2, "a1:F" },
                { "a1- b1-", 0, "a1:F b1:F" }, /* none at all */
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                PlaceRules rules = pool_of(rows[i].max);
                World w = world(&rules);
                char got[256];

                set_up(&w, rows[i].words);
                run(&w);
                if (strcmp(surplus(&w, got), rows[i].want) != 0)
                        fail_msg("%s, max %u: '%s', not '%s'", rows[i].words, rows[i].max, got,
                                 rows[i].want);
                sessions_done(&w.sessions);
        }
}

static void without_the_word_nobody_goes(void **state _unused_) {
        PlaceRules rules = pool_of(1);
        char got[256];
        World w;

        rules.evict = false;
        w = world(&rules);
        set_up(&w, "a1- b1- c1+");
        run(&w);
        assert_string_equal(surplus(&w, got), "");
        sessions_done(&w.sessions);
}

static void coming_back_passes_it_on(void **state _unused_) {
        PlaceRules rules = pool_of(2);
        World w = world(&rules);
        usec_t since;
        char got[256];

        set_up(&w, "a1- b1- c1+");
        run(&w);
        assert_string_equal(surplus(&w, got), "a1:F");
        since = sessions_find(&w.sessions, "a1")->since[SESSION_SURPLUS];
        run(&w);
        assert_int_equal(sessions_find(&w.sessions, "a1")->since[SESSION_SURPLUS], since);
        set_link(&w, "a1", SESSION_LINK_CONNECTED);
        run(&w);
        assert_string_equal(surplus(&w, got), "b1:F");
        assert_true(sessions_remove(&w.sessions, "c1")); /* there is room again */
        run(&w);
        assert_string_equal(surplus(&w, got), "");
        sessions_done(&w.sessions);
}

static void pools_are_apart(void **state _unused_) {
        PlaceRules everybody = { .n_pools = 1, .pools = { { 1, 3 } }, .evict = true };
        World w = world(&everybody);
        char got[256];

        /* a and b are students besides, of whom there may be one */
        for (size_t i = 0; i < 2; i++)
                w.rules[i].places = (PlaceRules){ .n_pools = 2,
                                                  .pools = { { 1, 3 }, { 4, 1 } },
                                                  .evict = true };
        set_up(&w, "c1- a1- b1-");
        run(&w);
        assert_string_equal(surplus(&w, got), "a1:F");
        set_up(&w, "d1+");
        run(&w); /* a1 makes room for d1, too, and c1 need not */
        assert_string_equal(surplus(&w, got), "a1:F");
        sessions_done(&w.sessions);
}

static void the_exempt_take_a_place_and_keep_it(void **state _unused_) {
        PlaceRules rules = pool_of(1);
        World w = world(&rules);
        char got[256];

        w.rules[0].exempt = true;
        set_up(&w, "a1- b1- c1+");
        run(&w);
        assert_string_equal(surplus(&w, got), "b1:F");
        sessions_done(&w.sessions);
}

static void duplicates_orphans_and_too_many_of_one(void **state _unused_) {
        static const struct {
                const char *words;
                PlaceRules rules;
                const char *orphan;
                const char *want;
        } rows[] = {
                { "a1- a2+ b1-", { .end_duplicates = true }, NULL, "a1:D" },
                { "a1- a2- a3-", { .end_duplicates = true }, NULL, "a1:D a2:D" },
                { "a1+ a2+", { .end_duplicates = true }, NULL, "" },
                { "a1- a2+", { .end_duplicates = false }, NULL, "" },
                { "a1- a2?", { .end_duplicates = true }, NULL, "a1:D" },
                { "a1- a2- a3+", { .max_per_user = 2, .evict = true }, NULL, "a1:U" },
                { "a1- a2- a3+", { .max_per_user = 2, .evict = false }, NULL, "" },
                { "a1- b1- c1-", { .max_per_user = 1, .evict = true }, NULL, "" },
                { "a1- b1-", { .end_orphans = true }, "a1", "a1:O" },
                { "a1+ b1-", { .end_orphans = true }, "a1", "" },
                { "a1- b1-", { .end_orphans = false }, "a1", "" },
                { "a1- a2-", { .end_orphans = true, .end_duplicates = true }, "a2", "a2:O" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                World w = world(&rows[i].rules);
                char got[256];

                set_up(&w, rows[i].words);
                if (rows[i].orphan)
                        sessions_find(&w.sessions, rows[i].orphan)->orphan = true;
                run(&w);
                if (strcmp(surplus(&w, got), rows[i].want) != 0)
                        fail_msg("row %zu, %s: '%s', not '%s'", i, rows[i].words, got,
                                 rows[i].want);
                sessions_done(&w.sessions);
        }
}

/* One that is being ended for another reason has left its place; one that is closing, too. */
static void who_goes_already_is_not_counted(void **state _unused_) {
        PlaceRules rules = pool_of(2);
        World w = world(&rules);
        char got[256];

        set_up(&w, "a1- b1- c1+");
        sessions_find(&w.sessions, "b1")->rung = SESSION_RUNG_ASKED;
        sessions_find(&w.sessions, "b1")->rung_for = SESSION_IDLE;
        run(&w);
        assert_string_equal(surplus(&w, got), "");
        sessions_find(&w.sessions, "b1")->rung = SESSION_RUNG_NONE;
        run(&w);
        assert_string_equal(surplus(&w, got), "a1:F");
        /* on the ladder for this very reason it stays chosen */
        sessions_find(&w.sessions, "a1")->rung = SESSION_RUNG_ASKED;
        sessions_find(&w.sessions, "a1")->rung_for = SESSION_SURPLUS;
        run(&w);
        assert_string_equal(surplus(&w, got), "a1:F");
        sessions_done(&w.sessions);
}

/* The newcomer's own desktop, which comes up before its client is let in. */
static void who_is_arriving_is_not_left(void **state _unused_) {
        PlaceRules rules = pool_of(1);
        World w = world(&rules);
        char got[256];

        set_up(&w, "a1+");
        add(&w, "b1", 1002, 20);
        set_link(&w, "b1", SESSION_LINK_DISCONNECTED);
        run(&w);
        assert_string_equal(surplus(&w, got), "");
        w.now += STATES_ARRIVAL;
        run(&w);
        assert_string_equal(surplus(&w, got), "b1:F"); /* never came */
        sessions_done(&w.sessions);
}

/* The whole way: warned, and ended when its time is up; not if its user comes back. */
static unsigned warned, asked;

static int note(const StateAction *a, void *userdata _unused_) {
        warned += a->kind == STATE_WARN;
        asked += a->kind == STATE_ASK;
        assert_true(a->kind != STATE_ASK || a->session->link == SESSION_LINK_DISCONNECTED);
        return 0;
}

static void pass(World *w, States *st, usec_t span) {
        usec_t end = w->now + span, next;

        for (;;) {
                assert_int_equal(places_run(&w->sessions, w->now), 0);
                assert_int_equal(states_run(st, &w->sessions, w->now, note, NULL, &next), 0);
                if (next > end)
                        break;
                w->now = next;
        }
        w->now = end;
}

static void warned_and_then_ended(void **state _unused_) {
        PlaceRules rules = pool_of(2);
        World w = world(&rules);
        States st = {};

        for (size_t i = 0; i < ELEMENTSOF(w.rules); i++) {
                for (SessionCondition c = 0; c < _SESSION_CONDITION_MAX; c++)
                        w.rules[i].when[c] = STATE_RULE_NULL;
                w.rules[i].when[SESSION_SURPLUS].warn_after = 0;
                w.rules[i].when[SESSION_SURPLUS].end_after = 60 * SECOND;
        }
        warned = asked = 0;
        set_up(&w, "a1- b1- c1+");
        pass(&w, &st, 59 * SECOND);
        assert_int_equal(warned, 1);
        assert_int_equal(asked, 0);
        set_link(&w, "a1", SESSION_LINK_CONNECTED); /* just in time: now it is b1's turn */
        pass(&w, &st, 59 * SECOND);
        assert_int_equal(warned, 2);
        assert_int_equal(asked, 0);
        pass(&w, &st, 2 * SECOND);
        assert_int_equal(asked, 1);
        assert_int_equal(sessions_find(&w.sessions, "b1")->rung, SESSION_RUNG_ASKED);
        states_done(&st);
        sessions_done(&w.sessions);
}

/* Whatever comes: nobody who is connected or unknown is chosen, and no more than is needed. */
static void random_traces(void **state _unused_) {
        uint32_t seed = 1;

        for (unsigned trace = 0; trace < 300; trace++) {
                unsigned max = next_random(&seed) % 4;
                PlaceRules rules = pool_of(max);
                World w = world(&rules);

                for (unsigned step = 0; step < 40; step++) {
                        unsigned who = next_random(&seed) % 8;
                        size_t chosen = 0, others = 0;
                        char id[16];

                        (void) snprintf(id, sizeof(id), "%c%u", 'a' + who % 4, who);
                        if (!sessions_find(&w.sessions, id))
                                add(&w, id, 1001 + who % 4, 10 + (int) who);
                        else if (next_random(&seed) % 5 == 0)
                                assert_true(sessions_remove(&w.sessions, id));
                        else
                                set_link(&w, id, next_random(&seed) % _SESSION_LINK_MAX);
                        run(&w);
                        for (size_t i = 0; i < w.sessions.n; i++) {
                                const Session *s = w.sessions.all[i];
                                bool surplus_now = s->surplus != SESSION_SURPLUS_NONE;

                                assert_true(!surplus_now || s->link == SESSION_LINK_DISCONNECTED);
                                chosen += surplus_now;
                                others += !surplus_now;
                        }
                        assert_true(chosen == 0 || others >= max);
                }
                sessions_done(&w.sessions);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_full_host_gives_up_the_oldest),
                cmocka_unit_test(without_the_word_nobody_goes),
                cmocka_unit_test(coming_back_passes_it_on),
                cmocka_unit_test(pools_are_apart),
                cmocka_unit_test(the_exempt_take_a_place_and_keep_it),
                cmocka_unit_test(duplicates_orphans_and_too_many_of_one),
                cmocka_unit_test(who_goes_already_is_not_counted),
                cmocka_unit_test(who_is_arriving_is_not_left),
                cmocka_unit_test(warned_and_then_ended),
                cmocka_unit_test(random_traces),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
