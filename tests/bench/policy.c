/* SPDX-License-Identifier: MIT */
/* bench-policy [SECTIONS]: how long a policy of so many sections takes to read and to decide, in
 * the worst of five user groups' worth of matches; medians of many rounds, in microseconds. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/policy.h"

#define ROUNDS 201
#define GROUPS 40

static double now_us(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

static double median(double *v) {
        qsort(v, ROUNDS, sizeof(*v), compare);
        return v[ROUNDS / 2];
}

/* Each section asks for three groups, a service and a host; one in five matches. */
static char *write_policy(int n, size_t *ret_size) {
        char *text = malloc((size_t) n * 256), *at = text;

        for (int i = 0; text && i < n; i++)
                at += sprintf(
                        at,
                        "[limits s%d]\nmatch-group=g%d x%d y%d\nmatch-service=sshd xrdp-sesman\n"
                        "match-host=lab*.example.org\ncpu-quota=%d%%\ntasks-max=%d\n",
                        i, i % 200, i, i, i % 90 + 10, i + 10);
        *ret_size = text ? (size_t) (at - text) : 0;
        return text;
}

int main(int argc, char *argv[]) {
        static const LimitsHost host = { .n_cpus = 8, .memory_bytes = UINT64_C(16) << 30 };
        int n = argc > 1 ? atoi(argv[1]) : 500;
        double reading[ROUNDS], deciding[ROUNDS];
        char names[GROUPS][16];
        const char *groups[GROUPS];
        PolicyFacts facts = { .user = "alice",
                              .uid = 1001,
                              .uid_min = 1000,
                              .groups = groups,
                              .n_groups = GROUPS,
                              .service = "xrdp-sesman",
                              .host = "lab7.example.org" };
        size_t size, n_errors = 0, total = 0;
        char *text = write_policy(n, &size);
        PolicyLimits limits;
        bool any = false;

        if (!text)
                return 1;
        for (int i = 0; i < GROUPS; i++) {
                (void) snprintf(names[i], sizeof(names[i]), "g%d", i);
                groups[i] = names[i];
        }
        for (int i = 0; i < ROUNDS; i++) {
                double a = now_us(), b;
                Policy *p = policy_new(&host);

                if (!p || policy_add(p, "leash.conf", text, size) < 0 || policy_finish(p) < 0)
                        return 1;
                b = now_us();
                any = policy_limits(p, &facts, &limits);
                deciding[i] = now_us() - b;
                reading[i] = b - a;
                (void) policy_errors(p, &n_errors, &total);
                policy_free(p);
        }
        free(text);
        if (!any || total > 0)
                return 1;
        printf("%d sections, a user in %d groups: read %.0f us, decide %.0f us\n", n, GROUPS,
               median(reading), median(deciding));
        return 0;
}
