/* SPDX-License-Identifier: MIT */
/* When a session is warned, locked, blanked and ended. */

#include "core/idle.h"

void idle_init(IdleMachine *m, const IdleConfig *config) {
        *m = (IdleMachine){
                .config = *config,
                .delayed_since = USEC_INFINITY,
                .locked_since = USEC_INFINITY,
                .grab_since = USEC_INFINITY,
        };
        if (m->config.warn >= m->config.idle)
                m->config.warn = m->config.idle / 2;
        if (m->config.logout_warn >= m->config.logout_after)
                m->config.logout_warn = m->config.logout_after / 2;
        for (IdleTimer t = 0; t < _IDLE_TIMER_MAX; t++)
                m->timers[t] = USEC_INFINITY;
}

static usec_t add(usec_t a, usec_t b) {
        return a >= USEC_INFINITY - b ? USEC_INFINITY : a + b;
}

bool idle_is_closed(const IdleMachine *m) {
        return m->state >= IDLE_LOCKING;
}

/* Where the user is first noticed to be idle: at the warning, or at the lock without one. */
static usec_t first_threshold(const IdleMachine *m) {
        return m->config.idle > 0 ? m->config.idle - m->config.warn : USEC_INFINITY;
}

static bool is_inhibited(const IdleMachine *m) {
        return m->inhibitors > 0 && m->config.inhibit_max > 0 && !m->ceiling;
}

/* Covers and asks for the grabs. Asked again unless GRABBED comes, so no lost answer is for ever.
 */
static unsigned cover(IdleMachine *m, usec_t now) {
        bool force = m->grab_since != USEC_INFINITY && now - m->grab_since >= IDLE_FORCE_AFTER;

        m->timers[IDLE_TIMER_COVER] = add(now, IDLE_GRAB_RETRY);
        return IDLE_DO_COVER | (force ? IDLE_DO_FORCE : 0);
}

static unsigned end(IdleMachine *m, usec_t now) {
        unsigned actions = IDLE_DO_END;

        m->state = IDLE_ENDING;
        for (IdleTimer t = 0; t < _IDLE_TIMER_MAX; t++)
                m->timers[t] = USEC_INFINITY;
        m->timers[IDLE_TIMER_END] = add(now, IDLE_END_RETRY);
        /* The cover stays in the place of a locker that is not there. */
        if (m->locker == IDLE_LOCKER_NONE)
                actions |= IDLE_DO_COVER;
        if (m->sleep_pending)
                actions |= IDLE_DO_RELEASE_SLEEP;
        m->sleep_pending = false;
        return actions;
}

static unsigned lock(IdleMachine *m, usec_t now) {
        unsigned actions = m->state == IDLE_WARNING ? IDLE_DO_UNWARN : 0;

        if (idle_is_closed(m))
                return 0;
        m->state = IDLE_LOCKING;
        m->timers[IDLE_TIMER_LOCK] = m->timers[IDLE_TIMER_INHIBIT] = USEC_INFINITY;
        m->fallback = m->is_blank = false;
        m->deaths = 0;
        m->restart_at = now;
        m->grab_since = USEC_INFINITY;
        return actions | cover(m, now);
}

/* The lock is `left` away, with a warning if that is any time. */
static unsigned warn(IdleMachine *m, usec_t left, usec_t now) {
        m->timers[IDLE_TIMER_INHIBIT] = USEC_INFINITY;
        if (left == 0)
                return lock(m, now);
        m->state = IDLE_WARNING;
        m->timers[IDLE_TIMER_LOCK] = add(now, left);
        return IDLE_DO_WARN;
}

/* The lock is due but for inhibitors: they hold it from now until the ceiling. */
static unsigned delay(IdleMachine *m, usec_t now) {
        unsigned actions = m->state == IDLE_WARNING ? IDLE_DO_UNWARN : 0;

        m->state = IDLE_OPEN;
        m->timers[IDLE_TIMER_LOCK] = USEC_INFINITY;
        if (m->delayed_since == USEC_INFINITY)
                m->delayed_since = now;
        m->timers[IDLE_TIMER_INHIBIT] = add(m->delayed_since, m->config.inhibit_max);
        return actions;
}

static unsigned on_alarm(IdleMachine *m, usec_t idle, usec_t now) {
        unsigned actions = 0;

        if (idle >= first_threshold(m) && !m->is_idle) {
                m->is_idle = true;
                actions |= IDLE_DO_HINTS;
                if (m->state == IDLE_OPEN)
                        actions |= is_inhibited(m)
                                           ? delay(m, now)
                                           : warn(m, m->config.idle - MIN_OF(idle, m->config.idle),
                                                  now);
        }
        if (idle_is_closed(m) && m->config.blank > 0 && idle >= m->config.blank && !m->is_blank) {
                m->is_blank = true;
                actions |= IDLE_DO_BLANK;
        }
        return actions;
}

static unsigned on_input(IdleMachine *m) {
        unsigned actions = m->is_idle ? IDLE_DO_HINTS : 0;

        m->is_idle = m->is_blank = m->ceiling = false;
        m->delayed_since = USEC_INFINITY;
        m->timers[IDLE_TIMER_INHIBIT] = USEC_INFINITY;
        if (m->state == IDLE_WARNING) {
                m->state = IDLE_OPEN;
                m->timers[IDLE_TIMER_LOCK] = USEC_INFINITY;
                actions |= IDLE_DO_UNWARN;
        }
        return actions;
}

static unsigned on_inhibitors(IdleMachine *m, usec_t n, usec_t now) {
        m->inhibitors = n;
        if (idle_is_closed(m) || !m->is_idle)
                return 0;
        if (is_inhibited(m) && m->state == IDLE_WARNING)
                return delay(m, now);
        if (!is_inhibited(m) && m->state == IDLE_OPEN)
                return warn(m, m->config.warn, now);
        return 0;
}

static unsigned on_sleep(IdleMachine *m, usec_t now) {
        if (m->state == IDLE_ENDING || m->locker == IDLE_LOCKER_UP)
                return IDLE_DO_RELEASE_SLEEP;
        m->sleep_pending = true;
        return lock(m, now);
}

/* ---- the locker --------------------------------------------------------------------------------
 */

static unsigned on_grabbed(IdleMachine *m, usec_t now) {
        if (m->state != IDLE_LOCKING && m->state != IDLE_LOCKED)
                return 0;
        m->timers[IDLE_TIMER_COVER] = USEC_INFINITY;
        m->grab_since = USEC_INFINITY;
        if (m->locker != IDLE_LOCKER_NONE)
                return 0;
        if (now < m->restart_at) {
                m->timers[IDLE_TIMER_COVER] = m->restart_at;
                return 0;
        }
        m->locker = IDLE_LOCKER_STARTING;
        m->started = now;
        m->stops = 0;
        m->timers[IDLE_TIMER_LOCKER] = add(now, IDLE_READY_MAX);
        return IDLE_DO_START;
}

static unsigned on_grab_failed(IdleMachine *m, usec_t now) {
        if ((m->state == IDLE_LOCKING || m->state == IDLE_LOCKED) &&
            m->locker == IDLE_LOCKER_NONE && m->grab_since == USEC_INFINITY)
                m->grab_since = now;
        return 0;
}

static unsigned on_ready(IdleMachine *m, usec_t now) {
        unsigned actions = IDLE_DO_HINTS;

        if (m->locker != IDLE_LOCKER_STARTING || m->state == IDLE_ENDING)
                return 0;
        m->locker = IDLE_LOCKER_UP;
        m->up_since = now;
        m->timers[IDLE_TIMER_LOCKER] = m->timers[IDLE_TIMER_COVER] = USEC_INFINITY;
        if (m->state == IDLE_LOCKING) {
                m->state = IDLE_LOCKED;
                m->locked_since = now;
                if (m->config.logout_after > 0) {
                        usec_t left = m->config.logout_after - m->config.logout_warn;

                        m->timers[IDLE_TIMER_END] = add(now, m->config.logout_after);
                        if (m->config.logout_warn > 0)
                                m->timers[IDLE_TIMER_WARN_LOGOUT] = add(now, left);
                }
        }
        if (m->sleep_pending)
                actions |= IDLE_DO_RELEASE_SLEEP;
        m->sleep_pending = false;
        return actions;
}

/* A locker that lets the user in takes its window away before it exits, so it is given a moment.
 * Covered meanwhile: what else takes its window away is one that fails. */
static unsigned on_lost(IdleMachine *m, usec_t now) {
        if (m->locker != IDLE_LOCKER_UP)
                return 0;
        m->locker = IDLE_LOCKER_LEAVING;
        m->timers[IDLE_TIMER_LOCKER] = add(now, IDLE_LEAVE_MAX);
        return m->state == IDLE_ENDING ? IDLE_DO_COVER : cover(m, now);
}

static unsigned kill_locker(IdleMachine *m, usec_t now) {
        m->locker = IDLE_LOCKER_DYING;
        m->timers[IDLE_TIMER_LOCKER] = add(now, IDLE_LEAVE_MAX);
        return IDLE_DO_KILL;
}

static unsigned on_stopped(IdleMachine *m, usec_t now) {
        if (m->locker == IDLE_LOCKER_NONE || m->locker == IDLE_LOCKER_DYING)
                return 0;
        m->stops++;
        return m->stops > IDLE_STOPS_MAX ? kill_locker(m, now) : IDLE_DO_CONTINUE;
}

/* One that fails at once is not started at once for ever: each restart after the first waits a
 * second longer. The cover holds, and a locker that is just being upgraded costs nobody the
 * session. */
static unsigned on_died(IdleMachine *m, usec_t now) {
        bool was_stable = m->locker >= IDLE_LOCKER_UP && m->up_since >= m->started &&
                          now - m->up_since >= IDLE_STABLE;

        if (m->locker == IDLE_LOCKER_NONE)
                return 0;
        m->locker = IDLE_LOCKER_NONE;
        m->timers[IDLE_TIMER_LOCKER] = USEC_INFINITY;
        if (m->state == IDLE_ENDING)
                return IDLE_DO_COVER;
        m->deaths = was_stable ? 1 : m->deaths + 1;
        m->restart_at = add(now, (m->deaths - 1) * USEC_PER_SEC);
        if (m->deaths >= IDLE_DEATHS_MAX) {
                if (m->fallback || !m->config.has_fallback)
                        return end(m, now);
                m->fallback = true;
                m->deaths = 0;
                m->restart_at = now;
        }
        return cover(m, now);
}

/* The one way to open. */
static unsigned on_success(IdleMachine *m, usec_t now) {
        IdleMachine fresh;

        if (m->state != IDLE_LOCKED ||
            (m->locker != IDLE_LOCKER_UP && m->locker != IDLE_LOCKER_LEAVING))
                return on_died(m, now);
        idle_init(&fresh, &m->config);
        fresh.inhibitors = m->inhibitors;
        fresh.sleep_pending = m->sleep_pending;
        *m = fresh;
        /* Let in while the machine was about to sleep: it must not sleep open. */
        return IDLE_DO_HINTS | (m->sleep_pending ? lock(m, now) : IDLE_DO_UNCOVER);
}

/* ---- time --------------------------------------------------------------------------------------
 */

static unsigned on_cover_timer(IdleMachine *m, usec_t now) {
        if (m->locker != IDLE_LOCKER_NONE)
                return 0;
        if (m->config.grab_max > 0 && m->grab_since != USEC_INFINITY &&
            now - m->grab_since >= m->config.grab_max)
                return end(m, now);
        return cover(m, now);
}

static unsigned on_timer(IdleMachine *m, IdleTimer timer, usec_t now) {
        switch (timer) {
        case IDLE_TIMER_LOCK:
                return lock(m, now);
        case IDLE_TIMER_INHIBIT:
                m->ceiling = true;
                return warn(m, m->config.warn, now);
        case IDLE_TIMER_COVER:
                return on_cover_timer(m, now);
        case IDLE_TIMER_LOCKER:
                /* One that does not even go when killed hangs in the kernel: leave it behind. */
                return m->locker == IDLE_LOCKER_DYING ? on_died(m, now) : kill_locker(m, now);
        case IDLE_TIMER_WARN_LOGOUT:
                return IDLE_DO_WARN_LOGOUT;
        case IDLE_TIMER_END:
                return end(m, now);
        case _IDLE_TIMER_MAX:
                break;
        }
        return 0;
}

static unsigned on_time(IdleMachine *m, usec_t now) {
        unsigned actions = 0;

        for (IdleTimer t = 0; t < _IDLE_TIMER_MAX; t++)
                if (m->timers[t] <= now) {
                        m->timers[t] = USEC_INFINITY;
                        actions |= on_timer(m, t, now);
                }
        return actions;
}

unsigned idle_handle(IdleMachine *m, IdleEvent event, usec_t value, usec_t now) {
        switch (event) {
        case IDLE_EVENT_START:
                return IDLE_DO_TAKE_SLEEP | IDLE_DO_HINTS | (value > 0 ? lock(m, now) : 0);
        case IDLE_EVENT_TIME:
                return on_time(m, now);
        case IDLE_EVENT_ALARM:
                return on_alarm(m, value, now);
        case IDLE_EVENT_INPUT:
                return on_input(m);
        case IDLE_EVENT_LOCK:
                return lock(m, now);
        case IDLE_EVENT_UNLOCK:
        case IDLE_EVENT_RECONNECT:
                m->is_blank = false;
                return idle_is_closed(m) ? IDLE_DO_WAKE : 0;
        case IDLE_EVENT_SLEEP:
                return on_sleep(m, now);
        case IDLE_EVENT_RESUME:
                m->sleep_pending = m->is_blank = false;
                return IDLE_DO_TAKE_SLEEP | (idle_is_closed(m) ? IDLE_DO_WAKE : 0);
        case IDLE_EVENT_DISCONNECT:
                return m->config.lock_on_disconnect ? lock(m, now) : 0;
        case IDLE_EVENT_INHIBITORS:
                return on_inhibitors(m, value, now);
        case IDLE_EVENT_GRABBED:
                return on_grabbed(m, now);
        case IDLE_EVENT_GRAB_FAILED:
                return on_grab_failed(m, now);
        case IDLE_EVENT_LOCKER_READY:
                return on_ready(m, now);
        case IDLE_EVENT_LOCKER_LOST:
                return on_lost(m, now);
        case IDLE_EVENT_LOCKER_STOPPED:
                return on_stopped(m, now);
        case IDLE_EVENT_LOCKER_SUCCESS:
                return on_success(m, now);
        case IDLE_EVENT_LOCKER_DIED:
                return on_died(m, now);
        case _IDLE_EVENT_MAX:
                break;
        }
        return 0;
}

usec_t idle_deadline(const IdleMachine *m) {
        usec_t first = USEC_INFINITY;

        for (IdleTimer t = 0; t < _IDLE_TIMER_MAX; t++)
                first = MIN_OF(first, m->timers[t]);
        return first;
}

usec_t idle_alarm(const IdleMachine *m) {
        usec_t alarm = m->is_idle ? USEC_INFINITY : first_threshold(m);

        if (idle_is_closed(m) && m->config.blank > 0 && !m->is_blank)
                alarm = MIN_OF(alarm, m->config.blank);
        return alarm;
}

bool idle_wants_input(const IdleMachine *m) {
        return m->is_idle || m->is_blank;
}

const char *idle_state_to_string(IdleState state) {
        static const char *const names[_IDLE_STATE_MAX] = {
                [IDLE_OPEN] = "open",     [IDLE_WARNING] = "warning", [IDLE_LOCKING] = "locking",
                [IDLE_LOCKED] = "locked", [IDLE_ENDING] = "ending",
        };

        return state >= 0 && state < _IDLE_STATE_MAX ? names[state] : NULL;
}
