/* SPDX-License-Identifier: MIT */
/* The policy: what is understood and refused, with file and line, and what it decides for whom. */

#include "harness.h"

#include "core/policy.h"

#define GiB (UINT64_C(1024) * 1024 * 1024)
#define MINUTE (60 * USEC_PER_SEC)

static const LimitsHost host = { .n_cpus = 8, .memory_bytes = 16 * GiB };

static const char *const alice_groups[] = { "alice", "students", "audio" };
static const char *const root_groups[] = { "root" };

#define ALICE                                                                          \
 .user = "alice", .uid = 1001, .uid_min = 1000, .groups = alice_groups, .n_groups = 3, \
 .host = "lab7.example.org"

static const PolicyFacts alice = { ALICE, .service = "xrdp-sesman", .class = "user", .type = "x11",
                                   .remote = "10.1.2.3" };
static const PolicyFacts alice_cron = { ALICE, .service = "cron" };
static const PolicyFacts bob = {
        .user = "bob", .uid = 1002, .uid_min = 1000, .service = "sshd", .host = "lab7.example.org"
};
static const PolicyFacts root = { .user = "root",
                                  .uid = 0,
                                  .uid_min = 1000,
                                  .service = "sshd",
                                  .groups = root_groups,
                                  .n_groups = 1,
                                  .host = "lab7.example.org" };
static const PolicyFacts daemon_user = {
        .user = "backup", .uid = 34, .uid_min = 1000, .service = "cron"
};

static Policy *policy_of(const char *text) {
        Policy *p = policy_new(&host);

        assert_non_null(p);
        assert_int_equal(policy_add(p, "leash.conf", text, strlen(text)), 0);
        assert_int_equal(policy_finish(p), 0);
        return p;
}

static Policy *sound_policy_of(const char *text) {
        Policy *p = policy_of(text);
        size_t n, total;
        const PolicyError *e = policy_errors(p, &n, &total);

        if (total > 0)
                fail_msg("%s: line %u: %s", text, e[0].line, e[0].text);
        return p;
}

/* ---- what is understood -----------------------------------------------------------------------
 */

static void limits_are_read(void **state _unused_) {
        static const struct {
                const char *line;
                Limit limit;
                uint64_t value;
        } rows[] = {
                { "cpu-quota=400%", LIMIT_CPU_QUOTA, 4 * USEC_PER_SEC },
                { "cpu-quota = 50% ", LIMIT_CPU_QUOTA, USEC_PER_SEC / 2 },
                { "  cpu-quota=25%host", LIMIT_CPU_QUOTA, 2 * USEC_PER_SEC },
                { "cpu-quota=infinity", LIMIT_CPU_QUOTA, LIMIT_INFINITY },
                { "cpu-period=20ms", LIMIT_CPU_PERIOD, 20000 },
                { "cpu-weight=20", LIMIT_CPU_WEIGHT, 20 },
                { "memory-high=25%", LIMIT_MEMORY_HIGH, 16 * GiB / 10000 * 2500 },
                { "memory-high=2G", LIMIT_MEMORY_HIGH, 2 * GiB },
                { "memory-max=infinity", LIMIT_MEMORY_MAX, LIMIT_INFINITY },
                { "swap-max=0", LIMIT_SWAP_MAX, 0 },
                { "tasks-max=2000", LIMIT_TASKS_MAX, 2000 },
                { "io-weight=50", LIMIT_IO_WEIGHT, 50 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(policy_freep) Policy *p = NULL;
                PolicyLimits l;
                char text[256];

                (void) snprintf(text, sizeof(text), "[limits all]\n%s\n", rows[i].line);
                p = sound_policy_of(text);
                check_row(rows[i].line, policy_limits(p, &alice, &l));
                check_row(rows[i].line, l.limits.set == UINT32_C(1) << rows[i].limit);
                check_row(rows[i].line, l.limits.value[rows[i].limit] == rows[i].value);
                check_row(rows[i].line, strcmp(l.from[rows[i].limit].file, "leash.conf") == 0);
                check_row(rows[i].line, l.from[rows[i].limit].line == 2);
                check_row(rows[i].line, strcmp(l.from[rows[i].limit].section, "all") == 0);
        }
}

static void every_limit_has_a_key_where_it_belongs(void **state _unused_) {
        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                check_row(limits_table[i].key,
                          strcmp(policy_key(POLICY_STATE, i), limits_table[i].key) == 0);
                check_row(limits_table[i].key,
                          !policy_key(POLICY_LIMITS, i) == (i == LIMIT_FREEZE));
                check_row(limits_table[i].key, !policy_key(POLICY_LOCK, i));
        }
        for (PolicyKind i = 0; i < _POLICY_KIND_MAX; i++)
                check_row(policy_kind_to_string(i), policy_n_keys(i) <= POLICY_KEYS_MAX);
}

static void the_daemon_is_of_the_host(void **state _unused_) {
        _cleanup_(policy_freep) Policy *p = sound_policy_of(
                "[daemon all]\nmode=watch\n"
                "[daemon a]\nmatch-host=a*\nmode=enforce\n"
                "textfile=/run/x.prom\n"
                "[runaway all]\nmemory-pressure=10%\n");
        PolicyRunaway runaway;
        PolicyDaemon d;

        assert_true(policy_daemon(p, "b1", &d));
        assert_int_equal(d.mode, POLICY_MODE_WATCH);
        assert_null(d.textfile);
        assert_true(policy_daemon(p, "a1", &d));
        assert_int_equal(d.mode, POLICY_MODE_ENFORCE);
        assert_string_equal(d.textfile, "/run/x.prom");
        assert_true(policy_runaway(p, &alice, &runaway));
        assert_int_equal(runaway.memory_pressure, 1000);
}

/* The example of the design, whole. */
static const char example[] =
        "# a comment\n"
        "; another\n"
        "[limits everyone]\n"
        "match-service=xrdp-sesman sshd\n"
        "cpu-quota=400%\n"
        "memory-high=25%\n"
        "tasks-max=2000\n"
        "[limits students]\n"
        "match-group=students\n"
        "cpu-quota=100%\n"
        "[state disconnected]\n"
        "when=disconnected\n"
        "after=10min\n"
        "cpu-quota=20%\n"
        "warn-after=13d\n"
        "end-after=14d\n"
        "[runaway default]\n"
        "pressure=20.5%\n"
        "share=150%\n"
        "window=2min\n"
        "steps=100%/15min 50%/30min 25%/1h\n"
        "forget=24h\n"
        "exempt-command=make gcc\n"
        "exempt-command=cc1\n"
        "[lock everyone]\n"
        "idle=10min\n"
        "warn=30s\n"
        "locker=xsecurelock\n"
        "fallback-locker=i3lock -n -c 000000\n"
        "on-disconnect=lock\n"
        "inhibit-max=2h\n"
        "logout-after=90min\n"
        "[exempt admins]\n"
        "match-group=sudo wheel\n"
        "exempt=yes\n";

static void what_was_said_last(void **state _unused_) {
        static const PolicySource from[] = {
                { "/etc/leash/leash.conf.d/50-squeeze.conf", 2, "away" },
                {},
                { "/etc/leash/leash.conf", 9, "away" },
                { "/etc/leash/leash.conf.d/50-squeeze.conf", 3, "away" },
                { "/etc/leash/leash.conf.d/05-first.conf", 7, "away" },
        };

        assert_ptr_equal(policy_last_said(from, ELEMENTSOF(from)), &from[3]);
        assert_ptr_equal(policy_last_said(from, 3), &from[0]);
        assert_null(policy_last_said(from + 1, 1));
        assert_ptr_equal(policy_last_said(from + 1, 2), &from[2]);
        assert_null(policy_last_said(from, 0));
}

static void names_and_numbers(void **state _unused_) {
        static const struct {
                const char *text;
                bool wants;
        } rows[] = {
                { "", false },
                { "[exempt x]\nmatch-group=sudo\nexempt=yes\n", false },
                { "[exempt x]\nmatch-user=1000 1001\nexempt=yes\n", false },
                { "[exempt x]\nmatch-user=1000 alice\nexempt=yes\n", true },
                { "[limits y]\ncpu-quota=50%\n[lock x]\nmatch-user=7up\nidle=1min\n", true },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(policy_freep) Policy *p = sound_policy_of(rows[i].text);

                assert_int_equal(policy_wants_names(p), rows[i].wants);
        }
}

static void the_example_decides(void **state _unused_) {
        _cleanup_(policy_freep) Policy *p = sound_policy_of(example);
        PolicyRunaway runaway;
        PolicyLimits limits;
        PolicyState st;
        PolicyLock lock;

        assert_true(policy_wants_groups(p));
        assert_true(policy_limits(p, &alice, &limits));
        assert_int_equal(limits.limits.value[LIMIT_CPU_QUOTA], USEC_PER_SEC);
        assert_int_equal(limits.from[LIMIT_CPU_QUOTA].line, 10);
        assert_string_equal(limits.from[LIMIT_CPU_QUOTA].section, "students");
        assert_int_equal(limits.limits.value[LIMIT_TASKS_MAX], 2000);
        assert_int_equal(limits.from[LIMIT_TASKS_MAX].line, 7);
        assert_null(limits.from[LIMIT_MEMORY_MAX].file);
        assert_true(policy_limits(p, &bob, &limits));
        assert_int_equal(limits.limits.value[LIMIT_CPU_QUOTA], 4 * USEC_PER_SEC);

        assert_true(policy_state(p, &alice, POLICY_DISCONNECTED, &st));
        assert_int_equal(st.after, 10 * MINUTE);
        assert_int_equal(st.warn_after, 13 * 24 * 60 * MINUTE);
        assert_int_equal(st.end_after, 14 * 24 * 60 * MINUTE);
        assert_int_equal(st.squeeze.value[LIMIT_CPU_QUOTA], USEC_PER_SEC / 5);
        assert_false(policy_state(p, &alice, POLICY_LOCKED, &st));
        assert_int_equal(st.end_after, USEC_INFINITY);
        assert_true(limits_is_empty(&st.squeeze));

        assert_true(policy_runaway(p, &alice, &runaway));
        assert_int_equal(runaway.pressure, 2050);
        assert_int_equal(runaway.share, 15000);
        assert_int_equal(runaway.window, 2 * MINUTE);
        assert_int_equal(runaway.steps.n, 3);
        assert_int_equal(runaway.steps.step[2].quota, USEC_PER_SEC / 4);
        assert_int_equal(runaway.steps.step[2].duration, 60 * MINUTE);
        assert_int_equal(runaway.exempt_command.n, 3);
        assert_string_equal(runaway.exempt_command.words[2], "cc1");

        assert_true(policy_lock(p, &alice, &lock));
        assert_int_equal(lock.idle, 10 * MINUTE);
        assert_int_equal(lock.warn, 30 * USEC_PER_SEC);
        assert_string_equal(lock.locker, "xsecurelock");
        assert_string_equal(lock.fallback_locker, "i3lock -n -c 000000");
        assert_int_equal(lock.on_disconnect, POLICY_ON_DISCONNECT_LOCK);
        assert_int_equal(lock.logout_after, 90 * MINUTE);
        assert_int_equal(lock.blank_after, USEC_INFINITY);
}

static void a_policy_of_nothing_decides_nothing(void **state _unused_) {
        static const char *const rows[] = { "", "\n\n", "# x",
                                            "[limits x]\nmatch-user=carol\ncpu-quota=1%",
                                            "\xef\xbb\xbf# with a byte order mark\r\n" };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(policy_freep) Policy *p = sound_policy_of(rows[i]);
                PolicyRunaway runaway;
                PolicyLimits limits;
                PolicyLock lock;

                check_row(rows[i], !policy_limits(p, &alice, &limits));
                check_row(rows[i], limits_is_empty(&limits.limits));
                check_row(rows[i], !policy_runaway(p, &alice, &runaway) && runaway.steps.n == 3);
                check_row(rows[i], !policy_lock(p, &alice, &lock) && lock.idle == USEC_INFINITY);
                check_row(rows[i], !policy_is_exempt(p, &alice, NULL));
        }
}

/* ---- who is meant -----------------------------------------------------------------------------
 */

static void sections_match(void **state _unused_) {
        static const struct {
                const char *match;
                const PolicyFacts *facts;
                bool wanted;
        } rows[] = {
                { "", &alice, true },
                { "match-user=alice", &alice, true },
                { "match-user=bob alice", &alice, true },
                { "match-user=bob\nmatch-user=alice", &alice, true },
                { "match-user=bob\nmatch-user=\nmatch-user=carol", &bob, false },
                { "match-user=ali", &alice, false },
                { "match-user=Alice", &alice, false },
                { "match-user=ali*", &alice, false }, /* no patterns in names */
                { "match-group=students", &alice, true },
                { "match-group=staff students", &alice, true },
                { "match-group=staff", &alice, false },
                { "match-group=students", &bob, false }, /* in no group */
                { "match-service=xrdp-sesman", &alice, true },
                { "match-service=sshd", &alice, false },
                { "match-class=user", &alice, true },
                { "match-class=user", &alice_cron, false }, /* not known */
                { "match-type=x11 wayland", &alice, true },
                { "match-type=tty", &alice, false },
                { "match-remote=10.1.*", &alice, true },
                { "match-remote=10.2.*", &alice, false },
                { "match-remote=*", &alice_cron, false }, /* local */
                { "match-host=lab?.example.org", &alice, true },
                { "match-host=LAB*.EXAMPLE.*", &alice, true },
                { "match-host=*", &alice, true },
                { "match-host=lab?", &alice, false },
                { "match-host=*lab", &alice, false },
                { "match-host=l*b*7*.org", &alice, true },
                { "match-host=**********************x", &alice, false },
                { "match-uid-min=1001", &alice, true },
                { "match-uid-min=1002", &alice, false },
                { "match-uid-min=5000\nmatch-uid-min=", &alice, true },
                { "match-user=alice\nmatch-service=cron", &alice, false },
                { "match-user=alice\nmatch-service=cron", &alice_cron, true },
                { "match-group=students\nmatch-host=lab7.*\nmatch-service=xrdp-sesman", &alice,
                  true },
                /* Root and system users are meant by name alone. */
                { "", &root, false },
                { "match-group=root", &root, false },
                { "match-service=sshd", &root, false },
                { "match-uid-min=0", &root, false },
                { "match-user=root", &root, true },
                { "match-user=alice root", &root, true },
                { "match-user=root\nmatch-service=login", &root, false },
                { "", &daemon_user, false },
                { "match-user=backup", &daemon_user, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(policy_freep) Policy *p = NULL;
                PolicyLimits l;
                char text[256];

                (void) snprintf(text, sizeof(text), "[limits x]\n%s\ncpu-quota=50%%\n",
                                rows[i].match);
                p = sound_policy_of(text);
                check_row(rows[i].match, policy_limits(p, rows[i].facts, &l) == rows[i].wanted);
                check_row(rows[i].match, limits_has(&l.limits, LIMIT_CPU_QUOTA) == rows[i].wanted);
        }
}

static void the_exempt_are_left_alone_but_for_the_lock(void **state _unused_) {
        static const char text[] =
                "[limits a]\ncpu-quota=50%\n[state b]\nwhen=idle\nfreeze=yes\n"
                "[runaway c]\nwindow=1s\n[lock d]\nidle=1min\n"
                "[exempt e]\nmatch-group=students\nexempt=yes\n"
                "[exempt f]\nmatch-service=cron\nexempt=no\n";
        _cleanup_(policy_freep) Policy *p = sound_policy_of(text);
        PolicyRunaway runaway;
        PolicySource source;
        PolicyLimits limits;
        PolicyState st;
        PolicyLock lock;

        assert_true(policy_is_exempt(p, &alice, &source));
        assert_int_equal(source.line, 12);
        assert_false(policy_limits(p, &alice, &limits));
        assert_true(limits_is_empty(&limits.limits));
        assert_false(policy_state(p, &alice, POLICY_IDLE, &st));
        assert_false(policy_runaway(p, &alice, &runaway));
        assert_true(policy_lock(p, &alice, &lock));
        assert_false(policy_is_exempt(p, &alice_cron, NULL));
        assert_true(policy_limits(p, &alice_cron, &limits));
        assert_true(policy_state(p, &bob, POLICY_IDLE, &st));
        assert_int_equal(st.squeeze.value[LIMIT_FREEZE], 1);
}

/* ---- what counts ------------------------------------------------------------------------------
 */

static void a_later_section_wins_key_by_key(void **state _unused_) {
        _cleanup_(policy_freep) Policy *p = sound_policy_of(
                "[limits a]\ncpu-quota=50%\ntasks-max=10\nmemory-high=1G\n"
                "[limits b]\ncpu-quota=80%\nmemory-high=\n"
                "[limits c]\nmatch-user=bob\ntasks-max=99\n");
        PolicyLimits l;

        assert_true(policy_limits(p, &alice, &l));
        assert_int_equal(l.limits.value[LIMIT_CPU_QUOTA], USEC_PER_SEC * 8 / 10);
        assert_int_equal(l.from[LIMIT_CPU_QUOTA].line, 6);
        assert_int_equal(l.limits.value[LIMIT_TASKS_MAX], 10);
        assert_false(limits_has(&l.limits, LIMIT_MEMORY_HIGH));
        assert_int_equal(l.from[LIMIT_MEMORY_HIGH].line, 7); /* who took it back */
        assert_true(policy_limits(p, &bob, &l));
        assert_int_equal(l.limits.value[LIMIT_TASKS_MAX], 99);
}

static void an_empty_value_is_the_default_again(void **state _unused_) {
        _cleanup_(policy_freep) Policy *p = sound_policy_of(
                "[lock a]\nlocker=i3lock\nidle=5min\non-disconnect=lock\n"
                "[lock b]\nlocker=\nidle=\non-disconnect=\n"
                "[runaway a]\nsteps=10%/1s\nexempt-command=a b\n[runaway b]\nexempt-command=c\n"
                "[runaway c]\nsteps=\n");
        PolicyRunaway runaway;
        PolicyLock lock;

        assert_true(policy_lock(p, &alice, &lock));
        assert_null(lock.locker);
        assert_int_equal(lock.idle, USEC_INFINITY);
        assert_int_equal(lock.on_disconnect, POLICY_ON_DISCONNECT_IGNORE);
        assert_true(policy_runaway(p, &alice, &runaway));
        assert_int_equal(runaway.steps.n, 3);
        assert_int_equal(runaway.exempt_command.n, 1); /* another section's list is another list */
}

static void times_may_be_never(void **state _unused_) {
        _cleanup_(policy_freep) Policy *p = sound_policy_of(
                "[state a]\nwhen=locked\nend-after=1h\n[state b]\nwhen=locked\nend-after=infinity\n");
        PolicyState st;

        assert_true(policy_state(p, &alice, POLICY_LOCKED, &st));
        assert_int_equal(st.end_after, USEC_INFINITY);
}

/* As [Service] in a drop-in of systemd: the same section, in its old place, for the same users. */
static void a_section_is_continued_by_its_name(void **state _unused_) {
        static const char first[] =
                "[limits students]\nmatch-group=students\ncpu-quota=100%\n"
                "[limits night]\nmatch-service=cron\ncpu-quota=10%\n";
        static const char second[] = "[limits students]\ncpu-quota=30%\nmatch-group=phd\n";
        static const char third[] = "[limits students]\nmatch-group=\nmatch-group=phd\n";
        _cleanup_(policy_freep) Policy *p = sound_policy_of(first);
        PolicyLimits l;

        assert_int_equal(policy_add(p, "d/50.conf", second, strlen(second)), 0);
        assert_true(policy_limits(p, &alice, &l));
        assert_int_equal(l.limits.value[LIMIT_CPU_QUOTA], USEC_PER_SEC * 3 / 10);
        assert_string_equal(l.from[LIMIT_CPU_QUOTA].file, "d/50.conf");
        assert_int_equal(l.from[LIMIT_CPU_QUOTA].line, 2);
        assert_false(policy_limits(p, &bob, &l)); /* it did not become a section for everybody */
        assert_true(policy_limits(p, &alice_cron, &l));
        assert_int_equal(l.limits.value[LIMIT_CPU_QUOTA], USEC_PER_SEC / 10); /* nor moved behind */
        assert_int_equal(policy_add(p, "d/60.conf", third, strlen(third)), 0);
        assert_false(policy_limits(p, &alice, &l));
}

static void a_name_is_of_one_kind(void **state _unused_) {
        _cleanup_(policy_freep) Policy *p =
                sound_policy_of("[limits x]\nmatch-user=bob\ncpu-quota=10%\n[lock x]\nidle=1s\n");
        PolicyLimits l;
        PolicyLock lock;

        assert_true(policy_lock(p, &alice, &lock));
        assert_false(policy_limits(p, &alice, &l));
}

/* ---- what is refused --------------------------------------------------------------------------
 */

static void mistakes_are_told_with_their_line(void **state _unused_) {
        static const struct {
                const char *text;
                unsigned line;
                const char *says;
        } rows[] = {
                { "cpu-quota=50%", 0, NULL }, /* before any section: see below */
                { "[limits a]\ncpu-qouta=50%\n", 2, "cpu-qouta: there is no such key in [limits]" },
                { "[limits a]\nfreeze=yes\n", 2, "freeze: there is no such key in [limits]" },
                { "[limits a]\ncpu-quota=50\n", 2, "cpu-quota=50: not understood; it takes 50%" },
                { "[limits a]\n\n\ncpu-quota=999999999%\n", 4, "out of range" },
                { "[limits a]\nmemory-high=1K\n", 2, "out of range" },
                { "[limits a]\ntasks-max=many\n", 2, "not understood" },
                { "[limits a]\ncpu-quota\n", 2, "KEY=VALUE" },
                { "[limits a]\ncpu-quota: 50%\n", 2, "KEY=VALUE" },
                { "[limits a]\n=50%\n", 2, ": there is no such key" },
                { "[limits a]\ncpu-quota=50% ; half\n", 2,
                  "a comment stands on a line of its own" },
                { "[limits a]\ncpu-quota=5\x01%\n", 2, "control character" },
                { "[limits a\ncpu-quota=50%\n", 1, "']'" },
                { "[limits]\ncpu-quota=50%\n", 1, "[limits]: a section has a name" },
                { "[limit a]\ncpu-quota=50%\n", 1, "[limit a]: there is no such kind" },
                { "[]\n", 1, "there is no such kind" },
                { "[LIMITS a]\n", 1, "there is no such kind" },
                { "[limits a]\nmatch-uid-min=alice\n", 2, "applies to nobody" },
                { "[limits a]\nmatch-gruop=x\n", 2, "applies to nobody" },
                { "[limits a]\n[state b]\nafter=1s\n", 2, "does not say when=" },
                { "[state b]\nwhen=asleep\n", 2, "disconnected, locked, idle or closing" },
                { "[state b]\nwhen=idle\nafter=soon\n", 3, "a time such as" },
                { "[runaway a]\nsteps=100%\n", 2, "not understood" },
                { "[runaway a]\nsteps=100%/0s\n", 2, "out of range" },
                { "[runaway a]\nsteps=infinity/1s\n", 2, "out of range" },
                { "[runaway a]\nsteps=1%/1s 1%/1s 1%/1s 1%/1s 1%/1s 1%/1s 1%/1s 1%/1s 1%/1s\n", 2,
                  "8 steps" },
                { "[runaway a]\npressure=20\n", 2, "a percentage" },
                { "[runaway a]\nshare=10001%\n", 2, "out of range" },
                { "[lock a]\non-disconnect=maybe\n", 2, "lock or ignore" },
                { "[lock a]\nlockers=x\n", 2, "no such key in [lock]" },
                { "[lock a]\ncpu-quota=50%\n", 2, "no such key in [lock]" },
                { "[exempt a]\nexempt=maybe\n", 2, "yes or no" },
        };

        for (size_t i = 1; i < ELEMENTSOF(rows); i++) {
                _cleanup_(policy_freep) Policy *p = policy_of(rows[i].text);
                const PolicyError *e;
                size_t n, total;

                e = policy_errors(p, &n, &total);
                check_row(rows[i].text, n >= 1 && total == n);
                check_row(rows[i].text, strcmp(e[0].file, "leash.conf") == 0);
                if (e[0].line != rows[i].line || !strstr(e[0].text, rows[i].says))
                        fail_msg("%s: %u: %s", rows[i].text, e[0].line, e[0].text);
        }
}

static void keys_before_any_section_are_told(void **state _unused_) {
        _cleanup_(policy_freep) Policy *p = policy_of("cpu-quota=50%\n");
        size_t n, total;
        const PolicyError *e = policy_errors(p, &n, &total);

        assert_int_equal(total, 1);
        assert_int_equal(e[0].line, 1);
        assert_non_null(strstr(e[0].text, "section"));
}

static void the_rest_of_a_file_counts(void **state _unused_) {
        _cleanup_(policy_freep) Policy *p = policy_of(
                "[limits a]\ncpu-quota=x\ntasks-max=5\nnonsense\n"
                "[bogus b]\ncpu-quota=1%\n"
                "[limits c\ncpu-quota=2%\n"
                "[limits d]\nmemory-max=1G\n");
        size_t n, total;
        PolicyLimits l;

        (void) policy_errors(p, &n, &total);
        assert_int_equal(total, 4);
        assert_true(policy_limits(p, &alice, &l));
        assert_false(limits_has(&l.limits, LIMIT_CPU_QUOTA));
        assert_int_equal(l.limits.value[LIMIT_TASKS_MAX], 5);
        assert_int_equal(l.limits.value[LIMIT_MEMORY_MAX], GiB);
}

/* A slip in whom it is meant for must not make it everybody's. */
static void a_broken_match_is_nobody(void **state _unused_) {
        static const char *const rows[] = {
                "[limits a]\nmatch-gruop=students\ncpu-quota=1%\n",
                "[limits a]\nmatch-uid-min=x\ncpu-quota=1%\n",
                "[limits a]\ncpu-quota=1%\nmatch=students\n",
                "[limits a]\nmatch-uid-min=99999999999\ncpu-quota=1%\n",
                "[limits a]\nMatch-Group=students\ncpu-quota=1%\n",
                "[limits a]\n-match-group=students\ncpu-quota=1%\n",
                "[limits a]\nmatch-group students\ncpu-quota=1%\n",
                "[limits a]\nmatch-group: students\ncpu-quota=1%\n",
                "[limits a]\nMATCH-GROUP\ncpu-quota=1%\n",
                "[limits a]\nmatch-group=students ; and nobody else\ncpu-quota=1%\n",
                "[limits a]\nmatch-group=stu\001dents\ncpu-quota=1%\n",
                "[limits a]\n\001match-group=students\ncpu-quota=1%\n",
                "[limits a]\ncpu-quota=1%\nmatch-group students\n[limits a]\ncpu-quota=2%\n",
        };
        char long_line[400] = "[limits a]\nmatch-group=";

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(policy_freep) Policy *p = policy_of(rows[i]);
                PolicyLimits l;

                check_row(rows[i], !policy_limits(p, &alice, &l));
        }
        for (size_t i = 0; i < 40; i++)
                strcat(long_line, "student ");
        strcat(long_line, "\ncpu-quota=1%\n");
        {
                _cleanup_(policy_freep) Policy *p = policy_of(long_line);
                PolicyLimits l;

                assert_false(policy_limits(p, &alice, &l));
        }
}

/* Its own section's, and no other one's. */
static void a_broken_match_is_one_section_s(void **state _unused_) {
        _cleanup_(policy_freep) Policy *p = policy_of(
                "[limits a]\nmatch-group students\ncpu-quota=1%\n"
                "[limits b]\ntasks-max=5\n[match-group=x\n[limits c]\nmemory-max=1G\n");
        PolicyLimits l;

        assert_true(policy_limits(p, &alice, &l));
        assert_false(limits_has(&l.limits, LIMIT_CPU_QUOTA));
        assert_int_equal(l.limits.value[LIMIT_TASKS_MAX], 5);
        assert_int_equal(l.limits.value[LIMIT_MEMORY_MAX], GiB);
}

static void a_value_that_is_wrong_changes_nothing(void **state _unused_) {
        _cleanup_(policy_freep) Policy *p = policy_of(
                "[limits a]\ncpu-quota=40%\ncpu-quota=nonsense\nallowed-cpus=0-1\nallowed-cpus=9-1\n");
        PolicyLimits l;

        assert_true(policy_limits(p, &alice, &l));
        assert_int_equal(l.limits.value[LIMIT_CPU_QUOTA], USEC_PER_SEC * 4 / 10);
        assert_int_equal(l.from[LIMIT_CPU_QUOTA].line, 2);
        assert_int_equal(l.limits.cpus[0], 3);
}

/* ---- bounds -----------------------------------------------------------------------------------
 */

static void long_lines_are_told_and_skipped(void **state _unused_) {
        static const struct {
                size_t n;
                bool fits;
        } rows[] = { { POLICY_LINE_MAX, true },
                     { POLICY_LINE_MAX + 1, false },
                     { 1000, false },
                     { 100000, false } };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(policy_freep) Policy *p = NULL;
                char *text = calloc(1, rows[i].n + 64);
                size_t head, n, total;
                PolicyLock lock;

                assert_non_null(text);
                head = (size_t) sprintf(text, "[lock a]\nlocker=");
                memset(text + head, 'x', rows[i].n - strlen("locker="));
                strcat(text, "\nidle=1s\n");
                p = policy_of(text);
                free(text);
                (void) policy_errors(p, &n, &total);
                assert_int_equal(total, rows[i].fits ? 0 : 1);
                assert_true(policy_lock(p, &alice, &lock));
                assert_int_equal(!lock.locker, !rows[i].fits);
                assert_int_equal(lock.idle, USEC_PER_SEC);
        }
}

/* What stands below a head that is too long is not the section's before it. */
static void a_long_head_ends_the_section_before(void **state _unused_) {
        char text[1024] = "[limits a]\nmatch-user=bob\n[limits ";
        _cleanup_(policy_freep) Policy *p = NULL;
        PolicyLimits l;

        memset(text + strlen(text), 'x', 300);
        strcat(text, "]\ncpu-quota=5%\n");
        p = policy_of(text);
        (void) policy_limits(p, &bob, &l);
        assert_true(limits_is_empty(&l.limits));
}

static void a_zero_byte_is_told(void **state _unused_) {
        static const char text[] = "[limits a]\ncpu-quota=5\0%\ntasks-max=3\n";
        _cleanup_(policy_freep) Policy *p = policy_new(&host);
        size_t n, total;
        PolicyLimits l;

        assert_int_equal(policy_add(p, "x", text, sizeof(text) - 1), 0);
        (void) policy_errors(p, &n, &total);
        assert_int_equal(total, 1);
        assert_true(policy_limits(p, &alice, &l));
        assert_int_equal(l.limits.set, UINT32_C(1) << LIMIT_TASKS_MAX);
}

static void too_much_is_told(void **state _unused_) {
        _cleanup_(policy_freep) Policy *p = policy_new(&host), *q = policy_new(&host);
        char *text = malloc(POLICY_SIZE_MAX + 2), *at = text;
        size_t n, total;

        memset(text, '\n', POLICY_SIZE_MAX + 1);
        assert_int_equal(policy_add(p, "x", text, POLICY_SIZE_MAX + 1), 0);
        (void) policy_errors(p, &n, &total);
        assert_int_equal(total, 1);
        for (int i = 0; i <= POLICY_SECTIONS_MAX; i++)
                at += sprintf(at, "[limits %d]\nx\n", i);
        assert_int_equal(policy_add(q, "x", text, at - text), 0);
        (void) policy_errors(q, &n, &total);
        assert_int_equal(n, POLICY_ERRORS_MAX);
        assert_int_equal(total, POLICY_SECTIONS_MAX + 2); /* each x, and one section too many */
        free(text);
}

static void too_many_words_are_told(void **state _unused_) {
        _cleanup_(policy_freep) Policy *p = NULL;
        char *text = calloc(1, 64 * 1024), *at = text;
        size_t n, total;
        PolicyLimits l;

        at += sprintf(at, "[limits a]\ncpu-quota=5%%\n");
        for (int i = 0; i < POLICY_LIST_MAX; i++)
                at += sprintf(at, "match-user=u%d\n", i);
        p = sound_policy_of(text);
        at += sprintf(at, "match-user=alice\n");
        policy_free(p);
        p = policy_of(text);
        free(text);
        (void) policy_errors(p, &n, &total);
        assert_int_equal(total, 1);
        assert_false(policy_limits(p, &alice, &l));
}

static void xrdp_places_are_decided(void **state _unused_) {
        Policy *p = sound_policy_of(
                "[xrdp everyone]\n"
                "max-sessions=50\n"
                "when-full=evict-oldest-disconnected\n"
                "warn=5min\n"
                "duplicates=end\n"
                "[xrdp students]\n"
                "match-group=students\n"
                "max-sessions=20\n"
                "max-sessions-per-user=1\n"
                "warn=2min\n"
                "orphans=end\n"
                "greet=no\n");
        PolicyPool pools[4];
        PolicyXrdp x;

        assert_true(policy_xrdp(p, &alice, &x));
        assert_int_equal(x.max_sessions_per_user, 1);
        assert_int_equal(x.when_full, POLICY_WHEN_FULL_EVICT);
        assert_int_equal(x.warn, 2 * MINUTE);
        assert_int_equal(x.duplicates, POLICY_LEFTOVER_END);
        assert_int_equal(x.orphans, POLICY_LEFTOVER_END);
        assert_false(x.greet);
        /* both sections bound how many there are, each its own people */
        assert_int_equal(policy_xrdp_pools(p, &alice, pools, 4), 2);
        assert_int_equal(pools[0].max, 50);
        assert_int_equal(pools[1].max, 20);
        assert_int_not_equal(pools[0].section, pools[1].section);
        assert_int_equal(policy_xrdp_pools(p, &alice, pools, 1), 1);
        assert_true(policy_xrdp(p, &bob, &x));
        assert_int_equal(x.max_sessions_per_user, 0);
        assert_int_equal(x.warn, 5 * MINUTE);
        assert_int_equal(x.orphans, POLICY_LEFTOVER_KEEP);
        assert_true(x.greet);
        assert_int_equal(policy_xrdp_pools(p, &bob, pools, 4), 1);
        assert_false(policy_xrdp(p, &root, &x));
        assert_int_equal(policy_xrdp_pools(p, &root, pools, 4), 0);
        policy_free(p);
        p = policy_of(
                "[xrdp x]\nmax-sessions=many\nwhen-full=kill\nduplicates=yes\n"
                "max-sessions-per-user=70000\nwarn=-1\n");
        {
                size_t n, total;

                (void) policy_errors(p, &n, &total);
                assert_int_equal(total, 5);
        }
        policy_free(p);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(xrdp_places_are_decided),
                cmocka_unit_test(limits_are_read),
                cmocka_unit_test(every_limit_has_a_key_where_it_belongs),
                cmocka_unit_test(the_daemon_is_of_the_host),
                cmocka_unit_test(what_was_said_last),
                cmocka_unit_test(names_and_numbers),
                cmocka_unit_test(the_example_decides),
                cmocka_unit_test(a_policy_of_nothing_decides_nothing),
                cmocka_unit_test(sections_match),
                cmocka_unit_test(the_exempt_are_left_alone_but_for_the_lock),
                cmocka_unit_test(a_later_section_wins_key_by_key),
                cmocka_unit_test(an_empty_value_is_the_default_again),
                cmocka_unit_test(times_may_be_never),
                cmocka_unit_test(a_section_is_continued_by_its_name),
                cmocka_unit_test(a_name_is_of_one_kind),
                cmocka_unit_test(mistakes_are_told_with_their_line),
                cmocka_unit_test(keys_before_any_section_are_told),
                cmocka_unit_test(the_rest_of_a_file_counts),
                cmocka_unit_test(a_broken_match_is_nobody),
                cmocka_unit_test(a_broken_match_is_one_section_s),
                cmocka_unit_test(a_value_that_is_wrong_changes_nothing),
                cmocka_unit_test(long_lines_are_told_and_skipped),
                cmocka_unit_test(a_long_head_ends_the_section_before),
                cmocka_unit_test(a_zero_byte_is_told),
                cmocka_unit_test(too_much_is_told),
                cmocka_unit_test(too_many_words_are_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
