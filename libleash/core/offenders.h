/* SPDX-License-Identifier: MIT */
/* Which processes of a session are the trouble, so that the rest of the desktop can be spared.
 *
 * Offenders are the processes named by the admin with their descendants, every other process
 * that is burning CPU now, and the parent that keeps spawning short-lived burners (make, a shell
 * loop): without it the next generation starts outside the scope. What draws and carries the
 * desktop is never moved. A user can name a program "Xorg" to stay out of the offenders' scope;
 * that keeps it in the slice, where the same total quota holds and only their own desktop
 * suffers. So names are good enough here and nowhere else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/macro.h"

#define PROC_COMM_MAX 16

/* The scheduler's decayed averages are out of 1024 for each thread. */
#define UTIL_FULL 1024

typedef struct ProcSample {
        pid_t pid, ppid, pgid, sid;
        char comm[PROC_COMM_MAX];
        unsigned demand; /* for the CPU now, see proc_read_demand() */
        usec_t age;
        uint64_t wakeups;    /* how often the first thread went to sleep and came back */
        usec_t children_cpu; /* CPU time of children that have ended and were waited for */
        bool foreground;     /* of a terminal */
        bool protected;      /* session leader, user manager: set by the caller */
        bool named;          /* set by the caller */
        bool offender;       /* the answer */
} ProcSample;

/* True for display servers, compositors, window managers, the bus, sound and input services. */
bool offenders_is_desktop(const char *comm);

/* True if the process is using, or waiting for, most of a CPU. */
bool offenders_is_burning(const ProcSample *p);

/* Sorts the samples by pid and sets `offender` on each. Returns how many there are, or -ENOMEM. */
ssize_t offenders_select(ProcSample *samples, size_t n);

/* True if something is left beside the offenders that would suffer with them: a desktop, a shell or
 * another program that waits for the keys of a terminal, or one that wakes up many times a second.
 * Then a part of the quota has to be kept for it. After offenders_select(). */
bool offenders_leave_somebody(const ProcSample *samples, size_t n);

/* Sorts the samples by pid and sets `offender` on one process and all its descendants alone.
 * Returns 0 or -ENOMEM. */
int offenders_mark_tree(ProcSample *samples, size_t n, pid_t root);
