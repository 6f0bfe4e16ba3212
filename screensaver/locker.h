/* SPDX-License-Identifier: MIT */
/* The program that draws the lock screen and asks for the password: xsecurelock, i3lock, any. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "core/macro.h"

typedef struct sd_event sd_event;

typedef struct Locker Locker;

typedef enum LockerEvent {
        LOCKER_EVENT_READY,   /* it closed XSS_SLEEP_LOCK_FD, as xsecurelock and i3lock do */
        LOCKER_EVENT_STOPPED, /* by a signal */
        LOCKER_EVENT_SUCCESS, /* exited with 0 */
        LOCKER_EVENT_DIED,    /* value: exit status, or minus the signal */
} LockerEvent;

typedef void (*LockerHandler)(LockerEvent event, int value, void *userdata);

/* Starts a command line: words, with '...' and "..." around what holds blanks. The program gets a
 * process group and a clean environment: what the user exported must not change what it does.
 * SIGCHLD must be blocked. Returns 0; -EINVAL for a command that makes no sense; -errno. That the
 * program is not there is told by LOCKER_EVENT_DIED with 127. */
int locker_start(sd_event *event, const char *command, LockerHandler handler, void *userdata,
                 Locker **ret);

/* Stops listening; the program runs on. */
Locker *locker_free(Locker *l);
DEFINE_CLEANUP(Locker *, locker_free);

pid_t locker_pid(const Locker *l);
void locker_kill(const Locker *l); /* with all of its process group */
void locker_continue(const Locker *l);

/* A process by its start as /proc tells it, in ticks cut to 32 bits; 0 if there is none. */
uint32_t locker_start_time(pid_t pid);

/* Kills a locker that an earlier leash-lock left behind, if it is still that process. */
void locker_kill_orphan(pid_t pid, uint32_t start);
