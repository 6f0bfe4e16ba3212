/* SPDX-License-Identifier: MIT */
/* What x11.c and x11-cover.c share. */
#pragma once

#include <X11/Xlib.h>
#include <X11/extensions/sync.h>

#include "x11.h"

/* A locker makes some windows besides the one that covers; so may others meanwhile. */
#define X11_NEWCOMERS_MAX 32

typedef enum X11Atom {
        X11_ATOM_SELECTION, /* its owner is the one leash-lock of the screen */
        X11_ATOM_ASK,
        X11_ATOM_ANSWER,
        X11_ATOM_MARK,
        _X11_ATOM_MAX,
} X11Atom;

struct X11 {
        Display *display;
        Window root, window; /* window: never mapped; owns the selection, asks about grabs */
        Atom atoms[_X11_ATOM_MAX];
        X11Handler handler;
        void *userdata;
        bool gone, replaced;
        bool wants_selection; /* somebody keeps taking it */
        unsigned takes;       /* in this second */
        usec_t takes_since;

        XSyncCounter idle_counter; /* None: MIT-SCREEN-SAVER has to do */
        XSyncAlarm idle_alarm, input_alarm;
        int sync_event, saver_event;
        usec_t armed; /* USEC_INFINITY: not */
        usec_t fired; /* the idle time of the last alarm */
        bool watches_input;
        bool look; /* an alarm was set: has its time come before? */

        Window cover, locker; /* None: there is none */
        bool grabbed, locker_up;
        pid_t locker_pid;                    /* 0: there is none */
        bool knows_owners;                   /* the server tells which process a window is of */
        Window newcomers[X11_NEWCOMERS_MAX]; /* override-redirect, made since the cover was; a ring
                                              */
        unsigned n_newcomers;
        unsigned width, height; /* of the root window */
        unsigned raises;        /* in this second */
        usec_t raises_since;
        Window asker; /* while X11_EVENT_ASKED_STATUS is handled */
};

/* True if another process of ours runs leash-lock, owns the selection, and answers. */
bool x11_has_other(const X11 *x);

/* The process that made the connection a window belongs to. Returns 0; -ESRCH if the server knows
 * none; -EOPNOTSUPP if it cannot tell. */
int x11_client_pid(Display *display, Window window, pid_t *ret);

/* True if the server tells processes by the pids that we know them by: it is on this machine and
 * sees us in the same pid namespace. */
bool x11_knows_owners(const X11 *x);

/* True if a window is of the locker's process, of its process group, or of a descendant. Where the
 * server cannot tell: if it was made since the locker was started. */
bool x11_is_lockers(const X11 *x, Window window);

/* Handles an event of the cover, the root window or the locker. */
void x11_cover_event(X11 *x, const XEvent *event);
