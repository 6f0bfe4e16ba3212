/* SPDX-License-Identifier: MIT */
/* leash release: give back exactly what was there before. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "backend/defaults.h"
#include "backend/dropin.h"
#include "backend/journal.h"
#include "backend/layer.h"
#include "backend/notify.h"
#include "core/parse.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/output.h"
#include "verbs.h"

static void tell_user(Context *c, const Record *record) {
        if (c->args.no_notify)
                return;
        (void) notify_terminals(c->backend_options.root, record->uid,
                                "\r\n[leash] Your session is no longer limited by an admin.\r\n");
        context_tell_desktop(c, &(DesktopNotice){ .uid = record->uid,
                                                  .tag = NOTIFY_LIMITS,
                                                  .summary = "Your session is no longer limited" });
}

/* What gives back is what has taken. Sets *ret_other if that is not the one in use: the caller
 * frees it. */
static Exit choose_backend(Context *c, const Record *record, Backend **ret_other) {
        BackendOptions options = c->backend_options;
        int r;

        if (!backend_is_other(c->backend, record))
                return EXIT_DONE;
        options.name = record->backend;
        r = backend_open(&options, ret_other);
        if (r >= 0)
                return EXIT_DONE;
        output_error(
                "%s: leashed by the backend '%s', which does not work here now: %s; release it "
                "where it does",
                record->user, record->backend,
                r == -EINVAL ? "this leash does not know it" : strerror(-r));
        return EXIT_FAILED;
}

/* Under the record's lock: drops the admin's layer, and a penalty, which is an admin's to end. Lets
 * go of the lock as soon as that is done: a terminal may take its time. */
static Exit release_locked(Context *c, Record *record, LedgerLock **lock) {
        _cleanup_(backend_freep) Backend *other = NULL;
        RecordLayer was = record->layers[LAYER_MANUAL];
        Backend *backend;
        Enforcement e;
        bool stays;
        int r;

        if (choose_backend(c, record, &other) != EXIT_DONE)
                return EXIT_FAILED;
        backend = other ?: c->backend;
        record->layers[LAYER_MANUAL] = (RecordLayer){ .until = USEC_INFINITY };
        record_clear_layer(record, LAYER_RUNAWAY);
        /* What the policy wants is set anew by the backend that is in use. */
        if (other || backend_login_is_over(backend, c->ledger, record, NULL))
                for (Layer i = 0; i < LAYER_MANUAL; i++)
                        record_clear_layer(record, i);
        record_settle_place(record);
        r = backend_converge(backend, c->ledger, record, &e);
        stays = record_top_layer(record) >= 0;
        record->layers[LAYER_MANUAL] = was; /* for the log; the record is not written again */
        if (r < 0) {
                output_error("%s: cannot give back what was before: %s; the next leash tries again",
                             record->user, strerror(-r));
                return EXIT_FAILED;
        }
        journal_send(JOURNAL_RELEASED, record, c->by);
        *lock = ledger_unlock(*lock);
        output_line("%s: released%s", record->user, stays ? ", the limits of the policy stay" : "");
        tell_user(c, record);
        return EXIT_DONE;
}

static bool is_refused(const Context *c, uid_t uid, const char *target) {
        if (!context_is_restricted(c) || (uid >= c->caller.uid_min && uid != c->invoker))
                return false;
        output_error("%s: only root may release this; use sudo", target);
        return true;
}

static Exit release_target(Context *c, const char *target) {
        _cleanup_(ledger_unlockp) LedgerLock *lock = NULL;
        _cleanup_(record_freep) Record *record = NULL;
        char why[LEDGER_HOLDER_TEXT_MAX];
        int r;

        r = context_lock(c, target, &lock);
        if (r >= 0)
                r = ledger_read(c->ledger, target, &record);
        if (r == -ENOENT) /* somebody else was faster */
                return EXIT_DONE;
        if (r == -EBADMSG) {
                output_error(
                        "%s: the record was damaged and is kept as /run/leash/%s.damaged; what was before "
                        "the leash is lost, see 'leash doctor'",
                        target, target);
                return EXIT_FAILED;
        }
        if (r < 0) {
                output_error("%s: %s", target, context_explain(c, target, r, why));
                return EXIT_FAILED;
        }
        if (is_refused(c, record->uid, target))
                return EXIT_REFUSED;
        if (limits_is_empty(&record->layers[LAYER_MANUAL].limits) &&
            limits_is_empty(&record->layers[LAYER_RUNAWAY].limits) && !record->dirty &&
            !backend_is_other(c->backend, record))
                return EXIT_DONE; /* the policy's limits are not an admin's to take away here */
        if (c->args.dry_run) {
                output_line("%s: would be released", target);
                return EXIT_DONE;
        }
        return release_locked(c, record, &lock);
}

static bool any_user(const Record *record _unused_, const void *userdata _unused_) {
        return true;
}

static bool of_user(const Record *record, const void *uid) {
        return record->uid == *(const uid_t *) uid;
}

typedef struct SessionMatch {
        uid_t uid;
        char target[PLACEMENT_NAME_MAX];
} SessionMatch;

/* What holds a session: its own leash and its user's, not those of the user's other sessions. */
static bool of_session(const Record *record, const void *userdata) {
        const SessionMatch *m = userdata;

        return record->uid == m->uid &&
               (record->scope == TARGET_USER || strcmp(record->target, m->target) == 0);
}

/* Releases every record that matches. *ret_n counts them. */
static Exit release_matching(Context *c, bool (*match)(const Record *, const void *),
                             const void *userdata, size_t *ret_n) {
        Record **records;
        size_t n, damaged;
        Exit worst = EXIT_DONE;
        int r;

        *ret_n = 0;
        r = ledger_read_all(c->ledger, &records, &n, &damaged);
        if (r < 0) {
                output_error("cannot read the ledger: %s", strerror(-r));
                return EXIT_FAILED;
        }
        for (size_t i = 0; i < n; i++) {
                if (!match(records[i], userdata))
                        continue;
                (*ret_n)++;
                worst = exit_worse(worst, release_target(c, records[i]->target));
        }
        ledger_free_records(records, n);
        return worst;
}

static bool exists(Context *c, const char *target) {
        Record *record;
        bool found = ledger_read(c->ledger, target, &record) >= 0;

        if (found)
                record_free(record);
        return found;
}

/* A process may be under several leashes: its tree's, its session's, its user's. All are meant. */
static Exit release_process(Context *c, const char *operand) {
        _cleanup_(resolved_done) Resolved found = RESOLVED_NULL;
        char targets[3][PLACEMENT_NAME_MAX];
        Exit worst;
        size_t n = 0;

        worst = context_resolve(c, operand, &found);
        if (worst != EXIT_DONE)
                return worst;
        if (found.plan.owner == (uid_t) -1)
                return context_refuse(c, &found);
        context_target(TARGET_USER, found.plan.owner, "", 0, targets[0]);
        context_target(TARGET_SESSION, found.plan.owner, found.facts.placement.session, 0,
                       targets[1]);
        (void) strcpy(targets[2], found.facts.placement.unit);
        for (size_t i = 0; i < ELEMENTSOF(targets); i++) {
                if (targets[i][0] == '\0' || (i == 2 && strcmp(targets[1], targets[2]) == 0) ||
                    !exists(c, targets[i]))
                        continue;
                n++;
                worst = exit_worse(worst, release_target(c, targets[i]));
        }
        if (n == 0)
                output_line("%s (%s): not leashed", operand, found.facts.comm);
        return worst;
}

/* The drop-in of a user's without a record, as a record without a layer: *ret is NULL if there is
 * none, *ret_which what it limits. */
static int read_orphan(Context *c, uid_t uid, Record **ret, uint32_t *ret_which) {
        Record **found = NULL;
        size_t n = 0;
        int r;

        *ret = NULL;
        r = dropin_read_public(c->backend_options.root, &found, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n && !*ret; i++) {
                Limits limits;

                if (found[i]->uid != uid)
                        continue;
                record_effective(found[i], &limits, NULL);
                *ret_which = limits.set;
                *ret = record_new(found[i]->target, TARGET_USER, uid, c->args.user ?: "");
                r = *ret ? 0 : -ENOMEM;
        }
        ledger_free_records(found, n);
        return r;
}

/* Under the lock: takes it away if there is no record by now. Returns 1; 0 if there is one. */
static int forget_orphan(Context *c, Record *orphan, uint32_t which) {
        _cleanup_(ledger_unlockp) LedgerLock *lock = NULL;
        _cleanup_(record_freep) Record *record = NULL;
        Enforcement e;
        int r;

        r = context_lock(c, orphan->target, &lock);
        if (r < 0)
                return r;
        r = ledger_read(c->ledger, orphan->target, &record);
        if (r >= 0) /* a login or another leash was faster, and the drop-in is its */
                return 0;
        if (r == -ENOENT || r == -EBADMSG)
                r = c->backend->ops->note_base(c->backend, orphan, which);
        if (r >= 0)
                r = backend_converge(c->backend, c->ledger, orphan, &e);
        return r < 0 ? r : 1;
}

/* A drop-in of ours without a record: somebody has deleted /run/leash. What was before is lost; the
 * admin's files tell what is to be, and a record whose base cannot be trusted has them read again.
 */
static Exit release_orphan(Context *c, uid_t uid, size_t *ret_n) {
        _cleanup_(record_freep) Record *orphan = NULL;
        char why[LEDGER_HOLDER_TEXT_MAX];
        uint32_t which = 0;
        int r;

        r = read_orphan(c, uid, &orphan, &which);
        *ret_n = orphan != NULL;
        if (r >= 0 && !orphan)
                return EXIT_DONE;
        if (orphan && is_refused(c, uid, orphan->target))
                return EXIT_REFUSED;
        if (r >= 0)
                r = forget_orphan(c, orphan, which);
        if (r < 0) {
                *ret_n = 1;
                output_error("cannot take away the drop-in of a leash without a record: %s",
                             orphan ? context_explain(c, orphan->target, r, why) : strerror(-r));
                return EXIT_FAILED;
        }
        *ret_n = r;
        if (r > 0)
                output_line(
                        "%s: a leash without a record was taken away, and the unit files were read again",
                        orphan->target);
        return EXIT_DONE;
}

static Exit release_owner(Context *c) {
        char session[PLACEMENT_NAME_MAX];
        uid_t uid;
        size_t n;
        Exit e;

        e = context_named_owner(c, &uid, session);
        if (e != EXIT_DONE)
                return e;
        if (c->args.session) {
                SessionMatch match = { .uid = uid };

                context_target(TARGET_SESSION, uid, session, 0, match.target);
                e = release_matching(c, of_session, &match, &n);
        } else {
                e = release_matching(c, of_user, &uid, &n);
        }
        if (n == 0 && !c->args.dry_run && c->backend->ops->placement)
                e = release_orphan(c, uid, &n);
        if (n == 0)
                output_line("%s: not leashed", c->args.user ?: c->args.session);
        return e;
}

/* Ends the records of logins that are over. Returns how long until the last of those may end that a
 * login counted on not long ago and that have no slice now; 0 if there is none. */
static usec_t end_logins(Context *c) {
        usec_t longest = 0, wait;
        size_t n, damaged;
        Record **records;

        if (ledger_read_all(c->ledger, &records, &n, &damaged) < 0)
                return 0; /* the next leash says what is wrong */
        for (size_t i = 0; i < n; i++) {
                if (backend_login_is_over(c->backend, c->ledger, records[i], &wait))
                        (void) defaults_end(c->backend, c->ledger, records[i]->uid, 0,
                                            LAYER_LOCK_TIMEOUT); /* as above */
                longest = MAX_OF(longest, wait);
        }
        ledger_free_records(records, n);
        return longest;
}

/* For leash-gone@.service, when a user's slice has stopped. Looks at nothing else: what an
 * interrupted leash left is for the next admin's command to bring to order, and to say so. */
static Exit release_gone(Context *c) {
        int r = ledger_open(c->backend_options.root, false, &c->ledger);

        if (r < 0)
                return r == -ENOENT ? EXIT_DONE : exit_from_errno(r);
        for (int i = 0; i < 3;
             i++) { /* more logins that come to nothing have services of their own */
                usec_t wait = end_logins(c);

                if (wait == 0)
                        break;
                clock_sleep(wait + 10 * USEC_PER_MSEC);
        }
        return EXIT_DONE;
}

Exit verb_release(Context *c) {
        Exit worst;
        size_t n;

        if (c->args.gone)
                return release_gone(c);
        /* Either also ends what has expired. */
        worst = c->args.dry_run ? context_look_at_ledger(c) : context_open_ledger(c);
        if (worst != EXIT_DONE)
                return worst;
        if (!c->ledger && geteuid() != 0) {
                output_error("only root may see what there is to release; use sudo");
                return EXIT_REFUSED;
        }
        if (!c->ledger) {
                output_line("nobody is leashed");
                return EXIT_DONE;
        }
        if (c->args.expired)
                return EXIT_DONE;
        if (c->args.all) {
                worst = release_matching(c, any_user, NULL, &n);
                if (n == 0)
                        output_line("nobody is leashed");
                return worst;
        }
        if (c->args.n_operands == 0)
                return release_owner(c);
        for (size_t i = 0; i < c->args.n_operands; i++)
                worst = exit_worse(worst, release_process(c, c->args.operands[i]));
        return worst;
}
