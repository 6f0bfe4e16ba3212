/* SPDX-License-Identifier: MIT */
/* What a child leaves behind: nothing is left of root, and root is not what one becomes; where its
 * input was there is /dev/null, once. */

#define _GNU_SOURCE
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
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

static bool is_null(int fd) {
        struct stat st;

        return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

static int take_null(int fd, bool closed) {
        int next = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* what the next open(2) gives */

        (void) close(next);
        if (closed)
                (void) close(fd);
        if (identity_take_null(fd) < 0)
                return 1;
        if (!is_null(fd) || fcntl(fd, F_GETFD) != 0)
                return 2;
        return fcntl(next, F_GETFD) < 0 ? 0 : 3;
}

/* Also where the descriptor was closed, and open(2) gives that one. */
static void test_null_stays_through_execve_and_is_there_once(void **state) {
        (void) state;
        for (int i = 0; i < 2; i++) {
                int status;
                pid_t pid = fork();

                if (pid == 0)
                        _exit(take_null(STDIN_FILENO, i == 1));
                assert_true(pid > 0);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_int_equal(status, 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_root_is_refused),
                cmocka_unit_test(test_nothing_of_root_is_left),
                cmocka_unit_test(test_needs_root),
                cmocka_unit_test(test_null_stays_through_execve_and_is_there_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
