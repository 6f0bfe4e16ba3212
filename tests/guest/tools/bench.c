/* SPDX-License-Identifier: MIT */
/* bench N COMMAND...: runs a command N times, its output thrown away, and prints the median wall
 * time in milliseconds and the largest resident size in KiB. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

int main(int argc, char *argv[]) {
        int n = argc > 2 ? atoi(argv[1]) : 0, bad = 0;
        double *times = calloc(n + 1, sizeof(double));
        struct rusage usage;

        if (n <= 0 || !times)
                return 2;
        for (int i = 0; i < n; i++) {
                double start = now_ms();
                pid_t pid = fork();
                int status;

                if (pid == 0) {
                        int null = open("/dev/null", O_WRONLY);

                        dup2(null, 1);
                        execvp(argv[2], argv + 2);
                        _exit(127);
                }
                if (waitpid(pid, &status, 0) < 0 || status != 0)
                        bad++;
                times[i] = now_ms() - start;
        }
        getrusage(RUSAGE_CHILDREN, &usage);
        qsort(times, n, sizeof(double), compare);
        printf("%.2f %ld\n", times[n / 2], usage.ru_maxrss);
        if (bad)
                fprintf(stderr, "bench: %d of %d runs failed: %s\n", bad, n, argv[2]);
        return bad > 0;
}
