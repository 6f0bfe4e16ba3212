/* SPDX-License-Identifier: MIT */
/* What leash-lock needs of an X server, without X's headers: the idle clock, the cover, the grabs,
 * whether a locker is up, and a way for `leash-lock status` to ask.
 *
 * Nothing here trusts other clients. An X error is expected at any time (windows of others vanish)
 * and never ends the program; what a reply says is checked for its type and size. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "core/macro.h"

typedef struct X11 X11;

typedef enum X11Event {
        X11_EVENT_IDLE,        /* value: for how long, in microseconds */
        X11_EVENT_INPUT,       /* after x11_watch_input() */
        X11_EVENT_WINDOWS,     /* something was mapped or grabbed: ask x11_locker_is_up() */
        X11_EVENT_LOCKER_LOST, /* its window is gone, or nobody holds the grabs */
        X11_EVENT_ASKED_LOCK,
        X11_EVENT_ASKED_STATUS, /* answer with x11_answer() before returning */
} X11Event;

typedef void (*X11Handler)(X11Event event, usec_t value, void *userdata);

/* Connects; display NULL means $DISPLAY. The handler is called from x11_dispatch() alone.
 * Returns 0; -ECONNREFUSED if there is no such server; -EOPNOTSUPP if it can neither tell the idle
 * time nor when its own saver starts; -ENOMEM. */
int x11_open(const char *display, X11Handler handler, void *userdata, X11 **ret);
X11 *x11_free(X11 *x);
DEFINE_CLEANUP(X11 *, x11_free);

/* The connection, for polling; it stays x's. */
int x11_fd(const X11 *x);
const char *x11_display(const X11 *x);

/* True for the X server inside a Wayland session, which sees the input of its own clients alone and
 * covers no others. Xwayland tells since 23.1. */
bool x11_is_xwayland(X11 *x);

/* Becomes the one leash-lock of this display. Returns 0; -EBUSY if there is another that answers.
 */
int x11_claim(X11 *x);

/* Sends what is to be sent and handles what has come. Call it before every wait: Xlib reads ahead.
 * Returns 0; -EPIPE if the server is gone; -EBUSY, from then on, if another
 * leash-lock has taken over. */
int x11_dispatch(X11 *x);

/* X11_EVENT_IDLE once, after so long without input (at once if that has passed); USEC_INFINITY for
 * never. x11_watch_input(): X11_EVENT_INPUT once, at the next input. The server counts: nothing is
 * polled, and `xset s off` does not matter. */
void x11_arm_idle(X11 *x, usec_t idle);
void x11_watch_input(X11 *x, bool on);
usec_t x11_idle_time(X11 *x);

/* True if some client has suspended the server's own saver (XScreenSaverSuspend), as players do. */
bool x11_is_suspended(X11 *x);

/* ---- the cover, x11-cover.c --------------------------------------------------------------------
 */

/* A black window over all others, and keyboard and pointer grabbed. Repeatable. `force` breaks
 * grabs of other clients by unmapping their windows for a moment. Returns true if the grabs are
 * ours. */
bool x11_cover(X11 *x, bool force);

/* Whose windows are the locker's from now on: those of this process, its process group and its
 * descendants. 0: nobody's. */
void x11_set_locker(X11 *x, pid_t pid);

/* True if the locker has made an override-redirect window since x11_cover(): it comes. */
bool x11_has_newcomer(const X11 *x);

/* Gives the grabs up for a locker; the cover and the focus stay. */
void x11_hand_over(X11 *x);

/* Takes the cover away: open. */
void x11_uncover(X11 *x);

/* True if the locker stands over the cover: a full-screen override-redirect window of its own, or
 * it said so itself (its window may be the compositor's overlay, which no client can see, or that
 * of a daemon which draws for it), and both grabs are held by somebody else. From then on
 * X11_EVENT_LOCKER_LOST is sent. Windows of others do not count, whatever they look like; but a
 * server that cannot tell (no X-Resource) leaves those in doubt that were made after the locker was
 * started. */
bool x11_locker_is_up(X11 *x, bool said_ready);

/* True if a full-screen override-redirect window of the locker's is there, wherever. */
bool x11_has_leftover(X11 *x);

void x11_blank(X11 *x);
void x11_wake(X11 *x);

/* Closes every other client's connection that has a window: the last resort without logind. */
void x11_kill_clients(X11 *x);

/* ---- what outlives us --------------------------------------------------------------------------
 */

/* Which locker holds the screen, kept by the server: pid 0 for none. `start` tells the process from
 * a later one of the same pid. */
typedef struct X11Mark {
        pid_t pid;
        uint32_t start;
} X11Mark;

void x11_set_mark(X11 *x, const X11Mark *mark); /* NULL: the screen is open */
bool x11_get_mark(X11 *x, X11Mark *ret);        /* false if the screen was open */

/* ---- asking ------------------------------------------------------------------------------------
 */

#define X11_ANSWER_MAX 4096

void x11_answer(X11 *x, const char *text);

/* Asks the leash-lock of a display to lock, or how it is. Returns 0; -ENXIO if there is none;
 * -ETIMEDOUT if it does not answer in 2 s; -ECONNREFUSED. */
int x11_ask(const char *display, X11Event what, char ret[static X11_ANSWER_MAX]);
