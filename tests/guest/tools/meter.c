/* SPDX-License-Identifier: MIT */
/* meter PATH SECONDS: reads a cgroup's CPU time twice and prints percent of one CPU between.
 * PATH is cpu.stat (usage_usec, v2), cpuacct.usage (ns, v1), or a cgroup's directory, whose live
 * processes are then added up: v1 has no CPU counter for a slice until systemd is asked for one,
 * and asking would change what is measured. That sum misses children that end in between.
 * In C because a shell needs tens of milliseconds between reading the clock and the file. */

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double sum_sec; /* nftw passes no argument through */

static double process_sec(int pid) {
        char path[64], line[1024];
        unsigned long user, system;
        long child_user, child_system;

        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        FILE *f = fopen(path, "re");
        if (!f)
                return 0;

        char *end = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
        fclose(f);
        /* fields 14 to 17; the name before them may hold anything */
        if (!end || sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld",
                           &user, &system, &child_user, &child_system) != 4)
                return 0;
        return (double) (user + system + (unsigned long) (child_user + child_system)) /
               (double) sysconf(_SC_CLK_TCK);
}

static int add_procs(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        int pid;

        (void) st;
        if (type != FTW_F || strcmp(path + ftw->base, "cgroup.procs") != 0)
                return 0;

        FILE *f = fopen(path, "re");
        while (f && fscanf(f, "%d", &pid) == 1)
                sum_sec += process_sec(pid);
        if (f)
                fclose(f);
        return 0;
}

static double counter_sec(const char *path) {
        char line[256];
        double value = -1, scale = 1e-9;
        FILE *f = fopen(path, "re");

        if (!f) {
                perror(path);
                exit(1);
        }
        while (value < 0 && fgets(line, sizeof line, f))
                if (sscanf(line, "usage_usec %lf", &value) == 1)
                        scale = 1e-6;
                else if (sscanf(line, "%lf", &value) != 1)
                        value = -1;
        fclose(f);
        return value * scale;
}

static double used_sec(const char *path) {
        struct stat st;

        if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
                return counter_sec(path);
        sum_sec = 0;
        nftw(path, add_procs, 16, FTW_PHYS);
        return sum_sec;
}

static double monotonic_sec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

int main(int argc, char *argv[]) {
        if (argc != 3)
                return 2;

        double seconds = atof(argv[2]);
        double start = monotonic_sec(), used = used_sec(argv[1]);
        const struct timespec nap = { (time_t) seconds,
                                      (long) ((seconds - (double) (time_t) seconds) * 1e9) };
        nanosleep(&nap, NULL);
        double wall = monotonic_sec() - start;
        used = used_sec(argv[1]) - used;

        printf("%.1f\n", 100 * used / wall);
        return 0;
}
