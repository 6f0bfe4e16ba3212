/* SPDX-License-Identifier: MIT */
/* The mark that a host is being emptied: as text, on disk, whose it may be, and until when. */

#define _GNU_SOURCE
#include "harness.h"

#include <errno.h>

#include "backend/drain.h"
#include "os/machine.h"
#include "temproot.h"

static Drain sample(void) {
        Drain d = { .since = 1700000000 * USEC_PER_SEC, .sessions = 14 };

        (void) snprintf(d.by, sizeof(d.by), "alice");
        (void) snprintf(d.reason, sizeof(d.reason), "disk\n[end]\nBy=mallory \\ \033[2J");
        return d;
}

static void test_text_and_back(void **state) {
        Drain d = sample(), again;
        char text[DRAIN_TEXT_MAX];
        size_t size = drain_to_text(&d, text);

        (void) state;
        assert_int_equal(strlen(text), size);
        assert_null(strchr(text, '\033'));
        assert_int_equal(drain_from_text(text, size, &again), 0);
        assert_int_equal(again.since, d.since);
        assert_int_equal(again.sessions, 14);
        assert_string_equal(again.by, "alice");
        assert_string_equal(again.reason, d.reason);
        assert_string_equal(again.boot, "");
}

static void test_the_longest_text(void **state) {
        Drain d = { .since = UINT64_MAX, .sessions = SIZE_MAX }, again;
        char text[DRAIN_TEXT_MAX];
        size_t size;

        (void) state;
        memset(d.by, '\1', sizeof(d.by) - 1);
        memset(d.reason, '\1', sizeof(d.reason) - 1);
        memset(d.boot, 'b', sizeof(d.boot) - 1);
        size = drain_to_text(&d, text);
        assert_true(size < sizeof(text));
        assert_int_equal(drain_from_text(text, size, &again), 0);
        assert_memory_equal(again.reason, d.reason, sizeof(d.reason));
}

static void test_texts_that_are_refused(void **state) {
        static const char *const rows[] = {
                "",
                "[drain]\nVersion=1\nSince=1\n",
                "[drain]\nVersion=2\nSince=1\n[end]\n",
                "[drain]\nVersion=1\n[end]\n",
                "[drain]\nVersion=1\nSince=x\n[end]\n",
                "[drain]\nVersion=1\nSince=1\nBy=\\x00\n[end]\n",
                "Since=1\n[end]\n",
                "garbage",
        };
        Drain d;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                check_row(rows[i], drain_from_text(rows[i], strlen(rows[i]), &d) == -EBADMSG);
}

static void test_every_cut_is_noticed(void **state) {
        Drain d = sample(), again;
        char text[DRAIN_TEXT_MAX];
        size_t size = drain_to_text(&d, text);

        (void) state;
        for (size_t n = 0; n < size; n++)
                assert_int_equal(drain_from_text(text, n, &again), -EBADMSG);
}

static void test_on_disk(void **state) {
        const char *root = *state;
        Drain d = sample(), again;

        temproot_mkdir(root, "/var/lib", 0755);
        assert_int_equal(drain_load(root, &again), 0);
        assert_int_equal(drain_clear(root), 0);
        assert_int_equal(drain_store(root, &d), 0);
        assert_int_equal(temproot_mode(root, "/var/lib/leash"), 0700);
        assert_int_equal(temproot_mode(root, DRAIN_FILE), 0600);
        assert_int_equal(drain_load(root, &again), 1);
        assert_string_equal(again.by, "alice");
        assert_int_equal(drain_clear(root), 0);
        assert_false(temproot_exists(root, DRAIN_FILE));
        assert_int_equal(drain_clear(root), 0);
}

static void test_until_the_boot_ends(void **state) {
        const char *root = *state;
        Drain d = sample(), again;

        temproot_mkdir(root, "/var/lib", 0755);
        assert_int_equal(machine_boot(d.boot), 0);
        assert_int_equal(drain_store(root, &d), 0);
        assert_int_equal(drain_load(root, &again), 1);
        (void) snprintf(d.boot, sizeof(d.boot), "another");
        assert_int_equal(drain_store(root, &d), 0);
        assert_int_equal(drain_load(root, &again), 0);
}

static void test_what_is_no_mark(void **state) {
        const char *root = *state;
        _cleanup_free_ char *path = file_path("%s" DRAIN_FILE, root);
        Drain d = sample(), again;

        temproot_mkdir(root, "/var/lib/leash", 0700);
        temproot_write(root, DRAIN_FILE, "garbage");
        assert_int_equal(drain_load(root, &again), -EBADMSG);
        assert_int_equal(drain_store(root, &d), 0);
        assert_int_equal(chmod(path, 0622), 0);
        assert_int_equal(drain_load(root, &again), -EPERM);
        temproot_rename(root, DRAIN_FILE, "/var/lib/leash/elsewhere");
        assert_int_equal(symlink("elsewhere", path), 0);
        assert_int_equal(drain_load(root, &again), -ELOOP);
        temproot_unlink(root, DRAIN_FILE);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(drain_load(root, &again), -EPERM);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text_and_back),
                cmocka_unit_test(test_the_longest_text),
                cmocka_unit_test(test_texts_that_are_refused),
                cmocka_unit_test(test_every_cut_is_noticed),
                cmocka_unit_test_setup_teardown(test_on_disk, temproot_setup, temproot_teardown),
                cmocka_unit_test_setup_teardown(test_until_the_boot_ends, temproot_setup,
                                                temproot_teardown),
                cmocka_unit_test_setup_teardown(test_what_is_no_mark, temproot_setup,
                                                temproot_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
