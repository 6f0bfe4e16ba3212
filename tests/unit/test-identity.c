/* SPDX-License-Identifier: MIT */
/* Giving up root for good: nothing is left of it, and root is not what one becomes. */

#define _GNU_SOURCE
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/identity.h"

#define NOBODY 65534

static void test_root_is_refused(void **state) {
        (void) state;
        assert_int_equal(identity_become(0, NOBODY), -EINVAL);
        assert_int_equal(identity_become(NOBODY, 0), -EINVAL);
}

/* Exit status of what a child finds after it has become nobody. */
static int in_child(int (*look)(void)) {
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                gid_t groups[] = { 0, 4, 27 };

                (void) setgroups(3, groups);
                if (identity_become(NOBODY, NOBODY) < 0)
                        _exit(100);
                _exit(look());
        }
        assert_true(pid > 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int look_at_ids(void) {
        uid_t r, e, s;
        gid_t gr, ge, gs;

        (void) getresuid(&r, &e, &s);
        (void) getresgid(&gr, &ge, &gs);
        if (r != NOBODY || e != NOBODY || s != NOBODY)
                return 1;
        if (gr != NOBODY || ge != NOBODY || gs != NOBODY)
                return 2;
        return getgroups(0, NULL) == 0 ? 0 : 3;
}

static int look_for_a_way_back(void) {
        if (setuid(0) == 0 || seteuid(0) == 0 || setresuid(0, 0, 0) == 0)
                return 1;
        if (setgid(0) == 0 || setegid(0) == 0)
                return 2;
        return open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0 ? 0 : 3;
}

static void test_nothing_of_root_is_left(void **state) {
        (void) state;
        if (geteuid() != 0)
                skip();
        assert_int_equal(in_child(look_at_ids), 0);
        assert_int_equal(in_child(look_for_a_way_back), 0);
}

static void test_needs_root(void **state) {
        (void) state;
        if (geteuid() == 0)
                skip();
        assert_true(identity_become(NOBODY, NOBODY) < 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_root_is_refused),
                cmocka_unit_test(test_nothing_of_root_is_left),
                cmocka_unit_test(test_needs_root),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
