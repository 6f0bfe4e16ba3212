/* SPDX-License-Identifier: MIT */
/* Which processes of a session are the trouble, and which are left in peace. */

#include "harness.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "core/offenders.h"

#define BURNING 1000

enum {
        BURNS = 1 << 0,
        NAMED = 1 << 1,
        GUARDED = 1 << 2,
        SPAWNS = 1 << 3,  /* its ended children used CPU time */
        OFFENDS = 1 << 4, /* what is expected */
};

/* One process; those of a table end with pid 0. */
typedef struct Process {
        pid_t pid, ppid, sid;
        const char *comm;
        unsigned is;
} Process;

#define SESSION_MAX 16

typedef struct Session {
        const char *name;
        Process processes[SESSION_MAX];
} Session;

static ProcSample sample(const Process *p) {
        ProcSample s = {
                .pid = p->pid,
                .ppid = p->ppid,
                .sid = p->sid,
                .demand = p->is & BURNS ? BURNING : 40,
                .age = 60 * USEC_PER_SEC,
                .children_cpu = p->is & SPAWNS ? 30 * USEC_PER_SEC : 0,
                .protected = p->is & GUARDED,
                .named = p->is & NAMED,
        };

        (void) snprintf(s.comm, sizeof(s.comm), "%s", p->comm);
        return s;
}

static const Session sessions[] = {
        { "an idle desktop",
          {
                  { 10, 1, 10, "xfce4-session", GUARDED },
                  { 20, 10, 10, "xfwm4", 0 },
                  { 30, 10, 30, "bash", 0 },
          } },
        { "one busy loop",
          {
                  { 10, 1, 10, "xfce4-session", GUARDED },
                  { 20, 10, 20, "bash", 0 },
                  { 21, 20, 20, "burn", BURNS | OFFENDS },
                  { 22, 20, 20, "vim", 0 },
          } },
        { "the named process sleeps, and brings its descendants",
          {
                  { 10, 1, 10, "bash", GUARDED },
                  { 20, 10, 10, "python3", NAMED | OFFENDS },
                  { 21, 20, 10, "python3", OFFENDS },
                  { 22, 21, 99, "worker", OFFENDS }, /* setsid is no way out */
                  { 23, 10, 10, "less", 0 },
          } },
        { "one is named, another burns",
          {
                  { 10, 1, 10, "bash", GUARDED },
                  { 20, 10, 10, "named", NAMED | OFFENDS },
                  { 30, 10, 10, "burn", BURNS | OFFENDS },
                  { 31, 30, 10, "child-of-burn", OFFENDS },
                  { 40, 10, 10, "quiet", 0 },
          } },
        { "what draws the desktop stays, burning or named",
          {
                  { 10, 1, 10, "gnome-shell", BURNS },
                  { 20, 1, 20, "Xorg", NAMED | BURNS },
                  { 30, 10, 30, "pipewire", BURNS },
                  { 31, 20, 31, "client-of-nobody", 0 },
          } },
        { "who is protected stays, burning or named",
          {
                  { 10, 1, 10, "startwm.sh", GUARDED | BURNS | NAMED },
                  { 20, 10, 10, "quiet", 0 },
                  { 30, 10, 10, "burn", BURNS | OFFENDS },
          } },
        { "a desktop program below a named one stays",
          {
                  { 10, 1, 10, "login", GUARDED },
                  { 20, 10, 20, "startx", NAMED | OFFENDS },
                  { 21, 20, 20, "Xorg", 0 },
                  { 22, 20, 20, "client", OFFENDS },
          } },
        { "make keeps starting compilers",
          {
                  { 10, 1, 10, "bash", SPAWNS },
                  { 20, 10, 10, "make", SPAWNS | OFFENDS },
                  { 21, 20, 10, "cc1", BURNS | OFFENDS },
                  { 22, 20, 10, "sh", OFFENDS },
                  { 23, 22, 10, "ld", OFFENDS },
                  { 30, 10, 10, "vim", 0 },
          } },
        { "ninja starts them through sh and gcc",
          {
                  { 10, 1, 10, "bash", SPAWNS },
                  { 20, 10, 10, "ninja", SPAWNS | OFFENDS },
                  { 21, 20, 10, "sh", OFFENDS },
                  { 22, 21, 10, "gcc", OFFENDS },
                  { 23, 22, 10, "cc1plus", BURNS | OFFENDS },
          } },
        { "the highest of nested makes",
          {
                  { 10, 1, 10, "bash", SPAWNS },
                  { 20, 10, 10, "make", SPAWNS | OFFENDS },
                  { 30, 20, 10, "make", SPAWNS | OFFENDS },
                  { 31, 30, 10, "cc1", BURNS | OFFENDS },
                  { 40, 20, 10, "make", OFFENDS },
          } },
        { "the shell of a terminal is a spawner, and leads its session",
          {
                  { 10, 1, 10, "bash", SPAWNS },
                  { 20, 10, 10, "burn", BURNS | OFFENDS },
                  { 30, 10, 10, "ssh", 0 },
          } },
        { "a script that does nothing but spawn burners",
          {
                  { 10, 1, 10, "bash", SPAWNS },
                  { 20, 10, 10, "loop.sh", SPAWNS | OFFENDS },
                  { 21, 20, 10, "sleep", OFFENDS },
                  { 22, 20, 10, "gzip", BURNS | OFFENDS },
          } },
        { "no climbing into another POSIX session",
          {
                  { 10, 1, 10, "bash", 0 },
                  { 20, 10, 10, "tmux", SPAWNS },
                  { 30, 20, 30, "bash", SPAWNS },
                  { 31, 30, 30, "burn", BURNS | OFFENDS },
                  { 40, 20, 40, "bash", 0 },
          } },
        { "no climbing through the desktop or the protected",
          {
                  { 10, 1, 5, "manager", SPAWNS },
                  { 20, 10, 5, "plasmashell", SPAWNS },
                  { 30, 20, 5, "burn", BURNS | OFFENDS },
                  { 40, 10, 5, "guarded", SPAWNS | GUARDED },
                  { 50, 40, 5, "burn", BURNS | OFFENDS },
          } },
        { "a busy parent that is no spawner stays",
          {
                  { 10, 1, 10, "bash", 0 },
                  { 20, 10, 10, "runner", 0 },
                  { 30, 20, 10, "burn", BURNS | OFFENDS },
                  { 40, 20, 10, "quiet", 0 },
          } },
        { "a parent that is not there",
          {
                  { 20, 4000, 10, "orphan", BURNS | OFFENDS },
                  { 30, 4001, 10, "quiet", 0 },
          } },
        { "parents in a circle",
          {
                  { 10, 20, 5, "a", 0 },
                  { 20, 10, 5, "b", 0 },
                  { 30, 30, 5, "self", 0 },
                  { 40, 60, 5, "c", BURNS | SPAWNS | OFFENDS },
                  { 50, 40, 5, "d", SPAWNS | OFFENDS },
                  { 60, 50, 5, "e", SPAWNS | OFFENDS },
                  { 70, 10, 5, "f", 0 },
                  { 80, 80, 5, "own-father", BURNS | OFFENDS },
          } },
};

static size_t count(const Session *s) {
        size_t n = 0;

        while (n < SESSION_MAX && s->processes[n].pid != 0)
                n++;
        return n;
}

static const Process *by_pid(const Session *s, pid_t pid) {
        for (size_t i = 0; i < SESSION_MAX; i++)
                if (s->processes[i].pid == pid)
                        return &s->processes[i];
        return NULL;
}

/* `turn` rotates the order in which the samples come. */
static void check_session(const Session *s, size_t turn) {
        size_t n = count(s), offenders = 0, found;
        ProcSample samples[SESSION_MAX];

        for (size_t i = 0; i < n; i++)
                samples[(i + turn) % n] = sample(&s->processes[i]);
        found = offenders_select(samples, n);
        for (size_t i = 0; i < n; i++) {
                char label[96];

                (void) snprintf(label, sizeof(label), "%s: %d %s", s->name, (int) samples[i].pid,
                                samples[i].comm);
                check_row(label, i == 0 || samples[i - 1].pid < samples[i].pid);
                check_row(label,
                          samples[i].offender == !!(by_pid(s, samples[i].pid)->is & OFFENDS));
                offenders += samples[i].offender;
        }
        check_row(s->name, found == offenders);
}

static void the_trouble_is_found_in_any_order(void **state _unused_) {
        (void) alarm(20);
        for (size_t i = 0; i < ELEMENTSOF(sessions); i++)
                for (size_t turn = 0; turn < count(&sessions[i]); turn++)
                        check_session(&sessions[i], turn);
        (void) alarm(0);
}

static void burning_is_most_of_a_cpu(void **state _unused_) {
        static const struct {
                unsigned runnable;
                bool burning;
        } rows[] = {
                { 0, false },       { 200, false },
                { 512, false }, /* a process just forked starts at half */
                { 967, true },      { 1023, true },
                { 8 * 1024, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                assert_int_equal(offenders_is_burning(&(ProcSample){ .demand = rows[i].runnable }),
                                 rows[i].burning);
}

static void the_desktop_is_known_by_name(void **state _unused_) {
        static const char *const desktop[] = { "Xorg",
                                               "Xvnc",
                                               "gnome-shell",
                                               "kwin_wayland",
                                               "xfwm4",
                                               "dbus-daemon",
                                               "pipewire",
                                               "pulseaudio",
                                               "ibus-daemon",
                                               "systemd",
                                               "(sd-pam)",
                                               "gnome-session-b",
                                               "dbus-broker-lau",
                                               "xrdp-sesexec" };
        static const char *const others[] = { "",        "xorg", "Xorg2",
                                              "firefox", "bash", "gnome-session-binary",
                                              "stress" };

        for (size_t i = 0; i < ELEMENTSOF(desktop); i++) {
                check_row(desktop[i], strlen(desktop[i]) < PROC_COMM_MAX);
                check_row(desktop[i], offenders_is_desktop(desktop[i]));
        }
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                check_row(others[i], !offenders_is_desktop(others[i]));
}

/* A parent counts as a spawner by what its ended children used, against its own age. */
static void a_little_work_makes_no_spawner(void **state _unused_) {
        static const struct {
                const char *name;
                usec_t age, children_cpu;
                bool offends;
        } rows[] = {
                { "nothing", 60 * USEC_PER_SEC, 0, false },
                { "a moment", 100 * USEC_PER_MSEC, 20 * USEC_PER_MSEC, false },
                { "long ago", 3600 * USEC_PER_SEC, 60 * USEC_PER_SEC, false },
                { "half of its life", 60 * USEC_PER_SEC, 30 * USEC_PER_SEC, true },
                { "many CPUs", 60 * USEC_PER_SEC, 600 * USEC_PER_SEC, true },
                { "just started", 0, USEC_PER_SEC, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                ProcSample samples[] = {
                        { .pid = 10, .ppid = 1, .sid = 10, .comm = "bash" },
                        { .pid = 20,
                          .ppid = 10,
                          .sid = 10,
                          .comm = "make",
                          .age = rows[i].age,
                          .children_cpu = rows[i].children_cpu },
                        { .pid = 30, .ppid = 20, .sid = 10, .comm = "cc1", .demand = BURNING },
                };

                check_row(rows[i].name, offenders_select(samples, ELEMENTSOF(samples)) ==
                                                (rows[i].offends ? 2 : 1));
                check_row(rows[i].name,
                          samples[1].offender == rows[i].offends && samples[2].offender);
        }
}

static void an_earlier_answer_does_not_count(void **state _unused_) {
        ProcSample samples[] = {
                { .pid = 10, .ppid = 1, .sid = 10, .comm = "quiet", .offender = true },
                { .pid = 20, .ppid = 1, .sid = 20, .comm = "burn", .demand = BURNING },
        };

        assert_int_equal(offenders_select(samples, ELEMENTSOF(samples)), 1);
        assert_false(samples[0].offender);
        assert_true(samples[1].offender);
}

static void nobody_has_no_offenders(void **state _unused_) {
        ProcSample one = { .pid = 10, .comm = "burn", .demand = BURNING };

        assert_int_equal(offenders_select(NULL, 0), 0);
        assert_int_equal(offenders_select(&one, 1), 1);
        assert_true(one.offender);
        assert_false(offenders_leave_somebody(NULL, 0));
}

static void a_tree_is_marked_alone(void **state _unused_) {
        ProcSample samples[] = {
                { .pid = 50, .ppid = 40, .comm = "Xorg" }, /* named or not: all of the tree */
                { .pid = 20, .ppid = 10, .comm = "root" },
                { .pid = 40, .ppid = 20, .comm = "child", .protected = true },
                { .pid = 10, .ppid = 1, .comm = "shell", .demand = BURNING, .offender = true },
                { .pid = 30, .ppid = 10, .comm = "sibling", .named = true },
                { .pid = 60, .ppid = 70, .comm = "circle" },
                { .pid = 70, .ppid = 60, .comm = "circle" },
        };
        static const bool expected[] = { false, true, false, true, true, false, false };

        (void) alarm(20);
        offenders_mark_tree(samples, ELEMENTSOF(samples), 20);
        for (size_t i = 0; i < ELEMENTSOF(samples); i++)
                check_row(samples[i].comm, samples[i].offender == expected[i]);
        offenders_mark_tree(samples, ELEMENTSOF(samples), 4711);
        for (size_t i = 0; i < ELEMENTSOF(samples); i++)
                check_row(samples[i].comm, !samples[i].offender);
        (void) alarm(0);
}

static void somebody_is_left_who_would_suffer(void **state _unused_) {
        static const struct {
                const char *name;
                ProcSample sample;
                bool left;
        } rows[] = {
                { "a display", { .comm = "Xorg", .age = 60 * USEC_PER_SEC }, true },
                { "a protected display", { .comm = "gnome-shell", .protected = true }, true },
                { "a display that was moved", { .comm = "Xorg", .offender = true }, false },
                { "a shell without a terminal",
                  { .comm = "bash", .age = 3600 * USEC_PER_SEC, .wakeups = 400 },
                  false },
                { "a shell waiting for a key",
                  { .comm = "bash", .pgid = 10, .foreground = true },
                  true },
                { "a protected one",
                  { .comm = "login", .pgid = 10, .foreground = true, .protected = true },
                  true },
                { "a shell waiting for its offender",
                  { .comm = "bash", .pgid = 7, .foreground = true },
                  false },
                { "a foreground job that is the offender",
                  { .comm = "make", .pgid = 10, .foreground = true, .offender = true },
                  false },
                { "a player",
                  { .comm = "mpv", .age = 60 * USEC_PER_SEC, .wakeups = 60 * 100 },
                  true },
                { "a player that is the offender",
                  { .comm = "mpv", .age = 60 * USEC_PER_SEC, .wakeups = 6000, .offender = true },
                  false },
                { "a lively session leader",
                  { .comm = "sshd", .age = 60 * USEC_PER_SEC, .wakeups = 6000, .protected = true },
                  false },
                { "a start-up", { .comm = "vim", .age = USEC_PER_SEC / 2, .wakeups = 500 }, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                ProcSample samples[] = { { .pid = 10, .pgid = 7, .comm = "burn", .offender = true },
                                         rows[i].sample };

                check_row(rows[i].name,
                          offenders_leave_somebody(samples, ELEMENTSOF(samples)) == rows[i].left);
                check_row(rows[i].name, offenders_leave_somebody(samples, 1) == false);
        }
}

#define CROWD 10000

static usec_t cpu_time(void) {
        struct timespec ts;

        assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts), 0);
        return (usec_t) ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / NSEC_PER_USEC;
}

/* ppid of the i-th process of a crowd. */
typedef pid_t (*Shape)(size_t i);

static pid_t flat(size_t i _unused_) {
        return 1;
}

static pid_t chain(size_t i) {
        return i + 99;
}

static pid_t binary_tree(size_t i) {
        return i / 2 + 50;
}

static pid_t circle(size_t i) {
        return i == 0 ? CROWD + 99 : i + 99;
}

static void check_crowd(const char *name, Shape shape, bool burning) {
        _cleanup_free_ ProcSample *samples = calloc(CROWD, sizeof(ProcSample));
        usec_t start = cpu_time();

        assert_non_null(samples);
        for (size_t i = 0; i < CROWD; i++)
                samples[CROWD - 1 - i] = (ProcSample){ .pid = i + 100,
                                                       .ppid = shape(i),
                                                       .sid = 5,
                                                       .comm = "crowd",
                                                       .demand = burning ? BURNING : 0 };
        check_row(name, offenders_select(samples, CROWD) == (burning ? CROWD : 0));
        offenders_mark_tree(samples, CROWD, 100);
        check_row(name, samples[0].offender);
        check_row(name, cpu_time() - start < USEC_PER_SEC);
}

/* A user may start as many processes as pids.max allows, in any shape; leash is called just then.
 */
static void a_crowd_of_any_shape_is_quickly_seen_through(void **state _unused_) {
        static const struct {
                const char *name;
                Shape shape;
        } shapes[] = {
                { "flat", flat }, { "chain", chain }, { "tree", binary_tree }, { "circle", circle }
        };

        (void) alarm(60);
        for (size_t i = 0; i < ELEMENTSOF(shapes); i++) {
                check_crowd(shapes[i].name, shapes[i].shape, false);
                check_crowd(shapes[i].name, shapes[i].shape, true);
        }
        (void) alarm(0);
}

/* Not as if there were nobody. */
static void without_memory_that_is_said(void **state _unused_) {
#ifdef __SANITIZE_ADDRESS__
        skip(); /* ends a program that asks for so much */
#endif
        assert_int_equal(offenders_select(NULL, SIZE_MAX / 2), -ENOMEM);
        assert_int_equal(offenders_mark_tree(NULL, SIZE_MAX / 2, 1), -ENOMEM);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_trouble_is_found_in_any_order),
                cmocka_unit_test(burning_is_most_of_a_cpu),
                cmocka_unit_test(the_desktop_is_known_by_name),
                cmocka_unit_test(a_little_work_makes_no_spawner),
                cmocka_unit_test(an_earlier_answer_does_not_count),
                cmocka_unit_test(nobody_has_no_offenders),
                cmocka_unit_test(a_tree_is_marked_alone),
                cmocka_unit_test(somebody_is_left_who_would_suffer),
                cmocka_unit_test(a_crowd_of_any_shape_is_quickly_seen_through),
                cmocka_unit_test(without_memory_that_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
