/* SPDX-License-Identifier: MIT */
/* Looks at the X server from outside, a thousand times a second: what would a person see?
 *
 * observer          prints "MICROSECONDS covered|open" of the monotonic clock whenever it changes:
 *                   covered means that the topmost window is override-redirect and full-screen;
 *                   behind it, what that window is
 * observer now      prints the monotonic clock
 * observer grab N   takes keyboard and pointer like a menu does and holds them N seconds;
 * observer managed N   the same with a window that is not override-redirect, as a game's
 * observer root N   the same for the root window
 * observer window N  has a window
 * observer garbage  sends leash-lock client messages and properties that mean nothing
 * observer raise N  keeps raising a window of its own over all others for N seconds
 * observer suspend N  suspends the server's saver, as a player does
 * observer server N  holds the server, which answers nobody else meanwhile
 * observer saver    prints whether the server has blanked the screen: on, off
 * observer layout   prints which of the keyboard's layouts is in use, from 0 */

#define _GNU_SOURCE
#include <X11/XKBlib.h>
#include <X11/Xatom.h>
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/scrnsaver.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (long long) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int ignore(Display *d, XErrorEvent *e) {
        (void) d, (void) e;
        return 0;
}

static bool covers(Display *d, const XWindowAttributes *a, int rim) {
        XWindowAttributes root = {}; /* DisplayWidth() is what it was at the beginning */

        return XGetWindowAttributes(d, DefaultRootWindow(d), &root) && a->override_redirect &&
               a->x <= rim && a->y <= rim && a->x + a->width >= root.width - rim &&
               a->y + a->height >= root.height - rim;
}

/* Windows without a picture of their own (InputOnly) hide nothing and show nothing. One with a rim
 * of two pixels, as xsecurelock's, covers if the next one below covers the rim. */
static bool is_covered(Display *d, XWindowAttributes *top) {
        Window root = DefaultRootWindow(d), parent, *list = NULL;
        bool covered = false, first = true;
        unsigned n = 0;

        if (!XQueryTree(d, root, &root, &parent, &list, &n))
                return false;
        while (n-- > 0) {
                XWindowAttributes a;

                if (!XGetWindowAttributes(d, list[n], &a) || a.map_state != IsViewable ||
                    a.class != InputOutput)
                        continue;
                covered = covers(d, &a, 0);
                if (first)
                        *top = a;
                first = false;
                if (covered || !covers(d, &a, 2))
                        break;
        }
        if (list)
                XFree(list);
        return covered;
}

static void watch(Display *d) __attribute__((noreturn));

/* With the server held, so that what is looked at is one moment and not two. */
static void watch(Display *d) {
        int last = -1;

        for (;;) {
                XWindowAttributes top = {};
                bool covered;

                XGrabServer(d);
                covered = is_covered(d, &top);
                XUngrabServer(d);
                XFlush(d);
                if (covered != last)
                        (void) printf("%lld %s %dx%d+%d+%d%s\n", now_usec(),
                                      covered ? "covered" : "open", top.width, top.height, top.x,
                                      top.y, top.override_redirect ? "" : " managed");
                last = covered;
                (void) fflush(stdout);
                (void) usleep(1000);
        }
}

static bool grab_both(Display *d, Window w) {
        return XGrabPointer(d, w, True, ButtonPressMask, GrabModeAsync, GrabModeAsync, None, None,
                            CurrentTime) == GrabSuccess &&
               XGrabKeyboard(d, w, True, GrabModeAsync, GrabModeAsync, CurrentTime) == GrabSuccess;
}

static int hold_grab(Display *d, const char *kind, unsigned seconds) {
        Window root = DefaultRootWindow(d), w = root;
        XSetWindowAttributes a = { .override_redirect = strcmp(kind, "managed") != 0,
                                   .background_pixel = 0x802020 };

        if (strcmp(kind, "root") != 0) {
                w = XCreateWindow(d, root, 50, 50, 120, 160, 0, CopyFromParent, InputOutput,
                                  CopyFromParent, CWOverrideRedirect | CWBackPixel, &a);
                XMapRaised(d, w);
                (void) XSync(d, False);
                (void) usleep(200000); /* a window manager's turn */
        }
        /* A window manager takes the window away from the root for a moment, and a window that is
         * not viewable gets no grab. */
        for (int i = 0; strcmp(kind, "window") != 0 && !grab_both(d, w); i++) {
                if (i >= 20)
                        return 1;
                (void) usleep(100000);
        }
        (void) puts("grabbed");
        (void) fflush(stdout);
        for (long long end = now_usec() + seconds * 1000000LL; now_usec() < end;) {
                XEvent event;

                while (XPending(d) > 0)
                        (void) XNextEvent(d, &event);
                (void) usleep(20000);
        }
        return 0;
}

static int send_garbage(Display *d) {
        Window root = DefaultRootWindow(d), owner;
        Atom ask = XInternAtom(d, "_LEASH_LOCK_ASK", False);
        Atom mark = XInternAtom(d, "_LEASH_LOCK_MARK", False);
        unsigned char *huge = calloc(1, 1 << 16);

        owner = XGetSelectionOwner(d, XInternAtom(d, "_LEASH_LOCK_S0", False));
        if (owner == None || !huge)
                return 1;
        memset(huge, 0xff, 1 << 16);
        for (int format = 8; format <= 32; format *= 2)
                for (int i = 0; i < 200; i++) {
                        XEvent e = { .xclient = { .type = ClientMessage,
                                                  .window = owner,
                                                  .message_type = i % 2 ? ask : (Atom) i,
                                                  .format = format } };

                        memset(&e.xclient.data, i % 3 ? 0xff : i, sizeof(e.xclient.data));
                        (void) XSendEvent(d, owner, False, NoEventMask, &e);
                }
        for (int i = 0; i < 20; i++)
                XChangeProperty(d, owner, (Atom) (i + 1), XA_STRING, 8, PropModeReplace, huge,
                                1 << 16);
        XChangeProperty(d, root, mark, XA_STRING, 8, PropModeReplace, huge, 1 << 16);
        XSetSelectionOwner(d, XInternAtom(d, "_LEASH_LOCK_S0", False), None, CurrentTime);
        (void) XSync(d, False);
        XDeleteProperty(d, root, mark);
        (void) XSync(d, False);
        free(huge);
        return 0;
}

static int keep_raising(Display *d, unsigned seconds) {
        XSetWindowAttributes a = { .override_redirect = True, .background_pixel = 0x208020 };
        Window w = XCreateWindow(d, DefaultRootWindow(d), 10, 10, 100, 100, 0, CopyFromParent,
                                 InputOutput, CopyFromParent, CWOverrideRedirect | CWBackPixel, &a);

        XMapRaised(d, w);
        for (long long end = now_usec() + seconds * 1000000LL; now_usec() < end;) {
                XRaiseWindow(d, w);
                (void) XSync(d, False);
                (void) usleep(5000);
        }
        return 0;
}

static int print_saver(Display *d) {
        XScreenSaverInfo info = {};

        if (!XScreenSaverQueryInfo(d, DefaultRootWindow(d), &info))
                return 1;
        return puts(info.state == ScreenSaverOn ? "on" : "off") < 0;
}

static int print_layout(Display *d) {
        XkbStateRec state = {};

        return XkbGetState(d, XkbUseCoreKbd, &state) != Success || printf("%d\n", state.group) < 0;
}

int main(int argc, char *argv[]) {
        const char *what = argc > 1 ? argv[1] : "";
        unsigned seconds = argc > 2 ? (unsigned) atoi(argv[2]) : 10;
        Display *d;

        if (strcmp(what, "now") == 0)
                return printf("%lld\n", now_usec()) < 0;
        d = XOpenDisplay(NULL);
        if (!d)
                return 1;
        (void) XSetErrorHandler(ignore);
        if (!*what)
                watch(d);
        if (strcmp(what, "garbage") == 0)
                return send_garbage(d);
        if (strcmp(what, "raise") == 0)
                return keep_raising(d, seconds);
        if (strcmp(what, "suspend") == 0) {
                XScreenSaverSuspend(d, True);
                (void) XSync(d, False);
                (void) puts("suspended");
                (void) fflush(stdout);
                (void) sleep(seconds);
                return 0;
        }
        if (strcmp(what, "server") == 0) {
                XGrabServer(d);
                (void) XSync(d, False);
                (void) puts("grabbed");
                (void) fflush(stdout);
                (void) sleep(seconds);
                return 0;
        }
        if (strcmp(what, "saver") == 0)
                return print_saver(d);
        if (strcmp(what, "layout") == 0)
                return print_layout(d);
        return hold_grab(d, what, seconds);
}
