/* SPDX-License-Identifier: MIT */
/* burn N [SECONDS]: N busy processes, until killed or for so long. */

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void spin(unsigned seconds) {
        alarm(seconds);
        for (volatile unsigned long i = 0;; i++)
                ;
}

int main(int argc, char *argv[]) {
        int n = argc > 1 ? atoi(argv[1]) : 1;
        unsigned seconds = argc > 2 ? (unsigned) atoi(argv[2]) : 0;

        for (int i = 1; i < n; i++)
                if (fork() == 0) {
                        /* killing the first one is enough to end them all */
                        prctl(PR_SET_PDEATHSIG, SIGKILL);
                        spin(seconds);
                }
        spin(seconds);
}
