/* SPDX-License-Identifier: MIT */
/* A login program for tests: opens and closes sessions through the real libpam.
 *
 *   pam-driver [-r ROUNDS] [-j PROCESSES] [-e NAME=VALUE] [-h RHOST] [-u UID] [-l FILE]
 *              [-w FILE] [-k] [-q] [-a] CONFDIR SERVICE USER
 *
 * Prints "open RESULT", "said TEXT" for each line of the conversation, and "close RESULT"; with -k
 * it does not close, with -q it says nothing of the single sessions, and with -a it asks for the
 * account alone, "account RESULT". With -u it has that real uid, as what its user has started; with
 * -l it adds itself to FILE as the leader of that session, as logind does for pam_systemd; with -w
 * it closes when there is FILE.
 * Then, as they are worst or in sum: "slowest MSEC" for a session to open, "fds N" and "heap BYTES"
 * that are more after all rounds than after the first, and "changed WHAT" for what a module may not
 * touch in the program it runs in. */

#define _GNU_SOURCE
#include <dirent.h>
#include <malloc.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static const char *arg_confdir, *arg_service, *arg_user, *arg_rhost, *arg_wait;
static const char *arg_env[8];
static int arg_n_env, arg_rounds = 1, arg_jobs = 1;
static bool arg_keep, arg_quiet, arg_account;

static void die(const char *what) {
        perror(what);
        exit(2);
}

static int converse(int n, const struct pam_message **messages, struct pam_response **ret,
                    void *data) {
        (void) data;
        for (int i = 0; i < n; i++)
                printf("said %s\n", messages[i]->msg);
        *ret = calloc(n, sizeof(struct pam_response));
        return *ret ? PAM_SUCCESS : PAM_BUF_ERR;
}

static unsigned count_dir(const char *path) {
        DIR *d = opendir(path);
        unsigned n = 0;

        if (!d)
                die(path);
        while (readdir(d))
                n++;
        (void) closedir(d);
        return n;
}

/* What belongs to the program. */
typedef struct Own {
        struct sigaction actions[NSIG];
        sigset_t mask;
        mode_t umask;
        char cwd[4096];
        char environment[16384];
        unsigned threads;
} Own;

static void look(Own *own) {
        size_t at = 0;

        memset(own, 0, sizeof(*own));
        for (int i = 1; i < NSIG; i++)
                (void) sigaction(i, NULL, &own->actions[i]); /* two cannot be asked for */
        (void) sigprocmask(SIG_SETMASK, NULL, &own->mask);
        own->umask = umask(0);
        (void) umask(own->umask);
        if (!getcwd(own->cwd, sizeof(own->cwd)))
                die("getcwd");
        for (char **e = environ; *e; e++)
                at += (size_t) snprintf(own->environment + at, sizeof(own->environment) - at,
                                        "%s\n", *e);
        own->threads = count_dir("/proc/self/task");
}

static void compare(const Own *a, const Own *b) {
        for (int i = 1; i < NSIG; i++)
                if (a->actions[i].sa_handler != b->actions[i].sa_handler)
                        printf("changed the handler of signal %d\n", i);
        if (memcmp(&a->mask, &b->mask, sizeof(a->mask)) != 0)
                puts("changed signal mask");
        if (a->umask != b->umask)
                puts("changed umask");
        if (strcmp(a->cwd, b->cwd) != 0)
                puts("changed working directory");
        if (strcmp(a->environment, b->environment) != 0)
                puts("changed environment");
        if (a->threads != b->threads)
                puts("changed threads");
}

static double now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

static void wait_for_file(void) {
        (void) fflush(stdout);
        while (access(arg_wait, F_OK) < 0)
                (void) usleep(20000);
}

static double session(void) {
        const struct pam_conv conv = { .conv = converse };
        pam_handle_t *pamh = NULL;
        double start, took;
        int r;

        if (pam_start_confdir(arg_service, arg_user, &conv, arg_confdir, &pamh) != PAM_SUCCESS)
                die("pam_start_confdir");
        if (arg_rhost)
                (void) pam_set_item(pamh, PAM_RHOST, arg_rhost);
        for (int i = 0; i < arg_n_env; i++)
                (void) pam_putenv(pamh, arg_env[i]);
        start = now();
        if (arg_account) {
                r = pam_acct_mgmt(pamh, 0);
                took = now() - start;
                printf("account %s\n", r == PAM_SUCCESS ? "success" : pam_strerror(pamh, r));
                (void) pam_end(pamh, r);
                return took;
        }
        r = pam_open_session(pamh, 0);
        took = now() - start;
        if (!arg_quiet || r != PAM_SUCCESS)
                printf("open %s\n", r == PAM_SUCCESS ? "success" : pam_strerror(pamh, r));
        if (arg_wait)
                wait_for_file();
        if (!arg_keep && r == PAM_SUCCESS) {
                r = pam_close_session(pamh, 0);
                if (!arg_quiet || r != PAM_SUCCESS)
                        printf("close %s\n", r == PAM_SUCCESS ? "success" : pam_strerror(pamh, r));
        }
        (void) pam_end(pamh, r);
        return took;
}

static void lead(const char *path) {
        FILE *f = fopen(path, "ae");

        if (!f || fprintf(f, "LEADER=%d\n", (int) getpid()) < 0 || fclose(f) != 0)
                die(path);
}

static int run(void) {
        double slowest = 0, total = 0;
        unsigned fds = 0;
        size_t heap = 0;
        Own before, after;

        look(&before);
        for (int i = 0; i < arg_rounds; i++) {
                double took = session();

                slowest = took > slowest ? took : slowest;
                total += took;
                if (i == arg_rounds / 10) { /* what libraries load once is there */
                        fds = count_dir("/proc/self/fd");
                        heap = mallinfo2().uordblks;
                }
        }
        printf("slowest %.1f\nmean %.3f\nfds %d\nheap %ld\n", slowest, total / arg_rounds,
               (int) count_dir("/proc/self/fd") - (int) fds, (long) (mallinfo2().uordblks - heap));
        look(&after);
        compare(&before, &after);
        return fflush(stdout) == 0 ? 0 : 2;
}

int main(int argc, char *argv[]) {
        int c, failed = 0, status;

        while ((c = getopt(argc, argv, "r:j:e:h:u:l:w:kqa")) != -1)
                switch (c) {
                case 'r':
                        arg_rounds = atoi(optarg);
                        break;
                case 'j':
                        arg_jobs = atoi(optarg);
                        break;
                case 'e':
                        if (arg_n_env < 8)
                                arg_env[arg_n_env++] = optarg;
                        break;
                case 'h':
                        arg_rhost = optarg;
                        break;
                case 'u':
                        if (setresuid((uid_t) atoi(optarg), 0, 0) < 0)
                                die("setresuid");
                        break;
                case 'l':
                        lead(optarg);
                        break;
                case 'w':
                        arg_wait = optarg;
                        break;
                case 'k':
                        arg_keep = true;
                        break;
                case 'a':
                        arg_account = true;
                        break;
                case 'q':
                        arg_quiet = true;
                        break;
                default:
                        return 2;
                }
        if (argc - optind != 3)
                return 2;
        arg_confdir = argv[optind];
        arg_service = argv[optind + 1];
        arg_user = argv[optind + 2];
        setvbuf(stdout, NULL, _IOLBF, 0);
        if (arg_jobs == 1)
                return run();
        for (int i = 0; i < arg_jobs; i++)
                if (fork() == 0)
                        _exit(run());
        while (wait(&status) > 0)
                failed |= status;
        return failed != 0;
}
