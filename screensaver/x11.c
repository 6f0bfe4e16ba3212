/* SPDX-License-Identifier: MIT */
/* The X server: connection, idle clock, the one leash-lock of a screen, questions and answers. */

#define _GNU_SOURCE
#include <X11/Xatom.h>
#include <X11/Xutil.h>
#include <X11/extensions/scrnsaver.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "os/clock.h"
#include "testing.h"
#include "x11-private.h"

#define ANSWER_WITHIN (2 * USEC_PER_SEC)
#define TAKES_PER_SECOND 20

/* Windows of others vanish between any two requests; Xlib's own handler would end us for it. What
 * needs to know looks at the reply. */
static int ignore_error(Display *display, XErrorEvent *event) {
        (void) display, (void) event;
        return 0;
}

/* Xlib calls exit() after this unless an exit handler is set, which then returns (libX11 1.7). */
static int ignore_io_error(Display *display) {
        (void) display;
        return 0;
}

static void on_io_error(Display *display, void *userdata) {
        (void) display;
        *(bool *) userdata = true;
}

static Display *connect_to(const char *name, bool *gone) {
        Display *display;

        (void) XSetErrorHandler(ignore_error);
        (void) XSetIOErrorHandler(ignore_io_error);
        display = XOpenDisplay(name);
        if (display)
                XSetIOErrorExitHandler(display, on_io_error, gone);
        return display;
}

static void intern_atoms(Display *display, Atom atoms[static _X11_ATOM_MAX]) {
        static const char *const names[_X11_ATOM_MAX] = {
                [X11_ATOM_SELECTION] = "_LEASH_LOCK_S%d",
                [X11_ATOM_ASK] = "_LEASH_LOCK_ASK",
                [X11_ATOM_ANSWER] = "_LEASH_LOCK_ANSWER",
                [X11_ATOM_MARK] = "_LEASH_LOCK_MARK",
        };

        for (X11Atom a = 0; a < _X11_ATOM_MAX; a++) {
                char name[64];

                if (a == X11_ATOM_SELECTION)
                        (void) snprintf(name, sizeof(name), "_LEASH_LOCK_S%d",
                                        DefaultScreen(display));
                else
                        (void) snprintf(name, sizeof(name), "%s", names[a]);
                atoms[a] = XInternAtom(display, name, False);
        }
}

/* ---- the idle clock ----------------------------------------------------------------------------
 */

static XSyncCounter find_idle_counter(Display *display) {
        XSyncSystemCounter *counters;
        XSyncCounter found = None;
        int n = 0;

        counters = XSyncListSystemCounters(display, &n);
        for (int i = 0; i < n; i++)
                if (strcmp(counters[i].name, "IDLETIME") == 0)
                        found = counters[i].counter;
        if (counters)
                XSyncFreeSystemCounterList(counters);
        return found;
}

static bool open_sync(X11 *x) {
        int error, major = 3, minor = 1;

        if (testing_without_sync() || !XSyncQueryExtension(x->display, &x->sync_event, &error) ||
            !XSyncInitialize(x->display, &major, &minor))
                return false;
        x->idle_counter = find_idle_counter(x->display);
        return x->idle_counter != None;
}

/* Events of the server's own saver: a user's `xset s off` stops these, so they are second choice.
 */
static bool open_saver(X11 *x) {
        int error;

        if (!XScreenSaverQueryExtension(x->display, &x->saver_event, &error))
                return false;
        if (x->idle_counter == None)
                XScreenSaverSelectInput(x->display, x->root, ScreenSaverNotifyMask);
        return true;
}

static usec_t from_value(XSyncValue v) {
        int64_t msec = (int64_t) ((uint64_t) (uint32_t) XSyncValueHigh32(v) << 32 |
                                  (uint32_t) XSyncValueLow32(v));

        return msec < 0 ? 0 : (usec_t) msec * USEC_PER_MSEC;
}

usec_t x11_idle_time(X11 *x) {
        XSyncValue value;
        XScreenSaverInfo info = {};

        if (x->idle_counter != None)
                return XSyncQueryCounter(x->display, x->idle_counter, &value) ? from_value(value)
                                                                              : 0;
        return XScreenSaverQueryInfo(x->display, x->root, &info)
                       ? (usec_t) info.idle * USEC_PER_MSEC
                       : 0;
}

static void destroy_alarm(X11 *x, XSyncAlarm *alarm) {
        if (*alarm != None)
                XSyncDestroyAlarm(x->display, *alarm);
        *alarm = None;
}

static XSyncAlarm create_alarm(X11 *x, usec_t idle, XSyncTestType type) {
        uint64_t msec = idle / USEC_PER_MSEC;
        XSyncAlarmAttributes a = {
                .trigger = { .counter = x->idle_counter,
                             .value_type = XSyncAbsolute,
                             .test_type = type },
                .events = True,
        };

        XSyncIntsToValue(&a.trigger.wait_value, (unsigned) msec, (int) (msec >> 32));
        XSyncIntToValue(&a.delta, 0);
        return XSyncCreateAlarm(x->display,
                                XSyncCACounter | XSyncCAValueType | XSyncCAValue | XSyncCATestType |
                                        XSyncCADelta | XSyncCAEvents,
                                &a);
}

static void idle_came(X11 *x, usec_t idle) {
        destroy_alarm(x, &x->idle_alarm);
        x->armed = USEC_INFINITY;
        x->fired = idle;
        x->handler(X11_EVENT_IDLE, idle, x->userdata);
}

static void input_came(X11 *x) {
        destroy_alarm(x, &x->input_alarm);
        x->watches_input = false;
        x->handler(X11_EVENT_INPUT, 0, x->userdata);
}

/* A threshold that has passed gives no transition: x11_dispatch() looks, after the caller is done.
 */
void x11_arm_idle(X11 *x, usec_t idle) {
        if (idle == x->armed)
                return;
        destroy_alarm(x, &x->idle_alarm);
        x->armed = idle;
        if (idle == USEC_INFINITY)
                return;
        x->look = true;
        if (x->idle_counter != None)
                x->idle_alarm = create_alarm(x, idle, XSyncPositiveTransition);
        else
                XSetScreenSaver(x->display, (int) MIN_OF(idle / USEC_PER_SEC, UINT64_C(32000)), 0,
                                DontPreferBlanking, DefaultExposures);
}

void x11_watch_input(X11 *x, bool on) {
        if (on == x->watches_input)
                return;
        destroy_alarm(x, &x->input_alarm);
        x->watches_input = on;
        x->look = x->look || on;
        if (on && x->idle_counter != None)
                x->input_alarm =
                        create_alarm(x, x->fired > USEC_PER_MSEC ? x->fired - USEC_PER_MSEC : 0,
                                     XSyncNegativeTransition);
}

/* What happened before an alarm was there to see it. */
static void look_at_clock(X11 *x) {
        bool look = x->look;
        usec_t idle;

        x->look = false;
        if (!look || x->idle_counter == None)
                return;
        idle = x11_idle_time(x);
        if (x->watches_input && idle + USEC_PER_MSEC < x->fired)
                input_came(x);
        else if (idle >= x->armed)
                idle_came(x, idle);
}

bool x11_is_suspended(X11 *x) {
        XScreenSaverInfo info = {};
        int timeout, interval, blanking, exposures;

        if (x->saver_event == 0 || !XScreenSaverQueryInfo(x->display, x->root, &info))
                return false;
        (void) XGetScreenSaver(x->display, &timeout, &interval, &blanking, &exposures);
        /* Suspended, the server has no time left until its saver and does not start it either. */
        return timeout > 0 && info.state == ScreenSaverOff && info.til_or_since == 0 &&
               info.idle >= (unsigned long) timeout * 1000;
}

/* ---- connection --------------------------------------------------------------------------------
 */

/* Told of its end: any client may destroy it. */
static void create_window(X11 *x) {
        x->window = XCreateSimpleWindow(x->display, x->root, -10, -10, 1, 1, 0, 0, 0);
        XSelectInput(x->display, x->window, StructureNotifyMask);
}

int x11_open(const char *display, X11Handler handler, void *userdata, X11 **ret) {
        _cleanup_(x11_freep) X11 *x = calloc(1, sizeof(X11));
        bool has_clock, has_saver;

        if (!x)
                return -ENOMEM;
        x->handler = handler;
        x->userdata = userdata;
        x->armed = USEC_INFINITY;
        x->display = connect_to(display, &x->gone);
        if (!x->display)
                return -ECONNREFUSED;
        x->root = DefaultRootWindow(x->display);
        create_window(x);
        intern_atoms(x->display, x->atoms);
        x->knows_owners = x11_knows_owners(x);
        has_clock = open_sync(x);
        has_saver = open_saver(x); /* wanted besides: players suspend it */
        if (!has_clock && !has_saver)
                return -EOPNOTSUPP;
        *ret = TAKE_PTR(x);
        return 0;
}

X11 *x11_free(X11 *x) {
        if (!x)
                return NULL;
        if (x->display)
                (void) XCloseDisplay(x->display);
        free(x);
        return NULL;
}

int x11_fd(const X11 *x) {
        return ConnectionNumber(x->display);
}

const char *x11_display(const X11 *x) {
        return DisplayString(x->display);
}

bool x11_is_xwayland(X11 *x) {
        int opcode, event, error;

        return XQueryExtension(x->display, "XWAYLAND", &opcode, &event, &error);
}

int x11_claim(X11 *x) {
        Atom selection = x->atoms[X11_ATOM_SELECTION];
        bool free_now;

        /* Looked at and taken in one, or two that start at once both take it. */
        XGrabServer(x->display);
        free_now = XGetSelectionOwner(x->display, selection) == None;
        if (free_now)
                XSetSelectionOwner(x->display, selection, x->window, CurrentTime);
        XUngrabServer(x->display);
        (void) XSync(x->display, False);
        if (free_now)
                return 0;
        if (x11_has_other(x))
                return -EBUSY;
        XSetSelectionOwner(x->display, selection, x->window, CurrentTime);
        return XGetSelectionOwner(x->display, selection) == x->window ? 0 : -EBUSY;
}

/* Two that do not know each other would never end. */
static bool may_take(X11 *x) {
        usec_t now = clock_monotonic();

        if (now - x->takes_since >= USEC_PER_SEC) {
                x->takes_since = now;
                x->takes = 0;
        }
        return x->takes++ < TAKES_PER_SECOND;
}

/* Another one thought that we were dead, maybe because we were stopped: it has the display now. It
 * answers only after it has covered what we had locked. Any other client's taking the selection is
 * undone. */
static void on_selection_lost(X11 *x) {
        x->wants_selection = !may_take(x);
        if (x->wants_selection || x->replaced)
                return;
        x->replaced = x11_has_other(x);
        if (!x->replaced)
                XSetSelectionOwner(x->display, x->atoms[X11_ATOM_SELECTION], x->window,
                                   CurrentTime);
}

static void on_window_destroyed(X11 *x) {
        create_window(x);
        on_selection_lost(x);
}

/* ---- events ------------------------------------------------------------------------------------
 */

static void on_asked(X11 *x, const XClientMessageEvent *event) {
        if (event->message_type != x->atoms[X11_ATOM_ASK] || event->format != 32)
                return;
        x->asker = (Window) event->data.l[1];
        if (event->data.l[0] == X11_EVENT_ASKED_LOCK || event->data.l[0] == X11_EVENT_ASKED_STATUS)
                x->handler((X11Event) event->data.l[0], 0, x->userdata);
        x->asker = None;
}

/* Any client may send any event (XSendEvent(3)). The server marks those, and none but a question is
 * meant for us: a screen that shrank or a locker's window that went is believed of the server
 * alone.
 */
static void handle(X11 *x, const XEvent *event) {
        if (event->xany.send_event && event->type != ClientMessage)
                return;
        if (x->idle_counter != None && event->type == x->sync_event + XSyncAlarmNotify) {
                const XSyncAlarmNotifyEvent *alarm = (const XSyncAlarmNotifyEvent *) event;

                if (alarm->alarm == x->input_alarm && x->watches_input)
                        input_came(x);
                else if (alarm->alarm == x->idle_alarm && x->armed != USEC_INFINITY)
                        idle_came(x, from_value(alarm->counter_value));
        } else if (x->idle_counter == None && event->type == x->saver_event + ScreenSaverNotify) {
                const XScreenSaverNotifyEvent *saver = (const XScreenSaverNotifyEvent *) event;

                if (saver->state != ScreenSaverOff && x->armed != USEC_INFINITY)
                        idle_came(x, x->armed);
                else if (saver->state == ScreenSaverOff && x->watches_input)
                        input_came(x);
        } else if (event->type == ClientMessage) {
                on_asked(x, &event->xclient);
        } else if (event->type == SelectionClear && event->xselectionclear.window == x->window) {
                on_selection_lost(x);
        } else if (event->type == DestroyNotify && event->xdestroywindow.window == x->window) {
                on_window_destroyed(x);
        } else {
                x11_cover_event(x, event);
        }
}

int x11_dispatch(X11 *x) {
        do {
                while (!x->gone && XPending(x->display) > 0) {
                        XEvent event;

                        (void) XNextEvent(x->display, &event);
                        if (!x->gone)
                                handle(x, &event);
                }
                if (!x->gone && x->wants_selection)
                        on_selection_lost(x);
                if (!x->gone)
                        look_at_clock(x);
                if (!x->gone)
                        XFlush(x->display);
        } while (!x->gone && (x->look || XEventsQueued(x->display, QueuedAlready) > 0));
        if (x->gone)
                return -EPIPE;
        return x->replaced ? -EBUSY : 0;
}

/* ---- what outlives us --------------------------------------------------------------------------
 */

void x11_set_mark(X11 *x, const X11Mark *mark) {
        /* Xlib takes longs for 32 bits, whatever a long is (XChangeProperty(3)). */
        long data[2] = { mark ? mark->pid : 0, mark ? (long) mark->start : 0 };

        if (mark)
                XChangeProperty(x->display, x->root, x->atoms[X11_ATOM_MARK], XA_CARDINAL, 32,
                                PropModeReplace, (unsigned char *) data, 2);
        else
                XDeleteProperty(x->display, x->root, x->atoms[X11_ATOM_MARK]);
        (void) XSync(x->display, False); /* it is for when we are dead */
}

bool x11_get_mark(X11 *x, X11Mark *ret) {
        unsigned long n = 0, rest;
        unsigned char *data = NULL;
        Atom type;
        int format;

        if (XGetWindowProperty(x->display, x->root, x->atoms[X11_ATOM_MARK], 0, 2, False,
                               AnyPropertyType, &type, &format, &n, &rest, &data) != Success)
                return false;
        /* Whatever stands there, it was not open; only a well-formed one names a process. */
        *ret = (X11Mark){};
        if (data && type == XA_CARDINAL && format == 32 && n == 2) {
                ret->pid = (pid_t) ((long *) data)[0];
                ret->start = (uint32_t) ((long *) data)[1];
        }
        if (data)
                XFree(data);
        return type != None;
}

/* ---- asking ------------------------------------------------------------------------------------
 */

void x11_answer(X11 *x, const char *text) {
        if (x->asker == None)
                return;
        XChangeProperty(x->display, x->asker, x->atoms[X11_ATOM_ANSWER], XA_STRING, 8,
                        PropModeReplace, (const unsigned char *) text,
                        (int) MIN_OF(strlen(text), (size_t) X11_ANSWER_MAX - 1));
}

static void close_display(Display **display) {
        if (*display)
                (void) XCloseDisplay(*display);
}

static bool read_answer(Display *display, Window window, Atom atom,
                        char ret[static X11_ANSWER_MAX]) {
        unsigned long n = 0, rest;
        unsigned char *data = NULL;
        Atom type;
        int format;
        bool good;

        if (XGetWindowProperty(display, window, atom, 0, X11_ANSWER_MAX / 4, True, XA_STRING, &type,
                               &format, &n, &rest, &data) != Success)
                return false;
        good = data && type == XA_STRING && format == 8 && n < X11_ANSWER_MAX;
        if (good) {
                memcpy(ret, data, n);
                ret[n] = '\0';
        }
        if (data)
                XFree(data);
        return good;
}

static int wait_for_answer(Display *display, Window window, Atom atom, const bool *gone,
                           char ret[static X11_ANSWER_MAX]) {
        usec_t deadline = clock_monotonic() + ANSWER_WITHIN;

        for (;;) {
                struct pollfd p = { .fd = ConnectionNumber(display), .events = POLLIN };
                usec_t now = clock_monotonic();

                while (XPending(display) > 0) {
                        XEvent event;

                        (void) XNextEvent(display, &event);
                        if (event.type == PropertyNotify && event.xproperty.window == window &&
                            event.xproperty.atom == atom && read_answer(display, window, atom, ret))
                                return 0;
                }
                if (*gone || now >= deadline)
                        return -ETIMEDOUT;
                (void) poll(&p, 1, (int) ((deadline - now) / USEC_PER_MSEC) + 1);
        }
}

int x11_ask(const char *name, X11Event what, char ret[static X11_ANSWER_MAX]) {
        bool gone = false;
        _cleanup_(close_display) Display *display = connect_to(name, &gone);
        XEvent event = { .xclient = { .type = ClientMessage, .format = 32 } };
        Atom atoms[_X11_ATOM_MAX];
        Window owner, window;

        if (!display)
                return -ECONNREFUSED;
        intern_atoms(display, atoms);
        owner = XGetSelectionOwner(display, atoms[X11_ATOM_SELECTION]);
        if (owner == None)
                return -ENXIO;
        window = XCreateSimpleWindow(display, DefaultRootWindow(display), -10, -10, 1, 1, 0, 0, 0);
        XSelectInput(display, window, PropertyChangeMask);
        event.xclient.window = owner;
        event.xclient.message_type = atoms[X11_ATOM_ASK];
        event.xclient.data.l[0] = what;
        event.xclient.data.l[1] = (long) window;
        (void) XSendEvent(display, owner, False, NoEventMask, &event);
        return wait_for_answer(display, window, atoms[X11_ATOM_ANSWER], &gone, ret);
}
