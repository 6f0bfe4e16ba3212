/* SPDX-License-Identifier: MIT */
/* xrdp's own files, as xrdp reads them. */

#include "harness.h"

#include "core/macro.h"
#include "core/xrdpconf.h"

static const char text[] =
        "; a comment\n"
        "[Globals]\n"
        "Port=3389\n"
        "; Port=1\n"
        "#Port=2\n"
        "  spaced  =  a value ; that is no comment  \r\n"
        "empty=\n"
        "equals=a=b\n"
        "colon: no\n"
        "port=3390\n"
        "\n"
        "[Sessions]\n"
        "MaxSessions=50\n"
        "[globals]\n"
        "port=1\n"
        "[last]\n"
        "unended=yes";

static void test_values(void **state) {
        static const struct {
                const char *section, *key;
                bool found;
                unsigned line;
                const char *value;
        } rows[] = {
                { "Globals", "port", true, 10, "3390" },
                { "GLOBALS", "spaced", true, 6, "a value ; that is no comment" },
                { "Globals", "empty", true, 7, "" },
                { "Globals", "equals", true, 8, "a=b" },
                { "Globals", "colon", false, 2, "" },
                { "Globals", "MaxSessions", false, 2, "" },
                { "Sessions", "maxsessions", true, 13, "50" },
                { "last", "unended", true, 17, "yes" },
                { "none", "port", false, 0, "" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                XrdpconfValue value;

                check_row(rows[i].key, xrdpconf_find(text, rows[i].section, rows[i].key, &value) ==
                                               rows[i].found);
                check_row(rows[i].key, value.line == rows[i].line);
                check_row(rows[i].key, strcmp(value.text, rows[i].value) == 0);
        }
}

static void test_texts_of_all_kinds(void **state) {
        static const char *const rows[] = {
                "",    "\n",   "[",       "[]",     "=",      "[a",
                "[a]", "[a]=", "[a]\n=b", "[a]\nb", "\r\r\r", "[a]\nb=",
        };
        XrdpconfValue value;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                check_row(rows[i], xrdpconf_find(rows[i], "a", "b", &value) == (i == 11));
}

static void test_a_long_value_is_cut(void **state) {
        static char long_text[70000] = "[a]\nb=";
        XrdpconfValue value;

        (void) state;
        memset(long_text + 6, 'x', sizeof(long_text) - 7);
        assert_true(xrdpconf_find(long_text, "a", "b", &value));
        assert_int_equal(strlen(value.text), XRDPCONF_VALUE_MAX - 1);
}

static void count(const char *section, void *userdata) {
        char *all = userdata;

        (void) strcat(strcat(all, section), ",");
}

static void test_sections(void **state) {
        char all[100] = "";

        (void) state;
        xrdpconf_sections(text, count, all);
        assert_string_equal(all, "Globals,Sessions,globals,last,");
}

static void test_words(void **state) {
        (void) state;
        assert_true(xrdpconf_is_yes("Yes"));
        assert_true(xrdpconf_is_yes("1"));
        assert_true(xrdpconf_is_yes("TRUE"));
        assert_false(xrdpconf_is_yes("no"));
        assert_false(xrdpconf_is_yes("2"));
        assert_false(xrdpconf_is_yes(""));
        assert_int_equal(xrdpconf_number("50"), 50);
        assert_int_equal(xrdpconf_number("-3"), -3);
        assert_int_equal(xrdpconf_number("many"), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values),   cmocka_unit_test(test_texts_of_all_kinds),
                cmocka_unit_test(test_sections), cmocka_unit_test(test_a_long_value_is_cut),
                cmocka_unit_test(test_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
