/* SPDX-License-Identifier: MIT */
/* Incidents as lines and back, and the store that keeps a bounded number of them. */

#define _GNU_SOURCE
#include "harness.h"

#include <errno.h>

#include "backend/incidents.h"
#include "temproot.h"

static Incident sample(void) {
        Incident i = INCIDENT_NULL;

        i.time = 1700000000 * USEC_PER_SEC;
        i.kind = INCIDENT_PENALISED;
        i.uid = 1001;
        i.until = i.time + USEC_PER_SEC;
        i.used_percent = 310;
        i.n_processes = 3;
        (void) snprintf(i.user, sizeof(i.user), "alice");
        (void) snprintf(i.processes, sizeof(i.processes), "\033[2Jevil\tkind=lifted\n");
        (void) snprintf(i.limits, sizeof(i.limits), "cpu-quota=100%%");
        (void) snprintf(i.rule, sizeof(i.rule), "/etc/leash/leash.conf:7");
        return i;
}

static void test_line_and_back(void **state) {
        Incident i = sample(), again;
        _cleanup_free_ char *line = incident_to_line(&i), *twice = NULL;

        (void) state;
        assert_non_null(line);
        assert_true(strlen(line) < INCIDENT_LINE_MAX);
        assert_ptr_equal(strchr(line, '\n'),
                         line + strlen(line) - 1); /* one line, whatever it holds */
        assert_null(strchr(line, '\033'));
        line[strlen(line) - 1] = '\0';
        assert_int_equal(incident_from_line(line, &again), 0);
        assert_int_equal(again.kind, INCIDENT_PENALISED);
        assert_string_equal(again.processes, i.processes);
        assert_int_equal(again.used_percent, 310);
        assert_int_equal(again.pressure_percent, -1);
        twice = incident_to_line(&again);
        twice[strlen(twice) - 1] = '\0';
        assert_string_equal(line, twice);
}

static void test_the_longest_line(void **state) {
        Incident i = INCIDENT_NULL;
        _cleanup_free_ char *line = NULL;

        (void) state;
        memset(i.user, '\1', sizeof(i.user) - 1);
        memset(i.limits, '\1', sizeof(i.limits) - 1);
        memset(i.rule, '\1', sizeof(i.rule) - 1);
        memset(i.processes, '\1', sizeof(i.processes) - 1);
        memset(i.condition, '\1', sizeof(i.condition) - 1);
        memset(i.session, '\1', sizeof(i.session) - 1);
        memset(i.error, '\1', sizeof(i.error) - 1);
        line = incident_to_line(&i);
        assert_non_null(line);
        assert_true(strlen(line) < INCIDENT_LINE_MAX);
}

static void test_lines_that_are_refused(void **state) {
        static const char *const rows[] = {
                "",
                "time=1",
                "kind=lifted",
                "time=x\tkind=lifted",
                "time=1\tkind=none",
                "time=1\tkind=lifted\tnoequals",
                "time=1\tkind=lifted\tuser=\\x00",
                "time=1\tkind=lifted\tused=-3",
                "time=1\tkind=lifted\twatch=7",
                "time=0\tkind=lifted",
        };
        Incident i;

        (void) state;
        for (size_t k = 0; k < ELEMENTSOF(rows); k++)
                check_row(rows[k], incident_from_line(rows[k], &i) == -EBADMSG);
        assert_int_equal(incident_from_line("time=1\tkind=lifted\tnew=thing", &i), 0);
}

static void test_kinds(void **state) {
        (void) state;
        for (IncidentKind k = 0; k < _INCIDENT_KIND_MAX; k++)
                assert_int_equal(incident_kind_from_string(incident_kind_to_string(k)), k);
        assert_int_equal(incident_kind_from_string("none"), _INCIDENT_KIND_INVALID);
}

typedef struct Count {
        int n;
        usec_t last;
} Count;

static int count(const Incident *i, void *userdata) {
        Count *c = userdata;

        assert_true(i->time >= c->last); /* the oldest first */
        c->last = i->time;
        c->n++;
        return 0;
}

/* Twelve megabytes go in, at most eight stay, the newest among them. */
static void test_the_store_is_bounded(void **state) {
        const char *root = *state;
        Count c = {};
        Incident i = sample();
        size_t total = 0;

        memset(i.rule, 'r', sizeof(i.rule) - 1);
        for (int k = 0; k < 25000; k++) {
                i.time++;
                assert_int_equal(incidents_add(root, &i), 0);
        }
        assert_int_equal(incidents_read(root, count, &c), 0);
        assert_int_equal(c.last, i.time);
        assert_true(c.n > 5000);
        for (int age = 0; age < 20; age++) {
                _cleanup_free_ char *path =
                        age == 0 ? file_path("%s/var/lib/leash/log/incidents", root)
                                 : file_path("%s/var/lib/leash/log/incidents.%d", root, age);
                struct stat st;

                if (stat(path, &st) < 0)
                        continue;
                assert_true(st.st_size <= INCIDENTS_FILE_MAX);
                assert_int_equal(st.st_mode & 0777, 0600);
                total += st.st_size;
        }
        assert_true(total <= INCIDENTS_FILES * INCIDENTS_FILE_MAX);
}

static void test_a_line_cut_off_is_skipped(void **state) {
        const char *root = *state;
        Incident i = sample();
        Count c = {};

        assert_int_equal(incidents_read(root, count, &c), 0); /* none yet */
        temproot_mkdir(root, "/var/lib/leash/log", 0700);
        temproot_write(root, "/var/lib/leash/log/incidents", "time=17\tkind=lif\n");
        assert_int_equal(incidents_add(root, &i), 0);
        assert_int_equal(incidents_read(root, count, &c), 1);
        assert_int_equal(c.n, 1);
}

#define IN_ROOT(f) cmocka_unit_test_setup_teardown(f, temproot_setup, temproot_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_line_and_back),
                cmocka_unit_test(test_the_longest_line),
                cmocka_unit_test(test_lines_that_are_refused),
                cmocka_unit_test(test_kinds),
                IN_ROOT(test_the_store_is_bounded),
                IN_ROOT(test_a_line_cut_off_is_skipped),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
