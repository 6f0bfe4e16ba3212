/* SPDX-License-Identifier: MIT */
/* What wakes the daemon up: logind, the displays, the kernel's pressure, other people's changes,
 * the models' own next times, and signals. */

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "backend/displays.h"
#include "backend/viewers.h"
#include "core/guard.h"
#include "daemon.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/psi.h"
#include "os/watch.h"

#define CALL_TIMEOUT (10 * USEC_PER_SEC)

/* News that come together are looked at together. */
#define EVALUATE_DELAY (20 * USEC_PER_MSEC)
#define CHECK_DELAY (300 * USEC_PER_MSEC)

/* A socket appears before its connection does, and goes before it ends: after the first look there
 * are more. Somebody who fills the directory with files gets no more looks than these. */
static const usec_t settling[] = { 100 * USEC_PER_MSEC, 300 * USEC_PER_MSEC, USEC_PER_SEC,
                                   3 * USEC_PER_SEC };

/* How often a display that announces nothing is looked at while its user is away and squeezed, so
 * that coming back is noticed within a second; and else, for going away. */
#define POLL_SQUEEZED (500 * USEC_PER_MSEC)
#define POLL_CONNECTED (30 * USEC_PER_SEC)

/* When a penalty is tried again for which another leash would not let go. */
#define PUNISH_AGAIN (2 * USEC_PER_SEC)

#define RECONNECT (2 * USEC_PER_SEC)
#define LEASE_RENEWAL (3 * 3600 * USEC_PER_SEC) /* half of it, see act.c */
#define LEASE_RETRY (900 * USEC_PER_SEC)

/* How long a turn may go on squeezing, or wait for locks, before others have theirs. */
#define BUDGET (200 * USEC_PER_MSEC)

/* Has a timer go off, if it would not sooner. */
static void start_at(sd_event_source *timer, usec_t at) {
        usec_t waiting;
        int enabled;

        if (at == USEC_INFINITY)
                return;
        if (sd_event_source_get_enabled(timer, &enabled) >= 0 && enabled != SD_EVENT_OFF &&
            sd_event_source_get_time(timer, &waiting) >= 0 && waiting <= at)
                return;
        (void) sd_event_source_set_time(timer, at);
        (void) sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static void start(sd_event_source *timer, usec_t delay) {
        start_at(timer, clock_boottime() + delay);
}

void loop_evaluate(Daemon *d) {
        start(d->evaluate, EVALUATE_DELAY);
}

void loop_check(Daemon *d) {
        start(d->check, CHECK_DELAY);
}

void loop_check_at(Daemon *d, usec_t at) {
        start_at(d->check, at);
}

void loop_begin(Daemon *d) {
        d->budget = clock_monotonic() + BUDGET;
}

void loop_punish_again(Daemon *d) {
        start(d->again, PUNISH_AGAIN);
}

/* ---- the models --------------------------------------------------------------------------------
 */

/* Displays that announce nothing have to be looked at now and then. */
static usec_t poll_interval(const Daemon *d) {
        usec_t interval = USEC_INFINITY;

        for (size_t i = 0; i < d->sessions.n; i++) {
                const Session *s = d->sessions.all[i];

                if (s->link == SESSION_LINK_UNKNOWN || s->announced)
                        continue;
                interval = MIN_OF(interval, s->link == SESSION_LINK_CONNECTED ? POLL_CONNECTED
                                                                              : POLL_SQUEEZED);
        }
        return interval;
}

static void set_poll(Daemon *d) {
        usec_t interval = poll_interval(d);

        if (interval == USEC_INFINITY) {
                (void) sd_event_source_set_enabled(d->poll, SD_EVENT_OFF);
                return;
        }
        (void) sd_event_source_set_time(d->poll, clock_boottime() + interval);
        (void) sd_event_source_set_enabled(d->poll, SD_EVENT_ONESHOT);
}

static void arm(Daemon *d);

/* While there are remote desktops, and as soon as there is one. */
static void sample(Daemon *d) {
        int enabled;

        if (!remote_wants_samples(d)) {
                (void) sd_event_source_set_enabled(d->sample, SD_EVENT_OFF);
                return;
        }
        if (sd_event_source_get_enabled(d->sample, &enabled) >= 0 && enabled != SD_EVENT_OFF)
                return;
        remote_sample(d);
        start(d->sample, HOURS_EVERY);
}

static int on_evaluate(sd_event_source *timer, uint64_t usec _unused_, void *userdata) {
        Daemon *d = userdata;
        usec_t next;
        int r;

        (void) sd_event_source_set_enabled(timer, SD_EVENT_OFF);
        if (!d->ready)
                return 0;
        /* What is known is written down before it is acted upon, and what was done after. */
        keep_save(d);
        loop_begin(d);
        r = places_run(&d->sessions, clock_boottime());
        if (r >= 0)
                r = states_run(&d->states, &d->sessions, clock_boottime(), act_handle, d, &next);
        if (r < 0)
                next = clock_boottime() + USEC_PER_SEC;
        remote_greet(d, clock_boottime(), &next);
        sample(d);
        keep_save(d);
        start_at(timer, next); /* unless something has come up that is to be looked at sooner */
        set_poll(d);
        arm(d);
        guard_arm(d);
        textfile_write(d);
        return 0;
}

/* ---- logind ------------------------------------------------------------------------------------
 */

static void look_at_displays(Daemon *d) {
        _cleanup_free_ SessionDisplay *displays = NULL;
        size_t n;
        int r;

        displays_watch(d->root, d->uid_min, d->displays_watch);
        r = displays_scan(d->root, d->uid_min, &displays, &n);
        if (r < 0) {
                daemon_log(LOG_WARNING, "cannot see who is connected: %s", strerror(-r));
                set_poll(d); /* what was known stays, and is looked at again */
                return;
        }
        if (xrdp_mark_served(&d->backend->fs, &d->sessions))
                loop_evaluate(d);
        remote_mark_orphans(d);
        if (sessions_set_displays(&d->sessions, displays, n, clock_boottime()))
                loop_evaluate(d);
        else
                set_poll(d);
}

/* Who the user is cannot be told now. What it was before, by the same policy, stays. */
static const StateRules *be_unsure(Daemon *d, const Session *s, const StateRules *rules) {
        const StateRules *before = s->rules;

        if (before && !before->unsure)
                return before;
        start(d->unsure, RULES_UNSURE);
        if (daemon_may_say(&d->untold))
                daemon_log(
                        LOG_WARNING,
                        "user %u cannot be looked up, or some group of theirs: until that can be "
                        "done they are left alone, and so are others of whom it is the same",
                        (unsigned) s->uid);
        return rules;
}

static int on_unsure_user(sd_event_source *timer, uint64_t usec _unused_, void *userdata) {
        Daemon *d = userdata;

        (void) sd_event_source_set_enabled(timer, SD_EVENT_OFF);
        for (size_t i = 0; i < d->sessions.n; i++) {
                const Session *s = d->sessions.all[i];
                const StateRules *rules = s->rules;

                if (!rules || !rules->unsure)
                        continue;
                if (!d->logind || loginwatch_ask(d->logind, s->id) < 0)
                        start(timer, RULES_UNSURE);
        }
        return 0;
}

static void on_session(const LogindSession *s, void *userdata) {
        Daemon *d = userdata;
        const StateRules *rules = NULL;
        Session *session;
        int r;

        r = sessions_update(&d->sessions, &s->facts, clock_boottime());
        if (r < 0) {
                daemon_log(LOG_WARNING, "session %s cannot be followed: %s", s->facts.id,
                           strerror(-r));
                return;
        }
        session = sessions_find(&d->sessions, s->facts.id);
        (void) xrdp_look_served(&d->backend->fs, &d->sessions, session);
        /* Root is nobody's to limit, but is seen. */
        r = s->facts.uid == 0 ? 0 : rules_for_session(d->rules, s, &rules);
        if (r < 0)
                daemon_log(LOG_WARNING, "session %s: no rules: %s", s->facts.id, strerror(-r));
        if (rules && rules->unsure)
                rules = be_unsure(d, session, rules);
        session->rules = rules;
        guard_want(session, rules && rules->lock, clock_boottime());
        /* A new display's socket may be older than its session. */
        if (session_is_desktop(session) && session->link == SESSION_LINK_UNKNOWN)
                start(d->look, settling[0]);
        loop_evaluate(d);
}

static void on_gone(const char *id, void *userdata) {
        Daemon *d = userdata;

        if (sessions_remove(&d->sessions, id))
                loop_evaluate(d);
}

static void on_unsure(const char *id, void *userdata) {
        Daemon *d = userdata;

        sessions_keep(&d->sessions, id);
}

static void on_listing(bool ended, void *userdata) {
        Daemon *d = userdata;

        if (!ended) {
                sessions_begin(&d->sessions);
                return;
        }
        (void) sessions_end(&d->sessions);
        look_at_displays(d);
        if (!d->ready)
                (void) sd_notifyf(0, "STATUS=%zu sessions%s", d->sessions.n,
                                  d->watch ? ", watching only" : "");
        d->ready = true;
        loop_evaluate(d);
}

static void on_reloaded(void *userdata) {
        loop_check(userdata);
}

static void on_lost(void *userdata) {
        Daemon *d = userdata;

        start(d->reconnect, RECONNECT);
}

static const LogindEvents loginwatch_events = {
        .session = on_session,
        .gone = on_gone,
        .unsure = on_unsure,
        .listing = on_listing,
        .reloaded = on_reloaded,
        .lost = on_lost,
};

static int on_reconnect(sd_event_source *timer, uint64_t usec _unused_, void *userdata) {
        Daemon *d = userdata;
        int r;

        (void) sd_event_source_set_enabled(timer, SD_EVENT_OFF);
        d->logind = loginwatch_free(d->logind);
        r = loginwatch_open(d->root, d->event, &loginwatch_events, CALL_TIMEOUT, d, &d->logind);
        if (r < 0)
                start(timer, RECONNECT);
        return 0;
}

/* ---- displays ----------------------------------------------------------------------------------
 */

static int on_look(sd_event_source *timer, uint64_t usec _unused_, void *userdata) {
        Daemon *d = userdata;

        (void) sd_event_source_set_enabled(timer, SD_EVENT_OFF);
        (void) watch_drain(d->displays_watch, NULL, NULL);
        (void) sd_event_source_set_enabled(d->displays, SD_EVENT_ON);
        look_at_displays(d);
        if (++d->settling < ELEMENTSOF(settling))
                start(timer, settling[d->settling]);
        return 0;
}

static int on_displays(sd_event_source *source, int fd _unused_, uint32_t events _unused_,
                       void *userdata) {
        Daemon *d = userdata;

        /* Not heard again until it was looked at. */
        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        d->settling = 0;
        (void) sd_event_source_set_enabled(d->look, SD_EVENT_OFF);
        start(d->look, settling[0]);
        return 0;
}

static int on_poll(sd_event_source *timer _unused_, uint64_t usec _unused_, void *userdata) {
        look_at_displays(userdata); /* which sets the timer again */
        return 0;
}

/* ---- pressure ----------------------------------------------------------------------------------
 */

static int on_pressure(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Daemon *d = userdata;
        char drop[64];

        if (events & EPOLLIN) /* a test's stand-in, which is a pipe */
                (void) !read(fd, drop, sizeof(drop));
        else if (!(events & EPOLLPRI)) { /* EPOLLERR: the trigger is gone */
                (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
                return 0;
        }
        punish_look(d, source == d->pressure ? RUNAWAY_CPU : RUNAWAY_MEMORY);
        textfile_write(d);
        return 0;
}

static void arm_one(Daemon *d, const char *resource, unsigned pressure, usec_t window,
                    sd_event_source **source) {
        /* A test's stand-in is a pipe beside the file with the numbers. */
        _cleanup_free_ char *path =
                file_path("%s/proc/pressure/%s%s", d->root, resource, d->root[0] ? ".trigger" : "");
        int fd, r;

        *source = sd_event_source_unref(*source);
        if (!path || pressure == 0)
                return;
        fd = psi_arm(path, MAX_OF(window / 10000 * pressure, USEC_PER_MSEC), window);
        if (fd < 0) {
                daemon_log(LOG_WARNING, "%s: no word of pressure, so there will be no runaways: %s",
                           path, strerror(-fd));
                return;
        }
        r = sd_event_add_io(d->event, source, fd, d->root[0] ? EPOLLIN | EPOLLPRI : EPOLLPRI,
                            on_pressure, d);
        if (r < 0) {
                (void) close(fd);
                return;
        }
        (void) sd_event_source_set_io_fd_own(*source, true);
        (void) sd_event_source_set_priority(*source, SD_EVENT_PRIORITY_IDLE);
}

/* The trigger serves the users who are here: the lowest of their bars, and several looks within the
 * shortest of their windows. */
static void arm(Daemon *d) {
        unsigned pressure = 0, memory = 0;
        usec_t window = 60 * USEC_PER_SEC;

        for (size_t i = 0; i < d->sessions.n; i++) {
                const UserRules *rules;

                if (!d->sessions.all[i]->present ||
                    rules_for_user(d->rules, d->sessions.all[i]->uid, &rules) < 0)
                        continue;
                if (rules->unsure)
                        start(d->evaluate, RULES_UNSURE);
                if (rules->exempt)
                        continue;
                if (rules->cpu.n_steps > 0) {
                        pressure = pressure ? MIN_OF(pressure, rules->cpu.pressure)
                                            : MAX_OF(rules->cpu.pressure, 1U);
                        window = MIN_OF(window, rules->cpu.window);
                }
                if (rules->memory.n_steps > 0) {
                        memory = memory ? MIN_OF(memory, rules->memory.pressure)
                                        : MAX_OF(rules->memory.pressure, 1U);
                        window = MIN_OF(window, rules->memory.window);
                }
        }
        window = MIN_OF(MAX_OF(window / 6, USEC_PER_SEC), 10 * USEC_PER_SEC);
        if (pressure == d->armed_pressure && memory == d->armed_memory && window == d->armed_window)
                return;
        d->armed_pressure = pressure;
        d->armed_memory = memory;
        d->armed_window = window;
        arm_one(d, "cpu", pressure, window, &d->pressure);
        arm_one(d, "memory", memory, window, &d->memory_pressure);
}

/* ---- drift, leases, signals --------------------------------------------------------------------
 */

/* Locks come and go beside records, and new records under another name: nothing is said by that. */
static void note_news(int watch _unused_, const char *name, void *userdata) {
        static const char lock[] = ".lock";
        size_t n = strlen(name), m = strlen(lock);
        bool *news = userdata;

        if (name[0] != '.' && (n < m || strcmp(name + n - m, lock) != 0))
                *news = true;
}

static int on_drift(sd_event_source *source, int fd, uint32_t events _unused_, void *userdata) {
        bool news = false;

        if (watch_drain(fd, note_news, &news) >= 0 && !news)
                return 0;
        /* Not heard again until it was looked at. */
        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        loop_check(userdata);
        return 0;
}

static int on_check(sd_event_source *timer, uint64_t usec _unused_, void *userdata) {
        Daemon *d = userdata;

        (void) sd_event_source_set_enabled(timer, SD_EVENT_OFF);
        (void) watch_drain(d->drift_watch, NULL, NULL);
        (void) sd_event_source_set_enabled(d->drift, SD_EVENT_ON);
        drift_check(d);
        /* Only while somebody is squeezed is there anything to prolong. */
        for (size_t i = 0; i < d->states.n; i++)
                if (!limits_is_empty(&d->states.users[i].limits)) {
                        start(d->lease, LEASE_RENEWAL);
                        break;
                }
        return 0;
}

static int on_lease(sd_event_source *timer, uint64_t usec _unused_, void *userdata) {
        Daemon *d = userdata;

        (void) sd_event_source_set_enabled(timer, SD_EVENT_OFF);
        /* Who cannot be seen coming back is not kept squeezed. */
        if (!d->ready || !d->logind || act_renew(d) < 0)
                start(timer, LEASE_RETRY);
        /* Its changes lead to a check, and that to the next. */
        return 0;
}

static int on_guard(sd_event_source *timer, uint64_t usec _unused_, void *userdata) {
        (void) sd_event_source_set_enabled(timer, SD_EVENT_OFF);
        guard_look(userdata);
        return 0;
}

static int on_again(sd_event_source *timer, uint64_t usec _unused_, void *userdata) {
        (void) sd_event_source_set_enabled(timer, SD_EVENT_OFF);
        punish_again(userdata);
        return 0;
}

static int on_sample(sd_event_source *timer, uint64_t usec _unused_, void *userdata) {
        (void) sd_event_source_set_enabled(timer, SD_EVENT_OFF);
        loop_evaluate(userdata); /* which takes it, and has it taken again */
        return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info _unused_,
                   void *userdata) {
        Daemon *d = userdata;

        d->stopping = true;
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

static void report_error(const PolicyError *e) {
        daemon_log(LOG_WARNING, "%s:%u: %s", e->file, e->line, e->text);
}

int loop_reload(Daemon *d) {
        Rules *rules;
        bool watch;
        int r;

        r = rules_load(d->root, d->uid_min, report_error, &rules);
        if (r < 0)
                return r;
        if (rules_are_unread(rules)) {
                daemon_log(LOG_ERR, "the policy cannot be read: %s",
                           d->rules ? "what it was before counts" : "nobody is limited or ended");
                if (d->rules) {
                        rules_free(rules);
                        return 0;
                }
        }
        for (size_t i = 0; i < d->sessions.n; i++)
                d->sessions.all[i]->rules = NULL;
        d->rules = rules_free(d->rules);
        d->rules = rules;
        watch = d->arg_watch || rules_daemon(rules)->mode == POLICY_MODE_WATCH;
        if (watch && !d->watch && d->ledger)
                act_let_go(d);
        if (watch != d->watch) /* what was done in the one mode was not in the other */
                states_done(&d->states);
        d->watch = watch;
        /* The mode in which they were kept may be another leashd's. */
        sessions_set_watch(&d->sessions, watch);
        runaways_set_watch(&d->cpu, watch);
        runaways_set_watch(&d->memory, watch);
        d->ready = false; /* no session has rules before it was asked about again */
        return d->logind ? loginwatch_list(d->logind) : 0;
}

static int on_hangup(sd_event_source *source _unused_, const struct signalfd_siginfo *info _unused_,
                     void *userdata) {
        int r;

        (void) sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_monotonic());
        r = loop_reload(userdata);
        if (r < 0)
                daemon_log(LOG_ERR, "cannot read the policy again: %s", strerror(-r));
        (void) sd_notify(0, "READY=1");
        return 0;
}

static int add_signal(Daemon *d, int signal, sd_event_signal_handler_t handler) {
        sigset_t set;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, signal);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        return sd_event_add_signal(d->event, NULL, signal, handler, d);
}

static int add_timer(Daemon *d, sd_event_source **ret, usec_t accuracy,
                     sd_event_time_handler_t handler) {
        int r;

        r = sd_event_add_time(d->event, ret, CLOCK_BOOTTIME, USEC_INFINITY, accuracy, handler, d);
        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

static int open_watch(Daemon *d, int *ret_watch, sd_event_source **ret,
                      sd_event_io_handler_t handler) {
        *ret_watch = watch_open();
        if (*ret_watch < 0)
                return *ret_watch;
        return sd_event_add_io(d->event, ret, *ret_watch, EPOLLIN, handler, d);
}

static int open_sources(Daemon *d) {
        _cleanup_free_ char *ledger = file_path("%s/run/leash", d->root);
        int r;

        if (!ledger)
                return -ENOMEM;
        r = open_watch(d, &d->displays_watch, &d->displays, on_displays);
        if (r >= 0)
                r = open_watch(d, &d->drift_watch, &d->drift, on_drift);
        if (r >= 0)
                r = watch_dir(d->drift_watch, ledger);
        if (r >= 0)
                r = add_signal(d, SIGTERM, on_stop);
        if (r >= 0)
                r = add_signal(d, SIGINT, on_stop);
        if (r >= 0)
                r = add_signal(d, SIGHUP, on_hangup);
        return r;
}

static int open_timers(Daemon *d) {
        const usec_t soon = 10 * USEC_PER_MSEC;
        int r;

        r = add_timer(d, &d->evaluate, soon, on_evaluate);
        if (r >= 0)
                r = add_timer(d, &d->look, soon, on_look);
        if (r >= 0)
                r = add_timer(d, &d->reconnect, soon, on_reconnect);
        if (r >= 0)
                r = add_timer(d, &d->check, soon, on_check);
        if (r >= 0)
                r = add_timer(d, &d->poll, soon, on_poll);
        if (r >= 0)
                r = add_timer(d, &d->lease, 600 * USEC_PER_SEC, on_lease);
        if (r >= 0) /* seconds do not matter, and logins come together */
                r = add_timer(d, &d->guard, USEC_PER_SEC, on_guard);
        if (r >= 0)
                r = add_timer(d, &d->sample, 60 * USEC_PER_SEC, on_sample);
        if (r >= 0)
                r = add_timer(d, &d->again, 100 * USEC_PER_MSEC, on_again);
        if (r >= 0)
                r = add_timer(d, &d->unsure, USEC_PER_SEC, on_unsure_user);
        return r;
}

int loop_open(Daemon *d) {
        int r;

        r = sd_event_default(&d->event);
        if (r >= 0)
                r = open_timers(d);
        if (r >= 0)
                r = open_sources(d);
        if (r < 0)
                return r;
        displays_watch(d->root, d->uid_min, d->displays_watch);
        r = loginwatch_open(d->root, d->event, &loginwatch_events, CALL_TIMEOUT, d, &d->logind);
        if (r < 0) { /* the bus may be late */
                daemon_log(LOG_WARNING, "no message bus yet: %s", strerror(-r));
                start(d->reconnect, RECONNECT);
        }
        loop_check(d);
        return sd_event_set_watchdog(d->event, true);
}

void loop_close(Daemon *d) {
        sd_event_source **const sources[] = {
                &d->evaluate, &d->look,     &d->reconnect,       &d->check,  &d->poll,
                &d->lease,    &d->displays, &d->memory_pressure, &d->drift,  &d->pressure,
                &d->guard,    &d->sample,   &d->again,           &d->unsure,
        };

        d->logind = loginwatch_free(d->logind);
        for (size_t i = 0; i < ELEMENTSOF(sources); i++)
                *sources[i] = sd_event_source_unref(*sources[i]);
        fd_closep(&d->displays_watch);
        fd_closep(&d->drift_watch);
        d->event = sd_event_unref(d->event);
}
