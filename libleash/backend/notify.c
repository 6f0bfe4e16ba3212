/* SPDX-License-Identifier: MIT */
/* Telling the user: a notification on their desktop, a line on their terminals. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/bus.h"
#include "backend/login.h"
#include "backend/notify.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/identity.h"
#include "os/user.h"

#define PROGRAM LIBEXECDIR "/leash-notify"

#define SOCKETS_MAX 4096
#define COMPOSITORS_MAX 4 /* the first one's socket is wayland-0 */
/* Past this nobody reads it, and it is no use to hold the process. */
#define SECONDS_MAX 3
/* What PID 1 may take to start it: where something runs away, or unit files are read again, that is
 * not done in a moment. */
#define CALL_TIMEOUT (10 * USEC_PER_SEC)
/* From when PID 1 forks; until leash-notify itself runs and counts, a slow machine takes its time.
 */
#define RUNTIME_MAX (30 * USEC_PER_SEC)
/* The same two for who waits for the outcome. */
#define WAIT_TIMEOUT (2 * USEC_PER_SEC)
#define WAIT_RUNTIME_MAX ((SECONDS_MAX + 1) * USEC_PER_SEC)

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

/* Those in dev/DIRECTORY that are called PREFIX and a number: others with "tty" in their names are
 * serial lines, with who knows what at the other end. */
static unsigned tell_numbered(const char *dev, const char *dir, const char *prefix, uid_t uid,
                              const char *text) {
        _cleanup_free_ char *path = file_path("%s/%s", dev, dir);
        _cleanup_closedir_ DIR *d = path ? opendir(path) : NULL;
        size_t n = strlen(prefix);
        unsigned told = 0;
        struct dirent *de;

        while (d && (de = readdir(d))) {
                _cleanup_free_ char *tty = NULL;

                if (strncmp(de->d_name, prefix, n) != 0 || de->d_name[n] == '\0' ||
                    de->d_name[n + strspn(de->d_name + n, "0123456789")] != '\0')
                        continue;
                tty = file_path("%s%s", dir, de->d_name);
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

#define ARGUMENTS_MAX 8

/* The command line. `tag` is for its option's text. */
static void put_arguments(const DesktopNotice *notice, char tag[static 64],
                          const char *argv[static ARGUMENTS_MAX]) {
        size_t n = 0;

        (void) snprintf(tag, 64, "--tag=%s", notice->tag);
        argv[n++] = PROGRAM;
        argv[n++] = tag;
        if (notice->urgent)
                argv[n++] = "--urgent";
        if (notice->close) {
                argv[n++] = "--close";
        } else {
                argv[n++] = "--";
                argv[n++] = notice->summary;
                argv[n++] = notice->body ?: "";
        }
        argv[n] = NULL;
}

/* By bus_start_service() or bus_run_service(), whose outcomes are its own. */
static int start_service(Bus *bus, uid_t uid, const char *const argv[], usec_t runtime,
                         int (*start)(Bus *bus, const BusService *service)) {
        char name[64];
        const BusService service = {
                .name = name,
                .description = "Notice for a User's Desktop",
                .uid = uid,
                .runtime = runtime, /* it ends by itself */
                .argv = argv,
        };

        (void) snprintf(name, sizeof(name), NOTIFY_UNIT "%u-%" PRIu64 ".service", (unsigned) uid,
                        clock_monotonic());
        return start(bus, &service);
}

/* Neither root's environment nor root's files go with it. */
static void run_as(uid_t uid, gid_t gid, const char *const argv[]) __attribute__((noreturn));

static void run_as(uid_t uid, gid_t gid, const char *const argv[]) {
        char *environment[] = { (char *) "PATH=/usr/bin:/bin", (char *) "LANG=C.UTF-8", NULL };
        sigset_t none;

        if (identity_become(uid, gid) < 0 || chdir("/") < 0)
                _exit(127);
        for (int fd = 0; fd < 3; fd++)
                if (identity_take_null(fd) < 0)
                        _exit(127);
        (void) setsid();
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) signal(SIGALRM, SIG_DFL);
        (void) alarm(SECONDS_MAX); /* survives execve(2) */
        (void) execve(PROGRAM, (char **) argv, environment);
        _exit(127);
}

/* Returns 0 if there is somebody to run it as. */
static int find_group(uid_t uid, gid_t *ret) {
        _cleanup_(user_info_done) UserInfo user = {};
        _cleanup_free_ char *name = NULL;
        int r;

        r = user_name(uid, &name);
        if (r >= 0)
                r = user_info(name, &user);
        if (r < 0)
                return r;
        if (user.uid != uid)
                return -ESRCH;
        *ret = user.gid;
        return 0;
}

static bool has_x_server(const char *root, uid_t uid) {
        _cleanup_free_ char *path = file_path("%s/tmp/.X11-unix", root);
        _cleanup_closedir_ DIR *d = path ? opendir(path) : NULL;
        size_t looked = 0;
        struct dirent *de;
        struct stat st;

        if (!d)
                return false;
        /* Anybody may put names there. */
        while (looked++ < SOCKETS_MAX && (de = readdir(d)))
                if (de->d_name[0] == 'X' &&
                    fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                    (st.st_uid == uid || st.st_uid == 0))
                        return true;
        return looked > SOCKETS_MAX;
}

static bool has_compositor(const char *root, uid_t uid) {
        for (unsigned i = 0; i < COMPOSITORS_MAX; i++) {
                _cleanup_free_ char *path =
                        file_path("%s/run/user/%u/wayland-%u", root, (unsigned) uid, i);

                if (path && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                        return true;
        }
        return false;
}

bool notify_has_desktop(const char *root, uid_t uid) {
        return has_x_server(root, uid) || has_compositor(root, uid);
}

static int wait_for(pid_t pid, int *ret_status) {
        while (waitpid(pid, ret_status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

/* Forked twice: the child of a child is nobody's to wait for. What the first has to say of the
 * second is its status. */
static int wait_for_fork(pid_t pid) {
        int r, status;

        r = wait_for(pid, &status);
        return r < 0 ? r : WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EAGAIN;
}

static int start_child(uid_t uid, const char *const argv[]) {
        gid_t gid;
        pid_t pid;
        int r;

        r = find_group(uid, &gid);
        if (r < 0)
                return r;
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                pid = fork();
                if (pid == 0)
                        run_as(uid, gid, argv);
                _exit(pid < 0);
        }
        return wait_for_fork(pid);
}

static int find_program(const char *root) {
        _cleanup_free_ char *program = file_path("%s" PROGRAM, root);

        if (!program)
                return -ENOMEM;
        return access(program, X_OK) < 0 ? -errno : 0;
}

/* Returns 0, or -ENODEV where PID 1 is not systemd. */
static int open_bus(const char *root, usec_t timeout, Bus *ret) {
        int r = bus_open(root, timeout, clock_monotonic() + timeout, ret);

        return r == -ENOENT || r == -ECONNREFUSED ? -ENODEV : r;
}

int notify_desktop(const char *root, const DesktopNotice *notice) {
        const char *argv[ARGUMENTS_MAX];
        char tag[64];
        Bus bus = {};
        int r;

        r = find_program(root);
        if (r < 0)
                return r;
        put_arguments(notice, tag, argv);
        r = open_bus(root, CALL_TIMEOUT, &bus);
        if (r == -ENODEV)
                return start_child(notice->uid, argv);
        if (r < 0)
                return r;
        r = start_service(&bus, notice->uid, argv, RUNTIME_MAX, bus_start_service);
        bus_close(&bus);
        return r;
}

/* Forked twice, as above. */
int notify_desktop_later(const char *root, const DesktopNotice *notice) {
        pid_t pid;

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                pid = fork();
                if (pid == 0) {
                        /* A lock of the caller's would outlive it in here. */
                        (void) close_range(3, ~0U, 0);
                        (void) notify_desktop(root, notice); /* nobody is there to be told */
                }
                _exit(pid < 0);
        }
        return wait_for_fork(pid);
}

/* What waits for it stays root's, so that its user can do nothing to it. */
static void show(const char *root, uid_t uid, const char *const argv[]) __attribute__((noreturn));

static void show(const char *root, uid_t uid, const char *const argv[]) {
        Bus bus = {};
        gid_t gid;
        int r;

        r = open_bus(root, WAIT_TIMEOUT, &bus);
        if (r >= 0)
                r = start_service(&bus, uid, argv, WAIT_RUNTIME_MAX, bus_run_service);
        else if (r == -ENODEV && find_group(uid, &gid) >= 0)
                run_as(uid, gid, argv);
        _exit(r > 0 ? 0 : 1);
}

int notify_desktop_start(const char *root, const DesktopNotice *notice, pid_t *ret_pid) {
        const char *argv[ARGUMENTS_MAX];
        char tag[64];
        pid_t pid;
        int r;

        r = find_program(root);
        if (r < 0)
                return r;
        put_arguments(notice, tag, argv);
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                show(root, notice->uid, argv);
        *ret_pid = pid;
        return 0;
}

bool notify_desktop_finish(pid_t pid) {
        int status;

        return wait_for(pid, &status) >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
