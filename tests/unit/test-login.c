/* SPDX-License-Identifier: MIT */
/* Which login session an X display is. */

#include "harness.h"

#include "backend/login.h"
#include "core/macro.h"

typedef struct Case {
        const char *display;
        LoginSession sessions[3];
        const char *want; /* NULL: none */
} Case;

#define CONSOLE \
 { .id = (char *) "2", .type = (char *) "x11", .display = (char *) ":0" }
#define XRDP \
 { .id = (char *) "c5", .type = (char *) "x11", .display = (char *) ":10" }
#define SSH \
 { .id = (char *) "7", .type = (char *) "tty" }
#define NAMELESS \
 { .id = (char *) "3", .type = (char *) "x11" }
#define WAYLAND \
 { .id = (char *) "4", .type = (char *) "wayland" }
#define CLOSING                                                           \
 {                                                                        \
  .id = (char *) "c1", .type = (char *) "x11", .display = (char *) ":10", \
  .state = (char *) "closing"                                             \
 }

static void a_display_names_its_session_or_none(void **state) {
        static const Case cases[] = {
                { ":10", { CONSOLE, XRDP, SSH }, "c5" },
                /* xrdp's own DISPLAY names the screen, logind's does not */
                { ":10.0", { CONSOLE, XRDP, SSH }, "c5" },
                { ":0.0", { XRDP, CONSOLE, SSH }, "2" },
                { ":1", { CONSOLE, XRDP, SSH }, NULL },
                { ":100", { CONSOLE, XRDP, SSH }, NULL },
                { ":10", { CLOSING, XRDP, SSH }, "c5" },
                /* what sshd forwards */
                { "localhost:10.0", { CONSOLE, XRDP, SSH }, NULL },
                /* a VNC server's, started over ssh, is not the one at the console */
                { ":1", { CONSOLE, SSH }, NULL },
                { ":0", { NAMELESS, SSH }, "3" },
                { ":0", { NAMELESS, CONSOLE }, "2" },
                { ":1", { NAMELESS, CONSOLE }, NULL },
                { ":1", { NAMELESS, WAYLAND }, NULL },
                { ":1", { WAYLAND, SSH }, NULL },
                { ":0", { SSH }, NULL },
                { "nonsense", { CONSOLE }, NULL },
                { ":", { CONSOLE }, NULL },
                { ":0x", { CONSOLE }, NULL },
                { ":0", {}, NULL },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const LoginSession *found;
                size_t n = 0;

                while (n < ELEMENTSOF(cases[i].sessions) && cases[i].sessions[n].id)
                        n++;
                found = login_find_display(cases[i].sessions, n, cases[i].display);
                if (!cases[i].want)
                        assert_null(found);
                else {
                        assert_non_null(found);
                        assert_string_equal(found->id, cases[i].want);
                }
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_display_names_its_session_or_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
