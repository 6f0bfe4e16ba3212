/* SPDX-License-Identifier: MIT */
/* The policy as the models want it.
 *
 * Most sessions have the same rules, so equal ones are kept once. Users are remembered, since
 * asking NSS for somebody's groups may take long; what is remembered goes with the next reload. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/plan.h"
#include "os/file.h"
#include "os/machine.h"
#include "os/policyfile.h"
#include "os/user.h"
#include "rules.h"

#define USERS_MAX RUNAWAYS_MAX

struct Rules {
        Policy *policy;
        PolicyDaemon daemon;
        char host[MACHINE_NAME_MAX];
        uid_t uid_min;
        StateRules **states;
        size_t n_states;
        UserRules **users; /* by uid, ascending */
        size_t n_users;
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

/* What is known of a user, for matching. Somebody whom NSS does not know has a number for a name
 * and no groups. */
static void find_user(const Rules *r, uid_t uid, UserInfo *ret) {
        _cleanup_free_ char *name = NULL;

        *ret = (UserInfo){};
        if (user_name(uid, &name) < 0 || user_info(name, ret) < 0)
                *ret = (UserInfo){ .name = TAKE_PTR(name), .uid = uid };
        else if (policy_wants_groups(r->policy))
                (void) user_info_groups(ret); /* none, then */
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

static void put_origin(const PolicySource from[], size_t n, char *buf, size_t size) {
        buf[0] = '\0';
        for (size_t i = 0; i < n; i++)
                if (from[i].file) { /* the last key that was said, since later ones win */
                        (void) snprintf(buf, size, "%s:%u", from[i].file, from[i].line);
                }
}

/* SESSION_SURPLUS has rules of its own kind. */
static const PolicyWhen whens[_SESSION_CONDITION_MAX] = {
        [SESSION_DISCONNECTED] = POLICY_DISCONNECTED,
        [SESSION_LOCKED] = POLICY_LOCKED,
        [SESSION_IDLE] = POLICY_IDLE,
        [SESSION_CLOSING] = POLICY_CLOSING,
};

/* The rest of the policy's pools, more than PLACE_POOLS_MAX that match one session, is not looked
 * at. */
static void fill_places(const Rules *r, const PolicyFacts *facts, StateRules *ret) {
        StateRule *surplus = &ret->when[SESSION_SURPLUS];
        PolicyPool pools[PLACE_POOLS_MAX];
        PolicyXrdp x;

        if (!policy_xrdp(r->policy, facts, &x))
                return;
        ret->places = (PlaceRules){
                .max_per_user = x.max_sessions_per_user,
                .n_pools = (unsigned) policy_xrdp_pools(r->policy, facts, pools, PLACE_POOLS_MAX),
                .evict = x.when_full == POLICY_WHEN_FULL_EVICT,
                .end_duplicates = x.duplicates == POLICY_LEFTOVER_END,
                .end_orphans = x.orphans == POLICY_LEFTOVER_END,
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
                put_origin(state.from, POLICY_KEYS_MAX, rule->origin, sizeof(rule->origin));
        }
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
        find_user(r, s->facts.uid, &user);
        facts = facts_of(r, s->facts.uid, &user);
        facts.service = s->facts.service;
        facts.class = s->class;
        facts.type = s->type;
        facts.remote = s->remote;
        fill_states(r, &facts, rules);
        fill_places(r, &facts, rules);
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

static void fill_user(const Rules *r, uid_t uid, UserRules *ret) {
        _cleanup_(user_info_done) UserInfo user = {};
        PolicyRunaway runaway;
        PolicyFacts facts;

        ret->uid = uid;
        find_user(r, uid, &user);
        facts = facts_of(r, uid, &user);
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
        size_t at = position(r, uid);
        UserRules **users, *new;

        if (at < r->n_users && r->users[at]->uid == uid) {
                *ret = r->users[at];
                return 0;
        }
        if (r->n_users == USERS_MAX)
                return -ENOBUFS;
        users = reallocarray(r->users, r->n_users + 1, sizeof(UserRules *));
        if (!users)
                return -ENOMEM;
        r->users = users;
        new = calloc(1, sizeof(UserRules));
        if (!new)
                return -ENOMEM;
        fill_user(r, uid, new);
        memmove(users + at + 1, users + at, (r->n_users - at) * sizeof(UserRules *));
        users[at] = new;
        r->n_users++;
        *ret = new;
        return 0;
}
