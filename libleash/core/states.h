/* SPDX-License-Identifier: MIT */
/* What becomes of a session that was left behind: squeezed, warned of its end, ended politely; and
 * let go at once when its user comes back.
 *
 * Limits are carried by the user's slice, so a user is squeezed only if every session of theirs is
 * due for it. Of several conditions of one session the strictest limit counts; of several sessions
 * the most generous, since they share the slice, and none may suffer for another.
 *
 * No flapping: letting go is always immediate, but between a change and the next tightening at
 * least STATES_SETTLE passes. */
#pragma once

#include "core/limits.h"
#include "core/sessions.h"

#define STATE_ORIGIN_MAX 128
#define STATES_SETTLE (10 * USEC_PER_SEC)

/* How long after its beginning a session at which nobody has been yet is not taken for left: the
 * client of a remote desktop is let in when the display is up, which on a loaded host takes long,
 * and would take longer if it were squeezed meanwhile. */
#define STATES_ARRIVAL (120 * USEC_PER_SEC)

/* What a warning is worth: no session is ended sooner after it than this, or than the rule's own
 * distance between the two if that is shorter. */
#define STATES_NOTICE (60 * USEC_PER_SEC)

/* What each rung of the ladder gets to do its work. */
#define STATES_GRACE (30 * USEC_PER_SEC)

/* When a squeeze is asked for again that the handler had no time for. */
#define STATES_BUSY (50 * USEC_PER_MSEC)

/* A failed squeeze, warning or rung is tried again after this; a failed letting go sooner, and a
 * rung for which there was no room. */
#define STATES_RETRY (30 * USEC_PER_SEC)
#define STATES_RETRY_RUNG USEC_PER_SEC
#define STATES_RETRY_LIFT USEC_PER_SEC

/* What applies to one session in one condition. Times are counted from when the condition began;
 * USEC_INFINITY is never. */
typedef struct StateRule {
        usec_t after;
        usec_t warn_after, end_after;
        Limits limits;
        char origin[STATE_ORIGIN_MAX];     /* file:line; may be empty */
        char end_origin[STATE_ORIGIN_MAX]; /* of the warning and the end, if not the same */
} StateRule;

#define STATE_RULE_NULL \
 ((StateRule){ .after = USEC_INFINITY, .warn_after = USEC_INFINITY, .end_after = USEC_INFINITY })

#define PLACE_POOLS_MAX 8

/* All sessions whose rules have a pool of that number share its places. */
typedef struct PlacePool {
        unsigned number, max;
} PlacePool;

/* How many sessions there may be; see core/places.h. */
typedef struct PlaceRules {
        unsigned max_per_user; /* 0: no maximum */
        unsigned n_pools;
        PlacePool pools[PLACE_POOLS_MAX];
        bool evict, end_duplicates, end_orphans, greet;
} PlaceRules;

/* What applies to one session. Session.rules points to one, or is NULL for none. */
struct StateRules {
        bool exempt;
        bool unsure; /* whose session it is cannot be told now, so that nothing applies */
        StateRule when[_SESSION_CONDITION_MAX];
        PlaceRules places;
        bool lock; /* a lock helper is wanted; for core/guard */
        char lock_origin[STATE_ORIGIN_MAX];
};

typedef enum StateActionKind {
        STATE_SQUEEZE,   /* the user's state layer is to be these limits */
        STATE_LIFT,      /* it is to be empty */
        STATE_WARN,      /* tell the user that the session will be ended */
        STATE_WELCOME,   /* a user who was warned is back: `condition` is SESSION_DISCONNECTED if
                          * nobody was there to read the warning, else invalid */
        STATE_ASK,       /* first rung: SIGTERM to the leader */
        STATE_TERMINATE, /* second: logind ends it */
        STATE_KILL,      /* third */
        STATE_STUCK,     /* none has helped; say so */
        _STATE_ACTION_MAX,
} StateActionKind;

const char *state_action_to_string(StateActionKind kind);

typedef struct StateAction {
        StateActionKind kind;
        uid_t uid;
        Session *session; /* of those that led to it, one; NULL for STATE_LIFT */
        SessionCondition condition;
        const StateRule *rule; /* NULL for STATE_LIFT */
        const Limits *limits;  /* for STATE_SQUEEZE */
        usec_t ends;           /* for STATE_WARN: when the session will be ended */
} StateAction;

/* Does it. Returns 0; -EAGAIN to be asked again soon, for a squeeze; -ESRCH, -ENXIO, -ENOENT from a
 * rung that has nobody to ask any more, after which the next has its turn; -EBUSY from a rung while
 * too many are under way; -EINPROGRESS from one that is under way itself, whose outcome
 * states_rung_ended() tells, or which is tried again after STATES_RETRY; another negative errno
 * means that it was not done and is to be tried again later. */
typedef int (*StateHandler)(const StateAction *action, void *userdata);

typedef struct StateUser {
        uid_t uid;
        Limits limits;   /* the state layer as it was last set; empty for none */
        usec_t changed;  /* when that was; 0 for never */
        usec_t retry[2]; /* no squeezing, and no lifting, before this */
        bool yielded;    /* an admin has changed it by hand: hands off until the user is back */
        unsigned visits; /* of the run that goes on: sessions that count */
} StateUser;

typedef struct States {
        StateUser *users; /* by uid, ascending */
        size_t n, allocated;
} States;

void states_done(States *st);

/* Tells what is in force already, as the ledger has it: after a restart. Returns 0 or -ENOMEM. */
int states_adopt(States *st, uid_t uid, const Limits *limits);

/* Somebody else has changed the limits of this user: they are left alone until the user has come
 * back once. */
void states_yield(States *st, uid_t uid);

/* A rung that was under way has been taken, or could not be: as a StateHandler would have said.
 * Nothing is changed if the session is no longer to be ended. Look at all sessions after it. */
void states_rung_ended(Sessions *sessions, Session *s, SessionRung rung, int r, usec_t now);

/* Looks at all sessions and has done what is due. *ret_next is when to look again if nothing
 * happens before; USEC_INFINITY if never. Returns 0 or -ENOMEM. */
int states_run(States *st, Sessions *sessions, usec_t now, StateHandler handler, void *userdata,
               usec_t *ret_next);
