/* SPDX-License-Identifier: MIT */
/* Which login session an X display is, and of which type one is. */

#define _GNU_SOURCE
#include "harness.h"

#include "temproot.h"

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

/* Its user may have set Type and Display since; a newline in either makes no line. */
static void a_type_is_that_of_the_login(void **state) {
        static const struct {
                const char *file, *service, *seat, *type, *want;
        } rows[] = {
                { "TYPE=tty\nORIGINAL_TYPE=x11\n", "lightdm", "seat0", "tty", "x11" },
                { "TYPE=x11\nORIGINAL_TYPE=tty\n", "sshd", NULL, "x11", "tty" },
                { "TYPE=wayland\nORIGINAL_TYPE=tty\n", "login", "seat0", "wayland", "wayland" },
                { "TYPE=tty\nORIGINAL_TYPE=tty\n", "xrdp-sesman", NULL, "tty", "x11" },
                { "TYPE=x11\n", "lightdm", "seat0", "x11", "x11" }, /* an older logind */
                { "DISPLAY=\":1\nORIGINAL_TYPE=tty\n\"\nORIGINAL_TYPE=x11\n", "lightdm", NULL,
                  "x11", "x11" },
                { "DISPLAY=\"\\\"\nORIGINAL_TYPE=tty\n\"\nORIGINAL_TYPE=x11\n", "lightdm", NULL,
                  "x11", "x11" },
                { "", "cron", NULL, NULL, NULL },
        };
        const char *root = *state;

        temproot_mkdir(root, "/run/systemd/sessions", 0755);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *type = NULL;

                temproot_write(root, "/run/systemd/sessions/c1", rows[i].file);
                type = login_type(root, &(LoginTypeFacts){ "c1", rows[i].service, rows[i].seat,
                                                           rows[i].type });
                check_row(rows[i].file,
                          rows[i].want ? type && strcmp(type, rows[i].want) == 0 : !type);
        }
        {
                _cleanup_free_ char *type = login_type(
                        root, &(LoginTypeFacts){ "../sessions/c1", "sshd", NULL, "tty" });

                assert_string_equal(type, "tty");
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_display_names_its_session_or_none),
                cmocka_unit_test_setup_teardown(a_type_is_that_of_the_login, temproot_setup,
                                                temproot_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
