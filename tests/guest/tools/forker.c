/* SPDX-License-Identifier: MIT */
/* forker [N]: N at a time, children that burn about 5 ms of CPU each, without end: a load that
 * no tool working on a list of PIDs can hold. */

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void burn_ms(long ms) {
        struct timespec t;

        do
                clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        while (t.tv_sec == 0 && t.tv_nsec < ms * 1000000);
}

static void spawn(void) {
        if (fork() == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                burn_ms(5);
                _exit(0);
        }
}

int main(int argc, char *argv[]) {
        int n = argc > 1 ? atoi(argv[1]) : 1;

        for (int i = 0; i < n; i++)
                spawn();
        while (wait(NULL) > 0)
                spawn();
        return 1;
}
