/* SPDX-License-Identifier: MIT */
/* The process that waits for the end of a leash. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "backend/cgroup-procs.h"
#include "backend/cgroup-waiter.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/proc.h"

#define WAITER_COMM "leash-expire"
#define RELEASING_COMM "leash-release"
/* As PID 1 does for the systemd backend. */
#define RETRY_AFTER (10 * USEC_PER_SEC)

#define MARK_MAX 240 /* memfd_create(2) */

/* The waiters of a target are told by what stands where others have their standard input; a record
 * does not know of one that was started by a leash killed just then. */
static char *mark_of(const char *target, char buf[static MARK_MAX]) {
        (void) snprintf(buf, MARK_MAX, WAITER_COMM " %.200s", target);
        return buf;
}

static bool is_waiter(const char *target, const ProcStat *stat) {
        char mark[MARK_MAX], want[MARK_MAX + 32], got[MARK_MAX + 64], path[64];
        ProcStatus status;
        ssize_t n;

        /* It has another name while it ends the leash. */
        if (strcmp(stat->comm, WAITER_COMM) != 0 || proc_read_status(stat->pid, &status) < 0 ||
            status.ruid != 0)
                return false;
        (void) snprintf(path, sizeof(path), "/proc/%d/fd/0", (int) stat->pid);
        n = readlink(path, got, sizeof(got) - 1);
        got[n < 0 ? 0 : n] = '\0';
        (void) snprintf(want, sizeof(want), "/memfd:%s (deleted)", mark_of(target, mark));
        return strcmp(got, want) == 0;
}

void waiter_stop(const char *target) {
        _cleanup_free_ pid_t *pids = NULL;
        size_t n = 0;

        if (proc_list(&pids, &n) < 0) /* each does no harm, ending only what has expired */
                return;
        for (size_t i = 0; i < n; i++) {
                _cleanup_close_ int pidfd = -EBADF;
                ProcStat stat;

                if (proc_read_stat(pids[i], &stat) < 0 || !is_waiter(target, &stat))
                        continue;
                pidfd = proc_open(pids[i]);
                if (pidfd >= 0 && proc_read_stat(pids[i], &stat) >= 0 && is_waiter(target, &stat))
                        (void) syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL,
                                       0); /* as above */
        }
}

bool waiter_is_there(const char *target, const char *timer) {
        uint64_t start;
        ProcStat stat;
        int pid;

        return sscanf(timer, "%d:%" SCNu64, &pid, &start) == 2 && proc_read_stat(pid, &stat) >= 0 &&
               stat.start_ticks == start && is_waiter(target, &stat);
}

/* leash itself where this is leash, installed or not, else the installed one. */
static void find_program(const Backend *b, char ret[static CGROUPFS_PATH_MAX]) {
        ssize_t n = readlink("/proc/self/exe", ret, CGROUPFS_PATH_MAX - 1);

        ret[n < 0 ? 0 : n] = '\0';
        if (strcmp(basename(ret), basename(b->options.program)) != 0)
                (void) snprintf(ret, CGROUPFS_PATH_MAX, "%s", b->options.program);
}

/* Out of the way of the standard ones, which leash may have been started without. */
static int lift(int fd) {
        return fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* True if the leash has ended, by this or by others. Meanwhile this process has another name, and
 * so is not ended by what it runs, which would leave nobody to try again. */
static bool release_expired(const char *program) {
        int status;
        pid_t child;

        (void) prctl(PR_SET_NAME, RELEASING_COMM); /* it cannot fail */
        child = fork();
        if (child == 0) {
                (void) dup2(1, 0);
                (void) execl(program, program, "release", "--expired", NULL);
                _exit(127);
        }
        while (child > 0 && waitpid(child, &status, 0) < 0)
                if (errno != EINTR)
                        child = -1;
        (void) prctl(PR_SET_NAME, WAITER_COMM);
        return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

/* In a child of a child: keeps nothing of its parents, the record's lock least of all. */
static _Noreturn void wait_and_release(const Backend *b, const char *target, usec_t until,
                                       int report) {
        const struct timespec ts = { .tv_sec = until / USEC_PER_SEC,
                                     .tv_nsec = until % USEC_PER_SEC * NSEC_PER_USEC };
        int null = lift(open("/dev/null", O_RDWR | O_CLOEXEC)), mark;
        char program[CGROUPFS_PATH_MAX], buf[MARK_MAX];
        pid_t pid = getpid();
        sigset_t none;

        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) signal(SIGCHLD, SIG_DFL); /* who ignores it is not told how a child ended */
        mark = lift(memfd_create(mark_of(target, buf), MFD_CLOEXEC));
        report = lift(report);
        if (mark < 0 || null < 0 || report < 0 || chdir("/") < 0 ||
            prctl(PR_SET_NAME, WAITER_COMM) < 0)
                _exit(EXIT_FAILURE);
        procs_leave(&b->fs);
        find_program(b, program);
        for (int fd = 0; fd < 3; fd++)
                (void) dup2(fd == 0 ? mark : null, fd); /* it cannot fail between valid numbers */
        if (write(report, &pid, sizeof(pid)) != sizeof(pid))
                _exit(EXIT_FAILURE);
        (void) close_range(3, ~0U, 0);
        /* Absolute, so that it is the wall clock that counts, though it be set meanwhile. */
        while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL) == EINTR)
                ;
        while (!release_expired(program))
                clock_sleep(RETRY_AFTER);
        _exit(EXIT_SUCCESS);
}

static int start_waiter(const Backend *b, const char *target, usec_t until, pid_t *ret) {
        _cleanup_close_ int from = -EBADF, to = -EBADF;
        int fds[2];
        pid_t child;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        from = fds[0];
        to = fds[1];
        child = fork();
        if (child < 0)
                return -errno;
        if (child == 0) {
                if (setsid() < 0)
                        _exit(EXIT_FAILURE);
                if (fork() == 0)
                        wait_and_release(b, target, until, to);
                _exit(EXIT_SUCCESS);
        }
        fd_closep(&to);
        to = -EBADF;
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
                ;
        return read(from, ret, sizeof(*ret)) == sizeof(*ret) ? 0 : -ECHILD;
}

int waiter_start(const Backend *b, const char *target, usec_t until, char **ret_timer) {
        char *timer;
        ProcStat stat;
        pid_t pid;
        int r;

        r = start_waiter(b, target, until, &pid);
        if (r >= 0)
                r = proc_read_stat(pid, &stat);
        if (r == -ESRCH) { /* the time was up already */
                *ret_timer = NULL;
                return 0;
        }
        if (r < 0)
                return r;
        timer = file_path("%d:%" PRIu64, (int) pid, stat.start_ticks);
        if (!timer)
                return -ENOMEM;
        *ret_timer = timer;
        return 0;
}
