/* SPDX-License-Identifier: MIT */
/* The module's objects with every call out of them made to fail, one at a time.
 *
 *   pam-faults CONFDIR USER RECORD [strict]
 *
 * Linked with --wrap for each function below, so that calls from our own code come here. For fault
 * 1, 2, 3... until there are no more: a child opens a session with that one call failing, and has
 * to be let in (with strict: in or cleanly refused, but for root) within 2 s, without a descriptor
 * left open.
 * Then another child logs in without a fault, which has to bring everything to order.
 *
 * What looks again and again until a deadline calls as often as the machine lets it: of one place
 * only the first few calls are counted. */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <security/pam_modules.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-login.h>
#include <time.h>
#include <unistd.h>

static unsigned long arg_fail_at, arg_calls;
static const char *arg_failed;
static bool arg_armed, arg_account;

enum { CALLS_OF_ONE_PLACE = 25, PLACES_MAX = 2048 };

static bool is_counted(const void *place) {
        static const void *places[PLACES_MAX];
        static unsigned calls[PLACES_MAX];
        size_t i = 0;

        while (i < PLACES_MAX && places[i] && places[i] != place)
                i++;
        if (i == PLACES_MAX)
                abort();
        places[i] = place;
        return calls[i]++ < CALLS_OF_ONE_PLACE;
}

#define fails(name, error) fails_at(name, error, __builtin_return_address(0))

static bool fails_at(const char *name, int error, const void *place) {
        if (!arg_armed || !is_counted(place) || ++arg_calls != arg_fail_at)
                return false;
        arg_failed = name;
        errno = error;
        return true;
}

#define COMMA ,

/* A function with fixed parameters: what it returns when it fails, and errno then. */
#define WRAP(type, name, parameters, arguments, failure, error)     \
 type __real_##name parameters;                                     \
 type __wrap_##name parameters;                                     \
 type __wrap_##name parameters {                                    \
  return fails(#name, error) ? (failure) : __real_##name arguments; \
 }

WRAP(void *, malloc, (size_t n), (n), NULL, ENOMEM)
WRAP(void *, calloc, (size_t a, size_t b), (a, b), NULL, ENOMEM)
WRAP(void *, realloc, (void *p, size_t n), (p, n), NULL, ENOMEM)
WRAP(void *, reallocarray, (void *p, size_t a, size_t b), (p, a, b), NULL, ENOMEM)
WRAP(char *, strdup, (const char *s), (s), NULL, ENOMEM)
WRAP(char *, strndup, (const char *s, size_t n), (s, n), NULL, ENOMEM)
WRAP(int, vasprintf, (char **p, const char *f, va_list ap), (p, f, ap), -1, ENOMEM)
WRAP(FILE *, open_memstream, (char **p, size_t *n), (p, n), NULL, ENOMEM)
WRAP(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n), -1, EIO)
WRAP(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n), -1, ENOSPC)
WRAP(int, renameat, (int a, const char *b, int c, const char *d), (a, b, c, d), -1, EROFS)
WRAP(int, mkdir, (const char *p, mode_t m), (p, m), -1, ENOSPC)
WRAP(int, unlinkat, (int a, const char *b, int c), (a, b, c), -1, EROFS)
WRAP(int, rmdir, (const char *p), (p), -1, EROFS)
WRAP(int, fchmod, (int fd, mode_t m), (fd, m), -1, EPERM)
WRAP(int, fsync, (int fd), (fd), -1, EIO)
WRAP(int, flock, (int fd, int how), (fd, how), -1, ENOLCK)
WRAP(int, fstat, (int fd, struct stat *st), (fd, st), -1, EIO)
WRAP(int, fstatat, (int a, const char *b, struct stat *st, int c), (a, b, st, c), -1, EIO)
WRAP(int, utimensat, (int a, const char *b, const struct timespec *t, int c), (a, b, t, c), -1,
     EROFS)
WRAP(int, access, (const char *p, int m), (p, m), -1, EACCES)
WRAP(DIR *, opendir, (const char *p), (p), NULL, EMFILE)
WRAP(DIR *, fdopendir, (int fd), (fd), NULL, ENOMEM)
WRAP(struct dirent *, readdir, (DIR * d), (d), NULL, EIO)
WRAP(int, socket, (int a, int b, int c), (a, b, c), -1, EMFILE)
WRAP(ssize_t, sendto,
     (int fd, const void *p, size_t n, int f, const struct sockaddr *a, socklen_t l),
     (fd, p, n, f, a, l), -1, EAGAIN)
WRAP(int, gethostname, (char *p, size_t n), (p, n), -1, ENAMETOOLONG)
WRAP(int, sysinfo, (struct sysinfo * i), (i), -1, EFAULT)
WRAP(int, getpwnam_r, (const char *n, struct passwd *p, char *b, size_t s, struct passwd **r),
     (n, p, b, s, r), (*r = NULL, EIO), EIO)
WRAP(int, getgrgid_r, (gid_t n, struct group *p, char *b, size_t s, struct group **r),
     (n, p, b, s, r), (*r = NULL, EIO), EIO)
WRAP(int, getgrouplist, (const char *n, gid_t g, gid_t *l, int *c), (n, g, l, c), -1, EIO)
WRAP(int, sd_uid_get_sessions, (uid_t u, int a, char ***r), (u, a, r), -ENOMEM, ENOMEM)
WRAP(int, sd_session_get_service, (const char *s, char **r), (s, r), -ENOMEM, ENOMEM)
WRAP(int, sd_session_get_class, (const char *s, char **r), (s, r), -ENOMEM, ENOMEM)
WRAP(int, sd_session_get_state, (const char *s, char **r), (s, r), -ENOMEM, ENOMEM)
WRAP(int, sd_bus_new, (sd_bus * *b), (b), -ENOMEM, ENOMEM)
WRAP(int, sd_bus_set_address, (sd_bus * b, const char *a), (b, a), -ENOMEM, ENOMEM)
WRAP(int, sd_bus_start, (sd_bus * b), (b), -ECONNREFUSED, ECONNREFUSED)
WRAP(int, sd_bus_process, (sd_bus * b, sd_bus_message **m), (b, m), -ECONNRESET, ECONNRESET)
WRAP(int, sd_bus_wait, (sd_bus * b, uint64_t t), (b, t), -EIO, EIO)
WRAP(int, sd_bus_call,
     (sd_bus * b, sd_bus_message *m, uint64_t t, sd_bus_error *e, sd_bus_message **r),
     (b, m, t, e, r), -ECONNRESET, ECONNRESET)
WRAP(int, sd_bus_message_new_method_call,
     (sd_bus * b, sd_bus_message **m, const char *d, const char *p, const char *i, const char *n),
     (b, m, d, p, i, n), -ENOMEM, ENOMEM)
WRAP(int, sd_bus_message_open_container, (sd_bus_message * m, char t, const char *c), (m, t, c),
     -ENOMEM, ENOMEM)

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...) {
        va_list ap;
        mode_t mode;

        va_start(ap, flags);
        mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
        va_end(ap);
        return fails("open", EMFILE) ? -1 : __real_open(path, flags, mode);
}

int __real_openat(int fd, const char *path, int flags, ...);
int __wrap_openat(int fd, const char *path, int flags, ...);
int __wrap_openat(int fd, const char *path, int flags, ...) {
        va_list ap;
        mode_t mode;

        va_start(ap, flags);
        mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
        va_end(ap);
        return fails("openat", EMFILE) ? -1 : __real_openat(fd, path, flags, mode);
}

/* What the C library's headers call instead where _FORTIFY_SOURCE is defined. */
WRAP(int, __open_2, (const char *p, int f), (p, f), -1, EMFILE)
WRAP(int, __openat_2, (int fd, const char *p, int f), (fd, p, f), -1, EMFILE)
WRAP(int, __vasprintf_chk, (char **p, int c, const char *f, va_list ap), (p, c, f, ap), -1, ENOMEM)

/* A stream that could not be flushed: closed all the same. */
int __real_fclose(FILE *f);
int __wrap_fclose(FILE *f);
int __wrap_fclose(FILE *f) {
        bool failed = fails("fclose", ENOMEM);
        int r = __real_fclose(f);

        return failed ? EOF : r;
}

static int converse(int n, const struct pam_message **messages, struct pam_response **ret,
                    void *data) {
        (void) messages, (void) data;
        *ret = __real_calloc(n, sizeof(struct pam_response));
        return PAM_SUCCESS;
}

static unsigned count_fds(void) {
        DIR *d = __real_opendir("/proc/self/fd");
        unsigned n = 0;

        while (d && __real_readdir(d))
                n++;
        if (d)
                (void) closedir(d);
        return n;
}

static double now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

typedef struct Result {
        bool reached; /* there was a call of that number */
        int pam;
        double took;
        int fds;
        char failed[48];
} Result;

static void login(const char *confdir, const char *user, unsigned long fail_at, bool strict,
                  Result *ret) {
        const char *argv[] = { strict ? "strict" : "debug", "capture" };
        const struct pam_conv conv = { .conv = converse };
        pam_handle_t *pamh = NULL;
        unsigned fds;
        double start;

        if (pam_start_confdir("cron", user, &conv, confdir, &pamh) != PAM_SUCCESS)
                exit(2);
        fds = count_fds();
        arg_fail_at = fail_at;
        arg_calls = 0;
        start = now();
        arg_armed = true;
        ret->pam = arg_account ? pam_sm_acct_mgmt(pamh, PAM_SILENT, 1, argv)
                               : pam_sm_open_session(pamh, 0, 2, argv);
        arg_armed = false;
        ret->took = now() - start;
        ret->reached = arg_failed != NULL;
        ret->fds = (int) count_fds() - (int) fds;
        (void) snprintf(ret->failed, sizeof(ret->failed), "%s", arg_failed ? arg_failed : "");
        (void) pam_end(pamh, PAM_SUCCESS);
}

static int in_child(const char *confdir, const char *user, unsigned long fail_at, bool strict,
                    Result *ret) {
        int pipes[2], status = -1;
        pid_t pid;

        memset(ret, 0, sizeof(*ret));
        if (pipe(pipes) < 0)
                return -1;
        pid = fork();
        if (pid == 0) {
                Result result = {};

                login(confdir, user, fail_at, strict, &result);
                exit(__real_write(pipes[1], &result, sizeof(result)) == sizeof(result) ? 0 : 2);
        }
        (void) close(pipes[1]);
        if (__real_read(pipes[0], ret, sizeof(*ret)) != sizeof(*ret))
                ret->failed[0] = '?';
        (void) close(pipes[0]);
        (void) waitpid(pid, &status, 0);
        return status;
}

int main(int argc, char *argv[]) {
        bool strict = argc > 4 && strcmp(argv[4], "strict") == 0;
        /* "account": who is welcome stays so; "newcomer": who is not may be let in. */
        bool newcomer = argc > 4 && strcmp(argv[4], "newcomer") == 0;
        bool refusable = strict && strcmp(argv[2], "root") != 0;
        double slowest = 0;
        unsigned long i;
        int failures = 0, refused = 0;
        Result result;

        if (argc < 4)
                return 2;
        arg_account = newcomer || (argc > 4 && strcmp(argv[4], "account") == 0);
        for (unsigned long n = 2; n < 5000; n++) {
                int status;
                bool let_in, clean;

                i = n / 2;
                if (n % 2 == 0 && !arg_account)
                        (void) remove(argv[3]); /* it may not have been written */
                status = in_child(argv[1], argv[2], i, strict, &result);
                let_in = result.pam == PAM_SUCCESS;
                clean = (newcomer && result.pam == PAM_PERM_DENIED) ||
                        (refusable &&
                         (result.pam == PAM_SESSION_ERR || result.pam == PAM_USER_UNKNOWN));

                if (status == 0 && !result.reached) {
                        if (n % 2 == 0)
                                break;
                        continue; /* there was less to do */
                }
                slowest = result.took > slowest ? result.took : slowest;
                refused += !let_in;
                if (status != 0 || (!let_in && !clean) || result.took > 2 || result.fds != 0) {
                        printf("fault %lu (%s): status %#x, PAM %d, %.3f s, %d descriptors\n", i,
                               result.failed, (unsigned) status, result.pam, result.took,
                               result.fds);
                        failures++;
                }
                /* As if it had been killed there: half of the time the next one finds what is left.
                 */
                if (i % 2 == 0)
                        (void) in_child(argv[1], argv[2], 0, false, &result);
        }
        (void) in_child(argv[1], argv[2], 0, false, &result);
        printf("%lu faults, %d failures, %d refused, slowest %.1f ms\n", i - 1, failures, refused,
               slowest * 1e3);
        return failures > 0 || i < (arg_account ? 15 : 150);
}
