/* SPDX-License-Identifier: MIT */
/* What every verb works with: the arguments, the host, the ledger, the caller. */
#pragma once

#include "backend/backend.h"
#include "backend/ledger.h"
#include "backend/notify.h"
#include "options.h"

struct Context {
        Arguments args;
        BackendOptions backend_options;
        char *program;    /* full path of this program */
        Backend *backend; /* NULL where no backend can work: "leash doctor" alone goes on then */
        Ledger *ledger;   /* NULL where there is none, or the caller may not read it */
        CallerFacts caller;
        uid_t invoker; /* the user behind pkexec, or (uid_t) -1; see context_is_restricted() */
        struct json_object *json; /* what --json has gathered so far, or NULL */
        char *by;                 /* who is doing this, for the ledger: the login's user */
        Record **settled; /* what the ledger held when it was looked at, all in order; or NULL */
        size_t n_settled;
};

/* Where this program is, as a new string; NULL if /proc does not tell. */
char *context_own_path(void);

/* Looks at the host and the caller. Prints what is wrong. */
Exit context_open(Context *c);
/* What logins had to leave undone while this leash held their records; see defaults_catch_up(). */
void context_catch_up(Context *c);
void context_done(Context *c);

/* Takes a record's lock, as ledger_lock_in_turn() does; one that a stopped process holds is not
 * waited for so long. Returns 0; -EBUSY; -errno. */
int context_lock(Context *c, const char *target, LedgerLock **ret);

/* What stands in the way of a change, for people: who has the record, for -EBUSY; or the error. */
const char *context_explain(Context *c, const char *target, int error,
                            char buf[static LEDGER_HOLDER_TEXT_MAX]);

/* Opens the ledger for changing it, and first finishes what an interrupted leash left behind. */
Exit context_open_ledger(Context *c);

/* Opens the ledger for reading, if there is one and the caller may. As root, also finishes what an
 * interrupted leash left behind. */
Exit context_look_at_ledger(Context *c);

/* Reads the leashes in force: from the ledger, the first time as context_look_at_ledger() has found
 * it, or for others than root what our drop-ins tell. The caller frees with ledger_free_records().
 * Returns 0 or -errno. */
int context_read_records(Context *c, Record ***ret, size_t *ret_n, size_t *ret_damaged);

/* True for a caller that polkit let in: capping and releasing of ordinary users alone. */
static inline bool context_is_restricted(const Context *c) {
        return c->invoker != (uid_t) -1;
}

/* A process that an operand names, pinned. */
typedef struct Resolved {
        int pidfd;
        ProcessFacts facts;
        Plan plan;
        PlanRefusal refusal;
} Resolved;

#define RESOLVED_NULL ((Resolved){ .pidfd = -EBADF })
void resolved_done(Resolved *r);

/* Reads an operand and finds out about the process. Prints what is wrong: not a number
 * (EXIT_USAGE), no such process (EXIT_NO_PROCESS). A refusal is in ret->refusal, not yet told. */
Exit context_resolve(Context *c, const char *operand, Resolved *ret);

/* Prints why a process is not to be limited. Returns EXIT_REFUSED. */
Exit context_refuse(Context *c, const Resolved *r);

/* The user of -u or -s, checked by plan_owner(). Prints what is wrong. ret_session is empty for -u.
 * A user who is not logged in is found, too: a leash may outlast a login. */
Exit context_named_owner(Context *c, uid_t *ret_uid, char ret_session[PLACEMENT_NAME_MAX]);

/* Shows a notice to a user who may have a desktop, besides what their terminals get. PID 1 is
 * waited for, so that notices come in the order of what they tell; so whoever ran leash is told
 * before. Nothing depends on it. */
void context_tell_desktop(const Context *c, const DesktopNotice *notice);

/* The name of the record for a target; root is the process for TARGET_TREE. */
void context_target(TargetScope scope, uid_t uid, const char *session, pid_t root,
                    char ret[PLACEMENT_NAME_MAX]);
