/* SPDX-License-Identifier: MIT */
/* A policy's text: whatever is read is bounded, and decides something sound for everybody. */

#include "fuzz.h"

#include "core/policy.h"

static void check_errors(const Policy *p) {
        size_t n, total;
        const PolicyError *e = policy_errors(p, &n, &total);

        must(n <= POLICY_ERRORS_MAX && n <= total);
        for (size_t i = 0; i < n; i++)
                must(e[i].file && e[i].text && e[i].text[0] != '\0' && strlen(e[i].text) < 1024);
}

static void check_limits(const Limits *l, const PolicySource *from) {
        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                char text[LIMITS_TEXT_MAX];

                if (!limits_has(l, i))
                        continue;
                must(from[i].file && from[i].line > 0 && from[i].section);
                limits_format(l, i, text);
                must(limits_table[i].kind == LIMIT_KIND_CPUSET || l->value[i] == LIMIT_INFINITY ||
                     (l->value[i] >= limits_table[i].min && l->value[i] <= limits_table[i].max));
        }
}

static void decide(const Policy *p, const PolicyFacts *facts) {
        PolicyRunaway runaway;
        PolicyLimits limits;
        PolicyState state;
        PolicyLock lock;

        must(policy_limits(p, facts, &limits) || limits_is_empty(&limits.limits));
        check_limits(&limits.limits, limits.from);
        must(!limits_has(&limits.limits, LIMIT_FREEZE));
        for (PolicyWhen i = 0; i < _POLICY_WHEN_MAX; i++)
                if (policy_state(p, facts, i, &state)) {
                        must(state.when == i);
                        check_limits(&state.squeeze, state.from);
                }
        (void) policy_runaway(p, facts, &runaway); /* false leaves the defaults, checked alike */
        must(runaway.steps.n <= POLICY_STEPS_MAX);
        for (size_t i = 0; i < runaway.steps.n; i++)
                must(runaway.steps.step[i].quota > 0 && runaway.steps.step[i].duration > 0);
        for (size_t i = 0; i < runaway.exempt_command.n; i++)
                must(runaway.exempt_command.words[i][0] != '\0');
        (void) policy_lock(p, facts, &lock); /* as above */
        must(!lock.locker || (lock.locker[0] != '\0' && !strpbrk(lock.locker, "\n\x1b")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const LimitsHost host = { .n_cpus = 4, .memory_bytes = UINT64_C(8) << 30 };
        static const char *const groups[] = { "students", "sudo" };
        static const PolicyFacts facts[] = {
                { .user = "alice",
                  .uid = 1000,
                  .uid_min = 1000,
                  .groups = groups,
                  .n_groups = 2,
                  .service = "sshd",
                  .class = "user",
                  .type = "tty",
                  .remote = "10.0.0.1",
                  .host = "lab1.example.org" },
                { .user = "root", .uid = 0, .uid_min = 1000, .service = "login" },
                { .user = "bob", .uid = 2000, .uid_min = 1000 },
        };
        _cleanup_(policy_freep) Policy *p = policy_new(&host);
        _cleanup_free_ char *copy = fuzz_string(data, size);

        must(p);
        must(policy_add(p, "a.conf", copy, size / 2) == 0);
        must(policy_add(p, "b.conf", copy + size / 2, size - size / 2) == 0);
        must(policy_finish(p) == 0);
        check_errors(p);
        for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
                decide(p, &facts[i]);
        return 0;
}
