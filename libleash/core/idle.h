/* SPDX-License-Identifier: MIT */
/* When a session is warned, locked, blanked and ended: the state machine behind leash-lock.
 *
 * It is told what happened and when, and answers what is to be done. It never looks at a clock, a
 * screen or a process, so every path can be tested.
 *
 * Invariants, held by tests/unit/test-idle.c over random traces:
 *
 *   - Once closed (locking, locked, ending), the one way back to open is the locker's own success:
 *     exit status 0 of a locker that was seen up. Neither Unlock, input, inhibitors, a locker that
 *     dies or that exits 0 without having locked, nor time opens.
 *   - While closed, either a locker is up, or something is due: nothing waits for ever.
 *   - A locker is only started when the caller holds the grabs, and never two at once.
 *   - The sleep delay is released only with a locker up, or while the session ends.
 *   - Inhibitors delay the lock up to a ceiling, and never the end of a session.
 *
 * All times are microseconds of one clock that never goes back. */
#pragma once

#include <stdbool.h>

#include "core/macro.h"

typedef enum IdleState {
        IDLE_OPEN,
        IDLE_WARNING, /* the lock is near; input cancels */
        IDLE_LOCKING, /* covered, but no locker has been up yet */
        IDLE_LOCKED,  /* a locker has been up; it may be down for a moment, covered */
        IDLE_ENDING,  /* the session is to end; absorbing */
        _IDLE_STATE_MAX,
        _IDLE_STATE_INVALID = -EINVAL,
} IdleState;

typedef enum IdleLocker {
        IDLE_LOCKER_NONE,
        IDLE_LOCKER_STARTING,
        IDLE_LOCKER_UP,      /* has a window or said so, and somebody else holds the grabs */
        IDLE_LOCKER_LEAVING, /* was up, lost its window or grabs, has not exited yet */
        IDLE_LOCKER_DYING,   /* killed, has not exited yet */
} IdleLocker;

typedef enum IdleEvent {
        IDLE_EVENT_START, /* value: the screen was locked when our predecessor died */
        IDLE_EVENT_TIME,  /* idle_deadline() has come; may be sent at any time */
        IDLE_EVENT_ALARM, /* no input for `value` */
        IDLE_EVENT_INPUT,
        IDLE_EVENT_LOCK,       /* somebody asks to lock */
        IDLE_EVENT_UNLOCK,     /* somebody asks to unlock: shows the prompt, opens nothing */
        IDLE_EVENT_SLEEP,      /* the machine is about to sleep */
        IDLE_EVENT_RESUME,     /* it is back */
        IDLE_EVENT_DISCONNECT, /* the remote viewer went away */
        IDLE_EVENT_RECONNECT,
        IDLE_EVENT_INHIBITORS, /* value: how many there are now */
        IDLE_EVENT_GRABBED,    /* answer to IDLE_DO_COVER: covered, and the grabs are ours */
        IDLE_EVENT_GRAB_FAILED,
        IDLE_EVENT_LOCKER_READY,
        IDLE_EVENT_LOCKER_LOST,    /* its window or grabs are gone, the process is not */
        IDLE_EVENT_LOCKER_STOPPED, /* by a signal */
        IDLE_EVENT_LOCKER_SUCCESS, /* exited with 0, and nothing of it is left on the screen */
        IDLE_EVENT_LOCKER_DIED,    /* any other end, or could not be started */
        _IDLE_EVENT_MAX,
} IdleEvent;

/* What is to be done, in this order. */
typedef enum IdleAction {
        IDLE_DO_KILL = 1 << 0,     /* the locker, with all it started */
        IDLE_DO_CONTINUE = 1 << 1, /* SIGCONT to the locker */
        IDLE_DO_COVER = 1 << 2,    /* own window on top, and take the grabs; then tell */
        IDLE_DO_FORCE = 1 << 3,    /* with COVER: break others' grabs, see x11-cover.c */
        IDLE_DO_START = 1 << 4,    /* the locker that idle_which() names */
        IDLE_DO_UNCOVER = 1 << 5,  /* open */
        IDLE_DO_WARN = 1 << 6,
        IDLE_DO_UNWARN = 1 << 7,
        IDLE_DO_BLANK = 1 << 8,
        IDLE_DO_WAKE = 1 << 9,   /* show the prompt */
        IDLE_DO_HINTS = 1 << 10, /* tell logind idle_is_idle() and idle_is_locked() */
        IDLE_DO_TAKE_SLEEP = 1 << 11,
        IDLE_DO_RELEASE_SLEEP = 1 << 12,
        IDLE_DO_WARN_LOGOUT = 1 << 13,
        IDLE_DO_END = 1 << 14, /* the session; asked again until it is gone */
} IdleAction;

typedef enum IdleTimer {
        IDLE_TIMER_LOCK,    /* end of the warning */
        IDLE_TIMER_INHIBIT, /* ceiling */
        IDLE_TIMER_COVER,   /* take the grabs (again) */
        IDLE_TIMER_LOCKER,  /* by when it must be up, or gone */
        IDLE_TIMER_WARN_LOGOUT,
        IDLE_TIMER_END,
        _IDLE_TIMER_MAX,
} IdleTimer;

/* A time of 0 means "never", but for `warn` and `inhibit_max`, where it means "not at all". */
typedef struct IdleConfig {
        usec_t idle;         /* without input until locked */
        usec_t warn;         /* so long before that */
        usec_t blank;        /* without input while locked */
        usec_t inhibit_max;  /* an inhibitor delays the lock at most so long */
        usec_t logout_after; /* locked so long */
        usec_t logout_warn;  /* so long before that */
        usec_t grab_max;     /* another client keeps the grabs: the session ends after this */
        bool lock_on_disconnect;
        bool has_fallback;
} IdleConfig;

/* How long a locker may take to be up, and to go once its window has. */
#define IDLE_READY_MAX (15 * USEC_PER_SEC)
#define IDLE_LEAVE_MAX (3 * USEC_PER_SEC)
/* Deaths until the other locker's turn; forgotten by one that was up for IDLE_STABLE. */
#define IDLE_DEATHS_MAX 3
#define IDLE_STABLE (60 * USEC_PER_SEC)
/* A locker may be stopped so often in one life. */
#define IDLE_STOPS_MAX 3
#define IDLE_GRAB_RETRY (100 * USEC_PER_MSEC)
/* Others are given so long to let go of the grabs by themselves. */
#define IDLE_FORCE_AFTER USEC_PER_SEC
#define IDLE_END_RETRY (10 * USEC_PER_SEC)

typedef struct IdleMachine {
        IdleConfig config;
        IdleState state;
        IdleLocker locker;
        bool fallback; /* the fallback locker's turn */
        bool is_idle, is_blank;
        bool sleep_pending;       /* release the delay once a locker is up */
        bool ceiling;             /* inhibitors have had their time */
        usec_t inhibitors;        /* how many */
        usec_t delayed_since;     /* the lock was due, inhibitors hold it; USEC_INFINITY if not */
        usec_t locked_since;      /* USEC_INFINITY while a locker has not been up */
        usec_t started, up_since; /* of the locker */
        usec_t restart_at;
        usec_t grab_since; /* the first grab that failed in a row; USEC_INFINITY */
        unsigned deaths, stops;
        usec_t timers[_IDLE_TIMER_MAX]; /* USEC_INFINITY: not set */
} IdleMachine;

/* Sets up an open session. A warning that is not shorter than the idle time is halved. */
void idle_init(IdleMachine *m, const IdleConfig *config);

/* Takes in an event and returns IdleAction bits. `value` means what the event says, else 0. */
unsigned idle_handle(IdleMachine *m, IdleEvent event, usec_t value, usec_t now);

/* When IDLE_EVENT_TIME is due; USEC_INFINITY if not. */
usec_t idle_deadline(const IdleMachine *m);

/* How long without input until IDLE_EVENT_ALARM is wanted; USEC_INFINITY if not. */
usec_t idle_alarm(const IdleMachine *m);

/* True if IDLE_EVENT_INPUT is wanted: it would change something. */
bool idle_wants_input(const IdleMachine *m);

/* True from the first action against the user's input to the last: locking, locked, ending. */
bool idle_is_closed(const IdleMachine *m);

/* "open", "warning", "locking", "locked", "ending" */
const char *idle_state_to_string(IdleState state);
