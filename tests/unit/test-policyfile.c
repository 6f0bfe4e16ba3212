/* SPDX-License-Identifier: MIT */
/* The policy's files: which are read, in which order, and which are not trusted. */

#define _GNU_SOURCE
#include "harness.h"
#include <time.h>

#include "os/policyfile.h"
#include "temproot.h"

#define CONF "/etc/leash/leash.conf"
#define DROPINS CONF ".d"
#define QUOTA(percent) "[limits a]\ncpu-quota=" percent "\n"

static const LimitsHost host = { .n_cpus = 4, .memory_bytes = UINT64_C(8) << 30 };
static const PolicyFacts alice = { .user = "alice", .uid = 1001, .uid_min = 1000 };

static Policy *load(const char *root) {
        _cleanup_free_ char *path = file_path("%s" CONF, root);
        Policy *p;

        assert_non_null(path);
        assert_int_equal(policyfile_load(path, &host, &p), 0);
        return p;
}

/* In percent of one CPU; 0 where nothing is decided. */
static unsigned quota_of(const Policy *p) {
        PolicyLimits l;

        return policy_limits(p, &alice, &l) ? l.limits.value[LIMIT_CPU_QUOTA] / 10000 : 0;
}

static size_t n_errors(const Policy *p) {
        size_t n, total;

        (void) policy_errors(p, &n, &total);
        return total;
}

static void change(const char *root, const char *path, mode_t mode, uid_t uid) {
        _cleanup_free_ char *full = file_path("%s%s", root, path);

        assert_int_equal(chown(full, uid, -1), 0);
        assert_int_equal(chmod(full, mode), 0);
}

static int setup(void **state) {
        if (temproot_setup(state) < 0)
                return -1;
        temproot_mkdir(*state, DROPINS, 0755);
        return 0;
}

/* Only root can make a file that belongs to root. */
static void need_root(void) {
        if (geteuid() != 0)
                skip();
}

static void no_files_are_no_policy(void **state) {
        _cleanup_free_ char *path = file_path("%s/nowhere/leash.conf", (char *) *state);
        _cleanup_(policy_freep) Policy *p = NULL;

        assert_int_equal(policyfile_load(path, &host, &p), 0);
        assert_int_equal(n_errors(p), 0);
        assert_int_equal(quota_of(p), 0);
        assert_false(policyfile_exists(path));
}

static void a_relative_path_is_told(void **state _unused_) {
        _cleanup_(policy_freep) Policy *p = NULL;

        assert_int_equal(policyfile_load("leash.conf", &host, &p), 0);
        assert_int_equal(n_errors(p), 1);
}

static void dropins_come_after_in_order(void **state) {
        _cleanup_(policy_freep) Policy *p = NULL;
        const PolicyError *e;
        size_t n, total;

        need_root();
        temproot_write(*state, CONF, QUOTA("10%"));
        p = load(*state);
        assert_int_equal(quota_of(p), 10);
        temproot_write(*state, DROPINS "/20.conf", QUOTA("20%"));
        temproot_write(*state, DROPINS "/10.conf", QUOTA("30%") "x=y\n");
        temproot_write(*state, DROPINS "/.99.conf", QUOTA("40%"));
        temproot_write(*state, DROPINS "/99.conf~", QUOTA("40%"));
        temproot_write(*state, DROPINS "/99.confx", QUOTA("40%"));
        policy_free(p);
        p = load(*state);
        assert_int_equal(quota_of(p), 20);
        e = policy_errors(p, &n, &total);
        assert_int_equal(total, 1);
        assert_non_null(strstr(e[0].file, DROPINS "/10.conf"));
        assert_int_equal(e[0].line, 3);
        temproot_unlink(*state, CONF);
        policy_free(p);
        p = load(*state);
        assert_int_equal(quota_of(p), 20);
}

static void what_is_not_roots_alone_is_not_read(void **state) {
        static const struct {
                const char *path;
                mode_t mode;
                uid_t uid;
                unsigned quota; /* that still counts: CONF says 10%, its drop-in 20% */
        } rows[] = {
                { CONF, 0644, 0, 20 },
                { CONF, 0600, 0, 20 },
                { CONF, 0664, 0, 20 },
                { CONF, 0646, 0, 20 },
                { CONF, 0644, 1001, 20 },
                { DROPINS "/a.conf", 0666, 0, 10 },
                { DROPINS "/a.conf", 0644, 1001, 10 },
                { DROPINS, 0775, 0, 10 },
                { DROPINS, 0755, 1001, 10 },
                { "/etc/leash", 0777, 0, 0 },
                { "/etc/leash", 0755, 1001, 0 },
        };

        need_root();
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(policy_freep) Policy *p = NULL;
                bool fine = rows[i].uid == 0 && !(rows[i].mode & 0022);

                change(*state, "/etc/leash", 0755, 0);
                change(*state, DROPINS, 0755, 0);
                temproot_write(*state, CONF, "[limits a]\ncpu-quota=10%\n");
                change(*state, CONF, 0644, 0);
                temproot_write(*state, DROPINS "/a.conf", QUOTA("20%"));
                change(*state, DROPINS "/a.conf", 0644, 0);
                change(*state, rows[i].path, rows[i].mode, rows[i].uid);
                p = load(*state);
                check_row(rows[i].path, quota_of(p) == rows[i].quota);
                check_row(rows[i].path, n_errors(p) == !fine);
        }
}

static void what_is_no_plain_file_is_not_read(void **state) {
        _cleanup_free_ char *path = file_path("%s" DROPINS "/x.conf", (char *) *state);

        need_root();
        for (int i = 0; i < 5; i++) {
                _cleanup_(policy_freep) Policy *p = NULL;

                temproot_write(*state, CONF, QUOTA("10%"));
                (void) remove(path); /* the first time there is none */
                if (i == 0)
                        assert_int_equal(symlink(path, path), 0);
                else if (i == 1)
                        assert_int_equal(symlink("../leash.conf", path), 0);
                else if (i == 2)
                        assert_int_equal(mkfifo(path, 0644), 0);
                else if (i == 3)
                        assert_int_equal(mkdir(path, 0755), 0);
                else
                        assert_int_equal(symlink("/dev/zero", path), 0);
                p = load(*state);
                assert_int_equal(n_errors(p), 1);
                assert_int_equal(quota_of(p), 10);
        }
}

static void dirs_that_are_links_are_not_read(void **state) {
        _cleanup_free_ char *path = file_path("%s" DROPINS, (char *) *state);
        _cleanup_(policy_freep) Policy *p = NULL;

        need_root();
        temproot_mkdir(*state, "/elsewhere", 0755);
        temproot_write(*state, "/elsewhere/a.conf", QUOTA("20%"));
        assert_int_equal(rmdir(path), 0);
        assert_int_equal(symlink("../../elsewhere", path), 0);
        temproot_write(*state, CONF, QUOTA("10%"));
        p = load(*state);
        assert_int_equal(quota_of(p), 10);
        assert_int_equal(n_errors(p), 1);
}

static void too_much_is_not_read(void **state) {
        _cleanup_free_ char *text = malloc(POLICY_SIZE_MAX + 2);
        char path[64];

        need_root();
        memset(text, '\n', POLICY_SIZE_MAX + 1);
        text[POLICY_SIZE_MAX + 1] = '\0';
        for (int i = 0; i < 3; i++) {
                _cleanup_(policy_freep) Policy *p = NULL;

                temproot_write(*state, CONF, QUOTA("10%"));
                if (i == 0)
                        temproot_write(*state, DROPINS "/a.conf", text);
                else if (i == 1) /* none over the size, all of them over the sum */
                        for (int j = 0; j < 5; j++) {
                                text[POLICY_SIZE_MAX - 10] = '\0';
                                (void) snprintf(path, sizeof(path), DROPINS "/b%d.conf", j);
                                temproot_write(*state, path, text);
                        }
                else
                        for (int j = 0; j <= POLICYFILE_DROPINS_MAX; j++) {
                                (void) snprintf(path, sizeof(path), DROPINS "/c%d.conf", j);
                                temproot_write(*state, path, QUOTA("20%"));
                        }
                p = load(*state);
                check_row(i == 0 ? "size" : i == 1 ? "sum" : "number", n_errors(p) >= 1);
                assert_int_equal(quota_of(p), 10);
        }
}

/* A login waits for it. */
static void the_worst_files_take_no_time(void **state) {
        _cleanup_free_ char *text = malloc(POLICY_SIZE_MAX);
        _cleanup_(policy_freep) Policy *p = NULL;
        struct timespec a, b;
        size_t n = 0;

        need_root();
        while (n < POLICY_SIZE_MAX - 32)
                n += sprintf(text + n, "[limits %zu]\n", n);
        for (int i = 0; i < 4; i++) {
                char path[64];

                (void) snprintf(path, sizeof(path), i ? DROPINS "/%d.conf" : CONF, i);
                temproot_write(*state, path, text);
        }
        (void) clock_gettime(CLOCK_MONOTONIC, &a);
        p = load(*state);
        (void) clock_gettime(CLOCK_MONOTONIC, &b);
        assert_true(n_errors(p) > 0);
        assert_true((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < 2000);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, temproot_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                test(no_files_are_no_policy),
                test(a_relative_path_is_told),
                test(dropins_come_after_in_order),
                test(what_is_not_roots_alone_is_not_read),
                test(what_is_no_plain_file_is_not_read),
                test(dirs_that_are_links_are_not_read),
                test(too_much_is_not_read),
                test(the_worst_files_take_no_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
