/* SPDX-License-Identifier: MIT */
/* probe [SECONDS [SLEEP_MS]]: stands for an interactive program. Sleeps 5 ms, works 0.2 ms of CPU
 * time, and prints the percentiles of the delay beyond that, in ms: waiting to wake up and to
 * finish. */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SLEEP_NS = 5000000, WORK_NS = 200000, MAX_SLEEP_MS = 999 };

static long long now_ns(clockid_t clock) {
        struct timespec t;

        clock_gettime(clock, &t);
        return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void work(unsigned long rounds) {
        for (volatile unsigned long i = 0; i < rounds; i++)
                ;
}

/* In CPU time, so that a throttled or busy machine does not shorten the work; the best of a few,
 * because emulated code is slow at first. */
static unsigned long calibrate(void) {
        const unsigned long rounds = 200000;
        long long best = 0;

        for (int i = 0; i < 5; i++) {
                long long start = now_ns(CLOCK_PROCESS_CPUTIME_ID);
                work(rounds);
                long long took = now_ns(CLOCK_PROCESS_CPUTIME_ID) - start;
                if (best == 0 || took < best)
                        best = took;
        }
        return (unsigned long) ((double) rounds * WORK_NS / (double) best) + 1;
}

static int compare(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

int main(int argc, char *argv[]) {
        double seconds = argc > 1 ? atof(argv[1]) : 5;
        long sleep_ms = argc > 2 ? atol(argv[2]) : SLEEP_NS / 1000000;
        const struct timespec nap = {
                .tv_nsec = (sleep_ms < 1 || sleep_ms > MAX_SLEEP_MS ? 5 : sleep_ms) * 1000000,
        };
        size_t max = (size_t) (seconds * 1e9 / (double) nap.tv_nsec) + 1, n = 0;
        double *delay = calloc(max, sizeof *delay);
        unsigned long rounds = calibrate();

        if (!delay)
                return 1;

        long long end = now_ns(CLOCK_MONOTONIC) + (long long) (seconds * 1e9);
        for (long long start; n < max && (start = now_ns(CLOCK_MONOTONIC)) < end; n++) {
                nanosleep(&nap, NULL);
                work(rounds);
                delay[n] = (double) (now_ns(CLOCK_MONOTONIC) - start - nap.tv_nsec - WORK_NS) / 1e6;
        }
        if (n == 0)
                return 1;

        qsort(delay, n, sizeof *delay, compare);
        printf("p50 %.1f p90 %.1f p99 %.1f max %.1f n %zu\n", delay[n / 2], delay[n * 9 / 10],
               delay[n * 99 / 100], delay[n - 1], n);
        return 0;
}
