/* SPDX-License-Identifier: MIT */
/* A client of the display that means leash-lock ill.
 *
 * intruder fake          sends events that only a server may: the screen has shrunk, the selection
 *                        is lost, the locker's window is unmapped and gone
 * intruder cover         prints the cover: WIDTHxHEIGHT+X+Y, and "hidden" if it is not mapped
 * intruder top           prints whose full-screen window is above all others: cover, other
 * intruder move|unmap|destroy|reparent   does that to the cover
 * intruder helper        destroys the window that owns the selection
 * intruder overlay N     keeps a full-screen window over all others for N seconds, and takes the
 *                        grabs whenever they are free; says when it has them
 * intruder window N      the same without the grabs; says when it is there
 * intruder take N        takes the selection and answers what is asked, for N seconds; prints how
 *                        often it was asked */

#define _GNU_SOURCE
#include <X11/Xatom.h>
#include <X11/Xlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int ignore(Display *d, XErrorEvent *e) {
        (void) d, (void) e;
        return 0;
}

static Atom selection(Display *d) {
        return XInternAtom(d, "_LEASH_LOCK_S0", False);
}

static bool is_cover(Display *d, Window w) {
        char *name = NULL;
        bool is = XFetchName(d, w, &name) && name && strcmp(name, "leash-lock") == 0;

        if (name)
                XFree(name);
        return is;
}

static void send(Display *d, Window to, XEvent event) {
        for (int i = 0; i < 3; i++)
                (void) XSendEvent(d, to, False, NoEventMask, &event);
}

static int fake(Display *d) {
        Window root = DefaultRootWindow(d), parent, *list = NULL, owner;
        unsigned n = 0;

        owner = XGetSelectionOwner(d, selection(d));
        if (owner == None || !XQueryTree(d, root, &root, &parent, &list, &n))
                return 1;
        send(d, owner,
             (XEvent){ .xconfigure = { .type = ConfigureNotify,
                                       .event = root,
                                       .window = root,
                                       .width = 1,
                                       .height = 1 } });
        send(d, owner,
             (XEvent){ .xselectionclear = { .type = SelectionClear,
                                            .window = owner,
                                            .selection = selection(d) } });
        for (unsigned i = 0; i < n; i++) {
                send(d, owner,
                     (XEvent){ .xunmap = { .type = UnmapNotify,
                                           .event = list[i],
                                           .window = list[i] } });
                send(d, owner,
                     (XEvent){ .xdestroywindow = { .type = DestroyNotify,
                                                   .event = list[i],
                                                   .window = list[i] } });
        }
        XFree(list);
        return !XSync(d, False);
}

static Window find_cover(Display *d) {
        Window root = DefaultRootWindow(d), parent, *list = NULL, found = None;
        unsigned n = 0;

        if (!XQueryTree(d, root, &root, &parent, &list, &n))
                return None;
        for (unsigned i = 0; i < n; i++)
                if (is_cover(d, list[i]))
                        found = list[i];
        XFree(list);
        return found;
}

static int top(Display *d) {
        Window root = DefaultRootWindow(d), parent, *list = NULL;
        int screen = DefaultScreen(d);
        const char *whose = "none";
        XWindowAttributes a;
        unsigned n = 0;

        if (!XQueryTree(d, root, &root, &parent, &list, &n))
                return 1;
        for (unsigned i = 0; i < n; i++)
                if (XGetWindowAttributes(d, list[i], &a) && a.map_state == IsViewable &&
                    a.class == InputOutput && a.width >= DisplayWidth(d, screen))
                        whose = is_cover(d, list[i]) ? "cover" : "other";
        XFree(list);
        return puts(whose) < 0;
}

static int hurt(Display *d, const char *how) {
        Window cover = find_cover(d);
        XWindowAttributes a;

        if (cover == None)
                return 1;
        if (strcmp(how, "cover") == 0 && XGetWindowAttributes(d, cover, &a))
                (void) printf("%dx%d+%d+%d%s\n", a.width, a.height, a.x, a.y,
                              a.map_state == IsViewable ? "" : " hidden");
        else if (strcmp(how, "move") == 0)
                XMoveResizeWindow(d, cover, 300, 300, 10, 10);
        else if (strcmp(how, "unmap") == 0)
                XUnmapWindow(d, cover);
        else if (strcmp(how, "destroy") == 0)
                XDestroyWindow(d, cover);
        else if (strcmp(how, "reparent") == 0)
                XReparentWindow(d, cover,
                                XCreateSimpleWindow(d, DefaultRootWindow(d), 0, 0, 9, 9, 0, 0, 0),
                                0, 0);
        return !XSync(d, False);
}

static bool grab_both(Display *d, Window w) {
        return XGrabKeyboard(d, w, True, GrabModeAsync, GrabModeAsync, CurrentTime) ==
                       GrabSuccess &&
               XGrabPointer(d, w, True, ButtonPressMask, GrabModeAsync, GrabModeAsync, None, None,
                            CurrentTime) == GrabSuccess;
}

static int overlay(Display *d, unsigned seconds, bool wants_grabs) {
        XSetWindowAttributes a = { .override_redirect = True, .background_pixel = 0x802080 };
        int screen = DefaultScreen(d);
        Window w = XCreateWindow(d, DefaultRootWindow(d), 0, 0, (unsigned) DisplayWidth(d, screen),
                                 (unsigned) DisplayHeight(d, screen), 0, CopyFromParent,
                                 InputOutput, CopyFromParent, CWOverrideRedirect | CWBackPixel, &a);
        bool said = false;

        for (unsigned i = 0; i < seconds * 500; i++) {
                XMapRaised(d, w);
                (void) XSync(d, False);
                if ((!wants_grabs || grab_both(d, w)) && !said) {
                        said = true;
                        (void) puts("over");
                        (void) fflush(stdout);
                }
                (void) usleep(2000);
        }
        return 0;
}

static int take(Display *d, unsigned seconds) {
        Window w = XCreateSimpleWindow(d, DefaultRootWindow(d), -10, -10, 1, 1, 0, 0, 0);
        Atom ask = XInternAtom(d, "_LEASH_LOCK_ASK", False);
        Atom answer = XInternAtom(d, "_LEASH_LOCK_ANSWER", False);
        unsigned asked = 0;

        XSetSelectionOwner(d, selection(d), w, CurrentTime);
        for (unsigned i = 0; i < seconds * 100; i++) {
                while (XPending(d) > 0) {
                        XEvent event;

                        (void) XNextEvent(d, &event);
                        if (event.type != ClientMessage || event.xclient.message_type != ask)
                                continue;
                        asked++;
                        XChangeProperty(d, (Window) event.xclient.data.l[1], answer, XA_STRING, 8,
                                        PropModeReplace, (const unsigned char *) "STATE=open\n",
                                        11);
                }
                (void) usleep(10000);
        }
        return printf("%u\n", asked) < 0;
}

int main(int argc, char *argv[]) {
        const char *what = argc > 1 ? argv[1] : "";
        Display *d = XOpenDisplay(NULL);

        if (!d)
                return 2;
        (void) XSetErrorHandler(ignore);
        if (strcmp(what, "fake") == 0)
                return fake(d);
        if (strcmp(what, "top") == 0)
                return top(d);
        if (strcmp(what, "overlay") == 0 || strcmp(what, "window") == 0)
                return overlay(d, argc > 2 ? (unsigned) atoi(argv[2]) : 3,
                               strcmp(what, "overlay") == 0);
        if (strcmp(what, "take") == 0)
                return take(d, argc > 2 ? (unsigned) atoi(argv[2]) : 3);
        if (strcmp(what, "helper") == 0) {
                XDestroyWindow(d, XGetSelectionOwner(d, selection(d)));
                return !XSync(d, False);
        }
        return hurt(d, what);
}
