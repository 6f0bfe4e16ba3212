/* SPDX-License-Identifier: MIT */
/* Whether the Kerberos tickets of sessions still hold. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "backend/tickets.h"
#include "core/ccache.h"
#include "core/parse.h"
#include "os/clock.h"
#include "os/file.h"

#define VARIABLE "KRB5CCNAME="
#define ENVIRONMENT_MAX (256 * 1024)
#define CHILDREN_MAX 32

/* What the process that looks says of one session. */
typedef struct Answer {
        uint32_t index, ticket;
} Answer;

/* The value in a block of "NAME=VALUE\0" strings; NULL. */
static const char *find_variable(const char *block, size_t size) {
        for (const char *at = block; at < block + size; at += strlen(at) + 1)
                if (strncmp(at, VARIABLE, strlen(VARIABLE)) == 0)
                        return at + strlen(VARIABLE);
        return NULL;
}

/* The path of a cache of the FILE kind, as a new string; NULL. */
static char *path_of(const char *name) {
        if (strncmp(name, "FILE:", strlen("FILE:")) == 0)
                name += strlen("FILE:");
        return name[0] == '/' ? strdup(name) : NULL;
}

/* Asks one process of the user's. Returns a new string, NULL if it has no such variable. */
static char *ask_process(pid_t pid, uid_t uid, gid_t *ret_gid) {
        _cleanup_free_ char *block = NULL;
        const char *name;
        char path[64];
        struct stat st;
        size_t size;

        (void) snprintf(path, sizeof(path), "/proc/%d", (int) pid);
        if (stat(path, &st) < 0 || st.st_uid != uid)
                return NULL;
        (void) snprintf(path, sizeof(path), "/proc/%d/environ", (int) pid);
        if (file_read(AT_FDCWD, path, ENVIRONMENT_MAX, &block, &size) < 0)
                return NULL;
        *ret_gid = st.st_gid;
        name = find_variable(block, size);
        return name ? path_of(name) : NULL;
}

/* By what the session's leader has started: its own environment is from before the login. */
static char *find_path(const Session *s, gid_t *ret_gid) {
        char path[64], children[4096], *rest = children;
        ssize_t n;

        (void) snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int) s->leader,
                        (int) s->leader);
        n = file_read_buffer(path, children, sizeof(children));
        for (unsigned i = 0; i < CHILDREN_MAX && n > 0; i++) {
                const char *word = strsep(&rest, " ");
                char *found;
                pid_t pid;

                if (!word || parse_pid(word, &pid) < 0)
                        break;
                found = ask_process(pid, s->uid, ret_gid);
                if (found)
                        return found;
        }
        return NULL;
}

/* Opens with the rights of the user: to any other user id than 0 the kernel leaves no capability
 * over files (setfsuid(2), capabilities(7)). */
static int open_as(const char *path, uid_t uid, gid_t gid) {
        int fd;

        (void) setfsgid(gid);
        (void) setfsuid(uid);
        if (setfsgid((gid_t) -1) != (int) gid || setfsuid((uid_t) -1) != (int) uid)
                return -EPERM;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        fd = fd < 0 ? -errno : fd;
        (void) setfsuid(0);
        (void) setfsgid(0);
        return fd;
}

static Ticket look(const Session *s, uint64_t now) {
        _cleanup_free_ char *path = NULL, *data = NULL;
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        uint64_t end;
        size_t size;
        gid_t gid;

        if (s->uid == 0 || s->leader <= 1)
                return TICKET_UNKNOWN;
        path = find_path(s, &gid);
        fd = path ? open_as(path, s->uid, gid) : -ENOENT;
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != s->uid ||
            file_read_fd(fd, CCACHE_SIZE_MAX, &data, &size) < 0 ||
            ccache_end_time((const uint8_t *) data, size, &end) < 0)
                return TICKET_UNKNOWN;
        return end <= now ? TICKET_EXPIRED : TICKET_VALID;
}

static void look_at_all(const Session *const *sessions, size_t n, int out)
        __attribute__((noreturn));

static void look_at_all(const Session *const *sessions, size_t n, int out) {
        uint64_t now = clock_realtime() / USEC_PER_SEC;

        (void) signal(SIGALRM, SIG_DFL);
        (void) signal(SIGPIPE, SIG_DFL);
        (void) alarm(2 * TICKETS_TIMEOUT / USEC_PER_SEC);
        if (setgroups(0, NULL) < 0)
                _exit(1);
        for (size_t i = 0; i < n; i++) {
                const Answer answer = { (uint32_t) i, look(sessions[i], now) };

                if (answer.ticket != TICKET_UNKNOWN &&
                    write(out, &answer, sizeof(answer)) != sizeof(answer))
                        break;
        }
        _exit(0);
}

/* Forked twice: one that hangs in a file server is nobody's to wait for. */
static int start(const Session *const *sessions, size_t n, int *ret) {
        _cleanup_close_ int in = -EBADF, out = -EBADF;
        int ends[2], status;
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        in = ends[0];
        out = ends[1];
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                if (fork() == 0)
                        look_at_all(sessions, n, out);
                _exit(0);
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        *ret = TAKE_FD(in);
        return 0;
}

void tickets_read(const Session *const *sessions, size_t n, Ticket *ret) {
        _cleanup_close_ int in = -EBADF;
        usec_t end = clock_monotonic() + TICKETS_TIMEOUT;

        for (size_t i = 0; i < n; i++)
                ret[i] = TICKET_UNKNOWN;
        if (n == 0 || geteuid() != 0 || start(sessions, n, &in) < 0)
                return;
        for (;;) {
                struct pollfd p = { .fd = in, .events = POLLIN };
                usec_t now = clock_monotonic();
                Answer answer;

                if (now >= end || poll(&p, 1, (int) ((end - now) / USEC_PER_MSEC) + 1) <= 0 ||
                    read(in, &answer, sizeof(answer)) != sizeof(answer))
                        return;
                if (answer.index < n && answer.ticket < _TICKET_MAX)
                        ret[answer.index] = answer.ticket;
        }
}
