/* SPDX-License-Identifier: MIT */
/* The program that draws the lock screen and asks for the password. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "locker.h"
#include "os/file.h"
#include "os/identity.h"
#include "os/proc.h"

#define WORDS_MAX 64
#define ENVIRONMENT_MAX 64
#define SEARCH_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct Locker {
        pid_t pid;
        int ready_fd;
        sd_event_source *child, *ready;
        LockerHandler handler;
        void *userdata;
};

/* ---- the command line --------------------------------------------------------------------------
 */

/* Cuts `text` into words, in place. Returns how many, or -EINVAL, -E2BIG. */
static int split(char *text, char *words[static WORDS_MAX + 1]) {
        int n = 0;

        for (char *in = text;;) {
                char *out, quote = '\0';

                in += strspn(in, " \t");
                if (*in == '\0')
                        break;
                if (n == WORDS_MAX)
                        return -E2BIG;
                words[n++] = out = in;
                for (; *in && (quote || !strchr(" \t", *in)); in++)
                        if (quote ? *in == quote : *in == '"' || *in == '\'')
                                quote = quote ? '\0' : *in;
                        else
                                *out++ = *in;
                if (quote)
                        return -EINVAL;
                in += *in != '\0';
                *out = '\0';
        }
        words[n] = NULL;
        return n > 0 ? n : -EINVAL;
}

/* What a locker needs to find the display, the user and their language. LD_PRELOAD, PATH and
 * lockers' own variables (XSECURELOCK_*) are the user's to set, and may switch the lock off; the
 * policy sets what is wanted: locker=env XSECURELOCK_SAVER=saver_blank xsecurelock. */
static bool is_passed_on(const char *assignment) {
        static const char *const names[] = {
                "DISPLAY",
                "XAUTHORITY",
                "HOME",
                "USER",
                "LOGNAME",
                "LANG",
                "LANGUAGE",
                "LC_",
                "TZ",
                "XDG_RUNTIME_DIR",
                "XDG_SESSION_ID",
                "DBUS_SESSION_BUS_ADDRESS",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                size_t n = strlen(names[i]);

                if (strncmp(assignment, names[i], n) == 0 &&
                    (assignment[n] == '=' || names[i][n - 1] == '_'))
                        return true;
        }
        return false;
}

static void run(char *words[], int ready_fd) __attribute__((noreturn));

static void run(char *words[], int ready_fd) {
        char path[] = "PATH=" SEARCH_PATH, show_layout[] = "XSECURELOCK_SHOW_KEYBOARD_LAYOUT=1";
        char fd_text[64];
        char *environment[ENVIRONMENT_MAX + 4];
        int kept;
        size_t n = 0;
        sigset_t none;

        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) signal(SIGPIPE, SIG_DFL);
        (void) setpgid(0, 0);
        for (char **e = environ; *e && n < ENVIRONMENT_MAX; e++)
                if (is_passed_on(*e))
                        environment[n++] = *e;
        environment[n++] = path;
        /* xrdp sets the client's layout at each reconnect, and a password typed in another one is
         * wrong: the prompt has to name it. Others take no notice. */
        environment[n++] = show_layout;
        kept = fcntl(ready_fd, F_DUPFD, 3); /* without O_CLOEXEC */
        (void) snprintf(fd_text, sizeof(fd_text), "XSS_SLEEP_LOCK_FD=%d", kept);
        if (kept >= 0)
                environment[n++] = fd_text;
        environment[n] = NULL;
        (void) identity_take_null(STDIN_FILENO); /* a locker that reads is still a locker */

        environ = environment; /* execvp() searches the PATH that is there now */
        (void) execvp(words[0], words);
        _exit(127);
}

/* ---- its life ----------------------------------------------------------------------------------
 */

static int on_child(sd_event_source *source, const siginfo_t *info, void *userdata) {
        Locker *l = userdata;

        (void) source;
        switch (info->si_code) {
        case CLD_STOPPED:
        case CLD_TRAPPED:
                l->handler(LOCKER_EVENT_STOPPED, 0, l->userdata);
                break;
        case CLD_CONTINUED:
                break;
        case CLD_EXITED:
                l->handler(info->si_status == 0 ? LOCKER_EVENT_SUCCESS : LOCKER_EVENT_DIED,
                           info->si_status, l->userdata);
                break;
        default:
                l->handler(LOCKER_EVENT_DIED, -info->si_status, l->userdata);
                break;
        }
        return 0;
}

/* Closed: ready, or dead. Nothing is ever written to it. */
static int on_ready(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Locker *l = userdata;

        (void) fd, (void) events;
        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        l->handler(LOCKER_EVENT_READY, 0, l->userdata);
        return 0;
}

/* Ends before it begins: what was started is not left without anybody to listen. */
static int watch(Locker *l, sd_event *event) {
        int r;

        r = sd_event_add_child(event, &l->child, l->pid, WEXITED | WSTOPPED | WCONTINUED, on_child,
                               l);
        if (r >= 0) /* it may be stopped before it ends */
                r = sd_event_source_set_enabled(l->child, SD_EVENT_ON);
        if (r >= 0)
                r = sd_event_add_io(event, &l->ready, l->ready_fd, EPOLLIN | EPOLLHUP, on_ready, l);
        if (r >= 0) /* a locker that has died is not ready, in whichever order we learn of it */
                r = sd_event_source_set_priority(l->ready, SD_EVENT_PRIORITY_NORMAL + 10);
        if (r < 0)
                locker_kill(l);
        return r;
}

int locker_start(sd_event *event, const char *command, LockerHandler handler, void *userdata,
                 Locker **ret) {
        _cleanup_(locker_freep) Locker *l = calloc(1, sizeof(Locker));
        _cleanup_free_ char *copy = strdup(command);
        char *words[WORDS_MAX + 1];
        int pipe_fds[2], r;

        if (l)
                l->ready_fd = -EBADF;
        if (!l || !copy)
                return -ENOMEM;
        r = split(copy, words);
        if (r < 0)
                return r;
        if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        l->ready_fd = pipe_fds[0];
        l->handler = handler;
        l->userdata = userdata;
        l->pid = fork();
        if (l->pid == 0)
                run(words, pipe_fds[1]);
        r = l->pid < 0 ? -errno : 0;
        (void) close(pipe_fds[1]);
        if (r < 0)
                return r;
        (void) setpgid(l->pid, l->pid); /* both sides, since either may come first */
        r = watch(l, event);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

Locker *locker_free(Locker *l) {
        if (!l)
                return NULL;
        sd_event_source_disable_unref(l->child);
        sd_event_source_disable_unref(l->ready);
        fd_closep(&l->ready_fd);
        free(l);
        return NULL;
}

pid_t locker_pid(const Locker *l) {
        return l->pid;
}

void locker_kill(const Locker *l) {
        (void) kill(-l->pid, SIGKILL);
}

void locker_continue(const Locker *l) {
        (void) kill(-l->pid, SIGCONT);
}

uint32_t locker_start_time(pid_t pid) {
        ProcStat stat;

        return proc_read_stat(pid, &stat) < 0 ? 0 : (uint32_t) stat.start_ticks;
}

void locker_kill_orphan(pid_t pid, uint32_t start) {
        _cleanup_close_ int pidfd = pid > 1 ? proc_open(pid) : -EBADF;
        ProcStatus status;

        /* The mark is in a property that any client of the display can write. */
        if (pidfd < 0 || pid == getpid() || locker_start_time(pid) != start || start == 0 ||
            proc_read_status(pid, &status) < 0 || status.ruid != getuid() || !proc_is_alive(pidfd))
                return;
        if (getpgid(pid) == pid)
                (void) kill(-pid, SIGKILL);
        (void) kill(pid, SIGKILL);
}
