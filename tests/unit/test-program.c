/* SPDX-License-Identifier: MIT */
/* What a process runs, by a name that no user can have given. */

#define _GNU_SOURCE
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/proc.h"

static char dir[] = "/tmp/leash-program.XXXXXX";

/* A copy of a program that sleeps, under a name of ours. */
static void copy_to(const char *path) {
        char command[512];

        (void) snprintf(command, sizeof(command),
                        "cp -L \"$(command -v sleep)\" %s && chmod 755 %s", path, path);
        assert_int_equal(system(command), 0);
}

/* Runs it, until the test ends. Returns when it is there: its first process is a shell. */
static pid_t start(const char *shell) {
        int ends[2];
        char byte;
        pid_t pid;

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid = fork();
        if (pid == 0) {
                (void) execl("/bin/sh", "sh", "-c", shell, (char *) NULL);
                _exit(127);
        }
        assert_true(pid > 0);
        (void) close(ends[1]);
        (void) !read(ends[0], &byte, 1); /* closed by execve(2) */
        (void) close(ends[0]);
        return pid;
}

static void stop(pid_t pid) {
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
}

/* Starts a shell command that ends in an exec, and waits until that has happened. */
static pid_t start_program(const char *shell) {
        pid_t pid = start(shell);
        char path[32];

        (void) snprintf(path, sizeof(path), "/proc/%d/comm", (int) pid);
        for (int i = 0; i < 500; i++) {
                char comm[32] = "";
                int fd = open(path, O_RDONLY | O_CLOEXEC);

                if (fd >= 0) {
                        (void) !read(fd, comm, sizeof(comm) - 1);
                        (void) close(fd);
                }
                if (strncmp(comm, "leash-lock", 10) == 0)
                        break;
                (void) usleep(10000);
        }
        return pid;
}

static int program_of(const char *shell, char *buf, size_t size) {
        pid_t pid = start_program(shell);
        int r = proc_read_program(pid, buf, size);

        stop(pid);
        return r;
}

static int set_up(void **state) {
        (void) state;
        return geteuid() == 0 && (!mkdtemp(dir) || chmod(dir, 0755) < 0) ? -1 : 0;
}

static int tear_down(void **state) {
        char command[128];

        (void) state;
        (void) snprintf(command, sizeof(command), "rm -rf %s", dir);
        return geteuid() == 0 && system(command) != 0 ? -1 : 0;
}

/* A directory of root's with a program in it. */
static void put(const char *name, char path[static 256]) {
        char parent[200];

        (void) snprintf(parent, sizeof(parent), "%s/%s", dir, name);
        assert_int_equal(mkdir(parent, 0755), 0);
        (void) snprintf(path, 256, "%s/leash-lock", parent);
        copy_to(path);
}

static void test_roots_program(void **state) {
        char path[256], shell[512], name[64];

        (void) state;
        if (geteuid() != 0)
                skip();
        put("plain", path);
        (void) snprintf(shell, sizeof(shell), "exec %s 60", path);
        assert_int_equal(program_of(shell, name, sizeof(name)), 0);
        assert_string_equal(name, "leash-lock");
        assert_int_equal(program_of(shell, name, 4), -ENAMETOOLONG);
}

static void test_users_program(void **state) {
        char path[256], shell[512], name[64];

        (void) state;
        if (geteuid() != 0)
                skip();
        put("users", path);
        (void) snprintf(shell, sizeof(shell), "exec %s 60", path);
        assert_int_equal(chown(path, 65534, 65534), 0);
        assert_int_equal(program_of(shell, name, sizeof(name)), -EPERM);
        assert_int_equal(chown(path, 0, 0), 0);
        assert_int_equal(chmod(path, 0775), 0);
        assert_int_equal(program_of(shell, name, sizeof(name)), -EPERM);
}

/* Root's program in a user's directory: who owns the directory says what it is called. */
static void test_roots_program_in_a_users_dir(void **state) {
        char path[256], shell[512], name[64];

        (void) state;
        if (geteuid() != 0)
                skip();
        put("directory", path);
        (void) snprintf(shell, sizeof(shell), "exec %s 60", path);
        *strrchr(path, '/') = '\0';
        assert_int_equal(chown(path, 65534, 65534), 0);
        assert_int_equal(program_of(shell, name, sizeof(name)), -EPERM);
}

static void test_program_that_was_replaced(void **state) {
        char path[256], shell[512], name[64];
        pid_t pid;

        (void) state;
        if (geteuid() != 0)
                skip();
        put("replaced", path);
        (void) snprintf(shell, sizeof(shell), "exec %s 60", path);
        pid = start_program(shell);
        assert_int_equal(unlink(path), 0);
        copy_to(path); /* as an upgrade does */
        assert_int_equal(proc_read_program(pid, name, sizeof(name)), 0);
        assert_string_equal(name, "leash-lock");
        stop(pid);
}

/* In a mount namespace of one's own any of root's programs may stand under any name. */
static void test_name_in_a_mount_namespace(void **state) {
        char path[256], other[256], shell[1024], name[64];

        (void) state;
        if (geteuid() != 0 ||
            system("unshare --user --map-root-user --mount true 2>/dev/null") != 0)
                skip();
        put("mounts", path);
        put("other", other);
        (void) snprintf(shell, sizeof(shell),
                        "exec unshare --user --map-root-user --mount sh -c 'mount --bind %s %s && "
                        "exec %s 60'",
                        other, path, path);
        assert_int_equal(program_of(shell, name, sizeof(name)), -EPERM);
}

/* As on a stick, whose files are whoever's they say. */
static void test_program_on_a_users_mount(void **state) {
        char path[256], stick[256], shell[512], name[64];

        (void) state;
        if (geteuid() != 0)
                skip();
        put("mounted", path);
        (void) snprintf(stick, sizeof(stick), "%s/mounted", dir);
        (void) snprintf(shell, sizeof(shell), "exec %s 60", path);
        if (mount("tmpfs", stick, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
                skip();
        copy_to(path);
        assert_int_equal(program_of(shell, name, sizeof(name)), -EPERM);
        (void) umount2(stick, MNT_DETACH);
}

/* Looks as a service does that has NoNewPrivileges=: systemd has made all of its mounts nosuid. */
static void test_seen_by_a_service(void **state) {
        char path[256], shell[512], name[64] = "";
        int status = 0;
        pid_t pid, looker;

        (void) state;
        /* The guests have leashd itself look. */
        if (geteuid() != 0 || access("/proc/1/root/tmp", F_OK) < 0)
                skip();
        put("service", path);
        (void) snprintf(shell, sizeof(shell), "exec %s 60", path);
        pid = start_program(shell);
        looker = fork();
        if (looker == 0) {
                if (unshare(CLONE_NEWNS) < 0 ||
                    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
                    mount("/tmp", "/tmp", NULL, MS_BIND, NULL) < 0 ||
                    mount(NULL, "/tmp", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL) < 0)
                        _exit(77);
                _exit(proc_read_program(pid, name, sizeof(name)) < 0 ||
                      strcmp(name, "leash-lock") != 0);
        }
        assert_true(waitpid(looker, &status, 0) == looker);
        stop(pid);
        if (WEXITSTATUS(status) == 77)
                skip();
        assert_int_equal(status, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_roots_program),
                cmocka_unit_test(test_users_program),
                cmocka_unit_test(test_roots_program_in_a_users_dir),
                cmocka_unit_test(test_program_that_was_replaced),
                cmocka_unit_test(test_name_in_a_mount_namespace),
                cmocka_unit_test(test_program_on_a_users_mount),
                cmocka_unit_test(test_seen_by_a_service),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
