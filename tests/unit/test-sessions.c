/* SPDX-License-Identifier: MIT */
/* The model of sessions: what it takes over, since when it says things are so, and how it outlives
 * the daemon. */

#include "harness.h"

#include <errno.h>
#include <stdlib.h>

#include "core/sessions.h"

#define SECOND USEC_PER_SEC
#define BOOT "0123456789abcdef0123456789abcdef"

static SessionFacts facts(const char *id, uid_t uid, int display) {
        return (SessionFacts){
                .id = id,
                .uid = uid,
                .leader = 4000 + display,
                .class = SESSION_CLASS_USER,
                .graphical = display >= 0,
                .display = display,
                .service = "xrdp-sesman",
        };
}

static void update(Sessions *s, SessionFacts f, usec_t now) {
        assert_true(sessions_update(s, &f, now) >= 0);
}

/* Whose is not said is the first user's. */
static bool set_link(Sessions *s, int display, SessionLink link, bool announced, usec_t now) {
        SessionDisplay d = {
                .number = display,
                .uid = 1001,
                .via = SESSION_VIA_XRDP,
                .link = link,
                .announced = announced,
        };

        return sessions_set_displays(s, &d, 1, now);
}

/* Served. */
static SessionDisplay display(int number, uid_t uid, SessionVia via, SessionLink link) {
        return (SessionDisplay){
                .number = number, .uid = uid, .via = via, .link = link, .listening = true
        };
}

static void test_displays(void **state) {
        static const struct {
                const char *text;
                int display;
        } rows[] = {
                { ":10", 10 },       { ":0", 0 },
                { ":10.0", 10 },     { "localhost:10.0", -1 },
                { "", -1 },          { ":", -1 },
                { ":-1", -1 },       { ":99999999999999999999", -1 },
                { ":1x", -1 },       { "wayland-0", -1 },
                { ":65535", 65535 }, { ":65536", -1 },
                { NULL, -1 },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                check_row(rows[i].text ?: "(none)",
                          session_display_from_string(rows[i].text) == rows[i].display);
}

static void test_names(void **state) {
        (void) state;
        assert_string_equal(session_condition_to_string(SESSION_SURPLUS), "surplus");
        assert_string_equal(session_condition_to_string(_SESSION_CONDITION_MAX), "none");
        assert_int_equal(session_class_from_string("user"), SESSION_CLASS_USER);
        assert_int_equal(session_class_from_string("user-early"), SESSION_CLASS_USER);
        assert_int_equal(session_class_from_string("manager-early"), SESSION_CLASS_MANAGER);
        assert_int_equal(session_class_from_string("greeter"), SESSION_CLASS_OTHER);
        assert_int_equal(session_class_from_string("background"), SESSION_CLASS_OTHER);
}

static void test_conditions_begin_and_end(void **state) {
        Sessions s = {};
        SessionFacts f = facts("c1", 1001, 10);

        (void) state;
        update(&s, f, 100 * SECOND);
        assert_int_equal(s.all[0]->since[SESSION_DISCONNECTED], 0);
        assert_true(set_link(&s, 10, SESSION_LINK_CONNECTED, true, 101 * SECOND));
        assert_int_equal(s.all[0]->connected_since, 101 * SECOND);
        assert_false(set_link(&s, 10, SESSION_LINK_CONNECTED, true, 102 * SECOND));
        assert_true(set_link(&s, 10, SESSION_LINK_DISCONNECTED, false, 103 * SECOND));
        assert_int_equal(s.all[0]->since[SESSION_DISCONNECTED], 103 * SECOND);
        assert_true(s.all[0]->announced);
        f.locked = true;
        f.idle = true;
        f.idle_since = 50 * SECOND;
        update(&s, f, 104 * SECOND);
        assert_int_equal(s.all[0]->since[SESSION_LOCKED], 104 * SECOND);
        assert_int_equal(s.all[0]->since[SESSION_IDLE], 50 * SECOND);
        update(&s, f, 110 * SECOND); /* the same again changes nothing */
        assert_int_equal(s.all[0]->since[SESSION_LOCKED], 104 * SECOND);
        f.locked = false;
        f.idle_since = 900 * SECOND; /* a time to come */
        update(&s, f, 111 * SECOND);
        assert_int_equal(s.all[0]->since[SESSION_LOCKED], 0);
        assert_true(set_link(&s, 10, SESSION_LINK_UNKNOWN, false, 112 * SECOND));
        assert_int_equal(s.all[0]->since[SESSION_DISCONNECTED], 0);
        sessions_done(&s);
}

static void test_a_display_is_its_living_session(void **state) {
        Sessions s = {};
        SessionFacts old = facts("5", 1001, 10), new = facts("9", 1001, 10);

        (void) state;
        update(&s, old, SECOND);
        assert_true(set_link(&s, 10, SESSION_LINK_CONNECTED, false, SECOND));
        old.closing = true;
        update(&s, old, 2 * SECOND);
        update(&s, new, 3 * SECOND);
        assert_true(set_link(&s, 10, SESSION_LINK_DISCONNECTED, false, 4 * SECOND));
        assert_int_equal(sessions_find(&s, "5")->link, SESSION_LINK_UNKNOWN);
        assert_int_equal(sessions_find(&s, "9")->link, SESSION_LINK_DISCONNECTED);
        assert_true(set_link(&s, 10, SESSION_LINK_CONNECTED, false, 5 * SECOND));
        /* its X server is gone: nobody can look at it */
        assert_true(set_link(&s, 11, SESSION_LINK_CONNECTED, false, 6 * SECOND));
        assert_int_equal(sessions_find(&s, "9")->link, SESSION_LINK_DISCONNECTED);
        sessions_done(&s);
}

/* Its leader has gone, which is all that logind looks at, and its X server has not. */
static void test_a_desktop_that_is_served_is_not_closing(void **state) {
        SessionFacts f = facts("5", 1001, 10);
        Sessions s = {};

        (void) state;
        update(&s, f, SECOND);
        assert_true(set_link(&s, 10, SESSION_LINK_CONNECTED, false, SECOND));
        assert_false(sessions_set_served(&s, s.all[0], true, SECOND)); /* nobody says it ends */
        assert_false(s.all[0]->served);
        f.closing = true;
        update(&s, f, 2 * SECOND);
        assert_int_equal(s.all[0]->since[SESSION_CLOSING], 2 * SECOND);
        assert_true(sessions_set_served(&s, s.all[0], true, 2 * SECOND));
        assert_int_equal(s.all[0]->since[SESSION_CLOSING], 0);
        update(&s, f, 3 * SECOND);
        assert_int_equal(s.all[0]->since[SESSION_CLOSING], 0);
        assert_false(set_link(&s, 10, SESSION_LINK_CONNECTED, false, 3 * SECOND));
        assert_int_equal(s.all[0]->connected_since, SECOND); /* one visit */
        assert_true(sessions_set_served(&s, s.all[0], false, 4 * SECOND));
        assert_int_equal(s.all[0]->since[SESSION_CLOSING], 4 * SECOND);
        sessions_done(&s);
}

/* Of a number used again the younger's, also when the elder does not say that it is closing. */
static void test_a_display_is_one_session_s(void **state) {
        SessionFacts old = facts("9", 1001, 10), new = facts("10", 1001, 10);
        Sessions s = {};

        (void) state;
        update(&s, old, SECOND);
        assert_true(set_link(&s, 10, SESSION_LINK_CONNECTED, false, SECOND));
        update(&s, new, 3 * SECOND);
        assert_true(set_link(&s, 10, SESSION_LINK_CONNECTED, false, 4 * SECOND));
        assert_int_equal(sessions_find(&s, "9")->link, SESSION_LINK_DISCONNECTED);
        assert_int_equal(sessions_find(&s, "10")->link, SESSION_LINK_CONNECTED);
        sessions_done(&s);
}

/* What logind has for Type and Display may be the user's word. */
static void test_what_a_user_says_decides_nothing(void **state) {
        static const SessionLink away = SESSION_LINK_DISCONNECTED, here = SESSION_LINK_CONNECTED;
        static const SessionVia xrdp = SESSION_VIA_XRDP, vnc = SESSION_VIA_VNC;
        const struct {
                const char *what, *service;
                bool graphical;
                int first, then; /* what is told */
                SessionDisplay displays[3];
                int display;
                SessionLink link;
        } rows[] = {
                { "no lie",
                  "xrdp-sesman",
                  true,
                  10,
                  10,
                  { display(10, 1001, xrdp, away) },
                  10,
                  away },
                { "a lie later",
                  "xrdp-sesman",
                  true,
                  10,
                  99,
                  { display(10, 1001, xrdp, away) },
                  10,
                  away },
                { "none later",
                  "xrdp-sesman",
                  true,
                  10,
                  -1,
                  { display(10, 1001, xrdp, away) },
                  10,
                  away },
                { "a lie from the start",
                  "xrdp-sesman",
                  true,
                  99,
                  99,
                  { display(10, 1001, xrdp, away) },
                  10,
                  away },
                { "none from the start",
                  "xrdp-sesman",
                  true,
                  -1,
                  -1,
                  { display(10, 1001, xrdp, here) },
                  10,
                  here },
                { "no desktop, it says",
                  "xrdp-sesman",
                  false,
                  10,
                  10,
                  { display(10, 1001, xrdp, away) },
                  10,
                  away },
                { "another user's",
                  "xrdp-sesman",
                  true,
                  11,
                  11,
                  { display(10, 1001, xrdp, away), display(11, 1002, xrdp, here) },
                  10,
                  away },
                { "a VNC server of one's own",
                  "xrdp-sesman",
                  true,
                  3,
                  3,
                  { display(3, 1001, vnc, here), display(10, 1001, xrdp, away) },
                  10,
                  away },
                { "Xvnc behind xrdp",
                  "xrdp-sesman",
                  true,
                  10,
                  10,
                  { display(10, 1001, vnc, here) },
                  10,
                  here },
                { "Xvnc, and a file left behind",
                  "xrdp-sesman",
                  true,
                  11,
                  11,
                  { { 10, 1001, xrdp, away, false, 0, 0, false, NULL },
                    display(11, 1001, vnc, here) },
                  11,
                  here },
                { "not there yet",
                  "xrdp-sesman",
                  true,
                  10,
                  10,
                  { display(3, 1001, vnc, here) },
                  10,
                  SESSION_LINK_UNKNOWN },
                { "not xrdp's",
                  "sshd",
                  false,
                  -1,
                  10,
                  { display(10, 1001, xrdp, away) },
                  10,
                  SESSION_LINK_UNKNOWN },
                { "nor this",
                  "tigervnc",
                  true,
                  3,
                  4,
                  { display(3, 1001, vnc, away), display(4, 1001, vnc, here) },
                  3,
                  away },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                SessionFacts f = facts("c1", 1001, rows[i].first);
                SessionDisplay displays[ELEMENTSOF(rows[i].displays)];
                size_t n = 0;
                Sessions s = {};

                while (n < ELEMENTSOF(displays) && rows[i].displays[n].via != SESSION_VIA_NONE)
                        n++;
                f.service = rows[i].service;
                f.graphical = rows[i].graphical;
                update(&s, f, SECOND);
                for (int turn = 0; turn < 2; turn++) {
                        memcpy(displays, rows[i].displays, sizeof(displays));
                        (void) sessions_set_displays(&s, displays, n, 2 * SECOND);
                        f.display = rows[i].then;
                        update(&s, f, 2 * SECOND);
                }
                check_row(rows[i].what, s.all[0]->display == rows[i].display);
                check_row(rows[i].what, s.all[0]->link == rows[i].link);
                sessions_done(&s);
        }
}

/* Two desktops of one user; one says that it has the other's display. */
static void test_two_of_one_user(void **state) {
        SessionDisplay d[] = {
                display(10, 1001, SESSION_VIA_XRDP, SESSION_LINK_DISCONNECTED),
                display(11, 1001, SESSION_VIA_XRDP, SESSION_LINK_CONNECTED),
        };
        Sessions s = {};

        (void) state;
        update(&s, facts("c1", 1001, 11), SECOND);
        update(&s, facts("c2", 1001, 11), 2 * SECOND);
        assert_true(sessions_set_displays(&s, d, ELEMENTSOF(d), 3 * SECOND));
        assert_int_equal(sessions_find(&s, "c1")->display, 10);
        assert_int_equal(sessions_find(&s, "c1")->link, SESSION_LINK_DISCONNECTED);
        assert_int_equal(sessions_find(&s, "c2")->display, 11);
        assert_int_equal(sessions_find(&s, "c2")->link, SESSION_LINK_CONNECTED);
        sessions_done(&s);
}

static void test_types(void **state) {
        (void) state;
        assert_string_equal(session_type_of("xrdp-sesman", "tty"), "x11");
        assert_string_equal(session_type_of("sshd", "tty"), "tty");
        assert_string_equal(session_type_of(NULL, "tty"), "tty");
        assert_null(session_type_of("xrdp-sesman", NULL));
}

/* Anybody may make a socket of a name, or listen on a port. */
static void test_another_s_display_does_not_count(void **state) {
        SessionDisplay d[] = {
                display(10, 1002, SESSION_VIA_VNC, SESSION_LINK_DISCONNECTED),
                display(11, 1001, SESSION_VIA_VNC, SESSION_LINK_DISCONNECTED),
                display(10, 1001, SESSION_VIA_VNC, SESSION_LINK_DISCONNECTED),
                display(10, 1001, SESSION_VIA_XRDP, SESSION_LINK_CONNECTED),
        };
        Sessions s = {};

        (void) state;
        update(&s, facts("1", 1001, 10), SECOND);
        assert_false(sessions_set_displays(&s, d, 2, SECOND));
        assert_int_equal(s.all[0]->link, SESSION_LINK_UNKNOWN);
        assert_true(sessions_set_displays(&s, d, 4, SECOND));
        assert_int_equal(s.all[0]->link, SESSION_LINK_CONNECTED);
        assert_int_equal(s.all[0]->via, SESSION_VIA_XRDP);
        assert_true(sessions_set_displays(&s, NULL, 0, SECOND));
        sessions_done(&s);
}

static void test_what_is_not_listed_is_gone(void **state) {
        Sessions s = {};

        (void) state;
        update(&s, facts("1", 1001, -1), SECOND);
        update(&s, facts("2", 1002, -1), SECOND);
        sessions_begin(&s);
        update(&s, facts("2", 1002, -1), 2 * SECOND);
        update(&s, facts("3", 1003, -1), 2 * SECOND);
        assert_int_equal(sessions_end(&s), 1);
        assert_null(sessions_find(&s, "1"));
        assert_int_equal(sessions_find(&s, "2")->created, SECOND);
        assert_true(sessions_remove(&s, "3"));
        assert_false(sessions_remove(&s, "3"));
        sessions_done(&s);
}

static void test_ids_that_cannot_be(void **state) {
        static const char *const ids[] = { "", "a b", "../x", "c1\n[end]", "a]", "1=2" };
        Sessions s = {};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(ids); i++) {
                SessionFacts f = facts(ids[i], 1001, -1);

                check_row(ids[i], sessions_update(&s, &f, 1) == -EINVAL);
        }
        assert_int_equal(s.n, 0);
        sessions_done(&s);
}

/* A whole minute's worth of people, and as many as there may be. */
static void test_many_come_and_go(void **state) {
        Sessions s = {};
        char id[16];

        (void) state;
        for (int i = 0; i < SESSIONS_MAX; i++) {
                (void) snprintf(id, sizeof(id), "c%d", i);
                update(&s, facts(id, 1000 + i, i), SECOND);
        }
        {
                SessionFacts f = facts("onemore", 1, -1);

                assert_int_equal(sessions_update(&s, &f, 1), -ENOBUFS);
        }
        for (int i = 0; i < SESSIONS_MAX; i++) {
                (void) snprintf(id, sizeof(id), "c%d", i);
                assert_true(sessions_remove(&s, id));
        }
        assert_int_equal(s.n, 0);
        assert_true(s.allocated <= 64); /* what is gone is not paid for */
        sessions_done(&s);
}

static void fill(Sessions *s) {
        SessionFacts f = facts("c1", 1001, 10);

        f.idle = true;
        update(s, f, 5 * SECOND);
        (void) set_link(s, 10, SESSION_LINK_DISCONNECTED, true, 7 * SECOND);
        s->all[0]->warned[SESSION_DISCONNECTED] = 8 * SECOND;
        s->all[0]->notice = true;
        s->all[0]->rung = SESSION_RUNG_ASKED;
        s->all[0]->rung_at = 9 * SECOND;
        update(s, facts("22", 1002, -1), 6 * SECOND);
}

static void test_text_and_back(void **state) {
        Sessions s = {}, again = {};
        _cleanup_free_ char *text = NULL, *twice = NULL;
        size_t size, twice_size;

        (void) state;
        fill(&s);
        assert_int_equal(sessions_to_text(&s, BOOT, &text, &size), 0);
        assert_int_equal(sessions_from_text(&again, text, size, BOOT), 0);
        assert_int_equal(sessions_to_text(&again, BOOT, &twice, &twice_size), 0);
        assert_string_equal(text, twice);
        assert_false(again.all[1]->present);
        assert_false(set_link(&again, 11, SESSION_LINK_CONNECTED, false, 99 * SECOND));
        update(&again, facts("c1", 1001, 10), 100 * SECOND);
        assert_int_equal(sessions_find(&again, "c1")->since[SESSION_DISCONNECTED], 7 * SECOND);
        assert_int_equal(sessions_find(&again, "c1")->rung, SESSION_RUNG_ASKED);
        assert_int_equal(sessions_find(&again, "c1")->created, 5 * SECOND);
        assert_int_equal(sessions_find(&again, "c1")->since[SESSION_IDLE], 0); /* no longer */
        sessions_done(&s);
        sessions_done(&again);
}

static void test_what_was_only_said(void **state) {
        static const char old[] =
                "[sessions]\nVersion=1\nBoot=" BOOT "\n[session c1]\nRung=1\n[end]\n";
        Sessions s = {};

        (void) state;
        fill(&s);
        sessions_set_watch(&s, false);
        assert_int_equal(s.all[0]->rung + s.all[1]->rung, SESSION_RUNG_ASKED);
        sessions_set_watch(&s, true);
        assert_int_equal(s.all[0]->rung + s.all[1]->rung, SESSION_RUNG_NONE);
        assert_int_equal(sessions_find(&s, "c1")->warned[SESSION_DISCONNECTED], 0);
        assert_int_equal(sessions_find(&s, "c1")->notice, SESSION_NOTICE_NONE);
        assert_int_equal(sessions_find(&s, "c1")->since[SESSION_DISCONNECTED], 7 * SECOND);
        assert_true(s.changed);
        sessions_done(&s);
        /* nothing tells whether that happened */
        assert_int_equal(sessions_from_text(&s, old, sizeof(old) - 1, BOOT), 0);
        sessions_set_watch(&s, false);
        assert_int_equal(s.all[0]->rung, SESSION_RUNG_NONE);
        sessions_done(&s);
}

static void test_another_of_the_same_id(void **state) {
        Sessions s = {};

        (void) state;
        fill(&s);
        update(&s, facts("c1", 1009, 10), 100 * SECOND);
        assert_int_equal(sessions_find(&s, "c1")->since[SESSION_DISCONNECTED], 0);
        assert_int_equal(sessions_find(&s, "c1")->rung, SESSION_RUNG_NONE);
        assert_int_equal(sessions_find(&s, "c1")->created, 100 * SECOND);
        sessions_done(&s);
}

static void test_texts_that_are_refused(void **state) {
        static const struct {
                const char *what, *text;
                int answer;
        } rows[] = {
                { "nothing", "", -EBADMSG },
                { "no end", "[sessions]\nVersion=1\nBoot=" BOOT "\n", -EBADMSG },
                { "least", "[sessions]\nVersion=1\nBoot=" BOOT "\n[end]\n", 0 },
                { "another boot", "[sessions]\nVersion=1\nBoot=x\n[end]\n", -ESTALE },
                { "another version", "[sessions]\nVersion=2\n[end]\n", -EBADMSG },
                { "no version", "[session c1]\nUid=1\n[end]\n", -EBADMSG },
                { "after the end", "[sessions]\nVersion=1\n[end]\nUid=1\n", -EBADMSG },
                { "unknown key", "[sessions]\nVersion=1\nX=1\n[session 1]\nUid=7\nY=2\n[end]\n",
                  0 },
                { "unknown section", "[sessions]\nVersion=1\n[new thing]\nUid=7\n[end]\n", 0 },
                { "twice", "[sessions]\nVersion=1\n[session 1]\n[session 1]\n[end]\n", -EBADMSG },
                { "a rung that is none", "[sessions]\nVersion=1\n[session 1]\nRung=17\n[end]\n",
                  -EBADMSG },
                { "no number", "[sessions]\nVersion=1\n[session 1]\nIdle=x\n[end]\n", -EBADMSG },
                { "a path", "[sessions]\nVersion=1\n[session ../x]\n[end]\n", -EBADMSG },
                { "a line before", "Uid=1\n[sessions]\nVersion=1\n[end]\n", -EBADMSG },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Sessions s = {};
                int r = sessions_from_text(&s, rows[i].text, strlen(rows[i].text), BOOT);

                check_row(rows[i].what, r == rows[i].answer);
                check_row(rows[i].what, r == 0 || s.n == 0);
                sessions_done(&s);
        }
}

/* Cut anywhere, or with any byte changed: refused or read, and never worse. */
static void test_damaged_texts(void **state) {
        _cleanup_free_ char *text = NULL;
        uint32_t seed = 1;
        Sessions s = {};
        size_t size;

        (void) state;
        fill(&s);
        assert_int_equal(sessions_to_text(&s, BOOT, &text, &size), 0);
        sessions_done(&s);
        for (size_t cut = 0; cut < size; cut++) {
                assert_int_equal(sessions_from_text(&s, text, cut, BOOT), -EBADMSG);
                assert_int_equal(s.n, 0);
        }
        for (int i = 0; i < 5000; i++) {
                char *at = text + next_random(&seed) % size, was = *at;

                *at = (char) next_random(&seed);
                (void) sessions_from_text(&s, text, size, BOOT);
                sessions_done(&s);
                *at = was;
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_displays),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_conditions_begin_and_end),
                cmocka_unit_test(test_a_display_is_its_living_session),
                cmocka_unit_test(test_a_desktop_that_is_served_is_not_closing),
                cmocka_unit_test(test_a_display_is_one_session_s),
                cmocka_unit_test(test_what_a_user_says_decides_nothing),
                cmocka_unit_test(test_two_of_one_user),
                cmocka_unit_test(test_types),
                cmocka_unit_test(test_another_s_display_does_not_count),
                cmocka_unit_test(test_what_is_not_listed_is_gone),
                cmocka_unit_test(test_ids_that_cannot_be),
                cmocka_unit_test(test_many_come_and_go),
                cmocka_unit_test(test_text_and_back),
                cmocka_unit_test(test_what_was_only_said),
                cmocka_unit_test(test_another_of_the_same_id),
                cmocka_unit_test(test_texts_that_are_refused),
                cmocka_unit_test(test_damaged_texts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
