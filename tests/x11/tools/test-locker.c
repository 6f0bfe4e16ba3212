/* SPDX-License-Identifier: MIT */
/* A screen locker without a password, which misbehaves as it is told.
 *
 * test-locker [--log=FILE] [--ready] [--MISBEHAVIOUR]
 *
 * Unlocks on SIGUSR1: its window goes, and it exits with 0. What it does is noted in FILE, as lines
 * "MICROSECONDS PID WHAT" of the monotonic clock. */

#define _GNU_SOURCE
#include <X11/Xlib.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

typedef struct Options {
        const char *log;
        bool ready; /* closes XSS_SLEEP_LOCK_FD */
        bool die;   /* once it is up */
        bool exit0; /* at once */
        bool exit1; /* at once */
        bool never_map;
        bool no_grab;
        bool small;      /* a window that is not full-screen */
        bool stop;       /* itself, once it is up */
        bool background; /* goes on in a child, once it is up */
        bool unmap;      /* once it is up, and stays */
        bool slow;       /* two seconds until it does anything */
} Options;

static Options parse(char **argv) {
        Options o = {};
        const struct {
                const char *name;
                bool *value;
        } flags[] = {
                { "--ready", &o.ready },
                { "--die", &o.die },
                { "--exit0", &o.exit0 },
                { "--exit1", &o.exit1 },
                { "--never-map", &o.never_map },
                { "--no-grab", &o.no_grab },
                { "--small", &o.small },
                { "--stop", &o.stop },
                { "--background", &o.background },
                { "--unmap", &o.unmap },
                { "--slow", &o.slow },
        };

        for (argv++; *argv; argv++) {
                if (strncmp(*argv, "--log=", 6) == 0)
                        o.log = *argv + 6;
                for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
                        if (strcmp(*argv, flags[i].name) == 0)
                                *flags[i].value = true;
        }
        return o;
}

static void note(const Options *o, const char *what) {
        FILE *f = o->log ? fopen(o->log, "ae") : NULL;
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        if (!f)
                return;
        (void) fprintf(f, "%lld %d %s\n", (long long) ts.tv_sec * 1000000 + ts.tv_nsec / 1000,
                       (int) getpid(), what);
        (void) fclose(f);
}

/* As i3lock does: a thousand attempts, since somebody may just be letting go. */
static bool grab(Display *d, Window w) {
        for (int i = 0; i < 1000; i++) {
                if (XGrabKeyboard(d, w, True, GrabModeAsync, GrabModeAsync, CurrentTime) ==
                            GrabSuccess &&
                    XGrabPointer(d, w, True, ButtonPressMask, GrabModeAsync, GrabModeAsync, None,
                                 None, CurrentTime) == GrabSuccess)
                        return true;
                (void) usleep(1000);
        }
        return false;
}

static Window map(Display *d, bool small) {
        XSetWindowAttributes a = { .override_redirect = True, .background_pixel = 0x204080 };
        int screen = DefaultScreen(d);
        Window w = XCreateWindow(
                d, DefaultRootWindow(d), 0, 0, small ? 200 : (unsigned) DisplayWidth(d, screen),
                small ? 100 : (unsigned) DisplayHeight(d, screen), 0, CopyFromParent, InputOutput,
                CopyFromParent, CWOverrideRedirect | CWBackPixel, &a);

        XMapRaised(d, w);
        (void) XSync(d, False);
        return w;
}

static void misbehave(const Options *o, Display *d, Window w) {
        if (o->die)
                (void) raise(SIGKILL);
        if (o->stop) {
                note(o, "stops");
                (void) raise(SIGSTOP);
                note(o, "goes on");
        }
        if (o->unmap) {
                (void) usleep(300000);
                XUngrabKeyboard(d, CurrentTime);
                XUngrabPointer(d, CurrentTime);
                XUnmapWindow(d, w);
                (void) XSync(d, False);
                note(o, "unmapped");
        }
        if (o->background && fork() != 0)
                _exit(0);
}

/* A locker repaints now and then; no event means anything to this one. */
static void wait_for_unlock(Display *d, int signals) {
        struct pollfd p[2] = { { .fd = signals, .events = POLLIN },
                               { .fd = ConnectionNumber(d), .events = POLLIN } };

        for (;;) {
                struct signalfd_siginfo info;

                while (XPending(d) > 0) {
                        XEvent event;

                        (void) XNextEvent(d, &event);
                }
                (void) poll(p, 2, -1);
                if (p[0].revents && read(signals, &info, sizeof(info)) == sizeof(info) &&
                    info.ssi_signo == SIGUSR1)
                        return;
        }
}

int main(int argc, char *argv[]) {
        Options o = parse(argv);
        const char *ready = getenv("XSS_SLEEP_LOCK_FD");
        Display *d;
        Window w = None;
        sigset_t set;
        int signals;

        (void) argc;
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGUSR1);
        (void) sigaddset(&set, SIGTERM); /* read, and no more */
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        signals = signalfd(-1, &set, SFD_CLOEXEC);
        note(&o, "started");
        if (o.exit0 || o.exit1)
                return o.exit1;
        if (o.slow)
                (void) sleep(2);
        d = XOpenDisplay(NULL);
        if (!d)
                return 1;
        if (!o.never_map)
                w = map(d, o.small);
        if (w != None)
                note(&o, "mapped");
        if (!o.no_grab && !o.never_map && !grab(d, w)) {
                note(&o, "no grabs");
                return 1;
        }
        note(&o, "up");
        if (o.ready && ready)
                (void) close(atoi(ready));
        misbehave(&o, d, w);
        wait_for_unlock(d, signals);
        note(&o, "unlocks");
        if (w != None)
                XDestroyWindow(d, w);
        (void) XCloseDisplay(d);
        (void) usleep(20000); /* as if PAM had a session to close */
        return 0;
}
