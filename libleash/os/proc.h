/* SPDX-License-Identifier: MIT */
/* What /proc tells of a process. A pid may be reused at any time: pin it with a pidfd first and
 * ask proc_is_alive() after reading. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "core/macro.h"
#include "core/offenders.h"

typedef struct ProcStat {
        pid_t pid, ppid, pgid, sid;
        bool foreground;          /* of a terminal: it, or its job, is what the keys go to */
        char comm[PROC_COMM_MAX]; /* as the process named itself: escape before printing */
        char state;               /* of its first thread: 'R', 'S', 'T' for stopped, ... */
        unsigned flags;           /* PF_* */
        uint64_t cpu_ticks;       /* user + system */
        uint64_t children_ticks;  /* of children that ended and were waited for */
        uint64_t start_ticks;     /* after boot */
} ProcStat;

#define PROC_PF_KTHREAD 0x00200000U /* include/linux/sched.h */

typedef struct ProcStatus {
        uid_t ruid, euid;
        unsigned pidns_depth; /* 1 in our own pid namespace */
        uint64_t voluntary;   /* context switches by going to sleep, of the first thread */
} ProcStatus;

/* Returns a pidfd; -ESRCH if there is no such process; -EINVAL for a thread's id; -ENOSYS before
 * Linux 5.3. */
int proc_open(pid_t pid);

/* The process that a thread belongs to; 0 if there is no such thread. */
pid_t proc_thread_group(pid_t tid);

/* True while the process that the pidfd pins has not ended. */
bool proc_is_alive(int pidfd);

/* Sends the process that the pidfd pins a signal. Returns 0; -ESRCH if it is gone; -errno. */
int proc_signal(int pidfd, int signal);

/* These return 0, -ESRCH if the process is gone, or -errno. */
int proc_read_stat(pid_t pid, ProcStat *ret);
int proc_read_status(pid_t pid, ProcStatus *ret);

/* (uid_t) -1 where there was no login, or the kernel keeps no audit state. */
uid_t proc_read_loginuid(pid_t pid);

/* The same as far as it tells of another than the one whose real uid the process has. Where nothing
 * has set it, as without pam_loginuid(8), everybody may do so, once, and to any uid
 * (audit_set_loginuid_perm() in kernel/audit.c). So it is believed of the system's own processes;
 * of one in namespaces that this user made; outside of such, with a subordinate uid of theirs; and
 * of one that still hangs below a process of theirs, as after su: (uid_t) -1 else. Uids below
 * uid_min are the system's. */
uid_t proc_read_believed_loginuid(const ProcStat *stat, uid_t ruid, uid_t uid_min);

/* True if an ancestor of the process, of so many as are looked at, has that real uid. */
#define PROC_ANCESTORS_MAX 64
bool proc_is_below(const ProcStat *stat, uid_t ruid);

/* Who made the namespaces that a process is in: the creator of the outermost user namespace below
 * our own that holds it and the pid namespace it sees. (uid_t) -1 where there is none: it is in our
 * own, or root gave it a pid namespace without one, as container managers do; and where it cannot
 * be told: not root, or a kernel before Linux 4.11. The kernel's word (ioctl_ns(2)): a user can
 * make namespaces, and not in another's name. */
uid_t proc_read_userns_owner(pid_t pid);

/* The process's cgroup as a new string: in the unified hierarchy, or in the named one
 * ("name=systemd", "cpu") of v1 where controller is not NULL. -ENODATA if it is in none. */
int proc_read_cgroup(pid_t pid, const char *controller, char **ret);

/* The cgroup by which systemd knows the process: in its own hierarchy on v1, where there is a
 * unified one, too, that says "/" of everybody; else in the unified one. As above. */
int proc_read_unit_cgroup(pid_t pid, char **ret);

/* The file name of the program that the process runs, without its directory, if file and directory
 * belong to root, nobody else may change them, and it is there for us, too, under that name: then
 * what it is called is what the system calls it, and not the user. A file that an upgrade has
 * replaced since keeps its name. Returns 0; -EPERM if the name may be the user's; -ESRCH; -errno.
 */
int proc_read_program(pid_t pid, char *buf, size_t size);

/* How much CPU the threads of a process (at most 256 of them) want now, out of UTIL_FULL each: the
 * sum of what they got of late (se.avg.util_avg in /proc/PID/task/TID/sched), and where many fight
 * for the CPUs, of what they waited for (runnable_avg), for threads that did little else all their
 * lives. A thread that sleeps now wants nothing. `boottime` is now.
 * Returns 0; -ENODATA where the kernel does not show it (it needs CONFIG_SCHED_DEBUG before
 * Linux 6.15); -ESRCH. */
int proc_read_demand(pid_t pid, usec_t boottime, unsigned *ret);

/* Ticks of ProcStat in microseconds. */
usec_t proc_ticks(uint64_t ticks);

/* Fills all of a sample but `demand` and the flags. `boottime` is now. Returns 0; -ESRCH if the
 * process is gone; -errno. */
int proc_sample(pid_t pid, usec_t boottime, ProcSample *ret);

/* All processes, as a new array. Returns 0 or -errno. */
int proc_list(pid_t **ret, size_t *ret_n);
