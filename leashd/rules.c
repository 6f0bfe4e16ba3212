/* SPDX-License-Identifier: MIT */
/* The policy as the models want it.
 *
 * Most sessions have the same rules, so equal ones are kept once. Users are remembered, since
 * asking NSS for somebody's groups may take long; what is remembered goes with the next reload.
 *
 * What is not known is not held against anybody: while NSS cannot say who a user is, or which
 * groups they have, they may be exempt, and nothing applies to them. That is remembered for
 * RULES_UNSURE. An NSS that fails may take its time over it: then nobody is asked for for ten times
 * as long, so that no more than a tenth of the daemon's time goes there. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/array.h"
#include "core/plan.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/machine.h"
#include "os/policyfile.h"
#include "os/user.h"
#include "rules.h"

#define USERS_MAX RUNAWAYS_MAX

#define PAUSE_FROM (50 * USEC_PER_MSEC)
#define PAUSE_MAX (300 * USEC_PER_SEC)
#define PAUSE_SHARE 10

/* A user of whom NSS could not tell. */
typedef struct Unsure {
        uid_t uid;
        usec_t until; /* CLOCK_BOOTTIME: not asked for before this */
} Unsure;

struct Rules {
        Policy *policy;
        PolicyDaemon daemon;
        char host[MACHINE_NAME_MAX];
        uid_t uid_min;
        StateRules **states;
        size_t n_states;
        UserRules **users; /* by uid, ascending */
        size_t n_users;
        Unsure *unsure;
        size_t n_unsure, allocated_unsure;
        usec_t pause; /* CLOCK_BOOTTIME: until then nobody is asked for */
};

Rules *rules_free(Rules *r) {
        if (!r)
                return NULL;
        for (size_t i = 0; i < r->n_states; i++)
                free(r->states[i]);
        for (size_t i = 0; i < r->n_users; i++)
                free(r->users[i]);
        free(r->states);
        free(r->users);
        free(r->unsure);
        policy_free(r->policy);
        free(r);
        return NULL;
}

int rules_load(const char *root, uid_t uid_min, void (*report)(const PolicyError *error),
               Rules **ret) {
        _cleanup_(rules_freep) Rules *rules = calloc(1, sizeof(Rules));
        _cleanup_free_ char *path = file_path("%s" POLICYFILE_PATH, root);
        const PolicyError *errors;
        size_t n, total;
        LimitsHost host;
        int r;

        if (!rules || !path)
                return -ENOMEM;
        rules->uid_min = uid_min;
        (void) machine_name(rules->host);
        machine_describe(&host);
        r = policyfile_load(path, &host, &rules->policy);
        if (r < 0)
                return r;
        errors = policy_errors(rules->policy, &n, &total);
        for (size_t i = 0; i < n; i++)
                report(&errors[i]);
        (void) policy_daemon(rules->policy, rules->host, &rules->daemon);
        *ret = TAKE_PTR(rules);
        return 0;
}

const PolicyDaemon *rules_daemon(const Rules *r) {
        return &r->daemon;
}

bool rules_are_unread(const Rules *r) {
        return policy_is_unread(r->policy);
}

/* What NSS knows of a user, as far as the policy asks for it. Somebody whom it does not know has a
 * number for a name and no groups; but where the policy goes by names or groups that is no answer:
 * they are here, and a service that is out of order has them for unknown, too. */
static int ask(const Rules *r, uid_t uid, UserInfo *ret) {
        bool groups = policy_wants_groups(r->policy);
        int k;

        k = user_info_by_uid(uid, ret);
        if (k == -ESRCH && !groups && !policy_wants_names(r->policy)) {
                *ret = (UserInfo){ .name = file_path("%u", (unsigned) uid), .uid = uid };
                return ret->name ? 0 : -ENOMEM;
        }
        if (k >= 0 && groups)
                k = user_info_groups(ret);
        return k < 0 ? k : ret->groups_unsure ? -EIO : 0;
}

/* Those whose time is up go, too. */
static bool is_unsure(Rules *r, uid_t uid, usec_t now) {
        bool found = false;
        size_t kept = 0;

        for (size_t i = 0; i < r->n_unsure; i++) {
                if (r->unsure[i].until <= now)
                        continue;
                found |= r->unsure[i].uid == uid;
                r->unsure[kept++] = r->unsure[i];
        }
        r->n_unsure = kept;
        return found;
}

static void note_unsure(Rules *r, uid_t uid, usec_t began) {
        usec_t now = clock_boottime();

        if (now - began >= PAUSE_FROM)
                r->pause = now + MIN_OF((now - began) * PAUSE_SHARE, PAUSE_MAX);
        /* Without a place for it this is all that there is. */
        if (ARRAY_GROW(r->unsure, &r->allocated_unsure, r->n_unsure, USERS_MAX) >= 0)
                r->unsure[r->n_unsure++] = (Unsure){ uid, now + RULES_UNSURE };
}

/* Returns true if all is known that is needed, and then *ret is to be freed. */
static bool find_user(Rules *r, uid_t uid, UserInfo *ret) {
        _cleanup_(user_info_done) UserInfo u = {};
        usec_t now = clock_boottime();

        if (policy_is_unread(r->policy) || is_unsure(r, uid, now) || now < r->pause)
                return false;
        if (ask(r, uid, &u) < 0) {
                note_unsure(r, uid, now);
                return false;
        }
        *ret = u;
        u = (UserInfo){};
        return true;
}

static PolicyFacts facts_of(const Rules *r, uid_t uid, const UserInfo *u) {
        return (PolicyFacts){
                .user = u->name,
                .uid = uid,
                .uid_min = r->uid_min,
                .groups = (const char *const *) u->groups,
                .n_groups = u->n_groups,
                .host = r->host,
        };
}

static void put_source(const PolicySource *source, char *buf, size_t size) {
        if (source)
                (void) snprintf(buf, size, "%s:%u", source->file, source->line);
        else
                buf[0] = '\0';
}

/* Of a rule of several keys the one that was said last. */
static void put_origin(const PolicySource from[], size_t n, char *buf, size_t size) {
        put_source(policy_last_said(from, n), buf, size);
}

/* SESSION_SURPLUS has rules of its own kind. */
static const PolicyWhen whens[_SESSION_CONDITION_MAX] = {
        [SESSION_DISCONNECTED] = POLICY_DISCONNECTED,
        [SESSION_LOCKED] = POLICY_LOCKED,
        [SESSION_IDLE] = POLICY_IDLE,
        [SESSION_CLOSING] = POLICY_CLOSING,
};

/* The rest of the policy's pools, more than PLACE_POOLS_MAX that match one session, is not looked
 * at. Who is exempt takes a place all the same, and is told what applies. */
static void fill_places(const Rules *r, const PolicyFacts *facts, StateRules *ret) {
        StateRule *surplus = &ret->when[SESSION_SURPLUS];
        bool makes_room = !ret->exempt;
        PolicyPool pools[PLACE_POOLS_MAX];
        PolicyXrdp x;

        if (!policy_xrdp(r->policy, facts, &x))
                return;
        ret->places = (PlaceRules){
                .max_per_user = x.max_sessions_per_user,
                .n_pools = (unsigned) policy_xrdp_pools(r->policy, facts, pools, PLACE_POOLS_MAX),
                .evict = makes_room && x.when_full == POLICY_WHEN_FULL_EVICT,
                .end_duplicates = makes_room && x.duplicates == POLICY_LEFTOVER_END,
                .end_orphans = makes_room && x.orphans == POLICY_LEFTOVER_END,
                .greet = x.greet,
        };
        for (unsigned i = 0; i < ret->places.n_pools; i++)
                ret->places.pools[i] = (PlacePool){ pools[i].section, pools[i].max };
        surplus->warn_after = 0;
        surplus->end_after = x.warn;
        put_origin(x.from, POLICY_KEYS_MAX, surplus->origin, sizeof(surplus->origin));
}

/* The rules are zeroed before, padding and all: they are compared as bytes. */
static void fill_states(const Rules *r, const PolicyFacts *facts, StateRules *ret) {
        ret->exempt = policy_is_exempt(r->policy, facts, NULL);
        for (SessionCondition c = 0; c < _SESSION_CONDITION_MAX; c++) {
                StateRule *rule = &ret->when[c];
                PolicyState state;

                rule->after = rule->warn_after = rule->end_after = USEC_INFINITY;
                if (c == SESSION_SURPLUS || !policy_state(r->policy, facts, whens[c], &state))
                        continue;
                rule->after = state.after;
                rule->warn_after = state.warn_after;
                rule->end_after = state.end_after;
                for (Limit i = 0; i < _LIMIT_MAX; i++)
                        if (limits_has(&state.squeeze, i))
                                limits_copy_one(&rule->limits, &state.squeeze, i);
                /* Limits come first among the keys. */
                put_origin(state.from,
                           limits_is_empty(&rule->limits) ? POLICY_KEYS_MAX : _LIMIT_MAX,
                           rule->origin, sizeof(rule->origin));
                put_source(policy_said(POLICY_STATE, state.from, "end-after")
                                   ?: policy_said(POLICY_STATE, state.from, "warn-after"),
                           rule->end_origin, sizeof(rule->end_origin));
        }
}

/* leash-lock ends a session that is locked for too long; where it does not, since it was killed or
 * another locker set the hint, leashd does so, from here on. */
#define LOCK_LATER (15 * USEC_PER_SEC)
#define LOCK_END (LOCK_LATER + STATES_NOTICE)

/* Nothing applies, and no place is taken. */
static void fill_nothing(const Rules *r, StateRules *ret) {
        ret->exempt = true;
        ret->unsure = !policy_is_unread(r->policy); /* which changes with the next reload alone */
        for (SessionCondition c = 0; c < _SESSION_CONDITION_MAX; c++) {
                StateRule *rule = &ret->when[c];

                rule->after = rule->warn_after = rule->end_after = USEC_INFINITY;
        }
}

static void fill_lock(const Rules *r, const PolicyFacts *facts, StateRules *ret) {
        StateRule *locked = &ret->when[SESSION_LOCKED];
        PolicyLock lock;

        if (!policy_lock(r->policy, facts, &lock))
                return;
        /* leash-lock is for X11; compositors of Wayland lock by themselves. */
        ret->lock = facts->type && strcmp(facts->type, "x11") == 0 &&
                    (lock.idle != USEC_INFINITY || lock.on_disconnect == POLICY_ON_DISCONNECT_LOCK);
        if (ret->lock)
                put_origin(lock.from, POLICY_KEYS_MAX, ret->lock_origin, sizeof(ret->lock_origin));
        if (locked->end_after < LOCK_END || lock.logout_after >= locked->end_after - LOCK_END)
                return;
        locked->warn_after = MIN_OF(locked->warn_after, lock.logout_after + LOCK_LATER);
        locked->end_after = lock.logout_after + LOCK_END;
        put_source(policy_said(POLICY_LOCK, lock.from, "logout-after"), locked->end_origin,
                   sizeof(locked->end_origin));
        ret->exempt = false; /* who is exempt from states has no other rules */
}

/* Hands over to the one that is equal, if there is one. */
static int intern(Rules *r, StateRules **rules, const StateRules **ret) {
        StateRules **states;

        for (size_t i = 0; i < r->n_states; i++)
                if (memcmp(r->states[i], *rules, sizeof(StateRules)) == 0) {
                        *ret = r->states[i];
                        return 0;
                }
        states = reallocarray(r->states, r->n_states + 1, sizeof(StateRules *));
        if (!states)
                return -ENOMEM;
        r->states = states;
        *ret = r->states[r->n_states++] = TAKE_PTR(*rules);
        return 0;
}

int rules_for_session(Rules *r, const LogindSession *s, const StateRules **ret) {
        _cleanup_free_ StateRules *rules = calloc(1, sizeof(StateRules));
        _cleanup_(user_info_done) UserInfo user = {};
        PolicyFacts facts;

        if (!rules)
                return -ENOMEM;
        if (!find_user(r, s->facts.uid, &user)) {
                fill_nothing(r, rules);
                return intern(r, &rules, ret);
        }
        facts = facts_of(r, s->facts.uid, &user);
        facts.service = s->facts.service;
        facts.class = s->class;
        facts.type = s->type;
        facts.remote = s->remote;
        fill_states(r, &facts, rules);
        fill_places(r, &facts, rules);
        fill_lock(r, &facts, rules); /* last: its end is for the exempt as well */
        return intern(r, &rules, ret);
}

static void fill_runaway(const PolicyRunaway *p, unsigned pressure, RunawayRule *ret) {
        *ret = (RunawayRule){
                .pressure = pressure,
                .share = p->share,
                .window = p->window,
                .forget = p->forget,
                .n_steps = MIN_OF(p->steps.n, (size_t) RUNAWAY_STEPS_MAX),
        };
        for (size_t i = 0; i < ret->n_steps; i++)
                ret->steps[i] = (RunawayStep){ p->steps.step[i].quota, p->steps.step[i].duration };
        put_origin(p->from, POLICY_KEYS_MAX, ret->origin, sizeof(ret->origin));
}

static size_t position(const Rules *r, uid_t uid) {
        size_t low = 0, high = r->n_users;

        while (low < high) {
                size_t middle = (low + high) / 2;

                if (r->users[middle]->uid < uid)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static void fill_user(const Rules *r, uid_t uid, const UserInfo *user, UserRules *ret) {
        PolicyFacts facts = facts_of(r, uid, user);
        PolicyRunaway runaway;

        ret->uid = uid;
        ret->exempt = policy_is_exempt(r->policy, &facts, NULL);
        if (ret->exempt || !policy_runaway(r->policy, &facts, &runaway))
                return;
        ret->exempt_command = runaway.exempt_command;
        fill_runaway(&runaway, runaway.pressure, &ret->cpu);
        if (runaway.memory_pressure > 0)
                fill_runaway(&runaway, runaway.memory_pressure, &ret->memory);
}

int rules_make_room(Rules *r, size_t n) {
        if (n > USERS_MAX)
                return -ENOBUFS;
        if (r->n_users + n <= USERS_MAX)
                return 0;
        for (size_t i = 0; i < r->n_users; i++)
                free(r->users[i]);
        r->n_users = 0;
        return 0;
}

int rules_for_user(Rules *r, uid_t uid, const UserRules **ret) {
        static const UserRules unread = { .uid = (uid_t) -1, .exempt = true },
                               unsure = { .uid = (uid_t) -1, .exempt = true, .unsure = true };
        _cleanup_(user_info_done) UserInfo user = {};
        size_t at = position(r, uid);
        UserRules **users, *new;

        if (at < r->n_users && r->users[at]->uid == uid) {
                *ret = r->users[at];
                return 0;
        }
        if (r->n_users == USERS_MAX)
                return -ENOBUFS;
        if (!find_user(r, uid, &user)) {
                *ret = policy_is_unread(r->policy) ? &unread : &unsure;
                return 0;
        }
        users = reallocarray(r->users, r->n_users + 1, sizeof(UserRules *));
        if (!users)
                return -ENOMEM;
        r->users = users;
        new = calloc(1, sizeof(UserRules));
        if (!new)
                return -ENOMEM;
        fill_user(r, uid, &user, new);
        memmove(users + at + 1, users + at, (r->n_users - at) * sizeof(UserRules *));
        users[at] = new;
        r->n_users++;
        *ret = new;
        return 0;
}
