/* SPDX-License-Identifier: MIT */
/* A notice that nobody waits for, with a PID 1 that does not answer. */

#define _GNU_SOURCE
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "temproot.h"

#include "backend/notify.h"
#include "os/clock.h"

/* Half of what PID 1 is waited for. */
#define AT_ONCE (5 * USEC_PER_SEC)

/* A socket where PID 1's is, of which nobody takes the calls. */
static int listen_as_pid1(const char *root) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        temproot_mkdir(root, "/run/systemd", 0755);
        assert_in_range(snprintf(address.sun_path, sizeof(address.sun_path),
                                 "%s/run/systemd/private", root),
                        1, sizeof(address.sun_path) - 1);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 1), 0);
        return fd;
}

static bool is_locked(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        return flock(fd, LOCK_EX | LOCK_NB) < 0;
}

static void nobody_waits_and_no_lock_is_held(void **state) {
        const DesktopNotice notice = {
                .uid = getuid(),
                .tag = NOTIFY_LIMITS,
                .summary = "summary",
        };
        _cleanup_free_ char *path = file_path("%s/lock", (char *) *state),
                            *program = file_path("%s" LIBEXECDIR "/leash-notify", (char *) *state);
        usec_t begin = clock_monotonic();
        int pid1 = listen_as_pid1(*state), lock;

        temproot_mkdir(*state, LIBEXECDIR, 0755);
        temproot_write(*state, LIBEXECDIR "/leash-notify", "#!/bin/sh\n");
        assert_int_equal(chmod(program, 0755), 0);
        lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_true(lock >= 0);
        assert_int_equal(flock(lock, LOCK_EX), 0);
        assert_int_equal(notify_desktop_later(*state, &notice), 0);
        assert_true(is_locked(path));
        (void) close(lock);
        while (is_locked(path) && clock_monotonic() - begin < AT_ONCE)
                clock_sleep(10 * USEC_PER_MSEC);
        assert_true(clock_monotonic() - begin < AT_ONCE);
        (void) close(pid1);
}

/* As a user who may have two processes: the second fork fails, and that is to be told. */
static void one_process_too_many(void **state) {
        const DesktopNotice notice = { .uid = 57499, .tag = NOTIFY_LIMITS, .summary = "summary" };
        const struct rlimit two = { 2, 2 };
        int status;
        pid_t pid;

        if (getuid() != 0)
                skip();
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                if (setrlimit(RLIMIT_NPROC, &two) < 0 || setresuid(57499, 57499, 57499) < 0)
                        _exit(2);
                _exit(notify_desktop_later(*state, &notice) == -EAGAIN ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(nobody_waits_and_no_lock_is_held, temproot_setup,
                                                temproot_teardown),
                cmocka_unit_test_setup_teardown(one_process_too_many, temproot_setup,
                                                temproot_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
