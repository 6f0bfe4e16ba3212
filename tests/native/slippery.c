/* SPDX-License-Identifier: MIT */
/* slippery chain US UID: run as root; as UID, one process at a time that burns US microseconds and
 * goes on as its own child, so that a list of processes is old before it is read. Root's process
 * stays and takes the dead, for a PID 1 that is slow at it makes the kernel run out of numbers.
 * slippery many N: itself and N children that sleep; ends if there can be fewer only.
 * slippery sudo UID COMMAND...: run as root; a root's command below a process of UID's, as sudo's.
 * slippery leader: burns in a thread, the leader of which has ended. */

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void burn_us(long us) {
        struct timespec a, b;

        clock_gettime(CLOCK_MONOTONIC, &a);
        do
                clock_gettime(CLOCK_MONOTONIC, &b);
        while ((b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000 < us);
}

static void chain(long us, uid_t uid) {
        pid_t child;

        if (setgid(uid) < 0 || setuid(uid) < 0)
                _exit(1);
        for (;;) {
                burn_us(us);
                child = fork();
                if (child > 0)
                        _exit(0);
                if (child < 0)
                        usleep(1000);
        }
}

static void many(long n) {
        pid_t child = 1;

        for (long i = 0; i < n && child > 0; i++)
                child = fork();
        if (child < 0)
                _exit(1);
        for (;;)
                pause();
}

static int below(uid_t uid, char *argv[]) {
        int go[2], status;
        pid_t child;
        char c;

        if (pipe(go) < 0)
                return 1;
        child = fork();
        if (child == 0) {
                if (read(go[0], &c, 1) == 1)
                        execvp(argv[0], argv);
                _exit(127);
        }
        if (child < 0 || setgid(uid) < 0 || setuid(uid) < 0 || write(go[1], "", 1) != 1 ||
            waitpid(child, &status, 0) < 0)
                return 1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void *burn(void *arg) {
        for (volatile unsigned long i = 0;; i++)
                ;
        return arg;
}

int main(int argc, char *argv[]) {
        const struct sigaction ignore = { .sa_handler = SIG_IGN, .sa_flags = SA_NOCLDWAIT };
        pthread_t thread;

        if (argc == 4 && strcmp(argv[1], "chain") == 0) {
                if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || sigaction(SIGCHLD, &ignore, NULL) < 0)
                        return 1;
                if (fork() == 0)
                        chain(atol(argv[2]), (uid_t) atol(argv[3]));
                for (;;)
                        pause();
        }
        if (argc == 3 && strcmp(argv[1], "many") == 0)
                many(atol(argv[2]));
        if (argc >= 4 && strcmp(argv[1], "sudo") == 0)
                return below((uid_t) atol(argv[2]), &argv[3]);
        if (argc == 2 && strcmp(argv[1], "leader") == 0 &&
            pthread_create(&thread, NULL, burn, NULL) == 0)
                pthread_exit(NULL);
        return 2;
}
