/* SPDX-License-Identifier: MIT */
/* Telling the user: a notification on their desktop, a line on their terminals. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/login.h"
#include "backend/notify.h"
#include "os/file.h"
#include "os/identity.h"
#include "os/user.h"

#define PROGRAM LIBEXECDIR "/leash-notify"
/* Past this nobody reads it, and it is no use to hold the process. */
#define SECONDS_MAX 3

static bool is_theirs(const struct stat *st, uid_t uid) {
        return S_ISCHR(st->st_mode) && st->st_uid == uid;
}

/* Below dev. Who named it is not trusted: logind took the name from PAM, where the login program
 * had set it. Whether the user takes messages (mesg(1)) is not asked, as write(1) does not for
 * root. */
static int open_terminal(const char *dev, const char *tty, uid_t uid) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (strncmp(tty, "pts/", 4) != 0 && strncmp(tty, "tty", 3) != 0)
                return -EINVAL;
        if (strstr(tty, ".."))
                return -EINVAL;
        path = file_path("%s/%s", dev, tty);
        if (!path)
                return -ENOMEM;
        /* Before as well: to open a console that nobody uses is to make it. */
        if (lstat(path, &st) < 0)
                return -errno;
        if (!is_theirs(&st, uid))
                return -EPERM;
        fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!is_theirs(&st, uid))
                return -EPERM;
        return TAKE_FD(fd);
}

/* Returns how many got it: 0 or 1. */
static unsigned tell(const char *dev, const char *tty, uid_t uid, const char *text) {
        _cleanup_close_ int fd = open_terminal(dev, tty, uid);

        /* One whose output is stopped takes nothing, and that is its user's affair. */
        return fd >= 0 && write(fd, text, strlen(text)) > 0;
}

/* Those in dev/FOLDER that are called PREFIX and a number: others with "tty" in their names are
 * serial lines, with who knows what at the other end. */
static unsigned tell_numbered(const char *dev, const char *folder, const char *prefix, uid_t uid,
                              const char *text) {
        _cleanup_free_ char *path = file_path("%s/%s", dev, folder);
        _cleanup_closedir_ DIR *d = path ? opendir(path) : NULL;
        size_t n = strlen(prefix);
        unsigned told = 0;
        struct dirent *de;

        while (d && (de = readdir(d))) {
                _cleanup_free_ char *tty = NULL;

                if (strncmp(de->d_name, prefix, n) != 0 || de->d_name[n] == '\0' ||
                    de->d_name[n + strspn(de->d_name + n, "0123456789")] != '\0')
                        continue;
                tty = file_path("%s%s", folder, de->d_name);
                if (tty)
                        told += tell(dev, tty, uid, text);
        }
        return told;
}

unsigned notify_terminals(const char *root, uid_t uid, const char *text) {
        _cleanup_free_ char *dev = file_path("%s/dev", root);
        LoginSession *sessions;
        unsigned told = 0;
        bool known;
        size_t n;

        if (!dev || login_sessions(uid, &sessions, &n) < 0)
                return 0;
        known = n > 0;
        for (size_t i = 0; i < n; i++)
                known &= sessions[i].tty != NULL;
        for (size_t i = 0; i < n && known; i++)
                told += tell(dev, sessions[i].tty, uid, text);
        login_sessions_free(sessions, n);
        return known ? told
                     : tell_numbered(dev, "pts/", "", uid, text) +
                               tell_numbered(dev, "", "tty", uid, text);
}

/* Neither root's environment nor root's files go with it. */
static void run_as(const DesktopNotice *notice, gid_t gid) __attribute__((noreturn));

static void run_as(const DesktopNotice *notice, gid_t gid) {
        char *argv[] = { (char *) PROGRAM,         (char *) "--tag=leash", (char *) "--",
                         (char *) notice->summary, (char *) notice->body,  NULL };
        char *environment[] = { (char *) "PATH=/usr/bin:/bin", (char *) "LANG=C.UTF-8", NULL };
        sigset_t none;
        int null;

        if (identity_become(notice->uid, gid) < 0 || chdir("/") < 0)
                _exit(127);
        null = open("/dev/null", O_RDWR);
        for (int fd = 0; fd < 3; fd++)
                if (null < 0 || dup2(null, fd) < 0)
                        _exit(127);
        (void) setsid();
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) signal(SIGALRM, SIG_DFL);
        (void) alarm(SECONDS_MAX); /* survives execve(2) */
        (void) execve(PROGRAM, argv, environment);
        _exit(127);
}

/* Returns 0 if there is somebody to run it as. */
static int find_group(const DesktopNotice *notice, gid_t *ret) {
        _cleanup_(user_info_done) UserInfo user = {};
        _cleanup_free_ char *name = NULL;
        int r;

        if (access(PROGRAM, X_OK) < 0)
                return -errno;
        r = user_name(notice->uid, &name);
        if (r >= 0)
                r = user_info(name, &user);
        if (r < 0)
                return r;
        if (user.uid != notice->uid)
                return -ESRCH;
        *ret = user.gid;
        return 0;
}

int notify_desktop_start(const DesktopNotice *notice, pid_t *ret_pid) {
        gid_t gid;
        pid_t pid;
        int r;

        r = find_group(notice, &gid);
        if (r < 0)
                return r;
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                run_as(notice, gid);
        *ret_pid = pid;
        return 0;
}

static int wait_for(pid_t pid, int *ret_status) {
        while (waitpid(pid, ret_status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

bool notify_desktop_finish(pid_t pid) {
        int status;

        return wait_for(pid, &status) >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Forked twice: the child of a child is nobody's to wait for. */
int notify_desktop(const DesktopNotice *notice) {
        int status, r;
        gid_t gid;
        pid_t pid;

        r = find_group(notice, &gid);
        if (r < 0)
                return r;
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                if (fork() == 0)
                        run_as(notice, gid);
                _exit(0);
        }
        return wait_for(pid, &status);
}
