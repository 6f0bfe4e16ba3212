/* SPDX-License-Identifier: MIT */
/* The second line of defence: our own window and grabs, and whether a locker stands over them.
 *
 * From the moment a lock is due until the locker's own success, our window lies over all others. A
 * locker maps its own above it and takes the grabs that we give up for it. If it dies, what shows
 * is not the user's windows but ours, and we take the grabs back; nothing has to be fast for that
 * but the server itself.
 *
 * Who holds a grab cannot be asked, but whether somebody does: grabbing for a window that is not
 * mapped fails with AlreadyGrabbed if so, else with GrabNotViewable, and changes nothing (the order
 * of the tests in the server's GrabDevice(), dix/events.c). */

#define _GNU_SOURCE
#include <X11/Xutil.h>
#include <X11/extensions/scrnsaver.h>

#include "os/clock.h"
#include "x11-private.h"

/* Top-level windows looked at. A desktop has some dozens. */
#define WINDOWS_MAX 1024
/* Somebody else may keep raising a window of theirs; a fight costs us no more than this. */
#define RAISES_PER_SECOND 50

#define RIM 2 /* pixels */

#define COVER_EVENTS                                                                       \
 (KeyPressMask | ButtonPressMask | FocusChangeMask | VisibilityChangeMask | ExposureMask | \
  StructureNotifyMask)

typedef struct Windows {
        Window *list; /* from bottom to top */
        unsigned n;
} Windows;

static void windows_done(Windows *w) {
        if (w->list)
                XFree(w->list);
}

#define _cleanup_windows_ _cleanup_(windows_done)

static Windows top_level(const X11 *x) {
        Window root, parent;
        Windows w = {};

        if (!XQueryTree(x->display, x->root, &root, &parent, &w.list, &w.n))
                return (Windows){};
        return w;
}

/* ---- grabs -------------------------------------------------------------------------------------
 */

/* Xlib takes an error for GrabSuccess (XGrabKeyboard(3) does not say so), and any client may have
 * destroyed the cover. */
static bool has_cover(X11 *x) {
        XWindowAttributes a;

        if (x->cover != None && !XGetWindowAttributes(x->display, x->cover, &a))
                x->cover = None;
        if (x->cover == None)
                x->grabbed = false;
        return x->cover != None;
}

static bool grab(X11 *x) {
        if (!x->grabbed && has_cover(x) &&
            XGrabKeyboard(x->display, x->cover, True, GrabModeAsync, GrabModeAsync, CurrentTime) ==
                    GrabSuccess) {
                if (XGrabPointer(x->display, x->cover, True, ButtonPressMask, GrabModeAsync,
                                 GrabModeAsync, None, None, CurrentTime) == GrabSuccess)
                        x->grabbed = true;
                else
                        XUngrabKeyboard(x->display, CurrentTime);
        }
        return x->grabbed;
}

/* Both, by somebody else. */
static bool others_hold_grabs(X11 *x) {
        return !x->grabbed &&
               XGrabKeyboard(x->display, x->window, True, GrabModeAsync, GrabModeAsync,
                             CurrentTime) == AlreadyGrabbed &&
               XGrabPointer(x->display, x->window, True, 0, GrabModeAsync, GrabModeAsync, None,
                            None, CurrentTime) == AlreadyGrabbed;
}

typedef struct Unmapped {
        Window window;
        bool managed; /* made override-redirect for the moment */
} Unmapped;

/* A window of a window manager's is made override-redirect for the moment, so that the request to
 * map it again goes to the server and not to the manager. */
static bool unmap(X11 *x, Window window, bool managed, Unmapped *ret) {
        XSetWindowAttributes set = { .override_redirect = True };
        XWindowAttributes a;

        if (window == x->cover || !XGetWindowAttributes(x->display, window, &a) ||
            a.map_state != IsViewable || a.override_redirect == managed)
                return false;
        if (managed)
                XChangeWindowAttributes(x->display, window, CWOverrideRedirect, &set);
        XUnmapWindow(x->display, window);
        *ret = (Unmapped){ window, managed };
        return true;
}

/* A grab ends when its window is no longer viewable (XGrabPointer(3)). Menus are override-redirect
 * and their turn comes first; full-screen programs are not. The server is ours meanwhile, so
 * nobody sees a gap; windows keep their place in the stack. */
static bool break_grabs(X11 *x) {
        _cleanup_windows_ Windows w = {};
        Unmapped unmapped[WINDOWS_MAX];
        size_t n = 0;

        XGrabServer(x->display);
        w = top_level(x);
        for (int managed = 0; managed < 2 && !x->grabbed; managed++)
                for (unsigned i = w.n; i-- > 0 && n < WINDOWS_MAX && !x->grabbed;)
                        if (unmap(x, w.list[i], managed, &unmapped[n])) {
                                n++;
                                (void) grab(x);
                        }
        while (n-- > 0) {
                XSetWindowAttributes set = { .override_redirect = False };

                XMapWindow(x->display, unmapped[n].window);
                if (unmapped[n].managed)
                        XChangeWindowAttributes(x->display, unmapped[n].window, CWOverrideRedirect,
                                                &set);
        }
        XRaiseWindow(x->display, x->cover);
        XUngrabServer(x->display);
        (void) XSync(x->display, False);
        return x->grabbed;
}

/* ---- the cover ---------------------------------------------------------------------------------
 */

/* While the screen is open nobody tells us that it was resized, as xrdp does when a viewer of
 * another size connects. */
static void measure(X11 *x) {
        XWindowAttributes a;

        if (XGetWindowAttributes(x->display, x->root, &a)) {
                x->width = (unsigned) a.width;
                x->height = (unsigned) a.height;
        }
}

static void create_cover(X11 *x) {
        XSetWindowAttributes a = {
                .override_redirect = True,
                .background_pixel = BlackPixel(x->display, DefaultScreen(x->display)),
                .event_mask = COVER_EVENTS,
        };

        x->cover = XCreateWindow(x->display, x->root, 0, 0, x->width, x->height, 0, CopyFromParent,
                                 InputOutput, CopyFromParent,
                                 CWOverrideRedirect | CWBackPixel | CWEventMask, &a);
        XStoreName(x->display, x->cover, "leash-lock");
}

/* Seen for a moment while a locker starts, and longer if none does: in a remote desktop black alone
 * looks like a broken connection. */
static void draw(X11 *x) {
        static const char text[] = "This screen is locked. The lock screen is being started.";
        XGCValues values = { .foreground = WhitePixel(x->display, DefaultScreen(x->display)) };
        GC gc = XCreateGC(x->display, x->cover, GCForeground, &values);

        XDrawString(x->display, x->cover, gc, 40, (int) x->height / 2, text, sizeof(text) - 1);
        XFreeGC(x->display, gc);
}

bool x11_cover(X11 *x, bool force) {
        x->locker_up = false;
        x->n_newcomers = 0;
        x->locker = None;
        XSelectInput(x->display, x->root, StructureNotifyMask | SubstructureNotifyMask);
        measure(x);
        if (has_cover(x))
                XMoveResizeWindow(x->display, x->cover, 0, 0, x->width, x->height);
        else
                create_cover(x);
        XMapRaised(x->display, x->cover);
        (void) XSync(x->display, False); /* viewable, or grabbing fails */
        if (!grab(x) && force)
                (void) break_grabs(x);
        XSetInputFocus(x->display, x->cover, RevertToNone, CurrentTime);
        return x->grabbed;
}

void x11_set_locker(X11 *x, pid_t pid) {
        x->locker_pid = pid;
        x->n_newcomers = 0;
}

bool x11_has_newcomer(const X11 *x) {
        for (unsigned i = 0; i < MIN_OF(x->n_newcomers, X11_NEWCOMERS_MAX); i++)
                if (x11_is_lockers(x, x->newcomers[i]))
                        return true;
        return false;
}

void x11_hand_over(X11 *x) {
        if (!x->grabbed)
                return;
        XUngrabPointer(x->display, CurrentTime);
        XUngrabKeyboard(x->display, CurrentTime);
        x->grabbed = false;
        (void) XSync(x->display, False);
}

void x11_uncover(X11 *x) {
        x11_hand_over(x);
        XSelectInput(x->display, x->root, NoEventMask);
        if (x->cover != None)
                XDestroyWindow(x->display, x->cover);
        /* Else the focus is nobody's until the user clicks. */
        XSetInputFocus(x->display, PointerRoot, RevertToPointerRoot, CurrentTime);
        x->cover = x->locker = None;
        x->locker_up = false;
        XFlush(x->display);
}

/* Lockers may leave a rim, as xsecurelock does, lest compositors stop composing; the cover shows in
 * it. */
static bool is_full_screen(const X11 *x, Window window, bool mapped) {
        XWindowAttributes a;

        return XGetWindowAttributes(x->display, window, &a) && a.override_redirect &&
               a.class == InputOutput && (!mapped || a.map_state == IsViewable) && a.x <= RIM &&
               a.y <= RIM && a.x + a.width >= (int) x->width - RIM &&
               a.y + a.height >= (int) x->height - RIM;
}

/* The topmost full-screen window of the locker's down to `bottom`, or None. */
static Window find_overlay(X11 *x, Window bottom) {
        _cleanup_windows_ Windows w = top_level(x);
        unsigned looked = 0;

        for (unsigned i = w.n; i-- > 0 && w.list[i] != bottom && looked++ < WINDOWS_MAX;)
                if (is_full_screen(x, w.list[i], true) && x11_is_lockers(x, w.list[i]))
                        return w.list[i];
        return None;
}

static Window find_newcomer(X11 *x, bool mapped, bool any) {
        for (unsigned i = 0; i < MIN_OF(x->n_newcomers, X11_NEWCOMERS_MAX); i++)
                if (is_full_screen(x, x->newcomers[i], mapped) &&
                    (any || x11_is_lockers(x, x->newcomers[i])))
                        return x->newcomers[i];
        return None;
}

bool x11_has_leftover(X11 *x) {
        return find_overlay(x, None) != None;
}

/* A window is placed when it is made, and not when it is mapped: one that was made just before the
 * cover was raised comes up below it, and one of a daemon's that draws for the locker we have kept
 * below. Only for windows that were made since: older ones are the user's. */
static void give_way(X11 *x, Window window) {
        XWindowChanges below = { .sibling = window ?: find_newcomer(x, true, true),
                                 .stack_mode = Below };

        if (below.sibling != None)
                XConfigureWindow(x->display, x->cover, CWSibling | CWStackMode, &below);
}

bool x11_locker_is_up(X11 *x, bool said_ready) {
        Window window = find_overlay(x, x->cover) ?: find_newcomer(x, true, false);

        if (window == None && !said_ready)
                return false;
        if (!others_hold_grabs(x))
                return false;
        give_way(x, window);
        x->locker = window;
        x->locker_up = true;
        if (window != None)
                XSelectInput(x->display, window, StructureNotifyMask);
        /* Other windows come and go below the locker: nothing to wake up for. */
        XSelectInput(x->display, x->root, StructureNotifyMask);
        if (window != None &&
            !is_full_screen(x, window, true)) /* went before we asked to be told */
                x->locker_up = false;
        return x->locker_up;
}

void x11_blank(X11 *x) {
        (void) XForceScreenSaver(x->display, ScreenSaverActive);
}

void x11_wake(X11 *x) {
        (void) XForceScreenSaver(x->display, ScreenSaverReset);
}

void x11_kill_clients(X11 *x) {
        _cleanup_windows_ Windows w = top_level(x);

        for (unsigned i = 0; i < w.n; i++)
                if (w.list[i] != x->cover && w.list[i] != x->window)
                        XKillClient(x->display, w.list[i]);
        (void) XSync(x->display, False);
}

/* ---- events ------------------------------------------------------------------------------------
 */

static void lost(X11 *x) {
        x->locker_up = false;
        x->locker = None;
        x->handler(X11_EVENT_LOCKER_LOST, 0, x->userdata);
}

static bool may_raise(X11 *x) {
        usec_t now = clock_monotonic();

        if (now - x->raises_since >= USEC_PER_SEC) {
                x->raises_since = now;
                x->raises = 0;
        }
        return x->raises++ < RAISES_PER_SECOND;
}

/* Without the locker over us nothing else belongs there, and the keyboard's focus is ours. With the
 * server held: a locker's window that came between looking and raising would be hidden. */
static void defend(X11 *x) {
        if (x->locker_up || x->cover == None || !may_raise(x))
                return;
        XGrabServer(x->display);
        if (find_overlay(x, x->cover) == None && find_newcomer(x, false, false) == None)
                XRaiseWindow(x->display, x->cover);
        XUngrabServer(x->display);
        XSetInputFocus(x->display, x->cover, RevertToNone, CurrentTime);
}

/* A key or a click that reaches us, or the end of somebody's grab: does anybody hold them? */
static void check_grabs(X11 *x) {
        if (x->locker_up && !others_hold_grabs(x))
                lost(x);
}

static void on_focus(X11 *x, const XFocusChangeEvent *event) {
        if (event->mode == NotifyGrab || event->mode == NotifyUngrab) {
                check_grabs(x);
                x->handler(X11_EVENT_WINDOWS, 0, x->userdata);
        } else if (event->type == FocusOut && event->detail != NotifyInferior) {
                defend(x);
        }
}

/* Where it belongs: below the locker, or what may become one, else over all. */
static void place_cover(X11 *x) {
        XWindowChanges below = { .stack_mode = Below };

        below.sibling = x->locker_up ? x->locker : find_newcomer(x, false, false);
        if (below.sibling != None)
                XConfigureWindow(x->display, x->cover, CWSibling | CWStackMode, &below);
        else if (!x->locker_up && find_overlay(x, x->cover) == None)
                XRaiseWindow(x->display, x->cover);
}

/* Another client has unmapped or destroyed the cover, or put it into a window of its own: it comes
 * back at once, before the locker over it can go, and with the grabs, which have ended. If somebody
 * else was faster, no locker gets them either, and the core breaks them in its time. Each turn
 * costs the other as much as us. */
static void restore_cover(X11 *x) {
        bool was_grabbed = x->grabbed;

        x->grabbed = false;
        XGrabServer(x->display);
        if (!has_cover(x))
                create_cover(x);
        place_cover(x);
        XMapWindow(x->display, x->cover);
        if (was_grabbed)
                (void) grab(x);
        XUngrabServer(x->display);
        if (!x->locker_up)
                XSetInputFocus(x->display, x->cover, RevertToNone, CurrentTime);
}

static void on_cover_configured(X11 *x, const XConfigureEvent *event) {
        if (event->x != 0 || event->y != 0 || event->width != (int) x->width ||
            event->height != (int) x->height || event->border_width != 0)
                XConfigureWindow(
                        x->display, x->cover, CWX | CWY | CWWidth | CWHeight | CWBorderWidth,
                        &(XWindowChanges){ .width = (int) x->width, .height = (int) x->height });
        if (x->locker_up)
                place_cover(x);
}

static void on_configure(X11 *x, const XConfigureEvent *event) {
        if (event->window == x->cover)
                on_cover_configured(x, event);
        if (event->window == x->root) {
                x->width = (unsigned) event->width;
                x->height = (unsigned) event->height;
                if (x->cover != None)
                        XResizeWindow(x->display, x->cover, x->width, x->height);
        } else if (!x->locker_up) {
                defend(x);
                x->handler(X11_EVENT_WINDOWS, 0, x->userdata);
        }
}

static bool is_cover(const X11 *x, Window window) {
        return window != None && window == x->cover;
}

void x11_cover_event(X11 *x, const XEvent *event) {
        switch (event->type) {
        case CreateNotify:
                if (event->xcreatewindow.override_redirect &&
                    event->xcreatewindow.window != x->cover) {
                        x->newcomers[x->n_newcomers++ % X11_NEWCOMERS_MAX] =
                                event->xcreatewindow.window;
                        x->handler(X11_EVENT_WINDOWS, 0, x->userdata);
                }
                break;
        case ConfigureNotify:
                on_configure(x, &event->xconfigure);
                break;
        case UnmapNotify:
                if (is_cover(x, event->xunmap.window))
                        restore_cover(x);
                else if (x->locker_up && event->xunmap.window == x->locker)
                        lost(x);
                break;
        case DestroyNotify:
                if (is_cover(x, event->xdestroywindow.window))
                        restore_cover(x);
                else if (x->locker_up && event->xdestroywindow.window == x->locker)
                        lost(x);
                break;
        case ReparentNotify:
                if (is_cover(x, event->xreparent.window) && event->xreparent.parent != x->root) {
                        XDestroyWindow(x->display, x->cover);
                        restore_cover(x);
                }
                break;
        case VisibilityNotify:
                if (event->xvisibility.state != VisibilityUnobscured)
                        defend(x);
                __attribute__((fallthrough));
        case MapNotify:
                x->handler(X11_EVENT_WINDOWS, 0, x->userdata);
                break;
        case Expose:
                if (x->cover != None && event->xexpose.count == 0)
                        draw(x);
                break;
        case FocusIn:
        case FocusOut:
                on_focus(x, &event->xfocus);
                break;
        case KeyPress:
        case ButtonPress:
                check_grabs(x);
                break;
        default:
                break;
        }
}
