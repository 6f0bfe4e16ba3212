/* SPDX-License-Identifier: MIT */
/* What /proc tells of a process. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/array.h"
#include "core/parse.h"
#include "os/file.h"
#include "os/proc.h"
#include "os/user.h"

/* More threads than this are not looked at: the sum is far over every threshold by then. */
#define THREADS_MAX 256

/* The kernel nests neither kind deeper (user_namespaces(7), pid_namespaces(7)). */
#define NAMESPACES_MAX 33

/* A thread below this matters to no sum, and is not worth a second file. */
#define NOTABLE (UTIL_FULL / 16)

int proc_open(pid_t pid) {
        int fd = syscall(SYS_pidfd_open, pid, 0);

        if (fd >= 0)
                return fd;
        /* Since Linux 6.16 that is what a thread's id gives, instead of EINVAL. */
        return errno == ENOENT ? -EINVAL : -errno;
}

bool proc_is_alive(int pidfd) {
        struct pollfd p = { .fd = pidfd, .events = POLLIN };

        return poll(&p, 1, 0) == 0;
}

int proc_signal(int pidfd, int signal) {
        return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

static ssize_t read_pid_file(pid_t pid, const char *name, char *buf, size_t size) {
        char path[64];
        ssize_t n;

        (void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, name);
        n = file_read_buffer(path, buf, size);
        return n == -ENOENT ? -ESRCH : n;
}

int proc_read_stat(pid_t pid, ProcStat *ret) {
        char buf[1024], *open_paren, *close_paren;
        uint64_t utime, stime;
        int64_t cutime, cstime;
        ProcStat s = { .pid = pid };
        int tty, tty_pgid;
        ssize_t n;

        n = read_pid_file(pid, "stat", buf, sizeof(buf));
        if (n < 0)
                return n;
        /* The name is the user's own and may hold blanks and parentheses: the last one ends it. */
        open_paren = strchr(buf, '(');
        close_paren = strrchr(buf, ')');
        if (!open_paren || !close_paren || close_paren < open_paren)
                return -EBADMSG;
        (void) snprintf(s.comm, sizeof(s.comm), "%.*s", (int) (close_paren - open_paren - 1),
                        open_paren + 1);
        if (sscanf(close_paren + 1,
                   " %c %d %d %d %d %d %u %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %" SCNd64
                   " %" SCNd64 " %*d %*d %*d %*d %" SCNu64,
                   &s.state, &s.ppid, &s.pgid, &s.sid, &tty, &tty_pgid, &s.flags, &utime, &stime,
                   &cutime, &cstime, &s.start_ticks) != 12)
                return -EBADMSG;
        s.foreground = tty != 0 && tty_pgid == s.pgid;
        s.cpu_ticks = utime + stime;
        s.children_ticks = cutime + cstime;
        *ret = s;
        return 0;
}

int proc_read_status(pid_t pid, ProcStatus *ret) {
        _cleanup_free_ char *buf = NULL;
        unsigned ruid, euid;
        char *line;
        ProcStatus s = {};
        char path[64];
        int r;

        (void) snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
        /* "Groups:" alone may hold 65536 numbers (NGROUPS_MAX), and what is sought stands after. */
        r = file_read(AT_FDCWD, path, 1024 * 1024, &buf, NULL);
        if (r < 0)
                return r == -ENOENT ? -ESRCH : r;
        line = strstr(buf, "\nUid:");
        if (!line || sscanf(line, "\nUid: %u %u", &ruid, &euid) != 2)
                return -EBADMSG;
        s.ruid = ruid;
        s.euid = euid;
        line = strstr(buf, "\nvoluntary_ctxt_switches:");
        if (line)
                s.voluntary = strtoull(line + strlen("\nvoluntary_ctxt_switches:"), NULL, 10);
        line = strstr(buf, "\nNSpid:");
        if (line)
                for (char *p = line + strlen("\nNSpid:"); *p && *p != '\n'; p++)
                        s.pidns_depth += *p == '\t';
        *ret = s;
        return 0;
}

pid_t proc_thread_group(pid_t tid) {
        char buf[512], *line;
        int pid;

        if (read_pid_file(tid, "status", buf, sizeof(buf)) < 0)
                return 0;
        line = strstr(buf, "\nTgid:");
        return line && sscanf(line, "\nTgid: %d", &pid) == 1 ? pid : 0;
}

uid_t proc_read_loginuid(pid_t pid) {
        char buf[32];
        uid_t uid;

        if (read_pid_file(pid, "loginuid", buf, sizeof(buf)) < 0)
                return (uid_t) -1;
        buf[strcspn(buf, "\n")] = '\0';
        return parse_uid(buf, &uid) < 0 ? (uid_t) -1 : uid;
}

bool proc_is_below(const ProcStat *stat, uid_t ruid) {
        pid_t up = stat->ppid;
        ProcStatus status;
        ProcStat parent;

        for (unsigned i = 0; i < PROC_ANCESTORS_MAX && up > 1; i++) {
                if (proc_read_status(up, &status) < 0 || proc_read_stat(up, &parent) < 0)
                        return false;
                if (status.ruid == ruid)
                        return true;
                up = parent.ppid;
        }
        return false;
}

uid_t proc_read_believed_loginuid(const ProcStat *stat, uid_t ruid, uid_t uid_min) {
        uid_t login = proc_read_loginuid(stat->pid), owner;

        if (login == (uid_t) -1 || login == ruid || ruid < uid_min || proc_is_below(stat, login))
                return login;
        owner = proc_read_userns_owner(stat->pid);
        if (owner != (uid_t) -1 ? owner == login : user_has_subuid(login, ruid))
                return login;
        return (uid_t) -1;
}

static int open_namespace(pid_t pid, const char *kind) {
        char path[64];
        int fd;

        (void) snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int) pid, kind);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* Replaces a namespace by the outermost one that it is in below ours. Returns 1; 0 if it is ours
 * itself; -errno, -EPERM if it is not below ours. */
static int climb_namespaces(int *fd, const char *ours) {
        struct stat own, st;

        if (stat(ours, &own) < 0 || fstat(*fd, &st) < 0)
                return -errno;
        if (st.st_ino == own.st_ino && st.st_dev == own.st_dev)
                return 0;
        for (unsigned i = 0; i < NAMESPACES_MAX; i++) {
                _cleanup_close_ int parent = ioctl(*fd, NS_GET_PARENT);

                if (parent < 0 || fstat(parent, &st) < 0)
                        return -errno;
                if (st.st_ino == own.st_ino && st.st_dev == own.st_dev)
                        return 1;
                (void) close(*fd);
                *fd = TAKE_FD(parent);
        }
        return -ELOOP;
}

uid_t proc_read_userns_owner(pid_t pid) {
        _cleanup_close_ int pidns = open_namespace(pid, "pid"), userns = -EBADF;
        uid_t owner;
        int r;

        if (pidns < 0)
                return (uid_t) -1;
        r = climb_namespaces(&pidns, "/proc/self/ns/pid");
        if (r < 0)
                return (uid_t) -1;
        /* Where there is a pid namespace, whoever made that decides: in a container of root's a
         * uid that is a user's here may make user namespaces, too. */
        userns = r > 0 ? ioctl(pidns, NS_GET_USERNS) : open_namespace(pid, "user");
        if (userns < 0 || climb_namespaces(&userns, "/proc/self/ns/user") <= 0 ||
            ioctl(userns, NS_GET_OWNER_UID, &owner) < 0)
                return (uid_t) -1;
        return owner;
}

/* True if a line's comma-separated list of controllers holds the one. */
static bool list_has(const char *list, size_t n, const char *controller) {
        size_t m = strlen(controller);

        while (n >= m) {
                size_t item = strcspn(list, ",:");

                if (item == m && strncmp(list, controller, m) == 0)
                        return true;
                if (item >= n)
                        return false;
                list += item + 1;
                n -= item + 1;
        }
        return false;
}

int proc_read_cgroup(pid_t pid, const char *controller, char **ret) {
        /* One line for each hierarchy; a path is at most PATH_MAX, and there are 14 controllers. */
        _cleanup_free_ char *buf = NULL;
        char path[64], *found;
        int r;

        (void) snprintf(path, sizeof(path), "/proc/%d/cgroup", (int) pid);
        r = file_read(AT_FDCWD, path, 64 * 1024, &buf, NULL);
        if (r < 0)
                return r == -ENOENT ? -ESRCH : r;
        for (char *save = NULL, *line = strtok_r(buf, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
                char *list = strchr(line, ':'), *at = list ? strchr(list + 1, ':') : NULL;

                if (!at)
                        continue;
                list++;
                if (controller ? !list_has(list, at - list, controller) : at != list)
                        continue;
                found = strdup(at + 1);
                if (!found)
                        return -ENOMEM;
                *ret = found;
                return 0;
        }
        return -ENODATA;
}

int proc_read_unit_cgroup(pid_t pid, char **ret) {
        int r = proc_read_cgroup(pid, "name=systemd", ret);

        return r == -ENODATA ? proc_read_cgroup(pid, NULL, ret) : r;
}

/* A sleeping thread's averages stand as they were when it fell asleep (update_load_avg() runs as it
 * is queued and dequeued), so only those of one that runs or waits for a CPU now mean anything.
 * Returns 1 with its age, or 0. */
static int is_runnable(const char *task, usec_t boottime, usec_t *ret_age) {
        char name[400], buf[1024];
        const char *paren;
        uint64_t start;

        (void) snprintf(name, sizeof(name), "%s/stat", task);
        if (file_read_buffer(name, buf, sizeof(buf)) <= 0)
                return 0;
        paren = strrchr(buf, ')');
        if (!paren || strncmp(paren, ") R", 3) != 0)
                return 0;
        if (sscanf(paren + 1,
                   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64,
                   &start) != 1)
                return 0;
        start = proc_ticks(start);
        *ret_age = boottime > start ? boottime - start : 0;
        return 1;
}

/* True for a thread that has run or waited for a CPU half of its life. Waiting alone proves
 * nothing: beside sixty-four busy loops a shell waits for the CPU most of the time, too. */
static bool is_always_wanting(const char *task, usec_t age) {
        uint64_t ran, waited;
        char name[400], buf[128];

        (void) snprintf(name, sizeof(name), "%s/schedstat", task);
        if (file_read_buffer(name, buf, sizeof(buf)) <= 0 ||
            sscanf(buf, "%" SCNu64 " %" SCNu64, &ran, &waited) != 2)
                return false;
        return (ran + waited) / NSEC_PER_USEC >= age / 2;
}

/* The first line begins with the thread's name, which is the user's own. */
static unsigned scan_average(const char *text, const char *name) {
        const char *lines = strchr(text, '\n');
        const char *at = lines ? strstr(lines, name) : NULL;
        unsigned value;

        at = at ? strchr(at, ':') : NULL;
        return at && sscanf(at + 1, " %u", &value) == 1 ? value : 0;
}

static unsigned thread_demand(const char *task, const char *sched, usec_t boottime) {
        unsigned util = scan_average(sched, "se.avg.util_avg");
        unsigned runnable = scan_average(sched, "se.avg.runnable_avg"); /* since Linux 5.7 */
        usec_t age;

        if (MAX_OF(util, runnable) < NOTABLE || !is_runnable(task, boottime, &age))
                return 0;
        return runnable > util && is_always_wanting(task, age) ? runnable : util;
}

int proc_read_demand(pid_t pid, usec_t boottime, unsigned *ret) {
        unsigned sum = 0, n_threads = 0, n_read = 0;
        char path[64];
        _cleanup_closedir_ DIR *d = NULL;
        struct dirent *de;

        (void) snprintf(path, sizeof(path), "/proc/%d/task", (int) pid);
        d = opendir(path);
        if (!d)
                return errno == ENOENT ? -ESRCH : -errno;
        while ((de = readdir(d)) && n_threads < THREADS_MAX) {
                char task[336], name[400], buf[8192];

                if (de->d_name[0] == '.')
                        continue;
                n_threads++;
                (void) snprintf(task, sizeof(task), "%s/%s", path, de->d_name);
                (void) snprintf(name, sizeof(name), "%s/sched", task);
                if (file_read_buffer(name, buf, sizeof(buf)) <= 0)
                        continue;
                n_read++;
                sum += thread_demand(task, buf, boottime);
        }
        if (n_threads > 0 && n_read == 0)
                return access(path, F_OK) < 0 ? -ESRCH : -ENODATA;
        *ret = sum;
        return 0;
}

usec_t proc_ticks(uint64_t ticks) {
        return ticks * (USEC_PER_SEC / (unsigned long) sysconf(_SC_CLK_TCK));
}

int proc_sample(pid_t pid, usec_t boottime, ProcSample *ret) {
        ProcSample s = { .pid = pid };
        ProcStatus status;
        ProcStat st;
        usec_t start;
        int r;

        r = proc_read_stat(pid, &st);
        if (r >= 0)
                r = proc_read_status(pid, &status);
        if (r < 0)
                return r;
        s.wakeups = status.voluntary;
        start = proc_ticks(st.start_ticks);
        s.ppid = st.ppid;
        s.sid = st.sid;
        s.pgid = st.pgid;
        s.foreground = st.foreground;
        memcpy(s.comm, st.comm, sizeof(s.comm));
        s.age = boottime > start ? boottime - start : 0;
        s.children_cpu = proc_ticks(st.children_ticks);
        *ret = s;
        return 0;
}

int proc_list(pid_t **ret, size_t *ret_n) {
        _cleanup_closedir_ DIR *d = opendir("/proc");
        _cleanup_free_ pid_t *pids = NULL;
        size_t n = 0, allocated = 0;
        struct dirent *de;

        if (!d)
                return -errno;
        while ((de = readdir(d))) {
                pid_t pid;
                int r;

                if (parse_pid(de->d_name, &pid) < 0)
                        continue;
                r = ARRAY_GROW(pids, &allocated, n, SIZE_MAX);
                if (r < 0)
                        return r;
                pids[n++] = pid;
        }
        *ret = TAKE_PTR(pids);
        *ret_n = n;
        return 0;
}

static bool is_same_file(const struct stat *a, const struct stat *b) {
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* True if the process sees the same mounts as PID 1, or as we do, whom a unit may have given mounts
 * of our own. */
static bool has_system_mounts(pid_t pid) {
        struct stat theirs, systems;
        char path[32];

        (void) snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int) pid);
        return stat(path, &theirs) == 0 &&
               ((stat("/proc/1/ns/mnt", &systems) == 0 && is_same_file(&theirs, &systems)) ||
                (stat("/proc/self/ns/mnt", &systems) == 0 && is_same_file(&theirs, &systems)));
}

static bool is_roots(const struct stat *st) {
        return st->st_uid == 0 && (st->st_mode & 0022) == 0;
}

/* On what a user may have mounted, a stick for one, files are whose they say that they are. It is
 * PID 1's mount that tells: of a service with NoNewPrivileges= systemd has made all of them nosuid
 * (mount_nosuid in its namespace.c). */
static bool is_on_a_users_mount(const char *dir) {
        char path[4096 + 16];
        struct statvfs fs;

        (void) snprintf(path, sizeof(path), "/proc/1/root%s", dir);
        return (statvfs(path, &fs) < 0 && statvfs(dir, &fs) < 0) || fs.f_flag & ST_NOSUID;
}

/* The name is worth something if nobody but root can have given it: in a mount namespace of their
 * own a user can have any file stand under any name, and in a directory of theirs rename it. `path`
 * is cut after the directory. */
static bool is_named_by_root(pid_t pid, char *path, char *slash, const struct stat *st) {
        const char *dir = slash == path ? "/" : path;
        struct stat there, parent;

        if (st->st_nlink > 0 ? stat(path, &there) < 0 || !is_same_file(&there, st)
                             : !has_system_mounts(pid)) /* replaced by a newer one meanwhile */
                return false;
        *slash = '\0';
        return stat(dir, &parent) == 0 && is_roots(&parent) && !is_on_a_users_mount(dir);
}

int proc_read_program(pid_t pid, char *buf, size_t size) {
        static const char deleted[] = " (deleted)"; /* proc(5), of /proc/PID/exe */
        char link[32], path[4096], *slash;
        struct stat st;
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/%d/exe", (int) pid);
        if (stat(link, &st) < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        if (!is_roots(&st))
                return -EPERM;
        n = readlink(link, path, sizeof(path) - 1);
        if (n < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        path[n] = '\0';
        if (st.st_nlink == 0 && n > (ssize_t) sizeof(deleted) &&
            strcmp(path + n - (sizeof(deleted) - 1), deleted) == 0)
                path[n - (ssize_t) (sizeof(deleted) - 1)] = '\0';
        slash = strrchr(path, '/');
        if (!slash || !is_named_by_root(pid, path, slash, &st))
                return -EPERM;
        return snprintf(buf, size, "%s", slash + 1) >= (int) size ? -ENAMETOOLONG : 0;
}
