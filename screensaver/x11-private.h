/* SPDX-License-Identifier: MIT */
/* What x11.c and x11-cover.c share. */
#pragma once

#include <X11/Xlib.h>
#include <X11/extensions/sync.h>

#include "x11.h"

/* A locker makes some windows besides the one that covers. */
#define X11_NEWCOMERS_MAX 16

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

/* Handles an event of the cover, the root window or the locker. */
void x11_cover_event(X11 *x, const XEvent *event);
