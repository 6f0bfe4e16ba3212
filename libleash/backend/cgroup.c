/* SPDX-License-Identifier: MIT */
/* Limits through groups of our own, where PID 1 is not systemd; backend/cgroup-site.h has their
 * names.
 *
 * The quota is set before anybody moves. Processes are moved by number, in passes over /proc until
 * one finds nobody outside: children of the moved are born inside. A login after that starts
 * outside: the next apply(), by pam_leash or leashd, brings it in. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "core/parse.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/proc.h"

#include "backend/backend.h"
#include "backend/cgroup-crowd.h"
#include "backend/cgroup-group.h"
#include "backend/cgroup-origins.h"
#include "backend/cgroup-procs.h"
#include "backend/cgroup-site.h"

/* A chain of processes that fork and exit faster than /proc can be read may outrun any number of
 * passes. It is left outside then, for escapees() to show: the quota on the others stands. */
#define PASSES_TIME (2 * USEC_PER_SEC)
/* So many passes in a row have to find nobody, the last of them without a new process on the host
 * meanwhile, which might have come and gone unseen. */
#define LOOKS 2

/* Those that outrun the way back are slowed down after so long. */
#define HOLD_AFTER (200 * USEC_PER_MSEC)

#define LIST_MAX (16 * 1024 * 1024)

/* How long before a call to group() a child may have been born that its caller did not see. */
#define NEWBORN (200 * USEC_PER_MSEC)

#define WAITER_COMM "leash-expire"
#define MARK_MAX 240 /* memfd_create(2) */

/* ---- moving in */

/* In a container, and leash is not in it, too. Taken out of its manager's group, it would slip the
 * manager's own limits; it is left for escapees() to show. */
static bool is_contained(const Site *s, const char *cgroup) {
        _cleanup_free_ char *init = NULL;
        Placement p;

        if (placement_parse(cgroup, &p) < 0 || p.kind != PLACEMENT_MACHINE)
                return false;
        return procs_read_group(s->fs, "cpu", 1, &init) < 0 || !site_is_inside(cgroup, init);
}

/* A process tree leashed by itself stays in its own group, which lies under the user's. */
static bool is_in_tree(const Site *s, const Record *record, const char *cgroup) {
        return record->scope == TARGET_USER && site_is_inside(cgroup, s->trees);
}

/* Moves one process to where it belongs in each tree: to `leaf` in the CPU's, and home in others.
 * Returns 1; 0 if it has to stay where it is; -ESRCH if it has ended; -errno. A process of real
 * time priority is -EINVAL in v1's CPU tree with CONFIG_RT_GROUP_SCHED: no quota would bind it
 * anyway. */
static int moves_bring_in(const Site *s, Record *record, const ProcStat *stat, const char *leaf) {
        pid_t alive = procs_find_alive(stat);
        int r, result = 0, error = 0;
        bool noted = false;

        if (alive == 0)
                return -ESRCH;
        for (size_t i = 0; i < s->n_trees; i++) {
                const char *group = i < s->n_cpu ? leaf : s->home;
                _cleanup_free_ char *cgroup = NULL;
                bool inside;

                r = procs_read_group(s->fs, s->controllers[i], alive, &cgroup);
                if (r < 0)
                        return r;
                inside = site_is_inside(cgroup, s->target);
                if (i == 0 && is_contained(s, cgroup))
                        return 0;
                if (inside && (strcmp(group, s->home) == 0 || is_in_tree(s, record, cgroup)))
                        continue;
                r = noted || inside ? 0 : origins_note(s, record, stat);
                noted |= r >= 0 && !inside;
                if (r >= 0)
                        r = procs_move(s, i, group, stat->pid);
                if (r == -ENOMEM || r == -ESRCH)
                        return r;
                error = r < 0 ? r : error;
                result = 1;
        }
        return error < 0 ? error : result;
}

typedef struct Members {
        PidSet trees[ELEMENTSOF(site_controllers)];
} Members;

static void members_done(Members *m) {
        for (size_t i = 0; i < ELEMENTSOF(m->trees); i++)
                pid_set_done(&m->trees[i]);
}

/* Returns 1 if anybody was moved, or ended just before and may have left a child; 0 if not. */
static int capture_pass(const Site *s, Record *record, const Crowd *crowd) {
        _cleanup_(members_done) Members inside = {};
        _cleanup_pid_set_ PidSet all = {};
        int r = 0, result = 0;

        for (size_t t = 0; t < s->n_trees && r >= 0; t++)
                r = procs_list_members(s, t, s->user, NULL, &inside.trees[t]);
        if (r >= 0)
                r = proc_list(&all.pids, &all.n);
        if (r < 0)
                return r;
        /* Backwards: the youngest are the ones that get away. */
        for (size_t i = all.n; i-- > 0;) {
                bool outside = false;
                ProcStat stat;

                for (size_t t = 0; t < s->n_trees; t++)
                        outside |= !pid_set_has(&inside.trees[t], all.pids[i]);
                if (!outside || proc_read_stat(all.pids[i], &stat) < 0 ||
                    !crowd_may_move(crowd, &stat) || !crowd_owns(crowd, &stat))
                        continue;
                if (procs_find_alive(&stat) == 0) /* a zombie */
                        continue;
                r = moves_bring_in(s, record, &stat, s->home);
                if (r == -ENOMEM)
                        return r;
                result |= r > 0 || r == -ESRCH;
        }
        return result;
}

/* How many processes and threads the host has had since it was booted (proc_stat(5)). */
static uint64_t count_births(void) {
        _cleanup_free_ char *text = NULL;
        const char *line;
        uint64_t n;

        if (file_read(AT_FDCWD, "/proc/stat", LIST_MAX, &text, NULL) < 0)
                return 0;
        line = strstr(text, "\nprocesses ");
        return line && sscanf(line, "\nprocesses %" SCNu64, &n) == 1 ? n : 0;
}

static int moves_capture(const Site *s, Record *record) {
        unsigned looks = 0;
        uint64_t births;
        usec_t end = 0;
        Crowd crowd;
        int r;

        crowd_init(&crowd, record->uid);
        do {
                births = count_births();
                r = capture_pass(s, record, &crowd);
                births = count_births() - births;
                looks = r > 0 ? 0 : looks + 1;
                /* The first may move thousands, and is not counted. */
                end = end > 0 ? end : clock_monotonic() + PASSES_TIME;
        } while (r >= 0 && (looks < LOOKS || births > 0) && clock_monotonic() < end);
        return r < 0 ? r : 0;
}

/* Neither alive outside nor listed inside. */
static bool is_hidden(const Site *s, const ProcStat *stat) {
        _cleanup_free_ char *cgroup = NULL;
        pid_t alive = procs_find_alive(stat);

        return alive == 0 ||
               (alive != stat->pid && procs_read_group(s->fs, "cpu", alive, &cgroup) >= 0 &&
                site_is_inside(cgroup, s->user));
}

static int moves_escapees(const Site *s, const Record *record, pid_t **ret, size_t *ret_n) {
        _cleanup_pid_set_ PidSet all = {}, inside = {};
        size_t kept = 0;
        Crowd crowd;
        int r;

        r = proc_list(&all.pids, &all.n);
        if (r >= 0)
                r = procs_list_members(s, 0, s->user, NULL, &inside);
        if (r < 0)
                return r;
        crowd_init(&crowd, record->uid);
        for (size_t i = 0; i < all.n && record->scope == TARGET_USER; i++) {
                ProcStat stat;

                if (!pid_set_has(&inside, all.pids[i]) && proc_read_stat(all.pids[i], &stat) >= 0 &&
                    crowd_owns(&crowd, &stat) && !is_hidden(s, &stat))
                        all.pids[kept++] = all.pids[i];
        }
        *ret = TAKE_PTR(all.pids);
        *ret_n = kept;
        return 0;
}

/* Children that members of the group had while they were on their way in. */
static int moves_adopt(const Site *s, Record *record, const char *leaf, const Crowd *crowd,
                       usec_t since) {
        bool is_tree = record->scope == TARGET_TREE;
        usec_t end = clock_monotonic() + PASSES_TIME;
        int r, moved = 1;

        while (moved && clock_monotonic() < end) {
                _cleanup_pid_set_ PidSet members = {}, others = {};

                moved = 0;
                r = is_tree ? proc_list(&others.pids, &others.n)
                            : procs_list_members(s, 0, s->home, NULL, &others);
                if (r >= 0)
                        r = procs_list_members(s, 0, leaf, NULL, &members);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < others.n; i++) {
                        ProcStat stat;

                        if (pid_set_has(&members, others.pids[i]) ||
                            proc_read_stat(others.pids[i], &stat) < 0 ||
                            !pid_set_has(&members, stat.ppid) || !crowd_may_move(crowd, &stat))
                                continue;
                        if (!is_tree && (proc_ticks(stat.start_ticks) < since ||
                                         offenders_is_desktop(stat.comm)))
                                continue;
                        moved |= moves_bring_in(s, record, &stat, leaf) > 0;
                }
        }
        return 0;
}

/* ---- moving out */

/* A group that is gone, or holds no processes any more (-EBUSY in v2), leaves its parent. */
static int put_back(const Site *s, const Record *record, size_t tree, pid_t pid) {
        char path[CGROUPFS_PATH_MAX];
        int r;

        if (record->scope == TARGET_TREE && site_has_group(s, s->controllers[tree], s->rest))
                strcpy(path, s->rest); /* the user is leashed as well */
        else
                origins_path(record, pid, s->controllers[tree], path);
        if (site_is_inside(path, s->target)) /* as an origin it would be no way out */
                strcpy(path, "/");
        for (;;) {
                char *slash = strrchr(path, '/');

                r = procs_move(s, tree, path, pid);
                if (r >= 0 || r == -ESRCH || !slash || path[1] == '\0')
                        return r;
                if (site_is_inside(path, SITE_TOP)) /* not into inner groups of ours */
                        slash = path;
                slash[slash == path] = '\0';
        }
}

static pid_t read_tgid(pid_t tid) {
        char path[64], buf[4096], *line;
        int tgid;

        (void) snprintf(path, sizeof(path), "/proc/%d/status", (int) tid);
        if (file_read_buffer(path, buf, sizeof(buf)) < 0)
                return tid;
        line = strstr(buf, "\nTgid:");
        return line && sscanf(line, "\nTgid: %d", &tgid) == 1 ? tgid : tid;
}

/* Puts back the processes that only their threads tell of, see procs_find_alive(). */
static int release_threads(const Site *s, const Record *record, size_t tree, const char *leaf) {
        _cleanup_free_ char *text = NULL;
        int r, result = 0;

        r = procs_read_threads(s, tree, leaf, &text);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
                pid_t tid;

                if (parse_pid(line, &tid) < 0)
                        continue;
                r = put_back(s, record, tree, read_tgid(tid));
                if (r < 0 && r != -ESRCH)
                        return r;
                result = 1;
        }
        return result;
}

/* Returns 1 if there was anybody to put back. */
static int release_pass(const Site *s, const Record *record) {
        const char *skip = record->scope == TARGET_USER ? SITE_TREES : NULL;
        int r, result = 0;

        for (size_t t = 0; t < s->n_trees; t++) {
                _cleanup_pid_set_ PidSet members = {};

                r = procs_list_members(s, t, s->target, skip, &members);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < members.n; i++) {
                        r = put_back(s, record, t, members.pids[i]);
                        if (r < 0 && r != -ESRCH)
                                return r;
                        result = 1;
                }
                if (members.n > 0)
                        continue;
                r = site_each_leaf(s, record, t, release_threads);
                if (r < 0)
                        return r;
                result |= r;
        }
        return result;
}

/* Processes that come and go faster than they are moved keep still on a thousandth of a CPU. */
static void hold_still(const Site *s, const Record *record) {
        Limits limits = {};

        limits_set(&limits, LIMIT_CPU_QUOTA, USEC_PER_SEC / 1000);
        limits_set(&limits, LIMIT_CPU_PERIOD, USEC_PER_SEC);
        procs_leave(s->fs);
        /* A second try fails as the first, no worse. */
        (void) group_set_limits(s, s->home, &limits);
        for (size_t i = 0; i < record->n_scopes; i++) {
                char group[SITE_GROUP_MAX];

                if (site_scope(s, record->scopes[i], group) >= 0)
                        (void) group_set_limits(s, group, &limits);
        }
}

static int moves_release(const Site *s, const Record *record) {
        usec_t start = 0;
        bool held = false;
        int r;

        while ((r = release_pass(s, record)) > 0) {
                usec_t now = clock_monotonic();

                start = start > 0 ? start : now; /* the first may move thousands */
                if (now - start >= PASSES_TIME)
                        return -EAGAIN;
                if (now - start >= HOLD_AFTER && !held) {
                        hold_still(s, record);
                        held = true;
                }
        }
        return r;
}

static int remove_leaf(const Site *s, const Record *record _unused_, size_t tree _unused_,
                       const char *leaf) {
        return group_remove(s, leaf);
}

/* ---- the end of time */

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

static void waiter_stop(const char *target) {
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
        (void) dup2(1, 0);
        (void) execl(program, program, "release", "--expired", NULL);
        _exit(127);
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

static int waiter_start(const Backend *b, const char *target, usec_t until, char **ret_timer) {
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

/* ---- operations */

static bool groups_probe(const BackendOptions *options) {
        CgroupFs fs = cgroupfs_detect(options->root);
        char path[CGROUPFS_PATH_MAX];
        struct statvfs st;

        /* Not access(2): everybody may look. */
        return cgroupfs_has_controller(&fs, "/", "cpu") &&
               cgroupfs_path(&fs, "cpu", "/", path) >= 0 && statvfs(path, &st) == 0 &&
               !(st.f_flag & ST_RDONLY);
}

static int groups_open(const BackendOptions *options, Backend **ret) {
        Backend *b;
        int r;

        if (*options->root != '\0') /* libcgroup finds the mounts by itself */
                return -EOPNOTSUPP;
        if (!groups_probe(options))
                return -ENODEV;
        r = group_init();
        if (r < 0)
                return r;
        b = calloc(1, sizeof(Backend));
        if (!b)
                return -ENOMEM;
        *ret = b;
        return 0;
}

static Backend *groups_free(Backend *b) {
        free(b);
        return NULL;
}

static int groups_cgroup(Backend *b _unused_, const Record *record, char **ret) {
        Site s;
        int r;

        r = site_name(&s, record);
        if (r < 0)
                return r;
        *ret = strdup(s.target);
        return *ret ? 0 : -ENOMEM;
}

/* Groups of our own had no limits before. */
static int groups_read_base(Backend *b, Record *record, uint32_t which) {
        Site s;
        int r;

        r = site_init(&s, &b->fs, record);
        if (r < 0)
                return r;
        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                if (!(which & UINT32_C(1) << i))
                        continue;
                if (limits_table[i].kind == LIMIT_KIND_CPUSET)
                        memset(record->base.cpus, 0, sizeof(record->base.cpus));
                limits_set(&record->base, i,
                           limits_table[i].kind == LIMIT_KIND_FLAG ? 0 : LIMIT_INFINITY);
        }
        return origins_note_all(&s, record);
}

/* The offenders' groups follow the quota of the target. */
static int set_scopes(const Site *s, const Record *record, const Limits *wanted) {
        Limits limits;

        backend_scope_limits(wanted, record->share, &limits);
        for (size_t i = 0; i < record->n_scopes; i++) {
                char group[SITE_GROUP_MAX];
                int r;

                r = site_scope(s, record->scopes[i], group);
                if (r >= 0 && site_has_group(s, "cpu", group))
                        r = group_set_limits(s, group, &limits);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int groups_apply(Backend *b, Record *record) {
        Limits effective, wanted = record->base;
        Site s;
        int r;

        r = site_init(&s, &b->fs, record);
        if (r >= 0)
                r = group_create(&s, s.home, s.n_trees);
        if (r < 0)
                return r;
        record_effective(record, &effective, NULL);
        for (Limit i = 0; i < _LIMIT_MAX; i++)
                if (limits_has(&effective, i))
                        limits_copy_one(&wanted, &effective, i);
        r = group_set_limits(&s, s.target, &wanted);
        if (r < 0)
                return r;
        group_set_share(&s);
        if (record->scope == TARGET_TREE) /* group() knows who is in it */
                return 0;
        r = set_scopes(&s, record, &wanted);
        return r < 0 ? r : moves_capture(&s, record);
}

static int groups_restore(Backend *b, Record *record) {
        Site s;
        int r;

        r = site_init(&s, &b->fs, record);
        if (r < 0)
                return r;
        /* First, so that whatever is still inside neither sleeps nor slows us. What is gone has no
         * limits either. A user's group stays while a process tree of theirs is leashed. */
        r = site_has_group(&s, "cpu", s.target) ? group_set_limits(&s, s.target, &record->base) : 0;
        if (r < 0)
                return r;
        r = moves_release(&s, record);
        for (size_t t = 0; t < s.n_trees && r >= 0; t++)
                r = site_each_leaf(&s, record, t, remove_leaf);
        if (r < 0)
                return r;
        if (record->scope == TARGET_TREE)
                (void) group_remove(&s, s.trees); /* as the next two: others may be in it */
        (void) group_remove(&s, s.user);
        (void) group_remove(&s, SITE_TOP);
        group_set_share(&s);
        return 0;
}

/* One for each record: two of 80 % would together overrun the quota, and the rest with them. */
static int find_scope(const Site *s, Record *record, pid_t named, char ret[static SITE_GROUP_MAX]) {
        char name[PLACEMENT_NAME_MAX];
        int r;

        for (size_t i = 0; i < record->n_scopes; i++)
                if (site_scope(s, record->scopes[i], ret) >= 0 && site_has_group(s, "cpu", ret))
                        return 0;
        (void) snprintf(name, sizeof(name), "leash-%u-%d.scope", (unsigned) record->uid,
                        (int) named);
        r = record_add_scope(record, name);
        if (r < 0)
                return r;
        r = site_scope(s, name, ret);
        return r < 0 ? r : group_create(s, ret, s->n_cpu);
}

static int groups_group(Backend *b, Record *record, pid_t named, const pid_t *pids, size_t n,
                        const Limits *limits) {
        usec_t since = clock_boottime() - NEWBORN;
        char leaf[SITE_GROUP_MAX];
        Crowd crowd;
        Site s;
        int r;

        r = site_init(&s, &b->fs, record);
        if (r < 0)
                return r;
        if (record->scope == TARGET_TREE) { /* it is its own scope */
                strcpy(leaf, s.target);
                r = record_add_scope(record, record->target);
                if (r >= 0)
                        r = group_create(&s, leaf, s.n_trees);
        } else {
                r = find_scope(&s, record, named, leaf);
                if (r >= 0)
                        r = group_create(&s, s.home, s.n_trees);
        }
        if (r >= 0)
                r = group_set_limits(&s, leaf, limits);
        if (r < 0)
                return r;
        crowd_init(&crowd, record->uid);
        for (size_t i = 0; i < n; i++) {
                ProcStat stat;

                if (proc_read_stat(pids[i], &stat) < 0 || !crowd_may_move(&crowd, &stat))
                        continue;
                r = moves_bring_in(&s, record, &stat, leaf);
                if (r == -ENOMEM)
                        return r;
        }
        return moves_adopt(&s, record, leaf, &crowd, since);
}

static int groups_arm(Backend *b, Record *record, usec_t until) {
        waiter_stop(record->target);
        free(TAKE_PTR(record->timer));
        return until == USEC_INFINITY ? 0 : waiter_start(b, record->target, until, &record->timer);
}

static int groups_exists(Backend *b, const Record *record) {
        _cleanup_free_ char *text = NULL;
        Site s;
        int r;

        r = site_init(&s, &b->fs, record);
        if (r < 0)
                return r;
        if (record->scope == TARGET_USER)
                return site_has_group(&s, "cpu", s.target);
        /* A tree ends with its processes; removing the group is left to restore(). */
        r = procs_read_threads(&s, 0, s.target, &text);
        return r == -ENOENT ? 0 : r < 0 ? r : *text != '\0';
}

static int groups_escapees(Backend *b, const Record *record, pid_t **ret, size_t *ret_n) {
        Site s;
        int r;

        r = site_init(&s, &b->fs, record);
        return r < 0 ? r : moves_escapees(&s, record, ret, ret_n);
}

const BackendOps backend_cgroup = {
        .name = "cgroup",
        .placement = false,
        .probe = groups_probe,
        .open = groups_open,
        .free = groups_free,
        .cgroup = groups_cgroup,
        .read_base = groups_read_base,
        .apply = groups_apply,
        .restore = groups_restore,
        .group = groups_group,
        .arm = groups_arm,
        .exists = groups_exists,
        .escapees = groups_escapees,
};
