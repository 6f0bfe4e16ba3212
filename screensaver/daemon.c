/* SPDX-License-Identifier: MIT */
/* The leash-lock of one display.
 *
 * What happens is put into a queue and fed to core/idle one by one, since carrying out an action
 * may be an event itself (the grabs are ours, or not). After each, the two clocks are set to what
 * the machine wants next: a timer, and an alarm in the X server. Nothing else wakes us up. */

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "backend/inhibit.h"
#include "backend/logind.h"
#include "daemon.h"
#include "locker.h"
#include "notice.h"
#include "options.h"
#include "os/clock.h"
#include "status.h"
#include "testing.h"
#include "x11.h"
#include "xrdp.h"

#define QUEUE_MAX 32
/* While a locker starts, the server does not tell when it takes the pointer. */
#define LOOK_EVERY (20 * USEC_PER_MSEC)
/* A locker that has made no window by then is given the grabs all the same. */
#define NEWCOMER_WITHIN USEC_PER_SEC
/* A server takes a moment to notice that a client has gone. */
#define GONE_WITHIN (500 * USEC_PER_MSEC)

typedef struct Queued {
        IdleEvent event;
        usec_t value;
} Queued;

typedef struct Daemon {
        sd_event *event;
        const LockPolicy *policy;
        IdleMachine m;
        X11 *x;
        Logind *logind;
        Inhibit *inhibit;
        Xrdp *xrdp;
        Locker *locker;
        bool said_ready;
        X11Mark orphan; /* left behind by one of us that died */
        sd_event_source *timer, *look, *x11;
        Queued queue[QUEUE_MAX];
        size_t n_queued;
        bool feeding;
        bool quit;                               /* as soon as nothing is open by it */
        bool replaced;                           /* another leash-lock has the display: quit, too */
        bool suspended, blocked;                 /* inhibitors besides the session bus's */
        usec_t idle_since, locked_at, closed_at; /* realtime, for people; 0 if not */
} Daemon;

static void feed(Daemon *d, IdleEvent event, usec_t value);

/* ---- inhibitors --------------------------------------------------------------------------------
 */

static void count_inhibitors(Daemon *d) {
        feed(d, IDLE_EVENT_INHIBITORS,
             d->suspended + d->blocked + (d->inhibit ? inhibit_count(d->inhibit) : 0));
}

static void on_inhibitors(void *userdata) {
        count_inhibitors(userdata);
}

static void on_asked_lock(void *userdata) {
        feed(userdata, IDLE_EVENT_LOCK, 0);
}

static bool is_active(void *userdata) {
        const Daemon *d = userdata;

        return idle_is_closed(&d->m);
}

static usec_t idle_time(void *userdata) {
        const Daemon *d = userdata;

        return x11_idle_time(d->x);
}

/* ---- the locker --------------------------------------------------------------------------------
 */

static const char *which(const Daemon *d) {
        return d->m.fallback ? d->policy->fallback : d->policy->locker;
}

static void set_mark(Daemon *d) {
        X11Mark mark = {};

        if (d->locker) {
                mark.pid = locker_pid(d->locker);
                mark.start = locker_start_time(mark.pid);
        }
        x11_set_mark(d->x, &mark);
}

/* One that went into the background exits with 0 while it is still there. */
static bool is_gone(Daemon *d) {
        usec_t deadline = clock_monotonic() + GONE_WITHIN;

        while (x11_has_leftover(d->x)) {
                if (clock_monotonic() >= deadline)
                        return false;
                clock_sleep(LOOK_EVERY);
        }
        return true;
}

static void forget_locker(Daemon *d) {
        (void) sd_event_source_set_enabled(d->look, SD_EVENT_OFF);
        d->locker = locker_free(d->locker);
        d->said_ready = false;
        if (d->x)
                x11_set_locker(d->x, 0);
}

/* The grabs are ours until the locker has come so far that it can take them: what is typed while it
 * starts goes nowhere, and no key of the window manager's does anything. */
static void look_at_locker(Daemon *d) {
        if (d->m.locker != IDLE_LOCKER_STARTING)
                return;
        if (x11_has_newcomer(d->x) || d->said_ready ||
            clock_boottime() - d->m.started >= NEWCOMER_WITHIN)
                x11_hand_over(d->x);
        if (x11_locker_is_up(d->x, d->said_ready))
                feed(d, IDLE_EVENT_LOCKER_READY, 0);
}

static void locker_exited(Daemon *d, bool success) {
        bool was_up = d->m.locker == IDLE_LOCKER_UP || d->m.locker == IDLE_LOCKER_LEAVING;

        /* What it leaves behind would stand over the next one. */
        if (!success) {
                locker_kill(d->locker);
        } else if (!was_up) {
                options_log(SD_WARNING, "the locker ended with 0 without having locked: '%s'",
                            which(d));
                locker_kill(d->locker);
        } else if (!is_gone(d)) {
                options_log(SD_WARNING,
                            "the locker went on in the background, keep it in front: '%s'",
                            which(d));
                locker_kill(d->locker);
                success = false;
        }
        forget_locker(d);
        feed(d, success ? IDLE_EVENT_LOCKER_SUCCESS : IDLE_EVENT_LOCKER_DIED, 0);
}

static void on_locker(LockerEvent event, int value, void *userdata) {
        Daemon *d = userdata;

        switch (event) {
        case LOCKER_EVENT_READY:
                d->said_ready = true;
                look_at_locker(d);
                break;
        case LOCKER_EVENT_STOPPED:
                options_log(SD_WARNING, "the locker was stopped");
                feed(d, IDLE_EVENT_LOCKER_STOPPED, 0);
                break;
        case LOCKER_EVENT_SUCCESS:
                locker_exited(d, true);
                break;
        case LOCKER_EVENT_DIED:
                if (value == 127)
                        options_log(SD_ERR, "the locker cannot be run: '%s'", which(d));
                else
                        options_log(SD_WARNING, "the locker died: %s %d",
                                    value < 0 ? "signal" : "status", value < 0 ? -value : value);
                locker_exited(d, false);
                break;
        }
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata) {
        Daemon *d = userdata;

        (void) usec;
        look_at_locker(d);
        if (d->m.locker == IDLE_LOCKER_STARTING) {
                (void) sd_event_source_set_time_relative(source, LOOK_EVERY);
                (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        }
        return 0;
}

/* ---- actions -----------------------------------------------------------------------------------
 */

static void do_kill(Daemon *d) {
        options_log(SD_WARNING, "the locker is not up: killed");
        if (d->locker)
                locker_kill(d->locker);
}

static void do_continue(Daemon *d) {
        if (d->locker)
                locker_continue(d->locker);
}

static void cover(Daemon *d, bool force) {
        bool grabbed = x11_cover(d->x, force);

        if (d->orphan.pid != 0) {
                locker_kill_orphan(d->orphan.pid, d->orphan.start);
                d->orphan = (X11Mark){};
        }
        if (!d->locker)
                set_mark(d);
        if (d->closed_at == 0) {
                d->closed_at = clock_realtime();
                if (d->inhibit)
                        inhibit_say_active(d->inhibit, true);
        }
        if (!grabbed && !d->locker && d->m.grab_since == USEC_INFINITY)
                options_log(SD_NOTICE,
                            "another program holds keyboard or pointer: the lock waits, covered");
        feed(d, grabbed ? IDLE_EVENT_GRABBED : IDLE_EVENT_GRAB_FAILED, 0);
}

static void do_cover(Daemon *d) {
        cover(d, false);
}

static void do_force(Daemon *d) {
        cover(d, true);
}

static void do_start(Daemon *d) {
        int r;

        forget_locker(d); /* one that could not even be killed */
        r = locker_start(d->event, which(d), on_locker, d, &d->locker);
        if (r < 0) {
                options_log(SD_ERR, "cannot start the locker '%s': %s", which(d), strerror(-r));
                feed(d, IDLE_EVENT_LOCKER_DIED, 0);
                return;
        }
        x11_set_locker(d->x, locker_pid(d->locker));
        set_mark(d);
        (void) sd_event_source_set_time_relative(d->look, LOOK_EVERY);
        (void) sd_event_source_set_enabled(d->look, SD_EVENT_ONESHOT);
}

static void do_uncover(Daemon *d) {
        x11_set_mark(d->x, NULL);
        x11_uncover(d->x);
        x11_wake(
                d->x); /* a fingerprint is no input to the server: it must not lock again at once */
        d->closed_at = d->locked_at = 0;
        if (d->inhibit)
                inhibit_say_active(d->inhibit, false);
        options_log(SD_INFO, "unlocked");
}

static void do_warn(Daemon *d) {
        notice_show(NOTICE_LOCK, d->m.config.warn);
}

static void do_unwarn(Daemon *d) {
        (void) d;
        notice_close(NOTICE_LOCK);
}

static void do_blank(Daemon *d) {
        x11_blank(d->x);
}

static void do_wake(Daemon *d) {
        x11_wake(d->x);
}

static void do_hints(Daemon *d) {
        bool locked = idle_is_closed(&d->m) && d->m.locked_since != USEC_INFINITY;

        if (locked && d->locked_at == 0) {
                d->locked_at = clock_realtime();
                options_log(SD_INFO, "locked");
        }
        d->idle_since = d->m.is_idle ? d->idle_since ?: clock_realtime() : 0;
        logind_set_hints(d->logind, d->m.is_idle, locked);
}

static void do_take_sleep(Daemon *d) {
        logind_take_sleep(d->logind);
}

static void do_release_sleep(Daemon *d) {
        logind_release_sleep(d->logind);
}

static void do_warn_logout(Daemon *d) {
        options_log(SD_NOTICE, "the session has been locked for long and is ended soon");
        notice_show(NOTICE_LOGOUT, d->m.config.logout_warn);
}

static void do_end(Daemon *d) {
        int r;

        options_log(SD_ERR, "the session is ended");
        r = logind_end_session(d->logind);
        if (r < 0) {
                options_log(SD_WARNING, "no login manager to end the session: closing its windows");
                x11_kill_clients(d->x);
        }
}

static void perform(Daemon *d, unsigned actions) {
        static const struct {
                unsigned bit;
                void (*run)(Daemon *d);
        } table[] = {
                { IDLE_DO_KILL, do_kill },
                { IDLE_DO_CONTINUE, do_continue },
                { IDLE_DO_FORCE, do_force },
                { IDLE_DO_COVER, do_cover },
                { IDLE_DO_START, do_start },
                { IDLE_DO_UNCOVER, do_uncover },
                { IDLE_DO_UNWARN, do_unwarn },
                { IDLE_DO_WARN, do_warn },
                { IDLE_DO_BLANK, do_blank },
                { IDLE_DO_WAKE, do_wake },
                { IDLE_DO_HINTS, do_hints },
                { IDLE_DO_TAKE_SLEEP, do_take_sleep },
                { IDLE_DO_RELEASE_SLEEP, do_release_sleep },
                { IDLE_DO_WARN_LOGOUT, do_warn_logout },
                { IDLE_DO_END, do_end },
        };

        if (actions & IDLE_DO_FORCE)
                actions &= ~(unsigned) IDLE_DO_COVER;
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (actions & table[i].bit)
                        table[i].run(d);
}

/* ---- the machine -------------------------------------------------------------------------------
 */

/* Only what holds no session open may go while it is locked: the locker alone keeps it then, and
 * the mark tells the next of us. */
static void quit_if_safe(Daemon *d) {
        if (d->quit && (!idle_is_closed(&d->m) || d->m.locker == IDLE_LOCKER_UP))
                (void) sd_event_exit(d->event, d->replaced ? -EBUSY : 0);
}

static void set_clocks(Daemon *d) {
        usec_t deadline = idle_deadline(&d->m);

        x11_arm_idle(d->x, idle_alarm(&d->m));
        x11_watch_input(d->x, idle_wants_input(&d->m));
        if (deadline != USEC_INFINITY)
                (void) sd_event_source_set_time(d->timer, deadline);
        (void) sd_event_source_set_enabled(d->timer, deadline != USEC_INFINITY ? SD_EVENT_ONESHOT
                                                                               : SD_EVENT_OFF);
}

static void feed(Daemon *d, IdleEvent event, usec_t value) {
        if (d->n_queued == QUEUE_MAX)
                return; /* cannot be: one event makes at most one other */
        d->queue[d->n_queued++] = (Queued){ event, value };
        if (d->feeding)
                return;
        d->feeding = true;
        while (d->n_queued > 0) {
                Queued q = d->queue[0];

                memmove(d->queue, d->queue + 1, --d->n_queued * sizeof(Queued));
                perform(d, idle_handle(&d->m, q.event, q.value, clock_boottime()));
        }
        d->feeding = false;
        set_clocks(d);
        quit_if_safe(d);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        (void) source, (void) usec;
        feed(userdata, IDLE_EVENT_TIME, 0);
        return 0;
}

/* ---- what happens ------------------------------------------------------------------------------
 */

static void answer_status(const Daemon *d) {
        Status s = {
                .display = x11_display(d->x),
                .session = logind_session(d->logind),
                .pid = getpid(),
                .state = d->m.state,
                .locked_hint = idle_is_closed(&d->m) && d->m.locked_since != USEC_INFINITY,
                .idle_hint = d->m.is_idle,
                .idle = x11_idle_time(d->x),
                .closed_at = d->closed_at,
                .locked_at = d->locked_at,
                .locker = which(d),
                .locker_pid = d->locker ? locker_pid(d->locker) : 0,
                .locker_up = d->m.locker == IDLE_LOCKER_UP,
                .deaths = d->m.deaths,
                .inhibitors = d->m.inhibitors,
        };
        char names[512] = "", text[X11_ANSWER_MAX];

        for (size_t i = 0; d->inhibit && inhibit_name(d->inhibit, i) && i < 8; i++) {
                size_t n = strlen(names);

                (void) snprintf(names + n, sizeof(names) - n, "%s%s", n ? ", " : "",
                                inhibit_name(d->inhibit, i));
        }
        s.inhibitor_names = names;
        status_format(&s, text, sizeof(text));
        x11_answer(d->x, text);
}

static void on_x11(X11Event event, usec_t value, void *userdata) {
        Daemon *d = userdata;
        bool suspended;

        switch (event) {
        case X11_EVENT_IDLE:
                suspended = x11_is_suspended(d->x);
                if (suspended != d->suspended) {
                        d->suspended = suspended;
                        count_inhibitors(d);
                }
                feed(d, IDLE_EVENT_ALARM, value);
                break;
        case X11_EVENT_INPUT:
                if (d->suspended) {
                        d->suspended = false;
                        count_inhibitors(d);
                }
                feed(d, IDLE_EVENT_INPUT, 0);
                break;
        case X11_EVENT_WINDOWS:
                look_at_locker(d);
                break;
        case X11_EVENT_LOCKER_LOST:
                feed(d, IDLE_EVENT_LOCKER_LOST, 0);
                break;
        case X11_EVENT_ASKED_LOCK:
                feed(d, IDLE_EVENT_LOCK, 0);
                x11_answer(d->x, "");
                break;
        case X11_EVENT_ASKED_STATUS:
                answer_status(d);
                break;
        }
}

static void on_logind(LogindEvent event, void *userdata) {
        static const IdleEvent events[] = {
                [LOGIND_EVENT_LOCK] = IDLE_EVENT_LOCK,
                [LOGIND_EVENT_UNLOCK] = IDLE_EVENT_UNLOCK,
                [LOGIND_EVENT_SLEEP] = IDLE_EVENT_SLEEP,
                [LOGIND_EVENT_RESUME] = IDLE_EVENT_RESUME,
        };
        Daemon *d = userdata;

        switch (event) {
        case LOGIND_EVENT_INHIBITED:
        case LOGIND_EVENT_UNINHIBITED:
                if (d->blocked == (event == LOGIND_EVENT_INHIBITED))
                        return;
                d->blocked = !d->blocked;
                count_inhibitors(d);
                break;
        case LOGIND_EVENT_END_FAILED:
                options_log(SD_WARNING,
                            "the login manager does not end the session: closing its windows");
                x11_kill_clients(d->x);
                break;
        default:
                feed(d, events[event], 0);
                break;
        }
}

static void on_xrdp(bool connected, void *userdata) {
        feed(userdata, connected ? IDLE_EVENT_RECONNECT : IDLE_EVENT_DISCONNECT, 0);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Daemon *d = userdata;

        (void) source, (void) info;
        d->quit = true;
        quit_if_safe(d);
        return 0;
}

static int dispatch_x11(Daemon *d) {
        int r = x11_dispatch(d->x);

        if (r == -EBUSY) { /* it may have lied, or be about to go: what is locked stays so */
                d->quit = d->replaced = true;
                quit_if_safe(d);
                return 0;
        }
        return r < 0 ? sd_event_exit(d->event, r) : 0;
}

static int on_x11_fd(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        (void) source, (void) fd, (void) events;
        return dispatch_x11(userdata);
}

/* Before each wait: what Xlib has read already makes its socket readable no more. */
static int on_prepare(sd_event_source *source, void *userdata) {
        (void) source;
        return dispatch_x11(userdata);
}

/* ---- setting up --------------------------------------------------------------------------------
 */

static void daemon_done(Daemon *d) {
        notice_close(NOTICE_LOCK);
        forget_locker(d);
        sd_event_source_disable_unref(d->look);
        sd_event_source_disable_unref(d->timer);
        sd_event_source_disable_unref(d->x11);
        xrdp_free(d->xrdp);
        inhibit_free(d->inhibit);
        logind_free(d->logind);
        x11_free(d->x);
        sd_event_unref(d->event);
}

static int add_signals(Daemon *d) {
        static const int ends[] = { SIGTERM, SIGINT, SIGHUP };
        sigset_t blocked;

        (void) signal(SIGPIPE, SIG_IGN);
        (void) sigemptyset(&blocked);
        (void) sigaddset(&blocked, SIGCHLD);
        for (size_t i = 0; i < ELEMENTSOF(ends); i++)
                (void) sigaddset(&blocked, ends[i]);
        if (sigprocmask(SIG_BLOCK, &blocked, NULL) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                int r = sd_event_add_signal(d->event, NULL, ends[i], on_signal, d);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* X before anything else at the same moment: input that came before the lock cancels it. */
static int add_sources(Daemon *d) {
        int r;

        r = add_signals(d);
        if (r >= 0) /* the time counts while the machine sleeps, too */
                r = sd_event_add_time(d->event, &d->timer, CLOCK_BOOTTIME, 0, 1, on_timer, d);
        if (r >= 0)
                r = sd_event_source_set_enabled(d->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(d->event, &d->look, CLOCK_MONOTONIC, 0, 1, on_look, d);
        if (r >= 0)
                r = sd_event_source_set_enabled(d->look, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_io(d->event, &d->x11, x11_fd(d->x), EPOLLIN, on_x11_fd, d);
        if (r >= 0)
                r = sd_event_source_set_priority(d->x11, SD_EVENT_PRIORITY_NORMAL - 10);
        if (r >= 0)
                r = sd_event_source_set_prepare(d->x11, on_prepare);
        return r;
}

static int open_services(Daemon *d) {
        InhibitHandlers handlers = { on_inhibitors, on_asked_lock, is_active, idle_time, d };
        const char *display = x11_display(d->x);
        int r;

        r = logind_open(d->event, display, on_logind, d, &d->logind);
        if (r >= 0)
                r = inhibit_open(d->event, &handlers, &d->inhibit);
        if (r >= 0)
                r = xrdp_open(d->event, testing_root(), display, on_xrdp, d, &d->xrdp);
        return r;
}

/* What an Xwayland before 23.1 goes by. */
static bool is_wayland(void) {
        const char *display = getenv("WAYLAND_DISPLAY");

        return display && *display;
}

int daemon_run(const LockPolicy *policy) {
        _cleanup_(daemon_done) Daemon d = { .policy = policy };
        int r;

        idle_init(&d.m, &policy->idle);
        r = is_wayland() ? -EPROTONOSUPPORT : x11_open(NULL, on_x11, &d, &d.x);
        if (r >= 0 && x11_is_xwayland(d.x))
                r = -EPROTONOSUPPORT;
        if (r >= 0)
                r = x11_claim(d.x);
        if (r >= 0)
                r = sd_event_new(&d.event);
        if (r >= 0)
                r = add_sources(&d);
        if (r >= 0)
                r = open_services(&d);
        if (r < 0)
                return r;
        feed(&d, IDLE_EVENT_START, x11_get_mark(d.x, &d.orphan));
        (void) sd_notify(false, "READY=1");
        return sd_event_loop(d.event);
}
