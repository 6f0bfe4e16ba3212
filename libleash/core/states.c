/* SPDX-License-Identifier: MIT */
/* What becomes of a session that was left behind. */

#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "core/array.h"
#include "core/states.h"

typedef struct Run {
        States *states;
        Sessions *sessions;
        usec_t now, next;
        StateHandler handler;
        void *userdata;
} Run;

const char *state_action_to_string(StateActionKind kind) {
        static const char *const names[_STATE_ACTION_MAX] = {
                [STATE_SQUEEZE] = "squeeze", [STATE_LIFT] = "lift",
                [STATE_WARN] = "warn",       [STATE_WELCOME] = "welcome",
                [STATE_ASK] = "ask-to-end",  [STATE_TERMINATE] = "terminate",
                [STATE_KILL] = "kill",       [STATE_STUCK] = "stuck",
        };

        return kind >= 0 && kind < _STATE_ACTION_MAX ? names[kind] : "none";
}

void states_done(States *st) {
        free(st->users);
        *st = (States){};
}

static size_t position(const States *st, uid_t uid, bool *ret_found) {
        size_t at = ARRAY_LOWER_BOUND(st->n, i, st->users[i].uid < uid);

        *ret_found = at < st->n && st->users[at].uid == uid;
        return at;
}

static int get_user(States *st, uid_t uid, StateUser **ret) {
        bool found;
        size_t at = position(st, uid, &found);

        if (!found) {
                int r = ARRAY_GROW(st->users, &st->allocated, st->n, SIZE_MAX);

                if (r < 0)
                        return r;
                memmove(st->users + at + 1, st->users + at, (st->n - at) * sizeof(StateUser));
                st->users[at] = (StateUser){ .uid = uid };
                st->n++;
        }
        *ret = &st->users[at];
        return 0;
}

int states_adopt(States *st, uid_t uid, const Limits *limits) {
        StateUser *user;
        int r;

        r = get_user(st, uid, &user);
        if (r >= 0)
                user->limits = *limits;
        return r;
}

void states_yield(States *st, uid_t uid) {
        bool found;
        size_t at = position(st, uid, &found);

        if (!found)
                return;
        st->users[at].limits = (Limits){};
        st->users[at].yielded = true;
}

/* The sum of a time and a span, either of which may be "never". */
static usec_t later(usec_t at, usec_t span) {
        return span >= USEC_INFINITY - at ? USEC_INFINITY : at + span;
}

static void look_again(Run *run, usec_t at) {
        if (at > run->now)
                run->next = MIN_OF(run->next, at);
}

static void tighten(Limits *dst, const Limits *src) {
        for (Limit i = 0; i < _LIMIT_MAX; i++)
                if (limits_has(src, i) && (!limits_has(dst, i) || limits_is_stricter(src, dst, i)))
                        limits_copy_one(dst, src, i);
}

/* What both have, at the more generous value. */
static void loosen(Limits *dst, const Limits *src) {
        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                if (!limits_has(dst, i))
                        continue;
                if (!limits_has(src, i))
                        limits_unset(dst, i);
                else if (limits_is_stricter(dst, src, i))
                        limits_copy_one(dst, src, i);
        }
}

static const StateRules *rules_of(const Session *s) {
        const StateRules *rules = s->rules;

        return rules && !rules->exempt ? rules : NULL;
}

/* Since when a condition counts; 0 where it does not hold. */
static usec_t counts_since(const Session *s, SessionCondition c) {
        if (c != SESSION_DISCONNECTED || s->since[c] == 0 || s->visited)
                return s->since[c];
        return MAX_OF(s->since[c], later(s->created, STATES_ARRIVAL));
}

typedef struct Wanted {
        Limits limits;
        Session *session; /* which of several led to it, for the log: the last that was due */
        SessionCondition condition;
} Wanted;

/* The limits that one session is due for. */
static void wanted_of(Run *run, Session *s, Wanted *ret) {
        const StateRules *rules = rules_of(s);

        *ret = (Wanted){ .session = s };
        for (SessionCondition c = 0; c < _SESSION_CONDITION_MAX && rules; c++) {
                const StateRule *rule = &rules->when[c];
                usec_t since = counts_since(s, c);
                usec_t due = since ? later(since, rule->after) : USEC_INFINITY;

                if (limits_is_empty(&rule->limits) || due == USEC_INFINITY)
                        continue;
                if (due > run->now) {
                        look_again(run, due);
                        continue;
                }
                tighten(&ret->limits, &rule->limits);
                ret->condition = c;
        }
}

/* A session that has been left for good and that no rule speaks of keeps nobody from being squeezed
 * for another one. */
static bool counts(const Session *s) {
        const StateRules *rules = rules_of(s);

        if (!s->present || s->class != SESSION_CLASS_USER)
                return false;
        return s->since[SESSION_CLOSING] == 0 ||
               (rules && !limits_is_empty(&rules->when[SESSION_CLOSING].limits));
}

static int act(Run *run, const StateAction *action) {
        return run->handler(action, run->userdata);
}

/* Brings the user's layer to what is wanted, if that may be now. */
static void settle(Run *run, StateUser *user, const Wanted *wanted) {
        bool lift = limits_is_empty(&wanted->limits);
        int r;
        const StateRules *rules = lift ? NULL : rules_of(wanted->session);
        const StateAction action = {
                .kind = lift ? STATE_LIFT : STATE_SQUEEZE,
                .uid = user->uid,
                .session = lift ? NULL : wanted->session,
                .condition = lift ? _SESSION_CONDITION_INVALID : wanted->condition,
                .rule = lift ? NULL : &rules->when[wanted->condition],
                .limits = &wanted->limits,
        };
        usec_t may = user->changed && !lift ? later(user->changed, STATES_SETTLE) : 0;

        if (lift)
                user->yielded = false;
        if (limits_equal(&user->limits, &wanted->limits) || user->yielded)
                return;
        may = MAX_OF(may, user->retry[lift]);
        if (may > run->now) {
                look_again(run, may);
                return;
        }
        user->retry[lift] = 0;
        r = act(run, &action);
        if (r == -EAGAIN) {
                look_again(run, later(run->now, STATES_BUSY));
                return;
        }
        if (r < 0) {
                user->retry[lift] = later(run->now, lift ? STATES_RETRY_LIFT : STATES_RETRY);
                look_again(run, user->retry[lift]);
                return;
        }
        user->limits = wanted->limits;
        user->changed = run->now;
}

/* When a warning is due, and what it is worth. */
static usec_t warn_at(const Session *s, SessionCondition c, const StateRule *rule) {
        usec_t after = rule->warn_after;

        if (after > rule->end_after)
                after = rule->end_after > STATES_NOTICE ? rule->end_after - STATES_NOTICE : 0;
        return later(counts_since(s, c), after);
}

static usec_t end_at(const Session *s, SessionCondition c, const StateRule *rule) {
        usec_t distance = rule->end_after;

        if (rule->warn_after < rule->end_after)
                distance -= rule->warn_after;
        return MAX_OF(later(counts_since(s, c), rule->end_after),
                      later(s->warned[c], MIN_OF(distance, STATES_NOTICE)));
}

/* Without effect on one that was missed before: it has still not been read. */
static void note_warning(Session *s) {
        if (s->link == SESSION_LINK_DISCONNECTED)
                s->notice = SESSION_NOTICE_MISSED;
        else if (s->notice == SESSION_NOTICE_NONE)
                s->notice = SESSION_NOTICE_SHOWN;
}

/* Warns of the end in one condition. Returns true if the session is to be ended now. */
static bool warn(Run *run, Session *s, SessionCondition c, const StateRule *rule) {
        usec_t due = warn_at(s, c, rule);

        if (s->warned[c] == 0) {
                StateAction action = { STATE_WARN, s->uid, s, c, rule, NULL, 0 };

                if (due > run->now) {
                        look_again(run, due);
                        return false;
                }
                s->warned[c] = run->now;
                action.ends = end_at(s, c, rule);
                if (act(run, &action) < 0) {
                        s->warned[c] = 0;
                        look_again(run, later(run->now, STATES_RETRY));
                        return false;
                }
                note_warning(s);
                run->sessions->changed = true;
        }
        due = end_at(s, c, rule);
        look_again(run, due);
        return due <= run->now;
}

/* What leads to a rung. */
static const StateActionKind ladder[_SESSION_RUNG_MAX] = {
        [SESSION_RUNG_ASKED] = STATE_ASK,
        [SESSION_RUNG_TERMINATED] = STATE_TERMINATE,
        [SESSION_RUNG_KILLED] = STATE_KILL,
        [SESSION_RUNG_STUCK] = STATE_STUCK,
};

/* Nobody is left whom that rung could ask: the leader has gone, or the session. */
static bool is_gone(int r) {
        return r == -ESRCH || r == -ENXIO || r == -ENOENT;
}

static void take_rung(Sessions *sessions, Session *s, SessionRung rung, int r, usec_t now) {
        s->taking = SESSION_RUNG_NONE;
        if (r < 0 && !is_gone(r)) {
                s->rung_retry = later(now, r == -EBUSY ? STATES_RETRY_RUNG : STATES_RETRY);
                return;
        }
        s->rung_retry = 0;
        s->rung = rung;
        s->rung_at = now;
        sessions->changed = true;
}

void states_rung_ended(Sessions *sessions, Session *s, SessionRung rung, int r, usec_t now) {
        if (s->taking == rung)
                take_rung(sessions, s, rung, r, now);
}

/* The next rung, if the one before has had its time. One that could not be done is not left for the
 * next: nobody is killed who was never asked. */
static void climb(Run *run, Session *s, SessionCondition c, const StateRule *rule) {
        SessionRung next = session_rung_next(s->rung);
        const StateAction action = { ladder[next], s->uid, s, c, rule, NULL, 0 };
        usec_t due = s->rung == SESSION_RUNG_NONE ? 0 : later(s->rung_at, STATES_GRACE);
        int r;

        if (s->rung == SESSION_RUNG_STUCK)
                return;
        due = MAX_OF(due, s->rung_retry);
        if (due > run->now) {
                look_again(run, due);
                return;
        }
        s->rung_for = c;
        r = act(run, &action);
        if (r == -EINPROGRESS) {
                s->taking = next;
                s->rung_retry = later(run->now, STATES_RETRY);
        } else {
                take_rung(run->sessions, s, next, r, run->now);
        }
        look_again(run, s->rung_retry);
        if (s->rung_retry == 0 && s->rung != SESSION_RUNG_STUCK)
                look_again(run, later(run->now, STATES_GRACE));
}

static void come_down(Run *run, Session *s) {
        if (s->rung != SESSION_RUNG_NONE)
                run->sessions->changed = true;
        s->rung = s->taking = SESSION_RUNG_NONE;
        s->rung_at = s->rung_retry = 0;
}

/* The ladder follows the condition that began it, or that is due first. */
static void end(Run *run, Session *s) {
        const StateRules *rules = rules_of(s);
        SessionCondition due = _SESSION_CONDITION_INVALID;

        for (SessionCondition c = 0; c < _SESSION_CONDITION_MAX && rules; c++) {
                const StateRule *rule = &rules->when[c];

                if (s->since[c] == 0 || rule->end_after == USEC_INFINITY || !warn(run, s, c, rule))
                        continue;
                if (due < 0 || c == s->rung_for)
                        due = c;
        }
        /* What SIGTERM has made of a desktop without a leader is a session that is closing, and may
         * be none of what is due any more; what is left of it does not go by itself. */
        if (due < 0 && rules && s->closing && s->rung >= SESSION_RUNG_TERMINATED)
                due = s->rung_for;
        if (due >= 0)
                climb(run, s, due, &rules->when[due]);
        else
                come_down(run, s);
}

/* Warnings without an end: told once, and that is all. */
static void warn_only(Run *run, Session *s) {
        const StateRules *rules = rules_of(s);

        for (SessionCondition c = 0; c < _SESSION_CONDITION_MAX && rules; c++) {
                const StateRule *rule = &rules->when[c];
                const StateAction action = { STATE_WARN, s->uid, s, c, rule, NULL, USEC_INFINITY };
                usec_t due;

                if (s->since[c] == 0 || rule->warn_after == USEC_INFINITY ||
                    rule->end_after != USEC_INFINITY || s->warned[c] != 0)
                        continue;
                due = later(counts_since(s, c), rule->warn_after);
                look_again(run, due);
                if (due > run->now || act(run, &action) < 0)
                        continue;
                s->warned[c] = run->now;
                note_warning(s);
                run->sessions->changed = true;
        }
}

/* A warning is over when nothing that was warned of holds any more: a screen that was locked when
 * its viewer went is locked still when they are back, and may be for too long. */
static bool is_warned(const Session *s) {
        for (SessionCondition c = 0; c < _SESSION_CONDITION_MAX; c++)
                if (s->warned[c] != 0)
                        return true;
        return s->link == SESSION_LINK_DISCONNECTED;
}

static void welcome(Run *run, Session *s) {
        const StateAction action = {
                .kind = STATE_WELCOME,
                .uid = s->uid,
                .session = s,
                .condition = s->notice == SESSION_NOTICE_MISSED ? SESSION_DISCONNECTED
                                                                : _SESSION_CONDITION_INVALID,
        };

        if (s->notice == SESSION_NOTICE_NONE || is_warned(s))
                return;
        (void) act(run, &action); /* told or not, it is over */
        s->notice = SESSION_NOTICE_NONE;
        run->sessions->changed = true;
}

static int compare(const void *a, const void *b) {
        const Session *x = *(Session *const *) a, *y = *(Session *const *) b;

        return x->uid < y->uid ? -1 : x->uid > y->uid ? 1 : strcmp(x->id, y->id);
}

/* The sessions of one user, which stand side by side. Returns how many there are. */
static int run_user(Run *run, Session **s, size_t n, size_t *ret_used) {
        Wanted wanted = {}, one;
        StateUser *user;
        size_t i;
        int r;

        r = get_user(run->states, s[0]->uid, &user);
        if (r < 0)
                return r;
        user->visits = 0;
        for (i = 0; i < n && s[i]->uid == user->uid; i++) {
                if (!counts(s[i]))
                        continue;
                wanted_of(run, s[i], &one);
                if (user->visits++ == 0) {
                        wanted = one;
                        continue;
                }
                loosen(&wanted.limits, &one.limits);
                if (!limits_is_empty(&one.limits)) {
                        wanted.session = one.session;
                        wanted.condition = one.condition;
                }
        }
        settle(run, user, &wanted);
        for (size_t k = 0; k < i; k++) {
                if (!s[k]->present)
                        continue;
                welcome(run, s[k]);
                warn_only(run, s[k]);
                end(run, s[k]);
        }
        *ret_used = i;
        return 0;
}

/* Users who have no session any more. What is left of them is let go, and forgotten when it no
 * longer matters. `sorted` are all sessions, by user. */
static void run_absent(Run *run, Session *const *sorted, size_t n) {
        const Wanted none = {};
        States *st = run->states;
        size_t at = 0, kept = 0;

        for (size_t i = 0; i < st->n; i++) {
                StateUser *user = &st->users[i];
                bool old;

                while (at < n && sorted[at]->uid < user->uid)
                        at++;
                if (at < n && sorted[at]->uid == user->uid) {
                        st->users[kept++] = *user;
                        continue;
                }
                settle(run, user, &none);
                old = user->changed == 0 || later(user->changed, STATES_SETTLE) <= run->now;
                if (!old)
                        look_again(run, later(user->changed, STATES_SETTLE));
                if (!old || !limits_is_empty(&user->limits))
                        st->users[kept++] = *user;
        }
        st->n = kept;
}

int states_run(States *st, Sessions *sessions, usec_t now, StateHandler handler, void *userdata,
               usec_t *ret_next) {
        Run run = { st, sessions, now, USEC_INFINITY, handler, userdata };
        _cleanup_free_ Session **sorted = calloc(sessions->n + 1, sizeof(Session *));
        size_t used;
        int r;

        if (!sorted)
                return -ENOMEM;
        if (sessions->n > 0)
                memcpy(sorted, sessions->all, sessions->n * sizeof(Session *));
        qsort(sorted, sessions->n, sizeof(Session *), compare);
        for (size_t i = 0; i < sessions->n; i += used) {
                r = run_user(&run, sorted + i, sessions->n - i, &used);
                if (r < 0)
                        return r;
        }
        run_absent(&run, sorted, sessions->n);
        *ret_next = run.next;
        return 0;
}
